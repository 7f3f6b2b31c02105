//! Quorum staleness against closed forms, rationals and simulation.

use std::sync::LazyLock;

use herdsim_core::dist::Dist;
use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::quorum::{self, Cell, Found, QuorumResults};
use herdsim_core::quorum::exact::{Fineness, Legs, choose};
use herdsim_core::quorum::tables::Tables;
use herdsim_core::scenario::quorum::QuorumScenario;
use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::value::Value;
use proptest::prelude::*;

/// How far from its mean an estimate may lie, in standard errors: hundreds are looked at.
const Z: f64 = 5.0;

static WORKERS: LazyLock<Workers> = LazyLock::new(|| Workers::new(2).unwrap());

fn quorum(settings: &[&str]) -> QuorumScenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    match Job::from_overlay(&overlay, JobKind::Quorum).unwrap() {
        Job::Quorum(scenario) => *scenario,
        other => panic!("{other:?}"),
    }
}

fn run(scenario: &QuorumScenario) -> QuorumResults<'_> {
    quorum::run(scenario, &WORKERS).unwrap()
}

fn cell(settings: &[&str]) -> Cell {
    run(&quorum(settings)).cells.remove(0)
}

fn law(text: &str) -> Dist {
    Dist::parse(text).unwrap()
}

/// The settings that put four delays into a scenario.
fn legs(laws: [&str; 4]) -> Vec<String> {
    ["write_out", "ack", "read_out", "reply"]
        .iter()
        .zip(laws)
        .map(|(leg, law)| format!("latency.{leg}={law}"))
        .collect()
}

const ALIKE: [&str; 4] = ["exp(1ms)"; 4];

