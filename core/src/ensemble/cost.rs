//! What a scenario would take, before it is run.

use crate::dist::Dist;
use crate::ensemble::fates::TWINS;
use crate::herd::{LONGEST_AHEAD, METRICS, SERIES};
use crate::scenario::callers::{Arrival, Callers};
use crate::scenario::fault::FaultKind;
use crate::scenario::policy::{Backoff, Budget, Policy};
use crate::scenario::quorum::QuorumScenario;
use crate::scenario::{Scenario, Trials};
use crate::streams::{Purpose, Streams};

/// An estimate from above: every attempt fails, every queue is full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Events of all replications of all policies.
    pub events: f64,
    /// Bytes at the peak, with `threads` replications at once.
    pub bytes: f64,
}

impl Cost {
    /// About an hour on two cores.
    pub const MOST_EVENTS: f64 = 1e11;
    /// 8 GiB.
    pub const MOST_BYTES: f64 = 8.0 * 1024.0 * 1024.0 * 1024.0;

    /// The cost of so many trials, each seen by some cells.
    pub fn of_trials(trials: &Trials, cells: usize) -> Cost {
        Cost {
            events: trials.replications as f64 * cells as f64,
            bytes: 0.0,
        }
    }

    /// The cost of settings: a trial draws for every replica, weighs every setting at
    /// every t, and plays the reads of others.
    pub fn of_settings(s: &QuorumScenario) -> Cost {
        let replicas: f64 = s.cluster.n.iter().map(|n| f64::from(*n)).sum();
        let weighed = s.settings().len() as f64 * s.read.t.len() as f64 / 4.0;
        let last = s.read.t.last().map_or(0.0, |t| t.as_secs());
        Cost {
            events: s.run.replications as f64
                * (replicas + weighed)
                * (1.0 + s.cluster.reads.0 * last),
            bytes: 0.0,
        }
    }

    /// The cost of a herd, on so many threads.
    pub fn of_herd(scenario: &Scenario, threads: usize) -> Cost {
        let horizon = scenario.run.horizon.as_secs();
        let groups = scenario.groups.iter();
        let count: f64 = groups.map(|group| f64::from(group.count)).sum();
        let surge = scenario
            .faults
            .iter()
            .fold(1.0, |all: f64, f| match f.kind {
                FaultKind::Surge(x) => all * x.0.max(1.0),
                _ => all,
            });
        let calls_of = |group: &Callers| {
            let count = f64::from(group.count);
            let calls = match &group.arrival {
                Arrival::Open { rate } => count * rate.0 * horizon * surge,
                Arrival::Closed { think } => {
                    count * (1.0 + horizon * surge / mean_within(think, horizon))
                }
                Arrival::Once { .. } => count,
                Arrival::Periodic { every, .. } => {
                    count * (1.0 + horizon * surge / every.as_secs())
                }
                Arrival::Trace { step, rates } => {
                    rates.iter().sum::<f64>() * step.as_secs() * surge
                }
            };
            calls * group.sub_calls() as f64
        };
        let calls: f64 = scenario.groups.iter().map(calls_of).sum();
        let run = &scenario.run;
        let replications = run.max_replications.unwrap_or(run.replications) as f64;
        let attempts = |policy: &Policy| {
            // A retry waits at least about its mean delay.
            let wait = match &policy.backoff {
                Backoff::None => 0.0,
                Backoff::Fixed(d) | Backoff::Linear(d) => d.as_secs(),
                Backoff::Exponential { base, .. } => base.as_secs(),
                Backoff::Polynomial { offset, .. } => offset.as_secs(),
                Backoff::Table(delays) => delays[0].as_secs(),
                Backoff::Random(law) => mean_within(law, horizon),
            };
            // What a budget allows beyond the first attempt, and something of its reserve.
            let allowed = match &policy.budget {
                Some(Budget::Ratio(rule)) => 4.0 + rule.ratio.0,
                Some(Budget::TokenBucket(rule)) if rule.never_free() => {
                    let least = rule.cost.min(rule.timeout_cost).min(rule.throttle_cost);
                    4.0 + rule.deposit_per_call.as_f64() / least.as_f64()
                }
                None
                | Some(
                    Budget::TokenBucket(_)
                    | Budget::Throttle(_)
                    | Budget::Concurrent(_)
                    | Budget::FailureRatio(_),
                ) => f64::INFINITY,
            };
            f64::from(policy.attempts)
                .min(allowed)
                .min(1.0 + 2.0 * horizon / wait)
        };
        let events: f64 = scenario
            .policies
            .iter()
            .map(|(_, policy)| 3.0 * calls * attempts(policy) * replications)
            .sum();

        let bins = horizon / run.bin.as_secs();
        let columns = SERIES.len() as f64;
        let alive = scenario.policies.iter().map(|(_, policy)| {
            // Calls and attempts alive at once, timers included.
            let timeout = policy.timeout.map_or(horizon, |t| t.as_secs());
            let lasts = (attempts(policy) * (timeout + 1.0)).min(horizon);
            calls * lasts / horizon * 100.0
        });
        // A ratio budget remembers the calls and retries of its window.
        let remembered = scenario
            .policies
            .iter()
            .map(|(_, policy)| match &policy.budget {
                Some(Budget::Ratio(rule)) => {
                    let share = (rule.window.as_secs() / horizon).min(1.0);
                    calls * (1.0 + (attempts(policy) - 1.0).min(rule.ratio.0)) * share * 2.0 * 8.0
                }
                _ => 0.0,
            });
        let one_run = alive.fold(0.0, f64::max)
            + remembered.fold(0.0, f64::max)
            + scenario
                .services
                .iter()
                .filter_map(|s| Some(f64::from(s.pool()?.queue) * f64::from(s.host_count())))
                .sum::<f64>()
                * 40.0
            + count * 17.0
            + bins * columns * 8.0
            + horizon * 100.0 * 20.0
            // What is counted ahead of its time, in cells of 10 ms.
            + horizon.min(LONGEST_AHEAD.as_secs()) * 100.0 * 120.0
            + 500e3;
        let policies = scenario.policies.len() as f64;
        // Until there are enough twins, runs and twins wait with their fine bins.
        let waiting = match scenario.harm() {
            None => 0.0,
            Some(_) => {
                let tiers = scenario.services.len() as f64;
                let fine = horizon * 100.0 * 20.0 + METRICS.len() as f64 * 8.0 + 1e3;
                replications.min(TWINS as f64) * 2.0 * policies * tiers * fine
            }
        };
        let kept =
            policies * (bins * columns * 64.0 + replications * METRICS.len() as f64 * 8.0 + 250e3);
        Cost {
            events,
            bytes: one_run * (2.0 * threads as f64) + kept + waiting,
        }
    }

    pub fn is_within_reach(&self) -> bool {
        self.events <= Cost::MOST_EVENTS && self.bytes <= Cost::MOST_BYTES
    }
}

/// The mean in seconds of the lesser of a draw and `most`, from draws of a
/// fixed stream: the plain mean says little about a heavy tail's short waits.
fn mean_within(law: &Dist, most: f64) -> f64 {
    let streams = Streams {
        seed: 0,
        replication: 0,
    };
    let mut rng = streams.stream(Purpose::Backoff);
    let draws = 4096;
    let total: f64 = (0..draws)
        .map(|_| law.sample(&mut rng).as_secs().min(most))
        .sum();
    total / f64::from(draws)
}
