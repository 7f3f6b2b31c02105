//! How far from the edge: solutions of theory with what was searched on them, the way out of a
//! collapse, and the shortest fatal crash by load.

use herdsim_core::theory::herd::Amplification;

use crate::chart::names::{EndLabel, Names, end_labels, label};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{Sheet, axis_name, below, decades, left_of, level, signature};
use crate::chart::theme;
use herdsim_core::edge::search::Crossing;
use herdsim_core::edge::{Edge, PolicyEdge, Sought, Theory, utilisation};
use herdsim_words::format::{list, seconds, thousands};
use herdsim_words::verdict::edge::{hundredths, load, size};
use herdsim_words::verdict::herd::setting_of;

fn footer(edge: &Edge) -> String {
    let runs: u64 = edge
        .policies
        .iter()
        .map(|policy| {
            let found = policy.found.iter().map(|(_, c)| c);
            let ways = policy.ways.iter().flat_map(|(_, shares)| shares);
            let by_load = policy.by_load.iter().chain(ways).map(|(_, c)| c);
            found.chain(by_load).map(Crossing::runs).sum::<u64>()
        })
        .sum();
    let size = format!("{} runs", thousands(runs as f64));
    signature(edge.scenario.run.seed, &size, &edge.scenario.name)
}

/// Its texts are the setting, the foot, and what is shown in words.
fn sheet<'s>(name: &'s str, title: &'s str, texts: &'s [String; 3]) -> Sheet<'s> {
    let [subtitle, footer, description] = texts;
    Sheet {
        name,
        title,
        subtitle,
        footer,
        description,
    }
}

/// The policies of one theory, by the place of the first.
fn families(edge: &Edge) -> Vec<(usize, Vec<&str>, &Theory)> {
    let mut all: Vec<(usize, Vec<&str>, &Theory)> = Vec::new();
    for (place, policy) in edge.policies.iter().enumerate() {
        let Some(theory) = &policy.theory else {
            continue;
        };
        let same = |other: &&mut (usize, Vec<&str>, &Theory)| {
            other.2.amplification == theory.amplification
        };
        match all.iter_mut().find(same) {
            Some((_, names, _)) => names.push(&policy.name),
            None => all.push((place, vec![&policy.name], theory)),
        }
    }
    all
}

/// Loads that feed themselves against the capacity, and against the load; nothing without
/// theory.
pub fn solutions(edge: &Edge) -> Option<Result<Chart, ChartError>> {
    const PANEL: f64 = 380.0;
    let families = families(edge);
    let (_, names, theory) = families.first()?;
    let a = &theory.amplification;
    let title = match (theory.solutions.healthy, theory.solutions.collapsed) {
        (Some(healthy), Some(collapsed)) => format!(
            "With {} two loads feed themselves: {} attempts a second, and {} once it has collapsed",
            list(names),
            thousands(healthy),
            thousands(collapsed),
        ),
        (Some(healthy), None) => format!(
            "With {} no load feeds itself but the healthy one of {} attempts a second",
            list(names),
            thousands(healthy)
        ),
        _ => format!("With {} no load is healthy", list(names)),
    };
    let texts = [
        format!(
            "{} · solid: attracts, dashed: a threshold between, dots: searched",
            setting_of(&edge.scenario)
        ),
        footer(edge),
        format!("Loads that feed themselves against capacity and load. {title}."),
    ];
    let sheet = sheet("solutions", &title, &texts);
    let labels = Names::new(
        families
            .iter()
            .map(|(place, names, _)| (*place, label(&list(names)))),
    );
    Some(sheet.draw(2.0 * PANEL + 330.0, |canvas, top| {
        let capacity = a.capacity_per_s();
        let most = families
            .iter()
            .map(|(_, _, theory)| theory.amplification.calls_per_s * tries(&theory.amplification))
            .fold(capacity, f64::max);
        let right = labels.right([]);
        let panels = [
            (
                "Attempts per second that feed themselves, against capacity",
                true,
            ),
            ("The same against the load of first attempts", false),
        ];
        for (row, (heading, by_capacity)) in panels.into_iter().enumerate() {
            let top = top + row as f64 * (PANEL + 130.0);
            let panel = Panel {
                edge,
                area: [theme::LEFT, top, right, top + PANEL],
                by_capacity,
                range: match by_capacity {
                    true => (0.5, (most / capacity * 1.25).max(2.0)),
                    false => (0.1, 1.2),
                },
                rates: match by_capacity {
                    true => (a.calls_per_s * 0.5, most * 1.6),
                    false => (capacity * 0.08, most * 2.2),
                },
            };
            canvas.text(
                (theme::LEFT, top - 16.0),
                heading,
                Type::new(theme::HEADING, theme::INK),
            );
            panel.paint(canvas, &families, &labels);
        }
        labels.legend(canvas, top + 2.0 * PANEL + 230.0);
    }))
}

