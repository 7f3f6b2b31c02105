//! The fast path against the event engine: the same law, whatever the scenario.

mod common;

use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Engine, Herd, METRICS, Outcome, SERIES, find};
use herdsim_core::scenario::Scenario;
use herdsim_core::stats::Estimate;
use herdsim_core::streams::{Purpose, Streams};
use rand::RngExt;

/// A random scenario that takes the fast path.
fn random(seed: u64) -> String {
    let mut rng = Streams {
        seed,
        replication: 77,
    }
    .stream(Purpose::Arrivals);
    let mut pick = |of: &[&str]| of[rng.random_range(0..of.len())].to_string();
    let arrival = pick(&[
        "rate = \"2/s\"",
        "rate = \"3/s\"",
        "rate = \"5/s\"",
        "arrival = \"closed\"\nthink = \"exp(300ms)\"",
        "arrival = \"closed\"\nthink = \"200ms\"",
        "arrival = \"closed\"\nthink = \"gamma(shape=2,mean=400ms)\"",
        "arrival = \"once\"\nspread = \"uniform(0s,2s)\"",
        "arrival = \"once\"\nat = \"1s\"",
        "arrival = \"periodic\"\nevery = \"500ms\"",
        "arrival = \"periodic\"\nevery = \"2s\"\nphase = \"aligned\"\nspread = \"exp(100ms)\"",
        "arrival = \"trace\"\nstep = \"2s\"\nrates = [120, 0, 10, 220]",
    ]);
    let servers = pick(&["1", "3", "4", "12"]);
    let law = pick(&[
        "exp(30ms)",
        "exp(30ms)",
        "30ms",
        "gamma(shape=0.5,mean=30ms)",
        "pareto(scale=10ms,alpha=1.5)",
        "uniform(5ms,60ms)",
    ]);
    let queue = pick(&["0", "3", "40", "300"]);
    let network = pick(&[
        "",
        "",
        "[network]\nout = \"15ms\"\nback = \"5ms\"\n",
        "[network]\nout = \"20ms\"\nback = \"exp(10ms)\"\n",
        "[network]\nback = \"gamma(shape=2,mean=20ms)\"\n",
    ]);
    let fault = pick(&[
        "\"crash@3s+1s\"",
        "\"crash@3s+1s\"",
        "\"crash@0s+2s~1s\"",
        "\"crash@7s+5s\"",
        "\"crash@2s+1s~2s\", \"crash@3500ms+200ms\"",
        "\"crash@3s+0s~500ms\", \"stall@2800ms+400ms\"",
        "\"stall@3s+1500ms~1s\"",
        "\"stall@3s+500ms\", \"stall@3300ms+1s\"",
        "\"errors(80%)@2s+3s\"",
        "\"errors(50%)@2s+1s~1s\", \"crash@3s+500ms\"",
        "\"loss(50%)@3s+1s\", \"slow(3)@4s+1s~1s\"",
        "\"blackhole@3s+1s~1s\"",
        "\"slow(0.5)@2s+3s\", \"slow(6)@3s+1s\"",
        "\"slow(4)@3s+2s\"",
        "",
    ]);
    let surges = !arrival.contains("once") && pick(&["no", "no", "yes"]) == "yes";
    let surge = match (surges, fault.is_empty()) {
        (true, true) => "\"surge(2)@2s+3s~1s\"",
        (true, false) => ", \"surge(2)@2s+3s~1s\"",
        _ => "",
    };
    let deadline = match network.contains("out") {
        true => "none".to_string(),
        false => pick(&["none", "none", "none", "700ms"]),
    };
    let cancel = match deadline == "none" {
        true => pick(&["none", "none", "queued"]),
        false => "none".to_string(),
    };
    let drop_expired = pick(&["false", "false", "true"]);
    let attempts = pick(&["1", "2", "4", "6"]);
    let timeout = pick(&["60ms", "150ms", "400ms", "none"]);
    let backoff = pick(&[
        "none",
        "fixed(100ms)",
        "fixed(700ms)",
        "linear(80ms)",
        "random(exp(100ms))",
        "exponential(base=50ms,multiplier=2,cap=1s)",
    ]);
    let jitter = match backoff.starts_with("exponential") {
        true => pick(&[
            "none",
            "full",
            "equal",
            "decorrelated",
            "compounding(20%)",
            "polly",
        ]),
        false => pick(&["none", "full", "additive(50ms)"]),
    };
    let budget = pick(&[
        "",
        "",
        "",
        "budget = { kind = \"token-bucket\", capacity = 3, deposit_per_call = 0.1 }",
        "budget = { kind = \"token-bucket\", capacity = 5, cost = 2, timeout_cost = 3, refund = true, deposit_per_success = 0.5 }",
        "budget = { kind = \"ratio\", ratio = 0.2, window = \"2s\", min_per_s = 1 }",
        "budget = { kind = \"ratio\", ratio = 0.3, window = \"3s\", min_per_s = 1, deposit = \"success\", expiry = \"tower\" }",
    ]);
    let retry_on = pick(&["", "", "retry_on = [\"timeout\", \"reset\", \"error\"]"]);
    let (bin, horizon) = (pick(&["100ms", "70ms", "1ms"]), pick(&["8s", "9005ms"]));
    format!(
        "compare = [\"p\"]\nfaults = [{fault}{surge}]\n\
         [run]\nhorizon = \"{horizon}\"\nwarmup = \"{}\"\nbin = \"{bin}\"\nseed = {seed}\n\
         [callers]\ncount = 60\nclients = 6\n{arrival}\n{network}\
         [service]\nservers = {servers}\nservice_time = \"{law}\"\nqueue = {queue}\n\
         cancel = \"{cancel}\"\ndrop_expired = {drop_expired}\n\
         [policy.p]\nattempts = {attempts}\ntimeout = \"{timeout}\"\ndeadline = \"{deadline}\"\n\
         backoff = \"{backoff}\"\njitter = \"{jitter}\"\n{budget}\n{retry_on}\n",
        if arrival_once(&arrival) { "0s" } else { "1s" },
    )
}

