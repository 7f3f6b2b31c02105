//! A herd as a scenario: callers, their policies, and the services they meet.

use serde::Serialize;

use super::action::{Action, actions};
use super::callers::{Callers, Network, group_name, groups, network};
use super::catalogue::{self, Policies};
use super::document::{Problem, Section, Table};
use super::fault::{Fault, FaultKind, faults};
use super::fields::{above_zero, as_map, by_default, count, named};
use super::hosts::View;
use super::overlay::Overlay;
use super::policy::{Policy, Scope};
use super::service::{Service, Shed, services};
use crate::metric::Part;
use crate::units::{Nanos, Probability};

/// A herd scenario with every field resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Written")]
pub struct Scenario {
    pub kind: ScenarioKind,
    pub name: String,
    pub faults: Vec<Fault>,
    /// What an operator does about them.
    pub actions: Vec<Action>,
    /// Whether every policy has a row without the actions beside that with them.
    pub no_action_row: bool,
    pub run: Run,
    /// The groups of callers, one or more.
    pub groups: Vec<Callers>,
    pub network: Network,
    /// The chain of services, one or more; callers meet the first.
    pub services: Vec<Service>,
    /// The policies under comparison; the first is the baseline of differences. Where there
    /// are actions each stands twice, with them and then without.
    pub policies: Vec<(String, Policy)>,
    /// The policies with which services call each other, where they have their own, and those
    /// that actions name.
    pub downstream: Vec<(String, Policy)>,
}

/// A scenario as its file has it.
#[derive(Serialize)]
struct Written {
    kind: ScenarioKind,
    name: String,
    faults: Vec<Fault>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_action_row: Option<bool>,
    compare: Vec<String>,
    run: Run,
    callers: OneOrMore<Callers>,
    network: Network,
    service: OneOrMore<Service>,
    #[serde(serialize_with = "as_map")]
    policy: Vec<(String, Policy)>,
}

/// `[service]`, or `[[service]]` for each of several.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(Box<T>),
    More(Vec<T>),
}

impl<T> From<Vec<T>> for OneOrMore<T> {
    fn from(all: Vec<T>) -> OneOrMore<T> {
        match <[T; 1]>::try_from(all) {
            Ok([one]) => OneOrMore::One(Box::new(one)),
            Err(more) => OneOrMore::More(more),
        }
    }
}

impl From<Scenario> for Written {
    fn from(s: Scenario) -> Written {
        let mut policy = s.policies;
        policy.retain(|(_, policy)| policy.acts);
        let compare = policy.iter().map(|(name, _)| name.clone()).collect();
        for (name, downstream) in s.downstream {
            if policy.iter().all(|(other, _)| *other != name) {
                policy.push((name, downstream));
            }
        }
        Written {
            kind: s.kind,
            name: s.name,
            faults: s.faults,
            no_action_row: (!s.actions.is_empty()).then_some(s.no_action_row),
            actions: s.actions,
            compare,
            run: s.run,
            callers: s.groups.into(),
            network: s.network,
            service: s.services.into(),
            policy,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioKind {
    Herd,
}

/// How long, how often, from which seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    pub seed: u64,
    /// Independent runs of every policy; with `precision` the size of a batch.
    pub replications: u64,
    /// Add batches until the 95% intervals of success and amplification are
    /// this tight relative to their means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replications: Option<u64>,
    /// Metrics are counted from here on.
    pub warmup: Nanos,
    pub horizon: Nanos,
    /// What became of a call is judged of those that start before the last stretch of
    /// this length, in which one may have no time to end.
    pub cooldown: Nanos,
    /// Width of a bin of the time series.
    pub bin: Nanos,
}

/// When the faults of a scenario do harm; what relieves is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Harm {
    /// When the first begins.
    pub from: Nanos,
    /// When the last is no longer in full force.
    pub to: Nanos,
    /// When nothing is left of any, ramps included.
    pub over: Nanos,
}

const DEFAULT_COMPARE: [&str; 3] = ["fixed", "full-jitter", "budget"];

impl Default for Scenario {
    /// The main job: 5,000 callers meet a crash of two seconds with three policies.
    fn default() -> Scenario {
        by_default(Scenario::from_overlay(&Overlay::default()))
    }
}

impl Default for Run {
    fn default() -> Run {
        by_default(run(&Table::default(), false)).0
    }
}

impl Scenario {
    /// What one of the policies compared is called where people read it: `fixed, altered`
    /// where it is another than the catalogue's of that name.
    pub fn label(&self, policy: &str) -> String {
        let mut named = self.policies.iter();
        match named.find(|(name, _)| name == policy) {
            Some((name, policy)) => catalogue::label(name, policy),
            None => policy.to_string(),
        }
    }