/// Attempts of a call where all fail, where that has an end.
fn tries(a: &Amplification) -> f64 {
    let most = a.attempts.min(a.granted);
    if most.is_finite() { most } else { 20.0 }
}

struct Panel<'e> {
    edge: &'e Edge,
    area: [f64; 4],
    /// Whether the axis is capacity, or load as a share of it.
    by_capacity: bool,
    range: (f64, f64),
    rates: (f64, f64),
}

impl Panel<'_> {
    fn x(&self, value: f64) -> f64 {
        let [left, _, right, _] = self.area;
        let (from, to) = self.range;
        let share = match self.by_capacity {
            true => (value / from).ln() / (to / from).ln(),
            false => (value - from) / (to - from),
        };
        left + share * (right - left)
    }

    fn y(&self, rate: f64) -> f64 {
        let [_, top, _, bottom] = self.area;
        let (low, high) = self.rates;
        bottom - (rate / low).ln() / (high / low).ln() * (bottom - top)
    }

    fn paint(
        &self,
        canvas: &mut Canvas<'_>,
        families: &[(usize, Vec<&str>, &Theory)],
        labels: &Names,
    ) {
        let [left, top, right, bottom] = self.area;
        for (value, text) in decades(self.rates, 20.0, |v| -self.y(v), thousands) {
            if let Some(text) = text {
                canvas.line(
                    &[(left, self.y(value)), (right, self.y(value))],
                    theme::GRID,
                    1.2,
                );
                left_of(canvas, self.y(value), &text);
            }
        }
        canvas.line(&[(left, bottom), (right, bottom)], theme::AXIS, 1.5);
        let ticks: Vec<f64> = match self.by_capacity {
            true => [0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0].to_vec(),
            false => [0.2, 0.4, 0.6, 0.8, 1.0].to_vec(),
        };
        for tick in ticks
            .into_iter()
            .filter(|t| (self.range.0..=self.range.1).contains(t))
        {
            below(canvas, self.x(tick), bottom, &hundredths(tick));
        }
        let name = match self.by_capacity {
            true => "capacity, of what there is",
            false => "load of first attempts, of the capacity",
        };
        axis_name(canvas, right, bottom, name);
        // Where the scenario stands.
        let here = match self.by_capacity {
            true => 1.0,
            false => utilisation(&self.edge.scenario).unwrap_or(1.0),
        };
        canvas.dashes(
            (self.x(here), top),
            (self.x(here), bottom),
            theme::SOFT,
            1.4,
        );
        canvas.text(
            (self.x(here) + 8.0, top + 18.0),
            "the scenario",
            Type::new(theme::TICK, theme::SOFT),
        );
        let mut ends: Vec<EndLabel> = Vec::new();
        for (place, _, theory) in families.iter().rev() {
            let at = self.curves(canvas, *place, theory);
            ends.extend(at.and_then(|at| labels.end(*place, at)));
        }
        end_labels(canvas, right, (top, bottom), ends);
        let policies = self.edge.policies.iter().enumerate();
        let dots = policies.filter_map(|(place, policy)| self.searched(place, policy));
        for (row, (place, (value, rate), text)) in dots.enumerate() {
            let at = (self.x(value), self.y(rate));
            canvas.dot(at, 7.0, theme::colour(place));
            // Where there are no curves.
            let row = 26.0 * row as f64;
            let (x, y) = match self.by_capacity {
                true => (at.0 + 14.0, at.1 - 14.0 - row),
                false => (at.0 + 14.0, at.1 + 30.0 + row),
            };
            let style = Type::new(theme::TICK, theme::colour(place));
            canvas.text((x, y), &text, style);
        }
    }

    /// The curves of a theory, and the height at which the last one ends.
    fn curves(&self, canvas: &mut Canvas<'_>, place: usize, theory: &Theory) -> Option<f64> {
        const STEPS: u32 = 160;
        let a = &theory.amplification;
        let mut curves: [Vec<(f64, f64)>; 3] = Default::default();
        for i in 0..=STEPS {
            let share = f64::from(i) / f64::from(STEPS);
            let (from, to) = self.range;
            let (value, calls, speed) = match self.by_capacity {
                true => {
                    let speed = from * (to / from).powf(share);
                    (speed, a.calls_per_s, speed)
                }
                false => {
                    let load = from + (to - from) * share;
                    (load, load * a.capacity_per_s(), 1.0)
                }
            };
            let found = a.solutions(calls, speed);
            let all = [found.healthy, found.threshold, found.collapsed];
            for (curve, rate) in curves.iter_mut().zip(all) {
                match rate {
                    Some(rate) if rate >= self.rates.0 => curve.push((self.x(value), self.y(rate))),
                    _ => {}
                }
            }
        }
        let [healthy, threshold, collapsed] = curves;
        canvas.dashed(&threshold, theme::colour(place), 2.2, (7.0, 6.0));
        for curve in [&collapsed, &healthy] {
            if curve.len() > 1 {
                canvas.curve(curve, place);
            }
        }
        let last = if self.by_capacity {
            &healthy
        } else {
            &collapsed
        };
        last.last().or(healthy.last()).map(|(_, y)| *y)
    }

    /// What was searched of a policy, on the curve that it is about: where, and in words.
    fn searched(&self, place: usize, policy: &PolicyEdge) -> Option<Searched> {
        let (theory, busy) = (policy.theory.as_ref()?, utilisation(&self.edge.scenario)?);
        let a = &theory.amplification;
        let sought = match self.by_capacity {
            true => Sought::Scale,
            false => Sought::Load,
        };
        let found = policy.found(sought)?;
        let (before, beyond) = (found.before?, found.beyond?);
        let middle = (before * beyond).sqrt();
        let (value, rate, text) = match self.by_capacity {
            true => (
                middle,
                a.calls_per_s * tries(a),
                format!(
                    "{}: {} end it",
                    policy.name,
                    size(self.edge, sought, beyond)
                ),
            ),
            false => (
                middle * busy,
                middle * a.calls_per_s,
                format!(
                    "{}: the fault is survived up to {}",
                    policy.name,
                    size(self.edge, sought, before)
                ),
            ),
        };
        let is_within = (self.range.0..=self.range.1).contains(&value);
        is_within.then_some((place, (value, rate), text))
    }
}

