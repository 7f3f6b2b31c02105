//! Sweeps over two or three axes: heat maps with the edge drawn in, one panel a
//! policy, one row of panels a value of the third axis.

use plotters::style::RGBColor;

use crate::chart::names::label;
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::Sheet;
use crate::chart::theme;
use herdsim_core::theory::herd::Pressure;
use herdsim_words::format::{percent, three_digits};
use herdsim_words::verdict::sweep::SweepResults;

/// Rows of panels at most.
const MOST_ROWS: usize = 6;
const GAP: f64 = 44.0;

/// Draws the map, where the axes allow one.
pub fn map(results: &SweepResults<'_>, footer: &str) -> Option<Result<Chart, ChartError>> {
    let axes = &results.grid.axes;
    let (rows, y, x) = match axes.len() {
        2 => (1, 0, 1),
        3 if axes[0].len() <= MOST_ROWS => (axes[0].len(), 1, 2),
        _ => return None,
    };
    let panels = results.names.len().min(4);
    // Room for the values of the vertical axis.
    let values = (0..axes[y].len()).map(|i| short(&results.value(y, i)));
    let widest = values.map(|text| theme::measure(&text, theme::SMALL, false));
    let left = (widest.fold(0.0, f64::max) + 24.0).max(theme::LEFT + 20.0);
    let width = (theme::WIDTH - theme::EDGE - left - GAP * (panels - 1) as f64) / panels as f64;
    let height = (width * 0.8).clamp(150.0, 460.0);
    let board = Board {
        results,
        rows,
        y,
        x,
        panels,
        left,
        size: (width, height),
        pressures: results.names[..panels]
            .iter()
            .map(|n| results.pressures(n))
            .collect(),
    };
    let title = results.headline();
    let sheet = Sheet {
        name: "map",
        title: &title,
        subtitle: &match results.names.len() - panels {
            0 => results.setting(),
            more => format!("{} · {more} more in summary.csv", results.setting()),
        },
        footer,
        description: &format!("A map of {}. {}.", results.setting(), results.verdict()),
    };
    let legend = 30.0 * board.legend().len() as f64;
    let all = rows as f64 * (height + 60.0) + 48.0 + legend + 60.0;
    Some(sheet.draw(all, |canvas, top| board.paint(canvas, top)))
}

struct Board<'a> {
    results: &'a SweepResults<'a>,
    rows: usize,
    y: usize,
    x: usize,
    panels: usize,
    left: f64,
    size: (f64, f64),
    /// Per panel what theory says of every cell, where it says anything.
    pressures: Vec<Option<Vec<Pressure>>>,
}

