//! The files that trials leave beside their table: curves, and one trial as a sequence.

use std::io;
use std::path::Path;

use herdsim_core::ensemble::curves::{Curve, Point};

use crate::output::csv::{estimate, number};
use crate::output::load::{CsvFile, LoadError};
use herdsim_words::verdict::sequence::{Arrow, Bar, Event, Sequence, Tone};

/// The columns of `curves.csv`.
const CURVES: [&str; 6] = ["curve", "x", "mean", "mean_lo", "mean_hi", "exact"];

/// The columns of `lanes.csv`.
const LANES: [&str; 8] = [
    "what", "lane", "t_s", "to_lane", "to_t_s", "tone", "lost", "name",
];

/// `curves.csv`: every point of every curve.
///
/// # Errors
/// Those of `out`.
pub fn curves(curves: &[Curve], out: impl io::Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(CURVES)?;
    for curve in curves {
        for point in &curve.points {
            let [mean, low, high] = estimate(point.simulated);
            let exact = point.exact.map_or(String::new(), number);
            csv.write_record([curve.name, &number(point.x), &mean, &low, &high, &exact])?;
        }
    }
    csv.flush()
}

/// The curves of some cells, where the directory has any.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn load_curves(
    directory: &Path,
    names: &[&'static str],
) -> Result<Option<Vec<Curve>>, LoadError> {
    if !directory.join("curves.csv").exists() {
        return Ok(None);
    }
    let file = CsvFile::read(directory, "curves.csv")?;
    let columns = file.columns(&CURVES)?;
    let curve = |name: &&'static str| {
        let point = |row: usize| {
            let exact = file.number(row, columns[5])?;
            Ok(Point {
                x: file.number(row, columns[1])?,
                simulated: file.estimate(row, [columns[2], columns[3], columns[4]])?,
                exact: (!exact.is_nan()).then_some(exact),
            })
        };
        let points: Vec<Point> = file
            .of(columns[0], name)
            .map(point)
            .collect::<Result<_, LoadError>>()?;
        match points.is_empty() {
            true => Err(file.lacks(&format!("curve `{name}`"))),
            false => Ok(Curve { name, points }),
        }
    };
    names.iter().map(curve).collect::<Result<_, _>>().map(Some)
}

/// `trace.csv`: what happened, event by event.
///
/// # Errors
/// Those of `out`.
pub fn trace(sequence: &Sequence, out: impl io::Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["t_s", "who", "what"])?;
    for event in &sequence.events {
        csv.write_record([&event.t_s.to_string(), &event.who, &event.what])?;
    }
    csv.flush()
}

/// `lanes.csv`: what a drawing of it needs beside the events.
///
/// # Errors
/// Those of `out`.
pub fn lanes(sequence: &Sequence, out: impl io::Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(LANES)?;
    let mut row =
        |what: &str, from: Option<(usize, f64)>, to: Option<(usize, f64)>, rest: [&str; 3]| {
            let lane = |end: Option<(usize, f64)>| end.map_or(String::new(), |e| e.0.to_string());
            let t_s = |end: Option<(usize, f64)>| end.map_or(String::new(), |e| e.1.to_string());
            let [tone, lost, name] = rest;
            csv.write_record([
                what,
                &lane(from),
                &t_s(from),
                &lane(to),
                &t_s(to),
                tone,
                lost,
                name,
            ])
        };
    row(
        "title",
        None,
        Some((0, sequence.end)),
        ["", "", &sequence.title],
    )?;
    row("subtitle", None, None, ["", "", &sequence.subtitle])?;
    for (i, name) in sequence.participants.iter().enumerate() {
        row("lane", Some((i, 0.0)), None, ["", "", name])?;
    }
    for bar in &sequence.bars {
        let (from, to) = ((bar.participant, bar.from), (bar.participant, bar.to));
        row(
            "bar",
            Some(from),
            Some(to),
            [bar.tone.name(), "", &bar.name],
        )?;
    }
    for arrow in &sequence.arrows {
        let lost = if arrow.lost { "lost" } else { "" };
        let rest = [arrow.tone.name(), lost, arrow.name.as_str()];
        row("arrow", Some(arrow.from), Some(arrow.to), rest)?;
    }
    csv.flush()
}

/// The trial that was told, where the directory has one.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn load_sequence(directory: &Path) -> Result<Option<Sequence>, LoadError> {
    if !directory.join("lanes.csv").exists() {
        return Ok(None);
    }
    let events = CsvFile::read(directory, "trace.csv")?;
    let [t_s, who, what] = ["t_s", "who", "what"].map(|name| events.column(name));
    let (t_s, who, what) = (t_s?, who?, what?);
    let mut sequence = Sequence::default();
    for (row, record) in events.rows.iter().enumerate() {
        let text = |column: usize| record.get(column).unwrap_or("").to_string();
        sequence.events.push(Event {
            t_s: events.number(row, t_s)?,
            who: text(who),
            what: text(what),
        });
    }
    let table = CsvFile::read(directory, "lanes.csv")?;
    let columns = table.columns(&LANES)?;
    for (row, record) in table.rows.iter().enumerate() {
        let text = |i: usize| record.get(columns[i]).unwrap_or("");
        let place = |i: usize| -> Result<(usize, f64), LoadError> {
            let lane = table.number(row, columns[i])? as usize;
            Ok((lane, table.number(row, columns[i + 1])?))
        };
        let name = text(7).to_string();
        let tone = Tone::NAMES.iter().find(|(name, _)| *name == text(5));
        let tone = tone.map(|(_, tone)| *tone);
        match (text(0), tone) {
            ("title", _) => (sequence.title, sequence.end) = (name, place(3)?.1),
            ("subtitle", _) => sequence.subtitle = name,
            ("lane", _) => sequence.participants.push(name),
            ("bar", Some(tone)) => sequence.bars.push(Bar {
                participant: place(1)?.0,
                from: place(1)?.1,
                to: place(3)?.1,
                tone,
                name,
            }),
            ("arrow", Some(tone)) => sequence.arrows.push(Arrow {
                from: place(1)?,
                to: place(3)?,
                tone,
                lost: text(6) == "lost",
                name,
            }),
            (what, _) => {
                let reason = format!("`{what}` in `what`, or its tone, is not known");
                return Err(table.at(row, reason));
            }
        }
    }
    Ok(Some(sequence))
}
