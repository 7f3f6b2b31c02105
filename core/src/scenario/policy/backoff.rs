//! How long a client waits before a retry: the backoff, its jitter, and what rounds,
//! bounds or replaces the delay.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::units::{Factor, Nanos, Probability, duration};
use crate::value::{Lexer, Value, ValueError, suggest};

/// How long to wait before retry k = 1, 2, …, before jitter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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
#[non_exhaustive]
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

    /// v of retry k = 1, 2, …, in ns, under the cap unless that comes later; 0 for a random
    /// backoff, which has none.
    pub(crate) fn level(&self, k: u32, capped: bool) -> f64 {
        match self {
            Backoff::None | Backoff::Random(_) => 0.0,
            Backoff::Fixed(d) => d.0 as f64,
            Backoff::Linear(d) => d.0 as f64 * f64::from(k),
            Backoff::Exponential {
                base,
                multiplier,
                cap,
                exponent,
            } => {
                let cap = match cap {
                    Some(cap) if capped => cap.0 as f64,
                    _ => f64::INFINITY,
                };
                let power = |k: u32| multiplier.0.powi(i32::try_from(k).unwrap_or(i32::MAX));
                let factor = match exponent {
                    Exponent::FromZero => power(k - 1),
                    Exponent::FromOne => power(k),
                    Exponent::LessOne => power(k) - 1.0,
                };
                match base.0 {
                    0 => 0.0, // Also where the power is infinite.
                    base => (base as f64 * factor).min(cap),
                }
            }
            Backoff::Polynomial {
                offset,
                step,
                power,
            } => offset.0 as f64 + step.0 as f64 * f64::from(k - 1).powi(*power as i32),
            Backoff::Table(delays) => {
                let last = delays.len() - 1;
                delays[last.min(k as usize - 1)].0 as f64
            }
        }
    }

    /// The longest wait before retry k, in ns, before the cap comes once more.
    pub(super) fn longest(&self, k: u32, capped: bool, jitter: Jitter) -> f64 {
        let v = match self {
            Backoff::Random(law) => law.upper_quantile(0.0),
            _ => self.level(k, capped),
        };
        let (base, multiplier) = match self {
            Backoff::Exponential {
                base, multiplier, ..
            } => (base.0 as f64, multiplier.0),
            _ => (v, 1.0),
        };
        let cap = self.cap().map_or(f64::INFINITY, |cap| cap.0 as f64);
        let times = i32::try_from(k).unwrap_or(i32::MAX);
        match jitter {
            Jitter::None | Jitter::Full | Jitter::Equal => v,
            Jitter::Proportional(f) => v * (1.0 + f.0),
            Jitter::Scale(a, b) => v * a.0.max(b.0),
            Jitter::Additive(d) => v + d.0 as f64,
            Jitter::Growing(d) => v + d.0 as f64 * f64::from(k),
            Jitter::Decorrelated => (base * 3f64.powi(times)).min(cap),
            Jitter::Compounding(f) => {
                let growth = (multiplier * (1.0 + f.0)).powi(times - 1);
                (base * (1.0 + f.0) * growth).min(cap)
            }
            Jitter::Polly => (base * 2f64.powi(times) / 1.4).min(cap),
        }
    }

    /// The shortest wait before retry k, in ns, before the cap comes once more.
    pub(super) fn shortest(&self, k: u32, capped: bool, jitter: Jitter) -> f64 {
        let v = match self {
            Backoff::Random(law) => law.lower_bound(),
            _ => self.level(k, capped),
        };
        let base = match self {
            Backoff::Exponential { base, .. } => base.0 as f64,
            _ => v,
        };
        match jitter {
            Jitter::None | Jitter::Additive(_) | Jitter::Growing(_) => v,
            Jitter::Full | Jitter::Polly => 0.0,
            Jitter::Equal => v / 2.0,
            Jitter::Proportional(f) => v * (1.0 - f.0),
            Jitter::Scale(a, b) => v * a.0.min(b.0),
            Jitter::Decorrelated => base,
            Jitter::Compounding(f) => v * (1.0 - f.0).powi(i32::try_from(k).unwrap_or(i32::MAX)),
        }
    }

    /// What the delays tend to before jitter, in ns.
    pub(super) fn limit(&self) -> f64 {
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
#[non_exhaustive]
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

impl Jitter {
    /// What the delays of a backoff that tends to `v` tend to at most, in ns.
    pub(super) fn limit(&self, v: f64, backoff: &Backoff) -> f64 {
        let grows = |grows: bool| if grows { f64::INFINITY } else { v };
        match self {
            Jitter::None | Jitter::Full | Jitter::Equal => v,
            Jitter::Proportional(f) => v * (1.0 + f.0),
            Jitter::Scale(_, most) => v * most.0,
            Jitter::Additive(d) => v + d.0 as f64,
            Jitter::Growing(d) => grows(*d > Nanos::ZERO),
            // They grow by themselves, from a base; kafkajs rounds at every step.
            Jitter::Decorrelated | Jitter::Polly => grows(v > 0.0),
            Jitter::Compounding(f) => match backoff {
                Backoff::Exponential { base, .. } => base.0 as f64 * (1.0 + f.0),
                _ => v,
            },
        }
    }

    /// Whether it draws a time, whose upper end an inclusive draw reaches, and not a factor.
    pub(super) fn draws_time(&self) -> bool {
        match self {
            Jitter::Full | Jitter::Equal | Jitter::Additive(_) | Jitter::Growing(_) => true,
            Jitter::None
            | Jitter::Decorrelated
            | Jitter::Proportional(_)
            | Jitter::Scale(..)
            | Jitter::Compounding(_)
            | Jitter::Polly => false,
        }
    }

    /// Of one that grows by itself, from the base of an exponential backoff, why there has
    /// to be one.
    pub(super) fn grows_alone(&self) -> Option<&'static str> {
        match self {
            Jitter::Decorrelated => Some("decorrelated jitter goes with an exponential backoff"),
            Jitter::Compounding(_) => Some("compounding jitter goes with an exponential backoff"),
            Jitter::Polly => Some("Polly's jitter goes with an exponential backoff"),
            Jitter::None
            | Jitter::Full
            | Jitter::Equal
            | Jitter::Proportional(_)
            | Jitter::Scale(..)
            | Jitter::Additive(_)
            | Jitter::Growing(_) => None,
        }
    }
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
#[non_exhaustive]
pub enum CapAfter {
    /// Before the jitter.
    No,
    /// After it, so that mass piles up at the cap.
    Yes,
    /// Before and after: Kafka, tower.
    Both,
}

impl CapAfter {
    pub(super) fn is_no(&self) -> bool {
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
#[non_exhaustive]
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
#[non_exhaustive]
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
    pub(super) fn is_ignore(&self) -> bool {
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

const BACKOFFS: [&str; 7] = [
    "none",
    "fixed",
    "linear",
    "exponential",
    "polynomial",
    "table",
    "random",
];

impl Value for Exponent {
    const EXPECTED: &'static str = "0, 1 or less-one";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        match tokens.atom(Self::EXPECTED)? {
            ("0", _) => Ok(Exponent::FromZero),
            ("1", _) => Ok(Exponent::FromOne),
            ("less-one", _) => Ok(Exponent::LessOne),
            (_, span) => Err(
                ValueError::new(span, format!("expected {}", Self::EXPECTED))
                    .help("the first retry waits base × multiplier^0, ^1, or ^1 less 1"),
            ),
        }
    }
}

impl Value for Backoff {
    const EXPECTED: &'static str =
        "a backoff such as fixed(1s) or exponential(base=100ms,multiplier=2,cap=10s)";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let backoff = match name {
            "none" => Backoff::None,
            "fixed" => Backoff::Fixed(args.required("delay")?),
            "linear" => Backoff::Linear(args.required("step")?),
            "exponential" => {
                let base: Nanos = args.required("base")?;
                let multiplier = args
                    .optional::<Factor>("multiplier")?
                    .unwrap_or(Factor(2.0));
                let cap: Option<Nanos> = args.optional("cap")?;
                if multiplier.0 < 1.0 {
                    return Err(ValueError::new(
                        at,
                        "a multiplier below 1 would back off less and less",
                    ));
                }
                if cap.is_some_and(|cap| cap < base) {
                    return Err(ValueError::new(at, "the cap is below the base"));
                }
                Backoff::Exponential {
                    base,
                    multiplier,
                    cap,
                    exponent: args
                        .optional("exponent_from")?
                        .unwrap_or(Exponent::FromZero),
                }
            }
            "polynomial" => {
                let offset = args.required("offset")?;
                let step = args.required("step")?;
                let power: u64 = args.required("power")?;
                if power > 10 {
                    return Err(ValueError::new(at, "a power can be at most 10"));
                }
                Backoff::Polynomial {
                    offset,
                    step,
                    power: power as u32,
                }
            }
            "table" => {
                let mut delays = Vec::new();
                while let Some(delay) = args.optional("delay")? {
                    delays.push(delay);
                }
                if delays.is_empty() {
                    return Err(ValueError::new(at, "`table` needs delays")
                        .help("for example table(1s,2s,5s)"));
                }
                Backoff::Table(delays)
            }
            "random" => Backoff::Random(args.required("law")?),
            _ => {
                return Err(ValueError::new(at, format!("unknown backoff `{name}`"))
                    .help(suggest(name, &BACKOFFS)));
            }
        };
        args.finish()?;
        Ok(backoff)
    }
}

const JITTERS: [&str; 10] = [
    "none",
    "full",
    "equal",
    "decorrelated",
    "proportional",
    "scale",
    "additive",
    "growing",
    "compounding",
    "polly",
];

impl Value for Jitter {
    const EXPECTED: &'static str = "a jitter such as full or proportional(20%)";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let jitter = match name {
            "none" => Jitter::None,
            "full" => Jitter::Full,
            "equal" => Jitter::Equal,
            "decorrelated" => Jitter::Decorrelated,
            "proportional" => Jitter::Proportional(args.required("f")?),
            "scale" => {
                let (from, to): (Factor, Factor) = (args.required("from")?, args.required("to")?);
                if from > to {
                    return Err(ValueError::new(at, "`scale` needs from ≤ to"));
                }
                Jitter::Scale(from, to)
            }
            "additive" => Jitter::Additive(args.required("d")?),
            "growing" => Jitter::Growing(args.required("d")?),
            "compounding" => Jitter::Compounding(args.required("f")?),
            "polly" => Jitter::Polly,
            _ => {
                return Err(ValueError::new(at, format!("unknown jitter `{name}`"))
                    .help(suggest(name, &JITTERS)));
            }
        };
        args.finish()?;
        Ok(jitter)
    }
}

