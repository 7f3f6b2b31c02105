//! HS403: retention shorter than the retry horizon

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::secs;
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "retention shorter than the retry horizon",
    severity: "medium",
    what: "A key is forgotten before the last retry can come.",
    why: "The retry that comes after the key is forgotten is taken for a new operation.",
    numbers: "Both times.",
    fix: "Keep keys for longer than the longest retry: attempts, waits and timeouts together.",
    ignore: "Where later retries cannot happen.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Effect(effect) = &site.decision else {
            continue;
        };
        let Some(kept) = effect.retention.as_ref().and_then(|k| k.value) else {
            continue;
        };
        let longest = system.longest_retry_around(site);
        if let Some(longest) = longest
            && longest > kept.as_secs()
        {
            let message = format!(
                "keys are kept for {}, retries go on for {}",
                secs(kept.as_secs()),
                secs(longest)
            );
            hits.push(Hit::at(site, Severity::Medium, message));
        }
    }
}
