//! Paths of calls along which several tiers retry, as chains; which of them should, and which
//! timeouts are to be turned round.

use herdsim_core::ensemble::herd::{Keep, PolicyResults, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::service::Downstream;
use herdsim_core::scenario::{Problem, Scenario};
use herdsim_core::units::Nanos;

use super::backend;
use super::change::Change;
use super::fixes::Fix;
use super::inspect::Audit;
use super::predict::{MANY, Standing};
use super::rank::{self, Objective, Verdict};
use super::rules::{Step, secs};
use super::site::Site;
use super::situation::{self, AS_WRITTEN, Situations};

/// A path as it is, and as it would be with something turned round.
pub struct Chain {
    /// `web > orders > payments`
    pub name: String,
    pub read: PolicyResults,
    /// Best first.
    pub options: Vec<Turned>,
}

/// A path with something turned round.
pub struct Turned {
    pub name: String,
    pub results: PolicyResults,
    pub standing: Standing,
    /// What that changes, by site.
    pub fixes: Vec<(usize, Fix)>,
}

/// What may be turned round: what it is called, the policies it leads to, what it changes.
struct Turn {
    name: String,
    policies: Vec<Policy>,
    fixes: Vec<(usize, Fix)>,
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
        // A fault may be of a host that a service does not have.
        let Ok(scenario) = scenario(audit, path, policies, situations) else {
            return Ok(None);
        };
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
    let turns = tiers(path, &policies, &audit.system.sites);
    for turn in turns.into_iter().chain(timeouts(path, &policies)) {
        let Some(results) = simulated(&turn.policies)? else {
            continue;
        };
        options.push(Turned {
            name: turn.name,
            standing: match rank::compare(&results, &read, objective) {
                Verdict::Better => Standing::Helps,
                Verdict::Worse => Standing::Harms,
                Verdict::Undecided => Standing::Undecided,
                Verdict::Alike => Standing::Idle,
            },
            fixes: turn.fixes,
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
    let first = path.first().map(|step| step.from.as_str());
    let services = first
        .into_iter()
        .chain(path.iter().map(|step| step.to.as_str()));
    Ok(Some(Chain {
        name: services.collect::<Vec<_>>().join(" > "),
        read,
        options,
    }))
}

/// Retries at one tier only, or at none.
fn tiers(path: &[Step], policies: &[Policy], sites: &[Site]) -> Vec<Turn> {
    let all = (0..path.len()).map(Some).chain([None]);
    all.map(|at| {
        let once = |(tier, policy): (usize, &Policy)| match Some(tier) == at {
            true => policy.clone(),
            false => Policy {
                attempts: 1,
                ..policy.clone()
            },
        };
        let others = (0..path.len()).filter(|tier| Some(*tier) != at);
        Turn {
            name: match at {
                None => "no retries along it".to_string(),
                Some(tier) => {
                    let site = &sites[path[tier].site];
                    let (file, line) = (&site.place.source.name, site.line());
                    format!("retries in {} only ({file}:{line})", path[tier].from)
                }
            },
            policies: policies.iter().enumerate().map(once).collect(),
            fixes: others
                .map(|tier| (path[tier].site, Fix::Retry(Change::Attempts(1))))
                .collect(),
        }
    })
    .collect()
}

/// Where a caller gives up before its callee has: the callee sooner, so that all its attempts
/// and waits fit in nine tenths of what the caller waits; or the caller later, by a tenth.
fn timeouts(path: &[Step], policies: &[Policy]) -> Vec<Turn> {
    let mut turns = Vec::new();
    for tier in 1..path.len() {
        let [outer, inner] = [&policies[tier - 1], &policies[tier]];
        let longest = inner.longest_call(None).0;
        let (Some(patience), Some(each)) = (outer.timeout.or(outer.deadline), inner.timeout) else {
            continue;
        };
        if patience.0 >= longest || longest > u64::MAX / 2 {
            continue;
        }
        let waits = longest.saturating_sub(each.0 * u64::from(inner.attempts));
        let fits = (patience.0 * 9 / 10).saturating_sub(waits) / u64::from(inner.attempts);
        let mut turn = |at: usize, limit: u64, what: &str| {
            // To whole hundredths of a second, which a file may hold.
            let limit = Nanos(limit / 10_000_000 * 10_000_000);
            if limit.0 == 0 {
                return;
            }
            let mut changed = policies.to_vec();
            changed[at].timeout = Some(limit);
            turns.push(Turn {
                name: format!("{} {what} {}", path[at].from, secs(limit.as_secs())),
                policies: changed,
                fixes: vec![(path[at].site, Fix::Retry(Change::Timeout(limit)))],
            });
        };
        turn(tier, fits, "gives up on an attempt after");
        if outer.timeout.is_some() {
            turn(tier - 1, longest + longest / 10, "waits for");
        }
    }
    turns
}

/// The chain of a path: each service as it is assumed, free for other work while it waits for
/// the next; what happens, happens to the last.
fn scenario(
    audit: &Audit,
    path: &[Step],
    policies: &[Policy],
    situations: &Situations,
) -> Result<Scenario, Problem> {
    let first = situations.regardless(path.first().map(|step| step.to.as_str()))?;
    let mut scenario = first;
    scenario.run.replications = MANY;
    scenario.services.clear();
    for (tier, step) in path.iter().enumerate() {
        let backend = audit.system.backend(&audit.system.sites[step.site]);
        let hosts = backend::hosts(&backend);
        let mut own = situations.of(Some(&step.to), hosts)?;
        let mut service = own.services.swap_remove(0);
        service.name = Some(step.to.clone());
        let next = policies.get(tier + 1);
        service.downstream = next.map(|_| Downstream {
            policy: Some(named(tier + 1)),
            clients: own.callers().clients,
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
