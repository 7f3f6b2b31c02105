//! Everything that was read, as one system: which site is in which service, which calls which.

use crate::audit::law;
use crate::audit::site::{Backend, Edge, Field, Retry, Seam, Site};

/// Sites, and the services that call one another.
pub struct System {
    pub sites: Vec<Site>,
    pub edges: Vec<Edge>,
    /// What is stated of services that are called.
    pub backends: Vec<Backend>,
    /// Services with the directory that each is built from, longest first.
    pub services: Vec<(String, Option<String>)>,
}

/// One tier of a path: its site and how often it tries.
pub struct Step {
    pub from: String,
    pub to: String,
    pub site: usize,
    pub attempts: u32,
}

/// Paths longer than this are not followed.
const LONGEST: usize = 8;

impl System {
    /// The service whose directory a file is in.
    pub fn service(&self, site: &Site) -> Option<&str> {
        let file = site.place.source.name.replace('\\', "/");
        let mut best: Option<(&str, usize)> = None;
        for (name, directory) in &self.services {
            let Some(directory) = directory else { continue };
            let plain = directory.trim_start_matches("./").trim_end_matches('/');
            let inside = !plain.is_empty()
                && plain != "."
                && (file.starts_with(&format!("{plain}/")) || file.contains(&format!("/{plain}/")));
            if inside && best.is_none_or(|(_, length)| plain.len() > length) {
                best = Some((name, plain.len()));
            }
        }
        best.map(|(name, _)| name)
    }

