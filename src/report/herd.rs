//! What a herd run says in sentences: what happened, what each policy did with it,
//! which one change helps most, and what keeps a collapse going.

use crate::ensemble::herd::{PolicyResults, Results, metric_index};
use crate::ensemble::stats::Estimate;
use crate::output::finding::best;
use crate::output::table;
use crate::output::verdict::{Fate, Question, headline, how_soon, incident, setting};
use crate::output::words::{capital, list, percent, plus_minus, seconds, thousands, three_digits};
use crate::report::{Grid, Story};

/// The document of a run.
pub fn story(results: &Results) -> Story {
    let mut summary = vec![happened(results)];
    summary.extend(results.policies.iter().map(|p| fared(results, p)));
    summary.extend(helps_most(results));
    summary.extend(cycle(results));
    let (headers, rows) = table::cells(results);
    let mut tables = vec![Grid::new("", &headers, &rows)];
    if let Some((headers, rows)) = table::tier_cells(results) {
        tables.push(Grid::new("Every service of the chain", &headers, &rows));
    }
    tables.extend(differences(results));
    let run = &results.scenario.run;
    Story {
        title: headline(results),
        setting: setting(results),
        summary,
        tables,
        parameters: results
            .scenario
            .policies
            .iter()
            .map(|(name, policy)| {
                let text = toml::to_string(policy);
                (
                    name.clone(),
                    text.unwrap_or_else(|e| unreachable!("plain data: {e}")),
                )
            })
            .collect(),
        method: format!(
            "herdsim {} simulated {} independent runs of {} for every policy, on the same random \
             numbers (seed {}); the first {} are not counted. Means over runs, with 95% intervals.",
            env!("CARGO_PKG_VERSION"),
            thousands(results.replications as f64),
            seconds(run.horizon.as_secs()),
            run.seed,
            seconds(run.warmup.as_secs()),
        ),
        command: "herdsim run scenario.toml".to_string(),
        conditions: Vec::new(),
    }
}

/// What happened, to how many calls.
fn happened(results: &Results) -> String {
    let calls = results.policies[0].metric("calls").mean;
    let s = &results.scenario;
    let faults: Vec<String> = s.faults.iter().map(|f| format!("{f}")).collect();
    let what = match faults.is_empty() {
        true => "Nothing goes wrong from outside".to_string(),
        false => format!("{} ({})", capital(&incident(results)), list(&faults)),
    };
    format!(
        "{what}; {} callers make {} calls in the {} that are counted.",
        thousands(f64::from(s.callers.count)),
        thousands(calls),
        seconds((s.run.horizon.as_secs() - s.run.warmup.as_secs()).max(0.0)),
    )
}

/// `96.70 ±0.02%`, as the table has it.
fn share(e: Estimate) -> String {
    plus_minus(e.mean * 100.0, e.half_width() * 100.0, 1) + "%"
}

/// What one policy did.
fn fared(results: &Results, policy: &PolicyResults) -> String {
    let horizon = seconds(results.scenario.run.horizon.as_secs());
    let fate = match (Question::of(&results.scenario), Fate::of(policy)) {
        (Question::Recovery, Fate::Never) => format!("never recovers within {horizon}; "),
        (Question::Recovery, Fate::Sometimes(p)) => {
            format!("recovers in {} of the runs; ", percent(p))
        }
        (Question::Recovery, Fate::Recovers(s)) => format!("recovers {}; ", how_soon(s)),
        (Question::Completion, _) => {
            format!(
                "is done after {}; ",
                seconds(policy.metric("completion_s").mean)
            )
        }
        _ => String::new(),
    };
    let mut text = format!(
        "{}: {fate}{} of its calls are answered, at {} attempts a call and {} at the 99th \
         percentile; {} of the service's work is for callers that have left",
        policy.name,
        share(policy.metric("success_ratio")),
        three_digits(policy.metric("attempts_per_call").mean),
        seconds(policy.metric("latency_p99_s").mean),
        percent(policy.metric("wasted_service_ratio").mean),
    );
    let waiting = policy.metric("outstanding_calls").mean;
    let calls = policy.metric("calls").mean;
    if waiting > 0.01 * calls {
        text += &format!(
            "; {} of its calls still wait at the end and count neither way",
            percent(waiting / calls)
        );
    }
    text + "."
}

