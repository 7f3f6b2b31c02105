//! Many trials of something simple, in batches, on every core.

use crate::ensemble::{Watch, Workers, replicate};
use crate::scenario::Trials;
use crate::streams::Streams;
use crate::world::{Tally, TrialWorld, World};

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
/// which is all of them unless the run was stopped.
pub fn run<W: TrialWorld>(
    world: &W,
    trials: &Trials,
    workers: &Workers,
    watch: &Watch<'_>,
) -> (Tally<W::Example>, u64) {
    let all = trials.replications;
    let batches = Batches { world, trials: all };
    let mut tally = Tally::new(world.cells(), world.metrics());
    let size = world.batch_size();
    let range = 0..all.div_ceil(size);
    let reached = replicate(
        workers,
        &[batches],
        trials.seed,
        range,
        watch.stop,
        |_, batch, more| {
            tally.add(&more);
            (watch.progress)(((batch + 1) * size).min(all), all);
        },
    );
    (tally, (reached * size).min(all))
}
