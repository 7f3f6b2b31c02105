//! Libraries of JavaScript and TypeScript.

use herdsim_core::scenario::policy::{
    Backoff, CapAfter, Exponent, Failure, Hint, Jitter, Quantum, RetryOn, Rounding, UNLIMITED,
};
use herdsim_core::units::{Factor, Nanos};

use super::args::{Args, Entry, delays, property, qualified};
use super::temporal;
use crate::audit::read::code::ir::Kind;
use crate::audit::read::code::shape::shape;
use crate::audit::read::code::values::{Loc, Value};
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Known, Retry, Site, whole};

/// The options of npm's `retry`, which several libraries hand on.
const RETRY: &[(&str, &str)] = &[
    ("retries", "10"),
    ("factor", "2"),
    ("minTimeout", "1000"),
    ("maxTimeout", "-"),
    ("randomize", "false"),
    ("maxRetryTime", "-"),
];

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "p-retry",
        versions: "4 to 7",
        source: "p-retry 7.1.1 index.js",
        modules: &["p-retry"],
        names: &["", "pRetry", "default"],
        args: RETRY,
        read: p_retry,
    },
    Entry {
        library: "async-retry",
        versions: "1.3",
        source: "async-retry 1.3.3 lib/index.js, retry 0.13.1 lib/retry.js",
        modules: &["async-retry"],
        names: &["", "default"],
        args: &[
            ("retries", "10"),
            ("factor", "2"),
            ("minTimeout", "1000"),
            ("maxTimeout", "-"),
            ("randomize", "true"),
            ("maxRetryTime", "-"),
        ],
        read: node_retry,
    },
    Entry {
        library: "retry",
        versions: "0.12 to 0.13",
        source: "retry 0.13.1 lib/retry.js",
        modules: &["retry"],
        names: &["operation", "timeouts"],
        args: RETRY,
        read: operation,
    },
    Entry {
        library: "promise-retry",
        versions: "2",
        source: "promise-retry 2.0.1 index.js, retry 0.12 lib/retry.js",
        modules: &["promise-retry"],
        names: &["", "default", "promiseRetry"],
        args: RETRY,
        read: node_retry,
    },
    Entry {
        library: "axios-retry",
        versions: "3 to 4.5",
        source: "axios-retry 4.5.0 dist/esm/index.js",
        modules: &["axios-retry"],
        names: &["", "default", "axiosRetry"],
        args: &[("retries", "3")],
        read: axios_retry,
    },
    Entry {
        library: "bull",
        versions: "3 to 4",
        source: "bull 4.16.5 lib/backoffs.js",
        modules: &["bull"],
        names: &[".add", "", "default", "Queue"],
        args: &[("attempts", "1")],
        read: bull,
    },
    Entry {
        library: "bullmq",
        versions: "3 to 6",
        source: "bullmq 6.7 classes/backoffs",
        modules: &["bullmq", "@nestjs/bullmq"],
        names: &[".add", "Queue"],
        args: &[("attempts", "1")],
        read: bullmq,
    },
    Entry {
        library: "got",
        versions: "11 to 14",
        source: "got 14.6.6 dist/source/core/{options,calculate-retry-delay}.js",
        modules: &["got"],
        names: &[
            "",
            "default",
            "got",
            "extend",
            "got.extend",
            "get",
            "got.get",
            "post",
            "got.post",
            "put",
            "got.put",
        ],
        args: &[("limit", "2")],
        read: got,
    },
    Entry {
        library: "ky",
        versions: "1",
        source: "ky 1.14.3 distribution/utils/normalize.js, core/Ky.js",
        modules: &["ky"],
        names: &[
            "", "default", "create", "extend", "get", "post", "put", "delete",
        ],
        args: &[("limit", "2"), ("timeout", "10000")],
        read: ky,
    },
    Entry {
        library: "cockatiel",
        versions: "3",
        source: "cockatiel 3.2.1 src/RetryPolicy.ts, src/backoff",
        modules: &["cockatiel"],
        names: &["retry", "Policy.handleAll.retry"],
        args: &[],
        read: cockatiel,
    },
    Entry {
        library: "temporal",
        versions: "1",
        source: "temporalio/temporal 1.32 common/retrypolicy/retry_policy.go",
        modules: &["@temporalio/workflow"],
        names: &["proxyActivities", "proxyLocalActivities"],
        args: &[],
        read: temporal::script,
    },
];

