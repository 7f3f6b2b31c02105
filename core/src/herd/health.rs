//! What a run would have been without its faults, and how it fared against that.
//!
//! Every replication has a twin: the same seed and policy, without the faults that do
//! harm. What the twins answer is what health is measured by, so that demand that falls
//! by itself is no illness.

use std::sync::Arc;

use crate::herd::book::Outcome;
use crate::herd::engine::{Herd, Running};
use crate::herd::fine::{FINE, Fine, FineBin};
use crate::herd::metrics::Health;
use crate::scenario::Scenario;
use crate::scenario::callers::Callers;
use crate::scenario::policy::Policy;
use crate::streams::Streams;
use crate::units::Nanos;

/// How often one looks whether a run has recovered, in ns.
const LOOK: u64 = 25 * FINE;

/// How much of a window's attempts may be retries beyond the share that the twins' have.
const MORE_RETRIES: f64 = 0.1;

/// NaN of nothing.
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all as f64
}

/// What is kept of a run to be told how it fared, or to tell another.
#[derive(Clone, Debug)]
pub struct Course {
    fine: Fine,
    /// Judged calls, and those of them that were answered.
    judged: u64,
    answered: u64,
    /// Attempts offered in the counted window, and retries among them.
    offered: u64,
    retries: u64,
    /// Whether anything happened that policies answer differently: an attempt failed, or a
    /// hedge was sent.
    pub(crate) disturbed: bool,
    /// The same of the services behind, and then of the groups of callers.
    parts: Vec<Course>,
}

impl Course {
    /// That of a part of the run, as an outcome has them.
    pub fn at(&self, part: usize) -> &Course {
        match part {
            0 => self,
            part => &self.parts[part - 1],
        }
    }

    /// Of a run whose fine bins nobody else needs.
    pub fn of(outcome: &mut Outcome) -> Course {
        let total = &outcome.total;
        let failed = total.errors + total.rejected + total.refused + total.reset;
        let failed = failed + total.timed_out + total.denied_attempts + total.failed;
        let behind = outcome.tiers.iter_mut().chain(&mut outcome.groups);
        let parts: Vec<Course> = behind.map(Course::of).collect();
        Course {
            fine: std::mem::take(&mut outcome.fine),
            judged: outcome.total.judged,
            answered: outcome.total.judged_ok,
            offered: outcome.window.offered,
            retries: outcome.window.offered_retries,
            disturbed: failed > 0
                || outcome.total.attempts > outcome.total.calls
                || parts.iter().any(|part| part.disturbed),
            parts,
        }
    }
}

/// What some twins did, added up.
#[derive(Clone, Debug, Default)]
pub struct Twins {
    count: u64,
    judged: u64,
    answered: u64,
    offered: u64,
    retries: u64,
    /// By fine bin: calls answered, attempts offered, retries among these.
    bins: Vec<[u64; 3]>,
}

impl Twins {
    pub fn add(&mut self, twin: &Course) {
        self.count += 1;
        self.judged += twin.judged;
        self.answered += twin.answered;
        self.offered += twin.offered;
        self.retries += twin.retries;
        let most = self.bins.len().max(twin.fine.bins.len());
        self.bins.resize(most, [0; 3]);
        for (sums, bin) in self.bins.iter_mut().zip(&twin.fine.bins) {
            for (sum, more) in sums.iter_mut().zip([bin.ok, bin.offered, bin.retries]) {
                *sum += u64::from(more);
            }
        }
    }

    /// What they make of health in a scenario; nothing without twins, or harm.
    pub fn yardstick(&self, scenario: &Scenario) -> Option<Yardstick> {
        self.yardstick_of(scenario, scenario.callers())
    }

