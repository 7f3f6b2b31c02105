//! What is fuzzed: every reader, as a function of bytes.
//!
//! Whatever it is given, a reader returns. An error says something, at a place within its text;
//! a value prints as text that reads back to the same. The same functions are run by the
//! fuzzers in `fuzz/`, and here on what those have found and on random changes of it.

use std::fmt::{Debug, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use herdsim::audit::files::Drafts;
use herdsim::audit::read::code::project::{Index, Project};
use herdsim::audit::read::{self, Format};
use herdsim::audit::site::Reading;
use herdsim::measured::Measured;
use herdsim::run::rebuild::rebuild;
use herdsim::run::{Context, Pens, RunDir, read_baseline, simulate};
use herdsim::sweep::assemble::Assembly;
use herdsim::sweep::checkpoint::{CELLS, Checkpoint};
use herdsim::sweep::shard::Shard;
use herdsim_core::dist::Dist;
use herdsim_core::ensemble::cost::Cost;
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Engine, Herd};
use herdsim_core::scenario::action::Action;
use herdsim_core::scenario::fault::Fault;
use herdsim_core::scenario::policy::{Backoff, Jitter};
use herdsim_core::scenario::sweep::Grid;
use herdsim_core::scenario::{Job, JobKind, Overlay, Place, Problem, Scenario, Source};
use herdsim_core::streams::Streams;
use herdsim_core::units::{Factor, Nanos, Probability, Rate, Tokens};
use herdsim_core::value::Value;

/// A reader and what it is called.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("value", value),
    ("scenario", scenario),
    ("grid", grid),
    ("document", document),
    ("code", code),
    ("table", table),
    ("result", result),
    ("run", run),
    ("checkpoint", checkpoint),
];

/// Its first byte, and the rest as text; nothing where it is none, which is refused earlier.
fn parts(data: &[u8]) -> Option<(u8, &str)> {
    let (first, rest) = data.split_first()?;
    Some((*first, std::str::from_utf8(rest).ok()?))
}

fn is_said(message: &str, place: Option<&Place>) {
    assert!(!message.is_empty());
    if let Some(place) = place {
        let text = &place.source.text;
        assert!(place.span.start <= place.span.end && place.span.end <= text.len() + 1);
    }
}

fn told(problem: &Problem) {
    is_said(&problem.message, problem.place.as_ref());
}

/// A value of the language: what its first byte names.
pub fn value(data: &[u8]) {
    fn of<T: Value + Display + Debug + PartialEq>(text: &str) {
        match T::parse(text) {
            Err(e) => {
                assert!(!e.message.is_empty());
                assert!(e.span.start <= e.span.end && e.span.end <= text.len());
            }
            Ok(value) => {
                let printed = value.to_string();
                let again = T::parse(&printed);
                assert_eq!(again.as_ref(), Ok(&value), "{printed}");
            }
        }
    }
    let Some((which, text)) = parts(data) else {
        return;
    };
    // Files are for others.
    if text.contains("file") {
        return;
    }
    match which % 10 {
        0 => of::<Dist>(text),
        1 => of::<Fault>(text),
        2 => of::<Action>(text),
        3 => of::<Backoff>(text),
        4 => of::<Jitter>(text),
        5 => of::<Nanos>(text),
        6 => of::<Rate>(text),
        7 => of::<Probability>(text),
        8 => of::<Factor>(text),
        _ => of::<Tokens>(text),
    }
}

/// A scenario of any kind; a small herd is run as well, and its books are balanced in there.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains("file") {
        return;
    }
    let read = |text: &str| {
        let mut overlay = Overlay::default();
        overlay.file("fuzz.toml", text)?;
        Job::from_overlay(&overlay, JobKind::Herd)
    };
    let job = match read(text) {
        Err(problem) => return told(&problem),
        Ok(job) => job,
    };
    let printed = toml::to_string(&job).unwrap();
    let again = read(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
    assert_eq!(again, job, "{printed}");
    if let Job::Herd(scenario) = &job {
        little(scenario);
    }
}

/// Runs a herd once under each policy, if that is little.
fn little(scenario: &Scenario) {
    let mut left = 20_000;
    let cost = Cost::of_herd(scenario, 1, &mut 0);
    assert!(!cost.events.is_nan() && !cost.bytes.is_nan());
    if cost.bytes > 50e6 || scenario.run.horizon.as_secs() / scenario.run.bin.as_secs() > 1e5 {
        return;
    }
    let mut one = scenario.clone();
    one.run.replications = 1;
    one.run.max_replications = None;
    Cost::of_herd(&one, 1, &mut left);
    if left == 0 {
        return;
    }
    for (_, policy) in &one.policies {
        let herd = Herd {
            scenario: &one,
            policy,
            engine: Engine::Fitting,
        };
        let streams = Streams {
            seed: 1,
            replication: 0,
        };
        assert_eq!(herd.replicate(streams).unbalanced(), None);
    }
}

