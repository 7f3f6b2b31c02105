//! Pieces of JavaScript and TypeScript: a bucket, what asks it.

use crate::audit::read::code::ir::{Do, Span, Stmt};
use crate::audit::read::code::project::CodeFile;

use super::edit::{Edit, Way};
use super::lines::after_line;
use super::lines::within;

/// What stands in front of a wait that a bucket may refuse: inside a handler that has a name
/// for what it caught.
pub fn ask(file: &CodeFile, wait: &Span, name: &str) -> Option<String> {
    let mut caught = None;
    within(&file.unit.body, &mut |stmt: &Stmt| {
        if let Do::Try(tried) = &stmt.kind {
            let holds = |s: &Span| s.start <= wait.start && wait.end <= s.end;
            let handler = tried.handlers.iter().find(|handler| holds(&handler.span));
            if let Some(handler) = handler {
                caught = handler.name.clone();
            }
        }
    });
    caught.map(|error| format!("if (!{name}.take()) throw {error};"))
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
    let at = last
        .last()
        .map_or(0, |stmt| after_line(&file.source.text, stmt.span.end));
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
