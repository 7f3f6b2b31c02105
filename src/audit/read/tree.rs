//! Data files as one tree: whatever the syntax, a value knows its bytes.

use std::ops::Range;
use std::sync::Arc;

use herdsim_core::scenario::{Place, Source};

use crate::audit::site::{Edge, Known, Reading};

/// Deeper than any configuration; what is nested deeper is not read.
pub const DEPTH: usize = 200;
/// Aliases may not make more of a file than this many values.
pub const VALUES: usize = 1_000_000;

#[derive(Clone, Debug)]
pub struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
    /// Values in it, itself included, with aliases written out.
    pub weight: usize,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar(Scalar),
    List(Vec<Arc<Node>>),
    Map(Vec<(Key, Arc<Node>)>),
}

#[derive(Clone, Debug)]
pub struct Scalar {
    pub text: String,
    /// Not quoted: it may be a number, a truth value, nothing.
    pub plain: bool,
    /// Part of it, or all, is a template.
    pub template: bool,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    pub span: Range<usize>,
}

impl Node {
    pub fn scalar(span: Range<usize>, text: String, plain: bool, template: bool) -> Node {
        let scalar = Scalar {
            text,
            plain,
            template,
        };
        Node {
            span,
            kind: Kind::Scalar(scalar),
            weight: 1,
        }
    }

    pub fn list(span: Range<usize>, items: Vec<Arc<Node>>) -> Node {
        let weight = items
            .iter()
            .fold(1, |w: usize, i| w.saturating_add(i.weight));
        Node {
            span,
            kind: Kind::List(items),
            weight,
        }
    }

    pub fn map(span: Range<usize>, entries: Vec<(Key, Arc<Node>)>) -> Node {
        let weight = entries
            .iter()
            .fold(1, |w: usize, (_, n)| w.saturating_add(n.weight));
        Node {
            span,
            kind: Kind::Map(entries),
            weight,
        }
    }
}

/// What could not be read, and where it stopped.
#[derive(Clone, Debug)]
pub struct Broken {
    pub at: usize,
    pub reason: String,
}

/// A value in its file.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub source: &'a Arc<Source>,
    /// The key that it stands under; in a list, none.
    pub key: Option<&'a Key>,
    pub node: &'a Node,
}

/// `maxAttempts`, `max-attempts` and `max_attempts` are one name.
fn relaxed(text: &str) -> impl Iterator<Item = char> + '_ {
    let letters = text.chars().filter(|c| !matches!(c, '-' | '_'));
    letters.flat_map(char::to_lowercase)
}

