//! Many replications: on every core, folded in order.

pub mod cost;
pub mod herd;
pub mod quorum;
pub mod stats;
pub mod trials;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::prelude::*;

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
/// handed out in the same order, and a thread that has run four turns ahead of
/// the slowest waits: no more than four outcomes a thread wait for their turn.
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
    let ahead = 4 * pool.current_num_threads() as u64;
    let turned = Condvar::new();
    let turn = Mutex::new(Turn {
        next: 0,
        early: BTreeMap::new(),
        fold,
    });
    let lock = || turn.lock().unwrap_or_else(PoisonError::into_inner);
    pool.broadcast(|_| {
        while !stop.load(Ordering::Relaxed) {
            let job = issued.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                break;
            }
            let (replication, world) = place(job);
            let outcome = worlds[world].replicate(Streams { seed, replication });
            // The job whose turn it is never waits, so this ends.
            let mut turn = turned
                .wait_while(lock(), |turn| job >= turn.next + ahead)
                .unwrap_or_else(PoisonError::into_inner);
            let turn = &mut *turn;
            turn.early.insert(job, outcome);
            let before = turn.next;
            while let Some(outcome) = turn.early.remove(&turn.next) {
                let (replication, world) = place(turn.next);
                (turn.fold)(world, replication, outcome);
                turn.next += 1;
            }
            if turn.next > before {
                turned.notify_all();
            }
        }
    });
    let turn = turn.into_inner().unwrap_or_else(PoisonError::into_inner);
    replications.start + turn.next / cells.max(1)
}

/// Runs replications `0..to` of a world on the rayon pool this is called in, and folds
/// them in order; says whether all were, which they are unless `stop` was set.
pub fn gather<W: World>(
    world: &W,
    seed: u64,
    to: u64,
    stop: &AtomicBool,
    mut fold: impl FnMut(W::Outcome),
) -> bool {
    // So many at a time that few wait for their turn.
    const AT_ONCE: u64 = 64;
    for from in (0..to).step_by(AT_ONCE as usize) {
        let outcomes: Vec<_> = (from as usize..(from + AT_ONCE).min(to) as usize)
            .into_par_iter()
            .with_max_len(1)
            .map(|replication| {
                let replication = replication as u64;
                let streams = Streams { seed, replication };
                (!stop.load(Ordering::Relaxed)).then(|| world.replicate(streams))
            })
            .collect();
        for outcome in outcomes {
            match outcome {
                Some(outcome) => fold(outcome),
                None => return false,
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Every third replication of world 0 takes far longer than the others.
    struct Uneven(usize);

    impl World for Uneven {
        type Outcome = (usize, u64);

        fn replicate(&self, streams: Streams) -> (usize, u64) {
            if self.0 == 0 && streams.replication.is_multiple_of(3) {
                std::thread::sleep(Duration::from_millis(20));
            }
            (self.0, streams.replication)
        }
    }

    #[test]
    fn outcomes_are_folded_in_order_however_uneven_the_work()
    -> Result<(), rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build()?;
        let stop = AtomicBool::new(false);
        let mut seen = Vec::new();
        let worlds = [Uneven(0), Uneven(1), Uneven(2)];
        let reached = replicate(
            &pool,
            &worlds,
            1,
            2..22,
            &stop,
            |world, replication, outcome| {
                assert_eq!(outcome, (world, replication));
                seen.push((replication, world));
            },
        );
        assert_eq!((reached, seen.len()), (22, 60));
        assert!(seen.is_sorted());
        Ok(())
    }
}
