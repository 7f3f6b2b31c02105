//! What a change is called, and what to do where it cannot be written.

use crate::audit::change::{CAPACITY, Change, DEPOSIT};
use crate::audit::rules::secs;
use crate::audit::site::{Decision, Site};

use super::edit::Fix;

/// What a change is called.
pub fn name(site: &Site, fix: &Fix) -> String {
    match fix {
        Fix::Retry(change) => change.name(),
        Fix::Quorum { w, r } => format!("W = {w} and R = {r}"),
        Fix::AllAcks if site.reader == "mongodb" => "w=majority".to_string(),
        Fix::AllAcks => "acks=all".to_string(),
        Fix::Fence => "compare first, reject what is stale, in one step with the write".to_string(),
        Fix::Key => match &site.decision {
            Decision::Effect(effect) if effect.retried_by.is_some() => {
                "one key per operation, through every attempt".to_string()
            }
            _ => "a key that whoever calls has to hand on".to_string(),
        },
    }
}

/// What to add by hand, and where.
pub fn advice(site: &Site, fixes: &[Fix]) -> String {
    let all: Vec<String> = fixes.iter().map(|fix| one(site, fix)).collect();
    all.join("; ")
}

fn one(site: &Site, fix: &Fix) -> String {
    let target = site.target.as_deref().unwrap_or("the service");
    match (site.reader, fix) {
        ("istio" | "gateway-api", Fix::Retry(Change::Budget)) => format!(
            "in the DestinationRule of {target}, below trafficPolicy: retryBudget: {{percent: 10, minRetryConcurrency: 3}}"
        ),
        ("envoy" | "envoy-gateway", Fix::Retry(Change::Budget)) => format!(
            "in the cluster {target}, below circuit_breakers.thresholds: retry_budget: {{budget_percent: {{value: 10}}, min_retry_concurrency: 3}}"
        ),
        ("linkerd", Fix::Retry(Change::Budget)) => format!(
            "in a ServiceProfile of {target}: retryBudget: {{retryRatio: 0.1, minRetriesPerSecond: 10, ttl: 10s}}"
        ),
        ("grpc", Fix::Retry(Change::Budget)) => {
            "at the top of the service config: \"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 0.1}".to_string()
        }
        ("aws" | "boto3", Fix::Retry(Change::Budget | Change::Jitter)) => {
            "retry_mode = standard: it has a bucket and full jitter".to_string()
        }
        (_, Fix::Retry(Change::Budget)) => format!(
            "ask a token bucket of {CAPACITY} before each retry, to which every call adds {DEPOSIT}"
        ),
        (_, Fix::Retry(Change::Jitter)) => {
            "draw each wait from 0 to what it would have been".to_string()
        }
        (_, Fix::Retry(Change::Attempts(n))) => format!("end it after {}", crate::audit::rules::spelled(*n)),
        (_, Fix::Retry(Change::Timeout(limit))) => format!(
            "give up on an attempt after {}, which is ten times what the slowest in a thousand takes here",
            secs(limit.as_secs())
        ),
        (_, Fix::Retry(Change::Backoff { base, cap })) => format!(
            "wait a draw from 0 to min({}, {} × 2^k) before retry k = 0, 1, …",
            secs(cap.as_secs()),
            secs(base.as_secs())
        ),
        ("cassandra", Fix::Quorum { .. }) => {
            "ask for QUORUM, or LOCAL_QUORUM, where it writes and where it reads".to_string()
        }
        (_, Fix::Quorum { w, r }) => format!("set W = {w} and R = {r}"),
        ("mongodb", Fix::AllAcks) => "w=majority".to_string(),
        (_, Fix::AllAcks) => "acks=all, and min.insync.replicas of 2 or more".to_string(),
        (_, Fix::Fence) => "compare the token with the highest one before the write, reject a lower one, \
             and do both under one lock, in one transaction, or as a condition of the write"
            .to_string(),
        (_, Fix::Key) => "make a key once per operation, before the first attempt, and send it with every one".to_string(),
    }
}
