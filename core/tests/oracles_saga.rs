//! Compensations under retries against closed forms, an enumeration, and limits.

use herdsim_core::idempotency::{KEY_MODES, KeyMode};
use herdsim_core::metric::find;
use herdsim_core::saga::{METRICS, Story};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::saga::{Saga, SagaScenario};
use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::streams::Streams;
use herdsim_core::theory;
use herdsim_core::world::{Tally, TrialWorld};
use proptest::prelude::*;

fn scenario(settings: &[&str]) -> SagaScenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    match Job::from_overlay(&overlay, JobKind::Saga).unwrap() {
        Job::Saga(scenario) => scenario,
        other => panic!("{other:?}"),
    }
}

fn tally(scenario: &SagaScenario, trials: u64) -> Tally<Story> {
    let streams = Streams {
        seed: 7,
        replication: 0,
    };
    scenario.batch(streams, trials)
}

fn metric(name: &str) -> usize {
    find(METRICS, name).unwrap().index()
}

/// The names of all metrics, with their places.
fn names() -> impl Iterator<Item = (usize, &'static str)> {
    METRICS.iter().map(|metric| metric.name).enumerate()
}

fn exact(saga: &Saga, policy: &Policy, mode: KeyMode, name: &str) -> Option<f64> {
    theory::saga::exact(saga, policy, mode, find(METRICS, name).unwrap())
}

fn cell(mode: KeyMode) -> usize {
    KEY_MODES.iter().position(|(_, m)| *m == mode).unwrap()
}

#[test]
fn closed_forms_give_the_confirmed_figures() {
    let s = scenario(&[
        "saga.request_loss=0.1",
        "saga.response_loss=0.2",
        "saga.execution=0s",
        "policy.fixed.attempts=4",
    ]);
    let value = |mode, metric| exact(&s.saga, s.retry_layer(), mode, metric).unwrap();
    assert!((value(KeyMode::None, "p_duplicate") - 0.19926).abs() < 1e-12);
    let executions = value(KeyMode::None, "executions_per_operation");
    assert!((executions - 1.24232).abs() < 5e-6);
    let s = scenario(&[
        "saga.request_loss=0.05",
        "saga.response_loss=0.05",
        "saga.crash=0.02",
        "saga.execution=0s",
        "policy.fixed.attempts=5",
    ]);
    let p = exact(
        &s.saga,
        s.retry_layer(),
        KeyMode::EffectThenRecord,
        "p_duplicate",
    );
    assert!((p.unwrap() - 0.019_999_0).abs() < 6e-7);
}

/// Every metric of every mode by going through all that can be lost: requests,
/// answers, crashes, each a bit, in a receiver that executes in no time.
fn enumerate(p: f64, q: f64, c: f64, m: u32, retention: u32, mode: KeyMode) -> [f64; 6] {
    let mut means = [0.0; 6];
    for bits in 0u32..1 << (3 * m) {
        let bit = |kind: u32, k: u32| bits >> (3 * k + kind) & 1 == 1;
        let mut weight = 1.0;
        for k in 0..m {
            weight *= if bit(0, k) { p } else { 1.0 - p };
            weight *= if bit(1, k) { q } else { 1.0 - q };
            weight *= if bit(2, k) { c } else { 1.0 - c };
        }
        let (mut executions, mut told) = (0, false);
        let mut recorded_at: Option<u32> = None;
        for k in 0..m {
            if bit(0, k) {
                continue;
            }
            let known = recorded_at
                .is_some_and(|at| mode != KeyMode::ShortRetention || k - at <= retention);
            let mut answers = true;
            let mut success = true;
            match mode {
                KeyMode::None | KeyMode::PerAttempt => executions += 1,
                KeyMode::Mismatch if known => success = false,
                _ if known => {}
                KeyMode::EffectThenRecord => {
                    executions += 1;
                    answers = !bit(2, k);
                    recorded_at = answers.then_some(k);
                }
                KeyMode::RecordThenEffect => {
                    recorded_at = Some(k);
                    answers = !bit(2, k);
                    executions += u32::from(answers);
                }
                _ => {
                    executions += 1;
                    recorded_at = Some(k);
                }
            }
            if answers && !bit(1, k) {
                told = success;
                break;
            }
        }
        let is = |b: bool| f64::from(u8::from(b));
        let values = [
            is(executions > 1),
            is(executions == 0),
            is(told && executions == 0),
            is(!told && executions > 0),
            f64::from(executions),
            f64::from(executions.saturating_sub(1)),
        ];
        for (mean, value) in means.iter_mut().zip(values) {
            *mean += weight * value;
        }
    }
    means
}

