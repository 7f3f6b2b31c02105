//! Pieces of Python: imports, a bucket, what asks it.

use crate::audit::read::code::ir::{Do, Span, Stmt};
use crate::audit::read::code::project::CodeFile;

use super::edit::{Edit, Way};
use super::lines::{after_line, following, handler};

/// What imports a module, if nothing does yet; nothing where its name means another one.
pub fn import(file: &CodeFile, module: &str) -> Option<Way> {
    if let Some(known) = file.import(module) {
        let whole = known.module == module && known.item.is_none();
        return whole.then(Vec::new);
    }
    let functions = file.functions();
    let mut params = functions.iter().flat_map(|around| &around.function.params);
    if file.defines(module) || file.top(module).is_some() || params.any(|p| p.name == module) {
        return None;
    }
    let (at, gap) = imports(file, module);
    let line = format!("{gap}import {module}\n");
    Some(vec![Edit::insert(&file.source, at, line)])
}

/// Where an import belongs, and the blank line that it takes: in the first block of imports,
/// by the alphabet, else after the module's text.
fn imports(file: &CodeFile, module: &str) -> (usize, &'static str) {
    let text = &file.source.text;
    let mut end: Option<usize> = None;
    let mut after_future = false;
    for stmt in &file.unit.body {
        match &stmt.kind {
            // It stands before all others.
            _ if file.text(&stmt.span).starts_with("from __future__") => {
                end = Some(stmt.span.end);
                after_future = true;
            }
            Do::Import(_) => {
                let gap = end.and_then(|end| text.get(end..stmt.span.start));
                if gap.is_some_and(|gap| gap.matches('\n').count() > 1) && !after_future {
                    break;
                }
                after_future = false;
                let own = file.text(&stmt.span);
                let name = own.strip_prefix("import ").map(str::trim);
                // Plain ones come before those that take names.
                if name.is_none_or(|name| name > module) {
                    return (stmt.span.start, "");
                }
                end = Some(stmt.span.end);
            }
            _ if end.is_some() => break,
            Do::Expr(_) if file.text(&stmt.span).starts_with(['"', '\'']) => {
                let after = after_line(text, stmt.span.end);
                let imports = |stmt: &Stmt| matches!(stmt.kind, Do::Import(_));
                if !file.unit.body.iter().any(imports) {
                    return (after, "\n");
                }
            }
            _ => return (stmt.span.start, ""),
        }
    }
    (after_line(text, end.unwrap_or(0)), "")
}

/// What stands in front of a wait that a bucket may refuse, within a handler: what happens once
/// the attempts are used up.
pub fn ask(file: &CodeFile, site: &Span, wait: &Span, name: &str) -> Option<String> {
    let raises = file
        .text(&handler(&file.unit.body, wait)?.span)
        .contains("raise");
    let after = following(&file.unit.body, site).first();
    let leave = match after.map(|stmt| (&stmt.kind, file.text(&stmt.span))) {
        // What is caught is known in its handler only.
        Some((Do::Raise(_), text)) if !text.contains('\n') && !text.contains(" from ") => text,
        Some((Do::Raise(_), _)) => return None,
        Some((Do::Return(_), text)) if !text.contains('\n') => text,
        _ if raises => "raise",
        None => "return",
        Some(_) => return None,
    };
    Some(format!("if not {name}.take():\n    {leave}"))
}

/// A token bucket, after the imports.
pub fn bucket(file: &CodeFile, name: &str, capacity: f64, deposit: f64) -> Option<Way> {
    if file.class("RetryBudget").is_some() {
        return None;
    }
    let last = file
        .unit
        .body
        .iter()
        .rfind(|s| matches!(s.kind, Do::Import(_)));
    let at = after_line(&file.source.text, last?.span.end);
    let threading = import(file, "threading")?;
    let text = format!(
        "\n
class RetryBudget:
    \"\"\"Retries at most a tenth of the calls: a call adds {deposit}, a retry takes 1.\"\"\"

    def __init__(self, capacity={capacity}, deposit={deposit}):
        self._tokens = self._capacity = capacity
        self._deposit = deposit
        self._lock = threading.Lock()

    def call(self):
        with self._lock:
            self._tokens = min(self._capacity, self._tokens + self._deposit)

    def take(self):
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


{name} = RetryBudget()
"
    );
    let mut way = threading;
    way.push(Edit::insert(&file.source, at, text));
    Some(way)
}

/// What imports a name from a module that others are imported from already.
pub fn import_from(file: &CodeFile, module: &str, item: &str) -> Option<Way> {
    if let Some(known) = file.import(item) {
        let same = known.module == module && known.item.as_deref() == Some(item);
        return same.then(Vec::new);
    }
    let taken = file.defines(item) || file.top(item).is_some();
    let found = file.unit.body.iter().find(|stmt| match &stmt.kind {
        Do::Import(imports) => imports
            .iter()
            .any(|import| import.module == module && import.item.is_some()),
        _ => false,
    });
    let stmt = found.filter(|_| !taken)?;
    let text = file.text(&stmt.span);
    if text.contains('#') {
        return None;
    }
    let inner = text.strip_suffix(')').unwrap_or(text);
    let kept = inner.trim_end().trim_end_matches(',');
    let last = kept.rsplit('\n').next().unwrap_or("");
    let indent = &last[..last.len() - last.trim_start().len()];
    let more = match kept.contains('\n') {
        true => format!(",\n{indent}{item}"),
        false => format!(", {item}"),
    };
    let at = stmt.span.start + kept.len();
    Some(vec![Edit::insert(&file.source, at, more)])
}