    /// Whether a scenario that was put together in code can be meant: it is held to what
    /// its file would be held to.
    ///
    /// # Errors
    /// A [`Problem`] at its place in the file that it would be.
    pub fn check(&self) -> Result<(), Problem> {
        Scenario::parse("scenario", &self.to_toml()).map(|_| ())
    }

    /// Reads a scenario file's text.
    ///
    /// # Errors
    /// A [`Problem`] at its place for anything that cannot be meant.
    pub fn parse(name: &str, text: &str) -> Result<Scenario, Problem> {
        let mut overlay = Overlay::default();
        overlay.file(name, text)?;
        Scenario::from_overlay(&overlay)
    }

    /// The same file as TOML, every field spelled out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a scenario is plain data: {e}"))
    }

    /// Resolves defaults, names and overrides, and checks what belongs together.
    ///
    /// # Errors
    /// A [`Problem`] at its place for anything that cannot be meant.
    pub fn from_overlay(overlay: &Overlay) -> Result<Scenario, Problem> {
        let empty = Table::default();
        let mut top = Section::new(&overlay.table);
        let kind = top
            .word("kind", "kind of scenario", &[("herd", ScenarioKind::Herd)])?
            .unwrap_or(ScenarioKind::Herd);
        let name = named(&mut top, "blip")?;
        let mut sub = |key| match top.node(key) {
            Some(node) => node.table(),
            None => Ok(&empty),
        };
        let (all_run, network_of) = (sub("run")?, sub("network")?);
        let groups = groups(top.node("callers"))?;
        let once = groups.iter().all(Callers::is_once);
        let (mut run, cooldown) = run(all_run, once)?;
        let network = network(network_of)?;
        let services = services(top.node("service"))?;
        let faults = match top.node("faults") {
            Some(node) => faults(node, run.horizon, once, &services)?,
            None => {
                let crash = Fault {
                    kind: FaultKind::Crash,
                    from: Nanos::from_secs(10),
                    lasts: Nanos::from_secs(2),
                    ramp: Nanos::ZERO,
                    tier: None,
                    hosts: None,
                };
                if crash.from >= run.horizon {
                    return Err(Problem::new(format!(
                        "the default fault begins at {}, the run ends at {}",
                        crash.from, run.horizon
                    ))
                    .help("give another with --fault, or --fault none"));
                }
                vec![crash]
            }
        };
        let actions = match top.node("actions") {
            Some(node) => actions(node, run.horizon, &services)?,
            None => Vec::new(),
        };
        let no_action_row = match top.node("no_action_row") {
            Some(node) if top.node("actions").is_none() => {
                let problem = "`no_action_row` goes with `actions`";
                return Err(Problem::new(problem).at(Some(node.place.clone())));
            }
            _ => top.bool("no_action_row")?.unwrap_or(true),
        };
        let own = top.node("policy");
        let mut used: Vec<&str> = services
            .iter()
            .filter_map(|s| s.downstream.as_ref()?.policy.as_deref())
            .collect();
        let known = Policies::new(own, overlay)?;
        let of_groups = groups.iter().filter_map(|group| group.policy.as_deref());
        used.extend(of_groups.clone());
        let mut default: Vec<&str> = DEFAULT_COMPARE.to_vec();
        let all_have_their_own = groups.iter().all(|group| group.policy.is_some());
        if let (true, Some(first), None) = (
            all_have_their_own,
            of_groups.clone().next(),
            top.node("compare"),
        ) {
            default = vec![first];
            used.retain(|name| *name != first);
        }
        let compared = known.compared(top.node("compare"), &default, &used)?;
        used.extend(of_groups);
        used.extend(actions.iter().filter_map(Action::policy));
        let (mut policies, downstream) = known.resolve(&compared, &used)?;
        if !once && cooldown.is_none() {
            let longest = longest_call(&policies, &services);
            let callers = downstream.iter().filter(|(name, _)| {
                let changed = actions.iter().filter_map(Action::policy);
                let of_groups = groups.iter().filter_map(|group| group.policy.as_deref());
                changed.chain(of_groups).any(|own| own == name)
            });
            let callers: Vec<(String, Policy)> = callers.cloned().collect();
            let longest = longest.max(longest_call(&callers, &services));
            let steps = groups.iter().map(|group| u64::from(group.sequence())).max();
            let longest = Nanos(longest.0.saturating_mul(steps.unwrap_or(1)));
            run.cooldown = run.cooldown.min(longest);
        }
        top.finish()?;
        check_clients(&groups, &services, policies.iter().chain(&downstream))?;
        if !actions.is_empty() && no_action_row {
            let both = policies.into_iter().flat_map(|(name, policy)| {
                let without = Policy {
                    acts: false,
                    ..policy.clone()
                };
                let other = format!("{name}{}", catalogue::NO_ACTION);
                [(name, policy), (other, without)]
            });
            policies = both.collect();
        }
        let scenario = Scenario {
            kind,
            name,
            faults,
            actions,
            no_action_row,
            run,
            groups,
            network,
            services,
            policies,
            downstream,
        };
        Ok(scenario)
    }

