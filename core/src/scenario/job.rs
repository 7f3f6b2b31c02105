//! A scenario of any kind.

use serde::Serialize;

use super::document::{Problem, Section};
use super::fence::FenceScenario;
use super::herd::Scenario;
use super::overlay::Overlay;
use super::quorum::QuorumScenario;
use super::saga::SagaScenario;

/// A scenario of any kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Job {
    Herd(Scenario),
    Fence(FenceScenario),
    Saga(SagaScenario),
    Quorum(Box<QuorumScenario>),
}

impl Job {
    pub fn seed(&self) -> u64 {
        match self {
            Job::Herd(scenario) => scenario.run.seed,
            Job::Fence(scenario) => scenario.run.seed,
            Job::Saga(scenario) => scenario.run.seed,
            Job::Quorum(scenario) => scenario.run.seed,
        }
    }

    pub fn kind(&self) -> JobKind {
        match self {
            Job::Herd(_) => JobKind::Herd,
            Job::Fence(_) => JobKind::Fence,
            Job::Saga(_) => JobKind::Saga,
            Job::Quorum(_) => JobKind::Quorum,
        }
    }

    /// Resolves defaults, names and overrides, and checks what belongs together.
    /// A scenario that does not say its kind is of kind `default`.
    ///
    /// # Errors
    /// A [`Problem`] at its place for anything that cannot be meant.
    pub fn from_overlay(overlay: &Overlay, default: JobKind) -> Result<Job, Problem> {
        let mut top = Section::new(&overlay.table);
        let kind = top.word("kind", "kind of scenario", &JobKind::NAMES)?;
        let job = match kind.unwrap_or(default) {
            JobKind::Herd => return Ok(Job::Herd(Scenario::from_overlay(overlay)?)),
            JobKind::Fence => Job::Fence(FenceScenario::read(&mut top)?),
            JobKind::Saga => Job::Saga(SagaScenario::read(&mut top, overlay)?),
            JobKind::Quorum => Job::Quorum(Box::new(QuorumScenario::read(&mut top)?)),
        };
        top.finish()?;
        Ok(job)
    }

    /// The scenario's name, which its results' directory takes.
    pub fn name(&self) -> &str {
        match self {
            Job::Herd(scenario) => &scenario.name,
            Job::Fence(scenario) => &scenario.name,
            Job::Saga(scenario) => &scenario.name,
            Job::Quorum(scenario) => &scenario.name,
        }
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Herd,
    Fence,
    Saga,
    Quorum,
}

impl JobKind {
    pub(super) const NAMES: [(&'static str, JobKind); 4] = [
        ("herd", JobKind::Herd),
        ("fence", JobKind::Fence),
        ("saga", JobKind::Saga),
        ("quorum", JobKind::Quorum),
    ];

    /// As scenarios and results spell it.
    pub fn name(self) -> &'static str {
        let own = Self::NAMES.iter().find(|(_, kind)| *kind == self);
        own.map_or("", |(name, _)| name)
    }
}
