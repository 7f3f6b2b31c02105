//! A compensation is invoked by a retry layer: how often does it execute?
//!
//! One attempt after another is sent until an answer comes or the policy gives
//! up. A trial draws what is lost and follows it; the conditional estimate keeps
//! the times that were drawn and weighs everything that could have been lost,
//! so that duplicates of one in a billion show too. Both ask [`Receiver::handle`]
//! what an arrival leads to. The meaning of every name is in `docs/model.md`.

use crate::dist::unit;
use crate::ensemble::stats::Moments;
use crate::ensemble::trials::{BATCH, Tally, TrialWorld};
use crate::herd::backoff::Backoffs;
use crate::scenario::policy::{Backoff, Failure, Jitter, Policy};
use crate::scenario::saga::{KeyMode, Retention, Saga, SagaScenario};
use crate::streams::{Purpose, Stream, Streams};

/// What is counted of every operation, per key mode.
pub const METRICS: [&str; 6] = [
    "p_duplicate",
    "p_lost",
    "p_phantom",
    "p_unknown",
    "executions_per_operation",
    "extra_executions",
];

/// Operations of which one is weighed over all its branches: that costs as much
/// as many that follow one.
const WEIGHED_EVERY: u64 = 64;

/// Histories less likely than this are left out of what is weighed.
const NEGLIGIBLE: f64 = 1e-30;

/// What the receiver knows and does about one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Executions so far, those that still run included.
    pub executions: u32,
    /// The attempt that was recorded, and from when on (ns) it is known.
    record: Option<(u32, u64)>,
    /// Until when some execution runs, as far as is known.
    busy_until: u64,
}

impl Ledger {
    /// As it looks from `now` on: an execution that is over is like none, so that
    /// histories which no longer differ are the same.
    fn from(self, now: u64) -> Ledger {
        Ledger {
            busy_until: match self.busy_until > now {
                true => self.busy_until,
                false => 0,
            },
            ..self
        }
    }

    /// An execution ends at `now`, or is cut off.
    pub fn release(&mut self, now: u64) {
        self.busy_until = now;
    }
}

/// An attempt as it reaches the receiver.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// 1, 2, ….
    pub attempt: u32,
    /// In ns.
    pub at: u64,
    /// How long it would execute.
    pub execution: u64,
}

/// What the receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, now or before.
    Done,
    /// The same key is being executed: try again later.
    Conflict,
    /// The same key came with other parameters.
    Refused,
    /// It crashed.
    Nothing,
}

/// What an arrival leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled {
    pub ledger: Ledger,
    pub reply: Reply,
    /// When the reply is sent.
    pub at: u64,
}

/// How a receiver treats keys.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    pub mode: KeyMode,
    pub retention: Retention,
}

/// What a receiver does with an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Executes,
    /// It knows the key.
    Known,
    /// The same key is being executed.
    Busy,
}

impl Receiver {
    /// What becomes of an attempt that arrives now.
    pub fn admit(&self, ledger: &Ledger, attempt: u32, at: u64) -> Admission {
        if matches!(self.mode, KeyMode::None | KeyMode::PerAttempt) {
            Admission::Executes
        } else if self.remembers(ledger, attempt, at) {
            Admission::Known
        } else if ledger.busy_until > at {
            Admission::Busy
        } else {
            Admission::Executes
        }
    }

    /// An admitted attempt begins to execute; until when, if that is known.
    pub fn begin(&self, ledger: &mut Ledger, attempt: u32, at: u64, until: u64) {
        if self.mode == KeyMode::RecordThenEffect {
            ledger.record = Some((attempt, at));
        }
        // The others do not ask.
        if !matches!(
            self.mode,
            KeyMode::None | KeyMode::PerAttempt | KeyMode::CheckThenAct
        ) {
            ledger.busy_until = ledger.busy_until.max(until);
        }
    }

    /// It is through at `done`; `crash` says whether it crashes between effect
    /// and record, in the modes where that makes a difference.
    pub fn complete(&self, ledger: &mut Ledger, attempt: u32, done: u64, crash: bool) -> Reply {
        let crashed = crash && self.can_crash();
        if !(crashed && self.mode == KeyMode::RecordThenEffect) {
            ledger.executions += 1;
        }
        if crashed {
            return Reply::Nothing;
        }
        ledger.record = match (self.mode, ledger.record) {
            (KeyMode::None | KeyMode::PerAttempt | KeyMode::RecordThenEffect, record) => record,
            // Of several that run, the first to end is recorded.
            (KeyMode::CheckThenAct, Some((first, from))) if from <= done => Some((first, from)),
            _ => Some((attempt, done)),
        };
        Reply::Done
    }

    /// What is answered to an attempt that does not execute.
    pub fn decline(&self, admission: Admission) -> Reply {
        match (admission, self.mode) {
            (Admission::Known, KeyMode::Mismatch) => Reply::Refused,
            (Admission::Busy, _) => Reply::Conflict,
            _ => Reply::Done,
        }
    }

    /// Handles an arrival of which it is known how long it would execute.
    pub fn handle(&self, mut ledger: Ledger, arrival: Arrival, crash: bool) -> Handled {
        let Arrival { attempt, at, .. } = arrival;
        match self.admit(&ledger, attempt, at) {
            Admission::Executes => {
                let done = at.saturating_add(arrival.execution);
                self.begin(&mut ledger, attempt, at, done);
                let reply = self.complete(&mut ledger, attempt, done, crash);
                Handled {
                    ledger,
                    reply,
                    at: done,
                }
            }
            declined => Handled {
                ledger,
                reply: self.decline(declined),
                at,
            },
        }
    }

    /// Whether the key is known when an attempt arrives.
    fn remembers(&self, ledger: &Ledger, attempt: u32, at: u64) -> bool {
        let Some((recorded, from)) = ledger.record else {
            return false;
        };
        let forgotten = match (self.mode, self.retention) {
            (KeyMode::ShortRetention, Retention::For(time)) => at >= from.saturating_add(time.0),
            // In a herd an earlier attempt may come later.
            (KeyMode::ShortRetention, Retention::Attempts(n)) => {
                attempt.saturating_sub(recorded) > n
            }
            _ => false,
        };
        from <= at && !forgotten
    }

    /// Whether a crash between effect and record makes a difference.
    fn can_crash(&self) -> bool {
        matches!(
            self.mode,
            KeyMode::EffectThenRecord | KeyMode::RecordThenEffect
        )
    }
}

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
    fn weigh(&self, fate: &mut Fate<'_>, states: &mut [Vec<(State, f64)>; 2]) -> [f64; 6] {
        let mut means = [0.0; 6];
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
fn values(executions: u32, told: bool) -> [f64; 6] {
    let is = |b: bool| f64::from(u8::from(b));
    [
        is(executions >= 2),
        is(executions == 0),
        is(told && executions == 0),
        is(!told && executions > 0),
        f64::from(executions),
        f64::from(executions.saturating_sub(1)),
    ]
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
        // Long retry layers make few trials long enough.
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
        let mut sums = vec![[[0.0; 2]; 6]; settings.len()];
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
