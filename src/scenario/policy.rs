//! A retry policy as data: what a client does after a failure.

use std::fmt;

use serde::{Serialize, Serializer};

use super::tree::{Node, Problem, Section, Table};
use super::{above_zero, count_u32};
use crate::dist::Dist;
use crate::units::{Factor, Nanos, Probability, Rate, Tokens};

/// As many attempts as budget and deadline allow.
pub const UNLIMITED: u32 = u32::MAX;

/// The timeout of a policy that names none.
pub const DEFAULT_TIMEOUT: Nanos = Nanos::from_millis(250);

/// Everything a client decides about one call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// Most attempts per call, the first included; [`UNLIMITED`] for no limit.
    #[serde(serialize_with = "number")]
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
    /// The backoff after a rejection, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle_backoff: Option<Backoff>,
    /// The delay of the first retry, where it differs; it has no jitter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Nanos>,
    pub jitter: Jitter,
    /// Whether the cap of the backoff applies before the jitter, after it, or both.
    #[serde(skip_serializing_if = "CapAfter::is_no")]
    pub cap_after: CapAfter,
    /// No delay is shorter, jitter included; the first retry's own delay apart.
    #[serde(skip_serializing_if = "is_zero")]
    pub at_least: Nanos,
    /// What delays are whole multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantum: Option<Quantum>,
    /// What the delay becomes when the service says when to come back.
    #[serde(skip_serializing_if = "Hint::is_ignore")]
    pub retry_after: Hint,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
}

fn limit<S: Serializer>(limit: &Option<Nanos>, s: S) -> Result<S::Ok, S::Error> {
    match limit {
        Some(limit) => limit.serialize(s),
        None => s.serialize_str("none"),
    }
}

fn number<S: Serializer>(attempts: &u32, s: S) -> Result<S::Ok, S::Error> {
    match *attempts {
        UNLIMITED => s.serialize_str("unlimited"),
        n => s.serialize_u32(n),
    }
}

fn is_zero(d: &Nanos) -> bool {
    *d == Nanos::ZERO
}

/// How an attempt fails, as its caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The service answered with an error.
    Error,
    /// The service's queue was full, or it shed load: what clients call throttling.
    Rejected,
    /// The service was down when the attempt arrived.
    Refused,
    /// The service went down while it had the attempt.
    Reset,
    /// No answer in time.
    Timeout,
    /// The client's own breaker or throttle let nothing through.
    Denied,
}

impl Failure {
    pub const ALL: [Failure; 6] = [
        Failure::Error,
        Failure::Rejected,
        Failure::Refused,
        Failure::Reset,
        Failure::Timeout,
        Failure::Denied,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Failure::Error => "error",
            Failure::Rejected => "rejected",
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::Timeout => "timeout",
            Failure::Denied => "denied",
        }
    }
}

/// A set of kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn(u8);

impl RetryOn {
    /// Every failure but those that the client itself brought about.
    pub const SENT: RetryOn = RetryOn(0b1_1111);
    pub const NOTHING: RetryOn = RetryOn(0);
    /// A rejection that says when to come back.
    const ASKED: RetryOn = RetryOn(1 << 6);

    #[must_use]
    pub fn with(self, failure: Failure) -> RetryOn {
        RetryOn(self.0 | 1 << failure as u8)
    }

    pub fn contains(self, failure: Failure) -> bool {
        self.0 & (1 << failure as u8) != 0
    }

    /// What is retried of a service that says when to come back.
    #[must_use]
    pub fn asked(self) -> RetryOn {
        match self.0 & RetryOn::ASKED.0 {
            0 => self,
            _ => self.with(Failure::Rejected),
        }
    }
}

impl Serialize for RetryOn {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let kinds = Failure::ALL.iter().filter(|f| self.contains(**f));
        let asked = (self.0 & RetryOn::ASKED.0 != 0).then_some("asked");
        s.collect_seq(kinds.map(|f| f.name()).chain(asked))
    }
}

