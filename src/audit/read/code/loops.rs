//! Retries written by hand.
//!
//! A loop is a retry under three conditions: success leaves it, the wait or the next turn lies
//! only on the failure path, and it tries the same thing again, not the next of many. Whether
//! it is one is found by playing it twice, as if every attempt failed and as if the first
//! succeeded ([`Player`]).

use herdsim_core::scenario::policy::{Failure, RetryOn, UNLIMITED};

use super::clients;
use super::failing::{End, Mode, Played, Player, Trace, waits};
use super::ir::{
    Do, Expr, Function, Handler, Kind, Language, Loop, LoopKind, Span, Stmt, statements,
};
use super::project::{Around, CodeFile, innermost_named};
use super::shape::{Shape, shape};
use super::values::{Loc, Values};
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Aside, Decision, Fact, How, Known, Reading, Retry, Site};

/// A loop, or a function that calls itself, with what stands around it.
struct Found<'p> {
    played: Played<'p>,
    span: Span,
    /// The body that it stands in, for what was set before.
    before: &'p [Stmt],
    around: Vec<Around<'p>>,
}

/// The retries of a file that are written by hand.
pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    let mut all = Vec::new();
    collect(&file.unit.body, &file.unit.body, &mut Vec::new(), &mut all);
    let mut sites: Vec<(Span, Site)> = Vec::new();
    for found in &all {
        if let Some(site) = consider(values, file, found, reading) {
            // A loop in a function that repeats itself, or in another loop that retries.
            sites.push((found.span.clone(), site));
        }
    }
    nested(file, &mut sites);
    reading
        .sites
        .extend(sites.into_iter().map(|(_, site)| site));
}

/// Retries within retries: their attempts multiply.
fn nested(file: &CodeFile, sites: &mut [(Span, Site)]) {
    for at in 0..sites.len() {
        let span = sites[at].0.clone();
        let outer = sites
            .iter()
            .enumerate()
            .filter(|(other, (o, _))| *other != at && o.start <= span.start && span.end <= o.end);
        let counts: Vec<Option<u32>> = outer
            .filter_map(|(_, (_, site))| Some(site.retry()?.most_attempts()))
            .collect();
        if counts.is_empty() {
            continue;
        }
        let own = sites[at].1.retry().and_then(Retry::most_attempts);
        let all = counts.iter().chain([&own]);
        let text = match all.clone().copied().collect::<Option<Vec<u32>>>() {
            Some(all) => {
                let product: u64 = all.iter().map(|n| u64::from(*n)).product();
                let all: Vec<String> = all.iter().map(u32::to_string).collect();
                format!(
                    "{} attempts in the worst case ({})",
                    product,
                    all.join(" × ")
                )
            }
            None => "a retry within a retry: their attempts multiply".to_string(),
        };
        let place = file.place(&span);
        sites[at].1.remark(Rule::Hs103, place, text);
    }
}

fn collect<'p>(
    body: &'p [Stmt],
    scope: &'p [Stmt],
    around: &mut Vec<Around<'p>>,
    all: &mut Vec<Found<'p>>,
) {
    for stmt in body {
        match &stmt.kind {
            Do::Loop(inner) => {
                all.push(Found {
                    played: Played::Loop(inner),
                    span: stmt.span.clone(),
                    before: scope,
                    around: around.clone(),
                });
            }
            Do::Function(function) => enter(function, around, all),
            Do::Class(class) => collect(&class.body, &class.body, around, all),
            _ => {}
        }
        for expr in stmt.exprs() {
            expr.walk(false, &mut |e| {
                if let Kind::Function(function) = &e.kind {
                    enter(function, around, all);
                }
            });
        }
        for inner in stmt.bodies() {
            collect(inner, scope, around, all);
        }
    }
}

fn enter<'p>(function: &'p Function, around: &mut Vec<Around<'p>>, all: &mut Vec<Found<'p>>) {
    around.push(Around {
        function,
        class: None,
    });
    if repeats(function) {
        all.push(Found {
            played: Played::Recursion(function),
            span: function.head.clone(),
            before: &function.body,
            around: around.clone(),
        });
    }
    collect(&function.body, &function.body, around, all);
    around.pop();
}

