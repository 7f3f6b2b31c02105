//! Calls that make something happen which is not undone by making it again: money moved, mail
//! sent, an order placed. With a key per operation, per attempt, or none.

use super::ir::{Call, Do, Expr, Kind, Language, Span, Stmt};
use super::keys::{assigned_near, is_fresh, key, parts};
use super::project::CodeFile;
use super::values::{Loc, Value, Values};
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Effect, Key, Reading, Site};

/// What is made, and whether it is money.
const NOUNS: &[(&str, bool)] = &[
    ("refund", true),
    ("charge", true),
    ("payment", true),
    ("payout", true),
    ("transfer", true),
    ("capture", true),
    ("withdrawal", true),
    ("order", false),
    ("email", false),
    ("mail", false),
    ("message", false),
    ("sms", false),
    ("notification", false),
    ("shipment", false),
    ("booking", false),
];

const VERBS: &[&str] = &[
    "create", "issue", "make", "process", "submit", "send", "initiate", "execute", "capture",
    "post", "place", "do", "perform", "trigger", "request", "publish", "book", "new",
];

/// Paths of URLs by what a POST to them makes.
const PATHS: &[(&str, &str, bool)] = &[
    ("refund", "refund", true),
    ("charge", "charge", true),
    ("payment", "payment", true),
    ("payout", "payout", true),
    ("transfer", "transfer", true),
    ("capture", "capture", true),
    ("order", "order", false),
    ("email", "email", false),
    ("mail", "email", false),
    ("message", "message", false),
    ("sms", "message", false),
    ("notification", "notification", false),
    ("payment_intent", "payment", true),
    ("withdrawal", "withdrawal", true),
];

/// The lower-case words of a name: `createRefund`, `create_refund`.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    for c in name.chars() {
        let apart = !c.is_alphanumeric();
        if apart
            || c.is_uppercase()
                && words
                    .last()
                    .is_some_and(|w| !w.is_empty() && !w.ends_with(char::is_uppercase))
        {
            words.push(String::new());
        }
        if !apart && let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').unwrap_or(word)
}

/// What a call makes by its name: `create_refund(…)`, `stripe.refunds.create(…)`.
fn by_name(values: Values, file: &CodeFile, call: &Call) -> Option<(&'static str, bool)> {
    let language = file.language();
    // `pb.NewPaymentClient(conn).Charge(…)`: what it is called on has no name.
    let last = call.callee.last_name()?;
    let path = call.callee.path().unwrap_or_else(|| vec!["client", last]);
    // Types and constructors make nothing by themselves.
    let method = language == Language::Go || language == Language::CSharp && path.len() > 1;
    if call.args.is_empty() || last.starts_with(char::is_uppercase) && !method {
        return None;
    }
    // What is captured there is an event or a trace.
    let watches = ["posthog", "telemetry", "analytics", "sentry", "mixpanel"];
    let watching = |part: &str| {
        watches
            .iter()
            .any(|word| part.to_lowercase().contains(word))
    };
    if path.iter().any(|part| watching(part)) {
        return None;
    }
    // A row of a table is not what it speaks of.
    if path.contains(&"objects") {
        return None;
    }
    let own = words(last.strip_suffix("Async").unwrap_or(last));
    let noun = |word: &str| NOUNS.iter().find(|(noun, _)| *noun == word);
    match &own[..] {
        // `refund(order)`, `payments.charge(card, 100)`
        [one] => match noun(one) {
            Some((noun, true)) if matches!(*noun, "refund" | "charge" | "payout") => {
                Some((*noun, true))
            }
            Some((noun @ "transfer", true)) if speaks_of_money(call) => Some((*noun, true)),
            // `gateway.capture(payment)`
            Some((noun @ "capture", true)) if path.len() > 1 && speaks_of_money(call) => {
                Some((*noun, true))
            }
            _ if VERBS.contains(&one.as_str()) && path.len() > 1 && remote(values, file, call) => {
                // `stripe.Refund.create`, `refunds.create`, `refund.New`
                let before = words(path[path.len() - 2]);
                let joined = before.last().map(|w| singular(w).to_string());
                let money = joined.as_deref().and_then(noun).filter(|(_, money)| *money);
                match (money, &before[..]) {
                    (Some((noun, money)), _)
                        if path.len() > 2 || *noun != "charge" || language == Language::Go =>
                    {
                        Some((*noun, *money))
                    }
                    // What is confirmed or captured twice fails the second time.
                    (_, [.., a, b])
                        if a == "payment" && singular(b) == "intent" && one == "create" =>
                    {
                        Some(("payment", true))
                    }
                    _ => None,
                }
            }
            _ => None,
        },
        [verb, rest @ ..] => {
            let last = rest.last().map(|w| singular(w))?;
            let known = noun(last).map(|(noun, money)| (*noun, *money));
            match (VERBS.contains(&verb.as_str()), known) {
                (true, Some(found)) if verb != "new" && verb != "request" => Some(found),
                // `refund_order`, `charge_card`, `transfer_funds`
                (false, _) => match (verb.as_str(), rest.last().map(String::as_str)) {
                    ("refund", Some("order" | "payment" | "charge" | "customer" | "purchase")) => {
                        Some(("refund", true))
                    }
                    ("charge", Some("card" | "customer" | "account" | "payment")) => {
                        Some(("charge", true))
                    }
                    ("transfer", Some("funds" | "money" | "amount")) => Some(("transfer", true)),
                    ("capture", Some("payment" | "charge")) => Some(("capture", true)),
                    _ => None,
                },
                _ => None,
            }
        }
        [] => None,
    }
}

