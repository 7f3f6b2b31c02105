//! Staleness over time: exact lines, simulated points.

use crate::chart::chances::Chances;
use crate::chart::names::{Names, Shape, beside, end_labels};
use crate::chart::quorum::{footer, setting};
use crate::chart::render::{Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::sheet::{Sheet, axis_name, below};
use crate::chart::theme;
use herdsim_core::ensemble::quorum::{Cell, QuorumResults};
use herdsim_words::format::{NEVER, likely, list, seconds, thousands, three_digits};
use herdsim_words::verdict::quorum::{headline, short, verdict};

const PANEL: f64 = 480.0;
/// Curves that one chart holds.
const MOST: usize = 8;

/// Chances over time, each a time in seconds and a chance.
type Curve = Vec<(f64, f64)>;

/// What is known of a setting: its exact curve, or else what was simulated.
fn curve(results: &QuorumResults<'_>, i: usize) -> Curve {
    let points = results.cells[i].points.iter();
    match results.curves[i].is_empty() {
        true => points.map(|p| (p.t, p.best().mean)).collect(),
        false => results.curves[i].clone(),
    }
}

/// Staleness against the time since the commit; nothing where no setting has any.
pub fn staleness(results: &QuorumResults<'_>) -> Option<Result<Chart, ChartError>> {
    let seen = |i: &usize| curve(results, *i).iter().any(|(_, p)| *p >= NEVER);
    let all = 0..results.cells.len();
    let (open, rest): (Vec<usize>, Vec<usize>) = all.partition(seen);
    let (closed, faint): (Vec<usize>, Vec<usize>) = rest
        .into_iter()
        .partition(|i| results.cells[*i].always_fresh);
    if open.is_empty() {
        return None;
    }
    let drawn = &open[..open.len().min(MOST)];
    let exact = results.curves.iter().any(|c| !c.is_empty());
    let mut how = match (exact, results.trials) {
        (true, 0) => "exact".to_string(),
        (true, n) => format!(
            "lines exact, points simulated ({} trials, 95% interval)",
            thousands(n as f64)
        ),
        (false, _) => "simulated, 95% interval".to_string(),
    };
    if open.len() > MOST {
        how += &format!(" · {} more in staleness.csv", open.len() - MOST);
    }
    let title = headline(results);
    let sheet = Sheet {
        name: "staleness",
        title: &title,
        subtitle: &format!("{} · {how}", setting(results)),
        footer: &footer(results),
        description: &format!(
            "Probability that a read is stale against the time since the write's commit. {}.",
            verdict(results)
        ),
    };
    let named = |cells: &[usize], many: &str| match cells.len() {
        1..=6 => {
            let names = cells.iter().map(|i| short(results, &results.cells[*i]));
            list(&names.collect::<Vec<_>>())
        }
        n => format!("{n} settings{many}"),
    };
    let mut notes = Vec::new();
    if !closed.is_empty() {
        notes.push(format!(
            "never stale: {}",
            named(&closed, " with R + W > N")
        ));
    }
    if !faint.is_empty() {
        notes.push(format!("below 1e-12 throughout: {}", named(&faint, "")));
    }
    let curves: Vec<Curve> = drawn.iter().map(|i| curve(results, *i)).collect();
    let least = curves.iter().flatten().map(|(_, p)| *p);
    let least = least.filter(|p| *p > 0.0).fold(0.1, f64::min).max(NEVER);
    let labels = drawn.iter().map(|i| short(results, &results.cells[*i]));
    let names = Names::new(labels.enumerate());
    let plan = |names: Names| {
        Plan::new(
            results,
            drawn,
            &curves,
            names,
            Chances::new(0.0, PANEL, least),
        )
    };
    // Where names do not fit beside their curves, a legend has them.
    let plan = match plan(names) {
        plan if plan.fits => plan,
        other => plan(other.names.listed()),
    };
    let height = PANEL + 160.0 + 30.0 * notes.len() as f64 + plan.names.height();
    Some(sheet.draw(height, |canvas, top| {
        canvas.text(
            (theme::LEFT, top - 40.0),
            "Probability that a read is stale",
            Type::new(theme::HEADING, theme::INK),
        );
        plan.paint(canvas, top, least);
        let mut y = top + PANEL + 100.0;
        for note in &notes {
            let style = Type::new(theme::TICK, theme::SOFT);
            canvas.text((theme::LEFT, y), note, style);
            y += 30.0;
        }
        plan.names.legend(canvas, y - 22.0);
    }))
}

/// Where everything goes, from the top of the panel down.
struct Plan<'r> {
    cells: Vec<&'r Cell>,
    /// Whether there is an exact curve of each.
    exact: Vec<bool>,
    names: Names,
    right: f64,
    last: f64,
    lines: Vec<Vec<(f64, f64)>>,
    /// The places of names beside curves that leave through the floor.
    inside: Vec<(usize, (f64, f64))>,
    fits: bool,
}

