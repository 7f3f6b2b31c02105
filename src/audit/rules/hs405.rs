//! HS405: the key is kept though the work failed

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "the key is kept though the work failed",
    severity: "high",
    what: "A key is stored as seen before the work, and stays when the work fails.",
    why: "The retry is taken for a repetition of what was done: it is answered as done, and nothing was.",
    numbers: "None.",
    fix: "Store the key with the outcome in one transaction, or take it out again when the work fails.",
    ignore: "Where the stored key says that the work is still open, and a retry goes on with it.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs405, Severity::High, hits);
}
