//! Charts: results in, SVG and PNG out.

pub mod render;
mod scoreboard;
pub mod theme;
mod timeline;

use crate::ensemble::herd::Results;
use crate::output::verdict::{headline, setting, verdict};
use render::Canvas;
pub use render::{Chart, ChartError};

/// Every chart of a herd run.
pub fn herd(results: &Results) -> Result<Vec<Chart>, ChartError> {
    Ok(vec![
        timeline::timeline(results)?,
        scoreboard::scoreboard(results)?,
    ])
}

/// A sheet with the finding as title, the setting under it and a footer.
///
/// `what` says in the alternative text what is shown; `paint` is given the
/// sheet and where its content begins, with `height` pixels from there to the end.
fn sheet(
    results: &Results,
    name: &'static str,
    what: &str,
    height: f64,
    paint: impl FnOnce(&mut Canvas<'_>, f64),
) -> Result<Chart, ChartError> {
    let headline = headline(results);
    let room = theme::WIDTH - theme::LEFT - theme::EDGE;
    let title = theme::wrap(&headline, theme::TITLE, true, room);
    let top = 150.0 + 40.0 * title.len() as f64;
    let size = (theme::WIDTH, top + height);
    let description = format!("{what}. {}.", verdict(results));
    render::draw(name, size, &headline, &description, |canvas| {
        let subtitle = format!("{} · mean and 95% interval", setting(results));
        canvas.frame(top + height, &title, &subtitle, &footer(results));
        paint(canvas, top);
    })
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
    format!(
        "herdsim {} · seed {} · {replications} · {}/scenario.toml",
        env!("CARGO_PKG_VERSION"),
        results.scenario.run.seed,
        results.scenario.name
    )
}
