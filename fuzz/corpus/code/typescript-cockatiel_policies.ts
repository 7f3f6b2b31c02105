// cockatiel: maxAttempts does not count the first one; the default jitter is Polly's (cockatiel 3.2).
import {
  ConstantBackoff,
  ExponentialBackoff,
  IterableBackoff,
  circuitBreaker,
  ConsecutiveBreaker,
  fullJitterGenerator,
  handleAll,
  handleType,
  noJitterGenerator,
  retry,
} from 'cockatiel';

class Unavailable extends Error {}

// site: retry attempts=4 backoff=exponential(base=128ms,multiplier=2,cap=30s) jitter=polly
// rule: HS101
export const standard = retry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() });

// site: retry attempts=4 backoff=fixed(50ms) jitter=none
// rule: HS101 HS102
export const constant = retry(handleType(Unavailable), { maxAttempts: 3, backoff: new ConstantBackoff(50) });

// site: retry attempts=5 backoff=table(100ms,200ms) jitter=none
export const listed = retry(handleAll, { maxAttempts: 4, backoff: new IterableBackoff([100, 200]) });

// site: retry attempts=5 backoff=exponential(base=100ms,multiplier=2,cap=500ms) jitter=none
// rule: HS101 HS102
export const stepwise = retry(handleAll, {
  maxAttempts: 4,
  backoff: new ExponentialBackoff({ generator: noJitterGenerator, initialDelay: 100, maxDelay: 500 }),
});

// site: retry attempts=3 backoff=exponential(base=1s,multiplier=2,cap=10s) jitter=full
// rule: HS101
export const full = retry(handleAll, {
  maxAttempts: 2,
  backoff: new ExponentialBackoff({ generator: fullJitterGenerator, initialDelay: 1000, maxDelay: 10_000 }),
});

// site: retry attempts=3 backoff=none
// rule: HS101 HS107
export const atOnce = retry(handleAll, { maxAttempts: 2 });

// ok: a breaker
export const breaker = circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });
