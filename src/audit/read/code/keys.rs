//! Keys that tell an effect from its repetition: which call carries one, and whether it is made
//! anew each time.

use super::ir::{Call, Do, Expr, Kind};
use super::project::CodeFile;
use super::values::{Loc, Values};

/// What a name was assigned in the function around, the last before a place.
pub(super) fn assigned_near<'p>(file: &'p CodeFile, at: usize, name: &str) -> Option<&'p Expr> {
    let around = file.around(at);
    for inner in around.iter().rev() {
        let mut found = None;
        super::ir::statements(&inner.function.body, &mut |stmt| {
            if let Do::Assign(assign) = &stmt.kind
                && stmt.span.start < at
                && assign.targets.iter().any(|t| t.as_name() == Some(name))
            {
                found = assign.value.as_ref();
            }
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The arguments of a call, and what names among them were assigned: the request of `Do(req)`.
pub(super) fn parts<'p>(values: Values<'p>, file: &'p CodeFile, call: &'p Call) -> Vec<&'p Expr> {
    let mut all = Vec::new();
    for arg in &call.args {
        all.push(&arg.value);
        if let Some(name) = arg.value.as_name() {
            all.extend(assigned_near(file, arg.value.span.start, name));
        }
        let followed = values.follow(Loc {
            file,
            expr: &arg.value,
        });
        if !std::ptr::eq(followed.expr, &arg.value) && std::ptr::eq(followed.file, file) {
            all.push(followed.expr);
        }
    }
    all
}

fn is_key_name(name: &str) -> bool {
    let plain: String = name
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    [
        "idempotencykey",
        "idempotencytoken",
        "idempotentkey",
        "idempotency",
        "dedupkey",
        "deduplicationid",
        "messagededuplicationid",
        "clienttoken",
        "clientrequesttoken",
        "paypalrequestid",
        "xrequestid",
        "idemkey",
    ]
    .iter()
    .any(|k| {
        plain == *k || plain.ends_with("idempotencykey") || plain.ends_with("idempotencytoken")
    })
}

/// The expression of a key that a call carries.
pub(super) fn key<'p>(
    values: Values<'p>,
    file: &'p CodeFile,
    call: &'p Call,
    at: usize,
) -> Option<&'p Expr> {
    let mut found: Option<&'p Expr> = None;
    for arg in &call.args {
        if arg.name.as_deref().is_some_and(is_key_name) {
            return Some(&arg.value);
        }
    }
    for part in parts(values, file, call) {
        part.walk(false, &mut |e| {
            if let Kind::Object(_, entries, spread) = &e.kind {
                for (name, value) in entries {
                    if is_key_name(name) {
                        found.get_or_insert(value);
                    }
                }
                for inner in spread {
                    if let Some(name) = inner.as_name()
                        && let Some(object) = assigned_near(file, at, name)
                        && let Kind::Object(_, entries, _) = &object.kind
                    {
                        for (name, value) in entries {
                            if is_key_name(name) {
                                found.get_or_insert(value);
                            }
                        }
                    }
                }
            }
            if let Kind::Call(inner) = &e.kind {
                for arg in &inner.args {
                    if arg.name.as_deref().is_some_and(is_key_name) {
                        found.get_or_insert(&arg.value);
                    }
                }
                // `option.WithIdempotencyKey(key)`
                if inner.callee.last_name().is_some_and(is_key_name)
                    && let Some(value) = inner.position(0)
                {
                    found.get_or_insert(value);
                }
            }
            if let Some(name) = e.last_name()
                && is_key_name(name)
                && matches!(e.kind, Kind::Name(_) | Kind::Member(..))
            {
                found.get_or_insert(e);
            }
            // A headers object by name.
            if let Kind::Name(name) = &e.kind
                && let Some(object) = assigned_near(file, at, name)
                && let Kind::Object(_, entries, _) = &object.kind
            {
                for (name, value) in entries {
                    if is_key_name(name) {
                        found.get_or_insert(value);
                    }
                }
            }
        });
    }
    found.or_else(|| set_on(file, call, at))
}

