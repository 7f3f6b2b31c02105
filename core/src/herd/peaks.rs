//! The most that came at once: while faults last, and after.

use crate::herd::counts::Counts;
use crate::herd::fault::{scale_at, whole};
use crate::herd::fine::{FINE, Fine, FineBin};
use crate::herd::site::Site;
use crate::scenario::Scenario;
use crate::scenario::action::Action;
use crate::scenario::fault::{Fault, FaultKind, OnHosts};
use crate::units::Nanos;

/// Width of a bin in which peaks are looked for.
const TENTH: u64 = 10 * FINE;

/// The highest rates of attempts in a replication; NaN where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Peaks {
    /// From the first fault's beginning to the end of the last one's full force, and from
    /// there on: attempts per second, and as a multiple of the capacity then.
    pub during: [f64; 2],
    pub after: [f64; 2],
    /// While faults are in full force: attempts that arrive, and calls that start.
    pub attempts_during: f64,
    pub calls_during: f64,
    /// Most attempts waiting as a bin ends, from the first fault's beginning on.
    pub queue: f64,
    /// Of bins after the first fault's beginning, over the nominal capacity.
    pub offered_ratio: f64,
    /// The highest fine bin over what is usual.
    pub herd_index: f64,
}

/// The ends of bins of 100 ms that are aligned to the end of the last fault's full force,
/// without a fault to the end of the warm-up.
#[derive(Clone, Debug)]
pub(super) struct TenthEdges {
    /// When faults begin to do harm; at least an edge.
    from: Option<u64>,
    to: u64,
    pub next: u64,
}

impl TenthEdges {
    pub fn new(scenario: &Scenario) -> TenthEdges {
        let harm = scenario.harm();
        let mut edges = TenthEdges {
            from: harm.map(|harm| harm.from.0),
            to: harm.map_or(scenario.run.warmup, |harm| harm.to).0,
            next: 0,
        };
        edges.pass();
        edges
    }

    pub fn pass(&mut self) {
        let (start, offset) = (self.next, self.to % TENTH);
        let next = match start < offset {
            true => offset,
            false => offset + ((start - offset) / TENTH + 1) * TENTH,
        };
        self.next = match self.from {
            Some(from) if from > start => next.min(from),
            _ => next,
        };
    }
}

/// Counts attempts in bins that end at [`TenthEdges`].
#[derive(Clone)]
pub struct Tenths {
    from: Option<u64>,
    to: u64,
    start: u64,
    /// Attempts offered and calls started before the running bin.
    before: [u64; 2],
    /// The same of the bins while faults are in full force.
    sums: [u64; 2],
    queue: u32,
    /// In ns⁻¹ and as multiples of the capacity.
    during: [f64; 2],
    after: [f64; 2],
    capacity_per_s: f64,
    /// Of each host, where they are counted.
    servers: Option<u32>,
    /// Hosts that nothing tells apart: which they are, and how many.
    alike: Vec<(u32, u32)>,
    hosts: u32,
    faults: Vec<Fault>,
    actions: Vec<Action>,
}

impl Tenths {
    pub fn new(site: Site<'_>) -> Tenths {
        let TenthEdges { from, to, .. } = TenthEdges::new(site.scenario);
        let faults = site.scenario.faults_at(site.tier);
        let hosts = site.service().host_count();
        Tenths {
            from,
            to,
            start: 0,
            before: [0; 2],
            sums: [0; 2],
            queue: 0,
            during: [f64::NAN; 2],
            after: [f64::NAN; 2],
            capacity_per_s: site.service().capacity_per_s(),
            servers: site.service().pool().map(|pool| pool.servers),
            alike: alike(&faults, hosts),
            hosts,
            faults,
            actions: site.actions(),
        }
    }

