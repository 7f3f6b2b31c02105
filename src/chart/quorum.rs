//! Quorums: staleness over time, the map of R and W, the price of freshness.

use plotters::style::RGBColor;

use crate::chart::chances::Chances;
use crate::chart::names::{Names, end_labels};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::sheet::{Sheet, axis_name, below, signature};
use crate::chart::theme;
use crate::format::{likely, list, percent, seconds, thousands, three_digits};
use crate::verdict::quorum::{headline, sentence, short, verdict};
use herdsim_core::ensemble::quorum::{Cell, QuorumResults};
use herdsim_core::scenario::quorum::Wait;

/// Curves that one chart holds.
const MOST: usize = 8;
/// The lowest chance drawn.
const FLOOR: f64 = 1e-12;

fn footer(results: &QuorumResults<'_>) -> String {
    let size = match results.trials {
        0 => "no trials".to_string(),
        n => format!("{} trials", thousands(n as f64)),
    };
    let scenario = results.scenario;
    signature(scenario.run.seed, &size, &scenario.name)
}

fn setting(results: &QuorumResults<'_>) -> String {
    let scenario = results.scenario;
    let n: Vec<String> = scenario.cluster.n.iter().map(u32::to_string).collect();
    let mut parts = vec![format!("N = {}", list(&n))];
    let latency = &scenario.latency.legs;
    let legs = [
        &latency.write_out,
        &latency.ack,
        &latency.read_out,
        &latency.reply,
    ];
    let texts = legs.map(ToString::to_string);
    let same = texts.iter().all(|text| *text == texts[0]);
    let all = match same {
        true => format!("every delay {}", texts[0]),
        false => format!("write out {}, others {}", texts[0], texts[1]),
    };
    match scenario.latency.fit {
        Some(fit) => parts.push(format!("latencies {fit}")),
        None if all.chars().count() <= 60 => parts.push(all),
        None => {}
    }
    if let Some(d) = &scenario.datacentres {
        parts.push(format!("{} datacentres", d.replicas.len()));
    }
    parts.join(" · ")
}