/// A dot of a policy: where it stands, and what it says.
type Searched = (usize, (f64, f64), String);

/// For how long shares have to be held back; nothing where no collapse was to be ended.
pub fn way_out(edge: &Edge) -> Option<Result<Chart, ChartError>> {
    const ROW: f64 = 22.0;
    const GAP: f64 = 60.0;
    let rows: Vec<(usize, &PolicyEdge)> = edge
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| !policy.ways.is_empty())
        .collect();
    let (_, first) = rows.first()?;
    let columns: Vec<Sought> = first.ways.iter().rev().map(|(sought, _)| *sought).collect();
    let panel = ROW * first.ways[0].1.len() as f64;
    let title = way_out_title(&rows);
    let texts = [
        format!(
            "{} · from {} on",
            setting_of(&edge.scenario),
            seconds(edge.act.as_secs())
        ),
        footer(edge),
        format!("Shares held back against time. {title}."),
    ];
    let sheet = sheet("way-out", &title, &texts);
    let height = rows.len() as f64 * (panel + 130.0) + 120.0;
    Some(sheet.draw(height, |canvas, top| {
        let n = columns.len() as f64;
        let width = (theme::WIDTH - theme::EDGE - theme::LEFT - GAP * (n - 1.0)) / n;
        for (row, (place, policy)) in rows.iter().enumerate() {
            let top = top + row as f64 * (panel + 130.0);
            for (column, sought) in columns.iter().enumerate() {
                let left = theme::LEFT + column as f64 * (width + GAP);
                let what = match sought {
                    Sought::Pause => "share of new calls paused",
                    _ => "share of attempts rejected at the door",
                };
                canvas.text(
                    (left, top - 16.0),
                    &format!("{}: {what}", policy.name),
                    Type::new(theme::LABEL, theme::colour(*place)).bold(),
                );
                let ways = policy.ways.iter().find(|(other, _)| other == sought);
                let Some((_, shares)) = ways else { continue };
                let area = [left, top, left + width, top + panel];
                held(canvas, edge, shares, area, (*place, column == 0));
            }
        }
        legend(canvas, top + height - 90.0);
    }))
}

