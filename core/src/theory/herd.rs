//! Fixed points of retries that make each other necessary (`docs/model.md`, The edge).
//!
//! Calls come at rate λ and are tried up to m times, each attempt until it has lasted for
//! longer than the patience of its caller. With p(x) the chance of that where attempts come
//! at rate x, a load that feeds itself is a fixed point of
//!
//! x = λ · min(1 + p + … + p^(m−1), 1 + b),
//!
//! with b what a budget grants a call. There are up to three: a *healthy* one, a *threshold*
//! above it that repels, and a *collapsed* one where every attempt fails. As capacity falls
//! or load rises the first two meet and vanish, the *tipping point*; the collapsed one
//! vanishes where the capacity serves all that is ever tried, the *recovery point*.
//!
//! p is the tail of the sojourn time, waiting and service, in M/M/c without a limit to its
//! queue. Of another law of service the wait is exponential with the same chance of waiting
//! and 2/(1 + c²) times its rate, c² the squared coefficient of variation (Kingman 1962;
//! exact in heavy traffic), and the service its own.

use crate::dist::Dist;
use crate::scenario::Scenario;
use crate::scenario::callers::Arrival;
use crate::scenario::policy::{Budget, Deposit, Failure, Late, Policy, TimeoutFrom, UNLIMITED};
use crate::scenario::service::{Cancel, Discipline};

/// Quantiles by which a law of service is told that is not exponential.
const QUANTILES: u32 = 256;

/// What retries make of a load, where that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Amplification {
    /// Calls per second.
    pub calls_per_s: f64,
    pub servers: u32,
    pub queue: u32,
    /// Mean service time, and how long an attempt is waited for at the service, in seconds.
    pub service_s: f64,
    pub patience_s: f64,
    /// Attempts that a call makes at most, and those that its budget grants; infinite where
    /// nothing limits them.
    pub attempts: f64,
    pub granted: f64,
    /// Whether the tail of the sojourn time is an approximation.
    pub is_scaled: bool,
    /// A law of service that is not exponential, and quantiles of it in seconds.
    law: Option<Dist>,
    service: Vec<f64>,
    /// The rate of a wait's tail, relative to that of exponential service.
    decay: f64,
}

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
    /// Whether a collapse can persist.
    pub fn sustains_collapse(&self) -> bool {
        self.load > 1.0 && self.delay > 1.0
    }
}

/// Rates of attempts per second that feed themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solutions {
    pub healthy: Option<f64>,
    pub threshold: Option<f64>,
    pub collapsed: Option<f64>,
}

impl Amplification {
    /// Of open arrivals with a timeout, at a queue that serves first who came first
    /// and does not know who has left; a budget stands for the attempts it allows.
    /// Nothing simple is known of others, or of deadlines.
    pub fn of(scenario: &Scenario, policy: &Policy) -> Option<Amplification> {
        let Arrival::Open { rate } = scenario.callers().arrival else {
            return None;
        };
        let ([service], [group]) = (&scenario.services[..], &scenario.groups[..]) else {
            return None;
        };
        let policy = scenario.policy_of(0, policy);
        let pool = service.pool()?;
        let plain = service.host_count() == 1
            && service.limit.is_none()
            && group.sub_calls() == 1
            && policy.late == Late::Ignore
            && policy.from == TimeoutFrom::Sent
            && pool.discipline == Discipline::Fifo
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
        let attempts = match retried {
            _ if !plain => return None,
            [true, true] if policy.attempts == UNLIMITED => f64::INFINITY,
            [true, true] => f64::from(policy.attempts),
            [false, false] => 1.0,
            _ => return None,
        };
        // What is waited for includes both ways through the network.
        let round_trip = scenario.network.out.mean_s() + scenario.network.back.mean_s();
        let patience_s = policy.timeout?.as_secs() - round_trip;
        if patience_s <= 0.0 {
            return None;
        }
        let calls_per_s = rate.0 * f64::from(scenario.callers().count);
        let law = &pool.service_time;
        let service_s = law.mean_s();
        let variation = law.second_moment_s2() / (service_s * service_s) - 1.0;
        let is_scaled = !matches!(law, Dist::Exp { .. });
        let quantile = |i: u32| law.quantile((f64::from(i) + 0.5) / f64::from(QUANTILES)) / 1e9;
        Some(Amplification {
            calls_per_s,
            servers: pool.servers,
            queue: pool.queue,
            service_s,
            patience_s,
            attempts,
            granted: granted(scenario, policy, calls_per_s)?,
            is_scaled,
            law: is_scaled.then(|| law.clone()),
            service: match is_scaled {
                true => (0..QUANTILES).map(quantile).collect(),
                false => Vec::new(),
            },
            decay: match is_scaled {
                true => 2.0 / (1.0 + variation.max(0.0)),
                false => 1.0,
            },
        })
    }

