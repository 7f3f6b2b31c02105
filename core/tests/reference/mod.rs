//! A reference interpreter of docs/model.md: slow, and plain enough to be held against the
//! text sentence by sentence. It shares nothing with the engine but the data of scenarios,
//! the laws that times are drawn from, and the names of what is counted.
//!
//! What it does not interpret it refuses ([`refuses`]); it never does something like it.

mod arrivals;
mod client;
pub mod random;
mod service;
mod times;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use client::Ticket;
use herdsim_core::herd::{Counts, Residue};
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::action::ActionKind;
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::scenario::fault::FaultKind;
use herdsim_core::scenario::hosts::{Balance, View};
use herdsim_core::scenario::policy::{Failure, Hint, Late, Policy, Scope, TimeoutFrom};
use herdsim_core::scenario::service::{Cancel, Discipline, ServiceKind};
use herdsim_core::streams::Stream;
use herdsim_core::units::Nanos;
use rand::RngExt;
use service::Tier;
use times::Clock;

/// What happens, at its instant.
#[derive(Clone, Copy, Debug)]
enum Event {
    Reset {
        tier: usize,
        host: usize,
    },
    Clear {
        tier: usize,
    },
    /// Servers that stood still may start work.
    Wake {
        tier: usize,
        host: usize,
    },
    Finish {
        attempt: usize,
    },
    Answer {
        attempt: usize,
        answer: Answer,
    },
    Arrive {
        attempt: usize,
    },
    /// The service hears that a caller has given up.
    Cancel {
        attempt: usize,
    },
    Timeout {
        attempt: usize,
    },
    Hedge {
        call: usize,
    },
    Retry {
        call: usize,
    },
    /// A caller is due to call.
    Call {
        caller: u32,
    },
}

/// "Events at the same instant run by cause, in the order fault, finish, answer, arrival at the
/// service, cancellation, timeout, retry, new call."
fn cause(event: Event) -> u8 {
    match event {
        Event::Reset { .. } | Event::Clear { .. } | Event::Wake { .. } => 0,
        Event::Finish { .. } => 1,
        Event::Answer { .. } => 2,
        Event::Arrive { .. } => 3,
        Event::Cancel { .. } => 4,
        Event::Timeout { .. } => 5,
        Event::Hedge { .. } | Event::Retry { .. } => 6,
        Event::Call { .. } => 7,
    }
}

/// What a caller hears: nothing went wrong, or what did and when to come back.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Ok,
    Failed(Failure, Option<u64>),
}

/// Who made a call.
#[derive(Clone, Copy, Debug)]
enum By {
    Caller(u32),
    /// The service before, as it works on this attempt.
    Attempt(usize),
}

struct Call {
    /// The service that is called.
    tier: usize,
    by: By,
    client: usize,
    /// Who keeps to a host: the caller's number, or that of the client process.
    sticks: usize,
    started: u64,
    /// Attempts so far, with those that were denied.
    attempts: u32,
    /// Attempts that there had been when the backoff began afresh.
    afresh: u32,
    /// Attempts that are in flight for the caller.
    open: Vec<usize>,
    /// Hosts that attempts were sent to.
    tried: Vec<usize>,
    /// What the jitter feeds back.
    previous: f64,
    /// What the last retry was paid for.
    paid: Option<Failure>,
    /// A retry that waits to be sent, and what it was let through with.
    waits: Option<Ticket>,
    /// The event of the timer of hedges that runs.
    timer: Option<usize>,
    is_over: bool,
    /// Whether a service has done the call's work once.
    is_done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    OnItsWay,
    Queued,
    /// In a server, at work or waiting for the next service.
    Serving,
    /// Its server is free again, the next service has not answered.
    Below,
    Gone,
}

