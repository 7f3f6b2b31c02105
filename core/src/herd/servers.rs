//! When servers are free, of those who serve first come, first served.

use crate::scenario::action::{Action, ActionKind};

/// The servers of a pool, by when they will be free.
///
/// While many are idle it does not matter which: those that were taken stand in no order,
/// and are counted again when as many more have been taken as were busy, or idle if that is
/// less. Else they are a heap of four children a node, and counted again after as many have
/// been taken as there are. So counting takes O(1) an attempt.
#[derive(Clone)]
pub(super) struct Servers {
    pub all: usize,
    /// When those are free that were taken; some may be free by now.
    free: Vec<u64>,
    is_heap: bool,
    /// How many are taken until they are counted again.
    left: usize,
}

impl Servers {
    /// So many idle ones, and others that come later.
    pub fn new(idle: usize, later: &[u64]) -> Servers {
        Servers {
            all: idle + later.len(),
            free: later.to_vec(),
            is_heap: false,
            left: idle.min(64),
        }
    }

    /// When the first of them is free, if that is not now.
    #[inline(always)]
    pub fn earliest(&mut self, now: u64) -> u64 {
        if self.left == 0 {
            self.count(now);
        }
        match self.free.first() {
            Some(free) if self.is_heap && *free > now && self.free.len() == self.all => *free,
            _ => now,
        }
    }

    /// Forgets those that are free, and brings the others in order if there are many.
    #[cold]
    fn count(&mut self, now: u64) {
        // Without a branch, as each is as likely to stay as to go.
        let mut busy = 0;
        for place in 0..self.free.len() {
            let free = self.free[place];
            self.free[busy] = free;
            busy += usize::from(free > now);
        }
        let in_order = self.is_heap && busy == self.free.len();
        self.free.truncate(busy);
        let idle = self.all - busy;
        self.is_heap = idle < self.all.div_ceil(4);
        self.left = match self.is_heap {
            true => self.all,
            false => idle.min(busy.max(64)),
        };
        if self.is_heap && !in_order {
            // What is sorted is a heap.
            self.free.sort_unstable();
        }
    }

    /// The first of them is taken, from `start` until then.
    #[inline(always)]
    pub fn take(&mut self, start: u64, until: u64) {
        self.left -= 1;
        if !self.is_heap {
            return self.free.push(until);
        }
        if self.free.first().is_none_or(|free| *free > start) {
            return self.add(until);
        }
        // It sinks below all that are free before it.
        let heap = &mut self.free[..];
        let mut place = 0;
        while let Some(&[a, b, c, d]) = heap.get(4 * place + 1..4 * place + 5) {
            let (ab, cd) = (a.min(b), c.min(d));
            let least = ab.min(cd);
            if until <= least {
                break;
            }
            let pair = usize::from(cd < ab);
            let second = usize::from(if cd < ab { d < c } else { b < a });
            heap[place] = least;
            place = 4 * place + 1 + 2 * pair + second;
        }
        heap[place] = until;
        self.sink_last(place);
    }

    /// The same below a node that has fewer than four children.
    #[inline(always)]
    fn sink_last(&mut self, place: usize) {
        let first = 4 * place + 1;
        let Some(children) = self.free.get(first..) else {
            return;
        };
        if children.len() < 4
            && let Some((child, least)) = children.iter().enumerate().min_by_key(|(_, free)| **free)
            && *least < self.free[place]
        {
            self.free.swap(place, first + child);
        }
    }

    /// Another one is needed.
    #[cold]
    fn add(&mut self, until: u64) {
        let mut place = self.free.len();
        self.free.push(until);
        while place > 0 && until < self.free[(place - 1) / 4] {
            self.free.swap(place, (place - 1) / 4);
            place = (place - 1) / 4;
        }
    }
}

/// When servers come for good, of a pool of so many, in order: each as soon as there are to be
/// that many, rounded.
pub(super) fn joining(actions: &[Action], servers: u32) -> Vec<u64> {
    let scale = actions.iter().find_map(|action| match action.kind {
        ActionKind::Scale(x) => Some((action, (x.0 - 1.0) * f64::from(servers))),
        _ => None,
    });
    let Some((action, more)) = scale else {
        return Vec::new();
    };
    let come = |n: u32| {
        let share = (f64::from(n) + 0.5) / more;
        action.from.0 + (share.min(1.0) * action.ramp.0 as f64).ceil() as u64
    };
    (0..more.round() as u32).map(come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a sorted list, through light and heavy load.
    #[test]
    fn the_earliest_server_is_taken() {
        for all in [1, 2, 3, 7, 100, 1_000] {
            let mut servers = Servers::new(all, &[]);
            let mut plain = vec![0u64; all];
            let (mut now, mut state) = (0, 3u64);
            for step in 0..20_000u64 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let busy = if step / 3_000 % 2 == 0 { 40 } else { 3_000 };
                now += (state >> 40) % (2_000 / all as u64 + 2);
                plain.sort_unstable();
                let start = plain[0].max(now);
                assert_eq!(servers.earliest(now), start);
                // Some leave before they are served.
                if step % 7 > 0 {
                    plain[0] = start + (state >> 33) % busy;
                    servers.take(start, plain[0]);
                }
            }
        }
    }
}
