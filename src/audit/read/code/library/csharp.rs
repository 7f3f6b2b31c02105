//! Libraries of C#.

use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Hint, Jitter, UNLIMITED};
use herdsim_core::units::{Nanos, Probability};

use super::args::{Args, Entry, intervals};
use super::chain::Settings;
use crate::audit::read::code::ir::{Kind, chain};
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Fact, How, Known, Retry, Site, whole};

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "polly",
        versions: "7",
        source: "App-vNext/Polly src/Polly/Retry, Polly-Contrib/Polly.Contrib.WaitAndRetry Backoff.*.cs",
        modules: &[
            "Polly",
            "Microsoft.Extensions.Http",
            "Microsoft.Extensions.DependencyInjection",
        ],
        names: &[
            ".Retry",
            ".RetryAsync",
            ".RetryForever",
            ".RetryForeverAsync",
            ".WaitAndRetry",
            ".WaitAndRetryAsync",
            ".WaitAndRetryForever",
            ".WaitAndRetryForeverAsync",
        ],
        args: &[],
        read: seven,
    },
    Entry {
        library: "polly",
        versions: "8",
        source: "App-vNext/Polly 8.7.0 src/Polly.Core/Retry/{RetryStrategyOptions,RetryHelper}.cs",
        modules: &["*"],
        names: &[".AddRetry"],
        args: &[],
        read: eight,
    },
    Entry {
        library: "dotnet-standard",
        versions: "8 to 10",
        source: "dotnet/extensions Microsoft.Extensions.Http.Resilience",
        modules: &["*"],
        names: &[".AddStandardResilienceHandler"],
        args: &[],
        read: standard,
    },
    Entry {
        library: "ef-core",
        versions: "3 to 10",
        source: "dotnet/efcore src/EFCore/Storage/ExecutionStrategy.cs",
        modules: &["*"],
        names: &[".EnableRetryOnFailure"],
        args: &[("maxRetryCount", "6"), ("maxRetryDelay", "30")],
        read: entity_framework,
    },
    Entry {
        library: "masstransit",
        versions: "7 to 8",
        source: "MassTransit src/MassTransit/Configuration/RetryConfigurationExtensions.cs",
        modules: &["MassTransit"],
        names: &[".UseMessageRetry"],
        args: &[],
        read: masstransit,
    },
    Entry {
        library: "hangfire",
        versions: "1.7 to 1.8",
        source: "HangfireIO/Hangfire src/Hangfire.Core/AutomaticRetryAttribute.cs",
        modules: &["Hangfire"],
        names: &["AutomaticRetry", "AutomaticRetryAttribute"],
        args: &[("Attempts", "10")],
        read: hangfire,
    },
];

/// Polly 7: every count leaves the first attempt out, and its function is asked from 1 on.
fn seven(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let name = call.callee.last_name()?;
    let at = |n: usize| args.position(n);
    // Beside Polly other things are called `Retry`.
    let of = match &call.callee.kind {
        Kind::Member(of, _) => chain(of),
        _ => Vec::new(),
    };
    let built = of.iter().any(|(name, ..)| {
        matches!(
            *name,
            "Handle"
                | "HandleResult"
                | "HandleInner"
                | "Or"
                | "OrResult"
                | "OrInner"
                | "HandleTransientHttpError"
                | "OrTransientHttpError"
                | "OrTransientHttpStatusCode"
        )
    });
    if !built && !name.starts_with("WaitAndRetry") {
        return None;
    }
    args.alone(retry);
    args.no_jitter(retry);
    let waits = name.starts_with("WaitAndRetry");
    let endless = name.contains("Forever");
    if endless {
        retry.attempts(Known::read(UNLIMITED, args.file.place(&args.span)));
    }
    if !waits {
        retry.backoff(Known::default(Backoff::None, "Polly waits for nothing"));
        if !endless {
            retry.retries(match call.arg(0, "retryCount") {
                Some(expr) if !matches!(expr.kind, Kind::Function(_)) => {
                    args.number_at(args.loc(expr))
                }
                _ => Known::default(1.0, "Polly's default"),
            });
        }
        return Some(());
    }
    let named = ["sleepDurations", "retryCount", "sleepDurationProvider"]
        .into_iter()
        .find_map(|name| call.named(name));
    let named = named.map(|expr| args.loc(expr));
    let first = named.or(at(0))?;
    let target = args.values.follow(first);
    match &target.expr.kind {
        Kind::List(items) => {
            let values = items
                .iter()
                .map(|expr| args.time_at(Loc { expr, ..target }, 1e-3));
            let values: Option<Vec<f64>> = values.map(|k| k.value.flatten()).collect();
            let place = args.place(target);
            retry.retries(Known::read(items.len() as f64, place.clone()));
            let waits = values.map(|all| all.into_iter().map(|s| (s, s)).collect());
            intervals(waits, fact(Known::read((), place)), retry);
        }
        Kind::Call(inner) if inner.callee.path().is_some_and(|p| p.contains(&"Backoff")) => {
            contrib(args, target, retry);
        }
        _ => {
            let (count, delays) = match endless {
                true => (None, Some(first)),
                false => (Some(first), at(1).or(at(0))),
            };
            if let Some(count) = count {
                retry.retries(args.number_at(count));
            }
            let delays = call
                .named("sleepDurationProvider")
                .map(|expr| args.loc(expr))
                .or(delays)?;
            by_provider(args, delays, 1, retry);
        }
    }
    Some(())
}