    /// The first group of callers, and the only one of most scenarios.
    pub fn callers(&self) -> &Callers {
        &self.groups[0]
    }

    /// What a group of callers is called: by its name, or else by its number.
    pub fn group_name(&self, group: usize) -> String {
        group_name(&self.groups, group)
    }

    /// How many groups of callers are told of, where there are several.
    pub fn told_groups(&self) -> usize {
        match self.groups.len() {
            1 => 0,
            several => several,
        }
    }

    /// Whether each caller calls once, so that a run ends when all have been answered.
    pub fn is_once(&self) -> bool {
        self.groups.iter().all(Callers::is_once)
    }

    /// Whether calls are made of sub-calls.
    pub fn has_sub_calls(&self) -> bool {
        self.groups.iter().any(|group| group.parts.is_some())
    }

    /// Whether there is such a part in it.
    pub fn has(&self, part: Part) -> bool {
        match part {
            Part::Hosts => self.services.iter().any(|service| service.hosts.is_some()),
            Part::SubCalls => self.has_sub_calls(),
        }
    }

    /// By group of callers, how long the oldest in the queue of a service may have waited for
    /// them to be let in, in ns; nothing where it sheds no load.
    pub(crate) fn shed_after(&self, service: &Service) -> Vec<u64> {
        let Some(shed) = service.pool().and_then(|pool| pool.shed) else {
            return Vec::new();
        };
        let mut ranks: Vec<u32> = self.groups.iter().map(|group| group.priority).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let rank = |group: &Callers| ranks.partition_point(|rank| *rank <= group.priority) as u64;
        let after = |group: &Callers| match shed {
            Shed::After(delay) => delay.0,
            Shed::ByPriority(delay) => delay.0.saturating_mul(rank(group)),
        };
        self.groups.iter().map(after).collect()
    }

    /// The service that callers meet.
    pub fn entry(&self) -> &Service {
        &self.services[0]
    }

    /// What a service is called: by its name, or else by its number.
    pub fn tier_name(&self, tier: usize) -> String {
        match &self.services[tier].name {
            Some(name) => name.clone(),
            None => format!("{}", tier + 1),
        }
    }

