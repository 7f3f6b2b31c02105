//! The fast path: an attempt is one event.
//!
//! # Why that is enough
//! In a pool that serves first come, first served, the fate of an attempt is known the
//! moment it arrives (Kiefer and Wolfowitz, "On the theory of queues with many servers",
//! 1955): it starts when the earliest server is free, or at once, and is done a draw of the
//! service time later; nothing that arrives after it changes that. A crash, known in
//! advance, cuts it short; a stall puts its start off and stretches its work. So whether and
//! when its caller hears of it is known as well, and with it when the next attempt of the
//! call comes, or when the call ends. What happens in between is no event: it is entered in
//! the [`Ledger`] ahead of its time.
//!
//! An outcome is an event, at its own instant, only where it decides something that depends
//! on the order of outcomes: every budget, whose last token belongs to whoever fails first,
//! and delays that are neither all the same nor drawn, after which retries that come in the
//! same nanosecond are sent in the order in which their calls failed.
//!
//! # What follows
//! - Starts rise, so those that wait are a ring of the times at which they leave the queue;
//!   its length is the queue's. Who leaves early (`cancel = "queued"`, `drop_expired`) does so
//!   in that order too, where attempts come due in the order in which they were sent.
//! - Of the servers nothing is known but when the busy ones will be free.
//! - Retries after a constant delay come in rings, one for timeouts and one for what is turned
//!   away; all others in a calendar.
//!
//! The law is that of the event engine, the random numbers are those of the same purposes,
//! drawn in another order. Calls that do not depend on what becomes of others come at the
//! same instants on both paths.

use crate::dist::{Dist, Exponentials, happens};
use crate::herd::arrival::Arrivals;
use crate::herd::backoff::{self, Backoffs};
use crate::herd::book::{Book, Outcome};
use crate::herd::budget::Budgets;
use crate::herd::calendar::{Calendar, NEVER, Timed};
use crate::herd::fault::Faults;
use crate::herd::fine::Fine;
use crate::herd::ledger::Ledger;
use crate::herd::path::Path;
use crate::herd::ring::Ring;
use crate::herd::servers::{Servers, joining};
use crate::herd::site::Site;
use crate::herd::tier::{Kind, is_plain};
use crate::scenario::Scenario;
use crate::scenario::action::{Action, ActionKind};
use crate::scenario::callers::Callers;
use crate::scenario::fault::{Fault, FaultKind};
use crate::scenario::policy::{Failure, Jitter, Policy};
use crate::scenario::service::{Cancel, Discipline};
use crate::streams::{Purpose, Stream, Streams};
use crate::units::Nanos;

/// The longest run that is counted ahead of its time: what lies far ahead takes a cell for
/// every 10 ms up to it.
pub(crate) const LONGEST_AHEAD: Nanos = Nanos(3_600_000_000_000);

/// Whether the fates of a scenario's attempts are known as they arrive: one pool, first
/// come, first served, and nothing that takes back what was begun.
///
/// The way to the service takes as long for all, and no longer than anyone waits: an attempt
/// would else be given up before it arrives. Who cancels has to leave the queue in the order
/// of arrival: after as long each. A loss of capacity is left to the event engine: when a
/// server may start would then depend on how many others are busy. Of what is done about
/// faults so are a queue that is cleared, and servers that leave again; those that come for
/// good are servers that are free from then on.
pub(super) fn fits(scenario: &Scenario, policy: &Policy) -> bool {
    if !is_plain(scenario, policy) {
        return false;
    }
    let service = &scenario.services[0];
    let actions = || scenario.actions.iter().filter(|_| policy.acts);
    let policy = scenario.policy_of(0, policy);
    let arrives = match (scenario.network.out.constant(), policy.deadline) {
        (Some(Nanos::ZERO), _) => true,
        (Some(out), None) => policy.timeout.is_none_or(|timeout| out <= timeout),
        _ => false,
    };
    let leaves_in_order = match service.cancel {
        Cancel::None => true,
        Cancel::Queued => policy.deadline.is_none(),
        Cancel::All => false,
    };
    let lost = |fault: &Fault| matches!(fault.kind, FaultKind::Capacity(_));
    let comes = |action: &Action| match action.kind {
        ActionKind::Scale(x) => x.0 >= 1.0 && action.lasts.is_none(),
        ActionKind::Clear => false,
        _ => true,
    };
    let scales = actions().filter(|a| matches!(a.kind, ActionKind::Scale(_)));
    scenario.run.horizon <= LONGEST_AHEAD
        && service
            .pool()
            .is_some_and(|pool| pool.discipline == Discipline::Fifo)
        && service.effect.is_none()
        && arrives
        && leaves_in_order
        && !scenario.faults.iter().any(lost)
        && actions().all(comes)
        && scales.count() <= 1
}

