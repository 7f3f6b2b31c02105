//! Time until fresh where nothing solves for it: the last step of each trial weighed by its
//! chance at times around the trials' own answer.

use crate::ensemble::quorum::batches::tallies;
use crate::ensemble::{Watch, Workers};
use crate::quorum::cluster;
use crate::quorum::counts::Counts;
use crate::scenario::quorum::{QuorumScenario, Wait};
use crate::stats::Estimate;

/// Times of a level that are looked at with the same trials.
const TIMES: u32 = 24;

/// An interval over so many of them has been looked at closely enough.
const SEEN: usize = 8;

/// How often to look closer at most.
const LOOKS: u32 = 6;

/// Trials that each look takes at most: weighed, they tell as much as many more counted.
pub(crate) const ENOUGH: u64 = 1 << 16;

/// A time until fresh in ns, its low and its high end; None where it is never so, or not
/// known to be.
pub(super) type Visible = [Option<f64>; 3];

/// What is to be found: of a setting, by its place among them, levels and times to look at.
struct Search<'s> {
    place: usize,
    levels: Vec<(usize, Vec<f64>)>,
    /// Those of all levels, rising.
    times: Vec<f64>,
    world: cluster::World<'s>,
}

/// The times of every setting and level: by their order statistics, and where a trial can be
/// weighed by that, from many of them again with the same draws.
pub(super) fn until_fresh(
    scenario: &QuorumScenario,
    settings: &[(u32, (Wait, Wait), &Counts)],
    trials: u64,
    workers: &Workers,
    watch: &Watch<'_>,
) -> Vec<Vec<Visible>> {
    let levels = &scenario.read.visibility;
    let mut all: Vec<Vec<Visible>> = settings
        .iter()
        .map(|(.., counts)| levels.iter().map(|l| counts.visibility(l.0)).collect())
        .collect();
    let trials = trials.min(ENOUGH);
    let mut searches = Vec::new();
    for (place, (n, setting, counts)) in settings.iter().enumerate() {
        let is_weighed = counts.weighed.first().is_some_and(|w| w.estimate().n > 0);
        let around = all[place].iter().map(|level| around(level, counts));
        let levels: Vec<(usize, Vec<f64>)> = around.enumerate().collect();
        if is_weighed {
            let world = cluster::World::new(scenario, *n, vec![*setting]);
            searches.push(Search {
                place,
                levels,
                times: Vec::new(),
                world,
            });
        }
    }
    for _ in 0..LOOKS {
        for search in &mut searches {
            search.levels.retain(|(_, times)| !times.is_empty());
            let times = search.levels.iter().flat_map(|(_, times)| times);
            let mut times: Vec<f64> = times.copied().collect();
            times.sort_by(f64::total_cmp);
            times.dedup();
            search.world.look_at(times.clone());
            search.times = times;
        }
        searches.retain(|search| !search.levels.is_empty());
        let worlds: Vec<&cluster::World<'_>> = searches.iter().map(|s| &s.world).collect();
        let quiet = Watch {
            stop: watch.stop,
            ..Watch::default()
        };
        let (tallies, reached) = tallies(&worlds, trials, workers, &quiet);
        if searches.is_empty() || reached < trials {
            break;
        }
        for (search, tally) in searches.iter_mut().zip(&tallies) {
            let weighed = tally.settings[0].weighed.iter();
            let whole: Vec<(f64, Estimate)> = search
                .times
                .iter()
                .zip(weighed)
                .map(|(t, ratio)| (*t, ratio.estimate()))
                .collect();
            for (level, times) in &mut search.levels {
                let own = whole.iter().filter(|(t, _)| times.contains(t));
                let curve: Vec<(f64, Estimate)> = own.copied().collect();
                let most = 1.0 - levels[*level].0;
                times.clear();
                let crossing = |of: fn(&Estimate) -> f64| crossing(&curve, of, most);
                let Some((t, _)) = crossing(|e| e.mean) else {
                    continue;
                };
                // Between two times the curve may fall in a step: the ends are times.
                let low = crossing(|e| e.low).map_or(0, |(_, i)| i.saturating_sub(1));
                let from = match low {
                    0 if curve[0].1.low <= most => 0.0,
                    i => curve[i].0,
                };
                let high = crossing(|e| e.high).map(|(_, i)| i);
                let to = high.map(|i| curve[i].0);
                all[search.place][*level] = [Some(t), Some(from), to];
                if let (Some(high), Some(to)) = (high, to)
                    && high < low + SEEN
                    && to - curve[low].0 > 1.0
                {
                    *times = spread(curve[low].0, to);
                }
            }
        }
    }
    all
}

/// Times around an answer by order statistics; none where it is at once.
fn around([t, low, high]: &Visible, counts: &Counts) -> Vec<f64> {
    if *t == Some(0.0) && *high == Some(0.0) || counts.need_ns.is_empty() {
        return Vec::new();
    }
    let last = counts.need_ns.quantile_ns(1.0) as f64;
    let from = low.map_or(0.0, |low| low * 0.8);
    let to = high.unwrap_or(2.0 * last).max(t.unwrap_or(last)) * 1.25;
    spread(from, to)
}

fn spread(from: f64, to: f64) -> Vec<f64> {
    let at = |i: u32| {
        let share = f64::from(i) / f64::from(TIMES);
        match from > 0.0 {
            true => from * (to / from).powf(share),
            false => to * share,
        }
    };
    (0..=TIMES).map(at).collect()
}

/// Where a falling curve comes down to `most`, and the place of the next of its times; None
/// where that is not within them.
fn crossing(
    curve: &[(f64, Estimate)],
    of: impl Fn(&Estimate) -> f64,
    most: f64,
) -> Option<(f64, usize)> {
    let i = curve.iter().position(|(_, e)| of(e) <= most)?;
    let (t, p) = (curve[i].0, of(&curve[i].1));
    let Some(before) = i.checked_sub(1).map(|i| &curve[i]) else {
        return (t == 0.0).then_some((t, i));
    };
    let above = of(&before.1);
    let share = match p > 0.0 {
        true => (above / most).ln() / (above / p).ln(),
        false => (above - most) / (above - p),
    };
    Some((before.0 + (t - before.0) * share, i))
}
