//! Whether runs of a herd come back from its faults, asked of as many as it takes to tell.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ensemble::Workers;
use crate::herd::{Engine, Herd, Twins};
use crate::scenario::Scenario;
use crate::streams::Streams;

/// Runs that are made at once, whatever the number of threads: as many as decide where they
/// all agree.
pub const BATCH: u64 = 10;
/// The most runs before it is left undecided.
pub const MOST: u64 = 40;
/// Standard errors by which a share has to differ from a half.
const Z: f64 = 3.0;

/// How many of some runs never recovered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Falls {
    pub never: u64,
    pub runs: u64,
}

impl Falls {
    /// Whether more than half of all runs never recover, at three standard errors (Wilson);
    /// nothing where these are too few to tell.
    pub fn decided(&self) -> Option<bool> {
        let (n, z) = (self.runs as f64, Z);
        if self.runs == 0 {
            return None;
        }
        let p = self.never as f64 / n;
        let centre = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let limit = 0.5 * (1.0 + z * z / n);
        match () {
            () if centre - half > limit => Some(true),
            () if centre + half < limit => Some(false),
            () => None,
        }
    }
}

/// The twins of all policies of a scenario, `n` of each.
pub fn twins(scenario: &Scenario, workers: &Workers, n: u64) -> Vec<Twins> {
    let policies = scenario.policies.iter();
    let herds: Vec<Herd<'_>> = policies
        .map(|(_, policy)| Herd {
            scenario,
            policy,
            engine: Engine::default(),
        })
        .collect();
    let replications: Vec<u64> = (0..n).collect();
    let seed = scenario.run.seed;
    let all = workers.map(&replications, |replication| {
        let streams = Streams {
            seed,
            replication: *replication,
        };
        Herd::twins(&herds, streams).0
    });
    let mut sums = vec![Twins::default(); herds.len()];
    for of_all in &all {
        for (sum, twin) in sums.iter_mut().zip(of_all) {
            sum.add(twin);
        }
    }
    sums
}

/// How many of some runs never recover: `recovers` tells it of each by its number, nothing
/// where that cannot be told. Nothing as well where one is to stop.
pub fn some(
    recovers: &(impl Fn(u64) -> Option<bool> + Sync),
    workers: &Workers,
    stop: &AtomicBool,
    replications: std::ops::Range<u64>,
) -> Option<Falls> {
    let runs: Vec<u64> = replications.collect();
    let fates = workers.map(&runs, |replication| {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        recovers(*replication)
    });
    let mut falls = Falls::default();
    for fate in fates {
        falls.never += u64::from(!fate?);
        falls.runs += 1;
    }
    Some(falls)
}

/// The same of as many as it takes to say whether more than half never do.
pub fn decide(
    recovers: &(impl Fn(u64) -> Option<bool> + Sync),
    workers: &Workers,
    stop: &AtomicBool,
) -> Option<Falls> {
    let mut all = Falls::default();
    while all.decided().is_none() && all.runs < MOST {
        let more = some(recovers, workers, stop, all.runs..all.runs + BATCH)?;
        all.never += more.never;
        all.runs += more.runs;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_that_agree_decide() {
        let decided = |never, runs| Falls { never, runs }.decided();
        assert_eq!(decided(0, 9), None);
        assert_eq!([decided(0, 10), decided(10, 10)], [Some(false), Some(true)]);
        // Wilson at z = 3: of 20 with 3 hits at most 0.447, with 4 at most 0.501.
        assert_eq!([decided(3, 20), decided(4, 20)], [Some(false), None]);
        assert_eq!([decided(17, 20), decided(16, 20)], [Some(true), None]);
    }
}
