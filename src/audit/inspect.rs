//! An audit: walked, read, joined, checked.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use herdsim_core::scenario::{Problem, Source};
use rayon::prelude::*;

use super::read::code::project::Project;
use super::read::prefilter::Prefilters;
use super::read::{self, Format};
use super::rule::{Rule, Severity};
use super::rules::{self, Finding, System};
use super::settings::Settings;
use super::site::{self, Aside, Decision, Fact, Field, Known, NotRead, Reading, Retry, Site};
use super::suppress::suppressed;
use super::tell;
use super::walk::{self, LARGEST, Request};

/// What an audit came to.
pub struct Audit {
    pub request: Request,
    pub system: System,
    pub findings: Vec<Finding>,
    /// Findings that a comment in the file turns off.
    pub suppressed: usize,
    pub unresolved: Vec<Aside>,
    pub not_retries: Vec<Aside>,
    pub not_read: Vec<NotRead>,
    pub files: usize,
    pub bytes: u64,
    pub took: Duration,
    pub settings: Settings,
}

/// Bytes of stack of a thread that reads.
const STACK: usize = 64 << 20;

impl Audit {
    /// Walks, reads, joins, and checks.
    ///
    /// # Errors
    /// Where a path cannot be read, or a settings file is wrong.
    pub fn of(request: &Request) -> Result<Audit, Problem> {
        let start = Instant::now();
        let settings = Settings::near(&request.paths)?;
        let walked = walk::walk(request, &settings)?;
        let code = walked.files.iter().filter(|file| file.format.is_code());
        let project = Project::new(code.map(|f| (f.path.clone(), f.shown.clone())).collect());
        let prefilters = Prefilters::default();
        // What a file came to, its bytes counted whether or not it could be read.
        let read = |file: &walk::File, size: &mut u64| -> Result<Reading, String> {
            let mut reading = Reading::default();
            let bytes = match &file.text {
                Some(text) => text.clone().into_bytes(),
                None => take(&file.path)?,
            };
            *size = bytes.len() as u64;
            let code = file.format.is_code();
            if !prefilters.of(file.format).asks(&bytes) {
                return Ok(reading);
            }
            let text = text(bytes, file.format)?;
            if let Some(reason) = made_by_machine(&text) {
                return Err(reason);
            }
            let name = file.shown.clone();
            let source = Arc::new(Source::new(name, text));
            match code {
                true => read::code(&project, &file.path, &source, &mut reading),
                false => read::document(&file.path, file.format, &source, &mut reading),
            }
            Ok(reading)
        };
        let one = |file: &walk::File| -> (Reading, u64) {
            let mut size = 0;
            let reading = read(file, &mut size).unwrap_or_else(|reason| Reading {
                not_read: vec![NotRead {
                    file: file.shown.clone(),
                    line: None,
                    reason,
                }],
                ..Reading::default()
            });
            (reading, size)
        };
        // Code is a tree that is gone through by recursion, as deep as it is nested.
        let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).build();
        let pool = pool.map_err(|e| Problem::new(format!("cannot start threads: {e}")))?;
        let read: Vec<(Reading, u64)> = pool.install(|| walked.files.par_iter().map(one).collect());
        let mut all = Reading::default();
        let mut bytes = 0;
        for (reading, size) in read {
            all.merge(reading);
            bytes += size;
        }
        all.not_read.extend(walked.not_read);
        join(&mut all);
        if let Some(seam) = request.only {
            all.sites.retain(|site| site.decision.seam() == seam);
        }
        all.sites.sort_by(|a, b| {
            let key = |s: &Site| {
                (
                    s.place.source.name.clone(),
                    s.place.span.start,
                    s.decision.seam(),
                )
            };
            key(a).cmp(&key(b))
        });
        // Two readers may claim one block.
        all.sites
            .dedup_by(|a, b| a.place == b.place && a.decision.seam() == b.decision.seam());
        for (number, site) in all.sites.iter_mut().enumerate() {
            site.number = number;
        }
        // What the field of a site says of a template need not be said again.
        let fields = all.sites.iter().filter_map(Site::retry);
        let places = fields
            .flat_map(Retry::unresolved)
            .filter_map(|(_, f)| f.place.as_ref());
        let said: HashSet<(String, usize)> = places
            .map(|place| (place.source.name.clone(), site::line(place)))
            .collect();
        all.unresolved
            .retain(|a| !said.contains(&(a.place.source.name.clone(), site::line(&a.place))));
        all.services.sort();
        all.services.dedup();
        let system = System {
            sites: all.sites,
            edges: all.edges,
            services: all.services,
        };
        let mut findings = rules::check(&system);
        let before = findings.len();
        findings.retain(|finding| !suppressed(&system, finding));
        Ok(Audit {
            request: request.clone(),
            suppressed: before - findings.len(),
            system,
            findings,
            unresolved: all.unresolved,
            not_retries: all.not_retries,
            not_read: all.not_read,
            files: walked.files.len(),
            bytes,
            took: start.elapsed(),
            settings,
        })
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

/// The bytes of a file that is not too large.
fn take(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > LARGEST {
        return Err(format!("it is larger than {} MB", LARGEST / 1_000_000));
    }
    std::fs::read(path).map_err(|e| e.to_string())
}

/// The text of a file: UTF-8, and of properties Latin 1 where it is no UTF-8.
fn text(bytes: Vec<u8>, format: Format) -> Result<String, String> {
    if bytes.contains(&0) {
        return Err("it is binary".to_string());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // java.util.Properties reads ISO 8859-1. Each byte above ASCII becomes `?`, so that
        // places stay bytes of the file.
        Err(error) if format == Format::Properties => {
            let plain = error
                .into_bytes()
                .into_iter()
                .map(|b| if b.is_ascii() { b as char } else { '?' });
            Ok(plain.collect())
        }
        Err(error) => Err(format!(
            "it is no UTF-8 from byte {} on",
            error.utf8_error().valid_up_to()
        )),
    }
}

/// Whether a text was made, not written: minified, generated.
fn made_by_machine(text: &str) -> Option<String> {
    let head: String = text.chars().take(2_000).collect();
    let marks = [
        "DO NOT EDIT",
        "@generated",
        "Do not edit this file",
        "automatically generated",
    ];
    let mark = marks.iter().find(|mark| head.contains(**mark));
    if let Some(mark) = mark {
        return Some(format!("it is generated: `{mark}`"));
    }
    let lines = text.bytes().filter(|b| *b == b'\n').count() + 1;
    let long = text.len() > 20_000 && text.len() / lines > 400;
    let code = long && !text.trim_start().starts_with(['{', '[']);
    code.then(|| "it is minified".to_string())
}

/// What one file says of what stands in another.
fn join(all: &mut Reading) {
    // Edges lead to services; a host that is none is outside.
    let names: Vec<&str> = all.services.iter().map(|(name, _)| name.as_str()).collect();
    let service = |host: &str| {
        let exact = names.iter().find(|name| **name == host);
        exact.or_else(|| {
            names.iter().find(|name| {
                rules::same_host(host, name) && host.contains('.') && within_cluster(host)
            })
        })
    };
    for edge in &mut all.edges {
        if let Some(name) = service(&edge.to) {
            edge.to = (*name).to_string();
        }
    }
    let inside = |edge: &site::Edge| names.contains(&edge.to.as_str()) || edge.how == "envoy route";
    all.edges
        .retain(|edge| inside(edge) && edge.from != edge.to);
    // What names an environment twice states one edge.
    let mut seen: HashSet<(String, String, bool)> = HashSet::new();
    all.edges
        .retain(|edge| seen.insert((edge.from.clone(), edge.to.clone(), edge.weak)));
    for site in &mut all.sites {
        let mesh = matches!(site.reader, "istio" | "gateway-api");
        let Decision::Retry(retry) = &mut site.decision else {
            continue;
        };
        if mesh && let Some(target) = &site.target {
            let limit = all
                .limits
                .iter()
                .find(|(host, _)| rules::same_host(host, target));
            if let Some((_, known)) = limit {
                retry.budget(known.clone());
            }
        }
        // Proxies ask a ServiceProfile first, and then no annotation.
        let profiled = site
            .target
            .as_deref()
            .is_some_and(|t| all.profiles.iter().any(|p| p == t));
        if site.reader == "linkerd"
            && profiled
            && site.place.source.text[site.place.span.clone()].starts_with("retry.linkerd.io")
        {
            let place = site.place.clone();
            retry.attempts(Known::default(
                1,
                "the ServiceProfile holds, the annotations do not",
            ));
            site.named = None;
            site.remark(
                Rule::Hs109,
                place,
                "a ServiceProfile of this Service makes its annotations dead",
            );
        }
    }
}

/// `payments.shop.svc.cluster.local`, `payments.shop.svc`, `payments.shop`
fn within_cluster(host: &str) -> bool {
    host.contains(".svc")
        || host.split('.').count() == 2
            && !host.ends_with(".com")
            && !host.ends_with(".org")
            && !host.ends_with(".io")
            && !host.ends_with(".net")
}
