//! Fence results in words and as a table.

use crate::ensemble::stats::Estimate;
use crate::ensemble::trials::Tally;
use crate::fence::{Failover, METRICS};
use crate::output::figures::{Cell, Figure, Figures};
use crate::output::words::{list, seconds};
use crate::scenario::fence::{FenceScenario, Guard};
use crate::theory::fence::exact;

/// What [`figures`] adds to [`METRICS`].
pub const DERIVED: [&str; 4] = [
    "p_stale_write_per_change",
    "p_lost_update_per_change",
    "p_stale_write_per_hour",
    "p_lost_update_per_hour",
];

/// The cells and metrics of a run, without their figures.
pub fn blank(scenario: &FenceScenario) -> Figures {
    let cell = |guard: &Guard| Cell {
        name: guard.name(),
        figures: Vec::new(),
    };
    Figures {
        kind: "fence",
        lead: "guard",
        name: scenario.name.clone(),
        seed: scenario.run.seed,
        trials: 0,
        interrupted: false,
        metrics: [&METRICS[..], &DERIVED].concat(),
        cells: scenario.fence.guards.iter().map(cell).collect(),
    }
}

/// The figures of a run, those per leader change and per hour included.
pub fn figures(scenario: &FenceScenario, tally: &Tally<Failover>, trials: u64) -> Figures {
    let fence = &scenario.fence;
    let names: Vec<&'static str> = fence.guards.iter().map(|g| g.name()).collect();
    let mut figures = Figures {
        trials,
        interrupted: trials < scenario.run.replications,
        metrics: METRICS.to_vec(),
        cells: Figures::of_tally(tally, &METRICS, &names, false, |cell, metric| {
            exact(fence, fence.guards[cell], metric)
        }),
        ..blank(scenario)
    };
    figures.derive(DERIVED[0], |figures, cell| {
        per_change(figures, cell, "p_stale_write_and_change")
    });
    figures.derive(DERIVED[1], |figures, cell| {
        per_change(figures, cell, "p_lost_update_and_change")
    });
    let per_hour = fence.pause_rate.0 * 3600.0;
    let hourly = |metric| {
        move |figures: &Figures, cell: &Cell| {
            Figure::map(figures.of(cell, metric), |p| -(-per_hour * p).exp_m1())
        }
    };
    figures.derive(DERIVED[2], hourly("p_stale_write"));
    figures.derive(DERIVED[3], hourly("p_lost_update"));
    figures
}

/// The chance given that the leader changes. Both chances are means over the
/// same trials; the interval takes the worst of both of theirs.
fn per_change(figures: &Figures, cell: &Cell, metric: &str) -> Figure {
    let part = figures.of(cell, metric);
    let Some(change) = figures.of(cell, "p_leader_change") else {
        return Figure::map(None, |x| x);
    };
    let of = change.estimate;
    let e = part.map_or(Estimate::NONE, |figure| figure.estimate);
    if of.mean == 0.0 {
        return Figure::map(None, |x| x);
    }
    let estimate = Estimate {
        mean: e.mean / of.mean,
        low: e.low / of.high,
        high: e.high / of.low,
        n: e.n,
        sd: f64::NAN,
    };
    let exact = part.and_then(|figure| figure.exact).zip(change.exact);
    Figure {
        estimate: estimate.within(0.0, 1.0),
        simulated: None,
        exact: exact.map(|(part, change)| part / change),
        z: None,
    }
}

/// What a reader needs, in a sentence.
pub fn verdict(scenario: &FenceScenario, figures: &Figures) -> String {
    let fence = &scenario.fence;
    let mean = fence.pause.mean_s();
    let pauses = match mean.is_finite() {
        true => format!("pauses of {} on average", seconds(mean)),
        false => format!("pauses of {}", fence.pause),
    };
    let lease = seconds(fence.ttl.as_secs());
    let of = |guard: Guard, metric| figures.get(guard.name(), metric).map(Figure::chance);
    let mut clauses = Vec::new();
    let never: Vec<&str> = [Guard::Atomic, Guard::AtomicBarrier]
        .iter()
        .filter(|g| fence.guards.contains(g))
        .map(|g| g.name())
        .collect();
    for guard in [Guard::None, Guard::RememberAfter] {
        if let Some(stale) = of(guard, "p_stale_write") {
            clauses.push(format!(
                "with a {lease} lease and {pauses}, {} of pauses end in a write over a newer one",
                stale
            ));
            break;
        }
    }
    if let Some(stale) = of(Guard::CheckThenWrite, "p_stale_write") {
        clauses.push(format!("checking and then writing leaves {stale}"));
    }
    if !never.is_empty() {
        let mut clause = match (clauses.is_empty(), &never[..]) {
            (true, [one]) => format!("{one} never lets a write over a newer one"),
            (true, _) => format!("{} never let a write over a newer one", list(&never)),
            (false, _) => "rejecting in one step makes it 0".to_string(),
        };
        if let Some(lost) = of(Guard::Atomic, "p_lost_update") {
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

/// The rows of the table.
pub fn rows(figures: &Figures) -> Vec<[String; 7]> {
    let row = |cell: &Cell| {
        let value = |metric| match figures.of(cell, metric) {
            Some(figure) => figure.chance(),
            None => "–".to_string(),
        };
        [
            cell.name.to_string(),
            value("p_overlap"),
            value("p_stale_write"),
            value("p_lost_update"),
            value("p_rejected"),
            value("p_stale_write_per_hour"),
            cell.worst_z(),
        ]
    };
    figures.cells.iter().map(row).collect()
}
