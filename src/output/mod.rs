//! What a run leaves: files, tables, words.

pub mod assertion;
pub mod csv;
pub mod json;
pub mod run_dir;
pub mod table;
pub mod verdict;
pub mod words;

use crate::scenario::Scenario;

/// The resolved scenario as a file that runs again to the same bytes.
pub fn scenario_file(scenario: &Scenario) -> String {
    format!(
        "{} {}. Run it again: herdsim run scenario.toml\n{}",
        run_dir::MARK,
        env!("CARGO_PKG_VERSION"),
        scenario.to_toml()
    )
}
