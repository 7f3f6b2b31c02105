//! What goes on against time, one curve a policy: load and goodput, queue and
//! servers, latency.

use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::{EndLabel, LEADER, end_labels, label, sheet, theme, widest_name};
use crate::ensemble::herd::Results;
use crate::ensemble::stats::Estimate;
use crate::herd::SERIES;
use crate::output::words::{thousands, three_digits};
use crate::scenario::fault::{Fault, FaultKind};

const PANEL: f64 = 270.0;
const BETWEEN: f64 = 74.0;
/// Height of a row of names of faults, above the upper panel.
const FAULT_ROW: f64 = 28.0;
/// Bins drawn at most, each wider than a pixel.
const MOST_BINS: usize = 800;

/// The chart `timeline`.
pub fn timeline(results: &Results) -> Result<Chart, ChartError> {
    let capacity = results.scenario.entry().capacity_per_s();
    let label = format!("capacity {}/s", thousands(capacity));
    let what = "Offered load and goodput against time";
    let views = [
        View {
            heading: "Offered load, attempts per second",
            column: "offered_per_s",
            level: Some((capacity, label)),
            show: thousands,
        },
        View {
            heading: "Goodput, calls answered per second",
            column: "goodput_per_s",
            level: None,
            show: thousands,
        },
    ];
    panels(results, "timeline", what, &views)
}

/// The chart `queue`.
pub fn queue(results: &Results) -> Result<Chart, ChartError> {
    let pool = results.scenario.entry().pool();
    let level = |n: Option<u32>, what: &str| {
        n.map(|n| (f64::from(n), format!("{} {what}", thousands(f64::from(n)))))
    };
    let views = [
        View {
            heading: "Attempts waiting in the queue",
            column: "queue_length",
            level: level(pool.map(|pool| pool.queue), "at most"),
            show: thousands,
        },
        View {
            heading: "Busy servers",
            column: "busy_servers",
            level: level(pool.map(|pool| pool.servers), "servers"),
            show: thousands,
        },
    ];
    panels(
        results,
        "queue",
        "Queue and busy servers against time",
        &views,
    )
}

/// The chart `latency`.
pub fn latency(results: &Results) -> Result<Chart, ChartError> {
    let view = |heading, column| View {
        heading,
        column,
        level: None,
        show: three_digits,
    };
    let views = [
        view("Median latency of answered calls, seconds", "latency_p50_s"),
        view("99th percentile of it, seconds", "latency_p99_s"),
    ];
    let what = "Latency of answered calls against time, retries and waiting included";
    panels(results, "latency", what, &views)
}

/// What a panel shows.
struct View {
    heading: &'static str,
    column: &'static str,
    /// A level to draw across, and its name.
    level: Option<(f64, String)>,
    /// A value on the axis.
    show: fn(f64) -> String,
}

/// A chart of panels, one below the other, on one scale of time.
fn panels(
    results: &Results,
    name: &'static str,
    what: &str,
    views: &[View],
) -> Result<Chart, ChartError> {
    let levels = views.iter().filter_map(|view| view.level.as_ref());
    let widths = levels.map(|(_, name)| theme::measure(name, theme::TICK, false));
    let widest = widths.fold(widest_name(results), f64::max);
    let frame = Frame {
        results,
        right: theme::WIDTH - theme::EDGE - widest - LEADER - 6.0,
    };
    let names = frame.fault_names();
    let rows = names.iter().map(|n| n.row + 1).max().unwrap_or(0) as f64;
    let between = (views.len() - 1) as f64 * BETWEEN;
    let height = views.len() as f64 * PANEL + between + 125.0 + rows * FAULT_ROW;
    sheet(results, name, what, height, |canvas, top| {
        // The fault's name stands between the first heading and its panel.
        let mut above = top;
        for (i, view) in views.iter().enumerate() {
            let panel = Panel {
                frame: &frame,
                top: if i == 0 {
                    top + rows * FAULT_ROW
                } else {
                    above
                },
                view,
            };
            canvas.text(
                (theme::LEFT, above - 16.0),
                view.heading,
                Type::new(theme::HEADING, theme::INK),
            );
            if i == 0 {
                for name in &names {
                    canvas.text(
                        (name.centre, panel.top - 8.0 - FAULT_ROW * name.row as f64),
                        &name.text,
                        Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
                    );
                }
            }
            panel.paint(canvas);
            if i + 1 == views.len() {
                panel.time_axis(canvas);
            }
            above = panel.bottom() + BETWEEN;
        }
    })
}

