//! Times until fresh where they come from trials, against exact ones.

use std::sync::LazyLock;

use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::quorum::{self, Cell};
use herdsim_core::scenario::{Job, JobKind, Overlay};

static WORKERS: LazyLock<Workers> = LazyLock::new(|| Workers::new(2).unwrap());

fn cell(settings: &[&str]) -> Cell {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    match Job::from_overlay(&overlay, JobKind::Quorum).unwrap() {
        Job::Quorum(scenario) => quorum::run(&scenario, &WORKERS).unwrap().cells.remove(0),
        other => panic!("{other:?}"),
    }
}

/// The settings that put four delays into a scenario.
fn legs(laws: [&str; 4]) -> Vec<String> {
    let names = ["write_out", "ack", "read_out", "reply"].iter().zip(laws);
    names
        .map(|(leg, law)| format!("latency.{leg}={law}"))
        .collect()
}

/// Times until fresh from trials lie as close to the exact ones as their intervals say, also
/// where a curve has a long flat piece.
#[test]
fn times_from_trials() {
    let flat = "mix(0.99: exp(2ms), 0.005: uniform(300ms,310ms), 0.005: 900ms)";
    let (mut far, mut all) = (0, 0);
    for (laws, levels) in [
        (
            ["exp(5ms)", "exp(1ms)", "exp(1ms)", "exp(2ms)"],
            ["90%", "99%", "99.99%"],
        ),
        (
            [flat, "exp(1ms)", "exp(3ms)", "exp(1ms)"],
            ["98%", "99.2%", "99.7%"],
        ),
    ] {
        for seed in 0..12 {
            let mut settings = legs(laws);
            settings.push(format!("read.visibility={levels:?}"));
            settings.push(format!("run.seed={seed}"));
            settings.push("run.replications=20_000".to_string());
            let with = |method: &str| {
                let mut settings = settings.clone();
                settings.push(format!("run.method={method}"));
                let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
                cell(&settings).visibility
            };
            for (right, found) in with("exact").iter().zip(with("monte-carlo")) {
                let right = right.1[0].unwrap();
                let [Some(t), Some(low), Some(high)] = found.1 else {
                    panic!("{found:?}");
                };
                assert!(low <= t && t <= high, "{found:?}");
                assert!(high - low < 0.2 * t, "{found:?}, where {right} is right");
                all += 1;
                far += usize::from(right < low || high < right);
            }
        }
    }
    // Ends of 95% intervals, three of a seed from the same trials.
    assert!(far <= 3 + all / 10, "{far} of {all}");
}

/// Levels do not come in each other's way, and a law of steps is held by its interval.
#[test]
fn times_from_trials_of_laws_that_end_and_of_steps() {
    let told = |laws: [&str; 4], rest: &[&str]| {
        let legs = legs(laws);
        let mut settings: Vec<&str> = legs.iter().map(String::as_str).collect();
        settings.extend(["run.method=monte-carlo", "run.replications=50_000"]);
        settings.extend(rest);
        cell(&settings).visibility
    };
    let ends = ["uniform(0ms,10ms)"; 4];
    let together = told(ends, &["read.visibility=[\"98%\",\"99%\",\"99.5%\"]"]);
    for (level, t) in together {
        let alone = told(
            ends,
            &[&format!("read.visibility=[\"{}%\"]", level * 100.0)],
        );
        let [a, b] = [t, alone[0].1].map(|t| t[0].unwrap());
        assert!((a / b - 1.0).abs() < 1e-2, "{level}: {a} and {b}");
        let held = t[1].unwrap() <= b && b <= t[2].unwrap();
        assert!(held, "{level}: {t:?} and {b}");
    }
    // By all combinations P falls below a thousandth at 1,012,734 ns.
    let steps = [
        "samples(393950ns,71384ns,1335657ns,1316017ns,472167ns)",
        "samples(664716ns,231482ns,8ns,14809ns,1008951ns)",
        "samples(745001ns,20057ns,472779ns,100603430ns)",
        "samples(66009ns,962872ns,100802467ns,228418ns,2420056ns,100839218ns)",
    ];
    let rest = [
        "cluster.w=2",
        "cluster.fan_out=quorum",
        "read.visibility=[\"99.9%\"]",
    ];
    for seed in 0..8 {
        let seed = format!("run.seed={seed}");
        let (_, t) = told(steps, &[&rest[..], &[&seed]].concat())[0];
        let right = 1_012_734e-9;
        assert!(t[1].unwrap() <= right && right <= t[2].unwrap(), "{t:?}");
    }
}
