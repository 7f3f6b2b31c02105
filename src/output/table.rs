//! The summary as a table: on the terminal and in Markdown.

use crate::ensemble::herd::{PolicyResults, Results};
use crate::ensemble::stats::Estimate;
use crate::herd::SERIES;
use crate::output::verdict::{Fate, Question, how_soon};
use crate::output::words::{percent, plus_minus, seconds, thousands, three_digits};

/// A table, wherever it will stand.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    pub caption: String,
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    pub fn new(caption: &str, headers: &[impl AsRef<str>], rows: &[impl AsRef<[String]>]) -> Grid {
        Grid {
            caption: caption.to_string(),
            headers: headers.iter().map(|h| h.as_ref().to_string()).collect(),
            rows: rows.iter().map(|r| r.as_ref().to_vec()).collect(),
        }
    }
}

type Row = [String; 6];

/// The third column is what the scenario asks about: recovery from its faults,
/// the end of callers that call once, or else what is wasted.
/// The fifth is double effects where there are any to count, or else peak load.
fn headers(results: &Results) -> [String; 6] {
    let third = match Question::of(&results.scenario) {
        Question::Recovery => "recovery",
        Question::Completion => "all done after",
        Question::Waste => "wasted work",
    };
    let fifth = match &results.scenario.entry().effect {
        Some(effect) => format!("double {}s", effect.effect),
        None => "peak load".to_string(),
    };
    [
        "policy".to_string(),
        "success".to_string(),
        "attempts/call".to_string(),
        third.to_string(),
        fifth,
        "p99".to_string(),
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
        match policy.metric("double_effects").mean {
            x if x.is_nan() => value("peak_offered_ratio", 1.0, 2, "×"),
            x => thousands(x),
        },
        seconds(policy.metric("latency_p99_s").mean),
    ]
}

/// Headers and rows of the table.
pub fn cells(results: &Results) -> ([String; 6], Vec<Row>) {
    let question = Question::of(&results.scenario);
    let rows = results.policies.iter().map(|p| row(p, question)).collect();
    (headers(results), rows)
}

/// The same of every service of a chain.
pub fn tier_cells(results: &Results) -> Option<([&'static str; 6], Vec<Row>)> {
    let whole = |(policy, mut row): (&str, Row)| {
        row[0] = format!("{policy}, {}", row[0]);
        row
    };
    Some((TIERS, tiers(results)?.into_iter().map(whole).collect()))
}

/// Columns of a terminal.
const TERMINAL: usize = 80;

/// Prose for a terminal, ending its line.
pub fn wrapped(text: &str) -> String {
    textwrap::fill(text, terminal()) + "\n"
}

/// Lines that break between words alone, and not within a name at its hyphens.
fn terminal() -> textwrap::Options<'static> {
    textwrap::Options::new(TERMINAL).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// Tables, bars and notes for a terminal.
pub fn text(results: &Results) -> String {
    let (headers, rows) = cells(results);
    let mut text = aligned(&headers, &rows);
    if let Some(tiers) = tiers(results) {
        text += "\n";
        // Each policy once, its services below it.
        let rows = tiers.iter().map(|(policy, row)| (*policy, row.clone()));
        text += &grouped(&TIERS, rows);
    }
    text + &sparklines(results) + &notes(results)
}

/// Goodput over time, a line a policy, on one scale.
fn sparklines(results: &Results) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const WIDTH: usize = 50;
    const NAME: usize = 24;
    let Some(column) = SERIES.iter().position(|c| *c == "goodput_per_s") else {
        return String::new();
    };
    let levels = |p: &PolicyResults| -> Vec<f64> {
        let together = p.series.len().div_ceil(WIDTH).max(1);
        let mean = |bins: &[[Estimate; SERIES.len()]]| {
            bins.iter().map(|b| b[column].mean).sum::<f64>() / bins.len() as f64
        };
        p.series.chunks(together).map(mean).collect()
    };
    let all: Vec<Vec<f64>> = results.policies.iter().map(levels).collect();
    let most = all.iter().flatten().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let names = results.policies.iter().map(|p| p.name.chars().count());
    let wide = names.max().unwrap_or(0).clamp("goodput".len(), NAME);
    let bins = results.policies.iter().map(|p| p.series.len()).max();
    let seconds = bins.unwrap_or(0) as f64 * results.scenario.run.bin.as_secs();
    let seconds = seconds.min(results.scenario.run.horizon.as_secs());
    let mut out = format!(
        "\n{:wide$}  over {}, up to {}/s\n",
        "goodput",
        crate::output::words::seconds(seconds),
        thousands(most)
    );
    for (policy, levels) in results.policies.iter().zip(all) {
        let mut name: String = policy.name.chars().take(NAME).collect();
        if name.len() < policy.name.len() {
            name.pop();
            name.push('…');
        }
        let bar = |x: &f64| BARS[((x / most * 8.0) as usize).min(7)];
        let line: String = levels.iter().map(bar).collect();
        out += &format!("{name:wide$}  {line}\n");
    }
    out
}

