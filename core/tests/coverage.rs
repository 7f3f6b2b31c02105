//! Do 95% intervals hold what is right in 95% of experiments?
//!
//! Every experiment is a run with a seed of its own. `cargo test` makes a few of each kind;
//! all of them, with the table printed:
//!
//! ```text
//! COVERAGE_SEEDS=200 cargo test --release -p herdsim-core --test coverage -- --nocapture
//! ```

use herdsim_core::ensemble::herd::{Keep, Results, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::find;
use herdsim_core::scenario::Scenario;
use herdsim_core::stats::Estimate;

/// A question of which the answer is known.
struct Case {
    name: &'static str,
    /// The experiment, and which estimate of it is looked at.
    scenario: String,
    estimate: fn(&Results) -> Estimate,
    right: f64,
    /// The share of experiments in which the interval has to hold it.
    nominal: f64,
}

fn metric(results: &Results, policy: usize, name: &str) -> Estimate {
    results.policies[policy].metric(find(name).unwrap())
}

/// Independent calls, some of which fail, at so many a run.
fn coin(failures: &str, calls: u32) -> String {
    format!(
        "compare = [\"one\", \"two\"]\nfaults = []\n\
         [run]\nhorizon = \"11s\"\nwarmup = \"0s\"\ncooldown = \"1s\"\n\
         [callers]\ncount = {calls}\nrate = \"0.1/s\"\n\
         [service]\nkind = \"coin\"\nfailure_ratio = \"{failures}\"\nresponse_time = \"1ms\"\n\
         [policy.one]\nattempts = 1\n\
         [policy.two]\nattempts = 2\nbackoff = \"fixed(1ms)\"\n"
    )
}

/// Two servers that a short crash tips over in some of the runs. What is right of it comes
/// from 100,000 runs of another seed, to ± 0.003 of the share that recovers, and 0.0023 and
/// 0.0011 of calls answered.
fn edge(crash: &str, run: &str) -> String {
    format!(
        "compare = [\"fixed\"]\nfaults = [\"crash@2s+{crash}\"]\n\
         [run]\nhorizon = \"14s\"\nwarmup = \"0s\"\n{run}\n\
         [callers]\ncount = 80\nclients = 1\n\
         [service]\nservers = 2\nservice_time = \"exp(14ms)\"\nqueue = 100\n\
         [policy.fixed]\nattempts = 4\ntimeout = \"100ms\"\nbackoff = \"fixed(500ms)\"\n"
    )
}

fn cases() -> Vec<Case> {
    let case = |name, scenario, estimate, right, nominal| Case {
        name,
        scenario,
        estimate,
        right,
        nominal,
    };
    let precise = "precision = \"5%\"\nreplications = 20\nmax_replications = 1_000";
    vec![
        case(
            "level: calls answered at the second attempt at last, 1 − 0.3²",
            coin("30%", 500),
            |r| metric(r, 1, "answered_ratio"),
            0.91,
            0.95,
        ),
        case(
            "level: attempts a call, 1 + 0.3",
            coin("30%", 500),
            |r| metric(r, 1, "attempts_per_call"),
            1.3,
            0.95,
        ),
        case(
            "level: calls that two servers without a queue turn away, Erlang's 0.2",
            "compare = [\"one\"]\nfaults = []\n[run]\nhorizon = \"22s\"\ncooldown = \"1s\"\n\
             [callers]\ncount = 100\n\
             [service]\nservers = 2\nservice_time = \"exp(10ms)\"\nqueue = 0\n\
             [policy.one]\nattempts = 1\ntimeout = \"none\"\n"
                .to_string(),
            |r| metric(r, 0, "failed_ratio"),
            0.2,
            0.95,
        ),
        case(
            "paired difference: 0.91 − 0.7",
            coin("30%", 500),
            |r| r.policies[1].difference(&r.policies[0], find("answered_ratio").unwrap()),
            0.21,
            0.95,
        ),
        case(
            "rare failures: 1% of 20,000",
            coin("1%", 1_000),
            |r| metric(r, 0, "failed_ratio"),
            0.01,
            0.95,
        ),
        case(
            "rare failures: 0.1% of 20,000",
            coin("0.1%", 1_000),
            |r| metric(r, 0, "failed_ratio"),
            0.001,
            0.95,
        ),
        case(
            "rare failures: 0.02% of 20,000",
            coin("0.02%", 1_000),
            |r| metric(r, 0, "failed_ratio"),
            0.0002,
            0.95,
        ),
        case(
            "bimodal: the share that recovers",
            edge("500ms", ""),
            |r| metric(r, 0, "recovered_ratio"),
            0.633,
            0.95,
        ),
        case(
            "bimodal: calls answered",
            edge("500ms", ""),
            |r| metric(r, 0, "answered_ratio"),
            0.7397,
            0.95,
        ),
        case(
            "a collapse in 9% of runs, 20 runs: the share that recovers",
            edge("200ms", ""),
            |r| metric(r, 0, "recovered_ratio"),
            0.912,
            0.95,
        ),
        // Where no run has met the collapse, a mean knows nothing of it: 95% cannot be had.
        case(
            "a collapse in 9% of runs, precision 5%: calls answered",
            edge("200ms", precise),
            |r| metric(r, 0, "answered_ratio"),
            0.9553,
            0.85,
        ),
        case(
            "a collapse in 9% of runs, precision 5%: attempts a call",
            edge("200ms", precise),
            |r| metric(r, 0, "attempts_per_call"),
            1.1518,
            0.85,
        ),
        case(
            "a collapse in 9% of runs, precision 5%: the share that recovers",
            edge("200ms", precise),
            |r| metric(r, 0, "recovered_ratio"),
            0.912,
            0.85,
        ),
    ]
}

#[test]
fn intervals_hold_what_is_right_as_often_as_they_say() {
    let seeds = std::env::var("COVERAGE_SEEDS").ok();
    let seeds: u64 = seeds.map_or(30, |n| n.parse().unwrap());
    let workers = Workers::new(2).unwrap();
    let mut short = Vec::new();
    println!("covered  of {seeds}, at least  interval of");
    let (mut last, mut all): (String, Vec<Results>) = (String::new(), Vec::new());
    for case in cases() {
        if case.scenario != last {
            let run = |seed: u64| {
                let mut scenario = Scenario::parse("coverage.toml", &case.scenario).unwrap();
                scenario.run.seed = 10_000 + seed;
                run_watched(&scenario, &workers, Keep::Metrics, &Watch::default())
            };
            all = (0..seeds).map(run).collect();
            last.clone_from(&case.scenario);
        }
        let holds = all.iter().filter(|results| {
            let e = (case.estimate)(results);
            assert!(e.low <= e.mean && e.mean <= e.high, "{}: {e:?}", case.name);
            e.low <= case.right && case.right <= e.high
        });
        let covered = holds.count() as f64 / seeds as f64;
        // Three standard errors of a share of so many experiments.
        let error = (case.nominal * (1.0 - case.nominal) / seeds as f64).sqrt();
        println!(
            "{:6.1}%  {:14.0}%  {}",
            covered * 100.0,
            case.nominal * 100.0,
            case.name
        );
        if covered < case.nominal - 3.0 * error {
            short.push(case.name);
        }
    }
    assert!(short.is_empty(), "too often off: {short:?}");
}
