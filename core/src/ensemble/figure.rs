//! What many trials say of one quantity: estimates of two kinds and a closed form.

use crate::metric::{Domain, Metric};
use crate::stats::{Estimate, Moments, rare};

/// What is known of one metric of one cell.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The better of the two estimates.
    pub estimate: Estimate,
    /// What happened in the trials; [`Estimate::NONE`] for a figure made of others.
    pub simulated: Estimate,
    /// What was to be expected given some of their draws, likewise.
    pub conditional: Estimate,
    /// The closed form, where there is one.
    pub exact: Option<f64>,
    /// How many standard errors the plain mean lies from it.
    pub z: Option<f64>,
}

impl Figure {
    /// What nothing is known of.
    pub const NONE: Figure = Figure {
        estimate: Estimate::NONE,
        simulated: Estimate::NONE,
        conditional: Estimate::NONE,
        exact: None,
        z: None,
    };

    /// From the values of trials, and what was to be expected of them; `certain` where
    /// the latter is exact.
    pub fn of(
        metric: &Metric,
        simulated: &Moments,
        conditional: &Moments,
        exact: Option<f64>,
        certain: bool,
    ) -> Figure {
        let cut = |moments: &Moments| metric.domain.cut(moments.estimate());
        let (simulated, conditional) = (cut(simulated), cut(conditional));
        Figure {
            estimate: better(metric.domain, simulated, conditional, exact, certain),
            simulated,
            conditional,
            exact,
            z: distance(simulated, exact),
        }
    }

    /// The same quantity under a rising function: without what trials said of it.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Figure {
        let e = self.estimate;
        Figure {
            estimate: Estimate {
                mean: f(e.mean),
                low: f(e.low),
                high: f(e.high),
                n: e.n,
                sd: f64::NAN,
            },
            exact: self.exact.map(f),
            ..Figure::NONE
        }
    }
}

/// The better of two estimates that have the same expectation.
///
/// Where the conditional one is `certain`, or of as many trials, it has the
/// smaller error (Rao and Blackwell). Weighed over fewer trials it may have missed
/// rare draws of what it does not weigh: it is taken only where there are too few
/// hits to go by and these do not speak against it, with an interval stretched over
/// theirs.
fn better(
    domain: Domain,
    simulated: Estimate,
    conditional: Estimate,
    exact: Option<f64>,
    certain: bool,
) -> Estimate {
    let seen = conditional.mean > 0.0;
    if certain || exact == Some(0.0) || seen && conditional.n == simulated.n {
        return conditional;
    }
    let hits = simulated.mean * simulated.n as f64;
    if domain != Domain::Share {
        return simulated.or_none();
    }
    if hits >= 30.0 {
        return match simulated.agrees() {
            true => Estimate::of_trials(hits, simulated.n),
            false => simulated,
        };
    }
    let (low, high) = rare(hits, simulated.n);
    match seen && (low..=high).contains(&conditional.mean) {
        true => Estimate {
            low: conditional.low.min(low),
            high: conditional.high.max(high),
            ..conditional
        },
        false => Estimate {
            low,
            high,
            ..simulated
        },
    }
}

/// How many standard errors a simulated mean lies from the closed form.
fn distance(simulated: Estimate, exact: Option<f64>) -> Option<f64> {
    let exact = exact.filter(|_| simulated.n > 1)?;
    if simulated.mean == exact {
        return Some(0.0);
    }
    // The spread that such a chance has, where it is one: the trials' own
    // says nothing about what they did not meet.
    let spread = match simulated.mean <= 1.0 && exact > 0.0 && exact < 1.0 {
        true => (exact * (1.0 - exact)).sqrt().max(simulated.sd),
        false => simulated.sd,
    };
    let z = (simulated.mean - exact) / (spread / (simulated.n as f64).sqrt());
    z.is_finite().then_some(z)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A conditional estimate of fewer trials than the simulated one.
    fn weighed(mean: f64, sd: f64) -> Estimate {
        let mut e = Estimate::of([mean - sd, mean + sd]);
        e.n = 1_000;
        e.sd = sd;
        e
    }

    fn hits(count: u64, n: u64) -> Estimate {
        Moments::of_sums(n, count as f64, count as f64).estimate()
    }

    #[test]
    fn few_hits_and_what_was_weighed_check_each_other() {
        let n = 1_000_000;
        let better =
            |simulated, conditional| better(Domain::Share, simulated, conditional, None, false);
        // Enough hits speak for themselves.
        let many = better(hits(50, n), weighed(1e-9, 0.0));
        assert_eq!(many.mean, 50e-6);
        // None of n: 3.84e-6 at most, and what was weighed lies below.
        let none = better(hits(0, n), weighed(1e-9, 1e-12));
        assert_eq!((none.mean, none.low), (1e-9, 0.0));
        assert!((none.high - 3.84e-6).abs() < 1e-8, "{}", none.high);
        // One hit makes 1e-11 unlikely: it missed something.
        let missed = better(hits(1, n), weighed(1e-11, 0.0));
        assert_eq!(missed.mean, 1e-6);
        assert!(missed.low > 4e-8 && missed.high < 6e-6);
        // Nothing anywhere is still not never.
        assert!(better(hits(0, n), weighed(0.0, 0.0)).high > 3e-6);
        // Unless it is known.
        let zero = Some(0.0);
        let known = super::better(Domain::Share, hits(0, n), weighed(0.0, 0.0), zero, false);
        assert_eq!((known.mean, known.high), (0.0, 0.0));
    }
}
