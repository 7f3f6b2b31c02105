//! A retry policy as data: what a client does after a failure.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::units::{Factor, Nanos, Probability, Tokens};

/// Everything a client decides about one call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// Most attempts per call, the first included.
    pub attempts: u32,
    /// An attempt without an answer for this long has failed; none waits for ever.
    #[serde(serialize_with = "limit")]
    pub timeout: Option<Nanos>,
    /// The whole call ends by then, waiting included.
    #[serde(serialize_with = "limit")]
    pub deadline: Option<Nanos>,
    /// Which failures are tried again.
    pub retry_on: RetryOn,
    pub backoff: Backoff,
    pub jitter: Jitter,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

fn limit<S: Serializer>(limit: &Option<Nanos>, s: S) -> Result<S::Ok, S::Error> {
    match limit {
        Some(limit) => limit.serialize(s),
        None => s.serialize_str("none"),
    }
}

/// How an attempt fails, as its caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The service answered with an error.
    Error,
    /// The service's queue was full.
    Rejected,
    /// The service was down when the attempt arrived.
    Refused,
    /// The service went down while it had the attempt.
    Reset,
    /// No answer in time.
    Timeout,
}

impl Failure {
    pub const ALL: [Failure; 5] = [
        Failure::Error,
        Failure::Rejected,
        Failure::Refused,
        Failure::Reset,
        Failure::Timeout,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Failure::Error => "error",
            Failure::Rejected => "rejected",
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::Timeout => "timeout",
        }
    }
}

/// A set of kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn(u8);

impl RetryOn {
    pub const ALL: RetryOn = RetryOn(0b1_1111);
    pub const NOTHING: RetryOn = RetryOn(0);

    #[must_use]
    pub fn with(self, failure: Failure) -> RetryOn {
        RetryOn(self.0 | 1 << failure as u8)
    }

    pub fn contains(self, failure: Failure) -> bool {
        self.0 & (1 << failure as u8) != 0
    }
}

impl Serialize for RetryOn {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(
            Failure::ALL
                .iter()
                .filter(|f| self.contains(**f))
                .map(|f| f.name()),
        )
    }
}

/// How long to wait before retry k = 1, 2, …, before jitter.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    None,
    Fixed(Nanos),
    /// step · k
    Linear(Nanos),
    /// min(cap, base · multiplier^(k−1))
    Exponential {
        base: Nanos,
        multiplier: Factor,
        cap: Option<Nanos>,
    },
    /// A fresh draw each time.
    Random(Dist),
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backoff::None => f.write_str("none"),
            Backoff::Fixed(d) => write!(f, "fixed({d})"),
            Backoff::Linear(d) => write!(f, "linear({d})"),
            Backoff::Exponential {
                base,
                multiplier,
                cap,
            } => {
                write!(f, "exponential(base={base},multiplier={multiplier}")?;
                if let Some(cap) = cap {
                    write!(f, ",cap={cap}")?;
                }
                f.write_str(")")
            }
            Backoff::Random(law) => write!(f, "random({law})"),
        }
    }
}

impl Serialize for Backoff {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What chance does to the backoff v.
///
/// `Full`, `Equal` and `Decorrelated` are those of aws-samples/
/// aws-arch-backoff-simulator, `src/backoff_simulator.py`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    None,
    /// U(0, v)
    Full,
    /// v/2 + U(0, v/2)
    Equal,
    /// p ← min(cap, U(base, 3p)), p₀ = base; the capped draw is fed back.
    Decorrelated,
    /// v · U(1−f, 1+f)
    Proportional(Probability),
    /// v + U(0, d)
    Additive(Nanos),
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Jitter::None => f.write_str("none"),
            Jitter::Full => f.write_str("full"),
            Jitter::Equal => f.write_str("equal"),
            Jitter::Decorrelated => f.write_str("decorrelated"),
            Jitter::Proportional(p) => write!(f, "proportional({p})"),
            Jitter::Additive(d) => write!(f, "additive({d})"),
        }
    }
}

impl Serialize for Jitter {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What limits the retries of one client process.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Budget {
    TokenBucket(TokenBucket),
    Ratio(Ratio),
}

/// A bucket that retries draw from.
///
/// Brooker's (mbrooker/simulator_example, `retry_sim/retry_strategy.py`) is
/// `deposit_per_call = 0.1`; an AWS SDK's is `refund = true` and
/// `deposit_per_success = 1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenBucket {
    pub capacity: Tokens,
    /// What it holds at the start; the capacity unless said otherwise.
    pub initial: Tokens,
    pub cost: Tokens,
    /// What a retry after a timeout costs; `cost` unless said otherwise.
    pub timeout_cost: Tokens,
    /// What a retry after a rejection costs; `cost` unless said otherwise.
    pub throttle_cost: Tokens,
    /// Added when a call starts.
    pub deposit_per_call: Tokens,
    /// Added when a call succeeds at its first attempt.
    pub deposit_per_success: Tokens,
    /// Whether a call that succeeds after retries returns what its last retry cost.
    pub refund: bool,
}

/// At most `ratio` retries per call started over a sliding window, plus a reserve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    pub ratio: Factor,
    pub window: Nanos,
    /// Retries per second allowed whatever the calls: `min_per_s` × window in reserve.
    pub min_per_s: Factor,
}
