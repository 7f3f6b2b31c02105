//! What is changed of a scenario to try a size, and how its runs fare.

use std::sync::atomic::AtomicBool;

use crate::ensemble::Workers;
use crate::ensemble::falls::{self, Falls};
use crate::herd::{Engine, Herd, Running, Twins};
use crate::scenario::Scenario;
use crate::scenario::action::{Action, ActionKind};
use crate::scenario::callers::{Arrival, Callers};
use crate::scenario::fault::{Fault, FaultKind};
use crate::streams::Streams;
use crate::units::{Factor, Nanos, Probability, Rate};

use crate::edge::sought::Sought;

/// By the twins of so many replications health is told.
const TWINS: u64 = 5;

/// What the sizes of a search stand for.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// How long a fault of that kind lasts, in s, in place of those of the scenario.
    Lasts(FaultKind),
    /// How many times as many calls are made, for as long as the scenario's faults last.
    Surge,
    /// How many times as many calls are made as in the scenario, throughout.
    Load,
    /// For how long a share of attempts is rejected, or of calls paused, in s.
    Reject(f64),
    Pause(f64),
    /// How many times the servers there are, for good.
    Scale,
}

fn nanos(seconds: f64) -> Nanos {
    Nanos((seconds * 1e9).round() as u64)
}

/// A scenario whose sizes are tried.
pub struct Bench<'b> {
    pub scenario: &'b Scenario,
    pub workers: &'b Workers,
    pub stop: &'b AtomicBool,
    pub engine: Engine,
    /// When a fault begins that is tried, and how long the run goes on after one.
    pub from: Nanos,
    pub after: Nanos,
    /// When something is done about a collapse.
    pub act: Nanos,
}

impl<'b> Bench<'b> {
    pub fn new(
        scenario: &'b Scenario,
        workers: &'b Workers,
        stop: &'b AtomicBool,
        engine: Engine,
    ) -> Bench<'b> {
        let run = &scenario.run;
        let (from, over) = match scenario.harm() {
            Some(harm) => (harm.from, harm.over),
            None => {
                let from = Nanos(run.warmup.0 + (run.horizon.0 - run.warmup.0) / 7);
                (from, from)
            }
        };
        let after = Nanos(run.horizon.0.saturating_sub(over.0));
        Bench {
            scenario,
            workers,
            stop,
            engine,
            from,
            after,
            // Once a collapse has set in, with most of the run to come.
            act: Nanos(over.0 + after.0 * 3 / 8),
        }
    }

    /// The scenario at a size.
    pub fn at(&self, measure: &Measure, size: f64) -> Scenario {
        let mut scenario = self.scenario.clone();
        let tier = self.tier();
        let hosts = Bench::fault(self.scenario).and_then(|fault| fault.hosts);
        let mut instead = |kind: FaultKind, lasts: Nanos, tier: Option<String>| {
            let surges = matches!(kind, FaultKind::Surge(_));
            scenario.faults.retain(|fault| fault.kind.relieves());
            scenario.faults.push(Fault {
                kind,
                from: self.from,
                lasts,
                ramp: Nanos::ZERO,
                tier,
                // Those that the scenario's own fault hits.
                hosts: hosts.filter(|_| !surges),
            });
            // As much time to recover, however long it lasts.
            scenario.run.horizon = Nanos(self.from.0 + lasts.0 + self.after.0);
        };
        let lasts = self
            .scenario
            .harm()
            .map(|harm| Nanos(harm.to.0 - harm.from.0));
        let lasts = lasts.filter(|lasts| *lasts > Nanos::ZERO);
        match *measure {
            Measure::Lasts(ref kind) => instead(kind.clone(), nanos(size), tier),
            Measure::Surge => {
                let lasts = lasts.unwrap_or(Nanos::from_secs(2));
                instead(FaultKind::Surge(Factor(size)), lasts, None);
            }
            Measure::Load => busier(&mut scenario, size),
            Measure::Reject(share) => self.act(
                &mut scenario,
                ActionKind::Reject(Probability(share)),
                Some(nanos(size)),
                tier,
            ),
            Measure::Pause(share) => self.act(
                &mut scenario,
                ActionKind::Pause(Probability(share)),
                Some(nanos(size)),
                None,
            ),
            Measure::Scale => {
                self.act(&mut scenario, ActionKind::Scale(Factor(size)), None, tier);
            }
        }
        scenario
    }

    /// The scenario in which the service is restarted.
    pub fn restarted(&self) -> Scenario {
        let mut scenario = self.scenario.clone();
        let lasts = Nanos::from_millis(100);
        self.act(&mut scenario, ActionKind::Restart(lasts), None, self.tier());
        scenario
    }

    fn act(
        &self,
        scenario: &mut Scenario,
        kind: ActionKind,
        lasts: Option<Nanos>,
        tier: Option<String>,
    ) {
        scenario.actions = vec![Action {
            kind,
            from: self.act,
            lasts,
            ramp: Nanos::ZERO,
            tier,
        }];
    }

    /// The longest that something is done for, in s: what is left of the run then is enough to
    /// see whether it helped, where health takes so long to see. Or the horizon that it takes.
    pub fn longest_action(&self, seen: Nanos) -> Result<f64, Nanos> {
        let [left, seen] = [
            self.scenario.run.horizon.0.saturating_sub(self.act.0),
            seen.0,
        ]
        .map(|ns| ns as f64 / 1e9);
        match left < 2.5 * seen {
            // Five eighths of what is after the fault are left.
            true => {
                let over = self.scenario.run.horizon.0 - self.after.0;
                Err(Nanos(over + (4.0 * seen * 1e9) as u64))
            }
            false => Ok((left * 2.0 / 3.0).min(left - 1.5 * seen).min(60.0)),
        }
    }

    /// The first fault that does harm.
    pub fn fault(scenario: &Scenario) -> Option<&Fault> {
        let mut faults = scenario.faults.iter();
        faults.find(|fault| !fault.kind.relieves())
    }

    /// The service that it hits.
    fn tier(&self) -> Option<String> {
        Bench::fault(self.scenario)?.tier.clone()
    }

    /// The twins of all policies, of runs that last as long as the longest.
    pub fn twins(&self, scenario: &Scenario) -> Vec<Twins> {
        falls::twins(scenario, self.workers, TWINS)
    }

    /// What is asked of the sizes of a scenario.
    pub fn runs<'r>(&'r self, policy: usize, twins: &'r Twins) -> Runs<'r> {
        Runs {
            bench: self,
            policy,
            twins,
        }
    }

    fn herd<'s>(&self, scenario: &'s Scenario, policy: usize) -> Herd<'s> {
        Herd {
            scenario,
            policy: &scenario.policies[policy].1,
            engine: self.engine,
        }
    }

    /// Whether what holds attempts or calls back can be tried on copies of runs that have come
    /// to where it begins. Callers with one call at a time are told from the beginning.
    pub fn branches(&self, sought: Sought) -> bool {
        let waits = |group: &Callers| {
            matches!(group.arrival, Arrival::Closed { .. } | Arrival::Once { .. })
        };
        sought == Sought::Reject || !self.scenario.groups.iter().any(waits)
    }

    /// Runs under a policy that have come to where something is done.
    pub fn collapsed(&self, policy: usize) -> Vec<Running<'b>> {
        let replications: Vec<u64> = (0..falls::BATCH).collect();
        let herd = self.herd(self.scenario, policy);
        self.workers.map(&replications, |replication| {
            let mut running = herd.begin_bare(self.streams(*replication));
            running.until(self.act);
            running
        })
    }

    fn streams(&self, replication: u64) -> Streams {
        Streams {
            seed: self.scenario.run.seed,
            replication,
        }
    }
}

