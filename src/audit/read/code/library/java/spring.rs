//! Spring Retry, and what Spring Framework 7 has of its own.

use crate::audit::read::code::library::args::{Args, MS, down_to_ms};
use crate::audit::read::code::library::chain::Settings;
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Known, Retry, Site, whole};
use herdsim_core::dist::Dist;
use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Jitter, UNLIMITED};
use herdsim_core::units::{Factor, Nanos, Probability};

/// Spring Retry's annotation. Its count includes the first attempt.
pub(super) fn retryable(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(match args.get("maxAttemptsExpression") {
        Some(loc) => args.number_at(loc).map(whole),
        None => args.number("maxAttempts").map(whole),
    });
    let second = Known::default(
        Backoff::Fixed(Nanos::from_secs(1)),
        "spring-retry's default",
    );
    retry.backoff(second);
    retry.quantum(down_to_ms());
    let backoff = args.get("backoff");
    match backoff.map(|loc| (loc, loc.expr.as_call())) {
        Some((loc, Some(call))) => {
            let get = |names: &[&str]| {
                let named = names.iter().find_map(|name| call.named(name));
                named.map(|expr| Loc { expr, ..loc })
            };
            let first = call.position(0).map(|expr| Loc { expr, ..loc });
            let delay = args.wait_or(get(&["delayExpression", "delay", "value"]).or(first), 1.0);
            let most = args.wait_or(get(&["maxDelayExpression", "maxDelay"]), 0.0);
            let growth = args.number_or(get(&["multiplierExpression", "multiplier"]), 0.0);
            let random = get(&["randomExpression", "random"]);
            let drawn =
                random.is_some_and(|loc| args.values.value(loc).value.is_some_and(|v| v.truth()));
            let dead = spring_backoff(args, (delay, growth, most), drawn, retry);
            if let (Some(text), Some(loc)) = (dead, random) {
                site.remark(Rule::Hs109, args.place(loc), text);
            }
        }
        Some((loc, None)) => {
            let named = loc.expr.last_name() == Some("Backoff");
            if !named {
                args.by_function(loc, retry);
            }
        }
        None => {}
    }
    if args.call.is_none_or(|call| call.args.is_empty()) {
        site.named = Some(("spring-retryable", "nothing is set".to_string()));
    }
    Some(())
}

/// Which BackOffPolicy a delay, a multiplier and a longest delay make, and what is dead then.
fn spring_backoff(
    args: &Args,
    (delay, growth, most): (Known<f64>, Known<f64>, Known<f64>),
    drawn: bool,
    retry: &mut Retry,
) -> Option<&'static str> {
    let all = delay.clone().and(growth.clone()).and(most.clone());
    let Some(((base, multiplier), longest)) = all.value else {
        retry.backoff(Known {
            value: None,
            fact: all.fact,
        });
        return None;
    };
    if multiplier > 0.0 {
        let cap = if longest > base { longest } else { 30.0 };
        let multiplier = multiplier.max(1.0);
        let known = delay.and(growth);
        retry.backoff(Known {
            value: Some(match multiplier {
                1.0 => Backoff::Fixed(nanos(base.min(cap))),
                m => crate::audit::read::code::shape::exponential(
                    base,
                    m,
                    Some(cap),
                    Exponent::FromZero,
                ),
            }),
            fact: known.fact.clone(),
        });
        if drawn {
            retry.jitter(Known {
                value: Some(Jitter::Scale(Factor(1.0), Factor(multiplier))),
                fact: known.fact,
            });
            retry.cap_after(CapAfter::Both);
        }
        return None;
    }
    if longest > base {
        let law = Dist::Uniform {
            low: nanos(base),
            high: nanos(longest),
        };
        retry.backoff(delay.map(|_| Backoff::Random(law)));
        return None;
    }
    retry.backoff(delay.map(|s| Backoff::Fixed(nanos(s.max(MS)))));
    args.no_jitter(retry);
    drawn.then_some("`random` without a multiplier does nothing: the delay stays the same")
}