    /// Ends the running bin at `end`; so many attempts have been offered by then, and so
    /// many wait.
    pub fn close(&mut self, end: u64, counts: &Counts, queued: u32) {
        let now = [counts.offered, counts.calls];
        let rate = (now[0] - self.before[0]) as f64 / (TENTH as f64 / 1e9);
        let capacity = self.capacity_per_s * self.share_at((self.start + end) / 2);
        let kept = match self.from {
            _ if self.start >= self.to => Some(&mut self.after),
            Some(from) if self.start >= from => {
                for (sum, (now, before)) in self.sums.iter_mut().zip(now.iter().zip(self.before)) {
                    *sum += now - before;
                }
                Some(&mut self.during)
            }
            _ => None,
        };
        if kept.is_some() {
            self.queue = self.queue.max(queued);
        }
        if let Some([peak, ratio]) = kept {
            *peak = peak.max(rate);
            if capacity > 0.0 && capacity.is_finite() {
                *ratio = ratio.max(rate / capacity);
            }
        }
        self.before = now;
        self.start = end;
    }

    /// The share of the nominal capacity that faults and actions leave at an instant.
    fn share_at(&self, t: u64) -> f64 {
        let of = |&(host, alike): &(u32, u32)| self.share_of(host, t) * f64::from(alike);
        self.alike.iter().map(of).sum::<f64>() / f64::from(self.hosts)
    }

    fn share_of(&self, host: u32, t: u64) -> f64 {
        let (mut speed, mut servers) = (1.0, 1.0);
        let hits = |fault: &&Fault| fault.hosts.is_none_or(|own| own.hits(host, self.hosts));
        for fault in self.faults.iter().filter(hits) {
            let effect = fault.effect(Nanos(t));
            match &fault.kind {
                FaultKind::Crash | FaultKind::Stall => speed *= 1.0 - effect,
                FaultKind::Slow(x) => speed /= 1.0 + (x.0 - 1.0) * effect,
                FaultKind::Capacity(x) => servers *= 1.0 + (x.0 - 1.0) * effect,
                FaultKind::Blackhole(_)
                | FaultKind::Refuse(_)
                | FaultKind::Delay(_)
                | FaultKind::Errors(_)
                | FaultKind::Loss(_)
                | FaultKind::Surge(_) => {}
            }
        }
        servers *= scale_at(&self.actions, Nanos(t));
        speed * self.servers.map_or(1.0, |own| whole(own, servers))
    }

    /// Ends what has begun of a bin at the end of a run.
    pub fn finish(&mut self, end: u64, counts: &Counts, queued: u32) {
        if end > self.start {
            self.close(end, counts, queued);
        }
    }

    /// The peaks of a run whose fine bins these are, in which so many calls began between
    /// two instants, the first call and the last one's end.
    pub fn peaks(&self, site: Site<'_>, fine: &Fine, calls: u64, lasted: [u64; 2]) -> Peaks {
        let warm = fine.index(site.scenario.run.warmup.0);
        let first = self.from.map_or(0, |from| fine.index(from));
        let from = first.max(warm).min(fine.bins.len());
        let after = &fine.bins[from..];
        let offered =
            |bins: &[FineBin]| -> u64 { bins.iter().map(|bin| u64::from(bin.offered)).sum() };
        let tenths = after.chunks_exact(10).map(offered).max();
        let capacity = self.capacity_per_s;
        let offered_ratio = match tenths {
            Some(most) if capacity > 0.0 && capacity.is_finite() => most as f64 / 0.1 / capacity,
            _ => f64::NAN,
        };
        let most = |bins: &[FineBin]| bins.iter().map(|bin| bin.offered).max();
        let (most, usual) = match site.is_once() {
            // Who calls once has no rate: what an even spread of the calls would bring.
            true => {
                let bins = (lasted[1] - lasted[0]).max(FINE) as f64 / FINE as f64;
                (most(&fine.bins), calls as f64 / bins)
            }
            _ if self.from.is_some() => {
                let before = &fine.bins[warm.min(from)..from];
                (most(after), offered(before) as f64 / before.len() as f64)
            }
            _ => (None, f64::NAN),
        };
        let herd_index = match most {
            Some(most) if usual > 0.0 => f64::from(most) / usual,
            _ => f64::NAN,
        };
        let known = |sum: u64| match self.from {
            Some(_) => sum as f64,
            None => f64::NAN,
        };
        Peaks {
            attempts_during: known(self.sums[0]),
            calls_during: known(self.sums[1]),
            queue: f64::from(self.queue),
            during: self.during,
            after: self.after,
            offered_ratio,
            herd_index,
        }
    }
}

