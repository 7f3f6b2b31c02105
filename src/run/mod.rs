//! A run from its scenario to its directory: simulate, judge, write; and read back.
//!
//! All of it is calls of a library; the command line only makes their arguments.
//!
//! ```
//! use herdsim::run;
//! use herdsim_core::ensemble::{Watch, Workers};
//! use herdsim_core::scenario::{Job, Scenario};
//!
//! let job = Job::Herd(Scenario::parse(
//!     "small.toml",
//!     "callers = { count = 50 }\nrun = { replications = 2, horizon = \"20s\" }\n",
//! )?);
//! let finished = run::simulate(&job, &run::Context {
//!     workers: &Workers::new(2)?,
//!     watch: Watch::default(),
//!     charts: false,
//!     before: None,
//!     measured: None,
//! })?;
//! assert_eq!(finished.table.rows.len(), 3);
//! println!("{}", finished.verdict);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod edge;
mod error;
pub mod rebuild;
pub mod sweep;

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use herdsim_core::ensemble::cost::{Cost, Limits, TRIED};
use herdsim_core::ensemble::{NEVER, Workers};
use herdsim_core::input;
use herdsim_core::scenario::{Condition, Job, Node, Place, Problem};
use herdsim_core::value::ValueError;

use crate::chart::theme::Theme;
use crate::chart::{self, Chart, ChartError};
use crate::judge::assertion::{Assertion, Ruling};
use crate::judge::{baseline, settings};
use crate::output::json::{self, Head};
pub use crate::output::run_dir::RunDir;
use crate::output::{csv, junit};
use crate::playground;
use crate::report::{self, Part, Story};
use crate::study;
pub use crate::study::{Context, Finished, StudyError};
pub use error::{ASSERTION_FAILED, INTERRUPTED, RunError};
use herdsim_words::results::Earlier;
use herdsim_words::text_table::{TextTable, piped, wrapped};

/// An estimate of what a job takes on so many threads, its charts with it; one from above where
/// that lies well within some limits.
pub fn cost(job: &Job, threads: usize, charts: bool, limits: &Limits) -> Cost {
    let of = |left: &mut u64| -> Result<Cost, Infallible> {
        let cost = study::of(job).cost(threads, left);
        Ok(with_charts(cost, charts, threads))
    };
    match estimated(Some(limits), TRIED, of) {
        Ok(cost) => cost,
        Err(never) => match never {},
    }
}

/// An estimate that may spend events on trying out: one from above costs nothing, and is good
/// enough where it lies well within some limits.
fn estimated<E>(
    limits: Option<&Limits>,
    mut most: u64,
    of: impl Fn(&mut u64) -> Result<Cost, E>,
) -> Result<Cost, E> {
    if let Some(limits) = limits {
        let bound = of(&mut 0)?;
        if bound.is_well_within(limits) {
            return Ok(bound);
        }
    }
    of(&mut most)
}

/// With what charts add: fonts and documents, and a picture at twice its size for every
/// thread, as measured.
fn with_charts(mut cost: Cost, charts: bool, threads: usize) -> Cost {
    if charts {
        cost.bytes += 35e6 + 20e6 * threads.min(12) as f64;
    }
    cost
}

/// Simulates a job that is known to be sound: one that was read is, one that was put
/// together in code is held to its file by [`Job::check`].
///
/// # Errors
/// When it was stopped before anything was complete, or cannot be worked out.
pub fn simulate(job: &Job, context: &Context<'_>) -> Result<Finished, RunError> {
    Ok(study::of(job).simulate(context)?)
}

/// The text of a file.
///
/// # Errors
/// A file that cannot be read as text: see [`input::text`].
pub fn read(path: &Path) -> Result<String, RunError> {
    input::text(path).map_err(|e| RunError::Unreadable {
        path: path.to_path_buf(),
        reason: e.to_string(),
    })
}

/// The earlier run to compare a job with: its `result.json`, or the directory of it.
///
/// # Errors
/// A file that is not there, or no result of the same kind.
pub fn read_baseline(job: &Job, path: &Path, noise: f64) -> Result<Earlier, RunError> {
    let file = match path.is_dir() {
        true => path.join("result.json"),
        false => path.to_path_buf(),
    };
    let kind = study::of(job);
    let parsed = json::read(&read(&file)?, kind.manner(), kind.columns(), |cell| {
        kind.older(cell)
    });
    let mut earlier = parsed.map_err(|error| RunError::Baseline {
        path: path.to_path_buf(),
        error,
    })?;
    let beside = directory_of(path).map(|directory| directory.join("scenario.toml"));
    earlier.noise = noise;
    earlier.scenario = beside.and_then(|path| input::text(&path).ok());
    Ok(earlier)
}

/// The directory of an earlier run, of its path or that of its `result.json`.
pub fn directory_of(path: &Path) -> Option<&Path> {
    match path.is_dir() {
        true => Some(path),
        false => path.parent(),
    }
}