/// Whether a method is of something outside of the project: an SDK, a client, a gateway.
fn remote(values: Values, file: &CodeFile, call: &Call) -> bool {
    let Some(path) = call.callee.path() else {
        return true;
    };
    let outside = [
        "stripe",
        "client",
        "gateway",
        "api",
        "sdk",
        "service",
        "provider",
        "braintree",
        "adyen",
        "paypal",
        "square",
        "mollie",
        "stub",
        "payments",
    ];
    let named = path.iter().any(|part| {
        let part = part.to_lowercase();
        outside.iter().any(|word| part.contains(word))
    });
    let imported = |expr: &Expr, file: &CodeFile| {
        let root = expr.path().map(|p| p[0].to_string());
        root.and_then(|root| {
            file.import(&root)
                .map(|i| values.project.module(file, &i.module).is_empty())
        })
    };
    if named || imported(&call.callee, file) == Some(true) {
        return true;
    }
    // `const stripe = new Stripe(key)`
    let Kind::Member(of, _) = &call.callee.kind else {
        return false;
    };
    let mut root = &**of;
    while let Kind::Member(inner, _) = &root.kind {
        root = inner;
    }
    let made = assigned_near(file, call.callee.span.start, root.as_name().unwrap_or(""));
    let made = made.or_else(|| file.top(root.as_name().unwrap_or("")));
    made.and_then(Expr::as_call)
        .is_some_and(|made| imported(&made.callee, file) == Some(true))
}

/// Whether a function comes from a file of the project: it is looked into there.
fn in_project(values: Values, file: &CodeFile, call: &Call) -> bool {
    let Some(path) = call.callee.path() else {
        return false;
    };
    let Some(import) = file.import(path[0]) else {
        return false;
    };
    let last = path[path.len() - 1];
    let name = match &import.item {
        Some(item) if path.len() == 1 => item.as_str(),
        _ => last,
    };
    let mut modules = values.project.module(file, &import.module);
    if let Some(item) = &import.item {
        modules.extend(
            values
                .project
                .module(file, &format!("{}.{item}", import.module)),
        );
    }
    // A default export may have any name there.
    let whole = path.len() == 1 && matches!(import.item.as_deref(), None | Some("default"));
    modules.iter().any(|module| whole || module.defines(name))
}

fn speaks_of_money(call: &Call) -> bool {
    let mut found = false;
    for arg in &call.args {
        arg.value.walk(false, &mut |e| {
            let name = e.last_name().unwrap_or("").to_lowercase();
            found |= [
                "amount", "cents", "total", "price", "currency", "usd", "eur", "payment",
            ]
            .iter()
            .any(|w| name.contains(w));
        });
        found |= arg
            .name
            .as_deref()
            .is_some_and(|n| n.contains("amount") || n.contains("cents"));
    }
    found
}

