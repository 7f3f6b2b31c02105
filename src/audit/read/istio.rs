//! Istio: retries and timeouts of VirtualServices, limits of DestinationRules.
//!
//! Read for 1.5 to 1.31. Sources: istio/istio pilot/pkg/networking/core/route/retry/retry.go
//! (`ConvertPolicy`), route.go, cluster_traffic_policy.go; istio/api.

use herdsim_core::scenario::hosts::Balance;
use herdsim_core::scenario::policy::{
    Budget, Concurrent, Eject, Exponent, Failure, Jitter, Quantum, RetryOn, Rounding,
};
use herdsim_core::units::{Nanos, Probability};

use super::tree::At;
use super::units::with_unit;
use crate::audit::read::code::shape::exponential;
use crate::audit::rule::Rule;
use crate::audit::site::{Backend, Decision, Known, Reading, Retry, Site};

/// Envoy's whole milliseconds.
pub const MS: Quantum = Quantum {
    unit: Nanos::from_millis(1),
    rounding: Rounding::Floor,
};

pub fn virtual_service(at: At, name: &str, reading: &mut Reading) {
    let Some(routes) = at.path(&["spec", "http"]) else {
        return;
    };
    // `mesh` is whoever calls the host from within; a gateway is one caller.
    let gateways: Vec<&str> = at
        .path(&["spec", "gateways"])
        .into_iter()
        .flat_map(At::items)
        .filter_map(|g| g.text()?.split('/').next_back())
        .filter(|name| *name != "mesh")
        .collect();
    for route in routes.items() {
        // What forwards nothing is not retried.
        let Some(destinations) = route.get("route") else {
            continue;
        };
        // What a route with a fault does unasked says nothing of the others.
        if route.get("fault").is_some() && route.get("retries").is_none() {
            continue;
        }
        let hosts = || {
            let all = destinations.items();
            all.filter_map(|d| d.path(&["destination", "host"]))
        };
        for host in hosts() {
            host.called_by(&gateways, "istio gateway", reading);
        }
        let host = hosts().find_map(|h| h.text());
        let mut retry = Retry::default();
        let (place, written) = match route.get("retries") {
            Some(retries) => (retries.whole(), Some(retries)),
            None => {
                let first = route.entries().next().map_or(route.place(), |e| e.whole());
                (first, None)
            }
        };
        let mut site = Site::new(
            "istio",
            place.clone(),
            host.unwrap_or(name),
            Decision::Retry(Box::default()),
        );
        policy(written, &mut retry, &mut site);
        retry.deadline(match route.get("timeout") {
            Some(timeout) => timeout
                .known("duration", with_unit)
                .map(|d| Some(d).filter(|d| *d != Nanos::ZERO)),
            None => Known::default(None, "Istio sets no timeout"),
        });
        site.target = host.map(str::to_string);
        site.decision = Decision::Retry(Box::new(retry));
        reading.sites.push(site);
    }
}

fn policy(written: Option<At>, retry: &mut Retry, site: &mut Site) {
    let why = "Istio's default";
    retry
        .jitter(Known::default(Jitter::Full, "Envoy draws from all of it"))
        .quantum(MS);
    retry.budget(Known::default(None, "Istio sets max_retries to 2^32-1"));
    let waits = |base: Known<Nanos>| {
        base.map(|base| {
            exponential(
                base.as_secs(),
                2.0,
                Some(10.0 * base.as_secs()),
                Exponent::FromZero,
            )
        })
    };
    retry.backoff(waits(Known::default(
        Nanos::from_millis(25),
        "Envoy's default",
    )));
    let usual = RetryOn::NOTHING.with(Failure::Refused);
    retry.retry_on(Known::default(usual, "Istio's default conditions"));
    let Some(at) = written else {
        retry.attempts(Known::default(
            3,
            "Istio's default, because `retries` is absent",
        ));
        retry.timeout(Known::default(None, why));
        site.named = Some(("istio", "`retries` is absent".to_string()));
        return;
    };
    match at.get("attempts") {
        Some(attempts) => {
            retry.retries(attempts.number());
        }
        None => {
            retry.attempts(Known::default(
                1,
                "`retries` without `attempts` turns them off",
            ));
            for entry in at.entries() {
                let text = format!(
                    "`{}` without `attempts`: retries are off, and it does nothing",
                    entry.name()
                );
                site.remark(Rule::Hs109, entry.whole(), text);
            }
            // Once is enough.
            site.remarks.truncate(1);
        }
    }
    retry.timeout(match at.get("perTryTimeout") {
        Some(limit) => limit
            .known("duration", with_unit)
            .map(|d| Some(d).filter(|d| *d != Nanos::ZERO)),
        None => Known::default(None, why),
    });
    if let Some(base) = at.get("backoff") {
        retry.backoff(waits(base.known("duration", with_unit)));
    }
    if let Some(on) = at.get("retryOn") {
        retry.retry_on(conditions(on));
    }
}

