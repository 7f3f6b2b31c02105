//! The engine against an interpreter of docs/model.md that was written from the text alone.

#[path = "reference/mod.rs"]
mod reference;

use std::collections::BTreeMap;

use herdsim_core::herd::{Counts, Engine, Herd, Outcome, Residue, SERIES};
use herdsim_core::scenario::Scenario;
use herdsim_core::streams::{Purpose, Streams};
use reference::{Told, World, random};

/// Scenarios, unless HERDSIM_REFERENCE_SCENARIOS says how many from HERDSIM_REFERENCE_FROM on.
const SCENARIOS: u64 = 300;

/// Replications of each of the two.
const RUNS: u64 = 40;

/// Standard errors that a fact may be apart: of the 10,000 that are compared one is further
/// with a chance of 10⁻³ (Student's t with some 70 degrees of freedom, 10⁻⁷ on both sides
/// together), and some room as counts of what is rare are skew.
const FAR: f64 = 6.0;

/// What is compared of a service, by name.
fn facts(total: &Counts, residue: &Residue, when: [f64; 3], hosts: &[u64]) -> Vec<(String, f64)> {
    let t = total;
    let counts = [
        ("calls", t.calls),
        ("ok", t.ok),
        ("failed", t.failed),
        ("judged", t.judged),
        ("judged ok", t.judged_ok),
        ("judged failed", t.judged_failed),
        ("judged first try", t.judged_first_try),
        ("judged no budget", t.judged_no_budget),
        ("judged held back", t.judged_held_back),
        ("attempts", t.attempts),
        ("offered", t.offered),
        ("offered retries", t.offered_retries),
        ("errors", t.errors),
        ("rejected", t.rejected),
        ("refused", t.refused),
        ("reset", t.reset),
        ("timed out", t.timed_out),
        ("denied", t.denied),
        ("denied attempts", t.denied_attempts),
        ("first try", t.first_try),
        ("cancelled", t.cancelled),
        ("dropped", t.dropped),
        ("served", t.served),
        ("wasted", t.wasted),
        ("duplicates", t.duplicates),
        ("queued at the end", residue.queued),
        ("serving at the end", residue.serving),
        ("calls at the end", residue.calls),
    ];
    let times = [
        ("served time", t.served_ns),
        ("wasted time", t.wasted_ns),
        ("queue time", t.queue_ns),
        ("busy time", t.busy_ns),
        ("time of calls", t.calls_ns),
        ("waited time", t.waited_ns),
        ("time of ended calls", t.ended_ns),
        ("given up time", t.given_up_ns),
    ];
    let whens = ["offered, when", "first attempts, when", "answered, when"];
    let counts = counts.map(|(name, n)| (name.to_string(), n as f64));
    let times = times.map(|(name, ns)| (name.to_string(), ns as f64 / 1e9));
    let whens = whens
        .iter()
        .zip(when)
        .map(|(name, x)| (name.to_string(), x));
    let hosts = hosts.iter().enumerate();
    let hosts = hosts.map(|(host, n)| (format!("offered at host {host}"), *n as f64));
    counts
        .into_iter()
        .chain(times)
        .chain(whens)
        .chain(hosts)
        .collect()
}

fn of_reference(told: &[Told]) -> Vec<(String, f64)> {
    let of_tier = |(tier, told): (usize, &Told)| {
        let when = [told.offered_when, told.first_when, told.answered_when];
        let hosts: &[u64] = if told.hosts.len() > 1 {
            &told.hosts
        } else {
            &[]
        };
        let facts = facts(&told.total, &told.residue, when, hosts);
        facts
            .into_iter()
            .map(move |(name, x)| (format!("service {tier}: {name}"), x))
    };
    told.iter().enumerate().flat_map(of_tier).collect()
}

fn of_engine(outcome: &Outcome, bin_s: f64) -> Vec<(String, f64)> {
    let tiers = std::iter::once(outcome).chain(&outcome.tiers);
    let of_tier = |(tier, told): (usize, &Outcome)| {
        let when = ["offered_per_s", "first_attempts_per_s", "goodput_per_s"].map(|name| {
            let place = SERIES
                .iter()
                .position(|column| column.name == name)
                .unwrap();
            let bins = told.series.iter().enumerate();
            bins.map(|(i, bin)| i as f64 * bin[place] * bin_s).sum()
        });
        let hosts: Vec<u64> = told.hosts.iter().map(|host| host.offered).collect();
        let facts = facts(&told.total, &told.residue, when, &hosts);
        let named = facts
            .into_iter()
            .map(move |(name, x)| (format!("service {tier}: {name}"), x));
        named.collect::<Vec<_>>()
    };
    tiers.enumerate().flat_map(of_tier).collect()
}

/// Mean, and variance of that mean.
fn mean_of(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / (n - 1.0) / n)
}

/// What became of a scenario: by fact, how many standard errors the two are apart, or nothing
/// where both always say the same; or why it was not compared.
type Compared = Result<Vec<(String, Option<f64>)>, &'static str>;

