//! One service and those who call it: what happens to calls and attempts.
//!
//! An attempt has a slot of its own from the moment it is sent until both its
//! caller and the service are through with it; the slot's generation tells a
//! late event from a current one. In a chain the callers of all services but
//! the first are attempts at the service before.

use std::collections::VecDeque;

use rand::RngExt;

use crate::dist::Dist;
use crate::herd::agenda::{Agenda, Cause, NEVER, Token};
use crate::herd::arrival::Arrivals;
use crate::herd::backoff::{self, Backoffs};
use crate::herd::budget::Budgets;
use crate::herd::effect::Effects;
use crate::herd::fault::Faults;
use crate::herd::guard::{Guards, Leave};
use crate::herd::recorder::{Outcome, Recorder, Residue, Site};
use crate::herd::service::{Queue, Race};
use crate::idempotency::Reply as Answer;
use crate::scenario::Scenario;
use crate::scenario::callers::{Callers, Network};
use crate::scenario::fault::FaultKind;
use crate::scenario::policy::{Budget, Deposit, Failure, Hint, Policy, RetryOn, Scope};
use crate::scenario::service::{Cancel, Discipline, Onward, Pool, Service, ServiceKind};
use crate::streams::{Purpose, Stream, Streams};
use crate::units::{Factor, Nanos};

struct Call {
    started: u64,
    /// What the jitter feeds back.
    jitter: u64,
    /// Who calls: a caller, or the slot of an attempt at the service before.
    caller: u32,
    tries: u32,
    /// Attempts whose slots are still in use.
    attempts_alive: u32,
    /// What the last retry was paid for.
    retried: Option<Failure>,
    ended: bool,
    /// Whether the service has completed this call's work before.
    worked: bool,
}

/// The next attempt of a call, where more than a retry may be on the agenda.
#[derive(Clone, Copy, Default)]
struct Pending {
    /// Counts the times that it was put there: only the last of these is meant.
    timer: u32,
    /// Whether it is a hedge, not yet paid for.
    hedging: bool,
    /// Whether it is a retry that breaker and budget have let through, and what
    /// the one before was paid for.
    paid: bool,
    paid_before: Option<Failure>,
    /// Attempts made when a service's hint last made the backoff start afresh.
    afresh_from: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On its way to the service.
    Out,
    Queued,
    /// Left the queue early; its entry is still there.
    Withdrawn,
    Serving,
    /// Its own work is done; it calls the next service.
    Calling,
    /// The next service has answered, well or not, in a stall of this one.
    Answered(bool),
    /// Its answer is on its way back.
    Back(Reply),
    /// The service is through with it, and no answer will come.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Ok,
    Failed(Failure),
}

/// What the service does with an arriving attempt.
enum Door {
    Vanishes,
    TurnedAway(Failure),
    Served,
    Waits,
}

struct Attempt {
    /// When it joined the queue, or its server.
    since: u64,
    call: u32,
    generation: u32,
    phase: Phase,
    /// Whether its caller still waits for it.
    awaited: bool,
    retry: bool,
    /// The service knows that its caller has left.
    cancelled: bool,
}

/// Records in slots that are used again.
struct Slots<T> {
    records: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    fn new() -> Self {
        Slots {
            records: Vec::new(),
            free: Vec::new(),
        }
    }

    /// A slot for a new record, made by `fill` from the old one or from nothing.
    #[inline]
    fn add(&mut self, record: impl FnOnce(Option<&T>) -> T) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                let new = record(Some(&self.records[slot as usize]));
                self.records[slot as usize] = new;
                slot
            }
            None => {
                self.records.push(record(None));
                (self.records.len() - 1) as u32
            }
        }
    }

    #[inline]
    fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }
}

impl<T> std::ops::Index<u32> for Slots<T> {
    type Output = T;
    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.records[slot as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.records[slot as usize]
    }
}

/// What concerns the neighbours of a hop in the chain.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// An attempt here calls the next service.
    Call(u32),
    /// It has gone: nobody waits for that call any more.
    Abandon(u32),
    /// The call that an attempt at the service before has made ended, well or not.
    Ended(u32, bool),
}

impl Pending {
    /// A new call, in a slot that another one may have had.
    fn begin(&mut self) {
        *self = Pending {
            timer: self.timer.wrapping_add(1),
            ..Pending::default()
        };
    }

    /// Whatever is on the agenda is no longer meant.
    fn hold(&mut self) {
        self.timer = self.timer.wrapping_add(1);
        self.hedging = false;
    }
}

/// What not every engine needs to know of each slot.
struct Beside<T>(Vec<T>);

impl<T: Default> Beside<T> {
    fn of(&mut self, slot: u32) -> &mut T {
        let slot = slot as usize;
        if slot >= self.0.len() {
            self.0.resize_with(slot + 1, T::default);
        }
        &mut self.0[slot]
    }
}

/// The row of optimistic concurrency control.
struct Row {
    version: u64,
    /// The version that each attempt has read, by slot.
    read: Beside<u64>,
}

/// One service of a scenario, under the policy with which it is called.
///
/// It is compiled twice: `PLAIN` leaves out all that [`is_plain`] says is not
/// there, which is a fifth of the instructions.
pub struct Hop<'s, const PLAIN: bool> {
    service: &'s Service,
    network: &'s Network,
    policy: &'s Policy,
    /// What is retried here: a rejection that has to say when to come back, say,
    /// only where this service does.
    retry_on: RetryOn,
    /// Who calls, where it is not the service before.
    callers: Option<&'s Callers>,
    /// Client processes of whoever calls.
    clients: u32,
    /// How it calls the next service.
    onward: Option<&'s Onward>,
    horizon: u64,
    servers: u32,
    room: u32,
    drop_expired: bool,
    cancel: Cancel,
    /// Whether answers need no time to cross the network.
    instant_answers: bool,
    /// Whether a guard, or the budget, follows every attempt.
    watched: bool,
    /// Everything at the service is being failed.
    crashing: bool,
    now: u64,
    agenda: Agenda,
    arrivals: Arrivals,
    faults: Faults,
    backoff: Backoffs,
    budgets: Budgets,
    guards: Guards,
    queue: Queue,
    /// In place of timers in [`Cause::Finish`], where service allows it.
    race: Option<Race>,
    row: Option<Row>,
    /// Where doing the work twice matters.
    effects: Option<Effects>,
    calls: Slots<Call>,
    attempts: Slots<Attempt>,
    /// By call, where that is of interest: what is on the agenda, and the attempts in flight.
    pending: Beside<Pending>,
    flights: Option<Beside<Vec<u32>>>,
    /// For its neighbours, in order.
    pub outbox: VecDeque<Message>,
    recorder: Recorder,
    service_rng: Stream,
    network_rng: Stream,
    backoff_rng: Stream,
    fault_rng: Stream,
}

