//! A paused leader against closed forms, an event-by-event resource, and limits.

use herdsim_core::fence::{Ending, Failover, METRICS};
use herdsim_core::metric::find;
use herdsim_core::scenario::fence::{Fence, FenceScenario, GUARDS, Guard};
use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::streams::Streams;
use herdsim_core::theory;
use herdsim_core::world::{Tally, TrialWorld};
use proptest::prelude::*;

fn scenario(settings: &[&str]) -> FenceScenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    match Job::from_overlay(&overlay, JobKind::Fence).unwrap() {
        Job::Fence(scenario) => scenario,
        other => panic!("{other:?}"),
    }
}

fn fence(settings: &[&str]) -> Fence {
    scenario(settings).fence
}

fn tally(fence: &Fence, trials: u64) -> Tally<Failover> {
    let streams = Streams {
        seed: 7,
        replication: 0,
    };
    fence.batch(streams, trials)
}

fn metric(name: &str) -> usize {
    find(METRICS, name).unwrap().index()
}

/// The names of all metrics, with their places.
fn names() -> impl Iterator<Item = (usize, &'static str)> {
    METRICS.iter().map(|metric| metric.name).enumerate()
}

fn exact(fence: &Fence, guard: Guard, name: &str) -> Option<f64> {
    theory::fence::exact(fence, guard, find(METRICS, name).unwrap())
}

/// The settings of the point that an independent simulation of 4·10⁷ confirmed.
const POINT: [&str; 6] = [
    "fence.ttl=3s",
    "fence.renew=1s",
    "fence.pause=exp(1s)",
    "fence.step_rate=2/s",
    "fence.network=0s",
    "fence.gap=100ms",
];

#[test]
fn closed_forms_give_the_confirmed_figures() {
    let fence = fence(&POINT);
    let value = |guard, metric| exact(&fence, guard, metric).unwrap();
    assert!((value(Guard::None, "p_overlap") - 0.08555).abs() < 5e-6);
    assert!((value(Guard::None, "p_stale_write") - 0.05703).abs() < 5e-6);
    assert_eq!(value(Guard::Atomic, "p_stale_write"), 0.0);
}

/// Both estimates of every metric that has a closed form.
fn agrees(settings: &[&str]) {
    let fence = fence(settings);
    let n = 400_000;
    let tally = tally(&fence, n);
    let mut known = 0;
    for (cell, guard) in fence.guards.iter().enumerate() {
        for (i, name) in names() {
            let Some(p) = exact(&fence, *guard, name) else {
                continue;
            };
            known += 1;
            let what = format!("{settings:?} {} {name}", guard.name());
            let share = tally.simulated[cell][i].estimate();
            let error = (p * (1.0 - p) / n as f64).sqrt();
            // Where few are to be expected, their number is Poisson: 4 errors and a count.
            let slack = if p * (n as f64) < 100.0 {
                4.0 / n as f64
            } else {
                0.0
            };
            assert!(
                (share.mean - p).abs() <= 4.0 * error + slack,
                "{what}: {} {p}",
                share.mean
            );
            let e = tally.conditional[cell][i].estimate();
            let error = e.sd / (n as f64).sqrt() + 1e-9 * p;
            assert!(
                (e.mean - p).abs() <= 4.0 * error,
                "{what}: {} ± {error}, {p}",
                e.mean
            );
        }
    }
    assert!(known >= 15, "{known} closed forms");
}

#[test]
fn exponential_pauses_match_their_closed_forms() {
    agrees(&POINT);
    agrees(&[
        "fence.preset=dynamodb",
        "fence.pause=exp(4s)",
        "fence.network=50ms",
    ]);
    agrees(&[
        "fence.pause_at=renewal",
        "fence.pause=exp(8s)",
        "fence.gap=2s",
    ]);
    agrees(&[
        "fence.takeover=3s",
        "fence.pause=exp(20s)",
        "fence.network=1s",
        "fence.gap=5s",
    ]);
    agrees(&[
        "fence.ttl=10s",
        "fence.renew=9s",
        "fence.pause=exp(2500ms)",
        "fence.network=500ms",
    ]);
    agrees(&[
        "fence.ttl=60s",
        "fence.renew=20s",
        "fence.pause=exp(60s)",
        "fence.gap=0s",
    ]);
}

#[test]
fn rare_pauses_are_weighed_not_waited_for() {
    // 15 s of lease against pauses of 0.5 s: e^{-30} or so.
    let fence = fence(&["fence.pause=exp(500ms)"]);
    let p = exact(&fence, Guard::None, "p_stale_write").unwrap();
    assert!(p > 1e-14 && p < 1e-10, "{p}");
    let e = tally(&fence, 100_000).conditional[0][metric("p_stale_write")].estimate();
    assert!(
        (e.mean - p).abs() < 4.0 * e.sd / (e.n as f64).sqrt(),
        "{} {p}",
        e.mean
    );
    assert!(e.sd / (e.n as f64).sqrt() < 0.02 * p);
}

