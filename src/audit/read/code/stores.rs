//! Levels and write concerns of databases in code: Cassandra's drivers, MongoDB's.

use super::ir::{Call, Expr, Kind, Language, Span, chain};
use super::project::CodeFile;
use super::values::{Loc, Value, Values};
use crate::audit::read::cql;
use crate::audit::read::mongo;
use crate::audit::site::{Known, Level, Reading};

pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    texts(file, reading);
    let imported = |word: &str| {
        let mut imports = file.imports().iter();
        imports.any(|i| i.module.to_lowercase().contains(word))
    };
    if imported("cassandra") || imported("gocql") || imported("datastax") {
        levels(file, reading);
    }
    if imported("mongo") {
        concerns(values, file, reading);
    }
}

/// Statements and connection strings that stand as texts.
fn texts(file: &CodeFile, reading: &mut Reading) {
    let text = &file.source.text;
    let keyspace = text.contains("KEYSPACE") || text.contains("keyspace");
    let mongo = text.contains("mongodb://") || text.contains("mongodb+srv://");
    if !keyspace && !mongo {
        return;
    }
    let mut spans: Vec<Span> = Vec::new();
    super::ir::walk(&file.unit.body, true, &mut |e| {
        if matches!(e.kind, Kind::Text(_) | Kind::Template(..)) {
            spans.push(e.span.clone());
        }
    });
    for span in spans {
        let raw = file.text(&span);
        if keyspace {
            cql::keyspaces(&file.source, raw, span.start, reading);
        }
        if mongo {
            let name = file.name_around(span.start);
            mongo::text(&file.source, raw, span.start, name, reading);
        }
    }
}

const LEVELS: &[&str] = &[
    "any",
    "one",
    "two",
    "three",
    "quorum",
    "all",
    "localquorum",
    "eachquorum",
    "localone",
];

/// `ConsistencyLevel.QUORUM`, `gocql.LocalQuorum`, `types.consistencies.one`
fn level(expr: &Expr) -> Option<String> {
    let path = expr.path()?;
    let of = *path.get(path.len().checked_sub(2)?)?;
    let known = matches!(
        of,
        "ConsistencyLevel" | "DefaultConsistencyLevel" | "gocql" | "consistencies" | "Consistency"
    );
    let name = path.last()?;
    let plain = name.to_lowercase().replace('_', "");
    (known && LEVELS.contains(&plain.as_str())).then(|| (*name).to_string())
}

fn levels(file: &CodeFile, reading: &mut Reading) {
    let mut found: Vec<(Span, String, Option<bool>)> = Vec::new();
    let mut note = |span: &Span, name: String, writes: Option<bool>| match found
        .iter_mut()
        .find(|(s, ..)| s == span)
    {
        Some(known) => known.2 = known.2.or(writes),
        None => found.push((span.clone(), name, writes)),
    };
    super::ir::walk(&file.unit.body, true, &mut |e| {
        if let Some(name) = level(e) {
            note(&e.span, name, None);
        }
        if let Kind::Call(call) = &e.kind {
            let writes = statement(e, call);
            for arg in &call.args {
                arg.value.walk(false, &mut |inner| {
                    if let Some(name) = level(inner) {
                        note(&inner.span, name, writes);
                    }
                });
            }
        }
    });
    for (span, name, writes) in found {
        let name = Known::read(name, file.place(&span));
        reading.levels.push(Level { name, writes });
    }
    // What a driver asks for unasked.
    let unasked = match file.language() {
        Language::Go => "QUORUM",
        _ => "LOCAL_ONE",
    };
    let connects = ["Cluster", "NewCluster", "Client", "CqlSession", "builder"];
    let mut calls = false;
    super::ir::walk(&file.unit.body, true, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            calls |= call
                .callee
                .last_name()
                .is_some_and(|n| connects.contains(&n));
        }
    });
    if calls {
        let name = Known::default(unasked.to_string(), "the driver's default");
        reading.levels.push(Level { name, writes: None });
    }
}

/// Whether the statement of a call writes, or reads.
fn statement(expr: &Expr, call: &Call) -> Option<bool> {
    let links = chain(expr).into_iter().flat_map(|(_, call, _)| &call.args);
    let texts = links.chain(&call.args).filter_map(|a| a.value.as_text());
    texts.into_iter().find_map(|text| {
        let word = text.split_whitespace().next()?.to_ascii_uppercase();
        match word.as_str() {
            "SELECT" => Some(false),
            "INSERT" | "UPDATE" | "DELETE" | "BEGIN" => Some(true),
            _ => None,
        }
    })
}

/// Write concerns: `WriteConcern.W1`, `WriteConcern(w=1)`, `{ writeConcern: { w: 1 } }`.
fn concerns(values: Values, file: &CodeFile, reading: &mut Reading) {
    let mut found: Vec<(Span, Option<Expr>, Option<&'static str>)> = Vec::new();
    super::ir::walk(&file.unit.body, true, &mut |e| match &e.kind {
        Kind::Member(of, name) if of.last_name() == Some("WriteConcern") => {
            let fixed = match name.as_str() {
                "W1" => "1",
                "UNACKNOWLEDGED" | "Unacknowledged" => "0",
                "MAJORITY" | "WMajority" => "majority",
                _ => return,
            };
            found.push((e.span.clone(), None, Some(fixed)));
        }
        Kind::Call(call) => match call.callee.last_name() {
            Some("WriteConcern") => {
                if let Some(w) = call.arg(0, "w") {
                    found.push((e.span.clone(), Some(w.clone()), None));
                }
            }
            Some("MongoClient" | "AsyncIOMotorClient") => {
                if let Some(w) = call.named("w") {
                    found.push((w.span.clone(), Some(w.clone()), None));
                }
            }
            Some(name @ ("W1" | "Majority" | "Unacknowledged"))
                if call.callee.path().is_some_and(|p| p[0] == "writeconcern") =>
            {
                let fixed = match name {
                    "W1" => "1",
                    "Unacknowledged" => "0",
                    _ => "majority",
                };
                found.push((e.span.clone(), None, Some(fixed)));
            }
            _ => {}
        },
        Kind::Object(_, entries, _) => {
            for (key, value) in entries {
                if key == "writeConcern"
                    && let Kind::Object(_, inner, _) = &value.kind
                    && let Some((_, w)) = inner.iter().find(|(name, _)| name == "w")
                {
                    found.push((w.span.clone(), Some(w.clone()), None));
                }
            }
        }
        _ => {}
    });
    for (span, written, fixed) in found {
        let place = file.place(&span);
        let known = match (fixed, written.and_then(|w| file.expr(&w.span))) {
            (Some(fixed), _) => Known::read(fixed.to_string(), place.clone()),
            (None, Some(expr)) => values.value(Loc { file, expr }).convert(
                |value| match value {
                    Value::Number(n) => Some(n.to_string()),
                    Value::Text(text) => Some(text),
                    _ => None,
                },
                "it is no write concern",
            ),
            (None, None) => continue,
        };
        let name = file.name_around(span.start);
        reading.sites.push(mongo::site(place, name, known));
    }
}
