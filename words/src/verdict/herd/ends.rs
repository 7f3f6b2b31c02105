//! The policies with the lowest and the highest of some values, in words.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::{ANSWERED_RATIO, ATTEMPTS_PER_CALL, WAIT_P99_S};
use herdsim_core::metric::Key;

use super::fate::named;
use crate::format::{percent, seconds, three_digits};

/// The policies with the lowest and the highest of some values, where there are any.
pub struct Ends<'r> {
    pub least: (&'r PolicyResults, f64),
    pub most: (&'r PolicyResults, f64),
    /// Policies that have a value.
    pub known: usize,
}

pub fn ends_of(results: &Results, value: impl Fn(&PolicyResults) -> f64) -> Option<Ends<'_>> {
    let values = results.policies.iter().map(|p| (p, value(p)));
    let known: Vec<(&PolicyResults, f64)> = values.filter(|(_, x)| x.is_finite()).collect();
    let by_value = |a: &&(&PolicyResults, f64), b: &&(&PolicyResults, f64)| a.1.total_cmp(&b.1);
    // Of equals the first, as it is drawn.
    Some(Ends {
        least: *known.iter().min_by(by_value)?,
        most: *known.iter().rev().max_by(by_value)?,
        known: known.len(),
    })
}

pub fn ends<'r>(results: &'r Results, metric: Key) -> Option<Ends<'r>> {
    ends_of(results, |p| p.metric(metric).mean)
}

impl Ends<'_> {
    /// "so much with this policy, so much with that one", or with every policy.
    pub fn between(&self, every: &str, show: impl Fn(f64) -> String) -> String {
        let (least, most) = (show(self.least.1), show(self.most.1));
        match (least == most, self.known) {
            (true, 1) => format!("{least} with {}", named(self.least.0)),
            (true, _) => format!("{least} with {every}"),
            (false, _) => format!(
                "{least} with {}, {most} with {}",
                named(self.least.0),
                named(self.most.0)
            ),
        }
    }
}

/// What policies make of calls that nothing disturbs: how many they answer, or where that is
/// the same, how fast.
pub fn undisturbed(results: &Results) -> String {
    let answered = ends(results, ANSWERED_RATIO);
    let waits = ends(results, WAIT_P99_S).filter(|waits| waits.known == results.policies.len());
    match (answered, waits) {
        (Some(answered), Some(waits)) if percent(answered.least.1) == percent(answered.most.1) => {
            format!(
                "99 of 100 calls are answered within {}",
                waits.between("every policy", seconds)
            )
        }
        (Some(answered), _) => {
            let shares = answered.between("every policy", percent);
            shares.replacen(" with", " of calls answered with", 1)
        }
        (None, _) => "how often each policy asks".to_string(),
    }
}

/// How many attempts a call takes, where policies differ in that.
pub fn attempts(results: &Results) -> Option<String> {
    let ends = ends(results, ATTEMPTS_PER_CALL)?;
    let differ = three_digits(ends.least.1) != three_digits(ends.most.1);
    differ.then(|| ends.between("every policy", three_digits))
}
