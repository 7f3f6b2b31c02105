//! Libraries of Rust.

use herdsim_core::scenario::policy::{Backoff, Budget, Exponent, Jitter, UNLIMITED};
use herdsim_core::units::{Factor, Nanos, Probability};

use super::args::{Args, Entry, fibonacci, intervals};
use super::chain::Settings;
use crate::audit::read::code::ir::{Expr, Kind};
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::site::{Known, Retry, Site};

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "backon",
        versions: "1",
        source: "Xuanwo/backon 1.5.2 backon/src/backoff",
        modules: &["backon"],
        names: &[
            "ExponentialBuilder.default",
            "ExponentialBuilder.new",
            "ConstantBuilder.default",
            "ConstantBuilder.new",
            "FibonacciBuilder.default",
            "FibonacciBuilder.new",
        ],
        args: &[],
        read: backon,
    },
    Entry {
        library: "backoff",
        versions: "0.4",
        source: "ihrwein/backoff src/{default,exponential,retry}.rs",
        modules: &["backoff", "backoff::future"],
        names: &[
            "retry",
            "retry_notify",
            "future.retry",
            "future.retry_notify",
        ],
        args: &[],
        read: backoff,
    },
    Entry {
        library: "tokio-retry",
        versions: "0.3, tokio-retry2 0.5",
        source: "srijs/rust-tokio-retry src/strategy, naomijub/tokio-retry",
        modules: &["tokio_retry", "tokio_retry2"],
        names: &["Retry.spawn", "RetryIf.spawn", "Retry.spawn_notify"],
        args: &[],
        read: tokio_retry,
    },
    Entry {
        library: "reqwest-retry",
        versions: "0.5 to 0.8",
        source: "TrueLayer/retry-policies 0.5.1 src/policies/exponential_backoff.rs",
        modules: &["reqwest_retry", "retry_policies"],
        names: &[
            "ExponentialBackoff.builder",
            "policies.ExponentialBackoff.builder",
        ],
        args: &[],
        read: reqwest_retry,
    },
    Entry {
        library: "tower",
        versions: "0.4 to 0.5",
        source: "tower-rs/tower tower/src/retry/budget/tps_budget.rs",
        modules: &["tower::retry", "tower"],
        names: &["RetryLayer.new", "Retry.new"],
        args: &[],
        read: tower,
    },
];

fn backon(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.alone(retry);
    let path = args.call?.callee.path()?;
    let kind = path[path.len() - 2];
    let at = |names: &[&str]| settings.loc(names);
    retry.retries(args.number_or(at(&["with_max_times"]), 3.0));
    if settings.has(&["without_max_times"]) {
        retry.attempts(Known::read(UNLIMITED, args.file.place(&args.span)));
    }
    let cap = match settings.has(&["without_max_delay"]) {
        true => Known::default(None, "it has no longest wait"),
        false => args.wait_or(at(&["with_max_delay"]), 60.0).map(Some),
    };
    let jitter = settings.has(&["with_jitter"]);
    args.no_jitter(retry);
    match kind {
        "ConstantBuilder" => {
            let wait = args.wait_or(at(&["with_delay"]), 1.0);
            retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
        }
        "FibonacciBuilder" => {
            let base = args.wait_or(at(&["with_min_delay"]), 1.0);
            let most = cap.value.flatten().unwrap_or(f64::INFINITY);
            retry.backoff(base.map(|s| fibonacci(s, most)));
        }
        _ => {
            let base = args.wait_or(at(&["with_min_delay"]), 1.0);
            let factor = args.number_or(at(&["with_factor"]), 2.0);
            retry.backoff(args.growing(base, factor, cap, Exponent::FromZero));
        }
    }
    // wait + wait·U(0, 1), after the cap
    if jitter {
        let place = args.file.place(&args.span);
        retry.jitter(Known::read(Jitter::Scale(Factor(1.0), Factor(2.0)), place));
    }
    if let Some(loc) = at(&["with_total_delay"]) {
        retry.deadline(Args::optional(args.time_at(loc, 1.0)));
    }
    Some(())
}

