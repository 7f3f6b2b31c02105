//! Splitting counts what plain runs count.

mod common;

use common::scenario;
use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::alone::Alone;
use herdsim_core::herd::Engine;
use std::sync::atomic::AtomicBool;

#[test]
fn splitting_agrees_with_plain_runs() {
    let workers = Workers::new(2).unwrap();
    let stop = AtomicBool::new(false);
    let with = (&workers, &stop, Engine::Fitting);
    let mut seen = 0;
    for (servers, rate, timeout) in [
        ("4", "0.75/s", "400ms"),
        ("8", "1.55/s", "250ms"),
        ("2", "0.36/s", "500ms"),
    ] {
        let (servers, rate) = (
            format!("service.servers={servers}"),
            format!("callers.rate={rate}"),
        );
        let timeout = format!("policy.fixed.timeout={timeout}");
        let s = scenario(&[
            "compare=['fixed']",
            "faults=[]",
            "callers.count=80",
            "callers.clients=4",
            &servers,
            "service.service_time='exp(50ms)'",
            "service.queue=400",
            &rate,
            &timeout,
            "run.horizon=120s",
        ]);
        let capacity = s.entry().capacity_per_s();
        let full = s.policies[0].1.timeout.unwrap().as_secs() * capacity;
        let alone = Alone::new(&s, 0, full, with).unwrap();
        let plain = alone.plain(60.0).unwrap();
        let split = alone.split().unwrap();
        let rate = plain.collapses as f64 / plain.hours;
        // A Poisson count, and repeats that are independent of it.
        let sd = (plain.collapses as f64).sqrt() / plain.hours;
        let error = split.per_hour.sd / (split.per_hour.n as f64).sqrt();
        let z = (split.per_hour.mean - rate) / sd.hypot(error);
        println!("{full} {plain:?} {split:?} z = {z:.2}");
        assert!(z.abs() < 4.0, "{plain:?} {split:?} z = {z:.1}");
        assert!(
            error < 0.5 * rate && plain.collapses > 10,
            "{plain:?} {split:?}"
        );
        assert!(split.levels.len() > 1 && !split.is_bound);
        // Chances near a hundredth a minute.
        seen += usize::from((0.001..0.2).contains(&(rate / 60.0)));
    }
    assert!(seen > 0);
}