/// Seven kinds of delays: write out, ack, read out, reply.
const LAWS: [(&str, [&str; 4]); 7] = [
    (
        "exponential",
        ["exp(5ms)", "exp(1ms)", "exp(1ms)", "exp(2ms)"],
    ),
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

/// P(stale) at the commit with every delay exp(1 ms), by `tests/oracles/quorum.py`: N, R,
/// W, whether reads ask all replicas.
const RATIONALS: [(u32, u32, u32, bool, f64); 10] = [
    (3, 1, 1, true, 965.0 / 3888.0),
    (3, 1, 2, true, 1351.0 / 15552.0),
    (3, 2, 1, true, 137.0 / 3600.0),
    (3, 1, 1, false, 5.0 / 27.0),
    (2, 1, 1, true, 11.0 / 72.0),
    (5, 2, 2, true, 0.03283154976572262),
    (5, 1, 3, true, 0.11291819727846365),
    (7, 3, 2, true, 0.014906882694756244),
    (10, 2, 5, true, 0.021433669221423948),
    (5, 2, 3, false, 469.0 / 120000.0),
];

#[test]
fn exponentials_are_the_rationals() {
    // W exponential of rate λ: p_stale(t) = p_stale(0) · e^(−λRt). The first three are
    // of the literature; the others by integrating polynomials times exponentials, as
    // tests/oracles/quorum.py does with fractions.
    let exp = law("exp(1ms)");
    let legs = Legs {
        write_out: &exp,
        ack: &exp,
        read_out: &exp,
        reply: &exp,
    };
    for (fineness, within) in [(Fineness::USUAL, 1e-5), (Fineness::FINE, 1e-8)] {
        let tables = Tables::new(legs, 0.0, 10, 20e6, fineness).unwrap();
        for (n, r, w, all, p) in RATIONALS {
            let setting = tables.setting(n, r, w, all);
            for t in [0.0, 0.3, 1.0, 5.0, 17.0f64] {
                let expected = p * (-(f64::from(r)) * t).exp();
                let got = setting.p_stale(t * 1e6);
                assert!(
                    (got / expected - 1.0).abs() < within,
                    "N={n} R={r} W={w} {t} ms: {got} {expected}"
                );
            }
        }
    }
}

#[test]
fn the_usual_quadrature_is_as_good_as_it_says() {
    for (name, texts) in LAWS {
        let [write_out, ack, read_out, reply] = texts.map(law);
        let legs = Legs {
            write_out: &write_out,
            ack: &ack,
            read_out: &read_out,
            reply: &reply,
        };
        let usual = Tables::new(legs, 0.0, 7, 200e6, Fineness::USUAL).unwrap();
        let fine = Tables::new(legs, 0.0, 7, 200e6, Fineness::FINE).unwrap();
        for (n, r, w) in [
            (3, 1, 1),
            (3, 2, 1),
            (3, 1, 2),
            (5, 2, 2),
            (5, 3, 1),
            (7, 1, 6),
        ] {
            for all in [true, false] {
                let (a, b) = (usual.setting(n, r, w, all), fine.setting(n, r, w, all));
                for t in [0.0, 0.5, 3.0, 10.0, 40.0, 150.0] {
                    let (p, q) = (a.p_stale(t * 1e6), b.p_stale(t * 1e6));
                    assert!(
                        (p - q).abs() <= 1e-5 * q,
                        "{name} N={n} R={r} W={w} {t} ms: {p} {q}"
                    );
                }
            }
        }
    }
}

#[test]
fn quadrature_and_both_simulations_agree() {
    for (name, laws) in LAWS {
        for fan_out in ["cluster.fan_out=all", "cluster.fan_out=quorum"] {
            let legs = legs(laws);
            let mut settings: Vec<&str> = legs.iter().map(String::as_str).collect();
            settings.extend([
                "cluster.n=[2,3,4,5]",
                "cluster.r=1..=5",
                "cluster.w=1..=5",
                "read.t=[\"0ms\",\"1ms\",\"3ms\",\"8ms\",\"20ms\",\"60ms\"]",
                "run.method=both",
                "run.replications=20000",
                fan_out,
            ]);
            let scenario = quorum(&settings);
            let results = run(&scenario);
            assert_eq!(results.cells.len(), 4 + 9 + 16 + 25);
            for cell in &results.cells {
                for (k, point) in cell.points.iter().enumerate() {
                    let at = format!("{name} {fan_out} {} {}", cell.name, point.t);
                    let p = point.exact.unwrap_or_else(|| panic!("{at}: simulated"));
                    let n = point.simulated.n as f64;
                    if cell.always_fresh {
                        assert_eq!((p, point.simulated.mean), (0.0, 0.0), "{at}");
                        continue;
                    }
                    if let Some(z) = cell.z(k)
                        && point.weighed.mean > 1e-3 * p
                        && n * p > 20.0
                    {
                        assert!(z.abs() < Z, "{at}: z {z}, exact {p} {:?}", point.weighed);
                    }
                    if n * p * (1.0 - p) > 20.0 {
                        let error = (p * (1.0 - p) / n).sqrt();
                        let z = (point.simulated.mean - p) / error;
                        assert!(z.abs() < Z, "{at}: z {z}, exact {p} {:?}", point.simulated);
                    } else if n * p < 1.0 {
                        assert!(point.simulated.mean * n < 15.0, "{at}: {p}");
                    }
                }
            }
        }
    }
}

#[test]
fn instantaneous_reads_are_the_urn() {
    // Without delays but W's own, a read at the commit misses with C(N−W, R)/C(N, R).
    for write_out in [
        "exp(3ms)",
        "uniform(1ms,9ms)",
        "lognormal(median=2ms,sigma=1.5)",
    ] {
        let write_out = law(write_out);
        let zero = law("0ms");
        let legs = Legs {
            write_out: &write_out,
            ack: &zero,
            read_out: &zero,
            reply: &zero,
        };
        for n in [2, 3, 4, 5, 6, 7, 20, 64] {
            let tables = Tables::new(legs, 0.0, n, 20e6, Fineness::USUAL).unwrap();
            for r in (1..n).step_by(1 + n as usize / 8) {
                for w in (1..=n - r).step_by(1 + n as usize / 8) {
                    let urn = choose(n - w, r) / choose(n, r);
                    for all in [true, false] {
                        let p = tables.setting(n, r, w, all).p_stale(0.0);
                        assert!(
                            (p / urn - 1.0).abs() < 1e-5,
                            "{write_out} {all} N={n} R={r} W={w}: {p} {urn}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn published_fits_give_the_papers_figures() {
    // Bailis et al. (VLDB 2012), section 5: reads right after the write, N = 3, R = W = 1.
    let fresh = |fit: &str, n: &str| {
        let cell = cell(&[fit, n, "read.t=0ms", "run.method=exact"]);
        1.0 - cell.points[0].best().mean
    };
    let ssd = fresh("latency.fit=lnkd-ssd", "cluster.n=3");
    assert!((ssd - 0.9736).abs() < 0.0005, "{ssd}");
    let disk = fresh("latency.fit=lnkd-disk", "cluster.n=2");
    assert!((disk - 0.5759).abs() < 0.0005, "{disk}");
}

#[test]
fn latencies_are_quantiles_of_what_is_simulated() {
    for fit in ["lnkd-ssd", "lnkd-disk", "ymmr", "ymmr-code"] {
        let fit = format!("latency.fit={fit}");
        let settings = [&fit, "cluster.r=1..=3", "cluster.w=1..=3"];
        let exact = quorum(&[&settings[..], &["run.method=exact"]].concat());
        let simulated = quorum(
            &[
                &settings[..],
                &[
                    "run.method=monte-carlo",
                    "run.replications=400000",
                    "read.t=0ms",
                ],
            ]
            .concat(),
        );
        let (exact, simulated) = (run(&exact), run(&simulated));
        for (a, b) in exact.cells.iter().zip(&simulated.cells) {
            let pairs = [
                (a.read_latency, b.read_latency),
                (a.write_latency, b.write_latency),
            ];
            for (a, b) in pairs {
                // The median and p99 of 400,000 draws lie within 1%; p99.9 of these
                // heavy tails, from 400 draws beyond it, within 10%.
                for (i, within) in [(0, 0.01), (1, 0.03), (2, 0.10)] {
                    assert!((a[i] / b[i] - 1.0).abs() < within, "{fit} {a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn dropped_writes_leave_a_floor() {
    // f^R · P(Bin(N−R, 1−f) ≥ W) / P(Bin(N, 1−f) ≥ W), f = 2%, N = 3.
    for (r, w, floor) in [(1, 1, 0.019992), (1, 2, 0.019231), (2, 1, 3.92e-4)] {
        let (r, w) = (format!("cluster.r={r}"), format!("cluster.w={w}"));
        let laws = legs(ALIKE);
        let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
        settings.extend([
            &r,
            &w,
            "cluster.drop=2%",
            "read.t=[\"0ms\",\"1s\"]",
            "run.method=both",
        ]);
        let cell = cell(&settings);
        let point = cell.points[1];
        let exact = point.exact.unwrap();
        assert!((exact / floor - 1.0).abs() < 2e-3, "{exact} {floor}");
        for (k, point) in cell.points.iter().enumerate() {
            let z = cell.z(k).unwrap();
            assert!(z.abs() < Z, "{z} {point:?}");
            let n = point.simulated.n as f64;
            let p = point.exact.unwrap();
            let z = (point.simulated.mean - p) / (p * (1.0 - p) / n).sqrt();
            assert!(z.abs() < Z, "{z} {point:?}");
        }
    }
}

#[test]
fn versions_are_missed_together() {
    // Everything exp(1 ms), R = W = 1: three versions in a row 0.0201, against PBS's
    // 0.0152 without a shared reader.
    let laws = legs(ALIKE);
    let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
    settings.extend([
        "run.method=monte-carlo",
        "run.replications=400000",
        "read.t=0ms",
    ]);
    let cell = cell(&settings);
    let (missed, pbs) = cell.versions[2];
    let error = missed.sd / (missed.n as f64).sqrt();
    assert!(
        (missed.mean - 0.0201).abs() < 4.0 * error + 5e-5,
        "{missed:?}"
    );
    // PBS: C(N−W, R)/C(N, R) each, 2/3 to the third.
    assert!((pbs - 8.0 / 27.0).abs() < 1e-12);
    let (once, _) = cell.versions[0];
    let error = once.sd / (once.n as f64).sqrt();
    assert!((once.mean - 965.0 / 3888.0).abs() < 4.0 * error);
}

/// Every switch that needs events, so weak that nothing comes of it, gives what there
/// is without.
#[test]
fn switches_that_do_nothing_change_nothing() {
    let laws = legs(["exp(3ms)", "exp(1ms)", "exp(1ms)", "exp(1ms)"]);
    let mut base: Vec<&str> = laws.iter().map(String::as_str).collect();
    base.extend(["cluster.n=3", "read.t=[\"0ms\",\"2ms\",\"6ms\"]"]);
    let exact = cell(&[&base[..], &["run.method=exact"]].concat());
    for switch in [
        &["cluster.pause=1e-9", "cluster.pause_for=1ms"][..],
        &["cluster.down=1e-9", "cluster.down_for=exp(1s)"],
        &[
            "cluster.down=1e-9",
            "cluster.sloppy=true",
            "cluster.handoff=1s",
        ],
        &["cluster.repair=background", "cluster.reads=0.000001/s"],
        &["cluster.repair=blocking", "cluster.reads=0.000001/s"],
        &["cluster.anti_entropy=10h"],
        &["cluster.write_timeout=10h"],
    ] {
        let played = cell(&[&base[..], switch].concat());
        assert_eq!(played.found, Found::Simulated);
        for (a, b) in exact.points.iter().zip(&played.points) {
            let (p, n) = (a.exact.unwrap(), b.simulated.n as f64);
            let z = (b.simulated.mean - p) / (p * (1.0 - p) / n).sqrt();
            assert!(z.abs() < Z, "{switch:?} {} {z}", a.t);
        }
        for (a, b) in [
            (exact.read_latency, played.read_latency),
            (exact.write_latency, played.write_latency),
        ] {
            assert!((a[0] / b[0] - 1.0).abs() < 0.02, "{switch:?} {a:?} {b:?}");
        }
    }
}

#[test]
fn replicas_that_are_all_alike_by_themselves_are_alike() {
    // The same delays said three times, and datacentres no distance apart: simulated,
    // and the same as the quadrature.
    let laws = legs(["exp(3ms)", "exp(1ms)", "exp(1ms)", "exp(1ms)"]);
    let mut base: Vec<&str> = laws.iter().map(String::as_str).collect();
    base.push("read.t=[\"0ms\",\"2ms\",\"6ms\"]");
    let exact = cell(&[&base[..], &["run.method=exact"]].concat());
    for same in [
        "datacentres={replicas=[1,1,1]}",
        "replica=[{},{},{}]",
        "datacentres={replicas=[2,1],delay=\"0ms\",writer=1}",
    ] {
        let apart = cell(&[&base[..], &[same]].concat());
        assert_eq!(apart.found, Found::Conditional, "{same}");
        for (a, b) in exact.points.iter().zip(&apart.points) {
            let error = b.weighed.sd / (b.weighed.n as f64).sqrt();
            let z = (b.weighed.mean - a.exact.unwrap()) / error;
            assert!(z.abs() < Z, "{same} {} {z}", a.t);
        }
    }
}

#[test]
fn repair_exchange_and_hints_bring_dropped_writes_back() {
    let laws = legs(ALIKE);
    let mut base: Vec<&str> = laws.iter().map(String::as_str).collect();
    base.extend([
        "cluster.r=1",
        "read.t=[\"0ms\",\"400ms\"]",
        "run.replications=40000",
    ]);
    let late = |more: &[&str]| cell(&[&base[..], more].concat()).points[1].best();
    let floor = late(&["cluster.drop=10%"]).mean;
    assert!(floor > 0.09, "{floor}");
    // A hundred reads of all replies by then: nobody is left behind.
    let repaired = late(&[
        "cluster.drop=10%",
        "cluster.repair=background",
        "cluster.reads=250/s",
    ]);
    assert!(repaired.mean < 0.001, "{repaired:?}");
    // Reads of one replica that wait for no other repair nothing.
    let blocking = late(&[
        "cluster.drop=10%",
        "cluster.repair=blocking",
        "cluster.reads=250/s",
    ]);
    assert!((blocking.mean - floor).abs() < 0.01, "{blocking:?}");
    // Rounds every 100 ms: by 400 ms everyone has met one.
    let exchanged = late(&["cluster.drop=10%", "cluster.anti_entropy=100ms"]);
    assert_eq!(exchanged.mean, 0.0);
    // Rounds every 800 ms: half of the lost writes are brought back by 400 ms, give or
    // take the few ms of the commit.
    let half = late(&["cluster.drop=10%", "cluster.anti_entropy=800ms"]);
    assert!((half.mean / floor - 0.5).abs() < 0.05, "{half:?} {floor}");
    // Down replicas come back after 100 ms and are sent what they missed at once, or never.
    let returned = |handoff: &[&str]| {
        let down = ["cluster.down=10%", "cluster.down_for=100ms"];
        late(&[&down[..], handoff].concat()).mean
    };
    assert_eq!(returned(&["cluster.handoff=10ms"]), 0.0);
    // Who was down has not got it: a tenth, of those writes that committed.
    let without = returned(&[]);
    assert!((without / 0.0999 - 1.0).abs() < 0.05, "{without}");
}

#[test]
fn stand_ins_break_the_promise_of_majorities() {
    let laws = legs(ALIKE);
    let mut base: Vec<&str> = laws.iter().map(String::as_str).collect();
    base.extend([
        "cluster.r=2",
        "cluster.w=2",
        "cluster.down=20%",
        "cluster.down_for=50ms",
        "cluster.handoff=10s",
        "read.t=[\"0ms\",\"500ms\"]",
    ]);
    let strict = cell(&base);
    assert!(strict.always_fresh);
    assert_eq!(strict.points[1].simulated.mean, 0.0);
    let sloppy = cell(&[&base[..], &["cluster.sloppy=true"]].concat());
    assert!(!sloppy.always_fresh);
    // Back, without their hints: stale if both that answer first are of those that were
    // down. One of three pairs of repliers, each down with 20%: 4%.
    let p = sloppy.points[1].simulated;
    assert!(
        (p.mean - 0.04).abs() < 4.0 * (0.04 * 0.96 / p.n as f64).sqrt(),
        "{p:?}"
    );
}

#[test]
fn laws_that_a_quadrature_cannot_do_are_simulated() {
    // Values of an independent simulation; steep at 0, or wide beyond measure.
    let mut found = Vec::new();
    for (law, expected) in [
        ("gamma(shape=0.1,mean=1ms)", 0.405),
        ("weibull(shape=0.3,scale=1ms)", 0.3914),
        ("lognormal(median=1ms,sigma=5)", 0.3986),
        ("pareto(scale=1ms,alpha=0.05)", 0.410),
        ("gamma(shape=0.3,mean=1ms)", 0.3727),
    ] {
        let laws = legs([law; 4]);
        let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
        settings.push("read.t=0ms");
        let cell = cell(&settings);
        let p = cell.points[0].best();
        assert!((p.mean - expected).abs() < 0.004, "{law}: {p:?} {expected}");
        // Whatever is called exact is so: the two meshes tell.
        assert!(cell.error.is_none_or(|error| error < 2e-4), "{law}");
        found.push(cell.found);
    }
    assert!(found.contains(&Found::Conditional), "{found:?}");
}

#[test]
fn a_floor_is_never_passed() {
    let laws = legs(ALIKE);
    let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
    settings.extend(["cluster.drop=2%", "read.visibility=[\"90%\",\"99.9%\"]"]);
    let cell = cell(&settings);
    assert!(cell.visibility[0].1[0].is_some_and(|t| t < 0.01));
    assert_eq!(cell.visibility[1].1[0], None);
}

#[test]
fn who_is_down_is_not_repaired() {
    // Half of the writes that committed left the other replica without: it was down until
    // 100 ms, and a read 1 ms later meets it before the next read by others does, most
    // often. Given a commit at least one of two is up: P(the other one down) = 2/3, and
    // half of the reads are answered by it.
    let cell = cell(&[
        "latency.write_out=uniform(100us,200us)",
        "latency.ack=uniform(100us,200us)",
        "latency.read_out=uniform(100us,200us)",
        "latency.reply=uniform(100us,200us)",
        "cluster.n=2",
        "cluster.down=50%",
        "cluster.down_for=100ms",
        "cluster.repair=background",
        "cluster.reads=50/s",
        "read.t=101ms",
        "run.replications=40000",
    ]);
    let p = cell.points[0].simulated.mean;
    assert!(p > 0.30 && p < 0.3334, "{p}");
}

#[test]
fn earlier_reads_do_not_depend_on_later_ones() {
    let run = |t: &str| {
        let laws = legs(ALIKE);
        let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
        settings.extend([
            "cluster.r=2",
            "cluster.fan_out=quorum",
            "cluster.drop=30%",
            "cluster.pause=50%",
            "cluster.pause_for=200ms",
            "cluster.repair=background",
            "cluster.reads=50/s",
            "run.replications=60000",
            t,
        ]);
        cell(&settings).points[0].simulated
    };
    let (alone, with) = (run("read.t=1ms"), run("read.t=[\"1ms\",\"190ms\"]"));
    let error = (2.0 * alone.mean / alone.n as f64).sqrt();
    assert!(
        (alone.mean - with.mean).abs() < 4.0 * error,
        "{alone:?} {with:?}"
    );
}

#[test]
fn standing_counts_where_replicas_are() {
    // Two of three with 10% down each: 0.9³ + 3·0.9²·0.1 = 0.972.
    let of = |r: &str, w: &str| {
        let (r, w) = (format!("cluster.r={r}"), format!("cluster.w={w}"));
        cell(&[
            "datacentres={replicas=[3,3]}",
            "cluster.down=10%",
            "read.t=0ms",
            "run.replications=40000",
            &r,
            &w,
        ])
    };
    let local = of("LOCAL_QUORUM", "EACH_QUORUM");
    assert!((local.available[0] - 0.972).abs() < 1e-12);
    assert!((local.available[1] - 0.972f64.powi(2)).abs() < 1e-12);
    assert_eq!(local.resilience, [1, 1]);
    for (failed, available) in [
        (local.failed_reads, local.available[0]),
        (local.failed_writes, local.available[1]),
    ] {
        let error = (available * (1.0 - available) / failed.n as f64).sqrt();
        assert!(
            (failed.mean - (1.0 - available)).abs() < 4.0 * error,
            "{failed:?}"
        );
    }
    let plain = of("2", "3");
    assert_eq!(plain.resilience.into_iter().min(), Some(3));
    // Everybody is asked.
    assert_eq!(plain.load, 1.0);
    // A hint is as good as a replica.
    let any = cell(&[
        "cluster.w=ANY",
        "cluster.down=30%",
        "cluster.handoff=1s",
        "read.t=0ms",
        "run.replications=2000",
    ]);
    assert_eq!((any.failed_writes.mean, any.available[1]), (0.0, 1.0));
}

#[test]
fn versions_are_of_writes_that_commit() {
    let laws = legs(["exp(5ms)", "exp(1ms)", "exp(1ms)", "exp(1ms)"]);
    for what in ["cluster.drop=30%", "cluster.down=30%"] {
        let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
        settings.extend(["cluster.w=2", "read.t=0ms", "run.replications=400000", what]);
        let cell = cell(&settings);
        let (once, _) = cell.versions[0];
        let exact = cell.points[0].exact.unwrap();
        let error = once.sd / (once.n as f64).sqrt();
        assert!(
            (once.mean - exact).abs() < 4.0 * error,
            "{what} {once:?} {exact}"
        );
    }
}

#[test]
fn few_trials_that_carry_all_prove_nothing() {
    // Exactly 3.1e-7, by reads that happen to be a thousand times as fast as usual.
    let cell = cell(&[
        "latency.write_out=exp(1ms)",
        "latency.ack=exp(1ms)",
        "latency.read_out=exp(1h)",
        "latency.reply=exp(1ms)",
        "read.t=0ms",
        "run.method=monte-carlo",
    ]);
    assert!(cell.points[0].best().high > 3.1e-7);
}

#[test]
fn failed_writes_can_be_seen() {
    // Acknowledgements take 10 ms and are waited for 5: every write fails, and reads
    // of one replica 20 ms later see it for certain.
    let cell = cell(&[
        "latency.write_out=1ms",
        "latency.ack=10ms",
        "latency.read_out=1ms",
        "latency.reply=1ms",
        "cluster.write_timeout=5ms",
        "read.t=[\"0ms\",\"20ms\"]",
        "run.replications=1000",
    ]);
    assert_eq!(cell.failed_writes.mean, 1.0);
    assert_eq!(cell.points[1].visible.mean, 1.0);
    assert_eq!(cell.points[1].simulated.n, 0);
}

#[test]
fn blocking_repair_never_goes_backwards() {
    let laws = legs(["exp(5ms)", "exp(1ms)", "exp(1ms)", "exp(1ms)"]);
    let mut base: Vec<&str> = laws.iter().map(String::as_str).collect();
    // Quorums of reads that meet each other, after writes to one replica only.
    base.extend([
        "cluster.r=2",
        "cluster.w=1",
        "read.t=0ms",
        "run.replications=50000",
    ]);
    let without = cell(&base).backwards.mean;
    let with = cell(
        &[
            &base[..],
            &["cluster.repair=blocking", "cluster.reads=0.001/s"],
        ]
        .concat(),
    );
    assert!(without > 0.02, "{without}");
    assert_eq!(with.backwards.mean, 0.0);
}

#[test]
fn clock_skew_loses_the_later_write() {
    // Φ(−g/(s√2)): 5 ms apart, clocks off by 10 ms.
    use herdsim_core::theory::quorum::lost_by_skew;
    let lost = |skew: &str, gap: &str| {
        let (skew, gap) = (
            format!("cluster.clock_skew={skew}"),
            format!("cluster.write_gap={gap}"),
        );
        lost_by_skew(&quorum(&[&skew, &gap]))
    };
    // Tables of the normal law: Φ(−0.353553) = 0.36184.
    assert!((lost("10ms", "5ms") - 0.361_837).abs() < 1e-5);
    assert_eq!(lost("10ms", "0ms"), 0.5);
    assert_eq!(lost("0ms", "5ms"), 0.0);
}

#[test]
fn levels_wait_for_their_replicas() {
    let centres = "datacentres={replicas=[3,3],delay=\"40ms\",writer=1,reader=1}";
    let laws = legs(["1ms", "1ms", "1ms", "1ms"]);
    let of = |r: &str, w: &str, more: &[&str]| {
        let (r, w) = (format!("cluster.r={r}"), format!("cluster.w={w}"));
        let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
        settings.extend([
            centres,
            &r,
            &w,
            "read.t=[\"0ms\",\"50ms\"]",
            "run.replications=200",
        ]);
        settings.extend(more);
        cell(&settings)
    };
    let ms = |x: f64| (x * 1e3 * 100.0).round() / 100.0;
    // Here 2 ms both ways, there 82.
    for (level, expected) in [
        ("ONE", 2.0),
        ("TWO", 2.0),
        ("THREE", 2.0),
        ("QUORUM", 82.0),
        ("ALL", 82.0),
        ("LOCAL_ONE", 2.0),
        ("LOCAL_QUORUM", 2.0),
        ("EACH_QUORUM", 82.0),
        ("ANY", 2.0),
    ] {
        let write = of("ONE", level, &[]).write_latency[0];
        assert!((ms(write) - expected).abs() < 0.2, "{level} {write}");
    }
    for (level, expected) in [("QUORUM", 82.0), ("LOCAL_QUORUM", 2.0), ("LOCAL_ONE", 2.0)] {
        let read = of(level, "ONE", &[]).read_latency[0];
        assert!((ms(read) - expected).abs() < 0.2, "{level} {read}");
    }
    // Which pairs always meet.
    for (r, w, meets) in [
        ("QUORUM", "QUORUM", true),
        ("LOCAL_QUORUM", "LOCAL_QUORUM", true), // one home only
        ("LOCAL_QUORUM", "EACH_QUORUM", true),
        ("LOCAL_ONE", "EACH_QUORUM", false),
        ("QUORUM", "LOCAL_QUORUM", false),
        ("ONE", "ALL", true),
        ("ALL", "ANY", true),
        ("LOCAL_ONE", "LOCAL_QUORUM", false),
    ] {
        assert_eq!(of(r, w, &[]).always_fresh, meets, "{r} {w}");
    }
    // From the other side a local quorum is stale until the write has crossed: 41 ms
    // after it was sent, the commit is at 2 ms, the read takes 1 ms out.
    let across = of(
        "LOCAL_QUORUM",
        "LOCAL_QUORUM",
        &["datacentres.reader=2", "read.t=[\"0ms\",\"37ms\",\"39ms\"]"],
    );
    assert!(!across.always_fresh);
    let stale: Vec<f64> = across.points.iter().map(|p| p.best().mean).collect();
    assert_eq!(stale[..2], [1.0, 1.0]);
    assert_eq!(across.points[2].simulated.mean, 0.0);
}

#[test]
fn no_hit_is_no_zero() {
    // One in a billion, simulated a thousand times by counting: a bound, not 0.
    let laws = legs(ALIKE);
    let mut settings: Vec<&str> = laws.iter().map(String::as_str).collect();
    settings.extend([
        "read.t=20ms",
        "cluster.pause=1e-12",
        "run.replications=1000",
    ]);
    let cell = cell(&settings);
    let e = cell.points[0].best();
    assert_eq!(e.mean, 0.0);
    assert!(e.high > 1e-3 && e.high < 1e-2, "{e:?}");
    assert!(!cell.always_fresh);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// P(stale) never rises with t, R or W.
    #[test]
    fn staleness_only_falls(
        i in 0..LAWS.len(), n in 2u32..7, all in any::<bool>(), t in 0.0f64..50.0, dt in 0.0f64..20.0,
    ) {
        let [write_out, ack, read_out, reply] = LAWS[i].1.map(law);
        let legs = Legs { write_out: &write_out, ack: &ack, read_out: &read_out, reply: &reply };
        let tables = Tables::new(legs, 0.0, 7, 80e6, Fineness::USUAL).unwrap();
        let p = |r: u32, w: u32, t: f64| match r + w > n {
            true => 0.0,
            false => tables.setting(n, r, w, all).p_stale(t * 1e6),
        };
        for r in 1..n {
            for w in 1..=n - r {
                let here = p(r, w, t);
                let slack = 1.0 + 1e-5;
                prop_assert!(p(r, w, t + dt) <= here * slack);
                prop_assert!(p(r, w + 1, t) <= here * slack);
                prop_assert!(p(r + 1, w, t) <= here * slack);
            }
        }
    }
}
