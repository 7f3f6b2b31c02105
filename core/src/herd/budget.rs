//! Whether a client may retry: its budget at run time.

use std::collections::VecDeque;

use crate::scenario::policy::{
    Budget, Concurrent, Deposit, Expiry, Failure, FailureRatio, HalfFull, Ratio, TokenBucket,
};

/// The budgets of all clients.
#[derive(Clone)]
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
    Slots {
        rule: Ratio,
        clients: Vec<Slots>,
    },
    HalfFull {
        rule: HalfFull,
        /// Millionths of a token, per client.
        tokens: Vec<u64>,
    },
    Concurrent {
        rule: Concurrent,
        clients: Vec<InFlight>,
    },
    FailureRatio {
        rule: FailureRatio,
        /// Calls, and failed attempts, since the start.
        clients: Vec<(u64, u64)>,
    },
}

/// What a client has under way.
#[derive(Clone, Copy, Default)]
pub struct InFlight {
    attempts: u64,
    /// Retries, from the moment they were allowed.
    retries: u64,
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

/// A ratio budget as tower and finagle keep it: whole tokens in slots of a
/// tenth of the window, in a ring behind the running one. Slots expire only
/// when the budget is looked at, and the clock restarts then.
#[derive(Clone, Debug)]
pub struct Slots {
    ring: Vec<i64>,
    index: usize,
    running: i64,
    since: u64,
    slot_ns: u64,
    deposit: i64,
    cost: i64,
    reserve: i64,
    expiry: Expiry,
}

impl Slots {
    /// An empty budget at time 0, with its reserve.
    pub fn new(rule: &Ratio) -> Slots {
        let ratio = rule.ratio.0;
        let (deposit, cost) = match (rule.expiry, ratio) {
            (_, 0.0) => (0, 1),
            // tower reads its ratio as f32, and keeps whole tokens up to 1.
            (Expiry::Tower, ratio) if ratio <= 1.0 => (1, (1.0 / ratio as f32) as i64),
            (Expiry::Tower, ratio) => (1000, (1000.0 / ratio as f32) as i64),
            (_, ratio) => (1000, (1000.0 / ratio) as i64),
        };
        // A ratio near 0 costs more than there will ever be.
        let cost = cost.min(1_000_000_000_000);
        let seconds = rule.window.0 / 1_000_000_000;
        Slots {
            ring: vec![0; if rule.expiry == Expiry::Tower { 10 } else { 9 }],
            index: 0,
            running: 0,
            since: 0,
            slot_ns: rule.window.0 / 10,
            deposit,
            cost,
            reserve: ((rule.min_per_s.0 * seconds as f64) as i64)
                .min(1_000_000)
                .saturating_mul(cost),
            expiry: rule.expiry,
        }
    }

    fn expire(&mut self, now: u64) {
        let age = now - self.since;
        if age < self.slot_ns {
            return;
        }
        let slots = self.ring.len();
        self.ring[self.index] = std::mem::take(&mut self.running);
        self.index = (self.index + 1) % slots;
        // Slots that nobody looked at; tower leaves one that is just over.
        let passed = match self.expiry {
            Expiry::Tower => (age - 1) / self.slot_ns,
            Expiry::Finagle | Expiry::Sliding => (age / self.slot_ns - 1).min(slots as u64),
        };
        for _ in 0..passed.min(slots as u64) {
            self.ring[self.index] = 0;
            self.index = (self.index + 1) % slots;
        }
        if passed > slots as u64 {
            // Round and round: only where the ring stands is left to tell.
            self.index = (self.index + (passed - slots as u64) as usize % slots) % slots;
        }
        self.since = now;
    }

    fn balance(&self) -> i64 {
        self.reserve + self.running + self.ring.iter().sum::<i64>()
    }

    /// Something happens that earns retries, at `now` in ns.
    pub fn deposit(&mut self, now: u64) {
        self.expire(now);
        self.running += self.deposit;
    }

    /// Asks for a retry at `now` in ns.
    pub fn withdraw(&mut self, now: u64) -> bool {
        self.expire(now);
        let allowed = self.balance() >= self.cost;
        if allowed {
            self.running -= self.cost;
        }
        allowed
    }

    /// A retry that was allowed is not sent.
    fn give_back(&mut self) {
        self.running += self.cost;
    }

    /// Retries earned per deposit.
    pub fn ratio(&self) -> f64 {
        self.deposit as f64 / self.cost as f64
    }

