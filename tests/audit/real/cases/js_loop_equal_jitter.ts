// Fetches an avatar: half the wait is certain, half is drawn.
import { call } from './downstream.js';

const ATTEMPTS = 5;

function backoff(attempt: number): number {
  const ceiling = Math.min(1500, 250 * 2 ** attempt);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

export async function run(): Promise<unknown> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await call('GET /avatars/8');
    } catch (error) {
      if (attempt === ATTEMPTS - 1) {
        throw error;
      }
      await new Promise<void>((resolve) => setTimeout(resolve, backoff(attempt)));
    }
  }
  return null;
}
