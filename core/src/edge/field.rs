//! In which ranges of a setting the faults of a scenario are survived.

use crate::ensemble::falls::Falls;
use crate::scenario::{Node, Problem, Scenario};
use crate::units::{Nanos, Probability, Rate};
use crate::value::Value;

use crate::edge::search::rounded;

/// A setting and the range in which it is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub path: String,
    unit: Unit,
    low: f64,
    high: f64,
}

/// How a value of it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Count,
    Seconds,
    Rate,
    Share,
    Number,
}

/// A value at which runs were made.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    pub value: f64,
    pub falls: Falls,
}

/// What was found of a setting under a policy, by rising value.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFound {
    pub field: Field,
    pub tried: Vec<At>,
}

/// Values that are tried at first.
const SCAN: u32 = 9;
/// How far apart two values may be between which it changes: of the range, or of themselves.
const FINE: f64 = 0.03;

impl Field {
    /// Reads `PATH=LO..HI`.
    ///
    /// # Errors
    /// At the flag, for what is no range.
    pub fn read(text: &str) -> Result<Field, Problem> {
        let place = || Some(Node::from_flag("--find", text).place);
        let wrong = |what: String| {
            Problem::new(what)
                .at(place())
                .help("for example --find service.queue=100..10_000")
        };
        let range = text.split_once('=').and_then(|(path, range)| {
            let (low, high) = range.split_once("..")?;
            Some((path.trim(), low.trim(), high.trim()))
        });
        let Some((path, low, high)) = range else {
            return Err(wrong("expected PATH=LO..HI".to_string()));
        };
        let known = Unit::of(low).zip(Unit::of(high));
        let Some(((unit, least), (other, most))) = known else {
            return Err(wrong(format!("`{low}` to `{high}` is no range of numbers")));
        };
        // `1..2.5` is one of numbers.
        let unit = match (unit, other) {
            (a, b) if a == b => a,
            (Unit::Count, Unit::Number) | (Unit::Number, Unit::Count) => Unit::Number,
            _ => return Err(wrong(format!("`{low}` and `{high}` have different units"))),
        };
        if least >= most {
            return Err(wrong(format!("`{low}` is not below `{high}`")));
        }
        Ok(Field {
            path: path.to_string(),
            unit,
            low: least,
            high: most,
        })
    }

    /// As it is asked for.
    pub fn written(&self) -> String {
        let [low, high] = [self.low, self.high].map(|value| self.text(value));
        format!("{}={low}..{high}", self.path)
    }

    /// A value as a scenario file has it.
    pub fn text(&self, value: f64) -> String {
        match self.unit {
            Unit::Count => format!("{}", value.round()),
            Unit::Seconds => Nanos((value * 1e9).round() as u64).to_string(),
            Unit::Rate => format!("{value}/s"),
            Unit::Share => format!("{}%", (value * 1e8).round() / 1e6),
            Unit::Number => format!("{value}"),
        }
    }

    /// Whether its values are best compared by their ratio.
    fn is_wide(&self) -> bool {
        self.low > 0.0 && self.high > 8.0 * self.low
    }

    /// The values that are tried at first, rising.
    pub fn scan(&self) -> Vec<f64> {
        let at = |i: u32| {
            let share = f64::from(i) / f64::from(SCAN - 1);
            let value = match i {
                0 => return self.low,
                i if i == SCAN - 1 => return self.high,
                _ if self.is_wide() => self.low * (self.high / self.low).powf(share),
                _ => self.low + (self.high - self.low) * share,
            };
            self.round(value)
        };
        let mut values: Vec<f64> = (0..SCAN).map(at).collect();
        values.dedup();
        values
    }

    fn round(&self, value: f64) -> f64 {
        match self.unit {
            Unit::Count if value < 1e4 => value.round(),
            Unit::Count => rounded(value).round(),
            // A narrow range is one of more digits.
            _ if self.high < 1.2 * self.low => value,
            _ => rounded(value),
        }
    }

