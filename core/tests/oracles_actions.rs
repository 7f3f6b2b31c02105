//! What is done about a fault does what it says, by counts that are known beforehand.

mod common;

use common::{column, engine, outcomes, scenario};
use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Outcome, RECOVERED_RATIO, UTILISATION};
use herdsim_core::scenario::Scenario;

/// The sum of a rate over [from, to) seconds, bins of 100 ms.
fn sum(outcome: &Outcome, name: &str, from: f64, to: f64) -> f64 {
    let c = column(name);
    let bins = &outcome.series[(from * 10.0).round() as usize..(to * 10.0).round() as usize];
    bins.iter().map(|b| b[c]).sum::<f64>() / 10.0
}

/// 1,000 calls/s of 50 ms at as many servers: nobody waits, and nothing goes wrong.
fn roomy(settings: &[&str]) -> Scenario {
    let mut all = vec![
        "callers.count=1000",
        "compare=['none']",
        "service.servers=1000",
        "service.service_time=50ms",
        "policy.none.timeout=10s",
        "faults=[]",
        "run={warmup='2s',horizon='30s'}",
    ];
    all.extend(settings);
    scenario(&all)
}

/// Whether a count of `n` trials is that of chance `p`, at z = 4.
fn assert_binomial(count: f64, n: f64, p: f64) {
    let sd = (n * p * (1.0 - p)).sqrt();
    assert!((count - n * p).abs() <= 4.0 * sd, "{count} of {n}, {p}");
}

#[test]
fn a_share_is_rejected_at_the_door_and_costs_nothing() {
    let s = roomy(&["actions=['reject(70%)@10s+5s~4s']"]);
    for o in outcomes(&s, 0, 2) {
        let offered = sum(&o, "offered_per_s", 10.0, 15.0);
        let rejected = sum(&o, "rejected_per_s", 10.0, 15.0);
        assert_binomial(rejected, offered, 0.7);
        // It fades linearly over 4 s: in its second second from 3/4 to 2/4.
        let offered = sum(&o, "offered_per_s", 16.0, 17.0);
        assert_binomial(
            sum(&o, "rejected_per_s", 16.0, 17.0),
            offered,
            0.7 * 5.0 / 8.0,
        );
        assert_eq!(sum(&o, "rejected_per_s", 0.0, 10.0), 0.0);
        assert_eq!(sum(&o, "rejected_per_s", 19.0, 30.0), 0.0);
        // All else is served: none of the rejected has held a server.
        let started = o.total.served + o.residue.serving;
        assert_eq!(started, o.total.offered - o.total.rejected);
    }
}

#[test]
fn a_pause_thins_calls_and_leaves_the_others_alone() {
    let (paused, plain) = (roomy(&["actions=['pause(80%)@10s+5s']"]), roomy(&[]));
    let pairs = outcomes(&paused, 0, 2)
        .into_iter()
        .zip(outcomes(&plain, 0, 2));
    for (o, without) in pairs {
        for (from, to) in [(0.0, 10.0), (15.0, 30.0)] {
            let calls = |o| sum(o, "first_attempts_per_s", from, to).round();
            assert_eq!(calls(&o), calls(&without));
        }
        let calls = sum(&without, "first_attempts_per_s", 10.0, 15.0);
        assert_binomial(sum(&o, "first_attempts_per_s", 10.0, 15.0), calls, 0.2);
        assert_eq!(o.total.calls, o.total.ok + o.residue.calls);
    }
}

#[test]
fn callers_with_one_call_at_a_time_wait_for_the_end_of_a_pause() {
    for think in ["1s", "exp(1s)"] {
        let think = format!("callers={{count=1000,arrival='closed',think='{think}'}}");
        let s = roomy(&["actions=['pause(100%)@10s+6s~2s']", &think]);
        for o in outcomes(&s, 0, 2) {
            assert_eq!(sum(&o, "first_attempts_per_s", 10.0, 16.0), 0.0);
            // Of those with exponential think times e⁻⁶ think for longer than the pause.
            let waited = if think.contains("exp") {
                1.0 - (-6.0f64).exp()
            } else {
                1.0
            };
            // A quarter of them call within a quarter of the spread; of those some call again
            // at once where think times are exponential.
            let first = sum(&o, "first_attempts_per_s", 16.0, 16.5);
            let again = if think.contains("exp") { 0.06 } else { 0.0 };
            let sd = (1000.0f64 * 0.25 * 0.75).sqrt();
            let low = 1000.0 * waited * 0.25 - 4.0 * sd;
            let high = 1000.0 * (0.25 + again) + 4.0 * sd;
            assert!((low..=high).contains(&first), "{first}");
        }
    }
    // All once, within a pause: all of them call in its spread.
    let once = "callers={count=1000,arrival='once',at='11s',spread='uniform(0s,4s)'}";
    let s = roomy(&["actions=['pause(100%)@10s+6s~2s']", once]);
    for o in outcomes(&s, 0, 2) {
        assert_eq!(sum(&o, "first_attempts_per_s", 0.0, 16.0), 0.0);
        assert_eq!(sum(&o, "first_attempts_per_s", 16.0, 18.0).round(), 1000.0);
        assert_binomial(sum(&o, "first_attempts_per_s", 16.0, 17.0), 1000.0, 0.5);
    }
}

