//! What was found of the edge, as a document.

use herdsim_core::scenario::Scenario;

use crate::edge::Edge;
use crate::report::story::Story;
use crate::verdict::edge::{differences, obstacle, sentences, table};

/// The document of a search.
pub fn story(edge: &Edge, setting: &str) -> Story {
    let mut all = sentences(edge);
    let title = match all.is_empty() {
        true => "Nothing was looked for".to_string(),
        false => all.remove(0),
    };
    let policies = edge.scenario.policies.iter().map(|(name, policy)| {
        let text = toml::to_string(policy);
        (
            name.clone(),
            text.unwrap_or_else(|e| unreachable!("plain data: {e}")),
        )
    });
    all.extend(differences(edge));
    Story {
        title: title.trim_end_matches('.').to_string(),
        setting: setting.to_string(),
        warnings: obstacle(edge)
            .into_iter()
            .skip(usize::from(edge.obstacle.is_some()))
            .collect(),
        summary: all,
        tables: vec![table(edge)],
        parameters: policies.collect(),
        method: method(&edge.scenario),
        command: "herdsim edge scenario.toml".to_string(),
        ..Story::default()
    }
}

fn method(scenario: &Scenario) -> String {
    format!(
        "herdsim {} tried sizes from small to large until more than half of the runs fared \
         otherwise, in runs of ten at a time until that was known at three standard errors \
         (Wilson), and then halved what was in between (seed {}). What lies beyond the first such \
         size was not looked at. A run recovers if it is healthy for 5 s on end; it is given as \
         long for that as the scenario has after its faults.",
        env!("CARGO_PKG_VERSION"),
        scenario.run.seed
    )
}
