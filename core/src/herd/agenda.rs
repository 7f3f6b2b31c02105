//! What happens next: the pending events of one replication.
//!
//! Events have a cause, and every cause has a lane of its own. Delays that are
//! constant come due in the order in which they were scheduled, so their lane
//! is a ring: O(1), no comparisons. Random delays go to a timing wheel.
//!
//! Events at the same instant run in the order of [`Cause`], then in the order
//! of insertion.

use std::collections::VecDeque;

/// Why something happens, in the order in which simultaneous events run.
///
/// An answer that arrives at the very moment of its timeout still counts, and
/// work that finishes as the service crashes does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cause {
    /// A fault begins, ends or fades.
    Fault,
    /// A server finishes an attempt.
    Finish,
    /// An answer reaches its caller.
    Answer,
    /// An attempt reaches the service.
    Arrive,
    /// A caller's wish to cancel reaches the service.
    Cancel,
    /// An attempt has waited too long.
    Timeout,
    /// A backoff is over.
    Retry,
    /// A caller starts a call.
    Call,
}

const CAUSES: usize = 8;
const BY_INDEX: [Cause; CAUSES] = [
    Cause::Fault,
    Cause::Finish,
    Cause::Answer,
    Cause::Arrive,
    Cause::Cancel,
    Cause::Timeout,
    Cause::Retry,
    Cause::Call,
];

/// Whom an event concerns: a slot, and the generation that was in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub slot: u32,
    pub generation: u32,
}

/// Later than any horizon (36 years): the time of what never happens.
pub const NEVER: u64 = 1 << 60;

/// Every pending event.
pub struct Agenda {
    /// Per cause, its next event as `time << 3 | cause`: the least of these
    /// eight numbers is the next event of all, ties already broken.
    heads: [u64; CAUSES],
    lanes: [Lane; CAUSES],
}

const fn head(cause: usize, time: u64) -> u64 {
    (if time < NEVER { time } else { NEVER }) << 3 | cause as u64
}

impl Agenda {
    /// `constant(cause)` says whether all delays of a cause are the same.
    pub fn new(constant: impl Fn(Cause) -> bool) -> Agenda {
        Agenda {
            heads: std::array::from_fn(|i| head(i, NEVER)),
            lanes: BY_INDEX.map(|cause| {
                if constant(cause) {
                    Lane::Ring(VecDeque::new())
                } else {
                    Lane::Wheel(Box::default())
                }
            }),
        }
    }

    /// The earliest event's time, [`NEVER`] if there is none, and its cause.
    #[inline]
    pub fn next(&self) -> (u64, Cause) {
        let [a, b, c, d, e, f, g, h] = self.heads;
        let least = (a.min(b)).min(c.min(d)).min((e.min(f)).min(g.min(h)));
        (least >> 3, BY_INDEX[(least & 7) as usize])
    }

    /// Whether there is an event of a cause.
    #[inline]
    pub fn has(&self, cause: Cause) -> bool {
        self.heads[cause as usize] >> 3 < NEVER
    }

    /// Adds an event at `time`, not before now.
    #[inline]
    pub fn schedule(&mut self, cause: Cause, time: u64, token: Token) {
        let i = cause as usize;
        if self.lanes[i].push(time, token) {
            self.heads[i] = head(i, time);
        }
    }

    /// Removes the next event of a cause, which must have one.
    #[inline]
    pub fn take(&mut self, cause: Cause) -> Option<Token> {
        let i = cause as usize;
        let token = self.lanes[i].pop();
        self.heads[i] = head(i, self.lanes[i].head());
        token
    }

    /// Drops the events at the head of a ring that have become pointless, so
    /// that they never come up: most timeouts, for one.
    #[inline]
    pub fn skip(&mut self, cause: Cause, pointless: impl Fn(Token) -> bool) {
        let i = cause as usize;
        if let Lane::Ring(ring) = &mut self.lanes[i] {
            while ring.front().is_some_and(|(_, token)| pointless(*token)) {
                ring.pop_front();
            }
            self.heads[i] = head(i, self.lanes[i].head());
        }
    }

