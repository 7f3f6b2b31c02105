//! Settings by quadrature: the tables of a scenario, on a fine mesh and a coarser one.

use crate::ensemble::Workers;
use crate::ensemble::quorum::cell::LATENCIES;
use crate::quorum::cluster;
use crate::quorum::exact::{
    Fineness, Legs, Setting, Tables, TooManySteps, at_least, exactly, too_few,
};
use crate::quorum::sets::proves_fresh;
use crate::scenario::quorum::{FanOut, Method, QuorumScenario, Wait};
use crate::streams::Streams;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotExact(pub String);

/// A difference between a mesh and a coarser one with which the finer is as good as it
/// should be: it is some ten times better than that.
const GOOD_ENOUGH: f64 = 2e-4;

/// The mass that the meshes may lack: some thousand times what is left out beyond the last
/// panel.
const MOST_LOST: f64 = 1e-5;

/// Trials against which the chances are held before they are called exact, and how many
/// standard errors these may lie apart: the trials are the same for all settings and t.
const CHECKED: u64 = 512;
const FAR: f64 = 6.0;

/// The tables of a scenario, fine and coarse.
pub(super) struct Quadrature<'s> {
    scenario: &'s QuorumScenario,
    pub(super) fine: Tables,
    pub(super) coarse: Tables,
}

/// Mixtures over how many replicas are up: weights and settings.
pub(super) struct Mixture<'t> {
    parts: Vec<(f64, Setting<'t>)>,
    completes: f64,
}

impl Mixture<'_> {
    pub(super) fn p_stale(&self, t_ns: f64) -> f64 {
        let sum: f64 = self.parts.iter().map(|(p, s)| p * s.p_stale(t_ns)).sum();
        sum / self.completes
    }
}