/// A scenario in the engine and in the reference, and what is too far apart, in words.
fn compare(seed: u64) -> (Compared, Vec<String>) {
    let text = random::scenario(seed);
    let scenario = match Scenario::parse("random.toml", &text) {
        Ok(scenario) => scenario,
        Err(problem) => panic!("{problem}\n{text}"),
    };
    let policy = &scenario.policies[0].1;
    if let Some(what) = reference::refuses(&scenario, policy) {
        return (Err(what), Vec::new());
    }
    let engine = match seed % 2 {
        0 => Engine::Fitting,
        _ => Engine::Events,
    };
    let herd = Herd {
        scenario: &scenario,
        policy,
        engine,
    };
    let bin_s = scenario.run.bin.as_secs();
    let [mut engine_told, mut reference_told] = [Vec::new(), Vec::new()];
    for replication in 0..RUNS {
        let [one, other] = [2 * seed, 2 * seed + 1].map(|seed| Streams { seed, replication });
        engine_told.push(of_engine(&herd.replicate(one), bin_s));
        let rng = other.stream(Purpose::Arrivals);
        reference_told.push(of_reference(&World::run(&scenario, policy, rng)));
    }
    let mut unlike = Vec::new();
    let names = engine_told[0].iter().map(|(name, _)| name.clone());
    let facts = names.enumerate().map(|(i, name)| {
        let column = |rows: &[Vec<(String, f64)>]| mean_of(rows.iter().map(|row| row[i].1));
        let (is, variance) = column(&engine_told);
        let (should_be, other_variance) = column(&reference_told);
        let error = (variance + other_variance).sqrt();
        // A time may be another nanosecond, as it is rounded elsewhere.
        let same = (is - should_be).abs() <= 1e-7 * is.abs();
        let z = match error > 1e-7 * is.abs() {
            true => Some((is - should_be) / error),
            false if same => None,
            false => Some(f64::INFINITY),
        };
        if z.is_some_and(|z| z.abs() > FAR) {
            unlike.push(format!(
                "scenario {seed}, {engine:?}: {name}: {is:.4}, the reference says {should_be:.4}, \
                 a standard error is {error:.4}"
            ));
        }
        (name, z)
    });
    let facts = facts.collect();
    if !unlike.is_empty() {
        unlike.push(text);
    }
    (Ok(facts), unlike)
}

#[test]
fn the_engine_does_what_the_text_says() {
    let number = |name| std::env::var(name).ok().map(|n| n.parse().unwrap());
    let many: u64 = number("HERDSIM_REFERENCE_SCENARIOS").unwrap_or(SCENARIOS);
    let from: u64 = number("HERDSIM_REFERENCE_FROM").unwrap_or(0);
    // Two threads, as there are two cores at least where it matters how long this takes.
    let all: Vec<(Compared, Vec<String>)> = std::thread::scope(|scope| {
        let half = |odd: u64| {
            let seeds = (from..from + many).filter(move |seed| seed / 2 % 2 == odd);
            scope.spawn(move || seeds.map(compare).collect::<Vec<_>>())
        };
        let halves = [half(0), half(1)];
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    });
    let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
    let mut by_fact: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let (mut unlike, mut compared, mut same) = (Vec::new(), 0u64, 0u64);
    for (facts, far) in all {
        unlike.extend(far);
        match facts {
            Err(what) => *refused.entry(what).or_default() += 1,
            Ok(facts) => {
                compared += 1;
                for (name, z) in facts {
                    match z {
                        None => same += 1,
                        Some(z) => by_fact.entry(name).or_default().push(z),
                    }
                }
            }
        }
    }
    let count: usize = by_fact.values().map(Vec::len).sum();
    let squares: f64 = by_fact.values().flatten().map(|z| z * z).sum();
    let mean_square = squares / count as f64;
    println!(
        "{compared} scenarios compared, refused {refused:?}; {count} facts with a mean z² of \
         {mean_square:.3}, {same} without variance"
    );
    for (name, zs) in &by_fact {
        let n = zs.len() as f64;
        let mean = zs.iter().map(|z| z * z).sum::<f64>() / n;
        let together = zs.iter().sum::<f64>() / n.sqrt();
        println!("{name:<36} {n:>5} times, mean z² {mean:.3}, together {together:+.2}");
        // Scenarios are independent, so that this is normal where there are some of them.
        if zs.len() >= 20 && together.abs() > 5.0 {
            unlike.push(format!("{name}: z = {together:.1} over {n} scenarios"));
        }
    }
    // z² of Welch's t with some 80 degrees of freedom has a mean of 80/78 and a variance of
    // 2.2. If all facts of a scenario were one and the same, the mean over scenarios would
    // still have a standard error of √(2.2/scenarios); it is 5 of these that are allowed.
    let most = 80.0 / 78.0 + 5.0 * (2.2 / compared as f64).sqrt();
    if mean_square > most {
        unlike.push(format!(
            "a mean z² of {mean_square:.3}, not {most:.3} at most"
        ));
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
    assert!(compared >= many * 9 / 10, "{refused:?}");
}
