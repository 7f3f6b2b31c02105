//! What arrived and what was answered, in bins fine enough to see waves and recoveries.

use crate::scenario::Scenario;

/// Width of a fine bin, in ns.
pub(super) const FINE: u64 = 10_000_000;

/// What a fine bin holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FineBin {
    /// Attempts that arrived at the service, and how many of them were retries.
    pub offered: u32,
    pub retries: u32,
    /// Calls answered.
    pub ok: u32,
    /// Calls started.
    pub calls: u32,
    /// Calls not ended when it was over.
    pub waiting: u32,
}

/// Bins of 10 ms, aligned with the instant at which faults begin to do harm. The first one
/// is shorter where that is no multiple of 10 ms.
#[derive(Clone, Debug, Default)]
pub struct Fine {
    offset: u64,
    pub(super) bins: Vec<FineBin>,
}

impl Fine {
    pub(super) fn new(scenario: &Scenario) -> Fine {
        let first = scenario.harm().map_or(0, |harm| harm.from.0);
        Fine {
            offset: first % FINE,
            bins: Vec::with_capacity((scenario.run.horizon.0 / FINE + 2) as usize),
        }
    }

    /// A bin; of one that is not there, one in which nothing happens.
    #[inline]
    pub(super) fn at(&self, index: usize) -> FineBin {
        self.bins.get(index).copied().unwrap_or_default()
    }

    /// When the first bin ends, in ns.
    pub(super) fn first_edge(&self) -> u64 {
        match self.offset {
            0 => FINE,
            offset => offset,
        }
    }

    /// The first bin that starts at or after `t`.
    pub(super) fn index(&self, t: u64) -> usize {
        let first = usize::from(self.offset > 0);
        match t {
            0 => 0,
            t => first + t.saturating_sub(self.offset).div_ceil(FINE) as usize,
        }
    }

    /// When a bin starts, in ns.
    pub(super) fn start(&self, index: usize) -> u64 {
        match (index as u64, self.offset) {
            (0, _) => 0,
            (i, 0) => i * FINE,
            (i, offset) => offset + (i - 1) * FINE,
        }
    }

    /// How many whole bins there are up to `t`.
    pub(super) fn whole(&self, t: u64) -> usize {
        let first = usize::from(self.offset > 0 && t >= self.offset);
        first + (t.saturating_sub(self.offset) / FINE) as usize
    }

    /// The end of the whole ten bins in which `t` lies.
    pub(super) fn tenth_after(&self, t: u64) -> u64 {
        let since = t.saturating_sub(self.offset);
        self.offset + (since / (10 * FINE) + 1) * 10 * FINE
    }
}
