//! What the retries of an audit do in a situation, and what changes would do, simulated.
//!
//! Every policy is simulated once for each situation and length, all on the same random
//! numbers, so that any two can be compared run by run. Few replications come first; those
//! that may still be the best get more.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use herdsim_core::ensemble::cost::{Cost, TRIED};
use herdsim_core::ensemble::herd::{Keep, PolicyResults, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::{Health, RECOVERED_RATIO, TWIN_ANSWERED_RATIO, TWIN_RETRY_RATIO};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::{Problem, Scenario};

use super::backend;
use super::change::{self, Change, candidates};
use super::inspect::Audit;
use super::rank::{self, Objective, Verdict};
use super::rule::Rule;
use super::site::{Field, Retry, Site};
use super::situation::{self, AS_WRITTEN, Situations};
use herdsim_words::format::large;

/// Replications of every change, and of those that may be the best and of what was read.
const FEW: u64 = 4;
pub const MANY: u64 = 20;

/// So many of those that may be the best, at most.
const CONTENDERS: usize = 4;

/// So many single changes are tried in pairs.
const PAIRED: usize = 5;

/// What is predicted of a retry.
pub struct Forecast {
    /// Its site, by its number.
    pub site: usize,
    /// What was simulated, with the policy that was read as [`AS_WRITTEN`].
    pub scenario: Scenario,
    /// Fields that are not known and were taken from the default policy.
    pub assumed: Vec<Field>,
    /// What files state of the service that it calls, as far as it was used.
    pub stated: Vec<String>,
    /// What the policy that was read does; or why that cannot be simulated.
    pub read: Result<PolicyResults, String>,
    /// Best first.
    pub candidates: Vec<Candidate>,
}

/// One change, or two, and what they do.
pub struct Candidate {
    pub changes: Vec<Change>,
    pub policy: Policy,
    pub results: PolicyResults,
    pub standing: Standing,
}

impl Candidate {
    pub fn name(&self) -> String {
        let names: Vec<String> = self.changes.iter().map(Change::name).collect();
        herdsim_words::format::list(&names)
    }
}

/// How a change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Best,
    /// As good as the best, as far as can be told.
    Tied,
    /// Better than what was read.
    Helps,
    /// Neither better nor worse than what was read.
    Idle,
    /// More runs may tell.
    Undecided,
    Harms,
}

impl Standing {
    pub fn name(self) -> &'static str {
        match self {
            Standing::Best => "best",
            Standing::Tied => "tied",
            Standing::Helps => "helps",
            Standing::Idle => "no help",
            Standing::Undecided => "undecided",
            Standing::Harms => "worse",
        }
    }
}

impl Forecast {
    /// Whether the service is ill before any fault comes: there is no health to return to,
    /// and nothing is ranked.
    pub fn is_saturated(&self) -> bool {
        let overload = situation::load_of(&self.scenario).is_some_and(|load| load >= 1.0);
        let ill = self.read.as_ref().is_ok_and(|read| {
            let of = |key| read.metric(key).mean;
            let (answered, retries) = (of(TWIN_ANSWERED_RATIO), of(TWIN_RETRY_RATIO));
            Health::is_ill(self.scenario.callers(), answered, retries)
        });
        overload || ill
    }
}

/// Retries worth a simulation: what tries again, as far as is known.
pub fn simulated(site: &Site) -> Option<&Retry> {
    site.retry()
        .filter(|r| r.retries_at_all() && r.is_known(Field::Attempts))
}

/// How predictions are made and watched.
pub struct Making<'m> {
    pub workers: &'m Workers,
    pub stop: &'m AtomicBool,
    pub progress: &'m (dyn Fn(u64, u64) + Sync),
    pub objective: Objective,
    /// Whether it is looked for how far each is from the edge.
    pub margins: bool,
}

/// What was simulated: results by scenario and policy.
struct Bench<'m> {
    making: &'m Making<'m>,
    known: HashMap<(String, String), PolicyResults>,
    done: u64,
}

/// A scenario without policies as the key of it.
fn key(scenario: &Scenario, policy: &Policy) -> (String, String) {
    let plain = Scenario {
        policies: Vec::new(),
        ..scenario.clone()
    };
    (plain.to_toml(), format!("{policy:?}"))
}

