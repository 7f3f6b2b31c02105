// ky: retry is a number or an object; 300 ms doubled, each attempt with a timeout of its own (ky 1.8 to 1.14).
import ky from 'ky';

// site: retry attempts=5 backoff=exponential(base=300ms,multiplier=2,cap=1s) jitter=none timeout=5s
// rule: HS101 HS102
export const client = ky.create({ timeout: 5000, retry: { limit: 4, backoffLimit: 1000 } });

export const item = (id: string) =>
  // site: retry attempts=6 backoff=exponential(base=300ms,multiplier=2) jitter=none
  // rule: HS101 HS102
  ky.get(`https://items.internal/${id}`, { retry: 5 }).json();

export const stock = (id: string) =>
  // site: retry attempts=4 backoff=exponential(base=300ms,multiplier=2) jitter=full
  // rule: HS101
  ky(`https://stock.internal/${id}`, { retry: { limit: 3, jitter: true } }).json();

export const price = (id: string) =>
  // site: retry attempts=4 backoff=linear(200ms) jitter=none
  // rule: HS101 HS102
  ky.get(`https://prices.internal/${id}`, { retry: { limit: 3, delay: (attemptCount) => 200 * attemptCount } }).json();
