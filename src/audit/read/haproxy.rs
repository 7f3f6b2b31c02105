//! HAProxy: it retries connections without a line that says so.
//!
//! Read for 2.0 to 3.5. Source: haproxy `doc/configuration.txt`, `src/backend.c`.

use std::ops::Range;
use std::sync::Arc;

use herdsim_core::scenario::policy::{Backoff, Failure, Jitter, RetryOn};
use herdsim_core::scenario::{Place, Source};
use herdsim_core::units::Nanos;

use super::units::or_bare;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Known, Reading, Retry, Site};

/// A line's words with where it stands.
struct Line<'t> {
    words: Vec<&'t str>,
    span: Range<usize>,
}

#[derive(Default)]
struct Section<'t> {
    kind: &'t str,
    name: &'t str,
    from: Option<&'t str>,
    head: Range<usize>,
    lines: Vec<Line<'t>>,
}

const KINDS: &[&str] = &[
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "peers",
    "resolvers",
    "userlist",
    "mailers",
    "cache",
    "program",
    "ring",
    "http-errors",
    "fcgi-app",
    "log-forward",
    "log-profile",
    "crt-store",
    "traces",
    "acme",
];

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut all: Vec<Section> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let plain = line.split('#').next().unwrap_or("").trim_end();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        let indent = plain.len() - plain.trim_start().len();
        let span = start + indent..start + plain.len();
        if KINDS.contains(first) && (indent == 0 || words.len() <= 4 && *first != "cache") {
            all.push(Section {
                kind: first,
                name: words
                    .get(1)
                    .filter(|w| **w != "from")
                    .copied()
                    .unwrap_or(""),
                from: words
                    .iter()
                    .position(|w| *w == "from")
                    .and_then(|n| words.get(n + 1))
                    .copied(),
                head: span,
                lines: Vec::new(),
            });
        } else if let Some(section) = all.last_mut() {
            section.lines.push(Line { words, span });
        }
    }
    all
}

