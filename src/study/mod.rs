//! The kinds of run: the one place that matches on them.
//!
//! A kind says how it is simulated, read back and estimated, what its results are as a
//! table, and what it tells and draws beside that; everything else is written over
//! [`Table`] once. A new kind is a scenario in `herdsim-core`, a file here, and an arm
//! of [`of`].

pub mod fence;
pub mod herd;
pub mod quorum;
pub mod saga;
mod trials;

use std::path::Path;

use herdsim_core::ensemble::cost::Cost;
use herdsim_core::ensemble::quorum::NotExact;
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::{Job, Problem};
use herdsim_core::theory::herd::Pressure;
use serde_json::{Map, Value as Json};

use crate::chart::{Chart, ChartError};
use crate::measured::Measured;
use crate::output::json::Extras;
use crate::output::load::LoadError;
use crate::report::Story;
use herdsim_words::results::{Column, Manner, Table};

/// What a simulation is given to work with.
pub struct Context<'c> {
    pub workers: &'c Workers,
    pub watch: Watch<'c>,
    /// Whether charts are drawn, and what they need is simulated.
    pub charts: bool,
    /// The directory of an earlier run to draw beside this one.
    pub before: Option<&'c Path>,
    /// Measured series to draw beside what is simulated, of a herd.
    pub measured: Option<&'c Measured>,
}

/// A file of a run.
pub struct File {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

impl File {
    /// A file in memory, which takes whatever is written.
    fn of(
        name: &'static str,
        write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>,
    ) -> Result<File, StudyError> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(StudyError::Write)?;
        Ok(File { name, bytes })
    }
}

/// What a run leaves to be written, told and held to conditions.
pub struct Finished {
    /// The resolved scenario, of as much as was finished.
    pub scenario: String,
    pub table: Table,
    pub verdict: String,
    pub seed: u64,
    pub name: String,
    /// What stands beside the table in `result.json`.
    pub extras: Extras,
    /// Files beside the table's.
    pub files: Vec<File>,
    pub text: String,
    pub markdown: String,
    pub charts: Vec<Chart>,
    pub story: Story,
    /// Replications or trials that were finished.
    pub replications: u64,
    pub events: f64,
    /// What a person should know of the run, beside its results.
    pub notes: Vec<String>,
    /// What was complete when the run was stopped, if it was.
    pub interrupted: Option<String>,
}

/// Why a kind has no results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    #[error("interrupted before the first replication was complete")]
    Interrupted,
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error(transparent)]
    NotExact(#[from] NotExact),
    #[error(transparent)]
    Chart(#[from] ChartError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("cannot write a file in memory: {0}")]
    Write(std::io::Error),
}

/// A kind of run, as one of its scenarios asks for it.
pub trait Study {
    /// How it speaks of its results.
    fn manner(&self) -> &'static Manner;

    /// The columns of its table.
    fn columns(&self) -> Vec<Column>;

    /// The cells of its table.
    fn cells(&self) -> Vec<String>;

    /// An estimate of what it takes on so many threads, without its charts, for which no more
    /// than `left` events may be tried out: those that were are taken from it.
    fn cost(&self, threads: usize, left: &mut u64) -> Cost;

    /// Simulates it.
    ///
    /// # Errors
    /// When it was stopped before anything was complete, or cannot be worked out.
    fn simulate(&self, context: &Context<'_>) -> Result<Finished, StudyError>;

    /// Simulates its table alone, as for a cell of a sweep; nothing if it was stopped.
    ///
    /// # Errors
    /// When it cannot be worked out.
    fn table(&self, workers: &Workers, watch: &Watch<'_>) -> Result<Option<Table>, StudyError>;

    /// Reads it back from a directory, to be told and drawn as it was; beside an earlier
    /// run of its kind, where its charts do that.
    ///
    /// # Errors
    /// What is missing or cannot be meant.
    fn load(&self, directory: &Path, before: Option<&Path>) -> Result<Finished, StudyError>;

    /// The metrics of a cell of an earlier `result.json` that has them elsewhere.
    fn older(&self, _cell: &Json) -> Map<String, Json> {
        Map::new()
    }

    /// What theory says of a cell, where it says anything.
    fn pressure(&self, _cell: &str) -> Option<Pressure> {
        None
    }
}

/// The kind of a job.
pub fn of(job: &Job) -> &dyn Study {
    match job {
        Job::Herd(scenario) => scenario,
        Job::Fence(scenario) => scenario,
        Job::Saga(scenario) => scenario,
        Job::Quorum(scenario) => &**scenario,
    }
}

/// [`Study::pressure`] of a job.
pub fn pressure(job: &Job, cell: &str) -> Option<Pressure> {
    of(job).pressure(cell)
}
