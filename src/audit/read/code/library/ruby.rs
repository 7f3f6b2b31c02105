//! Libraries of Ruby.

use herdsim_core::scenario::policy::{Backoff, Exponent, Jitter, Quantum, Rounding, UNLIMITED};
use herdsim_core::units::{Factor, Nanos, Probability};

use super::args::{Args, Entry, intervals};
use super::chain::Settings;
use crate::audit::read::code::ir::{Expr, Kind};
use crate::audit::read::code::values::{Loc, Value};
use crate::audit::read::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Known, Retry, Site, whole};

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "active-job",
        versions: "5.1 to 8.1",
        source: "rails/rails activejob/lib/active_job/exceptions.rb",
        modules: &[""],
        names: &["retry_on"],
        args: &[("attempts", "5")],
        read: active_job,
    },
    Entry {
        library: "sidekiq",
        versions: "6 to 8",
        source: "sidekiq/sidekiq 8.1.7 lib/sidekiq/job_retry.rb",
        modules: &[""],
        names: &["sidekiq_options"],
        args: &[],
        read: sidekiq,
    },
    Entry {
        library: "faraday-retry",
        versions: "1 to 2",
        source: "lostisland/faraday-retry 2.4.0 lib/faraday/retry",
        modules: &["*"],
        names: &[".request"],
        args: &[
            ("max", "2"),
            ("interval", "0"),
            ("interval_randomness", "0"),
            ("backoff_factor", "1"),
        ],
        read: faraday,
    },
    Entry {
        library: "retriable",
        versions: "2 to 4",
        source: "kamui/retriable 4.2.0 lib/retriable.rb",
        modules: &[""],
        names: &["Retriable.retriable", "retriable"],
        args: &[
            ("tries", "3"),
            ("base_interval", "0.5"),
            ("multiplier", "1.5"),
            ("rand_factor", "0.5"),
            ("max_interval", "60"),
            ("max_elapsed_time", "900"),
        ],
        read: retriable,
    },
    Entry {
        library: "retryable",
        versions: "3",
        source: "nfedyashev/retryable lib/retryable.rb",
        modules: &[""],
        names: &["Retryable.retryable"],
        args: &[("tries", "2"), ("sleep", "1")],
        read: retryable,
    },
];

fn symbol(expr: &Expr) -> Option<&str> {
    expr.as_text()
}

/// `attempts` includes the first; up to `jitter` of the wait more.
fn active_job(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    if call.args.is_empty() {
        return None;
    }
    args.alone(retry);
    retry.attempts(match call.named("attempts").and_then(symbol) {
        Some("unlimited") => Known::read(UNLIMITED, args.file.place(&args.span)),
        _ => args.number("attempts").map(whole),
    });
    // Rails' own settings since 6.1.
    let jitter = match args.get("jitter") {
        Some(loc) => args.number_at(loc),
        None => Known::default(0.15, "with the defaults of Rails 6.1 or later"),
    };
    let more = |f: f64| match f > 0.0 {
        true => Jitter::Scale(Factor(1.0), Factor(1.0 + f)),
        false => Jitter::None,
    };
    retry.jitter(jitter.map(more));
    match args.get("wait") {
        None => {
            let three = Backoff::Fixed(Nanos::from_secs(3));
            retry.backoff(Known::default(three, "ActiveJob's default"));
        }
        Some(loc) => match (symbol(loc.expr), &args.values.follow(loc).expr.kind) {
            (Some("polynomially_longer" | "exponentially_longer"), _) => {
                // k⁴ + 2 s; the 2 s are not drawn from.
                let most = match retry.policy.attempts {
                    UNLIMITED => 20,
                    n => (n - 1).clamp(1, 20),
                };
                let waits = (1..=most).map(|k| nanos(f64::from(k).powi(4) + 2.0));
                retry.backoff(Known::read(
                    Backoff::Table(waits.collect()),
                    args.place(loc),
                ));
            }
            (_, Kind::Function(_)) => {
                let waits = super::args::delays(args, loc, 1.0, 1);
                let fact = Known::read((), args.place(loc)).fact;
                match waits {
                    Some(waits) => intervals(Some(waits), fact, retry),
                    None => args.by_function(loc, retry),
                }
            }
            _ => {
                let wait = args.time_at(loc, 1.0).map(|s| s.unwrap_or(0.0));
                retry.backoff(wait.map(|s| Backoff::Fixed(nanos(s))));
            }
        },
    }
    Some(())
}

