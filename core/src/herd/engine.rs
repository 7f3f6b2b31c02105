//! The event loop of one replication.

use std::collections::VecDeque;

use crate::herd::agenda::Cause;
use crate::herd::book::Outcome;
use crate::herd::calendar::NEVER;
use crate::herd::census::Seen;
use crate::herd::counts::Counts;
use crate::herd::fine::Fine;
use crate::herd::path::Path;
use crate::herd::resolve;
use crate::herd::tier::{Kind, Message, Tier, is_plain};
use crate::scenario::Scenario;
use crate::scenario::action::Action;
use crate::scenario::fault::Fault;
use crate::scenario::policy::Policy;
use crate::streams::Streams;
use crate::units::Nanos;

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

impl<'s> Herd<'s> {
    /// Runs one replication: a pure function of the scenario and the streams.
    pub fn replicate(&self, streams: Streams) -> Outcome {
        let mut running = self.begin(streams);
        running.until(self.scenario.run.horizon);
        running.finish()
    }

    /// Runs its twin: the same without the faults that do harm and what is done about them, of
    /// which latencies and the time series are not kept.
    pub fn twin(&self, streams: Streams) -> Outcome {
        let mut running = self.begin_twin(streams);
        running.until(self.scenario.run.horizon);
        running.finish()
    }

    /// A twin that has yet to happen.
    pub fn begin_twin(&self, streams: Streams) -> Running<'s> {
        let faults = self.scenario.faults.iter();
        let harmless: Vec<Fault> = faults.filter(|f| f.kind.relieves()).cloned().collect();
        let kind = Kind {
            faults: &harmless,
            acts: false,
            is_twin: true,
        };
        self.start(kind, streams)
    }

    /// Whether it takes the fast path, on which an attempt is one event.
    pub fn is_fast(&self) -> bool {
        self.engine == Engine::Fitting && resolve::fits(self.scenario, self.policy)
    }

    /// A replication that has yet to happen.
    pub fn begin(&self, streams: Streams) -> Running<'s> {
        self.start(self.kind(false), streams)
    }

    /// The same, of which neither latencies nor a time series are kept.
    pub fn begin_bare(&self, streams: Streams) -> Running<'s> {
        self.start(self.kind(true), streams)
    }

    /// With all that the scenario has, of which no more is kept than is wanted of a twin.
    fn kind(&self, is_twin: bool) -> Kind<'s> {
        Kind {
            faults: &self.scenario.faults,
            acts: self.policy.acts,
            is_twin,
        }
    }

    fn start(&self, kind: Kind<'_>, streams: Streams) -> Running<'s> {
        let (scenario, policy) = (self.scenario, self.policy);
        let path: Box<dyn Path<'s> + 's> = if self.is_fast() {
            resolve::begin(scenario, scenario.policy_of(0, policy), kind, streams)
        } else if is_plain(scenario, policy) {
            let mut tier = Tier::<true>::new(scenario, 0, policy, kind, streams);
            tier.begin();
            Box::new(Alone {
                scenario,
                tier,
                ended: None,
                events: 0,
            })
        } else {
            let tier = |place| Tier::<false>::new(scenario, place, policy, kind, streams);
            let count = scenario.services.len();
            let mut tiers: Vec<Tier<'s, false>> = (0..count).map(tier).collect();
            tiers.iter_mut().for_each(Tier::begin);
            Box::new(Chain {
                scenario,
                tiers,
                made: vec![Vec::new(); count],
                mail: VecDeque::new(),
                ended: None,
                events: 0,
            })
        };
        Running {
            horizon: scenario.run.horizon,
            path,
        }
    }
}

/// A replication under way. A copy of it may go on another way.
pub struct Running<'s> {
    horizon: Nanos,
    path: Box<dyn Path<'s> + 's>,
}

impl Clone for Running<'_> {
    fn clone(&self) -> Self {
        Running {
            horizon: self.horizon,
            path: self.path.copy(),
        }
    }
}

impl Running<'_> {
    /// Lets happen all that does before an instant.
    pub fn until(&mut self, time: Nanos) {
        self.path.until(time.0, u64::MAX);
    }

    /// The same, but no more than so many events; returns how many there were. One that
    /// reached the limit is good for nothing more.
    pub fn try_until(&mut self, time: Nanos, most: u64) -> u64 {
        self.path.until(time.0, most)
    }

    /// Attempts that wait for a server, and calls that are not ended.
    pub fn levels(&self) -> [u32; 2] {
        self.path.levels()
    }

    /// What was counted up to where it has come of the callers' service, and who is where
    /// there; nothing on the fast path, on which attempts are worked out ahead.
    pub fn census(&self) -> Option<(Counts, Vec<Seen>)> {
        self.path.census()
    }

    /// When it ends.
    pub fn horizon(&self) -> Nanos {
        self.horizon
    }

    /// From now on attempts are rejected and calls paused by these actions, none of which
    /// begins earlier. It must be known of nobody who is already on the way what becomes of
    /// it by them: what changes servers or policies is for a run from its beginning, and so
    /// are closed callers whom one pauses.
    pub fn act(&mut self, actions: &[Action], now: Nanos, streams: Streams) {
        self.path.act(actions, now.0, streams);
    }

    /// What has been counted so far to tell health by is not wanted, and not copied.
    pub fn forget(&mut self) {
        self.path.forget();
    }

    /// From now on chance is drawn from other streams.
    pub fn reseed(&mut self, streams: Streams) {
        self.path.reseed(streams);
    }

    /// What has been counted finely so far.
    pub(super) fn fine(&self) -> &Fine {
        self.path.fine()
    }

    /// Ends it, at its horizon or where it has come to.
    pub fn finish(self) -> Outcome {
        let outcome = self.path.finish();
        debug_assert_eq!(outcome.unbalanced(), None, "the books do not balance");
        outcome
    }
}

