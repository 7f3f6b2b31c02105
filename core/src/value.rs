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
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        ValueError {
            span,
            message: message.into(),
            help: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
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
    // What is longer than a name can be is none of them.
    let names = names.into_iter().filter(|_| name.len() <= 200);
    names
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?", or the list of what there is.
pub fn suggest(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", names.join(", ")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape<'t> {
    Atom(&'t str),
    Mark(char),
}

#[derive(Clone, Debug)]
pub(crate) struct Token<'t> {
    shape: Shape<'t>,
    pub span: Range<usize>,
}

/// The tokens of one value.
pub struct Lexer<'t> {
    tokens: std::vec::IntoIter<Token<'t>>,
    end: usize,
    pub(crate) directory: &'t Path,
    /// Whether a delay one way is meant, which a measured round trip is not.
    pub(crate) one_way: bool,
    /// Parentheses around it.
    depth: usize,
}

/// Words and marks that a value may have: a million samples, and the commas between them.
const MOST_TOKENS: usize = 2_000_010;

/// How deep values may stand within values: a mixture of mixtures needs three.
const DEEPEST: usize = 8;

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str, directory: &'t Path) -> Result<Self, ValueError> {
        let mut tokens = Vec::new();
        let mut rest = text.char_indices().peekable();
        while let Some((start, c)) = rest.next() {
            if c.is_whitespace() {
                continue;
            }
            if tokens.len() == MOST_TOKENS {
                let message = "the value is too long: a million durations are spelled out at most";
                return Err(ValueError::new(start..text.len(), message));
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
            one_way: false,
            depth: 0,
        })
    }

    pub(crate) fn next(&mut self) -> Option<Token<'t>> {
        self.tokens.next()
    }

    pub(crate) fn peek(&self) -> Option<Shape<'t>> {
        self.tokens.as_slice().first().map(|t| t.shape)
    }

    /// Where the next token is, or the end of the text.
    pub(crate) fn here(&self) -> Range<usize> {
        match self.tokens.as_slice().first() {
            Some(token) => token.span.clone(),
            None => self.end..self.end,
        }
    }

    pub(crate) fn eat(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(Shape::Mark(mark));
        if found {
            self.tokens.next();
        }
        found
    }

    pub(crate) fn expect(&mut self, mark: char, why: &str) -> Result<(), ValueError> {
        let here = self.here();
        if self.eat(mark) {
            Ok(())
        } else {
            Err(ValueError::new(here, format!("expected `{mark}` {why}")))
        }
    }

    pub(crate) fn atom(&mut self, expected: &str) -> Result<(&'t str, Range<usize>), ValueError> {
        let here = self.here();
        match self.next().map(|t| t.shape) {
            Some(Shape::Atom(text)) => Ok((text, here)),
            _ => Err(ValueError::new(here, format!("expected {expected}"))),
        }
    }

    /// The arguments in parentheses after a name, if there are any.
    pub(crate) fn arguments(
        &mut self,
        name: &'t str,
        at: Range<usize>,
    ) -> Result<Arguments<'t>, ValueError> {
        let mut arguments = Arguments {
            name,
            at,
            given: Vec::new(),
            asked: Vec::new(),
        };
        if !self.eat('(') {
            return Ok(arguments);
        }
        if self.depth == DEEPEST {
            let message = format!("values stand within values at most {DEEPEST} deep");
            return Err(ValueError::new(arguments.at, message));
        }
        while !self.eat(')') {
            if !arguments.given.is_empty() {
                self.expect(',', "between arguments, or `)`")?;
            }
            let from = self.here();
            let mut depth = 0;
            let ends = self.tokens.as_slice().iter().position(|token| {
                match token.shape {
                    Shape::Mark(',' | ')') if depth == 0 => return true,
                    Shape::Mark('(') => depth += 1,
                    Shape::Mark(')') => depth -= 1,
                    _ => {}
                }
                false
            });
            let Some(ends) = ends else {
                return Err(ValueError::new(self.end..self.end, "expected `)`"));
            };
            let mut tokens: Vec<Token<'t>> = self.tokens.by_ref().take(ends).collect();
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
                    one_way: self.one_way,
                    depth: self.depth + 1,
                },
                span: from.start..end,
            });
        }
        Ok(arguments)
    }
}

