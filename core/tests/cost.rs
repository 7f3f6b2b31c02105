//! What a run is estimated to take, against what it takes.

mod common;

use common::{random_scenario, scenario};
use herdsim_core::ensemble::cost::{Cost, TRIED};
use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::{Job, JobKind, Overlay, Scenario};

/// Events by the estimate, and those that there were.
fn events(scenario: &Scenario, left: u64) -> [f64; 2] {
    let workers = Workers::new(2).unwrap();
    let results = run_watched(scenario, &workers, Keep::Metrics, &Watch::default());
    let cost = Cost::of_herd(scenario, 2, &mut { left });
    [cost.events, results.events as f64]
}

/// Nobody is told half of what it takes, whether it was tried out or bounded.
#[test]
fn random_scenarios_take_no_more_than_twice_their_estimate() {
    for seed in 0..120 {
        let (text, mut scenario) = random_scenario(seed);
        scenario.run.replications = 4;
        for left in [TRIED, 0] {
            let [estimate, truth] = events(&scenario, left);
            assert!(truth <= 2.0 * estimate, "{truth} of {estimate}\n{text}");
        }
        let [estimate, truth] = events(&scenario, TRIED);
        // Twins are shared by policies, and short runs differ more.
        assert!(
            estimate <= 3.0 * truth + 1e4,
            "{truth} of {estimate}\n{text}"
        );
    }
}

#[test]
fn shipped_scenarios_take_what_they_are_estimated_to() {
    let mut seen = 0;
    for entry in std::fs::read_dir("../configs").unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let name = path.display().to_string();
        let other = |kind: &str| text.contains(&format!("kind = \"{kind}\""));
        if text.contains("[sweep]") || ["fence", "saga", "quorum"].into_iter().any(other) {
            continue;
        }
        let mut scenario = Scenario::parse(&name, &text).unwrap();
        scenario.run.replications = scenario.run.replications.min(3);
        scenario.run.precision = None;
        scenario.run.max_replications = None;
        let [estimate, truth] = events(&scenario, TRIED);
        assert!(
            estimate <= 2.0 * truth && truth <= 2.0 * estimate,
            "{name}: {truth} of {estimate}"
        );
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

/// Retries of retries multiply along a chain, where each service has its own.
#[test]
fn amplification_multiplies_along_a_chain() {
    let tier = |name: &str, calls: &str| {
        format!(
            "[[service]]\nname = \"{name}\"\nservers = 9\nservice_time = \"1ms\"\nqueue = 10\n{calls}\n"
        )
    };
    let inner = "policy = \"inner\"";
    let text = format!(
        "compare = [\"p\"]\nfaults = [\"refuse(100%,tier=c)@1s+100s\"]\n\
         [run]\nhorizon = \"20s\"\nwarmup = \"0s\"\nreplications = 2\n\
         [callers]\ncount = 50\nrate = \"0.1/s\"\n{}{}{}\
         [policy.inner]\nattempts = 30\ntimeout = \"200ms\"\nbackoff = \"fixed(1ms)\"\n\
         [policy.p]\nattempts = 3\n",
        tier("a", inner),
        tier("b", inner),
        tier("c", "")
    );
    let s = Scenario::parse("chain.toml", &text).unwrap();
    let [bound, truth] = events(&s, 0);
    assert!(truth > 1e5 && truth <= bound, "{truth} of {bound}");
}

/// A queue holds no more than there is to wait in it, and clients are counted before there are any.
#[test]
fn memory_is_of_what_there_can_be() {
    let bytes = |settings: &[&str]| Cost::of_herd(&scenario(settings), 2, &mut 0).bytes;
    let plain = bytes(&["service.queue=2_000"]);
    assert!(bytes(&["service.queue=4_000_000_000"]) < 1.5 * plain);
    let chain = "service=[{name='a',servers=9,service_time='1ms',queue=10,clients=4_294_967_000},\
                 {name='b',servers=9,service_time='1ms',queue=10}]";
    assert!(bytes(&[chain]) > 100e9);
}

/// Settings that a quadrature holds cost a fraction of those that have to be played, which is
/// found out where that may be spent.
#[test]
fn what_is_solved_is_not_estimated_as_played() {
    let of = |text: &str, left: &mut u64| {
        let mut overlay = Overlay::default();
        let text = format!("kind = \"quorum\"\n[cluster]\n{text}");
        overlay.file("quorum.toml", &text).unwrap();
        match Job::from_overlay(&overlay, JobKind::Quorum).unwrap() {
            Job::Quorum(s) => Cost::of_settings(&s, 1, left).events,
            other => panic!("{other:?}"),
        }
    };
    let both = |text: &str| [of(text, &mut 0), of(text, &mut { TRIED })];
    let [bound, found] = both("n = [3, 5]\nr = [1, 2, 3]\nw = [1, 2, 3]\n");
    assert!(found < 0.1 * bound, "{found} of {bound}");
    // The laws of so many replicas are beyond it.
    let [bound, found] = both("n = 20\nr = [1, 10]\nw = [1, 10]\n");
    assert_eq!(found, bound);
    let mut left = TRIED;
    of("n = 3\nr = [1, 2]\nw = 1\n", &mut left);
    assert!(left < TRIED && left > TRIED / 2, "{left}");
}
