//! The failure ratio at which a budget switches retries off (`docs/model.md`).
//!
//! Attempts fail independently with probability x, and every retry is granted;
//! a budget that then loses more than it earns runs dry sooner or later. The
//! *break-even* x is where it earns as much as it spends.

use crate::herd::budget::Slots;
use crate::scenario::policy::{Budget, Deposit, Expiry, Failure, Policy, UNLIMITED};

/// A call under a budget that grants a share of the retries it is asked for, at random.
struct Granted<'p> {
    policy: &'p Policy,
    /// How all failures end.
    failure: Failure,
    /// The share of attempts that fails.
    x: f64,
}

impl Granted<'_> {
    /// Success ratio and attempts per call where a share `g` of retries is granted: a
    /// call goes on with probability x·g.
    fn point(&self, g: f64) -> (f64, f64) {
        let on = self.x * g;
        let load = match self.policy.attempts {
            _ if !self.policy.retry_on.contains(self.failure) => 1.0,
            UNLIMITED => 1.0 / (1.0 - on).max(1e-12),
            m if on < 1.0 => (1.0 - on.powf(f64::from(m))) / (1.0 - on),
            m => f64::from(m),
        };
        ((1.0 - self.x) * load, load)
    }

    /// What the budget gains per call, in tokens or retries; nothing without a
    /// budget, or where that hangs on the load.
    fn gain(&self, g: f64) -> Option<f64> {
        let (success, load) = self.point(g);
        let (first, retries) = (1.0 - self.x, load - 1.0);
        Some(match self.policy.budget.as_ref()? {
            Budget::TokenBucket(bucket) => {
                let cost = match self.failure {
                    Failure::Timeout => bucket.timeout_cost,
                    Failure::Rejected => bucket.throttle_cost,
                    _ => bucket.cost,
                }
                .as_f64();
                let refund = if bucket.refund { cost } else { 0.0 };
                bucket.deposit_per_call.as_f64()
                    + bucket.deposit_per_success.as_f64() * first
                    + (bucket.deposit_after_retry.as_f64() + refund) * (success - first)
                    - cost * retries
            }
            Budget::Ratio(rule) => {
                // What tower and finagle make of a ratio.
                let ratio = match rule.expiry {
                    Expiry::Sliding => rule.ratio.0,
                    Expiry::Tower | Expiry::Finagle => Slots::new(rule).ratio(),
                };
                let deposits = match rule.deposit {
                    Deposit::Start => 1.0,
                    Deposit::Success | Deposit::Settled => success,
                    Deposit::Attempt => load,
                };
                ratio * deposits - retries
            }
            // Per attempt: −1 if it fails, + the ratio if not, whatever m and g are.
            Budget::Throttle(rule) => rule.token_ratio.as_f64() * first - self.x,
            Budget::FailureRatio(rule) => rule.threshold.0 - self.x * load,
            // As a share of what is in flight it depends on how long attempts and the waits
            // of retries last, as a number on the load.
            Budget::Concurrent(_) => return None,
        })
    }
}

/// The break-even failure ratio of a policy's budget where all failures are of
/// one kind: a number in (0, 1); nothing without a budget, where retries are
/// never switched off, or where that hangs on the load.
pub fn break_even(policy: &Policy, failure: Failure) -> Option<f64> {
    if policy.attempts == 1 || !policy.retry_on.contains(failure) {
        return None;
    }
    let gain = |x| Granted { policy, failure, x }.gain(1.0);
    gain(0.5)?;
    first_root(|x| gain(x).unwrap_or(0.0))
}

