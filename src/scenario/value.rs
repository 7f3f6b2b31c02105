//! The value language: durations, rates, probabilities, counts, distributions,
//! faults, backoffs and jitters, the same in a scenario file and in a flag.
//!
//! ```text
//! duration      250ms   1m30s   15us
//! rate          5000/s
//! distribution  exp(5ms)   gamma(shape=2,mean=5ms)   exp(5ms) + 1ms
//! fault         crash@10s+2s   errors(30%)@10s+5s~1s
//! backoff       exponential(base=100ms,multiplier=2,cap=10s)
//! ```
//!
//! Text is split into tokens, then each type reads the tokens it expects. An
//! error carries the byte range it is about.

use std::ops::Range;
use std::path::Path;

use super::samples;
use crate::dist::Dist;
use crate::scenario::fault::{Fault, FaultKind};
use crate::scenario::policy::{Backoff, Exponent, Hint, Jitter, Quantum, Rounding};
use crate::units::{Drift, Factor, Nanos, Probability, Rate, Tokens};

/// What is wrong with a value, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// Byte range in the text of the value.
    pub span: Range<usize>,
    pub message: String,
    /// How to put it right, when that is known.
    pub help: Option<String>,
}

impl ValueError {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        ValueError {
            span,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A type of the value language.
pub trait Value: Sized {
    /// What is expected, with an example, to end "expected …".
    const EXPECTED: &'static str;

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError>;

    /// Reads the whole of `text`; files that it names are looked for here.
    fn parse(text: &str) -> Result<Self, ValueError> {
        Self::parse_in(text, Path::new(""))
    }

