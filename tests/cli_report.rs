//! Documents, comparisons and runs read back, as a user asks for them.

mod common;

use std::path::Path;

use common::{SMALL, herdsim};

/// Every number that the prose says of a policy stands in `summary.csv`.
#[test]
fn the_postmortem_says_what_the_summary_holds() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--policy", "fixed,budget", "--replications", "3"];
    herdsim(&dir).args(args).assert().success();
    let read =
        |name: &str| std::fs::read_to_string(dir.path().join("out/blip").join(name)).unwrap();
    let (prose, page, summary) = (
        read("postmortem.md"),
        read("report.html"),
        read("summary.csv"),
    );
    let mut rows = csv::Reader::from_reader(summary.as_bytes());
    let header = rows.headers().unwrap().clone();
    for row in rows.records().map(Result::unwrap) {
        let value = |name: &str| -> f64 {
            let column = header.iter().position(|h| h == name).unwrap();
            row[column].parse().unwrap_or(f64::NAN)
        };
        let line = prose
            .lines()
            .find(|line| line.starts_with(&format!("- {}: ", &row[0])))
            .unwrap();
        let half = (value("answered_ratio_hi") - value("answered_ratio_lo")) * 50.0;
        let digits = (-half.log10().floor()).clamp(1.0, 3.0) as usize;
        let success = value("answered_ratio") * 100.0;
        assert!(
            line.contains(&format!(
                "{success:.digits$} ±{half:.digits$}% of its calls"
            )),
            "{line}"
        );
        let attempts = value("attempts_per_call");
        let before = line.split(" attempts a call").next().unwrap();
        let told: f64 = before.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((told - attempts).abs() < 0.006, "{line}: {attempts}");
        let wasted = value("wasted_service_ratio") * 100.0;
        assert!(
            line.contains(&format!("; {wasted:.1}% of the service's work")) || wasted == 0.0,
            "{line}"
        );
        let degraded = match value("recovered_ratio") < 1.0 {
            true => "it is degraded for at least ",
            false => "it is degraded for ",
        };
        let told = line.split(degraded).nth(1).unwrap();
        let told: f64 = told.split(' ').next().unwrap().parse().unwrap();
        assert!((told - value("degraded_s")).abs() <= 0.01 * told, "{line}");
        let page = page.replace("&#160;", " ").replace('\u{a0}', " ");
        assert!(page.contains(&line[2..line.find(';').unwrap()]), "{line}");
    }
    for chart in [
        "timeline",
        "scoreboard",
        "outcomes",
        "queue",
        "latency",
        "distribution",
    ] {
        assert!(page.contains(&format!("<figure id=\"{chart}\"")), "{chart}");
        assert!(prose.contains(&format!("]({chart}.png)")), "{chart}");
    }
    for remote in ["http://", "https://", " src=", "@import", "url("] {
        let free = page.replace("http://www.w3.org/2000/svg", "");
        // The font is within.
        let free = free.replace("src: url(data:", "");
        assert!(!free.contains(remote), "{remote}");
    }
}

#[test]
fn an_earlier_run_is_compared_and_conditions_become_junit() {
    let dir = tempfile::tempdir().unwrap();
    herdsim(&dir)
        .args(SMALL)
        .args(["--name", "before"])
        .assert()
        .success();
    let done = herdsim(&dir)
        .args(SMALL)
        .args(["--name", "after", "--baseline", "out/before/result.json"])
        .args([
            "--junit",
            "j.xml",
            "--assert",
            "budget.success_ratio > 99.9%",
        ])
        .assert()
        .code(3);
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(
        text.starts_with("nothing is set otherwise\n\nAs before: no policy answers more or fewer"),
        "{text}"
    );
    let prose = std::fs::read_to_string(dir.path().join("out/after/postmortem.md")).unwrap();
    assert!(prose.contains("Against before") && prose.contains("fails: "));
    let xml = std::fs::read_to_string(dir.path().join("j.xml")).unwrap();
    assert!(xml.contains("tests=\"1\" failures=\"1\""));
    herdsim(&dir)
        .args(["--baseline", "out/before/summary.csv"])
        .assert()
        .code(2);
}

