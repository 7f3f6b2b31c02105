//! tenacity: stops and waits that are put together.

use herdsim_core::dist::Dist;
use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Jitter, UNLIMITED};
use herdsim_core::units::Nanos;

use super::args::{Args, caught, imported, intervals};
use crate::audit::law;
use crate::audit::read::code::ir::{Expr, Kind, Op};
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::site::{Field, Known, Retry, Site, whole};

pub fn tenacity(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    // `Retrying()` within a table of options is a call like any other.
    let none = || Known::default(None, "tenacity's default");
    match args.get("stop") {
        None => {
            retry.attempts(Known::default(UNLIMITED, "tenacity's default"));
            retry.deadline(none());
        }
        Some(stop) => {
            let mut found = Stops::default();
            stops(args, stop, &mut found);
            let place = args.place(stop);
            match (found.attempts, &found.unknown) {
                (Some(attempts), _) => {
                    retry.attempts(attempts);
                }
                (None, Some(why)) => {
                    retry.attempts(Known::unresolved(Some(place.clone()), why.clone()));
                }
                (None, None) => {
                    retry.attempts(Known::read(UNLIMITED, place.clone()));
                }
            }
            retry.deadline(found.deadline.unwrap_or_else(none));
        }
    }
    match args.get("wait") {
        None => {
            retry.backoff(Known::default(Backoff::None, "tenacity's default"));
            args.no_jitter(retry);
        }
        Some(wait) => waits(args, wait, retry),
    }
    if let Some(on) = args.get("retry")
        && let Some(call) = on.expr.as_call()
        && call.callee.last_name() == Some("retry_if_exception_type")
        && let Some(types) = call.position(0)
    {
        caught(args, args.loc(types), retry);
    }
    args.no_budget(retry);
    let bare = !args.has("stop") && !args.has("wait");
    if bare {
        site.named = Some(("tenacity", "nothing is set".to_string()));
    }
    Some(())
}

#[derive(Default)]
struct Stops {
    attempts: Option<Known<u32>>,
    deadline: Option<Known<Option<Nanos>>>,
    unknown: Option<String>,
}

fn stops<'p>(args: &Args<'p>, loc: Loc<'p>, found: &mut Stops) {
    let loc = args.values.follow(loc);
    if let Kind::Binary(Op::Union, a, b) = &loc.expr.kind {
        stops(args, Loc { expr: a, ..loc }, found);
        stops(args, Loc { expr: b, ..loc }, found);
        return;
    }
    let Some(call) = loc.expr.as_call() else {
        if loc.expr.last_name() != Some("stop_never") {
            found.unknown = Some(format!("`{}` decides", loc.file.text(&loc.expr.span)));
        }
        return;
    };
    let first = call.args.first().map(|a| Loc {
        expr: &a.value,
        ..loc
    });
    match (imported(loc, &call.callee).as_deref(), first) {
        (Some("stop_after_attempt"), Some(n)) => {
            found.attempts = Some(args.number_at(n).map(whole));
        }
        (Some("stop_after_delay" | "stop_before_delay"), Some(d)) => {
            found.deadline = Some(Args::optional(args.time_at(d, 1.0)));
        }
        (Some("stop_any"), _) => {
            for arg in &call.args {
                stops(
                    args,
                    Loc {
                        expr: &arg.value,
                        ..loc
                    },
                    found,
                );
            }
        }
        _ => found.unknown = Some(format!("`{}` decides", loc.file.text(&loc.expr.span))),
    }
}

