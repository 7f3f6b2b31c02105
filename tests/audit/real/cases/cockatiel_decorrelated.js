// Stops a build. cockatiel 3 with its default jitter, which is Polly's.
import { ExponentialBackoff, handleAll, retry } from 'cockatiel';
import { call } from './downstream.js';

const policy = retry(handleAll, {
  maxAttempts: 5,
  backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 4000 }),
});

export const run = () => policy.execute(({ signal }) => call('DELETE /builds/4', { signal }));