impl Bench<'_> {
    /// Simulates what is not known yet, all policies of a scenario at once.
    ///
    /// # Errors
    /// Where it was stopped.
    fn run(&mut self, wanted: &[(&Scenario, &Policy)], replications: u64) -> Result<(), Problem> {
        let mut groups: Vec<(String, Scenario)> = Vec::new();
        for (scenario, policy) in wanted {
            let key = key(scenario, policy);
            let known = self.known.get(&key);
            if known.is_some_and(|known| known.raw.len() as u64 >= replications) {
                continue;
            }
            let at = match groups.iter().position(|(text, _)| *text == key.0) {
                Some(at) => at,
                None => {
                    let mut scenario = (*scenario).clone();
                    scenario.policies.clear();
                    scenario.run.replications = replications;
                    groups.push((key.0.clone(), scenario));
                    groups.len() - 1
                }
            };
            let policies = &mut groups[at].1.policies;
            if !policies.iter().any(|(name, _)| *name == key.1) {
                policies.push((key.1, (*policy).clone()));
            }
        }
        let planned: u64 = groups
            .iter()
            .map(|(_, scenario)| scenario.policies.len() as u64 * replications)
            .sum();
        let planned = self.done + planned;
        for (text, scenario) in groups {
            let before = self.done;
            let making = self.making;
            let per = scenario.policies.len() as u64 * replications;
            let watch = Watch {
                stop: making.stop,
                progress: &|done, of| (making.progress)(before + per * done / of.max(1), planned),
                ..Watch::default()
            };
            let results = run_watched(&scenario, making.workers, Keep::Metrics, &watch);
            if results.interrupted {
                return Err(Problem::new("stopped"));
            }
            self.done += per;
            for policy in results.policies {
                self.known
                    .insert((text.clone(), policy.name.clone()), policy);
            }
        }
        Ok(())
    }

    /// Whether two changes may help where one does not, or help more: not where what was read
    /// always recovers and no single change is better.
    fn may_help(&self, case: &Case) -> bool {
        let read = match self.get(&case.scenario, &case.policy) {
            Some(read) if case.unfit.is_none() => read,
            _ => return true,
        };
        let better = |policy: &Policy| {
            let own = self.get(&case.scenario, policy);
            own.is_some_and(|own| {
                rank::compare(own, read, self.making.objective) == Verdict::Better
            })
        };
        read.metric(RECOVERED_RATIO).mean < 1.0
            || case.options.iter().any(|(_, policy)| better(policy))
    }

    fn get(&self, scenario: &Scenario, policy: &Policy) -> Option<&PolicyResults> {
        self.known.get(&key(scenario, policy))
    }
}

/// A retry on the bench.
struct Case {
    site: usize,
    scenario: Scenario,
    policy: Policy,
    assumed: Vec<Field>,
    stated: Vec<String>,
    /// What the rules found of it.
    found: Vec<Rule>,
    /// Why it cannot be simulated as it was read.
    unfit: Option<String>,
    /// Changes, with the policy that they lead to.
    options: Vec<(Vec<Change>, Policy)>,
    /// Those that can be written.
    written: Vec<Vec<Change>>,
}

/// Where a change leads, as it would be read: the policy that is simulated.
pub type Led<'l> = dyn Fn(&Site, &[Change]) -> Option<Policy> + 'l;

