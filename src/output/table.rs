//! The summary as a table: on the terminal and in Markdown.

use crate::ensemble::herd::{PolicyResults, Results};
use crate::output::verdict::{Fate, Question, how_soon};
use crate::output::words::{percent, plus_minus, seconds};

type Row = [String; 6];

/// The third column is what the scenario asks about: recovery from its faults,
/// the end of callers that call once, or else what is wasted.
fn headers(results: &Results) -> [&'static str; 6] {
    let third = match Question::of(&results.scenario) {
        Question::Recovery => "recovery",
        Question::Completion => "all done after",
        Question::Waste => "wasted work",
    };
    [
        "policy",
        "success",
        "attempts/call",
        third,
        "peak load",
        "p99 latency",
    ]
}

fn row(policy: &PolicyResults, question: Question) -> Row {
    let value = |name, scale: f64, least: usize, unit: &str| {
        let e = policy.metric(name);
        match e.mean.is_nan() {
            true => "–".to_string(),
            false => plus_minus(e.mean * scale, e.half_width() * scale, least) + unit,
        }
    };
    let third = match (question, Fate::of(policy)) {
        (Question::Completion, _) => value("completion_s", 1.0, 2, " s"),
        (Question::Waste, _) => value("wasted_service_ratio", 100.0, 1, "%"),
        (_, Fate::Steady) => "–".to_string(),
        (_, Fate::Never) => "never".to_string(),
        (_, Fate::Sometimes(share)) => format!("{} of runs", percent(share)),
        (_, Fate::Recovers(s)) if how_soon(s) == "at once" => "at once".to_string(),
        (_, Fate::Recovers(_)) => value("recovery_s", 1.0, 2, " s"),
    };
    [
        policy.name.clone(),
        value("success_ratio", 100.0, 1, "%"),
        value("attempts_per_call", 1.0, 2, ""),
        third,
        value("peak_offered_ratio", 1.0, 2, "×"),
        seconds(policy.metric("latency_p99_s").mean),
    ]
}

/// Aligned columns for a terminal; 80 columns hold it unless a name is long.
pub fn text(results: &Results) -> String {
    let question = Question::of(&results.scenario);
    let headers = headers(results);
    let rows: Vec<Row> = results.policies.iter().map(|p| row(p, question)).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|r| r[column].chars().count())
            .chain([headers[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |cells: &[&str]| {
        let mut out = String::new();
        for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            match i {
                0 => out += &format!("{cell}{gap}"),
                _ => out += &format!("  {gap}{cell}"),
            }
        }
        out.trim_end().to_string() + "\n"
    };
    let mut out = line(&headers);
    for row in &rows {
        out += &line(&row.each_ref().map(String::as_str));
    }
    out
}

/// The same as a Markdown table.
pub fn markdown(results: &Results) -> String {
    let question = Question::of(&results.scenario);
    let mut out = format!(
        "| {} |\n|---|---:|---:|---:|---:|---:|\n",
        headers(results).join(" | ")
    );
    for policy in &results.policies {
        out += &format!("| {} |\n", row(policy, question).join(" | "));
    }
    out
}
