//! Waits of all judged calls as a cumulative distribution on a logarithmic axis: it rises
//! to the share that is answered.

use crate::chart::names::end_labels;
use crate::chart::render::{Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::sheet::{Words, axis_name, below, curve_names, level, sheet};
use crate::chart::theme;
use crate::format::{percent, seconds};
use crate::verdict::herd::titles;
use herdsim_core::ensemble::herd::Results;

const PANEL: f64 = 440.0;

/// The chart `distribution`.
pub fn distribution(results: &Results) -> Result<Chart, ChartError> {
    let names = curve_names(results);
    let right = names.right([]);
    // From the fastest thousandth on: what is faster is hardly a call.
    let ends = results.policies.iter().filter(|p| !p.waits.is_empty());
    let (low, high) = ends.fold((f64::INFINITY, 0.0f64), |(low, high), p| {
        let at = |q: f64| p.waits.quantile_ns(q).max(1) as f64 / 1e9;
        (low.min(at(0.001)), high.max(at(1.0)))
    });
    let what = "Share of all calls that were answered within so long, retries and waiting included";
    let words = Words {
        name: "distribution",
        title: &titles::median(results),
        what,
        how: "all runs together",
    };
    sheet(
        results,
        words,
        PANEL + 130.0 + names.height(),
        |canvas, top| {
            canvas.text(
                (theme::LEFT, top - 16.0),
                "Calls answered within so long, of all",
                Type::new(theme::HEADING, theme::INK),
            );
            let bottom = top + PANEL;
            let y = |share: f64| bottom - share * PANEL;
            for percent in [0, 25, 50, 75, 100] {
                let at = y(f64::from(percent) / 100.0);
                let colour = if percent == 0 {
                    theme::AXIS
                } else {
                    theme::GRID
                };
                level(canvas, at, right, &format!("{percent}%"), colour);
            }
            if high <= 0.0 {
                return; // No call was answered.
            }
            let (low, high) = (low * 0.9, (high * 1.1).max(low * 2.0));
            let x =
                |t: f64| theme::LEFT + (t / low).ln() / (high / low).ln() * (right - theme::LEFT);
            let mut free = f64::NEG_INFINITY;
            for power in -9..6 {
                for lead in [1.0, 2.0, 5.0] {
                    let value = lead * 10f64.powi(power);
                    if value < low || value > high {
                        continue;
                    }
                    let text = seconds(value);
                    let half = theme::measure(&text, theme::TICK, false) / 2.0;
                    canvas.line(
                        &[(x(value), bottom), (x(value), bottom + 6.0)],
                        theme::AXIS,
                        1.5,
                    );
                    if x(value) - half > free {
                        below(canvas, x(value), bottom, &text);
                        free = x(value) + half + 18.0;
                    }
                }
            }
            axis_name(
                canvas,
                right,
                bottom,
                "from the start of a call to its answer",
            );
            let mut labels = Vec::new();
            for (i, policy) in results.policies.iter().enumerate().rev() {
                if policy.waits.is_empty() {
                    continue;
                }
                let all = policy.judged().max(1) as f64;
                let mut below = 0.0;
                let mut line = vec![(theme::LEFT, y(0.0))];
                // Where the curve is when the labels are read: at its median.
                for (ns, calls) in policy.waits.steps() {
                    below += calls as f64;
                    let at = x((ns as f64 / 1e9).max(low));
                    line.push((at.max(theme::LEFT), y(below / all)));
                }
                let answered = y(below / all);
                line.push((right, answered));
                canvas.curve(&thin(&line), i);
                labels.extend(names.end(i, answered));
                let median = policy.wait_s(0.5);
                if median.is_finite() {
                    canvas.dot((x(median.max(low)), y(0.5)), 4.5, theme::colour(i));
                }
            }
            labels.reverse();
            end_labels(canvas, right, (top, bottom), labels);
            names.legend(canvas, bottom + 78.0);
            let steps = 120;
            let times: Vec<f64> = (0..=steps)
                .map(|i| low * (high / low).powf(f64::from(i) / f64::from(steps)))
                .collect();
            let series = results.policies.iter().enumerate().map(|(i, policy)| {
                let answered = policy.waits.len() as f64 / policy.judged().max(1) as f64;
                let share = |t: &f64| match policy.waits.is_empty() {
                    true => String::new(),
                    false => percent(answered * policy.waits.share_below((t * 1e9) as u64)),
                };
                PlotSeries {
                    name: policy.name.clone(),
                    colour: theme::hex(theme::colour(i)),
                    values: times.iter().map(share).collect(),
                }
            });
            canvas.plot(Plot {
                area: [theme::LEFT, top, right, bottom],
                x: times
                    .iter()
                    .map(|t| (x(*t) * 10.0).round() / 10.0)
                    .collect(),
                labels: times
                    .iter()
                    .map(|t| format!("within {}", seconds(*t)))
                    .collect(),
                series: series.collect(),
            });
        },
    )
}

/// Points that can be told apart.
fn thin(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (i, (x, y)) in line.iter().enumerate() {
        let far = kept
            .last()
            .is_none_or(|(a, b)| (x - a).abs() + (y - b).abs() > 0.7);
        if far || i + 1 == line.len() {
            kept.push((*x, *y));
        }
    }
    kept
}
