//! What holds in every run of every configuration.

mod common;

use common::{column, outcomes, random_scenario, scenario};
use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{METRICS, find};
use proptest::prelude::*;

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
            "['slow(4)@2s+2s~1s', 'loss(30%)@1s+5s']", "['refuse(30%)@1s+2s', 'delay(exp(50ms))@2s+3s~1s']", "['blackhole@2s+1s', 'crash@2500ms+1s']",
        ]),
        actions in prop::sample::select(vec![
            "[]", "[]", "['reject(70%)@3s+1s~1s', 'clear@3500ms']", "['restart@3s', 'scale(2)@4s+2s']",
            "['pause(90%)@3s+1s~1s', 'policy(grpc)@3s']", "['scale(0.6)@2s~2s', 'policy(budget)@1s', 'policy(sre)@3s']",
            "['policy(grpc-hedging)@2s', 'restart(1s)@4s', 'scale(3)@3s~1s']",
        ]),
        world in prop::sample::select(vec![
            "", "", "", ",hosts=3,balance='least(2)'", ",hosts=2,balance='round-robin',view='client'",
            ",limit='20/s',retry_after='token'", ",hosts=4,balance='least',limit={rate='40/s',burst=3}",
        ]),
        policy in prop::sample::select(vec![
            "{}", "{}", "{late='accept'}", "{elsewhere=true}", "{from='start',late='accept'}",
            "{eject={failures=2,for='500ms',interval='200ms',at_most='50%'}}",
            "{breaker={window=5,min_calls=5,open_for='300ms',scope='host'}}",
        ]),
        hit in prop::sample::select(vec!["", "", "'crash(host=1)@2s+1s~1s'", "'delay(60ms,hosts=50%)@900ms+2s'"]),
        calls in prop::sample::select(vec!["", "", ",fan_out=3", ",sequence=2", ",fan_out=2,sequence=2"]),
        seed in 0u64..1000,
    ) {
        let once = arrival.contains("once");
        let faults = if once { faults.replace(", 'surge(3)@1s+3s'", "") } else { faults.to_string() };
        let is_of_hosts = ["elsewhere", "eject", "scope"].iter().any(|part| policy.contains(part));
        let one = if is_of_hosts || !hit.is_empty() { ",hosts=1" } else { "" };
        let world = if world.contains("hosts") { world.to_string() } else { format!("{world}{one}") };
        let faults = match (hit, faults.as_str()) {
            ("", _) => faults,
            (hit, "[]") => format!("[{hit}]"),
            (hit, some) => some.replacen('[', &format!("[{hit}, "), 1),
        };
        let rate = if arrival == "arrival='open'" { format!(",rate='{rate}/s'") } else { String::new() };
        let settings = [
            format!("callers={{count=60,clients=7,{arrival}{rate}{calls}}}"),
            format!("service={{servers={servers},service_time='{law}',queue={queue},discipline='{discipline}',drop_expired={drop_expired},cancel='{cancel}'{world}}}"),
            format!("policy.fixed={policy}"),
            format!("network={{out='{network}',back='{network}'}}"),
            format!("policy.fixed.timeout={timeout}"),
            format!("policy.fixed.deadline={deadline}"),
            format!("policy.fixed.attempts={attempts}"),
            format!("policy.fixed.backoff='{backoff}'"),
            format!("policy.fixed.jitter={jitter}"),
            format!("policy.fixed.budget={budget}"),
            format!("faults={faults}"),
            format!("actions={actions}"),
            format!("run={{seed={seed},horizon='8s',warmup='1s'}}"),
            "compare=['fixed']".to_string(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let s = scenario(&settings);
        for o in outcomes(&s, 0, 2) {
            prop_assert_eq!(o.unbalanced(), None);
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

/// Whatever is simulated: the shares of judged calls sum to 1 in every replication, no metric
/// lies outside its domain, no interval beside its mean, and nothing is infinite.
#[test]
fn metrics_of_random_scenarios_lie_where_they_can() {
    let workers = Workers::new(2).unwrap();
    let [answered, failed, waiting] =
        ["answered_ratio", "failed_ratio", "waiting_ratio"].map(|name| find(name).unwrap());
    for seed in 0..150 {
        let (text, scenario) = random_scenario(seed);
        let results = run_watched(&scenario, &workers, Keep::Everything, &Watch::default());
        let mut tiers: Vec<_> = results.policies.iter().flat_map(|p| p.tiers()).collect();
        tiers.sort_by(|a, b| a.name.cmp(&b.name));
        for policy in tiers {
            for sample in &policy.raw {
                let sum = sample[answered] + sample[failed] + sample[waiting];
                assert!(sum.is_nan() || (sum - 1.0).abs() < 1e-12, "{sum}\n{text}");
                for entry in METRICS {
                    let value = sample[find(entry.metric.name).unwrap()];
                    let name = entry.metric.name;
                    assert!(!value.is_infinite(), "{name}\n{text}");
                    assert_eq!(
                        entry.metric.domain.refuses(value),
                        None,
                        "{name} {value}\n{text}"
                    );
                }
            }
            for entry in METRICS {
                let e = policy.metric(find(entry.metric.name).unwrap());
                let name = entry.metric.name;
                assert!(e.low.is_nan() == e.high.is_nan(), "{name} {e:?}\n{text}");
                assert!(
                    e.low.is_nan() || e.low <= e.mean && e.mean <= e.high,
                    "{name} {e:?}\n{text}"
                );
                for x in [e.mean, e.low, e.high] {
                    assert!(!x.is_infinite(), "{name} {e:?}\n{text}");
                    assert_eq!(entry.metric.domain.refuses(x), None, "{name} {e:?}\n{text}");
                }
            }
        }
    }
}
