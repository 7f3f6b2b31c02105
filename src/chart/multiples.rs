//! Small multiples: a panel a policy, where so many curves in one would hide each other.

use crate::chart::names::label;
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::sheet::{Words, left_of, sheet};
use crate::chart::theme;
use crate::chart::time::TimeScale;
use crate::chart::views::{Beside, Drawn, View, end, runs, trace};
use herdsim_core::ensemble::herd::Results;
use herdsim_words::format::three_digits;

/// Policies from which on each has a panel of its own.
pub const LEAST: usize = 8;
/// In a row at most.
const COLUMNS: usize = 4;
const PANEL: f64 = 120.0;
/// Between panels: across, and down with room for a name.
const GAP: f64 = 30.0;
const ROW: f64 = PANEL + 52.0;

/// How many of `n` panels stand in a row: rows are about as long as each other.
fn columns(n: usize) -> usize {
    n.div_ceil(n.div_ceil(COLUMNS).max(1)).clamp(2, COLUMNS)
}

/// The place of the i-th of `n` panels of a grid that begins at `top`: left, top, right and
/// bottom.
pub fn place(i: usize, n: usize, top: f64) -> [f64; 4] {
    let all = theme::WIDTH - theme::EDGE - theme::LEFT;
    let columns = columns(n);
    let width = (all - GAP * (columns - 1) as f64) / columns as f64;
    let left = theme::LEFT + (width + GAP) * (i % columns) as f64;
    let top = top + ROW * (i / columns) as f64 + 34.0;
    [left, top, left + width, top + PANEL]
}

/// The height of a grid of `n` panels.
pub fn height(n: usize) -> f64 {
    ROW * n.div_ceil(columns(n)) as f64
}

/// Whether a panel stands in the first column, and whether none stands below it.
pub fn is_at(i: usize, n: usize) -> (bool, bool) {
    (i.is_multiple_of(columns(n)), i + columns(n) >= n)
}

/// The name of the i-th policy above its panel.
pub fn name(canvas: &mut Canvas<'_>, [left, top, right, _]: [f64; 4], i: usize, name: &str) {
    let name = theme::shorten(&label(name), theme::SMALL, true, right - left);
    let style = Type::new(theme::SMALL, theme::colour(i)).bold();
    canvas.text((left, top - 8.0), &name, style);
}

/// A chart of views over time, a grid of panels each.
pub fn multiples(
    results: &Results,
    words: Words<'_>,
    views: &[View],
    beside: Beside<'_>,
) -> Result<Chart, ChartError> {
    let n = results.policies.len();
    let all = views.len() as f64 * (height(n) + 84.0) + 60.0;
    sheet(results, words, all, |canvas, top| {
        for (row, view) in views.iter().enumerate() {
            let drawn = Drawn::of(view, results, beside, end(results));
            let top = top + row as f64 * (height(n) + 84.0);
            let mut heading = match results.scenario.services.len() {
                1 => view.heading.to_string(),
                _ => format!("{}, at {}", view.heading, results.scenario.tier_name(0)),
            };
            if let Some((_, name)) = drawn.capacity {
                heading += &format!(" · dashed: {name}");
            }
            if !drawn.measured.is_empty() {
                heading += " · dark: measured";
            }
            canvas.text(
                (theme::LEFT, top - 16.0),
                &heading,
                Type::new(theme::HEADING, theme::INK),
            );
            for i in 0..n {
                panel(canvas, results, view, &drawn, i, place(i, n, top));
            }
            let bottom = top + height(n) - 18.0;
            canvas.text(
                (theme::WIDTH - theme::EDGE, bottom + 58.0),
                "seconds",
                Type::new(theme::SMALL, theme::SOFT).align(Align::Right),
            );
        }
    })
}

/// The panel of the i-th policy, the others pale behind it.
fn panel(
    canvas: &mut Canvas<'_>,
    results: &Results,
    view: &View,
    drawn: &Drawn<'_>,
    i: usize,
    frame: [f64; 4],
) {
    let [left, top, right, bottom] = frame;
    let scale = TimeScale {
        scenario: &results.scenario,
        from: 0.0,
        to: end(results),
        left,
        right,
    };
    let axis = &drawn.axis;
    let y = |value: f64| bottom - axis.share(value) * PANEL;
    scale.shade_faults(canvas, top, bottom);
    let (first, last) = is_at(i, results.policies.len());
    // Every other line, so that values have room.
    for tick in axis.ticks.iter().step_by(2) {
        let colour = match y(*tick) > bottom - 0.5 {
            true => theme::AXIS,
            false => theme::GRID,
        };
        canvas.line(&[(left, y(*tick)), (right, y(*tick))], colour, 1.2);
        if first {
            left_of(canvas, y(*tick), &(view.show)(*tick));
        }
    }
    if let Some((level, _)) = drawn.capacity {
        canvas.dashes((left, y(level)), (right, y(level)), theme::SOFT, 1.2);
    }
    for (_, curve) in drawn.curves.iter().enumerate().filter(|(k, _)| *k != i) {
        for run in runs(curve) {
            canvas.line(&trace(&scale, run, |e| y(e.mean)), theme::AXIS, 0.6);
        }
    }
    for run in runs(&drawn.curves[i]) {
        let line = trace(&scale, run, |e| y(e.mean));
        canvas.line(&line, theme::colour(i), 2.4);
    }
    for line in &drawn.measured {
        let line: Vec<(f64, f64)> = line.iter().map(|[t, v]| (scale.x(*t), y(*v))).collect();
        canvas.line(&line, theme::INK, 1.6);
    }
    name(
        canvas,
        frame,
        i,
        &results.scenario.label(&results.policies[i].name),
    );
    if last {
        scale.ticks(canvas, bottom - 6.0, 3);
    }
    let steps = &drawn.curves[i];
    let middle = |(from, to, _): &(f64, f64, _)| (from + to) / 2.0;
    canvas.plot(Plot {
        area: frame,
        x: steps
            .iter()
            .map(|s| (scale.x(middle(s)) * 10.0).round() / 10.0)
            .collect(),
        labels: steps
            .iter()
            .map(|s| format!("{} s", three_digits(middle(s))))
            .collect(),
        series: vec![PlotSeries {
            name: results.policies[i].name.clone(),
            colour: theme::hex(theme::colour(i)),
            values: steps.iter().map(|s| (view.show)(s.2.mean)).collect(),
        }],
    });
}
