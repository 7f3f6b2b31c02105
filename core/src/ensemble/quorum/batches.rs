//! Trials by the batch: a batch is a replication.

use crate::ensemble::{Watch, Workers, replicate};
use crate::quorum::cluster;
use crate::quorum::counts::Tally;
use crate::scenario::quorum::QuorumScenario;
use crate::streams::Streams;
use crate::world::World;

/// Trials that share their streams: no more than take a moment.
fn batch(scenario: &QuorumScenario) -> u64 {
    match scenario.cluster.needs_events() {
        None => 1 << 13,
        Some(_) => 1 << 8,
    }
}

struct Batches<'w, 's> {
    world: &'w cluster::World<'s>,
    trials: u64,
}

impl World for Batches<'_, '_> {
    type Outcome = Tally;

    fn replicate(&self, streams: Streams) -> Tally {
        let size = batch(self.world.scenario);
        let left = self.trials - streams.replication * size;
        self.world.batch(streams, left.min(size))
    }
}

/// So many trials of each world, and how many were done before a stop.
pub(super) fn tallies(
    worlds: &[&cluster::World<'_>],
    trials: u64,
    workers: &Workers,
    watch: &Watch<'_>,
) -> (Vec<Tally>, u64) {
    let mut tallies: Vec<Tally> = worlds.iter().map(|world| world.empty()).collect();
    let Some(first) = worlds.first() else {
        return (tallies, 0);
    };
    let scenario = first.scenario;
    let batches: Vec<Batches<'_, '_>> = worlds
        .iter()
        .map(|world| Batches { world, trials })
        .collect();
    let size = batch(scenario);
    let range = 0..trials.div_ceil(size);
    let all = range.end;
    let reached = replicate(
        workers,
        &batches,
        scenario.run.seed,
        range,
        watch.stop,
        |world, batch, more| {
            tallies[world].merge(&more);
            (watch.progress)(((batch + 1) * size).min(trials), all * size);
        },
    );
    (tallies, (reached * size).min(trials))
}
