//! What the clients of a service do: send attempts, wait for their answers, retry, hedge,
//! give up.

use crate::herd::agenda::{Cause, Token};
use crate::herd::calendar::NEVER;
use crate::herd::counts::Denial;
use crate::herd::guard::Leave;
use crate::herd::server::Admission;
use crate::herd::slots::{Attempt, Call, Pending, Phase, Reply};
use crate::herd::tier::{Message, Regime, Tier};
use crate::scenario::policy::{Failure, Hint, Scope};
use crate::scenario::service::Cancel;
use crate::units::Nanos;

impl<const PLAIN: bool> Tier<'_, PLAIN> {
    /// Sends the next attempt of a call.
    #[inline(always)]
    pub(super) fn send(&mut self, call_slot: u32) {
        if !PLAIN && self.regime(call_slot).watched && !self.may_leave(call_slot) {
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
        match self.admit(retry) {
            // Turned away on the spot: not worth a slot. In an overload this is
            // what happens most.
            Admission::TurnedAway(failure) if self.instant_answers => {
                self.attempt_failed(call_slot, retry, failure);
                self.fail(call_slot, failure);
            }
            admission => {
                let attempt = self.add_attempt(call_slot, retry);
                self.enter(attempt, admission);
            }
        }
    }

    /// Whether guards let the next attempt of a call go; if not, sees to it.
    #[cold]
    pub(super) fn may_leave(&mut self, call_slot: u32) -> bool {
        let call = &self.calls[call_slot];
        let caller = call.caller;
        let client = self.client(caller);
        let (now, mut rng) = (self.now, self.backoff_rng.clone());
        let leave = self.regime_mut(call_slot).guards.ask(client, now, &mut rng);
        self.backoff_rng = rng;
        match leave {
            Leave::Now => {
                self.regime_mut(call_slot).budgets.sent(client, now);
                true
            }
            Leave::Later(wait) => {
                if !self.is_late(call_slot, wait) {
                    self.send_at(call_slot, self.now.saturating_add(wait));
                    return false;
                }
                self.give_back(call_slot);
                if self.flying(call_slot) == 0 {
                    self.end_denied(call_slot, Denial::Guard);
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
    pub(super) fn give_back(&mut self, call_slot: u32) {
        let pending = self.pending.of(call_slot);
        let Pending {
            paid, paid_before, ..
        } = *pending;
        pending.hold();
        pending.paid = false;
        let call = &mut self.calls[call_slot];
        if paid && let Some(failure) = std::mem::replace(&mut call.retried, paid_before) {
            let client = self.client(self.calls[call_slot].caller);
            let regime = self.regime_mut(call_slot);
            regime.budgets.not_sent(client, failure);
            regime.guards.returned(client, Scope::Retries);
        }
    }

    /// The next attempt of a call is not sent, as its call has been cancelled: what a retry
    /// has paid is gone. A breaker learns that none comes, and a budget of retries under
    /// way that there is one fewer.
    fn abandon_retry(&mut self, call_slot: u32) {
        let pending = self.pending.of(call_slot);
        pending.hold();
        if std::mem::take(&mut pending.paid) {
            let client = self.client(self.calls[call_slot].caller);
            let regime = self.regime_mut(call_slot);
            regime.budgets.abandoned(client);
            regime.guards.returned(client, Scope::Retries);
        }
    }

    /// Attempts of a call in flight, where that is of interest.
    pub(super) fn flying(&mut self, call_slot: u32) -> usize {
        let flights = &mut self.flights;
        flights.as_mut().map_or(0, |f| f.of(call_slot).len())
    }

    /// Whether an attempt sent in `delay` ns would come after the deadline of its call.
    #[inline]
    pub(super) fn is_late(&self, call_slot: u32, delay: u64) -> bool {
        let started = self.calls[call_slot].started;
        let deadline = self.regime(call_slot).policy.deadline;
        deadline.is_some_and(|d| self.now.saturating_add(delay) >= started.saturating_add(d.0))
    }

    /// Puts the next attempt of a call on the agenda, in place of any other.
    #[inline(always)]
    pub(super) fn send_at(&mut self, call_slot: u32, time: u64) {
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
    pub(super) fn attempt_failed(&mut self, call_slot: u32, retry: bool, failure: Failure) {
        let counts = &mut self.recorder.counts;
        match failure {
            Failure::Error => counts.errors += 1,
            Failure::Rejected => counts.rejected += 1,
            Failure::Refused => counts.refused += 1,
            Failure::Reset => counts.reset += 1,
            Failure::Timeout => counts.timed_out += 1,
            Failure::Denied => {}
        }
        if !PLAIN && self.regime(call_slot).watched {
            self.attempt_ended(call_slot, retry, Some(failure));
        }
    }

    /// Budget and guards learn how an attempt has ended.
    #[cold]
    pub(super) fn attempt_ended(&mut self, call_slot: u32, retry: bool, failure: Option<Failure>) {
        let client = self.client(self.calls[call_slot].caller);
        let now = self.now;
        let regime = self.regime_mut(call_slot);
        let retried = failure.is_some_and(|f| regime.retry_on.contains(f));
        regime
            .budgets
            .ended(client, retry, failure.is_none(), retried);
        regime.guards.ended(client, now, failure);
    }

    /// A slot and a timeout for a new attempt.
    #[inline]
    pub(super) fn add_attempt(&mut self, call_slot: u32, retry: bool) -> u32 {
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
        let policy = self.regime(call_slot).policy;
        if let Some(timeout) = policy.timeout {
            expires = self.now.saturating_add(timeout.0);
        }
        if let Some(deadline) = policy.deadline {
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
    pub(super) fn take_off(&mut self, call_slot: u32, attempt: u32) {
        let policy = self.regime(call_slot).policy;
        let Some(flights) = &mut self.flights else {
            return;
        };
        let flying = flights.of(call_slot);
        flying.push(attempt);
        if let Some(hedge) = &policy.hedge
            && flying.len() < hedge.max as usize
            && self.calls[call_slot].tries < policy.attempts
        {
            self.hedge_after(call_slot, hedge.delay);
        }
    }

    pub(super) fn hedge_after(&mut self, call_slot: u32, delay: Nanos) {
        self.send_at(call_slot, self.now.saturating_add(delay.0));
        self.pending.of(call_slot).hedging = true;
    }

    /// An attempt is no longer in flight.
    #[cold]
    pub(super) fn land(&mut self, call_slot: u32, attempt: u32) {
        if let Some(flights) = &mut self.flights {
            flights.of(call_slot).retain(|other| *other != attempt);
        }
    }

    /// Nobody waits any more for the attempts of a call that are still in flight.
    #[cold]
    pub(super) fn ground(&mut self, call_slot: u32) {
        let client = self.client(self.calls[call_slot].caller);
        let flying = match &mut self.flights {
            Some(flights) => std::mem::take(flights.of(call_slot)),
            None => return,
        };
        for attempt in flying {
            self.attempts[attempt].awaited = false;
            let retry = self.attempts[attempt].retry;
            let regime = self.regime_mut(call_slot);
            regime.budgets.left(client, retry);
            regime.guards.returned(client, Scope::All);
            regime.guards.returned(client, Scope::Retries);
            self.give_up(attempt);
        }
    }

    pub(super) fn on_answer(&mut self) {
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
    pub(super) fn answer(&mut self, attempt: u32, reply: Reply) {
        let Attempt { call, retry, .. } = self.attempts[attempt];
        self.attempts[attempt].awaited = false;
        if !PLAIN && self.flights.is_some() {
            self.land(call, attempt);
        }
        match reply {
            Reply::Ok => {
                if !PLAIN && self.regime(call).watched {
                    self.attempt_ended(call, retry, None);
                }
                self.end_call(call, true, !retry);
            }
            Reply::Failed(failure) => {
                self.attempt_failed(call, retry, failure);
                self.fail(call, failure);
            }
        }
        self.through(attempt);
    }

    pub(super) fn on_timeout(&mut self) {
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

    pub(super) fn time_out(&mut self, attempt: u32) {
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
    pub(super) fn give_up(&mut self, attempt: u32) {
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

    /// An attempt of a call has failed: try again, or give up at once.
    pub(super) fn fail(&mut self, call_slot: u32, failure: Failure) {
        let Regime {
            policy,
            retry_on,
            watched,
            ..
        } = *self.regime(call_slot);
        if !PLAIN && policy.hedge.is_some() && self.others_fly(call_slot, failure) {
            return;
        }
        let call = &mut self.calls[call_slot];
        let caller = call.caller;
        if call.tries >= policy.attempts || !retry_on.contains(failure) {
            if !PLAIN && failure == Failure::Denied {
                self.recorder.denied(call.started, Denial::Guard);
            }
            if !PLAIN && !retry_on.contains(failure) {
                let (client, now) = (self.client(caller), self.now);
                self.regime_mut(call_slot).budgets.call_settled(client, now);
            }
            self.end_call(call_slot, false, false);
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
        let backoff = match call.regime {
            n if !PLAIN && n > 0 => &self.later[n as usize - 1].1.backoff,
            _ => &self.own.backoff,
        };
        let delay = match asked {
            None => Some(backoff.delay(policy, k, failure, state, rng)),
            Some(asked) => backoff.hinted_delay(policy, k, asked, state, rng),
        };
        let Some(mut delay) = delay else {
            self.end_call(call_slot, false, false);
            return;
        };
        let own = delay;
        if !PLAIN {
            if asked.is_some() && policy.retry_after == Hint::ReplaceAndRestart {
                self.pending.of(call_slot).afresh_from = call.tries;
                call.jitter = 0;
            }
            if watched {
                let (client, now) = (self.client(caller), self.now);
                delay = delay.max(self.regime_mut(call_slot).guards.wait(client, now));
            }
        }
        if self.is_late(call_slot, delay) {
            // It would have come in time, but for the wait that a guard asks for.
            match !PLAIN && !self.is_late(call_slot, own) {
                true => self.end_denied(call_slot, Denial::Guard),
                false => self.end_call(call_slot, false, false),
            }
            return;
        }
        if let Err(by) = self.may_retry(call_slot, failure) {
            self.end_denied(call_slot, by);
            return;
        }
        if !PLAIN && watched {
            let (client, now) = (self.client(caller), self.now);
            self.regime_mut(call_slot).guards.reserve(client, now);
        }
        self.send_at(call_slot, self.now.saturating_add(delay));
    }

    /// Asks breaker and budget for another attempt of a call, and pays for it; says which
    /// of them denies it.
    #[inline(always)]
    pub(super) fn may_retry(&mut self, call_slot: u32, failure: Failure) -> Result<(), Denial> {
        let regime = self.regime(call_slot);
        if !regime.budgets.is_unlimited() || !PLAIN && regime.watched {
            let (client, now) = (self.client(self.calls[call_slot].caller), self.now);
            let regime = self.regime_mut(call_slot);
            let admitted = PLAIN || regime.guards.admits_retry(client, now);
            let allowed = admitted && regime.budgets.withdraw(client, failure, now);
            if !PLAIN && admitted && !allowed {
                regime.guards.returned(client, Scope::Retries);
            }
            if !allowed {
                self.recorder.counts.denied += 1;
                return Err(if admitted {
                    Denial::Budget
                } else {
                    Denial::Guard
                });
            }
        }
        let before = self.calls[call_slot].retried.replace(failure);
        if !PLAIN {
            let pending = self.pending.of(call_slot);
            (pending.paid, pending.paid_before) = (true, before);
        }
        Ok(())
    }

    /// With attempts of a call still in flight, a failure is not its end: says
    /// whether that is so, and sends the next hedge if it is to come at once.
    #[cold]
    pub(super) fn others_fly(&mut self, call_slot: u32, failure: Failure) -> bool {
        let Regime {
            policy, retry_on, ..
        } = *self.regime(call_slot);
        let (Some(flights), Some(hedge)) = (&mut self.flights, &policy.hedge) else {
            return false;
        };
        let flying = flights.of(call_slot).len();
        if !retry_on.contains(failure) {
            return false;
        }
        if self.pending.of(call_slot).paid {
            return true; // The next one has been paid for.
        }
        if flying == 0 {
            return false;
        }
        let more = flying < hedge.max as usize && self.calls[call_slot].tries < policy.attempts;
        if more && hedge.next_on_failure {
            if !self.is_late(call_slot, 0) && self.may_retry(call_slot, failure).is_ok() {
                self.send_at(call_slot, self.now);
            }
        } else if more && !self.pending.of(call_slot).hedging {
            // There was no room for another one until now.
            self.hedge_after(call_slot, hedge.delay);
        }
        true
    }

    pub(super) fn on_retry(&mut self) {
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
                if self.may_retry(token.slot, Failure::Timeout).is_err() {
                    return;
                }
            }
        }
        self.send(token.slot);
    }

    /// A call ends as its client denies it another attempt.
    #[cold]
    fn end_denied(&mut self, call_slot: u32, by: Denial) {
        self.recorder.denied(self.calls[call_slot].started, by);
        self.end_call(call_slot, false, false);
    }

    /// A call ends; `at_once` where its first attempt answered it.
    #[inline(always)]
    pub(super) fn end_call(&mut self, call_slot: u32, ok: bool, at_once: bool) {
        if !PLAIN {
            self.give_back(call_slot);
        }
        let call = &self.calls[call_slot];
        let Call {
            started,
            caller,
            retried,
            ..
        } = *call;
        self.recorder.call_ended(started, ok, at_once);
        if let Some(effects) = &self.effects {
            let phantom = ok && !effects.happened(call_slot);
            self.recorder.counts.phantom_effects += u64::from(phantom);
        }
        if ok && !self.regime(call_slot).budgets.is_unlimited() {
            let (client, now) = (self.client(caller), self.now);
            let budgets = &mut self.regime_mut(call_slot).budgets;
            budgets.call_succeeded(client, retried, now);
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
    pub(super) fn close(&mut self, call_slot: u32) {
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
        let started = self.calls[call_slot].started;
        self.recorder.call_ended(started, false, false);
        self.abandon_retry(call_slot);
        self.ground(call_slot);
        self.close(call_slot);
    }
}
