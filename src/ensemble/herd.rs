//! An ensemble of herds: every policy of a scenario, replicated and summed up.

use std::sync::atomic::{AtomicBool, Ordering};

use hdrhistogram::Histogram;
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::ensemble::stats::{Estimate, Moments};
use crate::ensemble::{World, replicate};
use crate::herd::{Bin, Herd, METRICS, Metrics, Outcome, SERIES, Waves, is_share, new_histogram};
use crate::scenario::Scenario;
use crate::streams::Streams;

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
    pub raw: Vec<Metrics>,
    /// Mean and interval per bin and column of the time series.
    pub series: Vec<[Estimate; SERIES.len()]>,
    /// All latencies of all replications, in ns.
    pub latency: Histogram<u64>,
    /// Attempts by their number over the [`crate::herd::Stretch`] of the scenario, in
    /// the first replication.
    pub waves: Waves,
    /// The same of the services behind the first, each by its name: their calls
    /// are those that the service before makes.
    pub deeper: Vec<PolicyResults>,
}

/// The place of a metric in [`METRICS`].
pub fn metric_index(name: &str) -> Option<usize> {
    METRICS.iter().position(|m| *m == name)
}

/// How values of a metric are summed up: shares of replications by Wilson, else
/// by Student. No metric is negative, and shares end at 1.
fn estimate(metric: usize, values: impl Iterator<Item = f64>) -> Estimate {
    match METRICS[metric] {
        "recovered_ratio" => Estimate::share_of(values),
        name if is_share(name) => Estimate::of(values).within(0.0, 1.0),
        _ => Estimate::of(values).within(0.0, f64::INFINITY),
    }
}

/// Mean and 95% interval of a metric over the replications that have it.
pub fn metric_estimate(metric: usize, raw: &[Metrics]) -> Estimate {
    estimate(metric, raw.iter().map(|m| m[metric]))
}

/// The same for a column of the time series: none of them is negative either.
fn series_estimate(moments: &Moments) -> Estimate {
    moments.estimate().within(0.0, f64::INFINITY)
}

impl PolicyResults {
    /// Mean and 95% interval of a metric over the replications that have it.
    pub fn estimate(&self, metric: usize) -> Estimate {
        metric_estimate(metric, &self.raw)
    }

    /// The same by name; NaN for a name that is not in [`METRICS`].
    pub fn metric(&self, name: &str) -> Estimate {
        metric_index(name).map_or(Estimate::NONE, |i| self.estimate(i))
    }

    /// Attempts at each service for every call of the callers, the first
    /// service first: the product of what each hop makes of a call.
    pub fn amplification(&self) -> Vec<f64> {
        let calls = self.metric("calls").mean;
        let hops = std::iter::once(self).chain(&self.deeper);
        hops.map(|hop| hop.metric("attempts").mean / calls)
            .collect()
    }

    /// Mean and 95% interval of the paired difference from a baseline, over the
    /// replications in which both have the metric.
    pub fn difference(&self, baseline: &PolicyResults, metric: usize) -> Estimate {
        Estimate::of(
            self.raw
                .iter()
                .zip(&baseline.raw)
                .map(|(mine, theirs)| mine[metric] - theirs[metric]),
        )
    }
}

/// The metrics whose precision decides when there are enough replications.
const MAIN_METRICS: [&str; 2] = ["success_ratio", "attempts_per_call"];

/// A share of recoveries strictly between none and all is told to ± this at least.
const UNDECIDED: f64 = 0.05;

/// Whether the intervals of the main metrics are tight enough: this wide relative
/// to their means. Where some replications recover and others do not, near an
/// edge, their share has to be told as well.
fn is_precise(raw: &[Metrics], precision: f64) -> bool {
    let main = MAIN_METRICS.iter().filter_map(|name| metric_index(name));
    let mut main = main.map(|i| metric_estimate(i, raw));
    let recovered = metric_index("recovered_ratio").map(|i| metric_estimate(i, raw));
    let decided = recovered.is_none_or(|e| {
        !(e.mean > 0.0 && e.mean < 1.0) || e.half_width() <= precision.max(UNDECIDED)
    });
    decided && main.all(|e| e.n == 0 || e.half_width() <= precision * e.mean.abs())
}