/// Whether a function calls itself where an error is handled.
fn repeats(function: &Function) -> bool {
    if function.name.is_empty() {
        return false;
    }
    let mut found = false;
    let mut look = |body: &[Stmt]| {
        super::ir::walk(body, true, &mut |e| {
            if let Kind::Call(call) = &e.kind {
                let path = call.callee.path().unwrap_or_default();
                let own =
                    matches!(path[..], [name] | ["self" | "this", name] if name == function.name);
                found |= own;
            }
        });
    };
    statements(&function.body, &mut |stmt| {
        if let Do::Try(tried) = &stmt.kind {
            tried
                .handlers
                .iter()
                .for_each(|handler| look(&handler.body));
        }
    });
    // `attempt().catch(() => again())`
    super::ir::walk(&function.body, false, &mut |e| {
        if let Kind::Call(call) = &e.kind
            && call.callee.last_name() == Some("catch")
            && let Some(Kind::Function(handler)) = call.position(0).map(|e| &e.kind)
        {
            look(&handler.body);
        }
    });
    found
}

/// Whether identifiers speak of retries; comments do not count, and `entries` has no tries.
fn speaks_of_retries(text: &str) -> bool {
    text.lines().any(|line| {
        let code = line.split(" //").next().unwrap_or(line);
        let code = code.split(" #").next().unwrap_or(code);
        let comment = code.trim_start().starts_with('#')
            || code.trim_start().starts_with("//")
            || code.trim_start().starts_with('*');
        !comment
            && code
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .flat_map(super::effects::words)
                .any(|word| {
                    matches!(
                        word.as_str(),
                        "tries"
                            | "retry"
                            | "retries"
                            | "retried"
                            | "retrying"
                            | "retryable"
                            | "retriable"
                            | "backoff"
                    ) || word.starts_with("attempt")
                })
    })
}

