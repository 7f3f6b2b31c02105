//! `herdsim sweep`, `--vary`, `herdsim merge`: grids of cells.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;

use crate::chart;
use crate::chart::theme::Theme;
use crate::cli::failure::Failure;
use crate::cli::options::{Common, Format, read};
use crate::cli::run::{
    self, INTERRUPTED, note, pool, print, progress_bar, stop_on_interrupt, write_charts,
    write_documents,
};
use crate::ensemble::cost::Cost;
use crate::output::grid::{Atlas, header};
use crate::output::run_dir::RunDir;
use crate::output::words::{bytes, large, seconds, thousands};
use crate::output::{scenario_file, table};
use crate::report::{self, Part};
use crate::scenario::sweep::{Grid, MOST_CELLS};
use crate::scenario::{Job, JobKind, Layers, Node, Problem};
use crate::sweep;
use crate::sweep::assemble::{Assembly, Summary};
use crate::sweep::checkpoint::{CELLS, Checkpoint};
use crate::sweep::shard::Shard;

#[derive(Args, Debug)]
pub struct MergeOptions {
    /// Directories of the shards
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,
    /// Where the whole goes: a directory DIR/NAME
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Leave the charts out
    #[arg(long)]
    no_charts: bool,
    /// Write summary.parquet as well (needs a herdsim built with --features parquet)
    #[arg(long)]
    parquet: bool,
    /// No list of files
    #[arg(long, short)]
    quiet: bool,
}

/// Runs a grid and returns the exit status.
pub fn run(layers: Layers, kind: JobKind, common: &Common) -> Result<u8, Failure> {
    let shard = match &common.shard {
        None => Shard::WHOLE,
        Some(text) => {
            Shard::parse(text, |name| std::env::var(name).ok()).map_err(Failure::Shard)?
        }
    };
    if common.parquet && !cfg!(feature = "parquet") {
        return Err(Failure::NoParquet);
    }
    let grid = Grid::from_layers(layers, kind, &common.vary)?;
    // Lists of N, R, W and t are one scenario.
    if grid.axes.is_empty() && grid.kind == JobKind::Quorum && !common.dry_run {
        return run::run(&grid.base()?, common);
    }
    if let Some(text) = common.assertions.first() {
        let place = Node::from_flag("--assert", text).place;
        let problem = Problem::new("--assert judges a run, not the cells of a sweep");
        return Err(problem.at(Some(place)).into());
    }
    for (flag, given) in [
        ("--baseline", common.baseline.as_ref()),
        ("--junit", common.junit.as_ref()),
    ] {
        if let Some(path) = given {
            let place = Node::from_flag(flag, &path.display().to_string()).place;
            let problem = Problem::new(format!("{flag} goes with a run, not with a sweep"));
            return Err(problem.at(Some(place)).into());
        }
    }
    if grid.cells() > MOST_CELLS && !common.yes {
        return Err(Failure::TooManyCells(grid.cells()));
    }
    grid.check()?;
    let base = grid.base()?;
    let scenario = scenario_text(&grid, &base);
    check_written(&grid, &scenario)?;
    let cells = grid.cells() as u64;
    let threads = common.threads();
    let mine = (0..cells).filter(|i| shard.owns(*i)).count() as u64;
    let mut cost = cost(&grid, cells, threads)?;
    cost.events *= mine as f64 / cells as f64;
    if common.dry_run {
        let time = cost.events / EVENTS_PER_S / threads as f64;
        let text = format!(
            "{} cells on {} {}; up to {} events, {} on {threads} threads, {} of memory\n",
            thousands(mine as f64),
            grid.axes.len(),
            if grid.axes.len() == 1 { "axis" } else { "axes" },
            large(cost.events),
            seconds(time),
            bytes(cost.bytes),
        );
        print(text.as_bytes())?;
        return Ok(0);
    }
    if !cost.is_within_reach() && !common.yes {
        return Err(Failure::OutOfReach(cost));
    }
    let name = match shard {
        Shard::WHOLE => base.name().to_string(),
        part => format!("{}.shard-{}-of-{}", base.name(), part.index, part.of),
    };
    // Refuses a directory that is not ours before anything is simulated.
    drop(RunDir::prepare(&common.out, &name)?);
    let directory = common.out.join(format!(".{name}.sweep"));
    if common.restart {
        Checkpoint::discard(&directory)?;
    }
    let checkpoint = Checkpoint::open(&directory, &scenario, cells)?;
    let before = checkpoint.done.iter().filter(|done| **done).count() as u64;
    if before > 0 && !common.quiet {
        note(&format!("going on after {before} of {mine} cells"));
    }
    let pool = pool(threads)?;
    let stop = stop_on_interrupt(None);
    let bar = progress_bar(common, "cells");
    bar.set_length(mine);
    let finished = AtomicU64::new(before);
    sweep::run(
        &grid,
        shard,
        &checkpoint.done,
        &pool,
        &stop,
        |index, rows| {
            checkpoint.record(index, rows);
            // A disk that takes no more ends the sweep.
            if !checkpoint.is_writing() {
                stop.store(true, Ordering::Relaxed);
            }
            bar.set_position(finished.fetch_add(1, Ordering::Relaxed) + 1);
        },
    )?;
    bar.finish_and_clear();
    let directory = checkpoint.close()?;
    let done = finished.into_inner();
    if done < mine {
        note(&format!(
            "interrupted: {done} of {mine} cells are done, the same command goes on"
        ));
        return Ok(INTERRUPTED);
    }
    let whole = Whole {
        grid: &grid,
        base: &base,
        scenario: &scenario,
        shard,
        name: &name,
        out: &common.out,
        charts: !common.no_charts,
        parquet: common.parquet,
        format: common.format,
        quiet: common.quiet,
        theme: common.theme(),
    };
    whole.write(std::slice::from_ref(&directory), &pool)?;
    // What it held is in the results now.
    let _ = std::fs::remove_dir_all(&directory);
    Ok(0)
}

