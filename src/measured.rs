//! Measured series to draw beside simulated ones: wide CSV, or the JSON of a range query of
//! Prometheus.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use herdsim_core::herd::series::{
    BUSY_SERVERS, GOODPUT, LATENCY_P50, LATENCY_P99, OFFERED, QUEUE_LENGTH,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::{Node, Place, Problem, Source};
use herdsim_core::units::Nanos;
use herdsim_core::value::{Value, suggest};
use serde_json::Value as Json;

/// What is drawn over time, by the names that `--series` knows; the names of
/// `timeseries.csv` do as well.
const DRAWN: [(&str, Key); 6] = [
    ("offered", OFFERED),
    ("goodput", GOODPUT),
    ("queue", QUEUE_LENGTH),
    ("busy", BUSY_SERVERS),
    ("p50", LATENCY_P50),
    ("p99", LATENCY_P99),
];
/// Values from here on are none.
const MOST: f64 = 1e15;
/// The file of a run that keeps them.
pub const FILE: &str = "measured.csv";
/// Columns that hold the time, where one of them is there; else it is the first.
const TIMES: [&str; 8] = [
    "t_s",
    "time",
    "timestamp",
    "ts",
    "Time",
    "t_ms",
    "time_ms",
    "timestamp_ms",
];

/// Measured series on the run's clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Each of what is drawn, with its points: seconds and values, ascending; a value that
    /// is not a number is a gap.
    pub series: Vec<(Key, Vec<[f64; 2]>)>,
}

/// Which series of a file is which: `offered=requests_per_s`.
struct Mapped<'m> {
    key: Key,
    name: &'m str,
    place: Place,
}

fn mapped(text: &str) -> Result<Mapped<'_>, Problem> {
    let place = Node::from_flag("--series", text).place;
    let at = |span: Range<usize>| {
        Some(Place {
            span,
            ..place.clone()
        })
    };
    let Some((what, name)) = text.split_once('=') else {
        let problem = Problem::new("expected WHAT=NAME").at(Some(place));
        return Err(problem.help("for example offered=requests_per_s"));
    };
    let known = DRAWN
        .iter()
        .find(|(short, key)| *short == what || key.name() == what);
    let Some((_, key)) = known else {
        let names = DRAWN.map(|(short, _)| short);
        let problem = Problem::new(format!("nothing is drawn of `{what}`"));
        return Err(problem.at(at(0..what.len())).help(suggest(what, &names)));
    };
    Ok(Mapped {
        key: *key,
        name: name.trim(),
        place,
    })
}

impl Measured {
    /// Reads a file; `start` is what its clock shows when the run begins, by default its
    /// first time.
    ///
    /// # Errors
    /// A [`Problem`] at the flag, or at the line, that cannot be meant.
    pub fn read(
        file: &str,
        text: String,
        series: &[String],
        start: Option<&str>,
    ) -> Result<Measured, Problem> {
        let mapped: Vec<Mapped<'_>> = series.iter().map(|s| mapped(s)).collect::<Result<_, _>>()?;
        for (i, twice) in mapped.iter().enumerate() {
            if mapped[..i].iter().any(|other| other.key == twice.key) {
                let problem = format!("`{}` is given twice", twice.key.name());
                return Err(Problem::new(problem).at(Some(twice.place.clone())));
            }
        }
        let source = Arc::new(Source::new(file.to_string(), text));
        let start = match start {
            None => None,
            Some(text) => Some(moment(text).ok_or_else(|| {
                let place = Node::from_flag("--overlay-start", text).place;
                let problem = Problem::new("expected a time as the file has them");
                problem
                    .at(Some(place))
                    .help("seconds, or 2026-11-28T10:15:00Z")
            })?),
        };
        let read = match source.text.trim_start().starts_with('{') {
            true => of_json(&source, &mapped)?,
            false => of_csv(&source, &mapped, file != FILE)?,
        };
        let first = read.iter().filter_map(|points| points.first());
        let first = first.map(|[t, _]| *t).fold(f64::INFINITY, f64::min);
        let zero = start.unwrap_or(first);
        let keys = mapped.iter().map(|m| m.key);
        let series = keys.zip(read).map(|(key, points)| {
            // Zero has no sign.
            let points = points.into_iter().map(|[t, value]| [t - zero + 0.0, value]);
            (key, points.collect())
        });
        Ok(Measured {
            series: series.collect(),
        })
    }

