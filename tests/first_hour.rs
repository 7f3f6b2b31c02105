//! What a person with an incident does first: `init`, the report of it, conditions, measured
//! data beside it.

mod common;

use serde_json::Value as Json;
use tempfile::TempDir;

fn herdsim(dir: &TempDir, args: &[&str]) -> std::process::Output {
    common::herdsim(dir).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(dir: &TempDir, path: &str) -> String {
    std::fs::read_to_string(dir.path().join(path)).unwrap()
}

/// 200 processes of 25 threads against a pool of 64, which is refused for six seconds and
/// then slow.
const INCIDENT: [&str; 18] = [
    "--callers",
    "200x25",
    "--think",
    "200ms",
    "--service",
    "1x64",
    "--service-time",
    "lognormal(median=8ms,sigma=0.6)",
    "--fault",
    "crash@10s+6s",
    "--fault",
    "slow(3)@16s+0s~20s",
    "--attempts",
    "4",
    "--timeout",
    "2s",
    "--backoff",
    "exponential(base=100ms,multiplier=2,cap=2s)",
];

/// A count as a sentence has it.
fn thousands(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(c);
    }
    text
}

#[test]
fn an_incident_is_told_from_its_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let done = herdsim(&dir, &[&["init"], &INCIDENT[..]].concat());
    assert!(done.status.success(), "{}", text(&done.stderr));
    let done = herdsim(
        &dir,
        &["incident.toml", "--replications", "3", "--no-charts"],
    );
    assert!(done.status.success(), "{}", text(&done.stderr));
    let prose = read(&dir, "out/incident/postmortem.md");
    let result: Json = serde_json::from_str(&read(&dir, "out/incident/result.json")).unwrap();
    let of = |policy: &str, metric: &str| {
        let all = result["policies"].as_array().unwrap();
        let own = all.iter().find(|p| p["name"] == policy).unwrap();
        own["metrics"][metric]["mean"].as_f64().unwrap()
    };
    // Its numbers are those that were asked for.
    let setting = prose.lines().nth(2).unwrap();
    for part in [
        "5,000 callers in 200 processes pausing 200 ms",
        "64 servers at lognormal(median=8ms,sigma=0.6)",
        "timeout 2 s",
        "yours: 4 attempts, backoff exponential(base=100ms,multiplier=2,cap=2s)",
    ] {
        assert!(setting.contains(part), "{part} in {setting}");
    }
    // How long, how many, and what the herd is after it.
    let lead = prose
        .lines()
        .find(|line| line.starts_with("With yours,"))
        .unwrap();
    let degraded = format!("for {:.1} s", of("yours", "degraded_s"));
    let lost = format!("cost {} calls", thousands(of("yours", "lost_calls")));
    let peak = format!(
        "up to {} attempts a second",
        thousands(of("yours", "peak_after_per_s"))
    );
    for part in [&degraded, &lost, &peak] {
        assert!(lead.contains(part.as_str()), "{part} in {lead}");
    }
    // No change of policy saves a hundredth of the calls: none is said to help.
    let saved = |policy: &str| of("yours", "lost_calls") - of(policy, "lost_calls");
    for policy in ["jittered", "budgeted", "no-retries"] {
        assert!(saved(policy) < 0.01 * of("yours", "lost_calls"), "{policy}");
    }
    assert!(
        lead.contains("No other policy compared answers more by as much as 1% of these calls"),
        "{lead}"
    );
    assert!(!prose.contains("What helps most"), "{prose}");
    assert!(
        prose.contains("servers are busy 100% of the time"),
        "{prose}"
    );
}

/// The same in one line of flags, of which `yours` comes first.
#[test]
fn flags_set_an_incident_up_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let done = herdsim(
        &dir,
        &[
            "--callers",
            "5000",
            "--clients",
            "200",
            "--arrival",
            "closed",
            "--think",
            "200ms",
            "--servers",
            "64",
            "--service-time",
            "lognormal(median=8ms,sigma=0.6)",
            "--fault",
            "crash@10s+6s",
            "--fault",
            "slow(3)@16s+0s~20s",
            "--attempts",
            "4",
            "--timeout",
            "2s",
            "--backoff",
            "exponential(base=100ms,multiplier=2,cap=2s)",
            "--horizon",
            "90s",
            "--replications",
            "2",
            "--no-charts",
        ],
    );
    assert!(done.status.success(), "{}", text(&done.stderr));
    let prose = read(&dir, "out/blip/postmortem.md");
    assert!(
        prose.contains("With yours, a 6 s crash and a 20 s slowdown degrade"),
        "{prose}"
    );
}

