//! Running a job: simulate, write, tell, judge.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::chart::theme::Theme;
use crate::chart::{self, Chart, ChartError};
use crate::cli::failure::Failure;
use crate::cli::options::{Common, Format, read};
use crate::cli::{fence, herd, quorum, saga};
use crate::ensemble::cost::Cost;
use crate::ensemble::herd::Results;
use crate::fence as fencing;
use crate::herd::METRICS;
use crate::output::assertion::{Assertion, Judged, Ruling};
use crate::output::baseline::Baseline;
use crate::output::curves::{self, Curves};
use crate::output::figures::Figures;
use crate::output::run_dir::RunDir;
use crate::output::table;
use crate::output::trace::Trace;
use crate::output::words::{capital, large, thousands};
use crate::output::{junit, restore};
use crate::report::{self, Grid, Part, Story};
use crate::saga as compensation;
use crate::scenario::quorum::setting_name;
use crate::scenario::value::ValueError;
use crate::scenario::{Job, JobKind, Node, Problem};

/// How a run is done again, in the directory of its results.
pub const AGAIN: &str = "herdsim run scenario.toml";

/// The exit status after Ctrl-C.
pub const INTERRUPTED: u8 = 130;
pub const ASSERTION_FAILED: u8 = 3;

/// What a simulation is given to work with.
pub struct Desk<'c> {
    pub pool: &'c ThreadPool,
    pub stop: Arc<AtomicBool>,
    pub charts: bool,
    /// The earlier run of a herd to draw beside this one.
    pub before: Option<Results>,
    bar: ProgressBar,
}

impl Desk<'_> {
    pub fn progress(&self, done: u64, planned: u64) {
        self.bar.set_length(planned);
        self.bar.set_position(done);
    }
}

/// What a simulation leaves to be written and told.
pub struct Finished {
    /// The resolved scenario.
    pub scenario: String,
    /// CSV files; the first is the summary.
    pub tables: Vec<File>,
    pub json: String,
    pub text: String,
    pub markdown: String,
    pub charts: Vec<Chart>,
    pub story: Story,
    pub judged: Box<dyn Judged>,
    pub events: f64,
    /// What was complete when the run was stopped, if it was.
    pub interrupted: Option<String>,
}

