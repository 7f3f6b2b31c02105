//! Limits, groups of callers, late answers, partial faults, calls of many sub-calls: against
//! closed forms, exact chains, and runs without them.

mod common;

use common::{assert_near, metric, outcomes, scenario, values};
use herdsim_core::herd::Outcome;
use herdsim_core::scenario::Scenario;

/// Calls at a service that is never full and takes no time to speak of.
fn roomy(settings: &[&str]) -> Scenario {
    let mut all = vec![
        "service={servers=100000,service_time='1us',queue=0}",
        "faults=[]",
        "compare=['fixed']",
    ];
    all.extend(settings);
    scenario(&all)
}

#[test]
fn a_rate_limit_and_who_tries_again() {
    for (rate, attempts, answered) in [(18, 1.014, 0.9997), (40, 3.86, 0.500)] {
        let callers = format!("callers={{count={rate},clients=1,rate='1/s'}}");
        let s = roomy(&[
            &callers,
            "service.limit='20/s'",
            "policy.fixed={attempts=5,timeout='none',jitter='full',\
             backoff='exponential(base=250ms,multiplier=2,cap=10s)'}",
            "run={warmup='20s',horizon='260s'}",
        ]);
        let runs = outcomes(&s, 0, 20);
        let mean = |of: &dyn Fn(&Outcome) -> f64| values(&runs, of).iter().sum::<f64>() / 20.0;
        let found = mean(&|o| o.window.attempts as f64 / o.window.calls as f64);
        let tolerance = if rate == 18 { 0.005 } else { 0.04 };
        assert!(
            (found - attempts).abs() < tolerance,
            "{rate}/s: {found} attempts"
        );
        let found = mean(&|o| metric(o, "success_ratio"));
        assert!(
            (found - answered).abs() < 0.005,
            "{rate}/s: {found} answered"
        );
    }
}

/// The share that M/D/1 with room for `k`, the one in service included, turns away: from the
/// chain embedded at departures.
fn blocked_by_md1(rho: f64, k: usize) -> f64 {
    let arrive = |n: i32| (-rho).exp() * (1..=n).fold(1.0, |p, i| p * rho / f64::from(i));
    // Stationary numbers left behind, up to a factor, by the recursion for 0..k − 1.
    let mut p = vec![1.0];
    for n in 0..k - 1 {
        let mut next = p[n] - p[0] * arrive(n as i32);
        for (i, p) in p.iter().enumerate().skip(1) {
            next -= p * arrive((n + 1 - i) as i32);
        }
        p.push(next / arrive(0));
    }
    let sum: f64 = p.iter().sum();
    let empty = p[0] / sum;
    1.0 - 1.0 / (empty + rho)
}

#[test]
fn a_token_bucket_turns_away_what_a_queue_of_constant_work_does() {
    for (rate, limit, burst) in [
        (18.0, 20.0, 5),
        (20.0, 20.0, 10),
        (40.0, 20.0, 20),
        (5.0, 10.0, 1),
    ] {
        let callers = format!("callers={{count=100,rate='{}/s'}}", rate / 100.0);
        let limit_set = format!("service.limit={{rate='{limit}/s',burst={burst}}}");
        let s = roomy(&[
            &callers,
            &limit_set,
            "policy.fixed={attempts=1,timeout='none'}",
            "run={warmup='20s',horizon='2020s',bin='1s'}",
        ]);
        let runs = outcomes(&s, 0, 20);
        let turned = |o: &Outcome| o.window.rejected as f64 / o.window.offered as f64;
        let expected = blocked_by_md1(rate / limit, burst);
        assert_near(
            &format!("{rate}/s at {limit}/s, {burst}"),
            values(&runs, turned),
            expected,
        );
    }
}

#[test]
fn a_hint_brings_callers_back_when_there_is_a_token() {
    // One caller at a time: who finds none comes back as it does, and is let in.
    let s = roomy(&[
        "callers={count=1,rate='0.2/s'}",
        "service={servers=100000,service_time='1us',queue=0,\
         limit={rate='2/s',burst=1},retry_after='token'}",
        "policy.fixed={attempts=2,timeout='none',retry_on=['asked'],retry_after='replace'}",
        "run={warmup='0s',horizon='4000s',bin='1s'}",
    ]);
    for o in outcomes(&s, 0, 2) {
        assert!(o.total.rejected > 20);
        // Of the few who wait at once one gets the token.
        assert!(
            o.total.failed * 10 < o.total.rejected,
            "{} failed",
            o.total.failed
        );
    }
    // What is rejected by a full queue is not asked to come back.
    let s = scenario(&[
        "callers={count=100,rate='1/s'}",
        "service={servers=1,service_time='100ms',queue=0,limit='1000/s',retry_after='token'}",
        "faults=[]",
        "compare=['fixed']",
        "policy.fixed={attempts=5,timeout='none',retry_on=['asked']}",
    ]);
    for o in outcomes(&s, 0, 1) {
        assert!(o.total.rejected > 1000);
        assert_eq!(o.total.attempts, o.total.calls);
    }
}

