//! An audit as Markdown, for a pull request.

use super::inspect::Audit;
use super::patch::diff;
use super::plan::Plan;
use super::site::line;
use super::tell::{loud, reading};
use super::view::View;
use crate::format::list;

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// An audit and what is predicted of it, as a comment.
pub fn markdown(view: View<'_>) -> String {
    let (audit, plan) = (view.audit, view.plan);
    let mut out = format!(
        "## Audit\n\n{} at {} sites in {} files.\n",
        audit.tally(),
        audit.system.sites.len(),
        audit.files.count()
    );
    if let Some(against) = view.against {
        let (new, gone) = (against.new.len(), against.gone.len());
        out.push_str(&format!("\nSince the baseline: {new} new, {gone} gone.\n"));
        for at in &against.new {
            let f = &audit.findings[*at];
            let (file, line) = (&f.place.source.name, line(&f.place));
            out.push_str(&format!(
                "- new: {} `{file}:{line}` {}\n",
                f.rule, f.message
            ));
        }
        for (rule, place, message) in &against.gone {
            out.push_str(&format!("- gone: {rule} `{place}` {message}\n"));
        }
    }
    if !audit.findings.is_empty() {
        out.push_str("\n| | rule | where | what |\n|---|---|---|---|\n");
        let mut findings: Vec<_> = audit.findings.iter().collect();
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        for f in findings {
            out.push_str(&format!(
                "| {} | {} | `{}:{}` | {} |\n",
                loud(f.severity).to_lowercase(),
                f.rule,
                f.place.source.name,
                line(&f.place),
                cell(&f.message)
            ));
        }
    }
    if let Some(plan) = plan {
        changes(audit, plan, &mut out);
    }
    if !audit.system.sites.is_empty() {
        out.push_str("\n### Sites\n\n| where | seam | reading |\n|---|---|---|\n");
        for site in &audit.system.sites {
            let name = if site.name.is_empty() {
                String::new()
            } else {
                format!(" `{}`", site.name)
            };
            out.push_str(&format!(
                "| `{}:{}`{} | {} | {} |\n",
                site.place.source.name,
                site.line(),
                cell(&name),
                site.decision.seam(),
                cell(&reading(site))
            ));
        }
    }
    let unresolved = audit.unresolved_fields().count() + audit.unresolved.len();
    if unresolved + audit.not_read.len() > 0 {
        out.push_str(&format!(
            "\n{unresolved} values unresolved, {} not read.\n",
            audit.not_read.len()
        ));
    }
    out
}

/// So many changes of a site are told.
const CHANGES: usize = 4;

/// What sites with findings do, and what would change it.
fn changes(audit: &Audit, plan: &Plan, out: &mut String) {
    out.push_str(&format!("\n### Changes\n\nAssumed: {}.\n", plan.situation));
    for outlook in &plan.outlooks {
        let found = audit.findings.iter().any(|f| f.site == outlook.site);
        if !found {
            continue;
        }
        let site = &audit.system.sites[outlook.site];
        out.push_str(&format!(
            "\n`{}:{}` now: {}.",
            site.place.source.name,
            site.line(),
            outlook.outcome
        ));
        if let Some(margin) = &outlook.margin {
            out.push_str(&format!(" It {}.", margin.told));
        }
        if !outlook.stated.is_empty() {
            out.push_str(&format!(
                " Files state of the service: {}.",
                outlook.stated.join("; ")
            ));
        }
        if !outlook.assumed.is_empty() {
            out.push_str(&format!(" Assumed of it: {}.", list(&outlook.assumed)));
        }
        if let Some(why) = &outlook.unranked {
            out.push_str(&format!(" Not ranked: {why}."));
        }
        out.push('\n');
        if outlook.remedies.is_empty() {
            continue;
        }
        out.push_str("\n| | change | then | |\n|---|---|---|---|\n");
        for (at, remedy) in outlook.remedies.iter().take(CHANGES).enumerate() {
            let how = match (remedy.patch, &remedy.advice) {
                (Some(n), _) => format!("patch {n}"),
                (None, Some(advice)) => format!("by hand: {advice}"),
                (None, None) => String::new(),
            };
            let parts = remedy.parts.iter().filter(|_| at == 0);
            let parts: String = parts
                .map(|(name, outcome)| format!("; {name} alone: {outcome}"))
                .collect();
            out.push_str(&format!(
                "| {} | {} | {} | {}, {} |\n",
                at + 1,
                cell(&remedy.name),
                cell(&format!("{}{parts}", remedy.outcome)),
                remedy.standing.name(),
                cell(&how)
            ));
        }
    }
    for path in &plan.paths {
        out.push_str(&format!("\nAlong {} now: {}.\n", path.name, path.outcome));
        out.push_str("\n| | change | then | |\n|---|---|---|---|\n");
        for (at, option) in path.options.iter().enumerate() {
            let patch = option
                .patch
                .map_or_else(String::new, |n| format!(", patch {n}"));
            out.push_str(&format!(
                "| {} | {} | {} | {}{patch} |\n",
                at + 1,
                cell(&option.name),
                cell(&option.outcome),
                option.standing.name()
            ));
        }
    }
    if plan.best.changes > 0 {
        out.push_str(&format!(
            "\nWith the best change of each site, audited again: {}.\n\n```diff\n{}```\n",
            plan.best.tally,
            diff(&audit.files, &plan.best.texts)
        ));
    }
}
