//! Libraries of Python.

use herdsim_core::dist::Dist;
use herdsim_core::scenario::catalogue;
use herdsim_core::scenario::policy::{
    Backoff, CapAfter, Exponent, Failure, Hint, Jitter, Quantum, RetryOn, Rounding, UNLIMITED,
};
use herdsim_core::units::Nanos;

use super::args::{Args, Entry, caught, imported, intervals, property};
use super::temporal;
use super::tenacity::tenacity;
use crate::audit::read::code::ir::Kind;
use crate::audit::read::code::values::{Loc, Value};
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Field, Known, Retry, Site, whole};

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "tenacity",
        versions: "8 to 9.2",
        source: "tenacity 9.2.1 stop.py, wait.py",
        modules: &["tenacity"],
        names: &["retry", "Retrying", "AsyncRetrying"],
        args: &[("stop", "-"), ("wait", "-")],
        read: tenacity,
    },
    Entry {
        library: "backoff",
        versions: "2",
        source: "backoff 2.2.1 _decorator.py, _wait_gen.py, _jitter.py",
        modules: &["backoff"],
        names: &["on_exception", "on_predicate"],
        args: &[("wait_gen", "-"), ("exception", "-")],
        read: backoff,
    },
    Entry {
        library: "urllib3",
        versions: "1.26 to 2.8",
        source: "urllib3 2.8.0 util/retry.py",
        modules: &["urllib3", "requests.packages.urllib3", "requests.adapters"],
        names: &["Retry", "util.Retry", "retry.Retry"],
        args: &[
            ("total", "10"),
            ("connect", "-"),
            ("read", "-"),
            ("redirect", "-"),
            ("status", "-"),
            ("other", "-"),
            ("allowed_methods", "-"),
            ("status_forcelist", "-"),
            ("backoff_factor", "0"),
            ("backoff_max", "120"),
            ("backoff_jitter", "0"),
        ],
        read: urllib3,
    },
    Entry {
        library: "requests",
        versions: "2",
        source: "requests 2.34.2 adapters.py: Retry(n, read=False)",
        modules: &["requests.adapters", "requests"],
        names: &["HTTPAdapter", "adapters.HTTPAdapter"],
        args: &[
            ("pool_connections", "-"),
            ("pool_maxsize", "-"),
            ("max_retries", "-"),
        ],
        read: http_adapter,
    },
    Entry {
        library: "celery",
        versions: "4 to 5.7",
        source: "celery 5.7.0 app/task.py, app/autoretry.py, utils/time.py",
        modules: &["celery"],
        names: &["shared_task", ".task", ".shared_task"],
        args: &[
            ("max_retries", "3"),
            ("default_retry_delay", "180"),
            ("retry_backoff_max", "600"),
            ("retry_jitter", "true"),
        ],
        read: celery,
    },
    Entry {
        library: "boto3",
        versions: "botocore 1.42 to 1.44",
        source: "botocore 1.44.8 config.py, args.py, retries/standard.py",
        modules: &[
            "botocore.config",
            "botocore.client",
            "botocore",
            "aiobotocore.config",
        ],
        names: &["Config", "config.Config", "AioConfig"],
        args: &[("read_timeout", "60")],
        read: boto3,
    },
    Entry {
        library: "google-api-core",
        versions: "1.34 to 2.44",
        source: "google-api-core 2.44.0 retry/retry_base.py",
        modules: &[
            "google.api_core.retry",
            "google.api_core.retry_async",
            "google.api_core",
        ],
        names: &["Retry", "AsyncRetry", "retry.Retry", "retry.AsyncRetry"],
        args: &[
            ("predicate", "-"),
            ("initial", "1"),
            ("maximum", "60"),
            ("multiplier", "2"),
            ("timeout", "120"),
        ],
        read: google,
    },
    Entry {
        library: "stamina",
        versions: "23 to 25",
        source: "stamina 25.1 _core.py",
        modules: &["stamina"],
        names: &["retry", "retry_context"],
        args: &[
            ("on", "-"),
            ("attempts", "10"),
            ("timeout", "45"),
            ("wait_initial", "0.1"),
            ("wait_max", "5"),
            ("wait_jitter", "1"),
            ("wait_exp_base", "2"),
        ],
        read: stamina,
    },
    Entry {
        library: "retrying",
        versions: "1.3 to 1.4",
        source: "retrying 1.4.2 retrying.py",
        modules: &["retrying"],
        names: &["retry", "Retrying"],
        args: &[("wait_exponential_multiplier", "1")],
        read: retrying,
    },
    Entry {
        library: "airflow",
        versions: "2 to 3",
        source: "apache-airflow models/baseoperator.py, models/taskinstance.py next_retry_datetime",
        modules: &["airflow"],
        names: &["*"],
        args: &[("retry_delay", "300")],
        read: airflow,
    },
    Entry {
        library: "temporal",
        versions: "1",
        source: "temporalio/temporal 1.32 common/retrypolicy/retry_policy.go",
        modules: &["temporalio.workflow"],
        names: &[
            "execute_activity",
            "start_activity",
            "execute_activity_method",
            "start_activity_method",
            "execute_local_activity",
            "start_local_activity",
        ],
        args: &[],
        read: temporal::python,
    },
];

