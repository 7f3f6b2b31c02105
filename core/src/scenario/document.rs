//! Where every value of a scenario came from.
//!
//! A scenario is read from overlay (a file, `--set`, flags) into one tree whose
//! nodes remember their source text, so that any error can point at its place.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use toml::de::{DeTable, DeValue};

use crate::value::{Value, ValueError, suggest};

/// A text that values were read from: a file, or one argument.
#[derive(Debug)]
pub struct Source {
    /// A path, or the flag as it was typed.
    pub name: String,
    pub text: String,
    /// Where its lines end, once somebody has asked.
    ends: OnceLock<Vec<usize>>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source {
            name: name.into(),
            text: text.into(),
            ends: OnceLock::new(),
        }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.ends().partition_point(|end| *end < at)
    }

    /// The text of a line, from 1, without its end; nothing past the last one.
    pub fn line_text(&self, line: usize) -> &str {
        let ends = self.ends();
        let start = match line {
            0 => return "",
            1 => 0,
            line => match ends.get(line - 2) {
                Some(end) => end + 1,
                None => return "",
            },
        };
        let end = ends.get(line - 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches('\r')
    }

    fn ends(&self) -> &[usize] {
        self.ends.get_or_init(|| {
            let bytes = self.text.bytes().enumerate();
            let newlines = bytes.filter(|(_, byte)| *byte == b'\n');
            newlines.map(|(at, _)| at).collect()
        })
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        (&self.name, &self.text) == (&other.name, &other.text)
    }
}

impl Eq for Source {}

/// A byte range in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

/// Bad input: what, where, and how to put it right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    pub message: String,
    pub place: Option<Place>,
    pub help: Option<String>,
}

impl Problem {
    pub fn new(message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            place: None,
            help: None,
        }
    }

    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Problem {
        self.place = place;
        self
    }

    /// Help where there is none yet.
    #[must_use]
    pub fn or_help(mut self, help: impl Into<String>) -> Problem {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

/// One value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// A string. `exact` when it stands in the source letter by letter.
    Text {
        text: String,
        exact: bool,
    },
    Number(String),
    Bool(bool),
    List(Vec<Node>),
    Table(Table),
}

/// Keys and values in the order of the source.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

impl Table {
    /// Reads a TOML document.
    pub fn parse(source: &Arc<Source>) -> Result<Table, Problem> {
        let document = DeTable::parse(&source.text).map_err(|e| {
            let place = e.span().map(|span| Place {
                source: source.clone(),
                span,
            });
            Problem::new(e.message().to_string()).at(place)
        })?;
        Table::from_toml(document.get_ref(), source)
    }

    fn from_toml(table: &DeTable<'_>, source: &Arc<Source>) -> Result<Table, Problem> {
        let place = |span| Place {
            source: source.clone(),
            span,
        };
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            entries.push(Entry {
                key: key.get_ref().to_string(),
                place: place(key.span()),
                node: Node::from_toml(value.get_ref(), value.span(), source)?,
            });
        }
        entries.sort_by_key(|e| e.place.span.start);
        Ok(Table { entries })
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|e| e.key == key)?;
        Some(self.entries.remove(at).node)
    }

    /// Puts a value at a dotted path, making tables on the way.
    pub fn set(&mut self, path: &[(String, Place)], node: Node) -> Result<(), Problem> {
        let Some(((key, place), rest)) = path.split_first() else {
            return Ok(());
        };
        let index = match self.entries.iter().position(|e| e.key == *key) {
            Some(index) => index,
            None => {
                let empty = Node {
                    place: place.clone(),
                    kind: Kind::Table(Table::default()),
                };
                self.entries.push(Entry {
                    key: key.clone(),
                    place: place.clone(),
                    node: empty,
                });
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[index];
        if rest.is_empty() {
            entry.place = place.clone();
            entry.node = node;
            return Ok(());
        }
        match &mut entry.node.kind {
            Kind::Table(table) => table.set(rest, node),
            Kind::List(items) if items.iter().all(|i| matches!(i.kind, Kind::Table(_))) => {
                let member = member(items, key, rest)?;
                member.table.set(member.path, node)
            }
            _ => Err(
                Problem::new(format!("`{key}` is a single value, not a table"))
                    .at(Some(place.clone())),
            ),
        }
    }

    /// Drops the entries of a table within this one that `keep` does not want.
    pub fn retain(&mut self, table: &str, keep: impl Fn(&str) -> bool) {
        for entry in self.entries.iter_mut().filter(|e| e.key == table) {
            if let Kind::Table(table) = &mut entry.node.kind {
                table.entries.retain(|e| keep(&e.key));
            }
        }
    }

    /// Puts every entry of `over` in place of its namesake.
    pub fn overlay(&mut self, over: &Table) {
        for entry in &over.entries {
            match self.entries.iter_mut().find(|e| e.key == entry.key) {
                Some(mine) => *mine = entry.clone(),
                None => self.entries.push(entry.clone()),
            }
        }
    }
}

/// A table of a list such as `[[service]]` makes, and the path that is left within it.
struct Member<'a> {
    table: &'a mut Table,
    path: &'a [(String, Place)],
}

