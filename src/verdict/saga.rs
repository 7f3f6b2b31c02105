//! Saga results in words and as a table for people.

use herdsim_core::idempotency::{KEY_MODES, KeyMode};
use herdsim_core::metric::Key;
use herdsim_core::saga::{DUPLICATE, EXECUTIONS, LOST, PHANTOM};
use herdsim_core::scenario::saga::SagaScenario;
use herdsim_core::stats::Estimate;

use crate::format::{chance, likely, list, thousands, three_digits};
use crate::results::{Row, Table};

/// What a reader needs, in a sentence.
pub fn verdict(scenario: &SagaScenario, results: &Table, paid: Key) -> String {
    let policy = &scenario.policy[0];
    let mean = |mode: KeyMode, metric| {
        let value = results.get(mode.name(), metric);
        value.map(|value| value.estimate.mean)
    };
    let mut clauses = Vec::new();
    for mode in [KeyMode::None, KeyMode::PerAttempt] {
        let doubled = mean(mode, DUPLICATE).zip(mean(mode, paid));
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
    let never = |row: &&Row| {
        let value = results.of(row, DUPLICATE);
        value.is_some_and(|value| value.estimate.high == 0.0)
    };
    let never = results.rows.iter().filter(never);
    let never: Vec<&str> = never.map(|row| row.name.as_str()).collect();
    if mean(KeyMode::PerOperation, DUPLICATE) == Some(0.0) {
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
    if let Some(phantom) = mean(KeyMode::RecordThenEffect, PHANTOM).filter(|p| *p > 0.0) {
        clauses.push(format!(
            "recording before the effect tells {} that it is done when it is not",
            chance(phantom)
        ));
    }
    // What no clause is about so far: every mode that was asked for has its number.
    let told = clauses.join("; ");
    let untold = |row: &&Row| {
        let mode = row.name.as_str();
        let spoken = match KEY_MODES.iter().find(|(name, _)| *name == mode) {
            Some((_, KeyMode::None)) => told.contains("without an idempotency key"),
            Some((_, KeyMode::PerAttempt)) => told.contains("with a key per attempt"),
            Some((_, KeyMode::PerOperation)) => told.contains("one key per operation"),
            Some((_, KeyMode::RecordThenEffect)) => told.contains("recording before the effect"),
            _ => false,
        };
        !spoken && !never.contains(&mode)
    };
    let untold: Vec<&Row> = results.rows.iter().filter(untold).collect();
    let say = |row: &&Row| {
        let twice = results.of(row, DUPLICATE);
        format!(
            "{} executes {} of operations more than once",
            row.name,
            twice.map_or("–".to_string(), |value| likely(value.estimate))
        )
    };
    clauses.extend(untold.iter().map(say));
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

/// The rows of the table; `paid` is what is paid twice.
pub fn rows(results: &Table, paid: Key) -> Vec<[String; 7]> {
    let row = |row: &Row| {
        let estimate = |metric| {
            let value = results.of(row, metric);
            value.map_or(Estimate::NONE, |value| value.estimate)
        };
        let paid = estimate(paid);
        let money = |x: f64| match x >= 100.0 {
            true => thousands(x),
            false => three_digits(x),
        };
        [
            row.name.clone(),
            likely(estimate(DUPLICATE)),
            likely(estimate(LOST)),
            likely(estimate(PHANTOM)),
            format!("{:.4}", estimate(EXECUTIONS).mean),
            match paid.mean == 0.0 && paid.high > 0.0 {
                true => format!("<{}", money(paid.high)),
                false => money(paid.mean),
            },
            row.worst_z(),
        ]
    };
    results.rows.iter().map(row).collect()
}
