//! Where a collapse under retries can persist (`docs/model.md`).

use crate::scenario::Scenario;
use crate::scenario::callers::Arrival;
use crate::scenario::policy::{Budget, Deposit, Failure, Policy, UNLIMITED};
use crate::scenario::service::{Cancel, Discipline};

/// How hard retries can press a service, and how long its queue can be.
///
/// A collapsed state of a finite queue persists only where both are above 1:
/// all attempts together exceed the capacity, and a full queue lasts longer than
/// anyone waits, so that what is served is late. Near either edge noise asks for
/// a margin of about the square root of the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// Attempts of a collapse × call rate / capacity.
    pub load: f64,
    /// Time to serve a full queue / timeout.
    pub delay: f64,
}

impl Pressure {
    /// Of open arrivals with a timeout, at a queue that serves first who came first
    /// and does not know who has left; a budget stands for the attempts it allows.
    /// Nothing simple is known of others, or of deadlines.
    pub fn of(scenario: &Scenario, policy: &Policy) -> Option<Pressure> {
        let Arrival::Open { rate } = scenario.callers.arrival else {
            return None;
        };
        let [service] = &scenario.services[..] else {
            return None;
        };
        let pool = service.pool()?;
        let plain = pool.discipline == Discipline::Fifo
            && !pool.drop_expired
            && pool.shed.is_none()
            && pool.contention.0 == 0.0
            && service.cancel == Cancel::None
            && policy.deadline.is_none()
            && policy.breaker.is_none()
            && policy.throttle.is_none()
            && policy.hedge.is_none();
        // In a collapse attempts are rejected or time out.
        let retried = [Failure::Rejected, Failure::Timeout].map(|f| policy.retry_on.contains(f));
        let limit = match retried {
            _ if !plain => return None,
            [true, true] if policy.attempts == UNLIMITED => f64::INFINITY,
            [true, true] => f64::from(policy.attempts),
            [false, false] => 1.0,
            _ => return None,
        };
        // What is waited for includes both ways through the network.
        let round_trip = scenario.network.out.mean_s() + scenario.network.back.mean_s();
        let patience = policy.timeout?.as_secs() - round_trip;
        if patience <= 0.0 {
            return None;
        }
        let calls = rate.0 * f64::from(scenario.callers.count);
        let capacity = service.capacity_per_s();
        let attempts = match &policy.budget {
            None => limit,
            // In a collapse no call succeeds, so that only calls' deposits count.
            Some(Budget::TokenBucket(rule)) => {
                let earned = rule.deposit_per_call.as_f64() / rule.timeout_cost.as_f64();
                limit.min(1.0 + earned)
            }
            Some(Budget::Ratio(rule)) => {
                let clients = f64::from(scenario.callers.clients);
                let reserve = rule.min_per_s.0 * clients / calls;
                match rule.deposit {
                    Deposit::Start => limit.min(1.0 + rule.ratio.0 + reserve),
                    // Retries earn retries: a geometric series.
                    Deposit::Attempt if rule.ratio.0 < 1.0 => {
                        limit.min((1.0 + reserve) / (1.0 - rule.ratio.0))
                    }
                    Deposit::Attempt => limit,
                    Deposit::Success | Deposit::Settled => limit.min(1.0 + reserve),
                }
            }
            // Half its tokens are soon gone, and nothing brings them back.
            Some(Budget::Throttle(_)) => 1.0,
            Some(Budget::FailureRatio(_)) => 1.0,
            Some(Budget::Concurrent(_)) => return None,
        };
        Some(Pressure {
            load: attempts * calls / capacity,
            delay: f64::from(pool.queue) / capacity / patience,
        })
    }

    /// Whether a collapse can persist.
    pub fn sustains_collapse(&self) -> bool {
        self.load > 1.0 && self.delay > 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_scenario_lies_inside_both_lines() {
        let s = Scenario::default();
        let of = |i: usize| Pressure::of(&s, &s.policies[i].1);
        // 6 · 5,000/s against 100/14 ms, and 5,000 · 14 ms / 100 against 250 ms.
        let fixed = of(0).unwrap();
        assert!((fixed.load - 4.2).abs() < 1e-12 && (fixed.delay - 2.8).abs() < 1e-12);
        assert!(fixed.sustains_collapse());
        // A tenth of a retry per call: 1.1 · 0.7.
        let budget = of(2).unwrap();
        assert!((budget.load - 0.77).abs() < 1e-12 && !budget.sustains_collapse());
    }
}
