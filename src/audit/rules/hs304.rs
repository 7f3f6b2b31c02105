//! HS304: lease, renewal, deadline and work do not fit

use crate::audit::rule::{Rule, Severity};
use crate::audit::rules::hit::{Doc, Hit, remarks};
use crate::audit::rules::speak::secs;
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "lease, renewal, deadline and work do not fit",
    severity: "medium",
    what: "A lease that is not longer than the time its holder goes on trying to renew it, or that time not longer than 1.2 renewals. A message of a queue that is hidden for less than its reader may take.",
    why: "The holder still believes in its lease when another has taken it, or gives it up after a single renewal that came late. A message that shows up again while it is worked on is worked on twice.",
    numbers: "The times.",
    fix: "Lease > deadline > 1.2 × renewal, such as 15 s, 10 s and 2 s. A visibility timeout of six times the function's, its batching window added.",
    ignore: "Never for leases: client-go refuses such values when it starts. For queues, where a message that is worked on twice does no harm.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    remarks(system, Rule::Hs304, Severity::Medium, hits);
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
