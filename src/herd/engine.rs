//! The event loop of one replication.
//!
//! A call makes one attempt at a time. An attempt has a slot of its own from
//! the moment it is sent until both its caller and the service are through
//! with it; the slot's generation tells a late event from a current one.

use rand::RngExt;

use crate::dist::Dist;
use crate::herd::agenda::{Agenda, Cause, NEVER, Token};
use crate::herd::arrival::Arrivals;
use crate::herd::effect::Effects;
use crate::herd::fault::Faults;
use crate::herd::metrics::{Outcome, Recorder, Residue};
use crate::herd::policy::{self, Backoffs, Budgets};
use crate::herd::service::{Queue, Race};
use crate::saga::Reply as Answer;
use crate::scenario::Scenario;
use crate::scenario::fault::FaultKind;
use crate::scenario::policy::{Failure, Policy};
use crate::scenario::service::Cancel;
use crate::streams::{Purpose, Stream, Streams};
use crate::units::Nanos;

/// A scenario under one of its policies: a world that can be run again and again.
#[derive(Clone, Copy, Debug)]
pub struct Herd<'s> {
    pub scenario: &'s Scenario,
    pub policy: &'s Policy,
}

impl Herd<'_> {
    /// Runs one replication: a pure function of the scenario and the streams.
    pub fn replicate(&self, streams: Streams) -> Outcome {
        Engine::new(self.scenario, self.policy, streams).run()
    }
}

struct Call {
    started: u64,
    /// What decorrelated jitter feeds back.
    previous_delay: u64,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On its way to the service.
    Out,
    Queued,
    /// Left the queue early; its entry is still there.
    Withdrawn,
    Serving,
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

struct Engine<'s> {
    scenario: &'s Scenario,
    policy: &'s Policy,
    /// Whether answers need no time to cross the network.
    instant_answers: bool,
    now: u64,
    agenda: Agenda,
    arrivals: Arrivals,
    faults: Faults,
    backoff: Backoffs,
    budgets: Budgets,
    queue: Queue,
    /// In place of timers in [`Cause::Finish`], where service allows it.
    race: Option<Race>,
    /// Where doing the work twice matters.
    effects: Option<Effects>,
    calls: Slots<Call>,
    attempts: Slots<Attempt>,
    recorder: Recorder,
    service_rng: Stream,
    network_rng: Stream,
    backoff_rng: Stream,
    fault_rng: Stream,
}

