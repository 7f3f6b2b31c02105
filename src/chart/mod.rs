//! Charts: results in, SVG and PNG out.

mod break_even;
mod chain;
mod distribution;
mod lanes;
mod lines;
mod map;
mod outcomes;
mod quorum;
pub mod render;
mod scoreboard;
mod sweep;
pub mod theme;
mod timeline;

use crate::ensemble::herd::Results;
use crate::ensemble::quorum::QuorumResults;
use crate::output::curves::Curves;
use crate::output::figures::Figures;
use crate::output::grid::Atlas;
use crate::output::trace::Trace;
use crate::output::verdict::{headline, setting, verdict};
use crate::output::words::thousands;
use crate::scenario::Job;
pub use break_even::break_even_chart;
use render::{Canvas, Type};
pub use render::{Chart, ChartError};

/// Every chart of a herd run.
pub fn herd(results: &Results) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![
        timeline::timeline(results)?,
        scoreboard::scoreboard(results)?,
        outcomes::outcomes(results)?,
        timeline::queue(results)?,
        timeline::latency(results)?,
        distribution::distribution(results)?,
    ];
    if results.scenario.services.len() > 1 {
        charts.push(chain::amplification(results)?);
    }
    Ok(charts)
}

/// Every chart of a fence run.
pub fn fence(
    curves: &Curves,
    figures: &Figures,
    verdict: &str,
    example: Option<&Trace>,
) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![lines::lines("stale-writes", curves, figures, verdict)?];
    if let Some(trace) = example {
        charts.push(lanes::lanes("failover", trace, figures)?);
    }
    Ok(charts)
}

/// Every chart of a saga run.
pub fn saga(
    curves: &Curves,
    figures: &Figures,
    verdict: &str,
    example: Option<&Trace>,
) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![lines::lines("duplicates", curves, figures, verdict)?];
    if let Some(trace) = example {
        charts.push(lanes::lanes("double-refund", trace, figures)?);
    }
    Ok(charts)
}

/// Every chart of a quorum run: staleness over time, the map of R and W, the price.
pub fn quorum(results: &QuorumResults<'_>) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![quorum::staleness(results)?];
    if results.cells.len() > 1 {
        charts.push(quorum::fresh(results)?);
        charts.push(quorum::price(results)?);
    }
    Ok(charts)
}

/// Every chart of a sweep: a map over two or three axes, curves along one.
pub fn sweep(atlas: &Atlas<'_>) -> Result<Vec<Chart>, ChartError> {
    let seed = match atlas.base {
        Job::Herd(scenario) => scenario.run.seed,
        Job::Fence(scenario) => scenario.run.seed,
        Job::Saga(scenario) => scenario.run.seed,
        Job::Quorum(scenario) => scenario.run.seed,
    };
    let cells = format!("{} cells", thousands(atlas.grid.cells()));
    let footer = signature(seed, &cells, atlas.base.name());
    match atlas.grid.axes.len() {
        1 => Ok(vec![sweep::curves(atlas, &footer)?]),
        _ => map::map(atlas, &footer).into_iter().collect(),
    }
}

/// What stands around a chart: the finding as title, the setting under it, a footer.
struct Sheet<'s> {
    name: &'static str,
    title: &'s str,
    subtitle: &'s str,
    footer: &'s str,
    /// What is shown, in words: the alternative text.
    description: &'s str,
}

impl Sheet<'_> {
    /// Draws it. `paint` is given the sheet and where its content begins, with
    /// `height` pixels from there to the end.
    fn draw(
        &self,
        height: f64,
        paint: impl FnOnce(&mut Canvas<'_>, f64),
    ) -> Result<Chart, ChartError> {
        let room = theme::WIDTH - theme::LEFT - theme::EDGE;
        let title = theme::wrap(self.title, theme::TITLE, true, room);
        let top = 150.0 + 40.0 * title.len() as f64;
        let size = (theme::WIDTH, top + height);
        render::draw(self.name, size, self.title, self.description, |canvas| {
            canvas.frame(top + height, &title, self.subtitle, self.footer);
            paint(canvas, top);
        })
    }
}

/// The sheet of a chart of herd results; `what` says what it shows.
fn sheet(
    results: &Results,
    name: &'static str,
    what: &str,
    height: f64,
    paint: impl FnOnce(&mut Canvas<'_>, f64),
) -> Result<Chart, ChartError> {
    let sheet = Sheet {
        name,
        title: &headline(results),
        subtitle: &format!("{} · mean and 95% interval", setting(results)),
        footer: &footer(results),
        description: &format!("{what}. {}.", verdict(results)),
    };
    sheet.draw(height, paint)
}

/// From the end of a curve to its name.
const LEADER: f64 = 16.0;

/// A name at the end of a curve that ends at the height `at`.
struct EndLabel {
    at: f64,
    text: String,
    style: Type,
}

/// Names to the right of curves that end at `right`, moved apart where they would
/// overlap and led to by a line where they had to move.
fn end_labels(
    canvas: &mut Canvas<'_>,
    right: f64,
    (top, bottom): (f64, f64),
    mut labels: Vec<EndLabel>,
) {
    labels.sort_by(|a, b| a.at.total_cmp(&b.at));
    let targets: Vec<f64> = labels.iter().map(|l| l.at).collect();
    let places = theme::spread(&targets, 26.0, top, bottom);
    for (label, place) in labels.iter().zip(places) {
        if (place - label.at).abs() > 4.0 {
            let leader = [(right + 1.0, label.at), (right + LEADER - 3.0, place)];
            canvas.line(&leader, label.style.colour, 1.0);
        }
        canvas.text((right + LEADER, place + 7.5), &label.text, label.style);
    }
}

/// The widest that a policy's name may be beside a chart.
const NAME: f64 = 230.0;

/// A policy's name as a label, cut short where it would squeeze the chart.
fn label(name: &str) -> String {
    theme::shorten(name, theme::LABEL, true, NAME)
}

/// Width of the longest policy name as a label.
fn widest_name(results: &Results) -> f64 {
    let widths = results
        .policies
        .iter()
        .map(|p| theme::measure(&label(&p.name), theme::LABEL, true));
    widths.fold(0.0, f64::max)
}

/// What a chart says at its foot: enough to make it again.
fn footer(results: &Results) -> String {
    let replications = match (results.replications, results.interrupted) {
        (1, false) => "1 replication".to_string(),
        (n, false) => format!("{n} replications"),
        (n, true) => format!("interrupted at replication {n}"),
    };
    signature(
        results.scenario.run.seed,
        &replications,
        &results.scenario.name,
    )
}

/// Version, seed, size and scenario in one line.
fn signature(seed: u64, size: &str, name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("herdsim {version} · seed {seed} · {size} · {name}/scenario.toml")
}
