//! Calls answered, amplification, time degraded and the peak after side by side, with
//! intervals.

use crate::chart::names::{label, widest};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{MEANS, Words, policy_names, sheet};
use crate::chart::theme;
use herdsim_core::ensemble::herd::Results;
use herdsim_core::stats::Estimate;
use herdsim_words::verdict::herd::board::{Column, columns};
use herdsim_words::verdict::herd::titles;

const ROW: f64 = 56.0;

/// The chart `scoreboard`.
pub fn scoreboard(results: &Results) -> Result<Chart, ChartError> {
    let rows = ROW * results.policies.len() as f64;
    let what = "The policies side by side";
    let words = Words {
        name: "scoreboard",
        title: &titles::change(results),
        what,
        how: MEANS,
    };
    let labels = policy_names(results).map(|name| results.scenario.label(name));
    let labels: Vec<String> = labels.collect();
    sheet(results, words, rows + 90.0, |canvas, top| {
        let board = Board {
            results,
            left: theme::LEFT + widest(labels.iter().map(String::as_str)) + 36.0,
            labels: &labels,
            top,
            bottom: top + rows,
        };
        board.paint(canvas);
    })
}

struct Board<'r> {
    results: &'r Results,
    labels: &'r [String],
    top: f64,
    bottom: f64,
    left: f64,
}

impl Board<'_> {
    fn row(&self, i: usize) -> f64 {
        self.top + ROW * (i as f64 + 0.5)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        for (i, name) in self.labels.iter().enumerate() {
            canvas.text(
                (theme::LEFT, self.row(i) + 7.5),
                &label(name),
                Type::new(theme::LABEL, theme::colour(i)).bold(),
            );
        }
        let columns = columns(&self.results.scenario);
        let width = (theme::WIDTH - theme::EDGE - self.left) / columns.len() as f64;
        for (i, column) in columns.iter().enumerate() {
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
        let words: Vec<String> = (0..estimates.len())
            .map(|i| column.words(&self.results.policies[i]))
            .collect();
        let widest = words.iter().map(|w| theme::measure(w, theme::TICK, false));
        let scale = (width - widest.fold(0.0, f64::max) - 46.0).max(20.0) / most;
        let x = |value: f64| left + value * scale;
        let heading = Type::new(theme::HEADING, theme::INK);
        canvas.text((left, self.top - 46.0), column.heading[0], heading);
        let under = Type::new(theme::SMALL, theme::SOFT);
        canvas.text((left, self.top - 22.0), column.heading[1], under);
        canvas.line(&[(left, self.top), (left, self.bottom)], theme::AXIS, 1.5);
        // One far above all values would stand beside the column.
        let seen = column
            .reference
            .filter(|(r, _)| x(*r) < left + width - 30.0);
        if let Some((reference, name)) = seen {
            let at = x(reference);
            canvas.dashes((at, self.top), (at, self.bottom), theme::AXIS, 1.2);
            let style = Type::new(theme::SMALL, theme::FAINT).align(Align::Centre);
            canvas.text((at, self.bottom + 20.0), name, style);
        }
        for (i, (e, words)) in estimates.iter().zip(&words).enumerate() {
            let (y, colour) = (self.row(i), theme::colour(i));
            let half = ROW / 2.0;
            let mut lines = vec![
                format!("{}, {}", self.results.policies[i].name, column.heading[0]),
                words.clone(),
            ];
            if !e.low.is_nan() {
                let (low, high) = ((column.show)(e.low), (column.show)(e.high));
                lines.push(format!("95% interval {low} to {high}"));
            }
            canvas.spot((left, y - half), (left + width - 10.0, y + half), lines);
            if e.mean.is_nan() {
                self.value(canvas, left + 10.0, y, words);
                continue;
            }
            canvas.line(&[(left, y), (x(e.mean), y)], colour, 3.0);
            if !e.low.is_nan() {
                let (low, high) = (x(e.low), x(e.high));
                canvas.line(&[(low, y - 9.0), (low, y + 9.0)], colour, 1.6);
                canvas.line(&[(high, y - 9.0), (high, y + 9.0)], colour, 1.6);
                canvas.line(&[(low, y), (high, y)], colour, 1.6);
            }
            canvas.dot((x(e.mean), y), 6.0, colour);
            let end = if e.high.is_nan() { e.mean } else { e.high };
            self.value(canvas, x(end) + 14.0, y, words);
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
