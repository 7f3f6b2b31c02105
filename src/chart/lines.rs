//! Chances against one parameter on two logarithmic axes.

use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::{Sheet, signature, theme};
use crate::output::curves::{Curve, Curves, Point};
use crate::output::figures::Figures;
use crate::output::words::{list, thousands, three_digits};

const PANEL: f64 = 470.0;
/// The lowest chance drawn.
const FLOOR: f64 = 1e-9;
const LEADER: f64 = 16.0;

/// Draws the curves; those that are 0 throughout are named below.
pub fn lines(
    name: &'static str,
    data: &Curves,
    figures: &Figures,
    verdict: &str,
) -> Result<Chart, ChartError> {
    let size = match figures.interrupted {
        false => format!("{} trials", thousands(figures.trials as f64)),
        true => format!(
            "interrupted after {} trials",
            thousands(figures.trials as f64)
        ),
    };
    let sheet = Sheet {
        name,
        title: &data.title,
        subtitle: &data.subtitle,
        footer: &signature(figures.seed, &size, &figures.name),
        description: &format!("{} against {}. {verdict}.", data.heading, data.axis),
    };
    let widest = data
        .curves
        .iter()
        .map(|c| theme::measure(c.name, theme::LABEL, true));
    let right = theme::WIDTH - theme::EDGE - widest.fold(0.0, f64::max) - LEADER - 6.0;
    sheet.draw(PANEL + 190.0, |canvas, top| {
        let plot = Plot {
            data,
            top,
            right,
            floor: floor(&data.curves),
        };
        plot.paint(canvas);
    })
}

/// A power of ten below everything that is drawn.
fn floor(curves: &[Curve]) -> f64 {
    let chances = curves.iter().flat_map(|c| &c.points);
    let chances = chances.map(|p| p.exact.unwrap_or(p.simulated.mean));
    let least = chances.filter(|p| *p > 0.0).fold(1e-2, f64::min);
    10f64.powf(least.max(FLOOR).log10().floor())
}

/// Whether two curves are the same to the eye.
fn coincide(a: &Curve, b: &Curve) -> bool {
    let value = |p: &Point| p.exact.unwrap_or(p.simulated.mean);
    let pairs = a.points.iter().zip(&b.points);
    pairs
        .into_iter()
        .all(|(a, b)| (value(a) - value(b)).abs() <= 1e-3 * value(a))
}

struct Plot<'d> {
    data: &'d Curves,
    top: f64,
    right: f64,
    floor: f64,
}

