//! Leases: locks that run out, and what is written under them.

use herdsim_core::units::Nanos;

use super::args::{property, qualified};
use crate::audit::read::code::ir::{Call, Expr, Kind, Language, Span, Stmt};
use crate::audit::read::code::project::CodeFile;
use crate::audit::read::code::values::{Loc, Value, Values};
use crate::audit::read::units::nanos;
use crate::audit::site::{Decision, How, Known, Lease, Reading, Site};

/// The leases of a file.
pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    let locks = file.imports().iter().any(|import| {
        let module = import.module.to_lowercase();
        [
            "redis",
            "redlock",
            "redsync",
            "etcd",
            "consul",
            "dlock",
            "leaderelection",
            "controller-runtime",
            "redisson",
            "shedlock",
        ]
        .iter()
        .any(|word| module.contains(word))
    });
    if !locks {
        return;
    }
    let mut found: Vec<(&Expr, &'static str, Lease)> = Vec::new();
    crate::audit::read::code::ir::walk(&file.unit.body, true, &mut |e| match &e.kind {
        Kind::Call(call) => {
            if let Some((reader, ttl)) = lock(values, file, call) {
                // Redisson's watchdog renews a lock without a lease of its own.
                let watched = reader == "redisson" && ttl.fact.how == How::Default;
                let third = Nanos::from_secs(10);
                let lease = Lease {
                    ttl,
                    renew: watched
                        .then(|| Known::default(third, "Redisson's watchdog, every third")),
                    deadline: None,
                    bare_write: None,
                };
                found.push((e, reader, lease));
            }
        }
        Kind::Object(Some(kind), entries, _) if file.language() == Language::Go => {
            if let Some(lease) = election(values, file, kind, entries) {
                found.push((e, "client-go", lease));
            }
        }
        _ => {}
    });
    for around in file.functions() {
        for decorator in &around.function.decorators {
            if let Some(lease) = shed(values, file, decorator) {
                let place = file.place(&decorator.span);
                let name = &around.function.name;
                let decision = Decision::Lease(lease);
                reading
                    .sites
                    .push(Site::new("shedlock", place, name, decision));
            }
        }
    }
    for (expr, reader, mut lease) in found {
        let name = file.name_around(expr.span.start);
        if reader != "client-go" {
            let around = file.around(expr.span.start);
            let body = around
                .last()
                .map_or(&file.unit.body[..], |a| &a.function.body);
            lease.bare_write = bare_write(body, expr).map(|span| file.place(&span));
        }
        // A key that is set once, with no write after it, is a mark and no lock.
        let set = matches!(&expr.kind, Kind::Call(call) if matches!(call.callee.last_name(), Some("set" | "SetNX")));
        if set && lease.bare_write.is_none() {
            continue;
        }
        let place = file.place(&expr.span);
        reading
            .sites
            .push(Site::new(reader, place, name, Decision::Lease(lease)));
    }
}

