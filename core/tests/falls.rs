//! A run that is left as soon as its fate is known had that fate.

mod common;

use common::scenario;
use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::falls::{Falls, decide, some, twins};
use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, falls};
use herdsim_core::herd::{Course, Engine, Herd, RECOVERED_RATIO};
use herdsim_core::streams::Streams;
use std::sync::atomic::AtomicBool;

#[test]
fn a_run_is_left_when_its_fate_is_known() {
    let workers = Workers::new(2).unwrap();
    let (mut both, mut engines) = ([0, 0], 0);
    for (crash, rate, service) in [
        ("crash@10s+400ms", "1/s", ""),
        ("crash@10003ms+620ms", "1/s", ""),
        ("crash@10s+650ms~500ms", "1/s", ""),
        ("crash@10s+2s", "0.6/s", "service.discipline=lifo"),
        ("stall@10s+700ms", "1/s", ""),
        ("surge(3)@10s+2s", "0.9/s", "service.queue=3000"),
    ] {
        let faults = format!("faults=['{crash}']");
        let rate = format!("callers.rate={rate}");
        let mut settings = vec!["run.horizon=30s", &faults, &rate];
        settings.extend((!service.is_empty()).then_some(service));
        let s = scenario(&settings);
        let all = twins(&s, &workers, 6);
        for (twins, (_, policy)) in all.iter().zip(&s.policies) {
            let yardstick = twins.yardstick(&s).unwrap();
            for engine in [Engine::Fitting, Engine::Events] {
                let herd = Herd {
                    scenario: &s,
                    policy,
                    engine,
                };
                engines += usize::from(herd.is_fast());
                for replication in 0..2 {
                    let streams = Streams {
                        seed: 1,
                        replication,
                    };
                    let early = yardstick.recovers(&mut herd.begin(streams)).unwrap();
                    let course = Course::of(&mut herd.replicate(streams));
                    let whole = yardstick.measure(&course, &course).recovered;
                    assert_eq!(f64::from(u8::from(early)), whole, "{crash} {policy:?}");
                    both[usize::from(early)] += 1;
                }
            }
        }
    }
    assert!(
        both[0] > 10 && both[1] > 10 && engines > 10,
        "{both:?} {engines}"
    );
}

/// Shares near a half, against an ensemble that runs to the end.
#[test]
fn a_share_is_that_of_whole_runs() {
    let workers = Workers::new(2).unwrap();
    let stop = AtomicBool::new(false);
    let s = scenario(&[
        "compare=['fixed']",
        "faults=['crash@10s+800ms']",
        "callers.count=500",
        "service.servers=10",
        "service.queue=500",
        "run={horizon='30s',replications=64}",
    ]);
    let yardstick = twins(&s, &workers, 32)[0].yardstick(&s).unwrap();
    let herd = Herd {
        scenario: &s,
        policy: &s.policies[0].1,
        engine: Engine::Fitting,
    };
    let recovers = |replication| {
        yardstick.recovers(&mut herd.begin(Streams {
            seed: 1,
            replication,
        }))
    };
    let found = some(&recovers, &workers, &stop, 0..64).unwrap();
    let whole = run_watched(&s, &workers, Keep::Metrics, &Watch::default());
    // The same runs, told by the same 32 twins.
    let recovered = whole.policies[0].metric(RECOVERED_RATIO).mean;
    assert_eq!(found.never as f64, 64.0 * (1.0 - recovered));
    assert!((5..60).contains(&found.never), "{found:?}");
    let decided: Falls = decide(&recovers, &workers, &stop).unwrap();
    assert!(decided.runs <= falls::MOST && decided.runs.is_multiple_of(falls::BATCH));
    // Once it is to stop nothing is told.
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(decide(&recovers, &workers, &stop).is_none());
}
