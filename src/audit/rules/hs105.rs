//! HS105: attempts and waits do not fit the overall timeout

use crate::audit::law;
use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::{counted, secs};
use crate::audit::rules::system::System;
use crate::audit::site::Field;

pub const DOC: Doc = Doc {
    title: "attempts and waits do not fit the overall timeout",
    severity: "medium",
    what: "A deadline over all attempts that is shorter than the attempts, each waited for as long as its timeout says, and the waits between them.",
    why: "When a service hangs, which is when retries are wanted, the last attempts are never made, or are cut off before their answer could come.",
    numbers: "Attempts × timeout + waits against the deadline.",
    fix: "A shorter timeout per attempt, fewer attempts, or a longer deadline.",
    ignore: "Where attempts fail fast and never hang.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Some(retry) = site.retry() else { continue };
        let known = [Field::Timeout, Field::Deadline, Field::Backoff]
            .into_iter()
            .all(|f| retry.is_known(f));
        let (Some(attempts), true) = (retry.most_attempts(), known) else {
            continue;
        };
        let (Some(timeout), Some(deadline)) = (retry.policy.timeout, retry.policy.deadline) else {
            continue;
        };
        if !(2..1_000).contains(&attempts) {
            continue;
        }
        // A clock that is asked after each failure cuts nothing off: it stops the last attempt
        // only where it has run out once the one before has failed.
        let asked = matches!(site.reader, "tenacity" | "stamina") || site.reader.ends_with("-loop");
        let (tries, end) = match asked {
            true => (attempts - 1, "is never made"),
            false => (attempts, "can never finish"),
        };
        // As short as the waits can be.
        let waits: f64 = (1..tries).map(|k| law::delay(&retry.policy, k).0).sum();
        let needed = f64::from(tries) * timeout.as_secs() + waits;
        if needed > deadline.as_secs() * (1.0 + 1e-9) {
            let message = format!(
                "{} of {} and the waits between them take {} where each hangs, the deadline is {}: the last of {attempts} {end}",
                counted(tries),
                secs(timeout.as_secs()),
                secs(needed),
                secs(deadline.as_secs())
            );
            let place = retry.fact(Field::Deadline).and_then(|f| f.place.clone());
            let hit = Hit::at(site, Severity::Medium, message).near(site, place);
            hits.push(
                hit.number("needed_s", needed)
                    .number("deadline_s", deadline.as_secs()),
            );
        }
    }
}
