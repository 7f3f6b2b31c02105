//! herdsim's own scenario files: policies and clusters, as they will be run.

use std::sync::Arc;

use herdsim_core::scenario::{Job, JobKind, Kind as Held, Node as Value, Overlay, Source, Table};

use super::format::Document;
use super::tree::{At, Broken, Key, Node};
use crate::audit::site::{Decision, Field, Known, Quorum, Reading, Retry, Site};

/// A TOML document as a tree.
///
/// # Errors
/// Where it is no TOML.
pub fn toml(source: &Arc<Source>) -> Result<Arc<Node>, Broken> {
    let table = Table::parse(source).map_err(|problem| Broken {
        at: problem.place.map_or(0, |place| place.span.start),
        reason: problem.message,
    })?;
    Ok(Arc::new(map(&table, 0..source.text.len())))
}

fn map(table: &Table, span: std::ops::Range<usize>) -> Node {
    let entries = table.entries.iter().map(|entry| {
        let key = Key {
            text: entry.key.clone(),
            span: entry.place.span.clone(),
        };
        (key, Arc::new(node(&entry.node)))
    });
    Node::map(span, entries.collect())
}

fn node(value: &Value) -> Node {
    let span = value.place.span.clone();
    match &value.kind {
        Held::Table(table) => map(table, span),
        Held::List(items) => Node::list(
            span,
            items.iter().map(|item| Arc::new(node(item))).collect(),
        ),
        Held::Text { text, .. } => Node::scalar(span, text.clone(), false, false),
        _ => Node::scalar(span, value.plain(), true, false),
    }
}

pub fn read(document: &Document, reading: &mut Reading) {
    let at = document.at;
    let kind = at.get("kind").and_then(|k| k.text());
    let known = |key: &str| at.get(key).is_some();
    if kind == Some("quorum") && known("cluster") {
        cluster(at, reading);
        return;
    }
    let Some(policies) = at.get("policy").filter(At::is_map) else {
        return;
    };
    let text = at.source.text.as_str();
    let mut overlay = Overlay::default();
    if overlay.file(&at.source.name, text).is_err() {
        return;
    }
    let names: Vec<&str> = policies.entries().map(|e| e.name()).collect();
    let list: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
    if overlay
        .set(&format!("compare=[{}]", list.join(", ")))
        .is_err()
    {
        return;
    }
    let Ok(Job::Herd(scenario)) = Job::from_overlay(&overlay, JobKind::Herd) else {
        return;
    };
    for entry in policies.entries() {
        let Some((_, policy)) = scenario
            .policies
            .iter()
            .find(|(name, _)| name == entry.name())
        else {
            continue;
        };
        let mut retry = Retry::default();
        retry.policy = policy.clone();
        for field in Field::ALL {
            let written = entry.get(field.name());
            let fact = match written {
                Some(value) => Known::read((), value.place()).fact,
                None => Known::default((), "a scenario's default, or what it extends").fact,
            };
            retry.know(field, fact);
        }
        let place = header(text, &entry).map_or_else(
            || entry.whole(),
            |start| entry.span(start..entry.node.span.end.max(start)),
        );
        reading.sites.push(Site::new(
            "herdsim",
            place,
            entry.name(),
            Decision::Retry(Box::new(retry)),
        ));
    }
}

/// Where `[policy.NAME]` begins.
fn header(text: &str, entry: &At) -> Option<usize> {
    let key = entry.key?.span.start;
    let start = text[..key].rfind('\n').map_or(0, |at| at + 1);
    text[start..key]
        .trim_start()
        .starts_with('[')
        .then_some(start)
}

fn cluster(at: At, reading: &mut Reading) {
    let Some(cluster) = at.get("cluster") else {
        return;
    };
    let (Some(n), Some(w), Some(r)) = (cluster.get("n"), cluster.get("w"), cluster.get("r")) else {
        return;
    };
    // Grids are questions, not settings.
    if [n, w, r].iter().any(|v| {
        v.as_scalar()
            .is_none_or(|s| super::tree::number(&s.text).is_none())
    }) {
        return;
    }
    let quorum = Quorum {
        n: n.count(),
        w: w.count(),
        r: r.count(),
    };
    let start = header(&at.source.text, &cluster).unwrap_or(cluster.whole().span.start);
    let place = cluster.span(start..cluster.node.span.end.max(start));
    reading.sites.push(Site::new(
        "herdsim",
        place,
        "cluster",
        Decision::Quorum(quorum),
    ));
}
