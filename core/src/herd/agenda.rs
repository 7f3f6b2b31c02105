//! What happens next: the pending events of one replication.
//!
//! Events have a cause, and every cause has a lane of its own. Delays that are
//! constant come due in the order in which they were scheduled, so their lane
//! is a ring: O(1), no comparisons. Random delays go to a [`Calendar`].
//!
//! Events at the same instant run in the order of [`Cause`], then in the order
//! of insertion.

use std::collections::VecDeque;

use crate::herd::calendar::{Calendar, NEVER, Timed};

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

/// An event of a lane.
type Event = (u64, Token);

impl Timed for Event {
    fn time(&self) -> u64 {
        self.0
    }
}

/// Every pending event.
#[derive(Clone)]
pub struct Agenda {
    /// Per cause, its next event as `time << 3 | cause`, or a bound of it that is no later:
    /// the least of these eight numbers is the next event of all, ties already broken.
    heads: [u64; CAUSES],
    lanes: [Lane; CAUSES],
}

const fn head(cause: usize, time: u64) -> u64 {
    (if time < NEVER { time } else { NEVER }) << 3 | cause as u64
}

impl Agenda {
    /// `constant(cause)` says whether all delays of a cause are the same; of those that are
    /// not, some eight events come due within `grain_ns`.
    pub fn new(constant: impl Fn(Cause) -> bool, grain_ns: f64) -> Agenda {
        Agenda {
            heads: std::array::from_fn(|i| head(i, NEVER)),
            lanes: BY_INDEX.map(|cause| {
                if constant(cause) {
                    Lane::Ring(VecDeque::new())
                } else {
                    Lane::Calendar(Box::new(Calendar::new(grain_ns)))
                }
            }),
        }
    }

    /// The earliest event's cause, and its time or a bound of it; [`NEVER`] if there is none.
    #[inline]
    pub fn next(&self) -> (u64, Cause) {
        let [a, b, c, d, e, f, g, h] = self.heads;
        let least = (a.min(b)).min(c.min(d)).min((e.min(f)).min(g.min(h)));
        (least >> 3, BY_INDEX[(least & 7) as usize])
    }

    /// Makes a step towards the next event, if of its time no more is known than that bound;
    /// says whether that was so. Nothing may be scheduled before it from then on.
    #[inline]
    pub fn settle(&mut self, time: u64, cause: Cause) -> bool {
        let i = cause as usize;
        let settled = self.lanes[i].settle(time);
        if settled {
            self.heads[i] = head(i, self.lanes[i].head());
        }
        settled
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
            self.heads[i] = head(i, self.lanes[i].head());
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
        if let Lane::Calendar(calendar) = &mut self.lanes[cause as usize] {
            calendar.clear(now);
        }
    }

    /// For a cause whose next event is computed, not stored: when it comes.
    #[inline]
    pub fn set_next(&mut self, cause: Cause, time: u64) {
        self.heads[cause as usize] = head(cause as usize, time);
    }
}

/// The pending events of one cause.
#[derive(Clone)]
pub enum Lane {
    Ring(VecDeque<Event>),
    Calendar(Box<Calendar<Event>>),
}

impl Lane {
    /// Adds an event; says whether it may now be the next.
    #[inline]
    pub fn push(&mut self, time: u64, token: Token) -> bool {
        match self {
            Lane::Ring(ring) => {
                debug_assert!(ring.back().is_none_or(|last| last.time() <= time));
                ring.push_back((time, token));
                ring.len() == 1
            }
            Lane::Calendar(calendar) => {
                calendar.push((time, token));
                true
            }
        }
    }

    /// Takes the next event.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<Token> {
        match self {
            Lane::Ring(ring) => ring.pop_front().map(|(_, token)| token),
            Lane::Calendar(calendar) => {
                calendar.first()?;
                calendar.pop().map(|(_, token)| token)
            }
        }
    }

    /// When the next event comes at the earliest.
    #[inline]
    pub fn head(&self) -> u64 {
        match self {
            Lane::Ring(ring) => ring.front().map_or(NEVER, Event::time),
            Lane::Calendar(calendar) => calendar.bound(),
        }
    }

    /// Makes a step towards the next event, if all that is known of it is that it comes at
    /// `time` at the earliest; says whether that was so.
    #[inline]
    pub fn settle(&mut self, time: u64) -> bool {
        match self {
            Lane::Calendar(calendar)
                if !calendar.is_settled() && calendar.bound() == time && time < NEVER =>
            {
                calendar.settle();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(slot: usize) -> Token {
        Token {
            slot: slot as u32,
            generation: 0,
        }
    }

    #[test]
    fn simultaneous_events_run_by_cause_then_by_insertion() {
        let mut agenda = Agenda::new(|cause| cause == Cause::Timeout, 1e6);
        agenda.schedule(Cause::Retry, 5, token(1));
        agenda.schedule(Cause::Timeout, 5, token(2));
        agenda.schedule(Cause::Timeout, 5, token(3));
        agenda.schedule(Cause::Answer, 5, token(4));
        let mut order = Vec::new();
        while let (5, cause) = agenda.next() {
            assert!(!agenda.settle(5, cause));
            order.push(agenda.take(cause).map(|t| t.slot));
        }
        assert_eq!(order, [Some(4), Some(2), Some(3), Some(1)]);
    }
}
