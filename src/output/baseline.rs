//! Against an earlier run: what is better, what is worse, by more than chance.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::ensemble::stats::Estimate;
use crate::output::assertion::Judged;
use crate::output::finding::ANSWERED;
use crate::output::table::{Grid, grouped};
use crate::output::words::{chance, list, percent, plus_minus, seconds};
use crate::scenario::JobKind;

/// The cells and metrics of an earlier `result.json`.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// The name of its run.
    pub name: String,
    kind: JobKind,
    cells: Vec<(String, BTreeMap<String, Estimate>)>,
}

/// A metric that a comparison looks at.
#[derive(Debug)]
pub struct Aspect {
    pub metric: &'static str,
    pub title: &'static str,
    unit: Unit,
    more_is_better: bool,
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    /// A share, whose changes are points of a hundred.
    Share,
    /// A chance, however small.
    Chance,
    Seconds,
    Plain,
}

const fn aspect(
    metric: &'static str,
    title: &'static str,
    unit: Unit,
    more_is_better: bool,
) -> Aspect {
    Aspect {
        metric,
        title,
        unit,
        more_is_better,
    }
}

/// How runs of a kind are compared: by the first aspect first of all.
struct Manner {
    kind: JobKind,
    /// What a cell is, and the key of its name.
    cell: &'static str,
    key: &'static str,
    list: &'static str,
    /// "answers more calls", of one cell and of several.
    verb: [&'static str; 2],
    better: &'static str,
    worse: &'static str,
    neither: &'static str,
    aspects: &'static [Aspect],
}

const MANNERS: [Manner; 4] = [
    Manner {
        kind: JobKind::Herd,
        cell: "policy",
        key: "name",
        list: "policies",
        verb: ["answers", "answer"],
        better: "more calls",
        worse: "fewer calls",
        neither: "no policy answers more or fewer calls by more than chance",
        aspects: &[
            aspect(ANSWERED, "answered", Unit::Share, true),
            aspect("attempts_per_call", "attempts", Unit::Plain, false),
            aspect("recovery_s", "recovery", Unit::Seconds, false),
            aspect("latency_p99_s", "p99 latency", Unit::Seconds, false),
            aspect("wasted_service_ratio", "wasted work", Unit::Share, false),
        ],
    },
    Manner {
        kind: JobKind::Fence,
        cell: "guard",
        key: "guard",
        list: "cells",
        verb: ["lets", "let"],
        better: "fewer stale writes through",
        worse: "more stale writes through",
        neither: "no guard lets more or fewer stale writes through by more than chance",
        aspects: &[
            aspect("p_stale_write", "stale write", Unit::Chance, false),
            aspect("p_lost_update", "lost update", Unit::Chance, false),
            aspect("p_overlap", "lands late", Unit::Chance, false),
        ],
    },
    Manner {
        kind: JobKind::Saga,
        cell: "key mode",
        key: "key",
        list: "cells",
        verb: ["executes", "execute"],
        better: "fewer operations again",
        worse: "more operations again",
        neither: "no key mode executes more or fewer operations again by more than chance",
        aspects: &[
            aspect("p_duplicate", "executed again", Unit::Chance, false),
            aspect("p_lost", "lost", Unit::Chance, false),
            aspect("p_phantom", "phantom", Unit::Chance, false),
            aspect("executions_per_operation", "executions", Unit::Plain, false),
        ],
    },
    Manner {
        kind: JobKind::Quorum,
        cell: "setting",
        key: "name",
        list: "cells",
        verb: ["gives", "give"],
        better: "fewer stale reads",
        worse: "more stale reads",
        neither: "no setting gives more or fewer stale reads by more than chance",
        aspects: &[
            aspect("p_stale", "stale read", Unit::Chance, false),
            aspect("t_visibility_s", "visible after", Unit::Seconds, false),
            aspect("read_latency_p99_s", "read p99", Unit::Seconds, false),
            aspect("write_latency_p99_s", "write p99", Unit::Seconds, false),
        ],
    },
];

fn manner(kind: JobKind) -> &'static Manner {
    let of_kind = MANNERS.iter().find(|m| m.kind == kind);
    of_kind.unwrap_or_else(|| unreachable!("every kind has its manner"))
}

impl Aspect {
    /// A value as a table has it.
    pub fn show(&self, x: f64) -> String {
        match self.unit {
            _ if x.is_nan() => "–".to_string(),
            Unit::Share => format!("{:.2}%", x * 100.0),
            Unit::Chance => chance(x),
            Unit::Seconds => seconds(x),
            Unit::Plain => format!("{x:.3}"),
        }
    }

