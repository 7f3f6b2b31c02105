//! HS203: an acknowledged write can be lost

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "an acknowledged write can be lost",
    severity: "high",
    what: "A write is confirmed before a second replica has it: acks 0 or 1, w of 0 or 1, one replica in sync.",
    why: "When the leader dies after it has answered and before the others have copied, the confirmed write is gone.",
    numbers: "The rate of writes times the time that copying lags behind.",
    fix: "acks=all with min.insync.replicas of at least 2 and three replicas; w=majority.",
    ignore: "For measurements and logs of which some may be missing.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Acks(acks) = &site.decision else {
            continue;
        };
        let mongo = site.reader == "mongodb";
        let message = match acks.acks.as_ref().and_then(|k| k.value.as_deref()) {
            Some("0") if mongo => Some(
                "w=0: a write counts as done when it is sent, and nobody says whether it arrived",
            ),
            Some("1") if mongo => Some("w=1: a write counts as done when the primary alone has it"),
            Some("0") => Some(
                "acks=0: a write counts as done when it is sent, and nobody says whether it arrived",
            ),
            Some("1") => Some("acks=1: a write counts as done when the leader alone has it"),
            _ => None,
        };
        let isr = acks.min_isr.as_ref().and_then(|k| k.value);
        let replicas = acks.replicas.as_ref().and_then(|k| k.value);
        let message = message.or(match isr {
            Some(0 | 1) if replicas != Some(1) => Some("min.insync.replicas=1: with acks=all, too, a write counts as done when one replica has it"),
            _ => None,
        });
        if let Some(message) = message {
            hits.push(Hit::at(site, Severity::High, message.to_string()));
        }
    }
}
