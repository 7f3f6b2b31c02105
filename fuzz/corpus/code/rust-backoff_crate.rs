// backoff 0.4: endless but for 15 minutes; 500 ms × 1.5 up to 60 s, half up or down.
use backoff::{retry, ExponentialBackoff, ExponentialBackoffBuilder};
use std::time::Duration;

fn plain() -> Result<String, Error> {
    // site: retry attempts=unlimited backoff=exponential(base=500ms,multiplier=1.5,cap=60s) jitter=proportional(50%) deadline=15m
    retry(ExponentialBackoff::default(), || Ok(fetch()?))
}

async fn told() -> Result<String, Error> {
    let policy = ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_millis(100))
        .with_multiplier(2.0)
        .with_randomization_factor(0.1)
        .with_max_elapsed_time(Some(Duration::from_secs(30)))
        .build();
    // site: retry attempts=unlimited backoff=exponential(base=100ms,multiplier=2,cap=60s) jitter=proportional(10%) deadline=30s
    backoff::future::retry(policy, || async { Ok(fetch().await?) }).await
}

fn literal() -> Result<String, Error> {
    // rule: HS101 HS106
    // site: retry attempts=unlimited backoff=exponential(base=500ms,multiplier=1.5,cap=60s) deadline=none
    retry(ExponentialBackoff { max_elapsed_time: None, ..Default::default() }, || Ok(fetch()?))
}
