//! What goes on against time, one curve a policy: load and goodput, queue and
//! servers, latency.

use crate::chart::multiples;
use crate::chart::names::{EndLabel, Names, Shape, beside, end_labels, near};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::sheet::{MEANS, Words, curve_names, level, sheet};
use crate::chart::theme;
use crate::chart::time::{FAULT_ROW, TimeScale};
use crate::chart::views::{Beside, Drawn, MEASURED, Step, View, end, runs, trace};
use crate::measured::Measured;
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::series::{
    BUSY_SERVERS, GOODPUT, LATENCY_P50, LATENCY_P99, OFFERED, QUEUE_LENGTH,
};
use herdsim_core::stats::Estimate;
use herdsim_words::format::{rate, seconds, thousands, three_digits};
use herdsim_words::verdict::herd::headline;
use herdsim_words::verdict::herd::titles;

const PANEL: f64 = 270.0;
const BETWEEN: f64 = 74.0;

/// The chart `timeline`.
pub fn timeline(results: &Results, measured: Option<&Measured>) -> Result<Chart, ChartError> {
    load(results, "timeline", &headline(results), &[], measured)
}

/// The charts `timeline-before` and `timeline` of two runs, on the same scales.
pub fn pair(
    before: &Results,
    now: &Results,
    measured: Option<&Measured>,
) -> Result<[Chart; 2], ChartError> {
    let title = |when: &str, results| format!("{when}: {}", headline(results));
    Ok([
        load(
            before,
            "timeline-before",
            &title("Before", before),
            &[now],
            measured,
        )?,
        load(now, "timeline", &title("Now", now), &[before], measured)?,
    ])
}

/// Load and goodput; the scales have room for the curves of what is `beside`.
fn load(
    results: &Results,
    name: &'static str,
    title: &str,
    beside: &[&Results],
    measured: Option<&Measured>,
) -> Result<Chart, ChartError> {
    let capacity = results.scenario.entry().capacity_per_s();
    let level = capacity.is_finite();
    let level = level.then(|| (capacity, format!("capacity {}/s", rate(capacity))));
    let what = "Offered load and goodput against time";
    let views = [
        View {
            heading: "Offered load, attempts per second",
            column: OFFERED,
            level,
            show: rate,
            wide: false,
        },
        View {
            heading: "Goodput, calls answered per second",
            column: GOODPUT,
            level: None,
            show: rate,
            wide: false,
        },
    ];
    let words = Words {
        name,
        title,
        what,
        how: MEANS,
    };
    panels(
        results,
        words,
        &views,
        Beside {
            runs: beside,
            measured,
        },
    )
}

/// The chart `groups`: a panel a policy and group of callers.
pub fn groups(results: &Results) -> Result<Chart, ChartError> {
    let views = [
        View {
            heading: "Attempts per second",
            column: OFFERED,
            level: None,
            show: rate,
            wide: false,
        },
        View {
            heading: "Calls answered per second",
            column: GOODPUT,
            level: None,
            show: rate,
            wide: false,
        },
    ];
    let of = |policy: &PolicyResults| -> Vec<PolicyResults> {
        let named = |group: &PolicyResults| PolicyResults {
            name: format!("{}, {}", policy.name, group.name),
            ..group.clone()
        };
        policy.groups.iter().map(named).collect()
    };
    let panels = Results {
        policies: results.policies.iter().flat_map(of).collect(),
        ..results.clone()
    };
    let words = Words {
        name: "groups",
        title: &titles::groups(results),
        what: "Attempts and answered calls of each group of callers against time",
        how: MEANS,
    };
    let beside = Beside {
        runs: &[],
        measured: None,
    };
    multiples::multiples(&panels, words, &views, beside)
}

/// The chart `queue`.
pub fn queue(results: &Results, measured: Option<&Measured>) -> Result<Chart, ChartError> {
    let service = results.scenario.entry();
    let room = service
        .pool()
        .map(|pool| f64::from(pool.queue) * f64::from(service.host_count()));
    let level = |n: Option<f64>, what: &str| n.map(|n| (n, format!("{} {what}", thousands(n))));
    let views = [
        View {
            heading: "Attempts waiting in the queue",
            column: QUEUE_LENGTH,
            level: level(room, "at most"),
            show: thousands,
            wide: false,
        },
        View {
            heading: "Busy servers",
            column: BUSY_SERVERS,
            level: level(service.servers(), "servers"),
            show: thousands,
            wide: false,
        },
    ];
    let what = "Queue and busy servers against time";
    let words = Words {
        name: "queue",
        title: &titles::queue(results),
        what,
        how: MEANS,
    };
    panels(
        results,
        words,
        &views,
        Beside {
            runs: &[],
            measured,
        },
    )
}

