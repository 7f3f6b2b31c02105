//! What can go wrong, the exit status it gives, and how it is shown.

use std::io::IsTerminal;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::chart::ChartError;
use crate::ensemble::cost::Cost;
use crate::output::restore::RestoreError;
use crate::output::run_dir::DirError;
use crate::output::words::{bytes, large};
use crate::scenario::Problem;
use crate::sweep::assemble::AssembleError;
use crate::sweep::checkpoint::CheckpointError;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Input(#[from] Problem),
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("cannot write `{path}`: {reason}")]
    Unwritable { path: PathBuf, reason: String },
    #[error(
        "this run would take up to {} events and {} of memory",
        large(.0.events), bytes(.0.bytes)
    )]
    OutOfReach(Cost),
    #[error("{0}")]
    Directory(#[from] DirError),
    #[error("{0}")]
    Chart(#[from] ChartError),
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("{0}")]
    Assemble(#[from] AssembleError),
    #[error("{0}")]
    Shard(String),
    #[error("`{path}` is not a shard of the same sweep as `{first}`: {reason}")]
    Shards {
        first: PathBuf,
        path: PathBuf,
        reason: String,
    },
    #[error("this herdsim was built without Parquet")]
    NoParquet,
    #[error("cannot write summary.parquet: {0}")]
    Parquet(String),
    #[error("this grid has {} cells", large(*.0))]
    TooManyCells(f64),
    #[error("cannot start {threads} threads: {reason}")]
    Threads { threads: usize, reason: String },
    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),
    #[error("{0}")]
    Restore(#[from] RestoreError),
    #[error("cannot compare with `{path}`: {reason}")]
    Baseline { path: PathBuf, reason: String },
    #[error("interrupted before the first replication was complete")]
    Interrupted,
}

impl Failure {
    pub fn status(&self) -> u8 {
        match self {
            Failure::Input(_) | Failure::OutOfReach(_) => 2,
            Failure::Directory(DirError::Foreign(_)) => 2,
            Failure::Unreadable { .. } | Failure::Baseline { .. } | Failure::Restore(_) => 2,
            Failure::Checkpoint(
                CheckpointError::Other { .. }
                | CheckpointError::Busy(_)
                | CheckpointError::Foreign(_),
            ) => 2,
            Failure::Assemble(AssembleError::Io { .. }) => 1,
            Failure::Assemble(_) | Failure::Shard(_) | Failure::Shards { .. } => 2,
            Failure::TooManyCells(_) | Failure::NoParquet => 2,
            Failure::Directory(DirError::Io { .. })
            | Failure::Checkpoint(CheckpointError::Io { .. })
            | Failure::Chart(_)
            | Failure::Parquet(_)
            | Failure::Unwritable { .. }
            | Failure::Threads { .. }
            | Failure::Stdout(_) => 1,
            Failure::Interrupted => 130,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Failure::Input(problem) => problem.help.clone(),
            Failure::OutOfReach(_) => Some(
                "take fewer callers or replications, a shorter horizon or a wider bin; \
                 fewer callers before fewer servers of the same load behave alike. \
                 --yes runs it all the same"
                    .to_string(),
            ),
            Failure::Directory(DirError::Foreign(_)) => {
                Some("choose another with --out or --name".to_string())
            }
            Failure::Checkpoint(CheckpointError::Other { .. }) => Some(
                "finish that one, give another --name, or begin anew with --restart".to_string(),
            ),
            Failure::Assemble(AssembleError::Missing { .. }) => {
                Some("run the missing shards, and name all of them".to_string())
            }
            Failure::NoParquet => {
                Some("build it with cargo install --path . --features parquet".to_string())
            }
            Failure::TooManyCells(_) => Some(
                "take fewer values per axis, or share it out with --shard; \
                 --yes runs it all the same"
                    .to_string(),
            ),
            _ => None,
        }
    }
}

/// Whether to use colours on standard error.
fn coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Shows a failure on standard error, its place underlined.
pub fn show(failure: &Failure) {
    let renderer = match coloured() {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let message = failure.to_string();
    let help = failure.help();
    let mut report = Group::with_title(Level::ERROR.primary_title(message.as_str()));
    if let Failure::Input(Problem {
        place: Some(place), ..
    }) = failure
    {
        let source = &place.source;
        let start = place.span.start.min(source.text.len());
        let end = place.span.end.clamp(start, source.text.len());
        report = report.element(
            Snippet::source(source.text.as_str())
                .path(source.name.as_str())
                .annotation(AnnotationKind::Primary.span(start..end)),
        );
    }
    if let Some(help) = &help {
        report = report.element(Level::HELP.message(help.as_str()));
    }
    eprintln!("{}", renderer.render(&[report]));
}
