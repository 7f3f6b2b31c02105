//! What a scenario comes to, in the words of the command.

use herdsim_core::ensemble::cost::{Cost, TRIED};
use herdsim_core::ensemble::herd::{Keep, PolicyResults, Results, run_watched};
use herdsim_core::ensemble::quorum;
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::metrics_of;
use herdsim_core::herd::series::{GOODPUT, OFFERED};
use herdsim_core::metric::Key;
use herdsim_core::scenario::action::Action;
use herdsim_core::scenario::fault::Fault;
use herdsim_core::scenario::quorum::QuorumScenario;
use herdsim_core::scenario::{Job, Problem, Scenario};
use herdsim_core::units::Nanos;
use herdsim_words::format::{bytes, large};
use herdsim_words::verdict::herd as words;
use herdsim_words::verdict::quorum as quorum_words;
use serde_json::{Value as Json, json};

use crate::refusal::Refusal;
use crate::scale::smaller;
use crate::text::job;

/// Events of one replication of all policies at most: some ten seconds of a page.
const MOST_EVENTS: f64 = 60e6;
/// Bytes that a page may take.
const MOST_BYTES: f64 = 1e9;

/// The one thread there is.
pub fn workers() -> Result<Workers, Refusal> {
    Workers::new(1).map_err(|e| Refusal::Problem(Problem::new(e.to_string())))
}

fn too_large(cost: Cost) -> Result<(), Refusal> {
    let why = match (cost.events > MOST_EVENTS, cost.bytes > MOST_BYTES) {
        (true, _) => format!("About {} events a run", large(cost.events)),
        (_, true) => format!("About {} of memory", bytes(cost.bytes)),
        _ => return Ok(()),
    };
    Err(Refusal::Elsewhere {
        why: format!("{why}: too much for a page. The command takes it, on every core."),
        command: "herdsim run scenario.toml",
    })
}

/// Runs a scenario.
pub fn run(text: &str, replications: Option<u64>, small: bool, raw: bool) -> Result<Json, Refusal> {
    match job(text)? {
        Job::Herd(scenario) => herd(scenario, replications, small, raw),
        Job::Quorum(scenario) => settings(&scenario),
        Job::Fence(_) => Err(Refusal::Elsewhere {
            why: "A fence is not run on this page.".to_string(),
            command: "herdsim run scenario.toml",
        }),
        Job::Saga(_) => Err(Refusal::Elsewhere {
            why: "A saga is not run on this page.".to_string(),
            command: "herdsim run scenario.toml",
        }),
    }
}

/// Whether one replication of it can be run on a page.
pub fn fits(scenario: &Scenario) -> Result<(), Refusal> {
    let mut one = scenario.clone();
    one.run.replications = 1;
    one.run.precision = None;
    one.run.max_replications = None;
    affordable(|left| Cost::of_herd(&one, 1, left))
}

/// Whether a page can afford it: by its bound, or where only its events are too many for that, as
/// it is tried out.
fn affordable(cost: impl Fn(&mut u64) -> Cost) -> Result<(), Refusal> {
    let bound = cost(&mut 0);
    match bound.bytes > MOST_BYTES || bound.events <= MOST_EVENTS {
        true => too_large(bound),
        false => too_large(cost(&mut { TRIED })),
    }
}

