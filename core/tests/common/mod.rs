//! What the tests of the engine share.
#![allow(dead_code)] // Each test binary uses a part of it.

use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Engine, Herd, Outcome, SERIES, Sample, find};
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::stats::Estimate;
use herdsim_core::streams::{Purpose, Streams};
use rand::RngExt;

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

/// A scenario of any arrival, service, fault and policy.
pub fn random_scenario(seed: u64) -> (String, Scenario) {
    let mut rng = Streams {
        seed,
        replication: 0,
    }
    .stream(Purpose::Arrivals);
    let mut pick = |of: &[&str]| of[rng.random_range(0..of.len())].to_string();
    let arrival = pick(&[
        "rate = \"2/s\"",
        "arrival = \"closed\"\nthink = \"exp(300ms)\"",
        "arrival = \"closed\"\nthink = \"200ms\"",
        "arrival = \"once\"\nspread = \"uniform(0s,2s)\"",
        "arrival = \"once\"",
        "arrival = \"periodic\"\nevery = \"1s\"",
        "arrival = \"periodic\"\nevery = \"2s\"\nphase = \"aligned\"",
        "arrival = \"trace\"\nstep = \"2s\"\nrates = [80, 0, 10, 120]",
    ]);
    let service = pick(&[
        "[service]\nservers = 4\nservice_time = \"exp(30ms)\"\nqueue = 60\n",
        "[service]\nservers = 2\nservice_time = \"30ms\"\nqueue = 5\ncancel = \"all\"\n",
        "[service]\nservers = 4\nservice_time = \"exp(30ms)\"\nqueue = 60\ndiscipline = \"lifo\"\n",
        "[service]\nkind = \"coin\"\nfailure_ratio = \"20%\"\nresponse_time = \"exp(20ms)\"\n",
        "[service]\nkind = \"elastic\"\nservice_time = \"exp(20ms)\"\nslope = \"1ms\"\n",
        "[[service]]\nname = \"front\"\nservers = 20\nservice_time = \"exp(5ms)\"\nqueue = 40\n\
         [[service]]\nname = \"back\"\nservers = 4\nservice_time = \"exp(20ms)\"\nqueue = 20\n",
    ]);
    let queue = service.contains("servers");
    let mut fault = pick(&[
        "\"crash@3s+1s\"",
        "\"crash@0s+4s\"",
        "\"stall@3s+1500ms~1s\"",
        "\"errors(80%)@2s+3s\"",
        "\"loss(50%)@3s+1s\", \"slow(3)@5s+1s\"",
        "\"blackhole@3s+1s\"",
        "\"capacity(0.3)@3s+2s~2s\"",
        "\"crash@2s+2s\", \"slow(0.5)@5s+1s\"",
        "",
    ]);
    if fault.contains("capacity") && !queue {
        fault = String::new();
    }
    let policy = |name: &str, pick: &mut dyn FnMut(&[&str]) -> String| {
        format!(
            "[policy.{name}]\nattempts = {}\ntimeout = \"{}\"\nbackoff = \"{}\"\njitter = \"{}\"\n{}\n",
            pick(&["1", "2", "4"]),
            pick(&["50ms", "300ms", "2s"]),
            pick(&["none", "fixed(100ms)", "fixed(1s)"]),
            pick(&["none", "full"]),
            pick(&[
                "",
                "budget = { kind = \"token-bucket\", capacity = 5, deposit_per_call = 0.1, cost = 1 }",
                "budget = { kind = \"concurrent\", percent = \"20%\", min_concurrency = 1 }",
                "hedge = { delay = \"40ms\", max = 2 }",
                "deadline = \"1s\"",
                "breaker = { window = 10, threshold = \"50%\", min_calls = 5, open_for = \"1s\", half_open_calls = 2 }",
                "throttle = { kind = \"sre\" }",
            ]),
        )
    };
    let horizon = pick(&["9s", "20s"]);
    let [one, two] = ["a", "b"].map(|name| policy(name, &mut pick));
    let text = format!(
        "compare = [\"a\", \"b\"]\nfaults = [{fault}]\n\
         [run]\nreplications = 3\nhorizon = \"{horizon}\"\nseed = {seed}\n\
         [callers]\ncount = 40\nclients = 4\n{arrival}\n{service}{one}{two}"
    );
    let scenario = Scenario::parse("random.toml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    (text, scenario)
}
