//! Effects: one key per operation, made before the retry and handed to every attempt.

use crate::audit::inspect::Audit;
use crate::audit::read::code::ir::{Do, Expr, Function, Kind, Language, Span, Stmt};
use crate::audit::read::code::project::CodeFile;
use crate::audit::site::{Effect, Key, Site};

use super::call::{added, entry};
use super::edit::{Edit, Way};
use super::lines::{after_line, indent, line_start, statement, within};
use super::python;

/// Ways to give an effect a key.
pub fn ways(audit: &Audit, file: &CodeFile, site: &Site, effect: &Effect) -> Vec<Way> {
    if !matches!(file.language(), Language::Python | Language::Script) {
        return Vec::new();
    }
    let around = retry_around(audit, file, site);
    match effect.key {
        Key::PerAttempt => around
            .map(|around| hoisted(file, around, site, effect))
            .unwrap_or_default(),
        Key::None => {
            let made = around.and_then(|around| made(file, around, site));
            let mut ways: Vec<Way> = made.into_iter().collect();
            ways.extend(handed(file, site));
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

/// The loop that makes an effect again: the outermost one around it that is read as a retry.
/// Loops around that make another effect each time.
fn retry_around<'f>(audit: &Audit, file: &'f CodeFile, site: &Site) -> Option<&'f Stmt> {
    let sites = audit.system.sites.iter().filter(|other| {
        other.reader.ends_with("-loop")
            && other.place.source.name == site.place.source.name
            && holds(&other.place.span, &site.place.span)
    });
    let outermost = sites.max_by_key(|other| other.place.span.len())?;
    let stmt = statement(&file.unit.body, &outermost.place.span)?;
    matches!(stmt.kind, Do::Loop(_)).then_some(stmt)
}

/// Whether a loop is around some bytes in their function.
fn is_in_a_loop(file: &CodeFile, span: &Span) -> bool {
    let function = file.function_around(span.start);
    let body = function.map_or(&file.unit.body[..], |function| &function.body[..]);
    let mut found = false;
    within(body, &mut |stmt| {
        found |= matches!(stmt.kind, Do::Loop(_)) && holds(&stmt.span, span);
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
fn hoisted(file: &CodeFile, around: &Stmt, site: &Site, effect: &Effect) -> Vec<Way> {
    let way = || {
        let text = &file.source.text;
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
        // Or within the call: the one thing there that is new each time.
        let call = file.expr(&site.place.span)?;
        let mut makers: Vec<Span> = Vec::new();
        call.walk(false, &mut |e: &Expr| {
            let inner = makers.iter().any(|known| holds(known, &e.span));
            if !inner && is_maker(e) {
                makers.push(e.span.clone());
            }
        });
        let [made] = &makers[..] else {
            return None;
        };
        let made = made.clone();
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

/// Whether an expression is a new key and nothing else: `uuid4()`, `str(uuid.uuid4())`,
/// `randomUUID().toString()`.
fn is_maker(e: &Expr) -> bool {
    match &e.kind {
        Kind::Call(call) => {
            let path = call.callee.path().map(|path| path.join("."));
            let named = path.as_deref().is_some_and(makes_one);
            let wraps = matches!(path.as_deref(), Some("str" | "String"));
            let of = match &call.callee.kind {
                Kind::Member(of, _) => is_maker(of),
                _ => false,
            };
            let args = &call.args;
            named
                && args
                    .iter()
                    .all(|arg| matches!(arg.value.kind, Kind::Number(_)))
                || wraps && args.len() == 1 && is_maker(&args[0].value)
                || of && args.is_empty()
        }
        Kind::Member(of, _) => is_maker(of),
        _ => false,
    }
}

/// Whether a text makes something that is new each time.
fn makes_one(text: &str) -> bool {
    ["uuid", "UUID", "nanoid", "token_hex", "ulid"]
        .iter()
        .any(|word| text.contains(word))
}

/// A key made before the loop around an effect.
fn made(file: &CodeFile, around: &Stmt, site: &Site) -> Option<Way> {
    let (name, new) = words(file);
    let (line, mut way) = match file.language() {
        Language::Script => (format!("const {name} = {new};"), Vec::new()),
        _ => (format!("{name} = {new}"), python::import(file, "uuid")?),
    };
    way.push(before(file, around, &line)?);
    way.push(given(file, site, name)?);
    Some(way)
}

/// A key that whoever calls the function has to hand it.
fn handed(file: &CodeFile, site: &Site) -> Option<Way> {
    let function = file.function_around(site.place.span.start)?;
    let (name, _) = words(file);
    if function.params.iter().any(|p| p.name == name) {
        return None;
    }
    // A key for each turn of a loop is not the caller's to hand; whoever calls from this file
    // would have to change as well; and what a framework calls takes no further argument.
    let again = ["retry", "backoff", "task"];
    let known = |e: &Expr| again.iter().any(|word| file.text(&e.span).contains(word));
    let called = file.calls(&function.name).next().is_some();
    // Handed on by its name, it is called by somebody who hands it no key.
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let words = file.source.text.split(|c| !word(c));
    let handed_on = words.filter(|w| *w == function.name).count() > 1;
    if handed_on
        || is_in_a_loop(file, &site.place.span)
        || called
        || function.name.starts_with("test")
        || !function.decorators.iter().all(known)
    {
        return None;
    }
    let edit = match file.language() {
        Language::Python => by_keyword(file, function, name)?,
        _ => last_parameter(file, function, name)?,
    };
    Some(vec![edit, given(file, site, name)?])
}

/// The parentheses of a function's parameters: after the one that opens, and where the other
/// stands.
fn parameters(text: &str, function: &Function) -> Option<Span> {
    let head = text.get(function.head.start..)?;
    let open = function.head.start + head.find('(')? + 1;
    let mut depth = 0;
    for (at, c) in text.get(open..)?.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => return Some(open..open + at),
            ')' | ']' | '}' => depth -= 1,
            '#' | '"' | '\'' => return None, // A comment or a text: not worth the risk.
            _ => {}
        }
    }
    None
}

/// A required parameter by keyword, so that no caller's arguments change their meaning.
fn by_keyword(file: &CodeFile, function: &Function, name: &str) -> Option<Edit> {
    let text = &file.source.text;
    let span = parameters(text, function)?;
    let inner = text.get(span.clone())?;
    if inner.contains("**") {
        return None;
    }
    let kept = inner.trim_end().trim_end_matches(',');
    let star = inner.contains('*');
    let more = match (kept.trim().is_empty(), star) {
        (true, _) => format!("*, {name}"),
        (false, true) => format!(", {name}"),
        (false, false) => format!(", *, {name}"),
    };
    Some(Edit::insert(&file.source, span.start + kept.len(), more))
}

/// A parameter after all others, which are neither optional nor the rest.
fn last_parameter(file: &CodeFile, function: &Function, name: &str) -> Option<Edit> {
    let text = &file.source.text;
    let span = parameters(text, function)?;
    let inner = text.get(span.clone())?;
    // `async order => …` has none of its own.
    let own = function
        .params
        .iter()
        .all(|p| holds(&span, &p.span) && p.property.is_none());
    if !own || inner.contains(['=', '?', '{']) || inner.contains("...") {
        return None;
    }
    let typed = [".ts", ".tsx", ".mts", ".cts"];
    let typed = typed.iter().any(|end| file.source.name.ends_with(end));
    let kind = if typed { ": string" } else { "" };
    let kept = inner.trim_end().trim_end_matches(',');
    let comma = if kept.trim().is_empty() { "" } else { ", " };
    let more = format!("{comma}{name}{kind}");
    Some(Edit::insert(&file.source, span.start + kept.len(), more))
}

/// A key in the call that makes the effect, under the name of its SDK: a header of HTTP, the
/// option of Stripe. What others take is not known.
fn given(file: &CodeFile, site: &Site, name: &str) -> Option<Edit> {
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
                (false, _) if first == "stripe" => {
                    added(file, whole, &format!("idempotency_key={name}"))
                }
                (false, _) => None,
            }
        }
        Language::Script => {
            let options = call.args.last().map(|arg| &arg.value).filter(|e| object(e));
            let http = matches!(last, "post" | "put" | "patch" | "fetch" | "request");
            if !http && !first.contains("stripe") {
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
        _ => None,
    }
}
