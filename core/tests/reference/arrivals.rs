//! When callers call, and what keeps them from it (docs/model.md, "Callers" and "Actions").

use herdsim_core::dist::Dist;
use herdsim_core::scenario::action::ActionKind;
use herdsim_core::scenario::callers::{Arrival, Phase};
use herdsim_core::scenario::fault::FaultKind;
use herdsim_core::units::Nanos;
use rand::RngExt;

use super::{By, Event, World};

impl World<'_> {
    /// When callers call first, and periodic ones altogether (docs/model.md, "Callers").
    pub(super) fn plan_calls(&mut self) {
        let callers = self.scenario.callers();
        let horizon = self.scenario.run.horizon.0;
        for caller in 0..callers.count {
            match &callers.arrival {
                Arrival::Open { .. } => self.next_open(caller),
                Arrival::Closed { think } => {
                    let draw = think.sample(&mut self.rng).0 as f64;
                    // "The first think time is a uniform share of a draw (for exponential
                    // think times a full draw)."
                    let share = match think {
                        Dist::Exp { .. } => 1.0,
                        _ => self.rng.random::<f64>(),
                    };
                    let time = self.callers.after(0, draw * share);
                    self.at(time, Event::Call { caller });
                }
                Arrival::Once { at, spread } => {
                    let time = at.0 + spread.sample(&mut self.rng).0;
                    self.at(time, Event::Call { caller });
                }
                Arrival::Periodic {
                    every,
                    phase,
                    spread,
                } => {
                    let every = every.0 as f64;
                    let mut turn = match phase {
                        Phase::Random => every * self.rng.random::<f64>(),
                        _ => 0.0,
                    };
                    while self.callers.after(0, turn) < horizon {
                        let spread = spread.sample(&mut self.rng).0 as f64;
                        let time = self.callers.after(0, turn + spread);
                        self.at(time, Event::Call { caller });
                        turn += every;
                    }
                }
                Arrival::Trace { .. } => self.next_of_trace(0),
            }
            if let Arrival::Trace { .. } = callers.arrival {
                break;
            }
        }
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.rng.random::<f64>()).ln()
    }

    fn next_open(&mut self, caller: u32) {
        if let Arrival::Open { rate } = self.scenario.callers().arrival
            && rate.0 > 0.0
        {
            let wait = self.exponential(1e9 / rate.0);
            let time = self.callers.after(self.now, wait);
            self.at(time, Event::Call { caller });
        }
    }

    /// "All callers together are a Poisson process whose rate comes from a file"; of a surge
    /// "the rate of each instant × x, and no instant comes sooner". By thinning.
    fn next_of_trace(&mut self, from: u64) {
        let Arrival::Trace { step, rates } = &self.scenario.callers().arrival else {
            return;
        };
        let surge = |t: u64| -> f64 {
            let faults = self.scenario.faults.iter();
            let each = faults.filter_map(|f| match f.kind {
                FaultKind::Surge(x) => Some(1.0 + (x.0 - 1.0) * f.effect(Nanos(t))),
                _ => None,
            });
            each.product()
        };
        let most_surge: f64 = self
            .scenario
            .faults
            .iter()
            .fold(1.0, |most, f| match f.kind {
                FaultKind::Surge(x) => most * x.0.max(1.0),
                _ => most,
            });
        let most = most_surge * rates.iter().fold(0.0, |a: f64, b| a.max(*b));
        let mut time = from as f64;
        loop {
            time += -1e9 / most * (1.0 - self.rng.random::<f64>()).ln();
            if time >= self.scenario.run.horizon.0 as f64 {
                return;
            }
            let row = (time / step.0 as f64) as usize;
            let rate = rates.get(row).copied().unwrap_or(0.0) * surge(time as u64);
            if self.rng.random::<f64>() * most < rate {
                let caller = self.rng.random_range(0..self.scenario.callers().count);
                self.at(time as u64, Event::Call { caller });
                return;
            }
        }
    }

    /// A caller is due to call; a pause may keep it from calling (docs/model.md, "Actions").
    pub(super) fn due(&mut self, caller: u32) {
        let callers = self.scenario.callers();
        match callers.arrival {
            Arrival::Open { .. } => self.next_open(caller),
            Arrival::Trace { .. } => self.next_of_trace(self.now),
            _ => {}
        }
        let waits = matches!(
            callers.arrival,
            Arrival::Closed { .. } | Arrival::Once { .. }
        );
        for (number, pause) in self.scenario.actions.iter().enumerate() {
            let ActionKind::Pause(p) = pause.kind else {
                continue;
            };
            // Those that wait for the end wait for that of its full force alone.
            let end = pause.to().map_or(0, |to| to.0);
            let before = self.paused[caller as usize].contains(&number) || waits && self.now >= end;
            if before || self.rng.random::<f64>() >= p.0 * pause.effect(Nanos(self.now)) {
                continue;
            }
            if waits {
                // "Those who wait for the end of a pause call spread evenly over" its ramp.
                self.paused[caller as usize].push(number);
                let spread = self.rng.random::<f64>() * (pause.over().0 - end) as f64;
                let time = end + spread.round() as u64;
                self.at(time, Event::Call { caller });
            }
            return;
        }
        self.paused[caller as usize].clear();
        let client = callers.client(caller) as usize;
        self.call(0, By::Caller(caller), client, caller as usize);
    }
}