    /// Attempts that the servers can serve, per second.
    pub fn capacity_per_s(&self) -> f64 {
        f64::from(self.servers) / self.service_s
    }

    /// Where it stands between the lines within which a collapse can persist.
    pub fn pressure(&self) -> Pressure {
        let capacity = self.capacity_per_s();
        Pressure {
            load: self.attempts.min(self.granted) * self.calls_per_s / capacity,
            delay: f64::from(self.queue) / capacity / self.patience_s,
        }
    }

    /// The chance that an attempt outlasts its caller's patience, where attempts come at a
    /// rate per second and servers are as many times as fast as they are.
    pub fn late(&self, rate: f64, speed: f64) -> f64 {
        let servers = f64::from(self.servers);
        let mu = speed / self.service_s;
        let spare = servers * mu - rate;
        if spare <= 0.0 {
            return 1.0;
        }
        let waits = erlang_c(self.servers, rate / mu);
        let t = self.patience_s;
        let Some(law) = &self.law else {
            let served = (-mu * t).exp();
            // P(W + S > t) with W exponential of rate `spare` where there is any.
            let both = match ((spare - mu) * t).abs() < 1e-7 {
                true => (1.0 + mu * t) * served,
                false => (spare * served - mu * (-spare * t).exp()) / (spare - mu),
            };
            return ((1.0 - waits) * served + waits * both).clamp(0.0, 1.0);
        };
        let decay = spare * self.decay;
        // Served for too long, or for less and waited too long.
        let served = law.survival(t * speed * 1e9);
        let waited = |service: &f64| match service / speed {
            s if s > t => 0.0,
            s => waits * (-decay * (t - s)).exp(),
        };
        let waited = self.service.iter().map(waited).sum::<f64>() / self.service.len() as f64;
        (served + waited).min(1.0)
    }

    /// Attempts of a call of which each is late with chance `p`.
    fn tries(&self, p: f64) -> f64 {
        let all = match (p < 1.0, self.attempts) {
            (true, m) if m.is_infinite() => 1.0 / (1.0 - p),
            (true, m) => (1.0 - p.powf(m)) / (1.0 - p),
            (false, m) => m,
        };
        all.min(self.granted)
    }

    /// What the attempts of a load bring about, less that load: 0 where it feeds itself.
    fn excess(&self, calls: f64, rate: f64, speed: f64) -> f64 {
        calls * self.tries(self.late(rate, speed)) - rate
    }

    /// Rates between the first attempts and the capacity, denser towards the latter, where
    /// the tail rises steeply.
    fn rates(&self, calls: f64, speed: f64) -> impl Iterator<Item = f64> {
        const STEPS: u32 = 200;
        let capacity = speed * self.capacity_per_s();
        let spare = capacity - calls;
        let even = (0..STEPS).map(move |i| calls + spare * f64::from(i) / f64::from(STEPS));
        let dense = (0..STEPS).map(move |i| {
            let left = (1e-7f64).powf(f64::from(i) / f64::from(STEPS)) / f64::from(STEPS);
            capacity - spare * left
        });
        even.chain(dense)
    }

