//! Scenario texts: read, shown where they are wrong, and changed in one place.

use herdsim_core::scenario::{Job, JobKind, Overlay, Problem};
use serde_json::{Value as Json, json};
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::refusal::Refusal;

/// What a page's scenario is called.
pub const NAME: &str = "scenario.toml";

/// A scenario of any kind.
pub fn job(text: &str) -> Result<Job, Refusal> {
    let mut overlay = Overlay::default();
    overlay.file(NAME, text)?;
    if overlay.has_sweep() {
        return Err(Refusal::Elsewhere {
            why: "A [sweep] is a map of many runs: that is for the command.".to_string(),
            command: "herdsim sweep scenario.toml",
        });
    }
    Ok(Job::from_overlay(&overlay, JobKind::Herd)?)
}

/// Whether conditions are asked for, which a page does not judge.
pub fn asserts(text: &str) -> bool {
    let mut overlay = Overlay::default();
    overlay.file(NAME, text).is_ok() && !overlay.conditions().is_empty()
}

/// A problem with its line, in characters.
pub fn problem(problem: &Problem) -> Json {
    let place = problem.place.as_ref().map(|place| {
        let source = &place.source;
        let bytes = source.text.len();
        let mut from = place.span.start.min(bytes);
        while !source.text.is_char_boundary(from) {
            from -= 1;
        }
        let line = source.line(from);
        let begin = source.text[..from].rfind('\n').map_or(0, |at| at + 1);
        let shown = source.text[begin..].lines().next().unwrap_or("");
        let column = source.text[begin..from].chars().count();
        let to = place.span.end.clamp(from, (begin + shown.len()).max(from));
        let length = source.text.get(from..to).map_or(1, |s| s.chars().count());
        json!({
            "file": source.name,
            "line": line,
            "text": shown,
            "column": column,
            "length": length.max(1),
        })
    });
    json!({
        "message": problem.message,
        "help": problem.help,
        "place": place,
    })
}

/// One step down from a table: by name, or in a list of tables by number.
pub enum Step<'p> {
    Key(&'p str),
    Item(usize),
}

/// A scenario's text that is changed field by field, and else left as it is.
pub struct Draft {
    document: DocumentMut,
    /// Whether its lines end as Windows ends them.
    crlf: bool,
}

impl Draft {
    pub fn new(text: &str) -> Result<Draft, Refusal> {
        let document = text.parse::<DocumentMut>();
        let document = document.map_err(|e| Problem::new(e.to_string()))?;
        let crlf = text.contains("\r\n");
        Ok(Draft { document, crlf })
    }

    pub fn text(&self) -> String {
        let text = self.document.to_string();
        match self.crlf && !text.contains('\r') {
            true => text.replace('\n', "\r\n"),
            false => text,
        }
    }

    fn get(&self, path: &[&str]) -> Option<&Item> {
        let top = Some(self.document.as_item());
        path.iter().fold(top, |at, key| {
            at.and_then(Item::as_table_like)
                .and_then(|table| table.get(key))
        })
    }

    /// Whether it has a field.
    pub fn has(&self, path: &[&str]) -> bool {
        self.get(path).is_some()
    }

    /// Whether a field of the top is a list of tables.
    pub fn is_list(&self, key: &str) -> bool {
        let item = self.get(&[key]);
        item.is_some_and(|item| item.is_array() || item.is_array_of_tables())
    }

    /// Puts a value where it belongs; comments and spaces around the old one stay.
    pub fn put(&mut self, path: &[Step<'_>], value: impl Into<Value>) -> Result<(), Refusal> {
        let odd = || Refusal::Problem(Problem::new("the text has another shape there"));
        let Some((Step::Key(last), way)) = path.split_last() else {
            return Err(odd());
        };
        let mut at: &mut Item = self.document.as_item_mut();
        for step in way {
            at = match step {
                Step::Item(n) => match at {
                    Item::ArrayOfTables(tables) => {
                        let table = tables.get_mut(*n).ok_or_else(odd)?;
                        return put(table, last, value.into());
                    }
                    Item::Value(Value::Array(items)) => {
                        let table = items.get_mut(*n).and_then(Value::as_inline_table_mut);
                        return put(table.ok_or_else(odd)?, last, value.into());
                    }
                    _ => return Err(odd()),
                },
                Step::Key(key) => {
                    let inline = at.is_inline_table();
                    let table = at.as_table_like_mut().ok_or_else(odd)?;
                    table.entry(key).or_insert_with(|| match inline {
                        true => Item::Value(Value::InlineTable(InlineTable::new())),
                        false => Item::Table(implicit()),
                    })
                }
            };
        }
        put(at.as_table_like_mut().ok_or_else(odd)?, last, value.into())
    }

    /// Takes a field of the top away.
    pub fn remove(&mut self, key: &str) {
        self.document.remove(key);
    }

    /// Puts a text into a list at the top, at its place, or makes it the list.
    pub fn put_in_list(&mut self, key: &str, n: usize, text: &str) {
        match self.document.get_mut(key).and_then(Item::as_array_mut) {
            Some(list) if n < list.len() => {
                if let Some(old) = list.get_mut(n) {
                    let decor = old.decor().clone();
                    *old = text.into();
                    *old.decor_mut() = decor;
                }
            }
            _ => {
                let list = toml_edit::Array::from_iter([text]);
                let table: &mut Table = self.document.as_table_mut();
                // What stands at the top alone stands before every table.
                let _ = put(table, key, Value::Array(list));
            }
        }
    }
}

/// A table that has a header only where it has fields.
fn implicit() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

fn put(table: &mut dyn TableLike, key: &str, mut value: Value) -> Result<(), Refusal> {
    if let Some(Item::Value(old)) = table.get(key) {
        *value.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(item) => *item = Item::Value(value),
        None => {
            table.insert(key, Item::Value(value));
        }
    }
    Ok(())
}
