//! The data of curves against one parameter: simulated points, exact lines.

use std::io;

use rayon::prelude::*;

use crate::ensemble::stats::Estimate;
use crate::ensemble::trials::TrialWorld;
use crate::output::csv::number;
use crate::output::figures::{Figures, better, estimate};
use crate::output::words::{chance, percent, seconds, three_digits};
use crate::scenario::fence::FenceScenario;
use crate::scenario::saga::SagaScenario;
use crate::streams::Streams;
use crate::theory;
use crate::units::Probability;

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

pub struct Curve {
    pub name: &'static str,
    pub points: Vec<Point>,
}

#[derive(Clone, Copy)]
pub struct Point {
    pub x: f64,
    pub simulated: Estimate,
    pub exact: Option<f64>,
}

/// `curves.csv`: every point of every curve.
pub fn csv(curves: &[Curve], out: impl io::Write) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    for curve in curves {
        for point in &curve.points {
            let e = point.simulated;
            let [x, mean, low, high] = [point.x, e.mean, e.low, e.high].map(number);
            let exact = point.exact.map_or(String::new(), number);
            csv.write_record([curve.name, &x, &mean, &low, &high, &exact])?;
        }
    }
    csv.flush()
}

/// The columns of `curves.csv`.
pub const COLUMNS: [&str; 6] = ["curve", "x", "mean", "mean_lo", "mean_hi", "exact"];

/// Points of a curve, and trials of each.
const POINTS: usize = 25;
pub const TRIALS: u64 = 16_384;

/// Chances of one metric against `POINTS` values of a parameter from `from` to
/// `to`, in equal ratios: `at(x)` is the world there, `exact(world, cell)` what
/// is known of it.
fn against<W: TrialWorld + Send>(
    (from, to): (f64, f64),
    seed: u64,
    (names, metrics, metric): (&[&'static str], &[&'static str], &str),
    at: impl Fn(f64) -> W + Sync,
    exact: impl Fn(&W, usize) -> Option<f64> + Sync,
) -> Vec<Curve> {
    let step = (to / from).powf(1.0 / (POINTS - 1) as f64);
    let column = metrics.iter().position(|m| *m == metric).unwrap_or(0);
    // One column of points per value, in order whatever thread makes it.
    let columns: Vec<Vec<Point>> = (0..POINTS)
        .into_par_iter()
        .map(|i| {
            let x = from * step.powi(i as i32);
            let world = at(x);
            let streams = Streams {
                seed,
                replication: u64::MAX - 1,
            };
            let tally = world.batch(streams, TRIALS);
            let point = |cell| {
                let exact = exact(&world, cell);
                let simulated = estimate(metric, &tally.simulated[cell][column]);
                let conditional = estimate(metric, &tally.conditional[cell][column]);
                Point {
                    x,
                    simulated: better(metric, simulated, conditional, exact, world.certain()),
                    exact,
                }
            };
            (0..names.len()).map(point).collect()
        })
        .collect();
    let curve = |(cell, name): (usize, &&'static str)| Curve {
        name,
        points: columns.iter().map(|column| column[cell]).collect(),
    };
    names.iter().enumerate().map(curve).collect()
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
fn worst<'f>(figures: &'f Figures, metric: &str) -> Option<(&'f str, f64)> {
    let means = figures.cells.iter().filter_map(|cell| {
        let figure = figures.of(cell, metric)?;
        Some((cell.name, figure.estimate.mean))
    });
    means.fold(None, |most: Option<(&str, f64)>, (name, mean)| match most {
        Some((_, so_far)) if so_far >= mean => most,
        None if mean == 0.0 => None,
        _ => Some((name, mean)),
    })
}

/// The guard that lets most through, in a sentence.
pub fn stale_write(figures: &Figures) -> String {
    match worst(figures, "p_stale_write") {
        None => "No pause ends in a write over a newer one".to_string(),
        Some((guard, p)) => format!(
            "With guard {guard}, {} of pauses end in a write over a newer one",
            chance(p)
        ),
    }
}

/// The key mode that executes most again, in a sentence.
pub fn duplicate(figures: &Figures) -> String {
    match worst(figures, "p_duplicate") {
        None => "No operation executes more than once".to_string(),
        Some((mode, p)) => format!(
            "With key mode {mode}, {} of operations execute more than once",
            chance(p)
        ),
    }
}

/// P(stale write) against the mean pause, per guard, simulated.
pub fn stale_writes(scenario: &FenceScenario) -> Vec<Curve> {
    let fence = &scenario.fence;
    let (ttl, mean) = (fence.ttl.as_secs(), fence.pause.mean_s());
    let names: Vec<&'static str> = fence.guards.iter().map(|g| g.name()).collect();
    against(
        ((ttl / 20.0).min(mean), (ttl * 3.0).max(mean)),
        scenario.run.seed,
        (&names, &crate::fence::METRICS, "p_stale_write"),
        |x| {
            let mut other = fence.clone();
            other.pause = fence.pause.scaled(x / mean);
            other
        },
        |other, cell| theory::fence::exact(other, other.guards[cell], "p_stale_write"),
    )
}

/// What stands around the curves of [`stale_writes`].
pub fn of_pauses(scenario: &FenceScenario, figures: &Figures, curves: Vec<Curve>) -> Curves {
    let fence = &scenario.fence;
    let (ttl, mean) = (fence.ttl.as_secs(), fence.pause.mean_s());
    Curves {
        title: stale_write(figures),
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

/// P(executed twice or more) against the loss of answers, per key mode, simulated.
pub fn duplicates(scenario: &SagaScenario) -> Vec<Curve> {
    let saga = &scenario.saga;
    let here = saga.response_loss.0;
    let from = if here > 0.0 { here.min(1e-3) } else { 1e-3 };
    let names: Vec<&'static str> = saga.keys.iter().map(|k| k.name()).collect();
    let policy = scenario.retry_layer();
    against(
        (from, 1.0),
        scenario.run.seed,
        (&names, &crate::saga::METRICS, "p_duplicate"),
        |x| {
            let mut other = scenario.clone();
            other.saga.response_loss = Probability(x);
            other
        },
        |other, cell| {
            theory::saga::exact(&other.saga, policy, other.saga.keys[cell], "p_duplicate")
        },
    )
}

/// What stands around the curves of [`duplicates`].
pub fn of_losses(scenario: &SagaScenario, figures: &Figures, curves: Vec<Curve>) -> Curves {
    let saga = &scenario.saga;
    Curves {
        title: duplicate(figures),
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
