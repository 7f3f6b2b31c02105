// Reads notifications. ky 1: 300 ms doubled, never above the limit.
import ky from 'ky';

const api = ky.create({
  prefixUrl: 'http://notifications.internal',
  retry: { limit: 5, backoffLimit: 2000 },
});

export const run = () => api.get('unread').json();
