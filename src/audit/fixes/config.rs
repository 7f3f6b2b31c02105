//! Changes to configuration: settings beside those that are there.

use crate::audit::change::Change;
use crate::audit::inspect::Audit;
use crate::audit::site::{Field, Retry, Site};

use super::edit::{Edit, Way};

/// Ways to write a change to a configuration file.
pub fn ways(audit: &Audit, site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    match (site.reader, change) {
        ("resilience4j" | "spring", Change::Jitter) => {
            let names = ["enable-randomized-wait", "enableRandomizedWait"];
            beside(retry, &names, "true")
        }
        ("grpc", Change::Budget) => throttling(site),
        ("istio", Change::Budget) => destination_rule(audit, site),
        ("envoy", Change::Budget) => circuit_breaker(site),
        _ => Vec::new(),
    }
}

/// A line more like that of a field which is read: of YAML as far in, of properties with the
/// same beginning.
fn beside(retry: &Retry, names: &[&str], value: &str) -> Vec<Way> {
    let mut ways = Vec::new();
    for field in [Field::Backoff, Field::Attempts] {
        let Some(place) = retry.fact(field).and_then(|fact| fact.place.as_ref()) else {
            continue;
        };
        let text = &place.source.text;
        let start = text[..place.span.start].rfind('\n').map_or(0, |n| n + 1);
        let end = text[start..].find('\n').map(|n| start + n + 1);
        let line = &text[start..end.unwrap_or(text.len())];
        let (end, gap) = match end {
            Some(end) => (end, ""),
            None => (text.len(), "\n"),
        };
        let indent = &line[..line.len() - line.trim_start().len()];
        let key = line.trim_start().split([':', '=']).next().unwrap_or("");
        for name in names {
            let dotted = key
                .rsplit_once('.')
                .map(|(head, _)| format!("{head}.{name}"));
            let more = match (dotted, line.contains('=') && !line.contains(':')) {
                (Some(key), true) => format!("{gap}{key}={value}\n"),
                _ => format!("{gap}{indent}{name}: {value}\n"),
            };
            ways.push(vec![Edit::insert(&place.source, end, more)]);
        }
    }
    ways
}

/// gRPC's own budget, at the top of a service config in a file of JSON.
fn throttling(site: &Site) -> Vec<Way> {
    let source = &site.place.source;
    let Some(at) = source.text.find('{') else {
        return Vec::new();
    };
    if !source.name.ends_with(".json") {
        return Vec::new();
    }
    let text = "\n  \"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 0.1},";
    vec![vec![Edit::insert(source, at + 1, text)]]
}

/// Istio: the budget of a host is its DestinationRule's; one is made where there is none.
fn destination_rule(audit: &Audit, site: &Site) -> Vec<Way> {
    const BUDGET: &str = "retryBudget: {percent: 10, minRetryConcurrency: 3}";
    let source = &site.place.source;
    let text = &source.text;
    let Some(host) = site.target.as_deref().filter(|_| is_yaml(&source.name)) else {
        return Vec::new();
    };
    let mut ways = Vec::new();
    for (start, line) in lines(text) {
        let (end, indent) = (
            start + line.len(),
            &line[..line.len() - line.trim_start().len()],
        );
        let value = line
            .trim()
            .strip_prefix("host:")
            .map(|v| v.trim().trim_matches(['"', '\'']));
        if value == Some(host) && line.ends_with('\n') {
            let more = format!("{indent}trafficPolicy:\n{indent}  {BUDGET}\n");
            ways.push(vec![Edit::insert(source, end, more)]);
        }
        if line.trim() == "trafficPolicy:" && line.ends_with('\n') {
            ways.push(vec![Edit::insert(
                source,
                end,
                format!("{indent}  {BUDGET}\n"),
            )]);
        }
    }
    let known = audit
        .files
        .any_text(|text| text.contains("DestinationRule") && text.contains(host));
    if !known {
        let name: String = host.split('.').next().unwrap_or(host).to_string();
        let gap = if text.ends_with('\n') { "" } else { "\n" };
        let rule = format!(
            "{gap}---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: {name}-retries\nspec:\n  host: {host}\n  trafficPolicy:\n    {BUDGET}\n"
        );
        ways.push(vec![Edit::insert(source, text.len(), rule)]);
    }
    ways
}

/// Envoy: the budget of a cluster is among its circuit breakers.
fn circuit_breaker(site: &Site) -> Vec<Way> {
    let source = &site.place.source;
    let Some(cluster) = site.target.as_deref().filter(|_| is_yaml(&source.name)) else {
        return Vec::new();
    };
    let mut ways = Vec::new();
    for (start, line) in lines(&source.text) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let item = line.trim_start().strip_prefix("- ");
        let named = item.unwrap_or(line.trim_start()).strip_prefix("name:");
        let named = named.map(|v| v.trim().trim_matches(['"', '\'']));
        if named == Some(cluster) && line.ends_with('\n') {
            let indent = match item {
                Some(_) => format!("{indent}  "),
                None => indent.to_string(),
            };
            let more = format!(
                "{indent}circuit_breakers:\n{indent}  thresholds:\n{indent}  - retry_budget:\n{indent}      budget_percent: {{value: 10.0}}\n{indent}      min_retry_concurrency: 3\n"
            );
            ways.push(vec![Edit::insert(source, start + line.len(), more)]);
        }
    }
    ways
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Lines with where each begins, their ends included.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}
