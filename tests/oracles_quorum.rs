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