fn backoff(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let kinds = args.get("wait_gen")?;
    let kind = imported(kinds, kinds.expr)?;
    let named = |name: &str| call.named(name).map(|expr| args.loc(expr));
    let fallback = |n: f64| Known::default(n, "backoff's default");
    let number = |name: &str, default: f64| {
        named(name).map_or_else(|| fallback(default), |loc| args.number_at(loc))
    };
    match named("max_tries") {
        Some(loc) => {
            let known = args.values.value(loc);
            let value = known.value.and_then(|v| match v {
                Value::Nothing => Some(UNLIMITED),
                other => other.number().map(whole),
            });
            retry.attempts(Known {
                value,
                fact: known.fact,
            });
        }
        None => {
            retry.attempts(Known::default(UNLIMITED, "backoff's default"));
        }
    }
    retry.deadline(match named("max_time") {
        Some(loc) => Args::optional(args.time_at(loc, 1.0)),
        None => Known::default(None, "backoff's default"),
    });
    let place = args.place(kinds);
    match kind.as_str() {
        "expo" => {
            let cap = match named("max_value") {
                Some(loc) => args.time_at(loc, 1.0),
                None => Known::default(None, "backoff's default"),
            };
            retry.backoff(args.growing(
                number("factor", 1.0),
                number("base", 2.0),
                cap,
                Exponent::FromZero,
            ));
        }
        "constant" => {
            let known = number("interval", 1.0);
            retry.backoff(known.map(|s| {
                if s > 0.0 {
                    Backoff::Fixed(nanos(s))
                } else {
                    Backoff::None
                }
            }));
        }
        "fibo" => {
            let cap = named("max_value").map(|loc| args.number_at(loc));
            let most = cap.as_ref().and_then(|k| k.value).unwrap_or(f64::INFINITY);
            let mut series = vec![(1.0f64, 1.0f64), (1.0, 1.0)];
            while series.len() < 12 {
                let next = series[series.len() - 1].0 + series[series.len() - 2].0;
                series.push((next, next));
            }
            let series: Vec<_> = series
                .into_iter()
                .map(|(a, _)| (a.min(most), a.min(most)))
                .collect();
            let fact = Known::read((), place.clone()).fact;
            intervals(Some(series), fact, retry);
        }
        _ => {
            retry.backoff(Known::unresolved(
                Some(place.clone()),
                format!("`{kind}` decides"),
            ));
        }
    }
    match named("jitter") {
        None => {
            retry.jitter(Known::default(Jitter::Full, "backoff's default"));
        }
        Some(loc) => {
            let place = args.place(loc);
            let jitter = match (&loc.expr.kind, imported(loc, loc.expr).as_deref()) {
                (Kind::Nothing, _) => Known::read(Jitter::None, place),
                (_, Some("full_jitter")) => Known::read(Jitter::Full, place),
                (_, Some("random_jitter")) => {
                    Known::read(Jitter::Additive(Nanos::from_secs(1)), place)
                }
                _ => Known::unresolved(Some(place), "its own function decides"),
            };
            retry.jitter(jitter);
        }
    }
    // Nothing waited for has no jitter.
    if retry.is_known(Field::Backoff) && retry.policy.backoff == Backoff::None {
        args.no_jitter(retry);
    }
    if let Some(types) = args.get("exception") {
        caught(args, types, retry);
    }
    args.no_budget(retry);
    Some(())
}