    /// Reads the whole of `text`; files that it names are looked for in `directory`.
    fn parse_in(text: &str, directory: &Path) -> Result<Self, ValueError> {
        let mut tokens = Lexer::new(text, directory)?;
        let value = Self::read(&mut tokens)?;
        match tokens.next() {
            None => Ok(value),
            Some(extra) => Err(ValueError::new(
                extra.span,
                format!("unexpected text, expected {}", Self::EXPECTED),
            )),
        }
    }
}

/// The nearest of `names` to a misspelt `name`, when one is near enough: what
/// the name is cut short of, or else what takes the fewest changes.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |candidate: &str| match name.len() >= 3 && candidate.starts_with(name) {
        true => 0,
        false => strsim::damerau_levenshtein(name, candidate),
    };
    names
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?", or the list of what there is.
pub(crate) fn suggest(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", names.join(", ")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape<'t> {
    Atom(&'t str),
    Mark(char),
}

#[derive(Clone, Debug)]
struct Token<'t> {
    shape: Shape<'t>,
    span: Range<usize>,
}

/// The tokens of one value.
pub struct Lexer<'t> {
    tokens: std::vec::IntoIter<Token<'t>>,
    end: usize,
    directory: &'t Path,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t str, directory: &'t Path) -> Result<Self, ValueError> {
        let mut tokens = Vec::new();
        let mut rest = text.char_indices().peekable();
        while let Some((start, c)) = rest.next() {
            if c.is_whitespace() {
                continue;
            }
            if "(),=:+@~".contains(c) {
                tokens.push(Token {
                    shape: Shape::Mark(c),
                    span: start..start + 1,
                });
                continue;
            }
            let is_atom = |c: char| c.is_alphanumeric() || "_.%/-*".contains(c);
            if !is_atom(c) {
                return Err(ValueError::new(
                    start..start + c.len_utf8(),
                    format!("unexpected character {c:?}"),
                ));
            }
            let mut end = start + c.len_utf8();
            while let Some((at, c)) = rest.next_if(|(_, c)| is_atom(*c)) {
                end = at + c.len_utf8();
            }
            tokens.push(Token {
                shape: Shape::Atom(&text[start..end]),
                span: start..end,
            });
        }
        Ok(Lexer {
            tokens: tokens.into_iter(),
            end: text.len(),
            directory,
        })
    }

    fn next(&mut self) -> Option<Token<'t>> {
        self.tokens.next()
    }

    fn peek(&self) -> Option<Shape<'t>> {
        self.tokens.as_slice().first().map(|t| t.shape)
    }

    /// Where the next token is, or the end of the text.
    fn here(&self) -> Range<usize> {
        match self.tokens.as_slice().first() {
            Some(token) => token.span.clone(),
            None => self.end..self.end,
        }
    }

    fn eat(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(Shape::Mark(mark));
        if found {
            self.tokens.next();
        }
        found
    }

    fn expect(&mut self, mark: char, why: &str) -> Result<(), ValueError> {
        let here = self.here();
        if self.eat(mark) {
            Ok(())
        } else {
            Err(ValueError::new(here, format!("expected `{mark}` {why}")))
        }
    }

    fn atom(&mut self, expected: &str) -> Result<(&'t str, Range<usize>), ValueError> {
        let here = self.here();
        match self.next().map(|t| t.shape) {
            Some(Shape::Atom(text)) => Ok((text, here)),
            _ => Err(ValueError::new(here, format!("expected {expected}"))),
        }
    }

    /// The arguments in parentheses after a name, if there are any.
    fn arguments(&mut self, name: &'t str, at: Range<usize>) -> Result<Arguments<'t>, ValueError> {
        let mut arguments = Arguments {
            name,
            at,
            given: Vec::new(),
            asked: Vec::new(),
        };
        if !self.eat('(') {
            return Ok(arguments);
        }
        while !self.eat(')') {
            if !arguments.given.is_empty() {
                self.expect(',', "between arguments, or `)`")?;
            }
            let mut tokens = Vec::new();
            let from = self.here();
            let mut depth = 0;
            loop {
                match self.peek() {
                    None => {
                        return Err(ValueError::new(self.here(), "expected `)`"));
                    }
                    Some(Shape::Mark(',' | ')')) if depth == 0 => break,
                    Some(Shape::Mark('(')) => depth += 1,
                    Some(Shape::Mark(')')) => depth -= 1,
                    _ => {}
                }
                tokens.extend(self.next());
            }
            if tokens.is_empty() {
                return Err(ValueError::new(self.here(), "expected an argument"));
            }
            let end = tokens.last().map_or(from.end, |t| t.span.end);
            let key = match (&tokens[0].shape, tokens.get(1).map(|t| t.shape)) {
                (Shape::Atom(key), Some(Shape::Mark('='))) => {
                    let key = (*key, tokens[0].span.clone());
                    tokens.drain(..2);
                    Some(key)
                }
                _ => None,
            };
            arguments.given.push(Argument {
                key,
                tokens: Lexer {
                    tokens: tokens.into_iter(),
                    end,
                    directory: self.directory,
                },
                span: from.start..end,
            });
        }
        Ok(arguments)
    }
}

struct Argument<'t> {
    key: Option<(&'t str, Range<usize>)>,
    tokens: Lexer<'t>,
    span: Range<usize>,
}

/// Arguments by position or by name; what is not asked for is an error.
struct Arguments<'t> {
    name: &'t str,
    at: Range<usize>,
    given: Vec<Argument<'t>>,
    asked: Vec<&'static str>,
}

impl<'t> Arguments<'t> {
    /// The argument called `key`, or else the next one without a name.
    fn optional<T: Value>(&mut self, key: &'static str) -> Result<Option<T>, ValueError> {
        self.asked.push(key);
        let place = self
            .given
            .iter()
            .position(|a| a.key.as_ref().is_some_and(|(k, _)| *k == key))
            .or_else(|| self.given.iter().position(|a| a.key.is_none()));
        let Some(place) = place else {
            return Ok(None);
        };
        let mut argument = self.given.remove(place);
        let value = T::read(&mut argument.tokens)?;
        match argument.tokens.next() {
            None => Ok(Some(value)),
            Some(extra) => Err(ValueError::new(
                extra.span,
                format!("unexpected text, expected {}", T::EXPECTED),
            )),
        }
    }

