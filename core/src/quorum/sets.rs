//! The replicas that an operation waits for, and what that promises apart from delays.

use crate::quorum::exact::at_least;
use crate::scenario::quorum::{Datacentres, FanOut, Home, Level, QuorumScenario, Wait};

pub(super) const NEVER: f64 = f64::INFINITY;

/// A set of replicas, a bit each.
pub(super) type Set = u64;

/// So many of each of some sets.
pub(super) type Quorum = Vec<(Set, u32)>;

/// How many of which replicas an operation waits for.
pub(super) fn quorum(wait: Wait, place: &[usize], places: usize, home: usize) -> Quorum {
    let at = |here: usize| -> Set {
        let those = place.iter().enumerate().filter(|(_, p)| **p == here);
        those.fold(0, |set, (i, _)| set | 1 << i)
    };
    let all = Set::MAX >> (64 - place.len());
    let majority = |set: Set| set.count_ones() / 2 + 1;
    match wait {
        Wait::Level(Level::LocalOne) => vec![(at(home), 1)],
        Wait::Level(Level::LocalQuorum) => vec![(at(home), majority(at(home)))],
        Wait::Level(Level::EachQuorum) => (0..places).map(|p| (at(p), majority(at(p)))).collect(),
        wait => vec![(all, wait.of(place.len() as u32).unwrap_or(1))],
    }
}

/// Where replicas are, and how many places there are.
pub(super) fn places(scenario: &QuorumScenario, n: u32) -> (Vec<usize>, usize) {
    match &scenario.datacentres {
        None => (vec![0; n as usize], 1),
        Some(d) => {
            let of = d.replicas.iter().enumerate();
            let place = of.flat_map(|(i, count)| vec![i; *count as usize]).collect();
            (place, d.replicas.len())
        }
    }
}

/// What quorums of a kind need, from every home that they may have.
fn asked_from(
    scenario: &QuorumScenario,
    n: u32,
    wait: Wait,
    of: fn(&Datacentres) -> Home,
) -> Vec<Quorum> {
    let (place, count) = places(scenario, n);
    let homes = match scenario.datacentres.as_ref().map(of) {
        Some(Home::At(place)) => place..place + 1,
        _ => 0..count,
    };
    homes
        .map(|home| quorum(wait, &place, count, home))
        .collect()
}

/// What a setting (N, R, W) is worth apart from delays.
pub struct Strength {
    /// Chance of enough replicas for reads, and for writes, each down with the same.
    pub available: [f64; 2],
    /// Replicas that may fail, whichever they are, before reads, and before writes, are no
    /// longer possible.
    pub resilience: [u32; 2],
    /// Share of operations that the busiest replica serves, at best.
    pub load: f64,
}

impl Strength {
    pub fn of(scenario: &QuorumScenario, n: u32, r: Wait, w: Wait, down: f64) -> Strength {
        let kinds = [
            asked_from(scenario, n, r, |d| d.reader),
            asked_from(scenario, n, w, |d| d.writer),
        ];
        let hint = w == Wait::Level(Level::Any) && scenario.cluster.handoff.is_some();
        let mean = |homes: &[Quorum], of: &dyn Fn(&Quorum) -> f64| {
            homes.iter().map(of).sum::<f64>() / homes.len() as f64
        };
        let up = |quorum: &Quorum| {
            let parts = quorum.iter();
            parts
                .map(|(set, k)| at_least(set.count_ones(), *k, 1.0 - down))
                .product::<f64>()
        };
        let mut available = [mean(&kinds[0], &up), mean(&kinds[1], &up)];
        if hint {
            available[1] = 1.0;
        }
        let spare = |quorum: &Quorum| quorum.iter().map(|(set, k)| set.count_ones() - k).min();
        let resilience = kinds
            .each_ref()
            .map(|kind| kind.iter().filter_map(spare).min().unwrap_or(0));
        let f = scenario.cluster.read_share.0;
        // Where everybody is asked, everybody serves: quoracle's figure, of quorums that are
        // chosen, is that of the other ways.
        let asks_all = scenario.cluster.fan_out == FanOut::All;
        let serves = |i: usize| {
            if asks_all {
                return 1.0;
            }
            let share = |quorum: &Quorum| {
                let own = quorum.iter().filter(|(set, _)| set >> i & 1 == 1);
                own.map(|(set, k)| f64::from(*k) / f64::from(set.count_ones()))
                    .sum::<f64>()
            };
            f * mean(&kinds[0], &share) + (1.0 - f) * mean(&kinds[1], &share)
        };
        Strength {
            available,
            resilience,
            load: (0..n as usize).map(serves).fold(0.0, f64::max),
        }
    }
}

