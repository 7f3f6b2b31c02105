//! Quorum settings worked out: by quadrature where there is one, by simulation
//! everywhere.

mod batches;
mod cell;
mod exact;
mod metrics;
mod visibility;

use crate::ensemble::{Watch, Workers};
use crate::histogram::Histogram;
use crate::quorum::cluster;
use crate::quorum::counts::Counts;
use crate::quorum::exact::{Legs, choose};
use crate::quorum::sets::{self, proves_fresh};
use crate::quorum::simd::Lanes;
use crate::scenario::quorum::{FanOut, Level, Method, QuorumScenario, Wait, setting_name};
use crate::stats::{Estimate, Z_975};
use batches::tallies;
pub use cell::{Cell, Found, LATENCIES, Point};
pub use exact::NotExact;
use exact::{Quadrature, Solved};
pub use metrics::*;
pub(crate) use visibility::ENOUGH;
use visibility::{Visible, until_fresh};

/// Chance that a replica is down, for availability where the scenario says none.
pub const USUALLY_DOWN: f64 = 0.01;

/// 95% intervals of simulated latencies at the quantiles of [`LATENCIES`], by order
/// statistics: the ranks that a binomial count reaches.
fn interval(h: &Histogram) -> [[f64; 2]; 3] {
    LATENCIES.map(|(_, q)| {
        let n = h.len() as f64;
        let spread = Z_975 * (q * (1.0 - q) / n).sqrt();
        [1.0 - q - spread, 1.0 - q + spread].map(|p| h.quantile_s(p.clamp(0.0, 1.0)))
    })
}

/// All settings of a scenario.
#[derive(Clone, Debug)]
pub struct QuorumResults<'s> {
    pub scenario: &'s QuorumScenario,
    pub cells: Vec<Cell>,
    /// Exact P(stale) at other times, in seconds, for charts: by cell.
    pub curves: Vec<Vec<(f64, f64)>>,
    /// By N without a setting of which every read is fresh: some that are, to compare.
    pub majorities: Vec<Cell>,
    pub trials: u64,
    pub interrupted: bool,
}

/// Works out every setting, with exact curves between the times for charts.
///
/// # Errors
/// [`NotExact`] where the scenario insists on a quadrature and there is none.
pub fn run<'s>(
    scenario: &'s QuorumScenario,
    workers: &Workers,
) -> Result<QuorumResults<'s>, NotExact> {
    run_watched(scenario, workers, true, &Watch::default())
}

/// The same, watched, and with curves or without.
///
/// # Errors
/// As [`run`].
pub fn run_watched<'s>(
    scenario: &'s QuorumScenario,
    workers: &Workers,
    curves: bool,
    watch: &Watch<'_>,
) -> Result<QuorumResults<'s>, NotExact> {
    let quadrature = Quadrature::new(scenario, workers)?;
    let exact = match &quadrature {
        Some(quadrature) => quadrature.solved(workers)?,
        None => None,
    };
    let worlds = worlds(scenario, exact.is_none());
    let trials = match scenario.run.method {
        Method::Exact => 0,
        _ => scenario.run.replications,
    };
    let each: Vec<&cluster::World<'_>> = worlds.iter().collect();
    let (tallies, finished) = tallies(&each, trials, workers, watch);
    let mut jobs = Vec::new();
    for (world, tally) in worlds.iter().zip(&tallies) {
        for (setting, counts) in world.settings.iter().zip(&tally.settings) {
            jobs.push((world.n(), *setting, counts));
        }
    }
    let order = scenario.settings();
    let place = |cell: &Cell| {
        let mut settings = order.iter();
        settings.position(|(n, r, w)| (*n, *r, *w) == (cell.n, cell.r, cell.w))
    };
    let seen = match exact {
        Some(_) => jobs.iter().map(|_| Vec::new()).collect(),
        None => until_fresh(scenario, &jobs, finished, workers, watch),
    };
    let jobs: Vec<_> = jobs.into_iter().zip(seen).collect();
    let mut cells = workers.map(&jobs, |((n, (r, w), counts), seen)| {
        cell(
            scenario,
            exact.as_ref(),
            (*n, *r, *w),
            (counts, seen),
            curves,
        )
    });
    cells.sort_by_key(|(cell, _)| place(cell));
    let asked: (Vec<_>, Vec<_>) = cells
        .into_iter()
        .partition(|(cell, _)| place(cell).is_some());
    let (cells, curves) = asked.0.into_iter().unzip();
    Ok(QuorumResults {
        scenario,
        cells,
        curves,
        majorities: asked.1.into_iter().map(|(cell, _)| cell).collect(),
        trials: finished,
        interrupted: finished < trials,
    })
}

