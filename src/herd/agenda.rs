//! What happens next: the pending events of one replication.
//!
//! Events have a cause, and every cause has a lane of its own. Delays that are
//! constant come due in the order in which they were scheduled, so their lane
//! is a ring: O(1), no comparisons. Random delays go to a radix heap (Ahuja,
//! Mehlhorn, Orlin, Tarjan 1990), which moves an event down at most once per
//! bit of its distance and never compares two of them.
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
                    Lane::Heap(RadixHeap::new())
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

    /// For a cause whose next event is computed, not stored: when it comes.
    #[inline]
    pub fn set_next(&mut self, cause: Cause, time: u64) {
        self.heads[cause as usize] = head(cause as usize, time);
    }
}

/// The pending events of one cause.
pub enum Lane {
    Ring(VecDeque<(u64, Token)>),
    Heap(RadixHeap),
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
            Lane::Heap(heap) => {
                let first = time < heap.least;
                heap.push(time, token);
                first
            }
        }
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Token> {
        match self {
            Lane::Ring(ring) => ring.pop_front().map(|(_, token)| token),
            Lane::Heap(heap) => heap.pop(),
        }
    }

    #[inline]
    pub fn head(&self) -> u64 {
        match self {
            Lane::Ring(ring) => ring.front().map_or(NEVER, |(time, _)| *time),
            Lane::Heap(heap) => heap.least,
        }
    }
}

/// A monotone priority queue: nothing may be pushed before the last time popped.
///
/// Bucket b > 0 holds the times whose highest bit that differs from the last
/// popped time is b − 1; bucket 0 those equal to it. Only the lowest bucket in
/// use is ever taken apart, in order, so equal times leave in order of arrival.
pub struct RadixHeap {
    buckets: Vec<Vec<(u64, Token)>>,
    /// Bit b is set when bucket b has events.
    used: u64,
    last: u64,
    least: u64,
    /// Events of bucket 0 that have left already.
    taken: usize,
    spare: Vec<(u64, Token)>,
}

impl RadixHeap {
    pub fn new() -> RadixHeap {
        RadixHeap {
            buckets: vec![Vec::new(); 64],
            used: 0,
            last: 0,
            least: NEVER,
            taken: 0,
            spare: Vec::new(),
        }
    }

    #[inline]
    fn bucket(&self, time: u64) -> usize {
        (64 - (time ^ self.last).leading_zeros()) as usize
    }

    #[inline]
    fn push(&mut self, time: u64, token: Token) {
        debug_assert!(time >= self.last);
        let time = time.min(NEVER);
        let b = self.bucket(time);
        self.buckets[b].push((time, token));
        self.used |= 1 << b;
        self.least = self.least.min(time);
    }

    #[inline]
    fn pop(&mut self) -> Option<Token> {
        if self.used == 0 {
            return None;
        }
        if self.used & 1 == 0 {
            self.refill();
        }
        let token = self.buckets[0][self.taken].1;
        self.taken += 1;
        if self.taken == self.buckets[0].len() {
            self.buckets[0].clear();
            self.taken = 0;
            self.used &= !1;
            self.least = self.lowest();
        }
        Some(token)
    }

    /// Moves the lowest bucket's events down, the least of them to bucket 0.
    fn refill(&mut self) {
        let b = self.used.trailing_zeros() as usize;
        self.last = self.least;
        self.used &= !(1 << b);
        let mut events = std::mem::replace(&mut self.buckets[b], std::mem::take(&mut self.spare));
        for (time, token) in events.drain(..) {
            let to = self.bucket(time);
            self.buckets[to].push((time, token));
            self.used |= 1 << to;
        }
        self.spare = events;
    }

    /// The least time of all, found in the lowest bucket in use.
    fn lowest(&self) -> u64 {
        if self.used == 0 {
            return NEVER;
        }
        let b = self.used.trailing_zeros() as usize;
        self.buckets[b]
            .iter()
            .map(|(time, _)| *time)
            .min()
            .unwrap_or(NEVER)
    }
}

impl Default for RadixHeap {
    fn default() -> Self {
        RadixHeap::new()
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
        fn radix_heap_is_a_stable_priority_queue(
            steps in prop::collection::vec((0u64..2000, 0usize..4), 1..400),
            scale in prop::sample::select(vec![1u64, 1 << 20, 1 << 40])
        ) {
            let mut heap = RadixHeap::new();
            let mut plain: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            for (i, (delay, pops)) in steps.into_iter().enumerate() {
                heap.push(now + delay * scale, token(i));
                plain.push((now + delay * scale, i));
                for _ in 0..pops {
                    let first = plain.iter().copied().min();
                    prop_assert_eq!(heap.least, first.map_or(NEVER, |(t, _)| t));
                    prop_assert_eq!(heap.pop(), first.map(|(_, i)| token(i)));
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
