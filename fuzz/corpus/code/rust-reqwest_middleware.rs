// reqwest-retry 0.5 to 0.8 with retry-policies: full jitter between 1 s and 30 min unless it is told.
use reqwest_middleware::ClientBuilder;
use reqwest_retry::{policies::ExponentialBackoff, Jitter, RetryTransientMiddleware};
use std::time::Duration;

fn client() -> reqwest_middleware::ClientWithMiddleware {
    // site: retry attempts=4 backoff=exponential(base=1s,multiplier=2,cap=30m) jitter=full
    let policy = ExponentialBackoff::builder().build_with_max_retries(3);
    ClientBuilder::new(reqwest::Client::new())
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .build()
}

fn told() -> ExponentialBackoff {
    // site: retry attempts=6 backoff=exponential(base=100ms,multiplier=3,cap=5s) jitter=none
    ExponentialBackoff::builder()
        .retry_bounds(Duration::from_millis(100), Duration::from_secs(5))
        .jitter(Jitter::None)
        .base(3)
        .build_with_max_retries(5)
}
