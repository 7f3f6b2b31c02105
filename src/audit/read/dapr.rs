//! Dapr: resiliency policies and who uses them.
//!
//! Read for 1.10 to 1.16. Sources: dapr/dapr `pkg/apis/resiliency/v1alpha1/types.go`,
//! `pkg/resiliency/resiliency.go`; dapr/kit `retry/retry.go`.

use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Jitter, UNLIMITED};
use herdsim_core::units::{Nanos, Probability};

use super::code::shape::exponential;
use super::tree::At;
use super::units::or_bare;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Known, Reading, Retry, Site, whole};

/// A bare number counts ms.
const BARE: f64 = 1e-3;

pub fn read(at: At, reading: &mut Reading) {
    let Some(policies) = at.path(&["spec", "policies"]) else {
        return;
    };
    let users = users(at);
    let limits = policies.get("timeouts");
    for policy in policies.get("retries").into_iter().flat_map(At::entries) {
        reading.sites.push(site(policy, limits, &users));
    }
}

/// What uses policies: its name, its retry, its timeout.
struct User<'a> {
    name: &'a str,
    retry: &'a str,
    timeout: Option<&'a str>,
}

fn users(at: At) -> Vec<User> {
    let mut all = Vec::new();
    for kind in at
        .path(&["spec", "targets"])
        .into_iter()
        .flat_map(At::entries)
    {
        for target in kind.entries() {
            let directions = ["inbound", "outbound"]
                .into_iter()
                .filter_map(|d| target.get(d));
            for used in directions.chain([target]) {
                if let Some(retry) = used.get("retry").and_then(|r| r.text()) {
                    all.push(User {
                        name: target.name(),
                        retry,
                        timeout: used.get("timeout").and_then(|t| t.text()),
                    });
                }
            }
        }
    }
    all
}

fn site(at: At, limits: Option<At>, users: &[User]) -> Site {
    let mut retry = Retry::default();
    let name = at.name();
    let own: Vec<&User> = users.iter().filter(|u| u.retry == name).collect();
    let decision = Decision::Retry(Box::default());
    let mut site = Site::new("dapr", at.whole(), name, decision);
    retry.attempts(match at.get("maxRetries") {
        // Built-in ones make no fewer than three.
        Some(count) if name.starts_with("DaprBuiltIn") => {
            count.number().map(|n| whole(n.max(3.0)).saturating_add(1))
        }
        Some(count) => count.number().map(|n| match n < 0.0 {
            true => UNLIMITED,
            false => whole(n).saturating_add(1),
        }),
        None => Known::default(UNLIMITED, "Dapr's default"),
    });
    let time = |at: At| at.known("duration", |text| or_bare(text, BARE));
    let why = "Dapr's own";
    let growing = at
        .get("policy")
        .and_then(|p| p.text())
        .is_some_and(|p| p.eq_ignore_ascii_case("exponential"));
    retry.budget(Known::default(None, "Dapr has none"));
    match growing {
        true => {
            let cap = match at.get("maxInterval") {
                Some(cap) => time(cap),
                None => Known::default(Nanos::from_secs(60), "Dapr's default"),
            };
            retry.backoff(
                cap.map(|cap| exponential(0.5, 1.5, Some(cap.as_secs()), Exponent::FromZero)),
            );
            retry.jitter(Known::default(Jitter::Proportional(Probability(0.5)), why));
            retry.cap_after(CapAfter::No);
            retry.deadline(Known::default(Some(Nanos::from_secs(900)), why));
            if let Some(dead) = at.get("duration") {
                let text =
                    "`duration` is the constant policy's: an exponential one begins with 500 ms";
                site.remark(Rule::Hs109, dead.whole(), text);
            }
        }
        false => {
            let wait = match at.get("duration") {
                Some(wait) => time(wait),
                None => Known::default(Nanos::from_secs(5), "Dapr's default"),
            };
            retry.backoff(wait.map(Backoff::Fixed));
            retry.jitter(Known::default(Jitter::None, "a constant policy adds none"));
            retry.deadline(Known::default(None, "a constant policy has none"));
            if let Some(dead) = at.get("maxInterval") {
                let text = "`maxInterval` is the exponential policy's: a constant one has none";
                site.remark(Rule::Hs109, dead.whole(), text);
            }
        }
    }
    // What is called by a default's name needs no target.
    let by_name = name.starts_with("Default") || name.starts_with("DaprBuiltIn");
    if own.is_empty() && !by_name {
        site.remark(Rule::Hs109, at.key_place(), "no target uses it");
    }
    let used: Vec<Option<&str>> = own.iter().map(|u| u.timeout).collect();
    if let Some(first) = used.first()
        && used.iter().all(|t| t == first)
    {
        let limit = first.and_then(|name| limits?.get(name));
        retry.timeout(match limit {
            Some(limit) => time(limit).map(Some),
            None => Known::default(None, "its target names no timeout"),
        });
    }
    site.target = own.first().map(|u| u.name.to_string());
    site.decision = Decision::Retry(Box::new(retry));
    site
}
