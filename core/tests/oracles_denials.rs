//! What clients deny themselves, and what arrives while a fault lasts, against what has to be.

mod common;

use common::{assert_near, metric, outcomes, scenario, values};
use herdsim_core::herd::Outcome;

/// Callers of one process at a coin that fails with probability `x`.
fn coin(x: &str, settings: &[&str]) -> Vec<Outcome> {
    let ratio = format!("service.failure_ratio={x}");
    let mut all = vec![
        "faults=[]",
        "run.horizon=40s",
        "run.warmup=0s",
        "service.kind=coin",
        "service.response_time=exp(5ms)",
        "callers.count=2000",
        "callers.clients=1",
        &ratio,
        "compare=[\"fixed\"]",
        "policy.fixed.backoff=none",
        "policy.fixed.timeout=none",
    ];
    all.extend(settings);
    outcomes(&scenario(&all), 0, 12)
}

const ONCE: &str = "callers.arrival=once";
/// Opens at the second failure, for longer than any run.
const OPENS: &str = "policy.fixed.breaker={window=2,min_calls=2,threshold=\"50%\",open_for=\"1h\"}";

#[test]
fn an_empty_bucket_denies_every_retry() {
    let empty = "policy.fixed.budget={kind=\"token-bucket\",capacity=1,initial=0,cost=1}";
    let runs = coin("0.3", &[ONCE, empty]);
    assert_near(
        "denied",
        values(&runs, |o| metric(o, "no_budget_ratio")),
        0.3,
    );
    for run in &runs {
        assert_eq!(metric(run, "no_budget_ratio"), metric(run, "failed_ratio"));
        assert_eq!(metric(run, "held_back_ratio"), 0.0);
    }
}

#[test]
fn who_runs_out_of_attempts_was_denied_nothing() {
    let runs = coin("0.5", &[ONCE, "policy.fixed.attempts=2"]);
    assert_near("failed", values(&runs, |o| metric(o, "failed_ratio")), 0.25);
    for run in &runs {
        assert_eq!(metric(run, "no_budget_ratio"), 0.0);
        assert_eq!(metric(run, "held_back_ratio"), 0.0);
    }
}

/// Calls a tenth of a second apart, all of which fail: the first two reach the service.
#[test]
fn an_open_breaker_holds_back_what_comes() {
    let apart = [
        "callers.count=1",
        "callers.arrival=periodic",
        "callers.every=100ms",
    ];
    for (scope, sent) in [("all", 2.0), ("retries", 0.0)] {
        let scope = format!("policy.fixed.breaker.scope={scope}");
        let mut settings = vec!["policy.fixed.attempts=1", OPENS, &scope];
        settings.extend(apart);
        for run in coin("1", &settings) {
            let judged = metric(&run, "judged_calls");
            let held = metric(&run, "held_back_ratio") * judged;
            // A breaker of retries alone has none to hold back.
            let expected = if sent > 0.0 { judged - sent } else { 0.0 };
            assert!(
                (held - expected).abs() < 1e-6,
                "{scope}: {held} of {judged}"
            );
            assert_eq!(metric(&run, "no_budget_ratio"), 0.0);
        }
    }
    let mut settings = vec![
        "policy.fixed.attempts=3",
        OPENS,
        "policy.fixed.breaker.scope=retries",
    ];
    settings.extend(apart);
    for run in coin("1", &settings) {
        // Every call ends with a retry that the open breaker denies, the first one too.
        assert_eq!(metric(&run, "held_back_ratio"), 1.0);
        let attempts = metric(&run, "attempts") - metric(&run, "calls");
        assert_eq!(attempts, 1.0, "the breaker opens at the second failure");
    }
}

#[test]
fn three_attempts_of_a_call_while_all_fail() {
    let open = [
        "faults=[\"errors(100%)@10s+10s\"]",
        "callers.rate=1/s",
        "policy.fixed.attempts=3",
    ];
    for run in coin("0", &open) {
        let [attempts, calls] = ["attempts_during", "calls_during"].map(|name| metric(&run, name));
        // 20,000 calls, of which some ten are under way at either end.
        assert!(
            (attempts / calls - 3.0).abs() < 0.005,
            "{attempts} of {calls}"
        );
        assert!((calls - 20_000.0).abs() < 4.0 * 20_000f64.sqrt(), "{calls}");
    }
    for run in coin("0", &["callers.rate=1/s"]) {
        assert!(metric(&run, "attempts_during").is_nan());
    }
}

#[test]
fn a_stall_queues_what_arrives() {
    let stalled = scenario(&[
        "faults=[\"stall@10s+1s\"]",
        "run.horizon=30s",
        "callers.count=2000",
        "callers.rate=1/s",
        "service.service_time=exp(5ms)",
        "compare=[\"none\"]",
        "policy.none.timeout=none",
    ]);
    // Nothing starts for a second in which 2,000 arrive, and hardly any waited before.
    let runs = outcomes(&stalled, 0, 12);
    assert_near(
        "queue",
        values(&runs, |o| metric(o, "longest_queue")),
        2_000.0,
    );
}