struct Attempt {
    call: usize,
    tier: usize,
    host: usize,
    number: u32,
    place: Place,
    /// Whether the caller waits for it no longer, without having had an answer.
    has_left: bool,
    /// Whether the caller has had an answer.
    is_heard: bool,
    /// Whether the service has been told that its caller gave up.
    is_cancelled: bool,
    is_retry: bool,
    ticket: Ticket,
    queued_at: u64,
    began: u64,
    /// The call that the service makes for it.
    below: Option<usize>,
}

pub struct World<'s> {
    scenario: &'s Scenario,
    rng: Stream,
    now: u64,
    agenda: BinaryHeap<Reverse<(u64, u8, usize)>>,
    /// By their number in the agenda.
    events: Vec<Event>,
    calls: Vec<Call>,
    attempts: Vec<Attempt>,
    tiers: Vec<Tier<'s>>,
    callers: Clock,
    /// Of each caller, up to where it has waited for the end of pauses.
    paused: Vec<Vec<usize>>,
}

/// What the interpreter tells of a service and the calls to it.
pub struct Told {
    pub total: Counts,
    pub residue: Residue,
    /// Σ of the bins' numbers in which things happened: attempts that arrive, calls that
    /// are the first of a call, and calls that end well.
    pub offered_when: f64,
    pub first_when: f64,
    pub answered_when: f64,
    /// Of each host, attempts that arrived.
    pub hosts: Vec<u64>,
}

/// What of a scenario under a policy is not interpreted, if anything.
pub fn refuses(scenario: &Scenario, policy: &Policy) -> Option<&'static str> {
    if scenario.groups.len() > 1 {
        return Some("groups");
    }
    if scenario.callers().parts.is_some() {
        return Some("sub-calls");
    }
    for (tier, service) in scenario.services.iter().enumerate() {
        if service.downstream.as_ref().is_some_and(|d| d.clients > 1) {
            return Some("which process of a service calls the next");
        }
        let policy = scenario.policy_at(tier, policy);
        if let Some(what) = client::refuses(policy) {
            return Some(what);
        }
        if policy.late != Late::Ignore || policy.from != TimeoutFrom::Sent {
            return Some("late answers");
        }
        if service.effect.is_some() || matches!(service.kind, ServiceKind::Occ) {
            return Some("effects");
        }
        if service
            .pool()
            .is_some_and(|pool| pool.discipline == Discipline::Codel)
        {
            return Some("codel");
        }
    }
    let changes = |kind: &ActionKind| matches!(kind, ActionKind::Policy(_));
    if scenario.actions.iter().any(|a| changes(&a.kind)) {
        return Some("change of policy");
    }
    None
}

impl<'s> World<'s> {
    /// One replication.
    pub fn run(scenario: &'s Scenario, policy: &'s Policy, rng: Stream) -> Vec<Told> {
        let surges: Vec<_> = scenario.faults_at(0);
        let tiers = (0..scenario.services.len()).map(|tier| Tier::new(scenario, policy, tier));
        let mut world = World {
            scenario,
            rng,
            now: 0,
            agenda: BinaryHeap::new(),
            events: Vec::new(),
            calls: Vec::new(),
            attempts: Vec::new(),
            tiers: tiers.collect(),
            callers: Clock::of_callers(&surges),
            paused: vec![Vec::new(); scenario.callers().count as usize],
        };
        world.plan_faults();
        world.plan_calls();
        let horizon = scenario.run.horizon.0;
        while let Some(Reverse((time, _, event))) = world.agenda.pop() {
            if time >= horizon {
                break;
            }
            world.pass(time);
            world.happen(event);
        }
        world.pass(horizon);
        world.tell()
    }

    fn at(&mut self, time: u64, event: Event) -> usize {
        let number = self.events.len();
        self.events.push(event);
        self.agenda.push(Reverse((time, cause(event), number)));
        number
    }

