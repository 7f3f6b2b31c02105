//! HS109: a setting without effect

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "a setting without effect",
    severity: "medium",
    what: "Something that is written and does nothing: a name of an older version, an argument without its partner, a cap below the base, a list that does not narrow.",
    why: "What people believe their system does is what they wrote. It does something else.",
    numbers: "None.",
    fix: "Take it out, or write what was meant.",
    ignore: "Never: even where what holds is what was wanted, the line misleads.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs109, Severity::Medium, hits);
}