pub(crate) struct Argument<'t> {
    pub key: Option<(&'t str, Range<usize>)>,
    pub tokens: Lexer<'t>,
    pub span: Range<usize>,
}

impl Argument<'_> {
    /// Fails at what is left once its value is read.
    pub(crate) fn finish<T: Value>(mut self) -> Result<(), ValueError> {
        match self.tokens.next() {
            None => Ok(()),
            Some(extra) => Err(ValueError::new(
                extra.span,
                format!("unexpected text, expected {}", T::EXPECTED),
            )),
        }
    }
}

/// Arguments by position or by name; what is not asked for is an error.
pub(crate) struct Arguments<'t> {
    name: &'t str,
    at: Range<usize>,
    pub given: Vec<Argument<'t>>,
    asked: Vec<&'static str>,
}

impl<'t> Arguments<'t> {
    /// The argument called `key`, or else the next one without a name.
    pub(crate) fn optional<T: Value>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, ValueError> {
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
        argument.finish::<T>()?;
        Ok(Some(value))
    }

    /// The argument called `key`, which has to be named.
    pub(crate) fn named<T: Value>(&mut self, key: &'static str) -> Result<Option<T>, ValueError> {
        let given = |a: &Argument<'_>| a.key.as_ref().is_some_and(|(k, _)| *k == key);
        match self.given.iter().any(given) {
            true => self.optional(key),
            false => {
                self.asked.push(key);
                Ok(None)
            }
        }
    }

    pub(crate) fn required<T: Value>(&mut self, key: &'static str) -> Result<T, ValueError> {
        let (name, at) = (self.name, self.at.clone());
        self.optional(key)?
            .ok_or_else(|| ValueError::new(at, format!("`{name}` needs `{key}`, {}", T::EXPECTED)))
    }

    pub(crate) fn finish(self) -> Result<(), ValueError> {
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
pub(crate) fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == '-'))
        .unwrap_or(text.len());
    text.split_at(end)
}

pub(crate) fn decimal(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    if plain.contains(['e', 'E', 'n', 'N', 'i', 'I']) {
        return None;
    }
    plain.parse().ok().filter(|x: &f64| x.is_finite())
}

/// A number, or a percentage as the nearest number to what is written: 99.9% is 0.999,
/// where a division by 100 would miss it by a digit.
pub(crate) fn part(text: &str, span: Range<usize>) -> Result<f64, ValueError> {
    let Some(percent) = text.strip_suffix('%') else {
        return real(text, span);
    };
    let whole = real(percent, span)?;
    Ok(hundredth(percent).unwrap_or(whole / 100.0))
}

/// The hundredth part of a decimal number, to the last digit; nothing for another spelling.
pub fn hundredth(digits: &str) -> Option<f64> {
    let plain = digits.trim().replace('_', "");
    plain.parse::<f64>().ok()?;
    format!("{plain}e-2").parse().ok()
}

pub(crate) fn real(text: &str, span: Range<usize>) -> Result<f64, ValueError> {
    // Scientific notation is what printing tiny parameters gives back.
    let plain = text.replace('_', "");
    match plain.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(ValueError::new(span, "expected a number")),
    }
}

/// A name, a path: any text without blanks or marks.
pub(crate) struct Word(pub String);

impl Value for Word {
    const EXPECTED: &'static str = "a name";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        Ok(Word(tokens.atom(Self::EXPECTED)?.0.to_string()))
    }
}

/// A strictly positive real parameter, such as a shape.
pub(crate) struct Positive(pub f64);

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
