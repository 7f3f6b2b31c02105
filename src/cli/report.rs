//! `herdsim report`: the documents and charts of runs, made again from their files.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::chart::{self, Chart};
use crate::cli::failure::Failure;
use crate::cli::options::{Ground, read};
use crate::cli::run::{
    ASSERTION_FAILED, Finished, note, pool, rasterised, read_assertions, read_baseline,
    read_before, rule,
};
use crate::cli::{fence, herd, quorum, saga};
use crate::output::assertion::Judged;
use crate::output::baseline;
use crate::output::{fence as failovers, restore, saga as compensations};
use crate::report::{self, Part, Story};
use crate::scenario::sweep::Grid;
use crate::scenario::{Job, JobKind, Problem};

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

/// A run or sweep read back.
struct Rebuilt {
    /// What it is called in a report of several.
    name: String,
    kind: JobKind,
    story: Story,
    charts: Vec<Chart>,
    /// Nothing for a sweep, whose cells are not compared.
    judged: Option<Box<dyn Judged>>,
    /// Whether every condition holds.
    held: bool,
}

/// Writes the documents and returns the exit status.
pub fn make(options: &ReportOptions) -> Result<u8, Failure> {
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
    let rebuilt = options
        .runs
        .iter()
        .map(|directory| rebuild(directory, options));
    let runs: Vec<Rebuilt> = rebuilt.collect::<Result<_, _>>()?;
    let held = runs.iter().all(|run| run.held);
    let (directory, story, parts) = match (runs.len(), &options.runs[..]) {
        (1, [directory]) => {
            let only = runs.into_iter().next().unwrap_or_else(|| unreachable!());
            (directory, only.story, vec![Part::of(only.charts)])
        }
        _ => {
            let (story, parts) = together(runs, options);
            (&options.out, story, parts)
        }
    };
    write(directory, &story, &parts, options)?;
    Ok(if held { 0 } else { ASSERTION_FAILED })
}

/// Reads a run or sweep back, of whatever kind.
fn rebuild(directory: &Path, options: &ReportOptions) -> Result<Rebuilt, Failure> {
    let against = options.baseline.as_deref();
    let layers = restore::layers(directory)?;
    let name = directory.display().to_string();
    if layers.has_sweep() {
        if against.is_some() || !options.assertions.is_empty() {
            let problem = Problem::new("--baseline and --assert go with a run, not with a sweep");
            return Err(problem.into());
        }
        let scenario = read(&directory.join("scenario.toml"))?;
        let grid = Grid::from_layers(layers, JobKind::Herd, &[])?;
        let base = grid.base()?;
        let atlas = restore::atlas(directory, &grid, &base)?;
        return Ok(Rebuilt {
            name,
            kind: base.kind(),
            story: report::sweep::story(&atlas, &scenario),
            charts: chart::sweep(&atlas)?,
            judged: None,
            held: true,
        });
    }
    let job = Job::from_layers(&layers, JobKind::Herd)?;
    let assertions = read_assertions(&job, &options.assertions, against.is_some())?;
    let earlier = read_baseline(&job, against)?;
    let before = read_before(&job, against);
    let mut finished: Finished = match &job {
        Job::Herd(scenario) => {
            let results = restore::herd(directory, scenario.clone())?;
            let charts = chart::herd(&results, before.as_ref())?;
            herd::told(results, charts)?
        }
        Job::Fence(scenario) => {
            let tried = restore::trials(directory, failovers::blank(scenario))?;
            fence::told(scenario, tried.figures, tried.example, tried.curves).finish()?
        }
        Job::Saga(scenario) => {
            let tried = restore::trials(directory, compensations::blank(scenario))?;
            saga::told(scenario, tried.figures, tried.example, tried.curves).finish()?
        }
        Job::Quorum(scenario) => quorum::told(&restore::quorum(directory, scenario)?, true)?,
    };
    let rulings = finished.judge(&assertions, earlier.as_ref(), true)?;
    Ok(Rebuilt {
        held: rule(&rulings),
        name,
        kind: job.kind(),
        story: finished.story,
        charts: finished.charts,
        judged: Some(finished.judged),
    })
}

/// Several runs as one story, those of its kind against the first.
fn together(runs: Vec<Rebuilt>, options: &ReportOptions) -> (Story, Vec<Part>) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    let mut story = Story {
        title: format!("{} runs compared with {}", runs.len(), names[0]),
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
            quoted(&options.out.display().to_string())
        ),
        ..Story::default()
    };
    let first = &runs[0];
    for (i, run) in runs.iter().enumerate() {
        story
            .summary
            .push(format!("{}: {}.", run.name, run.story.title));
        let compared = match (&first.judged, &run.judged) {
            (Some(before), Some(now)) if run.kind == first.kind && i > 0 => {
                let (before, now) = (before.as_ref(), now.as_ref());
                Some(baseline::compare(run.kind, &first.name, before, now))
            }
            _ if i > 0 => {
                let why = match (&run.judged, &first.judged) {
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

/// Documents and charts into a directory, each file whole or not at all.
fn write(
    directory: &Path,
    story: &Story,
    parts: &[Part],
    options: &ReportOptions,
) -> Result<(), Failure> {
    let unwritable = |path: &Path, e: std::io::Error| Failure::Unwritable {
        path: path.to_path_buf(),
        reason: e.to_string(),
    };
    std::fs::create_dir_all(directory).map_err(|e| unwritable(directory, e))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = directory.join(name);
        let temporary = directory.join(format!(".{name}.new"));
        let done = std::fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| std::fs::rename(&temporary, &path));
        done.map_err(|e| unwritable(&path, e))
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let theme = options.theme.theme();
    let charts: Vec<&Chart> = parts.iter().flat_map(|part| &part.charts).collect();
    let mut names = Vec::new();
    for (chart, png) in rasterised(charts, theme, &pool(threads)?)? {
        put(&format!("{}.png", chart.name), &png)?;
        put(&format!("{}.svg", chart.name), chart.svg.as_bytes())?;
        names.push(format!("{}.png and .svg", chart.name));
    }
    put("postmortem.md", report::markdown(story, parts).as_bytes())?;
    put("report.html", report::html(story, parts).as_bytes())?;
    names.extend(["postmortem.md", "report.html"].map(String::from));
    note(&format!(
        "wrote {}: {}",
        directory.display(),
        names.join(", ")
    ));
    Ok(())
}
