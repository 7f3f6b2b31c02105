//! `herdsim sweep`, `--vary`, `herdsim merge`: grids of cells.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use herdsim_core::ensemble::Workers;
use herdsim_core::scenario::sweep::{Grid, MOST_CELLS};
use herdsim_core::scenario::{JobKind, Node, Overlay, Problem};

use crate::chart::theme::Theme;
use crate::cli::options::{Common, Format, all_threads};
use crate::cli::progress::Progress;
use crate::cli::run::{self, note, print, stop_on_interrupt};
use crate::output::csv;
use crate::output::run_dir::RunDir;
use crate::run::sweep::{Swept, Whole, check_written, cost};
use crate::run::{INTERRUPTED, Pens, RunError, read};
use crate::study;
use crate::sweep;
use crate::sweep::checkpoint::{CELLS, Checkpoint};
use crate::sweep::shard::Shard;
use crate::sweep::written::scenario_text;
use herdsim_words::format::{bytes, counted, large, seconds, thousands};

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
pub fn run(overlay: Overlay, kind: JobKind, common: &Common) -> Result<u8, RunError> {
    let shard = match &common.shard {
        None => Shard::WHOLE,
        Some(text) => Shard::parse(text, |name| std::env::var(name).ok())?,
    };
    if common.parquet && !cfg!(feature = "parquet") {
        return Err(RunError::NoParquet);
    }
    let conditions = overlay.conditions().to_vec();
    let grid = Grid::from_overlay(overlay, kind, &common.vary)?;
    // Lists of N, R, W and t are one scenario.
    if grid.axes.is_empty() && !common.dry_run {
        let base = grid.base()?;
        if study::of(&base).manner().lists_cells {
            return run::run(&base, &conditions, common);
        }
    }
    if grid.axes.is_empty() && !common.dry_run {
        let problem = Problem::new("there is no axis to sweep");
        return Err(problem
            .help("a table [sweep] has axes, and so has --vary; `herdsim run` runs it as it is")
            .into());
    }
    if !conditions.is_empty() && !common.quiet {
        note("note: the conditions of [assert] are on a run, and no cell is held to them");
    }
    if let Some(text) = common.assertions.first() {
        let place = Node::from_flag("--assert", text).place;
        let problem = Problem::new("--assert judges a run, not the cells of a sweep");
        return Err(problem.at(Some(place)).into());
    }
    for (flag, given) in [
        ("--baseline", common.baseline.as_ref()),
        ("--junit", common.junit.as_ref()),
        ("--overlay", common.overlay.as_ref()),
    ] {
        if let Some(path) = given {
            let place = Node::from_flag(flag, &path.display().to_string()).place;
            let problem = Problem::new(format!("{flag} goes with a run, not with a sweep"));
            return Err(problem.at(Some(place)).into());
        }
    }
    if grid.cells() > MOST_CELLS && !common.yes {
        return Err(RunError::TooManyCells(grid.cells()));
    }
    grid.check()?;
    let base = grid.base()?;
    let scenario = scenario_text(&grid, &base);
    check_written(&grid, &base, &scenario)?;
    let cells = grid.cells() as u64;
    let threads = common.threads();
    let mine = (0..cells).filter(|i| shard.owns(*i)).count() as u64;
    let limits = common.limits()?;
    let held = (!common.dry_run).then_some(&limits);
    let share = mine as f64 / cells as f64;
    let cost = cost(&grid, share, threads, !common.no_charts, held)?;
    if common.dry_run {
        let time = cost.events / EVENTS_PER_S / threads as f64;
        let what = match grid.axes.len() {
            0 => "one run".to_string(),
            1 => format!("{} on 1 axis", counted(&thousands(mine as f64), "cell")),
            n => format!("{} on {n} axes", counted(&thousands(mine as f64), "cell")),
        };
        let text = format!(
            "{what}; about {} events, {} on {threads} threads, {} of memory\n",
            large(cost.events),
            seconds(time),
            bytes(cost.bytes),
        );
        print(text.as_bytes())?;
        return Ok(0);
    }
    run::hold(cost, &limits, common)?;
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
    let kind = study::of(&base);
    let columns = csv::header(kind.manner(), &kind.columns()).len();
    let checkpoint = Checkpoint::open(&directory, &scenario, cells, columns)?;
    let before = checkpoint.done.iter().filter(|done| **done).count() as u64;
    if checkpoint.damaged > 0 {
        let lines = counted(&thousands(checkpoint.damaged as f64), "line");
        note(&format!(
            "warning: {lines} of `{}` cannot be read: the cells run again",
            directory.join(CELLS).display()
        ));
    }
    if before > 0 && !common.quiet {
        note(&format!("going on after {before} of {mine} cells"));
    }
    let workers = Workers::new(threads)?;
    let stop = stop_on_interrupt(None);
    let progress = Progress::new(common, "cells", before);
    let finished = AtomicU64::new(before);
    sweep::run(
        &grid,
        shard,
        &checkpoint.done,
        &workers,
        &stop,
        |index, rows| {
            checkpoint.record(index, rows);
            // A disk that takes no more ends the sweep.
            if !checkpoint.is_writing() {
                stop.store(true, Ordering::Relaxed);
            }
            progress.at(finished.fetch_add(1, Ordering::Relaxed) + 1, mine);
        },
    )?;
    progress.finish();
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
    };
    let pens = Pens {
        workers: &workers,
        theme: common.theme(),
        stop: &stop,
    };
    let swept = whole.write(std::slice::from_ref(&directory), pens)?;
    // What it held is in the results now.
    let _ = std::fs::remove_dir_all(&directory);
    tell(&swept, common.format, common.quiet)?;
    if let (true, Some((least, most))) = (common.verbose, swept.replications) {
        let [least, most] = [least, most].map(|n| thousands(n as f64));
        note(&match least == most {
            true => format!("{most} replications a cell"),
            false => format!("{least} to {most} replications a cell"),
        });
    }
    Ok(0)
}

