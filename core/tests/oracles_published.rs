//! Published simulations, against `tests/oracles/reference.py`, which has their
//! models in a few lines, and its output.

mod common;

use common::{column, metric, outcomes, values};
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::stats::Estimate;

/// Mean and standard error of the reference.
fn reference(simulation: &str, policy: &str, metric: &str) -> (f64, f64) {
    let wanted = format!("{simulation},{policy},{metric},");
    let rows = include_str!("oracles/reference.csv").lines();
    let row = rows.filter_map(|row| row.strip_prefix(&wanted)).next();
    let mut cells = row.unwrap_or_else(|| panic!("no {wanted}")).split(',');
    let mut next = || cells.next().unwrap().parse().unwrap();
    (next(), next())
}

/// Two means of independent samples, within four standard errors of their difference.
fn agrees(what: (&str, &str, &str), sample: Vec<f64>) {
    let (theirs, error) = reference(what.0, what.1, what.2);
    let ours = Estimate::of(sample.iter().copied());
    let own = ours.sd / (ours.n as f64).sqrt();
    let z = (ours.mean - theirs) / (own * own + error * error).sqrt().max(1e-12);
    assert!(
        z.abs() < 4.0,
        "{what:?}: {} against {theirs}, z = {z:.1}",
        ours.mean
    );
}

fn config(name: &str, settings: &[&str]) -> Scenario {
    let path = format!("{}/../configs/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut overlay = Overlay::default();
    overlay
        .file(&path, &std::fs::read_to_string(&path).unwrap())
        .unwrap();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    Scenario::from_overlay(&overlay).unwrap()
}

#[test]
fn backoff_and_jitter_on_one_row() {
    let s = config("aws-backoff.toml", &[]);
    let mut means = Vec::new();
    for (i, (name, _)) in s.policies.iter().enumerate() {
        let runs = outcomes(&s, i, 100);
        for m in ["completion_s", "attempts"] {
            agrees(("occ-100", name, m), values(&runs, |o| metric(o, m)));
        }
        let mean = |m| Estimate::of(values(&runs, |o| metric(o, m))).mean;
        means.push((mean("completion_s"), mean("attempts")));
    }
    let [exponential, full, equal, decorrelated] = means[..] else {
        panic!("four policies");
    };
    // Writes: full ≈ equal < decorrelated < exponential. Time: full and
    // decorrelated close together, equal behind them, exponential far off.
    assert!(full.1 < decorrelated.1 && equal.1 < decorrelated.1 && decorrelated.1 < exponential.1);
    assert!(full.0 < equal.0 && decorrelated.0 < equal.0 && 4.0 * equal.0 < exponential.0);
}

#[test]
fn token_buckets_and_breakers_against_a_failing_service() {
    for x in ["0.05", "0.2", "0.5"] {
        let s = config(
            "brooker-retries.toml",
            &[&format!("service.failure_ratio={x}")],
        );
        let simulation = format!("retries-{x}");
        for (i, (name, _)) in s.policies.iter().enumerate() {
            let runs = outcomes(&s, i, 12);
            for m in ["success_ratio", "attempts_per_call"] {
                agrees((&simulation, name, m), values(&runs, |o| metric(o, m)));
            }
        }
    }
}

#[test]
fn a_spike_collapses_a_service_without_queue() {
    let s = config("brooker-collapse.toml", &[]);
    let goodput = column("goodput_per_s");
    for (i, (name, _)) in s.policies.iter().enumerate() {
        let runs = outcomes(&s, i, 60);
        let between = |from: usize, to: usize| {
            values(&runs, |o| {
                let bins = &o.series[10 * from..10 * to];
                bins.iter().map(|bin| bin[goodput]).sum::<f64>() / bins.len() as f64
            })
        };
        agrees(("collapse", name, "before_per_s"), between(10, 20));
        agrees(("collapse", name, "after_per_s"), between(60, 80));
    }
    assert!(reference("collapse", "at-once", "after_per_s").0 < 10.0);
    assert!(reference("collapse", "jittered", "after_per_s").0 > 20.0);
}
