//! Quadrature against simulation, for laws of every shape: what is called exact is so.
//!
//! `cargo test` tries some; `QUADRATURE_CASES=10000 cargo test --release -p herdsim-core --test
//! quadrature -- --nocapture` many.

use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::quorum::{Found, run};
use herdsim_core::scenario::quorum::QuorumScenario;
use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::streams::{Purpose, Stream, Streams};
use rand::RngExt;

/// A delay of some shape: spread, narrow, heavy, in steps, shifted, mixed.
fn law(rng: &mut Stream, depth: u32) -> String {
    let ms = |rng: &mut Stream| format!("{}us", rng.random_range(1..20_000));
    match rng.random_range(0..if depth > 0 { 12 } else { 10 }) {
        0 => format!("exp({})", ms(rng)),
        1 => ms(rng),
        2 => {
            let from = rng.random_range(0..10_000);
            format!("uniform({from}us,{}us)", from + rng.random_range(1..10_000))
        }
        3 => format!("normal({},{})", ms(rng), ms(rng)),
        4 => format!(
            "lognormal(median={},sigma={:.2})",
            ms(rng),
            rng.random_range(0.05..2.5)
        ),
        5 => format!(
            "gamma(shape={:.2},mean={})",
            rng.random_range(0.3..30.0),
            ms(rng)
        ),
        6 => {
            let shape = [0.5, 0.8, 1.5, 4.0, 60.0, 500.0][rng.random_range(0..6)];
            format!("weibull(shape={shape},scale={})", ms(rng))
        }
        7 => format!(
            "pareto(scale={},alpha={:.2})",
            ms(rng),
            rng.random_range(1.1..12.0)
        ),
        8 | 9 => {
            let mut at = [0; 5].map(|_| rng.random_range(1..8) * 500);
            at.sort_unstable();
            let [min, p50, p90, p99, max] = at;
            format!("quantiles(min={min}us,p50={p50}us,p90={p90}us,p99={p99}us,max={max}us)")
        }
        10 => format!("{} + {}", law(rng, 0), ms(rng)),
        _ => {
            let share = rng.random_range(1..100);
            format!(
                "mix(0.{share:02}: {}, {:.2}: {})",
                law(rng, 0),
                1.0 - f64::from(share) / 100.0,
                law(rng, 0)
            )
        }
    }
}

/// Measured values, of which some are the same.
fn measured(rng: &mut Stream) -> String {
    let values = rng.random_range(2..60);
    let spread = rng.random_range(0.1..3.0);
    let step = [1, 50, 1_000][rng.random_range(0..3)];
    let mut value = || {
        let normal: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
        let us = (2_000.0 * (normal * spread).exp()) as u64 / step * step + step;
        format!("{us}us")
    };
    let values: Vec<String> = (0..values).map(|_| value()).collect();
    format!("samples({})", values.join(","))
}

fn scenario(seed: u64) -> (String, QuorumScenario) {
    let mut rng = Streams {
        seed,
        replication: 0,
    }
    .stream(Purpose::Service);
    let n = rng.random_range(2..=5);
    let (r, w) = (rng.random_range(1..n), 1);
    let w = if r + 1 < n {
        rng.random_range(1..=n - r)
    } else {
        w
    };
    let is_measured = rng.random_range(0..8) == 0;
    let [write_out, ack, read_out, reply] = [(); 4].map(|()| match is_measured {
        true => measured(&mut rng),
        false => law(&mut rng, 1),
    });
    let fan_out = ["all", "quorum"][rng.random_range(0..2)];
    let lost = ["", "", "down = \"20%\"\n", "drop = \"5%\"\n"][rng.random_range(0..4)];
    let text = format!(
        "kind = \"quorum\"\n[cluster]\nn = {n}\nr = {r}\nw = {w}\nfan_out = \"{fan_out}\"\n{lost}\
         [latency]\nwrite_out = \"{write_out}\"\nack = \"{ack}\"\nread_out = \"{read_out}\"\n\
         reply = \"{reply}\"\n[read]\nt = [\"0s\", \"1ms\", \"7ms\"]\n\
         [run]\nseed = {seed}\nreplications = 20_000\n"
    );
    let mut overlay = Overlay::default();
    overlay.file("quadrature.toml", &text).unwrap();
    match Job::from_overlay(&overlay, JobKind::Quorum) {
        Ok(Job::Quorum(scenario)) => (text, *scenario),
        other => panic!("{other:?}\n{text}"),
    }
}

#[test]
fn what_is_called_exact_is_what_is_simulated() {
    let cases = std::env::var("QUADRATURE_CASES").ok();
    let cases: u64 = cases.map_or(120, |n| n.parse().unwrap());
    let workers = Workers::new(2).unwrap();
    let (mut exact, mut off) = (0, Vec::new());
    for seed in 0..cases {
        let (text, scenario) = scenario(seed);
        let results = run(&scenario, &workers).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let cell = &results.cells[0];
        if cell.found != Found::Exact {
            continue;
        }
        exact += 1;
        for (k, point) in cell.points.iter().enumerate() {
            let p = point.exact.unwrap();
            // The trials of this run are others than those that it was held to.
            let hits = point.simulated.mean * point.simulated.n as f64;
            let error = (p * (1.0 - p) / point.simulated.n as f64).sqrt();
            let z = (point.simulated.mean - p) / error.max(1e-300);
            if z.abs() > 5.0 && hits.max(p * point.simulated.n as f64) > 20.0 || !p.is_finite() {
                off.push(format!(
                    "t {k}: {p} exact, {} simulated, z {z:.1}\n{text}",
                    point.simulated.mean
                ));
            }
        }
    }
    println!("{exact} of {cases} exact");
    assert!(off.is_empty(), "{} off:\n{}", off.len(), off.join("\n"));
    assert!(exact > cases / 2, "only {exact} of {cases} are exact");
}