const fn nearest_ms() -> Quantum {
    Quantum {
        unit: Nanos::from_millis(1),
        rounding: Rounding::Nearest,
    }
}

/// The fields that npm's `retry` has: min(max, round(r·min·factor^(k−1))), r = 1 or U(1, 2).
fn common(args: &Args, retry: &mut Retry) {
    let cap = args.time("maxTimeout", 1e-3);
    let capped = cap.value.flatten().is_some();
    let base = args.wait("minTimeout", 1e-3);
    retry.backoff(args.growing(base, args.number("factor"), cap, Exponent::FromZero));
    let random = args.flag("randomize");
    retry.jitter(random.map(|on| match on {
        true => Jitter::Scale(Factor(1.0), Factor(2.0)),
        false => Jitter::None,
    }));
    if retry.policy.jitter != Jitter::None && capped {
        retry.cap_after(CapAfter::Yes);
    }
    retry.quantum(nearest_ms());
    retry.deadline(Args::optional(args.time("maxRetryTime", 1e-3)));
    args.no_budget(retry);
}

fn counted(args: &Args, retry: &mut Retry) {
    match args.get("retries") {
        Some(loc)
            if matches!(
                loc.expr.path().as_deref(),
                Some(["Infinity"] | ["Number", "POSITIVE_INFINITY"])
            ) =>
        {
            retry.attempts(Known::read(UNLIMITED, args.place(loc)));
        }
        _ => {
            retry.retries(args.number("retries"));
        }
    }
}

fn p_retry(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    args.call?.position(0)?;
    counted(args, retry);
    common(args, retry);
    if !RETRY.iter().any(|(name, _)| args.has(name)) && args.call?.args.len() < 2 {
        site.named = Some(("p-retry", "no options are given".to_string()));
    }
    if let Some(loc) = args.get("forever") {
        let place = args.place(loc);
        let version = super::args::npm_package(args.file, "p-retry").unwrap_or_default();
        let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
        let major: u32 = digits
            .split('.')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(7);
        // Up to 6 it hands its options on to `retry`, which has it; 7 throws.
        if major < 7 {
            if args.values.value(loc).value.is_some_and(|v| v.truth()) {
                retry.attempts(Known::read(UNLIMITED, place));
            }
        } else {
            site.remark(Rule::Hs109, place, "p-retry 7 has no `forever`, and throws");
        }
    }
    Some(())
}

fn node_retry(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    args.call?.position(0)?;
    node_retry_bare(args, retry);
    if !RETRY.iter().any(|(name, _)| args.has(name)) && site.reader == "async-retry" {
        site.named = Some(("async-retry", "no options are given".to_string()));
    }
    Some(())
}

fn operation(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    // `operation([100, 200])`: the delays themselves.
    if let Some(first) = call.position(0) {
        let list = args.values.follow(args.loc(first));
        if let Kind::List(items) = &list.expr.kind {
            let values = items
                .iter()
                .map(|e| args.values.value(Loc { expr: e, ..list }).value?.number());
            let values: Option<Vec<f64>> = values.collect();
            let place = args.place(list);
            if let Some(values) = values.filter(|v| !v.is_empty()) {
                retry.attempts(Known::read(values.len() as u32 + 1, place.clone()));
                let waits: Vec<(f64, f64)> = values.iter().map(|v| (v * 1e-3, v * 1e-3)).collect();
                let found = shape(&waits)?;
                retry
                    .backoff(Known::read(found.backoff, place))
                    .first(found.first);
                args.no_jitter(retry);
                retry.deadline(Known::default(None, "none is set"));
                args.no_budget(retry);
                return Some(());
            }
        }
    }
    node_retry_bare(args, retry);
    Some(())
}

fn node_retry_bare(args: &Args, retry: &mut Retry) {
    counted(args, retry);
    common(args, retry);
    if let Some(loc) = args.get("forever")
        && args.values.value(loc).value.is_some_and(|v| v.truth())
    {
        retry.attempts(Known::read(UNLIMITED, args.place(loc)));
    }
}