    /// A change with the half width of its interval.
    pub fn show_change(&self, change: Estimate) -> String {
        let (mean, half) = (change.mean, change.half_width());
        let with_unit = |scale: f64, unit: &str| {
            let sign = if mean < 0.0 { "−" } else { "+" };
            let text = plus_minus(mean.abs() * scale, half * scale, 2);
            format!("{sign}{text}{unit}")
        };
        match self.unit {
            _ if mean.is_nan() => "–".to_string(),
            _ if mean == 0.0 && half == 0.0 => "no change".to_string(),
            Unit::Chance if mean == 0.0 && half < 1e-4 => format!("0 ±{half:.0e}"),
            Unit::Chance if mean.abs().max(half) < 1e-4 => format!("{mean:+.1e} ±{half:.0e}"),
            Unit::Share | Unit::Chance => with_unit(100.0, " points"),
            Unit::Seconds if mean.abs().max(half) < 1.0 => with_unit(1e3, " ms"),
            Unit::Seconds => with_unit(1.0, " s"),
            Unit::Plain => with_unit(1.0, ""),
        }
    }
}

/// One metric of one cell, then and now.
#[derive(Debug)]
pub struct Change {
    pub cell: String,
    pub aspect: &'static Aspect,
    pub before: Estimate,
    pub now: Estimate,
    /// Both in words.
    pub told: [String; 2],
    /// Now less before, with the 95% interval of it.
    pub change: Estimate,
    /// better, worse, or indistinguishable from before.
    pub word: &'static str,
}

/// What became of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// A line: worse, better or neither.
    pub verdict: String,
    /// What is compared with.
    pub baseline: String,
    /// Cell by cell, aspect by aspect.
    pub changes: Vec<Change>,
    /// What a cell is.
    cell: &'static str,
}

impl Comparison {
    /// Before and after for a terminal: under each cell its metrics.
    pub fn text(&self) -> String {
        let rows = self.changes.iter().map(|c| {
            let [before, now] = c.told.clone();
            let change = c.aspect.show_change(c.change);
            let title = c.aspect.title.to_string();
            (
                c.cell.as_str(),
                [title, before, now, change, c.word.to_string()],
            )
        });
        let headers = [self.cell, "before", "now", "change", "verdict"];
        grouped(&headers, rows)
    }

    /// Before and after.
    pub fn table(&self) -> Grid {
        let rows: Vec<Vec<String>> = self
            .changes
            .iter()
            .map(|c| {
                vec![
                    c.cell.clone(),
                    c.aspect.title.to_string(),
                    c.told[0].clone(),
                    c.told[1].clone(),
                    c.aspect.show_change(c.change),
                    c.word.to_string(),
                ]
            })
            .collect();
        let headers = [self.cell, "metric", "before", "now", "change", "verdict"];
        Grid::new(&format!("Against {}", self.baseline), &headers, &rows)
    }
}

/// The difference of two independent estimates, whose intervals need not be symmetric
/// (Zou and Donner 2008, after Newcombe). Where an interval is missing, so is that of the
/// difference; what is certain has one of no width.
fn difference(now: Estimate, before: Estimate) -> Estimate {
    let mean = now.mean - before.mean;
    Estimate {
        mean,
        low: mean - (now.mean - now.low).hypot(before.high - before.mean),
        high: mean + (now.high - now.mean).hypot(before.mean - before.low),
        n: now.n.min(before.n),
        sd: f64::NAN,
    }
}

impl Baseline {
    /// Reads a `result.json` of a run of some kind.
    ///
    /// # Errors
    /// What is missing, and where.
    pub fn parse(text: &str, kind: JobKind) -> Result<Baseline, String> {
        let manner = manner(kind);
        let json: Json = serde_json::from_str(text).map_err(|e| format!("no result.json: {e}"))?;
        match json["kind"].as_str() {
            Some(name) if name == kind.name() => {}
            Some(name) => {
                let needed = kind.name();
                return Err(format!(
                    "a result of kind `{name}`; one of kind `{needed}` is needed"
                ));
            }
            None => return Err("no result.json: it has no `kind`".to_string()),
        }
        let key = manner.list;
        let list = json[key]
            .as_array()
            .ok_or_else(|| format!("no result.json: it has no list `{key}`"))?;
        let mut cells = Vec::new();
        for (i, cell) in list.iter().enumerate() {
            let name = cell[manner.key]
                .as_str()
                .ok_or_else(|| format!("`{key}[{i}]` has no `{}`", manner.key))?;
            let metrics = match kind {
                JobKind::Herd => {
                    let metrics = cell["metrics"].as_object();
                    metrics.ok_or_else(|| format!("policy `{name}` has no `metrics`"))?;
                    estimates(&cell["metrics"])
                }
                JobKind::Fence | JobKind::Saga => estimates(cell),
                JobKind::Quorum => setting(cell),
            };
            cells.push((readable(name), metrics));
        }
        Ok(Baseline {
            name: readable(json["name"].as_str().unwrap_or("baseline")),
            kind,
            cells,
        })
    }