    /// The points of what is drawn up to `end` in stretches without a gap: a value that is
    /// not a number, or a step more than twice as long as most. Where there are more than
    /// can be seen, they are means of `most` equal bins of time.
    pub fn stretches(&self, key: Key, end: f64, most: usize) -> Vec<Vec<[f64; 2]>> {
        let points = self.of(key);
        let from = points.partition_point(|[t, _]| *t < 0.0);
        let points = &points[from..points.partition_point(|[t, _]| *t <= end).max(from)];
        let binned = (points.len() > most && end > 0.0).then(|| means(points, end, most));
        let points = binned.as_deref().unwrap_or(points);
        let mut steps: Vec<f64> = points.windows(2).map(|p| p[1][0] - p[0][0]).collect();
        steps.sort_by(f64::total_cmp);
        let usual = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
        let joined = |a: &[f64; 2], b: &[f64; 2]| {
            !a[1].is_nan() && !b[1].is_nan() && b[0] - a[0] <= 2.0 * usual
        };
        let stretches = points.chunk_by(joined).filter(|run| !run[0][1].is_nan());
        stretches.map(<[_]>::to_vec).collect()
    }

    /// From when to when there are values, in seconds; nothing where there are none.
    pub fn span(&self) -> Option<[f64; 2]> {
        let points = self.series.iter().flat_map(|(_, points)| points);
        let times = points.filter(|[_, value]| !value.is_nan()).map(|[t, _]| *t);
        times.fold(None, |span: Option<[f64; 2]>, t| {
            let [from, to] = span.unwrap_or([t, t]);
            Some([from.min(t), to.max(t)])
        })
    }

    /// The points of what is drawn.
    pub fn of(&self, key: Key) -> &[[f64; 2]] {
        let own = self.series.iter().find(|(own, _)| *own == key);
        own.map_or(&[], |(_, points)| points)
    }

    /// `measured.csv`: a row a time from the run's beginning on, a column a series.
    pub fn csv(&self) -> Vec<u8> {
        let mut rows: BTreeMap<u64, Vec<Option<f64>>> = BTreeMap::new();
        for (i, (_, points)) in self.series.iter().enumerate() {
            for [t, value] in points.iter().filter(|[t, _]| *t >= 0.0) {
                // Of positive numbers the bits ascend as they do.
                let row = rows.entry(t.to_bits());
                row.or_insert_with(|| vec![None; self.series.len()])[i] = Some(*value);
            }
        }
        let names = self.series.iter().map(|(key, _)| key.name());
        let mut out = String::from("t_s");
        names.for_each(|name| out += &format!(",{name}"));
        out.push('\n');
        for (t, values) in rows {
            out += &f64::from_bits(t).to_string();
            for value in values {
                match value {
                    Some(value) => out += &format!(",{value}"),
                    None => out.push(','),
                }
            }
            out.push('\n');
        }
        out.into_bytes()
    }

    /// What [`Measured::csv`] wrote.
    ///
    /// # Errors
    /// A [`Problem`] at the line that cannot be meant.
    pub fn of_run(text: String) -> Result<Measured, Problem> {
        let header = text.lines().next().unwrap_or("");
        let known = |name: &&str| DRAWN.iter().any(|(_, key)| key.name() == *name);
        let series: Vec<String> = header
            .split(',')
            .filter(known)
            .map(|name| format!("{name}={name}"))
            .collect();
        Measured::read(FILE, text, &series, Some("0"))
    }
}

