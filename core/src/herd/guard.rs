//! What a client asks before it sends: its breaker and its throttle.

use std::collections::VecDeque;

use crate::dist::unit;
use crate::scenario::policy::{
    Adaptive, Breaker, BreakerWindow, Failure, Policy, RateBucket, Scope, Throttle,
};
use crate::streams::Stream;

/// Whether an attempt may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Now,
    /// After so many ns.
    Later(u64),
    /// Not at all.
    Denied,
}

/// The breakers and throttles of all clients.
#[derive(Clone)]
pub struct Guards {
    /// By client, or by client and host.
    breakers: Vec<Circuit>,
    scope: Scope,
    /// How many breakers a client has.
    each: usize,
    /// By client, hosts whose breakers were not closed when last looked at.
    tripped: Vec<Vec<u32>>,
    throttles: Throttles,
}

#[derive(Clone)]
enum Throttles {
    None,
    Sre(Adaptive, Vec<Accepted>),
    Aws(Vec<Limiter>),
    Bucket(RateBucket, Vec<Reserved>),
}

impl Guards {
    /// Of so many clients, of a service of so many hosts.
    pub fn new(policy: &Policy, clients: u32, hosts: u32) -> Guards {
        let n = clients as usize;
        let scope = policy.breaker.as_ref().map_or(Scope::All, |b| b.scope);
        let each = match scope {
            Scope::Host => hosts as usize,
            Scope::All | Scope::Retries => 1,
        };
        Guards {
            breakers: match &policy.breaker {
                Some(rule) => vec![Circuit::new(rule); n * each],
                None => Vec::new(),
            },
            scope,
            each,
            tripped: match scope {
                Scope::Host => vec![Vec::new(); n],
                Scope::All | Scope::Retries => Vec::new(),
            },
            throttles: match &policy.throttle {
                None => Throttles::None,
                Some(Throttle::Sre(rule)) => {
                    Throttles::Sre(rule.clone(), vec![Accepted::default(); n])
                }
                Some(Throttle::AwsAdaptive) => Throttles::Aws(vec![Limiter::default(); n]),
                Some(Throttle::Bucket(rule)) => {
                    let full = Reserved {
                        tokens: f64::from(rule.burst),
                        at: 0,
                    };
                    Throttles::Bucket(rule.clone(), vec![full; n])
                }
            },
        }
    }

    /// Whether there is any.
    pub fn watch(&self) -> bool {
        !self.breakers.is_empty() || !matches!(self.throttles, Throttles::None)
    }

    /// The breaker of a client, and of one of its hosts where each has its own.
    fn circuit(&mut self, client: u32, host: u32) -> Option<&mut Circuit> {
        let own = match self.scope {
            Scope::Host => host as usize,
            Scope::All | Scope::Retries => 0,
        };
        self.breakers.get_mut(client as usize * self.each + own)
    }

    /// The hosts to which a client's breakers let nothing through now.
    pub fn tripped(&mut self, client: u32, now: u64) -> impl Iterator<Item = u32> {
        let from = client as usize * self.each;
        let mut shut: &[u32] = &[];
        if let Some(tripped) = self.tripped.get_mut(client as usize) {
            let circuits = &self.breakers[from..from + self.each];
            tripped.retain(|host| circuits[*host as usize].state != State::Closed);
            shut = tripped;
        }
        let circuits = self.breakers.get(from..from + self.each).unwrap_or(&[]);
        let shut = shut.iter().copied();
        shut.filter(move |host| !circuits[*host as usize].would_admit(now))
    }

    /// An attempt of a client is about to be sent, to a host.
    pub fn ask(&mut self, client: u32, host: u32, now: u64, rng: &mut Stream) -> Leave {
        if self.scope != Scope::Retries
            && let Some(circuit) = self.circuit(client, host)
            && !circuit.admit(now)
        {
            return Leave::Denied;
        }
        let place = client as usize;
        match &mut self.throttles {
            Throttles::None | Throttles::Bucket(..) => Leave::Now,
            Throttles::Sre(rule, clients) => match clients[place].refuses(rule, now, rng) {
                true => {
                    self.unsent(client, host);
                    Leave::Denied
                }
                false => Leave::Now,
            },
            // It asks again when that time is over.
            Throttles::Aws(clients) => match clients[place].acquire(now) {
                0 => Leave::Now,
                wait => {
                    self.unsent(client, host);
                    Leave::Later(wait)
                }
            },
        }
    }

