// Fetches the menu.
import { call } from './downstream.js';

const MAX_RETRIES = 3;
const RETRY_DELAY_MS = 1_500;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function run() {
  for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
    try {
      return await call('GET /menu');
    } catch (error) {
      if (attempt === MAX_RETRIES) throw error;
      await sleep(RETRY_DELAY_MS);
    }
  }
}