/// Charts and documents come out of the files as they went in, whatever was run.
#[test]
fn reports_are_made_again_from_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str| format!("{}/configs/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let (chain, cluster) = (config("chain"), config("quorum-cluster"));
    let runs: [&[&str]; 8] = [
        &["--policy", "fixed,budget", "--replications", "3"],
        &["run", &chain, "--replications", "2"],
        &["fence", "--replications", "20000"],
        &["saga", "--replications", "20000"],
        &["quorum", "--r", "1,2", "--replications", "9000"],
        &["run", &cluster, "--replications", "2000"],
        &["--vary", "service.queue=500,1_000", "--replications", "2"],
        &[
            "fence",
            "--vary",
            "fence.ttl=5s,10s",
            "--vary",
            "fence.renew=1s,2s",
            "--replications",
            "2000",
        ],
    ];
    for (i, args) in runs.iter().enumerate() {
        let name = format!("r{i}");
        herdsim(&dir)
            .args(*args)
            .args(["--name", &name])
            .assert()
            .success();
        let run = dir.path().join("out").join(&name);
        let files = || -> Vec<(String, Vec<u8>)> {
            let mut all: Vec<_> = std::fs::read_dir(&run)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    (name, std::fs::read(path).unwrap())
                })
                .collect();
            all.sort();
            all
        };
        let before = files();
        let made = |name: &str| {
            [".png", ".svg", ".html", ".md"]
                .iter()
                .any(|e| name.ends_with(e))
        };
        for (name, _) in before.iter().filter(|(name, _)| made(name)) {
            std::fs::remove_file(run.join(name)).unwrap();
        }
        // What is made of the CSV files needs no result.json.
        std::fs::remove_file(run.join("result.json")).unwrap();
        herdsim(&dir).arg("report").arg(&run).assert().success();
        let after = files();
        assert_eq!(after.len() + 1, before.len(), "{args:?}");
        for (name, bytes) in &after {
            let first = before.iter().find(|(first, _)| first == name);
            assert!(first.unwrap().1 == *bytes, "{args:?}: {name} differs");
        }
    }
}

/// A comparison and its conditions are made again as well.
#[test]
fn a_comparison_is_made_again_from_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let small = [
        "--callers",
        "300",
        "--servers",
        "6",
        "--queue",
        "300",
        "--replications",
        "3",
    ];
    let judged = [
        "--baseline",
        "out/a",
        "--assert",
        "attempts_per_call.change < 900%",
        "--assert",
        "budget.success_ratio > 99.9%",
    ];
    herdsim(&dir)
        .args(small)
        .args(["--name", "a"])
        .assert()
        .success();
    herdsim(&dir)
        .args(small)
        .args(["--set", "service.queue=60", "--name", "b"])
        .args(judged)
        .assert()
        .code(3);
    let read = |name: &str| std::fs::read(dir.path().join("out/b").join(name)).unwrap();
    let names = [
        "postmortem.md",
        "report.html",
        "change.svg",
        "timeline.png",
        "timeline-before.svg",
    ];
    let before = names.map(read);
    for name in names {
        std::fs::remove_file(dir.path().join("out/b").join(name)).unwrap();
    }
    herdsim(&dir)
        .args(["report", "out/b"])
        .args(judged)
        .assert()
        .code(3);
    for (name, bytes) in names.iter().zip(before) {
        assert!(read(name) == bytes, "{name} differs");
    }
    let text = String::from_utf8(read("postmortem.md")).unwrap();
    assert!(text.contains("**Conditions**") && text.contains("Against a"));
    herdsim(&dir)
        .args(["report", "out/a", "out/b"])
        .args(judged)
        .assert()
        .code(2);
    // A sweep has no cells to compare with.
    herdsim(&dir)
        .args(["--vary", "service.queue=10,20", "--baseline", "out/a"])
        .assert()
        .code(2);
}

