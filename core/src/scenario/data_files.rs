//! Measured data in CSV files: rates over time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{Node, Place, Problem, Source};
use crate::input::{self, glimpse};
use crate::units::{Nanos, TOO_LONG};

/// Samples that a scenario may spell out: as many make a file of some 10 MB.
const MOST: usize = 1_000_000;

/// What a path in a scenario file means: it is relative to that file.
pub(super) fn beside(source: &str, path: &str) -> PathBuf {
    match Path::new(source).parent() {
        Some(directory) => directory.join(path),
        None => PathBuf::from(path),
    }
}

/// Reads the rates of a trace from a CSV file with the columns `t_s` and
/// `rate_per_s`: the time between its rows, and calls per second.
pub(super) fn trace(node: &Node) -> Result<(Nanos, Vec<f64>), Problem> {
    let path = beside(&node.place.source.name, node.text()?);
    let text = input::text(&path).map_err(|e| {
        Problem::new(format!("{}: {e}", path.display())).at(Some(node.place.clone()))
    })?;
    let source = Arc::new(Source::new(path.display().to_string(), text));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .flexible(true)
        .from_reader(source.text.as_bytes());
    let header = reader
        .headers()
        .map_err(|e| Problem::new(format!("{}: {e}", source.name)))?
        .clone();
    let column = |name: &str| {
        header.iter().position(|h| h == name).ok_or_else(|| {
            let problem = format!("{}: a trace needs the column `{name}`", source.name);
            Problem::new(problem)
                .at(Some(node.place.clone()))
                .help("its columns are t_s and rate_per_s")
        })
    };
    let (time, rate) = (column("t_s")?, column("rate_per_s")?);
    let mut times: Vec<f64> = Vec::new();
    let mut rates: Vec<f64> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| Problem::new(format!("{}: {e}", source.name)))?;
        let place = || {
            let start = record.position().map_or(0, |p| p.byte() as usize);
            Some(line(&source, start))
        };
        let number = |column: usize, what: &str| match record.get(column) {
            Some(text) => match text.parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(x),
                _ => Err(Problem::new(format!("`{}` is not a {what}", glimpse(text))).at(place())),
            },
            None => Err(Problem::new(format!("there is no {what}")).at(place())),
        };
        let (t, r) = (number(time, "time")?, number(rate, "rate")?);
        if r < 0.0 {
            return Err(Problem::new("a rate cannot be negative").at(place()));
        }
        if times.len() >= 2 {
            let (step, gap) = (times[1] - times[0], t - times[times.len() - 1]);
            if (gap - step).abs() > 1e-6 * step.abs() {
                return Err(Problem::new(format!(
                    "the rows are {step} s apart, this one is {gap} s after the one before"
                ))
                .at(place())
                .help("a trace has no gaps: give every step its rate"));
            }
        }
        if times.last().is_some_and(|last| t <= *last) {
            return Err(Problem::new("times have to rise").at(place()));
        }
        if rates.len() == MOST {
            return Err(Problem::new(format!("a trace can have {MOST} rows")).at(place()));
        }
        times.push(t);
        rates.push(r);
    }
    let whole = |message: &str| Err(Problem::new(message).at(Some(line(&source, 0))));
    match times[..] {
        [first, second, ..] if first == 0.0 => {
            if rates.iter().all(|r| *r == 0.0) {
                return whole("a trace needs a rate above 0");
            }
            match Nanos::from_ns_f64((second - first) * 1e9) {
                None => whole(TOO_LONG),
                Some(Nanos::ZERO) => whole("the rows of a trace are at least 1 ns apart"),
                Some(step) => Ok((step, rates)),
            }
        }
        [_, _, ..] => whole("a trace begins at t_s = 0"),
        _ => whole("a trace has at least two rows"),
    }
}

/// The line of a source that begins at a byte.
fn line(source: &Arc<Source>, start: usize) -> Place {
    let rest = &source.text[start..];
    let length = rest.find('\n').unwrap_or(rest.len());
    let length = rest[..length].trim_end().len();
    Place {
        source: source.clone(),
        span: start..start + length.max(1).min(rest.len()),
    }
}
