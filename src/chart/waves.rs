//! Attempts by their number over time, a strip a policy: the waves of retries.

use crate::chart::names::label;
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::shades::Shades;
use crate::chart::sheet::{Words, sheet};
use crate::chart::theme;
use crate::chart::time::{FAULT_ROW, TimeScale};
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{Stretch, WAVES, Waves};
use herdsim_words::format::{seconds, thousands};
use herdsim_words::verdict::herd::titles;

/// Height of a row of a strip, and of the room between strips.
const ROW: f64 = 19.0;
const BETWEEN: f64 = 40.0;

/// What the rows of a strip are called.
const ROWS: [&str; WAVES.len()] = [
    "first",
    "1st retry",
    "2nd",
    "3rd",
    "4th",
    "5th",
    "6th",
    "7th on",
];

/// The chart `waves`.
pub fn waves(results: &Results) -> Result<Chart, ChartError> {
    let stretch = Stretch::of(&results.scenario);
    let width = stretch.bin as f64 / 1e9;
    let scale = TimeScale {
        scenario: &results.scenario,
        from: stretch.from as f64 / 1e9,
        to: (stretch.from as f64 + stretch.bin as f64 * stretch.bins as f64) / 1e9,
        left: theme::LEFT,
        right: theme::WIDTH - theme::EDGE,
    };
    let shades = shades(results, width);
    let faults = scale.fault_names();
    let above = faults.iter().map(|n| n.row + 1).max().unwrap_or(0) as f64 * FAULT_ROW;
    let strips: Vec<usize> = results.policies.iter().map(rows).collect();
    let height: f64 = strips.iter().map(|n| *n as f64 * ROW + BETWEEN).sum();
    let what = format!(
        "Attempts by their number in every {} around the first fault, in the first run",
        seconds(width)
    );
    let words = Words {
        name: "waves",
        title: &titles::waves(results),
        what: &what,
        how: "the first run as it happened, its worst 10 ms against the mean",
    };
    sheet(results, words, above + height + 160.0, |canvas, top| {
        canvas.text(
            (theme::LEFT, top - 16.0),
            &format!("Attempts sent in every {}, by their number", seconds(width)),
            Type::new(theme::HEADING, theme::INK),
        );
        let mut y = top + above;
        scale.name_faults(canvas, &faults, y);
        for (i, policy) in results.policies.iter().enumerate() {
            let strip = Strip {
                scale: &scale,
                stretch,
                top: y + BETWEEN - 10.0,
                rows: strips[i],
            };
            if i == 0 {
                scale.shade_faults(canvas, y, top + above + height - 10.0);
            }
            canvas.text(
                (theme::LEFT, strip.top - 8.0),
                &label(&policy.name),
                Type::new(theme::LABEL, theme::colour(i)).bold(),
            );
            strip.paint(canvas, &policy.waves, &shades);
            y += BETWEEN + ROW * strips[i] as f64;
        }
        scale.axis(canvas, y - 10.0);
        shades.legend(canvas, y + 92.0);
    })
}

/// By what a call's first attempts usually are, with the first policy.
fn shades(results: &Results, width: f64) -> Shades {
    let first = results.policies.first().map_or(&[][..], |p| &p.waves);
    let calls: u32 = first.iter().map(|bin| bin[0]).sum();
    let usual = f64::from(calls) / first.len().max(1) as f64;
    let bins = results.policies.iter().flat_map(|p| &p.waves);
    let most = bins.flatten().copied().max().unwrap_or(0);
    Shades::new(usual, f64::from(most), width, 2.0)
}

/// The rows of a policy's strip: up to the last attempt that is made at all.
fn rows(policy: &PolicyResults) -> usize {
    let made = |row: &usize| policy.waves.iter().any(|bin| bin[*row] > 0);
    (0..WAVES.len()).rev().find(made).map_or(1, |last| last + 1)
}

/// The strip of one policy.
struct Strip<'s> {
    scale: &'s TimeScale<'s>,
    stretch: Stretch,
    top: f64,
    rows: usize,
}

impl Strip<'_> {
    fn t(&self, bin: usize) -> f64 {
        self.scale.from + bin as f64 * self.stretch.bin as f64 / 1e9
    }

    fn paint(&self, canvas: &mut Canvas<'_>, waves: &Waves, shades: &Shades) {
        let bottom = self.top + self.rows as f64 * ROW;
        let mut cells = vec![Vec::new(); shades.count()];
        for row in 0..self.rows {
            let y = self.top + row as f64 * ROW;
            canvas.text(
                (theme::LEFT - 12.0, y + ROW - 4.0),
                ROWS[row],
                Type::new(theme::SMALL, theme::SOFT).align(Align::Right),
            );
            // Neighbours of a shade are one rectangle.
            let shade = |bin: &[u32; WAVES.len()]| shades.of_count(f64::from(bin[row]));
            let mut from = 0;
            for run in waves.chunk_by(|a, b| shade(a) == shade(b)) {
                let to = from + run.len();
                if let Some(shade) = shade(&run[0]) {
                    let (left, right) = (self.scale.x(self.t(from)), self.scale.x(self.t(to)));
                    cells[shade].push(((left, y + 0.5), (right, y + ROW - 0.5)));
                }
                from = to;
            }
        }
        for (shade, cells) in cells.iter().enumerate() {
            canvas.cells(shades.colour(shade), cells);
        }
        let right = self.scale.right;
        canvas.line(&[(theme::LEFT, bottom), (right, bottom)], theme::AXIS, 1.2);
        let middle = |bin: usize| (self.scale.x(self.t(bin)) + self.scale.x(self.t(bin + 1))) / 2.0;
        let bins = 0..waves.len();
        canvas.plot(Plot {
            area: [theme::LEFT, self.top, right, bottom],
            x: bins
                .clone()
                .map(|i| (middle(i) * 10.0).round() / 10.0)
                .collect(),
            labels: bins.map(|i| format!("{:.2} s", self.t(i))).collect(),
            series: (0..self.rows)
                .map(|row| PlotSeries {
                    name: ROWS[row].to_string(),
                    colour: theme::hex(theme::SOFT),
                    values: waves
                        .iter()
                        .map(|bin| match bin[row] {
                            0 => String::new(),
                            n => thousands(f64::from(n)),
                        })
                        .collect(),
                })
                .collect(),
        });
    }
}
