//! Attempts by their number, finely over time: the waves that retries come in.

use crate::scenario::Scenario;
use crate::scenario::callers::Arrival;

/// Rows: first attempts, retries 1 to 6, and all later ones.
pub const WAVES: [&str; 8] = [
    "first",
    "retry_1",
    "retry_2",
    "retry_3",
    "retry_4",
    "retry_5",
    "retry_6",
    "retry_7_up",
];

/// Bins at most; they are 10 ms wide, or a multiple where that is too fine.
const MOST_BINS: u64 = 1_000;
const FINEST: u64 = 10_000_000;
/// Shown before the first fault, and after the end of it.
const BEFORE: u64 = 1_000_000_000;
const AFTER: u64 = 7 * BEFORE;

/// The stretch of a run that is looked at: when it begins, in ns, and its bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: u64,
    pub bin: u64,
    pub bins: usize,
}

impl Stretch {
    /// From a second before the first fault to seven after it, ten at least; without one the
    /// same of the highest step of a trace, else the first ten seconds that count.
    pub fn of(scenario: &Scenario) -> Stretch {
        let horizon = scenario.run.horizon.0;
        let first = scenario.faults.iter().min_by_key(|f| f.from);
        let (from, lasts) = match (first, &scenario.callers().arrival) {
            (Some(fault), _) => (
                fault.from.0.saturating_sub(BEFORE),
                fault.over().0 - fault.from.0,
            ),
            (None, Arrival::Once { at, .. }) => (at.0, 0),
            (None, Arrival::Trace { step, rates }) => {
                let highest = rates.iter().copied().fold(0.0, f64::max);
                let first = rates.iter().position(|rate| *rate == highest).unwrap_or(0);
                let from = step.0.saturating_mul(first as u64).saturating_sub(BEFORE);
                (from.max(scenario.run.warmup.0), step.0)
            }
            (None, _) => (scenario.run.warmup.0, 0),
        };
        let from = from.min(horizon);
        let length = lasts
            .saturating_add(BEFORE + AFTER)
            .max(MOST_BINS * FINEST)
            .min(horizon - from);
        let bin = FINEST * length.div_ceil(MOST_BINS * FINEST).max(1);
        Stretch {
            from,
            bin,
            bins: length.div_ceil(bin) as usize,
        }
    }
}

/// Attempts sent in every bin of a [`Stretch`], by [`WAVES`].
pub type Waves = Vec<[u32; WAVES.len()]>;

/// Counts them.
#[derive(Clone, Debug)]
pub struct Tally {
    stretch: Stretch,
    pub counts: Waves,
}

impl Tally {
    pub fn new(scenario: &Scenario) -> Tally {
        let stretch = Stretch::of(scenario);
        Tally {
            stretch,
            counts: vec![[0; WAVES.len()]; stretch.bins],
        }
    }

    /// The `number`-th attempt of a call, from 1, is sent at `now`.
    pub fn sent(&mut self, now: u64, number: u32) {
        let Some(since) = now.checked_sub(self.stretch.from) else {
            return;
        };
        let row = (number as usize - 1).min(WAVES.len() - 1);
        if let Some(bin) = self.counts.get_mut((since / self.stretch.bin) as usize) {
            bin[row] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_holds_the_fault_and_what_follows() {
        let of = |text: &str| Stretch::of(&Scenario::parse("test", text).unwrap());
        let (s, ms) = (1_000_000_000, 1_000_000);
        let stretch = |from, bin, bins| Stretch { from, bin, bins };
        assert_eq!(of(""), stretch(9 * s, 10 * ms, 1_000));
        // 1 + 30 + 7 s take bins of 40 ms.
        assert_eq!(
            of("faults = [\"crash@10s+30s\"]"),
            stretch(9 * s, 40 * ms, 950)
        );
        // The highest step of a trace, which takes 20 s.
        assert_eq!(
            of("faults = []\n[callers]\narrival = \"trace\"\nstep = \"20s\"\nrates = [5, 9, 2]"),
            stretch(19 * s, 30 * ms, 934)
        );
        assert_eq!(
            of("faults = []\n[run]\nwarmup = \"2s\"\nhorizon = \"3s\""),
            stretch(2 * s, 10 * ms, 100)
        );
    }

    #[test]
    fn attempts_are_counted_by_number_and_time() {
        let scenario = Scenario::parse("test", "").unwrap();
        let mut tally = Tally::new(&scenario);
        let s = 1_000_000_000;
        for (now, number) in [(s, 1), (9 * s, 1), (9 * s + 9_999_999, 2), (60 * s, 3)] {
            tally.sent(now, number);
        }
        tally.sent(18_999_999_999, 40);
        let total: u32 = tally.counts.iter().flatten().sum();
        assert_eq!(total, 3);
        assert_eq!(tally.counts[0], [1, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(tally.counts[999], [0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
