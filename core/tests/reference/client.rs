//! What a client process keeps between calls, and how long a call waits before a retry
//! (docs/model.md, "One call").

use std::collections::VecDeque;

use herdsim_core::scenario::policy::{
    Backoff, Breaker, BreakerWindow, Budget, CapAfter, Deposit, Expiry, Exponent, Failure, Hint,
    Jitter, Policy, Quantum, Ratio, Rounding, Scope, Throttle,
};
use herdsim_core::streams::Stream;
use rand::RngExt;

/// One client process.
pub struct Client {
    policy: Policy,
    /// Millionths of tokens: of the bucket, or of gRPC's throttle.
    tokens: u64,
    /// Of a ratio budget: when it got deposits, and when retries were granted.
    deposits: VecDeque<u64>,
    withdrawals: VecDeque<u64>,
    /// Of a concurrent budget: retries waiting or in flight, and attempts in flight.
    pub retries: u64,
    pub in_flight: u64,
    /// Of a failure ratio: since the start.
    failed_attempts: u64,
    calls: u64,
    breaker: State,
    half_opened: Ticket,
    /// Of Google's throttle: when attempts were asked for, and when one succeeded.
    requests: VecDeque<u64>,
    accepts: VecDeque<u64>,
}

enum State {
    /// Whether each of the last attempts failed.
    Closed(VecDeque<bool>),
    Open {
        until: u64,
    },
    HalfOpen {
        let_through: u32,
        ended: u32,
        failed: u32,
    },
}

/// What an attempt was let through with: the number of the half-open stretch, 0 for none.
pub type Ticket = u64;

/// What of a policy the client cannot interpret, if anything.
pub fn refuses(policy: &Policy) -> Option<&'static str> {
    let breaker = policy.breaker.as_ref();
    match &policy.budget {
        Some(Budget::Ratio(r)) if r.expiry != Expiry::Sliding => return Some("slots of libraries"),
        _ => {}
    }
    match &policy.throttle {
        Some(Throttle::AwsAdaptive) => return Some("aws-adaptive"),
        Some(Throttle::Bucket(_)) => return Some("bucket"),
        _ => {}
    }
    if breaker.is_some_and(|b| matches!(b.window, BreakerWindow::Time(_))) {
        return Some("breaker over a time");
    }
    if breaker.is_some_and(|b| b.scope == Scope::Host) {
        return Some("breaker of hosts");
    }
    if policy.eject.is_some() {
        return Some("eject");
    }
    if matches!(policy.jitter, Jitter::Compounding(_)) && policy.quantum.is_some() {
        return Some("what a jitter that compounds feeds back of what is rounded");
    }
    None
}

impl Client {
    pub fn new(policy: &Policy) -> Client {
        let tokens = match &policy.budget {
            Some(Budget::TokenBucket(bucket)) => bucket.initial.0,
            Some(Budget::Throttle(throttle)) => throttle.max_tokens.0,
            _ => 0,
        };
        Client {
            policy: policy.clone(),
            tokens,
            deposits: VecDeque::new(),
            withdrawals: VecDeque::new(),
            retries: 0,
            in_flight: 0,
            failed_attempts: 0,
            calls: 0,
            breaker: State::Closed(VecDeque::new()),
            half_opened: 0,
            requests: VecDeque::new(),
            accepts: VecDeque::new(),
        }
    }

    fn add(&mut self, tokens: u64, most: u64) {
        self.tokens = (self.tokens + tokens).min(most);
    }

    pub fn call_started(&mut self, now: u64) {
        self.calls += 1;
        match &self.policy.budget {
            Some(Budget::TokenBucket(b)) => self.add(b.deposit_per_call.0, b.capacity.0),
            Some(Budget::Ratio(r)) if r.deposit == Deposit::Start => self.deposits.push_back(now),
            _ => {}
        }
    }

    pub fn attempt_sent(&mut self, now: u64) {
        self.in_flight += 1;
        match &self.policy.budget {
            Some(Budget::Ratio(r)) if r.deposit == Deposit::Attempt => {
                self.deposits.push_back(now);
            }
            _ => {}
        }
    }