fn consider(values: Values, file: &CodeFile, found: &Found, reading: &mut Reading) -> Option<Site> {
    let body: &[Stmt] = match found.played {
        Played::Loop(inner) => &inner.body,
        Played::Recursion(function) => &function.body,
    };
    let language = file.language();
    let waiting = waits(body, language);
    let text = file.text(&found.span);
    let named = found.around.last().map_or("", |a| a.function.name.as_str());
    if alternatives(values, file, found.played) {
        return None;
    }
    // What is neither waited for nor called a retry needs more to be one.
    let spoken = waiting || speaks_of_retries(text) || speaks_of_retries(named);
    let catches = {
        let mut any = false;
        statements(body, &mut |stmt| {
            any |= matches!(&stmt.kind, Do::Try(t) if !t.handlers.is_empty())
        });
        any
    };
    // In Go an error is a value: there is nothing to catch.
    let spins = body.is_empty() && matches!(found.played, Played::Loop(_));
    let checks = language == Language::Go
        && text.contains("err")
        && (text.contains("nil") || text.contains("errors."));
    let asks = language == Language::Script
        && text.contains("await")
        && [".ok", "status", ".success", "error"]
            .iter()
            .any(|word| text.contains(word));
    let answers = [
        "isSuccessful",
        "IsSuccessStatusCode",
        "statusCode",
        "getStatusCode",
        "StatusCode",
        "is_success",
        "is_err",
        "is_ok",
    ];
    let asks = asks
        || language == Language::Python && text.contains("status")
        || language.chains() && answers.iter().any(|word| text.contains(word));
    if !spoken && !catches && !spins && !checks {
        return None;
    }
    let play = |mode| Player::play(values, file, found.played, found.before, &found.span, mode);
    let succeeded = play(Mode::Succeeding);
    if succeeded.attempts == 0 {
        return None;
    }
    let mut failed = play(Mode::Failing);
    // `while tries > 1: …` and then the same call once more: that is the last attempt.
    if failed.trailing.is_some() && matches!(failed.end, End::Count) && tried_after(found, &failed)
    {
        failed.attempts += 1;
        failed.trailing = None;
        let last = std::mem::take(&mut failed.last);
        failed.waits.push(last);
    }
    if !succeeded.left_at_once {
        // Waits that come after a success, too, are a poller's or a worker's.
        if waiting && succeeded.polls {
            reading.not_retries.push(Aside {
                place: file.place(&found.span),
                text: "a poller: it waits for a state, not for an answer".to_string(),
            });
        }
        return None;
    }
    // One turn, or none that follows a failure.
    let unknown = matches!(failed.end, End::Unknown(_));
    if failed.attempts < 2 && !(unknown && failed.attempts > 0) {
        return None;
    }
    // Without errors that are caught, and without a wait, a loop over answers is a search.
    if !waiting && failed.caught.is_empty() && !spins && !checks && !asks {
        return None;
    }
    if !spoken && !spins {
        let few = matches!(failed.end, End::Count) && (2..=100).contains(&failed.attempts);
        let handlers = handlers(found, &failed);
        let connects =
            retry_on(&handlers).is_some() || handlers.iter().any(|h| reconnects(&h.body));
        if !few && !connects {
            return None;
        }
    }
    // What was there already is not tried again: the next turn brings another.
    let taken = handlers(found, &failed);
    let exists = |e: &Expr| {
        let name = e.last_name().unwrap_or("");
        matches!(
            name,
            "IntegrityError" | "FileExistsError" | "UniqueViolation" | "DuplicateKeyError"
        )
    };
    if !waiting
        && !taken.is_empty()
        && taken
            .iter()
            .all(|h| !h.types.is_empty() && h.types.iter().all(exists))
    {
        return None;
    }
    // Without a wait, what goes on after a later call has failed takes the next record.
    if !waiting && failed.spared > 0 {
        return None;
    }
    // The wait comes first, on every way: a ticker.
    if succeeded.waited_first && !matches!(failed.end, End::Count) {
        reading.not_retries.push(Aside {
            place: file.place(&found.span),
            text: "a poller: it waits before each turn".to_string(),
        });
        return None;
    }
    let attempt = failed.attempt.clone().unwrap_or_else(|| found.span.clone());
    if interactive(file.text(&attempt)) {
        return None;
    }
    let endless = matches!(failed.end, End::Nothing | End::Clock | End::Unknown(_));
    if let Some(what) = starts_up(file, found, &attempt, endless) {
        reading.not_retries.push(Aside {
            place: file.place(&found.span),
            text: format!("a start-up wait: it waits for {what}"),
        });
        return None;
    }
    Some(site(values, file, found, &failed, &attempt))
}

/// Whether a handler makes its connection anew.
fn reconnects(body: &[Stmt]) -> bool {
    let mut found = false;
    super::ir::walk(body, false, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            let last = call.callee.last_name().unwrap_or("").to_lowercase();
            found |= last.contains("reconnect") || last.contains("retry");
        }
    });
    found
}

/// Reads what a person types.
fn interactive(attempt: &str) -> bool {
    [
        "input(",
        "readline(",
        "prompt(",
        "raw_input(",
        "getpass(",
        ".nextLine(",
        ".nextInt(",
        "ReadLine(",
        "(gets)",
        "gets.",
        "tryLock(",
        "try_lock(",
        "TryEnter(",
        "tryAcquire(",
    ]
    .iter()
    .any(|w| attempt.contains(w))
}

