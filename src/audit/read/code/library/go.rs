//! Libraries of Go.

use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Hint, Jitter, UNLIMITED};
use herdsim_core::units::{Factor, Nanos, Probability};

use super::args::{Args, Entry, fields, qualified};
use super::temporal;
use crate::audit::read::code::ir::{Expr, Kind};
use crate::audit::read::code::values::Loc;
use crate::audit::read::units::nanos;
use crate::audit::site::{Known, Retry, Site, whole};

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "cenkalti/backoff",
        versions: "3 to 5",
        source: "cenkalti/backoff v4.3.0 exponential.go, tries.go, v5 retry.go",
        modules: &["github.com/cenkalti/backoff"],
        names: &[
            "Retry",
            "RetryNotify",
            "RetryWithData",
            "RetryNotifyWithData",
        ],
        args: &[],
        read: cenkalti,
    },
    Entry {
        library: "go-retryablehttp",
        versions: "0.7",
        source: "hashicorp/go-retryablehttp v0.7.8 client.go",
        modules: &["github.com/hashicorp/go-retryablehttp"],
        names: &["NewClient", "Client"],
        args: &[
            ("RetryMax", "4"),
            ("RetryWaitMin", "1000000000"),
            ("RetryWaitMax", "30000000000"),
        ],
        read: retryablehttp,
    },
    Entry {
        library: "retry-go",
        versions: "3 to 5",
        source: "avast/retry-go v4.7.0 retry.go, options.go",
        modules: &["github.com/avast/retry-go"],
        names: &["Do", "DoWithData", "New", "NewWithData"],
        args: &[],
        read: avast,
    },
    Entry {
        library: "client-go",
        versions: "0.20 to 0.36",
        source: "k8s.io/apimachinery pkg/util/wait/backoff.go, k8s.io/client-go util/retry/util.go",
        modules: &[
            "k8s.io/apimachinery/pkg/util/wait",
            "k8s.io/client-go/util/retry",
        ],
        names: &[
            "ExponentialBackoff",
            "ExponentialBackoffWithContext",
            "OnError",
            "RetryOnConflict",
        ],
        args: &[],
        read: client_go,
    },
    Entry {
        library: "sarama",
        versions: "1.30 to 1.46",
        source: "IBM/sarama config.go NewConfig",
        modules: &["github.com/Shopify/sarama", "github.com/IBM/sarama"],
        names: &["NewConfig"],
        args: &[
            ("Producer.Retry.Max", "3"),
            ("Producer.Retry.Backoff", "100000000"),
        ],
        read: sarama,
    },
    Entry {
        library: "temporal",
        versions: "1",
        source: "temporalio/temporal 1.32 common/retrypolicy/retry_policy.go",
        modules: &["go.temporal.io/sdk/workflow"],
        names: &["ActivityOptions", "LocalActivityOptions"],
        args: &[],
        read: temporal::go,
    },
];

/// Go's durations are nanoseconds.
const NS: f64 = 1e-9;

fn cenkalti(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    // v5: `Retry(ctx, operation, options…)`; before: `Retry(operation, backoff)`.
    let import = args.file.import(call.callee.path()?[0])?;
    let five = import.module.ends_with("/v5");
    args.no_budget(retry);
    retry.attempts(Known::default(UNLIMITED, "cenkalti/backoff's default"));
    if five {
        let mut backoff = None;
        retry.deadline(Known::default(
            Some(Nanos::from_secs(900)),
            "cenkalti/backoff's default",
        ));
        for arg in call.args.iter().skip(2) {
            let option = args.values.follow(args.loc(&arg.value));
            let Some(inner) = option.expr.as_call() else {
                continue;
            };
            let first = inner.position(0).map(|expr| Loc { expr, ..option });
            match (inner.callee.last_name(), first) {
                (Some("WithBackOff"), Some(loc)) => backoff = Some(loc),
                (Some("WithMaxTries"), Some(loc)) => {
                    retry.attempts(
                        args.number_at(loc)
                            .map(|n| if n == 0.0 { UNLIMITED } else { whole(n) }),
                    );
                }
                (Some("WithMaxElapsedTime"), Some(loc)) => {
                    retry.deadline(endless_at_zero(args.time_at(loc, NS)));
                }
                _ => {}
            }
        }
        match backoff {
            Some(loc) => strategy(args, loc, retry, true),
            None => exponential(args, retry),
        }
        if call.args.len() == 2 {
            site.named = Some(("cenkalti", "no options are given".to_string()));
        }
        return Some(());
    }
    let last = call.position(1)?;
    strategy(args, args.loc(last), retry, false);
    let plain = last.as_call().is_some_and(|c| {
        c.callee.last_name() == Some("NewExponentialBackOff") && c.args.is_empty()
    });
    if plain {
        site.named = Some(("cenkalti", "nothing of its BackOff is set".to_string()));
    }
    Some(())
}

