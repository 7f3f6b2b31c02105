//! HS404: a retryable failure is answered after the effect

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "a retryable failure is answered after the effect",
    severity: "high",
    what: "After the effect something else may fail, and then the answer is one that clients retry.",
    why: "The client does what it is asked to: it sends again, and the effect is made twice.",
    numbers: "None.",
    fix: "Answer success once the effect is made and repair the rest later, or give the effect a key.",
    ignore: "Where the effect has a key of its own further down.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs404, Severity::High, hits);
}