/// What a POST makes, by the end of its URL.
fn by_path(values: Values, file: &CodeFile, call: &Call) -> Option<(&'static str, bool)> {
    let last = call.callee.last_name()?;
    let post = match last {
        "post" | "Post" | "PostForm" | "post_json" | "postForm" | "POST" | "postForEntity"
        | "postForObject" | "postForLocation" | "PostAsync" | "PostAsJsonAsync" => true,
        "request" | "fetch" | "Do" | "urlopen" | "axios" | "$fetch" => {
            let mut found = false;
            for part in parts(values, file, call) {
                part.walk(false, &mut |e| {
                    found |= matches!(e.as_text(), Some("POST"))
                        || matches!(e.path().as_deref(), Some(["http", "MethodPost"]));
                });
            }
            found
        }
        _ => false,
    };
    // `@router.post("/refunds")`, `app.post('/refunds', handler)`: what answers, not what asks.
    let path = call.callee.path().unwrap_or_default();
    let serves = path.len() > 1
        && matches!(
            path[path.len() - 2].to_lowercase().as_str(),
            "router" | "app" | "blueprint" | "bp" | "fastify" | "server" | "route" | "routes"
        )
        || path.len() > 1 && path[0].to_lowercase().ends_with("router");
    if !post || serves {
        return None;
    }
    let mut urls: Vec<String> = Vec::new();
    // `HttpRequest.newBuilder().uri(…).POST(…)`: the links beside it say where to.
    let links = file.language().chains().then(|| {
        let root = super::ir::chain(&call.callee);
        let start = root.first().map_or(&call.callee.span, |link| &link.2.span);
        file.outermost(start).map(super::ir::chain)
    });
    let beside = links.flatten().unwrap_or_default().into_iter();
    let beside = beside.flat_map(|(_, call, _)| call.args.iter().map(|a| &a.value));
    for part in beside.chain(parts(values, file, call)) {
        part.walk(false, &mut |e| {
            if let Kind::Text(text) | Kind::Template(text, _) = &e.kind {
                urls.push(text.clone());
            }
            if matches!(e.kind, Kind::Name(_) | Kind::Member(..))
                && let Some(Value::Text(text)) = values.value(Loc { file, expr: e }).value
            {
                urls.push(text);
            }
        });
    }
    urls.iter().find_map(|url| {
        let path = url.split(['?', '#']).next()?;
        if !path.contains('/') || path.contains(' ') {
            return None;
        }
        let last = path
            .trim_end_matches('/')
            .rsplit('/')
            .next()?
            .to_lowercase();
        let last = last.replace('-', "_");
        let found = PATHS
            .iter()
            .find(|(word, _, _)| last == *word || singular(&last) == *word);
        let sends = || {
            path.trim_end_matches('/')
                .ends_with("/send")
                .then_some(("message", false))
        };
        found.map(|(_, what, money)| (*what, *money)).or_else(sends)
    })
}

/// What repeats a piece of code: its span, and what it is called.
pub struct Repeated {
    /// The number of the site that repeats it.
    pub site: usize,
    pub span: Span,
    pub by: String,
}

/// The name of a function of this file: `f`, `self.f`, `this.f`, `r.f` of a receiver `r`.
fn own_name<'e>(file: &CodeFile, expr: &'e Expr) -> Option<&'e str> {
    match expr.path()?[..] {
        [name] => Some(name),
        ["self" | "this" | "cls", name] => Some(name),
        [receiver, name] if file.language() == Language::Go => {
            let around = file.around(expr.span.start);
            let own = around.first().and_then(|a| a.function.params.last());
            own.filter(|p| p.name == receiver).map(|_| name)
        }
        _ => None,
    }
}

