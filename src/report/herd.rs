//! What a herd run says in sentences: what happened, what each policy did with it,
//! which one change helps most, and what keeps a collapse going.

use crate::report::story::{Entry, Story, in_full};
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS, ATTEMPTS_PER_CALL, CALLS, COMPLETION_S, DEGRADED_S, ERROR_ATTEMPTS,
    GOODPUT_PER_S, JUDGED_CALLS, LOST_CALLS, RECOVERED_RATIO, REFUSED_ATTEMPTS, REJECTED_ATTEMPTS,
    RESET_ATTEMPTS, TIMED_OUT_ATTEMPTS, WAITING_RATIO, WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::{Key, Unit};
use herdsim_core::stats::{Estimate, wilson};
use herdsim_words::format::{
    capital, counted, list, percent, seconds, thousands, three_digits, with_interval,
};
use herdsim_words::text_table::TextTable;
use herdsim_words::verdict::herd::actions::all_done;
use herdsim_words::verdict::herd::impact;
use herdsim_words::verdict::herd::ranking::{Measure, Ranking, WORTH, answering_most, ranking};
use herdsim_words::verdict::herd::tables;
use herdsim_words::verdict::herd::{
    Fate, Question, cautions, done_after, full_setting, headline, in_runs, incident, is_ill_at_end,
    named, recovers,
};
use herdsim_words::verdict::herd::{cells, facts};

/// The document of a run.
pub fn story(results: &Results) -> Story {
    let mut summary = vec![happened(results)];
    summary.extend(results.policies.iter().map(|p| fared(results, p)));
    summary.extend(impact::bottleneck(results));
    summary.extend(helps_most(results));
    summary.extend(cycle(results));
    let (headers, rows) = tables::cells(results);
    let mut tables = vec![TextTable::new("", &headers, &rows)];
    if let Some((headers, rows)) = tables::tier_cells(results) {
        tables.push(TextTable::new(
            "Every service of the chain",
            &headers,
            &rows,
        ));
    }
    tables.extend(tables::of_parts(results));
    tables.extend(differences(results));
    let run = &results.scenario.run;
    Story {
        title: headline(results),
        setting: full_setting(results),
        warnings: cautions(results).iter().map(|c| capital(c)).collect(),
        lead: impact::lead(results),
        board: results.policies.iter().map(|p| entry(results, p)).collect(),
        summary,
        tables,
        parameters: in_full(&results.scenario.policies),
        method: format!(
            "herdsim {} simulated {} of {} for every policy, on the same random numbers (seed \
             {}){}. {}",
            env!("CARGO_PKG_VERSION"),
            match results.replications {
                1 => "1 run".to_string(),
                n => format!("{} independent runs", thousands(n as f64)),
            },
            seconds(run.horizon.as_secs()),
            run.seed,
            match run.warmup.as_secs() {
                0.0 => String::new(),
                s => format!("; the first {} are not counted", seconds(s)),
            },
            match results.replications {
                1 => "One run has no intervals.".to_string(),
                _ => format!("Means over runs, with 95% intervals.{}", unseen(results)),
            },
        ),
        command: "herdsim run scenario.toml".to_string(),
        playable: Some(results.scenario.to_toml()),
        ..Story::default()
    }
}

/// A policy with the numbers that matter most.
fn entry(results: &Results, policy: &PolicyResults) -> Entry {
    Entry {
        name: results.scenario.label(&policy.name),
        numbers: impact::numbers(results, policy).into(),
    }
}

/// What runs that all recover do not exclude.
fn unseen(results: &Results) -> String {
    let always = |p: &&PolicyResults| matches!(Fate::of(p), Fate::Recovers(_));
    let share = results.policies.iter().filter(always);
    let share = share.map(|p| 1.0 - p.metric(RECOVERED_RATIO).low);
    match share.reduce(f64::max) {
        Some(share) if share.is_finite() => format!(
            " Where all runs recover a collapse in up to {:.0}% of runs cannot be excluded.",
            share * 100.0
        ),
        _ => String::new(),
    }
}

