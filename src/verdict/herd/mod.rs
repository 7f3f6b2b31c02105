//! The result in words.

pub mod ranking;
pub mod tables;
pub mod titles;

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::series::{OFFERED, RETRIES};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, COMPLETION_S, DOUBLE_EFFECTS, RECOVERED_RATIO, RECOVERY_S,
    SUCCESS_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::scenario::policy::UNLIMITED;
use herdsim_core::scenario::service::{Service, ServiceKind};

use crate::format::{list, percent, seconds, thousands, three_digits};
use ranking::answering_most;

/// What a scenario asks of its policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Do they recover from the faults, and how soon?
    Recovery,
    /// When is everybody done?
    Completion,
    /// How much work is done for nobody?
    Waste,
}

impl Question {
    pub fn of(scenario: &Scenario) -> Question {
        match scenario.callers.arrival {
            Arrival::Once { .. } => Question::Completion,
            _ if scenario.faults.is_empty() => Question::Waste,
            _ => Question::Recovery,
        }
    }
}

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
        let share = policy.metric(RECOVERED_RATIO).mean;
        match share {
            _ if share.is_nan() => Fate::Steady,
            0.0 => Fate::Never,
            1.0 => Fate::Recovers(policy.metric(RECOVERY_S).mean),
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
    let share = 1.0 - policy.metric(SUCCESS_RATIO).mean;
    if share.is_nan() {
        "ends no call".to_string()
    } else if share == 0.0 {
        "fails no call".to_string()
    } else {
        format!("fails {} of calls", percent(share))
    }
}

/// A policy's name in a sentence; `none` alone would read as "not one".
pub fn named(policy: &PolicyResults) -> &str {
    match policy.name.as_str() {
        "none" if policy.metric(ATTEMPTS_PER_CALL).mean == 1.0 => "none (no retries)",
        name => name,
    }
}

fn plural<'a>(names: &[&str], one: &'a str, many: &'a str) -> &'a str {
    if names.len() == 1 { one } else { many }
}