/// What both panels share: the results and the scale of time.
struct Frame<'r> {
    results: &'r Results,
    right: f64,
}

/// A fault's name over its window; rows count upwards.
struct FaultName {
    centre: f64,
    row: usize,
    text: String,
}

impl Frame<'_> {
    /// Seconds shown: from the start to the horizon, or to the end of the runs.
    fn span(&self) -> (f64, f64) {
        let run = &self.results.scenario.run;
        let bins = self.results.policies.iter().map(|p| p.series.len()).max();
        let end = bins.unwrap_or(0) as f64 * run.bin.as_secs();
        (0.0, end.min(run.horizon.as_secs()))
    }

    fn x(&self, t: f64) -> f64 {
        let (from, to) = self.span();
        theme::LEFT + (t - from) / (to - from) * (self.right - theme::LEFT)
    }

    /// The faults by name, each over its window, on as many rows as it takes.
    fn fault_names(&self) -> Vec<FaultName> {
        let mut rows: Vec<f64> = Vec::new();
        let mut faults: Vec<&Fault> = self.results.scenario.faults.iter().collect();
        faults.sort_by_key(|f| f.from);
        let (from, to) = self.span();
        let name = |fault: &Fault| {
            let text = fault_name(fault);
            let half = theme::measure(&text, theme::TICK, false) / 2.0;
            let middle = (fault.from.as_secs().max(from) + fault.to().as_secs().min(to)) / 2.0;
            let last = (self.right - half).max(theme::LEFT + half);
            let centre = self.x(middle).clamp(theme::LEFT + half, last);
            let row = match rows.iter().position(|end| *end < centre - half) {
                Some(row) => row,
                None => {
                    rows.push(0.0);
                    rows.len() - 1
                }
            };
            rows[row] = centre + half + 16.0;
            FaultName { centre, row, text }
        };
        faults.into_iter().map(name).collect()
    }
}

#[derive(Clone, Copy)]
struct Panel<'r> {
    frame: &'r Frame<'r>,
    top: f64,
    view: &'r View,
}

/// A stretch of one curve: from when to when, in seconds, and how high.
type Step = (f64, f64, Estimate);

/// Stretches without a gap: where there is no value, no line is drawn.
fn runs(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    steps.chunk_by(|a, b| b.0 - a.1 < 0.5 * (a.1 - a.0))
}