/// What happened, to how many calls.
fn happened(results: &Results) -> String {
    let first = &results.policies[0];
    let calls = counted(&thousands(first.metric(CALLS).mean), "call");
    let s = &results.scenario;
    let faults: Vec<String> = s.faults.iter().map(|f| format!("{f}")).collect();
    let what = match faults.is_empty() {
        true => "No fault is injected".to_string(),
        false if faults.len() > 1 => format!("Faults: {}", list(&faults)),
        false => format!("{} ({})", capital(&incident(results)), list(&faults)),
    };
    let what = match s.actions.is_empty() {
        true => what,
        false => format!("{what}. What is done: {}", all_done(&s.actions)),
    };
    let counts = s.groups.iter().map(|group| f64::from(group.count));
    let count: f64 = counts.sum();
    let callers = match count {
        1.0 => "1 caller makes".to_string(),
        _ => format!("{} callers make", thousands(count)),
    };
    let lasted = seconds((s.run.horizon.as_secs() - s.run.warmup.as_secs()).max(0.0));
    let judged = first.metric(JUDGED_CALLS).mean;
    let judged = match judged.is_nan() || s.run.cooldown.0 == 0 {
        true => String::new(),
        false => format!(
            "; judged are the {} that start {} before the end or sooner",
            thousands(judged),
            seconds(s.run.cooldown.as_secs())
        ),
    };
    match Measure::of(s) {
        _ if s.is_once() => format!("{what}; {callers} {calls} in all."),
        // Who waits for an answer before the next call makes as many as answers allow.
        Measure::Rate => format!(
            "{what}; {callers} {calls} in the {lasted} that are counted, with {}{judged}.",
            first.name
        ),
        _ => format!("{what}; {callers} {calls} in the {lasted} that are counted{judged}."),
    }
}

/// What one policy did.
fn fared(results: &Results, policy: &PolicyResults) -> String {
    let horizon = seconds(results.scenario.run.horizon.as_secs());
    let scenario = &results.scenario;
    let fate = match (Question::of(scenario), Fate::of(policy)) {
        (Question::Recovery, Fate::Never) => {
            format!("recovers within {horizon} {}; ", in_runs(policy))
        }
        (Question::Recovery, Fate::Sometimes(_)) => format!("recovers {}; ", in_runs(policy)),
        (Question::Recovery, Fate::Relapses(share)) => format!(
            "recovers {}, and is ill again at the end of {} of runs; ",
            in_runs(policy),
            percent(share)
        ),
        (Question::Recovery, Fate::Recovers(s)) => {
            format!("recovers {}, {}; ", recovers(scenario, s), in_runs(policy))
        }
        (Question::Completion, _) => match policy.metric(COMPLETION_S).mean {
            s if s.is_nan() => format!("is not done within {horizon}; "),
            s => format!("is done after {}; ", done_after(policy, s)),
        },
        (Question::Recovery, Fate::Steady) => "its recovery is undetermined; ".to_string(),
        _ => String::new(),
    };
    let determined = policy.metric(RECOVERED_RATIO).n;
    let fate = match determined > 0 && determined < results.replications {
        true => format!(
            "{fate}determined in {determined} of {} runs; ",
            results.replications
        ),
        false => fate,
    };
    let answered = policy.metric(ANSWERED_RATIO);
    let attempts = policy.metric(ATTEMPTS_PER_CALL).mean;
    if attempts.is_nan() {
        return format!("{}: {fate}none of its calls is counted.", policy.name);
    }
    let attempts = counted(&three_digits(attempts), "attempt");
    if answered.mean.is_nan() {
        return format!("{}: {fate}{attempts} a call.", policy.name);
    }
    let rate = match Measure::of(scenario) {
        Measure::Share => String::new(),
        Measure::Rate => {
            let rate = policy.metric(GOODPUT_PER_S);
            format!(
                "{} calls a second and ",
                with_interval(Unit::PerSecond, rate)
            )
        }
    };
    let mut text = format!(
        "{}: {fate}{rate}{} of its calls are answered, at {attempts} a call",
        policy.name,
        with_interval(Unit::Percent, answered),
    );
    text += &match cells::wait_p99(policy).as_str() {
        "never" | "not always" if answered.mean < 0.99 => String::new(),
        "never" => ", and fewer than 99 of 100 ever".to_string(),
        "not always" => ", and in some of the runs fewer than 99 of 100 ever".to_string(),
        "–" => String::new(),
        wait => format!(", 99 of 100 within {wait}"),
    };
    let degraded = policy.metric(DEGRADED_S).mean;
    if degraded > 0.0 {
        let least = match is_ill_at_end(policy) {
            true => "at least ",
            false => "",
        };
        text += &format!("; it is degraded for {least}{}", seconds(degraded));
        let lost = policy.metric(LOST_CALLS).mean;
        let never_made = match Measure::of(scenario) {
            Measure::Share => "",
            Measure::Rate => ", those that were never made among them",
        };
        if lost >= 0.5 {
            text += &format!(" and loses {} calls{never_made}", thousands(lost));
        }
    }
    let wasted = policy.metric(WASTED_SERVICE_RATIO).mean;
    if wasted > 0.0 {
        text += &format!(
            "; {} of the service's work is for callers that have left",
            percent(wasted)
        );
    }
    let waiting = policy.metric(WAITING_RATIO).mean;
    if waiting > 0.01 {
        text += &format!("; {} of its calls still wait at the end", percent(waiting));
    }
    if let Some(facts) = facts::facts(scenario, policy) {
        text += &format!("; {facts}");
    }
    text + "."
}

