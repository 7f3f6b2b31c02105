//! HS402: a key per attempt

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::{Decision, Key};

pub const DOC: Doc = Doc {
    title: "a key per attempt",
    severity: "high where money moves, else medium",
    what: "The key is made anew within what is repeated.",
    why: "Every attempt looks like an operation of its own: the key is as good as none.",
    numbers: "None.",
    fix: "Make the key outside the retry, or derive it from the operation.",
    ignore: "Never.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Effect(effect) = &site.decision else {
            continue;
        };
        if effect.key != Key::PerAttempt {
            continue;
        }
        let severity = if effect.money {
            Severity::High
        } else {
            Severity::Medium
        };
        let by = effect.retried_by.as_deref().unwrap_or("a retry");
        let message = format!("the key is made anew in each attempt of {by}: as good as none");
        let place = effect.key_place.clone();
        hits.push(Hit::at(site, severity, message).near(site, place));
    }
}
