// Temporal's SDK for TypeScript 1: lengths of time are ms, or a text with a unit.
import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities';

// site: retry attempts=4 backoff=exponential(base=500ms,multiplier=2,cap=50s) timeout=1m
const { charge } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 4, initialInterval: 500 },
});

// rule: HS101 HS102 HS106
// site: retry attempts=unlimited backoff=exponential(base=1s,multiplier=2,cap=100s) timeout=10s
const { ship } = proxyActivities<typeof activities>({ startToCloseTimeout: '10s' });
