//! What a user types, and what comes of it.

mod common;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, is_match, starts_with};

use common::{SMALL, herdsim};

#[test]
fn the_verdict_comes_first_and_the_table_fits_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let done = herdsim(&dir).args(SMALL).assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let verdict = text.split("\n\n").next().unwrap().replace('\n', " ");
    // Four runs are few, which comes before what they say.
    let caution = "warning: 4 runs say little: what happens in up to 49% of runs need not be among";
    assert!(verdict.starts_with(caution), "{verdict}");
    assert!(
        verdict.contains("fixed and full-jitter never recover within 60 s; budget recovers"),
        "{verdict}"
    );
    assert!(verdict.contains("% of calls"));
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );

    // Long names take a line of their own.
    let long = "resilience4j-exponential,aws-standard-2026-dynamodb,fixed";
    let done = herdsim(&dir).args(SMALL).args(["--policy", long]).assert();
    let text = String::from_utf8(done.success().get_output().stdout.clone()).unwrap();
    assert!(text.contains("\naws-standard-2026-dynamodb\n"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn result_json_has_every_key_of_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let done = herdsim(&dir)
        .args(SMALL)
        .args(["--format", "json"])
        .assert()
        .success();
    let json: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!(json["kind"], "herd");
    assert_eq!(
        (&json["seed"], &json["replications"]),
        (&1.into(), &4.into())
    );
    assert!(json["version"].is_string());
    let names = [
        "calls",
        "attempts",
        "attempts_per_call",
        "success_ratio",
        "failed_calls",
        "goodput_per_s",
        "peak_offered_ratio",
        "utilisation",
        "wasted_service_ratio",
        "recovered_ratio",
        "recovery_s",
        "latency_p50_s",
        "latency_p90_s",
        "latency_p99_s",
        "latency_p999_s",
        "rejected_attempts",
        "timed_out_attempts",
        "denied_retries",
        "duplicate_executions",
        "herd_index",
        "completion_s",
        "outstanding_calls",
    ];
    for policy in json["policies"].as_array().unwrap() {
        for name in names {
            let metric = &policy["metrics"][name];
            assert!(
                metric.get("mean").is_some() && metric.get("ci95").is_some(),
                "{name}"
            );
        }
    }
    let fixed = &json["policies"][0];
    assert_eq!(fixed["name"], "fixed");
    assert_eq!(fixed["metrics"]["recovered_ratio"]["mean"], 0.0);
    assert!(fixed["metrics"]["recovery_s"]["mean"].is_null());
    let ci = fixed["metrics"]["success_ratio"]["ci95"]
        .as_array()
        .unwrap();
    let mean = fixed["metrics"]["success_ratio"]["mean"].as_f64().unwrap();
    assert!(ci[0].as_f64().unwrap() < mean && mean < ci[1].as_f64().unwrap());
    let difference = &json["differences"][1];
    assert_eq!(
        (&difference["policy"], &difference["baseline"]),
        (&"budget".into(), &"fixed".into())
    );
    assert!(
        difference["metrics"]["success_ratio"]["mean"]
            .as_f64()
            .unwrap()
            > 0.5
    );
    // The file says the same.
    let file = std::fs::read(dir.path().join("out/blip/result.json")).unwrap();
    assert_eq!(file, done.get_output().stdout);
}

#[test]
fn csv_files_agree_with_each_other() {
    let dir = tempfile::tempdir().unwrap();
    herdsim(&dir).args(SMALL).assert().success();
    let read = |name: &str| {
        let path = dir.path().join("out/blip").join(name);
        let mut csv = csv::Reader::from_path(path).unwrap();
        let header = csv.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
        (header, rows)
    };
    let column = |header: &csv::StringRecord, name: &str| {
        header
            .iter()
            .position(|h| h == name)
            .unwrap_or_else(|| panic!("no column {name}"))
    };
    let (summary, rows) = read("summary.csv");
    let (raw, replications) = read("replications.csv");
    assert_eq!((rows.len(), replications.len()), (3, 12));
    for (i, row) in rows.iter().enumerate() {
        let values: Vec<f64> = replications[4 * i..4 * i + 4]
            .iter()
            .map(|r| r[column(&raw, "goodput_per_s")].parse().unwrap())
            .collect();
        let mean = values.iter().sum::<f64>() / 4.0;
        let shown: f64 = row[column(&summary, "goodput_per_s")].parse().unwrap();
        assert!((mean - shown).abs() < 1e-9 * mean);
        assert!(!row[column(&summary, "goodput_per_s_lo")].is_empty());
    }
    // The bins of the window add up to the metrics.
    let (series, bins) = read("timeseries.csv");
    assert_eq!(bins.len(), 3 * 600);
    let goodput = column(&series, "goodput_per_s");
    let total: f64 = bins[20..600]
        .iter()
        .map(|b| b[goodput].parse::<f64>().unwrap() * 0.1)
        .sum();
    let expected: f64 = rows[0][column(&summary, "goodput_per_s")]
        .parse::<f64>()
        .unwrap()
        * 58.0;
    assert!(
        (total - expected).abs() < 1e-6 * expected,
        "{total} {expected}"
    );
    assert_eq!(&bins[10][column(&series, "t_s")], "1");
}

#[test]
fn assertions_gate_the_exit_status() {
    let dir = tempfile::tempdir().unwrap();
    let ruled = |condition: &str, status: i32, says: &str| {
        herdsim(&dir)
            .args(SMALL)
            .args(["--assert", condition])
            .assert()
            .code(status)
            .stderr(contains(says));
    };
    ruled("budget.recovery_s < 5", 0, "holds: budget.recovery_s < 5");
    ruled("fixed.recovery_s < 5", 3, "does not recover in every run");
    ruled(
        "success_ratio > 90%",
        3,
        "fails: success_ratio > 90%: fixed.success_ratio is 16.",
    );
    ruled("completion_s < 5", 3, "has no value");
    // Four of four runs recover: Wilson's interval is (0.51, 1).
    ruled("budget.recovered_ratio > 0.9", 3, "undecided");
    ruled("fixed.rejected_attempts < 1", 3, "fails");
    ruled(
        "budget.denied_attempts < 1",
        3,
        "is 0 in all 4 runs, which gives no interval; 35 runs that agree would decide",
    );
    ruled(
        "budget.waiting_ratio < 10%",
        3,
        "95% interval 0 to 49.0%; about 35 replications would decide",
    );
    // Of calls that were answered it says nothing of the others.
    ruled(
        "fixed.latency_p50_s < 5",
        0,
        "warning: fixed.latency_p50_s < 5: fixed: 83.5% of its calls are never answered",
    );
}

/// Work that is stale before it is begun: success of calls that end, and an answer for none.
#[test]
fn a_ratio_of_calls_that_ended_holds_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let config = "faults = []\ncompare = [\"lease\"]\n[callers]\ncount = 2_000\narrival = \"once\"\n\
                  [service]\nservers = 10\nservice_time = \"exp(3s)\"\nqueue = 100_000\n\
                  [policy.lease]\nattempts = \"unlimited\"\ntimeout = \"60s\"\n\
                  [run]\nreplications = 20\nhorizon = \"600s\"\n";
    std::fs::write(dir.path().join("lease.toml"), config).unwrap();
    herdsim(&dir)
        .args([
            "run",
            "lease.toml",
            "--no-charts",
            "--assert",
            "success_ratio > 80%",
        ])
        .assert()
        .code(0)
        .stderr(contains("holds: success_ratio > 80%"))
        .stderr(contains(
            "of its calls still wait at the end, and count neither way",
        ));
    herdsim(&dir)
        .args([
            "run",
            "lease.toml",
            "--no-charts",
            "--assert",
            "answered_ratio > 80%",
        ])
        .assert()
        .code(3)
        .stderr(contains("fails"));
}

