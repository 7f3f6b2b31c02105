//! MongoDB's connection strings: which acknowledgements a writer waits for.
//!
//! Source: mongodb/specifications `source/uri-options/uri-options.md`.

use std::ops::Range;
use std::sync::Arc;

use herdsim_core::scenario::{Place, Source};

use super::tree::At;
use crate::audit::site::{Acks, Decision, How, Known, Reading, Site};

/// The write concern of a connection string, and where it stands in it; none where it says
/// nothing: then the server decides, and waits for a majority since 5.0.
fn concern(text: &str) -> Option<(Range<usize>, &str)> {
    let start = text
        .find("mongodb://")
        .or_else(|| text.find("mongodb+srv://"))?;
    let end = text[start..]
        .find(|c: char| c.is_whitespace() || "\"'`};)<>".contains(c))
        .map_or(text.len(), |n| start + n);
    let options = start + text[start..end].find('?')? + 1;
    let mut at = options;
    for option in text[options..end].split('&') {
        if let Some((name, value)) = option.split_once('=')
            && name.eq_ignore_ascii_case("w")
        {
            let from = at + name.len() + 1;
            let value = value.split(',').next().unwrap_or("");
            return Some((from..from + value.len(), value));
        }
        at += option.len() + 1;
    }
    None
}

/// The site of a connection string that begins at a byte of a file.
pub fn text(source: &Arc<Source>, text: &str, at: usize, name: &str, reading: &mut Reading) {
    let Some((span, value)) = concern(text) else {
        return;
    };
    let place = Place {
        source: source.clone(),
        span: at + span.start..at + span.end,
    };
    let mut known = match value.contains(['$', '{', '%']) {
        true => Known::unresolved(Some(place.clone()), "it is set elsewhere"),
        false => Known::read(value.to_string(), place.clone()),
    };
    // `${MONGO_URL:-mongodb://…}`: what holds unless the variable is set.
    let before = text[..span.start].split("mongodb").next().unwrap_or("");
    if let Some((_, variable)) = before.rsplit_once("${")
        && let Some((variable, _)) = variable.split_once(':')
        && known.value.is_some()
    {
        known.fact.how = How::Default;
        known.fact.why = Some(format!("unless `{variable}` is set"));
    }
    reading.sites.push(site(place, name, known));
}

/// Every connection string of a text.
pub fn everywhere(source: &Arc<Source>, reading: &mut Reading) {
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        if line.contains("mongodb") && !line.trim_start().starts_with('#') {
            let name = line.split('=').next().unwrap_or("").trim();
            text(source, line, at, name, reading);
        }
        at += line.len();
    }
}

/// A writer of MongoDB with its write concern.
pub fn site(place: Place, name: &str, known: Known<String>) -> Site {
    let acks = Acks {
        acks: Some(known),
        min_isr: None,
        replicas: None,
    };
    Site::new("mongodb", place, name, Decision::Acks(acks))
}

/// Every connection string of a document.
pub fn document(at: At, reading: &mut Reading) {
    if !at.source.text.contains("mongodb") {
        return;
    }
    let mut found = Vec::new();
    let holds = |at: At| at.as_scalar().is_some_and(|s| concern(&s.text).is_some());
    at.search(&mut |at| holds(at), &mut found);
    for at in found {
        // Of the bytes as they stand: a quote before them moves them.
        let span = at.node.span.clone();
        let raw = at.source.text.get(span.clone()).unwrap_or("");
        text(at.source, raw, span.start, at.name(), reading);
    }
}