impl Plot<'_> {
    fn bottom(&self) -> f64 {
        self.top + PANEL
    }

    fn x(&self, value: f64) -> f64 {
        let points = self.data.curves.first().map_or(&[][..], |c| &c.points);
        let (from, to) = match points {
            [first, .., last] => (first.x, last.x),
            _ => (0.1, 1.0),
        };
        let share = (value / from).ln() / (to / from).ln();
        theme::LEFT + share * (self.right - theme::LEFT)
    }

    fn y(&self, chance: f64) -> f64 {
        let share = (chance / self.floor).ln() / (1.0 / self.floor).ln();
        self.bottom() - share.clamp(0.0, 1.0) * PANEL
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        canvas.text(
            (theme::LEFT, self.top - 40.0),
            self.data.heading,
            Type::new(theme::HEADING, theme::INK),
        );
        self.grid(canvas);
        self.scenario(canvas);
        let (mut never, mut unseen) = (Vec::new(), Vec::new());
        let mut ends: Vec<(f64, String, usize)> = Vec::new();
        for (i, curve) in self.data.curves.iter().enumerate() {
            // Curves that coincide share a line and a label.
            let twin = self.data.curves[..i]
                .iter()
                .position(|c| coincide(c, curve));
            if let Some(label) = twin.and_then(|twin| ends.iter_mut().find(|e| e.2 == twin)) {
                label.1 += &format!(", {}", curve.name);
                continue;
            }
            match self.curve(canvas, curve, i) {
                Some(end) => ends.push((end, curve.name.to_string(), i)),
                None if curve.points.iter().all(|p| p.exact == Some(0.0)) => never.push(curve.name),
                None => unseen.push(curve.name),
            }
        }
        self.labels(canvas, &mut ends);
        let mut notes = Vec::new();
        if !never.is_empty() {
            notes.push(format!("exactly 0: {}", list(&never)));
        }
        if !unseen.is_empty() {
            notes.push(format!("never met: {}", list(&unseen)));
        }
        for (i, note) in notes.iter().enumerate() {
            canvas.text(
                (theme::LEFT, self.bottom() + 100.0 + 30.0 * i as f64),
                note,
                Type::new(theme::TICK, theme::SOFT),
            );
        }
    }

    fn grid(&self, canvas: &mut Canvas<'_>) {
        let decades = (-self.floor.log10()).round() as i32;
        let step = if decades > 6 { 3 } else { 1 };
        for power in (0..=decades).step_by(step) {
            let chance = 10f64.powi(-power);
            let at = self.y(chance);
            canvas.line(&[(theme::LEFT, at), (self.right, at)], theme::GRID, 1.5);
            let text = match chance >= 1e-4 {
                true => format!("{}%", three_digits(chance * 100.0)),
                false => format!("1e-{power}"),
            };
            canvas.text(
                (theme::LEFT - 12.0, at + 7.0),
                &text,
                Type::new(theme::TICK, theme::SOFT).align(Align::Right),
            );
        }
        let base = self.bottom();
        canvas.line(&[(theme::LEFT, base), (self.right, base)], theme::AXIS, 1.5);
        let points = self.data.curves.first().map_or(&[][..], |c| &c.points);
        let [first, .., last] = points else { return };
        let mut free = f64::NEG_INFINITY;
        for power in -6..7 {
            for lead in [1.0, 2.0, 5.0] {
                let value = lead * 10f64.powi(power);
                if value < first.x * 0.999 || value > last.x * 1.001 {
                    continue;
                }
                let text = (self.data.show)(value)
                    .replace(".0%", "%")
                    .replace(".00%", "%");
                let half = theme::measure(&text, theme::TICK, false) / 2.0;
                if self.x(value) - half < free {
                    continue;
                }
                free = self.x(value) + half + 24.0;
                canvas.text(
                    (self.x(value), base + 32.0),
                    &text,
                    Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
                );
            }
        }
        canvas.text(
            (self.right, base + 66.0),
            self.data.axis,
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
    }

    /// Where the scenario stands.
    fn scenario(&self, canvas: &mut Canvas<'_>) {
        let here = self.x(self.data.here);
        if !(theme::LEFT..=self.right).contains(&here) {
            return;
        }
        canvas.dashes((here, self.top), (here, self.bottom()), theme::AXIS, 1.2);
        canvas.text(
            (here, self.top - 8.0),
            "this scenario",
            Type::new(theme::SMALL, theme::FAINT).align(Align::Centre),
        );
    }

    /// Draws one curve; says where it ends, or that it is 0 throughout.
    fn curve(&self, canvas: &mut Canvas<'_>, curve: &Curve, i: usize) -> Option<f64> {
        let colour = theme::colour(i);
        let drawn = |p: f64| p >= self.floor * (1.0 - 1e-9);
        let line: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|p| (p.x, p.exact.unwrap_or(p.simulated.mean)))
            .filter(|(_, p)| drawn(*p))
            .map(|(x, p)| (self.x(x), self.y(p)))
            .collect();
        canvas.line(&line, colour, 2.6);
        for point in &curve.points {
            let e = point.simulated;
            if drawn(e.mean) {
                let x = self.x(point.x);
                canvas.line(&[(x, self.y(e.low)), (x, self.y(e.high))], colour, 1.6);
                canvas.dot((x, self.y(e.mean)), 4.0, colour);
            }
        }
        line.last().map(|(_, y)| *y)
    }

    fn labels(&self, canvas: &mut Canvas<'_>, ends: &mut [(f64, String, usize)]) {
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let targets: Vec<f64> = ends.iter().map(|(at, ..)| *at).collect();
        let places = theme::spread(&targets, 26.0, self.top, self.bottom());
        for ((at, name, i), place) in ends.iter().zip(places) {
            let style = Type::new(theme::LABEL, theme::colour(*i)).bold();
            if (place - at).abs() > 4.0 {
                let leader = [(self.right + 1.0, *at), (self.right + LEADER - 3.0, place)];
                canvas.line(&leader, style.colour, 1.0);
            }
            canvas.text((self.right + LEADER, place + 7.5), name, style);
        }
    }
}