#[test]
fn formats_and_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let quiet = |format: &str| {
        herdsim(&dir)
            .args(SMALL)
            .args(["--quiet", "--format", format])
            .assert()
            .success()
            .stderr("")
    };
    quiet("csv").stdout(starts_with(
        "policy,replications,judged_calls,judged_calls_lo,judged_calls_hi",
    ));
    quiet("markdown").stdout(contains("| policy | answered |").and(contains("| budget |")));
    quiet("text").stdout(is_match("(?m)^budget +9").unwrap());
}

#[test]
fn flags_lie_over_the_file_and_set_over_flags() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("s.toml"),
        "name = 'mine'\nfaults = []\ncompare = ['mine', 'fixed']\n\
         run = { replications = 1, horizon = '3s' }\n\
         service = { servers = 7, queue = 5 }\n\
         [policy.mine]\nextends = 'full-jitter'\nattempts = 3\n",
    )
    .unwrap();
    herdsim(&dir)
        .args([
            "run",
            "s.toml",
            "--servers",
            "9",
            "--timeout",
            "100ms",
            "--no-charts",
        ])
        .args([
            "--set",
            "service.servers=11",
            "--set",
            "policy.mine.attempts=4",
        ])
        .assert()
        .success();
    let written = std::fs::read_to_string(dir.path().join("out/mine/scenario.toml")).unwrap();
    for line in [
        "servers = 11",
        "queue = 5",
        "timeout = \"100ms\"",
        "jitter = \"full\"",
        "faults = []",
    ] {
        assert!(written.contains(line), "{line} in\n{written}");
    }
    let (mine, fixed) = written.split_once("[policy.fixed]").unwrap();
    assert!(mine.contains("attempts = 4") && fixed.contains("attempts = 6"));
}

