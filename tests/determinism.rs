//! The same seed gives the same bytes in every file, PNG included.

use std::collections::BTreeMap;
use std::path::Path;

use assert_cmd::Command;
use herdsim_core::stats::Estimate;

fn run(out: &Path, args: &[&str]) {
    Command::cargo_bin("herdsim")
        .unwrap()
        .args(args)
        .args(["--quiet", "--out"])
        .arg(out)
        .assert()
        .success();
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

const SMALL: [&str; 10] = [
    "--callers",
    "500",
    "--servers",
    "10",
    "--queue",
    "500",
    "--replications",
    "5",
    "--policy",
    "fixed,decorrelated-jitter,budget",
];

#[test]
fn threads_do_not_change_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for threads in ["1", "2", "7"] {
        let out = dir.path().join(threads);
        run(&out, &[&SMALL[..], &["--threads", threads]].concat());
        all.push(files(&out.join("blip")));
    }
    assert_eq!(all[0].len(), 23, "{:?}", all[0].keys());
    assert!(all[0] == all[1] && all[0] == all[2]);
    assert!(all[0]["timeline.png"].starts_with(b"\x89PNG"));

    // The scenario that was written gives the same again.
    let written = dir.path().join("1/blip/scenario.toml");
    let again = dir.path().join("again");
    run(&again, &["run", written.to_str().unwrap()]);
    assert!(files(&again.join("blip")) == all[0]);

    // Another seed does not.
    let other = dir.path().join("other");
    run(&other, &[&SMALL[..], &["--seed", "2"]].concat());
    assert!(files(&other.join("blip"))["summary.csv"] != all[0]["summary.csv"]);
}

#[test]
fn a_quorum_is_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let small = ["quorum", "--r", "1,2", "--replications", "9000"];
    let levels = [
        "--set",
        "datacentres={replicas=[2,1],delay=\"5ms\"}",
        "--w",
        "EACH_QUORUM",
        "--down",
        "1%",
    ];
    for (name, more) in [("alike", &[][..]), ("apart", &levels[..])] {
        let mut all = Vec::new();
        for threads in ["1", "2"] {
            let out = dir.path().join(name).join(threads);
            let args = [&small[..], more, &["--threads", threads]].concat();
            run(&out, &args);
            all.push(files(&out.join("quorum")));
        }
        assert!(all[0] == all[1], "{name}");
        let written = dir.path().join(name).join("1/quorum/scenario.toml");
        let again = dir.path().join(name).join("again");
        run(&again, &["run", written.to_str().unwrap()]);
        assert!(files(&again.join("quorum")) == all[0], "{name}");
    }
}

#[test]
fn precision_adds_the_same_batches_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        &SMALL[..],
        &[
            "--precision",
            "0.5%",
            "--max-replications",
            "100",
            "--no-charts",
        ],
    ];
    let mut all = Vec::new();
    for threads in ["1", "3"] {
        let out = dir.path().join(threads);
        run(
            &out,
            &[&args.concat()[..], &["--threads", threads]].concat(),
        );
        all.push(files(&out.join("blip")));
    }
    assert!(all[0] == all[1]);
    // It stops at the first batch of 5 after which every interval is tight.
    let raw = &all[0]["replications.csv"][..];
    let mut table = csv::Reader::from_reader(raw);
    let header = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let n = rows.iter().filter(|row| row[0] == rows[0][0]).count();
    let tight = |first: usize| {
        ["success_ratio", "attempts_per_call"].iter().all(|metric| {
            let column = header.iter().position(|name| name == *metric).unwrap();
            rows.chunks(n).all(|policy| {
                let values = policy[..first]
                    .iter()
                    .map(|row| row[column].parse().unwrap());
                let e = Estimate::of(values);
                e.half_width() <= 0.005 * e.mean
            })
        })
    };
    assert!(n.is_multiple_of(5) && n > 5 && n < 100, "{n}");
    assert!(tight(n));
    for earlier in (5..n).step_by(5) {
        assert!(!tight(earlier), "{earlier} of {n}");
    }
}

#[test]
fn trials_give_the_same_bytes_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["fence", "saga"] {
        let mut all = Vec::new();
        for threads in ["1", "2", "7"] {
            let out = dir.path().join(threads);
            run(
                &out,
                &[kind, "--replications", "100k", "--threads", threads],
            );
            all.push(files(&out.join(kind)));
        }
        assert!(all[0].len() >= 8, "{:?}", all[0].keys());
        assert!(all[0] == all[1] && all[0] == all[2], "{kind}");
        // What it wrote runs again to the same bytes.
        let again = dir.path().join("again");
        let scenario = dir.path().join("1").join(kind).join("scenario.toml");
        run(&again, &["run", scenario.to_str().unwrap()]);
        assert!(all[0] == files(&again.join(kind)), "{kind}");
    }
}
