//! What of a scenario a sweep writes down: all that its cells share.
//!
//! A default may follow from a field that varies, as the number of client processes does from
//! that of callers. Written down it would be the same in every cell; left out, each cell
//! derives its own again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use herdsim_core::scenario::Job;
use herdsim_core::scenario::sweep::Grid;
use toml::{Table, Value};

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
    let tables: BTreeSet<&String> = derived.iter().filter_map(|path| path.first()).collect();
    for table in tables {
        if let Some(preset) = grid.preset(table) {
            let header = format!("[{table}]\n");
            kept = kept.replacen(&header, &format!("{header}preset = {preset}\n"), 1);
        }
    }
    kept + &grid.to_toml()
}

/// Fields, as their tables and key, that another place on an axis changes though they are none.
fn derived(grid: &Grid, text: &str) -> BTreeSet<Vec<String>> {
    let base = parsed(text);
    let all: usize = grid.axes.iter().map(|axis| axis.len()).sum();
    let mut changed = BTreeSet::new();
    for (_, place) in grid.corners().step_by(all.div_ceil(MOST).max(1)) {
        if let Ok(job) = grid.at(&place) {
            let other = parsed(&scenario_file(&job));
            differing(&base, &other, &mut Vec::new(), &mut changed);
        }
    }
    for keys in grid.paths() {
        let varied = under(&base, &keys);
        changed.retain(|path| !varied.iter().any(|own| path.starts_with(own)));
    }
    changed
}

fn parsed(text: &str) -> Table {
    text.parse().unwrap_or_default()
}

/// The paths of a table that another has otherwise; tables of a list go by their place.
fn differing(a: &Table, b: &Table, above: &mut Vec<String>, out: &mut BTreeSet<Vec<String>>) {
    for (key, value) in a {
        above.push(key.clone());
        match (value, b.get(key)) {
            (Value::Table(a), Some(Value::Table(b))) => differing(a, b, above, out),
            (Value::Array(a), Some(Value::Array(b))) if a.len() == b.len() && of_tables(a) => {
                for (i, pair) in a.iter().zip(b).enumerate() {
                    above.push(i.to_string());
                    if let (Value::Table(a), Value::Table(b)) = pair {
                        differing(a, b, above, out);
                    }
                    above.pop();
                }
            }
            (own, other) if Some(own) != other => {
                out.insert(above.clone());
            }
            _ => {}
        }
        above.pop();
    }
}

fn of_tables(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(Value::is_table)
}

/// The paths that the keys of an axis mean, `*` and names and numbers of a list resolved.
fn under(table: &Table, keys: &[&str]) -> Vec<Vec<String>> {
    let Some((key, rest)) = keys.split_first() else {
        return vec![Vec::new()];
    };
    let own = table.iter().filter(|(name, _)| *key == "*" || name == key);
    let deeper = own.flat_map(|(name, value)| {
        let paths = match value {
            Value::Table(table) => under(table, rest),
            Value::Array(items) if of_tables(items) => within(items, rest),
            _ => vec![Vec::new()],
        };
        paths
            .into_iter()
            .map(|path| [vec![name.clone()], path].concat())
    });
    deeper.collect()
}

/// The same in a list of tables.
fn within(items: &[Value], keys: &[&str]) -> Vec<Vec<String>> {
    let Some((key, rest)) = keys.split_first() else {
        return vec![Vec::new()];
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
        paths
            .into_iter()
            .map(move |path| [vec![i.to_string()], path].concat())
    });
    paths.collect()
}

/// The text of a scenario file, as we write them, without some fields.
fn without(text: &str, fields: &BTreeSet<Vec<String>>) -> String {
    let mut out = String::new();
    let mut at: Vec<String> = Vec::new();
    let mut lists: Vec<(String, usize)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("[[").and_then(|l| l.strip_suffix("]]")) {
            let seen = lists.iter_mut().find(|(list, _)| list == name);
            let place = match seen {
                Some((_, n)) => {
                    *n += 1;
                    *n
                }
                None => {
                    lists.push((name.to_string(), 0));
                    0
                }
            };
            at = vec![name.to_string(), place.to_string()];
        } else if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            at = header(name, &lists);
        } else if let Some((key, _)) = line.split_once(" = ") {
            let path = [at.clone(), vec![key.trim_matches('"').to_string()]].concat();
            // A whole table may be what another cell does not have.
            if (1..=path.len()).any(|n| fields.contains(&path[..n])) {
                continue;
            }
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

/// The path of `[a.b]`, where `a` may be the last table of a list.
fn header(name: &str, lists: &[(String, usize)]) -> Vec<String> {
    let mut quoted = false;
    let keys = name.split(|c| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    let mut path = Vec::new();
    for key in keys {
        let key = key.trim_matches('"');
        path.push(key.to_string());
        if let (1, Some((_, place))) = (path.len(), lists.iter().find(|(list, _)| list == key)) {
            path.push(place.to_string());
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_left_out_wherever_they_stand() {
        let text = "a = 1\n\n[run]\nb = 2\nc = 3\n\n[[service]]\nname = \"x\"\nq = 1\n\n\
                    [service.limit]\nr = 1\n\n[[service]]\nname = \"y\"\nq = 1\n\n\
                    [service.limit]\nr = 1\nb = 2\n\n[policy.\"a.b\"]\nq = 1\n";
        let field = |path: &str| path.split('/').map(String::from).collect();
        let fields: BTreeSet<Vec<String>> =
            ["run/b", "service/1/q", "service/1/limit/b", "policy/a.b/q"]
                .map(field)
                .into();
        let kept = without(text, &fields);
        let left = "a = 1\n\n[run]\nc = 3\n\n[[service]]\nname = \"x\"\nq = 1\n\n\
                    [service.limit]\nr = 1\n\n[[service]]\nname = \"y\"\n\n\
                    [service.limit]\nr = 1\n\n[policy.\"a.b\"]\n";
        assert_eq!(kept, left);
        let [before, after] = [text, left].map(parsed);
        let mut changed = BTreeSet::new();
        differing(&before, &after, &mut Vec::new(), &mut changed);
        assert_eq!(changed, fields);
    }

    #[test]
    fn axes_lead_to_fields_by_name_number_and_star() {
        let table = parsed(
            "[[service]]\nname = \"x\"\nq = 1\n[[service]]\nname = \"y\"\nq = 1\n\
             [policy.a]\nt = 1\n[policy.b]\nt = 1\n",
        );
        let leads = |keys: &[&str]| {
            let paths = under(&table, keys);
            paths.iter().map(|path| path.join("/")).collect::<Vec<_>>()
        };
        assert_eq!(leads(&["service", "y", "q"]), ["service/1/q"]);
        assert_eq!(leads(&["service", "1", "q"]), ["service/0/q"]);
        assert_eq!(leads(&["policy", "*", "t"]), ["policy/a/t", "policy/b/t"]);
    }
}