/// Runs of a policy, whatever the scenario, told by some twins.
#[derive(Clone, Copy)]
pub struct Runs<'r> {
    bench: &'r Bench<'r>,
    policy: usize,
    twins: &'r Twins,
}

/// Runs that are enough for a glance: whatever they say is asked properly before it is told.
const GLANCE: u64 = 1;

impl Runs<'_> {
    /// Whether runs of a scenario recover, with as many as it takes to say.
    pub fn decide(&self, scenario: &Scenario) -> Option<Falls> {
        self.branch(scenario, &[], None)
    }

    /// How a few runs fare.
    pub fn glance(&self, scenario: &Scenario) -> Option<Falls> {
        self.branch(scenario, &[], Some(GLANCE))
    }

    /// The same of copies of runs that have come to where something is done, and of others
    /// from their beginning; `how_many` of them, or as many as it takes.
    pub fn branch(
        &self,
        scenario: &Scenario,
        collapsed: &[Running<'_>],
        how_many: Option<u64>,
    ) -> Option<Falls> {
        let (bench, herd) = (self.bench, self.bench.herd(scenario, self.policy));
        let yardstick = self.twins.yardstick(scenario)?;
        if yardstick.is_ill() {
            return Some(LOST);
        }
        let recovers = |n: u64| match collapsed.get(n as usize) {
            None => yardstick.recovers(&mut herd.begin_bare(bench.streams(n))),
            Some(running) => {
                let mut running = running.clone();
                running.act(&scenario.actions, bench.act, bench.streams(n));
                yardstick.recovers(&mut running)
            }
        };
        match how_many {
            Some(n) => falls::some(&recovers, bench.workers, bench.stop, 0..n),
            None => falls::decide(&recovers, bench.workers, bench.stop),
        }
    }
}

/// As if all runs had never recovered: there is no health to return to.
const LOST: Falls = Falls {
    never: falls::BATCH,
    runs: falls::BATCH,
};

/// Makes as many times as many calls.
fn busier(scenario: &mut Scenario, times: f64) {
    for callers in &mut scenario.groups {
        call_more(callers, times);
    }
}

fn call_more(callers: &mut Callers, times: f64) {
    match &mut callers.arrival {
        Arrival::Open { rate } => *rate = Rate(rate.0 * times),
        Arrival::Periodic { every, .. } => {
            *every = Nanos(((every.0 as f64 / times).round() as u64).max(1));
        }
        Arrival::Trace { rates, .. } => rates.iter_mut().for_each(|rate| *rate *= times),
        // Who waits for an answer calls as often as that allows: there are more of them.
        Arrival::Closed { .. } | Arrival::Once { .. } => {
            let count = (f64::from(callers.count) * times).round();
            callers.count = count.clamp(1.0, f64::from(u32::MAX / 2)) as u32;
            callers.clients = callers.clients.min(callers.count);
        }
    }
}
