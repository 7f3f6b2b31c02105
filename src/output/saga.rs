//! Saga results in words and as a table.

use crate::ensemble::stats::Estimate;
use crate::ensemble::trials::{Tally, TrialWorld};
use crate::output::figures::{Cell, Figure, Figures};
use crate::output::words::{chance, list, thousands, three_digits};
use crate::saga::{METRICS, Story};
use crate::scenario::saga::{KeyMode, SagaScenario};
use crate::theory::saga::exact;

/// What [`figures`] adds to [`METRICS`].
pub const DERIVED: [&str; 2] = ["paid_twice_per_million", "p_any_duplicate"];

/// The cells and metrics of a run, without their figures.
pub fn blank(scenario: &SagaScenario) -> Figures {
    let cell = |mode: &KeyMode| Cell {
        name: mode.name(),
        figures: Vec::new(),
    };
    Figures {
        kind: "saga",
        lead: "key",
        name: scenario.name.clone(),
        seed: scenario.run.seed,
        trials: 0,
        interrupted: false,
        metrics: [&METRICS[..], &DERIVED].concat(),
        cells: scenario.saga.keys.iter().map(cell).collect(),
    }
}

/// The figures of a run, money and the whole saga included.
pub fn figures(scenario: &SagaScenario, tally: &Tally<Story>, trials: u64) -> Figures {
    let saga = &scenario.saga;
    let names: Vec<&'static str> = saga.keys.iter().map(|k| k.name()).collect();
    let mut figures = Figures {
        trials,
        interrupted: trials < scenario.run.replications,
        metrics: METRICS.to_vec(),
        cells: Figures::of_tally(
            tally,
            &METRICS,
            &names,
            scenario.certain(),
            |cell, metric| exact(saga, scenario.retry_layer(), saga.keys[cell], metric),
        ),
        ..blank(scenario)
    };
    bound_rare(&mut figures, scenario.retry_layer().attempts);
    let (amount, n) = (saga.amount.0, saga.compensations);
    figures.derive(DERIVED[0], move |figures, cell| {
        Figure::map(figures.of(cell, "extra_executions"), |x| x * amount * 1e6)
    });
    figures.derive(DERIVED[1], move |figures, cell| {
        // 1 − (1 − p)ⁿ, without losing a small p.
        Figure::map(figures.of(cell, "p_duplicate"), |p| {
            -(f64::from(n) * (-p).ln_1p()).exp_m1()
        })
    });
    figures
}

/// Where duplicates are too rare to go by, the extra executions are bounded by
/// theirs: at most all attempts but one, each time.
fn bound_rare(figures: &mut Figures, attempts: u32) {
    let column = |name: &str| METRICS.iter().position(|m| *m == name).unwrap_or(0);
    let (duplicate, extra) = (column("p_duplicate"), column("extra_executions"));
    for cell in &mut figures.cells {
        let chance = cell.figures[duplicate].estimate;
        let figure = &mut cell.figures[extra];
        let hits = figure.simulated.map_or(0.0, |(e, _)| e.mean * e.n as f64);
        if hits >= 30.0 || figure.exact == Some(0.0) {
            continue;
        }
        let most = f64::from(attempts.saturating_sub(1)) * chance.high;
        let conditional = figure.simulated.map_or(Estimate::NONE, |(_, e)| e);
        let plausible = conditional.mean > 0.0 && conditional.mean <= most;
        let best = if plausible {
            conditional
        } else {
            figure.estimate
        };
        figure.estimate = Estimate {
            low: best.low.min(chance.low),
            high: best.high.max(most),
            ..best
        };
    }
}

/// What a reader needs, in a sentence.
pub fn verdict(scenario: &SagaScenario, figures: &Figures) -> String {
    let policy = &scenario.policy[0];
    let mean = |mode: KeyMode, metric| {
        figures
            .get(mode.name(), metric)
            .map(|figure| figure.estimate.mean)
    };
    let mut clauses = Vec::new();
    for mode in [KeyMode::None, KeyMode::PerAttempt] {
        let doubled = mean(mode, "p_duplicate").zip(mean(mode, "paid_twice_per_million"));
        if let Some((twice, paid)) = doubled {
            let without = match mode {
                KeyMode::None => "without an idempotency key",
                _ => "with a key per attempt",
            };
            clauses.push(format!(
                "{without}, policy {} executes {} of operations more than once: at {} each, \
                 {} is paid twice per million operations",
                policy.0,
                chance(twice),
                three_digits(scenario.saga.amount.0),
                thousands(paid),
            ));
            break;
        }
    }
    let never: Vec<&str> = figures
        .cells
        .iter()
        .filter(|c| {
            figures
                .of(c, "p_duplicate")
                .is_some_and(|f| f.estimate.high == 0.0)
        })
        .map(|c| c.name)
        .collect();
    if mean(KeyMode::PerOperation, "p_duplicate") == Some(0.0) {
        clauses.push(match clauses.is_empty() {
            true => "one key per operation, recorded with the effect, never doubles".to_string(),
            false => "one key per operation, recorded with the effect, makes it never".to_string(),
        });
    } else if !never.is_empty() {
        let verb = if never.len() == 1 {
            "doubles"
        } else {
            "double"
        };
        clauses.push(format!("{} never {verb}", list(&never)));
    }
    if let Some(phantom) = mean(KeyMode::RecordThenEffect, "p_phantom").filter(|p| *p > 0.0) {
        clauses.push(format!(
            "recording before the effect tells {} that it is done when it is not",
            chance(phantom)
        ));
    }
    if clauses.is_empty() {
        let say = |cell: &Cell| {
            let twice = figures.of(cell, "p_duplicate");
            format!(
                "{} executes {} of operations more than once",
                cell.name,
                twice.map_or("–".to_string(), Figure::chance)
            )
        };
        clauses.extend(figures.cells.iter().map(say));
    }
    clauses.join("; ")
}

pub const HEADERS: [&str; 7] = [
    "key",
    "twice",
    "lost",
    "phantom",
    "executions",
    "paid twice/million",
    "z",
];

/// The rows of the table.
pub fn rows(figures: &Figures) -> Vec<[String; 7]> {
    let row = |cell: &Cell| {
        let mean = |metric| {
            figures
                .of(cell, metric)
                .map_or(f64::NAN, |f| f.estimate.mean)
        };
        let chance = |metric| {
            let figure = figures.of(cell, metric);
            figure.map_or("–".to_string(), Figure::chance)
        };
        let paid = figures.of(cell, "paid_twice_per_million");
        let paid = paid.map_or(Estimate::NONE, |f| f.estimate);
        let money = |x: f64| match x >= 100.0 {
            true => thousands(x),
            false => three_digits(x),
        };
        [
            cell.name.to_string(),
            chance("p_duplicate"),
            chance("p_lost"),
            chance("p_phantom"),
            format!("{:.4}", mean("executions_per_operation")),
            match paid.mean == 0.0 && paid.high > 0.0 {
                true => format!("<{}", money(paid.high)),
                false => money(paid.mean),
            },
            cell.worst_z(),
        ]
    };
    figures.cells.iter().map(row).collect()
}
