// Fetches a timetable; the one call says otherwise than the defaults.
import { call } from './downstream.js';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function retry(fn, { retries = 3, delay = 1000 } = {}) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (attempt >= retries) throw error;
      await sleep(delay);
    }
  }
}

export const run = () => retry(() => call('GET /timetable'), { retries: 5, delay: 200 });
