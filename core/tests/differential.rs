//! Against the real libraries: the same trace in, the same decisions out.

mod common;

use std::time::{Duration, SystemTime};

use common::scenario;
use herdsim_core::herd::backoff::Backoffs;
use herdsim_core::herd::budget::Budgets;
use herdsim_core::scenario::policy::{Failure, Policy};
use herdsim_core::streams::{Purpose, Stream, Streams};
use rand::{RngExt, SeedableRng};

fn named(name: &str, settings: &[&str]) -> Policy {
    let compare = format!("compare=[\"{name}\"]");
    let settings: Vec<String> = settings
        .iter()
        .map(|s| format!("policy.{name}.{s}"))
        .collect();
    let all: Vec<&str> = std::iter::once(compare.as_str())
        .chain(settings.iter().map(String::as_str))
        .collect();
    scenario(&all).policies[0].1.clone()
}

fn random(seed: u64) -> Stream {
    Stream::seed_from_u64(seed)
}

/// tower 0.5's budget under a paused clock, against ours on the same steps of
/// time: at a glance often, and so rarely that its window drifts.
#[test]
fn tower_budget() {
    use tower::retry::budget::{Budget as _, TpsBudget};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut allowed, mut denied) = (0, 0);
        for trial in 0..40u64 {
            let mut rng = random(trial);
            let ttl = [1u64, 2, 10, 60][(trial % 4) as usize];
            let reserve = [0u32, 1, 10][(trial % 3) as usize];
            let ratio = [0.0, 0.1, 0.2, 0.3, 1.0, 2.5][(trial % 6) as usize];
            let longest = [20u64, 200, 1_500, 7_000][(trial / 4 % 4) as usize];
            let theirs = TpsBudget::new(Duration::from_secs(ttl), reserve, ratio as f32);
            let table = format!(
                "budget={{kind=\"ratio\",ratio={ratio},window=\"{ttl}s\",min_per_s={reserve},deposit=\"success\",expiry=\"tower\"}}"
            );
            let policy = named("tower", &[&table]);
            let mut ours = Budgets::new(policy.budget.as_ref(), 1);
            let mut now = 0u64;
            for step in 0..600 {
                let ms = rng.random_range(0..longest);
                tokio::time::advance(Duration::from_millis(ms)).await;
                now += ms * 1_000_000;
                if rng.random::<bool>() {
                    theirs.deposit();
                    ours.call_succeeded(0, None, now);
                } else {
                    let expected = theirs.withdraw();
                    assert_eq!(
                        ours.withdraw(0, Failure::Error, now),
                        expected,
                        "trial {trial}, step {step}, at {now} ns"
                    );
                    *if expected { &mut allowed } else { &mut denied } += 1;
                }
            }
        }
        assert!(allowed > 1_000 && denied > 1_000, "{allowed} {denied}");
    });
}

