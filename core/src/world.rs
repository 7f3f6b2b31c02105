//! What can be run again and again on independent random streams.

use crate::stats::Moments;
use crate::streams::Streams;

/// A replication is a pure function of its streams.
pub trait World: Sync {
    type Outcome: Send;

    /// One replication.
    fn replicate(&self, streams: Streams) -> Self::Outcome;
}

/// Trials of one batch of a [`TrialWorld`], which share their streams.
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

    /// Adds what later trials came to.
    pub fn add(&mut self, other: &Tally<E>) {
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