#[test]
fn the_leader_s_own_check_leaves_the_network_and_the_drift() {
    let overlap = |settings: &[&str]| {
        let mut all = vec!["fence.self_check=true", "fence.pause_at=renewal"];
        all.extend(settings);
        let tally = tally(&fence(&all), 400_000);
        let e = tally.conditional[0][metric("p_overlap")].estimate();
        let s = tally.simulated[0][metric("p_overlap")].estimate();
        let error = (e.mean * (1.0 - e.mean) / s.n as f64).sqrt();
        assert!(
            (s.mean - e.mean).abs() <= 4.0 * error,
            "{} {}",
            s.mean,
            e.mean
        );
        e.mean
    };
    // Nothing is sent after expiry, and what is sent lands at once.
    assert_eq!(overlap(&["fence.network=0s"]), 0.0);
    // Pauses are whole nanoseconds: half of one, at a density of at most e⁻³ in 5 s.
    let rounding = (-3.0f64).exp() * 0.5e-9 / 5.0 * 1.01;
    // Sent in the last second, landed a second later: e^{-14/5} − e^{-15/5}.
    let window = (-14.0f64 / 5.0).exp() - (-3.0f64).exp();
    assert!((overlap(&["fence.network=1s"]) - window).abs() < rounding);
    // A clock that loses a fifth lets the leader go on until 15/0.8 s.
    let window = (-3.0f64).exp() - (-18.75f64 / 5.0).exp();
    assert!((overlap(&["fence.network=0s", "fence.drift=20%"]) - window).abs() < rounding);
    // One that gains a quarter stops it after 12 s.
    assert_eq!(overlap(&["fence.network=1s", "fence.drift=-25%"]), 0.0);
}

#[test]
fn chances_given_a_change_are_chances() {
    // A slow network lets many writes land late without any change of leader.
    let tally = tally(&fence(&["fence.network=10s"]), 50_000);
    let mean = |name| tally.conditional[0][metric(name)].estimate().mean;
    assert!(mean("p_stale_write") > mean("p_leader_change"));
    assert!(mean("p_stale_write_and_change") <= mean("p_leader_change"));
    // With a write that waits for nobody they are the same.
    let tally = self::tally(&fence(&["fence.network=0s"]), 50_000);
    let mean = |name| tally.conditional[0][metric(name)].estimate().mean;
    assert_eq!(mean("p_stale_write_and_change"), mean("p_stale_write"));
    // Before there is a successor, a late write loses nothing.
    let delay = ["fence.takeover=1h", "fence.pause=exp(20s)"];
    let tally = self::tally(&fence(&delay), 50_000);
    let mean = |name| tally.conditional[0][metric(name)].estimate().mean;
    assert!(mean("p_unseen") > 0.4 && mean("p_lost_update") < 1e-70);
}

#[test]
fn a_pause_to_the_very_end_of_the_lease_is_too_long() {
    // It wakes as its own clock says that the lease is over, and sends nothing.
    let settings = [
        "fence.pause=15s",
        "fence.pause_at=renewal",
        "fence.self_check=true",
    ];
    let whole = tally(&fence(&settings), 1000);
    for (cell, metrics) in whole.conditional.iter().enumerate() {
        for (i, name) in names().filter(|(_, n)| n.starts_with("p_")) {
            assert_eq!(
                metrics[i].estimate().mean,
                whole.simulated[cell][i].estimate().mean,
                "{name}"
            );
            assert_eq!(metrics[i].estimate().mean, 0.0, "{name}");
        }
    }
}

#[test]
fn closed_forms_hold_for_short_pauses_too() {
    // h/m = 745, beyond what an exponential can be.
    agrees_on(&[
        "fence.ttl=15s",
        "fence.renew=14900ms",
        "fence.network=0s",
        "fence.pause=exp(20ms)",
    ]);
}

/// The conditional estimates alone, where hits are rare.
fn agrees_on(settings: &[&str]) {
    let fence = fence(settings);
    let tally = tally(&fence, 400_000);
    let mut known = 0;
    for (cell, guard) in fence.guards.iter().enumerate() {
        for (i, name) in names() {
            if let Some(p) = exact(&fence, *guard, name) {
                known += 1;
                let e = tally.conditional[cell][i].estimate();
                let error = e.sd / (e.n as f64).sqrt() + 1e-12 * p;
                assert!(
                    (e.mean - p).abs() <= 4.5 * error,
                    "{} {name}: {} ± {error}, {p}",
                    guard.name(),
                    e.mean
                );
            }
        }
    }
    assert!(known >= 15, "{known} closed forms");
}

#[test]
fn limits() {
    let stale = |guard: usize, settings: &[&str]| {
        let i = metric("p_stale_write");
        tally(&fence(settings), 20_000).conditional[guard][i]
            .estimate()
            .mean
    };
    // Pauses far shorter than the lease.
    assert!(stale(0, &["fence.pause=exp(10ms)"]) < 1e-300);
    assert_eq!(stale(0, &["fence.pause=uniform(0s,5s)"]), 0.0);
    // No gap between check and write is as good as one step.
    assert_eq!(stale(2, &["fence.gap=0s"]), 0.0);
    // A successor that never writes is never written over.
    assert!(stale(0, &["fence.first_step=200000h"]) < 1e-300);
}