    /// The same of callers of a group.
    pub fn yardstick_of(&self, scenario: &Scenario, callers: &Callers) -> Option<Yardstick> {
        let harm = scenario.harm().filter(|_| self.count > 0)?;
        let (run, n) = (&scenario.run, self.count as f64);
        let fine = Fine::new(scenario);
        let bin_s = FINE as f64 / 1e9;
        let all = fine.whole(run.horizon.0);
        // Callers who call once end their runs before the horizon.
        let counted = all.min(self.bins.len());
        let counted = fine.index(run.warmup.0).min(counted)..counted;
        let at = |index: usize| self.bins.get(index).copied().unwrap_or_default();
        let sums = |indices: std::ops::Range<usize>| {
            indices.map(at).fold([0; 3], |sums: [u64; 3], bin| {
                std::array::from_fn(|i| sums[i] + bin[i])
            })
        };
        let [ok, ..] = sums(counted.clone());
        let goodput = ok as f64 / (n * counted.len() as f64 * bin_s);
        let ill = ok == 0
            || Health::is_ill(
                callers,
                share(self.answered, self.judged),
                share(self.retries, self.offered),
            );
        let window_s = (100.0 / goodput).max(1.0);
        let window = (window_s / bin_s).round().min(all as f64 + 1.0) as usize;
        let hold = ((2.0 * window_s).max(5.0) / bin_s).round().min(all as f64) as usize;
        let starts = (all + 1).saturating_sub(window);
        let mut least = Vec::with_capacity(starts);
        let [mut ok, mut offered, mut retries] = sums(0..window.min(all));
        for start in 0..starts {
            // b·w, the calls that twins answer in a window.
            let expected = ok as f64 / n;
            let share = match offered {
                0 => 0.0,
                offered => retries as f64 / offered as f64,
            };
            least.push((
                0.95 * expected - 2.0 * expected.sqrt(),
                share + MORE_RETRIES,
            ));
            let (first, next) = (at(start), at(start + window));
            ok = ok + next[0] - first[0];
            offered = offered + next[1] - first[1];
            retries = retries + next[2] - first[2];
        }
        Some(Yardstick {
            from: fine.index(harm.from.0),
            over: fine.index(harm.over.0),
            over_ns: harm.over.0,
            all,
            window,
            hold,
            windows: least,
            ill,
        })
    }
}

/// By what the health of a run is told.
#[derive(Clone, Debug)]
pub struct Yardstick {
    /// The first bins that start after faults begin, and after they are over.
    from: usize,
    over: usize,
    over_ns: u64,
    /// Bins of a run, of a window, and of how long health has to hold.
    all: usize,
    window: usize,
    hold: usize,
    /// By the bin in which a window starts: calls that it has to answer, and the share of
    /// its attempts that may be retries.
    windows: Vec<(f64, f64)>,
    /// Whether the twins themselves are.
    ill: bool,
}

impl Yardstick {
    /// Whether the run has time to show that it is well again.
    fn is_long_enough(&self) -> bool {
        self.over + self.window + self.hold <= self.all
    }

    /// How a run fared, and its twin beside it.
    pub fn measure(&self, run: &Course, twin: &Course) -> Health {
        let known = Health {
            lost_calls: twin.answered as f64 - run.answered as f64,
            twin_answered_ratio: share(twin.answered, twin.judged),
            twin_retry_ratio: share(twin.retries, twin.offered),
            ..Health::UNKNOWN
        };
        // There is no health to be without, or no window to look at.
        if self.ill || self.from >= self.windows.len() {
            return known;
        }
        let sick = self.sick(&run.fine);
        let degraded = self.degraded_s(&sick) - self.degraded_s(&self.sick(&twin.fine));
        let (recovered, recovery_s) = self.recovery(&run.fine, &sick);
        Health {
            recovered,
            recovery_s,
            degraded_s: degraded.max(0.0),
            ill_at_end: f64::from(u8::from(sick.last() == Some(&true))),
            ..known
        }
    }

    /// Whether each window is unhealthy, by the bin in which it starts.
    fn sick(&self, fine: &Fine) -> Vec<bool> {
        let mut passing = Passing::default();
        (0..self.window).for_each(|index| passing.add(fine.at(index), 1));
        let mut sick = Vec::with_capacity(self.windows.len());
        for start in 0..self.windows.len() {
            sick.push(self.is_sick(start, &passing, fine));
            passing.add(fine.at(start), -1);
            passing.add(fine.at(start + self.window), 1);
        }
        sick
    }

