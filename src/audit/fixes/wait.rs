//! Changes to hand-written loops: how long they wait, how often, whether they may.

use herdsim_core::scenario::policy::Jitter;

use crate::audit::change::{CAPACITY, Change, DEPOSIT};
use crate::audit::read::code::ir::{Do, Expr, Language, LoopKind, Span};
use crate::audit::read::code::project::CodeFile;
use crate::audit::site::{Field, Retry, Site};

use super::call;
use super::edit::{Edit, Way};
use super::go;
use super::lines::{first_of_line, indent, line_start, statement};
use super::python;
use super::script;

/// Ways to write a change to a loop.
pub fn ways(file: &CodeFile, site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    match change {
        Change::Jitter => jitter(file, retry),
        Change::Backoff { base, cap } => {
            doubling(file, site, retry, [base.as_secs(), cap.as_secs()])
        }
        Change::Budget => budget(file, site, retry),
        Change::Timeout(limit) => call::timeout(file, retry, *limit),
        Change::Attempts(_) => Vec::new(),
    }
}

/// The argument that says how long a loop waits: the last of its sleep.
fn waited<'f>(file: &'f CodeFile, retry: &Retry) -> Option<&'f Expr> {
    let place = retry.fact(Field::Backoff)?.place.as_ref()?;
    if place.source.name != file.source.name {
        return None;
    }
    let mut call = file.expr(&place.span)?.as_call()?;
    // `new Promise((r) => setTimeout(r, 1000))`
    let text = file.text(&place.span);
    if text.contains("setTimeout") {
        let inner = file
            .calls("setTimeout")
            .find(|e| place.span.start <= e.span.start && e.span.end <= place.span.end)?;
        call = inner.as_call()?;
    }
    call.args.last().map(|arg| &arg.value)
}

/// Whether an expression needs no parentheses as an operand.
fn is_tight(text: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let rest = text.trim_start_matches(part);
    // `Math.min(…)`: parentheses that close at its end only.
    let mut depth = 0;
    let closes = rest.char_indices().all(|(at, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth > 0 || at + 1 == rest.len()
    });
    rest.is_empty() || rest.len() < text.len() && rest.starts_with('(') && closes
}

fn operand(text: &str) -> String {
    match is_tight(text) {
        true => text.to_string(),
        false => format!("({text})"),
    }
}

/// A wait drawn from all of its length, in the unit that it was in.
fn drawn(language: Language, wait: &str) -> Option<String> {
    Some(match language {
        Language::Python => format!("random.uniform(0, {wait})"),
        Language::Script => format!("Math.random() * {}", operand(wait)),
        Language::Go => format!("time.Duration(rand.Float64() * float64({wait}))"),
        Language::Java => format!("(long) (Math.random() * {})", operand(wait)),
        Language::Kotlin => format!("(Math.random() * {}).toLong()", operand(wait)),
        _ => return None,
    })
}

/// What has to be imported for [`drawn`].
fn random(file: &CodeFile) -> Option<Way> {
    match file.language() {
        Language::Python => python::import(file, "random"),
        Language::Go => go::import(file, "math/rand", "rand"),
        _ => Some(Vec::new()),
    }
}

fn jitter(file: &CodeFile, retry: &Retry) -> Vec<Way> {
    // A draw of a draw is not the law that full jitter has.
    if retry.policy.jitter != Jitter::None {
        return Vec::new();
    }
    let way = || {
        let wait = waited(file, retry)?;
        let text = drawn(file.language(), file.text(&wait.span))?;
        let mut way = random(file)?;
        way.push(Edit::at(&file.source, wait.span.clone(), text));
        Some(way)
    };
    way().into_iter().collect()
}

/// A number of seconds as the wait of a language has it, without a tail of zeros.
fn number(language: Language, s: f64) -> String {
    match language {
        Language::Go => format!("{}*time.Millisecond", (s * 1e3).round()),
        _ if language.tick() == 1.0 => format!("{s}"),
        _ => format!("{}", (s * 1e3).round()),
    }
}