/// A replication of a scenario that fits, which has yet to happen.
pub(super) fn begin<'s>(
    scenario: &'s Scenario,
    policy: &'s Policy,
    kind: Kind<'_>,
    streams: Streams,
) -> Box<dyn Path<'s> + 's> {
    let stateful = matches!(
        policy.jitter,
        Jitter::Decorrelated | Jitter::Compounding(_) | Jitter::Polly
    );
    if policy.budget.is_some() || stateful || backoff::may_coincide(policy) {
        Box::new(Resolver::<Memory>::new(scenario, policy, kind, streams))
    } else {
        Box::new(Resolver::<()>::new(scenario, policy, kind, streams))
    }
}

/// What not every call has to remember of its attempts.
#[derive(Clone, Copy, Default)]
struct Memory {
    /// What the jitter feeds back.
    jitter: u64,
    /// What the last retry was paid for.
    retried: Option<Failure>,
}

/// Calls that remember that, or nothing.
trait Remember: Copy + Default + Send + Sync {
    /// Whether there may be a budget.
    const ALL: bool;
    fn recall(&self) -> Memory;
    fn keep(&mut self, memory: Memory);
}

impl Remember for Memory {
    const ALL: bool = true;
    fn recall(&self) -> Memory {
        *self
    }
    fn keep(&mut self, memory: Memory) {
        *self = memory;
    }
}

impl Remember for () {
    const ALL: bool = false;
    fn recall(&self) -> Memory {
        Memory::default()
    }
    fn keep(&mut self, _: Memory) {}
}

/// A call, whose next attempt reaches the service at `time`.
#[derive(Clone, Copy, Default)]
struct Visit<M> {
    time: u64,
    started: u64,
    /// When the service is first done with the work of this call; 0 if it never is.
    done: u64,
    caller: u32,
    /// Attempts sent, this one included.
    tries: u32,
    memory: M,
}

impl<M: Copy> Timed for Visit<M> {
    fn time(&self) -> u64 {
        self.time
    }
}

/// A call that hears at `call.time` what has become of its attempt: no failure, or which.
#[derive(Clone, Copy, Default)]
struct Heard<M> {
    call: Visit<M>,
    failure: Option<Failure>,
}

/// What a service makes of an attempt, and when.
struct Reply {
    failure: Option<Failure>,
    at: u64,
}

impl Reply {
    /// There is none.
    const NEVER: Reply = Reply {
        failure: None,
        at: NEVER,
    };

    fn failed(failure: Failure, at: u64) -> Reply {
        Reply {
            failure: Some(failure),
            at,
        }
    }
}

impl<M: Copy> Timed for Heard<M> {
    fn time(&self) -> u64 {
        self.call.time
    }
}

/// What happens next, in the order in which simultaneous events run: as the event engine has
/// it, where what failed first is tried again first.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Source {
    /// The outcome of an attempt, where that decides something.
    Heard,
    /// An attempt that was waited for in vain, where that does.
    Expired,
    /// A retry that comes in no order: after a random delay, an error or a reset.
    Retry,
    /// Retries after a constant delay come in order after failures of one kind, timeouts or
    /// what is turned away: these after the kind of which simultaneous ones happen first.
    Sooner,
    /// And these after the other.
    Later,
    /// A first attempt that comes out of the network.
    First,
    /// The same as [`Source::Expired`], where attempts come out of the network: before it.
    Overdue,
    /// A call starts.
    Call,
}

const SOURCES: [Source; 8] = [
    Source::Heard,
    Source::Expired,
    Source::Retry,
    Source::Sooner,
    Source::Later,
    Source::First,
    Source::Overdue,
    Source::Call,
];

/// Draws of a service time.
#[derive(Clone)]
enum Work<'s> {
    Exponential { mean: f64, draws: Box<Exponentials> },
    Any(&'s Dist),
}

