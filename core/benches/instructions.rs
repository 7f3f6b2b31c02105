//! Small workloads whose instructions are counted: `instructions NAME TURNS` runs one of
//! them so many times, `instructions` prints their names.
//!
//! `benches/instructions.sh` counts and compares.

#[allow(dead_code, reason = "another benchmark uses the rest")]
mod workloads;

use std::hint::black_box;

use herdsim_core::herd::Engine;
use herdsim_core::scenario::Scenario;

type Workload = (&'static str, fn() -> Scenario, Engine);

const WORKLOADS: [Workload; 5] = [
    ("blip-fixed", || short("fixed"), Engine::Fitting),
    ("blip-full-jitter", || short("full-jitter"), Engine::Fitting),
    ("blip-budget", || short("budget"), Engine::Fitting),
    ("closed", closed, Engine::Fitting),
    ("blip-fixed-events", || short("fixed"), Engine::Events),
];

/// The default blip in a quarter of its time.
fn short(policy: &str) -> Scenario {
    workloads::scenario(&[
        format!("compare=['{policy}']"),
        "faults=['crash@4s+1s']".to_string(),
        "run.horizon=15s".to_string(),
    ])
}

fn closed() -> Scenario {
    workloads::scenario(&[
        "callers.arrival=closed".to_string(),
        "callers.think=exp(1s)".to_string(),
        "service.servers=50".to_string(),
        "service.service_time=exp(5ms)".to_string(),
        "compare=['fixed']".to_string(),
        "faults=['crash@4s+1s']".to_string(),
        "run.horizon=15s".to_string(),
    ])
}

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [name, turns, ..] if !name.starts_with('-') => {
            let found = WORKLOADS.iter().find(|(known, ..)| *known == name);
            let (_, scenario, engine) = found.expect("one of these workloads");
            let scenario = scenario();
            for replication in 1..=turns.parse().expect("a number") {
                black_box(workloads::run(black_box(&scenario), *engine, replication));
            }
        }
        _ => WORKLOADS.iter().for_each(|(name, ..)| println!("{name}")),
    }
}
