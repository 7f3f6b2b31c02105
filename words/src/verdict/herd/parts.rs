//! The parts of a world in tables: groups of callers, hosts.

use herdsim_core::ensemble::herd::{HostResults, PolicyResults, Results};
use herdsim_core::herd::{ANSWERED_RATIO, COMPLETION_S, DEGRADED_S, LOST_CALLS};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::stats::Estimate;

use crate::format::{percent, seconds, three_digits};
use crate::verdict::herd::Question;
use crate::verdict::herd::cells::{attempts, wait_p99, whole};
use crate::verdict::herd::facts::DRAWS;

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
