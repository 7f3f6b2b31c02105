//! Quorum settings worked out: by quadrature where there is one, by simulation
//! everywhere.

mod metrics;

use crate::ensemble::{Watch, Workers, replicate};
use crate::histogram::Histogram;
use crate::quorum::cluster::{self, proves_fresh};
use crate::quorum::counts::{Counts, Tally, share};
use crate::quorum::exact::{
    Fineness, Legs, Setting, Tables, TooManySteps, at_least, choose, exactly, too_few,
};
use crate::quorum::simd::Lanes;
use crate::scenario::quorum::{FanOut, Method, QuorumScenario, Wait, setting_name};
use crate::stats::{Estimate, Z_975};
use crate::streams::Streams;
use crate::world::World;
pub use metrics::*;

/// Trials that share their streams: no more than take a moment.
fn batch(scenario: &QuorumScenario) -> u64 {
    match scenario.cluster.needs_events() {
        None => 1 << 13,
        Some(_) => 1 << 8,
    }
}

/// Quantiles of latencies that are told: P(longer).
pub const LATENCIES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.01), ("p999", 0.001)];

/// Chance that a replica is down, for availability where the scenario says none.
pub const USUALLY_DOWN: f64 = 0.01;

/// How a cell's chances were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By quadrature, or because quorums meet.
    Exact,
    /// Simulated, the last step weighed by its chance.
    Conditional,
    /// Counted.
    Simulated,
}

impl Found {
    pub fn name(self) -> &'static str {
        match self {
            Found::Exact => "exact",
            Found::Conditional => "conditional",
            Found::Simulated => "simulated",
        }
    }
}

/// P(stale) at one t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// In seconds.
    pub t: f64,
    pub exact: Option<f64>,
    /// Simulated with the last step weighed, or [`Estimate::NONE`].
    pub weighed: Estimate,
    /// Counted, or [`Estimate::NONE`].
    pub simulated: Estimate,
    /// Of writes that failed: the share of reads that see them all the same.
    pub visible: Estimate,
}

impl Point {
    /// The best that is known; exact values have no width.
    pub fn best(&self) -> Estimate {
        match self.exact {
            Some(p) => Estimate::certain(p),
            None => self.estimate(),
        }
    }

    /// The best by simulation.
    pub fn estimate(&self) -> Estimate {
        match self.weighed.n {
            0 => self.simulated,
            _ => self.weighed,
        }
    }
}

/// One setting (N, R, W) with all that is known of it; times in seconds.
#[derive(Clone, Debug)]
pub struct Cell {
    pub name: String,
    pub n: u32,
    pub r: Wait,
    pub w: Wait,
    pub found: Found,
    /// Relative error of the quadrature, by its own estimate.
    pub error: Option<f64>,
    /// Whether every read quorum meets every write quorum, and every write
    /// quorum every other.
    pub always_fresh: bool,
    pub writes_meet: bool,
    pub points: Vec<Point>,
    /// By level, the t from which on so many reads are fresh: value, low, high.
    pub visibility: Vec<(f64, [Option<f64>; 3])>,
    /// At the quantiles of [`LATENCIES`].
    pub read_latency: [f64; 3],
    pub write_latency: [f64; 3],
    /// 95% intervals of these, reads first: of no width where they are computed.
    pub latency_ci: [[[f64; 2]; 3]; 2],
    /// P(the last k versions are all missed), k = 1, 2, …, and C(N−W, R)/C(N, R) to
    /// the power of k, PBS's figure without delays.
    pub versions: Vec<(Estimate, f64)>,
    /// A client's next read does not know what its first, right after the commit, did.
    pub backwards: Estimate,
    pub failed_writes: Estimate,
    pub failed_reads: Estimate,
    /// Chance of enough replicas, each up with 1 − `down`.
    pub available: [f64; 2],
    pub down: f64,
    /// Replicas that may fail before reads, or writes, are no longer possible.
    pub resilience: u32,
    /// Share of operations that a replica serves, at best, and its inverse.
    pub load: f64,
    pub capacity: f64,
}

impl Cell {
    /// The value of a metric.
    pub fn metric(&self, metric: crate::metric::Key) -> Estimate {
        METRICS[metric.index()].value(self)
    }

    /// The best estimate of P(stale) at a t in seconds that is among the points.
    pub fn stale_at(&self, t: f64) -> Option<Estimate> {
        let point = self.points.iter().find(|p| (p.t - t).abs() < 1e-12)?;
        Some(point.best())
    }

    /// How far simulation and quadrature are apart at the k-th t, in standard errors.
    pub fn z(&self, k: usize) -> Option<f64> {
        let point = &self.points[k];
        let p = point.exact?;
        let e = point.estimate();
        let error = match point.weighed.n {
            0 => (p * (1.0 - p) / e.n as f64).sqrt(),
            n => e.sd / (n as f64).sqrt(),
        };
        (e.n > 0 && error > 0.0).then(|| (e.mean - p) / error)
    }

