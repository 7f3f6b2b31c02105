//! gRPC service configs: files, and strings and objects in code.
//!
//! Sources: grpc/proposal A6-client-retries.md; grpc-go 1.69 to 1.85 service_config.go,
//! C-core 1.85, grpc-js 1.14 service-config.ts.

use std::sync::Arc;

use herdsim_core::scenario::Source;
use herdsim_core::scenario::policy::{Backoff, Budget, Exponent, HalfFull, Hedge, Hint, Jitter};
use herdsim_core::units::{Nanos, Probability, Tokens};

use super::code::ir::Language;
use super::format::Document;
use super::json;
use super::template::Masked;
use super::tree::{At, Node};
use super::units::with_unit;
use crate::audit::read::code::shape::exponential;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Known, Reading, Retry, Site, whole};

pub fn read(document: &Document, reading: &mut Reading) {
    let mut found = Vec::new();
    document
        .at
        .search(&mut |at| at.get("methodConfig").is_some(), &mut found);
    for config in found {
        service_config(config, None, reading);
    }
}

/// A config that stands as a text in code: `raw` is the text between its quotes, which begins
/// at byte `start` of the file.
pub fn in_text(
    source: &Arc<Source>,
    start: usize,
    raw: &str,
    language: Language,
    reading: &mut Reading,
) {
    let Ok(Some(root)) = json::document(&Masked::plain(raw)) else {
        return;
    };
    let mut root = (*root).clone();
    shift(&mut root, start);
    let at = At::root(source, &root);
    if at.get("methodConfig").is_some() {
        service_config(at, Some(language), reading);
    }
}

/// Moves the places of a tree to where its text stands in its file.
pub fn shift(node: &mut Node, by: usize) {
    use super::tree::Kind;
    node.span.start += by;
    node.span.end += by;
    match &mut node.kind {
        Kind::Scalar(_) => {}
        Kind::List(items) => items
            .iter_mut()
            .for_each(|item| shift(Arc::make_mut(item), by)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                key.span.start += by;
                key.span.end += by;
                shift(Arc::make_mut(value), by);
            }
        }
    }
}

/// A config as a tree; the language that will read it, where that is known.
pub fn service_config(at: At, language: Option<Language>, reading: &mut Reading) {
    let throttle = at.get("retryThrottling");
    let Some(methods) = at.get("methodConfig") else {
        return;
    };
    for method in methods.items() {
        let name = method.get("name").and_then(|n| n.items().next());
        let name = name
            .and_then(|n| n.get("service")?.text())
            .unwrap_or("every method");
        // encoding/json takes keys in any case; the others ignore what they do not know.
        let any_case = language == Some(Language::Go);
        let exact = |key: &str| method.get(key);
        let loose = |key: &str| method.find(key);
        let policy = exact("retryPolicy").or_else(|| loose("retryPolicy"));
        let timeout = exact("timeout");
        if let Some(hedging) = exact("hedgingPolicy") {
            reading.sites.push(hedge(hedging, name, timeout, throttle));
            continue;
        }
        let Some(policy) = policy else {
            if let Some(limit) = timeout {
                let known = limit.known("duration", with_unit).map(Some);
                let mut site = Site::new("grpc", limit.whole(), name, Decision::Timeout(known));
                site.target = Some(name.to_string());
                reading.sites.push(site);
            }
            continue;
        };
        let snake = policy.name().contains('_');
        let known = policy.name() == "retryPolicy" || any_case && !snake;
        reading.sites.push(match known {
            true => retry(policy, name, timeout, throttle, any_case),
            false => dead(policy, name, timeout),
        });
    }
}

/// A policy under a name that nobody looks for.
fn dead(policy: At, name: &str, timeout: Option<At>) -> Site {
    let mut retry = Retry::default();
    retry.attempts(Known::default(1, "the policy's name is unknown to gRPC"));
    retry.deadline(deadline(timeout));
    let mut site = Site::new(
        "grpc",
        policy.whole(),
        name,
        Decision::Retry(Box::new(retry)),
    );
    let text = format!(
        "`{}` is unknown to gRPC, which has `retryPolicy`: nothing is retried",
        policy.name()
    );
    site.remark(Rule::Hs109, policy.key_place(), text);
    site
}

