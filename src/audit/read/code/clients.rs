//! What an attempt is made with: its timeout, its method, whom it calls.

use herdsim_core::scenario::policy::{Budget, TokenBucket};
use herdsim_core::units::{Nanos, Tokens};

use super::ir::{Call, Do, Expr, Kind, Language, Span};
use super::project::CodeFile;
use super::values::{Loc, Value, Values, variable};
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Known, Site};

/// Clients of HTTP: where their calls come from, the unit of `timeout`, what holds without one.
struct Client {
    module: &'static str,
    unit: f64,
    /// Seconds; none waits for ever.
    default: Option<f64>,
    source: &'static str,
}

const CLIENTS: &[Client] = &[
    Client {
        module: "requests",
        unit: 1.0,
        default: None,
        source: "requests 2.34 waits for ever",
    },
    Client {
        module: "urllib.request",
        unit: 1.0,
        default: None,
        source: "urllib waits for ever",
    },
    Client {
        module: "urllib",
        unit: 1.0,
        default: None,
        source: "urllib waits for ever",
    },
    Client {
        module: "httpx",
        unit: 1.0,
        default: Some(5.0),
        source: "httpx waits 5 s",
    },
    Client {
        module: "aiohttp",
        unit: 1.0,
        default: Some(300.0),
        source: "aiohttp waits 300 s in all",
    },
    Client {
        module: "axios",
        unit: 1e-3,
        default: None,
        source: "axios waits for ever",
    },
    Client {
        module: "net/http",
        unit: 1e-9,
        default: None,
        source: "http.DefaultClient waits for ever",
    },
];

const METHODS: [&str; 15] = [
    "get", "post", "put", "patch", "delete", "head", "options", "request", "urlopen", "Get",
    "Post", "Head", "PostForm", "Do", "axios",
];

/// The statement at a span, with the calls in it.
fn calls<'p>(file: &'p CodeFile, span: &Span) -> Vec<(&'p Expr, &'p Call)> {
    let mut found = Vec::new();
    super::ir::walk_within(&file.unit.body, span, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            found.push((e, &**call));
        }
    });
    found
}

/// The module that a call's client comes from: `requests.get`, `session.get` where a session of
/// it was made.
fn client<'p>(values: Values<'p>, file: &'p CodeFile, call: &'p Call) -> Option<&'static Client> {
    let path = call.callee.path()?;
    let last = *path.last()?;
    if !METHODS.contains(&last) {
        return None;
    }
    let known = |module: &str| CLIENTS.iter().find(|c| c.module == module);
    let by_import = |name: &str| {
        let import = file.import(name)?;
        let whole = match &import.item {
            Some(item) if item != "default" => format!("{}.{item}", import.module),
            _ => import.module.clone(),
        };
        known(&whole).or_else(|| known(&import.module))
    };
    if let Some(client) = by_import(path[0]) {
        // `urllib.parse` is no client.
        return Some(client);
    }
    // `session = requests.Session()`
    let Kind::Member(of, _) = &call.callee.kind else {
        return None;
    };
    let made = values.follow(Loc { file, expr: of });
    if let Kind::Object(Some(kind), _, _) = &made.expr.kind
        && kind.path().as_deref() == Some(&["http", "Client"])
    {
        return known("net/http");
    }
    let inner = made.expr.as_call()?;
    let path = inner.callee.path()?;
    let import = made.file.import(path[0])?;
    known(&import.module)
}

/// The timeout of the attempt at `span`, where it is in sight or its client is known.
pub fn timeout<'p>(
    values: Values<'p>,
    file: &'p CodeFile,
    span: &Span,
) -> Option<Known<Option<Nanos>>> {
    if let Some(found) = direct(values, file, span) {
        return Some(found);
    }
    // What the attempt calls of this file, one step far.
    for (_, call) in calls(file, span) {
        let Some(name) = call.callee.as_name() else {
            continue;
        };
        let mut named = file
            .named(name)
            .filter(|function| !function.span.contains(&span.start));
        let body = named
            .next()
            .and_then(|f| Some(f.body.first()?.span.start..f.body.last()?.span.end));
        if let Some(body) = body
            && named.next().is_none()
            && !calls(file, &body)
                .iter()
                .any(|(_, c)| c.callee.as_name() == Some(name))
            && let Some(found) = direct(values, file, &body)
        {
            return Some(found);
        }
    }
    None
}