    /// A call succeeded; `paid` is what its last retry was for.
    pub fn call_succeeded(&mut self, paid: Option<Failure>, now: u64) {
        match &self.policy.budget {
            Some(Budget::TokenBucket(b)) => {
                let comes_back = match paid {
                    None => b.deposit_per_success.0,
                    Some(_) if !b.refund => b.deposit_after_retry.0,
                    Some(failure) => self.cost(failure) + b.deposit_after_retry.0,
                };
                self.add(comes_back, b.capacity.0);
            }
            Some(Budget::Ratio(r)) => {
                if matches!(r.deposit, Deposit::Success | Deposit::Settled) {
                    self.deposits.push_back(now);
                }
            }
            Some(Budget::Throttle(t)) => self.add(t.token_ratio.0, t.max_tokens.0),
            _ => {}
        }
    }

    /// A call met a failure that is not retried.
    pub fn call_settled(&mut self, now: u64) {
        match &self.policy.budget {
            Some(Budget::Ratio(r)) if r.deposit == Deposit::Settled => {
                self.deposits.push_back(now);
            }
            _ => {}
        }
    }

    pub fn attempt_failed(&mut self, failure: Failure) {
        self.failed_attempts += 1;
        if matches!(self.policy.budget, Some(Budget::Throttle(_)))
            && self.policy.retry_on.contains(failure)
        {
            self.tokens = self.tokens.saturating_sub(1_000_000);
        }
    }

    /// What a retry after a failure costs a token bucket.
    fn cost(&self, failure: Failure) -> u64 {
        match &self.policy.budget {
            Some(Budget::TokenBucket(b)) => match failure {
                Failure::Timeout => b.timeout_cost.0,
                Failure::Rejected => b.throttle_cost.0,
                _ => b.cost.0,
            },
            _ => 0,
        }
    }

    /// Whether the budget grants a retry after a failure, which it then has paid for.
    pub fn withdraw(&mut self, failure: Failure, now: u64) -> bool {
        let cost = self.cost(failure);
        match &self.policy.budget {
            None => true,
            Some(Budget::TokenBucket(b)) => {
                let granted = match b.strict {
                    true => self.tokens > cost,
                    false => self.tokens >= cost,
                };
                if granted {
                    self.tokens -= cost;
                }
                granted
            }
            Some(Budget::Ratio(r)) => {
                let r = r.clone();
                let granted = self.within_ratio(&r, now);
                if granted {
                    self.withdrawals.push_back(now);
                }
                granted
            }
            Some(Budget::Throttle(t)) => 2 * self.tokens > t.max_tokens.0,
            Some(Budget::Concurrent(c)) => {
                // A share of attempts is a number of them, rounded down (as Envoy does).
                let share = (c.percent.0 * self.in_flight as f64).floor();
                (self.retries as f64) < share.max(f64::from(c.min_concurrency))
            }
            Some(Budget::FailureRatio(f)) => {
                self.failed_attempts as f64 <= f.threshold.0 * self.calls as f64
            }
        }
    }

    /// Whether one more retry in the window is at most `ratio` × deposits + the reserve.
    fn within_ratio(&mut self, r: &Ratio, now: u64) -> bool {
        for times in [&mut self.deposits, &mut self.withdrawals] {
            while times.front().is_some_and(|at| at + r.window.0 <= now) {
                times.pop_front();
            }
        }
        let reserve = r.min_per_s.0 * r.window.as_secs();
        let most = r.ratio.0 * self.deposits.len() as f64 + reserve;
        (self.withdrawals.len() + 1) as f64 <= most + 1e-6
    }

    /// "A retry that is paid for and not sent is paid back."
    pub fn pay_back(&mut self, failure: Failure) {
        let cost = self.cost(failure);
        match &self.policy.budget {
            Some(Budget::TokenBucket(b)) => self.add(cost, b.capacity.0),
            Some(Budget::Ratio(_)) => {
                self.withdrawals.pop_back();
            }
            _ => {}
        }
    }

    fn rule(&self, scope: Scope) -> Option<Breaker> {
        self.policy.breaker.clone().filter(|b| b.scope == scope)
    }

    /// Whether the breaker of some scope lets an attempt through, if there is one.
    pub fn lets_through(&mut self, scope: Scope, now: u64) -> Option<Ticket> {
        let Some(rule) = self.rule(scope) else {
            return Some(0);
        };
        self.half_open(now);
        match &mut self.breaker {
            State::Closed(_) => Some(0),
            State::Open { .. } => None,
            State::HalfOpen { let_through, .. } => {
                let room = *let_through < rule.half_open_calls;
                *let_through += u32::from(room);
                room.then_some(self.half_opened)
            }
        }
    }

