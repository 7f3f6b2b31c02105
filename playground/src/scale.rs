//! The same system, smaller: as many callers before as many servers.

use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::action::ActionKind;
use herdsim_core::scenario::callers::{Arrival, Callers};
use herdsim_core::scenario::fault::FaultKind;
use herdsim_core::scenario::service::{Discipline, Limit, Pool, RetryAfter, Service, ServiceKind};
use herdsim_core::units::Rate;

/// A tenth, a fifth or half of a system, whatever is the least that is still like it, and how
/// many times smaller it is; nothing where none is.
///
/// Callers, their processes, servers, queues and limits are all divided by the same number, so
/// that load, waits in a full queue and what a client sees are those of the whole. Chance weighs
/// more in it. What does not divide (hosts that are picked among, calls of many parts, CoDel's
/// and shedding's clocks, contention, short queues and bursts, which chance fills) is left whole.
pub fn smaller(scenario: &Scenario) -> Option<(Scenario, u32)> {
    if !divides(scenario) {
        return None;
    }
    [10, 5, 2].into_iter().find_map(|times| {
        let scenario = divided(scenario, times)?;
        Some((scenario, times))
    })
}

/// Fewer servers, and tokens in a burst, than this are another kind of service.
const FEWEST: u32 = 10;
/// And fewer callers, or calls a second, another kind of demand.
const FEWEST_CALLERS: u32 = 50;
const FEWEST_CALLS_PER_S: f64 = 50.0;

/// Whether there is nothing in it that does not go with size.
fn divides(scenario: &Scenario) -> bool {
    let pool = |pool: &Pool| {
        matches!(pool.discipline, Discipline::Fifo | Discipline::Lifo)
            && pool.shed.is_none()
            && pool.contention.0 == 0.0
            // A short one is filled by chance, of which there is more in less.
            && pool.queue >= 2 * pool.servers
    };
    let service = |service: &Service| {
        service.hosts.is_none()
            && service.retry_after != Some(RetryAfter::Token)
            && match &service.kind {
                ServiceKind::Queue(own) => pool(own),
                ServiceKind::Coin(_) => true,
                _ => false,
            }
    };
    let callers = |group: &Callers| group.fan_out() == 1;
    scenario.services.iter().all(service) && scenario.groups.iter().all(callers)
}

fn divided(scenario: &Scenario, times: u32) -> Option<Scenario> {
    let mut s = scenario.clone();
    let part = |n: u32| n.is_multiple_of(times).then_some(n / times);
    for group in &mut s.groups {
        group.count = part(group.count).filter(|n| *n >= FEWEST_CALLERS)?;
        group.clients = part(group.clients)?;
        if let Arrival::Trace { rates, .. } = &mut group.arrival {
            rates.iter_mut().for_each(|rate| *rate /= f64::from(times));
        }
        if group
            .calls_per_s()
            .is_some_and(|calls| calls < FEWEST_CALLS_PER_S)
        {
            return None;
        }
    }
    // A share of servers has to be whole in both.
    let faults = scenario.faults.iter().filter_map(|fault| match fault.kind {
        FaultKind::Capacity(share) => Some(share.0),
        _ => None,
    });
    let actions = scenario
        .actions
        .iter()
        .filter_map(|action| match action.kind {
            ActionKind::Scale(factor) => Some(factor.0),
            _ => None,
        });
    let shares: Vec<f64> = faults.chain(actions).collect();
    for service in &mut s.services {
        if let ServiceKind::Queue(pool) = &mut service.kind {
            pool.servers = part(pool.servers).filter(|n| *n >= FEWEST)?;
            pool.queue = pool.queue.div_ceil(times);
            let whole = |share: &f64| {
                let servers = share * f64::from(pool.servers);
                (servers - servers.round()).abs() < 1e-6
            };
            if !shares.iter().all(whole) {
                return None;
            }
        }
        if let Some(limit) = &mut service.limit {
            *limit = Limit {
                rate: Rate(limit.rate.0 / f64::from(times)),
                burst: part(limit.burst).filter(|n| *n >= FEWEST)?,
            };
        }
        if let Some(downstream) = &mut service.downstream {
            downstream.clients = part(downstream.clients)?;
        }
    }
    s.check().is_ok().then_some(s)
}
