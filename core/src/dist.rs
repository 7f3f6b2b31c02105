//! Distributions of durations: sampling, density, cdf, survival, quantile and moments.

use std::fmt;
use std::sync::Arc;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal, StandardUniform};
use serde::{Serialize, Serializer};
use statrs::function::erf::erfc;
use statrs::function::gamma::{gamma, gamma_lr, gamma_ur, ln_gamma};

use crate::units::Nanos;

/// The law of a non-negative duration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Dist {
    /// Always the same.
    Const(Nanos),
    /// Exponential, by its mean.
    Exp { mean: Nanos },
    /// Uniform between two durations.
    Uniform { low: Nanos, high: Nanos },
    /// Normal, truncated at 0 (drawn again while negative).
    Normal { mean: Nanos, sd: Nanos },
    /// exp of a normal with the given median and log-scale deviation.
    LogNormal { median: Nanos, sigma: f64 },
    /// Gamma, by shape and mean.
    Gamma { shape: f64, mean: Nanos },
    /// Weibull, by shape and scale.
    Weibull { shape: f64, scale: Nanos },
    /// Pareto: P(X > x) = (scale/x)^alpha for x ≥ scale.
    Pareto { scale: Nanos, alpha: f64 },
    /// One of several laws, with the given weights (they sum to 1).
    Mix(Vec<(f64, Dist)>),
    /// Another law plus a constant.
    Shift(Box<Dist>, Nanos),
    /// One of the samples, sorted in ns, each as likely as the others.
    Samples(Arc<[u64]>),
    /// Quantiles, rising in both, from (0, least) to (1, greatest): uniform in between.
    Quantiles(Arc<[(f64, u64)]>),
}

impl Dist {
    /// The value, when the law has only one.
    pub fn constant(&self) -> Option<Nanos> {
        match self {
            Dist::Const(d) => Some(*d),
            _ => None,
        }
    }

    /// One draw, rounded to the nearest nanosecond.
    #[inline]
    pub fn sample(&self, rng: &mut impl Rng) -> Nanos {
        match self {
            Dist::Const(d) => *d,
            _ => round(self.draw(rng)),
        }
    }

