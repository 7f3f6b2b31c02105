//! Where in a scenario one looks.

use crate::scenario::Scenario;
use crate::scenario::service::Service;

/// A service of a scenario.
#[derive(Clone, Copy)]
pub struct Site<'s> {
    pub scenario: &'s Scenario,
    /// Its place in the chain, from 0.
    pub tier: usize,
}

impl<'s> Site<'s> {
    pub(super) fn service(&self) -> &'s Service {
        &self.scenario.services[self.tier]
    }
}