/// What the columns do not say and no one should miss, a line each.
fn notes(results: &Results) -> String {
    let mut out = String::new();
    let mut note = |what: &str, of: &dyn Fn(&PolicyResults) -> Option<String>| {
        let policies = results.policies.iter();
        let told: Vec<String> = policies
            .filter_map(|p| Some(format!("{} {}", p.name, of(p)?)))
            .collect();
        if told.is_empty() {
            return;
        }
        let line = format!("{what}: {}", told.join(", "));
        let options = terminal().subsequent_indent("  ");
        out += &format!("{}\n", textwrap::fill(&line, options));
    };
    let mean = |p: &PolicyResults, name| p.metric(name).mean;
    let share = |part: f64, all: f64| (part > 0.01 * all).then(|| percent(part / all));
    note(
        "calls still waiting at the end, counted neither way",
        &|p| {
            let waiting = mean(p, "outstanding_calls");
            share(waiting, mean(p, "calls"))
        },
    );
    note(
        "attempts that the client itself held back, per call",
        &|p| {
            let per_call = mean(p, "denied_attempts") / mean(p, "calls");
            (per_call > 0.01).then(|| three_digits(per_call))
        },
    );
    note("everybody was done in", &|p| {
        let done = p.metric("completion_s").n;
        (Question::of(&results.scenario) == Question::Completion && done < results.replications)
            .then(|| format!("{done} of {} runs", results.replications))
    });
    note("recovery could be judged in", &|p| {
        let judged = p.metric("recovered_ratio").n;
        (judged > 0 && judged < results.replications)
            .then(|| format!("{judged} of {} runs", results.replications))
    });
    match out.is_empty() {
        true => out,
        false => format!("\n{out}"),
    }
}

/// What each service of a chain makes of a call. The last column is the product
/// of attempts per call so far: attempts here for every call of the callers.
const TIERS: [&str; 6] = [
    "policy, service",
    "success",
    "attempts/call",
    "busy",
    "wasted work",
    "in all",
];

/// Rows of services, each with its policy.
fn tiers(results: &Results) -> Option<Vec<(&str, Row)>> {
    if results.scenario.services.len() == 1 {
        return None;
    }
    let mut rows = Vec::new();
    for policy in &results.policies {
        let amplification = policy.amplification();
        for (i, hop) in std::iter::once(policy).chain(&policy.deeper).enumerate() {
            let value = |name, scale: f64, least: usize, unit: &str| {
                let e = hop.metric(name);
                match e.mean.is_nan() {
                    true => "–".to_string(),
                    false => plus_minus(e.mean * scale, e.half_width() * scale, least) + unit,
                }
            };
            let row = [
                results.scenario.tier_name(i),
                value("success_ratio", 100.0, 1, "%"),
                value("attempts_per_call", 1.0, 2, ""),
                value("utilisation", 100.0, 1, "%"),
                value("wasted_service_ratio", 100.0, 1, "%"),
                format!("{}×", three_digits(amplification[i])),
            ];
            rows.push((policy.name.as_str(), row));
        }
    }
    Some(rows)
}

/// The same as a Markdown table.
pub fn markdown(results: &Results) -> String {
    let (headers, rows) = cells(results);
    let mut text = piped(&headers, &rows);
    if let Some((headers, tiers)) = tier_cells(results) {
        text += "\n";
        text += &piped(&headers, &tiers);
    }
    text + &notes(results)
}

/// Columns with the first to the left, the others to the right. A name that would make
/// them wider than a terminal stands on a line of its own.
pub fn aligned(headers: &[impl AsRef<str>], rows: &[impl AsRef<[String]>]) -> String {
    let headers: Vec<String> = headers.iter().map(|h| h.as_ref().to_string()).collect();
    let lines = || {
        [&headers[..]]
            .into_iter()
            .chain(rows.iter().map(AsRef::as_ref))
    };
    let width = |column: usize| {
        let cells = lines().filter_map(move |line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let others: usize = widths[1..].iter().map(|w| w + 2).sum();
    let room = TERMINAL.saturating_sub(others);
    if widths[0] > room {
        let short = lines().map(|line| line[0].chars().count());
        widths[0] = short.filter(|n| *n <= room).max().unwrap_or(0);
    }
    let mut out = String::new();
    for line in lines() {
        let mut text = String::new();
        for (i, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let gap = width.checked_sub(cell.chars().count());
            let gap = gap.map(|n| " ".repeat(n));
            match (i, gap) {
                (0, None) => {
                    out += &format!("{cell}\n");
                    text += &" ".repeat(*width);
                }
                (0, Some(gap)) => text += &format!("{cell}{gap}"),
                (_, gap) => text += &format!("  {}{cell}", gap.unwrap_or_default()),
            }
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}

/// Aligned columns of rows that belong to something: it stands once, over its rows.
pub fn grouped<'r, const N: usize>(
    headers: &[impl AsRef<str>; N],
    rows: impl IntoIterator<Item = (&'r str, [String; N])>,
) -> String {
    let mut lines: Vec<[String; N]> = Vec::new();
    let mut last = None;
    for (owner, mut row) in rows {
        if last != Some(owner) {
            last = Some(owner);
            let mut line = [const { String::new() }; N];
            line[0] = owner.to_string();
            lines.push(line);
        }
        row[0] = format!("  {}", row[0]);
        lines.push(row);
    }
    aligned(headers, &lines)
}

/// A Markdown table.
pub fn piped(headers: &[impl AsRef<str>], rows: &[impl AsRef<[String]>]) -> String {
    let headers: Vec<&str> = headers.iter().map(AsRef::as_ref).collect();
    let mut out = format!(
        "| {} |\n|---|{}\n",
        headers.join(" | "),
        "---:|".repeat(headers.len() - 1)
    );
    for row in rows {
        out += &format!("| {} |\n", row.as_ref().join(" | "));
    }
    out
}
