//! A site in words: what was read.

use herdsim_core::scenario::policy::{Backoff, Budget, Jitter, UNLIMITED};

use super::rule::Severity;
use super::rules::{article, secs, spelled};
use super::site::{Decision, Field, How, Key, Known, Retry, Site};

/// What a site decides, in a line.
pub fn reading(site: &Site) -> String {
    let text = match &site.decision {
        Decision::Retry(retry) => retried(retry),
        Decision::Timeout(known) => match &known.value {
            Some(Some(limit)) => format!("gives up after {}", secs(limit.as_secs())),
            Some(None) => "waits for ever".to_string(),
            None => format!(
                "timeout ? ({})",
                known.fact.why.as_deref().unwrap_or("unresolved")
            ),
        },
        Decision::Quorum(q) => format!(
            "N = {}, W = {}, R = {}",
            number(&q.n),
            number(&q.w),
            number(&q.r)
        ),
        Decision::Acks(acks) => {
            let mut parts = Vec::new();
            if let Some(acks) = &acks.acks {
                parts.push(format!("acks={}", acks.value.as_deref().unwrap_or("?")));
            }
            if let Some(isr) = &acks.min_isr {
                parts.push(format!("min.insync.replicas={}", number(isr)));
            }
            if let Some(replicas) = &acks.replicas {
                parts.push(format!("{} replicas", number(replicas)));
            }
            parts.join(", ")
        }
        Decision::Lease(lease) => {
            let mut text = match &lease.ttl.value {
                Some(Some(ttl)) => format!("lasts {}", secs(ttl.as_secs())),
                Some(None) => "does not run out".to_string(),
                None => "lasts ?".to_string(),
            };
            if let Some(deadline) = lease.deadline.as_ref().and_then(|k| k.value) {
                text.push_str(&format!(", renewed within {}", secs(deadline.as_secs())));
            }
            if let Some(renew) = lease.renew.as_ref().and_then(|k| k.value) {
                text.push_str(&format!(", tried every {}", secs(renew.as_secs())));
            }
            text
        }
        Decision::Fence(fence) => format!("guarded by `{}`: {}", fence.token, fence.guard.name()),
        Decision::Effect(effect) => {
            let key = match effect.key {
                Key::None => "no key",
                Key::PerAttempt => "a key per attempt",
                Key::PerOperation => "a key per operation",
            };
            match &effect.retried_by {
                Some(by) => format!("makes {}, {key}, made again by {by}", article(&effect.what)),
                None => format!("makes {}, {key}", article(&effect.what)),
            }
        }
    };
    match &site.named {
        Some((name, why)) => format!("{text} ({name}'s default, because {why})"),
        None => text,
    }
}

fn number(known: &Known<u32>) -> String {
    known
        .value
        .map_or_else(|| "?".to_string(), |n| n.to_string())
}

fn retried(retry: &Retry) -> String {
    let policy = &retry.policy;
    let known = |field| retry.is_known(field);
    let mut parts = Vec::new();
    parts.push(match (known(Field::Attempts), policy.attempts) {
        (false, _) => "? attempts".to_string(),
        (_, UNLIMITED) => "any number of attempts".to_string(),
        (_, 1) => return "one attempt: nothing is retried".to_string(),
        (_, n) => spelled(n),
    });
    parts.push(match (known(Field::Backoff), known(Field::Jitter)) {
        (false, _) => "waits ?".to_string(),
        _ if policy.backoff == Backoff::None => "no wait between them".to_string(),
        (true, false) => format!("{}, jitter ?", policy.backoff),
        (true, true) if policy.jitter == Jitter::None => policy.backoff.to_string(),
        (true, true) => format!("{} with jitter {}", policy.backoff, policy.jitter),
    });
    if let Some(fact) = retry.fact(Field::Timeout) {
        parts.push(match (fact.how, policy.timeout) {
            (How::Unresolved, _) => "timeout ?".to_string(),
            (_, None) => "no timeout".to_string(),
            (_, Some(limit)) => format!("{} each", secs(limit.as_secs())),
        });
    }
    match (known(Field::Deadline), policy.deadline) {
        (true, Some(limit)) => parts.push(format!("{} in all", secs(limit.as_secs()))),
        (false, _) if retry.fact(Field::Deadline).is_some() => parts.push("deadline ?".to_string()),
        _ => {}
    }
    parts.push(match (known(Field::Budget), &policy.budget) {
        (false, _) => "budget ?".to_string(),
        (_, None) => "no budget".to_string(),
        (_, Some(budget)) => self::budget(budget),
    });
    parts.join(", ")
}

fn budget(budget: &Budget) -> String {
    match budget {
        Budget::Ratio(ratio) => format!("a budget of {:.0}%", ratio.ratio.0 * 100.0),
        Budget::Concurrent(c) if c.percent.0 > 0.0 => {
            format!(
                "retries at most {:.0}% of what is active, or {}",
                c.percent.0 * 100.0,
                c.min_concurrency
            )
        }
        Budget::Concurrent(c) => format!("{} retries at once at most", c.min_concurrency),
        Budget::Throttle(_) => "a throttle".to_string(),
        Budget::TokenBucket(_) => "a bucket of retries".to_string(),
        _ => "a budget".to_string(),
    }
}

/// Why a site that no rule objects to is right; none where nothing is to be said for it.
pub fn right(site: &Site) -> Option<String> {
    match &site.decision {
        Decision::Effect(effect) if effect.key == Key::PerOperation => {
            Some(format!("the {} has one key per operation", effect.what))
        }
        Decision::Fence(_) => {
            Some("a stale token is rejected in one step with the write".to_string())
        }
        Decision::Quorum(q)
            if q.n.value.is_some() && q.w.value.is_some() && q.r.value.is_some() =>
        {
            let [n, w, r] = [&q.n, &q.w, &q.r].map(|k| k.value.unwrap_or(0));
            Some(match n > w.max(r) {
                true => "reads meet writes, writes meet, and one replica may be down".to_string(),
                false => "reads meet writes, and writes meet".to_string(),
            })
        }
        Decision::Acks(a)
            if a.acks
                .as_ref()
                .is_some_and(|k| k.value.as_deref() == Some("all")) =>
        {
            Some("a write counts as done when every replica in sync has it".to_string())
        }
        Decision::Retry(retry)
            if retry.retries_at_all()
                && retry.is_known(Field::Budget)
                && retry.policy.budget.is_some() =>
        {
            Some("its retries have a budget".to_string())
        }
        _ => None,
    }
}

/// `HIGH`
pub fn loud(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    }
}
