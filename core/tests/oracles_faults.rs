//! Each fault does what it says, to the attempt where nothing is left to chance.

mod common;

use common::{assert_near, column, metric, outcomes, samples, scenario, values};
use herdsim_core::herd::{Outcome, find};

/// Mean of a column over the bins of [from, to) seconds, bins of 100 ms.
fn mean(outcome: &Outcome, name: &str, from: f64, to: f64) -> f64 {
    let c = column(name);
    let bins = &outcome.series[(from * 10.0) as usize..(to * 10.0) as usize];
    bins.iter().map(|b| b[c]).sum::<f64>() / bins.len() as f64
}

/// Many servers, no waiting, no retries: 1,000 calls/s of 50 ms.
fn roomy<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![
        "callers.count=1000",
        "compare=['none']",
        "service.servers=1000",
        "service.service_time=50ms",
        "run.warmup=2s",
        "run.horizon=30s",
    ];
    all.extend(settings);
    all
}

#[test]
fn crash_resets_what_is_there_and_refuses_what_comes() {
    for time in ["50ms", "exp(50ms)", "gamma(shape=2,mean=50ms)"] {
        let time_setting = format!("service.service_time='{time}'");
        let s = scenario(&roomy(&[
            "faults=['crash@10s+2s']",
            "policy.none.timeout=10s",
            &time_setting,
        ]));
        for o in outcomes(&s, 0, 2) {
            assert_eq!(mean(&o, "goodput_per_s", 10.0, 12.0), 0.0);
            assert_eq!(mean(&o, "busy_servers", 10.0, 12.0), 0.0);
            let refused = mean(&o, "offered_per_s", 10.0, 12.0) * 2.0;
            assert_eq!(o.total.refused, refused.round() as u64);
            assert!(
                (25..80).contains(&o.total.reset),
                "{} of about 50",
                o.total.reset
            );
            assert_eq!(o.total.failed, o.total.refused + o.total.reset);
        }
    }
}

#[test]
fn crash_empties_the_queue() {
    let s = scenario(&[
        "faults=['crash@10s+2s']",
        "compare=['none']",
        "callers.rate=2/s",
        "policy.none.timeout=20s",
        "run.horizon=13s",
    ]);
    for o in outcomes(&s, 0, 2) {
        // 10,000/s against 7,143/s for 10 s: the queue of 5,000 is full, or
        // was until a server finished a moment ago.
        assert!(
            (5_090..=5_100).contains(&o.total.reset),
            "{}",
            o.total.reset
        );
        assert_eq!(mean(&o, "queue_length", 10.1, 12.0), 0.0);
    }
}

#[test]
fn stall_holds_work_where_it_stood() {
    let s = scenario(&roomy(&[
        "faults=['stall@10s+2s']",
        "policy.none.timeout=20s",
    ]));
    for o in outcomes(&s, 0, 2) {
        assert_eq!(mean(&o, "goodput_per_s", 10.0, 12.0), 0.0);
        assert_eq!(o.total.failed, 0);
        // What stood there finishes in the 50 ms after, what came meanwhile 50 ms later.
        let queued = mean(&o, "offered_per_s", 10.0, 12.0) * 2.0;
        let answered = mean(&o, "goodput_per_s", 12.0, 12.1) * 0.1;
        assert!(
            answered > 1000.0 && answered < queued,
            "{answered} of {queued}"
        );
        // Every attempt in service as the stall began took 2 s longer, no other:
        // they are the only ones over 2 s without having waited.
        assert_eq!(o.total.served_ns % 50_000_000, 0);
        let stood = (o.total.served_ns / 50_000_000 - u128::from(o.total.served)) / 40;
        assert!((20..90).contains(&stood), "{stood}");
    }
}

#[test]
fn a_fading_stall_speeds_up_linearly() {
    // Speed 0 for 2 s, then 0 → 1 over 4 s. Work of 1 s that starts at 12 s, when
    // the ramp begins, ends when ∫ x/4 dx = 1: after √8 s.
    let s = scenario(&[
        "faults=['stall@10s+2s~4s']",
        "callers.count=1",
        "callers.arrival=once",
        "callers.at=11s",
        "service.service_time=1s",
        "compare=['none']",
        "policy.none.timeout=none",
    ]);
    let o = &outcomes(&s, 0, 1)[0];
    let latency = o.total.ended_ns as f64 / 1e9;
    assert!((latency - (1.0 + 8f64.sqrt())).abs() < 1e-6, "{latency}");
}

