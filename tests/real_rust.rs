//! What audit reads of retries in Rust, against the libraries themselves: the same text is run
//! and read.
#![cfg(feature = "rust")]

use std::time::Duration;

use herdsim::audit::{Audit, Request};
use herdsim_core::scenario::policy::{Policy, UNLIMITED};

/// A policy as it is read in a function of a file with these imports.
fn read(imports: &str, code: &str) -> Policy {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("client.rs");
    std::fs::write(
        &path,
        format!("{imports}\nasync fn call() {{\n    {code};\n}}\n"),
    )
    .unwrap();
    let request = Request {
        paths: vec![path],
        ..Request::default()
    };
    let audit = Audit::of(&request).unwrap();
    let retries: Vec<_> = audit
        .system
        .sites
        .iter()
        .filter_map(|s| s.retry())
        .collect();
    assert_eq!(retries.len(), 1, "{code}");
    assert!(
        retries[0].unresolved().is_empty(),
        "{code}: {:?}",
        retries[0].unresolved()
    );
    retries[0].policy.clone()
}

/// Every series of waits that a library made lies within the intervals that were read, and all
/// together they fill them: one of a thousand draws is in each tenth at the ends.
fn compare(code: &str, policy: &Policy, series: &[Vec<Duration>]) {
    let counted = policy.attempts != UNLIMITED;
    let longest = series.iter().map(Vec::len).max().unwrap();
    if counted {
        for waits in series {
            assert_eq!(waits.len() + 1, policy.attempts as usize, "{code}");
        }
    }
    for k in 0..longest.min(8) {
        let (low, high) = policy.wait_bounds(k as u32 + 1);
        let seen: Vec<f64> = series
            .iter()
            .filter_map(|waits| waits.get(k))
            .map(|wait| wait.as_nanos() as f64)
            .collect();
        let least = seen.iter().copied().fold(f64::INFINITY, f64::min);
        let most = seen.iter().copied().fold(0.0, f64::max);
        let slack = 1e-6 * high + 1.0;
        let at = format!(
            "{code}: wait {}: {least}..{most} ns, read as {low}..{high}",
            k + 1
        );
        assert!(least >= low - slack && most <= high + slack, "{at}");
        let tenth = (high - low) / 10.0;
        assert!(
            least <= low + tenth + slack && most >= high - tenth - slack,
            "{at}"
        );
    }
}

const DRAWS: usize = 1_000;

/// The same expression, run and read.
macro_rules! both {
    ($imports:expr, $before:literal, $after:literal, $make:expr, $policy:expr) => {{
        let text = concat!($before, stringify!($policy), $after);
        let read = read($imports, text);
        let series: Vec<Vec<Duration>> = (0..DRAWS).map(|_| $make($policy)).collect();
        compare(text, &read, &series);
    }};
}

mod with_backon {
    use super::*;
    use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder, FibonacciBuilder};

    const USE: &str = "use backon::{ConstantBuilder, ExponentialBuilder, FibonacciBuilder, Retryable};\nuse std::time::Duration;";

    fn waits(builder: impl BackoffBuilder) -> Vec<Duration> {
        builder.build().take(40).collect()
    }

    #[test]
    fn builders() {
        both!(
            USE,
            "f.retry(",
            ").await",
            waits,
            ExponentialBuilder::default()
        );
        both!(
            USE,
            "f.retry(",
            ").await",
            waits,
            ExponentialBuilder::default()
                .with_jitter()
                .with_max_times(5)
        );
        both!(
            USE,
            "f.retry(",
            ").await",
            waits,
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(2))
                .with_factor(3.0)
                .with_max_times(7)
        );
        both!(
            USE,
            "f.retry(",
            ").await",
            waits,
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(10))
                .with_max_delay(Duration::from_millis(50))
                .with_jitter()
        );
        both!(
            USE,
            "f.retry(",
            ").await",
            waits,
            ConstantBuilder::default()
                .with_delay(Duration::from_millis(250))
                .with_max_times(2)
        );
        both!(
            USE,
            "f.retry(",
            ").await",
            waits,
            FibonacciBuilder::default().with_max_times(6)
        );
    }
}