/// Reads conditions against the cells and metrics of a job.
///
/// # Errors
/// At the place of what cannot be meant.
pub fn read_assertions(
    job: &Job,
    conditions: &[Condition],
    assertions: &[String],
    has_baseline: bool,
) -> Result<Vec<Assertion>, RunError> {
    let kind = study::of(job);
    let (names, columns) = (kind.cells(), kind.columns());
    let cells: Vec<&str> = names.iter().map(String::as_str).collect();
    let parse = |text: &str| {
        let parsed = Assertion::parse(text, kind.manner().cell, &cells, &columns);
        parsed.and_then(|a| match a.of_change && !has_baseline {
            true => Err(
                ValueError::new(0..text.len(), "a change is against a --baseline")
                    .help("add --baseline with the result.json of an earlier run"),
            ),
            false => Ok(a),
        })
    };
    let problem = |e: ValueError, place: Place| {
        let problem = Problem::new(e.message).at(Some(place));
        match e.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    };
    let of_file = conditions.iter().map(|condition| {
        parse(&condition.text()).map_err(|e| {
            let place = condition.place(e.span.start);
            problem(e, place)
        })
    });
    let of_flags = assertions.iter().map(|text| {
        parse(text).map_err(|e| {
            let place = Place {
                span: e.span.clone(),
                ..Node::from_flag("--assert", text).place
            };
            problem(e, place)
        })
    });
    let read: Result<_, Problem> = of_file.chain(of_flags).collect();
    Ok(read?)
}

/// An assertion and what became of it.
pub struct Ruled {
    pub text: String,
    pub ruling: Ruling,
    /// What else should be known where it holds.
    pub warning: Option<String>,
}

impl Ruled {
    pub fn holds(&self) -> bool {
        self.ruling == Ruling::Holds
    }

    /// The condition, and why it does not hold.
    fn case(&self) -> (String, Option<String>) {
        let why = match &self.ruling {
            Ruling::Holds => None,
            Ruling::Fails(why) => Some(why.clone()),
            Ruling::Undecided(why) => Some(format!("undecided: {why}")),
        };
        (self.text.clone(), why)
    }

    fn in_words(&self) -> (String, String) {
        let what = match &self.ruling {
            Ruling::Holds => match &self.warning {
                None => "holds".to_string(),
                Some(but) => format!("holds, but {but}"),
            },
            Ruling::Fails(why) => format!("fails: {why}"),
            Ruling::Undecided(why) => format!("undecided: {why}"),
        };
        (self.text.clone(), what)
    }
}

impl Finished {
    /// Keeps the conditions of its file, so that to run it again asks them again.
    pub fn keep(&mut self, conditions: &[Condition]) {
        self.scenario += &Condition::table(conditions);
    }

    /// Adds what became of conditions, and what changed since an earlier run.
    ///
    /// # Errors
    /// A chart that cannot be drawn.
    pub fn judge(
        &mut self,
        assertions: &[Assertion],
        baseline: Option<&Earlier>,
        charts: bool,
    ) -> Result<Vec<Ruled>, RunError> {
        let before = baseline.map(|b| &b.table);
        let rule = |assertion: &Assertion| Ruled {
            text: assertion.text.clone(),
            ruling: assertion.rule(&self.table, before),
            warning: assertion.warning(&self.table),
        };
        let rulings: Vec<Ruled> = assertions.iter().map(rule).collect();
        self.story.conditions = rulings.iter().map(Ruled::in_words).collect();
        if !rulings.is_empty() {
            self.markdown += &format!("\n{}", report::conditions(&self.story));
        }
        if let Some(baseline) = baseline {
            self.notes.extend(baseline.notes.iter().cloned());
            self.compare(baseline, charts)?;
        }
        Ok(rulings)
    }

    /// Puts what changed since an earlier run first, in every form.
    fn compare(&mut self, earlier: &Earlier, charts: bool) -> Result<(), RunError> {
        let comparison =
            baseline::compare(&earlier.name, &earlier.table, &self.table, earlier.noise);
        let table = comparison.table();
        let TextTable { headers, rows, .. } = &table;
        let verdict = &comparison.verdict;
        if comparison.changes.is_empty() {
            return Err(RunError::NothingInCommon(earlier.name.clone()));
        }
        let before = earlier.scenario.as_deref();
        let changed = before.map(|before| settings::changed(before, &self.scenario));
        let (mut text, mut markdown) = (String::new(), String::new());
        match &changed {
            None => {}
            Some(none) if none.is_empty() => text += "nothing is set otherwise\n\n",
            Some(changed) => {
                let TextTable { headers, rows, .. } = settings::table(&earlier.name, changed);
                text += &format!("{}\n", settings::text(changed));
                markdown += &format!("{}\n", piped(&headers, &rows));
            }
        }
        self.text = format!(
            "{text}{}\n{}\n{}",
            wrapped(verdict),
            comparison.text(),
            self.text
        );
        self.markdown = format!(
            "{markdown}**{verdict}**\n\n{}\n{}",
            piped(headers, rows),
            self.markdown
        );
        // What was found moves below what changed.
        let found = std::mem::replace(&mut self.story.title, verdict.clone());
        self.story.summary.insert(0, format!("{found}."));
        if charts {
            self.charts
                .insert(0, chart::change(&comparison, &self.story.setting)?);
        }
        self.story.tables.insert(0, table);
        if let Some(changed) = changed.filter(|changed| !changed.is_empty()) {
            let table = settings::table(&earlier.name, &changed);
            self.story.tables.insert(0, table);
        }
        Ok(())
    }

