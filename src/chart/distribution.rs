//! Waits of all judged calls as a cumulative distribution on a logarithmic axis: it rises
//! to the share that is answered.

use crate::chart::multiples;
use crate::chart::names::end_labels;
use crate::chart::render::{Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::sheet::{Words, axis_name, below, curve_names, decades, left_of, sheet};
use crate::chart::theme;
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_words::format::{percent, seconds};
use herdsim_words::verdict::herd::titles;
use plotters::style::RGBColor;

const PANEL: f64 = 440.0;
/// Places at which a page tells of a curve.
const TOLD: u32 = 120;

/// The chart `distribution`; nothing where no call was answered.
pub fn distribution(results: &Results) -> Option<Result<Chart, ChartError>> {
    // From the fastest thousandth on: what is faster is hardly a call.
    let ends = results.policies.iter().filter(|p| !p.waits.is_empty());
    let (low, high) = ends.fold((f64::INFINITY, 0.0f64), |(low, high), p| {
        let at = |q: f64| p.waits.quantile_ns(q).max(1) as f64 / 1e9;
        (low.min(at(0.001)), high.max(at(1.0)))
    });
    if high <= 0.0 {
        return None;
    }
    let (low, high) = (low * 0.9, (high * 1.1).max(low * 2.0));
    let what = "Share of all calls that were answered within so long, retries and waiting included";
    let words = Words {
        name: "distribution",
        title: &titles::median(results),
        what,
        how: "all runs together",
    };
    let n = results.policies.len();
    let names = curve_names(results);
    let heading = |canvas: &mut Canvas<'_>, top: f64| {
        canvas.text(
            (theme::LEFT, top - 16.0),
            "Calls answered within so long, of all",
            Type::new(theme::HEADING, theme::INK),
        );
    };
    let about = "from the start of a call to its answer";
    if n >= multiples::LEAST {
        let height = multiples::height(n) + 100.0;
        return Some(sheet(results, words, height, |canvas, top| {
            heading(canvas, top);
            for i in 0..n {
                let place = multiples::place(i, n, top);
                let panel = Panel { low, high, place };
                let (first, last) = multiples::is_at(i, n);
                panel.grid(canvas, first, last.then_some(40.0));
                for (other, policy) in results.policies.iter().enumerate() {
                    if let Some(line) = panel.line(policy).filter(|_| other != i) {
                        canvas.line(&line, theme::AXIS, 0.6);
                    }
                }
                panel.curve(canvas, &results.policies[i], theme::colour(i), None);
                let name = results.scenario.label(&results.policies[i].name);
                multiples::name(canvas, place, i, &name);
                panel.tell(canvas, &[(i, &results.policies[i])]);
            }
            let bottom = top + multiples::height(n) - 18.0;
            axis_name(canvas, theme::WIDTH - theme::EDGE, bottom, about);
        }));
    }
    let right = names.right([]);
    let height = PANEL + 130.0 + names.height();
    Some(sheet(results, words, height, |canvas, top| {
        heading(canvas, top);
        let bottom = top + PANEL;
        let place = [theme::LEFT, top, right, bottom];
        let panel = Panel { low, high, place };
        panel.grid(canvas, true, Some(18.0));
        axis_name(canvas, right, bottom, about);
        let mut labels = Vec::new();
        for (i, policy) in results.policies.iter().enumerate().rev() {
            let dashes = theme::dashes(i);
            if let Some(answered) = panel.curve(canvas, policy, theme::colour(i), dashes) {
                labels.extend(names.end(i, answered));
            }
        }
        labels.reverse();
        end_labels(canvas, right, (top, bottom), labels);
        names.legend(canvas, bottom + 78.0);
        let all: Vec<(usize, &PolicyResults)> = results.policies.iter().enumerate().collect();
        panel.tell(canvas, &all);
    }))
}

/// Waits from `low` to `high`, in seconds, against shares.
struct Panel {
    low: f64,
    high: f64,
    /// Left, top, right and bottom.
    place: [f64; 4],
}

impl Panel {
    fn x(&self, t: f64) -> f64 {
        let [left, _, right, _] = self.place;
        left + (t / self.low).ln() / (self.high / self.low).ln() * (right - left)
    }

