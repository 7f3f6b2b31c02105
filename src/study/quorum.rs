//! Quorum settings: what a read is worth after a write.

use std::path::Path;

use herdsim_core::ensemble::cost::{Cost, TRIED};
use herdsim_core::ensemble::quorum::{
    Cell, LATENCIES, METRICS, QuorumResults, READ_P99, STALE, T_VISIBILITY, VERSIONS, VERSIONS_PBS,
    VISIBILITY, WRITE_P99, run_watched, visible,
};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::metric::{Key, key_of};
use herdsim_core::scenario::JobKind;
use herdsim_core::scenario::quorum::{QuorumScenario, setting_name};
use herdsim_core::stats::Estimate;
use herdsim_core::theory::quorum::lost_by_skew;
use serde_json::{Map, Value as Json, json};

use crate::chart::{self, Charts};
use crate::output::json::{Extras, number};
use crate::output::quorum::{self as files, versions_name, versions_pbs_name, visibility_name};
use crate::output::{csv, scenario_file};
use crate::report::{self, Story};
use crate::study::{Context, File, Finished, Study, StudyError};
use herdsim_words::format::thousands;
use herdsim_words::results::{Column, Manner, Row, Table};
use herdsim_words::verdict::quorum as words;

pub static MANNER: Manner = Manner {
    kind: JobKind::Quorum,
    cell: "setting",
    column: "setting",
    list: "cells",
    name: "name",
    metrics: Some("metrics"),
    differences: None,
    labels: &["n", "r", "w", "method", "always_fresh", "writes_meet"],
    figures: false,
    compared: &[STALE, T_VISIBILITY, READ_P99, WRITE_P99],
    instead: &[],
    needs: &[
        STALE,
        READ_P99,
        WRITE_P99,
        needed("read_latency_p50_s"),
        needed("read_latency_p999_s"),
        needed("write_latency_p50_s"),
        needed("write_latency_p999_s"),
        needed("available_reads"),
        needed("available_writes"),
        needed("replica_down"),
        needed("resilience"),
    ],
    verb: ["gives", "give"],
    better: "fewer stale reads",
    worse: "more stale reads",
    neither: "no setting gives more or fewer stale reads by more than chance",
    main: STALE,
    subject: "chance of a stale read at the first t",
    extremes: ["least stale", "most stale"],
    lists_cells: true,
    recovery: None,
    partial: &[],
};

const fn needed(name: &'static str) -> Key {
    key_of(METRICS, name)
}

/// Every metric, those of each level and number of versions last.
fn columns(scenario: &QuorumScenario) -> Vec<Column> {
    let mut columns: Vec<Column> = METRICS.iter().map(|m| Column::of(m.metric)).collect();
    for level in &scenario.read.visibility {
        columns.push(Column::named(visibility_name(level.0), VISIBILITY));
    }
    for k in 1..=scenario.read.versions {
        columns.push(Column::named(versions_name(k), VERSIONS));
    }
    for k in 1..=scenario.read.versions {
        columns.push(Column::named(versions_pbs_name(k), VERSIONS_PBS));
    }
    columns
}

/// Settings as a table.
fn table(scenario: &QuorumScenario, cells: &[Cell], trials: u64) -> Table {
    let row = |cell: &Cell| {
        let own = METRICS.iter().map(|m| m.value(cell));
        let levels = cell.visibility.iter().map(|(_, t)| visible(*t));
        let missed = cell.versions.iter().map(|(missed, _)| *missed);
        let pbs = cell.versions.iter().map(|(_, pbs)| Estimate::certain(*pbs));
        Row {
            name: cell.name.clone(),
            labels: vec![
                cell.n.to_string(),
                cell.r.to_string(),
                cell.w.to_string(),
                cell.found.name().to_string(),
                cell.always_fresh.to_string(),
                cell.writes_meet.to_string(),
            ],
            replications: trials,
            values: own
                .chain(levels)
                .chain(missed)
                .chain(pbs)
                .map(Into::into)
                .collect(),
        }
    };
    Table {
        manner: &MANNER,
        columns: columns(scenario),
        rows: cells.iter().map(row).collect(),
        differences: Vec::new(),
    }
}