/// One panel: a bar a share, from where it ends the collapse on.
fn held(
    canvas: &mut Canvas<'_>,
    edge: &Edge,
    shares: &[(f64, Crossing)],
    [left, top, right, bottom]: [f64; 4],
    (place, named): (usize, bool),
) {
    let longest = edge.longest_action_s;
    let x = |s: f64| left + (s / longest).clamp(0.0, 1.0) * (right - left);
    let row = (bottom - top) / shares.len() as f64;
    for (i, (share, found)) in shares.iter().enumerate() {
        // The largest share on top.
        let y = bottom - row * (i as f64 + 1.0);
        canvas.line(&[(left, y + row), (right, y + row)], theme::GRID, 1.0);
        if named {
            canvas.text(
                (left - 12.0, y + row - 4.0),
                &hundredths(*share),
                Type::new(theme::SMALL, theme::SOFT).align(Align::Right),
            );
        }
        if let Some(beyond) = found.beyond {
            let from = found.before.unwrap_or(0.0);
            canvas.band(
                &[(x(from), y + 3.0), (x(beyond), y + 3.0)],
                &[(x(from), y + row - 3.0), (x(beyond), y + row - 3.0)],
                theme::colour(place),
                0.3,
            );
            canvas.rect(
                (x(beyond), y + 3.0),
                (right, y + row - 3.0),
                theme::colour(place),
            );
        }
        let told = match (found.before, found.beyond) {
            (Some(before), Some(beyond)) => format!(
                "ends it from {} on, not yet at {}",
                seconds(beyond),
                seconds(before)
            ),
            (None, Some(beyond)) => format!("ends it from {} on", seconds(beyond)),
            _ => format!("does not end it up to {}", seconds(longest)),
        };
        canvas.spot((left, y), (right, y + row), vec![hundredths(*share), told]);
    }
    canvas.line(&[(left, bottom), (right, bottom)], theme::AXIS, 1.5);
    for tick in theme::ticks_within(0.0, longest, 5) {
        below(canvas, x(tick), bottom, &seconds(tick));
    }
    if shares.iter().all(|(_, found)| found.beyond.is_none()) {
        let style = Type::new(theme::TICK, theme::SOFT).align(Align::Centre);
        let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
        canvas.text(
            middle,
            &format!("no share ends it within {}", seconds(longest)),
            style,
        );
    }
}

fn legend(canvas: &mut Canvas<'_>, y: f64) {
    let sample = |canvas: &mut Canvas<'_>, x: f64, opacity: f64, text: &str| {
        canvas.band(
            &[(x, y - 14.0), (x + 40.0, y - 14.0)],
            &[(x, y), (x + 40.0, y)],
            theme::SOFT,
            opacity,
        );
        canvas.text((x + 50.0, y), text, Type::new(theme::TICK, theme::SOFT));
    };
    sample(canvas, theme::LEFT, 1.0, "ends the collapse");
    sample(canvas, theme::LEFT + 300.0, 0.3, "where it begins to");
    canvas.text(
        (theme::LEFT + 600.0, y),
        "empty: does not; longer than the first that does was not tried",
        Type::new(theme::TICK, theme::SOFT),
    );
}

fn way_out_title(rows: &[(usize, &PolicyEdge)]) -> String {
    let says = |policy: &PolicyEdge| {
        let each: Vec<String> = policy
            .ways
            .iter()
            .rev()
            .map(|(sought, _)| {
                let doing = match sought {
                    Sought::Pause => "pausing calls",
                    _ => "rejecting at the door",
                };
                match policy.cheapest(*sought) {
                    Some((share, s)) => {
                        format!("{doing} takes {} for {}", hundredths(share), seconds(s))
                    }
                    None => format!("{doing} does not help"),
                }
            })
            .collect();
        format!("{}: {}", policy.name, list(&each))
    };
    let all: Vec<String> = rows
        .iter()
        .take(3)
        .map(|(_, policy)| says(policy))
        .collect();
    all.join("; ")
}

