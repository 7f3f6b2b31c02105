//! Policies, services and chains against closed forms and exact chains.

mod common;

use common::{assert_near, metric, outcomes, scenario, values};
use herdsim_core::herd::Outcome;
use herdsim_core::herd::guard::{Circuit, State};
use herdsim_core::scenario::policy::{Breaker, BreakerWindow, Scope};
use herdsim_core::stats::Estimate;
use herdsim_core::units::{Nanos, Probability};
use proptest::prelude::*;

/// As [`assert_near`], of what may have no variance at all.
fn near(what: &str, values: Vec<f64>, expected: f64) {
    let first = values[0];
    match values.iter().all(|v| *v == first) {
        true => assert!(
            (first - expected).abs() < 1e-9,
            "{what}: {first} {expected}"
        ),
        false => assert_near(what, values, expected),
    }
}

/// A coin that callers meet, open arrivals, no fault.
fn coin(x: f64, settings: &[&str]) -> Vec<Outcome> {
    let ratio = format!("service.failure_ratio={x}");
    let open = !settings.iter().any(|s| s.starts_with("callers.arrival="));
    let mut all = vec![
        "faults=[]",
        "run.horizon=40s",
        "run.warmup=0s",
        "service.kind=coin",
        "service.response_time=exp(5ms)",
        "callers.count=200",
        "callers.clients=1",
        &ratio,
        "compare=[\"fixed\"]",
        "policy.fixed.backoff=none",
        "policy.fixed.timeout=none",
    ];
    all.extend(open.then_some("callers.rate=10/s"));
    all.extend(settings);
    outcomes(&scenario(&all), 0, 12)
}

#[test]
fn a_coin_for_every_number_of_attempts() {
    for (attempts, x) in [(1, 0.3), (2, 0.1), (3, 0.5), (4, 0.9), (6, 0.7), (10, 0.95)] {
        // All call at once, so that none is cut off at the end.
        let attempts_set = format!("policy.fixed.attempts={attempts}");
        let runs = coin(
            x,
            &[&attempts_set, "callers.count=4000", "callers.arrival=once"],
        );
        let lost = x.powi(attempts);
        assert_near(
            "failed",
            values(&runs, |o| 1.0 - metric(o, "success_ratio")),
            lost,
        );
        let load = (1.0 - lost) / (1.0 - x);
        near(
            "load",
            values(&runs, |o| metric(o, "attempts_per_call")),
            load,
        );
    }
}

#[test]
fn a_ratio_budget_caps_the_load_of_a_dead_service() {
    let budget = "policy.fixed.budget={kind=\"ratio\",ratio=0.2,window=\"5s\"}";
    let runs = coin(1.0, &[budget]);
    let load = values(&runs, |o| metric(o, "attempts_per_call"));
    assert!((Estimate::of(load.iter().copied()).mean - 1.2).abs() < 0.005);
    let healthy = coin(0.01, &[budget]);
    let load = values(&healthy, |o| metric(o, "attempts_per_call"));
    assert!((Estimate::of(load.iter().copied()).mean - 1.0 / 0.99).abs() < 0.002);
}

/// The stationary law of a Markov chain on 0..n, by power iteration.
fn stationary(n: usize, step: impl Fn(usize, &mut dyn FnMut(usize, f64))) -> Vec<f64> {
    // Half of it stays in place each time: the chain may be periodic.
    let mut p = vec![1.0 / n as f64; n];
    for _ in 0..60_000 {
        let mut next: Vec<f64> = p.iter().map(|mass| mass / 2.0).collect();
        for (from, mass) in p.iter().enumerate() {
            step(from, &mut |to, chance| next[to] += mass * chance / 2.0);
        }
        let moved: f64 = p.iter().zip(&next).map(|(a, b)| (a - b).abs()).sum();
        p = next;
        if moved < 1e-13 {
            break;
        }
    }
    p
}

/// One caller, one call at a time: what becomes of a call that begins with so
/// many tokens, as (tokens after, chance, attempts, success), for a bucket
/// with whole tokens.
struct Bucket {
    capacity: usize,
    cost: usize,
    per_call: usize,
    per_success: usize,
    refund: bool,
    strict: bool,
    attempts: usize,
}

