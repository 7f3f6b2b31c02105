//! What a policy makes of the parts of a world, in words: groups of callers, hosts, limits,
//! sub-calls.

use herdsim_core::ensemble::herd::{HostResults, PolicyResults};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS, CALLS, DUPLICATE_EXECUTIONS, LATENCY_P99_S, REJECTED_ATTEMPTS,
    SUB_ANSWERED_RATIO, SUB_LATENCY_P99_S,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::policy::Late;

use crate::format::{list, percent, seconds, thousands};

/// A host that gets so many times its share of attempts is worth a word.
pub(super) const DRAWS: f64 = 1.25;

/// A share of attempts that is worth one.
const WORTH: f64 = 0.01;

/// What a policy makes of the parts of a scenario, to stand beside what it answers: how each
/// group fares, which host draws attempts, what a limit turns away.
pub fn facts(scenario: &Scenario, policy: &PolicyResults) -> Option<String> {
    let mean = |key: Key| policy.metric(key).mean;
    let mut facts = Vec::new();
    let group = |group: &PolicyResults| {
        let answered = group.metric(ANSWERED_RATIO).mean;
        (!answered.is_nan()).then(|| format!("{} of {}", percent(answered), group.name))
    };
    let groups: Vec<String> = policy.groups.iter().filter_map(group).collect();
    if !groups.is_empty() {
        facts.push(list(&groups));
    }
    if scenario.has_sub_calls() {
        let answered = mean(SUB_ANSWERED_RATIO);
        if answered < 1.0 {
            facts.push(format!("{} of its sub-calls", percent(answered)));
        }
        let [calls, sub_calls] = [mean(LATENCY_P99_S), mean(SUB_LATENCY_P99_S)];
        if calls.is_finite() && sub_calls.is_finite() {
            facts.push(format!(
                "99 of 100 within {}, of its sub-calls within {}",
                seconds(calls),
                seconds(sub_calls)
            ));
        }
    }
    for (tier, hosts) in policy.hosts.iter().enumerate() {
        let share = |host: &HostResults| host.share.mean;
        let busiest = hosts.iter().enumerate();
        let busiest = busiest.max_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        if let Some((i, host)) = busiest
            && share(host) * hosts.len() as f64 > DRAWS
        {
            let of = match scenario.services.len() {
                1 => String::new(),
                _ => format!(" of {}", scenario.tier_name(tier)),
            };
            facts.push(format!(
                "host {}{of} draws {} of the attempts",
                i + 1,
                percent(share(host))
            ));
        }
    }
    facts.extend(idle_ejection(scenario, &policy.name));
    let rejected = mean(REJECTED_ATTEMPTS) / mean(ATTEMPTS);
    if scenario.entry().limit.is_some() && rejected > WORTH {
        facts.push(format!(
            "{} of the attempts are rejected",
            percent(rejected)
        ));
    }
    let late = |group: usize| {
        let own = scenario
            .policies
            .iter()
            .find(|(name, _)| *name == policy.name);
        own.is_some_and(|(_, own)| scenario.policy_of(group, own).late == Late::Accept)
    };
    let again = mean(DUPLICATE_EXECUTIONS);
    if (0..scenario.groups.len()).any(late) && again > WORTH * mean(CALLS) {
        facts.push(format!(
            "what is done is done again {} times",
            thousands(again)
        ));
    }
    (!facts.is_empty()).then(|| facts.join("; "))
}

/// Ejection that can leave out nobody: where it may of no service.
fn idle_ejection(scenario: &Scenario, name: &str) -> Option<String> {
    let (_, own) = scenario.policies.iter().find(|(own, _)| own == name)?;
    let eject = own.eject.as_ref()?;
    let hosts = scenario.services.iter().map(|service| service.host_count());
    let most = hosts
        .max()
        .filter(|hosts| f64::from(*hosts) * eject.at_most.0 < 1.0 - 1e-9)?;
    let at_most = eject.at_most;
    let fact = format!("no host is left out: {at_most} of {most} is less than one");
    Some(fact)
}
