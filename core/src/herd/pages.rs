//! Calls that are made of sub-calls: some at once, and then the next ones.

use crate::herd::counts::Denial;
use crate::herd::slots::{Beside, Slots};

/// A call of which the calls of a tier are parts.
#[derive(Clone)]
pub(super) struct Page {
    pub started: u64,
    pub caller: u32,
    /// Sub-calls of the step under way that have not ended, and steps that have not begun.
    pub left: u32,
    pub steps: u32,
    pub group: u8,
    /// Whether its caller has heard of it: at the first sub-call that fails.
    pub ended: bool,
    /// Whether every sub-call so far was answered by its first attempt.
    pub at_once: bool,
    /// What denied a sub-call another attempt.
    pub denied: Option<Denial>,
}

/// The calls that are made of sub-calls.
#[derive(Clone)]
pub(super) struct Pages {
    pub slots: Slots<Page>,
    /// By sub-call, the call it is part of.
    pub of: Beside<u32>,
}

impl Pages {
    pub fn new() -> Pages {
        Pages {
            slots: Slots::new(),
            of: Beside::new(),
        }
    }
}