/// Which one change helps most, and by how much.
fn helps_most(results: &Results) -> Option<String> {
    let ranking = ranking(results);
    let completes = Question::of(&results.scenario) == Question::Completion;
    if completes && !matches!(ranking, Ranking::Alone | Ranking::OneRun) {
        return soonest(results);
    }
    let first = results.policies.first()?;
    let measure = Measure::of(&results.scenario);
    let points = |x: f64| measure.points(x);
    let interval = |d: Estimate| match d.low.is_nan() {
        true => format!("(so in all of {} runs)", results.replications),
        false => format!("(95% interval {} to {})", points(d.low), points(d.high)),
    };
    // What no run has met is in no interval.
    let runs = results.replications as f64;
    let unmet = 1.0 - wilson(runs, results.replications).0;
    let harmful = measure == Measure::Share && results.scenario.harm().is_some();
    let unseen = |d: Estimate| match harmful && d.mean < unmet {
        true => format!(
            "; a collapse in up to {:.0}% of runs, met in none, could outweigh that",
            unmet * 100.0
        ),
        false => String::new(),
    };
    // Who answers more by failing sooner does so at the price of the others.
    let shares = |of: &PolicyResults| {
        let [mine, theirs] = [of, first].map(|p| p.metric(ANSWERED_RATIO).mean);
        match measure == Measure::Rate && mine < theirs {
            true => format!(
                "; of its calls it answers {} in place of {}, as it fails sooner and asks again",
                percent(mine),
                percent(theirs)
            ),
            false => String::new(),
        }
    };
    Some(match ranking {
        Ranking::Alone => return None,
        Ranking::OneRun => {
            "One run a policy gives no intervals: which change helps cannot be told from chance."
                .to_string()
        }
        Ranking::Nobody => "No policy answers any call: none helps.".to_string(),
        Ranking::Behind(policy, d) => format!(
            "What helps most is {} in place of {}: {} are answered {}{}{}.",
            named(policy),
            named(first),
            measure.more(d.mean),
            interval(d),
            shares(policy),
            unseen(d),
        ),
        Ranking::Ahead(next, d) => format!(
            "No other policy helps: {} answers the most, {} than {}, the next {}{}.",
            named(first),
            measure.more(d.mean),
            named(next),
            interval(d),
            unseen(d),
        ),
        Ranking::Equal => "No policy answers more calls than another.".to_string(),
        Ranking::Slight => format!(
            "No other policy helps: none answers more calls than {} by as much as {}% of those \
             that are lost.",
            named(first),
            three_digits(WORTH * 100.0)
        ),
        Ranking::Tied => format!("No other policy answers more calls than {}.", first.name),
        Ranking::Undetermined => format!(
            "Whether another policy answers more calls than {}, and more than is worth a change, \
             takes more replications to tell.",
            named(first)
        ),
    })
}

/// Of callers that call once: with which policy they are done first, of those that
/// answer the most of them.
fn soonest(results: &Results) -> Option<String> {
    let first = results.policies.first()?;
    let able = answering_most(results);
    if able.is_empty() {
        return Some("No policy answers any call: none helps.".to_string());
    }
    let sooner = able
        .iter()
        .map(|p| (p, first.difference(p, COMPLETION_S)))
        .filter(|(_, d)| d.low > 0.0)
        .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    Some(match sooner {
        Some((policy, d)) => format!(
            "What helps most is {} in place of {}: everybody is done {} sooner (95% interval {} \
             to {}).",
            named(policy),
            named(first),
            seconds(d.mean),
            seconds(d.low),
            seconds(d.high)
        ),
        None if able.len() == 1 && able[0].name == first.name => {
            format!("No other policy answers as many calls as {}.", first.name)
        }
        None if able.iter().any(|p| p.name == first.name) => format!(
            "With no other policy that answers as many calls is everybody done sooner than with \
             {}, by more than chance.",
            first.name
        ),
        None => {
            let names: Vec<&str> = able.iter().map(|p| p.name.as_str()).collect();
            format!("{} answers fewer calls than {}.", first.name, list(&names))
        }
    })
}

/// How attempts fail, and what that is called in a cycle.
const FAILURES: [(Key, &str); 5] = [
    (TIMED_OUT_ATTEMPTS, "timeouts"),
    (REJECTED_ATTEMPTS, "rejections"),
    (REFUSED_ATTEMPTS, "refusals"),
    (RESET_ATTEMPTS, "resets"),
    (ERROR_ATTEMPTS, "errors"),
];

/// The gains around the cycle that keeps a collapse going.
struct Cycle {
    /// Retries that a failed attempt brings.
    retries: f64,
    /// Attempts that come of a call, which is 1/(1 − the gain of one turn).
    attempts: f64,
    /// The share of attempts that fail.
    lost: f64,
}