/// Hosts, from 0, that faults tell apart: the first of each kind, and how many follow it.
fn alike(faults: &[Fault], hosts: u32) -> Vec<(u32, u32)> {
    let mut edges = vec![0, hosts];
    for fault in faults {
        match fault.hosts {
            Some(OnHosts::One(n)) => edges.extend([n - 1, n]),
            Some(own @ OnHosts::Share(_)) => edges.push(own.count(hosts)),
            None => {}
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges.windows(2).map(|w| (w[0], w[1] - w[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peaks of a run in which attempts are offered at given instants, in ms.
    fn peaks(text: &str, offered_ms: &[u64]) -> Peaks {
        let scenario = Scenario::parse("test", text).unwrap();
        let site = Site {
            scenario: &scenario,
            tier: 0,
            acts: false,
            group: None,
        };
        let mut tenths = Tenths::new(site);
        let mut edges = TenthEdges::new(&scenario);
        let mut counts = Counts::default();
        for ms in offered_ms {
            while ms * 1_000_000 >= edges.next {
                tenths.close(edges.next, &counts, 0);
                edges.pass();
            }
            counts.offered += 1;
        }
        tenths.finish(scenario.run.horizon.0, &counts, 0);
        tenths.peaks(site, &Fine::new(&scenario), 0, [0, 0])
    }

    #[test]
    fn bins_are_aligned_to_the_end_of_the_full_force() {
        // The full force ends at 2,030 ms: bins end at 1,930, 2,030, 2,130 ms.
        let text = "faults = [\"crash@1s+1030ms~1s\"]\n[run]\nwarmup = \"0s\"\nhorizon = \"10s\"";
        let found = peaks(
            text,
            &[999, 1_000, 1_029, 1_930, 2_029, 2_030, 2_129, 2_130],
        );
        // 1,000 and 1,029 share the bin that is cut short by the fault's beginning.
        assert_eq!((found.during[0], found.after[0]), (20.0, 20.0));
        // Nothing is served while it lasts.
        assert!(found.during[1].is_nan());
        assert_eq!((found.attempts_during, found.calls_during), (4.0, 0.0));
        let after = peaks(text, &[2_029, 2_030, 2_031, 2_129]);
        assert_eq!((after.during[0], after.after[0]), (10.0, 30.0));
    }

    #[test]
    fn peaks_are_told_against_the_capacity_then() {
        // 100 servers at 14 ms, of which a quarter is left for a second.
        let text = "faults = [\"capacity(0.25)@1s+1s\"]\n[run]\nhorizon = \"10s\"";
        let found = peaks(text, &[1_500, 1_501, 5_000, 5_001, 5_002]);
        assert!((found.during[1] - 20.0 / (100.0 / 0.014 / 4.0)).abs() < 1e-12);
        assert!((found.after[1] - 30.0 / (100.0 / 0.014)).abs() < 1e-12);
    }

    #[test]
    fn without_a_fault_peaks_are_those_after_the_warm_up() {
        let text = "faults = []\n[run]\nwarmup = \"2050ms\"\nhorizon = \"10s\"";
        let found = peaks(text, &[100, 101, 102, 2_049, 2_050, 2_149, 2_150]);
        assert!(found.during[0].is_nan());
        assert_eq!(found.after[0], 20.0);
    }
}
