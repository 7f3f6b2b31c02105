//! What a rule says of itself.

use super::rule::Rule;
use super::rules::{RULES, doc};

/// A rule as text; none where there is no such rule.
pub fn explain(id: &str) -> Option<String> {
    let rule = Rule::find(id)?;
    Some(doc(rule).markdown(rule.id(), "#"))
}

/// All rules as one page of Markdown.
pub fn rules_page() -> String {
    let mut page = String::from(
        "# Rules of `herdsim audit`\n\n\
         Made from the rules themselves; `herdsim explain HS101` prints one. A comment\n\
         `herdsim: ignore HS101 reason` on the line, or on the one before, turns a finding off.\n\n\
         | id | finding | severity |\n|---|---|---|\n",
    );
    for (rule, doc, _) in RULES {
        page.push_str(&format!(
            "| [{}](#{}) | {} | {} |
",
            rule,
            anchor(rule.id(), doc.title),
            doc.title,
            doc.severity
        ));
    }
    for (rule, doc, _) in RULES {
        page.push('\n');
        page.push_str(&doc.markdown(rule.id(), "##"));
    }
    page
}

/// The anchor that GitHub gives a heading.
fn anchor(id: &str, title: &str) -> String {
    let heading = format!("{id}: {title}").to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
