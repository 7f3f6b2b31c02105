//! What a scenario would take, before it is run.
//!
//! A herd is first bounded from above: every attempt fails, every queue is full. Where that
//! leaves room for it, one replication of each policy is then tried out, and what it took
//! stands for all of them. Only what is too long to be tried out is estimated by its bound.

use crate::dist::Dist;
use crate::ensemble::curves::{POINTS, TRIALS, losses, places};
use crate::ensemble::fates::TWINS;
use crate::ensemble::quorum::{ENOUGH, is_solved};
use crate::herd::{Course, Engine, Herd, LONGEST_AHEAD, METRICS, SERIES};
use crate::scenario::Scenario;
use crate::scenario::callers::{Arrival, Callers};
use crate::scenario::fault::FaultKind;
use crate::scenario::fence::FenceScenario;
use crate::scenario::policy::{Backoff, Budget, Policy};
use crate::scenario::quorum::{Method, QuorumScenario};
use crate::scenario::saga::SagaScenario;
use crate::streams::{Purpose, Streams};
use crate::units::Nanos;

/// An estimate of what a scenario takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Events of all replications of all policies; of other kinds the time that they take,
    /// in events.
    pub events: f64,
    /// Bytes at the peak, with `threads` replications at once.
    pub bytes: f64,
}

/// What may be spent, unless more is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub events: f64,
    pub bytes: f64,
}

impl Default for Limits {
    /// About an hour on two cores, and 8 GiB.
    fn default() -> Self {
        Limits {
            events: 1e11,
            bytes: 8.0 * 1024.0 * 1024.0 * 1024.0,
        }
    }
}

/// What a process has before it simulates anything.
const BASE: f64 = 10e6;

/// Events that are tried out of a scenario at most: about a second.
pub const TRIED: u64 = 20_000_000;

impl Cost {
    /// Nothing but the process.
    pub const NOTHING: Cost = Cost {
        events: 0.0,
        bytes: BASE,
    };

    /// The cost of a fence: its trials, each seen by some guards, and those of its curves.
    pub fn of_fence(s: &FenceScenario) -> Cost {
        let trials = s.run.replications + u64::from(POINTS) * TRIALS;
        Cost {
            events: trials as f64 * s.fence.guards.len() as f64,
            ..Cost::NOTHING
        }
    }

    /// The cost of a saga: its trials make attempts until one is answered, and so do those of
    /// its curves, of which more and more answers are lost.
    pub fn of_saga(s: &SagaScenario) -> Cost {
        let most = s.policy.iter().map(|(_, policy)| policy.attempts).max();
        let attempts = |response_loss: f64| {
            let kept = |p: f64| 1.0 - p;
            let answered = kept(s.saga.request_loss.0) * kept(response_loss) * kept(s.saga.crash.0);
            f64::from(most.unwrap_or(1)).min(1.0 / answered.max(1e-12))
        };
        let points = places(losses(s));
        let along: f64 = points.map(attempts).sum::<f64>() * TRIALS as f64;
        let own = s.run.replications as f64 * attempts(s.saga.response_loss.0);
        Cost {
            events: (own + along) * s.saga.keys.len() as f64,
            ..Cost::NOTHING
        }
    }

    /// The cost of settings of a quorum: a trial draws for every replica, sorts for every
    /// setting and weighs it at every t, some of them again and again to find the times until
    /// fresh; or a setting is solved, and trials only check it. Whether it can be solved is
    /// found by solving it, where no more than `left` events allow that; what was spent is
    /// taken from them. What an event is worth was measured on one machine: 67 ns.
    pub fn of_settings(s: &QuorumScenario, threads: usize, left: &mut u64) -> Cost {
        let settings = s.settings();
        let count = settings.len() as f64;
        let times = s.read.t.len() as f64;
        let last = s.read.t.last().map_or(0.0, |t| t.as_secs());
        let others = 1.0 + s.cluster.reads.0 * last;
        let all: f64 = s.cluster.n.iter().map(|n| f64::from(*n)).sum();
        let replicas: f64 = settings.iter().map(|(n, ..)| f64::from(*n)).sum();
        let trials = match s.run.method {
            Method::Exact => 0.0,
            _ => s.run.replications as f64,
        };
        let solving = match s.run.method {
            Method::MonteCarlo => 0.0,
            _ => count * 30e3,
        };
        let affordable = solving <= *left as f64 && solving > 0.0;
        let is_solved = affordable && is_solved(s);
        if affordable {
            *left -= solving as u64;
        }
        let a_trial = match (is_solved, s.run.method) {
            (true, Method::Both) => 9.0 * all + 2.5 * replicas,
            (true, _) if s.cluster.down.0 == 0.0 && s.cluster.drop.0 == 0.0 => {
                0.8 * all + 0.75 * count
            }
            (true, _) => 9.0 * all + 1.3 * count,
            (false, _) => 9.0 * all + replicas * (5.5 + 0.075 * times),
        };
        let again = match is_solved {
            true => 0.0,
            false => trials.min(ENOUGH as f64) * replicas * 10.5,
        };
        Cost {
            events: (trials * a_trial + again) * others + solving,
            bytes: BASE + count * (0.7e6 * threads as f64 + 350.0 * times),
        }
    }