    /// Levels add up over time.
    fn pass(&mut self, time: u64) {
        let passed = u128::from(time - self.now);
        for tier in &mut self.tiers {
            tier.total.queue_ns += passed * tier.queued as u128;
            tier.total.busy_ns += passed * tier.serving as u128;
            tier.total.calls_ns += passed * u128::from(tier.outstanding);
        }
        self.now = time;
    }

    fn tell(self) -> Vec<Told> {
        let mut tiers = self.tiers;
        let horizon = self.now;
        for attempt in &self.attempts {
            let residue = &mut tiers[attempt.tier].residue;
            match attempt.place {
                Place::Queued => {
                    residue.queued += 1;
                    residue.queued_ns += u128::from(horizon - attempt.queued_at);
                }
                Place::Serving => {
                    residue.serving += 1;
                    residue.serving_ns += u128::from(horizon - attempt.began);
                }
                _ => {}
            }
        }
        for call in self.calls.iter().filter(|call| !call.is_over) {
            let residue = &mut tiers[call.tier].residue;
            residue.calls += 1;
            residue.calls_ns += u128::from(horizon - call.started);
        }
        let told = tiers.into_iter().map(|tier| Told {
            total: tier.total,
            residue: tier.residue,
            offered_when: tier.offered_when,
            first_when: tier.first_when,
            answered_when: tier.answered_when,
            hosts: tier.hosts.iter().map(|host| host.offered).collect(),
        });
        told.collect()
    }

    fn happen(&mut self, number: usize) {
        match self.events[number] {
            Event::Reset { tier, host } => self.reset(tier, host),
            Event::Clear { tier } => self.clear(tier),
            Event::Wake { tier, host } => self.start_waiting(tier, host),
            Event::Finish { attempt } => self.finish(attempt),
            Event::Answer { attempt, answer } => self.hear(attempt, answer),
            Event::Arrive { attempt } => self.arrive(attempt),
            Event::Cancel { attempt } => self.cancel(attempt),
            Event::Timeout { attempt } => self.time_out(attempt),
            Event::Hedge { call } => self.hedge(call, number),
            Event::Retry { call } => self.retry(call),
            Event::Call { caller } => self.due(caller),
        }
    }

    fn plan_faults(&mut self) {
        let horizon = self.scenario.run.horizon.0;
        for tier in 0..self.tiers.len() {
            for host in 0..self.tiers[tier].hosts.len() {
                let servers = self.tiers[tier].servers;
                let site = &self.tiers[tier].hosts[host].site;
                let (resets, wakes) = (site.resets(), site.wakes(servers, horizon));
                for time in resets {
                    self.at(time, Event::Reset { tier, host });
                }
                for time in wakes {
                    self.at(time, Event::Wake { tier, host });
                }
            }
            for time in self.tiers[tier].hosts[0].site.clears() {
                self.at(time, Event::Clear { tier });
            }
        }
    }

    fn is_judged(&self, started: u64) -> bool {
        let run = &self.scenario.run;
        (run.warmup.0..run.horizon.0 - run.cooldown.0).contains(&started)
    }

    fn bin(&self) -> f64 {
        (self.now / self.scenario.run.bin.0) as f64
    }

    /// A call starts: "attempt 1 is sent at once".
    fn call(&mut self, tier: usize, by: By, client: usize, sticks: usize) -> usize {
        let call = self.calls.len();
        self.calls.push(Call {
            tier,
            by,
            client,
            sticks,
            started: self.now,
            attempts: 0,
            afresh: 0,
            open: Vec::new(),
            tried: Vec::new(),
            previous: 0.0,
            paid: None,
            waits: None,
            timer: None,
            is_over: false,
            is_done: false,
        });
        let (judged, now) = (self.is_judged(self.now), self.now);
        let at = &mut self.tiers[tier];
        at.total.calls += 1;
        at.total.judged += u64::from(judged);
        at.outstanding += 1;
        at.clients[client].call_started(now);
        self.send(call, None);
        call
    }

