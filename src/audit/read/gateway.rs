//! The Gateway API's HTTPRoutes, and what limits their retries.
//!
//! Read for 1.1 to 1.4 (experimental channel). Source: kubernetes-sigs/gateway-api
//! apis/v1/httproute_types.go, GEP-1731, GEP-3388; envoyproxy/gateway api/v1alpha1 for its own
//! BackendTrafficPolicy, v1.1 to v1.5.

use herdsim_core::scenario::policy::{Budget, Deposit, Expiry, Exponent, Jitter, Ratio};
use herdsim_core::scenario::service::Limit;
use herdsim_core::units::{Factor, Nanos, Rate};

use super::istio::{MS, concurrent};
use super::tree::At;
use super::units::with_unit;
use crate::audit::read::code::shape::exponential;
use crate::audit::site::{Backend, Decision, Known, Reading, Retry, Site};

pub fn route(at: At, name: &str, reading: &mut Reading) {
    let Some(rules) = at.path(&["spec", "rules"]) else {
        return;
    };
    // A Gateway, or the Service that a route of the mesh stands before.
    let parents: Vec<&str> = at
        .path(&["spec", "parentRefs"])
        .into_iter()
        .flat_map(At::items)
        .filter(|parent| {
            parent
                .get("kind")
                .is_none_or(|k| k.text() != Some("Service"))
        })
        .filter_map(|parent| parent.get("name")?.text())
        .collect();
    for rule in rules.items() {
        for backend in rule.get("backendRefs").into_iter().flat_map(At::items) {
            if let Some(name) = backend.get("name") {
                name.called_by(&parents, "gateway route", reading);
            }
        }
        let timeouts = rule.get("timeouts");
        let limit = |name: &str| {
            timeouts.and_then(|t| t.get(name)).map(|t| {
                t.known("duration", with_unit)
                    .map(|d| Some(d).filter(|d| *d != Nanos::ZERO))
            })
        };
        let backend = rule
            .get("backendRefs")
            .and_then(|b| b.items().next()?.get("name")?.text());
        let Some(written) = rule.get("retry") else {
            let request =
                timeouts.and_then(|t| t.get("request").or_else(|| t.get("backendRequest")));
            if let Some(request) = request {
                let known = request.known("duration", with_unit).map(Some);
                let mut site = Site::new(
                    "gateway-api",
                    request.whole(),
                    backend.unwrap_or(name),
                    Decision::Timeout(known),
                );
                site.target = backend.map(str::to_string);
                reading.sites.push(site);
            }
            continue;
        };
        let mut retry = Retry::default();
        let mut site = Site::new(
            "gateway-api",
            written.whole(),
            backend.unwrap_or(name),
            Decision::Retry(Box::default()),
        );
        let own = "the implementation's own";
        match written.get("attempts") {
            Some(attempts) => retry.retries(attempts.number()),
            None => retry.attempts(Known::unresolved(Some(written.whole()), own)),
        };
        // The least wait; the rest is the implementation's.
        let least = written
            .get("backoff")
            .map(|b| b.known("duration", with_unit));
        if let Some(least) = least.and_then(|k| k.value) {
            retry.at_least(least);
        }
        retry.backoff(Known::unresolved(Some(written.whole()), own));
        retry.jitter(Known::unresolved(Some(written.whole()), own));
        retry.timeout(
            limit("backendRequest")
                .unwrap_or_else(|| Known::unresolved(Some(written.whole()), own)),
        );
        retry.deadline(
            limit("request").unwrap_or_else(|| Known::unresolved(Some(written.whole()), own)),
        );
        retry.budget(Known::default(None, "no retryConstraint is set"));
        if let Some(codes) = written.get("codes") {
            for code in codes.items() {
                if let Some(n) = code.number().value {
                    site.cannot_succeed(n as u32, code.place());
                }
            }
        }
        site.target = backend.map(str::to_string);
        site.decision = Decision::Retry(Box::new(retry));
        reading.sites.push(site);
    }
}