    /// [`compare`]s a run with it.
    pub fn compare(&self, now: &dyn Judged) -> Comparison {
        compare(self.kind, &self.name, self, now)
    }
}

/// Compares a run with an earlier one of the same kind, cell by cell, those that are
/// in both.
///
/// The runs are taken as independent, so that intervals are rather too wide where they
/// share their random numbers.
pub fn compare(kind: JobKind, name: &str, then: &dyn Judged, now: &dyn Judged) -> Comparison {
    let manner = manner(kind);
    let mut changes = Vec::new();
    let (mut better, mut worse, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let known = then.cells();
    for cell in now.cells() {
        if !known.contains(&cell) {
            missing.push(cell.to_string());
            continue;
        }
        for (i, aspect) in manner.aspects.iter().enumerate() {
            let before = then.estimate(cell, aspect.metric);
            let e = now.estimate(cell, aspect.metric);
            let change = difference(e, before);
            // What is computed, and not simulated, is known to some digits.
            let rounding = match change.half_width() == 0.0 {
                true => 1e-4 * before.mean.abs(),
                false => 0.0,
            };
            let alike = change.low <= rounding && change.high >= -rounding;
            let told = [told(then, cell, aspect), told(now, cell, aspect)];
            let never = told.each_ref().map(|text| text == "never");
            let word = match never {
                [true, true] => "indistinguishable",
                [true, false] => "better",
                [false, true] => "worse",
                _ if change.mean.is_nan() => "–",
                _ if change.mean == 0.0 => "indistinguishable",
                _ if change.low.is_nan() => "no interval",
                _ if alike => "indistinguishable",
                _ if (change.mean > 0.0) == aspect.more_is_better => "better",
                _ => "worse",
            };
            match word {
                "better" if i == 0 => better.push(cell.to_string()),
                "worse" if i == 0 => worse.push(cell.to_string()),
                _ => {}
            }
            if before.mean.is_nan() && e.mean.is_nan() && never != [true, true] {
                continue;
            }
            changes.push(Change {
                cell: cell.to_string(),
                aspect,
                before,
                now: e,
                told,
                change,
                word,
            });
        }
    }
    let does = |cells: &[String], what: &str| {
        let verb = manner.verb[usize::from(cells.len() > 1)];
        match cells.len() {
            n if n > 4 => format!("{n} {} {verb} {what}", plural(manner.cell)),
            _ => format!("{} {verb} {what}", list(cells)),
        }
    };
    // Of the first aspect, by which the verdict goes.
    let mut main = changes
        .iter()
        .filter(|c| c.aspect.metric == manner.aspects[0].metric);
    let untold = main.any(|c| c.word == "no interval");
    let mut verdict = match (&worse[..], &better[..]) {
        _ if changes.is_empty() => format!("Nothing is in this run and in {name}"),
        ([], []) if untold => {
            format!("{name} and this run cannot be told apart: there are no intervals")
        }
        ([], []) => format!("As {name}: {}", manner.neither),
        ([], better) => format!("Better than {}: {}", name, does(better, manner.better)),
        (worse, []) => format!("Worse than {}: {}", name, does(worse, manner.worse)),
        (worse, better) => format!(
            "Worse than {} for some: {}; {}",
            name,
            does(worse, manner.worse),
            does(better, manner.better)
        ),
    };
    match missing.len() {
        0 => {}
        _ if changes.is_empty() => {}
        1 => verdict += &format!("; {} was not part of it", missing[0]),
        n if n > 4 => verdict += &format!("; {n} others were not part of it"),
        _ => verdict += &format!("; {} were not part of it", list(&missing)),
    }
    let cells = now.cells();
    let gone: Vec<&str> = known.into_iter().filter(|c| !cells.contains(c)).collect();
    match gone.len() {
        0 => {}
        _ if changes.is_empty() => {}
        1..=4 => verdict += &format!("; without {}", list(&gone)),
        n => verdict += &format!("; without {n} that were part of it"),
    }
    Comparison {
        verdict,
        baseline: name.to_string(),
        changes,
        cell: manner.cell,
    }
}

/// The value of a cell in words: who recovers in no run does so never.
fn told(results: &dyn Judged, cell: &str, aspect: &Aspect) -> String {
    let e = results.estimate(cell, aspect.metric);
    if aspect.metric != "recovery_s" {
        return aspect.show(e.mean);
    }
    match results.estimate(cell, "recovered_ratio").mean {
        0.0 => "never".to_string(),
        share if share < 1.0 => format!("{} in {}", seconds(e.mean), percent(share)),
        _ => aspect.show(e.mean),
    }
}

fn plural(cell: &str) -> String {
    match cell.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{cell}s"),
    }
}

