//! What a run leaves: files, tables, words.

pub mod assertion;
pub mod baseline;
pub mod catalogue;
pub mod csv;
pub mod curves;
pub mod fence;
pub mod figures;
pub mod finding;
pub mod grid;
pub mod json;
pub mod junit;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod quorum;
pub mod restore;
pub mod run_dir;
pub mod saga;
pub mod table;
pub mod trace;
pub mod verdict;
pub mod words;

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
