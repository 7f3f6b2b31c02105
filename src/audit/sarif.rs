//! An audit as SARIF 2.1.0, for code scanning.
//!
//! Format: OASIS, "Static Analysis Results Interchange Format Version 2.1.0".

use serde_json::{Value, json};

use super::inspect::Audit;
use super::patch::replacements;
use super::plan::Plan;
use super::predict::Standing;
use super::rule::Severity;
use super::rules::{Finding, RULES};
use super::site::{end_line, line};
use super::view::View;

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// Findings, with the best change of each as a fix where it is one and can be written.
pub fn sarif(view: View<'_>) -> Value {
    let (audit, plan) = (view.audit, view.plan);
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(rule, doc, _)| {
            let id = rule.id();
            json!({"id": id, "name": id, "shortDescription": {"text": doc.title},
                "fullDescription": {"text": doc.what},
                "help": {"text": doc.fix, "markdown": doc.markdown(id, "##")}})
        })
        .collect();
    let results: Vec<Value> = audit
        .findings
        .iter()
        .map(|f| {
            let index = RULES.iter().position(|(rule, ..)| *rule == f.rule);
            let text = &f.place.source.text;
            let column = |at: usize| {
                let at = at.min(text.len());
                let start = text.get(..at).unwrap_or(text).rfind('\n').map_or(0, |n| n + 1);
                // SARIF counts UTF-16 code units unless it says otherwise.
                text.get(start..at).map_or(0, |part| part.encode_utf16().count()) + 1
            };
            let trimmed = f.place.span.start + text[f.place.span.clone()].trim_end().len();
            let mut result = json!({"ruleId": f.rule.id(), "ruleIndex": index, "level": level(f.severity),
                "message": {"text": f.message},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri(&f.place.source.name)},
                    "region": {"startLine": line(&f.place), "startColumn": column(f.place.span.start),
                        "endLine": end_line(&f.place), "endColumn": column(trimmed),
                        "byteOffset": f.place.span.start, "byteLength": f.place.span.len()}}}]});
            if let Some(fix) = plan.and_then(|plan| fix(audit, plan, f)) {
                result["fixes"] = json!([fix]);
            }
            result
        })
        .collect();
    json!({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "herdsim", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "utf16CodeUnits", "results": results}]})
}

/// The best change of a finding's site, if the finding is gone with it.
fn fix(audit: &Audit, plan: &Plan, finding: &Finding) -> Option<Value> {
    let best = plan.outlook(finding.site)?.remedies.first()?;
    let gone = best.standing == Standing::Best && !best.left.contains(&finding.rule);
    let texts = plan
        .patches
        .get(best.patch.filter(|_| gone)?.checked_sub(1)?)?;
    let changes = texts.iter().map(|(shown, text)| {
        let all = replacements(&audit.files, shown, text);
        let all = all.into_iter().map(|(line, lines, text)| {
            json!({"deletedRegion": {"startLine": line, "startColumn": 1,
                "endLine": line + lines, "endColumn": 1}, "insertedContent": {"text": text}})
        });
        json!({"artifactLocation": {"uri": uri(shown)}, "replacements": all.collect::<Vec<_>>()})
    });
    let text = format!("{}: {}", best.name, best.outcome);
    Some(json!({"description": {"text": text}, "artifactChanges": changes.collect::<Vec<_>>()}))
}

/// A path as a relative reference: what URIs reserve is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(byte as char)
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
