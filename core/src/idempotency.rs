//! Idempotency keys: what a receiver does with an operation that comes again.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::units::Nanos;

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

/// What the receiver knows and does about one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Executions so far, those that still run included.
    pub executions: u32,
    /// The attempt that was recorded, and from when on (ns) it is known.
    record: Option<(u32, u64)>,
    /// Until when some execution runs, as far as is known.
    busy_until: u64,
}

impl Ledger {
    /// As it looks from `now` on: an execution that is over is like none, so that
    /// histories which no longer differ are the same.
    pub(crate) fn from(self, now: u64) -> Ledger {
        Ledger {
            busy_until: match self.busy_until > now {
                true => self.busy_until,
                false => 0,
            },
            ..self
        }
    }

    /// An execution ends at `now`, or is cut off.
    pub fn release(&mut self, now: u64) {
        self.busy_until = now;
    }
}

/// An attempt as it reaches the receiver.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// 1, 2, ….
    pub attempt: u32,
    /// In ns.
    pub at: u64,
    /// How long it would execute.
    pub execution: u64,
}

/// What the receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, now or before.
    Done,
    /// The same key is being executed: try again later.
    Conflict,
    /// The same key came with other parameters.
    Refused,
    /// It crashed.
    Nothing,
}

/// What an arrival leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled {
    pub ledger: Ledger,
    pub reply: Reply,
    /// When the reply is sent.
    pub at: u64,
}

/// How a receiver treats keys.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    pub mode: KeyMode,
    pub retention: Retention,
}

/// What a receiver does with an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Executes,
    /// It knows the key.
    Known,
    /// The same key is being executed.
    Busy,
}

impl Receiver {
    /// What becomes of an attempt that arrives now.
    pub fn admit(&self, ledger: &Ledger, attempt: u32, at: u64) -> Admission {
        if matches!(self.mode, KeyMode::None | KeyMode::PerAttempt) {
            Admission::Executes
        } else if self.remembers(ledger, attempt, at) {
            Admission::Known
        } else if ledger.busy_until > at {
            Admission::Busy
        } else {
            Admission::Executes
        }
    }

    /// An admitted attempt begins to execute; until when, if that is known.
    pub fn begin(&self, ledger: &mut Ledger, attempt: u32, at: u64, until: u64) {
        if self.mode == KeyMode::RecordThenEffect {
            ledger.record = Some((attempt, at));
        }
        // The others do not ask.
        if !matches!(
            self.mode,
            KeyMode::None | KeyMode::PerAttempt | KeyMode::CheckThenAct
        ) {
            ledger.busy_until = ledger.busy_until.max(until);
        }
    }

    /// It is through at `done`; `crash` says whether it crashes between effect
    /// and record, in the modes where that makes a difference.
    pub fn complete(&self, ledger: &mut Ledger, attempt: u32, done: u64, crash: bool) -> Reply {
        let crashed = crash && self.can_crash();
        if !(crashed && self.mode == KeyMode::RecordThenEffect) {
            ledger.executions += 1;
        }
        if crashed {
            return Reply::Nothing;
        }
        ledger.record = match (self.mode, ledger.record) {
            (KeyMode::None | KeyMode::PerAttempt | KeyMode::RecordThenEffect, record) => record,
            // Of several that run, the first to end is recorded.
            (KeyMode::CheckThenAct, Some((first, from))) if from <= done => Some((first, from)),
            _ => Some((attempt, done)),
        };
        Reply::Done
    }

    /// What is answered to an attempt that does not execute.
    pub fn decline(&self, admission: Admission) -> Reply {
        match (admission, self.mode) {
            (Admission::Known, KeyMode::Mismatch) => Reply::Refused,
            (Admission::Busy, _) => Reply::Conflict,
            _ => Reply::Done,
        }
    }

    /// Handles an arrival of which it is known how long it would execute.
    pub fn handle(&self, mut ledger: Ledger, arrival: Arrival, crash: bool) -> Handled {
        let Arrival { attempt, at, .. } = arrival;
        match self.admit(&ledger, attempt, at) {
            Admission::Executes => {
                let done = at.saturating_add(arrival.execution);
                self.begin(&mut ledger, attempt, at, done);
                let reply = self.complete(&mut ledger, attempt, done, crash);
                Handled {
                    ledger,
                    reply,
                    at: done,
                }
            }
            declined => Handled {
                ledger,
                reply: self.decline(declined),
                at,
            },
        }
    }

    /// Whether the key is known when an attempt arrives.
    fn remembers(&self, ledger: &Ledger, attempt: u32, at: u64) -> bool {
        let Some((recorded, from)) = ledger.record else {
            return false;
        };
        let forgotten = match (self.mode, self.retention) {
            (KeyMode::ShortRetention, Retention::For(time)) => at >= from.saturating_add(time.0),
            // In a herd an earlier attempt may come later.
            (KeyMode::ShortRetention, Retention::Attempts(n)) => {
                attempt.saturating_sub(recorded) > n
            }
            _ => false,
        };
        from <= at && !forgotten
    }

    /// Whether a crash between effect and record makes a difference.
    pub(crate) fn can_crash(&self) -> bool {
        matches!(
            self.mode,
            KeyMode::EffectThenRecord | KeyMode::RecordThenEffect
        )
    }
}