    /// Tells a lane that has been emptied ahead of time that it is still `now`.
    pub fn rewind(&mut self, cause: Cause, now: u64) {
        if let Lane::Wheel(wheel) = &mut self.lanes[cause as usize] {
            wheel.rewind(now);
        }
    }

    /// For a cause whose next event is computed, not stored: when it comes.
    #[inline]
    pub fn set_next(&mut self, cause: Cause, time: u64) {
        self.heads[cause as usize] = head(cause as usize, time);
    }
}

/// The pending events of one cause.
pub enum Lane {
    Ring(VecDeque<(u64, Token)>),
    Wheel(Box<Wheel>),
}

impl Lane {
    /// Adds an event; says whether it is now the next.
    #[inline]
    pub fn push(&mut self, time: u64, token: Token) -> bool {
        match self {
            Lane::Ring(ring) => {
                debug_assert!(ring.back().is_none_or(|(last, _)| *last <= time));
                ring.push_back((time, token));
                ring.len() == 1
            }
            Lane::Wheel(wheel) => {
                let first = time < wheel.least;
                wheel.push(time, token);
                first
            }
        }
    }

    #[inline(always)]
    pub fn pop(&mut self) -> Option<Token> {
        match self {
            Lane::Ring(ring) => ring.pop_front().map(|(_, token)| token),
            Lane::Wheel(wheel) => wheel.pop(),
        }
    }

    #[inline]
    pub fn head(&self) -> u64 {
        match self {
            Lane::Ring(ring) => ring.front().map_or(NEVER, |(time, _)| *time),
            Lane::Wheel(wheel) => wheel.least,
        }
    }
}

/// A hierarchical timing wheel (Varghese and Lauck 1987) that keeps exact
/// order: a monotone priority queue in which nothing may be pushed before the
/// last time popped.
///
/// Time is read as grains of 2¹⁹ ns and digits of 11 bits above them. An event
/// waits in the slot of the highest digit in which its time differs from the
/// last popped time, and of its value there; those of the running grain stand
/// in order. Only the lowest slot in use is ever taken apart or sorted, stably,
/// so equal times leave in order of arrival. An event moves once per digit at
/// most, which is once where delays are shorter than a second.
pub struct Wheel {
    levels: [Level; LEVELS],
    last: u64,
    least: u64,
    /// Events of the running grain, sorted; the first `taken` have left.
    current: Vec<(u64, Token)>,
    taken: usize,
    spare: Vec<(u64, Token)>,
}

const GRAIN: usize = 19;
const DIGIT: usize = 11;
const LEVELS: usize = 4;

/// The slots of one digit, made when the first event comes.
#[derive(Default)]
struct Level {
    slots: Vec<Vec<(u64, Token)>>,
    /// One bit a slot that has events, and one a word of those.
    used: Vec<u64>,
    words: u64,
}

impl Level {
    #[inline]
    fn push(&mut self, digit: usize, event: (u64, Token)) {
        if self.slots.is_empty() {
            self.slots.resize_with(1 << DIGIT, Vec::new);
            self.used.resize(1 << DIGIT >> 6, 0);
        }
        self.slots[digit].push(event);
        self.used[digit >> 6] |= 1 << (digit & 63);
        self.words |= 1 << (digit >> 6);
    }

    /// The lowest slot in use, where there is one.
    #[inline]
    fn lowest(&self) -> Option<usize> {
        if self.words == 0 {
            return None;
        }
        let word = self.words.trailing_zeros() as usize;
        Some(word << 6 | self.used[word].trailing_zeros() as usize)
    }

    /// Empties a slot into `into`, whose storage it keeps.
    #[inline]
    fn take(&mut self, digit: usize, into: &mut Vec<(u64, Token)>) {
        std::mem::swap(&mut self.slots[digit], into);
        self.used[digit >> 6] &= !(1 << (digit & 63));
        if self.used[digit >> 6] == 0 {
            self.words &= !(1 << (digit >> 6));
        }
    }
}

impl Wheel {
    pub fn new() -> Wheel {
        Wheel {
            levels: Default::default(),
            last: 0,
            least: NEVER,
            current: Vec::new(),
            taken: 0,
            spare: Vec::new(),
        }
    }

