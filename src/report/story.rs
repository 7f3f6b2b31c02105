//! What a document says, whatever its form.

use crate::chart::Chart;
use herdsim_core::scenario::policy::Policy;
use herdsim_words::format::capital;
use herdsim_words::text_table::TextTable;

/// What a document says, whatever its form.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What was found, a line.
    pub title: String,
    /// The setting, a line.
    pub setting: String,
    /// What a reader should know before all else: sentences.
    pub warnings: Vec<String>,
    /// For those who read no more: a paragraph.
    pub lead: Option<String>,
    /// The three numbers that matter most of each policy.
    pub board: Vec<Entry>,
    /// What happened, what each policy did, what helps most: sentences.
    pub summary: Vec<String>,
    pub tables: Vec<TextTable>,
    /// What was compared, each in full: name and TOML.
    pub parameters: Vec<(String, String)>,
    /// How it was found out.
    pub method: String,
    /// Charts that would have nothing on them, and why.
    pub absent: Vec<String>,
    /// How to do it again.
    pub command: String,
    /// The scenario as a page can run it, in TOML; nothing where none can.
    pub playable: Option<String>,
    /// Conditions and what became of them.
    pub conditions: Vec<(String, String)>,
}

impl Story {
    /// How it was found out, and which charts would have nothing on them.
    pub(super) fn method_and_absent(&self) -> String {
        let absent = self.absent.iter().map(|why| stopped(&capital(why)));
        let all: Vec<String> = std::iter::once(self.method.clone()).chain(absent).collect();
        all.join(" ")
    }
}

/// Policies in full, each as TOML.
pub(super) fn in_full(policies: &[(String, Policy)]) -> Vec<(String, String)> {
    let toml = |policy| toml::to_string(policy).unwrap_or_else(|e| unreachable!("plain data: {e}"));
    let all = policies.iter();
    all.map(|(name, policy)| (name.clone(), toml(policy)))
        .collect()
}

/// A policy and the numbers that matter, each with what it is.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub name: String,
    pub numbers: Vec<(String, &'static str)>,
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