/// How long to wait before retry k = 1, 2, …, before jitter.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    None,
    Fixed(Nanos),
    /// step · k
    Linear(Nanos),
    /// min(cap, base · multiplier^(k−1)), or as `exponent` says
    Exponential {
        base: Nanos,
        multiplier: Factor,
        cap: Option<Nanos>,
        exponent: Exponent,
    },
    /// offset + step · (k−1)^power
    Polynomial {
        offset: Nanos,
        step: Nanos,
        power: u32,
    },
    /// The delays one by one; the last stays.
    Table(Vec<Nanos>),
    /// A fresh draw each time.
    Random(Dist),
}

/// What the base of an exponential backoff is multiplied by before retry k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exponent {
    /// multiplier^(k−1): most clients.
    FromZero,
    /// multiplier^k: aws-arch-backoff-simulator, axios-retry.
    FromOne,
    /// multiplier^k − 1: Azure for Go, Envoy before 2020.
    LessOne,
}

impl Backoff {
    /// The longest delay before jitter, where the backoff has a cap.
    pub fn cap(&self) -> Option<Nanos> {
        match self {
            Backoff::Exponential { cap, .. } => *cap,
            _ => None,
        }
    }

    /// What the delays tend to before jitter, in ns.
    fn limit(&self) -> f64 {
        let grows = |d: &Nanos, growing: bool| match growing && *d != Nanos::ZERO {
            true => f64::INFINITY,
            false => d.0 as f64,
        };
        match self {
            Backoff::None => 0.0,
            Backoff::Fixed(d) => d.0 as f64,
            Backoff::Linear(step) => grows(step, true),
            Backoff::Exponential {
                base,
                multiplier,
                cap,
                exponent,
            } => {
                let longest = match (multiplier.0 > 1.0, exponent) {
                    (false, Exponent::LessOne) => 0.0,
                    (growing, _) => grows(base, growing),
                };
                longest.min(cap.map_or(f64::INFINITY, |cap| cap.0 as f64))
            }
            Backoff::Polynomial {
                offset,
                step,
                power,
            } => offset.0 as f64 + grows(step, *power > 0),
            Backoff::Table(delays) => delays.last().map_or(0.0, |d| d.0 as f64),
            Backoff::Random(law) => law.upper_quantile(0.0),
        }
    }
}

impl Policy {
    /// Whether late retries of a call may all come at once.
    ///
    /// Jitter does not reach the upper end of what it is drawn from.
    fn may_not_wait(&self) -> bool {
        let jitter = |v: f64| match self.jitter {
            Jitter::Proportional(f) => v * (1.0 + f.0),
            Jitter::Scale(_, most) => v * most.0,
            Jitter::Additive(d) => v + d.0 as f64,
            Jitter::Growing(d) if d > Nanos::ZERO => f64::INFINITY,
            // They grow by themselves, from a base; kafkajs rounds at every step.
            Jitter::Decorrelated | Jitter::Polly if v > 0.0 => f64::INFINITY,
            Jitter::Compounding(f) => match self.backoff {
                Backoff::Exponential { base, .. } => base.0 as f64 * (1.0 + f.0),
                _ => v,
            },
            _ => v,
        };
        let waits = |backoff: &Backoff| {
            let cap = backoff.cap().map_or(f64::INFINITY, |cap| cap.0 as f64);
            let mut longest = jitter(backoff.limit()).min(cap);
            let reaches = matches!(
                self.jitter,
                Jitter::Full | Jitter::Equal | Jitter::Additive(_) | Jitter::Growing(_)
            );
            let (unit, least) = match self.quantum {
                None => (1.0, 0.5),
                Some(Quantum { unit, rounding }) => match rounding {
                    Rounding::Inclusive if reaches => {
                        longest += unit.0 as f64;
                        (unit.0 as f64, 1.0)
                    }
                    Rounding::Floor | Rounding::Inclusive => (unit.0 as f64, 1.0),
                    Rounding::Nearest => (unit.0 as f64, 0.5),
                    Rounding::Ceil => (1.0, 0.5),
                },
            };
            let fixed = self.jitter == Jitter::None && !matches!(backoff, Backoff::Random(_));
            let far = longest > unit * least || fixed && longest >= unit * least;
            far || self.at_least > Nanos::ZERO
        };
        let backoffs = [Some(&self.backoff), self.throttle_backoff.as_ref()];
        let hedges = |h: &Hedge| h.next_on_failure || h.delay == Nanos::ZERO;
        self.hedge.as_ref().is_some_and(hedges)
            || self.retry_after == Hint::Replace(Some(Nanos::ZERO))
            || !backoffs.into_iter().flatten().all(waits)
    }
}

