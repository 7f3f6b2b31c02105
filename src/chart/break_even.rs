//! What clients' budgets do as a service fails: success and load against the
//! share of failing attempts, with the point where retries switch off.

use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::{EndLabel, LEADER, Sheet, end_labels, label, theme};
use crate::output::words::{percent, three_digits};
use crate::scenario::catalogue::Entry;
use crate::scenario::policy::Failure;
use crate::theory::budget::{break_even, operating_point};

const PANEL: f64 = 300.0;
const BETWEEN: f64 = 100.0;
/// The share of failing attempts at the right edge.
const MOST: f64 = 0.5;
const STEPS: u32 = 250;

/// The chart `break-even` of some policies.
pub fn break_even_chart(entries: &[&Entry]) -> Result<Chart, ChartError> {
    let widths = entries
        .iter()
        .map(|e| theme::measure(&label(&e.name), theme::LABEL, true));
    let widest = widths.fold(0.0, f64::max);
    let right = theme::WIDTH - theme::EDGE - widest - LEADER - 6.0;
    let switches: Vec<String> = entries
        .iter()
        .filter_map(|e| {
            Some(format!(
                "{} {}",
                e.name,
                percent(break_even(&e.policy, Failure::Error)?)
            ))
        })
        .collect();
    let sheet = Sheet {
        name: "break-even",
        title: "Where a client's budget switches its retries off",
        subtitle: "independent failures, in the limit of large budgets · dots: break-even",
        footer: &format!("herdsim {} · theory", env!("CARGO_PKG_VERSION")),
        description: &format!(
            "Success ratio and attempts per call against the share of failing attempts. Retries switch off at: {}.",
            switches.join(", ")
        ),
    };
    let height = 2.0 * PANEL + BETWEEN + 170.0;
    sheet.draw(height, |canvas, top| {
        let second = top + PANEL + BETWEEN;
        let success = |e: &Entry, x: f64| operating_point(&e.policy, Failure::Error, x).0;
        let load = |e: &Entry, x: f64| operating_point(&e.policy, Failure::Error, x).1;
        panel(
            canvas,
            entries,
            right,
            top,
            "Calls that succeed",
            (0.5, 1.0),
            success,
        );
        panel(
            canvas,
            entries,
            right,
            second,
            "Attempts per call",
            (1.0, 2.0),
            load,
        );
        let style = Type::new(theme::TICK, theme::SOFT).align(Align::Right);
        let below = second + PANEL + 60.0;
        canvas.text((right, below), "share of attempts that fail", style);
    })
}

fn panel(
    canvas: &mut Canvas<'_>,
    entries: &[&Entry],
    right: f64,
    top: f64,
    heading: &str,
    (low, high): (f64, f64),
    value: impl Fn(&Entry, f64) -> f64,
) {
    let bottom = top + PANEL;
    let x = |share: f64| theme::LEFT + share / MOST * (right - theme::LEFT);
    let y = |v: f64| bottom - ((v - low) / (high - low)).clamp(0.0, 1.0) * PANEL;
    let style = Type::new(theme::HEADING, theme::INK);
    canvas.text((theme::LEFT, top - 16.0), heading, style);
    let tick = Type::new(theme::TICK, theme::SOFT);
    for i in 0..=5 {
        let v = low + (high - low) * f64::from(i) / 5.0;
        canvas.line(&[(theme::LEFT, y(v)), (right, y(v))], theme::GRID, 1.2);
        let text = match high <= 1.0 {
            true => format!("{:.0}%", 100.0 * v),
            false => three_digits(v),
        };
        canvas.text(
            (theme::LEFT - 12.0, y(v) + 7.0),
            &text,
            tick.align(Align::Right),
        );
        let share = MOST * f64::from(i) / 5.0;
        let text = format!("{:.0}%", 100.0 * share);
        canvas.text((x(share), bottom + 30.0), &text, tick.align(Align::Centre));
    }
    canvas.line(&[(theme::LEFT, bottom), (right, bottom)], theme::AXIS, 1.5);
    let mut labels = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let colour = theme::colour(i);
        let points: Vec<_> = (0..=STEPS)
            .map(|step| MOST * f64::from(step) / f64::from(STEPS))
            .map(|share| (x(share), y(value(entry, share))))
            .collect();
        canvas.line(&points, colour, 3.0);
        if let Some(at) = break_even(&entry.policy, Failure::Error)
            && at <= MOST
        {
            canvas.dot((x(at), y(value(entry, at))), 7.0, colour);
        }
        labels.push(EndLabel {
            at: y(value(entry, MOST)),
            text: label(&entry.name),
            style: Type::new(theme::LABEL, colour).bold(),
        });
    }
    end_labels(canvas, right, (top, bottom), labels);
}
