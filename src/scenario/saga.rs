//! A compensation invoked by a retry layer: what is asked, as data.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::scenario::fence::word_set;
use crate::scenario::policy::Policy;
use crate::scenario::tree::{Kind, Problem, Section, Table};
use crate::scenario::{Layers, Trials, as_map, count_u32, named, policies, trials};
use crate::units::{Factor, Nanos, Probability};

/// A saga scenario with every field resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SagaScenario {
    pub kind: &'static str,
    pub name: String,
    pub run: Trials,
    pub saga: Saga,
    /// The retry layer: one policy.
    #[serde(serialize_with = "as_map")]
    pub policy: Vec<(String, Policy)>,
}

/// One compensation, what can be lost on the way, and the key modes compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Saga {
    /// Chance that a request is lost before it executes.
    pub request_loss: Probability,
    /// Chance that an answer is lost after it.
    pub response_loss: Probability,
    /// Chance of a crash between effect and record, in whichever order they come.
    pub crash: Probability,
    /// How long an execution takes.
    pub execution: Dist,
    /// How long `short-retention` remembers a key.
    pub retention: Retention,
    /// Money moved by one execution.
    pub amount: Factor,
    /// Compensations of the saga, each of which can be doubled.
    pub compensations: u32,
    #[serde(serialize_with = "key_names")]
    pub keys: Vec<KeyMode>,
}

/// How the receiver uses the idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// Every arrival executes.
    None,
    /// A fresh key each attempt, which is as good as none.
    PerAttempt,
    /// One key per operation, recorded atomically with the effect.
    PerOperation,
    /// The same, but the key is forgotten after a while.
    ShortRetention,
    /// No lock while the first executes: a duplicate that arrives then runs too.
    CheckThenAct,
    /// A crash may fall between the effect and its record.
    EffectThenRecord,
    /// A crash may fall between the record and the effect.
    RecordThenEffect,
    /// A retry carries other parameters, and is refused.
    Mismatch,
}

/// The key modes by name.
pub const KEY_MODES: [(&str, KeyMode); 8] = [
    ("none", KeyMode::None),
    ("per-attempt", KeyMode::PerAttempt),
    ("per-operation", KeyMode::PerOperation),
    ("short-retention", KeyMode::ShortRetention),
    ("check-then-act", KeyMode::CheckThenAct),
    ("effect-then-record", KeyMode::EffectThenRecord),
    ("record-then-effect", KeyMode::RecordThenEffect),
    ("mismatch", KeyMode::Mismatch),
];

impl KeyMode {
    pub fn name(self) -> &'static str {
        let found = KEY_MODES.iter().find(|(_, mode)| *mode == self);
        found.map_or("", |(name, _)| name)
    }
}

impl Serialize for KeyMode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

fn key_names<S: Serializer>(keys: &[KeyMode], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(keys.iter().map(|k| k.name()))
}

/// How long a key is remembered once recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    For(Nanos),
    /// Over this many later attempts.
    Attempts(u32),
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Retention::For(time) => time.fmt(f),
            Retention::Attempts(n) => n.fmt(f),
        }
    }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Retention::For(time) => s.collect_str(time),
            Retention::Attempts(n) => s.serialize_u32(*n),
        }
    }
}

/// How long real receivers remember a key, with the source.
pub const RETENTION_PRESETS: [(&str, Nanos, &str); 4] = [
    (
        "stripe",
        Nanos::from_secs(24 * 3600),
        "Stripe API reference, idempotent requests: at least 24 h",
    ),
    (
        "truelayer",
        Nanos::from_secs(6 * 3600),
        "TrueLayer: 6 h; 30 days for payments",
    ),
    (
        "truelayer-payments",
        Nanos::from_secs(30 * 86_400),
        "TrueLayer payments: 30 days",
    ),
    ("qonto", Nanos::from_secs(30 * 60), "Qonto: 30 min"),
];

