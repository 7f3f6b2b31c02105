//! Which host an attempt is sent to, and what becomes of hosts that fail.
//!
//! What is excluded is excluded in this order: hosts whose breaker lets nothing through (if that
//! is all of them, the attempt is denied), hosts that have been ejected, hosts that the call has
//! been sent to. Where one of the latter two leaves no host, it is left out of account.

use rand::RngExt;

use crate::scenario::hosts::{Balance, View};
use crate::scenario::policy::{Eject, Policy};
use crate::scenario::service::Service;
use crate::streams::Stream;

/// Chooses hosts.
#[derive(Clone)]
pub(super) struct Balancer {
    hosts: u32,
    balance: Balance,
    view: View,
    /// Attempts in flight, by host.
    flying: Vec<u32>,
    turn: u32,
    rng: Stream,
    /// Hosts that are excluded, sorted; and those that are drawn.
    barred: Vec<u32>,
    drawn: Vec<u32>,
}

impl Balancer {
    /// Among the hosts of a service; nothing of one.
    pub fn new(service: &Service, rng: Stream) -> Option<Balancer> {
        let hosts = service.hosts.as_ref()?;
        Some(Balancer {
            hosts: hosts.count,
            balance: hosts.balance,
            view: hosts.view,
            flying: vec![0; hosts.count as usize],
            turn: 0,
            rng,
            barred: Vec::new(),
            drawn: Vec::new(),
        })
    }

    pub fn reseed(&mut self, rng: Stream) {
        self.rng = rng;
    }

    /// Whether each client process looks for itself.
    pub fn is_local(&self) -> bool {
        self.view == View::Client
    }

    /// Whether somebody asks how many attempts are in flight.
    pub fn counts_flying(&self) -> bool {
        matches!(self.balance, Balance::Least(_) | Balance::LeastOfAll)
    }

    /// The host of the next attempt of a call of a client; `keeps` is what a caller that keeps
    /// to one is known by. Nothing where breakers let nothing through.
    pub fn pick(
        &mut self,
        sight: &mut Sight,
        client: u32,
        keeps: u32,
        tripped: impl Iterator<Item = u32>,
        tried: &[u32],
        now: u64,
    ) -> Option<u32> {
        self.barred.clear();
        self.barred.extend(tripped);
        let open = self.exclude(0)?;
        self.barred.extend(sight.ejected(client, now));
        let open = self.exclude(open).unwrap_or(open);
        self.barred.extend(tried);
        let _ = self.exclude(open);
        Some(self.choose(sight, client, keeps))
    }

    /// The same where nothing is excluded.
    #[inline]
    pub fn pick_any(&mut self, sight: &mut Sight, client: u32, keeps: u32) -> u32 {
        self.choose(sight, client, keeps)
    }

    /// A host that is not barred.
    #[inline]
    fn choose(&mut self, sight: &mut Sight, client: u32, keeps: u32) -> u32 {
        let all = self.hosts;
        let left = all - self.barred.len() as u32;
        let local = self.view == View::Client;
        match self.balance {
            Balance::Random => {
                let n = self.rng.random_range(0..left);
                self.allowed(n)
            }
            Balance::Sticky => self.next_allowed(keeps % all),
            Balance::RoundRobin => {
                let from = match local {
                    true => *sight.turn(client, all, &mut self.rng),
                    false => self.turn,
                };
                let host = self.next_allowed(from);
                let next = (host + 1) % all;
                match local {
                    true => *sight.turn(client, all, &mut self.rng) = next,
                    false => self.turn = next,
                }
                host
            }
            Balance::Least(2) if left > 2 && self.barred.is_empty() && !local => {
                // The common case, without a list.
                let first = self.rng.random_range(0..left);
                let second = self.rng.random_range(0..left - 1);
                let second = second + u32::from(second >= first);
                let [a, b] = [first, second].map(|host| self.flying[host as usize]);
                // In random order, so that either of equals is as likely.
                if b < a { second } else { first }
            }
            Balance::Least(d) if d < left => {
                self.draw(d, left);
                self.least_of(sight, client)
            }
            Balance::Least(_) | Balance::LeastOfAll => {
                self.drawn.clear();
                let barred = &self.barred;
                let allowed = (0..all).filter(|host| barred.binary_search(host).is_err());
                self.drawn.extend(allowed);
                self.least_of(sight, client)
            }
        }
    }

