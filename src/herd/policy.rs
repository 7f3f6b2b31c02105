//! A policy at run time: the next delay, and whether the budget allows it.

use std::collections::VecDeque;

use crate::dist::unit;
use crate::scenario::policy::{Backoff, Budget, Failure, Jitter, Policy, Ratio, TokenBucket};
use crate::streams::Stream;

/// The delays of a policy before jitter, the first few worked out beforehand.
pub struct Backoffs {
    levels: Vec<f64>,
}

impl Backoffs {
    pub fn new(policy: &Policy) -> Backoffs {
        let known = match policy.backoff {
            Backoff::Random(_) => 0,
            _ => policy.attempts.min(64),
        };
        Backoffs {
            levels: (1..=known).map(|k| level(&policy.backoff, k)).collect(),
        }
    }

    /// The delay in nanoseconds before retry k = 1, 2, ….
    ///
    /// `previous` is what decorrelated jitter feeds back; 0 before the first retry.
    #[inline]
    pub fn delay(&self, policy: &Policy, k: u32, previous: &mut u64, rng: &mut Stream) -> u64 {
        let v = match (&policy.backoff, self.levels.get(k as usize - 1)) {
            (Backoff::Random(law), _) => law.sample(rng).0 as f64,
            (_, Some(v)) => *v,
            (backoff, None) => level(backoff, k),
        };
        let delay = match policy.jitter {
            Jitter::None => v,
            Jitter::Full => v * unit(rng),
            Jitter::Equal => v / 2.0 + v / 2.0 * unit(rng),
            Jitter::Decorrelated => {
                *previous = decorrelated(&policy.backoff, *previous, rng);
                return *previous;
            }
            Jitter::Proportional(f) => v * (1.0 - f.0 + 2.0 * f.0 * unit(rng)),
            Jitter::Additive(d) => v + d.0 as f64 * unit(rng),
        };
        (delay + 0.5) as u64
    }
}

/// v of retry k; 0 for a random backoff, which has no level.
fn level(backoff: &Backoff, k: u32) -> f64 {
    match backoff {
        Backoff::None | Backoff::Random(_) => 0.0,
        Backoff::Fixed(d) => d.0 as f64,
        Backoff::Linear(d) => d.0 as f64 * f64::from(k),
        Backoff::Exponential {
            base,
            multiplier,
            cap,
        } => {
            let exponent = i32::try_from(k - 1).unwrap_or(i32::MAX);
            let cap = cap.map_or(f64::INFINITY, |cap| cap.0 as f64);
            match base.0 {
                0 => 0.0, // Also where the power is infinite.
                base => (base as f64 * multiplier.0.powi(exponent)).min(cap),
            }
        }
    }
}

/// min(cap, U(base, 3 · previous)), where the first previous delay is the base.
fn decorrelated(backoff: &Backoff, previous: u64, rng: &mut Stream) -> u64 {
    let Backoff::Exponential { base, cap, .. } = backoff else {
        return 0; // Scenarios admit it with an exponential backoff alone.
    };
    let base_ns = base.0 as f64;
    let last = if previous == 0 {
        base_ns
    } else {
        previous as f64
    };
    let drawn = base_ns + (3.0 * last - base_ns) * unit(rng);
    (drawn.min(cap.map_or(f64::INFINITY, |cap| cap.0 as f64)) + 0.5) as u64
}

/// Whether every delay of the policy is the same.
pub fn is_constant(policy: &Policy) -> bool {
    matches!(policy.backoff, Backoff::None | Backoff::Fixed(_)) && policy.jitter == Jitter::None
        || policy.attempts == 1
}

/// The budgets of all clients.
pub enum Budgets {
    Unlimited,
    Buckets {
        rule: TokenBucket,
        /// Millionths of a token, per client.
        tokens: Vec<u64>,
        total: u128,
    },
    Windows {
        rule: Ratio,
        clients: Vec<Window>,
    },
}

/// The calls and retries of one client that the sliding window still holds.
#[derive(Clone, Default)]
pub struct Window {
    calls: VecDeque<u64>,
    retries: VecDeque<u64>,
}

impl Window {
    /// Forgets what happened `window` or longer ago.
    fn slide(&mut self, now: u64, window: u64) {
        for times in [&mut self.calls, &mut self.retries] {
            while times
                .front()
                .is_some_and(|t| t.saturating_add(window) <= now)
            {
                times.pop_front();
            }
        }
    }

