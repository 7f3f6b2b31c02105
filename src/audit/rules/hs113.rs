//! HS113: a wait after the last attempt

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "a wait after the last attempt",
    severity: "low",
    what: "The caller waits once more when there is no further attempt.",
    why: "The failure is known, and its caller hears of it later than it could.",
    numbers: "None.",
    fix: "Leave the loop before the wait when the attempts are used up.",
    ignore: "Where the wait is wanted for something else.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs113, Severity::Low, hits);
}