#[test]
fn blackhole_swallows_arrivals() {
    let s = scenario(&roomy(&[
        "faults=['blackhole@10s+5s']",
        "policy.none.timeout=250ms",
    ]));
    for o in outcomes(&s, 0, 2) {
        let swallowed = mean(&o, "offered_per_s", 10.0, 15.0) * 5.0;
        assert_eq!(o.total.timed_out, swallowed.round() as u64);
    }
}

#[test]
fn errors_come_after_the_work_with_their_probability() {
    let s = scenario(&roomy(&["faults=['errors(30%)@5s+25s']"]));
    let runs = outcomes(&s, 0, 20);
    let share = |o: &Outcome| {
        o.total.errors as f64
            / (o.total.served as f64 - o.total.ok as f64
                + mean(o, "goodput_per_s", 5.0, 30.0) * 25.0)
    };
    assert_near("errors", values(&runs, share), 0.3);
    assert!(runs.iter().all(|o| o.total.errors == o.total.failed));
}

#[test]
fn lost_answers_time_out_and_their_work_is_done_again() {
    let s = scenario(&roomy(&[
        "compare=['fixed']",
        "policy.fixed.attempts=2",
        "policy.fixed.timeout=200ms",
        "policy.fixed.backoff=none",
        "faults=['loss(40%)@2s+28s']",
    ]));
    let runs = outcomes(&s, 0, 20);
    // The second attempt's work is a duplicate whether its answer is lost or not.
    assert_near(
        "duplicates per call",
        values(&runs, |o| {
            o.window.duplicates as f64 / o.window.calls as f64
        }),
        // 0.4 of the calls, less those whose retry runs past the end.
        0.4 * (1.0 - 0.25 / 28.0),
    );
    // Per second of calls 0.6 end well after 0.05 s, 0.24 after 0.25 s and
    // 0.16 fail after 0.4 s: of the 28 s, so much later do they begin to.
    let (first, second, neither) = (0.6 * 27.95, 0.24 * 27.75, 0.16 * 27.6);
    // The calls of the last moments before the loss end well, all of them.
    let before = 0.05;
    assert_near(
        "failed calls",
        values(&runs, |o| {
            o.window.failed as f64 / (o.window.ok + o.window.failed) as f64
        }),
        neither / (first + second + neither + before),
    );
}

#[test]
fn slow_capacity_and_surge_multiply() {
    let s = scenario(&roomy(&[
        "faults=['slow(3)@5s+5s', 'slow(2)@7s+3s']",
        "service.service_time=exp(50ms)",
        "policy.none.timeout=none",
    ]));
    let runs = outcomes(&s, 0, 20);
    assert_near(
        "3 × slower",
        values(&runs, |o| mean(o, "busy_servers", 6.0, 7.0)),
        150.0,
    );
    // 6 × 50 ms, approached as 300 (1 − e^(−t/300 ms)): 299.9 two seconds on.
    assert_near(
        "6 × slower",
        values(&runs, |o| mean(o, "busy_servers", 9.0, 10.0)),
        299.9,
    );

    let s = scenario(&roomy(&[
        "faults=['surge(3)@5s+5s~10s', 'surge(0)@25s+2s']",
    ]));
    let runs = outcomes(&s, 0, 20);
    let offered = |from, to| values(&runs, |o: &Outcome| mean(o, "offered_per_s", from, to));
    assert_near("surge", offered(5.0, 10.0), 3_000.0);
    assert_near("fading surge", offered(10.0, 15.0), 2_500.0);
    assert_near("fading surge", offered(15.0, 20.0), 1_500.0);
    assert_near("after the surge", offered(20.0, 25.0), 1_000.0);
    assert!(offered(25.0, 27.0).iter().all(|x| *x == 0.0));

    // Half the servers of an overloaded service: half the goodput.
    let s = scenario(&roomy(&[
        "faults=['capacity(50%)@5s+10s']",
        "service.servers=60",
        "service.service_time=50ms",
        "policy.none.timeout=none",
        "service.queue=100000",
    ]));
    for o in outcomes(&s, 0, 2) {
        assert_eq!(mean(&o, "goodput_per_s", 6.0, 15.0).round(), 600.0);
        assert!((mean(&o, "busy_servers", 6.0, 15.0) - 30.0).abs() < 1e-9);
        assert!((mean(&o, "busy_servers", 16.0, 20.0) - 60.0).abs() < 1e-9);
    }
}