impl<'s> Quadrature<'s> {
    /// None where it is not asked for, or not to be had and not insisted on.
    pub(super) fn new(
        scenario: &'s QuorumScenario,
        workers: &Workers,
    ) -> Result<Option<Quadrature<'s>>, NotExact> {
        let insists = scenario.run.method == Method::Exact;
        let otherwise = "--method monte-carlo simulates it, and weighs the last step by its \
                         chance where it can";
        if scenario.run.method == Method::MonteCarlo {
            return Ok(None);
        }
        if let Some(reason) = scenario.not_exact() {
            return match insists {
                true => Err(NotExact(format!(
                    "there is no exact answer: {reason}; {otherwise}"
                ))),
                false => Ok(None),
            };
        }
        let legs = Legs::of(&scenario.latency.legs);
        let latest = scenario.read.t.last().map_or(0.0, |t| t.0 as f64);
        let drop = scenario.cluster.drop.0;
        let most = scenario.cluster.n.iter().copied().max().unwrap_or(1);
        let fineness = match scenario.run.fine {
            true => Fineness::FINE,
            false => Fineness::USUAL,
        };
        let (fine, coarse) = workers.both(
            || Tables::new(legs, drop, most, latest, fineness),
            || Tables::new(legs, drop, most, latest, fineness.coarser()),
        );
        match (fine, coarse) {
            (Ok(fine), Ok(coarse)) => {
                let quadrature = Quadrature {
                    scenario,
                    fine,
                    coarse,
                };
                let lost = quadrature.fine.lost_mass();
                if lost > MOST_LOST || !quadrature.agrees() {
                    return match insists {
                        true => Err(NotExact(format!(
                            "there is no exact answer: the quadrature does not hold these laws, \
                             and comes to other chances than a simulation; {otherwise}"
                        ))),
                        false => Ok(None),
                    };
                }
                match quadrature.error() {
                    error if error <= GOOD_ENOUGH => Ok(Some(quadrature)),
                    error if insists => Err(NotExact(format!(
                        "there is no exact answer: these laws are too wide, or rise too steeply \
                         at their ends, for the quadrature, which is good to {error:.0e} here; \
                         {otherwise}"
                    ))),
                    _ => Ok(None),
                }
            }
            (Err(e @ TooManySteps), _) | (_, Err(e @ TooManySteps)) if insists => Err(NotExact(
                format!("there is no exact answer: {e}; {otherwise}"),
            )),
            _ => Ok(None),
        }
    }

    /// Whether some trials, the last step of each weighed by its chance, come to the same.
    fn agrees(&self) -> bool {
        let streams = Streams {
            seed: self.scenario.run.seed,
            replication: u64::MAX,
        };
        self.scenario.cluster.n.iter().all(|n| {
            let settings = self.scenario.settings().into_iter();
            let own: Vec<(Wait, Wait)> = settings
                .filter(|(other, ..)| other == n)
                .map(|(_, r, w)| (r, w))
                .filter(|(r, w)| !proves_fresh(self.scenario, *n, *r, *w))
                .collect();
            let world = cluster::World::new(self.scenario, *n, own.clone());
            let tally = world.batch(streams, CHECKED);
            own.iter().zip(&tally.settings).all(|((r, w), counts)| {
                let (Some(r), Some(w)) = (r.of(*n), w.of(*n)) else {
                    return true;
                };
                let mixture = self.mixture(&self.fine, *n, r, w);
                let times = self.scenario.read.t.iter().zip(&counts.weighed);
                times.into_iter().all(|(t, weighed)| {
                    let p = mixture.p_stale(t.0 as f64);
                    p.is_finite() && weighed.agrees_with(p, FAR)
                })
            })
        })
    }

    /// The largest relative difference between the meshes, at any t.
    fn error(&self) -> f64 {
        let mut worst = 0.0f64;
        let times = &self.scenario.read.t;
        for (n, r, w) in self.scenario.settings() {
            let (Some(k_r), Some(k_w)) = (r.of(n), w.of(n)) else {
                continue;
            };
            if proves_fresh(self.scenario, n, r, w) {
                continue;
            }
            let fine = self.mixture(&self.fine, n, k_r, k_w);
            let coarse = self.mixture(&self.coarse, n, k_r, k_w);
            for t in times {
                let p = fine.p_stale(t.0 as f64);
                let other = coarse.p_stale(t.0 as f64);
                // What is next to nothing may be off by more; how far is told all the same.
                match p.max(other) {
                    most if most > 1e-15 => {
                        worst = worst.max((other - p).abs() / p.max(1e-300));
                    }
                    most if most >= 0.0 => {}
                    _ => return f64::INFINITY,
                }
            }
        }
        worst
    }

    /// The chances of so many replicas up, of those with which both complete.
    fn ups(&self, n: u32, r: u32, w: u32) -> impl Iterator<Item = (u32, f64)> {
        let up = 1.0 - self.scenario.cluster.down.0;
        let least = r.max(w);
        (least..=n)
            .map(move |m| (m, exactly(n, m, up)))
            .filter(|(_, p)| *p > 0.0)
    }

    pub(super) fn mixture<'t>(&self, tables: &'t Tables, n: u32, r: u32, w: u32) -> Mixture<'t> {
        let asks_all = self.scenario.cluster.fan_out == FanOut::All;
        let arrive = 1.0 - self.scenario.cluster.drop.0;
        let ups: Vec<(u32, f64)> = self.ups(n, r, w).collect();
        Mixture {
            completes: ups.iter().map(|(m, p)| p * at_least(*m, w, arrive)).sum(),
            parts: ups
                .into_iter()
                .filter(|(m, _)| r + w <= *m)
                .map(|(m, p)| (p, tables.setting(m, r, w, asks_all)))
                .collect(),
        }
    }

    /// Quantiles of a read's latency, in s.
    pub(super) fn reads(&self, n: u32, r: u32) -> [f64; 3] {
        let asks_all = self.scenario.cluster.fan_out == FanOut::All;
        let ups: Vec<(u32, f64)> = self.ups(n, r, r).collect();
        let all: f64 = ups.iter().map(|(_, p)| p).sum();
        let longer = |late: f64| {
            let parts = ups.iter().map(|(m, p)| {
                let asked = if asks_all { *m } else { r };
                p * too_few(asked, r, late)
            });
            parts.sum::<f64>() / all
        };
        LATENCIES.map(|(_, q)| self.fine.read_latency(q, longer) / 1e9)
    }

    /// Quantiles of a write's latency if it commits, in s.
    pub(super) fn writes(&self, n: u32, w: u32) -> [f64; 3] {
        let drop = self.scenario.cluster.drop.0;
        let ups: Vec<(u32, f64)> = self.ups(n, w, w).collect();
        let commits: f64 = ups
            .iter()
            .map(|(m, p)| p * at_least(*m, w, 1.0 - drop))
            .sum();
        let longer = |late: f64| {
            let parts = ups.iter().map(|(m, p)| {
                let late = too_few(*m, w, drop + (1.0 - drop) * late);
                p * (late - too_few(*m, w, drop))
            });
            parts.sum::<f64>() / commits
        };
        LATENCIES.map(|(_, q)| self.fine.write_latency(q, longer) / 1e9)
    }
}

/// The t in s from which on P(stale) is at most `most`, a root of a falling curve.
pub(super) fn visible_from(p_stale: impl Fn(f64) -> f64, most: f64, guess: f64) -> Option<f64> {
    if p_stale(0.0) <= most {
        return Some(0.0);
    }
    let (mut low, mut high) = (0.0, guess.max(1.0));
    let mut above = p_stale(low);
    let mut below = p_stale(high);
    for _ in 0..80 {
        if below <= most {
            break;
        }
        (low, above) = (high, below);
        high *= 4.0;
        below = p_stale(high);
        if high > 1e18 || below >= above && below > 0.0 && high > 1e15 {
            return None;
        }
    }
    if below > most {
        return None;
    }
    // Between them by secants of the logarithm, and halves where those are slow.
    for step in 0..200 {
        if high - low <= 1e-10 * high {
            break;
        }
        let secant = match below > 0.0 {
            true => {
                let share = (above / most).ln() / (above / below).ln();
                low + share * (high - low)
            }
            false => f64::NAN,
        };
        let inner = (high - low) * 1e-3;
        let middle = match step % 3 < 2 && secant.is_finite() {
            true => secant.clamp(low + inner, high - inner),
            false => (low + high) / 2.0,
        };
        let p = p_stale(middle);
        match p <= most {
            true => (high, below) = (middle, p),
            false => (low, above) = (middle, p),
        }
    }
    Some(high / 1e9)
}
