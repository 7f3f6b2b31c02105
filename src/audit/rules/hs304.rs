//! HS304: lease, renewal and deadline do not fit

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::secs;
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "lease, renewal and deadline do not fit",
    severity: "medium",
    what: "A lease that is not longer than the time its holder goes on trying to renew it, or that time not longer than 1.2 renewals.",
    why: "The holder still believes in its lease when another has taken it, or gives it up after a single renewal that came late.",
    numbers: "The three times.",
    fix: "Lease > deadline > 1.2 × renewal, such as 15 s, 10 s and 2 s.",
    ignore: "Never: client-go refuses such values when it starts.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Lease(lease) = &site.decision else {
            continue;
        };
        let (Some(ttl), Some(deadline), Some(renew)) = (
            lease.ttl.value.flatten(),
            lease.deadline.as_ref().and_then(|k| k.value),
            lease.renew.as_ref().and_then(|k| k.value),
        ) else {
            continue;
        };
        let (ttl, deadline, renew) = (ttl.as_secs(), deadline.as_secs(), renew.as_secs());
        // client-go tools/leaderelection/leaderelection.go: JitterFactor 1.2.
        let message = match (ttl > deadline, deadline > 1.2 * renew) {
            (false, _) => format!(
                "the lease of {} is not longer than the {} in which it is renewed: two may hold it",
                secs(ttl),
                secs(deadline)
            ),
            (_, false) => format!(
                "{} for renewals that come every {}, up to 1.2 times as late: one late renewal loses the lease",
                secs(deadline),
                secs(renew)
            ),
            _ => continue,
        };
        hits.push(Hit::at(site, Severity::Medium, message));
    }
}