#[test]
fn a_surge_speeds_thinkers_up_alike() {
    // Drawn together or one by one: rate N·x/(x·service + think) while x = 4.
    for think in ["exp(1s)", "gamma(shape=1,mean=1s)"] {
        let think_setting = format!("callers.think='{think}'");
        let s = scenario(&roomy(&[
            "callers.arrival=closed",
            &think_setting,
            "faults=['surge(4)@10s+10s']",
        ]));
        assert_near(
            think,
            values(&outcomes(&s, 0, 20), |o| {
                mean(o, "offered_per_s", 12.0, 20.0)
            }),
            1000.0 / (0.25 + 0.05),
        );
    }
}

#[test]
fn deadline_ends_a_call_and_caps_its_last_attempt() {
    // Nothing is ever answered: attempts at 0, 300 and 600 ms (timeout 200 ms,
    // delay 100 ms); the third is cut at the deadline of 700 ms, and no fourth fits.
    let s = scenario(&[
        "faults=['blackhole@0s+60s']",
        "callers.count=10",
        "callers.arrival=once",
        "compare=['fixed']",
        "policy.fixed.timeout=200ms",
        "policy.fixed.backoff='fixed(100ms)'",
        "policy.fixed.deadline=700ms",
    ]);
    let o = &outcomes(&s, 0, 1)[0];
    assert_eq!(
        (o.total.attempts, o.total.timed_out, o.total.failed),
        (30, 30, 10)
    );
    assert_eq!(o.total.ended_ns, 10 * 700_000_000);
}

#[test]
fn only_the_failures_asked_for_are_retried() {
    for (kinds, attempts) in [("['timeout']", 1.0), ("['error']", 6.0), ("[]", 1.0)] {
        let retry_on = format!("policy.fixed.retry_on={kinds}");
        let s = scenario(&roomy(&[
            "compare=['fixed']",
            "faults=['errors(100%)@0s+30s']",
            "callers.arrival=once",
            &retry_on,
        ]));
        let o = &outcomes(&s, 0, 1)[0];
        assert_eq!(
            o.total.attempts as f64 / o.total.calls as f64,
            attempts,
            "{kinds}"
        );
    }
}

#[test]
fn the_network_delays_both_ways() {
    let s = scenario(&roomy(&[
        "faults=[]",
        "network.out=30ms",
        "network.back=20ms",
        "policy.none.timeout=100ms",
    ]));
    // 30 + 50 + 20 ms arrives at the very moment of the timeout, and counts.
    let o = &outcomes(&s, 0, 1)[0];
    assert_eq!(o.total.failed, 0);
    assert_eq!(o.total.ended_ns, u128::from(o.total.ok) * 100_000_000);
    let s = scenario(&roomy(&[
        "faults=[]",
        "network.out='uniform(0s,60ms)'",
        "network.back='exp(20ms)'",
        "policy.none.timeout=none",
    ]));
    assert_near(
        "mean latency",
        values(&outcomes(&s, 0, 20), |o| {
            o.window.ended_ns as f64 / 1e9 / o.window.ok as f64
        }),
        0.1,
    );
}

#[test]
fn callers_that_call_once_complete() {
    let s = scenario(&[
        "faults=[]",
        "callers.count=1000",
        "callers.arrival=once",
        "callers.at=1s",
        "service.servers=10",
        "service.service_time=10ms",
        "compare=['none']",
        "policy.none.timeout=none",
    ]);
    // 1,000 × 10 ms on 10 servers, to the nanosecond.
    let o = &outcomes(&s, 0, 1)[0];
    assert_eq!(metric(o, "completion_s"), 1.0);
    // It ends on the edge of a bin, and the series still holds every call.
    let answered = mean(o, "goodput_per_s", 0.0, o.series.len() as f64 / 10.0);
    assert!((answered * o.series.len() as f64 / 10.0 - 1000.0).abs() < 1e-6);
    assert_eq!(o.waits.len(), 1000);
}

#[test]
fn a_lost_error_is_lost() {
    let s = scenario(&roomy(&[
        "faults=['errors(100%)@5s+20s', 'loss(100%)@5s+20s']",
    ]));
    let o = &outcomes(&s, 0, 1)[0];
    assert!(o.total.errors == 0 && o.total.timed_out > 15_000);
}

#[test]
fn a_ramp_of_months_ends() {
    let s = scenario(&[
        "faults=['stall@1s+1s~100d']",
        "service.service_time='exp(60d)'",
        "callers.count=10",
        "run.horizon=5s",
    ]);
    assert_eq!(outcomes(&s, 0, 1)[0].total.ok, 0);
}

#[test]
fn recovery_is_not_ruled_on_where_nobody_could_tell() {
    let s = scenario(&["run.horizon=17s", "compare=['none']"]);
    let fate = find("recovered_ratio").unwrap();
    assert!(samples(&s, 0, 1)[0][fate].is_nan());
}
