//! HS102: waves: waits without jitter

use herdsim_core::scenario::policy::{Backoff, Jitter};

use crate::audit::law;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::secs;
use crate::audit::rules::system::System;
use crate::audit::site::Field;

pub const DOC: Doc = Doc {
    title: "waves: waits without jitter",
    severity: "medium",
    what: "Waits that are the same for every caller: fixed, linear or exponential, without jitter.",
    why: "What fails together comes back together. Every caller that met the blip tries again after the same wait, so the service meets them all at once, again and again.",
    numbers: "The waits after which the waves come.",
    fix: "Full jitter: a wait drawn from 0 to what it would have been. The longest wait stays, the waves spread out.",
    ignore: "Where there is one caller, or the callers start at times of their own and stay apart.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry() else { continue };
        let known = [Field::Backoff, Field::Jitter]
            .into_iter()
            .all(|f| retry.is_known(f));
        if !known || !retry.retries_at_all() {
            continue;
        }
        let policy = &retry.policy;
        if policy.jitter != Jitter::None
            || matches!(policy.backoff, Backoff::None | Backoff::Random(_))
        {
            continue;
        }
        let last = retry.most_attempts().unwrap_or(4).clamp(2, 4);
        let waits: Vec<String> = (1..last).map(|k| secs(law::delay(policy, k).1)).collect();
        if waits.iter().all(|w| w == "0 s") {
            continue;
        }
        let more = if retry.most_attempts().is_some_and(|n| n <= last) {
            ""
        } else {
            ", …"
        };
        let place = retry.fact(Field::Backoff).and_then(|f| f.place.clone());
        let message = match policy.backoff {
            Backoff::Fixed(d) => format!(
                "every caller waits the same {}: they come back in waves",
                secs(d.as_secs())
            ),
            _ => format!(
                "every caller waits the same ({}{more}): they come back in waves",
                waits.join(", ")
            ),
        };
        hits.push(Hit::at(site, Severity::Medium, message).near(site, place));
    }
}
