//! Temporal's activities: tried again without end unless their options say otherwise.
//!
//! Sources: temporalio/temporal `common/retrypolicy/retry_policy.go`,
//! `service/history/workflow/retry.go`; the SDKs' options.

use herdsim_core::scenario::policy::{Exponent, Jitter, UNLIMITED};
use herdsim_core::units::Nanos;

use super::args::{Args, MS, property};
use super::chain::Settings;
use crate::audit::read::code::values::{Loc, Value};
use crate::audit::read::units;
use crate::audit::site::{Known, Retry, Site, whole};

pub(super) fn java(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    let options = settings.loc(&["setRetryOptions"]);
    let inner = options.map(|loc| Settings::from(args.values, loc));
    let told = |names: &[&str]| inner.as_ref().and_then(|s| s.loc(names));
    let all = [
        told(&["setMaximumAttempts"]),
        told(&["setInitialInterval"]),
        told(&["setBackoffCoefficient"]),
        told(&["setMaximumInterval"]),
    ];
    policy(args, all, MS, retry);
    limits(
        args,
        settings.loc(&["setStartToCloseTimeout"]),
        settings.loc(&["setScheduleToCloseTimeout"]),
        MS,
        retry,
    );
    Some(())
}

/// `workflow.ActivityOptions{StartToCloseTimeout: …, RetryPolicy: &temporal.RetryPolicy{…}}`
pub(super) fn go(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let inner = args.get("RetryPolicy");
    let told = |name: &str| property(args.values, inner?, name, 3);
    let all = [
        told("MaximumAttempts"),
        told("InitialInterval"),
        told("BackoffCoefficient"),
        told("MaximumInterval"),
    ];
    policy(args, all, 1e-9, retry);
    limits(
        args,
        args.get("StartToCloseTimeout"),
        args.get("ScheduleToCloseTimeout"),
        1e-9,
        retry,
    );
    Some(())
}

/// `workflow.execute_activity(f, retry_policy=RetryPolicy(maximum_attempts=3))`
pub(super) fn python(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let inner = args.get("retry_policy").map(|loc| args.values.follow(loc));
    let told = |name: &str| {
        let loc = inner?;
        let expr = loc.expr.as_call()?.named(name)?;
        Some(Loc { expr, ..loc })
    };
    let all = [
        told("maximum_attempts"),
        told("initial_interval"),
        told("backoff_coefficient"),
        told("maximum_interval"),
    ];
    policy(args, all, 1.0, retry);
    limits(
        args,
        args.get("start_to_close_timeout"),
        args.get("schedule_to_close_timeout"),
        1.0,
        retry,
    );
    Some(())
}

/// `proxyActivities({ startToCloseTimeout: '1 minute', retry: { maximumAttempts: 3 } })`
pub(super) fn script(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let inner = args.option("retry");
    let told = |name: &str| property(args.values, inner?, name, 3);
    let all = [
        told("maximumAttempts"),
        told("initialInterval"),
        told("backoffCoefficient"),
        told("maximumInterval"),
    ];
    policy(args, all, MS, retry);
    limits(
        args,
        args.option("startToCloseTimeout"),
        args.option("scheduleToCloseTimeout"),
        MS,
        retry,
    );
    Some(())
}

/// A length of time; of JavaScript also a text with its unit.
fn time<'p>(args: &Args<'p>, loc: Loc<'p>, unit: f64) -> Known<Option<f64>> {
    let known = args.values.value(loc);
    match &known.value {
        Some(Value::Text(_)) => known.convert(
            |value| match value {
                Value::Text(text) => units::text(&text).map(Some),
                _ => None,
            },
            "it is no length of time",
        ),
        _ => args.time_at(loc, unit),
    }
}

fn limits<'p>(
    args: &Args<'p>,
    attempt: Option<Loc<'p>>,
    all: Option<Loc<'p>>,
    unit: f64,
    retry: &mut Retry,
) {
    args.no_budget(retry);
    let limit = |loc: Option<Loc<'p>>| match loc {
        Some(loc) => Args::optional(time(args, loc, unit)),
        None => Known::default(None::<Nanos>, "Temporal sets none"),
    };
    retry.timeout(limit(attempt));
    retry.deadline(limit(all));
}

/// 1 s, doubled, at most a hundred times the first; without end unless it is counted.
fn policy<'p>(
    args: &Args<'p>,
    [attempts, initial, growth, most]: [Option<Loc<'p>>; 4],
    unit: f64,
    retry: &mut Retry,
) {
    let why = "Temporal's default";
    let wait = |loc: Option<Loc<'p>>, default: f64| match loc {
        Some(loc) => time(args, loc, unit).map(|s| s.unwrap_or(default)),
        None => Known::default(default, why),
    };
    retry.attempts(match attempts {
        Some(loc) => args.number_at(loc).map(|n| match whole(n) {
            0 => UNLIMITED,
            n => n,
        }),
        None => Known::default(UNLIMITED, "Temporal's default: without end"),
    });
    let first = wait(initial, 1.0);
    let base = first.value.unwrap_or(1.0);
    let growth = match growth {
        Some(loc) => args.number_at(loc),
        None => Known::default(2.0, why),
    };
    let cap = wait(most, 100.0 * base).map(Some);
    retry.backoff(args.growing(first, growth, cap, Exponent::FromZero));
    retry.jitter(Known::default(Jitter::None, "the server adds none"));
}
