//! A compensation under retries, and the ways to handle its key.

use std::path::Path;

use herdsim_core::ensemble::cost::Cost;
use herdsim_core::ensemble::curves::{Curve, duplicates};
use herdsim_core::ensemble::figure::Figure;
use herdsim_core::ensemble::{self, Watch, Workers};
use herdsim_core::metric::{Better, Domain, Interval, Metric, Unit};
use herdsim_core::saga::{DUPLICATE, EXECUTIONS, EXTRA_EXECUTIONS, LOST, METRICS, PHANTOM, Story};
use herdsim_core::scenario::JobKind;
use herdsim_core::scenario::saga::SagaScenario;
use herdsim_core::stats::Estimate;
use herdsim_core::theory;
use herdsim_core::world::TrialWorld;

use crate::output::scenario_file;
use crate::study::trials::{self, Derived, Trials, figures, of_all, table};
use crate::study::{Context, Finished, Study, StudyError};
use herdsim_words::results::{Column, Manner, Table};
use herdsim_words::verdict::sequence::{Sequence, doubled};
use herdsim_words::verdict::{curves as around, saga as words};

pub static MANNER: Manner = Manner {
    kind: JobKind::Saga,
    cell: "key mode",
    column: "key",
    list: "cells",
    name: "key",
    metrics: None,
    differences: None,
    labels: &[],
    figures: true,
    compared: &[DUPLICATE, LOST, PHANTOM, EXECUTIONS],
    instead: &[],
    needs: &[DUPLICATE, LOST, PHANTOM, EXECUTIONS, PAID_TWICE.key()],
    verb: ["executes", "execute"],
    better: "fewer operations again",
    worse: "more operations again",
    neither: "no key mode executes more or fewer operations again by more than chance",
    main: DUPLICATE,
    subject: "chance per operation of executing more than once",
    extremes: ["least twice", "most twice"],
    lists_cells: false,
    recovery: None,
    partial: &[],
};

const PAID_TWICE: Metric = Metric::new(
    "paid_twice_per_million",
    "paid twice",
    (Unit::One, Domain::Ratio),
    Better::Less,
    "`extra_executions` × `amount` × 10⁶: money paid again per million operations",
)
.by(Interval::Method);

const ANY_DUPLICATE: Metric = Metric::new(
    "p_any_duplicate",
    "any executed again",
    (Unit::Chance, Domain::Share),
    Better::Less,
    "1 − (1 − `p_duplicate`)ⁿ for a saga of n `compensations`",
)
.by(Interval::Method);

/// What is made of the metrics that are counted.
const DERIVED: &[Derived<SagaScenario>] = &[
    Derived {
        metric: PAID_TWICE,
        of: |scenario, cell| {
            let amount = scenario.saga.amount.0;
            cell.get(EXTRA_EXECUTIONS).map(|x| x * amount * 1e6)
        },
    },
    Derived {
        metric: ANY_DUPLICATE,
        // Without losing a small p.
        of: |scenario, cell| {
            let n = f64::from(scenario.saga.compensations);
            cell.get(DUPLICATE).map(|p| -(n * (-p).ln_1p()).exp_m1())
        },
    },
];

/// Every metric, the derived ones last.
pub fn columns() -> Vec<Column> {
    let all = METRICS.iter().chain(DERIVED.iter().map(|d| &d.metric));
    all.map(|metric| Column::of(*metric)).collect()
}

/// Where duplicates are too rare to go by, the extra executions are bounded by
/// theirs: at most all attempts but one, each time.
fn bound_rare(cell: &mut [Figure], attempts: u32) {
    let chance = cell[DUPLICATE.index()].estimate;
    let figure = &mut cell[EXTRA_EXECUTIONS.index()];
    let hits = figure.simulated.mean * figure.simulated.n as f64;
    if hits >= 30.0 || figure.exact == Some(0.0) {
        return;
    }
    let most = f64::from(attempts.saturating_sub(1)) * chance.high;
    let conditional = figure.conditional;
    let plausible = conditional.mean > 0.0 && conditional.mean <= most;
    let best = match plausible {
        true => conditional,
        false => figure.estimate,
    };
    figure.estimate = Estimate {
        low: best.low.min(chance.low),
        high: best.high.max(most),
        ..best
    };
}

