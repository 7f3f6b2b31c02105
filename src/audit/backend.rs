//! What files state of a service that is called: how many hosts it has, how they are balanced,
//! when one is left out, and how many requests it lets in.

use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::scenario::hosts::{Balance, Hosts, MOST_HOSTS, View};
use herdsim_core::scenario::policy::{Eject, Policy};
use herdsim_core::scenario::service::{Limit, ServiceKind};
use herdsim_core::units::Rate;

use super::rules::same_host;
use super::site::{Fact, Known, place_of};
use crate::format::{seconds, thousands};

/// A service as one file, or several, have it.
#[derive(Clone, Debug, Default)]
pub struct Backend {
    pub name: String,
    pub hosts: Option<Known<u32>>,
    pub balance: Option<Known<Balance>>,
    pub limit: Option<Known<Limit>>,
    pub eject: Option<Known<Eject>>,
}

impl Backend {
    pub fn new(name: &str) -> Backend {
        Backend {
            name: name.to_string(),
            ..Backend::default()
        }
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_none()
            && self.balance.is_none()
            && self.limit.is_none()
            && self.eject.is_none()
    }

    /// A service by all that is stated of it; what is stated first counts.
    pub fn of(all: &[Backend], service: &str) -> Backend {
        let mut whole = Backend::new(service);
        for part in all.iter().filter(|part| same_host(&part.name, service)) {
            let part = part.clone();
            whole.hosts = whole.hosts.or(part.hosts);
            whole.balance = whole.balance.or(part.balance);
            whole.limit = whole.limit.or(part.limit);
            whole.eject = whole.eject.or(part.eject);
        }
        whole
    }

    /// Makes the service of a situation such a one, and the policy that of a client that knows
    /// it; what was used, with its places. The capacity and the load stay what they are, and
    /// what a situation says of hosts or a limit itself stays.
    pub fn apply(&self, scenario: &mut Scenario, policy: &mut Policy) -> Vec<String> {
        let mut used = Vec::new();
        let service = &mut scenario.services[0];
        if let Some((hosts, fact)) = known(&self.hosts)
            && service.hosts.is_none()
            && (2..=MOST_HOSTS).contains(&u64::from(*hosts))
            && let ServiceKind::Queue(pool) = &mut service.kind
        {
            let servers = pool.servers;
            pool.servers = (servers / hosts).max(1);
            pool.queue = pool.queue.div_ceil(*hosts);
            let balance = known(&self.balance).map_or(Balance::Random, |(balance, _)| *balance);
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
            if let Some((eject, fact)) = known(&self.eject) {
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
        if let Some((limit, fact)) = known(&self.limit)
            && service.limit.is_none()
        {
            service.limit = Some(limit.clone());
            used.push(format!("a limit of {}{}", limit.rate, at(fact)));
        }
        used
    }
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
