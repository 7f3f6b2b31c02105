//! What the clients of a service do: send attempts, wait for their answers, retry, hedge,
//! give up.

use crate::herd::agenda::{Cause, Token};
use crate::herd::calendar::NEVER;
use crate::herd::counts::Denial;
use crate::herd::guard::Leave;
use crate::herd::server::Admission;
use crate::herd::slots::{Attempt, Call, Pending, Phase, Reply};
use crate::herd::tier::{Message, Regime, Tier, faults_of};
use crate::scenario::policy::{Failure, Hint, Late, RetryOn, TimeoutFrom};
use crate::scenario::service::{Cancel, RetryAfter};
use crate::units::Nanos;

impl<const PLAIN: bool> Tier<'_, PLAIN> {
    /// Sends the next attempt of a call.
    #[inline(always)]
    pub(super) fn send(&mut self, call_slot: u32) {
        let mut host = 0;
        if !PLAIN {
            if self.hosts.is_some() {
                match self.pick_host(call_slot) {
                    Some(picked) => host = picked,
                    None => return self.hold_back(call_slot),
                }
            }
            if self.regime(call_slot).watched && !self.may_leave(call_slot, host) {
                return;
            }
            self.pending.of(call_slot).paid = false;
            if self.hosts.is_some() && self.regime(call_slot).policy.elsewhere {
                self.tried.of(call_slot).push(u32::from(host));
            }
        }
        let call = &mut self.calls[call_slot];
        call.tries += 1;
        let tries = call.tries;
        let group = if PLAIN { 0 } else { call.group };
        let retry = tries > 1;
        self.note(group, |r| r.sent(tries));
        if !PLAIN && self.pages.is_some() {
            self.note_call(group, |r| r.sent(tries));
        }
        let mut out = self.network.out.sample(&mut self.network_rng);
        if !PLAIN && self.delays {
            let (faults, now) = (faults_of(&mut self.faults, &mut self.hosts, host), self.now);
            out.0 += faults.delay(now, &mut self.fault_rng);
        }
        if out > Nanos::ZERO {
            let attempt = self.add_attempt(call_slot, retry, host);
            self.later(Cause::Arrive, out, attempt);
            return;
        }
        match self.admit(group, retry, host) {
            // Turned away on the spot: not worth a slot. In an overload this is
            // what happens most.
            Admission::TurnedAway(failure) if self.instant_answers => {
                let counted = match &self.hosts {
                    Some(hosts) if !PLAIN => hosts.tally.counts_at(self.now),
                    _ => false,
                };
                self.attempt_failed(call_slot, retry, failure, host, counted);
                self.fail(call_slot, failure);
            }
            admission => {
                let attempt = self.add_attempt(call_slot, retry, host);
                self.enter(attempt, admission);
            }
        }
    }

    /// The host to which the next attempt of a call goes, if breakers let one through.
    #[cold]
    fn pick_host(&mut self, call_slot: u32) -> Option<u16> {
        let (client, now) = (self.client(call_slot), self.now);
        let Call { caller, regime, .. } = self.calls[call_slot];
        // Who calls a service behind the first is a process, not a caller.
        let keeps = match self.callers {
            Some(_) => caller,
            None => client,
        };
        let Regime {
            policy,
            guards,
            sight,
            ..
        } = match regime {
            0 => &mut self.own,
            n => &mut self.later[n as usize - 1],
        };
        let tried = match policy.elsewhere {
            true => &self.tried.of(call_slot)[..],
            false => &[],
        };
        let tripped = guards.tripped(client, now);
        let hosts = self.hosts.as_mut()?;
        let host = hosts
            .balancer
            .pick(sight, client, keeps, tripped, tried, now)?;
        Some(host as u16)
    }

    /// An attempt of a call is in flight to its host, or no longer.
    #[cold]
    fn fly(&mut self, call_slot: u32, host: u16, takes_off: bool) {
        let client = self.client(call_slot);
        let regime = match self.calls[call_slot].regime {
            0 => &mut self.own,
            n => &mut self.later[n as usize - 1],
        };
        if let Some(hosts) = &mut self.hosts {
            let sight = &mut regime.sight;
            hosts
                .balancer
                .fly(sight, client, u32::from(host), takes_off);
        }
    }

    /// Nothing lets the next attempt of a call go.
    #[cold]
    fn hold_back(&mut self, call_slot: u32) {
        self.calls[call_slot].tries += 1;
        let group = self.calls[call_slot].group;
        self.note(group, |r| r.counts.denied_attempts += 1);
        self.give_back(call_slot);
        if self.flying(call_slot) == 0 {
            self.fail(call_slot, Failure::Denied);
        }
    }

    /// Whether guards let the next attempt of a call go; if not, sees to it.
    #[cold]
    pub(super) fn may_leave(&mut self, call_slot: u32, host: u16) -> bool {
        let client = self.client(call_slot);
        let (now, mut rng) = (self.now, self.backoff_rng.clone());
        let guards = &mut self.regime_mut(call_slot).guards;
        let leave = guards.ask(client, u32::from(host), now, &mut rng);
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
                self.hold_back(call_slot);
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
            let client = self.client(call_slot);
            let regime = self.regime_mut(call_slot);
            regime.budgets.not_sent(client, failure);
            regime.guards.retry_unsent(client);
        }
    }

    /// The next attempt of a call is not sent, as its call has been cancelled: what a retry
    /// has paid is gone. A breaker learns that none comes, and a budget of retries under
    /// way that there is one fewer.
    fn abandon_retry(&mut self, call_slot: u32) {
        let pending = self.pending.of(call_slot);
        pending.hold();
        if std::mem::take(&mut pending.paid) {
            let client = self.client(call_slot);
            let regime = self.regime_mut(call_slot);
            regime.budgets.abandoned(client);
            regime.guards.retry_unsent(client);
        }
    }

    /// Attempts of a call in flight, where that is of interest; those that have timed out are
    /// no longer.
    pub(super) fn flying(&mut self, call_slot: u32) -> usize {
        let (flights, attempts) = (&mut self.flights, &self.attempts);
        flights.as_mut().map_or(0, |flights| {
            let own = flights.of(call_slot).iter();
            own.filter(|attempt| !attempts[**attempt].late).count()
        })
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

    /// An attempt that was sent has ended badly; its host may have counted it.
    #[inline]
    pub(super) fn attempt_failed(
        &mut self,
        call_slot: u32,
        retry: bool,
        failure: Failure,
        host: u16,
        counted: bool,
    ) {
        let group = self.calls[call_slot].group;
        self.note(group, |r| r.attempt_failed(failure));
        if !PLAIN {
            if counted && let Some(hosts) = &mut self.hosts {
                hosts.tally.failed(host);
            }
            if self.regime(call_slot).watched {
                self.attempt_ended(call_slot, retry, Some(failure), host);
            }
        }
    }

    /// Budget and guards learn how an attempt has ended.
    #[cold]
    pub(super) fn attempt_ended(
        &mut self,
        call_slot: u32,
        retry: bool,
        failure: Option<Failure>,
        host: u16,
    ) {
        let retried = failure.is_some_and(|f| self.retry_on(call_slot, f).contains(f));
        let (client, now, host) = (self.client(call_slot), self.now, u32::from(host));
        let regime = self.regime_mut(call_slot);
        regime
            .budgets
            .ended(client, retry, failure.is_none(), retried);
        regime.guards.ended(client, host, now, failure);
        regime.sight.ended(client, host, failure.is_some(), now);
    }

    /// What a call retries: a rejection that has to say when to come back only where it does.
    #[inline(always)]
    fn retry_on(&self, call_slot: u32, failure: Failure) -> RetryOn {
        let retry_on = self.regime(call_slot).policy.retry_on;
        match !PLAIN && self.hint(failure).is_some() {
            true => retry_on.asked(),
            false => retry_on,
        }
    }

    /// When the service asks who has failed to come back, in ns from now.
    fn hint(&self, failure: Failure) -> Option<u64> {
        match (failure, self.service.retry_after?) {
            (Failure::Rejected, RetryAfter::After(wait)) => Some(wait.0),
            (Failure::Rejected, RetryAfter::Token) => self.asked,
            _ => None,
        }
    }

    /// A slot and a timeout for a new attempt.
    #[inline]
    pub(super) fn add_attempt(&mut self, call_slot: u32, retry: bool, host: u16) -> u32 {
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
            late: false,
            counted: false,
            host,
        });
        if !PLAIN && self.hosts.is_some() {
            self.fly(call_slot, host, true);
        }
        if let Some(effects) = &mut self.effects {
            effects.sent(attempt, call_slot, number);
        }
        if !PLAIN && self.flights.is_some() {
            self.take_off(call_slot, attempt);
        }
        let mut expires = NEVER;
        let policy = self.regime(call_slot).policy;
        if let Some(timeout) = policy.timeout
            && (PLAIN || policy.from == TimeoutFrom::Sent)
        {
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
        flights.of(call_slot).push(attempt);
        if let Some(hedge) = &policy.hedge
            && self.flying(call_slot) < hedge.max as usize
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
        let client = self.client(call_slot);
        let flying = match &mut self.flights {
            Some(flights) => std::mem::take(flights.of(call_slot)),
            None => return,
        };
        for attempt in flying {
            let record = &mut self.attempts[attempt];
            record.awaited = false;
            let (retry, late, host) = (record.retry, record.late, record.host);
            // Of one that has timed out everybody has heard.
            if !late {
                let regime = self.regime_mut(call_slot);
                regime.budgets.left(client, retry);
                regime.guards.unsent(client, u32::from(host));
                regime.guards.retry_unsent(client);
                if self.hosts.is_some() {
                    self.fly(call_slot, host, false);
                }
            }
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
        let Attempt {
            call,
            retry,
            late,
            counted,
            host,
            ..
        } = self.attempts[attempt];
        self.attempts[attempt].awaited = false;
        if !PLAIN && self.flights.is_some() {
            self.land(call, attempt);
        }
        if !PLAIN && self.hosts.is_some() && !late {
            self.fly(call, host, false);
        }
        match reply {
            Reply::Ok => {
                if !PLAIN && self.regime(call).watched && !late {
                    self.attempt_ended(call, retry, None, host);
                }
                self.end_call(call, true, !retry);
            }
            // Its caller has taken it for a failure already.
            Reply::Failed(_) if !PLAIN && late => {}
            Reply::Failed(failure) => {
                if !PLAIN && self.limit.is_some() {
                    self.asked = self.asks.of(attempt).take();
                }
                self.attempt_failed(call, retry, failure, host, counted);
                self.fail(call, failure);
            }
        }
        self.through(attempt);
    }

    pub(super) fn on_timeout(&mut self) {
        if let Some(attempt) = self.take(Cause::Timeout)
            && self.attempts[attempt].awaited
            && (PLAIN || !self.attempts[attempt].late)
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
        let Attempt {
            call,
            retry,
            counted,
            host,
            phase,
            ..
        } = self.attempts[attempt];
        if !PLAIN && self.hosts.is_some() {
            self.fly(call, host, false);
        }
        if !PLAIN && phase != Phase::Gone && self.regime(call).policy.late == Late::Accept {
            self.attempts[attempt].late = true;
            self.attempt_failed(call, retry, Failure::Timeout, host, counted);
            return self.fail(call, Failure::Timeout);
        }
        self.attempts[attempt].awaited = false;
        if !PLAIN && self.flights.is_some() {
            self.land(call, attempt);
        }
        self.attempt_failed(call, retry, Failure::Timeout, host, counted);
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
            policy, watched, ..
        } = *self.regime(call_slot);
        let retry_on = self.retry_on(call_slot, failure);
        if !PLAIN && policy.hedge.is_some() && self.others_fly(call_slot, failure, retry_on) {
            return;
        }
        let hint = match PLAIN {
            true => None,
            false => self.hint(failure),
        };
        let call = &mut self.calls[call_slot];
        if call.tries >= policy.attempts || !retry_on.contains(failure) {
            if !PLAIN && failure == Failure::Denied {
                self.note_denied(call_slot, Denial::Guard);
            }
            if !PLAIN && !retry_on.contains(failure) {
                let (client, now) = (self.client(call_slot), self.now);
                self.regime_mut(call_slot).budgets.call_settled(client, now);
            }
            self.end_call(call_slot, false, false);
            return;
        }
        let mut k = call.tries;
        if !PLAIN {
            k -= self.pending.of(call_slot).afresh_from;
        }
        let (state, rng) = (&mut call.jitter, &mut self.backoff_rng);
        let backoff = match call.regime {
            n if !PLAIN && n > 0 => &self.later[n as usize - 1].backoff,
            _ => &self.own.backoff,
        };
        let delay = match hint {
            None => Some(backoff.delay(policy, k, failure, state, rng)),
            Some(asked) => backoff.hinted_delay(policy, k, asked, state, rng),
        };
        let Some(mut delay) = delay else {
            self.end_call(call_slot, false, false);
            return;
        };
        let own = delay;
        if !PLAIN {
            if hint.is_some() && policy.retry_after == Hint::ReplaceAndRestart {
                self.pending.of(call_slot).afresh_from = call.tries;
                call.jitter = 0;
            }
            if watched {
                let (client, now) = (self.client(call_slot), self.now);
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
            let (client, now) = (self.client(call_slot), self.now);
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
            let (client, now) = (self.client(call_slot), self.now);
            let regime = self.regime_mut(call_slot);
            let admitted = PLAIN || regime.guards.admits_retry(client, now);
            let allowed = admitted && regime.budgets.withdraw(client, failure, now);
            if !PLAIN && admitted && !allowed {
                regime.guards.retry_unsent(client);
            }
            if !allowed {
                let group = self.calls[call_slot].group;
                self.note(group, |r| r.counts.denied += 1);
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
    pub(super) fn others_fly(
        &mut self,
        call_slot: u32,
        failure: Failure,
        retry_on: RetryOn,
    ) -> bool {
        let policy = self.regime(call_slot).policy;
        let Some(hedge) = &policy.hedge else {
            return false;
        };
        let flying = self.flying(call_slot);
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
        self.note_denied(call_slot, by);
        self.end_call(call_slot, false, false);
    }

    /// A call is about to end as its client denies it another attempt.
    #[cold]
    fn note_denied(&mut self, call_slot: u32, by: Denial) {
        let Call { started, group, .. } = self.calls[call_slot];
        self.note_call(group, |r| r.denied(started, by));
        if let Some(pages) = &mut self.pages {
            let page = *pages.of.of(call_slot);
            pages.slots[page].denied.get_or_insert(by);
        }
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
            group,
            ..
        } = *call;
        match PLAIN {
            true => self.recorder.call_ended(started, ok, at_once),
            false => self.note_call(group, |r| r.call_ended(started, ok, at_once)),
        }
        if let Some(effects) = &self.effects {
            let phantom = ok && !effects.happened(call_slot);
            self.note(group, |r| r.counts.phantom_effects += u64::from(phantom));
        }
        if ok && !self.regime(call_slot).budgets.is_unlimited() {
            let (client, now) = (self.client(call_slot), self.now);
            let budgets = &mut self.regime_mut(call_slot).budgets;
            budgets.call_succeeded(client, retried, now);
        }
        if !PLAIN && self.flights.is_some() {
            self.ground(call_slot);
        }
        if !PLAIN && self.callers.is_none() {
            self.outbox.push_back(Message::Ended(caller, ok));
        } else if !PLAIN && self.pages.is_some() {
            self.sub_call_ended(call_slot, ok, at_once);
        } else {
            self.caller_is_done(caller, group);
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
        let Call { started, group, .. } = self.calls[call_slot];
        self.note(group, |r| r.call_ended(started, false, false));
        self.abandon_retry(call_slot);
        self.ground(call_slot);
        self.close(call_slot);
    }
}