impl Bucket {
    fn call(&self, tokens: usize, x: f64, tell: &mut dyn FnMut(usize, f64, f64, bool)) {
        let mut tokens = (tokens + self.per_call).min(self.capacity);
        let mut reach = 1.0;
        for attempt in 1.. {
            let back = match attempt {
                1 => self.per_success,
                _ if self.refund => self.cost,
                _ => 0,
            };
            let after = (tokens + back).min(self.capacity);
            tell(after, reach * (1.0 - x), attempt as f64, true);
            let enough = tokens >= self.cost + usize::from(self.strict);
            if attempt == self.attempts || !enough {
                tell(tokens, reach * x, attempt as f64, false);
                return;
            }
            tokens -= self.cost;
            reach *= x;
        }
    }

    /// Success ratio and attempts per call in the long run.
    fn exact(&self, x: f64) -> (f64, f64) {
        let law = stationary(self.capacity + 1, |from, give| {
            self.call(from, x, &mut |to, chance, _, _| give(to, chance));
        });
        let (mut success, mut attempts) = (0.0, 0.0);
        for (tokens, mass) in law.iter().enumerate() {
            self.call(tokens, x, &mut |_, chance, made, ok| {
                attempts += mass * chance * made;
                success += mass * chance * f64::from(u8::from(ok));
            });
        }
        (success, attempts)
    }
}

/// One closed caller against a coin, with a budget.
fn alone(x: f64, attempts: &str, budget: &str, count: u32) -> Vec<Outcome> {
    coin(
        x,
        &[
            &format!("callers.count={count}"),
            &format!("callers.clients={count}"),
            "callers.arrival=closed",
            "callers.think=exp(1ms)",
            "service.response_time=exp(1ms)",
            "run.warmup=10s",
            "run.horizon=30s",
            &format!("policy.fixed.attempts={attempts}"),
            &format!("policy.fixed.budget={budget}"),
        ],
    )
}

#[test]
fn token_buckets_are_exact_markov_chains() {
    // Both sides of the break-even: 32% and 21% for AWS, 9% for Brooker.
    let aws = |cost| Bucket {
        capacity: 60,
        cost,
        per_call: 0,
        per_success: 1,
        refund: true,
        strict: false,
        attempts: 3,
    };
    // Steps of a tenth of a token.
    let brooker = Bucket {
        capacity: 50,
        cost: 10,
        per_call: 1,
        per_success: 0,
        refund: false,
        strict: true,
        attempts: usize::MAX,
    };
    let table = |cost| {
        format!(
            "{{kind=\"token-bucket\",capacity=60,cost={cost},refund=true,deposit_per_success=1}}"
        )
    };
    let brookers =
        "{kind=\"token-bucket\",capacity=5,cost=1,deposit_per_call=0.1,strict=true}".to_string();
    for x in [0.05, 0.15, 0.3, 0.5] {
        for (bucket, attempts, budget) in [
            (aws(5), "3", table(5)),
            (aws(14), "3", table(14)),
            (Bucket { ..brooker }, "unlimited", brookers.clone()),
        ] {
            let (success, load) = bucket.exact(x);
            let runs = alone(x, attempts, &budget, 20);
            let what = format!("{budget} at {x}");
            near(
                &what,
                values(&runs, |o| 1.0 - metric(o, "success_ratio")),
                1.0 - success,
            );
            near(
                &what,
                values(&runs, |o| metric(o, "attempts_per_call")),
                load,
            );
        }
    }
}