/// A grid: what it writes down sweeps again to the same cells.
pub fn grid(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains("file") {
        return;
    }
    let read = |text: &str| {
        let mut overlay = Overlay::default();
        overlay.file("fuzz.toml", text)?;
        Grid::from_overlay(overlay, JobKind::Herd, &[])
    };
    let grid = match read(text) {
        Err(problem) => return told(&problem),
        Ok(grid) => grid,
    };
    if grid.cells() > 100.0 || grid.axes.is_empty() {
        return;
    }
    if let Err(problem) = grid.check() {
        return told(&problem);
    }
    let base = match grid.base() {
        Err(problem) => return told(&problem),
        Ok(base) => base,
    };
    let written = herdsim::sweep::written::scenario_text(&grid, &base);
    if let Err(e) = herdsim::run::sweep::check_written(&grid, &base, &written) {
        assert!(!e.to_string().is_empty());
        return;
    }
    let again = read(&written).unwrap_or_else(|e| panic!("{e}\n{written}"));
    for index in 0..grid.cells() as u64 {
        assert_eq!(again.job(index), grid.job(index), "{written}");
    }
    let base = again.base().unwrap_or_else(|e| panic!("{e}\n{written}"));
    let twice = herdsim::sweep::written::scenario_text(&again, &base);
    assert_eq!(twice, written);
}

/// What a document may be, and a name for it; its end tells it among fixtures.
pub const FORMATS: [(Format, &str); 10] = [
    (Format::Yaml, "a.yaml"),
    (Format::Json, "a.json"),
    (Format::Toml, "a.toml"),
    (Format::Properties, "application.properties"),
    (Format::Ini, "config"),
    (Format::Env, "a.env"),
    (Format::Terraform, "a.tf"),
    (Format::Haproxy, "haproxy.cfg"),
    (Format::Conf, "nginx.conf"),
    (Format::Cql, "a.cql"),
];

/// A file that is no code, of the format that its first byte names.
pub fn document(data: &[u8]) {
    let Some((which, text)) = parts(data) else {
        return;
    };
    let (format, name) = FORMATS[usize::from(which) % FORMATS.len()];
    let source = Arc::new(Source::new(name, text));
    let mut reading = Reading::default();
    read::document(Path::new(name), format, &source, &mut reading);
    all_said(&reading);
}

/// Names of files of code, one a language.
pub const NAMES: [&str; 9] = [
    "a.py", "a.js", "a.ts", "a.go", "A.java", "a.kt", "a.cs", "a.rb", "a.rs",
];

/// A file of code, in the language that its first byte names.
pub fn code(data: &[u8]) {
    let Some((which, text)) = parts(data) else {
        return;
    };
    let name = NAMES[usize::from(which) % NAMES.len()];
    let source = Arc::new(Source::new(name, text));
    let path = PathBuf::from(name);
    let mut drafts = Drafts::new();
    drafts.insert(name.to_string(), text.to_string());
    let index = Index::new(vec![(path.clone(), name.to_string())]);
    let project = Project::new(Arc::new(index), drafts);
    let mut reading = Reading::default();
    read::code(&project, &path, &source, &mut reading);
    all_said(&reading);
}

fn all_said(reading: &Reading) {
    for not in &reading.not_read {
        assert!(!not.reason.is_empty());
    }
    for site in &reading.sites {
        is_said("a site", Some(&site.place));
    }
}

/// Where files are put that a reader takes by their path, one for each thread.
fn place() -> PathBuf {
    thread_local! {
        static PLACE: tempfile::TempDir = tempfile::tempdir().unwrap();
    }
    PLACE.with(|place| place.path().to_path_buf())
}

