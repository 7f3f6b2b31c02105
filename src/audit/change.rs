//! Changes to a retry policy, as data: what each does to it, and what it is called.

use herdsim_core::scenario::policy::{
    Backoff, Budget, CapAfter, Exponent, Jitter, Policy, TokenBucket, UNLIMITED,
};
use herdsim_core::units::{Factor, Nanos, Tokens};

use super::rule::Rule;
use super::rules::{secs, spelled};
use super::site::{Field, Retry};

/// A change to a retry policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A token bucket per client that every call fills by a tenth.
    Budget,
    /// Waits are drawn from all of their length.
    Jitter,
    Attempts(u32),
    Timeout(Nanos),
    /// Waits double from this on, to a cap, and are drawn from all of their length.
    Backoff {
        base: Nanos,
        cap: Nanos,
    },
}

/// Tokens of the bucket, and what a call adds: a tenth, as Finagle's and gRPC's budgets have it.
pub const CAPACITY: f64 = 10.0;
pub const DEPOSIT: f64 = 0.1;

/// A timeout for attempts that have none.
const TIMEOUT: Nanos = Nanos::from_secs(1);

impl Change {
    /// What a change is called.
    pub fn name(&self) -> String {
        match self {
            Change::Budget => "a budget of 10%".to_string(),
            Change::Jitter => "full jitter".to_string(),
            Change::Attempts(n) => spelled(*n),
            Change::Timeout(limit) => format!("a timeout of {}", secs(limit.as_secs())),
            Change::Backoff { base, cap } => format!(
                "waits that double from {} to {}, with full jitter",
                secs(base.as_secs()),
                secs(cap.as_secs())
            ),
        }
    }

    /// The fields that it is about.
    pub fn fields(&self) -> &'static [Field] {
        match self {
            Change::Budget => &[Field::Budget],
            Change::Jitter => &[Field::Jitter],
            Change::Attempts(_) => &[Field::Attempts],
            Change::Timeout(_) => &[Field::Timeout],
            Change::Backoff { .. } => &[Field::Backoff, Field::Jitter],
        }
    }

    /// Whether it does away with what a rule finds.
    pub fn answers(&self, rule: Rule) -> bool {
        match self {
            Change::Budget => rule == Rule::Hs101,
            Change::Jitter => rule == Rule::Hs102,
            Change::Attempts(n) => rule == Rule::Hs101 && *n < 3 || rule == Rule::Hs106,
            Change::Timeout(_) => rule == Rule::Hs108,
            Change::Backoff { .. } => matches!(rule, Rule::Hs102 | Rule::Hs107),
        }
    }

    /// The policy that it leads to.
    #[must_use]
    pub fn apply(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        match self {
            Change::Budget => policy.budget = Some(bucket(CAPACITY, DEPOSIT)),
            Change::Jitter => policy.jitter = Jitter::Full,
            Change::Attempts(n) => policy.attempts = *n,
            Change::Timeout(limit) => policy.timeout = Some(*limit),
            Change::Backoff { base, cap } => {
                policy.backoff = Backoff::Exponential {
                    base: *base,
                    multiplier: Factor(2.0),
                    cap: Some(*cap),
                    exponent: Exponent::FromZero,
                };
                policy.jitter = Jitter::Full;
                policy.cap_after = CapAfter::No;
            }
        }
        policy
    }

    /// Whether a policy that was read is what this was to lead to; a library may have a jitter
    /// of its own.
    pub fn is_done(&self, before: &Policy, wanted: &Policy, read: &Policy) -> bool {
        match self {
            Change::Budget => read.budget.is_some(),
            Change::Jitter => read.jitter != Jitter::None && read.jitter != before.jitter,
            Change::Attempts(n) => read.attempts == *n,
            Change::Timeout(_) => read.timeout == wanted.timeout,
            Change::Backoff { .. } => read.jitter != Jitter::None && waits_alike(wanted, read),
        }
    }
}

/// Whether the waits that come up are as long, at least and at most: a cap that none reaches
/// is none, and of one retry the growth does not show.
pub fn waits_alike(a: &Policy, b: &Policy) -> bool {
    let retries = a.attempts.min(b.attempts).saturating_sub(1).min(20);
    let near = |a: f64, b: f64| a == b || (a - b).abs() <= 0.01 * a.max(b);
    (1..=retries).all(|k| {
        let [a, b] = [a, b].map(|policy| policy.wait_bounds(k));
        near(a.0, b.0) && near(a.1, b.1)
    })
}

/// The attempts that a call becomes at most while all of them fail, for long: what retries ask
/// of a service that is overloaded. Nothing where that depends on what else happens.
pub fn amplification(policy: &Policy) -> Option<f64> {
    let attempts = match policy.attempts {
        UNLIMITED => f64::INFINITY,
        n => f64::from(n),
    };
    let tokens = |t: Tokens| t.0 as f64 / Tokens::ONE.0 as f64;
    let bounded = match &policy.budget {
        None => f64::INFINITY,
        Some(Budget::TokenBucket(bucket)) if bucket.never_free() => {
            let least = bucket
                .cost
                .min(bucket.timeout_cost)
                .min(bucket.throttle_cost);
            1.0 + tokens(bucket.deposit_per_call) / tokens(least)
        }
        Some(Budget::Ratio(ratio)) => 1.0 + ratio.ratio.0,
        Some(Budget::Throttle(_)) => 1.0,
        Some(_) => return None,
    };
    Some(attempts.min(bounded))
}

/// A token bucket of so many tokens, to which every call adds some.
pub fn bucket(capacity: f64, deposit: f64) -> Budget {
    let tokens = |n: f64| Tokens((n * Tokens::ONE.0 as f64).round() as u64);
    Budget::TokenBucket(TokenBucket::per_call(tokens(capacity), tokens(deposit)))
}

/// What may be changed about a policy that was read, one thing each. What cannot be followed
/// is not changed: nobody knows from what.
pub fn candidates(retry: &Retry, policy: &Policy) -> Vec<Change> {
    let mut all = Vec::new();
    if policy.budget.is_none() && retry.is_known(Field::Budget) {
        all.push(Change::Budget);
    }
    let waits = policy.backoff != Backoff::None;
    let known = retry.is_known(Field::Backoff) && retry.is_known(Field::Jitter);
    if known && waits && !matches!(policy.jitter, Jitter::Full | Jitter::Decorrelated) {
        all.push(Change::Jitter);
    }
    let drawn = waits && matches!(policy.jitter, Jitter::Full | Jitter::Decorrelated);
    let grows = !matches!(policy.backoff, Backoff::Fixed(_) | Backoff::None);
    if known && !(drawn && grows) {
        let base = match &policy.backoff {
            Backoff::Fixed(wait) if wait.0 > 0 => *wait,
            _ => Nanos::from_millis(100),
        };
        let cap = Nanos(base.0.saturating_mul(10).max(10_000_000_000));
        all.push(Change::Backoff { base, cap });
    }
    if retry.is_known(Field::Attempts) {
        for n in [3, 2] {
            if policy.attempts > n || policy.attempts == UNLIMITED {
                all.push(Change::Attempts(n));
            }
        }
    }
    let unlimited = policy.timeout.is_none() && policy.deadline.is_none();
    if unlimited && retry.is_known(Field::Timeout) {
        all.push(Change::Timeout(TIMEOUT));
    }
    all
}