    /// What an operation costs: the p99 of reads and writes by their shares.
    pub fn cost(&self, read_share: f64) -> f64 {
        read_share * self.read_latency[1] + (1.0 - read_share) * self.write_latency[1]
    }
}

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
    /// By N without a setting of which every read is fresh: the majorities, to compare.
    pub majorities: Vec<Cell>,
    pub trials: u64,
    pub interrupted: bool,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotExact(pub String);

struct Batches<'w, 's> {
    world: &'w cluster::World<'s>,
    trials: u64,
}

impl World for Batches<'_, '_> {
    type Outcome = Tally;

    fn replicate(&self, streams: Streams) -> Tally {
        let size = batch(self.world.scenario);
        let left = self.trials - streams.replication * size;
        self.world.batch(streams, left.min(size))
    }
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
    let exact = Quadrature::new(scenario, workers)?;
    let worlds = worlds(scenario, exact.is_none());
    let trials = match scenario.run.method {
        Method::Exact => 0,
        _ => scenario.run.replications,
    };
    let mut tallies: Vec<Tally> = worlds.iter().map(empty).collect();
    let batches: Vec<Batches<'_, '_>> = worlds
        .iter()
        .map(|world| Batches { world, trials })
        .collect();
    let size = batch(scenario);
    let range = 0..trials.div_ceil(size);
    let all = range.end;
    let reached = replicate(
        workers,
        &batches,
        scenario.run.seed,
        range,
        watch.stop,
        |world, batch, more| {
            tallies[world].merge(&more);
            (watch.progress)(((batch + 1) * size).min(trials), all * size);
        },
    );
    let finished = (reached * size).min(trials);
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
    let mut cells = workers.map(&jobs, |(n, (r, w), counts)| {
        cell(scenario, exact.as_ref(), (*n, *r, *w), counts, curves)
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

fn worlds(scenario: &QuorumScenario, weighs: bool) -> Vec<cluster::World<'_>> {
    let settings = scenario.settings();
    let of = |n: &u32| {
        let own = settings.iter().filter(|(other, ..)| other == n);
        let mut own: Vec<_> = own.map(|(_, r, w)| (*r, *w)).collect();
        if own.iter().all(|(r, w)| !proves_fresh(scenario, *n, *r, *w)) {
            let most = Wait::For(n / 2 + 1);
            own.push((most, most));
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

fn empty(world: &cluster::World<'_>) -> Tally {
    let read = &world.scenario.read;
    Tally::new(world.settings.len(), read.t.len(), read.versions as usize)
}

/// A difference between a mesh and a coarser one with which the finer is as good as it
/// should be: it is some ten times better than that.
const GOOD_ENOUGH: f64 = 2e-4;

/// The tables of a scenario, fine and coarse.
struct Quadrature<'s> {
    scenario: &'s QuorumScenario,
    fine: Tables,
    coarse: Tables,
}

/// Mixtures over how many replicas are up: weights and settings.
struct Mixture<'t> {
    parts: Vec<(f64, Setting<'t>)>,
    completes: f64,
}

impl Mixture<'_> {
    fn p_stale(&self, t_ns: f64) -> f64 {
        let sum: f64 = self.parts.iter().map(|(p, s)| p * s.p_stale(t_ns)).sum();
        sum / self.completes
    }
}

impl<'s> Quadrature<'s> {
    /// None where it is not asked for, or not to be had and not insisted on.
    fn new(
        scenario: &'s QuorumScenario,
        workers: &Workers,
    ) -> Result<Option<Quadrature<'s>>, NotExact> {
        let insists = scenario.run.method == Method::Exact;
        let otherwise = "--method monte-carlo simulates it, and weighs the last step by its \
                         chance where it can";
        if scenario.run.method == Method::MonteCarlo {
            return Ok(None);
        }
        if let Some(reason) = scenario.not_exact() {
            return match insists {
                true => Err(NotExact(format!(
                    "there is no exact answer: {reason}; {otherwise}"
                ))),
                false => Ok(None),
            };
        }
        let legs = Legs::of(&scenario.latency.legs);
        let latest = scenario.read.t.last().map_or(0.0, |t| t.0 as f64);
        let drop = scenario.cluster.drop.0;
        let most = scenario.cluster.n.iter().copied().max().unwrap_or(1);
        let fineness = match scenario.run.fine {
            true => Fineness::FINE,
            false => Fineness::USUAL,
        };
        let (fine, coarse) = workers.both(
            || Tables::new(legs, drop, most, latest, fineness),
            || Tables::new(legs, drop, most, latest, fineness.coarser()),
        );
        match (fine, coarse) {
            (Ok(fine), Ok(coarse)) => {
                let quadrature = Quadrature {
                    scenario,
                    fine,
                    coarse,
                };
                match quadrature.error() {
                    error if error <= GOOD_ENOUGH => Ok(Some(quadrature)),
                    error if insists => Err(NotExact(format!(
                        "there is no exact answer: these laws are too wide, or rise too steeply \
                         at their ends, for the quadrature, which is good to {error:.0e} here; \
                         {otherwise}"
                    ))),
                    _ => Ok(None),
                }
            }
            (Err(e @ TooManySteps), _) | (_, Err(e @ TooManySteps)) if insists => Err(NotExact(
                format!("there is no exact answer: {e}; {otherwise}"),
            )),
            _ => Ok(None),
        }
    }

    /// The largest relative difference between the meshes, at the first and the last t.
    fn error(&self) -> f64 {
        let mut worst = 0.0f64;
        let times = &self.scenario.read.t;
        for (n, r, w) in self.scenario.settings() {
            let (Some(k_r), Some(k_w)) = (r.of(n), w.of(n)) else {
                continue;
            };
            if proves_fresh(self.scenario, n, r, w) {
                continue;
            }
            let fine = self.mixture(&self.fine, n, k_r, k_w);
            let coarse = self.mixture(&self.coarse, n, k_r, k_w);
            for t in times.first().into_iter().chain(times.last()) {
                let p = fine.p_stale(t.0 as f64);
                let other = coarse.p_stale(t.0 as f64);
                // What is next to nothing may be off by more.
                if p.max(other) > 1e-25 {
                    worst = worst.max((other - p).abs() / p.max(1e-300));
                }
            }
        }
        worst
    }

    /// The chances of so many replicas up, of those with which both complete.
    fn ups(&self, n: u32, r: u32, w: u32) -> impl Iterator<Item = (u32, f64)> {
        let up = 1.0 - self.scenario.cluster.down.0;
        let least = r.max(w);
        (least..=n)
            .map(move |m| (m, exactly(n, m, up)))
            .filter(|(_, p)| *p > 0.0)
    }

    fn mixture<'t>(&self, tables: &'t Tables, n: u32, r: u32, w: u32) -> Mixture<'t> {
        let asks_all = self.scenario.cluster.fan_out == FanOut::All;
        let arrive = 1.0 - self.scenario.cluster.drop.0;
        let ups: Vec<(u32, f64)> = self.ups(n, r, w).collect();
        Mixture {
            completes: ups.iter().map(|(m, p)| p * at_least(*m, w, arrive)).sum(),
            parts: ups
                .into_iter()
                .filter(|(m, _)| r + w <= *m)
                .map(|(m, p)| (p, tables.setting(m, r, w, asks_all)))
                .collect(),
        }
    }

