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
        "\"blackhole(40%)@3s+1s\", \"refuse(30%)@2s+2s~1s\"",
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
    let action = pick(&[
        "",
        "",
        "",
        "actions = [\"reject(60%)@4s+1s~500ms\"]\n",
        "actions = [\"pause(80%)@4s+1500ms~1s\"]\n",
        "actions = [\"pause(50%)@2s+1s\", \"pause(90%)@2500ms+2s~500ms\"]\n",
        "actions = [\"restart@4s\", \"restart(300ms)@5s\"]\n",
        "actions = [\"scale(2)@4s\", \"reject(30%)@4s+2s\"]\n",
        "actions = [\"scale(1.7)@3500ms~2s\", \"restart(1s)@4500ms\"]\n",
    ]);
    let (bin, horizon) = (pick(&["100ms", "70ms", "1ms"]), pick(&["8s", "9005ms"]));
    let hosts = match network.contains("out") {
        true => pick(&[
            "",
            "",
            "",
            "hosts = 3",
            "hosts = 2\nbalance = \"round-robin\"",
        ]),
        false => pick(&[
            "",
            "",
            "hosts = 4\nbalance = \"least(2)\"",
            "hosts = 3\nbalance = \"least\"",
            "hosts = 2\nbalance = \"least\"\nview = \"client\"",
            "hosts = 5\nbalance = \"sticky\"",
            "hosts = 3\nbalance = \"round-robin\"\nview = \"client\"",
        ]),
    };
    let on_host = match (hosts.is_empty(), fault.is_empty() && surge.is_empty()) {
        (true, _) => String::new(),
        (_, no_other) => {
            let own = pick(&[
                "",
                "\"errors(80%,host=1)@2s+3s\", \"slow(0.2,host=1)@2s+3s\"",
                "\"crash(host=2)@2500ms+1s\"",
                "\"refuse(40%,hosts=50%)@1s+3s~1s\"",
            ]);
            let comma = if no_other || own.is_empty() { "" } else { ", " };
            format!("{comma}{own}")
        }
    };
    format!(
        "compare = [\"p\"]\nfaults = [{fault}{surge}{on_host}]\n{action}\
         [run]\nhorizon = \"{horizon}\"\nwarmup = \"{}\"\nbin = \"{bin}\"\nseed = {seed}\n\
         [callers]\ncount = 60\nclients = 6\n{arrival}\n{network}\
         [service]\nservers = {servers}\nservice_time = \"{law}\"\nqueue = {queue}\n\
         cancel = \"{cancel}\"\ndrop_expired = {drop_expired}\n{hosts}\n\
         [policy.p]\nattempts = {attempts}\ntimeout = \"{timeout}\"\ndeadline = \"{deadline}\"\n\
         backoff = \"{backoff}\"\njitter = \"{jitter}\"\n{budget}\n{retry_on}\n",
        if arrival.contains("once") { "0s" } else { "1s" },
    )
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
    for (n, host) in outcome.hosts.iter().enumerate() {
        facts.extend([
            (format!("host {n}: offered"), host.offered as f64),
            (format!("host {n}: failed"), host.failed as f64),
            (format!("host {n}: busy"), host.busy_ns as f64 / 1e9),
            (format!("host {n}: waited"), host.waited_ns as f64 / 1e9),
        ]);
    }
    facts
}

/// Metrics for which replications are not independent, in seconds or as shares.
const BY_YARDSTICK: [&str; 4] = [
    "degraded_s",
    "recovery_s",
    "recovered_ratio",
    "ill_at_end_ratio",
];

/// The mean of paired differences in standard errors; 0 where there are none.
fn z(differences: &[f64]) -> f64 {
    let e = Estimate::of(differences.iter().copied());
    match e.sd > 0.0 {
        true => e.mean / (e.sd / (e.n as f64).sqrt()),
        false => 0.0,
    }
}

