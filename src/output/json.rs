//! `result.json`: the results for programs, and an earlier one read back. Keys are stable.

use herdsim_core::metric::DEFINITIONS;
use herdsim_core::stats::Estimate;
use serde_json::{Map, Value as Json, json};

use herdsim_words::results::{Column, Earlier, Manner, Row, Table, Value};
use herdsim_words::verdict::sweep::{SweepResults, extremes};

/// What a kind has in its `result.json` beside the table: members of the whole, and of
/// each cell.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    pub whole: Map<String, Json>,
    pub cells: Vec<Map<String, Json>>,
}

/// What is said of a run as a whole.
pub struct Head<'h> {
    pub name: &'h str,
    pub seed: u64,
    pub replications: u64,
    pub interrupted: bool,
    pub verdict: &'h str,
}

/// NaN and infinity become null.
pub fn number(x: f64) -> Json {
    serde_json::Number::from_f64(x).map_or(Json::Null, Json::Number)
}

/// A mean, its interval and the number of values that it is of.
pub fn estimate(e: Estimate) -> Json {
    let ci95 = match e.low.is_nan() {
        true => Json::Null,
        false => json!([number(e.low), number(e.high)]),
    };
    json!({ "mean": number(e.mean), "ci95": ci95, "n": e.n })
}

/// JSON as it is written: indented, and with an end to its last line.
pub fn pretty(json: &Json) -> String {
    // Maps with text keys and numbers are all that can be in it.
    serde_json::to_string_pretty(json).unwrap_or_else(|e| unreachable!("plain JSON: {e}")) + "\n"
}

/// The values of some columns by name.
pub fn metrics(manner: &Manner, columns: &[Column], row: &Row) -> Map<String, Json> {
    let known = |x: Option<f64>| x.map_or(Json::Null, number);
    let value = |value: &Value| {
        let mut json = estimate(value.estimate);
        if manner.figures {
            json["simulated"] = known(value.simulated);
            json["exact"] = known(value.exact);
            json["z"] = known(value.z);
        }
        json
    };
    let named = columns.iter().zip(&row.values);
    named
        .map(|(column, v)| (column.name.to_string(), value(v)))
        .collect()
}

/// The whole result as JSON text.
pub fn result(table: &Table, head: &Head<'_>, extras: Extras) -> String {
    let manner = table.manner;
    let mut beside = extras.cells.into_iter();
    let mut cell = |row: &Row| {
        let mut cell = beside.next().unwrap_or_default();
        cell.insert(manner.name.to_string(), json!(row.name));
        let metrics = metrics(manner, &table.columns, row);
        match manner.metrics {
            Some(key) => _ = cell.insert(key.to_string(), metrics.into()),
            None => cell.extend(metrics),
        }
        Json::Object(cell)
    };
    let cells: Vec<Json> = table.rows.iter().map(&mut cell).collect();
    let mut whole = extras.whole;
    let mut put = |key: &str, json: Json| whole.insert(key.to_string(), json);
    put("kind", json!(manner.kind.name()));
    put("version", json!(env!("CARGO_PKG_VERSION")));
    put("definitions", json!(DEFINITIONS));
    put("name", json!(head.name));
    put("seed", json!(head.seed));
    put("replications", json!(head.replications));
    put("interrupted", json!(head.interrupted));
    put("verdict", json!(head.verdict));
    put(manner.list, cells.into());
    if let Some(pairs) = manner.differences {
        let baseline = table.cells().next();
        let difference = |row: &Row| {
            json!({
                pairs: row.name,
                "baseline": baseline,
                "metrics": metrics(manner, &table.columns, row),
            })
        };
        let differences = table.differences.iter().map(difference);
        put("differences", differences.collect());
    }
    pretty(&whole.into())
}

