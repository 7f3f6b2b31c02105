//! An audit as Markdown, for a pull request.

use super::inspect::Audit;
use super::patch::diff;
use super::plan::Plan;
use super::site::line;
use super::tell::{loud, reading};
use super::view::View;
use crate::markdown::{block, code, code_cell, plain, spans};
use herdsim_core::scenario::Place;
use herdsim_words::format::list;

/// Where something stands, as code.
fn at(place: &Place) -> String {
    code_cell(&format!("{}:{}", place.source.name, line(place)))
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
        for new in &against.new {
            let f = &audit.findings[*new];
            let (place, message) = (at(&f.place), spans(&f.message));
            out.push_str(&format!("- new: {} {place} {message}\n", f.rule));
        }
        for (rule, place, message) in &against.gone {
            let (place, message) = (code(place), spans(message));
            out.push_str(&format!("- gone: {} {place} {message}\n", plain(rule)));
        }
    }
    if !audit.findings.is_empty() {
        out.push_str("\n| | rule | where | what |\n|---|---|---|---|\n");
        let mut findings: Vec<_> = audit.findings.iter().collect();
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        for f in findings {
            out.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                loud(f.severity).to_lowercase(),
                f.rule,
                at(&f.place),
                spans(&f.message)
            ));
        }
    }
    if let Some(plan) = plan {
        changes(audit, plan, &mut out);
    }
    if !audit.system.sites.is_empty() {
        out.push_str("\n### Sites\n\n| where | seam | reading |\n|---|---|---|\n");
        for site in &audit.system.sites {
            let name = match site.name.as_str() {
                "" => String::new(),
                name => format!(" {}", code_cell(name)),
            };
            out.push_str(&format!(
                "| {}{name} | {} | {} |\n",
                at(&site.place),
                site.decision.seam(),
                spans(&reading(site))
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
    out.push_str(&format!(
        "\n### Changes\n\nAssumed: {}.\n",
        spans(&plan.situation.to_string())
    ));
    for outlook in &plan.outlooks {
        let found = audit.findings.iter().any(|f| f.site == outlook.site);
        if !found {
            continue;
        }
        let site = &audit.system.sites[outlook.site];
        out.push_str(&format!(
            "\n{} now: {}.",
            at(&site.place),
            spans(&outlook.outcome)
        ));
        if let Some(margin) = &outlook.margin {
            out.push_str(&format!(" It {}.", spans(&margin.told)));
        }
        if !outlook.stated.is_empty() {
            out.push_str(&format!(
                " Files state of the service: {}.",
                spans(&outlook.stated.join("; "))
            ));
        }
        if !outlook.assumed.is_empty() {
            out.push_str(&format!(
                " Assumed of it: {}.",
                spans(&list(&outlook.assumed))
            ));
        }
        if let Some(why) = &outlook.unranked {
            out.push_str(&format!(" Not ranked: {}.", spans(why)));
        }
        out.push('\n');
        if outlook.remedies.is_empty() {
            continue;
        }
        out.push_str("\n| | change | then | |\n|---|---|---|---|\n");
        for (place, remedy) in outlook.remedies.iter().take(CHANGES).enumerate() {
            let how = match (remedy.patch, &remedy.advice) {
                (Some(n), _) => format!("patch {n}"),
                (None, Some(advice)) => format!("by hand: {advice}"),
                (None, None) => String::new(),
            };
            let parts = remedy.parts.iter().filter(|_| place == 0);
            let parts: String = parts
                .map(|(name, outcome)| format!("; {name} alone: {outcome}"))
                .collect();
            out.push_str(&format!(
                "| {} | {} | {} | {}, {} |\n",
                place + 1,
                spans(&remedy.name),
                spans(&format!("{}{parts}", remedy.outcome)),
                remedy.standing.name(),
                spans(&how)
            ));
        }
    }
    for path in &plan.paths {
        out.push_str(&format!(
            "\nAlong {} now: {}.\n",
            spans(&path.name),
            spans(&path.outcome)
        ));
        out.push_str("\n| | change | then | |\n|---|---|---|---|\n");
        for (place, option) in path.options.iter().enumerate() {
            let patch = option
                .patch
                .map_or_else(String::new, |n| format!(", patch {n}"));
            out.push_str(&format!(
                "| {} | {} | {} | {}{patch} |\n",
                place + 1,
                spans(&option.name),
                spans(&option.outcome),
                option.standing.name()
            ));
        }
    }
    if plan.best.changes > 0 {
        out.push_str(&format!(
            "\nWith the best change of each site, audited again: {}.\n\n{}",
            spans(&plan.best.tally),
            block("diff", &diff(&audit.files, &plan.best.texts))
        ));
    }
}