/// A lock that runs out: which, and after how long.
fn lock(
    values: Values,
    file: &CodeFile,
    call: &Call,
) -> Option<(&'static str, Known<Option<Nanos>>)> {
    let last = call.callee.last_name()?;
    let time = |expr: &Expr, unit: f64| {
        // The caller's lifetimes are shorter than the file's: look it up again by its span.
        let known = values.value(Loc {
            file,
            expr: file.expr(&expr.span)?,
        });
        let time = known.convert(|value| value.time(unit), "it is no length of time");
        Some(time.map(|limit| limit.map(nanos)))
    };
    match (file.language(), last) {
        (Language::Python, "lock" | "Lock") => {
            let name = qualified(file, &call.callee);
            let module = name.as_ref().map(|(module, _)| module.as_str());
            let redis = module.is_some_and(|m| m.starts_with("redis"));
            // `r.lock(name, timeout=30)`; a lock of this process takes no name.
            let named = last == "lock"
                && !call.args.is_empty()
                && call.callee.path().is_some_and(|p| p.len() > 1);
            if !redis && !named {
                return None;
            }
            let at = if last == "Lock" { 2 } else { 1 };
            match call.arg(at, "timeout") {
                Some(expr) => Some(("redis", time(expr, 1.0)?)),
                None if redis || named => Some((
                    "redis",
                    Known::default(None, "redis-py's locks do not run out by themselves"),
                )),
                None => None,
            }
        }
        (Language::Python, "set") => {
            let nx = call.named("nx")?;
            matches!(nx.kind, Kind::Bool(true)).then_some(())?;
            match (call.named("px"), call.named("ex")) {
                (Some(expr), _) => Some(("redis", time(expr, 1e-3)?)),
                (_, Some(expr)) => Some(("redis", time(expr, 1.0)?)),
                _ => Some(("redis", Known::default(None, "it does not run out"))),
            }
        }
        (Language::Script, "using" | "acquire" | "lock") => {
            let path = call.callee.path()?;
            let of = path[path.len().checked_sub(2)?].to_lowercase();
            if !of.contains("redlock") && !of.contains("lock") {
                return None;
            }
            Some(("redlock", time(call.position(1)?, 1e-3)?))
        }
        (Language::Script, "set") => {
            let options = call.args.last()?;
            let loc = Loc {
                file,
                expr: file.expr(&options.value.span)?,
            };
            if let Some(nx) = property(values, loc, "NX", 2)
                && matches!(nx.expr.kind, Kind::Bool(true))
            {
                return match (
                    property(values, loc, "PX", 2),
                    property(values, loc, "EX", 2),
                ) {
                    (Some(loc), _) => Some(("redis", time(loc.expr, 1e-3)?)),
                    (_, Some(loc)) => Some(("redis", time(loc.expr, 1.0)?)),
                    _ => Some(("redis", Known::default(None, "it does not run out"))),
                };
            }
            // `set(key, value, 'PX', 1000, 'NX')`
            let text = |at: usize| {
                call.position(at)
                    .and_then(Expr::as_text)
                    .map(str::to_uppercase)
            };
            let has = |word: &str| (2..call.args.len()).any(|at| text(at).as_deref() == Some(word));
            if !has("NX") {
                return None;
            }
            for at in 2..call.args.len() {
                let unit = match text(at).as_deref() {
                    Some("PX") => 1e-3,
                    Some("EX") => 1.0,
                    _ => continue,
                };
                return Some(("redis", time(call.position(at + 1)?, unit)?));
            }
            Some(("redis", Known::default(None, "it does not run out")))
        }
        (Language::Go, "NewMutex") => {
            let (module, _) = qualified(file, &call.callee).unwrap_or_default();
            let redsync = module.contains("redsync")
                || file.imports().iter().any(|i| i.module.contains("redsync"));
            redsync.then_some(())?;
            let expiry = call.args.iter().find_map(|arg| {
                let inner = arg.value.as_call()?;
                (inner.callee.last_name() == Some("WithExpiry")).then(|| inner.position(0))?
            });
            match expiry {
                Some(expr) => Some(("redsync", time(expr, 1e-9)?)),
                None => Some((
                    "redsync",
                    Known::default(Some(Nanos::from_secs(8)), "redsync's default"),
                )),
            }
        }
        (Language::Java | Language::Kotlin, "lock" | "tryLock" | "lockInterruptibly") => {
            let Kind::Member(of, _) = &call.callee.kind else {
                return None;
            };
            if !redisson(values, file, of) {
                return None;
            }
            // lock(lease, unit), tryLock(wait, lease, unit); tryLock(wait, unit) has none.
            let (lease, unit) = match (last, call.args.len()) {
                ("tryLock", 3) => (call.position(1)?, call.position(2)?),
                ("lock" | "lockInterruptibly", 2) => (call.position(0)?, call.position(1)?),
                _ => {
                    let default = Some(Nanos::from_secs(30));
                    return Some(("redisson", Known::default(default, "Redisson's watchdog")));
                }
            };
            let unit = match unit.last_name()? {
                "MILLISECONDS" => 1e-3,
                "MINUTES" => 60.0,
                "HOURS" => 3600.0,
                _ => 1.0,
            };
            Some(("redisson", time(lease, unit)?))
        }
        (Language::Go, "SetNX") => {
            let expr = call.args.last()?;
            Some(("redis", time(&expr.value, 1e-9)?))
        }
        _ => None,
    }
}

/// Whether a lock is Redisson's: a name that `getLock` gave.
fn redisson(values: Values, file: &CodeFile, of: &Expr) -> bool {
    let made = |e: &Expr| {
        e.as_call().is_some_and(|call| {
            matches!(
                call.callee.last_name(),
                Some("getLock" | "getFairLock" | "getSpinLock" | "getMultiLock" | "getRedLock")
            )
        })
    };
    let Some(expr) = file.expr(&of.span) else {
        return false;
    };
    made(of) || made(values.follow(Loc { file, expr }).expr)
}