#[test]
fn a_message_is_delivered_again_until_it_is_done() {
    // Ten messages, one worker, 25 min each, delivered again every hour.
    let ends = |settings: &[&str]| {
        let mut all = vec![
            "callers={count=10,arrival='once'}",
            "service={servers=1,service_time='25m',queue=1000}",
            "faults=[]",
            "compare=['fixed']",
            "policy.fixed={attempts='unlimited',timeout='60m',backoff='fixed(1ns)',late='accept'}",
            "run={horizon='1000m',bin='1m'}",
        ];
        all.extend(settings);
        outcomes(&scenario(&all), 0, 1).remove(0)
    };
    let o = ends(&[]);
    assert_eq!(o.total.attempts, 28);
    assert_eq!(o.total.duplicates, 18);
    assert_eq!(o.total.ok, 10);
    assert!((metric(&o, "completion_s") - 250.0 * 60.0).abs() < 1.0);
    assert_eq!(o.total.served_ns, 28 * 25 * 60 * 1_000_000_000);
    // The run ends as the worker is free.
    let bins = |o: &Outcome| o.series.len();
    assert_eq!(bins(&o), 701);
    // Where deliveries are taken back, nothing is executed again.
    let taken = ends(&["service.cancel='queued'"]);
    assert_eq!((taken.total.attempts, taken.total.duplicates), (28, 0));
    assert_eq!(bins(&taken), 251);
    // A clock that starts as the worker takes it never runs out: each is delivered once.
    let received = ends(&["policy.fixed.from='start'"]);
    assert_eq!(
        (received.total.attempts, received.total.duplicates),
        (10, 0)
    );
}

#[test]
fn a_task_longer_than_its_visibility_timeout() {
    // Three hours, delivered again each hour until it is acknowledged, workers enough.
    let s = scenario(&[
        "callers={count=1,arrival='once'}",
        "service={servers=100,service_time='3h',queue=1000}",
        "faults=[]",
        "compare=['fixed']",
        "policy.fixed={attempts='unlimited',timeout='1h',backoff='fixed(1ns)',late='accept'}",
        "run={horizon='24h',bin='1m'}",
    ]);
    for o in outcomes(&s, 0, 1) {
        // At 0, 1 and 2 h; the answer comes at the very moment of the third timeout.
        assert_eq!(o.total.attempts, 3);
        assert_eq!((o.total.ok, o.total.duplicates), (1, 2));
    }
}

#[test]
fn faults_may_concern_a_part() {
    let base = [
        "callers={count=1000,rate='1/s'}",
        "service={servers=1000,service_time='exp(10ms)'}",
        "compare=['fixed']",
        "policy.fixed={attempts=1,timeout='500ms'}",
        "run={warmup='10s',horizon='70s',cooldown='1s'}",
    ];
    let run = |fault: &str| {
        let faults = format!("faults=['{fault}@0s+70s']");
        let mut all = base.to_vec();
        all.push(&faults);
        outcomes(&scenario(&all), 0, 10)
    };
    let share = |of: fn(&Outcome) -> u64| move |o: &Outcome| of(o) as f64 / o.window.offered as f64;
    let gone = run("blackhole(10%)");
    assert_near(
        "blackhole",
        values(&gone, share(|o| o.window.timed_out)),
        0.1,
    );
    let refused = run("refuse(20%)");
    assert_near("refuse", values(&refused, share(|o| o.window.refused)), 0.2);
    // Work inside goes on where all is refused.
    let all = run("refuse");
    assert!(
        all.iter()
            .all(|o| o.window.refused == o.window.offered && o.total.reset == 0)
    );
    let late = run("delay(200ms)");
    let mean = |o: &Outcome| o.window.ended_ns as f64 / o.window.ok as f64 / 1e9;
    assert_near("delay", values(&late, mean), 0.21);
    let drawn = run("delay(exp(50ms))");
    // Whoever has not been answered after 500 ms has failed: exp(50 ms) + exp(10 ms).
    let p = (50.0 * (-500.0f64 / 50.0).exp() - 10.0 * (-500.0f64 / 10.0).exp()) / 40.0;
    let failed: u64 = drawn.iter().map(|o| o.window.timed_out).sum();
    let n: u64 = drawn.iter().map(|o| o.window.offered).sum();
    let expected = n as f64 * p;
    assert!(
        (failed as f64 - expected).abs() < 4.0 * expected.sqrt(),
        "{failed}, {expected}"
    );
}

