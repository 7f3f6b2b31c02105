//! What a document says, whatever its form.

use crate::chart::Chart;
use crate::text_table::TextTable;

/// What a document says, whatever its form.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The finding, a line.
    pub title: String,
    /// The setting, a line.
    pub setting: String,
    /// What happened, what each policy did, what helps most: sentences.
    pub summary: Vec<String>,
    pub tables: Vec<TextTable>,
    /// What was compared, each in full: name and TOML.
    pub parameters: Vec<(String, String)>,
    /// How it was found out.
    pub method: String,
    /// How to do it again.
    pub command: String,
    /// Conditions and what became of them.
    pub conditions: Vec<(String, String)>,
}

/// Charts that belong together: of one run.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Which run, where there are several.
    pub heading: String,
    pub charts: Vec<Chart>,
}

impl Part {
    /// The charts of the only run.
    pub fn of(charts: Vec<Chart>) -> Part {
        Part {
            heading: String::new(),
            charts,
        }
    }
}

/// A sentence of the summary, with its full stop.
pub(super) fn stopped(sentence: &str) -> String {
    match sentence.ends_with(['.', '!', '?', ':']) {
        true => sentence.to_string(),
        false => format!("{sentence}."),
    }
}

/// The alternative text of a chart: what it shows.
pub(super) fn alt(chart: &Chart) -> &str {
    let text = chart.svg.split_once("<desc>");
    text.and_then(|(_, rest)| rest.split_once("</desc>"))
        .map_or("", |(text, _)| text)
}

/// Its title.
pub(super) fn heading(chart: &Chart) -> &str {
    let text = chart.svg.split_once("<title>");
    text.and_then(|(_, rest)| rest.split_once("</title>"))
        .map_or("", |(text, _)| text)
}
