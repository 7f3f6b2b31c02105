//! nginx: another server of the upstream is tried without a line that says so.
//!
//! Read for 1.9 to 1.31. Source: nginx `src/http/ngx_http_upstream.c`,
//! `src/http/modules/ngx_http_proxy_module.c`; kubernetes/ingress-nginx
//! `internal/ingress/controller/config/config.go`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use herdsim_core::scenario::policy::{Backoff, Failure, Jitter, RetryOn};
use herdsim_core::scenario::{Place, Source};
use herdsim_core::units::Nanos;

use super::tree::{At, DEPTH};
use super::units::or_bare;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Known, Reading, Retry, Site};

/// `name args…;`, or with a block.
#[derive(Debug)]
struct Directive {
    words: Vec<String>,
    span: Range<usize>,
    block: Option<Vec<Directive>>,
}

impl Directive {
    fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn arg(&self, at: usize) -> &str {
        self.words.get(at + 1).map_or("", String::as_str)
    }
}

/// The directives of a text; what is not closed ends with the text.
fn parse(text: &str) -> Vec<Directive> {
    let bytes = text.as_bytes();
    let mut stack: Vec<Vec<Directive>> = vec![Vec::new()];
    let mut heads: Vec<(Vec<String>, usize)> = Vec::new();
    let (mut words, mut start) = (Vec::<String>::new(), 0usize);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'#' => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
            }
            b if b.is_ascii_whitespace() => at += 1,
            b';' => {
                if !words.is_empty() {
                    let done = Directive {
                        words: std::mem::take(&mut words),
                        span: start..at + 1,
                        block: None,
                    };
                    if let Some(open) = stack.last_mut() {
                        open.push(done);
                    }
                }
                at += 1;
            }
            b'{' => {
                // Code of another language is no directive.
                let lua = words.first().is_some_and(|w| w.ends_with("_by_lua_block"));
                if lua || stack.len() > DEPTH {
                    let mut depth = 0usize;
                    while at < bytes.len() {
                        depth += usize::from(bytes[at] == b'{');
                        depth -= usize::from(bytes[at] == b'}');
                        at += 1;
                        if depth == 0 {
                            break;
                        }
                    }
                    words.clear();
                } else {
                    heads.push((std::mem::take(&mut words), start));
                    stack.push(Vec::new());
                    at += 1;
                }
            }
            b'}' => {
                words.clear();
                if let (Some((head, from)), true) = (heads.pop(), stack.len() > 1) {
                    let block = stack.pop();
                    let done = Directive {
                        words: head,
                        span: from..at + 1,
                        block,
                    };
                    if let Some(open) = stack.last_mut() {
                        open.push(done);
                    }
                }
                at += 1;
            }
            quote @ (b'"' | b'\'') => {
                if words.is_empty() {
                    start = at;
                }
                let mut end = at + 1;
                while end < bytes.len() && bytes[end] != quote {
                    end += 1 + usize::from(bytes[end] == b'\\');
                }
                let end = end.min(bytes.len());
                words.push(text.get(at + 1..end).unwrap_or("").to_string());
                at = end + 1;
            }
            _ => {
                if words.is_empty() {
                    start = at;
                }
                let mut end = at;
                // `${NAME}` is part of a word.
                while end < bytes.len() {
                    match bytes[end] {
                        b'$' if bytes.get(end + 1) == Some(&b'{') => {
                            end += text[end..].find('}').map_or(1, |n| n + 1);
                        }
                        b if b.is_ascii_whitespace() || matches!(b, b';' | b'{' | b'}') => break,
                        _ => end += 1,
                    }
                }
                words.push(text.get(at..end).unwrap_or("").to_string());
                at = end;
            }
        }
    }
    while stack.len() > 1 {
        let inner = stack.pop().unwrap_or_default();
        if let Some(open) = stack.last_mut() {
            open.extend(inner);
        }
    }
    stack.pop().unwrap_or_default()
}

/// Modules that hand requests on, by the begins of their directives.
const MODULES: &[&str] = &["proxy", "grpc", "fastcgi", "uwsgi", "scgi"];

struct Reader<'r> {
    source: &'r Arc<Source>,
    upstreams: Vec<&'r Directive>,
}

pub fn read(source: &Arc<Source>, reading: &mut Reading) {
    let all = parse(&source.text);
    let mut upstreams = Vec::new();
    collect(&all, &mut upstreams);
    let reader = Reader { source, upstreams };
    reader.level(&all, &mut Vec::new(), "", reading);
}

fn collect<'d>(all: &'d [Directive], found: &mut Vec<&'d Directive>) {
    for directive in all {
        if directive.name() == "upstream" {
            found.push(directive);
        } else if let Some(inner) = &directive.block {
            collect(inner, found);
        }
    }
}

