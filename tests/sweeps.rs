//! Sweeps: the same bytes however they were cut short, shared out or threaded.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn herdsim(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("herdsim"));
    command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_string()
}

const GRID: &str = r#"
name = "grid"
faults = ["crash@2s+1s"]
compare = ["fixed", "budget"]
run = { replications = 2, warmup = "1s", horizon = "12s" }
callers = { count = 100, clients = 5 }
service = { servers = 2, queue = 200 }
[sweep]
"service.queue" = { from = 10, to = 400, points = 6, scale = "log" }
"callers.rate" = ["0.3/s", "0.6/s", "0.9/s", "1.2/s"]
"policy.*.timeout" = ["100ms", "250ms"]
"#;

#[test]
fn shards_and_threads_and_interruptions_leave_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("grid.toml"), GRID).unwrap();
    let grid = path(dir, "grid.toml");
    let whole = path(dir, "whole");
    assert!(
        herdsim(&["sweep", &grid, "--out", &whole, "--threads", "1"])
            .status()
            .unwrap()
            .success()
    );
    let expected = files(&dir.join("whole/grid"));
    let names: Vec<&String> = expected.keys().collect();
    assert_eq!(
        names,
        [
            "cells.log",
            "map.png",
            "map.svg",
            "postmortem.md",
            "report.html",
            "result.json",
            "scenario.toml",
            "summary.csv"
        ]
    );
    // Its own scenario is the grid again.
    let again = path(dir, "again");
    let scenario = path(dir, "whole/grid/scenario.toml");
    assert!(
        herdsim(&["sweep", &scenario, "--out", &again, "--threads", "7"])
            .status()
            .unwrap()
            .success()
    );
    assert!(files(&dir.join("again/grid")) == expected);

    // Seven shards, merged in any order.
    let mut shards = Vec::new();
    for i in 1..=7 {
        let out = path(dir, "shards");
        let shard = format!("{i}/7");
        assert!(
            herdsim(&["sweep", &grid, "--out", &out, "--shard", &shard])
                .status()
                .unwrap()
                .success()
        );
        shards.push(path(dir, &format!("shards/grid.shard-{i}-of-7")));
    }
    shards.rotate_left(3);
    let merged = path(dir, "merged");
    let mut args = vec!["merge"];
    args.extend(shards.iter().map(String::as_str));
    args.extend(["--out", &merged]);
    assert!(herdsim(&args).status().unwrap().success());
    assert!(files(&dir.join("merged/grid")) == expected);
}

