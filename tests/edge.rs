//! What a search finds is what brute force finds, and what theory says.

use std::sync::atomic::AtomicBool;

use herdsim_core::edge::{Asked, Edge, Obstacle, Sought, Watch, edge};
use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{self, Workers};
use herdsim_core::herd::{Engine, RECOVERED_RATIO};
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::theory::herd::Amplification;

mod common;

/// The default scenario at a tenth of its size, so that chance is larger and runs are shorter.
fn tenth(settings: &[&str]) -> Scenario {
    let mut overlay = Overlay::default();
    let own = [
        "callers.count=500",
        "callers.clients=5",
        "service.servers=10",
        "service.queue=500",
        "run.horizon=40s",
    ];
    for setting in own.iter().chain(settings) {
        overlay.set(setting).unwrap();
    }
    Scenario::from_overlay(&overlay).unwrap()
}

fn search(scenario: &Scenario, sought: &[Sought]) -> Edge {
    let workers = Workers::new(2).unwrap();
    let watch = Watch {
        workers: &workers,
        stop: &AtomicBool::new(false),
        engine: Engine::Fitting,
        progress: &|_, _, _| (),
    };
    edge(scenario, Asked::of(sought), &watch).unwrap()
}

/// The share of 40 runs that recover.
fn recovered(scenario: &Scenario) -> f64 {
    let mut scenario = scenario.clone();
    scenario.run.replications = 40;
    let workers = Workers::new(2).unwrap();
    let results = run_watched(
        &scenario,
        &workers,
        Keep::Metrics,
        &ensemble::Watch::default(),
    );
    results.policies[0].metric(RECOVERED_RATIO).mean
}

/// A share of 40 runs that is on that side of a half, at four standard errors.
fn is_most(share: f64) -> bool {
    share > 0.5 - 4.0 * (0.25f64 / 40.0).sqrt()
}

#[test]
fn the_shortest_fatal_crash_is_that_of_a_fine_sweep() {
    let of = |crash: &str| {
        let fault = format!("faults=['crash@10s+{crash}']");
        tenth(&["compare=['full-jitter']", &fault])
    };
    let found = search(&of("2s"), &[Sought::Crash]);
    let crossing = found.policies[0].found(Sought::Crash).unwrap();
    let (before, beyond) = (crossing.before.unwrap(), crossing.beyond.unwrap());
    assert!(beyond < 1.5 * before, "{crossing:?}");
    // As much time to recover as after the two seconds.
    let at = |s: f64| {
        let mut scenario = of(&format!("{}us", (s * 1e6).round()));
        scenario.run.horizon.0 = 10_000_000_000 + (s * 1e9) as u64 + 28_000_000_000;
        recovered(&scenario)
    };
    assert!(is_most(at(before)) && is_most(1.0 - at(beyond)));
    // All that is clearly shorter is survived, and what is longer is not.
    for part in [0.3, 0.5, 0.7] {
        assert!(at(part * before) > 0.9, "{part}");
    }
    for part in [1.3, 1.7] {
        assert!(at(part * beyond) < 0.1, "{part}");
    }
}

#[test]
fn the_load_and_the_way_out_are_those_of_brute_force() {
    let scenario = tenth(&["compare=['full-jitter']"]);
    let found = search(&scenario, &[Sought::Load, Sought::Pause, Sought::Scale]);
    let policy = &found.policies[0];
    assert!(policy.collapses());
    let load = policy.found(Sought::Load).unwrap();
    let at = |times: f64| {
        let rate = format!("callers.rate={}/s", times);
        recovered(&tenth(&["compare=['full-jitter']", &rate]))
    };
    assert!(is_most(at(load.before.unwrap())) && is_most(1.0 - at(load.beyond.unwrap())));

    let act = |action: String| {
        let actions = format!("actions=['{action}@{}']", found.act);
        recovered(&tenth(&[
            "compare=['full-jitter']",
            &actions,
            "no_action_row=false",
        ]))
    };
    let scale = policy.found(Sought::Scale).unwrap();
    assert!(is_most(
        1.0 - act(format!("scale({})", scale.before.unwrap()))
    ));
    assert!(is_most(act(format!("scale({})", scale.beyond.unwrap()))));
    // Copies of runs that have come to where one acts go on as runs from the beginning do.
    let (_, shares) = &policy.ways[0];
    let mut ends = 0;
    for (share, crossing) in shares {
        let paused = |s: f64| {
            let lasts = format!("+{}us", (s * 1e6).round());
            let actions = format!("actions=['pause({share})@{}{lasts}']", found.act);
            recovered(&tenth(&[
                "compare=['full-jitter']",
                &actions,
                "no_action_row=false",
            ]))
        };
        if let Some(before) = crossing.before {
            assert!(is_most(1.0 - paused(before)), "{share} {crossing:?}");
        }
        if let Some(beyond) = crossing.beyond {
            ends += 1;
            assert!(is_most(paused(beyond)), "{share} {crossing:?}");
        }
    }
    assert!(ends >= 2, "{shares:?}");
}