impl Panel<'_> {
    fn bottom(&self) -> f64 {
        self.top + PANEL
    }

    fn x(&self, t: f64) -> f64 {
        self.frame.x(t)
    }

    /// The bins of one policy, several in one where there are too many to see.
    fn steps(&self, policy: usize) -> Vec<Step> {
        let column = SERIES
            .iter()
            .position(|c| *c == self.view.column)
            .unwrap_or(0);
        let results = self.frame.results;
        let bin = results.scenario.run.bin.as_secs();
        let (_, end) = self.frame.span();
        let series = &results.policies[policy].series;
        let together = series.len().div_ceil(MOST_BINS).max(1);
        let groups = series.chunks(together).enumerate();
        let step = |(i, group): (usize, &[[Estimate; SERIES.len()]])| {
            let from = (i * together) as f64 * bin;
            let to = (from + group.len() as f64 * bin).min(end);
            let mean = |pick: fn(&Estimate) -> f64| {
                group.iter().map(|b| pick(&b[column])).sum::<f64>() / group.len() as f64
            };
            // Neighbouring bins go up and down together, so that the mean of
            // their limits is hardly too wide.
            let estimate = Estimate {
                mean: mean(|e| e.mean),
                low: mean(|e| e.low),
                high: mean(|e| e.high),
                ..group[0][column]
            };
            (from, to, estimate)
        };
        groups
            .map(step)
            .filter(|(_, _, e)| !e.mean.is_nan())
            .collect()
    }

    /// A line through the middle of fine steps; wide ones are drawn as steps.
    fn trace(&self, steps: &[Step], level: impl Fn(&Estimate) -> f64) -> Vec<(f64, f64)> {
        let wide = steps
            .first()
            .is_some_and(|(from, to, _)| self.x(*to) - self.x(*from) > 6.0);
        let corners = |(from, to, e): &Step| match wide {
            true => vec![(self.x(*from), level(e)), (self.x(*to), level(e))],
            false => vec![(self.x((from + to) / 2.0), level(e))],
        };
        steps.iter().flat_map(corners).collect()
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let results = self.frame.results;
        let right = self.frame.right;
        let curves: Vec<_> = (0..results.policies.len()).map(|i| self.steps(i)).collect();
        let most = curves
            .iter()
            .flatten()
            .map(|(_, _, e)| e.mean.max(if e.high.is_nan() { 0.0 } else { e.high }))
            .fold(0.0, f64::max);
        // A capacity far above everything would press the curves flat.
        let level = self.view.level.as_ref();
        let level = level.map(|(level, name)| (*level, name.as_str()));
        let capacity = level.filter(|(level, _)| *level <= 4.0 * most);
        let ticks = theme::ticks(
            capacity.map_or(most, |(level, _)| most.max(level)) * 1.02,
            4,
        );
        let full = ticks.last().copied().unwrap_or(1.0);
        let (bottom, top) = (self.bottom(), self.top);
        let y = |value: f64| bottom - value / full * PANEL;

        for fault in &results.scenario.faults {
            self.shade(canvas, fault);
        }
        for tick in &ticks {
            let at = y(*tick);
            let colour = if *tick == 0.0 {
                theme::AXIS
            } else {
                theme::GRID
            };
            canvas.line(&[(theme::LEFT, at), (right, at)], colour, 1.5);
            canvas.text(
                (theme::LEFT - 12.0, at + 7.0),
                &(self.view.show)(*tick),
                Type::new(theme::TICK, theme::SOFT).align(Align::Right),
            );
        }
        if let Some((level, _)) = capacity {
            canvas.dashes((theme::LEFT, y(level)), (right, y(level)), theme::SOFT, 1.6);
        } else if let Some((_, name)) = level {
            canvas.text(
                (right, top + 20.0),
                &format!("{name}, far above"),
                Type::new(theme::TICK, theme::SOFT).align(Align::Right),
            );
        }
        for (i, curve) in curves.iter().enumerate() {
            let known: Vec<Step> = curve
                .iter()
                .filter(|s| !s.2.low.is_nan())
                .copied()
                .collect();
            for known in runs(&known) {
                let edge =
                    |pick: fn(&Estimate) -> f64| self.trace(known, |e| y(pick(e).clamp(0.0, full)));
                canvas.band(&edge(|e| e.high), &edge(|e| e.low), theme::colour(i), 0.18);
            }
        }
        // Drawn last to first, so that the baseline lies on top.
        for (i, curve) in curves.iter().enumerate().rev() {
            for run in runs(curve) {
                let line = self.trace(run, |e| y(e.mean));
                canvas.line(&line, theme::colour(i), 2.6);
            }
        }
        self.labels(canvas, &curves, capacity, y);
        self.tell(canvas, &curves);
    }

    /// The values of all curves, for a page.
    fn tell(&self, canvas: &mut Canvas<'_>, curves: &[Vec<Step>]) {
        let mut times: Vec<f64> = curves
            .iter()
            .flatten()
            .map(|(from, to, _)| (from + to) / 2.0)
            .collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let series = curves.iter().enumerate().map(|(i, curve)| {
            let mut steps = curve.iter().peekable();
            let value = |t: &f64| {
                while steps
                    .next_if(|(from, to, _)| (from + to) / 2.0 < *t)
                    .is_some()
                {}
                let here = steps.peek().filter(|(from, to, _)| (from + to) / 2.0 == *t);
                here.map_or(String::new(), |(_, _, e)| (self.view.show)(e.mean))
            };
            PlotSeries {
                name: self.frame.results.policies[i].name.clone(),
                colour: theme::hex(theme::colour(i)),
                values: times.iter().map(value).collect(),
            }
        });
        canvas.plot(Plot {
            area: [theme::LEFT, self.top, self.frame.right, self.bottom()],
            x: times
                .iter()
                .map(|t| (self.x(*t) * 10.0).round() / 10.0)
                .collect(),
            labels: times
                .iter()
                .map(|t| format!("{} s", three_digits(*t)))
                .collect(),
            series: series.collect(),
        });
    }

    fn shade(&self, canvas: &mut Canvas<'_>, fault: &Fault) {
        let (from, to) = self.frame.span();
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

    /// Every curve's name at its end.
    fn labels(
        &self,
        canvas: &mut Canvas<'_>,
        curves: &[Vec<Step>],
        capacity: Option<(f64, &str)>,
        y: impl Fn(f64) -> f64,
    ) {
        let (mut labels, mut broken) = (Vec::new(), Vec::new());
        for (i, curve) in curves.iter().enumerate() {
            let Some((_, end, _)) = curve.last() else {
                continue;
            };
            // The level of the last second, not the noise of the last bin.
            let tail = curve.iter().filter(|(_, to, _)| *to > end - 1.0);
            let tail: Vec<f64> = tail.map(|(_, _, e)| e.mean).collect();
            let level = tail.iter().sum::<f64>() / tail.len() as f64;
            let text = label(&self.frame.results.policies[i].name);
            let style = Type::new(theme::LABEL, theme::colour(i)).bold();
            // A curve that breaks off is named where it does.
            if self.x(*end) < self.frame.right - 120.0 {
                broken.push((self.x(*end) + 10.0, y(level), text, style));
                continue;
            }
            labels.push(EndLabel {
                at: y(level),
                text,
                style,
            });
        }
        if let Some((level, name)) = capacity {
            labels.push(EndLabel {
                at: y(level),
                text: name.to_string(),
                style: Type::new(theme::TICK, theme::SOFT),
            });
        }
        broken.sort_by(|a: &(f64, f64, String, Type), b| a.1.total_cmp(&b.1));
        let heights: Vec<f64> = broken.iter().map(|label| label.1).collect();
        let places = theme::spread(&heights, 26.0, self.top, self.bottom());
        for ((x, _, text, style), place) in broken.into_iter().zip(places) {
            canvas.text((x, place + 7.5), &text, style);
        }
        let panel = (self.top, self.bottom());
        end_labels(canvas, self.frame.right, panel, labels);
    }

    fn time_axis(&self, canvas: &mut Canvas<'_>) {
        let (from, to) = self.frame.span();
        for tick in theme::ticks_within(from, to, 6) {
            canvas.text(
                (self.x(tick), self.bottom() + 32.0),
                &three_digits(tick),
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
        canvas.text(
            (self.frame.right, self.bottom() + 64.0),
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
        FaultKind::Slow(x) if x.0 > 0.0 && x.0 < 1.0 => {
            format!("{}× faster", three_digits(1.0 / x.0))
        }
        FaultKind::Slow(x) => format!("{}× slower", three_digits(x.0)),
        FaultKind::Capacity(x) => format!("{}% capacity", three_digits(x.0 * 100.0)),
        FaultKind::Surge(x) => format!("{}× calls", three_digits(x.0)),
    }
}