#[test]
fn runs_that_are_edited_or_of_another_version_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "--policy",
        "fixed,budget",
        "--replications",
        "3",
        "--name",
        "r",
    ];
    herdsim(&dir).args(args).assert().success();
    let run = dir.path().join("out/r");
    herdsim(&dir)
        .args(["report", "out/r", "out/r", "--out", "both"])
        .assert()
        .success();
    let page = std::fs::read_to_string(dir.path().join("both/report.html")).unwrap();
    assert!(page.contains("no policy answers more or fewer calls"));

    // What was edited by hand, cut short, or written by another version is told.
    let says = |name: &str, edit: &dyn Fn(String) -> String, what: &str| {
        let path = run.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, edit(text.clone())).unwrap();
        let done = herdsim(&dir).args(["report", "out/r"]).assert().code(2);
        let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(stderr.contains(what) && stderr.contains(name), "{stderr}");
        std::fs::write(&path, text).unwrap();
    };
    says(
        "timeseries.csv",
        &|t| t.replacen("t_s", "time", 1),
        "no column `t_s`",
    );
    says(
        "replications.csv",
        &|t| {
            t.replacen(",6,", ",six,", 1)
                .replacen("fixed,1,", "fixed,1,x", 1)
        },
        "is no number",
    );
    says(
        "timeseries.csv",
        &|t| t[..t.len() / 2].to_string(),
        "cannot read",
    );
    says(
        "replications.csv",
        &|t| t.lines().take(4).collect::<Vec<_>>().join("\n"),
        "no row of policy `budget`",
    );
    // Some of what cannot be, in the first row.
    let set = |text: String, column: &str, value: &str| {
        let at = text
            .lines()
            .next()
            .unwrap()
            .split(',')
            .position(|c| c == column)
            .unwrap();
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        let mut fields: Vec<&str> = lines[1].split(',').collect();
        fields[at] = value;
        lines[1] = fields.join(",");
        lines.join("\n")
    };
    for (name, column, value, what) in [
        ("replications.csv", "calls", "-3", "is negative"),
        ("replications.csv", "recovered_ratio", "5", "is above 1"),
        ("replications.csv", "success_ratio", "inf", "is no number"),
        ("replications.csv", "replication", "1", "where 0 should be"),
        ("timeseries.csv", "latency_p99_s", "inf", "is no number"),
        ("timeseries.csv", "t_s", "7", "where 0 should be"),
        ("waves.csv", "first", "NaN", "is no number"),
        (
            "latencies.csv",
            "latency_ns",
            "9999999999",
            "does not come after",
        ),
    ] {
        says(name, &|text| set(text, column, value), what);
    }
    says(
        "waves.csv",
        &|t| t.lines().take(9).collect::<Vec<_>>().join("\n"),
        "no row of policy",
    );
    std::fs::remove_file(run.join("latencies.csv")).unwrap();
    herdsim(&dir).args(["report", "out/r"]).assert().code(2);

    // The same of other kinds: what is missing, and in which file.
    let refused = |args: &[&str], file: &str, from: &str, to: &str, what: &str| {
        let common = ["--name", "k", "--replications", "2000", "--no-charts"];
        herdsim(&dir).args(args).args(common).assert().success();
        let path = dir.path().join("out/k").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let done = herdsim(&dir).args(["report", "out/k"]).assert().code(2);
        let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(stderr.contains(what) && stderr.contains(file), "{stderr}");
    };
    refused(
        &["fence"],
        "summary.csv",
        "guard,",
        "guards,",
        "no column `guard`",
    );
    refused(
        &["saga"],
        "summary.csv",
        "\nnone,2000,",
        "\nnone,2000,1",
        "`p_duplicate` is above 1",
    );
    refused(
        &["saga"],
        "summary.csv",
        "\nnone,",
        "\nnobody,",
        "no row of key `none`",
    );
    let axis = ["--vary", "fence.ttl=5s,10s"];
    let sweep = [&["fence"][..], &axis].concat();
    refused(
        &sweep,
        "summary.csv",
        "\n0,5s,",
        "\n0,6s,",
        "where cell 0 has `5s`",
    );
    refused(
        &["quorum"],
        "staleness.csv",
        "p_exact",
        "exactly",
        "no column `p_exact`",
    );
    refused(
        &["quorum"],
        "summary.csv",
        ",exact,",
        ",guessed,",
        "`guessed` in `method`",
    );
}