    /// Calls per second of all callers, on average; nothing where that depends on answers, or
    /// each calls once.
    pub fn calls_per_s(&self) -> Option<f64> {
        self.groups.iter().map(Callers::calls_per_s).sum()
    }

    /// With which policy a service is called, of callers with policy `own`.
    pub fn policy_at<'s>(&'s self, tier: usize, own: &'s Policy) -> &'s Policy {
        let caller = tier.checked_sub(1).map(|i| &self.services[i]);
        let name = caller.and_then(|s| s.downstream.as_ref()?.policy.as_ref());
        let named = name.and_then(|name| self.downstream.iter().find(|(n, _)| n == name));
        named.map_or(own, |(_, policy)| policy)
    }

    /// With which policy a group of callers calls, where `own` is that under comparison.
    pub fn policy_of<'s>(&'s self, group: usize, own: &'s Policy) -> &'s Policy {
        let name = self.groups[group].policy.as_ref();
        let named = name.and_then(|name| self.downstream.iter().find(|(n, _)| n == name));
        named.map_or(own, |(_, policy)| policy)
    }

    /// With which policies a service is called from when on, by the callers of a group where
    /// it is the first, who have policy `own`: actions may change it.
    pub fn policies_at<'s>(
        &'s self,
        (tier, group): (usize, usize),
        own: &'s Policy,
        actions: &[Action],
    ) -> Vec<(Nanos, &'s Policy)> {
        let first = match tier {
            0 => self.policy_of(group, own),
            tier => self.policy_at(tier, own),
        };
        let compared = std::ptr::eq(first, own);
        let mut all = vec![(Nanos::ZERO, first)];
        let mut changes: Vec<&Action> = actions.iter().collect();
        changes.sort_by_key(|action| action.from);
        for action in changes {
            let concerns = match action.hits(&self.services) {
                Some(hit) => hit == tier,
                None => compared,
            };
            let named = |name: &str| self.downstream.iter().find(|(other, _)| other == name);
            if let Some((_, policy)) = action.policy().filter(|_| concerns).and_then(named) {
                all.push((action.from, policy));
            }
        }
        all
    }

    /// Those of some actions that are done to a service, or to its callers.
    pub(crate) fn actions_at(&self, tier: usize, actions: &[Action]) -> Vec<Action> {
        let here = |action: &&Action| action.hits(&self.services) == Some(tier);
        actions.iter().filter(here).cloned().collect()
    }

    /// When faults do harm, where any does.
    pub fn harm(&self) -> Option<Harm> {
        let harmful = || self.faults.iter().filter(|fault| !fault.kind.relieves());
        Some(Harm {
            from: harmful().map(|fault| fault.from).min()?,
            to: harmful().map(Fault::to).max()?,
            over: harmful().map(Fault::over).max()?,
        })
    }

    /// The faults that hit a service, and the surges of its callers.
    pub fn faults_at(&self, tier: usize) -> Vec<Fault> {
        self.those_at(tier, &self.faults)
    }

    /// Those of some faults that hit a service.
    pub(crate) fn those_at(&self, tier: usize, faults: &[Fault]) -> Vec<Fault> {
        let of_tier = |f: &&Fault| match f.kind {
            FaultKind::Surge(_) => tier == 0,
            _ => f.hits(&self.services) == tier,
        };
        faults.iter().filter(of_tier).cloned().collect()
    }
}