/// Whether a scenario is one queue, called by clients without hedges, breakers,
/// throttles, hints, and budgets that follow single attempts.
pub fn is_plain(scenario: &Scenario, policy: &Policy) -> bool {
    let [service] = &scenario.services[..] else {
        return false;
    };
    let pool = service.pool();
    let fifo_or_lifo = |pool: &Pool| matches!(pool.discipline, Discipline::Fifo | Discipline::Lifo);
    let budgets = Budgets::new(policy.budget.as_ref(), 1);
    pool.is_some_and(|pool| fifo_or_lifo(pool) && pool.shed.is_none() && pool.contention.0 == 0.0)
        && service.retry_after.is_none()
        && policy.hedge.is_none()
        && policy.breaker.is_none()
        && policy.throttle.is_none()
        && !budgets.follows_attempts()
        && !matches!(&policy.budget, Some(Budget::Ratio(r)) if r.deposit == Deposit::Settled)
}

impl<'s, const PLAIN: bool> Hop<'s, PLAIN> {
    pub fn new(
        scenario: &'s Scenario,
        tier: usize,
        own: &'s Policy,
        streams: Streams,
    ) -> Hop<'s, PLAIN> {
        let service = &scenario.services[tier];
        let onward = match scenario.services.get(tier + 1) {
            Some(_) => service.onward.as_ref(),
            None => None,
        };
        let caller = tier.checked_sub(1).map(|i| &scenario.services[i]);
        let policy = scenario.policy_at(tier, own);
        let own_faults = scenario.faults_at(tier);
        let slows = own_faults
            .iter()
            .any(|f| matches!(f.kind, FaultKind::Slow(_)));
        let faults = Faults::new(&own_faults);
        let pool = service.pool();
        let race = match pool {
            Some(Pool {
                service_time: Dist::Exp { mean },
                servers,
                contention: Factor(0.0),
                ..
            }) if !slows && faults.service_clock.is_plain() => {
                Some(Race::new(mean.0 as f64, *servers))
            }
            _ => None,
        };
        // Work that always takes as long ends in the order in which it began.
        let steady = match &service.kind {
            ServiceKind::Queue(pool) => {
                pool.service_time.constant().is_some() && pool.contention.0 == 0.0
            }
            ServiceKind::Coin(coin) => coin.response_time.constant().is_some(),
            ServiceKind::Elastic(_) => false,
            ServiceKind::Occ => {
                let network = &scenario.network;
                network.back.constant().is_some() && network.out.constant().is_some()
            }
        };
        let agenda = Agenda::new(|cause| match cause {
            Cause::Fault | Cause::Call => true,
            Cause::Finish => steady && !slows && onward.is_none(),
            Cause::Answer => scenario.network.back.constant().is_some(),
            Cause::Arrive | Cause::Cancel => scenario.network.out.constant().is_some(),
            Cause::Timeout => policy.deadline.is_none(),
            Cause::Retry => backoff::is_constant(policy),
        });
        let clients = match caller.and_then(|s| s.onward.as_ref()) {
            Some(onward) => onward.clients,
            None => scenario.callers.clients,
        };
        let budgets = Budgets::new(policy.budget.as_ref(), clients);
        let guards = Guards::new(policy, clients);
        // Every hop draws its own random numbers; the first one those of a single service.
        let stream = |purpose| streams.stream_at(purpose, tier as u64);
        let arrivals = match tier {
            0 => Arrivals::new(
                &scenario.callers,
                &scenario.faults,
                streams.stream(Purpose::Arrivals),
            ),
            _ => Arrivals::none(streams.stream(Purpose::Arrivals)),
        };
        Hop {
            service,
            network: &scenario.network,
            policy,
            retry_on: match service.retry_after {
                Some(_) => policy.retry_on.asked(),
                None => policy.retry_on,
            },
            callers: (tier == 0).then_some(&scenario.callers),
            clients,
            onward,
            horizon: scenario.run.horizon.0,
            servers: pool.map_or(u32::MAX, |pool| pool.servers),
            room: pool.map_or(0, |pool| pool.queue),
            drop_expired: pool.is_some_and(|pool| pool.drop_expired),
            cancel: service.cancel,
            instant_answers: scenario.network.back.constant() == Some(Nanos::ZERO)
                && policy.hedge.is_none(),
            watched: budgets.follows_attempts() || guards.watch(),
            crashing: false,
            now: 0,
            agenda,
            arrivals,
            faults,
            backoff: Backoffs::new(policy),
            budgets,
            guards,
            queue: Queue::new(pool),
            race,
            row: matches!(service.kind, ServiceKind::Occ).then(|| Row {
                version: 0,
                read: Beside(Vec::new()),
            }),
            effects: service.effect.as_ref().map(Effects::new),
            calls: Slots::new(),
            attempts: Slots::new(),
            pending: Beside(Vec::new()),
            flights: (policy.hedge.is_some() || tier > 0).then(|| Beside(Vec::new())),
            outbox: VecDeque::new(),
            recorder: match (tier, streams.replication) {
                (0, 0) => Recorder::new(scenario).with_waves(scenario),
                _ => Recorder::new(scenario),
            },
            service_rng: stream(Purpose::Service),
            network_rng: stream(Purpose::Network),
            backoff_rng: stream(Purpose::Backoff),
            fault_rng: stream(Purpose::Faults),
        }
    }

    /// Puts the first events on the agenda.
    pub fn begin(&mut self) {
        self.agenda.set_next(Cause::Fault, self.faults.next_edge());
        self.agenda.set_next(Cause::Call, self.arrivals.next());
    }

    /// When something happens next, and why.
    #[inline]
    pub fn next(&self) -> (u64, Cause) {
        self.agenda.next()
    }

    /// Brings the clock to `now`.
    #[inline(always)]
    fn advance(&mut self, now: u64) {
        self.now = now;
        let budgets = &self.budgets;
        self.recorder.advance(now, |at| budgets.mean_tokens(at));
    }

    /// Does what happens next.
    #[inline(always)]
    pub fn step(&mut self, time: u64, cause: Cause) {
        self.advance(time);
        match cause {
            Cause::Fault => self.on_fault_edge(),
            Cause::Finish => self.on_finish(),
            Cause::Answer => self.on_answer(),
            Cause::Arrive => self.on_arrive(),
            Cause::Cancel => self.on_cancel(),
            Cause::Timeout => self.on_timeout(),
            Cause::Retry => self.on_retry(),
            Cause::Call => self.on_call(),
        }
    }

    /// Whether all callers have called and none waits.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.recorder.outstanding() == 0 && self.arrivals.exhausted()
    }

    /// Ends the run after so many events.
    pub fn finish(self, end: u64, scenario: &Scenario, tier: usize, events: u64) -> Outcome {
        let residue = self.residue(end);
        let budgets = &self.budgets;
        let service = Site { scenario, tier };
        self.recorder
            .finish(end, |at| budgets.mean_tokens(at), service, residue, events)
    }

    #[inline]
    fn client(&self, caller: u32) -> u32 {
        match self.callers {
            Some(callers) => callers.client(caller),
            None => caller % self.clients,
        }
    }

    #[inline(always)]
    fn on_call(&mut self) {
        let caller = self.arrivals.take();
        self.agenda.set_next(Cause::Call, self.arrivals.next());
        if let Some(caller) = caller {
            self.start_call(caller);
        }
    }

    /// An attempt at the service before calls, at `now`; its call.
    pub fn call_from_above(&mut self, attempt: u32, now: u64) -> u32 {
        self.advance(now);
        self.start_call(attempt)
    }

    #[inline(always)]
    fn start_call(&mut self, caller: u32) -> u32 {
        self.recorder.call_started();
        if !self.budgets.is_unlimited() {
            let client = self.client(caller);
            self.budgets.call_started(client, self.now);
        }
        let started = self.now;
        let call = self.calls.add(|_| Call {
            started,
            jitter: 0,
            caller,
            tries: 0,
            attempts_alive: 0,
            retried: None,
            ended: false,
            worked: false,
        });
        if !PLAIN {
            self.pending.of(call).begin();
        }
        if let Some(effects) = &mut self.effects {
            effects.call_started(call);
        }
        self.send(call);
        call
    }

    /// Sends the next attempt of a call.
    #[inline(always)]
    fn send(&mut self, call_slot: u32) {
        if !PLAIN && self.watched && !self.may_leave(call_slot) {
            return;
        }
        if !PLAIN {
            self.pending.of(call_slot).paid = false;
        }
        let call = &mut self.calls[call_slot];
        call.tries += 1;
        let retry = call.tries > 1;
        self.recorder.sent(call.tries);
        let out = self.network.out.sample(&mut self.network_rng);
        if out > Nanos::ZERO {
            let attempt = self.add_attempt(call_slot, retry);
            self.later(Cause::Arrive, out, attempt);
            return;
        }
        match self.at_the_door(retry) {
            // Turned away on the spot: not worth a slot. In an overload this is
            // what happens most.
            Door::TurnedAway(failure) if self.instant_answers => {
                self.attempt_failed(call_slot, retry, failure);
                self.fail(call_slot, failure);
            }
            door => {
                let attempt = self.add_attempt(call_slot, retry);
                self.enter(attempt, door);
            }
        }
    }

    /// Whether guards let the next attempt of a call go; if not, sees to it.
    #[cold]
    fn may_leave(&mut self, call_slot: u32) -> bool {
        let call = &self.calls[call_slot];
        let caller = call.caller;
        let client = self.client(caller);
        match self.guards.ask(client, self.now, &mut self.backoff_rng) {
            Leave::Now => {
                self.budgets.sent(client, self.now);
                true
            }
            Leave::Later(wait) => {
                if !self.is_late(call_slot, wait) {
                    self.send_at(call_slot, self.now.saturating_add(wait));
                    return false;
                }
                self.give_back(call_slot);
                if self.flying(call_slot) == 0 {
                    self.end_call(call_slot, false);
                }
                false
            }
            Leave::Denied => {
                self.calls[call_slot].tries += 1;
                self.recorder.counts.denied_attempts += 1;
                self.give_back(call_slot);
                if self.flying(call_slot) == 0 {
                    self.fail(call_slot, Failure::Denied);
                }
                false
            }
        }
    }

    /// The next attempt of a call is not sent after all: what was granted goes back.
    fn give_back(&mut self, call_slot: u32) {
        let pending = self.pending.of(call_slot);
        let Pending {
            paid, paid_before, ..
        } = *pending;
        pending.hold();
        pending.paid = false;
        let call = &mut self.calls[call_slot];
        if paid && let Some(failure) = std::mem::replace(&mut call.retried, paid_before) {
            let client = self.client(self.calls[call_slot].caller);
            self.budgets.not_sent(client, failure);
            self.guards.returned(client, Scope::Retries);
        }
    }

    /// Attempts of a call in flight, where that is of interest.
    fn flying(&mut self, call_slot: u32) -> usize {
        let flights = &mut self.flights;
        flights.as_mut().map_or(0, |f| f.of(call_slot).len())
    }

    /// Whether an attempt sent in `delay` ns would come after the deadline of its call.
    #[inline]
    fn is_late(&self, call_slot: u32, delay: u64) -> bool {
        let started = self.calls[call_slot].started;
        self.policy
            .deadline
            .is_some_and(|d| self.now.saturating_add(delay) >= started.saturating_add(d.0))
    }

    /// Puts the next attempt of a call on the agenda, in place of any other.
    #[inline(always)]
    fn send_at(&mut self, call_slot: u32, time: u64) {
        let generation = match PLAIN {
            true => 0,
            false => {
                let pending = self.pending.of(call_slot);
                pending.hold();
                pending.timer
            }
        };
        let token = Token {
            slot: call_slot,
            generation,
        };
        self.agenda.schedule(Cause::Retry, time, token);
    }

    /// An attempt that was sent has ended badly.
    #[inline]
    fn attempt_failed(&mut self, call_slot: u32, retry: bool, failure: Failure) {
        let counts = &mut self.recorder.counts;
        match failure {
            Failure::Error => counts.errors += 1,
            Failure::Rejected => counts.rejected += 1,
            Failure::Refused => counts.refused += 1,
            Failure::Reset => counts.reset += 1,
            Failure::Timeout => counts.timed_out += 1,
            Failure::Denied => {}
        }
        if !PLAIN && self.watched {
            self.attempt_ended(call_slot, retry, Some(failure));
        }
    }

    /// Budget and guards learn how an attempt has ended.
    #[cold]
    fn attempt_ended(&mut self, call_slot: u32, retry: bool, failure: Option<Failure>) {
        let client = self.client(self.calls[call_slot].caller);
        let retried = failure.is_some_and(|f| self.retry_on.contains(f));
        self.budgets
            .ended(client, retry, failure.is_none(), retried);
        self.guards.ended(client, self.now, failure);
    }

    /// A slot and a timeout for a new attempt.
    #[inline]
    fn add_attempt(&mut self, call_slot: u32, retry: bool) -> u32 {
        let call = &mut self.calls[call_slot];
        call.attempts_alive += 1;
        let (started, number) = (call.started, call.tries);
        let attempt = self.attempts.add(|old| Attempt {
            since: 0,
            call: call_slot,
            generation: old.map_or(0, |old| old.generation),
            phase: Phase::Out,
            awaited: true,
            retry,
            cancelled: false,
        });
        if let Some(effects) = &mut self.effects {
            effects.sent(attempt, call_slot, number);
        }
        if !PLAIN && self.flights.is_some() {
            self.take_off(call_slot, attempt);
        }
        let mut expires = NEVER;
        if let Some(timeout) = self.policy.timeout {
            expires = self.now.saturating_add(timeout.0);
        }
        if let Some(deadline) = self.policy.deadline {
            expires = expires.min(started.saturating_add(deadline.0));
        }
        if expires < self.horizon {
            let token = self.token(attempt);
            self.agenda.schedule(Cause::Timeout, expires, token);
        }
        attempt
    }

    /// An attempt is in flight; the next hedge, if there is one, is due later.
    #[cold]
    fn take_off(&mut self, call_slot: u32, attempt: u32) {
        let Some(flights) = &mut self.flights else {
            return;
        };
        let flying = flights.of(call_slot);
        flying.push(attempt);
        if let Some(hedge) = &self.policy.hedge
            && flying.len() < hedge.max as usize
            && self.calls[call_slot].tries < self.policy.attempts
        {
            self.hedge_after(call_slot, hedge.delay);
        }
    }

    fn hedge_after(&mut self, call_slot: u32, delay: Nanos) {
        self.send_at(call_slot, self.now.saturating_add(delay.0));
        self.pending.of(call_slot).hedging = true;
    }

    /// An attempt is no longer in flight.
    #[cold]
    fn land(&mut self, call_slot: u32, attempt: u32) {
        if let Some(flights) = &mut self.flights {
            flights.of(call_slot).retain(|other| *other != attempt);
        }
    }

    /// Nobody waits any more for the attempts of a call that are still in flight.
    #[cold]
    fn ground(&mut self, call_slot: u32) {
        let client = self.client(self.calls[call_slot].caller);
        let flying = match &mut self.flights {
            Some(flights) => std::mem::take(flights.of(call_slot)),
            None => return,
        };
        for attempt in flying {
            self.attempts[attempt].awaited = false;
            self.budgets.left(client, self.attempts[attempt].retry);
            self.guards.returned(client, Scope::All);
            self.guards.returned(client, Scope::Retries);
            self.give_up(attempt);
        }
    }

    fn token(&self, attempt: u32) -> Token {
        Token {
            slot: attempt,
            generation: self.attempts[attempt].generation,
        }
    }

    fn later(&mut self, cause: Cause, delay: Nanos, attempt: u32) {
        let token = self.token(attempt);
        self.agenda
            .schedule(cause, self.now.saturating_add(delay.0), token);
    }

    /// The attempt of the next event of a cause, unless that event is too late for it.
    #[inline]
    fn take(&mut self, cause: Cause) -> Option<u32> {
        let token = self.agenda.take(cause)?;
        (self.attempts[token.slot].generation == token.generation).then_some(token.slot)
    }

    /// An attempt comes out of the network.
    fn on_arrive(&mut self) {
        let Some(attempt) = self.take(Cause::Arrive) else {
            return;
        };
        let door = self.at_the_door(self.attempts[attempt].retry);
        if self.attempts[attempt].cancelled {
            self.recorder.counts.cancelled += 1;
            self.through(attempt);
        } else {
            self.enter(attempt, door);
        }
    }

    /// An attempt reaches the service: what becomes of it?
    #[inline]
    fn at_the_door(&mut self, retry: bool) -> Door {
        self.recorder.counts.offered += 1;
        self.recorder.counts.offered_retries += u64::from(retry);
        if !self.faults.calm(self.now) {
            let weather = self.faults.weather(self.now);
            if happens(weather.vanish, &mut self.fault_rng) {
                return Door::Vanishes;
            }
            if happens(weather.refuse, &mut self.fault_rng) {
                return Door::TurnedAway(Failure::Refused);
            }
        }
        if self.recorder.waiting() == 0 && self.may_start() {
            Door::Served
        } else if self.recorder.waiting() < self.room && (PLAIN || !self.sheds()) {
            Door::Waits
        } else {
            Door::TurnedAway(Failure::Rejected)
        }
    }

    /// Whether the queue is so slow that nothing is let in.
    #[inline]
    fn sheds(&mut self) -> bool {
        let Some(most) = self.queue.shed else {
            return false;
        };
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let oldest = self.queue.oldest(|slot| release(attempts, calls, slot));
        oldest.is_some_and(|slot| self.now - self.attempts[slot].since > most)
    }

    #[inline(always)]
    fn enter(&mut self, attempt: u32, door: Door) {
        match door {
            Door::Vanishes => self.through(attempt),
            Door::TurnedAway(failure) => self.reply(attempt, Reply::Failed(failure)),
            Door::Served => self.start(attempt),
            Door::Waits => {
                self.attempts[attempt].since = self.now;
                self.attempts[attempt].phase = Phase::Queued;
                self.queue.push(attempt, self.now);
                self.recorder.queued();
            }
        }
    }

    /// Whether a server may start work now.
    #[inline]
    fn may_start(&mut self) -> bool {
        let servers = self.servers;
        if self.faults.calm(self.now) {
            return self.recorder.busy() < servers;
        }
        let weather = self.faults.weather(self.now);
        let allowed = (f64::from(servers) * weather.capacity).round();
        // Without a queue there is nowhere to wait: work begins, and stands still.
        let stalled = weather.stalled && self.service.pool().is_some();
        !stalled && f64::from(self.recorder.busy()) < allowed
    }

    /// A server takes an attempt.
    #[inline]
    fn start(&mut self, attempt: u32) {
        self.recorder.started();
        let record = &mut self.attempts[attempt];
        record.since = self.now;
        record.phase = Phase::Serving;
        if let Some(effects) = &mut self.effects {
            effects.started(attempt, self.now);
        }
        if let Some(race) = &mut self.race {
            race.join(attempt, self.now, &mut self.service_rng);
            self.agenda.set_next(Cause::Finish, race.finish());
            return;
        }
        let slow = self.faults.weather(self.now).slow;
        let mut work = self.work(attempt);
        if slow != 1.0 {
            work = (work as f64 * slow + 0.5) as u64;
        }
        let finish = self.done_by(work);
        let token = self.token(attempt);
        self.agenda.schedule(Cause::Finish, finish, token);
    }

    /// How long the service will work on an attempt that it has just taken, in ns.
    fn work(&mut self, attempt: u32) -> u64 {
        let rng = &mut self.service_rng;
        match &self.service.kind {
            ServiceKind::Queue(pool) => {
                let work = pool.service_time.sample(rng).0;
                if pool.contention.0 == 0.0 {
                    return work;
                }
                let others = f64::from(self.recorder.busy() - 1);
                (work as f64 * (1.0 + pool.contention.0 * others) + 0.5) as u64
            }
            ServiceKind::Elastic(elastic) => {
                let slope = elastic
                    .slope
                    .0
                    .saturating_mul(u64::from(self.recorder.busy()));
                elastic.service_time.sample(rng).0.saturating_add(slope)
            }
            ServiceKind::Coin(coin) => coin.response_time.sample(rng).0,
            // What it has read travels back, and the write out.
            ServiceKind::Occ => {
                if let Some(row) = &mut self.row {
                    *row.read.of(attempt) = row.version;
                }
                let rng = &mut self.network_rng;
                self.network.back.sample(rng).0 + self.network.out.sample(rng).0
            }
        }
    }

    /// When work that starts now is done: it rests while the service stalls.
    #[inline]
    fn done_by(&self, work: u64) -> u64 {
        let clock = &self.faults.service_clock;
        if clock.is_plain() {
            return self.now.saturating_add(work);
        }
        let done = clock.reading(self.now as f64) + work as f64;
        (clock.time(done) as u64).max(self.now)
    }

    /// The attempt that finishes now, unless it has been cancelled.
    #[inline]
    fn take_finished(&mut self) -> Option<u32> {
        let Some(race) = &mut self.race else {
            return self.take(Cause::Finish);
        };
        let attempt = race.take(self.now, &mut self.service_rng);
        self.agenda.set_next(Cause::Finish, race.finish());
        attempt
    }

    #[inline(always)]
    fn on_finish(&mut self) {
        let Some(attempt) = self.take_finished() else {
            return;
        };
        match self.attempts[attempt].phase {
            _ if PLAIN => self.complete(attempt, true),
            Phase::Answered(ok) => self.complete(attempt, ok),
            _ if self.onward.is_some() => self.call_on(attempt),
            _ => self.complete(attempt, true),
        }
        self.serve_waiting();
    }

    /// The own work of an attempt is done; the next service has to do the rest.
    #[cold]
    fn call_on(&mut self, attempt: u32) {
        if self.frees_server() {
            self.leave_server(attempt);
        }
        self.attempts[attempt].phase = Phase::Calling;
        self.outbox.push_back(Message::Call(attempt));
    }

    /// Whether an attempt that calls the next service leaves its server.
    fn frees_server(&self) -> bool {
        self.onward.is_some_and(|onward| onward.frees_server)
    }

    /// The call that an attempt made to the next service has ended, at `now`.
    pub fn answered_from_below(&mut self, attempt: u32, ok: bool, now: u64) {
        self.advance(now);
        if self.attempts[attempt].phase != Phase::Calling {
            return; // It has been cut off since.
        }
        let done = self.done_by(0);
        if done > now {
            // The service stands still.
            self.attempts[attempt].phase = Phase::Answered(ok);
            let token = self.token(attempt);
            self.agenda.schedule(Cause::Finish, done, token);
            return;
        }
        self.complete(attempt, ok);
        self.serve_waiting();
    }

    /// All work on an attempt is done, that of the next service `below` included.
    #[inline(always)]
    fn complete(&mut self, attempt: u32, below: bool) {
        if PLAIN || !self.frees_server() {
            self.leave_server(attempt);
        }
        let call = &mut self.calls[self.attempts[attempt].call];
        self.recorder.counts.duplicates += u64::from(call.worked);
        call.worked = true;
        let reply = match self.effects {
            None if PLAIN => Some(Reply::Ok),
            None => Some(self.outcome(attempt, below)),
            Some(_) => self.take_effect(attempt),
        };
        let (error, lose) = match self.faults.calm(self.now) {
            true => (0.0, 0.0),
            false => {
                let weather = self.faults.weather(self.now);
                (weather.error, weather.lose)
            }
        };
        if happens(lose, &mut self.fault_rng) {
            self.through(attempt); // Whatever the answer was.
        } else if happens(error, &mut self.fault_rng) {
            self.reply(attempt, Reply::Failed(Failure::Error));
        } else {
            match reply {
                Some(reply) => self.reply(attempt, reply),
                None => self.through(attempt),
            }
        }
    }

    /// What comes of completed work.
    #[inline]
    fn outcome(&mut self, attempt: u32, below: bool) -> Reply {
        let ok = match &self.service.kind {
            ServiceKind::Queue(_) | ServiceKind::Elastic(_) => below,
            ServiceKind::Coin(coin) => !happens(coin.failure_ratio.0, &mut self.fault_rng) && below,
            ServiceKind::Occ => self.row.as_mut().is_some_and(|row| {
                let unchanged = *row.read.of(attempt) == row.version;
                row.version += u64::from(unchanged);
                unchanged && below
            }),
        };
        match ok {
            true => Reply::Ok,
            false => Reply::Failed(Failure::Error),
        }
    }

    /// The effect of a finished attempt, and its answer, if it has one.
    #[cold]
    fn take_effect(&mut self, attempt: u32) -> Option<Reply> {
        let effects = self.effects.as_mut()?;
        let crash = happens(effects.crash(), &mut self.fault_rng);
        let (answer, again) = effects.finished(attempt, self.now, crash);
        self.recorder.counts.double_effects += u64::from(again);
        match answer {
            Answer::Done => Some(Reply::Ok),
            Answer::Conflict => Some(Reply::Failed(Failure::Rejected)),
            Answer::Refused => Some(Reply::Failed(Failure::Error)),
            Answer::Nothing => None,
        }
    }

    /// The work of an attempt ends before it is done.
    fn cut_off(&mut self, attempt: u32) {
        if let Some(effects) = &mut self.effects {
            effects.aborted(attempt, self.now);
        }
        let beyond = matches!(
            self.attempts[attempt].phase,
            Phase::Calling | Phase::Answered(_)
        );
        if !(beyond && self.frees_server()) {
            self.leave_server(attempt);
        }
    }

    /// Frees the server of an attempt and books its time.
    #[inline]
    fn leave_server(&mut self, attempt: u32) {
        let record = &self.attempts[attempt];
        self.recorder.served(record.since, !record.awaited);
    }

    /// Starts waiting attempts while servers are free.
    #[inline]
    fn serve_waiting(&mut self) {
        if !PLAIN && self.crashing {
            return; // Whatever waits is about to fail as well.
        }
        while self.recorder.waiting() > 0 && self.may_start() {
            let Some(attempt) = self.next_in_line() else {
                return;
            };
            let since = self.attempts[attempt].since;
            if self.drop_expired && !self.attempts[attempt].awaited {
                self.recorder.counts.dropped += 1;
                self.through(attempt);
            } else if !PLAIN && self.queue.drops(since, self.now, self.recorder.waiting()) {
                self.reply(attempt, Reply::Failed(Failure::Rejected));
            } else {
                self.start(attempt);
            }
        }
    }

    fn next_in_line(&mut self) -> Option<u32> {
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let attempt = self
            .queue
            .pop(self.now, |slot| release(attempts, calls, slot))?;
        self.recorder.left_queue(self.attempts[attempt].since);
        Some(attempt)
    }

    /// The service has its answer.
    #[inline]
    fn reply(&mut self, attempt: u32, reply: Reply) {
        if !self.attempts[attempt].awaited {
            self.through(attempt);
            return;
        }
        self.attempts[attempt].phase = Phase::Back(reply);
        let back = self.network.back.sample(&mut self.network_rng);
        if back == Nanos::ZERO {
            self.answer(attempt, reply);
        } else {
            self.later(Cause::Answer, back, attempt);
        }
    }

    fn on_answer(&mut self) {
        let Some(attempt) = self.take(Cause::Answer) else {
            return;
        };
        match self.attempts[attempt].phase {
            Phase::Back(reply) if self.attempts[attempt].awaited => self.answer(attempt, reply),
            _ => self.through(attempt),
        }
    }

    /// An answer reaches a caller who waits for it.
    #[inline]
    fn answer(&mut self, attempt: u32, reply: Reply) {
        let Attempt { call, retry, .. } = self.attempts[attempt];
        self.attempts[attempt].awaited = false;
        if !PLAIN && self.flights.is_some() {
            self.land(call, attempt);
        }
        match reply {
            Reply::Ok => {
                if !PLAIN && self.watched {
                    self.attempt_ended(call, retry, None);
                }
                self.end_call(call, true);
            }
            Reply::Failed(failure) => {
                self.attempt_failed(call, retry, failure);
                self.fail(call, failure);
            }
        }
        self.through(attempt);
    }

    fn on_timeout(&mut self) {
        if let Some(attempt) = self.take(Cause::Timeout)
            && self.attempts[attempt].awaited
        {
            self.time_out(attempt);
        }
        let attempts = &self.attempts;
        self.agenda.skip(Cause::Timeout, |token| {
            let attempt = &attempts[token.slot];
            attempt.generation != token.generation || !attempt.awaited
        });
    }

    fn time_out(&mut self, attempt: u32) {
        let Attempt { call, retry, .. } = self.attempts[attempt];
        self.attempts[attempt].awaited = false;
        if !PLAIN && self.flights.is_some() {
            self.land(call, attempt);
        }
        self.attempt_failed(call, retry, Failure::Timeout);
        self.fail(call, Failure::Timeout);
        self.give_up(attempt);
    }

    /// An attempt is no longer waited for; the service may be told.
    fn give_up(&mut self, attempt: u32) {
        if self.attempts[attempt].phase == Phase::Gone {
            self.through(attempt);
        } else if self.cancel != Cancel::None {
            let out = self.network.out.sample(&mut self.network_rng);
            if out == Nanos::ZERO {
                self.cancel(attempt);
            } else {
                self.later(Cause::Cancel, out, attempt);
            }
        }
    }

    fn on_cancel(&mut self) {
        if let Some(attempt) = self.take(Cause::Cancel) {
            self.cancel(attempt);
        }
    }

    /// The service learns that the caller of an attempt has left.
    fn cancel(&mut self, attempt: u32) {
        match self.attempts[attempt].phase {
            Phase::Out => self.attempts[attempt].cancelled = true,
            Phase::Queued => {
                self.recorder.counts.cancelled += 1;
                self.recorder.left_queue(self.attempts[attempt].since);
                self.attempts[attempt].phase = Phase::Withdrawn;
                let (attempts, calls) = (&mut self.attempts, &mut self.calls);
                self.queue.note_gone(|slot| release(attempts, calls, slot));
            }
            phase @ (Phase::Calling | Phase::Serving) if self.cancel == Cancel::All => {
                self.recorder.counts.cancelled += 1;
                if phase == Phase::Calling {
                    self.outbox.push_back(Message::Abandon(attempt));
                } else if let Some(race) = &mut self.race {
                    race.leave(attempt, self.now, &mut self.service_rng);
                    self.agenda.set_next(Cause::Finish, race.finish());
                }
                self.cut_off(attempt);
                self.through(attempt);
                self.serve_waiting();
            }
            Phase::Serving
            | Phase::Calling
            | Phase::Answered(_)
            | Phase::Withdrawn
            | Phase::Back(_)
            | Phase::Gone => {}
        }
    }

    /// An attempt of a call has failed: try again, or give up at once.
    fn fail(&mut self, call_slot: u32, failure: Failure) {
        let policy = self.policy;
        if !PLAIN && policy.hedge.is_some() && self.others_fly(call_slot, failure) {
            return;
        }
        let call = &mut self.calls[call_slot];
        let caller = call.caller;
        if call.tries >= policy.attempts || !self.retry_on.contains(failure) {
            if !PLAIN && !self.retry_on.contains(failure) {
                let client = self.client(caller);
                self.budgets.call_settled(client, self.now);
            }
            self.end_call(call_slot, false);
            return;
        }
        let (mut k, mut asked) = (call.tries, None);
        if !PLAIN {
            k -= self.pending.of(call_slot).afresh_from;
            if failure == Failure::Rejected {
                asked = self.service.retry_after.map(|asked| asked.0);
            }
        }
        let (state, rng) = (&mut call.jitter, &mut self.backoff_rng);
        let delay = match asked {
            None => Some(self.backoff.delay(policy, k, failure, state, rng)),
            Some(asked) => self.backoff.hinted_delay(policy, k, asked, state, rng),
        };
        let Some(mut delay) = delay else {
            self.end_call(call_slot, false);
            return;
        };
        if !PLAIN {
            if asked.is_some() && policy.retry_after == Hint::ReplaceAndRestart {
                self.pending.of(call_slot).afresh_from = call.tries;
                call.jitter = 0;
            }
            if self.watched {
                delay = delay.max(self.guards.wait(self.client(caller), self.now));
            }
        }
        if self.is_late(call_slot, delay) || !self.may_retry(call_slot, failure) {
            self.end_call(call_slot, false);
            return;
        }
        if !PLAIN && self.watched {
            self.guards.reserve(self.client(caller), self.now);
        }
        self.send_at(call_slot, self.now.saturating_add(delay));
    }

    /// Asks breaker and budget for another attempt of a call, and pays for it.
    #[inline(always)]
    fn may_retry(&mut self, call_slot: u32, failure: Failure) -> bool {
        if !self.budgets.is_unlimited() || !PLAIN && self.watched {
            let client = self.client(self.calls[call_slot].caller);
            let admitted = PLAIN || self.guards.admits_retry(client, self.now);
            let allowed = admitted && self.budgets.withdraw(client, failure, self.now);
            if !PLAIN && admitted && !allowed {
                self.guards.returned(client, Scope::Retries);
            }
            if !allowed {
                self.recorder.counts.denied += 1;
                return false;
            }
        }
        let before = self.calls[call_slot].retried.replace(failure);
        if !PLAIN {
            let pending = self.pending.of(call_slot);
            (pending.paid, pending.paid_before) = (true, before);
        }
        true
    }

    /// With attempts of a call still in flight, a failure is not its end: says
    /// whether that is so, and sends the next hedge if it is to come at once.
    #[cold]
    fn others_fly(&mut self, call_slot: u32, failure: Failure) -> bool {
        let (Some(flights), Some(hedge)) = (&mut self.flights, &self.policy.hedge) else {
            return false;
        };
        let flying = flights.of(call_slot).len();
        if !self.retry_on.contains(failure) {
            return false;
        }
        if self.pending.of(call_slot).paid {
            return true; // The next one has been paid for.
        }
        if flying == 0 {
            return false;
        }
        let more =
            flying < hedge.max as usize && self.calls[call_slot].tries < self.policy.attempts;
        if more && hedge.next_on_failure {
            if !self.is_late(call_slot, 0) && self.may_retry(call_slot, failure) {
                self.send_at(call_slot, self.now);
            }
        } else if more && !self.pending.of(call_slot).hedging {
            // There was no room for another one until now.
            self.hedge_after(call_slot, hedge.delay);
        }
        true
    }

    fn on_retry(&mut self) {
        let Some(token) = self.agenda.take(Cause::Retry) else {
            return;
        };
        // Of a plain engine, a call that waits to retry cannot end meanwhile.
        if !PLAIN {
            let pending = *self.pending.of(token.slot);
            if pending.timer != token.generation || self.calls[token.slot].ended {
                return;
            }
            // A hedge pays when its time has come; a denied one is just not sent.
            if pending.hedging {
                self.pending.of(token.slot).hedging = false;
                if !self.may_retry(token.slot, Failure::Timeout) {
                    return;
                }
            }
        }
        self.send(token.slot);
    }

    #[inline(always)]
    fn end_call(&mut self, call_slot: u32, ok: bool) {
        if !PLAIN {
            self.give_back(call_slot);
        }
        let call = &self.calls[call_slot];
        let Call {
            started,
            caller,
            retried,
            tries,
            ..
        } = *call;
        self.recorder.call_ended(started, tries, ok);
        if let Some(effects) = &self.effects {
            let phantom = ok && !effects.happened(call_slot);
            self.recorder.counts.phantom_effects += u64::from(phantom);
        }
        if ok && !self.budgets.is_unlimited() {
            let client = self.client(caller);
            self.budgets.call_succeeded(client, retried, self.now);
        }
        if !PLAIN && self.flights.is_some() {
            self.ground(call_slot);
        }
        if !PLAIN && self.callers.is_none() {
            self.outbox.push_back(Message::Ended(caller, ok));
        } else if self.arrivals.ended(caller, self.now) {
            self.agenda.set_next(Cause::Call, self.arrivals.next());
        }
        self.close(call_slot);
    }

    /// Marks a call as ended, when its attempts in flight have been grounded: before,
    /// they would free its slot as well.
    #[inline(always)]
    fn close(&mut self, call_slot: u32) {
        let call = &mut self.calls[call_slot];
        call.ended = true;
        if call.attempts_alive == 0 {
            self.calls.remove(call_slot);
        }
    }

    /// Whoever made a call has gone, at `now`: no more attempts of it.
    pub fn abandon(&mut self, call_slot: u32, now: u64) {
        self.advance(now);
        if self.calls[call_slot].ended {
            return;
        }
        let call = &self.calls[call_slot];
        self.recorder.call_ended(call.started, call.tries, false);
        self.give_back(call_slot);
        self.ground(call_slot);
        self.close(call_slot);
    }

    /// The service is through with an attempt; its slot is freed unless its caller still waits.
    #[inline]
    fn through(&mut self, attempt: u32) {
        self.attempts[attempt].phase = Phase::Gone;
        if !self.attempts[attempt].awaited {
            release_slot(&mut self.attempts, &mut self.calls, attempt);
        }
    }

    fn on_fault_edge(&mut self) {
        let crash = self.faults.pass_edge(self.now);
        self.agenda.set_next(Cause::Fault, self.faults.next_edge());
        if crash {
            self.crash();
        }
        self.serve_waiting();
    }

    /// Everything queued or in service fails at once.
    fn crash(&mut self) {
        self.crashing = true;
        self.fail_all();
        self.crashing = false;
    }

    fn fail_all(&mut self) {
        while let Some(attempt) = self.next_in_service() {
            self.cut_off(attempt);
            self.reply(attempt, Reply::Failed(Failure::Reset));
        }
        while self.recorder.waiting() > 0 {
            let Some(attempt) = self.next_in_line() else {
                return;
            };
            self.reply(attempt, Reply::Failed(Failure::Reset));
        }
        if !PLAIN && self.onward.is_some() {
            for attempt in 0..self.attempts.records.len() as u32 {
                if self.attempts[attempt].phase == Phase::Calling {
                    self.outbox.push_back(Message::Abandon(attempt));
                    self.cut_off(attempt);
                    self.reply(attempt, Reply::Failed(Failure::Reset));
                }
            }
        }
    }

    /// Takes an attempt out of service, ahead of its time.
    fn next_in_service(&mut self) -> Option<u32> {
        if let Some(race) = &mut self.race {
            self.agenda.set_next(Cause::Finish, NEVER);
            return race.drop_one();
        }
        while let Some(token) = self.agenda.take(Cause::Finish) {
            if self.attempts[token.slot].generation == token.generation {
                return Some(token.slot);
            }
        }
        self.agenda.rewind(Cause::Finish, self.now);
        None
    }

    fn residue(&self, end: u64) -> Residue {
        let mut residue = Residue::default();
        for slot in 0..self.attempts.records.len() as u32 {
            let attempt = &self.attempts[slot];
            let spent = u128::from(end.saturating_sub(attempt.since));
            match attempt.phase {
                Phase::Queued => {
                    residue.queued += 1;
                    residue.queued_ns += spent;
                }
                Phase::Serving => {
                    residue.serving += 1;
                    residue.serving_ns += spent;
                }
                Phase::Calling | Phase::Answered(_) if !self.frees_server() => {
                    residue.serving += 1;
                    residue.serving_ns += spent;
                }
                Phase::Calling | Phase::Answered(_) => {}
                Phase::Out | Phase::Withdrawn | Phase::Back(_) | Phase::Gone => {}
            }
        }
        let mut free = vec![false; self.calls.records.len()];
        for slot in &self.calls.free {
            free[*slot as usize] = true;
        }
        for (call, free) in self.calls.records.iter().zip(free) {
            if !free && !call.ended {
                residue.calls += 1;
                residue.calls_ns += u128::from(end - call.started);
            }
        }
        residue
    }
}

/// Frees the slot of an attempt that left the queue early; says whether it had.
fn release(attempts: &mut Slots<Attempt>, calls: &mut Slots<Call>, slot: u32) -> bool {
    let withdrawn = attempts[slot].phase == Phase::Withdrawn;
    if withdrawn {
        attempts[slot].phase = Phase::Gone;
        release_slot(attempts, calls, slot);
    }
    withdrawn
}

/// Frees the slot of an attempt that nobody is concerned with any more.
#[inline]
fn release_slot(attempts: &mut Slots<Attempt>, calls: &mut Slots<Call>, slot: u32) {
    let attempt = &mut attempts[slot];
    attempt.generation = attempt.generation.wrapping_add(1);
    let call_slot = attempt.call;
    attempts.remove(slot);
    let call = &mut calls[call_slot];
    call.attempts_alive -= 1;
    if call.ended && call.attempts_alive == 0 {
        calls.remove(call_slot);
    }
}

/// Whether an event of probability `p` happens; draws nothing where that is certain.
#[inline]
fn happens(p: f64, rng: &mut Stream) -> bool {
    p > 0.0 && (p >= 1.0 || rng.random::<f64>() < p)
}
