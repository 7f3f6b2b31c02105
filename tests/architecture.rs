//! The shape of the house: data flows one way, and no file holds more than one idea.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rooms of each crate from left to right: a file imports only from rooms to its left,
/// and from its own.
const ROOMS: [(&str, &[&str]); 4] = [
    (
        "core/src",
        &[
            "input",
            "metric", // needs `stats`, which stands beside it
            "value",
            "stats",
            "streams",
            "units",
            "histogram",
            "world",
            "dist",
            "dist_text",
            "idempotency",
            "scenario",
            "herd",
            "quorum",
            "fence",
            "saga",
            "theory",
            "ensemble",
            "edge",
        ],
    ),
    ("words/src", &["format", "text_table", "results", "verdict"]),
    (
        "playground/src",
        &[
            "refusal", "text", "scale", "control", "told", "film", "presets",
        ],
    ),
    (
        "src",
        &[
            "markdown",
            "schema",
            "init",
            "measured",
            "playground",
            "judge",
            "output",
            "chart",
            "report",
            "study",
            "sweep",
            "run",
            "audit",
            "cli",
            "main",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file below a directory, by its path from there.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(directory).unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                all.insert(name.to_str().unwrap().to_string(), text);
            }
        }
    }
    all
}

/// The code of a file: without its unit tests, comments and documentation.
fn code(text: &str) -> String {
    let lines = text.split("#[cfg(test)]").next().unwrap().lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that a file names, as paths from the crate's root.
fn imports(name: &str, text: &str) -> BTreeSet<String> {
    // The module that a file is, and the one that it is in.
    let stem = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let own: Vec<&str> = stem.split('/').collect();
    let parent = &own[..own.len() - 1];
    let code = code(text);
    let mut all = BTreeSet::new();
    let end = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        rest[..end.unwrap_or(rest.len())]
            .trim_matches(':')
            .to_string()
    };
    for (marker, base) in [("crate::", &[][..]), ("super::", parent), ("self::", &own)] {
        for (at, _) in code.match_indices(marker) {
            let glued = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            if code[..at].ends_with(glued) {
                continue;
            }
            let path = [&base.join("::"), end(&code[at + marker.len()..]).as_str()].join("::");
            all.insert(path.trim_matches(':').to_string());
        }
    }
    // A module that stands in this one is named by itself.
    for child in code
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
    {
        let child = child
            .split_once("mod ")
            .filter(|(lead, _)| lead.is_empty() || lead.starts_with("pub"));
        let Some((_, child)) = child else { continue };
        let named = |marker: &str| {
            code.match_indices(marker).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
            })
        };
        if named(&format!("{child}::")) {
            all.insert(
                [&own.join("::"), child]
                    .join("::")
                    .trim_matches(':')
                    .to_string(),
            );
        }
    }
    all.remove("");
    all
}

/// The file that a path of modules leads to.
fn target(files: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").collect();
    while !parts.is_empty() {
        let stem = parts.join("/");
        for name in [format!("{stem}.rs"), format!("{stem}/mod.rs")] {
            if files.contains_key(&name) {
                return Some(name);
            }
        }
        parts.pop();
    }
    None
}

#[test]
fn arrows_between_rooms_point_one_way() {
    let mut back = Vec::new();
    for (source, rooms) in ROOMS {
        let place = |room: &str| rooms.iter().position(|r| *r == room);
        for (name, text) in files(&root().join(source)) {
            let own = name.split(['/', '.']).next().unwrap();
            if own == "lib" {
                continue;
            }
            let here = place(own).unwrap_or_else(|| panic!("{source}/{name} is in no room"));
            for path in imports(&name, &text) {
                let room = path.split("::").next().unwrap();
                let there = place(room).unwrap_or_else(|| panic!("{name}: no room {room}"));
                // The ground floor's metrics are summed up by its statistics.
                if there > here && (own, room) != ("metric", "stats") {
                    back.push(format!("{source}/{name} -> {path}"));
                }
            }
        }
    }
    assert!(back.is_empty(), "arrows that run back: {back:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for (source, _) in ROOMS {
        let files = files(&root().join(source));
        let arrows: BTreeMap<&String, BTreeSet<String>> = files
            .iter()
            .map(|(name, text)| {
                let targets = imports(name, text).into_iter();
                let targets = targets.filter_map(|path| target(&files, &path));
                (name, targets.filter(|other| other != name).collect())
            })
            .collect();
        // What can be reached from a file is not to lead back to it.
        for start in files.keys() {
            let mut seen = BTreeSet::new();
            let mut pending: Vec<&String> = arrows[start].iter().collect();
            while let Some(next) = pending.pop() {
                assert!(next != start, "{source}/{start} is in a circle: {seen:?}");
                if seen.insert(next) {
                    pending.extend(&arrows[next]);
                }
            }
        }
    }
}

#[test]
fn no_file_holds_more_than_900_lines() {
    for source in [
        "core/src",
        "core/tests",
        "core/benches",
        "words/src",
        "playground/src",
        "src",
        "tests",
        "benches",
    ] {
        for (name, text) in files(&root().join(source)) {
            let lines = text.lines().count();
            assert!(lines <= 900, "{source}/{name} has {lines} lines");
        }
    }
}

#[test]
fn the_core_shows_no_type_of_its_tools() {
    // What is private may hold them; nothing that is public names them, or what is
    // imported from them.
    const TOOLS: [&str; 4] = ["rayon", "hdrhistogram", "plotters", "clap"];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (name, text) in files(&root().join("core/src")) {
        let code = code(&text);
        let mut theirs: Vec<&str> = TOOLS.to_vec();
        for import in code
            .split(';')
            .filter_map(|line| line.trim().strip_prefix("use "))
        {
            if TOOLS.iter().any(|tool| import.starts_with(tool)) {
                // `A as B` is called B.
                let import = import.split(',').filter_map(|one| one.split(" as ").last());
                let names = import.flat_map(|one| one.split(|c| !is_word(c)));
                theirs.extend(names.filter(|name| name.starts_with(char::is_uppercase)));
            }
        }
        for (at, _) in code.match_indices("pub ") {
            // A whole signature, or a field; what a tuple holds is private.
            let item = &code[at..];
            let end: &[char] = match item.starts_with("pub struct") {
                true => &['{', ';', '('],
                false => &['{', ';', '='],
            };
            let item = &item[..item.find(end).unwrap_or(item.len())];
            let named = item
                .split(|c| !is_word(c))
                .find(|word| theirs.contains(word));
            assert!(named.is_none(), "core/src/{name} shows {named:?}: {item}");
        }
    }
}
