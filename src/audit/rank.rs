//! Which of several policies is better, by what the fault does to each on the same random
//! numbers.

use std::cmp::Ordering;

use herdsim_core::ensemble::herd::PolicyResults;
use herdsim_core::herd::{
    ATTEMPTS_PER_CALL, LOST_CALLS, METRICS, PEAK_AFTER_PER_S, RECOVERED_RATIO,
};
use herdsim_core::metric::{Better, Entry, Key};

/// What changes are ranked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Objective {
    /// Whether it recovers, then calls lost, the peak after the fault, attempts
    #[default]
    Balanced,
    /// Calls lost first
    Lost,
    /// The peak after the fault first
    Peak,
    /// Attempts per call first
    Attempts,
}

impl Objective {
    pub fn name(self) -> &'static str {
        match self {
            Objective::Balanced => "balanced",
            Objective::Lost => "lost",
            Objective::Peak => "peak",
            Objective::Attempts => "attempts",
        }
    }

    /// What is compared, one after the other.
    fn keys(self) -> [Key; 4] {
        let balanced = [
            RECOVERED_RATIO,
            LOST_CALLS,
            PEAK_AFTER_PER_S,
            ATTEMPTS_PER_CALL,
        ];
        let first = match self {
            Objective::Balanced => return balanced,
            Objective::Lost => LOST_CALLS,
            Objective::Peak => PEAK_AFTER_PER_S,
            Objective::Attempts => ATTEMPTS_PER_CALL,
        };
        let others: Vec<Key> = balanced.into_iter().filter(|key| *key != first).collect();
        [first, others[0], others[1], others[2]]
    }
}

/// A difference of less than this part of the larger value is no reason for a change.
const WORTH: f64 = 0.02;

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    /// What differs is not worth a change, for certain.
    Alike,
    /// More replications may tell.
    Undecided,
}

/// How `a` stands to `b`: by the first thing that is certain to differ, and by as much as is
/// worth a change. What comes before it and is undecided has to point the same way.
pub fn compare(a: &PolicyResults, b: &PolicyResults, objective: Objective) -> Verdict {
    let mut leanings = Vec::new();
    for key in objective.keys() {
        match by(a, b, key) {
            Verdict::Alike => {}
            Verdict::Undecided => {
                let leans = a.difference(b, key).mean * direction(key) > 0.0;
                leanings.push(if leans {
                    Verdict::Better
                } else {
                    Verdict::Worse
                });
            }
            certain if leanings.iter().all(|leaning| *leaning == certain) => return certain,
            _ => return Verdict::Undecided,
        }
    }
    match leanings.is_empty() {
        true => Verdict::Alike,
        false => Verdict::Undecided,
    }
}

/// 1 where more is better, else −1.
fn direction(key: Key) -> f64 {
    match Entry::of(METRICS, key).metric.better {
        Better::More => 1.0,
        _ => -1.0,
    }
}

/// Whether `a` is as good as `b`, or what it is worse by is little: less than 2% of the
/// calls that are lost without a change, and no more than half of what `b` loses.
pub fn is_as_good(
    a: &PolicyResults,
    b: &PolicyResults,
    read: Option<&PolicyResults>,
    objective: Objective,
) -> bool {
    let [mine, theirs] = [a, b].map(|p| p.metric(RECOVERED_RATIO).mean);
    let recovers = mine >= theirs || mine.is_nan();
    let lost = a.difference(b, LOST_CALLS).mean;
    let now = read.map_or(0.0, |read| read.metric(LOST_CALLS).mean.max(0.0));
    let least = b.metric(LOST_CALLS).mean.max(0.0);
    let little = lost <= WORTH * now && lost <= 0.5 * least;
    match objective {
        Objective::Balanced | Objective::Lost => recovers && (little || lost.is_nan()),
        Objective::Peak | Objective::Attempts => {
            matches!(compare(a, b, objective), Verdict::Alike | Verdict::Better)
        }
    }
}

fn by(a: &PolicyResults, b: &PolicyResults, key: Key) -> Verdict {
    let d = a.difference(b, key);
    let least = WORTH * a.metric(key).mean.abs().max(b.metric(key).mean.abs());
    // Where every run differs by as much there is no interval, and none is needed.
    let (low, high) = match d.agrees() || d.low.is_nan() {
        true => (d.mean, d.mean),
        false => (d.low, d.high),
    };
    match () {
        () if d.mean.is_nan() => Verdict::Alike,
        () if low > -least && high < least || d.mean == 0.0 && low == high => Verdict::Alike,
        () if low > 0.0 || high < 0.0 => match d.mean * direction(key) > 0.0 {
            true if d.mean.abs() >= least => Verdict::Better,
            false if d.mean.abs() >= least => Verdict::Worse,
            _ => Verdict::Alike,
        },
        () => Verdict::Undecided,
    }
}

/// The order of what was measured, best first: by means, where these differ by as much as is
/// worth a change.
pub fn order(a: &PolicyResults, b: &PolicyResults, objective: Objective) -> Ordering {
    for key in objective.keys() {
        let [mine, theirs] = [a.metric(key).mean, b.metric(key).mean];
        if mine.is_nan() || theirs.is_nan() {
            continue;
        }
        let ascending = rounded(mine).total_cmp(&rounded(theirs));
        let order = match Entry::of(METRICS, key).metric.better {
            Better::More => ascending.reverse(),
            _ => ascending,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// To steps of [`WORTH`], so that the order is one.
fn rounded(x: f64) -> f64 {
    match x > 0.0 {
        true => (x.ln() / WORTH.ln_1p()).round(),
        false => f64::NEG_INFINITY,
    }
}