    /// "One that was let through and is not sent gives its place to another."
    pub fn gives_place(&mut self, ticket: Ticket) {
        if ticket != self.half_opened {
            return;
        }
        if let State::HalfOpen { let_through, .. } = &mut self.breaker {
            *let_through = let_through.saturating_sub(1);
        }
    }

    /// A breaker that has been open for its time is half open.
    fn half_open(&mut self, now: u64) {
        if matches!(self.breaker, State::Open { until } if until <= now) {
            self.half_opened += 1;
            self.breaker = State::HalfOpen {
                let_through: 0,
                ended: 0,
                failed: 0,
            };
        }
    }

    /// An attempt that was sent has ended for its caller.
    pub fn attempt_ended(&mut self, is_ok: bool, now: u64) {
        if is_ok {
            self.accepts.push_back(now);
        }
        let Some(rule) = self.policy.breaker.clone() else {
            return;
        };
        let BreakerWindow::Count(window) = rule.window else {
            return;
        };
        let opens = State::Open {
            until: now + rule.open_for.0,
        };
        let too_many = |failed: u32, of: u32| f64::from(failed) >= rule.threshold.0 * f64::from(of);
        match &mut self.breaker {
            State::Closed(last) => {
                last.push_back(!is_ok);
                if last.len() > window as usize {
                    last.pop_front();
                }
                let failed = last.iter().filter(|failed| **failed).count() as u32;
                let of = last.len() as u32;
                if of >= rule.min_calls && too_many(failed, of) {
                    self.breaker = opens;
                }
            }
            State::Open { .. } => {}
            State::HalfOpen { ended, failed, .. } => {
                *ended += 1;
                *failed += u32::from(!is_ok);
                let (failed, ended) = (*failed, *ended);
                if ended == rule.half_open_calls {
                    self.breaker = match too_many(failed, ended) {
                        true => opens,
                        false => State::Closed(VecDeque::new()),
                    };
                }
            }
        }
    }

    /// Whether the throttle of all attempts lets one out.
    pub fn throttle_lets_out(&mut self, now: u64, rng: &mut Stream) -> bool {
        let Some(Throttle::Sre(rule)) = self.policy.throttle.clone() else {
            return true;
        };
        let slot = (rule.window.0 / 100).max(1);
        for times in [&mut self.requests, &mut self.accepts] {
            while times
                .front()
                .is_some_and(|at| at / slot + 100 <= now / slot)
            {
                times.pop_front();
            }
        }
        let requests = self.requests.len() as f64;
        let surplus = requests - rule.k.0 * self.accepts.len() as f64;
        let lets_out = rng.random::<f64>() >= surplus / (requests + 1.0);
        self.requests.push_back(now);
        lets_out
    }
}

fn uniform(rng: &mut Stream, a: f64, b: f64) -> f64 {
    a + (b - a) * rng.random::<f64>()
}

/// Before retry k of a call, in ns; `None` where there is none as the service asks for too
/// long. `previous` is what is fed back from one retry of a call to the next.
pub fn delay(
    policy: &Policy,
    (k, after): (u32, Failure),
    hint: Option<u64>,
    previous: &mut f64,
    rng: &mut Stream,
) -> Option<u64> {
    let hint = hint.map(|hint| hint as f64);
    let own = own_delay(policy, (k, after), hint, previous, rng);
    let delay = match (policy.retry_after, hint) {
        (Hint::Ignore | Hint::BeforeJitter, _) | (_, None) => own,
        (Hint::Replace(most), Some(hint)) => most.map_or(hint, |most| hint.min(most.0 as f64)),
        (Hint::ReplaceAndRestart, Some(hint)) => hint,
        (Hint::ReplaceOrStop(most), Some(hint)) => match hint > most.0 as f64 {
            true => return None,
            false => hint,
        },
        (Hint::AtLeast, Some(hint)) => own.max(hint),
        (Hint::Clamp(more), Some(hint)) => hint.clamp(own, own + more.0 as f64),
        _ => own,
    };
    Some(delay.round() as u64)
}

