//! When calls begin.

use std::collections::VecDeque;

use rand::RngExt;

use crate::dist::{Dist, Exponentials, happens, unit};
use crate::herd::agenda::{Lane, Token};
use crate::herd::calendar::{Calendar, NEVER};
use crate::herd::fault::{Clock, call_clock, trace_clock};
use crate::scenario::action::{Action, ActionKind};
use crate::scenario::callers::{Arrival, Callers, Phase};
use crate::scenario::fault::Fault;
use crate::streams::{Purpose, Stream, Streams};
use crate::units::Nanos;

/// The source of calls. All of it runs on the callers' clock, which a surge speeds up.
#[derive(Clone)]
pub struct Arrivals {
    kind: Kind,
    clock: Clock,
    rng: Stream,
    draws: Exponentials,
    callers: u32,
    /// Time of the next call, or of the next tick that may be one.
    next: u64,
    pauses: Option<Box<Pauses>>,
}

/// Callers who are kept from calling.
#[derive(Clone)]
struct Pauses {
    pauses: Vec<Action>,
    rng: Stream,
}

impl Pauses {
    /// Nothing without any.
    fn new(actions: &[Action], streams: Streams, group: u64) -> Option<Pauses> {
        let paused = |action: &&Action| matches!(action.kind, ActionKind::Pause(_));
        let mut pauses: Vec<Action> = actions.iter().filter(paused).cloned().collect();
        pauses.sort_by_key(|pause| pause.from);
        (!pauses.is_empty()).then(|| Pauses {
            pauses,
            rng: streams.stream_at(Purpose::Actions, group),
        })
    }

    /// Whether a call is not made that would start now.
    fn withholds(&mut self, now: u64) -> bool {
        let let_through = |action: &Action| match action.kind {
            ActionKind::Pause(p) => 1.0 - p.0 * action.effect(Nanos(now)),
            _ => 1.0,
        };
        let p = 1.0 - self.pauses.iter().map(let_through).product::<f64>();
        happens(p, &mut self.rng)
    }

    /// When somebody calls who waits for the end of a pause, and would call now.
    fn resumes(&mut self, now: u64) -> u64 {
        let mut time = now;
        // One after the other, as the end of one may lie in another.
        for action in &self.pauses {
            let to = action.to().map_or(NEVER, |to| to.0);
            let (ActionKind::Pause(p), true) = (&action.kind, (action.from.0..to).contains(&time))
            else {
                continue;
            };
            if happens(p.0, &mut self.rng) {
                let spread = action.ramp.0 as f64 * unit(&mut self.rng);
                time = to.saturating_add(spread as u64);
            }
        }
        time
    }
}

#[derive(Clone)]
enum Kind {
    /// All callers' Poisson processes as one, each event given to a random caller.
    Open { mean_gap: f64, reading: f64 },
    /// Exponential thinkers: the same process, in which a caller who is
    /// not thinking ignores its tick. Being memoryless, that is exactly a
    /// think time that starts when its call ends.
    Memoryless {
        mean_gap: f64,
        reading: f64,
        /// By caller, since when it thinks.
        since: Vec<u64>,
        ticks: Ticks,
    },
    /// Think times one by one.
    Thinkers { think: Dist, lane: Lane },
    /// Sorted starts, the next one last.
    Once { starts: Vec<(u64, u32)> },
    /// Each caller's next call.
    Periodic {
        every: u64,
        spread: Dist,
        /// When each caller's running period began, on the callers' clock.
        periods: Vec<u64>,
        lane: Lane,
    },
    /// All callers' Poisson process, of one call a unit of the clock's reading.
    Trace { reading: f64 },
    /// Nobody calls by itself.
    Nobody,
}

/// Callers whose ticks come next, drawn some at a time.
///
/// Of a million callers each is far away in memory: looked at together they are fetched
/// together, and near when their ticks come.
#[derive(Clone)]
struct Ticks {
    callers: [u32; 32],
    used: usize,
}

impl Default for Ticks {
    fn default() -> Ticks {
        Ticks {
            callers: [0; 32],
            used: 32,
        }
    }
}

impl Ticks {
    #[inline]
    fn next(&mut self, since: &[u64], rng: &mut Stream) -> u32 {
        if self.used == self.callers.len() {
            self.refill(since, rng);
        }
        self.used += 1;
        self.callers[self.used - 1]
    }

    #[cold]
    fn refill(&mut self, since: &[u64], rng: &mut Stream) {
        let all = since.len() as u32;
        self.callers.fill_with(|| rng.random_range(0..all));
        let looked_at = self.callers.map(|caller| since[caller as usize]);
        std::hint::black_box(looked_at);
        self.used = 0;
    }
}