impl Budget {
    /// Whether it runs dry when one call goes on and on at the same instant, with
    /// attempts that are denied by the client itself if there are `denials`.
    fn ends_bursts(&self, denials: bool) -> bool {
        // What is not sent costs nothing.
        !denials
            && match self {
                Budget::TokenBucket(bucket) => bucket.never_free(),
                // tower's tokens are whole: above a half, a deposit is a retry.
                Budget::Ratio(r) => r.deposit != Deposit::Attempt || r.ratio.0 <= 0.5,
                Budget::Throttle(_) | Budget::FailureRatio(_) => true,
                Budget::Concurrent(_) => false,
            }
    }
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
                exponent,
            } => {
                write!(f, "exponential(base={base},multiplier={multiplier}")?;
                if let Some(cap) = cap {
                    write!(f, ",cap={cap}")?;
                }
                f.write_str(match exponent {
                    Exponent::FromZero => ")",
                    Exponent::FromOne => ",exponent_from=1)",
                    Exponent::LessOne => ",exponent_from=less-one)",
                })
            }
            Backoff::Polynomial {
                offset,
                step,
                power,
            } => write!(f, "polynomial(offset={offset},step={step},power={power})"),
            Backoff::Table(delays) => {
                f.write_str("table(")?;
                for (i, delay) in delays.iter().enumerate() {
                    write!(f, "{}{delay}", if i == 0 { "" } else { "," })?;
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
    /// v · U(a, b)
    Scale(Factor, Factor),
    /// v + U(0, d)
    Additive(Nanos),
    /// v + U(0, d · k): Sidekiq's.
    Growing(Nanos),
    /// p ← min(cap, multiplier · p · U(1−f, 1+f)), p₁ = base · U(1−f, 1+f):
    /// the jitter compounds (kafkajs 2.2.4, `src/retry/`).
    Compounding(Probability),
    /// base · (F(t) − F(t before)) / 1.4 with F(t) = 2^t · tanh √(4t) and
    /// t = k − 1 + U(0, 1) (App-vNext/Polly, `src/Polly.Core/Retry/RetryHelper.cs`).
    /// The cap clips the delay, not what is fed back.
    Polly,
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Jitter::None => f.write_str("none"),
            Jitter::Full => f.write_str("full"),
            Jitter::Equal => f.write_str("equal"),
            Jitter::Decorrelated => f.write_str("decorrelated"),
            Jitter::Proportional(p) => write!(f, "proportional({p})"),
            Jitter::Scale(a, b) => write!(f, "scale({a},{b})"),
            Jitter::Additive(d) => write!(f, "additive({d})"),
            Jitter::Growing(d) => write!(f, "growing({d})"),
            Jitter::Compounding(p) => write!(f, "compounding({p})"),
            Jitter::Polly => f.write_str("polly"),
        }
    }
}

impl Serialize for Jitter {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// When the cap of the backoff applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapAfter {
    /// Before the jitter.
    No,
    /// After it, so that mass piles up at the cap.
    Yes,
    /// Before and after: Kafka, tower.
    Both,
}

impl CapAfter {
    fn is_no(&self) -> bool {
        *self == CapAfter::No
    }
}

impl Serialize for CapAfter {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            CapAfter::No => s.serialize_bool(false),
            CapAfter::Yes => s.serialize_bool(true),
            CapAfter::Both => s.serialize_str("both"),
        }
    }
}

/// What delays are whole multiples of, and how they get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantum {
    pub unit: Nanos,
    pub rounding: Rounding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Floor,
    Ceil,
    Nearest,
    /// As an integer draw with both ends included: the jitter reaches one unit
    /// further, then the floor is taken.
    Inclusive,
}

impl fmt::Display for Quantum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rounding {
            Rounding::Floor => write!(f, "{}", self.unit),
            Rounding::Ceil => write!(f, "ceil({})", self.unit),
            Rounding::Nearest => write!(f, "nearest({})", self.unit),
            Rounding::Inclusive => write!(f, "inclusive({})", self.unit),
        }
    }
}

