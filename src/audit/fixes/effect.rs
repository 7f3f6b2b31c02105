//! Effects: one key per operation, made before the retry and handed to every attempt.

use crate::audit::inspect::Audit;
use crate::audit::read::code::ir::{Do, Expr, Kind, Language, Span, Stmt};
use crate::audit::read::code::project::CodeFile;
use crate::audit::site::{Effect, Key, Site};

use super::call::{added, entry};
use super::edit::{Edit, Way};
use super::lines::{after_line, indent, line_start, within};
use super::python;

/// Ways to give an effect a key.
pub fn ways(_: &Audit, file: &CodeFile, site: &Site, effect: &Effect) -> Vec<Way> {
    if file.language() == Language::Go {
        return Vec::new();
    }
    match effect.key {
        Key::PerAttempt => hoisted(file, site, effect),
        Key::None => {
            let mut ways: Vec<Way> = made(file, site, effect).into_iter().collect();
            ways.extend(handed(file, site, effect));
            ways
        }
        Key::PerOperation => Vec::new(),
    }
}

/// What a key is called, and how one is made.
fn words(file: &CodeFile) -> (&'static str, &'static str) {
    match file.language() {
        Language::Script => ("idempotencyKey", "crypto.randomUUID()"),
        _ => ("idempotency_key", "str(uuid.uuid4())"),
    }
}

fn holds(outer: &Span, inner: &Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// The outermost loop of a function around some bytes.
fn loop_around<'f>(file: &'f CodeFile, span: &Span) -> Option<&'f Stmt> {
    let around = file.around(span.start);
    let function = around
        .iter()
        .rev()
        .map(|a| a.function)
        .find(|f| !f.name.is_empty());
    let body = function.map_or(&file.unit.body[..], |function| &function.body[..]);
    let mut found = None;
    within(body, &mut |stmt| {
        if matches!(stmt.kind, Do::Loop(_)) && holds(&stmt.span, span) {
            found.get_or_insert(stmt);
        }
    });
    found
}

/// A line before a loop, as far in as it.
fn before(file: &CodeFile, stmt: &Stmt, line: &str) -> Option<Edit> {
    let text = &file.source.text;
    let at = line_start(text, stmt.span.start)?;
    let indent = indent(text, stmt.span.start);
    Some(Edit::insert(&file.source, at, format!("{indent}{line}\n")))
}

/// A key that is made within the loop, made before it.
fn hoisted(file: &CodeFile, site: &Site, effect: &Effect) -> Vec<Way> {
    let way = || {
        let text = &file.source.text;
        let around = loop_around(file, &site.place.span)?;
        let Do::Loop(inner) = &around.kind else {
            return None;
        };
        // A statement of its own.
        let key = effect.key_place.as_ref().map(|place| &place.span);
        let mut assigned = None;
        within(&inner.body, &mut |stmt: &Stmt| {
            if let Do::Assign(assign) = &stmt.kind
                && assign
                    .value
                    .as_ref()
                    .is_some_and(|value| makes_one(file.text(&value.span)))
                && key.is_none_or(|key| {
                    holds(&stmt.span, key) || stmt.span.start < site.place.span.start
                })
            {
                assigned.get_or_insert(stmt);
            }
        });
        if let Some(stmt) = assigned {
            let start = line_start(text, stmt.span.start)?;
            let end = after_line(text, stmt.span.end);
            let line = text.get(stmt.span.start..end)?.trim_end();
            return Some(vec![
                before(file, around, line)?,
                Edit::at(&file.source, start..end, ""),
            ]);
        }
        // Or within the call.
        let mut made = None;
        crate::audit::read::code::ir::walk(&inner.body, true, &mut |e: &Expr| {
            let within = holds(&site.place.span, &e.span);
            if within
                && makes_one(file.text(&e.span))
                && matches!(e.kind, Kind::Call(_) | Kind::Member(..))
            {
                let larger = made.as_ref().is_none_or(|m: &Span| m.len() < e.span.len());
                if larger && e.span != site.place.span && !file.text(&e.span).contains("reate(") {
                    made = Some(e.span.clone());
                }
            }
        });
        let made = made?;
        let (name, _) = words(file);
        let value = file.text(&made);
        let line = match file.language() {
            Language::Script => format!("const {name} = {value};"),
            _ => format!("{name} = {value}"),
        };
        Some(vec![
            before(file, around, &line)?,
            Edit::at(&file.source, made, name),
        ])
    };
    way().into_iter().collect()
}

