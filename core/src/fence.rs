//! A leader pauses, its lease runs out, a successor takes over, the leader
//! wakes and writes: does the resource apply what it had in hand?
//!
//! Time 0 is the last effective renewal of the old leader's lease, so the lease
//! is over at `ttl`. The meaning of every name is in `docs/model.md`.

use crate::dist::{Dist, unit};
use crate::metric::{self, Better, Domain, Interval, Key, Metric, Unit};
use crate::scenario::fence::{Fence, Guard, PauseAt};
use crate::stats::Moments;
use crate::streams::{Purpose, Stream, Streams};
use crate::units::Nanos;
use crate::world::{Tally, TrialWorld};

/// A chance per pause.
const fn chance(name: &'static str, title: &'static str, doc: &'static str) -> Metric {
    let range = (Unit::Chance, Domain::Share);
    Metric::new(name, title, range, Better::Less, doc).by(Interval::Trials)
}

/// What is counted of every pause, per guard.
pub const METRICS: &[Metric] = &[
    chance(
        "p_leader_change",
        "leader changes",
        "the leader wakes after expiry",
    ),
    chance(
        "p_overlap",
        "lands late",
        "its write lands after expiry, whatever becomes of it",
    ),
    chance(
        "p_stale_write",
        "stale write",
        "it is applied after a write with a newer token",
    ),
    chance(
        "p_unseen",
        "unseen",
        "it is applied after expiry, before a newer token was seen: no check at the resource \
         can refuse it. With a barrier the successor reads only after its registration, and \
         none of them matters: 0",
    ),
    chance("p_rejected", "rejected", "it is rejected"),
    chance(
        "p_lost_update",
        "lost update",
        "it is unseen, and lands after the successor's acquisition: if that has read by then, \
         an update is lost",
    ),
    chance(
        "p_stale_write_and_change",
        "stale, leader changes",
        "a stale write, and the leader wakes after expiry",
    ),
    chance(
        "p_lost_update_and_change",
        "lost, leader changes",
        "a lost update, and the leader wakes after expiry",
    ),
    Metric::new(
        "unavailable_s",
        "unavailable",
        (Unit::Seconds, Domain::Duration),
        Better::Less,
        "mean time without a leader that can act: the pause, or until the successor's \
         acquisition (registration)",
    )
    .by(Interval::Trials),
];

const fn key(name: &'static str) -> Key {
    metric::key(METRICS, name)
}

pub const LEADER_CHANGE: Key = key("p_leader_change");
pub const OVERLAP: Key = key("p_overlap");
pub const STALE_WRITE: Key = key("p_stale_write");
pub const UNSEEN: Key = key("p_unseen");
pub const REJECTED: Key = key("p_rejected");
pub const LOST_UPDATE: Key = key("p_lost_update");
pub const STALE_WRITE_AND_CHANGE: Key = key("p_stale_write_and_change");
pub const LOST_UPDATE_AND_CHANGE: Key = key("p_lost_update_and_change");
pub const UNAVAILABLE_S: Key = key("unavailable_s");

/// Values of [`METRICS`]; of the chances only those that are set differ from 0.
type Values = [f64; METRICS.len()];

/// One pause and what follows, drawn; instants in ns after the last renewal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failover {
    /// When the pause begins, and when it ends.
    pub pause: u64,
    pub wake: u64,
    /// Whether the old leader sends its write, and when that reaches the resource.
    pub sent: bool,
    pub lands: u64,
    /// `check-then-write` applies it so much later.
    pub gap: u64,
    pub expires: u64,
    /// When the successor acquires the next token, when the resource knows of
    /// it where there is a barrier, and the wait for the successor's first write.
    pub acquired: u64,
    pub registered: u64,
    pub first_step: u64,
}

/// What became of the old leader's write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// It reached the resource after the lease had run out.
    pub overlap: bool,
    /// It was applied after a write with a newer token.
    pub stale: bool,
    /// It was applied after expiry, before a newer token was seen: nothing could
    /// tell that it is old. A barrier leaves none that matters.
    pub unseen: bool,
    pub rejected: bool,
    /// The same with a successor there, which may have read before: an update is lost.
    pub lost_update: bool,
}

impl Failover {
    /// When the successor's first write reaches the resource: it is not before
    /// its registration where there is one.
    pub fn newer(&self, guard: Guard) -> u64 {
        let from = match guard.registers() {
            true => self.registered,
            false => self.acquired,
        };
        from.saturating_add(self.first_step)
    }

    /// Whether the lease is over before the leader wakes.
    pub fn changes_leader(&self) -> bool {
        self.wake > self.expires
    }

