//! resilience4j.

use crate::audit::read::code::library::args::{Args, MS, down_to_ms};
use crate::audit::read::code::library::chain::{Setting, Settings};
use crate::audit::read::code::values::{Loc, Value};
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Known, Retry, Site, whole};
use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Jitter};
use herdsim_core::units::{Nanos, Probability};

pub(super) fn resilience4j(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.alone(retry);
    if args.call?.callee.last_name() == Some("from") {
        let place = Some(args.file.place(&args.span));
        retry.attempts(Known::unresolved(
            place.clone(),
            "it begins as another configuration",
        ));
        retry.backoff(Known::unresolved(
            place.clone(),
            "it begins as another configuration",
        ));
        retry.jitter(Known::unresolved(
            place,
            "it begins as another configuration",
        ));
    } else {
        retry.attempts(Known::default(3, "resilience4j's default"));
        retry.backoff(Known::default(
            Backoff::Fixed(Nanos::from_millis(500)),
            "resilience4j's default",
        ));
        args.no_jitter(retry);
    }
    if let Some(loc) = settings.loc(&["maxAttempts"]) {
        retry.attempts(args.number_at(loc).map(whole));
    }
    // Of the two that say how it waits, the last one holds since 2.3; before, it throws.
    let waits = ["waitDuration", "intervalFunction", "intervalBiFunction"];
    if let Some(setting) = settings.get(&waits) {
        let loc = setting.loc()?;
        args.no_jitter(retry);
        match setting.name {
            "waitDuration" => {
                let wait = args.time_at(loc, MS).map(|s| s.unwrap_or(0.0));
                retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
            }
            "intervalFunction" => interval(args, loc, retry),
            _ => args.by_function(loc, retry),
        }
        let said = settings.0.iter().filter(|s| waits.contains(&s.name));
        let said: Vec<&Setting> = said.collect();
        if let [first, .., _] = said[..]
            && let Some(loc) = first.loc()
        {
            let text = format!(
                "`{}` with `{}` beside it: up to resilience4j 2.2 that throws, since 2.3 the last one holds",
                first.name, setting.name
            );
            site.remark(Rule::Hs109, args.place(loc), text);
        }
    }
    if settings.0.iter().all(|s| s.name == "build") && args.call?.callee.last_name() != Some("from")
    {
        site.named = Some(("resilience4j", "nothing is set".to_string()));
    }
    Some(())
}

/// An IntervalFunction of resilience4j.
fn interval<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    let made = args.values.follow(loc);
    let Some(call) = made.expr.as_call() else {
        return args.by_function(loc, retry);
    };
    let at = |n: usize| made.argument(n);
    let base = args.wait_or(at(0), 0.5);
    let multiplier = args.number_or(at(1), 1.5);
    let spread =
        |known: Known<f64>| known.map(|f| Jitter::Proportional(Probability(f.clamp(0.0, 1.0))));
    match call.callee.last_name() {
        Some("ofDefaults") => {}
        Some("of") if call.args.len() < 2 => {
            retry.backoff(base.map(|s| Backoff::Fixed(nanos(s))));
        }
        Some("ofExponentialBackoff") => {
            retry.backoff(args.growing(base, multiplier, args.limit_at(at(2)), Exponent::FromZero));
            retry.quantum(down_to_ms());
        }
        Some("ofRandomized") => {
            retry.backoff(base.map(|s| Backoff::Fixed(nanos(s))));
            retry.jitter(spread(args.number_or(at(1), 0.5)));
        }
        Some("ofExponentialRandomBackoff") => {
            // The third is a factor where it is a fraction, and the longest wait where it is a
            // length of time or a whole number of ms.
            let third = at(2).map(|loc| (loc, args.values.value(loc)));
            let is_cap = third
                .as_ref()
                .is_some_and(|(loc, known)| match &known.value {
                    Some(Value::Seconds(_)) => true,
                    Some(Value::Number(n)) => *n > 1.0 || !fraction(*loc),
                    _ => false,
                });
            let cap = match (is_cap, at(3)) {
                (true, _) => args.limit_at(at(2)),
                (false, Some(cap)) => args.limit_at(Some(cap)),
                (false, None) => Known::default(None, "resilience4j's default"),
            };
            let factor = if is_cap { None } else { at(2) };
            let capped = cap.value.flatten().is_some();
            retry.backoff(args.growing(base, multiplier, cap, Exponent::FromZero));
            retry.jitter(spread(args.number_or(factor, 0.5)));
            if capped {
                retry.cap_after(CapAfter::Yes);
            }
        }
        _ => args.by_function(loc, retry),
    }
}

/// Whether a number is written as a fraction.
fn fraction(loc: Loc) -> bool {
    loc.file.text(&loc.expr.span).contains('.')
}

/// Its policy is in application.yml, where the reader of Spring finds it.
pub(super) fn resilience4j_annotation(
    args: &Args,
    retry: &mut Retry,
    site: &mut Site,
) -> Option<()> {
    let call = args.call?;
    let named = call.named("name").or_else(|| call.position(0))?;
    let loc = args.loc(named);
    let place = args.place(loc);
    let name = match args.values.value(loc).value {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    };
    let why = "its instance is configured elsewhere";
    retry.attempts(Known::unresolved(Some(place.clone()), why));
    retry.backoff(Known::unresolved(Some(place.clone()), why));
    retry.jitter(Known::unresolved(Some(place), why));
    args.alone(retry);
    site.instance = Some(name).filter(|name| !name.is_empty());
    Some(())
}
