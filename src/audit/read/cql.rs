//! Cassandra's keyspaces, and the levels that drivers ask for: together they are a quorum.
//!
//! Sources: cassandra `CREATE KEYSPACE`; apache/cassandra-java-driver `reference.conf`,
//! apache/cassandra-gocql-driver `cluster.go`, datastax/python-driver `cluster.py`,
//! datastax/nodejs-driver `lib/client-options.js`.

use std::ops::Range;
use std::sync::Arc;

use herdsim_core::scenario::{Place, Source};

use super::tree::At;
use crate::audit::site::{Decision, How, Keyspace, Known, Level, Quorum, Reading, Site, whole};

/// The statements of a text that make a keyspace; `at` is where the text begins.
pub fn keyspaces(source: &Arc<Source>, text: &str, at: usize, reading: &mut Reading) {
    let masked = without_comments(text);
    let text = masked.as_str();
    let upper = text.to_ascii_uppercase();
    let mut from = 0;
    while let Some(found) = upper[from..].find("KEYSPACE") {
        let start = from + found;
        // A statement ends, if only some day.
        let most = (start + LONGEST).min(text.len());
        let most = (most..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len());
        let end = text[start..most].find(';').map_or(most, |n| start + n);
        from = end.min(start + 8).max(start + 8);
        let lead = (0..=start.saturating_sub(64))
            .rev()
            .find(|at| upper.is_char_boundary(*at));
        let lead = lead.unwrap_or(0);
        let before = upper[lead..start].trim_end();
        let made = ["CREATE", "ALTER"]
            .into_iter()
            .find(|w| before.ends_with(w));
        let Some(verb) = made else { continue };
        let head = lead + before.len() - verb.len();
        let body = &text[start + 8..end];
        let words = body.split_whitespace();
        let mut words = words.skip_while(|w| {
            ["IF", "NOT", "EXISTS"]
                .iter()
                .any(|k| w.eq_ignore_ascii_case(k))
        });
        let name = words
            .next()
            .unwrap_or("")
            .trim_matches(['"', '\''])
            .to_string();
        let Some(open) = upper[start..end].find("REPLICATION").and_then(|n| {
            let at = start + n;
            text[at..end].find('{').map(|m| at + m + 1)
        }) else {
            continue;
        };
        let close = text[open..end].find('}').map_or(end, |n| open + n);
        let mut copies = Vec::new();
        for part in parts(&text[open..close]) {
            let inner = &text[open + part.start..open + part.end];
            let Some((key, value)) = inner.split_once(':') else {
                continue;
            };
            let (key, plain) = (key.trim().trim_matches(['"', '\'', '\\']), value.trim());
            let plain = plain.trim_matches(['"', '\'', '\\']);
            if key.eq_ignore_ascii_case("class") {
                continue;
            }
            let lead = value.len() - value.trim_start().len();
            let from = open + part.start + inner.len() - value.len() + lead;
            let place = Place {
                source: source.clone(),
                span: at + from..at + from + value.trim().len(),
            };
            // `3/1`: the second are transient.
            let number = plain.split('/').next().and_then(super::tree::number);
            copies.push(match number {
                Some(n) => Known::read(whole(n), place),
                None => Known::unresolved(Some(place), "it is set elsewhere"),
            });
        }
        if copies.is_empty() {
            continue;
        }
        let place = Place {
            source: source.clone(),
            span: at + head..at + close + 1,
        };
        let new = Keyspace {
            name,
            place,
            copies,
            altered: verb == "ALTER",
        };
        reading.keyspaces.push(new);
    }
}

/// No statement that makes a keyspace is longer.
const LONGEST: usize = 4_000;

/// The same bytes with blanks for `-- …`, `// …` and `/* … */`.
fn without_comments(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let (mut at, mut quote) = (0, None);
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let end = match quote {
            Some(q) => {
                quote = Some(q).filter(|q| bytes[at] != *q && bytes[at] != b'\n');
                at += 1;
                continue;
            }
            None if matches!(bytes[at], b'\'' | b'"') => {
                quote = Some(bytes[at]);
                at += 1;
                continue;
            }
            None if rest.starts_with(b"--") || rest.starts_with(b"//") => {
                rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
            }
            None if rest.starts_with(b"/*") => {
                let closes = rest.windows(2).position(|w| w == b"*/");
                closes.map_or(rest.len(), |n| n + 2)
            }
            None => {
                at += 1;
                continue;
            }
        };
        bytes[at..at + end].iter_mut().for_each(|b| *b = b' ');
        at += end;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_string())
}

/// The parts between commas.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if c == ',' {
            all.push(start..at);
            start = at + 1;
        }
    }
    all.push(start..text.len());
    all
}