impl Work<'_> {
    fn of(law: &Dist) -> Work<'_> {
        match law {
            Dist::Exp { mean } => Work::Exponential {
                mean: mean.0 as f64,
                draws: Box::default(),
            },
            law => Work::Any(law),
        }
    }

    #[inline]
    fn draw(&mut self, rng: &mut Stream) -> u64 {
        match self {
            // Through i64, which converts in fewer instructions than u64.
            Work::Exponential { mean, draws } => (*mean * draws.next(rng) + 0.5) as i64 as u64,
            Work::Any(law) => law.sample(rng).0,
        }
    }
}

#[derive(Clone)]
struct Resolver<'s, M> {
    scenario: &'s Scenario,
    policy: &'s Policy,
    callers: &'s Callers,
    events: u64,
    horizon: u64,
    timeout: u64,
    deadline: u64,
    room: usize,
    drop_expired: bool,
    cancels: bool,
    /// The way to the service, and back where that always takes as long.
    out: u64,
    back: &'s Dist,
    back_ns: Option<u64>,
    /// The delay of a retry, where that is always the same.
    delay: Option<u64>,
    /// Whether there is a budget; whether outcomes are events: failures, and answers too.
    budgeted: bool,
    in_order: bool,
    follows_answers: bool,
    /// When crashes begin, the next one last.
    crashes: Vec<u64>,
    crash: u64,
    /// Until when no fault has anything to do with an attempt that arrives.
    calm_until: u64,
    heads: [u64; 8],
    /// What those are that were waited for in vain.
    expiry: Source,
    /// Whether the actions of the scenario are taken.
    acts: bool,
    arrivals: Arrivals,
    expired: Ring<Heard<M>>,
    heard: Calendar<Heard<M>>,
    rings: [Ring<Visit<M>>; 3],
    retries: Calendar<Visit<M>>,
    servers: Servers,
    /// When more servers come, in order.
    joining: Vec<u64>,
    /// When those that wait leave the queue, the first of them, and how many they are.
    waiting: Ring<u64>,
    next_leaves: u64,
    queue: usize,
    work: Work<'s>,
    faults: Faults,
    backoff: Backoffs,
    budgets: Budgets,
    ledger: Ledger,
    service_rng: Stream,
    network_rng: Stream,
    backoff_rng: Stream,
    fault_rng: Stream,
}

