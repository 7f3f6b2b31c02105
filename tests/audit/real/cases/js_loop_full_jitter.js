// Opens a stream.
import { call } from './downstream.js';

export async function run(maxAttempts = 5) {
  let attempt = 0;
  while (true) {
    try {
      return await call('OPEN /stream');
    } catch (error) {
      attempt += 1;
      if (attempt >= maxAttempts) {
        throw error;
      }
      const ceiling = Math.min(3000, 500 * Math.pow(2, attempt - 1));
      const wait = Math.random() * ceiling;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
