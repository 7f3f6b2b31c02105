// Fetches a translation.
import { setTimeout as delay } from 'node:timers/promises';
import { call } from './downstream.js';

interface RetryOptions {
  attempts?: number;
  baseMs?: number;
  maxMs?: number;
}

async function withRetry<T>(fn: () => Promise<T>, { attempts = 6, baseMs = 200, maxMs = 2_000 }: RetryOptions = {}): Promise<T> {
  let lastError: unknown;
  for (let i = 1; i <= attempts; i++) {
    try {
      return await fn();
    } catch (error) {
      lastError = error;
      if (i < attempts) {
        await delay(Math.min(maxMs, baseMs * 2 ** (i - 1)));
      }
    }
  }
  throw lastError;
}

export const run = () => withRetry(() => call('GET /translations/de'));