/// The retry quota of aws-smithy-runtime, asked through its own strategy: one
/// strategy a call, so that a call's permit is its own.
#[test]
fn aws_token_bucket() {
    use aws_smithy_runtime::client::retries::TokenBucket;
    use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
    use aws_smithy_runtime_api::client::interceptors::context::{
        Input, InterceptorContext, Output,
    };
    use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
    use aws_smithy_runtime_api::client::retries::classifiers::{
        ClassifyRetry, RetryAction, SharedRetryClassifier,
    };
    use aws_smithy_runtime_api::client::retries::{RequestAttempts, RetryStrategy, ShouldAttempt};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
    use aws_smithy_types::config_bag::{ConfigBag, Layer};
    use aws_smithy_types::retry::{ErrorKind, RetryConfig};

    #[derive(Debug)]
    struct Says(ErrorKind);
    impl ClassifyRetry for Says {
        fn classify_retry(&self, ctx: &InterceptorContext) -> RetryAction {
            match ctx.is_failed() {
                true => RetryAction::retryable_error(self.0),
                false => RetryAction::NoActionIndicated,
            }
        }
        fn name(&self) -> &'static str {
            "test"
        }
    }

    let components = |kind| {
        RuntimeComponentsBuilder::for_tests()
            .with_retry_classifier(SharedRetryClassifier::new(Says(kind)))
            .build()
            .unwrap()
    };
    let timeouts = components(ErrorKind::TransientError);
    let errors = components(ErrorKind::ServerError);
    // Both years' costs, said outright: what the crate has depends on its version.
    for (name, cost, timeout_cost) in [("aws-standard-2025", 5, 10), ("aws-standard-2026", 14, 14)]
    {
        let policy = named(name, &[]);
        let bucket = TokenBucket::builder()
            .capacity(500)
            .retry_cost(cost)
            .timeout_retry_cost(timeout_cost)
            .build();
        let mut ours = Budgets::new(policy.budget.as_ref(), 1);
        let mut rng = random(7);
        let (mut allowed, mut denied) = (0, 0);
        for call in 0..6_000 {
            // Calmer and rougher times, so that the bucket empties and fills.
            let fails = [0.05, 0.6, 0.2, 0.9][call / 100 % 4];
            let strategy = StandardRetryStrategy::new();
            let ask = |failed: bool, attempt: u32, kind: Failure| {
                let mut layer = Layer::new("test");
                layer.store_put(RetryConfig::standard().with_max_attempts(policy.attempts));
                layer.store_put(RequestAttempts::new(attempt));
                layer.store_put(bucket.clone());
                let bag = ConfigBag::of_layers(vec![layer]);
                let mut context = InterceptorContext::new(Input::doesnt_matter());
                context.set_output_or_error(match failed {
                    true => Err(OrchestratorError::other("failed")),
                    false => Ok(Output::doesnt_matter()),
                });
                let components = match kind {
                    Failure::Timeout => &timeouts,
                    _ => &errors,
                };
                let answer = strategy.should_attempt_retry(&context, components, &bag);
                !matches!(answer.unwrap(), ShouldAttempt::No)
            };
            let mut retried = None;
            let mut succeeded = false;
            for attempt in 1..=policy.attempts {
                let kind = match rng.random::<bool>() {
                    true => Failure::Timeout,
                    false => Failure::Error,
                };
                if rng.random::<f64>() >= fails {
                    ask(false, attempt, kind);
                    ours.call_succeeded(0, retried, 0);
                    succeeded = true;
                    break;
                }
                let expected = ask(true, attempt, kind);
                let got = attempt < policy.attempts && ours.withdraw(0, kind, 0);
                assert_eq!(got, expected, "{name}: call {call}, attempt {attempt}");
                if !expected {
                    if attempt < policy.attempts {
                        denied += 1;
                    }
                    break;
                }
                allowed += 1;
                retried = Some(kind);
            }
            if !succeeded {
                // What a call that fails has paid is gone.
                std::mem::forget(strategy);
            }
        }
        assert!(allowed > 500 && denied > 500, "{name}: {allowed} {denied}");
    }
}

/// Our delays of retries 1 to n, in seconds.
fn delays(policy: &Policy, n: u32, rng: &mut Stream) -> Vec<f64> {
    let backoffs = Backoffs::new(policy);
    let mut state = 0;
    (1..=n)
        .map(|k| backoffs.delay(policy, k, Failure::Error, &mut state, rng) as f64 / 1e9)
        .collect()
}

/// Two samples of one law: Kolmogorov and Smirnov's distance, at a level of about 10⁻⁴.
fn assert_same_law(what: &str, mut a: Vec<f64>, mut b: Vec<f64>) {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let below =
        |sample: &[f64], x: f64| sample.partition_point(|y| *y <= x) as f64 / sample.len() as f64;
    let distance = a
        .iter()
        .chain(&b)
        .map(|x| (below(&a, *x) - below(&b, *x)).abs())
        .fold(0.0, f64::max);
    let (n, m) = (a.len() as f64, b.len() as f64);
    let limit = 2.23 * ((n + m) / (n * m)).sqrt();
    assert!(distance < limit, "{what}: {distance} against {limit}");
}

