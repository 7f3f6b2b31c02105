//! Failovers and compensations per second on one core, in their simplest setting.
//!
//! A failover counts with both of its estimates: what happened, and what was to
//! be expected given everything but the pause.

use std::hint::black_box;
use std::time::Instant;

use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::streams::Streams;
use herdsim_core::world::TrialWorld;

const BATCH: u64 = 1 << 14;

fn main() {
    let turns = match std::env::args().any(|a| a == "--quick") {
        true => 20,
        false => 200,
    };
    println!("trials on one core, medians of {turns} batches of {BATCH}");
    let fences: [(&str, &[&str]); 2] = [
        ("failovers, one guard", &["fence.guards=[\"none\"]"]),
        ("failovers, five guards", &[]),
    ];
    for (name, settings) in fences {
        if let Job::Fence(scenario) = job(settings, JobKind::Fence) {
            report(name, &scenario.fence, turns);
        }
    }
    let sagas: [(&str, &[&str]); 2] = [
        (
            "operations, one key mode",
            &["saga.keys=[\"none\"]", "saga.execution=0s"],
        ),
        ("operations, eight key modes", &[]),
    ];
    for (name, settings) in sagas {
        if let Job::Saga(scenario) = job(settings, JobKind::Saga) {
            report(name, &scenario, turns);
        }
    }
}

fn job(settings: &[&str], kind: JobKind) -> Job {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    Job::from_overlay(&overlay, kind).unwrap()
}

fn report(name: &str, world: &impl TrialWorld, turns: u64) {
    let mut times: Vec<f64> = (0..turns)
        .map(|replication| {
            let streams = Streams {
                seed: 1,
                replication,
            };
            let start = Instant::now();
            black_box(black_box(world).batch(streams, BATCH));
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let per_s = BATCH as f64 / times[times.len() / 2];
    println!("{name:<34} {:>8.1} million/s", per_s / 1e6);
}
