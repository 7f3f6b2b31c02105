//! What faults and actions make of a service and of its callers' clock, instant by instant
//! (docs/model.md, "Faults" and "Actions").

use herdsim_core::scenario::action::{Action, ActionKind};
use herdsim_core::scenario::fault::{Fault, FaultKind};
use herdsim_core::units::Nanos;

/// A speed that is smooth between its knots, and 1 after the last.
pub struct Clock {
    knots: Vec<u64>,
    /// Every factor of the speed: a fault, and what the speed is in its full force.
    factors: Vec<(Fault, f64)>,
}

impl Clock {
    fn new(factors: Vec<(Fault, f64)>) -> Clock {
        let ends = |f: &Fault| [f.from.0, f.to().0, f.over().0];
        let mut knots: Vec<u64> = factors.iter().flat_map(|(f, _)| ends(f)).collect();
        knots.push(0);
        knots.sort_unstable();
        knots.dedup();
        Clock { knots, factors }
    }

    /// Servers do not work in a stall, and "speed up from 0 to full speed".
    pub fn of_work(faults: &[Fault]) -> Clock {
        let stalls = faults.iter().filter(|f| f.kind == FaultKind::Stall);
        Clock::new(stalls.map(|f| (f.clone(), 0.0)).collect())
    }

    /// "The callers' clock runs x times as fast" in a surge.
    pub fn of_callers(faults: &[Fault]) -> Clock {
        let surge = |f: &Fault| match f.kind {
            FaultKind::Surge(x) => Some((f.clone(), x.0)),
            _ => None,
        };
        Clock::new(faults.iter().filter_map(surge).collect())
    }

    fn speed(&self, t: f64) -> f64 {
        let t = Nanos(t.round() as u64);
        let factor = |(f, x): &(Fault, f64)| 1.0 + (x - 1.0) * f.effect(t);
        self.factors.iter().map(factor).product()
    }

    /// ∫ speed dt over a stretch without a knot inside: three Gauss–Legendre points are exact
    /// for the product of up to five linear factors.
    fn smooth(&self, a: f64, b: f64) -> f64 {
        let at = |x: f64| self.speed(a + (b - a) * x);
        let far = 0.6f64.sqrt() / 2.0;
        (b - a) * (5.0 * at(0.5 - far) + 8.0 * at(0.5) + 5.0 * at(0.5 + far)) / 18.0
    }

    /// When so much has gone by on the clock since `from`.
    pub fn after(&self, from: u64, amount: f64) -> u64 {
        let (mut at, mut left) = (from as f64, amount);
        for knot in self.knots.iter().map(|knot| *knot as f64) {
            if knot <= at {
                continue;
            }
            let whole = self.smooth(at, knot);
            if whole >= left {
                let (mut low, mut high) = (at, knot);
                for _ in 0..60 {
                    let middle = (low + high) / 2.0;
                    match self.smooth(at, middle) < left {
                        true => low = middle,
                        false => high = middle,
                    }
                }
                return high.round() as u64;
            }
            (at, left) = (knot, left - whole);
        }
        (at + left).round() as u64
    }
}

/// The faults and actions that hit one host of a service.
pub struct Site {
    pub faults: Vec<Fault>,
    pub actions: Vec<Action>,
    pub work: Clock,
}

/// The chance that at least one of several independent causes strikes.
fn any(chances: impl Iterator<Item = f64>) -> f64 {
    1.0 - chances.map(|p| 1.0 - p).product::<f64>()
}

impl Site {
    pub fn new(faults: Vec<Fault>, actions: Vec<Action>) -> Site {
        let work = Clock::of_work(&faults);
        Site {
            faults,
            actions,
            work,
        }
    }

    /// The chance, of those that `of` gives faults in full force, that one of them strikes.
    fn chance(&self, t: u64, of: impl Fn(&FaultKind) -> Option<f64>) -> f64 {
        let hits = self.faults.iter();
        any(hits.filter_map(|f| Some(of(&f.kind)? * f.effect(Nanos(t)))))
    }

    /// The product of the factors that `of` gives faults in full force; each "goes to 1".
    fn factor(&self, t: u64, of: impl Fn(&FaultKind) -> Option<f64>) -> f64 {
        let hits = self.faults.iter();
        let each = hits.filter_map(|f| Some(1.0 + (of(&f.kind)? - 1.0) * f.effect(Nanos(t))));
        each.product()
    }