    /// The loads that feed themselves where `calls` come per second, and servers are as many
    /// times as fast as they are.
    pub fn solutions(&self, calls: f64, speed: f64) -> Solutions {
        let capacity = speed * self.capacity_per_s();
        let mut roots = Vec::new();
        if calls < capacity {
            let mut last = (calls, self.excess(calls, calls, speed));
            if last.1 <= 0.0 {
                roots.push(calls);
            }
            for rate in self.rates(calls, speed).skip(1) {
                let here = (rate, self.excess(calls, rate, speed));
                if (last.1 > 0.0) != (here.1 > 0.0) {
                    roots.push(bisect(last.0, here.0, |x| {
                        (self.excess(calls, x, speed) > 0.0) == (last.1 > 0.0)
                    }));
                }
                last = here;
            }
        }
        let most = calls * self.attempts.min(self.granted);
        let mut roots = roots.into_iter();
        Solutions {
            healthy: roots.next(),
            threshold: roots.next(),
            // Where all attempts are late, and the servers cannot do with them.
            collapsed: (most >= capacity).then_some(most).or(roots.next()),
        }
    }

    fn has_health(&self, calls: f64, speed: f64) -> bool {
        calls < speed * self.capacity_per_s()
            && self
                .rates(calls, speed)
                .any(|rate| self.excess(calls, rate, speed) <= 0.0)
    }

    /// The capacity, relative to what there is, below which there is no healthy load; nothing
    /// where there is none at a thousand times as much.
    pub fn tipping_capacity(&self) -> Option<f64> {
        let least = self.calls_per_s / self.capacity_per_s();
        let mut most = least.max(1.0);
        while !self.has_health(self.calls_per_s, most) {
            most *= 2.0;
            if most > 1e3 * least.max(1.0) {
                return None;
            }
        }
        Some(bisect(least, most, |speed| {
            !self.has_health(self.calls_per_s, speed)
        }))
    }

    /// The load, relative to what there is, above which none is healthy; nothing where none
    /// is at a thousandth of it.
    pub fn tipping_load(&self) -> Option<f64> {
        let most = self.capacity_per_s() / self.calls_per_s;
        let mut least = most / 2.0;
        while !self.has_health(self.calls_per_s * least, 1.0) {
            least /= 2.0;
            if least < 1e-3 * most {
                return None;
            }
        }
        Some(bisect(least, most, |load| {
            self.has_health(self.calls_per_s * load, 1.0)
        }))
    }

    /// The capacity, relative to what there is, from which on no collapse persists, whatever
    /// the queue; infinite where attempts are.
    pub fn recovery_capacity(&self) -> f64 {
        self.pressure().load
    }
}

/// Where a condition that holds at `from` ceases to, or so, on the way to `to`.
fn bisect(mut from: f64, mut to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..50 {
        let middle = (from + to) / 2.0;
        match holds(middle) {
            true => from = middle,
            false => to = middle,
        }
    }
    (from + to) / 2.0
}

/// The chance to wait among c servers offered so many Erlangs (Erlang 1917).
fn erlang_c(servers: u32, offered: f64) -> f64 {
    let servers = f64::from(servers);
    let busy = offered / servers;
    if busy >= 1.0 {
        return 1.0;
    }
    // 1/B is the sum of c!/(c − k)!/aᵏ: its terms rise while c − k is above a, then fall.
    let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
    while k < servers {
        term *= (servers - k) / offered;
        sum += term;
        k += 1.0;
        if sum > 1e250 || servers - k < offered && term < 1e-16 * sum {
            break;
        }
    }
    1.0 / (1.0 + (sum - 1.0) * (1.0 - busy))
}