mod with_retry_policies {
    use super::*;
    use retry_policies::policies::ExponentialBackoff;
    use retry_policies::{Jitter, RetryDecision, RetryPolicy};
    use std::time::SystemTime;

    const USE: &str = "use retry_policies::policies::ExponentialBackoff;\nuse retry_policies::Jitter;\nuse std::time::Duration;";

    fn waits(policy: impl RetryPolicy) -> Vec<Duration> {
        let mut all = Vec::new();
        for past in 0..40 {
            let now = SystemTime::now();
            match policy.should_retry(now, past) {
                RetryDecision::Retry { execute_after } => {
                    // It asks the clock itself, a little later.
                    let wait = execute_after.duration_since(now).unwrap_or_default();
                    all.push(Duration::from_millis(wait.as_millis() as u64));
                }
                RetryDecision::DoNotRetry => break,
            }
        }
        all
    }

    #[test]
    fn builders() {
        both!(
            USE,
            "let p = ",
            "",
            waits,
            ExponentialBackoff::builder()
                .jitter(Jitter::None)
                .build_with_max_retries(5)
        );
        both!(
            USE,
            "let p = ",
            "",
            waits,
            ExponentialBackoff::builder()
                .jitter(Jitter::None)
                .retry_bounds(Duration::from_millis(100), Duration::from_secs(5))
                .base(3)
                .build_with_max_retries(6)
        );
    }
}

mod with_backoff {
    use super::*;
    use backoff::backoff::Backoff as _;
    use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

    const USE: &str = "use backoff::{retry, ExponentialBackoff, ExponentialBackoffBuilder};\nuse std::time::Duration;";

    fn waits(mut policy: ExponentialBackoff) -> Vec<Duration> {
        policy.reset();
        (0..8).map_while(|_| policy.next_backoff()).collect()
    }

    #[test]
    fn builders() {
        both!(
            USE,
            "retry(",
            ", || op())",
            waits,
            ExponentialBackoff::default()
        );
        both!(
            USE,
            "retry(",
            ", || op())",
            waits,
            ExponentialBackoffBuilder::new()
                .with_initial_interval(Duration::from_millis(100))
                .with_multiplier(2.0)
                .with_randomization_factor(0.1)
                .with_max_interval(Duration::from_secs(1))
                .build()
        );
    }
}

mod with_tokio_retry {
    use super::*;
    use tokio_retry::strategy::{ExponentialBackoff, FibonacciBackoff, FixedInterval, jitter};

    const USE: &str = "use tokio_retry::strategy::{jitter, ExponentialBackoff, FibonacciBackoff, FixedInterval};\nuse tokio_retry::Retry;\nuse std::time::Duration;";

    fn waits(strategy: impl Iterator<Item = Duration>) -> Vec<Duration> {
        strategy.collect()
    }

    #[test]
    fn strategies() {
        both!(
            USE,
            "Retry::spawn(",
            ", op).await",
            waits,
            ExponentialBackoff::from_millis(10).take(3)
        );
        both!(
            USE,
            "Retry::spawn(",
            ", op).await",
            waits,
            ExponentialBackoff::from_millis(2)
                .factor(100)
                .max_delay(Duration::from_secs(1))
                .take(6)
        );
        both!(
            USE,
            "Retry::spawn(",
            ", op).await",
            waits,
            ExponentialBackoff::from_millis(2)
                .factor(500)
                .map(jitter)
                .take(4)
        );
        both!(
            USE,
            "Retry::spawn(",
            ", op).await",
            waits,
            FixedInterval::from_millis(100).take(2)
        );
        both!(
            USE,
            "Retry::spawn(",
            ", op).await",
            waits,
            FibonacciBackoff::from_millis(100).take(5)
        );
    }
}