/// The forecasts of an audit's retries, in the order of their sites.
///
/// # Errors
/// Where a situation is no scenario, or it was stopped.
pub fn forecasts(
    audit: &Audit,
    situations: &Situations,
    making: &Making<'_>,
    led: &Led<'_>,
) -> Result<Vec<Forecast>, Problem> {
    let mut cases = Vec::new();
    for site in &audit.system.sites {
        let Some(retry) = simulated(site) else {
            continue;
        };
        let (mut policy, assumed) = situation::policy(retry);
        let service = audit.system.called(site);
        let backend = audit.system.backend(site);
        // A fault may be of a host that this service does not have.
        let (situation, stated, none) =
            match backend::situation(situations, service.as_deref(), &backend, &mut policy) {
                Ok((situation, stated)) => (situation, stated, None),
                Err(problem) => {
                    let situation = situations.regardless(service.as_deref())?;
                    (situation, Vec::new(), Some(problem.message))
                }
            };
        let scenario =
            situation::scenario(&situation, vec![(AS_WRITTEN.to_string(), policy.clone())]);
        let singles = candidates(retry, &policy).into_iter();
        let mut written = Vec::new();
        let options = singles.map(|change| {
            let led = led(site, std::slice::from_ref(&change));
            if led.is_some() {
                written.push(vec![change.clone()]);
            }
            let led = led.unwrap_or_else(|| change.apply(&policy));
            let eject = policy.eject.clone();
            (vec![change], Policy { eject, ..led })
        });
        let threads = making.workers.threads();
        let options = options.filter(|(_, policy)| unfit(&scenario, policy, threads).is_none());
        let options: Vec<_> = options.collect();
        cases.push(Case {
            site: site.number,
            options,
            written,
            unfit: none.or_else(|| unfit(&scenario, &policy, threads)),
            scenario,
            policy,
            assumed,
            stated,
            found: audit
                .findings
                .iter()
                .filter(|finding| finding.site == site.number)
                .map(|finding| finding.rule)
                .collect(),
        });
    }
    let mut bench = Bench {
        making,
        known: HashMap::new(),
        done: 0,
    };
    let fit = cases.iter().filter(|case| case.unfit.is_none());
    let read: Vec<_> = fit.map(|c| (&c.scenario, &c.policy)).collect();
    bench.run(&read, MANY)?;
    try_out(&mut bench, &cases)?;
    for case in &mut cases {
        if !bench.may_help(case) {
            continue;
        }
        let mut written = Vec::new();
        let pairs = pairs(&bench, case, making.objective, |changes| {
            let led = led(&audit.system.sites[case.site], changes);
            if led.is_some() {
                written.push(changes.to_vec());
            }
            led
        });
        case.written.extend(written);
        let threads = making.workers.threads();
        let fit = |policy: &Policy| unfit(&case.scenario, policy, threads).is_none();
        let pairs: Vec<_> = pairs
            .into_iter()
            .filter(|(_, policy)| fit(policy))
            .collect();
        case.options.extend(pairs);
    }
    try_out(&mut bench, &cases)?;
    let settled = |bench: &Bench<'_>| -> Vec<Forecast> {
        let all = cases
            .iter()
            .filter_map(|case| settle(bench, case, making.objective));
        all.collect()
    };
    // The first of those that are as good may have had few runs until now.
    let leads: Vec<(Scenario, Policy)> = settled(&bench)
        .into_iter()
        .filter_map(|forecast| {
            let case = cases.iter().find(|case| case.site == forecast.site)?;
            let first = forecast.candidates.into_iter().next()?;
            Some((case.scenario.clone(), first.policy))
        })
        .collect();
    let leads: Vec<_> = leads.iter().map(|(s, p)| (s, p)).collect();
    bench.run(&leads, MANY)?;
    Ok(settled(&bench))
}

/// The most events that a policy may take, of all its replications.
const MOST_EVENTS: f64 = 4e9;

/// Why a policy cannot be simulated, if it cannot.
fn unfit(scenario: &Scenario, policy: &Policy, threads: usize) -> Option<String> {
    let mut alone = scenario.clone();
    alone.policies = vec![(AS_WRITTEN.to_string(), policy.clone())];
    alone.run.replications = MANY;
    if situation::load_of(scenario).is_some_and(|load| load >= 1.0) {
        return Some("the service is overloaded before the fault".to_string());
    }
    if let Err(problem) = alone.check() {
        return Some(problem.message.clone());
    }
    let cost = Cost::of_herd(&alone, threads, &mut { TRIED });
    (cost.events > MOST_EVENTS).then(|| {
        format!(
            "too many attempts to simulate, up to {}: fewer --calls",
            large(cost.events / MANY as f64)
        )
    })
}

/// Simulates the options of all cases, those that may be the best more often.
fn try_out(bench: &mut Bench<'_>, cases: &[Case]) -> Result<(), Problem> {
    let all: Vec<_> = cases
        .iter()
        .flat_map(|case| {
            case.options
                .iter()
                .map(|(_, policy)| (&case.scenario, policy))
        })
        .collect();
    bench.run(&all, FEW)?;
    let mut contenders = Vec::new();
    for case in cases {
        let results = |policy| bench.get(&case.scenario, policy);
        let mut known: Vec<_> = case
            .options
            .iter()
            .filter_map(|(_, policy)| Some((policy, results(policy)?)))
            .collect();
        let objective = bench.making.objective;
        known.sort_by(|a, b| rank::order(a.1, b.1, objective));
        let Some((_, best)) = known.first().copied() else {
            continue;
        };
        let worse = |mine: &PolicyResults| {
            !std::ptr::eq(mine, best) && rank::compare(mine, best, objective) == Verdict::Worse
        };
        let open = known
            .iter()
            .filter(|(_, mine)| !worse(mine))
            .take(CONTENDERS);
        contenders.extend(open.map(|(policy, _)| (&case.scenario, *policy)));
    }
    let contenders: Vec<(Scenario, Policy)> = contenders
        .into_iter()
        .map(|(scenario, policy)| (scenario.clone(), policy.clone()))
        .collect();
    let contenders: Vec<_> = contenders.iter().map(|(s, p)| (s, p)).collect();
    bench.run(&contenders, MANY)
}