/// `basic.request.consistency` of the Java driver's HOCON.
pub fn driver(source: &Arc<Source>, reading: &mut Reading) {
    let text = &source.text;
    if !text.contains("datastax-java-driver") {
        return;
    }
    let mut path: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let plain = line.split("//").next().unwrap_or("");
        let plain = plain.split('#').next().unwrap_or("").trim_end();
        let body = plain.trim();
        if body.starts_with('}') {
            path.pop();
            continue;
        }
        if let Some(head) = body.strip_suffix('{') {
            path.push(head.trim().trim_end_matches(['=', ':']).trim().to_string());
            continue;
        }
        let Some(cut) = body.find(['=', ':']) else {
            continue;
        };
        let whole = format!("{}.{}", path.join("."), body[..cut].trim());
        if whole.contains("datastax-java-driver") && whole.ends_with("basic.request.consistency") {
            let value = body[cut + 1..].trim().trim_matches('"');
            let from = start + plain.find(value).unwrap_or(0);
            let place = Place {
                source: source.clone(),
                span: from..from + value.len(),
            };
            reading.levels.push(Level {
                name: match value.contains('$') {
                    true => Known::unresolved(Some(place), "it is set elsewhere"),
                    false => Known::read(value.to_string(), place),
                },
                writes: None,
            });
        }
    }
}

/// `spring.cassandra.request.consistency`, and its name before Spring Boot 3.
pub fn spring(at: At, reading: &mut Reading) {
    let roots = [
        at.path(&["spring", "cassandra", "request", "consistency"]),
        at.path(&["spring", "data", "cassandra", "request", "consistency"]),
    ];
    for level in roots.into_iter().flatten() {
        reading.levels.push(Level {
            name: level.known("level", |text| Some(text.to_string())),
            writes: None,
        });
    }
}

/// How many replicas of `n` a level waits for.
fn replicas(level: &str, n: u32) -> Option<u32> {
    let plain: String = level
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_uppercase();
    Some(match plain.as_str() {
        "ANY" | "ONE" | "LOCALONE" => 1,
        "TWO" => 2,
        "THREE" => 3,
        "QUORUM" | "LOCALQUORUM" | "EACHQUORUM" => n / 2 + 1,
        "ALL" => n,
        _ => return None,
    })
}

/// Keyspaces with the levels of the same project as quorums.
pub fn join(all: &mut Reading) {
    let level = |writes: bool| -> Known<String> {
        let fit = |exact: bool| {
            let mut own = all
                .levels
                .iter()
                .filter(move |l| match l.writes {
                    Some(w) => exact && w == writes,
                    None => !exact,
                })
                .filter(|l| l.name.fact.how != How::Default);
            let first = own.next()?;
            let same = own.all(|l| l.name.value == first.name.value);
            Some(match same {
                true => first.name.clone(),
                false => Known::unresolved(first.name.fact.place.clone(), "its calls differ"),
            })
        };
        let unasked = all.levels.iter().find(|l| l.name.fact.how == How::Default);
        fit(true)
            .or_else(|| fit(false))
            .or_else(|| unasked.map(|l| l.name.clone()))
            .unwrap_or_else(|| Known::unresolved(None, "the driver's level is set elsewhere"))
    };
    let (write, read) = (level(true), level(false));
    // What alters a keyspace holds, in whatever file it stands.
    let mut spaces: Vec<Keyspace> = Vec::new();
    for space in std::mem::take(&mut all.keyspaces) {
        match spaces
            .iter_mut()
            .find(|s| s.name == space.name && space.altered)
        {
            Some(old) => *old = space,
            None => spaces.push(space),
        }
    }
    for space in spaces {
        // Levels of one centre count its copies, the others those of all.
        let plain = |level: &Known<String>| {
            let name = level.value.as_ref()?.to_ascii_uppercase();
            Some(name.replace(['_', '-'], ""))
        };
        let kinds = [&write, &read].map(plain);
        let local = |k: &Option<String>| k.as_ref().is_none_or(|k| k.starts_with("LOCAL"));
        let both = kinds.iter().all(local);
        let one = space.copies.len() < 2;
        // Beside one another they count different copies.
        let mixed = !one
            && (!both && kinds.iter().any(local)
                || kinds.iter().flatten().any(|k| k == "EACHQUORUM"));
        let mut copies = space.copies.iter();
        let Some(first) = copies.next() else { continue };
        let n = match both || mixed {
            true => first.clone(),
            false => copies.fold(first.clone(), |sum, n| {
                sum.and(n.clone()).map(|(a, b)| a + b)
            }),
        };
        let needs = |level: &Known<String>| {
            if mixed {
                let why = "levels of one centre and of all of them meet here";
                return Known::unresolved(level.fact.place.clone(), why);
            }
            let both = level.clone().and(n.clone());
            let mut known = both.convert(|(level, n)| replicas(&level, n), "it is no level");
            known.fact.place = level.fact.place.clone();
            known
        };
        let quorum = Quorum {
            w: needs(&write),
            r: needs(&read),
            n,
        };
        let decision = Decision::Quorum(quorum);
        all.sites
            .push(Site::new("cassandra", space.place, &space.name, decision));
    }
}
