// Joins a lobby; the clock ends it.
import { call } from './downstream.js';

const PATIENCE_MS = 15_000;

export async function run() {
  const start = Date.now();
  for (;;) {
    try {
      return await call('POST /lobby');
    } catch (error) {
      if (Date.now() - start >= PATIENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  }
}