/// Zero is no limit.
fn endless_at_zero(known: Known<Option<f64>>) -> Known<Option<Nanos>> {
    known.map(|limit| limit.filter(|s| *s > 0.0).map(nanos))
}

/// A BackOff: what it wraps, how it waits.
fn strategy<'p>(args: &Args<'p>, loc: Loc<'p>, retry: &mut Retry, five: bool) {
    let place = args.place(loc);
    let target = args.values.follow(loc);
    let unresolved = |retry: &mut Retry| {
        let why = "its BackOff is made elsewhere";
        retry.backoff(Known::unresolved(Some(place.clone()), why));
        retry.jitter(Known::unresolved(Some(place.clone()), why));
        retry.attempts(Known::unresolved(Some(place.clone()), why));
        retry.deadline(Known::unresolved(Some(place.clone()), why));
    };
    if let Kind::Object(Some(kind), entries, _) = &target.expr.kind
        && kind.last_name() == Some("ExponentialBackOff")
    {
        let entries: Vec<(String, &Expr)> = entries.iter().map(|(k, v)| (k.clone(), v)).collect();
        // A literal has none of the constructor's defaults.
        exponential_of(args, Loc { ..target }, &entries, retry, five, true);
        return;
    }
    let Some(call) = target.expr.as_call() else {
        return unresolved(retry);
    };
    let first = call.position(0).map(|expr| Loc { expr, ..target });
    let second = call.position(1).map(|expr| Loc { expr, ..target });
    match call.callee.last_name() {
        Some("WithMaxRetries") => {
            if let Some(first) = first {
                strategy(args, first, retry, five);
            }
            if let Some(n) = second {
                retry.retries(args.number_at(n));
            }
        }
        Some("WithContext") => {
            if let Some(first) = first {
                strategy(args, first, retry, five);
            }
        }
        Some("NewConstantBackOff") => {
            if let Some(first) = first {
                retry.backoff(
                    args.time_at(first, NS)
                        .map(|s| Backoff::Fixed(nanos(s.unwrap_or(0.0)))),
                );
            }
            args.no_jitter(retry);
            if !five {
                retry.deadline(Known::default(None, "a constant BackOff has none"));
            }
        }
        Some("NewExponentialBackOff") => {
            let fields = fields(target.file, &target.expr.span);
            exponential_of(args, target, &fields, retry, five, false);
        }
        _ => unresolved(retry),
    }
}

fn exponential(args: &Args, retry: &mut Retry) {
    let default = |n: f64| Known::default(n, "cenkalti/backoff's default");
    let cap = Known::default(Some(60.0), "cenkalti/backoff's default");
    retry.backoff(args.growing(default(0.5), default(1.5), cap, Exponent::FromZero));
    retry.jitter(Known::default(
        Jitter::Proportional(Probability(0.5)),
        "cenkalti/backoff's default",
    ));
}

