//! Attempts that arrive at each host over time, a strip a policy.

use crate::chart::names::label;
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot, PlotSeries, Type};
use crate::chart::shades::Shades;
use crate::chart::sheet::{Words, sheet};
use crate::chart::theme;
use crate::chart::time::{FAULT_ROW, TimeScale};
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::Strips;
use herdsim_words::format::{seconds, thousands, three_digits};
use herdsim_words::verdict::herd::titles;

const ROW: f64 = 17.0;
const BETWEEN: f64 = 40.0;

/// Rows of a strip at most; of more hosts some share a row.
const MOST_ROWS: usize = 20;

/// The chart `hosts`; nothing where no service has several.
pub fn hosts(results: &Results) -> Option<Result<Chart, ChartError>> {
    let several = |strips: &Option<Strips>| strips.as_ref().is_some_and(|s| s.counts.len() > 1);
    let with_hosts = |p: &PolicyResults| p.strips.iter().position(several);
    let tier = results.policies.iter().find_map(with_hosts)?;
    let strips: Vec<Option<&Strips>> = results
        .policies
        .iter()
        .map(|p| p.strips.get(tier)?.as_ref())
        .collect();
    let first = strips.iter().flatten().next()?;
    let (width, hosts) = (first.width as f64 / 1e9, first.counts.len());
    let together = hosts.div_ceil(MOST_ROWS);
    let rows: Vec<Option<Vec<Vec<f64>>>> = strips
        .iter()
        .map(|strips| Some(merged(strips.as_ref()?, together)))
        .collect();
    let all = || rows.iter().flatten().flatten().flatten().copied();
    let most = all().fold(0.0, f64::max);
    let own = rows.iter().flatten().next()?;
    let cells = own.iter().map(Vec::len).sum::<usize>().max(1);
    let usual = own.iter().flatten().sum::<f64>() / cells as f64;
    let shades = Shades::new(usual, most, width, 1.4);
    let scale = TimeScale {
        scenario: &results.scenario,
        from: 0.0,
        to: results.scenario.run.horizon.as_secs(),
        left: theme::LEFT,
        right: theme::WIDTH - theme::EDGE,
    };
    let faults = scale.fault_names();
    let above = faults.iter().map(|n| n.row + 1).max().unwrap_or(0) as f64 * FAULT_ROW;
    let of_one = own.len() as f64 * ROW + BETWEEN;
    let height = of_one * rows.iter().flatten().count() as f64;
    let what = format!(
        "Attempts that arrive at each of {hosts} hosts in every {}, in the first run",
        seconds(width)
    );
    let words = Words {
        name: "hosts",
        title: &titles::hosts(results, tier),
        what: &what,
        how: "the first run as it happened; shares are of all runs",
    };
    Some(sheet(
        results,
        words,
        above + height + 160.0,
        |canvas, top| {
            let heading = match results.scenario.services.len() {
                1 => format!(
                    "Attempts that arrive at each host in every {}",
                    seconds(width)
                ),
                _ => format!(
                    "Attempts that arrive at each host of {} in every {}",
                    results.scenario.tier_name(tier),
                    seconds(width)
                ),
            };
            canvas.text(
                (theme::LEFT, top - 16.0),
                &heading,
                Type::new(theme::HEADING, theme::INK),
            );
            let mut y = top + above;
            scale.name_faults(canvas, &faults, y);
            scale.shade_faults(canvas, y, top + above + height - 10.0);
            for (i, rows) in rows.iter().enumerate() {
                let Some(rows) = rows else { continue };
                let name = results.scenario.label(&results.policies[i].name);
                canvas.text(
                    (theme::LEFT, y + BETWEEN - 18.0),
                    &label(&name),
                    Type::new(theme::LABEL, theme::colour(i)).bold(),
                );
                let strip = Strip {
                    scale: &scale,
                    width,
                    together,
                    hosts,
                    top: y + BETWEEN - 10.0,
                };
                strip.paint(canvas, rows, &shades);
                y += of_one;
            }
            scale.axis(canvas, y - 10.0);
            shades.legend(canvas, y + 92.0);
        },
    ))
}

/// The counts of hosts, the mean of so many next to each other in a row.
fn merged(strips: &Strips, together: usize) -> Vec<Vec<f64>> {
    let row = |hosts: &[Vec<u32>]| -> Vec<f64> {
        let bins = hosts.iter().map(Vec::len).max().unwrap_or(0);
        let at = |bin: usize| {
            hosts
                .iter()
                .map(|counts| f64::from(counts[bin]))
                .sum::<f64>()
        };
        (0..bins).map(|bin| at(bin) / hosts.len() as f64).collect()
    };
    strips.counts.chunks(together).map(row).collect()
}

/// The strip of one policy.
struct Strip<'s> {
    scale: &'s TimeScale<'s>,
    width: f64,
    together: usize,
    hosts: usize,
    top: f64,
}

impl Strip<'_> {
    fn name(&self, row: usize) -> String {
        let first = row * self.together + 1;
        match self.together {
            1 => first.to_string(),
            n => format!("{first}–{}", (first + n - 1).min(self.hosts)),
        }
    }

    fn paint(&self, canvas: &mut Canvas<'_>, rows: &[Vec<f64>], shades: &Shades) {
        let bottom = self.top + rows.len() as f64 * ROW;
        let x = |bin: usize| self.scale.x((bin as f64 * self.width).min(self.scale.to));
        let mut cells = vec![Vec::new(); shades.count()];
        for (row, counts) in rows.iter().enumerate() {
            let y = self.top + row as f64 * ROW;
            canvas.text(
                (theme::LEFT - 12.0, y + ROW - 3.0),
                &self.name(row),
                Type::new(theme::SMALL, theme::SOFT).align(Align::Right),
            );
            let mut from = 0;
            for run in counts.chunk_by(|a, b| shades.of_count(*a) == shades.of_count(*b)) {
                let to = from + run.len();
                if let Some(shade) = shades.of_count(run[0]) {
                    cells[shade].push(((x(from), y + 0.5), (x(to), y + ROW - 0.5)));
                }
                from = to;
            }
        }
        for (shade, cells) in cells.iter().enumerate() {
            canvas.cells(shades.colour(shade), cells);
        }
        let right = self.scale.right;
        canvas.line(&[(theme::LEFT, bottom), (right, bottom)], theme::AXIS, 1.2);
        let bins = 0..rows.first().map_or(0, Vec::len);
        canvas.plot(Plot {
            area: [theme::LEFT, self.top, right, bottom],
            x: bins
                .clone()
                .map(|i| ((x(i) + x(i + 1)) * 5.0).round() / 10.0)
                .collect(),
            labels: bins
                .map(|i| format!("{} s", three_digits(i as f64 * self.width)))
                .collect(),
            series: rows
                .iter()
                .enumerate()
                .map(|(row, counts)| PlotSeries {
                    name: format!("host {}", self.name(row)),
                    colour: theme::hex(theme::SOFT),
                    values: counts.iter().map(|n| thousands(*n)).collect(),
                })
                .collect(),
        });
    }
}
