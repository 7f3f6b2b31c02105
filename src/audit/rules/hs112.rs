//! HS112: a budget that never binds, or always does

use herdsim_core::scenario::policy::Budget;

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::Field;

pub const DOC: Doc = Doc {
    title: "a budget that never binds, or always does",
    severity: "medium",
    what: "A budget that allows as many retries as the attempts can make, or none at all.",
    why: "A budget that cannot run dry is none, and one that is always empty turns retries off.",
    numbers: "The share of retries that it allows, and that the attempts can make.",
    fix: "A tenth to a fifth of the calls.",
    ignore: "Where the budget is there to be switched on later.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry() else { continue };
        let Some(Budget::Ratio(ratio)) = &retry.policy.budget else {
            continue;
        };
        if !retry.is_known(Field::Budget) {
            continue;
        }
        let place = retry.fact(Field::Budget).and_then(|f| f.place.clone());
        let most = retry.most_attempts().map(|n| f64::from(n - 1));
        if most.is_some_and(|most| ratio.ratio.0 >= most) {
            let message = format!(
                "the budget allows {} retries a call, the attempts make no more",
                ratio.ratio
            );
            hits.push(Hit::at(site, Severity::Medium, message).near(site, place));
        } else if ratio.ratio.0 == 0.0 && ratio.min_per_s.0 == 0.0 {
            hits.push(
                Hit::at(
                    site,
                    Severity::Medium,
                    "the budget allows no retry at all".to_string(),
                )
                .near(site, place),
            );
        }
    }
}