impl<'r> Plan<'r> {
    fn new(
        results: &'r QuorumResults<'_>,
        drawn: &[usize],
        curves: &[Curve],
        names: Names,
        axis: Chances,
    ) -> Plan<'r> {
        let last = results.scenario.read.t.last().map_or(0.0, |t| t.as_secs());
        let mut plan = Plan {
            cells: drawn.iter().map(|i| &results.cells[*i]).collect(),
            exact: drawn
                .iter()
                .map(|i| !results.curves[*i].is_empty())
                .collect(),
            right: names.right([]),
            names,
            last,
            lines: Vec::new(),
            inside: Vec::new(),
            fits: true,
        };
        plan.lines = curves.iter().map(|curve| plan.line(curve, axis)).collect();
        let mut taken: Vec<Shape> = Vec::new();
        for (place, line) in plan.lines.iter().enumerate() {
            let Some(label) = plan.names.end(place, 0.0) else {
                continue;
            };
            if line.last().is_none_or(|(x, _)| *x >= plan.right - 1.0) {
                continue;
            }
            let width = theme::measure(&label.text, label.style.size, true);
            let frame = [theme::LEFT + 4.0, 0.0, plan.right, PANEL - 4.0];
            match beside(&plan.lines, place, width, frame, &taken) {
                Some((at, shape)) => {
                    taken.push(shape);
                    plan.inside.push((place, at));
                }
                None => plan.fits = false,
            }
        }
        plan
    }

    fn x(&self, t: f64) -> f64 {
        match self.last {
            0.0 => theme::LEFT,
            last => theme::LEFT + t / last * (self.right - theme::LEFT),
        }
    }

    /// A curve down to the floor, where it ends there.
    fn line(&self, curve: &Curve, axis: Chances) -> Vec<(f64, f64)> {
        let seen = curve.iter().rposition(|(_, p)| axis.shows(*p));
        let to = seen.map_or(0, |i| (i + 2).min(curve.len()));
        let point = |(t, p): &(f64, f64)| (self.x(*t), axis.y(*p));
        curve[..to].iter().map(point).collect()
    }

    fn paint(&self, canvas: &mut Canvas<'_>, top: f64, least: f64) {
        let axis = Chances::new(top, PANEL, least);
        axis.grid(canvas, self.right);
        let (scale, unit) = match self.last {
            l if l < 1e-3 => (1e6, "µs"),
            l if l < 3.0 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        for value in theme::ticks_within(0.0, self.last * scale, 6) {
            let text = three_digits(value);
            below(canvas, self.x(value / scale), axis.bottom(), &text);
        }
        let about = format!("{unit} between the write's commit and the read");
        axis_name(canvas, self.right, axis.bottom(), &about);
        let mut ends = Vec::new();
        for (place, line) in self.lines.iter().enumerate() {
            let line: Vec<(f64, f64)> = line.iter().map(|(x, y)| (*x, y + top)).collect();
            canvas.curve(&line, place);
            self.points(canvas, place, axis);
            match line.last() {
                Some((x, y)) if *x >= self.right - 1.0 => ends.extend(self.names.end(place, *y)),
                _ => {}
            }
        }
        end_labels(canvas, self.right, (top, axis.bottom()), ends);
        for (place, (x, y)) in &self.inside {
            if let Some(label) = self.names.end(*place, 0.0) {
                canvas.text((*x, y + top), &label.text, label.style);
            }
        }
        self.tell(canvas, axis);
    }

    /// What was simulated of a setting: no more points than can be told apart.
    fn points(&self, canvas: &mut Canvas<'_>, place: usize, axis: Chances) {
        let (cell, colour) = (self.cells[place], theme::colour(place));
        let step = cell.points.len().div_ceil(15);
        for point in cell.points.iter().step_by(step) {
            // Few trials meet what is rare: the count and its interval.
            let e = match self.exact[place] {
                false => point.estimate(),
                true if point.simulated.n > 0 => point.simulated,
                true => point.weighed,
            };
            if e.n == 0 || !axis.shows(e.mean) {
                continue;
            }
            let at = self.x(point.t);
            canvas.line(&[(at, axis.y(e.low)), (at, axis.y(e.high))], colour, 1.8);
            canvas.dot((at, axis.y(e.mean)), 5.0, colour);
            canvas.dot((at, axis.y(e.mean)), 2.8, theme::PAPER);
        }
    }

    /// The chances of every setting, for a page.
    fn tell(&self, canvas: &mut Canvas<'_>, axis: Chances) {
        let points = self.cells.first().map_or(&[][..], |cell| &cell.points);
        let after = |t: f64| format!("{} after the commit", seconds(t));
        let series = self
            .cells
            .iter()
            .enumerate()
            .map(|(place, cell)| PlotSeries {
                name: cell.name.clone(),
                colour: theme::hex(theme::colour(place)),
                values: cell.points.iter().map(|p| likely(p.best())).collect(),
            });
        canvas.plot(Plot {
            area: [theme::LEFT, axis.top, self.right, axis.bottom()],
            x: points.iter().map(|p| self.x(p.t)).collect(),
            labels: points.iter().map(|p| after(p.t)).collect(),
            series: series.collect(),
        });
    }
}
