//! Offered load and goodput against time, one curve a policy.

use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::{sheet, theme, widest_name};
use crate::ensemble::herd::Results;
use crate::ensemble::stats::Estimate;
use crate::herd::SERIES;
use crate::output::words::{thousands, three_digits};
use crate::scenario::fault::{Fault, FaultKind};

const PANEL: f64 = 270.0;
const BETWEEN: f64 = 74.0;

/// The chart `timeline`.
pub fn timeline(results: &Results) -> Result<Chart, ChartError> {
    let what = "Offered load and goodput against time";
    let height = 2.0 * PANEL + BETWEEN + 125.0;
    sheet(results, "timeline", what, height, |canvas, top| {
        let capacity = results.scenario.service.capacity_per_s();
        let capacity_label = format!("capacity {}/s", thousands(capacity));
        let widest = widest_name(results).max(theme::measure(&capacity_label, theme::TICK, false));
        let right = theme::WIDTH - theme::EDGE - widest - 10.0;
        let load = Panel {
            results,
            top,
            right,
            heading: "Offered load, attempts per second",
            column: "offered_per_s",
            capacity: Some((capacity, &capacity_label)),
            name_faults: true,
        };
        load.paint(canvas);
        let goodput = Panel {
            top: top + PANEL + BETWEEN,
            heading: "Goodput, calls answered per second",
            column: "goodput_per_s",
            capacity: None,
            name_faults: false,
            ..load
        };
        goodput.paint(canvas);
        goodput.time_axis(canvas);
    })
}

struct Panel<'r> {
    results: &'r Results,
    top: f64,
    right: f64,
    heading: &'r str,
    column: &'r str,
    /// A level to draw across, and its name.
    capacity: Option<(f64, &'r str)>,
    name_faults: bool,
}

