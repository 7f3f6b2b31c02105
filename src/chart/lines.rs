//! Chances against one parameter on two logarithmic axes.

use crate::chart::chances::Chances;
use crate::chart::names::{Names, end_labels};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot as Values, PlotSeries, Type};
use crate::chart::sheet::{Sheet, Signed, axis_name, below, decades, signature};
use crate::chart::theme;
use herdsim_core::ensemble::curves::{Curve, Point, TRIALS};
use herdsim_words::format::{chance, list, thousands};
use herdsim_words::verdict::curves::Curves;

const PANEL: f64 = 470.0;
/// The lowest chance drawn.
const FLOOR: f64 = 1e-9;

/// Draws the curves; those that are 0 throughout are named below. Nothing where all are.
pub fn lines(
    name: &'static str,
    data: &Curves,
    signed: Signed<'_>,
    verdict: &str,
) -> Option<Result<Chart, ChartError>> {
    let size = format!("{} trials a point", thousands(TRIALS as f64));
    let sheet = Sheet {
        name,
        title: &data.title,
        subtitle: &data.subtitle,
        footer: &signature(signed.seed, &size, signed.name),
        description: &format!("{} against {}. {verdict}.", data.heading, data.axis),
    };
    let labels = labels(&data.curves);
    if labels.is_empty() {
        return None;
    }
    let names = Names::new(labels.iter().map(|(label, i)| (*i, label.clone())));
    let right = names.right([]);
    let below = 30.0 * notes(&data.curves).len() as f64;
    Some(
        sheet.draw(PANEL + 140.0 + below + names.height(), |canvas, top| {
            let plot = Plot {
                data,
                axis: Chances::new(top, PANEL, least(&data.curves)),
                right,
                labels,
                names,
            };
            plot.paint(canvas);
        }),
    )
}

/// The least chance above the floor.
fn least(curves: &[Curve]) -> f64 {
    let chances = curves.iter().flat_map(|c| &c.points);
    let least = chances.map(value).filter(|p| *p > 0.0).fold(1e-2, f64::min);
    least.max(FLOOR)
}

/// Whether two curves are the same to the eye.
fn coincide(a: &Curve, b: &Curve) -> bool {
    let mut pairs = a.points.iter().zip(&b.points);
    pairs.all(|(a, b)| (value(a) - value(b)).abs() <= 1e-3 * value(a))
}

/// The best that is known of a point.
fn value(point: &Point) -> f64 {
    point.exact.unwrap_or(point.simulated.mean)
}

/// Whether a curve leaves the floor anywhere.
fn is_drawn(curve: &Curve) -> bool {
    curve.points.iter().any(|p| value(p) >= FLOOR)
}

/// The names of the curves that are drawn; those that coincide share one.
fn labels(curves: &[Curve]) -> Vec<(String, usize)> {
    let mut labels: Vec<(String, usize)> = Vec::new();
    for (i, curve) in curves.iter().enumerate().filter(|(_, c)| is_drawn(c)) {
        match labels
            .iter_mut()
            .find(|(_, twin)| coincide(&curves[*twin], curve))
        {
            Some((label, _)) => *label += &format!(", {}", curve.name),
            None => labels.push((curve.name.to_string(), i)),
        }
    }
    labels
}

/// What is said of curves that are 0 throughout, a line each.
pub(super) fn notes(curves: &[Curve]) -> Vec<String> {
    let flat = curves.iter().filter(|c| !is_drawn(c));
    let (never, unseen): (Vec<&Curve>, Vec<&Curve>) =
        flat.partition(|c| c.points.iter().all(|p| p.exact == Some(0.0)));
    let [never, unseen] =
        [never, unseen].map(|curves| curves.iter().map(|c| c.name).collect::<Vec<_>>());
    let mut notes = Vec::new();
    if !never.is_empty() {
        notes.push(format!("exactly 0: {}", list(&never)));
    }
    if !unseen.is_empty() {
        let trials = thousands(TRIALS as f64);
        notes.push(format!(
            "not met in {trials} trials a point: {}",
            list(&unseen)
        ));
    }
    notes
}

struct Plot<'d> {
    data: &'d Curves,
    axis: Chances,
    right: f64,
    /// The curves drawn, by what they are called.
    labels: Vec<(String, usize)>,
    names: Names,
}

