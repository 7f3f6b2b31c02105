//! A host on the fast path: when its servers are free, who waits, and what goes wrong there.

use crate::herd::balance::{Balancer, Sight};
use crate::herd::calendar::{Calendar, NEVER, Timed};
use crate::herd::fault::Faults;
use crate::herd::hosts::HostTally;
use crate::herd::ring::Ring;
use crate::herd::servers::Servers;

/// A pool of servers, first come, first served, under faults that are known.
#[derive(Clone)]
pub(super) struct Station {
    pub servers: Servers,
    /// When more servers come, in order.
    joining: Vec<u64>,
    /// When those that wait leave the queue, the first of them, and how many they are.
    waiting: Ring<u64>,
    next_leaves: u64,
    pub queue: usize,
    pub faults: Faults,
    /// When crashes begin, the next one last.
    crashes: Vec<u64>,
    pub crash: u64,
    /// Until when no fault has anything to do with an attempt that arrives.
    pub calm_until: u64,
}

impl Station {
    /// One of so many servers, and others that come later.
    pub fn new(servers: u32, joining: Vec<u64>, faults: Faults) -> Station {
        let mut crashes = faults.crashes();
        crashes.reverse();
        Station {
            servers: Servers::new(servers as usize, &joining),
            joining,
            waiting: Ring::new(),
            next_leaves: NEVER,
            queue: 0,
            faults,
            crash: crashes.pop().unwrap_or(NEVER),
            crashes,
            calm_until: 0,
        }
    }

    /// Those leave the queue that do so by now.
    #[inline(always)]
    pub fn pass(&mut self, now: u64) {
        while self.next_leaves <= now {
            self.waiting.pop();
            self.queue -= 1;
            self.next_leaves = self.waiting.front().copied().unwrap_or(NEVER);
        }
    }

    /// Another waits, whose place is free from an instant on.
    #[inline(always)]
    pub fn joins(&mut self, free_from: u64) {
        self.waiting.push(free_from);
        self.queue += 1;
        self.next_leaves = self.next_leaves.min(free_from);
    }

    /// The crash has come: nobody waits, and no server is busy.
    #[cold]
    pub fn crash(&mut self, now: u64) {
        self.waiting.clear();
        (self.queue, self.next_leaves) = (0, NEVER);
        while self.crash <= now {
            let come = self.joining.partition_point(|time| *time <= now);
            let all = self.servers.all - (self.joining.len() - come);
            self.servers = Servers::new(all, &self.joining[come..]);
            self.crash = self.crashes.pop().unwrap_or(NEVER);
        }
    }
}

/// What there is of several hosts.
#[derive(Clone)]
pub(super) struct Fleet {
    /// The further ones.
    pub others: Vec<Station>,
    pub balancer: Balancer,
    pub sight: Sight,
    pub tally: HostTally,
    /// When attempts are no longer in flight, where that is of interest.
    pub flying: Calendar<Flight>,
}

/// An attempt of a client in flight to a host, up to an instant.
#[derive(Clone, Copy, Default)]
pub(super) struct Flight {
    pub until: u64,
    pub client: u32,
    pub host: u16,
}

impl Timed for Flight {
    fn time(&self) -> u64 {
        self.until
    }
}

impl Fleet {
    /// The host of an attempt of a caller, of a client, that is sent now.
    pub fn pick(&mut self, client: u32, caller: u32, now: u64) -> u16 {
        while self.flying.bound() <= now {
            match self.flying.pop() {
                Some(flight) => self.fly(flight, false),
                None => self.flying.settle(),
            }
        }
        self.balancer.pick_any(&mut self.sight, client, caller) as u16
    }

    /// An attempt is in flight, or no longer.
    pub fn fly(&mut self, flight: Flight, takes_off: bool) {
        let (sight, host) = (&mut self.sight, u32::from(flight.host));
        self.balancer.fly(sight, flight.client, host, takes_off);
    }
}

/// One host, of which `MANY` says whether there are more.
#[inline(always)]
pub(super) fn station_of<'a, const MANY: bool>(
    first: &'a mut Station,
    fleet: &'a mut Option<Fleet>,
    host: u16,
) -> &'a mut Station {
    match (fleet, host.checked_sub(1)) {
        (Some(fleet), Some(other)) if MANY => &mut fleet.others[other as usize],
        _ => first,
    }
}