    /// Whether a breaker of retries lets one through.
    pub fn admits_retry(&mut self, client: u32, now: u64) -> bool {
        match self.breakers.get_mut(client as usize) {
            Some(circuit) if self.scope == Scope::Retries => circuit.admit(now),
            _ => true,
        }
    }

    /// A retry that a breaker of retries has let through is not sent, or nobody will learn how
    /// it ends.
    pub fn retry_unsent(&mut self, client: u32) {
        if self.scope == Scope::Retries
            && let Some(circuit) = self.circuit(client, 0)
        {
            circuit.returned();
        }
    }

    /// The same of an attempt to a host that another breaker has let through.
    pub fn unsent(&mut self, client: u32, host: u32) {
        if self.scope != Scope::Retries
            && let Some(circuit) = self.circuit(client, host)
        {
            circuit.returned();
        }
    }

    /// For how long a retry would have to wait for its token, in ns.
    pub fn wait(&self, client: u32, now: u64) -> u64 {
        match &self.throttles {
            Throttles::Bucket(rule, clients) => clients[client as usize].wait(rule, now),
            _ => 0,
        }
    }

    /// Takes the token of a retry, now or in advance.
    pub fn reserve(&mut self, client: u32, now: u64) {
        if let Throttles::Bucket(rule, clients) = &mut self.throttles {
            clients[client as usize].reserve(rule, now);
        }
    }

    /// An attempt that was sent to a host has ended.
    pub fn ended(&mut self, client: u32, host: u32, now: u64, failure: Option<Failure>) {
        if let Some(circuit) = self.circuit(client, host) {
            circuit.record(now, failure.is_some());
            let shut = circuit.state != State::Closed;
            if let Some(tripped) = self.tripped.get_mut(client as usize)
                && shut
                && !tripped.contains(&host)
            {
                tripped.push(host);
            }
        }
        let client = client as usize;
        match &mut self.throttles {
            Throttles::None | Throttles::Bucket(..) => {}
            Throttles::Sre(rule, clients) => {
                if failure.is_none() {
                    clients[client].accept(rule, now);
                }
            }
            Throttles::Aws(clients) => {
                clients[client].answered(now, failure == Some(Failure::Rejected));
            }
        }
    }
}

/// A circuit breaker: resilience4j's with a window of attempts, Polly's with one of time.
#[derive(Clone, Debug)]
pub struct Circuit {
    rule: Breaker,
    state: State,
    recent: Recent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open {
        until: u64,
    },
    /// Attempts let through; attempts that have ended since, and failures among them.
    HalfOpen {
        through: u32,
        ended: u32,
        failed: u32,
    },
}

impl Circuit {
    pub fn new(rule: &Breaker) -> Circuit {
        Circuit {
            rule: rule.clone(),
            state: State::Closed,
            recent: Recent::default(),
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Attempts in the window, and failures among them.
    pub fn window(&self) -> (u32, u32) {
        (self.recent.ended, self.recent.failed)
    }

    /// Whether an attempt would get through at `now`.
    fn would_admit(&self, now: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } => now >= until,
            State::HalfOpen { through, .. } => through < self.rule.half_open_calls,
        }
    }

    /// Whether an attempt gets through at `now`.
    pub fn admit(&mut self, now: u64) -> bool {
        if let State::Open { until } = self.state
            && now >= until
        {
            self.state = State::HalfOpen {
                through: 0,
                ended: 0,
                failed: 0,
            };
        }
        match &mut self.state {
            State::Closed => true,
            State::Open { .. } => false,
            State::HalfOpen { through, .. } => {
                let admitted = *through < self.rule.half_open_calls;
                *through += u32::from(admitted);
                admitted
            }
        }
    }

