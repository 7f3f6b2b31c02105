//! Budgets, throttles, hedges and breakers against what their clients do.

use herdsim_core::herd::find;
use herdsim_core::stats::Estimate;

use crate::{near, policy, right, simulated};

#[test]
fn envoys_budget_counts_what_waits() {
    for (latency, rate, failures, granted, half_digit) in [
        ("1ms", 20_000, "1%", 0.775, 0.0005),
        ("1ms", 20_000, "5%", 0.29, 0.005),
        ("14ms", 5_000, "10%", 0.86, 0.005),
        ("14ms", 5_000, "25%", 0.44, 0.005),
    ] {
        let results = simulated(&format!(
            "compare = [\"envoy\"]\nfaults = []\n\
             [run]\nreplications = 4\nhorizon = \"12s\"\ncooldown = \"1s\"\n\
             [callers]\ncount = {rate}\nclients = 1\n\
             [service]\nkind = \"coin\"\nfailure_ratio = \"{failures}\"\nresponse_time = \"{latency}\"\n\
             [policy.envoy]\nattempts = 2\ntimeout = \"none\"\njitter = \"full\"\nquantum = \"1ms\"\n\
             backoff = \"fixed(25ms)\"\n\
             budget = {{ kind = \"concurrent\", percent = \"20%\", min_concurrency = 0 }}\n"
        ));
        let own = policy(&results, "envoy");
        let [calls, attempts, denied] =
            ["calls", "attempts", "denied_retries"].map(|name| find(name).unwrap());
        let shares = own.raw.iter().map(|sample| {
            let retries = sample[attempts] - sample[calls];
            retries / (retries + sample[denied])
        });
        let what = format!("{latency}, {failures}");
        near(&what, Estimate::of(shares), granted, half_digit);
    }
}

/// Attempts a call of gRPC's throttle, of 100 calls a second that fail independently.
fn grpc(tokens: u32, failures: &str, run: &str) -> herdsim_core::ensemble::herd::Results {
    simulated(&format!(
        "compare = [\"grpc\"]\nfaults = []\n[run]\nbin = \"1s\"\n{run}\n\
         [callers]\ncount = 100\nclients = 1\n\
         [service]\nkind = \"coin\"\nfailure_ratio = \"{failures}\"\nresponse_time = \"1us\"\n\
         [policy.grpc]\nattempts = 4\ntimeout = \"none\"\nbackoff = \"none\"\n\
         budget = {{ kind = \"throttle\", max_tokens = {tokens}, token_ratio = 0.1 }}\n"
    ))
}

#[test]
fn grpcs_throttle_as_a_bound() {
    for (failures, attempts) in [
        ("5%", 1.0521),
        ("9%", 1.0411),
        ("12%", 1.0030),
        ("20%", 1.0000),
    ] {
        let long = "replications = 10\nhorizon = \"3000s\"\nwarmup = \"100s\"";
        let results = grpc(10, failures, long);
        right(
            policy(&results, "grpc"),
            "attempts_per_call",
            attempts,
            5e-5,
        );
    }
    // A thousand tokens last for a while: seconds 60 to 120 from a full bucket.
    let minute = "replications = 40\nhorizon = \"120s\"\nwarmup = \"60s\"";
    for (failures, attempts) in [("12%", 1.134), ("20%", 1.000)] {
        let results = grpc(1_000, failures, minute);
        right(
            policy(&results, "grpc"),
            "attempts_per_call",
            attempts,
            5e-4,
        );
    }
    let late = "replications = 10\nhorizon = \"1000s\"\nwarmup = \"400s\"";
    for failures in ["12%", "20%"] {
        let results = grpc(1_000, failures, late);
        right(policy(&results, "grpc"), "attempts_per_call", 1.000, 5e-4);
    }
}