/// A CSV file of samples, of rates, or of what was measured.
pub fn table(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let directory = place();
    let file = directory.join("t.csv");
    fs::write(&file, rest).unwrap();
    match which % 3 {
        0 => match Dist::parse_in("file(t.csv,unit=ms)", &directory) {
            Err(e) => assert!(!e.message.is_empty()),
            Ok(law) => assert_eq!(Dist::parse(&law.to_string()), Ok(law)),
        },
        1 => {
            let scenario = directory.join("s.toml").display().to_string();
            let text = "callers = { arrival = \"trace\", file = \"t.csv\" }\n";
            match Scenario::parse(&scenario, text) {
                Err(problem) => told(&problem),
                Ok(read) => {
                    let printed = read.to_toml();
                    let again = Scenario::parse("again", &printed);
                    assert_eq!(again.as_ref(), Ok(&read), "{printed}");
                }
            }
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(rest) {
                let series = ["goodput=a".to_string(), "queue=b".to_string()];
                if let Err(problem) = Measured::read("t.csv", text.to_string(), &series, None) {
                    told(&problem);
                }
            }
        }
    }
}

/// A herd that is quickly run.
const SMALL: &str = "name = \"small\"\ncompare = [\"fixed\", \"budget\"]\n\
    callers = { count = 20 }\nrun = { replications = 2, horizon = \"14s\" }\n";

/// A run of each kind that there is, without its charts.
static RUNS: LazyLock<(tempfile::TempDir, Vec<Job>)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let texts = [
        SMALL.to_string(),
        "kind = \"fence\"\nrun = { replications = 100 }\n".to_string(),
        "kind = \"saga\"\nrun = { replications = 100 }\n".to_string(),
        "kind = \"quorum\"\nrun = { replications = 100 }\n".to_string(),
    ];
    let workers = Workers::new(1).unwrap();
    let jobs = texts.into_iter().enumerate().map(|(i, text)| {
        let mut overlay = Overlay::default();
        overlay.file("small.toml", &text).unwrap();
        let job = Job::from_overlay(&overlay, JobKind::Herd).unwrap();
        let context = Context {
            workers: &workers,
            watch: Watch::default(),
            charts: false,
            before: None,
            measured: None,
        };
        let finished = simulate(&job, &context).unwrap();
        let place = RunDir::prepare(directory.path(), &i.to_string()).unwrap();
        finished.write(place, Pens::new(&workers)).unwrap();
        job
    });
    let jobs = jobs.collect();
    (directory, jobs)
});

/// The `result.json` of an earlier run, of the kind that its first byte names.
pub fn result(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let job = &RUNS.1[usize::from(*which) % RUNS.1.len()];
    let file = place().join("result.json");
    fs::write(&file, rest).unwrap();
    match read_baseline(job, &file, 0.01) {
        Err(e) => assert!(!e.to_string().is_empty()),
        Ok(earlier) => assert!(!earlier.name.contains('\0')),
    }
}

/// The directory of a run of which one file was changed: the kind by the first byte, the
/// file by the second.
pub fn run(data: &[u8]) {
    let [which, file, rest @ ..] = data else {
        return;
    };
    let (runs, jobs) = &*RUNS;
    let kind = usize::from(*which) % jobs.len();
    let whole = runs.path().join(kind.to_string());
    let mut names: Vec<_> = fs::read_dir(&whole)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|e| e == "csv" || e == "toml")
        })
        .collect();
    names.sort();
    let changed = &names[usize::from(*file) % names.len()];
    let directory = place().join("run");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    for name in &names {
        match name == changed {
            true => fs::write(directory.join(name), rest).unwrap(),
            // Not `fs::copy`, which a fuzzer's timer interrupts.
            false => fs::write(directory.join(name), fs::read(whole.join(name)).unwrap()).unwrap(),
        }
    }
    if let Err(e) = rebuild(&directory, None, &[]) {
        assert!(!e.to_string().is_empty());
    }
}

/// The record of a sweep's cells: whatever it holds, each cell is in there whole, or not done.
pub fn checkpoint(data: &[u8]) {
    const CELLS_OF_IT: u64 = 6;
    let directory = place().join("sweep");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("scenario.toml"), "x = 1\n").unwrap();
    fs::write(directory.join(CELLS), data).unwrap();
    let done = match Checkpoint::open(&directory, "x = 1\n", CELLS_OF_IT, 3) {
        Err(e) => return assert!(!e.to_string().is_empty()),
        Ok(checkpoint) => {
            let done = checkpoint.done.iter().filter(|done| **done).count();
            checkpoint.close().unwrap();
            done
        }
    };
    let whole = Assembly::of(&[directory], ("x = 1\n", CELLS_OF_IT), Shard::WHOLE, 3);
    match whole {
        Ok(mut assembly) => {
            assert_eq!(done as u64, CELLS_OF_IT);
            assembly.each(|_, _, _| Ok(())).unwrap();
        }
        Err(e) => assert!(done < CELLS_OF_IT as usize || !e.to_string().is_empty()),
    }
}