/// What a loop that only waits until something is there waits for.
fn starts_up(file: &CodeFile, found: &Found, attempt: &Span, endless: bool) -> Option<String> {
    let name = found
        .around
        .last()
        .map_or("", |a| a.function.name.as_str())
        .to_lowercase();
    let stem = file
        .path
        .file_stem()
        .map(|s| s.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let words = [
        "wait_for",
        "waitfor",
        "wait_until",
        "waituntil",
        "until_ready",
        "untilready",
        "wait-for",
        "ensure_up",
        "wait_ready",
        "is_ready",
        "isready",
        "start_server",
        "wait_db",
    ];
    let begins = ["init", "setup", "bootstrap", "startup"];
    // A migration is run once, by one process.
    let migrates = file
        .path
        .components()
        .any(|part| part.as_os_str() == "migrations");
    let by_name = words.iter().any(|w| name.contains(w) || stem.contains(w))
        || begins.iter().any(|w| name.starts_with(w))
        || name.contains("check") && name.contains("connection")
        || migrates;
    let attempt = file.text(attempt).to_lowercase();
    let pings = [
        "ping(",
        "ensure_connection(",
        "healthz",
        "/health",
        "/ready",
        "select 1",
        "isready(",
        "is_ready(",
    ];
    let pinged = endless && pings.iter().any(|w| attempt.contains(w));
    (by_name || pinged).then(|| match name.is_empty() {
        true => "something to be there".to_string(),
        false => format!(
            "something to be there (`{}`)",
            found.around.last().map_or("", |a| &a.function.name)
        ),
    })
}

/// A loop over other hosts, ports or names tries the next one, not the same again.
fn alternatives(values: Values, file: &CodeFile, played: Played) -> bool {
    let Played::Loop(inner) = played else {
        return false;
    };
    let (names, over): (Vec<&Expr>, Option<&Expr>) = match &inner.kind {
        LoopKind::Each(names, over) => (names.iter().collect(), Some(over)),
        LoopKind::Counted(start, _, _) => {
            let targets = start.iter().filter_map(|stmt| match &stmt.kind {
                Do::Assign(assign) => assign.targets.first(),
                _ => None,
            });
            (targets.collect(), None)
        }
        _ => return false,
    };
    let numbers = match over {
        None => true,
        Some(over) => {
            let target = values.follow(Loc { file, expr: over }).expr;
            match &target.kind {
                Kind::List(items) => items.iter().all(|item| {
                    matches!(item.kind, Kind::Nothing)
                        || values
                            .value(Loc { file, expr: item })
                            .value
                            .is_some_and(|v| v.number().is_some())
                }),
                Kind::Call(call) => matches!(
                    call.callee.last_name(),
                    Some(
                        "range" | "enumerate" | "count" | "trange" | "reversed" | "keys" | "Array"
                    )
                ),
                Kind::Number(_) => true,
                // Go: `range n`
                _ => {
                    file.language() == Language::Go
                        && values
                            .value(Loc { file, expr: over })
                            .value
                            .is_some_and(|v| v.number().is_some())
                        || speaks_of_retries(file.text(&over.span))
                        || file.text(&over.span).to_lowercase().contains("delay")
                }
            }
        }
    };
    if !numbers {
        return true;
    }
    // A number that the attempt is made with: ports, pages.
    let mut used = false;
    for name in names.iter().filter_map(|n| n.as_name()) {
        let counts =
            speaks_of_retries(name) || matches!(name, "_" | "delay" | "wait" | "pause" | "d");
        if counts {
            continue;
        }
        let mut tried: Vec<&[Stmt]> = Vec::new();
        statements(&inner.body, &mut |stmt| {
            if let Do::Try(tried_here) = &stmt.kind {
                tried.push(&tried_here.body);
            }
        });
        if file.language() == Language::Go {
            tried.push(&inner.body);
        }
        for body in tried {
            super::ir::walk(body, false, &mut |e| {
                if let Kind::Call(call) = &e.kind {
                    let quiet = call.callee.path().is_some_and(|p| {
                        p.iter()
                            .any(|part| part.to_lowercase().contains("log") || *part == "console")
                    });
                    let sleeps = super::failing::sleeps(call, file.language()).is_some();
                    used |=
                        !quiet && !sleeps && call.args.iter().any(|a| made_with(&a.value, name));
                }
            });
        }
    }
    used
}

/// Whether an argument is this name, or what it points at: `port`, `(host, port)`, `formats[i]`.
fn made_with(arg: &Expr, name: &str) -> bool {
    match &arg.kind {
        Kind::List(parts) => parts.iter().any(|part| made_with(part, name)),
        Kind::Index(_, at) => made_with(at, name),
        _ => arg.as_name() == Some(name),
    }
}

fn site(values: Values, file: &CodeFile, found: &Found, trace: &Trace, attempt: &Span) -> Site {
    let place = file.place(&found.span);
    let mut retry = Retry::default();
    let count_place = |fact: Option<Fact>| match fact {
        Some(fact) => fact,
        None => Fact {
            how: How::Read,
            place: Some(place.clone()),
            why: None,
        },
    };
    retry.attempts(match &trace.end {
        End::Unknown(fact) => Known {
            value: None,
            fact: Fact {
                how: How::Unresolved,
                place: fact.place.clone().or_else(|| Some(place.clone())),
                ..fact.clone()
            },
        },
        End::Count => Known {
            value: Some(trace.attempts),
            fact: count_place(trace.count.clone()),
        },
        End::Clock | End::Nothing => Known::read(UNLIMITED, place.clone()),
    });
    delays(&mut retry, file, trace);
    match &trace.deadline {
        Some((seconds, fact)) if seconds.is_nan() => {
            retry.deadline(Known {
                value: None,
                fact: fact.clone(),
            });
        }
        Some((seconds, fact)) => {
            let mut fact = fact.clone();
            fact.place.get_or_insert_with(|| place.clone());
            retry.deadline(Known {
                value: Some(Some(nanos(*seconds))),
                fact,
            });
        }
        None => {
            retry.deadline(Known::read(None, place.clone()));
        }
    }
    let inside = context_limit(values, file, found);
    let seen = clients::timeout(values, file, attempt);
    if let Some(timeout) = seen.or(inside) {
        retry.timeout(timeout);
    }
    let budget = clients::budget(file, &found.span);
    let bucket = budget.as_ref().and_then(|span| clients::bucket(file, span));
    retry.budget(match budget {
        Some(span) if bucket.is_some() => Known::read(bucket, file.place(&span)),
        Some(span) => Known {
            value: None,
            fact: Fact {
                how: How::Unresolved,
                place: Some(file.place(&span)),
                why: Some("it asks something before it tries again".to_string()),
            },
        },
        None => Known::read(None, place.clone()),
    });
    let handlers = handlers(found, trace);
    if let Some(on) = retry_on(&handlers) {
        retry.retry_on(Known::read(on, file.place(&handlers[0].span)));
    } else if trace.limited {
        let on = RetryOn::NOTHING.with(Failure::Rejected);
        retry.retry_on(Known::read(on, file.place(attempt)));
    }
    let name = innermost_named(&found.around).map_or("", |function| function.name.as_str());
    let reader = file.language().loops();
    let mut site = Site::new(reader, place, name, Decision::Retry(Box::new(retry)));
    site.target = clients::target(values, file, attempt);
    if let Some(span) = &trace.trailing
        && (matches!(trace.end, End::Count) || trace.clock_between)
    {
        site.remark(
            Rule::Hs113,
            file.place(span),
            "it waits once more after the last attempt",
        );
    }
    for handler in &handlers {
        let everything = handler.types.is_empty() && file.language() == Language::Python
            || handler
                .types
                .iter()
                .any(|t| matches!(t.last_name(), Some("Exception" | "BaseException")));
        // `when (ex is HttpRequestException)`: a filter names what is tried again.
        let filtered = language_filters(file, handler) || asks_and_raises(handler);
        if everything && !filtered {
            let head = handler.span.start
                ..handler
                    .types
                    .last()
                    .map_or(handler.span.start + 6, |t| t.span.end);
            site.remark(
                Rule::Hs111,
                file.place(&head),
                "every exception is retried, mistakes of its own among them",
            );
        }
    }
    clients::method(file, attempt, &mut site);
    super::comments::contradictions(file, &found.span, &mut site);
    if let Some(wait) = trace.waits.iter().flatten().next() {
        super::comments::units(file, &wait.span, &mut site);
    }
    site
}

/// Whether a handler raises again what it does not know: `if code not in TRANSIENT: raise`.
fn asks_and_raises(handler: &Handler) -> bool {
    let Some(name) = handler.name.as_deref() else {
        return false;
    };
    // What is made of the error speaks of it, too.
    let mut names = vec![name.to_string()];
    statements(&handler.body, &mut |stmt| {
        if let Do::Assign(assign) = &stmt.kind
            && let Some(value) = &assign.value
            && names.iter().any(|name| value.mentions(name))
        {
            let targets = assign.targets.iter().filter_map(Expr::as_name);
            names.extend(targets.map(str::to_string));
        }
    });
    let mut asks = false;
    statements(&handler.body, &mut |stmt| {
        if let Do::If(condition, then, otherwise) = &stmt.kind
            && names.iter().any(|name| condition.mentions(name))
        {
            for branch in [then, otherwise] {
                statements(branch, &mut |inner| {
                    asks |= matches!(inner.kind, Do::Raise(_))
                });
            }
        }
    });
    asks
}

/// Whether a filter of a handler asks of the exception itself (C#).
fn language_filters(file: &CodeFile, handler: &Handler) -> bool {
    let text = file.text(&handler.span);
    let head = text.split('{').next().unwrap_or("");
    let filter = head.split(" when ").nth(1);
    filter.is_some_and(|filter| {
        handler.name.as_deref().is_some_and(|name| {
            let mut words = filter.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            words.any(|word| word == name)
        })
    })
}

/// Whether what the loop tries is called once more after it.
fn tried_after(found: &Found, trace: &Trace) -> bool {
    let Some(attempt) = &trace.attempt else {
        return false;
    };
    // Where a success goes on after the loop, what comes there is another thing.
    let mut returns = false;
    if let Played::Loop(inner) = found.played {
        statements(&inner.body, &mut |stmt| {
            returns |= matches!(stmt.kind, Do::Return(_))
        });
    }
    if !returns {
        return false;
    }
    let (mut within, mut after) = (Vec::new(), Vec::new());
    crate::audit::read::code::ir::walk(found.before, false, &mut |e| {
        if let Kind::Call(call) = &e.kind
            && let Some(path) = call.callee.path()
        {
            if attempt.start <= e.span.start && e.span.end <= attempt.end {
                within.push(path);
            } else if e.span.start >= found.span.end {
                after.push(path);
            }
        }
    });
    within.iter().any(|path| after.contains(path))
}

fn delays(retry: &mut Retry, file: &CodeFile, trace: &Trace) {
    let mut sums = Vec::new();
    let mut unknown: Option<Fact> = None;
    // The one after the last attempt tells more of the law, too.
    let last = (!trace.last.is_empty()).then_some(&trace.last);
    for waits in trace.waits.iter().chain(last) {
        let (mut a, mut b) = (0.0, 0.0);
        for wait in waits {
            match &wait.seconds {
                Ok((low, high)) => {
                    a += low;
                    b += high;
                }
                Err(fact) => {
                    let mut fact = fact.clone();
                    fact.how = How::Unresolved;
                    fact.place.get_or_insert_with(|| file.place(&wait.span));
                    unknown.get_or_insert(fact);
                }
            }
        }
        sums.push((a, b));
    }
    let first = trace.waits.iter().flatten().next();
    let place = first.map(|wait| file.place(&wait.span));
    if let Some(fact) = unknown {
        retry.backoff(Known {
            value: None,
            fact: fact.clone(),
        });
        retry.jitter(Known { value: None, fact });
        return;
    }
    let Some(place) = place else {
        let at = trace.attempt.clone().unwrap_or(0..0);
        let known = |v| Known::read(v, file.place(&at));
        retry.backoff(known(herdsim_core::scenario::policy::Backoff::None));
        retry.jitter(Known::read(
            herdsim_core::scenario::policy::Jitter::None,
            file.place(&at),
        ));
        return;
    };
    match shape(&sums) {
        Some(Shape {
            backoff,
            jitter,
            first,
            cap_after,
        }) => {
            retry.backoff(Known::read(backoff, place.clone()));
            retry.jitter(Known::read(jitter, place));
            retry.first(first).cap_after(cap_after);
        }
        None => {
            let why = "its waits follow no form that herdsim has";
            retry.backoff(Known::unresolved(Some(place.clone()), why));
            retry.jitter(Known::unresolved(Some(place), why));
        }
    }
}

fn handlers<'p>(found: &Found<'p>, trace: &Trace) -> Vec<&'p Handler> {
    let body: &'p [Stmt] = match found.played {
        Played::Loop(inner) => &inner.body,
        Played::Recursion(function) => &function.body,
    };
    let mut all = Vec::new();
    statements(body, &mut |stmt| {
        if let Do::Try(tried) = &stmt.kind {
            let caught = tried
                .handlers
                .iter()
                .filter(|h| trace.caught.contains(&h.span));
            all.extend(caught);
        }
    });
    all
}