    /// Sends an attempt of a call, if what the client keeps of all attempts lets it out. A retry
    /// has its ticket from before its wait.
    fn send(&mut self, call: usize, retry: Option<Ticket>) {
        let now = self.now;
        let Call { tier, client, .. } = self.calls[call];
        self.calls[call].attempts += 1;
        let policy = self.tiers[tier].policy;
        let of_client = &mut self.tiers[tier].clients[client];
        let ticket = of_client.lets_through(Scope::All, now);
        let lets_out = ticket.is_some() && of_client.throttle_lets_out(now, &mut self.rng);
        if !lets_out {
            of_client.gives_place(ticket.unwrap_or(0));
            of_client.gives_place(retry.unwrap_or(0));
            of_client.retries -= u64::from(retry.is_some());
            // What is not sent costs nothing.
            if retry.is_some()
                && let Some(failure) = self.calls[call].paid
            {
                of_client.pay_back(failure);
            }
            self.tiers[tier].total.denied_attempts += 1;
            self.fail(call, Failure::Denied, None);
            return;
        }
        let of_retries = retry.unwrap_or(0);
        of_client.attempt_sent(now);
        let host = self.choose(call);
        let attempt = self.attempts.len();
        self.attempts.push(Attempt {
            call,
            tier,
            host,
            number: self.calls[call].attempts,
            place: Place::OnItsWay,
            has_left: false,
            is_heard: false,
            is_cancelled: false,
            is_retry: retry.is_some(),
            ticket: ticket.unwrap_or(0).max(of_retries),
            queued_at: 0,
            began: 0,
            below: None,
        });
        self.calls[call].open.push(attempt);
        self.calls[call].tried.push(host);
        self.tiers[tier].total.attempts += 1;
        let arrives = now + self.way_out(tier, host);
        self.at(arrives, Event::Arrive { attempt });
        // "No answer `timeout` after sending, or at the call's deadline if that comes first."
        let deadline = policy.deadline.map(|d| self.calls[call].started + d.0);
        let ends = policy.timeout.map(|t| now + t.0);
        if let Some(time) = ends.into_iter().chain(deadline).min() {
            self.at(time, Event::Timeout { attempt });
        }
        self.start_timer(call);
    }

    /// "After `delay` without an answer another attempt is sent, up to `max` in flight and
    /// `attempts` in all. While `max` are in flight no timer runs."
    fn start_timer(&mut self, call: usize) {
        let policy = self.tiers[self.calls[call].tier].policy;
        self.calls[call].timer = None;
        if let Some(hedge) = &policy.hedge
            && self.calls[call].open.len() < hedge.max as usize
            && self.calls[call].attempts < policy.attempts
        {
            let timer = self.at(self.now + hedge.delay.0, Event::Hedge { call });
            self.calls[call].timer = Some(timer);
        }
    }

    /// One way to a service: the network, and `delay` faults as the attempt is sent.
    fn way_out(&mut self, tier: usize, host: usize) -> u64 {
        let mut time = self.scenario.network.out.sample(&mut self.rng).0 as f64;
        for fault in &self.tiers[tier].hosts[host].site.faults {
            if let FaultKind::Delay(law) = &fault.kind {
                let left = fault.effect(Nanos(self.now));
                if left > 0.0 {
                    time += left * law.sample(&mut self.rng).0 as f64;
                }
            }
        }
        time.round() as u64
    }

