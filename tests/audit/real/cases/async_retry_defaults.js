// Takes a lock of a build cache. async-retry 1.3: randomized unless told otherwise.
import retry from 'async-retry';
import { call } from './downstream.js';

export async function run() {
  return retry(async (bail) => {
    const answer = await call('PUT /cache/lock');
    if (answer.status === 403) bail(new Error('forbidden'));
    return answer;
  }, { retries: 5 });
}