/// The chart `latency`.
pub fn latency(results: &Results, measured: Option<&Measured>) -> Result<Chart, ChartError> {
    let view = |heading, column| View {
        heading,
        column,
        level: None,
        show: seconds,
        wide: true,
    };
    let views = [
        view("Median latency of answered calls", LATENCY_P50),
        view("99th percentile latency of answered calls", LATENCY_P99),
    ];
    let what = "Latency of answered calls against time, retries and waiting included";
    let words = Words {
        name: "latency",
        title: &titles::tail(results),
        what,
        how: MEANS,
    };
    panels(
        results,
        words,
        &views,
        Beside {
            runs: &[],
            measured,
        },
    )
}

/// A chart of panels, one below the other, on one scale of time.
fn panels(
    results: &Results,
    words: Words<'_>,
    views: &[View],
    beside: Beside<'_>,
) -> Result<Chart, ChartError> {
    if results.policies.len() >= multiples::LEAST {
        return multiples::multiples(results, words, views, beside);
    }
    let names = curve_names(results);
    let levels = views.iter().filter_map(|view| view.level.as_ref());
    let scale = TimeScale {
        scenario: &results.scenario,
        from: 0.0,
        to: end(results),
        left: theme::LEFT,
        right: names.right(levels.map(|(_, name)| name.as_str()).chain(beside.label())),
    };
    let faults = scale.fault_names();
    let rows = faults.iter().map(|n| n.row + 1).max().unwrap_or(0) as f64;
    let between = (views.len() - 1) as f64 * BETWEEN;
    let height = views.len() as f64 * PANEL + between + 125.0 + rows * FAULT_ROW + names.height();
    sheet(results, words, height, |canvas, top| {
        // The fault's name stands between the first heading and its panel.
        let mut above = top;
        for (i, view) in views.iter().enumerate() {
            let panel = Panel {
                results,
                scale: &scale,
                names: &names,
                top: if i == 0 {
                    top + rows * FAULT_ROW
                } else {
                    above
                },
                view,
                beside,
            };
            // Of a chain it is the service that callers meet.
            let heading = match results.scenario.services.len() {
                1 => view.heading.to_string(),
                _ => format!("{}, at {}", view.heading, results.scenario.tier_name(0)),
            };
            canvas.text(
                (theme::LEFT, above - 16.0),
                &heading,
                Type::new(theme::HEADING, theme::INK),
            );
            if i == 0 {
                scale.name_faults(canvas, &faults, panel.top);
            }
            panel.paint(canvas);
            if i + 1 == views.len() {
                scale.axis(canvas, panel.bottom());
                names.legend(canvas, panel.bottom() + 78.0);
            }
            above = panel.bottom() + BETWEEN;
        }
    })
}

#[derive(Clone, Copy)]
struct Panel<'r> {
    results: &'r Results,
    scale: &'r TimeScale<'r>,
    names: &'r Names,
    top: f64,
    view: &'r View,
    beside: Beside<'r>,
}

