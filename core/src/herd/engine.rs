//! The event loop of one replication.

use std::collections::VecDeque;

use crate::herd::agenda::Cause;
use crate::herd::book::Outcome;
use crate::herd::calendar::NEVER;
use crate::herd::resolve;
use crate::herd::tier::{Kind, Message, Tier, is_plain};
use crate::scenario::Scenario;
use crate::scenario::fault::Fault;
use crate::scenario::policy::Policy;
use crate::streams::Streams;

/// What a replication is worked out by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// The fast path where a scenario fits it, and else events.
    #[default]
    Fitting,
    /// One event after another, whatever the scenario is.
    Events,
}

/// A scenario under one of its policies: a world that can be run again and again.
#[derive(Clone, Copy, Debug)]
pub struct Herd<'s> {
    pub scenario: &'s Scenario,
    pub policy: &'s Policy,
    pub engine: Engine,
}

impl Herd<'_> {
    /// Runs one replication: a pure function of the scenario and the streams.
    pub fn replicate(&self, streams: Streams) -> Outcome {
        let kind = Kind {
            faults: &self.scenario.faults,
            acts: self.policy.acts,
            is_twin: false,
        };
        self.run(kind, streams)
    }

    /// Runs its twin: the same without the faults that do harm and what is done about them, of
    /// which latencies and the time series are not kept.
    pub fn twin(&self, streams: Streams) -> Outcome {
        let faults = self.scenario.faults.iter();
        let harmless: Vec<Fault> = faults.filter(|f| f.kind.relieves()).cloned().collect();
        let kind = Kind {
            faults: &harmless,
            acts: false,
            is_twin: true,
        };
        self.run(kind, streams)
    }

    /// Whether it takes the fast path, on which an attempt is one event.
    pub fn is_fast(&self) -> bool {
        self.engine == Engine::Fitting && resolve::fits(self.scenario, self.policy)
    }

    fn run(&self, kind: Kind<'_>, streams: Streams) -> Outcome {
        let horizon = self.scenario.run.horizon.0;
        if self.is_fast() {
            return resolve::run(self.scenario, self.policy, kind, streams);
        }
        if is_plain(self.scenario, self.policy) {
            let mut tier = Tier::<true>::new(self.scenario, 0, self.policy, kind, streams);
            let (end, events) = alone(&mut tier, horizon);
            return tier.finish(end, self.scenario, 0, events);
        }
        let tier = |place| Tier::<false>::new(self.scenario, place, self.policy, kind, streams);
        let count = self.scenario.services.len();
        let mut chain = Chain {
            tiers: (0..count).map(tier).collect(),
            made: vec![Vec::new(); count],
            mail: VecDeque::new(),
        };
        let (end, events) = chain.run(horizon);
        let mut outcomes = chain.tiers.into_iter().enumerate().map(|(place, tier)| {
            // Events are those of the whole chain.
            tier.finish(
                end,
                self.scenario,
                place,
                if place == 0 { events } else { 0 },
            )
        });
        // A chain has a first service.
        let mut first = outcomes.next().unwrap_or_else(|| unreachable!());
        first.tiers = outcomes.collect();
        first
    }
}

/// Runs a plain service to the horizon, or until nothing is left to happen:
/// when that was, and how many events it took.
fn alone(tier: &mut Tier<'_, true>, horizon: u64) -> (u64, u64) {
    let mut events = 0;
    tier.begin();
    loop {
        let (time, cause) = tier.next();
        if time >= horizon {
            return (horizon, events);
        }
        if tier.settle(time, cause) {
            continue;
        }
        tier.step(time, cause);
        events += 1;
        if tier.is_done() {
            return (time, events);
        }
    }
}

/// Services that call each other in a row.
///
/// Of events at the same instant those of the earlier service come first; what
/// they mean for its neighbours happens before anything else.
struct Chain<'s> {
    tiers: Vec<Tier<'s, false>>,
    /// By service and attempt there, its call to the next one.
    made: Vec<Vec<u32>>,
    /// Messages under way, from which service.
    mail: VecDeque<(usize, Message)>,
}

impl Chain<'_> {
    fn run(&mut self, horizon: u64) -> (u64, u64) {
        let mut events = 0;
        for tier in &mut self.tiers {
            tier.begin();
        }
        loop {
            let (mut tier, mut first) = (0, (NEVER, Cause::Call));
            for (place, candidate) in self.tiers.iter().enumerate() {
                let next = candidate.next();
                if next.0 < first.0 {
                    (tier, first) = (place, next);
                }
            }
            let (time, cause) = first;
            if time >= horizon {
                return (horizon, events);
            }
            if self.tiers[tier].settle(time, cause) {
                continue;
            }
            self.tiers[tier].step(time, cause);
            events += 1;
            self.deliver(tier, time);
            if self.tiers[0].is_done() && self.tiers.iter().all(Tier::is_idle) {
                return (time, events);
            }
        }
    }

    /// Passes on what a service has for its neighbours, and what comes of it.
    ///
    /// Messages name slots without their generation. That is safe: attempts
    /// begin to call only in a step, one a step, so that while messages are
    /// under way no slot that one of them names comes to stand for another
    /// call; and a message for what has been cut off since finds it ended.
    fn deliver(&mut self, tier: usize, now: u64) {
        self.collect(tier);
        while let Some((from, message)) = self.mail.pop_front() {
            let to = match message {
                Message::Call(attempt) => {
                    let call = self.tiers[from + 1].call_from_above(attempt, now);
                    let made = &mut self.made[from];
                    if made.len() <= attempt as usize {
                        made.resize(attempt as usize + 1, 0);
                    }
                    made[attempt as usize] = call;
                    from + 1
                }
                Message::Abandon(attempt) => {
                    let call = self.made[from][attempt as usize];
                    self.tiers[from + 1].abandon(call, now);
                    from + 1
                }
                Message::Ended(attempt, ok) => {
                    self.tiers[from - 1].answered_from_below(attempt, ok, now);
                    from - 1
                }
            };
            self.collect(to);
        }
    }

    fn collect(&mut self, tier: usize) {
        let letters = self.tiers[tier].outbox.drain(..);
        self.mail.extend(letters.map(|message| (tier, message)));
    }
}
