//! What audit reads: sites, each field with its place and with how it is known.

use std::collections::BTreeMap;
use std::fmt;

use herdsim_core::scenario::Place;
use herdsim_core::scenario::hosts::Balance;
use herdsim_core::scenario::policy::{
    Backoff, Budget, CapAfter, Eject, Hint, Jitter, Policy, Quantum, RetryOn, UNLIMITED,
};
use herdsim_core::scenario::service::Limit;
use herdsim_core::units::Nanos;
use serde::{Serialize, Serializer};

use super::rule::Rule;

/// How a value is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It stands in the file.
    Read,
    /// It is what the program does where nothing is written, or the literal default of an
    /// environment variable.
    Default,
    /// It is ours.
    Assumed,
    /// It cannot be followed: a template, a variable, an argument from elsewhere.
    Unresolved,
}

/// A place as people find it: `orders.yaml:12`.
pub fn place_of(place: &Place) -> String {
    format!("{}:{}", place.source.name, line(place))
}

/// How and where one field is known.
#[derive(Clone, Debug)]
pub struct Fact {
    pub how: How,
    pub place: Option<Place>,
    pub why: Option<String>,
}

/// A value with how it is known; none where it is unresolved.
#[derive(Clone, Debug)]
pub struct Known<T> {
    pub value: Option<T>,
    pub fact: Fact,
}

impl<T> Known<T> {
    pub fn read(value: T, place: Place) -> Known<T> {
        Known {
            value: Some(value),
            fact: Fact {
                how: How::Read,
                place: Some(place),
                why: None,
            },
        }
    }

    /// What the program does unasked; `why` names it.
    pub fn default(value: T, why: impl Into<String>) -> Known<T> {
        Known {
            value: Some(value),
            fact: Fact {
                how: How::Default,
                place: None,
                why: Some(why.into()),
            },
        }
    }

    pub fn unresolved(place: Option<Place>, why: impl Into<String>) -> Known<T> {
        Known {
            value: None,
            fact: Fact {
                how: How::Unresolved,
                place,
                why: Some(why.into()),
            },
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        Known {
            value: self.value.map(f),
            fact: self.fact,
        }
    }

    /// The value as something else; unresolved, and why, where it is none.
    pub fn convert<U>(self, to: impl FnOnce(T) -> Option<U>, why: &str) -> Known<U> {
        match self.value.map(to) {
            Some(None) => Known::unresolved(self.fact.place, why),
            value => Known {
                value: value.flatten(),
                fact: self.fact,
            },
        }
    }

    /// Two values as one: known no better than the less known of them.
    pub fn and<U>(self, other: Known<U>) -> Known<(T, U)> {
        let fact = match other.fact.how > self.fact.how {
            true if other.fact.how == How::Unresolved || self.fact.place.is_none() => other.fact,
            _ => self.fact,
        };
        match (self.value, other.value) {
            (Some(a), Some(b)) => Known {
                value: Some((a, b)),
                fact,
            },
            _ => Known { value: None, fact },
        }
    }
}

/// A field of a retry policy, named as in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Attempts,
    Backoff,
    Jitter,
    Timeout,
    Deadline,
    Budget,
    RetryOn,
}

impl Field {
    pub const ALL: [Field; 7] = [
        Field::Attempts,
        Field::Backoff,
        Field::Jitter,
        Field::Timeout,
        Field::Deadline,
        Field::Budget,
        Field::RetryOn,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Field::Attempts => "attempts",
            Field::Backoff => "backoff",
            Field::Jitter => "jitter",
            Field::Timeout => "timeout",
            Field::Deadline => "deadline",
            Field::Budget => "budget",
            Field::RetryOn => "retry_on",
        }
    }
}

/// A retry policy in herdsim's own terms, and how each of its fields is known.
///
/// Where a field is unresolved, what `policy` has there means nothing.
#[derive(Clone, Debug)]
pub struct Retry {
    pub policy: Policy,
    known: BTreeMap<Field, Fact>,
}

impl Default for Retry {
    fn default() -> Retry {
        let policy = Policy {
            attempts: 1,
            backoff: Backoff::None,
            timeout: None,
            ..Policy::default()
        };
        Retry {
            policy,
            known: BTreeMap::new(),
        }
    }
}

impl Retry {
    /// How a field is known; nothing is said of what is not in sight.
    pub fn fact(&self, field: Field) -> Option<&Fact> {
        self.known.get(&field)
    }

    /// Whether the value of a field can be relied on.
    pub fn is_known(&self, field: Field) -> bool {
        let unresolved = |fact: &Fact| fact.how == How::Unresolved;
        self.fact(field).is_some_and(|fact| !unresolved(fact))
    }

