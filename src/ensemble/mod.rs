//! Many replications: on every core, folded in order.

pub mod cost;
pub mod herd;
pub mod stats;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::ThreadPool;

use crate::streams::Streams;

/// Something that can be run again and again on independent random streams.
pub trait World: Sync {
    type Outcome: Send;

    /// One replication: a pure function of the streams.
    fn replicate(&self, streams: Streams) -> Self::Outcome;
}

/// Runs replications `from..to` of every world on all threads of the pool.
///
/// `fold(world, replication, outcome)` is called in the order of (replication,
/// world), so what it makes does not depend on the number of threads. Work is
/// handed out in the same order: no more than a few outcomes wait for their turn.
/// Returns the first replication that not every world finished, which is `to`
/// unless `stop` was set.
pub fn replicate<W: World>(
    pool: &ThreadPool,
    worlds: &[W],
    seed: u64,
    replications: std::ops::Range<u64>,
    stop: &AtomicBool,
    fold: impl FnMut(usize, u64, W::Outcome) + Send,
) -> u64 {
    struct Turn<O, F> {
        next: u64,
        early: BTreeMap<u64, O>,
        fold: F,
    }
    let cells = worlds.len() as u64;
    let jobs = (replications.end - replications.start) * cells;
    let place = |job: u64| (replications.start + job / cells, (job % cells) as usize);
    let issued = AtomicU64::new(0);
    let turn = Mutex::new(Turn {
        next: 0,
        early: BTreeMap::new(),
        fold,
    });
    pool.broadcast(|_| {
        while !stop.load(Ordering::Relaxed) {
            let job = issued.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                break;
            }
            let (replication, world) = place(job);
            let outcome = worlds[world].replicate(Streams { seed, replication });
            let mut turn = turn.lock().unwrap_or_else(|poison| poison.into_inner());
            let turn = &mut *turn;
            turn.early.insert(job, outcome);
            while let Some(outcome) = turn.early.remove(&turn.next) {
                let (replication, world) = place(turn.next);
                (turn.fold)(world, replication, outcome);
                turn.next += 1;
            }
        }
    });
    let turn = turn
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    replications.start + turn.next / cells.max(1)
}
