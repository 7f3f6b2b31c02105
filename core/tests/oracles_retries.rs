//! Retries: exact chains of refused attempts that come back, jitter by
//! distribution, budgets, and the metastable default scenario.

mod common;

use std::collections::HashMap;

use common::{assert_near, outcomes, samples, scenario, values};
use herdsim_core::herd::backoff::Backoffs;
use herdsim_core::herd::{RECOVERED_RATIO, RECOVERY_S, find};
use herdsim_core::scenario::policy::{Backoff, Failure, Jitter, Policy};
use herdsim_core::streams::{Purpose, Streams};
use herdsim_core::value::Value;
use rand::SeedableRng;

/// Steady state of: Poisson λ, c servers of rate μ, K waiting, refused
/// attempts retried after exp(1/θ), m attempts. The state is the number in the
/// system and, per attempt number, how many wait to retry (cut off at `most`).
/// Returns success ratio, attempts per call, utilisation.
fn retrial_chain(l: f64, mu: f64, c: u32, k: u32, theta: f64, m: usize, most: u32) -> [f64; 3] {
    type State = (u32, Vec<u32>);
    let full = c + k;
    let start: State = (0, vec![0; m - 1]);
    let mut index: HashMap<State, usize> = HashMap::from([(start.clone(), 0)]);
    let mut states = vec![start];
    let mut moves: Vec<Vec<(usize, f64)>> = Vec::new();
    while moves.len() < states.len() {
        let (n, waiting) = states[moves.len()].clone();
        let mut next: Vec<(State, f64)> = Vec::new();
        // A refused attempt of number `i` (from 0) joins the next group, if there is one.
        let refused = |mut waiting: Vec<u32>, i: usize| {
            if i < m - 1 && waiting[i] < most {
                waiting[i] += 1;
            }
            waiting
        };
        next.push(match n < full {
            true => ((n + 1, waiting.clone()), l),
            false => ((n, refused(waiting.clone(), 0)), l),
        });
        if n > 0 {
            next.push(((n - 1, waiting.clone()), mu * f64::from(n.min(c))));
        }
        for i in 0..m - 1 {
            if waiting[i] == 0 {
                continue;
            }
            let mut left = waiting.clone();
            left[i] -= 1;
            let rate = theta * f64::from(waiting[i]);
            next.push(match n < full {
                true => ((n + 1, left), rate),
                false => ((n, refused(left, i + 1)), rate),
            });
        }
        let row = next
            .into_iter()
            .map(|(state, rate)| {
                let fresh = states.len();
                let at = *index.entry(state.clone()).or_insert(fresh);
                if at == fresh {
                    states.push(state);
                }
                (at, rate)
            })
            .collect();
        moves.push(row);
    }
    // Uniformised power iteration.
    let fastest = moves
        .iter()
        .map(|row| row.iter().map(|(_, r)| r).sum::<f64>())
        .fold(0.0, f64::max);
    let mut p = vec![1.0 / states.len() as f64; states.len()];
    loop {
        let mut q = p.clone();
        for (from, row) in moves.iter().enumerate() {
            for (to, rate) in row {
                let flow = p[from] * rate / fastest;
                q[from] -= flow;
                q[*to] += flow;
            }
        }
        let change: f64 = p.iter().zip(&q).map(|(a, b)| (a - b).abs()).sum();
        p = q;
        if change < 1e-12 {
            break;
        }
    }
    let mean =
        |f: &dyn Fn(&State) -> f64| -> f64 { states.iter().zip(&p).map(|(s, p)| f(s) * p).sum() };
    let edge = mean(&|s| f64::from(u8::from(s.1.contains(&most))));
    assert!(edge < 1e-6, "the cut-off at {most} is felt: {edge}");
    let busy = mean(&|s| f64::from(s.0.min(c)));
    let waiting = mean(&|s| f64::from(s.1.iter().sum::<u32>()));
    [
        busy * mu / l,
        1.0 + theta * waiting / l,
        busy / f64::from(c),
    ]
}