fn urllib3(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    args.call?;
    let off = |loc: Loc| matches!(loc.expr.kind, Kind::Bool(false));
    match args.get("total") {
        Some(loc) if off(loc) => {
            retry.attempts(Known::read(1, args.place(loc)));
        }
        Some(loc) if matches!(loc.expr.kind, Kind::Nothing) => {
            // The other counters alone.
            let each =
                ["connect", "read", "status"].map(|name| args.get(name).map(|l| args.number_at(l)));
            let most = each
                .into_iter()
                .flatten()
                .filter_map(|k| k.value)
                .fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))));
            retry.attempts(match most {
                Some(most) => Known::read(whole(most) + 1, args.place(loc)),
                None => Known::read(UNLIMITED, args.place(loc)),
            });
        }
        _ => {
            retry.retries(args.number("total"));
        }
    }
    let factor = args.number("backoff_factor");
    let none = matches!(factor.value, Some(f) if f == 0.0);
    let cap = args.time("backoff_max", 1.0);
    retry.backoff(args.growing(
        factor,
        Known::default(2.0, "urllib3 doubles"),
        cap,
        Exponent::FromZero,
    ));
    if !none {
        retry.first(Some(Nanos::ZERO));
    }
    let jitter = args.wait("backoff_jitter", 1.0);
    retry.jitter(jitter.map(|s| {
        if s > 0.0 {
            Jitter::Additive(nanos(s))
        } else {
            Jitter::None
        }
    }));
    if retry.policy.jitter != Jitter::None {
        retry.cap_after(CapAfter::Yes);
    }
    retry.retry_after(Hint::Replace(Some(Nanos::from_secs(6 * 3600))));
    let statuses = args
        .get("status_forcelist")
        .map(|loc| args.values.follow(loc));
    let mut on = RetryOn::NOTHING
        .with(Failure::Refused)
        .with(Failure::Reset)
        .with(Failure::Timeout);
    if let Some(loc) = statuses
        && let Kind::List(items) = &loc.expr.kind
    {
        for item in items {
            let Some(code) = args
                .values
                .value(Loc { expr: item, ..loc })
                .value
                .and_then(|v| v.number())
            else {
                continue;
            };
            let code = code as u32;
            on = match code {
                429 | 503 => on.with(Failure::Rejected).with(Failure::Error),
                500.. => on.with(Failure::Error),
                _ => on,
            };
            site.cannot_succeed(code, args.file.place(&item.span));
        }
        retry.retry_on(Known::read(on, args.place(loc)));
    }
    retry.deadline(Known::default(None, "urllib3 has none"));
    args.no_budget(retry);
    if let Some(loc) = args.get("method_whitelist") {
        site.remark(
            Rule::Hs109,
            args.place(loc),
            "`method_whitelist` is `allowed_methods` since urllib3 1.26, and a TypeError in 2",
        );
    }
    for name in ["allowed_methods", "method_whitelist"] {
        let Some(loc) = args.get(name).map(|loc| args.values.follow(loc)) else {
            continue;
        };
        let unsafe_method = match &loc.expr.kind {
            Kind::Nothing | Kind::Bool(false) => Some("every method".to_string()),
            _ => {
                let mut found = None;
                loc.expr.walk(false, &mut |e| {
                    if let Some(text @ ("POST" | "PATCH")) = e.as_text() {
                        found.get_or_insert(text.to_string());
                    }
                });
                found
            }
        };
        if let Some(method) = unsafe_method {
            let place = args.place(loc);
            site.remark(
                Rule::Hs406,
                place,
                format!("{method} is sent again, and nothing tells it from a new one"),
            );
        }
    }
    if !args.has("total") && none {
        site.named = Some((
            "urllib3-retry",
            "neither `total` nor `backoff_factor` is set".to_string(),
        ));
    }
    Some(())
}