impl Arrivals {
    /// The calls of a run, of the group of callers of that number; `in_step` says whether they end in order, as the clock comes to
    /// their ends, or are told beforehand when they will; `singly` whether think times are drawn
    /// one by one, as where somebody may be paused, in this run or in one beside it.
    pub fn new(
        callers: &Callers,
        faults: &[Fault],
        actions: &[Action],
        (streams, group): (Streams, u64),
        (in_step, singly): (bool, bool),
    ) -> Arrivals {
        let mut rng = streams.stream_at(Purpose::Arrivals, group);
        let mut pauses = Pauses::new(actions, streams, group);
        let clock = match &callers.arrival {
            Arrival::Trace { step, rates } => trace_clock(faults, *step, rates),
            _ => call_clock(faults),
        };
        let count = callers.count;
        let all = f64::from(count);
        let kind = match &callers.arrival {
            Arrival::Open { rate } => Kind::Open {
                mean_gap: 1e9 / (rate.0 * f64::from(count)),
                reading: 0.0,
            },
            Arrival::Closed {
                think: Dist::Exp { mean },
            } if !singly => Kind::Memoryless {
                mean_gap: mean.0 as f64 / f64::from(count),
                reading: 0.0,
                since: vec![0; count as usize],
                ticks: Ticks::default(),
            },
            Arrival::Closed { think } => {
                let in_order = in_step && pauses.is_none();
                let plain = think.constant().is_some() && clock.is_plain() && in_order;
                let mut firsts: Vec<(u64, u32)> = (0..count)
                    .map(|caller| {
                        // Callers have been at it for a while: they do not start in step.
                        let left = match think {
                            // Of an exponential time as much is left, whenever one looks.
                            Dist::Exp { .. } => think.sample(&mut rng).0 as f64,
                            _ => think.sample(&mut rng).0 as f64 * unit(&mut rng),
                        };
                        (clock.time(left) as u64, caller)
                    })
                    .collect();
                firsts.sort_unstable();
                let mut lane = if plain {
                    Lane::Ring(VecDeque::new())
                } else {
                    Lane::Calendar(Box::new(Calendar::new(8e9 * think.mean_s() / all)))
                };
                for (time, caller) in firsts {
                    lane.push(time, caller_token(caller));
                }
                Kind::Thinkers {
                    think: think.clone(),
                    lane,
                }
            }
            Arrival::Once { at, spread } => {
                let mut starts: Vec<(u64, u32)> = (0..count)
                    .map(|caller| {
                        let start = at.0.saturating_add(spread.sample(&mut rng).0);
                        let resumed = pauses.as_mut().map(|pauses| pauses.resumes(start));
                        (resumed.unwrap_or(start), caller)
                    })
                    .collect();
                starts.sort_unstable();
                starts.reverse();
                Kind::Once { starts }
            }
            Arrival::Periodic {
                every,
                phase,
                spread,
            } => {
                let mut periods = vec![0; count as usize];
                let mut firsts: Vec<(u64, u32)> = Vec::with_capacity(count as usize);
                for (caller, period) in periods.iter_mut().enumerate() {
                    if *phase == Phase::Random {
                        *period = (every.0 as f64 * unit(&mut rng)) as u64;
                    }
                    let reading = period.saturating_add(spread.sample(&mut rng).0);
                    firsts.push((clock.time(reading as f64) as u64, caller as u32));
                }
                firsts.sort_unstable();
                // In step, and always as late, callers keep their order.
                let mut lane = match spread.constant().is_some() && clock.is_plain() {
                    true => Lane::Ring(VecDeque::new()),
                    false => Lane::Calendar(Box::new(Calendar::new(8.0 * every.0 as f64 / all))),
                };
                for (time, caller) in firsts {
                    lane.push(time, caller_token(caller));
                }
                Kind::Periodic {
                    every: every.0,
                    spread: spread.clone(),
                    periods,
                    lane,
                }
            }
            Arrival::Trace { .. } => Kind::Trace { reading: 0.0 },
        };
        let mut arrivals = Arrivals {
            kind,
            clock,
            rng,
            draws: Exponentials::new(),
            callers: count,
            next: 0,
            pauses: pauses.map(Box::new),
        };
        arrivals.advance();
        arrivals
    }

    /// No calls at all: those of a service come from the one before it.
    pub fn none(rng: Stream) -> Arrivals {
        Arrivals {
            kind: Kind::Nobody,
            clock: call_clock(&[]),
            rng,
            draws: Exponentials::new(),
            callers: 0,
            next: NEVER,
            pauses: None,
        }
    }

    /// From now on callers are kept from calling by these, none of which begins earlier.
    ///
    /// Callers with think times that are told one by one alone wait for the end of a pause.
    pub fn act(&mut self, actions: &[Action], streams: Streams, group: u64) {
        self.pauses = Pauses::new(actions, streams, group).map(Box::new);
    }

