//! What goes wrong, when, and how it fades.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::units::{Factor, Nanos, Probability};

/// One fault: `KIND(param)@FROM+FOR~RAMP`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub from: Nanos,
    pub lasts: Nanos,
    /// After the end the effect fades linearly to nothing over this time.
    pub ramp: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// All queued and served attempts fail as *reset* at the start; new ones
    /// are *refused* until the end.
    Crash,
    /// Nothing starts or finishes; arrivals queue up; work goes on where it stood.
    Stall,
    /// Arriving attempts vanish.
    Blackhole,
    /// Finished work is answered with an error, with this probability.
    Errors(Probability),
    /// The work is done and its answer lost, with this probability.
    Loss(Probability),
    /// Service times of work that starts are multiplied.
    Slow(Factor),
    /// Only this share of the servers starts new work.
    Capacity(Probability),
    /// The rate of new calls is multiplied.
    Surge(Factor),
}

impl FaultKind {
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Crash => "crash",
            FaultKind::Stall => "stall",
            FaultKind::Blackhole => "blackhole",
            FaultKind::Errors(_) => "errors",
            FaultKind::Loss(_) => "loss",
            FaultKind::Slow(_) => "slow",
            FaultKind::Capacity(_) => "capacity",
            FaultKind::Surge(_) => "surge",
        }
    }
}

impl Fault {
    /// When the full effect ends and the ramp, if any, begins.
    pub fn to(&self) -> Nanos {
        Nanos(self.from.0.saturating_add(self.lasts.0))
    }

    /// When nothing of it is left.
    pub fn over(&self) -> Nanos {
        Nanos(self.to().0.saturating_add(self.ramp.0))
    }

    /// How much of the effect there is at `t`: 0 to 1.
    pub fn effect(&self, t: Nanos) -> f64 {
        if t < self.from || t >= self.over() {
            0.0
        } else if t < self.to() {
            1.0
        } else {
            1.0 - (t.0 - self.to().0) as f64 / self.ramp.0 as f64
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.kind {
            FaultKind::Errors(p) | FaultKind::Loss(p) | FaultKind::Capacity(p) => {
                write!(f, "({p})")?;
            }
            FaultKind::Slow(x) | FaultKind::Surge(x) => write!(f, "({x})")?,
            FaultKind::Crash | FaultKind::Stall | FaultKind::Blackhole => {}
        }
        write!(f, "@{}+{}", self.from, self.lasts)?;
        if self.ramp > Nanos::ZERO {
            write!(f, "~{}", self.ramp)?;
        }
        Ok(())
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
