//! JSON, with comments and trailing commas or without, to a tree.

use std::borrow::Cow;
use std::sync::Arc;

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::template::Masked;
use super::tree::{At, Broken, Key, Node};

/// The one value of a text.
///
/// # Errors
/// Where it is no JSON, or is nested too deeply.
pub fn document(text: &Masked) -> Result<Option<Arc<Node>>, Broken> {
    let options = ParseOptions {
        allow_missing_commas: false,
        ..ParseOptions::default()
    };
    let parsed = parse_to_ast(&text.text, &CollectOptions::default(), &options);
    let parsed = parsed.map_err(|error| Broken {
        at: error.range().start,
        reason: error.kind().to_string(),
    })?;
    Ok(parsed.value.map(|value| Arc::new(node(&value, text))))
}

/// The parser bounds the depth.
fn node(value: &Value, text: &Masked) -> Node {
    let range = value.range();
    let span = range.start..range.end;
    let scalar = |plain: &str, is_plain| {
        Node::scalar(
            span.clone(),
            plain.to_string(),
            is_plain,
            text.touches(&span),
        )
    };
    match value {
        Value::StringLit(string) => scalar(&string.value, false),
        Value::NumberLit(number) => scalar(number.value, true),
        Value::BooleanLit(truth) => scalar(if truth.value { "true" } else { "false" }, true),
        Value::NullKeyword(_) => scalar("null", true),
        Value::Array(array) => {
            let items = array.elements.iter().map(|item| Arc::new(node(item, text)));
            Node::list(span, items.collect())
        }
        Value::Object(object) => {
            let entries = object.properties.iter().map(|property| {
                let name = match &property.name {
                    ObjectPropName::String(string) => string.value.to_string(),
                    ObjectPropName::Word(word) => word.value.to_string(),
                };
                let range = property.name.range();
                let key = Key {
                    text: name,
                    span: range.start..range.end,
                };
                (key, Arc::new(node(&property.value, text)))
            });
            Node::map(span.clone(), entries.collect())
        }
    }
}

/// A text of JSON as what it says; a placeholder that stands for a value is a text.
pub fn embedded(at: At) -> Option<Node> {
    let text = &at.as_scalar()?.text;
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let root = document(&Masked::plain(&quoted(text))).ok()??;
    Some((*root).clone())
}

/// `"a": ${n}` as `"a": "${n}"`.
fn quoted(text: &str) -> Cow<'_, str> {
    if !text.contains("${") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut within, mut escaped, mut open) = (false, false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !within && !open && letter == '$' && letters.peek() == Some(&'{') {
            open = true;
            out.push('"');
        }
        out.push(letter);
        if open && letter == '}' {
            open = false;
            out.push('"');
        }
        within ^= !open && letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
    }
    out.into()
}