#[test]
fn the_grpc_throttle_is_an_exact_markov_chain() {
    // In tenths of a token: 100 of them, a failure takes 10, a success gives 1.
    let call = |tokens: usize, x: f64, tell: &mut dyn FnMut(usize, f64, f64, bool)| {
        let (mut tokens, mut reach) = (tokens, 1.0);
        for attempt in 1..=4 {
            tell(
                (tokens + 1).min(100),
                reach * (1.0 - x),
                f64::from(attempt),
                true,
            );
            tokens = tokens.saturating_sub(10);
            if attempt == 4 || tokens <= 50 {
                tell(tokens, reach * x, f64::from(attempt), false);
                return;
            }
            reach *= x;
        }
    };
    let budget = "{kind=\"throttle\",max_tokens=10,token_ratio=0.1}";
    for x in [0.03, 0.08, 0.12, 0.2] {
        let law = stationary(101, |from, give| {
            call(from, x, &mut |to, chance, _, _| give(to, chance));
        });
        let (mut success, mut load) = (0.0, 0.0);
        for (tokens, mass) in law.iter().enumerate() {
            call(tokens, x, &mut |_, chance, made, ok| {
                load += mass * chance * made;
                success += mass * chance * f64::from(u8::from(ok));
            });
        }
        let runs = alone(x, "4", budget, 50);
        let what = format!("gRPC at {x}");
        near(
            &what,
            values(&runs, |o| metric(o, "success_ratio")),
            success,
        );
        near(
            &what,
            values(&runs, |o| metric(o, "attempts_per_call")),
            load,
        );
    }
}

#[test]
fn adaptive_throttling_lets_all_through_until_half_fails() {
    let throttle = "policy.fixed.throttle={kind=\"sre\",k=2,window=\"1s\"}";
    let denied = |x: f64| {
        let runs = coin(x, &["policy.fixed.attempts=1", throttle, "run.warmup=10s"]);
        let share = |o: &Outcome| metric(o, "denied_attempts") / metric(o, "calls");
        Estimate::of(values(&runs, share)).mean
    };
    assert!(denied(0.4) < 1e-3);
    // Of requests a share q is let through: q(1 − x)K accepts are as many as
    // requests times 1 − p = q, where p = 1 − K·q(1 − x), so q = K·q(1 − x):
    // above x = 1 − 1/K nothing but q → 0 satisfies it.
    assert!(denied(0.7) > 0.9);
}

#[test]
fn one_hedge_has_the_product_of_the_tails() {
    let runs = coin(
        0.0,
        &[
            "service.response_time=exp(20ms)",
            "policy.fixed.attempts=2",
            "policy.fixed.hedge={delay=\"15ms\",max=2}",
        ],
    );
    // Extra attempts: e^(−15/20).
    let extra = (-0.75f64).exp();
    assert_near(
        "hedges",
        values(&runs, |o| metric(o, "attempts_per_call")),
        1.0 + extra,
    );
    for ms in [5.0, 20.0, 40.0] {
        let tail = |t: f64| (-t / 20.0).exp().min(1.0);
        let expected = tail(ms) * tail((ms - 15.0f64).max(0.0));
        let above = values(&runs, |o| {
            let at = (ms * 1e6) as u64;
            let below = o.waits.count_between(0, at) as f64;
            1.0 - below / o.waits.len() as f64
        });
        // The histogram keeps three digits.
        let mean = Estimate::of(above.iter().copied());
        let slack = 4.0 * mean.sd / (above.len() as f64).sqrt() + 0.002;
        assert!(
            (mean.mean - expected).abs() < slack,
            "{ms}: {} {expected}",
            mean.mean
        );
    }
}

#[test]
fn optimistic_concurrency_costs_about_a_write_a_rival() {
    // Two rivals that start together: each reads, and the second to write loses
    // if it read before the first wrote. Messages of 10 ms ± 2 ms each.
    let s = scenario(&[
        "service={kind=\"occ\"}",
        "faults=[]",
        "callers.count=50",
        "callers.arrival=once",
        "run.horizon=60s",
        "network.out=normal(10ms,2ms)",
        "network.back=normal(10ms,2ms)",
        "compare=[\"fixed\"]",
        "policy.fixed.attempts=unlimited",
        "policy.fixed.backoff=fixed(1ns)",
        "policy.fixed.timeout=none",
    ]);
    for run in outcomes(&s, 0, 4) {
        // Every call writes once with success.
        assert_eq!(run.total.ok, 50);
        assert_eq!(run.total.attempts - run.total.errors, 50);
    }
}

/// One caller who calls at 0, as `settings` say, once.
fn one_call(settings: &[&str]) -> Outcome {
    let mut all = vec![
        "faults=[]",
        "run.horizon=60s",
        "run.warmup=0s",
        "callers.count=1",
        "callers.clients=1",
        "callers.arrival=once",
        "compare=[\"fixed\"]",
        "policy.fixed.backoff=none",
        "policy.fixed.timeout=none",
    ];
    all.extend(settings);
    outcomes(&scenario(&all), 0, 1).remove(0)
}