fn exponential_of<'p>(
    args: &Args<'p>,
    made: Loc<'p>,
    fields: &[(String, &'p Expr)],
    retry: &mut Retry,
    five: bool,
    literal: bool,
) {
    // Options of the constructor, fields set afterwards.
    let mut options: Vec<(String, Loc<'p>)> = Vec::new();
    if let Some(call) = made.expr.as_call() {
        for arg in &call.args {
            if let Some(inner) = arg.value.as_call()
                && let Some(name) = inner
                    .callee
                    .last_name()
                    .and_then(|n| n.strip_prefix("With"))
                && let Some(value) = inner.position(0)
            {
                options.push((
                    name.to_string(),
                    Loc {
                        expr: value,
                        ..made
                    },
                ));
            }
        }
    }
    options.extend(
        fields
            .iter()
            .map(|(name, expr)| (name.clone(), Loc { expr, ..made })),
    );
    let get = |name: &str| {
        options
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, loc)| *loc)
    };
    let time = |name: &str, default: f64| match get(name) {
        Some(loc) => args.time_at(loc, NS).map(|s| s.unwrap_or(0.0)),
        None if literal => Known::default(0.0, "a literal sets nothing"),
        None => Known::default(default, "cenkalti/backoff's default"),
    };
    let number = |name: &str, default: f64| match get(name) {
        Some(loc) => args.number_at(loc),
        None if literal => Known::default(0.0, "a literal sets nothing"),
        None => Known::default(default, "cenkalti/backoff's default"),
    };
    let cap = time("MaxInterval", 60.0).map(|s| Some(s).filter(|s| *s > 0.0));
    let multiplier = number("Multiplier", 1.5);
    retry.backoff(args.growing(
        time("InitialInterval", 0.5),
        multiplier,
        cap,
        Exponent::FromZero,
    ));
    retry.jitter(number("RandomizationFactor", 0.5).map(|f| match f {
        f if f > 0.0 => Jitter::Proportional(Probability(f.min(1.0))),
        _ => Jitter::None,
    }));
    if !five {
        retry.deadline(match get("MaxElapsedTime") {
            Some(loc) => endless_at_zero(args.time_at(loc, NS)),
            None if literal => Known::default(None, "a literal sets nothing"),
            None => Known::default(Some(Nanos::from_secs(900)), "cenkalti/backoff's default"),
        });
    }
}

fn retryablehttp(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    retry.retries(args.number("RetryMax"));
    let low = args.time("RetryWaitMin", NS).map(|s| s.unwrap_or(0.0));
    let high = args.time("RetryWaitMax", NS);
    args.no_jitter(retry);
    match args
        .get("Backoff")
        .and_then(|loc| loc.expr.last_name().map(|n| (loc, n)))
    {
        None | Some((_, "DefaultBackoff")) => {
            let double = Known::default(2.0, "go-retryablehttp doubles");
            retry.backoff(args.growing(low, double, high, Exponent::FromZero));
            retry.retry_after(Hint::Replace(None));
        }
        Some((_, "LinearJitterBackoff")) => {
            // U(min, max) times the number of the retry.
            let both = low.and(high.map(|s| s.unwrap_or(0.0)));
            let ratio = both
                .value
                .map(|(low, high)| if low > 0.0 { high / low } else { 1.0 });
            retry.jitter(Known {
                value: ratio.map(|r| Jitter::Scale(Factor(1.0), Factor(r))),
                fact: both.fact.clone(),
            });
            retry.backoff(both.map(|(low, _)| Backoff::Linear(nanos(low))));
        }
        Some((loc, _)) => {
            let place = Some(args.place(loc));
            retry.backoff(Known::unresolved(place.clone(), "its own function decides"));
            retry.jitter(Known::unresolved(place, "its own function decides"));
        }
    }
    retry.deadline(Known::default(None, "go-retryablehttp has none"));
    retry.timeout(match args.get("HTTPClient.Timeout") {
        Some(loc) => endless_at_zero(args.time_at(loc, NS)),
        None => Known::default(None, "go-retryablehttp's default client waits for ever"),
    });
    args.no_budget(retry);
    if !["RetryMax", "RetryWaitMin", "RetryWaitMax", "Backoff"]
        .iter()
        .any(|n| args.has(n))
    {
        site.named = Some(("go-retryablehttp", "nothing is set".to_string()));
    }
    Some(())
}

