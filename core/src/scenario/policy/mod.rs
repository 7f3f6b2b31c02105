//! A retry policy as data: what a client does after a failure.

mod backoff;
mod budget;
mod guard;

use serde::{Serialize, Serializer};

use super::document::{Problem, Section, Table};
use super::fields::{by_default, count_u32, optional, time_limit};
use crate::units::Nanos;
pub use backoff::{Backoff, CapAfter, Exponent, Hint, Jitter, Quantum, Rounding};
use budget::budget;
pub use budget::{Budget, Concurrent, Deposit, Expiry, FailureRatio, HalfFull, Ratio, TokenBucket};
pub use guard::{Adaptive, Breaker, BreakerWindow, Eject, Hedge, RateBucket, Scope, Throttle};
use guard::{breaker, eject, hedge, throttle};

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
    /// When the clock of that starts.
    #[serde(skip_serializing_if = "TimeoutFrom::is_sent")]
    pub from: TimeoutFrom,
    /// What becomes of an answer that comes after it.
    #[serde(skip_serializing_if = "Late::is_ignore")]
    pub late: Late,
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
    /// Whether further attempts of a call avoid the hosts that it has been sent to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// When a client process leaves out a host for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eject: Option<Eject>,
    /// Whether the actions of the scenario are taken under it: not of those that stand beside
    /// them for comparison.
    #[serde(skip)]
    pub acts: bool,
}

/// When the clock of an attempt's timeout starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimeoutFrom {
    /// As it is sent: a request, or a task that is prefetched.
    Sent,
    /// As a server takes it: a message that is received from a queue.
    Start,
}

impl TimeoutFrom {
    fn is_sent(&self) -> bool {
        *self == TimeoutFrom::Sent
    }
}

/// What becomes of an answer to an attempt that has timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Late {
    /// Nobody hears it.
    Ignore,
    /// It still ends the call: an acknowledgement after the visibility timeout.
    Accept,
}

impl Late {
    fn is_ignore(&self) -> bool {
        *self == Late::Ignore
    }
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

impl Default for Policy {
    /// Six attempts, a second apart, each waited for 250 ms.
    fn default() -> Policy {
        by_default(policy(&Table::default()))
    }
}

impl Policy {
    /// The longest that a call can last, of a service that asks to be tried again `hint`
    /// later: endless where nothing ends it.
    pub fn longest_call(&self, hint: Option<Nanos>) -> Nanos {
        const ENDLESS: u64 = u64::MAX;
        let most = self.deadline.map_or(ENDLESS, |deadline| deadline.0);
        // A rate limiter may keep an attempt waiting for any time, and so may a queue before
        // its clock starts.
        let held = matches!(
            self.throttle,
            Some(Throttle::AwsAdaptive | Throttle::Bucket(_))
        ) || self.from == TimeoutFrom::Start;
        let Some(timeout) = self.timeout.filter(|_| !held) else {
            return Nanos(most);
        };
        let hint = match self.retry_after {
            Hint::Ignore => 0,
            _ => hint.map_or(0, |hint| hint.0),
        };
        // Later ones are taken to wait as long as the last of many.
        const MANY: u32 = 1_000;
        let retry = |k: u32| {
            let wait = self.longest_wait(k).max(hint as f64);
            timeout.0.saturating_add(wait as u64)
        };
        let retries = self.attempts - 1;
        let first = (1..=retries.min(MANY)).map(retry);
        let lasts = first.fold(timeout.0, u64::saturating_add);
        let late = u64::from(retries.saturating_sub(MANY)).saturating_mul(retry(MANY));
        Nanos(lasts.saturating_add(late).min(most))
    }

    /// The longest wait before retry `k`, in ns.
    fn longest_wait(&self, k: u32) -> f64 {
        if let (1, Some(first)) = (k, self.first) {
            return first.0 as f64;
        }
        let wait = |backoff: &Backoff| self.bounds(backoff, k).1;
        let throttled = self.throttle_backoff.as_ref().map_or(0.0, wait);
        let rounded = self.quantum.map_or(0.0, |quantum| quantum.unit.0 as f64);
        (wait(&self.backoff).max(throttled) + rounded).max(self.at_least.0 as f64)
    }

    /// The shortest and the longest wait before retry `k` = 1, 2, …, in ns, where the service
    /// does not say when to come back.
    ///
    /// A law without an end gives infinity.
    pub fn wait_bounds(&self, k: u32) -> (f64, f64) {
        if let (1, Some(first)) = (k, self.first) {
            return (first.0 as f64, first.0 as f64);
        }
        let (shortest, longest) = self.bounds(&self.backoff, k);
        let least = self.at_least.0 as f64;
        (shortest.max(least), longest.max(least))
    }

    /// The shortest and the longest that a backoff gives before retry `k`, jittered and
    /// capped, in ns.
    fn bounds(&self, backoff: &Backoff, k: u32) -> (f64, f64) {
        let capped = self.cap_after != CapAfter::Yes;
        let cap = match (self.cap_after, backoff.cap()) {
            (CapAfter::No, _) | (_, None) => f64::INFINITY,
            (_, Some(cap)) => cap.0 as f64,
        };
        let longest = backoff.longest(k, capped, self.jitter).min(cap);
        let shortest = backoff.shortest(k, capped, self.jitter);
        (shortest.min(longest), longest)
    }

    /// Whether late retries of a call may all come at once.
    ///
    /// Jitter does not reach the upper end of what it is drawn from.
    fn may_not_wait(&self) -> bool {
        let waits = |backoff: &Backoff| {
            let cap = backoff.cap().map_or(f64::INFINITY, |cap| cap.0 as f64);
            let mut longest = self.jitter.limit(backoff.limit(), &self.backoff).min(cap);
            let reaches = self.jitter.draws_time();
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
    let froms = [("sent", TimeoutFrom::Sent), ("start", TimeoutFrom::Start)];
    let lates = [("ignore", Late::Ignore), ("accept", Late::Accept)];
    let from = s
        .word("from", "start of the timeout", &froms)?
        .unwrap_or(TimeoutFrom::Sent);
    let late = s
        .word("late", "rule of late answers", &lates)?
        .unwrap_or(Late::Ignore);
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
    if let Some(rule) = jitter.grows_alone() {
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
        Some(node) => match node.bool().map_err(|problem| Problem {
            message: "expected true, false or both".to_string(),
            ..problem
        })? {
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
        elsewhere: s.bool("elsewhere")?.unwrap_or(false),
        eject: optional(s.node("eject"), eject)?,
        from,
        late,
        acts: true,
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
    let feeds_back = policy.jitter.grows_alone().is_some();
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