/// Whether a quadrature holds every setting, so that trials only check it.
pub(super) fn is_solved(scenario: &QuorumScenario) -> bool {
    let Ok(workers) = Workers::new(1) else {
        return false;
    };
    let quadrature = Quadrature::new(scenario, &workers);
    let solved = |q: Quadrature<'_>| q.solved(&workers).is_ok_and(|solved| solved.is_some());
    quadrature.is_ok_and(|quadrature| quadrature.is_some_and(solved))
}

/// Settings that are fresh without more: the majorities, and the levels of datacentres.
fn fresh(scenario: &QuorumScenario, n: u32) -> Vec<(Wait, Wait)> {
    let [local, each] = [Level::LocalQuorum, Level::EachQuorum].map(Wait::Level);
    match &scenario.datacentres {
        Some(d) if d.replicas.len() > 1 => {
            let quorum = Wait::Level(Level::Quorum);
            vec![(quorum, quorum), (local, each), (each, local)]
        }
        _ => vec![(Wait::For(n / 2 + 1), Wait::For(n / 2 + 1))],
    }
}

fn worlds(scenario: &QuorumScenario, weighs: bool) -> Vec<cluster::World<'_>> {
    let settings = scenario.settings();
    let of = |n: &u32| {
        let own = settings.iter().filter(|(other, ..)| other == n);
        let mut own: Vec<_> = own.map(|(_, r, w)| (*r, *w)).collect();
        if own.iter().all(|(r, w)| !proves_fresh(scenario, *n, *r, *w)) {
            // What is fresh, to compare with.
            let others = fresh(scenario, *n).into_iter();
            let others: Vec<_> = others.filter(|other| !own.contains(other)).collect();
            own.extend(others);
        }
        let numbers: Option<Vec<(u32, u32)>> = own
            .iter()
            .map(|(r, w)| Some((r.of(*n)?, w.of(*n)?)))
            .collect();
        let mut world = cluster::World::new(scenario, *n, own);
        let c = &scenario.cluster;
        if let Some(numbers) = numbers
            && !weighs
            && c.down.0 == 0.0
            && c.drop.0 == 0.0
        {
            let times: Vec<f64> = scenario.read.t.iter().map(|t| t.0 as f64).collect();
            let asks_all = c.fan_out == FanOut::All;
            let legs = Legs::of(&scenario.latency.legs);
            world.lanes = Lanes::new(legs, *n, &numbers, &times, asks_all);
        }
        world.weighs &= weighs || scenario.run.method != Method::Auto;
        world
    };
    scenario.cluster.n.iter().map(of).collect()
}

/// What a chart draws between the times asked for.
const CURVE: u32 = 60;