/// Endless but for a clock; U(c − c/2, c + c/2), c = min(500 ms · 1.5^(k−1), 60 s).
fn backoff(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    args.no_budget(retry);
    retry.attempts(Known::default(UNLIMITED, "a time ends it"));
    let loc = args.loc(call.position(0)?);
    let made = args.values.follow(loc);
    let settings = Settings::from(args.values, loc);
    let known = match &made.expr.kind {
        Kind::Object(Some(of), ..) => of.last_name() == Some("ExponentialBackoff"),
        Kind::Call(_) => {
            let mut named = false;
            made.expr.walk(false, &mut |e| {
                named |= matches!(
                    e.last_name(),
                    Some("ExponentialBackoff" | "ExponentialBackoffBuilder")
                );
            });
            named
        }
        _ => false,
    };
    if !known {
        args.by_function(loc, retry);
        retry.deadline(Known::unresolved(
            Some(args.place(loc)),
            "it is made elsewhere",
        ));
        return Some(());
    }
    let get = |name: &str| {
        let set = settings.loc(&[&format!("with_{name}"), name]);
        set.or_else(|| super::args::property(args.values, made, name, 2))
    };
    let base = args.wait_or(get("initial_interval"), 0.5);
    let factor = args.number_or(get("multiplier"), 1.5);
    let cap = args.wait_or(get("max_interval"), 60.0).map(Some);
    retry.backoff(args.growing(base, factor, cap, Exponent::FromZero));
    let spread = args.number_or(get("randomization_factor"), 0.5);
    retry.jitter(spread.map(|f| match f > 0.0 {
        true => Jitter::Proportional(Probability(f.min(1.0))),
        false => Jitter::None,
    }));
    retry.deadline(match get("max_elapsed_time") {
        Some(loc) => Args::optional(args.time_at(loc, 1.0)),
        None => Known::default(Some(Nanos::from_secs(900)), "backoff's default"),
    });
    Some(())
}

/// `Retry::spawn(ExponentialBackoff::from_millis(10).map(jitter).take(3), op)`: base^k · factor.
fn tokio_retry(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(Known::default(UNLIMITED, "without `take` it has no end"));
    let loc = args.loc(call.position(0)?);
    let made = args.values.follow(loc);
    // The waits themselves.
    if let Kind::List(items) = &made.expr.kind {
        let all = items
            .iter()
            .map(|expr| args.time_at(Loc { expr, ..made }, 1.0));
        let all: Option<Vec<f64>> = all.map(|known| known.value.flatten()).collect();
        let place = args.place(made);
        retry.retries(Known::read(items.len() as f64, place.clone()));
        let waits = all.map(|all| all.into_iter().map(|s| (s, s)).collect());
        intervals(waits, Known::read((), place).fact, retry);
        return Some(());
    }
    let links = crate::audit::read::code::ir::chain(made.expr);
    let Some((root, first, _)) = links.first() else {
        args.by_function(loc, retry);
        return Some(());
    };
    let of = first.callee.path().unwrap_or_default();
    let strategy = of.iter().rev().nth(1).copied().unwrap_or("");
    let at = |call: &'_ crate::audit::read::code::ir::Call, n: usize| {
        let span = call.position(n)?.span.clone();
        Some(Loc {
            file: made.file,
            expr: made.file.expr(&span)?,
        })
    };
    let named = |name: &str| {
        links
            .iter()
            .rev()
            .find(|(n, ..)| *n == name)
            .map(|(_, c, _)| *c)
    };
    if let Some(take) = named("take") {
        retry.retries(args.number_or(at(take, 0), 0.0));
    }
    let cap = match (named("max_delay"), named("max_delay_millis")) {
        (Some(call), _) => args.limit_at(at(call, 0)),
        (_, Some(call)) => args.number_or(at(call, 0), 0.0).map(|ms| Some(ms * 1e-3)),
        _ => Known::default(None, "it has no longest wait"),
    };
    let factor = match named("factor") {
        Some(call) => args.number_or(at(call, 0), 1.0),
        None => Known::default(1.0, "its default"),
    };
    let millis = args.number_or(at(first, 0), 0.0);
    match (strategy, *root) {
        ("ExponentialBackoff", _) => {
            // base^k · factor ms
            let both = millis.clone().and(factor);
            let unit = both.clone().map(|(_, factor)| factor * 1e-3);
            retry.backoff(args.growing(unit, millis, cap, Exponent::FromOne));
        }
        ("ExponentialFactorBackoff", _) => {
            let growth = args.number_or(at(first, 1), 2.0);
            let base = millis.map(|ms| ms * 1e-3);
            retry.backoff(args.growing(base, growth, cap, Exponent::FromZero));
        }
        ("FixedInterval", "from_millis") => {
            retry.backoff(millis.map(|ms| Backoff::Fixed(nanos(ms * 1e-3))));
        }
        ("FixedInterval", _) => {
            let wait = args.wait_or(at(first, 0), 0.0);
            retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
        }
        ("FibonacciBackoff", _) => {
            let most = cap.value.flatten().unwrap_or(f64::INFINITY);
            retry.backoff(
                millis
                    .and(factor)
                    .map(|(ms, f)| fibonacci(ms * f * 1e-3, most)),
            );
        }
        _ => args.by_function(loc, retry),
    }
    if let Some(map) = named("map") {
        let place = args.place(loc);
        let second = args
            .file
            .imports()
            .iter()
            .any(|i| i.module.starts_with("tokio_retry2"));
        match map.position(0).and_then(Expr::last_name) {
            // Since 0.5.5 tokio-retry2 draws around the wait.
            Some("jitter") if second => {
                retry.jitter(Known::read(Jitter::Proportional(Probability(0.5)), place));
            }
            Some("jitter") => {
                retry.jitter(Known::read(Jitter::Full, place));
            }
            _ => args.by_function(loc, retry),
        }
    }
    Some(())
}

