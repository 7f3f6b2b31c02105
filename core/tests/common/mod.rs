//! What the tests of the engine share.
#![allow(dead_code)] // Each test binary uses a part of it.

use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Engine, Herd, Outcome, SERIES, Sample, find};
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::stats::Estimate;
use herdsim_core::streams::Streams;

/// The default scenario with some fields set.
pub fn scenario(settings: &[&str]) -> Scenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    Scenario::from_overlay(&overlay).unwrap()
}

/// What tests run on: with `HERDSIM_TEST_ENGINE=events` the event engine alone.
pub fn engine() -> Engine {
    match std::env::var_os("HERDSIM_TEST_ENGINE") {
        None => Engine::Fitting,
        Some(name) if name == "events" => Engine::Events,
        Some(name) => panic!("no engine is called {name:?}"),
    }
}

/// Replications of one policy.
pub fn outcomes(scenario: &Scenario, policy: usize, replications: u64) -> Vec<Outcome> {
    let herd = Herd {
        scenario,
        policy: &scenario.policies[policy].1,
        engine: engine(),
    };
    (0..replications)
        .map(|replication| {
            herd.replicate(Streams {
                seed: 1,
                replication,
            })
        })
        .collect()
}

/// The metrics of replications of one policy, with what takes a twin.
pub fn samples(scenario: &Scenario, policy: usize, replications: u64) -> Vec<Sample> {
    let mut scenario = scenario.clone();
    scenario.policies = vec![scenario.policies[policy].clone()];
    scenario.run.replications = replications;
    let workers = Workers::new(1).unwrap();
    let watch = Watch {
        engine: engine(),
        ..Watch::default()
    };
    let mut results = run_watched(&scenario, &workers, Keep::Metrics, &watch);
    results.policies.remove(0).raw
}

pub fn values(outcomes: &[Outcome], value: impl Fn(&Outcome) -> f64) -> Vec<f64> {
    outcomes.iter().map(value).collect()
}

/// The mean of independent values lies within 4 standard errors of what it should be.
pub fn assert_near(what: &str, values: Vec<f64>, expected: f64) {
    let e = Estimate::of(values.iter().copied());
    let error = e.sd / (e.n as f64).sqrt();
    let z = (e.mean - expected) / error;
    assert!(
        z.abs() < 4.0,
        "{what}: {} ± {error}, expected {expected}, z = {z:.1}",
        e.mean
    );
    // A tolerance that would pass anything proves nothing.
    assert!(
        error < 0.05 * expected.abs(),
        "{what}: the standard error {error} is too wide for {expected}"
    );
}

/// A metric of one replication.
pub fn metric(outcome: &Outcome, name: &str) -> f64 {
    outcome.metrics[find(name).unwrap()]
}

/// The place of a column of the time series.
pub fn column(name: &str) -> usize {
    SERIES
        .iter()
        .position(|column| column.name == name)
        .unwrap()
}