/// Whether a text makes something that is new each time.
fn makes_one(text: &str) -> bool {
    ["uuid", "UUID", "nanoid", "token_hex", "ulid"]
        .iter()
        .any(|word| text.contains(word))
}

/// A key made before the loop around an effect.
fn made(file: &CodeFile, site: &Site, effect: &Effect) -> Option<Way> {
    let around = loop_around(file, &site.place.span)?;
    let (name, new) = words(file);
    let (line, mut way) = match file.language() {
        Language::Script => (format!("const {name} = {new};"), Vec::new()),
        _ => (format!("{name} = {new}"), python::import(file, "uuid")?),
    };
    way.push(before(file, around, &line)?);
    way.push(given(file, site, effect, name)?);
    Some(way)
}

/// A key that whoever calls the function has to hand it.
fn handed(file: &CodeFile, site: &Site, effect: &Effect) -> Option<Way> {
    let around = file.around(site.place.span.start);
    let function = around
        .iter()
        .rev()
        .map(|a| a.function)
        .find(|f| !f.name.is_empty())?;
    let (name, _) = words(file);
    if function.params.iter().any(|p| p.name == name) {
        return None;
    }
    // After the last that has no default, so that it is required.
    let text = &file.source.text;
    let mut required = function.params.iter().filter(|p| p.default.is_none());
    let parameter = match (file.language(), file.source.name.ends_with("ts")) {
        (Language::Script, true) => format!("{name}: string"),
        _ => name.to_string(),
    };
    let edit = match required.next_back() {
        Some(last) => {
            // With its type.
            let rest = text.get(last.span.end..)?;
            let end = last.span.end + ends(rest);
            Edit::insert(&file.source, end, format!(", {parameter}"))
        }
        None => {
            let open = function.head.start + text.get(function.head.start..)?.find('(')? + 1;
            let comma = if function.params.is_empty() { "" } else { ", " };
            Edit::insert(&file.source, open, format!("{parameter}{comma}"))
        }
    };
    Some(vec![edit, given(file, site, effect, name)?])
}

/// Where a parameter ends, its type included.
fn ends(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' if depth == 0 => return at,
            ',' if depth == 0 => return at,
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
    }
    0
}

/// A key in the call that makes the effect, under the name of its SDK: a header of HTTP, the
/// option of Stripe, and of whatever else moves money a parameter of that name. What sends
/// mail takes none.
fn given(file: &CodeFile, site: &Site, effect: &Effect, name: &str) -> Option<Edit> {
    let whole = file.expr(&site.place.span)?;
    let call = whole.as_call()?;
    let path = call.callee.path().unwrap_or_default();
    let first = path.first().copied().unwrap_or("").to_lowercase();
    let last = path.last().copied().unwrap_or("");
    let named = |arg: &str| {
        let found = call.args.iter().find(|a| a.name.as_deref() == Some(arg));
        found.map(|a| &a.value)
    };
    let object = |e: &Expr| matches!(e.kind, Kind::Object(..));
    match file.language() {
        Language::Python => {
            let http = matches!(last, "post" | "put" | "patch" | "request") && first != "stripe";
            match (http, named("headers")) {
                (true, Some(headers)) if object(headers) => {
                    entry(file, headers, &format!("\"Idempotency-Key\": {name}"))
                }
                (true, Some(_)) => None,
                (true, None) => added(
                    file,
                    whole,
                    &format!("headers={{\"Idempotency-Key\": {name}}}"),
                ),
                (false, _) if effect.money => {
                    added(file, whole, &format!("idempotency_key={name}"))
                }
                (false, _) => None,
            }
        }
        Language::Script => {
            let options = call.args.last().map(|arg| &arg.value).filter(|e| object(e));
            let http = matches!(last, "post" | "put" | "patch" | "fetch" | "request");
            if !http && !effect.money {
                return None;
            }
            let field = match http {
                true => format!("headers: {{ 'Idempotency-Key': {name} }}"),
                false => name.to_string(),
            };
            // Bodies come before options.
            let places = match last {
                "fetch" => 2,
                "post" | "put" | "patch" => 3,
                _ => 2,
            };
            if call.args.len() < places {
                return (call.args.len() + 1 == places)
                    .then(|| added(file, whole, &format!("{{ {field} }}")))?;
            }
            let options = options?;
            let Kind::Object(_, fields, _) = &options.kind else {
                return None;
            };
            match fields.iter().find(|(key, _)| key == "headers" && http) {
                Some((_, headers)) if object(headers) => {
                    entry(file, headers, &format!("'Idempotency-Key': {name}"))
                }
                Some(_) => None,
                None => entry(file, options, &field),
            }
        }
        Language::Go => None,
    }
}
