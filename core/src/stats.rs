//! Means with 95% intervals.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The 97.5% quantile of the normal law.
pub const Z_975: f64 = 1.959_963_984_540_054;

/// A mean and its 95% interval; NaN where there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
    /// Values that went into it.
    pub n: u64,
    /// Standard deviation of the values.
    pub sd: f64,
}

impl Estimate {
    pub const NONE: Estimate = Estimate {
        mean: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
        n: 0,
        sd: f64::NAN,
    };

    /// What is known without a doubt.
    pub const fn certain(x: f64) -> Estimate {
        Estimate {
            mean: x,
            low: x,
            high: x,
            n: 0,
            sd: 0.0,
        }
    }

    /// Student's t interval for the mean of the values that are not NaN.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Estimate {
        let mut sums = Moments::default();
        for value in values {
            sums.add(value);
        }
        sums.estimate()
    }

    /// The same, and how many of the values are NaN.
    pub fn of_known(values: impl IntoIterator<Item = f64>) -> (Estimate, u64) {
        let (mut sums, mut all) = (Moments::default(), 0);
        for value in values {
            sums.add(value);
            all += 1;
        }
        (sums.estimate(), all - sums.n)
    }

    /// Wilson's interval for a share of `n` runs, of which there were `hits` (Wilson 1927).
    pub fn share(hits: f64, n: u64) -> Estimate {
        Estimate::within_limits(hits, n, wilson)
    }

    /// The interval for a chance of which there were `hits` in `n` independent trials, few
    /// as they may be: by [`rare`].
    pub fn of_trials(hits: f64, n: u64) -> Estimate {
        Estimate::within_limits(hits, n, rare)
    }

    fn within_limits(hits: f64, n: u64, limits: fn(f64, u64) -> (f64, f64)) -> Estimate {
        if n == 0 {
            return Estimate::NONE;
        }
        let p = hits / n as f64;
        let (low, high) = limits(hits, n);
        Estimate {
            mean: p,
            low: low.clamp(0.0, p),
            high: high.clamp(p, 1.0),
            n,
            sd: (p * (1.0 - p)).sqrt(),
        }
    }

    /// Whether all values, two or more, are the same.
    pub fn agrees(&self) -> bool {
        self.n > 1 && self.sd == 0.0
    }

    /// Without an interval where all values are the same: how far others may lie is not
    /// known.
    #[must_use]
    pub fn or_none(self) -> Estimate {
        match self.agrees() {
            true => Estimate {
                low: f64::NAN,
                high: f64::NAN,
                ..self
            },
            false => self,
        }
    }

    /// Of values from `least` to `most`: where all are the same, that is so in at least
    /// Wilson's lower limit of all runs, and the others may have any value. Else the
    /// interval is cut to what there can be.
    #[must_use]
    pub fn or_of_runs(self, least: f64, most: f64) -> Estimate {
        if !self.agrees() {
            return self.within(least, most);
        }
        let known = wilson(self.n as f64, self.n).0;
        Estimate {
            low: self.mean * known + least * (1.0 - known),
            high: self.mean * known + most * (1.0 - known),
            ..self
        }
    }

    /// The interval cut to what the quantity can be: a mean of what is never
    /// negative has no negative limit.
    #[must_use]
    pub fn within(self, least: f64, most: f64) -> Estimate {
        if self.low.is_nan() {
            return self;
        }
        Estimate {
            low: self.low.max(least.min(self.mean)),
            high: self.high.min(most.max(self.mean)),
            ..self
        }
    }

    /// The interval stretched to its mean, where that was taken otherwise.
    #[must_use]
    pub fn around_mean(self) -> Estimate {
        Estimate {
            low: self.low.min(self.mean),
            high: self.high.max(self.mean),
            ..self
        }
    }

    /// How far the interval reaches from the mean, to the side where that is farther: what
    /// is cut to what there can be is short on the other.
    pub fn reach(&self) -> f64 {
        match self.low.is_nan() {
            true => f64::NAN,
            false => (self.mean - self.low).max(self.high - self.mean),
        }
    }

    /// Half the width of the interval.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Wilson's 95% limits of a chance of which there were `ones` hits in `n` trials,
