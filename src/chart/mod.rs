//! Charts: results in, SVG and PNG out.

mod break_even;
mod chain;
mod chances;
mod change;
mod distribution;
mod lines;
mod map;
mod names;
mod outcomes;
mod quorum;
pub mod render;
mod scoreboard;
mod sequence;
mod sweep;
pub mod theme;
mod time;
mod timeline;
mod waves;

use crate::format::thousands;
use crate::verdict::curves::Curves;
use crate::verdict::herd::setting;
use crate::verdict::sequence::Sequence;
use crate::verdict::sweep::SweepResults;
pub use break_even::break_even_chart;
pub use change::change;
use herdsim_core::ensemble::herd::Results;
use herdsim_core::ensemble::quorum::QuorumResults;
use herdsim_core::herd::series::{
    BUSY_SERVERS, GOODPUT, LATENCY_P50, LATENCY_P99, OFFERED, QUEUE_LENGTH,
};
use herdsim_core::metric::Key;
use names::{Names, label};
use plotters::style::RGBColor;
use render::{Align, Canvas, Type};
pub use render::{Chart, ChartError};

/// Every chart of a herd run; beside that of an earlier run, where there is one. What
/// needs a column of the time series that is not known is left out.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn herd(
    results: &Results,
    before: Option<&Results>,
    unknown: &[&str],
) -> Result<Vec<Chart>, ChartError> {
    let has = |columns: &[Key]| columns.iter().all(|key| !unknown.contains(&key.name()));
    let mut charts = match before {
        _ if !has(&[OFFERED, GOODPUT]) => Vec::new(),
        None => vec![timeline::timeline(results)?],
        Some(before) => timeline::pair(before, results)?.to_vec(),
    };
    charts.extend([
        scoreboard::scoreboard(results)?,
        outcomes::outcomes(results)?,
        waves::waves(results)?,
    ]);
    if results.scenario.entry().pool().is_some() && has(&[QUEUE_LENGTH, BUSY_SERVERS]) {
        charts.push(timeline::queue(results)?);
    }
    if has(&[LATENCY_P50, LATENCY_P99]) {
        charts.push(timeline::latency(results)?);
    }
    charts.push(distribution::distribution(results)?);
    if results.scenario.services.len() > 1 {
        charts.push(chain::amplification(results)?);
    }
    Ok(charts)
}

/// Every chart of trials: their curves, and one of them told.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn trials(
    [of_curves, of_example]: [&'static str; 2],
    curves: &Curves,
    signed: Signed<'_>,
    verdict: &str,
    example: Option<&Sequence>,
) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![lines::lines(of_curves, curves, signed, verdict)?];
    if let Some(example) = example {
        charts.push(sequence::sequence(of_example, example, signed)?);
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
pub fn sweep(results: &SweepResults<'_>) -> Result<Vec<Chart>, ChartError> {
    let cells = format!("{} cells", thousands(results.grid.cells()));
    let footer = signature(results.base.seed(), &cells, results.base.name());
    match results.grid.axes.len() {
        1 => Ok(vec![sweep::curves(results, &footer)?]),
        _ => map::map(results, &footer).into_iter().collect(),
    }
}

/// The seed and the name of a run, for the foot of its charts.
#[derive(Clone, Copy)]
pub struct Signed<'s> {
    pub seed: u64,
    pub name: &'s str,
}

/// What stands around a chart: the finding as title, the setting under it, a footer.
struct Sheet<'s> {
    name: &'s str,
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
        // Whole pixels, so that paper covers the last of them.
        let height = height.ceil();
        let size = (theme::WIDTH, top + height);
        render::draw(self.name, size, self.title, self.description, |canvas| {
            canvas.frame(top + height, &title, self.subtitle, self.footer);
            paint(canvas, top);
        })
    }
}

/// The sheet of a chart of herd results.
fn sheet(
    results: &Results,
    words: Words<'_>,
    height: f64,
    paint: impl FnOnce(&mut Canvas<'_>, f64),
) -> Result<Chart, ChartError> {
    let sheet = Sheet {
        name: words.name,
        title: words.title,
        subtitle: &format!("{} · {}", setting(results), words.how),
        footer: &footer(results),
        description: &format!("{}. {}.", words.what, words.title),
    };
    sheet.draw(height, paint)
}

/// What a chart of herd results says of itself.
struct Words<'w> {
    name: &'static str,
    /// The finding.
    title: &'w str,
    /// What is shown, for those who do not see it.
    what: &'w str,
    /// What its numbers are made of.
    how: &'w str,
}

/// Most charts show this.
const MEANS: &str = "mean and 95% interval";

/// A horizontal line of the grid, with its value at the left edge.
fn level(canvas: &mut Canvas<'_>, at: f64, right: f64, value: &str, colour: RGBColor) {
    canvas.line(&[(theme::LEFT, at), (right, at)], colour, 1.5);
    canvas.text(
        (theme::LEFT - 12.0, at + 7.0),
        value,
        Type::new(theme::TICK, theme::SOFT).align(Align::Right),
    );
}

/// A value below a horizontal axis at the height `base`.
fn below(canvas: &mut Canvas<'_>, x: f64, base: f64, value: &str) {
    let style = Type::new(theme::TICK, theme::SOFT).align(Align::Centre);
    canvas.text((x, base + 32.0), value, style);
}

/// What a horizontal axis at the height `base` is about, at its right end.
fn axis_name(canvas: &mut Canvas<'_>, right: f64, base: f64, name: &str) {
    let style = Type::new(theme::TICK, theme::SOFT).align(Align::Right);
    canvas.text((right, base + 64.0), name, style);
}

/// The names of the policies of a run.
fn policy_names(results: &Results) -> impl Iterator<Item = &str> {
    results.policies.iter().map(|p| p.name.as_str())
}

/// The same for curves.
fn curve_names(results: &Results) -> Names {
    Names::new(policy_names(results).map(label).enumerate())
}

/// What a chart says at its foot: enough to make it again.
fn footer(results: &Results) -> String {
    let replications = match results.replications {
        1 => "1 replication".to_string(),
        n => format!("{n} replications"),
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
