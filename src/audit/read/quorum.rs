//! Quorums as three numbers: `replication: {N: 3, W: 1, R: 1}`, or the same as words.

use super::format::Document;
use super::tree::At;
use crate::audit::site::{Decision, Quorum, Reading, Site};

/// Names of the three, in any case and spelling.
const NAMES: &[[&str; 3]] = &[
    ["replicas", "write_quorum", "read_quorum"],
    ["replication_factor", "write_quorum", "read_quorum"],
    ["n_replicas", "w_quorum", "r_quorum"],
    ["replicas", "quorum_write", "quorum_read"],
    ["replicas", "min_write", "min_read"],
    ["nval", "w", "r"],
    ["n_val", "w", "r"],
];

/// Single letters mean a quorum only under a key that speaks of copies.
const BLOCKS: &[&str] = &["replication", "quorum", "consistency", "replicas", "nwr"];

pub fn read(document: &Document, reading: &mut Reading) {
    let mut found = Vec::new();
    document
        .at
        .search(&mut |at| numbers(&at).is_some(), &mut found);
    for at in found {
        let Some([n, w, r]) = numbers(&at) else {
            continue;
        };
        let quorum = Quorum {
            n: n.count(),
            w: w.count(),
            r: r.count(),
        };
        let place = match at.key {
            Some(_) => at.whole(),
            None => at.place(),
        };
        reading.sites.push(Site::new(
            "quorum",
            place,
            at.name(),
            Decision::Quorum(quorum),
        ));
    }
}

fn numbers<'a>(at: &At<'a>) -> Option<[At<'a>; 3]> {
    if !at.is_map() {
        return None;
    }
    let number = |at: &At| {
        at.as_scalar().is_some_and(|s| {
            let text = s.text.trim();
            s.template || text.contains("${") || super::tree::number(text).is_some()
        })
    };
    let block = BLOCKS.iter().any(|name| {
        let plain = at.name().to_lowercase().replace(['-', '_'], "");
        plain == *name || plain.ends_with(name) && *name != "replicas"
    });
    if block
        && let (Some(n), Some(w), Some(r)) = (letter(at, "n"), letter(at, "w"), letter(at, "r"))
    {
        let all = [n, w, r];
        return all.iter().all(number).then_some(all);
    }
    NAMES.iter().find_map(|[n, w, r]| {
        let all = [at.find(n)?, at.find(w)?, at.find(r)?];
        all.iter().all(number).then_some(all)
    })
}

fn letter<'a>(at: &At<'a>, name: &str) -> Option<At<'a>> {
    at.entries()
        .find(|entry| entry.name().eq_ignore_ascii_case(name))
}