pub fn read(source: &Arc<Source>, reading: &mut Reading) {
    let all = sections(&source.text);
    // `setup.cfg` has sections, too, but in brackets.
    if !all.iter().any(|s| matches!(s.kind, "backend" | "listen")) {
        return;
    }
    let place = |span: &Range<usize>| Place {
        source: source.clone(),
        span: span.clone(),
    };
    for (at, section) in all.iter().enumerate() {
        if !matches!(section.kind, "backend" | "listen") {
            continue;
        }
        let counted = section.lines.iter().map(|line| match line.words[0] {
            "server" => 1,
            // `server-template app 5 …`, `app 1-5`
            "server-template" => {
                let range = line.words.get(2).copied().unwrap_or("1");
                let (from, to) = range.split_once('-').unwrap_or(("1", range));
                let (from, to): (usize, usize) =
                    (from.parse().unwrap_or(1), to.parse().unwrap_or(1));
                (to + 1).saturating_sub(from).max(1)
            }
            _ => 0,
        });
        let servers: usize = counted.sum();
        if servers == 0 {
            continue;
        }
        // A section takes what it does not say from the last defaults before it, or from those
        // that it names.
        let defaults: Vec<&Section> = all[..at].iter().filter(|s| s.kind == "defaults").collect();
        let named = |name: &str| defaults.iter().rev().find(|s| s.name == name).copied();
        let mut above = match section.from {
            Some(name) => named(name),
            None => defaults.last().copied(),
        };
        // A section of defaults may begin as another.
        let mut levels = vec![section];
        while let Some(level) = above.filter(|_| levels.len() < 10) {
            levels.push(level);
            above = level.from.and_then(named);
        }
        let lines: Vec<&Line> = levels.iter().rev().flat_map(|s| &s.lines).collect();
        let last = |wanted: &[&str]| {
            lines.iter().rev().find(|line| {
                let words = match line.words[0] {
                    "no" => &line.words[1..],
                    _ => &line.words[..],
                };
                words.starts_with(wanted)
            })
        };
        let time = |name: &str| {
            last(&["timeout", name]).map(|line| {
                let text = line.words.get(2).copied().unwrap_or("");
                match or_bare(text, 1e-3) {
                    Some(time) => Known::read(Some(time), place(&line.span)),
                    None => Known::unresolved(Some(place(&line.span)), "it is set elsewhere"),
                }
            })
        };
        let end = section
            .lines
            .last()
            .map_or(section.head.end, |l| l.span.end);
        let whole = place(&(section.head.start..end));
        let decision = Decision::Retry(Box::default());
        let mut site = Site::new("haproxy", whole, section.name, decision);
        let mut retry = Retry::default();
        retry.retries(match last(&["retries"]) {
            Some(line) => {
                let text = line.words.get(1).copied().unwrap_or("");
                match super::tree::number(text) {
                    Some(n) => Known::read(n, place(&line.span)),
                    None => Known::unresolved(Some(place(&line.span)), "it is set elsewhere"),
                }
            }
            None => Known::default(3.0, "HAProxy's default, without a line that says so"),
        });
        let redispatch = last(&["option", "redispatch"]).filter(|l| l.words[0] != "no");
        let connect = time("connect");
        let turn = connect
            .as_ref()
            .and_then(|k| k.value.flatten())
            .map_or(Nanos::from_secs(1), |limit| limit.min(Nanos::from_secs(1)));
        // What is bound to its server goes back to it.
        let bound = last(&["cookie"]).is_some()
            || last(&["balance"]).is_some_and(|l| {
                let how = l.words.get(1).copied().unwrap_or("");
                ["source", "uri", "url_param", "hdr", "rdp-cookie", "hash"]
                    .iter()
                    .any(|kind| how.starts_with(kind))
            });
        let elsewhere = redispatch.is_some() && servers > 1 && !bound;
        retry.backoff(match elsewhere {
            true => Known::default(Backoff::None, "at once, to another server"),
            false => Known::default(
                Backoff::Fixed(turn),
                "min(1 s, timeout connect), to the same server",
            ),
        });
        retry.jitter(Known::default(Jitter::None, "HAProxy adds none"));
        retry.budget(Known::default(None, "HAProxy has none"));
        retry.deadline(Known::default(None, "HAProxy has none"));
        let conditions = last(&["retry-on"]);
        let http = last(&["mode"]).is_some_and(|l| l.words.get(1) == Some(&"http"));
        let refused = RetryOn::NOTHING.with(Failure::Refused);
        retry.retry_on(match conditions {
            Some(line) if http => Known::read(retry_on(&line.words[1..]), place(&line.span)),
            _ => Known::default(refused, "connections only"),
        });
        if conditions.is_some_and(|l| http && l.words[1..] == ["none"]) {
            retry.attempts(Known::read(1, site.place.clone()));
        }
        let sent = conditions.is_some_and(|l| {
            http && l.words[1..]
                .iter()
                .any(|w| !matches!(*w, "conn-failure" | "none" | "0rtt-rejected"))
        });
        if let Some(line) = conditions {
            if !http {
                let text = "in mode tcp `retry-on` is ignored: connections only are retried";
                site.remark(Rule::Hs109, place(&line.span), text);
            }
            let spared = lines.iter().any(|l| {
                let whole = !l.words.contains(&"if") && !l.words.contains(&"unless");
                l.words.contains(&"disable-l7-retry") && (whole || l.words.contains(&"METH_POST"))
            });
            if sent && !spared {
                let text = "requests of every method are sent again, POST among them: `http-request disable-l7-retry if METH_POST` spares it";
                site.remark(Rule::Hs406, place(&line.span), text);
            }
        }
        // What answers may be waited for where answers are retried.
        let server = time("server");
        let limit = if sent {
            server.or(connect)
        } else {
            connect.or(server)
        };
        retry.timeout(limit.unwrap_or_else(|| Known::default(None, "HAProxy sets no timeout")));
        if last(&["retries"]).is_none() && conditions.is_none() && redispatch.is_none() {
            site.named = Some(("haproxy", "nothing is said of retries".to_string()));
        }
        site.target = Some(section.name.to_string());
        site.decision = Decision::Retry(Box::new(retry));
        reading.sites.push(site);
    }
}

fn retry_on(words: &[&str]) -> RetryOn {
    words.iter().fold(RetryOn::NOTHING, |on, word| match *word {
        "conn-failure" => on.with(Failure::Refused),
        "empty-response" | "junk-response" | "0rtt-rejected" => on.with(Failure::Reset),
        "response-timeout" => on.with(Failure::Timeout),
        "all-retryable-errors" => on
            .with(Failure::Refused)
            .with(Failure::Reset)
            .with(Failure::Timeout)
            .with(Failure::Error),
        "429" | "503" => on.with(Failure::Rejected).with(Failure::Error),
        "none" => RetryOn::NOTHING,
        _ => on.with(Failure::Error),
    })
}
