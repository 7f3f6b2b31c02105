//! Sweeps over one axis: a curve a policy, with bands.

use crate::chart::names::{Names, end_labels, label};
use crate::chart::render::{Canvas, Chart, ChartError, Plot as Values, PlotSeries, Type};
use crate::chart::{Sheet, axis_name, below, level, theme};
use crate::output::grid::Atlas;
use crate::output::words::{capital, chance, percent};

const PANEL: f64 = 420.0;

/// Draws the curves of the main metric along the only axis.
pub fn curves(atlas: &Atlas<'_>, footer: &str) -> Result<Chart, ChartError> {
    let title = atlas.headline();
    let sheet = Sheet {
        name: "curves",
        title: &title,
        subtitle: &format!("{} · mean and 95% interval", atlas.setting()),
        footer,
        description: &format!(
            "{} along {}. {}.",
            capital(atlas.subject()),
            atlas.grid.axes[0].name(),
            atlas.verdict()
        ),
    };
    let names = Names::new(atlas.names.iter().map(|name| label(name)).enumerate());
    sheet.draw(PANEL + 130.0 + names.height(), |canvas, top| {
        let plot = Plot {
            atlas,
            top,
            right: names.right([]),
            names,
        };
        plot.paint(canvas);
    })
}

struct Plot<'a> {
    atlas: &'a Atlas<'a>,
    top: f64,
    right: f64,
    names: Names,
}

impl Plot<'_> {
    /// Values stand at equal distances, as they do in a grid.
    fn x(&self, i: f64) -> f64 {
        let n = self.atlas.grid.axes[0].len();
        let share = match n {
            1 => 0.5,
            n => i / (n - 1) as f64,
        };
        theme::LEFT + share * (self.right - theme::LEFT)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let atlas = self.atlas;
        let most = match atlas.is_herd() {
            true => 1.0,
            false => {
                let all = atlas.main.iter().flatten().map(|v| v[0]);
                all.filter(|m| !m.is_nan()).fold(1e-12, f64::max)
            }
        };
        let ticks = theme::ticks(most, 4);
        let full = ticks.last().copied().unwrap_or(1.0);
        let bottom = self.top + PANEL;
        let y = |value: f64| bottom - (value / full).clamp(0.0, 1.0) * PANEL;
        canvas.text(
            (theme::LEFT, self.top - 22.0),
            &capital(atlas.subject()),
            Type::new(theme::HEADING, theme::INK),
        );
        for tick in &ticks {
            let colour = if *tick == 0.0 {
                theme::AXIS
            } else {
                theme::GRID
            };
            let text = match atlas.is_herd() {
                true => percent(*tick).replace(".0%", "%"),
                false => chance(*tick),
            };
            level(canvas, y(*tick), self.right, &text, colour);
        }
        let mut ends = Vec::new();
        for (i, values) in atlas.main.iter().enumerate() {
            let known: Vec<(usize, &[f64; 3])> = values
                .iter()
                .enumerate()
                .filter(|(_, v)| !v[0].is_nan())
                .collect();
            let edge = |which: usize| -> Vec<(f64, f64)> {
                let values = known.iter().filter(|(_, v)| !v[which].is_nan());
                values
                    .map(|(k, v)| (self.x(*k as f64), y(v[which])))
                    .collect()
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
        let axis = &atlas.grid.axes[0];
        let mut free = f64::NEG_INFINITY;
        for (i, value) in axis.paths[0].values.iter().enumerate() {
            let text = value.plain();
            let half = theme::measure(&text, theme::TICK, false) / 2.0;
            if self.x(i as f64) - half < free {
                continue;
            }
            free = self.x(i as f64) + half + 18.0;
            below(canvas, self.x(i as f64), bottom, &text);
        }
        axis_name(canvas, self.right, bottom, &axis.name());
    }

    /// The values of all curves, for a page.
    fn tell(&self, canvas: &mut Canvas<'_>, bottom: f64) {
        let axis = &self.atlas.grid.axes[0];
        let show = |v: &[f64; 3]| match (v[0].is_nan(), self.atlas.is_herd()) {
            (true, _) => String::new(),
            (_, true) => percent(v[0]),
            (_, false) => chance(v[0]),
        };
        let values = &axis.paths[0].values;
        canvas.plot(Values {
            area: [theme::LEFT, self.top, self.right, bottom],
            x: (0..values.len()).map(|i| self.x(i as f64)).collect(),
            labels: values
                .iter()
                .map(|v| format!("{} = {}", axis.name(), v.plain()))
                .collect(),
            series: self
                .atlas
                .main
                .iter()
                .enumerate()
                .map(|(i, values)| PlotSeries {
                    name: self.atlas.names[i].clone(),
                    colour: theme::hex(theme::colour(i)),
                    values: values.iter().map(show).collect(),
                })
                .collect(),
        });
    }
}
