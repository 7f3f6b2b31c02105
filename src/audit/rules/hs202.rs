//! HS202: two writes need not meet: W ≤ N/2

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "two writes need not meet: W ≤ N/2",
    severity: "medium",
    what: "Two writes at once can each be confirmed by replicas that the other did not reach.",
    why: "Which of the two holds is decided later, by clocks or by chance, and one of two confirmed writes is gone.",
    numbers: "W against N/2.",
    fix: "W above half of N.",
    ignore: "Where there is one writer, or the values merge.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Quorum(quorum) = &site.decision else {
            continue;
        };
        let (Some(n), Some(w)) = (quorum.n.value, quorum.w.value) else {
            continue;
        };
        if 2 * w <= n {
            let message = format!("W = {w} of N = {n}: two confirmed writes need share no replica");
            hits.push(
                Hit::at(site, Severity::Medium, message)
                    .number("w", f64::from(w))
                    .number("n", f64::from(n)),
            );
        }
    }
}