#[test]
fn the_scenarios_that_ship_run() {
    let dir = tempfile::tempdir().unwrap();
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    let mut names: Vec<_> = std::fs::read_dir(configs)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    names.sort();
    assert!(names.len() >= 12);
    for path in names {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        herdsim(&dir)
            .arg("run")
            .arg(&path)
            .args(["--replications", "1"])
            .assert()
            .success();
        let charts = match name.as_str() {
            "fence" => ["stale-writes.png", "stale-writes.svg"],
            "saga" => ["duplicates.png", "duplicates.svg"],
            "quorum-grid" | "quorum-cluster" => ["staleness.png", "price.svg"],
            "retry-grid" | "metastability-map" | "blip-by-load" => ["map.png", "map.svg"],
            _ => ["timeline.png", "scoreboard.svg"],
        };
        for file in charts.into_iter().chain(["summary.csv", "result.json"]) {
            assert!(
                dir.path().join("out").join(&name).join(file).exists(),
                "{name}/{file}"
            );
        }
    }
}

#[test]
fn the_default_config_is_the_default_scenario() {
    let text = include_str!("../configs/blip.toml");
    let read = herdsim_core::scenario::Scenario::parse("blip.toml", text).unwrap();
    assert_eq!(read, herdsim_core::scenario::Scenario::default());
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_herdsim"))
        .current_dir(&dir)
        .args(["--policy", "budget", "--callers", "500", "--servers", "10"])
        .args([
            "--replications",
            "1000000",
            "--yes",
            "--no-charts",
            "--bin",
            "1s",
        ])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let json = std::fs::read(dir.path().join("out/blip/result.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["interrupted"], true);
    let done = json["replications"].as_u64().unwrap();
    let raw = std::fs::read_to_string(dir.path().join("out/blip/replications.csv")).unwrap();
    assert_eq!(raw.lines().count() as u64, done + 1);
    let left: Vec<_> = std::fs::read_dir(dir.path().join("out")).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary directory is left");
}

/// The scenario that a file and some settings make, as it is written.
fn resolved(file: &str, settings: &[&str]) -> String {
    let mut overlay = herdsim_core::scenario::Overlay::default();
    overlay.file("s.toml", file).unwrap();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    let scenario = herdsim_core::scenario::Scenario::from_overlay(&overlay).unwrap();
    scenario.to_toml()
}

#[test]
fn set_reaches_every_field() {
    // Another kind of arrival leaves the file's rate behind.
    let file = "[callers]\nrate = '2/s'\n[[service]]\nservers = 3\n";
    let closed = resolved(file, &["callers.arrival=closed", "service.servers=80"]);
    assert!(closed.contains("think = \"exp(1s)\"") && !closed.contains("rate"));
    assert!(closed.contains("servers = 80"));
    // A table is as good as its fields, and leaves the others alone.
    let table = resolved("", &["policy.fixed={ timeout = '1s', attempts = 2 }"]);
    let (fixed, others) = table.split_once("[policy.full-jitter]").unwrap();
    assert!(fixed.contains("timeout = \"1s\"\n") && fixed.contains("attempts = 2"));
    assert!(others.contains("attempts = 6") && others.contains("[policy.budget]"));
    // Another base, whatever the policy was built on.
    let based = resolved(
        "",
        &["compare=['fixed']", "policy.fixed.extends=full-jitter"],
    );
    assert!(based.contains("jitter = \"full\""));
    // Names with dots are quoted.
    let file = "[policy.'v1.2']\nextends = 'fixed'\n";
    let dotted = resolved(file, &["policy.\"v1.2\".attempts=3"]);
    assert!(dotted.contains("[policy.\"v1.2\"]\nattempts = 3"));
}

#[test]
fn a_fence_tells_what_a_reader_needs() {
    let dir = tempfile::tempdir().unwrap();
    let run = herdsim(&dir)
        .args(["fence", "--assert", "atomic.p_stale_write <= 0"])
        .assert();
    let out = run.success().get_output().stdout.clone();
    let out = String::from_utf8(out).unwrap();
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.starts_with(
        "with a 15 s lease and pauses of 5 s on average, 4.5% of pauses end in a write over a newer one"
    ));
    assert!(words.contains("1.8% still land before the new leader's first write"));
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let json = std::fs::read_to_string(dir.path().join("out/fence/result.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kind"], "fence");
    let cells = json["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 5);
    for key in [
        "p_overlap",
        "p_stale_write",
        "p_unseen",
        "p_rejected",
        "unavailable_s",
    ] {
        assert!(
            cells[3][key]["mean"].is_number() && cells[3][key]["ci95"].is_array(),
            "{key}"
        );
    }
    let trace = std::fs::read_to_string(dir.path().join("out/fence/trace.csv")).unwrap();
    assert!(trace.contains("applies the old leader's write over a newer one"));
}

#[test]
fn a_quorum_says_what_a_setting_gives_up() {
    let dir = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let done = herdsim(&dir)
            .args(arguments)
            .args(["--no-charts", "--replications", "2000"])
            .assert()
            .success();
        let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        let flat = text.split("\n\n").next().unwrap().replace('\n', " ");
        (text, flat)
    };
    let (_, verdict) = said(&["quorum"]);
    // 3(1 − p)p² + … with p = 1%, against 1 − p³.
    for part in [
        "R=2 W=2 eliminates them",
        "tolerate 1 of their replicas down, not 2",
        "are possible 99.970% of it, not 99.99990%",
    ] {
        assert!(verdict.contains(part), "{verdict}");
    }

    // The levels of datacentres, where there are some; by file, with a promise by flag.
    let file = "kind = \"quorum\"\n[cluster]\nn = 6\nr = \"LOCAL_QUORUM\"\nw = \"LOCAL_QUORUM\"\n\
                [datacentres]\nreplicas = [3, 3]\ndelay = \"75ms\"\nwriter = \"random\"\n\
                reader = \"random\"\n[latency]\nfit = \"exp(1ms)\"\nreply = \"2ms\"\n";
    std::fs::write(dir.path().join("places.toml"), file).unwrap();
    let (_, verdict) = said(&["run", "places.toml"]);
    for part in [
        "R=LOCAL_QUORUM W=EACH_QUORUM eliminates them: reads take as long, writes",
        "writes with each replica down 1.0% of the time are possible 99.940% of it, not 99.970%",
    ] {
        assert!(verdict.contains(part), "{verdict}");
    }
    let promise = ["--target", "p_stale(90ms) < 5%", "--write-p99", "1s"];
    let (text, verdict) = said(&[&["run", "places.toml"], &promise[..]].concat());
    assert!(
        verdict.contains("two writes at once need not meet in a replica"),
        "{verdict}"
    );
    assert!(
        text.contains("at 90 ms") && text.contains("write p99"),
        "{text}"
    );

    // Half of a round trip each way is what it says.
    std::fs::write(dir.path().join("rtt.csv"), "rtt_ms\n2\n4\n10\n").unwrap();
    let (measured, _) = said(&["quorum", "--latency", "file(rtt.csv,round_trip=half)"]);
    let (written, _) = said(&["quorum", "--latency", "samples(1ms,2ms,5ms)"]);
    assert_eq!(measured, written);
}

#[test]
fn a_saga_tells_what_a_reader_needs() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "saga",
        "--request-loss",
        "0.1",
        "--response-loss",
        "0.2",
        "--execution",
        "0s",
    ];
    let run = herdsim(&dir)
        .args(args)
        .args(["--attempts", "4", "--format", "json"])
        .assert();
    let out = String::from_utf8(run.success().get_output().stdout.clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&json["kind"], &json["cells"][0]["key"]),
        (&"saga".into(), &"none".into())
    );
    let twice = json["cells"][0]["p_duplicate"]["exact"].as_f64().unwrap();
    assert!((twice - 0.19926).abs() < 1e-9);
    // 50 each, for every execution but the first.
    let extra = json["cells"][0]["extra_executions"]["mean"]
        .as_f64()
        .unwrap();
    let paid = json["cells"][0]["paid_twice_per_million"]["mean"]
        .as_f64()
        .unwrap();
    assert!((paid - extra * 50e6).abs() < 1e-3);
}

