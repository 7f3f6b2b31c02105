//! `postmortem.md`: a section ready to paste.

use crate::markdown::{code, plain};
use crate::report::story::{Part, Story, stopped};
use herdsim_words::text_table::piped;

/// What was asked of the run and what became of it, a line each.
pub fn conditions(story: &Story) -> String {
    let mut out = String::new();
    for (condition, ruling) in &story.conditions {
        out += &format!("- {}: {}\n", code(condition), plain(ruling));
    }
    match out.is_empty() {
        true => out,
        false => format!("**Conditions**\n\n{out}\n"),
    }
}

/// The section, with links to the charts beside it.
pub fn markdown(story: &Story, parts: &[Part]) -> String {
    let mut out = format!("## {}\n\n", plain(&story.title));
    if !story.setting.is_empty() {
        out += &format!("{}\n\n", plain(&story.setting));
    }
    for warning in &story.warnings {
        out += &format!("**Warning:** {}\n\n", plain(&stopped(warning)));
    }
    if let Some(lead) = &story.lead {
        out += &format!("{}\n\n", plain(lead));
    }
    for sentence in &story.summary {
        out += &format!("- {}\n", plain(&stopped(sentence)));
    }
    if !story.summary.is_empty() {
        out.push('\n');
    }
    for table in &story.tables {
        if !table.caption.is_empty() {
            out += &format!("**{}**\n\n", plain(&table.caption));
        }
        let rows: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| plain(cell)).collect())
            .collect();
        let headers: Vec<String> = table.headers.iter().map(|h| plain(h)).collect();
        out += &format!("{}\n", piped(&headers, &rows));
    }
    out += &conditions(story);
    for part in parts {
        if !part.heading.is_empty() {
            out += &format!("### {}\n\n", plain(&part.heading));
        }
        for chart in &part.charts {
            // An alternative text ends at a bracket.
            let alt = chart.description.replace(['[', ']', '\n'], " ");
            out += &format!("![{alt}]({}.png)\n\n", chart.name);
        }
    }
    out += &format!(
        "**Method.** {}\n\nTo reproduce: {}\n",
        plain(&story.method_and_absent()),
        code(&story.command)
    );
    out
}
