//! Pieces of JavaScript and TypeScript: a bucket, what asks it.

use crate::audit::read::code::ir::{Do, Span, Stmt};
use crate::audit::read::code::project::CodeFile;

use super::edit::{Edit, Way};
use super::lines::{after_line, following, handler};

/// What stands in front of a wait that a bucket may refuse, within a handler that has a name for
/// what it caught: what happens once the attempts are used up.
pub fn ask(file: &CodeFile, site: &Span, wait: &Span, name: &str) -> Option<String> {
    let handler = handler(&file.unit.body, wait)?;
    let throws = file.text(&handler.span).contains("throw");
    let after = following(&file.unit.body, site).first();
    let leave = match after.map(|stmt| (&stmt.kind, file.text(&stmt.span))) {
        Some((Do::Raise(_) | Do::Return(_), text)) if !text.contains('\n') => {
            text.trim_end_matches(';').to_string()
        }
        _ if throws => format!("throw {}", handler.name.as_ref()?),
        None => "return".to_string(),
        Some(_) => return None,
    };
    Some(format!("if (!{name}.take()) {leave};"))
}

/// A token bucket, after the imports.
pub fn bucket(file: &CodeFile, name: &str, capacity: f64, deposit: f64) -> Option<Way> {
    let required = |stmt: &&Stmt| {
        let text = file.text(&stmt.span);
        matches!(stmt.kind, Do::Import(_)) || text.contains("require(") && !text.contains("=>")
    };
    let last = file
        .unit
        .body
        .iter()
        .take_while(|stmt| required(stmt) || is_text(file, stmt));
    let text = &file.source.text;
    let shebang = if text.starts_with("#!") {
        after_line(text, 0)
    } else {
        0
    };
    let at = last
        .last()
        .map_or(shebang, |stmt| after_line(text, stmt.span.end));
    let text = format!(
        "
// Retries at most a tenth of the calls: a call adds {deposit}, a retry takes 1.
const {name} = {{
  capacity: {capacity},
  deposit: {deposit},
  tokens: {capacity},
  onCall() {{
    this.tokens = Math.min(this.capacity, this.tokens + this.deposit);
  }},
  take() {{
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }},
}};

"
    );
    Some(vec![Edit::insert(&file.source, at, text)])
}

/// `'use strict'`
fn is_text(file: &CodeFile, stmt: &Stmt) -> bool {
    matches!(stmt.kind, Do::Expr(_)) && file.text(&stmt.span).starts_with(['"', '\''])
}