    /// Whether the window that starts with a bin is, which has these sums.
    fn is_sick(&self, start: usize, window: &Passing, fine: &Fine) -> bool {
        let (least, most) = self.windows[start];
        let waited = start
            .checked_sub(1)
            .map_or(0, |before| fine.at(before).waiting);
        let idle = window.offered == 0 && window.calls == 0 && waited == 0;
        let few = window.retries as f64 <= most * window.offered as f64 + 1e-6;
        !(idle || window.ok as f64 >= least && few)
    }

    /// The horizon from which on a run has time to show that it is well again.
    pub fn needs(&self) -> Nanos {
        Nanos(self.over_ns + (self.window + self.hold + 1) as u64 * FINE)
    }

    /// Whether the twins are ill themselves, so that there is no health to return to.
    pub fn is_ill(&self) -> bool {
        self.ill
    }

    /// Runs a replication until it is known whether it recovers; nothing where that cannot be
    /// told.
    pub fn recovers(&self, running: &mut Running<'_>) -> Option<bool> {
        if self.ill || !self.is_long_enough() {
            return None;
        }
        let horizon = running.horizon().0;
        let mut clock = running.fine().start(self.over + self.window + self.hold);
        let (mut passing, mut well) = (Passing::default(), 0);
        // The window that is looked at next, and the first bin that is not yet in it.
        let (mut start, mut end) = (self.over, self.over);
        let starts = self.windows.len();
        while start < starts {
            clock = clock.min(horizon);
            running.until(Nanos(clock));
            let fine = running.fine();
            // Who has ended earlier is idle from then on.
            let known = fine.whole(clock);
            while start < starts && start + self.window <= known {
                while end < start + self.window {
                    passing.add(fine.at(end), 1);
                    end += 1;
                }
                well = match self.is_sick(start, &passing, fine) {
                    true => 0,
                    false => well + 1,
                };
                if well > self.hold {
                    return Some(true);
                }
                passing.add(fine.at(start), -1);
                start += 1;
                // So few are left that they cannot hold for long enough.
                if well + (starts - start) <= self.hold {
                    return Some(false);
                }
            }
            clock += LOOK;
        }
        Some(false)
    }

    /// Unhealthy time since faults began; the last windows fare as the last whole one.
    fn degraded_s(&self, sick: &[bool]) -> f64 {
        let starts = sick[self.from..].iter().filter(|sick| **sick).count();
        let rest = match sick.last() {
            Some(true) => self.all - sick.len(),
            _ => 0,
        };
        (starts + rest) as f64 * FINE as f64 / 1e9
    }

    /// Whether it recovered, and how long that took.
    fn recovery(&self, fine: &Fine, sick: &[bool]) -> (f64, f64) {
        if !self.is_long_enough() {
            return (f64::NAN, f64::NAN);
        }
        let mut well = 0;
        for (i, sick) in sick[self.over..].iter().enumerate() {
            well = if *sick { 0 } else { well + 1 };
            if well > self.hold {
                let start = fine.start(self.over + i - self.hold);
                return (1.0, (start - self.over_ns) as f64 / 1e9);
            }
        }
        (0.0, f64::NAN)
    }
}

/// What is summed up over a window as it passes by.
#[derive(Clone, Copy, Default)]
struct Passing {
    ok: u64,
    offered: u64,
    retries: u64,
    calls: u64,
}

impl Passing {
    fn add(&mut self, bin: FineBin, sign: i64) {
        for (sum, more) in [
            (&mut self.ok, bin.ok),
            (&mut self.offered, bin.offered),
            (&mut self.retries, bin.retries),
            (&mut self.calls, bin.calls),
        ] {
            *sum = sum.wrapping_add_signed(sign * i64::from(more));
        }
    }
}

