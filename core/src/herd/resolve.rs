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
//! - Of several hosts each is such a pool. Which one an attempt goes to is decided as it
//!   arrives; where that depends on attempts in flight, it is known of each up to when it is.
//! - Retries after a constant delay come in rings, one for timeouts and one for what is turned
//!   away; all others in a calendar.
//!
//! The law is that of the event engine, the random numbers are those of the same purposes,
//! drawn in another order. Calls that do not depend on what becomes of others come at the
//! same instants on both paths.

use crate::dist::{Dist, Exponentials, happens};
use crate::herd::arrival::Arrivals;
use crate::herd::backoff::{self, Backoffs};
use crate::herd::balance::{Balancer, Sight};
use crate::herd::book::{Book, Outcome};
use crate::herd::budget::Budgets;
use crate::herd::calendar::{Calendar, NEVER, Timed};
use crate::herd::census::Seen;
use crate::herd::counts::Counts;
use crate::herd::fault::Faults;
use crate::herd::fine::Fine;
use crate::herd::hosts::{HostTally, Strips};
use crate::herd::ledger::Ledger;
use crate::herd::path::Path;
use crate::herd::ring::Ring;
use crate::herd::servers::joining;
use crate::herd::site::Site;
use crate::herd::station::{Fleet, Flight, Station, station_of};
use crate::herd::tier::{Kind, is_simple};
use crate::herd::visit::{Heard, Memory, Remember, Reply, SOURCES, Source, Visit};
use crate::scenario::Scenario;
use crate::scenario::action::{Action, ActionKind};
use crate::scenario::callers::Callers;
use crate::scenario::fault::{Fault, FaultKind};
use crate::scenario::hosts::Balance;
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
    if !is_simple(scenario, policy) {
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
        && fits_hosts(scenario, policy)
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

/// The most hosts of which each has the instants of its faults on the fast path.
const MOST_HOSTS: u32 = 256;

/// Whether the host of an attempt is known as it arrives: nobody learns from answers which to
/// avoid, and where attempts in flight are counted they take no time to arrive.
fn fits_hosts(scenario: &Scenario, policy: &Policy) -> bool {
    let service = &scenario.services[0];
    let Some(hosts) = &service.hosts else {
        return true;
    };
    let least = matches!(hosts.balance, Balance::Least(_) | Balance::LeastOfAll);
    let at_once = scenario.network.out.constant() == Some(Nanos::ZERO);
    hosts.count <= MOST_HOSTS && !policy.elsewhere && policy.eject.is_none() && (at_once || !least)
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
    let remembers = policy.budget.is_some() || stateful || backoff::may_coincide(policy);
    match (remembers, scenario.entry().hosts.is_some()) {
        (true, false) => of::<Memory, false>(scenario, policy, kind, streams),
        (false, false) => of::<(), false>(scenario, policy, kind, streams),
        (true, true) => of::<Memory, true>(scenario, policy, kind, streams),
        (false, true) => of::<(), true>(scenario, policy, kind, streams),
    }
}

fn of<'s, M: Remember + 's, const MANY: bool>(
    scenario: &'s Scenario,
    policy: &'s Policy,
    kind: Kind<'_>,
    streams: Streams,
) -> Box<dyn Path<'s> + 's> {
    Box::new(Resolver::<M, MANY>::new(scenario, policy, kind, streams))
}

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
struct Resolver<'s, M, const MANY: bool> {
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
    /// The host, or the first of several.
    station: Station,
    fleet: Option<Fleet>,
    work: Work<'s>,
    backoff: Backoffs,
    budgets: Budgets,
    ledger: Ledger,
    service_rng: Stream,
    network_rng: Stream,
    backoff_rng: Stream,
    fault_rng: Stream,
}

impl<'s, M: Remember, const MANY: bool> Resolver<'s, M, MANY> {
    fn new(
        scenario: &'s Scenario,
        policy: &'s Policy,
        kind: Kind<'_>,
        streams: Streams,
    ) -> Resolver<'s, M, MANY> {
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
        let own_faults = scenario.those_at(0, kind.faults);
        let hosts = service.host_count();
        let joining = joining(&actions, pool.servers);
        let station = |host: u32| {
            let hit = |fault: &&Fault| fault.hits_host(host, hosts);
            let faults: Vec<Fault> = own_faults.iter().filter(hit).cloned().collect();
            let faults = Faults::new(&faults, &actions);
            Station::new(pool.servers, joining.clone(), faults)
        };
        let clients = scenario.callers().clients;
        let budgets = Budgets::new(policy.budget.as_ref(), clients);
        let network = &scenario.network;
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
        let run = &scenario.run;
        let shows = !kind.is_twin && streams.replication == 0;
        let strips = shows.then(|| Strips::new(hosts, run.horizon.0, run.bin.0));
        let balancer = Balancer::new(service, stream(Purpose::Balance));
        let fleet = balancer.map(|balancer| Fleet {
            others: (1..hosts).map(station).collect(),
            balancer,
            sight: Sight::new(policy, service, clients),
            tally: HostTally::new(hosts, strips, run.warmup.0),
            flying: Calendar::new(grain),
        });
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
            station: station(0),
            fleet,
            work: Work::of(&pool.service_time),
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