/// Which failures the handlers' types are; none where they cannot be told.
fn retry_on(handlers: &[&Handler]) -> Option<RetryOn> {
    if handlers.iter().any(|handler| handler.types.is_empty()) {
        return None;
    }
    failures(&handlers.iter().flat_map(|h| &h.types).collect::<Vec<_>>())
}

/// Which failures types of exceptions are; none where they cannot be told.
pub fn failures(types: &[&Expr]) -> Option<RetryOn> {
    let mut on = RetryOn::NOTHING;
    {
        for caught in types {
            let name = caught.last_name()?.to_lowercase();
            on = match name.as_str() {
                _ if name.contains("timeout") || name.contains("timedout") => {
                    on.with(Failure::Timeout)
                }
                "connectionrefusederror" => on.with(Failure::Refused),
                "connectionreseterror" | "connectionabortederror" | "brokenpipeerror" => {
                    on.with(Failure::Reset)
                }
                // stripe's stands for whatever came to no answer.
                _ if name.contains("apiconnection") => on
                    .with(Failure::Refused)
                    .with(Failure::Reset)
                    .with(Failure::Timeout),
                _ if name.contains("connection") || name.contains("connecterror") => {
                    on.with(Failure::Refused).with(Failure::Reset)
                }
                // httpx's is the base of all it raises.
                "httperror" if caught.path().is_some_and(|path| path[0] == "httpx") => return None,
                _ if name.contains("throttl")
                    || name.contains("ratelimit")
                    || name.contains("toomany") =>
                {
                    on.with(Failure::Rejected)
                }
                _ if name.contains("httperror")
                    || name.contains("statuserror")
                    || name.contains("servererror") =>
                {
                    on.with(Failure::Error)
                }
                _ => return None,
            };
        }
    }
    (!types.is_empty()).then_some(on)
}