    /// The argument called `key`, which has to be named.
    fn named<T: Value>(&mut self, key: &'static str) -> Result<Option<T>, ValueError> {
        let given = |a: &Argument<'_>| a.key.as_ref().is_some_and(|(k, _)| *k == key);
        match self.given.iter().any(given) {
            true => self.optional(key),
            false => {
                self.asked.push(key);
                Ok(None)
            }
        }
    }

    fn required<T: Value>(&mut self, key: &'static str) -> Result<T, ValueError> {
        let (name, at) = (self.name, self.at.clone());
        self.optional(key)?
            .ok_or_else(|| ValueError::new(at, format!("`{name}` needs `{key}`, {}", T::EXPECTED)))
    }

    fn finish(self) -> Result<(), ValueError> {
        match self.given.into_iter().next() {
            None => Ok(()),
            Some(Argument {
                key: Some((key, span)),
                ..
            }) => Err(
                ValueError::new(span, format!("`{}` has no argument `{key}`", self.name)).help(
                    if self.asked.is_empty() {
                        "it takes none".to_string()
                    } else {
                        suggest(key, &self.asked)
                    },
                ),
            ),
            Some(extra) => Err(ValueError::new(
                extra.span,
                format!("too many arguments for `{}`", self.name),
            )),
        }
    }
}

/// Splits `12.5ms` into its number and the rest.
fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == '-'))
        .unwrap_or(text.len());
    text.split_at(end)
}

fn decimal(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    if plain.contains(['e', 'E', 'n', 'N', 'i', 'I']) {
        return None;
    }
    plain.parse().ok().filter(|x: &f64| x.is_finite())
}

fn real(text: &str, span: Range<usize>) -> Result<f64, ValueError> {
    // Scientific notation is what printing tiny parameters gives back.
    let plain = text.replace('_', "");
    match plain.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(ValueError::new(span, "expected a number")),
    }
}

impl Value for Nanos {
    const EXPECTED: &'static str = "a duration such as 250ms or 1m30s";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        duration(text, span)
    }
}

fn duration(text: &str, span: Range<usize>) -> Result<Nanos, ValueError> {
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
    if total >= 1_000_000_000_000_000_000 {
        return Err(ValueError::new(span, "longer than 31 years"));
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
        let p = match text.strip_suffix('%') {
            Some(percent) => real(percent, span.clone())? / 100.0,
            None => real(text, span.clone())?,
        };
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
        let x = match text.strip_suffix('%') {
            Some(percent) => real(percent, span.clone())? / 100.0,
            None => real(text, span.clone())?,
        };
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
        let x = match text.strip_suffix('%') {
            Some(percent) => real(percent, span.clone())? / 100.0,
            None => real(text, span.clone())?,
        };
        if !(-1.0..=1.0).contains(&x) {
            return Err(ValueError::new(span, "a drift lies between -100% and 100%")
                .help("at 100% the clock stands still, at -100% it runs at twice the speed"));
        }
        Ok(Drift(x))
    }
}

/// A name, a path: any text without blanks or marks.
struct Word(String);

impl Value for Word {
    const EXPECTED: &'static str = "a name";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        Ok(Word(tokens.atom(Self::EXPECTED)?.0.to_string()))
    }
}

/// A strictly positive real parameter, such as a shape.
struct Positive(f64);

impl Value for Positive {
    const EXPECTED: &'static str = "a number above 0";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        let x = real(text, span.clone())?;
        if x <= 0.0 {
            return Err(ValueError::new(
                span,
                format!("expected {}", Self::EXPECTED),
            ));
        }
        Ok(Positive(x))
    }
}

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number such as 5_000 or 5k";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (text, span) = tokens.atom(Self::EXPECTED)?;
        if text.starts_with('-') {
            return Err(ValueError::new(span, "a count cannot be negative"));
        }
        let (number, unit) = number_and_unit(text);
        let scale = match unit {
            "" => 1.0,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            _ => {
                return Err(ValueError::new(
                    span,
                    format!("expected {}", Self::EXPECTED),
                ));
            }
        };
        if unit.is_empty()
            && let Ok(exact) = number.replace('_', "").parse::<u64>()
        {
            return Ok(exact);
        }
        match decimal(number).map(|x| x * scale) {
            Some(x) if x.fract() == 0.0 && x < 9.2e18 => Ok(x as u64),
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

const DISTRIBUTIONS: [&str; 12] = [
    "const",
    "exp",
    "uniform",
    "normal",
    "lognormal",
    "gamma",
    "weibull",
    "pareto",
    "mix",
    "samples",
    "quantiles",
    "file",
];

impl Value for Dist {
    const EXPECTED: &'static str = "a distribution such as exp(5ms), or a duration";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let mut law = single_law(tokens)?;
        while tokens.eat('+') {
            let by = Nanos::read(tokens)?;
            law = Dist::Shift(Box::new(law), by);
        }
        Ok(law)
    }
}