/// Scenarios in which nothing is left to chance: callers in step, work and delays that always
/// take as long.
#[test]
fn without_chance_both_paths_do_the_same() {
    let arrivals = [
        "arrival = \"once\"\nat = \"1s\"",
        "arrival = \"periodic\"\nevery = \"700ms\"\nphase = \"aligned\"",
        "arrival = \"periodic\"\nevery = \"2s\"\nphase = \"aligned\"\nspread = \"30ms\"",
    ];
    let services = [
        // Answers at the very instant of the timeout; a queue that outlasts it; none.
        "servers = 3\nservice_time = \"100ms\"\nqueue = 40",
        "servers = 2\nservice_time = \"100ms\"\nqueue = 40\ndrop_expired = true",
        "servers = 2\nservice_time = \"50ms\"\nqueue = 40\ncancel = \"queued\"",
        "servers = 4\nservice_time = \"70ms\"\nqueue = 5",
        "servers = 5\nservice_time = \"90ms\"\nqueue = 0",
    ];
    let networks = [
        "",
        "[network]\nout = \"10ms\"\nback = \"20ms\"\n",
        "[network]\nout = \"20ms\"\n",
    ];
    // In a service that is empty, full, or going on; at 0, over the end, on top of each other.
    let faults = [
        "",
        "\"crash@1050ms+1s\"",
        "\"crash@1s+1ms\"",
        "\"crash@500ms+200ms\", \"crash@1100ms+300ms\", \"crash@1200ms+2s\"",
        "\"crash@0s+1500ms\", \"crash@4500ms+9s\"",
        "\"stall@1050ms+700ms\"",
        "\"stall@1s+400ms\", \"stall@1200ms+1s\", \"crash@1900ms+100ms\"",
        "\"slow(3)@1s+1s\", \"blackhole@2s+500ms\"",
        "\"errors(100%)@1s+800ms\", \"loss(100%)@2s+600ms\"",
    ];
    // At the same instants as other things happen, and in between.
    let actions = [
        "",
        "actions = [\"restart@1200ms\", \"scale(2)@1500ms\"]\n",
        "actions = [\"reject(100%)@1400ms+250ms\", \"pause(100%)@2100ms+1s\"]\n",
    ];
    let policies = [
        "attempts = 4\ntimeout = \"200ms\"\nbackoff = \"fixed(300ms)\"",
        "attempts = 6\ntimeout = \"100ms\"\nbackoff = \"fixed(70ms)\"",
        "attempts = 3\ntimeout = \"none\"\nbackoff = \"none\"",
        "attempts = 5\ntimeout = \"200ms\"\nbackoff = \"exponential(base=100ms,multiplier=2)\"",
        "attempts = 3\ntimeout = \"50ms\"\nbackoff = \"table(10ms,50ms)\"",
        "attempts = 5\ntimeout = \"150ms\"\nbackoff = \"fixed(100ms)\"\n\
         budget = { kind = \"token-bucket\", capacity = 4, deposit_per_call = 0.3, refund = true }",
        "attempts = 5\ntimeout = \"250ms\"\nbackoff = \"linear(100ms)\"\n\
         budget = { kind = \"ratio\", ratio = 0.3, window = \"2s\", min_per_s = 2 }",
        "attempts = 5\ntimeout = \"300ms\"\ndeadline = \"900ms\"\nbackoff = \"fixed(200ms)\"",
    ];
    let mut fitting = 0;
    for arrival in arrivals {
        for (service, network) in services.iter().flat_map(|s| networks.map(|n| (s, n))) {
            for (n, (fault, policy)) in faults
                .iter()
                .flat_map(|f| policies.map(|p| (f, p)))
                .enumerate()
            {
                let action = actions[n % actions.len()];
                let text = format!(
                    "compare = [\"p\"]\nfaults = [{fault}]\n{action}\
                     [run]\nhorizon = \"6s\"\nwarmup = \"0s\"\n\
                     [callers]\ncount = 30\nclients = 3\n{arrival}\n{network}\
                     [service]\n{service}\n[policy.p]\n{policy}\n"
                );
                let scenario = parse(&text);
                let herds = on_both(&scenario);
                if !herds[0].is_fast() {
                    continue;
                }
                fitting += 1;
                let streams = Streams {
                    seed: 1,
                    replication: 0,
                };
                let [fast, events] = herds.map(|herd| herd.replicate(streams));
                for ((name, a), (_, b)) in facts(&fast).into_iter().zip(facts(&events)) {
                    let near = (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
                    assert!(near, "{name}: {a}, {b} event by event\n{text}");
                }
                assert_eq!(fast.total, events.total, "{text}");
                assert_eq!(fast.window, events.window, "{text}");
                assert_eq!(fast.residue, events.residue, "{text}");
                assert_eq!(fast.waves, events.waves, "{text}");
            }
        }
    }
    assert!(fitting > 1_000, "{fitting}");
}

/// A crash fails a thousand attempts at one instant, of which a budget lets 300 try again:
/// those that have been at it for longest.
#[test]
fn a_crash_fails_attempts_in_the_same_order() {
    let scenario = parse(
        "compare = [\"p\"]\nfaults = [\"crash@10s+500ms\"]\n\
         [run]\nhorizon = \"20s\"\nwarmup = \"9s\"\ncooldown = \"9500ms\"\n\
         [callers]\ncount = 1000\nclients = 1\nrate = \"1/s\"\n\
         [service]\nservers = 1000\nservice_time = \"exp(800ms)\"\nqueue = 0\n\
         [policy.p]\nattempts = 2\ntimeout = \"none\"\nbackoff = \"fixed(1s)\"\n\
         budget = { kind = \"token-bucket\", capacity = 300, deposit_per_call = 0 }\n",
    );
    let herds = on_both(&scenario);
    assert!(herds[0].is_fast());
    let answered = (0..40).map(|replication| {
        let streams = Streams {
            seed: 1,
            replication,
        };
        let [fast, events] = herds.map(|herd| herd.replicate(streams).total.judged_ok as f64);
        fast - events
    });
    let z = z(&answered.collect::<Vec<f64>>());
    assert!(z.abs() < 4.5, "z = {z:.1}");
}

fn parse(text: &str) -> Scenario {
    Scenario::parse("random.toml", text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A scenario under its policy on the path that fits, and event by event.
fn on_both(scenario: &Scenario) -> [Herd<'_>; 2] {
    let policy = &scenario.policies[0].1;
    [Engine::Fitting, Engine::Events].map(|engine| Herd {
        scenario,
        policy,
        engine,
    })
}

#[test]
fn both_paths_have_one_law() {
    let scenarios: u64 = std::env::var("PATHS").map_or(200, |n| n.parse().unwrap());
    let only: Option<u64> = std::env::var("PATHS_ONLY").ok().map(|n| n.parse().unwrap());
    let n = 16;
    let workers = Workers::new(2).unwrap();
    let mut all: std::collections::BTreeMap<String, Vec<f64>> = Default::default();
    let mut unlike = Vec::new();
    for seed in only.map_or(0..scenarios, |seed| seed..seed + 1) {
        let text = random(seed);
        if only.is_some() {
            println!("{text}");
        }
        let mut scenario = parse(&text);
        scenario.run.replications = n;
        let herds = on_both(&scenario);
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
            // All replications are told well or ill by the same mean of their twins, which a
            // call more or less puts off by a bin or two.
            let mean = differences.iter().sum::<f64>() / differences.len() as f64;
            if BY_YARDSTICK.contains(&name.as_str()) && mean.abs() < 0.05 {
                continue;
            }
            let z = z(&differences);
            // Of some 18,000 values of Student's t with 15 degrees of freedom.
            if z.abs() > 7.0 {
                unlike.push(format!("scenario {seed}: {name}: z = {z:.1}"));
            }
            if z != 0.0 {
                all.entry(name).or_default().push(z);
            }
        }
    }
    for (name, zs) in &all {
        // t has a variance of 15/13.
        let together = zs.iter().sum::<f64>() / (zs.len() as f64 * 15.0 / 13.0).sqrt();
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
