//! HS108: no timeout on an attempt

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::{Field, How};

pub const DOC: Doc = Doc {
    title: "no timeout on an attempt",
    severity: "medium",
    what: "An attempt by a client that waits for ever where nothing is said, and nothing is said.",
    why: "A service that hangs is not a failure that anything notices: the caller waits, holds its connection and its thread, and never gets to its retries.",
    numbers: "None.",
    fix: "A timeout a little above the slowest answer that is still wanted.",
    ignore: "Where the operating system or a proxy between them gives up soon enough.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry().filter(|retry| {
            // What a mesh does unasked stands beside timeouts of its own.
            let unasked = site.reader == "istio" && site.named.is_some();
            retry.retries_at_all() && !unasked
        }) else {
            continue;
        };
        let Some(fact) = retry
            .fact(Field::Timeout)
            .filter(|fact| fact.how != How::Unresolved)
        else {
            continue;
        };
        // A deadline over all of it ends a hanging attempt, too.
        let bounded = retry.is_known(Field::Deadline)
            && retry.policy.deadline.is_some()
            && fact.place.is_none();
        if retry.policy.timeout.is_none() && !bounded {
            let why = fact
                .why
                .clone()
                .unwrap_or_else(|| "it is set to none".to_string());
            let message = format!("no timeout on an attempt: {why}");
            hits.push(Hit::at(site, Severity::Medium, message).near(site, fact.place.clone()));
        }
    }
}
