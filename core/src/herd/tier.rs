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
use crate::herd::book::{Book, Outcome, Residue};
use crate::herd::budget::Budgets;
use crate::herd::effect::Effects;
use crate::herd::fault::Faults;
use crate::herd::fine::Fine;
use crate::herd::guard::Guards;
use crate::herd::queue::{Queue, Race};
use crate::herd::recorder::Recorder;
use crate::herd::site::Site;
use crate::herd::slots::{Attempt, Beside, Call, Pending, Phase, Slots};
use crate::scenario::Scenario;
use crate::scenario::action::Action;
use crate::scenario::callers::{Callers, Network};
use crate::scenario::fault::{Fault, FaultKind};
use crate::scenario::policy::{Budget, Deposit, Policy, RetryOn};
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
    pub(super) later: Vec<(u64, Regime<'s>)>,
    /// The one under which calls start.
    regime: u8,
    /// Whether the actions of the scenario are taken.
    acts: bool,
    /// Who calls, where it is not the service before.
    pub(super) callers: Option<&'s Callers>,
    /// Client processes of whoever calls.
    pub(super) clients: u32,
    /// How it calls the next service.
    pub(super) downstream: Option<&'s Downstream>,
    pub(super) horizon: u64,
    pub(super) servers: u32,
    pub(super) room: u32,
    pub(super) drop_expired: bool,
    pub(super) cancel: Cancel,
    /// Whether answers need no time to cross the network.
    pub(super) instant_answers: bool,
    /// Everything at the service is being failed.
    pub(super) crashing: bool,
    pub(super) now: u64,
    pub(super) agenda: Agenda,
    pub(super) arrivals: Arrivals,
    pub(super) faults: Faults,
    pub(super) queue: Queue,
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
    /// For its neighbours, in order.
    pub outbox: VecDeque<Message>,
    pub(super) recorder: Recorder,
    pub(super) service_rng: Stream,
    pub(super) network_rng: Stream,
    pub(super) backoff_rng: Stream,
    pub(super) fault_rng: Stream,
}

/// How clients call, under one policy: what it is, and what they have learnt.
#[derive(Clone)]
pub(super) struct Regime<'s> {
    pub(super) policy: &'s Policy,
    /// What is retried here: a rejection that has to say when to come back, say,
    /// only where this service does.
    pub(super) retry_on: RetryOn,
    pub(super) backoff: Backoffs,
    pub(super) budgets: Budgets,
    pub(super) guards: Guards,
    /// Whether a guard, or the budget, follows every attempt.
    pub(super) watched: bool,
}

