//! What each chart of a herd shows, in a sentence: its title.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::series::QUEUE_LENGTH;
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, HERD_INDEX, JUDGED_CALLS, Stretch, WAIT_P99_S,
};
use herdsim_core::scenario::fault::OnHosts;

use crate::format::{capital, counted, list, percent, seconds, thousands, three_digits};
use crate::verdict::herd::ends::{ends, ends_of};
use crate::verdict::herd::facts::DRAWS;
use crate::verdict::herd::ranking::{Measure, Ranking, WORTH, ranking};
use crate::verdict::herd::{headline, named};

/// Of the scoreboard: which change helps most.
pub fn change(results: &Results) -> String {
    let first = &results.policies[0];
    let measure = Measure::of(&results.scenario);
    match ranking(results) {
        Ranking::Alone if measure.mean(first).is_nan() => headline(results),
        Ranking::Alone => format!(
            "{} answers {}, attempts per call: {}",
            named(first),
            measure.show(measure.mean(first)),
            three_digits(first.metric(ATTEMPTS_PER_CALL).mean)
        ),
        Ranking::OneRun => "One run a policy: what is chance cannot be told".to_string(),
        Ranking::Nobody => "No policy answers any call".to_string(),
        Ranking::Behind(policy, d) => format!(
            "In place of {}, {} answers {}",
            named(first),
            named(policy),
            measure.more(d.mean)
        ),
        Ranking::Ahead(..) => format!("{} answers the most calls", named(first)),
        Ranking::Equal => "No policy answers more calls than another".to_string(),
        Ranking::Slight => format!(
            "No other policy saves as much as {}% of the calls that are lost with {}",
            three_digits(WORTH * 100.0),
            named(first)
        ),
        Ranking::Tied => format!("No policy answers more calls than {}", named(first)),
        Ranking::Undetermined => format!(
            "Whether a policy answers more calls than {} takes more runs to tell",
            named(first)
        ),
    }
}

/// Of the outcomes: the most and the fewest calls that are answered.
pub fn outcomes(results: &Results) -> String {
    match ends(results, ANSWERED_RATIO) {
        None => headline(results),
        Some(ends) if percent(ends.least.1) != percent(ends.most.1) => format!(
            "{} answers {} of its calls, {} {}",
            named(ends.most.0),
            percent(ends.most.1),
            named(ends.least.0),
            percent(ends.least.1)
        ),
        Some(ends) if ends.known == 1 => format!(
            "{} answers {} of its calls",
            named(ends.most.0),
            percent(ends.most.1)
        ),
        Some(ends) => format!("Every policy answers {} of its calls", percent(ends.most.1)),
    }
}

/// Of latency over time: the 99th percentile of all calls, a mean over the runs.
pub fn tail(results: &Results) -> String {
    // Never in some of the runs is not never.
    let never = |p: &PolicyResults| p.raw.iter().all(|sample| sample[WAIT_P99_S].is_nan());
    if results.policies.iter().all(never) {
        return median(results);
    }
    waits(results, "99 of 100", |p| p.metric(WAIT_P99_S).mean, never)
}

/// Of the distribution of waits: the median of all runs together.
pub fn median(results: &Results) -> String {
    let median = |p: &PolicyResults| p.wait_s(0.5);
    waits(results, "half", median, |p| median(p).is_nan())
}

/// Within which time a share of all calls is answered, and with whom never.
fn waits(
    results: &Results,
    share: &str,
    wait: impl Fn(&PolicyResults) -> f64,
    never: impl Fn(&PolicyResults) -> bool,
) -> String {
    let asked = |p: &&PolicyResults| p.metric(JUDGED_CALLS).mean > 0.0;
    let never = results.policies.iter().filter(|p| never(p)).filter(asked);
    let never: Vec<&str> = never.map(named).collect();
    let whom = match never.len() {
        n if n == results.policies.len() && n > 1 => "every policy".to_string(),
        0..=3 => list(&never),
        n => format!("{n} others"),
    };
    match ends_of(results, &wait) {
        None if never.is_empty() => headline(results),
        None => format!("Fewer than {share} of all calls are ever answered with {whom}"),
        Some(ends) => {
            let others = results.policies.len() - never.len();
            let every = match (never.is_empty(), ends.known == others) {
                (true, true) => "every policy",
                (false, true) => "every other policy",
                (_, false) => "those of which it is known",
            };
            let answered = format!(
                "{} of all calls are answered within {}",
                capital(share),
                ends.between(every, seconds)
            );
            match never.is_empty() {
                true => answered,
                false => format!("{answered}, never with {whom}"),
            }
        }
    }
}

