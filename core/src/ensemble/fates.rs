//! How the replications of a policy fared against their twins.

use std::sync::Arc;

use crate::herd::{Course, Health, Measured, Outcome, Sample, Twins, Yardstick};
use crate::scenario::Scenario;

/// By the twins of so many replications, the first ones, health is told of all.
pub const TWINS: usize = 32;

/// A replication that waits for enough twins.
struct Waiting {
    run: Course,
    twin: Arc<Course>,
    /// By part of the run.
    measured: Vec<Measured>,
}

/// What becomes of the replications of a policy.
///
/// Whether a run is healthy is told by the mean of the first [`TWINS`] twins, so the first
/// replications wait for them: what is told of each does not depend on how many follow.
pub struct Fates<'s> {
    scenario: &'s Scenario,
    /// By part of the run: the services of the chain, then the groups of callers.
    twins: Vec<Twins>,
    waiting: Vec<Waiting>,
    /// Once there are enough twins.
    yardsticks: Option<Vec<Option<Yardstick>>>,
}

impl<'s> Fates<'s> {
    pub fn new(scenario: &'s Scenario) -> Fates<'s> {
        Fates {
            scenario,
            twins: vec![Twins::default(); scenario.services.len() + scenario.told_groups()],
            waiting: Vec::new(),
            yardsticks: None,
        }
    }

    fn made(&self) -> Vec<Option<Yardstick>> {
        let tiers = self.scenario.services.len();
        let of = |(part, twins): (usize, &Twins)| match part.checked_sub(tiers) {
            None => twins.yardstick(self.scenario),
            Some(group) => twins.yardstick_of(self.scenario, &self.scenario.groups[group]),
        };
        self.twins.iter().enumerate().map(of).collect()
    }

    /// Takes the next replication with its twin, and completes its metrics if that can be
    /// done now.
    pub fn add(&mut self, outcome: &mut Outcome, twin: &Arc<Course>) {
        let run = Course::of(outcome);
        if let Some(yardsticks) = &self.yardsticks {
            for (part, (metrics, measured)) in outcome.parts_mut().enumerate() {
                *metrics = told(&yardsticks[part], &measured, run.at(part), twin.at(part));
            }
            return;
        }
        for (part, twins) in self.twins.iter_mut().enumerate() {
            twins.add(twin.at(part));
        }
        self.waiting.push(Waiting {
            run,
            twin: twin.clone(),
            measured: outcome.parts_mut().map(|(_, measured)| measured).collect(),
        });
        if self.waiting.len() == TWINS {
            self.yardsticks = Some(self.made());
        }
    }

    /// Tells the metrics of those that wait, by part and replication, by the twins that
    /// there are.
    pub fn settle(&mut self, mut tell: impl FnMut(usize, usize, Sample)) {
        let yardsticks = match &self.yardsticks {
            Some(yardsticks) => yardsticks.clone(),
            None => self.made(),
        };
        for (replication, waiting) in self.waiting.iter().enumerate() {
            for (part, measured) in waiting.measured.iter().enumerate() {
                let (run, twin) = (waiting.run.at(part), waiting.twin.at(part));
                tell(
                    part,
                    replication,
                    told(&yardsticks[part], measured, run, twin),
                );
            }
        }
        if self.yardsticks.is_some() {
            self.waiting.clear();
        }
    }
}

/// The metrics of a run, with how it fared.
fn told(yardstick: &Option<Yardstick>, measured: &Measured, run: &Course, twin: &Course) -> Sample {
    let measure = |yardstick: &Yardstick| yardstick.measure(run, twin);
    Sample::of(&Measured {
        health: yardstick.as_ref().map_or(Health::UNKNOWN, measure),
        ..*measured
    })
}