    /// The host that an attempt goes to (docs/model.md, "Hosts").
    fn choose(&mut self, call: usize) -> usize {
        let Call {
            tier,
            client,
            sticks,
            ..
        } = self.calls[call];
        let Some(hosts) = &self.tiers[tier].service.hosts else {
            self.tiers[tier].views[0].1[0] += 1;
            return 0;
        };
        let many = hosts.count as usize;
        let tried = &self.calls[call].tried;
        let avoids = self.tiers[tier].policy.elsewhere;
        let mut left: Vec<usize> = (0..many)
            .filter(|h| !avoids || !tried.contains(h))
            .collect();
        if left.is_empty() {
            left = (0..many).collect();
        }
        // Whose attempts are counted, and who takes turns.
        let view = match hosts.view {
            View::All => 0,
            _ => client,
        };
        let (turns, in_flight) = &mut self.tiers[tier].views[view];
        let balance = hosts.balance;
        let chosen = match balance {
            Balance::RoundRobin => {
                // Each process begins anywhere, a balancer for all of them with the first.
                let first = turns.get_or_insert_with(|| match hosts.view {
                    View::All => 0,
                    _ => self.rng.random_range(0..many),
                });
                while !left.contains(first) {
                    *first = (*first + 1) % many;
                }
                let chosen = *first;
                *first = (chosen + 1) % many;
                chosen
            }
            // Where that one is avoided, the next.
            Balance::Sticky => {
                let mut host = sticks % many;
                while !left.contains(&host) {
                    host = (host + 1) % many;
                }
                host
            }
            Balance::Least(_) | Balance::LeastOfAll => {
                let of = match balance {
                    Balance::Least(d) => (d as usize).min(left.len()),
                    _ => left.len(),
                };
                // So many different ones at random, in a random order: the first of the least.
                for i in 0..of {
                    let j = self.rng.random_range(i..left.len());
                    left.swap(i, j);
                }
                *left[..of]
                    .iter()
                    .min_by_key(|host| in_flight[**host])
                    .unwrap_or(&0)
            }
            _ => left[self.rng.random_range(0..left.len())],
        };
        in_flight[chosen] += 1;
        chosen
    }

    /// An attempt is in flight no longer: its caller has an answer, or gives it up.
    fn lands(&mut self, attempt: usize) {
        let Attempt {
            call,
            tier,
            host,
            is_retry,
            ..
        } = self.attempts[attempt];
        let client = self.calls[call].client;
        self.calls[call].open.retain(|open| *open != attempt);
        let at = &mut self.tiers[tier];
        at.clients[client].in_flight -= 1;
        at.clients[client].retries -= u64::from(is_retry);
        let view = if at.views.len() > 1 { client } else { 0 };
        at.views[view].1[host] -= 1;
    }

    /// A caller gives an attempt up; the service hears of it one network crossing later.
    fn leave(&mut self, attempt: usize) {
        self.lands(attempt);
        self.attempts[attempt].has_left = true;
        let tier = self.attempts[attempt].tier;
        if self.tiers[tier].service.cancel != Cancel::None {
            let time = self.now + self.scenario.network.out.sample(&mut self.rng).0;
            self.at(time, Event::Cancel { attempt });
        }
    }

    fn time_out(&mut self, attempt: usize) {
        let Attempt { call, tier, .. } = self.attempts[attempt];
        if self.attempts[attempt].has_left || self.attempts[attempt].is_heard {
            return;
        }
        self.leave(attempt);
        self.tiers[tier].total.timed_out += 1;
        self.attempt_failed(call, Failure::Timeout, None);
    }

    fn hear(&mut self, attempt: usize, answer: Answer) {
        let Attempt { call, tier, .. } = self.attempts[attempt];
        if self.attempts[attempt].has_left {
            return;
        }
        self.attempts[attempt].is_heard = true;
        self.lands(attempt);
        let total = &mut self.tiers[tier].total;
        match answer {
            Answer::Ok => {
                let client = self.calls[call].client;
                self.tiers[tier].clients[client].attempt_ended(true, self.now);
                self.succeed(call, self.attempts[attempt].number == 1);
            }
            Answer::Failed(failure, hint) => {
                match failure {
                    Failure::Error => total.errors += 1,
                    Failure::Rejected => total.rejected += 1,
                    Failure::Refused => total.refused += 1,
                    Failure::Reset => total.reset += 1,
                    _ => unreachable!("no service answers that"),
                }
                self.attempt_failed(call, failure, hint);
            }
        }
    }

