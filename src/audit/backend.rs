//! The service of a prediction as files state it: its hosts, when one is left out, its limit.

use herdsim_core::scenario::hosts::{Balance, MOST_HOSTS};
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::{Problem, Scenario};

use super::site::{Backend, Fact, Known, place_of};
use super::situation::Situations;
use herdsim_words::format::{seconds, thousands};

/// How many hosts it has, where files state several.
pub fn hosts(backend: &Backend) -> Option<u32> {
    let (hosts, _) = known(&backend.hosts)?;
    (2..=MOST_HOSTS)
        .contains(&u64::from(*hosts))
        .then_some(*hosts)
}

/// The situation of a service that is as files state it, its policy that of a client that knows
/// it, and what was used, with its places. The capacity and the load stay what they are, and
/// what a situation says of hosts or a limit itself stays.
///
/// # Errors
/// Where it is no scenario.
pub fn situation(
    situations: &Situations,
    service: Option<&str>,
    backend: &Backend,
    policy: &mut Policy,
) -> Result<(Scenario, Vec<String>), Problem> {
    let mut scenario = situations.of(service, hosts(backend))?;
    let mut used = Vec::new();
    if let Some(count) = hosts(backend)
        && let Some((_, fact)) = known(&backend.hosts)
        && !situations.says_hosts(service)?
        && let Some(own) = &mut scenario.services[0].hosts
    {
        let balance = known(&backend.balance).map_or(Balance::Random, |(balance, _)| *balance);
        own.balance = match balance {
            Balance::Least(d) => Balance::Least(d.min(count)),
            other => other,
        };
        let balance = own.balance;
        let hosts = thousands(f64::from(count));
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
    Ok((scenario, used))
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
