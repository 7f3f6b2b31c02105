//! What each chart of a herd shows, in a sentence: its title.

use crate::ensemble::herd::{PolicyResults, Results, metric_index};
use crate::ensemble::stats::Estimate;
use crate::herd::{SERIES, Stretch};
use crate::output::verdict::{headline, named};
use crate::output::words::{list, percent, seconds, thousands, three_digits};

/// The policies with the lowest and the highest mean of a metric.
fn extremes<'r>(results: &'r Results, metric: &str) -> Option<[(&'r PolicyResults, f64); 2]> {
    let means = results.policies.iter().map(|p| (p, p.metric(metric).mean));
    let known = means.filter(|(_, mean)| mean.is_finite());
    let by_mean = |a: &(&PolicyResults, f64), b: &(&PolicyResults, f64)| a.1.total_cmp(&b.1);
    // Of equals the first, as it is drawn.
    let least = known.clone().min_by(by_mean)?;
    Some([least, known.rev().max_by(by_mean)?])
}

/// "so much with this policy, so much with that one", or with every policy.
fn spread(ends: [(&PolicyResults, f64); 2], show: impl Fn(f64) -> String) -> String {
    let [(least, low), (most, high)] = ends;
    match show(low) == show(high) {
        true if std::ptr::eq(least, most) => format!("{} with {}", show(low), named(least)),
        true => format!("{} with every policy", show(low)),
        false => format!(
            "{} with {}, {} with {}",
            show(low),
            named(least),
            show(high),
            named(most)
        ),
    }
}

/// The policy whose calls are answered most, by more than chance, and how many more
/// than by the first one.
pub fn best(results: &Results) -> Option<(&PolicyResults, Estimate)> {
    let success = metric_index("success_ratio")?;
    let baseline = results.policies.first()?;
    let others = results.policies[1..].iter();
    others
        .map(|p| (p, p.difference(baseline, success)))
        .filter(|(_, d)| d.low > 0.0)
        .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))
}

/// Of the scoreboard: which change helps most.
pub fn change(results: &Results) -> String {
    let first = &results.policies[0];
    match best(results) {
        Some((policy, d)) => format!(
            "In place of {}, {} answers {} more of every 100 calls",
            named(first),
            named(policy),
            three_digits(d.mean * 100.0)
        ),
        None if results.policies.len() > 1 => {
            let success = metric_index("success_ratio");
            let behind =
                |p: &PolicyResults| success.is_some_and(|i| first.difference(p, i).low > 0.0);
            match results.policies[1..].iter().all(behind) {
                true => format!("{} answers the most calls", named(first)),
                false => format!(
                    "No policy answers more calls than {} by more than chance",
                    named(first)
                ),
            }
        }
        None => format!(
            "{} answers {} of its calls, attempts per call: {}",
            named(first),
            percent(first.metric("success_ratio").mean),
            three_digits(first.metric("attempts_per_call").mean)
        ),
    }
}

/// Of the outcomes: the most and the fewest calls that are answered.
pub fn outcomes(results: &Results) -> String {
    match extremes(results, "success_ratio") {
        None => headline(results),
        Some([low, high]) if percent(low.1) != percent(high.1) => format!(
            "{} answers {} of its calls, {} {}",
            named(high.0),
            percent(high.1),
            named(low.0),
            percent(low.1)
        ),
        Some(ends) => format!("{} of calls are answered", spread(ends, percent)),
    }
}

/// Of latency over time: the 99th percentile.
pub fn tail(results: &Results) -> String {
    match extremes(results, "latency_p99_s") {
        None => headline(results),
        Some(ends) => format!(
            "99 of 100 answered calls take at most {}",
            spread(ends, seconds)
        ),
    }
}

/// Of the distribution of latency: its median.
pub fn median(results: &Results) -> String {
    match extremes(results, "latency_p50_s") {
        None => headline(results),
        Some(ends) => format!(
            "Half of the answered calls take at most {}",
            spread(ends, seconds)
        ),
    }
}

/// Of the queue: whether it is full to the end, and else how long it gets.
pub fn queue(results: &Results) -> String {
    let Some(pool) = results.scenario.entry().pool() else {
        return headline(results);
    };
    let room = f64::from(pool.queue);
    let column = SERIES.iter().position(|c| *c == "queue_length");
    let lengths = |p: &PolicyResults| -> Vec<f64> {
        let bins = p.series.iter();
        bins.map(|bin| column.map_or(0.0, |c| bin[c].mean))
            .collect()
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
            "The queue is full to the end with every policy".to_string()
        }
        n if n > 3 && room > 0.0 => {
            format!("The queue is full to the end with {n} of {all} policies")
        }
        n if n > 0 && room > 0.0 => format!("The queue is full to the end with {}", list(&full)),
        _ => {
            let by_peak = |a: &&PolicyResults, b: &&PolicyResults| peak(a).total_cmp(&peak(b));
            let Some(longest) = results.policies.iter().rev().max_by(by_peak) else {
                return headline(results);
            };
            match peak(longest) {
                most if most < 0.5 => "Next to no attempt waits".to_string(),
                most => format!(
                    "The queue grows to {} with {}",
                    thousands(most),
                    named(longest)
                ),
            }
        }
    }
}

/// Of the waves of retries: how much more comes at once than is usual.
pub fn waves(results: &Results) -> String {
    match extremes(results, "herd_index") {
        Some([(calm, low), (worst, high)]) => {
            let times = |x| format!("{} times", three_digits(x));
            let mut text = format!(
                "In its worst 10 ms {} brings {} the usual attempts",
                named(worst),
                times(high)
            );
            if times(low) != times(high) {
                text += &format!(", {} {}", named(calm), times(low));
            }
            text
        }
        None => {
            let most = |p: &PolicyResults| p.waves.iter().map(|bin| bin.iter().sum::<u32>()).max();
            let worst = results.policies.iter().max_by_key(|p| most(p));
            let width = Stretch::of(&results.scenario).bin as f64 / 1e9;
            match worst.and_then(|p| Some((p, most(p)?))) {
                Some((policy, most)) => format!(
                    "At worst {} attempts come within {}, with {}",
                    thousands(f64::from(most)),
                    seconds(width),
                    named(policy)
                ),
                None => headline(results),
            }
        }
    }
}

/// Of a chain: what it makes of a call at its last service.
pub fn amplification(results: &Results) -> String {
    let last = results.scenario.services.len() - 1;
    let at_last = |p: &PolicyResults| p.amplification().last().copied().unwrap_or(f64::NAN);
    let known = results.policies.iter().filter(|p| at_last(p).is_finite());
    let worst = known.max_by(|a, b| at_last(a).total_cmp(&at_last(b)));
    match worst {
        Some(policy) => format!(
            "With {} a call becomes {} attempts at {}",
            named(policy),
            three_digits(at_last(policy)),
            results.scenario.tier_name(last)
        ),
        None => headline(results),
    }
}
