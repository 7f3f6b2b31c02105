//! What holds in every run of every configuration.

mod common;

use common::{column, outcomes, scenario};
use herdsim_core::herd::Outcome;
use proptest::prelude::*;

fn check(o: &Outcome) {
    let (t, left) = (&o.total, &o.residue);
    // Little's law to the nanosecond: what was waited is what stood waiting.
    assert_eq!(t.queue_ns, t.waited_ns + left.queued_ns, "queue");
    assert_eq!(t.busy_ns, t.served_ns + left.serving_ns, "service");
    assert_eq!(t.calls_ns, t.ended_ns + left.calls_ns, "calls");
    // Nothing is lost or invented.
    assert_eq!(t.calls, t.ok + t.failed + left.calls);
    assert!(t.attempts >= t.calls && t.offered <= t.attempts);
    assert!(t.wasted <= t.served && t.wasted_ns <= t.served_ns);
    assert!(o.waits.len() == o.total.judged_ok);
    assert!(o.total.judged_ok + o.total.judged_failed <= o.total.judged);
    assert!(o.total.judged <= o.window.calls && o.total.judged_ok <= o.window.ok);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn books_balance(
        arrival in prop::sample::select(vec![
            "arrival='open'", "arrival='closed'", "arrival='once'",
            "arrival='closed',think='gamma(shape=3,mean=500ms)'",
            "arrival='once',spread='exp(2s)'",
        ]),
        rate in 0.2f64..3.0,
        servers in 1u32..12,
        law in prop::sample::select(vec![
            "exp(80ms)", "80ms", "gamma(shape=0.5,mean=80ms)", "pareto(scale=20ms,alpha=1.5)",
        ]),
        queue in prop::sample::select(vec![0u32, 3, 40, 1000]),
        discipline in prop::sample::select(vec!["fifo", "lifo"]),
        drop_expired in any::<bool>(),
        cancel in prop::sample::select(vec!["none", "queued", "all"]),
        network in prop::sample::select(vec!["0s", "15ms", "exp(20ms)"]),
        timeout in prop::sample::select(vec!["100ms", "400ms", "none"]),
        deadline in prop::sample::select(vec!["none", "900ms"]),
        attempts in 1u32..7,
        backoff in prop::sample::select(vec![
            "none", "fixed(200ms)", "linear(100ms)", "random(exp(100ms))",
            "exponential(base=50ms,multiplier=3,cap=1s)",
        ]),
        jitter in prop::sample::select(vec!["none", "full", "equal", "additive(50ms)"]),
        budget in prop::sample::select(vec![
            "'none'",
            "{ kind='token-bucket', capacity=3, deposit_per_call=0.1 }",
            "{ kind='token-bucket', capacity=5, cost=2, timeout_cost=3, refund=true, deposit_per_success=0.5 }",
            "{ kind='ratio', ratio=0.2, window='2s', min_per_s=1 }",
        ]),
        faults in prop::sample::select(vec![
            "[]", "['crash@2s+1s']", "['crash@2s+1s~2s', 'surge(3)@1s+3s']",
            "['stall@2s+1s', 'errors(50%)@1s+3s~1s']", "['stall@1s+1s~2s', 'capacity(20%)@3s+2s~1s']",
            "['slow(4)@2s+2s~1s', 'loss(30%)@1s+5s']", "['blackhole@2s+1s', 'crash@2500ms+1s']",
        ]),
        seed in 0u64..1000,
    ) {
        let once = arrival.contains("once");
        let faults = if once { faults.replace(", 'surge(3)@1s+3s'", "") } else { faults.to_string() };
        let rate = if arrival == "arrival='open'" { format!(",rate='{rate}/s'") } else { String::new() };
        let settings = [
            format!("callers={{count=60,clients=7,{arrival}{rate}}}"),
            format!("service={{servers={servers},service_time='{law}',queue={queue},discipline='{discipline}',drop_expired={drop_expired},cancel='{cancel}'}}"),
            format!("network={{out='{network}',back='{network}'}}"),
            format!("policy.fixed.timeout={timeout}"),
            format!("policy.fixed.deadline={deadline}"),
            format!("policy.fixed.attempts={attempts}"),
            format!("policy.fixed.backoff='{backoff}'"),
            format!("policy.fixed.jitter={jitter}"),
            format!("policy.fixed.budget={budget}"),
            format!("faults={faults}"),
            format!("run={{seed={seed},horizon='8s',warmup='1s'}}"),
            "compare=['fixed']".to_string(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let s = scenario(&settings);
        for o in outcomes(&s, 0, 2) {
            check(&o);
        }
        // A run is a function of its scenario and streams.
        let (a, b) = (&outcomes(&s, 0, 1)[0], &outcomes(&s, 0, 1)[0]);
        prop_assert_eq!(a.total, b.total);
        // What is written reads back to the same scenario.
        let again = herdsim_core::scenario::Scenario::parse("again", &s.to_toml()).unwrap();
        prop_assert_eq!(again, s);
    }

    /// No sequence of calls, successes and failures takes more than was granted.
    #[test]
    fn budgets_never_overdraw(
        steps in prop::collection::vec((0u8..3, 0u64..100_000_000), 1..300),
        capacity in 1u64..20_000_000,
        cost in 1u64..5_000_000,
        deposit in 0u64..1_000_000,
        refund in any::<bool>(),
    ) {
        use herdsim_core::herd::budget::Budgets;
        use herdsim_core::scenario::policy::{Budget, Failure, TokenBucket};
        use herdsim_core::units::Tokens;
        let rule = TokenBucket {
            capacity: Tokens(capacity),
            initial: Tokens(capacity / 2),
            cost: Tokens(cost),
            timeout_cost: Tokens(2 * cost),
            throttle_cost: Tokens(cost),
            deposit_per_call: Tokens(deposit),
            deposit_per_success: Tokens(deposit / 2),
            deposit_after_retry: Tokens(0),
            refund,
            strict: false,
        };
        let mut budgets = Budgets::new(Some(&Budget::TokenBucket(rule)), 1);
        // The same bucket kept by hand.
        let mut tokens = capacity / 2;
        let mut now = 0;
        for (what, pause) in steps {
            now += pause;
            match what {
                0 => {
                    budgets.call_started(0, now);
                    tokens = (tokens + deposit).min(capacity);
                }
                1 => {
                    budgets.call_succeeded(0, Some(Failure::Timeout), now);
                    tokens = (tokens + if refund { 2 * cost } else { 0 }).min(capacity);
                }
                _ => {
                    let allowed = tokens >= 2 * cost;
                    prop_assert_eq!(budgets.withdraw(0, Failure::Timeout, now), allowed);
                    tokens -= if allowed { 2 * cost } else { 0 };
                }
            }
            prop_assert!((budgets.mean_tokens(0) - tokens as f64 / 1e6).abs() < 1e-9);
        }
    }
}

#[test]
fn policies_in_one_run_meet_the_same_calls() {
    let s = scenario(&["run.bin=1ms", "run.horizon=15s"]);
    // Every call's first attempt is sent as it starts, so that its instant
    // shows in the bins of 1 ms.
    let calls = |policy| {
        let column = column("first_attempts_per_s");
        let outcomes = outcomes(&s, policy, 2);
        let series = outcomes
            .iter()
            .map(|o| o.series.iter().map(|bin| bin[column]));
        series.flatten().collect::<Vec<f64>>()
    };
    assert!(calls(0).len() == 2 * 15_000);
    assert!(calls(0) == calls(1));
    assert!(calls(0) == calls(2));
}
