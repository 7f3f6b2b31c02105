//! HS104: the caller gives up before its callee has

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::secs;
use crate::audit::rules::system::System;
use crate::audit::site::{Decision, Field, Site};

pub const DOC: Doc = Doc {
    title: "the caller gives up before its callee has",
    severity: "high",
    what: "A timeout, or a deadline, that is shorter than what the callee allows itself for the same call.",
    why: "The callee goes on working for an answer that nobody waits for, and the caller that tries again brings it the same work once more.",
    numbers: "Both times.",
    fix: "Turn them round: the callee, with all of its attempts and waits, has to give up first.",
    ignore: "Where the callee is cancelled when its caller goes away.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for (outer, inner) in system.nested_calls() {
        let (caller, callee) = (&system.sites[outer], &system.sites[inner]);
        let (Some(waits), Some(takes)) = (patience(caller), longest(callee)) else {
            continue;
        };
        if waits < takes {
            let message = format!(
                "it gives up after {}, {} ({}:{}) takes up to {}",
                secs(waits),
                callee.name,
                callee.place.source.name,
                callee.line(),
                secs(takes)
            );
            let place = place(caller);
            let hit = Hit::at(caller, Severity::High, message).near(caller, place);
            hits.push(hit.number("waits_s", waits).number("takes_s", takes));
        }
    }
}

/// How long a caller waits for one answer, in seconds.
fn patience(site: &Site) -> Option<f64> {
    let limit = match &site.decision {
        Decision::Timeout(known) => known.value.flatten(),
        Decision::Retry(retry) => match (
            retry.is_known(Field::Timeout),
            retry.is_known(Field::Deadline),
        ) {
            (true, _) if retry.policy.timeout.is_some() => retry.policy.timeout,
            (_, true) => retry.policy.deadline,
            _ => None,
        },
        _ => None,
    };
    limit.map(|d| d.as_secs())
}

/// The longest that a callee works at one call, in seconds, where that is known and bounded.
fn longest(site: &Site) -> Option<f64> {
    match &site.decision {
        Decision::Timeout(known) => known.value.flatten().map(|d| d.as_secs()),
        Decision::Retry(retry) => {
            let known = [
                Field::Attempts,
                Field::Backoff,
                Field::Jitter,
                Field::Timeout,
            ];
            known.into_iter().all(|f| retry.is_known(f)).then_some(())?;
            retry.policy.timeout?;
            let mut policy = retry.policy.clone();
            if !retry.is_known(Field::Deadline) {
                policy.deadline = None;
            }
            let ns = policy.longest_call(None).0;
            (ns < u64::MAX / 2).then_some(ns as f64 / 1e9)
        }
        _ => None,
    }
}

fn place(site: &Site) -> Option<herdsim_core::scenario::Place> {
    site.retry()?.fact(Field::Timeout)?.place.clone()
}
