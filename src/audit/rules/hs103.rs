//! HS103: attempts multiply

use crate::audit::rule::Rule;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::remarks;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;

pub const DOC: Doc = Doc {
    title: "attempts multiply",
    severity: "high",
    what: "A retry within a retry: nested loops, a library in a loop, or tiers along a path of calls that each try again.",
    why: "When the last tier fails, every tier above makes all of its attempts for each attempt of the one above it.",
    numbers: "The product: 3 × 3 × 3 is 27 attempts for one call.",
    fix: "Retry at one tier only, the one nearest to the caller that can do without an answer, or give the inner tiers a budget.",
    ignore: "Where the outer tier does not retry what the inner one has given up on.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs103, Severity::High, hits);
    for path in system.paths() {
        let counts: Vec<u32> = path.iter().map(|step| step.attempts).collect();
        let product: u64 = counts.iter().map(|n| u64::from(*n)).product();
        if counts.len() < 2 || product < 9 {
            continue;
        }
        let names: Vec<&str> = path.iter().map(|step| step.from.as_str()).collect();
        let last = path.last().map_or("", |step| step.to.as_str());
        let all: Vec<String> = counts.iter().map(u32::to_string).collect();
        let message = format!(
            "{product} attempts in the worst case along {} > {last} ({})",
            names.join(" > "),
            all.join(" × ")
        );
        if let Some(site) = path.first().map(|step| &system.sites[step.site]) {
            hits.push(Hit::at(site, Severity::High, message).number("attempts", product as f64));
        }
    }
}