/// Of the queue: whether it is full to the end, and else how long it gets.
pub fn queue(results: &Results) -> String {
    let Some(pool) = results.scenario.entry().pool() else {
        return headline(results);
    };
    let room = f64::from(pool.queue) * f64::from(results.scenario.entry().host_count());
    // Of a chain it is that of the service that callers meet.
    let of = match results.scenario.services.len() {
        1 => String::new(),
        _ => format!(" of {}", results.scenario.tier_name(0)),
    };
    let lengths = |p: &PolicyResults| -> Vec<f64> {
        let bins = p.series.iter();
        bins.map(|bin| bin[QUEUE_LENGTH.index()].mean).collect()
    };
    // The last second, or the last bin.
    let second = (1.0 / results.scenario.run.bin.as_secs()).ceil().max(1.0) as usize;
    let last = |p: &PolicyResults| {
        let lengths = lengths(p);
        let tail = &lengths[lengths.len().saturating_sub(second)..];
        tail.iter().sum::<f64>() / tail.len().max(1) as f64
    };
    let peak = |p: &PolicyResults| lengths(p).into_iter().fold(0.0, f64::max);
    let full = results.policies.iter().filter(|p| last(p) >= 0.95 * room);
    let full: Vec<&str> = full.map(named).collect();
    let all = results.policies.len();
    match full.len() {
        n if n == all && all > 1 && room > 0.0 => {
            format!("The queue{of} is full to the end with every policy")
        }
        n if n > 3 && room > 0.0 => {
            format!("The queue{of} is full to the end with {n} of {all} policies")
        }
        n if n > 0 && room > 0.0 => {
            format!("The queue{of} is full to the end with {}", list(&full))
        }
        _ => {
            let by_peak = |a: &&PolicyResults, b: &&PolicyResults| peak(a).total_cmp(&peak(b));
            let Some(longest) = results.policies.iter().rev().max_by(by_peak) else {
                return headline(results);
            };
            match peak(longest) {
                most if most < 0.5 => "Next to no attempt waits".to_string(),
                most => format!(
                    "The queue{of} grows to {} on average, with {}",
                    thousands(most),
                    named(longest)
                ),
            }
        }
    }
}

/// Of the waves of retries: how much more comes at once than is usual, in the first run,
/// which is the one that is drawn.
pub fn waves(results: &Results) -> String {
    let first = |p: &PolicyResults| p.raw.first().map_or(f64::NAN, |sample| sample[HERD_INDEX]);
    let times = |x| format!("{} times", three_digits(x));
    if let Some(ends) = ends_of(results, first) {
        let (worst, high) = ends.most;
        let mut text = format!(
            "At its worst {} brings {} the usual attempts",
            named(worst),
            times(high)
        );
        if times(ends.least.1) != times(high) {
            text += &format!(", {} {}", named(ends.least.0), times(ends.least.1));
        }
        return text;
    }
    let most = |p: &PolicyResults| p.waves.iter().map(|bin| bin.iter().sum::<u32>()).max();
    let worst = results.policies.iter().rev().max_by_key(|p| most(p));
    let width = Stretch::of(&results.scenario).bin as f64 / 1e9;
    match worst.and_then(|p| Some((p, most(p)?))) {
        Some((first, all)) if results.policies.iter().all(|p| most(p) == most(first)) => {
            let count = counted(&thousands(f64::from(all)), "attempt");
            format!("At worst {count} within {}", seconds(width))
        }
        Some((policy, most)) => format!(
            "At worst {} within {}, with {}",
            counted(&thousands(f64::from(most)), "attempt"),
            seconds(width),
            named(policy)
        ),
        None => headline(results),
    }
}

/// Of the groups of callers: what the first policy answers of each.
pub fn groups(results: &Results) -> String {
    let first = &results.policies[0];
    let answered = |group: &PolicyResults| group.metric(ANSWERED_RATIO).mean;
    let known = first
        .groups
        .iter()
        .filter(|group| !answered(group).is_nan());
    let told: Vec<String> = known
        .map(|group| format!("{} of {}", percent(answered(group)), group.name))
        .collect();
    match told.len() {
        0 => headline(results),
        1..=4 => format!("{} answers {}", named(first), list(&told)),
        n => format!("{} answers {} and {} others", named(first), told[0], n - 1),
    }
}

/// Of the hosts of a service: the share that the busiest gets.
pub fn hosts(results: &Results, tier: usize) -> String {
    let share = |policy: &PolicyResults| -> Option<(usize, f64)> {
        let hosts = policy.hosts.get(tier)?.iter().enumerate();
        let shares = hosts.map(|(i, host)| (i + 1, host.share.mean));
        shares.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let busiest = results.policies.iter().filter_map(|p| Some((p, share(p)?)));
    let Some((policy, (host, most))) = busiest.max_by(|a, b| a.1.1.total_cmp(&b.1.1)) else {
        return headline(results);
    };
    let all = results.scenario.services[tier].host_count();
    // Where a fault hits a host that gets no more than others, it is that one's share.
    let faults = results.scenario.faults_at(tier);
    let hit = faults.iter().find_map(|fault| match fault.hosts? {
        OnHosts::One(n) => Some(n as usize),
        _ => Some(1),
    });
    if let Some(hit) = hit
        && most * f64::from(all) < DRAWS
        && let Some(ends) = ends_of(results, |p| {
            p.hosts
                .get(tier)
                .and_then(|hosts| hosts.get(hit - 1))
                .map_or(f64::NAN, |h| h.share.mean)
        })
    {
        let share = ends.between("every policy", percent);
        return format!("Of the attempts host {hit} of {all} gets {share}");
    }
    match most * f64::from(all) {
        even if even < 1.1 => format!(
            "Each of {all} hosts gets about {} of the attempts",
            percent(1.0 / f64::from(all))
        ),
        _ => format!(
            "With {} host {host} of {all} gets {} of the attempts",
            named(policy),
            percent(most)
        ),
    }
}

/// Of a chain: where it makes most of a call.
pub fn amplification(results: &Results) -> String {
    let at = |p: &PolicyResults| -> Option<(usize, f64)> {
        let all = p.amplification().into_iter().enumerate();
        all.filter(|(_, x)| x.is_finite())
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
    };
    let worst = results.policies.iter().filter_map(|p| Some((p, at(p)?)));
    match worst.reduce(|a, b| if b.1.1 > a.1.1 { b } else { a }) {
        Some((policy, (tier, most))) => format!(
            "With {} a call becomes {} at {}",
            named(policy),
            counted(&three_digits(most), "attempt"),
            results.scenario.tier_name(tier)
        ),
        None => headline(results),
    }
}
