//! Fence results in words and as a table for people.

use herdsim_core::fence::{LOST_UPDATE, OVERLAP, REJECTED, STALE_WRITE};
use herdsim_core::metric::Key;
use herdsim_core::scenario::fence::{FenceScenario, GUARDS, Guard};

use crate::format::{list, seconds};
use crate::results::{Row, Table, Value};

fn likely(value: &Value) -> String {
    crate::format::likely(value.estimate)
}

/// What a reader needs, in a sentence.
pub fn verdict(scenario: &FenceScenario, results: &Table) -> String {
    let fence = &scenario.fence;
    let mean = fence.pause.mean_s();
    let pauses = match mean.is_finite() {
        true => format!("pauses of {} on average", seconds(mean)),
        false => format!("pauses of {}", fence.pause),
    };
    let lease = seconds(fence.ttl.as_secs());
    let of = |guard: Guard, metric| results.get(guard.name(), metric).map(likely);
    let mut clauses = Vec::new();
    let never = |guard: Guard| {
        let stale = results.get(guard.name(), STALE_WRITE);
        guard.checks()
            && !guard.applies_late()
            && stale.is_some_and(|stale| stale.estimate.high == 0.0)
    };
    let guards = GUARDS.map(|(_, guard)| guard);
    let guards = guards.into_iter().filter(|g| fence.guards.contains(g));
    let (never, others): (Vec<Guard>, Vec<Guard>) = guards.partition(|guard| never(*guard));
    let never: Vec<&str> = never.into_iter().map(Guard::name).collect();
    for guard in [Guard::None, Guard::RememberAfter] {
        if let Some(stale) = of(guard, STALE_WRITE) {
            clauses.push(format!(
                "with a {lease} lease and {pauses}, {} of pauses end in a write over a newer one",
                stale
            ));
            break;
        }
    }
    for guard in others {
        let what = match guard {
            // Said above: the second of them is as good as the first.
            Guard::None | Guard::RememberAfter => continue,
            Guard::CheckThenWrite => "checking and then writing",
            Guard::Atomic | Guard::AtomicBarrier => guard.name(),
        };
        if let Some(stale) = of(guard, STALE_WRITE) {
            clauses.push(format!("{what} leaves {stale}"));
        }
    }
    if !never.is_empty() {
        let mut clause = match (clauses.is_empty(), &never[..]) {
            (true, [one]) => format!("{one} never lets a write over a newer one"),
            (true, _) => format!("{} never let a write over a newer one", list(&never)),
            (false, _) => "rejecting in one step eliminates it".to_string(),
        };
        if let Some(lost) = of(Guard::Atomic, LOST_UPDATE) {
            let barrier = match fence.guards.contains(&Guard::AtomicBarrier) {
                true => ", and that is 0 too",
                false => "",
            };
            clause += &format!(
                ", and {lost} still land before the new leader's first write: \
                 register the token first{barrier}"
            );
        }
        clauses.push(clause);
    }
    clauses.join("; ")
}

/// Fencing has a limit that no number shows.
pub const CAVEAT: &str = "\nFencing stops stale writes, not stale reads: \
                          a paused leader may still answer from what it knew.\n";

pub const HEADERS: [&str; 7] = [
    "guard",
    "lands late",
    "stale write",
    "lost update",
    "rejected",
    "in 1 hour",
    "z",
];

/// The rows of the table; `hourly` is the metric of its last column but one.
pub fn rows(results: &Table, hourly: Key) -> Vec<[String; 7]> {
    let row = |row: &Row| {
        let value = |metric| match results.of(row, metric) {
            Some(value) => likely(value),
            None => "–".to_string(),
        };
        [
            row.name.clone(),
            value(OVERLAP),
            value(STALE_WRITE),
            value(LOST_UPDATE),
            value(REJECTED),
            value(hourly),
            row.worst_z(),
        ]
    };
    results.rows.iter().map(row).collect()
}
