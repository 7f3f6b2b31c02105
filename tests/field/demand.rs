//! Demand that moves, and loops that are closed.

use herdsim_core::herd::GOODPUT_PER_S;
use herdsim_core::scenario::{Job, Scenario};

use crate::{finished, mean, policy, right, simulated};

/// 5,000 calls a second, so many from 13 s on.
fn trace(after: u32, policies: &str) -> String {
    let rates: Vec<String> = (0..60)
        .map(|s| if s < 13 { "5_000" } else { "LATER" }.replace("LATER", &after.to_string()))
        .collect();
    format!(
        "compare = [{policies}]\n[callers]\narrival = \"trace\"\nstep = \"1s\"\nrates = [{}]\n\
         [run]\nreplications = 5\n",
        rates.join(", ")
    )
}

#[test]
fn demand_falls_after_a_crash() {
    for after in [4_000, 3_000] {
        let results = simulated(&trace(after, "\"budget\""));
        let budget = policy(&results, "budget");
        right(budget, "recovered_ratio", 1.0, 0.0);
        assert!(mean(budget, "recovery_s") < 1.0, "{after}");
        assert!(mean(budget, "degraded_s") < 3.0, "{after}");
    }
}

#[test]
fn a_trace_that_ends() {
    let text = "compare = [\"budget\"]\n[callers]\narrival = \"trace\"\nstep = \"10s\"\n\
                rates = [5_000, 5_000, 5_000]\n[run]\nreplications = 5\n";
    let results = simulated(text);
    let budget = policy(&results, "budget");
    right(budget, "recovered_ratio", 1.0, 0.0);
    assert!(mean(budget, "degraded_s") < 3.0);
}

#[test]
fn demand_that_is_cut_ends_a_collapse() {
    let text = "faults = [\"crash@10s+2s\", \"surge(0.2)@30s+10s\"]\ncompare = [\"fixed\"]\n\
                [run]\nreplications = 5\n";
    let results = simulated(text);
    let fixed = policy(&results, "fixed");
    right(fixed, "recovered_ratio", 1.0, 0.0);
    // From the crash at 10 s until the cut has drained what waits, which takes 9 s.
    right(fixed, "degraded_s", 29.0, 0.5);
    let job = Job::Herd(Scenario::parse("field.toml", text).unwrap());
    let finished = finished(&job);
    let help = "with the help of surge(0.2)@30s+10s";
    assert!(finished.verdict.contains(help), "{}", finished.verdict);
}

#[test]
fn closed_loops_are_ranked_by_answered_calls_per_second() {
    let text = "compare = [\"fixed\", \"budget\"]\nfaults = [\"crash@10s+6s\"]\n\
                [callers]\ncount = 500\nclients = 20\narrival = \"closed\"\nthink = \"200ms\"\n\
                [service]\nservers = 6\nservice_time = \"10ms\"\nqueue = 100\n\
                [policy.fixed]\ntimeout = \"2s\"\n";
    let results = simulated(text);
    let rate = |name| policy(&results, name).metric(GOODPUT_PER_S);
    // In a closed loop every run is all but the same.
    let [fixed, budget] = ["fixed", "budget"].map(rate);
    assert!((fixed.mean - 535.9).abs() < 0.002 * 535.9, "{fixed:?}");
    assert!((budget.mean - 537.8).abs() < 0.002 * 537.8, "{budget:?}");
    assert!((fixed.mean / budget.mean - 1.0).abs() < 0.004);
    let job = Job::Herd(Scenario::parse("field.toml", text).unwrap());
    let finished = finished(&job);
    let told = finished.story.summary.join("\n");
    assert!(told.contains("more calls a second are answered"), "{told}");
    assert!(!told.contains("of every 100 calls"), "{told}");
}
