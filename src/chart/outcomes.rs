//! What became of every call, by policy, as stacked bars.

use plotters::style::RGBColor;

use crate::chart::names::{label, widest};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{Words, policy_names, sheet};
use crate::chart::theme;
use crate::format::percent;
use crate::verdict::herd::titles;
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{
    ANSWERED_RATIO, DENIED_RETRIES, FAILED_CALLS, FAILED_RATIO, FIRST_TRY_RATIO, WAITING_RATIO,
};
use herdsim_core::metric::Key;

const BAR: f64 = 34.0;
const ROW: f64 = 58.0;

/// From good to bad, in colours that differ in lightness too.
const KINDS: [(&str, RGBColor); 5] = [
    ("answered at the first attempt", RGBColor(0, 114, 178)),
    ("answered after retries", RGBColor(115, 184, 226)),
    ("failed, a retry was denied", RGBColor(240, 190, 120)),
    ("failed otherwise", RGBColor(213, 94, 0)),
    ("still waiting at the end", RGBColor(190, 194, 199)),
];

/// Shares of all judged calls, in the order of [`KINDS`].
fn shares(policy: &PolicyResults) -> [f64; 5] {
    let mean = |metric: Key| match policy.metric(metric).mean {
        x if x.is_nan() => 0.0,
        x => x,
    };
    let [answered, failed, waiting] = [ANSWERED_RATIO, FAILED_RATIO, WAITING_RATIO].map(mean);
    let first = mean(FIRST_TRY_RATIO);
    // Every denied retry ends its call, a hedge apart: of calls that failed, judged or not.
    let denied = match mean(FAILED_CALLS) {
        0.0 => 0.0,
        all => failed * (mean(DENIED_RETRIES) / all).min(1.0),
    };
    [
        first,
        (answered - first).max(0.0),
        denied,
        failed - denied,
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
            for ((name, colour), share) in KINDS.iter().zip(shares(policy)) {
                if share <= 0.0 {
                    continue;
                }
                let to = (from + share).min(1.0);
                canvas.rect((x(from), y), (x(to), y + BAR), *colour);
                let lines = vec![policy.name.clone(), format!("{} {name}", percent(share))];
                canvas.spot((x(from), y), (x(to), y + BAR), lines);
                let text = percent(share);
                let width = theme::measure(&text, theme::SMALL, false);
                if x(to) - x(from) > width + 12.0 {
                    let dark = [KINDS[0].1, KINDS[3].1].contains(colour);
                    // One is pale on paper and dark on a dark ground, as ink is.
                    let turns = *colour == KINDS[1].1;
                    let ink = match (dark, turns) {
                        (true, _) => theme::PAPER,
                        (_, true) => theme::INK,
                        _ => theme::ON_PALE,
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
        legend(canvas, top + rows * ROW + 20.0);
    })
}

/// The colours, as many in a row as fit.
fn legend(canvas: &mut Canvas<'_>, top: f64) {
    let (mut x, mut y) = (theme::LEFT, top);
    for (name, colour) in KINDS {
        let width = theme::measure(name, theme::TICK, false) + 64.0;
        if x + width > theme::WIDTH - theme::EDGE {
            (x, y) = (theme::LEFT, y + 34.0);
        }
        canvas.rect((x, y - 15.0), (x + 20.0, y + 3.0), colour);
        canvas.text((x + 30.0, y), name, Type::new(theme::TICK, theme::SOFT));
        x += width;
    }
}