/// The table that a path means by its number, counted from 1, or by its `name`;
/// a list of one table is as good as the table.
fn member<'a>(
    items: &'a mut [Node],
    list: &str,
    path: &'a [(String, Place)],
) -> Result<Member<'a>, Problem> {
    let (key, place) = &path[0];
    let named = |node: &Node| match &node.kind {
        Kind::Table(table) => table.get("name").is_some_and(|e| e.node.is_word(key)),
        _ => false,
    };
    let count = items.len();
    let index = match key.parse::<usize>() {
        Ok(n) if (1..=count).contains(&n) => Some(n - 1),
        _ => items.iter().position(named),
    };
    let (index, rest) = match index {
        Some(index) if path.len() > 1 => (index, &path[1..]),
        _ if count == 1 => (0, path),
        _ => {
            return Err(Problem::new(format!("there are {count} of `{list}`"))
                .at(Some(place.clone()))
                .help(format!(
                    "say which by number or name, such as {list}.1.{key}"
                )));
        }
    };
    match &mut items[index].kind {
        Kind::Table(table) => Ok(Member { table, path: rest }),
        _ => Err(Problem::new(format!("`{list}` is a list of values")).at(Some(place.clone()))),
    }
}

impl Node {
    fn from_toml(
        value: &DeValue<'_>,
        span: Range<usize>,
        source: &Arc<Source>,
    ) -> Result<Node, Problem> {
        let place = Place {
            source: source.clone(),
            span: span.clone(),
        };
        let kind = match value {
            DeValue::String(text) => Kind::Text {
                exact: source.text.get(span.start + 1..span.end.saturating_sub(1))
                    == Some(text.as_ref()),
                text: text.to_string(),
            },
            DeValue::Integer(n) if n.radix() == 10 => Kind::Number(n.as_str().to_string()),
            DeValue::Float(x) => Kind::Number(x.as_str().to_string()),
            DeValue::Boolean(b) => Kind::Bool(*b),
            DeValue::Array(items) => Kind::List(
                items
                    .iter()
                    .map(|item| Node::from_toml(item.get_ref(), item.span(), source))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => Kind::Table(Table::from_toml(table, source)?),
            DeValue::Integer(_) | DeValue::Datetime(_) => {
                return Err(Problem::new(
                    "neither dates nor hexadecimal numbers have a meaning here",
                )
                .at(Some(place)));
            }
        };
        Ok(Node { place, kind })
    }

    /// A string that is the whole text of a flag.
    pub fn from_flag(flag: &str, text: &str) -> Node {
        let source = Arc::new(Source::new(flag.to_string(), text.to_string()));
        Node {
            place: Place {
                source,
                span: 0..text.len(),
            },
            kind: Kind::Text {
                text: text.to_string(),
                exact: true,
            },
        }
    }

    /// A value as plain text, where it is a single one.
    pub fn plain(&self) -> String {
        match &self.kind {
            Kind::List(items) if items.len() == 1 => items[0].plain(),
            Kind::Text { text, .. } | Kind::Number(text) => text.clone(),
            Kind::Bool(b) => b.to_string(),
            Kind::List(_) | Kind::Table(_) => self.to_toml(),
        }
    }

    /// The value as TOML that reads back to the same.
    pub fn to_toml(&self) -> String {
        match &self.kind {
            Kind::Text { text, .. } => toml::Value::String(text.clone()).to_string(),
            Kind::Number(text) => text.clone(),
            Kind::Bool(b) => b.to_string(),
            Kind::List(items) => {
                let items: Vec<String> = items.iter().map(Node::to_toml).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Table(table) => {
                let entries = table.entries.iter();
                let fields: Vec<String> = entries
                    .map(|e| {
                        let key = toml::Value::String(e.key.clone());
                        format!("{key} = {}", e.node.to_toml())
                    })
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
        }
    }

    /// Reads a value of the value language.
    pub fn read<T: Value>(&self) -> Result<T, Problem> {
        let (text, offset) = match &self.kind {
            Kind::Text { text, exact } => {
                let quoted = self.place.source.text.get(self.place.span.clone()) != Some(text);
                (text, exact.then_some(usize::from(quoted)))
            }
            Kind::Number(text) => (text, None),
            _ => {
                return Err(
                    Problem::new(format!("expected {}", T::EXPECTED)).at(Some(self.place.clone()))
                );
            }
        };
        let directory = Path::new(&self.place.source.name)
            .parent()
            .unwrap_or(Path::new(""));
        T::parse_in(text, directory).map_err(|e| self.inside(e, offset))
    }

    fn inside(&self, error: ValueError, offset: Option<usize>) -> Problem {
        let mut place = self.place.clone();
        if let Some(offset) = offset {
            let start = place.span.start + offset;
            place.span = start + error.span.start..start + error.span.end;
        }
        Problem {
            message: error.message,
            place: Some(place),
            help: error.help,
        }
    }

    /// Whether it is just this word.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Text { text, .. } if text == word)
    }

    /// One of a few words, such as `fifo` or `lifo`.
    pub fn word<T: Copy>(&self, what: &str, words: &[(&str, T)]) -> Result<T, Problem> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let Kind::Text { text, .. } = &self.kind else {
            return Err(
                Problem::new(format!("expected {what}, one of: {}", names.join(", ")))
                    .at(Some(self.place.clone())),
            );
        };
        match words.iter().find(|(name, _)| name == text) {
            Some((_, value)) => Ok(*value),
            None => Err(Problem::new(format!("unknown {what} `{text}`"))
                .at(Some(self.place.clone()))
                .help(suggest(text, &names))),
        }
    }

    pub fn bool(&self) -> Result<bool, Problem> {
        match &self.kind {
            Kind::Bool(b) => Ok(*b),
            Kind::Text { text, .. } if text == "true" => Ok(true),
            Kind::Text { text, .. } if text == "false" => Ok(false),
            _ => Err(Problem::new("expected true or false").at(Some(self.place.clone()))),
        }
    }

    pub fn text(&self) -> Result<&str, Problem> {
        match &self.kind {
            Kind::Text { text, .. } => Ok(text),
            _ => Err(Problem::new("expected text in quotes").at(Some(self.place.clone()))),
        }
    }

    /// The elements of a list.
    pub fn list(&self) -> Result<Vec<Node>, Problem> {
        match &self.kind {
            Kind::List(items) => Ok(items.clone()),
            _ => Err(Problem::new("expected a list in brackets").at(Some(self.place.clone()))),
        }
    }

    /// A list, or one item that stands for the list of it, as along an axis of a sweep; the
    /// word `none`, alone, is the list of nothing.
    pub fn none_or_more(&self, what: &str) -> Result<Vec<Node>, Problem> {
        let items = match &self.kind {
            Kind::Text { .. } => vec![self.clone()],
            _ => self.list()?,
        };
        match items.iter().find(|item| item.is_word("none")) {
            None => Ok(items),
            Some(_) if items.len() == 1 => Ok(Vec::new()),
            Some(none) => Err(Problem::new(format!(
                "`none` stands alone, not beside other {what}"
            ))
            .at(Some(none.place.clone()))),
        }
    }

    pub fn table(&self) -> Result<&Table, Problem> {
        match &self.kind {
            Kind::Table(table) => Ok(table),
            _ => Err(Problem::new("expected a table").at(Some(self.place.clone()))),
        }
    }
}

/// A table being read: remembers which keys were asked for, so that
/// [`Section::finish`] can name the ones that nobody knows.
pub struct Section<'t> {
    table: &'t Table,
    asked: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub fn new(table: &'t Table) -> Section<'t> {
        Section {
            table,
            asked: Vec::new(),
        }
    }

    pub fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key).map(|e| &e.node)
    }

    pub fn read<T: Value>(&mut self, key: &'static str) -> Result<Option<T>, Problem> {
        self.node(key).map(Node::read).transpose()
    }

    pub fn word<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        self.node(key).map(|n| n.word(what, words)).transpose()
    }

    /// A list of words, none of them twice, at least one.
    pub fn word_set<T: Copy + PartialEq>(
        &mut self,
        key: &'static str,
        what: &str,
        words: &[(&str, T)],
    ) -> Result<Option<Vec<T>>, Problem> {
        let Some(node) = self.node(key) else {
            return Ok(None);
        };
        let items: Vec<Node> = match &node.kind {
            Kind::List(items) => items.clone(),
            _ => vec![node.clone()],
        };
        let mut set = Vec::new();
        for item in &items {
            let word = item.word(what, words)?;
            if set.contains(&word) {
                let place: Option<Place> = Some(item.place.clone());
                return Err(Problem::new(format!("this {what} is named twice")).at(place));
            }
            set.push(word);
        }
        match set.is_empty() {
            true => Err(Problem::new(format!("`{key}` names no {what}")).at(self.place(key))),
            false => Ok(Some(set)),
        }
    }

    pub fn bool(&mut self, key: &'static str) -> Result<Option<bool>, Problem> {
        self.node(key).map(Node::bool).transpose()
    }

    /// The place of a value, for errors that concern it.
    pub fn place(&self, key: &str) -> Option<Place> {
        self.table.get(key).map(|e| e.node.place.clone())
    }

    /// Fails at the first key that was not asked for.
    pub fn finish(self) -> Result<(), Problem> {
        let unknown = self
            .table
            .entries
            .iter()
            .find(|e| !self.asked.contains(&e.key.as_str()));
        match unknown {
            None => Ok(()),
            Some(entry) => Err(Problem::new(format!("unknown key `{}`", entry.key))
                .at(Some(entry.place.clone()))
                .help(suggest(&entry.key, &self.asked))),
        }
    }
}