fn direct<'p>(values: Values<'p>, file: &'p CodeFile, span: &Span) -> Option<Known<Option<Nanos>>> {
    for (expr, call) in calls(file, span) {
        let client = client(values, file, call);
        // `fetch(url, { signal: AbortSignal.timeout(2000) })`
        if let Some(signal) = option(values, file, call, "signal")
            && let Some(inner) = signal.as_call()
            && inner.callee.path().as_deref() == Some(&["AbortSignal", "timeout"])
            && let Some(limit) = inner.position(0)
        {
            return Some(duration(values, Loc { file, expr: limit }, 1e-3));
        }
        let given = call
            .named("timeout")
            .or_else(|| option(values, file, call, "timeout"));
        if let Some(given) = given {
            let unit = match (client, file.language()) {
                (Some(client), _) => client.unit,
                (None, Language::Script) => 1e-3,
                (None, _) => 1.0,
            };
            return Some(duration(values, Loc { file, expr: given }, unit));
        }
        let Some(client) = client else { continue };
        if file.language() == Language::Go {
            return Some(go_client(values, file, expr, call, client));
        }
        // A client that was made with one.
        if let Kind::Member(of, _) = &call.callee.kind {
            let made = values.follow(Loc { file, expr: of });
            if let Some(inner) = made.expr.as_call()
                && let Some(given) = inner
                    .named("timeout")
                    .or_else(|| option(values, made.file, inner, "timeout"))
            {
                return Some(duration(
                    values,
                    Loc {
                        file: made.file,
                        expr: given,
                    },
                    client.unit,
                ));
            }
        }
        let mut known = Known::default(client.default.map(nanos), client.source);
        known.fact.place = Some(file.place(&expr.span));
        return Some(known);
    }
    None
}

fn go_client<'p>(
    values: Values<'p>,
    file: &'p CodeFile,
    expr: &'p Expr,
    call: &'p Call,
    client: &Client,
) -> Known<Option<Nanos>> {
    if let Kind::Member(of, _) = &call.callee.kind {
        let made = values.follow(Loc { file, expr: of }).expr;
        if let Kind::Object(_, entries, _) = &made.kind {
            if let Some((_, given)) = entries.iter().find(|(name, _)| name == "Timeout") {
                return duration(values, Loc { file, expr: given }, 1e-9);
            }
        } else if of.as_name() != Some("http") {
            return Known::unresolved(Some(file.place(&expr.span)), "its client is made elsewhere");
        }
    }
    let mut known = Known::default(None, client.source);
    known.fact.place = Some(file.place(&expr.span));
    known
}

/// An option of an options object among the arguments of a call.
pub fn option<'p>(
    values: Values<'p>,
    file: &'p CodeFile,
    call: &'p Call,
    name: &str,
) -> Option<&'p Expr> {
    call.args.iter().rev().find_map(|arg| {
        let made = values.follow(Loc {
            file,
            expr: &arg.value,
        });
        match &made.expr.kind {
            Kind::Object(_, entries, _) => entries
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    })
}

/// A length of time in an argument; `(connect, read)` is the longer of both.
pub fn duration<'p>(values: Values<'p>, loc: Loc<'p>, unit: f64) -> Known<Option<Nanos>> {
    let target = values.follow(loc);
    let inner = match &target.expr.kind {
        Kind::List(parts) => parts.last(),
        // `httpx.Timeout(10)`, `aiohttp.ClientTimeout(total=10)`
        Kind::Call(call)
            if matches!(call.callee.last_name(), Some("Timeout" | "ClientTimeout")) =>
        {
            call.named("total").or_else(|| call.position(0))
        }
        Kind::Object(_, entries, _) => {
            let mut entries = entries.iter();
            let found = entries.find(|(key, _)| key == "request" || key == "response");
            found.map(|(_, value)| value)
        }
        _ => None,
    };
    match inner {
        Some(expr) => duration(values, Loc { expr, ..target }, unit),
        None => values
            .value(loc)
            .convert(|value| value.time(unit), "it is no length of time")
            .map(|limit| limit.map(nanos)),
    }
}

/// Whether a call asks a budget, by its name.
pub fn asks_budget(call: &Call) -> bool {
    const WORDS: [&str; 10] = [
        "budget",
        "token_bucket",
        "tokenbucket",
        "retry_quota",
        "retryquota",
        "acquire_retry",
        "can_retry",
        "canretry",
        "allow_retry",
        "allowretry",
    ];
    let path = call.callee.path().map(|path| path.join(".").to_lowercase());
    path.is_some_and(|path| WORDS.iter().any(|word| path.contains(word)))
}

/// A call in the loop that asks a budget before it tries again.
pub fn budget(file: &CodeFile, span: &Span) -> Option<Span> {
    let mut calls = calls(file, span).into_iter();
    calls.find_map(|(expr, call)| asks_budget(call).then(|| expr.span.clone()))
}

