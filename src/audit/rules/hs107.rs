//! HS107: no wait between attempts

use herdsim_core::scenario::policy::Backoff;
use herdsim_core::units::Nanos;

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::counted;
use crate::audit::rules::system::System;
use crate::audit::site::Field;

pub const DOC: Doc = Doc {
    title: "no wait between attempts",
    severity: "high",
    what: "Three attempts or more with nothing between them.",
    why: "The attempts fall into the same moment: what made the first one fail makes the others fail, and the service meets several times the load just then.",
    numbers: "The attempts that come at once.",
    fix: "Exponential backoff with full jitter; or one retry at once and a wait before the others.",
    ignore: "Where each attempt goes to another replica that fails on its own.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry() else { continue };
        let known = retry.is_known(Field::Attempts) && retry.is_known(Field::Backoff);
        let policy = &retry.policy;
        let bare = policy.backoff == Backoff::None
            && policy.at_least == Nanos::ZERO
            && policy.throttle.is_none()
            && policy.hedge.is_none();
        if known && policy.attempts >= 3 && bare {
            let message = match retry.most_attempts() {
                Some(n) => format!("{} with no wait between them", counted(n)),
                None => "attempt after attempt with no wait between them".to_string(),
            };
            hits.push(Hit::at(site, Severity::High, message));
        }
    }
}