impl<'s, M: Remember> Resolver<'s, M> {
    fn new(
        scenario: &'s Scenario,
        policy: &'s Policy,
        kind: Kind<'_>,
        streams: Streams,
    ) -> Resolver<'s, M> {
        let service = &scenario.services[0];
        let pool = match service.pool() {
            Some(pool) => pool,
            None => unreachable!("what fits has a pool"),
        };
        let site = Site {
            scenario,
            tier: 0,
            acts: kind.acts,
            group: None,
        };
        let actions = site.actions();
        let faults = Faults::new(&scenario.those_at(0, kind.faults), &actions);
        let mut crashes = faults.crashes();
        crashes.reverse();
        let budgets = Budgets::new(policy.budget.as_ref(), scenario.callers().clients);
        let network = &scenario.network;
        let joining = joining(&actions, pool.servers);
        let singly = scenario.actions.iter().any(Action::is_pause);
        let book = Book::of(site, kind.is_twin, streams.replication);
        let stream = |purpose| streams.stream(purpose);
        let mut backoff_rng = stream(Purpose::Backoff);
        let backoff = Backoffs::new(policy);
        let any = Failure::Timeout;
        let delay = || backoff.delay(policy, 1, any, &mut 0, &mut backoff_rng);
        let delay = backoff::is_constant(policy).then(delay);
        // Calls and retries come about as often as the servers can answer.
        let grain = 8e9 / service.capacity_per_s();
        let mut resolver = Resolver {
            scenario,
            events: 0,
            policy,
            callers: scenario.callers(),
            horizon: scenario.run.horizon.0,
            timeout: policy.timeout.map_or(NEVER, |timeout| timeout.0),
            deadline: policy.deadline.map_or(NEVER, |deadline| deadline.0),
            room: pool.queue as usize,
            drop_expired: pool.drop_expired,
            cancels: service.cancel == Cancel::Queued,
            out: network.out.constant().map_or(0, |out| out.0),
            back: &network.back,
            back_ns: network.back.constant().map(|back| back.0),
            delay,
            budgeted: !budgets.is_unlimited(),
            in_order: !budgets.is_unlimited() || backoff::may_coincide(policy),
            follows_answers: budgets.follows_answers(),
            crash: crashes.pop().unwrap_or(NEVER),
            crashes,
            calm_until: 0,
            heads: std::array::from_fn(|i| NEVER << 3 | i as u64),
            expiry: match network.out.constant() {
                Some(Nanos::ZERO) => Source::Expired,
                _ => Source::Overdue,
            },
            acts: kind.acts,
            arrivals: Arrivals::new(
                scenario.callers(),
                kind.faults,
                &actions,
                (streams, 0),
                (false, singly),
            ),
            expired: Ring::new(),
            heard: Calendar::new(grain),
            rings: std::array::from_fn(|_| Ring::new()),
            retries: Calendar::new(grain),
            servers: Servers::new(pool.servers as usize, &joining),
            joining,
            waiting: Ring::new(),
            next_leaves: NEVER,
            queue: 0,
            work: Work::of(&pool.service_time),
            faults,
            backoff,
            budgets,
            ledger: Ledger::new(book, scenario.run.horizon.0),
            service_rng: stream(Purpose::Service),
            network_rng: stream(Purpose::Network),
            backoff_rng,
            fault_rng: stream(Purpose::Faults),
        };
        resolver.set(Source::Call, resolver.arrivals.next());
        resolver
    }

    #[inline]
    fn set(&mut self, source: Source, time: u64) {
        self.heads[source as usize] = time.min(NEVER) << 3 | source as u64;
    }

    /// Something of a source that comes in order is pushed: it is next if nothing else is.
    #[inline(always)]
    fn raise(&mut self, source: Source, time: u64) {
        let head = &mut self.heads[source as usize];
        *head = (*head).min(time << 3 | source as u64);
    }

    /// What happens next, and when.
    #[inline]
    fn next(&self) -> (u64, Source) {
        let [heard, expired, retry, sooner, later, first, overdue, call] = self.heads;
        let mut least = sooner.min(later).min(retry.min(call)).min(first);
        if M::ALL {
            least = least.min(expired.min(heard)).min(overdue);
        }
        (least >> 3, SOURCES[(least & 7) as usize])
    }

    /// Lets happen all that does before an instant.
    fn run(&mut self, until: u64) {
        let mut events = 0;
        loop {
            let (now, source) = self.next();
            if now >= until {
                break;
            }
            let budgets = &self.budgets;
            self.ledger.advance(now, |at| budgets.mean_tokens(at));
            events += 1;
            let arrives = match source {
                Source::Sooner | Source::Later | Source::First => {
                    let ring = &mut self.rings[source as usize - Source::Sooner as usize];
                    let call = ring.pop();
                    let next = ring.front().map_or(NEVER, Visit::time);
                    self.set(source, next);
                    call
                }
                Source::Call => self.begin(now),
                Source::Retry => self.take_retry(),
                Source::Heard | Source::Expired | Source::Overdue => {
                    if M::ALL {
                        self.hear(now, source);
                    }
                    None
                }
            };
            if let Some(call) = arrives {
                self.attempt(now, call);
            }
        }
        self.events += events;
    }

    /// Ends it at its horizon, or as nothing is left to happen.
    fn end(self) -> Outcome {
        let (scenario, events) = (self.scenario, self.events);
        let is_through = self.arrivals.exhausted() && self.heads.iter().all(|h| h >> 3 == NEVER);
        let site = Site {
            scenario,
            tier: 0,
            acts: self.acts,
            group: None,
        };
        let budgets = &self.budgets;
        let tokens = |at| budgets.mean_tokens(at);
        self.ledger.finish(is_through, tokens, site, events)
    }

    /// A call starts; its first attempt, if that reaches the service at once.
    #[inline(always)]
    fn begin(&mut self, now: u64) -> Option<Visit<M>> {
        let caller = self.arrivals.take();
        self.set(Source::Call, self.arrivals.next());
        let caller = caller?;
        self.ledger.call_started(now);
        if M::ALL && self.budgeted {
            self.budgets.call_started(self.callers.client(caller), now);
        }
        let call = Visit {
            time: now,
            started: now,
            done: 0,
            caller,
            tries: 0,
            memory: M::default(),
        };
        if self.out > 0 {
            self.send(call, now, Source::First);
            return None;
        }
        Some(Visit { tries: 1, ..call })
    }

    /// The next retry of those that come in no order; nothing before that is known.
    #[inline(always)]
    fn take_retry(&mut self) -> Option<Visit<M>> {
        let call = self.retries.pop();
        if call.is_none() {
            self.retries.settle();
        }
        self.set(Source::Retry, self.retries.bound());
        call
    }

    /// A call hears what has become of its attempt.
    #[inline(never)]
    fn hear(&mut self, now: u64, source: Source) {
        let heard = match source {
            Source::Expired | Source::Overdue => {
                let heard = self.expired.pop();
                let next = self.expired.front().map_or(NEVER, Heard::time);
                self.set(source, next);
                heard
            }
            _ => {
                let heard = self.heard.pop();
                if heard.is_none() {
                    self.heard.settle();
                }
                self.set(source, self.heard.bound());
                heard
            }
        };
        if let Some(Heard { call, failure }) = heard {
            self.conclude(now, call, failure);
        }
    }

    /// Sends the next attempt of a call, at an instant that is not before now.
    #[inline(always)]
    fn send(&mut self, mut call: Visit<M>, sent: u64, source: Source) {
        call.tries += 1;
        if self.out > 0 {
            self.ledger.sent(sent, call.tries);
        }
        call.time = sent.saturating_add(self.out);
        if call.time >= self.horizon {
            return;
        }
        match source {
            Source::Retry => self.retries.push(call),
            _ => self.rings[source as usize - Source::Sooner as usize].push(call),
        }
        self.raise(source, call.time);
    }

    /// An attempt reaches the service: its fate, and what comes of it.
    #[inline(always)]
    fn attempt(&mut self, now: u64, mut call: Visit<M>) {
        self.ledger.arrived(now, call.tries, self.out == 0);
        let sent = now - self.out;
        let expires = (sent + self.timeout).min(call.started + self.deadline);
        let reply = match now >= self.calm_until {
            true => self.trouble(now),
            false => None,
        };
        let reply = match reply {
            None => self.meet(now, expires, &mut call),
            Some(reply) => reply,
        };
        self.answer(now, expires, call, reply);
    }

    /// The pool has an attempt that arrives now.
    #[inline(always)]
    fn meet(&mut self, now: u64, expires: u64, call: &mut Visit<M>) -> Reply {
        while self.next_leaves <= now {
            self.waiting.pop();
            self.queue -= 1;
            self.next_leaves = self.waiting.front().copied().unwrap_or(NEVER);
        }
        // With somebody in front of it, it waits.
        let full = self.queue >= self.room;
        if full && self.queue > 0 {
            return Reply::failed(Failure::Rejected, now);
        }
        let start = self.faults.unstalled(self.servers.earliest(now));
        if start > now {
            if full {
                return Reply::failed(Failure::Rejected, now);
            }
            if let Some(reply) = self.wait(now, start, expires) {
                return reply;
            }
        }
        self.serve(now, start, expires, call)
    }

    /// What faults do to an attempt that arrives now; nothing where it gets through.
    #[cold]
    fn trouble(&mut self, now: u64) -> Option<Reply> {
        if now >= self.crash {
            self.crash(now);
        }
        self.faults.seek(now);
        let state = *self.faults.state(now);
        self.calm_until = match state.vanish + state.refuse + state.reject == 0.0 {
            true => self.faults.holds_until().min(self.crash),
            false => 0,
        };
        if happens(state.vanish, &mut self.fault_rng) {
            Some(Reply::NEVER)
        } else if happens(state.refuse, &mut self.fault_rng) {
            Some(Reply::failed(Failure::Refused, now))
        } else if happens(state.reject, &mut self.fault_rng) {
            Some(Reply::failed(Failure::Rejected, now))
        } else {
            None
        }
    }

    /// An attempt that arrives now waits for a server, from `start` on; its reply, if it
    /// leaves without being served.
    #[inline(always)]
    fn wait(&mut self, now: u64, start: u64, expires: u64) -> Option<Reply> {
        let cancelled = match self.cancels {
            true => expires + self.out,
            false => NEVER,
        };
        let leaves = start.min(cancelled).min(self.crash);
        // A wish to cancel that comes out of the network does so after attempts.
        let room_from = leaves + u64::from(leaves < start && self.out > 0);
        self.waiting.push(room_from);
        self.queue += 1;
        self.next_leaves = self.next_leaves.min(room_from);
        self.ledger.joins(now);
        let expired = self.drop_expired && start > expires;
        match leaves == self.crash || leaves < start || expired {
            true => Some(self.leave(now, leaves, leaves < start)),
            false => None,
        }
    }

    /// An attempt that joined the queue now leaves it at `time`: the service crashes, or it is
    /// cancelled, or dropped.
    #[cold]
    fn leave(&mut self, now: u64, time: u64, cancelled: bool) -> Reply {
        self.ledger.leaves(now, time);
        if time == self.crash {
            return Reply::failed(Failure::Reset, time);
        }
        if time < self.horizon {
            let sums = self.ledger.sums(time);
            match cancelled {
                true => sums.cancelled += 1,
                false => sums.dropped += 1,
            }
        }
        Reply::NEVER
    }

    /// A server takes an attempt that arrived now.
    #[inline(always)]
    fn serve(&mut self, now: u64, start: u64, expires: u64, call: &mut Visit<M>) -> Reply {
        let mut work = self.work.draw(&mut self.service_rng);
        if !self.faults.calm_at(start) {
            work = self.faults.slowed(start, work);
        }
        let done = self.faults.done_by(start, work);
        self.servers.take(start, done);
        let until = done.min(self.crash);
        self.ledger.serves(now, start, until, expires < until);
        if until == self.crash {
            return Reply::failed(Failure::Reset, until);
        }
        match call.done {
            0 => call.done = done.max(1),
            first => {
                let again = done.max(first);
                self.ledger.sums(again).duplicates += u64::from(again < self.horizon);
                call.done = done.min(first);
            }
        }
        match self.faults.calm_at(done) {
            true => Reply {
                failure: None,
                at: done,
            },
            false => self.spoil(done),
        }
    }

    /// What faults make of work that is done then.
    #[cold]
    fn spoil(&mut self, done: u64) -> Reply {
        let then = self.faults.then(done);
        if happens(then.lose, &mut self.fault_rng) {
            return Reply::NEVER; // Whatever the answer was.
        }
        let failure = happens(then.error, &mut self.fault_rng).then_some(Failure::Error);
        Reply { failure, at: done }
    }

    /// A reply goes back to a caller who waits until `expires`.
    #[inline(always)]
    fn answer(&mut self, now: u64, expires: u64, mut call: Visit<M>, reply: Reply) {
        let Reply {
            mut failure,
            mut at,
        } = reply;
        match self.back_ns {
            Some(back) => at += back,
            None if at <= expires => at = self.came_back(at),
            None => {}
        }
        if at > expires {
            (failure, at) = (Some(Failure::Timeout), expires);
        }
        if at >= self.horizon {
            return;
        }
        let matters = M::ALL
            && match failure {
                None => self.follows_answers,
                Some(failure) => self.in_order && at > now && self.is_retried(&call, failure),
            };
        if !matters {
            return self.conclude(at, call, failure);
        }
        call.time = at;
        let heard = Heard { call, failure };
        if failure == Some(Failure::Timeout) && self.deadline == NEVER {
            self.expired.push(heard);
            self.raise(self.expiry, at);
        } else {
            self.heard.push(heard);
            self.raise(Source::Heard, self.heard.bound());
        }
    }

    /// When a reply arrives that is sent at `at`, where that takes a random time.
    #[inline(never)]
    fn came_back(&mut self, at: u64) -> u64 {
        at.saturating_add(self.back.sample(&mut self.network_rng).0)
    }

    /// The crash has come: nobody waits, and no server is busy.
    #[cold]
    fn crash(&mut self, now: u64) {
        self.waiting.clear();
        (self.queue, self.next_leaves) = (0, NEVER);
        while self.crash <= now {
            let come = self.joining.partition_point(|time| *time <= now);
            let all = self.servers.all - (self.joining.len() - come);
            self.servers = Servers::new(all, &self.joining[come..]);
            self.crash = self.crashes.pop().unwrap_or(NEVER);
        }
    }

    #[inline(always)]
    fn is_retried(&self, call: &Visit<M>, failure: Failure) -> bool {
        call.tries < self.policy.attempts && self.policy.retry_on.contains(failure)
    }

    /// An attempt of a call has ended, well or not: the call is tried again, or ends as well.
    #[inline(always)]
    fn conclude(&mut self, time: u64, mut call: Visit<M>, failure: Option<Failure>) {
        if let Some(failure) = failure {
            self.ledger.failed(failure, time);
            if self.is_retried(&call, failure)
                && let Some(sent) = self.next_try(time, &mut call, failure)
            {
                let source = self.source(failure);
                return self.send(call, sent, source);
            }
        } else if M::ALL && self.follows_answers {
            let client = self.callers.client(call.caller);
            let retried = call.memory.recall().retried;
            self.budgets.call_succeeded(client, retried, time);
        }
        let ok = failure.is_none();
        self.ledger
            .ended(call.started, time, ok, ok && call.tries == 1);
        if self.arrivals.ended(call.caller, time) {
            self.set(Source::Call, self.arrivals.next());
        }
    }

    /// When a call is tried again whose attempt has failed; nothing where deadline or budget
    /// do not let it.
    #[inline(always)]
    fn next_try(&mut self, time: u64, call: &mut Visit<M>, failure: Failure) -> Option<u64> {
        let sent = match self.delay {
            Some(delay) => time + delay,
            None => self.after_backoff(time, call, failure),
        };
        if sent >= call.started + self.deadline {
            return None;
        }
        if M::ALL && self.budgeted {
            let client = self.callers.client(call.caller);
            if !self.budgets.withdraw(client, failure, time) {
                self.ledger.denied(call.started, time);
                return None;
            }
            let memory = call.memory.recall();
            call.memory.keep(Memory {
                retried: Some(failure),
                ..memory
            });
        }
        Some(sent)
    }

    #[inline(never)]
    fn after_backoff(&mut self, time: u64, call: &mut Visit<M>, failure: Failure) -> u64 {
        let mut memory = call.memory.recall();
        let (state, rng) = (&mut memory.jitter, &mut self.backoff_rng);
        let delay = self
            .backoff
            .delay(self.policy, call.tries, failure, state, rng);
        call.memory.keep(memory);
        time.saturating_add(delay)
    }

    /// Where retries after a failure come from.
    #[inline(always)]
    fn source(&self, failure: Failure) -> Source {
        let turned_away = match failure {
            _ if self.delay.is_none() => return Source::Retry,
            // Where outcomes are events they come in order, whatever they are.
            _ if M::ALL && self.in_order => return Source::Sooner,
            Failure::Rejected | Failure::Refused if self.back_ns.is_some() => true,
            Failure::Timeout if self.deadline == NEVER => false,
            _ => return Source::Retry,
        };
        // What comes out of the network does so before timeouts, all else is done after them.
        let at_once = self.out == 0 && self.back_ns == Some(0);
        match turned_away == at_once {
            true => Source::Later,
            false => Source::Sooner,
        }
    }
}

