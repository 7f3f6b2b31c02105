//! What a quorum run says in sentences: what a read is worth under each setting.

use crate::report::story::Story;
use herdsim_core::ensemble::quorum::QuorumResults;
use herdsim_words::format::capital;
use herdsim_words::text_table::TextTable;
use herdsim_words::verdict::quorum::{
    columns, compared, headers, headline, kept, meanings, method, more_rows, rows, sentence,
};

/// The run as a document.
pub fn story(results: &QuorumResults<'_>) -> Story {
    let (more_headers, more) = more_rows(results);
    let mut summary: Vec<String> = results
        .cells
        .iter()
        .take(6)
        .map(|cell| sentence(results, cell))
        .collect();
    let lines = meanings(results);
    summary.extend(lines.lines().map(capital));
    let columns = columns(results);
    let mut tables = vec![
        TextTable::new("", &headers(results), &rows(results)),
        TextTable::new(
            "Availability, load, versions missed and non-monotonic reads",
            &more_headers,
            &more,
        ),
    ];
    if let Some((headers, rows)) = compared(results) {
        tables.push(TextTable::new("Exact and simulated", &headers, &rows));
    }
    // What was asked for is the title, before what is true of the first setting.
    let title = kept(results).unwrap_or_else(|| headline(results));
    Story {
        title,
        setting: match results.scenario.latency.fit {
            Some(fit) => format!("latencies {fit}"),
            None => String::new(),
        },
        summary,
        tables,
        parameters: vec![(
            "scenario.toml".to_string(),
            crate::output::scenario_file(results.scenario),
        )],
        method: format!(
            "herdsim {}, seed {}: {}. In the tables {}.",
            env!("CARGO_PKG_VERSION"),
            results.scenario.run.seed,
            method(results).trim_end(),
            columns.trim_end().replace(": ", " is ").replace('\n', "; ")
        ),
        command: "herdsim run scenario.toml".to_string(),
        ..Story::default()
    }
}
