//! Which policy answers the most calls, by more than chance.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::ANSWERED_RATIO;
use herdsim_core::stats::Estimate;

/// The policy that answers most calls, by more than chance, and how many more than the
/// first one of all calls: those that never end are not answered.
fn best(results: &Results) -> Option<(&PolicyResults, Estimate)> {
    let baseline = results.policies.first()?;
    let others = results.policies[1..].iter();
    others
        .map(|p| (p, p.difference(baseline, ANSWERED_RATIO)))
        .filter(|(_, d)| d.low > 0.0)
        .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))
}

/// How the first policy stands to the others by calls answered.
pub enum Ranking<'r> {
    /// Nobody to compare with, or nothing to compare by.
    Alone,
    /// One run a policy gives no intervals.
    OneRun,
    /// This one answers so many more of its calls, by more than chance.
    Behind(&'r PolicyResults, Estimate),
    /// It answers the most, so many more than this one, the next.
    Ahead(&'r PolicyResults, Estimate),
    /// To the call as many as every other one.
    Equal,
    /// As many as some other one, and no fewer than any.
    Tied,
    /// Chance may explain what differs.
    Undetermined,
}

/// What can be said of the policies by calls answered.
pub fn ranking(results: &Results) -> Ranking<'_> {
    let [first, others @ ..] = &results.policies[..] else {
        return Ranking::Alone;
    };
    let ahead: Vec<(&PolicyResults, Estimate)> = others
        .iter()
        .map(|p| (p, first.difference(p, ANSWERED_RATIO)))
        .filter(|(_, d)| !d.mean.is_nan())
        .collect();
    let nearest = ahead.iter().min_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let Some((next, d)) = nearest else {
        return Ranking::Alone;
    };
    if results.replications < 2 {
        return Ranking::OneRun;
    }
    if let Some((policy, d)) = best(results) {
        return Ranking::Behind(policy, d);
    }
    let equal = |d: &Estimate| d.mean == 0.0 && d.half_width() == 0.0;
    match d.low > 0.0 {
        true => Ranking::Ahead(next, *d),
        // Where not even chance makes a difference, more runs make none.
        false if ahead.iter().all(|(_, d)| equal(d)) => Ranking::Equal,
        false if equal(d) => Ranking::Tied,
        false => Ranking::Undetermined,
    }
}

/// The policies that answer no fewer calls than another one, by more than chance.
pub fn answering_most(results: &Results) -> Vec<&PolicyResults> {
    let behind = |p: &PolicyResults, other: &PolicyResults| {
        let d = other.difference(p, ANSWERED_RATIO);
        d.low > 0.0 || d.low.is_nan() && d.mean > 0.0
    };
    let most = |p: &&PolicyResults| !results.policies.iter().any(|other| behind(p, other));
    results.policies.iter().filter(most).collect()
}