/// GEP-3388: a budget for the retries to some Services.
pub fn constraint(at: At, reading: &mut Reading) {
    let Some(written) = at.path(&["spec", "retryConstraint"]) else {
        return;
    };
    let number = |path: &[&str], default: f64| {
        written
            .path(path)
            .and_then(|a| a.number().value)
            .unwrap_or(default)
    };
    let interval = written
        .path(&["budget", "interval"])
        .and_then(|i| with_unit(i.text()?))
        .unwrap_or(Nanos::from_secs(10));
    let window = written
        .path(&["minRetryRate", "interval"])
        .and_then(|i| with_unit(i.text()?))
        .unwrap_or(Nanos::from_secs(1));
    let ratio = Ratio {
        ratio: Factor(number(&["budget", "percent"], 20.0) / 100.0),
        window: interval,
        min_per_s: Factor(number(&["minRetryRate", "count"], 10.0) / window.as_secs().max(1e-9)),
        deposit: Deposit::Start,
        expiry: Expiry::Tower,
    };
    let Some(targets) = at.path(&["spec", "targetRefs"]) else {
        return;
    };
    for target in targets.items() {
        if let Some(name) = target.get("name").and_then(|n| n.text()) {
            let known = Known::read(Some(Budget::Ratio(ratio.clone())), written.whole());
            reading.limits.push((name.to_string(), known));
        }
    }
}

/// So many requests per unit of time, all of which may come at once.
///
/// envoyproxy/gateway api/v1alpha1 ratelimit_types.go: a bucket that is filled each unit.
fn local_limit(at: At) -> Option<Known<Limit>> {
    let per = at.get("unit")?.known("unit of time", |text| match text {
        "Second" => Some(1.0),
        "Minute" => Some(60.0),
        "Hour" => Some(3600.0),
        _ => None,
    });
    let requests = at.get("requests")?.count();
    let mut known = requests.and(per).convert(
        |(requests, per)| {
            (requests > 0).then(|| Limit {
                rate: Rate(f64::from(requests) / per),
                burst: requests,
            })
        },
        "it lets nothing in",
    );
    known.fact.place.get_or_insert_with(|| at.whole());
    Some(known)
}

/// Envoy Gateway's own policy: numRetries, and Envoy's waits.
pub fn envoy_gateway(at: At, name: &str, reading: &mut Reading) {
    let refs = at.path(&["spec", "targetRefs"]);
    let of = refs.and_then(|t| t.items().next()?.get("name")?.text());
    let rules = at.path(&["spec", "rateLimit", "local", "rules"]);
    // A rule for everybody is one of the service.
    let all = rules.and_then(|rules| rules.items().find(|r| r.get("clientSelectors").is_none()));
    if let (Some(of), Some(limit)) = (of, all.and_then(|rule| rule.get("limit"))) {
        reading.backends.push(Backend {
            limit: local_limit(limit),
            ..Backend::new(of)
        });
    }
    let Some(written) = at.path(&["spec", "retry"]) else {
        return;
    };
    let mut retry = Retry::default();
    retry.retries(match written.get("numRetries") {
        Some(n) => n.number(),
        None => Known::default(2.0, "Envoy Gateway's default"),
    });
    let time = |path: &[&str]| written.path(path).map(|d| d.known("duration", with_unit));
    let base = time(&["perRetry", "backOff", "baseInterval"])
        .unwrap_or_else(|| Known::default(Nanos::from_millis(25), "Envoy's default"));
    let cap = time(&["perRetry", "backOff", "maxInterval"])
        .unwrap_or_else(|| base.clone().map(|b| Nanos(b.0.saturating_mul(10))));
    retry.backoff(base.and(cap).map(|(base, cap)| {
        exponential(base.as_secs(), 2.0, Some(cap.as_secs()), Exponent::FromZero)
    }));
    retry
        .jitter(Known::default(Jitter::Full, "Envoy draws from all of it"))
        .quantum(MS);
    let whole = at.path(&["spec", "timeout", "http", "requestTimeout"]);
    retry.deadline(match whole {
        Some(limit) => limit
            .known("duration", with_unit)
            .map(|d| Some(d).filter(|d| *d != Nanos::ZERO)),
        None => Known::default(None, "Envoy Gateway's default"),
    });
    retry.timeout(match time(&["perRetry", "timeout"]) {
        Some(limit) => limit.map(Some),
        None => Known::default(None, "Envoy Gateway's default"),
    });
    let limit = at.path(&["spec", "circuitBreaker", "maxParallelRetries"]);
    retry.budget(match limit {
        Some(most) => most.count().map(|most| Some(concurrent(most, 0.0))),
        None => Known::default(
            Some(concurrent(1024, 0.0)),
            "Envoy Gateway's default of 1024 parallel retries",
        ),
    });
    let target = at
        .path(&["spec", "targetRefs"])
        .and_then(|t| t.items().next()?.get("name")?.text());
    let target = target.or_else(|| {
        at.path(&["spec", "targetRef", "name"])
            .and_then(|n| n.text())
    });
    let mut site = Site::new(
        "envoy-gateway",
        written.whole(),
        target.unwrap_or(name),
        Decision::Retry(Box::new(retry)),
    );
    site.target = target.map(str::to_string);
    reading.sites.push(site);
}
