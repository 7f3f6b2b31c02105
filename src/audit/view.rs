//! What every output tells of.

use super::baseline::Against;
use super::inspect::Audit;
use super::plan::Plan;

/// An audit, with what is predicted of it and what it is held against, where that was asked for.
#[derive(Clone, Copy)]
pub struct View<'v> {
    pub audit: &'v Audit,
    pub plan: Option<&'v Plan>,
    pub against: Option<&'v Against>,
}