/// ShedLock's annotation: `lockAtMostFor = "10m"`.
fn shed(values: Values, file: &CodeFile, decorator: &Expr) -> Option<Lease> {
    let call = decorator.as_call()?;
    (call.callee.last_name() == Some("SchedulerLock")).then_some(())?;
    let ttl = match call.named("lockAtMostFor") {
        Some(expr) => {
            let expr = file.expr(&expr.span)?;
            let known = values.value(Loc { file, expr });
            known.convert(
                |value| match value {
                    Value::Text(text) => crate::audit::read::units::or_bare(&text, 1e-3).map(Some),
                    other => other.seconds(1e-3).map(nanos).map(Some),
                },
                "it is no length of time",
            )
        }
        None => Known::unresolved(
            Some(file.place(&decorator.span)),
            "`defaultLockAtMostFor` says it elsewhere",
        ),
    };
    Some(Lease {
        ttl,
        renew: None,
        deadline: None,
        bare_write: None,
    })
}

/// The timings of a leader election of client-go or controller-runtime.
fn election(
    values: Values,
    file: &CodeFile,
    kind: &Expr,
    entries: &[(String, Expr)],
) -> Option<Lease> {
    let name = kind.last_name()?;
    let config = name == "LeaderElectionConfig";
    let entry = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, e)| e);
    let options = name == "Options"
        && entry("LeaderElection").is_some_and(|e| !matches!(e.kind, Kind::Bool(false)));
    if !config && !options {
        return None;
    }
    let time = |name: &str, default: u64| match entry(name) {
        Some(expr) => {
            let expr = file.expr(&expr.span)?;
            let known = values.value(Loc { file, expr });
            Some(Known {
                value: known.value.and_then(|v| v.seconds(1e-9)).map(nanos),
                fact: known.fact,
            })
        }
        None => Some(Known::default(
            Nanos::from_secs(default),
            "controller-runtime's default",
        )),
    };
    Some(Lease {
        ttl: time("LeaseDuration", 15)?.map(Some),
        deadline: Some(time("RenewDeadline", 10)?),
        renew: Some(time("RetryPeriod", 2)?),
        bare_write: None,
    })
}

/// A write under the lock, or after it in its function, that carries no token.
fn bare_write(body: &[Stmt], lock: &Expr) -> Option<Span> {
    let mut found = None;
    let mut look = |e: &Expr| {
        let Kind::Call(call) = &e.kind else { return };
        // Within `using(…, callback)` it is inside; else it comes afterwards.
        if e.span.start <= lock.span.start || found.is_some() {
            return;
        }
        let last = call.callee.last_name().unwrap_or("");
        let path = call.callee.path().unwrap_or_default();
        let sql = call.args.iter().any(|a| {
            a.value.as_text().is_some_and(|text| {
                let upper = text.trim_start().to_uppercase();
                ["UPDATE ", "INSERT ", "DELETE ", "MERGE "]
                    .iter()
                    .any(|w| upper.starts_with(w))
            })
        });
        let named = path.len() > 1
            && matches!(
                last,
                "save"
                    | "update"
                    | "write"
                    | "put"
                    | "insert"
                    | "post"
                    | "put_object"
                    | "PutObject"
                    | "Put"
                    | "Save"
                    | "Update"
                    | "Write"
                    | "Post"
                    | "insertOne"
                    | "updateOne"
                    | "commit"
                    | "publish"
                    | "bulk_write"
            );
        let token = {
            let mut token = false;
            for arg in &call.args {
                arg.value.walk(false, &mut |e| {
                    let name = e.last_name().unwrap_or("").to_lowercase();
                    token |=
                        name.contains("token") || name.contains("fenc") || name.contains("epoch");
                });
                token |= arg.value.as_text().is_some_and(|t| {
                    let t = t.to_lowercase();
                    t.contains("token")
                        || t.contains("fence")
                        || t.contains("epoch")
                        || t.contains("version")
                });
            }
            token
        };
        if (sql || named) && !token {
            found = Some(e.span.clone());
        }
    };
    crate::audit::read::code::ir::walk(body, true, &mut look);
    found
}
