//! Files as changes would make them: written, read again, and held to what was meant.
//!
//! A change is kept only where the files, read again, say what it was to bring about, say all
//! else as before, and no rule finds anything new. So whatever writes a change cannot do harm
//! that a reader would see.

use std::collections::HashMap;

use herdsim_core::scenario::policy::Policy;

use super::change::waits_alike;
use super::files::Drafts;
use super::fixes::{self, Edit, Fix};
use super::inspect::Audit;
use super::read::code::project::broken;
use super::rule::Rule;
use super::site::{Decision, Field, Key, Seam, Site};
use super::situation;

/// A site that is found again after its file has changed: its file, seam, reader and name, and
/// which of several it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    file: String,
    seam: Seam,
    reader: &'static str,
    name: String,
    nth: usize,
}

/// The marks of all sites, in their order.
pub fn marks(sites: &[Site]) -> Vec<Mark> {
    let mut seen: HashMap<Mark, usize> = HashMap::new();
    let mark = |site: &Site| {
        let mark = Mark {
            file: site.place.source.name.clone(),
            seam: site.decision.seam(),
            reader: site.reader,
            name: site.name.clone(),
            nth: 0,
        };
        let nth = seen.entry(mark.clone()).or_default();
        *nth += 1;
        Mark { nth: *nth, ..mark }
    };
    sites.iter().map(mark).collect()
}

/// An audit's files with some changes made.
pub struct Draft<'a> {
    base: &'a Audit,
    now: Option<Audit>,
    texts: Drafts,
}