/// 25 retries, (k−1)⁴ + 15 s and up to 10·k s more.
fn sidekiq(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    args.alone(retry);
    let count = call.named("retry").map(|expr| args.loc(expr));
    let twenty = || Known::default(26, "Sidekiq's default");
    retry.attempts(match count {
        None => twenty(),
        Some(loc) => {
            let known = args.values.value(loc);
            match &known.value {
                Some(Value::Bool(true)) => twenty(),
                Some(Value::Bool(false)) => Known::read(1, args.place(loc)),
                _ => args.number_at(loc).map(|n| whole(n).saturating_add(1)),
            }
        }
    });
    retry.backoff(Known::default(
        Backoff::Polynomial {
            offset: Nanos::from_secs(15),
            step: Nanos::from_secs(1),
            power: 4,
        },
        "Sidekiq's default",
    ));
    retry.jitter(Known::default(
        Jitter::Growing(Nanos::from_secs(10)),
        "Sidekiq's default",
    ));
    retry.quantum(Quantum {
        unit: Nanos::from_secs(1),
        rounding: Rounding::Floor,
    });
    // `sidekiq_retry_in { |count| 10 * (count + 1) }`, asked from 0 on.
    let class = args.file.classes_around(args.span.start);
    let own = class.first().map_or(&args.file.unit.body[..], |c| &c.body);
    let mut given = None;
    crate::audit::read::code::ir::walk(own, false, &mut |e| {
        if let Kind::Call(call) = &e.kind
            && call.callee.last_name() == Some("sidekiq_retry_in")
        {
            given = call.args.last().map(|a| a.value.span.clone());
        }
    });
    if let Some(expr) = given.and_then(|span| args.file.expr(&span)) {
        let loc = args.loc(expr);
        match super::args::delays(args, loc, 1.0, 0) {
            Some(waits) => {
                let fact = Known::read((), args.place(loc)).fact;
                intervals(Some(waits), fact, retry);
                let more = Jitter::Growing(Nanos::from_secs(10));
                retry.jitter(Known::default(more, "Sidekiq adds to it"));
            }
            None => args.by_function(loc, retry),
        }
    } else if count.is_none_or(|loc| args.values.value(loc).value == Some(Value::Bool(true))) {
        site.named = Some(("sidekiq", "nothing is set".to_string()));
    }
    Some(())
}

/// `f.request :retry, max: 3`: min(interval · factor^(k−1), max) and a part of the interval more.
fn faraday(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    if call.callee.last_name() != Some("request")
        || call.position(0).and_then(symbol) != Some("retry")
    {
        return None;
    }
    args.alone(retry);
    let direct = call.position(1).filter(|expr| {
        let held = args.values.follow(args.loc(expr));
        !matches!(held.expr.kind, Kind::Object(..))
    });
    retry.retries(match direct {
        Some(expr) => args.number_at(args.loc(expr)),
        None => args.number("max"),
    });
    let base = args.wait("interval", 1.0);
    let interval = base.value.unwrap_or(0.0);
    let cap = args.time("max_interval", 1.0);
    retry.backoff(args.growing(base, args.number("backoff_factor"), cap, Exponent::FromZero));
    let random = args.number("interval_randomness");
    retry.jitter(random.map(|f| match f * interval > 0.0 {
        true => Jitter::Additive(nanos(f * interval)),
        false => Jitter::None,
    }));
    if let Some(methods) = args.get("methods") {
        let mut posts = false;
        methods.expr.walk(false, &mut |e| {
            posts |= matches!(symbol(e), Some("post" | "patch"));
        });
        if posts {
            let text = "a POST is sent again, and nothing tells it from a new one";
            site.remark(Rule::Hs406, args.place(methods), text);
        }
    }
    Some(())
}

fn retriable(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.no_budget(retry);
    // `Retriable.configure { |c| c.tries = 7 }`
    let mut told = Settings::default();
    for call in args.file.calls("configure").filter_map(|e| e.as_call()) {
        if call.callee.path().as_deref() == Some(&["Retriable", "configure"])
            && let Some(Kind::Function(function)) = call.args.last().map(|a| &a.value.kind)
        {
            told.within(function, args.file);
        }
    }
    if let Some(loc) = args.get("intervals") {
        let target = args.values.follow(loc);
        let Kind::List(items) = &target.expr.kind else {
            args.by_function(loc, retry);
            return Some(());
        };
        let values = items
            .iter()
            .map(|expr| args.number_at(Loc { expr, ..target }).value);
        let values: Option<Vec<f64>> = values.collect();
        let place = args.place(loc);
        retry.retries(Known::read(items.len() as f64, place.clone()));
        let waits = values.map(|all| all.into_iter().map(|s| (s, s)).collect());
        intervals(waits, Known::read((), place).fact, retry);
    } else {
        let number = |name: &str, default: f64| {
            args.number_or(args.get(name).or_else(|| told.loc(&[name])), default)
        };
        retry.attempts(number("tries", 3.0).map(whole));
        let cap = number("max_interval", 60.0).map(Some);
        let base = number("base_interval", 0.5);
        retry.backoff(args.growing(base, number("multiplier", 1.5), cap, Exponent::FromZero));
        retry.jitter(number("rand_factor", 0.5).map(|f| match f > 0.0 {
            true => Jitter::Proportional(Probability(f.min(1.0))),
            false => Jitter::None,
        }));
    }
    retry.deadline(Args::optional(args.time("max_elapsed_time", 1.0)));
    Some(())
}

fn retryable(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    args.alone(retry);
    args.no_jitter(retry);
    retry.attempts(args.number("tries").map(whole));
    match args.get("sleep") {
        Some(loc) if matches!(args.values.follow(loc).expr.kind, Kind::Function(_)) => {
            match super::args::delays(args, loc, 1.0, 0) {
                Some(waits) => {
                    intervals(Some(waits), Known::read((), args.place(loc)).fact, retry);
                }
                None => args.by_function(loc, retry),
            }
        }
        _ => {
            retry.backoff(args.wait("sleep", 1.0).map(|s| match s > 0.0 {
                true => Backoff::Fixed(nanos(s)),
                false => Backoff::None,
            }));
        }
    }
    Some(())
}
