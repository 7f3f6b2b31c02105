//! Effects that should happen once, in a herd: against the closed forms of one
//! compensation by itself.

mod common;

use common::{assert_near, outcomes, scenario, values};
use herdsim_core::herd::Outcome;
use herdsim_core::scenario::Scenario;

/// 1,000 callers at a service with room for all, 50 ms an attempt, and one
/// policy: `attempts` at once after timeouts of 200 ms.
fn refunds(key: &str, settings: &[&str]) -> Scenario {
    let key = format!("service.key={key}");
    let mut all = vec![
        "callers.count=1000",
        "compare=['fixed']",
        "service.servers=3000",
        "service.service_time=50ms",
        "service.effect=refund",
        "run.warmup=2s",
        "run.horizon=30s",
        "faults=[]",
        "policy.fixed.timeout=200ms",
        "policy.fixed.backoff=none",
        &key,
    ];
    all.extend(settings);
    scenario(&all)
}

fn per_call(runs: &[Outcome], count: impl Fn(&Outcome) -> u64) -> Vec<f64> {
    values(runs, |o| count(o) as f64 / o.window.calls as f64)
}

#[test]
fn lost_answers_double_what_has_no_key() {
    // Each of two attempts is done; the second when the first answer is lost.
    let lossy = ["policy.fixed.attempts=2", "faults=['loss(40%)@0s+30s']"];
    let runs = outcomes(&refunds("none", &lossy), 0, 20);
    assert_near("none", per_call(&runs, |o| o.window.double_effects), 0.4);
    for key in [
        "per-operation",
        "short-retention",
        "mismatch",
        "record-then-effect",
    ] {
        let mut settings = lossy.to_vec();
        settings.push("service.crash=0");
        let runs = outcomes(&refunds(key, &settings), 0, 3);
        assert!(runs.iter().all(|o| o.window.double_effects == 0), "{key}");
        assert!(runs.iter().all(|o| o.window.duplicates > 0), "{key}");
    }
}

#[test]
fn a_key_forgotten_too_soon_doubles() {
    // Recorded 50 ms after the first attempt, forgotten 100 ms later, asked
    // for again after 200 ms.
    let settings = [
        "policy.fixed.attempts=2",
        "faults=['loss(40%)@0s+30s']",
        "service.retention=100ms",
    ];
    let runs = outcomes(&refunds("short-retention", &settings), 0, 20);
    assert_near(
        "forgotten",
        per_call(&runs, |o| o.window.double_effects),
        0.4,
    );
}

#[test]
fn a_crash_after_the_effect_doubles_as_its_series_says() {
    // X ≥ k with c^{k−1}: the extra ones are c + c² + … + c⁵ for 6 attempts.
    let c: f64 = 0.3;
    let runs = outcomes(
        &refunds("effect-then-record", &["service.crash=0.3"]),
        0,
        20,
    );
    let extra: f64 = (1..6).map(|k| c.powi(k)).sum();
    assert_near("extra", per_call(&runs, |o| o.window.double_effects), extra);
}

#[test]
fn a_crash_before_the_effect_is_told_as_done() {
    // The retry of a crashed attempt is told what the record says.
    let runs = outcomes(
        &refunds("record-then-effect", &["service.crash=0.3"]),
        0,
        20,
    );
    assert_near(
        "phantoms",
        per_call(&runs, |o| o.window.phantom_effects),
        0.3,
    );
    assert!(runs.iter().all(|o| o.window.double_effects == 0));
}

#[test]
fn without_a_lock_a_slow_execution_runs_twice() {
    // The second attempt starts after 200 ms; the first is not done yet with e^{−2/3}.
    let settings = ["policy.fixed.attempts=2", "service.service_time=exp(300ms)"];
    let runs = outcomes(&refunds("check-then-act", &settings), 0, 20);
    let running = (-2.0f64 / 3.0).exp();
    assert_near(
        "twice",
        per_call(&runs, |o| o.window.double_effects),
        running,
    );
    let runs = outcomes(&refunds("per-operation", &settings), 0, 3);
    assert!(runs.iter().all(|o| o.window.double_effects == 0));
}

#[test]
fn attempts_may_overtake_each_other() {
    // Of at most 6 attempts none is 100 later than another, in whatever order they come.
    let settings = [
        "callers.count=1000",
        "service.servers=15",
        "service.service_time=exp(14ms)",
        "service.queue=500",
        "service.discipline=lifo",
        "service.retention=100",
        "run.horizon=15s",
        "faults=['crash@3s+1s']",
        "policy.fixed.backoff=fixed(200ms)",
    ];
    let runs = outcomes(&refunds("short-retention", &settings), 0, 2);
    assert!(runs.iter().all(|o| o.window.duplicates > 0));
    assert!(runs.iter().all(|o| o.window.double_effects == 0));
}