    /// A value between two, unless they are near enough.
    pub fn between(&self, low: f64, high: f64) -> Option<f64> {
        let (middle, apart) = match self.is_wide() {
            true => ((low * high).sqrt(), high / low - 1.0),
            false => ((low + high) / 2.0, (high - low) / (self.high - self.low)),
        };
        let middle = self.round(middle);
        (apart > FINE && low < middle && middle < high).then_some(middle)
    }
}

impl Unit {
    /// What a text is a number of, and in its unit.
    fn of(text: &str) -> Option<(Unit, f64)> {
        if let Ok(count) = u64::parse(text) {
            return Some((Unit::Count, count as f64));
        }
        if let Ok(lasts) = Nanos::parse(text) {
            return Some((Unit::Seconds, lasts.as_secs()));
        }
        if let Ok(rate) = Rate::parse(text) {
            return Some((Unit::Rate, rate.0));
        }
        if text.ends_with('%') {
            return Some((Unit::Share, Probability::parse(text).ok()?.0));
        }
        let number: f64 = text.replace('_', "").parse().ok()?;
        number.is_finite().then_some((Unit::Number, number))
    }
}

impl FieldFound {
    /// The ranges of values in which more than half of the runs recover, each from a value to
    /// a value at which that is known.
    pub fn survived(&self) -> Vec<(f64, f64)> {
        let mut ranges: Vec<(f64, f64)> = Vec::new();
        let mut open = false;
        for At { value, falls } in &self.tried {
            match falls.decided() {
                Some(false) => {
                    match ranges.last_mut().filter(|_| open) {
                        Some((_, to)) => *to = *value,
                        None => ranges.push((*value, *value)),
                    }
                    open = true;
                }
                _ => open = false,
            }
        }
        ranges
    }

    /// The next value to try, between two on different sides.
    pub fn next(&self) -> Option<f64> {
        let pairs = self.tried.windows(2);
        let mut open = pairs.filter(|pair| {
            let [a, b] = [&pair[0], &pair[1]].map(|at| at.falls.decided());
            a != b && a.is_some() && b.is_some()
        });
        open.find_map(|pair| self.field.between(pair[0].value, pair[1].value))
    }

    pub fn take(&mut self, value: f64, falls: Falls) {
        let place = self.tried.partition_point(|at| at.value < value);
        self.tried.insert(place, At { value, falls });
    }
}

/// Who sets a field of the scenario to a value.
pub type Set<'s> = dyn Fn(&str, &str) -> Result<Scenario, Problem> + Sync + 's;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_with_their_unit() {
        let texts = |text: &str| {
            let field = Field::read(text).unwrap();
            let scan = field.scan();
            let ends = [scan[0], scan[scan.len() - 1]];
            (scan.len(), ends.map(|value| field.text(value)))
        };
        let told = |n, a: &str, b: &str| (n, [a.to_string(), b.to_string()]);
        assert_eq!(texts("service.queue=100..10_000"), told(9, "100", "10000"));
        assert_eq!(texts("policy.*.timeout=50ms..2s"), told(9, "50ms", "2s"));
        assert_eq!(texts("policy.fixed.attempts=1..4"), told(4, "1", "4"));
        assert_eq!(texts("callers.rate=0.5/s..2/s"), told(9, "0.5/s", "2/s"));
        assert_eq!(texts("service.coin=1%..30%"), told(9, "1%", "30%"));
        assert_eq!(texts("a.b=0.02..1"), told(9, "0.02", "1"));
        for text in ["a", "a=1", "a=2..1", "a=1..x", "a=1s..2", "a=1..1"] {
            assert!(Field::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn several_ranges_are_listed() {
        let field = Field::read("service.queue=0..80").unwrap();
        let of = |never| Falls { never, runs: 10 };
        let mut found = FieldFound {
            field,
            tried: Vec::new(),
        };
        for (value, never) in [(0.0, 0), (10.0, 0), (20.0, 10), (60.0, 0), (80.0, 5)] {
            found.take(value, of(never));
        }
        assert_eq!(found.survived(), [(0.0, 10.0), (60.0, 60.0)]);
        assert_eq!(found.next(), Some(15.0));
    }
}