/// Two of the best changes that are about different things, each.
fn pairs(
    bench: &Bench<'_>,
    case: &Case,
    objective: Objective,
    mut led: impl FnMut(&[Change]) -> Option<Policy>,
) -> Vec<(Vec<Change>, Policy)> {
    let mut singles: Vec<_> = case
        .options
        .iter()
        .filter_map(|(changes, policy)| Some((changes, bench.get(&case.scenario, policy)?)))
        .collect();
    singles.sort_by(|a, b| rank::order(a.1, b.1, objective));
    singles.truncate(PAIRED);
    let mut pairs = Vec::new();
    for (at, (first, _)) in singles.iter().enumerate() {
        for (second, _) in &singles[at + 1..] {
            let about = |c: &[Change]| {
                c.iter()
                    .flat_map(Change::fields)
                    .copied()
                    .collect::<Vec<_>>()
            };
            let apart = !about(first)
                .iter()
                .any(|field| about(second).contains(field));
            if apart {
                let changes: Vec<Change> = first.iter().chain(*second).cloned().collect();
                let applied = |policy, change: &Change| change.apply(&policy);
                let policy = led(&changes)
                    .unwrap_or_else(|| changes.iter().fold(case.policy.clone(), applied));
                pairs.push((changes, policy));
            }
        }
    }
    pairs
}

/// What a case came to: its options ranked, each told against the best and what was read.
fn settle(bench: &Bench<'_>, case: &Case, objective: Objective) -> Option<Forecast> {
    let read = match &case.unfit {
        None => Ok(bench.get(&case.scenario, &case.policy)?.clone()),
        Some(reason) => Err(reason.clone()),
    };
    let mut candidates: Vec<Candidate> = case
        .options
        .iter()
        .filter_map(|(changes, policy)| {
            Some(Candidate {
                results: bench.get(&case.scenario, policy)?.clone(),
                changes: changes.clone(),
                policy: policy.clone(),
                standing: Standing::Idle,
            })
        })
        .collect();
    candidates.sort_by(|a, b| {
        rank::order(&a.results, &b.results, objective).then(a.changes.len().cmp(&b.changes.len()))
    });
    lead(&mut candidates, read.as_ref().ok(), case, objective);
    // What cannot be simulated has no end; whatever has one is better.
    let against = |c: &Candidate| match &read {
        Ok(read) => rank::compare(&c.results, read, objective),
        Err(_) => Verdict::Better,
    };
    let first = candidates
        .first()
        .map(|c| (against(c) == Verdict::Better, c.results.clone()));
    if let Some((first_helps, best)) = first {
        for (at, candidate) in candidates.iter_mut().enumerate() {
            candidate.standing = match against(candidate) {
                Verdict::Worse => Standing::Harms,
                _ if at == 0 && first_helps => Standing::Best,
                Verdict::Better
                    if rank::is_as_good(
                        &candidate.results,
                        &best,
                        read.as_ref().ok(),
                        objective,
                    ) =>
                {
                    Standing::Tied
                }
                Verdict::Better => Standing::Helps,
                Verdict::Undecided => Standing::Undecided,
                Verdict::Alike => Standing::Idle,
            };
        }
    }
    let mut scenario = case.scenario.clone();
    scenario.run.replications = MANY;
    Some(Forecast {
        site: case.site,
        scenario,
        assumed: case.assumed.clone(),
        stated: case.stated.clone(),
        read: read.map(|read| PolicyResults {
            name: AS_WRITTEN.to_string(),
            ..read
        }),
        candidates,
    })
}

/// Puts in front, of those that are as good as the best in the situation, the one that does
/// away with most of what the rules found, one that has to be written by hand counting as one
/// finding less, then the one whose retries ask least of a service
/// that is overloaded, whatever the situation, then the one that changes least.
fn lead(
    candidates: &mut [Candidate],
    read: Option<&PolicyResults>,
    case: &Case,
    objective: Objective,
) {
    let Some(best) = candidates.first().map(|c| c.results.clone()) else {
        return;
    };
    let preference = |c: &Candidate| {
        let left = case
            .found
            .iter()
            .filter(|rule| !c.changes.iter().any(|change| change.answers(**rule)));
        let asks = change::amplification(&c.policy).unwrap_or(f64::INFINITY);
        let fields = c.changes.iter().flat_map(Change::fields).count();
        let by_hand = !case.written.contains(&c.changes);
        (left.count() + usize::from(by_hand), asks, fields)
    };
    let before = |a: &Candidate, b: &Candidate| {
        let (a, b) = (preference(a), preference(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
    };
    let as_good = candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| rank::is_as_good(&c.results, &best, read, objective));
    if let Some((at, _)) = as_good.min_by(|(_, a), (_, b)| before(a, b)) {
        candidates[..=at].rotate_right(1);
    }
}