/// The results on standard output, in the format asked for.
fn tell(swept: &Swept, format: Format, quiet: bool) -> Result<(), RunError> {
    for line in swept.absent.iter().filter(|_| !quiet) {
        note(line);
    }
    match format {
        Format::Text => print(swept.text.as_bytes())?,
        Format::Markdown => print(swept.markdown.as_bytes())?,
        Format::Json => print(swept.json.as_bytes())?,
        Format::Csv => {
            // As long as it is: it was written just now.
            let path = swept.written.directory.join("summary.csv");
            let summary = std::fs::read(&path).map_err(|e| RunError::Unreadable {
                path,
                reason: e.to_string(),
            })?;
            print(&summary)?;
        }
    }
    if !quiet {
        note(&format!("wrote {}", swept.written));
    }
    Ok(())
}

/// Events a second and thread, for an estimate of time.
const EVENTS_PER_S: f64 = 15e6;

/// Puts shards together and returns the exit status.
pub fn merge(options: &MergeOptions) -> Result<u8, RunError> {
    if options.parquet && !cfg!(feature = "parquet") {
        return Err(RunError::NoParquet);
    }
    let first = &options.shards[0];
    let path = first.join("scenario.toml");
    let scenario = read(&path)?;
    for other in &options.shards[1..] {
        let text = read(&other.join("scenario.toml"))?;
        if text != scenario {
            let differing = scenario.lines().zip(text.lines()).find(|(a, b)| a != b);
            return Err(RunError::Shards {
                first: first.clone(),
                path: other.clone(),
                reason: match differing {
                    Some((a, b)) => format!("`{a}` there, `{b}` here"),
                    None => "one has more to it".to_string(),
                },
            });
        }
    }
    let mut overlay = Overlay::default();
    overlay.file(&path.display().to_string(), &scenario)?;
    let grid = Grid::from_overlay(overlay, JobKind::Herd, &[])?;
    let base = grid.base()?;
    if scenario_text(&grid, &base) != scenario {
        return Err(RunError::Shards {
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
    };
    let pens = Pens {
        workers: &Workers::new(all_threads())?,
        theme: Theme::Light,
        stop: &stop_on_interrupt(None),
    };
    let swept = whole.write(&options.shards, pens)?;
    tell(&swept, Format::Text, options.quiet)?;
    Ok(0)
}
