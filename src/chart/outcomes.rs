//! What became of every call, by policy, as stacked bars.

use plotters::style::RGBColor;

use crate::chart::names::{label, widest};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{Words, policy_names, sheet};
use crate::chart::theme;
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{
    ANSWERED_RATIO, FAILED_RATIO, FIRST_TRY_RATIO, HELD_BACK_RATIO, NO_BUDGET_RATIO, WAITING_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_words::format::percent;
use herdsim_words::verdict::herd::titles;

const BAR: f64 = 34.0;
const ROW: f64 = 58.0;

/// From good to bad, in colours that differ in lightness too and are those of no policy.
const KINDS: [Kind; 6] = [
    kind("answered at the first attempt", RGBColor(38, 98, 104), true),
    kind("answered after retries", RGBColor(150, 205, 200), false),
    kind(
        "failed: the budget denied a retry",
        RGBColor(236, 222, 178),
        false,
    ),
    kind(
        "failed: held back by breaker or throttle",
        RGBColor(205, 180, 118),
        false,
    ),
    kind("failed otherwise", RGBColor(140, 52, 44), true),
    kind("still waiting at the end", RGBColor(190, 194, 199), false),
];

/// What may become of a call.
struct Kind {
    name: &'static str,
    colour: RGBColor,
    is_dark: bool,
}

const fn kind(name: &'static str, colour: RGBColor, is_dark: bool) -> Kind {
    Kind {
        name,
        colour,
        is_dark,
    }
}

/// Shares of all judged calls, in the order of [`KINDS`].
fn shares(policy: &PolicyResults) -> [f64; 6] {
    let mean = |metric: Key| match policy.metric(metric).mean {
        x if x.is_nan() => 0.0,
        x => x,
    };
    let [answered, failed, waiting] = [ANSWERED_RATIO, FAILED_RATIO, WAITING_RATIO].map(mean);
    let [first, budget, held] = [FIRST_TRY_RATIO, NO_BUDGET_RATIO, HELD_BACK_RATIO].map(mean);
    [
        first,
        (answered - first).max(0.0),
        budget,
        held,
        (failed - budget - held).max(0.0),
        waiting,
    ]
}

/// The chart `outcomes`.
pub fn outcomes(results: &Results) -> Result<Chart, ChartError> {
    let rows = results.policies.len() as f64;
    let left = (widest(policy_names(results)) + 60.0).max(theme::LEFT);
    let right = theme::WIDTH - theme::EDGE;
    let what = "What became of every call";
    let words = Words {
        name: "outcomes",
        title: &titles::outcomes(results),
        what,
        how: "mean of all runs",
    };
    sheet(results, words, rows * ROW + 170.0, |canvas, top| {
        let x = |share: f64| left + share * (right - left);
        for (i, policy) in results.policies.iter().enumerate() {
            let y = top + i as f64 * ROW - 10.0;
            canvas.text(
                (left - 16.0, y + BAR / 2.0 + 8.0),
                &label(&policy.name),
                Type::new(theme::LABEL, theme::colour(i))
                    .bold()
                    .align(Align::Right),
            );
            let mut from = 0.0;
            for (kind, share) in KINDS.iter().zip(shares(policy)) {
                if share <= 0.0 {
                    continue;
                }
                let to = (from + share).min(1.0);
                canvas.rect((x(from), y), (x(to), y + BAR), kind.colour);
                let lines = vec![
                    policy.name.clone(),
                    format!("{} {}", percent(share), kind.name),
                ];
                canvas.spot((x(from), y), (x(to), y + BAR), lines);
                let text = percent(share);
                let width = theme::measure(&text, theme::SMALL, false);
                if x(to) - x(from) > width + 12.0 {
                    let ink = match kind.is_dark {
                        true => theme::ON_DARK,
                        false => theme::ON_PALE,
                    };
                    canvas.text(
                        ((x(from) + x(to)) / 2.0, y + BAR / 2.0 + 6.0),
                        &text,
                        Type::new(theme::SMALL, ink).align(Align::Centre),
                    );
                }
                from = to;
            }
        }
        legend(canvas, results, top + rows * ROW + 20.0);
    })
}

/// The colours that are there, as many in a row as fit.
fn legend(canvas: &mut Canvas<'_>, results: &Results, top: f64) {
    let all: Vec<[f64; 6]> = results.policies.iter().map(shares).collect();
    let (mut x, mut y) = (theme::LEFT, top);
    for (i, kind) in KINDS.iter().enumerate() {
        if all.iter().all(|shares| shares[i] < 0.0005) {
            continue;
        }
        let width = theme::measure(kind.name, theme::TICK, false) + 64.0;
        if x + width > theme::WIDTH - theme::EDGE {
            (x, y) = (theme::LEFT, y + 34.0);
        }
        canvas.rect((x, y - 15.0), (x + 20.0, y + 3.0), kind.colour);
        canvas.text(
            (x + 30.0, y),
            kind.name,
            Type::new(theme::TICK, theme::SOFT),
        );
        x += width;
    }
}
