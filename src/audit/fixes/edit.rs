//! A change to a site, and the bytes that it replaces.

use std::sync::Arc;

use herdsim_core::scenario::{Place, Source};

use crate::audit::change::Change;
use crate::audit::read::code::ir::Span;

/// A change to a site, of any seam.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    Retry(Change),
    Quorum {
        w: u32,
        r: u32,
    },
    /// Writers wait for every replica in sync.
    AllAcks,
    /// A stale token is rejected before the write, in one step with it.
    Fence,
    /// One key per operation, through every attempt.
    Key,
}

/// Bytes that are replaced.
#[derive(Clone, Debug)]
pub struct Edit {
    pub place: Place,
    pub text: String,
}

impl Edit {
    pub fn at(source: &Arc<Source>, span: Span, text: impl Into<String>) -> Edit {
        Edit {
            place: Place {
                source: source.clone(),
                span,
            },
            text: text.into(),
        }
    }

    pub fn insert(source: &Arc<Source>, at: usize, text: impl Into<String>) -> Edit {
        Edit::at(source, at..at, text)
    }
}

/// One way to write a change: all of these edits.
pub type Way = Vec<Edit>;
