//! Reads the directory of a run, of whatever kind, and prints its table.
//!
//! `cargo run --release --example read_run -- out/blip`; without a directory it makes a
//! small run first.

use std::path::{Path, PathBuf};

use herdsim::run::rebuild::rebuild;
use herdsim::run::{Context, Pens, RunDir, simulate};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::callers::Callers;
use herdsim_core::scenario::{Job, Run, Scenario};

/// A small run in a directory of its own.
fn small_run(workers: &Workers) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let scenario = Scenario {
        name: "read-run-example".to_string(),
        groups: vec![Callers {
            count: 500,
            ..Callers::default()
        }],
        run: Run {
            replications: 3,
            ..Run::default()
        },
        ..Scenario::default()
    };
    let context = Context {
        workers,
        watch: Watch::default(),
        charts: false,
        before: None,
        measured: None,
    };
    let finished = simulate(&Job::Herd(scenario), &context)?;
    let directory = RunDir::prepare(&std::env::temp_dir(), "read-run-example")?;
    Ok(finished.write(directory, Pens::new(workers))?.directory)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = match std::env::args().nth(1) {
        Some(path) => PathBuf::from(path),
        None => small_run(&Workers::new(0)?)?,
    };
    let run = rebuild(Path::new(&directory), None, &[])?;
    for note in &run.notes {
        eprintln!("note: {note}");
    }
    println!("{}", run.story.title);
    let Some(table) = &run.table else {
        println!("a sweep: its cells are in summary.csv");
        return Ok(());
    };
    for column in &table.columns {
        for row in &table.rows {
            let e = table.estimate(&row.name, &column.name);
            println!(
                "{:28} {:14} {:12.5} ({:.5} to {:.5})",
                column.name, row.name, e.mean, e.low, e.high
            );
        }
    }
    Ok(())
}
