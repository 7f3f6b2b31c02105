//! Sweeps over one axis: a curve a policy, with bands.

use crate::chart::names::{Names, end_labels, label};
use crate::chart::render::{Canvas, Chart, ChartError, Plot as Values, PlotSeries, Type};
use crate::chart::sheet::{Sheet, axis_name, below, level};
use crate::chart::theme;
use herdsim_words::format::capital;
use herdsim_words::verdict::sweep::SweepResults;

const PANEL: f64 = 420.0;

/// Draws the curves of the main metric along the only axis.
pub fn curves(results: &SweepResults<'_>, footer: &str) -> Result<Chart, ChartError> {
    let title = results.headline();
    let sheet = Sheet {
        name: "curves",
        title: &title,
        subtitle: &format!("{} · mean and 95% interval", results.setting()),
        footer,
        description: &format!(
            "{} along {}. {}.",
            capital(results.manner.subject),
            results.grid.axes[0].name(),
            results.verdict()
        ),
    };
    let names = Names::new(results.names.iter().map(|name| label(name)).enumerate());
    sheet.draw(PANEL + 130.0 + names.height(), |canvas, top| {
        let plot = Plot {
            results,
            top,
            right: names.right([]),
            names,
            places: results.places(0),
        };
        plot.paint(canvas);
    })
}

struct Plot<'a> {
    results: &'a SweepResults<'a>,
    top: f64,
    right: f64,
    names: Names,
    /// Of the values, from 0 to 1.
    places: Vec<f64>,
}

impl Plot<'_> {
    fn x(&self, i: usize) -> f64 {
        theme::LEFT + self.places[i] * (self.right - theme::LEFT)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let results = self.results;
        let most = match results.asks_recovery() && results.is_share() {
            true => 1.0,
            false => {
                let all = results.main.iter().flatten().map(|v| v[0]);
                all.filter(|m| !m.is_nan()).fold(1e-12, f64::max)
            }
        };
        let ticks = theme::ticks(most, 4);
        let full = ticks.last().copied().unwrap_or(1.0);
        let bottom = self.top + PANEL;
        let y = |value: f64| bottom - (value / full).clamp(0.0, 1.0) * PANEL;
        canvas.text(
            (theme::LEFT, self.top - 22.0),
            &capital(results.manner.subject),
            Type::new(theme::HEADING, theme::INK),
        );
        for tick in &ticks {
            let colour = if *tick == 0.0 {
                theme::AXIS
            } else {
                theme::GRID
            };
            let text = results.show(*tick).replace(".0%", "%");
            level(canvas, y(*tick), self.right, &text, colour);
        }
        let mut ends = Vec::new();
        for (i, values) in results.main.iter().enumerate() {
            let known: Vec<(usize, &[f64; 3])> = values
                .iter()
                .enumerate()
                .filter(|(_, v)| !v[0].is_nan())
                .collect();
            let edge = |which: usize| -> Vec<(f64, f64)> {
                let values = known.iter().filter(|(_, v)| !v[which].is_nan());
                values.map(|(k, v)| (self.x(*k), y(v[which]))).collect()
            };
            canvas.band(&edge(2), &edge(1), theme::colour(i), 0.18);
            let line = edge(0);
            canvas.curve(&line, i);
            for at in &line {
                canvas.dot(*at, 4.0, theme::colour(i));
            }
            ends.extend(line.last().and_then(|(_, at)| self.names.end(i, *at)));
        }
        end_labels(canvas, self.right, (self.top, bottom), ends);
        self.names.legend(canvas, bottom + 78.0);
        self.tell(canvas, bottom);
        let axis = &results.grid.axes[0];
        let mut free = f64::NEG_INFINITY;
        for i in 0..axis.len() {
            let text = results.value(0, i);
            let half = theme::measure(&text, theme::TICK, false) / 2.0;
            if self.x(i) - half < free {
                continue;
            }
            free = self.x(i) + half + 18.0;
            below(canvas, self.x(i), bottom, &text);
        }
        axis_name(canvas, self.right, bottom, &axis.name());
    }

    /// The values of all curves, for a page.
    fn tell(&self, canvas: &mut Canvas<'_>, bottom: f64) {
        let axis = &self.results.grid.axes[0];
        let show = |v: &[f64; 3]| match v[0].is_nan() {
            true => String::new(),
            false => self.results.show(v[0]),
        };
        let values = &axis.paths[0].values;
        canvas.plot(Values {
            area: [theme::LEFT, self.top, self.right, bottom],
            x: (0..values.len()).map(|i| self.x(i)).collect(),
            labels: (0..values.len())
                .map(|i| format!("{} = {}", axis.name(), self.results.value(0, i)))
                .collect(),
            series: self
                .results
                .main
                .iter()
                .enumerate()
                .map(|(i, values)| PlotSeries {
                    name: self.results.names[i].clone(),
                    colour: theme::hex(theme::colour(i)),
                    values: values.iter().map(show).collect(),
                })
                .collect(),
        });
    }
}