    fn set<T>(&mut self, field: Field, known: Known<T>, put: impl FnOnce(&mut Policy, T)) {
        if let Some(value) = known.value {
            put(&mut self.policy, value);
        }
        self.known.insert(field, known.fact);
    }

    pub fn attempts(&mut self, known: Known<u32>) -> &mut Retry {
        self.set(Field::Attempts, known, |p, v| p.attempts = v.max(1));
        self
    }

    /// From the number of retries, which do not count the first attempt.
    pub fn retries(&mut self, known: Known<f64>) -> &mut Retry {
        self.attempts(known.map(|n| whole(n).saturating_add(1)))
    }

    pub fn backoff(&mut self, known: Known<Backoff>) -> &mut Retry {
        self.set(Field::Backoff, known, |p, v| p.backoff = v);
        self
    }

    pub fn jitter(&mut self, known: Known<Jitter>) -> &mut Retry {
        self.set(Field::Jitter, known, |p, v| p.jitter = v);
        self
    }

    pub fn timeout(&mut self, known: Known<Option<Nanos>>) -> &mut Retry {
        self.set(Field::Timeout, known, |p, v| p.timeout = v);
        self
    }

    pub fn deadline(&mut self, known: Known<Option<Nanos>>) -> &mut Retry {
        self.set(Field::Deadline, known, |p, v| p.deadline = v);
        self
    }

    pub fn budget(&mut self, known: Known<Option<Budget>>) -> &mut Retry {
        self.set(Field::Budget, known, |p, v| p.budget = v);
        self
    }

    pub fn retry_on(&mut self, known: Known<RetryOn>) -> &mut Retry {
        self.set(Field::RetryOn, known, |p, v| p.retry_on = v);
        self
    }

    pub fn cap_after(&mut self, when: CapAfter) -> &mut Retry {
        self.policy.cap_after = when;
        self
    }

    pub fn first(&mut self, delay: Option<Nanos>) -> &mut Retry {
        self.policy.first = delay;
        self
    }

    pub fn at_least(&mut self, delay: Nanos) -> &mut Retry {
        self.policy.at_least = delay;
        self
    }

    pub fn quantum(&mut self, quantum: Quantum) -> &mut Retry {
        self.policy.quantum = Some(quantum);
        self
    }

    pub fn retry_after(&mut self, hint: Hint) -> &mut Retry {
        self.policy.retry_after = hint;
        self
    }

    /// Says how a field is known whose value the policy has already.
    pub fn know(&mut self, field: Field, fact: Fact) {
        self.known.insert(field, fact);
    }

    /// What is said at places within a text stands where the text does.
    pub fn stands_at(&mut self, place: &Place) {
        for fact in self.known.values_mut() {
            if fact.place.is_some() {
                fact.place = Some(place.clone());
            }
        }
    }

    /// Takes a policy of the catalogue as what this program does where nothing else is said.
    pub fn take(&mut self, policy: &Policy, fields: &[Field], why: &str) -> &mut Retry {
        let timeout = self.policy.timeout;
        self.policy = policy.clone();
        self.policy.timeout = timeout;
        for field in fields {
            let fact = Fact {
                how: How::Default,
                place: None,
                why: Some(why.to_string()),
            };
            self.known.insert(*field, fact);
        }
        self
    }

    /// Fields that cannot be followed, with why.
    pub fn unresolved(&self) -> Vec<(Field, &Fact)> {
        let facts = Field::ALL
            .into_iter()
            .filter_map(|field| Some((field, self.fact(field)?)));
        facts
            .filter(|(_, fact)| fact.how == How::Unresolved)
            .collect()
    }

    /// More than one attempt, as far as is known.
    pub fn retries_at_all(&self) -> bool {
        !self.is_known(Field::Attempts) || self.policy.attempts > 1
    }

    pub fn is_unlimited(&self) -> bool {
        self.is_known(Field::Attempts) && self.policy.attempts == UNLIMITED
    }

    /// Most attempts, where they are known and bounded.
    pub fn most_attempts(&self) -> Option<u32> {
        let known = self.is_known(Field::Attempts) && self.policy.attempts != UNLIMITED;
        known.then_some(self.policy.attempts)
    }
}

/// A count from a number as it was written: whole, and neither negative nor beyond u32.
pub fn whole(n: f64) -> u32 {
    n.max(0.0).min(f64::from(UNLIMITED)) as u32
}