/// The pieces of a file that its retries run again.
pub fn repeated(file: &CodeFile, sites: &[Site]) -> Vec<Repeated> {
    let mut all = Vec::new();
    let functions = file.functions();
    for (at, site) in sites.iter().enumerate() {
        let Some(retry) = site.retry() else { continue };
        if !retry.retries_at_all() {
            continue;
        }
        let span = site.place.span.clone();
        let by = match site.reader {
            reader if reader == file.language().loops() => {
                format!("the loop in line {}", site.line())
            }
            reader => format!("{reader} in line {}", site.line()),
        };
        // A decorator runs its function again.
        for around in &functions {
            let decorated = around.function.decorators.iter().any(|d| d.span == span);
            if decorated
                && let (Some(first), Some(last)) =
                    (around.function.body.first(), around.function.body.last())
            {
                all.push(Repeated {
                    site: at,
                    span: first.span.start..last.span.end,
                    by: by.clone(),
                });
            }
        }
        // So does a call that is given a function, by name.
        let bodies: Vec<Span> = all
            .iter()
            .filter(|r: &&Repeated| r.site == at)
            .map(|r| r.span.clone())
            .collect();
        let mut called: Vec<&str> = Vec::new();
        for span in bodies.iter().chain([&span]) {
            super::ir::walk_within(&file.unit.body, span, &mut |e| {
                if let Kind::Call(call) = &e.kind {
                    called.extend(own_name(file, &call.callee));
                    called.extend(call.args.iter().filter_map(|a| own_name(file, &a.value)));
                }
            });
        }
        for around in &functions {
            let inside =
                span.start <= around.function.span.start && around.function.span.end <= span.end;
            let name = around.function.name.as_str();
            if !name.is_empty()
                && !inside
                && called.contains(&name)
                && !around.function.span.contains(&span.start)
            {
                all.push(Repeated {
                    site: at,
                    span: around.function.span.clone(),
                    by: by.clone(),
                });
            }
        }
        all.push(Repeated { site: at, span, by });
    }
    all
}

/// The effects of a file.
pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    let repeated = repeated(file, &reading.sites);
    let mut calls: Vec<&Expr> = Vec::new();
    super::ir::walk(&file.unit.body, true, &mut |e| {
        if matches!(e.kind, Kind::Call(_)) {
            calls.push(e);
        }
    });
    let mut taken: Vec<Span> = Vec::new();
    for expr in calls {
        let Kind::Call(call) = &expr.kind else {
            continue;
        };
        // The outermost of a chain has been looked at.
        if taken
            .iter()
            .any(|s| s.start <= expr.span.start && expr.span.end <= s.end)
        {
            continue;
        }
        let posted = by_path(values, file, call);
        let found = posted.or_else(|| {
            let found = by_name(values, file, call)?;
            // What the project defines is looked into where it is defined.
            let last = call.callee.last_name()?;
            let here = file.defines(last) || in_project(values, file, call);
            (!here).then_some(found)
        });
        let Some((what, money)) = found else { continue };
        let within = |r: &&Repeated| r.span.start <= expr.span.start && expr.span.end <= r.span.end;
        let around: Vec<&Repeated> = repeated.iter().filter(within).collect();
        if !money && around.is_empty() {
            continue;
        }
        taken.push(expr.span.clone());
        let (key, key_place) = match key(values, file, call, expr.span.start) {
            None => (Key::None, None),
            Some(key) => {
                let mut made = key;
                let mut place = key.span.clone();
                for _ in 0..4 {
                    match made
                        .as_name()
                        .and_then(|name| assigned_near(file, made.span.start, name))
                    {
                        Some(value) => {
                            made = value;
                            place = value.span.clone();
                        }
                        None => break,
                    }
                }
                let inside = around.iter().any(|r| r.span.contains(&made.span.start));
                let kind = match is_fresh(made) && inside {
                    true => Key::PerAttempt,
                    false => Key::PerOperation,
                };
                (kind, Some(file.place(&place)))
            }
        };
        let effect = Effect {
            what: what.to_string(),
            money,
            key,
            key_place,
            retried_by: around.first().map(|r| r.by.clone()),
            retention: None,
        };
        let reader = file.language().effects();
        let name = file.name_around(expr.span.start);
        let place = file.place(&expr.span);
        let mut site = Site::new(reader, place, name, Decision::Effect(effect));
        afterwards(file, expr, &mut site);
        reading.sites.push(site);
    }
}

