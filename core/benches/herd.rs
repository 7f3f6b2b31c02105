//! Workload H: herdsim's engine against the plain one, on one core.
//!
//! Runs of the two take turns, so that a noisy machine disturbs both alike;
//! medians and their ratio are printed. `cargo bench` runs it;
//! `cargo bench -- --quick` takes fewer turns.

mod plain;

use std::hint::black_box;
use std::time::Instant;

use herdsim_core::herd::Herd;
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::streams::Streams;

const H: [&str; 9] = [
    "callers.count=5_000",
    "callers.arrival=closed",
    "callers.think=exp(1s)",
    "service.servers=50",
    "service.service_time=exp(5ms)",
    "service.queue=1_000",
    "policy.fixed.timeout=500ms",
    "compare=['fixed']",
    "faults=['crash@10s+2s']",
];

fn main() {
    let quick = std::env::args().any(|a| a == "--quick");
    let turns = if quick { 5 } else { 21 };

    let scenario = scenario(&H);
    let thinkers = {
        // The same law under another name: think times drawn one by one.
        let mut with = H;
        with[2] = "callers.think=gamma(shape=1,mean=1s)";
        self::scenario(&with)
    };
    let blip = Scenario::default();
    let model = plain::Model {
        callers: 5_000,
        think_ns: 1e9,
        servers: 50,
        service_ns: 5e6,
        queue: 1_000,
        timeout: 500_000_000,
        backoff: 1_000_000_000,
        attempts: 6,
        crash: (10_000_000_000, 12_000_000_000),
        warmup: 2_000_000_000,
        horizon: 60_000_000_000,
    };

    let mut times: [Vec<f64>; 4] = Default::default();
    let mut events = [0; 4];
    let (mut ours, mut theirs) = ([0.0; 3], [0.0; 3]);
    for turn in 0..turns {
        let start = Instant::now();
        let totals = black_box(plain::run(black_box(&model), turn));
        times[0].push(start.elapsed().as_secs_f64());
        theirs[0] += totals.calls as f64;
        theirs[1] += totals.attempts as f64;
        theirs[2] += totals.refused as f64;
        for (i, scenario) in [&scenario, &thinkers, &blip].into_iter().enumerate() {
            let herd = Herd {
                scenario,
                policy: &scenario.policies[0].1,
            };
            let streams = Streams {
                seed: 1,
                replication: turn,
            };
            let start = Instant::now();
            let outcome = black_box(black_box(&herd).replicate(streams));
            times[i + 1].push(start.elapsed().as_secs_f64());
            events[i + 1] = outcome.events;
            if i == 0 {
                ours[0] += outcome.window.calls as f64;
                ours[1] += outcome.window.attempts as f64;
                ours[2] += outcome.window.refused as f64;
            }
        }
    }

    println!("workload H, per replication on one core, medians of {turns} turns");
    let plain = median(&mut times[0]);
    println!("{:<34} {:>8.2} ms", "plain binary heap", plain * 1e3);
    let names = [
        "herdsim",
        "herdsim, thinkers one by one",
        "herdsim, default blip, `fixed`",
    ];
    for (i, name) in names.iter().enumerate() {
        let took = median(&mut times[i + 1]);
        print!(
            "{name:<34} {:>8.2} ms  {:>5.1} ns/event",
            took * 1e3,
            took * 1e9 / events[i + 1] as f64
        );
        if i < 2 {
            print!("  {:>5.2} × as fast", plain / took);
        }
        println!();
    }
    println!("both engines see the same model (means over the turns):");
    for (i, name) in ["calls", "attempts", "refused"].iter().enumerate() {
        let (a, b) = (theirs[i] / turns as f64, ours[i] / turns as f64);
        println!("  {name:<10} plain {a:>10.0}  herdsim {b:>10.0}");
        assert!((a / b - 1.0).abs() < 0.02, "the engines disagree on {name}");
    }
}

fn scenario(settings: &[&str]) -> Scenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    Scenario::from_overlay(&overlay).unwrap()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