/// Events a second and thread, for an estimate of time.
const EVENTS_PER_S: f64 = 15e6;

/// The cost of all cells, from a sample of them where there are many.
fn cost(grid: &Grid, cells: u64, threads: usize) -> Result<Cost, Failure> {
    const SAMPLE: u64 = 500;
    let step = cells.div_ceil(SAMPLE).max(1);
    let mut total = Cost {
        events: 0.0,
        bytes: 0.0,
    };
    for index in (0..cells).step_by(step as usize) {
        let cost = Cost::of_job(&grid.job(index)?, threads);
        total.events += cost.events * step as f64;
        total.bytes = total.bytes.max(cost.bytes);
    }
    Ok(total)
}

/// Sees to it that what is written down sweeps again to the same cells: a preset, say,
/// has become fields that a value of its own axis no longer changes.
fn check_written(grid: &Grid, scenario: &str) -> Result<(), Failure> {
    let mut layers = Layers::default();
    layers.file("scenario.toml", scenario)?;
    let again = Grid::from_layers(layers, JobKind::Herd, &[]);
    for (axis, place) in grid.corners() {
        let same = again
            .as_ref()
            .is_ok_and(|again| again.at(&place).ok() == grid.at(&place).ok());
        if !same {
            let problem = Problem::new(format!(
                "the axis `{}` changes what other fields stand for",
                grid.axes[axis].name()
            ));
            return Err(problem
                .at(grid.axes[axis].place())
                .help("vary the fields themselves: ttl and renew, say, in place of a preset")
                .into());
        }
    }
    Ok(())
}

/// The scenario with every field and every value of every axis spelled out.
fn scenario_text(grid: &Grid, base: &Job) -> String {
    let text = match base {
        Job::Herd(scenario) => scenario_file(scenario),
        Job::Fence(scenario) => scenario_file(scenario),
        Job::Saga(scenario) => scenario_file(scenario),
        Job::Quorum(scenario) => scenario_file(scenario),
    };
    text + &grid.to_toml()
}

/// A complete sweep, or shard, about to be written.
struct Whole<'w> {
    grid: &'w Grid,
    base: &'w Job,
    scenario: &'w str,
    shard: Shard,
    name: &'w str,
    out: &'w Path,
    charts: bool,
    parquet: bool,
    format: Format,
    quiet: bool,
    theme: Theme,
}

