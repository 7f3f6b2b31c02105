//! Who is where at an instant, against the levels that the time series integrates.

mod common;

use std::collections::BTreeSet;

use common::random_scenario;
use herdsim_core::herd::{Engine, Herd, Seen, Whereabouts};
use herdsim_core::scenario::Scenario;
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

/// The same at one instant of a scenario.
fn seen_at(text: &str, seconds: u64) -> Vec<Seen> {
    let scenario = Scenario::parse("census.toml", text).unwrap();
    let herd = Herd {
        scenario: &scenario,
        policy: &scenario.policies[0].1,
        engine: Engine::Events,
    };
    let mut running = herd.begin(Streams {
        seed: 1,
        replication: 0,
    });
    running.until(Nanos::from_secs(seconds));
    running.census().unwrap().1
}

/// Of an answer that counts though it is late nobody waits once the call has ended; who waits
/// for an attempt that is lost does not back off; a server that is freed serves nobody.
#[test]
fn what_is_late_lost_or_handed_on_is_told_as_such() {
    use Whereabouts::{BackingOff, OnTheWay, Served, ServedInVain, Waiting, WaitingInVain};
    let run = "run = { horizon = \"20s\", warmup = \"1s\" }\n";
    let late = format!(
        "faults = [\"slow(50)@5s+5s\"]\n{run}callers = {{ count = 200 }}\n\
         service = {{ servers = 5, queue = 500 }}\n\
         [policy.p]\nattempts = 1\ntimeout = \"100ms\"\nlate = \"accept\"\n"
    );
    let seen = seen_at(&late, 9);
    let (waiting, in_vain) = (count(&seen, &[Waiting]), count(&seen, &[WaitingInVain]));
    assert!(
        in_vain > 300 && waiting < 60,
        "{waiting}, {in_vain} in vain"
    );
    let lost = format!(
        "faults = [\"blackhole@5s+5s\"]\n{run}callers = {{ count = 200 }}\n\
         [policy.p]\nattempts = 1\ntimeout = \"1s\"\n"
    );
    let seen = seen_at(&lost, 8);
    assert_eq!(count(&seen, &[BackingOff]), 0);
    assert!(count(&seen, &[OnTheWay]) > 100);
    let handed_on = format!(
        "faults = []\n{run}callers = {{ count = 200 }}\ncompare = [\"none\"]\n\
         [[service]]\nname = \"a\"\nservers = 5\nservice_time = \"1ms\"\nasync = true\n\
         [[service]]\nname = \"b\"\nservers = 5\nservice_time = \"1s\"\n"
    );
    let seen = seen_at(&handed_on, 10);
    assert!(count(&seen, &[Served, ServedInVain]) <= 5);
}