/// Staleness against the time since the commit: exact lines, simulated points.
pub fn staleness(results: &QuorumResults<'_>) -> Result<Chart, ChartError> {
    const PANEL: f64 = 480.0;
    let open: Vec<usize> = (0..results.cells.len())
        .filter(|i| !results.cells[*i].always_fresh)
        .collect();
    let drawn = &open[..open.len().min(MOST)];
    let title = headline(results);
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
    let closed: Vec<String> = results
        .cells
        .iter()
        .filter(|cell| cell.always_fresh)
        .map(|cell| short(results, cell))
        .collect();
    let labels = drawn.iter().map(|i| short(results, &results.cells[*i]));
    let names = Names::new(labels.enumerate());
    let right = names.right([]);
    let last = results.scenario.read.t.last().map_or(0.0, |t| t.as_secs());
    let chances = |i: &usize| {
        let cell = &results.cells[*i];
        let curve = results.curves[*i].iter().map(|(_, p)| *p);
        let points = cell.points.iter().map(|p| p.best().mean);
        curve.chain(points).collect::<Vec<_>>()
    };
    let least = drawn
        .iter()
        .flat_map(chances)
        .filter(|p| *p > 0.0)
        .fold(0.1, f64::min);
    sheet.draw(PANEL + 190.0 + names.height(), |canvas, top| {
        let axis = Chances::new(top, PANEL, least.max(FLOOR));
        let x = |t: f64| match last {
            0.0 => theme::LEFT,
            last => theme::LEFT + t / last * (right - theme::LEFT),
        };
        canvas.text(
            (theme::LEFT, top - 40.0),
            "Probability that a read is stale",
            Type::new(theme::HEADING, theme::INK),
        );
        axis.grid(canvas, right);
        let (scale, unit) = match last {
            l if l < 1e-3 => (1e6, "µs"),
            l if l < 3.0 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        for value in theme::ticks_within(0.0, last * scale, 6) {
            below(
                canvas,
                x(value / scale),
                axis.bottom(),
                &three_digits(value),
            );
        }
        let about = format!("{unit} between the write's commit and the read");
        axis_name(canvas, right, axis.bottom(), &about);
        let mut ends = Vec::new();
        for (place, i) in drawn.iter().enumerate() {
            let colour = theme::colour(place);
            let cell = &results.cells[*i];
            let curve = &results.curves[*i];
            let visible = |p: f64| axis.shows(p);
            let line: Vec<(f64, f64)> = match curve.is_empty() {
                false => curve.clone(),
                true => {
                    let points = cell.points.iter();
                    points.map(|p| (p.t, p.best().mean)).collect()
                }
            };
            let line: Vec<(f64, f64)> = line
                .into_iter()
                .filter(|(_, p)| visible(*p))
                .map(|(t, p)| (x(t), axis.y(p)))
                .collect();
            canvas.curve(&line, place);
            // No more points than can be told apart.
            let step = cell.points.len().div_ceil(15);
            for point in cell.points.iter().step_by(step) {
                // Few trials meet what is rare: the count and its interval.
                let e = match curve.is_empty() {
                    true => point.estimate(),
                    false if point.simulated.n > 0 => point.simulated,
                    false => point.weighed,
                };
                if e.n == 0 || !visible(e.mean) {
                    continue;
                }
                let at = x(point.t);
                canvas.line(&[(at, axis.y(e.low)), (at, axis.y(e.high))], colour, 1.8);
                canvas.dot((at, axis.y(e.mean)), 5.0, colour);
                canvas.dot((at, axis.y(e.mean)), 2.8, theme::PAPER);
            }
            if let Some((end, at)) = line.last() {
                if *end < right - 1.0 {
                    continue; // It leaves through the floor.
                }
                ends.extend(names.end(place, *at));
            }
        }
        let points = results.cells.first().map_or(&[][..], |cell| &cell.points);
        canvas.plot(Plot {
            area: [theme::LEFT, top, right, axis.bottom()],
            x: points.iter().map(|p| x(p.t)).collect(),
            labels: points
                .iter()
                .map(|p| format!("{} after the commit", seconds(p.t)))
                .collect(),
            series: drawn
                .iter()
                .enumerate()
                .map(|(place, i)| PlotSeries {
                    name: short(results, &results.cells[*i]),
                    colour: theme::hex(theme::colour(place)),
                    values: results.cells[*i]
                        .points
                        .iter()
                        .map(|p| likely(p.best()))
                        .collect(),
                })
                .collect(),
        });
        // Those that end before the edge are named where they do.
        end_labels(canvas, right, (top, axis.bottom()), ends);
        for (place, i) in drawn.iter().enumerate() {
            let line = match results.curves[*i].is_empty() {
                true => results.cells[*i]
                    .points
                    .iter()
                    .map(|p| (p.t, p.best().mean))
                    .collect(),
                false => results.curves[*i].clone(),
            };
            let seen: Vec<&(f64, f64)> = line.iter().filter(|(_, p)| *p >= axis.floor).collect();
            if let Some((t, _)) = seen.last()
                && let Some(label) = names.end(place, 0.0)
                && x(*t) < right - 1.0
            {
                canvas.text(
                    (
                        x(*t) + 8.0,
                        axis.bottom() - 10.0 - 26.0 * (place % 3) as f64,
                    ),
                    &label.text,
                    label.style,
                );
            }
        }
        let legend = axis.bottom() + if closed.is_empty() { 78.0 } else { 112.0 };
        names.legend(canvas, legend);
        if !closed.is_empty() {
            let names = match closed.len() {
                1..=6 => list(&closed),
                n => format!("{n} settings with R + W > N"),
            };
            canvas.text(
                (theme::LEFT, axis.bottom() + 100.0),
                &format!("never stale: {names}"),
                Type::new(theme::TICK, theme::SOFT),
            );
        }
    })
}

/// From pale to dark: how likely a stale read is, on a logarithmic scale.
fn shade(p: f64) -> RGBColor {
    const PALE: [f64; 3] = [232.0, 242.0, 238.0];
    const MIDDLE: [f64; 3] = [245.0, 205.0, 150.0];
    const DARK: [f64; 3] = [213.0, 94.0, 0.0];
    let badness = match p <= 1e-6 {
        true => 0.0,
        false => 1.0 + p.log10() / 6.0,
    };
    let (from, to, share) = match badness < 0.5 {
        true => (PALE, MIDDLE, badness * 2.0),
        false => (MIDDLE, DARK, badness * 2.0 - 1.0),
    };
    let mix = |i: usize| (from[i] + (to[i] - from[i]) * share.clamp(0.0, 1.0)) as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

/// A map of R and W per N, with the chance of a fresh read in every cell.
pub fn fresh(results: &QuorumResults<'_>) -> Result<Chart, ChartError> {
    const GAP: f64 = 70.0;
    const MOST_PANELS: usize = 4;
    let cluster = &results.scenario.cluster;
    let panels: Vec<u32> = cluster.n.iter().copied().take(MOST_PANELS).collect();
    let t = results.cells.first().map_or(0.0, |c| c.points[0].t);
    let when = match t {
        0.0 => "right after a write".to_string(),
        t => format!("{} after a write", seconds(t)),
    };
    let always = results.cells.iter().filter(|c| c.always_fresh).count();
    let title = format!(
        "{always} of {} settings never {} a stale read",
        results.cells.len(),
        if always == 1 { "gives" } else { "give" }
    );
    let more = match cluster.n.len().saturating_sub(MOST_PANELS) {
        0 => String::new(),
        n => format!(" · {n} more values of N in summary.csv"),
    };
    let count = panels.len() as f64;
    // Names of levels take more room than numbers.
    let names = cluster
        .w
        .iter()
        .map(|w| theme::measure(&format!("W={w}"), theme::TICK, false));
    let start = names.fold(0.0, f64::max).min(260.0) + 26.0;
    let start = start.max(theme::LEFT);
    let room = theme::WIDTH - start - theme::EDGE - GAP * (count - 1.0);
    let width = room / count;
    let across = cluster.r.len() as f64;
    let down = cluster.w.len() as f64;
    let wide = (width / across).min(200.0);
    let size = (wide, (wide * 0.6).clamp(34.0, 100.0));
    let height = size.1 * down;
    let sheet = Sheet {
        name: "fresh",
        title: &title,
        subtitle: &format!(
            "Chance that a read {when} is fresh · framed: always · {}{more}",
            setting(results)
        ),
        footer: &footer(results),
        description: &format!("A map of R and W. {}.", verdict(results)),
    };
    sheet.draw(height + 160.0, |canvas, top| {
        let style = Type::new(theme::TICK, theme::SOFT);
        for (i, n) in panels.iter().enumerate() {
            let left = start + i as f64 * (size.0 * across + GAP);
            canvas.text(
                (left, top - 14.0),
                &format!("N = {n}"),
                Type::new(theme::HEADING, theme::INK),
            );
            let fits = |wait: &Wait| wait.of(*n).is_none_or(|k| k <= *n);
            for (column, r) in cluster.r.iter().enumerate().filter(|(_, r)| fits(r)) {
                let x = left + size.0 * column as f64;
                canvas.text(
                    (x + size.0 / 2.0, top + height + 28.0),
                    &theme::shorten(&format!("R={r}"), theme::TICK, false, size.0),
                    style.align(Align::Centre),
                );
                for (line, w) in cluster.w.iter().enumerate().filter(|(_, w)| fits(w)) {
                    let y = top + height - size.1 * (line + 1) as f64;
                    if column == 0 {
                        let room = if i == 0 { start } else { GAP } - 16.0;
                        canvas.text(
                            (left - 10.0, y + size.1 / 2.0 + 7.0),
                            &theme::shorten(&format!("W={w}"), theme::TICK, false, room),
                            style.align(Align::Right),
                        );
                    }
                    let cell = results
                        .cells
                        .iter()
                        .find(|c| (c.n, c.r, c.w) == (*n, *r, *w));
                    let Some(cell) = cell else { continue };
                    paint(canvas, cell, (x, y), size);
                }
            }
        }
        // Frames last, over their neighbours' edges.
        for (i, n) in panels.iter().enumerate() {
            let left = start + i as f64 * (size.0 * across + GAP);
            for cell in results.cells.iter().filter(|c| c.n == *n && c.always_fresh) {
                let places = (
                    cluster.r.iter().position(|r| *r == cell.r),
                    cluster.w.iter().position(|w| *w == cell.w),
                );
                if let (Some(column), Some(line)) = places {
                    let x = left + size.0 * column as f64 + 2.0;
                    let y = top + height - size.1 * (line + 1) as f64 + 2.0;
                    let (right, bottom) = (x + size.0 - 4.0, y + size.1 - 4.0);
                    let frame = [
                        (x, y),
                        (right, y),
                        (right, bottom),
                        (x, bottom),
                        (x, y),
                        (right, y), // Once more, for the corner.
                    ];
                    canvas.line(&frame, theme::ON_PALE, 2.4);
                }
            }
        }
    })
}

fn paint(canvas: &mut Canvas<'_>, cell: &Cell, (x, y): (f64, f64), size: (f64, f64)) {
    let stale = cell.points[0].best().mean;
    canvas.rect(
        (x + 1.0, y + 1.0),
        (x + size.0 - 1.0, y + size.1 - 1.0),
        shade(stale),
    );
    let text = match cell.always_fresh {
        true => "always".to_string(),
        false => percent(1.0 - stale),
    };
    let lines = vec![cell.name.clone(), format!("{text} fresh")];
    canvas.spot((x, y), (x + size.0, y + size.1), lines);
    let fits = |size: f64| theme::measure(&text, size, false);
    let type_size = (theme::TICK * (size.0 - 8.0) / fits(theme::TICK)).clamp(10.0, theme::TICK);
    canvas.text(
        (x + size.0 / 2.0, y + size.1 / 2.0 + type_size * 0.36),
        &text,
        Type::new(type_size, theme::ON_PALE).align(Align::Centre),
    );
}

/// Latency against staleness: what freshness costs, with the settings marked to
/// which no other is better in both.
pub fn price(results: &QuorumResults<'_>) -> Result<Chart, ChartError> {
    const PANEL: f64 = 480.0;
    let share = results.scenario.cluster.read_share.0;
    let cost = |cell: &Cell| cell.cost(share);
    let stale = |cell: &Cell| cell.points[0].best().mean;
    let better = |a: &Cell, b: &Cell| {
        cost(a) <= cost(b) && stale(a) <= stale(b) && (cost(a) < cost(b) || stale(a) < stale(b))
    };
    let mut front: Vec<&Cell> = results
        .cells
        .iter()
        .filter(|cell| !results.cells.iter().any(|other| better(other, cell)))
        .collect();
    front.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    let title = match (front.first(), front.last()) {
        (Some(first), Some(last)) if first.name != last.name && last.always_fresh => format!(
            "{} ends stale reads for {} more at p99 than {}",
            short(results, last),
            seconds(cost(last) - cost(first)),
            short(results, first),
        ),
        _ => "What a fresher read costs".to_string(),
    };
    let t = results.cells.first().map_or(0.0, |c| c.points[0].t);
    let when = match t {
        0.0 => "right after a write".to_string(),
        t => format!("{} after a write", seconds(t)),
    };
    let sheet = Sheet {
        name: "price",
        title: &title,
        subtitle: &format!(
            "{} · line: no other setting is both faster and fresher",
            setting(results)
        ),
        footer: &footer(results),
        description: &format!(
            "Latency against staleness. {}.",
            front
                .first()
                .map_or(String::new(), |cell| sentence(results, cell))
        ),
    };
    let right = theme::WIDTH - theme::EDGE - 20.0;
    let costs = results.cells.iter().map(cost).filter(|c| c.is_finite());
    let (low, high) = costs.fold((f64::INFINITY, 0.0f64), |(l, h), c| (l.min(c), h.max(c)));
    let least = results
        .cells
        .iter()
        .map(stale)
        .filter(|p| *p > 0.0)
        .fold(0.1, f64::min);
    sheet.draw(PANEL + 170.0, |canvas, top| {
        canvas.text(
            (theme::LEFT, top - 40.0),
            &format!("Chance that a read {when} is stale"),
            Type::new(theme::HEADING, theme::INK),
        );
        let axis = Chances::new(top, PANEL - 60.0, least.max(FLOOR));
        axis.grid(canvas, right);
        // Below the axis stand those that are never stale.
        let never = axis.bottom() + 46.0;
        canvas.text(
            (theme::LEFT - 12.0, never + 7.0),
            "never",
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
        let base = top + PANEL + 6.0;
        canvas.line(&[(theme::LEFT, base), (right, base)], theme::AXIS, 1.5);
        let span = if high > low {
            high - low
        } else {
            high.max(1e-9)
        };
        let from = (low - 0.08 * span).max(0.0);
        let to = high + 0.12 * span;
        let x = |c: f64| theme::LEFT + (c - from) / (to - from) * (right - theme::LEFT);
        let (scale, unit) = match high {
            h if h < 1e-3 => (1e6, "µs"),
            h if h < 3.0 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        for value in theme::ticks_within(from * scale, to * scale, 7) {
            canvas.text(
                (x(value / scale), base + 30.0),
                &three_digits(value),
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
        let mix = format!(
            "{unit} at the 99th percentile: reads by {}% and writes by the rest",
            three_digits(share * 100.0)
        );
        canvas.text(
            (right, base + 64.0),
            &mix,
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
        let place = |cell: &Cell| {
            let y = match cell.always_fresh {
                true => never,
                false => axis.y(stale(cell)),
            };
            (x(cost(cell)), y)
        };
        let line: Vec<(f64, f64)> = front.iter().map(|c| place(c)).collect();
        canvas.line(&line, theme::AXIS, 2.0);
        let of_n = |cell: &Cell| {
            let n = &results.scenario.cluster.n;
            theme::colour(n.iter().position(|n| *n == cell.n).unwrap_or(0))
        };
        let mut taken: Vec<[f64; 4]> = [axis.bottom(), base]
            .map(|y| [0.0, y - 2.0, theme::WIDTH, y + 2.0])
            .to_vec();
        for cell in &results.cells {
            let (cx, cy) = place(cell);
            taken.push([cx - 8.0, cy - 8.0, cx + 8.0, cy + 8.0]);
            let on_front = front.iter().any(|f| f.name == cell.name);
            canvas.dot((cx, cy), if on_front { 7.0 } else { 5.0 }, of_n(cell));
            let lines = vec![
                cell.name.clone(),
                format!("p99 {}", seconds(cost(cell))),
                match cell.always_fresh {
                    true => "never stale".to_string(),
                    false => format!("{} stale", likely(cell.points[0].best())),
                },
            ];
            canvas.spot((cx - 9.0, cy - 9.0), (cx + 9.0, cy + 9.0), lines);
        }
        // Labels where they hit nothing, those on the front first.
        let rest = results
            .cells
            .iter()
            .filter(|c| front.iter().all(|f| f.name != c.name));
        for (i, cell) in front.iter().copied().chain(rest).enumerate() {
            let text = short(results, cell);
            let style = match i < front.len() {
                true => Type::new(theme::SMALL, of_n(cell)).bold(),
                false => Type::new(theme::SMALL, of_n(cell)),
            };
            let width = theme::measure(&text, theme::SMALL, style.bold);
            let (cx, cy) = place(cell);
            let spots = [
                (cx + 12.0, cy + 6.0),
                (cx + 10.0, cy - 12.0),
                (cx - 12.0 - width, cy + 6.0),
                (cx + 10.0, cy + 24.0),
                (cx - 10.0 - width, cy - 12.0),
                (cx - 10.0 - width, cy + 24.0),
            ];
            let free = spots.into_iter().find(|(left, baseline)| {
                let own = [*left, baseline - 15.0, left + width, baseline + 4.0];
                let apart = |other: &[f64; 4]| {
                    own[2] < other[0] || other[2] < own[0] || own[3] < other[1] || other[3] < own[1]
                };
                *left > theme::LEFT && own[2] < theme::WIDTH - 10.0 && taken.iter().all(apart)
            });
            if let Some((left, baseline)) = free {
                taken.push([left, baseline - 15.0, left + width, baseline + 4.0]);
                canvas.text((left, baseline), &text, style);
            }
        }
    })
}
