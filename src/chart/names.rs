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
    /// Whether a legend has them, however few they are.
    listed: bool,
}

impl Names {
    pub fn new(names: impl IntoIterator<Item = (usize, String)>) -> Names {
        Names {
            names: names.into_iter().collect(),
            listed: false,
        }
    }

    /// The same in a legend.
    pub fn listed(self) -> Names {
        Names {
            listed: true,
            ..self
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
        !self.listed && self.names.len() <= MOST
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
    // Of curves that end together each is led to its own name.
    let crowded = |at: f64| {
        targets
            .iter()
            .filter(|other| (*other - at).abs() < 20.0)
            .count()
            > 1
    };
    for (label, place) in labels.iter().zip(places) {
        if (place - label.at).abs() > 4.0 || crowded(label.at) {
            let leader = [(right + 1.0, label.at), (right + LEADER - 3.0, place)];
            canvas.line(&leader, label.style.colour, 1.0);
        }
        canvas.text((right + LEADER, place + 7.5), &label.text, label.style);
    }
}

/// A rectangle: left, top, right and bottom.
pub type Shape = [f64; 4];

/// Whether two rectangles overlap.
fn overlap(a: &Shape, b: &Shape) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// The distance of a point from a curve.
fn distance(curve: &[(f64, f64)], (x, y): (f64, f64)) -> f64 {
    let of = |ends: &[(f64, f64)]| {
        let ((ax, ay), (bx, by)) = (ends[0], ends[1]);
        let (dx, dy) = (bx - ax, by - ay);
        let along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-12);
        let along = along.clamp(0.0, 1.0);
        (x - ax - along * dx).hypot(y - ay - along * dy)
    };
    curve.windows(2).map(of).fold(f64::INFINITY, f64::min)
}

/// Whether a curve runs through a rectangle.
pub fn crosses(curve: &[(f64, f64)], shape: &Shape) -> bool {
    // Points at most a few pixels apart.
    let within = |ends: &[(f64, f64)]| {
        let ((ax, ay), (bx, by)) = (ends[0], ends[1]);
        let steps = ((bx - ax).hypot(by - ay) / 3.0).ceil().max(1.0);
        (0..=steps as u32).any(|i| {
            let share = f64::from(i) / steps;
            let (x, y) = (ax + (bx - ax) * share, ay + (by - ay) * share);
            x >= shape[0] && x <= shape[2] && y >= shape[1] && y <= shape[3]
        })
    };
    curve.windows(2).any(within)
}

/// The place within a `frame` that is nearest to the end of a curve for its name, `width` wide,
/// where it is on no curve and on no place `taken`: to be led to by a line.
pub fn near(
    curves: &[Vec<(f64, f64)>],
    end: (f64, f64),
    width: f64,
    frame: Shape,
    taken: &[Shape],
) -> Option<((f64, f64), Shape)> {
    const STEP: f64 = 12.0;
    let across = ((frame[2] - frame[0] - width) / STEP).max(0.0) as usize;
    let down = ((frame[3] - frame[1] - 28.0) / STEP).max(0.0) as usize;
    let places = (0..=across).flat_map(|i| (0..=down).map(move |j| (i as f64, j as f64)));
    let places = places.map(|(i, j)| (frame[0] + STEP * i, frame[1] + 15.0 + STEP * j));
    let mut places: Vec<(f64, f64)> = places.collect();
    let distance = |(left, y): &(f64, f64)| (left - end.0 - LEADER).hypot(y - end.1);
    places.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    places.into_iter().find_map(|(left, y)| {
        let shape = [left - 4.0, y - 15.0, left + width + 4.0, y + 13.0];
        let side = if left > end.0 { left } else { left + width };
        let leader = [end, (side, y)];
        let free = shape[2] <= frame[2]
            && taken
                .iter()
                .all(|other| !overlap(other, &shape) && !crosses(&leader, other))
            && curves.iter().all(|curve| !crosses(curve, &shape));
        free.then_some(((left, y + 7.5), shape))
    })
}

/// Where the name of one of some curves, `width` wide, stands beside it within a `frame`: as
/// near to its end as it is nearest to its own curve, on none, and on no place `taken`.
/// Gives where its text begins, and the place that it takes.
pub fn beside(
    curves: &[Vec<(f64, f64)>],
    own: usize,
    width: f64,
    frame: Shape,
    taken: &[Shape],
) -> Option<((f64, f64), Shape)> {
    const APART: f64 = 10.0;
    let curve = &curves[own];
    let near = |ends: &[(f64, f64)]| {
        let ((ax, ay), (bx, by)) = (ends[0], ends[1]);
        let steps = ((bx - ax).hypot(by - ay) / 8.0).ceil().max(1.0) as u32;
        let at = move |i: u32| {
            let share = f64::from(i) / f64::from(steps);
            (bx + (ax - bx) * share, by + (ay - by) * share)
        };
        (0..steps).map(at).collect::<Vec<_>>()
    };
    let points = curve.windows(2).rev().flat_map(near);
    let places = points.flat_map(|(x, y)| [(x + APART, y), (x - APART - width, y)]);
    places.into_iter().find_map(|(left, y)| {
        let shape = [left, y - 15.0, left + width, y + 13.0];
        let inside = shape[0] >= frame[0]
            && shape[1] >= frame[1]
            && shape[2] <= frame[2]
            && shape[3] <= frame[3];
        let free = inside
            && taken.iter().all(|other| !overlap(other, &shape))
            && curves.iter().all(|curve| !crosses(curve, &shape));
        let middle = [left, left + width].map(|x| (x, y));
        let nearest = |curve: &[(f64, f64)]| {
            let [a, b] = middle.map(|point| distance(curve, point));
            a.min(b)
        };
        let mine = nearest(curve);
        let others = curves.iter().enumerate().filter(|(i, _)| *i != own);
        let clear = free
            && others
                .map(|(_, c)| nearest(c))
                .all(|other| other > 1.5 * mine);
        clear.then_some(((left, y + 7.5), shape))
    })
}