fn http_adapter(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let given = args.get("max_retries")?;
    let known = args.values.value(given);
    match known.value {
        Some(value) => {
            let n = value.number()?;
            retry.retries(Known {
                value: Some(n),
                fact: known.fact,
            });
        }
        None => {
            let made = args.values.follow(given);
            // A Retry of its own is a site of its own.
            if made.expr.as_call().is_some()
                || matches!(made.expr.kind, Kind::Name(_)) && !std::ptr::eq(made.expr, given.expr)
            {
                return None;
            }
            if made.expr.as_call().is_none()
                && given
                    .expr
                    .last_name()
                    .is_some_and(|n| n.to_lowercase().contains("retry"))
            {
                return None;
            }
            retry.attempts(Known {
                value: None,
                fact: known.fact,
            });
        }
    }
    retry.backoff(Known::default(
        Backoff::None,
        "requests sets no backoff_factor",
    ));
    args.no_jitter(retry);
    let place = args.place(given);
    retry.retry_on(Known::read(RetryOn::NOTHING.with(Failure::Refused), place));
    retry.deadline(Known::default(None, "requests has none"));
    args.no_budget(retry);
    site.named = None;
    Some(())
}

/// Whether a task hands itself to another function, which may retry it.
fn hands_on(function: &crate::audit::read::code::ir::Function) -> bool {
    let mut found = false;
    crate::audit::read::code::ir::walk(&function.body, true, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            let method = matches!(call.callee.path().as_deref(), Some(["self" | "super", ..]));
            found |= !method && call.args.iter().any(|a| a.value.as_name() == Some("self"));
        }
    });
    found
}

