//! The documents and charts of runs, made again from their files.

use std::path::Path;

use herdsim_core::scenario::sweep::Grid;
use herdsim_core::scenario::{Job, JobKind, Problem};

use crate::chart::{self, Chart};
use crate::judge::baseline;
use crate::output::load::LoadError;
use crate::output::run_dir::RunDir;
use crate::output::{csv, load, sweep as cells};
use crate::report::{self, Part, Story};
use crate::run::{
    Pens, Ruled, RunError, Written, directory_of, read, read_assertions, read_baseline,
    write_charts, write_documents,
};
use crate::study;
use herdsim_words::results::Table;
use herdsim_words::verdict::sweep::SweepResults;

/// A run or sweep read back.
pub struct Rebuilt {
    /// What it is called in a report of several.
    pub name: String,
    pub story: Story,
    pub charts: Vec<Chart>,
    /// Nothing for a sweep, whose cells are not compared.
    pub table: Option<Table>,
    /// What a person should know of it: what its files lack, say.
    pub notes: Vec<String>,
    /// What became of conditions.
    pub rulings: Vec<Ruled>,
}

/// Reads a run or sweep back, of whatever kind, and compares it with an earlier run.
///
/// # Errors
/// What is missing or cannot be meant.
pub fn rebuild(
    directory: &Path,
    against: Option<&Path>,
    assertions: &[String],
) -> Result<Rebuilt, RunError> {
    let overlay = load::overlay(directory)?;
    if directory.join("edge.csv").exists() {
        return Err(LoadError::Run {
            path: directory.to_path_buf(),
            reason: "is what `herdsim edge` found: its charts come with it, \
                     `herdsim edge scenario.toml` finds it again"
                .to_string(),
        }
        .into());
    }
    let name = directory.display().to_string();
    if overlay.has_sweep() {
        if against.is_some() || !assertions.is_empty() {
            let problem = Problem::new("--baseline and --assert go with a run, not with a sweep");
            return Err(problem.into());
        }
        let scenario = read(&directory.join("scenario.toml"))?;
        let grid = Grid::from_overlay(overlay, JobKind::Herd, &[])?;
        let base = grid.base()?;
        let results = sweep(directory, &grid, &base)?;
        let charts = chart::sweep(&results)?;
        return Ok(Rebuilt {
            name,
            story: Story {
                absent: charts.absent.clone(),
                ..report::sweep::story(&results, &scenario)
            },
            charts: charts.drawn,
            table: None,
            notes: charts.absent,
            rulings: Vec::new(),
        });
    }
    let job = Job::from_overlay(&overlay, JobKind::Herd)?;
    let conditions = overlay.conditions();
    let assertions = read_assertions(&job, conditions, assertions, against.is_some())?;
    let baseline = against
        .map(|path| read_baseline(&job, path, baseline::NOISE))
        .transpose()?;
    let before = against.and_then(directory_of);
    let mut finished = study::of(&job).load(directory, before)?;
    finished.keep(conditions);
    let rulings = finished.judge(&assertions, baseline.as_ref(), true)?;
    Ok(Rebuilt {
        name,
        story: finished.story,
        charts: finished.charts,
        table: Some(finished.table),
        notes: finished.notes,
        rulings,
    })
}

/// The cells of a sweep in a directory.
fn sweep<'g>(
    directory: &Path,
    grid: &'g Grid,
    base: &'g Job,
) -> Result<SweepResults<'g>, RunError> {
    let kind = study::of(base);
    let (manner, columns) = (kind.manner(), kind.columns());
    let header = csv::header(manner, &columns);
    let results = SweepResults::new((grid, base), manner, &columns, &header, study::pressure);
    let due = |index| match grid.job(index) {
        Ok(job) => study::of(&job).cells(),
        Err(_) => Vec::new(),
    };
    Ok(cells::load(directory, results, &header, due)?)
}

/// Several runs as one story, those of its kind against the first.
pub fn together(runs: Vec<Rebuilt>, out: &Path) -> (Story, Vec<Part>) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    let mut story = Story {
        title: match runs.len() {
            0 | 1 => names.concat(),
            2 => format!("{} compared with {}", names[1], names[0]),
            n => format!("{} runs compared with {}", n - 1, names[0]),
        },
        method: "Rebuilt from the files of the runs; changes with 95% intervals, the runs taken \
                 as independent."
            .to_string(),
        command: format!(
            "herdsim report {} --out {}",
            names
                .iter()
                .map(|n| quoted(n))
                .collect::<Vec<_>>()
                .join(" "),
            quoted(&out.display().to_string())
        ),
        ..Story::default()
    };
    let first = &runs[0];
    for (i, run) in runs.iter().enumerate() {
        story
            .summary
            .push(format!("{}: {}.", run.name, run.story.title));
        let compared = match (&first.table, &run.table) {
            (Some(before), Some(now)) if now.manner.kind == before.manner.kind && i > 0 => {
                Some(baseline::compare(&first.name, before, now, baseline::NOISE))
            }
            _ if i > 0 => {
                let why = match (&run.table, &first.table) {
                    (Some(_), Some(_)) => "is of another kind",
                    _ => "is compared as it stands: cells of sweeps are not",
                };
                story.summary.push(format!("{} {why}.", run.name));
                None
            }
            _ => None,
        };
        if let Some(comparison) = compared {
            story
                .summary
                .push(format!("{}: {}.", run.name, comparison.verdict));
            if comparison.changes.is_empty() {
                continue;
            }
            let mut table = comparison.table();
            table.caption = format!("{} against {}", run.name, first.name);
            story.tables.push(table);
        }
    }
    let mut parts = Vec::new();
    for (i, run) in runs.into_iter().enumerate() {
        if let Some(mut table) = run.story.tables.into_iter().next() {
            table.caption.clone_from(&run.name);
            story.tables.push(table);
        }
        story.parameters.extend(
            run.story
                .parameters
                .into_iter()
                .map(|(name, text)| (format!("{}: {name}", run.name), text)),
        );
        // Charts of the same name are told apart by the run's number.
        let charts = run.charts.into_iter().map(|chart| Chart {
            name: format!("{}-{}", i + 1, chart.name),
            ..chart
        });
        parts.push(Part {
            heading: run.name,
            charts: charts.collect(),
        });
    }
    (story, parts)
}

/// A path as a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:@%".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path.to_string(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// Documents and charts into a directory, none before all are made.
///
/// # Errors
/// What cannot be written, or drawn, or a stop before that.
pub fn write(
    directory: RunDir,
    story: &Story,
    parts: &[Part],
    pens: Pens<'_>,
) -> Result<Written, RunError> {
    let charts: Vec<&Chart> = parts.iter().flat_map(|part| &part.charts).collect();
    let mut names = Vec::new();
    write_charts(&charts, pens, &directory, &mut names)?;
    write_documents(story, parts, &directory, &mut names)?;
    if pens.is_stopped() {
        return Err(RunError::Stopped);
    }
    Ok(Written {
        directory: directory.add()?,
        names,
    })
}