fn arrival_once(arrival: &str) -> bool {
    arrival.contains("once")
}

/// What is compared of one replication, by name.
fn facts(outcome: &Outcome) -> Vec<(String, f64)> {
    let mut facts = Vec::new();
    for (place, column) in SERIES.iter().enumerate() {
        let bins = outcome.series.iter().map(|bin| bin[place]);
        let bins: Vec<f64> = bins.map(|x| if x.is_nan() { 0.0 } else { x }).collect();
        facts.push((column.name.to_string(), bins.iter().sum()));
        let moment = bins.iter().enumerate().map(|(i, x)| i as f64 * x).sum();
        facts.push((format!("{}, when", column.name), moment));
    }
    let (t, r) = (&outcome.total, &outcome.residue);
    let counts = [
        ("calls", t.calls),
        ("attempts", t.attempts),
        ("offered", t.offered),
        ("errors", t.errors),
        ("rejected", t.rejected),
        ("refused", t.refused),
        ("reset", t.reset),
        ("timed out", t.timed_out),
        ("cancelled", t.cancelled),
        ("dropped", t.dropped),
        ("served", t.served),
        ("wasted", t.wasted),
        ("duplicates", t.duplicates),
        ("first try", t.first_try),
        ("denied", t.denied),
        ("no budget", t.judged_no_budget),
        ("queued at the end", r.queued),
        ("in service at the end", r.serving),
        ("calls at the end", r.calls),
    ];
    facts.extend(counts.map(|(name, n)| (name.to_string(), n as f64)));
    let sums = [
        ("wasted time", t.wasted_ns),
        ("waited", t.waited_ns),
        ("given up", t.given_up_ns),
        ("calls took", t.ended_ns),
        ("served", t.served_ns),
    ];
    facts.extend(sums.map(|(name, ns)| (name.to_string(), ns as f64 / 1e9)));
    facts
}

/// The mean of paired differences in standard errors; 0 where there are none.
fn z(differences: &[f64]) -> f64 {
    let e = Estimate::of(differences.iter().copied());
    match e.sd > 0.0 {
        true => e.mean / (e.sd / (e.n as f64).sqrt()),
        false => 0.0,
    }
}

#[test]
fn both_paths_have_one_law() {
    let scenarios: u64 = std::env::var("PATHS").map_or(150, |n| n.parse().unwrap());
    let only: Option<u64> = std::env::var("PATHS_ONLY").ok().map(|n| n.parse().unwrap());
    let n = 32;
    let workers = Workers::new(2).unwrap();
    let mut all: std::collections::BTreeMap<String, Vec<f64>> = Default::default();
    let mut unlike = Vec::new();
    for seed in only.map_or(0..scenarios, |seed| seed..seed + 1) {
        let text = random(seed);
        if only.is_some() {
            println!("{text}");
        }
        let mut scenario =
            Scenario::parse("random.toml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        scenario.run.replications = n;
        let policy = &scenario.policies[0].1;
        let herds = [Engine::Fitting, Engine::Events].map(|engine| Herd {
            scenario: &scenario,
            policy,
            engine,
        });
        assert!(herds[0].is_fast() && !herds[1].is_fast(), "{text}");
        let mut found: Vec<(String, Vec<f64>)> = Vec::new();
        for replication in 0..n {
            let streams = Streams { seed, replication };
            let [fast, events] = herds.map(|herd| facts(&herd.replicate(streams)));
            found.resize_with(fast.len(), Default::default);
            for ((name, differences), ((fact, a), (_, b))) in
                found.iter_mut().zip(fast.into_iter().zip(events))
            {
                *name = fact;
                differences.push(a - b);
            }
        }
        let [fast, events] = [Engine::Fitting, Engine::Events].map(|engine| {
            let watch = Watch {
                engine,
                ..Watch::default()
            };
            let mut results = run_watched(&scenario, &workers, Keep::Metrics, &watch);
            results.policies.remove(0).raw
        });
        for entry in METRICS {
            let key = find(entry.metric.name).unwrap();
            let pairs = fast.iter().zip(&events).map(|(a, b)| a[key] - b[key]);
            let known: Vec<f64> = pairs.filter(|x| !x.is_nan()).collect();
            if known.len() >= n as usize / 2 {
                found.push((entry.metric.name.to_string(), known));
            }
        }
        for (name, differences) in found {
            let z = z(&differences);
            // Of some 15,000 values of Student's t with 31 degrees of freedom.
            if z.abs() > 6.0 {
                unlike.push(format!("scenario {seed}: {name}: z = {z:.1}"));
            }
            if z != 0.0 {
                all.entry(name).or_default().push(z);
            }
        }
    }
    for (name, zs) in &all {
        // t has a variance of 31/29.
        let together = zs.iter().sum::<f64>() / (zs.len() as f64 * 31.0 / 29.0).sqrt();
        if together.abs() > 4.5 {
            unlike.push(format!(
                "{name}: z = {together:.1} over {} scenarios",
                zs.len()
            ));
        }
        if only.is_none() && std::env::var_os("PATHS").is_some() {
            println!("{name:<28} {:>4} scenarios, z = {together:+.2}", zs.len());
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}
