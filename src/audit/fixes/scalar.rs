//! Values replaced where they stand: counts, durations, words.

use std::path::Path;

use herdsim_core::scenario::Place;
use herdsim_core::scenario::policy::UNLIMITED;
use herdsim_core::units::Nanos;

use super::edit::{Edit, Way};
use crate::audit::read::code::ir::{Language, Span, number as parse};
use crate::audit::read::code::project::language;
use crate::audit::site::{Quorum, Site};

/// The numbers of a text, with their places in it.
fn numbers(text: &str) -> Vec<(Span, f64)> {
    let mut all = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        let before = at.checked_sub(1).map(|i| bytes[i]);
        if bytes[at].is_ascii_digit() && !before.is_some_and(part) {
            let mut end = at;
            while end < bytes.len() && part(bytes[end]) {
                end += 1;
            }
            let digits = text[at..end].trim_end_matches('.');
            if let Some(n) = parse(digits) {
                all.push((at..at + digits.len(), n));
            }
            at = end.max(at + 1);
        } else {
            at += 1;
        }
    }
    all
}

/// The only number of a place replaced.
pub fn number(place: &Place, to: f64) -> Option<Edit> {
    let text = place.source.text.get(place.span.clone())?;
    match &numbers(text)[..] {
        [(span, _)] => replaced(place, &[(span.clone(), to)]).pop(),
        _ => None,
    }
}

/// The edits that replace some numbers of a place by others.
fn replaced(place: &Place, all: &[(Span, f64)]) -> Way {
    let start = place.span.start;
    all.iter()
        .map(|(span, to)| {
            let span = start + span.start..start + span.end;
            Edit::at(&place.source, span, to.to_string())
        })
        .collect()
}

/// Ways to make `from` attempts `to`: a count may be of attempts or of retries. In a loop all
/// that is compared with its count changes along, so that the last attempt stays the last.
pub fn attempts(site: &Site, place: &Place, from: u32, to: u32) -> Vec<Way> {
    let text = text_of(place);
    let (from, to) = (f64::from(from), f64::from(to));
    let is_loop = site.reader.ends_with("-loop");
    if is_loop && from < f64::from(UNLIMITED) {
        let body = &site.place;
        let near = |n: f64| match n - from {
            d if d == 0.0 || d == -1.0 || d == 1.0 => Some(to + d),
            _ => None,
        };
        let mut inner: Vec<(Span, f64)> = Vec::new();
        for (span, n) in numbers(text_of(body)) {
            let Some(to) = near(n) else { continue };
            match is_a_count(text_of(body), &span) {
                Some(true) => inner.push((span, to)),
                Some(false) => {}
                // It may be the count in disguise: `attempt + 1 == 5`.
                None => return Vec::new(),
            }
        }
        return match inner.is_empty() {
            // The count is a constant from elsewhere.
            true => alone(place, text, to),
            false => vec![replaced(body, &inner)],
        };
    }
    let mut ways = alone(place, text, to);
    if numbers(text).is_empty() {
        // `None`, `unlimited`
        for n in [to, to - 1.0] {
            ways.push(vec![Edit::at(
                &place.source,
                place.span.clone(),
                n.to_string(),
            )]);
        }
    }
    ways
}

/// Whether a number is what a loop counts to: the end of a range, or compared with what the
/// loop counts in; nothing where that is compared in another way on the same line.
fn is_a_count(text: &str, span: &Span) -> Option<bool> {
    let before = text[..span.start].trim_end();
    let after = text[span.end..].trim_start();
    let head = before.rsplit('\n').next().unwrap_or("");
    let ranged = head.contains(" in range(") && after.starts_with(')')
        || head.ends_with(":= range")
        || head.ends_with("for range");
    if ranged {
        return Some(true);
    }
    const SIGNS: [&str; 9] = ["===", "!==", "<=", ">=", "==", "!=", "<", ">", "="];
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let sign = SIGNS.iter().find(|sign| before.ends_with(**sign));
    if let Some(sign) = sign.filter(|sign| **sign != "=") {
        let left = before[..before.len() - sign.len()].trim_end();
        let start = left.rfind(|c: char| !word(c)).map_or(0, |at| at + 1);
        let (name, rest) = (&left[start..], left[..start].trim_end());
        let alone = !rest.ends_with(['.', '+', '-', '*', '/', '%']);
        return match alone && counts_in(text, name) {
            true => Some(true),
            false if mentions_a_count(text, head) => None,
            false => Some(false),
        };
    }
    let sign = SIGNS.iter().find(|sign| after.starts_with(**sign));
    if let Some(sign) = sign.filter(|sign| **sign != "=") {
        let right = after[sign.len()..].trim_start();
        let end = right.find(|c: char| !word(c)).unwrap_or(right.len());
        let alone = !right[end..]
            .trim_start()
            .starts_with(['.', '+', '-', '*', '/', '%', '(']);
        return match alone && counts_in(text, &right[..end]) {
            true => Some(true),
            false => Some(false),
        };
    }
    Some(false)
}