fn axios_retry(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    counted(args, retry);
    args.no_budget(retry);
    let on = RetryOn::NOTHING
        .with(Failure::Error)
        .with(Failure::Rejected)
        .with(Failure::Refused)
        .with(Failure::Reset);
    match args.get("retryCondition") {
        None => {
            retry.retry_on(Known::default(on, "axios-retry's default condition"));
        }
        Some(loc) => {
            let place = args.place(loc);
            retry.retry_on(Known::unresolved(Some(place), "its own condition decides"));
        }
    }
    match args.get("retryDelay") {
        None => {
            retry.backoff(Known::default(Backoff::None, "axios-retry's default"));
            args.no_jitter(retry);
        }
        Some(loc) => {
            let place = args.place(loc);
            let last = loc.expr.last_name();
            // `(n) => axiosRetry.exponentialDelay(n, e, 1000)` asks it, too.
            let mut asked = None;
            if let Kind::Function(function) = &args.values.follow(loc).expr.kind {
                crate::audit::read::code::ir::walk(&function.body, true, &mut |e| {
                    if let Kind::Call(call) = &e.kind
                        && call.callee.last_name() == Some("exponentialDelay")
                    {
                        asked = Some(call.position(2));
                    }
                });
            }
            match (last, asked) {
                (Some("exponentialDelay"), _) | (_, Some(_)) => {
                    let factor = match asked.flatten() {
                        Some(expr) => args.time_at(args.loc(expr), 1e-3).map(|s| s.unwrap_or(0.1)),
                        None => Known::read(0.1, place.clone()),
                    };
                    let double = Known::read(2.0, place.clone());
                    let cap = Known::read(None, place.clone());
                    retry.backoff(args.growing(factor, double, cap, Exponent::FromOne));
                    retry.jitter(Known::read(Jitter::Scale(Factor(1.0), Factor(1.2)), place));
                    retry.retry_after(Hint::BeforeJitter);
                }
                (Some("linearDelay"), _) => {
                    let step = loc.expr.as_call().and_then(|c| c.position(0));
                    let step = match step {
                        Some(expr) => args.time_at(args.loc(expr), 1e-3).map(|s| s.unwrap_or(0.1)),
                        None => Known::read(0.1, place),
                    };
                    retry.backoff(step.map(|s| Backoff::Linear(nanos(s))));
                    args.no_jitter(retry);
                }
                _ => by_function(args, loc, retry),
            }
        }
    }
    // The client's own timeout spans all attempts.
    let client = call
        .position(0)
        .map(|expr| args.values.follow(args.loc(expr)));
    let limit = client.and_then(|loc| {
        let made = loc.expr.as_call()?;
        let options = made.args.last()?;
        property(
            args.values,
            Loc {
                expr: &options.value,
                ..loc
            },
            "timeout",
            3,
        )
    });
    let limit = limit.or_else(|| defaults(args, call));
    if let Some(loc) = limit {
        let known = Args::optional(args.time_at(loc, 1e-3));
        let reset = args
            .get("shouldResetTimeout")
            .map(|loc| args.values.value(loc).value);
        match reset {
            Some(Some(value)) if value.truth() => {
                retry.timeout(known);
                retry.deadline(Known::default(None, "none is set"));
            }
            _ => {
                retry.deadline(known);
            }
        }
    } else if client.is_some_and(|loc| {
        loc.expr.as_call().is_some()
            || super::args::qualified(loc.file, loc.expr).is_some_and(|(m, _)| m == "axios")
    }) {
        let known = || Known::default(None, "axios waits for ever");
        retry.timeout(known()).deadline(known());
    }
    if call.args.len() == 1 {
        site.named = Some(("axios-retry", "no options are given".to_string()));
    }
    Some(())
}

/// `client.defaults.timeout = 2000`
fn defaults<'p>(args: &Args<'p>, call: &crate::audit::read::code::ir::Call) -> Option<Loc<'p>> {
    let name = call.position(0)?.path()?.join(".");
    let wanted = format!("{name}.defaults.timeout");
    let mut found = None;
    crate::audit::read::code::ir::statements(&args.file.unit.body, &mut |stmt| {
        if let crate::audit::read::code::ir::Do::Assign(assign) = &stmt.kind
            && let Some(target) = assign.targets.first().and_then(|t| t.path())
            && target.join(".") == wanted
        {
            found = assign.value.as_ref();
        }
    });
    found.map(|expr| args.loc(expr))
}

/// Delays in ms that a function of the retry's number gives.
fn by_function<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    let place = args.place(loc);
    match delays(args, loc, 1e-3, 1).as_deref().and_then(shape) {
        Some(found) => {
            retry.backoff(Known::read(found.backoff, place.clone()));
            retry.jitter(Known::read(found.jitter, place));
            retry.first(found.first).cap_after(found.cap_after);
        }
        None => {
            let why = "its own function decides";
            retry.backoff(Known::unresolved(Some(place.clone()), why));
            retry.jitter(Known::unresolved(Some(place), why));
        }
    }
}

