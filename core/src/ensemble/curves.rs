//! One metric of trials against one parameter: simulated points, exact lines.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ensemble::Workers;
use crate::ensemble::figure::Figure;
use crate::fence;
use crate::metric::{Key, Metric};
use crate::saga;
use crate::scenario::fence::FenceScenario;
use crate::scenario::saga::SagaScenario;
use crate::stats::Estimate;
use crate::streams::Streams;
use crate::theory;
use crate::units::Probability;
use crate::world::{Tally, TrialWorld};

/// A metric of one cell against a parameter.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The cell: a guard or a key mode.
    pub name: &'static str,
    pub points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The parameter: seconds, or a share.
    pub x: f64,
    pub simulated: Estimate,
    pub exact: Option<f64>,
}

/// Points of a curve.
pub(crate) const POINTS: u32 = 25;
/// Trials of each.
pub const TRIALS: u64 = 16_384;

/// Values of a parameter in equal ratios, from one to another.
pub(crate) fn places((from, to): (f64, f64)) -> impl Iterator<Item = f64> {
    let step = (to / from).powf(1.0 / f64::from(POINTS - 1));
    (0..POINTS).map(move |i| from * step.powi(i as i32))
}

/// Between which shares of answers lost a saga is drawn.
pub(crate) fn losses(scenario: &SagaScenario) -> (f64, f64) {
    let here = scenario.saga.response_loss.0;
    (if here > 0.0 { here.min(1e-3) } else { 1e-3 }, 1.0)
}

/// A metric against values of a parameter in equal ratios over a range, one
/// curve a cell: `at(x)` is the world there, `exact(world, cell)` what is known of it.
///
/// Nothing comes of it if it was stopped.
fn against<W: TrialWorld>(
    (workers, stop): (&Workers, &AtomicBool),
    range: (f64, f64),
    (seed, names): (u64, &[&'static str]),
    (metrics, metric): (&[Metric], Key),
    at: impl Fn(f64) -> W + Send + Sync,
    exact: impl Fn(&W, usize) -> Option<f64> + Send + Sync,
) -> Option<Vec<Curve>> {
    let places: Vec<f64> = places(range).collect();
    // One column of points per value, in order whatever thread makes it.
    let columns: Vec<Option<Vec<Point>>> = workers.map(&places, |x| {
        let x = *x;
        let world = at(x);
        let mut tally = Tally::new(world.cells(), world.metrics());
        let size = world.batch_size().min(TRIALS);
        for batch in 0..TRIALS.div_ceil(size) {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let streams = Streams {
                seed,
                replication: u64::MAX - 1 - batch,
            };
            tally.add(&world.batch(streams, size.min(TRIALS - batch * size)));
        }
        let point = |cell: usize| {
            let exact = exact(&world, cell);
            let figure = Figure::of(
                &metrics[metric.index()],
                &tally.simulated[cell][metric.index()],
                &tally.conditional[cell][metric.index()],
                exact,
                world.certain(),
            );
            Point {
                x,
                simulated: figure.estimate,
                exact,
            }
        };
        Some((0..names.len()).map(point).collect())
    });
    let columns: Vec<Vec<Point>> = columns.into_iter().collect::<Option<_>>()?;
    let curve = |(cell, name): (usize, &&'static str)| Curve {
        name,
        points: columns.iter().map(|column| column[cell]).collect(),
    };
    Some(names.iter().enumerate().map(curve).collect())
}

/// P(stale write) against the mean pause in seconds, per guard; nothing if it was stopped.
pub fn stale_writes(
    scenario: &FenceScenario,
    workers: &Workers,
    stop: &AtomicBool,
) -> Option<Vec<Curve>> {
    let fence = &scenario.fence;
    let (ttl, mean) = (fence.ttl.as_secs(), fence.pause.mean_s());
    let names: Vec<&'static str> = fence.guards.iter().map(|g| g.name()).collect();
    against(
        (workers, stop),
        ((ttl / 20.0).min(mean), (ttl * 3.0).max(mean)),
        (scenario.run.seed, &names),
        (fence::METRICS, fence::STALE_WRITE),
        |x| {
            let mut other = fence.clone();
            other.pause = fence.pause.scaled(x / mean);
            other
        },
        |other, cell| theory::fence::exact(other, other.guards[cell], fence::STALE_WRITE),
    )
}

/// P(executed twice or more) against the share of answers lost, per key mode; nothing if it was
/// stopped.
pub fn duplicates(
    scenario: &SagaScenario,
    workers: &Workers,
    stop: &AtomicBool,
) -> Option<Vec<Curve>> {
    let names: Vec<&'static str> = scenario.saga.keys.iter().map(|k| k.name()).collect();
    let policy = scenario.retry_layer();
    against(
        (workers, stop),
        losses(scenario),
        (scenario.run.seed, &names),
        (saga::METRICS, saga::DUPLICATE),
        |x| {
            let mut other = scenario.clone();
            other.saga.response_loss = Probability(x);
            other
        },
        |other, cell| {
            theory::saga::exact(&other.saga, policy, other.saga.keys[cell], saga::DUPLICATE)
        },
    )
}
