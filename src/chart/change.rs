//! Before and after, side by side, with the intervals of both and of the difference.

use crate::chart::names::{label, widest};
use crate::chart::render::{Canvas, Chart, ChartError, Type};
use crate::chart::sheet::Sheet;
use crate::chart::theme;
use crate::judge::baseline::{Change, Comparison};
use herdsim_core::metric::Metric;
use herdsim_core::stats::Estimate;

const ROW: f64 = 86.0;
/// Columns and rows that a chart holds.
const COLUMNS: usize = 4;
const ROWS: usize = 16;

/// The chart `change`; `setting` says what was simulated.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn change(comparison: &Comparison, setting: &str) -> Result<Chart, ChartError> {
    let mut cells: Vec<&str> = Vec::new();
    for change in &comparison.changes {
        if !cells.contains(&change.cell.as_str()) {
            cells.push(&change.cell);
        }
    }
    let more = cells.len().saturating_sub(ROWS);
    cells.truncate(ROWS);
    let how = match more {
        0 => "grey before, coloured now, 95% intervals".to_string(),
        n => format!("grey before, coloured now, 95% intervals · {n} more in the table"),
    };
    let sheet = Sheet {
        name: "change",
        title: &comparison.verdict,
        subtitle: &match setting.is_empty() {
            true => how,
            false => format!("{setting} · {how}"),
        },
        footer: &format!(
            "herdsim {} · against {}",
            env!("CARGO_PKG_VERSION"),
            comparison.baseline
        ),
        description: &format!("Before and after. {}.", comparison.verdict),
    };
    let board = Board {
        comparison,
        left: theme::LEFT + widest(cells.iter().copied()) + 36.0,
        cells,
    };
    sheet.draw(ROW * board.cells.len() as f64 + 80.0, |canvas, top| {
        board.paint(canvas, top);
    })
}

struct Board<'c> {
    comparison: &'c Comparison,
    cells: Vec<&'c str>,
    left: f64,
}

impl Board<'_> {
    fn paint(&self, canvas: &mut Canvas<'_>, top: f64) {
        for (i, cell) in self.cells.iter().enumerate() {
            let y = top + ROW * (i as f64 + 0.5);
            let style = Type::new(theme::LABEL, theme::colour(i)).bold();
            canvas.text((theme::LEFT, y + 7.5), &label(cell), style);
        }
        let mut metrics: Vec<Metric> = Vec::new();
        for change in &self.comparison.changes {
            if !metrics.contains(&change.metric) {
                metrics.push(change.metric);
            }
        }
        metrics.truncate(COLUMNS);
        let width = (theme::WIDTH - theme::EDGE - self.left) / metrics.len() as f64;
        for (i, metric) in metrics.into_iter().enumerate() {
            self.column(canvas, metric, self.left + width * i as f64, width, top);
        }
    }

    fn column(&self, canvas: &mut Canvas<'_>, metric: Metric, left: f64, width: f64, top: f64) {
        let heading = Type::new(theme::HEADING, theme::INK);
        canvas.text((left, top - 22.0), metric.title, heading);
        let bottom = top + ROW * self.cells.len() as f64;
        canvas.line(&[(left, top), (left, bottom)], theme::AXIS, 1.5);
        let rows: Vec<(usize, &Change)> = self
            .comparison
            .changes
            .iter()
            .filter(|change| change.metric == metric)
            .filter_map(|change| Some((self.cells.iter().position(|c| *c == change.cell)?, change)))
            .collect();
        let both = rows.iter().flat_map(|(_, c)| [c.before, c.now]);
        let most = both
            .flat_map(|e| [e.mean, e.high])
            .filter(|x| x.is_finite())
            .fold(f64::MIN_POSITIVE, f64::max);
        // The values stand to the right of the longest bar.
        let values = rows.iter().flat_map(|(_, c)| &c.values);
        let words = values.map(|text| theme::measure(text, theme::TICK, false));
        let room = (width - words.fold(0.0, f64::max) - 46.0).max(20.0);
        let x = |value: f64| left + value / most * room;
        for (i, change) in rows {
            let y = top + ROW * (i as f64 + 0.5);
            let lines = [
                (change.before, y - 26.0, theme::AXIS, theme::SOFT),
                (change.now, y + 2.0, theme::colour(i), theme::INK),
            ];
            for ((e, y, colour, ink), told) in lines.into_iter().zip(&change.values) {
                let end = self.bar(canvas, e, &x, left, y, colour);
                let style = Type::new(theme::TICK, ink);
                canvas.text((end + 12.0, y + 7.0), told, style);
            }
            let said = match change.change.mean.is_nan() {
                true => change.word.to_string(),
                false => change.show(),
            };
            let ink = match change.word {
                "better" | "worse" | "different" => theme::INK,
                _ => theme::SOFT,
            };
            let said = theme::shorten(&said, theme::SMALL, false, width - 24.0);
            canvas.text((left + 10.0, y + 32.0), &said, Type::new(theme::SMALL, ink));
            let half = ROW / 2.0;
            let lines = vec![
                format!("{}, {}", change.cell, metric.title),
                format!("{} before, {} now", change.values[0], change.values[1]),
                format!("{}: {}", change.show(), change.word),
            ];
            canvas.spot((left, y - half), (left + width - 10.0, y + half), lines);
        }
    }

    /// Draws a bar with its interval; says where it ends.
    fn bar(
        &self,
        canvas: &mut Canvas<'_>,
        e: Estimate,
        x: &impl Fn(f64) -> f64,
        left: f64,
        y: f64,
        colour: plotters::style::RGBColor,
    ) -> f64 {
        if !e.mean.is_finite() {
            return left;
        }
        canvas.line(&[(left, y), (x(e.mean), y)], colour, 3.0);
        canvas.dot((x(e.mean), y), 6.0, colour);
        match e.low.is_finite() && e.high.is_finite() {
            false => x(e.mean),
            true => {
                for end in [e.low, e.high] {
                    canvas.line(&[(x(end), y - 8.0), (x(end), y + 8.0)], colour, 1.6);
                }
                canvas.line(&[(x(e.low), y), (x(e.high), y)], colour, 1.6);
                x(e.high)
            }
        }
    }
}
