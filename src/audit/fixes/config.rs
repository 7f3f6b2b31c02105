//! Changes to configuration: settings beside those that are there.

use crate::audit::change::Change;
use crate::audit::inspect::Audit;
use crate::audit::site::{Field, Retry, Site};

use super::edit::{Edit, Way};

/// Ways to write a change to a configuration file.
pub fn ways(_: &Audit, site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    match (site.reader, change) {
        ("resilience4j" | "spring", Change::Jitter) => {
            let names = ["enable-randomized-wait", "enableRandomizedWait"];
            beside(retry, &names, "true")
        }
        ("grpc", Change::Budget) => throttling(site),
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
