//! The scenario of a site, to run and to change.

use herdsim_core::scenario::Problem;
use serde_json::Value;

use super::inspect::Audit;
use super::json::{ids, policy};
use super::site::{Decision, Field, Guard, Site};
use super::tell::reading;

/// A scenario in TOML of the site asked for: by its identifier, its line or its name; of the
/// only one where nothing is asked for.
///
/// # Errors
/// Where there is no such site, or several.
pub fn scenario(audit: &Audit, wanted: Option<&str>) -> Result<String, Problem> {
    let ids = ids(&audit.system);
    let runs = |site: &Site| !matches!(site.decision, Decision::Acks(_) | Decision::Timeout(_));
    let fits = |at: usize, site: &Site| match wanted {
        None => true,
        Some(wanted) => {
            ids[at] == wanted || wanted.parse() == Ok(site.line()) || site.name == wanted
        }
    };
    let found: Vec<usize> = (0..ids.len())
        .filter(|at| runs(&audit.system.sites[*at]) && fits(*at, &audit.system.sites[*at]))
        .collect();
    let one = match found[..] {
        [one] => one,
        [] => {
            let problem = Problem::new(match wanted {
                Some(wanted) => {
                    format!("there is no site `{wanted}` that a scenario can be made of")
                }
                None => "there is no site that a scenario can be made of".to_string(),
            });
            let near: Vec<&str> = ids.iter().map(String::as_str).take(10).collect();
            return Err(match near.is_empty() {
                true => problem,
                false => problem.help(format!("the sites are {}", near.join(", "))),
            });
        }
        _ => {
            let names: Vec<&str> = found.iter().map(|at| ids[*at].as_str()).collect();
            return Err(
                Problem::new(format!("there are {} sites: which one?", names.len()))
                    .help(format!("--scenario {}", names.join(", --scenario "))),
            );
        }
    };
    let site = &audit.system.sites[one];
    let mut text = format!("# {}: {}\n", ids[one], reading(site));
    match &site.decision {
        Decision::Retry(retry) => {
            text.push_str("kind = \"herd\"\n");
            if let Some(situation) = &audit.settings.situation {
                text.push_str("\n# The situation of .herdsim.toml.\n");
                text.push_str(situation);
            }
            text.push_str("\n[policy.read]\n");
            let Value::Object(fields) = policy(retry) else {
                return Ok(text);
            };
            for (key, value) in fields {
                let unresolved = Field::ALL
                    .iter()
                    .any(|f| f.name() == key && !retry.is_known(*f));
                match value {
                    Value::Null if unresolved => {
                        let why = Field::ALL
                            .into_iter()
                            .find(|f| f.name() == key)
                            .and_then(|f| retry.fact(f)?.why.clone());
                        let why = why.unwrap_or_else(|| "not in sight".to_string());
                        text.push_str(&format!("# {key}: {why}; herdsim's own default holds\n"));
                    }
                    Value::Null if matches!(key.as_str(), "timeout" | "deadline") => {
                        text.push_str(&format!("{key} = \"none\"\n"))
                    }
                    Value::Null => {}
                    value => text.push_str(&format!("{key} = {}\n", toml(&value))),
                }
            }
        }
        Decision::Quorum(q) => {
            let n = |k: &super::site::Known<u32>| {
                k.value.map_or_else(|| "3".to_string(), |n| n.to_string())
            };
            text.push_str(&format!(
                "kind = \"quorum\"\n\n[cluster]\nn = {}\nw = {}\nr = {}\n\n[latency]\nfit = \"lnkd-ssd\"\n",
                n(&q.n), n(&q.w), n(&q.r)
            ));
        }
        Decision::Fence(fence) => {
            let guards = match fence.guard {
                Guard::Atomic => "\"atomic\"".to_string(),
                guard => format!("\"{}\", \"atomic\"", guard.name()),
            };
            text.push_str(&format!(
                "kind = \"fence\"\n\n[fence]\nguards = [{guards}]\n"
            ));
        }
        Decision::Lease(lease) => {
            text.push_str("kind = \"fence\"\n\n[fence]\nguards = [\"none\", \"atomic\"]\n");
            if let Some(ttl) = lease.ttl.value.flatten() {
                text.push_str(&format!("ttl = \"{ttl}\"\n"));
            }
        }
        Decision::Effect(effect) => {
            let key = effect.key.name();
            text.push_str(&format!("kind = \"saga\"\n\n[saga]\nkeys = [\"{key}\"]\n"));
        }
        Decision::Acks(_) | Decision::Timeout(_) => {}
    }
    Ok(text)
}

/// A value of JSON as TOML, tables inline.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| format!("{key} = {}", toml(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(toml).collect::<Vec<_>>().join(", ")
        ),
        other => other.to_string(),
    }
}