#[test]
fn a_killed_sweep_goes_on_and_ends_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("grid.toml"), GRID).unwrap();
    let grid = path(dir, "grid.toml");
    let args = |out: &'static str| -> Vec<String> {
        let out = path(dir, out);
        ["sweep", &grid, "--no-charts", "--out", &out]
            .map(String::from)
            .to_vec()
    };
    let run = |args: &[String]| herdsim(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Instant::now();
    assert!(run(&args("whole")).status().unwrap().success());
    let whole = start.elapsed();
    let expected = files(&dir.join("whole/grid"));

    // Killed at points spread over the time of a run and beyond, each time going on.
    let (mut kills, mut left_behind) = (0, 0);
    let mut i = 0u32;
    while kills < 20 {
        i += 1;
        assert!(i < 200, "{kills} kills of {i}");
        let mut child = run(&args("killed")).spawn().unwrap();
        // A low-discrepancy walk over the first half of the run.
        let share = f64::from(i * 618_034 % 1_000_000) / 2e6;
        std::thread::sleep(whole.mul_f64(share) + Duration::from_millis(2));
        let done = child.try_wait().unwrap().is_some();
        if !done {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        let checkpoint = dir.join("killed/.grid.sweep/cells.log");
        left_behind += usize::from(std::fs::metadata(&checkpoint).is_ok_and(|m| m.len() > 0));
        if done {
            // It was quicker than the kill: compare, and begin anew.
            assert!(files(&dir.join("killed/grid")) == expected);
            std::fs::remove_dir_all(dir.join("killed")).unwrap();
        }
    }
    assert!(left_behind > 0, "no kill left a checkpoint to go on from");
    // Some cells are done, and are not done again: killed late once more to be sure.
    let mut child = run(&args("killed")).spawn().unwrap();
    std::thread::sleep(whole.mul_f64(0.5));
    let _ = child.kill();
    child.wait().unwrap();
    // A torn line at the end is what a kill in the middle of a write leaves.
    let checkpoint = dir.join("killed/.grid.sweep/cells.log");
    if let Ok(mut text) = std::fs::read(&checkpoint) {
        text.extend(b"deadbeef\t3\tfixed,2,0.");
        std::fs::write(&checkpoint, text).unwrap();
    }
    let recorded = std::fs::read_to_string(&checkpoint).map_or(0, |text| {
        text.lines()
            .filter(|line| !line.starts_with("deadbeef"))
            .count()
    });
    let last = run(&args("killed"))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(last.status.success());
    let told = String::from_utf8(last.stderr).unwrap();
    if recorded > 0 {
        assert!(
            told.contains(&format!("going on after {recorded} of 48 cells")),
            "{told}"
        );
    }
    assert!(files(&dir.join("killed/grid")) == expected);
    assert!(!dir.join("killed/.grid.sweep").exists());
}

#[test]
fn ranges_are_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let values = |axis: &str| -> Vec<String> {
        let out = path(dir.path(), "out");
        let args = [
            "saga",
            "--vary",
            axis,
            "--replications",
            "64",
            "--key",
            "none",
            "--no-charts",
            "--out",
            &out,
        ];
        assert!(herdsim(&args).status().unwrap().success(), "{axis}");
        let text = std::fs::read_to_string(dir.path().join("out/saga/summary.csv")).unwrap();
        let mut table = csv::Reader::from_reader(text.as_bytes());
        table
            .records()
            .map(|row| row.unwrap()[1].to_string())
            .collect()
    };
    assert_eq!(
        values("saga.request_loss=0..1 6"),
        ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    );
    assert_eq!(
        values("saga.request_loss=0%..30% step 10%"),
        ["0%", "10%", "20%", "30%"]
    );
    assert_eq!(
        values("saga.execution=10ms..1s log 3"),
        ["10ms", "100ms", "1s"]
    );
    assert_eq!(
        values("policy.*.attempts=1..100 log 5"),
        ["1", "3", "10", "32", "100"]
    );
    assert_eq!(
        values("saga.response_loss=1e-3..1e-1 log 3"),
        ["0.001", "0.01", "0.1"]
    );
}

#[test]
fn trials_sweep_too() {
    let dir = tempfile::tempdir().unwrap();
    let out = path(dir.path(), "out");
    let vary = "fence.pause=exp(1s),exp(2s),exp(5s)";
    let args = [
        "fence",
        "--vary",
        vary,
        "--replications",
        "20k",
        "--out",
        &out,
    ];
    assert!(herdsim(&args).status().unwrap().success());
    let text = std::fs::read_to_string(dir.path().join("out/fence/summary.csv")).unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let header = table.headers().unwrap().clone();
    assert_eq!(&header[1], "fence.pause");
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (mean, exact) = (column("p_stale_write"), column("p_stale_write_exact"));
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 15);
    for row in rows.iter().filter(|row| &row[2] == "none") {
        let (mean, exact): (f64, f64) = (row[mean].parse().unwrap(), row[exact].parse().unwrap());
        assert!(
            (mean / exact - 1.0).abs() < 0.1,
            "{} {mean} {exact}",
            &row[1]
        );
    }
    // Charts by name: one axis makes curves.
    assert!(dir.path().join("out/fence/curves.png").exists());
}

