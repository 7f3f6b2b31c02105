//! Queueing theory: with one attempt per call and no fault the service is a
//! textbook queue. Tolerances are 4 standard errors over replications.

mod common;

use common::{assert_near, outcomes, scenario, values};

/// Erlang's M/M/c/K: stationary probabilities of 0..=K in the system.
fn mmck(lambda: f64, mu: f64, c: u32, k: u32) -> Vec<f64> {
    let mut p = vec![1.0];
    for n in 1..=k {
        let last = p[n as usize - 1];
        p.push(last * lambda / (mu * f64::from(n.min(c))));
    }
    let sum: f64 = p.iter().sum();
    p.iter().map(|x| x / sum).collect()
}

const OPEN: [&str; 6] = [
    "faults=[]",
    "callers.count=100",
    "run.warmup=20s",
    "compare=['none']",
    "policy.none.timeout=none",
    "run.bin=10s",
];

fn with<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    OPEN.iter()
        .copied()
        .chain(settings.iter().copied())
        .collect()
}

#[test]
fn erlang_blocking_and_wait_of_mmck() {
    // (rate per caller, servers, queue): light, heavy, overloaded, one server, no queue.
    for (rate, servers, queue) in [
        (0.6, 8, 12),
        (0.9, 9, 3),
        (1.5, 10, 20),
        (0.08, 1, 4),
        (0.9, 10, 0),
    ] {
        let settings = [
            format!("callers.rate={rate}/s"),
            format!("service.servers={servers}"),
            format!("service.queue={queue}"),
        ];
        let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        settings.extend(["service.service_time=exp(100ms)", "run.horizon=400s"]);
        let s = scenario(&with(&settings));
        let runs = outcomes(&s, 0, 60);
        let lambda = 100.0 * rate;
        let p = mmck(lambda, 10.0, servers, servers + queue);
        let blocked = p[(servers + queue) as usize];
        let waiting: f64 = p
            .iter()
            .enumerate()
            .map(|(n, p)| p * (n as f64 - f64::from(servers)).max(0.0))
            .sum();
        let what = format!("M/M/{servers}/{}, rate {lambda}", servers + queue);
        assert_near(
            &format!("{what}: blocking"),
            values(&runs, |o| {
                o.window.rejected as f64 / o.window.attempts as f64
            }),
            blocked,
        );
        if queue == 0 {
            assert!(runs.iter().all(|o| o.window.waited_ns == 0));
            continue;
        }
        // Little: mean wait of those admitted = waiting / (λ (1 − blocked)).
        assert_near(
            &format!("{what}: wait"),
            values(&runs, |o| {
                let admitted = (o.window.attempts - o.window.rejected) as f64;
                o.window.waited_ns as f64 / 1e9 / admitted
            }),
            waiting / (lambda * (1.0 - blocked)),
        );
    }
}

#[test]
fn lifo_has_the_mean_wait_of_fifo() {
    // The mean wait does not depend on the order of service (work is conserved).
    let s = scenario(&with(&[
        "callers.rate=0.8/s",
        "service.servers=8",
        "service.queue=100000",
        "service.service_time=exp(90ms)",
        "service.discipline=lifo",
        "run.horizon=600s",
    ]));
    let p = mmck(80.0, 1.0 / 0.09, 8, 400);
    let waiting: f64 = p
        .iter()
        .enumerate()
        .map(|(n, p)| p * (n as f64 - 8.0).max(0.0))
        .sum();
    assert_near(
        "LIFO queue",
        values(&outcomes(&s, 0, 40), |o| {
            o.window.queue_ns as f64 / 1e9 / 580.0
        }),
        waiting,
    );
}

#[test]
fn pollaczek_khinchine_waits_of_one_server() {
    // Wait = λ E[S²] / (2 (1 − ρ)); by hand for each law of mean 10 ms.
    let cases = [
        ("10ms", 1.0),
        ("uniform(0s,20ms)", 4.0 / 3.0),
        ("gamma(shape=2,mean=10ms)", 1.5),
        ("gamma(shape=0.5,mean=10ms)", 3.0),
        ("mix(0.5: 5ms, 0.5: 15ms)", 1.25),
        ("exp(8ms) + 2ms", 1.64),
        ("exp(10ms)", 2.0),
    ];
    for (law, second_moment) in cases {
        let time = format!("service.service_time='{law}'");
        let s = scenario(&with(&[
            "callers.rate=0.7/s",
            "service.servers=1",
            "service.queue=1000000",
            "run.horizon=300s",
            &time,
        ]));
        let wait = 70.0 * second_moment * 1e-4 / (2.0 * 0.3);
        assert_near(
            &format!("M/G/1 with {law}"),
            values(&outcomes(&s, 0, 40), |o| {
                o.window.waited_ns as f64 / 1e9 / o.window.attempts as f64
            }),
            wait,
        );
        // The law's own second moment is the one it was given.
        let m2 = s.entry().pool().unwrap().service_time.second_moment_s2();
        assert!(
            (m2 / (second_moment * 1e-4) - 1.0).abs() < 1e-9,
            "{law}: {m2}"
        );
    }
}

