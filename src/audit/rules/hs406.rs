//! HS406: a non-idempotent method is retried

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "a non-idempotent method is retried",
    severity: "medium",
    what: "A POST or PATCH is sent again, and nothing tells the second from a new one; or a batch of messages of which one failed comes again as a whole.",
    why: "An answer that is lost looks like a failure. The work was done, and is done again.",
    numbers: "None.",
    fix: "An idempotency key made once per operation, or retry only what did not reach the service. Of a batch, report which messages failed.",
    ignore: "Where the service finds repetitions by the content itself.",
};

/// What a reader has seen.
pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs406, Severity::Medium, hits);
}
