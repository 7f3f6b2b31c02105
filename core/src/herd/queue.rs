//! The attempts at a service: those that wait and those that are served.

use std::collections::VecDeque;

use rand::RngExt;

use crate::dist::Exponentials;
use crate::herd::calendar::NEVER;
use crate::scenario::service::{Discipline, Pool};
use crate::streams::Stream;
use crate::units::Nanos;

/// Waiting attempts, by slot, with room for attempts that left from the middle.
#[derive(Clone)]
pub struct Queue {
    slots: VecDeque<u32>,
    /// Entries of `slots` that no longer wait.
    gone: usize,
    discipline: Discipline,
    /// Since when there has always been something in it.
    standing_since: u64,
    /// For how long that is no congestion, in ns.
    interval: u64,
    codel: Codel,
}

impl Queue {
    pub fn new(pool: Option<&Pool>) -> Queue {
        let ns = |d: Option<Nanos>| d.map_or(0, |d| d.0);
        let interval = ns(pool.and_then(|pool| pool.interval));
        Queue {
            slots: VecDeque::new(),
            gone: 0,
            discipline: pool.map_or(Discipline::Fifo, |pool| pool.discipline),
            standing_since: 0,
            interval,
            codel: Codel::new(ns(pool.and_then(|pool| pool.target)), interval),
        }
    }

    #[inline]
    pub fn push(&mut self, slot: u32, now: u64) {
        if self.slots.len() == self.gone {
            self.standing_since = now;
            self.codel.rest();
        }
        self.slots.push_back(slot);
    }

    /// The next in line. `leave` says whether an entry left earlier, and frees it.
    #[inline]
    pub fn pop(&mut self, now: u64, mut leave: impl FnMut(u32) -> bool) -> Option<u32> {
        loop {
            let slot = match self.discipline {
                Discipline::Fifo | Discipline::Codel => self.slots.pop_front(),
                Discipline::Lifo => self.slots.pop_back(),
                Discipline::AdaptiveLifo => match now - self.standing_since > self.interval {
                    true => self.slots.pop_back(),
                    false => self.slots.pop_front(),
                },
            }?;
            if self.gone == 0 || !leave(slot) {
                return Some(slot);
            }
            self.gone -= 1;
        }
    }

    /// Who has waited longest.
    pub fn oldest(&mut self, mut leave: impl FnMut(u32) -> bool) -> Option<u32> {
        while self.gone > 0
            && let Some(slot) = self.slots.front()
            && leave(*slot)
        {
            self.slots.pop_front();
            self.gone -= 1;
        }
        self.slots.front().copied()
    }

    /// Whether CoDel drops what has just been taken out, with so many still waiting.
    #[inline]
    pub fn drops(&mut self, since: u64, now: u64, waiting: u32) -> bool {
        self.discipline == Discipline::Codel && self.codel.drops(now - since, now, waiting)
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

/// Controlled delay: RFC 8289, section 5, with an attempt in place of a packet.
#[derive(Clone)]
struct Codel {
    target: u64,
    interval: u64,
    /// When the delay will have been above the target for an interval; 0 while it is not.
    first_above: u64,
    dropping: bool,
    drop_next: u64,
    count: u32,
    last_count: u32,
}

impl Codel {
    fn new(target: u64, interval: u64) -> Codel {
        Codel {
            target,
            interval,
            first_above: 0,
            dropping: false,
            drop_next: 0,
            count: 0,
            last_count: 0,
        }
    }

    /// The queue has run empty.
    fn rest(&mut self) {
        self.first_above = 0;
        self.dropping = false;
    }

    /// When to drop again.
    fn control_law(&self, from: u64) -> u64 {
        from + (self.interval as f64 / f64::from(self.count).sqrt()) as u64
    }

    /// Whether the delay has been above the target for an interval.
    fn too_slow(&mut self, delay: u64, now: u64, waiting: u32) -> bool {
        if delay < self.target || waiting == 0 {
            self.first_above = 0;
            return false;
        }
        if self.first_above == 0 {
            self.first_above = now + self.interval;
            return false;
        }
        now >= self.first_above
    }

    #[cold]
    fn drops(&mut self, delay: u64, now: u64, waiting: u32) -> bool {
        let too_slow = self.too_slow(delay, now, waiting);
        if !too_slow {
            self.dropping = false;
            return false;
        }
        if self.dropping {
            if now < self.drop_next {
                return false;
            }
            self.count += 1;
            self.drop_next = self.control_law(self.drop_next);
            return true;
        }
        // Shortly after it last dropped, it begins where it was.
        let delta = self.count - self.last_count;
        let recent = now.saturating_sub(self.drop_next) < 16 * self.interval;
        self.dropping = true;
        self.count = if delta > 1 && recent { delta } else { 1 };
        self.drop_next = self.control_law(now);
        self.last_count = self.count;
        true
    }
}

/// Busy exponential servers as a race.
///
/// Exponential service has no memory, so with b servers busy the next to
/// finish is any of them alike, after an exponential time of mean 1/b of one
/// server's; and whenever b changes the race may start afresh. One draw then
/// replaces a timer per server.
#[derive(Clone)]
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
    #[inline(always)]
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

    /// What has been drawn ahead is not used.
    pub fn forget(&mut self) {
        self.draws = Exponentials::new();
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
