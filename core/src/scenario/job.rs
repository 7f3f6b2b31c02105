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
    /// What every scenario has: its kind, its name, and the seed of its random numbers.
    fn head(&self) -> (JobKind, &str, u64) {
        match self {
            Job::Herd(s) => (JobKind::Herd, &s.name, s.run.seed),
            Job::Fence(s) => (JobKind::Fence, &s.name, s.run.seed),
            Job::Saga(s) => (JobKind::Saga, &s.name, s.run.seed),
            Job::Quorum(s) => (JobKind::Quorum, &s.name, s.run.seed),
        }
    }

    pub fn kind(&self) -> JobKind {
        self.head().0
    }

    /// The scenario's name, which its results' directory takes.
    pub fn name(&self) -> &str {
        self.head().1
    }

    pub fn seed(&self) -> u64 {
        self.head().2
    }

    /// Whether a job that was put together in code can be meant: it is held to what its
    /// file would be held to. One that was read has been.
    ///
    /// # Errors
    /// A [`Problem`] at its place in the file that it would be.
    pub fn check(&self) -> Result<(), Problem> {
        let text = toml::to_string(self).map_err(|e| Problem::new(e.to_string()))?;
        let mut overlay = Overlay::default();
        overlay.file("scenario", &text)?;
        Job::from_overlay(&overlay, self.kind()).map(|_| ())
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
        let is_saga = matches!(job, Job::Saga(_));
        match overlay.policy_place() {
            Some(place) if !is_saga => Err(Problem::new(format!(
                "a {} has no retry policy to set this of",
                kind.unwrap_or(default).name()
            ))
            .at(Some(place))),
            _ => Ok(job),
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

    /// The fields whose lists are compared within a cell of a sweep.
    pub(super) fn compares(self) -> &'static [&'static str] {
        match self {
            JobKind::Quorum => &["cluster.n", "cluster.r", "cluster.w", "read.t"],
            JobKind::Herd | JobKind::Fence | JobKind::Saga => &[],
        }
    }

    /// As scenarios and results spell it.
    pub fn name(self) -> &'static str {
        let own = Self::NAMES.iter().find(|(_, kind)| *kind == self);
        own.map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_code_puts_together_is_held_to_its_file() {
        let herd = |change: fn(&mut Scenario)| {
            let mut scenario = Scenario::default();
            change(&mut scenario);
            (
                scenario.check().is_ok(),
                Job::Herd(scenario).check().is_ok(),
            )
        };
        assert_eq!(herd(|_| ()), (true, true));
        assert_eq!(herd(|s| s.policies.clear()), (false, false));
        assert_eq!(herd(|s| s.services.clear()), (false, false));
        assert_eq!(herd(|s| s.groups[0].count = 0), (false, false));
        assert_eq!(herd(|s| s.policies[0].1.attempts = 0), (false, false));
        assert_eq!(herd(|s| s.run.warmup = s.run.horizon), (false, false));
        let mut quorum = QuorumScenario::default();
        assert!(Job::Quorum(Box::new(quorum.clone())).check().is_ok());
        quorum.cluster.n = vec![100];
        assert!(Job::Quorum(Box::new(quorum)).check().is_err());
        for job in [
            Job::Fence(FenceScenario::default()),
            Job::Saga(SagaScenario::default()),
        ] {
            assert!(job.check().is_ok(), "{:?}", job.kind());
        }
    }
}
