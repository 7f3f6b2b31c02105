//! MicroProfile, Temporal, Feign, HttpClient, Curator.

use crate::audit::read::code::library::args::{Args, MS, down_to_ms};
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::site::{Known, Retry, Site, whole};
use herdsim_core::dist::Dist;
use herdsim_core::scenario::policy::{Backoff, Exponent, Jitter, UNLIMITED};
use herdsim_core::units::{Nanos, Probability};

/// max(0, delay + U(−jitter, jitter)); 200 ms of jitter and no delay unless it says so.
pub(super) fn microprofile(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.no_budget(retry);
    let unit = |name: &str| match args.get(name).and_then(|loc| loc.expr.last_name()) {
        Some("NANOS") => 1e-9,
        Some("MICROS") => 1e-6,
        Some("SECONDS") => 1.0,
        Some("MINUTES") => 60.0,
        Some("HOURS") => 3600.0,
        _ => MS,
    };
    let count = args.number("maxRetries");
    retry.attempts(count.map(|n| match n < 0.0 {
        true => UNLIMITED,
        false => whole(n).saturating_add(1),
    }));
    let delay = args.wait("delay", unit("delayUnit"));
    let spread = args.wait("jitter", unit("jitterDelayUnit"));
    let both = delay.clone().and(spread.clone());
    let (d, j) = both.value.unwrap_or((0.0, 0.0));
    if j <= d {
        retry.backoff(delay.map(|d| {
            if d > 0.0 {
                Backoff::Fixed(nanos(d))
            } else {
                Backoff::None
            }
        }));
        retry.jitter(spread.map(|j| match j > 0.0 {
            true => Jitter::Proportional(Probability(j / d)),
            false => Jitter::None,
        }));
    } else {
        // What falls below zero is no wait at all.
        let none = (j - d) / (2.0 * j);
        let law = Dist::Mix(vec![
            (none, Dist::Const(Nanos::ZERO)),
            (
                1.0 - none,
                Dist::Uniform {
                    low: Nanos::ZERO,
                    high: nanos(d + j),
                },
            ),
        ]);
        retry.backoff(both.map(|_| Backoff::Random(law)));
        args.no_jitter(retry);
    }
    // `@Timeout(500)` is each attempt's.
    let beside = args.function.map_or(&[][..], |f| &f.decorators);
    if let Some(limit) = beside.iter().find(|d| d.last_name() == Some("Timeout")) {
        let given = limit.as_call().and_then(|c| c.arg(0, "value"));
        let time = match given {
            Some(expr) => {
                let unit = limit.as_call().and_then(|c| c.named("unit"));
                args.timed(Some(args.loc(expr)), unit.map(|expr| args.loc(expr)))?
            }
            None => Known::default(1.0, "its default"),
        };
        retry.timeout(time.map(|s| Some(nanos(s))));
    }
    let most = args.time("maxDuration", unit("durationUnit"));
    retry.deadline(most.map(|limit| limit.filter(|s| *s > 0.0).map(nanos)));
    Some(())
}

/// Feign's Retryer: 1.5 times the period before its first retry.
pub(super) fn feign(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(args.number("maxAttempts").map(whole));
    let cap = args.time("maxPeriod", MS);
    let half = Known::default(1.5, "Feign's own");
    retry.backoff(args.growing(args.wait("period", MS), half, cap, Exponent::FromOne));
    retry.quantum(down_to_ms());
    Some(())
}

pub(super) fn httpclient(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let at = |n: usize| args.position(n);
    args.alone(retry);
    args.no_jitter(retry);
    match call.callee.last_name() {
        Some("DefaultHttpRequestRetryHandler") => {
            retry.retries(args.number_or(at(0), 3.0));
            retry.backoff(Known::default(
                Backoff::None,
                "HttpClient 4 waits for nothing",
            ));
        }
        _ => {
            retry.retries(args.number_or(at(0), 1.0));
            let wait = match at(1) {
                Some(loc) => match args.values.follow(loc).expr.as_call() {
                    // TimeValue.ofSeconds(1)
                    Some(call) => {
                        let unit = match call.callee.last_name() {
                            Some("ofSeconds") => 1.0,
                            Some("ofMinutes") => 60.0,
                            _ => MS,
                        };
                        let inner = call.position(0).map(|expr| Loc { expr, ..loc });
                        let time = inner.map(|loc| args.time_at(loc, unit));
                        time.map_or_else(
                            || Known::default(0.0, "no delay"),
                            |t| t.map(|s| s.unwrap_or(0.0)),
                        )
                    }
                    None => Known::unresolved(Some(args.place(loc)), "it is made elsewhere"),
                },
                None => Known::default(1.0, "HttpClient 5's default"),
            };
            retry.backoff(wait.map(|s| {
                if s > 0.0 {
                    Backoff::Fixed(nanos(s))
                } else {
                    Backoff::None
                }
            }));
        }
    }
    Some(())
}

pub(super) fn curator(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let at = |n: usize| args.position(n);
    args.alone(retry);
    args.no_jitter(retry);
    let fixed = |loc| args.wait_or(loc, 0.0).map(|s| Backoff::Fixed(nanos(s)));
    match call.callee.last_name()? {
        // base · max(1, U{0 … 2^k − 1})
        name @ ("ExponentialBackoffRetry" | "BoundedExponentialBackoffRetry") => {
            let (count, cap) = match name {
                "ExponentialBackoffRetry" => (at(1), at(2)),
                _ => (at(2), at(1)),
            };
            retry.retries(args.number_or(count, 29.0).map(|n| n.min(29.0)));
            let base = args.wait_or(at(0), 1.0);
            let least = base.value.unwrap_or(0.0);
            let double = Known::default(2.0, "Curator doubles");
            retry.backoff(args.growing(base, double, args.limit_at(cap), Exponent::FromOne));
            retry.jitter(Known::default(Jitter::Full, "Curator draws from all of it"));
            retry.at_least(nanos(least));
        }
        "RetryNTimes" => {
            retry.retries(args.number_or(at(0), 0.0));
            retry.backoff(fixed(at(1)));
        }
        "RetryOneTime" => {
            retry.attempts(Known::read(2, args.file.place(&args.span)));
            retry.backoff(fixed(at(0)));
        }
        "RetryForever" => {
            retry.attempts(Known::read(UNLIMITED, args.file.place(&args.span)));
            retry.backoff(fixed(at(0)));
        }
        _ => {
            retry.attempts(Known::default(UNLIMITED, "a time ends it"));
            retry.deadline(Args::optional(args.limit_at(at(0))));
            retry.backoff(fixed(at(1)));
        }
    }
    Some(())
}
