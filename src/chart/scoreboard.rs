//! Success, amplification, recovery and peak load side by side, with intervals.

use crate::chart::render::{Canvas, Chart, ChartError, Type};
use crate::chart::{sheet, theme, widest_name};
use crate::ensemble::herd::Results;
use crate::ensemble::stats::Estimate;
use crate::output::verdict::{Fate, how_soon};
use crate::output::words::{percent, seconds};

const ROW: f64 = 56.0;

/// The chart `scoreboard`.
pub fn scoreboard(results: &Results) -> Result<Chart, ChartError> {
    let rows = ROW * results.policies.len() as f64;
    let what = "Success, attempts, recovery and peak load";
    sheet(results, "scoreboard", what, rows + 90.0, |canvas, top| {
        let board = Board {
            results,
            top,
            bottom: top + rows,
            left: theme::LEFT + widest_name(results) + 36.0,
        };
        board.paint(canvas);
    })
}

struct Board<'r> {
    results: &'r Results,
    top: f64,
    bottom: f64,
    left: f64,
}

/// One of the four columns.
struct Column {
    heading: [&'static str; 2],
    metric: &'static str,
    /// The scale ends at least here.
    least: f64,
    /// A value to compare with, drawn across.
    reference: Option<f64>,
    show: fn(f64) -> String,
}

const COLUMNS: [Column; 4] = [
    Column {
        heading: ["Success", "share of calls"],
        metric: "success_ratio",
        least: 1.0,
        reference: Some(1.0),
        show: percent,
    },
    Column {
        heading: ["Amplification", "attempts per call"],
        metric: "attempts_per_call",
        least: 2.0,
        reference: Some(1.0),
        show: |x| format!("{x:.2}"),
    },
    Column {
        heading: ["Recovery", "after the last fault"],
        metric: "recovery_s",
        least: 0.1,
        reference: None,
        show: seconds,
    },
    Column {
        heading: ["Peak load", "times capacity"],
        metric: "peak_offered_ratio",
        least: 1.0,
        reference: Some(1.0),
        show: |x| format!("{x:.2}×"),
    },
];

impl Board<'_> {
    fn row(&self, i: usize) -> f64 {
        self.top + ROW * (i as f64 + 0.5)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        for (i, policy) in self.results.policies.iter().enumerate() {
            canvas.text(
                (theme::LEFT, self.row(i) + 7.5),
                &policy.name,
                Type::new(theme::LABEL, theme::colour(i)).bold(),
            );
        }
        let width = (theme::WIDTH - theme::EDGE - self.left) / COLUMNS.len() as f64;
        for (i, column) in COLUMNS.iter().enumerate() {
            self.column(canvas, column, self.left + width * i as f64, width);
        }
    }

    fn column(&self, canvas: &mut Canvas<'_>, column: &Column, left: f64, width: f64) {
        let estimates: Vec<Estimate> = self
            .results
            .policies
            .iter()
            .map(|p| p.metric(column.metric))
            .collect();
        let most = estimates
            .iter()
            .map(|e| e.mean.max(e.high))
            .filter(|x| !x.is_nan())
            .fold(column.least, f64::max);
        // The rest of the column is for the values in words.
        let scale = (width - 112.0) / most;
        let x = |value: f64| left + value * scale;
        let heading = Type::new(theme::HEADING, theme::INK);
        canvas.text((left, self.top - 46.0), column.heading[0], heading);
        let under = Type::new(theme::SMALL, theme::SOFT);
        canvas.text((left, self.top - 22.0), column.heading[1], under);
        canvas.line(&[(left, self.top), (left, self.bottom)], theme::AXIS, 1.5);
        if let Some(reference) = column.reference {
            let at = x(reference);
            canvas.dashes((at, self.top), (at, self.bottom), theme::AXIS, 1.2);
        }
        for (i, e) in estimates.iter().enumerate() {
            let (y, colour) = (self.row(i), theme::colour(i));
            let recovery = column.metric == "recovery_s";
            let fate = Fate::of(&self.results.policies[i]);
            if recovery && fate == Fate::Never {
                canvas.dashes((left, y), (x(most), y), colour, 2.0);
                self.value(canvas, x(most) + 10.0, y, "never");
                continue;
            }
            if e.mean.is_nan() {
                self.value(canvas, left + 10.0, y, "–");
                continue;
            }
            canvas.line(&[(left, y), (x(e.mean), y)], colour, 3.0);
            if !e.low.is_nan() {
                let (low, high) = (x(e.low.max(0.0)), x(e.high));
                canvas.line(&[(low, y - 9.0), (low, y + 9.0)], colour, 1.6);
                canvas.line(&[(high, y - 9.0), (high, y + 9.0)], colour, 1.6);
                canvas.line(&[(low, y), (high, y)], colour, 1.6);
            }
            canvas.dot((x(e.mean), y), 6.0, colour);
            let mut text = match recovery {
                true => how_soon(e.mean).trim_start_matches("in ").to_string(),
                false => (column.show)(e.mean),
            };
            if let (true, Fate::Sometimes(share)) = (recovery, fate) {
                text = format!("{text} in {}", percent(share));
            }
            let end = if e.high.is_nan() {
                e.mean
            } else {
                e.high.max(e.mean)
            };
            self.value(canvas, x(end) + 14.0, y, &text);
        }
    }

    fn value(&self, canvas: &mut Canvas<'_>, x: f64, y: f64, text: &str) {
        // On a patch of paper, so that no line runs through it.
        let width = theme::measure(text, theme::TICK, false);
        canvas.rect(
            (x - 3.0, y - 12.0),
            (x + width + 3.0, y + 12.0),
            theme::PAPER,
        );
        let style = Type::new(theme::TICK, theme::INK);
        canvas.text((x, y + 7.0), text, style);
    }
}