/// The means of points over equal bins of time from 0 to `end`, each in its middle; of a bin
/// without a value none.
fn means(points: &[[f64; 2]], end: f64, bins: usize) -> Vec<[f64; 2]> {
    let width = end / bins as f64;
    let of = |t: f64| ((t / width) as usize).min(bins - 1);
    points
        .chunk_by(|a, b| of(a[0]) == of(b[0]))
        .map(|own| {
            let known = own.iter().map(|p| p[1]).filter(|value| !value.is_nan());
            let (n, sum) = known.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
            [(of(own[0][0]) as f64 + 0.5) * width, sum / n]
        })
        .collect()
}

/// A time in seconds: a number of seconds or, where it is that large, of milliseconds since
/// 1970; or a date with a time, of UTC unless it says otherwise; or a duration.
fn moment(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(x) = text.parse::<f64>() {
        return x
            .is_finite()
            .then_some(if x.abs() > 1e11 { x / 1e3 } else { x });
    }
    if let Ok(t) = text.parse::<jiff::Timestamp>() {
        return Some(t.as_millisecond() as f64 / 1e3);
    }
    if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        let t = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
        return Some(t.as_millisecond() as f64 / 1e3);
    }
    Nanos::parse(text).ok().map(|t| t.as_secs())
}

/// How a column's unit, where its name ends in one, is told in seconds.
fn scale(key: Key, name: &str) -> f64 {
    if !key.name().ends_with("_s") || key.name().ends_with("per_s") {
        return 1.0;
    }
    match name.rsplit_once('_').map(|(_, unit)| unit) {
        Some("ms") => 1e-3,
        Some("us") => 1e-6,
        Some("ns") => 1e-9,
        _ => 1.0,
    }
}

/// Sorted by time, of equal times the last.
fn sorted(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points.reverse();
    points.dedup_by(|later, first| later[0] == first[0]);
    points.reverse();
    points
}

/// A value, or a gap where there is none.
fn value(text: &str) -> Option<f64> {
    let text = text.trim();
    let gap = ["", "null", "-", "none"];
    match gap.contains(&text.to_lowercase().as_str()) {
        true => Some(f64::NAN),
        // Neither is one what no axis holds.
        false => text.parse::<f64>().ok().map(|x| match x.abs() < MOST {
            true => x,
            false => f64::NAN,
        }),
    }
}

/// A table of times and series. In what a person has, an empty cell is a gap; in what a run
/// keeps, it is a time of other series.
fn of_csv(
    source: &Arc<Source>,
    mapped: &[Mapped<'_>],
    has_gaps: bool,
) -> Result<Vec<Vec<[f64; 2]>>, Problem> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .flexible(true)
        .from_reader(source.text.as_bytes());
    let broken = |e: csv::Error| {
        let start = e.position().map_or(0, |p| p.byte() as usize);
        Problem::new("this is no CSV").at(Some(line(source, start)))
    };
    let header = reader.headers().map_err(broken)?.clone();
    let names: Vec<&str> = header.iter().collect();
    if names.iter().all(|name| name.is_empty()) {
        return Err(Problem::new(format!("{} is empty", source.name)));
    }
    let time = TIMES.iter().find_map(|t| names.iter().position(|n| n == t));
    let time = time.unwrap_or(0);
    let columns: Vec<usize> = mapped
        .iter()
        .map(|m| {
            names
                .iter()
                .position(|name| *name == m.name)
                .ok_or_else(|| {
                    Problem::new(format!("{} has no column `{}`", source.name, m.name))
                        .at(Some(m.place.clone()))
                        .help(suggest(m.name, &names))
                })
        })
        .collect::<Result<_, _>>()?;
    let mut all = vec![Vec::new(); mapped.len()];
    let mut record = csv::StringRecord::new();
    // Whether times are numbers, as the first is.
    let mut are_numbers = None;
    while reader.read_record(&mut record).map_err(broken)? {
        let at = || {
            let start = record.position().map_or(0, |p| p.byte() as usize);
            Some(line(source, start))
        };
        let text = record.get(time).unwrap_or("");
        let is_number = text.parse::<f64>().is_ok();
        if *are_numbers.get_or_insert(is_number) != is_number {
            let problem = Problem::new(format!("`{text}` is another kind of time than the first"));
            return Err(problem.at(at()).help("one column has one kind of times"));
        }
        let unit = if is_number && names[time].ends_with("_ms") {
            1e-3
        } else {
            1.0
        };
        let t = match is_number && unit < 1.0 {
            true => text.parse::<f64>().ok().map(|t| t * unit),
            false => moment(text),
        };
        let Some(t) = t.filter(|t| t.is_finite()) else {
            let problem = Problem::new(format!("`{text}` is not a time"));
            return Err(problem.at(at()).help("seconds, or 2026-11-28T10:15:00Z"));
        };
        for ((own, column), m) in all.iter_mut().zip(&columns).zip(mapped) {
            let text = record.get(*column).unwrap_or("");
            if text.is_empty() && !has_gaps {
                continue;
            }
            let Some(x) = value(text) else {
                let problem = format!("`{text}` in `{}` is not a number", m.name);
                return Err(Problem::new(problem).at(at()));
            };
            own.push([t, x * scale(m.key, m.name)]);
        }
    }
    Ok(all.into_iter().map(sorted).collect())
}

