//! Names of what waits, and of what is no attempt.

use crate::audit::read::code::ir::{Call, Expr, Kind, Language, Op, Stmt};

/// Functions that are no attempts: conversions, sizes, logs.
pub(super) const BENIGN: &[&str] = &[
    "print",
    "println",
    "log",
    "len",
    "str",
    "int",
    "float",
    "bool",
    "repr",
    "list",
    "dict",
    "set",
    "tuple",
    "format",
    "isinstance",
    "issubclass",
    "getattr",
    "hasattr",
    "setattr",
    "type",
    "range",
    "enumerate",
    "sum",
    "super",
    "min",
    "max",
    "pow",
    "round",
    "abs",
    "sorted",
    "zip",
    "iter",
    "id",
    "vars",
    "String",
    "Number",
    "parseInt",
    "parseFloat",
    "Boolean",
    "isNaN",
    "clearTimeout",
    "Error",
    "uuid4",
    "int64",
    "float64",
    "uint",
    "uint64",
    "int32",
    "uint32",
    "string",
    "byte",
    "append",
    "make",
    "new",
    "cap",
    "copy",
    "panic",
    "cancel",
    "monotonic",
    "perf_counter",
    "time",
    "uniform",
    "randint",
    "random",
    "getLogger",
    "Exception",
    "RuntimeError",
    "floor",
    "ceil",
    "sqrt",
    "BigInt",
    "structuredClone",
    "throw",
    "Err",
    "Ok",
    "Some",
    "listOf",
    "arrayOf",
    "minOf",
    "maxOf",
    "nameof",
    "puts",
    "raise",
    "format!",
    "println!",
    "Duration",
    "Random",
    "StringBuilder",
    "AtomicInteger",
    "Stopwatch",
    "RuntimeException",
    "IllegalStateException",
];

/// Methods that are none, whatever they are of.
pub(super) const BENIGN_METHODS: &[&str] = &[
    "print",
    "println",
    "printf",
    "debug",
    "info",
    "warn",
    "warning",
    "error",
    "exception",
    "critical",
    "trace",
    "notice",
    "Debug",
    "Info",
    "Warn",
    "Error",
    "Debugf",
    "Infof",
    "Warnf",
    "Errorf",
    "Warningf",
    "Printf",
    "Println",
    "Sprintf",
    "Infow",
    "Warnw",
    "Errorw",
    "append",
    "push",
    "extend",
    "add",
    "pop",
    "inc",
    "observe",
    "labels",
    "increment",
    "incr",
    "record",
    "Inc",
    "Observe",
    "WithField",
    "WithError",
    "WithFields",
    "With",
    "toString",
    "join",
    "split",
    "strip",
    "lower",
    "upper",
    "Pow",
    "Min",
    "Max",
    "Float64",
    "Duration",
    "keys",
    "items",
    "includes",
    "startswith",
    "endswith",
    "startsWith",
    "endsWith",
    "Unwrap",
    "stringify",
    "monotonic",
    "perf_counter",
    "now",
    "Now",
    "Since",
    "Sub",
    "Before",
    "After",
    "Add",
    "setLevel",
    "captureException",
    "capture_exception",
    "format_exc",
    "print_exc",
    "rollback",
    "close",
    "Close",
    "Stop",
    "Reset",
    "Err",
    "Done",
    "uniform",
    "randint",
    "Seconds",
    "Milliseconds",
    "getTime",
    "valueOf",
    "NewTimer",
    "NewTicker",
    "WithTimeout",
    "WithCancel",
    "WithDeadline",
    "Background",
    "total_seconds",
    "is_set",
    "isSet",
    "cancel",
    "Intn",
    "Int63n",
    "SetIdempotencyKey",
    "Set",
    // Java, Kotlin
    "getMessage",
    "printStackTrace",
    "currentTimeMillis",
    "nanoTime",
    "interrupt",
    "currentThread",
    "nextInt",
    "nextLong",
    "nextDouble",
    "current",
    "addAndGet",
    "incrementAndGet",
    "getAndIncrement",
    "addSuppressed",
    "getClass",
    "getSimpleName",
    "getCause",
    "toMillis",
    "toSeconds",
    "ofMillis",
    "ofSeconds",
    "ofMinutes",
    "multipliedBy",
    "plus",
    "equals",
    "isInterrupted",
    "coerceAtMost",
    "coerceAtLeast",
    "toLong",
    "toInt",
    "toDouble",
    "compareTo",
    // C#
    "LogInformation",
    "LogWarning",
    "LogError",
    "LogDebug",
    "LogTrace",
    "WriteLine",
    "FromSeconds",
    "FromMilliseconds",
    "FromMinutes",
    "Next",
    "NextDouble",
    "ThrowIfCancellationRequested",
    "ConfigureAwait",
    "ToString",
    "Dispose",
    // Rust, Ruby
    "into",
    "as_ref",
    "to_owned",
    "map_err",
    "context",
    "with_context",
    "freeze",
    "from_secs",
    "from_millis",
    "from_secs_f64",
    "as_millis",
    "as_secs",
    "to_string",
    "gen_range",
    "random_range",
    "saturating_mul",
    "clone",
    "is_err",
    "is_ok",
    "message",
    "to_s",
    "min_by",
];