fn celery(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    // `@task` of Celery, not of something else with the same name.
    let auto = args.get("autoretry_for");
    let function = args.function;
    let mut own: Option<Loc> = None;
    if let Some(function) = function {
        crate::audit::read::code::ir::walk(&function.body, true, &mut |e| {
            if let Kind::Call(call) = &e.kind
                && matches!(call.callee.path().as_deref(), Some([_, "retry"]))
                && call
                    .callee
                    .path()
                    .is_some_and(|p| p[0] == "self" || p[0] == function.name)
            {
                own.get_or_insert(args.loc(e));
            }
        });
    }
    // What the body hands on, or asks for by itself, is not without effect.
    let body = function.map_or("", |f| args.file.text(&f.span));
    let handed = function.is_some_and(hands_on);
    let mut settings = vec![
        "retry_kwargs",
        "retry_backoff",
        "retry_jitter",
        "retry_backoff_max",
    ];
    if own.is_none() {
        settings.extend(["default_retry_delay", "max_retries"]);
    }
    for dead in settings {
        if auto.is_none()
            && !handed
            && !body.contains(&format!("self.{dead}"))
            && let Some(loc) = args.get(dead)
        {
            let place = args.place(loc);
            site.remark(
                Rule::Hs109,
                place,
                format!("`{dead}` does nothing without `autoretry_for`"),
            );
        }
    }
    if auto.is_none() && own.is_none() {
        return (!site.remarks.is_empty()).then(|| {
            retry.attempts(Known::default(
                1,
                "nothing is retried without `autoretry_for` or `self.retry`",
            ));
            retry.backoff(Known::default(Backoff::None, "nothing is retried"));
            args.no_jitter(retry);
            args.no_budget(retry);
        });
    }
    // `retry_kwargs={"max_retries": 5, "countdown": 2}` overrides the task's own.
    let kwargs = args.get("retry_kwargs");
    let from_kwargs = |name: &str| {
        kwargs
            .and_then(|loc| property(args.values, loc, name, 2))
            .filter(|_| auto.is_some())
    };
    let by_call = |name: &str| {
        let call = own?.expr.as_call()?;
        call.named(name).map(|expr| args.loc(expr))
    };
    let max = from_kwargs("max_retries")
        .or_else(|| by_call("max_retries").filter(|_| auto.is_none()))
        .or_else(|| args.get("max_retries"));
    match max {
        Some(loc) if matches!(loc.expr.kind, Kind::Nothing) => {
            retry.attempts(Known::read(UNLIMITED, args.place(loc)));
        }
        Some(loc) => {
            retry.retries(args.number_at(loc));
        }
        None => {
            retry.retries(Known::default(3.0, "celery's default"));
        }
    }
    let grows = args.get("retry_backoff").filter(|_| auto.is_some());
    let growing = grows.map(|loc| args.values.value(loc));
    match growing {
        Some(known) if known.value.as_ref().is_none_or(Value::truth) => {
            let fact = known.fact.clone();
            let base = match known.value {
                Some(Value::Bool(true)) => Some(1.0),
                Some(value) => value.number().map(|n| n.trunc().max(1.0)),
                None => None,
            };
            let cap = args.time("retry_backoff_max", 1.0);
            if let Some(loc) = args.get("default_retry_delay").filter(|_| own.is_none()) {
                let place = args.place(loc);
                let text = "`default_retry_delay` does nothing beside `retry_backoff`";
                site.remark(Rule::Hs109, place, text);
            }
            let base = Known { value: base, fact };
            retry.backoff(args.growing(
                base,
                Known::default(2.0, "celery doubles"),
                cap,
                Exponent::FromZero,
            ));
            let jitter = args.flag("retry_jitter");
            retry.jitter(jitter.map(|on| if on { Jitter::Full } else { Jitter::None }));
            if retry.policy.jitter == Jitter::Full {
                retry.quantum(Quantum {
                    unit: Nanos::from_secs(1),
                    rounding: Rounding::Inclusive,
                });
            }
            if let (
                Some(Backoff::Exponential {
                    base,
                    cap: Some(cap),
                    ..
                }),
                Some(loc),
            ) = (Some(&retry.policy.backoff), grows)
                && base >= cap
            {
                let text = format!(
                    "the backoff begins at its cap of {} s: every wait is drawn from all of it",
                    cap.as_secs()
                );
                let place = args.place(loc);
                site.remark(Rule::Hs109, place, text);
            }
        }
        _ => {
            let countdown = from_kwargs("countdown").or_else(|| by_call("countdown"));
            match countdown {
                Some(loc) => {
                    let known = args.time_at(loc, 1.0);
                    match known.value {
                        Some(seconds) => {
                            let fixed = |s: f64| {
                                if s > 0.0 {
                                    Backoff::Fixed(nanos(s))
                                } else {
                                    Backoff::None
                                }
                            };
                            retry.backoff(Known {
                                value: Some(fixed(seconds.unwrap_or(0.0))),
                                fact: known.fact,
                            });
                            args.no_jitter(retry);
                        }
                        None => countdowns(args, loc, retry),
                    }
                }
                None => {
                    retry.backoff(
                        args.wait("default_retry_delay", 1.0)
                            .map(|s| Backoff::Fixed(nanos(s))),
                    );
                    args.no_jitter(retry);
                }
            }
        }
    }
    if let Some(types) = auto {
        caught(args, types, retry);
    }
    retry.deadline(Known::default(None, "celery has none"));
    args.no_budget(retry);
    let plain = !args.has("max_retries")
        && !args.has("default_retry_delay")
        && grows.is_none()
        && kwargs.is_none();
    if plain && by_call("countdown").is_none() {
        site.named = Some((
            "celery",
            "neither `max_retries` nor a delay is set".to_string(),
        ));
    }
    Some(())
}

/// `countdown=2 ** self.request.retries`: by the number of the retry, which begins at 0.
fn countdowns<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    // A task's options are its attributes.
    let options = ["retry_backoff", "default_retry_delay", "max_retries"];
    let own: Vec<(String, f64)> = options
        .into_iter()
        .filter_map(|name| {
            let value = args.values.value(args.get(name)?).value?.number()?;
            Some((format!("self.{name}"), value))
        })
        .collect();
    let waits: Option<Vec<(f64, f64)>> = (0..12)
        .map(|k| {
            crate::audit::read::code::failing::with(
                args.values,
                loc,
                &["self.request.retries", "request.retries"],
                f64::from(k),
                &own,
            )
        })
        .collect();
    let fact = Known::read((), args.place(loc)).fact;
    intervals(waits, fact, retry);
}

