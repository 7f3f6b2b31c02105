//! Spring's application files, YAML and properties: resilience4j, spring-cloud-gateway's Retry
//! filter, Kafka's producer, Hystrix and Ribbon as they were.
//!
//! Read for resilience4j 2.0 to 2.4, spring-cloud-gateway 3.1 to 5.0, Spring Boot 2.6 to 3.5.
//! Sources: resilience4j CommonRetryConfigurationProperties, IntervalFunction;
//! spring-cloud-gateway RetryGatewayFilterFactory; Netflix/ribbon DefaultClientConfigImpl.

use std::sync::Arc;

use herdsim_core::scenario::policy::{Backoff, Exponent, Jitter};
use herdsim_core::units::{Nanos, Probability};

use super::format::{Document, Format};
use super::kafka;
use super::tree::{At, Key, Kind, Node};
use super::units::or_bare;
use crate::audit::read::code::shape::exponential;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Known, Reading, Retry, Site};

/// What the documents of one file have said so far: a later one, a profile, changes keys and
/// keeps the others.
#[derive(Default)]
pub struct Spring {
    instances: Vec<(String, Arc<Node>)>,
}

impl Spring {
    pub fn read(&mut self, document: &Document, reading: &mut Reading) {
        let at = document.at;
        let name = document
            .path
            .file_name()
            .map(|n| n.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        let stem = name.split('.').next().unwrap_or("");
        let named = stem.starts_with("application") || stem.starts_with("bootstrap");
        let rooted = at.entries().any(|e| {
            let root = e.name().split('.').next().unwrap_or("").to_lowercase();
            matches!(
                root.as_str(),
                "resilience4j" | "spring" | "hystrix" | "ribbon"
            )
        });
        let ribbon = at.entries().any(|e| e.get("ribbon").is_some());
        if document.format == Format::Toml || !(named || rooted || ribbon) {
            return;
        }
        // `resilience4j.retry:` as one key of YAML is the same path.
        let tree = undotted(at.node);
        let at = At { node: &tree, ..at };
        if let Some(resilience) = at.get("resilience4j") {
            self.resilience4j(resilience, reading);
        }
        gateway_routes(at, reading);
        if let Some(producer) = at.path(&["spring", "kafka", "producer"]) {
            kafka::spring(producer, reading);
        }
        hystrix(at, reading);
        for entry in at.entries() {
            if let Some(ribbon) = entry.get("ribbon") {
                self::ribbon(ribbon, entry.name(), document.format, reading);
            }
            if entry.name() == "ribbon" {
                self::ribbon(entry, "ribbon", document.format, reading);
            }
        }
    }

    fn resilience4j(&mut self, at: At, reading: &mut Reading) {
        let limiters = at.get("timelimiter").and_then(|t| t.get("instances"));
        let retries = at.get("retry");
        let instances = retries.and_then(|r| r.get("instances").or_else(|| r.get("backends")));
        let configs = retries.and_then(|r| r.get("configs"));
        for instance in instances.into_iter().flat_map(At::entries) {
            if !instance.is_map() {
                continue;
            }
            let name = instance.name().trim_matches(['[', ']']).to_string();
            // What an earlier document says of the same instance still holds.
            let before = self
                .instances
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, node)| node.clone());
            let merged = match &before {
                Some(before) => merge(before, instance.node),
                None => instance.node.clone(),
            };
            let whole = At {
                node: &merged,
                ..instance
            };
            let limiter = limiters
                .and_then(|l| l.get(instance.name()))
                .and_then(|l| l.find("timeout-duration"));
            reading
                .sites
                .push(self::instance(instance, whole, &name, configs, limiter));
            self.instances.retain(|(known, _)| *known != name);
            self.instances.push((name, Arc::new(merged.clone())));
        }
        for limiter in limiters.into_iter().flat_map(At::entries) {
            let retried = instances.is_some_and(|i| i.get(limiter.name()).is_some());
            if let Some(limit) = limiter.find("timeout-duration").filter(|_| !retried) {
                let known = limit.known("duration", |t| or_bare(t, 1e-3)).map(Some);
                reading.sites.push(Site::new(
                    "resilience4j",
                    limit.whole(),
                    limiter.name(),
                    Decision::Timeout(known),
                ));
            }
        }
    }
}

