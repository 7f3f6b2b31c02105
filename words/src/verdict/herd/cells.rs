//! What a table of a herd has in a cell.

use herdsim_core::ensemble::herd::PolicyResults;
use herdsim_core::herd::{ATTEMPTS_PER_CALL, JUDGED_CALLS, METRICS, WAIT_P99_S};
use herdsim_core::metric::{Entry, Key};

use crate::format::{seconds, thousands, with_interval};

/// A metric of a policy with its interval, as its unit is written.
pub fn value(policy: &PolicyResults, metric: Key) -> String {
    let unit = Entry::of(METRICS, metric).metric.unit;
    with_interval(unit, policy.metric(metric))
}

/// The mean of a count.
pub fn whole(policy: &PolicyResults, metric: Key) -> String {
    match policy.metric(metric).mean {
        x if x.is_nan() => "–".to_string(),
        x => thousands(x),
    }
}

/// Attempts per call, those of few retries to a thousandth.
pub fn attempts(policy: &PolicyResults) -> String {
    match policy.metric(ATTEMPTS_PER_CALL).mean {
        x if x.is_nan() => "–".to_string(),
        x if x < 2.0 => format!("{x:.3}"),
        x => format!("{x:.2}"),
    }
}

/// The 99th percentile of the waits of all judged calls.
pub fn wait_p99(policy: &PolicyResults) -> String {
    let known = policy
        .raw
        .iter()
        .filter(|sample| !sample[WAIT_P99_S].is_nan());
    match (policy.metric(WAIT_P99_S).mean, known.count()) {
        (s, 0) if s.is_nan() && policy.metric(JUDGED_CALLS).mean > 0.0 => "never".to_string(),
        (s, _) if s.is_nan() && policy.metric(JUDGED_CALLS).mean > 0.0 => "not always".to_string(),
        (s, _) => seconds(s),
    }
}