impl SagaScenario {
    pub(super) fn read(top: &mut Section<'_>, layers: &Layers) -> Result<SagaScenario, Problem> {
        let empty = Table::default();
        let name = named(top, "saga")?;
        let run = match top.node("run") {
            Some(node) => trials(node.table()?, 1_000_000)?,
            None => trials(&empty, 1_000_000)?,
        };
        let saga = match top.node("saga") {
            Some(node) => saga(node.table()?)?,
            None => saga(&empty)?,
        };
        let compare = top.node("compare");
        let mut policy = policies(top.node("policy"), compare, &["fixed"], layers)?;
        if policy.len() > 1 {
            let place = compare.or(top.node("policy")).map(|n| n.place.clone());
            return Err(Problem::new("a saga has one retry layer, so one policy")
                .at(place)
                .help("pick it with --policy, or compare = [\"…\"]"));
        }
        policy.truncate(1);
        const MOST: u32 = 1_000;
        if let [(name, only)] = &policy[..]
            && only.attempts > MOST
        {
            return Err(Problem::new(format!(
                "policy `{name}` makes {} attempts, a saga can follow {MOST}",
                only.attempts
            ))
            .help("set fewer with --attempts"));
        }
        if let [(name, only)] = &policy[..]
            && only.timeout.is_none()
            && only.deadline.is_none()
        {
            return Err(Problem::new(format!(
                "policy `{name}` has no timeout: a caller whose answer is lost would wait for ever"
            ))
            .help("give --timeout"));
        }
        Ok(SagaScenario {
            kind: "saga",
            name,
            run,
            saga,
            policy,
        })
    }

    /// The retry layer.
    pub fn retry_layer(&self) -> &Policy {
        &self.policy[0].1
    }
}

fn saga(table: &Table) -> Result<Saga, Problem> {
    let mut s = Section::new(table);
    let losses = |s: &mut Section<'_>, key, default| -> Result<Probability, Problem> {
        Ok(s.read(key)?.unwrap_or(Probability(default)))
    };
    let saga = Saga {
        request_loss: losses(&mut s, "request_loss", 0.01)?,
        response_loss: losses(&mut s, "response_loss", 0.05)?,
        crash: losses(&mut s, "crash", 0.01)?,
        execution: s.read("execution")?.unwrap_or(Dist::Exp {
            mean: Nanos::from_millis(100),
        }),
        retention: retention(&mut s)?.unwrap_or(Retention::For(Nanos::from_secs(30 * 60))),
        amount: s.read("amount")?.unwrap_or(Factor(50.0)),
        compensations: count_u32(&mut s, "compensations", 1, 1)?,
        keys: word_set(&mut s, "keys", "key mode", &KEY_MODES)?
            .unwrap_or_else(|| KEY_MODES.map(|(_, mode)| mode).to_vec()),
    };
    if saga.amount.0 > 1e12 {
        return Err(Problem::new("`amount` can be at most 1e12").at(s.place("amount")));
    }
    s.finish()?;
    Ok(saga)
}

/// A duration, a number of later attempts, or the name of a receiver.
pub(super) fn retention(s: &mut Section<'_>) -> Result<Option<Retention>, Problem> {
    let Some(node) = s.node("retention") else {
        return Ok(None);
    };
    let zero = || {
        Problem::new("a key that is forgotten at once is as good as none")
            .at(Some(node.place.clone()))
            .help("use the key mode `none` for that")
    };
    let digits = match &node.kind {
        Kind::Text { text, .. } | Kind::Number(text) => text.as_str(),
        _ => "",
    };
    if let Some((_, time, _)) = RETENTION_PRESETS.iter().find(|(name, ..)| *name == digits) {
        return Ok(Some(Retention::For(*time)));
    }
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '_') {
        return match node.read::<u64>()? {
            0 => Err(zero()),
            n => Ok(Some(Retention::Attempts(n.min(u64::from(u32::MAX)) as u32))),
        };
    }
    match node.read::<Nanos>()? {
        Nanos::ZERO => Err(zero()),
        time => Ok(Some(Retention::For(time))),
    }
}