fn stream() -> Stream {
    let streams = Streams {
        seed: 5,
        replication: 0,
    };
    streams.stream(Purpose::Backoff)
}

#[test]
fn backon_delays() {
    use backon::{BackoffBuilder, ExponentialBuilder};
    let plain = ExponentialBuilder::default().with_max_times(10).build();
    let ours = delays(&named("backon", &["attempts=11"]), 10, &mut stream());
    for (theirs, ours) in plain.zip(&ours) {
        // Its arithmetic is that of f32.
        assert!((theirs.as_secs_f64() / ours - 1.0).abs() < 1e-6);
    }
    let jittered = named("backon-jitter", &["attempts=11"]);
    let (mut rng, n) = (stream(), 2_000);
    for k in [1usize, 3, 8] {
        let theirs = (0..n).map(|seed| {
            let builder = ExponentialBuilder::default()
                .with_jitter()
                .with_max_times(10);
            let mut all = builder.with_jitter_seed(seed).build();
            all.nth(k - 1).unwrap().as_secs_f64()
        });
        let ours = (0..n).map(|_| delays(&jittered, 10, &mut rng)[k - 1]);
        assert_same_law(&format!("backon {k}"), theirs.collect(), ours.collect());
    }
}

#[test]
fn backoff_crate_delays() {
    use backoff::ExponentialBackoff;
    use backoff::backoff::Backoff as _;
    let mut plain = ExponentialBackoff {
        randomization_factor: 0.0,
        ..ExponentialBackoff::default()
    };
    let still = named("cenkalti", &["jitter=none"]);
    for ours in delays(&still, 20, &mut stream()) {
        let theirs = plain.next_backoff().unwrap().as_secs_f64();
        assert!((theirs / ours - 1.0).abs() < 1e-6, "{theirs} {ours}");
    }
    assert_eq!(plain.max_elapsed_time, Some(Duration::from_secs(15 * 60)));
    let (policy, mut rng, n) = (named("cenkalti", &[]), stream(), 2_000);
    for k in [1usize, 4, 15] {
        let theirs = (0..n).map(|_| {
            let mut all = ExponentialBackoff::default();
            let delays: Vec<Duration> = (0..k).map(|_| all.next_backoff().unwrap()).collect();
            delays[k - 1].as_secs_f64()
        });
        let ours = (0..n).map(|_| delays(&policy, 20, &mut rng)[k - 1]);
        assert_same_law(&format!("backoff {k}"), theirs.collect(), ours.collect());
    }
}

#[test]
fn retry_policies_delays() {
    use retry_policies::policies::ExponentialBackoff;
    use retry_policies::{Jitter, RetryDecision, RetryPolicy};
    let theirs = |jitter, retry: u32| {
        let policy = ExponentialBackoff::builder()
            .retry_bounds(Duration::from_secs(1), Duration::from_secs(1800))
            .jitter(jitter)
            .build_with_max_retries(20);
        let start = SystemTime::now();
        match policy.should_retry(start, retry) {
            RetryDecision::Retry { execute_after } => {
                execute_after.duration_since(start).unwrap().as_secs_f64()
            }
            RetryDecision::DoNotRetry => panic!("out of retries"),
        }
    };
    let policy = named("reqwest-retry", &["attempts=21"]);
    let still = named("reqwest-retry", &["attempts=21", "jitter=none"]);
    for (k, ours) in delays(&still, 15, &mut stream()).into_iter().enumerate() {
        // Its clock runs meanwhile.
        assert!((theirs(Jitter::None, k as u32) - ours).abs() < 0.5, "{k}");
    }
    let (mut rng, n) = (stream(), 2_000);
    for k in [4usize, 8, 14] {
        let sample = (0..n).map(|_| theirs(Jitter::Full, k as u32 - 1)).collect();
        let ours = (0..n)
            .map(|_| delays(&policy, 20, &mut rng)[k - 1])
            .collect();
        assert_same_law(&format!("retry-policies {k}"), sample, ours);
    }
}