/// Takes a column out of a CSV file, with its values.
fn without(path: &Path, column: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = header.iter().position(|c| *c == column).unwrap();
    let cut = |line: &str| {
        let mut fields: Vec<&str> = line.split(',').collect();
        fields.remove(at);
        fields.join(",") + "\n"
    };
    std::fs::write(path, text.lines().map(cut).collect::<String>()).unwrap();
}

/// A run of a version that knew fewer metrics and columns is read all the same: what it
/// does not have is unknown, what would need that is left out, and both are said.
#[test]
fn runs_that_lack_columns_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let runs: [(&[&str], &str, &str); 5] = [
        (&[], "replications.csv", "answered_ratio"),
        (&[], "timeseries.csv", "goodput_per_s"),
        (&["fence"], "summary.csv", "p_overlap_hi"),
        (&["saga"], "summary.csv", "p_unknown"),
        (&["quorum"], "summary.csv", "p_stale_last"),
    ];
    for (i, (args, file, column)) in runs.into_iter().enumerate() {
        let name = format!("r{i}");
        let size = if args.is_empty() { "3" } else { "2000" };
        let common = ["--name", &name, "--replications", size, "--no-charts"];
        herdsim(&dir).args(args).args(common).assert().success();
        let run = dir.path().join("out").join(&name);
        without(&run.join(file), column);
        let done = herdsim(&dir)
            .args(["report", &format!("out/{name}")])
            .assert()
            .success();
        let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(
            stderr.contains(&format!("`{column}`")) && stderr.contains(file),
            "{stderr}"
        );
        let drawn = run.join("timeline.png").exists();
        assert_eq!(drawn, column == "answered_ratio", "{column}");
    }
}

/// A run by definitions that made other things of the same names is told as far as they agree.
#[test]
fn runs_by_older_definitions_are_told_as_far_as_they_mean_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let common = ["--replications", "10", "--no-charts", "--name"];
    herdsim(&dir).args(common).arg("v1").assert().success();
    let run = dir.path().join("out/v1");
    without(&run.join("replications.csv"), "judged_calls");
    // As it was written then.
    let path = run.join("result.json");
    let mut json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("definitions");
    json["policies"][0]["metrics"]["success_ratio"]["mean"] = 1.25.into();
    std::fs::write(&path, json.to_string()).unwrap();
    let done = herdsim(&dir).args(["report", "out/v1"]).assert().success();
    let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    for says in [
        "lacks `judged_calls`",
        "means something else by",
        "`answered_ratio`",
    ] {
        assert!(stderr.contains(says), "{stderr}");
    }
    let prose = std::fs::read_to_string(run.join("postmortem.md")).unwrap();
    assert!(
        prose.contains("5 attempts a call") || prose.contains("4.99 attempts a call"),
        "{prose}"
    );
    assert!(!prose.contains("of its calls are answered"), "{prose}");
    let against = [
        "--baseline",
        "out/v1/result.json",
        "--replications",
        "10",
        "--no-charts",
    ];
    let done = herdsim(&dir).args(against).assert().success();
    let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    for says in [
        "of definitions 1, by which `answered_ratio`",
        "`success_ratio` of `fixed` in the earlier run, 1.25, is above 1: not compared",
    ] {
        assert!(stderr.contains(says), "{stderr}");
    }
}