/// The later of two maps over the earlier one, key by key.
fn merge(before: &Node, after: &Node) -> Node {
    let (Kind::Map(old), Kind::Map(new)) = (&before.kind, &after.kind) else {
        return after.clone();
    };
    let plain = |key: &str| key.replace(['-', '_'], "").to_lowercase();
    let mut entries: Vec<_> = old
        .iter()
        .filter(|(key, _)| !new.iter().any(|(k, _)| plain(&k.text) == plain(&key.text)))
        .cloned()
        .collect();
    entries.extend(new.iter().cloned());
    Node::map(after.span.clone(), entries)
}

/// A map with its dotted keys as paths.
fn undotted(node: &Node) -> Node {
    let Kind::Map(entries) = &node.kind else {
        return node.clone();
    };
    if !entries
        .iter()
        .any(|(key, _)| key.text.contains('.') && !key.text.starts_with('['))
    {
        let entries = entries
            .iter()
            .map(|(key, value)| (key.clone(), Arc::new(undotted(value))));
        return Node {
            kind: Kind::Map(entries.collect()),
            ..node.clone()
        };
    }
    let mut all: Vec<(Key, Arc<Node>)> = Vec::new();
    for (key, value) in entries {
        let value = Arc::new(undotted(value));
        let parts: Vec<&str> = key.text.split('.').collect();
        let split = parts.len() > 1
            && !key.text.starts_with('[')
            && parts[0] != "delivery"
            && parts[0] != "request";
        if !split {
            put(&mut all, key.clone(), value);
            continue;
        }
        // From the innermost out.
        let mut inner = value;
        for part in parts[1..].iter().rev() {
            let named = Key {
                text: (*part).to_string(),
                span: key.span.clone(),
            };
            let span = key.span.start..inner.span.end.max(key.span.end);
            inner = Arc::new(Node::map(span, vec![(named, inner)]));
        }
        put(
            &mut all,
            Key {
                text: parts[0].to_string(),
                span: key.span.clone(),
            },
            inner,
        );
    }
    Node {
        kind: Kind::Map(all),
        ..node.clone()
    }
}

fn put(all: &mut Vec<(Key, Arc<Node>)>, key: Key, value: Arc<Node>) {
    let known = all.iter_mut().find(|(k, _)| k.text == key.text);
    match known {
        Some((_, node)) => *node = Arc::new(deep(node, &value)),
        None => all.push((key, value)),
    }
}

/// Two maps as one, down to their leaves.
fn deep(a: &Node, b: &Node) -> Node {
    let (Kind::Map(old), Kind::Map(new)) = (&a.kind, &b.kind) else {
        return b.clone();
    };
    let mut entries = old.clone();
    for (key, value) in new {
        put(&mut entries, key.clone(), value.clone());
    }
    Node {
        kind: Kind::Map(entries),
        ..a.clone()
    }
}

