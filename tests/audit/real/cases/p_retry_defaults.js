// Reads a document. p-retry 7: ten retries, 1 s doubled each time, no cap, no jitter.
import pRetry from 'p-retry';
import { call } from './downstream.js';

export const run = () => pRetry(() => call('GET /documents/1'));
