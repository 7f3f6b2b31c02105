//! Laws in the value language, and measured durations from a CSV file.

use std::ops::Range;
use std::path::Path;

use crate::dist::Dist;
use crate::input::{Bounded, MOST_ROWS, glimpse};
use crate::units::{Factor, LONGEST, Nanos, Probability, TOO_LONG, duration};
use crate::value::{Arguments, Lexer, Positive, Value, ValueError, Word, suggest};

/// Samples that a file may hold: as many make a file of some 10 MB.
const MOST: usize = 1_000_000;

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
            let at = tokens.here();
            let by = Nanos::read(tokens)?;
            law = match law {
                // One shift, however many terms.
                Dist::Shift(inner, first) => {
                    let both = first.0 + by.0;
                    if both >= LONGEST {
                        return Err(ValueError::new(at, TOO_LONG));
                    }
                    Dist::Shift(inner, Nanos(both))
                }
                law => Dist::Shift(Box::new(law), by),
            };
        }
        Ok(law)
    }
}

/// A delay one way: of a column of round trips it has to be said what is meant.
pub(crate) struct OneWay(pub Dist);

impl Value for OneWay {
    const EXPECTED: &'static str = Dist::EXPECTED;

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        tokens.one_way = true;
        Dist::read(tokens).map(OneWay)
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
            for mut sample in std::mem::take(&mut args.given) {
                if let Some((key, span)) = sample.key {
                    let message = format!("`samples` has no argument `{key}`");
                    return Err(ValueError::new(span, message).help("it takes durations"));
                }
                samples.push(Nanos::read(&mut sample.tokens)?.0);
                sample.finish::<Nanos>()?;
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
            let round_trip = args.named::<Word>("round_trip")?;
            let columns = Columns {
                wanted: column.as_ref().map(|w| w.0.as_str()),
                unit: unit.as_ref().map(|w| w.0.as_str()),
                halved: match round_trip.as_ref().map(|w| w.0.as_str()) {
                    None => None,
                    Some("half") => Some(true),
                    Some("whole") => Some(false),
                    Some(other) => {
                        return Err(ValueError::new(
                            at,
                            format!("`round_trip` is half or whole, not `{other}`"),
                        ));
                    }
                },
                one_way: tokens.one_way,
            };
            let samples = columns
                .durations(&tokens.directory.join(path))
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
        let span = argument.span.clone();
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
        argument.finish::<Nanos>()?;
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
        part.finish::<Dist>()?;
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

/// What of a CSV file is read, and how.
struct Columns<'t> {
    wanted: Option<&'t str>,
    /// Of a number whose column's name does not end in one (`_ms`).
    unit: Option<&'t str>,
    /// Whether round trips are halved, where that is said.
    halved: Option<bool>,
    one_way: bool,
}

impl Columns<'_> {
    /// The durations of the column, in nanoseconds, sorted.
    fn durations(&self, path: &Path) -> Result<Vec<u64>, String> {
        let at = path.display();
        let file = Bounded::open(path, MOST_ROWS).map_err(|e| format!("{at}: {e}"))?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .flexible(true)
            .from_reader(file);
        let mut index = 0;
        let mut width = None;
        let mut scale = self.unit.map(scale_of).transpose()?;
        let mut samples = Vec::new();
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|e| format!("{at}: {e}"))?;
            let number = record.position().map_or(0, csv::Position::line);
            let width = *width.get_or_insert(record.len());
            if record.len() != width {
                return Err(format!(
                    "{at}, line {number}: {} columns, and the first line has {width}",
                    record.len()
                ));
            }
            let has_names = || record.iter().all(|f| f.parse::<f64>().is_err());
            if row == 0 && (self.wanted.is_some() || has_names()) {
                index = self
                    .column_of(&record)
                    .map_err(|message| format!("{at}{message}"))?;
                let name = record.get(index).unwrap_or_default();
                self.check_way(name)
                    .map_err(|message| format!("{at}: {message}"))?;
                let suffix = name.rsplit_once('_').map(|(_, unit)| unit);
                scale = scale.or(suffix.and_then(|unit| scale_of(unit).ok()));
                continue;
            }
            if width > 1 && row == 0 {
                return Err(format!(
                    "{at} has {width} columns without names: name them in a first line, and \
                     say which with column=…"
                ));
            }
            let Some(scale) = scale else {
                return Err(format!(
                    "{at}: of which unit are its numbers? write unit=ms, or call the column \
                     latency_ms"
                ));
            };
            let text = record.get(index).unwrap_or_default();
            let value = match text.parse::<f64>() {
                Ok(x) if x.is_finite() => x,
                _ => {
                    let seen = glimpse(text);
                    return Err(format!("{at}, line {number}: `{seen}` is not a number"));
                }
            };
            if value < 0.0 {
                return Err(format!(
                    "{at}, line {number}: a duration cannot be negative"
                ));
            }
            if samples.len() == MOST {
                return Err(format!("{at}: more than {MOST} samples"));
            }
            let way = if self.halved == Some(true) { 0.5 } else { 1.0 };
            let sample = Nanos::from_ns_f64(value * scale * way);
            let sample = sample.ok_or_else(|| format!("{at}, line {number}: {TOO_LONG}"))?;
            samples.push(sample.0);
        }
        if samples.len() < 2 {
            return Err(format!("{at}: a law needs at least two samples"));
        }
        samples.sort_unstable();
        Ok(samples)
    }

    /// Which column of those named in the first line.
    fn column_of(&self, names: &csv::StringRecord) -> Result<usize, String> {
        match self.wanted {
            Some(wanted) => names
                .iter()
                .position(|name| name == wanted)
                .ok_or_else(|| format!(" has no column `{wanted}`")),
            None if names.len() > 1 => {
                let names: Vec<String> = names.iter().take(12).map(glimpse).collect();
                let whole = names.iter().find(|name| !name.ends_with('…'));
                Err(format!(
                    " has several columns: say which, with column={} or another of {}",
                    whole.map_or("NAME", String::as_str),
                    names.join(", ")
                ))
            }
            None => Ok(0),
        }
    }

    fn check_way(&self, name: &str) -> Result<(), String> {
        let plain = name.to_lowercase().replace(['-', ' '], "_");
        let round_trips = ["rtt", "round_trip", "roundtrip"]
            .iter()
            .any(|word| plain.contains(word));
        match self.one_way && round_trips && self.halved.is_none() {
            true => Err(format!(
                "`{name}` are round trips, and a delay one way is meant: round_trip=half takes \
                 half of each, round_trip=whole each as it is"
            )),
            false => Ok(()),
        }
    }
}

/// Nanoseconds of a unit.
fn scale_of(unit: &str) -> Result<f64, String> {
    match unit {
        "s" => Ok(1e9),
        "ms" => Ok(1e6),
        "us" => Ok(1e3),
        "ns" => Ok(1.0),
        _ => Err(format!("unknown unit `{unit}`: one of s, ms, us, ns")),
    }
}
