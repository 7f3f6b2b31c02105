//! A compensation is invoked by a retry layer: how often does it execute?
//!
//! One attempt after another is sent until an answer comes or the policy gives
//! up. A trial draws what is lost and follows it; the conditional estimate keeps
//! the times that were drawn and weighs everything that could have been lost,
//! so that duplicates of one in a billion show too. Both ask [`Receiver::handle`]
//! what an arrival leads to. The meaning of every name is in `docs/model.md`.

use crate::dist::unit;
use crate::herd::backoff::Backoffs;
use crate::idempotency::{Arrival, Handled, KeyMode, Ledger, Receiver, Reply};
use crate::metric::{self, Better, Domain, Interval, Key, Metric, Unit};
use crate::scenario::policy::{Backoff, Failure, Jitter, Policy};
use crate::scenario::saga::{Saga, SagaScenario};
use crate::stats::Moments;
use crate::streams::{Purpose, Stream, Streams};
use crate::world::{BATCH, Tally, TrialWorld};

/// A chance per operation.
const fn chance(name: &'static str, title: &'static str, doc: &'static str) -> Metric {
    let range = (Unit::Chance, Domain::Share);
    Metric::new(name, title, range, Better::Less, doc).by(Interval::Trials)
}

/// A number of executions per operation.
const fn executions(name: &'static str, title: &'static str, doc: &'static str) -> Metric {
    let range = (Unit::One, Domain::Ratio);
    Metric::new(name, title, range, Better::Less, doc).by(Interval::Trials)
}

/// What is counted of every operation, per key mode.
pub const METRICS: &[Metric] = &[
    chance(
        "p_duplicate",
        "executed again",
        "the operation executes twice or more",
    ),
    chance("p_lost", "lost", "it never executes"),
    chance(
        "p_phantom",
        "phantom",
        "its caller is told that it is done, and it never executes",
    ),
    chance(
        "p_unknown",
        "unknown",
        "it executes, and its caller is never told",
    ),
    executions("executions_per_operation", "executions", "mean executions"),
    executions(
        "extra_executions",
        "extra executions",
        "mean executions beyond the first",
    ),
];

const fn key(name: &'static str) -> Key {
    metric::key(METRICS, name)
}

pub const DUPLICATE: Key = key("p_duplicate");
pub const LOST: Key = key("p_lost");
pub const PHANTOM: Key = key("p_phantom");
pub const UNKNOWN: Key = key("p_unknown");
pub const EXECUTIONS: Key = key("executions_per_operation");
pub const EXTRA_EXECUTIONS: Key = key("extra_executions");

/// Values of [`METRICS`].
type Values = [f64; METRICS.len()];

/// Operations of which one is weighed over all its branches: that costs as much
/// as many that follow one.
const WEIGHED_EVERY: u64 = 64;

/// Histories less likely than this are left out of what is weighed.
const NEGLIGIBLE: f64 = 1e-30;

/// How an operation stands after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Another attempt is sent at this time, in ns.
    Again(u64),
    /// The caller was told that it is done.
    Told,
    /// The caller was refused, or gave up.
    Failed,
}

/// The chances of one attempt, and the times that its operation has drawn.
struct Setting<'s> {
    saga: &'s Saga,
    policy: &'s Policy,
    receiver: Receiver,
}

/// A state of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    ledger: Ledger,
    stage: Stage,
}

/// The draws of attempt k: what it loses, how long it takes, how long to wait after it.
#[derive(Clone, Copy, Debug)]
struct Luck {
    request: f64,
    response: f64,
    crash: f64,
    execution: u64,
    delay: u64,
}

impl Setting<'_> {
    /// What attempt `k`, sent at `at`, can lead to, with the chance of each.
    ///
    /// Every branch is given to `visit`; impossible ones have a chance of 0.
    fn branches(
        &self,
        ledger: Ledger,
        k: u32,
        at: u64,
        luck: &Luck,
        mut visit: impl FnMut(f64, State),
    ) {
        let lost = self.saga.request_loss.0;
        let unanswered = self.after(k, at, luck, Reply::Nothing, 0);
        visit(
            lost,
            State {
                ledger,
                stage: unanswered,
            },
        );
        let arrival = Arrival {
            attempt: k,
            at,
            execution: luck.execution,
        };
        let crash = match self.receiver.can_crash() {
            true => self.saga.crash.0,
            false => 0.0,
        };
        for (chance, crashes) in [(1.0 - crash, false), (crash, true)] {
            let handled = self.receiver.handle(ledger, arrival, crashes);
            let arrives = (1.0 - lost) * chance;
            let ledger = handled.ledger;
            let answered = self.after(k, at, luck, handled.reply, handled.at);
            let q = self.saga.response_loss.0;
            visit(
                arrives * (1.0 - q),
                State {
                    ledger,
                    stage: answered,
                },
            );
            visit(
                arrives * q,
                State {
                    ledger,
                    stage: unanswered,
                },
            );
        }
    }

    /// What the caller does about an attempt sent at `sent`, whose reply leaves at `replied`.
    fn after(&self, k: u32, sent: u64, luck: &Luck, reply: Reply, replied: u64) -> Stage {
        let limit = |limit: Option<crate::units::Nanos>| limit.map_or(u64::MAX, |d| d.0);
        let deadline = limit(self.policy.deadline);
        let patience = sent
            .saturating_add(limit(self.policy.timeout))
            .min(deadline);
        let in_time = reply != Reply::Nothing && replied <= patience;
        let (failure, now) = match (in_time, reply) {
            (true, Reply::Done) => return Stage::Told,
            (true, Reply::Refused) => return Stage::Failed,
            (true, Reply::Conflict) => (Failure::Rejected, replied),
            _ => (Failure::Timeout, patience),
        };
        let again = now.saturating_add(luck.delay);
        if k >= self.policy.attempts || !self.policy.retry_on.contains(failure) || again >= deadline
        {
            return Stage::Failed;
        }
        Stage::Again(again)
    }
}

