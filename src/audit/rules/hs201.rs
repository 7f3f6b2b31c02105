//! HS201: no read-your-writes: R + W ≤ N

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "no read-your-writes: R + W ≤ N",
    severity: "high",
    what: "The replicas that a read asks and those that a write waits for need not meet.",
    why: "A read right after a confirmed write may ask only replicas that have not got it yet: it answers with the old value, or with nothing.",
    numbers: "R + W against N.",
    fix: "R + W above N, such as W = 2 and R = 2 of three; it costs the latency of the slower ones.",
    ignore: "Where old values are fine, such as a cache.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Quorum(quorum) = &site.decision else {
            continue;
        };
        let (Some(n), Some(w), Some(r)) = (quorum.n.value, quorum.w.value, quorum.r.value) else {
            continue;
        };
        if r + w <= n {
            let message = format!(
                "R + W = {} ≤ N = {n}: a read after a confirmed write may not see it",
                r + w
            );
            hits.push(
                Hit::at(site, Severity::High, message)
                    .number("r_plus_w", f64::from(r + w))
                    .number("n", f64::from(n)),
            );
        }
    }
}