/// What a sentence rests on has to be there: without it the run is not told at all.
#[test]
fn runs_that_cannot_be_told_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let runs: [(&[&str], &str, &[&str]); 5] = [
        (
            &[],
            "replications.csv",
            &[
                "calls",
                "completion_s",
                "attempts_per_call",
                "double_effects",
            ],
        ),
        (
            &["fence"],
            "summary.csv",
            &["p_stale_write", "replications"],
        ),
        (
            &["saga"],
            "summary.csv",
            &["p_duplicate", "paid_twice_per_million"],
        ),
        (
            &["quorum"],
            "summary.csv",
            &["resilience", "t_visibility_0.99_s", "available_reads"],
        ),
        (
            &["--vary", "callers.count=100,200"],
            "summary.csv",
            &["recovered_ratio", "answered_ratio_lo"],
        ),
    ];
    for (i, (args, file, columns)) in runs.into_iter().enumerate() {
        let name = format!("n{i}");
        let size = if i % 4 == 0 { "3" } else { "2000" };
        let common = ["--name", &name, "--replications", size, "--no-charts"];
        herdsim(&dir).args(args).args(common).assert().success();
        let path = dir.path().join("out").join(&name).join(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        for column in columns {
            without(&path, column);
            let report = ["report", &format!("out/{name}")];
            let done = herdsim(&dir).args(report).assert().code(2);
            let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
            let says = format!("no column `{column}`");
            assert!(stderr.contains(&says), "{stderr}");
            std::fs::write(&path, &whole).unwrap();
        }
    }
}

/// What a run of a version without the number of trials has all the same is told.
#[test]
fn a_quorum_without_its_number_of_trials_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["quorum", "--method", "both", "--replications", "2000"];
    herdsim(&dir)
        .args(args)
        .args(["--name", "q"])
        .assert()
        .success();
    let page = |dir: &Path| std::fs::read_to_string(dir.join("postmortem.md")).unwrap();
    let run = dir.path().join("out/q");
    let before = page(&run);
    without(&run.join("summary.csv"), "replications");
    herdsim(&dir).args(["report", "out/q"]).assert().success();
    assert_eq!(page(&run), before);
}

/// What changed since an earlier run can be a condition.
#[test]
fn conditions_on_changes() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], name: &str| {
        let mut command = herdsim(&dir);
        command.args(args).args(["--no-charts", "--name", name]);
        command
    };
    run(&["fence", "--replications", "50000"], "a")
        .assert()
        .success();
    let base = [
        "--replications",
        "50000",
        "--baseline",
        "out/a/result.json",
        "--assert",
    ];
    let then = |ttl: &str, condition: &str| {
        let args = [&["fence", "--ttl", ttl][..], &base, &[condition]].concat();
        run(&args, "b").assert()
    };
    // The same lease, the same seed: no change at all.
    then("15s", "none.p_stale_write.change < 10%").code(0);
    // Half the lease: six times the overlaps, and more.
    then("7s", "none.p_overlap.change < 100%").code(3);
    then("7s", "none.p_overlap.change > 100%").code(0);
    then("7s", "atomic.p_stale_write.change <= 0%").code(0);
    let done = then("7s", "none.p_overlap.change < soon").code(2);
    assert!(String::from_utf8_lossy(&done.get_output().stderr).contains("such as 5%"));
    let alone = run(&["fence", "--assert", "none.p_overlap.change < 5%"], "c");
    { alone }.assert().code(2);
    // Another kind is nothing to compare with.
    let done = run(&["saga", "--baseline", "out/a/result.json"], "d")
        .assert()
        .code(2);
    assert!(String::from_utf8_lossy(&done.get_output().stderr).contains("kind `fence`"));
}