/// What trials leave: their figures, and one of them told.
pub struct Told {
    /// The resolved scenario, of as many trials as were finished.
    pub scenario: String,
    pub figures: Figures,
    /// The finding, short enough for a title.
    pub headline: String,
    pub verdict: String,
    /// Stands under the table.
    pub caveat: &'static str,
    pub headers: [&'static str; 7],
    pub rows: Vec<[String; 7]>,
    pub example: Option<Trace>,
    pub curves: Option<Curves>,
    /// The names of the charts of curves and example.
    pub names: [&'static str; 2],
    /// What a trial is, in the plural.
    pub trials: &'static str,
    /// What is simulated, in a line.
    pub setting: String,
}

impl Told {
    pub fn finish(self) -> Result<Finished, Failure> {
        let Told {
            figures,
            verdict,
            caveat,
            ..
        } = self;
        let mut tables = vec![File::csv("summary.csv", |out| figures.summary(out))?];
        let (aligned, piped) = (
            table::aligned(&self.headers, &self.rows),
            table::piped(&self.headers, &self.rows),
        );
        let caveat_on_terminal = match caveat.trim() {
            "" => String::new(),
            caveat => format!("\n{}", table::wrapped(caveat)),
        };
        let mut text = format!(
            "{}\n{aligned}{}",
            table::wrapped(&verdict),
            caveat_on_terminal
        );
        let caveats = caveat
            .lines()
            .map(String::from)
            .filter(|line| !line.is_empty());
        let charts = match &self.curves {
            Some(curves) => {
                let example = self.example.as_ref();
                chart::trials(self.names, curves, &figures, &verdict, example)?
            }
            None => Vec::new(),
        };
        if let Some(curves) = &self.curves {
            tables.push(File::csv("curves.csv", |out| {
                curves::csv(&curves.curves, out)
            })?);
        }
        let mut story = Story {
            title: self.headline,
            setting: self.setting,
            summary: std::iter::once(format!("{}.", capital(&verdict)))
                .chain(caveats)
                .collect(),
            tables: vec![Grid::new("", &self.headers, &self.rows)],
            parameters: vec![("scenario.toml".to_string(), self.scenario.clone())],
            method: format!(
                "herdsim {} simulated {} {} with seed {}; intervals are 95%, and closed forms \
                 stand beside simulated numbers where there are any.",
                env!("CARGO_PKG_VERSION"),
                thousands(figures.trials as f64),
                self.trials,
                figures.seed,
            ),
            command: AGAIN.to_string(),
            conditions: Vec::new(),
        };
        if let Some(example) = &self.example {
            story
                .summary
                .push(example.text().lines().next().unwrap_or("").to_string());
        }
        if let Some(example) = &self.example {
            tables.push(File::csv("trace.csv", |out| example.csv(out))?);
            tables.push(File::csv("lanes.csv", |out| example.lanes_csv(out))?);
            text += &format!("\n{}", example.text());
        }
        Ok(Finished {
            scenario: self.scenario,
            tables,
            json: figures.json(&verdict),
            text,
            markdown: format!("{verdict}\n\n{piped}{caveat}"),
            charts,
            story,
            events: figures.trials as f64,
            interrupted: figures
                .interrupted
                .then(|| format!("{} {}", figures.trials, self.trials)),
            judged: Box::new(figures),
        })
    }
}

/// A file of a run.
pub struct File {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn csv(
        name: &'static str,
        write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> Result<File, Failure> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(Failure::Stdout)?;
        Ok(File { name, bytes })
    }
}

/// Runs a job and returns the exit status.
pub fn run(job: &Job, common: &Common) -> Result<u8, Failure> {
    let against = common.baseline.as_deref();
    let assertions = read_assertions(job, &common.assertions, against.is_some())?;
    let baseline = read_baseline(job, against)?;
    let threads = common.threads();
    let cost = Cost::of_job(job, threads);
    if !cost.is_within_reach() && !common.yes {
        return Err(Failure::OutOfReach(cost));
    }
    let before = match common.no_charts {
        true => None,
        false => read_before(job, against),
    };
    let directory = RunDir::prepare(&common.out, job.name())?;

    let start = Instant::now();
    let pool = pool(threads)?;
    let desk = Desk {
        pool: &pool,
        stop: stop_on_interrupt(Some(directory.temporary())),
        charts: !common.no_charts,
        before,
        bar: progress_bar(common, "replications"),
    };
    let mut finished = match job {
        Job::Herd(scenario) => herd::simulate(scenario, &desk)?,
        Job::Fence(scenario) => fence::simulate(scenario, &desk)?,
        Job::Saga(scenario) => saga::simulate(scenario, &desk)?,
        Job::Quorum(scenario) => quorum::simulate(scenario, &desk)?,
    };
    desk.bar.finish_and_clear();
    let simulated = start.elapsed();
    let rulings = finished.judge(&assertions, baseline.as_ref(), desk.charts)?;
    let files = write_files(&finished, directory, &pool, common.theme())?;
    if let Some(path) = &common.junit {
        let conditions: Vec<_> = rulings.iter().map(Ruled::case).collect();
        let xml = junit::junit(job.name(), &conditions);
        std::fs::write(path, xml).map_err(|e| Failure::Unwritable {
            path: path.clone(),
            reason: e.to_string(),
        })?;
    }

    tell(common.format, &finished)?;
    if !common.quiet {
        note(&format!("wrote {files}"));
    }
    if common.verbose {
        note(&format!(
            "{} events in {:.2} s on {threads} threads, {:.2} s in all",
            large(finished.events),
            simulated.as_secs_f64(),
            start.elapsed().as_secs_f64(),
        ));
    }
    let held = rule(&rulings);
    if let Some(complete) = finished.interrupted {
        note(&format!(
            "interrupted: results are of the {complete} complete by then"
        ));
        return Ok(INTERRUPTED);
    }
    Ok(if held { 0 } else { ASSERTION_FAILED })
}

impl Finished {
    /// Adds what became of conditions, and what changed since an earlier run.
    pub fn judge(
        &mut self,
        assertions: &[Assertion],
        baseline: Option<&Baseline>,
        charts: bool,
    ) -> Result<Vec<Ruled>, Failure> {
        let earlier = baseline.map(|b| b as &dyn Judged);
        let rulings = rulings(assertions, &*self.judged, earlier);
        self.story.conditions = rulings.iter().map(Ruled::told).collect();
        if !rulings.is_empty() {
            self.markdown += &format!("\n{}", report::conditions(&self.story));
        }
        if let Some(baseline) = baseline {
            self.compare(baseline, charts)?;
        }
        Ok(rulings)
    }

    /// Puts what changed since an earlier run first, in every form.
    fn compare(&mut self, baseline: &Baseline, charts: bool) -> Result<(), Failure> {
        let comparison = baseline.compare(&*self.judged);
        let table = comparison.table();
        let (headers, rows) = (&table.headers, &table.rows);
        let verdict = &comparison.verdict;
        if comparison.changes.is_empty() {
            self.text = format!("{}\n{}", table::wrapped(verdict), self.text);
            self.markdown = format!("**{verdict}**\n\n{}", self.markdown);
            self.story.summary.insert(0, format!("{verdict}."));
            return Ok(());
        }
        self.text = format!(
            "{}\n{}\n{}",
            table::wrapped(verdict),
            comparison.text(),
            self.text
        );
        self.markdown = format!(
            "**{verdict}**\n\n{}\n{}",
            table::piped(headers, rows),
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
        Ok(())
    }
}

/// The earlier run to compare with.
pub fn read_baseline(job: &Job, path: Option<&Path>) -> Result<Option<Baseline>, Failure> {
    let Some(path) = path else {
        return Ok(None);
    };
    let failed = |reason: String| Failure::Baseline {
        path: path.to_path_buf(),
        reason,
    };
    // A run's directory will do.
    let file = match path.is_dir() {
        true => path.join("result.json"),
        false => path.to_path_buf(),
    };
    Baseline::parse(&read(&file)?, job.kind())
        .map(Some)
        .map_err(failed)
}

/// The same with its time series, where the files beside it still have them.
pub fn read_before(job: &Job, path: Option<&Path>) -> Option<Results> {
    let path = path?;
    let directory = match path.is_dir() {
        true => path,
        false => path.parent()?,
    };
    match job {
        Job::Herd(_) => {
            let layers = restore::layers(directory).ok()?;
            match Job::from_layers(&layers, JobKind::Herd).ok()? {
                Job::Herd(scenario) => restore::herd(directory, scenario).ok(),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Threads to work on.
pub fn pool(threads: usize) -> Result<ThreadPool, Failure> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    builder.build().map_err(|e| Failure::Threads {
        threads,
        reason: e.to_string(),
    })
}

pub fn read_assertions(
    job: &Job,
    assertions: &[String],
    has_baseline: bool,
) -> Result<Vec<Assertion>, Failure> {
    let named = |name: &str| name.to_string();
    let (what, cells, metrics): (_, Vec<String>, Vec<&'static str>) = match job {
        Job::Herd(s) => (
            "policy",
            s.policies.iter().map(|(name, _)| name.clone()).collect(),
            METRICS.to_vec(),
        ),
        Job::Fence(s) => (
            "guard",
            s.fence.guards.iter().map(|g| named(g.name())).collect(),
            [&fencing::METRICS[..], &crate::output::fence::DERIVED].concat(),
        ),
        Job::Saga(s) => (
            "key mode",
            s.saga.keys.iter().map(|k| named(k.name())).collect(),
            [&compensation::METRICS[..], &crate::output::saga::DERIVED].concat(),
        ),
        Job::Quorum(s) => (
            "setting",
            s.settings().iter().map(setting_name).collect(),
            crate::output::quorum::METRICS.to_vec(),
        ),
    };
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    let read = |text: &String| {
        let parsed = Assertion::parse(text, what, &cells, &metrics);
        let parsed = parsed.and_then(|a| match a.of_change && !has_baseline {
            true => Err(
                ValueError::new(0..text.len(), "a change is against a --baseline")
                    .help("add --baseline with the result.json of an earlier run"),
            ),
            false => Ok(a),
        });
        parsed.map_err(|e| {
            let mut place = Node::from_flag("--assert", text).place;
            place.span = e.span;
            let problem = Problem::new(e.message).at(Some(place));
            match e.help {
                Some(help) => problem.help(help),
                None => problem,
            }
        })
    };
    Ok(assertions
        .iter()
        .map(read)
        .collect::<Result<_, Problem>>()?)
}

/// The first Ctrl-C ends the run with what is complete; the second ends the
/// process, and what it had begun to write goes with it.
pub fn stop_on_interrupt(temporary: Option<&Path>) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (handle, temporary) = (stop.clone(), temporary.map(Path::to_path_buf));
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

pub fn progress_bar(common: &Common, what: &str) -> ProgressBar {
    if common.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!(
        "{{bar:32}} {{pos}}/{{len}} {what}  {{per_sec}}  {{eta}} left"
    ));
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Charts for a ground, each with its PNG, drawn in parallel.
pub fn rasterised<'c>(
    charts: impl IntoParallelIterator<Item = &'c Chart> + Send,
    theme: Theme,
    pool: &ThreadPool,
) -> Result<Vec<(Chart, Vec<u8>)>, ChartError> {
    let draw = |chart: &Chart| {
        let chart = chart.clone().on(theme);
        chart.png().map(|png| (chart, png))
    };
    pool.install(|| charts.into_par_iter().map(draw).collect())
}

/// Writes charts as SVG and PNG.
pub fn write_charts(
    charts: &[Chart],
    theme: Theme,
    directory: &RunDir,
    pool: &ThreadPool,
    names: &mut Vec<String>,
) -> Result<(), Failure> {
    for (chart, png) in rasterised(charts, theme, pool)? {
        directory.write(&format!("{}.png", chart.name), |out| out.write_all(&png))?;
        directory.write(&format!("{}.svg", chart.name), |out| {
            out.write_all(chart.svg.as_bytes())
        })?;
        names.push(format!("{}.png and .svg", chart.name));
    }
    Ok(())
}

/// Writes `postmortem.md` and `report.html`.
pub fn write_documents(
    story: &Story,
    part: Part,
    directory: &RunDir,
    names: &mut Vec<String>,
) -> Result<(), Failure> {
    let parts = [part];
    let documents = [
        ("postmortem.md", report::markdown(story, &parts)),
        ("report.html", report::html(story, &parts)),
    ];
    for (name, text) in documents {
        directory.write(name, |out| out.write_all(text.as_bytes()))?;
        names.push(name.to_string());
    }
    Ok(())
}

/// Writes the run's directory and returns the sentence that names its files.
fn write_files(
    finished: &Finished,
    directory: RunDir,
    pool: &ThreadPool,
    theme: Theme,
) -> Result<String, Failure> {
    let mut names = vec!["scenario.toml".to_string()];
    directory.write("scenario.toml", |out| {
        out.write_all(finished.scenario.as_bytes())
    })?;
    for table in &finished.tables {
        directory.write(table.name, |out| out.write_all(&table.bytes))?;
        names.push(table.name.to_string());
    }
    directory.write("result.json", |out| out.write_all(finished.json.as_bytes()))?;
    names.push("result.json".to_string());
    write_charts(&finished.charts, theme, &directory, pool, &mut names)?;
    let part = Part::of(finished.charts.clone());
    write_documents(&finished.story, part, &directory, &mut names)?;
    let target = directory.commit()?;
    Ok(format!("{}: {}", target.display(), names.join(", ")))
}

/// The result on standard output, in the format asked for.
fn tell(format: Format, finished: &Finished) -> Result<(), Failure> {
    print(match (format, &finished.tables[..]) {
        (Format::Text, _) => finished.text.as_bytes(),
        (Format::Markdown, _) => finished.markdown.as_bytes(),
        (Format::Json, _) => finished.json.as_bytes(),
        (Format::Csv, [summary, ..]) => &summary.bytes,
        (Format::Csv, []) => &[],
    })
}

/// To standard output, until whoever reads it has had enough.
pub fn print(out: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(out).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(Failure::Stdout),
    }
}

/// An assertion and what became of it.
pub struct Ruled {
    text: String,
    ruling: Ruling,
}

impl Ruled {
    /// The condition, and why it does not hold.
    fn case(&self) -> (String, Option<String>) {
        let why = match &self.ruling {
            Ruling::Holds => None,
            Ruling::Fails(why) => Some(why.clone()),
            Ruling::Undecided(why) => Some(format!("undecided: {why}")),
        };
        (self.text.clone(), why)
    }

    fn told(&self) -> (String, String) {
        let what = match &self.ruling {
            Ruling::Holds => "holds".to_string(),
            Ruling::Fails(why) => format!("fails: {why}"),
            Ruling::Undecided(why) => format!("undecided: {why}"),
        };
        (self.text.clone(), what)
    }
}

fn rulings(
    assertions: &[Assertion],
    results: &dyn Judged,
    before: Option<&dyn Judged>,
) -> Vec<Ruled> {
    let ruled = |assertion: &Assertion| Ruled {
        text: assertion.text.clone(),
        ruling: assertion.rule(results, before),
    };
    assertions.iter().map(ruled).collect()
}

/// Tells what became of every assertion, and says whether all hold.
pub fn rule(rulings: &[Ruled]) -> bool {
    let mut all = true;
    for ruled in rulings {
        let (word, why) = match &ruled.ruling {
            Ruling::Holds => {
                note(&format!("holds: {}", ruled.text));
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