    /// An attempt that was sent failed for its caller.
    fn attempt_failed(&mut self, call: usize, failure: Failure, hint: Option<u64>) {
        let Call { tier, client, .. } = self.calls[call];
        let of_client = &mut self.tiers[tier].clients[client];
        of_client.attempt_ended(false, self.now);
        of_client.attempt_failed(failure);
        self.fail(call, failure, hint);
    }

    /// "After a failure, in this order: attempts left? kind in `retry_on`? would the retry start
    /// before the `deadline`? do a breaker of retries and the budget allow it? Then wait."
    fn fail(&mut self, call: usize, failure: Failure, hint: Option<u64>) {
        let now = self.now;
        let Call {
            tier,
            client,
            started,
            attempts,
            ..
        } = self.calls[call];
        let policy = self.tiers[tier].policy;
        let in_flight = !self.calls[call].open.is_empty();
        let retry_on = match hint {
            Some(_) => policy.retry_on.asked(),
            None => policy.retry_on,
        };
        if !retry_on.contains(failure) {
            self.tiers[tier].clients[client].call_settled(now);
            self.give_up(call, failure == Failure::Denied, false);
            return;
        }
        if in_flight {
            self.fail_hedged(call, failure);
            return;
        }
        // There is nothing that the timer of hedges could wait for.
        self.calls[call].timer = None;
        if attempts >= policy.attempts {
            self.give_up(call, failure == Failure::Denied, false);
            return;
        }
        // "Retry: attempt 2 and later": also where an earlier one was a hedge.
        let k = attempts - self.calls[call].afresh;
        let mut previous = self.calls[call].previous;
        let delay = client::delay(policy, (k, failure), hint, &mut previous, &mut self.rng);
        self.calls[call].previous = previous;
        let Some(delay) = delay else {
            self.give_up(call, false, false);
            return;
        };
        if hint.is_some() && policy.retry_after == Hint::ReplaceAndRestart {
            (self.calls[call].afresh, self.calls[call].previous) = (attempts, 0.0);
        }
        let deadline = policy.deadline.map_or(u64::MAX, |d| started + d.0);
        if now + delay >= deadline {
            self.give_up(call, false, false);
            return;
        }
        let of_client = &mut self.tiers[tier].clients[client];
        let Some(ticket) = of_client.lets_through(Scope::Retries, now) else {
            self.tiers[tier].total.denied += 1;
            self.give_up(call, true, false);
            return;
        };
        if !of_client.withdraw(failure, now) {
            of_client.gives_place(ticket);
            self.tiers[tier].total.denied += 1;
            self.give_up(call, false, true);
            return;
        }
        of_client.retries += 1;
        self.calls[call].paid = Some(failure);
        self.calls[call].waits = Some(ticket);
        self.at(now + delay, Event::Retry { call });
    }

    fn retry(&mut self, call: usize) {
        if self.calls[call].is_over {
            return;
        }
        let ticket = self.calls[call].waits.take();
        self.send(call, ticket);
    }

    /// A failure that is retried "sends the next at once (`next_on_failure = false`: leaves the
    /// timer alone) while others are in flight, at the price of a retry after that failure".
    fn fail_hedged(&mut self, call: usize, failure: Failure) {
        let tier = self.calls[call].tier;
        let policy = self.tiers[tier].policy;
        let Some(hedge) = &policy.hedge else {
            unreachable!("only hedges are in flight besides others");
        };
        if hedge.next_on_failure {
            self.send_another(call, failure);
        } else if self.calls[call].open.len() + 1 == hedge.max as usize {
            // No timer ran while so many were in flight: "it starts when there is room again".
            self.start_timer(call);
        }
    }

