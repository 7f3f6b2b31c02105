//! `herdsim audit` and `herdsim explain`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::{Job, Problem};
use herdsim_core::units::Rate;
use herdsim_core::value::suggest;

use crate::audit::plan::Plan;
use crate::audit::predict::Making;
use crate::audit::rank::Objective;
use crate::audit::read::Format;
use crate::audit::rule::Severity;
use crate::audit::site::Seam;
use crate::audit::situation::{self, Asked, Situations};
use crate::audit::{
    Against, Audit, Request, View, explain, json, markdown, patch, sarif, scenario, screen, tables,
};
use crate::cli::options::all_threads;
use crate::cli::progress::Progress;
use crate::cli::run::{note, print, stop_on_interrupt};
use crate::output::run_dir::MARK;
use crate::run::{self, ASSERTION_FAILED, Pens, RunDir, RunError};
use crate::study::Context;
use herdsim_words::format::counted;

#[derive(Args, Debug)]
pub struct AuditOptions {
    /// Files and directories, of an application and of its deployment; - is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Read and check, simulate nothing
    #[arg(long)]
    read_only: bool,
    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
    /// Exit status 3 where a finding is at least so severe
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// What the files are, whatever their names
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    taken_for: Option<Format>,
    /// Sites of one seam only
    #[arg(long, value_enum, value_name = "SEAM")]
    only: Option<Seam>,
    /// Print the scenario of a site, by its line, its name or FILE:LINE
    #[arg(long, value_name = "SITE", num_args = 0..=1, default_missing_value = "")]
    scenario: Option<String>,
    /// Every site, and what was seen and is no retry
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    situation: SituationOptions,
    /// Look for the shortest crash that each retry does not survive, and the load above which it
    /// does not survive the fault: some seconds a retry
    #[arg(long, conflicts_with = "read_only")]
    edge: bool,
    /// What changes are ranked by
    #[arg(long, value_enum, default_value_t, value_name = "OBJECTIVE")]
    objective: Objective,
    /// What --format json printed of an earlier audit: says what is new and what is gone, and
    /// --fail-on counts what is new
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Leave the audit in all formats here, and the worst site's run with charts, before and
    /// after
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the best changes as one unified diff, for git apply
    #[arg(long, conflicts_with_all = ["read_only", "format", "scenario"])]
    patch: bool,
    /// Write the best changes to the files
    #[arg(long, conflicts_with_all = ["read_only", "format", "scenario", "patch"])]
    write: bool,
    /// These patches in place of the best of each site
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        conflicts_with = "read_only"
    )]
    change: Vec<usize>,
    /// Threads; all cores unless said otherwise. Results do not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// No progress
    #[arg(short, long)]
    quiet: bool,
}

/// What a prediction assumes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Situation")]
struct SituationOptions {
    /// A herd scenario: who calls, what serves them, what happens; its policies do not count
    #[arg(long, value_name = "FILE")]
    situation: Option<PathBuf>,
    /// The share of its capacity that a service is busy with before the fault [default: 70%]
    #[arg(long, value_name = "SHARE", value_parser = situation::share)]
    load: Option<f64>,
    /// Calls per second, of all callers together [default: 1,000/s]
    #[arg(long, value_name = "RATE", value_parser = situation::rate)]
    calls: Option<Rate>,
    /// How long a server takes for an attempt [default: exp(14ms)]
    #[arg(long, value_name = "DIST")]
    service_time: Option<String>,
    /// Attempts that may wait [default: 1,000]
    #[arg(long, value_name = "N")]
    queue: Option<String>,
    /// What happens; may be repeated [default: crash@10s+2s]
    #[arg(long, value_name = "FAULT")]
    fault: Vec<String>,
}

