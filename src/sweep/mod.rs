//! Sweeps: every cell of a grid, on every core, each on disk as soon as it is done.

pub mod assemble;
pub mod checkpoint;
pub mod shard;
pub mod written;

use std::sync::atomic::{AtomicBool, Ordering};

use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::Job;
use herdsim_core::scenario::sweep::Grid;
use rayon::prelude::*;

use crate::output::csv;
use crate::study::{self, StudyError};
use herdsim_words::results::Table;
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
    workers: &Workers,
    stop: &AtomicBool,
    finished: impl Fn(u64, Rows) + Sync,
) -> Result<(), StudyError> {
    let pending: Vec<u64> = (0..done.len() as u64)
        .filter(|i| shard.owns(*i) && !done[*i as usize])
        .collect();
    workers.install(|| {
        pending.par_iter().with_max_len(1).try_for_each(|index| {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let job = grid.job(*index)?;
            if let Some(rows) = cell(&job, workers, stop)? {
                finished(*index, rows);
            }
            Ok(())
        })
    })
}

/// The rows of one cell; none if it was stopped.
fn cell(job: &Job, workers: &Workers, stop: &AtomicBool) -> Result<Option<Rows>, StudyError> {
    let watch = Watch {
        stop,
        ..Watch::default()
    };
    let table = study::of(job).table(workers, &watch)?;
    let rows = |table: Table| -> Rows {
        let rows = table.rows.iter();
        rows.map(|row| csv::row(table.manner, row)).collect()
    };
    Ok(table.map(rows))
}
