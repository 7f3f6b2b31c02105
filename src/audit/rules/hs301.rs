//! HS301: writes before it compares the token

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::{Decision, Guard};

pub const DOC: Doc = Doc {
    title: "writes before it compares the token",
    severity: "high",
    what: "A function takes a fencing token and changes the resource before the token is compared, or compares it and rejects nothing.",
    why: "A holder of the lock that was paused wakes up after its successor has written. Its write carries an old token and is applied all the same.",
    numbers: "None.",
    fix: "Compare first and reject what is below the highest token seen, in one step with the write.",
    ignore: "Where what is called compares the token itself.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Fence(fence) = &site.decision else {
            continue;
        };
        let message = match fence.guard {
            Guard::RememberAfter => format!(
                "it writes before `{}` is compared: a stale holder's write is applied",
                fence.token
            ),
            Guard::None => format!(
                "it takes `{}` and never compares it: a stale holder's write is applied",
                fence.token
            ),
            _ => continue,
        };
        hits.push(Hit::at(site, Severity::High, message));
    }
}
