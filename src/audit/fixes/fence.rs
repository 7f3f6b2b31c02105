//! Fences: a stale token rejected before the write, in one step with it.

use crate::audit::read::code::fences::is_lock;
use crate::audit::read::code::ir::{Do, Expr, Function, Kind, Language, Span, Stmt};
use crate::audit::read::code::project::{CodeFile, innermost_named};
use crate::audit::site::{Fence, Guard, Site};

use super::edit::{Edit, Way};
use super::go;
use super::lines::{after_line, indent, line_start, within};
use super::python;

/// Ways to write a fence.
pub fn ways(file: &CodeFile, site: &Site, fence: &Fence) -> Vec<Way> {
    let around = file.around(site.place.span.start);
    let Some(function) = innermost_named(&around) else {
        return Vec::new();
    };
    let class = around.iter().rev().find_map(|a| a.class);
    let class_body = class.map(|class| &class.body[..]);
    match fence.guard {
        Guard::RememberAfter => remember(file, site, fence, function, class_body),
        Guard::CheckThenWrite => {
            let mut ways = conditional(file, site, fence);
            ways.extend(
                locked(file, function, class_body, None)
                    .map(|way| vec![way])
                    .unwrap_or_default(),
            );
            ways
        }
        _ => Vec::new(),
    }
}

/// The statement that keeps the highest token, and what it keeps it in.
fn kept<'f>(
    file: &'f CodeFile,
    function: &'f Function,
    fence: &Fence,
) -> Option<(&'f Stmt, String)> {
    let place = fence.check.as_ref()?;
    let mut found = None;
    within(&function.body, &mut |stmt: &Stmt| {
        let holds = stmt.span.start <= place.span.start && place.span.end <= stmt.span.end;
        if !holds {
            return;
        }
        match &stmt.kind {
            Do::Assign(assign) => {
                if let Some(target) = assign.targets.first() {
                    found = Some((stmt, file.text(&target.span).to_string()));
                }
            }
            // `if token > highest { highest = token }`
            Do::If(
                Expr {
                    kind: Kind::Binary(_, a, b),
                    ..
                },
                then,
                otherwise,
            ) if then.len() == 1 && otherwise.is_empty() && found.is_none() => {
                let sides = [a, b].map(|side| file.text(&side.span).to_string());
                let other = sides.into_iter().find(|side| *side != fence.token);
                found = other.map(|other| (stmt, other));
            }
            _ => {}
        }
    });
    found
}

/// The statement of a function's own body around some bytes.
fn statement_of<'f>(body: &'f [Stmt], span: &Span) -> Option<&'f Stmt> {
    let mut all = body;
    loop {
        let stmt = all
            .iter()
            .find(|s| s.span.start <= span.start && span.end <= s.span.end)?;
        let inner = stmt.bodies().into_iter().find(|body| {
            body.iter()
                .any(|s| s.span.start <= span.start && span.end <= s.span.end)
        });
        match inner {
            Some(inner) => all = inner,
            None => return Some(stmt),
        }
    }
}

/// What was kept after the write is compared and kept before it.
fn remember(
    file: &CodeFile,
    site: &Site,
    fence: &Fence,
    function: &Function,
    class: Option<&[Stmt]>,
) -> Vec<Way> {
    let way = || {
        let text = &file.source.text;
        let (keep, highest) = kept(file, function, fence)?;
        let write = statement_of(&function.body, &site.place.span)?;
        if keep.span.start < write.span.end {
            return None;
        }
        let at = line_start(text, write.span.start)?;
        let inner = indent(text, write.span.start);
        let token = &fence.token;
        let (check, imports) = match file.language() {
            Language::Python => (
                format!(
                    "if {token} < {highest}:\n    raise PermissionError(f\"stale token: {{{token}}} < {{{highest}}}\")\n{highest} = {token}"
                ),
                Vec::new(),
            ),
            Language::Script => (
                format!(
                    "if ({token} < {highest}) {{\n  throw new Error(`stale token: ${{{token}}} < ${{{highest}}}`);\n}}\n{highest} = {token};"
                ),
                Vec::new(),
            ),
            Language::Go => {
                let head = text.get(function.head.start..function.body.first()?.span.start)?;
                let head = head.trim_end().trim_end_matches('{').trim_end();
                let (leave, imports) = match () {
                    () if head.ends_with(" error") => (
                        "return errors.New(\"stale token\")",
                        go::import(file, "errors", "errors")?,
                    ),
                    () if head.ends_with(')') && head.matches('(').count() <= 2 => {
                        ("return", Vec::new())
                    }
                    () => return None,
                };
                (
                    format!("if {token} < {highest} {{\n\t{leave}\n}}\n{highest} = {token}"),
                    imports,
                )
            }
            _ => return None,
        };
        let lines: String = check
            .lines()
            .map(|line| format!("{inner}{line}\n"))
            .collect();
        let gone = line_start(text, keep.span.start)?;
        let after = after_line(text, keep.span.end);
        let checked = |lines: &str| {
            let mut way = imports.clone();
            way.push(Edit::insert(&file.source, at, lines));
            way.push(Edit::at(&file.source, gone..after, ""));
            way
        };
        let mut ways = vec![checked(&lines)];
        let swap = Swap {
            at,
            lines: &lines,
            gone: gone..after,
        };
        if let Some(mut way) = locked(file, function, class, Some(&swap)) {
            way.extend(imports.clone());
            ways.insert(1, way);
        }
        Some(ways)
    };
    way().unwrap_or_default()
}