impl Serialize for Quantum {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What a client makes of the time after which a service asks to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    Ignore,
    /// It is the delay, but at most so much.
    Replace(Option<Nanos>),
    /// It is the delay, and the backoff starts afresh after it: gRPC's pushback.
    ReplaceAndRestart,
    /// It is the delay; if longer than this, there is no retry.
    ReplaceOrStop(Nanos),
    /// The delay is at least that long.
    AtLeast,
    /// The delay before jitter is: axios-retry.
    BeforeJitter,
    /// It is the delay, no shorter than the client's own and at most so much longer.
    Clamp(Nanos),
}

impl Hint {
    fn is_ignore(&self) -> bool {
        *self == Hint::Ignore
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Ignore => f.write_str("ignore"),
            Hint::Replace(None) => f.write_str("replace"),
            Hint::Replace(Some(most)) => write!(f, "replace({most})"),
            Hint::ReplaceOrStop(most) => write!(f, "replace-or-stop({most})"),
            Hint::ReplaceAndRestart => f.write_str("replace-and-restart"),
            Hint::AtLeast => f.write_str("at-least"),
            Hint::BeforeJitter => f.write_str("at-least-before-jitter"),
            Hint::Clamp(most) => write!(f, "clamp({most})"),
        }
    }
}

impl Serialize for Hint {
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
    Throttle(HalfFull),
    Concurrent(Concurrent),
    FailureRatio(FailureRatio),
}

/// A bucket that retries draw from.
///
/// Brooker's (mbrooker/simulator_example, `retry_sim/retry_strategy.py`) is
/// `deposit_per_call = 0.1` and `strict = true`; an AWS SDK's is `refund = true`
/// and `deposit_per_success = 1`.
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
    /// Added when a call succeeds after retries, besides any refund.
    pub deposit_after_retry: Tokens,
    /// Whether a call that succeeds after retries returns what its last retry cost.
    pub refund: bool,
    /// Whether more than the cost has to be there.
    pub strict: bool,
}

/// At most `ratio` retries per deposit over a window, plus a reserve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    pub ratio: Factor,
    pub window: Nanos,
    /// Retries per second allowed whatever the calls: `min_per_s` × window in reserve.
    pub min_per_s: Factor,
    pub deposit: Deposit,
    pub expiry: Expiry,
}

/// What earns a ratio budget its retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deposit {
    /// A call that starts.
    Start,
    /// A call that succeeds.
    Success,
    /// A call that succeeds or meets a failure that is not retried.
    Settled,
    /// An attempt that is sent, retries included.
    Attempt,
}

/// How a ratio budget forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// To the nanosecond.
    Sliding,
    /// In slots of a tenth of the window whose clock restarts whenever it is
    /// looked at, and with whole tokens: tower 0.5.3,
    /// `src/retry/budget/tps_budget.rs`.
    Tower,
    /// The same with one slot fewer and thousandths of tokens: twitter/util,
    /// `WindowedAdder`, and finagle's `RetryBudget`.
    Finagle,
}

/// gRPC's: a failed attempt takes a token, a success returns a part of one;
/// retries only while more than half the tokens are there.
///
/// grpc/proposal, `A6-client-retries.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HalfFull {
    pub max_tokens: Tokens,
    pub token_ratio: Tokens,
}

/// Envoy's: retries waiting or in flight are fewer than a share of the attempts
/// in flight, or than a number.
///
/// envoyproxy/envoy, `source/common/upstream/resource_manager_impl.h`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Concurrent {
    pub min_concurrency: u32,
    pub percent: Probability,
}

/// Brooker's circuit breaker: no retry while more than a share of the calls,
/// counted from the start, has seen a failed attempt.
///
/// mbrooker/simulator_example, `retry_sim/retry_strategy.py`. It counts a call
/// once and each of its failed attempts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureRatio {
    pub threshold: Probability,
}

/// Stops attempts while too many fail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breaker {
    pub window: BreakerWindow,
    /// Fewer attempts in the window prove nothing.
    pub min_calls: u32,
    /// Opens when at least this share of them failed.
    pub threshold: Probability,
    pub open_for: Nanos,
    /// Attempts let through when that is over; the breaker opens again or
    /// closes once so many have ended.
    pub half_open_calls: u32,
    pub scope: Scope,
}

