//! The service: what becomes of an attempt that arrives (docs/model.md, "The service").

use herdsim_core::dist::Dist;
use herdsim_core::herd::{Counts, Residue};
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::action::Action;
use herdsim_core::scenario::fault::Fault;
use herdsim_core::scenario::hosts::View;
use herdsim_core::scenario::policy::{Failure, Policy};
use herdsim_core::scenario::service::{
    Cancel, Discipline, Pool, RetryAfter, Service, ServiceKind, Shed,
};
use rand::RngExt;

use super::client::Client;
use super::times::Site;
use super::{Answer, By, Event, Place, World};

/// A service, and those who call it.
pub struct Tier<'s> {
    pub service: &'s Service,
    /// How the next service is told from this one being the last.
    pub is_last: bool,
    /// Of each host; 0 where it has none.
    pub servers: u32,
    pub hosts: Vec<Host>,
    /// Tokens at the door, and when they were counted.
    limit: (f64, u64),
    /// Whose turn it is among hosts, and what each has in flight: for all together, or for each
    /// client process.
    pub views: Vec<(Option<usize>, Vec<u64>)>,
    pub policy: &'s Policy,
    pub clients: Vec<Client>,
    pub queued: usize,
    pub serving: usize,
    pub outstanding: u32,
    pub total: Counts,
    pub residue: Residue,
    pub offered_when: f64,
    pub first_when: f64,
    pub answered_when: f64,
}

pub struct Host {
    pub site: Site,
    /// In the order of their arrival.
    queue: Vec<usize>,
    /// In the order in which they began.
    serving: Vec<usize>,
    /// Attempts whose server is free, and for which the next service works.
    below: Vec<usize>,
    /// Since when there has always been somebody in the queue.
    stands_since: u64,
    pub offered: u64,
}

impl<'s> Tier<'s> {
    pub fn new(scenario: &'s Scenario, own: &'s Policy, tier: usize) -> Tier<'s> {
        let service = &scenario.services[tier];
        let policy = scenario.policy_at(tier, own);
        let clients = match tier {
            0 => scenario.callers().clients,
            _ => scenario.services[tier - 1]
                .downstream
                .as_ref()
                .map_or(1, |d| d.clients),
        };
        let faults = scenario.faults_at(tier);
        let actions: Vec<Action> = match own.acts {
            true => scenario.actions.clone(),
            false => Vec::new(),
        };
        let here = |a: &&Action| a.hits(&scenario.services) == Some(tier);
        let actions: Vec<Action> = actions.iter().filter(here).cloned().collect();
        let many = service.host_count();
        let hosts = (0..many).map(|host| {
            let hits = |f: &&Fault| f.hits_host(host, many);
            let faults = faults.iter().filter(hits).cloned().collect();
            Host {
                site: Site::new(faults, actions.clone()),
                queue: Vec::new(),
                serving: Vec::new(),
                below: Vec::new(),
                stands_since: 0,
                offered: 0,
            }
        });
        let views = match &service.hosts {
            Some(hosts) if hosts.view == View::Client => clients as usize,
            _ => 1,
        };
        Tier {
            service,
            is_last: tier + 1 == scenario.services.len(),
            servers: service.pool().map_or(0, |pool| pool.servers),
            hosts: hosts.collect(),
            limit: (
                service
                    .limit
                    .as_ref()
                    .map_or(0.0, |limit| f64::from(limit.burst)),
                0,
            ),
            views: vec![(None, vec![0; many as usize]); views],
            policy,
            clients: (0..clients).map(|_| Client::new(policy)).collect(),
            queued: 0,
            serving: 0,
            outstanding: 0,
            total: Counts::default(),
            residue: Residue::default(),
            offered_when: 0.0,
            first_when: 0.0,
            answered_when: 0.0,
        }
    }

    /// Whether a token is there, which is then taken; else when there will be one.
    fn takes_token(&mut self, now: u64) -> Result<(), u64> {
        let Some(limit) = &self.service.limit else {
            return Ok(());
        };
        let (tokens, at) = self.limit;
        let more = (now - at) as f64 / 1e9 * limit.rate.0;
        let tokens = (tokens + more).min(f64::from(limit.burst));
        // Of n tokens' time exactly n, whatever is lost in rounding.
        match tokens >= 1.0 - 1e-9 {
            true => {
                self.limit = (tokens - 1.0, now);
                Ok(())
            }
            false => {
                self.limit = (tokens, now);
                Err(((1.0 - tokens) / limit.rate.0 * 1e9).ceil() as u64)
            }
        }
    }
}