/// Lines that are put in, and bytes that go.
struct Swap<'s> {
    at: usize,
    lines: &'s str,
    gone: Span,
}

/// The body of a method of Python within a lock of its object's, made where there is none.
fn locked(
    file: &CodeFile,
    function: &Function,
    class: Option<&[Stmt]>,
    swap: Option<&Swap<'_>>,
) -> Option<Way> {
    if file.language() != Language::Python {
        return None;
    }
    let text = &file.source.text;
    let class = class?;
    // A lock that is taken twice is waited for, for ever; and one of threads holds up a loop of
    // events.
    let own = text.get(function.span.clone())?;
    let slots = class
        .iter()
        .any(|stmt| file.text(&stmt.span).starts_with("__slots__"));
    let waits = file.text(&function.head).starts_with("async") || own.contains("async def");
    if slots
        || waits
        || own
            .lines()
            .any(|line| line.trim().starts_with("with ") && is_lock(line))
    {
        return None;
    }
    let init = class.iter().find_map(|stmt| match &stmt.kind {
        Do::Function(f) if f.name == "__init__" => Some(f),
        _ => None,
    })?;
    let own = init.body.iter().find_map(|stmt| match &stmt.kind {
        Do::Assign(assign) => {
            let target = file.text(&assign.targets.first()?.span);
            let value = file.text(&assign.value.as_ref()?.span);
            let made = value.ends_with("Lock()") && !value.contains("asyncio");
            (target.starts_with("self.") && made).then(|| target.to_string())
        }
        _ => None,
    });
    let mut way = Vec::new();
    let lock = match own {
        Some(own) => own,
        None => {
            let first = init.body.first()?;
            let at = line_start(text, first.span.start)?;
            let indent = indent(text, first.span.start);
            way.extend(python::import(file, "threading")?);
            way.push(Edit::insert(
                &file.source,
                at,
                format!("{indent}self._lock = threading.Lock()\n"),
            ));
            "self._lock".to_string()
        }
    };
    let is_text = |stmt: &&Stmt| {
        matches!(stmt.kind, Do::Expr(_)) && file.text(&stmt.span).starts_with(['"', '\''])
    };
    let first = function.body.iter().find(|stmt| !is_text(stmt))?;
    let last = function.body.last()?;
    let start = line_start(text, first.span.start)?;
    let end = after_line(text, last.span.end);
    let mut body = text.get(start..end)?.to_string();
    if let Some(swap) = swap {
        // From the end on, so that places stay.
        body.replace_range(swap.gone.start - start..swap.gone.end - start, "");
        body.insert_str(swap.at - start, swap.lines);
    }
    let indent = indent(text, first.span.start);
    let inner: String = body
        .split_inclusive('\n')
        .map(|line| match line.trim().is_empty() {
            true => line.to_string(),
            false => format!("    {line}"),
        })
        .collect();
    way.push(Edit::at(
        &file.source,
        start..end,
        format!("{indent}with {lock}:\n{inner}"),
    ));
    Some(way)
}

/// The condition in the statement that writes, where the store numbers what it is given.
fn conditional(file: &CodeFile, site: &Site, fence: &Fence) -> Vec<Way> {
    let Some(call) = file.expr(&site.place.span).and_then(Expr::as_call) else {
        return Vec::new();
    };
    let Some(sql) = call.args.iter().find(|arg| {
        let text = arg.value.as_text().map(str::to_uppercase);
        text.is_some_and(|text| text.contains("WHERE"))
    }) else {
        return Vec::new();
    };
    let text = file.text(&sql.value.span);
    // What follows the condition, or is looser than it, would take it in.
    let upper = text.to_uppercase();
    if [" OR ", "RETURNING", ";", " ORDER ", " LIMIT "]
        .iter()
        .any(|word| upper.contains(word))
    {
        return Vec::new();
    }
    let Some(quote) = text
        .chars()
        .next_back()
        .filter(|c| matches!(c, '"' | '\'' | '`'))
    else {
        return Vec::new();
    };
    let end = sql.value.span.end - quote.len_utf8();
    // The column that the token is written to, and how the statement takes it.
    let words: Vec<&str> = text
        .split([' ', ',', '(', ')', '"', '\'', '`', '\n'])
        .collect();
    let column = words.windows(3).find_map(|w| {
        let named = crate::audit::read::code::fences::names_token(w[0]);
        (named && w[1] == "=").then_some((w[0], w[2]))
    });
    let Some((column, slot)) = column else {
        return Vec::new();
    };
    let condition = format!(" AND {column} <= {slot}");
    let mut way = vec![Edit::insert(&file.source, end, condition)];
    if matches!(slot, "?" | "%s") {
        let values = call.args.last().map(|arg| &arg.value);
        let Some(Expr {
            kind: Kind::List(items),
            ..
        }) = values
        else {
            return Vec::new();
        };
        let Some(last) = items.last() else {
            return Vec::new();
        };
        let more = format!(", {}", fence.token);
        way.push(Edit::insert(&file.source, last.span.end, more));
    }
    vec![way]
}
