//! The results of a herd as a table for people.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::series::GOODPUT;
use herdsim_core::herd::{
    ANSWERED_RATIO, CALLS, COMPLETION_S, DENIED_ATTEMPTS, DOUBLE_EFFECTS, GOODPUT_PER_S,
    LONGEST_QUEUE, LOST_CALLS, PEAK_AFTER_PER_S, RECOVERED_RATIO, SERIES, UTILISATION,
    WAITING_RATIO, WASTED_SERVICE_RATIO,
};
use herdsim_core::scenario::catalogue::NO_ACTION;
use herdsim_core::stats::Estimate;

use crate::format::{percent, thousands, three_digits};
use crate::text_table::{TextTable, aligned, grouped, piped, terminal};
use crate::verdict::herd::cells::{attempts, value, wait_p99, whole};
use crate::verdict::herd::impact::{self, degraded};
use crate::verdict::herd::parts::{self, Rows};
use crate::verdict::herd::ranking::Measure;
use crate::verdict::herd::{Question, in_runs};

/// What a column says of a policy.
struct Column {
    heading: String,
    cell: fn(&PolicyResults) -> String,
}

fn column(heading: &str, cell: fn(&PolicyResults) -> String) -> Column {
    Column {
        heading: heading.to_string(),
        cell,
    }
}

/// What a scenario is asked: success first, then what it costs, then what it does to
/// everybody.
fn columns(results: &Results) -> Vec<Column> {
    let scenario = &results.scenario;
    let mut columns = vec![column("policy", |p| p.name.clone())];
    if Measure::of(scenario) == Measure::Rate {
        columns.push(column("answered/s", |p| value(p, GOODPUT_PER_S)));
    }
    columns.push(column("answered", |p| value(p, ANSWERED_RATIO)));
    columns.push(column("attempts", attempts));
    match Question::of(scenario) {
        Question::Recovery => {
            columns.push(column("degraded", degraded));
            columns.push(column("lost calls", |p| whole(p, LOST_CALLS)));
        }
        Question::Completion => {
            columns.push(column("all done after", |p| value(p, COMPLETION_S)));
        }
        Question::Waste => {
            columns.push(column("wasted work", |p| value(p, WASTED_SERVICE_RATIO)));
        }
    }
    match &scenario.entry().effect {
        Some(effect) => columns.push(Column {
            heading: format!("double {}s", effect.effect),
            cell: |p| whole(p, DOUBLE_EFFECTS),
        }),
        None => {
            let heading = match scenario.harm() {
                Some(_) => "peak after",
                None => "peak",
            };
            columns.push(column(heading, |p| match p.metric(PEAK_AFTER_PER_S).mean {
                x if x.is_nan() => "–".to_string(),
                x => format!("{}/s", thousands(x)),
            }));
        }
    }
    columns.push(column("p99 wait", wait_p99));
    columns
}

/// Headers and rows of the table.
pub fn cells(results: &Results) -> (Vec<String>, Vec<Vec<String>>) {
    let columns = columns(results);
    let row = |p: &PolicyResults| {
        let rest = columns.iter().skip(1).map(|c| (c.cell)(p));
        let label = results.scenario.label(&p.name);
        std::iter::once(label).chain(rest).collect()
    };
    let rows = results.policies.iter().map(row).collect();
    (columns.into_iter().map(|c| c.heading).collect(), rows)
}

