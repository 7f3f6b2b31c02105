// Sends the confirmation of an order. BullMQ 6: delay, twice that, four times that.
import { Queue } from 'bullmq';

const mails = new Queue('mails', { connection: { host: 'redis' } });

export async function run(order = 1) {
  await mails.add('confirmation', { order }, {
    attempts: 5,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: true,
  });
}