/// to be cut to [0, 1] where rounding asks for it.
pub fn wilson(ones: f64, n: u64) -> (f64, f64) {
    let (z, size) = (Z_975, n as f64);
    let p = ones / size;
    let centre = (p + z * z / (2.0 * size)) / (1.0 + z * z / size);
    let half =
        z / (1.0 + z * z / size) * (p * (1.0 - p) / size + z * z / (4.0 * size * size)).sqrt();
    (centre - half, centre + half)
}

/// 95% limits of a chance of which there were `hits` in `n` independent trials, where these
/// may be few.
///
/// Wilson's, but for the limit on the side of what is rare: that one errs where a chance is
/// of hardly a hit in all (of 1 hit it is 0.18, more than which is met in 16 of 100
/// experiments), so it has the correction for continuity (Newcombe 1998, method 4).
pub fn rare(hits: f64, n: u64) -> (f64, f64) {
    let size = n as f64;
    if hits > size / 2.0 {
        let (low, high) = rare(size - hits, n);
        return (1.0 - high, 1.0 - low);
    }
    let (z, p) = (Z_975, hits / size);
    let root = z * z - 2.0 - 1.0 / size + 4.0 * p * (size * (1.0 - p) + 1.0);
    let low = (2.0 * hits + z * z - 1.0 - z * root.max(0.0).sqrt()) / (2.0 * (size + z * z));
    let low = if hits == 0.0 { 0.0 } else { low.max(0.0) };
    (low, wilson(hits, n).1)
}

/// Running mean and variance (Welford 1962); skips NaN.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.n += 1;
        let delta = value - self.mean;
        self.mean += delta / self.n as f64;
        self.squares += delta * (value - self.mean);
    }

    /// From the sum of `n` values and the sum of their squares.
    pub fn of_sums(n: u64, sum: f64, squares: f64) -> Moments {
        let mean = sum / n.max(1) as f64;
        Moments {
            n,
            mean,
            squares: (squares - sum * mean).max(0.0),
        }
    }

    /// Adds the values of another (Chan, Golub and LeVeque 1983).
    pub fn merge(&mut self, other: &Moments) {
        if other.n == 0 {
            return;
        }
        let n = self.n + other.n;
        let delta = other.mean - self.mean;
        let share = other.n as f64 / n as f64;
        self.mean += delta * share;
        self.squares += other.squares + delta * delta * self.n as f64 * share;
        self.n = n;
    }

    pub fn estimate(&self) -> Estimate {
        match self.n {
            0 => Estimate::NONE,
            1 => Estimate {
                mean: self.mean,
                n: 1,
                ..Estimate::NONE
            },
            n => {
                let sd = (self.squares / (n - 1) as f64).sqrt();
                let half = t_975(n - 1) * sd / (n as f64).sqrt();
                Estimate {
                    mean: self.mean,
                    low: self.mean - half,
                    high: self.mean + half,
                    n,
                    sd,
                }
            }
        }
    }
}