fn avast(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    let call = args.call?;
    let mut delay = Known::default(0.1, "retry-go's default");
    let mut most = Known::default(None, "retry-go's default");
    let mut jitter = Known::default(0.1, "retry-go's default");
    let mut kind: Option<Loc> = None;
    retry.attempts(Known::default(10, "retry-go's default"));
    let mut options: Vec<Loc> = Vec::new();
    // `retry.New(options…).Do(f)` since v5
    let made = matches!(call.callee.last_name(), Some("New" | "NewWithData"));
    for arg in call.args.iter().skip(usize::from(!made)) {
        let loc = args.values.follow(args.loc(&arg.value));
        match &loc.expr.kind {
            Kind::List(items) => options.extend(items.iter().map(|expr| Loc { expr, ..loc })),
            _ => options.push(loc),
        }
    }
    for option in options {
        let Some(inner) = option.expr.as_call() else {
            continue;
        };
        let first = inner.position(0).map(|expr| Loc { expr, ..option });
        match (inner.callee.last_name(), first) {
            (Some("Attempts"), Some(loc)) => {
                retry.attempts(
                    args.number_at(loc)
                        .map(|n| if n == 0.0 { UNLIMITED } else { whole(n) }),
                );
            }
            (Some("UntilSucceeded"), _) => {
                retry.attempts(Known::read(UNLIMITED, args.place(option)));
            }
            (Some("Delay"), Some(loc)) => delay = args.time_at(loc, NS).map(|s| s.unwrap_or(0.0)),
            (Some("MaxDelay"), Some(loc)) => most = args.time_at(loc, NS),
            (Some("MaxJitter"), Some(loc)) => {
                jitter = args.time_at(loc, NS).map(|s| s.unwrap_or(0.0))
            }
            (Some("DelayType"), Some(loc)) => kind = Some(loc),
            _ => {}
        }
    }
    retry.deadline(Known::default(None, "retry-go has none"));
    args.no_budget(retry);
    let (backs, randoms) = match kind {
        None => (Some("BackOffDelay"), true),
        Some(loc) => {
            let place = Some(args.place(loc));
            let name = loc.expr.last_name();
            let within = |what: &str| {
                let mut found = false;
                loc.expr
                    .walk(false, &mut |e| found |= e.last_name() == Some(what));
                found
            };
            match name {
                Some("CombineDelay") => {
                    let back = ["BackOffDelay", "FixedDelay"]
                        .into_iter()
                        .find(|n| within(n));
                    (back, within("RandomDelay"))
                }
                Some("BackOffDelay" | "FixedDelay") => (name, false),
                Some("RandomDelay") => (None, true),
                Some("FullJitterBackoffDelay") => {
                    let double = Known::default(2.0, "retry-go doubles");
                    retry.backoff(args.growing(delay, double, most, Exponent::FromOne));
                    retry.jitter(Known {
                        value: Some(Jitter::Full),
                        fact: Known::read((), args.place(loc)).fact,
                    });
                    return Some(());
                }
                _ => {
                    retry.backoff(Known::unresolved(place.clone(), "its own function decides"));
                    retry.jitter(Known::unresolved(place, "its own function decides"));
                    return Some(());
                }
            }
        }
    };
    // In v4.6 the first wait was doubled, too.
    let version = super::args::go_module(args.file, "github.com/avast/retry-go/v4");
    let exponent = match version.is_some_and(|v| v.starts_with("v4.6.")) {
        true => Exponent::FromOne,
        false => Exponent::FromZero,
    };
    let double = Known::default(2.0, "retry-go doubles");
    let capped = most.value.flatten().is_some();
    match backs {
        Some("BackOffDelay") => {
            retry.backoff(args.growing(delay, double, most, exponent));
        }
        Some(_) => {
            retry.backoff(delay.map(|s| Backoff::Fixed(nanos(s))));
        }
        None => {
            let fact = jitter.fact.clone();
            let high = jitter.value.unwrap_or(0.0);
            retry.backoff(Known {
                value: Some(Backoff::Fixed(nanos(high))),
                fact: fact.clone(),
            });
            retry.jitter(Known {
                value: Some(Jitter::Full),
                fact,
            });
            return Some(());
        }
    }
    match randoms {
        true => {
            retry.jitter(jitter.map(|s| Jitter::Additive(nanos(s))));
            if capped {
                retry.cap_after(CapAfter::Yes);
            }
        }
        false => args.no_jitter(retry),
    }
    Some(())
}

