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
mod sheet;
mod sweep;
pub mod theme;
mod time;
mod timeline;
mod waves;

use crate::format::thousands;
use crate::verdict::curves::Curves;
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
pub use render::{Chart, ChartError};
pub use sheet::Signed;
use sheet::signature;

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
    // Of an older run it is not known of how many calls the answered ones are a share.
    if results.policies.iter().any(|policy| policy.judged() > 0) {
        charts.push(distribution::distribution(results)?);
    }
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