/// What a breaker looks back on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerWindow {
    /// The last attempts (resilience4j).
    Count(u32),
    /// A time, in ten slots (Polly).
    Time(Nanos),
}

impl Serialize for BreakerWindow {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            BreakerWindow::Count(n) => s.serialize_u32(*n),
            BreakerWindow::Time(d) => s.collect_str(d),
        }
    }
}

/// Which attempts a breaker stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    All,
    Retries,
}

/// What limits the attempts that a client sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Throttle {
    Sre(Adaptive),
    AwsAdaptive,
    Bucket(RateBucket),
}

/// Turns attempts away with p = max(0, (requests − k · accepts)/(requests + 1)).
///
/// Site Reliability Engineering, chapter 21, "Client-Side Throttling".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Adaptive {
    pub k: Factor,
    pub window: Nanos,
}

/// Every retry takes a token and waits for it, if the backoff is not longer.
///
/// kubernetes/client-go, `util/workqueue/default_rate_limiters.go`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateBucket {
    pub rate: Rate,
    pub burst: u32,
}

/// Another attempt while one is still without an answer; the first answer counts.
///
/// Dean and Barroso, "The Tail at Scale" (CACM 2013); grpc/proposal,
/// `A6-client-retries.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hedge {
    pub delay: Nanos,
    /// Most attempts of a call in flight at once.
    pub max: u32,
    /// Whether a failure sends the next one at once, and restarts the timer.
    pub next_on_failure: bool,
}

pub(super) fn policy(table: &Table) -> Result<Policy, Problem> {
    let mut s = Section::new(table);
    s.node("extends");
    let attempts = match s.node("attempts") {
        Some(node) if node.is_word("unlimited") => UNLIMITED,
        _ => count_u32(&mut s, "attempts", 6, 1)?,
    };
    let timeout = match time_limit(&mut s, "timeout")? {
        Some(limit) => limit,
        None => Some(DEFAULT_TIMEOUT),
    };
    let deadline = time_limit(&mut s, "deadline")?.flatten();
    let retry_on = match s.node("retry_on") {
        None => RetryOn::SENT,
        Some(node) => {
            let mut kinds = Failure::ALL
                .map(|f| (f.name(), RetryOn::NOTHING.with(f)))
                .to_vec();
            kinds.push(("asked", RetryOn::ASKED));
            let mut set = RetryOn::NOTHING;
            for item in node.list()? {
                set.0 |= item.word("kind of failure", &kinds)?.0;
            }
            set
        }
    };
    let backoff: Backoff = s
        .read("backoff")?
        .unwrap_or(Backoff::Fixed(Nanos::from_secs(1)));
    let jitter = s.read("jitter")?.unwrap_or(Jitter::None);
    let throttle_backoff: Option<Backoff> = s.read("throttle_backoff")?;
    let exponential_only = match jitter {
        Jitter::Decorrelated => Some("decorrelated jitter goes with an exponential backoff"),
        Jitter::Compounding(_) => Some("compounding jitter goes with an exponential backoff"),
        Jitter::Polly => Some("Polly's jitter goes with an exponential backoff"),
        _ => None,
    };
    if let Some(rule) = exponential_only {
        for (key, b) in [
            ("backoff", Some(&backoff)),
            ("throttle_backoff", throttle_backoff.as_ref()),
        ] {
            if b.is_some_and(|b| !matches!(b, Backoff::Exponential { .. })) {
                return Err(Problem::new(rule)
                    .at(s.place("jitter").or(s.place(key)))
                    .help("it takes its parameters from there"));
            }
        }
    }
    let cap_after = match s.node("cap_after") {
        None => CapAfter::No,
        Some(node) if node.is_word("both") => CapAfter::Both,
        Some(node) => match node.bool()? {
            true => CapAfter::Yes,
            false => CapAfter::No,
        },
    };
    if cap_after != CapAfter::No && backoff.cap().is_none() {
        return Err(Problem::new("`cap_after` needs a backoff with a cap")
            .at(s.place("cap_after"))
            .help("for example exponential(base=100ms,multiplier=2,cap=10s)"));
    }
    let policy = Policy {
        attempts,
        timeout,
        deadline,
        retry_on,
        first: s.read("first")?,
        at_least: s.read("at_least")?.unwrap_or(Nanos::ZERO),
        quantum: s.read("quantum")?,
        retry_after: s.read("retry_after")?.unwrap_or(Hint::Ignore),
        backoff,
        throttle_backoff,
        jitter,
        cap_after,
        budget: optional(s.node("budget"), budget)?,
        breaker: optional(s.node("breaker"), breaker)?,
        throttle: optional(s.node("throttle"), throttle)?,
        hedge: optional(s.node("hedge"), hedge)?,
    };
    let denials = retry_on.contains(Failure::Denied);
    let limited = policy
        .budget
        .as_ref()
        .is_some_and(|budget| budget.ends_bursts(denials));
    if attempts == UNLIMITED && policy.may_not_wait() && !limited {
        return Err(Problem::new(
            "unlimited attempts without a delay could go on for ever at once",
        )
        .at(s.place("attempts").or(s.place("backoff")))
        .help("give a `backoff`, `at_least`, or a budget that runs dry, such as a token bucket"));
    }
    if policy.hedge.is_some() && policy.breaker.is_some() {
        return Err(Problem::new("hedging does not go with a breaker").at(s.place("hedge")));
    }
    if policy.hedge.is_some() && matches!(policy.throttle, Some(Throttle::Bucket(_))) {
        return Err(Problem::new("hedging does not go with a bucket of retries")
            .at(s.place("hedge"))
            .help("its hedges would not wait for their tokens; a `budget` limits them"));
    }
    let feeds_back = matches!(
        policy.jitter,
        Jitter::Decorrelated | Jitter::Compounding(_) | Jitter::Polly
    );
    if policy.retry_after == Hint::BeforeJitter
        && (policy.first.is_some() || policy.cap_after != CapAfter::No || feeds_back)
    {
        return Err(Problem::new(
            "at-least-before-jitter goes with a jitter that scales or adds to the delay, \
             with no `first` and no `cap_after`",
        )
        .at(s.place("retry_after")));
    }
    s.finish()?;
    Ok(policy)
}

