//! Reads after a write: quadrature, and trials per second on one core, beside the
//! same simulation written straightforwardly.
//!
//! `benches/peers/quorum.py` runs the same workload in numpy.

use std::hint::black_box;
use std::time::Instant;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp};
use rand_xoshiro::Xoshiro256PlusPlus;

use herdsim_core::dist::Dist;
use herdsim_core::quorum::exact::{Fineness, Legs};
use herdsim_core::quorum::simd::Lanes;
use herdsim_core::quorum::tables::Tables;
use herdsim_core::value::Value;

const TRIALS: u64 = 1 << 20;

fn main() {
    let turns = match std::env::args().any(|a| a == "--quick") {
        true => 3,
        false => 15,
    };
    let law = |text: &str| Dist::parse(text).unwrap();
    let exp = law("exp(1ms)");
    let disk = law("mix(0.38: pareto(scale=1050us,alpha=1.51), 0.62: exp(5464481ns))");
    let ssd = law("mix(0.9122: pareto(scale=235us,alpha=10), 0.0878: exp(602410ns))");
    let same = Legs {
        write_out: &exp,
        ack: &exp,
        read_out: &exp,
        reply: &exp,
    };
    let lnkd = Legs {
        write_out: &disk,
        ack: &ssd,
        read_out: &ssd,
        reply: &ssd,
    };
    println!("N = 3, R = W = 1, one t, {TRIALS} trials on one core, medians of {turns}");
    let plain = median(turns, |turn| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(turn);
        black_box(straightforward(&mut rng, TRIALS, 1.0));
    });
    rate("straightforward, exponential", plain, plain);
    for (name, legs) in [("lanes, exponential", same), ("lanes, lnkd-disk", lnkd)] {
        let lanes = Lanes::new(legs, 3, &[(1, 1)], &[1e6], true).unwrap();
        let time = median(turns, |turn| {
            let seeds = Xoshiro256PlusPlus::seed_from_u64(turn);
            black_box(lanes.stale(seeds, TRIALS));
        });
        rate(name, time, plain);
    }
    let times: Vec<f64> = (0..50).map(|i| f64::from(i) * 1e6).collect();
    for (name, legs) in [("exponential", same), ("lnkd-disk", lnkd)] {
        let one = median(turns, |_| {
            let tables = Tables::new(legs, 0.0, 3, 50e6, Fineness::USUAL).unwrap();
            let setting = tables.setting(3, 1, 1, true);
            for t in &times {
                black_box(setting.p_stale(*t));
            }
        });
        let tables = Tables::new(legs, 0.0, 7, 50e6, Fineness::USUAL).unwrap();
        let each = median(turns, |_| {
            for n in 2..=7 {
                for r in 1..n {
                    for w in 1..=n - r {
                        let setting = tables.setting(n, r, w, true);
                        for t in &times {
                            black_box(setting.p_stale(*t));
                        }
                    }
                }
            }
        });
        println!(
            "quadrature, {name}: {:.2} ms for one (R, W) and 50 t with its tables, \
             {:.2} ms each of 56 of N = 2 to 7 without",
            one * 1e3,
            each * 1e3 / 56.0
        );
    }
}

fn rate(name: &str, time: f64, plain: f64) {
    let per_s = TRIALS as f64 / time / 1e6;
    println!("{name:<30} {per_s:>7.1} million/s {:>6.1} ×", plain / time);
}

fn median(turns: u64, mut run: impl FnMut(u64)) -> f64 {
    let mut times: Vec<f64> = (0..turns)
        .map(|turn| {
            let start = Instant::now();
            run(turn);
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A trial after the other, as one would write it down: three replicas, the first
/// acknowledgement commits, the first reply counts.
fn straightforward(rng: &mut Xoshiro256PlusPlus, trials: u64, t: f64) -> u64 {
    let exp = Exp::new(1.0).unwrap();
    let mut stale = 0;
    for _ in 0..trials {
        let mut writes = [(0.0, 0.0); 3];
        let mut reads = [(0.0, 0usize, 0.0); 3];
        for i in 0..3 {
            let (w, a): (f64, f64) = (exp.sample(rng), exp.sample(rng));
            let (r, s): (f64, f64) = (exp.sample(rng), exp.sample(rng));
            writes[i] = (w + a, w);
            reads[i] = (r + s, i, r);
        }
        let commit = writes.iter().map(|(u, _)| *u).fold(f64::INFINITY, f64::min);
        reads.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (_, first, out) = reads[0];
        stale += u64::from(writes[first].1 > commit + t + out);
    }
    stale
}