fn client_go(args: &Args, retry: &mut Retry, site: &mut Site) -> Option<()> {
    let call = args.call?;
    let name = qualified(args.file, &call.callee)?.1;
    let at = usize::from(name == "ExponentialBackoffWithContext");
    let given = args.loc(call.position(at)?);
    args.no_budget(retry);
    retry.deadline(Known::default(None, "wait.Backoff has none"));
    let target = args.values.follow(given);
    let known = |n: f64| Known::default(n, "client-go's own");
    // retry.DefaultRetry, retry.DefaultBackoff
    let named = match given.expr.last_name() {
        Some("DefaultRetry") => Some((5.0, 0.01, 1.0, 0.1)),
        Some("DefaultBackoff") => Some((4.0, 0.01, 5.0, 0.1)),
        _ => None,
    };
    if let Some((steps, duration, factor, jitter)) = named {
        retry.attempts(known(steps).map(whole));
        retry.backoff(args.growing(
            known(duration),
            known(factor),
            Known::default(None, "client-go's own"),
            Exponent::FromZero,
        ));
        retry.jitter(known(jitter).map(|j| Jitter::Scale(Factor(1.0), Factor(1.0 + j))));
        site.named = None;
        return Some(());
    }
    let Kind::Object(_, entries, _) = &target.expr.kind else {
        let place = Some(args.place(given));
        let why = "its Backoff is made elsewhere";
        retry.attempts(Known::unresolved(place.clone(), why));
        retry.backoff(Known::unresolved(place.clone(), why));
        retry.jitter(Known::unresolved(place, why));
        return Some(());
    };
    let get = |name: &str| {
        entries
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, expr)| Loc { expr, ..target })
    };
    let zero = || Known::default(0.0, "a literal sets nothing");
    let steps = get("Steps").map_or_else(zero, |loc| args.number_at(loc));
    let duration =
        get("Duration").map_or_else(zero, |loc| args.time_at(loc, NS).map(|s| s.unwrap_or(0.0)));
    let factor = get("Factor").map_or_else(zero, |loc| args.number_at(loc));
    let jitter = get("Jitter").map_or_else(zero, |loc| args.number_at(loc));
    let cap = get("Cap").map(|loc| args.time_at(loc, NS).map(|s| s.unwrap_or(0.0)));
    // Past its cap a Backoff makes no more steps: the cap ends the retries.
    let mut attempts = steps;
    if let (Some(Some(cap)), Some(n), Some(first), Some(by)) = (
        cap.as_ref().map(|c| c.value),
        attempts.value,
        duration.value,
        factor.value,
    ) && cap > 0.0
        && by > 1.0
    {
        let mut wait = first;
        let mut left = whole(n);
        let mut made = 0;
        while left > 0 {
            made += 1;
            left -= 1;
            if left == 0 {
                break;
            }
            wait *= by;
            if wait > cap {
                wait = cap;
                left = 0;
            }
        }
        attempts.value = Some(f64::from(made));
    }
    retry.attempts(attempts.map(|n| whole(n).max(1)));
    let factor = factor.map(|f| if f == 0.0 { 1.0 } else { f });
    let cap = match cap {
        Some(cap) => cap.map(|c| Some(c).filter(|c| *c > 0.0)),
        None => Known::default(None, "a literal sets nothing"),
    };
    retry.backoff(args.growing(duration, factor, cap, Exponent::FromZero));
    retry.jitter(jitter.map(|j| match j {
        j if j > 0.0 => Jitter::Scale(Factor(1.0), Factor(1.0 + j)),
        _ => Jitter::None,
    }));
    Some(())
}

fn sarama(args: &Args, retry: &mut Retry, _site: &mut Site) -> Option<()> {
    retry.retries(args.number("Producer.Retry.Max"));
    retry.backoff(
        args.time("Producer.Retry.Backoff", NS)
            .map(|s| match s.unwrap_or(0.0) {
                s if s > 0.0 => Backoff::Fixed(nanos(s)),
                _ => Backoff::None,
            }),
    );
    args.no_jitter(retry);
    if let Some(loc) = args.get("Producer.Retry.BackoffFunc") {
        let place = Some(args.place(loc));
        retry.backoff(Known::unresolved(place.clone(), "its own function decides"));
        retry.jitter(Known::unresolved(place, "its own function decides"));
        // `sarama.NewExponentialBackoff(base, max)`: ±20%, then the cap.
        if let Some(call) = args.values.follow(loc).expr.as_call()
            && call.callee.last_name() == Some("NewExponentialBackoff")
            && let (Some(base), Some(cap)) = (call.position(0), call.position(1))
        {
            let at = |expr| args.time_at(args.loc(expr), NS);
            let double = Known::default(2.0, "sarama doubles");
            retry.backoff(args.growing(
                at(base).map(|s| s.unwrap_or(0.0)),
                double,
                at(cap),
                Exponent::FromZero,
            ));
            retry.jitter(Known::default(
                Jitter::Proportional(Probability(0.2)),
                "sarama's own",
            ));
            retry.cap_after(CapAfter::Yes);
        }
    }
    retry.timeout(match args.get("Net.ReadTimeout") {
        Some(loc) => Args::optional(args.time_at(loc, NS)),
        None => Known::default(
            Some(Nanos::from_secs(30)),
            "sarama's default of Net.ReadTimeout",
        ),
    });
    retry.deadline(Known::default(None, "sarama has none"));
    args.no_budget(retry);
    Some(())
}