#[test]
fn what_does_not_belong_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("grid.toml"), GRID).unwrap();
    let grid = path(dir, "grid.toml");
    let out = path(dir, "out");
    let refused = |args: &[&str], parts: &[&str]| {
        let output = herdsim(args).stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?} {text}");
        for part in parts {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(text.lines().count() < 20, "{text}");
    };
    let vary = |axis: &str, parts: &[&str]| refused(&["--vary", axis, "--out", &out], parts);
    vary(
        "service.que=1,2",
        &["unknown key `que`", "did you mean `queue`?"],
    );
    vary("service.queue=1,-2", &["a count cannot be negative", "-2"]);
    vary("service.queue=", &["has no values"]);
    vary("service.queue", &["PATH=VALUES"]);
    vary("service.queue=1..10", &["number of points or its step"]);
    vary("service.queue=10..1 5", &["goes upwards"]);
    vary("service.queue=0..10 log 5", &["begins above 0"]);
    vary("callers.rate=1/s..5 3", &["the same unit"]);
    vary(
        "policy.nobody.attempts=1,2",
        &["`nobody` is not part of this run"],
    );
    refused(
        &[
            "--vary",
            "service.queue=1,2",
            "--vary",
            "service.queue=3",
            "--out",
            &out,
        ],
        &["given twice"],
    );
    refused(
        &[
            "sweep",
            &grid,
            "--vary",
            "run.seed=1..1000000 1000000",
            "--out",
            &out,
        ],
        &["48 million cells", "--yes"],
    );
    refused(
        &["sweep", &grid, "--shard", "5/4", "--out", &out],
        &["no shard 5 of 4"],
    );
    if !cfg!(feature = "parquet") {
        refused(
            &["sweep", &grid, "--parquet"],
            &["built without Parquet", "--features parquet"],
        );
    }
    let scenario = |text: &str, parts: &[&str]| {
        std::fs::write(dir.join("s.toml"), text).unwrap();
        refused(&["sweep", &path(dir, "s.toml"), "--out", &out], parts);
    };
    scenario(
        "[sweep]\n\"service.queue\" = []\n",
        &["at least one value", "s.toml:2:"],
    );
    scenario("[sweep]\n\"service.queue\" = 5\n", &["a list, or a range"]);
    scenario(
        "[sweep]\n\"service.queue\" = [1, 2]\n\"callers.rate\" = [\"1/s\"]\nzip = [[\"service.queue\", \"callers.rate\"]]\n",
        &["as many values"],
    );
    scenario(
        "[sweep]\n\"service.queue\" = [1, 2]\nzip = [[\"service.queue\", \"callers.rat\"]]\n",
        &["`callers.rat` is not an axis"],
    );
    scenario(
        "[sweep]\n\"service.queue\" = { from = 1, to = 9, points = 3, step = 2 }\n",
        &["either `points` or"],
    );

    // A checkpoint of another grid.
    let shard = [
        "sweep",
        &grid,
        "--out",
        &out,
        "--shard",
        "1/40",
        "--no-charts",
    ];
    assert!(herdsim(&shard).status().unwrap().success());
    std::fs::rename(
        dir.join("out/grid.shard-1-of-40"),
        dir.join("out/.grid.sweep"),
    )
    .unwrap();
    for results in ["summary.csv", "result.json"] {
        std::fs::remove_file(dir.join("out/.grid.sweep").join(results)).unwrap();
    }
    refused(
        &["sweep", &grid, "--seed", "2", "--out", &out],
        &[
            "was begun by a sweep with `seed = 1`",
            "`seed = 2`",
            "--restart",
        ],
    );

    // A sweep that is running holds its record; what no sweep wrote stays.
    let record = std::fs::File::open(dir.join("out/.grid.sweep/cells.log")).unwrap();
    record.lock().unwrap();
    for more in [&["--seed", "1"][..], &["--restart"]] {
        let args = [&["sweep", &grid, "--out", &out], more].concat();
        refused(&args, &["another sweep of that name is running"]);
    }
    drop(record);
    std::fs::write(dir.join("out/.grid.sweep/thesis.tex"), "precious").unwrap();
    refused(
        &["sweep", &grid, "--out", &out, "--restart"],
        &["what no sweep wrote"],
    );
    std::fs::remove_file(dir.join("out/.grid.sweep/thesis.tex")).unwrap();

    // Shards that are not all there, twice there, or of another sweep.
    std::fs::remove_dir_all(dir.join("out/.grid.sweep")).unwrap();
    let shard = |seed: &str, i: &str, out: &str| {
        let args = [
            "sweep",
            &grid,
            "--seed",
            seed,
            "--shard",
            i,
            "--out",
            out,
            "--no-charts",
        ];
        assert!(herdsim(&args).status().unwrap().success());
    };
    let [a, b, c] = ["a", "b", "c"].map(|name| path(dir, name));
    shard("1", "1/2", &a);
    shard("1", "2/2", &a);
    shard("1", "2/3", &b);
    shard("2", "2/2", &c);
    let [first, second] = [1, 2].map(|i| format!("{a}/grid.shard-{i}-of-2"));
    let third = format!("{b}/grid.shard-2-of-3");
    let foreign = format!("{c}/grid.shard-2-of-2");
    let merged = path(dir, "merged");
    refused(
        &["merge", &first, "--out", &merged],
        &["24 of 48 cells are missing"],
    );
    refused(
        &["merge", &first, &second, &third, "--out", &merged],
        &["cell 1 is in", "shard-2-of-3"],
    );
    refused(
        &["merge", &first, &foreign, "--out", &merged],
        &[
            "not a shard of the same sweep",
            "`seed = 1` there, `seed = 2` here",
        ],
    );
    assert!(
        herdsim(&["merge", &second, &first, "--out", &merged])
            .status()
            .unwrap()
            .success()
    );

    // Records of a version with fewer columns: their values would stand under other names.
    let record = dir.join("a/grid.shard-2-of-2/cells.log");
    let text = std::fs::read_to_string(&record).unwrap();
    let shorter = |line: &str| {
        let (_, body) = line.split_once('\t').unwrap();
        let rows = body.split('\t').map(|row| match row.rsplit_once(',') {
            Some((row, _)) => row,
            None => row,
        });
        let body = rows.collect::<Vec<_>>().join("\t");
        format!("{:08x}\t{body}\n", crc32fast::hash(body.as_bytes()))
    };
    std::fs::write(&record, text.lines().map(shorter).collect::<String>()).unwrap();
    refused(
        &["merge", &first, &second, "--out", &merged],
        &["another version wrote", "columns, not"],
    );
    std::fs::rename(
        dir.join("a/grid.shard-2-of-2"),
        dir.join("a/.grid.shard-2-of-2.sweep"),
    )
    .unwrap();
    for results in ["summary.csv", "result.json"] {
        std::fs::remove_file(dir.join("a/.grid.shard-2-of-2.sweep").join(results)).unwrap();
    }
    refused(
        &["sweep", &grid, "--seed", "1", "--shard", "2/2", "--out", &a],
        &["another version began", "--restart"],
    );
    // An axis that gives its cells other columns.
    refused(
        &["quorum", "--vary", "read.versions=1,2", "--out", &out],
        &["changes which metrics a cell has", "read.versions"],
    );
}

