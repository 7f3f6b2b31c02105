//! A herd: policies under the same faults.

use std::path::Path;

use herdsim_core::ensemble::cost::Cost;
use herdsim_core::ensemble::herd::{HostResults, Keep, PolicyResults, Results, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, CALLS, COMPLETION_S, DEGRADED_S, DOUBLE_EFFECTS,
    GOODPUT_PER_S, ILL_AT_END_RATIO, JUDGED_CALLS, LATENCY_P50_S, LATENCY_P90_S, LATENCY_P99_S,
    LATENCY_P999_S, LOST_CALLS, METRICS, PEAK_AFTER_PER_S, QUANTILES, RECOVERED_RATIO, RECOVERY_S,
    SUCCESS_RATIO, WAIT_P50_S, WAIT_P90_S, WAIT_P99_S, WAIT_P999_S, WAITING_RATIO,
    WASTED_SERVICE_RATIO, metrics_of,
};
use herdsim_core::input;
use herdsim_core::metric::{Entry, Key, Part};
use herdsim_core::scenario::{Job, JobKind, Scenario};
use herdsim_core::theory::herd::{Amplification, Pressure};
use serde_json::{Map, Value as Json, json};

use crate::chart::{self, Charts};
use crate::measured::{self, Measured};
use crate::output::json::{Extras, estimate, metrics, number};
use crate::output::{csv, herd as files, load, scenario_file};
use crate::report::{self, Story};
use crate::study::{Context, File, Finished, Study, StudyError};
use herdsim_words::format::percent;
use herdsim_words::results::{Column, Manner, Partial, Recovery, Row, Table, Value};
use herdsim_words::text_table::wrapped;
use herdsim_words::verdict::herd::ranking::Measure;
use herdsim_words::verdict::herd::{cautions, tables, verdict};

/// What is compared, of closed loops first.
const COMPARED: [Key; 9] = [
    GOODPUT_PER_S,
    ANSWERED_RATIO,
    ATTEMPTS_PER_CALL,
    RECOVERY_S,
    DEGRADED_S,
    LOST_CALLS,
    PEAK_AFTER_PER_S,
    WAIT_P99_S,
    WASTED_SERVICE_RATIO,
];

pub static MANNER: Manner = Manner {
    kind: JobKind::Herd,
    cell: "policy",
    column: "policy",
    list: "policies",
    name: "name",
    metrics: Some("metrics"),
    differences: Some("policy"),
    labels: &[],
    figures: false,
    // All but the first, by which closed loops are ranked.
    compared: COMPARED.split_at(1).1,
    instead: &[SUCCESS_RATIO],
    needs: &[CALLS, ATTEMPTS_PER_CALL, COMPLETION_S, DOUBLE_EFFECTS],
    verb: ["answers", "answer"],
    better: "more calls",
    worse: "fewer calls",
    neither: "no policy answers more or fewer calls by more than chance",
    main: ANSWERED_RATIO,
    subject: "share of calls answered",
    extremes: ["least answered", "most answered"],
    lists_cells: false,
    recovery: Some(Recovery {
        time: RECOVERY_S,
        share: RECOVERED_RATIO,
        ill: DEGRADED_S,
        ill_at_end: ILL_AT_END_RATIO,
        waits: &[WAIT_P50_S, WAIT_P90_S, WAIT_P99_S, WAIT_P999_S],
        calls: JUDGED_CALLS,
    }),
    partial: &[
        Partial {
            metrics: &[SUCCESS_RATIO],
            share: WAITING_RATIO,
            is_left_out: true,
            says: "of its calls still wait at the end, and count neither way",
        },
        Partial {
            metrics: &[LATENCY_P50_S, LATENCY_P90_S, LATENCY_P99_S, LATENCY_P999_S],
            share: ANSWERED_RATIO,
            is_left_out: false,
            says: "of its calls are never answered, and have no latency: `wait_p99_s` is of all",
        },
    ],
};