#[test]
fn a_restart_is_a_crash_that_nobody_counts_as_a_fault() {
    let crash = scenario(&["faults=['crash@10s+2s']", "run.horizon=20s"]);
    let restart = scenario(&[
        "faults=[]",
        "actions=['restart(2s)@10s']",
        "run.horizon=20s",
    ]);
    for (a, b) in outcomes(&crash, 0, 2).iter().zip(outcomes(&restart, 0, 2)) {
        assert_eq!(a.total, b.total);
    }
    assert!(restart.harm().is_none());
}

#[test]
fn servers_come_and_go_again() {
    // 10 servers of 50 ms, asked for 1,000/s: they are busy throughout.
    for (action, later) in [
        ("actions=['scale(3)@10s']", 600.0),
        ("actions=['scale(3)@10s+10s']", 200.0),
    ] {
        let s = roomy(&[action, "service.servers=10", "service.queue=100"]);
        for o in outcomes(&s, 0, 2) {
            let served = |from, to| sum(&o, "goodput_per_s", from, to) / (to - from);
            assert!((served(5.0, 10.0) - 200.0).abs() <= 1.0);
            assert!((served(10.5, 20.0) - 600.0).abs() <= 1.0);
            assert!(
                (served(20.5, 30.0) - later).abs() <= 1.0,
                "{}",
                served(20.5, 30.0)
            );
            // Busy for as long as they are there.
            let busy = o.metrics[UTILISATION];
            assert!((busy - 1.0).abs() < 2e-3, "{busy}");
        }
    }
    // They come one after the other: 15 of the 20 by three quarters of the ramp.
    let s = roomy(&[
        "actions=['scale(3)@10s~4s']",
        "service.servers=10",
        "service.queue=100",
    ]);
    for o in outcomes(&s, 0, 2) {
        let busy = sum(&o, "busy_servers", 12.9, 13.1) / 0.2;
        assert!((busy - 25.0).abs() <= 1.0, "{busy}");
    }
}

#[test]
fn a_queue_that_is_cleared_is_rejected_and_what_is_served_goes_on() {
    // 1,000/s against 200/s: after 2 s some 1,600 wait, of which 10 are served.
    let s = roomy(&[
        "actions=['clear@2s']",
        "service.servers=10",
        "service.queue=5000",
        "run={warmup='1s',horizon='4s'}",
    ]);
    for o in outcomes(&s, 0, 2) {
        let waiting =
            sum(&o, "offered_per_s", 0.0, 2.0) - 10.0 - sum(&o, "goodput_per_s", 0.0, 2.0);
        assert_eq!(o.total.rejected as f64, waiting.round());
        assert_eq!(o.total.wasted, 0);
        assert!((sum(&o, "goodput_per_s", 2.0, 3.0) - 200.0).abs() <= 10.0);
    }
}

#[test]
fn calls_that_start_later_are_made_with_another_policy() {
    // Everything fails: attempts of a call are as many as its policy makes.
    let s = Scenario::parse(
        "policies.toml",
        r#"
        compare = ["five"]
        faults = ["errors(100%)@0s+30s"]
        actions = ["policy(once)@10s"]
        run = { horizon = "30s" }
        callers = { count = 1000 }
        service = { servers = 1000, service_time = "50ms" }
        policy.five = { attempts = 5, backoff = "fixed(10ms)", timeout = "10s" }
        policy.once = { extends = "five", attempts = 1 }
        "#,
    )
    .unwrap();
    assert_eq!(s.policies.len(), 2);
    for o in outcomes(&s, 0, 2) {
        let attempts = |from, to| sum(&o, "offered_per_s", from, to);
        let calls = |from, to| sum(&o, "first_attempts_per_s", from, to);
        // A call lasts some 300 ms: none of before is left half a second later.
        assert_eq!(attempts(10.5, 30.0), calls(10.5, 30.0));
        let ratio = attempts(1.0, 10.0) / calls(1.0, 10.0);
        assert!((ratio - 5.0).abs() < 0.05, "{ratio}");
    }
    // The row beside it goes on as before.
    let row = &s.policies[1];
    assert_eq!(row.0, "five, no action");
    assert!(!row.1.acts && row.1.attempts == 5);
}

/// The default scenario, whose collapse is met at 30 s; numbers of an independent simulator,
/// of which six runs each agreed.
#[test]
fn what_ends_the_collapse_of_the_default_scenario() {
    let workers = Workers::new(2).unwrap();
    let recovers = |policy: &str, action: &str| {
        let settings = [
            format!("compare=['{policy}']"),
            format!("actions=['{action}']"),
            "no_action_row=false".to_string(),
            "run.replications=4".to_string(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let watch = Watch {
            engine: engine(),
            ..Watch::default()
        };
        let results = run_watched(&scenario(&settings), &workers, Keep::Metrics, &watch);
        results.policies[0].metric(RECOVERED_RATIO).mean
    };
    for (policy, action, expected) in [
        ("fixed", "pause(80%)@30s+10s", 1.0),
        ("fixed", "pause(80%)@30s+6s", 0.0),
        ("fixed", "pause(50%)@30s+20s", 0.0),
        ("fixed", "reject(80%)@30s+10s", 0.0),
        ("fixed", "reject(95%)@30s+20s", 0.0),
        ("fixed", "restart@30s", 0.0),
        ("full-jitter", "reject(80%)@30s+10s", 1.0),
        ("full-jitter", "reject(90%)@30s+10s", 0.0),
        ("full-jitter", "pause(80%)@30s+6s", 1.0),
        ("full-jitter", "pause(80%)@30s+3s", 0.0),
    ] {
        assert_eq!(recovers(policy, action), expected, "{policy}: {action}");
    }
}