/// One retry of resilience4j: what it says, its configuration, the defaults.
fn instance(own: At, whole: At, name: &str, configs: Option<At>, limiter: Option<At>) -> Site {
    let base = whole.find("base-config").and_then(|b| b.text());
    let default = configs.and_then(|c| c.get("default"));
    let config = match base {
        Some(base) => configs.and_then(|c| c.get(base)),
        None => default,
    };
    // A named configuration rests on the default one.
    let further = default.filter(|_| base.is_some_and(|b| b != "default"));
    let block = |key: &str| {
        whole
            .find(key)
            .or_else(|| config.and_then(|c| c.find(key)))
            .or_else(|| further.and_then(|c| c.find(key)))
    };
    let mut retry = Retry::default();
    let start = own.whole();
    let mut site = Site::new("resilience4j", start, name, Decision::Retry(Box::default()));
    retry.attempts(match block("max-attempts") {
        Some(n) => n.count(),
        None => Known::default(3, "resilience4j's default"),
    });
    if let Some(dead) = whole.find("max-retry-attempts") {
        site.remark(
            Rule::Hs109,
            dead.whole(),
            "`maxRetryAttempts` went with resilience4j 2.0: it is ignored, `maxAttempts` holds",
        );
    }
    let wait = match block("wait-duration") {
        Some(d) => d.known("duration", |t| or_bare(t, 1e-3)),
        None => Known::default(Nanos::from_millis(500), "resilience4j's default"),
    };
    let on = |key: &str| {
        block(key).is_some_and(|b| {
            b.bool() == Some(true)
                || b.known("flag", |t| (t == "true").then_some(()))
                    .value
                    .is_some()
        })
    };
    let wants = |at: At, key: &str| at.find(key).is_some_and(|b| b.bool() == Some(true));
    let (grows, varies) = (
        on("enable-exponential-backoff"),
        on("enable-randomized-wait"),
    );
    // The flags act where a waitDuration stands in the same block, the instance's or its base's.
    let blocks = [Some(whole), config, further];
    let acts = |flag: &str| {
        blocks
            .iter()
            .flatten()
            .any(|b| wants(*b, flag) && b.find("wait-duration").is_some())
    };
    let inherited = |flag: &str| {
        further.is_some_and(|f| wants(f, flag))
            && config.is_some_and(|c| c.find("wait-duration").is_some())
    };
    let grown =
        grows && (acts("enable-exponential-backoff") || inherited("enable-exponential-backoff"));
    let varied = varies && (acts("enable-randomized-wait") || inherited("enable-randomized-wait"));
    for (flag, acts) in [
        ("enable-exponential-backoff", grown),
        ("enable-randomized-wait", varied),
    ] {
        if let Some(flag) = whole.find(flag).filter(|f| f.bool() == Some(true) && !acts) {
            let text = format!(
                "`{}` does nothing without a waitDuration in the same block",
                flag.name()
            );
            site.remark(Rule::Hs109, flag.whole(), text);
        }
    }
    // What only a flag makes count, and no flag is set.
    for (key, set, flag) in [
        (
            "exponential-backoff-multiplier",
            grows,
            "enableExponentialBackoff",
        ),
        (
            "exponential-max-wait-duration",
            grows,
            "enableExponentialBackoff",
        ),
        ("randomized-wait-factor", varies, "enableRandomizedWait"),
    ] {
        if let Some(dead) = whole.find(key).filter(|_| !set) {
            let text = format!("`{}` does nothing without `{flag}: true`", dead.name());
            site.remark(Rule::Hs109, dead.whole(), text);
        }
    }
    let factor = block("exponential-backoff-multiplier");
    if grown {
        let multiplier = match factor {
            Some(m) => m.number(),
            None => Known::default(1.5, "resilience4j's default"),
        };
        let cap = block("exponential-max-wait-duration");
        if let Some(cap) = cap.filter(|_| factor.is_none()) {
            let text = format!("`{}` is not looked at without a multiplier", cap.name());
            site.remark(Rule::Hs109, cap.whole(), text);
        }
        let cap = match cap.filter(|_| factor.is_some()) {
            Some(cap) => cap.known("duration", |t| or_bare(t, 1e-3)).map(Some),
            None => Known::default(None, "resilience4j's default"),
        };
        retry.backoff(wait.and(multiplier).and(cap).map(|((wait, by), cap)| {
            exponential(
                wait.as_secs(),
                by,
                cap.map(|c| c.as_secs()),
                Exponent::FromZero,
            )
        }));
    } else {
        retry.backoff(wait.map(|d| {
            if d == Nanos::ZERO {
                Backoff::None
            } else {
                Backoff::Fixed(d)
            }
        }));
    }
    retry.jitter(match varied {
        false => Known::default(Jitter::None, "resilience4j's default"),
        true => {
            // The factor of the default configuration is not inherited by a named one.
            let share = whole
                .find("randomized-wait-factor")
                .or_else(|| config.and_then(|c| c.find("randomized-wait-factor")));
            match share {
                Some(share) => share
                    .number()
                    .map(|f| Jitter::Proportional(Probability(f.clamp(0.0, 1.0)))),
                None => Known::default(
                    Jitter::Proportional(Probability(0.5)),
                    "resilience4j's default",
                ),
            }
        }
    });
    if let Some(limit) = limiter {
        retry.timeout(limit.known("duration", |t| or_bare(t, 1e-3)).map(Some));
    }
    retry.deadline(Known::default(None, "resilience4j has none"));
    retry.budget(Known::default(None, "resilience4j has none"));
    site.target = Some(name.to_string());
    site.decision = Decision::Retry(Box::new(retry));
    site
}

