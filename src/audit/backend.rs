//! The service of a prediction as files state it: its hosts, when one is left out, its limit.

use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::scenario::hosts::{Balance, Hosts, MOST_HOSTS, View};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::service::ServiceKind;
use herdsim_core::units::Rate;

use super::site::{Backend, Fact, Known, place_of};
use crate::format::{seconds, thousands};

/// Makes the service of a situation such a one, and the policy that of a client that knows
/// it; what was used, with its places. The capacity and the load stay what they are, and
/// what a situation says of hosts or a limit itself stays.
pub fn apply(backend: &Backend, scenario: &mut Scenario, policy: &mut Policy) -> Vec<String> {
    let mut used = Vec::new();
    let service = &mut scenario.services[0];
    if let Some((hosts, fact)) = known(&backend.hosts)
        && service.hosts.is_none()
        && (2..=MOST_HOSTS).contains(&u64::from(*hosts))
        && let ServiceKind::Queue(pool) = &mut service.kind
    {
        let servers = pool.servers;
        pool.servers = (servers / hosts).max(1);
        pool.queue = pool.queue.div_ceil(*hosts);
        let balance = known(&backend.balance).map_or(Balance::Random, |(balance, _)| *balance);
        let balance = match balance {
            Balance::Least(d) => Balance::Least(d.min(*hosts)),
            other => other,
        };
        let times = f64::from(pool.servers) * f64::from(*hosts) / f64::from(servers);
        service.hosts = Some(Hosts {
            count: *hosts,
            balance,
            view: View::All,
        });
        // Servers come whole: the load is what counts.
        for group in &mut scenario.groups {
            if let Arrival::Open { rate } = &mut group.arrival {
                *rate = Rate(rate.0 * times);
            }
        }
        let hosts = thousands(f64::from(*hosts));
        used.push(format!("{hosts} hosts, {balance}{}", at(fact)));
        if let Some((eject, fact)) = known(&backend.eject) {
            policy.eject = Some(eject.clone());
            used.push(format!(
                "a host left out for {} after {} failures{}",
                seconds(eject.lasts.as_secs()),
                eject.failures,
                at(fact)
            ));
        }
    }
    let service = &mut scenario.services[0];
    if let Some((limit, fact)) = known(&backend.limit)
        && service.limit.is_none()
    {
        service.limit = Some(limit.clone());
        used.push(format!("a limit of {}{}", limit.rate, at(fact)));
    }
    used
}

fn known<T>(value: &Option<Known<T>>) -> Option<(&T, &Fact)> {
    let known = value.as_ref()?;
    Some((known.value.as_ref()?, &known.fact))
}

/// Where a fact stands, in parentheses.
fn at(fact: &Fact) -> String {
    match &fact.place {
        Some(place) => format!(" ({})", place_of(place)),
        None => String::new(),
    }
}