#[test]
fn the_slowest_of_many_decides() {
    // Latency F of a sub-call: all of n within t with F(t)^n; in sequence they add up.
    let run = |settings: &[&str]| {
        let mut all = vec![
            "callers.rate='1/s'",
            "service={servers=100000,service_time='exp(20ms)'}",
            "faults=[]",
            "compare=['fixed']",
            "policy.fixed={attempts=1,timeout='none'}",
            "run={warmup='1s',horizon='21s',cooldown='1s'}",
        ];
        all.extend(settings);
        outcomes(&scenario(&all), 0, 20)
    };
    let wide = run(&["callers={count=100,fan_out=40}"]);
    for q in [0.5, 0.9, 0.99] {
        let name = format!("latency_p{}_s", (q * 100.0) as u32);
        let expected = -0.02 * (1.0 - f64::powf(q, 1.0 / 40.0)).ln();
        // The quantile of a run of 2,000 is biased by less than 1/n.
        let mean = values(&wide, |o| metric(o, &name)).iter().sum::<f64>() / 20.0;
        assert!(
            (mean / expected - 1.0).abs() < 0.02,
            "{name}: {mean}, {expected}"
        );
        let sub = format!("sub_{name}");
        let expected = -0.02 * (1.0 - q).ln();
        let mean = values(&wide, |o| metric(o, &sub)).iter().sum::<f64>() / 20.0;
        assert!(
            (mean / expected - 1.0).abs() < 0.01,
            "{sub}: {mean}, {expected}"
        );
    }
    for o in &wide {
        assert_eq!(metric(o, "sub_calls"), 40.0 * metric(o, "calls"));
        assert_eq!(metric(o, "sub_attempts_per_call"), 1.0);
        assert_eq!(metric(o, "attempts_per_call"), 40.0);
    }
    let long = run(&["callers={count=100,sequence=5}"]);
    let mean = |o: &Outcome| o.window.ended_ns as f64 / o.window.ok as f64 / 1e9;
    assert_near("a sequence", values(&long, mean), 0.1);
    // Five steps of the slowest of ten: 5 · 20 ms · H(10).
    let both = run(&["callers={count=100,fan_out=10,sequence=5}"]);
    let harmonic: f64 = (1..=10).map(|n| 1.0 / f64::from(n)).sum();
    assert_near("steps", values(&both, mean), 0.1 * harmonic);
}

#[test]
fn a_call_fails_with_the_first_sub_call_that_does() {
    let s = scenario(&[
        "callers={count=100,rate='1/s',fan_out=20,sequence=2}",
        "service={kind='coin',failure_ratio='2%',response_time='exp(10ms)'}",
        "faults=[]",
        "compare=['fixed']",
        "policy.fixed={attempts=2,timeout='none',backoff='none'}",
        "run={warmup='1s',horizon='31s',cooldown='1s'}",
    ]);
    let runs = outcomes(&s, 0, 20);
    let ok = 1.0 - 0.02f64 * 0.02;
    assert_near(
        "calls",
        values(&runs, |o| metric(o, "success_ratio")),
        ok.powi(40),
    );
    let sub = |o: &Outcome| metric(o, "sub_success_ratio");
    assert_near("sub-calls", values(&runs, sub), ok);
    // The second step is made of those whose first went well.
    let made = |o: &Outcome| metric(o, "sub_calls") / metric(o, "calls");
    assert_near(
        "steps made",
        values(&runs, made),
        20.0 * (1.0 + ok.powi(20)),
    );
    let first = |o: &Outcome| metric(o, "first_try_ratio");
    assert_near("at once", values(&runs, first), 0.98f64.powi(40));
}