/// U(0, 1) · min(1 s · 2^(k−1), 30 min); how often, its last call says.
fn reqwest_retry(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let settings = Settings::of(args);
    args.alone(retry);
    let bounds = settings.get(&["retry_bounds"]);
    let low = args.wait_or(bounds.and_then(|s| s.arg(0, "")), 1.0);
    let high = args.wait_or(bounds.and_then(|s| s.arg(1, "")), 1800.0);
    let least = low.value.unwrap_or(0.0);
    let base = args.number_or(settings.loc(&["base"]), 2.0);
    retry.backoff(args.growing(low, base, high.map(Some), Exponent::FromZero));
    let jitter = settings.loc(&["jitter"]);
    match jitter.and_then(|loc| loc.expr.last_name()) {
        None | Some("Full") => {
            retry.jitter(match jitter {
                Some(loc) => Known::read(Jitter::Full, args.place(loc)),
                None => Known::default(Jitter::Full, "retry-policies' default"),
            });
        }
        Some("None") => args.no_jitter(retry),
        Some("Bounded") => {
            retry.jitter(Known::read(Jitter::Full, args.place(jitter?)));
            retry.at_least(nanos(least / 2.0));
        }
        Some(_) => args.by_function(jitter?, retry),
    }
    let ends = settings.0.last()?;
    let at = |n| ends.arg(n, "");
    match ends.name {
        "build_with_max_retries" => {
            retry.retries(args.number_or(at(0), 0.0));
        }
        "build_with_total_retry_duration_and_max_retries" => {
            retry.deadline(Args::optional(args.limit_at(at(0))));
            match at(1) {
                Some(count) => {
                    retry.retries(args.number_at(count));
                }
                None => {
                    retry.attempts(Known::default(UNLIMITED, "a time ends it"));
                }
            }
        }
        name if name.starts_with("build_with_total_retry_duration") => {
            retry.attempts(Known::default(UNLIMITED, "a time ends it"));
            retry.deadline(Args::optional(args.limit_at(at(0))));
        }
        _ => {
            let why = "how often, it is told elsewhere";
            let place = Some(args.file.place(&args.span));
            retry.attempts(Known::unresolved(place, why));
        }
    }
    Some(())
}

/// A policy of tower's is code; what is in sight beside it is its budget.
fn tower(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let place = Some(args.file.place(&args.span));
    let why = "its policy is code of its own";
    retry.attempts(Known::unresolved(place.clone(), why));
    retry.backoff(Known::unresolved(place.clone(), why));
    retry.jitter(Known::unresolved(place, why));
    retry.deadline(Known::default(None, "tower sets none"));
    let mut budget: Option<Known<Option<Budget>>> = None;
    for name in ["TpsBudget", "Budget"] {
        let mut calls = args.file.calls("new").chain(args.file.calls("default"));
        let made = calls.find(|e| {
            let path = e
                .as_call()
                .and_then(|c| c.callee.path())
                .unwrap_or_default();
            path.len() > 1 && path[path.len() - 2] == name
        });
        if let Some(made) = made {
            let entries = herdsim_core::scenario::catalogue::entries().ok();
            let tower = entries.and_then(|all| all.into_iter().find(|e| e.name == "tower"));
            let plain = made.as_call().is_some_and(|c| c.args.is_empty());
            let known = match (tower.and_then(|e| e.policy.budget), plain) {
                (Some(found), true) => Known::read(Some(found), args.file.place(&made.span)),
                _ => {
                    Known::unresolved(Some(args.file.place(&made.span)), "its numbers are its own")
                }
            };
            budget.get_or_insert(known);
        }
    }
    match budget {
        Some(known) => {
            retry.budget(known);
        }
        None => args.no_budget(retry),
    }
    Some(())
}