    /// Without a leader that can act: the pause, or what is left of the lease
    /// and the takeover, with a barrier its registration too.
    pub fn unavailable(&self, guard: Guard) -> u64 {
        match (self.changes_leader(), guard.registers()) {
            (false, _) => self.wake - self.pause,
            (true, true) => self.registered - self.pause,
            (true, false) => self.acquired - self.pause,
        }
    }

    /// What the resource does with the old leader's write.
    pub fn play(&self, guard: Guard) -> Ending {
        if !self.sent {
            return Ending::default();
        }
        let overlap = self.lands > self.expires;
        let newer = self.newer(guard);
        // The token that the resource has seen as the write arrives, and
        // whether a newer write has landed by the time it is applied.
        let seen = match guard.registers() {
            true => self.registered,
            false => newer,
        };
        let applied = match guard.applies_late() {
            true => self.lands.saturating_add(self.gap),
            false => self.lands,
        };
        let rejected = guard.checks() && self.lands > seen;
        let stale = !rejected && applied > newer;
        // Behind a barrier the successor has not read yet: nothing is lost.
        let unseen = overlap && !rejected && !stale && !guard.registers();
        Ending {
            overlap,
            stale,
            unseen,
            rejected,
            lost_update: unseen && self.lands > self.acquired,
        }
    }
}

/// The streams of a batch of failovers.
struct Draws<'f> {
    fence: &'f Fence,
    leader: Stream,
    successor: Stream,
    network: Stream,
}

impl<'f> Draws<'f> {
    fn new(fence: &'f Fence, streams: Streams) -> Draws<'f> {
        Draws {
            fence,
            leader: streams.stream(Purpose::Arrivals),
            successor: streams.stream(Purpose::Service),
            network: streams.stream(Purpose::Network),
        }
    }

    #[inline]
    fn next(&mut self) -> Failover {
        let f = self.fence;
        let pause = match f.pause_at {
            PauseAt::Random => (unit(&mut self.leader) * f.renew.0 as f64) as u64,
            PauseAt::Renewal => 0,
        };
        let wake = pause.saturating_add(f.pause.sample(&mut self.leader).0);
        let lands = wake.saturating_add(f.network.sample(&mut self.network).0);
        let expires = f.ttl.0;
        let acquired = match (&f.takeover, f.retry) {
            (_, Some(retry)) => polled(f, retry, &mut self.successor),
            (Some(takeover), None) => {
                expires.saturating_add(takeover.sample(&mut self.successor).0)
            }
            (None, None) => expires,
        };
        let sent = !f.self_check || (wake as f64) < own_expiry(f);
        Failover {
            pause,
            wake,
            sent,
            lands,
            gap: f.gap.sample(&mut self.network).0,
            expires,
            acquired,
            registered: acquired.saturating_add(f.network.sample(&mut self.network).0),
            first_step: f.first_step.sample(&mut self.successor).0,
        }
    }
}

/// When the first of some candidates acquires the lease, in ns after its last renewal.
///
/// Each looks every `retry` · U(1, 2.2), and takes the lease as it looks once it has seen
/// no renewal for `ttl` (kubernetes/client-go, `tools/leaderelection/leaderelection.go`:
/// `observedTime` is its own clock's when it saw the record change).
fn polled(fence: &Fence, retry: Nanos, rng: &mut Stream) -> u64 {
    const JITTER: f64 = 1.2;
    let shortest = retry.0 as f64;
    let one = |rng: &mut Stream| {
        // The look that is under way at the renewal: a longer one is met more often, and
        // at an instant uniform on it.
        let spread = (1.0 + JITTER).powi(2) - 1.0;
        let length = (1.0 + spread * unit(rng)).sqrt() * shortest;
        let seen = length * unit(rng);
        let mut now = seen;
        while now < seen + fence.ttl.0 as f64 {
            now += shortest * (1.0 + JITTER * unit(rng));
        }
        now as u64
    };
    let all = (0..fence.candidates).map(|_| one(rng));
    all.min().unwrap_or(u64::MAX)
}

/// True time, in ns after the renewal, at which the leader's own clock says
/// that the lease is over, or its deadline for renewing it.
fn own_expiry(fence: &Fence) -> f64 {
    let lasts = fence.renew_deadline.unwrap_or(fence.ttl);
    lasts.0 as f64 / (1.0 - fence.drift.0)
}

/// P(wake > pause + x and the write is sent), for a pause of given begin.
struct Tail<'f> {
    pause: &'f Dist,
    /// Chance that the leader wakes too late to send, by its own clock.
    too_late: f64,
}

impl Tail<'_> {
    /// The chance that the write is sent more than `x` ns after the pause began.
    #[inline]
    fn beyond(&self, x: f64) -> f64 {
        (self.pause.survival(x) - self.too_late).max(0.0)
    }
}