    /// The cost of a herd on so many threads: from above, but where no more than `left` events
    /// allow one replication of a policy to be tried out, as that was found; what was spent on
    /// it is taken from `left`.
    pub fn of_herd(scenario: &Scenario, threads: usize, left: &mut u64) -> Cost {
        let calls: Vec<f64> = scenario
            .groups
            .iter()
            .map(|g| calls_of(scenario, g))
            .collect();
        let policies = scenario.policies.iter().map(|(_, policy)| policy);
        let at_most = policies
            .clone()
            .map(|own| Spent::at_most(scenario, own, calls.clone()));
        let mut spent: Vec<Spent> = at_most.collect();
        let bound = of_runs(scenario, threads, &spent);
        // What does not fit into memory is not tried, and without events nothing is.
        if *left == 0 || bound.bytes > Limits::default().bytes {
            return bound;
        }
        let mut twins: Vec<Herd<'_>> = Vec::new();
        for (spent, policy) in spent.iter_mut().zip(policies) {
            if *left == 0 {
                break;
            }
            if let Some(tried) = Spent::tried(scenario, policy, &mut twins, left) {
                *spent = tried;
            }
        }
        of_runs(scenario, threads, &spent)
    }

    /// Whether there is also nothing to be said of the memory.
    pub fn is_well_within(&self, limits: &Limits) -> bool {
        self.is_within(limits) && self.bytes <= limits.bytes / 2.0
    }

    /// Whether both lie within the limits.
    pub fn is_within(&self, limits: &Limits) -> bool {
        self.events <= limits.events && self.bytes <= limits.bytes
    }
}

/// What one replication of a policy takes.
#[derive(Clone, Copy, Debug)]
struct Spent {
    /// Its own, and those of its twin.
    events: f64,
    /// Calls and attempts alive at once, timers included.
    alive: f64,
    /// Attempts, for the windows that remember them.
    attempts: f64,
}

impl Spent {
    /// What it takes if everything fails, of so many calls of each group.
    fn at_most(scenario: &Scenario, own: &Policy, mut calls: Vec<f64>) -> Spent {
        let horizon = scenario.run.horizon.as_secs();
        let mut spent = Spent {
            events: 0.0,
            alive: 0.0,
            attempts: 0.0,
        };
        // What arrives at each service: the calls of its callers, then all their attempts.
        for tier in 0..scenario.services.len() {
            let mut arrived = 0.0;
            for (group, calls) in calls.iter().enumerate() {
                let actions = scenario.actions.as_slice();
                let policies = scenario.policies_at((tier, group), own, actions);
                let (mut attempts, mut lasts) = (0.0, 0.0);
                for (_, policy) in policies {
                    let most = attempts_of(policy, horizon);
                    let timeout = policy.timeout.map_or(horizon, |t| t.as_secs());
                    attempts = f64::max(attempts, calls * most);
                    lasts = f64::max(lasts, (most * (timeout + 1.0)).min(horizon));
                }
                spent.events += 3.0 * attempts;
                spent.attempts += attempts;
                spent.alive += calls * lasts / horizon;
                arrived += attempts;
            }
            calls = vec![arrived];
        }
        if scenario.harm().is_some() {
            spent.events *= 2.0;
        }
        spent
    }

