//! `herdsim audit` as a command.

use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::Value;

fn audit(at: &Path) -> Command {
    let mut command = Command::cargo_bin("herdsim").unwrap();
    command.current_dir(at).arg("audit").arg("-q");
    command
}

fn system() -> String {
    format!("{}/configs/order-system", env!("CARGO_MANIFEST_DIR"))
}

/// What the four verdicts, the numbers, the assumption and the patch are told as.
#[test]
fn the_screen_says_what_is_wrong_how_sure_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let told = audit(dir.path()).arg(system()).assert().success();
    for text in [
        "assumed 1,000 calls/s, 70% load;",
        "now never recovers (0 of 20 runs)",
        "a budget of 10% and full jitter: degraded for",
        "full jitter alone: never recovers",
        "W = 2 and R = 2: every read meets the last write;",
        "no refund is made twice",
        "no pause of a leader",
        "5 changes in 4 files; audited again with it: 0 high, 0 medium, 0 low",
    ] {
        let stdout = String::from_utf8_lossy(&told.get_output().stdout).to_string();
        let plain: Vec<&str> = stdout.split_whitespace().collect();
        assert!(plain.join(" ").contains(text), "{text}\n{stdout}");
    }
}

#[test]
fn json_has_every_change_with_its_numbers_and_its_patch() {
    let dir = tempfile::tempdir().unwrap();
    let told = audit(dir.path())
        .args([&system(), "--format", "json"])
        .assert()
        .success();
    let json: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    assert_eq!(json["kind"], "audit");
    assert_eq!(json["assumed"]["objective"], "balanced");
    assert_eq!(json["predictions"].as_array().unwrap().len(), 5);
    let fixes = json["fixes"].as_array().unwrap();
    let best: Vec<&Value> = fixes
        .iter()
        .filter(|fix| fix["standing"] == "best")
        .collect();
    assert_eq!(best.len(), 4);
    for fix in best {
        assert!(
            fix["patch"].as_str().unwrap().starts_with("--- a/"),
            "{fix}"
        );
        let numbers = fix["numbers"].as_object().unwrap();
        assert!(numbers.values().all(|n| n["n"].is_number()), "{fix}");
    }
    assert!(
        json["patch"]
            .as_str()
            .unwrap()
            .contains("+RETRY_BUDGET = RetryBudget()")
    );
    // Nothing is simulated where only reading is asked for.
    let told = audit(dir.path())
        .args([&system(), "--format", "json", "--read-only"])
        .assert();
    let json: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    assert!(json["assumed"].is_null() && json["fixes"] == serde_json::json!([]));
}

/// How far each retry is from the edge: the one without a budget is near it.
#[test]
fn margins_are_told_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let client = format!("{}/orders/client.py", system());
    let told = audit(dir.path())
        .args([&client, "--format", "json", "--edge"])
        .assert()
        .success();
    let json: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    let edge = &json["predictions"][0]["edge"];
    let bracket = |key: &str| [0, 1].map(|i| edge[key]["bracket"][i].as_f64().unwrap());
    let [before, beyond] = bracket("crash_s");
    assert!(0.2 < before && before < beyond && beyond < 2.0, "{edge}");
    // Two seconds are not survived at the load that there is.
    let [before, beyond] = bracket("load_times");
    assert!(before < beyond && beyond < 1.0, "{edge}");
}

/// A finding that its best change ends has that as its fix.
#[test]
fn sarif_has_fixes() {
    let dir = tempfile::tempdir().unwrap();
    let told = audit(dir.path())
        .args([&system(), "--format", "sarif"])
        .assert()
        .success();
    let sarif: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let fixed: Vec<&str> = results
        .iter()
        .filter(|result| result["fixes"].is_array())
        .map(|result| result["ruleId"].as_str().unwrap())
        .collect();
    for rule in ["HS101", "HS102", "HS201", "HS301", "HS401"] {
        assert!(fixed.contains(&rule), "{fixed:?}");
    }
    let change = &results.iter().find(|r| r["ruleId"] == "HS201").unwrap()["fixes"][0];
    let replaced = &change["artifactChanges"][0]["replacements"][0];
    assert_eq!(replaced["insertedContent"]["text"], "  W: 2\n  R: 2\n");
    let region = &replaced["deletedRegion"];
    let lines = region["endLine"].as_u64().unwrap() - region["startLine"].as_u64().unwrap();
    assert_eq!(lines, 2);
}

/// Beside a baseline only what is new fails; what is gone is told.
#[test]
fn a_baseline_tells_what_is_new_and_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("client.py");
    let text = std::fs::read_to_string(Path::new(&system()).join("orders/client.py")).unwrap();
    std::fs::write(&file, &text).unwrap();
    let before = audit(dir.path())
        .args(["client.py", "--read-only", "--format", "json"])
        .assert();
    std::fs::write(dir.path().join("before.json"), &before.get_output().stdout).unwrap();
    let against = |args: &[&str]| {
        let mut command = audit(dir.path());
        command.args([
            "client.py",
            "--read-only",
            "--fail-on",
            "high",
            "--baseline",
            "before.json",
        ]);
        command.args(args).assert()
    };
    against(&[])
        .success()
        .stdout(contains("nothing new, nothing gone"));
    std::fs::write(
        &file,
        text.replace("range(6)", "range(2)").replace("== 5", "== 1"),
    )
    .unwrap();
    against(&[]).success().stdout(contains("gone"));
    let more = text.replace("def authorise", "def authorise_again");
    std::fs::write(&file, format!("{text}\n\n{more}")).unwrap();
    against(&[]).code(3).stdout(contains("new"));
    std::fs::write(dir.path().join("before.json"), "{}").unwrap();
    against(&[])
        .code(2)
        .stderr(contains("the baseline is no audit"));
}