    /// `summary.csv`.
    pub fn summary(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Memory takes whatever is written.
        let written = csv::table(&self.table, &mut bytes);
        debug_assert!(written.is_ok());
        bytes
    }

    /// `result.json`.
    pub fn json(&self) -> String {
        let head = Head {
            name: &self.name,
            seed: self.seed,
            replications: self.replications,
            interrupted: self.interrupted.is_some(),
            verdict: &self.verdict,
        };
        json::result(&self.table, &head, self.extras.clone())
    }

    /// Writes the run's directory, and says what is in it: the charts that there was time for.
    ///
    /// # Errors
    /// What cannot be written, or drawn.
    pub fn write(&self, directory: RunDir, pens: Pens<'_>) -> Result<Written, RunError> {
        let mut names = Vec::new();
        let mut put = |name: &str, bytes: &[u8]| {
            names.push(name.to_string());
            directory.write(name, |out| out.write_all(bytes))
        };
        put("scenario.toml", self.scenario.as_bytes())?;
        put("summary.csv", &self.summary())?;
        for file in &self.files {
            put(file.name, &file.bytes)?;
        }
        put("result.json", self.json().as_bytes())?;
        let charts: Vec<&Chart> = self.charts.iter().collect();
        let drawn = write_charts(&charts, pens, &directory, &mut names)?;
        let mut charts = self.charts.clone();
        charts.retain(|chart| drawn.contains(&chart.name));
        write_documents(&self.story, &[Part::of(charts)], &directory, &mut names)?;
        Ok(Written {
            directory: directory.commit()?,
            names,
        })
    }
}

/// A directory that was written, and what is in it.
pub struct Written {
    pub directory: PathBuf,
    pub names: Vec<String>,
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.directory.display(), self.names.join(", "))
    }
}

/// Writes what became of conditions as JUnit XML.
///
/// # Errors
/// A file that cannot be written.
pub fn write_junit(path: &Path, name: &str, rulings: &[Ruled]) -> Result<(), RunError> {
    let cases: Vec<_> = rulings.iter().map(Ruled::case).collect();
    fs::write(path, junit::junit(name, &cases)).map_err(|e| RunError::Unwritable {
        path: path.to_path_buf(),
        reason: e.to_string(),
    })
}

/// What charts are drawn with.
#[derive(Clone, Copy)]
pub struct Pens<'p> {
    pub workers: &'p Workers,
    pub theme: Theme,
    /// Once it is set, no further chart is begun.
    pub stop: &'p AtomicBool,
}

impl<'p> Pens<'p> {
    /// For a light ground, and to the end.
    pub fn new(workers: &'p Workers) -> Pens<'p> {
        Pens {
            workers,
            theme: Theme::default(),
            stop: &NEVER,
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Charts for the ground, each with its PNG, drawn in parallel.
    ///
    /// # Errors
    /// A chart that cannot be drawn.
    pub fn rasterised(&self, charts: &[&Chart]) -> Result<Vec<(Chart, Vec<u8>)>, ChartError> {
        let draw = |chart: &&Chart| {
            let chart = (!self.is_stopped()).then(|| (*chart).clone().on(self.theme))?;
            Some(chart.png().map(|png| (chart, png)))
        };
        let all = self.workers.map(charts, draw);
        all.into_iter().flatten().collect()
    }
}

/// Writes charts as SVG and PNG; returns the places of those that there was time for.
fn write_charts(
    charts: &[&Chart],
    pens: Pens<'_>,
    directory: &RunDir,
    names: &mut Vec<String>,
) -> Result<Vec<String>, RunError> {
    let mut drawn = Vec::new();
    for (chart, png) in pens.rasterised(charts)? {
        directory.write(&format!("{}.png", chart.name), |out| out.write_all(&png))?;
        directory.write(&format!("{}.svg", chart.name), |out| {
            out.write_all(chart.svg.as_bytes())
        })?;
        names.push(format!("{}.png and .svg", chart.name));
        drawn.push(chart.name);
    }
    Ok(drawn)
}

/// Writes `postmortem.md` and `report.html`, and where there is one the page to move it on.
fn write_documents(
    story: &Story,
    parts: &[Part],
    directory: &RunDir,
    names: &mut Vec<String>,
) -> Result<(), RunError> {
    let page = story.playable.as_deref();
    let page = page.and_then(|scenario| playground::page(Some(scenario)));
    let documents = [
        ("postmortem.md", report::markdown(story, parts)),
        ("report.html", report::html(story, parts)),
    ];
    let documents = documents
        .into_iter()
        .chain(page.map(|page| (playground::FILE, page)));
    for (name, text) in documents {
        directory.write(name, |out| out.write_all(text.as_bytes()))?;
        names.push(name.to_string());
    }
    Ok(())
}