/// The most of a read quorum of one set that some write quorum leaves outside of itself.
fn left_by((set, _): (Set, u32), other: &Quorum) -> u32 {
    let taken = other
        .iter()
        .map(|(of, k)| k.saturating_sub((of & !set).count_ones()))
        .sum::<u32>();
    set.count_ones() - taken.min(set.count_ones())
}

/// Whether no quorum of the one kind misses one of the other, from any home that
/// they may have.
fn meet(
    scenario: &QuorumScenario,
    n: u32,
    (one, at): (Wait, fn(&Datacentres) -> Home),
    (other, there): (Wait, fn(&Datacentres) -> Home),
) -> bool {
    let others = asked_from(scenario, n, other, there);
    asked_from(scenario, n, one, at).iter().all(|ones| {
        // Of several sets it is enough that one cannot be filled elsewhere.
        let fills = |part: &(Set, u32), others| left_by(*part, others) < part.1;
        others
            .iter()
            .all(|others| ones.iter().any(|part| fills(part, others)))
    })
}

/// Whether a read after the commit is fresh whatever happens.
///
/// A hint and a stand-in count as a replica that reads do not ask.
pub fn proves_fresh(scenario: &QuorumScenario, n: u32, r: Wait, w: Wait) -> bool {
    let c = &scenario.cluster;
    let stands_in = c.down.0 > 0.0 && (c.sloppy || w == Wait::Level(Level::Any));
    !stands_in && meet(scenario, n, (r, |d| d.reader), (w, |d| d.writer))
}

/// Whether two writes always share a replica.
pub fn writes_meet(scenario: &QuorumScenario, n: u32, w: Wait) -> bool {
    meet(scenario, n, (w, |d| d.writer), (w, |d| d.writer))
}

pub(super) fn members(set: Set) -> impl Iterator<Item = usize> {
    let mut left = set;
    std::iter::from_fn(move || {
        let i = left.trailing_zeros();
        (left != 0).then(|| {
            left &= left - 1;
            i as usize
        })
    })
}

/// The first of those asked that make the quorum, and the last of them; none
/// where there are not enough.
pub(super) fn first(order: &[usize], quorum: &Quorum, asked: Set) -> Option<(Set, usize)> {
    let (mut all, mut last) = (0, 0);
    for (set, k) in quorum {
        let mut left = *k;
        for (rank, i) in order.iter().enumerate() {
            if left > 0 && (set & asked) >> i & 1 == 1 {
                all |= 1 << i;
                left -= 1;
                last = last.max(rank);
            }
        }
        if left > 0 {
            return None;
        }
    }
    Some((all, order[last]))
}

/// When a quorum outside of `without` is complete.
pub(super) fn completed(order: &[usize], at: &[f64], quorum: &Quorum, without: Set) -> f64 {
    let mut end = 0.0f64;
    for (set, k) in quorum {
        let those = order.iter().filter(|i| (set & !without) >> **i & 1 == 1);
        match those.map(|i| at[*i]).nth(*k as usize - 1) {
            Some(time) => end = end.max(time),
            None => return NEVER,
        }
    }
    end
}
