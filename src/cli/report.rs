//! `herdsim report`: the documents and charts of runs, made again from their files.

use std::path::PathBuf;

use clap::Args;
use herdsim_core::ensemble::Workers;
use herdsim_core::scenario::Problem;

use crate::cli::failure;
use crate::cli::options::{Ground, all_threads};
use crate::cli::run::{note, rule, stop_on_interrupt};
use crate::report::Part;
use crate::run::rebuild::{Rebuilt, rebuild, together, write};
use crate::run::{ASSERTION_FAILED, Pens, RunDir, RunError};

#[derive(Args, Debug)]
pub struct ReportOptions {
    /// Directories of runs or sweeps; several make one report that compares them with the first
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// Where the report of several runs goes
    #[arg(long, value_name = "DIR", default_value = "out/report")]
    out: PathBuf,
    /// Of one run: compare it with an earlier result.json, as the run itself would
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Of one run: a condition, as of the run itself; repeat for several
    #[arg(long = "assert", value_name = "CONDITION")]
    assertions: Vec<String>,
    /// Charts for a light or a dark ground
    #[arg(long, value_enum, default_value = "light")]
    theme: Ground,
}

/// Writes the documents and returns the exit status.
pub fn make(options: &ReportOptions) -> Result<u8, RunError> {
    let several = options.runs.len() > 1;
    for (flag, given) in [
        ("--baseline", options.baseline.is_some()),
        ("--assert", !options.assertions.is_empty()),
    ] {
        if several && given {
            let problem = Problem::new(format!("{flag} goes with one run"));
            return Err(problem.help("several are compared with the first").into());
        }
    }
    // One that cannot be read does not take the others with it.
    let (mut runs, mut unread): (Vec<Rebuilt>, Vec<RunError>) = (Vec::new(), Vec::new());
    for directory in &options.runs {
        match rebuild(directory, options.baseline.as_deref(), &options.assertions) {
            Ok(run) => runs.push(run),
            Err(error) => unread.push(error),
        }
    }
    let unread = match (runs.is_empty(), unread.pop()) {
        (true, Some(error)) => return Err(error),
        (_, last) => {
            unread.extend(last);
            unread
        }
    };
    for line in runs.iter().flat_map(|run| &run.notes) {
        note(&format!("note: {line}"));
    }
    // Every condition is told of.
    let held: Vec<bool> = runs.iter().map(|run| rule(&run.rulings)).collect();
    let (directory, story, parts) = match (&options.runs[..], runs.pop()) {
        ([directory], Some(only)) => (directory, only.story, vec![Part::of(only.charts)]),
        (_, last) => {
            runs.extend(last);
            let (story, parts) = together(runs, &options.out);
            (&options.out, story, parts)
        }
    };
    let workers = Workers::new(all_threads())?;
    let room = RunDir::within(directory)?;
    let stop = stop_on_interrupt(Some(room.temporary()));
    let pens = Pens {
        workers: &workers,
        theme: options.theme.theme(),
        stop: &stop,
    };
    let written = write(room, &story, &parts, pens)?;
    note(&format!("wrote {written}"));
    let status = unread.iter().map(RunError::status).max();
    unread.iter().for_each(failure::show);
    if let Some(status) = status {
        return Ok(status);
    }
    Ok(if held.iter().all(|held| *held) {
        0
    } else {
        ASSERTION_FAILED
    })
}
