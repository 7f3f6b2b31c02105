//! HS111: retries what cannot succeed

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "retries what cannot succeed",
    severity: "low",
    what: "Failures that a repetition cannot mend are retried: every exception, client errors of HTTP.",
    why: "A mistake of the caller is made several times, and its report comes late.",
    numbers: "None.",
    fix: "Name the failures that pass: timeouts, refused connections, 429, 502, 503, 504.",
    ignore: "Where everything else is caught before.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs111, Severity::Low, hits);
}