/// A table, or `none`.
fn optional<T>(
    node: Option<&Node>,
    read: impl Fn(&Node) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    match node {
        None => Ok(None),
        Some(node) if node.is_word("none") => Ok(None),
        Some(node) => read(node).map(Some),
    }
}

/// A duration above 0, or `none` for no limit; the outer `None` where the key is absent.
fn time_limit(s: &mut Section<'_>, key: &'static str) -> Result<Option<Option<Nanos>>, Problem> {
    let Some(node) = s.node(key) else {
        return Ok(None);
    };
    if node.is_word("none") {
        return Ok(Some(None));
    }
    let limit = above_zero(s, key, node.read()?)?;
    Ok(Some(Some(limit)))
}

/// A field without which `what` makes no sense.
fn needed<T: super::value::Value>(
    s: &mut Section<'_>,
    node: &Node,
    key: &'static str,
    what: &str,
    help: &str,
) -> Result<T, Problem> {
    s.read(key)?.ok_or_else(|| {
        Problem::new(format!("{what} needs its `{key}`"))
            .at(Some(node.place.clone()))
            .help(help)
    })
}

impl TokenBucket {
    /// Whether every retry costs something.
    pub fn never_free(&self) -> bool {
        let least = self.cost.min(self.timeout_cost).min(self.throttle_cost);
        least > Tokens::default()
    }
}

