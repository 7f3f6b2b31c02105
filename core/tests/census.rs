//! Who is where at an instant, against the levels that the time series integrates.

mod common;

use std::collections::BTreeSet;

use common::random_scenario;
use herdsim_core::herd::{Engine, Herd, Seen, Whereabouts};
use herdsim_core::streams::Streams;
use herdsim_core::units::Nanos;

/// How many are in one of some places.
fn count(seen: &[Seen], places: &[Whereabouts]) -> u128 {
    seen.iter().filter(|s| places.contains(&s.at)).count() as u128
}

/// Within a nanosecond the integrals grow by the levels: whole numbers, told exactly.
#[test]
fn as_many_wait_and_are_served_as_the_time_series_says() {
    let (mut told, mut in_vain) = (0, 0);
    for seed in 0..150 {
        let (text, scenario) = random_scenario(seed);
        let (_, policy) = &scenario.policies[0];
        let herd = Herd {
            scenario: &scenario,
            policy,
            engine: Engine::Events,
        };
        let callers: u32 = scenario.groups.iter().map(|group| group.count).sum();
        let mut running = herd.begin(Streams {
            seed,
            replication: 0,
        });
        for step in 1..40 {
            let t = scenario.run.horizon.0 / 40 * step;
            running.until(Nanos(t));
            let (then, _) = running.census().unwrap();
            running.until(Nanos(t + 1));
            let (now, seen) = running.census().unwrap();
            if now.calls_ns == then.calls_ns && now.busy_ns == then.busy_ns {
                // Nothing is under way, or all have ended.
                continue;
            }
            use Whereabouts::{BackingOff, OnTheWay, Served, ServedInVain, Waiting, WaitingInVain};
            let waiting = count(&seen, &[Waiting, WaitingInVain]);
            assert_eq!(waiting, now.queue_ns - then.queue_ns, "{text}");
            assert_eq!(waiting, u128::from(running.levels()[0]), "{text}");
            let served = count(&seen, &[Served, ServedInVain]);
            assert_eq!(served, now.busy_ns - then.busy_ns, "at {t}:\n{text}");
            // Of a call that is hedged there may be more than one.
            let hedges = policy.hedge.is_some();
            let calls = count(&seen, &[OnTheWay, BackingOff, Served, Waiting]);
            let under_way = now.calls_ns - then.calls_ns;
            assert!(
                calls == under_way || hedges && calls > under_way,
                "at {t}: {calls} of {under_way}\n{text}"
            );
            let who: BTreeSet<u32> = seen.iter().map(|s| s.caller).collect();
            assert!(who.iter().all(|caller| *caller < callers), "{text}");
            told += waiting + served;
            in_vain += count(&seen, &[WaitingInVain, ServedInVain]);
        }
    }
    assert!(told > 1_000 && in_vain > 100, "{told}, {in_vain} in vain");
}
