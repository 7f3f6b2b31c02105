//! ktor and kotlin-retry.

use crate::audit::read::code::ir::Kind;
use crate::audit::read::code::library::args::Args;
use crate::audit::read::code::library::chain::Settings;
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::site::{Known, Retry, Site, whole};
use herdsim_core::scenario::policy::{Backoff, Exponent, Hint, Jitter, UNLIMITED};
use herdsim_core::units::Nanos;

/// `install(HttpRequestRetry) { … }`: three retries of what failed or was answered with 5xx,
/// after 1 s, 2 s, 4 s and up to a second more, where its block says nothing else.
pub(super) fn ktor(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let name = call.callee.last_name()?;
    let block = call.args.last().map(|a| &a.value.kind);
    match (name, call.position(0).and_then(|e| e.last_name())) {
        ("install", Some("HttpRequestRetry")) => {}
        ("retry", _) if matches!(block, Some(Kind::Function(_))) => {}
        _ => return None,
    }
    let mut settings = Settings::default();
    if let Some(Kind::Function(function)) = block {
        settings.within(function, args.file);
    }
    args.alone(retry);
    retry.attempts(Known::default(4, "ktor's default"));
    retry.backoff(Known::default(
        crate::audit::read::code::shape::exponential(1.0, 2.0, Some(60.0), Exponent::FromZero),
        "ktor's default",
    ));
    retry.jitter(Known::default(
        Jitter::Additive(Nanos::from_secs(1)),
        "ktor's default",
    ));
    retry.retry_after(Hint::AtLeast);
    for setting in &settings.0 {
        match setting.name {
            "maxRetries" => {
                if let Some(loc) = setting.loc() {
                    retry.retries(args.number_at(loc));
                }
            }
            "retryOnServerErrors"
            | "retryOnException"
            | "retryOnExceptionOrServerErrors"
            | "retryIf"
            | "retryOnExceptionIf" => {
                if let Some(loc) = setting.arg(0, "maxRetries")
                    && !matches!(loc.expr.kind, Kind::Function(_))
                {
                    retry.retries(args.number_at(loc));
                }
            }
            "exponentialDelay" => {
                let base = setting.arg(9, "baseDelayMs");
                let growth = args.number_or(setting.arg(0, "base"), 2.0);
                let cap = args.wait_or(setting.arg(9, "maxDelayMs"), 60.0).map(Some);
                let base = args.wait_or(base, 1.0);
                retry.backoff(args.growing(base, growth, cap, Exponent::FromZero));
                let more = args.wait_or(setting.arg(9, "randomizationMs"), 1.0);
                retry.jitter(more.map(additive));
            }
            "constantDelay" => {
                let base = args.wait_or(setting.arg(0, "millis"), 1.0);
                retry.backoff(base.map(|s| Backoff::Fixed(nanos(s))));
                let more = args.wait_or(setting.arg(1, "randomizationMs"), 1.0);
                retry.jitter(more.map(additive));
            }
            "delayMillis" => {
                if let Some(loc) = setting.loc() {
                    args.by_function(loc, retry);
                }
            }
            "noRetry" => {
                retry.attempts(Known::read(1, args.file.place(&args.span)));
            }
            _ => {}
        }
    }
    Some(())
}

fn additive(seconds: f64) -> Jitter {
    match seconds > 0.0 {
        true => Jitter::Additive(nanos(seconds)),
        false => Jitter::None,
    }
}

/// `retry(stopAtAttempts(5) + binaryExponentialBackoff(10L, 5000L)) { … }`
pub(super) fn kotlin_retry(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(Known::default(UNLIMITED, "nothing stops it"));
    retry.backoff(Known::default(Backoff::None, "it waits for nothing"));
    let first = args.loc(call.position(0)?);
    let made = args.values.follow(first);
    let mut known = false;
    let mut parts = Vec::new();
    made.expr.walk(false, &mut |e| {
        if let Kind::Call(call) = &e.kind {
            parts.push((e, &**call));
        }
    });
    for (expr, call) in parts {
        let at = |n: usize, name: &str| {
            call.arg(n, name).map(|expr| Loc {
                file: made.file,
                expr,
            })
        };
        let place = || made.file.place(&expr.span);
        let grown = |retry: &mut Retry, growth: f64| -> Option<()> {
            let base = args.wait_or(at(0, "min").or(at(9, "base")), 0.0);
            let cap = args.limit_at(at(1, "max"));
            let growth = Known::read(growth, place());
            retry.backoff(args.growing(base, growth, cap, Exponent::FromZero));
            Some(())
        };
        match call.callee.last_name() {
            Some("stopAtAttempts" | "limitAttempts") => {
                retry.attempts(args.number_at(at(0, "attempts")?).map(whole));
            }
            Some("stopAtRetries") => {
                retry.retries(args.number_at(at(0, "retries")?));
            }
            Some("constantDelay") => {
                let wait = args.wait_or(at(0, "delayMillis"), 0.0);
                retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
            }
            Some("binaryExponentialBackoff") => grown(retry, 2.0)?,
            Some("fullJitterBackoff") => {
                grown(retry, 2.0)?;
                retry.jitter(Known::read(Jitter::Full, place()));
            }
            Some("equalJitterBackoff") => {
                grown(retry, 2.0)?;
                retry.jitter(Known::read(Jitter::Equal, place()));
            }
            Some("decorrelatedJitterBackoff") => {
                grown(retry, 3.0)?;
                retry.jitter(Known::read(Jitter::Decorrelated, place()));
            }
            _ => continue,
        }
        known = true;
    }
    if !known {
        let why = "its policy is made elsewhere";
        let place = Some(args.place(first));
        retry.attempts(Known::unresolved(place.clone(), why));
        args.by_function(first, retry);
    }
    Some(())
}