fn herd(
    mut scenario: Scenario,
    replications: Option<u64>,
    small: bool,
    raw: bool,
) -> Result<Json, Refusal> {
    let asked = scenario.run.replications;
    let most = scenario.run.max_replications.unwrap_or(asked).max(asked);
    if let Some(replications) = replications {
        scenario.run.replications = replications.max(1);
        scenario.run.precision = None;
        scenario.run.max_replications = None;
    }
    let times = match small.then(|| smaller(&scenario)).flatten() {
        Some((smaller, times)) => {
            scenario = smaller;
            times
        }
        None => 1,
    };
    fits(&scenario)?;
    let results = run_watched(&scenario, &workers()?, Keep::Everything, &Watch::default());
    let mut told = json!({
        "kind": "herd",
        "headline": words::headline(&results),
        "verdict": words::verdict(&results),
        "cautions": words::cautions(&results),
        "setting": words::setting(&results),
        "replications": results.replications,
        "asked": asked,
        "most": most,
        "smaller": times,
        "names": results.policies.iter().map(|policy| &policy.name).collect::<Vec<_>>(),
        "policies": labels(&results),
        "board": board(&results),
        "series": series(&results),
    });
    if raw {
        let names = metrics_of(&scenario).map(Key::name).collect::<Vec<_>>();
        let of = |policy: &PolicyResults| {
            let samples = policy.raw.iter();
            let samples =
                samples.map(|sample| metrics_of(&scenario).map(|m| sample[m]).collect::<Vec<_>>());
            samples.collect::<Vec<_>>()
        };
        let all: Vec<_> = results.policies.iter().map(of).collect();
        told["raw"] = json!({ "metrics": names, "policies": all });
    }
    Ok(told)
}

fn labels(results: &Results) -> Vec<String> {
    let names = results.policies.iter().map(|policy| &policy.name);
    names.map(|name| results.scenario.label(name)).collect()
}

/// The columns of the scoreboard, each with a value a policy.
fn board(results: &Results) -> Json {
    let columns = words::board::columns(&results.scenario);
    let told = columns.iter().map(|column| {
        let values = results.policies.iter().map(|policy| {
            let e = policy.metric(column.metric);
            json!({
                "mean": e.mean,
                "low": e.low,
                "high": e.high,
                "told": column.words(policy),
            })
        });
        json!({
            "heading": column.heading,
            "least": column.least,
            "values": values.collect::<Vec<_>>(),
        })
    });
    told.collect()
}

/// The time series that a page draws, by policy, and what happened when.
fn series(results: &Results) -> Json {
    let scenario = &results.scenario;
    let column = |key: Key| -> Vec<Vec<Option<f64>>> {
        let of = |policy: &PolicyResults| {
            let bins = policy.series.iter().map(|bin| bin[key.index()].mean);
            bins.map(|x| x.is_finite().then_some(x)).collect()
        };
        results.policies.iter().map(of).collect()
    };
    let capacity = scenario.entry().capacity_per_s();
    let demand = scenario.calls_per_s();
    json!({
        "bin_s": scenario.run.bin.as_secs(),
        "horizon_s": scenario.run.horizon.as_secs(),
        "capacity": capacity.is_finite().then_some(capacity),
        "demand": demand,
        "offered": column(OFFERED),
        "goodput": column(GOODPUT),
        "faults": scenario.faults.iter().map(fault).collect::<Vec<_>>(),
        "actions": scenario.actions.iter().map(action).collect::<Vec<_>>(),
    })
}

fn fault(fault: &Fault) -> Json {
    json!({
        "text": fault.to_string(),
        "from_s": fault.from.as_secs(),
        "to_s": fault.over().as_secs(),
    })
}

fn action(action: &Action) -> Json {
    json!({
        "text": action.to_string(),
        "from_s": action.from.as_secs(),
        "to_s": action.to().map(Nanos::as_secs),
    })
}

fn settings(scenario: &QuorumScenario) -> Result<Json, Refusal> {
    affordable(|left| Cost::of_settings(scenario, 1, left))?;
    let results = quorum::run(scenario, &workers()?);
    let results = results.map_err(|e| Refusal::Problem(Problem::new(e.to_string())))?;
    Ok(json!({
        "kind": "quorum",
        "headline": quorum_words::headline(&results),
        "verdict": quorum_words::verdict(&results),
        "cautions": [],
        "setting": quorum_words::method(&results),
        "table": {
            "headers": quorum_words::headers(&results),
            "rows": quorum_words::rows(&results),
        },
        "meanings": quorum_words::meanings(&results),
    }))
}
