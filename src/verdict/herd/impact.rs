//! What an incident costs with each policy: how long, how many calls, how much load.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, COMPLETION_S, DEGRADED_S, LONGEST_QUEUE, LOST_CALLS,
    PEAK_AFTER_PER_S, PEAK_DURING_PER_S, UTILISATION, WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::stats::Estimate;

use crate::format::{capital, list, percent, seconds, thousands, three_digits};
use crate::verdict::herd::ranking::{Measure, Ranking, WORTH, ranking};
use crate::verdict::herd::{Question, done_after, incident, is_ill_at_end, named};

/// The least part of a peak, and of all calls, of which a difference is told.
const TOLD: [f64; 2] = [0.1, 0.01];

/// The three numbers that matter most of a policy, each with what it is.
pub fn numbers(results: &Results, policy: &PolicyResults) -> [(String, &'static str); 3] {
    let mean = |metric| policy.metric(metric).mean;
    let answered = match Measure::of(&results.scenario) {
        Measure::Share => (percent(mean(ANSWERED_RATIO)), "of calls answered"),
        Measure::Rate => (
            three_digits(Measure::Rate.mean(policy)),
            "calls answered a second",
        ),
    };
    let attempts = (three_digits(mean(ATTEMPTS_PER_CALL)), "attempts a call");
    match Question::of(&results.scenario) {
        Question::Recovery if mean(DEGRADED_S).is_finite() => [
            (degraded(policy), "degraded"),
            (lost(policy), "calls lost"),
            (
                format!("{}/s", thousands(mean(PEAK_AFTER_PER_S))),
                "peak of attempts after it",
            ),
        ],
        Question::Completion => {
            let done = match mean(COMPLETION_S) {
                s if s.is_finite() => (done_after(policy, s), "until all are done"),
                _ => ("never".to_string(), "done within the run"),
            };
            [done, answered, attempts]
        }
        Question::Recovery | Question::Waste => {
            let wasted = percent(mean(WASTED_SERVICE_RATIO));
            [answered, attempts, (wasted, "of the work wasted")]
        }
    }
}

/// How long a policy is ill: of runs that are ill at the end no more than a lower bound.
pub fn degraded(policy: &PolicyResults) -> String {
    match policy.metric(DEGRADED_S).mean {
        s if is_ill_at_end(policy) => format!("≥ {}", seconds(s)),
        s => seconds(s),
    }
}

/// Calls that the faults cost it; where they bring some, none.
fn lost(policy: &PolicyResults) -> String {
    match policy.metric(LOST_CALLS).mean {
        x if x.is_nan() => "–".to_string(),
        x => thousands(x.max(0.0)),
    }
}

/// The most attempts that arrive in 100 ms from the first fault's beginning on, per second.
pub fn peak(policy: &PolicyResults) -> f64 {
    let [during, after] = [PEAK_DURING_PER_S, PEAK_AFTER_PER_S].map(|key| policy.metric(key).mean);
    during.max(after)
}

/// Of a chain: the service that is most busy with the first policy, and what it gets.
pub fn bottleneck(results: &Results) -> Option<String> {
    let first = results.policies.first()?;
    if results.scenario.services.len() == 1 {
        return None;
    }
    let busy = |tier: &PolicyResults| tier.metric(UTILISATION).mean;
    let tiers = first
        .tiers()
        .enumerate()
        .filter(|(_, tier)| busy(tier).is_finite());
    let (i, tier) = tiers.reduce(|a, b| if busy(b.1) > busy(a.1) { b } else { a })?;
    let capacity = results.scenario.services[i].capacity_per_s();
    let [all, during] = [first.amplification(), first.amplification_during()].map(|of| of[i]);
    let mut text = format!(
        "The bottleneck with {} is {}, busy {} of the time: up to {} attempts a second arrive",
        named(first),
        results.scenario.tier_name(i),
        percent(busy(tier)),
        thousands(peak(tier)),
    );
    if capacity.is_finite() {
        text += &format!(" where it can do {}", thousands(capacity));
    }
    text += &format!(
        ", and up to {} wait",
        thousands(tier.metric(LONGEST_QUEUE).mean)
    );
    if during.is_finite() {
        text += &format!(
            "; a call of the callers becomes {} attempts there while the faults last, {} over \
             the whole run",
            three_digits(during),
            three_digits(all)
        );
    }
    Some(text + ".")
}

/// For those who read no more: how long it lasts and what it costs with the first policy,
/// and which change helps. Nothing where recovery is not the question, or not known.
pub fn lead(results: &Results) -> Option<String> {
    let first = results.policies.first()?;
    let cost = first.metric(DEGRADED_S).mean;
    if Question::of(&results.scenario) != Question::Recovery || !cost.is_finite() {
        return None;
    }
    let what = incident(results);
    let lost_calls = first.metric(LOST_CALLS).mean;
    let long = match is_ill_at_end(first) {
        true => format!("for at least {}, to the end of the run,", seconds(cost)),
        false => format!("for {}", seconds(cost)),
    };
    let several = what.contains(" and ") || what == "the faults";
    let does = |one: &'static str, many: &'static str| if several { many } else { one };
    let calls = match (Measure::of(&results.scenario), lost_calls) {
        (_, x) if x < 0.5 || x.is_nan() => "no calls".to_string(),
        (Measure::Share, x) => format!("{} calls", thousands(x)),
        (Measure::Rate, x) => format!(
            "{} calls, those among them that callers had no time to make",
            thousands(x)
        ),
    };
    let mut text = match cost == 0.0 && lost_calls < 0.5 {
        true => format!(
            "With {}, {what} {} nothing that can be seen.",
            named(first),
            does("costs", "cost")
        ),
        false => format!(
            "With {}, {what} {} the service {long} and {} {calls}.",
            named(first),
            does("degrades", "degrade"),
            does("costs", "cost"),
        ),
    };
    let peak = first.metric(PEAK_AFTER_PER_S).mean;
    if peak.is_finite() {
        let capacity = results.scenario.entry().capacity_per_s();
        // Of a chain it is the first service that is met, not the one in trouble.
        let alone = results.scenario.services.len() == 1 && capacity.is_finite();
        let of = match alone && capacity > 0.0 {
            true => format!(", {} times its capacity", three_digits(peak / capacity)),
            false => String::new(),
        };
        text += &format!(
            " Afterwards up to {} attempts a second arrive{of}.",
            thousands(peak)
        );
    }
    if let Some(change) = change(results, first) {
        text += &format!(" {}.", capital(&change));
    }
    Some(text)
}

/// The change that helps, with what it brings.
fn change(results: &Results, first: &PolicyResults) -> Option<String> {
    let peak = |p: &PolicyResults| p.metric(PEAK_AFTER_PER_S).mean;
    let none = match ranking(results) {
        Ranking::Alone | Ranking::OneRun => return None,
        Ranking::Nobody => return Some("no policy answers any call".to_string()),
        Ranking::Behind(policy, _) => {
            let mut brings = vec![degraded(policy), format!("{} calls", lost(policy))];
            if peak(policy).is_finite() {
                brings.push(format!("{} attempts a second", thousands(peak(policy))));
            }
            let but = match less_answered(results, first, policy) {
                Some(but) => format!("; {but}"),
                None => String::new(),
            };
            return Some(format!(
                "in its place, {} brings that to {}{but}",
                named(policy),
                list(&brings)
            ));
        }
        Ranking::Ahead(next, _) => format!(
            "no other policy compared does better: {}, the next, loses {} calls",
            named(next),
            lost(next)
        ),
        Ranking::Alike => format!(
            "no other policy compared saves as much as {}% of these calls",
            three_digits(WORTH * 100.0)
        ),
        Ranking::Equal | Ranking::Tied => {
            "no other policy compared saves any of these calls".to_string()
        }
        Ranking::Undetermined => {
            "no other policy compared saves calls by more than chance".to_string()
        }
    };
    let mut helps = Vec::new();
    if Measure::of(&results.scenario) == Measure::Rate
        && let Some((policy, d)) = best_by(results, first, ANSWERED_RATIO, true, &|_| true)
        && d.mean >= TOLD[1]
    {
        helps.push(format!(
            "{} answers {} of its calls in place of {}",
            named(policy),
            percent(policy.metric(ANSWERED_RATIO).mean),
            percent(first.metric(ANSWERED_RATIO).mean)
        ));
    }
    // Who answers no fewer of its calls, before others.
    let lower = |among: &dyn Fn(&PolicyResults) -> bool| {
        let best = best_by(results, first, PEAK_AFTER_PER_S, false, among);
        best.filter(|(_, d)| d.mean <= -TOLD[0] * peak(first))
    };
    let gives_up = |p: &PolicyResults| less_answered(results, first, p).is_some();
    if let Some((policy, _)) = lower(&|p| !gives_up(p)).or_else(|| lower(&gives_up)) {
        let but = match less_answered(results, first, policy) {
            Some(but) => format!(", though {but}"),
            None => String::new(),
        };
        helps.push(format!(
            "{} lowers the peak to {} attempts a second{but}",
            named(policy),
            thousands(peak(policy))
        ));
    }
    Some(match helps.is_empty() {
        true => none,
        false => format!("{none}; {}", list(&helps)),
    })
}

/// The policy among some that is most above the first by a metric, or most below it, by
/// more than chance.
fn best_by<'r>(
    results: &'r Results,
    first: &PolicyResults,
    metric: Key,
    more: bool,
    among: &dyn Fn(&PolicyResults) -> bool,
) -> Option<(&'r PolicyResults, Estimate)> {
    let others = results.policies.iter().skip(1).filter(|p| among(p));
    let differ = others.map(|p| (p, p.difference(first, metric)));
    let better = differ.filter(|(_, d)| if more { d.low > 0.0 } else { d.high < 0.0 });
    let best = better.reduce(|a, b| {
        let b_is_better = if more {
            b.1.mean > a.1.mean
        } else {
            b.1.mean < a.1.mean
        };
        if b_is_better { b } else { a }
    });
    best
}

/// Who answers a smaller share of the calls that it makes, and how much smaller: of callers
/// who wait for an answer, fewer failures and more calls are two things.
fn less_answered(
    results: &Results,
    first: &PolicyResults,
    other: &PolicyResults,
) -> Option<String> {
    let [mine, theirs] = [other, first].map(|p| p.metric(ANSWERED_RATIO).mean);
    let less = Measure::of(&results.scenario) == Measure::Rate && theirs - mine >= TOLD[1];
    less.then(|| {
        format!(
            "of its calls it answers {} in place of {}, as it fails sooner and asks again",
            percent(mine),
            percent(theirs)
        )
    })
}