    fn left_at(&self, now: u64) -> f64 {
        let mut then = self.clone();
        then.expire(now);
        then.balance() as f64 / then.cost as f64
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
            Some(Budget::Ratio(rule)) if rule.expiry == Expiry::Sliding => Budgets::Windows {
                rule: rule.clone(),
                clients: vec![Window::default(); n],
            },
            Some(Budget::Ratio(rule)) => Budgets::Slots {
                clients: vec![Slots::new(rule); n],
                rule: rule.clone(),
            },
            Some(Budget::Throttle(rule)) => Budgets::HalfFull {
                tokens: vec![rule.max_tokens.0; n],
                rule: rule.clone(),
            },
            Some(Budget::Concurrent(rule)) => Budgets::Concurrent {
                rule: rule.clone(),
                clients: vec![InFlight::default(); n],
            },
            Some(Budget::FailureRatio(rule)) => Budgets::FailureRatio {
                rule: rule.clone(),
                clients: vec![(0, 0); n],
            },
        }
    }

    #[inline]
    pub fn is_unlimited(&self) -> bool {
        matches!(self, Budgets::Unlimited)
    }

    /// Whether it has to hear of every attempt.
    pub fn follows_attempts(&self) -> bool {
        match self {
            Budgets::Unlimited | Budgets::Buckets { .. } => false,
            Budgets::Windows { rule, .. } | Budgets::Slots { rule, .. } => {
                rule.deposit == Deposit::Attempt
            }
            Budgets::HalfFull { .. }
            | Budgets::Concurrent { .. }
            | Budgets::FailureRatio { .. } => true,
        }
    }

    /// Whether it has to hear of every call that succeeds.
    pub fn follows_answers(&self) -> bool {
        match self {
            Budgets::Buckets { rule, .. } => {
                let earned = rule.deposit_per_success.0 + rule.deposit_after_retry.0;
                rule.refund || earned > 0
            }
            Budgets::Windows { rule, .. } | Budgets::Slots { rule, .. } => {
                rule.deposit == Deposit::Success
            }
            Budgets::Unlimited
            | Budgets::HalfFull { .. }
            | Budgets::Concurrent { .. }
            | Budgets::FailureRatio { .. } => false,
        }
    }

    fn earn(&mut self, client: u32, now: u64, by: Deposit) {
        match self {
            Budgets::Windows { rule, clients } if rule.deposit == by => {
                let window = &mut clients[client as usize];
                window.slide(now, rule.window.0);
                window.calls.push_back(now);
            }
            Budgets::Slots { rule, clients } if rule.deposit == by => {
                clients[client as usize].deposit(now);
            }
            _ => {}
        }
    }

    /// A call starts.
    #[inline]
    pub fn call_started(&mut self, client: u32, now: u64) {
        match self {
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
            Budgets::FailureRatio { clients, .. } => clients[client as usize].0 += 1,
            _ => self.earn(client, now, Deposit::Start),
        }
    }

    /// A call succeeds; `retried` is the failure that its last retry was paid for.
    #[inline]
    pub fn call_succeeded(&mut self, client: u32, retried: Option<Failure>, now: u64) {
        if let Budgets::Buckets {
            rule,
            tokens,
            total,
        } = self
        {
            let amount = match retried {
                None => rule.deposit_per_success.0,
                Some(failure) if rule.refund => {
                    cost(rule, failure).saturating_add(rule.deposit_after_retry.0)
                }
                Some(_) => rule.deposit_after_retry.0,
            };
            deposit(&mut tokens[client as usize], total, amount, rule.capacity.0);
        } else {
            self.earn(client, now, Deposit::Success);
            self.earn(client, now, Deposit::Settled);
        }
    }

    /// A call ends with a failure that is not retried.
    pub fn call_settled(&mut self, client: u32, now: u64) {
        self.earn(client, now, Deposit::Settled);
    }

    /// An attempt is sent.
    pub fn sent(&mut self, client: u32, now: u64) {
        match self {
            Budgets::Concurrent { clients, .. } => clients[client as usize].attempts += 1,
            _ => self.earn(client, now, Deposit::Attempt),
        }
    }

    /// An attempt that was sent has succeeded, or failed in a way that is `retried` or not.
    pub fn ended(&mut self, client: u32, retry: bool, ok: bool, retried: bool) {
        match self {
            Budgets::HalfFull { rule, tokens } => {
                let tokens = &mut tokens[client as usize];
                if ok {
                    *tokens = (*tokens + rule.token_ratio.0).min(rule.max_tokens.0);
                } else if retried {
                    *tokens = tokens.saturating_sub(1_000_000);
                }
            }
            Budgets::FailureRatio { clients, .. } if !ok => clients[client as usize].1 += 1,
            _ => self.left(client, retry),
        }
    }

