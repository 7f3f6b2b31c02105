//! What a service does with attempts: admits, queues, serves and answers them, under faults.

use crate::dist::happens;
use crate::herd::agenda::Cause;
use crate::herd::calendar::NEVER;
use crate::herd::hosts::Hosts;
use crate::herd::recorder::Recorder;
use crate::herd::slots::{Attempt, Phase, Reply, release, release_slot};
use crate::herd::tier::{Message, Tier, faults_of, queue_of};
use crate::idempotency::Reply as Answer;
use crate::scenario::policy::{Failure, TimeoutFrom};
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
        let Attempt { retry, host, .. } = self.attempts[attempt];
        let group = match PLAIN {
            true => 0,
            false => self.group_of(attempt),
        };
        let admission = self.admit(group, retry, host);
        if self.attempts[attempt].cancelled {
            self.note(group, |r| r.counts.cancelled += 1);
            self.through(attempt);
        } else {
            self.enter(attempt, admission);
        }
    }

    /// An attempt of a group of callers reaches a host of the service: what becomes of it?
    #[inline]
    pub(super) fn admit(&mut self, group: u8, retry: bool, host: u16) -> Admission {
        self.note(group, |r| {
            r.counts.offered += 1;
            r.counts.offered_retries += u64::from(retry);
        });
        if !PLAIN {
            self.asked = None;
            if self.hosts.is_some() {
                self.arrives(host);
            }
        }
        let now = self.now;
        let faults = match PLAIN {
            true => &mut self.faults,
            false => faults_of(&mut self.faults, &mut self.hosts, host),
        };
        if !faults.calm(now) {
            let state = faults.state(now);
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
        if !PLAIN && let Some(limit) = &mut self.limit {
            self.asked = limit.take(now).err();
        }
        if !PLAIN && self.asked.is_some() {
            return Admission::TurnedAway(Failure::Rejected);
        }
        if self.waiting(host) == 0 && self.may_start(host) {
            Admission::Served
        } else if self.waiting(host) < self.room && (PLAIN || !self.sheds(group, host)) {
            Admission::Waits
        } else {
            Admission::TurnedAway(Failure::Rejected)
        }
    }

    /// An attempt reaches a host.
    #[cold]
    fn arrives(&mut self, host: u16) {
        let now = self.now;
        if let Some(hosts) = &mut self.hosts {
            hosts.tally.arrives(host, now);
        }
    }

    /// Attempts that wait at a host.
    #[inline(always)]
    fn waiting(&self, host: u16) -> u32 {
        match &self.hosts {
            Some(hosts) if !PLAIN => hosts.all[host as usize].waiting,
            _ => self.recorder.waiting(),
        }
    }

    /// Attempts that a host serves.
    #[inline(always)]
    fn busy(&self, host: u16) -> u32 {
        match &self.hosts {
            Some(hosts) if !PLAIN => hosts.all[host as usize].busy,
            _ => self.recorder.busy(),
        }
    }

    /// How many more wait at a host, and are served by it.
    #[inline(always)]
    fn shift(&mut self, host: u16, waiting: i32, busy: i32) {
        if !PLAIN && let Some(hosts) = &mut self.hosts {
            let host = &mut hosts.all[host as usize];
            host.waiting = host.waiting.wrapping_add_signed(waiting);
            host.busy = host.busy.wrapping_add_signed(busy);
        }
    }

    /// Whether the queue of a host is so slow that nothing of a group is let in.
    #[inline]
    pub(super) fn sheds(&mut self, group: u8, host: u16) -> bool {
        let Some(most) = self.shed.get(group as usize).copied() else {
            return false;
        };
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let queue = queue_of(&mut self.queue, &mut self.hosts, host);
        let oldest = queue.oldest(|slot| release(attempts, calls, slot));
        oldest.is_some_and(|slot| self.now - self.attempts[slot].since > most)
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, attempt: u32, admission: Admission) {
        if !PLAIN && self.limit.is_some() {
            *self.asks.of(attempt) = self.asked;
        }
        if !PLAIN && let Some(hosts) = &self.hosts {
            self.attempts[attempt].counted = hosts.tally.counts_at(self.now);
        }
        match admission {
            Admission::Vanishes => self.through(attempt),
            Admission::TurnedAway(failure) => {
                self.reply(attempt, Reply::Failed(failure));
            }
            Admission::Served => self.start(attempt),
            Admission::Waits => {
                self.attempts[attempt].since = self.now;
                self.attempts[attempt].phase = Phase::Queued;
                let (host, now) = (self.attempts[attempt].host, self.now);
                match PLAIN {
                    true => self.queue.push(attempt, now),
                    false => queue_of(&mut self.queue, &mut self.hosts, host).push(attempt, now),
                }
                self.shift(host, 1, 0);
                self.note_attempt(attempt, Recorder::queued);
            }
        }
    }

    /// Whether a server of a host may start work now.
    #[inline]
    pub(super) fn may_start(&mut self, host: u16) -> bool {
        let (servers, now) = (self.servers, self.now);
        let busy = self.busy(host);
        let faults = match PLAIN {
            true => &mut self.faults,
            false => faults_of(&mut self.faults, &mut self.hosts, host),
        };
        if faults.calm(now) {
            return busy < servers;
        }
        let state = faults.state(now);
        let allowed = (f64::from(servers) * state.capacity).round();
        // Without a queue there is nowhere to wait: work begins, and stands still.
        let stalled = state.stalled && self.service.pool().is_some();
        !stalled && f64::from(busy) < allowed
    }

    /// A server takes an attempt.
    #[inline]
    pub(super) fn start(&mut self, attempt: u32) {
        self.note_attempt(attempt, Recorder::started);
        let record = &mut self.attempts[attempt];
        record.since = self.now;
        record.phase = Phase::Serving;
        let host = record.host;
        self.shift(host, 0, 1);
        if !PLAIN && self.attempts[attempt].awaited {
            self.clock_starts(attempt);
        }
        if let Some(effects) = &mut self.effects {
            effects.started(attempt, self.now);
        }
        if let Some(race) = &mut self.race {
            race.join(attempt, self.now, &mut self.service_rng);
            self.agenda.set_next(Cause::Finish, race.finish());
            return;
        }
        let now = self.now;
        let slow = match PLAIN {
            true => self.faults.state(now).slow,
            false => {
                faults_of(&mut self.faults, &mut self.hosts, host)
                    .state(now)
                    .slow
            }
        };
        let mut work = self.work(attempt);
        if slow != 1.0 {
            work = (work as f64 * slow + 0.5) as u64;
        }
        let finish = self.done_by(host, work);
        let token = self.token(attempt);
        self.agenda.schedule(Cause::Finish, finish, token);
    }

    /// The clock of an attempt starts, if it is one that starts as a server takes it.
    #[inline]
    fn clock_starts(&mut self, attempt: u32) {
        let policy = self.regime(self.attempts[attempt].call).policy;
        if let (TimeoutFrom::Start, Some(timeout)) = (policy.from, policy.timeout)
            && !self.attempts[attempt].late
        {
            self.later(Cause::Timeout, timeout, attempt);
        }
    }

    /// How long the service will work on an attempt that it has just taken, in ns.
    pub(super) fn work(&mut self, attempt: u32) -> u64 {
        let busy = match PLAIN {
            true => self.recorder.busy(),
            false => self.busy(self.attempts[attempt].host),
        };
        let rng = &mut self.service_rng;
        match &self.service.kind {
            ServiceKind::Queue(pool) => {
                let work = pool.service_time.sample(rng).0;
                if pool.contention.0 == 0.0 {
                    return work;
                }
                let others = f64::from(busy - 1);
                (work as f64 * (1.0 + pool.contention.0 * others) + 0.5) as u64
            }
            ServiceKind::Elastic(elastic) => {
                let slope = elastic.slope.0.saturating_mul(u64::from(busy));
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
    pub(super) fn done_by(&mut self, host: u16, work: u64) -> u64 {
        let now = self.now;
        match PLAIN {
            true => self.faults.done_by(now, work),
            false => faults_of(&mut self.faults, &mut self.hosts, host).done_by(now, work),
        }
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
        let host = self.attempts[attempt].host;
        match self.attempts[attempt].phase {
            _ if PLAIN => self.complete(attempt, true),
            Phase::Answered(ok) => self.complete(attempt, ok),
            // A crash of its host has cut it off.
            phase if phase != Phase::Serving => return,
            _ if self.downstream.is_some() => self.call_on(attempt),
            _ => self.complete(attempt, true),
        }
        self.serve_waiting(host);
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
        let host = self.attempts[attempt].host;
        let done = self.done_by(host, 0);
        if done > now {
            // The service stands still.
            self.attempts[attempt].phase = Phase::Answered(ok);
            let token = self.token(attempt);
            self.agenda.schedule(Cause::Finish, done, token);
            return;
        }
        self.complete(attempt, ok);
        self.serve_waiting(host);
    }

    /// All work on an attempt is done, that of the next service `below` included.
    #[inline(always)]
    pub(super) fn complete(&mut self, attempt: u32, below: bool) {
        if PLAIN || !self.frees_server() {
            self.leave_server(attempt);
        }
        let Attempt { call, host, .. } = self.attempts[attempt];
        let call = &mut self.calls[call];
        let (again, group) = (call.worked, call.group);
        call.worked = true;
        self.note(group, |r| r.counts.duplicates += u64::from(again));
        let reply = match self.effects {
            None if PLAIN => Some(Reply::Ok),
            None => Some(self.outcome(attempt, below)),
            Some(_) => self.take_effect(attempt),
        };
        let now = self.now;
        let faults = match PLAIN {
            true => &mut self.faults,
            false => faults_of(&mut self.faults, &mut self.hosts, host),
        };
        let (error, lose) = match faults.calm(now) {
            true => (0.0, 0.0),
            false => {
                let state = faults.state(now);
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
        self.note_attempt(attempt, |r| r.counts.double_effects += u64::from(again));
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
        let Attempt {
            since,
            awaited,
            host,
            ..
        } = self.attempts[attempt];
        self.note_attempt(attempt, |r| r.served(since, !awaited));
        self.shift(host, 0, -1);
        if !PLAIN && let Some(hosts) = &mut self.hosts {
            hosts.tally.served(host, since, self.now);
        }
    }

    /// Starts attempts that wait at a host while it has servers free.
    #[inline]
    pub(super) fn serve_waiting(&mut self, host: u16) {
        if !PLAIN && self.crashing {
            return; // Whatever waits is about to fail as well.
        }
        while self.waiting(host) > 0 && self.may_start(host) {
            let Some(attempt) = self.next_in_line(host) else {
                return;
            };
            let since = self.attempts[attempt].since;
            if self.drop_expired && !self.attempts[attempt].awaited {
                self.note_attempt(attempt, |r| r.counts.dropped += 1);
                self.through(attempt);
            } else if !PLAIN && self.drops(since, host) {
                self.reply(attempt, Reply::Failed(Failure::Rejected));
            } else {
                self.start(attempt);
            }
        }
    }

    /// Whether the queue of a host drops an attempt that has just come to its head.
    #[inline]
    fn drops(&mut self, since: u64, host: u16) -> bool {
        let (now, waiting) = (self.now, self.waiting(host));
        queue_of(&mut self.queue, &mut self.hosts, host).drops(since, now, waiting)
    }

    pub(super) fn next_in_line(&mut self, host: u16) -> Option<u32> {
        let (attempts, calls) = (&mut self.attempts, &mut self.calls);
        let queue = match PLAIN {
            true => &mut self.queue,
            false => queue_of(&mut self.queue, &mut self.hosts, host),
        };
        let attempt = queue.pop(self.now, |slot| release(attempts, calls, slot))?;
        self.leaves_queue(attempt);
        Some(attempt)
    }

    /// An attempt no longer waits.
    #[inline(always)]
    fn leaves_queue(&mut self, attempt: u32) {
        let Attempt { since, host, .. } = self.attempts[attempt];
        self.note_attempt(attempt, |r| r.left_queue(since));
        self.shift(host, -1, 0);
        if !PLAIN && let Some(hosts) = &mut self.hosts {
            hosts.tally.waited(host, since, self.now);
        }
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
                self.note_attempt(attempt, |r| r.counts.cancelled += 1);
                self.leaves_queue(attempt);
                self.attempts[attempt].phase = Phase::Withdrawn;
                let host = self.attempts[attempt].host;
                let (attempts, calls) = (&mut self.attempts, &mut self.calls);
                let queue = queue_of(&mut self.queue, &mut self.hosts, host);
                queue.note_gone(|slot| release(attempts, calls, slot));
            }
            phase @ (Phase::Calling | Phase::Serving) if self.cancel == Cancel::All => {
                self.note_attempt(attempt, |r| r.counts.cancelled += 1);
                let host = self.attempts[attempt].host;
                if phase == Phase::Calling {
                    self.outbox.push_back(Message::Abandon(attempt));
                } else if let Some(race) = &mut self.race {
                    race.leave(attempt, self.now, &mut self.service_rng);
                    self.agenda.set_next(Cause::Finish, race.finish());
                }
                self.cut_off(attempt);
                self.through(attempt);
                self.serve_waiting(host);
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
        let now = self.now;
        let classes = self.hosts.as_ref().map_or(0, |hosts| hosts.classes.len());
        for class in 0..=classes {
            let faults = match (class.checked_sub(1), &mut self.hosts) {
                (Some(own), Some(hosts)) => &mut hosts.classes[own],
                _ => &mut self.faults,
            };
            if faults.next_edge() > now {
                continue;
            }
            let begins = faults.pass_edge(now);
            let hosts = self.hosts_of(class as u16);
            self.crashing = true;
            if begins.crash {
                self.fail_all(class as u16, &hosts);
            }
            if begins.clear {
                for host in hosts.clone() {
                    self.empty_queue(host, Failure::Rejected);
                }
            }
            self.crashing = false;
            for host in hosts {
                self.serve_waiting(host);
            }
        }
        self.agenda.set_next(Cause::Fault, self.next_edge());
    }

    /// The hosts that a class of faults hits.
    fn hosts_of(&self, class: u16) -> Vec<u16> {
        match &self.hosts {
            None => vec![0],
            Some(hosts) => {
                let numbered = (0..).zip(&hosts.all);
                let own = numbered.filter(|(_, host)| host.class == class);
                own.map(|(host, _)| host).collect()
            }
        }
    }

    /// Everything queued or in service at some hosts, all of one class, fails at once: those
    /// in service first, in the order in which they began, then those that wait.
    fn fail_all(&mut self, class: u16, hosts: &[u16]) {
        let mut served = Vec::new();
        match &self.hosts {
            None => {
                while let Some(attempt) = self.next_in_service() {
                    served.push(attempt);
                }
            }
            // What has been scheduled for them finds them ended.
            Some(hosts) => {
                let cut = |attempt: &Attempt| {
                    let inside = matches!(attempt.phase, Phase::Serving | Phase::Answered(_));
                    inside && hosts.all[attempt.host as usize].class == class
                };
                let all = (0..).zip(&self.attempts.records);
                served.extend(all.filter(|(_, a)| cut(a)).map(|(slot, _)| slot));
            }
        }
        served.sort_by_key(|attempt| self.attempts[*attempt].since);
        for attempt in served {
            self.cut_off(attempt);
            self.reply(attempt, Reply::Failed(Failure::Reset));
        }
        for host in hosts {
            self.empty_queue(*host, Failure::Reset);
        }
        if !PLAIN && self.downstream.is_some() {
            for attempt in 0..self.attempts.records.len() as u32 {
                let record = &self.attempts[attempt];
                let own = |hosts: &Hosts| hosts.all[record.host as usize].class == class;
                if record.phase == Phase::Calling && self.hosts.as_ref().is_none_or(own) {
                    self.outbox.push_back(Message::Abandon(attempt));
                    self.cut_off(attempt);
                    self.reply(attempt, Reply::Failed(Failure::Reset));
                }
            }
        }
    }

    /// Everything that waits at a host fails.
    fn empty_queue(&mut self, host: u16, failure: Failure) {
        while self.waiting(host) > 0 {
            let Some(attempt) = self.next_in_line(host) else {
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
