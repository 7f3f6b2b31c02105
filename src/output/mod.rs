//! What a run leaves: one file a format over the results table, and what kinds have beside it.

pub mod catalogue;
pub mod csv;
pub mod edge;
pub mod herd;
pub mod json;
pub mod junit;
pub mod load;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod quorum;
pub mod run_dir;
pub mod sweep;
pub mod trials;

use serde::Serialize;

/// A resolved scenario, of any kind, as a file that runs again to the same bytes.
pub fn scenario_file(scenario: &impl Serialize) -> String {
    let text = toml::to_string(scenario);
    format!(
        "{} {}. Run it again: herdsim run scenario.toml\n{}",
        run_dir::MARK,
        env!("CARGO_PKG_VERSION"),
        text.unwrap_or_else(|e| unreachable!("a scenario is plain data: {e}"))
    )
}