impl Value for Quantum {
    const EXPECTED: &'static str =
        "a quantum such as 1ms, ceil(1ms), nearest(1ms) or inclusive(1s)";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let rounding = match name {
            "ceil" => Rounding::Ceil,
            "nearest" => Rounding::Nearest,
            "inclusive" => Rounding::Inclusive,
            "floor" => Rounding::Floor,
            _ if name.starts_with(|c: char| c.is_ascii_digit()) => {
                let unit = duration(name, at)?;
                return Quantum::of(unit, Rounding::Floor, tokens);
            }
            _ => {
                return Err(ValueError::new(at, format!("expected {}", Self::EXPECTED)));
            }
        };
        let mut args = tokens.arguments(name, at)?;
        let unit = args.required("unit")?;
        args.finish()?;
        Quantum::of(unit, rounding, tokens)
    }
}

impl Quantum {
    fn of(unit: Nanos, rounding: Rounding, tokens: &Lexer<'_>) -> Result<Quantum, ValueError> {
        match unit {
            Nanos::ZERO => Err(ValueError::new(
                0..tokens.here().end,
                "a quantum is longer than 0",
            )),
            unit => Ok(Quantum { unit, rounding }),
        }
    }
}

impl Value for Hint {
    const EXPECTED: &'static str = "ignore, replace, replace(20s), replace-and-restart, replace-or-stop(60s), at-least, \
         at-least-before-jitter or clamp(5s)";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let hint = match name {
            "ignore" => Hint::Ignore,
            "replace" => Hint::Replace(args.optional("most")?),
            "replace-or-stop" => Hint::ReplaceOrStop(args.required("most")?),
            "replace-and-restart" => Hint::ReplaceAndRestart,
            "at-least" => Hint::AtLeast,
            "at-least-before-jitter" => Hint::BeforeJitter,
            "clamp" => Hint::Clamp(args.required("most")?),
            _ => {
                return Err(ValueError::new(at, format!("expected {}", Self::EXPECTED)));
            }
        };
        args.finish()?;
        Ok(hint)
    }
}