/// RetryTemplate: three attempts at once, unless it is told otherwise.
pub(super) fn template(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(Known::default(3, "spring-retry's default"));
    retry.backoff(Known::default(
        Backoff::None,
        "RetryTemplate waits for nothing",
    ));
    if let Some(loc) = settings.loc(&["maxAttempts"]) {
        retry.attempts(args.number_at(loc).map(whole));
    }
    if settings.has(&["infiniteRetry"]) {
        retry.attempts(Known::read(UNLIMITED, args.file.place(&args.span)));
    }
    if let Some(loc) = settings.loc(&["withTimeout", "withinMillis"]) {
        retry.attempts(Known::default(UNLIMITED, "a time ends it"));
        retry.deadline(Args::optional(args.time_at(loc, MS)));
    }
    let waits = [
        "fixedBackoff",
        "exponentialBackoff",
        "uniformRandomBackoff",
        "noBackoff",
        "customBackoff",
        "setBackOffPolicy",
    ];
    if let Some(setting) = settings.get(&waits) {
        let at = |n| setting.arg(n, "");
        match setting.name {
            "fixedBackoff" => {
                let wait = args.wait_or(at(0), 1.0);
                retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
            }
            "exponentialBackoff" => {
                let drawn = at(3)
                    .is_some_and(|loc| args.values.value(loc).value.is_some_and(|v| v.truth()));
                let all = (
                    args.wait_or(at(0), 0.1),
                    args.number_or(at(1), 2.0),
                    args.wait_or(at(2), 30.0),
                );
                spring_backoff(args, all, drawn, retry);
            }
            "uniformRandomBackoff" => {
                let both = args.wait_or(at(0), 0.5).and(args.wait_or(at(1), 1.5));
                retry.backoff(both.map(|(low, high)| {
                    Backoff::Random(Dist::Uniform {
                        low: nanos(low),
                        high: nanos(high),
                    })
                }));
            }
            "noBackoff" => {}
            _ => match at(0) {
                Some(loc) => policy_object(args, loc, retry),
                None => return Some(()),
            },
        }
    }
    if let Some(loc) = settings.loc(&["setRetryPolicy", "customPolicy"]) {
        counted(args, loc, retry);
    }
    if settings.0.iter().all(|s| s.name == "build") {
        site.named = Some(("spring-retry", "nothing is set".to_string()));
    }
    Some(())
}

/// A RetryPolicy of Spring Retry.
fn counted<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    let made = args.values.follow(loc);
    let settings = Settings::from(args.values, loc);
    let call = made.expr.as_call();
    let first = call.and_then(|c| c.position(0)).map(|expr| Loc {
        file: made.file,
        expr,
    });
    match call.and_then(|c| c.callee.last_name()) {
        Some("SimpleRetryPolicy" | "MaxAttemptsRetryPolicy") => {
            let loc = settings.loc(&["setMaxAttempts"]).or(first);
            retry.attempts(args.number_or(loc, 3.0).map(whole));
        }
        Some("AlwaysRetryPolicy") => {
            retry.attempts(Known::read(UNLIMITED, args.place(loc)));
        }
        Some("NeverRetryPolicy") => {
            retry.attempts(Known::read(1, args.place(loc)));
        }
        Some("TimeoutRetryPolicy") => {
            retry.attempts(Known::default(UNLIMITED, "a time ends it"));
            let loc = settings.loc(&["setTimeout"]).or(first);
            retry.deadline(args.wait_or(loc, 1.0).map(|s| Some(nanos(s))));
        }
        // Of a class of one's own that is told so.
        _ if settings.has(&["setMaxAttempts"]) => {
            retry.attempts(
                args.number_or(settings.loc(&["setMaxAttempts"]), 3.0)
                    .map(whole),
            );
        }
        _ => {
            let why = "its policy is made elsewhere";
            retry.attempts(Known::unresolved(Some(args.place(loc)), why));
        }
    }
}

/// A BackOffPolicy of Spring Retry.
fn policy_object<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    let made = args.values.follow(loc);
    let settings = Settings::from(args.values, loc);
    let name = made.expr.as_call().and_then(|c| c.callee.last_name());
    match name {
        Some("FixedBackOffPolicy") => {
            let wait = args.wait_or(settings.loc(&["setBackOffPeriod", "backOffPeriod"]), 1.0);
            retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
        }
        Some("ExponentialBackOffPolicy" | "ExponentialRandomBackOffPolicy") => {
            let all = (
                args.wait_or(
                    settings.loc(&["setInitialInterval", "initialInterval"]),
                    0.1,
                ),
                args.number_or(settings.loc(&["setMultiplier", "multiplier"]), 2.0),
                args.wait_or(settings.loc(&["setMaxInterval", "maxInterval"]), 30.0),
            );
            spring_backoff(
                args,
                all,
                name == Some("ExponentialRandomBackOffPolicy"),
                retry,
            );
        }
        Some("UniformRandomBackOffPolicy") => {
            let low = args.wait_or(settings.loc(&["setMinBackOffPeriod"]), 0.5);
            let both = low.and(args.wait_or(settings.loc(&["setMaxBackOffPeriod"]), 1.5));
            retry.backoff(both.map(|(low, high)| {
                Backoff::Random(Dist::Uniform {
                    low: nanos(low),
                    high: nanos(high),
                })
            }));
        }
        Some("NoBackOffPolicy") => {}
        _ => args.by_function(loc, retry),
    }
}

