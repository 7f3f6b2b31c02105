//! The scenario of a site, to run and to change.

use herdsim_core::scenario::Problem;

use super::backend;
use super::inspect::Audit;
use super::json::ids;
use super::predict::MANY;
use super::seams;
use super::site::{Decision, Site};
use super::situation::{self, AS_WRITTEN, Situations};
use super::tell::reading;
use crate::output::scenario_file;

/// A scenario in TOML of the site asked for: by its identifier, its line or its name; of the
/// only one where nothing is asked for.
///
/// # Errors
/// Where there is no such site, or several.
pub fn scenario(
    audit: &Audit,
    situations: &Situations,
    wanted: Option<&str>,
) -> Result<String, Problem> {
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
            let (mut policy, assumed) = situation::policy(retry);
            for field in assumed {
                let why = retry.fact(field).and_then(|fact| fact.why.clone());
                let why = why.unwrap_or_else(|| "not in sight".to_string());
                let name = field.name();
                text.push_str(&format!("# {name}: {why}; herdsim's own default holds\n"));
            }
            let backend = audit.system.backend(site);
            let called = audit.system.called(site);
            let (situation, stated) =
                backend::situation(situations, called.as_deref(), &backend, &mut policy)?;
            for stated in stated {
                text.push_str(&format!("# stated: {stated}\n"));
            }
            let named = vec![(AS_WRITTEN.to_string(), policy)];
            let mut scenario = situation::scenario(&situation, named);
            scenario.run.replications = MANY;
            text.push_str(&scenario_file(&scenario));
        }
        _ => {
            let job = seams::job(&audit.system, site)?;
            text.push_str(&job.map_or_else(String::new, |job| scenario_file(&job)));
        }
    }
    Ok(text)
}