/// What waits, and the seconds that a bare number counts there.
pub fn sleeps(call: &Call, language: Language) -> Option<(&Expr, f64)> {
    let last = call.callee.last_name()?;
    let path = call.callee.path().unwrap_or_default();
    let unit = language.tick();
    let waits = match (last, &path[..]) {
        ("sleep" | "Sleep" | "sleepAsync" | "sleep_async" | "usleep" | "snooze", _) => true,
        (
            "delay" | "wait" | "pause" | "timeout" | "setTimeout" | "sleepMs" | "delayMs"
            | "waitMs",
            [_],
        ) if language == Language::Script => {
            // A callback is a wait of its own kind: see `promised`.
            !matches!(
                call.args.first().map(|a| &a.value.kind),
                Some(Kind::Function(_))
            )
        }
        ("wait", [.., of, _]) if language == Language::Python => {
            ["event", "stop", "shutdown", "exit", "closed", "cancel"]
                .iter()
                .any(|w| of.to_lowercase().contains(w))
        }
        ("After", ["time" | "clock", _]) if language == Language::Go => true,
        // Coroutines; C#'s tasks, Ruby's and Rust's sleeps are called as the others'.
        ("delay", [_]) if language == Language::Kotlin => true,
        ("Delay", ["Task", _]) if language == Language::CSharp => true,
        ("parkNanos", ["LockSupport", _]) => true,
        _ => false,
    };
    let amount = call.args.iter().find(|arg| {
        arg.name
            .as_deref()
            .is_none_or(|n| matches!(n, "timeout" | "seconds" | "secs" | "delay"))
    });
    // `SleepWithContext(ctx, d)`
    let amount = match (language, call.args.len()) {
        (Language::Go, 2) if waits => call.args.get(1),
        _ => amount,
    };
    waits.then_some(())?;
    // `TimeUnit.SECONDS.sleep(2)`, `LockSupport.parkNanos(n)`
    let unit = match path[..] {
        [.., "NANOSECONDS", "sleep"] | ["LockSupport", _] => 1e-9,
        [.., "MICROSECONDS", "sleep"] => 1e-6,
        [.., "SECONDS", "sleep"] => 1.0,
        [.., "MINUTES", "sleep"] => 60.0,
        [.., "HOURS", "sleep"] => 3600.0,
        _ => unit,
    };
    amount.map(|arg| (&arg.value, unit))
}

/// `new Promise(r => setTimeout(r, ms))`: what it waits.
pub fn promised(expr: &Expr) -> Option<&Expr> {
    let call = match &expr.kind {
        Kind::Call(call) if call.callee.as_name() == Some("Promise") => call,
        _ => return None,
    };
    let Kind::Function(function) = &call.position(0)?.kind else {
        return None;
    };
    let mut found = None;
    crate::audit::read::code::ir::walk(&function.body, true, &mut |e| {
        if let Kind::Call(inner) = &e.kind
            && inner.callee.last_name() == Some("setTimeout")
        {
            found = inner.position(1);
        }
    });
    found
}

/// Whether a loop's condition makes the attempt: `for send() != nil {}`,
/// `while not send(item): sleep(1)`. What takes no argument asks whether something is so.
pub(super) fn tries_in_condition(condition: &Expr, language: Language) -> bool {
    match (&condition.kind, language) {
        (Kind::Binary(Op::NotEq, a, b), Language::Go) => {
            a.as_call().is_some() && matches!(b.kind, Kind::Nothing)
        }
        (Kind::Not(inner), _) => inner.as_call().is_some_and(|call| !call.args.is_empty()),
        _ => false,
    }
}

/// Whether any of these waits.
pub fn waits(body: &[Stmt], language: Language) -> bool {
    let mut found = false;
    crate::audit::read::code::ir::walk(body, false, &mut |e| {
        found |= promised(e).is_some();
        if let Kind::Call(call) = &e.kind {
            let name = call.callee.last_name();
            found |=
                sleeps(call, language).is_some() || matches!(name, Some("setTimeout" | "NewTimer"));
        }
    });
    found
}

pub(super) fn is_error_name(name: &str) -> bool {
    let name = name.to_lowercase();
    name == "e" || name.ends_with("err") || name.ends_with("error") || name.starts_with("err")
}

/// The number of a status of HTTP that is written by its name: `http.StatusTooManyRequests`,
/// `HTTPStatus.SERVICE_UNAVAILABLE`, `requests.codes.bad_gateway`.
pub(super) fn status(of: &Expr, name: &str) -> Option<f64> {
    let named = match of.last_name()? {
        "http" => name.strip_prefix("Status")?,
        "HTTPStatus" | "codes" | "StatusCodes" | "HttpStatus" => name,
        "status" => name.strip_prefix("HTTP_")?,
        _ => return None,
    };
    let plain: String = named.chars().filter(char::is_ascii_alphabetic).collect();
    let code = match plain.to_ascii_lowercase().as_str() {
        "ok" => 200,
        "created" => 201,
        "accepted" => 202,
        "nocontent" => 204,
        "badrequest" => 400,
        "unauthorized" => 401,
        "forbidden" => 403,
        "notfound" => 404,
        "requesttimeout" => 408,
        "conflict" => 409,
        "toomanyrequests" => 429,
        "internalservererror" => 500,
        "badgateway" => 502,
        "serviceunavailable" => 503,
        "gatewaytimeout" => 504,
        _ => return None,
    };
    Some(f64::from(code))
}