impl Cycle {
    fn of(policy: &PolicyResults) -> Cycle {
        let mean = |metric: Key| policy.metric(metric).mean;
        let failed: f64 = FAILURES.iter().map(|(metric, _)| mean(*metric)).sum();
        let (calls, attempts) = (mean(CALLS), mean(ATTEMPTS));
        Cycle {
            retries: (attempts - calls).max(0.0) / failed.max(1.0),
            attempts: attempts / calls.max(1.0),
            lost: failed / attempts.max(1.0),
        }
    }
}

/// Which cycle took over, the gain of each of its steps, and which of them the best
/// policy cuts.
fn cycle(results: &Results) -> Option<String> {
    let stuck = results
        .policies
        .iter()
        .find(|p| matches!(Fate::of(p), Fate::Never) && Cycle::of(p).retries > 0.0)?;
    let own = Cycle::of(stuck);
    let count = |metric: Key| stuck.metric(metric).mean;
    let failed: f64 = FAILURES.iter().map(|(metric, _)| count(*metric)).sum();
    let kinds = FAILURES
        .iter()
        .filter(|(metric, _)| count(*metric) >= 0.1 * failed);
    let kinds = list(&kinds.map(|(_, kind)| *kind).collect::<Vec<_>>());
    // Who waits too long, or finds no place, met a queue.
    let through = match count(TIMED_OUT_ATTEMPTS) + count(REJECTED_ATTEMPTS) > 0.1 * failed {
        true => "queue",
        false => "load",
    };
    let capacity = results.scenario.entry().capacity_per_s();
    let run = &results.scenario.run;
    let counted = run.horizon.as_secs() - run.warmup.as_secs();
    let offered = count(ATTEMPTS) / counted.max(1e-9) / capacity;
    // Of a chain the pressure is at some service, not at the first one.
    let alone = results.scenario.services.len() == 1;
    let load = match alone && offered.is_finite() && offered > 0.0 {
        true => format!(", {} times what the service can do", three_digits(offered)),
        false => String::new(),
    };
    let mut text = format!(
        "What took over with {} is {kinds} → retries → {through} → {kinds}: each failed attempt \
         brings {} retries, these make {} attempts of a call{load}, and {} of attempts fail",
        named(stuck),
        three_digits(own.retries),
        three_digits(own.attempts),
        percent(own.lost),
    );
    // Who escapes: the best of those that recover.
    let escaped = results
        .policies
        .iter()
        .filter(|p| matches!(Fate::of(p), Fate::Recovers(_)));
    let measure = Measure::of(&results.scenario);
    let answered = |p: &&PolicyResults| measure.mean(p);
    if let Some(policy) = escaped.max_by(|a, b| answered(a).total_cmp(&answered(b))) {
        let other = Cycle::of(policy);
        if other.retries < 0.9 * own.retries {
            text += &format!(
                "; {} cuts the step from failures to retries, {} in place of {}",
                named(policy),
                three_digits(other.retries),
                three_digits(own.retries)
            );
        } else if other.lost < 0.9 * own.lost {
            text += &format!(
                "; {} cuts the step from load to failures, {} in place of {}",
                named(policy),
                percent(other.lost),
                percent(own.lost)
            );
        }
    }
    Some(text + ".")
}

/// Paired differences from the first policy.
fn differences(results: &Results) -> Option<TextTable> {
    let baseline = results.policies.first()?;
    if results.policies.len() < 2 {
        return None;
    }
    let measure = Measure::of(&results.scenario);
    let (scale, answered) = match measure {
        Measure::Share => (100.0, "calls answered, points"),
        Measure::Rate => (1.0, "calls answered a second"),
    };
    let rows: Vec<Vec<String>> = results.policies[1..]
        .iter()
        .map(|p| {
            let signed = |e: Estimate, scale: f64| match e.mean.is_nan() {
                true => "–".to_string(),
                false => {
                    // What is nothing as it is written has no sign.
                    let written = |x: f64| match format!("{:+.2}", x * scale) {
                        zero if zero.ends_with("0.00") && zero.len() == 5 => "0.00".to_string(),
                        text => text,
                    };
                    let [mean, low, high] = [e.mean, e.low, e.high].map(written);
                    let text = match e.low.is_nan() {
                        true => mean,
                        false => format!("{mean} ({low} to {high})"),
                    };
                    text.replace('-', "−")
                }
            };
            vec![
                p.name.clone(),
                signed(p.difference(baseline, measure.key()), scale),
                signed(p.difference(baseline, ATTEMPTS_PER_CALL), 1.0),
            ]
        })
        .collect();
    Some(TextTable::new(
        &format!("Differences from {}", baseline.name),
        &["policy", answered, "attempts per call"],
        &rows,
    ))
}