/// The 97.5% quantile of Student's t.
///
/// Of many degrees of freedom it is the expansion around the normal law's (Abramowitz and
/// Stegun, 26.7.5), exact to the last digits there: an inverse of the incomplete beta
/// function loses them one by one, and beyond some millions does not end.
pub fn t_975(degrees: u64) -> f64 {
    if degrees <= 10_000 {
        let law = StudentsT::new(0.0, 1.0, degrees as f64);
        return law.map_or(f64::NAN, |t| t.inverse_cdf(0.975));
    }
    let (z, n) = (Z_975, degrees as f64);
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
    ];
    let small = terms.iter().rev().fold(0.0, |sum, term| (sum + term) / n);
    z + small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_quantiles_match_the_tables() {
        for (degrees, t) in [(1, 12.7062), (4, 2.7764), (19, 2.0930), (1000, 1.9623)] {
            assert!((t_975(degrees) - t).abs() < 1e-4, "{degrees}");
        }
    }

    /// Where a library's inverse is wrong, or does not end. The values are from mpmath:
    /// the density integrated to 40 digits, its root found.
    #[test]
    fn student_quantiles_of_any_number_of_values_are_right() {
        for (degrees, t) in [
            (10_001, 1.960_201_216_164_641),
            (123_457, 1.959_983_200_089_538_4),
            (1_000_000, 1.959_966_356_814_107),
            (1_264_445, 1.959_965_860_678_172),
            (200_000_000, 1.959_963_996_401_410_5),
            (u64::MAX, Z_975),
        ] {
            assert!((t_975(degrees) - t).abs() < 1e-14, "{degrees}");
        }
        assert!((t_975(10_000) - t_975(10_001)).abs() < 1e-7);
    }

    #[test]
    fn wilson_matches_published_values() {
        // 0 of 20 and 17 of 20: Newcombe 1998 gives (0, 0.1611) and (0.6396, 0.9476).
        let none = Estimate::share(0.0, 20);
        assert_eq!((none.mean, none.low), (0.0, 0.0));
        assert!((none.high - 0.1611).abs() < 1e-4);
        let most = Estimate::share(17.0, 20);
        assert!((most.low - 0.6396).abs() < 1e-4 && (most.high - 0.9476).abs() < 1e-4);
    }

    #[test]
    fn runs_that_agree_are_no_certainty() {
        // 20 of 20: at least 83.89% of runs (Wilson, as above).
        let e = Estimate::of([1.0; 20]);
        assert!(e.agrees() && e.or_none().low.is_nan());
        let share = e.or_of_runs(0.0, 1.0);
        assert!((share.low - 0.8389).abs() < 1e-4 && share.high == 1.0);
        // Half in every run seen; in the others anything.
        let half = Estimate::of([0.5; 20]).or_of_runs(0.0, 1.0);
        assert!((half.low - 0.8389 / 2.0).abs() < 1e-4 && (half.high - 0.5806).abs() < 1e-4);
        let difference = Estimate::of([0.0; 20]).or_of_runs(-1.0, 1.0);
        assert!((difference.high - 0.1611).abs() < 1e-4 && difference.low == -difference.high);
        // 35 runs for five points, 40 for 91%.
        assert!((1.0 - wilson(35.0, 35).0) / 2.0 < 0.05 && (1.0 - wilson(34.0, 34).0) / 2.0 > 0.05);
        assert!((wilson(40.0, 40).0 - 0.9124).abs() < 1e-4);
        assert!(!Estimate::of([1.0]).agrees());
    }

    #[test]
    fn rare_chances_are_held_as_often_as_they_should_be() {
        // Newcombe 1998, method 4: of 1 hit in 29 from 0.0018, of 15 in 148 from 0.0598.
        assert!((rare(1.0, 29).0 - 0.0018).abs() < 1e-4);
        assert!((rare(15.0, 148).0 - 0.0598).abs() < 1e-4);
        let mirrored = rare(28.0, 29);
        assert!((mirrored.1 - (1.0 - rare(1.0, 29).0)).abs() < 1e-12);
        // Of hits by Poisson's law, whatever their mean, in 94% at least.
        let n = 1_000_000_000;
        for tenths in 1..200 {
            let mean = f64::from(tenths) / 10.0;
            let mut p = (-mean).exp();
            let mut covered = 0.0;
            for hits in 0..200 {
                let (low, high) = rare(f64::from(hits), n);
                let chance = mean / n as f64;
                covered += if low <= chance && chance <= high {
                    p
                } else {
                    0.0
                };
                p *= mean / f64::from(hits + 1);
            }
            assert!(covered > 0.94, "{mean}: {covered}");
        }
    }

    #[test]
    fn merged_moments_are_those_of_all_values() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i * i % 17) + 1e3).collect();
        let moments = |values: &[f64]| {
            let mut moments = Moments::default();
            values.iter().for_each(|x| moments.add(*x));
            moments
        };
        let whole = moments(&values).estimate();
        let mut merged = Moments::default();
        for part in [&values[..7], &values[7..7], &values[7..31], &values[31..]] {
            merged.merge(&moments(part));
        }
        let sum: f64 = values.iter().sum();
        let squares = values.iter().map(|x| x * x).sum();
        let summed = Moments::of_sums(50, sum, squares);
        for e in [merged.estimate(), summed.estimate()] {
            assert_eq!(e.n, whole.n);
            assert!((e.mean - whole.mean).abs() < 1e-9 && (e.sd - whole.sd).abs() < 1e-6);
        }
    }

    #[test]
    fn interval_of_a_small_sample() {
        // 1 … 5: mean 3, sd √2.5, half width 2.7764 · √0.5.
        let e = Estimate::of([1.0, 2.0, f64::NAN, 3.0, 4.0, 5.0]);
        assert_eq!((e.mean, e.n), (3.0, 5));
        assert!((e.half_width() - 2.7764 * 0.5f64.sqrt()).abs() < 1e-4);
    }
}
