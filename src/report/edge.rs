//! What was found of the edge, as a document.

use herdsim_core::scenario::Scenario;

use crate::report::story::{Story, in_full};
use herdsim_core::edge::Edge;
use herdsim_words::verdict::edge::{command, differences, sentences, settings_table, table};

/// The document of a search.
pub fn story(edge: &Edge, setting: &str) -> Story {
    let mut all = sentences(edge);
    let title = match all.is_empty() {
        true => "Nothing was looked for".to_string(),
        false => all.remove(0),
    };
    all.extend(differences(edge));
    Story {
        title: title.trim_end_matches('.').to_string(),
        setting: setting.to_string(),
        summary: all,
        tables: std::iter::once(table(edge))
            .chain(settings_table(edge))
            .collect(),
        parameters: in_full(&edge.scenario.policies),
        method: method(&edge.scenario),
        command: command(edge),
        ..Story::default()
    }
}

fn method(scenario: &Scenario) -> String {
    format!(
        "herdsim {} tried sizes from small to large until more than half of the runs fared \
         otherwise, in runs of ten at a time until that was known at three standard errors \
         (Wilson), and then halved what was in between (seed {}). What lies beyond the first such \
         size was not looked at; of settings values over all of \
         their range were. A run recovers if it is healthy for 5 s on end; it is given as long for \
         that as the scenario has after its faults.",
        env!("CARGO_PKG_VERSION"),
        scenario.run.seed
    )
}
