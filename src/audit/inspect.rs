//! An audit: files read as one system, checked by the rules.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use herdsim_core::scenario::Problem;

use super::files::{Drafts, Files};
use super::rule::Severity;
use super::rules::{self, Finding, System};
use super::site::{Aside, Fact, Field, NotRead, Retry, Site};
use super::suppress::suppressed;
use super::tell;
use super::walk::Request;

/// What an audit came to.
pub struct Audit {
    pub files: Files,
    pub system: System,
    pub findings: Vec<Finding>,
    /// Findings that a comment in the file turns off.
    pub suppressed: usize,
    pub unresolved: Vec<Aside>,
    pub not_retries: Vec<Aside>,
    pub not_read: Vec<NotRead>,
    pub took: Duration,
}

impl Audit {
    /// Walks, reads, joins, and checks.
    ///
    /// # Errors
    /// Where a path cannot be read, or a settings file is wrong.
    pub fn of(request: &Request) -> Result<Audit, Problem> {
        let start = Instant::now();
        Ok(Audit::check(Files::of(request)?, start))
    }

    /// The same with some texts in place of what is on disk; these files are read again, and
    /// those that are named.
    #[must_use]
    pub fn with(&self, drafts: &Drafts, also: &[&str]) -> Audit {
        Audit::check(self.files.with(drafts, also), Instant::now())
    }

    fn check(files: Files, start: Instant) -> Audit {
        let (system, rest) = files.join();
        let mut findings = rules::check(&system);
        let before = findings.len();
        findings.retain(|finding| !suppressed(&system, finding));
        Audit {
            files,
            suppressed: before - findings.len(),
            system,
            findings,
            unresolved: rest.unresolved,
            not_retries: rest.not_retries,
            not_read: rest.not_read,
            took: start.elapsed(),
        }
    }

    /// The worst severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// How many findings there are of each severity: `1 high, 0 medium, 2 low`.
    pub fn tally(&self) -> String {
        let by = |severity| {
            let same = self.findings.iter().filter(|f| f.severity == severity);
            same.count()
        };
        let (high, medium) = (by(Severity::High), by(Severity::Medium));
        format!("{high} high, {medium} medium, {} low", by(Severity::Low))
    }

    /// Sites of which nothing is found and something can be said, with what.
    pub fn right(&self) -> impl Iterator<Item = (&Site, String)> {
        let found: HashSet<usize> = self.findings.iter().map(|f| f.site).collect();
        let silent = self
            .system
            .sites
            .iter()
            .filter(move |site| !found.contains(&site.number));
        silent.filter_map(|site| Some((site, tell::right(site)?)))
    }

    /// Fields of retries that cannot be followed, with why.
    pub fn unresolved_fields(&self) -> impl Iterator<Item = (&Site, Field, &Fact)> {
        self.system.sites.iter().flat_map(|site| {
            let fields = site.retry().map(Retry::unresolved).unwrap_or_default();
            fields
                .into_iter()
                .map(move |(field, fact)| (site, field, fact))
        })
    }
}