fn fact(known: Known<()>) -> Fact {
    known.fact
}

/// A function of the number of the retry, counted from `from`.
fn by_provider<'p>(args: &Args<'p>, loc: Loc<'p>, from: u32, retry: &mut Retry) {
    let place = args.place(loc);
    let read = Fact {
        how: How::Read,
        place: Some(place),
        why: None,
    };
    let target = args.values.follow(loc);
    let Kind::Function(function) = &target.expr.kind else {
        return args.by_function(loc, retry);
    };
    let waits = (0..12).map(|k| {
        let k = f64::from(from + k);
        crate::audit::read::code::failing::call(args.values, target.file, function, k, 1e-3)
    });
    let waits: Option<Vec<(f64, f64)>> = waits.collect();
    match waits {
        Some(waits) => intervals(Some(waits), read, retry),
        None => args.by_function(loc, retry),
    }
}

/// `Backoff.DecorrelatedJitterBackoffV2(medianFirstRetryDelay, retryCount)` and its like.
fn contrib<'p>(args: &Args<'p>, target: Loc<'p>, retry: &mut Retry) {
    let Some(call) = target.expr.as_call() else {
        return;
    };
    let get = |n: usize, name: &str| call.arg(n, name).map(|expr| Loc { expr, ..target });
    let fast = call
        .named("fastFirst")
        .is_some_and(|e| matches!(e.kind, Kind::Bool(true)));
    let name = call.callee.last_name().unwrap_or("");
    let first = ["delay", "initialDelay", "medianFirstRetryDelay", "minDelay"]
        .into_iter()
        .find_map(|name| call.named(name).map(|expr| Loc { expr, ..target }));
    let base = args.wait_or(first.or(get(0, "delay")), 0.0);
    let at = usize::from(name == "AwsDecorrelatedJitterBackoff") + 1;
    retry.retries(args.number_or(get(at, "retryCount"), 0.0));
    let none = || Known::default(None, "it has no cap");
    match name {
        "ConstantBackoff" => {
            retry.backoff(base.map(|s| Backoff::Fixed(nanos(s))));
        }
        "LinearBackoff" => {
            let factor = args.number_or(get(2, "factor"), 1.0);
            retry.backoff(base.and(factor).map(|(s, f)| Backoff::Polynomial {
                offset: nanos(s),
                step: nanos(s * f),
                power: 1,
            }));
        }
        "ExponentialBackoff" => {
            let factor = args.number_or(get(2, "factor"), 2.0);
            retry.backoff(args.growing(base, factor, none(), Exponent::FromZero));
        }
        "AwsDecorrelatedJitterBackoff" => {
            let cap = args.limit_at(get(1, "maxDelay"));
            let three = Known::default(3.0, "it triples at most");
            retry.backoff(args.growing(base, three, cap, Exponent::FromZero));
            retry.jitter(Known::read(Jitter::Decorrelated, args.place(target)));
        }
        "DecorrelatedJitterBackoffV2" => {
            let double = Known::default(2.0, "it doubles");
            retry.backoff(args.growing(base, double, none(), Exponent::FromZero));
            retry.jitter(Known::read(Jitter::Polly, args.place(target)));
        }
        _ => args.by_function(target, retry),
    }
    if fast {
        retry.first(Some(Nanos::ZERO));
    }
}