impl Herd<'_> {
    /// Whether a twin that nothing disturbed is that of this policy as well: while nothing fails
    /// and nobody hedges, policies with the same timeouts do the same, and the same random
    /// numbers mean the same on the same path.
    pub(crate) fn has_twin_of(&self, other: &Herd<'_>) -> bool {
        let (a, b) = (self.policy, other.policy);
        let plain = |p: &Policy| p.hedge.is_none() && p.throttle.is_none();
        let same = (a.timeout, a.deadline) == (b.timeout, b.deadline);
        same && plain(a) && plain(b) && self.is_fast() == other.is_fast()
    }

    /// The twins of some policies of a scenario, and how many events that took.
    ///
    /// Policies share one that nothing disturbed where they would do the same without faults.
    pub fn twins(herds: &[Herd<'_>], streams: Streams) -> (Vec<Arc<Course>>, u64) {
        let mut twins: Vec<Arc<Course>> = Vec::new();
        let mut events = 0;
        for herd in herds {
            let mut earlier = herds.iter().zip(&twins);
            let shared = earlier.find(|(other, twin)| !twin.disturbed && herd.has_twin_of(other));
            let twin = match shared {
                Some((_, twin)) => twin.clone(),
                None => {
                    let mut outcome = herd.twin(streams);
                    events += outcome.events;
                    Arc::new(Course::of(&mut outcome))
                }
            };
            twins.push(twin);
        }
        (twins, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crash from 10 s to 12 s in a run of 40 s.
    const SCENARIO: &str = "[run]\nwarmup = \"2s\"\nhorizon = \"40s\"\n";

    /// A run of so many 10 ms, in each of which `per_bin` gives attempts offered, retries
    /// among them and calls answered, of as many calls as are no retries.
    fn course(scenario: &Scenario, per_bin: impl Fn(u32) -> (u32, u32, u32)) -> Course {
        let mut fine = Fine::new(scenario);
        fine.bins = (0..(scenario.run.horizon.0 / FINE) as u32)
            .map(|bin| {
                let (offered, retries, ok) = per_bin(bin);
                FineBin {
                    offered,
                    retries,
                    ok,
                    calls: offered - retries,
                    waiting: 1,
                }
            })
            .collect();
        let sum = |of: fn(&FineBin) -> u32| fine.bins.iter().map(|b| u64::from(of(b))).sum();
        Course {
            judged: sum(|b| b.calls),
            answered: sum(|b| b.ok),
            offered: sum(|b| b.offered),
            retries: sum(|b| b.retries),
            fine,
            disturbed: false,
            parts: Vec::new(),
        }
    }

    fn fared(
        text: &str,
        run: impl Fn(u32) -> (u32, u32, u32),
        twin: impl Fn(u32) -> (u32, u32, u32),
    ) -> Health {
        let scenario = Scenario::parse("test", text).unwrap();
        let [run, twin] = [course(&scenario, run), course(&scenario, twin)];
        let mut twins = Twins::default();
        twins.add(&twin);
        twins.yardstick(&scenario).unwrap().measure(&run, &twin)
    }

    /// 100 attempts a bin; half of them retries from the crash to `calm`, all
    /// of them answered but for the crash.
    fn blip(bin: u32, calm: u32) -> (u32, u32, u32) {
        let retries = if (1_000..calm).contains(&bin) { 50 } else { 0 };
        let ok = if (1_000..1_200).contains(&bin) {
            0
        } else {
            100
        };
        (100, retries, ok)
    }

    const WELL: fn(u32) -> (u32, u32, u32) = |_| (100, 0, 100);

    fn recovery(text: &str, run: impl Fn(u32) -> (u32, u32, u32)) -> (f64, f64) {
        let health = fared(text, run, WELL);
        (health.recovered, health.recovery_s)
    }

    #[test]
    fn recovery_waits_until_retries_are_a_tenth_of_attempts() {
        // Retries end at 15 s. A window of 1 s that starts at 14.8 s has 20
        // bins of 50 retries in 10,000 attempts: a tenth, which is allowed.
        let (recovered, s) = recovery(SCENARIO, |bin| blip(bin, 1_500));
        assert_eq!(recovered, 1.0);
        assert!((s - 2.8).abs() < 1e-9, "{s}");
        // Of twins with a tenth of retries another tenth is: up to 40 bins.
        let twin = |_| (100, 10, 100);
        let fared = fared(SCENARIO, |bin| blip(bin, 1_500), twin);
        assert!(
            (fared.recovery_s - 2.6).abs() < 1e-9,
            "{}",
            fared.recovery_s
        );
    }

    #[test]
    fn a_relapse_within_the_hold_puts_recovery_off() {
        // Goodput is 10,000/s, so 9,500 − 2 · √10,000 = 9,300/s is enough: a
        // window may hold 7 of the 100 empty bins from 17 s to 18 s.
        let relapse = |bin| match blip(bin, 1_500) {
            (offered, retries, _) if (1_700..1_800).contains(&bin) => (offered, retries, 0),
            other => other,
        };
        let health = fared(SCENARIO, relapse, WELL);
        assert!((health.recovery_s - 5.93).abs() < 1e-9, "{health:?}");
        // Ill are the windows that start from 10.00 to 14.79 s, and from 16.08 (with 8 of
        // the empty bins) to 17.92 s.
        assert!(
            (health.degraded_s - (4.8 + 1.85)).abs() < 1e-9,
            "{health:?}"
        );
        assert_eq!(health.lost_calls, 30_000.0);
    }

    #[test]
    fn demand_that_falls_is_no_illness() {
        // From 13 s on half as much is asked, with the twin and without the faults.
        let falls = |bin: u32, ok: u32| if bin < 1_300 { ok } else { ok / 2 };
        let run = |bin| {
            let (offered, retries, ok) = blip(bin, 1_250);
            (falls(bin, offered), falls(bin, retries), falls(bin, ok))
        };
        let twin = |bin| (falls(bin, 100), 0, falls(bin, 100));
        let health = fared(SCENARIO, run, twin);
        assert_eq!(health.recovered, 1.0);
        assert!(health.recovery_s < 0.5, "{health:?}");
        // Nothing is asked from 20 s on: nobody is ill for that.
        let ends = |bin: u32, (offered, retries, ok): (u32, u32, u32)| match bin < 2_000 {
            true => (offered, retries, ok),
            false => (0, 0, 0),
        };
        let health = fared(
            SCENARIO,
            |bin| ends(bin, blip(bin, 1_250)),
            |bin| ends(bin, (100, 0, 100)),
        );
        assert_eq!(health.recovered, 1.0);
    }

    #[test]
    fn a_run_that_stays_ill_is_so_to_the_end() {
        let health = fared(SCENARIO, |bin| blip(bin, 4_000), WELL);
        assert_eq!(health.recovered, 0.0);
        assert!(health.recovery_s.is_nan());
        assert!((health.degraded_s - 30.0).abs() < 1e-9, "{health:?}");
    }

    #[test]
    fn recovery_is_null_where_it_cannot_be_told() {
        // The twin itself answers too little, or retries too much.
        let ill = |ok| move |_: u32| (100, 0, ok);
        let told =
            |twin: &dyn Fn(u32) -> (u32, u32, u32)| !fared(SCENARIO, WELL, twin).recovered.is_nan();
        assert!(!told(&ill(0)) && !told(&ill(89)) && told(&ill(91)));
        assert!(!told(&|_| (200, 101, 99)) && told(&|_| (200, 99, 101)));
        // 1 s of window and 5 s of hold do not fit between 12 s and 17.9 s.
        let short = "[run]\nhorizon = \"17900ms\"\nwarmup = \"2s\"";
        assert!(recovery(short, |bin| blip(bin, 0)).0.is_nan());
        let enough = "[run]\nhorizon = \"18010ms\"\nwarmup = \"2s\"";
        assert_eq!(recovery(enough, |bin| blip(bin, 0)).0, 1.0);
    }

    #[test]
    fn low_rates_are_looked_at_for_longer() {
        // 20/s: w = 5 s, and 95 − 2 · √100 = 75 calls in a window are enough. From 14 s on
        // one comes every 50 ms: the 75th at 17.7 s, in the last of the 500 bins of the
        // window that starts at 12.71 s.
        let every = |bin: u32| (1, 0, u32::from(bin.is_multiple_of(5)));
        let slow = |bin: u32| match (1_000..1_400).contains(&bin) {
            true => (1, 0, 0),
            false => every(bin),
        };
        let health = fared(SCENARIO, slow, every);
        assert!(
            health.recovered.is_nan(),
            "only a fifth of attempts is answered: {health:?}"
        );
        let asked = |f: &dyn Fn(u32) -> (u32, u32, u32), bin| {
            let (_, _, ok) = f(bin);
            (u32::from(bin.is_multiple_of(5)), 0, ok)
        };
        let health = fared(SCENARIO, |bin| asked(&slow, bin), |bin| asked(&every, bin));
        assert!((health.recovery_s - 0.71).abs() < 1e-9, "{health:?}");
    }
}
