//! An ensemble of herds: every policy of a scenario, replicated and summed up.

use std::sync::Arc;

use crate::ensemble::fates::Fates;
use crate::ensemble::{Watch, Workers, replicate};
use crate::herd::{
    ANSWERED_RATIO, ATTEMPTS, ATTEMPTS_DURING, ATTEMPTS_PER_CALL, CALLS, CALLS_DURING, Course,
    Herd, HostCounts, JUDGED_CALLS, METRICS, Measured, Outcome, RECOVERED_RATIO, SERIES, Sample,
    Strips, TWIN_ANSWERED_RATIO, Waves, find, idle,
};
use crate::histogram::Histogram;
use crate::metric::{Entry, Key};
use crate::scenario::policy::Policy;
use crate::scenario::service::{Service, ServiceKind};
use crate::scenario::{Problem, Scenario};
use crate::stats::{Estimate, Moments};
use crate::streams::Streams;
use crate::units::Probability;
use crate::world::World;

/// What a replication consists of: the runs of all policies, and their twins.
enum Side<'s> {
    Policy(Herd<'s>),
    Twins(Vec<Herd<'s>>),
}

enum Sided {
    Run(Box<Outcome>),
    Twins(Vec<Arc<Course>>, u64),
}

impl World for Side<'_> {
    type Outcome = Sided;

    fn replicate(&self, streams: Streams) -> Sided {
        match self {
            Side::Policy(herd) => Sided::Run(Box::new(herd.replicate(streams))),
            Side::Twins(herds) => {
                let (twins, events) = Herd::twins(herds, streams);
                Sided::Twins(twins, events)
            }
        }
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
    /// Whether the precision asked for was reached; nothing where none was, or it is not
    /// known.
    pub precise: Option<bool>,
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
    /// How long the judged calls of all replications took that were answered, in ns.
    pub waits: Histogram,
    /// Whether calls have nothing to do with each other, so that each is a trial by itself.
    pub independent: bool,
    /// Attempts by their number over the [`crate::herd::Stretch`] of the scenario, in
    /// the first replication.
    pub waves: Waves,
    /// The same of the services behind the first, each by its name: their calls
    /// are those that the service before makes.
    pub tiers: Vec<PolicyResults>,
    /// The same of each group of callers by its name, where there are several.
    pub groups: Vec<PolicyResults>,
    /// What became of each host, by service of the chain; nothing where it has one.
    pub hosts: Vec<Vec<HostResults>>,
    /// When attempts arrived at each host of a service of the chain, in the first replication.
    pub strips: Vec<Option<Strips>>,
}

/// How a host of a service fared.
#[derive(Clone, Copy, Debug)]
pub struct HostResults {
    /// Its attempts / those of all hosts.
    pub share: Estimate,
    /// Its attempts that failed for their callers / its attempts.
    pub failed: Estimate,
    /// The share of the time that its servers are busy; of the servers that the scenario has.
    pub busy: Estimate,
    /// How many attempts wait, on average.
    pub queue: Estimate,
}

/// The same of one replication, added up.
#[derive(Clone, Copy, Debug, Default)]
struct HostMoments([Moments; 4]);

impl HostMoments {
    fn add(&mut self, counts: &HostCounts, all: u64, length_ns: f64, servers: f64) {
        let share = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::NAN };
        let values = [
            share(counts.offered as f64, all as f64),
            share(counts.failed as f64, counts.offered as f64),
            share(counts.busy_ns as f64, servers * length_ns),
            share(counts.waited_ns as f64, length_ns),
        ];
        for (moments, value) in self.0.iter_mut().zip(values) {
            if !value.is_nan() {
                moments.add(value);
            }
        }
    }

    fn results(&self) -> HostResults {
        let [share, failed, busy, queue] = self.0.map(|moments| moments.estimate().or_none());
        let within = |estimate: Estimate| estimate.within(0.0, 1.0);
        HostResults {
            share: within(share),
            failed: within(failed),
            busy: within(busy),
            queue: queue.within(0.0, f64::INFINITY),
        }
    }
}

