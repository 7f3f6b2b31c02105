//! One service and those who call it: its calls and attempts, and what happens next.
//!
//! What callers do is in [`client`](crate::herd::client), what the service does in
//! [`server`](crate::herd::server). In a chain the callers of all services but the first
//! are attempts at the service before.

use std::collections::VecDeque;

use crate::dist::Dist;
use crate::herd::agenda::{Agenda, Cause, Token};
use crate::herd::arrival::Arrivals;
use crate::herd::backoff::{self, Backoffs};
use crate::herd::balance::Sight;
use crate::herd::book::{Book, Outcome, Residue};
use crate::herd::budget::Budgets;
use crate::herd::census::{Seen, census};
use crate::herd::counts::Counts;
use crate::herd::effect::Effects;
use crate::herd::fault::Faults;
use crate::herd::fine::Fine;
use crate::herd::guard::Guards;
use crate::herd::hosts::{HostTally, Hosts, Strips};
use crate::herd::limit::Bucket;
use crate::herd::metrics::{Sample, SubCalls};
use crate::herd::pages::Pages;
use crate::herd::queue::{Queue, Race};
use crate::herd::recorder::Recorder;
use crate::herd::site::Site;
use crate::herd::slots::{Attempt, Beside, Call, Pending, Phase, Slots};
use crate::scenario::Scenario;
use crate::scenario::action::Action;
use crate::scenario::callers::{Callers, Network};
use crate::scenario::fault::{Fault, FaultKind};
use crate::scenario::policy::{Budget, Deposit, Late, Policy, TimeoutFrom};
use crate::scenario::service::{Cancel, Discipline, Downstream, Pool, Service, ServiceKind};
use crate::streams::{Purpose, Stream, Streams};
use crate::units::{Factor, Nanos};

/// What concerns the neighbours of a tier in the chain.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// An attempt here calls the next service.
    Call(u32),
    /// It has gone: nobody waits for that call any more.
    Abandon(u32),
    /// The call that an attempt at the service before has made ended, well or not.
    Ended(u32, bool),
}

/// What a run of a scenario is like.
#[derive(Clone, Copy)]
pub struct Kind<'f> {
    /// Those of its faults that are in force.
    pub faults: &'f [Fault],
    /// Whether its actions are taken.
    pub acts: bool,
    /// Whether only what health is told by is of interest.
    pub is_twin: bool,
}

/// The row of optimistic concurrency control.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) version: u64,
    /// The version that each attempt has read, by slot.
    pub(super) read: Beside<u64>,
}