/// From pale to dark: how bad it is.
fn shade(badness: f64) -> RGBColor {
    const PALE: [f64; 3] = [238.0, 243.0, 247.0];
    const MIDDLE: [f64; 3] = [230.0, 159.0, 90.0];
    const DARK: [f64; 3] = [150.0, 40.0, 20.0];
    if badness.is_nan() {
        return RGBColor(205, 208, 212);
    }
    let (from, to, share) = match badness < 0.5 {
        true => (PALE, MIDDLE, badness * 2.0),
        false => (MIDDLE, DARK, badness * 2.0 - 1.0),
    };
    let mix = |i: usize| (from[i] + (to[i] - from[i]) * share.clamp(0.0, 1.0)) as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

impl Board<'_> {
    fn counts(&self) -> (usize, usize) {
        let axes = &self.results.grid.axes;
        (axes[self.x].len(), axes[self.y].len())
    }

    /// The number of the cell at a place of a row of panels.
    fn index(&self, row: usize, x: usize, y: usize) -> usize {
        let (nx, ny) = self.counts();
        (row * ny + y) * nx + x
    }

    /// Whether the cells are wide and high enough for numbers.
    fn annotated(&self) -> bool {
        let (nx, ny) = self.counts();
        self.size.0 / nx as f64 >= 66.0 && self.size.1 / ny as f64 >= 26.0
    }

    /// Whether the pressure lines are known: herds with open arrivals.
    fn has_lines(&self) -> bool {
        self.pressures.first().is_some_and(Option::is_some)
    }

    fn legend(&self) -> Vec<Entry> {
        let entry = |sign, text| Entry { sign, text };
        let ring = (self.results.here(self.x).is_some() && self.results.here(self.y).is_some())
            .then(|| entry(Sign::Ring, "the scenario itself"));
        if !self.results.asks_recovery() {
            let shades = "from one in a billion or less to certain, on a logarithmic scale";
            return [entry(Sign::Shades, shades)]
                .into_iter()
                .chain(ring)
                .collect();
        }
        let mut entries = vec![
            entry(
                Sign::Shades,
                "from every run recovers to none does; grey: undetermined",
            ),
            entry(
                Sign::Edge,
                "between cells where more and where fewer than half recover",
            ),
        ];
        if self.annotated() {
            let numbers = match self.results.is_share() {
                true => "numbers: share of calls answered",
                false => "numbers: calls answered per second",
            };
            entries.push(entry(Sign::Nothing, numbers));
        }
        if self.has_lines() {
            entries.push(entry(Sign::Load, "attempts × load = capacity"));
            entries.push(entry(Sign::Delay, "queueing delay = timeout"));
            entries.push(entry(
                Sign::Nothing,
                "pale cells beyond both lines: a collapse could persist there, this fault does not reach it",
            ));
        }
        entries.extend(ring);
        entries
    }

    fn sign(&self, canvas: &mut Canvas<'_>, sign: &Sign, (x, y): (f64, f64)) {
        let (from, to) = ((x, y), (x + 44.0, y));
        match sign {
            Sign::Shades => {
                for i in 0..8 {
                    let left = x + 5.5 * f64::from(i);
                    let colour = shade(f64::from(i) / 7.0);
                    canvas.rect((left, y - 8.0), (left + 5.5, y + 8.0), colour);
                }
            }
            Sign::Edge => canvas.line(&[from, to], theme::INK, 3.0),
            Sign::Load => load_line(canvas, from, to),
            Sign::Delay => delay_line(canvas, from, to),
            Sign::Ring => ring(canvas, (x + 22.0, y)),
            Sign::Nothing => {}
        }
    }

    fn paint(&self, canvas: &mut Canvas<'_>, top: f64) {
        let (width, height) = self.size;
        for row in 0..self.rows {
            let y = top + row as f64 * (height + 60.0);
            if self.rows > 1 {
                let axis = &self.results.grid.axes[0];
                let value = self.results.value(0, row);
                canvas.text(
                    (self.left, y - 8.0 - if row == 0 { 26.0 } else { 0.0 }),
                    &format!("{} = {value}", axis.name()),
                    Type::new(theme::TICK, theme::INK),
                );
            }
            for panel in 0..self.panels {
                let x = self.left + panel as f64 * (width + GAP);
                if row == 0 {
                    let name = label(&self.results.names[panel]);
                    canvas.text(
                        (x, y - 8.0),
                        &name,
                        Type::new(theme::HEADING, theme::INK).bold(),
                    );
                }
                let panel = Panel {
                    board: self,
                    row,
                    name: panel,
                    at: (x, y),
                };
                panel.paint(canvas);
                if row + 1 == self.rows {
                    self.x_labels(canvas, x, y + height);
                }
            }
            self.y_labels(canvas, y);
        }
        let bottom = top + self.rows as f64 * (height + 60.0);
        let name = |axis| self.results.axis_name(axis);
        canvas.text(
            (theme::WIDTH - theme::EDGE, bottom + 8.0),
            &format!("→ {}    ↑ {}", name(self.x), name(self.y)),
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
        for (i, entry) in self.legend().iter().enumerate() {
            let y = bottom + 48.0 + 30.0 * i as f64;
            self.sign(canvas, &entry.sign, (self.left, y - 6.0));
            canvas.text(
                (self.left + 58.0, y),
                entry.text,
                Type::new(theme::SMALL, theme::SOFT),
            );
        }
    }

    /// Labels of an axis, as many as fit: (place from 0 to 1, text).
    fn labels(&self, axis: usize, room: f64, vertical: bool) -> Vec<(f64, String)> {
        let n = self.results.grid.axes[axis].len();
        let values: Vec<String> = (0..n)
            .map(|i| short(&self.results.value(axis, i)))
            .collect();
        let widest = values
            .iter()
            .map(|text| theme::measure(text, theme::SMALL, false))
            .fold(0.0, f64::max);
        let each = if vertical { 24.0 } else { widest + 18.0 };
        let step = (n as f64 * each / room).ceil().max(1.0) as usize;
        (0..n)
            .step_by(step)
            .map(|i| ((i as f64 + 0.5) / n as f64, values[i].clone()))
            .collect()
    }

    fn x_labels(&self, canvas: &mut Canvas<'_>, left: f64, bottom: f64) {
        for (at, text) in self.labels(self.x, self.size.0, false) {
            canvas.text(
                (left + at * self.size.0, bottom + 24.0),
                &text,
                Type::new(theme::SMALL, theme::SOFT).align(Align::Centre),
            );
        }
    }

    fn y_labels(&self, canvas: &mut Canvas<'_>, top: f64) {
        for (at, text) in self.labels(self.y, self.size.1, true) {
            canvas.text(
                (self.left - 10.0, top + (1.0 - at) * self.size.1 + 6.0),
                &text,
                Type::new(theme::SMALL, theme::SOFT).align(Align::Right),
            );
        }
    }
}

/// A value short enough to stand at an axis.
fn short(value: &str) -> String {
    theme::shorten(value, theme::SMALL, false, 190.0)
}

fn ring(canvas: &mut Canvas<'_>, at: (f64, f64)) {
    // Seen on pale cells and on dark ones.
    canvas.dot(at, 9.5, theme::ON_DARK);
    canvas.dot(at, 8.0, theme::ON_PALE);
    canvas.dot(at, 4.5, theme::ON_DARK);
}

/// The line of attempts × load = capacity.
fn load_line(canvas: &mut Canvas<'_>, a: (f64, f64), b: (f64, f64)) {
    canvas.dashes(a, b, theme::colour(1), 3.4);
}

/// The line of queueing delay = timeout.
fn delay_line(canvas: &mut Canvas<'_>, a: (f64, f64), b: (f64, f64)) {
    let length = (b.0 - a.0).hypot(b.1 - a.1);
    let n = (length / 9.0).floor().max(1.0) as usize;
    for i in 0..=n {
        let share = i as f64 / n as f64;
        let at = (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
        canvas.dot(at, 2.4, theme::colour(2));
    }
}

/// An entry of the legend: a sign and what it stands for.
struct Entry {
    sign: Sign,
    text: &'static str,
}

enum Sign {
    Shades,
    Edge,
    Load,
    Delay,
    Ring,
    Nothing,
}

/// One policy's map.
struct Panel<'b> {
    board: &'b Board<'b>,
    row: usize,
    name: usize,
    at: (f64, f64),
}

impl Panel<'_> {
    /// How bad a cell is: 0 to 1.
    fn badness(&self, cell: usize) -> f64 {
        let results = self.board.results;
        match results.asks_recovery() {
            true => 1.0 - results.recovered[self.name][cell],
            false => {
                let p = results.main[self.name][cell][0];
                1.0 + (p.max(1e-9).log10() / 9.0)
            }
        }
    }

    fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let (nx, ny) = self.board.counts();
        let (width, height) = self.board.size;
        (
            self.at.0 + x / nx as f64 * width,
            self.at.1 + (1.0 - y / ny as f64) * height,
        )
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let (nx, ny) = self.board.counts();
        for y in 0..ny {
            for x in 0..nx {
                let cell = self.board.index(self.row, x, y);
                let colour = shade(self.badness(cell));
                let (left, bottom) = self.point(x as f64, y as f64);
                let (right, top) = self.point((x + 1) as f64, (y + 1) as f64);
                canvas.rect((left, top), (right, bottom), colour);
                self.annotate(canvas, cell, (left, top), (right, bottom));
                self.tell(canvas, (x, y), cell, (left, top), (right, bottom));
            }
        }
        if self.board.results.asks_recovery() {
            self.edge(canvas);
        }
        self.lines(canvas);
        let here = |axis| self.board.results.here(axis);
        let in_this_row = self.board.rows == 1 || here(0) == Some(self.row as f64);
        if let (true, Some(x), Some(y)) = (in_this_row, here(self.board.x), here(self.board.y)) {
            // Above the number, where there is one.
            let lift = if self.board.annotated() { 0.8 } else { 0.5 };
            ring(canvas, self.point(x + 0.5, y + lift));
        }
    }

    /// What the cell is and holds, for a page.
    fn tell(
        &self,
        canvas: &mut Canvas<'_>,
        (x, y): (usize, usize),
        cell: usize,
        from: (f64, f64),
        to: (f64, f64),
    ) {
        let (board, results) = (self.board, self.board.results);
        let at = |axis: usize, i: usize| {
            let name = results.grid.axes[axis].name();
            format!("{name} = {}", results.value(axis, i))
        };
        let mut lines = vec![
            results.names[self.name].clone(),
            at(board.x, x),
            at(board.y, y),
        ];
        if board.rows > 1 {
            lines.push(at(0, self.row));
        }
        let value = results.main[self.name][cell][0];
        lines.push(match results.asks_recovery() {
            _ if value.is_nan() => "no value".to_string(),
            true if results.is_share() => format!("{} of calls answered", percent(value)),
            true => format!("{} calls answered per second", three_digits(value)),
            false => results.show(value),
        });
        canvas.spot(from, to, lines);
    }

    /// The value in the cell, where it fits.
    fn annotate(&self, canvas: &mut Canvas<'_>, cell: usize, from: (f64, f64), to: (f64, f64)) {
        if !self.board.annotated() {
            return;
        }
        let value = self.board.results.main[self.name][cell][0];
        let text = self.board.results.show(value);
        let width = theme::measure(&text, theme::SMALL, false);
        if width > to.0 - from.0 || value.is_nan() {
            return;
        }
        let ink = match self.badness(cell) > 0.6 {
            true => theme::ON_DARK,
            false => theme::ON_PALE,
        };
        canvas.text(
            ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0 + 6.0),
            &text,
            Type::new(theme::SMALL, ink).align(Align::Centre),
        );
    }

    /// Between cells of which half the runs recover and others.
    fn edge(&self, canvas: &mut Canvas<'_>) {
        let (nx, ny) = self.board.counts();
        let stuck = |x: usize, y: usize| {
            let badness = self.badness(self.board.index(self.row, x, y));
            (!badness.is_nan()).then_some(badness > 0.5)
        };
        // No edge runs along what is undetermined.
        let differ = |a: Option<bool>, b: Option<bool>| a.zip(b).is_some_and(|(a, b)| a != b);
        for y in 0..ny {
            for x in 0..nx {
                let (fx, fy) = (x as f64, y as f64);
                if x + 1 < nx && differ(stuck(x, y), stuck(x + 1, y)) {
                    let side = [self.point(fx + 1.0, fy), self.point(fx + 1.0, fy + 1.0)];
                    canvas.line(&side, theme::ON_PALE, 3.0);
                }
                if y + 1 < ny && differ(stuck(x, y), stuck(x, y + 1)) {
                    let side = [self.point(fx, fy + 1.0), self.point(fx + 1.0, fy + 1.0)];
                    canvas.line(&side, theme::ON_PALE, 3.0);
                }
            }
        }
    }

    /// Where theory's two pressures are 1, through the middles of cells.
    fn lines(&self, canvas: &mut Canvas<'_>) {
        let Some(pressures) = &self.board.pressures[self.name] else {
            return;
        };
        let field = |of: fn(&Pressure) -> f64| move |p: &Pressure| of(p).max(1e-9).ln();
        let load = field(|p| p.load);
        let delay = field(|p| p.delay);
        for (i, (a, b)) in self.zeros(pressures, load).into_iter().enumerate() {
            // Of pieces shorter than a dash every other is one.
            if (b.0 - a.0).hypot(b.1 - a.1) > 16.0 || i % 2 == 0 {
                load_line(canvas, a, b);
            }
        }
        for (a, b) in self.zeros(pressures, delay) {
            delay_line(canvas, a, b);
        }
    }

    /// The zero line of a field over the cells' middles (marching squares).
    fn zeros<T>(&self, values: &[T], field: impl Fn(&T) -> f64) -> Vec<((f64, f64), (f64, f64))> {
        let (nx, ny) = self.board.counts();
        let value = |x: usize, y: usize| field(&values[self.board.index(self.row, x, y)]);
        let mut segments = Vec::new();
        for y in 0..ny.saturating_sub(1) {
            for x in 0..nx.saturating_sub(1) {
                let corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)];
                let mut crossings = Vec::new();
                for i in 0..4 {
                    let (a, b) = (corners[i], corners[(i + 1) % 4]);
                    let (fa, fb) = (value(a.0, a.1), value(b.0, b.1));
                    if (fa < 0.0) != (fb < 0.0) {
                        let share = fa / (fa - fb);
                        let mix =
                            |p: usize, q: usize| p as f64 + (q as f64 - p as f64) * share + 0.5;
                        crossings.push(self.point(mix(a.0, b.0), mix(a.1, b.1)));
                    }
                }
                if let [a, b, ..] = crossings[..] {
                    segments.push((a, b));
                }
            }
        }
        segments
    }
}