/// Mean and 95% interval of a metric over the replications that have it.
///
/// A share of calls that have nothing to do with each other is one of so many trials.
fn estimate(key: Key, raw: &[Sample], independent: bool) -> Estimate {
    let metric = &Entry::of(METRICS, key).metric;
    match metric.of.and_then(find).filter(|_| independent) {
        None => metric.estimate(raw.iter().map(|sample| sample[key])),
        Some(counted) => {
            let known = raw.iter().filter(|sample| !sample[key].is_nan());
            let [hits, all] = known.fold([0.0; 2], |[hits, all], sample| {
                [
                    hits + (sample[key] * sample[counted]).round(),
                    all + sample[counted],
                ]
            });
            let runs = metric.estimate(raw.iter().map(|sample| sample[key]));
            Estimate {
                mean: runs.mean,
                n: runs.n,
                sd: runs.sd,
                ..Estimate::of_trials(hits, all as u64)
            }
            .around_mean()
        }
    }
}

/// Whether the calls of a policy are trials of their own: no queue, nothing that one of them
/// learns from another, and nothing that is done meanwhile.
pub fn is_independent(scenario: &Scenario, policy: &Policy) -> bool {
    let coin = |service: &Service| matches!(service.kind, ServiceKind::Coin(_));
    scenario.services.iter().all(coin)
        && scenario.entry().hosts.is_none()
        && scenario.entry().limit.is_none()
        && scenario.groups.len() == 1
        && !scenario.has_sub_calls()
        && scenario.downstream.is_empty()
        && scenario.services.len() == 1
        && policy.budget.is_none()
        && policy.breaker.is_none()
        && policy.throttle.is_none()
        && (!policy.acts || scenario.actions.is_empty())
}

/// The same for a column of the time series: none of them is negative either.
fn series_estimate(moments: &Moments) -> Estimate {
    moments.estimate().or_none().within(0.0, f64::INFINITY)
}

impl PolicyResults {
    /// Mean and 95% interval of a metric over the replications that have it.
    pub fn metric(&self, metric: Key) -> Estimate {
        estimate(metric, &self.raw, self.independent)
    }

    /// Judged calls of all replications, which [`PolicyResults::waits`] are of.
    pub fn judged(&self) -> u64 {
        let counts = self.raw.iter().map(|sample| sample[JUDGED_CALLS]);
        counts.filter(|n| !n.is_nan()).sum::<f64>() as u64
    }

    /// The services of the chain, that of the callers first.
    pub fn tiers(&self) -> impl Iterator<Item = &PolicyResults> {
        std::iter::once(self).chain(&self.tiers)
    }

    /// The time within which a share `q` of all judged calls was answered, all replications
    /// together, in seconds; NaN where fewer were, or it is not known of how many.
    pub fn wait_s(&self, q: f64) -> f64 {
        let rank = (q * self.judged() as f64).ceil() as u64;
        self.waits.rank_s(rank)
    }

    /// Attempts at each service for every call of the callers, the first
    /// service first: the product of what each service makes of a call.
    pub fn amplification(&self) -> Vec<f64> {
        self.per_call(ATTEMPTS, CALLS)
    }

    /// The same while faults are in full force; NaN without one.
    pub fn amplification_during(&self) -> Vec<f64> {
        self.per_call(ATTEMPTS_DURING, CALLS_DURING)
    }

    /// A count at each service for every one of the callers' service.
    fn per_call(&self, attempts: Key, calls: Key) -> Vec<f64> {
        let calls = self.metric(calls).mean;
        self.tiers()
            .map(|tier| tier.metric(attempts).mean / calls)
            .collect()
    }