#[test]
fn finite_retrial_chains() {
    // λ, μ, c, K, θ, m
    for (l, mu, c, k, theta, m) in [
        (80.0, 50.0, 2u32, 1u32, 30.0, 2usize),
        (120.0, 50.0, 2, 1, 60.0, 2),
        (60.0, 50.0, 1, 2, 40.0, 3),
        (45.0, 50.0, 1, 0, 100.0, 4),
    ] {
        let most = if m > 3 { 12 } else { 30 };
        let [success, attempts, utilisation] = retrial_chain(l, mu, c, k, theta, m, most);
        let settings = [
            format!("callers.rate={}/s", l / 100.0),
            format!("service.servers={c}"),
            format!("service.queue={k}"),
            format!("service.service_time=exp({}us)", 1e6 / mu),
            format!(
                "policy.fixed.backoff='random(exp({}us))'",
                (1e6 / theta).round()
            ),
            format!("policy.fixed.attempts={m}"),
        ];
        let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        settings.extend([
            "callers.count=100",
            "compare=['fixed']",
            "policy.fixed.timeout=none",
            "faults=[]",
            "run.warmup=10s",
            "run.horizon=410s",
            "run.bin=10s",
        ]);
        let runs = outcomes(&scenario(&settings), 0, 40);
        let what = format!("λ {l}, c {c}, K {k}, θ {theta}, m {m}");
        assert_near(
            &format!("{what}: success"),
            values(&runs, |o| {
                o.window.ok as f64 / (o.window.ok + o.window.failed) as f64
            }),
            success,
        );
        assert_near(
            &format!("{what}: attempts per call"),
            values(&runs, |o| o.window.attempts as f64 / o.window.calls as f64),
            attempts,
        );
        // Whoever is not refused succeeds, so success per attempt is one minus refusal.
        assert_near(
            &format!("{what}: refusal"),
            values(&runs, |o| {
                o.window.rejected as f64 / o.window.offered as f64
            }),
            1.0 - success / attempts,
        );
        assert_near(
            &format!("{what}: utilisation"),
            values(&runs, |o| o.window.busy_ns as f64 / 400e9 / f64::from(c)),
            utilisation,
        );
    }
}

fn policy(backoff: &str, jitter: &str) -> Policy {
    Policy {
        backoff: Backoff::parse(backoff).unwrap(),
        jitter: Jitter::parse(jitter).unwrap(),
        ..scenario(&[]).policies[0].1.clone()
    }
}

/// Delays in ms before retry k, over many calls.
fn delays(policy: &Policy, k: u32, n: usize) -> Vec<f64> {
    let backoffs = Backoffs::new(policy);
    let mut rng = Streams {
        seed: 7,
        replication: 0,
    }
    .stream(Purpose::Backoff);
    (0..n)
        .map(|_| {
            let mut previous = 0;
            let mut last = 0;
            for i in 1..=k {
                last = backoffs.delay(policy, i, Failure::Error, &mut previous, &mut rng);
            }
            last as f64 / 1e6
        })
        .collect()
}

/// Kolmogorov and Smirnov against a continuous law, at a level of about 10⁻⁴.
fn assert_law(what: &str, mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = sample
        .iter()
        .enumerate()
        .map(|(i, x)| {
            (cdf(*x) - i as f64 / n)
                .abs()
                .max((cdf(*x) - (i + 1) as f64 / n).abs())
        })
        .fold(0.0, f64::max);
    assert!(distance < 2.23 / n.sqrt(), "{what}: distance {distance}");
}

fn uniform(low: f64, high: f64) -> impl Fn(f64) -> f64 {
    move |x| ((x - low) / (high - low)).clamp(0.0, 1.0)
}

#[test]
fn jitter_kinds_have_their_laws() {
    const N: usize = 40_000;
    let exponential = "exponential(base=100ms,multiplier=2,cap=1s)";
    // v before retries 1 to 6, by hand: the cap applies before the jitter.
    for (k, v) in [
        (1, 100.0),
        (2, 200.0),
        (3, 400.0),
        (4, 800.0),
        (5, 1000.0),
        (6, 1000.0),
    ] {
        let none = delays(&policy(exponential, "none"), k, 1);
        assert_eq!(none, [v]);
        assert_law(
            "full",
            delays(&policy(exponential, "full"), k, N),
            uniform(0.0, v),
        );
        assert_law(
            "equal",
            delays(&policy(exponential, "equal"), k, N),
            uniform(v / 2.0, v),
        );
        assert_law(
            "proportional",
            delays(&policy(exponential, "proportional(20%)"), k, N),
            uniform(0.8 * v, 1.2 * v),
        );
        assert_law(
            "additive",
            delays(&policy(exponential, "additive(50ms)"), k, N),
            uniform(v, v + 50.0),
        );
        assert_near(
            "mean of full",
            delays(&policy(exponential, "full"), k, N),
            v / 2.0,
        );
    }
    assert_eq!(delays(&policy("linear(30ms)", "none"), 3, 1), [90.0]);
    assert_eq!(delays(&policy("none", "full"), 3, 1), [0.0]);
    assert_law(
        "random",
        delays(&policy("random(exp(20ms))", "none"), 2, N),
        |x| 1.0 - (-x / 20.0).exp(),
    );
}