impl Panel<'_> {
    fn bottom(&self) -> f64 {
        self.top + PANEL
    }

    /// Seconds shown: from the warm-up to the horizon, or to the end of the runs.
    fn span(&self) -> (f64, f64) {
        let run = &self.results.scenario.run;
        let bins = self.results.policies.iter().map(|p| p.series.len()).max();
        let end = bins.unwrap_or(0) as f64 * run.bin.as_secs();
        let start = run.warmup.as_secs();
        let end = end.min(run.horizon.as_secs());
        (start, if end > start { end } else { start + 1.0 })
    }

    fn x(&self, t: f64) -> f64 {
        let (from, to) = self.span();
        theme::LEFT + (t - from) / (to - from) * (self.right - theme::LEFT)
    }

    /// Time in seconds and estimate of every bin shown, for one policy.
    fn points(&self, policy: usize) -> Vec<(f64, Estimate)> {
        let column = SERIES.iter().position(|c| *c == self.column).unwrap_or(0);
        let bin = self.results.scenario.run.bin.as_secs();
        let (from, to) = self.span();
        self.results.policies[policy]
            .series
            .iter()
            .enumerate()
            .map(|(i, values)| ((i as f64 + 0.5) * bin, values[column]))
            .filter(|(t, e)| *t >= from && *t <= to && !e.mean.is_nan())
            .collect()
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let curves: Vec<_> = (0..self.results.policies.len())
            .map(|i| self.points(i))
            .collect();
        let most = curves
            .iter()
            .flatten()
            .map(|(_, e)| e.mean.max(if e.high.is_nan() { 0.0 } else { e.high }))
            .fold(self.capacity.map_or(0.0, |(level, _)| level), f64::max);
        // Room above the curves for the names of faults.
        let headroom = if self.name_faults { 1.1 } else { 1.02 };
        let ticks = theme::ticks(most * headroom, 4);
        let full = ticks.last().copied().unwrap_or(1.0);
        let (bottom, top) = (self.bottom(), self.top);
        let y = |value: f64| bottom - value / full * PANEL;

        for fault in &self.results.scenario.faults {
            self.shade(canvas, fault);
        }
        for tick in &ticks {
            let at = y(*tick);
            let colour = if *tick == 0.0 {
                theme::AXIS
            } else {
                theme::GRID
            };
            canvas.line(&[(theme::LEFT, at), (self.right, at)], colour, 1.5);
            canvas.text(
                (theme::LEFT - 12.0, at + 7.0),
                &thousands(*tick),
                Type::new(theme::TICK, theme::SOFT).align(Align::Right),
            );
        }
        canvas.text(
            (theme::LEFT, top - 16.0),
            self.heading,
            Type::new(theme::HEADING, theme::INK),
        );
        if let Some((level, _)) = self.capacity {
            canvas.dashes(
                (theme::LEFT, y(level)),
                (self.right, y(level)),
                theme::SOFT,
                1.6,
            );
        }
        for (i, curve) in curves.iter().enumerate() {
            let edge = |pick: fn(&Estimate) -> f64| -> Vec<(f64, f64)> {
                curve
                    .iter()
                    .filter(|(_, e)| !e.low.is_nan())
                    .map(|(t, e)| (self.x(*t), y(pick(e).clamp(0.0, full))))
                    .collect()
            };
            canvas.band(&edge(|e| e.high), &edge(|e| e.low), theme::colour(i), 0.18);
        }
        // Drawn last to first, so that the baseline lies on top.
        for (i, curve) in curves.iter().enumerate().rev() {
            let line: Vec<_> = curve.iter().map(|(t, e)| (self.x(*t), y(e.mean))).collect();
            canvas.line(&line, theme::colour(i), 2.6);
        }
        if self.name_faults {
            self.fault_names(canvas);
        }
        self.labels(canvas, &curves, y);
    }

    fn shade(&self, canvas: &mut Canvas<'_>, fault: &Fault) {
        let (from, to) = self.span();
        let start = fault.from.as_secs().clamp(from, to);
        let end = fault.to().as_secs().clamp(from, to);
        if end > start {
            canvas.rect(
                (self.x(start), self.top),
                (self.x(end), self.bottom()),
                theme::SHADE,
            );
        }
        // A ramp fades out in steps.
        let over = fault.over().as_secs().clamp(from, to);
        let steps = 8;
        for i in 0..if over > end { steps } else { 0 } {
            let share = |i: i32| end + (over - end) * f64::from(i) / f64::from(steps);
            let x = (self.x(share(i)), self.x(share(i + 1)));
            let corners = [(x.0, self.top), (x.1, self.top)];
            let base = [(x.0, self.bottom()), (x.1, self.bottom())];
            let opacity = 1.0 - (f64::from(i) + 0.5) / f64::from(steps);
            canvas.band(&corners, &base, theme::SHADE, opacity);
        }
    }

    /// The faults by name, each over its window, on as many rows as it takes.
    fn fault_names(&self, canvas: &mut Canvas<'_>) {
        let mut rows: Vec<f64> = Vec::new();
        let mut faults: Vec<&Fault> = self.results.scenario.faults.iter().collect();
        faults.sort_by_key(|f| f.from);
        for fault in faults {
            let name = fault_name(fault);
            let half = theme::measure(&name, theme::TICK, false) / 2.0;
            let (from, to) = self.span();
            let middle = (fault.from.as_secs().max(from) + fault.to().as_secs().min(to)) / 2.0;
            let centre = self.x(middle).clamp(
                theme::LEFT + half,
                (self.right - half).max(theme::LEFT + half),
            );
            let row = match rows.iter().position(|end| *end < centre - half) {
                Some(row) => row,
                None => {
                    rows.push(0.0);
                    rows.len() - 1
                }
            };
            rows[row] = centre + half + 16.0;
            canvas.text(
                (centre, self.top + 21.0 + 24.0 * row as f64),
                &name,
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
    }

    /// Every curve's name at its end, moved apart where they would overlap.
    fn labels(
        &self,
        canvas: &mut Canvas<'_>,
        curves: &[Vec<(f64, Estimate)>],
        y: impl Fn(f64) -> f64,
    ) {
        struct Label<'l> {
            at: f64,
            text: &'l str,
            style: Type,
        }
        let mut labels: Vec<Label<'_>> = Vec::new();
        for (i, curve) in curves.iter().enumerate() {
            // The level of the last second, not the noise of the last bin.
            let bins = (1.0 / self.results.scenario.run.bin.as_secs()).ceil() as usize;
            let tail = &curve[curve.len().saturating_sub(bins.max(1))..];
            if tail.is_empty() {
                continue;
            }
            let level = tail.iter().map(|(_, e)| e.mean).sum::<f64>() / tail.len() as f64;
            labels.push(Label {
                at: y(level),
                text: &self.results.policies[i].name,
                style: Type::new(theme::LABEL, theme::colour(i)).bold(),
            });
        }
        if let Some((level, name)) = self.capacity {
            labels.push(Label {
                at: y(level),
                text: name,
                style: Type::new(theme::TICK, theme::SOFT),
            });
        }
        labels.sort_by(|a, b| a.at.total_cmp(&b.at));
        let targets: Vec<f64> = labels.iter().map(|l| l.at).collect();
        let places = theme::spread(&targets, 26.0, self.top, self.bottom());
        for (label, place) in labels.iter().zip(places) {
            canvas.text((self.right + 10.0, place + 7.5), label.text, label.style);
        }
    }

    fn time_axis(&self, canvas: &mut Canvas<'_>) {
        let (from, to) = self.span();
        for tick in theme::ticks_within(from, to, 6) {
            canvas.text(
                (self.x(tick), self.bottom() + 32.0),
                &three_digits(tick),
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
        canvas.text(
            (self.right, self.bottom() + 64.0),
            "seconds",
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
    }
}

fn fault_name(fault: &Fault) -> String {
    match fault.kind {
        FaultKind::Crash => "service down".to_string(),
        FaultKind::Stall => "service stalled".to_string(),
        FaultKind::Blackhole => "requests lost".to_string(),
        FaultKind::Errors(p) => format!("{}% errors", three_digits(p.0 * 100.0)),
        FaultKind::Loss(p) => format!("{}% answers lost", three_digits(p.0 * 100.0)),
        FaultKind::Slow(x) => format!("{}× slower", three_digits(x.0)),
        FaultKind::Capacity(x) => format!("{}% capacity", three_digits(x.0 * 100.0)),
        FaultKind::Surge(x) => format!("{}× calls", three_digits(x.0)),
    }
}
