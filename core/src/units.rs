//! Units at the borders: integer nanoseconds, rates, probabilities, factors.
//!
//! Every type prints in the value language of [`crate::value`], and
//! what it prints reads back to the same value.

use std::fmt;
use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::value::{Lexer, Value, ValueError, decimal, number_and_unit, part, real};

/// A length of time, or an instant counted from 0, in integer nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    pub const ZERO: Nanos = Nanos(0);
    /// Longer than any horizon: an event that never happens.
    pub const NEVER: Nanos = Nanos(u64::MAX);

    pub const fn from_millis(ms: u64) -> Nanos {
        Nanos(ms * 1_000_000)
    }

    pub const fn from_secs(s: u64) -> Nanos {
        Nanos(s * 1_000_000_000)
    }

    /// From seconds, rounded to the nearest nanosecond; negative gives zero.
    pub fn from_secs_f64(s: f64) -> Nanos {
        Nanos((s * 1e9).round() as u64)
    }

    /// The same of what was read, where it is no longer than a duration can be.
    pub(crate) fn from_ns_f64(ns: f64) -> Option<Nanos> {
        (0.0..LONGEST as f64)
            .contains(&ns)
            .then(|| Nanos(ns.round() as u64))
    }

    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0;
        let (number, unit) = match ns {
            0 => (0, "s"),
            _ if ns.is_multiple_of(1_000_000_000) => (ns / 1_000_000_000, "s"),
            _ if ns.is_multiple_of(1_000_000) => (ns / 1_000_000, "ms"),
            _ if ns.is_multiple_of(1_000) => (ns / 1_000, "us"),
            _ => (ns, "ns"),
        };
        write!(f, "{number}{unit}")
    }
}

/// Events per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Probability(pub f64);

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A multiplier, 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Factor(pub f64);

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How much slower than true time a clock runs: 0.1 loses a tenth, −0.1 gains one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Drift(pub f64);

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Drift {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0)
    }
}

/// A size of memory.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Bytes(pub f64);

/// Retry tokens, in millionths, so that adding 0.1 ten times is exactly 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tokens(pub u64);

impl Tokens {
    pub const ONE: Tokens = Tokens(1_000_000);

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for Probability {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0)
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0)
    }
}

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.as_f64())
    }
}

impl Value for Nanos {
    const EXPECTED: &'static str = "a duration such as 250ms or 1m30s";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        duration(text, span)
    }
}

/// In nanoseconds what no duration reaches, so that a few of them can be added.
pub(crate) const LONGEST: u64 = 1_000_000_000_000_000_000;

/// What is said of one that does.
pub(crate) const TOO_LONG: &str = "longer than 31 years";

/// A duration as it is written: numbers with units, one after another.
pub(crate) fn duration(text: &str, span: Range<usize>) -> Result<Nanos, ValueError> {
    const UNITS: [(&str, u64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    if text.starts_with('-') {
        return Err(ValueError::new(span, "a duration cannot be negative"));
    }
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let (number, tail) = number_and_unit(rest);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let unit = &tail[..unit_end];
        let Some(number_value) = decimal(number) else {
            return Err(ValueError::new(
                span,
                format!("expected {}", Nanos::EXPECTED),
            ));
        };
        if unit.is_empty() {
            if number_value == 0.0 && text.trim_matches(['0', '.']).is_empty() {
                return Ok(Nanos::ZERO);
            }
            return Err(
                ValueError::new(span, "a duration needs a unit").help(format!(
                    "write `{number}s` or `{number}ms`; units are ns, us, ms, s, m, h, d"
                )),
            );
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let at = span.start + (text.len() - rest.len()) + number.len();
            return Err(
                ValueError::new(at..at + unit.len(), format!("unknown unit `{unit}`"))
                    .help("units are ns, us, ms, s, m, h, d"),
            );
        };
        // Whole numbers exactly, which f64 would not hold beyond 104 days of ns.
        let digits = number.replace('_', "");
        let part = match digits.parse::<u64>() {
            Ok(whole) => whole.saturating_mul(*scale),
            Err(_) => (number_value * *scale as f64).round() as u64,
        };
        total = total.saturating_add(part);
        rest = &tail[unit_end..];
    }
    if total >= LONGEST {
        return Err(ValueError::new(span, TOO_LONG));
    }
    Ok(Nanos(total))
}

impl Value for Rate {
    const EXPECTED: &'static str = "a rate such as 1/s";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let Some((number, unit)) = text.split_once('/') else {
            return Err(ValueError::new(span, "a rate needs `per what`")
                .help(format!("write `{text}/s`; units are /ms, /s, /m, /h")));
        };
        let per_second = match unit {
            "ms" => 1e3,
            "s" => 1.0,
            "m" | "min" => 1.0 / 60.0,
            "h" => 1.0 / 3600.0,
            _ => {
                return Err(ValueError::new(span, format!("unknown unit `/{unit}`"))
                    .help("units are /ms, /s, /m, /h"));
            }
        };
        let number = real(number, span.clone())?;
        if number < 0.0 {
            return Err(ValueError::new(span, "a rate cannot be negative"));
        }
        Ok(Rate(number * per_second))
    }
}

impl Value for Probability {
    const EXPECTED: &'static str = "a probability such as 0.3 or 30%";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let p = part(text, span.clone())?;
        if !(0.0..=1.0).contains(&p) {
            return Err(
                ValueError::new(span, format!("{text} does not lie between 0 and 1"))
                    .help("that is 0% to 100%"),
            );
        }
        Ok(Probability(p))
    }
}

impl Value for Factor {
    const EXPECTED: &'static str = "a factor such as 2 or 0.5";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let x = part(text, span.clone())?;
        if x < 0.0 {
            return Err(ValueError::new(span, "a factor cannot be negative"));
        }
        Ok(Factor(x))
    }
}

impl Value for Drift {
    const EXPECTED: &'static str = "a drift such as 1% or -0.01";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let x = part(text, span.clone())?;
        if !(-1.0..=1.0).contains(&x) {
            return Err(ValueError::new(span, "a drift lies between -100% and 100%")
                .help("at 100% the clock stands still, at -100% it runs at twice the speed"));
        }
        Ok(Drift(x))
    }
}

impl Value for Bytes {
    const EXPECTED: &'static str = "a size such as 500MB or 8GiB";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        const UNITS: [(&str, f64); 9] = [
            ("B", 1.0),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("TB", 1e12),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
            ("TiB", 1_099_511_627_776.0),
        ];
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let (number, unit) = number_and_unit(text);
        let scale = UNITS.iter().find(|(name, _)| *name == unit);
        match (decimal(number), scale) {
            (Some(x), Some((_, scale))) if x > 0.0 => Ok(Bytes(x * scale)),
            _ => Err(ValueError::new(
                span,
                format!("expected {}", Self::EXPECTED),
            )),
        }
    }
}

impl Value for Tokens {
    const EXPECTED: &'static str = "a number of tokens such as 10 or 0.1";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let x = real(text, span.clone())?;
        if !(0.0..=1e12).contains(&x) {
            return Err(ValueError::new(span, "tokens lie between 0 and 1e12"));
        }
        let millionths = (x * 1e6).round();
        if (millionths - x * 1e6).abs() > 1e-3 {
            return Err(ValueError::new(span, "tokens are counted in millionths"));
        }
        Ok(Tokens(millionths as u64))
    }
}
