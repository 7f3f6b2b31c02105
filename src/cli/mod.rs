//! The command line: what can be typed, and its translation to a scenario.

pub mod failure;
pub mod options;
pub mod run;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use options::Options;

/// What will this retry policy do when the service blips?
///
/// Simulates thousands of callers through a fault, compares retry policies on
/// the same random numbers, and leaves a table, CSV files and charts. Without
/// a command it runs the default scenario: 5,000 callers, a crash of two
/// seconds, the policies `fixed`, `full-jitter` and `budget`.
#[derive(Parser, Debug)]
#[command(name = "herdsim", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a scenario file
    Run {
        /// The scenario, in TOML
        scenario: PathBuf,
        #[command(flatten)]
        options: Box<Options>,
    },
}
