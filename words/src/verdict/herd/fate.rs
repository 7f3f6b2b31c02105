//! How a policy fared, in how many runs, and what it is called.

use herdsim_core::ensemble::herd::PolicyResults;
use herdsim_core::herd::{ATTEMPTS_PER_CALL, ILL_AT_END_RATIO, RECOVERED_RATIO, RECOVERY_S};

/// How one policy fared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// There was nothing to recover from, or no telling.
    Steady,
    /// In none of the runs.
    Never,
    /// In this share of the runs.
    Sometimes(f64),
    /// In all of them, but this share is ill again at the end.
    Relapses(f64),
    /// In all of them, after this many seconds on average.
    Recovers(f64),
}

impl Fate {
    pub fn of(policy: &PolicyResults) -> Fate {
        let share = policy.metric(RECOVERED_RATIO).mean;
        match share {
            _ if share.is_nan() => Fate::Steady,
            0.0 => Fate::Never,
            1.0 if is_ill_at_end(policy) => Fate::Relapses(policy.metric(ILL_AT_END_RATIO).mean),
            1.0 => Fate::Recovers(policy.metric(RECOVERY_S).mean),
            _ => Fate::Sometimes(share),
        }
    }
}

/// In how many runs a policy recovers, and what that says of all: "in all 20 runs (95%: at
/// least 84%)".
pub fn in_runs(policy: &PolicyResults) -> String {
    let e = policy.metric(RECOVERED_RATIO);
    let recovered = (e.mean * e.n as f64).round();
    let limit = |share: f64| format!("{:.0}%", share * 100.0);
    match e.mean {
        _ if e.n == 1 && e.mean == 1.0 => "in the one run".to_string(),
        _ if e.n == 1 => "not in the one run".to_string(),
        0.0 => format!("in none of {} runs (95%: at most {})", e.n, limit(e.high)),
        1.0 => format!("in all {} runs (95%: at least {})", e.n, limit(e.low)),
        _ => format!(
            "in {recovered} of {} runs (95%: {} to {})",
            e.n,
            limit(e.low),
            limit(e.high)
        ),
    }
}

/// Whether a policy was ill at the end in some of the runs: how long that lasts is then not
/// known.
pub fn is_ill_at_end(policy: &PolicyResults) -> bool {
    policy.metric(ILL_AT_END_RATIO).mean > 0.0
}

/// A policy's name in a sentence; `none` alone would read as "not one".
pub fn named(policy: &PolicyResults) -> &str {
    match policy.name.as_str() {
        "none" if policy.metric(ATTEMPTS_PER_CALL).mean == 1.0 => "none (no retries)",
        name => name,
    }
}

pub fn plural<'a>(names: &[&str], one: &'a str, many: &'a str) -> &'a str {
    if names.len() == 1 { one } else { many }
}