impl<'s> Regime<'s> {
    fn new(policy: &'s Policy, service: &Service, clients: u32) -> Regime<'s> {
        let budgets = Budgets::new(policy.budget.as_ref(), clients);
        let guards = Guards::new(policy, clients);
        Regime {
            policy,
            retry_on: match service.retry_after {
                Some(_) => policy.retry_on.asked(),
                None => policy.retry_on,
            },
            backoff: Backoffs::new(policy),
            watched: budgets.follows_attempts() || guards.watch(),
            budgets,
            guards,
        }
    }
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
    let actions = scenario.actions.iter().filter(|_| policy.acts);
    let mut changes = actions.filter(|action| action.policy().is_some());
    pool.is_some_and(|pool| fifo_or_lifo(pool) && pool.shed.is_none() && pool.contention.0 == 0.0)
        && changes.next().is_none()
        && service.retry_after.is_none()
        && policy.hedge.is_none()
        && policy.breaker.is_none()
        && policy.throttle.is_none()
        && !budgets.follows_attempts()
        && !matches!(&policy.budget, Some(Budget::Ratio(r)) if r.deposit == Deposit::Settled)
}

/// The regime of number `n`: the one from the beginning, or one that an action brings.
#[inline(always)]
fn regime<'a, 's>(own: &'a Regime<'s>, later: &'a [(u64, Regime<'s>)], n: u8) -> &'a Regime<'s> {
    match n {
        0 => own,
        n => &later[n as usize - 1].1,
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
        let policies = scenario.policies_at(tier, own, taken);
        let own_faults = scenario.those_at(tier, run.faults);
        let site = Site {
            scenario,
            tier,
            acts: run.acts,
        };
        let slows = own_faults
            .iter()
            .any(|f| matches!(f.kind, FaultKind::Slow(_)));
        let faults = Faults::new(&own_faults, &site.actions());
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
        let constant = |cause| match cause {
            Cause::Fault | Cause::Call => true,
            Cause::Finish => steady && !slows && downstream.is_none(),
            Cause::Answer => scenario.network.back.constant().is_some(),
            Cause::Arrive | Cause::Cancel => scenario.network.out.constant().is_some(),
            Cause::Timeout => {
                let timeouts = policies.iter().map(|(_, policy)| policy.timeout);
                let endless = policies.iter().all(|(_, policy)| policy.deadline.is_none());
                endless && timeouts.clone().all(|t| timeouts.clone().next() == Some(t))
            }
            Cause::Retry => match &policies[..] {
                [(_, policy)] => backoff::is_constant(policy),
                _ => false,
            },
        };
        let agenda = Agenda::new(constant, 8e9 / service.capacity_per_s());
        let clients = match caller.and_then(|s| s.downstream.as_ref()) {
            Some(downstream) => downstream.clients,
            None => scenario.callers.clients,
        };
        let mut regimes = policies.iter().map(|(from, policy)| {
            let regime = Regime::new(policy, service, clients);
            (from.0, regime)
        });
        // There is one from the beginning.
        let own = regimes.next().unwrap_or_else(|| unreachable!()).1;
        let later: Vec<(u64, Regime<'s>)> = regimes.collect();
        let hedges = policies.iter().any(|(_, policy)| policy.hedge.is_some());
        // Every tier draws its own random numbers; the first one those of a single service.
        let stream = |purpose| streams.stream_at(purpose, tier as u64);
        let book = Book::of(site, run.is_twin, streams.replication);
        let singly = scenario.actions.iter().any(Action::is_pause);
        let arrivals = match tier {
            0 => Arrivals::new(
                &scenario.callers,
                run.faults,
                taken,
                streams,
                (true, singly),
            ),
            _ => Arrivals::none(streams.stream(Purpose::Arrivals)),
        };
        Tier {
            service,
            network: &scenario.network,
            own,
            later,
            regime: 0,
            acts: run.acts,
            callers: (tier == 0).then_some(&scenario.callers),
            clients,
            downstream,
            horizon: scenario.run.horizon.0,
            servers: pool.map_or(u32::MAX, |pool| pool.servers),
            room: pool.map_or(0, |pool| pool.queue),
            drop_expired: pool.is_some_and(|pool| pool.drop_expired),
            cancel: service.cancel,
            instant_answers: scenario.network.back.constant() == Some(Nanos::ZERO) && !hedges,
            crashing: false,
            now: 0,
            agenda,
            arrivals,
            faults,
            queue: Queue::new(pool),
            race,
            row: matches!(service.kind, ServiceKind::Occ).then(|| Row {
                version: 0,
                read: Beside::new(),
            }),
            effects: service.effect.as_ref().map(Effects::new),
            calls: Slots::new(),
            attempts: Slots::new(),
            pending: Beside::new(),
            flights: (hedges || tier > 0).then(Beside::new),
            outbox: VecDeque::new(),
            recorder: Recorder::new(book),
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
        let n = if PLAIN { 0 } else { self.regime };
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
                n => &mut self.later[n as usize - 1].1,
            },
        }
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
        self.is_idle() && self.arrivals.exhausted()
    }

    /// Whether no call waits, and nothing is at the service or on its way there.
    pub fn is_idle(&self) -> bool {
        self.recorder.outstanding() == 0
            && self.recorder.busy() == 0
            && self.recorder.waiting() == 0
            && !self.agenda.has(Cause::Arrive)
    }

    /// Attempts that wait, and calls that are not ended.
    pub fn levels(&self) -> [u32; 2] {
        [self.recorder.waiting(), self.recorder.outstanding()]
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
        self.agenda.set_next(Cause::Fault, self.faults.next_edge());
        if self.callers.is_some() {
            self.arrivals.act(actions, streams);
        }
    }

    /// From now on chance is drawn from other streams.
    pub fn reseed(&mut self, place: usize, streams: Streams) {
        let stream = |purpose| streams.stream_at(purpose, place as u64);
        self.service_rng = stream(Purpose::Service);
        self.network_rng = stream(Purpose::Network);
        self.backoff_rng = stream(Purpose::Backoff);
        self.fault_rng = stream(Purpose::Faults);
        self.arrivals.reseed(streams);
        if let Some(race) = &mut self.race {
            race.forget();
        }
    }

    /// Ends the run after so many events.
    pub fn finish(self, end: u64, scenario: &Scenario, tier: usize, events: u64) -> Outcome {
        let residue = self.residue(end);
        let budgets = &regime(&self.own, &self.later, self.regime).budgets;
        let service = Site {
            scenario,
            tier,
            acts: self.acts,
        };
        self.recorder
            .finish(end, |at| budgets.mean_tokens(at), service, residue, events)
    }

    #[inline]
    pub(super) fn client(&self, caller: u32) -> u32 {
        match self.callers {
            Some(callers) => callers.client(caller),
            None => caller % self.clients,
        }
    }

    #[inline(always)]
    pub(super) fn on_call(&mut self) {
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
    pub(super) fn start_call(&mut self, caller: u32) -> u32 {
        self.recorder.call_started();
        let started = self.now;
        while !PLAIN
            && let Some((from, _)) = self.later.get(self.regime as usize)
            && *from <= started
        {
            self.regime += 1;
        }
        let regime = self.regime;
        let call = self.calls.add(|_| Call {
            started,
            regime,
            jitter: 0,
            caller,
            tries: 0,
            attempts_alive: 0,
            retried: None,
            ended: false,
            worked: false,
        });
        if !self.regime(call).budgets.is_unlimited() {
            let client = self.client(caller);
            self.regime_mut(call).budgets.call_started(client, started);
        }
        if !PLAIN {
            self.pending.of(call).begin();
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
            if !free && !call.ended {
                residue.calls += 1;
                residue.calls_ns += u128::from(end - call.started);
            }
        }
        residue
    }
}