#[test]
fn double_refunds_stand_in_the_table_of_a_herd() {
    let dir = tempfile::tempdir().unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/order-refund.toml");
    let args = ["run", file, "--replications", "2", "--no-charts"];
    let out = herdsim(&dir)
        .args(args)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("double refunds") && out.contains("extra refunds are made with fixed"),
        "{out}"
    );
}

#[test]
fn the_catalogue_is_shown_searched_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], status: i32| {
        let mut command = Command::cargo_bin("herdsim").unwrap();
        let done = command.current_dir(&dir).args(args).assert().code(status);
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    let all = run(&["policies"], 0);
    assert!(all.lines().count() > 80 && all.lines().all(|l| l.chars().count() <= 80));
    let aws = run(&["policies", "aws"], 0);
    assert!(aws.contains("aws-standard-2026") && !aws.contains("sidekiq"));
    let one = run(&["policies", "envoy", "--chart", "charts"], 0);
    assert!(one.contains("resource_manager") || one.contains("backoff_strategy.cc"));
    // What is shown is a policy that a file can hold.
    let table = &one[one.find("[policy.").unwrap()..];
    std::fs::write(dir.path().join("s.toml"), table).unwrap();
    let flags = [
        "run",
        "s.toml",
        "--replications",
        "1",
        "--horizon",
        "15s",
        "--no-charts",
    ];
    run(&flags, 0);
    for chart in ["charts/break-even.png", "charts/break-even.svg"] {
        assert!(std::fs::metadata(dir.path().join(chart)).unwrap().len() > 10_000);
    }
    run(&["policies", "zzz"], 2);
}