#[test]
fn decorrelated_jitter_feeds_the_capped_draw_back() {
    const N: usize = 40_000;
    let free = policy("exponential(base=10ms)", "decorrelated");
    assert_law("first", delays(&free, 1, N), uniform(10.0, 30.0));
    // E[p₂] = E[(base + 3 p₁)/2].
    assert_near("second", delays(&free, 2, N), 35.0);
    // With cap 25: P(p₁ = cap) = 1/4 exactly, and p₂ = min(25, U(10, 3 p₁)):
    // its mean is ∫ over p₁ of [(25² − 10²)/2 + 25 (3p − 25)]/(3p − 10), where 3p > 25.
    let capped = policy(
        "exponential(base=10ms,multiplier=2,cap=25ms)",
        "decorrelated",
    );
    let first = delays(&capped, 1, N);
    let at_cap = first.iter().map(|x| f64::from(u8::from(*x == 25.0)));
    assert_near("mass at the cap", at_cap.collect(), 0.25);
    let mean_given = |p: f64| (262.5 + 25.0 * (3.0 * p - 25.0)) / (3.0 * p - 10.0);
    let steps = 30_000;
    let integral: f64 = (0..steps)
        .map(|i| mean_given(10.0 + 15.0 * (f64::from(i) + 0.5) / f64::from(steps)))
        .sum::<f64>()
        * 15.0
        / f64::from(steps)
        / 20.0;
    assert_near(
        "second, capped",
        delays(&capped, 2, N),
        integral + 0.25 * mean_given(25.0),
    );
}

#[test]
fn the_default_scenario_is_metastable() {
    // Figures of an independent simulator, over the whole run: about 19% of
    // calls succeed, about 4.9 attempts a call, about 86% of service wasted;
    // a bucket of 10 tokens recovers within 0.5 s and answers about 96.9%.
    let s = scenario(&[
        "run.warmup=0s",
        "compare=['fixed','exponential','full-jitter','budget']",
    ]);
    let metric = |policy: usize, name: &str| -> Vec<f64> {
        let raw = samples(&s, policy, 3);
        raw.iter()
            .map(|sample| sample[find(name).unwrap()])
            .collect()
    };
    let all = |policy: usize, name: &str, range: std::ops::RangeInclusive<f64>| {
        for x in metric(policy, name) {
            assert!(range.contains(&x), "{} {name} {x}", s.policies[policy].0);
        }
    };
    // "About" is half of the last digit given, and the spread between the three.
    for policy in 0..3 {
        all(policy, "recovered_ratio", 0.0..=0.0);
        all(policy, "success_ratio", 0.175..=0.205);
        all(policy, "attempts_per_call", 4.75..=5.15);
        all(policy, "wasted_service_ratio", 0.85..=0.875);
    }
    all(3, "recovered_ratio", 1.0..=1.0);
    all(3, "recovery_s", 0.0..=0.5);
    all(3, "success_ratio", 0.966..=0.972);
}

#[test]
fn a_queue_shorter_than_the_timeout_recovers() {
    // 1,000 waiting are 140 ms of work: less than anyone's patience of 250 ms.
    let s = scenario(&[
        "service.queue=1000",
        "compare=['fixed','exponential','full-jitter','budget']",
    ]);
    for policy in 0..4 {
        for sample in samples(&s, policy, 2) {
            let recovery = sample[RECOVERY_S];
            assert!(recovery <= 5.0, "{}: {recovery}", s.policies[policy].0);
        }
    }
}

/// Whether runs end collapsed (or recovered), after a surge that fills the queue.
fn collapsed(settings: &[&str]) -> bool {
    let mut with = vec![
        "faults=['surge(20)@5s+5s']",
        "compare=['fixed']",
        "run.horizon=60s",
    ];
    with.extend(settings);
    let s = scenario(&with);
    let raw = samples(&s, 0, 3);
    let recovered: Vec<f64> = raw.iter().map(|sample| sample[RECOVERED_RATIO]).collect();
    assert!(
        recovered.iter().all(|r| *r == recovered[0]),
        "undecided: {recovered:?}"
    );
    recovered[0] == 0.0
}

