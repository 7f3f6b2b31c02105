//! Many trials of something simple, in batches, on every core.

use std::sync::atomic::AtomicBool;

use rayon::ThreadPool;

use crate::ensemble::stats::Moments;
use crate::ensemble::{self, World, replicate};
use crate::scenario::Trials;
use crate::streams::Streams;

/// Trials of one replication of [`replicate`], which share their streams.
pub const BATCH: u64 = 1 << 14;

/// Something of which a trial is a handful of draws, seen under several rules
/// (cells) at once, so that these share their random numbers.
pub trait TrialWorld: Sync {
    /// A trial worth showing.
    type Example: Clone + Send;

    fn cells(&self) -> usize;

    fn metrics(&self) -> usize;

    /// Whether the conditional estimate is exact, because nothing is left to chance
    /// that it does not weigh.
    fn certain(&self) -> bool {
        false
    }

    /// Trials that share their streams: no more than take a moment.
    fn batch_size(&self) -> u64 {
        BATCH
    }

    /// So many trials: a pure function of the streams.
    fn batch(&self, streams: Streams, trials: u64) -> Tally<Self::Example>;
}

/// What trials add up to: per cell, per metric.
#[derive(Clone, Debug)]
pub struct Tally<E> {
    /// What happened in trials.
    pub simulated: Vec<Vec<Moments>>,
    /// What was to be expected given some of the draws: the same mean, with less noise.
    pub conditional: Vec<Vec<Moments>>,
    /// Per cell the first trial worth showing.
    pub first: Vec<Option<E>>,
}

impl<E: Clone> Tally<E> {
    pub fn new(cells: usize, metrics: usize) -> Tally<E> {
        Tally {
            simulated: vec![vec![Moments::default(); metrics]; cells],
            conditional: vec![vec![Moments::default(); metrics]; cells],
            first: vec![None; cells],
        }
    }

    fn add(&mut self, other: &Tally<E>) {
        let pairs = [
            (&mut self.simulated, &other.simulated),
            (&mut self.conditional, &other.conditional),
        ];
        for (mine, theirs) in pairs {
            for (mine, theirs) in mine.iter_mut().flatten().zip(theirs.iter().flatten()) {
                mine.merge(theirs);
            }
        }
        for (mine, theirs) in self.first.iter_mut().zip(&other.first) {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
    }
}

struct Batches<'w, W> {
    world: &'w W,
    trials: u64,
}

impl<W: TrialWorld> World for Batches<'_, W> {
    type Outcome = Tally<W::Example>;

    fn replicate(&self, streams: Streams) -> Self::Outcome {
        let size = self.world.batch_size();
        let left = self.trials - streams.replication * size;
        self.world.batch(streams, left.min(size))
    }
}

/// Runs the trials; returns what they add up to and how many were finished,
/// which is all of them unless `stop` was set.
pub fn run<W: TrialWorld>(
    world: &W,
    trials: &Trials,
    pool: &ThreadPool,
    stop: &AtomicBool,
    progress: impl Fn(u64, u64) + Sync,
) -> (Tally<W::Example>, u64) {
    let all = trials.replications;
    let batches = Batches { world, trials: all };
    let mut tally = Tally::new(world.cells(), world.metrics());
    let size = world.batch_size();
    let range = 0..all.div_ceil(size);
    let reached = replicate(
        pool,
        &[batches],
        trials.seed,
        range,
        stop,
        |_, batch, more| {
            tally.add(&more);
            progress(((batch + 1) * size).min(all), all);
        },
    );
    (tally, (reached * size).min(all))
}

/// The same on the rayon pool this is called in; nothing if `stop` was set.
pub fn gather<W: TrialWorld>(
    world: &W,
    trials: &Trials,
    stop: &AtomicBool,
) -> Option<Tally<W::Example>> {
    let all = trials.replications;
    let batches = Batches { world, trials: all };
    let mut tally = Tally::new(world.cells(), world.metrics());
    let last = all.div_ceil(world.batch_size());
    ensemble::gather(&batches, trials.seed, last, stop, |more| tally.add(&more)).then_some(tally)
}
