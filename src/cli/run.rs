//! `herdsim` and `herdsim run FILE`: simulate, write, tell.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::chart::{self, Chart};
use crate::cli::failure::Failure;
use crate::cli::options::{Format, Options};
use crate::ensemble::cost::Cost;
use crate::ensemble::herd::{self, Results};
use crate::output::assertion::{Assertion, Ruling};
use crate::output::run_dir::RunDir;
use crate::output::words::large;
use crate::output::{csv, json, scenario_file, table, verdict};
use crate::scenario::{Layers, Node, Problem, Scenario};

const INTERRUPTED: u8 = 130;
const ASSERTION_FAILED: u8 = 3;

/// Runs a scenario file, or the default scenario, and returns the exit status.
pub fn run(options: &Options, file: Option<&Path>) -> Result<u8, Failure> {
    let mut layers = Layers::default();
    if let Some(path) = file {
        layers.file(&path.display().to_string(), &read(path)?)?;
    }
    options.apply(&mut layers)?;
    let scenario = Scenario::from_layers(&layers)?;
    let assertions = read_assertions(options, &scenario)?;
    let threads = match options.threads {
        Some(n) => usize::from(n),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let cost = Cost::of(&scenario, threads);
    if !cost.is_within_reach() && !options.yes {
        return Err(Failure::OutOfReach(cost));
    }
    let directory = RunDir::prepare(&options.out, &scenario.name)?;

    let start = Instant::now();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Failure::Threads {
            threads,
            reason: e.to_string(),
        })?;
    let results = simulate(options, &scenario, &pool, directory.temporary());
    let simulated = start.elapsed();
    if results.replications == 0 {
        return Err(Failure::Interrupted);
    }
    let files = write_files(&results, directory, !options.no_charts, &pool)?;

    tell(options.format, &results)?;
    if !options.quiet {
        note(&format!("wrote {files}"));
    }
    if options.verbose {
        note(&format!(
            "{} events in {:.2} s on {threads} threads, {:.2} s in all",
            large(results.events as f64),
            simulated.as_secs_f64(),
            start.elapsed().as_secs_f64(),
        ));
    }
    let held = rule(&assertions, &results);
    if results.interrupted {
        note(&format!(
            "interrupted: results are of the {} replications complete by then",
            results.replications
        ));
        return Ok(INTERRUPTED);
    }
    Ok(if held { 0 } else { ASSERTION_FAILED })
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |reason: String| Failure::Unreadable {
        path: path.to_path_buf(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        failed(format!("line {line} is not UTF-8"))
    })
}

fn read_assertions(options: &Options, scenario: &Scenario) -> Result<Vec<Assertion>, Failure> {
    let policies: Vec<&str> = scenario.compare.iter().map(String::as_str).collect();
    let read = |text: &String| {
        Assertion::parse(text, &policies).map_err(|e| {
            let mut place = Node::from_flag("--assert", text).place;
            place.span = e.span;
            let problem = Problem::new(e.message).at(Some(place));
            match e.help {
                Some(help) => problem.help(help),
                None => problem,
            }
        })
    };
    Ok(options
        .assertions
        .iter()
        .map(read)
        .collect::<Result<_, Problem>>()?)
}

fn simulate(
    options: &Options,
    scenario: &Scenario,
    pool: &ThreadPool,
    temporary: &Path,
) -> Results {
    let stop = stop_on_interrupt(temporary);
    let bar = progress_bar(options);
    let results = herd::run(scenario, pool, &stop, |done, planned| {
        bar.set_length(planned);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    results
}

/// The first Ctrl-C ends the run with what is complete; the second ends the
/// process, and what it had begun to write goes with it.
fn stop_on_interrupt(temporary: &Path) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (handle, temporary) = (stop.clone(), temporary.to_path_buf());
    // Without a handler Ctrl-C still ends the process.
    let _ = ctrlc::set_handler(move || {
        if handle.swap(true, Ordering::Relaxed) {
            let _ = std::fs::remove_dir_all(&temporary);
            std::process::exit(i32::from(INTERRUPTED));
        }
        note("finishing the replications in progress; Ctrl-C again to stop now");
    });
    stop
}

fn progress_bar(options: &Options) -> ProgressBar {
    if options.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:32} {pos}/{len} replications  {per_sec}  {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Writes the run's directory and returns the sentence that names its files.
fn write_files(
    results: &Results,
    directory: RunDir,
    charts: bool,
    pool: &ThreadPool,
) -> Result<String, Failure> {
    let text = |text: String| move |out: &mut dyn Write| out.write_all(text.as_bytes());
    directory.write("scenario.toml", text(scenario_file(&results.scenario)))?;
    directory.write("summary.csv", |out| csv::summary(results, out))?;
    directory.write("replications.csv", |out| csv::replications(results, out))?;
    directory.write("timeseries.csv", |out| csv::timeseries(results, out))?;
    directory.write("result.json", text(json::result(results)))?;
    let mut names =
        "scenario.toml, summary.csv, replications.csv, timeseries.csv, result.json".to_string();
    if charts {
        let charts = chart::herd(results)?;
        let pixels: Vec<_> = pool.install(|| charts.par_iter().map(Chart::png).collect());
        for (chart, png) in charts.iter().zip(pixels) {
            let png = png?;
            directory.write(&format!("{}.png", chart.name), |out| out.write_all(&png))?;
            directory.write(&format!("{}.svg", chart.name), |out| {
                out.write_all(chart.svg.as_bytes())
            })?;
            names += &format!(", {}.png and .svg", chart.name);
        }
    }
    let target = directory.commit()?;
    Ok(format!("{}: {names}", target.display()))
}

/// The result on standard output, in the format asked for.
fn tell(format: Format, results: &Results) -> Result<(), Failure> {
    let mut out = Vec::new();
    match format {
        Format::Text => {
            let verdict = verdict::verdict(results);
            let written = write!(out, "{verdict}\n\n{}", table::text(results));
            written.map_err(Failure::Stdout)?;
        }
        Format::Markdown => {
            let verdict = verdict::verdict(results);
            let written = write!(out, "{verdict}\n\n{}", table::markdown(results));
            written.map_err(Failure::Stdout)?;
        }
        Format::Json => out.extend(json::result(results).bytes()),
        Format::Csv => csv::summary(results, &mut out).map_err(Failure::Stdout)?,
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(&out).and_then(|()| stdout.flush()) {
        // Whoever read it has had enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(Failure::Stdout),
    }
}

/// Rules on every assertion, tells what does not hold, and says whether all do.
fn rule(assertions: &[Assertion], results: &Results) -> bool {
    let mut all = true;
    for assertion in assertions {
        let (word, why) = match assertion.rule(results) {
            Ruling::Holds => {
                note(&format!("holds: {}", assertion.text));
                continue;
            }
            Ruling::Fails(why) => ("fails", why),
            Ruling::Undecided(why) => ("undecided", why),
        };
        all = false;
        note(&format!("{word}: {}: {why}", assertion.text));
    }
    all
}

/// A line on standard error, unless it is closed.
fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