    /// What it takes in the first replication, unless that is more than what is `left`.
    /// Its twin may be one of those that were run for others and disturbed by nothing.
    fn tried<'s>(
        scenario: &'s Scenario,
        policy: &'s Policy,
        twins: &mut Vec<Herd<'s>>,
        left: &mut u64,
    ) -> Option<Spent> {
        // Between them is looked how much is alive.
        const STEPS: u64 = 250;
        let streams = Streams {
            seed: scenario.run.seed,
            replication: 0,
        };
        let herd = Herd {
            scenario,
            policy,
            engine: Engine::Fitting,
        };
        let horizon = scenario.run.horizon.0;
        let mut running = herd.begin_bare(streams);
        let (mut events, mut peak) = (0, 0.0);
        for step in 1..=STEPS {
            let to = (u128::from(horizon) * u128::from(step) / u128::from(STEPS)) as u64;
            let more = running.try_until(Nanos(to), *left);
            events += more;
            *left -= more;
            if *left == 0 {
                return None;
            }
            let levels = running.levels().map(f64::from);
            peak = f64::max(peak, levels.iter().sum());
        }
        let first = running.finish();
        let behind = first.tiers.iter().map(|tier| tier.total.offered);
        let attempts = first.total.offered + behind.sum::<u64>();
        let has_one = twins.iter().any(|other| herd.has_twin_of(other));
        let twin = match scenario.harm() {
            Some(_) if !has_one => {
                let mut twin = herd.begin_twin(streams);
                let more = twin.try_until(scenario.run.horizon, *left);
                *left -= more;
                if *left == 0 {
                    return None;
                }
                if !Course::of(&mut twin.finish()).disturbed {
                    twins.push(herd);
                }
                more
            }
            _ => 0,
        };
        Some(Spent {
            events: (events + twin) as f64,
            // Replications differ, and peaks hide between looks.
            alive: 1.5 * peak * scenario.services.len() as f64,
            attempts: attempts as f64,
        })
    }
}

/// Calls that a group makes in a run.
fn calls_of(scenario: &Scenario, group: &Callers) -> f64 {
    let horizon = scenario.run.horizon.as_secs();
    let faults = scenario.faults.iter();
    let surge = faults.fold(1.0, |all: f64, f| match f.kind {
        FaultKind::Surge(x) => all * x.0.max(1.0),
        _ => all,
    });
    let count = f64::from(group.count);
    let calls = match &group.arrival {
        Arrival::Open { rate } => count * rate.0 * horizon * surge,
        Arrival::Closed { think } => count * (1.0 + horizon * surge / mean_within(think, horizon)),
        Arrival::Once { .. } => count,
        Arrival::Periodic { every, .. } => count * (1.0 + horizon * surge / every.as_secs()),
        Arrival::Trace { step, rates } => rates.iter().sum::<f64>() * step.as_secs() * surge,
    };
    calls * group.sub_calls() as f64
}

/// Attempts of a call that always fails.
fn attempts_of(policy: &Policy, horizon: f64) -> f64 {
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
}

/// The cost of a herd of whose policies a replication takes so much.
fn of_runs(scenario: &Scenario, threads: usize, spent: &[Spent]) -> Cost {
    let run = &scenario.run;
    let horizon = run.horizon.as_secs();
    let replications = run.max_replications.unwrap_or(run.replications) as f64;
    let bins = horizon / run.bin.as_secs();
    let columns = SERIES.len() as f64;
    let most = |of: fn(&Spent) -> f64| spent.iter().map(of).fold(0.0, f64::max);
    // A ratio budget remembers the attempts of its window.
    let remembered = scenario
        .policies
        .iter()
        .zip(spent)
        .map(|((_, policy), spent)| match &policy.budget {
            Some(Budget::Ratio(rule)) => {
                let share = (rule.window.as_secs() / horizon).min(1.0);
                spent.attempts * share * 2.0 * 8.0
            }
            _ => 0.0,
        });
    let queues = scenario
        .services
        .iter()
        .filter_map(|s| Some(f64::from(s.pool()?.queue) * f64::from(s.host_count())));
    let callers: f64 = scenario.groups.iter().map(|g| f64::from(g.count)).sum();
    let callers_of = scenario.groups.iter().map(|g| g.clients);
    let between = scenario
        .services
        .iter()
        .filter_map(|s| Some(s.downstream.as_ref()?.clients));
    let clients: f64 = callers_of.chain(between).map(f64::from).sum();
    let one_run = most(|spent| spent.alive) * 100.0
        + remembered.fold(0.0, f64::max)
        // No more wait than are alive.
        + queues.sum::<f64>().min(most(|spent| spent.alive)) * 40.0
        + callers * 17.0
        + clients * 120.0
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
        events: spent.iter().map(|spent| spent.events).sum::<f64>() * replications,
        bytes: BASE + one_run * (2.0 * threads as f64) + kept + waiting,
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