impl World<'_> {
    fn chance(&mut self, p: f64) -> bool {
        self.rng.random::<f64>() < p
    }

    /// The service answers an attempt, whose caller hears of it one way back later.
    fn answer(&mut self, attempt: usize, answer: Answer) {
        let back = self.scenario.network.back.sample(&mut self.rng).0;
        self.at(self.now + back, Event::Answer { attempt, answer });
    }

    fn reject(&mut self, attempt: usize, token_in: Option<u64>) {
        let hint = match self.tiers[self.attempts[attempt].tier].service.retry_after {
            Some(RetryAfter::After(wait)) => Some(wait.0),
            Some(RetryAfter::Token) => token_in,
            _ => None,
        };
        self.attempts[attempt].place = Place::Gone;
        self.answer(attempt, Answer::Failed(Failure::Rejected, hint));
    }

    pub(super) fn arrive(&mut self, attempt: usize) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        let (now, bin) = (self.now, (self.now / self.scenario.run.bin.0) as f64);
        let at = &mut self.tiers[tier];
        at.total.offered += 1;
        at.total.offered_retries += u64::from(self.attempts[attempt].number > 1);
        at.offered_when += bin;
        if self.attempts[attempt].number == 1 {
            at.first_when += bin;
        }
        at.hosts[host].offered += u64::from(now >= self.scenario.run.warmup.0);
        let site = &at.hosts[host].site;
        let (vanish, refuse, reject) = (site.vanish(now), site.refuse(now), site.reject(now));
        if self.chance(vanish) {
            self.attempts[attempt].place = Place::Gone;
            return;
        }
        if self.chance(refuse) {
            self.attempts[attempt].place = Place::Gone;
            self.answer(attempt, Answer::Failed(Failure::Refused, None));
            return;
        }
        if self.chance(reject) {
            self.reject(attempt, None);
            return;
        }
        if let Err(wait) = self.tiers[tier].takes_token(now) {
            self.reject(attempt, Some(wait));
            return;
        }
        if self.attempts[attempt].is_cancelled {
            self.attempts[attempt].place = Place::Gone;
            return;
        }
        let queue = self.tiers[tier].hosts[host].queue.len();
        if queue == 0 && self.may_start(tier, host) {
            self.start(attempt);
            return;
        }
        let room = match self.tiers[tier].service.pool() {
            Some(pool) => queue < pool.queue as usize && !self.sheds(tier, host, pool),
            None => true,
        };
        if !room {
            self.reject(attempt, None);
            return;
        }
        self.attempts[attempt].place = Place::Queued;
        self.attempts[attempt].queued_at = now;
        let to = &mut self.tiers[tier].hosts[host];
        if to.queue.is_empty() {
            to.stands_since = now;
        }
        to.queue.push(attempt);
        self.tiers[tier].queued += 1;
    }

    /// `shed` "rejects arrivals while the oldest in the queue has waited longer".
    fn sheds(&self, tier: usize, host: usize, pool: &Pool) -> bool {
        let oldest = self.tiers[tier].hosts[host].queue.first();
        match (pool.shed, oldest) {
            (Some(Shed::After(delay) | Shed::ByPriority(delay)), Some(oldest)) => {
                self.now - self.attempts[*oldest].queued_at > delay.0
            }
            _ => false,
        }
    }

    /// Whether a server is free, and starts work.
    fn may_start(&self, tier: usize, host: usize) -> bool {
        let at = &self.tiers[tier].hosts[host];
        match self.tiers[tier].service.kind {
            ServiceKind::Queue(_) => {
                let servers = at.site.servers(self.now, self.tiers[tier].servers);
                at.serving.len() < servers && !at.site.is_stalled(self.now)
            }
            // Others have "no queue": in a stall they take work, which stands still.
            _ => true,
        }
    }

    /// A server takes an attempt.
    fn start(&mut self, attempt: usize) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        let now = self.now;
        self.attempts[attempt].place = Place::Serving;
        self.attempts[attempt].began = now;
        let at = &mut self.tiers[tier];
        at.serving += 1;
        at.hosts[host].serving.push(attempt);
        let in_service = at.hosts[host].serving.len() as f64;
        let mut draw = |law: &Dist| law.sample(&mut self.rng).0 as f64;
        let work = match &at.service.kind {
            ServiceKind::Queue(pool) => {
                draw(&pool.service_time) * (1.0 + pool.contention.0 * (in_service - 1.0))
            }
            ServiceKind::Elastic(elastic) => {
                draw(&elastic.service_time) + elastic.slope.0 as f64 * in_service
            }
            ServiceKind::Coin(coin) => draw(&coin.response_time),
            _ => unreachable!("refused"),
        };
        let site = &at.hosts[host].site;
        let time = site.work.after(now, (work * site.slow(now)).round());
        self.at(time, Event::Finish { attempt });
    }

    /// Servers that are free take what waits, in the order of the discipline.
    pub(super) fn start_waiting(&mut self, tier: usize, host: usize) {
        let lifo_after = match self.tiers[tier].service.pool() {
            Some(pool) if pool.discipline == Discipline::Lifo => 0,
            Some(pool) if pool.discipline == Discipline::AdaptiveLifo => {
                pool.interval.map_or(u64::MAX, |interval| interval.0)
            }
            _ => u64::MAX,
        };
        while !self.tiers[tier].hosts[host].queue.is_empty() && self.may_start(tier, host) {
            let at = &self.tiers[tier].hosts[host];
            let place = match self.now - at.stands_since >= lifo_after {
                true => at.queue.len() - 1,
                false => 0,
            };
            let attempt = at.queue[place];
            self.leave_queue(attempt);
            // "`drop_expired` skips queued attempts whose caller has timed out, at no cost."
            let pool = self.tiers[tier].service.pool();
            if pool.is_some_and(|pool| pool.drop_expired) && self.attempts[attempt].has_left {
                self.attempts[attempt].place = Place::Gone;
                self.tiers[tier].total.dropped += 1;
                continue;
            }
            self.start(attempt);
        }
    }

    fn leave_queue(&mut self, attempt: usize) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        let waited = self.now - self.attempts[attempt].queued_at;
        let at = &mut self.tiers[tier];
        at.hosts[host].queue.retain(|other| *other != attempt);
        at.queued -= 1;
        at.total.waited_ns += u128::from(waited);
    }

    /// An attempt leaves its server.
    fn leave_server(&mut self, attempt: usize) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        let served = u128::from(self.now - self.attempts[attempt].began);
        let at = &mut self.tiers[tier];
        at.hosts[host].serving.retain(|other| *other != attempt);
        at.serving -= 1;
        at.total.served += 1;
        at.total.served_ns += served;
        if self.attempts[attempt].has_left {
            at.total.wasted += 1;
            at.total.wasted_ns += served;
        }
    }

    /// The service's own work on an attempt is done.
    pub(super) fn finish(&mut self, attempt: usize) {
        if self.attempts[attempt].place != Place::Serving {
            return;
        }
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        if self.tiers[tier].is_last {
            self.leave_server(attempt);
            self.complete(attempt, true);
            self.start_waiting(tier, host);
            return;
        }
        // "Then calls the next, and holds its server meanwhile unless `async`."
        let downstream = self.tiers[tier].service.downstream.as_ref();
        let frees = downstream.is_some_and(|d| d.frees_server);
        if frees {
            self.leave_server(attempt);
            self.attempts[attempt].place = Place::Below;
            self.tiers[tier].hosts[host].below.push(attempt);
        }
        // The call may have ended, and with it the attempt, before it is known here.
        let below = self.calls.len();
        self.attempts[attempt].below = Some(below);
        self.call(tier + 1, By::Attempt(attempt), 0, 0);
        if frees {
            self.start_waiting(tier, host);
        }
    }

    /// The next service has answered, or has been given up.
    pub(super) fn answered_below(&mut self, attempt: usize, is_ok: bool) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        match self.attempts[attempt].place {
            Place::Serving => {
                self.leave_server(attempt);
                self.complete(attempt, is_ok);
                self.start_waiting(tier, host);
            }
            Place::Below => {
                self.tiers[tier].hosts[host]
                    .below
                    .retain(|other| *other != attempt);
                self.complete(attempt, is_ok);
            }
            _ => {}
        }
    }

    /// Work is finished, and answered.
    fn complete(&mut self, attempt: usize, is_ok: bool) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        let call = self.attempts[attempt].call;
        self.attempts[attempt].place = Place::Gone;
        let again = std::mem::replace(&mut self.calls[call].is_done, true);
        self.tiers[tier].total.duplicates += u64::from(again);
        let site = &self.tiers[tier].hosts[host].site;
        let (error, loss) = (site.error(self.now), site.loss(self.now));
        let coin = match &self.tiers[tier].service.kind {
            ServiceKind::Coin(coin) => coin.failure_ratio.0,
            _ => 0.0,
        };
        // "A lost answer is lost whatever it was."
        if self.chance(loss) {
            return;
        }
        let fails = self.chance(error) || self.chance(coin) || !is_ok;
        self.answer(
            attempt,
            match fails {
                true => Answer::Failed(Failure::Error, None),
                false => Answer::Ok,
            },
        );
    }

    /// The service hears that a caller gave an attempt up.
    pub(super) fn cancel(&mut self, attempt: usize) {
        let (tier, host) = (self.attempts[attempt].tier, self.attempts[attempt].host);
        let all = self.tiers[tier].service.cancel == Cancel::All;
        match self.attempts[attempt].place {
            // It is overtaken by the news, and will be let go as it comes to the queue.
            Place::OnItsWay => {
                self.attempts[attempt].is_cancelled = true;
                self.tiers[tier].total.cancelled += 1;
            }
            Place::Queued => {
                self.leave_queue(attempt);
                self.attempts[attempt].place = Place::Gone;
                self.tiers[tier].total.cancelled += 1;
            }
            Place::Serving if all => {
                self.leave_server(attempt);
                self.attempts[attempt].place = Place::Gone;
                self.tiers[tier].total.cancelled += 1;
                self.abandon_below(attempt);
                self.start_waiting(tier, host);
            }
            Place::Below if all => {
                self.tiers[tier].hosts[host]
                    .below
                    .retain(|other| *other != attempt);
                self.attempts[attempt].place = Place::Gone;
                self.tiers[tier].total.cancelled += 1;
                self.abandon_below(attempt);
            }
            _ => {}
        }
    }

    fn abandon_below(&mut self, attempt: usize) {
        if let Some(call) = self.attempts[attempt].below {
            self.abandon(call);
        }
    }

    /// "Everything queued or in service is reset, those in service first, in the order in which
    /// they began."
    pub(super) fn reset(&mut self, tier: usize, host: usize) {
        let at = &self.tiers[tier].hosts[host];
        let (serving, queue, below) = (at.serving.clone(), at.queue.clone(), at.below.clone());
        for attempt in serving {
            self.leave_server(attempt);
            self.reset_one(attempt);
        }
        for attempt in queue {
            self.leave_queue(attempt);
            self.reset_one(attempt);
        }
        for attempt in below {
            self.tiers[tier].hosts[host]
                .below
                .retain(|other| *other != attempt);
            self.reset_one(attempt);
        }
    }

    fn reset_one(&mut self, attempt: usize) {
        self.attempts[attempt].place = Place::Gone;
        self.abandon_below(attempt);
        self.answer(attempt, Answer::Failed(Failure::Reset, None));
    }

    /// "What waits in the queue is *rejected*; what is served goes on."
    pub(super) fn clear(&mut self, tier: usize) {
        for host in 0..self.tiers[tier].hosts.len() {
            for attempt in self.tiers[tier].hosts[host].queue.clone() {
                self.leave_queue(attempt);
                self.reject(attempt, None);
            }
        }
    }
}