/// Go: a context with a timeout made in each turn is the attempt's.
fn context_limit(
    values: Values,
    file: &CodeFile,
    found: &Found,
) -> Option<Known<Option<herdsim_core::units::Nanos>>> {
    let Played::Loop(Loop { body, .. }) = found.played else {
        return None;
    };
    let mut limit = None;
    super::ir::walk(body, false, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            let path = call.callee.path().unwrap_or_default();
            let at = match path[..] {
                ["context", "WithTimeout"] => Some(1),
                ["AbortSignal", "timeout"] => Some(0),
                ["asyncio", "wait_for"] => Some(1),
                ["asyncio", "timeout"]
                | ["async_timeout", "timeout"]
                | [.., "fail_after" | "move_on_after"] => Some(0),
                _ => None,
            };
            if let Some(expr) = at.and_then(|at| call.arg(at, "timeout")) {
                limit = Some((expr, path[0] == "AbortSignal"));
            }
        }
    });
    let (expr, millis) = limit?;
    let known = values.value(Loc { file, expr });
    let unit = match millis {
        true => 1e-3,
        false if file.language() == Language::Script => 1.0,
        false => file.language().tick(),
    };
    let seconds = |value: super::values::Value| value.seconds(unit).map(nanos);
    Some(Known {
        value: known.value.map(seconds),
        fact: known.fact,
    })
}