    /// An attempt that was let through comes to nothing: another may take its place.
    ///
    /// As resilience4j's `releasePermission`, whenever it was let through.
    pub fn returned(&mut self) {
        if let State::HalfOpen { through, ended, .. } = &mut self.state {
            *through = through.saturating_sub(1).max(*ended);
        }
    }

    /// An attempt has ended, whenever it was let through.
    pub fn record(&mut self, now: u64, failed: bool) {
        let too_many = |ended: u32, failures: u32| {
            f64::from(failures) >= self.rule.threshold.0 * f64::from(ended)
        };
        match &mut self.state {
            State::Open { .. } => {}
            State::HalfOpen {
                ended,
                failed: failures,
                ..
            } => {
                *ended += 1;
                *failures += u32::from(failed);
                if *ended >= self.rule.half_open_calls {
                    let again = too_many(*ended, *failures);
                    self.turn(now, again);
                }
            }
            State::Closed => {
                self.recent.add(self.rule.window, now, failed);
                let (ended, failures) = self.window();
                // Polly looks when something fails, resilience4j always.
                let looks = failed || matches!(self.rule.window, BreakerWindow::Count(_));
                if looks && ended >= self.rule.min_calls && too_many(ended, failures) {
                    self.turn(now, true);
                }
            }
        }
    }

    fn turn(&mut self, now: u64, open: bool) {
        self.recent = Recent::default();
        self.state = match open {
            true => State::Open {
                until: now.saturating_add(self.rule.open_for.0),
            },
            false => State::Closed,
        };
    }
}

/// The attempts that a breaker looks back on.
#[derive(Clone, Debug, Default)]
struct Recent {
    ended: u32,
    failed: u32,
    /// Of the last attempts, which failed.
    results: VecDeque<bool>,
    /// Slots of a tenth of the window: start, attempts, failures.
    slots: VecDeque<(u64, u32, u32)>,
}

impl Recent {
    fn add(&mut self, window: BreakerWindow, now: u64, failed: bool) {
        match window {
            BreakerWindow::Count(most) => {
                if self.results.len() == most as usize
                    && let Some(oldest) = self.results.pop_front()
                {
                    self.ended -= 1;
                    self.failed -= u32::from(oldest);
                }
                self.results.push_back(failed);
            }
            BreakerWindow::Time(window) => {
                let tenth = (window.0 / 10).max(1);
                if self
                    .slots
                    .back()
                    .is_none_or(|(start, ..)| now - start >= tenth)
                {
                    self.slots.push_back((now, 0, 0));
                }
                while let Some((start, ended, failures)) = self.slots.front()
                    && now - start >= window.0
                {
                    self.ended -= ended;
                    self.failed -= failures;
                    self.slots.pop_front();
                }
                if let Some((_, ended, failures)) = self.slots.back_mut() {
                    *ended += 1;
                    *failures += u32::from(failed);
                }
            }
        }
        self.ended += 1;
        self.failed += u32::from(failed);
    }
}

/// Requests and accepts of the last window, in a hundred slots.
#[derive(Clone, Debug, Default)]
struct Accepted {
    requests: u64,
    accepts: u64,
    /// Number of the slot since time 0, requests, accepts.
    slots: VecDeque<(u64, u64, u64)>,
}

impl Accepted {
    fn slot(&mut self, rule: &Adaptive, now: u64) -> &mut (u64, u64, u64) {
        let number = now / (rule.window.0 / 100).max(1);
        while let Some((first, requests, accepts)) = self.slots.front()
            && first + 100 <= number
        {
            self.requests -= requests;
            self.accepts -= accepts;
            self.slots.pop_front();
        }
        if self.slots.back().is_none_or(|(last, ..)| *last < number) {
            self.slots.push_back((number, 0, 0));
        }
        let last = self.slots.len() - 1;
        &mut self.slots[last]
    }

    fn refuses(&mut self, rule: &Adaptive, now: u64, rng: &mut Stream) -> bool {
        self.slot(rule, now).1 += 1;
        let (requests, accepts) = (self.requests as f64, self.accepts as f64);
        self.requests += 1;
        let p = (requests - rule.k.0 * accepts) / (requests + 1.0);
        p > 0.0 && unit(rng) < p
    }