fn budget(node: &Node) -> Result<Budget, Problem> {
    let mut s = Section::new(node.table()?);
    #[derive(Clone, Copy)]
    enum BudgetKind {
        TokenBucket,
        Ratio,
        Throttle,
        Concurrent,
        FailureRatio,
    }
    let kinds = [
        ("token-bucket", BudgetKind::TokenBucket),
        ("ratio", BudgetKind::Ratio),
        ("throttle", BudgetKind::Throttle),
        ("concurrent", BudgetKind::Concurrent),
        ("failure-ratio", BudgetKind::FailureRatio),
    ];
    let Some(kind) = s.word("kind", "kind of budget", &kinds)? else {
        return Err(Problem::new("a budget needs its `kind`")
            .at(Some(node.place.clone()))
            .help(format!(
                "one of: {}; it takes the place of the whole budget that was inherited",
                kinds.map(|(name, _)| name).join(", ")
            )));
    };
    let budget = match kind {
        BudgetKind::TokenBucket => {
            let capacity: Tokens = needed(
                &mut s,
                node,
                "capacity",
                "a token bucket",
                "the most tokens it holds, such as 10",
            )?;
            let initial = s.read("initial")?.unwrap_or(capacity);
            if initial > capacity {
                return Err(Problem::new("`initial` is above `capacity`").at(s.place("initial")));
            }
            let cost = s.read("cost")?.unwrap_or(Tokens::ONE);
            Budget::TokenBucket(TokenBucket {
                capacity,
                initial,
                cost,
                timeout_cost: s.read("timeout_cost")?.unwrap_or(cost),
                throttle_cost: s.read("throttle_cost")?.unwrap_or(cost),
                deposit_per_call: s.read("deposit_per_call")?.unwrap_or_default(),
                deposit_per_success: s.read("deposit_per_success")?.unwrap_or_default(),
                deposit_after_retry: s.read("deposit_after_retry")?.unwrap_or_default(),
                refund: s.bool("refund")?.unwrap_or(false),
                strict: s.bool("strict")?.unwrap_or(false),
            })
        }
        BudgetKind::Ratio => {
            let ratio: Factor = needed(
                &mut s,
                node,
                "ratio",
                "a ratio budget",
                "0.1 allows one retry for every ten calls",
            )?;
            if ratio.0 > 1000.0 {
                return Err(Problem::new("a ratio above 1000 limits nothing").at(s.place("ratio")));
            }
            let deposits = [
                ("start", Deposit::Start),
                ("success", Deposit::Success),
                ("settled", Deposit::Settled),
                ("attempt", Deposit::Attempt),
            ];
            let expiries = [
                ("sliding", Expiry::Sliding),
                ("tower", Expiry::Tower),
                ("finagle", Expiry::Finagle),
            ];
            let window = s.read("window")?.unwrap_or(Nanos::from_secs(10));
            let window = above_zero(&s, "window", window)?;
            let expiry = s
                .word("expiry", "expiry", &expiries)?
                .unwrap_or(Expiry::Sliding);
            if expiry != Expiry::Sliding
                && !(Nanos::from_secs(1)..=Nanos::from_secs(60)).contains(&window)
            {
                return Err(
                    Problem::new("tower and finagle take windows of 1 s to 60 s")
                        .at(s.place("window").or(s.place("expiry"))),
                );
            }
            Budget::Ratio(Ratio {
                ratio,
                window,
                min_per_s: s.read("min_per_s")?.unwrap_or(Factor(0.0)),
                deposit: s
                    .word("deposit", "deposit rule", &deposits)?
                    .unwrap_or(Deposit::Start),
                expiry,
            })
        }
        BudgetKind::Throttle => {
            let max_tokens: Tokens = needed(
                &mut s,
                node,
                "max_tokens",
                "a throttle",
                "gRPC's example has 10",
            )?;
            if max_tokens == Tokens::default() {
                return Err(
                    Problem::new("a throttle without tokens never allows a retry")
                        .at(s.place("max_tokens")),
                );
            }
            Budget::Throttle(HalfFull {
                max_tokens,
                token_ratio: needed(
                    &mut s,
                    node,
                    "token_ratio",
                    "a throttle",
                    "gRPC's example has 0.1",
                )?,
            })
        }
        BudgetKind::Concurrent => Budget::Concurrent(Concurrent {
            min_concurrency: count_u32(&mut s, "min_concurrency", 3, 0)?,
            percent: s.read("percent")?.unwrap_or(Probability(0.0)),
        }),
        BudgetKind::FailureRatio => Budget::FailureRatio(FailureRatio {
            threshold: needed(
                &mut s,
                node,
                "threshold",
                "a failure-ratio budget",
                "0.1 allows retries while a tenth of the calls has failed at most",
            )?,
        }),
    };
    s.finish()?;
    Ok(budget)
}