/// A resource that is told of one event after another, as its guard sees them.
fn event_by_event(guard: Guard, f: &Failover) -> Ending {
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum What {
        // At the same instant the old leader comes first.
        OldArrives,
        OldApplies,
        Expires,
        Registers,
        NewWrites,
    }
    let mut events = vec![
        (f.expires, What::Expires),
        (f.newer(guard), What::NewWrites),
    ];
    if guard == Guard::AtomicBarrier {
        events.push((f.registered, What::Registers));
    }
    if f.sent {
        let gap = if guard == Guard::CheckThenWrite {
            f.gap
        } else {
            0
        };
        events.push((f.lands, What::OldArrives));
        events.push((f.lands.saturating_add(gap), What::OldApplies));
    }
    events.sort();
    let acquired_at_arrival = f.lands > f.acquired;
    let (mut highest, mut newest, mut expired) = (7, 0, false);
    let mut ending = Ending::default();
    for (_, what) in events {
        match what {
            What::Expires => expired = true,
            What::Registers => highest = 8,
            What::NewWrites => (highest, newest) = (8, 8),
            What::OldArrives => {
                ending.overlap = expired;
                let checks = !matches!(guard, Guard::None | Guard::RememberAfter);
                ending.rejected = checks && highest > 7;
            }
            What::OldApplies if ending.rejected => {}
            What::OldApplies => {
                ending.stale = newest > 7;
                let lost = ending.overlap && !ending.stale;
                ending.unseen = lost && guard != Guard::AtomicBarrier;
                ending.lost_update = ending.unseen && acquired_at_arrival;
            }
        }
    }
    ending
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn endings_are_those_of_a_resource_told_event_by_event(
        pause in 0u64..20, length in 0u64..60, transit in 0u64..6, gap in 0u64..8,
        takeover in 0u64..6, registration in 0u64..6, first_step in 0u64..20, sent: bool,
    ) {
        let f = Failover {
            pause,
            wake: pause + length,
            sent,
            lands: pause + length + transit,
            gap,
            expires: 20,
            acquired: 20 + takeover,
            registered: 20 + takeover + registration,
            first_step,
        };
        for (_, guard) in GUARDS {
            let ending = f.play(guard);
            prop_assert_eq!(ending, event_by_event(guard, &f), "{:?}", guard);
            if matches!(guard, Guard::Atomic | Guard::AtomicBarrier) {
                prop_assert!(!ending.stale);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn one_step_guards_are_exact_and_estimates_agree(
        ttl in 2u64..30, renewals in 1u64..5, takeover in 0u64..3000, gap in 0u64..2000,
        pause in prop::sample::select(vec![
            "exp(5s)", "gamma(shape=0.5,mean=6s)", "pareto(scale=1s,alpha=1.2)",
            "lognormal(median=3s,sigma=1.5)", "mix(0.9: exp(100ms), 0.1: uniform(5s,40s))", "25s",
        ]),
        step in prop::sample::select(vec!["exp(2s)", "500ms", "weibull(shape=0.6,scale=1s)"]),
        network in prop::sample::select(vec!["0s", "exp(100ms)", "uniform(10ms,900ms)"]),
        self_check: bool, drift in -20i32..30,
    ) {
        let settings = [
            format!("fence.ttl={ttl}s"),
            format!("fence.renew={}ms", ttl * 1000 / renewals),
            format!("fence.takeover={takeover}ms"),
            format!("fence.gap={gap}ms"),
            format!("fence.pause='{pause}'"),
            format!("fence.first_step='{step}'"),
            format!("fence.network='{network}'"),
            format!("fence.self_check={self_check}"),
            format!("fence.drift='{drift}%'"),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let fence = fence(&settings);
        let n = 20_000;
        let tally = tally(&fence, n);
        for (cell, guard) in fence.guards.iter().enumerate() {
            for (i, name) in names() {
                let plain = tally.simulated[cell][i].estimate();
                let weighed = tally.conditional[cell][i].estimate();
                let zero = matches!(guard, Guard::Atomic | Guard::AtomicBarrier) && name == "p_stale_write"
                    || *guard == Guard::AtomicBarrier
                        && ["p_unseen", "p_lost_update"].contains(&name);
                if zero {
                    prop_assert_eq!(plain.mean, 0.0);
                    prop_assert_eq!(weighed.mean, 0.0);
                }
                if name.starts_with("p_") {
                    // 60 cases of some 25 comparisons: 5.5 errors, and a few counts where
                    // the share's law is far from normal.
                    let p = weighed.mean.clamp(0.0, 1.0);
                    let error = (p * (1.0 - p) / n as f64).sqrt() + 3.0 / n as f64;
                    prop_assert!((plain.mean - p).abs() < 5.5 * error,
                        "{} {}: {} {}", guard.name(), name, plain.mean, p);
                }
            }
        }
        let index = |name| metric(name);
        let (none, after) = (&tally.simulated[0], &tally.simulated[1]);
        prop_assert_eq!(none[index("p_stale_write")].estimate(), after[index("p_stale_write")].estimate());
    }
}