    #[inline]
    fn place(&mut self, time: u64, token: Token) {
        let differs = (time ^ self.last) >> GRAIN;
        if differs == 0 {
            let waiting = &self.current[self.taken..];
            let at = self.taken + waiting.partition_point(|(other, _)| *other <= time);
            self.current.insert(at, (time, token));
            return;
        }
        let level = (63 - differs.leading_zeros() as usize) / DIGIT;
        let digit = (time >> (GRAIN + level * DIGIT)) as usize & ((1 << DIGIT) - 1);
        self.levels[level].push(digit, (time, token));
    }

    #[inline]
    fn push(&mut self, time: u64, token: Token) {
        debug_assert!(time >= self.last);
        let time = time.min(NEVER);
        self.place(time, token);
        self.least = self.least.min(time);
    }

    #[inline]
    fn pop(&mut self) -> Option<Token> {
        if self.taken == self.current.len() {
            self.turn()?;
        }
        let (time, token) = *self.current.get(self.taken)?;
        self.last = time;
        self.taken += 1;
        self.least = match self.current.get(self.taken) {
            Some((next, _)) => *next,
            None => {
                self.current.clear();
                self.taken = 0;
                self.find_least()
            }
        };
        Some(token)
    }

    /// Sets the last time popped, of which an empty wheel is free.
    fn rewind(&mut self, now: u64) {
        debug_assert!(self.least == NEVER);
        self.last = now;
    }

    /// Makes the grain of the least event the running one; nothing if there is none.
    fn turn(&mut self) -> Option<()> {
        let level = self.levels.iter().position(|level| level.words != 0)?;
        let digit = self.levels[level].lowest()?;
        self.last = self.least;
        if level == 0 {
            self.levels[0].take(digit, &mut self.current);
            self.current.sort_by_key(|(time, _)| *time);
        } else {
            let mut events = std::mem::take(&mut self.spare);
            self.levels[level].take(digit, &mut events);
            for (time, token) in events.drain(..) {
                self.place(time, token);
            }
            self.spare = events;
        }
        Some(())
    }

    /// The least time of all but the running grain, found in the lowest slot in use.
    fn find_least(&self) -> u64 {
        let level = self.levels.iter().find(|level| level.words != 0);
        let slot = level.and_then(|level| Some(&level.slots[level.lowest()?]));
        let times = slot.into_iter().flatten().map(|(time, _)| *time);
        times.min().unwrap_or(NEVER)
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(slot: usize) -> Token {
        Token {
            slot: slot as u32,
            generation: 0,
        }
    }

    proptest! {
        /// Against a stable sort, with pushes between pops and many ties.
        #[test]
        fn wheel_is_a_stable_priority_queue(
            steps in prop::collection::vec((0u64..2000, 0usize..4), 1..400),
            scale in prop::sample::select(vec![1u64, 1 << 20, 1 << 40])
        ) {
            let mut wheel = Wheel::new();
            let mut plain: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            for (i, (delay, pops)) in steps.into_iter().enumerate() {
                wheel.push(now + delay * scale, token(i));
                plain.push((now + delay * scale, i));
                for _ in 0..pops {
                    let first = plain.iter().copied().min();
                    prop_assert_eq!(wheel.least, first.map_or(NEVER, |(t, _)| t));
                    prop_assert_eq!(wheel.pop(), first.map(|(_, i)| token(i)));
                    if let Some(first) = first {
                        now = first.0;
                        plain.retain(|e| *e != first);
                    }
                }
            }
        }
    }

    #[test]
    fn simultaneous_events_run_by_cause_then_by_insertion() {
        let mut agenda = Agenda::new(|cause| cause == Cause::Timeout);
        agenda.schedule(Cause::Retry, 5, token(1));
        agenda.schedule(Cause::Timeout, 5, token(2));
        agenda.schedule(Cause::Timeout, 5, token(3));
        agenda.schedule(Cause::Answer, 5, token(4));
        let mut order = Vec::new();
        while let (5, cause) = agenda.next() {
            order.push(agenda.take(cause).map(|t| t.slot));
        }
        assert_eq!(order, [Some(4), Some(2), Some(3), Some(1)]);
    }
}