    fn hedge(&mut self, call: usize, timer: usize) {
        if self.calls[call].is_over || self.calls[call].timer != Some(timer) {
            return;
        }
        self.calls[call].timer = None;
        // "One that the timer sends costs the budget what a retry after a timeout does."
        self.send_another(call, Failure::Timeout);
    }

    fn send_another(&mut self, call: usize, failure: Failure) {
        let Call {
            tier,
            client,
            started,
            attempts,
            ..
        } = self.calls[call];
        let policy = self.tiers[tier].policy;
        let deadline = policy.deadline.map_or(u64::MAX, |d| started + d.0);
        if attempts >= policy.attempts || self.now >= deadline {
            return;
        }
        if !self.tiers[tier].clients[client].withdraw(failure, self.now) {
            self.tiers[tier].total.denied += 1;
            return;
        }
        self.tiers[tier].clients[client].retries += 1;
        self.calls[call].paid = Some(failure);
        self.send(call, Some(0));
    }

    fn succeed(&mut self, call: usize, at_first_try: bool) {
        let Call { tier, client, .. } = self.calls[call];
        let (judged, bin, now) = (
            self.is_judged(self.calls[call].started),
            self.bin(),
            self.now,
        );
        let at = &mut self.tiers[tier];
        at.answered_when += bin;
        at.total.ok += 1;
        at.total.first_try += u64::from(at_first_try);
        at.total.judged_ok += u64::from(judged);
        at.total.judged_first_try += u64::from(judged && at_first_try);
        // A retry that is paid for and not sent is paid back.
        let paid = self.calls[call].paid;
        if self.calls[call].waits.is_some()
            && let Some(failure) = paid
        {
            at.clients[client].pay_back(failure);
        }
        at.clients[client].call_succeeded(paid, now);
        self.over(call, true);
    }

    fn give_up(&mut self, call: usize, held_back: bool, no_budget: bool) {
        let Call { tier, started, .. } = self.calls[call];
        let judged = self.is_judged(started);
        let total = &mut self.tiers[tier].total;
        total.failed += 1;
        total.judged_failed += u64::from(judged);
        total.judged_held_back += u64::from(judged && held_back);
        total.judged_no_budget += u64::from(judged && no_budget);
        if judged {
            total.given_up_ns += u128::from(self.now - started);
        }
        self.over(call, false);
    }

    /// A call ends: what is in flight is given up, and whoever made it goes on.
    fn over(&mut self, call: usize, is_ok: bool) {
        let Call {
            tier,
            client,
            started,
            by,
            ..
        } = self.calls[call];
        self.calls[call].is_over = true;
        self.tiers[tier].outstanding -= 1;
        self.tiers[tier].total.ended_ns += u128::from(self.now - started);
        if let Some(ticket) = self.calls[call].waits.take() {
            self.tiers[tier].clients[client].gives_place(ticket);
            self.tiers[tier].clients[client].retries -= 1;
        }
        for attempt in self.calls[call].open.clone() {
            self.leave(attempt);
        }
        match by {
            By::Attempt(attempt) => self.answered_below(attempt, is_ok),
            By::Caller(caller) => {
                // "Thinks for a draw of `think` after it ends."
                if let Arrival::Closed { think } = &self.scenario.callers().arrival {
                    let draw = think.sample(&mut self.rng).0 as f64;
                    let time = self.callers.after(self.now, draw);
                    self.at(time, Event::Call { caller });
                }
            }
        }
    }

    /// The service for which a call was made has been reset, or was told that its own caller
    /// gave up: the call "ends as failed then and there, without more retries".
    fn abandon(&mut self, call: usize) {
        if self.calls[call].is_over {
            return;
        }
        let Call { tier, client, .. } = self.calls[call];
        for attempt in self.calls[call].open.clone() {
            let ticket = self.attempts[attempt].ticket;
            self.tiers[tier].clients[client].gives_place(ticket);
        }
        self.give_up(call, false, false);
    }
}