/// Draws the luck of one operation's attempts, each when it is first needed, so
/// that all key modes see the same.
struct Fate<'s> {
    saga: &'s Saga,
    policy: &'s Policy,
    backoffs: &'s Backoffs,
    losses: Stream,
    executions: Stream,
    backoff: Stream,
    drawn: Vec<Luck>,
    previous_delay: u64,
}

impl Fate<'_> {
    fn restart(&mut self) {
        self.drawn.clear();
        self.previous_delay = 0;
    }

    #[inline]
    fn of(&mut self, k: u32) -> Luck {
        while self.drawn.len() < k as usize {
            let next = self.drawn.len() as u32 + 1;
            let crash = match self.saga.crash.0 > 0.0 {
                true => unit(&mut self.losses),
                false => 1.0,
            };
            let luck = Luck {
                request: unit(&mut self.losses),
                response: unit(&mut self.losses),
                crash,
                execution: self.saga.execution.sample(&mut self.executions).0,
                delay: self.backoffs.delay(
                    self.policy,
                    next,
                    // Most failures of a saga are answers that do not come.
                    Failure::Timeout,
                    &mut self.previous_delay,
                    &mut self.backoff,
                ),
            };
            self.drawn.push(luck);
        }
        self.drawn[k as usize - 1]
    }
}

/// An operation of which one step after another is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub steps: Vec<Step>,
    pub executions: u32,
    pub told: bool,
}

/// One attempt of it; instants in ns since the first was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub attempt: u32,
    pub sent: u64,
    pub request_lost: bool,
    /// From when to when the receiver was at it, and whether it executed.
    pub handled: Option<(u64, bool)>,
    pub reply: Reply,
    pub answer_lost: bool,
    /// When the caller knew, or stopped waiting.
    pub ended: u64,
    pub heard: bool,
}

impl SagaScenario {
    fn setting(&self, mode: KeyMode) -> Setting<'_> {
        Setting {
            saga: &self.saga,
            policy: self.retry_layer(),
            receiver: Receiver {
                mode,
                retention: self.saga.retention,
            },
        }
    }
}

impl Setting<'_> {
    /// Follows one operation to its end, telling `tell` of every attempt.
    fn follow(&self, fate: &mut Fate<'_>, mut tell: impl FnMut(Step)) -> (u32, bool) {
        let saga = self.saga;
        let mut ledger = Ledger::default();
        let (mut k, mut at) = (1, 0);
        loop {
            let luck = fate.of(k);
            let request_lost = luck.request < saga.request_loss.0;
            let answer_lost = luck.response < saga.response_loss.0;
            let crash = self.receiver.can_crash() && luck.crash < saga.crash.0;
            let before = ledger.executions;
            let handled = match request_lost {
                true => Handled {
                    ledger,
                    reply: Reply::Nothing,
                    at,
                },
                false => self.receiver.handle(
                    ledger,
                    Arrival {
                        attempt: k,
                        at,
                        execution: luck.execution,
                    },
                    crash,
                ),
            };
            ledger = handled.ledger;
            let reply = match answer_lost {
                true => Reply::Nothing,
                false => handled.reply,
            };
            let stage = self.after(k, at, &luck, reply, handled.at);
            let limit = self.policy.timeout.map_or(u64::MAX, |t| t.0);
            let patience = at.saturating_add(limit);
            let heard = reply != Reply::Nothing && handled.at <= patience;
            tell(Step {
                attempt: k,
                sent: at,
                request_lost,
                handled: (!request_lost).then_some((handled.at, ledger.executions > before)),
                reply: handled.reply,
                answer_lost: answer_lost && !request_lost && handled.reply != Reply::Nothing,
                ended: if heard { handled.at } else { patience },
                heard,
            });
            match stage {
                Stage::Again(next) => (k, at) = (k + 1, next),
                Stage::Told => return (ledger.executions, true),
                Stage::Failed => return (ledger.executions, false),
            }
        }
    }

    /// The expectation of [`METRICS`] over all losses and crashes, given the times.
    fn weigh(&self, fate: &mut Fate<'_>, states: &mut [Vec<(State, f64)>; 2]) -> Values {
        let mut means = [0.0; METRICS.len()];
        let start = State {
            ledger: Ledger::default(),
            stage: Stage::Again(0),
        };
        let [now, next] = states;
        now.clear();
        now.push((start, 1.0));
        let mut k = 1;
        while !now.is_empty() {
            let luck = fate.of(k);
            next.clear();
            for (state, weight) in now.drain(..) {
                let Stage::Again(at) = state.stage else {
                    continue;
                };
                self.branches(state.ledger, k, at, &luck, |chance, branch| {
                    let weight = weight * chance;
                    if weight < NEGLIGIBLE {
                        return;
                    }
                    match branch.stage {
                        Stage::Again(at) => {
                            let state = State {
                                ledger: branch.ledger.from(at),
                                ..branch
                            };
                            match next.iter_mut().find(|(s, _)| *s == state) {
                                Some((_, sum)) => *sum += weight,
                                None => next.push((state, weight)),
                            }
                        }
                        stage => {
                            let values = values(branch.ledger.executions, stage == Stage::Told);
                            for (mean, value) in means.iter_mut().zip(values) {
                                *mean += weight * value;
                            }
                        }
                    }
                });
            }
            std::mem::swap(now, next);
            k += 1;
        }
        means
    }
}

