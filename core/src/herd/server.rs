//! What a service does with attempts: admits, queues, serves and answers them, under faults.

use crate::dist::happens;
use crate::herd::agenda::Cause;
use crate::herd::calendar::NEVER;
use crate::herd::slots::{Phase, Reply, release, release_slot};
use crate::herd::tier::{Message, Tier};
use crate::idempotency::Reply as Answer;
use crate::scenario::policy::Failure;
use crate::scenario::service::{Cancel, ServiceKind};
use crate::units::Nanos;

/// What the service does with an arriving attempt.
pub(super) enum Admission {
    Vanishes,
    TurnedAway(Failure),
    Served,
    Waits,
}

impl<const PLAIN: bool> Tier<'_, PLAIN> {
    /// An attempt comes out of the network.
    pub(super) fn on_arrive(&mut self) {
        let Some(attempt) = self.take(Cause::Arrive) else {
            return;
        };
        let admission = self.admit(self.attempts[attempt].retry);
        if self.attempts[attempt].cancelled {
            self.recorder.counts.cancelled += 1;
            self.through(attempt);
        } else {
            self.enter(attempt, admission);
        }
    }

    /// An attempt reaches the service: what becomes of it?
    #[inline]
    pub(super) fn admit(&mut self, retry: bool) -> Admission {
        self.recorder.counts.offered += 1;
        self.recorder.counts.offered_retries += u64::from(retry);
        if !self.faults.calm(self.now) {
            let state = self.faults.state(self.now);
            if happens(state.vanish, &mut self.fault_rng) {
                return Admission::Vanishes;
            }
            if happens(state.refuse, &mut self.fault_rng) {
                return Admission::TurnedAway(Failure::Refused);
            }
            if happens(state.reject, &mut self.fault_rng) {
                return Admission::TurnedAway(Failure::Rejected);
            }
        }
        if self.recorder.waiting() == 0 && self.may_start() {
            Admission::Served
        } else if self.recorder.waiting() < self.room && (PLAIN || !self.sheds()) {
            Admission::Waits
        } else {
            Admission::TurnedAway(Failure::Rejected)
        }
    }

    /// Whether the queue is so slow that nothing is let in.
    #[inline]
    pub(super) fn sheds(&mut self) -> bool {
        let Some(most) = self.queue.shed else {
            return false;
        };
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let oldest = self.queue.oldest(|slot| release(attempts, calls, slot));
        oldest.is_some_and(|slot| self.now - self.attempts[slot].since > most)
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, attempt: u32, admission: Admission) {
        match admission {
            Admission::Vanishes => self.through(attempt),
            Admission::TurnedAway(failure) => self.reply(attempt, Reply::Failed(failure)),
            Admission::Served => self.start(attempt),
            Admission::Waits => {
                self.attempts[attempt].since = self.now;
                self.attempts[attempt].phase = Phase::Queued;
                self.queue.push(attempt, self.now);
                self.recorder.queued();
            }
        }
    }

    /// Whether a server may start work now.
    #[inline]
    pub(super) fn may_start(&mut self) -> bool {
        let servers = self.servers;
        if self.faults.calm(self.now) {
            return self.recorder.busy() < servers;
        }
        let state = self.faults.state(self.now);
        let allowed = (f64::from(servers) * state.capacity).round();
        // Without a queue there is nowhere to wait: work begins, and stands still.
        let stalled = state.stalled && self.service.pool().is_some();
        !stalled && f64::from(self.recorder.busy()) < allowed
    }

    /// A server takes an attempt.
    #[inline]
    pub(super) fn start(&mut self, attempt: u32) {
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
        let slow = self.faults.state(self.now).slow;
        let mut work = self.work(attempt);
        if slow != 1.0 {
            work = (work as f64 * slow + 0.5) as u64;
        }
        let finish = self.done_by(work);
        let token = self.token(attempt);
        self.agenda.schedule(Cause::Finish, finish, token);
    }

    /// How long the service will work on an attempt that it has just taken, in ns.
    pub(super) fn work(&mut self, attempt: u32) -> u64 {
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
    pub(super) fn done_by(&self, work: u64) -> u64 {
        self.faults.done_by(self.now, work)
    }

    /// The attempt that finishes now, unless it has been cancelled.
    #[inline]
    pub(super) fn take_finished(&mut self) -> Option<u32> {
        let Some(race) = &mut self.race else {
            return self.take(Cause::Finish);
        };
        let attempt = race.take(self.now, &mut self.service_rng);
        self.agenda.set_next(Cause::Finish, race.finish());
        attempt
    }

    #[inline(always)]
    pub(super) fn on_finish(&mut self) {
        let Some(attempt) = self.take_finished() else {
            return;
        };
        match self.attempts[attempt].phase {
            _ if PLAIN => self.complete(attempt, true),
            Phase::Answered(ok) => self.complete(attempt, ok),
            _ if self.downstream.is_some() => self.call_on(attempt),
            _ => self.complete(attempt, true),
        }
        self.serve_waiting();
    }

    /// The own work of an attempt is done; the next service has to do the rest.
    #[cold]
    pub(super) fn call_on(&mut self, attempt: u32) {
        if self.frees_server() {
            self.leave_server(attempt);
        }
        self.attempts[attempt].phase = Phase::Calling;
        self.outbox.push_back(Message::Call(attempt));
    }

    /// Whether an attempt that calls the next service leaves its server.
    pub(super) fn frees_server(&self) -> bool {
        self.downstream
            .is_some_and(|downstream| downstream.frees_server)
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
    pub(super) fn complete(&mut self, attempt: u32, below: bool) {
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
                let state = self.faults.state(self.now);
                (state.error, state.lose)
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
    pub(super) fn outcome(&mut self, attempt: u32, below: bool) -> Reply {
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
    pub(super) fn take_effect(&mut self, attempt: u32) -> Option<Reply> {
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
    pub(super) fn cut_off(&mut self, attempt: u32) {
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
    pub(super) fn leave_server(&mut self, attempt: u32) {
        let record = &self.attempts[attempt];
        self.recorder.served(record.since, !record.awaited);
    }

    /// Starts waiting attempts while servers are free.
    #[inline]
    pub(super) fn serve_waiting(&mut self) {
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

    pub(super) fn next_in_line(&mut self) -> Option<u32> {
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let attempt = self
            .queue
            .pop(self.now, |slot| release(attempts, calls, slot))?;
        self.recorder.left_queue(self.attempts[attempt].since);
        Some(attempt)
    }

    /// The service has its answer.
    #[inline]
    pub(super) fn reply(&mut self, attempt: u32, reply: Reply) {
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

    pub(super) fn on_cancel(&mut self) {
        if let Some(attempt) = self.take(Cause::Cancel) {
            self.cancel(attempt);
        }
    }

    /// The service learns that the caller of an attempt has left.
    pub(super) fn cancel(&mut self, attempt: u32) {
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

    /// The service is through with an attempt; its slot is freed unless its caller still waits.
    #[inline]
    pub(super) fn through(&mut self, attempt: u32) {
        self.attempts[attempt].phase = Phase::Gone;
        if !self.attempts[attempt].awaited {
            release_slot(&mut self.attempts, &mut self.calls, attempt);
        }
    }

    pub(super) fn on_fault_edge(&mut self) {
        let begins = self.faults.pass_edge(self.now);
        self.agenda.set_next(Cause::Fault, self.faults.next_edge());
        if begins.crash {
            self.crash();
        }
        if begins.clear {
            self.crashing = true;
            self.empty_queue(Failure::Rejected);
            self.crashing = false;
        }
        self.serve_waiting();
    }

    /// Everything queued or in service fails at once.
    pub(super) fn crash(&mut self) {
        self.crashing = true;
        self.fail_all();
        self.crashing = false;
    }

    /// Those in service fail first, in the order in which they began, then those that wait.
    pub(super) fn fail_all(&mut self) {
        let mut served = Vec::new();
        while let Some(attempt) = self.next_in_service() {
            served.push(attempt);
        }
        served.sort_by_key(|attempt| self.attempts[*attempt].since);
        for attempt in served {
            self.cut_off(attempt);
            self.reply(attempt, Reply::Failed(Failure::Reset));
        }
        self.empty_queue(Failure::Reset);
        if !PLAIN && self.downstream.is_some() {
            for attempt in 0..self.attempts.records.len() as u32 {
                if self.attempts[attempt].phase == Phase::Calling {
                    self.outbox.push_back(Message::Abandon(attempt));
                    self.cut_off(attempt);
                    self.reply(attempt, Reply::Failed(Failure::Reset));
                }
            }
        }
    }

    /// Everything that waits fails.
    fn empty_queue(&mut self, failure: Failure) {
        while self.recorder.waiting() > 0 {
            let Some(attempt) = self.next_in_line() else {
                return;
            };
            self.reply(attempt, Reply::Failed(failure));
        }
    }

    /// Takes an attempt out of service, ahead of its time.
    pub(super) fn next_in_service(&mut self) -> Option<u32> {
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
}
