//! Failsafe, guava-retrying, Reactor.

use crate::audit::read::code::ir::Kind;
use crate::audit::read::code::library::args::{Args, MS, fibonacci};
use crate::audit::read::code::library::chain::{Setting, Settings};
use crate::audit::read::code::values::Value;
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Known, Retry, Site, whole};
use herdsim_core::dist::Dist;
use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Jitter, UNLIMITED};
use herdsim_core::units::Probability;

pub(super) fn failsafe(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.no_budget(retry);
    args.no_jitter(retry);
    retry.attempts(Known::default(3, "Failsafe's default"));
    retry.backoff(Known::default(Backoff::None, "Failsafe's default"));
    if let Some(setting) = settings.get(&["withMaxAttempts", "withMaxRetries"]) {
        let known = args.number_at(setting.loc()?);
        let all = setting.name == "withMaxAttempts";
        retry.attempts(known.map(|n| match n < 0.0 {
            true => UNLIMITED,
            false if all => whole(n),
            false => whole(n).saturating_add(1),
        }));
    }
    retry.deadline(Args::optional(
        args.limit_at(settings.loc(&["withMaxDuration"])),
    ));
    let waits = [
        "withDelay",
        "withBackoff",
        "withDelayFn",
        "withDelayOn",
        "withDelayFnOn",
    ];
    if let Some(setting) = settings.get(&waits) {
        let at = |n| setting.arg(n, "");
        let count = setting.call.map_or(0, |c| c.args.len());
        // `(100, 1000, ChronoUnit.MILLIS)`, or durations.
        let unit = [at(2), at(1)].into_iter().flatten().find(|loc| {
            loc.expr.path().is_some_and(|p| {
                p.len() > 1 && (p.contains(&"ChronoUnit") || p.contains(&"TimeUnit"))
                    || p.last()
                        .is_some_and(|n| matches!(*n, "MILLIS" | "SECONDS" | "MINUTES"))
            })
        });
        let time = |n| args.timed(at(n), unit);
        match (setting.name, unit.is_some(), count) {
            ("withDelay", false, 1) | ("withDelay", true, 2) => {
                retry.backoff(time(0)?.map(|s| Backoff::Fixed(nanos(s))));
            }
            ("withDelay", ..) => {
                let both = time(0)?.and(time(1)?);
                retry.backoff(both.map(|(low, high)| {
                    Backoff::Random(Dist::Uniform {
                        low: nanos(low),
                        high: nanos(high),
                    })
                }));
            }
            ("withBackoff", united, _) => {
                let factor = args.number_or(at(if united { 3 } else { 2 }), 2.0);
                let cap = time(1)?.map(Some);
                retry.backoff(args.growing(time(0)?, factor, cap, Exponent::FromZero));
            }
            _ => args.by_function(setting.loc()?, retry),
        }
    }
    if let Some(setting) = settings.get(&["withJitter"]) {
        let loc = setting.loc()?;
        let known = args.values.value(loc);
        let base = match &retry.policy.backoff {
            Backoff::Fixed(d) => d.as_secs(),
            _ => 0.0,
        };
        let long = setting.call.is_some_and(|c| c.args.len() > 1)
            || matches!(known.value, Some(Value::Seconds(_)));
        if long {
            let time = args.timed(Some(loc), setting.arg(1, ""))?;
            retry.jitter(time.convert(
                |j| (base > 0.0).then(|| Jitter::Proportional(Probability((j / base).min(1.0)))),
                "a length of time around waits that grow",
            ));
        } else {
            retry.jitter(args.number_at(loc).map(|f| match f > 0.0 {
                true => Jitter::Proportional(Probability(f.min(1.0))),
                false => Jitter::None,
            }));
        }
    }
    Some(())
}