    /// One draw in ns, not rounded.
    #[inline]
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> f64 {
        match self {
            Dist::Const(d) => d.0 as f64,
            Dist::Exp { mean } => {
                let e: f64 = Exp1.sample(rng);
                mean.0 as f64 * e
            }
            Dist::Uniform { low, high } => low.0 as f64 + (high.0 - low.0) as f64 * unit(rng),
            Dist::Normal { mean, sd } => loop {
                let z: f64 = StandardNormal.sample(rng);
                let x = mean.0 as f64 + sd.0 as f64 * z;
                if x >= 0.0 {
                    return x;
                }
            },
            Dist::LogNormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                median.0 as f64 * (sigma * z).exp()
            }
            Dist::Gamma { shape, mean } => {
                let scale = mean.0 as f64 / shape;
                // The value language admits only shapes that the sampler takes.
                rand_distr::Gamma::new(*shape, scale).map_or(mean.0 as f64, |law| law.sample(rng))
            }
            Dist::Weibull { shape, scale } => {
                let e: f64 = Exp1.sample(rng);
                scale.0 as f64 * e.powf(1.0 / shape)
            }
            Dist::Pareto { scale, alpha } => {
                let e: f64 = Exp1.sample(rng);
                scale.0 as f64 * (e / alpha).exp()
            }
            Dist::Mix(parts) => {
                let mut u = unit(rng);
                for (weight, part) in parts {
                    if u < *weight {
                        return part.draw(rng);
                    }
                    u -= weight;
                }
                parts.last().map_or(0.0, |(_, part)| part.draw(rng))
            }
            Dist::Shift(inner, by) => inner.draw(rng) + by.0 as f64,
            Dist::Samples(samples) => samples[rng.random_range(0..samples.len())] as f64,
            Dist::Quantiles(points) => {
                let u = unit(rng);
                let i = points
                    .partition_point(|(p, _)| *p <= u)
                    .clamp(1, points.len() - 1);
                let ((p, a), (q, b)) = (points[i - 1], points[i]);
                a as f64 + (b - a) as f64 * (u - p) / (q - p)
            }
        }
    }

    /// The law of `factor` times a draw.
    pub fn scaled(&self, factor: f64) -> Dist {
        let by = |d: &Nanos| Nanos((d.0 as f64 * factor).round() as u64);
        match self {
            Dist::Const(d) => Dist::Const(by(d)),
            Dist::Exp { mean } => Dist::Exp { mean: by(mean) },
            Dist::Uniform { low, high } => Dist::Uniform {
                low: by(low),
                high: by(high),
            },
            Dist::Normal { mean, sd } => Dist::Normal {
                mean: by(mean),
                sd: by(sd),
            },
            Dist::LogNormal { median, sigma } => Dist::LogNormal {
                median: by(median),
                sigma: *sigma,
            },
            Dist::Gamma { shape, mean } => Dist::Gamma {
                shape: *shape,
                mean: by(mean),
            },
            Dist::Weibull { shape, scale } => Dist::Weibull {
                shape: *shape,
                scale: by(scale),
            },
            Dist::Pareto { scale, alpha } => Dist::Pareto {
                scale: by(scale),
                alpha: *alpha,
            },
            Dist::Mix(parts) => {
                Dist::Mix(parts.iter().map(|(w, d)| (*w, d.scaled(factor))).collect())
            }
            Dist::Shift(inner, d) => Dist::Shift(Box::new(inner.scaled(factor)), by(d)),
            Dist::Samples(samples) => {
                Dist::Samples(samples.iter().map(|x| by(&Nanos(*x)).0).collect())
            }
            Dist::Quantiles(points) => {
                Dist::Quantiles(points.iter().map(|(p, x)| (*p, by(&Nanos(*x)).0)).collect())
            }
        }
    }

    /// P(X > x), `x` in ns, accurate in the tail: never computed as 1 − P(X ≤ x).
    ///
    /// It is the law before draws are rounded to whole nanoseconds.
    pub fn survival(&self, x: f64) -> f64 {
        if x < 0.0 {
            return 1.0;
        }
        match self {
            Dist::Const(d) => f64::from(u8::from(d.0 as f64 > x)),
            Dist::Exp { mean } => match mean.0 {
                0 => 0.0,
                mean => (-x / mean as f64).exp(),
            },
            Dist::Uniform { low, high } => {
                let (low, high) = (low.0 as f64, high.0 as f64);
                match x {
                    _ if x < low => 1.0,
                    _ if x >= high => 0.0,
                    _ => (high - x) / (high - low),
                }
            }
            Dist::Normal { mean, sd } => {
                let (mean, sd) = (mean.0 as f64, sd.0 as f64);
                match sd == 0.0 {
                    true => f64::from(u8::from(mean > x)),
                    false => above(mean, sd, x) / above(mean, sd, 0.0),
                }
            }
            Dist::LogNormal { median, sigma } => match (x, *sigma == 0.0) {
                (0.0, _) => f64::from(u8::from(median.0 > 0)),
                (x, true) => f64::from(u8::from(median.0 as f64 > x)),
                (x, false) => above((median.0 as f64).ln(), *sigma, x.ln()),
            },
            Dist::Gamma { mean, .. } if mean.0 == 0 => 0.0,
            Dist::Weibull { scale, .. } | Dist::Pareto { scale, .. } if scale.0 == 0 => 0.0,
            Dist::Gamma { shape, mean } => match x == 0.0 {
                true => 1.0,
                false => gamma_ur(*shape, x * shape / mean.0 as f64),
            },
            Dist::Weibull { shape, scale } => (-(x / scale.0 as f64).powf(*shape)).exp(),
            Dist::Pareto { scale, alpha } => (scale.0 as f64 / x).min(1.0).powf(*alpha),
            Dist::Mix(parts) => parts.iter().map(|(w, d)| w * d.survival(x)).sum(),
            Dist::Shift(inner, by) => inner.survival(x - by.0 as f64),
            Dist::Samples(samples) => {
                let above = samples.len() - samples.partition_point(|s| *s as f64 <= x);
                above as f64 / samples.len() as f64
            }
            Dist::Quantiles(points) => {
                let i = points.partition_point(|(_, at)| *at as f64 <= x);
                if i == 0 {
                    return 1.0;
                }
                let Some((q, b)) = points.get(i) else {
                    return 0.0;
                };
                let (p, a) = points[i - 1];
                let left = (*b as f64 - x) / (b - a) as f64;
                (1.0 - q) + (q - p) * left
            }
        }
    }

    /// P(X ≤ x), `x` in ns, accurate at the lower end.
    pub fn cdf(&self, x: f64) -> f64 {
        if x < 0.0 {
            return 0.0;
        }
        match self {
            Dist::Exp { mean } if mean.0 > 0 => -(-x / mean.0 as f64).exp_m1(),
            Dist::Weibull { shape, scale } if scale.0 > 0 => {
                -(-(x / scale.0 as f64).powf(*shape)).exp_m1()
            }
            Dist::Gamma { shape, mean } if mean.0 > 0 && x > 0.0 => {
                gamma_lr(*shape, x * shape / mean.0 as f64)
            }
            Dist::LogNormal { median, sigma } if *sigma > 0.0 && x > 0.0 => {
                above(-(median.0 as f64).ln(), *sigma, -x.ln())
            }
            Dist::Uniform { low, high } if low < high => {
                let (low, high) = (low.0 as f64, high.0 as f64);
                ((x - low) / (high - low)).clamp(0.0, 1.0)
            }
            Dist::Mix(parts) => parts.iter().map(|(w, d)| w * d.cdf(x)).sum(),
            Dist::Shift(inner, by) => inner.cdf(x - by.0 as f64),
            _ => 1.0 - self.survival(x),
        }
    }

    /// The density at `x` ns, per ns, of what is not in [`Dist::atoms`].
    pub fn density(&self, x: f64) -> f64 {
        if x < 0.0 {
            return 0.0;
        }
        match self {
            Dist::Const(_) | Dist::Samples(_) => 0.0,
            Dist::Exp { mean } => match mean.0 {
                0 => 0.0,
                mean => (-x / mean as f64).exp() / mean as f64,
            },
            Dist::Uniform { low, high } => {
                let (low, high) = (low.0 as f64, high.0 as f64);
                match low <= x && x < high {
                    true => 1.0 / (high - low),
                    false => 0.0,
                }
            }
            Dist::Normal { mean, sd } => match sd.0 {
                0 => 0.0,
                sd => {
                    let (mean, sd) = (mean.0 as f64, sd as f64);
                    bell((x - mean) / sd) / sd / above(mean, sd, 0.0)
                }
            },
            Dist::LogNormal { median, sigma } => match x > 0.0 && *sigma > 0.0 && median.0 > 0 {
                true => bell((x.ln() - (median.0 as f64).ln()) / sigma) / (sigma * x),
                false => 0.0,
            },
            Dist::Gamma { shape, mean } => match x > 0.0 && mean.0 > 0 {
                true => {
                    let rate = shape / mean.0 as f64;
                    let log = (shape - 1.0) * (rate * x).ln() - rate * x - ln_gamma(*shape);
                    rate * log.exp()
                }
                false => 0.0,
            },
            Dist::Weibull { shape, scale } => match x > 0.0 && scale.0 > 0 {
                true => {
                    let z = x / scale.0 as f64;
                    let power = z.powf(*shape);
                    // In logarithms: of a steep law the power is infinite, or nothing.
                    shape / x * (shape * z.ln() - power).exp()
                }
                false => 0.0,
            },
            Dist::Pareto { scale, alpha } => {
                let scale = scale.0 as f64;
                match x >= scale && scale > 0.0 {
                    true => alpha / x * (scale / x).powf(*alpha),
                    false => 0.0,
                }
            }
            Dist::Mix(parts) => parts.iter().map(|(w, d)| w * d.density(x)).sum(),
            Dist::Shift(inner, by) => inner.density(x - by.0 as f64),
            Dist::Quantiles(points) => {
                let i = points.partition_point(|(_, at)| *at as f64 <= x);
                match (i.checked_sub(1).map(|i| points[i]), points.get(i)) {
                    (Some((p, a)), Some((q, b))) => (q - p) / (b - a) as f64,
                    _ => 0.0,
                }
            }
        }
    }

    /// [`Dist::density`] and [`Dist::survival`] at the price of one, where that can be.
    pub fn density_and_survival(&self, x: f64) -> (f64, f64) {
        match self {
            Dist::Exp { mean } if mean.0 > 0 && x >= 0.0 => {
                let survival = (-x / mean.0 as f64).exp();
                (survival / mean.0 as f64, survival)
            }
            Dist::Pareto { scale, alpha } if scale.0 > 0 && x >= scale.0 as f64 => {
                let survival = (scale.0 as f64 / x).powf(*alpha);
                (alpha / x * survival, survival)
            }
            Dist::Mix(parts) => parts.iter().fold((0.0, 0.0), |(f, s), (w, d)| {
                let (density, survival) = d.density_and_survival(x);
                (f + w * density, s + w * survival)
            }),
            Dist::Shift(inner, by) => inner.density_and_survival(x - by.0 as f64),
            law => (law.density(x), law.survival(x)),
        }
    }

    /// Values with a probability of their own, in ns, rising.
    pub fn atoms(&self) -> Vec<(f64, f64)> {
        let zero = |scale: &Nanos| match scale.0 {
            0 => vec![(0.0, 1.0)],
            _ => Vec::new(),
        };
        let mut atoms = match self {
            Dist::Const(d) => vec![(d.0 as f64, 1.0)],
            Dist::Uniform { low, high } if low == high => vec![(low.0 as f64, 1.0)],
            Dist::Normal { mean, sd } if sd.0 == 0 => vec![(mean.0 as f64, 1.0)],
            Dist::LogNormal { median, sigma } if *sigma == 0.0 => vec![(median.0 as f64, 1.0)],
            Dist::Exp { mean } | Dist::Gamma { mean, .. } => zero(mean),
            Dist::LogNormal { median: scale, .. }
            | Dist::Weibull { scale, .. }
            | Dist::Pareto { scale, .. } => zero(scale),
            Dist::Uniform { .. } | Dist::Normal { .. } => Vec::new(),
            // Equal neighbours: as much as lies between them has one value.
            Dist::Quantiles(points) => {
                let same = points.windows(2).filter(|pair| pair[0].1 == pair[1].1);
                same.map(|pair| (pair[0].1 as f64, pair[1].0 - pair[0].0))
                    .collect()
            }
            Dist::Mix(parts) => {
                let each = parts.iter().flat_map(|(weight, part)| {
                    let atoms = part.atoms().into_iter();
                    atoms.map(move |(x, p)| (x, weight * p))
                });
                each.collect()
            }
            Dist::Shift(inner, by) => {
                let atoms = inner.atoms().into_iter();
                atoms.map(|(x, p)| (x + by.0 as f64, p)).collect()
            }
            Dist::Samples(samples) => {
                let p = 1.0 / samples.len() as f64;
                samples.iter().map(|x| (*x as f64, p)).collect()
            }
        };
        atoms.sort_by(|a, b| a.0.total_cmp(&b.0));
        atoms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        atoms
    }

    /// Where the density is not smooth, in ns, rising: its ends, where they are
    /// finite, and what is between the parts that it is made of.
    pub fn kinks(&self) -> Vec<f64> {
        let mut kinks = match self {
            Dist::Const(_) | Dist::Samples(_) => Vec::new(),
            Dist::Exp { .. } | Dist::Normal { .. } | Dist::LogNormal { .. } => vec![0.0],
            Dist::Gamma { .. } | Dist::Weibull { .. } => vec![0.0],
            Dist::Uniform { low, high } => vec![low.0 as f64, high.0 as f64],
            Dist::Pareto { scale, .. } => vec![scale.0 as f64],
            Dist::Mix(parts) => parts.iter().flat_map(|(_, part)| part.kinks()).collect(),
            Dist::Shift(inner, by) => {
                let kinks = inner.kinks().into_iter();
                kinks.map(|x| x + by.0 as f64).collect()
            }
            Dist::Quantiles(points) => points.iter().map(|(_, x)| *x as f64).collect(),
        };
        kinks.sort_by(f64::total_cmp);
        kinks.dedup();
        kinks
    }

    /// The least x in ns with P(X ≤ x) ≥ p.
    pub fn quantile(&self, p: f64) -> f64 {
        self.least(|x| self.cdf(x) >= p)
    }

    /// The least x in ns with P(X > x) ≤ q, accurate for the smallest q.
    pub fn upper_quantile(&self, q: f64) -> f64 {
        self.least(|x| self.survival(x) <= q)
    }

    /// The greatest x in ns with P(X < x) = 0: no draw is shorter.
    pub fn lower_bound(&self) -> f64 {
        match self {
            Dist::Const(d) => d.0 as f64,
            Dist::Uniform { low, .. } => low.0 as f64,
            Dist::Pareto { scale, .. } => scale.0 as f64,
            Dist::Mix(parts) => {
                let bounds = parts.iter().map(|(_, law)| law.lower_bound());
                bounds.fold(f64::INFINITY, f64::min)
            }
            Dist::Shift(law, by) => law.lower_bound() + by.0 as f64,
            Dist::Samples(all) => all.first().map_or(0.0, |least| *least as f64),
            Dist::Quantiles(all) => all.first().map_or(0.0, |(_, least)| *least as f64),
            _ => 0.0,
        }
    }

    /// The least x ≥ 0 that is far enough out, to the last bit.
    fn least(&self, far_enough: impl Fn(f64) -> bool) -> f64 {
        // Floating-point numbers above 0 are in the order of their bits.
        let (mut low, mut high) = (0u64, f64::MAX.to_bits());
        if far_enough(0.0) {
            return 0.0;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match far_enough(f64::from_bits(middle)) {
                true => high = middle,
                false => low = middle,
            }
        }
        f64::from_bits(high)
    }

    /// The mean in seconds; infinite for a Pareto law with `alpha` ≤ 1.
    pub fn mean_s(&self) -> f64 {
        match self {
            Dist::Const(d) => d.as_secs(),
            Dist::Exp { mean } | Dist::Gamma { mean, .. } => mean.as_secs(),
            Dist::Uniform { low, high } => (low.as_secs() + high.as_secs()) / 2.0,
            Dist::Normal { mean, sd } => truncated_normal(mean.as_secs(), sd.as_secs()).0,
            Dist::LogNormal { median, sigma } => median.as_secs() * (sigma * sigma / 2.0).exp(),
            Dist::Weibull { shape, scale } => scale.as_secs() * gamma(1.0 + 1.0 / shape),
            Dist::Pareto { scale, alpha } if *alpha > 1.0 => {
                scale.as_secs() * alpha / (alpha - 1.0)
            }
            Dist::Pareto { .. } => f64::INFINITY,
            Dist::Mix(parts) => parts.iter().map(|(w, d)| w * d.mean_s()).sum(),
            Dist::Shift(inner, by) => inner.mean_s() + by.as_secs(),
            Dist::Samples(samples) => {
                let sum: f64 = samples.iter().map(|x| *x as f64 / 1e9).sum();
                sum / samples.len() as f64
            }
            Dist::Quantiles(points) => pieces(points, |a, b| (a + b) / 2.0),
        }
    }

    /// The second moment, the mean of the square, in s²; infinite where it does not exist.
    pub fn second_moment_s2(&self) -> f64 {
        match self {
            Dist::Const(d) => d.as_secs().powi(2),
            Dist::Exp { mean } => 2.0 * mean.as_secs().powi(2),
            Dist::Uniform { low, high } => {
                let (a, b) = (low.as_secs(), high.as_secs());
                (a * a + a * b + b * b) / 3.0
            }
            Dist::Normal { mean, sd } => truncated_normal(mean.as_secs(), sd.as_secs()).1,
            Dist::LogNormal { median, sigma } => {
                median.as_secs().powi(2) * (2.0 * sigma * sigma).exp()
            }
            Dist::Gamma { shape, mean } => mean.as_secs().powi(2) * (1.0 + 1.0 / shape),
            Dist::Weibull { shape, scale } => scale.as_secs().powi(2) * gamma(1.0 + 2.0 / shape),
            Dist::Pareto { scale, alpha } if *alpha > 2.0 => {
                scale.as_secs().powi(2) * alpha / (alpha - 2.0)
            }
            Dist::Pareto { .. } => f64::INFINITY,
            Dist::Mix(parts) => parts.iter().map(|(w, d)| w * d.second_moment_s2()).sum(),
            Dist::Shift(inner, by) => {
                let b = by.as_secs();
                inner.second_moment_s2() + 2.0 * b * inner.mean_s() + b * b
            }
            Dist::Samples(samples) => {
                let sum: f64 = samples.iter().map(|x| (*x as f64 / 1e9).powi(2)).sum();
                sum / samples.len() as f64
            }
            Dist::Quantiles(points) => pieces(points, |a, b| (a * a + a * b + b * b) / 3.0),
        }
    }
}