/// Polly 8: `.AddRetry(new RetryStrategyOptions { … })`.
fn eight(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    let loc = args.loc(call.position(0)?);
    args.alone(retry);
    let http = options_name(loc).is_some_and(|n| n.starts_with("Http"));
    options(args, loc, http, retry, site);
    // What is added after it is within it: a timeout there is each attempt's.
    let whole = args.file.outermost(&args.span);
    let links = whole.map(chain).unwrap_or_default();
    let own = links.iter().position(|(_, c, _)| std::ptr::eq(*c, call))?;
    for (at, (name, call, _)) in links.iter().enumerate() {
        if *name != "AddTimeout" {
            continue;
        }
        let given = call.position(0).map(|expr| args.loc(expr));
        let limit = match given {
            Some(loc) => match super::args::property(args.values, loc, "Timeout", 2) {
                Some(inner) => args.time_at(inner, 1e-3),
                None => args.time_at(loc, 1e-3),
            },
            None => Known::default(Some(30.0), "Polly's default"),
        };
        match at > own {
            true => retry.timeout(Args::optional(limit)),
            false => retry.deadline(Args::optional(limit)),
        };
    }
    Some(())
}

fn options_name(loc: Loc) -> Option<String> {
    match &loc.expr.kind {
        Kind::Object(Some(of), ..) => of.last_name().map(str::to_string),
        Kind::Call(call) => call.callee.last_name().map(str::to_string),
        _ => None,
    }
}

/// RetryStrategyOptions: three retries 2 s apart, without jitter; of HTTP doubling, with it.
fn options<'p>(args: &Args<'p>, loc: Loc<'p>, http: bool, retry: &mut Retry, site: &mut Site) {
    let get = |name: &str| super::args::property(args.values, loc, name, 4);
    let target = args.values.follow(loc);
    let opaque = !matches!(target.expr.kind, Kind::Object(..) | Kind::Call(_));
    if opaque {
        let place = Some(args.place(loc));
        let why = "its options are made elsewhere";
        retry.attempts(Known::unresolved(place.clone(), why));
        retry.backoff(Known::unresolved(place.clone(), why));
        retry.jitter(Known::unresolved(place, why));
        return;
    }
    // What is set afterwards on what it is assigned to holds.
    let settings = Settings::from(args.values, loc);
    let both = |name: &str| settings.loc(&[name]).or_else(|| get(name));
    strategy(args, &both, http, retry, site);
}

