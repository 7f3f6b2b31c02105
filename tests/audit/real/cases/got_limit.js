// Reads release notes. got 14: a second doubled, capped, and up to 100 ms on top.
import got from 'got';

const client = got.extend({
  prefixUrl: 'http://releases.internal',
  retry: { limit: 5, backoffLimit: 6000 },
  timeout: { request: 3000 },
});

export const run = () => client.get('notes').text();