/// `req.Header.Set("Idempotency-Key", k)`, `params.SetIdempotencyKey(k)`,
/// `headers["Idempotency-Key"] = k`, on what the call is made with.
fn set_on<'p>(file: &'p CodeFile, call: &'p Call, at: usize) -> Option<&'p Expr> {
    let mut names: Vec<&str> = Vec::new();
    for arg in &call.args {
        arg.value.walk(false, &mut |e| names.extend(e.as_name()));
    }
    let around = file.around(at);
    let body = &around.last()?.function.body;
    let mut found = None;
    super::ir::statements(body, &mut |stmt| {
        if stmt.span.start > at {
            return;
        }
        if let Do::Assign(assign) = &stmt.kind {
            for target in &assign.targets {
                if let Kind::Index(of, index) = &target.kind
                    && index.as_text().is_some_and(is_key_name)
                    && of.path().is_some_and(|p| names.contains(&p[0]))
                {
                    found = assign.value.as_ref();
                }
                if let Kind::Member(of, name) = &target.kind
                    && is_key_name(name)
                    && of.path().is_some_and(|p| names.contains(&p[0]))
                {
                    found = assign.value.as_ref();
                }
            }
        }
        for expr in stmt.exprs() {
            expr.walk(false, &mut |e| {
                let Kind::Call(inner) = &e.kind else { return };
                let Some(path) = inner.callee.path() else {
                    return;
                };
                if !names.contains(&path[0]) {
                    return;
                }
                let last = path[path.len() - 1];
                let direct = last
                    .strip_prefix("Set")
                    .or_else(|| last.strip_prefix("set"));
                if direct.is_some_and(is_key_name) {
                    found = inner.position(0);
                } else if inner
                    .position(0)
                    .and_then(Expr::as_text)
                    .is_some_and(is_key_name)
                {
                    found = inner.position(1);
                }
            });
        }
    });
    found
}

/// Whether a call carries a key, of whatever kind.
pub fn carries_key(file: &CodeFile, call: &Call) -> bool {
    let mut found = false;
    for arg in &call.args {
        found |= arg.name.as_deref().is_some_and(is_key_name);
        arg.value.walk(false, &mut |e| {
            found |= e.last_name().is_some_and(is_key_name);
            if let Kind::Object(_, entries, _) = &e.kind {
                found |= entries.iter().any(|(name, _)| is_key_name(name));
            }
            if let Kind::Name(name) = &e.kind
                && let Some(Expr {
                    kind: Kind::Object(_, entries, _),
                    ..
                }) = assigned_near(file, e.span.start, name)
            {
                found |= entries.iter().any(|(name, _)| is_key_name(name));
            }
        });
    }
    let at = call.callee.span.start;
    found || set_on(file, call, at).is_some()
}

/// Whether an expression is another each time: random, or the time.
pub(super) fn is_fresh(expr: &Expr) -> bool {
    let mut fresh = false;
    expr.walk(false, &mut |e| {
        let path = match &e.kind {
            Kind::Call(call) => call.callee.path(),
            _ => None,
        };
        let Some(path) = path else { return };
        let last = path[path.len() - 1];
        fresh |= matches!(
            last,
            "uuid4"
                | "uuid1"
                | "uuid7"
                | "randomUUID"
                | "NewString"
                | "NewRandom"
                | "NewV4"
                | "nanoid"
                | "uuidv4"
                | "uuidv7"
                | "v4"
                | "v7"
                | "v1"
                | "token_hex"
                | "token_urlsafe"
                | "urandom"
                | "ulid"
                | "time"
                | "time_ns"
                | "now"
                | "Now"
                | "random"
                | "randomBytes"
                | "cuid"
                | "createId"
                | "ksuid"
        ) || matches!(
            path[..],
            ["uuid", "New" | "Must"] | ["ulid", "Make"] | ["uuid"] | ["xid", "New"]
        );
    });
    fresh
}