fn own_delay(
    policy: &Policy,
    (k, after): (u32, Failure),
    hint: Option<f64>,
    previous: &mut f64,
    rng: &mut Stream,
) -> f64 {
    if let (1, Some(first)) = (k, policy.first) {
        return first.0 as f64;
    }
    let backoff = match (&policy.throttle_backoff, after) {
        (Some(other), Failure::Rejected) => other,
        _ => &policy.backoff,
    };
    let cap = backoff.cap().map_or(f64::INFINITY, |cap| cap.0 as f64);
    let before = policy.cap_after != CapAfter::Yes;
    let mut v = level(backoff, k, rng);
    if before {
        v = v.min(cap);
    }
    if let (Hint::BeforeJitter, Some(hint)) = (policy.retry_after, hint) {
        v = v.max(hint);
    }
    // As an integer draw with both ends included, the draw reaches one unit further.
    let further = match policy.quantum {
        Some(Quantum {
            unit,
            rounding: Rounding::Inclusive,
        }) => unit.0 as f64,
        _ => 0.0,
    };
    let (base, multiplier) = match backoff {
        Backoff::Exponential {
            base, multiplier, ..
        } => (base.0 as f64, multiplier.0),
        _ => (v, 1.0),
    };
    let mut wait = match policy.jitter {
        Jitter::None => v,
        Jitter::Full => uniform(rng, 0.0, v + further),
        Jitter::Equal => v / 2.0 + uniform(rng, 0.0, v / 2.0 + further),
        Jitter::Proportional(f) => v * uniform(rng, 1.0 - f.0, 1.0 + f.0),
        Jitter::Scale(a, b) => v * uniform(rng, a.0, b.0),
        Jitter::Additive(d) => v + uniform(rng, 0.0, d.0 as f64 + further),
        Jitter::Growing(d) => v + uniform(rng, 0.0, d.0 as f64 * f64::from(k) + further),
        Jitter::Decorrelated => {
            let p = if *previous == 0.0 { base } else { *previous };
            *previous = uniform(rng, base, 3.0 * p).min(cap);
            *previous
        }
        Jitter::Compounding(f) => {
            let p = if *previous == 0.0 {
                base
            } else {
                multiplier * *previous
            };
            *previous = (p * uniform(rng, 1.0 - f.0, 1.0 + f.0)).min(cap);
            *previous
        }
        Jitter::Polly => {
            let t = f64::from(k - 1) + rng.random::<f64>();
            let here = 2f64.powf(t) * (4.0 * t).sqrt().tanh();
            let there = std::mem::replace(previous, here);
            (base * (here - there) / 1.4).min(cap)
        }
        _ => v,
    };
    if policy.cap_after != CapAfter::No {
        wait = wait.min(cap);
    }
    if let Some(Quantum { unit, rounding }) = policy.quantum {
        let unit = unit.0 as f64;
        wait = unit
            * match rounding {
                Rounding::Floor | Rounding::Inclusive => (wait / unit).floor(),
                Rounding::Ceil => (wait / unit).ceil(),
                _ => (wait / unit).round(),
            };
    }
    wait.max(policy.at_least.0 as f64)
}

/// v of retry k, without its cap.
fn level(backoff: &Backoff, k: u32, rng: &mut Stream) -> f64 {
    match backoff {
        Backoff::None => 0.0,
        Backoff::Fixed(d) => d.0 as f64,
        Backoff::Linear(d) => d.0 as f64 * f64::from(k),
        Backoff::Exponential {
            base,
            multiplier,
            exponent,
            ..
        } => {
            let factor = match exponent {
                Exponent::FromOne => multiplier.0.powi(k as i32),
                Exponent::LessOne => multiplier.0.powi(k as i32) - 1.0,
                _ => multiplier.0.powi(k as i32 - 1),
            };
            base.0 as f64 * factor
        }
        Backoff::Polynomial {
            offset,
            step,
            power,
        } => offset.0 as f64 + step.0 as f64 * f64::from(k - 1).powi(*power as i32),
        Backoff::Table(delays) => delays[(k as usize).min(delays.len()) - 1].0 as f64,
        Backoff::Random(law) => law.sample(rng).0 as f64,
        _ => f64::NAN,
    }
}