/// The shortest fatal crash by load; nothing where that was not looked for.
pub fn shortest_crash(edge: &Edge) -> Option<Result<Chart, ChartError>> {
    const PANEL: f64 = 460.0;
    let policies: Vec<(usize, &PolicyEdge)> = edge
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| !policy.by_load.is_empty())
        .collect();
    let fatal = |(_, policy): &(usize, &PolicyEdge)| {
        policy
            .by_load
            .iter()
            .any(|(_, found)| found.beyond.is_some())
    };
    if !policies.iter().any(fatal) {
        return None;
    }
    let what = match edge.by_load_of {
        Sought::Stall => "stall",
        Sought::Errors => "burst of errors",
        _ => "crash",
    };
    let loads = policies
        .iter()
        .flat_map(|(_, p)| p.by_load.iter().map(|(load, _)| *load));
    let (low, high) = loads.fold((f64::INFINITY, 0.0f64), |(l, h), x| (l.min(x), h.max(x)));
    let sizes = policies.iter().flat_map(|(_, p)| &p.by_load);
    let tried = sizes.flat_map(|(_, c)| c.tried.iter().map(|tried| tried.size));
    let (least, most) = tried.fold((f64::INFINITY, 0.0f64), |(l, h), x| (l.min(x), h.max(x)));
    let range = |policy: &PolicyEdge| {
        let fatal = policy.by_load.iter().filter_map(|(_, c)| c.beyond);
        let (l, h) = fatal.fold((f64::INFINITY, 0.0f64), |(l, h), x| (l.min(x), h.max(x)));
        match h > 0.0 {
            true if l == h => format!("{} with {}", seconds(l), policy.name),
            true => format!("from {} to {} with {}", seconds(h), seconds(l), policy.name),
            false => format!("none with {}", policy.name),
        }
    };
    let each: Vec<String> = policies.iter().take(4).map(|(_, p)| range(p)).collect();
    let title = format!(
        "The busier, the shorter the {what} that is fatal: {}",
        list(&each)
    );
    let texts = [
        format!(
            "{} · bars: the bracket, ↑: survived whatever was tried",
            setting_of(&edge.scenario)
        ),
        footer(edge),
        format!(
            "The shortest {what} that more than half of runs do not come back from, by load. {title}."
        ),
    ];
    let sheet = sheet("shortest-crash", &title, &texts);
    let names = Names::new(policies.iter().map(|(i, p)| (*i, label(&p.name))));
    Some(sheet.draw(PANEL + 170.0 + names.height(), |canvas, top| {
        let right = names.right([]);
        let bottom = top + PANEL;
        let (least, most) = (least / 1.3, most * 1.6);
        let x = |load: f64| {
            let room = (high - low).max(1e-9);
            theme::LEFT + 30.0 + (load - low) / room * (right - theme::LEFT - 60.0)
        };
        let y = |s: f64| bottom - (s / least).ln() / (most / least).ln() * PANEL;
        canvas.text(
            (theme::LEFT, top - 16.0),
            &format!("Shortest {what} that is not survived"),
            Type::new(theme::HEADING, theme::INK),
        );
        for (value, text) in decades((least, most), 10.0, |v| -y(v), seconds) {
            if let Some(text) = text {
                level(canvas, y(value), right, &text, theme::GRID);
            }
        }
        canvas.line(&[(theme::LEFT, bottom), (right, bottom)], theme::AXIS, 1.5);
        if let Some((_, policy)) = policies.first() {
            for (at, _) in &policy.by_load {
                below(canvas, x(*at), bottom, &load(edge, *at));
            }
        }
        let axis = match utilisation(&edge.scenario) {
            Some(_) => "load, of the capacity",
            None => "load, of what there is",
        };
        axis_name(canvas, right, bottom, axis);
        let mut ends: Vec<EndLabel> = Vec::new();
        for (place, policy) in policies.iter().rev() {
            let colour = theme::colour(*place);
            let mut lines: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
            let mut last = None;
            for (at, found) in &policy.by_load {
                let x = x(*at) + 5.0 * *place as f64;
                match (found.before, found.beyond) {
                    (before, Some(beyond)) => {
                        let low = before.unwrap_or(least);
                        let middle = (x, y((low * beyond).sqrt()));
                        canvas.line(&[(x, y(low)), (x, y(beyond))], colour, 5.0);
                        last = Some(middle.1);
                        match lines.last_mut() {
                            Some(line) => line.push(middle),
                            None => lines.push(vec![middle]),
                        }
                    }
                    (Some(before), None) => {
                        // Survived whatever was tried.
                        let at = (x, y(before) - 6.0);
                        canvas.text(
                            at,
                            "↑",
                            Type::new(theme::LABEL, colour).align(Align::Centre),
                        );
                        last = Some(y(before));
                        lines.push(Vec::new());
                    }
                    (None, None) => {}
                }
            }
            for line in lines.iter().filter(|line| line.len() > 1) {
                canvas.curve(line, *place);
            }
            ends.extend(last.and_then(|at| names.end(*place, at)));
        }
        end_labels(canvas, right, (top, bottom), ends);
        names.legend(canvas, bottom + 78.0);
    }))
}