impl Reader<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        Place {
            source: self.source.clone(),
            span: span.clone(),
        }
    }

    /// A level of blocks, with what the levels around it say.
    fn level<'d>(
        &self,
        all: &'d [Directive],
        around: &mut Vec<HashMap<&'d str, &'d Directive>>,
        name: &str,
        reading: &mut Reading,
    ) {
        around.push(all.iter().map(|d| (d.name(), d)).collect());
        for directive in all.iter().filter(|d| d.name() != "stream") {
            let passes = MODULES
                .iter()
                .find(|m| directive.name() == format!("{m}_pass"));
            if let Some(module) = passes {
                reading
                    .sites
                    .extend(self.site(directive, module, around, name));
            }
            if let Some(inner) = &directive.block {
                let own = match directive.name() {
                    "location" | "server" => directive.words[1..].join(" "),
                    _ => String::new(),
                };
                let own = if own.is_empty() {
                    name.to_string()
                } else {
                    own
                };
                self.level(inner, around, &own, reading);
            }
        }
        around.pop();
    }

    /// What the innermost level that says it says.
    fn said<'d>(around: &[HashMap<&'d str, &'d Directive>], name: &str) -> Option<&'d Directive> {
        let mut levels = around.iter().rev();
        levels.find_map(|level| level.get(name).copied())
    }

    fn site(
        &self,
        pass: &Directive,
        module: &str,
        around: &[HashMap<&str, &Directive>],
        name: &str,
    ) -> Option<Site> {
        let said = |end: &str| Self::said(around, &format!("{module}_{end}"));
        let url = pass.arg(0);
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or(host);
        let upstream = self.upstreams.iter().find(|u| u.arg(0) == host);
        let servers = upstream.and_then(|u| u.block.as_ref()).and_then(|block| {
            let live = block.iter().filter(|d| d.name() == "server");
            let live: Vec<&Directive> = live
                .filter(|d| !d.words.iter().any(|w| w == "down"))
                .collect();
            // A name may have several addresses, an include or a loop of a template more servers.
            let open = block.iter().any(|d| {
                d.name() == "include" || d.words.iter().any(|w| w.contains(['{', '<', '%']))
            });
            let fixed = live.iter().all(|d| is_address(d.arg(0)));
            let known = !open && (fixed || live.len() > 1);
            known.then_some(live.len())
        });
        let next = said("next_upstream");
        let tries = said("next_upstream_tries");
        let written = [next, tries].into_iter().flatten().next();
        // One server is not tried again: what is left to say is that.
        if servers.is_none_or(|n| n < 2) && written.is_none() {
            return None;
        }
        let mut retry = Retry::default();
        let place = self.place(&pass.span);
        let mut site = Site::new(
            "nginx",
            place.clone(),
            name,
            Decision::Retry(Box::default()),
        );
        let off = next.is_some_and(|d| d.words[1..].iter().any(|w| w == "off"));
        let count = servers.unwrap_or(1) as f64;
        let known = match (off, tries) {
            (true, _) => Known::read(1.0, self.place(&next?.span)),
            (false, Some(tries)) => match super::tree::number(tries.arg(0)) {
                Some(n) if n > 0.0 => Known::read(n.min(count), self.place(&tries.span)),
                Some(_) => Known::default(count, "each server once"),
                None => Known::unresolved(Some(self.place(&tries.span)), "it is set elsewhere"),
            },
            (false, None) => Known::default(count, "each server once, without a line that says so"),
        };
        retry.attempts(known.map(|n| n as u32));
        if servers.is_none_or(|n| n < 2)
            && !off
            && let Some(written) = written
        {
            // A host that resolves to several addresses is several servers.
            match servers {
                Some(_) => {
                    let text =
                        format!("the upstream `{host}` has one server: it is not tried again");
                    site.remark(Rule::Hs109, self.place(&written.span), text);
                }
                None => {
                    let why = "as many as its host has addresses";
                    retry.attempts(Known::unresolved(Some(place), why));
                }
            }
        }
        retry.backoff(Known::default(Backoff::None, "at once, at the next server"));
        retry.jitter(Known::default(Jitter::None, "there is no wait"));
        retry.budget(Known::default(None, "nginx has none"));
        let time = |end: &str, default: Option<u64>| match said(end) {
            Some(directive) => match or_bare(directive.arg(0), 1.0) {
                Some(time) => Known::read(
                    Some(time).filter(|t| *t != Nanos::ZERO),
                    self.place(&directive.span),
                ),
                None => Known::unresolved(Some(self.place(&directive.span)), "it is set elsewhere"),
            },
            None => Known::default(default.map(Nanos::from_secs), "nginx's default"),
        };
        retry.timeout(time("read_timeout", Some(60)));
        retry.deadline(time("next_upstream_timeout", None));
        retry.retry_on(match next {
            Some(next) => {
                let words: Vec<&str> = next.words[1..].iter().map(String::as_str).collect();
                Known::read(conditions(&words), self.place(&next.span))
            }
            None => Known::default(conditions(&["error", "timeout"]), "nginx's default"),
        });
        if let Some(next) = next
            && next.words.iter().any(|w| w == "non_idempotent")
        {
            let text = "`non_idempotent`: a POST that was sent is sent to the next server, too";
            site.remark(Rule::Hs406, self.place(&next.span), text);
        }
        if written.is_none() && servers == Some(2) {
            site.named = Some(("nginx", "nothing is said of the next server".to_string()));
        }
        site.target = Some(host.to_string());
        site.decision = Decision::Retry(Box::new(retry));
        Some(site)
    }
}