#[test]
fn machine_repair_of_closed_callers() {
    // M/M/c//N: p(n) ∝ C(N,n) a^n for n ≤ c, times n!/(c! c^(n−c)) beyond.
    let (n, c, think, service) = (30u32, 4u32, 1.0, 0.1);
    let a: f64 = service / think;
    let mut p = vec![1.0];
    for k in 1..=n {
        let arriving = f64::from(n - k + 1) * a;
        p.push(p[k as usize - 1] * arriving / f64::from(k.min(c)));
    }
    let sum: f64 = p.iter().sum();
    let busy: f64 = p
        .iter()
        .enumerate()
        .map(|(k, p)| p / sum * f64::from((k as u32).min(c)))
        .sum();
    let throughput = busy / service;
    // Exponential thinkers drawn together, and the same law one by one, and
    // service as a race and by timers.
    for (think, service) in [
        ("exp(1s)", "exp(100ms)"),
        ("gamma(shape=1,mean=1s)", "exp(100ms)"),
        ("exp(1s)", "gamma(shape=1,mean=100ms)"),
    ] {
        let think_setting = format!("callers.think='{think}'");
        let service_setting = format!("service.service_time='{service}'");
        let s = scenario(&[
            "faults=[]",
            "callers.count=30",
            "callers.arrival=closed",
            "service.servers=4",
            "service.queue=1000",
            "compare=['none']",
            "policy.none.timeout=none",
            "run.warmup=20s",
            "run.horizon=320s",
            "run.bin=10s",
            &think_setting,
            &service_setting,
        ]);
        assert_near(
            &format!("throughput with think {think}, service {service}"),
            values(&outcomes(&s, 0, 40), |o| o.window.ok as f64 / 300.0),
            throughput,
        );
    }
}

#[test]
fn throughput_of_deterministic_thinkers_in_a_free_service() {
    // Nobody waits: each caller cycles in think + service exactly.
    let s = scenario(&[
        "faults=[]",
        "callers.count=10",
        "callers.arrival=closed",
        "callers.think=300ms",
        "service.servers=10",
        "service.service_time=100ms",
        "compare=['none']",
        "run.warmup=4s",
        "run.horizon=44s",
    ]);
    let calls = outcomes(&s, 0, 1)[0].window.ok;
    assert!(
        (999..=1001).contains(&calls),
        "{calls} of 40 s × 10 / 400 ms"
    );
}

#[test]
fn retrial_queue_without_waiting_room() {
    // M/M/1/1 retrial: refused attempts return after exp(1/θ), for ever.
    // P(busy) = ρ; mean number waiting to retry = ρ(λ + ρθ)/((1 − ρ)θ).
    for (rate, theta_ms) in [(0.5, 50), (0.7, 50), (0.6, 400)] {
        let settings = [
            format!("callers.rate={rate}/s"),
            format!("policy.none.backoff='random(exp({theta_ms}ms))'"),
        ];
        let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        settings.extend([
            "service.servers=1",
            "service.queue=0",
            "service.service_time=exp(10ms)",
            "policy.none.attempts=1000000",
            "run.horizon=420s",
        ]);
        let s = scenario(&with(&settings));
        let runs = outcomes(&s, 0, 40);
        let (lambda, rho, theta) = (100.0 * rate, rate, 1000.0 / f64::from(theta_ms));
        assert_near(
            "P(busy)",
            values(&runs, |o| o.window.busy_ns as f64 / 400e9),
            rho,
        );
        assert_near(
            "mean number waiting to retry",
            values(&runs, |o| {
                (o.window.calls_ns - o.window.busy_ns) as f64 / 400e9
            }),
            rho * (lambda + rho * theta) / ((1.0 - rho) * theta),
        );
    }
}

#[test]
fn deterministic_patience_in_the_queue() {
    // M/M/1+D: the workload V has density λ p₀ e^(−(μ−λ)x) below the patience τ
    // and falls at μ beyond, where arrivals will leave before they are served.
    // Loss = λ p₀ e^(−(μ−λ)τ) / μ.
    for (rate, tau_ms) in [(0.8, 20.0), (1.2, 15.0), (1.5, 40.0)] {
        let (lambda, mu, tau): (f64, f64, f64) = (100.0 * rate, 100.0, tau_ms / 1e3);
        let fall = (-(mu - lambda) * tau).exp();
        let p0 = 1.0 / (1.0 + lambda * (1.0 - fall) / (mu - lambda) + lambda * fall / mu);
        let loss = lambda * p0 * fall / mu;
        for service in ["exp(10ms)", "gamma(shape=1,mean=10ms)"] {
            let settings = [
                format!("callers.rate={rate}/s"),
                format!("policy.none.timeout={tau_ms}ms"),
                format!("service.service_time='{service}'"),
            ];
            let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            settings.extend([
                "service.servers=1",
                "service.queue=100000",
                "service.cancel=queued",
                "run.horizon=320s",
            ]);
            let s = scenario(&with(&settings));
            assert_near(
                &format!("reneging at load {rate}, patience {tau_ms} ms, {service}"),
                values(&outcomes(&s, 0, 40), |o| {
                    o.window.cancelled as f64 / o.window.attempts as f64
                }),
                loss,
            );
        }
    }
}

#[test]
fn dropping_the_expired_at_dispatch_serves_the_same_attempts() {
    // With an endless queue, leaving at the timeout and being skipped at
    // dispatch free the server for the same attempts.
    let base = [
        "callers.rate=1.3/s",
        "policy.none.timeout=25ms",
        "service.service_time=gamma(shape=1,mean=10ms)",
        "service.servers=1",
        "service.queue=100000",
        "run.horizon=60s",
    ];
    let mut cancelled = with(&base);
    cancelled.push("service.cancel=queued");
    let mut dropped = with(&base);
    dropped.push("service.drop_expired=true");
    let a = &outcomes(&scenario(&cancelled), 0, 3);
    let b = &outcomes(&scenario(&dropped), 0, 3);
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.total.ok, b.total.ok);
        assert_eq!(a.total.busy_ns, b.total.busy_ns);
        assert!(a.total.cancelled >= b.total.dropped && b.total.dropped > 0);
    }
}
