//! Quorum staleness against closed forms, rationals and simulation.

mod common;

use herdsim::dist::Dist;
use herdsim::quorum::exact::{Fineness, Legs, Tables};
use herdsim::scenario::value::Value;

fn law(text: &str) -> Dist {
    Dist::parse(text).unwrap()
}

#[test]
fn exponentials_are_the_rationals() {
    let exp = law("exp(1ms)");
    let legs = Legs {
        write_out: &exp,
        ack: &exp,
        read_out: &exp,
        reply: &exp,
    };
    for (fineness, within) in [(Fineness::USUAL, 1e-5), (Fineness::FINE, 1e-8)] {
        let start = std::time::Instant::now();
        let tables = Tables::new(legs, 0.0, 20e6, fineness).unwrap();
        println!("tables {:?}", start.elapsed());
        for (r, w, p) in [
            (1, 1, 965.0 / 3888.0),
            (1, 2, 1351.0 / 15552.0),
            (2, 1, 137.0 / 3600.0),
        ] {
            let setting = tables.setting(3, r, w, true);
            let start = std::time::Instant::now();
            for t in [0.0, 0.3, 1.0, 5.0, 17.0f64] {
                let expected = p * (-(f64::from(r)) * t).exp();
                let got = setting.p_stale(t * 1e6);
                println!("{r} {w} {t} {got} {expected} {:e}", got / expected - 1.0);
                assert!((got / expected - 1.0).abs() < within);
            }
            println!("{:?}", start.elapsed() / 5);
        }
        let setting = tables.setting(3, 1, 1, false);
        println!("{:e}", setting.p_stale(0.0) / (5.0 / 27.0) - 1.0);
    }
}

/// Seven kinds of delays: write out, ack, read out, reply.
const LAWS: [(&str, [&str; 4]); 7] = [
    ("exponential", ["exp(5ms)", "exp(1ms)", "exp(1ms)", "exp(2ms)"]),
    (
        "pareto",
        [
            "pareto(scale=1ms,alpha=1.5)",
            "pareto(scale=1ms,alpha=3)",
            "pareto(scale=1ms,alpha=2.5)",
            "pareto(scale=500us,alpha=4)",
        ],
    ),
    (
        "lnkd-disk",
        [
            "mix(0.38: pareto(scale=1050us,alpha=1.51), 0.62: exp(5464481ns))",
            "mix(0.9122: pareto(scale=235us,alpha=10), 0.0878: exp(602410ns))",
            "mix(0.9122: pareto(scale=235us,alpha=10), 0.0878: exp(602410ns))",
            "mix(0.9122: pareto(scale=235us,alpha=10), 0.0878: exp(602410ns))",
        ],
    ),
    (
        "ymmr",
        [
            "mix(0.939: pareto(scale=3ms,alpha=3.35), 0.061: exp(357142857ns))",
            "mix(0.982: pareto(scale=1500us,alpha=3.8), 0.018: exp(46082949ns))",
            "mix(0.982: pareto(scale=1500us,alpha=3.8), 0.018: exp(46082949ns))",
            "mix(0.982: pareto(scale=1500us,alpha=3.8), 0.018: exp(46082949ns))",
        ],
    ),
    (
        "smooth",
        [
            "lognormal(median=3ms,sigma=1)",
            "gamma(shape=2,mean=2ms)",
            "weibull(shape=1.5,scale=2ms)",
            "normal(2ms,500us)",
        ],
    ),
    (
        "kinks",
        [
            "uniform(1ms,9ms)",
            "exp(1ms) + 500us",
            "quantiles(p50=1ms,p90=2ms,p99=5ms,max=8ms)",
            "uniform(0ms,2ms)",
        ],
    ),
    (
        "measured",
        [
            "samples(1ms,2ms,2ms,3ms,9ms)",
            "samples(1ms,1500us,4ms)",
            "samples(500us,1ms,3ms)",
            "1ms",
        ],
    ),
];

#[test]
fn the_usual_quadrature_is_as_good_as_it_says() {
    for (name, legs) in LAWS {
        let [write_out, ack, read_out, reply] = legs.map(law);
        let legs = Legs { write_out: &write_out, ack: &ack, read_out: &read_out, reply: &reply };
        let start = std::time::Instant::now();
        let usual = Tables::new(legs, 0.0, 200e6, Fineness::USUAL).unwrap();
        let took = start.elapsed();
        let fine = Tables::new(legs, 0.0, 200e6, Fineness::FINE).unwrap();
        for (n, r, w) in [(3, 1, 1), (3, 2, 1), (3, 1, 2), (5, 2, 2), (5, 3, 1)] {
            for all in [true, false] {
                let (a, b) = (usual.setting(n, r, w, all), fine.setting(n, r, w, all));
                let mut worst = 0.0f64;
                for t in [0.0, 0.5, 3.0, 10.0, 40.0, 150.0] {
                    let (p, q) = (a.p_stale(t * 1e6), b.p_stale(t * 1e6));
                    if q > 1e-250 { worst = worst.max((p / q - 1.0).abs()); }
                }
                println!("{name} {n} {r} {w} {all}: {worst:.1e} {took:?} {:?}", usual.size());
            }
        }
    }
}