#[test]
fn every_mode_matches_the_enumeration_of_all_losses() {
    for (p, q, c, m, retention) in [
        (0.1, 0.2, 0.05, 4, 1),
        (0.0, 0.3, 0.1, 5, 2),
        (0.4, 0.1, 0.5, 3, 1),
        (0.01, 0.9, 0.01, 5, 1),
        (0.7, 0.7, 0.7, 4, 3),
    ] {
        let settings = [
            format!("saga.request_loss={p}"),
            format!("saga.response_loss={q}"),
            format!("saga.crash={c}"),
            format!("saga.retention={retention}"),
            format!("policy.fixed.attempts={m}"),
            "saga.execution=0s".to_string(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let s = scenario(&settings);
        let n = 60_000;
        let tally = tally(&s, n);
        for (i, (name, mode)) in KEY_MODES.iter().enumerate() {
            let expected = enumerate(p, q, c, m, retention, *mode);
            for (k, metric) in names() {
                let what = format!("{settings:?} {name} {metric}");
                // Times are fixed, so that one weighing is exact.
                let weighed = tally.conditional[i][k].estimate().mean;
                assert!(
                    (weighed - expected[k]).abs() < 1e-12,
                    "{what}: {weighed} {}",
                    expected[k]
                );
                if let Some(p) = exact(&s.saga, s.retry_layer(), *mode, metric) {
                    assert!(
                        (p - expected[k]).abs() < 1e-12,
                        "{what}: {p} {}",
                        expected[k]
                    );
                }
                let e = tally.simulated[i][k].estimate();
                let slack = 4.0 / n as f64;
                let error = e.sd / (n as f64).sqrt();
                assert!(
                    (e.mean - expected[k]).abs() < 4.5 * error + slack,
                    "{what}: {} {}",
                    e.mean,
                    expected[k]
                );
            }
        }
    }
}

#[test]
fn closed_forms_exist_where_they_are_claimed() {
    let s = scenario(&[
        "saga.execution=0s",
        "saga.request_loss=0",
        "saga.retention=1",
    ]);
    for (name, mode) in KEY_MODES {
        for metric in [
            "p_duplicate",
            "p_lost",
            "p_phantom",
            "executions_per_operation",
        ] {
            let known = exact(&s.saga, s.retry_layer(), mode, metric);
            assert!(known.is_some(), "{name} {metric}");
        }
    }
}

#[test]
fn an_execution_that_outlasts_the_timeout_is_an_answer_lost() {
    // e^{-250/100} of answers are late, whatever else happens to them.
    let s = scenario(&["saga.execution=exp(100ms)"]);
    let n = 400_000;
    let tally = tally(&s, n);
    let p = exact(&s.saga, s.retry_layer(), KeyMode::None, "p_duplicate").unwrap();
    let share = tally.simulated[0][metric("p_duplicate")].estimate().mean;
    assert!(
        (share - p).abs() < 4.0 * (p * (1.0 - p) / n as f64).sqrt(),
        "{share} {p}"
    );
}

#[test]
fn duplicates_run_while_the_first_still_does() {
    // One retry at once: (1 − p)² e^{−δT}.
    for (p, execution, timeout) in [
        (0.0f64, 100, 250),
        (0.2, 100, 100),
        (0.1, 1000, 250),
        (0.05, 80, 160),
        (0.5, 300, 30),
    ] {
        let settings = [
            format!("saga.request_loss={p}"),
            format!("saga.execution='exp({execution}ms)'"),
            format!("policy.fixed.timeout={timeout}ms"),
            "policy.fixed.backoff=none".to_string(),
            "policy.fixed.attempts=2".to_string(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let s = scenario(&settings);
        let expected = (1.0 - p).powi(2) * (-f64::from(timeout) / f64::from(execution)).exp();
        let known = exact(
            &s.saga,
            s.retry_layer(),
            KeyMode::CheckThenAct,
            "p_duplicate",
        );
        assert!((known.unwrap() - expected).abs() < 1e-12);
        let n = 200_000;
        let tally = tally(&s, n);
        let share = tally.simulated[cell(KeyMode::CheckThenAct)][metric("p_duplicate")].estimate();
        let error = (expected * (1.0 - expected) / n as f64).sqrt();
        assert!(
            (share.mean - expected).abs() < 4.0 * error,
            "{settings:?} {} {expected}",
            share.mean
        );
        // A lock while the first executes ends that.
        let locked = tally.simulated[cell(KeyMode::PerOperation)][metric("p_duplicate")].estimate();
        assert_eq!(locked.mean, 0.0);
    }
}

#[test]
fn a_key_is_kept_for_its_time() {
    // Attempts at 0, 1.25, 2.5, 3.75 s …; recorded at 0, forgotten after 2 s:
    // the third executes again, the fifth once more, if nobody heard before.
    let q: f64 = 0.3;
    let s = scenario(&[
        "saga.execution=0s",
        "saga.request_loss=0",
        "saga.response_loss=0.3",
        "saga.retention=2s",
    ]);
    let e = tally(&s, 64).conditional[cell(KeyMode::ShortRetention)][metric("extra_executions")];
    assert!((e.estimate().mean - (q.powi(2) + q.powi(4))).abs() < 1e-12);
    // For longer than the policy goes on: never again.
    let s = scenario(&[
        "saga.execution=0s",
        "saga.retention=qonto",
        "saga.response_loss=0.3",
    ]);
    let e = tally(&s, 10_000).simulated[cell(KeyMode::ShortRetention)][metric("p_duplicate")];
    assert_eq!(e.estimate().mean, 0.0);
}

#[test]
fn limits() {
    let s = scenario(&[
        "saga.request_loss=0",
        "saga.response_loss=0",
        "saga.execution=0s",
        "saga.crash=0",
    ]);
    for (i, (name, _)) in KEY_MODES.iter().enumerate() {
        let tally = tally(&s, 1000);
        let mean = |metric_name| tally.simulated[i][metric(metric_name)].estimate().mean;
        assert_eq!(mean("p_duplicate"), 0.0, "{name}");
        assert_eq!(mean("executions_per_operation"), 1.0, "{name}");
    }
    let once = scenario(&["policy.fixed.attempts=1", "saga.response_loss=0.5"]);
    for i in 0..KEY_MODES.len() {
        let mean = tally(&once, 5000).simulated[i][metric("p_duplicate")]
            .estimate()
            .mean;
        assert_eq!(mean, 0.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn one_key_per_operation_is_exact_and_estimates_agree(
        p in 0.0f64..0.6, q in 0.0f64..0.9, c in 0.0f64..0.5, m in 1u32..7,
        execution in prop::sample::select(vec!["0s", "exp(200ms)", "uniform(0s,1s)", "300ms"]),
        backoff in prop::sample::select(vec![
            "backoff='none'", "backoff='fixed(100ms)'", "backoff='random(exp(300ms))'",
            "backoff='exponential(base=50ms,multiplier=2,cap=1s)',jitter='full'",
        ]),
        retention in prop::sample::select(vec!["'400ms'", "2"]),
        deadline: bool,
    ) {
        let deadline = if deadline { "'2s'" } else { "'none'" };
        let settings = [
            format!("saga.request_loss={p}"),
            format!("saga.response_loss={q}"),
            format!("saga.crash={c}"),
            format!("saga.execution='{execution}'"),
            format!("saga.retention={retention}"),
            format!("policy.fixed={{ attempts = {m}, deadline = {deadline}, {} }}", backoff),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let s = scenario(&settings);
        // One in 64 is weighed: a few hundred may miss what is rare and heavy, and their
        // spread says nothing of it. What is wrong is wrong among fifty times as many.
        let apart = apart(&s, 20_000).and_then(|_| apart(&s, 1_000_000));
        prop_assert_eq!(apart, None);
    }
}

/// What the estimates, or an estimate and what is known exactly, disagree in.
fn apart(s: &SagaScenario, n: u64) -> Option<String> {
    let tally = tally(s, n);
    for (i, (name, mode)) in KEY_MODES.iter().enumerate() {
        if matches!(
            mode,
            KeyMode::PerOperation | KeyMode::RecordThenEffect | KeyMode::Mismatch
        ) {
            for all in [&tally.simulated, &tally.conditional] {
                assert_eq!(all[i][metric("p_duplicate")].estimate().mean, 0.0);
            }
        }
        for (k, metric) in names() {
            let plain = tally.simulated[i][k].estimate();
            let weighed = tally.conditional[i][k].estimate();
            // No spread among few says that they missed what is rare, not that there is
            // none. Their spread is at most the plain one.
            let spread = match weighed.sd {
                0.0 => plain.sd,
                sd => sd,
            };
            let error = |n: u64, sd: f64| sd / (n as f64).sqrt();
            let error = error(plain.n, plain.sd).hypot(error(weighed.n, spread)) + 3.0 / n as f64;
            let known = exact(&s.saga, s.retry_layer(), *mode, metric);
            for other in [Some(weighed.mean), known].into_iter().flatten() {
                if (plain.mean - other).abs() >= 5.5 * error {
                    return Some(format!("{name} {metric}: {} {other} ± {error}", plain.mean));
                }
            }
        }
    }
    None
}

#[test]
fn long_retry_layers_are_weighed_in_no_time() {
    // 200 attempts: histories that no longer differ are one.
    let s = scenario(&[
        "policy.fixed.attempts=200",
        "saga.request_loss=0.3",
        "saga.response_loss=0.5",
    ]);
    let tally = tally(&s, 640);
    for (i, (name, mode)) in KEY_MODES.iter().enumerate() {
        for (k, metric) in names() {
            if let Some(p) = exact(&s.saga, s.retry_layer(), *mode, metric)
                && !matches!(mode, KeyMode::None | KeyMode::PerAttempt)
            {
                let e = tally.conditional[i][k].estimate().mean;
                assert!((e - p).abs() < 1e-9, "{name} {metric} {e} {p}");
            }
        }
    }
}
