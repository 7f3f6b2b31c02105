//! The price of freshness: latency against staleness.

use crate::chart::chances::Chances;
use crate::chart::names::crosses;
use crate::chart::quorum::{footer, setting};
use crate::chart::render::{Align, Chart, ChartError, Type};
use crate::chart::sheet::{DECADES, Sheet, below, decades};
use crate::chart::theme;
use herdsim_core::ensemble::quorum::{Cell, QuorumResults};
use herdsim_words::format::{NEVER, likely, seconds, three_digits};
use herdsim_words::verdict::quorum::{sentence, short};

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
    // Below the axis stand those that are stale in practice never, and those that never are.
    let is_faint = |cell: &Cell| !cell.always_fresh && stale(cell) < NEVER;
    let faint = if results.cells.iter().any(is_faint) {
        46.0
    } else {
        0.0
    };
    sheet.draw(PANEL + 170.0 + faint, |canvas, top| {
        canvas.text(
            (theme::LEFT, top - 40.0),
            &format!("Chance that a read {when} is stale"),
            Type::new(theme::HEADING, theme::INK),
        );
        let axis = Chances::new(top, PANEL - 60.0, least.max(NEVER));
        axis.grid(canvas, right);
        let rarely = axis.bottom() + 46.0;
        let never = rarely + faint;
        if faint > 0.0 {
            canvas.text(
                (theme::LEFT - 12.0, rarely + 7.0),
                "<1e-12",
                Type::new(theme::TICK, theme::SOFT).align(Align::Right),
            );
        }
        canvas.text(
            (theme::LEFT - 12.0, never + 7.0),
            "never",
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
        let base = top + PANEL + 6.0 + faint;
        canvas.line(&[(theme::LEFT, base), (right, base)], theme::AXIS, 1.5);
        let wide = low > 0.0 && high > DECADES * low;
        let span = if high > low {
            high - low
        } else {
            high.max(1e-9)
        };
        let (from, to) = match wide {
            true => (low / 1.3, high * 1.6),
            false => ((low - 0.08 * span).max(0.0), high + 0.12 * span),
        };
        let x = |c: f64| {
            let share = match wide {
                true => (c / from).ln() / (to / from).ln(),
                false => (c - from) / (to - from),
            };
            theme::LEFT + share * (right - theme::LEFT)
        };
        let (scale, unit) = match high {
            h if h < 1e-3 => (1e6, "µs"),
            h if h < 3.0 => (1e3, "ms"),
            _ => (1.0, "s"),
        };
        let ticks = match wide {
            true => decades(
                (from * scale, to * scale),
                24.0,
                |v| x(v / scale),
                three_digits,
            ),
            false => theme::ticks_within(from * scale, to * scale, 7)
                .into_iter()
                .map(|value| (value, Some(three_digits(value))))
                .collect(),
        };
        for (value, text) in ticks {
            let (at, text) = (x(value / scale), text.unwrap_or_default());
            canvas.line(&[(at, base), (at, base + 6.0)], theme::AXIS, 1.5);
            below(canvas, at, base, &text);
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
                false if is_faint(cell) => rarely,
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
                *left > theme::LEFT
                    && own[2] < theme::WIDTH - 10.0
                    && taken.iter().all(apart)
                    && !crosses(&line, &own)
            });
            if let Some((left, baseline)) = free {
                taken.push([left, baseline - 15.0, left + width, baseline + 4.0]);
                canvas.text((left, baseline), &text, style);
            }
        }
    })
}
