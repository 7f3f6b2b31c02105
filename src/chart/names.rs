//! What curves are called: at their ends, or in a legend where there are many.

use crate::chart::render::{Canvas, Type};
use crate::chart::theme;

/// Curves that are named at their ends; more take a legend.
const MOST: usize = 6;
/// The widest that a name may be beside a chart.
const WIDEST: f64 = 230.0;
/// From the end of a curve to its name.
const LEADER: f64 = 16.0;
const ROW: f64 = 32.0;
const SAMPLE: f64 = 40.0;

/// A name as a label, cut short where it would squeeze the chart.
pub fn label(name: &str) -> String {
    theme::shorten(name, theme::LABEL, true, WIDEST)
}

/// Width of the widest of some names as labels.
pub fn widest<'n>(names: impl IntoIterator<Item = &'n str>) -> f64 {
    let widths = names
        .into_iter()
        .map(|name| theme::measure(&label(name), theme::LABEL, true));
    widths.fold(0.0, f64::max)
}

/// The names of the curves of a chart, each by its place, which gives its colour.
pub struct Names {
    names: Vec<(usize, String)>,
}

impl Names {
    pub fn new(names: impl IntoIterator<Item = (usize, String)>) -> Names {
        Names {
            names: names.into_iter().collect(),
        }
    }

    /// Where the plots end, with room for the names beside them and for `others` that
    /// stand there too.
    pub fn right<'o>(&self, others: impl IntoIterator<Item = &'o str>) -> f64 {
        let others = others
            .into_iter()
            .map(|name| theme::measure(name, theme::TICK, false));
        let own = match self.at_ends() {
            true => {
                let names = self.names.iter();
                let widths = names.map(|(_, name)| theme::measure(name, theme::LABEL, true));
                widths.fold(0.0, f64::max)
            }
            false => 0.0,
        };
        let room = others.fold(own, f64::max);
        theme::WIDTH - theme::EDGE - if room > 0.0 { room + LEADER + 6.0 } else { 0.0 }
    }

    fn at_ends(&self) -> bool {
        self.names.len() <= MOST
    }

    /// The name of the curve at place `i` for where it ends, unless the legend has it.
    pub fn end(&self, i: usize, at: f64) -> Option<EndLabel> {
        let (_, name) = self.names.iter().find(|(place, _)| *place == i)?;
        self.at_ends().then(|| EndLabel {
            at,
            text: name.clone(),
            style: Type::new(theme::LABEL, theme::colour(i)).bold(),
        })
    }

    /// The entries of the legend by row, each with where it begins.
    fn rows(&self) -> Vec<Vec<(f64, usize, &str)>> {
        let mut rows: Vec<Vec<(f64, usize, &str)>> = Vec::new();
        let mut x = f64::INFINITY;
        for (i, name) in self.names.iter().filter(|_| !self.at_ends()) {
            let width = SAMPLE + 10.0 + theme::measure(name, theme::TICK, true);
            if x + width > theme::WIDTH - theme::EDGE {
                rows.push(Vec::new());
                x = theme::LEFT;
            }
            if let Some(row) = rows.last_mut() {
                row.push((x, *i, name));
            }
            x += width + 34.0;
        }
        rows
    }

    /// The height that the legend takes, if there is one.
    pub fn height(&self) -> f64 {
        match self.rows().len() {
            0 => 0.0,
            n => n as f64 * ROW + 14.0,
        }
    }

    /// Draws the legend, if there is one.
    pub fn legend(&self, canvas: &mut Canvas<'_>, top: f64) {
        for (row, entries) in self.rows().iter().enumerate() {
            let y = top + ROW * (row as f64 + 0.8);
            for (x, i, name) in entries {
                canvas.curve(&[(*x, y - 7.0), (x + SAMPLE, y - 7.0)], *i);
                let style = Type::new(theme::TICK, theme::colour(*i)).bold();
                canvas.text((x + SAMPLE + 10.0, y), name, style);
            }
        }
    }
}

/// A name at the end of a curve that ends at the height `at`.
pub struct EndLabel {
    pub at: f64,
    pub text: String,
    pub style: Type,
}

/// Names to the right of curves that end at `right`, moved apart where they would
/// overlap and led to by a line where they had to move.
pub fn end_labels(
    canvas: &mut Canvas<'_>,
    right: f64,
    (top, bottom): (f64, f64),
    mut labels: Vec<EndLabel>,
) {
    labels.sort_by(|a, b| a.at.total_cmp(&b.at));
    let targets: Vec<f64> = labels.iter().map(|l| l.at).collect();
    let places = theme::spread(&targets, 26.0, top, bottom);
    for (label, place) in labels.iter().zip(places) {
        if (place - label.at).abs() > 4.0 {
            let leader = [(right + 1.0, label.at), (right + LEADER - 3.0, place)];
            canvas.line(&leader, label.style.colour, 1.0);
        }
        canvas.text((right + LEADER, place + 7.5), &label.text, label.style);
    }
}