fn of_json(source: &Arc<Source>, mapped: &[Mapped<'_>]) -> Result<Vec<Vec<[f64; 2]>>, Problem> {
    let whole = || Some(line(source, 0));
    let read: Json = serde_json::from_str(&source.text)
        .map_err(|e| Problem::new(format!("{}: {e}", source.name)))?;
    let Some(results) = read["data"]["result"].as_array() else {
        let problem = Problem::new("expected the answer to a range query of Prometheus");
        return Err(problem.at(whole()).help("with the matrix in data.result"));
    };
    let labels = |result: &Json| -> Vec<String> {
        let labels = result["metric"].as_object();
        let labels = labels.map(|labels| labels.values().filter_map(Json::as_str));
        labels.into_iter().flatten().map(String::from).collect()
    };
    mapped
        .iter()
        .map(|m| {
            let own = results
                .iter()
                .filter(|r| labels(r).iter().any(|l| l == m.name));
            let own: Vec<&Json> = own.collect();
            let [one] = own[..] else {
                let all: Vec<String> = results.iter().flat_map(labels).collect();
                let names: Vec<&str> = all.iter().map(String::as_str).collect();
                let problem = match own.len() {
                    0 => format!("{} has no series labelled `{}`", source.name, m.name),
                    n => format!("{n} series are labelled `{}`", m.name),
                };
                let problem = Problem::new(problem).at(Some(m.place.clone()));
                return Err(match own.len() {
                    0 => problem.help(suggest(m.name, &names)),
                    _ => problem.help("name a label that one of them has alone"),
                });
            };
            let pairs = one["values"].as_array().map_or(&[][..], Vec::as_slice);
            let point = |pair: &Json| {
                let t = pair[0].as_f64()?;
                let x = match &pair[1] {
                    Json::String(text) => value(text)?,
                    other => other.as_f64()?,
                };
                Some([t, x * scale(m.key, m.name)])
            };
            let points: Option<Vec<[f64; 2]>> = pairs.iter().map(point).collect();
            let points = points.ok_or_else(|| {
                let problem = format!(
                    "`{}` has a value that is no pair of time and number",
                    m.name
                );
                Problem::new(problem).at(whole())
            })?;
            Ok(sorted(points))
        })
        .collect()
}

/// The line of a source that a byte stands in.
fn line(source: &Arc<Source>, at: usize) -> Place {
    let at = at.min(source.text.len());
    let start = source.text[..at].rfind('\n').map_or(0, |i| i + 1);
    let start = if source.text[at..].starts_with('\n') {
        at + 1
    } else {
        start.max(at)
    };
    let rest = source.text.get(start..).unwrap_or("");
    let length = rest.find('\n').unwrap_or(rest.len()).clamp(0, 200);
    let length = (0..=length)
        .rev()
        .find(|n| rest.is_char_boundary(*n))
        .unwrap_or(0);
    Place {
        source: source.clone(),
        span: start..start + length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, start: Option<&str>) -> Result<Measured, Problem> {
        let series = ["offered=rps".to_string(), "p99=tail_ms".to_string()];
        Measured::read("m.csv", text.to_string(), &series, start)
    }

    #[test]
    fn times_of_every_kind_are_aligned() {
        let rows = |a: &str, b: &str| format!("time,rps,tail_ms\n{a},100,20\n{b},NaN,\n");
        let expected = [[0.0, 100.0], [15.0, f64::NAN]];
        for (a, b) in [
            ("0", "15"),
            ("1764324000", "1764324015"),
            ("1764324000000", "1764324015000"),
            ("2025-11-28T10:00:00Z", "2025-11-28T10:00:15Z"),
            ("2025-11-28 10:00:00", "2025-11-28 10:00:15"),
        ] {
            let found = read(&rows(a, b), None).unwrap();
            let points = found.of(OFFERED);
            assert_eq!(found.of(LATENCY_P99).len(), 2, "{a}");
            assert_eq!(points[0], expected[0], "{a}");
            assert!(points[1][0] == 15.0 && points[1][1].is_nan(), "{a}");
            assert_eq!(found.of(LATENCY_P99)[0], [0.0, 0.02]);
            let moved = read(&rows(a, b), Some(b)).unwrap();
            assert_eq!(moved.of(OFFERED)[0], [-15.0, 100.0], "{a}");
            assert_eq!(moved.span(), Some([-15.0, -15.0]));
            assert!(moved.stretches(OFFERED, 60.0, 10).is_empty());
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told_at_its_place() {
        let problem = |text: &str| read(text, None).unwrap_err();
        let mixed = problem("time,rps,tail_ms\n0,1,1\n2025-11-28T10:00:00Z,1,1\n");
        assert!(mixed.message.contains("another kind of time"), "{mixed:?}");
        let place = mixed.place.unwrap();
        assert!(place.source.text[place.span].starts_with("2025-11"));
        assert!(
            problem("time,rps,tail_ms\n0,many,1\n")
                .message
                .contains("`many`")
        );
        let missing = problem("time,rqs,tail_ms\n0,1,1\n");
        assert_eq!(missing.help.as_deref(), Some("did you mean `rqs`?"));
        let wrong = Measured::read("m", String::new(), &["load=x".to_string()], None);
        assert!(wrong.unwrap_err().message.contains("nothing is drawn"));
    }

    #[test]
    fn prometheus_and_back() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"rps","job":"a"},"values":[[100,"5"],[115,"NaN"],[130,"7.5"]]},
            {"metric":{"__name__":"tail_ms","job":"a"},"values":[[100,"12"]]}]}}"#;
        let found = read(text, None).unwrap();
        assert_eq!(found.of(OFFERED)[2], [30.0, 7.5]);
        assert_eq!(found.of(LATENCY_P99), [[0.0, 0.012]]);
        let again = Measured::of_run(String::from_utf8(found.csv()).unwrap()).unwrap();
        assert_eq!(again.csv(), found.csv());
        let both = Measured::read("m", text.to_string(), &["offered=a".to_string()], None);
        assert!(both.unwrap_err().message.contains("2 series are labelled"));
    }

    #[test]
    fn a_million_rows_are_read() {
        let mut text = String::from("t_s,rps,tail_ms\n");
        (0..1_000_000).for_each(|i| text += &format!("{i},1,2\n"));
        assert_eq!(read(&text, None).unwrap().of(OFFERED).len(), 1_000_000);
    }
}