#[test]
fn groups_that_do_not_meet_are_runs_of_their_own() {
    // At a service that is never full one group does not notice the other.
    let base = [
        "service={servers=100000,service_time='exp(20ms)'}",
        "faults=['errors(30%)@5s+5s']",
        "compare=['fixed']",
        "policy.fixed={attempts=3,timeout='1s',backoff='fixed(100ms)'}",
        "run={warmup='2s',horizon='20s'}",
    ];
    let run = |callers: &str| {
        let mut all = vec![callers];
        all.extend(base);
        let s = scenario(&all);
        outcomes(&s, 0, 20)
    };
    let own = run("callers={count=500,rate='1/s',policy='none'}");
    let other = run("callers={count=200,arrival='periodic',every='1s'}");
    let both = run("callers=[{name='a',count=500,rate='1/s',policy='none'},\
         {name='b',count=200,arrival='periodic',every='1s'}]");
    for name in [
        "answered_ratio",
        "attempts_per_call",
        "latency_p99_s",
        "calls",
        "error_attempts",
    ] {
        for (group, alone) in [(0, &own), (1, &other)] {
            let mean = |values: Vec<f64>| {
                let n = values.len() as f64;
                let mean = values.iter().sum::<f64>() / n;
                let var = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
                (mean, var / n)
            };
            let (a, va) = mean(values(&both, |o| metric(&o.groups[group], name)));
            let (b, vb) = mean(values(alone, |o| metric(o, name)));
            assert!(
                (a - b).abs() <= 4.0 * (va + vb).sqrt() + 1e-9,
                "{name} of {group}: {a}, {b}"
            );
        }
    }
    for o in &both {
        let sum = |of: fn(&Outcome) -> u64| o.groups.iter().map(of).sum::<u64>();
        assert_eq!(sum(|o| o.total.attempts), o.total.attempts);
        assert_eq!(sum(|o| o.total.ok), o.total.ok);
        assert_eq!(sum(|o| o.total.offered), o.total.offered);
        assert_eq!(sum(|o| o.total.errors), o.total.errors);
        assert_eq!(sum(|o| o.total.served), o.total.served);
    }
}

#[test]
fn those_of_low_priority_are_shed_first() {
    // 300/s of each of two groups at 500/s: what is too much is taken from the lower one.
    let s = scenario(&[
        "callers=[{name='low',count=300,rate='1/s'},{name='high',count=300,rate='1/s',priority=1}]",
        "service={servers=50,service_time='exp(100ms)',queue=100000,shed={delay='200ms',by='priority'}}",
        "faults=[]",
        "compare=['fixed']",
        "policy.fixed={attempts=1,timeout='none'}",
        "run={warmup='5s',horizon='65s',cooldown='5s'}",
    ]);
    for o in outcomes(&s, 0, 4) {
        let [low, high] = [0, 1].map(|group| metric(&o.groups[group], "answered_ratio"));
        assert!(high > 0.999, "{high}");
        // Of 600/s 500 are served.
        assert!((low - 200.0 / 300.0).abs() < 0.04, "{low}");
    }
    // By nothing but the delay both lose alike.
    let s = scenario(&[
        "callers=[{name='low',count=300,rate='1/s'},{name='high',count=300,rate='1/s',priority=1}]",
        "service={servers=50,service_time='exp(100ms)',queue=100000,shed='50ms'}",
        "faults=[]",
        "compare=['fixed']",
        "policy.fixed={attempts=1,timeout='none'}",
        "run={warmup='5s',horizon='65s',cooldown='5s'}",
    ]);
    for o in outcomes(&s, 0, 2) {
        let [low, high] = [0, 1].map(|group| metric(&o.groups[group], "answered_ratio"));
        assert!((low - high).abs() < 0.02, "{low}, {high}");
    }
}

#[test]
fn a_run_ends_with_callers_who_call_once_only_if_all_do() {
    let ends = |other: &str| {
        let s = scenario(&[
            &format!("callers=[{{count=10,arrival='once',spread='uniform(0s,1s)'}},{other}]"),
            "service={servers=100,service_time='10ms'}",
            "faults=[]",
            "compare=['fixed']",
            "policy.fixed={attempts=1}",
            "run={horizon='30s'}",
        ]);
        let o = outcomes(&s, 0, 1).remove(0);
        (
            o.series.len(),
            metric(&o.groups[0], "completion_s"),
            metric(&o, "completion_s"),
        )
    };
    let (bins, own, all) = ends("{count=10,rate='1/s'}");
    assert_eq!(bins, 300);
    assert!(own < 1.1 && all.is_nan());
    let (bins, own, all) = ends("{count=10,arrival='once',at='5s'}");
    assert!(bins < 60 && own < 1.1 && all > 4.0, "{bins} {own} {all}");
}

