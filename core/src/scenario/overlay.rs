//! The overlay a scenario is made of: a file, and what the command line puts over it.

use std::sync::Arc;

use super::callers::goes_with;
use super::document::{Entry, Kind, Node, Place, Problem, Source, Table};

/// The overlay a scenario is made of, later over earlier.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    pub(super) table: Table,
    /// `policy.NAME.…` or `policy.*.…`, applied once `extends` is resolved.
    pub(super) policy_overrides: Vec<Override>,
    /// Policies compared beside those that are compared without them.
    pub(super) beside: Vec<String>,
    conditions: Vec<Condition>,
}

/// A condition of `[assert]`, which the results of a run are held to.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What is held to it: `budget.recovery_s`.
    pub subject: String,
    key: Place,
    /// What is asked: `< 5`.
    pub asked: Node,
}

impl Condition {
    /// Both as one text, as `--assert` takes it.
    pub fn text(&self) -> String {
        format!("{} {}", self.subject, self.asked.plain())
    }

    /// Where the byte `at` of [`Condition::text`] stands: at its subject, or what is asked.
    pub fn place(&self, at: usize) -> Place {
        match at <= self.subject.len() {
            true => self.key.clone(),
            false => self.asked.place.clone(),
        }
    }

    /// Conditions as the table of a scenario file; nothing of none.
    pub fn table(conditions: &[Condition]) -> String {
        let mut text = String::new();
        let mut told: Vec<&str> = Vec::new();
        for condition in conditions {
            let subject = condition.subject.as_str();
            if told.contains(&subject) {
                continue;
            }
            told.push(subject);
            let own = conditions.iter().filter(|other| other.subject == subject);
            let own: Vec<String> = own.map(|other| other.asked.to_toml()).collect();
            let asked = match &own[..] {
                [one] => one.clone(),
                several => format!("[{}]", several.join(", ")),
            };
            let subject = toml::Value::String(subject.to_string());
            text += &format!("{subject} = {asked}\n");
        }
        match text.is_empty() {
            true => text,
            false => format!("\n[assert]\n{text}"),
        }
    }
}

/// A field set on one policy, or on all.
#[derive(Clone, Debug)]
pub(super) struct Override {
    /// A name, or `*`.
    pub(super) policy: String,
    pub(super) path: Vec<(String, Place)>,
    pub(super) node: Node,
}

impl Overlay {
    /// A scenario file.
    pub fn file(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let source = Arc::new(Source::new(name.to_string(), text.to_string()));
        let mut table = Table::parse(&source)?;
        if let Some(node) = table.remove("assert") {
            self.conditions_of("", node.table()?)?;
        }
        self.table.overlay(&table);
        Ok(())
    }

    /// Takes those of a table; `budget.recovery_s` without quotes is one within another.
    fn conditions_of(&mut self, above: &str, table: &Table) -> Result<(), Problem> {
        for Entry { key, place, node } in &table.entries {
            let subject = match above {
                "" => key.clone(),
                above => format!("{above}.{key}"),
            };
            match &node.kind {
                Kind::Table(table) => self.conditions_of(&subject, table)?,
                _ => self.condition(subject, place, node)?,
            }
        }
        Ok(())
    }

    /// Takes one of `[assert]`, or several of one subject.
    fn condition(&mut self, subject: String, key: &Place, node: &Node) -> Result<(), Problem> {
        let all = match &node.kind {
            Kind::List(items) => items.clone(),
            _ => vec![node.clone()],
        };
        for asked in all {
            let problem = || {
                Problem::new("expected a condition in quotes")
                    .at(Some(asked.place.clone()))
                    .help("for example \"budget.recovery_s\" = \"< 5\"")
            };
            let text = asked.text().map_err(|_| problem())?;
            if !text.trim_start().starts_with(['<', '>']) {
                return Err(problem());
            }
            self.conditions.push(Condition {
                subject: subject.clone(),
                key: key.clone(),
                asked,
            });
        }
        Ok(())
    }

    /// The conditions of `[assert]`, in their order.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether it says to be of that kind.
    pub fn is_a(&self, kind: &str) -> bool {
        let said = self.table.get("kind");
        said.is_some_and(|said| said.node.is_word(kind))
    }

    /// Whether a field of a table can be said with effect by who knows no better: there is at most
    /// one such table, and it does not have the field.
    pub fn lacks(&self, table: &str, field: &str) -> bool {
        let entry = self.table.get(table).map(|entry| entry.node.table());
        match entry {
            None => true,
            Some(Ok(table)) => table.get(field).is_none(),
            Some(Err(_)) => false,
        }
    }

    /// Whether there is a `[sweep]`.
    pub fn has_sweep(&self) -> bool {
        self.table.get("sweep").is_some()
    }

    /// `PATH=VALUE`, as `--set` takes it. The value is TOML, or else bare text.
    pub fn set(&mut self, assignment: &str) -> Result<(), Problem> {
        let source = Arc::new(Source::new("--set".to_string(), assignment.to_string()));
        let whole = Place {
            source: source.clone(),
            span: 0..assignment.len(),
        };
        let Some((path, value)) = assignment.split_once('=') else {
            return Err(Problem::new("expected PATH=VALUE")
                .at(Some(whole))
                .help("for example --set service.servers=80"));
        };
        let keys = source_keys(&source, path.len())?;
        let bare = value.trim();
        let start = path.len() + 1 + (value.len() - value.trim_start().len());
        let place = Place {
            source: source.clone(),
            span: start..start + bare.len(),
        };
        // Read `x = VALUE` laid out so that spans fall where VALUE stands.
        let padded = Arc::new(Source::new(
            source.name.clone(),
            format!("x{}={}", " ".repeat(start.saturating_sub(2)), bare),
        ));
        let kind = match Table::parse(&padded) {
            Ok(mut table) if start >= 2 && table.entries.len() == 1 => {
                table.entries.remove(0).node.kind
            }
            _ => Kind::Text {
                text: bare.to_string(),
                exact: true,
            },
        };
        self.put(keys, Node { place, kind })
    }

