//! Bad hosts, limits, deliveries that come again.

use crate::{mean, policy, simulated};

fn near_to(what: &str, value: f64, right: f64, half_digit: f64) {
    assert!(
        (value - right).abs() <= half_digit,
        "{what}: {value}, {right} is right"
    );
}

#[test]
fn one_bad_host_of_ten() {
    // Share of attempts at it, and of calls lost: to half of the last digit.
    for (balance, elsewhere, share, lost) in [
        ("random", false, (0.10, 0.005), (0.001, 0.0005)),
        ("round-robin", false, (0.10, 0.005), (0.0, 0.0005)),
        ("least(2)", false, (0.19, 0.005), (0.007, 0.0005)),
        // A few lines of another simulator, a million and a half calls: 2.13%.
        ("least(3)", false, (0.27, 0.005), (0.0213, 0.0005)),
        ("least(10)", false, (0.56, 0.005), (0.25, 0.005)),
        ("random", true, (0.09, 0.005), (0.0, 0.0005)),
    ] {
        let results = simulated(&format!(
            "faults = [\"errors(100%,host=1)@0s+120s\", \"slow(0.05,host=1)@0s+120s\"]\n\
             compare = [\"p\"]\n[run]\nhorizon = \"120s\"\nreplications = 10\n\
             [callers]\ncount = 1000\n\
             [service]\nhosts = 10\nservers = 2000\nservice_time = \"exp(20ms)\"\n\
             balance = \"{balance}\"\n\
             [policy.p]\nattempts = 3\nbackoff = \"none\"\ntimeout = \"none\"\n\
             elsewhere = {elsewhere}\n"
        ));
        let found = policy(&results, "p");
        let at_it = found.hosts[0][0].share.mean;
        near_to(&format!("{balance}, share"), at_it, share.0, share.1);
        let gone = mean(found, "failed_ratio");
        near_to(&format!("{balance}, lost"), gone, lost.0, lost.1);
    }
}

#[test]
fn a_servers_rate_limit() {
    // Twenty runs of 240 s leave ± .005.
    for (rate, attempts, answered) in [(18, 1.014, 0.9997), (40, 3.86, 0.500)] {
        let results = simulated(&format!(
            "faults = []\ncompare = [\"p\"]\n[run]\nwarmup = \"10s\"\nhorizon = \"250s\"\nbin = \"1s\"\n\
             [callers]\ncount = {rate}\nclients = 1\n\
             [service]\nservers = 10000\nservice_time = \"1us\"\nlimit = \"20/s\"\n\
             [policy.p]\nattempts = 5\ntimeout = \"none\"\njitter = \"full\"\n\
             backoff = \"exponential(base=250ms,multiplier=2,cap=10s)\"\n"
        ));
        let found = policy(&results, "p");
        let tries = mean(found, "attempts_per_call");
        near_to(&format!("{rate}/s, attempts"), tries, attempts, 0.02);
        let ok = mean(found, "success_ratio");
        near_to(&format!("{rate}/s, answered"), ok, answered, 0.005);
    }
}

const QUEUE: &str = "faults = []\ncompare = [\"p\"]\n[run]\nhorizon = \"24h\"\nbin = \"1m\"\n\
                     replications = 1\n[policy.p]\nattempts = \"unlimited\"\n\
                     backoff = \"fixed(1ns)\"\nlate = \"accept\"\n";

#[test]
fn redelivery() {
    let results = simulated(&format!(
        "{QUEUE}timeout = \"60m\"\n[callers]\ncount = 10\narrival = \"once\"\n\
         [service]\nservers = 1\nservice_time = \"25m\"\n"
    ));
    let found = policy(&results, "p");
    assert_eq!(mean(found, "attempts"), 28.0);
    assert_eq!(mean(found, "duplicate_executions"), 18.0);
    near_to("done", mean(found, "completion_s"), 250.0 * 60.0, 1.0);
    // The run ends as the worker is free, in the bin that begins at 700 min.
    assert_eq!(found.series.len(), 701);
}

#[test]
fn visibility_timeout() {
    let results = simulated(&format!(
        "{QUEUE}timeout = \"1h\"\n[callers]\ncount = 1\narrival = \"once\"\n\
         [service]\nservers = 10\nservice_time = \"3h\"\n"
    ));
    assert_eq!(mean(policy(&results, "p"), "attempts"), 3.0);
}