fn members(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(members) => members,
        other => Map::from_iter([("value".to_string(), other)]),
    }
}

/// What a setting has in `result.json` beside its metrics.
fn extras(results: &QuorumResults<'_>) -> Extras {
    let ci = |e: Estimate| match e.n == 0 && e.sd != 0.0 {
        true => Json::Null,
        false => json!({ "mean": number(e.mean), "ci95": [number(e.low), number(e.high)] }),
    };
    let latency = |of: &[f64; 3]| -> Json {
        let pairs = LATENCIES.iter().zip(of);
        pairs
            .map(|((name, _), x)| (name.to_string(), number(*x)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let bounds_of = |of: &[[f64; 2]; 3]| -> Json {
        let pairs = LATENCIES.iter().zip(of);
        pairs
            .map(|((name, _), ci)| (name.to_string(), json!(ci.map(number))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let cell = |cell: &Cell| {
        let points: Vec<Json> = cell
            .points
            .iter()
            .enumerate()
            .map(|(k, point)| {
                let best = point.best();
                json!({
                    "t_s": point.t,
                    "p_stale": number(best.mean),
                    "ci95": [number(best.low), number(best.high)],
                    "exact": point.exact,
                    "conditional": ci(point.weighed),
                    "simulated": ci(point.simulated),
                    "z": cell.z(k),
                    "failed_visible": ci(point.visible),
                })
            })
            .collect();
        let levels: serde_json::Map<String, Json> = cell
            .visibility
            .iter()
            .map(|(level, [t, ..])| (format!("{level}"), json!(t)))
            .collect();
        let bounds: serde_json::Map<String, Json> = cell
            .visibility
            .iter()
            .map(|(level, [_, low, high])| (format!("{level}"), json!([low, high])))
            .collect();
        let versions: Vec<Json> = cell
            .versions
            .iter()
            .zip(1..)
            .map(|((e, pbs), k)| {
                json!({ "k": k, "p_missed": number(e.mean),
                        "ci95": [number(e.low), number(e.high)], "pbs": pbs })
            })
            .collect();
        members(json!({
            "n": cell.n,
            "r": cell.r,
            "w": cell.w,
            "method": cell.found.name(),
            "relative_error": cell.error,
            "always_fresh": cell.always_fresh,
            "writes_meet": cell.writes_meet,
            "points": points,
            "t_visibility_s": levels,
            "t_visibility_ci95_s": bounds,
            "read_latency_s": latency(&cell.read_latency),
            "write_latency_s": latency(&cell.write_latency),
            "read_latency_ci95_s": bounds_of(&cell.latency_ci[0]),
            "write_latency_ci95_s": bounds_of(&cell.latency_ci[1]),
            "k_staleness": versions,
            "read_your_writes": number(1.0 - cell.points.first().map_or(f64::NAN, |p| p.best().mean)),
            "p_backwards": ci(cell.backwards),
            "failed_writes": ci(cell.failed_writes),
            "failed_reads": ci(cell.failed_reads),
            "replica_down": cell.down,
            "available_reads": cell.available[0],
            "available_writes": cell.available[1],
            "resilience": cell.resilience[0].min(cell.resilience[1]),
            "read_resilience": cell.resilience[0],
            "write_resilience": cell.resilience[1],
            "load": cell.load,
            "capacity": cell.capacity,
        }))
    };
    Extras {
        whole: members(json!({
            "trials": results.trials,
            "lost_by_clock_skew": lost_by_skew(results.scenario),
        })),
        cells: results.cells.iter().map(cell).collect(),
    }
}

/// What is told of settings, worked out just now or read back.
fn finish(results: &QuorumResults<'_>, charts: bool) -> Result<Finished, StudyError> {
    let scenario = results.scenario;
    let mut resolved = scenario.clone();
    if results.interrupted {
        resolved.run.replications = results.trials;
    }
    let charts = match charts {
        true => chart::quorum(results)?,
        false => Charts::default(),
    };
    let mut beside = vec![File::of("staleness.csv", |out| {
        files::staleness(results, out)
    })?];
    if results.curves.iter().any(|curve| !curve.is_empty()) {
        beside.push(File::of("curves.csv", |out| files::curves(results, out))?);
    }
    if !results.majorities.is_empty() {
        let majorities = table(scenario, &results.majorities, results.trials);
        beside.push(File::of("majorities.csv", |out| {
            csv::table(&majorities, out)
        })?);
    }
    Ok(Finished {
        scenario: scenario_file(&resolved),
        table: table(scenario, &results.cells, results.trials),
        verdict: words::verdict(results),
        seed: scenario.run.seed,
        name: scenario.name.clone(),
        extras: extras(results),
        files: beside,
        text: words::text(results),
        markdown: words::markdown(results),
        charts: charts.drawn,
        story: Story {
            absent: charts.absent.clone(),
            ..report::quorum::story(results)
        },
        replications: results.trials,
        events: Cost::of_settings(&resolved, 1, &mut { TRIED }).events,
        notes: charts.absent,
        interrupted: results
            .interrupted
            .then(|| format!("{} trials", thousands(results.trials as f64))),
    })
}

impl Study for QuorumScenario {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn columns(&self) -> Vec<Column> {
        columns(self)
    }

    fn cells(&self) -> Vec<String> {
        self.settings().iter().map(setting_name).collect()
    }

    fn cost(&self, threads: usize, left: &mut u64) -> Cost {
        Cost::of_settings(self, threads, left)
    }

    fn simulate(&self, context: &Context<'_>) -> Result<Finished, StudyError> {
        let results = run_watched(self, context.workers, true, &context.watch)?;
        match results.interrupted && results.trials == 0 {
            true => Err(StudyError::Interrupted),
            false => finish(&results, context.charts),
        }
    }

    fn table(&self, workers: &Workers, watch: &Watch<'_>) -> Result<Option<Table>, StudyError> {
        let results = run_watched(self, workers, false, watch)?;
        Ok((!results.interrupted).then(|| table(self, &results.cells, results.trials)))
    }

    fn load(&self, directory: &Path, _before: Option<&Path>) -> Result<Finished, StudyError> {
        let (results, gaps) = files::load(directory, self, &MANNER, &columns(self))?;
        let mut finished = finish(&results, true)?;
        finished.notes = gaps;
        Ok(finished)
    }

    fn older(&self, cell: &Json) -> Map<String, Json> {
        older(cell)
    }
}

/// What can be judged of a setting, from where `result.json` had it before it had `metrics`.
fn older(cell: &Json) -> Map<String, Json> {
    let mut all = Map::new();
    let mut put = |name: &str, mean: &Json, ci95: &Json| {
        all.insert(name.to_string(), json!({ "mean": mean, "ci95": ci95 }));
    };
    let points = cell["points"].as_array().map_or(&[][..], Vec::as_slice);
    for (name, point) in [("p_stale", points.first()), ("p_stale_last", points.last())] {
        if let Some(point) = point {
            put(name, &point["p_stale"], &point["ci95"]);
        }
    }
    for operation in ["read", "write"] {
        for (quantile, _) in LATENCIES {
            let latency = &cell[format!("{operation}_latency_s")][quantile];
            let ci95 = &cell[format!("{operation}_latency_ci95_s")][quantile];
            put(&format!("{operation}_latency_{quantile}_s"), latency, ci95);
        }
    }
    for name in ["p_backwards", "failed_writes", "failed_reads"] {
        put(name, &cell[name]["mean"], &cell[name]["ci95"]);
    }
    for name in [
        "available_reads",
        "available_writes",
        "resilience",
        "load",
        "capacity",
    ] {
        put(name, &cell[name], &json!([cell[name], cell[name]]));
    }
    // Of several levels the highest.
    let levels = cell["t_visibility_s"].as_object().into_iter().flatten();
    let level = |name: &&String| name.parse::<f64>().unwrap_or(0.0);
    let highest = levels
        .map(|(name, _)| name)
        .max_by(|a, b| level(a).total_cmp(&level(b)));
    if let Some(level) = highest {
        let ci95 = &cell["t_visibility_ci95_s"][level];
        put("t_visibility_s", &cell["t_visibility_s"][level], ci95);
    }
    all
}
