//! Settings by quadrature: the tables of a scenario, on a fine mesh and a coarser one.

use crate::ensemble::Workers;
use crate::ensemble::quorum::cell::LATENCIES;
use crate::quorum::cluster;
use crate::quorum::exact::{Fineness, Legs, TooManySteps, at_least, exactly, too_few};
use crate::quorum::sets::proves_fresh;
use crate::quorum::tables::{Setting, Tables};
use crate::scenario::quorum::{FanOut, Method, QuorumScenario, Wait};
use crate::streams::Streams;
use crate::units::Probability;

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
    fine: Tables,
    coarse: Tables,
}

/// The settings of a scenario in which reads may be stale, solved with tables that hold.
pub(super) struct Solved<'q> {
    pub(super) quadrature: &'q Quadrature<'q>,
    settings: Vec<SolvedSetting<'q>>,
}

pub(super) struct SolvedSetting<'q> {
    /// N, R, W.
    setting: (u32, Wait, Wait),
    pub(super) fine: Mixture<'q>,
    coarse: Mixture<'q>,
    /// By level, the t in ns from which on so many reads are fresh.
    pub(super) visible: Vec<Option<f64>>,
}

impl SolvedSetting<'_> {
    /// The times that are told, in ns: those asked for, and those from which on.
    fn times(&self, scenario: &QuorumScenario) -> Vec<f64> {
        let asked = scenario.read.t.iter().map(|t| t.0 as f64);
        asked
            .chain(self.visible.iter().copied().flatten())
            .collect()
    }
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
        if scenario.run.method == Method::MonteCarlo {
            return Ok(None);
        }
        if let Some(reason) = scenario.not_exact() {
            return unless_asked_for(scenario, &reason);
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
            (Ok(fine), Ok(coarse)) => Ok(Some(Quadrature {
                scenario,
                fine,
                coarse,
            })),
            (Err(e @ TooManySteps), _) | (_, Err(e @ TooManySteps)) => {
                unless_asked_for(scenario, &e.to_string())
            }
        }
    }

    /// None where the tables do not hold the laws and that is not insisted on.
    pub(super) fn solved(&self, workers: &Workers) -> Result<Option<Solved<'_>>, NotExact> {
        let mut jobs = Vec::new();
        for (n, r, w) in self.scenario.settings() {
            if let (Some(k_r), Some(k_w)) = (r.of(n), w.of(n))
                && !proves_fresh(self.scenario, n, r, w)
            {
                let each = [&self.fine, &self.coarse];
                jobs.extend(each.map(|tables| ((n, r, w), tables, (k_r, k_w))));
            }
        }
        let mixtures = workers.map(&jobs, |((n, ..), tables, (r, w))| {
            self.mixture(tables, *n, *r, *w)
        });
        let mut mixtures = mixtures.into_iter();
        let mut pairs = Vec::new();
        for (setting, ..) in jobs.iter().step_by(2) {
            if let (Some(fine), Some(coarse)) = (mixtures.next(), mixtures.next()) {
                pairs.push((*setting, fine, coarse));
            }
        }
        let levels = &self.scenario.read.visibility;
        let last = self.scenario.read.t.last().map_or(0.0, |t| t.0 as f64);
        let visible = workers.map(&pairs, |(_, fine, _)| {
            let from = |level: &Probability| visible_from(|t| fine.p_stale(t), 1.0 - level.0, last);
            levels.iter().map(from).collect()
        });
        let settings = pairs.into_iter().zip(visible);
        let settings = settings
            .map(|((setting, fine, coarse), visible)| SolvedSetting {
                setting,
                fine,
                coarse,
                visible,
            })
            .collect();
        let solved = Solved {
            quadrature: self,
            settings,
        };
        if self.fine.lost_mass() > MOST_LOST || !solved.agrees() {
            return unless_asked_for(
                self.scenario,
                "the quadrature does not hold these laws, and comes to other chances than a \
                 simulation",
            );
        }
        match solved.error() {
            error if error <= GOOD_ENOUGH => Ok(Some(solved)),
            error => unless_asked_for(
                self.scenario,
                &format!(
                    "these laws are too wide, or rise too steeply at their ends, for the \
                     quadrature, which is good to {error:.0e} here"
                ),
            ),
        }
    }

    /// The chances of so many replicas up, of those with which both complete.
    fn ups(&self, n: u32, r: u32, w: u32) -> impl Iterator<Item = (u32, f64)> {
        let up = 1.0 - self.scenario.cluster.down.0;
        let least = r.max(w);
        (least..=n)
            .map(move |m| (m, exactly(n, m, up)))
            .filter(|(_, p)| *p > 0.0)
    }

    fn mixture<'t>(&self, tables: &'t Tables, n: u32, r: u32, w: u32) -> Mixture<'t> {
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

impl Solved<'_> {
    /// A setting; None where it is always fresh.
    pub(super) fn setting(&self, setting: (u32, Wait, Wait)) -> Option<&SolvedSetting<'_>> {
        self.settings.iter().find(|one| one.setting == setting)
    }

    /// The relative error of a setting at a t in ns, by its own estimate.
    pub(super) fn error_at(&self, setting: &SolvedSetting<'_>, t: f64) -> f64 {
        let off = setting.coarse.p_stale(t) / setting.fine.p_stale(t) - 1.0;
        self.quadrature.fine.margin() * off.abs()
    }

    /// Whether some trials, the last step of each weighed by its chance, come to the same.
    fn agrees(&self) -> bool {
        let scenario = self.quadrature.scenario;
        let streams = Streams {
            seed: scenario.run.seed,
            replication: u64::MAX,
        };
        scenario.cluster.n.iter().all(|n| {
            let own = self.settings.iter().filter(|s| s.setting.0 == *n);
            let waits = own.clone().map(|s| (s.setting.1, s.setting.2)).collect();
            let mut times: Vec<f64> = own.clone().flat_map(|s| s.times(scenario)).collect();
            times.sort_by(f64::total_cmp);
            times.dedup();
            let mut world = cluster::World::new(scenario, *n, waits);
            world.look_at(times.clone());
            let tally = world.batch(streams, CHECKED);
            own.zip(&tally.settings).all(|(setting, counts)| {
                let told = setting.times(scenario);
                let all = times.iter().zip(&counts.weighed);
                all.filter(|(t, _)| told.contains(t)).all(|(t, weighed)| {
                    let p = setting.fine.p_stale(*t);
                    p.is_finite() && weighed.agrees_with(p, FAR)
                })
            })
        })
    }

    /// The largest relative difference between the tables, at any t.
    fn error(&self) -> f64 {
        let mut worst = 0.0f64;
        for setting in &self.settings {
            for t in setting.times(self.quadrature.scenario) {
                let p = setting.fine.p_stale(t);
                let other = setting.coarse.p_stale(t);
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
}

/// Nothing, or an error where the scenario insists on a quadrature.
fn unless_asked_for<T>(scenario: &QuorumScenario, reason: &str) -> Result<Option<T>, NotExact> {
    match scenario.run.method {
        Method::Exact => Err(NotExact(format!(
            "there is no exact answer: {reason}; --method monte-carlo simulates it, and weighs \
             the last step by its chance where it can"
        ))),
        _ => Ok(None),
    }
}

/// The t in ns from which on P(stale) is at most `most`, a root of a falling curve.
fn visible_from(p_stale: impl Fn(f64) -> f64, most: f64, guess: f64) -> Option<f64> {
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
    Some(high)
}
