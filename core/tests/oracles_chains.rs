//! Chains of services: what each makes of a call, against products and sums.

mod common;

use common::{metric, outcomes, scenario};
use herdsim_core::herd::Outcome;

/// Three services in a row of which the last always fails.
fn chain(settings: &[&str]) -> herdsim_core::scenario::Scenario {
    let tiers = "service=[{name=\"front\",servers=4000,service_time=\"1ms\"},{name=\"middle\",servers=4000,service_time=\"1ms\"},{name=\"db\",kind=\"coin\",failure_ratio=1,response_time=\"1ms\"}]";
    let mut all = vec![
        tiers,
        "faults=[]",
        "run.horizon=10s",
        "run.warmup=0s",
        "callers.count=100",
        "callers.rate=5/s",
    ];
    if settings.iter().all(|s| !s.starts_with("compare")) {
        all.extend([
            "compare=[\"fixed\"]",
            "policy.fixed.attempts=3",
            "policy.fixed.backoff=none",
            "policy.fixed.timeout=none",
        ]);
    }
    all.extend(settings);
    scenario(&all)
}

#[test]
fn three_attempts_at_three_services_are_twenty_seven() {
    for free in ["false", "true"] {
        let front = format!("service.front.async={free}");
        let s = chain(&[&front, "callers.arrival=once"]);
        let runs = outcomes(&s, 0, 2);
        for run in &runs {
            assert_eq!(metric(run, "calls"), 100.0);
            assert_eq!(metric(run, "attempts"), 300.0);
            let [middle, db] = &run.tiers[..] else {
                panic!("three services");
            };
            assert_eq!(
                (metric(middle, "calls"), metric(middle, "attempts")),
                (300.0, 900.0)
            );
            assert_eq!(
                (metric(db, "calls"), metric(db, "attempts")),
                (900.0, 2700.0)
            );
            assert_eq!(metric(run, "success_ratio"), 0.0);
        }
    }
}

#[test]
fn a_tier_has_a_policy_of_its_own() {
    let s = chain(&[
        "callers.arrival=once",
        "service.middle.policy=none",
        "policy.none.timeout=none",
    ]);
    let run = &outcomes(&s, 0, 1)[0];
    assert_eq!(metric(&run.tiers[1], "attempts"), 900.0);
    assert_eq!(metric(&run.tiers[1], "attempts_per_call"), 1.0);
}

#[test]
fn a_healthy_chain_takes_the_sum_of_its_services() {
    // Blocking: the front is busy for its own millisecond and for 2 ms below.
    let s = chain(&["service.db.failure_ratio=0"]);
    let runs = outcomes(&s, 0, 4);
    for run in &runs {
        assert_eq!(metric(run, "success_ratio"), 1.0);
        let p50 = metric(run, "latency_p50_s");
        assert!((p50 - 3e-3).abs() < 1e-5, "{p50}");
        // Little: 500 calls/s × 3 ms and × 2 ms.
        let busy = |o: &Outcome| o.total.busy_ns as f64 / 10e9;
        assert!((busy(run) / 1.5 - 1.0).abs() < 0.1);
        assert!((busy(&run.tiers[0]) / 1.0 - 1.0).abs() < 0.1);
    }
    let freed = chain(&["service.db.failure_ratio=0", "service.front.async=true"]);
    let run = &outcomes(&freed, 0, 1)[0];
    assert!((run.total.busy_ns as f64 / 10e9 / 0.5 - 1.0).abs() < 0.1);
}

#[test]
fn a_crash_in_the_middle_abandons_what_is_below() {
    let s = chain(&[
        "service.db.failure_ratio=0",
        "service.db.response_time=100ms",
        "faults=[\"crash(tier=middle)@3s+2s\"]",
        "policy.fixed.attempts=1",
    ]);
    let run = &outcomes(&s, 0, 1)[0];
    let (middle, db) = (&run.tiers[0], &run.tiers[1]);
    assert!(middle.total.reset > 20 && middle.total.refused > 700);
    // Calls to the database of attempts that crashed fail for the middle, and
    // are answered all the same.
    assert_eq!(db.total.failed, middle.total.reset);
    assert_eq!(
        db.total.wasted, middle.total.reset,
        "their work goes on, unawaited"
    );
}

#[test]
fn a_chain_under_faults_keeps_its_books() {
    for name in [
        "grpc-hedging",
        "envoy-budget",
        "aws-adaptive",
        "sre",
        "linkerd",
    ] {
        let s = chain(&[
            "service.db.failure_ratio=0.3",
            "service.front.cancel=all",
            "service.middle.cancel=all",
            "service.db.cancel=all",
            "service.db.response_time=exp(100ms)",
            &format!("compare=[\"{name}\"]"),
            &format!("policy.{name}.timeout=200ms"),
            "faults=[\"crash(tier=middle)@2s+1s\",\"stall(tier=front)@4s+1s\",\"loss(20%)@6s+1s\"]",
        ]);
        let run = &outcomes(&s, 0, 1)[0];
        for tier in std::iter::once(run).chain(&run.tiers) {
            let known = tier.total.ok + tier.total.failed + tier.residue.calls;
            assert_eq!(known, tier.total.calls, "{name}");
        }
    }
}
