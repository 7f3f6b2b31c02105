//! An ensemble of herds: every policy of a scenario, replicated and summed up.

use crate::ensemble::{Watch, Workers, replicate};
use crate::herd::{
    ATTEMPTS, ATTEMPTS_PER_CALL, CALLS, Herd, METRICS, Outcome, RECOVERED_RATIO, SERIES,
    SUCCESS_RATIO, Sample, Waves, idle,
};
use crate::histogram::Histogram;
use crate::metric::{Entry, Key};
use crate::scenario::{Problem, Scenario};
use crate::stats::{Estimate, Moments};
use crate::streams::Streams;
use crate::units::Probability;
use crate::world::World;

impl World for Herd<'_> {
    type Outcome = Outcome;

    fn replicate(&self, streams: Streams) -> Outcome {
        Herd::replicate(self, streams)
    }
}

/// The results of all policies of one scenario.
#[derive(Clone, Debug)]
pub struct Results {
    pub scenario: Scenario,
    /// Replications that every policy finished.
    pub replications: u64,
    /// In the order of the scenario; the first is the baseline.
    pub policies: Vec<PolicyResults>,
    /// Events of all replications.
    pub events: u64,
    /// Whether the run was stopped before it was complete; `scenario` then asks
    /// for what was finished.
    pub interrupted: bool,
}

#[derive(Clone, Debug)]
pub struct PolicyResults {
    pub name: String,
    /// The metrics of each replication.
    pub raw: Vec<Sample>,
    /// Mean and interval per bin and column of the time series.
    pub series: Vec<[Estimate; SERIES.len()]>,
    /// All latencies of all replications, in ns.
    pub latency: Histogram,
    /// Attempts by their number over the [`crate::herd::Stretch`] of the scenario, in
    /// the first replication.
    pub waves: Waves,
    /// The same of the services behind the first, each by its name: their calls
    /// are those that the service before makes.
    pub tiers: Vec<PolicyResults>,
}

/// Mean and 95% interval of a metric over the replications that have it.
fn estimate(metric: Key, raw: &[Sample]) -> Estimate {
    Entry::of(METRICS, metric)
        .metric
        .estimate(raw.iter().map(|sample| sample[metric]))
}

/// The same for a column of the time series: none of them is negative either.
fn series_estimate(moments: &Moments) -> Estimate {
    moments.estimate().within(0.0, f64::INFINITY)
}

impl PolicyResults {
    /// Mean and 95% interval of a metric over the replications that have it.
    pub fn metric(&self, metric: Key) -> Estimate {
        estimate(metric, &self.raw)
    }

    /// The services of the chain, that of the callers first.
    pub fn tiers(&self) -> impl Iterator<Item = &PolicyResults> {
        std::iter::once(self).chain(&self.tiers)
    }

    /// Attempts at each service for every call of the callers, the first
    /// service first: the product of what each service makes of a call.
    pub fn amplification(&self) -> Vec<f64> {
        let calls = self.metric(CALLS).mean;
        self.tiers()
            .map(|tier| tier.metric(ATTEMPTS).mean / calls)
            .collect()
    }

    /// Mean and 95% interval of the paired difference from a baseline, over the
    /// replications in which both have the metric.
    pub fn difference(&self, baseline: &PolicyResults, metric: Key) -> Estimate {
        Estimate::of(
            self.raw
                .iter()
                .zip(&baseline.raw)
                .map(|(mine, theirs)| mine[metric] - theirs[metric]),
        )
    }
}

/// A share of recoveries strictly between none and all is told to ± this at least.
const UNDECIDED: f64 = 0.05;

/// Whether the intervals of success and amplification are tight enough: this wide
/// relative to their means. Where some replications recover and others do not, near an
/// edge, their share has to be told as well.
fn is_precise(raw: &[Sample], precision: f64) -> bool {
    let recovered = estimate(RECOVERED_RATIO, raw);
    let decided = !(recovered.mean > 0.0 && recovered.mean < 1.0)
        || recovered.half_width() <= precision.max(UNDECIDED);
    let tight = |metric| {
        let e = estimate(metric, raw);
        e.n == 0 || e.half_width() <= precision * e.mean.abs()
    };
    decided && [SUCCESS_RATIO, ATTEMPTS_PER_CALL].into_iter().all(tight)
}

/// What is kept of the replications of a herd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// The metrics of each.
    Metrics,
    /// Their time series, latencies and waves as well.
    Everything,
}

/// Runs a scenario: its replications, or with `precision` as many batches as it takes.
///
/// # Errors
/// A scenario that was put together in code and cannot be meant: [`Scenario::check`].
pub fn run(scenario: &Scenario, workers: &Workers) -> Result<Results, Problem> {
    scenario.check()?;
    let watch = Watch::default();
    Ok(run_watched(scenario, workers, Keep::Everything, &watch))
}

