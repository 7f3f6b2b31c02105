//! Running a job from the command line: simulate, write, tell, judge.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use herdsim_core::ensemble::cost::{Cost, Limits};
use herdsim_core::ensemble::{NEVER, Watch, Workers};
use herdsim_core::herd::{Engine, Herd};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::{Condition, Job, Node, Problem, Scenario};

use crate::cli::options::{Common, Format};
use crate::cli::progress::Progress;
use crate::judge::assertion::Ruling;
use crate::measured::Measured;
use crate::output::run_dir::RunDir;
use crate::run::{
    self, ASSERTION_FAILED, Context, Finished, INTERRUPTED, Pens, Ruled, RunError, directory_of,
    read_assertions, read_baseline, write_junit,
};
use herdsim_words::format::{bytes, large};

/// Runs a job, holds it to conditions, and returns the exit status.
pub fn run(job: &Job, conditions: &[Condition], common: &Common) -> Result<u8, RunError> {
    let against = common.baseline.as_deref();
    let given = &common.assertions;
    let assertions = read_assertions(job, conditions, given, against.is_some())?;
    let noise = common.noise()?;
    let baseline = against
        .map(|path| read_baseline(job, path, noise))
        .transpose()?;
    let threads = common.threads();
    afford(job, common)?;
    let measured = measured(job, common)?;
    let directory = RunDir::prepare(&common.out, job.name())?;

    let start = Instant::now();
    let workers = Workers::new(threads)?;
    let stop = stop_on_interrupt(Some(directory.temporary()));
    let progress = Progress::new(common, "replications", 0);
    let context = Context {
        workers: &workers,
        watch: Watch {
            stop: &stop,
            progress: &|done, planned| progress.at(done, planned),
            engine: common.engine.into(),
        },
        charts: !common.no_charts,
        before: against.and_then(directory_of),
        measured: measured.as_ref(),
    };
    let mut finished = run::simulate(job, &context)?;
    finished.keep(conditions);
    progress.finish();
    let simulated = start.elapsed();
    let rulings = finished.judge(&assertions, baseline.as_ref(), context.charts)?;
    // What was stopped early is drawn all the same.
    let interrupted = finished.interrupted.is_some();
    let pens = Pens {
        workers: &workers,
        theme: common.theme(),
        stop: if interrupted { &NEVER } else { &stop },
    };
    let written = finished.write(directory, pens)?;
    if let Some(path) = &common.junit {
        write_junit(path, job.name(), &rulings)?;
    }

    for line in &finished.notes {
        note(&format!("note: {line}"));
    }
    tell(common.format, &finished)?;
    if !common.quiet {
        note(&format!("wrote {written}"));
    }
    if common.verbose {
        note(&format!(
            "{} events in {:.2} s on {threads} threads, {:.2} s in all",
            large(finished.events),
            simulated.as_secs_f64(),
            start.elapsed().as_secs_f64(),
        ));
        if let Job::Herd(scenario) = job {
            note(&engines(scenario, common.engine.into()));
        }
    }
    let held = rule(&rulings);
    if let Some(complete) = finished.interrupted {
        note(&format!(
            "interrupted: results are of the {complete} complete by then"
        ));
        return Ok(INTERRUPTED);
    }
    if stop.load(Ordering::Relaxed) {
        note("interrupted: results are complete, charts are not");
        return Ok(INTERRUPTED);
    }
    Ok(if held { 0 } else { ASSERTION_FAILED })
}

/// Holds what a job would take to the limits, and warns where it comes near.
pub fn afford(job: &Job, common: &Common) -> Result<(), RunError> {
    let limits = common.limits()?;
    let cost = run::cost(job, common.threads(), !common.no_charts, &limits);
    hold(cost, &limits, common)
}

/// The same of an estimate.
pub fn hold(cost: Cost, limits: &Limits, common: &Common) -> Result<(), RunError> {
    if !cost.is_within(limits) && !common.yes {
        let most = *limits;
        return Err(RunError::OutOfReach { cost, most });
    }
    if !cost.is_well_within(limits) {
        note(&format!(
            "warning: this may take {} of memory, more than half of the limit of {}",
            bytes(cost.bytes),
            bytes(limits.bytes)
        ));
    }
    Ok(())
}