/// What a site decides.
#[derive(Clone, Debug)]
pub enum Decision {
    Retry(Box<Retry>),
    /// How long one thing is waited for, with no retry beside it.
    Timeout(Known<Option<Nanos>>),
    Quorum(Quorum),
    Acks(Acks),
    Lease(Lease),
    Fence(Fence),
    Effect(Effect),
}

#[derive(Clone, Debug)]
pub struct Quorum {
    pub n: Known<u32>,
    pub w: Known<u32>,
    pub r: Known<u32>,
}

/// Which acknowledgements a writer waits for, or how many replicas have to be there.
#[derive(Clone, Debug)]
pub struct Acks {
    /// `0`, `1`, `all`
    pub acks: Option<Known<String>>,
    pub min_isr: Option<Known<u32>>,
    pub replicas: Option<Known<u32>>,
}

#[derive(Clone, Debug)]
pub struct Lease {
    pub ttl: Known<Option<Nanos>>,
    pub renew: Option<Known<Nanos>>,
    pub deadline: Option<Known<Nanos>>,
    /// A write under the lease that carries no token.
    pub bare_write: Option<Place>,
}

/// How a write is guarded by its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    RememberAfter,
    CheckThenWrite,
    Atomic,
    None,
}

impl Guard {
    pub fn name(self) -> &'static str {
        match self {
            Guard::RememberAfter => "remember-after",
            Guard::CheckThenWrite => "check-then-write",
            Guard::Atomic => "atomic",
            Guard::None => "none",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Fence {
    pub guard: Guard,
    /// What the token is called.
    pub token: String,
    /// Where it is compared, or kept.
    pub check: Option<Place>,
}

/// How an effect is told from its repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    None,
    PerAttempt,
    PerOperation,
}

impl Key {
    pub fn name(self) -> &'static str {
        match self {
            Key::None => "none",
            Key::PerAttempt => "per-attempt",
            Key::PerOperation => "per-operation",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Effect {
    /// What is made: a refund, a message.
    pub what: String,
    pub money: bool,
    pub key: Key,
    pub key_place: Option<Place>,
    /// What tries it again, where that is in sight.
    pub retried_by: Option<String>,
    pub retention: Option<Known<Nanos>>,
}

impl Decision {
    pub fn seam(&self) -> Seam {
        match self {
            Decision::Retry(_) => Seam::Retry,
            Decision::Timeout(_) => Seam::Timeout,
            Decision::Quorum(_) => Seam::Quorum,
            Decision::Acks(_) => Seam::Acks,
            Decision::Lease(_) => Seam::Lease,
            Decision::Fence(_) => Seam::Fence,
            Decision::Effect(_) => Seam::Effect,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Seam {
    Retry,
    Timeout,
    Quorum,
    Acks,
    Lease,
    Fence,
    Effect,
}

impl fmt::Display for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Seam::Retry => "retry",
            Seam::Timeout => "timeout",
            Seam::Quorum => "quorum",
            Seam::Acks => "acks",
            Seam::Lease => "lease",
            Seam::Fence => "fence",
            Seam::Effect => "effect",
        })
    }
}

impl Serialize for Seam {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What only a reader can see and a rule speaks of: a setting without effect, a wait after
/// the last attempt.
#[derive(Clone, Debug)]
pub struct Remark {
    pub rule: Rule,
    pub place: Place,
    pub text: String,
}

/// One place that decides something at a seam.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its place in the list of sites, once there is one.
    pub number: usize,
    /// From its first byte to its last.
    pub place: Place,
    /// What read it: `tenacity`, `python-loop`, `istio`.
    pub reader: &'static str,
    /// What it is called in its file: a function, a host, an instance.
    pub name: String,
    pub decision: Decision,
    /// The policy of the catalogue that this is, and because of what.
    pub named: Option<(&'static str, String)>,
    /// The instance of a configuration elsewhere that decides instead (resilience4j).
    pub instance: Option<String>,
    /// Who is called, as far as the site says: a host, a cluster, an environment variable.
    pub target: Option<String>,
    pub remarks: Vec<Remark>,
}

impl Site {
    pub fn new(reader: &'static str, place: Place, name: &str, decision: Decision) -> Site {
        Site {
            number: 0,
            place,
            reader,
            name: name.to_string(),
            decision,
            named: None,
            instance: None,
            target: None,
            remarks: Vec::new(),
        }
    }

    pub fn remark(&mut self, rule: Rule, place: Place, text: impl Into<String>) {
        let text = text.into();
        self.remarks.push(Remark { rule, place, text });
    }

    pub fn retry(&self) -> Option<&Retry> {
        match &self.decision {
            Decision::Retry(retry) => Some(retry),
            _ => None,
        }
    }

