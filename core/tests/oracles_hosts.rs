//! Hosts: balancing against queueing theory, and what policies make of a bad one.

mod common;

use common::{assert_near, outcomes, scenario, values};
use herdsim_core::herd::Outcome;
use herdsim_core::scenario::Scenario;

/// 1,000 calls/s at ten hosts that are never full, of which the first answers an error after
/// 1 ms; three attempts, one right after the other.
fn bad_host(settings: &[&str]) -> Scenario {
    let mut all = vec![
        "callers={count=1000,rate='1/s'}",
        "service={hosts=10,servers=2000,service_time='exp(20ms)'}",
        "faults=['errors(100%,host=1)@0s+200s','slow(0.05,host=1)@0s+200s']",
        "compare=['fixed']",
        "policy.fixed={attempts=3,backoff='none',timeout='none'}",
        "run={warmup='2s',horizon='200s'}",
    ];
    all.extend(settings);
    scenario(&all)
}

fn at_the_first(o: &Outcome) -> f64 {
    let all: u64 = o.hosts.iter().map(|host| host.offered).sum();
    o.hosts[0].offered as f64 / all as f64
}

fn lost(o: &Outcome) -> f64 {
    o.window.judged_failed as f64 / o.window.judged as f64
}

/// Shares to the digits that are known: they were worked out elsewhere.
fn assert_share(what: &str, runs: &[Outcome], of: fn(&Outcome) -> f64, expected: f64, digit: f64) {
    let mean = values(runs, of).iter().sum::<f64>() / runs.len() as f64;
    assert!(
        (mean - expected).abs() <= digit,
        "{what}: {mean}, {expected}"
    );
}

#[test]
fn a_host_that_fails_fast_is_a_black_hole() {
    let run = |settings: &[&str]| outcomes(&bad_host(settings), 0, 6);
    let balance = |balance: &str| run(&[&format!("service.balance='{balance}'")]);
    let random = balance("random");
    assert_near("random, attempts", values(&random, at_the_first), 0.1);
    // All three attempts at the one host in ten.
    let failed: u64 = random.iter().map(|o| o.window.judged_failed).sum();
    let judged: u64 = random.iter().map(|o| o.window.judged).sum();
    let (n, p) = (judged as f64, 0.001);
    assert!(
        (failed as f64 - n * p).abs() < 4.0 * (n * p).sqrt(),
        "{failed} of {judged}"
    );

    let robin = balance("round-robin");
    assert_share("round robin", &robin, at_the_first, 0.1, 0.001);
    assert_share("round robin, lost", &robin, lost, 0.0, 1e-5);
    for (d, share, gone) in [(2, 0.19, 0.007), (3, 0.27, 0.022)] {
        let runs = balance(&format!("least({d})"));
        assert_share(&format!("least({d})"), &runs, at_the_first, share, 0.01);
        assert_share(&format!("least({d}), lost"), &runs, lost, gone, 0.001);
    }
    for least in ["least(10)", "least"] {
        let runs = balance(least);
        assert_share(least, &runs, at_the_first, 0.56, 0.01);
        assert_share(least, &runs, lost, 0.25, 0.01);
    }
    let refuses = "faults=['refuse(host=1)@0s+200s']";
    let runs = run(&["service.balance='least'", refuses]);
    assert_share("refused at once", &runs, at_the_first, 0.82, 0.01);
    assert_share("refused at once, lost", &runs, lost, 0.58, 0.01);
    let runs = run(&["policy.fixed.elsewhere=true"]);
    assert_share("elsewhere", &runs, lost, 0.0, 1e-9);
    // A tenth of the calls has a second attempt, and none a third.
    let attempts = |o: &Outcome| o.window.attempts as f64 / o.window.calls as f64;
    assert_near("elsewhere, attempts", values(&runs, attempts), 1.1);
}

#[test]
fn who_keeps_to_one_host_loses_all_of_it() {
    let runs = outcomes(&bad_host(&["service.balance='sticky'"]), 0, 2);
    for o in &runs {
        // A tenth of the callers, who call alike.
        let n = o.window.judged as f64;
        let failed = o.window.judged_failed as f64;
        assert!((failed - 0.1 * n).abs() < 4.0 * (0.09 * n).sqrt());
    }
    let spread = ["service.balance='sticky'", "policy.fixed.elsewhere=true"];
    assert!(outcomes(&bad_host(&spread), 0, 1)[0].window.failed == 0);
}

