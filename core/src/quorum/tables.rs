//! Staleness without trials, for replicas that are alike: by sums where all four delays
//! are steps, by integrals elsewhere.

use crate::quorum::exact::{Fineness, Legs, TooManySteps};
use crate::quorum::meshes::{self, Meshes};
use crate::quorum::steps::{self, Steps};

/// What every setting of alike replicas shares.
pub enum Tables {
    Meshes(Box<Meshes>),
    Steps(Box<Steps>),
}

impl Tables {
    /// Tables for legs of which a write is dropped with probability `drop`,
    /// good for up to `most` replicas and reads up to `latest` ns after the commit.
    ///
    /// # Errors
    /// [`TooManySteps`] for long lists of measured values.
    pub fn new(
        legs: Legs<'_>,
        drop: f64,
        most: u32,
        latest: f64,
        fineness: Fineness,
    ) -> Result<Tables, TooManySteps> {
        match Steps::new(legs, drop, fineness)? {
            Some(steps) => Ok(Tables::Steps(Box::new(steps))),
            None => Meshes::new(legs, drop, most, latest, fineness)
                .map(|meshes| Tables::Meshes(Box::new(meshes))),
        }
    }

    /// How far they are from holding all that there is. Infinite where something is
    /// no number.
    pub fn lost_mass(&self) -> f64 {
        match self {
            Tables::Meshes(meshes) => meshes.lost_mass(),
            Tables::Steps(_) => 0.0,
        }
    }

    /// What the difference from coarser tables is taken times, for an error that holds: a
    /// mesh is better by far than a coarser one, blocks are of some hundredths either way.
    pub fn margin(&self) -> f64 {
        match self {
            Tables::Meshes(_) => 1.0,
            Tables::Steps(_) => 3.0,
        }
    }

    /// One setting; R + W > N is for the caller to tell, it is 0 always.
    pub fn setting(&self, n: u32, r: u32, w: u32, asks_all: bool) -> Setting<'_> {
        match self {
            Tables::Meshes(meshes) => Setting::Meshes(meshes.setting(n, r, w, asks_all)),
            Tables::Steps(steps) => Setting::Steps(steps.setting(n, r, w, asks_all)),
        }
    }

    /// The quantile of the time that a read takes, in ns: `longer` tells the
    /// chance of a longer one from that of a replica's late reply.
    pub fn read_latency(&self, q: f64, longer: impl Fn(f64) -> f64) -> f64 {
        match self {
            Tables::Meshes(meshes) => meshes.read.upper_quantile(q, longer),
            Tables::Steps(steps) => steps.read.upper_quantile(q, longer),
        }
    }

    /// The same of a write, from a replica's late acknowledgement if it gets the write.
    pub fn write_latency(&self, q: f64, longer: impl Fn(f64) -> f64) -> f64 {
        match self {
            Tables::Meshes(meshes) => meshes.write.upper_quantile(q, longer),
            Tables::Steps(steps) => steps.write.upper_quantile(q, longer),
        }
    }
}

/// One setting (N, R, W) of alike replicas.
pub enum Setting<'t> {
    Meshes(meshes::Setting<'t>),
    Steps(steps::Setting<'t>),
}

impl Setting<'_> {
    /// P(a read that starts `t` ns after the commit is stale, and the write commits).
    pub fn p_stale(&self, t: f64) -> f64 {
        match self {
            Setting::Meshes(setting) => setting.p_stale(t),
            Setting::Steps(setting) => setting.p_stale(t),
        }
    }
}