    /// A status of HTTP that is retried though it says that the request is wrong, not the
    /// moment.
    pub fn cannot_succeed(&mut self, code: u32, place: Place) {
        if (400..500).contains(&code) && !matches!(code, 408 | 409 | 423 | 425 | 429) {
            let text = format!("{code} is retried, and the same request gives the same answer");
            self.remark(Rule::Hs111, place, text);
        }
    }

    /// The line that it begins on, from 1.
    pub fn line(&self) -> usize {
        line(&self.place)
    }
}

/// The line of a place's first byte, from 1.
pub fn line(place: &Place) -> usize {
    place.source.line(place.span.start)
}

/// The line of a place's last byte, from 1.
pub fn end_line(place: &Place) -> usize {
    let text = place.source.text.as_bytes();
    let mut end = place.span.end.min(text.len());
    while end > place.span.start && text[end - 1].is_ascii_whitespace() {
        end -= 1;
    }
    place
        .source
        .line(end.saturating_sub(1).max(place.span.start))
}

/// A keyspace, and how often each of its centres keeps a row.
#[derive(Clone, Debug)]
pub struct Keyspace {
    pub name: String,
    pub place: Place,
    pub copies: Vec<Known<u32>>,
    /// By a statement that changes it.
    pub altered: bool,
}

/// A level that a driver asks for.
#[derive(Clone, Debug)]
pub struct Level {
    pub name: Known<String>,
    /// Of writes, of reads, of both.
    pub writes: Option<bool>,
}

/// One service calls another, as a file states it.
#[derive(Clone, Debug)]
pub struct Edge {
    pub from: String,
    pub to: String,
    /// What states it: `compose environment`.
    pub how: &'static str,
    /// Stated only by the order in which things start, or by a constant in code.
    pub weak: bool,
    pub place: Place,
}

/// Something that was seen and is no site: a poller, a start-up wait; or a thing that could
/// not be read.
#[derive(Clone, Debug)]
pub struct Aside {
    pub place: Place,
    pub text: String,
}

/// What a file, or all of them, came to.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub sites: Vec<Site>,
    pub edges: Vec<Edge>,
    /// Values that could not be followed, beside those of sites.
    pub unresolved: Vec<Aside>,
    /// Loops that wait and are no retries.
    pub not_retries: Vec<Aside>,
    /// What could not be read, and why.
    pub not_read: Vec<NotRead>,
    /// Services, and the directory that each is built from.
    pub services: Vec<(String, Option<String>)>,
    /// What limits the retries to a host, where another file than theirs says it.
    pub limits: Vec<(String, Known<Option<Budget>>)>,
    /// What is stated of services that are called.
    pub backends: Vec<Backend>,
    /// Keyspaces of Cassandra, and the levels that drivers ask for.
    pub keyspaces: Vec<Keyspace>,
    pub levels: Vec<Level>,
    /// Services with a ServiceProfile of Linkerd, which makes annotations of theirs dead.
    pub profiles: Vec<String>,
}

/// A service as one file, or several, have it.
#[derive(Clone, Debug, Default)]
pub struct Backend {
    pub name: String,
    pub hosts: Option<Known<u32>>,
    pub balance: Option<Known<Balance>>,
    pub limit: Option<Known<Limit>>,
    pub eject: Option<Known<Eject>>,
}

impl Backend {
    pub fn new(name: &str) -> Backend {
        Backend {
            name: name.to_string(),
            ..Backend::default()
        }
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_none()
            && self.balance.is_none()
            && self.limit.is_none()
            && self.eject.is_none()
    }
}

#[derive(Clone, Debug)]
pub struct NotRead {
    pub file: String,
    pub line: Option<usize>,
    pub reason: String,
}

impl Reading {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
            && self.edges.is_empty()
            && self.unresolved.is_empty()
            && self.not_retries.is_empty()
            && self.not_read.is_empty()
            && self.services.is_empty()
            && self.limits.is_empty()
            && self.backends.is_empty()
            && self.profiles.is_empty()
            && self.keyspaces.is_empty()
            && self.levels.is_empty()
    }

    pub fn merge(&mut self, other: Reading) {
        self.sites.extend(other.sites);
        self.edges.extend(other.edges);
        self.unresolved.extend(other.unresolved);
        self.not_retries.extend(other.not_retries);
        self.not_read.extend(other.not_read);
        self.services.extend(other.services);
        self.limits.extend(other.limits);
        self.backends.extend(other.backends);
        self.profiles.extend(other.profiles);
        self.keyspaces.extend(other.keyspaces);
        self.levels.extend(other.levels);
    }
}
