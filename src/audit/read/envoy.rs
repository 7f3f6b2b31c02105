//! Envoy: retry policies of routes and virtual hosts, limits of clusters.
//!
//! Read for v1.29 to v1.35, static files and dumps of /config_dump, snake_case or camelCase.
//! Sources: envoyproxy/data-plane-api route_components.proto, circuit_breaker.proto; Envoy
//! source/common/router/{config_impl.h,retry_state_impl.cc}.

use herdsim_core::scenario::hosts::Balance;
use herdsim_core::scenario::policy::{Budget, Exponent, Jitter};
use herdsim_core::units::Nanos;

use super::format::Document;
use super::istio::{MS, concurrent, conditions, ejection};
use super::tree::At;
use super::units::with_unit;
use crate::audit::read::code::shape::exponential;
use crate::audit::rule::Rule;
use crate::audit::site::{Backend, Decision, Edge, Known, Reading, Retry, Site};

/// A route's timeout where none is written: router/config_impl.h DEFAULT_ROUTE_TIMEOUT_MS.
const ROUTE_TIMEOUT: Nanos = Nanos::from_secs(15);

pub fn read(document: &Document, reading: &mut Reading) {
    // An Envoy has a name where its node says one.
    let node = document.at.get("node");
    let name = node.and_then(|n| n.find("cluster").or_else(|| n.find("id")));
    let proxy = name.and_then(|n| n.text()).unwrap_or("envoy");
    let mut hosts = Vec::new();
    document
        .at
        .search(&mut |at| at.find("virtual_hosts").is_some(), &mut hosts);
    let mut clusters = Vec::new();
    document.at.search(
        &mut |at| at.find("circuit_breakers").is_some() && at.find("name").is_some(),
        &mut clusters,
    );
    let limits: Vec<(String, Known<Option<Budget>>)> =
        clusters.into_iter().filter_map(limit).collect();
    let mut clusters = Vec::new();
    document.at.search(
        &mut |at| {
            let stated = ["outlier_detection", "lb_policy"];
            at.find("name").is_some() && stated.iter().any(|key| at.find(key).is_some())
        },
        &mut clusters,
    );
    reading
        .backends
        .extend(clusters.into_iter().filter_map(backend));
    for config in hosts {
        let Some(all) = config.find("virtual_hosts") else {
            continue;
        };
        for host in all.items() {
            virtual_host(host, proxy, &limits, reading);
        }
    }
}

/// Google's duration as JSON: `1.250s`, or an object of seconds and nanos in a dump.
fn duration(at: At) -> Known<Nanos> {
    if at.is_map() {
        let part = |name: &str| {
            at.find(name)
                .map_or(0.0, |p| p.number().value.unwrap_or(0.0))
        };
        return Known::read(
            Nanos::from_secs_f64(part("seconds") + part("nanos") / 1e9),
            at.place(),
        );
    }
    at.known("duration", with_unit)
}

/// How a cluster balances, when it leaves an endpoint out, and how many there are.
///
/// envoyproxy/data-plane-api cluster.proto, outlier_detection.proto, endpoint.proto.
fn backend(cluster: At) -> Option<Backend> {
    let name = cluster.find("name")?.text()?;
    let balance = cluster.find("lb_policy").map(|at| {
        at.known("load balancer", |text| match text {
            "ROUND_ROBIN" => Some(Balance::RoundRobin),
            "RANDOM" => Some(Balance::Random),
            "LEAST_REQUEST" => Some(Balance::Least(2)),
            "RING_HASH" | "MAGLEV" => Some(Balance::Sticky),
            _ => None,
        })
    });
    let usual = Known::default(Balance::RoundRobin, "Envoy's default");
    let endpoints = cluster.path(&["load_assignment", "endpoints"]);
    let hosts = endpoints.map(|all| {
        let each = all.items().filter_map(|e| e.find("lb_endpoints"));
        let count = each.map(|list| list.items().count() as u32).sum();
        Known::read(count, all.place())
    });
    // One name that resolves to many says nothing of how many.
    let hosts = hosts.filter(|known| known.value.is_some_and(|n| n > 1));
    Some(Backend {
        hosts,
        balance: balance.or(Some(usual)),
        eject: cluster
            .find("outlier_detection")
            .map(|at| ejection(at, "consecutive_5xx")),
        ..Backend::new(name)
    })
}

/// What a cluster lets retries be: a budget, a number at once.
fn limit(cluster: At) -> Option<(String, Known<Option<Budget>>)> {
    let name = cluster.find("name")?.text()?.to_string();
    let thresholds = cluster.path(&["circuit_breakers", "thresholds"])?;
    // Of the default priority, which is the first unless it says otherwise.
    let normal = thresholds.items().find(|t| {
        t.find("priority")
            .and_then(|p| p.text())
            .is_none_or(|p| p == "DEFAULT")
    })?;
    if let Some(budget) = normal.find("retry_budget") {
        let percent = budget
            .path(&["budget_percent", "value"])
            .map_or(20.0, |p| p.number().value.unwrap_or(20.0));
        let least = budget
            .find("min_retry_concurrency")
            .map_or(3, |m| m.count().value.unwrap_or(3));
        return Some((
            name,
            Known::read(Some(concurrent(least, percent)), budget.whole()),
        ));
    }
    let most = normal.find("max_retries")?;
    Some((name, most.count().map(|most| Some(concurrent(most, 0.0)))))
}