/// Routes of spring-cloud-gateway with a Retry filter.
fn gateway_routes(at: At, reading: &mut Reading) {
    let roots: [&[&str]; 3] = [
        &["spring", "cloud", "gateway"],
        &["spring", "cloud", "gateway", "server", "webflux"],
        &["spring", "cloud", "gateway", "server", "webmvc"],
    ];
    let own = at
        .path(&["spring", "application", "name"])
        .and_then(|name| name.text());
    for root in roots.iter().filter_map(|root| at.path(root)) {
        // An answer is waited for so long, in each attempt; a route may say otherwise.
        let limit = root
            .get("httpclient")
            .and_then(|h| h.find("response-timeout"));
        let limited = |mut site: Site, limit: Option<At>| {
            if let (Decision::Retry(retry), Some(limit)) = (&mut site.decision, limit) {
                retry.timeout(limit.known("duration", |t| or_bare(t, 1e-3)).map(Some));
            }
            site
        };
        let routes = root.get("routes").map(|r| members(r)).unwrap_or_default();
        for route in routes {
            let name = route.get("id").and_then(|i| i.text()).unwrap_or("");
            let uri = route.get("uri");
            if let (Some(own), Some(uri)) = (own, uri) {
                uri.called_by(&[own], "spring gateway route", reading);
            }
            let target = uri
                .and_then(|u| u.text()?.split_once("://"))
                .map(|(_, host)| host.to_string());
            for filter in route.get("filters").map(|f| members(f)).unwrap_or_default() {
                let own = route
                    .get("metadata")
                    .and_then(|m| m.find("response-timeout"));
                if let Some(mut site) = filtered(filter, name) {
                    site.target.clone_from(&target);
                    reading.sites.push(limited(site, own.or(limit)));
                }
            }
        }
        for filter in root
            .find("default-filters")
            .map(|f| members(f))
            .unwrap_or_default()
        {
            let site = filtered(filter, "every route");
            reading.sites.extend(site.map(|site| limited(site, limit)));
        }
    }
}

/// The items of a list, or of a map that indices of properties made.
fn members(at: At) -> Vec<At> {
    match at.is_map() {
        true => at.entries().collect(),
        false => at.items().collect(),
    }
}

const NARROWS_NOT: &str = "`statuses` does not narrow: the whole series of 5xx is retried as well";

fn filtered(filter: At, route: &str) -> Option<Site> {
    let mut retry = Retry::default();
    let short = filter
        .text()
        .and_then(|t| t.strip_prefix("Retry"))
        .map(|rest| rest.strip_prefix('=').unwrap_or(rest));
    let args = filter.get("args");
    let named = filter.get("name").filter(|n| n.text() == Some("Retry"));
    if short.is_none() && named.is_none() {
        return None;
    }
    let place = match named {
        Some(_) if !filter.is_map() => filter.whole(),
        _ => filter.place(),
    };
    let mut site = Site::new(
        "spring-cloud-gateway",
        place,
        route,
        Decision::Retry(Box::default()),
    );
    if let Some(rest) = short {
        if !rest.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
            return None;
        }
        // retries,statuses,methods,first,max,factor,basedOnPrevious
        let parts: Vec<&str> = rest.split(',').map(str::trim).collect();
        let place = filter.place();
        let part = |at: usize| parts.get(at).copied().filter(|p| !p.is_empty());
        retry.retries(match part(0).map(super::tree::number) {
            Some(Some(n)) => Known::read(n, place.clone()),
            Some(None) => Known::unresolved(Some(place.clone()), "it is no number"),
            None => Known::default(3.0, "spring-cloud-gateway's default"),
        });
        if part(1).is_some() {
            site.remark(Rule::Hs109, place.clone(), NARROWS_NOT);
        }
        let first = part(3).and_then(|t| or_bare(t, 1e-3));
        match first {
            Some(first) => {
                let cap = part(4).and_then(|t| or_bare(t, 1e-3)).map(|c| c.as_secs());
                let by = part(5).and_then(super::tree::number).unwrap_or(2.0);
                retry.backoff(Known::read(
                    exponential(first.as_secs(), by, cap, Exponent::FromZero),
                    place,
                ));
            }
            None => {
                retry.backoff(Known::default(
                    Backoff::None,
                    "spring-cloud-gateway's default",
                ));
            }
        }
    } else {
        let get = |key: &str| args.and_then(|a| a.find(key));
        retry.retries(match get("retries") {
            Some(n) => n.number(),
            None => Known::default(3.0, "spring-cloud-gateway's default"),
        });
        retry.backoff(match get("backoff") {
            Some(backoff) => {
                let time = |key: &str| {
                    backoff
                        .find(key)
                        .map(|d| d.known("duration", |t| or_bare(t, 1e-3)))
                };
                let first = time("first-backoff").unwrap_or_else(|| {
                    Known::default(Nanos::from_millis(5), "spring-cloud-gateway's default")
                });
                let cap = match time("max-backoff") {
                    Some(cap) => cap.map(Some),
                    None => Known::default(None, "spring-cloud-gateway's default"),
                };
                let by = backoff.find("factor").map_or_else(
                    || Known::default(2.0, "spring-cloud-gateway's default"),
                    |f| f.number(),
                );
                first.and(by).and(cap).map(|((first, by), cap)| {
                    exponential(
                        first.as_secs(),
                        by,
                        cap.map(|c| c.as_secs()),
                        Exponent::FromZero,
                    )
                })
            }
            None => Known::default(Backoff::None, "spring-cloud-gateway's default"),
        });
        if let Some(methods) = get("methods") {
            let all: Vec<&str> = match methods.text() {
                Some(text) => text.split(',').map(str::trim).collect(),
                None => methods.items().filter_map(|i| i.text()).collect(),
            };
            if let Some(method) = all
                .iter()
                .find(|m| matches!(m.to_uppercase().as_str(), "POST" | "PATCH"))
            {
                let text = format!(
                    "every {method} that ends in a 5xx is sent again, and nothing tells it from a new one"
                );
                site.remark(Rule::Hs406, methods.whole(), text);
            }
        }
        if let Some(statuses) = get("statuses").filter(|_| get("series").is_none()) {
            site.remark(Rule::Hs109, statuses.whole(), NARROWS_NOT);
        }
    }
    retry.jitter(Known::default(
        Jitter::None,
        "spring-cloud-gateway adds none",
    ));
    retry.deadline(Known::default(None, "spring-cloud-gateway has none"));
    retry.budget(Known::default(None, "spring-cloud-gateway has none"));
    site.decision = Decision::Retry(Box::new(retry));
    Some(site)
}

