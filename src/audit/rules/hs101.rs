//! HS101: retries without a budget

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::{counted, percent, secs};
use crate::audit::rules::system::System;
use crate::audit::site::Field;

pub const DOC: Doc = Doc {
    title: "retries without a budget",
    severity: "high from 4 attempts, else medium",
    what: "A policy of three attempts or more, or of any number, and nothing that bounds the share of retries.",
    why: "While a service is overloaded every call becomes as many attempts as the policy allows. The load that the callers offer then is the load of calls times the attempts, and where that is above capacity the overload feeds itself: it stays when its cause is gone.",
    numbers: "A collapse can persist from 1/attempts of capacity on: with six attempts above 17%.",
    fix: "A retry budget: retries at most a tenth of the calls, as a token bucket in the client, `retry_budget` of Envoy, `retryThrottling` of gRPC, `retryBudget` of a DestinationRule. Else fewer attempts.",
    ignore: "Where the callers are few beside the capacity, or the work is a queue whose depth nobody waits for.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry() else { continue };
        if !retry.is_known(Field::Attempts) || !retry.is_known(Field::Budget) {
            continue;
        }
        let attempts = retry.policy.attempts;
        if attempts < 3 || retry.policy.budget.is_some() {
            continue;
        }
        let severity = if attempts >= 4 {
            Severity::High
        } else {
            Severity::Medium
        };
        let (message, share) = match retry.most_attempts() {
            Some(n) => {
                let share = 1.0 / f64::from(n);
                let text = format!(
                    "{}, no budget: above {} of capacity a collapse can persist",
                    counted(n),
                    percent(share)
                );
                (text, share)
            }
            None => {
                let clock = retry
                    .is_known(Field::Deadline)
                    .then_some(retry.policy.deadline)
                    .flatten();
                let text = match clock {
                    Some(limit) => format!(
                        "as many attempts as {} hold, no budget: the longer the fault, the more of them",
                        secs(limit.as_secs())
                    ),
                    None => "as many attempts as it takes, no budget: a collapse can persist at any load".to_string(),
                };
                (text, 0.0)
            }
        };
        hits.push(Hit::at(site, severity, message).number("collapse_above", share));
    }
}