    /// Quantiles of a read's latency, in s.
    fn reads(&self, n: u32, r: u32) -> [f64; 3] {
        let asks_all = self.scenario.cluster.fan_out == FanOut::All;
        let ups: Vec<(u32, f64)> = self.ups(n, r, r).collect();
        let all: f64 = ups.iter().map(|(_, p)| p).sum();
        let longer = |late: f64| {
            let parts = ups.iter().map(|(m, p)| {
                let asked = if asks_all { *m } else { r };
                p * too_few(asked, r, late)
            });
            parts.sum::<f64>() / all
        };
        LATENCIES.map(|(_, q)| self.fine.read_latency(q, longer) / 1e9)
    }

    /// Quantiles of a write's latency if it commits, in s.
    fn writes(&self, n: u32, w: u32) -> [f64; 3] {
        let drop = self.scenario.cluster.drop.0;
        let ups: Vec<(u32, f64)> = self.ups(n, w, w).collect();
        let commits: f64 = ups
            .iter()
            .map(|(m, p)| p * at_least(*m, w, 1.0 - drop))
            .sum();
        let longer = |late: f64| {
            let parts = ups.iter().map(|(m, p)| {
                let late = too_few(*m, w, drop + (1.0 - drop) * late);
                p * (late - too_few(*m, w, drop))
            });
            parts.sum::<f64>() / commits
        };
        LATENCIES.map(|(_, q)| self.fine.write_latency(q, longer) / 1e9)
    }
}