fn hystrix(at: At, reading: &mut Reading) {
    let Some(commands) = at.path(&["hystrix", "command"]) else {
        return;
    };
    for command in commands.entries() {
        let limit = command.path(&["execution", "isolation", "thread", "timeoutInMilliseconds"]);
        if let Some(limit) = limit {
            let known = limit.known("duration", |t| or_bare(t, 1e-3)).map(Some);
            reading.sites.push(Site::new(
                "hystrix",
                limit.whole(),
                command.name(),
                Decision::Timeout(known),
            ));
        }
    }
}

/// Each of so many servers is tried so many times, without a wait.
fn ribbon(at: At, name: &str, format: Format, reading: &mut Reading) {
    let keys = ["MaxAutoRetries", "MaxAutoRetriesNextServer"];
    if !at.is_map() || !keys.iter().any(|key| at.get(key).is_some()) {
        return;
    }
    let number = |key: &str, default: f64| match at.get(key) {
        Some(n) => n.number(),
        None => Known::default(default, "Ribbon's default"),
    };
    let mut retry = Retry::default();
    let both = number(keys[0], 0.0).and(number(keys[1], 1.0));
    retry.attempts(both.map(|(same, next)| crate::audit::site::whole((1.0 + same) * (1.0 + next))));
    retry.backoff(Known::default(Backoff::None, "Ribbon does not wait"));
    retry.jitter(Known::default(Jitter::None, "Ribbon does not wait"));
    retry.timeout(match at.get("ReadTimeout") {
        Some(limit) => limit.known("duration", |t| or_bare(t, 1e-3)).map(Some),
        None => Known::default(Some(Nanos::from_secs(1)), "Spring Cloud's default"),
    });
    retry.deadline(Known::default(None, "Ribbon has none"));
    retry.budget(Known::default(None, "Ribbon has none"));
    let place = match format {
        Format::Properties => {
            let first = at
                .entries()
                .map(|e| e.whole().span.start)
                .min()
                .unwrap_or(at.node.span.start);
            at.span(first..at.node.span.end.max(first))
        }
        _ => at.whole(),
    };
    let mut site = Site::new("ribbon", place, name, Decision::Retry(Box::new(retry)));
    if let Some(all) = at
        .get("OkToRetryOnAllOperations")
        .filter(|a| a.bool() == Some(true))
    {
        site.remark(
            Rule::Hs406,
            all.whole(),
            "POST, too, is sent again, and nothing tells it from a new one",
        );
    }
    site.target = Some(name.to_string());

    reading.sites.push(site);
}