    pub fn vanish(&self, t: u64) -> f64 {
        self.chance(t, |kind| match kind {
            FaultKind::Blackhole(p) => Some(p.0),
            _ => None,
        })
    }

    pub fn refuse(&self, t: u64) -> f64 {
        let by_fault = self.chance(t, |kind| match kind {
            FaultKind::Crash => Some(1.0),
            FaultKind::Refuse(p) => Some(p.0),
            _ => None,
        });
        let restarts = self.actions.iter().filter_map(|a| match a.kind {
            ActionKind::Restart(_) => Some(a.effect(Nanos(t))),
            _ => None,
        });
        any(restarts.chain([by_fault]))
    }

    pub fn reject(&self, t: u64) -> f64 {
        any(self.actions.iter().filter_map(|a| match a.kind {
            ActionKind::Reject(p) => Some(p.0 * a.effect(Nanos(t))),
            _ => None,
        }))
    }

    pub fn error(&self, t: u64) -> f64 {
        self.chance(t, |kind| match kind {
            FaultKind::Errors(p) => Some(p.0),
            _ => None,
        })
    }

    pub fn loss(&self, t: u64) -> f64 {
        self.chance(t, |kind| match kind {
            FaultKind::Loss(p) => Some(p.0),
            _ => None,
        })
    }

    pub fn slow(&self, t: u64) -> f64 {
        self.factor(t, |kind| match kind {
            FaultKind::Slow(x) => Some(x.0),
            _ => None,
        })
    }

    /// "Nothing starts or finishes."
    pub fn is_stalled(&self, t: u64) -> bool {
        let stalls = |f: &Fault| f.kind == FaultKind::Stall && f.from.0 <= t && t < f.to().0;
        self.faults.iter().any(stalls)
    }

    /// How many of so many servers may be at work: `scale` says how many there are, and
    /// `capacity` how many of these start new work, both rounded.
    pub fn servers(&self, t: u64, servers: u32) -> usize {
        let scale = self.actions.iter().filter_map(|a| match a.kind {
            ActionKind::Scale(x) => Some(1.0 + (x.0 - 1.0) * a.effect(Nanos(t))),
            _ => None,
        });
        let there_are = f64::from(servers) * scale.product::<f64>();
        let share = self.factor(t, |kind| match kind {
            FaultKind::Capacity(x) => Some(x.0),
            _ => None,
        });
        (there_are * share).round() as usize
    }

    /// When something at the service is reset: "everything at FROM".
    pub fn resets(&self) -> Vec<u64> {
        let crashes = self.faults.iter().filter(|f| f.kind == FaultKind::Crash);
        let restarts = |a: &&Action| matches!(a.kind, ActionKind::Restart(_));
        let restarts = self.actions.iter().filter(restarts);
        let at = crashes.map(|f| f.from.0);
        at.chain(restarts.map(|a| a.from.0)).collect()
    }

    pub fn clears(&self) -> Vec<u64> {
        let clears = self.actions.iter().filter(|a| a.kind == ActionKind::Clear);
        clears.map(|a| a.from.0).collect()
    }

    /// When work that waits may become able to start, though nothing finishes: the ends of
    /// stalls, and every instant at which there is another number of servers.
    pub fn wakes(&self, servers: u32, horizon: u64) -> Vec<u64> {
        let stalls = self.faults.iter().filter(|f| f.kind == FaultKind::Stall);
        let mut wakes: Vec<u64> = stalls.map(|f| f.to().0).collect();
        let changes = self
            .faults
            .iter()
            .any(|f| matches!(f.kind, FaultKind::Capacity(_)))
            || self
                .actions
                .iter()
                .any(|a| matches!(a.kind, ActionKind::Scale(_)));
        if changes {
            const STEP: u64 = 1_000_000;
            for a in (0..horizon).step_by(STEP as usize) {
                let (mut low, mut high) = (a, a + STEP);
                if self.servers(low, servers) == self.servers(high, servers) {
                    continue;
                }
                // The first instant with the new number of them.
                while high - low > 1 {
                    let middle = (low + high) / 2;
                    match self.servers(middle, servers) == self.servers(a, servers) {
                        true => low = middle,
                        false => high = middle,
                    }
                }
                wakes.push(high);
            }
        }
        wakes
    }
}