impl<'s> Engine<'s> {
    fn new(scenario: &'s Scenario, policy: &'s Policy, streams: Streams) -> Engine<'s> {
        let mut kinds = scenario.faults.iter().map(|f| f.kind);
        let slows = kinds.any(|kind| matches!(kind, FaultKind::Slow(_)));
        let faults = Faults::new(&scenario.faults);
        let race = match scenario.service.service_time {
            Dist::Exp { mean } if !slows && faults.service_clock.is_plain() => {
                Some(Race::new(mean.0 as f64, scenario.service.servers))
            }
            _ => None,
        };
        let agenda = Agenda::new(|cause| match cause {
            Cause::Fault | Cause::Call => true,
            Cause::Finish => scenario.service.service_time.constant().is_some() && !slows,
            Cause::Answer => scenario.network.back.constant().is_some(),
            Cause::Arrive | Cause::Cancel => scenario.network.out.constant().is_some(),
            Cause::Timeout => policy.deadline.is_none(),
            Cause::Retry => policy::is_constant(policy),
        });
        Engine {
            scenario,
            policy,
            instant_answers: scenario.network.back.constant() == Some(Nanos::ZERO),
            now: 0,
            agenda,
            arrivals: Arrivals::new(
                &scenario.callers,
                &scenario.faults,
                streams.stream(Purpose::Arrivals),
            ),
            faults,
            backoff: Backoffs::new(policy),
            budgets: Budgets::new(policy.budget.as_ref(), scenario.callers.clients),
            queue: Queue::new(scenario.service.discipline),
            race,
            effects: scenario.service.effect.as_ref().map(Effects::new),
            calls: Slots::new(),
            attempts: Slots::new(),
            recorder: Recorder::new(scenario),
            service_rng: streams.stream(Purpose::Service),
            network_rng: streams.stream(Purpose::Network),
            backoff_rng: streams.stream(Purpose::Backoff),
            fault_rng: streams.stream(Purpose::Faults),
        }
    }

    fn run(mut self) -> Outcome {
        let horizon = self.scenario.run.horizon.0;
        let mut events = 0;
        let mut end = horizon;
        self.agenda.set_next(Cause::Fault, self.faults.next_edge());
        self.agenda.set_next(Cause::Call, self.arrivals.next());
        loop {
            let (time, cause) = self.agenda.next();
            if time >= horizon {
                break;
            }
            self.now = time;
            events += 1;
            let budgets = &self.budgets;
            self.recorder.advance(time, |at| budgets.mean_tokens(at));
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
            if self.recorder.outstanding() == 0 && self.arrivals.exhausted() {
                end = self.now;
                break;
            }
        }
        let residue = self.residue(end);
        let budgets = &self.budgets;
        self.recorder.finish(
            end,
            |at| budgets.mean_tokens(at),
            self.scenario,
            residue,
            events,
        )
    }

    #[inline]
    fn on_call(&mut self) {
        let caller = self.arrivals.take();
        self.agenda.set_next(Cause::Call, self.arrivals.next());
        let Some(caller) = caller else {
            return;
        };
        self.recorder.call_started();
        if !self.budgets.is_unlimited() {
            let client = self.scenario.callers.client(caller);
            self.budgets.call_started(client, self.now);
        }
        let started = self.now;
        let call = self.calls.add(|_| Call {
            started,
            previous_delay: 0,
            caller,
            tries: 0,
            attempts_alive: 0,
            retried: None,
            ended: false,
            worked: false,
        });
        if let Some(effects) = &mut self.effects {
            effects.call_started(call);
        }
        self.send(call);
    }

    /// Sends the next attempt of a call.
    #[inline]
    fn send(&mut self, call_slot: u32) {
        let call = &mut self.calls[call_slot];
        call.tries += 1;
        let retry = call.tries > 1;
        self.recorder.counts.attempts += 1;
        let out = self.scenario.network.out.sample(&mut self.network_rng);
        if out > Nanos::ZERO {
            let attempt = self.add_attempt(call_slot, retry);
            self.later(Cause::Arrive, out, attempt);
            return;
        }
        match self.at_the_door(retry) {
            // Turned away on the spot: not worth a slot. In an overload this is
            // what happens most.
            Door::TurnedAway(failure) if self.instant_answers => {
                self.count_failure(failure);
                self.fail(call_slot, failure);
            }
            door => {
                let attempt = self.add_attempt(call_slot, retry);
                self.enter(attempt, door);
            }
        }
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
        let mut expires = NEVER;
        if let Some(timeout) = self.policy.timeout {
            expires = self.now.saturating_add(timeout.0);
        }
        if let Some(deadline) = self.policy.deadline {
            expires = expires.min(started.saturating_add(deadline.0));
        }
        if expires < self.scenario.run.horizon.0 {
            let token = self.token(attempt);
            self.agenda.schedule(Cause::Timeout, expires, token);
        }
        attempt
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
        } else if self.recorder.waiting() < self.scenario.service.queue {
            Door::Waits
        } else {
            Door::TurnedAway(Failure::Rejected)
        }
    }

    #[inline]
    fn enter(&mut self, attempt: u32, door: Door) {
        match door {
            Door::Vanishes => self.through(attempt),
            Door::TurnedAway(failure) => self.reply(attempt, Reply::Failed(failure)),
            Door::Served => self.start(attempt),
            Door::Waits => {
                self.attempts[attempt].since = self.now;
                self.attempts[attempt].phase = Phase::Queued;
                self.queue.push(attempt);
                self.recorder.queued();
            }
        }
    }

    /// Whether a server may start work now.
    #[inline]
    fn may_start(&mut self) -> bool {
        let servers = self.scenario.service.servers;
        if self.faults.calm(self.now) {
            return self.recorder.busy() < servers;
        }
        let weather = self.faults.weather(self.now);
        let allowed = (f64::from(servers) * weather.capacity).round();
        !weather.stalled && f64::from(self.recorder.busy()) < allowed
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
        let mut work = self
            .scenario
            .service
            .service_time
            .sample(&mut self.service_rng)
            .0;
        if slow != 1.0 {
            work = (work as f64 * slow + 0.5) as u64;
        }
        let clock = &self.faults.service_clock;
        let finish = if clock.is_plain() {
            self.now.saturating_add(work)
        } else {
            let done = clock.reading(self.now as f64) + work as f64;
            (clock.time(done) as u64).max(self.now)
        };
        let token = self.token(attempt);
        self.agenda.schedule(Cause::Finish, finish, token);
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

    #[inline]
    fn on_finish(&mut self) {
        let Some(attempt) = self.take_finished() else {
            return;
        };
        self.leave_server(attempt);
        let call = &mut self.calls[self.attempts[attempt].call];
        self.recorder.counts.duplicates += u64::from(call.worked);
        call.worked = true;
        let reply = match self.effects {
            None => Some(Reply::Ok),
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
        self.serve_waiting();
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
        self.leave_server(attempt);
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
        while self.recorder.waiting() > 0 && self.may_start() {
            let Some(attempt) = self.next_in_line() else {
                return;
            };
            if self.scenario.service.drop_expired && !self.attempts[attempt].awaited {
                self.recorder.counts.dropped += 1;
                self.through(attempt);
            } else {
                self.start(attempt);
            }
        }
    }

    fn next_in_line(&mut self) -> Option<u32> {
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let attempt = self.queue.pop(|slot| release(attempts, calls, slot))?;
        self.recorder.left_queue(self.attempts[attempt].since);
        Some(attempt)
    }

    #[inline]
    fn count_failure(&mut self, failure: Failure) {
        let counts = &mut self.recorder.counts;
        match failure {
            Failure::Error => counts.errors += 1,
            Failure::Rejected => counts.rejected += 1,
            Failure::Refused => counts.refused += 1,
            Failure::Reset => counts.reset += 1,
            Failure::Timeout => counts.timed_out += 1,
        }
    }

    /// The service has its answer.
    #[inline]
    fn reply(&mut self, attempt: u32, reply: Reply) {
        if !self.attempts[attempt].awaited {
            self.through(attempt);
            return;
        }
        self.attempts[attempt].phase = Phase::Back(reply);
        let back = self.scenario.network.back.sample(&mut self.network_rng);
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
        let call = self.attempts[attempt].call;
        self.attempts[attempt].awaited = false;
        match reply {
            Reply::Ok => self.end_call(call, true),
            Reply::Failed(failure) => {
                self.count_failure(failure);
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
        self.count_failure(Failure::Timeout);
        self.attempts[attempt].awaited = false;
        let call = self.attempts[attempt].call;
        self.fail(call, Failure::Timeout);
        if self.attempts[attempt].phase == Phase::Gone {
            self.through(attempt);
        } else if self.scenario.service.cancel != Cancel::None {
            let out = self.scenario.network.out.sample(&mut self.network_rng);
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
            Phase::Serving if self.scenario.service.cancel == Cancel::All => {
                self.recorder.counts.cancelled += 1;
                if let Some(race) = &mut self.race {
                    race.leave(attempt, self.now, &mut self.service_rng);
                    self.agenda.set_next(Cause::Finish, race.finish());
                }
                self.cut_off(attempt);
                self.through(attempt);
                self.serve_waiting();
            }
            Phase::Serving | Phase::Withdrawn | Phase::Back(_) | Phase::Gone => {}
        }
    }

    /// An attempt of a call has failed: try again, or give up at once.
    fn fail(&mut self, call_slot: u32, failure: Failure) {
        let policy = self.policy;
        let call = &mut self.calls[call_slot];
        if call.tries >= policy.attempts || !policy.retry_on.contains(failure) {
            self.end_call(call_slot, false);
            return;
        }
        let delay = self.backoff.delay(
            policy,
            call.tries,
            &mut call.previous_delay,
            &mut self.backoff_rng,
        );
        let again = self.now.saturating_add(delay);
        let late = policy
            .deadline
            .is_some_and(|d| again >= call.started.saturating_add(d.0));
        if late {
            self.end_call(call_slot, false);
            return;
        }
        let allowed = self.budgets.is_unlimited() || {
            let client = self.scenario.callers.client(call.caller);
            self.budgets.withdraw(client, failure, self.now)
        };
        if allowed {
            call.retried = Some(failure);
            let token = Token {
                slot: call_slot,
                generation: 0,
            };
            self.agenda.schedule(Cause::Retry, again, token);
        } else {
            self.recorder.counts.denied += 1;
            self.end_call(call_slot, false);
        }
    }

    fn on_retry(&mut self) {
        // A call that waits to retry cannot end meanwhile.
        if let Some(token) = self.agenda.take(Cause::Retry) {
            self.send(token.slot);
        }
    }

    #[inline]
    fn end_call(&mut self, call_slot: u32, ok: bool) {
        let call = &mut self.calls[call_slot];
        self.recorder.call_ended(call.started, ok);
        if let Some(effects) = &self.effects {
            let phantom = ok && !effects.happened(call_slot);
            self.recorder.counts.phantom_effects += u64::from(phantom);
        }
        if ok && !self.budgets.is_unlimited() {
            let client = self.scenario.callers.client(call.caller);
            self.budgets.call_succeeded(client, call.retried);
        }
        if self.arrivals.ended(call.caller, self.now) {
            self.agenda.set_next(Cause::Call, self.arrivals.next());
        }
        call.ended = true;
        if call.attempts_alive == 0 {
            self.calls.remove(call_slot);
        }
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