/// The same of callers who wait for an answer before they call again: who fails fast asks
/// more, so that shares of calls would compare different questions.
static CLOSED: Manner = Manner {
    compared: &COMPARED,
    better: "more calls a second",
    worse: "fewer calls a second",
    neither: "no policy answers more or fewer calls a second by more than chance",
    main: GOODPUT_PER_S,
    subject: "calls answered per second",
    ..MANNER
};

/// How a scenario's results are spoken of.
fn manner(scenario: &Scenario) -> &'static Manner {
    match Measure::of(scenario) {
        Measure::Share => &MANNER,
        Measure::Rate => &CLOSED,
    }
}

/// The same of the services of a chain.
static TIERS: Manner = Manner {
    labels: &["tier"],
    ..MANNER
};

/// And of the groups of callers.
static GROUPS: Manner = Manner {
    labels: &["group"],
    ..MANNER
};

fn columns(scenario: &Scenario) -> Vec<Column> {
    let metric = |key| Column::of(Entry::of(METRICS, key).metric);
    metrics_of(scenario).map(metric).collect()
}

/// One row of the table, with a value for each metric.
fn row(
    scenario: &Scenario,
    name: &str,
    labels: Vec<String>,
    results: &PolicyResults,
    value: impl Fn(Key) -> Value,
) -> Row {
    Row {
        name: name.to_string(),
        labels,
        replications: results.raw.len() as u64,
        values: metrics_of(scenario).map(value).collect(),
    }
}

/// The policies with their differences from the first.
fn table(results: &Results) -> Table {
    let scenario = &results.scenario;
    let of = |policy: &PolicyResults| {
        row(scenario, &policy.name, Vec::new(), policy, |m| {
            policy.metric(m).into()
        })
    };
    let differences = results
        .policies
        .split_first()
        .map_or(Vec::new(), |(first, others)| {
            let of = |policy: &PolicyResults| {
                row(scenario, &policy.name, Vec::new(), policy, |m| {
                    policy.difference(first, m).into()
                })
            };
            others.iter().map(of).collect()
        });
    Table {
        manner: manner(&results.scenario),
        columns: columns(scenario),
        rows: results.policies.iter().map(of).collect(),
        differences,
    }
}

