// Starts a build. cockatiel 3, its jitter switched off.
import { ExponentialBackoff, handleAll, noJitterGenerator, retry } from 'cockatiel';
import { call } from './downstream.js';

const policy = retry(handleAll, {
  maxAttempts: 4,
  backoff: new ExponentialBackoff({ initialDelay: 250, maxDelay: 1500, generator: noJitterGenerator }),
});

export const run = (): Promise<unknown> => policy.execute(() => call('POST /builds'));
