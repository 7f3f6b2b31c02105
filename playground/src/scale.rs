//! The same system, smaller: as many callers before as many servers.

use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::scenario::service::{Limit, ServiceKind};
use herdsim_core::units::Rate;

/// A tenth, a fifth or half of a system, whatever is the least that is still like it, and how
/// many times smaller it is; nothing where none is.
///
/// Callers, their processes, servers, queues and limits are all divided by the same number, so
/// that loads, waits and what a client sees are those of the whole. Chance weighs more in it.
pub fn smaller(scenario: &Scenario) -> Option<(Scenario, u32)> {
    [10, 5, 2].into_iter().find_map(|times| {
        let scenario = divided(scenario, times)?;
        Some((scenario, times))
    })
}

/// Fewer servers than this are another kind of service.
const FEWEST_SERVERS: u32 = 4;
/// And fewer callers another kind of demand.
const FEWEST_CALLERS: u32 = 50;

fn divided(scenario: &Scenario, times: u32) -> Option<Scenario> {
    let mut s = scenario.clone();
    let part = |n: u32| (n.is_multiple_of(times)).then_some(n / times);
    for group in &mut s.groups {
        group.count = part(group.count).filter(|n| *n >= FEWEST_CALLERS)?;
        group.clients = (group.clients / times).max(1);
        if let Arrival::Trace { rates, .. } = &mut group.arrival {
            rates.iter_mut().for_each(|rate| *rate /= f64::from(times));
        }
    }
    for service in &mut s.services {
        match &mut service.kind {
            ServiceKind::Queue(pool) => {
                pool.servers = part(pool.servers).filter(|n| *n >= FEWEST_SERVERS)?;
                pool.queue = match pool.queue {
                    0 => 0,
                    n => n.div_ceil(times),
                };
                pool.contention.0 *= f64::from(times);
            }
            ServiceKind::Coin(_) => {}
            _ => return None,
        }
        if let Some(limit) = &mut service.limit {
            *limit = Limit {
                rate: Rate(limit.rate.0 / f64::from(times)),
                burst: part(limit.burst).filter(|n| *n > 0)?,
            };
        }
        if let Some(downstream) = &mut service.downstream {
            downstream.clients = (downstream.clients / times).max(1);
        }
    }
    s.check().is_ok().then_some(s)
}