#[test]
fn nothing_is_sent_after_the_deadline() {
    // One token a second, one to start with: the second retry would wait until
    // 1 s, which is too late for a deadline of 1 s, and early enough for more.
    let attempts = |deadline: &str| {
        let deadline = format!("policy.fixed.deadline={deadline}");
        let run = one_call(&[
            "service.kind=coin",
            "service.failure_ratio=1",
            "service.response_time=1us",
            "policy.fixed.attempts=10",
            "policy.fixed.throttle={kind=\"bucket\",rate=\"1/s\",burst=1}",
            &deadline,
        ]);
        assert_eq!(run.total.failed, 1);
        run.total.attempts
    };
    assert_eq!(attempts("1s"), 2);
    assert_eq!(attempts("1001ms"), 3);
    assert_eq!(attempts("none"), 10);
}

#[test]
fn no_hedge_is_sent_as_the_deadline_passes() {
    // At 0, 10 and 20 ms; then all three are given up together.
    for next in [true, false] {
        let hedge = format!("policy.fixed.hedge={{delay=\"10ms\",max=3,next_on_failure={next}}}");
        let run = one_call(&[
            "service.kind=coin",
            "service.response_time=1h",
            "policy.fixed.attempts=10",
            "policy.fixed.deadline=100ms",
            &hedge,
        ]);
        assert_eq!((run.total.attempts, run.total.failed), (3, 1));
    }
}

#[test]
fn hedges_go_on_when_one_fails() {
    // Ten attempts, at most two of them at once, each lost after 25 ms.
    let run = one_call(&[
        "service.kind=coin",
        "service.response_time=1h",
        "policy.fixed.attempts=10",
        "policy.fixed.timeout=25ms",
        "policy.fixed.hedge={delay=\"10ms\",max=2,next_on_failure=false}",
    ]);
    assert_eq!((run.total.attempts, run.total.failed), (10, 1));
}

#[test]
fn a_retry_that_is_not_sent_costs_nothing() {
    // The breaker lets nothing through but the first attempt: the bucket stays full.
    let runs = coin(
        1.0,
        &[
            "callers.count=10",
            "callers.clients=1",
            "policy.fixed.attempts=3",
            "policy.fixed.backoff=fixed(10ms)",
            "policy.fixed.breaker={window=1,min_calls=1,open_for=\"1h\"}",
            "policy.fixed.budget={kind=\"token-bucket\",capacity=20,cost=5}",
        ],
    );
    for run in &runs {
        // Calls that were under way as the breaker opened apart.
        assert!(run.total.attempts < 10, "{:?}", run.total);
        assert!(run.total.denied_attempts > 100);
        assert_eq!(run.total.denied, 0, "no budget ran dry");
    }
}

#[test]
fn a_client_that_the_aws_limiter_slowed_down_comes_back() {
    let goodput = |policy: &str| {
        let name = format!("compare=[\"{policy}\"]");
        let runs = outcomes(
            &scenario(&[
                "callers.count=200",
                "callers.clients=4",
                "service.servers=12",
                "service.service_time=exp(14ms)",
                "service.queue=10",
                "faults=[\"slow(20)@5s+1s\"]",
                "run.horizon=120s",
                "run.warmup=60s",
                &name,
                "policy.*.deadline=10s",
            ]),
            0,
            2,
        );
        Estimate::of(values(&runs, |o| metric(o, "goodput_per_s"))).mean
    };
    // 200 calls a second, of which a client whose tokens were gone would send none.
    let (with, without) = (goodput("aws-adaptive"), goodput("aws-standard-2026"));
    assert!(without > 190.0, "{without}");
    assert!(with > 150.0, "{with}");
}

#[test]
fn a_hedge_that_is_not_sent_ends_no_call() {
    // No answer has come yet, so the throttle refuses hedges; what is in
    // flight succeeds all the same. The first of a client always gets through.
    let runs = coin(
        0.0,
        &[
            "callers.clients=200",
            "callers.arrival=once",
            "service.response_time=100ms",
            "policy.fixed.attempts=4",
            "policy.fixed.hedge={delay=\"10ms\",max=4}",
            "policy.fixed.throttle={kind=\"sre\",k=1,window=\"120s\"}",
        ],
    );
    let denied: u64 = runs.iter().map(|run| run.total.denied_attempts).sum();
    assert!(denied > 100, "{denied}");
    for run in &runs {
        assert_eq!(run.total.failed, 0);
    }
}

