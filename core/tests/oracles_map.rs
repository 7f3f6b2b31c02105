//! The region in which a collapse persists, by simulation against its two lines.

use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::RECOVERED_RATIO;
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::theory::herd::Amplification;

/// 20 servers at 1,428.6/s, a fixed delay of 1 s, and a surge that fills the queue.
fn scenario(settings: &[String]) -> Scenario {
    let fixed = [
        "compare=['fixed']",
        "faults=['surge(20)@3s+4s']",
        "run={ replications = 2, warmup = '1s', horizon = '35s' }",
        "callers.count=1000",
        "service.servers=20",
        "policy.fixed.timeout=250ms",
    ];
    let mut overlay = Overlay::default();
    for setting in fixed
        .iter()
        .copied()
        .chain(settings.iter().map(String::as_str))
    {
        overlay.set(setting).unwrap();
    }
    Scenario::from_overlay(&overlay).unwrap()
}

/// The share of replications that recovered.
fn recovered(s: &Scenario) -> f64 {
    let workers = Workers::new(2).unwrap();
    let results = run_watched(s, &workers, Keep::Metrics, &Watch::default());
    results.policies[0].metric(RECOVERED_RATIO).mean
}

/// Ten cells this side of a line recover, ten on the other stay collapsed.
fn sides(cells: impl Iterator<Item = (bool, Vec<String>)>) {
    let mut counts = [0, 0];
    for (beyond, settings) in cells {
        let s = scenario(&settings);
        let pressure = Amplification::of(&s, &s.policies[0].1).unwrap().pressure();
        assert_eq!(
            pressure.sustains_collapse(),
            beyond,
            "{settings:?} {pressure:?}"
        );
        assert_eq!(
            recovered(&s),
            f64::from(u8::from(!beyond)),
            "{settings:?} {pressure:?}"
        );
        counts[usize::from(beyond)] += 1;
    }
    assert_eq!(counts, [10, 10]);
}

#[test]
fn attempts_times_load_against_capacity() {
    // 800 wait 560 ms, more than twice the timeout. The margin is √800/800,
    // some 4%, of the load; taken twice and more.
    let shares = [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.83, 0.86, 0.88, 0.9];
    let capacity = 20.0 / 0.014;
    let cells = [3, 6].into_iter().flat_map(move |attempts| {
        shares
            .into_iter()
            .skip(attempts % 2)
            .step_by(2)
            .flat_map(move |share| {
                [(false, share), (true, 2.0 - share)].map(|(beyond, load)| {
                    let rate = load * capacity / f64::from(attempts as u32) / 1000.0;
                    let settings = vec![
                        format!("callers.rate={rate}/s"),
                        format!("policy.fixed.attempts={attempts}"),
                        "service.queue=800".to_string(),
                    ];
                    (beyond, settings)
                })
            })
    });
    sides(cells);
}

#[test]
fn queueing_delay_against_timeout() {
    // At 70% load 250 ms are 357 waiting, give or take √357: 5%, taken four times.
    let full = 0.25 * 20.0 / 0.014;
    let shares = [0.5, 0.55, 0.6, 0.65, 0.7, 0.72, 0.74, 0.76, 0.78, 0.8];
    let cells = shares.into_iter().flat_map(|share| {
        [(false, share), (true, 2.0 - share)].map(|(beyond, delay)| {
            let settings = vec![
                "callers.rate=1/s".to_string(),
                format!("service.queue={}", (delay * full) as u32),
            ];
            (beyond, settings)
        })
    });
    sides(cells);
}

#[test]
fn no_fault_makes_a_collapse_last_outside_the_lines() {
    let faults = [
        "crash@3s+4s",
        "stall@3s+4s",
        "blackhole@3s+4s",
        "errors(90%)@3s+4s",
        "loss(90%)@3s+4s",
        "slow(6)@3s+4s",
        "capacity(10%)@3s+4s",
        "surge(20)@3s+4s~2s",
    ];
    let capacity = 20.0 / 0.014;
    // Short of the line of load, and short of the line of delay.
    let outside = [
        (0.75 * capacity / 6.0 / 1000.0, 800),
        (0.7 * capacity / 1000.0, 250),
    ];
    for fault in faults {
        for (rate, queue) in outside {
            let s = scenario(&[
                format!("faults=['{fault}']"),
                format!("callers.rate={rate}/s"),
                format!("service.queue={queue}"),
            ]);
            let pressure = Amplification::of(&s, &s.policies[0].1).unwrap().pressure();
            assert!(!pressure.sustains_collapse());
            assert_eq!(recovered(&s), 1.0, "{fault} {pressure:?}");
        }
    }
}