fn boto3(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let retries = args.get("retries")?;
    let entry = |name: &str| property(args.values, retries, name, 3);
    let mode = entry("mode").map(|loc| args.values.value(loc));
    let name = match mode.as_ref().map(|known| &known.value) {
        Some(Some(Value::Text(text))) => match text.as_str() {
            "legacy" => "aws-legacy",
            "adaptive" => "aws-adaptive",
            _ => "aws-standard-2026",
        },
        Some(_) => "-",
        None => "aws-standard-2026",
    };
    let why = match mode {
        Some(_) => format!("mode of `retries`, {}", args.entry.source),
        None => "standard since botocore 1.44, legacy before".to_string(),
    };
    if let Some(known) = catalogue::entries()
        .ok()?
        .into_iter()
        .find(|e| e.name == name)
    {
        let fields = [
            Field::Attempts,
            Field::Backoff,
            Field::Jitter,
            Field::Budget,
            Field::RetryOn,
        ];
        retry.take(&known.policy, &fields, &why);
    } else {
        let place = Some(args.place(retries));
        retry.backoff(Known::unresolved(
            place.clone(),
            "its mode is set elsewhere",
        ));
        retry.jitter(Known::unresolved(
            place.clone(),
            "its mode is set elsewhere",
        ));
        retry.budget(Known::unresolved(place, "its mode is set elsewhere"));
    }
    match (entry("total_max_attempts"), entry("max_attempts")) {
        (Some(total), _) => {
            retry.attempts(args.number_at(total).map(whole));
        }
        (None, Some(max)) => {
            retry.retries(args.number_at(max));
        }
        _ => {}
    }
    retry.timeout(Args::optional(args.time("read_timeout", 1.0)));
    retry.deadline(Known::default(None, "botocore has none"));
    if entry("total_max_attempts").is_none() && entry("max_attempts").is_none() {
        site.named = catalogue_name(name).map(|n| (n, "only its mode is set".to_string()));
    }
    Some(())
}

fn catalogue_name(name: &str) -> Option<&'static str> {
    ["aws-legacy", "aws-adaptive", "aws-standard-2026"]
        .into_iter()
        .find(|n| *n == name)
}

fn google(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    args.call?;
    retry.attempts(Known::default(UNLIMITED, "google-api-core counts none"));
    let cap = args.time("maximum", 1.0);
    retry.backoff(args.growing(
        args.number("initial"),
        args.number("multiplier"),
        cap,
        Exponent::FromZero,
    ));
    retry.jitter(Known::default(
        Jitter::Full,
        "google-api-core draws from all of it",
    ));
    let limit = match args.get("deadline") {
        Some(loc) => args.time_at(loc, 1.0),
        None => args.time("timeout", 1.0),
    };
    retry.deadline(Args::optional(limit));
    args.no_budget(retry);
    if !["initial", "maximum", "multiplier", "timeout", "deadline"]
        .iter()
        .any(|n| args.has(n))
    {
        site.named = Some(("gax-python", "nothing of its timing is set".to_string()));
    }
    Some(())
}

fn stamina(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.call?;
    let endless = |loc: Loc| matches!(loc.expr.kind, Kind::Nothing);
    match args.get("attempts") {
        Some(loc) if endless(loc) => retry.attempts(Known::read(UNLIMITED, args.place(loc))),
        _ => retry.attempts(args.number("attempts").map(whole)),
    };
    let cap = args.time("wait_max", 1.0);
    let base = args.wait("wait_initial", 1.0);
    retry.backoff(args.growing(base, args.number("wait_exp_base"), cap, Exponent::FromZero));
    let jitter = args.wait("wait_jitter", 1.0);
    retry.jitter(jitter.map(|s| {
        if s > 0.0 {
            Jitter::Additive(nanos(s))
        } else {
            Jitter::None
        }
    }));
    if retry.policy.jitter != Jitter::None {
        retry.cap_after(CapAfter::Yes);
    }
    retry.deadline(Args::optional(args.time("timeout", 1.0)));
    if let Some(types) = args.get("on") {
        caught(args, types, retry);
    }
    args.no_budget(retry);
    Some(())
}