#[test]
fn a_hedge_that_is_dropped_gives_its_place_back() {
    // At most one retry of a client at a time: no call ever has two, so that
    // none is denied unless a place got lost.
    let runs = coin(
        0.3,
        &[
            "callers.count=1",
            "callers.arrival=closed",
            "callers.think=exp(10ms)",
            "policy.fixed.attempts=2",
            "policy.fixed.backoff=fixed(3ms)",
            "policy.fixed.hedge={delay=\"4ms\",max=2}",
            "policy.fixed.budget={kind=\"concurrent\",min_concurrency=1}",
        ],
    );
    for run in &runs {
        assert_eq!(run.total.denied, 0);
        assert!(run.total.attempts > run.total.ok + 100);
    }
}

#[test]
fn a_stall_lets_nothing_out_where_nothing_waits() {
    let runs = coin(
        0.0,
        &["service.response_time=5ms", "faults=[\"stall@10s+2s\"]"],
    );
    for run in &runs {
        assert_eq!(run.total.rejected, 0);
        // All who called meanwhile, some 2000·10·2, were answered at its end.
        let slow = run.waits.count_between(5_100_000, 2_010_000_000);
        assert!((slow as f64 - 4000.0).abs() < 6.0 * 64.0, "{slow}");
        assert_eq!(run.waits.count_between(2_010_000_001, u64::MAX), 0);
    }
}

#[test]
fn a_pushback_starts_the_backoff_afresh() {
    // Rejected at 0 and told to come back after 2 s; from then on refused. The
    // second retry waits as the first of a call would: 100 ms, not 200.
    for (hint, refused) in [("replace", 1), ("replace-and-restart", 2)] {
        let hint = format!("policy.fixed.retry_after={hint}");
        let run = one_call(&[
            // The other one is served until the crash, and tries no more.
            "callers.count=2",
            "service.servers=1",
            "service.queue=0",
            "service.service_time=1h",
            "service.retry_after=2s",
            "faults=[\"crash@1s+50s\"]",
            "run.horizon=2150ms",
            "policy.fixed.attempts=3",
            "policy.fixed.retry_on=[\"rejected\",\"refused\"]",
            "policy.fixed.backoff=exponential(base=100ms,multiplier=2)",
            &hint,
        ]);
        assert_eq!((run.total.rejected, run.total.reset), (1, 1));
        assert_eq!(run.total.refused, refused, "{hint}");
    }
}

fn circuit() -> impl Strategy<Value = Breaker> {
    (1u32..30, 1u32..30, 1u32..100, 1u32..8, any::<bool>()).prop_map(
        |(window, min, percent, half_open_calls, timed)| Breaker {
            window: match timed {
                true => BreakerWindow::Time(Nanos::from_millis(u64::from(window) * 100)),
                false => BreakerWindow::Count(window.max(min)),
            },
            min_calls: min,
            threshold: Probability(f64::from(percent) / 100.0),
            open_for: Nanos::from_millis(500),
            half_open_calls,
            scope: Scope::All,
        },
    )
}