    /// Mean and 95% interval of the paired difference from a baseline, over the
    /// replications in which both have the metric.
    pub fn difference(&self, baseline: &PolicyResults, metric: Key) -> Estimate {
        let pairs = self.raw.iter().zip(&baseline.raw);
        Entry::of(METRICS, metric)
            .metric
            .estimate_difference(pairs.map(|(mine, theirs)| mine[metric] - theirs[metric]))
    }
}

/// The share of runs that recover, or that agree in something, is told to ± this at least.
const UNDECIDED: f64 = 0.05;

/// Whether a share of runs is known to ± the precision asked for, or five points.
fn is_decided(share: Estimate, precision: f64) -> bool {
    share.half_width() <= precision.max(UNDECIDED)
}

/// Whether the intervals of calls answered and of amplification are tight enough: this wide
/// relative to their means. A collapse that no run has met has no spread: how many of the
/// runs recover, or agree, has to be known as well.
fn is_precise(raw: &[Sample], independent: bool, precision: f64) -> bool {
    let of = |metric| estimate(metric, raw, independent);
    let tight = |e: Estimate| match e.agrees() {
        true => e.half_width().is_nan() || is_decided(e, precision),
        false => e.n == 0 || e.reach() <= precision * e.mean.abs(),
    };
    // Where faults do harm and recovery cannot be told, as many runs as if all agreed.
    let harm = raw
        .iter()
        .any(|sample| !sample[TWIN_ANSWERED_RATIO].is_nan());
    let recovered = match of(RECOVERED_RATIO) {
        told if told.n > 0 => told,
        _ => Estimate::share(raw.len() as f64, raw.len() as u64),
    };
    (!harm || is_decided(recovered, precision))
        && [ANSWERED_RATIO, ATTEMPTS_PER_CALL]
            .into_iter()
            .map(of)
            .all(tight)
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
    let herds = scenario.policies.iter();
    let herd = |policy| Herd {
        scenario,
        policy,
        engine: watch.engine,
    };
    let herds: Vec<Herd<'_>> = herds.map(|(_, policy)| herd(policy)).collect();
    let mut worlds: Vec<Side<'_>> = herds.iter().copied().map(Side::Policy).collect();
    if scenario.harm().is_some() {
        worlds.push(Side::Twins(herds.clone()));
    }
    let new = |herd: &Herd<'_>| Fold::new(scenario, is_independent(scenario, herd.policy));
    let mut folds: Vec<Fold> = herds.iter().map(new).collect();
    let mut fates: Vec<Fates<'_>> = herds.iter().map(|_| Fates::new(scenario)).collect();
    let run = &scenario.run;
    let batch = run.replications;
    let most = run.max_replications.unwrap_or(batch).max(batch);
    let mut events = 0;
    let (mut done, mut finished) = (0, 0);
    let mut turn: Vec<Outcome> = Vec::new();
    let mut precise;
    let complete = loop {
        let to = (finished + batch).min(most);
        let planned = to * worlds.len() as u64;
        finished = replicate(
            workers,
            &worlds,
            run.seed,
            finished..to,
            watch.stop,
            |_, _, sided| {
                let mut twins = Vec::new();
                match sided {
                    Sided::Run(outcome) => {
                        events += outcome.events;
                        turn.push(*outcome);
                    }
                    Sided::Twins(of, their_events) => {
                        events += their_events;
                        twins = of;
                    }
                }
                if turn.len() == folds.len() && (worlds.len() == folds.len() || !twins.is_empty()) {
                    for (fate, (outcome, twin)) in fates.iter_mut().zip(turn.iter_mut().zip(&twins))
                    {
                        fate.add(outcome, twin);
                    }
                    for (fold, outcome) in folds.iter_mut().zip(turn.drain(..)) {
                        fold.add(outcome, keep);
                    }
                }
                done += 1;
                (watch.progress)(done, planned);
            },
        );
        for (fold, fate) in folds.iter_mut().zip(&mut fates) {
            fate.settle(|tier, replication, sample| fold.at(tier).raw[replication] = sample);
        }
        let enough = |p: Probability| {
            let of = |fold: &Fold| is_precise(&fold.raw, fold.independent, p.0);
            folds.iter().all(of)
        };
        precise = run.precision.map(enough);
        if finished < to || finished == most || precise.unwrap_or(true) {
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
        precise,
        events,
        interrupted: !complete,
    }
}

/// The outcomes of one policy, summed up in the order of replications.
struct Fold {
    raw: Vec<Sample>,
    independent: bool,
    series: Vec<[Moments; SERIES.len()]>,
    waits: Histogram,
    waves: Waves,
    hosts: Vec<HostMoments>,
    strips: Option<Strips>,
    /// The services behind the first, and then the groups of callers.
    parts: Vec<Fold>,
}

impl Fold {
    fn new(scenario: &Scenario, independent: bool) -> Fold {
        let mut fold = Fold::of_one(scenario, independent);
        let behind = scenario.services.len() - 1 + scenario.told_groups();
        fold.parts = (0..behind).map(|_| Fold::of_one(scenario, false)).collect();
        fold
    }

    /// That of a part of the run.
    fn at(&mut self, part: usize) -> &mut Fold {
        match part {
            0 => self,
            part => &mut self.parts[part - 1],
        }
    }

    fn of_one(scenario: &Scenario, independent: bool) -> Fold {
        Fold {
            raw: Vec::new(),
            independent,
            series: Vec::new(),
            waits: Histogram::up_to(scenario.run.horizon),
            waves: Vec::new(),
            hosts: Vec::new(),
            strips: None,
            parts: Vec::new(),
        }
    }

    fn add(&mut self, outcome: Outcome, keep: Keep) {
        self.raw.push(outcome.metrics);
        let behind = outcome.tiers.into_iter().chain(outcome.groups);
        for (fold, outcome) in self.parts.iter_mut().zip(behind) {
            fold.add(outcome, keep);
        }
        if keep == Keep::Metrics {
            return;
        }
        if self.raw.len() == 1 {
            self.waves = outcome.waves;
            self.strips = outcome.strips;
            self.hosts = vec![HostMoments::default(); outcome.hosts.len()];
        }
        let all = outcome.hosts.iter().map(|host| host.offered).sum();
        let Measured {
            length_ns, servers, ..
        } = outcome.measured;
        let each = servers / outcome.hosts.len() as f64;
        for (moments, host) in self.hosts.iter_mut().zip(&outcome.hosts) {
            moments.add(host, all, length_ns, each);
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
        self.waits.merge(&outcome.waits);
    }

    fn finish(mut self, name: &str, scenario: &Scenario) -> PolicyResults {
        let tiers = (scenario.services.len() - 1).min(self.parts.len());
        let groups = self.parts.split_off(tiers);
        let of_all = |fold: &Fold| fold.hosts.iter().map(HostMoments::results).collect();
        let services = || std::iter::once(&self).chain(&self.parts);
        let hosts = services().map(of_all).collect();
        let strips = services().map(|fold| fold.strips.clone()).collect();
        let tiers = self.parts.into_iter().enumerate();
        let tiers = tiers.map(|(i, fold)| fold.finish(&scenario.tier_name(i + 1), scenario));
        let groups = groups.into_iter().enumerate();
        let groups = groups.map(|(i, fold)| fold.finish(&scenario.group_name(i), scenario));
        PolicyResults {
            tiers: tiers.collect(),
            groups: groups.collect(),
            hosts,
            strips,
            name: name.to_string(),
            raw: self.raw,
            series: self
                .series
                .iter()
                .map(|bin| bin.map(|moments| series_estimate(&moments)))
                .collect(),
            waits: self.waits,
            independent: self.independent,
            waves: self.waves,
        }
    }
}
