//! HS106: endless retries

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::Field;

pub const DOC: Doc = Doc {
    title: "endless retries",
    severity: "high",
    what: "Retries that neither a count nor a clock ends.",
    why: "A call that cannot succeed is tried for ever. Each such call stays, new ones come, and the load of retries only grows.",
    numbers: "None.",
    fix: "A number of attempts, or a time after which the caller gives up.",
    ignore: "Where the loop is the whole of a program that has nothing else to do, such as a connection that it cannot do without.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry() else { continue };
        let open = retry.is_known(Field::Deadline) && retry.policy.deadline.is_none();
        if retry.is_unlimited() && open {
            hits.push(Hit::at(
                site,
                Severity::High,
                "neither a count nor a clock ends its attempts".to_string(),
            ));
        }
    }
}
