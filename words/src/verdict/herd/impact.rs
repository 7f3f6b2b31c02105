//! What an incident costs with each policy: how long, how many calls, how much load.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, COMPLETION_S, DEGRADED_S, ILL_AT_END_RATIO, LONGEST_QUEUE,
    LOST_CALLS, PEAK_AFTER_PER_S, PEAK_AFTER_RATIO, PEAK_DURING_PER_S, WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::stats::Estimate;
use herdsim_core::units::Nanos;

use crate::format::{capital, counted, list, percent, seconds, thousands, three_digits};
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
    // The same of all, as they stand below each other.
    let known = |p: &PolicyResults| p.metric(DEGRADED_S).mean.is_finite();
    match Question::of(&results.scenario) {
        Question::Recovery if results.policies.iter().all(known) => [
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

/// Of a chain: the service to which most attempts come for what it can do by itself, with the
/// first policy.
///
/// How busy services are does not tell: one that waits for the next is busy too.
pub fn bottleneck(results: &Results) -> Option<String> {
    let first = results.policies.first()?;
    if results.scenario.services.len() == 1 {
        return None;
    }
    let capacity = |i: usize| results.scenario.services[i].capacity_per_s();
    let load = |(i, tier): &(usize, &PolicyResults)| peak(tier) / capacity(*i);
    let tiers = first.tiers().enumerate();
    let tiers = tiers.filter(|(i, tier)| capacity(*i).is_finite() && peak(tier).is_finite());
    let (i, tier) = tiers.reduce(|a, b| if load(&b) > load(&a) { b } else { a })?;
    let [all, during] = [first.amplification(), first.amplification_during()].map(|of| of[i]);
    let mut text = format!(
        "The bottleneck with {} is {}: up to {} a second arrive, {} times the {} that its servers \
         can do by themselves, and up to {} wait",
        named(first),
        results.scenario.tier_name(i),
        counted(&thousands(peak(tier)), "attempt"),
        three_digits(load(&(i, tier))),
        thousands(capacity(i)),
        thousands(tier.metric(LONGEST_QUEUE).mean)
    );
    if during.is_finite() {
        text += &format!(
            "; a call of the callers becomes {} there while the faults last, {} over the whole \
             run",
            counted(&three_digits(during), "attempt"),
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
    let long = match first.metric(ILL_AT_END_RATIO).mean {
        0.0 => format!("for {}", seconds(cost)),
        1.0 => format!("for at least {}, to the end of the run,", seconds(cost)),
        share => format!(
            "for at least {} on average, in {} of runs to their end,",
            seconds(cost),
            percent(share)
        ),
    };
    let several = what.contains(" and ") || what == "the faults";
    let does = |one: &'static str, many: &'static str| if several { many } else { one };
    let calls = match (Measure::of(&results.scenario), lost_calls) {
        (_, x) if x < 0.5 || x.is_nan() => "no calls".to_string(),
        (Measure::Share, x) => calls(x),
        (Measure::Rate, x) => format!(
            "{}, those among them that callers had no time to make",
            calls(x)
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
        let times = first.metric(PEAK_AFTER_RATIO).mean;
        // Of a chain it is the first service that is met, not the one in trouble.
        let alone = results.scenario.services.len() == 1 && times.is_finite();
        let of = match alone {
            true => format!(", {} times the capacity then", three_digits(times)),
            false => String::new(),
        };
        let fades = results
            .scenario
            .faults
            .iter()
            .any(|fault| fault.ramp > Nanos::ZERO);
        let when = match fades {
            true => "Once the full force is over",
            false => "Afterwards",
        };
        text += &format!(
            " {when} up to {} attempts a second arrive{of}.",
            thousands(peak)
        );
    }
    // Where nothing is lost, no change is worth a word.
    let costs = cost > 0.0 || lost_calls >= 0.5;
    if let Some(change) = change(results, first).filter(|_| costs) {
        text += &format!(" {}.", capital(&change));
    }
    Some(text)
}

fn calls(x: f64) -> String {
    counted(&thousands(x), "call")
}

/// How a policy fares, as far as it is known: "degraded for 1.86 s, 9,562 calls lost and up to
/// 5,882 attempts a second afterwards".
fn fares(policy: &PolicyResults) -> Option<String> {
    let mean = |metric| policy.metric(metric).mean;
    let mut facts = Vec::new();
    if mean(DEGRADED_S).is_finite() {
        facts.push(format!("degraded for {}", degraded(policy)));
    }
    if mean(LOST_CALLS).is_finite() {
        facts.push(format!("{} lost", calls(mean(LOST_CALLS).max(0.0))));
    }
    if mean(PEAK_AFTER_PER_S).is_finite() {
        let peak = thousands(mean(PEAK_AFTER_PER_S));
        facts.push(format!("up to {peak} attempts a second afterwards"));
    }
    (!facts.is_empty()).then(|| list(&facts))
}

/// The change that helps, with how it fares.
fn change(results: &Results, first: &PolicyResults) -> Option<String> {
    let peak = |p: &PolicyResults| p.metric(PEAK_AFTER_PER_S).mean;
    let measure = Measure::of(&results.scenario);
    let worth = three_digits(WORTH * 100.0);
    let none = match ranking(results) {
        Ranking::Alone | Ranking::OneRun => return None,
        Ranking::Nobody => return Some("no policy answers any call".to_string()),
        Ranking::Behind(policy, d) => {
            let fares = fares(policy).map_or_else(String::new, |fares| format!(": {fares}"));
            let but = match less_answered(results, first, policy) {
                Some(but) => format!("; {but}"),
                None => String::new(),
            };
            return Some(format!(
                "in its place, {} answers {}{fares}{but}",
                named(policy),
                measure.more(d.mean)
            ));
        }
        Ranking::Ahead(next, d) => format!(
            "no other policy compared does better: it answers {} than {}, the next",
            measure.more(d.mean),
            named(next)
        ),
        Ranking::Slight => {
            format!("no other policy compared answers more by as much as {worth}% of these calls")
        }
        Ranking::Equal | Ranking::Tied => "no other policy compared answers more calls".to_string(),
        Ranking::Undetermined => {
            "whether another policy compared answers more calls takes more runs to tell".to_string()
        }
    };
    let mut helps = Vec::new();
    if measure == Measure::Rate
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
    better.reduce(|a, b| {
        let b_is_better = if more {
            b.1.mean > a.1.mean
        } else {
            b.1.mean < a.1.mean
        };
        if b_is_better { b } else { a }
    })
}

/// Who answers a smaller share of the calls that it makes, and how much smaller: of callers
/// who wait for an answer, fewer failures and more calls are two things.
fn less_answered(
    results: &Results,
    first: &PolicyResults,
    other: &PolicyResults,
) -> Option<String> {
    let [mine, theirs] = [other, first].map(|p| p.metric(ANSWERED_RATIO).mean);
    let why = match Measure::of(&results.scenario) {
        Measure::Rate => ", as it fails sooner and asks again",
        Measure::Share => "",
    };
    (theirs - mine >= TOLD[1]).then(|| {
        format!(
            "of its calls it answers {} in place of {}{why}",
            percent(mine),
            percent(theirs)
        )
    })
}
