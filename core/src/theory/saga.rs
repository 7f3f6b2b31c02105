//! Closed forms of a compensation under retries (`docs/model.md` has the setting).
//!
//! Of m attempts each request arrives with 1 − p, each answer with 1 − q; B is
//! the number that would arrive, Bin(m, 1 − p). All of them hold for answers
//! that come in time whenever they come: an execution that outlasts the timeout
//! counts as an answer lost where it changes nothing else.

use statrs::function::factorial::binomial;

use crate::dist::Dist;
use crate::idempotency::{KeyMode, Retention};
use crate::metric::Key;
use crate::saga::{DUPLICATE, EXECUTIONS, EXTRA_EXECUTIONS, LOST, PHANTOM, UNKNOWN};
use crate::scenario::policy::{Failure, Policy};
use crate::scenario::saga::Saga;

/// The exact value of a metric of [`crate::saga::METRICS`], where there is one.
pub fn exact(saga: &Saga, policy: &Policy, mode: KeyMode, metric: Key) -> Option<f64> {
    // What a mode rules out needs no law at all.
    match (mode, metric) {
        (
            KeyMode::PerOperation | KeyMode::RecordThenEffect | KeyMode::Mismatch,
            DUPLICATE | EXTRA_EXECUTIONS,
        ) => return Some(0.0),
        (KeyMode::RecordThenEffect, PHANTOM) => {}
        (_, PHANTOM) => return Some(0.0),
        _ => {}
    }
    // A deadline ends operations by time, and without retries after a timeout
    // there is one attempt.
    if policy.deadline.is_some() {
        return None;
    }
    let m = match policy.retry_on.contains(Failure::Timeout) {
        true => policy.attempts,
        false => 1,
    };
    let p = saga.request_loss.0;
    let timeout = policy.timeout?.0 as f64;
    // An answer that comes after the timeout is as good as lost.
    let late = saga.execution.survival(timeout);
    let instant = saga.execution == Dist::Const(crate::units::Nanos::ZERO);
    let q = match mode {
        KeyMode::None | KeyMode::PerAttempt => 1.0 - (1.0 - saga.response_loss.0) * (1.0 - late),
        _ => saga.response_loss.0,
    };
    let c = saga.crash.0;
    let fails = 1.0 - (1.0 - p) * (1.0 - q);
    let none_arrives = p.powi(m as i32);
    let at_least = |k: u32| -> f64 {
        (k..=m)
            .map(|j| {
                binomial(u64::from(m), u64::from(j))
                    * (1.0 - p).powi(j as i32)
                    * p.powi((m - j) as i32)
            })
            .sum()
    };
    let told = 1.0 - fails.powi(m as i32);
    // Σ_{k≥2} P(X ≥ k), where P(X ≥ k) = r^{k−1} P(B ≥ k).
    let extra = |r: f64| {
        (2..=m)
            .map(|k| r.powi(k as i32 - 1) * at_least(k))
            .sum::<f64>()
    };
    let repeated = |r: f64| match metric {
        DUPLICATE => Some(r * at_least(2)),
        LOST => Some(none_arrives),
        EXECUTIONS => Some(at_least(1) + extra(r)),
        EXTRA_EXECUTIONS => Some(extra(r)),
        _ => None,
    };
    match mode {
        KeyMode::None | KeyMode::PerAttempt => match metric {
            UNKNOWN => Some(1.0 - none_arrives - told),
            // E[X] = (1 − p)(1 − fᵐ)/((1 − p)(1 − q)), the sum in one piece.
            EXECUTIONS if fails < 1.0 => Some((1.0 - p) * told / (1.0 - fails)),
            _ => repeated(q),
        },
        KeyMode::PerOperation | KeyMode::Mismatch => match metric {
            UNKNOWN if mode == KeyMode::PerOperation && instant => Some(1.0 - none_arrives - told),
            _ => repeated(0.0),
        },
        KeyMode::CheckThenAct if instant => match metric {
            UNKNOWN => Some(1.0 - none_arrives - told),
            _ => repeated(0.0),
        },
        KeyMode::CheckThenAct => in_flight(saga, policy, m, metric),
        // Nothing executes if and only if nothing arrives.
        _ if metric == LOST && mode != KeyMode::RecordThenEffect => Some(none_arrives),
        KeyMode::EffectThenRecord if instant => match metric {
            DUPLICATE | LOST | PHANTOM | EXECUTIONS | EXTRA_EXECUTIONS => repeated(c),
            _ => None,
        },
        KeyMode::RecordThenEffect if instant => {
            let arrives_first = |j: u32| p.powi(j as i32 - 1) * (1.0 - p);
            let phantom = (1..=m).map(|j| arrives_first(j) * (1.0 - fails.powi((m - j) as i32)));
            match metric {
                PHANTOM => Some(c * phantom.sum::<f64>()),
                LOST => Some(none_arrives + c * (1.0 - none_arrives)),
                EXECUTIONS => Some((1.0 - c) * (1.0 - none_arrives)),
                _ => None,
            }
        }
        KeyMode::ShortRetention if instant => match saga.retention {
            // Without lost requests attempts 1, L + 2, 2L + 3, … execute.
            Retention::Attempts(later) if p == 0.0 => {
                let reached = |k: u32| -> f64 {
                    let attempts = u64::from(k - 1) * (u64::from(later) + 1);
                    match attempts < u64::from(m) {
                        true => q.powf(attempts as f64),
                        false => 0.0,
                    }
                };
                let extra: f64 = (2..=m).map(reached).sum();
                match metric {
                    DUPLICATE if m >= 2 => Some(reached(2)),
                    DUPLICATE => Some(0.0),
                    LOST => Some(0.0),
                    EXTRA_EXECUTIONS => Some(extra),
                    EXECUTIONS => Some(1.0 + extra),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

/// A duplicate that arrives while the first executes: one retry at once, an
/// exponential handler of rate δ, timeout T: (1 − p)² e^{−δT}.
fn in_flight(saga: &Saga, policy: &Policy, m: u32, metric: Key) -> Option<f64> {
    use crate::scenario::policy::{Backoff, Jitter};
    let Dist::Exp { mean } = saga.execution else {
        return None;
    };
    let at_once = policy.backoff == Backoff::None && policy.jitter == Jitter::None;
    if m != 2 || !at_once {
        return None;
    }
    let p = saga.request_loss.0;
    let twice = (1.0 - p).powi(2) * (-(policy.timeout?.as_secs()) / mean.as_secs()).exp();
    match metric {
        DUPLICATE | EXTRA_EXECUTIONS => Some(twice),
        LOST => Some(p * p),
        EXECUTIONS => Some(1.0 - p * p + twice),
        _ => None,
    }
}
