//! Findings and changes as tables, for a report.

use super::site::line;
use super::tell::loud;
use super::view::View;
use herdsim_words::text_table::TextTable;

/// What was found, and what each change of what was found would do.
pub fn tables(view: View<'_>) -> Vec<TextTable> {
    let View { audit, plan, .. } = view;
    let found = audit.findings.iter().map(|f| {
        let place = format!("{}:{}", f.place.source.name, line(&f.place));
        let severity = loud(f.severity).to_lowercase();
        vec![severity, f.rule.to_string(), place, f.message.clone()]
    });
    let mut tables = vec![TextTable {
        caption: "Findings of the audit".to_string(),
        headers: ["severity", "rule", "where", "what"]
            .map(str::to_string)
            .to_vec(),
        rows: found.collect(),
    }];
    let Some(plan) = plan else {
        return tables;
    };
    let mut changes = Vec::new();
    for outlook in &plan.outlooks {
        if !audit.findings.iter().any(|f| f.site == outlook.site) {
            continue;
        }
        let site = &audit.system.sites[outlook.site];
        let place = format!("{}:{}", site.place.source.name, site.line());
        let now = [
            "as written".to_string(),
            outlook.outcome.clone(),
            String::new(),
        ];
        changes.push([vec![place.clone()], now.to_vec()].concat());
        for remedy in &outlook.remedies {
            let patch = remedy
                .patch
                .map_or_else(String::new, |n| format!(", patch {n}"));
            changes.push(vec![
                place.clone(),
                remedy.name.clone(),
                remedy.outcome.clone(),
                format!("{}{patch}", remedy.standing.name()),
            ]);
        }
    }
    tables.push(TextTable {
        caption: format!("Changes, under {}", plan.situation),
        headers: ["where", "change", "then", "standing"]
            .map(str::to_string)
            .to_vec(),
        rows: changes,
    });
    tables
}
