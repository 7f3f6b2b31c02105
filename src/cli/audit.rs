//! `herdsim audit` and `herdsim explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use herdsim_core::scenario::Problem;
use herdsim_core::value::suggest;

use crate::audit::read::Format;
use crate::audit::rule::Severity;
use crate::audit::site::Seam;
use crate::audit::{Audit, Request, explain, json, markdown, sarif, scenario, screen};
use crate::cli::run::print;
use crate::run::ASSERTION_FAILED;
use crate::run::RunError;

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
    let request = Request {
        paths: options.paths.clone(),
        format: options.taken_for,
        only: options.only,
    };
    let audit = Audit::of(&request)?;
    if let Some(wanted) = &options.scenario {
        let wanted = Some(wanted.as_str()).filter(|w| !w.is_empty());
        print(scenario(&audit, wanted)?.as_bytes())?;
        return Ok(0);
    }
    let text = match options.format {
        Output::Text => screen(&audit, 100, options.verbose),
        Output::Json => pretty(&json(&audit)),
        Output::Markdown => markdown(&audit),
        Output::Sarif => pretty(&sarif(&audit)),
    };
    print(text.as_bytes())?;
    let fails = options
        .fail_on
        .is_some_and(|least| audit.worst() >= Some(least));
    Ok(if fails { ASSERTION_FAILED } else { 0 })
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
