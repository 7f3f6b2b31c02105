// Follows a parcel. p-retry 7: no count, maxRetryTime ends it.
import retry, { type Options } from 'p-retry';
import { call } from './downstream.js';

const SECOND: number = 1000;

const policy: Options = {
  retries: Infinity,
  minTimeout: 2 * SECOND,
  factor: 1,
  maxRetryTime: 30 * SECOND,
};

export async function run(): Promise<unknown> {
  return retry(() => call('GET /parcels/12'), policy);
}
