//! An audit on a terminal.

use std::collections::BTreeMap;

use super::inspect::Audit;
use super::rules::Finding;
use super::site::line;
use super::tell::{loud, reading};
use crate::format::counted;

/// So many of each list are shown; all with `-v`.
const SHOWN: usize = 8;

/// An audit as text, `width` columns wide.
pub fn screen(audit: &Audit, width: usize, verbose: bool) -> String {
    let mut out = String::new();
    let paths: Vec<String> = audit
        .request
        .paths
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    let services = audit
        .system
        .services
        .iter()
        .map(|(name, _)| name)
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    let mut counts = vec![counted(&audit.files.to_string(), "file")];
    if services > 0 {
        counts.insert(0, counted(&services.to_string(), "service"));
    }
    counts.push(counted(&audit.system.sites.len().to_string(), "site"));
    out.push_str(&format!(
        "herdsim audit {}    {}, {:.1} s\n",
        paths.join(" "),
        counts.join(", "),
        audit.took.as_secs_f64()
    ));
    if let Some(file) = &audit.settings.file {
        out.push_str(&format!(" settings    {}\n", file.display()));
    }
    graph(audit, &mut out);
    let mut found: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for finding in &audit.findings {
        found.entry(finding.site).or_default().push(finding);
    }
    for site in &audit.system.sites {
        let findings = found.remove(&site.number).unwrap_or_default();
        if findings.is_empty() && !verbose {
            continue;
        }
        let name = if site.name.is_empty() {
            site.reader.to_string()
        } else {
            format!("{} ({})", site.name, site.reader)
        };
        out.push_str(&format!(
            "\n{}:{}  {name}\n",
            site.place.source.name,
            site.line()
        ));
        wrapped(&mut out, "    ", &reading(site), width);
        for finding in findings {
            let near = line(&finding.place);
            let there = match (
                near == site.line(),
                finding.place.source == site.place.source,
            ) {
                (true, true) => String::new(),
                (false, true) => format!("line {near}: "),
                (_, false) => format!("{}:{near}: ", finding.place.source.name),
            };
            let head = format!("    {:<6} {}  ", loud(finding.severity), finding.rule);
            wrapped(
                &mut out,
                &head,
                &format!("{there}{}", finding.message),
                width,
            );
        }
    }
    out.push('\n');
    lists(audit, verbose, width, &mut out);
    out
}

/// Text after a head, its further lines indented as far as it.
fn wrapped(out: &mut String, head: &str, text: &str, width: usize) {
    let indent = " ".repeat(head.chars().count());
    let options = textwrap::Options::new(width.max(40))
        .initial_indent(head)
        .subsequent_indent(&indent);
    for line in textwrap::wrap(text, options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// `web > orders > {payments, stock}`, a line a caller.
fn graph(audit: &Audit, out: &mut String) {
    let mut callees: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut stated: BTreeMap<&str, &str> = BTreeMap::new();
    for edge in &audit.system.edges {
        let to = if edge.weak {
            format!("({})", edge.to)
        } else {
            edge.to.clone()
        };
        callees.entry(&edge.from).or_default().push(to);
        stated.entry(&edge.from).or_insert(&edge.place.source.name);
    }
    for (at, (from, to)) in callees.iter().enumerate() {
        let to = match &to[..] {
            [one] => one.clone(),
            many => format!("{{{}}}", many.join(", ")),
        };
        let head = if at == 0 {
            " graph      "
        } else {
            "            "
        };
        out.push_str(&format!(
            "{head}{from} > {to}    {}\n",
            stated.get(from).copied().unwrap_or("")
        ));
    }
}

fn lists(audit: &Audit, verbose: bool, width: usize, out: &mut String) {
    let named =
        |place: &herdsim_core::scenario::Place| format!("{}:{}", place.source.name, line(place));
    let tally = match audit.suppressed {
        0 => audit.tally(),
        n => format!("{}; {n} turned off by comments", audit.tally()),
    };
    wrapped(out, " findings     ", &tally, width);
    let right: Vec<String> = audit
        .right()
        .map(|(site, why)| format!("{} {why}", named(&site.place)))
        .collect();
    list(out, "right", &right, verbose, width);
    let mut unresolved: Vec<String> = audit
        .unresolved_fields()
        .map(|(site, field, fact)| {
            let place = named(fact.place.as_ref().unwrap_or(&site.place));
            let why = fact.why.as_deref().unwrap_or("");
            format!("{place} {}: {why}", field.name())
        })
        .collect();
    unresolved.extend(
        audit
            .unresolved
            .iter()
            .map(|a| format!("{} {}", named(&a.place), a.text)),
    );
    unresolved.dedup();
    list(out, "unresolved", &unresolved, verbose, width);
    let not_read: Vec<String> = audit
        .not_read
        .iter()
        .map(|n| match n.line {
            Some(line) => format!("{}:{line} {}", n.file, n.reason),
            None => format!("{} ({})", n.file, n.reason),
        })
        .collect();
    list(out, "not read", &not_read, verbose, width);
    let not_retries: Vec<String> = audit
        .not_retries
        .iter()
        .map(|a| format!("{} {}", named(&a.place), a.text))
        .collect();
    if verbose {
        list(out, "not retries", &not_retries, verbose, width);
    } else if !not_retries.is_empty() {
        let text = format!("{} (-v lists them)", not_retries.len());
        wrapped(out, " not retries  ", &text, width);
    }
}

fn list(out: &mut String, title: &str, items: &[String], verbose: bool, width: usize) {
    if items.is_empty() {
        return;
    }
    let most = if verbose { items.len() } else { SHOWN };
    let mut head = format!(" {title:<11} {:>2}: ", items.len());
    for item in items.iter().take(most) {
        wrapped(out, &head, item, width);
        head = " ".repeat(head.chars().count());
    }
    if items.len() > most {
        wrapped(
            out,
            &head,
            &format!("and {} more (-v)", items.len() - most),
            width,
        );
    }
}