impl SituationOptions {
    fn asked(&self) -> Asked {
        Asked {
            file: self.situation.clone(),
            load: self.load,
            calls: self.calls,
            service_time: self.service_time.clone(),
            queue: self.queue.clone(),
            faults: self.fault.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
    Markdown,
    Sarif,
}

#[derive(Args, Debug)]
pub struct ExplainOptions {
    /// A rule of audit, such as HS101; none lists them
    rule: Option<String>,
}

/// Audits, tells, and returns the exit status.
pub fn audit(options: &AuditOptions) -> Result<u8, RunError> {
    // Deep code is lowered by recursion; a thread of one's own has room for it.
    if !options.change.is_empty() && !options.patch && !options.write {
        let problem = Problem::new("--change is of --patch or --write");
        return Err(problem.help("herdsim audit … --patch --change 2").into());
    }
    let request = Request {
        paths: options.paths.clone(),
        format: options.taken_for,
        only: options.only,
    };
    let audit = Audit::of(&request)?;
    let situations = Situations::new(&options.situation.asked(), &audit.files.settings)?;
    if let Some(wanted) = &options.scenario {
        let wanted = Some(wanted.as_str()).filter(|w| !w.is_empty());
        print(scenario(&audit, &situations, wanted)?.as_bytes())?;
        return Ok(0);
    }
    let plan = match options.read_only {
        true => None,
        false => Some(planned(options, &audit, &situations)?),
    };
    let against = options.baseline.as_ref();
    let against = against
        .map(|path| Ok::<_, RunError>(Against::of(&audit, &run::read(path)?)?))
        .transpose()?;
    let view = View {
        audit: &audit,
        plan: plan.as_ref(),
        against: against.as_ref(),
    };
    let mut told = true;
    if let Some(plan) = plan.as_ref().filter(|_| options.patch || options.write) {
        let (draft, changes) = plan.patched(&audit, &options.change)?;
        if changes == 0 {
            note("no change of what was found can be written and is better");
        }
        match options.patch {
            true => print(patch::diff(&audit.files, draft.texts()).as_bytes())?,
            false => {
                patch::write(&audit, draft.texts())?;
                let files = draft.texts().len();
                let (changes, files) = (changes.to_string(), files.to_string());
                let text = format!(
                    "wrote {} to {}\n",
                    counted(&changes, "change"),
                    counted(&files, "file")
                );
                print(text.as_bytes())?;
            }
        }
        told = false;
    }
    if told {
        let text = match options.format {
            Output::Text => screen(view, 100, options.verbose),
            Output::Json => pretty(&json(view)),
            Output::Markdown => markdown(view),
            Output::Sarif => pretty(&sarif(view)),
        };
        print(text.as_bytes())?;
    }
    if let Some(out) = &options.out {
        let directory = write(view, out, options)?;
        note(&format!("wrote {}", directory.display()));
    }
    // Beside a baseline what was there before does not fail.
    let worst = match &against {
        Some(against) => against
            .new
            .iter()
            .map(|at| audit.findings[*at].severity)
            .max(),
        None => audit.worst(),
    };
    let fails = options.fail_on.is_some_and(|least| worst >= Some(least));
    Ok(if fails { ASSERTION_FAILED } else { 0 })
}

/// What is predicted of an audit.
fn planned(
    options: &AuditOptions,
    audit: &Audit,
    situations: &Situations,
) -> Result<Plan, RunError> {
    let workers = Workers::new(threads(options))?;
    let stop = stop_on_interrupt(None);
    let progress = Progress::shown(!options.quiet, "replications", 0);
    let making = Making {
        workers: &workers,
        stop: &stop,
        progress: &|done, planned| progress.at(done, planned),
        objective: options.objective,
        margins: options.edge,
    };
    let plan = Plan::of(audit, situations, &making)?;
    progress.finish();
    Ok(plan)
}

/// Writes an audit in all its formats, and the run of the site where most is lost: the policy
/// that was read beside the best change.
fn write(view: View<'_>, out: &Path, options: &AuditOptions) -> Result<PathBuf, RunError> {
    let workers = Workers::new(threads(options))?;
    let directory = RunDir::prepare(out, "audit")?;
    let files = [
        ("audit.md", markdown(view)),
        ("audit.json", pretty(&json(view))),
        ("audit.sarif", pretty(&sarif(view))),
    ];
    for (name, text) in &files {
        directory.write(name, |file| file.write_all(text.as_bytes()))?;
    }
    let Some(scenario) = view.plan.and_then(Plan::worst) else {
        // What says that the directory is herdsim's, and may be replaced.
        let text = format!("{MARK}: an audit without a run.\n");
        directory.write("scenario.toml", |file| file.write_all(text.as_bytes()))?;
        return Ok(directory.commit()?);
    };
    let context = Context {
        workers: &workers,
        watch: Watch::default(),
        charts: true,
        before: None,
        measured: None,
    };
    let mut finished = run::simulate(&Job::Herd(scenario), &context)?;
    finished.story.tables.extend(tables(view));
    Ok(finished.write(directory, Pens::new(&workers))?.directory)
}

/// As many threads as were asked for.
fn threads(options: &AuditOptions) -> usize {
    options.threads.map_or_else(all_threads, usize::from).max(1)
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// Prints what a rule says of itself.
pub fn rule(options: &ExplainOptions) -> Result<u8, RunError> {
    let ids = crate::audit::rules::RULES
        .iter()
        .map(|(rule, doc, _)| (rule.id(), doc.title, doc.severity));
    let Some(wanted) = &options.rule else {
        let lines = ids.map(|(id, title, severity)| format!("{id}  {title} ({severity})\n"));
        print(lines.collect::<String>().as_bytes())?;
        return Ok(0);
    };
    match explain(wanted) {
        Some(text) => {
            print(text.as_bytes())?;
            Ok(0)
        }
        None => {
            let known: Vec<&str> = ids.map(|(id, ..)| id).collect();
            let problem = Problem::new(format!("there is no rule `{wanted}`"));
            Err(problem.help(suggest(&wanted.to_uppercase(), &known)).into())
        }
    }
}