proptest! {
    /// Whatever comes, a breaker lets no more than `half_open_calls` through
    /// while half open, and is never closed with a window above its threshold.
    #[test]
    fn a_breaker_keeps_its_promises(
        rule in circuit(),
        steps in prop::collection::vec((0u64..200_000_000, 0u8..4), 1..400),
    ) {
        let mut circuit = Circuit::new(&rule);
        let (mut now, mut through) = (0, 0);
        for (pause, what) in steps {
            now += pause;
            let before = circuit.state();
            match what {
                0 => {
                    let admitted = circuit.admit(now);
                    match (before, circuit.state()) {
                        (State::Open { until }, State::HalfOpen { .. }) => {
                            prop_assert!(now >= until);
                            through = u32::from(admitted);
                        }
                        (State::Open { until }, _) => prop_assert!(!admitted && now < until),
                        (State::HalfOpen { .. }, _) => through += u32::from(admitted),
                        (State::Closed, _) => prop_assert!(admitted),
                    }
                    if matches!(circuit.state(), State::HalfOpen { .. }) {
                        prop_assert!(through <= rule.half_open_calls);
                    }
                }
                3 => {
                    circuit.returned();
                    prop_assert_eq!(matches!(before, State::HalfOpen { .. }),
                        matches!(circuit.state(), State::HalfOpen { .. }));
                    through = u32::saturating_sub(through, 1);
                }
                // Polly looks at its window only when something fails.
                _ => {
                    let failed = what == 1;
                    circuit.record(now, failed);
                    let (ended, failures) = circuit.window();
                    let looked = failed || matches!(rule.window, BreakerWindow::Count(_));
                    if circuit.state() == State::Closed && looked && ended >= rule.min_calls {
                        prop_assert!(f64::from(failures) < rule.threshold.0 * f64::from(ended));
                    }
                }
            }
        }
    }
}

#[test]
fn the_catalogue_is_whole_and_runs() {
    use herdsim_core::scenario::catalogue::entries;
    let entries = entries().unwrap();
    assert!(entries.len() >= 60);
    for entry in &entries {
        assert!(
            !entry.source.is_empty() && !entry.delays.is_empty(),
            "{}",
            entry.name
        );
        // Every row simulates, and its file gives the same scenario again.
        let s = scenario(&[
            &format!("compare=[\"{}\"]", entry.name),
            "run.horizon=4s",
            "run.warmup=0s",
            "faults=[\"crash@1s+1s\"]",
            "callers.count=200",
            "service.servers=4",
            "service.retry_after=100ms",
        ]);
        assert_eq!(s.policies[0].1, entry.policy);
        let again = herdsim_core::scenario::Scenario::parse("again", &s.to_toml()).unwrap();
        assert_eq!(s, again, "{}", entry.name);
        let run = &outcomes(&s, 0, 1)[0];
        assert!(run.total.ok > 100, "{}", entry.name);
        assert_eq!(
            run.total.ok + run.total.failed + run.residue.calls,
            run.total.calls
        );
    }
}

#[test]
fn what_was_read_can_be_found_again() {
    use herdsim_core::scenario::catalogue::{Sure, entries};
    // A version or a commit, and a file.
    let is_version = |word: &str| {
        let word = word.trim_start_matches(['v', '(']);
        let digits = word.chars().take_while(char::is_ascii_digit).count();
        let hex = word.chars().take_while(char::is_ascii_hexdigit).count();
        digits > 0 && word[digits..].starts_with('.') || hex >= 7
    };
    let is_file = |word: &str| {
        let ends = [
            "py", "js", "ts", "go", "rs", "java", "scala", "cs", "rb", "md", "cc", "c", "h", "json",
        ];
        ends.iter().any(|end| word.ends_with(&format!(".{end}")))
    };
    for entry in entries().unwrap() {
        if entry.sure == Sure::Read {
            let separators = |c: char| c.is_whitespace() || ",;:".contains(c);
            let mut words = entry.source.split(separators);
            assert!(
                words.clone().any(is_version),
                "{}: {}",
                entry.name,
                entry.source
            );
            assert!(
                words.any(|w| is_file(w.trim_matches(['(', ')', '}']))),
                "{}: {}",
                entry.name,
                entry.source
            );
        }
    }
}

#[test]
fn hints_count_before_or_after_the_jitter() {
    use herdsim_core::herd::backoff::Backoffs;
    use rand::SeedableRng;
    // What the service asks for, and the least and most of the delay, in ms.
    for (name, k, asked, least, most) in [
        ("axios-retry-exponential", 1, 1000, 1000.0, 1200.0),
        ("axios-retry-exponential", 1, 100, 200.0, 240.0),
        ("aws-standard-2026", 1, 7000, 5000.0, 6000.0),
        ("aws-standard-2026", 1, 1, 1.0, 1000.0),
        ("grpc", 3, 30, 30.0, 30.0),
        ("urllib3", 1, 40_000_000, 21_600_000.0, 21_600_000.0),
    ] {
        let s = scenario(&[&format!("compare=[\"{name}\"]")]);
        let policy = &s.policies[0].1;
        let backoffs = Backoffs::new(policy);
        let mut rng = herdsim_core::streams::Stream::seed_from_u64(5);
        let draws = (0..4000).map(|_| {
            let delay = backoffs.hinted_delay(policy, k, asked * 1_000_000, &mut 0, &mut rng);
            delay.unwrap() as f64 / 1e6
        });
        let (low, high) = draws.fold((f64::INFINITY, 0.0f64), |(low, high), d| {
            (low.min(d), high.max(d))
        });
        let slack = 0.02 * (most - least) + 1e-9;
        assert!(least - 1e-9 <= low && low <= least + slack, "{name}: {low}");
        assert!(
            most - slack <= high && high <= most + 1e-9,
            "{name}: {high}"
        );
    }
}