    /// Brings what is barred in order, of which the first `before` are so anyhow: nothing, and
    /// no more than these barred, where no host would be left. Else how many are barred.
    fn exclude(&mut self, before: usize) -> Option<usize> {
        let old: Vec<u32> = match self.barred.len() == before {
            true => return Some(before),
            false => self.barred[..before].to_vec(),
        };
        self.barred.sort_unstable();
        self.barred.dedup();
        if self.barred.len() < self.hosts as usize {
            return Some(self.barred.len());
        }
        self.barred = old;
        None
    }

    /// The host of number `n` among those that are not barred.
    fn allowed(&self, n: u32) -> u32 {
        let mut host = n;
        for barred in &self.barred {
            if *barred > host {
                break;
            }
            host += 1;
        }
        host
    }

    /// The first host that is not barred, from one on, round and round.
    fn next_allowed(&self, from: u32) -> u32 {
        let all = self.hosts;
        let mut host = from;
        while self.barred.binary_search(&host).is_ok() {
            host = (host + 1) % all;
        }
        host
    }

    /// Draws `d` different hosts of the `left` that are not barred, in random order.
    fn draw(&mut self, d: u32, left: u32) {
        self.drawn.clear();
        if 2 * d > left {
            // So many that it is simpler to shuffle them all.
            let barred = &self.barred;
            let allowed = (0..self.hosts).filter(|h| barred.binary_search(h).is_err());
            self.drawn.extend(allowed);
            for place in 0..d as usize {
                let other = self.rng.random_range(place..self.drawn.len());
                self.drawn.swap(place, other);
            }
            self.drawn.truncate(d as usize);
            return;
        }
        while self.drawn.len() < d as usize {
            let n = self.rng.random_range(0..left);
            let host = self.allowed(n);
            if !self.drawn.contains(&host) {
                self.drawn.push(host);
            }
        }
    }

    /// Of those drawn the one with the fewest attempts in flight, ties at random.
    fn least_of(&mut self, sight: &Sight, client: u32) -> u32 {
        let flying = match self.view {
            View::All => &self.flying[..],
            View::Client => sight.flying_of(client, self.hosts as usize),
        };
        let (mut least, mut ties, mut best) = (u32::MAX, 0, 0);
        for host in &self.drawn {
            let count = flying[*host as usize];
            if count < least {
                (least, ties, best) = (count, 1, *host);
            } else if count == least {
                ties += 1;
                if self.rng.random_range(0..ties) == 0 {
                    best = *host;
                }
            }
        }
        best
    }

    /// An attempt of a client is in flight to a host, or no longer.
    pub fn fly(&mut self, sight: &mut Sight, client: u32, host: u32, takes_off: bool) {
        if !self.counts_flying() {
            return;
        }
        let all = self.hosts as usize;
        let own = sight.flying.get_mut(client as usize * all + host as usize);
        let shift = |count: &mut u32| match takes_off {
            true => *count += 1,
            false => *count -= 1,
        };
        shift(&mut self.flying[host as usize]);
        own.map(shift);
    }
}

/// No host's turn.
const NOBODYS: u32 = u32::MAX;

/// What the clients of a service know of its hosts, under one policy.
#[derive(Clone, Default)]
pub(super) struct Sight {
    hosts: u32,
    eject: Option<Eject>,
    /// By client and host.
    records: Vec<Record>,
    /// By client, hosts that are left out.
    out: Vec<Vec<u32>>,
    /// By client and host, where each client counts its own.
    flying: Vec<u32>,
    /// By client, whose turn it is; [`NOBODYS`] where it has not begun.
    turns: Vec<u32>,
}

/// How a host has done of late, as a client process saw it.
#[derive(Clone, Copy, Default)]
struct Record {
    /// Attempts that failed, one after the other.
    failures: u32,
    /// By how many lengths it is left out the next time, less one.
    times: u32,
    /// When it was left out, while it is; and when it came back last.
    since: Option<u64>,
    back: Option<u64>,
}