/// Which policies took the fast path, and which did not.
fn engines(scenario: &Scenario, engine: Engine) -> String {
    let (fast, events): (Vec<_>, Vec<_>) = scenario.policies.iter().partition(|(_, policy)| {
        let herd = Herd {
            scenario,
            policy,
            engine,
        };
        herd.is_fast()
    });
    let names = |policies: &[&(String, Policy)]| {
        let names: Vec<&str> = policies.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    match (&fast[..], &events[..]) {
        (_, []) => "every attempt was one event".to_string(),
        ([], _) => "all that happened to an attempt was an event".to_string(),
        (fast, events) => format!(
            "an attempt was one event under {}, all that happened to it under {}",
            names(fast),
            names(events)
        ),
    }
}

/// What was measured, to be drawn over what is simulated.
fn measured(job: &Job, common: &Common) -> Result<Option<Measured>, RunError> {
    let Some(path) = &common.overlay else {
        return Ok(None);
    };
    let file = path.display().to_string();
    let Job::Herd(scenario) = job else {
        let place = Node::from_flag("--overlay", &file).place;
        let kind = job.kind().name();
        let problem = format!("--overlay goes with a herd, not with a {kind}");
        return Err(Problem::new(problem).at(Some(place)).into());
    };
    let start = common.overlay_start.as_deref();
    let read = Measured::read(&file, run::read(path)?, &common.series, start)?;
    let horizon = scenario.run.horizon.as_secs();
    match read.span() {
        Some([from, to]) if to >= 0.0 && from <= horizon => Ok(Some(read)),
        span => {
            let place = Node::from_flag("--overlay", &file).place;
            let problem = match span {
                None => "it has no values".to_string(),
                Some([from, to]) => format!(
                    "nothing of it lies within the run: its values are from {from} to {to} s, the \
                     run is from 0 to {horizon} s"
                ),
            };
            let help = "--overlay-start is what its clock shows as the run begins";
            Err(Problem::new(problem).at(Some(place)).help(help).into())
        }
    }
}

/// The first Ctrl-C ends the run with what is complete; the second ends the
/// process, and what it had begun to write goes with it.
pub fn stop_on_interrupt(temporary: Option<&Path>) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (handle, temporary) = (stop.clone(), temporary.map(Path::to_path_buf));
    // What ends services and pods asks for the same: the first time to stop, the second to end.
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGTERM;
        use signal_hook::flag;
        let shutdown = flag::register_conditional_shutdown;
        let _ = shutdown(SIGTERM, i32::from(INTERRUPTED), stop.clone());
        let _ = flag::register(SIGTERM, stop.clone());
    }
    // Without a handler Ctrl-C still ends the process.
    let _ = ctrlc::set_handler(move || {
        if handle.swap(true, Ordering::Relaxed) {
            if let Some(temporary) = &temporary {
                let _ = std::fs::remove_dir_all(temporary);
            }
            std::process::exit(i32::from(INTERRUPTED));
        }
        note("finishing the replications in progress; Ctrl-C again to stop now");
    });
    stop
}

/// The result on standard output, in the format asked for.
fn tell(format: Format, finished: &Finished) -> Result<(), RunError> {
    match format {
        Format::Text => print(finished.text.as_bytes()),
        Format::Markdown => print(finished.markdown.as_bytes()),
        Format::Json => print(finished.json().as_bytes()),
        Format::Csv => print(&finished.summary()),
    }
}

/// To standard output, until whoever reads it has had enough.
pub fn print(out: &[u8]) -> Result<(), RunError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(out).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(RunError::Stdout),
    }
}

/// Tells what became of every assertion, and says whether all hold.
pub fn rule(rulings: &[Ruled]) -> bool {
    let mut all = true;
    for ruled in rulings {
        let (word, why) = match &ruled.ruling {
            Ruling::Holds => {
                note(&format!("holds: {}", ruled.text));
                if let Some(but) = &ruled.warning {
                    note(&format!("warning: {}: {but}", ruled.text));
                }
                continue;
            }
            Ruling::Fails(why) => ("fails", why),
            Ruling::Undecided(why) => ("undecided", why),
        };
        all = false;
        note(&format!("{word}: {}: {why}", ruled.text));
    }
    all
}

/// A line on standard error, unless it is closed.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
