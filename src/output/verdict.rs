//! The result in words.

use crate::ensemble::herd::{PolicyResults, Results};
use crate::output::words::{list, percent, seconds};
use crate::scenario::fault::FaultKind;

/// How one policy fared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// There was nothing to recover from, or no telling.
    Steady,
    Never,
    /// In this share of the runs.
    Sometimes(f64),
    /// Always, after this many seconds on average.
    Recovers(f64),
}

impl Fate {
    pub fn of(policy: &PolicyResults) -> Fate {
        let share = policy.metric("recovered_ratio").mean;
        match share {
            _ if share.is_nan() => Fate::Steady,
            0.0 => Fate::Never,
            1.0 => Fate::Recovers(policy.metric("recovery_s").mean),
            _ => Fate::Sometimes(share),
        }
    }
}

/// "in 0.3 s", or "at once" where it is less than can be told.
pub fn how_soon(s: f64) -> String {
    if s < 0.015 {
        "at once".to_string()
    } else {
        format!("in {}", seconds(s))
    }
}

fn failed(policy: &PolicyResults) -> String {
    let share = 1.0 - policy.metric("success_ratio").mean;
    if share == 0.0 {
        "fails no call".to_string()
    } else {
        format!("fails {} of calls", percent(share))
    }
}

/// A policy's name in a sentence; `none` alone would read as "not one".
fn named(policy: &PolicyResults) -> &str {
    match policy.name.as_str() {
        "none" => "none (no retries)",
        name => name,
    }
}

fn plural<'a>(names: &[&str], one: &'a str, many: &'a str) -> &'a str {
    if names.len() == 1 { one } else { many }
}

