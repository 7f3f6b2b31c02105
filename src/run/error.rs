//! What can go wrong with a run, and the exit status it gives.

use std::path::PathBuf;

use herdsim_core::ensemble::WorkersError;
use herdsim_core::ensemble::cost::{Cost, Limits};
use herdsim_core::scenario::Problem;

use crate::chart::ChartError;
use crate::output::json::ResultError;
use crate::output::load::LoadError;
use crate::output::run_dir::DirError;
use crate::study::StudyError;
use crate::sweep::assemble::AssembleError;
use crate::sweep::checkpoint::CheckpointError;
use crate::sweep::shard::ShardError;
use herdsim_words::format::{bytes, large};

/// The exit status after Ctrl-C.
pub const INTERRUPTED: u8 = 130;
/// The exit status when a condition does not hold.
pub const ASSERTION_FAILED: u8 = 3;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error("{0}")]
    Input(#[from] Problem),
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("cannot write `{path}`: {reason}")]
    Unwritable { path: PathBuf, reason: String },
    #[error(
        "this run would take about {} events and {} of memory, and {} and {} are the most",
        large(.cost.events), bytes(.cost.bytes), large(.most.events), bytes(.most.bytes)
    )]
    OutOfReach { cost: Cost, most: Limits },
    #[error("{0}")]
    Directory(#[from] DirError),
    #[error("{0}")]
    Chart(#[from] ChartError),
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("{0}")]
    Assemble(#[from] AssembleError),
    #[error("{0}")]
    Shard(#[from] ShardError),
    #[error("`{path}` is not a shard of the same sweep as `{first}`: {reason}")]
    Shards {
        first: PathBuf,
        path: PathBuf,
        reason: String,
    },
    #[error("this herdsim was built without Parquet")]
    NoParquet,
    #[error("this herdsim was built without the page")]
    NoPlayground,
    #[error("cannot write summary.parquet: {0}")]
    Parquet(String),
    #[error("this grid has {} cells", large(*.0))]
    TooManyCells(f64),
    #[error("{0}")]
    Threads(#[from] WorkersError),
    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),
    #[error("interrupted: nothing was written")]
    Stopped,
    #[error("{0}")]
    Study(StudyError),
    #[error("cannot compare with `{path}`: {error}")]
    Baseline { path: PathBuf, error: ResultError },
    #[error("nothing is in this run and in {0}: there is nothing to compare")]
    NothingInCommon(String),
}

impl RunError {
    /// The exit status that it ends a command with.
    pub fn status(&self) -> u8 {
        match self {
            RunError::Input(_) | RunError::OutOfReach { .. } | RunError::NothingInCommon(_) => 2,
            RunError::Directory(DirError::Foreign(_)) => 2,
            RunError::Unreadable { .. } | RunError::Baseline { .. } | RunError::Load(_) => 2,
            RunError::Checkpoint(
                CheckpointError::Other { .. }
                | CheckpointError::Busy(_)
                | CheckpointError::Foreign(_)
                | CheckpointError::Edited(_)
                | CheckpointError::Columns { .. },
            ) => 2,
            RunError::Assemble(AssembleError::Io { .. }) => 1,
            RunError::Assemble(_) | RunError::Shard(_) | RunError::Shards { .. } => 2,
            RunError::TooManyCells(_) | RunError::NoParquet | RunError::NoPlayground => 2,
            RunError::Directory(DirError::Io { .. })
            | RunError::Checkpoint(CheckpointError::Io { .. })
            | RunError::Chart(_)
            | RunError::Parquet(_)
            | RunError::Unwritable { .. }
            | RunError::Threads(_)
            | RunError::Stdout(_) => 1,
            RunError::Stopped | RunError::Study(StudyError::Interrupted) => INTERRUPTED,
            RunError::Study(_) => 1,
        }
    }

    /// How to put it right, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            RunError::Input(problem) => problem.help.clone(),
            RunError::OutOfReach { .. } => Some(
                "take fewer callers or replications, a shorter horizon or a wider bin; \
                 fewer callers before fewer servers of the same load behave alike. \
                 --max-events and --max-memory move the limits, --yes takes them away"
                    .to_string(),
            ),
            RunError::Directory(DirError::Foreign(_)) => {
                Some("choose another with --out or --name".to_string())
            }
            RunError::Checkpoint(
                CheckpointError::Other { .. }
                | CheckpointError::Columns { .. }
                | CheckpointError::Edited(_),
            ) => Some(
                "finish that one, give another --name, or begin anew with --restart".to_string(),
            ),
            RunError::Assemble(AssembleError::Missing { .. }) => {
                Some("run the missing shards, and name all of them".to_string())
            }
            RunError::Assemble(AssembleError::Columns { .. }) => {
                Some("run the shards of one sweep with one version".to_string())
            }
            RunError::NoParquet => {
                Some("build it with cargo install --path . --features parquet".to_string())
            }
            RunError::NoPlayground => Some(
                "the binaries of releases have it, and the page itself is among their files; or \
                 build it: playground/build.sh page.html, then \
                 HERDSIM_PLAYGROUND=$PWD/page.html cargo install --path . --features playground"
                    .to_string(),
            ),
            RunError::TooManyCells(_) => Some(
                "take fewer values per axis, or share it out with --shard; \
                 --yes runs it all the same"
                    .to_string(),
            ),
            _ => None,
        }
    }
}

impl From<StudyError> for RunError {
    fn from(error: StudyError) -> RunError {
        match error {
            StudyError::Problem(problem) => RunError::Input(problem),
            StudyError::NotExact(reason) => Problem::new(reason.to_string()).into(),
            StudyError::Chart(error) => RunError::Chart(error),
            StudyError::Load(error) => RunError::Load(error),
            other => RunError::Study(other),
        }
    }
}
