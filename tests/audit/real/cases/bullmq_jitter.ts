// Makes thumbnails. BullMQ 6: jitter takes away up to its share of the delay.
import { Queue, type JobsOptions } from 'bullmq';

const defaultJobOptions: JobsOptions = {
  attempts: 4,
  backoff: { type: 'exponential', delay: 2000, jitter: 0.5 },
};

const thumbnails = new Queue('thumbnails', { connection: { host: 'redis' }, defaultJobOptions });

export async function run(): Promise<void> {
  await thumbnails.add('resize', { picture: 77 });
}