/// One service of a scenario, under the policy with which it is called.
///
/// It is compiled twice: `PLAIN` leaves out all that [`is_plain`] says is not
/// there, which is a fifth of the instructions.
#[derive(Clone)]
pub struct Tier<'s, const PLAIN: bool> {
    pub(super) service: &'s Service,
    pub(super) network: &'s Network,
    /// How calls are made, and how from when on where an action changes that.
    pub(super) own: Regime<'s>,
    pub(super) later: Vec<Regime<'s>>,
    /// From when on which group of callers calls by which of these, in order, and how far
    /// that has come.
    changes: Vec<(u64, u8, u16)>,
    changed: usize,
    /// The one under which the calls of each group start.
    regimes: Vec<u16>,
    /// Whether the actions of the scenario are taken.
    acts: bool,
    /// Who calls, where it is not the service before.
    pub(super) callers: Option<&'s Callers>,
    pub(super) groups: &'s [Callers],
    /// Client processes of whoever calls.
    pub(super) clients: u32,
    /// How it calls the next service.
    pub(super) downstream: Option<&'s Downstream>,
    pub(super) horizon: u64,
    pub(super) servers: u32,
    pub(super) room: u32,
    /// By group of callers, how long the oldest may have waited for them to be let in, in ns;
    /// nothing where no load is shed.
    pub(super) shed: Vec<u64>,
    pub(super) limit: Option<Bucket>,
    /// When there will be a token for who is just being rejected by the limit, in ns from now;
    /// nothing for others. And the same by attempt while its answer travels.
    pub(super) asked: Option<u64>,
    pub(super) asks: Beside<Option<u64>>,
    /// Whether a fault makes the way to the service longer.
    pub(super) delays: bool,
    pub(super) drop_expired: bool,
    pub(super) cancel: Cancel,
    /// Whether answers need no time to cross the network.
    pub(super) instant_answers: bool,
    /// Everything at the service is being failed.
    pub(super) crashing: bool,
    pub(super) now: u64,
    pub(super) agenda: Agenda,
    pub(super) arrivals: Arrivals,
    /// Those of the further groups of callers.
    pub(super) others: Vec<Arrivals>,
    pub(super) faults: Faults,
    pub(super) queue: Queue,
    /// In place of the queue, and beside the faults of them all, where there are several.
    pub(super) hosts: Option<Hosts>,
    /// In place of timers in [`Cause::Finish`], where service allows it.
    pub(super) race: Option<Race>,
    pub(super) row: Option<Row>,
    /// Where doing the work twice matters.
    pub(super) effects: Option<Effects>,
    pub(super) calls: Slots<Call>,
    pub(super) attempts: Slots<Attempt>,
    /// By call, where that is of interest: what is on the agenda, and the attempts in flight.
    pub(super) pending: Beside<Pending>,
    pub(super) flights: Option<Beside<Vec<u32>>>,
    /// By call, the hosts that it has been sent to.
    pub(super) tried: Beside<Vec<u32>>,
    /// The calls that those of this tier are parts of.
    pub(super) pages: Option<Pages>,
    /// For its neighbours, in order.
    pub outbox: VecDeque<Message>,
    pub(super) recorder: Recorder,
    /// The same of each group of callers, where there are several; and of sub-calls, first of
    /// all of them, then of each group.
    by_group: Vec<Recorder>,
    subs: Vec<Recorder>,
    pub(super) service_rng: Stream,
    pub(super) network_rng: Stream,
    pub(super) backoff_rng: Stream,
    pub(super) fault_rng: Stream,
}

/// How clients call, under one policy: what it is, and what they have learnt.
#[derive(Clone)]
pub(super) struct Regime<'s> {
    pub(super) policy: &'s Policy,
    pub(super) backoff: Backoffs,
    pub(super) budgets: Budgets,
    pub(super) guards: Guards,
    pub(super) sight: Sight,
    /// Whether a guard, the budget, or an eye on hosts follows every attempt.
    pub(super) watched: bool,
}

impl<'s> Regime<'s> {
    fn new(policy: &'s Policy, service: &Service, clients: u32) -> Regime<'s> {
        let budgets = Budgets::new(policy.budget.as_ref(), clients);
        let guards = Guards::new(policy, clients, service.host_count());
        let sight = Sight::new(policy, service, clients);
        Regime {
            policy,
            backoff: Backoffs::new(policy),
            watched: budgets.follows_attempts() || guards.watch() || sight.watches(),
            budgets,
            guards,
            sight,
        }
    }
}

/// Whether a scenario is one queue, called by clients without hedges, breakers,
/// throttles, hints, budgets that follow single attempts, hosts, limits, groups, and answers
/// that count though they are late.
pub fn is_plain(scenario: &Scenario, policy: &Policy) -> bool {
    scenario.entry().hosts.is_none() && is_simple(scenario, policy)
}

/// The same, with hosts or without.
pub(super) fn is_simple(scenario: &Scenario, policy: &Policy) -> bool {
    let ([service], [group]) = (&scenario.services[..], &scenario.groups[..]) else {
        return false;
    };
    let delays = |fault: &Fault| matches!(fault.kind, FaultKind::Delay(_));
    let actions = scenario.actions.iter().filter(|_| policy.acts);
    let policy = scenario.policy_of(0, policy);
    let pool = service.pool();
    let fifo_or_lifo = |pool: &Pool| matches!(pool.discipline, Discipline::Fifo | Discipline::Lifo);
    let budgets = Budgets::new(policy.budget.as_ref(), 1);
    let mut changes = actions.filter(|action| action.policy().is_some());
    pool.is_some_and(|pool| fifo_or_lifo(pool) && pool.shed.is_none() && pool.contention.0 == 0.0)
        && changes.next().is_none()
        && service.limit.is_none()
        && group.parts.is_none()
        && !scenario.faults.iter().any(delays)
        && policy.late == Late::Ignore
        && policy.from == TimeoutFrom::Sent
        && service.retry_after.is_none()
        && policy.hedge.is_none()
        && policy.breaker.is_none()
        && policy.throttle.is_none()
        && !budgets.follows_attempts()
        && !matches!(&policy.budget, Some(Budget::Ratio(r)) if r.deposit == Deposit::Settled)
}

/// The regime of number `n`: the one from the beginning, or one that an action brings.
#[inline(always)]
fn regime<'a, 's>(own: &'a Regime<'s>, later: &'a [Regime<'s>], n: u16) -> &'a Regime<'s> {
    match n {
        0 => own,
        n => &later[n as usize - 1],
    }
}