/// `attempts` and `backoff` of a job: where they stand, or in a queue's `defaultJobOptions`.
fn job<'p>(args: &Args<'p>) -> Option<(Option<Loc<'p>>, Option<Loc<'p>>)> {
    let defaults = args.option("defaultJobOptions");
    let entry = |name: &str| match defaults {
        Some(loc) => property(args.values, loc, name, 3),
        None => args.option(name),
    };
    let (attempts, backoff) = (entry("attempts"), entry("backoff"));
    (attempts.is_some() || backoff.is_some()).then_some((attempts, backoff))
}

fn bull(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    queued(args, retry, site, Exponent::LessOne)
}

fn bullmq(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    queued(args, retry, site, Exponent::FromZero)
}

fn queued(args: &Args, retry: &mut Retry, site: &mut Site, exponent: Exponent) -> Option<()> {
    let (attempts, backoff) = job(args)?;
    match attempts {
        Some(loc) => retry.attempts(args.number_at(loc).map(whole)),
        None => retry.attempts(Known::default(
            1,
            format!("{}'s default", args.entry.library),
        )),
    };
    retry.deadline(Known::default(
        None,
        format!("{} has none", args.entry.library),
    ));
    args.no_budget(retry);
    args.no_jitter(retry);
    let Some(backoff) = backoff else {
        retry.backoff(Known::default(
            Backoff::None,
            format!("{}'s default", args.entry.library),
        ));
        return Some(());
    };
    if attempts.is_none() {
        let place = args.place(backoff);
        site.remark(
            Rule::Hs109,
            place,
            "`backoff` does nothing without `attempts`",
        );
    }
    let target = args.values.follow(backoff);
    if !matches!(target.expr.kind, Kind::Object(..)) {
        retry.backoff(args.time_at(backoff, 1e-3).map(|s| match s.unwrap_or(0.0) {
            s if s > 0.0 => Backoff::Fixed(nanos(s)),
            _ => Backoff::None,
        }));
        return Some(());
    }
    let entry = |name: &str| property(args.values, target, name, 3);
    let delay = match entry("delay") {
        Some(loc) => args.time_at(loc, 1e-3).map(|s| s.unwrap_or(0.0)),
        None => Known::default(0.0, format!("{}'s default", args.entry.library)),
    };
    let kind = entry("type").map(|loc| args.values.value(loc));
    match kind.as_ref().and_then(|k| k.value.as_ref()) {
        Some(Value::Text(kind)) if kind == "fixed" => {
            retry.backoff(delay.map(|s| {
                if s > 0.0 {
                    Backoff::Fixed(nanos(s))
                } else {
                    Backoff::None
                }
            }));
        }
        Some(Value::Text(kind)) if kind == "exponential" => {
            let none = Known::default(None, format!("{} has no cap", args.entry.library));
            let double = Known::default(2.0, format!("{} doubles", args.entry.library));
            retry.backoff(args.growing(delay, double, none, exponent));
        }
        _ => {
            let place = args.place(backoff);
            retry.backoff(Known::unresolved(Some(place), "its own strategy decides"));
        }
    }
    if let Some(loc) = entry("jitter")
        && exponent == Exponent::FromZero
    {
        retry.jitter(
            args.number_at(loc)
                .map(|j| Jitter::Scale(Factor((1.0 - j).max(0.0)), Factor(1.0))),
        );
    }
    Some(())
}

/// `retry: 3` or `retry: { limit: 3 }`.
fn limit(args: &Args, retry: &mut Retry, given: Option<Loc>) -> bool {
    let Some(loc) = given else {
        retry.retries(args.number("limit"));
        return false;
    };
    let target = args.values.follow(Loc {
        file: args.file,
        ..loc
    });
    match &target.expr.kind {
        Kind::Object(..) => match property(args.values, target, "limit", 3) {
            Some(loc) => {
                retry.retries(args.number_at(loc));
            }
            None => {
                retry.retries(args.number("limit"));
            }
        },
        _ => {
            retry.retries(args.number_at(target));
        }
    }
    true
}