/// The grid that the guide shows runs as it stands there.
#[test]
fn the_grid_of_the_readme_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let readme = include_str!("../docs/guide.md");
    let blocks = readme.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let grids: Vec<&str> = blocks.filter(|text| text.contains("[sweep]")).collect();
    assert!(!grids.is_empty());
    for text in grids {
        let file = path(dir.path(), "grid.toml");
        std::fs::write(&file, text).unwrap();
        let done = Command::new(assert_cmd::cargo::cargo_bin!("herdsim"))
            .args(["sweep", &file, "--dry-run"])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(said.contains("60 cells on 2 axes"), "{said}");
    }
}

/// What is done about a fault along an axis, nothing among it; and a row in which nothing is done
/// beside each cell of another.
#[test]
fn what_is_done_can_be_swept() {
    let dir = tempfile::tempdir().unwrap();
    let small = "--callers 150 --clients 3 --servers 3 --queue 150 --replications 2 --horizon 40s";
    let rows = |name: &str, more: &[&str]| {
        let out = path(dir.path(), "out");
        let mut all: Vec<&str> = small.split(' ').collect();
        all.extend(["--no-charts", "-p", "fixed", "--out", &out, "--name", name]);
        all.extend(more);
        assert!(herdsim(&all).status().unwrap().success(), "{all:?}");
        let summary = dir.path().join("out").join(name).join("summary.csv");
        let mut reader = csv::Reader::from_path(summary).unwrap();
        let rows = reader.deserialize();
        rows.map(Result::unwrap)
            .collect::<Vec<BTreeMap<String, String>>>()
    };
    let done = rows(
        "done",
        &["--vary", "actions=none,restart@20s,pause(100%)@20s+10s"],
    );
    let told: Vec<[&str; 3]> = done
        .iter()
        .map(|row| ["actions", "policy", "recovered_ratio"].map(|name| row[name].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ["none", "fixed", "0"],
            ["restart@20s", "fixed", "0"],
            ["pause(100%)@20s+10s", "fixed", "1"],
        ]
    );
    let beside = [
        "--action",
        "pause(100%)@20s+10s",
        "--vary",
        "service.queue=50,150",
    ];
    let names = |rows: &[BTreeMap<String, String>]| {
        let named = rows
            .iter()
            .map(|row| (row["policy"].clone(), row["recovered_ratio"].clone()));
        named.collect::<Vec<_>>()
    };
    let both = rows("both", &beside);
    let row = |name: &str, recovered: &str| (name.to_string(), recovered.to_string());
    assert_eq!(both.len(), 4);
    assert_eq!(
        names(&both)[2..],
        [row("fixed", "1"), row("fixed, no action", "0")]
    );
    // Read back, it is the same.
    let out = path(dir.path(), "out/both");
    let again = path(dir.path(), "again");
    assert!(
        herdsim(&["report", &out, "--out", &again])
            .status()
            .unwrap()
            .success()
    );
}