fn single_law(tokens: &mut Lexer<'_>) -> Result<Dist, ValueError> {
    let (name, at) = tokens.atom(Dist::EXPECTED)?;
    if name.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
        return Ok(Dist::Const(duration(name, at)?));
    }
    let mut args = tokens.arguments(name, at.clone())?;
    let law = match name {
        "const" => Dist::Const(args.required("value")?),
        "exp" => Dist::Exp {
            mean: args.required("mean")?,
        },
        "uniform" => {
            let (low, high) = (args.required("low")?, args.required("high")?);
            if low > high {
                return Err(ValueError::new(at, "`uniform` needs low ≤ high"));
            }
            Dist::Uniform { low, high }
        }
        "normal" => Dist::Normal {
            mean: args.required("mean")?,
            sd: args.required("sd")?,
        },
        "lognormal" => Dist::LogNormal {
            median: args.required("median")?,
            sigma: args.required::<Factor>("sigma")?.0,
        },
        "gamma" => Dist::Gamma {
            shape: args.required::<Positive>("shape")?.0,
            mean: args.required("mean")?,
        },
        "weibull" => Dist::Weibull {
            shape: args.required::<Positive>("shape")?.0,
            scale: args.required("scale")?,
        },
        "pareto" => Dist::Pareto {
            scale: args.required("scale")?,
            alpha: args.required::<Positive>("alpha")?.0,
        },
        "mix" => mixture(&mut args, at)?,
        "samples" => {
            let mut samples = Vec::new();
            while let Some(sample) = args.optional::<Nanos>("sample")? {
                samples.push(sample.0);
            }
            if samples.len() < 2 {
                return Err(ValueError::new(at, "a law needs at least two samples"));
            }
            samples.sort_unstable();
            Dist::Samples(samples.into())
        }
        "quantiles" => quantiles(&mut args, at)?,
        "file" => {
            let path = args.required::<Word>("path")?.0;
            let column = args.named::<Word>("column")?;
            let unit = args.named::<Word>("unit")?;
            let path = tokens.directory.join(path);
            let samples = samples::durations(
                &path,
                column.as_ref().map(|w| w.0.as_str()),
                unit.as_ref().map(|w| w.0.as_str()),
            )
            .map_err(|message| ValueError::new(at, message))?;
            Dist::Samples(samples.into())
        }
        _ => {
            return Err(
                ValueError::new(at, format!("unknown distribution `{name}`"))
                    .help(suggest(name, &DISTRIBUTIONS)),
            );
        }
    };
    args.finish()?;
    Ok(law)
}