    fn accept(&mut self, rule: &Adaptive, now: u64) {
        self.slot(rule, now).2 += 1;
        self.accepts += 1;
    }
}

/// The AWS adaptive rate limiter of one client: a cubic send rate.
///
/// botocore, `retries/adaptive.py`, `throttling.py` and `bucket.py`.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    enabled: bool,
    /// Tokens a second, most tokens, tokens, and when they were last filled up (s).
    fill_rate: f64,
    capacity: f64,
    tokens: f64,
    filled_at: f64,
    /// Answers a second, smoothed over half seconds.
    measured: f64,
    half_second: f64,
    answers: u64,
    /// Rate at the last throttling, and its time (s).
    last_max: f64,
    throttled_at: f64,
}

impl Limiter {
    const LEAST_RATE: f64 = 0.5;
    const LEAST_CAPACITY: f64 = 1.0;
    const SMOOTHING: f64 = 0.8;
    const BETA: f64 = 0.7;
    const SCALE: f64 = 0.4;

    /// Takes a token if there is one, or else tells after how many ns to try again.
    ///
    /// Those that wait do not queue: whoever tries first has the next token.
    pub fn acquire(&mut self, now: u64) -> u64 {
        if !self.enabled {
            return 0;
        }
        self.fill(now as f64 / 1e9);
        // As many as come in a nanosecond are less than rounding leaves.
        let short = 1.0 - self.tokens;
        if short <= 1e-9 * self.fill_rate.max(1.0) {
            self.tokens -= 1.0;
            return 0;
        }
        ((short / self.fill_rate * 1e9).ceil() as u64).max(1)
    }

    /// An answer, or the lack of one, that was throttling or not.
    pub fn answered(&mut self, now: u64, throttled: bool) {
        let now = now as f64 / 1e9;
        self.measure(now);
        let rate = if throttled {
            let rate = match self.enabled {
                true => self.measured.min(self.fill_rate),
                false => self.measured,
            };
            self.last_max = rate;
            self.throttled_at = now;
            self.enabled = true;
            Self::BETA * rate
        } else {
            let window = (self.last_max * (1.0 - Self::BETA) / Self::SCALE).cbrt();
            let dt = now - self.throttled_at - window;
            Self::SCALE * dt.powi(3) + self.last_max
        };
        let rate = rate.min(2.0 * self.measured);
        self.fill(now);
        self.fill_rate = rate.max(Self::LEAST_RATE);
        self.capacity = rate.max(Self::LEAST_CAPACITY);
        self.tokens = self.tokens.min(self.capacity);
    }

    fn fill(&mut self, now: f64) {
        let added = (now - self.filled_at) * self.fill_rate;
        self.tokens = (self.tokens + added).min(self.capacity);
        self.filled_at = now;
    }

    fn measure(&mut self, now: f64) {
        let half_second = (now * 2.0).floor() / 2.0;
        self.answers += 1;
        if half_second > self.half_second {
            let current = self.answers as f64 / (half_second - self.half_second);
            self.measured = current * Self::SMOOTHING + self.measured * (1.0 - Self::SMOOTHING);
            self.answers = 0;
            self.half_second = half_second;
        }
    }
}

/// Tokens of a rate bucket; below 0 where they are already promised.
#[derive(Clone, Copy, Debug)]
struct Reserved {
    tokens: f64,
    at: u64,
}

impl Reserved {
    fn tokens(&self, rule: &RateBucket, now: u64) -> f64 {
        let added = (now - self.at) as f64 / 1e9 * rule.rate.0;
        (self.tokens + added).min(f64::from(rule.burst))
    }

    /// When the next token comes, in ns from now.
    fn wait(&self, rule: &RateBucket, now: u64) -> u64 {
        let short = (1.0 - self.tokens(rule, now)).max(0.0);
        (short / rule.rate.0 * 1e9).ceil() as u64
    }

    fn reserve(&mut self, rule: &RateBucket, now: u64) {
        self.tokens = self.tokens(rule, now) - 1.0;
        self.at = now;
    }
}