impl Panel<'_> {
    fn bottom(&self) -> f64 {
        self.top + PANEL
    }

    fn x(&self, t: f64) -> f64 {
        self.scale.x(t)
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let right = self.scale.right;
        let Drawn {
            curves,
            capacity,
            axis,
            measured,
        } = Drawn::of(self.view, self.results, self.beside, self.scale.to);
        let (bottom, top) = (self.bottom(), self.top);
        let y = |value: f64| bottom - axis.share(value) * PANEL;

        self.scale.shade_faults(canvas, top, bottom);
        for tick in &axis.ticks {
            let at = y(*tick);
            let colour = if at > bottom - 0.5 {
                theme::AXIS
            } else {
                theme::GRID
            };
            level(canvas, at, right, &(self.view.show)(*tick), colour);
        }
        if let Some((level, _)) = capacity {
            canvas.dashes((theme::LEFT, y(level)), (right, y(level)), theme::SOFT, 1.6);
        } else if let Some((_, name)) = &self.view.level {
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
                let edge = |pick: fn(&Estimate) -> f64| trace(self.scale, known, |e| y(pick(e)));
                canvas.band(&edge(|e| e.high), &edge(|e| e.low), theme::colour(i), 0.18);
            }
        }
        // Drawn last to first, so that the baseline lies on top.
        for (i, curve) in curves.iter().enumerate().rev() {
            for run in runs(curve) {
                let line = trace(self.scale, run, |e| y(e.mean));
                canvas.curve(&line, i);
            }
        }
        for line in &measured {
            let line: Vec<(f64, f64)> = line.iter().map(|[t, v]| (self.x(*t), y(*v))).collect();
            match line[..] {
                [one] => canvas.dot(one, 3.0, theme::INK),
                _ => canvas.line(&line, theme::INK, 2.0),
            }
        }
        self.labels(canvas, &curves, capacity, &measured, y);
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
                name: self.results.policies[i].name.clone(),
                colour: theme::hex(theme::colour(i)),
                values: times.iter().map(value).collect(),
            }
        });
        canvas.plot(Plot {
            area: [theme::LEFT, self.top, self.scale.right, self.bottom()],
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

    /// Every curve's name at its end.
    fn labels(
        &self,
        canvas: &mut Canvas<'_>,
        curves: &[Vec<Step>],
        capacity: Option<(f64, &str)>,
        measured: &[Vec<[f64; 2]>],
        y: impl Fn(f64) -> f64,
    ) {
        let lines: Vec<Vec<(f64, f64)>> = curves
            .iter()
            .map(|curve| trace(self.scale, curve, |e| y(e.mean)))
            .collect();
        let mut lines = lines;
        // No name stands on a level across.
        lines.extend(
            capacity.map(|(level, _)| vec![(theme::LEFT, y(level)), (self.scale.right, y(level))]),
        );
        let frame = [theme::LEFT, self.top, self.scale.right, self.bottom()];
        let (mut labels, mut broken) = (Vec::new(), Vec::new());
        for (i, curve) in curves.iter().enumerate() {
            let Some((_, end, _)) = curve.last() else {
                continue;
            };
            // The level of the last second, not the noise of the last bin.
            let tail = curve.iter().filter(|(_, to, _)| *to > end - 1.0);
            let tail: Vec<f64> = tail.map(|(_, _, e)| e.mean).collect();
            let level = tail.iter().sum::<f64>() / tail.len() as f64;
            let Some(label) = self.names.end(i, y(level)) else {
                continue;
            };
            let width = theme::measure(&label.text, label.style.size, true);
            match self.x(*end) + width.max(110.0) + 14.0 < self.scale.right {
                true => broken.push((i, width, label)),
                false => labels.push(label),
            }
        }
        // Curves that break off are named beside them, or led to from where they do.
        let mut taken: Vec<Shape> = Vec::new();
        for (i, width, label) in broken {
            let end = lines[i]
                .last()
                .copied()
                .unwrap_or((theme::LEFT, self.bottom()));
            let placed = match beside(&lines, i, width, frame, &taken) {
                Some((at, shape)) => Some((at, shape, false)),
                None => near(&lines, end, width, frame, &taken).map(|(at, s)| (at, s, true)),
            };
            let Some((at, shape, is_led)) = placed else {
                labels.push(label);
                continue;
            };
            taken.push(shape);
            if is_led {
                let side = if at.0 > end.0 {
                    at.0 - 4.0
                } else {
                    at.0 + width + 4.0
                };
                canvas.line(&[end, (side, at.1 - 7.5)], label.style.colour, 1.0);
            }
            canvas.text(at, &label.text, label.style);
        }
        if let Some([t, value]) = measured.last().and_then(|line| line.last()) {
            let style = Type::new(theme::LABEL, theme::INK).bold();
            let at = (self.x(*t) + 10.0, y(*value) - 12.0);
            match at.0 + 130.0 < self.scale.right {
                true => {
                    // On a patch of paper, so that no line runs through it.
                    let width = theme::measure(MEASURED, theme::LABEL, true);
                    let (from, to) = ((at.0 - 3.0, at.1 - 19.0), (at.0 + width + 3.0, at.1 + 6.0));
                    canvas.rect(from, to, theme::PAPER);
                    canvas.text(at, MEASURED, style);
                }
                false => labels.push(EndLabel {
                    at: y(*value),
                    text: MEASURED.to_string(),
                    style,
                }),
            }
        }
        if let Some((level, name)) = capacity {
            labels.push(EndLabel {
                at: y(level),
                text: name.to_string(),
                style: Type::new(theme::TICK, theme::SOFT),
            });
        }
        let panel = (self.top, self.bottom());
        end_labels(canvas, self.scale.right, panel, labels);
    }
}