fn retrying(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    match args.get("stop_max_attempt_number") {
        Some(loc) => retry.attempts(args.number_at(loc).map(whole)),
        None => retry.attempts(Known::default(UNLIMITED, "retrying's default")),
    };
    retry.deadline(match args.get("stop_max_delay") {
        Some(loc) => Args::optional(args.time_at(loc, 1e-3)),
        None => Known::default(None, "retrying's default"),
    });
    let ms = |name: &str| {
        args.get(name)
            .map(|loc| args.time_at(loc, 1e-3).map(|s| s.unwrap_or(0.0)))
    };
    let (multiplier, most) = (
        ms("wait_exponential_multiplier"),
        ms("wait_exponential_max"),
    );
    let (low, high) = (ms("wait_random_min"), ms("wait_random_max"));
    args.no_jitter(retry);
    if let Some(fixed) = ms("wait_fixed") {
        retry.backoff(fixed.map(|s| Backoff::Fixed(nanos(s))));
    } else if multiplier.is_some() || most.is_some() {
        let base = multiplier.unwrap_or_else(|| Known::default(0.001, "retrying's default"));
        let cap = match most {
            Some(most) => most.map(Some),
            None => Known::default(None, "retrying's default"),
        };
        retry.backoff(args.growing(
            base,
            Known::default(2.0, "retrying doubles"),
            cap,
            Exponent::FromOne,
        ));
    } else if low.is_some() || high.is_some() {
        let low = low.unwrap_or_else(|| Known::default(0.0, "retrying's default"));
        let high = high.unwrap_or_else(|| Known::default(1.0, "retrying's default"));
        retry.backoff(low.and(high).map(|(low, high)| {
            Backoff::Random(Dist::Uniform {
                low: nanos(low),
                high: nanos(high.max(low)),
            })
        }));
    } else {
        retry.backoff(Known::default(Backoff::None, "retrying's default"));
    }
    if let Some(jitter) = ms("wait_jitter_max") {
        retry.jitter(jitter.map(|s| Jitter::Additive(nanos(s))));
    }
    args.no_budget(retry);
    Some(())
}

fn airflow(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let entry = |name: &str| {
        let defaults = args.get("default_args");
        args.get(name)
            .or_else(|| defaults.and_then(|loc| property(args.values, loc, name, 3)))
    };
    let retries = entry("retries")?;
    retry.retries(args.number_at(retries));
    let delay = match entry("retry_delay") {
        Some(loc) => args.time_at(loc, 1.0).map(|s| s.unwrap_or(0.0)),
        None => Known::default(300.0, "airflow's default"),
    };
    let grows = entry("retry_exponential_backoff").map(|loc| args.values.value(loc));
    let factor = grows
        .as_ref()
        .and_then(|k| k.value.as_ref())
        .filter(|v| v.truth());
    match (factor, &grows) {
        (Some(_), _) => {
            let cap = match entry("max_retry_delay") {
                Some(loc) => args.time_at(loc, 1.0),
                None => Known::default(Some(86_400.0), "airflow's default"),
            };
            retry.backoff(args.growing(
                delay,
                Known::default(2.0, "airflow doubles"),
                cap,
                Exponent::FromZero,
            ));
            retry.jitter(Known::default(
                Jitter::Scale(
                    herdsim_core::units::Factor(1.0),
                    herdsim_core::units::Factor(2.0),
                ),
                "airflow adds up to as much, by a hash of the task",
            ));
            retry.cap_after(CapAfter::Yes);
        }
        _ => {
            retry.backoff(delay.map(|s| Backoff::Fixed(nanos(s))));
            args.no_jitter(retry);
        }
    }
    retry.deadline(Known::default(None, "airflow has none"));
    args.no_budget(retry);
    Some(())
}