/// The metrics of every replication of every policy, without series, on the
/// rayon pool this is called in; nothing if `stop` was set. The number of
/// replications is found as in [`run`].
pub fn raw(scenario: &Scenario, stop: &AtomicBool) -> Option<Vec<Vec<Metrics>>> {
    let run = &scenario.run;
    let policies = scenario.policies.len() as u64;
    let most = run.max_replications.unwrap_or(run.replications);
    let mut raw: Vec<Vec<Metrics>> = vec![Vec::new(); scenario.policies.len()];
    let mut finished = 0;
    loop {
        let to = (finished + run.replications).min(most.max(run.replications));
        let jobs = (finished * policies) as usize..(to * policies) as usize;
        let metrics: Vec<Metrics> = jobs
            .into_par_iter()
            .with_max_len(1)
            .map(|job| {
                let job = job as u64;
                if stop.load(Ordering::Relaxed) {
                    return [f64::NAN; METRICS.len()];
                }
                let policy = &scenario.policies[(job % policies) as usize].1;
                let streams = Streams {
                    seed: run.seed,
                    replication: job / policies,
                };
                Herd { scenario, policy }.replicate(streams).metrics
            })
            .collect();
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        for (i, metrics) in metrics.into_iter().enumerate() {
            raw[i % policies as usize].push(metrics);
        }
        finished = to;
        let enough = run
            .precision
            .is_none_or(|p| raw.iter().all(|raw| is_precise(raw, p.0)));
        if finished >= most || enough {
            return Some(raw);
        }
    }
}

/// Runs a scenario: its replications, or with `precision` as many batches as it takes.
///
/// `progress(done, planned)` is told after every replication of a policy.
/// Setting `stop` ends the run early with the replications finished by then.
pub fn run(
    scenario: &Scenario,
    pool: &ThreadPool,
    stop: &AtomicBool,
    progress: impl Fn(u64, u64) + Sync,
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
    // A replication counts when every policy has had its turn.
    let mut turn: Vec<Outcome> = Vec::new();
    loop {
        let to = (finished + batch).min(most);
        let planned = to * worlds.len() as u64;
        let reached = replicate(
            pool,
            &worlds,
            run.seed,
            finished..to,
            stop,
            |_, _, outcome| {
                events += outcome.events;
                turn.push(outcome);
                if turn.len() == folds.len() {
                    for (fold, outcome) in folds.iter_mut().zip(turn.drain(..)) {
                        fold.add(&outcome);
                    }
                }
                done += 1;
                progress(done, planned);
            },
        );
        finished = reached;
        let enough = run
            .precision
            .is_none_or(|p| folds.iter().all(|fold| is_precise(&fold.raw, p.0)));
        if reached < to || to == most || enough {
            break;
        }
    }
    let policies = scenario
        .policies
        .iter()
        .zip(folds)
        .map(|((name, _), fold)| fold.finish(name, scenario))
        .collect();
    let interrupted = stop.load(Ordering::Relaxed) && finished < most;
    let mut scenario = scenario.clone();
    if interrupted {
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
        interrupted,
    }
}

/// The outcomes of one policy, summed up in the order of replications.
struct Fold {
    raw: Vec<Metrics>,
    series: Vec<[Moments; SERIES.len()]>,
    latency: Histogram<u64>,
    waves: Waves,
    deeper: Vec<Fold>,
}

impl Fold {
    fn new(scenario: &Scenario) -> Fold {
        let mut fold = Fold::of_one(scenario);
        let deeper = scenario.services.iter().skip(1);
        fold.deeper = deeper.map(|_| Fold::of_one(scenario)).collect();
        fold
    }

    fn of_one(scenario: &Scenario) -> Fold {
        Fold {
            raw: Vec::new(),
            series: Vec::new(),
            latency: new_histogram(scenario.run.horizon),
            waves: Vec::new(),
            deeper: Vec::new(),
        }
    }

    fn add(&mut self, outcome: &Outcome) {
        if self.raw.is_empty() {
            self.waves.clone_from(&outcome.waves);
        }
        self.raw.push(outcome.metrics);
        // A run of callers that call once may end before others do: from then
        // on its rates and levels are 0.
        let nothing: Bin = std::array::from_fn(|i| match SERIES[i] {
            "tokens" | "latency_p50_s" | "latency_p99_s" => f64::NAN,
            _ => 0.0,
        });
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
        // Both have the same range and digits.
        let merged = self.latency.add(&outcome.latency);
        debug_assert!(merged.is_ok());
        for (fold, outcome) in self.deeper.iter_mut().zip(&outcome.deeper) {
            fold.add(outcome);
        }
    }

    fn finish(self, name: &str, scenario: &Scenario) -> PolicyResults {
        let deeper = self.deeper.into_iter().enumerate();
        PolicyResults {
            deeper: deeper
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