/// `p50=1ms,p90=4ms,max=200ms`, and `min=` where the least is not 0.
fn quantiles(args: &mut Arguments<'_>, at: Range<usize>) -> Result<Dist, ValueError> {
    let mut points: Vec<(f64, u64, Range<usize>)> = Vec::new();
    for mut argument in std::mem::take(&mut args.given) {
        let span = argument.span;
        let p = match argument.key {
            Some(("min", _)) => 0.0,
            Some(("max", _)) => 1.0,
            Some((key, ref span)) => percentile(key).ok_or_else(|| {
                ValueError::new(
                    span.clone(),
                    "expected min, max or a percentile such as p99",
                )
            })?,
            None => {
                return Err(ValueError::new(
                    span,
                    "a quantile needs its name, as in p99=30ms",
                ));
            }
        };
        points.push((p, Nanos::read(&mut argument.tokens)?.0, span));
    }
    if points.first().is_some_and(|(p, ..)| *p != 0.0) {
        points.insert(0, (0.0, 0, at.clone()));
    }
    if points.last().is_none_or(|(p, ..)| *p != 1.0) {
        return Err(ValueError::new(at, "`quantiles` ends with `max`")
            .help("for example quantiles(p50=1ms,p90=4ms,p99=30ms,max=200ms)"));
    }
    for pair in points.windows(2) {
        if pair[1].0 <= pair[0].0 || pair[1].1 < pair[0].1 {
            return Err(ValueError::new(pair[1].2.clone(), "quantiles have to rise"));
        }
    }
    Ok(Dist::Quantiles(
        points.into_iter().map(|(p, x, _)| (p, x)).collect(),
    ))
}

/// p50 is 0.5, p999 is 0.999, p99.9 is 0.999 as well.
fn percentile(key: &str) -> Option<f64> {
    let digits = key.strip_prefix('p')?;
    let plain = digits.chars().all(|c| c.is_ascii_digit());
    let p = match plain && digits.len() > 2 {
        true => format!("{}.{}", &digits[..2], &digits[2..]).parse::<f64>(),
        false => digits.parse::<f64>(),
    };
    p.ok()
        .filter(|p| (0.0..100.0).contains(p) && *p > 0.0)
        .map(|p| p / 100.0)
}

fn mixture(args: &mut Arguments<'_>, at: Range<usize>) -> Result<Dist, ValueError> {
    let mut parts = Vec::new();
    for mut part in std::mem::take(&mut args.given) {
        let weight = Probability::read(&mut part.tokens)?;
        part.tokens.expect(':', "between weight and distribution")?;
        let law = Dist::read(&mut part.tokens)?;
        if let Some(extra) = part.tokens.next() {
            return Err(ValueError::new(extra.span, "unexpected text"));
        }
        parts.push((weight.0, law));
    }
    let sum: f64 = parts.iter().map(|(w, _)| w).sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(ValueError::new(
            at,
            format!("the weights of `mix` sum to {sum}, not 1"),
        ));
    }
    Ok(Dist::Mix(parts))
}

const FAULTS: [&str; 8] = [
    "crash",
    "stall",
    "blackhole",
    "errors",
    "loss",
    "slow",
    "capacity",
    "surge",
];

impl Value for Fault {
    const EXPECTED: &'static str = "a fault such as crash@10s+2s or errors(30%)@10s+5s~1s";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let tier = args.named::<Word>("tier")?.map(|word| word.0);
        let kind = match name {
            "crash" => FaultKind::Crash,
            "stall" => FaultKind::Stall,
            "blackhole" => FaultKind::Blackhole,
            "errors" => FaultKind::Errors(args.required("p")?),
            "loss" => FaultKind::Loss(args.required("p")?),
            "slow" => {
                let x: Factor = args.required("x")?;
                if x.0 == 0.0 {
                    return Err(ValueError::new(at, "`slow(0)` would make service instant"));
                }
                FaultKind::Slow(x)
            }
            "capacity" => FaultKind::Capacity(args.required("x")?),
            "surge" => FaultKind::Surge(args.required("x")?),
            _ => {
                return Err(ValueError::new(at, format!("unknown fault `{name}`"))
                    .help(suggest(name, &FAULTS)));
            }
        };
        args.finish()?;
        tokens.expect('@', "and when the fault begins, as in crash@10s+2s")?;
        let from = Nanos::read(tokens)?;
        tokens.expect('+', "and how long it lasts, as in crash@10s+2s")?;
        let here = tokens.here();
        let lasts = Nanos::read(tokens)?;
        if lasts == Nanos::ZERO {
            return Err(ValueError::new(here, "a fault lasts longer than 0"));
        }
        let ramp = if tokens.eat('~') {
            Nanos::read(tokens)?
        } else {
            Nanos::ZERO
        };
        Ok(Fault {
            kind,
            from,
            lasts,
            ramp,
            tier,
        })
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
