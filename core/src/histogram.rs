//! How many values were about how long: durations to three significant digits.

use hdrhistogram::Histogram as Hdr;

use crate::units::Nanos;

/// Counts of durations up to a longest one, each known to three significant digits.
#[derive(Clone, Debug)]
pub struct Histogram(Hdr<u64>);

impl Histogram {
    /// For durations up to `longest`.
    pub fn up_to(longest: Nanos) -> Histogram {
        let hdr = Hdr::new_with_max(longest.0.max(2), 3);
        Histogram(hdr.unwrap_or_else(|e| unreachable!("three digits of at least 2 ns: {e}")))
    }

    /// For durations of any length: it grows with them.
    pub fn growing() -> Histogram {
        Histogram(Hdr::new(3).unwrap_or_else(|e| unreachable!("three digits: {e}")))
    }

    /// Counts one duration in ns; what is longer than the longest so far counts as that.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Counts a duration so many times, and grows where it can; says whether it was not too
    /// long to count.
    #[must_use]
    pub fn record_many(&mut self, ns: u64, count: u64) -> bool {
        self.0.record_n(ns, count).is_ok()
    }

    /// Adds the counts of another, made for durations as long.
    pub fn merge(&mut self, other: &Histogram) {
        let merged = self.0.add(&other.0);
        debug_assert!(merged.is_ok());
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// The quantile `q` from 0 to 1 in seconds; NaN of nothing.
    pub fn quantile_s(&self, q: f64) -> f64 {
        match self.is_empty() {
            true => f64::NAN,
            false => self.quantile_ns(q) as f64 / 1e9,
        }
    }

    /// How long the `rank`-th shortest took, from 1, in seconds; NaN where there are fewer.
    pub fn rank_s(&self, rank: u64) -> f64 {
        match self.len() {
            all if rank == 0 || rank > all => f64::NAN,
            // Between two ranks, so that rounding does not make it another.
            all => self.quantile_s((rank as f64 - 0.5) / all as f64),
        }
    }

    /// The same in ns; 0 of nothing.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        self.0.value_at_quantile(q)
    }

    /// The share that lies at or below a duration in ns.
    pub fn share_below(&self, ns: u64) -> f64 {
        self.0.quantile_below(ns)
    }

    /// How many lie between two durations in ns, both included.
    pub fn count_between(&self, least: u64, most: u64) -> u64 {
        self.0.count_between(least, most)
    }

    /// What was counted, shortest first: up to how many ns, and how many.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        let steps = self.0.iter_recorded();
        steps.map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}
