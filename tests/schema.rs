//! The schema of scenario files knows every field that they have, and no other.

mod common;

use assert_cmd::Command;
use serde_json::Value as Json;

fn schema() -> Json {
    let done = Command::cargo_bin("herdsim")
        .unwrap()
        .arg("schema")
        .assert();
    serde_json::from_slice(&done.success().get_output().stdout).unwrap()
}

/// A scenario's text as JSON.
fn json(text: &str) -> Json {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

fn configs() -> impl Iterator<Item = (String, String)> {
    let directory = format!("{}/configs", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(directory).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    })
}

#[test]
fn shipped_scenarios_are_valid() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (path, text) in configs() {
        let errors: Vec<String> = validator
            .iter_errors(&json(&text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:#?}");
    }
}

/// Every field that a resolved scenario of any kind spells out is known.
#[test]
fn resolved_scenarios_are_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let runs: [&[&str]; 6] = [
        &["--replications", "1", "--horizon", "20s"],
        &[
            "-p",
            "aws-standard-2026,polly,tower,grpc,envoy",
            "--replications",
            "1",
        ],
        &[
            "--arrival",
            "once",
            "--fault",
            "none",
            "--replications",
            "1",
        ],
        &["fence", "--replications", "1000"],
        &["saga", "--replications", "1000"],
        &["quorum", "--method", "exact"],
    ];
    for (i, args) in runs.iter().enumerate() {
        let mut herdsim = common::herdsim(&dir);
        let name = format!("r{i}");
        let done = herdsim.args(*args);
        done.args(["--no-charts", "--name", &name])
            .assert()
            .success();
        let path = dir.path().join("out").join(&name).join("scenario.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&json(&text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{args:?}: {errors:#?}");
    }
}

/// What `init` writes, and short spellings.
#[test]
fn what_people_write_is_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (i, want) in ["change", "load", "capacity"].iter().enumerate() {
        let file = format!("i{i}.toml");
        let mut herdsim = common::herdsim(&dir);
        let done = herdsim
            .current_dir(dir.path())
            .args(["init", &file, "--want", want]);
        done.args(["--callers", "20x5"]).assert().success();
        let text = std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(validator.is_valid(&json(&text)), "{want}");
    }
    for right in [
        "[policy.own]\nbudget = \"10%\"\nhedge = \"50ms\"\nbreaker = \"none\"",
        "[policy.own]\nbudget = 0.1\ncap_after = \"both\"",
        "[policy.own]\nbudget = \"none\"\nattempts = \"unlimited\"",
        "kind = \"quorum\"\n[cluster]\nn = [3, 5]\nr = \"1..=2\"",
        "[assert]\n\"budget.degraded_s\" = [\"< 5\"]",
    ] {
        assert!(validator.is_valid(&json(right)), "{right}");
    }
}

#[test]
fn what_no_reader_takes_is_invalid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for wrong in [
        "[service]\nserverz = 5",
        "[service]\nservers = true",
        "[callers]\narrival = \"opened\"",
        "[policy.own]\nbudget = { kind = \"bucket\" }",
        "[policy.own]\nattempt = 3",
        "kind = \"fence\"\n[callers]\ncount = 5",
        "kind = \"quorum\"\n[run]\nmethod = \"guess\"",
        "faults = \"crash@10s+2s\"",
    ] {
        assert!(!validator.is_valid(&json(wrong)), "{wrong}");
    }
}
