//! The attempts at a service: those that wait and those that are served.

use std::collections::VecDeque;

use rand::RngExt;

use crate::dist::Exponentials;
use crate::herd::agenda::NEVER;
use crate::scenario::service::Discipline;
use crate::streams::Stream;

/// Waiting attempts, by slot, with room for attempts that left from the middle.
pub struct Queue {
    slots: VecDeque<u32>,
    /// Entries of `slots` that no longer wait.
    gone: usize,
    discipline: Discipline,
}

impl Queue {
    pub fn new(discipline: Discipline) -> Queue {
        Queue {
            slots: VecDeque::new(),
            gone: 0,
            discipline,
        }
    }

    #[inline]
    pub fn push(&mut self, slot: u32) {
        self.slots.push_back(slot);
    }

    /// The next in line. `leave` says whether an entry left earlier, and frees it.
    #[inline]
    pub fn pop(&mut self, mut leave: impl FnMut(u32) -> bool) -> Option<u32> {
        loop {
            let slot = match self.discipline {
                Discipline::Fifo => self.slots.pop_front(),
                Discipline::Lifo => self.slots.pop_back(),
            }?;
            if self.gone == 0 || !leave(slot) {
                return Some(slot);
            }
            self.gone -= 1;
        }
    }

    /// One entry no longer waits. Its slot may be used again once `leave` has
    /// been called for it, which happens here when such entries pile up:
    /// amortised O(1).
    pub fn note_gone(&mut self, mut leave: impl FnMut(u32) -> bool) {
        self.gone += 1;
        if self.gone > 64 && 2 * self.gone > self.slots.len() {
            self.slots.retain(|slot| !leave(*slot));
            self.gone = 0;
        }
    }
}

/// Busy exponential servers as a race.
///
/// Exponential service has no memory, so with b servers busy the next to
/// finish is any of them alike, after an exponential time of mean 1/b of one
/// server's; and whenever b changes the race may start afresh. One draw then
/// replaces a timer per server.
pub struct Race {
    mean_ns: f64,
    /// Mean time to the next finish with b busy, for the usual b.
    means: Vec<f64>,
    draws: Exponentials,
    busy: Vec<u32>,
    finish: u64,
}

impl Race {
    pub fn new(mean_ns: f64, servers: u32) -> Race {
        Race {
            mean_ns,
            means: (0..servers.min(4096) + 1)
                .map(|busy| mean_ns / f64::from(busy))
                .collect(),
            draws: Exponentials::new(),
            busy: Vec::new(),
            finish: NEVER,
        }
    }

    /// When the next server finishes.
    #[inline]
    pub fn finish(&self) -> u64 {
        self.finish
    }

    #[inline]
    fn restart(&mut self, now: u64, rng: &mut Stream) {
        // With none busy the mean is infinite and the time saturates.
        let mean = match self.means.get(self.busy.len()) {
            Some(mean) => *mean,
            None => self.mean_ns / self.busy.len() as f64,
        };
        let e = self.draws.next(rng);
        // Through i64, which converts in fewer instructions than u64.
        self.finish = now + ((e * mean) as i64 as u64).min(NEVER);
    }

    #[inline]
    pub fn join(&mut self, slot: u32, now: u64, rng: &mut Stream) {
        self.busy.push(slot);
        self.restart(now, rng);
    }

    /// The one that finishes now.
    #[inline]
    pub fn take(&mut self, now: u64, rng: &mut Stream) -> Option<u32> {
        if self.busy.is_empty() {
            return None;
        }
        let winner = rng.random_range(0..self.busy.len() as u32);
        let slot = self.busy.swap_remove(winner as usize);
        self.restart(now, rng);
        Some(slot)
    }

    /// Takes one out before it finishes.
    pub fn leave(&mut self, slot: u32, now: u64, rng: &mut Stream) {
        if let Some(place) = self.busy.iter().position(|s| *s == slot) {
            self.busy.swap_remove(place);
            self.restart(now, rng);
        }
    }

    /// Takes one out as the service crashes.
    pub fn drop_one(&mut self) -> Option<u32> {
        self.finish = NEVER;
        self.busy.pop()
    }
}