fn breaker(node: &Node) -> Result<Breaker, Problem> {
    let mut s = Section::new(node.table()?);
    let window = match s.node("window") {
        None => BreakerWindow::Count(100),
        // A bare number counts attempts, a duration is a time.
        Some(node) => match node.read::<u64>() {
            Ok(0) => {
                return Err(Problem::new("a breaker looks back on at least one attempt")
                    .at(Some(node.place.clone())));
            }
            Ok(n) => BreakerWindow::Count(n.min(1_000_000) as u32),
            Err(_) => BreakerWindow::Time(above_zero(&s, "window", node.read()?)?),
        },
    };
    let min_calls = match window {
        BreakerWindow::Count(n) => count_u32(&mut s, "min_calls", u64::from(n), 1)?,
        BreakerWindow::Time(_) => count_u32(&mut s, "min_calls", 100, 1)?,
    };
    if let BreakerWindow::Count(n) = window
        && min_calls > n
    {
        return Err(
            Problem::new(format!("a window of {n} attempts never holds {min_calls}"))
                .at(s.place("min_calls").or(s.place("window"))),
        );
    }
    let threshold: Probability = s.read("threshold")?.unwrap_or(Probability(0.5));
    if threshold.0 == 0.0 {
        return Err(
            Problem::new("a breaker that opens at no failures is never closed")
                .at(s.place("threshold")),
        );
    }
    let open_for = s.read("open_for")?.unwrap_or(Nanos::from_secs(60));
    let scopes = [("all", Scope::All), ("retries", Scope::Retries)];
    let breaker = Breaker {
        window,
        min_calls,
        threshold,
        open_for: above_zero(&s, "open_for", open_for)?,
        half_open_calls: count_u32(&mut s, "half_open_calls", 10, 1)?,
        scope: s.word("scope", "scope", &scopes)?.unwrap_or(Scope::All),
    };
    s.finish()?;
    Ok(breaker)
}

fn throttle(node: &Node) -> Result<Throttle, Problem> {
    let mut s = Section::new(node.table()?);
    #[derive(Clone, Copy)]
    enum ThrottleKind {
        Sre,
        AwsAdaptive,
        Bucket,
    }
    let kinds = [
        ("sre", ThrottleKind::Sre),
        ("aws-adaptive", ThrottleKind::AwsAdaptive),
        ("bucket", ThrottleKind::Bucket),
    ];
    let Some(kind) = s.word("kind", "kind of throttle", &kinds)? else {
        return Err(Problem::new("a throttle needs its `kind`")
            .at(Some(node.place.clone()))
            .help(format!(
                "one of: {}",
                kinds.map(|(name, _)| name).join(", ")
            )));
    };
    let throttle = match kind {
        ThrottleKind::Sre => {
            let k: Factor = s.read("k")?.unwrap_or(Factor(2.0));
            if k.0 < 1.0 {
                return Err(Problem::new(
                    "below 1 it would turn attempts away from a healthy service",
                )
                .at(s.place("k"))
                .help("the book uses 2"));
            }
            let window = s.read("window")?.unwrap_or(Nanos::from_secs(120));
            Throttle::Sre(Adaptive {
                k,
                window: above_zero(&s, "window", window)?,
            })
        }
        ThrottleKind::AwsAdaptive => Throttle::AwsAdaptive,
        ThrottleKind::Bucket => {
            let rate: Rate = needed(&mut s, node, "rate", "a rate bucket", "for example 10/s")?;
            if rate.0 <= 0.0 {
                return Err(Problem::new("`rate` must be above 0").at(s.place("rate")));
            }
            Throttle::Bucket(RateBucket {
                rate,
                burst: count_u32(&mut s, "burst", 1, 1)?,
            })
        }
    };
    s.finish()?;
    Ok(throttle)
}

fn hedge(node: &Node) -> Result<Hedge, Problem> {
    let mut s = Section::new(node.table()?);
    let hedge = Hedge {
        delay: s.read("delay")?.unwrap_or(Nanos::ZERO),
        max: count_u32(&mut s, "max", 2, 0)?,
        next_on_failure: s.bool("next_on_failure")?.unwrap_or(true),
    };
    if hedge.max < 2 {
        return Err(
            Problem::new("`max` counts the attempts in flight, the first one included")
                .at(s.place("max"))
                .help("with 2 there is one hedge"),
        );
    }
    s.finish()?;
    Ok(hedge)
}