/// What the words of a report rest on.
#[test]
fn words_claim_no_more_than_the_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let small = [
        "--callers",
        "300",
        "--servers",
        "6",
        "--queue",
        "300",
        "--no-charts",
    ];
    let prose = |args: &[&str], name: &str| {
        let done = herdsim(&dir)
            .args(small)
            .args(args)
            .args(["--name", name])
            .assert();
        let text = String::from_utf8(done.success().get_output().stdout.clone()).unwrap();
        let path = dir.path().join("out").join(name).join("postmortem.md");
        (text, std::fs::read_to_string(path).unwrap())
    };
    // One run is the same as itself, and no worse, though there are no intervals.
    let once = ["--replications", "1"];
    prose(&once, "one");
    let (text, again) = prose(&[&once[..], &["--baseline", "out/one"]].concat(), "two");
    assert!(!text.contains("worse") && !again.contains("NaN"), "{text}");
    assert!(again.contains("cannot be told from chance"), "{again}");
    // Calls that never end are not answered: more attempts answer no more of them.
    let file = dir.path().join("many.toml");
    let policies = "[policy.two]\nextends = \"fixed\"\nattempts = 3\n\
                    [policy.forty]\nextends = \"fixed\"\nattempts = 60\n";
    std::fs::write(&file, policies).unwrap();
    herdsim(&dir)
        .args([
            "run",
            "many.toml",
            "--replications",
            "2",
            "--horizon",
            "30s",
            "--no-charts",
        ])
        .args(["--name", "many"])
        .assert()
        .success();
    let many = std::fs::read_to_string(dir.path().join("out/many/postmortem.md")).unwrap();
    assert!(
        many.contains("No policy answers more calls than another."),
        "{many}"
    );
    // Who gives up is done soon, and not the better for it.
    let burst = [
        "--arrival",
        "once",
        "--fault",
        "none",
        "--policy",
        "fixed,budget",
    ];
    let (_, burst) = prose(&[&burst[..], &["--replications", "4"]].concat(), "burst");
    assert!(
        burst.starts_with("## fixed answers the most calls"),
        "{burst}"
    );
}

/// What a run comes to as Markdown: its warnings, its verdict, its table.
fn told(dir: &tempfile::TempDir, scenario: &str, args: &[&str]) -> (String, String) {
    std::fs::write(dir.path().join("s.toml"), scenario).unwrap();
    let done = herdsim(dir)
        .args(["run", "s.toml", "--no-charts", "--quiet", "--name", "told"])
        .args(args)
        .output()
        .unwrap();
    let out = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', " ");
    let prose = std::fs::read_to_string(dir.path().join("out/told/postmortem.md")).unwrap();
    let text = format!("{} {}", out(&done.stdout), prose);
    (text, out(&done.stderr))
}

/// Faults of sentences that once were told, each with the numbers beside it.
#[test]
fn sentences_that_do_not_follow_are_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let head = "[callers]\ncount = 500\n[service]\nservers = 10\nqueue = 500\n";
    // Its retries come back in step after 12 s, when it had been well for long enough.
    let late = format!(
        "compare = [\"slow\"]\nfaults = [\"crash@10s+2s\"]\n[run]\nhorizon = \"39s\"\nreplications = 12\n\
         {head}[policy.slow]\nattempts = 3\nbackoff = \"fixed(12s)\"\n"
    );
    let (text, stderr) = told(&dir, &late, &["--assert", "slow.degraded_s < 1000"]);
    assert!(
        text.contains("slow is ill again at the end of 100% of runs"),
        "{text}"
    );
    assert!(
        text.contains("degraded for at least") && text.contains("≥"),
        "{text}"
    );
    assert!(
        !text.contains("Every policy recovers") && !text.contains("always"),
        "{text}"
    );
    assert!(stderr.contains("fails: slow.degraded_s < 1000"), "{stderr}");

    // A relief that is over before the faults are helps nobody; one that was there does.
    let relief = |fault: &str, policy: &str| {
        format!(
            "compare = [\"{policy}\"]\nfaults = [\"crash@10s+2s\", \"{fault}\"]\n\
             [run]\nreplications = 10\n{head}"
        )
    };
    let (text, _) = told(&dir, &relief("surge(0.999)@11s+100ms", "budget"), &[]);
    assert!(!text.contains("help of"), "{text}");
    let (text, _) = told(&dir, &relief("surge(0.2)@9s+30s", "fixed"), &[]);
    assert!(
        text.contains("with the help of surge(0.2)@9s+30s"),
        "{text}"
    );

    // Faults that nobody who is judged meets.
    let (text, _) = told(
        &dir,
        &relief("surge(0.999)@11s+100ms", "budget"),
        &["--cooldown", "50s"],
    );
    assert!(
        text.contains("leaves out some of those that meet the faults"),
        "{text}"
    );

    // One is done, with fewer calls answered than another that is not.
    let once = "compare = [\"hasty\", \"patient\"]\nfaults = []\n[run]\nhorizon = \"20s\"\nreplications = 10\n\
                [callers]\ncount = 3_000\narrival = \"once\"\n\
                [service]\nservers = 10\nservice_time = \"exp(100ms)\"\nqueue = 100\n\
                [policy.hasty]\nattempts = 2\nbackoff = \"fixed(500ms)\"\ntimeout = \"1s\"\n\
                [policy.patient]\nattempts = \"unlimited\"\nbackoff = \"fixed(500ms)\"\ntimeout = \"2s\"\n";
    let (text, _) = told(&dir, once, &[]);
    assert!(!text.contains("Nobody is done"), "{text}");
    assert!(text.contains("hasty is done after"), "{text}");

    // Nothing that is never reached is below a limit, and all of it above.
    let (_, stderr) = told(
        &dir,
        &format!("compare = [\"fixed\"]\n[run]\nreplications = 10\n{head}"),
        &["--assert", "wait_p99_s < 1h", "--assert", "wait_p99_s > 1h"],
    );
    assert!(stderr.contains("fails: wait_p99_s < 1h"), "{stderr}");
    assert!(stderr.contains("holds: wait_p99_s > 1h"), "{stderr}");
}

