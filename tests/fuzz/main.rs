//! The readers on what the fuzzers keep, and on random changes of it: see `fuzz/`.

mod harness;

use std::fs;
use std::path::Path;

use harness::{TARGETS, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The inputs that are kept of a target.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new("fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|e| panic!("{}: {e}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 5, "{name}: {} inputs", paths.len());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
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
