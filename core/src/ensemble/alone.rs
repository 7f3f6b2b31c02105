//! How often a herd collapses by itself, without a fault.
//!
//! A collapse is told by its queue: it has grown from nothing to as long as anyone waits, the
//! *full level*, and five seconds later is that long, without having been empty in between. So
//! each is counted once, however often the queue fills and empties before. *Plain* runs count how often that happens. Where it is rare, it
//! is split into steps (multilevel splitting; Garvels 2000, "The splitting method in rare event
//! simulation"): how often the queue grows from nothing to a first level is counted in plain
//! runs; from copies of the runs that got to a level, each with random numbers of its own from
//! there on, it is counted how many get to the next before the queue is empty again. The rate of
//! the first and the shares of the others multiply to the rate of all. Levels are chosen by runs
//! of their own, so that given these the estimate has no bias.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::RngExt;

use crate::ensemble::Workers;
use crate::herd::{Engine, Herd, Running};
use crate::scenario::Scenario;
use crate::stats::Estimate;
use crate::streams::{Purpose, Streams};
use crate::units::Nanos;

/// How often one looks at the queue, in ns.
const LOOK: u64 = 10_000_000;
/// For how long a collapse has to have lasted, in ns.
const HOLD: u64 = 5_000_000_000;
/// The longest that a copy goes on, in ns.
const MOST: u64 = 300_000_000_000;
/// Copies of a step, and how often all steps are repeated.
const COPIES: u64 = 240;
const REPEATS: u64 = 8;
/// For how long first levels are counted in a run, in ns.
const OBSERVED: u64 = 120_000_000_000;
/// Runs in which first levels are counted.
const FIRST: u64 = 10;
/// Below this rate per hour it is called never.
pub const NEVER: f64 = 1e-12;

/// A scenario without faults, under one of its policies.
pub struct Alone<'a> {
    scenario: Scenario,
    policy: usize,
    /// The queue at which a collapse begins.
    full: u32,
    workers: &'a Workers,
    stop: &'a AtomicBool,
    engine: Engine,
}

/// What plain runs have counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain {
    pub collapses: u64,
    pub hours: f64,
}

/// What splitting found.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Collapses per hour: mean and 95% interval over repeats; [`NEVER`] at most where it was
    /// not followed further.
    pub per_hour: Estimate,
    /// The levels of the queue.
    pub levels: Vec<u32>,
    /// Whether it is rarer than that.
    pub is_bound: bool,
}