#[test]
fn both_edges_of_the_collapsed_region() {
    // Collapse persists iff attempts × load > capacity and a full queue lasts
    // longer than the timeout. Left edge, m ρ = 1 at K = 5,000: 100 servers of
    // 14 ms do 7,143/s, so with 5,000 callers and 6 attempts at 0.238/s each.
    for (rate, expected) in [
        ("0.2/s", false),
        ("0.22/s", false),
        ("0.26/s", true),
        ("0.3/s", true),
    ] {
        let rate_setting = format!("callers.rate={rate}");
        assert_eq!(collapsed(&[&rate_setting]), expected, "rate {rate}");
    }
    // With m = 3 at 0.476/s.
    for (rate, expected) in [("0.44/s", false), ("0.52/s", true)] {
        let rate_setting = format!("callers.rate={rate}");
        let settings = ["policy.fixed.attempts=3", &rate_setting];
        assert_eq!(collapsed(&settings), expected, "rate {rate}, 3 attempts");
    }
    // Lower edge, K/(cμ) = 250 ms at load 0.7: K = 1,786, noise about √K = 42.
    for (queue, expected) in [
        ("1500", false),
        ("1620", false),
        ("1950", true),
        ("2200", true),
    ] {
        let queue_setting = format!("service.queue={queue}");
        assert_eq!(collapsed(&[&queue_setting]), expected, "queue {queue}");
    }
}

#[test]
fn brooker_s_bucket_drains_at_its_rate() {
    // Everything fails: each client may retry capacity + deposit × calls times.
    let s = scenario(&[
        "faults=['errors(100%)@0s+60s']",
        "compare=['budget']",
        "run.warmup=0s",
    ]);
    for o in outcomes(&s, 0, 2) {
        let granted = 50.0 * 10.0 + 0.1 * o.total.calls as f64;
        let retries = (o.total.attempts - o.total.calls) as f64;
        // Less than one token is left per client, and a second of retries waits.
        assert!(
            retries <= granted && retries > granted - 50.0 - 600.0,
            "{retries} {granted}"
        );
    }
}

#[test]
fn a_ratio_budget_caps_the_load() {
    // x → 1: the load tends to 1 + ratio attempts per call.
    let s = scenario(&[
        "faults=['errors(100%)@0s+60s']",
        "compare=['fixed']",
        "policy.fixed.budget={ kind = 'ratio', ratio = 0.2, window = '10s' }",
    ]);
    for o in outcomes(&s, 0, 2) {
        let attempts = o.window.attempts as f64 / o.window.calls as f64;
        // A window of a client holds 1,000 calls, and less than one retry of
        // its 200 is left over; the run's retries are those of the calls of a
        // second before, whose number is Poisson.
        let left = 1.0 / 1_000.0;
        let edges = 0.2 * 4.0 * (2.0 * 5_000.0f64).sqrt() / o.window.calls as f64;
        let range = 1.2 - left - edges..=1.2 + edges;
        assert!(range.contains(&attempts), "{attempts}");
    }
}

#[test]
fn ratio_budget_counts_a_sliding_window() {
    use herdsim_core::herd::budget::Budgets;
    use herdsim_core::scenario::policy::{Budget, Deposit, Expiry, Failure, Ratio};
    use herdsim_core::units::{Factor, Nanos};
    // Against the definition, recomputed from the whole history each time.
    let rule = Ratio {
        ratio: Factor(0.5),
        window: Nanos::from_secs(2),
        min_per_s: Factor(1.0),
        deposit: Deposit::Start,
        expiry: Expiry::Sliding,
    };
    let mut budgets = Budgets::new(Some(&Budget::Ratio(rule)), 1);
    let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(3);
    let (mut calls, mut retries): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut now = 0u64;
    let mut denied = 0;
    for _ in 0..5_000 {
        use rand::RngExt;
        now += rng.random_range(0..200_000_000);
        let recent = |times: &[u64]| times.iter().filter(|t| **t + 2_000_000_000 > now).count();
        if rng.random::<bool>() {
            budgets.call_started(0, now);
            calls.push(now);
        } else {
            let allowed = recent(&retries) as f64 + 1.0 <= 0.5 * recent(&calls) as f64 + 2.0;
            assert_eq!(budgets.withdraw(0, Failure::Error, now), allowed);
            denied += u32::from(!allowed);
            if allowed {
                retries.push(now);
            }
        }
    }
    assert!(denied > 100);
}
