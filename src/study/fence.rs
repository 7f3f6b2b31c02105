//! A paused leader against the guards of a resource.

use std::path::Path;

use herdsim_core::ensemble::cost::Cost;
use herdsim_core::ensemble::curves::{Curve, stale_writes};
use herdsim_core::ensemble::figure::Figure;
use herdsim_core::ensemble::{self, Watch, Workers};
use herdsim_core::fence::{
    Failover, LEADER_CHANGE, LOST_UPDATE, LOST_UPDATE_AND_CHANGE, METRICS, OVERLAP, STALE_WRITE,
    STALE_WRITE_AND_CHANGE,
};
use herdsim_core::metric::{Better, Domain, Interval, Key, Metric, Unit};
use herdsim_core::scenario::fence::FenceScenario;
use herdsim_core::scenario::{JobKind, Problem};
use herdsim_core::stats::Estimate;
use herdsim_core::theory;

use crate::output::scenario_file;
use crate::study::trials::{self, Derived, Figures, Trials, figures, of_all, table};
use crate::study::{Context, Finished, Study, StudyError};
use herdsim_words::results::{Column, Manner, Table};
use herdsim_words::verdict::sequence::{Sequence, failover};
use herdsim_words::verdict::{curves as around, fence as words};

pub static MANNER: Manner = Manner {
    kind: JobKind::Fence,
    cell: "guard",
    column: "guard",
    list: "cells",
    name: "guard",
    metrics: None,
    differences: None,
    labels: &[],
    figures: true,
    compared: &[STALE_WRITE, LOST_UPDATE, OVERLAP],
    instead: &[],
    needs: &[STALE_WRITE, LOST_UPDATE, OVERLAP],
    verb: ["lets", "let"],
    better: "fewer stale writes through",
    worse: "more stale writes through",
    neither: "no guard lets more or fewer stale writes through by more than chance",
    main: STALE_WRITE,
    subject: "chance per pause of a write over a newer one",
    extremes: ["least stale", "most stale"],
    lists_cells: false,
    recovery: None,
    partial: &[],
};

const fn derived(name: &'static str, title: &'static str, doc: &'static str) -> Metric {
    let range = (Unit::Chance, Domain::Share);
    Metric::new(name, title, range, Better::Less, doc).by(Interval::Method)
}

/// What is made of the metrics that are counted.
const STALE_PER_HOUR: Metric = derived(
    "p_stale_write_per_hour",
    "stale, per hour",
    "1 − e^(−κp) of `p_stale_write` for κ pauses an hour (`pause_rate`)",
);

const DERIVED: &[Derived<FenceScenario>] = &[
    Derived {
        metric: derived(
            "p_stale_write_per_change",
            "stale, per change",
            "a stale write, given that the leader changes",
        ),
        of: |_, cell| per_change(cell, STALE_WRITE_AND_CHANGE),
    },
    Derived {
        metric: derived(
            "p_lost_update_per_change",
            "lost, per change",
            "a lost update, given that the leader changes",
        ),
        of: |_, cell| per_change(cell, LOST_UPDATE_AND_CHANGE),
    },
    Derived {
        metric: STALE_PER_HOUR,
        of: |scenario, cell| hourly(scenario, cell, STALE_WRITE),
    },
    Derived {
        metric: derived(
            "p_lost_update_per_hour",
            "lost, per hour",
            "the same of `p_lost_update`",
        ),
        of: |scenario, cell| hourly(scenario, cell, LOST_UPDATE),
    },
];

/// Every metric, the derived ones last.
pub fn columns() -> Vec<Column> {
    let all = METRICS.iter().chain(DERIVED.iter().map(|d| &d.metric));
    all.map(|metric| Column::of(*metric)).collect()
}

/// The chance given that the leader changes. Both chances are means over the
/// same trials; the interval takes the worst of both of theirs.
fn per_change(cell: &Figures<'_>, metric: Key) -> Figure {
    let (part, change) = (cell.get(metric), cell.get(LEADER_CHANGE));
    let (e, of) = (part.estimate, change.estimate);
    if of.mean == 0.0 {
        return Figure::NONE;
    }
    let estimate = Estimate {
        mean: e.mean / of.mean,
        low: e.low / of.high,
        high: e.high / of.low,
        n: e.n,
        sd: f64::NAN,
    };
    let exact = part.exact.zip(change.exact);
    Figure {
        estimate: Domain::Share.cut(estimate),
        exact: exact.map(|(part, change)| part / change),
        ..Figure::NONE
    }
}

fn hourly(scenario: &FenceScenario, cell: &Figures<'_>, metric: Key) -> Figure {
    let per_hour = scenario.fence.pause_rate.0 * 3600.0;
    cell.get(metric).map(|p| -(-per_hour * p).exp_m1())
}

fn names(scenario: &FenceScenario) -> Vec<&'static str> {
    scenario.fence.guards.iter().map(|g| g.name()).collect()
}

/// Simulates the pauses: their table, how many were finished, and per guard one of them in
/// which a stale write lands.
fn simulated(
    scenario: &FenceScenario,
    workers: &Workers,
    watch: &Watch<'_>,
) -> (Table, u64, Vec<Option<Failover>>) {
    let fence = &scenario.fence;
    let (tally, done) = ensemble::trials::run(fence, &scenario.run, workers, watch);
    let figures = figures(&tally, METRICS, false, |cell, metric| {
        theory::fence::exact(fence, fence.guards[cell], metric)
    });
    let names = (&names(scenario)[..], done);
    let table = table(&MANNER, columns(), scenario, names, &figures, DERIVED);
    (table, done, tally.first)
}

/// What is told of pauses, simulated just now or read back.
fn finish(
    scenario: &FenceScenario,
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
        headline: around::stale_write(&table),
        verdict: words::verdict(scenario, &table),
        caveat: words::CAVEAT,
        headers: words::HEADERS,
        rows: words::rows(&table, STALE_PER_HOUR.key()),
        example,
        curves: curves.map(|curves| around::of_pauses(scenario, &table, curves)),
        charts: ["stale-writes", "failover"],
        what: "pauses",
        setting: format!(
            "A leader under a lease of {}, renewed every {}, pauses for {}",
            scenario.fence.ttl, scenario.fence.renew, scenario.fence.pause
        ),
        table,
    }
    .finish()
}

impl Study for FenceScenario {
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
        Cost::of_fence(self)
    }

    fn simulate(&self, context: &Context<'_>) -> Result<Finished, StudyError> {
        if context.charts && !self.fence.pause.mean_s().is_finite() {
            let problem = Problem::new(
                "the chart of stale writes against the mean pause needs a pause with a finite mean",
            );
            return Err(problem.help("give another pause, or --no-charts").into());
        }
        let (table, trials, first) = simulated(self, context.workers, &context.watch);
        if trials == 0 {
            return Err(StudyError::Interrupted);
        }
        let guards = self.fence.guards.iter().zip(first);
        let mut examples =
            guards.filter_map(|(guard, first)| Some(failover(self, *guard, &first?)));
        let example = examples.next();
        let curves = context
            .charts
            .then(|| stale_writes(self, context.workers, context.watch.stop));
        let curves = curves.flatten();
        let mut finished = finish(self, table, trials, example, curves)?;
        finished.events = Cost::of_fence(self).events * of_all(trials, &self.run);
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