/// Attempts a call that a budget grants where all of them fail; infinite without one, nothing
/// where that hangs on more.
fn granted(scenario: &Scenario, policy: &Policy, calls: f64) -> Option<f64> {
    Some(match &policy.budget {
        None => f64::INFINITY,
        // In a collapse no call succeeds, so that only calls' deposits count.
        Some(Budget::TokenBucket(rule)) => {
            1.0 + rule.deposit_per_call.as_f64() / rule.timeout_cost.as_f64()
        }
        Some(Budget::Ratio(rule)) => {
            let clients = f64::from(scenario.callers().clients);
            let reserve = rule.min_per_s.0 * clients / calls;
            match rule.deposit {
                Deposit::Start => 1.0 + rule.ratio.0 + reserve,
                // Retries earn retries: a geometric series.
                Deposit::Attempt if rule.ratio.0 < 1.0 => (1.0 + reserve) / (1.0 - rule.ratio.0),
                Deposit::Attempt => f64::INFINITY,
                Deposit::Success | Deposit::Settled => 1.0 + reserve,
            }
        }
        // Half its tokens are soon gone, and nothing brings them back.
        Some(Budget::Throttle(_)) => 1.0,
        Some(Budget::FailureRatio(_)) => 1.0,
        Some(Budget::Concurrent(_)) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Overlay;

    fn of(settings: &[&str]) -> Amplification {
        let mut overlay = Overlay::default();
        for setting in settings {
            overlay.set(setting).unwrap();
        }
        let scenario = Scenario::from_overlay(&overlay).unwrap();
        Amplification::of(&scenario, &scenario.policies[0].1).unwrap()
    }

    /// c = 25, service exp(25 ms), 600 calls/s, patience 200 ms, three attempts.
    fn worked() -> Amplification {
        of(&[
            "callers.count=600",
            "service.servers=25",
            "service.service_time='exp(25ms)'",
            "policy.fixed.timeout=200ms",
            "policy.fixed.attempts=3",
        ])
    }

    #[test]
    fn worked_numbers() {
        let a = worked();
        let found = a.solutions(600.0, 1.0);
        let near = |x: Option<f64>, to: f64, by: f64| {
            assert!((x.unwrap() - to).abs() < by, "{x:?}, {to}");
        };
        near(found.healthy, 600.2, 0.05);
        near(found.threshold, 995.6, 0.05);
        near(found.collapsed, 1_800.0, 1e-9);
        near(a.tipping_capacity(), 0.643, 5e-4);
        assert!((a.recovery_capacity() - 1.8).abs() < 1e-12);
        let default = of(&[]);
        near(default.tipping_capacity(), 0.705, 5e-4);
        assert!((default.recovery_capacity() - 4.2).abs() < 1e-12);
        // A budget of a tenth leaves no more than 1.1 times the calls.
        let budget = of(&["compare=['budget']"]);
        let found = budget.solutions(5_000.0, 1.0);
        assert!(found.collapsed.is_none() && found.threshold.is_none());
        assert!((budget.recovery_capacity() - 0.77).abs() < 1e-12);
    }

    /// A gamma law of shape 1 is exponential, and told by its quantiles: to half of what lies between two.
    #[test]
    fn quantiles_tell_what_the_closed_form_does() {
        for (servers, patience) in [("1", "60ms"), ("4", "100ms"), ("30", "45ms")] {
            let of = |law: &str| {
                of(&[
                    "callers.count=10",
                    &format!("service.servers={servers}"),
                    &format!("service.service_time='{law}'"),
                    &format!("policy.fixed.timeout={patience}"),
                ])
            };
            let (exact, told) = (of("exp(20ms)"), of("gamma(shape=1,mean=20ms)"));
            assert!(told.is_scaled && !exact.is_scaled);
            for busy in [0.2, 0.7, 0.9, 0.99] {
                for speed in [0.8, 1.0, 2.0] {
                    let rate = busy * speed * exact.capacity_per_s();
                    let [a, b] = [&exact, &told].map(|a| a.late(rate, speed));
                    assert!(
                        (a - b).abs() < 0.5 / f64::from(QUANTILES),
                        "{servers} {busy} {speed}: {a} {b}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_chance_to_wait_is_erlangs() {
        // C(1, a) = a; C(2, a) = a²/(2 + a); by the recurrence of Erlang's B for more.
        assert!((erlang_c(1, 0.3) - 0.3).abs() < 1e-12);
        assert!((erlang_c(2, 1.2) - 1.44 / 3.2).abs() < 1e-12);
        for (c, a) in [
            (25, 15.0),
            (100, 70.0),
            (100, 99.0),
            (1_000, 950.0),
            (5_000, 10.0),
        ] {
            let mut b = 1.0;
            for k in 1..=c {
                b = a * b / (f64::from(k) + a * b);
            }
            let busy = a / f64::from(c);
            let plain = b / (1.0 - busy * (1.0 - b));
            assert!(
                (erlang_c(c, a) - plain).abs() < 1e-9 * plain.max(1e-30),
                "{c} {a}"
            );
        }
    }

    /// Against iterating the map, which runs to what attracts, and to either side of what
    /// repels.
    #[test]
    fn fixed_points_are_what_the_map_runs_to() {
        let mut rng = crate::streams::Streams {
            seed: 9,
            replication: 0,
        }
        .stream(crate::streams::Purpose::Arrivals);
        use rand::RngExt;
        let mut three = 0;
        for _ in 0..30 {
            let servers = rng.random_range(1..60u32);
            let load = rng.random_range(0.3..0.95);
            let attempts = rng.random_range(1..6u32);
            let calls = (f64::from(servers) / 0.02 * load).round().max(1.0);
            let law = ["exp(20ms)", "20ms", "gamma(shape=0.5,mean=20ms)"][rng.random_range(0..3)];
            let timeout = rng.random_range(60..400u32);
            let a = of(&[
                &format!("callers.count={calls}"),
                &format!("service.servers={servers}"),
                &format!("service.service_time='{law}'"),
                &format!("policy.fixed.timeout={timeout}ms"),
                &format!("policy.fixed.attempts={attempts}"),
            ]);
            let settle = |mut x: f64| {
                for _ in 0..200_000 {
                    let next = calls * a.tries(a.late(x, 1.0));
                    if (next - x).abs() < 1e-9 * x {
                        break;
                    }
                    x = next;
                }
                x
            };
            let found = a.solutions(calls, 1.0);
            let low = settle(calls);
            let lowest = found.healthy.or(found.collapsed).unwrap();
            assert!((low - lowest).abs() < 1e-4 * low, "{low} {found:?} {a:?}");
            let high = settle(calls * f64::from(attempts));
            let highest = found.collapsed.or(found.healthy).unwrap();
            assert!(
                (high - highest).abs() < 1e-4 * high,
                "{high} {found:?} {a:?}"
            );
            if let (Some(threshold), Some(_)) = (found.threshold, found.collapsed) {
                three += 1;
                assert!((settle(threshold * (1.0 - 1e-3)) - low).abs() < 1e-4 * low);
                assert!((settle(threshold * (1.0 + 1e-3)) - high).abs() < 1e-4 * high);
            }
        }
        assert!(three > 5, "{three}");
    }

    #[test]
    fn the_default_scenario_lies_inside_both_lines() {
        let s = Scenario::default();
        let of = |i: usize| Amplification::of(&s, &s.policies[i].1).unwrap().pressure();
        // 6 · 5,000/s against 100/14 ms, and 5,000 · 14 ms / 100 against 250 ms.
        let fixed = of(0);
        assert!((fixed.load - 4.2).abs() < 1e-12 && (fixed.delay - 2.8).abs() < 1e-12);
        assert!(fixed.sustains_collapse());
        // A tenth of a retry per call: 1.1 · 0.7.
        let budget = of(2);
        assert!((budget.load - 0.77).abs() < 1e-12 && !budget.sustains_collapse());
    }
}