/// The t in s from which on P(stale) is at most `most`, a root of a falling curve.
fn visible_from(p_stale: impl Fn(f64) -> f64, most: f64, guess: f64) -> Option<f64> {
    if p_stale(0.0) <= most {
        return Some(0.0);
    }
    let (mut low, mut high) = (0.0, guess.max(1.0));
    let mut above = p_stale(low);
    let mut below = p_stale(high);
    for _ in 0..80 {
        if below <= most {
            break;
        }
        (low, above) = (high, below);
        high *= 4.0;
        below = p_stale(high);
        if high > 1e18 || below >= above && below > 0.0 && high > 1e15 {
            return None;
        }
    }
    if below > most {
        return None;
    }
    // Between them by secants of the logarithm, and halves where those are slow.
    for step in 0..200 {
        if high - low <= 1e-10 * high {
            break;
        }
        let secant = match below > 0.0 {
            true => {
                let share = (above / most).ln() / (above / below).ln();
                low + share * (high - low)
            }
            false => f64::NAN,
        };
        let inner = (high - low) * 1e-3;
        let middle = match step % 3 < 2 && secant.is_finite() {
            true => secant.clamp(low + inner, high - inner),
            false => (low + high) / 2.0,
        };
        let p = p_stale(middle);
        match p <= most {
            true => (high, below) = (middle, p),
            false => (low, above) = (middle, p),
        }
    }
    Some(high / 1e9)
}

/// What a chart draws between the times asked for.
const CURVE: u32 = 60;

fn cell(
    scenario: &QuorumScenario,
    exact: Option<&Quadrature<'_>>,
    (n, r, w): (u32, Wait, Wait),
    counts: &Counts,
    curve: bool,
) -> (Cell, Vec<(f64, f64)>) {
    let c = &scenario.cluster;
    let always_fresh = proves_fresh(scenario, n, r, w);
    let times: Vec<f64> = scenario.read.t.iter().map(|t| t.0 as f64).collect();
    let last = times.last().copied().unwrap_or(0.0);
    let needs = (r.of(n), w.of(n));
    let settings = match (exact, needs) {
        (Some(q), (Some(r), Some(w))) if !always_fresh => {
            Some((q.mixture(&q.fine, n, r, w), q.mixture(&q.coarse, n, r, w)))
        }
        _ => None,
    };
    let at = |t: f64| match &settings {
        _ if always_fresh => Some(0.0),
        Some((fine, _)) => Some(fine.p_stale(t)),
        None => None,
    };
    let mut error = settings.as_ref().map(|_| 0.0f64);
    let points: Vec<Point> = times
        .iter()
        .enumerate()
        .map(|(k, t)| {
            let value = at(*t);
            if let (Some((_, coarse)), Some(p)) = (&settings, value)
                && p > 1e-200
            {
                let off = (coarse.p_stale(*t) / p - 1.0).abs();
                error = error.map(|e| e.max(off));
            }
            Point {
                t: t / 1e9,
                exact: value,
                weighed: counts.weighed[k].estimate(),
                simulated: counts.simulated(k),
                visible: share(counts.visible[k], counts.looked[k]),
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
        .map(|level| {
            let t = match &settings {
                _ if always_fresh => [Some(0.0); 3],
                Some((fine, _)) => {
                    let t = visible_from(|t| fine.p_stale(t), 1.0 - level.0, last);
                    [t; 3]
                }
                // Which t comes first needs reads that depend on no events.
                None if c.needs_events().is_some() => [None; 3],
                None => counts.visibility(level.0).map(|t| t.map(|ns| ns / 1e9)),
            };
            (level.0, t)
        })
        .collect();
    let simulated = |h: &Histogram| LATENCIES.map(|(_, q)| h.quantile_s(1.0 - q));
    let certain = |values: [f64; 3]| values.map(|x| [x, x]);
    let (read_latency, write_latency, latency_ci) = match (exact, needs) {
        (Some(q), (Some(r), Some(w))) => {
            let (reads, writes) = (q.reads(n, r), q.writes(n, w));
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
    let strength = cluster::Strength::of(scenario, n, r, w, down);
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
        false => share(counts.backwards, counts.pairs),
    };
    let found = match (&settings, counts.weighed.first()) {
        _ if always_fresh => Found::Exact,
        (Some(_), _) => Found::Exact,
        (None, Some(ratio)) if ratio.estimate().n > 0 => Found::Conditional,
        _ => Found::Simulated,
    };
    let cell = Cell {
        name: setting_name(&(n, r, w)),
        n,
        r,
        w,
        found,
        error,
        always_fresh,
        writes_meet: cluster::writes_meet(scenario, n, w),
        points,
        visibility,
        read_latency,
        write_latency,
        latency_ci,
        versions,
        backwards,
        failed_writes: match c.down.0 > 0.0 || c.drop.0 > 0.0 || c.write_timeout.is_some() {
            true => share(counts.failed_writes, counts.played),
            false => Estimate::certain(0.0),
        },
        failed_reads: match c.down.0 > 0.0 {
            true => share(counts.failed_reads, counts.played),
            false => Estimate::certain(0.0),
        },
        available: strength.available,
        down,
        resilience: strength.resilience,
        load: strength.load,
        capacity: 1.0 / strength.load,
    };
    (cell, curve)
}