/// What options say, wherever they are set.
fn strategy<'p>(
    args: &Args<'p>,
    get: &dyn Fn(&str) -> Option<Loc<'p>>,
    http: bool,
    retry: &mut Retry,
    site: &mut Site,
) {
    retry.attempts(match get("MaxRetryAttempts") {
        Some(loc) if loc.expr.last_name() == Some("MaxValue") => {
            Known::read(UNLIMITED, args.place(loc))
        }
        count => args
            .number_or(count, 3.0)
            .map(|n| whole(n).saturating_add(1)),
    });
    let base = args.wait_or(get("Delay"), 2.0);
    let cap = args.limit_at(get("MaxDelay"));
    let capped = cap.value.flatten().is_some();
    let kind = get("BackoffType").and_then(|loc| loc.expr.last_name());
    let kind = kind.unwrap_or(if http { "Exponential" } else { "Constant" });
    let jitter = match get("UseJitter") {
        Some(loc) => args.values.value(loc).map(|v| v.truth()),
        None => Known::default(http, "Polly's default"),
    };
    let quarter = || Jitter::Proportional(Probability(0.25));
    match kind {
        "Exponential" => {
            let double = Known::default(2.0, "Polly doubles");
            retry.backoff(args.growing(base, double, cap, Exponent::FromZero));
            retry.jitter(jitter.map(|on| if on { Jitter::Polly } else { Jitter::None }));
        }
        "Linear" => {
            retry.backoff(base.map(|s| Backoff::Linear(nanos(s))));
            retry.jitter(jitter.map(|on| if on { quarter() } else { Jitter::None }));
        }
        _ => {
            retry.backoff(base.map(|s| match s > 0.0 {
                true => Backoff::Fixed(nanos(s)),
                false => Backoff::None,
            }));
            retry.jitter(jitter.map(|on| if on { quarter() } else { Jitter::None }));
        }
    }
    if capped && retry.policy.jitter != Jitter::None {
        retry.cap_after(CapAfter::Yes);
    }
    if http {
        retry.retry_after(Hint::Replace(None));
    }
    if let Some(loc) = get("DelayGenerator") {
        // Asked from 0 on, and then nothing else decides how long it waits.
        args.by_function(loc, retry);
        for name in ["Delay", "BackoffType", "MaxDelay", "UseJitter"] {
            if let Some(dead) = get(name) {
                let text = format!("`{name}` does nothing where a DelayGenerator decides");
                site.remark(Rule::Hs109, args.place(dead), text);
            }
        }
    }
}

/// The standard handler: 30 s in all, three retries, 10 s an attempt.
fn standard(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    let whole_chain = args.file.outermost(&args.span);
    let mut said: Vec<(String, Loc)> = Vec::new();
    let mut spared = false;
    let links = whole_chain.map(chain).unwrap_or_default();
    let own = links.iter().position(|(_, c, _)| std::ptr::eq(*c, call));
    let told = links.iter().skip(own.unwrap_or(0)).map(|(_, c, _)| *c);
    for arg in told.flat_map(|c| &c.args) {
        let Kind::Function(function) = &arg.value.kind else {
            // A section of the configuration.
            if std::ptr::eq(arg, call.args.first()?) {
                let why = "a section of the configuration decides";
                let place = Some(args.file.place(&arg.value.span));
                retry.attempts(Known::unresolved(place.clone(), why));
                retry.backoff(Known::unresolved(place.clone(), why));
                retry.jitter(Known::unresolved(place, why));
                return Some(());
            }
            continue;
        };
        let own = function.params.first().map_or("", |p| p.name.as_str());
        crate::audit::read::code::ir::statements(&function.body, &mut |stmt| {
            if let crate::audit::read::code::ir::Do::Assign(assign) = &stmt.kind
                && let [target] = &assign.targets[..]
                && let (Some(path), Some(value)) = (target.path(), &assign.value)
                && path[0] == own
            {
                let loc = args.loc(value);
                said.push((path[1..].join("."), loc));
            }
            for expr in stmt.exprs() {
                expr.walk(false, &mut |e| {
                    spared |= e.last_name() == Some("DisableForUnsafeHttpMethods");
                });
            }
        });
    }
    let get = |name: &str| {
        said.iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, loc)| *loc)
    };
    args.no_budget(retry);
    let inner = |name: &str| get(&format!("Retry.{name}"));
    strategy(args, &inner, true, retry, site);
    retry.timeout(
        args.wait_or(get("AttemptTimeout.Timeout"), 10.0)
            .map(|s| Some(nanos(s))),
    );
    retry.deadline(
        args.wait_or(get("TotalRequestTimeout.Timeout"), 30.0)
            .map(|s| Some(nanos(s))),
    );
    if said.is_empty() && !spared {
        site.named = Some(("dotnet-standard", "nothing is set".to_string()));
    }
    if !spared {
        let place = args.file.place(&args.span);
        let text = "a POST is sent again, too: DisableForUnsafeHttpMethods spares it";
        site.remark(Rule::Hs406, place, text);
    }
    Some(())
}

