//! What stands around curves against one parameter.

use herdsim_core::ensemble::curves::Curve;
use herdsim_core::fence::STALE_WRITE;
use herdsim_core::metric::Key;
use herdsim_core::saga::DUPLICATE;
use herdsim_core::scenario::fence::FenceScenario;
use herdsim_core::scenario::saga::SagaScenario;

use crate::format::{chance, percent, seconds, three_digits};
use crate::results::Table;

/// Chances against one parameter, one curve a guard or key mode.
pub struct Curves {
    pub title: String,
    pub subtitle: String,
    pub heading: &'static str,
    pub axis: &'static str,
    pub curves: Vec<Curve>,
    /// Where this scenario stands.
    pub here: f64,
    /// How a value of the parameter is written.
    pub show: fn(f64) -> String,
}

/// What lines and points are.
fn lines(curves: &[Curve]) -> &'static str {
    let points = || curves.iter().flat_map(|c| &c.points);
    match (
        points().all(|p| p.exact.is_some()),
        points().any(|p| p.exact.is_some_and(|p| p > 0.0)),
    ) {
        (true, _) => "lines exact, points simulated",
        (_, true) => "lines exact where known, points simulated",
        _ => "simulated",
    }
}

/// The first cell with the largest mean of a metric, where that is not 0.
fn worst(results: &Table, metric: Key) -> Option<(&str, f64)> {
    let means = results.rows.iter().filter_map(|row| {
        let value = results.of(row, metric)?;
        Some((row.name.as_str(), value.estimate.mean))
    });
    means.fold(None, |most: Option<(&str, f64)>, (name, mean)| match most {
        Some((_, so_far)) if so_far >= mean => most,
        None if mean == 0.0 => None,
        _ => Some((name, mean)),
    })
}

/// The guard that lets most through, in a sentence.
pub fn stale_write(results: &Table) -> String {
    match worst(results, STALE_WRITE) {
        None => "No pause ends in a write over a newer one".to_string(),
        Some((guard, p)) => format!(
            "With guard {guard}, {} of pauses end in a write over a newer one",
            chance(p)
        ),
    }
}

/// The key mode that executes most again, in a sentence.
pub fn duplicate(results: &Table) -> String {
    match worst(results, DUPLICATE) {
        None => "No operation executes more than once".to_string(),
        Some((mode, p)) => format!(
            "With key mode {mode}, {} of operations execute more than once",
            chance(p)
        ),
    }
}

/// What stands around the curves of [`herdsim_core::ensemble::curves::stale_writes`].
pub fn of_pauses(scenario: &FenceScenario, results: &Table, curves: Vec<Curve>) -> Curves {
    let fence = &scenario.fence;
    let (ttl, mean) = (fence.ttl.as_secs(), fence.pause.mean_s());
    Curves {
        title: stale_write(results),
        subtitle: format!(
            "lease {} · renewed every {} · pause {} · first step {} · {}",
            seconds(ttl),
            seconds(fence.renew.as_secs()),
            fence.pause,
            fence.first_step,
            lines(&curves),
        ),
        heading: "Chance per pause of a write over a newer one",
        axis: "mean pause",
        curves,
        here: mean,
        show: seconds,
    }
}

/// What stands around the curves of [`herdsim_core::ensemble::curves::duplicates`].
pub fn of_losses(scenario: &SagaScenario, results: &Table, curves: Vec<Curve>) -> Curves {
    let saga = &scenario.saga;
    Curves {
        title: duplicate(results),
        subtitle: format!(
            "policy {} · requests lost {} · execution {} · {}",
            scenario.policy[0].0,
            percent(saga.request_loss.0),
            saga.execution,
            lines(&curves),
        ),
        heading: "Chance per operation of executing more than once",
        axis: "answers lost",
        curves,
        here: saga.response_loss.0,
        show: |share| format!("{}%", three_digits(share * 100.0)),
    }
}