/// The values of [`METRICS`] for one operation.
#[inline]
fn values(executions: u32, told: bool) -> Values {
    let mut values = [0.0; METRICS.len()];
    let mut set = |metric: Key, value: f64| values[metric.index()] = value;
    let mut is = |metric: Key, holds: bool| set(metric, f64::from(u8::from(holds)));
    is(DUPLICATE, executions >= 2);
    is(LOST, executions == 0);
    is(PHANTOM, told && executions == 0);
    is(UNKNOWN, !told && executions > 0);
    set(EXECUTIONS, f64::from(executions));
    set(EXTRA_EXECUTIONS, f64::from(executions.saturating_sub(1)));
    values
}

impl TrialWorld for SagaScenario {
    type Example = Story;

    fn cells(&self) -> usize {
        self.saga.keys.len()
    }

    fn metrics(&self) -> usize {
        METRICS.len()
    }

    fn certain(&self) -> bool {
        let policy = self.retry_layer();
        let waits = matches!(policy.backoff, Backoff::Random(_)) || policy.jitter != Jitter::None;
        !waits && self.saga.execution.constant().is_some()
    }

    fn batch_size(&self) -> u64 {
        // Long retries make few trials long enough.
        (8 * BATCH / u64::from(self.retry_layer().attempts)).clamp(WEIGHED_EVERY, BATCH)
    }

    fn batch(&self, streams: Streams, trials: u64) -> Tally<Story> {
        let policy = self.retry_layer();
        let backoffs = Backoffs::new(policy);
        let mut fate = Fate {
            saga: &self.saga,
            policy,
            backoffs: &backoffs,
            losses: streams.stream(Purpose::Faults),
            executions: streams.stream(Purpose::Service),
            backoff: streams.stream(Purpose::Backoff),
            drawn: Vec::new(),
            previous_delay: 0,
        };
        let settings: Vec<Setting<'_>> = self.saga.keys.iter().map(|k| self.setting(*k)).collect();
        let mut tally = Tally::new(self.cells(), self.metrics());
        let mut sums = vec![[[0.0; 2]; METRICS.len()]; settings.len()];
        let mut states = [Vec::new(), Vec::new()];
        for trial in 0..trials {
            fate.restart();
            for (cell, setting) in settings.iter().enumerate() {
                let (executions, told) = setting.follow(&mut fate, |_| ());
                for (sum, x) in sums[cell].iter_mut().zip(values(executions, told)) {
                    sum[0] += x;
                    sum[1] += x * x;
                }
                if executions > 1 && tally.first[cell].is_none() {
                    let mut steps = Vec::new();
                    setting.follow(&mut fate, |step| steps.push(step));
                    tally.first[cell] = Some(Story {
                        steps,
                        executions,
                        told,
                    });
                }
                if trial.is_multiple_of(WEIGHED_EVERY) {
                    let means = setting.weigh(&mut fate, &mut states);
                    for (moments, mean) in tally.conditional[cell].iter_mut().zip(means) {
                        moments.add(mean);
                    }
                }
            }
        }
        for (cell, sums) in sums.iter().enumerate() {
            for (metric, [sum, squares]) in sums.iter().enumerate() {
                tally.simulated[cell][metric] = Moments::of_sums(trials, *sum, *squares);
            }
        }
        tally
    }
}
