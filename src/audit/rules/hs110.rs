//! HS110: what is written is not what it says

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "what is written is not what it says",
    severity: "low",
    what: "A comment or a name that gives other numbers than the code beside it.",
    why: "The next person believes the comment.",
    numbers: "Both numbers.",
    fix: "Correct the comment, or the code.",
    ignore: "Where the comment speaks of something else.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs110, Severity::Low, hits);
}