/// The mean over the pieces between quantiles of something of their ends, in seconds.
fn pieces(points: &[(f64, u64)], of: impl Fn(f64, f64) -> f64) -> f64 {
    let piece = |ends: &[(f64, u64)]| {
        let ((p, a), (q, b)) = (ends[0], ends[1]);
        (q - p) * of(a as f64 / 1e9, b as f64 / 1e9)
    };
    points.windows(2).map(piece).sum()
}

/// P(X > x) of a normal law.
fn above(mean: f64, sd: f64, x: f64) -> f64 {
    erfc((x - mean) / sd / std::f64::consts::SQRT_2) / 2.0
}

/// The density of the standard normal law.
fn bell(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Mean and second moment of a normal law truncated below 0.
fn truncated_normal(mean: f64, sd: f64) -> (f64, f64) {
    if sd == 0.0 {
        return (mean, mean * mean);
    }
    let a = -mean / sd;
    let density = bell(a);
    let above = erfc(a / std::f64::consts::SQRT_2) / 2.0;
    let hazard = density / above;
    let first = mean + sd * hazard;
    let variance = sd * sd * (1.0 + a * hazard - hazard * hazard);
    (first, variance + first * first)
}

/// Exponential draws of mean 1, made in batches: where a loop needs little
/// else, this halves their cost.
#[derive(Clone)]
pub struct Exponentials {
    batch: [f64; 128],
    used: usize,
}

impl Exponentials {
    pub fn new() -> Exponentials {
        Exponentials {
            batch: [0.0; 128],
            used: 128,
        }
    }

    #[inline]
    pub fn next(&mut self, rng: &mut impl Rng) -> f64 {
        if self.used >= self.batch.len() {
            self.refill(rng);
        }
        let value = self.batch[self.used];
        self.used += 1;
        value
    }

    #[cold]
    fn refill(&mut self, rng: &mut impl Rng) {
        self.batch.fill_with(|| Exp1.sample(rng));
        self.used = 0;
    }
}

impl Default for Exponentials {
    fn default() -> Self {
        Exponentials::new()
    }
}

/// Whether an event of probability `p` happens; draws nothing where that is certain.
#[inline]
pub(crate) fn happens(p: f64, rng: &mut impl Rng) -> bool {
    p > 0.0 && (p >= 1.0 || rng.random::<f64>() < p)
}

/// Uniform on [0, 1).
pub(crate) fn unit(rng: &mut impl Rng) -> f64 {
    StandardUniform.sample(rng)
}

fn round(ns: f64) -> Nanos {
    // `as` saturates: a draw beyond 584 years becomes "never".
    Nanos((ns + 0.5) as u64)
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dist::Const(d) => write!(f, "{d}"),
            Dist::Exp { mean } => write!(f, "exp({mean})"),
            Dist::Uniform { low, high } => write!(f, "uniform({low},{high})"),
            Dist::Normal { mean, sd } => write!(f, "normal({mean},{sd})"),
            Dist::LogNormal { median, sigma } => {
                write!(f, "lognormal(median={median},sigma={sigma})")
            }
            Dist::Gamma { shape, mean } => write!(f, "gamma(shape={shape},mean={mean})"),
            Dist::Weibull { shape, scale } => write!(f, "weibull(shape={shape},scale={scale})"),
            Dist::Pareto { scale, alpha } => write!(f, "pareto(scale={scale},alpha={alpha})"),
            Dist::Mix(parts) => {
                f.write_str("mix(")?;
                for (i, (weight, part)) in parts.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{weight}: {part}")?;
                }
                f.write_str(")")
            }
            Dist::Shift(inner, by) => write!(f, "{inner} + {by}"),
            Dist::Samples(samples) => {
                f.write_str("samples(")?;
                for (i, x) in samples.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { "," }, Nanos(*x))?;
                }
                f.write_str(")")
            }
            Dist::Quantiles(points) => {
                f.write_str("quantiles(")?;
                for (p, x) in points.iter() {
                    match p {
                        0.0 => write!(f, "min={}", Nanos(*x))?,
                        1.0 => write!(f, ",max={}", Nanos(*x))?,
                        _ => write!(f, ",p{}={}", 100.0 * p, Nanos(*x))?,
                    }
                }
                f.write_str(")")
            }
        }
    }
}