#[test]
fn whatever_a_run_wrote_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    // Budgets of every kind: a ratio's tokens may be negative.
    let budgets = "tower,linkerd,finagle,sre,grpc,budget,envoy,envoy-budget,aws-standard-2026";
    let args = ["-p", budgets, "--name", "budgets"];
    herdsim(&dir).args(SMALL).args(args).assert().success();
    let series = std::fs::read_to_string(dir.path().join("out/budgets/timeseries.csv")).unwrap();
    assert!(series.contains(",-"), "no tokens below 0");
    herdsim(&dir)
        .args(["report", "out/budgets"])
        .assert()
        .success();
    // One that cannot be read does not take the others with it, and is told.
    let two = ["report", "out/budgets", "out/nothing", "out/budgets"];
    let done = herdsim(&dir).args(two).args(["--out", "out/both"]).assert();
    let done = done.code(2);
    let told = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(
        told.contains("out/nothing") && told.contains("wrote out/both"),
        "{told}"
    );
    assert!(dir.path().join("out/both/report.html").exists());
}

#[test]
fn what_is_set_otherwise_comes_before_what_it_changed() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| herdsim(&dir).args(SMALL).args(args).assert();
    run(&["--name", "before"]).success();
    let against = ["--baseline", "out/before/result.json"];
    let set = [
        "--name",
        "after",
        "--set",
        "service.servers=5",
        "-p",
        "fixed,none",
    ];
    let done = run(&[&against[..], &set].concat()).success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} in\n{text}"))
    };
    assert!(at("service.servers") < at("Worse than before"));
    assert!(at("policy.none") < at("verdict"), "{text}");
    let page = std::fs::read_to_string(dir.path().join("out/after/postmortem.md")).unwrap();
    let at = |part: &str| {
        page.find(part)
            .unwrap_or_else(|| panic!("{part} in\n{page}"))
    };
    assert!(at("Set otherwise than in before") < at("Against before"));
    // All of a change within what is allowed is neither better nor worse.
    let all = run(&[&against[..], &set, &["--noise", "100%"]].concat()).success();
    let text = String::from_utf8(all.get_output().stdout.clone()).unwrap();
    assert!(text.contains("changes within the noise allowed"), "{text}");
    // Nothing in common is no comparison.
    let done = run(&[&against[..], &["--name", "other", "-p", "none"]].concat()).code(2);
    let told = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(told.contains("nothing to compare"), "{told}");
    assert!(!dir.path().join("out/other").exists());
}