/// A retryable answer after the effect, and a key that is kept though the work failed.
fn afterwards(file: &CodeFile, effect: &Expr, site: &mut Site) {
    let around = file.around(effect.span.start);
    let Some(inner) = around.last() else { return };
    let mut tries: Vec<&super::ir::Try> = Vec::new();
    super::ir::statements(&inner.function.body, &mut |stmt| {
        if let Do::Try(tried) = &stmt.kind
            && tried
                .body
                .iter()
                .any(|s| s.span.contains(&effect.span.start))
        {
            tries.push(tried);
        }
    });
    for tried in tries {
        let at = tried
            .body
            .iter()
            .position(|s| s.span.contains(&effect.span.start));
        let Some(at) = at else { continue };
        let later = tried.body[at + 1..]
            .iter()
            .any(|s| !s.exprs().iter().all(|e| e.as_call().is_none()));
        for handler in &tried.handlers {
            if later && let Some(span) = answers_retryably(&handler.body) {
                let place = file.place(&span);
                site.remark(
                    Rule::Hs404,
                    place,
                    "what comes after it may fail, and then the answer asks for a retry",
                );
            }
        }
        let stored = stores_key(&inner.function.body, effect.span.start);
        for handler in &tried.handlers {
            let swallowed = !handler.body.iter().any(|s| matches!(s.kind, Do::Raise(_)));
            let released = mentions_any(
                &handler.body,
                &[
                    "delete", "remove", "discard", "release", "pop", "del", "unlink",
                ],
            );
            if let Some(span) = &stored
                && swallowed
                && !released
            {
                let place = file.place(span);
                site.remark(Rule::Hs405, place, "the key is stored first, and stays when the work fails: a retry is taken for a repetition");
            }
        }
    }
}

/// An answer of 5xx, or one that a client takes for a reason to retry.
fn answers_retryably(body: &[Stmt]) -> Option<Span> {
    let mut found = None;
    super::ir::statements(body, &mut |stmt| {
        let answers = match &stmt.kind {
            Do::Return(_) | Do::Raise(_) => true,
            Do::Expr(e) => e.as_call().is_some_and(|c| {
                matches!(
                    c.callee.last_name(),
                    Some(
                        "status"
                            | "Error"
                            | "abort"
                            | "sendStatus"
                            | "WriteHeader"
                            | "send"
                            | "json"
                    )
                )
            }),
            _ => false,
        };
        if !answers {
            return;
        }
        for expr in stmt.exprs() {
            expr.walk(false, &mut |e| {
                let code = matches!(e.kind, Kind::Number(n) if (500.0..600.0).contains(&n));
                let named = matches!(
                    e.last_name(),
                    Some(
                        "StatusServiceUnavailable"
                            | "StatusInternalServerError"
                            | "HTTP_503_SERVICE_UNAVAILABLE"
                            | "HTTP_500_INTERNAL_SERVER_ERROR"
                    )
                );
                if code || named {
                    found.get_or_insert(stmt.span.clone());
                }
            });
        }
    });
    found
}

fn mentions_any(body: &[Stmt], words: &[&str]) -> bool {
    let mut found = false;
    super::ir::walk(body, true, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            let last = call.callee.last_name().unwrap_or("").to_lowercase();
            found |= words
                .iter()
                .any(|w| last == *w || last.starts_with(&format!("{w}_")));
        }
    });
    found
}

/// Where a key is noted as seen before the effect: `seen.add(key)`, `r.set(key, 1, nx=True)`.
fn stores_key(body: &[Stmt], before: usize) -> Option<Span> {
    let mut found = None;
    super::ir::walk(body, false, &mut |e| {
        let Kind::Call(call) = &e.kind else { return };
        if e.span.start >= before {
            return;
        }
        let path = call.callee.path().unwrap_or_default();
        let last = path.last().copied().unwrap_or("");
        let store = path.iter().rev().skip(1).any(|p| {
            let p = p.to_lowercase();
            [
                "seen",
                "processed",
                "idempot",
                "dedup",
                "redis",
                "keys",
                "cache",
                "store",
            ]
            .iter()
            .any(|w| p.contains(w))
        }) || path.first().is_some_and(|p| *p == "r");
        let writes = matches!(
            last,
            "add" | "set" | "setnx" | "SetNX" | "put" | "save" | "insert" | "create" | "set_nx"
        );
        let keyed = call.args.first().is_some_and(|a| {
            let mut key = false;
            a.value.walk(false, &mut |e| {
                let name = e.last_name().unwrap_or("").to_lowercase();
                key |= name.contains("key") || name.contains("idem") || name.ends_with("_id");
            });
            key
        });
        if store && writes && keyed {
            found.get_or_insert(e.span.clone());
        }
    });
    found
}