/// One address, not a name that may have several.
fn is_address(server: &str) -> bool {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    server.starts_with("unix:")
        || server.starts_with('[')
        || host == "localhost"
        || !host.is_empty() && host.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Which failures the words of `next_upstream` are.
fn conditions(words: &[&str]) -> RetryOn {
    words.iter().fold(RetryOn::NOTHING, |on, word| match *word {
        "error" => on.with(Failure::Refused).with(Failure::Reset),
        "timeout" => on.with(Failure::Timeout),
        "invalid_header" => on.with(Failure::Reset),
        "http_429" => on.with(Failure::Rejected),
        "http_503" => on.with(Failure::Rejected).with(Failure::Error),
        word if word.starts_with("http_5") => on.with(Failure::Error),
        _ => on,
    })
}

const ANNOTATION: &str = "nginx.ingress.kubernetes.io/";

/// Annotations of an Ingress of ingress-nginx: three tries unless they say otherwise.
pub fn ingress(at: At, name: &str, reading: &mut Reading) {
    let annotations = at.path(&["metadata", "annotations"]);
    let get = |key: &str| annotations.and_then(|a| a.get(&format!("{ANNOTATION}{key}")));
    let class = at
        .path(&["spec", "ingressClassName"])
        .or_else(|| annotations.and_then(|a| a.get("kubernetes.io/ingress.class")));
    let next = get("proxy-next-upstream");
    let tries = get("proxy-next-upstream-tries");
    // Another controller of the same class.
    let others =
        annotations.is_some_and(|a| a.entries().any(|e| e.name().starts_with("nginx.org/")));
    let ours = class.and_then(|c| c.text()) == Some("nginx") && !others;
    if !ours && next.is_none() && tries.is_none() {
        return;
    }
    let written = [tries, next].into_iter().flatten().next();
    let place = written.or(class).map_or_else(|| at.place(), |w| w.whole());
    let mut retry = Retry::default();
    let off = next
        .and_then(|n| n.text())
        .is_some_and(|t| t.contains("off"));
    retry.attempts(match (off, tries) {
        (true, _) => Known::read(1, place.clone()),
        (false, Some(tries)) if tries.text() == Some("0") => {
            Known::unresolved(Some(tries.place()), "as many as it has endpoints")
        }
        (false, Some(tries)) => tries.count(),
        (false, None) => Known::default(3, "ingress-nginx's default"),
    });
    retry.backoff(Known::default(
        Backoff::None,
        "at once, at the next endpoint",
    ));
    retry.jitter(Known::default(Jitter::None, "there is no wait"));
    retry.budget(Known::default(None, "ingress-nginx has none"));
    let seconds = |at: At| at.number().map(super::units::nanos);
    retry.timeout(match get("proxy-read-timeout") {
        Some(limit) => seconds(limit).map(Some),
        None => Known::default(Some(Nanos::from_secs(60)), "ingress-nginx's default"),
    });
    retry.deadline(match get("proxy-next-upstream-timeout") {
        Some(limit) => seconds(limit).map(|t| Some(t).filter(|t| *t != Nanos::ZERO)),
        None => Known::default(None, "ingress-nginx's default"),
    });
    retry.retry_on(match next {
        Some(next) => next.known("list of conditions", |text| {
            Some(conditions(&text.split_whitespace().collect::<Vec<&str>>()))
        }),
        None => Known::default(conditions(&["error", "timeout"]), "ingress-nginx's default"),
    });
    let mut site = Site::new(
        "ingress-nginx",
        place,
        name,
        Decision::Retry(Box::new(retry)),
    );
    if let Some(next) = next
        && next.text().is_some_and(|t| t.contains("non_idempotent"))
    {
        let text = "`non_idempotent`: a POST that was sent is sent to the next endpoint, too";
        site.remark(Rule::Hs406, next.whole(), text);
    }
    reading.sites.push(site);
}