    fn left(&self, rule: &Ratio) -> f64 {
        rule.left(self.calls.len(), self.retries.len())
    }

    /// What will be left at `now`, without forgetting anything yet.
    fn left_at(&self, rule: &Ratio, now: u64) -> f64 {
        let young = |times: &VecDeque<u64>| {
            times.len() - times.partition_point(|t| t.saturating_add(rule.window.0) <= now)
        };
        rule.left(young(&self.calls), young(&self.retries))
    }
}

impl Ratio {
    /// Retries left after so many calls and retries in the window.
    fn left(&self, calls: usize, retries: usize) -> f64 {
        self.ratio.0 * calls as f64 + self.min_per_s.0 * self.window.as_secs() - retries as f64
    }
}

impl Budgets {
    pub fn new(budget: Option<&Budget>, clients: u32) -> Budgets {
        let n = clients as usize;
        match budget {
            None => Budgets::Unlimited,
            Some(Budget::TokenBucket(rule)) => Budgets::Buckets {
                tokens: vec![rule.initial.0; n],
                total: u128::from(rule.initial.0) * n as u128,
                rule: rule.clone(),
            },
            Some(Budget::Ratio(rule)) => Budgets::Windows {
                rule: rule.clone(),
                clients: vec![Window::default(); n],
            },
        }
    }

    pub fn is_unlimited(&self) -> bool {
        matches!(self, Budgets::Unlimited)
    }

    /// A call starts.
    #[inline]
    pub fn call_started(&mut self, client: u32, now: u64) {
        match self {
            Budgets::Unlimited => {}
            Budgets::Buckets {
                rule,
                tokens,
                total,
            } => deposit(
                &mut tokens[client as usize],
                total,
                rule.deposit_per_call.0,
                rule.capacity.0,
            ),
            Budgets::Windows { rule, clients } => {
                let window = &mut clients[client as usize];
                window.slide(now, rule.window.0);
                window.calls.push_back(now);
            }
        }
    }

    /// A call succeeds; `retried` is the failure that its last retry was paid for.
    #[inline]
    pub fn call_succeeded(&mut self, client: u32, retried: Option<Failure>) {
        if let Budgets::Buckets {
            rule,
            tokens,
            total,
        } = self
        {
            let amount = match retried {
                None => rule.deposit_per_success.0,
                Some(failure) if rule.refund => cost(rule, failure),
                Some(_) => 0,
            };
            deposit(&mut tokens[client as usize], total, amount, rule.capacity.0);
        }
    }

    /// Asks for one retry after `failure`; says whether it is allowed, and takes its price.
    #[inline]
    pub fn withdraw(&mut self, client: u32, failure: Failure, now: u64) -> bool {
        match self {
            Budgets::Unlimited => true,
            Budgets::Buckets {
                rule,
                tokens,
                total,
            } => {
                let cost = cost(rule, failure);
                let balance = &mut tokens[client as usize];
                if *balance < cost {
                    return false;
                }
                *balance -= cost;
                *total -= u128::from(cost);
                true
            }
            Budgets::Windows { rule, clients } => {
                let window = &mut clients[client as usize];
                window.slide(now, rule.window.0);
                // A whole retry must be left, but for the rounding of ratio × calls.
                if window.left(rule) < 1.0 - 1e-9 {
                    return false;
                }
                window.retries.push_back(now);
                true
            }
        }
    }

    /// Mean tokens per client at `now`: the balance of a bucket, what is left of a window.
    pub fn mean_tokens(&self, now: u64) -> f64 {
        match self {
            Budgets::Unlimited => f64::NAN,
            Budgets::Buckets { tokens, total, .. } => *total as f64 / 1e6 / tokens.len() as f64,
            Budgets::Windows { rule, clients } => {
                let left = clients.iter().map(|w| w.left_at(rule, now));
                left.sum::<f64>() / clients.len() as f64
            }
        }
    }
}

/// What a retry after a failure costs, in millionths of a token.
#[inline]
fn cost(rule: &TokenBucket, failure: Failure) -> u64 {
    match failure {
        Failure::Timeout => rule.timeout_cost.0,
        Failure::Rejected => rule.throttle_cost.0,
        Failure::Error | Failure::Refused | Failure::Reset => rule.cost.0,
    }
}

#[inline]
fn deposit(balance: &mut u64, total: &mut u128, amount: u64, capacity: u64) {
    let added = amount.min(capacity - *balance);
    *balance += added;
    *total += u128::from(added);
}