    /// A flag that stands for the field at `path`.
    pub fn flag(&mut self, flag: &str, path: &str, text: &str) -> Result<(), Problem> {
        let node = Node::from_flag(flag, text);
        self.put(keys(path, &node.place)?, node)
    }

    /// One more policy to compare, which starts from another; a flag asks for it.
    pub fn beside(&mut self, flag: &str, name: &str, base: &str) -> Result<(), Problem> {
        let own = self.table.get("policy").and_then(|e| e.node.table().ok());
        if own.is_none_or(|own| own.get(name).is_none()) {
            let node = Node::from_flag(flag, base);
            let keys = keys(&format!("policy.{name}.extends"), &node.place)?;
            self.table.set(&keys, node)?;
        }
        if !self.beside.iter().any(|other| other == name) {
            self.beside.push(name.to_string());
        }
        Ok(())
    }

    /// Where something is set of a policy, if anything is.
    pub(super) fn policy_place(&self) -> Option<Place> {
        let first = self.policy_overrides.first()?.path.first()?;
        Some(first.1.clone())
    }

    /// Flags that stand for fields, those that were given: (flag, path, text).
    pub fn flags<'f>(
        &mut self,
        flags: impl IntoIterator<Item = (&'f str, &'f str, &'f Option<String>)>,
    ) -> Result<(), Problem> {
        for (flag, path, text) in flags {
            if let Some(text) = text {
                self.flag(flag, path, text)?;
            }
        }
        Ok(())
    }

    /// A flag that may be repeated or hold a comma list outside parentheses.
    pub fn list_flag(&mut self, flag: &str, path: &str, texts: &[String]) -> Result<(), Problem> {
        let mut items = Vec::new();
        for text in texts {
            let mut depth = 0;
            for part in text.split(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                c == ',' && depth == 0
            }) {
                items.push(Node::from_flag(flag, part.trim()));
            }
        }
        let Some(first) = items.first() else {
            return Ok(());
        };
        let place = first.place.clone();
        let keys = keys(path, &place)?;
        self.put(
            keys,
            Node {
                place,
                kind: Kind::List(items),
            },
        )
    }

    pub(super) fn put(
        &mut self,
        mut keys: Vec<(String, Place)>,
        node: Node,
    ) -> Result<(), Problem> {
        let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        match (&names[..], &node.kind) {
            (["assert", subject @ ..], _) => {
                let place = keys[keys.len() - 1].1.clone();
                return self.condition(subject.join("."), &place, &node);
            }
            // A table of fields is as many fields.
            (["policy"] | ["policy", _], Kind::Table(fields)) => {
                for field in &fields.entries {
                    let mut keys = keys.clone();
                    keys.push((field.key.clone(), field.place.clone()));
                    self.put(keys, field.node.clone())?;
                }
                return Ok(());
            }
            (["policy", _, _, ..], _) => {
                self.policy_overrides.push(Override {
                    policy: names[1].to_string(),
                    path: keys.split_off(2),
                    node,
                });
                return Ok(());
            }
            // Another kind of arrival: what belongs to the former one goes.
            (["callers", "arrival"], Kind::Text { text, .. }) => {
                self.table.retain("callers", |key| goes_with(key, text));
            }
            _ => {}
        }
        self.table.set(&keys, node)
    }
}

/// No field lies deeper: `service.inventory.hosts.balance`, say.
const DEEPEST: usize = 16;

/// The keys of a dotted path, all at the place where it stands.
pub(super) fn keys(path: &str, place: &Place) -> Result<Vec<(String, Place)>, Problem> {
    let source = Arc::new(Source::new(String::new(), path.to_string()));
    let keys = source_keys(&source, path.len()).map_err(|e| e.at(Some(place.clone())))?;
    Ok(keys
        .into_iter()
        .map(|(key, _)| (key, place.clone()))
        .collect())
}

/// The keys of a dotted path that ends at byte `end` of a source.
pub(super) fn source_keys(
    source: &Arc<Source>,
    end: usize,
) -> Result<Vec<(String, Place)>, Problem> {
    let path = &source.text[..end];
    let place = |span| Place {
        source: source.clone(),
        span,
    };
    let mut quoted = false;
    let mut keys = Vec::new();
    let mut at = 0;
    // Dots within quotes are part of a name.
    for key in path.split(|c| {
        quoted ^= c == '"';
        c == '.' && !quoted
    }) {
        let trimmed = key.trim();
        let start = at + (key.len() - key.trim_start().len());
        if trimmed.is_empty() {
            return Err(
                Problem::new("a path is names joined by dots").at(Some(place(0..end.max(1))))
            );
        }
        if keys.len() == DEEPEST {
            let problem = format!("a path has at most {DEEPEST} names");
            return Err(Problem::new(problem).at(Some(place(start..start + trimmed.len()))));
        }
        keys.push((
            trimmed.trim_matches('"').to_string(),
            place(start..start + trimmed.len()),
        ));
        at += key.len() + 1;
    }
    Ok(keys)
}
