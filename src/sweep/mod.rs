//! Sweeps: every cell of a grid, on every core, each on disk as soon as it is done.

pub mod assemble;
pub mod checkpoint;
pub mod shard;

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::ensemble::{herd, quorum, trials};
use crate::output::quorum as told;
use crate::output::{csv, fence, saga};
use crate::scenario::sweep::Grid;
use crate::scenario::{Job, Problem};
use shard::Shard;

/// The rows of one cell as they stand in `summary.csv`, without the axes.
pub type Rows = Vec<String>;

/// Runs the cells of a shard that are not `done` yet.
///
/// `finished(index, rows)` is told of every cell, in no particular order and
/// from any thread. All cells and all their replications share the pool: a
/// thread without a cell of its own helps with another's replications. Setting
/// `stop` leaves out what is not finished by then.
///
/// # Errors
/// The first cell whose scenario cannot be meant.
pub fn run(
    grid: &Grid,
    shard: Shard,
    done: &[bool],
    pool: &ThreadPool,
    stop: &AtomicBool,
    finished: impl Fn(u64, Rows) + Sync,
) -> Result<(), Problem> {
    let pending: Vec<u64> = (0..done.len() as u64)
        .filter(|i| shard.owns(*i) && !done[*i as usize])
        .collect();
    pool.install(|| {
        pending.par_iter().with_max_len(1).try_for_each(|index| {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let job = grid.job(*index)?;
            if let Some(rows) = cell(&job, stop)? {
                finished(*index, rows);
            }
            Ok(())
        })
    })
}

/// The rows of one cell; none if it was stopped.
fn cell(job: &Job, stop: &AtomicBool) -> Result<Option<Rows>, Problem> {
    if let Job::Quorum(scenario) = job {
        let results = quorum::gather(scenario, stop).map_err(|e| Problem::new(e.to_string()))?;
        return Ok(results.map(|r| r.cells.iter().map(told::row).collect()));
    }
    Ok(trial_rows(job, stop))
}

fn trial_rows(job: &Job, stop: &AtomicBool) -> Option<Rows> {
    match job {
        Job::Quorum(_) => None,
        Job::Herd(scenario) => {
            let raw = herd::raw(scenario, stop)?;
            let names = scenario.policies.iter().map(|(name, _)| name);
            let policies = names.zip(&raw);
            Some(
                policies
                    .map(|(name, raw)| csv::summary_row(name, raw))
                    .collect(),
            )
        }
        Job::Fence(scenario) => {
            let tally = trials::gather(&scenario.fence, &scenario.run, stop)?;
            Some(fence::figures(scenario, &tally, scenario.run.replications).rows())
        }
        Job::Saga(scenario) => {
            let tally = trials::gather(scenario, &scenario.run, stop)?;
            Some(saga::figures(scenario, &tally, scenario.run.replications).rows())
        }
    }
}
