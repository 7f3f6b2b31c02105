//! Where in a scenario one looks.

use crate::scenario::Scenario;
use crate::scenario::action::Action;
use crate::scenario::service::Service;

/// A service of a scenario.
#[derive(Clone, Copy)]
pub struct Site<'s> {
    pub scenario: &'s Scenario,
    /// Its place in the chain, from 0.
    pub tier: usize,
    /// Whether its actions are taken.
    pub acts: bool,
    /// Of which group of callers, where it is not all of them.
    pub group: Option<usize>,
}

impl<'s> Site<'s> {
    /// Whether those who call are done when each has called once.
    pub(super) fn is_once(&self) -> bool {
        match self.group {
            Some(group) => self.scenario.groups[group].is_once(),
            None => self.scenario.is_once(),
        }
    }

    pub(super) fn service(&self) -> &'s Service {
        &self.scenario.services[self.tier]
    }

    /// What is done about it there.
    pub(super) fn actions(&self) -> Vec<Action> {
        match self.acts {
            true => self.scenario.actions_at(self.tier, &self.scenario.actions),
            false => Vec::new(),
        }
    }
}
