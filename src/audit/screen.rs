//! An audit on a terminal.

use std::collections::BTreeMap;

use super::baseline::Against;
use super::inspect::Audit;
use super::plan::{Outlook, PathOutlook, Plan};
use super::predict::Standing;
use super::rules::Finding;
use super::site::line;
use super::tell::{loud, reading};
use super::view::View;
use herdsim_words::format::{counted, list as list_of};

/// So many of each list are shown; all with `-v`.
const SHOWN: usize = 8;

/// An audit as text, `width` columns wide.
pub fn screen(view: View<'_>, width: usize, verbose: bool) -> String {
    let (audit, plan) = (view.audit, view.plan);
    let mut out = String::new();
    let paths: Vec<String> = audit
        .files
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
    let mut counts = vec![counted(&audit.files.count().to_string(), "file")];
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
    if let Some(file) = &audit.files.settings.file {
        out.push_str(&format!(" settings    {}\n", file.display()));
    }
    if let Some(plan) = plan {
        wrapped(
            &mut out,
            " assumed     ",
            &format!("{} (--load, --calls, --fault …)", plan.situation),
            width,
        );
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
        if let Some(outlook) = plan.and_then(|plan| plan.outlook(site.number)) {
            self::outlook(outlook, verbose, width, &mut out);
        }
    }
    for path in plan.into_iter().flat_map(|plan| &plan.paths) {
        self::path(path, width, &mut out);
    }
    out.push('\n');
    lists(audit, verbose, width, &mut out);
    if let Some(against) = view.against {
        since(audit, against, verbose, width, &mut out);
    }
    if let Some(plan) = plan {
        patch(plan, &paths.join(" "), width, &mut out);
    }
    out
}

/// What is new since an earlier audit, and what is gone.
fn since(audit: &Audit, against: &Against, verbose: bool, width: usize, out: &mut String) {
    let new = against.new.iter().map(|at| &audit.findings[*at]);
    let new: Vec<String> = new
        .map(|f| {
            let (file, line) = (&f.place.source.name, line(&f.place));
            format!("{} {file}:{line} {}", f.rule, f.message)
        })
        .collect();
    let gone = against.gone.iter();
    let gone: Vec<String> = gone
        .map(|(rule, place, message)| format!("{rule} {place} {message}"))
        .collect();
    if new.is_empty() && gone.is_empty() {
        wrapped(out, " baseline     ", "nothing new, nothing gone", width);
    }
    list(out, "new", &new, verbose, width);
    list(out, "gone", &gone, verbose, width);
}

/// So many changes of a site are shown; all with `-v`.
const CHANGES: usize = 5;

/// What a site does, and its changes, best first.
fn outlook(outlook: &Outlook, verbose: bool, width: usize, out: &mut String) {
    wrapped(out, "      now  ", &outlook.outcome, width);
    if let Some(margin) = &outlook.margin {
        wrapped(out, "      edge ", &margin.told, width);
    }
    if !outlook.stated.is_empty() {
        let text = format!("stated: {}", outlook.stated.join("; "));
        wrapped(out, "           ", &text, width);
    }
    if !outlook.assumed.is_empty() {
        let text = format!("assumed: {}", list_of(&outlook.assumed));
        wrapped(out, "           ", &text, width);
    }
    if let Some(why) = &outlook.unranked {
        wrapped(out, "           ", why, width);
    }
    let shown = if verbose {
        outlook.remedies.len()
    } else {
        CHANGES
    };
    let best = outlook.remedies.first();
    if best.is_some_and(|best| best.standing != Standing::Best) && !verbose {
        let tried = outlook.remedies.iter().take(CHANGES);
        let tried = tried.map(|r| format!("{} ({})", r.name, r.standing.name()));
        let text = format!(
            "no change is better here: {}",
            list_of(&tried.collect::<Vec<_>>())
        );
        wrapped(out, "           ", &text, width);
        return;
    }
    for (at, remedy) in outlook.remedies.iter().take(shown).enumerate() {
        let mut notes = vec![remedy.standing.name().to_string()];
        notes.extend(remedy.patch.map(|n| format!("patch {n}")));
        let text = format!(
            "{}: {}  [{}]",
            remedy.name,
            remedy.outcome,
            notes.join(", ")
        );
        wrapped(out, &format!("      {:>3}  ", at + 1), &text, width);
        let parts = remedy.parts.iter().filter(|_| at == 0);
        for (name, outcome) in parts {
            wrapped(
                out,
                "             ",
                &format!("{name} alone: {outcome}"),
                width,
            );
        }
        let helps = matches!(
            remedy.standing,
            Standing::Best | Standing::Tied | Standing::Helps
        );
        if let Some(advice) = remedy.advice.as_ref().filter(|_| helps) {
            wrapped(out, "             ", &format!("by hand: {advice}"), width);
        }
    }
}

/// A path on which attempts multiply, and where along it to retry.
fn path(path: &PathOutlook, width: usize, out: &mut String) {
    out.push_str(&format!("\nalong {}\n", path.name));
    wrapped(out, "      now  ", &path.outcome, width);
    let text = "assumed: each service as above and free for other work while it waits; the fault is the last one's";
    wrapped(out, "           ", text, width);
    for (at, option) in path.options.iter().enumerate() {
        let mut notes = vec![option.standing.name().to_string()];
        notes.extend(option.patch.map(|n| format!("patch {n}")));
        let (name, outcome) = (&option.name, &option.outcome);
        let text = format!("{name}: {outcome}  [{}]", notes.join(", "));
        wrapped(out, &format!("      {:>3}  ", at + 1), &text, width);
    }
}

/// What the best changes come to, and how to take them.
fn patch(plan: &Plan, paths: &str, width: usize, out: &mut String) {
    let best = &plan.best;
    if best.changes == 0 {
        return;
    }
    let text = format!(
        "{} in {}; audited again with it: {}    herdsim audit {paths} --patch > fix.patch",
        counted(&best.changes.to_string(), "change"),
        counted(&best.texts.len().to_string(), "file"),
        best.tally
    );
    wrapped(out, " patch        ", &text, width);
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