#[test]
fn an_ejected_host_is_left_out_and_comes_back() {
    // One process: five errors on end, and the host is out for 30 s, 60 s, …
    let eject = "policy.fixed.eject={failures=5,for='30s',at_most='10%'}";
    let s = bad_host(&[
        "callers.clients=1",
        eject,
        "run={warmup='0s',horizon='100s'}",
    ]);
    let o = &outcomes(&s, 0, 1)[0];
    // Ejected within moments at t = 0, back at the look at 40 s, out again for 60 s.
    let strips = o
        .strips
        .as_ref()
        .unwrap_or_else(|| panic!("of the first run"));
    let per_s = |from: usize, to: usize| -> u32 {
        let width = strips.width as f64 / 1e9;
        let bins = (from as f64 / width) as usize..(to as f64 / width) as usize;
        strips.counts[0][bins].iter().sum()
    };
    assert!(per_s(0, 5) >= 5, "{:?}", strips.counts[0]);
    assert_eq!(per_s(5, 40), 0);
    assert!(per_s(40, 45) >= 5);
    assert_eq!(per_s(45, 99), 0);
    // Of two hosts that fail only one may be left out: the other gets a ninth.
    let faults = "faults=['errors(100%,hosts=20%)@0s+200s']";
    let s = bad_host(&["callers.clients=1", eject, faults]);
    for o in outcomes(&s, 0, 2) {
        let all: u64 = o.hosts.iter().map(|host| host.offered).sum();
        let two = (o.hosts[0].offered + o.hosts[1].offered) as f64 / all as f64;
        assert!((two - 1.0 / 9.0).abs() < 0.01, "{two}");
    }
}

#[test]
fn a_breaker_of_a_host_stops_what_goes_there() {
    let breaker = "policy.fixed.breaker={window=10,min_calls=10,open_for='1000s',scope='host'}";
    let s = bad_host(&["callers.clients=1", breaker]);
    for o in outcomes(&s, 0, 2) {
        // Ten errors open it, before counting begins.
        assert_eq!(o.hosts[0].offered, 0);
        assert_eq!(o.window.failed, 0);
    }
    // Where all hosts fail nothing is let through at all.
    let all = "faults=['errors(100%)@0s+200s']";
    for o in outcomes(&bad_host(&["callers.clients=1", breaker, all]), 0, 1) {
        assert_eq!(o.window.attempts, 0);
        assert_eq!(o.window.denied_attempts, o.window.calls);
    }
}

/// Erlang's C: the chance to wait at c servers, a = λ/μ.
fn erlang_c(c: u32, a: f64) -> f64 {
    let b = (1..=c).fold(1.0, |b, n| a * b / (f64::from(n) + a * b));
    let rho = a / f64::from(c);
    b / (1.0 - rho * (1.0 - b))
}

#[test]
fn random_splitting_makes_queues_of_their_own() {
    // Five hosts of three servers, 10 a second each, at 80%: M/M/3 with λ = 24/s.
    let s = scenario(&[
        "callers={count=120,rate='1/s'}",
        "service={hosts=5,servers=3,service_time='exp(100ms)',queue=10000}",
        "faults=[]",
        "compare=['none']",
        "policy.none.timeout='none'",
        "run={warmup='50s',horizon='2000s',bin='10s'}",
    ]);
    let runs = outcomes(&s, 0, 20);
    let (c, a) = (3, 2.4);
    let waiting = erlang_c(c, a) * 0.8 / 0.2;
    let queue = |o: &Outcome| o.window.queue_ns as f64 / 1950e9 / 5.0;
    assert_near("M/M/3, queue of a host", values(&runs, queue), waiting);
    let busy = |o: &Outcome| o.hosts[4].busy_ns as f64 / 1950e9 / 3.0;
    assert_near("M/M/3, busy", values(&runs, busy), 0.8);
    let own = |o: &Outcome| o.hosts[2].waited_ns as f64 / 1950e9;
    assert_near("M/M/3, queue of the third", values(&runs, own), waiting);
}

