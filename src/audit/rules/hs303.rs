//! HS303: a lease guards a write that carries no token

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::secs;
use crate::audit::rules::system::System;
use crate::audit::site::{Decision, line};

pub const DOC: Doc = Doc {
    title: "a lease guards a write that carries no token",
    severity: "medium",
    what: "A lock that runs out, and under it a write that says nothing of who holds it.",
    why: "The holder may pause for longer than the lock lasts, in a collection of garbage, on a slow disk, in a call without an answer. The next holder writes, and then the first one does.",
    numbers: "How long the lock lasts.",
    fix: "A number that grows with each holder, sent with the write and compared where it is stored.",
    ignore: "Where writing twice does no harm.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Lease(lease) = &site.decision else {
            continue;
        };
        let Some(place) = &lease.bare_write else {
            continue;
        };
        let lasts = match lease.ttl.value.flatten() {
            Some(ttl) => format!(
                "a holder that pauses for more than {} writes although",
                secs(ttl.as_secs())
            ),
            None => "a holder that is taken for dead writes although".to_string(),
        };
        let message = format!(
            "{lasts} another holds the lock: the write in line {} carries no token",
            line(place)
        );
        hits.push(Hit::at(site, Severity::Medium, message));
    }
}
