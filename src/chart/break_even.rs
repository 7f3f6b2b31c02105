//! What clients' budgets do as a service fails: success and load against the
//! share of failing attempts, with the point where retries switch off.

use crate::chart::names::{Names, end_labels, label};
use crate::chart::render::{Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{Sheet, axis_name, below, level};
use crate::chart::theme;
use herdsim_core::scenario::catalogue::Entry;
use herdsim_core::scenario::policy::Failure;
use herdsim_core::theory::budget::{break_even, operating_point};
use herdsim_words::format::{percent, three_digits};

const PANEL: f64 = 300.0;
const BETWEEN: f64 = 100.0;
/// The share of failing attempts at the right edge.
const MOST: f64 = 0.5;
const STEPS: u32 = 250;

/// The chart `break-even` of some policies.
pub fn break_even_chart(entries: &[&Entry]) -> Result<Chart, ChartError> {
    let names = Names::new(entries.iter().map(|e| label(&e.name)).enumerate());
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
    let height = 2.0 * PANEL + BETWEEN + 130.0 + names.height();
    sheet.draw(height, |canvas, top| {
        let second = top + PANEL + BETWEEN;
        let success = |e: &Entry, x: f64| operating_point(&e.policy, Failure::Error, x).0;
        let load = |e: &Entry, x: f64| operating_point(&e.policy, Failure::Error, x).1;
        panel(
            canvas,
            (entries, &names),
            top,
            "Calls that succeed",
            (0.5, 1.0),
            success,
        );
        panel(
            canvas,
            (entries, &names),
            second,
            "Attempts per call",
            (1.0, 2.0),
            load,
        );
        let base = second + PANEL;
        axis_name(canvas, names.right([]), base, "share of attempts that fail");
        names.legend(canvas, base + 78.0);
    })
}

fn panel(
    canvas: &mut Canvas<'_>,
    (entries, names): (&[&Entry], &Names),
    top: f64,
    heading: &str,
    (low, high): (f64, f64),
    value: impl Fn(&Entry, f64) -> f64,
) {
    let (bottom, right) = (top + PANEL, names.right([]));
    let x = |share: f64| theme::LEFT + share / MOST * (right - theme::LEFT);
    let y = |v: f64| bottom - ((v - low) / (high - low)).clamp(0.0, 1.0) * PANEL;
    let style = Type::new(theme::HEADING, theme::INK);
    canvas.text((theme::LEFT, top - 16.0), heading, style);
    for i in 0..=5 {
        let v = low + (high - low) * f64::from(i) / 5.0;
        let text = match high <= 1.0 {
            true => format!("{:.0}%", 100.0 * v),
            false => three_digits(v),
        };
        level(canvas, y(v), right, &text, theme::GRID);
        let share = MOST * f64::from(i) / 5.0;
        let text = format!("{:.0}%", 100.0 * share);
        below(canvas, x(share), bottom, &text);
    }
    canvas.line(&[(theme::LEFT, bottom), (right, bottom)], theme::AXIS, 1.5);
    let mut labels = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let colour = theme::colour(i);
        let points: Vec<_> = (0..=STEPS)
            .map(|step| MOST * f64::from(step) / f64::from(STEPS))
            .map(|share| (x(share), y(value(entry, share))))
            .collect();
        canvas.curve(&points, i);
        if let Some(at) = break_even(&entry.policy, Failure::Error)
            && at <= MOST
        {
            canvas.dot((x(at), y(value(entry, at))), 7.0, colour);
        }
        labels.extend(names.end(i, y(value(entry, MOST))));
    }
    end_labels(canvas, right, (top, bottom), labels);
}