    /// From now on calls begin by other draws.
    pub fn reseed(&mut self, streams: Streams, group: u64) {
        self.rng = streams.stream_at(Purpose::Arrivals, group);
        self.draws = Exponentials::new();
        if let Kind::Memoryless { ticks, .. } = &mut self.kind {
            *ticks = Ticks::default();
        }
        if let Some(pauses) = &mut self.pauses {
            pauses.rng = streams.stream_at(Purpose::Actions, group);
        }
    }

    #[inline]
    pub fn next(&self) -> u64 {
        self.next
    }

    #[inline]
    fn advance(&mut self) {
        self.next = match &mut self.kind {
            Kind::Open { mean_gap, reading }
            | Kind::Memoryless {
                mean_gap, reading, ..
            } => {
                *reading += *mean_gap * self.draws.next(&mut self.rng);
                // Through i64, which converts in fewer instructions than u64.
                self.clock.time(*reading) as i64 as u64
            }
            Kind::Thinkers { lane, .. } | Kind::Periodic { lane, .. } => lane.head(),
            Kind::Once { starts } => starts.last().map_or(NEVER, |(time, _)| *time),
            Kind::Trace { reading } => {
                *reading += self.draws.next(&mut self.rng);
                (self.clock.time(*reading) as u64).min(NEVER)
            }
            Kind::Nobody => NEVER,
        };
    }

    /// The caller who calls now, if it does.
    #[inline(always)]
    pub fn take(&mut self) -> Option<u32> {
        let now = self.next;
        let caller = self.draw();
        let caller = match (&self.pauses, caller) {
            (Some(_), Some(caller)) => self.unless_paused(caller, now),
            _ => caller,
        };
        self.advance();
        caller
    }

    /// The caller who would call now, unless it is kept from it.
    #[cold]
    fn unless_paused(&mut self, caller: u32, now: u64) -> Option<u32> {
        let pauses = self.pauses.as_mut()?;
        match &mut self.kind {
            Kind::Thinkers { lane, .. } => match pauses.resumes(now) {
                time if time > now => {
                    lane.push(time, caller_token(caller));
                    None
                }
                _ => Some(caller),
            },
            // They are told when they are to call.
            Kind::Once { .. } => Some(caller),
            _ => (!pauses.withholds(now)).then_some(caller),
        }
    }

    /// The caller whose turn it is now, if there is one.
    #[inline(always)]
    fn draw(&mut self) -> Option<u32> {
        let next = self.next;
        match &mut self.kind {
            Kind::Open { .. } => Some(self.rng.random_range(0..self.callers)),
            Kind::Memoryless { since, ticks, .. } => {
                let caller = ticks.next(since, &mut self.rng);
                let since = &mut since[caller as usize];
                let thinks = *since <= self.next;
                if thinks {
                    *since = NEVER;
                }
                thinks.then_some(caller)
            }
            // Of a next call it may be known only that it does not come before now.
            Kind::Thinkers { lane, .. } => match lane.settle(next) {
                true => None,
                false => lane.pop().map(|token| token.slot),
            },
            Kind::Once { starts } => starts.pop().map(|(_, caller)| caller),
            Kind::Periodic {
                every,
                spread,
                periods,
                lane,
            } => match lane.settle(next) {
                true => None,
                false => lane.pop(),
            }
            .map(|token| {
                let period = &mut periods[token.slot as usize];
                *period = period.saturating_add(*every);
                let reading = period.saturating_add(spread.sample(&mut self.rng).0);
                // A long spread may put this call before the one just made.
                let time = (self.clock.time(reading as f64) as u64).max(next);
                lane.push(time, token);
                token.slot
            }),
            Kind::Trace { .. } => Some(self.rng.random_range(0..self.callers)),
            Kind::Nobody => None,
        }
    }

    /// A caller's call has ended; says whether that may change [`Self::next`].
    #[inline(always)]
    pub fn ended(&mut self, caller: u32, now: u64) -> bool {
        match &mut self.kind {
            Kind::Open { .. }
            | Kind::Once { .. }
            | Kind::Periodic { .. }
            | Kind::Trace { .. }
            | Kind::Nobody => false,
            Kind::Memoryless { since, .. } => {
                since[caller as usize] = now;
                false
            }
            Kind::Thinkers { think, lane } => {
                let pause = think.sample(&mut self.rng).0;
                let time = if self.clock.is_plain() {
                    now.saturating_add(pause)
                } else {
                    let reading = self.clock.reading(now as f64) + pause as f64;
                    (self.clock.time(reading) as u64).max(now)
                };
                lane.push(time, caller_token(caller));
                self.next = lane.head();
                true
            }
        }
    }

    /// Whether no call will ever begin again.
    pub fn exhausted(&self) -> bool {
        matches!(&self.kind, Kind::Once { starts } if starts.is_empty())
    }
}

fn caller_token(caller: u32) -> Token {
    Token {
        slot: caller,
        generation: 0,
    }
}