/// The bucket that is asked at these bytes, where its numbers stand in the file: what it holds
/// at most, and what a call adds.
pub fn bucket(file: &CodeFile, span: &Span) -> Option<Budget> {
    let asked = file.expr(span)?.as_call()?;
    let name = asked.callee.path()?.first().copied()?.to_string();
    let mut made = file.top(&name)?;
    // `&retryBucket{…}`
    if let Kind::Other(inner) = &made.kind {
        made = inner.first()?;
    }
    let mut numbers: Vec<(String, f64)> = Vec::new();
    let number = |e: &Expr| match e.kind {
        Kind::Number(n) => Some(n),
        _ => None,
    };
    match &made.kind {
        Kind::Object(_, fields, _) => {
            let known = fields
                .iter()
                .filter_map(|(k, e)| Some((k.clone(), number(e)?)));
            numbers.extend(known);
        }
        Kind::Call(call) => {
            let class = file.class(call.callee.last_name()?)?;
            let init = class.body.iter().find_map(|stmt| match &stmt.kind {
                Do::Function(f) if matches!(f.name.as_str(), "__init__" | "constructor") => Some(f),
                _ => None,
            })?;
            let own = init.params.iter().filter(|p| p.name != "self");
            for (at, param) in own.enumerate() {
                let mut args = call.args.iter();
                let given = args.find(|a| a.name.as_deref() == Some(&param.name));
                let plain = || call.args.get(at).filter(|a| a.name.is_none());
                let value = given.or_else(plain).map(|a| &a.value);
                if let Some(n) = value.or(param.default.as_ref()).and_then(number) {
                    numbers.push((param.name.clone(), n));
                }
            }
        }
        _ => return None,
    }
    let called = |words: &[&str]| {
        let has = |name: &str| words.iter().any(|word| name.to_lowercase().contains(word));
        numbers.iter().find(|(name, _)| has(name)).map(|(_, n)| *n)
    };
    let capacity = called(&["capacity", "max", "burst", "size"])?;
    let deposit = called(&["deposit", "ratio", "per_call", "percall"])?;
    let tokens = |n: f64| Tokens((n.clamp(0.0, 1e9) * Tokens::ONE.0 as f64).round() as u64);
    (capacity >= 1.0 && deposit > 0.0)
        .then(|| Budget::TokenBucket(TokenBucket::per_call(tokens(capacity), tokens(deposit))))
}

/// Whom the attempt calls: the host of a URL, or the variable that names it.
pub fn target<'p>(values: Values<'p>, file: &'p CodeFile, span: &Span) -> Option<String> {
    let mut found = None;
    for (_, call) in calls(file, span) {
        for arg in &call.args {
            let mut texts = Vec::new();
            arg.value.walk(false, &mut |e| texts.push(e));
            for expr in texts {
                // `PAYMENTS = os.environ["PAYMENTS_URL"]` at the top of the file.
                let top = expr.as_name().and_then(|name| file.top(name));
                if let Some(name) = variable(expr).or_else(|| variable(top?)) {
                    found.get_or_insert(name);
                }
                let value = match &expr.kind {
                    Kind::Text(_) | Kind::Name(_) | Kind::Member(..) => {
                        values.value(Loc { file, expr }).value
                    }
                    _ => None,
                };
                if let Some(Value::Text(text)) = value
                    && let Some(host) = host(&text)
                {
                    return Some(host);
                }
            }
        }
    }
    found
}

/// `payments` of `http://payments:8080/refunds`
pub fn host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+')
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty()).then(|| host.to_string())
}

/// A method that is not idempotent, in the attempt itself.
pub fn method(file: &CodeFile, span: &Span, site: &mut Site) {
    for (expr, call) in calls(file, span) {
        let Some(path) = call.callee.path() else {
            continue;
        };
        let http = path.len() > 1
            && matches!(
                path[0],
                "requests" | "session" | "client" | "http" | "axios" | "httpx" | "self" | "this"
            )
            || path == ["fetch"];
        if !http {
            continue;
        }
        let last = path[path.len() - 1];
        let named = match last {
            "post" | "Post" | "PostForm" => Some("POST"),
            "patch" => Some("PATCH"),
            _ => call.args.iter().find_map(|arg| {
                let mut found = None;
                arg.value.walk(false, &mut |e| {
                    found = found.or(match e.as_text() {
                        Some("POST") => Some("POST"),
                        Some("PATCH") => Some("PATCH"),
                        _ => None,
                    });
                });
                found
            }),
        };
        if let Some(method) = named
            && !super::keys::carries_key(file, call)
        {
            let place = file.place(&expr.span);
            site.remark(
                Rule::Hs406,
                place,
                format!("a {method} is sent again, and nothing tells it from a new one"),
            );
            return;
        }
    }
}
