//! Success, amplification, recovery and peak load side by side, with intervals.

use crate::chart::names::{label, widest};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{MEANS, Words, policy_names, sheet};
use crate::chart::theme;
use crate::format::{percent, seconds, thousands};
use crate::verdict::herd::titles;
use crate::verdict::herd::{Fate, Question, how_soon};
use herdsim_core::ensemble::herd::Results;
use herdsim_core::herd::{
    ATTEMPTS_PER_CALL, COMPLETION_S, DOUBLE_EFFECTS, PEAK_OFFERED_RATIO, RECOVERY_S, SUCCESS_RATIO,
    WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::stats::Estimate;

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
    sheet(results, words, rows + 90.0, |canvas, top| {
        let board = Board {
            results,
            top,
            bottom: top + rows,
            left: theme::LEFT + widest(policy_names(results)) + 36.0,
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
    metric: Key,
    /// The scale ends at least here.
    least: f64,
    /// A value to compare with, drawn across, and its name.
    reference: Option<(f64, &'static str)>,
    show: fn(f64) -> String,
}

const SUCCESS: Column = Column {
    heading: ["Success", "share of calls"],
    metric: SUCCESS_RATIO,
    least: 1.0,
    reference: Some((1.0, "100%")),
    show: percent,
};
const AMPLIFICATION: Column = Column {
    heading: ["Amplification", "attempts per call"],
    metric: ATTEMPTS_PER_CALL,
    least: 2.0,
    reference: Some((1.0, "1")),
    show: |x| format!("{x:.2}"),
};
const RECOVERY: Column = Column {
    heading: ["Recovery", "after the last fault"],
    metric: RECOVERY_S,
    least: 0.1,
    reference: None,
    show: |s| how_soon(s).trim_start_matches("in ").to_string(),
};
const COMPLETION: Column = Column {
    heading: ["All done", "after the first call"],
    metric: COMPLETION_S,
    least: 0.1,
    reference: None,
    show: seconds,
};
const WASTE: Column = Column {
    heading: ["Wasted work", "share of service"],
    metric: WASTED_SERVICE_RATIO,
    least: 0.1,
    reference: None,
    show: percent,
};
const PEAK: Column = Column {
    heading: ["Peak load", "times capacity"],
    metric: PEAK_OFFERED_RATIO,
    least: 1.0,
    reference: Some((1.0, "capacity")),
    show: |x| format!("{x:.2}×"),
};

const DOUBLES: Column = Column {
    heading: ["Double effects", "per run"],
    metric: DOUBLE_EFFECTS,
    least: 1.0,
    reference: None,
    show: thousands,
};

/// The columns that answer the scenario's question.
fn columns(scenario: &Scenario) -> [Column; 4] {
    let fourth = match scenario.entry().effect {
        Some(_) => DOUBLES,
        None => PEAK,
    };
    let third = match Question::of(scenario) {
        Question::Recovery => RECOVERY,
        Question::Completion => COMPLETION,
        Question::Waste => WASTE,
    };
    [SUCCESS, AMPLIFICATION, third, fourth]
}

impl Board<'_> {
    fn row(&self, i: usize) -> f64 {
        self.top + ROW * (i as f64 + 0.5)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        for (i, policy) in self.results.policies.iter().enumerate() {
            canvas.text(
                (theme::LEFT, self.row(i) + 7.5),
                &label(&policy.name),
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
            .map(|i| self.words(column, i, &estimates[i]))
            .collect();
        let widest = words.iter().map(|w| theme::measure(w, theme::TICK, false));
        let scale = (width - widest.fold(0.0, f64::max) - 46.0).max(20.0) / most;
        let x = |value: f64| left + value * scale;
        let heading = Type::new(theme::HEADING, theme::INK);
        canvas.text((left, self.top - 46.0), column.heading[0], heading);
        let under = Type::new(theme::SMALL, theme::SOFT);
        canvas.text((left, self.top - 22.0), column.heading[1], under);
        canvas.line(&[(left, self.top), (left, self.bottom)], theme::AXIS, 1.5);
        if let Some((reference, name)) = column.reference {
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
                let mut at = left;
                if column.metric == RECOVERY_S && self.fate(i) == Fate::Never {
                    at = x(most);
                    canvas.dashes((left, y), (at, y), colour, 2.0);
                }
                self.value(canvas, at + 10.0, y, words);
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

    fn fate(&self, policy: usize) -> Fate {
        Fate::of(&self.results.policies[policy])
    }

    /// A value as it is written beside its bar.
    fn words(&self, column: &Column, policy: usize, e: &Estimate) -> String {
        match (column.metric, self.fate(policy)) {
            (RECOVERY_S, Fate::Never) => "never".to_string(),
            (RECOVERY_S, Fate::Sometimes(share)) => {
                format!("{} in {}", (column.show)(e.mean), percent(share))
            }
            _ if e.mean.is_nan() => "–".to_string(),
            _ => (column.show)(e.mean),
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
