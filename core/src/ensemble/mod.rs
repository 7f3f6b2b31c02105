//! Many replications: on every core, folded in order.

pub mod alone;
pub mod cost;
pub mod curves;
pub mod falls;
mod fates;
pub mod figure;
pub mod herd;
pub mod quorum;
pub mod trials;
mod workers;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::herd::Engine;
use crate::streams::Streams;
use crate::world::World;
pub use workers::{Workers, WorkersError};

/// How a run is made and watched, and ended before it is complete.
#[derive(Clone, Copy)]
pub struct Watch<'w> {
    /// Once set, the run ends with what is finished by then.
    pub stop: &'w AtomicBool,
    /// Is told after every replication how many are done, and of how many.
    pub progress: &'w (dyn Fn(u64, u64) + Sync),
    /// What replications of a herd are worked out by.
    pub engine: Engine,
}

/// What stops nothing.
pub static NEVER: AtomicBool = AtomicBool::new(false);

impl Default for Watch<'_> {
    /// Nobody looks, and the run goes on to its end.
    fn default() -> Self {
        Watch {
            stop: &NEVER,
            progress: &|_, _| (),
            engine: Engine::default(),
        }
    }
}

/// Runs some replications of every world on all threads.
///
/// `fold(world, replication, outcome)` is called in the order of (replication,
/// world), so what it makes does not depend on the number of threads. Work is
/// handed out in the same order, and a thread that has run four turns ahead of
/// the slowest waits: no more than four outcomes a thread wait for their turn.
/// It may be called on a thread of the same workers: those that have nothing
/// else to do then help. Returns the first replication that not every world
/// finished, which is the end of the range unless `stop` was set. A panic in a world or
/// in `fold` is passed on.
pub fn replicate<W: World>(
    workers: &Workers,
    worlds: &[W],
    seed: u64,
    replications: Range<u64>,
    stop: &AtomicBool,
    fold: impl FnMut(usize, u64, W::Outcome) + Send,
) -> u64 {
    struct Turn<O, F> {
        next: u64,
        early: BTreeMap<u64, O>,
        fold: F,
    }
    let cells = worlds.len() as u64;
    let jobs = replications.end.saturating_sub(replications.start) * cells;
    let place = |job: u64| (replications.start + job / cells, (job % cells) as usize);
    let issued = AtomicU64::new(0);
    let ahead = 4 * workers.threads() as u64;
    let turned = Condvar::new();
    let turn = Mutex::new(Turn {
        next: 0,
        early: BTreeMap::new(),
        fold,
    });
    let lock = || turn.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = AtomicBool::new(false);
    workers.together(jobs, || {
        // A thread that panics leaves its turn to nobody: the others end.
        let _end = OnPanic(|| {
            let _turn = lock();
            failed.store(true, Ordering::Relaxed);
            turned.notify_all();
        });
        while !stop.load(Ordering::Relaxed) {
            let job = issued.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                break;
            }
            let (replication, world) = place(job);
            let outcome = worlds[world].replicate(Streams { seed, replication });
            // The job whose turn it is never waits, so this ends.
            let failed = || failed.load(Ordering::Relaxed);
            let mut turn = turned
                .wait_while(lock(), |turn| job >= turn.next + ahead && !failed())
                .unwrap_or_else(PoisonError::into_inner);
            if failed() {
                break;
            }
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
    match cells {
        0 => replications.end.max(replications.start),
        _ => replications.start + turn.next / cells,
    }
}

/// Does something as a thread unwinds.
struct OnPanic<F: Fn()>(F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
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

    /// What [`replicate`] hands to its fold, in order.
    fn folded(workers: &Workers) -> (u64, Vec<(u64, usize)>) {
        let stop = AtomicBool::new(false);
        let mut seen = Vec::new();
        let worlds = [Uneven(0), Uneven(1), Uneven(2)];
        let reached = replicate(workers, &worlds, 1, 2..22, &stop, |world, n, outcome| {
            assert_eq!(outcome, (world, n));
            seen.push((n, world));
        });
        (reached, seen)
    }

    #[test]
    fn outcomes_are_folded_in_order_however_uneven_the_work() -> Result<(), WorkersError> {
        let (reached, seen) = folded(&Workers::new(5)?);
        assert_eq!((reached, seen.len()), (22, 60));
        assert!(seen.is_sorted());
        Ok(())
    }

    /// Panics in one of its replications.
    struct Faulty;

    impl World for Faulty {
        type Outcome = u64;

        fn replicate(&self, streams: Streams) -> u64 {
            assert_ne!(streams.replication, 3, "the world is faulty");
            streams.replication
        }
    }

    #[test]
    fn a_panic_in_a_world_or_a_fold_is_passed_on() -> Result<(), WorkersError> {
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads)?;
            let stop = AtomicBool::new(false);
            let runs = |worlds: &[Faulty], from: u64, fails: u64| {
                let all = || {
                    replicate(&workers, worlds, 1, from..400, &stop, |_, n, _| {
                        assert_ne!(n, fails, "the fold is faulty");
                    })
                };
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(all))
            };
            assert!(runs(&[Faulty], 0, u64::MAX).is_err());
            assert!(runs(&[Faulty], 4, 200).is_err());
            assert_eq!(runs(&[Faulty], 4, u64::MAX).ok(), Some(400));
        }
        Ok(())
    }

    #[test]
    fn runs_within_runs_end_and_keep_their_order() -> Result<(), WorkersError> {
        let workers = Workers::new(3)?;
        let many = workers.map(&[(); 12], |()| folded(&workers));
        for (reached, seen) in many {
            assert_eq!((reached, seen.len()), (22, 60));
            assert!(seen.is_sorted());
        }
        Ok(())
    }
}