    /// The edges that a site stands on: what calls what by it.
    fn edges_of(&self, at: usize) -> Vec<(String, String)> {
        let site = &self.sites[at];
        let strong = self.edges.iter().filter(|e| !e.weak);
        if let Some(from) = self.service(site) {
            let out: Vec<&Edge> = strong.filter(|e| e.from == from).collect();
            let named: Vec<&&Edge> = out
                .iter()
                .filter(|e| {
                    site.target
                        .as_deref()
                        .is_some_and(|t| same_host(t, &e.to) || mentions(e, t))
                })
                .collect();
            return match (&named[..], &out[..]) {
                ([], [only]) => vec![(from.to_string(), only.to.clone())],
                ([], _) => Vec::new(),
                (named, _) => named
                    .iter()
                    .map(|e| (from.to_string(), e.to.clone()))
                    .collect(),
            };
        }
        // A mesh acts for whoever calls the host.
        let mesh = matches!(site.reader, "istio" | "linkerd" | "gateway-api" | "envoy");
        match (&site.target, mesh) {
            (Some(target), true) => {
                let into = self
                    .edges
                    .iter()
                    .filter(|e| !e.weak && same_host(target, &e.to));
                into.map(|e| (e.from.clone(), e.to.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The service that a site calls, where that is stated.
    pub fn called(&self, site: &Site) -> Option<String> {
        let mut all = self.edges_of(site.number).into_iter().map(|(_, to)| to);
        all.next().or_else(|| {
            let target = site.target.as_deref()?;
            let mut names = self.services.iter().map(|(name, _)| name);
            names.find(|name| same_host(target, name)).cloned()
        })
    }

    /// What is stated of the service that a site calls.
    pub fn backend(&self, site: &Site) -> Backend {
        let service = self.called(site).or_else(|| site.target.clone());
        let mut whole = Backend::default();
        let Some(service) = service else {
            return whole;
        };
        // What is stated first counts.
        let own = self.backends.iter();
        for part in own.filter(|part| same_host(&part.name, &service)).cloned() {
            whole.hosts = whole.hosts.or(part.hosts);
            whole.balance = whole.balance.or(part.balance);
            whole.limit = whole.limit.or(part.limit);
            whole.eject = whole.eject.or(part.eject);
        }
        whole
    }

    /// Paths of calls whose tiers each retry, the longest of each kind.
    pub fn paths(&self) -> Vec<Vec<Step>> {
        let mut tiers: Vec<(String, String, usize, u32)> = Vec::new();
        for (at, site) in self.sites.iter().enumerate() {
            let Some(attempts) = site
                .retry()
                .and_then(|r| r.most_attempts())
                .filter(|n| *n > 1)
            else {
                continue;
            };
            for (from, to) in self.edges_of(at) {
                let known = tiers.iter_mut().find(|(f, t, _, _)| *f == from && *t == to);
                match known {
                    // Of several on one edge the worst.
                    Some(tier) if tier.3 < attempts => (tier.2, tier.3) = (at, attempts),
                    Some(_) => {}
                    None => tiers.push((from, to, at, attempts)),
                }
            }
        }
        let mut paths = Vec::new();
        for start in 0..tiers.len() {
            // From where nothing that retries leads in.
            let led = tiers.iter().any(|(_, to, _, _)| *to == tiers[start].0);
            if !led {
                follow(&tiers, &mut vec![start], &mut paths);
            }
        }
        paths
            .into_iter()
            .map(|path| {
                let steps = path.into_iter().map(|at| {
                    let (from, to, site, attempts) = &tiers[at];
                    Step {
                        from: from.clone(),
                        to: to.clone(),
                        site: *site,
                        attempts: *attempts,
                    }
                });
                steps.collect()
            })
            .collect()
    }

    /// Pairs of sites: the second is in the service that the first calls.
    pub fn nested_calls(&self) -> Vec<(usize, usize)> {
        let timed = |site: &Site| matches!(site.decision.seam(), Seam::Retry | Seam::Timeout);
        let edges: Vec<(usize, String, String)> = (0..self.sites.len())
            .filter(|at| timed(&self.sites[*at]))
            .flat_map(|at| {
                self.edges_of(at)
                    .into_iter()
                    .map(move |(from, to)| (at, from, to))
            })
            .collect();
        let mut pairs = Vec::new();
        for (outer, _, to) in &edges {
            for (inner, from, _) in &edges {
                if to == from && outer != inner && !pairs.contains(&(*outer, *inner)) {
                    pairs.push((*outer, *inner));
                }
            }
        }
        pairs
    }

    /// The innermost retry around an effect.
    pub fn retry_around(&self, effect: &Site) -> Option<&Retry> {
        let around = self.sites.iter().filter(|site| {
            site.place.source == effect.place.source
                && site.place.span.start <= effect.place.span.start
                && effect.place.span.end <= site.place.span.end
        });
        let retries = around.filter_map(|site| Some((site.place.span.len(), site.retry()?)));
        retries
            .min_by_key(|(length, _)| *length)
            .map(|(_, retry)| retry)
    }

    /// The longest that the retries around an effect go on, in seconds.
    pub fn longest_retry_around(&self, effect: &Site) -> Option<f64> {
        let around = self.sites.iter().filter(|site| {
            site.place.source == effect.place.source
                && site.place.span.start <= effect.place.span.start
                && effect.place.span.end <= site.place.span.end
        });
        around
            .filter_map(|site| {
                let retry = site.retry()?;
                let attempts = retry.most_attempts()?;
                retry.is_known(Field::Backoff).then_some(())?;
                let waits: f64 = (1..attempts.min(1_000))
                    .map(|k| law::delay(&retry.policy, k).1)
                    .sum();
                Some(
                    waits + f64::from(attempts) * retry.policy.timeout.map_or(0.0, |t| t.as_secs()),
                )
            })
            .fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))))
    }
}

fn follow(
    tiers: &[(String, String, usize, u32)],
    path: &mut Vec<usize>,
    paths: &mut Vec<Vec<usize>>,
) {
    let last = path.last().map_or("", |at| tiers[*at].1.as_str());
    let next: Vec<usize> = (0..tiers.len())
        .filter(|at| tiers[*at].0 == last && !path.iter().any(|p| tiers[*p].0 == tiers[*at].0))
        .collect();
    if next.is_empty() || path.len() >= LONGEST || paths.len() > 1_000 {
        paths.push(path.clone());
        return;
    }
    for at in next {
        path.push(at);
        follow(tiers, path, paths);
        path.pop();
    }
}

/// `payments`, `payments.default.svc.cluster.local` and `payments:8080` are one host.
pub fn same_host(a: &str, b: &str) -> bool {
    let short = |host: &str| host.split([':', '.']).next().unwrap_or("").to_lowercase();
    short(a) == short(b)
}

/// The variable that names a target stands where the edge is stated.
fn mentions(edge: &Edge, target: &str) -> bool {
    edge.place
        .source
        .text
        .get(edge.place.span.clone())
        .is_some_and(|text| text.contains(target))
}
