//! What of a scenario a sweep writes down: all that its cells share.
//!
//! A default may follow from a field that varies, as the number of client processes does from
//! that of callers. Written down it would be the same in every cell; left out, each cell
//! derives its own again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use herdsim_core::scenario::Job;
use herdsim_core::scenario::sweep::Grid;
use toml::{Table, Value};

use crate::judge::settings::fields;
use crate::output::scenario_file;

/// Cells in which is looked for fields that follow from others: along every axis by itself.
const MOST: usize = 2_000;

/// The scenario with every field that all cells have alike or that is an axis, and with every
/// value of every axis spelled out.
pub fn scenario_text(grid: &Grid, base: &Job) -> String {
    let text = scenario_file(base);
    let derived = derived(grid, &text);
    let mut kept = without(&text, &derived);
    // What follows from a preset follows from it again.
    let tables: BTreeSet<&str> = derived
        .iter()
        .filter_map(|path| path.split('.').next())
        .collect();
    for table in tables {
        if let Some(preset) = grid.preset(table) {
            let header = format!("[{table}]\n");
            kept = kept.replacen(&header, &format!("{header}preset = {preset}\n"), 1);
        }
    }
    kept + &grid.to_toml()
}

/// Fields, by their paths, that another place on an axis changes though they are none.
fn derived(grid: &Grid, text: &str) -> BTreeSet<String> {
    let base = fields(text);
    let all: usize = grid.axes.iter().map(|axis| axis.len()).sum();
    let mut changed = BTreeSet::new();
    for (_, place) in grid.corners().step_by(all.div_ceil(MOST).max(1)) {
        if let Ok(job) = grid.at(&place) {
            let other = fields(&scenario_file(&job));
            let differ = base
                .iter()
                .filter(|(path, value)| other.get(*path) != Some(value));
            changed.extend(differ.map(|(path, _)| path.clone()));
        }
    }
    let table: Table = text.parse().unwrap_or_default();
    for keys in grid.paths() {
        let varied = under(&table, &keys);
        changed.retain(|path| !varied.iter().any(|own| is_within(path, own)));
    }
    changed
}

/// Whether a path is another, or leads through it.
fn is_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn of_tables(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(Value::is_table)
}

fn joined(key: &str, path: &str) -> String {
    match path {
        "" => key.to_string(),
        path => format!("{key}.{path}"),
    }
}

/// The paths that the keys of an axis mean, `*` and names and numbers of a list resolved.
fn under(table: &Table, keys: &[&str]) -> Vec<String> {
    let Some((key, rest)) = keys.split_first() else {
        return vec![String::new()];
    };
    let own = table.iter().filter(|(name, _)| *key == "*" || name == key);
    let deeper = own.flat_map(|(name, value)| {
        let paths = match value {
            Value::Table(table) => under(table, rest),
            Value::Array(items) if of_tables(items) => within(items, rest),
            _ => vec![String::new()],
        };
        paths.into_iter().map(|path| joined(name, &path))
    });
    deeper.collect()
}

/// The same in a list of tables.
fn within(items: &[Value], keys: &[&str]) -> Vec<String> {
    let Some((key, rest)) = keys.split_first() else {
        return vec![String::new()];
    };
    let is = |i: usize, table: &Table| {
        let name = table.get("name").and_then(Value::as_str);
        name == Some(*key) || *key == (i + 1).to_string()
    };
    let tables = items.iter().filter_map(Value::as_table).enumerate();
    let paths = tables.flat_map(|(i, table)| {
        let paths = match (is(i, table), items.len()) {
            (true, _) => under(table, rest),
            (false, 1) => under(table, keys),
            _ => Vec::new(),
        };
        let place = (i + 1).to_string();
        paths.into_iter().map(move |path| joined(&place, &path))
    });
    paths.collect()
}

/// The text of a scenario file, as we write them, without some fields.
fn without(text: &str, fields: &BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut at = String::new();
    // How many tables of a list there were.
    let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        let within = |open, close| line.strip_prefix(open)?.strip_suffix(close);
        if let Some(list) = within("[[", "]]") {
            *lists.entry(list).or_default() += 1;
            at = format!("{list}.{}", lists[list]);
        } else if let Some(header) = within("[", "]") {
            at = header.replace('"', "");
            // The last table of a list is meant by its name.
            let (first, rest) = at.split_once('.').unwrap_or((&at, ""));
            if let Some(place) = lists.get(first) {
                at = joined(&format!("{first}.{place}"), rest);
            }
        } else if let Some((key, _)) = line.split_once(" = ") {
            let path = match at.as_str() {
                "" => key.to_string(),
                at => joined(at, &key.replace('"', "")),
            };
            if fields.iter().any(|field| is_within(field, &path)) {
                continue;
            }
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_left_out_wherever_they_stand() {
        let text = "a = 1\n\n[run]\nb = 2\nc = 3\n\n[[service]]\nname = \"x\"\nq = 1\n\n\
                    [service.limit]\nr = 1\n\n[[service]]\nname = \"y\"\nq = 1\n\n\
                    [service.limit]\nr = 1\nb = 2\n\n[policy.\"a.b\"]\nq = 1\n";
        let gone = ["run.b", "service.2.q", "service.2.limit.b", "policy.a.b.q"];
        let gone: BTreeSet<String> = gone.map(String::from).into();
        let kept = without(text, &gone);
        let left = "a = 1\n\n[run]\nc = 3\n\n[[service]]\nname = \"x\"\nq = 1\n\n\
                    [service.limit]\nr = 1\n\n[[service]]\nname = \"y\"\n\n\
                    [service.limit]\nr = 1\n\n[policy.\"a.b\"]\n";
        assert_eq!(kept, left);
        let [before, after] = [text, left].map(fields);
        let differ = before.keys().filter(|path| !after.contains_key(*path));
        assert_eq!(differ.cloned().collect::<BTreeSet<_>>(), gone);
    }

    #[test]
    fn axes_lead_to_fields_by_name_number_and_star() {
        let table: Table = "[[service]]\nname = \"x\"\nq = 1\n[[service]]\nname = \"y\"\nq = 1\n\
             [policy.a]\nt = 1\n[policy.b]\nt = 1\n"
            .parse()
            .unwrap();
        let leads = |keys: &[&str]| under(&table, keys);
        assert_eq!(leads(&["service", "y", "q"]), ["service.2.q"]);
        assert_eq!(leads(&["service", "1", "q"]), ["service.1.q"]);
        assert_eq!(leads(&["policy", "*", "t"]), ["policy.a.t", "policy.b.t"]);
    }
}