#[test]
fn linkerds_budget() {
    for (more, retries_per_s, half_digit) in [
        // By a few lines that count calls and retries in a deque: 1.958.
        ("deposit = \"start\"", 1.958, 0.005),
        ("deposit = \"settled\"", 1.00, 0.005),
        ("deposit = \"start\", expiry = \"tower\"", 2.6, 0.05),
        ("deposit = \"settled\", expiry = \"tower\"", 1.65, 0.005),
    ] {
        let results = simulated(&format!(
            "compare = [\"linkerd\"]\nfaults = []\n\
             [run]\nreplications = 10\nhorizon = \"1100s\"\nwarmup = \"100s\"\nbin = \"1s\"\n\
             [callers]\ncount = 100\nclients = 1\n\
             [service]\nkind = \"coin\"\nfailure_ratio = 1\nresponse_time = \"1us\"\n\
             [policy.linkerd]\nattempts = 2\ntimeout = \"none\"\nbackoff = \"none\"\n\
             budget = {{ kind = \"ratio\", ratio = 0.01, min_per_s = 1, window = \"10s\", {more} }}\n"
        ));
        let own = policy(&results, "linkerd");
        let [calls, attempts] = ["calls", "attempts"].map(|name| find(name).unwrap());
        let rates = own.raw.iter().map(|s| (s[attempts] - s[calls]) / 1_000.0);
        near(more, Estimate::of(rates), retries_per_s, half_digit);
    }
}

#[test]
fn hedging() {
    let hedged = |latency: &str, hedge: &str| {
        simulated(&format!(
            "compare = [\"one\", \"hedged\"]\nfaults = []\n\
             [run]\nreplications = 10\nhorizon = \"112s\"\ncooldown = \"10s\"\n\
             [callers]\ncount = 2_000\n\
             [service]\nkind = \"coin\"\nfailure_ratio = 0\nresponse_time = \"{latency}\"\n\
             [policy.one]\nattempts = 1\ntimeout = \"none\"\n\
             [policy.hedged]\nattempts = 2\ntimeout = \"none\"\nhedge = {{ delay = \"{hedge}\", max = 2 }}\n"
        ))
    };
    let results = hedged("mix(0.98: exp(2ms), 0.02: uniform(10ms,1.8s))", "10ms");
    let [one, hedged_] = ["one", "hedged"].map(|name| policy(&results, name));
    right(hedged_, "attempts_per_call", 1.0266, 5e-5);
    right(one, "wait_p99_s", 0.90, 0.005);
    right(hedged_, "wait_p99_s", 0.0117, 5e-5);
    right(one, "wait_p999_s", 1.71, 0.005);
    right(hedged_, "wait_p999_s", 0.017, 5e-4);
    // The same hedge where everything takes fifty times as long.
    let results = hedged("mix(0.98: exp(100ms), 0.02: uniform(500ms,90s))", "10ms");
    right(policy(&results, "hedged"), "attempts_per_call", 1.907, 5e-4);
}

#[test]
fn resilience4js_breaker() {
    let results = simulated(
        "compare = [\"breaker\"]\nfaults = [\"errors(100%)@10s+60s\"]\n\
         [run]\nreplications = 100\nhorizon = \"100s\"\nwarmup = \"0s\"\n\
         [callers]\ncount = 100\nclients = 1\n\
         [service]\nkind = \"coin\"\nfailure_ratio = 0\nresponse_time = \"5ms\"\n\
         [policy.breaker]\nattempts = 1\ntimeout = \"none\"\n\
         breaker = { window = \"1s\", threshold = \"25%\", min_calls = 10, open_for = \"1s\", half_open_calls = 10 }\n",
    );
    let breaker = policy(&results, "breaker");
    right(breaker, "error_attempts", 562.0, 2.0);
    right(breaker, "denied_attempts", 5_490.0, 5.0);
    let [rate] = ["goodput_per_s"].map(|name| find(name).unwrap());
    let answered = breaker.raw.iter().map(|sample| sample[rate] * 100.0);
    near("answered", Estimate::of(answered), 3_940.0, 5.0);
}
