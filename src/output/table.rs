//! The summary as a table: on the terminal and in Markdown.

use crate::ensemble::herd::{PolicyResults, Results};
use crate::ensemble::stats::Estimate;
use crate::output::verdict::Fate;
use crate::output::words::{percent, seconds};

const HEADERS: [&str; 6] = [
    "policy",
    "success",
    "attempts/call",
    "recovery",
    "peak load",
    "p99 latency",
];

fn row(policy: &PolicyResults) -> [String; 6] {
    let times = |name, digits: usize, unit: &str| {
        let e = policy.metric(name);
        match e.mean.is_nan() {
            true => "–".to_string(),
            false => format!("{:.digits$}{unit}{}", e.mean, spread(&e, 1.0, digits)),
        }
    };
    let success = policy.metric("success_ratio");
    let recovery = match Fate::of(policy) {
        Fate::Steady => "–".to_string(),
        Fate::Never => "never".to_string(),
        Fate::Sometimes(share) => format!("{} of runs", percent(share)),
        Fate::Recovers(_) => {
            let e = policy.metric("recovery_s");
            format!("{:.2} s{}", e.mean, spread(&e, 1.0, 2))
        }
    };
    [
        policy.name.clone(),
        percent(success.mean) + &spread(&success, 100.0, 1),
        times("attempts_per_call", 2, ""),
        recovery,
        times("peak_offered_ratio", 2, "×"),
        seconds(policy.metric("latency_p99_s").mean),
    ]
}

/// ` ±0.1`, or nothing where there is no interval.
fn spread(e: &Estimate, scale: f64, digits: usize) -> String {
    let half = e.half_width() * scale;
    match half.is_nan() {
        true => String::new(),
        false => format!(" ±{half:.digits$}"),
    }
}

/// Aligned columns for a terminal; 80 columns hold it unless a name is long.
pub fn text(results: &Results) -> String {
    let rows: Vec<[String; 6]> = results.policies.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|r| r[column].chars().count())
            .chain([HEADERS[column].len()])
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
    let mut out = line(&HEADERS);
    for row in &rows {
        out += &line(&row.each_ref().map(String::as_str));
    }
    out
}

/// The same as a Markdown table.
pub fn markdown(results: &Results) -> String {
    let mut out = format!(
        "| {} |\n|---|---:|---:|---:|---:|---:|\n",
        HEADERS.join(" | ")
    );
    for policy in &results.policies {
        out += &format!("| {} |\n", row(policy).join(" | "));
    }
    out
}
