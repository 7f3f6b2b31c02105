//! The hosts of a service: what each has, and what is counted of it.

use crate::herd::balance::Balancer;
use crate::herd::fault::Faults;
use crate::herd::queue::Queue;
use crate::scenario::service::Service;
use crate::streams::Stream;

/// What a host has.
#[derive(Clone)]
pub(super) struct Host {
    pub queue: Queue,
    pub busy: u32,
    pub waiting: u32,
    /// Which faults hit it: 0 for those of the whole service, else some of its own as well.
    pub class: u16,
}

/// The hosts of a service.
#[derive(Clone)]
pub(super) struct Hosts {
    pub all: Vec<Host>,
    /// The faults of hosts that have some of their own, by class from 1.
    pub classes: Vec<Faults>,
    pub balancer: Balancer,
    pub tally: HostTally,
}

impl Hosts {
    /// Of a service that has several; `faults` are those of a host by its number.
    pub fn new(
        service: &Service,
        tally: HostTally,
        rng: Stream,
        faults: impl Fn(u32) -> Option<Faults>,
    ) -> Option<Hosts> {
        let balancer = Balancer::new(service, rng)?;
        let mut classes = Vec::new();
        let all = (0..service.host_count()).map(|host| {
            let own = faults(host);
            classes.extend(own.clone());
            Host {
                queue: Queue::new(service.pool()),
                busy: 0,
                waiting: 0,
                class: own.map_or(0, |_| classes.len() as u16),
            }
        });
        Some(Hosts {
            all: all.collect(),
            classes,
            balancer,
            tally,
        })
    }
}

/// What is counted of a host from the warm-up on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostCounts {
    /// Attempts that arrived at it, and those of them that failed for their callers after that.
    pub offered: u64,
    pub failed: u64,
    /// Time that its servers were busy, and that attempts waited, in ns, when these ended.
    pub busy_ns: u128,
    pub waited_ns: u128,
}

/// Counts of every host.
#[derive(Clone)]
pub(super) struct HostTally {
    pub counts: Vec<HostCounts>,
    /// Attempts that arrived in every stretch of the run, where that is looked at.
    pub strips: Option<Strips>,
    warmup: u64,
}

impl HostTally {
    pub fn new(hosts: u32, strips: Option<Strips>, warmup: u64) -> HostTally {
        HostTally {
            counts: vec![HostCounts::default(); hosts as usize],
            strips,
            warmup,
        }
    }

    /// An attempt reaches a host.
    #[inline]
    pub fn arrives(&mut self, host: u16, now: u64) {
        self.counts[host as usize].offered += u64::from(self.counts_at(now));
        if let Some(strips) = &mut self.strips {
            strips.add(u32::from(host), now);
        }
    }

    /// Whether an attempt that arrives now is counted.
    #[inline]
    pub fn counts_at(&self, now: u64) -> bool {
        now >= self.warmup
    }

    /// An attempt that a host has counted has failed for its caller.
    #[inline]
    pub fn failed(&mut self, host: u16) {
        self.counts[host as usize].failed += 1;
    }

    /// An attempt leaves the server that it has held since `since`.
    #[inline]
    pub fn served(&mut self, host: u16, since: u64, until: u64) {
        let time = until.saturating_sub(since.max(self.warmup));
        self.counts[host as usize].busy_ns += u128::from(time);
    }

    /// An attempt leaves the queue that it has been in since `since`.
    #[inline]
    pub fn waited(&mut self, host: u16, since: u64, until: u64) {
        let time = until.saturating_sub(since.max(self.warmup));
        self.counts[host as usize].waited_ns += u128::from(time);
    }

    /// The share of the attempts that the busiest host gets; NaN of none.
    pub fn busiest_share(&self) -> f64 {
        let offered = self.counts.iter().map(|counts| counts.offered);
        let most = offered.clone().max().unwrap_or(0) as f64;
        most / offered.sum::<u64>() as f64
    }
}

/// How many attempts arrived at each host over time, of one replication: the times of stretches
/// of equal length, by host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strips {
    /// How long each is, in ns.
    pub width: u64,
    pub counts: Vec<Vec<u32>>,
}

impl Strips {
    /// The most stretches that are told apart.
    const MOST: u64 = 240;

    /// Of so many hosts over a run of that length, of bins of that width or wider ones.
    pub fn new(hosts: u32, horizon: u64, bin: u64) -> Strips {
        let width = bin * horizon.div_ceil(bin * Strips::MOST).max(1);
        Strips {
            width,
            counts: vec![vec![0; horizon.div_ceil(width) as usize]; hosts as usize],
        }
    }

    pub fn add(&mut self, host: u32, now: u64) {
        if let Some(count) = self.counts[host as usize].get_mut((now / self.width) as usize) {
            *count += 1;
        }
    }
}
