//! A leader pauses, its lease runs out, a successor takes over, the leader
//! wakes and writes: does the resource apply what it had in hand?
//!
//! Time 0 is the last effective renewal of the old leader's lease, so the lease
//! is over at `ttl`. The meaning of every name is in `docs/model.md`.

use crate::dist::{Dist, unit};
use crate::ensemble::stats::Moments;
use crate::ensemble::trials::{Tally, TrialWorld};
use crate::scenario::fence::{Fence, Guard, PauseAt};
use crate::streams::{Purpose, Stream, Streams};

/// What is counted of every pause, per guard.
pub const METRICS: [&str; 9] = [
    "p_leader_change",
    "p_overlap",
    "p_stale_write",
    "p_unseen",
    "p_rejected",
    "p_lost_update",
    "p_stale_write_and_change",
    "p_lost_update_and_change",
    "unavailable_s",
];

/// Those of them that are chances.
const CHANCES: usize = METRICS.len() - 1;

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
        let from = match guard {
            Guard::AtomicBarrier => self.registered,
            _ => self.acquired,
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
        match (self.changes_leader(), guard) {
            (false, _) => self.wake - self.pause,
            (true, Guard::AtomicBarrier) => self.registered - self.pause,
            (true, _) => self.acquired - self.pause,
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
        let seen = match guard {
            Guard::AtomicBarrier => self.registered,
            _ => newer,
        };
        let applied = match guard {
            Guard::CheckThenWrite => self.lands.saturating_add(self.gap),
            _ => self.lands,
        };
        let checks = !matches!(guard, Guard::None | Guard::RememberAfter);
        let rejected = checks && self.lands > seen;
        let stale = !rejected && applied > newer;
        // Behind a barrier the successor has not read yet: nothing is lost.
        let unseen = overlap && !rejected && !stale && guard != Guard::AtomicBarrier;
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
        let acquired = expires.saturating_add(f.takeover.sample(&mut self.successor).0);
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

/// True time, in ns after the renewal, at which the leader's own clock says
/// that the lease is over.
fn own_expiry(fence: &Fence) -> f64 {
    fence.ttl.0 as f64 / (1.0 - fence.drift.0)
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

/// The chances of [`METRICS`] but the last, given all draws except the pause's
/// length: their mean is free of the noise of rare pauses.
fn conditional(fence: &Fence, f: &Failover, guard: Guard) -> [f64; CHANCES] {
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
    if guard == Guard::AtomicBarrier {
        let [rejected, _] = beyond(since(f.registered));
        return [change, overlap[0], 0.0, 0.0, rejected, 0.0, 0.0, 0.0];
    }
    let newer = beyond(since(f.newer(guard)));
    // From here on it is not applied before the newer write.
    let reaches = match guard {
        Guard::CheckThenWrite => beyond(since(f.newer(guard)) - f.gap as f64),
        _ => newer,
    };
    let acquired = match f.acquired == f.expires {
        true => overlap,
        false => beyond(since(f.acquired)),
    };
    let stale = |i: usize| match guard {
        Guard::None | Guard::RememberAfter => newer[i],
        Guard::CheckThenWrite => reaches[i] - newer[i],
        Guard::Atomic | Guard::AtomicBarrier => 0.0,
    };
    let lost = |i: usize| acquired[i] - reaches[i].min(acquired[i]);
    let rejected = match guard {
        Guard::None | Guard::RememberAfter => 0.0,
        _ => newer[0],
    };
    let unseen = overlap[0] - reaches[0].min(overlap[0]);
    [
        change,
        overlap[0],
        stale(0),
        unseen,
        rejected,
        lost(0),
        stale(1),
        lost(1),
    ]
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
        let mut counts = vec![[0u64; CHANCES]; self.guards.len()];
        let mut sums = vec![[[0.0; 2]; CHANCES]; self.guards.len()];
        let mut idle = vec![Moments::default(); self.guards.len()];
        for _ in 0..trials {
            let failover = draws.next();
            for (cell, guard) in self.guards.iter().enumerate() {
                let ending = failover.play(*guard);
                let changes = failover.changes_leader();
                let happened = [
                    changes,
                    ending.overlap,
                    ending.stale,
                    ending.unseen,
                    ending.rejected,
                    ending.lost_update,
                    ending.stale && changes,
                    ending.lost_update && changes,
                ];
                for (count, happened) in counts[cell].iter_mut().zip(happened) {
                    *count += u64::from(happened);
                }
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
            for metric in 0..CHANCES {
                let hits = counts[cell][metric] as f64;
                let [sum, squares] = sums[cell][metric];
                tally.simulated[cell][metric] = Moments::of_sums(trials, hits, hits);
                tally.conditional[cell][metric] = Moments::of_sums(trials, sum, squares);
            }
            tally.simulated[cell][CHANCES] = idle[cell];
            tally.conditional[cell][CHANCES] = idle[cell];
        }
        tally
    }
}