/// `result.json` of a sweep; its cells are in `summary.csv`.
pub fn sweep(results: &SweepResults<'_>) -> String {
    let axes: Vec<Json> = results
        .grid
        .axes
        .iter()
        .map(|axis| json!({ "path": axis.name(), "values": axis.len() }))
        .collect();
    let rows: Vec<Json> = results
        .names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let (low, high) = extremes(&results.main[i]);
            let share = |holds: &dyn Fn(f64) -> bool| {
                results.recovered[i].iter().filter(|s| holds(**s)).count()
            };
            match results.asks_recovery() {
                true => json!({
                    "name": name,
                    "cells_that_always_recover": share(&|s| s == 1.0),
                    "cells_that_sometimes_recover": share(&|s| s > 0.0 && s < 1.0),
                    "cells_that_never_recover": share(&|s| s == 0.0),
                    results.manner.main.name(): { "least": number(low), "most": number(high) },
                }),
                false => json!({
                    "name": name,
                    results.manner.main.name(): { "least": number(low), "most": number(high) },
                }),
            }
        })
        .collect();
    let result = json!({
        "kind": "sweep",
        "of": results.base.kind().name(),
        "version": env!("CARGO_PKG_VERSION"),
        "definitions": DEFINITIONS,
        "name": results.base.name(),
        "cells": results.grid.cells() as u64,
        "axes": axes,
        "verdict": results.verdict(),
        "rows": rows,
    });
    pretty(&result)
}

/// Why a file is no earlier result of the kind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    #[error("no result.json: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("no result.json: it has no {0}")]
    Lacks(String),
    #[error("a result of kind `{found}`; one of kind `{needed}` is needed")]
    Kind { found: String, needed: &'static str },
    #[error("{0}")]
    Cell(String),
}

