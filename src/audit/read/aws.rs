//! AWS's shared configuration and environment: `retry_mode`, `max_attempts`.
//!
//! Here both count the first attempt. Source: botocore 1.44.8 configprovider.py, args.py.

use std::sync::Arc;

use herdsim_core::scenario::catalogue;
use herdsim_core::scenario::{Place, Source};

use super::format::Format;
use super::lines::{Line, ini};
use super::tree::number;
use crate::audit::site::{Decision, Field, Known, Reading, Retry, Site, whole};

pub fn read(source: &Arc<Source>, format: Format, reading: &mut Reading) {
    for group in ini(&source.text) {
        let (mode, most) = match format {
            Format::Env => ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"),
            _ => ("retry_mode", "max_attempts"),
        };
        let get = |name: &str| group.lines.iter().rev().find(|line| line.key.text == name);
        let (mode, most) = (get(mode), get(most));
        let Some(first) = [mode, most]
            .into_iter()
            .flatten()
            .min_by_key(|l| l.key.span.start)
        else {
            continue;
        };
        let place = |span: std::ops::Range<usize>| Place {
            source: source.clone(),
            span,
        };
        // A profile begins at its header.
        let start = match group.name.text.is_empty() {
            true => first.key.span.start,
            false => group.name.span.start,
        };
        let end = [mode, most]
            .into_iter()
            .flatten()
            .map(|l| l.span.end)
            .max()
            .unwrap_or(start);
        let name = match group.name.text.as_str() {
            "" => "environment",
            name => name,
        };
        let mut site = Site::new(
            "aws",
            place(start..end.max(start)),
            name,
            Decision::Retry(Box::default()),
        );
        let mut retry = Retry::default();
        policy(source, mode, most, &mut retry, &mut site);
        site.decision = Decision::Retry(Box::new(retry));
        reading.sites.push(site);
    }
}

fn policy(
    source: &Arc<Source>,
    mode: Option<&Line>,
    most: Option<&Line>,
    retry: &mut Retry,
    site: &mut Site,
) {
    let place = |line: &Line| Place {
        source: source.clone(),
        span: line.span.clone(),
    };
    let variable = |line: &Line| line.value.contains('$');
    let wanted = match mode {
        Some(line) if variable(line) => None,
        Some(line) => match line.value.as_str() {
            "legacy" => Some("aws-legacy"),
            "adaptive" => Some("aws-adaptive"),
            "standard" => Some("aws-standard-2026"),
            _ => None,
        },
        None => Some("aws-standard-2026"),
    };
    let fields = [
        Field::Attempts,
        Field::Backoff,
        Field::Jitter,
        Field::Budget,
        Field::RetryOn,
    ];
    let found = catalogue::entries()
        .ok()
        .and_then(|all| all.into_iter().find(|e| Some(e.name.as_str()) == wanted));
    match (found, mode) {
        (Some(entry), Some(line)) => {
            retry.take(&entry.policy, &fields, &format!("mode {}", line.value));
        }
        (Some(entry), None) => {
            retry.take(
                &entry.policy,
                &fields,
                "standard since botocore 1.44, legacy before",
            );
        }
        (None, line) => {
            let at = line.map(place);
            let why = "its mode is set elsewhere";
            retry.backoff(Known::unresolved(at.clone(), why));
            retry.jitter(Known::unresolved(at.clone(), why));
            retry.attempts(Known::unresolved(at, why));
        }
    }
    if let Some(line) = most {
        retry.attempts(match number(&line.value) {
            Some(n) => Known::read(whole(n), place(line)),
            None => Known::unresolved(Some(place(line)), "it is set elsewhere"),
        });
    } else if let Some(name) = ["aws-legacy", "aws-adaptive", "aws-standard-2026"]
        .into_iter()
        .find(|n| Some(*n) == wanted)
    {
        site.named = Some((name, "only its mode is set".to_string()));
    }
    retry.deadline(Known::default(None, "the SDKs have none"));
}
