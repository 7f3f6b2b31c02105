//! Saga results in words and as a table for people.

use herdsim_core::idempotency::KeyMode;
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
    // The modes that some clause is about.
    let mut told: Vec<&str> = Vec::new();
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
            told.push(mode.name());
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
        told.push(KeyMode::PerOperation.name());
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
        told.push(KeyMode::RecordThenEffect.name());
        clauses.push(format!(
            "recording before the effect tells {} that it is done when it is not",
            chance(phantom)
        ));
    }
    // Every mode that was asked for has its number.
    told.extend(never);
    let untold = |row: &&Row| !told.contains(&row.name.as_str());
    let say = |row: &Row| {
        let twice = results.of(row, DUPLICATE);
        format!(
            "{} executes {} of operations more than once",
            row.name,
            twice.map_or("–".to_string(), |value| likely(value.estimate))
        )
    };
    clauses.extend(results.rows.iter().filter(untold).map(say));
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