/// How long retry k waits at least and at most, in ms, as the catalogue says it.
#[test]
fn delays_of_real_clients() {
    use herdsim_core::herd::backoff::Backoffs;
    use herdsim_core::scenario::policy::Failure;
    use rand::SeedableRng;
    const TABLE: [(&str, u32, f64, f64); 26] = [
        ("aws-standard-2025", 2, 0.0, 2_000.0),
        ("aws-standard-2026", 1, 0.0, 50.0),
        ("grpc", 2, 160.0, 240.0),
        ("grpc", 9, 800.0, 1_200.0), // may exceed the cap
        ("envoy", 1, 0.0, 24.0),     // whole ms below 25
        ("envoy", 5, 0.0, 249.0),
        ("linkerd-policy", 1, 25.0, 50.0),
        ("linkerd-policy", 4, 200.0, 250.0), // the sum is capped
        ("kafka", 1, 80.0, 119.0),
        ("kafka", 6, 800.0, 1_000.0), // before and after
        ("stripe", 1, 500.0, 500.0),  // always
        ("stripe", 2, 500.0, 1_000.0),
        ("openai", 3, 1_500.0, 2_000.0),
        ("azure-go", 2, 1_920.0, 3_120.0), // (2² − 1) · 800 ms
        ("azure-python", 1, 0.0, 0.0),
        ("azure-python", 2, 1_600.0, 1_600.0),
        ("azure-js", 1, 500.0, 1_000.0),
        ("azure-java", 4, 6_080.0, 6_720.0),
        ("urllib3-backoff", 1, 0.0, 0.0),
        ("urllib3-backoff", 2, 200.0, 200.0),
        ("axios-retry-exponential", 1, 200.0, 240.0),
        ("sidekiq", 3, 31_000.0, 60_000.0), // 16 + 15 + {0 … 29}
        ("celery-backoff", 3, 0.0, 4_000.0),
        ("kafkajs", 1, 240.0, 360.0),
        ("kafkajs", 2, 384.0, 866.0), // 2⌈⌈300u⌉u⌉ ms
        ("resilience4j-exponential", 4, 1_687.0, 1_687.0),
    ];
    for (name, k, least, most) in TABLE {
        let s = scenario(&[&format!("compare=[\"{name}\"]")]);
        let policy = &s.policies[0].1;
        let backoffs = Backoffs::new(policy);
        let mut rng = herdsim_core::streams::Stream::seed_from_u64(4);
        let draws: Vec<f64> = (0..4_000)
            .map(|_| {
                let mut state = 0;
                let mut last = 0;
                for i in 1..=k {
                    last = backoffs.delay(policy, i, Failure::Error, &mut state, &mut rng);
                }
                last as f64 / 1e6
            })
            .collect();
        let low = draws.iter().copied().fold(f64::INFINITY, f64::min);
        let high = draws.iter().copied().fold(0.0, f64::max);
        let slack = 0.02 * (most - least);
        assert!(
            low >= least - 1e-9 && high <= most + 1e-9,
            "{name} {k}: {low} {high}"
        );
        // The ends are reached, but for the rare corners of compounded draws.
        if name != "kafkajs" || k == 1 {
            assert!(
                low <= least + slack && high >= most - slack,
                "{name} {k}: {low} {high}"
            );
        }
    }
}

