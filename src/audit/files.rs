//! The files of an audit: walked, read, joined; as they are, or as a change would make them.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use herdsim_core::input::{self, Bounded};
use herdsim_core::scenario::policy::{Backoff, Jitter};
use herdsim_core::scenario::{Problem, Source};
use herdsim_core::units::Nanos;
use rayon::prelude::*;

use super::read::code::project::{Index, Project};
use super::read::prefilter::Prefilters;
use super::read::{self, Format};
use super::rule::Rule;
use super::rules::{self, System};
use super::settings::Settings;
use super::site::{self, Aside, Decision, Field, Known, NotRead, Reading, Retry, Site};
use super::walk::{self, File, LARGEST, Request};

/// Texts in place of those on disk, by the names that files are shown by.
pub type Drafts = BTreeMap<String, String>;

/// Everything that was walked, and what each file came to.
pub struct Files {
    pub request: Request,
    pub settings: Settings,
    files: Arc<Vec<File>>,
    code: Arc<Index>,
    readings: Vec<Arc<Reading>>,
    /// What the walk itself passed over.
    passed_over: Vec<NotRead>,
    pub bytes: u64,
    prefilters: Arc<Prefilters>,
    pool: Arc<rayon::ThreadPool>,
}

/// Bytes of stack of a thread that reads: code is a tree that is gone through by recursion, as
/// deep as it is nested.
const STACK: usize = 64 << 20;

impl Files {
    /// Walks and reads.
    ///
    /// # Errors
    /// Where a path cannot be read, or a settings file is wrong.
    pub fn of(request: &Request) -> Result<Files, Problem> {
        let settings = Settings::near(&request.paths)?;
        let walked = walk::walk(request, &settings)?;
        let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).build();
        let pool = pool.map_err(|e| Problem::new(format!("cannot start threads: {e}")))?;
        let code = walked.files.iter().filter(|file| file.format.is_code());
        let code = code.map(|f| (f.path.clone(), f.shown.clone())).collect();
        let mut files = Files {
            request: request.clone(),
            settings,
            code: Arc::new(Index::new(code)),
            readings: vec![Arc::default(); walked.files.len()],
            files: Arc::new(walked.files),
            passed_over: walked.not_read,
            bytes: 0,
            prefilters: Arc::default(),
            pool: Arc::new(pool),
        };
        let all: Vec<usize> = (0..files.files.len()).collect();
        files.read(&all, &Drafts::new());
        Ok(files)
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The same with some texts in place of what is on disk: these files are read again, and
    /// those of that name, which may take constants from them.
    #[must_use]
    pub fn with(&self, drafts: &Drafts, also: &[&str]) -> Files {
        let mut files = Files {
            request: self.request.clone(),
            settings: self.settings.clone(),
            files: self.files.clone(),
            code: self.code.clone(),
            readings: self.readings.clone(),
            passed_over: self.passed_over.clone(),
            bytes: self.bytes,
            prefilters: self.prefilters.clone(),
            pool: self.pool.clone(),
        };
        let touched = |file: &File| {
            drafts.contains_key(&file.shown) || also.iter().any(|name| *name == file.shown)
        };
        let again: Vec<usize> = (0..self.files.len())
            .filter(|at| touched(&self.files[*at]))
            .collect();
        files.read(&again, drafts);
        files.bytes = self.bytes;
        files
    }

    /// The file that is shown by a name.
    pub fn file(&self, shown: &str) -> Option<&File> {
        self.files.iter().find(|file| file.shown == shown)
    }

    /// Whether a document on disk holds something.
    pub fn any_text(&self, holds: impl Fn(&str) -> bool) -> bool {
        let documents = self.files.iter().filter(|file| !file.format.is_code());
        let mut texts = documents.filter_map(|file| input::text(&file.path).ok());
        texts.any(|text| holds(&text))
    }

    /// Reads these files.
    fn read(&mut self, which: &[usize], drafts: &Drafts) {
        let project = Project::new(self.code.clone(), drafts.clone());
        let (files, prefilters) = (&self.files, &self.prefilters);
        let one = |at: &usize| one(&files[*at], drafts, prefilters, &project);
        let read: Vec<(Reading, u64)> = self.pool.install(|| which.par_iter().map(one).collect());
        for (at, (reading, size)) in which.iter().zip(read) {
            self.readings[*at] = Arc::new(reading);
            self.bytes += size;
        }
    }

