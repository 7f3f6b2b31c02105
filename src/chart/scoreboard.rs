//! Calls answered, amplification, time degraded and the peak after side by side, with
//! intervals.

use crate::chart::names::{label, widest};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{MEANS, Words, policy_names, sheet};
use crate::chart::theme;
use herdsim_core::ensemble::herd::Results;
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, COMPLETION_S, DEGRADED_S, DOUBLE_EFFECTS, GOODPUT_PER_S,
    PEAK_AFTER_PER_S, WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::stats::Estimate;
use herdsim_words::format::{percent, seconds, thousands, three_digits};
use herdsim_words::verdict::herd::ranking::Measure;
use herdsim_words::verdict::herd::titles;
use herdsim_words::verdict::herd::{Question, is_ill_at_end};

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

const ANSWERED: Column = Column {
    heading: ["Answered", "share of calls"],
    metric: ANSWERED_RATIO,
    least: 1.0,
    reference: Some((1.0, "100%")),
    show: percent,
};
/// In place of that where callers wait for an answer before they call again.
const RATE: Column = Column {
    heading: ["Answered", "calls per second"],
    metric: GOODPUT_PER_S,
    least: 1.0,
    reference: None,
    show: three_digits,
};
const AMPLIFICATION: Column = Column {
    heading: ["Amplification", "attempts per call"],
    metric: ATTEMPTS_PER_CALL,
    least: 2.0,
    reference: Some((1.0, "1")),
    show: |x| format!("{x:.2}"),
};
const DEGRADED: Column = Column {
    heading: ["Degraded", "since the fault began"],
    metric: DEGRADED_S,
    least: 0.1,
    reference: None,
    show: seconds,
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
    heading: ["Peak after", "attempts per second"],
    metric: PEAK_AFTER_PER_S,
    least: 1.0,
    reference: None,
    show: thousands,
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
        None => peak(scenario),
    };
    let third = match Question::of(scenario) {
        Question::Recovery => DEGRADED,
        Question::Completion => COMPLETION,
        Question::Waste => WASTE,
    };
    let first = match Measure::of(scenario) {
        Measure::Share => ANSWERED,
        Measure::Rate => RATE,
    };
    [first, AMPLIFICATION, third, fourth]
}

/// The column of the peak: beside the capacity of the service, where it has one and callers
/// meet no other.
fn peak(scenario: &Scenario) -> Column {
    let capacity = scenario.entry().capacity_per_s();
    let alone = scenario.services.len() == 1;
    Column {
        heading: match scenario.harm() {
            Some(_) => PEAK.heading,
            None => ["Peak", PEAK.heading[1]],
        },
        reference: (alone && capacity.is_finite()).then_some((capacity, "capacity")),
        ..PEAK
    }
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

    /// A value as it is written beside its bar.
    fn words(&self, column: &Column, policy: usize, e: &Estimate) -> String {
        // Ill to the end of the run, and who knows how long.
        let longer = column.metric == DEGRADED_S && is_ill_at_end(&self.results.policies[policy]);
        match longer {
            _ if e.mean.is_nan() => "–".to_string(),
            true => format!("≥ {}", (column.show)(e.mean)),
            false => (column.show)(e.mean),
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
