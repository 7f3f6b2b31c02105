//! How changes are written, per reader: as replacements of bytes that were read.
//!
//! A writer proposes ways to write a change; the draft keeps the first that, read again, is
//! what was meant. So a writer may guess: whether a count is of attempts or of retries is seen
//! by trying.

mod advice;
mod call;
mod config;
mod edit;
mod effect;
mod fence;
mod go;
mod lines;
mod python;
mod scalar;
mod script;
mod wait;

use super::change::{self, Change};
use super::inspect::Audit;
use super::read::code::project::{self, CodeFile};
use super::site::{Decision, Field, Guard, Key, Quorum, Retry, Site};
use super::situation;
pub use advice::{advice, name};
pub use edit::{Edit, Fix, Way};

/// Every change of one thing that may be made at a site.
pub fn all(site: &Site) -> Vec<Fix> {
    match &site.decision {
        Decision::Retry(retry) if retry.retries_at_all() => {
            let policy = situation::policy(retry).0;
            let changes = change::candidates(retry, &policy).into_iter();
            changes.map(Fix::Retry).collect()
        }
        Decision::Quorum(quorum) => quorums(quorum),
        Decision::Acks(acks) => {
            let known = acks.acks.as_ref().and_then(|known| known.value.as_deref());
            match known {
                Some("0" | "1") => vec![Fix::AllAcks],
                _ => Vec::new(),
            }
        }
        Decision::Fence(fence) if fence.guard != Guard::Atomic => vec![Fix::Fence],
        Decision::Effect(effect) if effect.key != Key::PerOperation => vec![Fix::Key],
        _ => Vec::new(),
    }
}

/// The settings of a quorum that overlap, with sets no larger than they have to be: those that
/// change least first.
fn quorums(quorum: &Quorum) -> Vec<Fix> {
    let [n, w, r] = [&quorum.n, &quorum.w, &quorum.r].map(|known| known.value);
    let (Some(n), Some(w), Some(r)) = (n, w, r) else {
        return Vec::new();
    };
    if n == 0 || r + w > n && 2 * w > n {
        return Vec::new();
    }
    let overlapping = (n / 2 + 1..=n).map(|w| (w, n + 1 - w));
    // Without one replica both still go on, where there are enough.
    let spares = |(w, r): &(u32, u32)| n < 3 || *w < n && *r < n;
    let mut all: Vec<(u32, u32)> = overlapping
        .filter(|to| *to != (w, r))
        .filter(spares)
        .collect();
    all.sort_by_key(|to| to.0.abs_diff(w) + to.1.abs_diff(r));
    all.into_iter().map(|(w, r)| Fix::Quorum { w, r }).collect()
}

/// The ways to write a change, likeliest first.
pub fn ways(audit: &Audit, site: &Site, fix: &Fix) -> Vec<Way> {
    let code = audit
        .files
        .file(&site.place.source.name)
        .filter(|file| file.format.is_code())
        .and_then(|file| project::parse(&file.path, site.place.source.clone()));
    match (&site.decision, fix) {
        (Decision::Retry(retry), Fix::Retry(change)) => {
            let mut ways = match &code {
                Some(file) => in_code(file, site, retry, change),
                None => config::ways(audit, site, retry, change),
            };
            ways.extend(scalars(site, retry, change));
            ways
        }
        (Decision::Quorum(quorum), Fix::Quorum { w, r }) => {
            if site.reader == "cassandra" {
                return scalar::levels(quorum, [*w, *r]);
            }
            let number = |known: &super::site::Known<u32>, to: u32| match known.value == Some(to) {
                true => Some(Vec::new()),
                false => scalar::number(known.fact.place.as_ref()?, f64::from(to)).map(|e| vec![e]),
            };
            let both = number(&quorum.w, *w).zip(number(&quorum.r, *r));
            let both = both.map(|(w, r)| [w, r].concat());
            both.into_iter().collect()
        }
        (Decision::Acks(acks), Fix::AllAcks) => {
            let place = acks
                .acks
                .as_ref()
                .and_then(|known| known.fact.place.as_ref());
            place
                .map(|place| scalar::all(site, place))
                .unwrap_or_default()
        }
        (Decision::Fence(fence), Fix::Fence) => code
            .map(|file| fence::ways(&file, site, fence))
            .unwrap_or_default(),
        (Decision::Effect(effect), Fix::Key) => code
            .map(|file| effect::ways(audit, &file, site, effect))
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Ways that replace a value where it stands.
fn scalars(site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    let place = |field| retry.fact(field).and_then(|fact| fact.place.as_ref());
    match change {
        Change::Attempts(n) => match place(Field::Attempts) {
            Some(place) => scalar::attempts(site, place, retry.policy.attempts, *n),
            None => Vec::new(),
        },
        Change::Timeout(limit) => match place(Field::Timeout) {
            Some(place) => scalar::duration(place, *limit),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn in_code(file: &CodeFile, site: &Site, retry: &Retry, change: &Change) -> Vec<Way> {
    match site.reader == file.language().loops() {
        true => wait::ways(file, site, retry, change),
        false => call::ways(file, site, retry, change),
    }
}
