// Sends a push message. p-retry 7: randomize stretches by 1 to 2, the cap comes after it.
import pRetry, { AbortError } from 'p-retry';
import { call } from './downstream.js';

const options = {
  retries: 5,
  factor: 3,
  minTimeout: 200,
  maxTimeout: 10_000,
  randomize: true,
};

export async function run() {
  return pRetry(async () => {
    const response = await call('POST /push');
    if (response.status === 404) throw new AbortError('no such device');
    return response;
  }, options);
}