fn names(scenario: &SagaScenario) -> Vec<&'static str> {
    scenario.saga.keys.iter().map(|k| k.name()).collect()
}

/// Simulates the operations: their table, how many were finished, and per key mode one of
/// them that executes twice.
fn simulated(
    scenario: &SagaScenario,
    workers: &Workers,
    watch: &Watch<'_>,
) -> (Table, u64, Vec<Option<Story>>) {
    let (saga, policy) = (&scenario.saga, scenario.retry_layer());
    let (tally, done) = ensemble::trials::run(scenario, &scenario.run, workers, watch);
    let mut figures = figures(&tally, METRICS, scenario.certain(), |cell, metric| {
        theory::saga::exact(saga, policy, saga.keys[cell], metric)
    });
    for cell in &mut figures {
        bound_rare(cell, policy.attempts);
    }
    let names = (&names(scenario)[..], done);
    let table = table(&MANNER, columns(), scenario, names, &figures, DERIVED);
    (table, done, tally.first)
}

/// What is told of operations, simulated just now or read back.
fn finish(
    scenario: &SagaScenario,
    table: Table,
    trials: u64,
    example: Option<Sequence>,
    curves: Option<Vec<Curve>>,
) -> Result<Finished, StudyError> {
    let mut resolved = scenario.clone();
    resolved.run.replications = trials;
    Trials {
        scenario: scenario_file(&resolved),
        seed: scenario.run.seed,
        name: scenario.name.clone(),
        trials,
        interrupted: trials < scenario.run.replications,
        headline: around::duplicate(&table),
        verdict: words::verdict(scenario, &table, PAID_TWICE.key()),
        caveat: "",
        headers: words::HEADERS,
        rows: words::rows(&table, PAID_TWICE.key()),
        example,
        curves: curves.map(|curves| around::of_losses(scenario, &table, curves)),
        charts: ["duplicates", "double-refund"],
        what: "operations",
        setting: format!("A compensation under the policy {}", scenario.policy[0].0),
        table,
    }
    .finish()
}

impl Study for SagaScenario {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn columns(&self) -> Vec<Column> {
        columns()
    }

    fn cells(&self) -> Vec<String> {
        names(self).into_iter().map(String::from).collect()
    }

    fn cost(&self, _: usize, _: &mut u64) -> Cost {
        Cost::of_saga(self)
    }

    fn simulate(&self, context: &Context<'_>) -> Result<Finished, StudyError> {
        let (table, trials, first) = simulated(self, context.workers, &context.watch);
        if trials == 0 {
            return Err(StudyError::Interrupted);
        }
        let policy = &self.policy[0].0;
        let keys = self.saga.keys.iter().zip(first);
        let mut examples = keys.filter_map(|(mode, first)| Some(doubled(policy, *mode, &first?)));
        let example = examples.next();
        let curves = context
            .charts
            .then(|| duplicates(self, context.workers, context.watch.stop));
        let curves = curves.flatten();
        let mut finished = finish(self, table, trials, example, curves)?;
        finished.events = Cost::of_saga(self).events * of_all(trials, &self.run);
        if self.retry_layer().budget.is_some() {
            finished.notes.push(format!(
                "the budget of {policy} is left out, as it is shared with other operations"
            ));
        }
        Ok(finished)
    }

    fn table(&self, workers: &Workers, watch: &Watch<'_>) -> Result<Option<Table>, StudyError> {
        let (table, trials, _) = simulated(self, workers, watch);
        Ok((trials == self.run.replications).then_some(table))
    }

    fn load(&self, directory: &Path, _before: Option<&Path>) -> Result<Finished, StudyError> {
        let loaded = trials::load(directory, &MANNER, columns(), &names(self))?;
        let (table, trials) = (loaded.table, loaded.trials);
        let mut finished = finish(self, table, trials, loaded.example, loaded.curves)?;
        finished.notes = loaded.gaps;
        Ok(finished)
    }
}