/// Which one change helps most, and by how much.
fn helps_most(results: &Results) -> Option<String> {
    let baseline = results.policies.first()?;
    if results.policies.len() < 2 {
        return None;
    }
    let points = |x: f64| three_digits(x * 100.0);
    Some(match best(results) {
        Some((policy, d)) => format!(
            "What helps most is {} in place of {}: {} more of every 100 calls are answered \
             (95% interval {} to {}).",
            policy.name,
            baseline.name,
            points(d.mean),
            points(d.low),
            points(d.high),
        ),
        None => format!(
            "No other policy answers more calls than {} by more than chance; more replications \
             may tell them apart.",
            baseline.name
        ),
    })
}

/// The gains around the cycle that keeps a collapse going, and which one the best
/// policy cuts.
fn cycle(results: &Results) -> Option<String> {
    let stuck = results
        .policies
        .iter()
        .find(|p| matches!(Fate::of(p), Fate::Never))?;
    let mean = |p: &PolicyResults, name: &str| p.metric(name).mean;
    let failing = |p: &PolicyResults| {
        let kinds = [
            "timed_out_attempts",
            "rejected_attempts",
            "refused_attempts",
            "reset_attempts",
            "error_attempts",
        ];
        kinds.iter().map(|k| mean(p, k)).sum::<f64>()
    };
    // Timeouts to retries, retries to load, load to timeouts.
    let edges = |p: &PolicyResults| {
        let (calls, attempts) = (mean(p, "calls"), mean(p, "attempts"));
        let retries = (attempts - calls).max(0.0) / failing(p).max(1.0);
        let load = attempts / calls.max(1.0);
        let lost = failing(p) / attempts.max(1.0);
        [retries, load, lost]
    };
    let [retries, load, lost] = edges(stuck);
    let capacity = results.scenario.entry().capacity_per_s();
    let counted = results.scenario.run.horizon.as_secs() - results.scenario.run.warmup.as_secs();
    let calls_per_s = mean(stuck, "calls") / counted.max(1e-9);
    let ratio = calls_per_s * load / capacity;
    let mut text = format!(
        "With {} the outage feeds itself: {} of its attempts fail, each failure brings {} \
         retries, and with {} attempts a call the service is offered {} what it can do, so \
         that attempts keep failing",
        stuck.name,
        percent(lost),
        three_digits(retries),
        three_digits(load),
        match ratio.is_finite() {
            true => format!("{} times", three_digits(ratio)),
            false => "more than".to_string(),
        },
    );
    if let Some((policy, _)) = best(results) {
        let [own, ..] = edges(policy);
        text += &format!(
            "; {} cuts the step from failures to retries, {} in place of {}",
            policy.name,
            three_digits(own),
            three_digits(retries)
        );
    }
    Some(text + ".")
}

/// Paired differences from the first policy.
fn differences(results: &Results) -> Option<Grid> {
    let baseline = results.policies.first()?;
    if results.policies.len() < 2 {
        return None;
    }
    let success = metric_index("success_ratio")?;
    let attempts = metric_index("attempts_per_call")?;
    let rows: Vec<Vec<String>> = results.policies[1..]
        .iter()
        .map(|p| {
            let signed = |e: Estimate, scale: f64| match e.mean.is_nan() {
                true => "–".to_string(),
                false => format!(
                    "{:+.2} ({:+.2} to {:+.2})",
                    e.mean * scale,
                    e.low * scale,
                    e.high * scale
                ),
            };
            vec![
                p.name.clone(),
                signed(p.difference(baseline, success), 100.0),
                signed(p.difference(baseline, attempts), 1.0),
            ]
        })
        .collect();
    Some(Grid::new(
        &format!("Differences from {}", baseline.name),
        &["policy", "calls answered, points", "attempts per call"],
        &rows,
    ))
}
