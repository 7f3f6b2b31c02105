//! The readers on what the fuzzers keep, and on random changes of it: see `fuzz/`.

mod harness;

use std::fs;
use std::path::{Path, PathBuf};

use harness::{FORMATS, NAMES, TARGETS, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Every file below a directory, in the order of their names.
fn below(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let deeper = |path: PathBuf| match path.is_dir() {
        true => below(&path),
        false => vec![path],
    };
    paths.into_iter().flat_map(deeper).collect()
}

/// Fixtures of small size, each after the place of its end among some names.
fn fixtures<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Vec<Vec<u8>> {
    let small = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.len() < 2_500);
    let paths = below(Path::new("tests/audit/fixtures"))
        .into_iter()
        .filter(small);
    let input = |path: PathBuf| {
        let end = |name: &str| Path::new(name).extension().map(ToOwned::to_owned);
        let own = path.extension()?;
        let place = names
            .clone()
            .position(|name| end(name).as_deref() == Some(own))?;
        Some([vec![place as u8], fs::read(&path).unwrap()].concat())
    };
    paths.filter_map(input).collect()
}

/// Shipped scenarios, those with a sweep or those without.
fn shipped(sweeps: bool) -> Vec<Vec<u8>> {
    let files = below(Path::new("configs")).into_iter();
    let texts = files.filter_map(|path| fs::read_to_string(path).ok());
    let wanted = texts.filter(|text| text.contains("[sweep]") == sweeps);
    wanted.map(String::into_bytes).collect()
}

/// What a target begins with: inputs that are kept, and what the project has of its kind.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let kept = below(&Path::new("fuzz/corpus").join(name)).into_iter();
    let kept = kept.map(|path| fs::read(path).unwrap());
    let shared = match name {
        "document" => fixtures(FORMATS.iter().map(|(_, name)| *name)),
        "code" => fixtures(NAMES.into_iter()),
        "scenario" => shipped(false),
        "grid" => shipped(true),
        _ => Vec::new(),
    };
    let all: Vec<Vec<u8>> = kept.chain(shared).collect();
    assert!(all.len() >= 5, "{name}: {} inputs", all.len());
    all
}

/// Writes what every target begins with, for a fuzzer to begin with.
#[test]
#[ignore = "writes files, to HERDSIM_FUZZ_SEEDS"]
fn seeds_for_a_fuzzer() {
    let directory = std::env::var_os("HERDSIM_FUZZ_SEEDS").unwrap();
    for (name, _) in TARGETS {
        let directory = Path::new(&directory).join(name);
        fs::create_dir_all(&directory).unwrap();
        for (i, input) in corpus(name).iter().enumerate() {
            fs::write(directory.join(format!("{i:03}")), input).unwrap();
        }
    }
}

/// What may be done to some bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Cut(usize, usize),
    Double(usize, usize),
    Insert(usize, &'static str),
}

/// Words that mean something to one reader or another.
const WORDS: [&str; 24] = [
    "0",
    "-1",
    "1e308",
    "1e-320",
    "NaN",
    "99999999999999999999",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\n",
    "\t",
    ",",
    "=",
    "none",
    "${a:",
    "{{",
    "}}",
    "é",
    "\u{0}",
];

impl Change {
    fn any() -> impl Strategy<Value = Change> {
        let at = 0usize..4_000;
        prop_oneof![
            (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
            (at.clone(), 1usize..40).prop_map(|(at, n)| Change::Cut(at, n)),
            (at.clone(), 1usize..80).prop_map(|(at, n)| Change::Double(at, n)),
            (at, prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Change::Insert(at, word)),
        ]
    }

    fn of(&self, bytes: &mut Vec<u8>) {
        let within = |at: usize| at % (bytes.len() + 1);
        match *self {
            Change::Set(at, byte) => {
                let at = within(at);
                match bytes.get_mut(at) {
                    Some(own) => *own = byte,
                    None => bytes.push(byte),
                }
            }
            Change::Cut(at, n) => {
                let at = within(at);
                let end = (at + n).min(bytes.len());
                bytes.drain(at..end);
            }
            Change::Double(at, n) => {
                let at = within(at);
                let again = bytes[at..(at + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            Change::Insert(at, word) => {
                let at = within(at);
                bytes.splice(at..at, word.bytes());
            }
        }
    }
}

fn changed((name, target): Target) {
    let kept = corpus(name);
    kept.iter().for_each(|input| target(input));
    let cases = std::env::var("HERDSIM_FUZZ_CASES").ok();
    let cases = cases.and_then(|n| n.parse().ok()).unwrap_or(300);
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let inputs = (
        prop::sample::select(kept),
        prop::collection::vec(Change::any(), 1..6),
    );
    let run = TestRunner::new(config).run(&inputs, |(mut bytes, changes)| {
        changes.iter().for_each(|change| change.of(&mut bytes));
        target(&bytes);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{name}: {e}"));
}

fn check(name: &str) {
    let found = TARGETS.iter().find(|(other, _)| *other == name);
    changed(*found.unwrap_or_else(|| panic!("{name} is no target")));
}

#[test]
fn value() {
    check("value");
}

#[test]
fn scenario() {
    check("scenario");
}

#[test]
fn grid() {
    check("grid");
}

#[test]
fn document() {
    check("document");
}

#[test]
fn code() {
    check("code");
}

#[test]
fn table() {
    check("table");
}

#[test]
fn result() {
    check("result");
}

#[test]
fn run() {
    check("run");
}

#[test]
fn checkpoint() {
    check("checkpoint");
}

#[test]
fn no_target_is_left_out() {
    let (own, fuzzers) = (include_str!("main.rs"), Path::new("fuzz/fuzz_targets"));
    for (name, _) in TARGETS {
        assert!(own.contains(&format!("check(\"{name}\")")), "{name}");
        assert!(fuzzers.join(format!("{name}.rs")).exists(), "{name}");
    }
}