impl Judged for Baseline {
    fn cells(&self) -> Vec<&str> {
        self.cells.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn estimate(&self, cell: &str, metric: &str) -> Estimate {
        let cell = self.cells.iter().find(|(name, _)| name == cell);
        let found = cell.and_then(|(_, metrics)| metrics.get(metric));
        found.copied().unwrap_or(Estimate::NONE)
    }
}

/// A name from a file of anybody's: a line, of moderate length, that a terminal can take.
fn readable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn number(json: &Json) -> f64 {
    json.as_f64().unwrap_or(f64::NAN)
}

fn estimate(mean: &Json, interval: &Json, n: &Json) -> Estimate {
    Estimate {
        mean: number(mean),
        low: number(&interval[0]),
        high: number(&interval[1]),
        n: n.as_u64().unwrap_or(0),
        sd: f64::NAN,
    }
}

/// Every member of an object that is an estimate.
fn estimates(json: &Json) -> BTreeMap<String, Estimate> {
    let members = json.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| value.get("mean").is_some())
        .map(|(name, v)| (name.clone(), estimate(&v["mean"], &v["ci95"], &v["n"])))
        .collect()
}

/// What can be judged of a setting of a quorum, by the names that conditions use.
fn setting(json: &Json) -> BTreeMap<String, Estimate> {
    let mut all = estimates(json);
    let mut put = |name: &str, e: Estimate| all.insert(name.to_string(), e);
    let points = json["points"].as_array().map_or(&[][..], Vec::as_slice);
    for (name, point) in [("p_stale", points.first()), ("p_stale_last", points.last())] {
        if let Some(point) = point {
            put(
                name,
                estimate(&point["p_stale"], &point["ci95"], &Json::Null),
            );
        }
    }
    for operation in ["read", "write"] {
        let latencies = json[format!("{operation}_latency_s")].as_object();
        for (quantile, value) in latencies.into_iter().flatten() {
            let name = format!("{operation}_latency_{quantile}_s");
            let interval = &json[format!("{operation}_latency_ci95_s")][quantile];
            put(&name, estimate(value, interval, &Json::Null));
        }
    }
    for name in [
        "available_reads",
        "available_writes",
        "resilience",
        "load",
        "capacity",
    ] {
        put(name, Estimate::certain(number(&json[name])));
    }
    // Of several levels the highest.
    let levels = json["t_visibility_s"].as_object().into_iter().flatten();
    let level = |name: &&String| name.parse::<f64>().unwrap_or(0.0);
    let highest = levels
        .map(|(name, _)| name)
        .max_by(|a, b| level(a).total_cmp(&level(b)));
    if let Some(level) = highest {
        let interval = &json["t_visibility_ci95_s"][level];
        let t = &json["t_visibility_s"][level];
        put("t_visibility_s", estimate(t, interval, &Json::Null));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Now([f64; 3]);

    impl Judged for Now {
        fn cells(&self) -> Vec<&str> {
            vec!["fixed", "new"]
        }

        fn estimate(&self, _: &str, metric: &str) -> Estimate {
            match metric {
                "answered_ratio" => Estimate {
                    mean: self.0[0],
                    low: self.0[1],
                    high: self.0[2],
                    n: 20,
                    sd: 0.01,
                },
                _ => Estimate::NONE,
            }
        }
    }

    #[test]
    fn changes_are_told_from_chance() {
        let before = r#"{"kind":"herd","name":"v1","policies":[{"name":"fixed",
            "metrics":{"answered_ratio":{"mean":0.9,"ci95":[0.88,0.92]}}}]}"#;
        let baseline = Baseline::parse(before, JobKind::Herd).unwrap();
        // Half widths of 2 points each make one of 2.83 together.
        for (mean, word, verdict) in [
            (0.92, "indistinguishable", "As v1"),
            (0.93, "better", "Better than v1: fixed answers more calls"),
            (0.86, "worse", "Worse than v1: fixed answers fewer calls"),
        ] {
            let now = Now([mean, mean - 0.02, mean + 0.02]);
            let comparison = baseline.compare(&now);
            let change = &comparison.changes[0];
            assert_eq!(change.word, word, "{mean}");
            assert!((change.change.half_width() - 0.02f64.hypot(0.02)).abs() < 1e-12);
            assert!(comparison.verdict.starts_with(verdict));
            assert!(comparison.verdict.ends_with("new was not part of it"));
        }
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
        ] {
            let error = Baseline::parse(text, JobKind::Herd).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