fn cell(
    scenario: &QuorumScenario,
    exact: Option<&Solved<'_>>,
    (n, r, w): (u32, Wait, Wait),
    (counts, seen): (&Counts, &[Visible]),
    curve: bool,
) -> (Cell, Vec<(f64, f64)>) {
    let c = &scenario.cluster;
    let always_fresh = proves_fresh(scenario, n, r, w);
    let times: Vec<f64> = scenario.read.t.iter().map(|t| t.0 as f64).collect();
    let last = times.last().copied().unwrap_or(0.0);
    let needs = (r.of(n), w.of(n));
    let settings = exact.and_then(|solved| solved.setting((n, r, w)));
    let at = |t: f64| match &settings {
        _ if always_fresh => Some(0.0),
        Some(solved) => Some(solved.fine.p_stale(t)),
        None => None,
    };
    let mut error = settings.as_ref().map(|_| 0.0f64);
    let points: Vec<Point> = times
        .iter()
        .enumerate()
        .map(|(k, t)| {
            let value = at(*t);
            if let (Some(solved), Some(setting), Some(p)) = (exact, settings, value)
                && p > 1e-200
            {
                error = error.map(|e| e.max(solved.error_at(setting, *t)));
            }
            Point {
                t: t / 1e9,
                exact: value,
                weighed: counts.weighed[k].estimate(),
                simulated: counts.simulated(k),
                visible: Estimate::of_trials(counts.visible[k] as f64, counts.looked[k]),
            }
        })
        .collect();
    let curve = match !curve || always_fresh || settings.is_none() {
        true => Vec::new(),
        false => (0..=CURVE)
            .map(|i| last * f64::from(i) / f64::from(CURVE))
            .filter_map(|t| Some((t / 1e9, at(t)?)))
            .collect(),
    };
    let visibility = scenario
        .read
        .visibility
        .iter()
        .enumerate()
        .map(|(i, level)| {
            let t = match &settings {
                _ if always_fresh => [Some(0.0); 3],
                Some(solved) => [solved.visible[i].map(|ns| ns / 1e9); 3],
                // Which t comes first needs reads that depend on no events.
                None if c.needs_events().is_some() => [None; 3],
                None => seen
                    .get(i)
                    .copied()
                    .unwrap_or_default()
                    .map(|t| t.map(|ns| ns / 1e9)),
            };
            (level.0, t)
        })
        .collect();
    let simulated = |h: &Histogram| LATENCIES.map(|(_, q)| h.quantile_s(1.0 - q));
    let certain = |values: [f64; 3]| values.map(|x| [x, x]);
    let (read_latency, write_latency, latency_ci) = match (exact, needs) {
        (Some(Solved { quadrature, .. }), (Some(r), Some(w))) => {
            let (reads, writes) = (quadrature.reads(n, r), quadrature.writes(n, w));
            (reads, writes, [certain(reads), certain(writes)])
        }
        _ => (
            simulated(&counts.read_ns),
            simulated(&counts.write_ns),
            [interval(&counts.read_ns), interval(&counts.write_ns)],
        ),
    };
    let down = match c.down.0 {
        0.0 => USUALLY_DOWN,
        down => down,
    };
    let strength = sets::Strength::of(scenario, n, r, w, down);
    let pbs = |k: u32| {
        let (Some(reads), Some(writes)) = needs else {
            return f64::NAN;
        };
        let miss = match reads + writes <= n {
            true => choose(n - writes, reads) / choose(n, reads),
            false => 0.0,
        };
        miss.powi(k as i32)
    };
    let versions = counts
        .versions
        .iter()
        .zip(1..)
        .map(|(moments, k)| {
            let estimate = match moments.estimate() {
                _ if always_fresh => Estimate::certain(0.0),
                e => e.within(0.0, 1.0),
            };
            (estimate, pbs(k))
        })
        .collect();
    let backwards = match always_fresh {
        true => Estimate::certain(0.0),
        false => Estimate::of_trials(counts.backwards as f64, counts.pairs),
    };
    let found = match (&settings, counts.weighed.first()) {
        _ if always_fresh => Found::Exact,
        (Some(_), _) => Found::Exact,
        (None, Some(ratio)) if ratio.estimate().n > 0 => Found::Conditional,
        _ => Found::Simulated,
    };
    let failed = [
        match c.down.0 > 0.0 {
            true => Estimate::of_trials(counts.failed_reads as f64, counts.played),
            false => Estimate::certain(0.0),
        },
        match c.down.0 > 0.0 || c.drop.0 > 0.0 || c.write_timeout.is_some() {
            true => Estimate::of_trials(counts.failed_writes as f64, counts.played),
            false => Estimate::certain(0.0),
        },
    ];
    // Of stand-ins no count of replicas tells how often there are enough.
    let available = match c.sloppy && c.down.0 > 0.0 && counts.played > 0 {
        true => failed.map(|e| 1.0 - e.mean),
        false => strength.available,
    };
    let cell = Cell {
        name: setting_name(&(n, r, w)),
        n,
        r,
        w,
        found,
        error,
        always_fresh,
        writes_meet: sets::writes_meet(scenario, n, w),
        points,
        visibility,
        read_latency,
        write_latency,
        latency_ci,
        versions,
        backwards,
        failed_writes: failed[1],
        failed_reads: failed[0],
        available,
        down,
        resilience: strength.resilience,
        load: strength.load,
        capacity: 1.0 / strength.load,
    };
    (cell, curve)
}