/// The same of every service of a chain.
pub fn tier_cells(results: &Results) -> Option<([&'static str; 8], Vec<Row>)> {
    let whole = |(policy, mut row): (&str, Row)| {
        row[0] = format!("{policy}, {}", row[0]);
        row
    };
    let mut headers = TIERS;
    headers[0] = "policy, service";
    Some((headers, tiers(results)?.into_iter().map(whole).collect()))
}

/// Tables, bars and notes for a terminal.
pub fn text(results: &Results) -> String {
    let (headers, mut rows) = cells(results);
    // Each policy once, that of which nothing is done below it.
    for row in &mut rows {
        if row[0].ends_with(NO_ACTION) {
            row[0] = "  no action".to_string();
        }
    }
    let mut text = aligned(&headers, &rows);
    if let Some(tiers) = tiers(results) {
        text += "\n";
        // Each policy once, its services below it.
        let rows = tiers.iter().map(|(policy, row)| (*policy, row.clone()));
        text += &grouped(&TIERS, rows);
    }
    text += &below(parts::groups(results));
    text += &below(parts::hosts(results));
    text + &sparklines(results) + &notes(results)
}

/// A table of parts for a terminal: each policy once, its parts below it.
fn below<const N: usize>(parts: Option<Rows<N>>) -> String {
    match parts {
        None => String::new(),
        Some(Rows { headers, rows, .. }) => {
            let rows = rows
                .iter()
                .map(|(policy, row)| (policy.as_str(), row.clone()));
            format!("\n{}", grouped(&headers, rows))
        }
    }
}

/// The tables of the parts of a run for documents: policy and part in the first column.
pub fn of_parts(results: &Results) -> Vec<TextTable> {
    fn table<const N: usize>(rows: Rows<N>) -> TextTable {
        let mut headers = rows.headers.map(String::from);
        headers[0] = format!("policy, {}", headers[0]);
        let whole = |(policy, mut row): (String, [String; N])| {
            row[0] = format!("{policy}, {}", row[0]);
            row
        };
        let cells: Vec<[String; N]> = rows.rows.into_iter().map(whole).collect();
        TextTable::new(rows.what, &headers, &cells)
    }
    let groups = parts::groups(results).map(table);
    groups
        .into_iter()
        .chain(parts::hosts(results).map(table))
        .collect()
}

/// Goodput over time, a line a policy, on one scale.
fn sparklines(results: &Results) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const WIDTH: usize = 50;
    const NAME: usize = 24;
    // One scale of time for all.
    let longest = results
        .policies
        .iter()
        .map(|p| p.series.len())
        .max()
        .unwrap_or(0);
    let levels = |p: &PolicyResults| -> Vec<f64> {
        let together = longest.div_ceil(WIDTH).max(1);
        let mean = |bins: &[[Estimate; SERIES.len()]]| {
            bins.iter().map(|b| b[GOODPUT.index()].mean).sum::<f64>() / bins.len() as f64
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
        crate::format::seconds(seconds),
        crate::format::rate(most)
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
    let mean = |p: &PolicyResults, metric| p.metric(metric).mean;
    let share = |part: f64, all: f64| (part > 0.01 * all).then(|| percent(part / all));
    if Question::of(&results.scenario) == Question::Recovery {
        out += "degraded, lost calls: against the same runs without the faults\n";
    }
    let is_never = |p: &PolicyResults| wait_p99(p) == "never";
    if results.policies.iter().any(is_never) {
        out += "p99 wait never: fewer than 99 of 100 calls are ever answered\n";
    }
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
    note("calls still waiting at the end", &|p| {
        share(mean(p, WAITING_RATIO), 1.0)
    });
    note(
        "attempts that the client itself held back, per call",
        &|p| {
            let per_call = mean(p, DENIED_ATTEMPTS) / mean(p, CALLS);
            (per_call > 0.01).then(|| three_digits(per_call))
        },
    );
    note("everybody was done in", &|p| {
        let done = p.metric(COMPLETION_S).n;
        (Question::of(&results.scenario) == Question::Completion && done < results.replications)
            .then(|| format!("{done} of {} runs", results.replications))
    });
    note("recovered", &|p| {
        (p.metric(RECOVERED_RATIO).n > 0).then(|| in_runs(p))
    });
    note("recovery is determined in", &|p| {
        let determined = p.metric(RECOVERED_RATIO).n;
        (determined > 0 && determined < results.replications)
            .then(|| format!("{determined} of {} runs", results.replications))
    });
    match out.is_empty() {
        true => out,
        false => format!("\n{out}"),
    }
}

type Row = [String; 8];

/// What each service of a chain gets and makes of a call. The last columns are attempts here
/// for every call of the callers: over the whole run, and while faults are in full force.
const TIERS: [&str; 8] = [
    "service",
    "answered",
    "busy",
    "peak",
    "own capacity",
    "queue",
    "per call",
    "in the fault",
];

/// Rows of services, each with its policy.
fn tiers(results: &Results) -> Option<Vec<(&str, Row)>> {
    if results.scenario.services.len() == 1 {
        return None;
    }
    let mut rows = Vec::new();
    for policy in &results.policies {
        let (all, during) = (policy.amplification(), policy.amplification_during());
        for (i, tier) in policy.tiers().enumerate() {
            let times = |x: f64| match x.is_finite() {
                true => format!("{}×", three_digits(x)),
                false => "–".to_string(),
            };
            let row = [
                results.scenario.tier_name(i),
                percent(tier.metric(ANSWERED_RATIO).mean),
                percent(tier.metric(UTILISATION).mean),
                per_second(impact::peak(tier)),
                per_second(results.scenario.services[i].capacity_per_s()),
                whole(tier, LONGEST_QUEUE),
                times(all[i]),
                times(during[i]),
            ];
            rows.push((policy.name.as_str(), row));
        }
    }
    Some(rows)
}

/// A rate, where there is one.
fn per_second(x: f64) -> String {
    match x.is_finite() {
        true => format!("{}/s", thousands(x)),
        false => "–".to_string(),
    }
}

/// The same as a Markdown table.
pub fn markdown(results: &Results) -> String {
    let (headers, rows) = cells(results);
    let mut text = piped(&headers, &rows);
    if let Some((headers, tiers)) = tier_cells(results) {
        text += "\n";
        text += &piped(&headers, &tiers);
    }
    for table in of_parts(results) {
        text += "\n";
        text += &piped(&table.headers, &table.rows);
    }
    text + &notes(results)
}