/// Spring 7's annotation. `maxRetries` leaves the first attempt out, and was called
/// `maxAttempts` in its milestones.
pub(super) fn spring7(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    args.no_budget(retry);
    let unit = match args.get("timeUnit").and_then(|loc| loc.expr.last_name()) {
        Some("SECONDS") => 1.0,
        Some("MINUTES") => 60.0,
        Some("MICROSECONDS") => 1e-6,
        Some("NANOSECONDS") => 1e-9,
        _ => MS,
    };
    if let Some(loc) = args.get("maxAttempts") {
        site.remark(
            Rule::Hs109,
            args.place(loc),
            "Spring 7 has no `maxAttempts`: it is `maxRetries`, which leaves the first attempt out",
        );
    }
    retry.retries(match args.get("maxRetriesString") {
        Some(loc) => args.number_at(loc),
        None => args.number("maxRetries"),
    });
    let time = |name: &str, default: f64| {
        let text = format!("{name}String");
        match args.get(&text).or_else(|| args.get(name)) {
            Some(loc) => args.time_at(loc, unit).map(|s| s.unwrap_or(0.0)),
            None => Known::default(default, "Spring 7's default"),
        }
    };
    let most = time("maxDelay", f64::INFINITY);
    let multiplier = match args.get("multiplierString") {
        Some(loc) => args.number_at(loc),
        None => args.number("multiplier"),
    };
    spring7_waits(
        args,
        time("delay", 1.0),
        multiplier,
        most,
        time("jitter", 0.0),
        retry,
    );
    retry.deadline(time("timeout", 0.0).map(|s| Some(nanos(s)).filter(|d| *d > Nanos::ZERO)));
    if args.call.is_none_or(|call| call.args.is_empty()) {
        site.named = Some(("spring7", "nothing is set".to_string()));
    }
    Some(())
}

/// min(max(b ± j·b/delay, delay), max), b = min(delay·multiplier^(k−1), max)
fn spring7_waits(
    args: &Args,
    delay: Known<f64>,
    multiplier: Known<f64>,
    most: Known<f64>,
    jitter: Known<f64>,
    retry: &mut Retry,
) {
    let cap = most.map(|s| Some(s).filter(|s| s.is_finite()));
    let base = delay.value.unwrap_or(0.0);
    retry.backoff(args.growing(delay, multiplier, cap, Exponent::FromZero));
    retry.quantum(down_to_ms());
    retry.jitter(jitter.map(|j| match (j > 0.0, base > 0.0) {
        (true, true) => Jitter::Proportional(Probability((j / base).min(1.0))),
        _ => Jitter::None,
    }));
    if retry.policy.jitter != Jitter::None {
        retry.at_least(nanos(base));
        retry.cap_after(CapAfter::Both);
    }
}

pub(super) fn spring7_policy(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.no_budget(retry);
    let call = args.call?;
    let name = call.callee.last_name()?;
    let first = args.position(0);
    let told = |names: &[&str]| settings.loc(names);
    let count = match name {
        "withMaxRetries" => first,
        _ => told(&["maxRetries", "maxAttempts"]),
    };
    retry.retries(args.number_or(count, 3.0));
    let most = args.wait_or(told(&["maxDelay"]), f64::INFINITY);
    let growth = args.number_or(told(&["multiplier"]), 1.0);
    let jitter = args.wait_or(told(&["jitter"]), 0.0);
    spring7_waits(
        args,
        args.wait_or(told(&["delay"]), 1.0),
        growth,
        most,
        jitter,
        retry,
    );
    retry.deadline(Args::optional(args.limit_at(told(&["timeout"]))));
    if let Some(loc) = told(&["backOff"]) {
        args.by_function(loc, retry);
        let place = Some(args.place(loc));
        retry.attempts(Known::unresolved(place, "its BackOff decides"));
    }
    if settings.0.iter().all(|s| s.name == "build") && name != "withMaxRetries" {
        site.named = Some(("spring7", "nothing is set".to_string()));
    }
    Some(())
}
