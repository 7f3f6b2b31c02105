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
    /// How far the exact finish lies before `finish`, a whole nanosecond: in (−1, 0].
    rest: f64,
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
            rest: 0.0,
        }
    }

    /// When the next server finishes.
    #[inline]
    pub fn finish(&self) -> u64 {
        self.finish
    }

    /// Draws the next finish, `rest` after `now`.
    ///
    /// Finishes are rounded up to whole nanoseconds and what was added is
    /// taken off the next one: rounding each on its own would change the rate.
    #[inline]
    fn restart(&mut self, now: u64, rest: f64, rng: &mut Stream) {
        // With none busy the mean is infinite and the time saturates.
        let mean = match self.means.get(self.busy.len()) {
            Some(mean) => *mean,
            None => self.mean_ns / self.busy.len() as f64,
        };
        let exact = rest + self.draws.next(rng) * mean;
        // Through i64, which converts in fewer instructions than u64; `exact`
        // is above −1, so cutting it off and adding one rounds it up.
        let cut = exact as i64;
        let whole = cut.saturating_add(i64::from((cut as f64) < exact));
        self.rest = exact - whole as f64;
        self.finish = now + (whole as u64).min(NEVER);
    }

    #[inline]
    pub fn join(&mut self, slot: u32, now: u64, rng: &mut Stream) {
        self.busy.push(slot);
        self.restart(now, 0.0, rng);
    }

    /// The one that finishes now.
    #[inline]
    pub fn take(&mut self, now: u64, rng: &mut Stream) -> Option<u32> {
        if self.busy.is_empty() {
            return None;
        }
        let winner = rng.random_range(0..self.busy.len() as u32);
        let slot = self.busy.swap_remove(winner as usize);
        self.restart(now, self.rest, rng);
        Some(slot)
    }

    /// Takes one out before it finishes.
    pub fn leave(&mut self, slot: u32, now: u64, rng: &mut Stream) {
        if let Some(place) = self.busy.iter().position(|s| *s == slot) {
            self.busy.swap_remove(place);
            self.restart(now, 0.0, rng);
        }
    }

    /// Takes one out as the service crashes.
    pub fn drop_one(&mut self) -> Option<u32> {
        self.finish = NEVER;
        self.busy.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, Streams};

    #[test]
    fn a_race_keeps_its_rate_however_fast() {
        // One finish every 3 ns on average, so that nearly every one is
        // rounded; the mean of n exponentials has a standard error of 3/√n.
        let streams = Streams {
            seed: 1,
            replication: 0,
        };
        let mut rng = streams.stream(Purpose::Service);
        let mut race = Race::new(3.0, 1);
        let (n, mut now) = (1_000_000, 0);
        race.busy.push(0);
        race.restart(now, 0.0, &mut rng);
        for _ in 0..n {
            now = race.finish();
            // The same server again, at once: nothing but the carried rest joins on.
            race.busy.push(1);
            race.take(now, &mut rng);
        }
        let mean = now as f64 / f64::from(n);
        assert!(
            (mean - 3.0).abs() < 4.0 * 3.0 / f64::from(n).sqrt(),
            "{mean}"
        );
    }
}
