//! What is new since an earlier audit, and what is gone.

use std::collections::HashMap;

use herdsim_core::scenario::Problem;
use serde_json::Value;

use super::inspect::Audit;
use super::rules::Finding;

/// What tells findings of two audits apart: rule, file, and the name of the site; lines shift.
type Key = (String, String, String);

/// An audit against an earlier one.
pub struct Against {
    /// Findings that are new, by their places in the list of all.
    pub new: Vec<usize>,
    /// Findings that are gone: rule, file with its line then, message.
    pub gone: Vec<(String, String, String)>,
}

impl Against {
    /// An audit against what `--format json` printed of an earlier one.
    ///
    /// # Errors
    /// Where that is no audit.
    pub fn of(audit: &Audit, text: &str) -> Result<Against, Problem> {
        let no_audit = || Problem::new("the baseline is no audit: herdsim audit … --format json");
        let before: Value = serde_json::from_str(text).map_err(|_| no_audit())?;
        if before["kind"] != "audit" {
            return Err(no_audit());
        }
        let names: HashMap<&str, &str> = list(&before, "sites")
            .filter_map(|site| Some((site["id"].as_str()?, site["name"].as_str()?)))
            .collect();
        let mut left: HashMap<Key, Vec<&Value>> = HashMap::new();
        for finding in list(&before, "findings") {
            let word = |key: &str| finding[key].as_str().unwrap_or("").to_string();
            let name = names.get(word("site").as_str()).copied().unwrap_or("");
            let key = (word("id"), word("file"), name.to_string());
            left.entry(key).or_default().push(finding);
        }
        let known = |finding: &Finding| {
            let name = audit.system.sites[finding.site].name.clone();
            let file = finding.place.source.name.clone();
            (finding.rule.id().to_string(), file, name)
        };
        let mut new = Vec::new();
        for (at, finding) in audit.findings.iter().enumerate() {
            match left.get_mut(&known(finding)).and_then(Vec::pop) {
                Some(_) => {}
                None => new.push(at),
            }
        }
        let mut gone: Vec<(String, String, String)> = left
            .into_iter()
            .flat_map(|(key, all)| all.into_iter().map(move |finding| (key.clone(), finding)))
            .map(|((rule, file, _), finding)| {
                let place = format!("{file}:{}", finding["line"]);
                let message = finding["message"].as_str().unwrap_or("").to_string();
                (rule, place, message)
            })
            .collect();
        gone.sort();
        Ok(Against { new, gone })
    }
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}
