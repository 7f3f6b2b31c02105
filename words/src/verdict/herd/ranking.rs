//! Which policy answers the most calls, by more than chance.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{ANSWERED_RATIO, GOODPUT_PER_S, JUDGED_CALLS, LOST_CALLS};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::{Arrival, Callers};
use herdsim_core::scenario::catalogue::NO_ACTION;
use herdsim_core::stats::Estimate;

use crate::format::{percent, three_digits};

/// By what policies are compared.
///
/// Who waits for an answer before the next call makes fewer calls the longer that takes, and
/// more the sooner they fail: shares of calls would compare different questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The share of judged calls that is answered.
    Share,
    /// Answered calls per second, of closed callers.
    Rate,
}

impl Measure {
    pub fn of(scenario: &Scenario) -> Measure {
        let closed = |group: &Callers| matches!(group.arrival, Arrival::Closed { .. });
        match scenario.groups.iter().all(closed) {
            true => Measure::Rate,
            false => Measure::Share,
        }
    }

    /// The metric that it is.
    pub fn key(self) -> Key {
        match self {
            Measure::Share => ANSWERED_RATIO,
            Measure::Rate => GOODPUT_PER_S,
        }
    }

    /// Its mean with a policy.
    pub fn mean(self, policy: &PolicyResults) -> f64 {
        policy.metric(self.key()).mean
    }

    /// `96.7% of calls`, `536 calls/s`.
    pub fn show(self, value: f64) -> String {
        match self {
            Measure::Share => format!("{} of calls", percent(value)),
            Measure::Rate => format!("{} calls/s", three_digits(value)),
        }
    }

    /// What it counts.
    pub fn noun(self) -> &'static str {
        match self {
            Measure::Share => "calls answered",
            Measure::Rate => "calls answered a second",
        }
    }

    /// `3.2 more of every 100 calls`, `3.2 more calls a second`.
    pub fn more(self, difference: f64) -> String {
        match self {
            Measure::Share => format!("{} more of every 100 calls", self.points(difference)),
            Measure::Rate => format!("{} more calls a second", self.points(difference)),
        }
    }

    /// A difference as [`Measure::more`] counts it.
    pub fn points(self, difference: f64) -> String {
        match self {
            Measure::Share => three_digits(difference * 100.0),
            Measure::Rate => three_digits(difference),
        }
    }
}

/// How the first policy stands to the others by calls answered.
pub enum Ranking<'r> {
    /// Nobody to compare with, or nothing to compare by.
    Alone,
    /// One run a policy gives no intervals.
    OneRun,
    /// No policy answers anything.
    Nobody,
    /// This one answers so many more of its calls, by more than chance.
    Behind(&'r PolicyResults, Estimate),
    /// It answers the most, so many more than this one, the next.
    Ahead(&'r PolicyResults, Estimate),
    /// In every run to the call as many as every other one.
    Equal,
    /// As many as some other one, and no fewer than any.
    Tied,
    /// None answers more by as much as [`WORTH`] of what is lost, for certain.
    Slight,
    /// More runs may tell whether another one is better.
    Undetermined,
}

/// The part of the lost calls from which on a difference is worth a change of policy.
pub const WORTH: f64 = 0.01;

/// The least difference between two policies that is worth a change, as [`Measure`] counts:
/// [`WORTH`] of the calls that the faults cost the one to which they cost more. Without
/// faults, or where that is not known, whatever is more than chance.
pub fn least(scenario: &Scenario, a: &PolicyResults, b: &PolicyResults) -> f64 {
    let lost = |p: &PolicyResults| p.metric(LOST_CALLS).mean;
    let lost = lost(a).max(lost(b));
    let over = match Measure::of(scenario) {
        Measure::Share => a.metric(JUDGED_CALLS).mean,
        Measure::Rate => scenario.run.horizon.as_secs() - scenario.run.warmup.as_secs(),
    };
    match lost > 0.0 && over > 0.0 {
        true => WORTH * lost / over,
        false => 0.0,
    }
}

/// Whether two policies answer as many calls: chance may explain what differs, or it is
/// certainly not worth a change. Where there is no interval, or every run differs by as much,
/// there is no chance to speak of.
pub fn is_alike(scenario: &Scenario, a: &PolicyResults, b: &PolicyResults) -> bool {
    let d = a.difference(b, Measure::of(scenario).key());
    let least = least(scenario, a, b);
    match std::ptr::eq(a, b) {
        true => true,
        _ if d.low.is_nan() || d.agrees() => d.mean == 0.0 || d.mean.abs() < least,
        _ => !(d.low > 0.0 || d.high < 0.0) || d.low > -least && d.high < least,
    }
}

/// What can be said of the policies by calls answered.
pub fn ranking(results: &Results) -> Ranking<'_> {
    let [first, others @ ..] = &results.policies[..] else {
        return Ranking::Alone;
    };
    // To do nothing is no policy.
    let others: Vec<&PolicyResults> = others
        .iter()
        .filter(|policy| !policy.name.ends_with(NO_ACTION))
        .collect();
    let measure = Measure::of(&results.scenario);
    let ahead: Vec<(&PolicyResults, Estimate)> = others
        .iter()
        .map(|p| (*p, first.difference(p, measure.key())))
        .filter(|(_, d)| !d.mean.is_nan())
        .collect();
    let nearest = ahead.iter().min_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let Some((next, d)) = nearest else {
        return Ranking::Alone;
    };
    if results.policies.iter().all(|p| measure.mean(p) == 0.0) {
        return Ranking::Nobody;
    }
    if results.replications < 2 {
        return Ranking::OneRun;
    }
    let least = |p: &PolicyResults| least(&results.scenario, first, p);
    // By more than chance, or by as much in every run; and worth it.
    let apart = |p: &PolicyResults, d: &Estimate| {
        let certain = d.low > 0.0 || d.agrees() && d.mean > 0.0;
        certain && d.mean >= least(p)
    };
    // The one that answers most, all that are ahead considered.
    let behind = others
        .iter()
        .map(|p| (*p, p.difference(first, measure.key())));
    let behind = behind.filter(|(p, d)| apart(p, d));
    if let Some((policy, d)) = behind.max_by(|a, b| a.1.mean.total_cmp(&b.1.mean)) {
        return Ranking::Behind(policy, d);
    }
    let equal = |d: &Estimate| d.mean == 0.0 && d.agrees();
    // What another one answers more is at most so much: less than is worth a change.
    let slight = |(p, d): &(&PolicyResults, Estimate)| {
        let most = if d.agrees() { -d.mean } else { -d.low };
        equal(d) || most < least(p)
    };
    match ahead.iter().all(|(p, d)| apart(p, d)) {
        true => Ranking::Ahead(next, *d),
        // Where not even chance makes a difference, more runs make none.
        false if ahead.iter().all(|(_, d)| equal(d)) => Ranking::Equal,
        false if equal(d) => Ranking::Tied,
        false if ahead.iter().all(slight) => Ranking::Slight,
        false => Ranking::Undetermined,
    }
}

/// The policies that answer calls, and no fewer than another one, by more than chance.
pub fn answering_most(results: &Results) -> Vec<&PolicyResults> {
    let measure = Measure::of(&results.scenario);
    let behind = |p: &PolicyResults, other: &PolicyResults| {
        let d = other.difference(p, measure.key());
        d.low > 0.0 || d.low.is_nan() && d.mean > 0.0
    };
    let most = |p: &&PolicyResults| {
        measure.mean(p) > 0.0 && !results.policies.iter().any(|other| behind(p, other))
    };
    results.policies.iter().filter(most).collect()
}