/// Envoy's retry_on in the terms of a scenario.
pub fn conditions(at: At) -> Known<RetryOn> {
    at.known("list of conditions", |text| {
        let mut on = RetryOn::NOTHING;
        for condition in text.split(',').map(str::trim) {
            on = match condition {
                "5xx" | "server-error" | "gateway-error" => on
                    .with(Failure::Error)
                    .with(Failure::Rejected)
                    .with(Failure::Refused)
                    .with(Failure::Reset)
                    .with(Failure::Timeout),
                "reset" | "reset-before-request" => on.with(Failure::Reset).with(Failure::Timeout),
                "connect-failure" | "refused-stream" => on.with(Failure::Refused),
                "unavailable" | "retriable-status-codes" => {
                    on.with(Failure::Error).with(Failure::Rejected)
                }
                "resource-exhausted" | "envoy-ratelimited" => on.with(Failure::Rejected),
                "internal" | "cancelled" | "deadline-exceeded" | "retriable-4xx" => {
                    on.with(Failure::Error)
                }
                code if code.parse::<u16>().is_ok_and(|c| c >= 500) => {
                    on.with(Failure::Error).with(Failure::Rejected)
                }
                _ => on,
            };
        }
        Some(on)
    })
}

/// Limits of retries that a host's rule sets: they belong to the routes that go there.
pub fn destination_rule(at: At, reading: &mut Reading) {
    let Some(host) = at.path(&["spec", "host"]).and_then(|h| h.text()) else {
        return;
    };
    let policy = at.path(&["spec", "trafficPolicy"]);
    if let Some(policy) = policy {
        let backend = backend(host, policy);
        if !backend.is_empty() {
            reading.backends.push(backend);
        }
    }
    let budget = policy.and_then(|p| p.get("retryBudget"));
    let most = policy.and_then(|p| p.path(&["connectionPool", "http", "maxRetries"]));
    let known = if let Some(budget) = budget {
        let percent = budget
            .get("percent")
            .map_or_else(|| Known::default(20.0, "Istio's default"), |p| p.number());
        let least = budget
            .get("minRetryConcurrency")
            .map_or_else(|| Known::default(3, "Istio's default"), |m| m.count());
        let mut known = percent
            .and(least)
            .map(|(percent, least)| Some(concurrent(least, percent)));
        known.fact.place.get_or_insert_with(|| budget.whole());
        known.fact.how = crate::audit::site::How::Read;
        known
    } else if let Some(most) = most {
        most.count().map(|most| Some(concurrent(most, 0.0)))
    } else {
        return;
    };
    reading.limits.push((host.to_string(), known));
}

/// How a host's sidecars balance, and when they leave an endpoint out.
///
/// istio/api, networking/v1 destination_rule.proto; Envoy's defaults where nothing is written.
fn backend(host: &str, policy: At) -> Backend {
    let simple = policy.path(&["loadBalancer", "simple"]);
    let outlier = policy.get("outlierDetection");
    let balance = simple.map(|at| {
        at.known("load balancer", |text| match text {
            "ROUND_ROBIN" => Some(Balance::RoundRobin),
            "RANDOM" => Some(Balance::Random),
            "LEAST_REQUEST" | "LEAST_CONN" | "UNSPECIFIED" => Some(Balance::Least(2)),
            _ => None,
        })
    });
    let usual = || Known::default(Balance::Least(2), "Istio's default");
    let eject = outlier.map(|at| ejection(at, "consecutive5xxErrors"));
    Backend {
        balance: balance.or_else(|| eject.is_some().then(usual)),
        eject,
        ..Backend::new(host)
    }
}

/// Outlier detection by consecutive failures, with Envoy's defaults for what is not written.
pub fn ejection(at: At, failures: &str) -> Known<Eject> {
    let time = |name: &str, default: u64| {
        let usual = Known::default(Nanos::from_secs(default), "Envoy's default");
        at.find(name)
            .map_or(usual, |d| d.known("duration", with_unit))
    };
    let count = at.find(failures).or_else(|| at.find("consecutiveErrors"));
    let usual = Known::default(5, "Envoy's default");
    let count = count.map_or(usual, |n| n.count());
    let most = at.find("maxEjectionPercent");
    let most = most.map_or(Known::default(10.0, "Envoy's default"), |n| n.number());
    let times = time("interval", 10).and(time("baseEjectionTime", 30));
    let mut known = count.and(most).and(times).convert(
        |((failures, percent), (interval, lasts))| {
            let whole = failures > 0 && percent > 0.0 && percent <= 100.0;
            let some = interval > Nanos::ZERO && lasts > Nanos::ZERO;
            (whole && some).then(|| Eject {
                failures,
                lasts,
                at_most: Probability(percent / 100.0),
                interval,
                longest: Nanos::from_secs(300).max(lasts),
            })
        },
        "it leaves nothing out",
    );
    known.fact.place.get_or_insert_with(|| at.whole());
    if known.value.is_some() {
        known.fact.how = crate::audit::site::How::Read;
    }
    known
}

/// At most a share of the active requests, and at least so many.
pub fn concurrent(least: u32, percent: f64) -> Budget {
    Budget::Concurrent(Concurrent {
        min_concurrency: least,
        percent: Probability((percent / 100.0).clamp(0.0, 1.0)),
    })
}