/// The chances of [`METRICS`], given all draws except the pause's length: their mean is
/// free of the noise of rare pauses.
fn conditional(fence: &Fence, f: &Failover, guard: Guard) -> Values {
    let transit = (f.lands - f.wake) as f64;
    let since = |instant: u64| instant as f64 - f.pause as f64 - transit;
    // The leader sends if it wakes in a nanosecond before its own expiry, to the
    // nearest of which its pause is rounded.
    let last = (own_expiry(fence) - f.pause as f64).ceil() - 0.5;
    let tail = Tail {
        pause: &fence.pause,
        too_late: match fence.self_check {
            true => fence.pause.survival(last),
            false => 0.0,
        },
    };
    let expiry = f.expires as f64 - f.pause as f64;
    let change = fence.pause.survival(expiry);
    // Everything is of the form "it lands after …", so the events are nested. Beside
    // each chance stands that of the same and a pause beyond the lease.
    let changed = (change - tail.too_late).max(0.0);
    let beyond = |x: f64| {
        let p = tail.beyond(x);
        [p, if x < expiry { changed } else { p }]
    };
    let overlap = beyond(since(f.expires));
    let mut chances = [0.0; METRICS.len()];
    let mut set = |metric: Key, chance: f64| chances[metric.index()] = chance;
    set(LEADER_CHANGE, change);
    set(OVERLAP, overlap[0]);
    if guard.registers() {
        set(REJECTED, beyond(since(f.registered))[0]);
        return chances;
    }
    let newer = beyond(since(f.newer(guard)));
    // From here on it is not applied before the newer write.
    let reaches = match guard.applies_late() {
        true => beyond(since(f.newer(guard)) - f.gap as f64),
        false => newer,
    };
    let acquired = match f.acquired == f.expires {
        true => overlap,
        false => beyond(since(f.acquired)),
    };
    let stale = |i: usize| match guard.checks() {
        true => reaches[i] - newer[i],
        false => newer[i],
    };
    let lost = |i: usize| acquired[i] - reaches[i].min(acquired[i]);
    let rejected = match guard.checks() {
        true => newer[0],
        false => 0.0,
    };
    set(STALE_WRITE, stale(0));
    set(UNSEEN, overlap[0] - reaches[0].min(overlap[0]));
    set(REJECTED, rejected);
    set(LOST_UPDATE, lost(0));
    set(STALE_WRITE_AND_CHANGE, stale(1));
    set(LOST_UPDATE_AND_CHANGE, lost(1));
    chances
}

impl TrialWorld for Fence {
    type Example = Failover;

    fn cells(&self) -> usize {
        self.guards.len()
    }

    fn metrics(&self) -> usize {
        METRICS.len()
    }

    fn batch(&self, streams: Streams, trials: u64) -> Tally<Failover> {
        let mut draws = Draws::new(self, streams);
        let mut tally = Tally::new(self.cells(), self.metrics());
        let mut counts = vec![[0u64; METRICS.len()]; self.guards.len()];
        let mut sums = vec![[[0.0; 2]; METRICS.len()]; self.guards.len()];
        let mut idle = vec![Moments::default(); self.guards.len()];
        for _ in 0..trials {
            let failover = draws.next();
            for (cell, guard) in self.guards.iter().enumerate() {
                let ending = failover.play(*guard);
                let changes = failover.changes_leader();
                let counts = &mut counts[cell];
                let mut count = |metric: Key, happened: bool| {
                    counts[metric.index()] += u64::from(happened);
                };
                count(LEADER_CHANGE, changes);
                count(OVERLAP, ending.overlap);
                count(STALE_WRITE, ending.stale);
                count(UNSEEN, ending.unseen);
                count(REJECTED, ending.rejected);
                count(LOST_UPDATE, ending.lost_update);
                count(STALE_WRITE_AND_CHANGE, ending.stale && changes);
                count(LOST_UPDATE_AND_CHANGE, ending.lost_update && changes);
                if ending.stale && tally.first[cell].is_none() {
                    tally.first[cell] = Some(failover);
                }
                for (sum, p) in sums[cell]
                    .iter_mut()
                    .zip(conditional(self, &failover, *guard))
                {
                    sum[0] += p;
                    sum[1] += p * p;
                }
                idle[cell].add(failover.unavailable(*guard) as f64 / 1e9);
            }
        }
        for cell in 0..self.guards.len() {
            for metric in 0..METRICS.len() {
                let hits = counts[cell][metric] as f64;
                let [sum, squares] = sums[cell][metric];
                tally.simulated[cell][metric] = Moments::of_sums(trials, hits, hits);
                tally.conditional[cell][metric] = Moments::of_sums(trials, sum, squares);
            }
            tally.simulated[cell][UNAVAILABLE_S.index()] = idle[cell];
            tally.conditional[cell][UNAVAILABLE_S.index()] = idle[cell];
        }
        tally
    }
}
