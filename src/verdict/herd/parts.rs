//! The parts of a world in words and tables: groups of callers, hosts, limits, sub-calls.

use herdsim_core::ensemble::herd::{HostResults, PolicyResults, Results};
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS, CALLS, COMPLETION_S, DEGRADED_S, DUPLICATE_EXECUTIONS, LATENCY_P99_S,
    LOST_CALLS, REJECTED_ATTEMPTS, SUB_ANSWERED_RATIO, SUB_LATENCY_P99_S,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::policy::Late;
use herdsim_core::stats::Estimate;

use crate::format::{list, percent, seconds, thousands, three_digits};
use crate::verdict::herd::Question;
use crate::verdict::herd::tables::{attempts, wait_p99, whole};

/// A host that gets so many times its share of attempts is worth a word.
const DRAWS: f64 = 1.25;

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

/// A table of which each policy has some rows.
pub struct Rows<const N: usize> {
    pub what: &'static str,
    pub headers: [&'static str; N],
    pub rows: Vec<(String, [String; N])>,
}

/// How each group of callers fares.
pub fn groups(results: &Results) -> Option<Rows<6>> {
    if results.scenario.told_groups() == 0 {
        return None;
    }
    let asked = Question::of(&results.scenario);
    let of = |policy: &PolicyResults| -> Vec<(String, [String; 6])> {
        let row = |group: &PolicyResults| {
            let time = |key: Key| match group.metric(key).mean {
                s if s.is_nan() => "–".to_string(),
                s => seconds(s),
            };
            let degraded = match asked {
                Question::Recovery => time(DEGRADED_S),
                Question::Completion | Question::Waste => time(COMPLETION_S),
            };
            let row = [
                group.name.clone(),
                percent(group.metric(ANSWERED_RATIO).mean),
                attempts(group),
                degraded,
                whole(group, LOST_CALLS),
                wait_p99(group),
            ];
            (policy.name.clone(), row)
        };
        policy.groups.iter().map(row).collect()
    };
    Some(Rows {
        what: "Each group of callers",
        headers: [
            "group",
            "answered",
            "attempts",
            match asked {
                Question::Recovery => "degraded",
                Question::Completion | Question::Waste => "all done after",
            },
            "lost calls",
            "p99 wait",
        ],
        rows: results.policies.iter().flat_map(of).collect(),
    })
}

/// Hosts that are told of one by one at most.
const TOLD: usize = 4;

/// How hosts fare: all of few; of many those that faults hit and the busiest one, and what the
/// others have on average.
pub fn hosts(results: &Results) -> Option<Rows<5>> {
    let scenario = &results.scenario;
    let mut rows = Vec::new();
    for policy in &results.policies {
        let several = policy.hosts.iter().enumerate();
        for (tier, hosts) in several.filter(|(_, hosts)| hosts.len() > 1) {
            let told = told(scenario, tier, hosts);
            let of = |i: &usize| match scenario.services.len() {
                1 => format!("host {}", i + 1),
                _ => format!("{}, host {}", scenario.tier_name(tier), i + 1),
            };
            let own = told.iter().map(|i| row(of(i), &[hosts[*i]]));
            rows.extend(own.map(|row| (policy.name.clone(), row)));
            let numbered = hosts.iter().enumerate();
            let others = numbered.filter(|(i, _)| !told.contains(i));
            let others: Vec<HostResults> = others.map(|(_, host)| *host).collect();
            if !others.is_empty() {
                let name = match others.len() {
                    n if n == hosts.len() => format!("each of {n}"),
                    n => format!("each of the other {n}"),
                };
                rows.push((policy.name.clone(), row(name, &others)));
            }
        }
    }
    (!rows.is_empty()).then_some(Rows {
        what: "Each host",
        headers: ["host", "of the attempts", "failed", "busy", "waiting"],
        rows,
    })
}

/// The hosts that are told of one by one.
fn told(scenario: &Scenario, tier: usize, hosts: &[HostResults]) -> Vec<usize> {
    let all = hosts.len() as u32;
    if hosts.len() <= TOLD {
        return (0..hosts.len()).collect();
    }
    let faults = scenario.faults_at(tier);
    let own = faults.iter().filter(|fault| fault.hosts.is_some());
    let hit = |i: usize| own.clone().any(|fault| fault.hits_host(i as u32, all));
    let share = |i: &usize| hosts[*i].share.mean;
    let busiest = (0..hosts.len()).max_by(|a, b| share(a).total_cmp(&share(b)));
    let busiest = busiest.filter(|i| share(i) * f64::from(all) > DRAWS);
    let mut told: Vec<usize> = Vec::new();
    told.extend((0..hosts.len()).filter(|i| hit(*i)).take(TOLD));
    told.extend(busiest);
    told.sort_unstable();
    told.dedup();
    told
}

fn row(name: String, hosts: &[HostResults]) -> [String; 5] {
    let mean = |of: fn(&HostResults) -> Estimate| {
        hosts.iter().map(|host| of(host).mean).sum::<f64>() / hosts.len() as f64
    };
    let share = |x: f64| match x.is_nan() {
        true => "–".to_string(),
        false => percent(x),
    };
    [
        name,
        share(mean(|host| host.share)),
        share(mean(|host| host.failed)),
        share(mean(|host| host.busy)),
        match mean(|host| host.queue) {
            x if x.is_nan() => "–".to_string(),
            x => three_digits(x),
        },
    ]
}