/// Parts of the run, one row a policy and part.
fn parts<'r, P: Iterator<Item = (String, &'r PolicyResults)>>(
    results: &'r Results,
    manner: &'static Manner,
    of: impl Fn(&'r PolicyResults) -> P,
) -> Table {
    let scenario = &results.scenario;
    let rows = results.policies.iter().flat_map(|policy| {
        of(policy).map(|(name, part)| {
            row(scenario, &policy.name, vec![name], part, |m| {
                part.metric(m).into()
            })
        })
    });
    Table {
        manner,
        columns: columns(scenario),
        rows: rows.collect(),
        differences: Vec::new(),
    }
}

/// The services of a chain.
fn tiers(results: &Results) -> Table {
    parts(results, &TIERS, |policy| {
        let tiers = policy.tiers().enumerate();
        tiers.map(|(i, tier)| (results.scenario.tier_name(i), tier))
    })
}

/// The groups of callers.
fn groups(results: &Results) -> Table {
    parts(results, &GROUPS, |policy| {
        let groups = policy.groups.iter();
        groups.map(|group| (group.name.clone(), group))
    })
}

/// What became of each host, by service where there are several.
fn hosts(results: &Results, policy: &PolicyResults) -> Vec<Json> {
    let services = policy.hosts.iter().enumerate();
    let of = |(tier, hosts): (usize, &Vec<HostResults>)| -> Vec<Json> {
        let named = |(i, host): (usize, &HostResults)| {
            let mut own = json!({
                "host": i + 1,
                "attempts_share": estimate(host.share),
                "failed_ratio": estimate(host.failed),
                "utilisation": estimate(host.busy),
                "mean_queue": estimate(host.queue),
            });
            if results.scenario.services.len() > 1 {
                own["tier"] = json!(results.scenario.tier_name(tier));
            }
            own
        };
        hosts.iter().enumerate().map(named).collect()
    };
    services.flat_map(of).collect()
}

/// What a policy has in `result.json` beside its metrics.
fn extras(results: &Results, tiers: &Table, groups: &Table) -> Extras {
    let mut rows = tiers.rows.iter();
    let mut group_rows = groups.rows.iter();
    let cell = |policy: &PolicyResults| {
        // Quantiles of all replications' latencies together; the metrics have the mean of
        // each replication's own.
        let pooled = |of: &dyn Fn(f64) -> f64| {
            let [p50, p90, p99, p999] = QUANTILES.map(|q| number(of(q)));
            json!({ "p50": p50, "p90": p90, "p99": p99, "p999": p999 })
        };
        let mut cell = Map::new();
        let answered = pooled(&|q| policy.waits.quantile_s(q));
        cell.insert("pooled_latency_s".to_string(), answered);
        cell.insert("pooled_wait_s".to_string(), pooled(&|q| policy.wait_s(q)));
        let own: Vec<&Row> = rows.by_ref().take(1 + policy.tiers.len()).collect();
        if own.len() > 1 {
            let amplification = policy.amplification().into_iter();
            let tier = |(row, attempts): (&Row, f64)| {
                json!({
                    "name": row.labels[0],
                    "attempts_per_outer_call": number(attempts),
                    "metrics": metrics(&TIERS, &tiers.columns, row),
                })
            };
            let tiers: Vec<Json> = own.into_iter().zip(amplification).map(tier).collect();
            cell.insert("tiers".to_string(), tiers.into());
        }
        let own = group_rows.by_ref().take(policy.groups.len());
        let group = |row: &Row| {
            json!({
                "name": row.labels[0],
                "metrics": metrics(&GROUPS, &groups.columns, row),
            })
        };
        let own: Vec<Json> = own.map(group).collect();
        if !own.is_empty() {
            cell.insert("groups".to_string(), own.into());
        }
        let hosts = hosts(results, policy);
        if !hosts.is_empty() {
            cell.insert("hosts".to_string(), hosts.into());
        }
        cell
    };
    Extras {
        whole: Map::new(),
        cells: results.policies.iter().map(cell).collect(),
    }
}

/// What is told of results, simulated just now or read back.
fn finish(results: Results, charts: Charts) -> Result<Finished, StudyError> {
    let verdict = verdict(&results);
    let cautions = cautions(&results);
    let before: String = cautions
        .iter()
        .map(|c| wrapped(&format!("warning: {c}")))
        .collect();
    let (tiers, groups) = (tiers(&results), groups(&results));
    let mut beside = vec![
        File::of("replications.csv", |out| files::replications(&results, out))?,
        File::of("timeseries.csv", |out| files::timeseries(&results, out))?,
        File::of("latencies.csv", |out| files::latencies(&results, out))?,
        File::of("waves.csv", |out| files::waves(&results, out))?,
    ];
    if results.scenario.services.len() > 1 {
        beside.push(File::of("tiers.csv", |out| csv::table(&tiers, out))?);
        beside.push(File::of("tier-replications.csv", |out| {
            files::tier_replications(&results, out)
        })?);
    }
    if results.scenario.told_groups() > 0 {
        beside.push(File::of("groups.csv", |out| csv::table(&groups, out))?);
        beside.push(File::of("group-replications.csv", |out| {
            files::group_replications(&results, out)
        })?);
        beside.push(File::of("group-timeseries.csv", |out| {
            files::group_timeseries(&results, out)
        })?);
    }
    if results.scenario.has(Part::Hosts) {
        beside.push(File::of("hosts.csv", |out| files::hosts(&results, out))?);
        beside.push(File::of("host-load.csv", |out| {
            files::host_load(&results, out)
        })?);
    }
    Ok(Finished {
        scenario: scenario_file(&results.scenario),
        table: table(&results),
        seed: results.scenario.run.seed,
        name: results.scenario.name.clone(),
        extras: extras(&results, &tiers, &groups),
        files: beside,
        text: format!("{before}{}\n{}", wrapped(&verdict), tables::text(&results)),
        markdown: format!(
            "{}{verdict}\n\n{}",
            cautions
                .iter()
                .map(|c| format!("**Warning:** {c}.\n\n"))
                .collect::<String>(),
            tables::markdown(&results)
        ),
        charts: charts.drawn,
        story: Story {
            absent: charts.absent.clone(),
            ..report::herd::story(&results)
        },
        replications: results.replications,
        events: results.events as f64,
        notes: precision(&results)
            .into_iter()
            .chain(charts.absent)
            .collect(),
        interrupted: results
            .interrupted
            .then(|| format!("{} replications", results.replications)),
        verdict,
    })
}

/// Whether the precision asked for was reached.
fn precision(results: &Results) -> Option<String> {
    let asked = results.scenario.run.precision?;
    let (asked, runs) = (percent(asked.0), results.replications);
    results.precise.map(|reached| match reached {
        true => format!("a precision of {asked} took {runs} runs"),
        false => format!("a precision of {asked} was not reached in {runs} runs"),
    })
}

/// An earlier herd, where its files still tell it.
fn earlier(directory: &Path) -> Option<files::Loaded> {
    let overlay = load::overlay(directory).ok()?;
    let Job::Herd(scenario) = Job::from_overlay(&overlay, JobKind::Herd).ok()? else {
        return None;
    };
    files::load(directory, scenario, &MANNER).ok()
}

impl Study for Scenario {
    fn manner(&self) -> &'static Manner {
        manner(self)
    }

    fn columns(&self) -> Vec<Column> {
        columns(self)
    }

    fn cells(&self) -> Vec<String> {
        self.policies.iter().map(|(name, _)| name.clone()).collect()
    }

    fn cost(&self, threads: usize, left: &mut u64) -> Cost {
        Cost::of_herd(self, threads, left)
    }

    fn simulate(&self, context: &Context<'_>) -> Result<Finished, StudyError> {
        let results = run_watched(self, context.workers, Keep::Everything, &context.watch);
        if results.replications == 0 {
            return Err(StudyError::Interrupted);
        }
        let before = context.before.and_then(earlier);
        let charts = match context.charts {
            true => chart::herd(
                &results,
                before.as_ref().map(|b| &b.results),
                &[],
                context.measured,
            )?,
            false => Charts::default(),
        };
        let mut finished = finish(results, charts)?;
        finished.files.extend(context.measured.map(|measured| File {
            name: measured::FILE,
            bytes: measured.csv(),
        }));
        finished
            .notes
            .extend(before.into_iter().flat_map(|b| b.gaps));
        Ok(finished)
    }

    fn table(&self, workers: &Workers, watch: &Watch<'_>) -> Result<Option<Table>, StudyError> {
        let results = run_watched(self, workers, Keep::Metrics, watch);
        Ok((!results.interrupted).then(|| table(&results)))
    }

    fn load(&self, directory: &Path, before: Option<&Path>) -> Result<Finished, StudyError> {
        let mut loaded = files::load(directory, self.clone(), &MANNER)?;
        let before = before.and_then(earlier);
        let measured = input::text(&directory.join(measured::FILE)).ok();
        let measured = measured.map(Measured::of_run).transpose()?;
        let charts = chart::herd(
            &loaded.results,
            before.as_ref().map(|b| &b.results),
            &loaded.unknown,
            measured.as_ref(),
        )?;
        loaded.gaps.extend(before.into_iter().flat_map(|b| b.gaps));
        let mut finished = finish(loaded.results, charts)?;
        finished.notes.extend(loaded.gaps);
        Ok(finished)
    }

    fn pressure(&self, cell: &str) -> Option<Pressure> {
        let (_, policy) = self.policies.iter().find(|(name, _)| name == cell)?;
        Some(Amplification::of(self, policy)?.pressure())
    }
}
