//! Changes to the calls of retry libraries: arguments and options.

use herdsim_core::scenario::Place;
use herdsim_core::scenario::policy::Backoff;
use herdsim_core::units::Nanos;

use crate::audit::change::Change;
use crate::audit::read::code::ir::{Expr, Kind, Language, Span};
use crate::audit::read::code::project::CodeFile;
use crate::audit::site::{Field, Retry, Site};

use super::edit::{Edit, Way};
use super::lines::indent;
use super::python;

/// Ways to write a change to a call.
pub fn ways(file: &CodeFile, site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    match (site.reader, change) {
        ("tenacity", _) => tenacity(file, site, retry, change),
        ("backoff", Change::Jitter) => value(file, retry, &["backoff.full_jitter", "full_jitter"]),
        ("celery", Change::Jitter) => {
            let mut ways = value(file, retry, &["True"]);
            ways.extend(argument(file, site, "retry_jitter=True"));
            ways
        }
        ("urllib3", Change::Jitter) => argument(file, site, "backoff_jitter=1.0"),
        ("p-retry" | "async-retry" | "retry", Change::Jitter) => {
            let mut ways = value(file, retry, &["true"]);
            ways.extend(field(file, retry, "randomize: true"));
            ways
        }
        ("bullmq", Change::Jitter) => {
            let mut ways = field_beside(file, retry, Field::Backoff, "jitter: 1");
            ways.extend(value(file, retry, &["1"]));
            ways
        }
        ("ky", Change::Jitter) => field(file, retry, "jitter: true"),
        ("got", Change::Jitter) => value(file, retry, &["100"]),
        ("axios-retry", Change::Jitter | Change::Backoff { .. }) => {
            let names = ["axiosRetry.exponentialDelay", "exponentialDelay"];
            let mut ways = value_of(file, retry, Field::Backoff, &names);
            ways.extend(
                names
                    .iter()
                    .flat_map(|name| field(file, retry, &format!("retryDelay: {name}"))),
            );
            ways
        }
        (_, Change::Timeout(limit)) => timeout(file, retry, *limit),
        _ => Vec::new(),
    }
}

/// A way for each text in place of the value that says the jitter.
fn value(file: &CodeFile, retry: &Retry, texts: &[&str]) -> Vec<Way> {
    value_of(file, retry, Field::Jitter, texts)
}

fn value_of(file: &CodeFile, retry: &Retry, of: Field, texts: &[&str]) -> Vec<Way> {
    let place = retry.fact(of).and_then(|fact| fact.place.as_ref());
    let Some(place) = place.filter(|place| place.source.name == file.source.name) else {
        return Vec::new();
    };
    texts
        .iter()
        .filter(|text| is_in_sight(file, text))
        .map(|text| vec![Edit::at(&place.source, place.span.clone(), *text)])
        .collect()
}

/// Whether the name that an expression begins with is one of the file's.
fn is_in_sight(file: &CodeFile, text: &str) -> bool {
    let name = text.split('.').next().unwrap_or("");
    let word = name.starts_with(|c: char| c.is_alphabetic());
    !word
        || matches!(name, "true" | "True")
        || file.import(name).is_some()
        || file.top(name).is_some()
}

/// A limit for a call that has none, where the client takes one by an argument.
pub fn timeout(file: &CodeFile, retry: &Retry, limit: Nanos) -> Vec<Way> {
    let place = retry.fact(Field::Timeout).and_then(|f| f.place.as_ref());
    let own = |place: &&Place| {
        file.language() == Language::Python && place.source.name == file.source.name
    };
    let call = place.filter(own).and_then(|place| file.expr(&place.span));
    let text = format!("timeout={}", limit.as_secs());
    let edit = call.and_then(|call| added(file, call, &text));
    edit.map(|edit| vec![edit]).into_iter().collect()
}

/// An argument more in the call of the site.
fn argument(file: &CodeFile, site: &Site, text: &str) -> Vec<Way> {
    let call = file.expr(&site.place.span);
    let edit = call.and_then(|call| added(file, call, text));
    edit.map(|edit| vec![edit]).into_iter().collect()
}

/// An argument after the last one of a call.
pub fn added(file: &CodeFile, call: &Expr, text: &str) -> Option<Edit> {
    let inner = call.as_call()?;
    // What is spread into the call may name it as well.
    if inner.args.iter().any(|arg| arg.spread) {
        return None;
    }
    let end = match inner.args.last() {
        Some(last) => {
            let at = last.value.span.end;
            let rest = file.source.text.get(at..call.span.end)?;
            // On a line of its own where they are, with a comma after the last.
            let own_lines = rest.strip_prefix(",\n").is_some() || rest.starts_with(",\r\n");
            let edit = match own_lines {
                true => {
                    let indent = indent(&file.source.text, at);
                    Edit::insert(&file.source, at + 1, format!("\n{indent}{text},"))
                }
                false => Edit::insert(&file.source, at, format!(", {text}")),
            };
            return Some(edit);
        }
        None => call.span.end.checked_sub(1)?,
    };
    let closes = file.source.text.get(end..call.span.end) == Some(")");
    closes.then(|| Edit::insert(&file.source, end, text))
}

