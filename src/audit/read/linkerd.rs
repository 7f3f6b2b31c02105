//! Linkerd: annotations of Services and routes, ServiceProfiles.
//!
//! Read for 2.1 to 2.19. Sources: linkerd2 policy-controller/grpc/src/outbound/http.rs,
//! controller/api/destination/profile_translator.go; linkerd2-proxy http/retry.

use herdsim_core::scenario::policy::{
    Backoff, Budget, CapAfter, Deposit, Expiry, Exponent, Failure, Jitter, Ratio, RetryOn,
    UNLIMITED,
};
use herdsim_core::units::{Factor, Nanos};

use super::tree::At;
use super::units::with_unit;
use crate::audit::read::code::shape::exponential;
use crate::audit::site::{Decision, Known, Reading, Retry, Site};

const RETRY: &str = "retry.linkerd.io/";
const TIMEOUT: &str = "timeout.linkerd.io/";

/// Retries and timeouts by annotations.
pub fn annotations(at: At, kind: &str, name: &str, reading: &mut Reading) {
    if !matches!(
        kind,
        "Service" | "HTTPRoute" | "GRPCRoute" | "EgressNetwork"
    ) {
        return;
    }
    let Some(all) = at.path(&["metadata", "annotations"]) else {
        return;
    };
    let retries: Vec<At> = all
        .entries()
        .filter(|e| e.name().starts_with(RETRY))
        .collect();
    let request = all
        .get("timeout.linkerd.io/request")
        .or_else(|| all.get("timeout.linkerd.io/response"));
    let get = |name: &str| all.get(&format!("{RETRY}{name}"));
    let conditions = get("http").or_else(|| get("grpc"));
    let target = match kind {
        "Service" => Some(name.to_string()),
        _ => at
            .path(&["spec", "parentRefs"])
            .and_then(|p| Some(p.items().next()?.get("name")?.text()?.to_string())),
    };
    let (Some(first), Some(conditions)) = (retries.first(), conditions) else {
        let own = all
            .entries()
            .find(|e| e.name().starts_with(TIMEOUT) && e.name().ends_with("/request"));
        if let Some(limit) = own {
            let known = limit.known("duration", with_unit).map(Some);
            let mut site = Site::new("linkerd", limit.whole(), name, Decision::Timeout(known));
            site.target = target;
            reading.sites.push(site);
        }
        return;
    };
    let mut retry = Retry::default();
    // A limit of 0 is taken for none.
    let limit = get("limit")
        .map(|l| l.number())
        .filter(|k| k.value != Some(0.0));
    let named = limit.is_none() && get("timeout").is_none();
    retry.retries(limit.unwrap_or_else(|| Known::default(1.0, "Linkerd's default")));
    let waits = exponential(0.025, 2.0, Some(0.25), Exponent::FromZero);
    retry.backoff(Known::default(waits, "Linkerd's own"));
    retry
        .jitter(Known::default(
            Jitter::Scale(Factor(1.0), Factor(2.0)),
            "Linkerd's own",
        ))
        .cap_after(CapAfter::Both);
    retry.timeout(match get("timeout") {
        Some(limit) => limit.known("duration", with_unit).map(Some),
        None => Known::default(None, "Linkerd's default"),
    });
    retry.deadline(match request {
        Some(limit) => limit.known("duration", with_unit).map(Some),
        None => Known::default(None, "Linkerd's default"),
    });
    retry.budget(Known::default(None, "annotations have none"));
    let on = RetryOn::NOTHING
        .with(Failure::Error)
        .with(Failure::Rejected);
    retry.retry_on(Known::read(on, conditions.place()));
    let end = retries
        .iter()
        .map(|e| e.node.span.end)
        .max()
        .unwrap_or(first.node.span.end);
    let start = first.key_place().span.start;
    let mut site = Site::new(
        "linkerd",
        first.span(start..end.max(start)),
        name,
        Decision::Retry(Box::new(retry)),
    );
    if named {
        site.named = Some((
            "linkerd-policy",
            "neither a limit nor a timeout is set".to_string(),
        ));
    }
    site.target = target;
    reading.sites.push(site);
}

/// A ServiceProfile: retryable routes are retried at once, without a count, within a budget.
pub fn profile(at: At, name: &str, reading: &mut Reading) {
    let budget = at.path(&["spec", "retryBudget"]);
    let number = |name: &str, default: f64| {
        budget
            .and_then(|b| b.get(name)?.number().value)
            .unwrap_or(default)
    };
    let ttl = budget
        .and_then(|b| with_unit(b.get("ttl")?.text()?))
        .unwrap_or(Nanos::from_secs(10));
    let ratio = Budget::Ratio(Ratio {
        ratio: Factor(number("retryRatio", 0.2)),
        window: ttl,
        min_per_s: Factor(number("minRetriesPerSecond", 10.0)),
        deposit: Deposit::Settled,
        expiry: Expiry::Tower,
    });
    reading
        .profiles
        .push(name.split('.').next().unwrap_or(name).to_string());
    let Some(routes) = at.path(&["spec", "routes"]) else {
        return;
    };
    for route in routes.items() {
        let called = route.get("name").and_then(|n| n.text()).unwrap_or(name);
        let limit = route.get("timeout");
        let Some(on) = route.get("isRetryable").filter(|r| r.bool() == Some(true)) else {
            if let Some(limit) = limit {
                let known = limit.known("duration", with_unit).map(Some);
                let mut site =
                    Site::new("linkerd", limit.whole(), called, Decision::Timeout(known));
                site.target = Some(name.to_string());
                reading.sites.push(site);
            }
            continue;
        };
        let mut retry = Retry::default();
        retry.attempts(Known::default(UNLIMITED, "the budget alone bounds them"));
        retry.backoff(Known::default(Backoff::None, "Linkerd's own"));
        retry.jitter(Known::default(Jitter::None, "Linkerd's own"));
        retry.timeout(Known::default(None, "a ServiceProfile has none"));
        retry.deadline(match limit {
            Some(limit) => limit.known("duration", with_unit).map(Some),
            None => Known::default(Some(Nanos::from_secs(10)), "a ServiceProfile's default"),
        });
        retry.budget(match budget {
            Some(budget) => Known::read(Some(ratio.clone()), budget.whole()),
            None => Known::default(
                Some(ratio.clone()),
                "Linkerd's default: 20%, 10 a second, 10 s",
            ),
        });
        let failures = RetryOn::NOTHING
            .with(Failure::Error)
            .with(Failure::Rejected);
        retry.retry_on(Known::default(failures, "responses that count as failures"));
        let mut site = Site::new(
            "linkerd",
            on.whole(),
            called,
            Decision::Retry(Box::new(retry)),
        );
        site.target = Some(name.to_string());
        reading.sites.push(site);
    }
}