impl<'s, M: Remember + 's> Path<'s> for Resolver<'s, M> {
    fn until(&mut self, time: u64) {
        self.run(time);
        let budgets = &self.budgets;
        // Who all are through end a run before its horizon.
        if time < self.horizon {
            self.ledger.advance(time, |at| budgets.mean_tokens(at));
        }
    }

    fn levels(&self) -> [u32; 2] {
        self.ledger.levels()
    }

    fn reseed(&mut self, streams: Streams) {
        self.service_rng = streams.stream(Purpose::Service);
        self.network_rng = streams.stream(Purpose::Network);
        self.backoff_rng = streams.stream(Purpose::Backoff);
        self.fault_rng = streams.stream(Purpose::Faults);
        self.arrivals.reseed(streams, 0);
        if let Work::Exponential { draws, .. } = &mut self.work {
            **draws = Exponentials::new();
        }
    }

    fn act(&mut self, actions: &[Action], now: u64, streams: Streams) {
        self.faults.act(actions, now);
        self.faults.seek(now);
        self.calm_until = 0;
        self.arrivals.act(actions, streams, 0);
    }

    fn forget(&mut self) {
        self.ledger.forget();
    }

    fn fine(&self) -> &Fine {
        self.ledger.fine()
    }

    fn copy(&self) -> Box<dyn Path<'s> + 's> {
        Box::new(self.clone())
    }

    fn finish(self: Box<Self>) -> Outcome {
        self.end()
    }
}