impl Plot<'_> {
    fn x(&self, value: f64) -> f64 {
        let points = self.data.curves.first().map_or(&[][..], |c| &c.points);
        let (from, to) = match points {
            [first, .., last] => (first.x, last.x),
            _ => (0.1, 1.0),
        };
        let share = (value / from).ln() / (to / from).ln();
        theme::LEFT + share * (self.right - theme::LEFT)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        canvas.text(
            (theme::LEFT, self.axis.top - 40.0),
            self.data.heading,
            Type::new(theme::HEADING, theme::INK),
        );
        self.grid(canvas);
        self.scenario(canvas);
        let mut ends = Vec::new();
        for (_, i) in &self.labels {
            if let Some(end) = self.curve(canvas, &self.data.curves[*i], *i) {
                ends.extend(self.names.end(*i, end));
            }
        }
        end_labels(
            canvas,
            self.right,
            (self.axis.top, self.axis.bottom()),
            ends,
        );
        self.tell(canvas);
        let notes = notes(&self.data.curves);
        let notes_top = self.axis.bottom() + 100.0;
        self.names
            .legend(canvas, notes_top + 30.0 * notes.len() as f64 - 20.0);
        for (i, note) in notes.iter().enumerate() {
            canvas.text(
                (theme::LEFT, notes_top + 30.0 * i as f64),
                note,
                Type::new(theme::TICK, theme::SOFT),
            );
        }
    }

    fn grid(&self, canvas: &mut Canvas<'_>) {
        self.axis.grid(canvas, self.right);
        let base = self.axis.bottom();
        let points = self.data.curves.first().map_or(&[][..], |c| &c.points);
        let [first, .., last] = points else { return };
        let show = |value: f64| {
            let text = (self.data.show)(value);
            text.replace(".00%", "%").replace(".0%", "%")
        };
        for (value, text) in decades((first.x, last.x), 24.0, |v| self.x(v), show) {
            if let Some(text) = text {
                below(canvas, self.x(value), base, &text);
            }
        }
        axis_name(canvas, self.right, base, self.data.axis);
    }

    /// The chances of every curve, for a page.
    fn tell(&self, canvas: &mut Canvas<'_>) {
        let points = self.data.curves.first().map_or(&[][..], |c| &c.points);
        canvas.plot(Values {
            area: [theme::LEFT, self.axis.top, self.right, self.axis.bottom()],
            x: points.iter().map(|p| self.x(p.x)).collect(),
            labels: points.iter().map(|p| (self.data.show)(p.x)).collect(),
            series: self
                .data
                .curves
                .iter()
                .enumerate()
                .map(|(i, curve)| PlotSeries {
                    name: curve.name.to_string(),
                    colour: theme::hex(theme::colour(i)),
                    values: curve.points.iter().map(|p| chance(value(p))).collect(),
                })
                .collect(),
        });
    }

    /// Where the scenario stands.
    fn scenario(&self, canvas: &mut Canvas<'_>) {
        let here = self.x(self.data.here);
        if !(theme::LEFT..=self.right).contains(&here) {
            return;
        }
        canvas.dashes(
            (here, self.axis.top),
            (here, self.axis.bottom()),
            theme::AXIS,
            1.2,
        );
        canvas.text(
            (here.max(theme::LEFT + 50.0), self.axis.top - 8.0),
            "this scenario",
            Type::new(theme::SMALL, theme::FAINT).align(Align::Centre),
        );
    }

    /// Draws one curve; says where it ends, or that it is 0 throughout.
    fn curve(&self, canvas: &mut Canvas<'_>, curve: &Curve, i: usize) -> Option<f64> {
        let colour = theme::colour(i);
        let drawn = |p: f64| self.axis.shows(p);
        let line: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|p| (p.x, value(p)))
            .filter(|(_, p)| drawn(*p))
            .map(|(x, p)| (self.x(x), self.axis.y(p)))
            .collect();
        canvas.curve(&line, i);
        for point in &curve.points {
            let e = point.simulated;
            if drawn(e.mean) {
                let x = self.x(point.x);
                canvas.line(
                    &[(x, self.axis.y(e.low)), (x, self.axis.y(e.high))],
                    colour,
                    1.6,
                );
                canvas.dot((x, self.axis.y(e.mean)), 4.0, colour);
            }
        }
        line.last().map(|(_, y)| *y)
    }
}