/// Mean number in the system of two M/M/1 queues of which the shorter is joined, λ in all and
/// rate 1 each: by iterating the stationary equations of the chain on m ≤ n ≤ 80.
fn shortest_of_two(lambda: f64) -> f64 {
    const MOST: usize = 80;
    let at = |m: usize, n: usize| n * (MOST + 1) + m;
    let mut p = vec![0.0; (MOST + 1) * (MOST + 1)];
    p[0] = 1.0;
    // Uniformised: rate λ + 2.
    let total = lambda + 2.0;
    for _ in 0..20_000 {
        let mut next = vec![0.0; p.len()];
        for n in 0..=MOST {
            for m in 0..=n {
                let q = p[at(m, n)] / total;
                if q == 0.0 {
                    continue;
                }
                let mut go = |m: usize, n: usize, rate: f64| {
                    let (m, n) = (m.min(n), m.max(n));
                    next[at(m, n.min(MOST))] += q * rate;
                };
                go(m + 1, n, lambda);
                go(m.saturating_sub(1), n, 1.0);
                go(m, n.saturating_sub(1), 1.0);
            }
        }
        p = next;
    }
    let sum: f64 = p.iter().sum();
    let mut mean = 0.0;
    for n in 0..=MOST {
        for m in 0..=n {
            mean += (m + n) as f64 * p[at(m, n)];
        }
    }
    mean / sum
}

#[test]
fn the_shorter_of_two_queues() {
    for rho in [0.5, 0.8] {
        let rate = format!(
            "callers={{count=100,rate='{}/s'}}",
            2.0 * rho * 10.0 / 100.0
        );
        let s = scenario(&[
            &rate,
            "service={hosts=2,balance='least',servers=1,service_time='exp(100ms)',queue=10000}",
            "faults=[]",
            "compare=['none']",
            "policy.none.timeout='none'",
            "run={warmup='50s',horizon='2000s',bin='10s'}",
        ]);
        let runs = outcomes(&s, 0, 30);
        let system = |o: &Outcome| (o.window.queue_ns + o.window.busy_ns) as f64 / 1950e9;
        let expected = shortest_of_two(2.0 * rho);
        assert_near(&format!("ρ = {rho}"), values(&runs, system), expected);
    }
}

#[test]
fn the_power_of_d_choices() {
    // Mitzenmacher: of very many hosts the share with at least k is λ^((d^k − 1)/(d − 1)).
    for (d, lambda) in [(2, 0.9f64), (3, 0.8), (2, 0.5)] {
        let hosts = 500;
        let rate = format!(
            "callers={{count=1000,rate='{}/s'}}",
            lambda * f64::from(hosts) * 10.0 / 1000.0
        );
        let service = format!(
            "service={{hosts={hosts},balance='least({d})',servers=1,service_time='exp(100ms)',\
             queue=1000}}"
        );
        let s = scenario(&[
            &rate,
            &service,
            "faults=[]",
            "compare=['none']",
            "policy.none.timeout='none'",
            "run={warmup='20s',horizon='120s',bin='10s'}",
        ]);
        let d = f64::from(d);
        let tails = (1..40).map(|k| lambda.powf((d.powi(k) - 1.0) / (d - 1.0)));
        let expected: f64 = tails.sum();
        let runs = outcomes(&s, 0, 8);
        let system =
            |o: &Outcome| (o.window.queue_ns + o.window.busy_ns) as f64 / 100e9 / f64::from(hosts);
        let mean = values(&runs, system).iter().sum::<f64>() / 8.0;
        // In the limit: of n hosts it is off by O(1/n).
        assert!(
            (mean / expected - 1.0).abs() < 0.015,
            "d = {d}: {mean}, {expected}"
        );
    }
}

#[test]
fn a_crash_of_one_host_resets_what_it_has() {
    let s = bad_host(&[
        "faults=['crash(host=3)@10s+5s']",
        "run={warmup='0s',horizon='30s'}",
        "policy.fixed={attempts=1,timeout='none'}",
    ]);
    for o in outcomes(&s, 0, 4) {
        // About two calls in service, of 100 a second for 20 ms; and 500 refused.
        let reset = o.total.reset as f64;
        assert!(reset < 12.0, "{reset}");
        let refused = o.total.refused as f64;
        assert!((refused - 500.0).abs() < 4.0 * 500f64.sqrt(), "{refused}");
        assert_eq!(
            o.total.served + o.residue.serving,
            o.total.offered - o.total.refused
        );
        assert_eq!(o.hosts[2].failed, o.total.reset + o.total.refused);
    }
}