fn got(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let given = args.option("retry");
    // Plain requests are many; a client made for all of them says what holds.
    let made = qualified(args.file, &args.call?.callee)?
        .1
        .ends_with("extend");
    if given.is_none() && !made {
        return None;
    }
    let written = limit(args, retry, given);
    let none = || Known::default(None, "got has no cap");
    let double = Known::default(2.0, "got doubles");
    retry.backoff(args.growing(
        Known::default(1.0, "got's default"),
        double,
        none(),
        Exponent::FromZero,
    ));
    retry.jitter(Known::default(
        Jitter::Additive(Nanos::from_millis(100)),
        "got adds up to 100 ms",
    ));
    retry.retry_after(Hint::Replace(None));
    retry.deadline(Known::default(None, "got has none"));
    args.no_budget(retry);
    if let Some(loc) = given {
        if let Some(own) = property(args.values, loc, "calculateDelay", 3) {
            let place = Some(args.place(own));
            retry.backoff(Known::unresolved(place.clone(), "its own function decides"));
            retry.jitter(Known::unresolved(place, "its own function decides"));
        }
        if let Some(noise) = property(args.values, loc, "noise", 3) {
            retry.jitter(args.time_at(noise, 1e-3).map(|s| match s.unwrap_or(0.0) {
                s if s > 0.0 => Jitter::Additive(nanos(s)),
                _ => Jitter::None,
            }));
        }
        if let Some(most) = property(args.values, loc, "backoffLimit", 3) {
            let cap = args.time_at(most, 1e-3);
            let one = Known::default(1.0, "got's default");
            retry.backoff(args.growing(
                one,
                Known::default(2.0, "got doubles"),
                cap,
                Exponent::FromZero,
            ));
        }
        methods(args, loc, site);
    }
    timeout(args, retry, None);
    if !written {
        site.named = Some(("got", "`retry` is absent".to_string()));
    }
    Some(())
}

fn timeout(args: &Args, retry: &mut Retry, default: Option<f64>) {
    match args.option("timeout") {
        Some(loc) => {
            let inner = property(args.values, loc, "request", 2).unwrap_or(loc);
            if matches!(inner.expr.kind, Kind::Bool(false)) {
                retry.timeout(Known::read(None, args.place(inner)));
            } else {
                retry.timeout(Args::optional(args.time_at(inner, 1e-3)));
            }
        }
        None => {
            let why = format!("{}'s default", args.entry.library);
            retry.timeout(Known::default(default.map(nanos), why));
        }
    }
}

fn methods<'p>(args: &Args<'p>, loc: Loc<'p>, site: &mut Site) {
    let Some(list) = property(args.values, loc, "methods", 3) else {
        return;
    };
    let mut found = None;
    args.values.follow(list).expr.walk(false, &mut |e| {
        if let Some(text) = e.as_text()
            && matches!(text.to_uppercase().as_str(), "POST" | "PATCH")
        {
            found.get_or_insert(text.to_uppercase());
        }
    });
    if let Some(method) = found {
        let place = args.place(list);
        site.remark(
            Rule::Hs406,
            place,
            format!("{method} is sent again, and nothing tells it from a new one"),
        );
    }
}

fn ky(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let given = args.option("retry");
    let made = matches!(
        qualified(args.file, &args.call?.callee)?.1.as_str(),
        "create" | "extend" | "ky.create" | "ky.extend"
    );
    if given.is_none() && !made {
        return None;
    }
    let written = limit(args, retry, given);
    let cap = match given.and_then(|loc| property(args.values, loc, "backoffLimit", 3)) {
        Some(loc) => args.time_at(loc, 1e-3),
        None => Known::default(None, "ky's default"),
    };
    let double = Known::default(2.0, "ky doubles");
    retry.backoff(args.growing(
        Known::default(0.3, "ky's default"),
        double,
        cap,
        Exponent::FromZero,
    ));
    args.no_jitter(retry);
    if let Some(loc) = given {
        if let Some(own) = property(args.values, loc, "delay", 3) {
            by_function(args, own, retry);
        }
        if let Some(jitter) = property(args.values, loc, "jitter", 3) {
            let place = args.place(jitter);
            match &args.values.follow(jitter).expr.kind {
                Kind::Bool(true) => {
                    retry.jitter(Known::read(Jitter::Full, place));
                    // Drawn first, then capped.
                    retry.cap_after(CapAfter::Yes);
                }
                Kind::Function(_) => {
                    retry.jitter(Known::unresolved(Some(place), "its own function decides"));
                }
                _ => {}
            }
        }
        methods(args, loc, site);
    }
    retry.retry_after(Hint::Replace(None));
    retry.deadline(Known::default(None, "ky has none"));
    let on = RetryOn::NOTHING
        .with(Failure::Error)
        .with(Failure::Rejected)
        .with(Failure::Refused)
        .with(Failure::Reset);
    retry.retry_on(Known::default(on, "ky's default"));
    args.no_budget(retry);
    timeout(args, retry, Some(10.0));
    if !written {
        site.named = Some(("ky", "`retry` is absent".to_string()));
    }
    Some(())
}

