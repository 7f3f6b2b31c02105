// Reads a licence. got 14 retries twice without being asked; here it is asked for three.
import got from 'got';

export const run = () => got('http://licences.internal/mit', { retry: { limit: 3 } }).text();
