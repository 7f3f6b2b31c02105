//! Paths of calls along which several tiers retry, as chains; and the one tier that should.

use herdsim_core::ensemble::herd::{Keep, PolicyResults, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::service::Downstream;
use herdsim_core::scenario::{Problem, Scenario};

use super::change::Change;
use super::fixes::Fix;
use super::inspect::Audit;
use super::predict::{MANY, Standing};
use super::rank::{self, Objective, Verdict};
use super::rules::Step;
use super::site::Site;
use super::situation::{self, AS_WRITTEN, Situations};

/// A path as it is, and with retries at one tier only.
pub struct Chain {
    /// Who calls whom, the first caller first.
    pub services: Vec<String>,
    /// The site at which each calls the next.
    pub sites: Vec<usize>,
    pub read: PolicyResults,
    /// Best first.
    pub options: Vec<Single>,
}

/// Retries at one tier only, or at none.
pub struct Single {
    /// Who retries: the place in the list of services.
    pub at: Option<usize>,
    pub results: PolicyResults,
    pub standing: Standing,
    /// What that changes, by site.
    pub fixes: Vec<(usize, Fix)>,
}

/// So many paths are simulated, those with most attempts first.
const PATHS: usize = 4;

/// The paths on which attempts multiply.
///
/// # Errors
/// Where a situation is no scenario.
pub fn chains(
    audit: &Audit,
    situations: &Situations,
    workers: &Workers,
    objective: Objective,
) -> Result<Vec<Chain>, Problem> {
    let mut paths = audit.system.paths();
    paths.retain(|path| path.len() > 1);
    let product = |path: &Vec<Step>| path.iter().map(|s| f64::from(s.attempts)).product::<f64>();
    paths.sort_by(|a, b| product(b).total_cmp(&product(a)));
    paths.truncate(PATHS);
    let mut chains = Vec::new();
    for path in &paths {
        chains.extend(chain(audit, path, situations, workers, objective)?);
    }
    Ok(chains)
}

fn chain(
    audit: &Audit,
    path: &[Step],
    situations: &Situations,
    workers: &Workers,
    objective: Objective,
) -> Result<Option<Chain>, Problem> {
    let sites = path.iter().map(|step| &audit.system.sites[step.site]);
    let policies: Option<Vec<Policy>> = sites
        .map(|site| site.retry().map(|retry| situation::policy(retry).0))
        .collect();
    let Some(policies) = policies else {
        return Ok(None);
    };
    let simulated = |policies: &[Policy]| -> Result<Option<PolicyResults>, Problem> {
        let scenario = scenario(path, policies, situations)?;
        // What cannot be meant, such as retries without an end or a wait, has no numbers.
        if scenario.check().is_err() {
            return Ok(None);
        }
        let results = run_watched(&scenario, workers, Keep::Metrics, &Watch::default());
        Ok(results.policies.into_iter().next())
    };
    let Some(read) = simulated(&policies)? else {
        return Ok(None);
    };
    let mut options = Vec::new();
    for at in (0..path.len()).map(Some).chain([None]) {
        let once = |(tier, policy): (usize, &Policy)| match Some(tier) == at {
            true => policy.clone(),
            false => Policy {
                attempts: 1,
                ..policy.clone()
            },
        };
        let changed: Vec<Policy> = policies.iter().enumerate().map(once).collect();
        let Some(results) = simulated(&changed)? else {
            continue;
        };
        let others = (0..path.len()).filter(|tier| Some(*tier) != at);
        options.push(Single {
            at,
            standing: match rank::compare(&results, &read, objective) {
                Verdict::Better => Standing::Helps,
                Verdict::Worse => Standing::Harms,
                Verdict::Undecided => Standing::Undecided,
                Verdict::Alike => Standing::Idle,
            },
            fixes: others
                .map(|tier| (path[tier].site, Fix::Retry(Change::Attempts(1))))
                .collect(),
            results,
        });
    }
    options.sort_by(|a, b| rank::order(&a.results, &b.results, objective));
    if let Some(best) = options
        .first_mut()
        .filter(|o| o.standing == Standing::Helps)
    {
        best.standing = Standing::Best;
    }
    let first = path.first().map(|step| step.from.clone());
    let services = first
        .into_iter()
        .chain(path.iter().map(|step| step.to.clone()));
    Ok(Some(Chain {
        services: services.collect(),
        sites: path.iter().map(|step| step.site).collect(),
        read,
        options,
    }))
}

/// The chain of a path: each service as it is assumed, free for other work while it waits for
/// the next; what happens, happens to the last.
fn scenario(
    path: &[Step],
    policies: &[Policy],
    situations: &Situations,
) -> Result<Scenario, Problem> {
    let first = situations.of(path.first().map(|step| step.to.as_str()))?;
    let mut scenario = first;
    scenario.run.replications = MANY;
    scenario.services.clear();
    for (tier, step) in path.iter().enumerate() {
        let mut own = situations.of(Some(&step.to))?;
        let mut service = own.services.swap_remove(0);
        service.name = Some(step.to.clone());
        let next = policies.get(tier + 1);
        service.downstream = next.map(|_| Downstream {
            policy: Some(named(tier + 1)),
            clients: own.callers.clients,
            frees_server: true,
        });
        scenario.services.push(service);
        if next.is_none() {
            scenario.faults = own.faults;
        }
    }
    let mut all = policies.iter().enumerate();
    let callers = all.next().map(|(_, policy)| policy.clone());
    scenario.policies = callers
        .map(|p| (AS_WRITTEN.to_string(), p))
        .into_iter()
        .collect();
    scenario.downstream = all.map(|(tier, p)| (named(tier), p.clone())).collect();
    Ok(scenario)
}

fn named(tier: usize) -> String {
    format!("tier-{tier}")
}

impl Chain {
    /// `web > orders > payments`
    pub fn name(&self) -> String {
        self.services.join(" > ")
    }

    /// What an option is called.
    pub fn option(&self, single: &Single, sites: &[Site]) -> String {
        match single.at {
            None => "no retries along it".to_string(),
            Some(at) => {
                let site = &sites[self.sites[at]];
                format!(
                    "retries in {} only ({}:{})",
                    self.services[at],
                    site.place.source.name,
                    site.line()
                )
            }
        }
    }
}