fn doubling(file: &CodeFile, site: &Site, retry: &Retry, [base, cap]: [f64; 2]) -> Vec<Way> {
    let language = file.language();
    let way = |counter: String| {
        let wait = waited(file, retry)?;
        // A variable that nothing else uses would be left over.
        if language == Language::Go && wait.as_name().is_some() {
            return None;
        }
        let [base, cap] = [base, cap].map(|s| number(language, s));
        let text = match language {
            Language::Python => format!("min({cap}, {base} * 2**{counter})"),
            Language::Script => format!("Math.min({cap}, {base} * 2 ** {counter})"),
            Language::Go => format!("min({cap}, {base}<<{counter})"),
            Language::Java => format!("Math.min({cap}, {base} * Math.pow(2, {counter}))"),
            Language::Kotlin => format!("minOf({cap}L, {base}L shl {counter})"),
            _ => return None,
        };
        let mut way = random(file)?;
        way.push(Edit::at(
            &file.source,
            wait.span.clone(),
            drawn(language, &text)?,
        ));
        Some(way)
    };
    let Some(counter) = counter(file, &site.place.span) else {
        return Vec::new();
    };
    let less = format!("({counter} - 1)");
    [counter, less].into_iter().filter_map(way).collect()
}

/// The variable that a counted loop counts in.
fn counter(file: &CodeFile, span: &Span) -> Option<String> {
    let found = statement(&file.unit.body, span)?;
    let Do::Loop(found) = &found.kind else {
        return None;
    };
    match &found.kind {
        LoopKind::Each(names, _) => names.first()?.as_name().map(str::to_string),
        LoopKind::Counted(start, ..) => start.iter().find_map(|stmt| match &stmt.kind {
            Do::Assign(assign) => assign.targets.first()?.as_name().map(str::to_string),
            _ => None,
        }),
        _ => None,
    }
    .filter(|name| name != "_")
}

/// A bucket in the file's own language, filled by every call and asked before every wait.
fn budget(file: &CodeFile, site: &Site, retry: &Retry) -> Vec<Way> {
    let language = file.language();
    let way = || {
        let text = &file.source.text;
        let place = retry.fact(Field::Backoff)?.place.as_ref()?;
        let waits = file.expr(&place.span).is_some() && file.text(&place.span).contains('(');
        let inside = site.place.span.start <= place.span.start
            && place.span.end <= site.place.span.end
            && place.source.name == file.source.name;
        if !waits || !inside {
            return None;
        }
        // The statement that waits: a line of its own.
        let first = first_of_line(text, place.span.start);
        if !matches!(text.get(first..place.span.start)?.trim(), "" | "await") {
            return None;
        }
        let start = line_start(text, first)?;
        let call = line_start(text, site.place.span.start)?;
        // Between `if (…)` and the loop that is all of its body nothing can stand.
        let before = text[..call].lines().rev().map(str::trim);
        let mut before = before.filter(|line| !line.is_empty() && !line.starts_with("//"));
        if language == Language::Script && before.next().is_some_and(|line| line.ends_with(')')) {
            return None;
        }
        let name = match language {
            Language::Python => "RETRY_BUDGET",
            _ => "retryBudget",
        };
        let ask = match language {
            Language::Python => python::ask(file, &site.place.span, &place.span, name)?,
            Language::Script => script::ask(file, &site.place.span, &place.span, name)?,
            Language::Go => go::ask(file, &site.place.span, &place.span, name)?,
            _ => return None,
        };
        let inner = indent(text, place.span.start);
        let lines = |block: &str, indent: &str| {
            let lines = block.lines().map(|line| format!("{indent}{line}\n"));
            lines.collect::<String>()
        };
        let count = match language {
            Language::Script => format!("{name}.onCall();"),
            _ => format!("{name}.call()"),
        };
        let mut way = match file.top(name).is_some() {
            true => Vec::new(),
            false => match language {
                Language::Python => python::bucket(file, name, CAPACITY, DEPOSIT)?,
                Language::Script => script::bucket(file, name, CAPACITY, DEPOSIT)?,
                Language::Go => go::bucket(file, name, CAPACITY, DEPOSIT)?,
                _ => return None,
            },
        };
        let outer = indent(text, site.place.span.start);
        way.push(Edit::insert(&file.source, call, lines(&count, outer)));
        way.push(Edit::insert(&file.source, start, lines(&ask, inner)));
        Some(way)
    };
    way().into_iter().collect()
}