struct Groups<'r> {
    never: Vec<&'r str>,
    sometimes: Vec<(&'r str, f64)>,
    recover: Vec<(&'r PolicyResults, f64)>,
    steady: Vec<&'r PolicyResults>,
}

impl<'r> Groups<'r> {
    fn of(results: &'r Results) -> Groups<'r> {
        let mut groups = Groups {
            never: Vec::new(),
            sometimes: Vec::new(),
            recover: Vec::new(),
            steady: Vec::new(),
        };
        for policy in &results.policies {
            match Fate::of(policy) {
                Fate::Never => groups.never.push(named(policy)),
                Fate::Sometimes(share) => groups.sometimes.push((named(policy), share)),
                Fate::Recovers(s) => groups.recover.push((policy, s)),
                Fate::Steady => groups.steady.push(policy),
            }
        }
        groups
    }

    /// The recovering policy that answers most calls.
    fn best(&self) -> Option<&(&'r PolicyResults, f64)> {
        let success = |p: &PolicyResults| p.metric("success_ratio").mean;
        self.recover
            .iter()
            .max_by(|(a, _), (b, _)| success(a).total_cmp(&success(b)))
    }
}

/// One sentence: which policies never recover, and what the others cost.
pub fn verdict(results: &Results) -> String {
    let groups = Groups::of(results);
    let mut clauses = Vec::new();
    if !groups.never.is_empty() {
        clauses.push(format!(
            "{} never {} within {}",
            list(&groups.never),
            plural(&groups.never, "recovers", "recover"),
            seconds(results.scenario.run.horizon.as_secs()),
        ));
    }
    for (name, share) in &groups.sometimes {
        clauses.push(format!("{name} recovers in {} of runs", percent(*share)));
    }
    match (&groups.recover[..], groups.best()) {
        (few, _) if few.len() <= 3 => {
            for (policy, s) in few {
                clauses.push(format!(
                    "{} recovers {} and {}",
                    named(policy),
                    how_soon(*s),
                    failed(policy)
                ));
            }
        }
        (many, Some((best, s))) => clauses.push(format!(
            "{} of {} recover, best {}: {}, and it {}",
            many.len(),
            results.policies.len(),
            named(best),
            how_soon(*s),
            failed(best)
        )),
        _ => {}
    }
    for policy in &groups.steady {
        clauses.push(format!(
            "{} {} and makes {:.2} attempts per call",
            named(policy),
            failed(policy),
            policy.metric("attempts_per_call").mean
        ));
    }
    clauses.join("; ")
}

/// The finding as the title of a chart, shorter than the verdict.
pub fn headline(results: &Results) -> String {
    let groups = Groups::of(results);
    let what = incident(results);
    let names = |names: &[&str]| match names.len() {
        0..=3 => list(names),
        n => format!("{n} of {} policies", results.policies.len()),
    };
    let best = groups.best().map(|(p, s)| (named(p), how_soon(*s)));
    match (&groups.never[..], best) {
        ([], None) if groups.sometimes.is_empty() => match &groups.steady[..] {
            [one] => format!("{} {}", named(one), failed(one)),
            _ if !results.scenario.faults.is_empty() => {
                format!("Too little time before or after {what} to tell who recovers")
            }
            _ => "No fault: how much each policy answers, and how often it asks".to_string(),
        },
        ([], None) => {
            let (name, share) = groups.sometimes[0];
            format!("{name} recovers from {what} in {} of runs", percent(share))
        }
        ([], Some((name, soon))) if results.policies.len() == 1 => {
            format!("{name} recovers from {what} {soon}")
        }
        ([], Some((name, _))) => {
            format!("Every policy recovers from {what}; {name} answers the most calls")
        }
        (never, None) => format!(
            "{} never {} from {what}",
            names(never),
            plural(never, "recovers", "recover")
        ),
        (never, Some((name, soon))) => {
            let (end, it) = match results.scenario.faults.len() {
                1 => ("ends", "it"),
                _ => ("end", "them"),
            };
            format!(
                "{} never {end} for {}; {name} ends {it} {soon}",
                capital(&what),
                names(never)
            )
        }
    }
}

/// "a 2 s crash", or "the faults" where there are several.
fn incident(results: &Results) -> String {
    match &results.scenario.faults[..] {
        [fault] => {
            let what = match fault.kind {
                FaultKind::Crash => "crash",
                FaultKind::Stall => "stall",
                FaultKind::Blackhole => "blackhole",
                FaultKind::Errors(_) => "burst of errors",
                FaultKind::Loss(_) => "loss of answers",
                FaultKind::Slow(_) => "slowdown",
                FaultKind::Capacity(_) => "loss of capacity",
                FaultKind::Surge(_) => "surge",
            };
            let lasts = seconds(fault.lasts.as_secs());
            let article = match lasts.starts_with('8') || lasts.starts_with("11 ") {
                true => "an",
                false => "a",
            };
            format!("{article} {lasts} {what}")
        }
        _ => "the faults".to_string(),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str(),
        None => String::new(),
    }
}

/// The setting in one line, for subtitles.
pub fn setting(results: &Results) -> String {
    use crate::output::words::{thousands, three_digits};
    use crate::scenario::service::Arrival;
    let s = &results.scenario;
    let count = thousands(f64::from(s.callers.count));
    let callers = match &s.callers.arrival {
        Arrival::Open { rate } => format!("{count} callers at {} calls/s", three_digits(rate.0)),
        Arrival::Closed { think } => format!("{count} callers thinking {think}"),
        Arrival::Once { .. } => format!("{count} callers, one call each"),
    };
    let callers = callers.replace("at 1 calls/s", "at 1 call/s");
    let mut parts = vec![
        callers,
        format!(
            "{} servers at {}",
            thousands(f64::from(s.service.servers)),
            seconds(s.service.service_time.mean_s())
        ),
        format!("queue {}", thousands(f64::from(s.service.queue))),
    ];
    let first = &s.policies[0].1;
    if s.policies.iter().all(|(_, p)| p.timeout == first.timeout) {
        parts.push(match first.timeout {
            Some(t) => format!("timeout {}", seconds(t.as_secs())),
            None => "no timeout".to_string(),
        });
    }
    if s.policies.iter().all(|(_, p)| p.attempts == first.attempts) {
        parts.push(match first.attempts {
            1 => "1 attempt".to_string(),
            n => format!("{} attempts", thousands(f64::from(n))),
        });
    }
    parts.join(" · ")
}
