//! HS302: compares and writes in two steps

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::{Decision, Guard};

pub const DOC: Doc = Doc {
    title: "compares and writes in two steps",
    severity: "high",
    what: "The token is compared, and the write follows in a step of its own.",
    why: "Between the two a newer holder can compare and write. The older write, already let through, then lands on top of it.",
    numbers: "None.",
    fix: "One step: a conditional write where the store has one (`WHERE token <= ?`), one lock round both where the token is kept in this process.",
    ignore: "Where one thread alone does both and nothing waits between them.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Fence(fence) = &site.decision else {
            continue;
        };
        if fence.guard == Guard::CheckThenWrite {
            let message = format!(
                "`{}` is compared and the write follows in a second step: a newer holder can come between",
                fence.token
            );
            hits.push(Hit::at(site, Severity::High, message));
        }
    }
}