pub(super) fn guava<'p>(args: &Args<'p>, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(Known::default(UNLIMITED, "guava-retrying's default"));
    retry.backoff(Known::default(Backoff::None, "guava-retrying's default"));
    if !settings.0.iter().any(|s| s.name.starts_with("retryIf")) {
        retry.attempts(Known::default(1, "without retryIf… nothing is retried"));
        let place = args.file.place(&args.span);
        site.remark(Rule::Hs109, place, "without `retryIf…` nothing is retried");
    }
    let held_call = |setting: &Setting<'p>| {
        let loc = setting.loc()?;
        let made = args.values.follow(loc);
        Some((made, made.expr.as_call()?))
    };
    if let Some((made, call)) = settings.get(&["withStopStrategy"]).and_then(&held_call) {
        let at = |n: usize| made.argument(n);
        match call.callee.last_name() {
            Some("stopAfterAttempt") if retry.policy.attempts == UNLIMITED => {
                retry.attempts(args.number_at(at(0)?).map(whole));
            }
            Some("stopAfterDelay") => {
                retry.deadline(args.timed(at(0), at(1))?.map(|s| Some(nanos(s))));
            }
            _ => {}
        }
    }
    if let Some((made, call)) = settings.get(&["withWaitStrategy"]).and_then(&held_call) {
        let at = |n: usize| made.argument(n);
        match call.callee.last_name() {
            Some("noWait") => {}
            Some("fixedWait") => {
                retry.backoff(args.timed(at(0), at(1))?.map(|s| Backoff::Fixed(nanos(s))));
            }
            Some("randomWait") => {
                let (low, high) = match call.args.len() {
                    4 => (args.timed(at(0), at(1))?, args.timed(at(2), at(3))?),
                    _ => (Known::default(0.0, "from zero"), args.timed(at(0), at(1))?),
                };
                retry.backoff(low.and(high).map(|(low, high)| {
                    Backoff::Random(Dist::Uniform {
                        low: nanos(low),
                        high: nanos(high),
                    })
                }));
            }
            Some("incrementingWait") => {
                let both = args.timed(at(0), at(1))?.and(args.timed(at(2), at(3))?);
                retry.backoff(both.map(|(offset, step)| Backoff::Polynomial {
                    offset: nanos(offset),
                    step: nanos(step),
                    power: 1,
                }));
            }
            // multiplier · 2^k ms, whatever unit its longest wait is in
            Some("exponentialWait") => {
                let (multiplier, cap) = match call.args.len() {
                    0 => (None, None),
                    2 => (None, args.timed(at(0), at(1))),
                    _ => (at(0), args.timed(at(1), at(2))),
                };
                let cap = match cap {
                    Some(cap) => cap.map(Some),
                    None => Known::default(None, "guava-retrying's default"),
                };
                let base = args.number_or(multiplier, 1.0).map(|n| n * MS);
                let double = Known::default(2.0, "guava-retrying doubles");
                retry.backoff(args.growing(base, double, cap, Exponent::FromOne));
            }
            Some("fibonacciWait") => {
                let (multiplier, cap) = match call.args.len() {
                    0 => (None, None),
                    2 => (None, args.timed(at(0), at(1))),
                    _ => (at(0), args.timed(at(1), at(2))),
                };
                let cap = cap.and_then(|c| c.value).unwrap_or(f64::INFINITY);
                let unit = args.number_or(multiplier, 1.0);
                retry.backoff(unit.map(|n| fibonacci(n * MS, cap)));
            }
            _ => args.by_function(made, retry),
        }
    }
    Some(())
}

pub(super) fn reactor(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    let call = args.call?;
    args.alone(retry);
    args.no_jitter(retry);
    retry.backoff(Known::default(Backoff::None, "it waits for nothing"));
    let at = |n: usize, name: &str| call.arg(n, name).map(|expr| args.loc(expr));
    if call.callee.last_name() == Some("indefinitely") {
        retry.attempts(Known::read(UNLIMITED, args.file.place(&args.span)));
        return Some(());
    }
    let count = settings.loc(&["maxAttempts"]).or(at(0, "maxAttempts"));
    retry.retries(match count {
        Some(loc)
            if loc
                .expr
                .path()
                .is_some_and(|p| p.last() == Some(&"MAX_VALUE")) =>
        {
            Known::read(f64::INFINITY, args.place(loc))
        }
        count => args.number_or(count, 3.0),
    });
    match call.callee.last_name() {
        Some("fixedDelay") => {
            let wait = args.wait_or(at(1, "fixedDelay"), 0.0);
            retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
        }
        Some("backoff") => {
            let base = args.wait_or(settings.loc(&["minBackoff"]).or(at(1, "minBackoff")), 0.0);
            let least = base.value;
            let cap = args.limit_at(settings.loc(&["maxBackoff"]));
            let growth = args.number_or(settings.loc(&["multiplier"]), 2.0);
            retry.backoff(args.growing(base, growth, cap, Exponent::FromZero));
            let jitter = args.number_or(settings.loc(&["jitter"]), 0.5);
            retry.jitter(jitter.map(|f| match f > 0.0 {
                true => Jitter::Proportional(Probability(f.min(1.0))),
                false => Jitter::None,
            }));
            // Never shorter than the first wait, never longer than the longest.
            if retry.policy.jitter != Jitter::None {
                retry.at_least(nanos(least.unwrap_or(0.0)));
                retry.cap_after(CapAfter::Both);
            }
        }
        _ => {}
    }
    Some(())
}

/// `mono.retry(2)`: as often, at once; without a number without end.
pub(super) fn operator(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let count = call.position(0);
    if count.is_some_and(|e| matches!(e.kind, Kind::Function(_))) || call.args.len() > 1 {
        return None;
    }
    args.alone(retry);
    args.no_jitter(retry);
    retry.backoff(Known::default(Backoff::None, "it waits for nothing"));
    match count {
        Some(expr) => {
            let loc = args.loc(expr);
            retry.retries(args.number_at(loc));
        }
        None => {
            retry.attempts(Known::read(UNLIMITED, args.file.place(&args.span)));
        }
    }
    Some(())
}