proptest! {
    /// No budget ever grants more than it has earned, whatever the order of events.
    #[test]
    fn budgets_never_grant_more_than_they_earned(
        kind in 0usize..7,
        steps in prop::collection::vec((0u8..6, 0u64..800_000_000), 1..400),
    ) {
        use herdsim_core::herd::budget::Budgets;
        use herdsim_core::scenario::policy::Failure;
        let tables = [
            "{kind=\"token-bucket\",capacity=8,cost=2,timeout_cost=3,deposit_per_call=0.3}",
            "{kind=\"token-bucket\",capacity=8,cost=2,refund=true,deposit_per_success=1}",
            "{kind=\"ratio\",ratio=0.3,window=\"5s\",min_per_s=1}",
            "{kind=\"ratio\",ratio=0.3,window=\"5s\",min_per_s=1,expiry=\"tower\"}",
            "{kind=\"ratio\",ratio=0.3,window=\"5s\",min_per_s=1,expiry=\"finagle\",deposit=\"success\"}",
            "{kind=\"throttle\",max_tokens=6,token_ratio=0.5}",
            "{kind=\"concurrent\",min_concurrency=2,percent=\"20%\"}",
        ];
        let s = scenario(&["compare=[\"fixed\"]", &format!("policy.fixed.budget={}", tables[kind])]);
        let mut budgets = Budgets::new(s.policies[0].1.budget.as_ref(), 1);
        let (mut now, mut calls, mut granted, mut successes) = (0u64, 0u64, 0u64, 0u64);
        let mut in_flight: Vec<bool> = Vec::new();
        let mut waiting = 0u64;
        let mut failures = 0u64;
        let (mut grants, mut starts) = (Vec::new(), Vec::new());
        for (what, pause) in steps {
            now += pause;
            match what {
                0 | 1 => {
                    calls += 1;
                    starts.push(now);
                    budgets.call_started(0, now);
                    budgets.sent(0, now);
                    in_flight.push(false);
                }
                2 if waiting > 0 => {
                    waiting -= 1;
                    budgets.sent(0, now);
                    in_flight.push(true);
                }
                3 => {
                    if let Some(retry) = in_flight.pop() {
                        successes += 1;
                        budgets.ended(0, retry, true, false);
                        budgets.call_succeeded(0, retry.then_some(Failure::Error), now);
                    }
                }
                _ => {
                    let Some(retry) = in_flight.pop() else { continue };
                    failures += 1;
                    budgets.ended(0, retry, false, true);
                    let retrying = waiting + in_flight.iter().filter(|r| **r).count() as u64;
                    if budgets.withdraw(0, Failure::Error, now) {
                        granted += 1;
                        grants.push(now);
                        waiting += 1;
                        if kind == 6 {
                            let share = (0.2 * in_flight.len() as f64) as u64;
                            prop_assert!(retrying < share.max(2));
                        }
                    }
                }
            }
            let (g, c, ok) = (granted as f64, calls as f64, successes as f64);
            let recent = |times: &[u64], seconds: f64| {
                let young = times.iter().filter(|t| (now - **t) as f64 / 1e9 < seconds);
                young.count() as f64
            };
            match kind {
                0 => prop_assert!(2.0 * g <= 8.0 + 0.3 * c + 1e-9),
                // Each success returns its retry's cost, or 1.
                1 => prop_assert!(2.0 * g <= 8.0 + 2.0 * ok),
                // What was earned may leave the window before what it paid for does.
                2 if grants.last() == Some(&now) => {
                    let (g, c) = (recent(&grants, 5.0), recent(&starts, 5.0));
                    prop_assert!(g <= 0.3 * c + 5.0 + 1e-9);
                }
                // Whole tokens: tower makes a third of 0.3, finagle 3333 thousandths.
                // finagle's withdrawals live for nine slots at least. tower passes two of
                // its ten slots whenever it is looked at a little more than one later, so
                // that they may live for five.
                3 => prop_assert!(3.0 * recent(&grants, 2.5) <= c + 15.0),
                4 => prop_assert!(3333.0 * recent(&grants, 4.5) <= 1000.0 * ok + 5.0 * 3333.0),
                // Fewer than three tokens may be gone while one is granted.
                5 => prop_assert!(g <= failures as f64 && (failures < 4 || ok > 0.0 || g <= 2.0)),
                _ => {}
            }
        }
    }
}