    /// An attempt that was sent is no longer of interest.
    pub fn left(&mut self, client: u32, retry: bool) {
        if let Budgets::Concurrent { clients, .. } = self {
            let client = &mut clients[client as usize];
            client.attempts -= 1;
            client.retries -= u64::from(retry);
        }
    }

    /// A retry that was allowed is not sent, as its call has been cancelled: it no longer
    /// waits, and what it has paid does not come back.
    pub fn abandoned(&mut self, client: u32) {
        if let Budgets::Concurrent { clients, .. } = self {
            clients[client as usize].retries -= 1;
        }
    }

    /// A retry that was allowed after `failure` is not sent: its price comes back.
    pub fn not_sent(&mut self, client: u32, failure: Failure) {
        let client = client as usize;
        match self {
            Budgets::Concurrent { clients, .. } => clients[client].retries -= 1,
            Budgets::Buckets {
                rule,
                tokens,
                total,
            } => {
                let price = cost(rule, failure);
                deposit(&mut tokens[client], total, price, rule.capacity.0);
            }
            Budgets::Windows { clients, .. } => {
                clients[client].retries.pop_back();
            }
            Budgets::Slots { clients, .. } => clients[client].give_back(),
            Budgets::Unlimited | Budgets::HalfFull { .. } | Budgets::FailureRatio { .. } => {}
        }
    }

    /// Asks for one retry after `failure`; says whether it is allowed, and takes its price.
    #[inline]
    pub fn withdraw(&mut self, client: u32, failure: Failure, now: u64) -> bool {
        let client = client as usize;
        match self {
            Budgets::Unlimited => true,
            Budgets::Buckets {
                rule,
                tokens,
                total,
            } => {
                let cost = cost(rule, failure);
                let balance = &mut tokens[client];
                if *balance < cost || rule.strict && *balance == cost {
                    return false;
                }
                *balance -= cost;
                *total -= u128::from(cost);
                true
            }
            Budgets::Windows { rule, clients } => {
                let window = &mut clients[client];
                window.slide(now, rule.window.0);
                // A whole retry must be left, but for the rounding of ratio × calls.
                if window.left(rule) < 1.0 - 1e-9 {
                    return false;
                }
                window.retries.push_back(now);
                true
            }
            Budgets::Slots { clients, .. } => clients[client].withdraw(now),
            Budgets::HalfFull { rule, tokens } => 2 * tokens[client] > rule.max_tokens.0,
            Budgets::Concurrent { rule, clients } => {
                let under_way = &mut clients[client];
                let share = (rule.percent.0 * under_way.attempts as f64) as u64;
                let allowed = under_way.retries < share.max(u64::from(rule.min_concurrency));
                under_way.retries += u64::from(allowed);
                allowed
            }
            Budgets::FailureRatio { rule, clients } => {
                let (calls, failures) = clients[client];
                failures as f64 <= rule.threshold.0 * calls as f64
            }
        }
    }

    /// Mean tokens per client at `now`: the balance of a bucket, or the retries left.
    pub fn mean_tokens(&self, now: u64) -> f64 {
        fn mean<T>(clients: &[T], left: impl Fn(&T) -> f64) -> f64 {
            clients.iter().map(left).sum::<f64>() / clients.len() as f64
        }
        match self {
            Budgets::Unlimited | Budgets::Concurrent { .. } | Budgets::FailureRatio { .. } => {
                f64::NAN
            }
            Budgets::Buckets { tokens, total, .. } => *total as f64 / 1e6 / tokens.len() as f64,
            Budgets::Windows { rule, clients } => mean(clients, |w| w.left_at(rule, now)),
            Budgets::Slots { clients, .. } => mean(clients, |s| s.left_at(now)),
            Budgets::HalfFull { tokens, .. } => mean(tokens, |t| *t as f64 / 1e6),
        }
    }
}

/// What a retry after a failure costs, in millionths of a token.
#[inline]
fn cost(rule: &TokenBucket, failure: Failure) -> u64 {
    match failure {
        Failure::Timeout => rule.timeout_cost.0,
        Failure::Rejected => rule.throttle_cost.0,
        Failure::Error | Failure::Refused | Failure::Reset | Failure::Denied => rule.cost.0,
    }
}

#[inline]
fn deposit(balance: &mut u64, total: &mut u128, amount: u64, capacity: u64) {
    let added = amount.min(capacity - *balance);
    *balance += added;
    *total += u128::from(added);
}