impl Whole<'_> {
    /// `summary.parquet` beside `summary.csv`.
    #[cfg(feature = "parquet")]
    fn write_parquet(&self, directory: &Path) -> Result<(), Failure> {
        // The axes, and the policy, guard or key mode.
        let texts = self.grid.columns().len() + 1;
        let (csv, parquet) = (
            directory.join("summary.csv"),
            directory.join("summary.parquet"),
        );
        crate::output::parquet::of_summary(&csv, texts, &parquet)
            .map_err(|e| Failure::Parquet(e.to_string()))
    }

    #[cfg(not(feature = "parquet"))]
    fn write_parquet(&self, _: &Path) -> Result<(), Failure> {
        Err(Failure::NoParquet)
    }

    /// Writes the directory of results from the records in some others, and tells.
    fn write(&self, records: &[PathBuf], pool: &rayon::ThreadPool) -> Result<(), Failure> {
        let cells = self.grid.cells() as u64;
        let mut assembly = Assembly::of(records, cells, self.shard)?;
        let directory = RunDir::prepare(self.out, self.name)?;
        directory.write("scenario.toml", |out| {
            out.write_all(self.scenario.as_bytes())
        })?;
        let header = header(self.base);
        let mut atlas = Atlas::new(self.grid, self.base, &header);
        let mut failed = None;
        directory.write(CELLS, |log| {
            directory
                .write("summary.csv", |out| {
                    let mut summary = Summary::begin(self.grid, &header, out)?;
                    let each = assembly.each(|index, record, rows| {
                        log.write_all(record.as_bytes())?;
                        atlas.cell(index, &rows);
                        summary.cell(index, &rows)
                    });
                    failed = each.err();
                    Ok(())
                })
                .map_err(std::io::Error::other)
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        if self.parquet {
            self.write_parquet(directory.temporary())?;
        }
        let json = atlas.json();
        directory.write("result.json", |out| out.write_all(json.as_bytes()))?;
        let mut names: Vec<String> = ["scenario.toml", CELLS, "summary.csv", "result.json"]
            .map(String::from)
            .to_vec();
        if self.parquet {
            names.push("summary.parquet".to_string());
        }
        let mut drawn = Vec::new();
        if self.charts && self.shard == Shard::WHOLE {
            let charts = chart::sweep(&atlas)?;
            if charts.is_empty() && !self.quiet {
                note(
                    "no chart: a map has two axes, or three of which the first has up to six values",
                );
            }
            write_charts(&charts, self.theme, &directory, pool, &mut names)?;
            drawn = charts;
        }
        if self.shard == Shard::WHOLE {
            let story = report::sweep::story(&atlas, self.scenario);
            write_documents(&story, Part::of(drawn), &directory, &mut names)?;
        }
        let summary = match self.format {
            Format::Csv => Some(directory.temporary().join("summary.csv")),
            _ => None,
        };
        let out = match (self.format, summary) {
            (Format::Csv, Some(path)) => read(&path)?,
            (Format::Json, _) => json,
            (Format::Markdown, _) => format!(
                "{}\n\n{}",
                atlas.verdict(),
                table::piped(&atlas.headers(), &atlas.rows())
            ),
            _ => format!(
                "{}\n{}",
                table::wrapped(&atlas.verdict()),
                table::aligned(&atlas.headers(), &atlas.rows())
            ),
        };
        let target = directory.commit()?;
        print(out.as_bytes())?;
        if !self.quiet {
            note(&format!("wrote {}: {}", target.display(), names.join(", ")));
        }
        Ok(())
    }
}

/// Puts shards together and returns the exit status.
pub fn merge(options: &MergeOptions) -> Result<u8, Failure> {
    if options.parquet && !cfg!(feature = "parquet") {
        return Err(Failure::NoParquet);
    }
    let first = &options.shards[0];
    let path = first.join("scenario.toml");
    let scenario = read(&path)?;
    for other in &options.shards[1..] {
        let text = read(&other.join("scenario.toml"))?;
        if text != scenario {
            let differing = scenario.lines().zip(text.lines()).find(|(a, b)| a != b);
            return Err(Failure::Shards {
                first: first.clone(),
                path: other.clone(),
                reason: match differing {
                    Some((a, b)) => format!("`{a}` there, `{b}` here"),
                    None => "one has more to it".to_string(),
                },
            });
        }
    }
    let mut layers = Layers::default();
    layers.file(&path.display().to_string(), &scenario)?;
    let grid = Grid::from_layers(layers, JobKind::Herd, &[])?;
    let base = grid.base()?;
    if scenario_text(&grid, &base) != scenario {
        return Err(Failure::Shards {
            first: first.clone(),
            path: path.clone(),
            reason: "it was written by another version, or changed since".to_string(),
        });
    }
    let whole = Whole {
        grid: &grid,
        base: &base,
        scenario: &scenario,
        shard: Shard::WHOLE,
        name: base.name(),
        out: &options.out,
        charts: !options.no_charts,
        parquet: options.parquet,
        format: Format::Text,
        quiet: options.quiet,
        theme: Theme::Light,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    whole.write(&options.shards, &pool(threads)?)?;
    Ok(0)
}
