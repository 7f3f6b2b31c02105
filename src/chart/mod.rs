//! Charts: results in, SVG and PNG out.

mod break_even;
mod chain;
mod chances;
mod change;
mod distribution;
mod edge;
mod hosts;
mod lines;
mod map;
mod multiples;
mod names;
mod outcomes;
mod price;
mod quorum;
pub mod render;
mod scoreboard;
mod sequence;
mod shades;
mod sheet;
mod staleness;
mod sweep;
pub mod theme;
mod time;
mod timeline;
mod views;
mod waves;

use crate::measured::Measured;
pub use break_even::break_even_chart;
pub use change::change;
use herdsim_core::edge::{Edge, PolicyEdge, Sought};
use herdsim_core::ensemble::herd::Results;
use herdsim_core::ensemble::quorum::QuorumResults;
use herdsim_core::herd::SERIES;
use herdsim_core::herd::series::{
    BUSY_SERVERS, GOODPUT, LATENCY_P50, LATENCY_P99, OFFERED, QUEUE_LENGTH,
};
use herdsim_core::metric::Key;
use herdsim_core::stats::Estimate;
use herdsim_words::format::thousands;
use herdsim_words::verdict::curves::Curves;
use herdsim_words::verdict::sequence::Sequence;
use herdsim_words::verdict::sweep::SweepResults;
pub use render::{Chart, ChartError};
pub use sheet::Signed;
use sheet::signature;

/// The charts of a run.
#[derive(Clone, Debug, Default)]
pub struct Charts {
    pub drawn: Vec<Chart>,
    /// Those that would have nothing on them: which, and why.
    pub absent: Vec<String>,
}

impl Charts {
    fn absent(&mut self, name: &str, why: &str) {
        self.absent.push(format!("no chart `{name}`: {why}"));
    }
}

/// Every chart of a herd run; beside that of an earlier run, and measured series, where
/// there are any. What needs a column of the time series that is not known is left out.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn herd(
    results: &Results,
    before: Option<&Results>,
    unknown: &[&str],
    measured: Option<&Measured>,
) -> Result<Charts, ChartError> {
    let has = |columns: &[Key]| columns.iter().all(|key| !unknown.contains(&key.name()));
    let over_time = match before {
        _ if !has(&[OFFERED, GOODPUT]) => Vec::new(),
        None => vec![timeline::timeline(results, measured)?],
        Some(before) => timeline::pair(before, results, measured)?.to_vec(),
    };
    let mut charts = Charts {
        drawn: over_time,
        absent: Vec::new(),
    };
    charts.drawn.push(scoreboard::scoreboard(results)?);
    charts.drawn.push(outcomes::outcomes(results)?);
    let waves = results
        .policies
        .iter()
        .flat_map(|p| p.waves.iter().flatten());
    match waves.copied().max() {
        Some(most) if most > 0 => charts.drawn.push(waves::waves(results)?),
        _ => charts.absent("waves", "no attempt is sent then"),
    }
    if results.scenario.entry().pool().is_some() && has(&[QUEUE_LENGTH, BUSY_SERVERS]) {
        charts.drawn.push(timeline::queue(results, measured)?);
    }
    let series = || results.policies.iter().flat_map(|p| &p.series);
    let latency = |bin: &[Estimate; SERIES.len()]| bin[LATENCY_P50.index()].mean.is_finite();
    match has(&[LATENCY_P50, LATENCY_P99]) {
        true if series().any(latency) => charts.drawn.push(timeline::latency(results, measured)?),
        true => charts.absent("latency", "no call was answered"),
        false => {}
    }
    // Of an older run it is not known of how many calls the answered ones are a share.
    if results.policies.iter().any(|policy| policy.judged() > 0) {
        match distribution::distribution(results) {
            Some(chart) => charts.drawn.push(chart?),
            None => charts.absent("distribution", "no judged call was answered"),
        }
    }
    if results.scenario.services.len() > 1 {
        charts.drawn.push(chain::amplification(results)?);
    }
    if let Some(chart) = hosts::hosts(results) {
        charts.drawn.push(chart?);
    }
    if results.scenario.told_groups() > 0 && has(&[OFFERED, GOODPUT]) {
        charts.drawn.push(timeline::groups(results)?);
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
) -> Result<Charts, ChartError> {
    let mut charts = Charts::default();
    match lines::lines(of_curves, curves, signed, verdict) {
        Some(chart) => charts.drawn.push(chart?),
        None => charts.absent(of_curves, &lines::notes(&curves.curves).join("; ")),
    }
    if let Some(example) = example {
        let chart = sequence::sequence(of_example, example, signed)?;
        charts.drawn.push(chart);
    }
    Ok(charts)
}

/// Every chart of a quorum run: staleness over time, the map of R and W, the price.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn quorum(results: &QuorumResults<'_>) -> Result<Charts, ChartError> {
    let mut charts = Charts::default();
    match staleness::staleness(results) {
        Some(chart) => charts.drawn.push(chart?),
        None => charts.absent("staleness", "no setting gives a stale read above 1e-12"),
    }
    if results.cells.len() > 1 {
        charts.drawn.push(quorum::fresh(results)?);
        charts.drawn.push(price::price(results)?);
    }
    Ok(charts)
}

/// Every chart of a sweep: a map over two or three axes, curves along one.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn sweep(results: &SweepResults<'_>) -> Result<Charts, ChartError> {
    let cells = format!("{} cells", thousands(results.grid.cells()));
    let footer = signature(results.base.seed(), &cells, results.base.name());
    let mut charts = Charts::default();
    let known = results.main.iter().flatten().any(|v| !v[0].is_nan());
    match results.grid.axes.len() {
        _ if !known => charts.absent("map", "no cell has a value"),
        1 => charts.drawn.push(sweep::curves(results, &footer)?),
        _ => match map::map(results, &footer) {
            Some(chart) => charts.drawn.push(chart?),
            None => charts.absent(
                "map",
                "a map has two axes, or three of which the first has up to six values",
            ),
        },
    }
    Ok(charts)
}

/// Every chart of a search for the edge.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn edge(found: &Edge) -> Result<Charts, ChartError> {
    let mut charts = Charts::default();
    let asked = |sought: Sought| found.sought.contains(&sought);
    match edge::solutions(found) {
        Some(chart) => charts.drawn.push(chart?),
        None if asked(Sought::Theory) => {
            charts.absent("solutions", "theory does not reach this scenario");
        }
        None => {}
    }
    let collapses = found.policies.iter().any(PolicyEdge::collapses);
    match edge::way_out(found) {
        Some(chart) => charts.drawn.push(chart?),
        None if !collapses && (asked(Sought::Pause) || asked(Sought::Reject)) => {
            charts.absent("way-out", "no collapse had to be ended");
        }
        None => {}
    }
    if let Some(chart) = edge::shortest_crash(found) {
        charts.drawn.push(chart?);
    }
    Ok(charts)
}
