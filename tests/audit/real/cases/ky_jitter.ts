// Saves a draft. ky 1: jitter over the whole delay.
import ky, { type Options } from 'ky';

const options: Options = { retry: { limit: 4, methods: ['put'], jitter: true }, json: { text: '…' } };

export async function run(): Promise<Response> {
  return ky.put('http://drafts.internal/9', options);
}