#[test]
fn init_writes_what_runs_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (i, args) in [
        &[][..],
        &["--callers", "5000/s", "--policy", "grpc"],
        &["--callers", "50x10", "--attempts", "01", "--want", "load"],
        &["--callers", "40x1", "--policy", "none", "--want", "load"],
        &["--callers", "30x7", "--want", "load"],
        &[
            "--service",
            "3x40",
            "--jitter",
            "full",
            "--want",
            "capacity",
        ],
        &["--fault", "errors(30%)@10s+5s", "--attempts", "unlimited"],
    ]
    .iter()
    .enumerate()
    {
        let file = format!("i{i}.toml");
        let done = herdsim(&dir, &[&["init", &file], *args].concat());
        assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
        let written = read(&dir, &file);
        assert!(written.ends_with('\n'));
        // What a client does already is no change.
        let none = args.contains(&"01") || args.contains(&"none");
        assert_eq!(written.contains("[policy.no-retries]"), !none, "{written}");
        let run = [&file, "--replications", "1", "--no-charts", "-q"];
        let done = herdsim(&dir, &run);
        assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
    }
    let done = herdsim(&dir, &["init", "i0.toml"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("--force"));
    assert!(
        herdsim(&dir, &["init", "i0.toml", "--force"])
            .status
            .success()
    );
    for (args, says) in [
        (&["--callers", "many"][..], "200x25"),
        (&["--callers", "0x5"], "200x25"),
        (&["--callers", "9999999x9999999"], "200x25"),
        (&["--callers", "5/s", "--think", "1s"], "wait for answers"),
        (&["--fault", "crash@10s"], "how long it lasts"),
        (&["--service-time", "14"], "14ms"),
        (&["--policy", "grcp"], "grpc"),
        (&["--callers", "65535x65535", "--want", "load"], "callers"),
        (
            &["--service", "60000x60000", "--want", "capacity"],
            "servers",
        ),
    ] {
        let done = herdsim(&dir, &[&["init", "bad.toml"], args].concat());
        let told = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{args:?}");
        assert!(told.contains(says), "{args:?}: {told}");
        assert!(!dir.path().join("bad.toml").exists());
    }
}

#[test]
fn conditions_stand_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |conditions: &str| {
        let head = "compare = [\"budget\"]\n[run]\nreplications = 4\nhorizon = \"30s\"\n\
                    [callers]\ncount = 500\n[service]\nservers = 10\nqueue = 500\n";
        let file = format!("{head}[assert]\n{conditions}\n");
        std::fs::write(dir.path().join("s.toml"), file).unwrap();
    };
    let run = |args: &[&str]| {
        let done = herdsim(&dir, &[&["s.toml", "--no-charts", "-q"], args].concat());
        (done.status.code(), text(&done.stderr))
    };
    write("\"budget.degraded_s\" = [\"< 20\", \"> 0.1\"]\nbudget.attempts_per_call = \"< 2\"");
    let (code, told) = run(&[]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told.matches("holds: ").count(), 3, "{told}");
    // What ran again from its own file is held to the same, and so is its report.
    let again = herdsim(
        &dir,
        &[
            "out/blip/scenario.toml",
            "--no-charts",
            "-q",
            "--name",
            "again",
        ],
    );
    assert_eq!(text(&again.stderr).matches("holds: ").count(), 3);
    let before = read(&dir, "out/blip/postmortem.md");
    assert!(before.contains("budget.degraded_s < 20"), "{before}");
    let report = herdsim(&dir, &["report", "out/blip"]);
    assert_eq!(text(&report.stderr).matches("holds: ").count(), 3);

    write("\"budget.degraded_s\" = \"< 0.1\"");
    let (code, told) = run(&[]);
    assert_eq!(code, Some(3), "{told}");
    for (conditions, says) in [
        ("\"budget.degraded\" = \"< 1\"", "degraded_s"),
        ("\"budgit.degraded_s\" = \"< 1\"", "budget"),
        ("\"budget.degraded_s\" = 5", "in quotes"),
        ("\"budget.degraded_s\" = \"about 5\"", "in quotes"),
        ("\"budget.degraded_s\" = \"< soon\"", "soon"),
    ] {
        write(conditions);
        let (code, told) = run(&[]);
        assert_eq!(code, Some(2), "{conditions}: {told}");
        assert!(
            told.contains(says) && told.contains("s.toml"),
            "{conditions}: {told}"
        );
    }
}

