//! Cases that people met in the field, as small inputs with their right values.
//!
//! The values come from derivations and from other simulators; a tolerance is four standard
//! errors, and half a unit of the last digit that a value is given with.

mod demand;
mod herds;
mod leases;
mod policies;
mod quorums;
mod world;

use herdsim::run::{Context, Finished, simulate};
use herdsim_core::ensemble::herd::{Keep, PolicyResults, Results, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Engine, find};
use herdsim_core::scenario::{Job, Scenario};
use herdsim_core::stats::Estimate;

/// The results of a scenario.
fn simulated(text: &str) -> Results {
    let scenario = Scenario::parse("field.toml", text).unwrap_or_else(|e| panic!("{e}"));
    run_watched(
        &scenario,
        &Workers::new(2).unwrap(),
        Keep::Everything,
        &watch(),
    )
}

/// Cases run on the path that fits them; with `HERDSIM_TEST_ENGINE=events` event by event.
fn watch() -> Watch<'static> {
    Watch {
        engine: match std::env::var_os("HERDSIM_TEST_ENGINE") {
            None => Engine::Fitting,
            Some(name) if name == "events" => Engine::Events,
            Some(name) => panic!("no engine is called {name:?}"),
        },
        ..Watch::default()
    }
}

/// What a user is told of a job.
fn finished(job: &Job) -> Finished {
    let context = Context {
        workers: &Workers::new(2).unwrap(),
        watch: watch(),
        charts: false,
        before: None,
        measured: None,
    };
    simulate(job, &context).unwrap()
}

fn policy<'r>(results: &'r Results, name: &str) -> &'r PolicyResults {
    let own = results.policies.iter().find(|policy| policy.name == name);
    own.unwrap_or_else(|| panic!("no policy {name}"))
}

fn mean(policy: &PolicyResults, metric: &str) -> f64 {
    policy.metric(find(metric).unwrap()).mean
}

/// A mean over independent runs lies where it should, to half of the last digit given and
/// four standard errors.
fn near(what: &str, e: Estimate, right: f64, half_digit: f64) {
    let error = match e.n {
        1 => 0.0,
        n => e.sd / (n as f64).sqrt(),
    };
    let off = (e.mean - right).abs();
    assert!(
        off <= half_digit + 4.0 * error,
        "{what}: {} ± {error}, where {right} is right",
        e.mean
    );
    assert!(
        4.0 * error < 0.1 * right.abs(),
        "{what}: ± {error} proves nothing of {right}"
    );
}

/// The same of a metric of a policy.
fn right(policy: &PolicyResults, metric: &str, value: f64, half_digit: f64) {
    let what = format!("{metric} of {}", policy.name);
    // Its spread over the runs, whatever interval it is given.
    let key = find(metric).unwrap();
    let e = Estimate::of(policy.raw.iter().map(|sample| sample[key]));
    near(&what, e, value, half_digit);
}