fn deadline(timeout: Option<At>) -> Known<Option<Nanos>> {
    match timeout {
        Some(limit) => limit.known("duration", with_unit).map(Some),
        None => Known::default(None, "gRPC has none"),
    }
}

fn retry(
    policy: At,
    name: &str,
    timeout: Option<At>,
    throttle: Option<At>,
    any_case: bool,
) -> Site {
    let mut retry = Retry::default();
    let get = |key: &str| {
        policy.get(key).or_else(|| {
            policy
                .find(key)
                .filter(|at| any_case && !at.name().contains('_'))
        })
    };
    let missing = |what: &str| format!("gRPC asks for `{what}`");
    // More than five are five.
    retry.attempts(match get("maxAttempts") {
        Some(n) => n.number().map(|n| whole(n).min(5)),
        None => Known::unresolved(Some(policy.whole()), missing("maxAttempts")),
    });
    let time = |key: &str| match get(key) {
        Some(d) => d.known("duration", |text| {
            text.ends_with('s').then(|| with_unit(&padded(text)))?
        }),
        None => Known::unresolved(Some(policy.whole()), missing(key)),
    };
    let factor = match get("backoffMultiplier") {
        Some(n) => n.number(),
        None => Known::unresolved(Some(policy.whole()), missing("backoffMultiplier")),
    };
    retry.backoff(
        time("initialBackoff")
            .and(time("maxBackoff"))
            .and(factor)
            .map(|((base, cap), factor)| match factor {
                1.0 => Backoff::Fixed(base.min(cap)),
                factor => exponential(
                    base.as_secs(),
                    factor,
                    Some(cap.as_secs()),
                    Exponent::FromZero,
                ),
            }),
    );
    retry.jitter(Known::default(
        Jitter::Proportional(Probability(0.2)),
        "gRPC's own since 2024",
    ));
    retry.retry_after(Hint::ReplaceAndRestart);
    retry.deadline(deadline(timeout));
    retry.budget(budget(throttle));
    let mut site = Site::new(
        "grpc",
        policy.whole(),
        name,
        Decision::Retry(Box::new(retry)),
    );
    site.target = Some(name.to_string());
    site
}

/// `.01s` is `0.01s`.
fn padded(text: &str) -> String {
    match text.starts_with('.') {
        true => format!("0{text}"),
        false => text.to_string(),
    }
}

fn budget(throttle: Option<At>) -> Known<Option<Budget>> {
    let Some(throttle) = throttle else {
        return Known::default(None, "`retryThrottling` is absent");
    };
    let number = |key: &str| throttle.get(key).map(|n| n.number());
    let (Some(most), Some(ratio)) = (number("maxTokens"), number("tokenRatio")) else {
        return Known::unresolved(
            Some(throttle.whole()),
            "gRPC asks for `maxTokens` and `tokenRatio`",
        );
    };
    let tokens = |n: f64| Tokens((n * Tokens::ONE.0 as f64).max(0.0) as u64);
    most.and(ratio).map(|(most, ratio)| {
        Some(Budget::Throttle(HalfFull {
            max_tokens: tokens(most),
            token_ratio: tokens(ratio),
        }))
    })
}

fn hedge(policy: At, name: &str, timeout: Option<At>, throttle: Option<At>) -> Site {
    let mut retry = Retry::default();
    let attempts = match policy.get("maxAttempts") {
        Some(n) => n.number().map(|n| whole(n).min(5)),
        None => Known::unresolved(Some(policy.whole()), "gRPC asks for `maxAttempts`"),
    };
    let delay = policy
        .get("hedgingDelay")
        .and_then(|d| d.text())
        .and_then(|t| with_unit(&padded(t)));
    let most = attempts.value.unwrap_or(2);
    retry.attempts(attempts);
    retry.policy.hedge = Some(Hedge {
        delay: delay.unwrap_or(Nanos::ZERO),
        max: most,
        next_on_failure: true,
    });
    retry.backoff(Known::default(
        Backoff::None,
        "a hedge sends the next after its delay",
    ));
    retry.jitter(Known::default(Jitter::None, "gRPC adds none to hedges"));
    retry.deadline(deadline(timeout));
    retry.budget(budget(throttle));
    let mut site = Site::new(
        "grpc",
        policy.whole(),
        name,
        Decision::Retry(Box::new(retry)),
    );
    site.target = Some(name.to_string());
    site
}
