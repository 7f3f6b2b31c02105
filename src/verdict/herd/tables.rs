//! The results of a herd as a table for people.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::series::GOODPUT;
use herdsim_core::herd::{
    ATTEMPTS_PER_CALL, CALLS, COMPLETION_S, DENIED_ATTEMPTS, DOUBLE_EFFECTS, LATENCY_P99_S,
    METRICS, OUTSTANDING_CALLS, PEAK_OFFERED_RATIO, RECOVERED_RATIO, RECOVERY_S, SERIES,
    SUCCESS_RATIO, UTILISATION, WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::{Entry, Key};
use herdsim_core::stats::Estimate;

use crate::format::{percent, seconds, thousands, three_digits, with_interval};
use crate::text_table::{aligned, grouped, piped, terminal};
use crate::verdict::herd::{Fate, Question, how_soon};

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

/// A metric of a policy with its interval, as its unit is written.
fn value(policy: &PolicyResults, metric: Key) -> String {
    let unit = Entry::of(METRICS, metric).metric.unit;
    with_interval(unit, policy.metric(metric))
}

fn row(policy: &PolicyResults, question: Question) -> Row {
    let value = |metric| value(policy, metric);
    let third = match (question, Fate::of(policy)) {
        (Question::Completion, _) => value(COMPLETION_S),
        (Question::Waste, _) => value(WASTED_SERVICE_RATIO),
        (_, Fate::Steady) => "–".to_string(),
        (_, Fate::Never) => "never".to_string(),
        (_, Fate::Sometimes(share)) => format!("{} of runs", percent(share)),
        (_, Fate::Recovers(s)) if how_soon(s) == "at once" => "at once".to_string(),
        (_, Fate::Recovers(_)) => value(RECOVERY_S),
    };
    [
        policy.name.clone(),
        value(SUCCESS_RATIO),
        value(ATTEMPTS_PER_CALL),
        third,
        match policy.metric(DOUBLE_EFFECTS).mean {
            x if x.is_nan() => value(PEAK_OFFERED_RATIO),
            x => thousands(x),
        },
        seconds(policy.metric(LATENCY_P99_S).mean),
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
    let levels = |p: &PolicyResults| -> Vec<f64> {
        let together = p.series.len().div_ceil(WIDTH).max(1);
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
    let mean = |p: &PolicyResults, metric| p.metric(metric).mean;
    let share = |part: f64, all: f64| (part > 0.01 * all).then(|| percent(part / all));
    note(
        "calls still waiting at the end, counted neither way",
        &|p| {
            let waiting = mean(p, OUTSTANDING_CALLS);
            share(waiting, mean(p, CALLS))
        },
    );
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
        for (i, tier) in policy.tiers().enumerate() {
            let row = [
                results.scenario.tier_name(i),
                value(tier, SUCCESS_RATIO),
                value(tier, ATTEMPTS_PER_CALL),
                value(tier, UTILISATION),
                value(tier, WASTED_SERVICE_RATIO),
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
