//! Charts: results in, SVG and PNG out.

pub mod render;
mod scoreboard;
pub mod theme;
mod timeline;

use crate::ensemble::herd::Results;
pub use render::{Chart, ChartError};

/// Every chart of a herd run.
pub fn herd(results: &Results) -> Result<Vec<Chart>, ChartError> {
    Ok(vec![
        timeline::timeline(results)?,
        scoreboard::scoreboard(results)?,
    ])
}

/// What a chart says at its foot: enough to make it again.
fn footer(results: &Results) -> String {
    let replications = match results.replications {
        1 => "1 replication".to_string(),
        n => format!("{n} replications"),
    };
    format!(
        "herdsim {} · seed {} · {replications} · {}/scenario.toml",
        env!("CARGO_PKG_VERSION"),
        results.scenario.run.seed,
        results.scenario.name
    )
}