/// Ten points on each side of each of the two lines within which a collapse can persist, met by
/// a stall that fills the queue.
#[test]
fn searched_collapses_lie_within_the_lines_of_theory() {
    let mut wrong = Vec::new();
    let mut of = |settings: &[&str], inside: bool| {
        let mut all = vec![
            "compare=['fixed']",
            "faults=['stall@5s+8s']",
            "run.horizon=40s",
        ];
        all.extend(settings);
        let scenario = tenth(&all);
        let a = Amplification::of(&scenario, &scenario.policies[0].1).unwrap();
        let pressure = a.pressure();
        assert_eq!(pressure.sustains_collapse(), inside, "{settings:?}");
        let found = search(&scenario, &[]);
        if found.policies[0].collapses() != inside {
            wrong.push(format!("{settings:?}: {pressure:?}"));
        }
    };
    for i in 0..10 {
        // m·ρ = 6 · 0.7 · x = 1, queue and timeout as they are.
        let step = 1.0 + 0.05 * f64::from(i);
        let rate = |load: f64| format!("callers.rate={:.5}/s", load / 4.2);
        of(&[&rate(0.75 / step)], false);
        of(&[&rate(1.6 * step)], true);
        // K/(cμ) = K · 1.4 ms = 250 ms at the load that there is.
        let queue = |delay: f64| format!("service.queue={}", (delay * 250.0 / 1.4).round());
        of(&[&queue(0.7 / step)], false);
        of(&[&queue(1.6 * step)], true);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_keeps_a_search_from_telling_is_told() {
    let ill = search(&tenth(&["callers.rate=2/s"]), &[Sought::Load]);
    assert_eq!(ill.obstacle, Some(Obstacle::Ill));
    let short = search(&tenth(&["run.horizon=14s"]), &[Sought::Load]);
    let Some(Obstacle::Short(needed)) = short.obstacle else {
        panic!("{:?}", short.obstacle);
    };
    // The fault ends at 12 s; a window of 1 s has to be seen well for 5 s, and it takes as long
    // again to come to that.
    assert!((23.9..24.2).contains(&needed.as_secs()), "{needed}");
    let mut long = tenth(&["run.horizon=14s"]);
    long.run.horizon = needed;
    assert_eq!(
        search(&long, &[Sought::Theory, Sought::Stall]).obstacle,
        None
    );
    let none = search(&tenth(&["faults=[]"]), &[Sought::Pause]);
    assert_eq!(none.obstacle, Some(Obstacle::NoFault));
    // Faults of other lengths can be tried all the same.
    let crash = search(
        &tenth(&["faults=[]", "compare=['budget']"]),
        &[Sought::Crash],
    );
    let crossing = crash.policies[0].found(Sought::Crash).unwrap();
    assert_eq!((crossing.before, crossing.beyond), (Some(60.0), None));
}

fn herdsim(dir: &tempfile::TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = common::herdsim(dir);
    let output = command
        .args(["edge", "--quiet"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

const SMALL: [&str; 12] = [
    "--callers",
    "150",
    "--clients",
    "3",
    "--servers",
    "3",
    "--queue",
    "150",
    "--horizon",
    "40s",
    "--policy",
    "fixed,budget",
];

#[test]
fn files_do_not_depend_on_threads() {
    let directory = tempfile::tempdir().unwrap();
    let files = |threads: &str| {
        let mut arguments = SMALL.to_vec();
        arguments.extend(["--threads", threads, "--name", threads]);
        let (status, text, errors) = herdsim(&directory, &arguments);
        assert_eq!(status, Some(0), "{errors}");
        let mut files: Vec<(String, Vec<u8>)> =
            std::fs::read_dir(directory.path().join("out").join(threads))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| {
                    let name = path.file_name().unwrap().to_string_lossy().to_string();
                    let bytes = std::fs::read(path).unwrap();
                    // The name of the run is in most of them.
                    let text = String::from_utf8_lossy(&bytes)
                        .replace(&format!("name = \"{threads}\""), "");
                    (
                        name,
                        text.replace(&format!("\"name\": \"{threads}\""), "")
                            .into_bytes(),
                    )
                })
                .filter(|(name, _)| {
                    !name.ends_with("png") && !name.ends_with("svg") && !name.ends_with("html")
                })
                .collect();
        files.sort();
        (text, files)
    };
    let (one, three) = (files("1"), files("3"));
    assert_eq!(one.0, three.0);
    assert_eq!(one.1, three.1);
    let names: Vec<&str> = one.1.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["edge.csv", "postmortem.md", "result.json", "scenario.toml"]
    );
    // What it leaves is no run.
    let report = common::herdsim(&directory)
        .args(["report", "out/1"])
        .output()
        .unwrap();
    assert_eq!(report.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&report.stderr).contains("what `herdsim edge` found"));
    for chart in ["solutions", "way-out", "shortest-crash"] {
        assert!(
            directory.path().join(format!("out/1/{chart}.png")).exists(),
            "{chart}"
        );
    }
}

#[test]
fn the_json_has_every_key_of_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let mut arguments = SMALL.to_vec();
    arguments.extend([
        "--format",
        "json",
        "--no-charts",
        "--find",
        "theory,crash,stall",
    ]);
    let (status, text, errors) = herdsim(&directory, &arguments);
    assert_eq!(status, Some(0), "{errors}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["kind"], "edge");
    let fixed = &json["policies"][0];
    assert_eq!(fixed["name"], "fixed");
    for key in [
        "tipping_capacity",
        "recovery_capacity",
        "healthy_per_s",
        "collapsed_per_s",
    ] {
        assert!(fixed["theory"][key].is_number(), "{key}");
    }
    for key in ["crash_s", "stall_s"] {
        let found = &fixed["found"][key];
        assert!(found["bracket"][0].is_number() && found["bracket"][1].is_number());
        assert!(found["runs"].as_u64().unwrap() >= 20);
    }
    assert!(json["policies"][1]["found"]["crash_s"]["bracket"][1].is_null());
    assert_eq!(
        text,
        std::fs::read_to_string(directory.path().join("out/blip/result.json")).unwrap()
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, told) in [
        (&["--find", "crsh"][..], "did you mean `crash`?"),
        (&["--policy", "fxed"], "did you mean `fixed`?"),
        (
            &["--vary", "service.queue=1,2"],
            "`--vary` has no meaning for herdsim edge",
        ),
        (
            &["--assert", "fixed.recovered_ratio > 0"],
            "`--assert` has no meaning",
        ),
        (&["nowhere.toml"], "nowhere.toml"),
    ] {
        let (status, _, errors) = herdsim(&directory, arguments);
        assert_eq!(status, Some(2), "{arguments:?} {errors}");
        assert!(errors.contains(told), "{arguments:?} {errors}");
    }
    // Actions are what is looked for.
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--find", "theory", "--no-charts", "--action", "restart@1s"]);
    let (status, text, errors) = herdsim(&directory, &arguments);
    assert_eq!(status, Some(0));
    assert!(
        errors.contains("the actions of the scenario are left out"),
        "{errors}"
    );
    assert!(
        text.starts_with("In theory with fixed it can be healthy until"),
        "{text}"
    );
}