impl<'a> Alone<'a> {
    /// Of a scenario whose attempts are waited for no longer than `full` others take; nothing
    /// where its queue cannot get as long as that.
    pub fn new(
        scenario: &Scenario,
        policy: usize,
        full: f64,
        (workers, stop, engine): (&'a Workers, &'a AtomicBool, Engine),
    ) -> Option<Alone<'a>> {
        let room = scenario.entry().pool()?.queue;
        let full = full.ceil();
        if full < 1.0 || full > f64::from(room) {
            return None;
        }
        let mut scenario = scenario.clone();
        scenario.faults.clear();
        scenario.actions.clear();
        Some(Alone {
            scenario,
            policy,
            full: full as u32,
            workers,
            stop,
            engine,
        })
    }

    /// Runs of so long in all, up to an hour each.
    pub fn plain(&self, hours: f64) -> Option<Plain> {
        let lasts = Nanos((hours.min(0.9) * 3.6e12) as u64);
        let scenario = self.lasting(lasts);
        let runs: Vec<u64> = (0..(hours * 3.6e12 / lasts.0 as f64).ceil() as u64).collect();
        let found = self.workers.map(&runs, |run| {
            let mut running = self.herd(&scenario).begin_bare(self.streams(0, *run));
            let begin = self.scenario.run.warmup.0;
            let mut now = begin;
            let mut grown = Grown::to(self.full);
            let mut collapse = Held::default();
            while now < lasts.0 {
                if self.stop.load(Ordering::Relaxed) {
                    return None;
                }
                now += LOOK;
                let queue = queue(&mut running, now);
                if grown.sees(queue) {
                    collapse.began(now);
                }
                if collapse.is(now, queue, self.full) {
                    return Some((1, now - begin));
                }
            }
            Some((0, now - begin))
        });
        let mut sum = Plain {
            collapses: 0,
            hours: 0.0,
        };
        for of in found {
            let (collapses, ns) = of?;
            sum.collapses += collapses;
            sum.hours += ns as f64 / 3.6e12;
        }
        Some(sum)
    }

    /// The rate by steps.
    pub fn split(&self) -> Option<Split> {
        let observed = Nanos(self.scenario.run.warmup.0 + OBSERVED);
        let scenario = self.lasting(Nanos(observed.0 + MOST));
        let first = self.first_level(&scenario, observed)?;
        let mut levels = vec![first];
        // The pilot: where the next level is, and about how much is left.
        let (mut rate, mut states) = self.entries(&scenario, observed, first, 0)?;
        let mut is_bound = false;
        while levels[levels.len() - 1] < self.full {
            let here = levels[levels.len() - 1];
            if states.is_empty() || rate < NEVER / 100.0 {
                is_bound = true;
                break;
            }
            let mut reached = self.copies(&states, 1, levels.len() as u64, |running, now| {
                climb(running, now, self.full).0
            })?;
            reached.sort_unstable();
            let most = reached[reached.len() / 2];
            let next = most.clamp(here + 1, self.full);
            let climbed = self.up(&states, next, 2, levels.len() as u64)?;
            rate *= climbed.len() as f64 / COPIES as f64;
            states = climbed;
            levels.push(next);
        }
        let repeats: Vec<u64> = (0..REPEATS).collect();
        let mut rates = Vec::new();
        for repeat in &repeats {
            rates.push(self.repeat(&scenario, observed, &levels, 10 + 2 * repeat, is_bound)?);
        }
        let per_hour = Estimate::of(rates.iter().copied()).within(0.0, f64::INFINITY);
        Some(Split {
            per_hour,
            levels,
            is_bound,
        })
    }

    /// One estimate of the rate per hour, by given levels.
    fn repeat(
        &self,
        scenario: &Scenario,
        observed: Nanos,
        levels: &[u32],
        round: u64,
        is_bound: bool,
    ) -> Option<f64> {
        let (mut rate, mut states) = self.entries(scenario, observed, levels[0], round)?;
        for (step, level) in levels.iter().enumerate().skip(1) {
            if states.is_empty() {
                return Some(0.0);
            }
            states = self.up(&states, *level, round + 1, step as u64)?;
            rate *= states.len() as f64 / COPIES as f64;
        }
        if is_bound || states.is_empty() {
            return Some(if states.is_empty() { 0.0 } else { rate });
        }
        let step = levels.len() as u64;
        let held = self.copies(&states, round + 1, step, |running, from| {
            let mut collapse = Held(Some(from + HOLD));
            let mut looks = (1..=HOLD / LOOK).map(|i| from + i * LOOK);
            looks.any(|now| collapse.is(now, queue(running, now), self.full))
        })?;
        let share = held.iter().filter(|held| **held).count() as f64 / held.len() as f64;
        Some(rate * share)
    }

    /// A level to which the queue grows now and then.
    fn first_level(&self, scenario: &Scenario, observed: Nanos) -> Option<u32> {
        let mut running = self.herd(scenario).begin_bare(self.streams(1, 0));
        let (mut most, mut tops) = (0, Vec::new());
        let mut now = self.scenario.run.warmup.0;
        while now < observed.0 {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            now += LOOK;
            match queue(&mut running, now) {
                0 if most > 0 => tops.push(std::mem::take(&mut most)),
                queue => most = most.max(queue),
            }
        }
        tops.push(most);
        tops.sort_unstable();
        Some(tops[tops.len() * 4 / 5].clamp(1, self.full))
    }

    /// How often per hour the queue grows from nothing to a level, and runs that did.
    fn entries<'s>(
        &self,
        scenario: &'s Scenario,
        observed: Nanos,
        level: u32,
        round: u64,
    ) -> Option<(f64, Vec<State<'s>>)> {
        /// Of one run at most so many are kept.
        const KEPT: usize = 40;
        let runs: Vec<u64> = (0..FIRST).collect();
        let found = self.workers.map(&runs, |run| {
            let mut running = self
                .herd(scenario)
                .begin_bare(self.streams(2 + round, *run));
            let begin = self.scenario.run.warmup.0;
            let (mut now, mut count) = (begin, 0u64);
            let (mut grown, mut full) = (Grown::to(level), Grown::to(self.full));
            let mut collapse = Held::default();
            let mut states = Vec::new();
            while now < observed.0 {
                if self.stop.load(Ordering::Relaxed) {
                    return None;
                }
                now += LOOK;
                let queue = queue(&mut running, now);
                if grown.sees(queue) {
                    count += 1;
                    if states.len() < KEPT {
                        states.push((running.clone(), now));
                    }
                }
                if full.sees(queue) {
                    collapse.began(now);
                }
                // One that has collapsed counts no more.
                if collapse.is(now, queue, self.full) {
                    break;
                }
            }
            Some((count, (now - begin) as f64 / 3.6e12, states))
        });
        let (mut count, mut hours, mut states) = (0, 0.0, Vec::new());
        for of in found {
            let (more, lasted, own) = of?;
            count += more;
            hours += lasted;
            states.extend(own);
        }
        Some((count as f64 / hours, states))
    }

    /// The copies of some runs that get to a level before the queue is empty.
    fn up<'s>(
        &self,
        states: &[State<'s>],
        level: u32,
        round: u64,
        step: u64,
    ) -> Option<Vec<State<'s>>> {
        let all = self.copies(states, round, step, |running, now| {
            let (most, at) = climb(running, now, level);
            (most >= level).then(|| (running.clone(), at))
        })?;
        Some(all.into_iter().flatten().collect())
    }

    /// What comes of copies of some runs, each drawn at random and with chance of its own.
    fn copies<'s, R: Send>(
        &self,
        states: &[State<'s>],
        round: u64,
        step: u64,
        each: impl Fn(&mut Running<'s>, u64) -> R + Send + Sync,
    ) -> Option<Vec<R>> {
        let copies: Vec<u64> = (0..COPIES).collect();
        let all = self.workers.map(&copies, |copy| {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let streams = self.streams(1_000 * (round + 1) + step, *copy);
            let mut rng = streams.stream(Purpose::Actions);
            let (running, now) = &states[rng.random_range(0..states.len())];
            let mut running = running.clone();
            running.reseed(streams);
            Some(each(&mut running, *now))
        });
        all.into_iter().collect()
    }

    fn lasting(&self, lasts: Nanos) -> Scenario {
        let mut scenario = self.scenario.clone();
        scenario.run.horizon = Nanos(lasts.0 + HOLD + LOOK);
        scenario.run.cooldown = Nanos::ZERO;
        scenario
    }

    fn herd<'s>(&self, scenario: &'s Scenario) -> Herd<'s> {
        Herd {
            scenario,
            policy: &scenario.policies[self.policy].1,
            engine: self.engine,
        }
    }

    /// Streams of a purpose of these runs, apart from those of others.
    fn streams(&self, purpose: u64, run: u64) -> Streams {
        Streams {
            seed: self.scenario.run.seed ^ 0x5a17_0000_0000_0000 ^ purpose << 20,
            replication: run,
        }
    }
}