/// A plain service, by itself.
#[derive(Clone)]
struct Alone<'s> {
    scenario: &'s Scenario,
    tier: Tier<'s, true>,
    /// When nothing was left to happen.
    ended: Option<u64>,
    events: u64,
}

impl<'s> Path<'s> for Alone<'s> {
    fn until(&mut self, until: u64, most: u64) -> u64 {
        if self.ended.is_some() {
            return 0;
        }
        let (tier, mut left) = (&mut self.tier, most);
        while left > 0 {
            let (time, cause) = tier.next();
            if time >= until {
                tier.advance(until);
                break;
            }
            if tier.settle(time, cause) {
                continue;
            }
            tier.step(time, cause);
            left -= 1;
            if tier.is_done() {
                self.ended = Some(time);
                break;
            }
        }
        self.events += most - left;
        most - left
    }

    fn levels(&self) -> [u32; 2] {
        self.tier.levels()
    }

    fn census(&self) -> Option<(Counts, Vec<Seen>)> {
        Some(self.tier.census())
    }

    fn reseed(&mut self, streams: Streams) {
        self.tier.reseed(0, streams);
    }

    fn act(&mut self, actions: &[Action], now: u64, streams: Streams) {
        self.tier.act(actions, now, streams);
    }

    fn forget(&mut self) {
        self.tier.forget();
    }

    fn fine(&self) -> &Fine {
        self.tier.fine()
    }

    fn copy(&self) -> Box<dyn Path<'s> + 's> {
        Box::new(self.clone())
    }

    fn finish(self: Box<Self>) -> Outcome {
        let end = self.ended.unwrap_or(self.scenario.run.horizon.0);
        self.tier.finish(end, self.scenario, 0, self.events)
    }
}

/// Services that call each other in a row.
///
/// Of events at the same instant those of the earlier service come first; what
/// they mean for its neighbours happens before anything else.
#[derive(Clone)]
struct Chain<'s> {
    scenario: &'s Scenario,
    tiers: Vec<Tier<'s, false>>,
    /// By service and attempt there, its call to the next one.
    made: Vec<Vec<u32>>,
    /// Messages under way, from which service.
    mail: VecDeque<(usize, Message)>,
    /// When nothing was left to happen.
    ended: Option<u64>,
    events: u64,
}

impl<'s> Path<'s> for Chain<'s> {
    fn until(&mut self, until: u64, most: u64) -> u64 {
        let mut left = most;
        while self.ended.is_none() && left > 0 {
            let (mut tier, mut first) = (0, (NEVER, Cause::Call));
            for (place, candidate) in self.tiers.iter().enumerate() {
                let next = candidate.next();
                if next.0 < first.0 {
                    (tier, first) = (place, next);
                }
            }
            let (time, cause) = first;
            if time >= until {
                self.tiers.iter_mut().for_each(|tier| tier.advance(until));
                break;
            }
            if self.tiers[tier].settle(time, cause) {
                continue;
            }
            self.tiers[tier].step(time, cause);
            left -= 1;
            self.deliver(tier, time);
            if self.tiers[0].is_done() && self.tiers.iter().all(Tier::is_idle) {
                self.ended = Some(time);
            }
        }
        self.events += most - left;
        most - left
    }

    fn levels(&self) -> [u32; 2] {
        self.tiers[0].levels()
    }

    fn census(&self) -> Option<(Counts, Vec<Seen>)> {
        Some(self.tiers[0].census())
    }

    fn reseed(&mut self, streams: Streams) {
        for (place, tier) in self.tiers.iter_mut().enumerate() {
            tier.reseed(place, streams);
        }
    }

    fn act(&mut self, actions: &[Action], now: u64, streams: Streams) {
        for (place, tier) in self.tiers.iter_mut().enumerate() {
            let here = self.scenario.actions_at(place, actions);
            tier.act(&here, now, streams);
        }
    }

    fn forget(&mut self) {
        self.tiers.iter_mut().for_each(Tier::forget);
    }

    fn fine(&self) -> &Fine {
        self.tiers[0].fine()
    }

    fn copy(&self) -> Box<dyn Path<'s> + 's> {
        Box::new(self.clone())
    }

    fn finish(self: Box<Self>) -> Outcome {
        let Chain {
            scenario,
            tiers,
            ended,
            events,
            ..
        } = *self;
        let end = ended.unwrap_or(scenario.run.horizon.0);
        let mut outcomes = tiers.into_iter().enumerate().map(|(place, tier)| {
            // Events are those of the whole chain.
            tier.finish(end, scenario, place, if place == 0 { events } else { 0 })
        });
        // A chain has a first service.
        let mut first = outcomes.next().unwrap_or_else(|| unreachable!());
        first.tiers = outcomes.collect();
        first
    }
}

impl Chain<'_> {
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
                    let group = self.tiers[from].group_of(attempt);
                    let call = self.tiers[from + 1].call_from_above(attempt, group, now);
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
