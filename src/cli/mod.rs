//! The command line: what can be typed, and its translation to a scenario.

pub mod audit;
pub mod edge;
pub mod failure;
pub mod fence;
pub mod herd;
pub mod init;
pub mod options;
pub mod playground;
pub mod policies;
pub mod progress;
pub mod quorum;
pub mod report;
pub mod run;
pub mod saga;
pub mod shell;
pub mod sweep;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use audit::{AuditOptions, ExplainOptions};
use edge::EdgeOptions;
use fence::FenceOptions;
use herd::Options;
use init::InitOptions;
use playground::PlaygroundOptions;
use policies::PoliciesOptions;
use quorum::{Promises, QuorumOptions};
use report::ReportOptions;
use saga::SagaOptions;
use sweep::MergeOptions;

use herdsim_core::scenario::{Job, JobKind};
use herdsim_core::value::nearest;

use crate::run::RunError;

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

impl Cli {
    /// Reads the arguments of this process; ends it for `--help` and what clap refuses.
    pub fn read() -> Cli {
        // `--timeout -1s` is for the value language to refuse, with its reason:
        // clap would take `-1s` for an option.
        let mut arguments: Vec<OsString> = Vec::new();
        for argument in std::env::args_os() {
            // `herdsim incident.toml` runs it.
            if arguments.len() == 1 && Path::new(&argument).extension() == Some("toml".as_ref()) {
                arguments.push("run".into());
            }
            let negative = argument.to_str().is_some_and(|text| {
                text.starts_with('-') && text[1..].starts_with(|c: char| c.is_ascii_digit())
            });
            match arguments.last_mut() {
                Some(last) if negative && last.as_encoded_bytes().starts_with(b"--") => {
                    last.push("=");
                    last.push(argument);
                }
                _ => arguments.push(argument),
            }
        }
        Cli::try_parse_from(&arguments).unwrap_or_else(|mut error| {
            // Only help tells of defaults, which take the default scenario to be read.
            if error.kind() == ErrorKind::DisplayHelp
                && let Err(help) = command().try_get_matches_from(&arguments)
            {
                tell(&help)
            }
            // Of what looks alike only what may have been meant: it begins alike, too.
            if let (Some(ContextValue::String(typed)), Some(ContextValue::String(like))) = (
                error.get(ContextKind::InvalidArg),
                error.get(ContextKind::SuggestedArg),
            ) {
                let [typed, like] = [typed, like].map(|flag| flag.trim_start_matches('-'));
                if typed.get(..1) != like.get(..1) || nearest(typed, [like]).is_none() {
                    error.remove(ContextKind::SuggestedArg);
                    error.remove(ContextKind::Usage);
                }
            }
            tell(&error)
        })
    }

    /// Does what is asked for; returns the exit status.
    pub fn run(&self) -> Result<u8, RunError> {
        let (overlay, kind, common) = match &self.command {
            None => (
                self.options.overlay(None)?,
                JobKind::Herd,
                &self.options.common,
            ),
            Some(Command::Run {
                scenario: file,
                options,
                promises,
            })
            | Some(Command::Sweep {
                grid: file,
                options,
                promises,
            }) => {
                let mut overlay = options.overlay(Some(file))?;
                promises.apply(&mut overlay)?;
                (overlay, JobKind::Herd, &options.common)
            }
            Some(Command::Fence(options)) => (options.overlay()?, JobKind::Fence, &options.common),
            Some(Command::Saga(options)) => (options.overlay()?, JobKind::Saga, &options.common),
            Some(Command::Quorum(options)) => {
                (options.overlay()?, JobKind::Quorum, &options.common)
            }
            Some(Command::Edge(options)) => return edge::edge(options),
            Some(Command::Merge(options)) => return sweep::merge(options),
            Some(Command::Playground(options)) => return playground::write(options),
            Some(Command::Policies(options)) => return policies::show(options),
            Some(Command::Report(options)) => return report::make(options),
            Some(Command::Init(options)) => return init::init(options),
            Some(Command::Audit(options)) => return audit::audit(options),
            Some(Command::Explain(options)) => return audit::rule(options),
            Some(Command::Schema) => return shell::schema(),
            Some(Command::Completions { shell }) => {
                return shell::completions(command(), *shell);
            }
            Some(Command::Man { command }) => {
                return shell::man(self::command(), command.as_deref());
            }
        };
        let must_sweep = matches!(self.command, Some(Command::Sweep { .. }));
        match must_sweep || overlay.has_sweep() || common.sweeps() {
            true => sweep::run(overlay, kind, common),
            false => run::run(
                &Job::from_overlay(&overlay, kind)?,
                overlay.conditions(),
                common,
            ),
        }
    }
}

/// Shows help, or what clap refuses, and ends the process: with its status, but that help which
/// could not be written is no success. Whoever reads may have had enough.
fn tell(error: &clap::Error) -> ! {
    let status = match error.print() {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe && !error.use_stderr() => 1,
        _ => error.exit_code(),
    };
    std::process::exit(status)
}

/// What can be typed, with what the default scenario has for each flag.
fn command() -> clap::Command {
    let bare = Cli::try_parse_from(["herdsim"]);
    let defaults = bare.map_or_else(|_| Vec::new(), |cli| herd::defaults(&cli.options));
    Cli::command().mut_args(|arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let default = defaults
            .iter()
            .find(|(flag, _)| long.as_deref() == Some(*flag));
        match (default, arg.get_help()) {
            (Some((_, default)), Some(help)) => {
                let help = format!("{help} [default: {default}]");
                arg.help(help)
            }
            _ => arg,
        }
    })
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a scenario file
    Run {
        /// The scenario, in TOML
        scenario: PathBuf,
        #[command(flatten)]
        options: Box<Options>,
        #[command(flatten)]
        promises: Promises,
    },
    /// Run a scenario over a grid of its fields; goes on where it was interrupted
    Sweep {
        /// The scenario with a table [sweep], in TOML
        grid: PathBuf,
        #[command(flatten)]
        options: Box<Options>,
        #[command(flatten)]
        promises: Promises,
    },
    /// How far from the edge: the shortest fault that is not survived, the highest safe load, and
    /// what ends a collapse
    Edge(Box<EdgeOptions>),
    /// Write a first scenario: asks five questions on a terminal, takes flags elsewhere
    Init(Box<InitOptions>),
    /// Put the shards of a sweep together
    Merge(MergeOptions),
    /// Make the charts and documents of runs again from their files
    Report(ReportOptions),
    /// Write one page that runs a scenario in a browser, to be moved there
    Playground(PlaygroundOptions),
    /// The named retry policies: all, those a word is found in, or one in full
    Policies(PoliciesOptions),
    /// A paused leader wakes and writes: what do fencing tokens prevent?
    Fence(Box<FenceOptions>),
    /// A refund is retried: how often is it paid twice?
    Saga(Box<SagaOptions>),
    /// What is a read worth after a write, with N, R and W?
    Quorum(Box<QuorumOptions>),
    /// Read the retries, quorums, fences and effects in configuration and code, and check them
    Audit(Box<AuditOptions>),
    /// What a rule of audit means: herdsim explain HS101
    Explain(ExplainOptions),
    /// A JSON Schema of scenario files, for editors: herdsim schema > herdsim.schema.json
    Schema,
    /// What completes herdsim in a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        shell: clap_complete::Shell,
    },
    /// The man page: herdsim man | man -l -
    Man {
        /// Of one command
        command: Option<String>,
    },
}
