//! Code: libraries that retry, loops written by hand, effects, fences, leases.

#[cfg(feature = "csharp")]
mod aspire;
mod clients;
mod comments;
mod durations;
mod effects;
mod failing;
pub mod fences;
pub mod ir;
mod keys;
pub mod library;
mod loops;
mod lower;
mod producers;
pub mod project;
pub mod shape;
mod stores;
mod value;
pub mod values;

use ir::{Expr, Kind, Language};
use project::{CodeFile, Project};
use values::Values;

use super::grpc;
use super::tree;
use crate::audit::site::{Reading, Site};

/// Reads a file of code.
pub fn read(project: &Project, file: &CodeFile, reading: &mut Reading) {
    let values = Values { project };
    let mut own = Reading::default();
    library::read(values, file, &mut own);
    loops::read(values, file, &mut own);
    within(file, &mut own.sites);
    producers::read(values, file, &mut own);
    stores::read(values, file, &mut own);
    #[cfg(feature = "csharp")]
    aspire::read(file, &mut own);
    service_configs(file, &mut own);
    effects::read(values, file, &mut own);
    fences::read(file, &mut own);
    reading.merge(own);
}

/// A library's retry within a loop that retries, or within a function that another retries:
/// their attempts multiply.
fn within(file: &CodeFile, sites: &mut [Site]) {
    use crate::audit::rule::Rule;
    let repeated = effects::repeated(file, sites);
    let mut said: Vec<(usize, Option<u64>)> = Vec::new();
    for (at, site) in sites.iter().enumerate() {
        let Some(retry) = site.retry() else { continue };
        if !retry.retries_at_all() {
            continue;
        }
        let span = &site.place.span;
        // The bodies that run it again; its own are not among them.
        let around = repeated.iter().filter(|r| {
            let encloses = r.span.start <= span.start && span.end <= r.span.end;
            encloses && r.site != at && sites[r.site].place.span != *span
        });
        let Some(outer) = around.map(|r| r.site).min() else {
            continue;
        };
        let other = &sites[outer];
        let product = retry
            .most_attempts()
            .zip(other.retry().and_then(|r| r.most_attempts()));
        said.push((outer, product.map(|(a, b)| u64::from(a) * u64::from(b))));
    }
    for (outer, product) in said {
        if sites[outer].remarks.iter().any(|r| r.rule == Rule::Hs103) {
            continue;
        }
        let text = match product {
            Some(product) => format!("a retry within it: {product} attempts in the worst case"),
            None => "a retry within it: their attempts multiply".to_string(),
        };
        let place = sites[outer].place.clone();
        sites[outer].remark(Rule::Hs103, place, text);
    }
}

/// Service configs of gRPC in code: texts, and objects.
fn service_configs(file: &CodeFile, reading: &mut Reading) {
    if !file.source.text.contains("ethodConfig") {
        return;
    }
    let mut objects: Vec<&Expr> = Vec::new();
    ir::walk(&file.unit.body, true, &mut |e| match &e.kind {
        Kind::Text(text) if text.contains("methodConfig") => {
            // As it stands in the file, where nothing is escaped.
            let raw = file.text(&e.span);
            let open = raw.find(['{', '[']).unwrap_or(0);
            let close = raw.rfind(['}', ']']).map_or(raw.len(), |at| at + 1);
            if open < close {
                let start = e.span.start + open;
                let plain = raw[open..close].replace("\\\"", " \"");
                grpc::in_text(&file.source, start, &plain, file.language(), reading);
            }
        }
        Kind::Object(_, entries, _) if entries.iter().any(|(key, _)| key == "methodConfig") => {
            objects.push(e);
        }
        _ => {}
    });
    for expr in objects {
        let root = node(file, expr);
        let at = tree::At::root(&file.source, &root);
        grpc::service_config(at, Some(Language::Python), reading);
    }
}

/// A literal of code as a tree of data.
fn node(file: &CodeFile, expr: &Expr) -> tree::Node {
    use std::sync::Arc;
    let span = expr.span.clone();
    match &expr.kind {
        Kind::Object(_, entries, _) => {
            let entries = entries.iter().map(|(name, value)| {
                // The key stands before its value, after what came before it.
                let before = &file.source.text[span.start..value.span.start];
                let at = before
                    .rfind(name.as_str())
                    .map_or(value.span.start, |at| span.start + at);
                let quoted = file.source.text[..at].ends_with(['"', '\'']);
                let start = at - usize::from(quoted);
                let key = tree::Key {
                    text: name.clone(),
                    span: start..at + name.len(),
                };
                (key, Arc::new(node(file, value)))
            });
            tree::Node::map(span.clone(), entries.collect())
        }
        Kind::List(items) => tree::Node::list(
            span,
            items
                .iter()
                .map(|item| Arc::new(node(file, item)))
                .collect(),
        ),
        Kind::Text(text) => tree::Node::scalar(span, text.clone(), false, false),
        Kind::Number(n) => tree::Node::scalar(span, n.to_string(), true, false),
        Kind::Bool(truth) => tree::Node::scalar(span, truth.to_string(), true, false),
        // A name, a call: known elsewhere, if at all.
        _ => tree::Node::scalar(span, String::new(), true, true),
    }
}
