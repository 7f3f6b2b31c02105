//! What is set otherwise in two scenarios.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use herdsim_words::text_table::{TextTable, aligned};

/// A field, before and now; nothing where a scenario does not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As `--set` takes it.
    pub path: String,
    pub before: Option<String>,
    pub now: Option<String>,
}

impl Setting {
    fn row(&self) -> [String; 3] {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_string());
        [self.path.clone(), or_none(&self.before), or_none(&self.now)]
    }
}

const HEADERS: [&str; 3] = ["set otherwise", "before", "now"];

/// For a terminal.
pub fn text(settings: &[Setting]) -> String {
    let rows: Vec<[String; 3]> = settings.iter().map(Setting::row).collect();
    aligned(&HEADERS, &rows)
}

/// For a document.
pub fn table(baseline: &str, settings: &[Setting]) -> TextTable {
    let rows: Vec<[String; 3]> = settings.iter().map(Setting::row).collect();
    TextTable::new(
        &format!("Set otherwise than in {baseline}"),
        &HEADERS,
        &rows,
    )
}

/// The fields of resolved scenarios that differ, by their paths; what a run is called is no
/// setting. Nothing where one of them is no TOML.
pub fn changed(before: &str, now: &str) -> Vec<Setting> {
    let [mut before, mut now] = [before, now].map(fields);
    if before.is_empty() || now.is_empty() {
        return Vec::new();
    }
    for fields in [&mut before, &mut now] {
        fields.remove("name");
    }
    let [before, now] = [(&before, &now), (&now, &before)].map(|(own, other)| folded(own, other));
    let mut paths: Vec<&String> = before.keys().chain(now.keys()).collect();
    paths.sort();
    paths.dedup();
    let differs = |path: &&String| before.get(*path) != now.get(*path);
    let setting = |path: &String| Setting {
        path: path.clone(),
        before: before.get(path).cloned(),
        now: now.get(path).cloned(),
    };
    paths.into_iter().filter(differs).map(setting).collect()
}

/// Every field of a scenario by its path, as `--set` takes it; none of what is no TOML.
pub fn fields(scenario: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    if let Ok(table) = scenario.parse::<Table>() {
        flatten("", &Value::Table(table), &mut fields);
    }
    fields
}

/// The fields of one, where a policy that the other does not have is one field; and which
/// are compared follows from there.
fn folded(
    own: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let policy = |path: &str| {
        let name = path.strip_prefix("policy.")?.split('.').next()?;
        Some(format!("policy.{name}"))
    };
    let has = |fields: &BTreeMap<String, String>, policy: &str| {
        let prefix = format!("{policy}.");
        fields.keys().any(|path| path.starts_with(&prefix))
    };
    let alone = |path: &str| policy(path).filter(|policy| !has(other, policy));
    let both = [own, other].map(|fields| fields.keys().filter_map(|path| policy(path)));
    let same = both.map(|names| names.collect::<BTreeSet<String>>());
    let mut folded = BTreeMap::new();
    for (path, value) in own {
        match alone(path) {
            Some(policy) => folded.insert(policy, "compared".to_string()),
            None if path == "compare" && same[0] != same[1] => None,
            None => folded.insert(path.clone(), value.clone()),
        };
    }
    folded
}

/// Every field by its path: of a list of tables by their place.
fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let below = |key: &str| match path {
        "" => key.to_string(),
        _ => format!("{path}.{key}"),
    };
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                flatten(&below(key), value, fields);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (i, item) in items.iter().enumerate() {
                flatten(&below(&(i + 1).to_string()), item, fields);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            fields.insert(path.to_string(), items.join(", "));
        }
        value => {
            fields.insert(path.to_string(), plain(value));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_differ_are_found_wherever_they_are() {
        let before = "name = \"a\"\nfaults = [\"crash@1s+1s\"]\n[callers]\ncount = 5\n\
                      [[service]]\nservers = 1\n[[service]]\nservers = 2\n[policy.old]\nattempts = 2\n";
        let now = "name = \"b\"\nfaults = [\"crash@1s+2s\", \"errors(1%)@1s+1s\"]\n[callers]\n\
                   count = 5\n[[service]]\nservers = 1\n[[service]]\nservers = 3\n";
        let rows: Vec<[String; 3]> = changed(before, now).iter().map(Setting::row).collect();
        assert_eq!(
            rows,
            [
                ["faults", "crash@1s+1s", "crash@1s+2s, errors(1%)@1s+1s"],
                ["policy.old", "compared", "–"],
                ["service.2.servers", "2", "3"],
            ]
            .map(|row| row.map(String::from))
        );
        assert!(changed(before, before).is_empty());
    }
}
