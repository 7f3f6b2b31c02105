//! Lines and statements of a file of code.

use crate::audit::read::code::ir::{Do, Handler, Kind, Span, Stmt};

/// The statement that stands at these bytes.
pub fn statement<'f>(body: &'f [Stmt], span: &Span) -> Option<&'f Stmt> {
    let mut found = None;
    within(body, &mut |stmt| {
        if stmt.span == *span {
            found.get_or_insert(stmt);
        }
    });
    found
}

/// Every statement of a body, those of functions and classes in it, too.
pub fn within<'f>(body: &'f [Stmt], visit: &mut impl FnMut(&'f Stmt)) {
    fn all<'f>(body: &'f [Stmt], visit: &mut dyn FnMut(&'f Stmt)) {
        for stmt in body {
            visit(stmt);
            stmt.bodies().into_iter().for_each(|body| all(body, visit));
            match &stmt.kind {
                Do::Function(function) => all(&function.body, visit),
                Do::Class(class) => all(&class.body, visit),
                _ => {}
            }
            for expr in stmt.exprs() {
                expr.walk(false, &mut |e| {
                    if let Kind::Function(function) = &e.kind {
                        all(&function.body, visit);
                    }
                });
            }
        }
    }
    all(body, visit);
}

/// The innermost handler around some bytes.
pub fn handler<'f>(body: &'f [Stmt], span: &Span) -> Option<&'f Handler> {
    let holds = |s: &Span| s.start <= span.start && span.end <= s.end;
    let mut handler = None;
    within(body, &mut |stmt: &'f Stmt| {
        if let Do::Try(tried) = &stmt.kind
            && let Some(found) = tried.handlers.iter().find(|handler| holds(&handler.span))
        {
            handler = Some(found);
        }
    });
    handler
}

/// The blanks that a line begins with.
pub fn indent(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Where the line of a byte begins, if nothing but blanks stands before it there.
pub fn line_start(text: &str, at: usize) -> Option<usize> {
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    text[start..at].trim().is_empty().then_some(start)
}

/// The first byte of a line that is no blank.
pub fn first_of_line(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    start + indent(text, at).len()
}

/// The byte after the line of a byte.
pub fn after_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |n| at + n + 1)
}

/// The statements after the one at these bytes, in the body that it stands in.
pub fn following<'f>(body: &'f [Stmt], span: &Span) -> &'f [Stmt] {
    if let Some(at) = body.iter().position(|stmt| stmt.span == *span) {
        return &body[at + 1..];
    }
    let holds = |stmt: &&Stmt| stmt.span.start <= span.start && span.end <= stmt.span.end;
    let Some(stmt) = body.iter().find(holds) else {
        return &[];
    };
    let mut bodies = stmt.bodies();
    if let Do::Function(function) = &stmt.kind {
        bodies.push(&function.body);
    }
    if let Do::Class(class) = &stmt.kind {
        bodies.push(&class.body);
    }
    for expr in stmt.exprs() {
        expr.walk(false, &mut |e| {
            if let Kind::Function(function) = &e.kind {
                bodies.push(&function.body);
            }
        });
    }
    let found = bodies.into_iter().map(|body| following(body, span));
    found
        .into_iter()
        .find(|rest| !rest.is_empty())
        .unwrap_or(&[])
}