    /// Lets happen all that does before an instant, at most so many events; returns how many.
    fn run(&mut self, until: u64, most: u64) -> u64 {
        let mut left = most;
        while left > 0 {
            let (now, source) = self.next();
            if now >= until {
                break;
            }
            let budgets = &self.budgets;
            self.ledger.advance(now, |at| budgets.mean_tokens(at));
            left -= 1;
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
        self.events += most - left;
        most - left
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
        let mut outcome = self.ledger.finish(is_through, tokens, site, events);
        if let Some(fleet) = self.fleet {
            outcome.has_hosts(fleet.tally);
        }
        outcome
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
            Source::Retry => self.retries.push_here(call),
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
        let host = if MANY { self.pick(now, call.caller) } else { 0 };
        let station = station_of::<MANY>(&mut self.station, &mut self.fleet, host);
        let reply = match now >= station.calm_until {
            true => trouble(station, now, &mut self.fault_rng),
            false => None,
        };
        let reply = match reply {
            None => self.meet(now, host, expires, &mut call),
            Some(reply) => reply,
        };
        self.answer(now, host, expires, call, reply);
    }

    /// The host of an attempt of a caller that arrives now.
    #[inline(never)]
    fn pick(&mut self, now: u64, caller: u32) -> u16 {
        let Some(fleet) = &mut self.fleet else {
            return 0;
        };
        let client = match fleet.balancer.is_local() {
            true => self.callers.client(caller),
            false => 0,
        };
        let host = fleet.pick(client, caller, now);
        fleet.tally.arrives(host, now);
        host
    }

    /// A host has an attempt that arrives now.
    #[inline(always)]
    fn meet(&mut self, now: u64, host: u16, expires: u64, call: &mut Visit<M>) -> Reply {
        let station = station_of::<MANY>(&mut self.station, &mut self.fleet, host);
        station.pass(now);
        // With somebody in front of it, it waits.
        let full = station.queue >= self.room;
        if full && station.queue > 0 {
            return Reply::failed(Failure::Rejected, now);
        }
        let start = station.faults.unstalled(station.servers.earliest(now));
        if start > now {
            if full {
                return Reply::failed(Failure::Rejected, now);
            }
            if let Some(reply) = self.wait(now, host, start, expires) {
                return reply;
            }
        }
        self.serve(now, host, start, expires, call)
    }

    /// An attempt that arrives now waits for a server, from `start` on; its reply, if it
    /// leaves without being served.
    #[inline(always)]
    fn wait(&mut self, now: u64, host: u16, start: u64, expires: u64) -> Option<Reply> {
        let cancelled = match self.cancels {
            true => expires + self.out,
            false => NEVER,
        };
        let station = station_of::<MANY>(&mut self.station, &mut self.fleet, host);
        let crash = station.crash;
        let leaves = start.min(cancelled).min(crash);
        // A wish to cancel that comes out of the network does so after attempts.
        station.joins(leaves + u64::from(leaves < start && self.out > 0));
        self.ledger.joins(now);
        if MANY && let Some(fleet) = &mut self.fleet {
            fleet.tally.waited(host, now, leaves.min(self.horizon));
        }
        let expired = self.drop_expired && start > expires;
        match leaves == crash || leaves < start || expired {
            true => Some(self.leave(now, leaves, leaves == crash, leaves < start)),
            false => None,
        }
    }

    /// An attempt that joined the queue now leaves it at `time`: the service crashes, or it is
    /// cancelled, or dropped.
    #[cold]
    fn leave(&mut self, now: u64, time: u64, crashes: bool, cancelled: bool) -> Reply {
        self.ledger.leaves(now, time);
        if crashes {
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

    /// A server of a host takes an attempt that arrived now.
    #[inline(always)]
    fn serve(
        &mut self,
        now: u64,
        host: u16,
        start: u64,
        expires: u64,
        call: &mut Visit<M>,
    ) -> Reply {
        let mut work = self.work.draw(&mut self.service_rng);
        let station = station_of::<MANY>(&mut self.station, &mut self.fleet, host);
        if !station.faults.calm_at(start) {
            work = station.faults.slowed(start, work);
        }
        let done = station.faults.done_by(start, work);
        station.servers.take(start, done);
        let (crash, calm) = (station.crash, station.faults.calm_at(done));
        let until = done.min(crash);
        self.ledger.serves(now, start, until, expires < until);
        if MANY && let Some(fleet) = &mut self.fleet {
            let [start, until] = [start, until].map(|time| time.min(self.horizon));
            fleet.tally.served(host, start, until);
        }
        if until == crash {
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
        match calm {
            true => Reply {
                failure: None,
                at: done,
            },
            false => self.spoil(host, done),
        }
    }

    /// What faults make of work that is done then.
    #[cold]
    fn spoil(&mut self, host: u16, done: u64) -> Reply {
        let station = station_of::<MANY>(&mut self.station, &mut self.fleet, host);
        let then = station.faults.then(done);
        if happens(then.lose, &mut self.fault_rng) {
            return Reply::NEVER; // Whatever the answer was.
        }
        let failure = happens(then.error, &mut self.fault_rng).then_some(Failure::Error);
        Reply { failure, at: done }
    }

    /// A reply goes back to a caller who waits until `expires`.
    #[inline(always)]
    fn answer(&mut self, now: u64, host: u16, expires: u64, mut call: Visit<M>, reply: Reply) {
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
        if MANY {
            self.note_host(now, host, at, call.caller, failure.is_some());
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

    /// An attempt that is sent now to a host is in flight up to an instant, and has failed then,
    /// or not.
    #[inline(never)]
    fn note_host(&mut self, now: u64, host: u16, at: u64, caller: u32, failed: bool) {
        let Some(fleet) = &mut self.fleet else {
            return;
        };
        let client = match fleet.balancer.is_local() {
            true => self.callers.client(caller),
            false => 0,
        };
        if failed && fleet.tally.counts_at(now) && (now..self.horizon).contains(&at) {
            fleet.tally.failed(host);
        }
        if at > now && fleet.balancer.counts_flying() {
            let flight = Flight {
                until: at,
                client,
                host,
            };
            fleet.fly(flight, true);
            if at < self.horizon {
                fleet.flying.push(flight);
            }
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

/// What faults do at a host to an attempt that arrives now; nothing where it gets through.
#[cold]
fn trouble(station: &mut Station, now: u64, rng: &mut Stream) -> Option<Reply> {
    if now >= station.crash {
        station.crash(now);
    }
    station.faults.seek(now);
    let state = *station.faults.state(now);
    station.calm_until = match state.vanish + state.refuse + state.reject == 0.0 {
        true => station.faults.holds_until().min(station.crash),
        false => 0,
    };
    if happens(state.vanish, rng) {
        Some(Reply::NEVER)
    } else if happens(state.refuse, rng) {
        Some(Reply::failed(Failure::Refused, now))
    } else if happens(state.reject, rng) {
        Some(Reply::failed(Failure::Rejected, now))
    } else {
        None
    }
}

impl<'s, M: Remember + 's, const MANY: bool> Path<'s> for Resolver<'s, M, MANY> {
    fn until(&mut self, time: u64, most: u64) -> u64 {
        let events = self.run(time, most);
        let budgets = &self.budgets;
        // Who all are through end a run before its horizon.
        if time < self.horizon {
            self.ledger.advance(time, |at| budgets.mean_tokens(at));
        }
        events
    }

    fn levels(&self) -> [u32; 2] {
        self.ledger.levels()
    }

    fn census(&self) -> Option<(Counts, Vec<Seen>)> {
        None
    }

    fn reseed(&mut self, streams: Streams) {
        self.service_rng = streams.stream(Purpose::Service);
        self.network_rng = streams.stream(Purpose::Network);
        self.backoff_rng = streams.stream(Purpose::Backoff);
        self.fault_rng = streams.stream(Purpose::Faults);
        self.arrivals.reseed(streams, 0);
        if let Some(fleet) = &mut self.fleet {
            fleet.balancer.reseed(streams.stream(Purpose::Balance));
        }
        if let Work::Exponential { draws, .. } = &mut self.work {
            **draws = Exponentials::new();
        }
    }

    fn act(&mut self, actions: &[Action], now: u64, streams: Streams) {
        let others = self.fleet.iter_mut().flat_map(|fleet| &mut fleet.others);
        for station in std::iter::once(&mut self.station).chain(others) {
            station.faults.act(actions, now);
            station.faults.seek(now);
            station.calm_until = 0;
        }
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