fn cockatiel(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.call?.position(1)?;
    match args.option("maxAttempts") {
        Some(loc) if loc.expr.path().as_deref() == Some(&["Infinity"]) => {
            retry.attempts(Known::read(UNLIMITED, args.place(loc)));
        }
        Some(loc) => {
            retry.retries(args.number_at(loc));
        }
        None => {
            retry.attempts(Known::default(UNLIMITED, "cockatiel's default"));
        }
    }
    retry.deadline(Known::default(None, "cockatiel has none"));
    args.no_budget(retry);
    args.no_jitter(retry);
    let Some(backoff) = args.option("backoff") else {
        retry.backoff(Known::default(Backoff::None, "cockatiel's default"));
        return Some(());
    };
    let place = args.place(backoff);
    let target = args.values.follow(backoff);
    let Some(call) = target.expr.as_call() else {
        retry.backoff(Known::unresolved(Some(place), "its own backoff decides"));
        return Some(());
    };
    let first = call.position(0).map(|expr| Loc { expr, ..target });
    match call.callee.last_name() {
        Some("ConstantBackoff") => {
            let wait = first.map(|loc| args.time_at(loc, 1e-3));
            let wait = wait.unwrap_or_else(|| Known::default(None, "cockatiel's default"));
            retry.backoff(wait.map(|s| match s.unwrap_or(0.0) {
                s if s > 0.0 => Backoff::Fixed(nanos(s)),
                _ => Backoff::None,
            }));
        }
        Some("IterableBackoff") => {
            let list = first.map(|loc| args.values.follow(loc));
            let values: Option<Vec<f64>> = match list.map(|loc| (loc, &loc.expr.kind)) {
                Some((loc, Kind::List(items))) => items
                    .iter()
                    .map(|e| args.values.value(Loc { expr: e, ..loc }).value?.number())
                    .collect(),
                _ => None,
            };
            match values.filter(|all| !all.is_empty()) {
                Some(all) => {
                    let table = all.iter().map(|v| nanos(v * 1e-3)).collect();
                    retry.backoff(Known::read(Backoff::Table(table), place));
                }
                None => {
                    retry.backoff(Known::unresolved(
                        Some(place),
                        "its waits are set elsewhere",
                    ));
                }
            }
        }
        Some("ExponentialBackoff") => {
            let entry = |name: &str| first.and_then(|loc| property(args.values, loc, name, 3));
            let time = |name: &str, default: f64| match entry(name) {
                Some(loc) => args.time_at(loc, 1e-3),
                None => Known::default(Some(default), "cockatiel's default"),
            };
            let base = time("initialDelay", 0.128).map(|s| s.unwrap_or(0.0));
            let factor = match entry("exponent") {
                Some(loc) => args.number_at(loc),
                None => Known::default(2.0, "cockatiel's default"),
            };
            retry.backoff(args.growing(base, factor, time("maxDelay", 30.0), Exponent::FromZero));
            let generator =
                entry("generator").and_then(|loc| loc.expr.last_name().map(str::to_string));
            match generator.as_deref() {
                None => retry
                    .jitter(Known::default(Jitter::Polly, "cockatiel's default"))
                    .cap_after(CapAfter::Yes),
                Some("noJitterGenerator") => retry.jitter(Known::read(Jitter::None, place)),
                Some("fullJitterGenerator") => retry.jitter(Known::read(Jitter::Full, place)),
                Some("halfJitterGenerator") => retry.jitter(Known::read(Jitter::Equal, place)),
                Some("decorrelatedJitterGenerator") => retry
                    .jitter(Known::read(Jitter::Polly, place))
                    .cap_after(CapAfter::Yes),
                Some(_) => {
                    retry.jitter(Known::unresolved(Some(place), "its own generator decides"))
                }
            };
        }
        _ => {
            retry.backoff(Known::unresolved(Some(place), "its own backoff decides"));
        }
    }
    Some(())
}