/// A field more in the options that say how often.
fn field(file: &CodeFile, retry: &Retry, text: &str) -> Vec<Way> {
    let mut ways = field_beside(file, retry, Field::Attempts, text);
    ways.extend(field_beside(file, retry, Field::Backoff, text));
    ways
}

fn field_beside(file: &CodeFile, retry: &Retry, beside: Field, text: &str) -> Vec<Way> {
    let place = retry.fact(beside).and_then(|fact| fact.place.as_ref());
    let Some(place) = place.filter(|place| place.source.name == file.source.name) else {
        return Vec::new();
    };
    let name = text.split(':').nth(1).map_or("", str::trim);
    if !is_in_sight(file, name) {
        return Vec::new();
    }
    let found = object(file, &place.span);
    let edit = found.and_then(|object| entry(file, object, text));
    edit.map(|edit| vec![edit]).into_iter().collect()
}

/// The innermost object around some bytes.
fn object<'f>(file: &'f CodeFile, span: &Span) -> Option<&'f Expr> {
    let mut found: Option<&Expr> = None;
    crate::audit::read::code::ir::walk(&file.unit.body, true, &mut |e| {
        let holds = e.span.start <= span.start && span.end <= e.span.end;
        if holds && matches!(e.kind, Kind::Object(..)) {
            found = Some(match found {
                Some(inner) if inner.span.len() <= e.span.len() => inner,
                _ => e,
            });
        }
    });
    found
}

/// A field more at the end of an object.
pub fn entry(file: &CodeFile, object: &Expr, text: &str) -> Option<Edit> {
    let whole = file.text(&object.span);
    let inner = whole.strip_suffix('}')?;
    let kept = inner.trim_end();
    let at = object.span.start + kept.len();
    let several = inner[kept.len()..].contains('\n');
    // A comment may follow the last field; a comma goes before it.
    let last = kept.rsplit('\n').next().unwrap_or("");
    let comments = ["//", "#"].iter().filter_map(|mark| last.find(mark)).min();
    let code = comments.map_or(last, |at| &last[..at]).trim_end();
    let comma = match code.ends_with(['{', ',']) || code.is_empty() {
        true => "",
        false if comments.is_some() => return None,
        false => ",",
    };
    let text = match several {
        // On a line of its own, as far in as the last one.
        true => {
            let last = kept.rsplit('\n').next().unwrap_or("");
            let indent = &last[..last.len() - last.trim_start().len()];
            format!("{comma}\n{indent}{text},")
        }
        false if kept.ends_with('{') => format!(" {text} "),
        false => format!("{comma} {text}"),
    };
    Some(Edit::insert(&file.source, at, text))
}

/// tenacity: `wait=`, `stop=`.
fn tenacity(file: &CodeFile, site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    let Some(call) = file.expr(&site.place.span).and_then(Expr::as_call) else {
        return Vec::new();
    };
    // `tenacity.retry(…)` or names by themselves.
    let path = call.callee.path().unwrap_or_default();
    let prefix = match &path[..] {
        [module, _] => format!("{module}."),
        _ => String::new(),
    };
    let with = |name: &str, args: String, keyword: &str| {
        let text = format!("{prefix}{name}({args})");
        let mut way = match prefix.is_empty() {
            true => python::import_from(file, "tenacity", name)?,
            false => Vec::new(),
        };
        let old = call
            .args
            .iter()
            .find(|arg| arg.name.as_deref() == Some(keyword));
        way.push(match old {
            Some(arg) => Edit::at(&file.source, arg.value.span.clone(), text),
            None => added(
                file,
                file.expr(&site.place.span)?,
                &format!("{keyword}={text}"),
            )?,
        });
        Some(way)
    };
    let way = match change {
        Change::Jitter => match &retry.policy.backoff {
            Backoff::Fixed(wait) => with("wait_random", format!("0, {}", wait.as_secs()), "wait"),
            Backoff::Exponential {
                base,
                cap,
                multiplier,
                ..
            } => {
                let base = format!("multiplier={}", base.as_secs());
                let cap = cap.map(|cap| format!(", max={}", cap.as_secs()));
                let multiplier = multiplier.0;
                let growth = (multiplier != 2.0).then(|| format!(", exp_base={multiplier}"));
                let args = base + &cap.unwrap_or_default() + &growth.unwrap_or_default();
                with("wait_random_exponential", args, "wait")
            }
            _ => None,
        },
        Change::Backoff { base, cap } => {
            let [base, cap] = [base, cap].map(|d| d.as_secs());
            let args = format!("multiplier={base}, max={cap}");
            with("wait_random_exponential", args, "wait")
        }
        Change::Attempts(n) => with("stop_after_attempt", n.to_string(), "stop"),
        Change::Timeout(limit) => return timeout(file, retry, *limit),
        Change::Budget => None,
    };
    way.into_iter().collect()
}