/// Success ratio and attempts per call where a share x of attempts fails, in the
/// limit of a large budget: above break-even just so many retries are granted, at
/// random, as it earns.
pub fn operating_point(policy: &Policy, failure: Failure, x: f64) -> (f64, f64) {
    let call = Granted { policy, failure, x };
    let earns = |g| call.gain(g).is_none_or(|gain| gain > 0.0);
    if earns(1.0) {
        return call.point(1.0);
    }
    if !earns(0.0) {
        return call.point(0.0);
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match earns(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    call.point(low)
}

/// The first x in (0, 1) at which a function that begins above 0 is no longer.
fn first_root(f: impl Fn(f64) -> f64) -> Option<f64> {
    const STEPS: u32 = 2_000;
    let at = |i: u32| f64::from(i) / f64::from(STEPS);
    let (mut low, mut high) = (1..STEPS)
        .map(|i| (at(i - 1), at(i)))
        .find(|(_, x)| f(*x) < 0.0)?;
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match f(middle) < 0.0 {
            true => high = middle,
            false => low = middle,
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Overlay, Scenario};

    fn of(name: &str, settings: &[&str], failure: Failure) -> Option<f64> {
        let mut overlay = Overlay::default();
        overlay.set(&format!("compare=[\"{name}\"]")).unwrap();
        for set in settings {
            overlay.set(&format!("policy.{name}.{set}")).unwrap();
        }
        let s = Scenario::from_overlay(&overlay).unwrap();
        break_even(&s.policies[0].1, failure)
    }

    #[test]
    fn break_even_ratios_by_hand() {
        let near = |got: Option<f64>, want: f64| {
            assert!((got.unwrap() - want).abs() < 1e-6, "{got:?} {want}")
        };
        // gRPC: ratio / (1 + ratio), for any number of attempts.
        near(of("grpc", &[], Failure::Error), 0.1 / 1.1);
        near(of("grpc", &["attempts=2"], Failure::Error), 0.1 / 1.1);
        // Brooker: x/(1−x) = 0.1.
        near(of("brooker-adaptive", &[], Failure::Error), 0.1 / 1.1);
        // AWS, two attempts, cost c: 1 − x + c·x(1−x) = c·x, so c·x² + x = 1.
        let two = |c: f64| (-1.0 + (1.0 + 4.0 * c).sqrt()) / (2.0 * c);
        near(
            of("aws-standard-2025", &["attempts=2"], Failure::Error),
            two(5.0),
        );
        near(
            of("aws-standard-2025", &["attempts=2"], Failure::Timeout),
            two(10.0),
        );
        near(
            of("aws-standard-2026", &["attempts=2"], Failure::Timeout),
            two(14.0),
        );
        // Three: 1 − x + c(x − x³) = c(x + x²), so 1 − x = c·x²(1 + x).
        let x = of("aws-standard-2026", &[], Failure::Error).unwrap();
        assert!((1.0 - x - 14.0 * x * x * (1.0 + x)).abs() < 1e-9, "{x}");
        // Envoy's counts what waits: where it binds hangs on how long attempts take.
        assert_eq!(of("envoy-budget", &[], Failure::Error), None);
        assert_eq!(of("fixed", &[], Failure::Error), None);
        assert_eq!(of("envoy", &[], Failure::Error), None);
        // Any success fills it up again: it takes nearly all to fail.
        assert!(of("aws-standard-2025-js", &[], Failure::Error).unwrap() > 0.95);
    }

    #[test]
    fn a_budget_caps_the_load_that_it_earns() {
        let policy = |name: &str| {
            let mut overlay = Overlay::default();
            overlay.set(&format!("compare=[\"{name}\"]")).unwrap();
            Scenario::from_overlay(&overlay).unwrap().policies[0]
                .1
                .clone()
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        // Without a budget: 1 − x⁶ and (1 − x⁶)/(1 − x).
        let (success, load) = operating_point(&policy("fixed"), Failure::Error, 0.5);
        near(success, 1.0 - 0.5f64.powi(6));
        near(load, (1.0 - 0.5f64.powi(6)) * 2.0);
        // A tenth of a token a call: 1.1 attempts, each good with 1 − x.
        let (success, load) = operating_point(&policy("brooker-adaptive"), Failure::Error, 0.5);
        near(load, 1.1);
        near(success, 0.55);
        // gRPC's throttle is off: one attempt.
        near(operating_point(&policy("grpc"), Failure::Error, 0.2).1, 1.0);
        // Both sides of a break-even meet.
        let aws = policy("aws-standard-2026");
        let at = break_even(&aws, Failure::Error).unwrap();
        let (below, above) = (at - 1e-6, at + 1e-6);
        let load = |x| operating_point(&aws, Failure::Error, x).1;
        assert!((load(below) - load(above)).abs() < 1e-4);
    }
}