impl<'a> At<'a> {
    pub fn root(source: &'a Arc<Source>, node: &'a Node) -> At<'a> {
        At {
            source,
            key: None,
            node,
        }
    }

    pub fn span(&self, span: Range<usize>) -> Place {
        Place {
            source: self.source.clone(),
            span,
        }
    }

    /// The bytes of the value.
    pub fn place(&self) -> Place {
        self.span(self.node.span.clone())
    }

    /// From the key to the end of the value.
    pub fn whole(&self) -> Place {
        let node = &self.node.span;
        match self.key {
            // An alias stands elsewhere.
            Some(key) if node.start >= key.span.start => self.span(key.span.start..node.end),
            Some(key) => self.span(key.span.clone()),
            None => self.place(),
        }
    }

    pub fn key_place(&self) -> Place {
        match self.key {
            Some(key) => self.span(key.span.clone()),
            None => self.place(),
        }
    }

    pub fn name(&self) -> &'a str {
        self.key.map_or("", |key| &key.text)
    }

    pub fn entries(self) -> impl Iterator<Item = At<'a>> {
        let entries: &[(Key, Arc<Node>)] = match &self.node.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        };
        entries.iter().map(move |(key, node)| At {
            source: self.source,
            key: Some(key),
            node,
        })
    }

    pub fn items(self) -> impl Iterator<Item = At<'a>> {
        let items: &[Arc<Node>] = match &self.node.kind {
            Kind::List(items) => items,
            _ => &[],
        };
        items.iter().map(move |node| At {
            source: self.source,
            key: None,
            node,
        })
    }

    /// The value under a key; of several the last, as programs take it.
    pub fn get(self, key: &str) -> Option<At<'a>> {
        self.entries().filter(|at| at.name() == key).last()
    }

    /// The value under a key in any spelling: `maxAttempts`, `max-attempts`, `max_attempts`.
    pub fn find(self, key: &str) -> Option<At<'a>> {
        let same = |at: &At| relaxed(at.name()).eq(relaxed(key));
        self.entries().filter(same).last()
    }

    pub fn path(self, path: &[&str]) -> Option<At<'a>> {
        path.iter().try_fold(self, |at, key| at.find(key))
    }

    pub fn is_map(&self) -> bool {
        matches!(self.node.kind, Kind::Map(_))
    }

    pub fn as_scalar(&self) -> Option<&'a Scalar> {
        match &self.node.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar that is no template.
    pub fn text(&self) -> Option<&'a str> {
        let literal = self.as_scalar().filter(|scalar| !scalar.template);
        literal.map(|scalar| scalar.text.as_str())
    }

    /// A value by `read`, from its text; unresolved where that is a template, or is no such
    /// value.
    pub fn known<T>(&self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Known<T> {
        let place = Some(self.place());
        let Some(scalar) = self.as_scalar() else {
            return Known::unresolved(place, format!("no {what}"));
        };
        if scalar.template {
            return Known::unresolved(place, "a template");
        }
        let text = scalar.text.trim();
        if let Some((name, default)) = unless_set(text) {
            let mut known = match read(default) {
                Some(value) => Known::default(value, format!("unless `{name}` is set")),
                None => Known::unresolved(None, format!("`{name}` is set elsewhere")),
            };
            known.fact.place = place;
            return known;
        }
        if text.contains("${") || text.contains("$(") {
            return Known::unresolved(place, format!("`{text}` is set elsewhere"));
        }
        match read(text) {
            Some(value) => Known::read(value, self.place()),
            None => Known::unresolved(place, format!("`{text}` is no {what}")),
        }
    }

    pub fn number(&self) -> Known<f64> {
        self.known("number", number)
    }

    pub fn count(&self) -> Known<u32> {
        let count = |text: &str| number(text).filter(|n| *n >= 0.0 && n.fract() == 0.0);
        self.known("count", |text| count(text).map(crate::audit::site::whole))
    }

    pub fn bool(&self) -> Option<bool> {
        match self.text()?.trim() {
            "true" | "True" | "yes" | "on" => Some(true),
            "false" | "False" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// Each of these calls the host that stands here, as a URL or bare, in any case of letters.
    pub fn called_by(self, callers: &[&str], how: &'static str, reading: &mut Reading) {
        let Some(text) = self.text() else { return };
        let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
        let bare = bare.split(['/', '?', ':']).next().unwrap_or(bare);
        reading.edges.extend(callers.iter().map(|from| Edge {
            from: (*from).to_string(),
            to: bare.to_lowercase(),
            how,
            weak: false,
            place: self.place(),
        }));
    }

    /// Every value in this one for which `is` holds, itself included, outermost first.
    pub fn search(self, is: &mut impl FnMut(At<'a>) -> bool, found: &mut Vec<At<'a>>) {
        if is(self) {
            found.push(self);
        }
        self.entries().for_each(|at| at.search(is, found));
        self.items().for_each(|at| at.search(is, found));
    }
}

/// The variable and the default of `${RETRIES:5}` and `${RETRIES:-5}`: what holds unless it is
/// set.
pub fn unless_set(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let (name, default) = inner.split_once(':')?;
    Some((name, default.strip_prefix('-').unwrap_or(default)))
}

/// A decimal number, digits grouped by underscores or not.
pub fn number(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let digits = text.trim_start_matches(['-', '+']);
    let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    number
        .then(|| text.parse().ok())
        .flatten()
        .filter(|n: &f64| n.is_finite())
}