impl Serialize for Dist {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, Streams};
    use crate::value::Value;

    #[test]
    fn survival_agrees_with_draws_and_with_the_mean() {
        let laws = [
            "250ms",
            "exp(100ms)",
            "uniform(50ms,150ms)",
            "normal(100ms,80ms)",
            "lognormal(median=80ms,sigma=0.8)",
            "gamma(shape=2.5,mean=100ms)",
            "weibull(shape=0.7,scale=80ms)",
            "pareto(scale=20ms,alpha=3)",
            "mix(0.7: exp(10ms), 0.3: uniform(100ms,300ms))",
            "exp(50ms) + 20ms",
            "samples(10ms,20ms,20ms,130ms)",
            "quantiles(p50=60ms,p90=200ms,p99=240ms,max=1s)",
        ];
        let streams = Streams {
            seed: 1,
            replication: 0,
        };
        for text in laws {
            let law = Dist::parse(text).unwrap();
            let mut rng = streams.stream(Purpose::Service);
            let n = 40_000;
            let draws: Vec<u64> = (0..n).map(|_| law.sample(&mut rng).0).collect();
            for ms in [0.0, 15.0, 60.0, 120.0, 240.0, 500.0] {
                let x = ms * 1e6 + 0.5;
                let p = law.survival(x);
                let share = draws.iter().filter(|d| **d as f64 > x).count() as f64 / f64::from(n);
                let error = (p * (1.0 - p) / f64::from(n)).sqrt();
                if p > 0.0 && p * f64::from(n) < 10.0 {
                    continue; // Too rare for a normal law of the share.
                }
                assert!(
                    (share - p).abs() <= 4.0 * error,
                    "{text} at {ms} ms: {share} {p}"
                );
            }
            // The mean is the integral of the survival function, by the
            // midpoint rule on a grid that grows.
            let (mut area, mut from, mut width) = (0.0, 0.0, 1e4);
            while from < 1e14 {
                area += law.survival(from + width / 2.0) * width;
                from += width;
                width = (from * 1e-3).max(1e4);
            }
            let mean = law.mean_s() * 1e9;
            assert!((law.scaled(0.5).mean_s() * 2e9 / mean - 1.0).abs() < 1e-6);
            assert!((area / mean - 1.0).abs() < 1e-3, "{text}: {area} {mean}");
        }
    }

    #[test]
    fn density_cdf_and_quantile_agree_with_survival() {
        let laws = [
            "250ms",
            "exp(100ms)",
            "uniform(50ms,150ms)",
            "normal(100ms,80ms)",
            "lognormal(median=80ms,sigma=0.8)",
            "gamma(shape=2.5,mean=100ms)",
            "weibull(shape=0.7,scale=80ms)",
            "pareto(scale=20ms,alpha=3)",
            "mix(0.5: exp(10ms), 0.3: uniform(100ms,300ms), 0.2: 40ms)",
            "exp(50ms) + 20ms",
            "samples(10ms,20ms,20ms,130ms)",
            "quantiles(p50=60ms,p90=200ms,p99=240ms,max=1s)",
        ];
        for text in laws {
            let law = Dist::parse(text).unwrap();
            let kinks = law.kinks();
            for ms in [0.5, 15.0, 60.5, 120.0, 239.0, 500.0] {
                let x = ms * 1e6;
                assert!((law.cdf(x) + law.survival(x) - 1.0).abs() < 1e-12, "{text}");
                let (density, survival) = law.density_and_survival(x);
                assert!((density - law.density(x)).abs() <= 1e-15 * density);
                assert!((survival - law.survival(x)).abs() <= 1e-15 * survival);
                let h = 1e3;
                if kinks.iter().all(|k| (k - x).abs() > 2.0 * h) {
                    let slope = (law.survival(x - h) - law.survival(x + h)) / (2.0 * h);
                    let density = law.density(x);
                    // Central differences: off by a few (h/x)², and rounding.
                    assert!(
                        (slope - density).abs() < 5.0 * (h / x).powi(2) * density + 1e-18,
                        "{text} {ms}"
                    );
                }
            }
            let weight: f64 = law.atoms().iter().map(|(_, p)| p).sum();
            assert_eq!(
                weight > 0.0,
                text.contains("ms,20ms,20ms") || text.contains("40ms)") || text == "250ms"
            );
            for q in [0.7, 0.5, 0.1, 1e-3, 1e-9] {
                let x = law.upper_quantile(q);
                assert!(
                    law.survival(x) <= q && law.survival(x.next_down()) >= q,
                    "{text} {q}"
                );
                let x = law.quantile(q);
                assert!(
                    law.cdf(x) >= q && (x == 0.0 || law.cdf(x.next_down()) <= q),
                    "{text} {q}"
                );
            }
        }
    }

    #[test]
    fn survival_is_accurate_far_out() {
        // e^−700 and friends, where 1 − cdf would be 0.
        let p = |text: &str, x: f64| Dist::parse(text).unwrap().survival(x);
        for zero in [
            "0s",
            "exp(0s)",
            "gamma(shape=2,mean=0s)",
            "weibull(shape=2,scale=0s)",
            "uniform(0s,0s)",
            "normal(0s,0s)",
        ] {
            assert_eq!((p(zero, 0.0), p(zero, 1.0)), (0.0, 0.0), "{zero}");
        }
        assert!((p("exp(1ms)", 700e6).ln() + 700.0).abs() < 1e-9);
        assert!((p("pareto(scale=1ms,alpha=10)", 1e12).ln() / 10.0 + 1e6f64.ln()).abs() < 1e-9);
        // P(Z > 10) = 7.619853024160527e-24 (Abramowitz and Stegun, table 26.2).
        let z = p("normal(100ms,10ms)", 200e6);
        assert!((z / 7.619_853_024e-24 - 1.0).abs() < 1e-6, "{z}");
    }
}