fn virtual_host(
    host: At,
    proxy: &str,
    limits: &[(String, Known<Option<Budget>>)],
    reading: &mut Reading,
) {
    let named = host.find("name").and_then(|n| n.text()).unwrap_or("");
    let shared = host.find("retry_policy");
    let routes: Vec<At> = host
        .find("routes")
        .map(|r| r.items().collect())
        .unwrap_or_default();
    if let Some(policy) = shared {
        // For the routes that have none of their own.
        let own = |route: &At| route.find("retry_policy").is_some();
        let mut heirs = routes
            .iter()
            .filter_map(|r| r.find("route"))
            .filter(|r| !own(r));
        let cluster = heirs.find_map(|route| route.find("cluster")?.text());
        let limit = cluster.and_then(|c| limits.iter().find(|(name, _)| name == c));
        reading.sites.push(site(
            policy,
            named,
            None,
            limit.map(|(_, known)| known.clone()),
            None,
        ));
    }
    for entry in routes {
        let Some(route) = entry.find("route") else {
            continue;
        };
        let cluster = route.find("cluster").and_then(|c| c.text());
        if let Some(cluster) = cluster
            && let Some(name) = route.find("cluster")
        {
            reading.edges.push(Edge {
                from: proxy.to_string(),
                to: cluster.to_string(),
                how: "envoy route",
                weak: true,
                place: name.place(),
            });
        }
        let policy = route.find("retry_policy");
        let timeout = route.find("timeout");
        match (policy, timeout) {
            (Some(policy), _) => {
                let limit = cluster.and_then(|c| limits.iter().find(|(name, _)| name == c));
                reading.sites.push(site(
                    policy,
                    cluster.unwrap_or(named),
                    timeout,
                    limit.map(|(_, known)| known.clone()),
                    cluster,
                ));
            }
            (None, Some(limit)) if shared.is_none() => {
                let known = duration(limit);
                if known.value != Some(Nanos::ZERO) {
                    let mut site = Site::new(
                        "envoy",
                        limit.whole(),
                        cluster.unwrap_or(named),
                        Decision::Timeout(known.map(Some)),
                    );
                    site.target = cluster.map(str::to_string);
                    reading.sites.push(site);
                }
            }
            _ => {}
        }
    }
}

fn site(
    policy: At,
    name: &str,
    timeout: Option<At>,
    limit: Option<Known<Option<Budget>>>,
    cluster: Option<&str>,
) -> Site {
    let mut retry = Retry::default();
    let mut site = Site::new(
        "envoy",
        policy.whole(),
        name,
        Decision::Retry(Box::default()),
    );
    let on = policy.find("retry_on").filter(|on| {
        on.as_scalar()
            .is_some_and(|s| s.template || !s.text.trim().is_empty())
    });
    match (on, policy.find("num_retries")) {
        (None, count) => {
            retry.attempts(Known::default(1, "without `retry_on` nothing is retried"));
            let place = count.unwrap_or(policy).whole();
            site.remark(
                Rule::Hs109,
                place,
                "without `retry_on` nothing is retried, and the policy does nothing",
            );
        }
        (Some(_), Some(count)) => {
            retry.retries(count.number());
        }
        (Some(_), None) => {
            retry.retries(Known::default(1.0, "Envoy's default"));
        }
    }
    let backoff = policy.find("retry_back_off");
    let time = |name: &str| backoff.and_then(|b| b.find(name)).map(duration);
    let base = time("base_interval")
        .unwrap_or_else(|| Known::default(Nanos::from_millis(25), "Envoy's default"));
    let cap =
        time("max_interval").unwrap_or_else(|| base.clone().map(|b| Nanos(b.0.saturating_mul(10))));
    retry.backoff(base.and(cap).map(|(base, cap)| {
        exponential(base.as_secs(), 2.0, Some(cap.as_secs()), Exponent::FromZero)
    }));
    retry
        .jitter(Known::default(Jitter::Full, "Envoy draws from all of it"))
        .quantum(MS);
    retry.timeout(match policy.find("per_try_timeout") {
        Some(limit) => duration(limit).map(|d| Some(d).filter(|d| *d != Nanos::ZERO)),
        None => Known::default(None, "Envoy's default"),
    });
    retry.deadline(match timeout {
        Some(limit) => duration(limit).map(|d| Some(d).filter(|d| *d != Nanos::ZERO)),
        None => Known::default(Some(ROUTE_TIMEOUT), "Envoy's default"),
    });
    retry.budget(limit.unwrap_or_else(|| {
        Known::default(
            Some(concurrent(3, 0.0)),
            "Envoy's default of 3 retries at once per cluster",
        )
    }));
    if let Some(on) = on {
        retry.retry_on(conditions(on));
    }
    site.target = cluster.map(str::to_string);
    site.decision = Decision::Retry(Box::new(retry));
    site
}
