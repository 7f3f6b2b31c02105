//! HS204: one replica down stops writes or reads

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::system::System;
use crate::audit::site::Decision;

pub const DOC: Doc = Doc {
    title: "one replica down stops writes or reads",
    severity: "medium",
    what: "Every replica has to answer.",
    why: "The first replica that is down, restarts or is slow stops all writes, or all reads.",
    numbers: "How many replicas may be down.",
    fix: "Ask for one fewer; with R + W above N reads still see every write.",
    ignore: "Where losing availability is the point.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        match &site.decision {
            Decision::Quorum(quorum) => {
                let (Some(n), Some(w), Some(r)) = (quorum.n.value, quorum.w.value, quorum.r.value)
                else {
                    continue;
                };
                let stops = match (w >= n, r >= n) {
                    _ if n < 2 => continue,
                    (true, true) => "writes and reads",
                    (true, false) => "writes",
                    (false, true) => "reads",
                    _ => continue,
                };
                let message = format!("N = {n}, W = {w}, R = {r}: one replica down stops {stops}");
                hits.push(Hit::at(site, Severity::Medium, message));
            }
            Decision::Acks(acks) => {
                let isr = acks.min_isr.as_ref().and_then(|k| k.value);
                let replicas = acks.replicas.as_ref().and_then(|k| k.value);
                if let (Some(isr), Some(replicas)) = (isr, replicas)
                    && replicas > 1
                    && isr >= replicas
                {
                    let message = format!(
                        "all {replicas} replicas have to be in sync: one down stops writes"
                    );
                    hits.push(Hit::at(site, Severity::Medium, message));
                }
            }
            _ => {}
        }
    }
}
