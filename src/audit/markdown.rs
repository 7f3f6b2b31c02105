//! An audit as Markdown, for a pull request.

use super::inspect::Audit;
use super::site::line;
use super::tell::{loud, reading};

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

pub fn markdown(audit: &Audit) -> String {
    let mut out = format!(
        "## Audit\n\n{} at {} sites in {} files.\n",
        audit.tally(),
        audit.system.sites.len(),
        audit.files
    );
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
