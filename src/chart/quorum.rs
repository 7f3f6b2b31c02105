//! Quorums: the map of R and W, and what all charts of quorums say of their setting.

use plotters::style::RGBColor;

use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{Sheet, signature};
use crate::chart::theme;
use herdsim_core::ensemble::quorum::{Cell, QuorumResults};
use herdsim_core::scenario::quorum::Wait;
use herdsim_words::format::{list, percent, seconds, thousands};
use herdsim_words::verdict::quorum::verdict;

pub(super) fn footer(results: &QuorumResults<'_>) -> String {
    let size = match results.trials {
        0 => "no trials".to_string(),
        n => format!("{} trials", thousands(n as f64)),
    };
    let scenario = results.scenario;
    signature(scenario.run.seed, &size, &scenario.name)
}

pub(super) fn setting(results: &QuorumResults<'_>) -> String {
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