/// A sweep that was stopped half-way keeps its cells; of those a flipped byte costs one, which
/// is said, and the end is the same.
#[test]
fn a_damaged_line_costs_its_cell() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("grid.toml"), GRID).unwrap();
    let (grid, out) = (path(dir, "grid.toml"), path(dir, "out"));
    let sweep = ["sweep", &grid, "--out", &out, "--no-charts"];
    assert!(herdsim(&sweep).status().unwrap().success());
    let results = dir.join("out/grid");
    let summary = std::fs::read(results.join("summary.csv")).unwrap();
    let cells = std::fs::read(results.join("cells.log")).unwrap();
    // As if it had been stopped with all cells but the last done, and a disk had gone bad.
    let unfinished = dir.join("out/.grid.sweep");
    let begin = |cells: &[u8]| {
        std::fs::create_dir_all(&unfinished).unwrap();
        std::fs::copy(
            results.join("scenario.toml"),
            unfinished.join("scenario.toml"),
        )
        .unwrap();
        std::fs::write(unfinished.join("cells.log"), cells).unwrap();
        let output = herdsim(&sweep).stderr(Stdio::piped()).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let mut flipped = cells.clone();
    flipped[cells.len() / 2] ^= 1;
    let (status, said) = begin(&flipped);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("1 line of") && said.contains("cannot be read"),
        "{said}"
    );
    assert!(std::fs::read(results.join("summary.csv")).unwrap() == summary);
    assert!(std::fs::read(results.join("cells.log")).unwrap() == cells);
    // The cells of a scenario that was edited since are not those of this one.
    let first = cells.iter().position(|b| *b == b'\t').unwrap();
    let body = String::from_utf8(cells[first + 1..].to_vec()).unwrap();
    let line = format!("00000000{}", &body[8..body.find('\n').unwrap()]);
    let edited = format!("{:08x}\t{line}\n", crc32fast::hash(line.as_bytes()));
    let (status, said) = begin(edited.as_bytes());
    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.contains("was edited") && said.contains("--restart"),
        "{said}"
    );
}

/// A shard whose scenario was edited, on both sides alike, does not merge.
#[test]
fn edited_shards_do_not_merge() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("grid.toml"), GRID).unwrap();
    let (grid, out) = (path(dir, "grid.toml"), path(dir, "out"));
    let shards = ["1/2", "2/2"].map(|shard| {
        let sweep = ["sweep", &grid, "--out", &out, "--shard", shard];
        assert!(herdsim(&sweep).status().unwrap().success());
        path(
            dir,
            &format!("out/grid.shard-{}", shard.replace('/', "-of-")),
        )
    });
    for shard in &shards {
        let file = Path::new(shard).join("scenario.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("warmup = \"1s\"", "warmup = \"0s\"")).unwrap();
    }
    let merge = ["merge", &shards[0], &shards[1], "--out", &out];
    let output = herdsim(&merge).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("was edited"), "{said}");
}

/// Defaults that follow from what varies are each cell's own.
#[test]
fn derived_defaults_are_not_frozen() {
    let dir = tempfile::tempdir().unwrap();
    let out = path(dir.path(), "out");
    for args in [
        vec![
            "--vary",
            "callers.count=10,20",
            "--vary",
            "run.horizon=20s,30s",
        ],
        vec!["fence", "--preset", "etcd", "--vary", "fence.ttl=4s,60s"],
    ] {
        let own = [
            "--replications",
            "2",
            "--no-charts",
            "--out",
            &out,
            "--quiet",
        ];
        let all: Vec<&str> = args.iter().copied().chain(own).collect();
        assert!(herdsim(&all).status().unwrap().success(), "{args:?}");
    }
    let written = std::fs::read_to_string(dir.path().join("out/blip/scenario.toml")).unwrap();
    assert!(!written.contains("clients ="), "{written}");
    let written = std::fs::read_to_string(dir.path().join("out/fence/scenario.toml")).unwrap();
    assert!(
        written.contains("preset = \"etcd\"") && !written.contains("renew ="),
        "{written}"
    );
}