/// Whether what client processes know of hosts can be kept: of each by each.
fn check_clients<'p>(
    groups: &[Callers],
    services: &[Service],
    mut policies: impl Iterator<Item = &'p (String, Policy)> + Clone,
) -> Result<(), Problem> {
    const MOST: u64 = 20_000_000;
    let by_host = |policy: &Policy| {
        let breaker = policy.breaker.as_ref();
        policy.eject.is_some() || breaker.is_some_and(|breaker| breaker.scope == Scope::Host)
    };
    let none = services.iter().all(|service| service.hosts.is_none());
    let mut all = policies.clone();
    if let Some((name, policy)) =
        all.find(|(_, policy)| none && (by_host(policy) || policy.elsewhere))
    {
        let key = match (policy.elsewhere, &policy.eject) {
            (true, _) => "elsewhere",
            (_, Some(_)) => "eject",
            _ => "breaker",
        };
        return Err(Problem::new(format!(
            "`{key}` of policy `{name}` is about several hosts, and no service has any"
        ))
        .help("`hosts = 10` in [service], or --hosts 10, gives it some"));
    }
    let known = policies.any(|(_, policy)| by_host(policy));
    let mut clients: u64 = groups.iter().map(|group| u64::from(group.clients)).sum();
    for service in services {
        let pairs = clients * u64::from(service.host_count());
        let hosts = service.hosts.as_ref();
        let local = hosts.is_some_and(|hosts| hosts.view == View::Client);
        if (known || local) && pairs > MOST {
            return Err(Problem::new(format!(
                "{clients} client processes know of {} hosts: that is more than {MOST} pairs",
                service.host_count()
            )));
        }
        clients = service
            .downstream
            .as_ref()
            .map_or(0, |d| u64::from(d.clients));
    }
    Ok(())
}

/// The longest that a call can last under any of some policies: endless where nothing
/// ends it.
fn longest_call(policies: &[(String, Policy)], services: &[Service]) -> Nanos {
    let hint = services[0].longest_hint();
    let each = policies.iter().map(|(_, policy)| policy.longest_call(hint));
    each.max().unwrap_or(Nanos::ZERO)
}

/// The section `[run]`, and the cooldown where it says one: else it is the longest that it
/// may be by default, a tenth of the run.
fn run(table: &Table, once: bool) -> Result<(Run, Option<Nanos>), Problem> {
    let mut s = Section::new(table);
    let seed = count(&mut s, "seed", 1, 0..=i64::MAX as u64)?;
    let replications = count(&mut s, "replications", 20, 1..=10_000_000)?;
    let precision: Option<Probability> = s.read("precision")?;
    if precision.is_some_and(|p| p.0 == 0.0) {
        return Err(Problem::new("a precision of 0 is never reached").at(s.place("precision")));
    }
    let max_replications = match precision {
        Some(_) => Some(count(
            &mut s,
            "max_replications",
            replications.max(1_000),
            replications..=10_000_000,
        )?),
        None => {
            if s.node("max_replications").is_some() {
                return Err(Problem::new("`max_replications` goes with `precision`")
                    .at(s.place("max_replications")));
            }
            None
        }
    };
    let horizon = s.read("horizon")?.unwrap_or(Nanos::from_secs(60));
    let horizon = above_zero(&s, "horizon", horizon)?;
    let default_warmup = Nanos(match once {
        true => 0,
        false => Nanos::from_secs(2).0.min(horizon.0 / 10),
    });
    let warmup = s.read("warmup")?.unwrap_or(default_warmup);
    if warmup >= horizon {
        return Err(Problem::new(format!(
            "the warm-up of {warmup} leaves nothing of the horizon of {horizon}"
        ))
        .at(s.place("warmup").or(s.place("horizon"))));
    }
    let counted = horizon.0 - warmup.0;
    let said: Option<Nanos> = s.read("cooldown")?;
    if said.is_some_and(|c| c.0 >= counted) {
        return Err(Problem::new(format!(
            "no call starts between the warm-up of {warmup} and the cooldown before {horizon}"
        ))
        .at(s.place("cooldown")));
    }
    let cooldown = match (said, once) {
        (Some(said), _) => said,
        (None, true) => Nanos::ZERO,
        (None, false) => Nanos((horizon.0 / 10).min(counted / 2)),
    };
    let bin = s.read("bin")?.unwrap_or(Nanos::from_millis(100));
    let bin = above_zero(&s, "bin", bin)?;
    s.finish()?;
    let run = Run {
        seed,
        replications,
        precision,
        max_replications,
        warmup,
        horizon,
        cooldown,
        bin,
    };
    Ok((run, said))
}