impl Sight {
    pub fn new(policy: &Policy, service: &Service, clients: u32) -> Sight {
        let Some(hosts) = &service.hosts else {
            return Sight::default();
        };
        let local = hosts.view == View::Client;
        let (n, pairs) = (clients as usize, clients as usize * hosts.count as usize);
        let eject = policy.eject.clone();
        Sight {
            hosts: hosts.count,
            records: vec![Record::default(); eject.as_ref().map_or(0, |_| pairs)],
            out: vec![Vec::new(); eject.as_ref().map_or(0, |_| n)],
            eject,
            flying: vec![0; if local { pairs } else { 0 }],
            turns: vec![NOBODYS; if local { n } else { 0 }],
        }
    }

    /// Whether it follows how attempts end.
    pub fn watches(&self) -> bool {
        self.eject.is_some()
    }

    fn flying_of(&self, client: u32, hosts: usize) -> &[u32] {
        let from = client as usize * hosts;
        &self.flying[from..from + hosts]
    }

    /// Whose turn it is with a client, which begins anywhere.
    fn turn(&mut self, client: u32, hosts: u32, rng: &mut Stream) -> &mut u32 {
        let turn = &mut self.turns[client as usize];
        if *turn == NOBODYS {
            *turn = rng.random_range(0..hosts);
        }
        turn
    }

    /// The hosts that a client leaves out now.
    fn ejected(&mut self, client: u32, now: u64) -> impl Iterator<Item = u32> {
        self.return_some(client, now);
        let out = self
            .out
            .get(client as usize)
            .map_or(&[][..], |out| &out[..]);
        out.iter().copied()
    }

    /// When a client first looks: each at a time of its own, as processes that did not start
    /// together do.
    fn phase(&self, client: u32) -> u64 {
        let interval = self.eject.as_ref().map_or(0, |rule| rule.interval.0);
        let share = f64::from(client) / self.out.len().max(1) as f64;
        (interval as f64 * share) as u64
    }

    /// Takes those back whose time is over.
    fn return_some(&mut self, client: u32, now: u64) {
        let phase = self.phase(client);
        let (Some(rule), Some(out)) = (&self.eject, self.out.get_mut(client as usize)) else {
            return;
        };
        let from = client as usize * self.hosts as usize;
        let records = &mut self.records[from..from + self.hosts as usize];
        out.retain(|host| {
            let record = &mut records[*host as usize];
            record.settle(rule, phase, now);
            record.since.is_some()
        });
    }

    /// An attempt of a client at a host has ended, well or not.
    pub fn ended(&mut self, client: u32, host: u32, failed: bool, now: u64) {
        self.return_some(client, now);
        let Some(rule) = &self.eject else {
            return;
        };
        let phase = self.phase(client);
        let record = &mut self.records[client as usize * self.hosts as usize + host as usize];
        record.settle(rule, phase, now);
        if record.since.is_some() {
            return; // It is out already.
        }
        if !failed {
            record.failures = 0;
            return;
        }
        record.failures += 1;
        if record.failures < rule.failures {
            return;
        }
        record.failures = 0;
        let out = &mut self.out[client as usize];
        let share = f64::from(out.len() as u32 + 1) / f64::from(self.hosts);
        if share <= rule.at_most.0 + 1e-9 {
            record.since = Some(now);
            if u64::from(record.times) * rule.lasts.0 < rule.longest.0 + rule.lasts.0 {
                record.times += 1;
            }
            out.push(host);
        }
    }
}

impl Record {
    /// Brings it up to now: one looks whether it is back at every interval.
    fn settle(&mut self, rule: &Eject, phase: u64, now: u64) {
        let interval = rule.interval.0;
        let Some(since_first) = now.checked_sub(phase) else {
            return;
        };
        let look = phase + since_first / interval * interval;
        if let Some(since) = self.since {
            let lasts = u64::from(self.times).saturating_mul(rule.lasts.0);
            let over = since.saturating_add(lasts.min(rule.longest.0));
            let looks = over.saturating_sub(phase).div_ceil(interval);
            let back = phase.saturating_add(looks.saturating_mul(interval));
            if back <= now {
                (self.since, self.back, self.failures) = (None, Some(back), 0);
            }
        }
        if let (None, Some(back)) = (self.since, self.back)
            && look > back
        {
            // One for every look that long after it came back.
            let looks = (look - back) / interval;
            self.times -= u32::try_from(looks).unwrap_or(u32::MAX).min(self.times);
            self.back = Some(look);
        }
    }
}