/// The same of a scenario that is known to be sound, watched, and with no more kept than
/// is wanted.
///
/// A replication counts when every policy has finished it.
///
/// # Panics
/// Without a service or a policy, which no scenario that was read lacks.
pub fn run_watched(
    scenario: &Scenario,
    workers: &Workers,
    keep: Keep,
    watch: &Watch<'_>,
) -> Results {
    let worlds: Vec<Herd<'_>> = scenario
        .policies
        .iter()
        .map(|(_, policy)| Herd { scenario, policy })
        .collect();
    let mut folds: Vec<Fold> = worlds.iter().map(|_| Fold::new(scenario)).collect();
    let run = &scenario.run;
    let batch = run.replications;
    let most = run.max_replications.unwrap_or(batch).max(batch);
    let mut events = 0;
    let (mut done, mut finished) = (0, 0);
    let mut turn: Vec<Outcome> = Vec::new();
    let complete = loop {
        let to = (finished + batch).min(most);
        let planned = to * worlds.len() as u64;
        finished = replicate(
            workers,
            &worlds,
            run.seed,
            finished..to,
            watch.stop,
            |_, _, outcome| {
                events += outcome.events;
                turn.push(outcome);
                if turn.len() == folds.len() {
                    for (fold, outcome) in folds.iter_mut().zip(turn.drain(..)) {
                        fold.add(outcome, keep);
                    }
                }
                done += 1;
                (watch.progress)(done, planned);
            },
        );
        let enough = || {
            let precise = |p: Probability| folds.iter().all(|fold| is_precise(&fold.raw, p.0));
            run.precision.is_none_or(precise)
        };
        if finished < to || finished == most || enough() {
            break finished == to;
        }
    };
    let policies = scenario
        .policies
        .iter()
        .zip(folds)
        .map(|((name, _), fold)| fold.finish(name, scenario))
        .collect();
    let mut scenario = scenario.clone();
    if !complete {
        // What was done, so that running it again gives the same numbers.
        scenario.run.replications = finished;
        scenario.run.precision = None;
        scenario.run.max_replications = None;
    }
    Results {
        scenario,
        replications: finished,
        policies,
        events,
        interrupted: !complete,
    }
}

/// The outcomes of one policy, summed up in the order of replications.
struct Fold {
    raw: Vec<Sample>,
    series: Vec<[Moments; SERIES.len()]>,
    latency: Histogram,
    waves: Waves,
    tiers: Vec<Fold>,
}

impl Fold {
    fn new(scenario: &Scenario) -> Fold {
        let mut fold = Fold::of_one(scenario);
        let behind = scenario.services.iter().skip(1);
        fold.tiers = behind.map(|_| Fold::of_one(scenario)).collect();
        fold
    }

    fn of_one(scenario: &Scenario) -> Fold {
        Fold {
            raw: Vec::new(),
            series: Vec::new(),
            latency: Histogram::up_to(scenario.run.horizon),
            waves: Vec::new(),
            tiers: Vec::new(),
        }
    }

    fn add(&mut self, outcome: Outcome, keep: Keep) {
        self.raw.push(outcome.metrics);
        for (fold, outcome) in self.tiers.iter_mut().zip(outcome.tiers) {
            fold.add(outcome, keep);
        }
        if keep == Keep::Metrics {
            return;
        }
        if self.raw.len() == 1 {
            self.waves = outcome.waves;
        }
        // A run of callers that call once may end before others do: from then
        // on its rates and levels are 0.
        let nothing = idle();
        while self.series.len() < outcome.series.len() {
            let mut late = [Moments::default(); SERIES.len()];
            for _ in 1..self.raw.len() {
                late.iter_mut().zip(nothing).for_each(|(m, x)| m.add(x));
            }
            self.series.push(late);
        }
        for (i, moments) in self.series.iter_mut().enumerate() {
            let bin = outcome.series.get(i).unwrap_or(&nothing);
            moments.iter_mut().zip(bin).for_each(|(m, x)| m.add(*x));
        }
        self.latency.merge(&outcome.latency);
    }

    fn finish(self, name: &str, scenario: &Scenario) -> PolicyResults {
        let tiers = self.tiers.into_iter().enumerate();
        PolicyResults {
            tiers: tiers
                .map(|(i, fold)| fold.finish(&scenario.tier_name(i + 1), scenario))
                .collect(),
            name: name.to_string(),
            raw: self.raw,
            series: self
                .series
                .iter()
                .map(|bin| bin.map(|moments| series_estimate(&moments)))
                .collect(),
            latency: self.latency,
            waves: self.waves,
        }
    }
}