/// The number of the definitions by which a `result.json` was told; earlier than the second
/// none was written.
pub fn definitions(json: &Json) -> u32 {
    let number = json["definitions"].as_u64();
    number.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

/// An earlier `result.json` of a run of some kind: its table as far as `columns` go. What it
/// does not have is unknown, and so is what older definitions made otherwise.
///
/// `older` finds the metrics of a cell that were written elsewhere once.
///
/// # Errors
/// What is missing, of another kind, or cannot be by the domain of its metric.
pub fn read(
    text: &str,
    manner: &'static Manner,
    columns: Vec<Column>,
    older: impl Fn(&Json) -> Map<String, Json>,
) -> Result<Earlier, ResultError> {
    let json: Json = serde_json::from_str(text)?;
    let told_by = definitions(&json);
    let mut notes = Vec::new();
    match json["kind"].as_str() {
        Some(name) if name == manner.kind.name() => {}
        Some(name) => {
            return Err(ResultError::Kind {
                found: readable(name),
                needed: manner.kind.name(),
            });
        }
        None => return Err(ResultError::Lacks("`kind`".to_string())),
    }
    let list = json[manner.list]
        .as_array()
        .ok_or_else(|| ResultError::Lacks(format!("list `{}`", manner.list)))?;
    let renewed = |column: &Column| column.metric.since > told_by;
    let has = |column: &Column| text.contains(&format!("\"{}\"", column.name));
    let otherwise: Vec<String> = columns
        .iter()
        .filter(|column| renewed(column) && has(column))
        .map(|column| format!("`{}`", column.name))
        .collect();
    if !otherwise.is_empty() {
        notes.push(format!(
            "the earlier run is of definitions {told_by}, by which {} meant something else: not \
             compared",
            herdsim_words::format::list(&otherwise)
        ));
    }
    if told_by > DEFINITIONS {
        notes.push(format!(
            "the earlier run is of definitions {told_by}, this version knows {DEFINITIONS}: what \
             is compared may mean something else"
        ));
    }
    let mut rows = Vec::new();
    for (i, cell) in list.iter().enumerate() {
        let name = cell[manner.name].as_str().ok_or_else(|| {
            ResultError::Cell(format!("`{}[{i}]` has no `{}`", manner.list, manner.name))
        })?;
        let nested = manner.metrics.and_then(|key| cell[key].as_object());
        let metrics = match (manner.metrics, nested) {
            (None, _) => cell.as_object().cloned().unwrap_or_default(),
            (Some(_), Some(metrics)) => metrics.clone(),
            (Some(key), None) => match older(cell) {
                found if found.is_empty() => {
                    return Err(ResultError::Cell(format!(
                        "{} `{}` has no `{key}`",
                        manner.cell,
                        readable(name)
                    )));
                }
                found => found,
            },
        };
        let mut value = |column: &Column| match metrics.get(&*column.name) {
            None => Ok(Estimate::NONE.into()),
            Some(_) if renewed(column) => Ok(Estimate::NONE.into()),
            Some(json) => {
                let value = value(json);
                let Estimate {
                    mean, low, high, ..
                } = value.estimate;
                let domain = column.metric.domain;
                let refused = [mean, low, high].map(|x| Some((x, domain.refuses(x)?)));
                match refused.into_iter().flatten().next() {
                    None => Ok(value),
                    Some((x, why)) if told_by < DEFINITIONS => {
                        notes.push(format!(
                            "`{}` of `{}` in the earlier run, {x}, {why}: not compared",
                            column.name,
                            readable(name),
                        ));
                        Ok(Estimate::NONE.into())
                    }
                    Some((x, why)) => Err(ResultError::Cell(format!(
                        "`{}` of `{}`, {x}, {why}",
                        column.name,
                        readable(name),
                    ))),
                }
            }
        };
        rows.push(Row {
            name: readable(name),
            labels: Vec::new(),
            replications: json["replications"].as_u64().unwrap_or(0),
            values: columns.iter().map(&mut value).collect::<Result<_, _>>()?,
        });
    }
    let table = Table {
        manner,
        columns,
        rows,
        differences: Vec::new(),
    };
    let name = json["name"].as_str().unwrap_or("baseline");
    Ok(Earlier {
        name: readable(name),
        table,
        scenario: None,
        noise: 0.0,
        notes,
    })
}

/// A name from a file of anybody's: a line, of moderate length, that a terminal can take.
fn readable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// An estimate as it was written; unknown where it is none.
fn value(json: &Json) -> Value {
    let number = |json: &Json| json.as_f64().unwrap_or(f64::NAN);
    let estimate = Estimate {
        mean: number(&json["mean"]),
        low: number(&json["ci95"][0]),
        high: number(&json["ci95"][1]),
        n: json["n"].as_u64().unwrap_or(0),
        sd: f64::NAN,
    };
    estimate.into()
}

#[cfg(test)]
mod tests {
    use herdsim_core::herd::METRICS;

    use super::*;
    use crate::study::herd::MANNER;

    fn parse(text: &str) -> Result<Earlier, ResultError> {
        let columns = METRICS.iter().map(|m| Column::of(m.metric)).collect();
        read(text, &MANNER, columns, |_| Map::new())
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for (text, says) in [
            ("{", "no result.json"),
            ("{}", "no `kind`"),
            (r#"{"kind":"saga"}"#, "kind `saga`"),
            (r#"{"kind":"herd"}"#, "no list `policies`"),
            (
                r#"{"kind":"herd","policies":[{}]}"#,
                "`policies[0]` has no `name`",
            ),
            (
                r#"{"kind":"herd","policies":[{"name":"a"}]}"#,
                "policy `a` has no `metrics`",
            ),
            (
                r#"{"kind":"herd","definitions":2,"policies":[{"name":"a",
                    "metrics":{"success_ratio":{"mean":1.5}}}]}"#,
                "`success_ratio` of `a`, 1.5, is above 1",
            ),
            (
                r#"{"kind":"herd","definitions":2,"policies":[{"name":"a",
                    "metrics":{"success_ratio":{"mean":0.5,"ci95":[-4,7]}}}]}"#,
                "`success_ratio` of `a`, -4, is negative",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn what_older_definitions_made_otherwise_is_told_and_not_compared() {
        let text = r#"{"kind":"herd","name":"v1","policies":[{"name":"a","metrics":{
            "calls":{"mean":7,"ci95":[6,8],"n":3},
            "answered_ratio":{"mean":1.2,"ci95":[1.1,1.3],"n":3},
            "success_ratio":{"mean":1.1,"ci95":[1.0,1.2],"n":3}}}]}"#;
        let earlier = parse(text).unwrap();
        assert_eq!(earlier.table.estimate("a", "calls").mean, 7.0);
        assert!(earlier.table.estimate("a", "answered_ratio").mean.is_nan());
        assert!(earlier.table.estimate("a", "success_ratio").mean.is_nan());
        let [otherwise, beyond] = &earlier.notes[..] else {
            panic!("{:?}", earlier.notes);
        };
        assert!(
            otherwise.contains("`answered_ratio` meant something else"),
            "{otherwise}"
        );
        assert!(beyond.contains("`success_ratio` of `a`") && beyond.contains("above 1"));
    }

    #[test]
    fn what_an_older_result_lacks_is_unknown() {
        let text = r#"{"kind":"herd","name":"v1","policies":[{"name":"a",
            "metrics":{"calls":{"mean":7,"ci95":[6,8],"n":3}}}]}"#;
        let Earlier { name, table, .. } = parse(text).unwrap();
        assert_eq!(name, "v1");
        assert_eq!(table.estimate("a", "calls").high, 8.0);
        assert!(table.estimate("a", "attempts").mean.is_nan());
    }
}