impl<'a> Draft<'a> {
    pub fn new(base: &'a Audit) -> Draft<'a> {
        Draft {
            base,
            now: None,
            texts: Drafts::new(),
        }
    }

    /// The audit of the files as they are now.
    pub fn audit(&self) -> &Audit {
        self.now.as_ref().unwrap_or(self.base)
    }

    /// The texts that have changed.
    pub fn texts(&self) -> &Drafts {
        &self.texts
    }

    /// The site of a mark, as it is now.
    pub fn site(&self, mark: &Mark) -> Option<&Site> {
        let sites = &self.audit().system.sites;
        let at = marks(sites).iter().position(|other| other == mark)?;
        Some(&sites[at])
    }

    /// Makes a change at a site, if there is a way to write it that holds.
    pub fn make(&mut self, mark: &Mark, fix: &Fix) -> bool {
        let Some(site) = self.site(mark) else {
            return false;
        };
        let ways = fixes::ways(self.audit(), site, fix);
        for edits in ways {
            let Some(texts) = self.edited(&edits) else {
                continue;
            };
            let also = self.readers(mark, &texts);
            let after = self.base.with(&texts, &also);
            if holds(self.audit(), &after, mark, fix) {
                self.texts = texts;
                self.now = Some(after);
                return true;
            }
        }
        false
    }

    /// The files to read again: the site's, and those that take a constant from what changes.
    fn readers<'s>(&'s self, mark: &'s Mark, texts: &Drafts) -> Vec<&'s str> {
        let takes = |site: &&Site| {
            let retry = site.retry();
            let facts = Field::ALL.iter().filter_map(|field| retry?.fact(*field));
            let mut places = facts.filter_map(|fact| fact.place.as_ref());
            places.any(|place| texts.contains_key(&place.source.name))
        };
        let others = self.base.system.sites.iter().filter(takes);
        let others = others.map(|site| site.place.source.name.as_str());
        others.chain([mark.file.as_str()]).collect()
    }

    /// The texts with some bytes replaced; nothing where two replace the same, or a file
    /// cannot be written.
    fn edited(&self, edits: &[Edit]) -> Option<Drafts> {
        let mut texts = self.texts.clone();
        let mut edits: Vec<&Edit> = edits.iter().collect();
        edits.sort_by_key(|edit| (edit.place.source.name.clone(), edit.place.span.start));
        for pair in edits.windows(2) {
            let [a, b] = [&pair[0].place, &pair[1].place];
            if a.source.name == b.source.name && a.span.end > b.span.start {
                return None;
            }
        }
        for edit in edits.iter().rev() {
            let name = &edit.place.source.name;
            let file = self.base.files.file(name)?;
            if file.text.is_some() {
                return None; // Standard input.
            }
            let text = texts
                .entry(name.clone())
                .or_insert_with(|| edit.place.source.text.clone());
            // A byte of Latin 1 was read as another one.
            if !text.is_char_boundary(edit.place.span.start) || text.len() < edit.place.span.end {
                return None;
            }
            text.replace_range(edit.place.span.clone(), &newlines(&edit.text, text));
        }
        let parses = texts.iter().all(|(name, text)| {
            let Some(file) = self.base.files.file(name) else {
                return false;
            };
            let sources = edits.iter().map(|edit| &edit.place.source);
            let before = sources.into_iter().find(|source| source.name == *name);
            before.is_none_or(|before| broken(&file.path, text) <= broken(&file.path, &before.text))
        });
        (!edits.is_empty() && parses).then_some(texts)
    }
}

/// A text with the ends of lines of another one.
fn newlines(text: &str, like: &str) -> String {
    match like.contains("\r\n") {
        true => text.replace('\n', "\r\n"),
        false => text.to_string(),
    }
}

/// Whether a change came out as it was meant, and nothing else did.
fn holds(before: &Audit, after: &Audit, mark: &Mark, fix: &Fix) -> bool {
    let [old, new] = [before, after].map(|audit| &audit.system.sites);
    let [old_marks, new_marks] = [old, new].map(|sites| marks(sites));
    if after.not_read.len() > before.not_read.len() || old_marks.len() != new_marks.len() {
        return false;
    }
    let places: HashMap<&Mark, usize> = new_marks.iter().zip(0..).collect();
    let same = |(site, own): (&Site, &Mark)| {
        let Some(now) = places.get(own).map(|at| &new[*at]) else {
            return false;
        };
        match own == mark {
            true => is_done(site, now, fix),
            // A constant that two sites take changes both.
            false => is_same(&site.decision, &now.decision) || is_done(site, now, fix),
        }
    };
    let faults = |audit: &Audit, marks: &[Mark]| {
        let mut counts: HashMap<(Mark, Rule), usize> = HashMap::new();
        for finding in &audit.findings {
            *counts
                .entry((marks[finding.site].clone(), finding.rule))
                .or_default() += 1;
        }
        counts
    };
    let (had, has) = (faults(before, &old_marks), faults(after, &new_marks));
    let nothing_new = has
        .iter()
        .all(|(what, n)| had.get(what).is_some_and(|m| n <= m));
    old.iter().zip(&old_marks).all(same) && nothing_new
}

/// Whether a site says after a change what that was to bring about, and all else as before.
fn is_done(before: &Site, after: &Site, fix: &Fix) -> bool {
    match (&before.decision, &after.decision, fix) {
        (Decision::Retry(old), Decision::Retry(new), Fix::Retry(change)) => {
            let wanted = change.apply(&situation::policy(old).0);
            let kept = |field: &Field| {
                let about = change.fields().contains(field);
                about
                    || is_same_field(&old.policy, &new.policy, *field)
                        && old.is_known(*field) == new.is_known(*field)
            };
            let known = change.fields().iter().all(|field| new.is_known(*field));
            known
                && change.is_done(&old.policy, &wanted, &new.policy)
                && Field::ALL.iter().all(kept)
        }
        (Decision::Quorum(old), Decision::Quorum(new), Fix::Quorum { w, r }) => {
            new.n.value == old.n.value && new.w.value == Some(*w) && new.r.value == Some(*r)
        }
        (Decision::Acks(_), Decision::Acks(new), Fix::AllAcks) => {
            let acks = new.acks.as_ref().and_then(|known| known.value.as_deref());
            matches!(acks, Some("all" | "majority"))
        }
        (Decision::Fence(_), Decision::Fence(new), Fix::Fence) => {
            new.guard == super::site::Guard::Atomic
        }
        (Decision::Effect(_), Decision::Effect(new), Fix::Key) => new.key == Key::PerOperation,
        _ => false,
    }
}

fn is_same_field(a: &Policy, b: &Policy, field: Field) -> bool {
    match field {
        Field::Attempts => a.attempts == b.attempts,
        Field::Backoff => a.backoff == b.backoff || waits_alike(a, b),
        Field::Jitter => a.jitter == b.jitter || waits_alike(a, b),
        Field::Timeout => a.timeout == b.timeout,
        Field::Deadline => a.deadline == b.deadline,
        Field::Budget => a.budget == b.budget,
        Field::RetryOn => a.retry_on == b.retry_on,
    }
}

fn is_same(a: &Decision, b: &Decision) -> bool {
    match (a, b) {
        (Decision::Retry(a), Decision::Retry(b)) => {
            let known = |field: &Field| a.is_known(*field) == b.is_known(*field);
            a.policy == b.policy && Field::ALL.iter().all(known)
        }
        (Decision::Timeout(a), Decision::Timeout(b)) => a.value == b.value,
        (Decision::Quorum(a), Decision::Quorum(b)) => {
            (a.n.value, a.w.value, a.r.value) == (b.n.value, b.w.value, b.r.value)
        }
        (Decision::Acks(a), Decision::Acks(b)) => {
            let numbers = |acks: &super::site::Acks| {
                let text = acks.acks.as_ref().and_then(|k| k.value.clone());
                let [isr, replicas] =
                    [&acks.min_isr, &acks.replicas].map(|k| k.as_ref().and_then(|k| k.value));
                (text, isr, replicas)
            };
            numbers(a) == numbers(b)
        }
        (Decision::Lease(a), Decision::Lease(b)) => a.ttl.value == b.ttl.value,
        (Decision::Fence(a), Decision::Fence(b)) => (a.guard, &a.token) == (b.guard, &b.token),
        (Decision::Effect(a), Decision::Effect(b)) => {
            let retried = a.retried_by.is_some() == b.retried_by.is_some();
            retried && (&a.what, a.money, a.key) == (&b.what, b.money, b.key)
        }
        _ => false,
    }
}
