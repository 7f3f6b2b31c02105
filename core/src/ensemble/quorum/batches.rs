//! Trials by the batch: a batch is a replication.

use crate::quorum::cluster;
use crate::quorum::counts::Tally;
use crate::scenario::quorum::QuorumScenario;
use crate::streams::Streams;
use crate::world::World;

/// Trials that share their streams: no more than take a moment.
pub(super) fn batch(scenario: &QuorumScenario) -> u64 {
    match scenario.cluster.needs_events() {
        None => 1 << 13,
        Some(_) => 1 << 8,
    }
}

pub(super) struct Batches<'w, 's> {
    pub(super) world: &'w cluster::World<'s>,
    pub(super) trials: u64,
}

impl World for Batches<'_, '_> {
    type Outcome = Tally;

    fn replicate(&self, streams: Streams) -> Tally {
        let size = batch(self.world.scenario);
        let left = self.trials - streams.replication * size;
        self.world.batch(streams, left.min(size))
    }
}