    /// What all files came to, as one system, and what is no part of it.
    pub fn join(&self) -> (System, Reading) {
        let mut all = Reading::default();
        for reading in self.readings.iter().filter(|reading| !reading.is_empty()) {
            all.merge(Reading::clone(reading));
        }
        all.not_read.extend(self.passed_over.iter().cloned());
        join(&mut all);
        if let Some(seam) = self.request.only {
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
        let is_said =
            |a: &Aside| said.contains(&(a.place.source.name.clone(), site::line(&a.place)));
        all.unresolved.retain(|aside| !is_said(aside));
        all.services.sort();
        all.services.dedup();
        let system = System {
            sites: std::mem::take(&mut all.sites),
            backends: std::mem::take(&mut all.backends),
            edges: std::mem::take(&mut all.edges),
            services: std::mem::take(&mut all.services),
        };
        (system, all)
    }
}

/// What a file comes to, and its bytes, counted whether or not it could be read.
fn one(file: &File, drafts: &Drafts, prefilters: &Prefilters, project: &Project) -> (Reading, u64) {
    let mut size = 0;
    let mut read = || -> Result<Reading, String> {
        let mut reading = Reading::default();
        let bytes = match drafts.get(&file.shown).or(file.text.as_ref()) {
            Some(text) => text.clone().into_bytes(),
            None => take(&file.path)?,
        };
        size = bytes.len() as u64;
        if !prefilters.of(file.format).asks(&bytes) {
            return Ok(reading);
        }
        let text = text(bytes, file.format)?;
        if let Some(reason) = made_by_machine(&text) {
            return Err(reason);
        }
        let source = Arc::new(Source::new(file.shown.clone(), text));
        match file.format.is_code() {
            true => read::code(project, &file.path, &source, &mut reading),
            false => read::document(&file.path, file.format, &source, &mut reading),
        }
        Ok(reading)
    };
    let reading = read().unwrap_or_else(|reason| Reading {
        not_read: vec![NotRead {
            file: file.shown.clone(),
            line: None,
            reason,
        }],
        ..Reading::default()
    });
    (reading, size)
}

/// The bytes of a file that is not too large.
fn take(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut file = Bounded::open(path, LARGEST).map_err(|e| e.to_string())?;
    file.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// The text of a file: UTF-8, and of properties Latin 1 where it is no UTF-8.
fn text(bytes: Vec<u8>, format: Format) -> Result<String, String> {
    if bytes.contains(&0) {
        return Err("it is binary".to_string());
    }
    match String::from_utf8(bytes) {
        // A byte order mark is no part of the data; blanks keep the places.
        Ok(text) if text.starts_with('\u{feff}') && !format.is_code() => {
            Ok(text.replacen('\u{feff}', "   ", 1))
        }
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
        "<auto-generated",
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
    read::join(all);
    instances(all);
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

/// What an annotation names is configured in another file: resilience4j's instances.
fn instances(all: &mut Reading) {
    let configured: Vec<(String, site::Retry)> = all
        .sites
        .iter()
        .filter(|site| site.reader == "resilience4j" && site.instance.is_none())
        .filter_map(|site| Some((site.name.clone(), site.retry()?.clone())))
        .collect();
    for site in &mut all.sites {
        let Some(name) = &site.instance else { continue };
        let Decision::Retry(retry) = &mut site.decision else {
            continue;
        };
        match configured.iter().find(|(other, _)| other == name) {
            Some((_, found)) => {
                let (timeout, fact) = (retry.policy.timeout, retry.fact(Field::Timeout).cloned());
                **retry = found.clone();
                if let Some(fact) = fact {
                    retry.timeout(Known {
                        value: Some(timeout),
                        fact,
                    });
                }
            }
            None => {
                let why = "resilience4j's default: no instance of that name is configured";
                let wait = Backoff::Fixed(Nanos::from_millis(500));
                retry.attempts(Known::default(3, why));
                retry.backoff(Known::default(wait, why));
                retry.jitter(Known::default(Jitter::None, why));
            }
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
