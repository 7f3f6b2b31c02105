//! `herdsim report`: the documents and charts of runs, made again from their files.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;

use crate::chart;
use crate::cli::failure::Failure;
use crate::cli::options::Ground;
use crate::cli::run::{note, pool};
use crate::ensemble::herd::Results;
use crate::output::baseline::Baseline;
use crate::output::verdict::verdict;
use crate::output::{json, restore};
use crate::report::{self, Grid, Story};
use crate::scenario::JobKind;

#[derive(Args, Debug)]
pub struct ReportOptions {
    /// Directories of runs; several make one report that compares them with the first
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// Where the report of several runs goes
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Charts for a light or a dark ground
    #[arg(long, value_enum, default_value = "light")]
    theme: Ground,
}

/// Writes the documents and returns the exit status.
pub fn make(options: &ReportOptions) -> Result<u8, Failure> {
    let runs: Vec<Results> = options
        .runs
        .iter()
        .map(|directory| restore::herd(directory))
        .collect::<Result<_, _>>()?;
    match (&runs[..], &options.runs[..]) {
        ([one], [directory]) => again(one, directory, options),
        _ => together(&runs, options),
    }
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = directory.join(name);
    let temporary = directory.join(format!(".{name}.new"));
    let put = || {
        std::fs::File::create(&temporary)?.write_all(bytes)?;
        std::fs::rename(&temporary, &path)
    };
    put().map_err(|e| Failure::Unwritable {
        path: path.clone(),
        reason: e.to_string(),
    })
}

/// One run: its own documents and charts.
fn again(results: &Results, directory: &Path, options: &ReportOptions) -> Result<u8, Failure> {
    let charts = chart::herd(results, None)?;
    let story = report::herd::story(results);
    write(
        directory,
        "postmortem.md",
        report::markdown(&story, &charts).as_bytes(),
    )?;
    write(
        directory,
        "report.html",
        report::html(&story, &charts).as_bytes(),
    )?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let theme = options.theme.theme();
    let drawn: Vec<_> = pool(threads)?.install(|| {
        let each = charts.into_par_iter().map(|chart| {
            let chart = chart.on(theme);
            chart.png().map(|png| (chart, png))
        });
        each.collect::<Result<_, _>>()
    })?;
    let mut names = vec!["postmortem.md".to_string(), "report.html".to_string()];
    for (chart, png) in drawn {
        write(directory, &format!("{}.png", chart.name), &png)?;
        write(
            directory,
            &format!("{}.svg", chart.name),
            chart.svg.as_bytes(),
        )?;
        names.push(format!("{}.png and .svg", chart.name));
    }
    note(&format!(
        "wrote {}: {}",
        directory.display(),
        names.join(", ")
    ));
    Ok(0)
}

/// Several runs, each against the first.
fn together(runs: &[Results], options: &ReportOptions) -> Result<u8, Failure> {
    let named = |directory: &PathBuf| directory.display().to_string();
    let first = Baseline::parse(&json::result(&runs[0]), JobKind::Herd).map_err(|reason| {
        Failure::Baseline {
            path: options.runs[0].clone(),
            reason,
        }
    })?;
    let mut story = Story {
        title: format!(
            "{} runs compared with {}",
            runs.len(),
            named(&options.runs[0])
        ),
        method: "Rebuilt from the files of the runs; changes with 95% intervals, the runs taken \
                 as independent."
            .to_string(),
        command: format!(
            "herdsim report {}",
            options.runs.iter().map(named).collect::<Vec<_>>().join(" ")
        ),
        ..Story::default()
    };
    let mut charts = Vec::new();
    for (i, (results, directory)) in runs.iter().zip(&options.runs).enumerate() {
        let name = named(directory);
        if i > 0 {
            let comparison = first.compare(results);
            story
                .summary
                .push(format!("{name}: {}.", comparison.verdict));
            story.tables.push(Grid {
                caption: format!("{name} against {}", named(&options.runs[0])),
                ..comparison.table()
            });
        }
        story.summary.push(format!("{name}: {}.", verdict(results)));
        let own = report::herd::story(results);
        if let Some(table) = own.tables.into_iter().next() {
            story.tables.push(Grid {
                caption: name,
                ..table
            });
        }
        charts.extend(chart::herd(results, None)?);
    }
    std::fs::create_dir_all(&options.out).map_err(|e| Failure::Unwritable {
        path: options.out.clone(),
        reason: e.to_string(),
    })?;
    write(
        &options.out,
        "postmortem.md",
        report::markdown(&story, &[]).as_bytes(),
    )?;
    write(
        &options.out,
        "report.html",
        report::html(&story, &charts).as_bytes(),
    )?;
    note(&format!(
        "wrote {}: postmortem.md, report.html",
        options.out.display()
    ));
    Ok(0)
}