/// The faults of a host, those of the whole service included.
#[inline(always)]
pub(super) fn faults_of<'a>(
    faults: &'a mut Faults,
    hosts: &'a mut Option<Hosts>,
    host: u16,
) -> &'a mut Faults {
    match hosts {
        None => faults,
        Some(hosts) => match hosts.all[host as usize].class {
            0 => faults,
            class => &mut hosts.classes[class as usize - 1],
        },
    }
}

/// The queue of a host.
#[inline(always)]
pub(super) fn queue_of<'a>(
    queue: &'a mut Queue,
    hosts: &'a mut Option<Hosts>,
    host: u16,
) -> &'a mut Queue {
    match hosts {
        None => queue,
        Some(hosts) => &mut hosts.all[host as usize].queue,
    }
}

impl<'s, const PLAIN: bool> Tier<'s, PLAIN> {
    /// A service of a run of some kind.
    pub fn new(
        scenario: &'s Scenario,
        tier: usize,
        own: &'s Policy,
        run: Kind<'_>,
        streams: Streams,
    ) -> Tier<'s, PLAIN> {
        let service = &scenario.services[tier];
        let downstream = match scenario.services.get(tier + 1) {
            Some(_) => service.downstream.as_ref(),
            None => None,
        };
        let caller = tier.checked_sub(1).map(|i| &scenario.services[i]);
        let taken = match run.acts {
            true => &scenario.actions[..],
            false => &[],
        };
        let groups = match tier {
            0 => &scenario.groups[..],
            _ => &[],
        };
        // By group of callers, with its place.
        let policies: Vec<(usize, Nanos, &Policy)> = (0..groups.len().max(1))
            .flat_map(|group| {
                let own = scenario.policies_at((tier, group), own, taken);
                own.into_iter()
                    .map(move |(from, policy)| (group, from, policy))
            })
            .collect();
        let own_faults = scenario.those_at(tier, run.faults);
        let site = Site {
            scenario,
            tier,
            acts: run.acts,
            group: None,
        };
        let slows = own_faults
            .iter()
            .any(|f| matches!(f.kind, FaultKind::Slow(_)));
        let actions = site.actions();
        let all_hosts = service.host_count();
        let on_host = |host: Option<u32>| {
            let hit = |fault: &&Fault| match host {
                None => fault.hosts.is_none() || all_hosts == 1,
                Some(host) => fault.hits_host(host, all_hosts),
            };
            own_faults.iter().filter(hit).cloned().collect::<Vec<_>>()
        };
        let common = on_host(None);
        let faults = Faults::new(&common, &actions);
        let pool = service.pool();
        let race = match pool {
            Some(Pool {
                service_time: Dist::Exp { mean },
                servers,
                contention: Factor(0.0),
                ..
            }) if !slows && faults.service_clock.is_plain() && service.hosts.is_none() => {
                Some(Race::new(mean.0 as f64, *servers))
            }
            _ => None,
        };
        let delays = own_faults
            .iter()
            .any(|f| matches!(f.kind, FaultKind::Delay(_)));
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
        let constant = |cause| match cause {
            Cause::Fault | Cause::Call => true,
            Cause::Finish => {
                let alike = service.hosts.is_none() || own_faults.is_empty();
                steady && !slows && downstream.is_none() && alike
            }
            Cause::Answer => scenario.network.back.constant().is_some(),
            Cause::Arrive => scenario.network.out.constant().is_some() && !delays,
            Cause::Cancel => scenario.network.out.constant().is_some(),
            Cause::Timeout => {
                let timeouts = policies.iter().map(|(_, _, policy)| policy.timeout);
                let endless = policies
                    .iter()
                    .all(|(_, _, policy)| policy.deadline.is_none());
                endless && timeouts.clone().all(|t| timeouts.clone().next() == Some(t))
            }
            Cause::Retry => match &policies[..] {
                [(_, _, policy)] => backoff::is_constant(policy),
                _ => false,
            },
        };
        let agenda = Agenda::new(constant, 8e9 / service.capacity_per_s());
        let clients_of = |group: usize| match caller.and_then(|s| s.downstream.as_ref()) {
            Some(downstream) => downstream.clients,
            None => scenario.groups[group].clients,
        };
        let clients = clients_of(0);
        let mut regimes = policies
            .iter()
            .map(|(group, _, policy)| Regime::new(policy, service, clients_of(*group)));
        // There is one from the beginning.
        let own = regimes.next().unwrap_or_else(|| unreachable!());
        let later: Vec<Regime<'s>> = regimes.collect();
        let numbered = policies.iter().enumerate().skip(1);
        let change = |(n, (group, from, _)): (usize, &(usize, Nanos, &Policy))| {
            (from.0, *group as u8, n as u16)
        };
        let mut changes: Vec<(u64, u8, u16)> = numbered.map(change).collect();
        changes.sort_unstable();
        let any = |is: fn(&Policy) -> bool| policies.iter().any(|(_, _, policy)| is(policy));
        let hedges = any(|policy| policy.hedge.is_some());
        let late = any(|policy| policy.late == Late::Accept);
        // Every tier draws its own random numbers; the first one those of a single service.
        let stream = |purpose| streams.stream_at(purpose, tier as u64);
        let book_of = |group| {
            let site = Site { group, ..site };
            Recorder::new(Book::of(site, run.is_twin, streams.replication))
        };
        let several = match groups {
            [_, _, ..] => 0..groups.len(),
            _ => 0..0,
        };
        let sub_calls = tier == 0 && scenario.has_sub_calls();
        let singly = scenario.actions.iter().any(Action::is_pause);
        let arrivals_of = |group: usize| {
            let callers = &scenario.groups[group];
            let place = (streams, group as u64);
            Arrivals::new(callers, run.faults, taken, place, (true, singly))
        };
        let arrivals = match tier {
            0 => arrivals_of(0),
            _ => Arrivals::none(streams.stream(Purpose::Arrivals)),
        };
        let strips = (!run.is_twin && streams.replication == 0).then(|| {
            let run = &scenario.run;
            Strips::new(all_hosts, run.horizon.0, run.bin.0)
        });
        let tally = HostTally::new(all_hosts, strips, scenario.run.warmup.0);
        let hosts = Hosts::new(service, tally, stream(Purpose::Balance), |host| {
            let own = on_host(Some(host));
            (own != common).then(|| Faults::new(&own, &actions))
        });
        Tier {
            service,
            network: &scenario.network,
            own,
            later,
            changes,
            changed: 0,
            regimes: vec![0; groups.len().max(1)],
            acts: run.acts,
            callers: groups.first(),
            groups,
            clients,
            downstream,
            horizon: scenario.run.horizon.0,
            servers: pool.map_or(u32::MAX, |pool| pool.servers),
            room: pool.map_or(0, |pool| pool.queue),
            shed: scenario.shed_after(service),
            limit: service.limit.as_ref().map(Bucket::new),
            asked: None,
            asks: Beside::new(),
            delays,
            drop_expired: pool.is_some_and(|pool| pool.drop_expired),
            cancel: service.cancel,
            instant_answers: scenario.network.back.constant() == Some(Nanos::ZERO) && !hedges,
            crashing: false,
            now: 0,
            agenda,
            arrivals,
            others: (1..groups.len()).map(arrivals_of).collect(),
            faults,
            queue: Queue::new(pool),
            hosts,
            race,
            row: matches!(service.kind, ServiceKind::Occ).then(|| Row {
                version: 0,
                read: Beside::new(),
            }),
            effects: service.effect.as_ref().map(Effects::new),
            calls: Slots::new(),
            attempts: Slots::new(),
            pending: Beside::new(),
            flights: (hedges || late || tier > 0).then(Beside::new),
            tried: Beside::new(),
            pages: sub_calls.then(Pages::new),
            outbox: VecDeque::new(),
            recorder: book_of(None),
            by_group: several.clone().map(|group| book_of(Some(group))).collect(),
            subs: match sub_calls {
                true => std::iter::once(None)
                    .chain(several.map(Some))
                    .map(book_of)
                    .collect(),
                false => Vec::new(),
            },
            service_rng: stream(Purpose::Service),
            network_rng: stream(Purpose::Network),
            backoff_rng: stream(Purpose::Backoff),
            fault_rng: stream(Purpose::Faults),
        }
    }

    /// Puts the first events on the agenda.
    pub fn begin(&mut self) {
        self.agenda.set_next(Cause::Fault, self.next_edge());
        self.agenda.set_next(Cause::Call, self.next_call());
    }

    /// When a fault or an action next changes.
    pub(super) fn next_edge(&self) -> u64 {
        let hosts = self.hosts.iter().flat_map(|hosts| &hosts.classes);
        let edges = hosts.map(Faults::next_edge);
        edges.fold(self.faults.next_edge(), u64::min)
    }

    /// When somebody calls next.
    #[inline(always)]
    pub(super) fn next_call(&self) -> u64 {
        let first = self.arrivals.next();
        match PLAIN {
            true => first,
            false => self.others.iter().map(Arrivals::next).fold(first, u64::min),
        }
    }

    /// Why something happens next, and when, at the earliest.
    #[inline]
    pub fn next(&self) -> (u64, Cause) {
        self.agenda.next()
    }

    /// Whether no more was known of it than that: then more is now, and may be asked again.
    #[inline]
    pub fn settle(&mut self, time: u64, cause: Cause) -> bool {
        self.agenda.settle(time, cause)
    }

    /// Brings the clock to `now`.
    #[inline(always)]
    pub fn advance(&mut self, now: u64) {
        self.now = now;
        let n = if PLAIN { 0 } else { self.regimes[0] };
        let budgets = &regime(&self.own, &self.later, n).budgets;
        self.recorder.advance(now, |at| budgets.mean_tokens(at));
    }

    /// How a call is made.
    #[inline(always)]
    pub(super) fn regime(&self, call_slot: u32) -> &Regime<'s> {
        let n = if PLAIN {
            0
        } else {
            self.calls[call_slot].regime
        };
        regime(&self.own, &self.later, n)
    }

    /// The same, to learn from it.
    #[inline(always)]
    pub(super) fn regime_mut(&mut self, call_slot: u32) -> &mut Regime<'s> {
        match PLAIN {
            true => &mut self.own,
            false => match self.calls[call_slot].regime {
                0 => &mut self.own,
                n => &mut self.later[n as usize - 1],
            },
        }
    }

    /// Counts something of the calls of a group of callers.
    #[inline(always)]
    pub(super) fn note(&mut self, group: u8, mut count: impl FnMut(&mut Recorder)) {
        count(&mut self.recorder);
        if !PLAIN && let Some(own) = self.by_group.get_mut(group as usize) {
            let n = self.regimes[group as usize];
            let budgets = &regime(&self.own, &self.later, n).budgets;
            own.advance(self.now, |at| budgets.mean_tokens(at));
            count(own);
        }
    }

    /// The same of a call or, where calls have such, a sub-call.
    #[inline(always)]
    pub(super) fn note_call(&mut self, group: u8, mut count: impl FnMut(&mut Recorder)) {
        if PLAIN || self.pages.is_none() {
            return self.note(group, count);
        }
        for place in [0, 1 + group as usize] {
            if let Some(own) = self.subs.get_mut(place) {
                own.advance(self.now, |_| f64::NAN);
                count(own);
            }
        }
    }

    /// Counts something of an attempt.
    #[inline(always)]
    pub(super) fn note_attempt(&mut self, attempt: u32, count: impl FnMut(&mut Recorder)) {
        let group = match PLAIN {
            true => 0,
            false => self.calls[self.attempts[attempt].call].group,
        };
        self.note(group, count);
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

    /// Whether all callers have called, none waits, and the service is through with what
    /// they sent.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.is_idle()
            && self.arrivals.exhausted()
            && (PLAIN || self.others.iter().all(Arrivals::exhausted))
    }

    /// Whether no call waits, and nothing is at the service or on its way there.
    pub fn is_idle(&self) -> bool {
        self.recorder.outstanding() == 0
            && self.subs.first().is_none_or(|r| r.outstanding() == 0)
            && self.recorder.busy() == 0
            && self.recorder.waiting() == 0
            && !self.agenda.has(Cause::Arrive)
    }

    /// Attempts that wait, and calls that are not ended.
    pub fn levels(&self) -> [u32; 2] {
        [self.recorder.waiting(), self.recorder.outstanding()]
    }

    /// What was counted up to now, and who is where.
    pub fn census(&self) -> (Counts, Vec<Seen>) {
        let first = |group: u8| {
            let before = self.groups[..group as usize].iter();
            before.map(|group| group.count).sum()
        };
        let counts = self.recorder.settled();
        let frees = self.downstream.is_some_and(|next| next.frees_server);
        (counts, census(&self.calls, &self.attempts, frees, first))
    }

    pub fn forget(&mut self) {
        self.recorder.forget();
    }

    /// What has been counted finely so far.
    pub fn fine(&self) -> &Fine {
        self.recorder.fine()
    }

    /// From now on, which is `now`, these are what is done here.
    pub fn act(&mut self, actions: &[Action], now: u64, streams: Streams) {
        self.faults.act(actions, now);
        let hosts = self.hosts.iter_mut().flat_map(|hosts| &mut hosts.classes);
        hosts.for_each(|faults| faults.act(actions, now));
        self.agenda.set_next(Cause::Fault, self.next_edge());
        if self.callers.is_some() {
            for (group, arrivals) in self.arrivals_mut() {
                arrivals.act(actions, streams, group);
            }
        }
    }

    /// The arrivals of every group of callers, with its number.
    pub(super) fn arrivals_mut(&mut self) -> impl Iterator<Item = (u64, &mut Arrivals)> {
        (0..).zip(std::iter::once(&mut self.arrivals).chain(&mut self.others))
    }

    /// From now on chance is drawn from other streams.
    pub fn reseed(&mut self, place: usize, streams: Streams) {
        let stream = |purpose| streams.stream_at(purpose, place as u64);
        self.service_rng = stream(Purpose::Service);
        self.network_rng = stream(Purpose::Network);
        self.backoff_rng = stream(Purpose::Backoff);
        self.fault_rng = stream(Purpose::Faults);
        if let Some(hosts) = &mut self.hosts {
            hosts
                .balancer
                .reseed(streams.stream_at(Purpose::Balance, place as u64));
        }
        for (group, arrivals) in self.arrivals_mut() {
            arrivals.reseed(streams, group);
        }
        if let Some(race) = &mut self.race {
            race.forget();
        }
    }

    /// Ends the run after so many events.
    pub fn finish(mut self, end: u64, scenario: &Scenario, tier: usize, events: u64) -> Outcome {
        let residue = self.residue(end);
        self.close_hosts(end);
        let site = |group| Site {
            scenario,
            tier,
            acts: self.acts,
            group,
        };
        let close = |recorder: Recorder, group: Option<usize>, residue, events| {
            let n = self.regimes[group.unwrap_or(0)];
            let budgets = &regime(&self.own, &self.later, n).budgets;
            let tokens = |at| budgets.mean_tokens(at);
            recorder.finish(end, tokens, site(group), residue, events)
        };
        let mut outcome = close(self.recorder, None, residue, events);
        let mut subs = self.subs.into_iter();
        let mut sub = |group| {
            let counted = close(subs.next()?, group, Residue::default(), 0);
            Some(SubCalls::of(&counted.measured))
        };
        outcome.measured.sub = sub(None);
        outcome.metrics = Sample::of(&outcome.measured);
        for (group, recorder) in self.by_group.into_iter().enumerate() {
            let mut own = close(recorder, Some(group), Residue::default(), 0);
            own.measured.sub = sub(Some(group));
            own.metrics = Sample::of(&own.measured);
            outcome.groups.push(own);
        }
        if let Some(hosts) = self.hosts {
            outcome.has_hosts(hosts.tally);
        }
        outcome
    }

    /// The client process that a call is made by.
    #[inline]
    pub(super) fn client(&self, call_slot: u32) -> u32 {
        let Call { caller, group, .. } = self.calls[call_slot];
        match self.callers {
            Some(callers) if PLAIN => callers.client(caller),
            Some(_) => self.groups[group as usize].client(caller),
            None => caller % self.clients,
        }
    }

    #[inline(always)]
    pub(super) fn on_call(&mut self) {
        if !PLAIN && (!self.others.is_empty() || self.pages.is_some()) {
            return self.on_call_of_some();
        }
        let caller = self.arrivals.take();
        self.agenda.set_next(Cause::Call, self.arrivals.next());
        if let Some(caller) = caller {
            self.start_call(caller, 0, None);
        }
    }

    /// An attempt at the service before calls, at `now`, for a group of callers; its call.
    pub fn call_from_above(&mut self, attempt: u32, group: u8, now: u64) -> u32 {
        self.advance(now);
        self.start_call(attempt, group, None)
    }

    /// The group of callers that an attempt is made for.
    pub fn group_of(&self, attempt: u32) -> u8 {
        self.calls[self.attempts[attempt].call].group
    }

    #[inline(always)]
    pub(super) fn start_call(&mut self, caller: u32, group: u8, page: Option<u32>) -> u32 {
        let started = self.now;
        while !PLAIN
            && let Some((from, group, regime)) = self.changes.get(self.changed)
            && *from <= started
        {
            self.regimes[*group as usize] = *regime;
            self.changed += 1;
        }
        self.note_call(group, Recorder::call_started);
        let regime = match PLAIN {
            true => 0,
            // Of a service behind the first all are called alike.
            false => *self.regimes.get(group as usize).unwrap_or(&self.regimes[0]),
        };
        let call = self.calls.add(|_| Call {
            started,
            regime,
            group,
            jitter: 0,
            caller,
            tries: 0,
            attempts_alive: 0,
            retried: None,
            ended: false,
            worked: false,
        });
        if !self.regime(call).budgets.is_unlimited() {
            let client = self.client(call);
            self.regime_mut(call).budgets.call_started(client, started);
        }
        if !PLAIN {
            self.pending.of(call).begin();
            if self.regime(call).policy.elsewhere {
                self.tried.of(call).clear();
            }
            if let (Some(pages), Some(page)) = (&mut self.pages, page) {
                *pages.of.of(call) = page;
            }
        }
        if let Some(effects) = &mut self.effects {
            effects.call_started(call);
        }
        self.send(call);
        call
    }

    pub(super) fn token(&self, attempt: u32) -> Token {
        Token {
            slot: attempt,
            generation: self.attempts[attempt].generation,
        }
    }

    pub(super) fn later(&mut self, cause: Cause, delay: Nanos, attempt: u32) {
        let token = self.token(attempt);
        self.agenda
            .schedule(cause, self.now.saturating_add(delay.0), token);
    }

    /// The attempt of the next event of a cause, unless that event is too late for it.
    #[inline]
    pub(super) fn take(&mut self, cause: Cause) -> Option<u32> {
        let token = self.agenda.take(cause)?;
        (self.attempts[token.slot].generation == token.generation).then_some(token.slot)
    }

    /// Hosts count the time of what waits and is served as the run ends.
    fn close_hosts(&mut self, end: u64) {
        let frees_server = self.frees_server();
        let Some(hosts) = &mut self.hosts else {
            return;
        };
        for attempt in &self.attempts.records {
            let Attempt {
                since, host, phase, ..
            } = *attempt;
            match phase {
                Phase::Queued => hosts.tally.waited(host, since, end),
                Phase::Serving => hosts.tally.served(host, since, end),
                Phase::Calling | Phase::Answered(_) if !frees_server => {
                    hosts.tally.served(host, since, end);
                }
                _ => {}
            }
        }
    }

    pub(super) fn residue(&self, end: u64) -> Residue {
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
            if !free && !call.ended && self.pages.is_none() {
                residue.calls += 1;
                residue.calls_ns += u128::from(end - call.started);
            }
        }
        if let Some(pages) = &self.pages {
            let mut free = vec![false; pages.slots.records.len()];
            for slot in &pages.slots.free {
                free[*slot as usize] = true;
            }
            for (page, free) in pages.slots.records.iter().zip(free) {
                if !free && !page.ended {
                    residue.calls += 1;
                    residue.calls_ns += u128::from(end - page.started);
                }
            }
        }
        residue
    }
}