/// A wait of tenacity: its backoff, jitter, bounds.
fn waits<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    let place = args.place(loc);
    let loc = args.values.follow(loc);
    if let Kind::Binary(Op::Add, ..) = &loc.expr.kind {
        return combined(args, loc, retry);
    }
    let Some(call) = loc.expr.as_call() else {
        let why = format!("`{}` decides", loc.file.text(&loc.expr.span));
        retry.backoff(Known::unresolved(Some(place.clone()), why.clone()));
        retry.jitter(Known::unresolved(Some(place), why));
        return;
    };
    let arg = |at: usize, name: &str| call.arg(at, name).map(|expr| Loc { expr, ..loc });
    let time = |at: usize, name: &str, default: Option<f64>| match arg(at, name) {
        Some(loc) => args.time_at(loc, 1.0),
        None => Known::default(default, "tenacity's default"),
    };
    let number = |at: usize, name: &str, default: f64| match arg(at, name) {
        Some(loc) => args.number_at(loc),
        None => Known::default(default, "tenacity's default"),
    };
    let sure = |known: Known<Option<f64>>| known.map(|s| s.unwrap_or(0.0));
    let read = |jitter| Known::read(jitter, place.clone());
    match imported(loc, &call.callee).as_deref() {
        Some("wait_none") => {
            retry
                .backoff(Known::read(Backoff::None, place.clone()))
                .jitter(read(Jitter::None));
        }
        Some("wait_fixed") => {
            let wait = sure(time(0, "wait", Some(0.0)));
            retry
                .backoff(wait.map(|s| Backoff::Fixed(nanos(s))))
                .jitter(read(Jitter::None));
        }
        Some("wait_random") => {
            let both = sure(time(0, "min", Some(0.0))).and(sure(time(1, "max", Some(1.0))));
            let law = both.map(|(low, high)| {
                Backoff::Random(Dist::Uniform {
                    low: nanos(low),
                    high: nanos(high.max(low)),
                })
            });
            retry.backoff(law).jitter(read(Jitter::None));
        }
        Some(name @ ("wait_exponential" | "wait_random_exponential" | "wait_full_jitter")) => {
            let base = number(0, "multiplier", 1.0);
            let cap = time(1, "max", None);
            let grows = args.growing(base, number(2, "exp_base", 2.0), cap, Exponent::FromZero);
            let least = sure(time(3, "min", Some(0.0)));
            retry.backoff(grows);
            if let Some(least) = least.value.filter(|s| *s > 0.0) {
                retry.at_least(nanos(least));
            }
            retry.jitter(read(match name {
                "wait_exponential" => Jitter::None,
                _ => Jitter::Full,
            }));
        }
        Some("wait_exponential_jitter") => {
            // 9.1 renamed `initial` to `multiplier`.
            let base = match call.named("multiplier") {
                Some(_) => number(0, "multiplier", 1.0),
                None => number(0, "initial", 1.0),
            };
            let cap = time(1, "max", None);
            let capped = !matches!(cap.value, Some(None));
            retry.backoff(args.growing(base, number(2, "exp_base", 2.0), cap, Exponent::FromZero));
            let jitter = sure(time(3, "jitter", Some(1.0)));
            retry.jitter(jitter.map(|s| Jitter::Additive(nanos(s))));
            if capped {
                retry.cap_after(CapAfter::Yes);
            }
        }
        Some("wait_incrementing") => {
            let both =
                sure(time(0, "start", Some(0.0))).and(sure(time(1, "increment", Some(100.0))));
            let all = both.and(time(2, "max", None));
            let fact = all.fact.clone();
            let series = all.value.map(|((start, step), cap)| {
                (0..12)
                    .map(|k| (start + step * f64::from(k)).clamp(0.0, cap.unwrap_or(f64::INFINITY)))
                    .collect::<Vec<f64>>()
            });
            intervals(
                series.map(|s| s.into_iter().map(|v| (v, v)).collect()),
                fact,
                retry,
            );
        }
        Some("wait_chain" | "wait_combine") => combined(args, loc, retry),
        _ => {
            let why = format!("`{}` decides", loc.file.text(&loc.expr.span));
            retry.backoff(Known::unresolved(Some(place.clone()), why.clone()));
            retry.jitter(Known::unresolved(Some(place), why));
        }
    }
}

/// Waits added up, or one after another.
fn combined<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry) {
    let fact = Known::read((), args.place(loc)).fact;
    intervals(bounds(args, loc, 12), fact, retry);
}

/// The interval of each of the first `n` waits.
fn bounds<'p>(args: &Args<'p>, loc: Loc<'p>, n: u32) -> Option<Vec<(f64, f64)>> {
    let loc = args.values.follow(loc);
    let add = |parts: Vec<Vec<(f64, f64)>>| {
        (0..n as usize)
            .map(|k| {
                parts
                    .iter()
                    .fold((0.0, 0.0), |(a, b), p| (a + p[k].0, b + p[k].1))
            })
            .collect()
    };
    if let Kind::Binary(Op::Add, a, b) = &loc.expr.kind {
        let parts = [a, b].map(|expr| bounds(args, Loc { expr, ..loc }, n));
        return Some(add(parts.into_iter().collect::<Option<Vec<_>>>()?));
    }
    let call = loc.expr.as_call()?;
    match imported(loc, &call.callee)?.as_str() {
        "wait_combine" => {
            let parts = call.args.iter().map(|a| {
                bounds(
                    args,
                    Loc {
                        expr: &a.value,
                        ..loc
                    },
                    n,
                )
            });
            Some(add(parts.collect::<Option<Vec<_>>>()?))
        }
        "wait_chain" => {
            let mut all = Vec::new();
            for arg in &call.args {
                all.extend(chain(args, loc, &arg.value)?);
            }
            let last = *all.last()?;
            all.resize((n as usize).max(all.len()), last);
            Some(all)
        }
        _ => {
            let mut one = Retry::default();
            waits(args, loc, &mut one);
            one.is_known(Field::Backoff)
                .then(|| (1..=n).map(|k| law::delay(&one.policy, k)).collect())
        }
    }
}

/// `wait_fixed(1)`, `*[wait_fixed(1) for _ in range(3)]`, `*[wait_fixed(1)] * 3`
fn chain<'p>(args: &Args<'p>, loc: Loc<'p>, expr: &'p Expr) -> Option<Vec<(f64, f64)>> {
    match &expr.kind {
        Kind::List(items) => {
            let all = items.iter().map(|item| chain(args, loc, item));
            Some(all.collect::<Option<Vec<_>>>()?.concat())
        }
        Kind::Binary(Op::Add, a, b) if matches!(a.kind, Kind::List(_) | Kind::Other(_)) => {
            let (mut all, more) = (chain(args, loc, a)?, chain(args, loc, b)?);
            all.extend(more);
            Some(all)
        }
        // A comprehension: what is repeated, and over what.
        Kind::Other(parts) => {
            let what = parts.first()?;
            let mut times = None;
            for part in parts {
                part.walk(false, &mut |e| {
                    if let Kind::Call(call) = &e.kind
                        && call.callee.last_name() == Some("range")
                        && let Some(n) = call.position(0)
                    {
                        times = args
                            .values
                            .value(Loc { expr: n, ..loc })
                            .value
                            .and_then(|v| v.number());
                    }
                });
            }
            let one = *bounds(args, Loc { expr: what, ..loc }, 1)?.first()?;
            Some(vec![one; whole(times?) as usize])
        }
        _ => Some(vec![*bounds(args, Loc { expr, ..loc }, 1)?.first()?]),
    }
}