#[test]
fn a_directory_has_all_formats_and_the_worst_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = || {
        audit(dir.path())
            .args([&system(), "--out", "o"])
            .assert()
            .success()
    };
    run();
    // It may be written again.
    run();
    for name in [
        "audit.md",
        "audit.json",
        "audit.sarif",
        "timeline.png",
        "report.html",
        "result.json",
    ] {
        assert!(dir.path().join("o/audit").join(name).is_file(), "{name}");
    }
    let page = std::fs::read_to_string(dir.path().join("o/audit/report.html")).unwrap();
    assert!(page.contains("Findings of the audit") && page.contains("HS301"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file(
        "chain.toml",
        "[[service]]\nname = \"a\"\nclients = 1\n[[service]]\nname = \"b\"\n",
    );
    file("quorum.toml", "kind = \"quorum\"\n");
    for (args, told) in [
        (&["--load", "0"][..], "a share of capacity"),
        (&["--calls", "0/s"], "expected calls"),
        (&["--calls=-5/s"], "cannot be negative"),
        (&["--service-time", "quick"], "quick"),
        (&["--fault", "flood@1s"], "flood"),
        (&["--situation", "none.toml"], "cannot read"),
        (&["--situation", "chain.toml"], "one service"),
        (&["--situation", "quorum.toml"], "quorum"),
        (&["--patch", "--change", "999"], "no patch 999"),
        (&["--patch", "--change", "0"], "no patch 0"),
        (&["--patch", "--read-only"], "cannot be used with"),
    ] {
        let run = audit(dir.path()).arg(system()).args(args).assert().code(2);
        let stderr = String::from_utf8_lossy(&run.get_output().stderr).to_string();
        assert!(stderr.contains(told), "{args:?}: {stderr}");
    }
}

/// What comes on standard input has no file to patch: there is text instead.
#[test]
fn standard_input_is_not_patched() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(Path::new(&system()).join("orders/store.yaml")).unwrap();
    let told = audit(dir.path())
        .arg("-")
        .write_stdin(text.clone())
        .assert()
        .success();
    let stdout = String::from_utf8_lossy(&told.get_output().stdout).to_string();
    assert!(stdout.contains("by hand: set W = 2 and R = 2"), "{stdout}");
    let patch = audit(dir.path())
        .args(["-", "--patch"])
        .write_stdin(text)
        .assert()
        .success();
    assert!(patch.get_output().stdout.is_empty());
}

/// Replicas, balancing, ejection and limits that files state make the service of a prediction.
#[test]
fn what_files_state_of_a_service_is_what_is_simulated() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "mesh.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: orders }\n\
         spec:\n  replicas: 4\n  template: { spec: { containers: [ { name: orders } ] } }\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: orders }\n\
         spec:\n  hosts: [orders]\n  http:\n    - route: [ { destination: { host: orders } } ]\n      \
         retries: { attempts: 3, perTryTimeout: 200ms, retryOn: 5xx }\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: orders }\n\
         spec:\n  host: orders\n  trafficPolicy:\n    loadBalancer: { simple: ROUND_ROBIN }\n    \
         outlierDetection: { consecutive5xxErrors: 3, interval: 5s, maxEjectionPercent: 50 }\n",
    );
    let told = audit(dir.path())
        .args([".", "--scenario"])
        .assert()
        .success();
    let text = String::from_utf8_lossy(&told.get_output().stdout).to_string();
    for line in [
        "# stated: 4 hosts, round-robin (mesh.yaml:5)",
        "hosts = 4",
        "balance = \"round-robin\"",
        "servers = 5",
        "failures = 3",
        "at_most = 0.5",
        "interval = \"5s\"",
        "for = \"30s\"",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // It can be run, and is what a prediction says.
    write("site.toml", &text);
    Command::cargo_bin("herdsim")
        .unwrap()
        .current_dir(dir.path())
        .args([
            "run",
            "site.toml",
            "-q",
            "--no-charts",
            "--replications",
            "2",
        ])
        .assert()
        .success();
    let told = audit(dir.path())
        .args(["mesh.yaml", "--format", "json"])
        .assert()
        .success();
    let json: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    let stated = json["predictions"][0]["stated"].to_string();
    assert!(
        stated.contains("4 hosts") && stated.contains("after 3 failures"),
        "{stated}"
    );
    // Envoy Gateway's limit for everybody is the service's.
    write(
        "gateway.yaml",
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\n\
         metadata: { name: api }\nspec:\n  targetRefs: [ { kind: HTTPRoute, name: api } ]\n  \
         retry: { numRetries: 2 }\n  \
         rateLimit: { type: Local, local: { rules: [ { limit: { requests: 300, unit: Minute } } ] } }\n",
    );
    let told = audit(dir.path())
        .args(["gateway.yaml", "--scenario"])
        .assert()
        .success();
    let text = String::from_utf8_lossy(&told.get_output().stdout).to_string();
    assert!(
        text.contains("rate = \"5/s\"") && text.contains("burst = 300"),
        "{text}"
    );
}