    fn y(&self, share: f64) -> f64 {
        let [_, top, _, bottom] = self.place;
        bottom - share * (bottom - top)
    }

    /// Shares across, `named` or not; times below, this far apart, if at all.
    fn grid(&self, canvas: &mut Canvas<'_>, named: bool, times: Option<f64>) {
        let [left, _, right, bottom] = self.place;
        let step = if bottom - self.place[1] < 200.0 {
            50
        } else {
            25
        };
        for percent in (0..=100).step_by(step) {
            let at = self.y(f64::from(percent) / 100.0);
            let colour = match percent {
                0 => theme::AXIS,
                _ => theme::GRID,
            };
            canvas.line(&[(left, at), (right, at)], colour, 1.5);
            if named {
                left_of(canvas, at, &format!("{percent}%"));
            }
        }
        let Some(apart) = times else {
            return;
        };
        for (value, text) in decades((self.low, self.high), apart, |t| self.x(t), seconds) {
            let x = self.x(value);
            canvas.line(&[(x, bottom), (x, bottom + 6.0)], theme::AXIS, 1.5);
            if let Some(text) = text {
                below(canvas, x, bottom, &text);
            }
        }
    }

    /// The curve of a policy that answers anything.
    fn line(&self, policy: &PolicyResults) -> Option<Vec<(f64, f64)>> {
        let [left, _, right, _] = self.place;
        let all = policy.judged().max(1) as f64;
        let mut below = 0.0;
        let mut line = vec![(left, self.y(0.0))];
        for (ns, calls) in policy.waits.steps() {
            below += calls as f64;
            let at = self.x((ns as f64 / 1e9).max(self.low));
            line.push((at.max(left), self.y(below / all)));
        }
        line.push((right, self.y(below / all)));
        (!policy.waits.is_empty()).then(|| thin(&line))
    }

    /// Draws it, with a dot at the median; says where it ends.
    fn curve(
        &self,
        canvas: &mut Canvas<'_>,
        policy: &PolicyResults,
        colour: RGBColor,
        dashes: Option<(f64, f64)>,
    ) -> Option<f64> {
        let line = self.line(policy)?;
        match dashes {
            None => canvas.line(&line, colour, 2.6),
            Some(pattern) => canvas.dashed(&line, colour, 2.6, pattern),
        }
        let median = policy.wait_s(0.5);
        if median.is_finite() {
            let at = (self.x(median.max(self.low)), self.y(0.5));
            canvas.dot(at, 4.5, colour);
        }
        line.last().map(|(_, y)| *y)
    }

    /// The shares of some policies, for a page.
    fn tell(&self, canvas: &mut Canvas<'_>, policies: &[(usize, &PolicyResults)]) {
        let times: Vec<f64> = (0..=TOLD)
            .map(|i| self.low * (self.high / self.low).powf(f64::from(i) / f64::from(TOLD)))
            .collect();
        let series = policies.iter().map(|(i, policy)| {
            let answered = policy.waits.len() as f64 / policy.judged().max(1) as f64;
            let share = |t: &f64| match policy.waits.is_empty() {
                true => String::new(),
                false => percent(answered * policy.waits.share_below((t * 1e9) as u64)),
            };
            PlotSeries {
                name: policy.name.clone(),
                colour: theme::hex(theme::colour(*i)),
                values: times.iter().map(share).collect(),
            }
        });
        canvas.plot(Plot {
            area: self.place,
            x: times
                .iter()
                .map(|t| (self.x(*t) * 10.0).round() / 10.0)
                .collect(),
            labels: times
                .iter()
                .map(|t| format!("within {}", seconds(*t)))
                .collect(),
            series: series.collect(),
        });
    }
}

/// Points that can be told apart.
fn thin(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (i, (x, y)) in line.iter().enumerate() {
        let far = kept
            .last()
            .is_none_or(|(a, b)| (x - a).abs() + (y - b).abs() > 0.7);
        if far || i + 1 == line.len() {
            kept.push((*x, *y));
        }
    }
    kept
}