/// Whether the interval of the paired difference of two policies holds 0.
fn is_alike(a: &PolicyResults, b: &PolicyResults, metric: Key) -> bool {
    let difference = a.difference(b, metric);
    // Without an interval nothing can be told apart.
    std::ptr::eq(a, b) || !(difference.low > 0.0 || difference.high < 0.0)
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

    /// The recovering policies that answer most calls: the best first, then
    /// those that cannot be told from it.
    fn best(&self) -> Vec<&(&'r PolicyResults, f64)> {
        let success = |p: &PolicyResults| p.metric(ANSWERED_RATIO).mean;
        let by_success = |a: &&(&PolicyResults, f64), b: &&(&PolicyResults, f64)| {
            success(a.0).total_cmp(&success(b.0))
        };
        let Some(first) = self.recover.iter().max_by(by_success) else {
            return Vec::new();
        };
        let alike = self.recover.iter().filter(|(policy, _)| {
            !std::ptr::eq(*policy, first.0) && is_alike(policy, first.0, ANSWERED_RATIO)
        });
        [first].into_iter().chain(alike).collect()
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
    match (&groups.recover[..], &groups.best()[..]) {
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
        (many, [(best, s)]) => clauses.push(format!(
            "{} of {} recover, best {}: {}, and it {}",
            many.len(),
            results.policies.len(),
            named(best),
            how_soon(*s),
            failed(best)
        )),
        (many, best) => clauses.push(format!(
            "{} of {} recover; {} of them cannot be told apart by calls answered, {} among them",
            many.len(),
            results.policies.len(),
            best.len(),
            best.first().map_or("", |(policy, _)| named(policy)),
        )),
    }
    steady(&groups.steady, results, &mut clauses);
    clauses.extend(doubled(results));
    clauses.join("; ")
}

/// How often effects happened again, most and least, where that is counted.
fn doubled(results: &Results) -> Option<String> {
    let effect = &results.scenario.entry().effect.as_ref()?.effect;
    let count = |p: &&PolicyResults| p.metric(DOUBLE_EFFECTS).mean;
    let by_count = |a: &&PolicyResults, b: &&PolicyResults| count(a).total_cmp(&count(b));
    let most = results.policies.iter().max_by(by_count)?;
    let least = results.policies.iter().min_by(by_count)?;
    Some(match count(&most) {
        0.0 => format!("no {effect} is made twice"),
        _ if most.name == least.name => {
            format!("{} extra {effect}s are made", thousands(count(&most)))
        }
        _ => format!(
            "{} extra {effect}s are made with {}, {} with {}",
            thousands(count(&most)),
            named(most),
            thousands(count(&least)),
            named(least)
        ),
    })
}

/// What can be said where recovery is not the question, or cannot be told.
fn steady(policies: &[&PolicyResults], results: &Results, clauses: &mut Vec<String>) {
    let scenario = &results.scenario;
    let question = Question::of(scenario);
    let facts = |policy: &PolicyResults| {
        let attempts = policy.metric(ATTEMPTS_PER_CALL).mean;
        let fails = failed(policy);
        match (question, policy.metric(COMPLETION_S).mean) {
            (Question::Completion, s) if s.is_finite() => {
                format!(
                    "is done after {}, {fails} and makes {attempts:.2} attempts per call",
                    done_after(policy, s)
                )
            }
            (Question::Completion, _) => {
                format!(
                    "is not done within {}, and {fails}",
                    seconds(scenario.run.horizon.as_secs())
                )
            }
            _ if attempts.is_nan() => fails,
            _ => format!("{fails} and makes {attempts:.2} attempts per call"),
        }
    };
    // Policies of which the same is to be said share a clause.
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for policy in policies {
        let facts = facts(policy);
        match said.iter_mut().find(|(same, _)| *same == facts) {
            Some((_, names)) => names.push(named(policy)),
            None => said.push((facts, vec![named(policy)])),
        }
    }
    for (facts, names) in said {
        match &names[..] {
            [one] => clauses.push(format!("{one} {facts}")),
            several => clauses.push(format!("each of {} {facts}", list(several))),
        }
    }
    if question == Question::Recovery && !policies.is_empty() {
        clauses.push(undetermined(policies, scenario));
    }
}

/// Why recovery is not ruled on.
fn undetermined(policies: &[&PolicyResults], scenario: &Scenario) -> String {
    let first = scenario.faults.iter().map(|f| f.from).min();
    if first.is_some_and(|first| first <= scenario.run.warmup) {
        return "recovery is undetermined, as the fault begins within the warm-up".to_string();
    }
    let retried = |p: &PolicyResults| {
        let bin = scenario.run.bin.0.max(1);
        let before =
            (scenario.run.warmup.0 / bin) as usize..(first.map_or(0, |f| f.0) / bin) as usize;
        let bins = p.series.get(before).unwrap_or_default();
        let sum = |column: Key| bins.iter().map(|b| b[column.index()].mean).sum::<f64>();
        sum(RETRIES) > 0.1 * sum(OFFERED)
    };
    match policies.iter().any(|p| retried(p)) {
        true => "recovery is undetermined, as retries were above 10% before the fault".to_string(),
        false => {
            "recovery is undetermined, as the run has too little time before or after the fault"
                .to_string()
        }
    }
}

/// The finding as the title of a chart, shorter than the verdict.
pub fn headline(results: &Results) -> String {
    let groups = Groups::of(results);
    let what = incident(results);
    let names = |names: &[&str]| match names.len() {
        0..=3 => list(names),
        n => format!("{n} of {} policies", results.policies.len()),
    };
    let best = groups.best();
    let horizon = seconds(results.scenario.run.horizon.as_secs());
    match (&groups.never[..], &best[..]) {
        ([], []) if groups.sometimes.is_empty() => match Question::of(&results.scenario) {
            Question::Completion => completion(results, &horizon),
            Question::Recovery if groups.steady.len() > 1 => {
                format!("Who recovers from {what} is undetermined")
            }
            _ => match &groups.steady[..] {
                [one] => format!("{} {}", named(one), failed(one)),
                _ => "No fault: how much each policy answers, and how often it asks".to_string(),
            },
        },
        ([], []) => {
            let (name, share) = groups.sometimes[0];
            format!("{name} recovers from {what} in {} of runs", percent(share))
        }
        ([], [(one, s), ..]) if results.policies.len() == 1 => {
            format!("{} recovers from {what} {}", named(one), how_soon(*s))
        }
        ([], best) if !groups.sometimes.is_empty() || !groups.steady.is_empty() => {
            let (more, n) = (groups.recover.len(), results.policies.len());
            let (name, s) = best[0];
            match more {
                // Of the others it is undetermined: none of them is seen not to.
                1 if groups.sometimes.is_empty() => format!(
                    "{} recovers from {what} {}; of the others it is undetermined",
                    named(name),
                    how_soon(*s)
                ),
                1 => format!(
                    "Of {n} policies only {} always recovers from {what}, {}",
                    named(name),
                    how_soon(*s)
                ),
                _ => format!("{more} of {n} policies always recover from {what}"),
            }
        }
        ([], [(one, _)]) => {
            format!(
                "Every policy recovers from {what}; {} answers the most calls",
                named(one)
            )
        }
        ([], best) if best.len() == results.policies.len() => {
            format!(
                "Every policy recovers from {what}; by calls answered they cannot be told apart"
            )
        }
        ([], best) => format!(
            "Every policy recovers from {what}; {} answer the most calls",
            names(&best.iter().map(|(p, _)| named(p)).collect::<Vec<_>>())
        ),
        (never, []) => format!(
            "{} never {} from {what}",
            names(never),
            plural(never, "recovers", "recover")
        ),
        (never, [(best, s), alike @ ..]) => {
            let recover = plural(never, "recovers", "recover");
            let who = names(never);
            match alike {
                [] => format!(
                    "{who} never {recover} from {what}; {} does {}",
                    named(best),
                    how_soon(*s)
                ),
                _ => {
                    let all: Vec<&str> = groups.best().iter().map(|(p, _)| named(p)).collect();
                    format!("{who} never {recover} from {what}; {} do", names(&all))
                }
            }
        }
    }
}

/// `2.06 s`, or in how many of the runs.
pub fn done_after(policy: &PolicyResults, s: f64) -> String {
    let (done, all) = (policy.metric(COMPLETION_S).n, policy.raw.len() as u64);
    match done == all {
        true => seconds(s),
        false => format!("{} in {done} of {all} runs", seconds(s)),
    }
}

/// Who is done first, where everybody calls once: of those that answer the most calls,
/// as who gives up is done soon.
fn completion(results: &Results, horizon: &str) -> String {
    let done = |p: &&PolicyResults| p.metric(COMPLETION_S).mean;
    let all: Vec<&PolicyResults> = results.policies.iter().collect();
    let able = answering_most(results);
    let finished = able.iter().copied().filter(|p| done(p).is_finite());
    let by_done = |a: &&PolicyResults, b: &&PolicyResults| done(a).total_cmp(&done(b));
    match finished.clone().min_by(by_done) {
        None => format!("Nobody is done within {horizon}"),
        Some(first) => {
            let after = done_after(first, done(&first));
            let alike = finished.clone().filter(|p| done(p) == done(&first)).count();
            match (all.len(), able.len()) {
                (1, _) => format!("{} is done after {after}", named(first)),
                (n, _) if n == alike => format!("With every policy all is done after {after}"),
                (n, m) if n == m => format!("{} finishes first, after {after}", named(first)),
                (_, 1) => format!(
                    "{} answers the most calls, and is done after {after}",
                    named(first)
                ),
                _ => format!(
                    "Of the policies that answer the most calls {} finishes first, after {after}",
                    named(first)
                ),
            }
        }
    }
}

/// "a 2 s crash", or "the faults" where there are several.
pub fn incident(results: &Results) -> String {
    match &results.scenario.faults[..] {
        [fault] => {
            let what = fault.kind.noun();
            let lasts = seconds(fault.lasts.as_secs());
            let vowel = ["8", "11 ", "18 "].iter().any(|n| lasts.starts_with(n));
            let article = match vowel {
                true => "an",
                false => "a",
            };
            format!("{article} {lasts} {what}")
        }
        _ => "the faults".to_string(),
    }
}

/// The setting in one line, for subtitles.
pub fn setting(results: &Results) -> String {
    let s = &results.scenario;
    let count = thousands(f64::from(s.callers.count));
    let callers = match &s.callers.arrival {
        Arrival::Open { rate } => format!("{count} callers at {} calls/s", three_digits(rate.0)),
        Arrival::Closed { think } => format!("{count} callers thinking {think}"),
        Arrival::Once { .. } => format!("{count} callers, one call each"),
        Arrival::Periodic { every, .. } => format!("{count} callers, a call every {every}"),
        Arrival::Trace { .. } => "calls as in a trace".to_string(),
    };
    let callers = callers.replace("at 1 calls/s", "at 1 call/s");
    let mut parts = vec![callers];
    parts.extend(match &s.services[..] {
        [only] => service(only),
        many => vec![format!("a chain of {} services", many.len())],
    });
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
            UNLIMITED => "unlimited attempts".to_string(),
            n => format!("{} attempts", thousands(f64::from(n))),
        });
    }
    parts.join(" · ")
}

/// What callers meet, in a few words.
fn service(service: &Service) -> Vec<String> {
    match &service.kind {
        ServiceKind::Queue(pool) => vec![
            format!(
                "{} servers at {}",
                thousands(f64::from(pool.servers)),
                seconds(pool.service_time.mean_s())
            ),
            format!("queue {}", thousands(f64::from(pool.queue))),
        ],
        ServiceKind::Elastic(elastic) => vec![format!(
            "service {} + {} for each in service",
            seconds(elastic.service_time.mean_s()),
            elastic.slope
        )],
        ServiceKind::Coin(coin) => vec![format!(
            "{} of attempts fail",
            percent(coin.failure_ratio.0)
        )],
        ServiceKind::Occ => vec!["one row, optimistic concurrency".to_string()],
    }
}