/// min(1 s · (2^(k−1) − 1) · U(1, 1.1), maxRetryDelay)
fn entity_framework(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.alone(retry);
    retry.retries(args.number("maxRetryCount"));
    let cap = args.time("maxRetryDelay", 1.0).map(|s| s.unwrap_or(30.0));
    retry.backoff(cap.map(|cap| {
        let waits = (1..40).map(|k| (2f64.powi(k - 1) - 1.0).min(cap));
        let mut table: Vec<Nanos> = waits.map(nanos).collect();
        while table.len() > 1 && table[table.len() - 1] == table[table.len() - 2] {
            table.pop();
        }
        Backoff::Table(table)
    }));
    retry.jitter(Known::default(
        Jitter::Scale(
            herdsim_core::units::Factor(1.0),
            herdsim_core::units::Factor(1.1),
        ),
        "EF Core adds up to a tenth",
    ));
    Some(())
}

/// `UseMessageRetry(r => r.Interval(5, TimeSpan.FromSeconds(1)))`; a bare number counts ms.
fn masstransit(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let mut settings = Settings::default();
    for arg in &args.call?.args {
        if let Kind::Function(function) = &arg.value.kind {
            settings.within(function, args.file);
            // `r => r.Interval(…)` returns it.
            crate::audit::read::code::ir::walk(&function.body, false, &mut |_| {});
        }
    }
    let setting = settings.get(&[
        "Interval",
        "Immediate",
        "Intervals",
        "Incremental",
        "Exponential",
        "None",
    ])?;
    args.alone(retry);
    args.no_jitter(retry);
    let at = |n| setting.arg(n, "");
    let count = args.number_or(at(0), 0.0);
    match setting.name {
        "None" => {
            retry.attempts(Known::read(1, args.file.place(&args.span)));
        }
        "Immediate" => {
            retry.retries(count);
            retry.backoff(Known::read(Backoff::None, args.file.place(&args.span)));
        }
        "Interval" => {
            retry.retries(count);
            retry.backoff(args.wait_or(at(1), 0.0).map(|s| Backoff::Fixed(nanos(s))));
        }
        "Incremental" => {
            retry.retries(count);
            let both = args.wait_or(at(1), 0.0).and(args.wait_or(at(2), 0.0));
            retry.backoff(both.map(|(offset, step)| Backoff::Polynomial {
                offset: nanos(offset),
                step: nanos(step),
                power: 1,
            }));
        }
        "Intervals" => {
            let all = setting.call?.args.iter().map(|a| {
                let loc = args.loc(&a.value);
                args.time_at(loc, 1e-3).value.flatten()
            });
            let all: Option<Vec<f64>> = all.collect();
            let place = args.file.place(&args.span);
            retry.retries(Known::read(setting.call?.args.len() as f64, place.clone()));
            let waits = all.map(|all| all.into_iter().map(|s| (s, s)).collect());
            intervals(waits, fact(Known::read((), place)), retry);
        }
        _ => {
            retry.retries(count);
            let place = Some(args.file.place(&args.span));
            let why = "its intervals are drawn by a formula of its own";
            retry.backoff(Known::unresolved(place.clone(), why));
            retry.jitter(Known::unresolved(place, why));
        }
    }
    Some(())
}

/// (k−1)⁴ + 15 + {0 … 29}·k seconds
fn hangfire(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.alone(retry);
    let count = match args.get("Attempts") {
        Some(loc) => args.number_at(loc),
        None => Known::default(10.0, "Hangfire's default"),
    };
    retry.retries(count);
    match args.get("DelaysInSeconds") {
        Some(loc) => {
            let target = args.values.follow(loc);
            let Kind::List(items) = &target.expr.kind else {
                args.by_function(loc, retry);
                return Some(());
            };
            let all = items
                .iter()
                .map(|expr| args.number_at(Loc { expr, ..target }).value);
            let all: Option<Vec<f64>> = all.collect();
            let waits = all.map(|all| all.into_iter().map(|s| (s, s)).collect());
            intervals(waits, fact(Known::read((), args.place(loc))), retry);
        }
        None => {
            retry.backoff(Known::default(
                Backoff::Polynomial {
                    offset: Nanos::from_secs(15),
                    step: Nanos::from_secs(1),
                    power: 4,
                },
                "Hangfire's default",
            ));
            retry.jitter(Known::default(
                Jitter::Growing(Nanos::from_secs(30)),
                "Hangfire's default",
            ));
        }
    }
    Some(())
}