/// Whether a loop's text counts in a variable.
fn counts_in(text: &str, name: &str) -> bool {
    let plain = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    let forms = [
        format!("for {name} in range("),
        format!("{name} += 1"),
        format!("{name} -= 1"),
        format!("{name}++"),
        format!("++{name}"),
        format!("{name}--"),
        format!("{name} = {name} + 1"),
        format!("for {name} := range "),
        format!("for {name} in"),
    ];
    plain && forms.iter().any(|form| text.contains(form.as_str()))
}

/// Whether a line speaks of what the loop counts in.
fn mentions_a_count(text: &str, line: &str) -> bool {
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.into_iter().any(|word| counts_in(text, word))
}

fn text_of(place: &Place) -> &str {
    place.source.text.get(place.span.clone()).unwrap_or("")
}

fn alone(place: &Place, text: &str, to: f64) -> Vec<Way> {
    match &numbers(text)[..] {
        [(span, _)] => [to, to - 1.0]
            .into_iter()
            .map(|n| replaced(place, &[(span.clone(), n)]))
            .collect(),
        _ => Vec::new(),
    }
}

/// Ways to write a duration: as a number of seconds or milliseconds, or with a unit.
pub fn duration(place: &Place, limit: Nanos) -> Vec<Way> {
    let (s, ms) = (limit.as_secs(), limit.as_secs() * 1e3);
    let texts = [
        format!("{s}"),
        format!("{ms}"),
        format!("{s}s"),
        format!("\"{s}s\""),
    ];
    let quoted = text_of(place).starts_with(['"', '\'']);
    let texts = texts
        .into_iter()
        .filter(|text| !quoted || text.starts_with('"'));
    texts
        .map(|text| vec![Edit::at(&place.source, place.span.clone(), text)])
        .collect()
}

/// Ways to write that all replicas in sync acknowledge: kafkajs takes a number.
pub fn all(site: &Site, place: &Place) -> Vec<Way> {
    let name = &place.source.name;
    if site.reader == "mongodb" {
        let texts = [
            "majority",
            "\"majority\"",
            "WriteConcern.MAJORITY",
            "writeconcern.Majority()",
        ];
        let edit = |text: &str| vec![Edit::at(&place.source, place.span.clone(), text)];
        return texts.into_iter().map(edit).collect();
    }
    let texts: &[&str] = match language(Path::new(name)) {
        Some(Language::Script) => &["-1"],
        Some(Language::Go) => &["sarama.WaitForAll", "kafka.RequireAll"],
        _ => &["all", "\"all\"", "'all'"],
    };
    texts
        .iter()
        .map(|text| vec![Edit::at(&place.source, place.span.clone(), *text)])
        .collect()
}

/// Ways to ask Cassandra for a majority of replicas where it is asked for fewer.
pub fn levels(quorum: &Quorum, wanted: [u32; 2]) -> Vec<Way> {
    let majority = quorum.n.value.map(|n| n / 2 + 1);
    if wanted.iter().any(|n| Some(*n) != majority) {
        return Vec::new();
    }
    let mut places: Vec<&Place> = Vec::new();
    for (known, to) in [&quorum.w, &quorum.r].into_iter().zip(wanted) {
        let Some(place) = known
            .fact
            .place
            .as_ref()
            .filter(|_| known.value != Some(to))
        else {
            continue;
        };
        if !places
            .iter()
            .any(|p| p.span == place.span && p.source.name == place.source.name)
        {
            places.push(place);
        }
    }
    let way = |wide: bool| {
        let edits = places.iter().map(|place| {
            let text = text_of(place);
            let start = text.rfind('.').map_or(0, |n| n + 1);
            let name = &text[start..];
            // As the driver writes it: LOCAL_ONE, LocalOne, localOne, local-one.
            let new = match name {
                n if n.contains('-') => ["quorum", "local-quorum"],
                n if n.chars().all(|c| !c.is_lowercase()) => ["QUORUM", "LOCAL_QUORUM"],
                n if n.starts_with(char::is_uppercase) => ["Quorum", "LocalQuorum"],
                _ => ["quorum", "localQuorum"],
            };
            let local = name.to_lowercase().contains("local") != wide;
            let span = place.span.start + start..place.span.end;
            Edit::at(&place.source, span, new[usize::from(local)])
        });
        edits.collect::<Way>()
    };
    match places.is_empty() {
        true => Vec::new(),
        false => vec![way(false), way(true)],
    }
}