/// Sees a queue grow from nothing to a level.
struct Grown {
    level: u32,
    was_empty: bool,
}

impl Grown {
    fn to(level: u32) -> Grown {
        Grown {
            level,
            was_empty: true,
        }
    }

    fn sees(&mut self, queue: u32) -> bool {
        let grown = self.was_empty && queue >= self.level;
        self.was_empty = queue == 0 || self.was_empty && !grown;
        grown
    }
}

/// When a collapse will have lasted for long enough, if one has begun.
#[derive(Default)]
struct Held(Option<u64>);

impl Held {
    fn began(&mut self, now: u64) {
        self.0 = Some(now + HOLD);
    }

    /// Whether it has by now.
    fn is(&mut self, now: u64, queue: u32, full: u32) -> bool {
        if queue == 0 {
            self.0 = None;
        }
        let is_due = self.0.is_some_and(|due| due <= now);
        is_due && self.0.take().is_some() && queue >= full
    }
}

/// A run that has come to a level, and when.
type State<'s> = (Running<'s>, u64);

/// How many wait at an instant to which a run is brought.
fn queue(running: &mut Running<'_>, now: u64) -> u32 {
    running.until(Nanos(now));
    running.forget();
    running.levels()[0]
}

/// Goes on until the queue is empty or has come to a level: the longest it was, and when that
/// was over.
fn climb(running: &mut Running<'_>, from: u64, level: u32) -> (u32, u64) {
    let (mut most, mut now) = (0, from);
    loop {
        now += LOOK;
        let queue = queue(running, now);
        most = most.max(queue);
        if queue == 0 || queue >= level || now - from >= MOST - HOLD {
            return (most, now);
        }
    }
}