#[test]
fn measured_series_are_drawn_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let small = [
        "-p",
        "budget",
        "--callers",
        "300",
        "--servers",
        "6",
        "--queue",
        "300",
        "--replications",
        "2",
        "--horizon",
        "30s",
        "-q",
    ];
    let run = |args: &[&str]| {
        let done = herdsim(&dir, &[&small[..], args].concat());
        (done.status.code(), text(&done.stderr))
    };
    let mut rows = String::from("time,rps,tail_ms\n");
    for s in 0..30 {
        rows += &format!("2025-11-28T10:00:{s:02}Z,{},{}\n", 300 + s, 40 + s);
    }
    std::fs::write(dir.path().join("m.csv"), rows).unwrap();
    let over = [
        "--overlay",
        "m.csv",
        "--series",
        "offered=rps",
        "--series",
        "p99=tail_ms",
    ];
    assert_eq!(run(&over), (Some(0), String::new()));
    let drawn = read(&dir, "out/blip/timeline.svg");
    assert!(drawn.contains("measured"), "not drawn");
    assert!(read(&dir, "out/blip/latency.svg").contains("measured"));
    assert!(!read(&dir, "out/blip/queue.svg").contains("measured"));
    let kept = read(&dir, "out/blip/measured.csv");
    assert!(
        kept.starts_with("t_s,offered_per_s,latency_p99_s\n0,300,0.04\n"),
        "{kept}"
    );
    herdsim(&dir, &["report", "out/blip"]);
    assert_eq!(read(&dir, "out/blip/timeline.svg"), drawn);
    // From five seconds later on its clock.
    let later = [&over[..], &["--overlay-start", "2025-11-28T10:00:05Z"]].concat();
    assert_eq!(run(&later).0, Some(0));
    assert!(read(&dir, "out/blip/measured.csv").contains("\n0,305,0.045\n"));
    for (args, says) in [
        (&["--overlay", "m.csv"][..], "--series"),
        (&["--series", "offered=rps"], "--overlay"),
        (
            &["--overlay", "none.csv", "--series", "offered=rps"],
            "none.csv",
        ),
        (&["--overlay", "m.csv", "--series", "offered=rsp"], "rps"),
        (&["--overlay", "m.csv", "--series", "load=rps"], "offered"),
        (
            &[
                "--overlay",
                "m.csv",
                "--series",
                "offered=rps",
                "--overlay-start",
                "noon",
            ],
            "noon",
        ),
    ] {
        let (code, told) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {told}");
        assert!(told.contains(says), "{args:?}: {told}");
    }
    let done = herdsim(
        &dir,
        &["fence", "--overlay", "m.csv", "--series", "offered=rps"],
    );
    assert!(
        text(&done.stderr).contains("goes with a herd"),
        "{}",
        text(&done.stderr)
    );
    assert_eq!(done.status.code(), Some(2));
}

/// A sweep over one axis says up to where it is safe, and prints its table.
#[test]
fn a_sweep_says_where_it_is_safe() {
    let dir = tempfile::tempdir().unwrap();
    let done = herdsim(
        &dir,
        &[
            "-p",
            "fixed,budget",
            "--vary",
            "policy.*.timeout=50ms,956352us,2s",
            "--callers",
            "500",
            "--servers",
            "10",
            "--queue",
            "500",
            "--replications",
            "4",
            "--horizon",
            "30s",
            "--no-charts",
            "-v",
        ],
    );
    let told = text(&done.stdout);
    assert!(
        told.contains("956 ms") && !told.contains("956352us"),
        "{told}"
    );
    assert!(
        told.contains("budget is safe") || told.contains("are safe"),
        "{told}"
    );
    assert_eq!(
        told.lines()
            .filter(|line| line.contains("ms ") || line.starts_with("2 s"))
            .count(),
        3
    );
    assert!(
        text(&done.stderr).contains("4 replications a cell"),
        "{}",
        text(&done.stderr)
    );
}

/// Policies of services alone are no policies of callers.
#[test]
fn whose_policies_they_are_has_to_be_said() {
    let dir = tempfile::tempdir().unwrap();
    let chain = "[[service]]\nname = \"front\"\npolicy = \"inner\"\n[[service]]\nname = \"db\"\n\
                 [policy.inner]\nattempts = 2\n";
    std::fs::write(dir.path().join("s.toml"), chain).unwrap();
    let done = herdsim(&dir, &["s.toml", "--no-charts"]);
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(
        told.contains("which have the callers") && told.contains("compare ="),
        "{told}"
    );
    let done = herdsim(
        &dir,
        &[
            "s.toml",
            "--no-charts",
            "-p",
            "budget",
            "--replications",
            "1",
        ],
    );
    assert!(done.status.success(), "{}", text(&done.stderr));
}