#[test]
fn shells_and_readers_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let out = |args: &[&str]| {
        let done = herdsim(&dir).args(args).assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&["completions", shell]).contains("baseline"), "{shell}");
    }
    assert!(out(&["man"]).starts_with(".ie") && out(&["man"]).contains("\\-\\-policy"));
    assert!(out(&["man", "fence"]).contains("\\-\\-ttl"));
    herdsim(&dir).args(["man", "fnce"]).assert().code(2);
}

#[test]
fn flags_shape_yours_or_the_one_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let run = herdsim(&dir).args(SMALL).args(args).assert();
        let output = run.get_output();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr))
    };
    // Beside the others, not in place of them; in files as anything else.
    let (out, _) = run(&["--attempts", "3", "--budget", "20%", "--hedge", "50ms"]);
    for name in ["\nfixed ", "\nfull-jitter ", "\nbudget ", "\nyours "] {
        assert!(out.contains(name), "{out}");
    }
    let scenario = std::fs::read_to_string(dir.path().join("out/blip/scenario.toml")).unwrap();
    let yours = scenario.split("[policy.yours]").nth(1).unwrap();
    assert!(
        yours.starts_with("\nattempts = 3\ntimeout = \"250ms\""),
        "{yours}"
    );
    assert!(yours.contains("deposit_per_call = 0.2") && yours.contains("delay = \"50ms\""));
    assert_eq!(scenario.matches("attempts = 3").count(), 1);
    // The one that is named, and its row says so; its column does not.
    let (out, _) = run(&["-p", "fixed", "--attempts", "3"]);
    assert!(
        out.contains("fixed, altered") && !out.contains("yours"),
        "{out}"
    );
    let summary = std::fs::read_to_string(dir.path().join("out/blip/summary.csv")).unwrap();
    assert!(summary.contains("\nfixed,"), "{summary}");
    // How long callers wait is theirs.
    let (out, _) = run(&["--timeout", "300ms"]);
    assert!(!out.contains("altered") && !out.contains("yours"), "{out}");
    // Whose is it?
    let (_, err) = run(&["-p", "fixed,budget", "--jitter", "full"]);
    assert!(err.contains("--set policy.fixed.jitter="), "{err}");
}