#[test]
fn many_groups_keep_their_policies_however_often_these_change() {
    // 30 groups and ten ways to call of each: none gets another's. One group is never answered.
    let names: Vec<String> = (0..30).map(|n| format!("g{n}")).collect();
    let group = |name: &String| match name.as_str() {
        "g7" => format!("{{name='{name}',count=10,rate='1/s',policy='full-jitter'}}"),
        _ => format!("{{name='{name}',count=10,rate='1/s'}}"),
    };
    let groups: Vec<String> = names.iter().map(group).collect();
    let actions: Vec<String> = (0..9)
        .map(|n| format!("'policy(fixed)@{}s'", 20 + n))
        .collect();
    let s = scenario(&[
        &format!("callers=[{}]", groups.join(",")),
        &format!("actions=[{}]", actions.join(",")),
        "service={servers=1000,service_time='100ms'}",
        "faults=[]",
        "compare=['fixed']",
        "policy.fixed={attempts=1,timeout='1s'}",
        "policy.full-jitter={attempts=1,timeout='50ms'}",
        "run={warmup='1s',horizon='30s',cooldown='2s'}",
    ]);
    let o = outcomes(&s, 0, 1).remove(0);
    for (name, group) in names.iter().zip(&o.groups) {
        let t = &group.total;
        match name.as_str() {
            "g7" => assert_eq!(t.ok, 0),
            _ => assert_eq!((t.failed, t.ok > 200), (0, true), "{name}"),
        }
    }
}

#[test]
fn only_what_the_limit_rejects_is_told_to_come_back() {
    // The limit rejects in a surge, but nobody waits for its answers any more. Later nothing but
    // a cleared queue rejects, and those that retry only what they are told to do not.
    let s = scenario(&[
        "callers={count=100,clients=10,rate='1/s'}",
        "network.back='60ms'",
        "service={servers=1,service_time='20ms',queue=1000,retry_after='token'}",
        "service.limit={rate='200/s',burst=50}",
        "faults=['surge(4)@2s+4s']",
        "actions=['policy(full-jitter)@8s','clear@10s']",
        "compare=['fixed']",
        "policy.fixed={attempts=1,timeout='50ms'}",
        "policy.full-jitter={attempts=2,timeout='5s',backoff='none',jitter='none',retry_on=['asked']}",
        "run={warmup='1s',horizon='20s'}",
    ]);
    for o in outcomes(&s, 0, 3) {
        let limited = o.total.attempts - o.total.calls;
        assert_eq!(limited, 0);
        assert!(o.total.rejected > 0);
    }
}

#[test]
fn servers_of_hosts_come_whole() {
    let busy = |service: &str, scale: &str| {
        let s = scenario(&[
            "callers={count=100,rate='5/s'}",
            &format!("service={{{service},service_time='20ms',queue=10}}"),
            &format!("actions=['scale({scale})@5s']"),
            "faults=[]",
            "compare=['fixed']",
            "policy.fixed={attempts=1,timeout='1s'}",
            "run={warmup='5s',horizon='25s'}",
        ]);
        let o = outcomes(&s, 0, 1).remove(0);
        (metric(&o, "utilisation"), o.total.ok)
    };
    // 1.4 of one server is one, and all are busy.
    let (all, _) = busy("hosts=5,servers=1", "1");
    let (same, answered) = busy("hosts=5,servers=1", "1.4");
    assert!(all > 0.99 && same == all, "{all} {same}");
    // 1.4 of five is seven.
    let (_, more) = busy("servers=5", "1.4");
    assert!(more > answered * 5 / 4);
    // Half of one is one.
    let (half, _) = busy("hosts=5,servers=1", "0.5");
    assert!((0.99..=1.0).contains(&half), "{half}");
}

#[test]
fn the_capacity_that_faults_leave_is_that_of_all_hosts() {
    let during = |faults: &str| {
        let s = scenario(&[
            "callers={count=200,rate='1/s'}",
            "service={hosts=10,servers=10,service_time='100ms'}",
            &format!("faults=[{faults}]"),
            "compare=['fixed']",
            "policy.fixed={attempts=1,timeout='1s'}",
            "run={warmup='5s',horizon='20s'}",
        ]);
        let o = outcomes(&s, 0, 1).remove(0);
        let [rate, ratio] = ["peak_during_per_s", "peak_during_ratio"].map(|name| metric(&o, name));
        rate / ratio / 1_000.0
    };
    // One host cannot be lost twice; two that are slow, one by four; all of them.
    for (faults, share) in [
        ("'crash(host=1)@6s+2s'", 0.9),
        ("'crash(host=1)@6s+2s','slow(4,host=1)@6s+2s'", 0.9),
        ("'crash(host=1)@6s+2s','crash(host=2)@6s+2s'", 0.8),
        (
            "'slow(4,hosts=50%)@6s+2s','crash(hosts=20%)@6s+2s'",
            0.5 + 0.3 / 4.0,
        ),
        ("'capacity(0.24,host=3)@6s+2s'", 0.92),
    ] {
        assert!((during(faults) - share).abs() < 1e-9, "{faults}");
    }
    assert!(during("'crash(hosts=50%)@6s+2s','crash@6s+2s'").is_nan());
}
