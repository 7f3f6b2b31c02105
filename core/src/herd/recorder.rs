//! What is counted while a replication runs.

use crate::herd::counts::Counts;
use crate::herd::metrics::{Measured, Sample};
use crate::herd::series::{Bin, Passed, bin};
use crate::herd::waves::{Tally, Waves};
use crate::histogram::Histogram;
use crate::scenario::Scenario;
use crate::scenario::callers::Arrival;
use crate::scenario::service::Service;

/// What one replication leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub metrics: Sample,
    pub series: Vec<Bin>,
    /// Latencies in ns of the calls that ended well in the window.
    pub latency: Histogram,
    /// Totals of the whole run, warm-up included, and of the counted window.
    pub total: Counts,
    pub window: Counts,
    /// What was going on when the run ended, so that totals can be checked:
    /// attempts waiting and the time they have waited, attempts in service
    /// and theirs, calls outstanding and theirs.
    pub residue: Residue,
    /// Attempts by their number, finely over time: of the callers' service in the
    /// first replication, else nothing.
    pub waves: Waves,
    /// Events of the run, for the record of speed.
    pub events: u64,
    /// The same of the services behind this one in the chain, whose calls are
    /// those that the service before makes.
    pub tiers: Vec<Outcome>,
}

/// What is still in the system at the end, in ns of time spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residue {
    pub queued: u64,
    pub queued_ns: u128,
    pub serving: u64,
    pub serving_ns: u128,
    pub calls: u64,
    pub calls_ns: u128,
}

/// Whether retries are at most a tenth of attempts, as in a healthy service.
fn few_retries(retries: u64, attempts: u64) -> bool {
    10 * retries <= attempts
}

/// Width of the bins in which peaks and recovery are looked for.
const FINE: u64 = 10_000_000;

#[derive(Clone, Copy, Default)]
struct FineBin {
    offered: u32,
    retries: u32,
    ok: u32,
}

/// A service of a scenario.
#[derive(Clone, Copy)]
pub struct Site<'s> {
    pub scenario: &'s Scenario,
    /// Its place in the chain, from 0.
    pub tier: usize,
}

impl<'s> Site<'s> {
    fn service(&self) -> &'s Service {
        &self.scenario.services[self.tier]
    }
}

/// Counts, levels and bins of a running replication.
pub struct Recorder {
    pub counts: Counts,
    /// Levels that the integrals of [`Counts`] run over: attempts waiting,
    /// busy servers, calls not ended.
    queued: u32,
    busy: u32,
    outstanding: u32,
    first_call: Option<u64>,
    last_end: u64,
    now: u64,
    /// Up to when the integrals have come, and what they hold since last booked.
    settled: u64,
    running: [u64; 3],
    /// The next instant at which a bin ends or the warm-up is over.
    edge: u64,
    bin: u64,
    bin_start: u64,
    bin_counts: Counts,
    bins: Vec<Bin>,
    fine_edge: u64,
    fine_counts: Counts,
    fine: Vec<FineBin>,
    /// Where the fine bins begin: they are aligned with the first fault.
    fine_offset: u64,
    warmup: u64,
    at_warmup: Option<Counts>,
    /// Latencies of the running bin, and how many of them precede the warm-up's end.
    latencies: Vec<u64>,
    cold: usize,
    histogram: Histogram,
    waves: Option<Tally>,
}

impl Recorder {
    pub fn new(scenario: &Scenario) -> Recorder {
        let run = &scenario.run;
        let first_fault = scenario.faults.iter().map(|f| f.from.0).min().unwrap_or(0);
        let fine_offset = first_fault % FINE;
        let bins = run.horizon.0.div_ceil(run.bin.0) as usize;
        let fine = (run.horizon.0 / FINE + 2) as usize;
        let mut recorder = Recorder {
            counts: Counts::default(),
            queued: 0,
            busy: 0,
            outstanding: 0,
            first_call: None,
            last_end: 0,
            now: 0,
            settled: 0,
            running: [0; 3],
            edge: 0,
            bin: run.bin.0,
            bin_start: 0,
            bin_counts: Counts::default(),
            bins: Vec::with_capacity(bins),
            fine_edge: if fine_offset > 0 { fine_offset } else { FINE },
            fine_counts: Counts::default(),
            fine: Vec::with_capacity(fine),
            fine_offset,
            warmup: run.warmup.0,
            at_warmup: None,
            latencies: Vec::new(),
            cold: 0,
            histogram: Histogram::up_to(run.horizon),
            waves: None,
        };
        recorder.edge = recorder.next_edge();
        recorder
    }

    /// Looks at the waves of retries as well.
    pub fn with_waves(mut self, scenario: &Scenario) -> Recorder {
        self.waves = Some(Tally::new(scenario));
        self
    }

    #[inline]
    pub fn waiting(&self) -> u32 {
        self.queued
    }

    #[inline]
    pub fn busy(&self) -> u32 {
        self.busy
    }

    #[inline]
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    fn next_edge(&self) -> u64 {
        let warm = match self.at_warmup {
            None => self.warmup,
            Some(_) => u64::MAX,
        };
        (self.bin_start + self.bin).min(self.fine_edge).min(warm)
    }

    /// Brings the clock to `now`; closes the bins that end on the way.
    #[inline]
    pub fn advance(&mut self, now: u64, tokens: impl Fn(u64) -> f64) {
        while now >= self.edge {
            self.now = self.edge;
            self.settle();
            self.book();
            self.cross_edge(&tokens);
        }
        self.now = now;
    }

    /// Brings the integrals up to now; to be done before a level changes.
    #[inline]
    fn settle(&mut self) {
        let dt = self.now - self.settled;
        if dt == 0 {
            return;
        }
        let [queue, busy, calls] = &mut self.running;
        *queue += u64::from(self.queued) * dt;
        *busy += u64::from(self.busy) * dt;
        *calls += u64::from(self.outstanding) * dt;
        self.settled = self.now;
    }

    /// Moves the running integrals to the totals. At least every 10 ms, so
    /// that 64 bits hold what runs in between.
    fn book(&mut self) {
        let [queue, busy, calls] = std::mem::take(&mut self.running);
        self.counts.queue_ns += u128::from(queue);
        self.counts.busy_ns += u128::from(busy);
        self.counts.calls_ns += u128::from(calls);
    }

    fn cross_edge(&mut self, tokens: &impl Fn(u64) -> f64) {
        if self.edge == self.warmup && self.at_warmup.is_none() {
            self.at_warmup = Some(self.counts);
            self.cold = self.latencies.len();
        }
        if self.edge == self.fine_edge {
            self.close_fine();
            self.fine_edge += FINE;
        }
        if self.edge == self.bin_start + self.bin {
            self.close_bin(tokens(self.now));
        }
        self.edge = self.next_edge();
    }

    fn close_fine(&mut self) {
        let (now, then) = (&self.counts, &self.fine_counts);
        self.fine.push(FineBin {
            offered: (now.offered - then.offered) as u32,
            retries: (now.offered_retries - then.offered_retries) as u32,
            ok: (now.ok - then.ok) as u32,
        });
        self.fine_counts = self.counts;
    }

    fn close_bin(&mut self, tokens: f64) {
        if self.at_warmup.is_some() {
            for latency in &self.latencies[self.cold..] {
                self.histogram.record(*latency);
            }
        }
        let [p50, p99] = median_and_p99_s(&mut self.latencies);
        self.latencies.clear();
        self.cold = 0;
        self.bins.push(bin(&Passed {
            now: &self.counts,
            then: &self.bin_counts,
            width_ns: (self.now - self.bin_start) as f64,
            tokens,
            p50,
            p99,
        }));
        self.bin_counts = self.counts;
        self.bin_start = self.now;
    }

    /// A call starts.
    #[inline]
    pub fn call_started(&mut self) {
        self.settle();
        self.counts.calls += 1;
        self.outstanding += 1;
        if self.first_call.is_none() {
            self.first_call = Some(self.now);
        }
    }

    /// A call that started at `started` ended after `tries` attempts.
    #[inline]
    pub fn call_ended(&mut self, started: u64, tries: u32, ok: bool) {
        self.settle();
        let took = self.now - started;
        self.outstanding -= 1;
        self.counts.ended_ns += u128::from(took);
        self.last_end = self.now;
        if ok {
            self.counts.ok += 1;
            self.counts.first_try += u64::from(tries == 1);
            self.latencies.push(took);
        } else {
            self.counts.failed += 1;
        }
    }

    /// The `number`-th attempt of a call is sent.
    #[inline]
    pub fn sent(&mut self, number: u32) {
        self.counts.attempts += 1;
        if let Some(waves) = &mut self.waves {
            waves.sent(self.now, number);
        }
    }

    /// An attempt joins the queue.
    #[inline]
    pub fn queued(&mut self) {
        self.settle();
        self.queued += 1;
    }

    /// An attempt that has waited since `since` leaves the queue.
    #[inline]
    pub fn left_queue(&mut self, since: u64) {
        self.settle();
        self.queued -= 1;
        self.counts.waited_ns += u128::from(self.now - since);
    }

    /// A server takes an attempt.
    #[inline]
    pub fn started(&mut self) {
        self.settle();
        self.busy += 1;
    }

    /// An attempt leaves the server that it has held since `since`.
    #[inline]
    pub fn served(&mut self, since: u64, wasted: bool) {
        self.settle();
        self.busy -= 1;
        let time = u128::from(self.now - since);
        self.counts.served += 1;
        self.counts.served_ns += time;
        if wasted {
            self.counts.wasted += 1;
            self.counts.wasted_ns += time;
        }
    }

    /// Ends the run at `end` and makes the metrics.
    pub fn finish(
        mut self,
        end: u64,
        tokens: impl Fn(u64) -> f64,
        site: Site<'_>,
        residue: Residue,
        events: u64,
    ) -> Outcome {
        self.advance(end, &tokens);
        self.settle();
        self.book();
        let total = self.counts;
        let window = total.since(&self.at_warmup.unwrap_or(total));
        // A run that ends early fills its last bins.
        let horizon = site.scenario.run.horizon.0;
        if end < horizon {
            let tenth = 10 * FINE;
            let since = end.saturating_sub(self.fine_offset);
            let whole = self.fine_offset + (since / tenth + 1) * tenth;
            let close = whole.max(self.bin_start + self.bin).min(horizon);
            self.advance(close, &tokens);
            self.settle();
            self.book();
        }
        if self.now > self.bin_start {
            self.close_bin(tokens(self.now));
        }
        let metrics = self.metrics(&window, end, site);
        Outcome {
            metrics,
            series: self.bins,
            latency: self.histogram,
            waves: self.waves.map(|tally| tally.counts).unwrap_or_default(),
            total,
            window,
            residue,
            events,
            tiers: Vec::new(),
        }
    }

    fn metrics(&self, window: &Counts, end: u64, site: Site<'_>) -> Sample {
        let (scenario, service) = (site.scenario, site.service());
        let (peak_offered_ratio, herd_index) = self.peaks(site);
        let (recovered, recovery_s) = self.recovery(scenario);
        let completion_s = match (&scenario.callers.arrival, self.first_call) {
            (Arrival::Once { .. }, Some(first)) if self.outstanding == 0 => {
                (self.last_end - first) as f64 / 1e9
            }
            _ => f64::NAN,
        };
        Sample::of(&Measured {
            window,
            length_ns: end.saturating_sub(self.warmup) as f64,
            servers: service
                .pool()
                .map_or(f64::NAN, |pool| f64::from(pool.servers)),
            has_effect: service.effect.is_some(),
            outstanding: self.outstanding,
            latency: &self.histogram,
            peak_offered_ratio,
            herd_index,
            recovered,
            recovery_s,
            completion_s,
        })
    }

    /// The first fine bin that starts at or after `t`.
    fn fine_index(&self, t: u64) -> usize {
        let first = usize::from(self.fine_offset > 0);
        first + t.saturating_sub(self.fine_offset).div_ceil(FINE) as usize
    }

    /// `peak_offered_ratio` and `herd_index`.
    fn peaks(&self, site: Site<'_>) -> (f64, f64) {
        let scenario = site.scenario;
        let first_fault = scenario.faults.iter().map(|f| f.from.0).min();
        let warm = self.fine_index(self.warmup);
        let from = first_fault
            .map_or(warm, |t| self.fine_index(t).max(warm))
            .min(self.fine.len());
        let after = &self.fine[from..];
        let tenths = after
            .chunks_exact(10)
            .map(|ten| ten.iter().map(|b| u64::from(b.offered)).sum::<u64>())
            .max();
        let capacity = site.service().capacity_per_s();
        let peak = match tenths {
            Some(most) if capacity > 0.0 && capacity.is_finite() => most as f64 / 0.1 / capacity,
            _ => f64::NAN,
        };
        let before = &self.fine[warm.min(from)..from];
        let total: u64 = before.iter().map(|b| u64::from(b.offered)).sum();
        let herd_index = match after.iter().map(|b| b.offered).max() {
            Some(most) if first_fault.is_some() && total > 0 => {
                f64::from(most) / (total as f64 / before.len() as f64)
            }
            _ => f64::NAN,
        };
        (peak, herd_index)
    }

    /// `recovered_ratio` (0 or 1) and `recovery_s` of this run.
    fn recovery(&self, scenario: &Scenario) -> (f64, f64) {
        const NONE: (f64, f64) = (f64::NAN, f64::NAN);
        let first = scenario.faults.iter().map(|f| f.from.0).min();
        let over = scenario.faults.iter().map(|f| f.over().0).max();
        let (Some(first), Some(over)) = (first, over) else {
            return NONE;
        };
        let before = self.fine_index(self.warmup)..self.fine_index(first);
        if before.is_empty() || before.end > self.fine.len() {
            return NONE;
        }
        let bin_s = FINE as f64 / 1e9;
        let answered: u64 = self.fine[before.clone()]
            .iter()
            .map(|b| u64::from(b.ok))
            .sum();
        let base = answered as f64 / (before.len() as f64 * bin_s);
        let asked = |count: fn(&FineBin) -> u32| -> u64 {
            let counts = self.fine[before.clone()].iter().map(count);
            counts.map(u64::from).sum()
        };
        // Where nothing was answered, or retries were already what they may
        // not be after a recovery, there was no health to return to.
        if base == 0.0 || !few_retries(asked(|b| b.retries), asked(|b| b.offered)) {
            return NONE;
        }
        let window_s = (100.0 / base).max(1.0);
        let window = (window_s / bin_s).round() as usize;
        let hold = ((2.0 * window_s).max(5.0) / bin_s).round() as usize;
        let least = 0.95 * base - 2.0 * (base / window_s).sqrt();
        // Slide a window over the bins from the last fault's end on.
        let bins = &self.fine[self.fine_index(over).min(self.fine.len())..];
        if bins.len() < window + hold {
            return NONE; // The run ends before anybody could tell.
        }
        let mut good_in_a_row = 0;
        let (mut ok, mut offered, mut retries) = (0u64, 0u64, 0u64);
        for (i, b) in bins.iter().enumerate() {
            ok += u64::from(b.ok);
            offered += u64::from(b.offered);
            retries += u64::from(b.retries);
            if i + 1 < window {
                continue;
            }
            let start = i + 1 - window;
            let good = ok as f64 >= least * window as f64 * bin_s && few_retries(retries, offered);
            good_in_a_row = if good { good_in_a_row + 1 } else { 0 };
            if good_in_a_row > hold {
                let at = self.fine_offset + (self.fine_index(over) + start - hold) as u64 * FINE
                    - if self.fine_offset > 0 { FINE } else { 0 };
                return (1.0, (at - over) as f64 / 1e9);
            }
            ok -= u64::from(bins[start].ok);
            offered -= u64::from(bins[start].offered);
            retries -= u64::from(bins[start].retries);
        }
        (0.0, f64::NAN)
    }
}

/// Median and 99th percentile by nearest rank, in seconds; NaN of nothing.
/// Reorders `latencies`.
fn median_and_p99_s(latencies: &mut [u64]) -> [f64; 2] {
    let n = latencies.len();
    if n == 0 {
        return [f64::NAN; 2];
    }
    let rank = |q: f64| (q * n as f64).ceil() as usize;
    // With the 99th percentile in its place, the median is to its left.
    let (left, p99, _) = latencies.select_nth_unstable(rank(0.99) - 1);
    let p99 = *p99;
    let p50 = match left.len().checked_sub(1) {
        Some(last) => *left.select_nth_unstable((rank(0.5) - 1).min(last)).1,
        None => p99,
    };
    [p50 as f64 / 1e9, p99 as f64 / 1e9]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::herd::{CALLS, HERD_INDEX, PEAK_OFFERED_RATIO, RECOVERED_RATIO, RECOVERY_S};

    /// A crash from 10 s to 12 s in a run of 40 s, at 7,142.86/s of capacity.
    const SCENARIO: &str = "[run]\nwarmup = \"2s\"\nhorizon = \"40s\"\n";

    /// The metrics of a run in which every 10 ms, at their start, `per_bin`
    /// gives attempts offered, retries among them and calls answered.
    fn drive(scenario: &str, per_bin: impl Fn(u64) -> (u64, u64, u64)) -> Sample {
        let scenario = Scenario::parse("test", scenario).unwrap();
        let mut recorder = Recorder::new(&scenario);
        let horizon = scenario.run.horizon.0;
        for bin in 0..horizon / FINE {
            recorder.advance(bin * FINE, |_| f64::NAN);
            let (offered, retries, ok) = per_bin(bin);
            recorder.counts.offered += offered;
            recorder.counts.offered_retries += retries;
            recorder.counts.ok += ok;
        }
        let residue = Residue::default();
        recorder
            .finish(
                horizon,
                |_| f64::NAN,
                Site {
                    scenario: &scenario,
                    tier: 0,
                },
                residue,
                0,
            )
            .metrics
    }

    fn recovery(scenario: &str, per_bin: impl Fn(u64) -> (u64, u64, u64)) -> (f64, f64) {
        let metrics = drive(scenario, per_bin);
        (metrics[RECOVERED_RATIO], metrics[RECOVERY_S])
    }

    /// 100 attempts a bin; half of them retries from the crash to `calm`, all
    /// of them answered but for the crash.
    fn blip(bin: u64, calm: u64) -> (u64, u64, u64) {
        let retries = if (1_000..calm).contains(&bin) { 50 } else { 0 };
        let ok = if (1_000..1_200).contains(&bin) {
            0
        } else {
            100
        };
        (100, retries, ok)
    }

    #[test]
    fn recovery_waits_until_retries_are_a_tenth_of_attempts() {
        // Retries end at 15 s. A window of 1 s that starts at 14.8 s has 20
        // bins of 50 retries in 10,000 attempts: a tenth, which is allowed.
        let (recovered, s) = recovery(SCENARIO, |bin| blip(bin, 1_500));
        assert_eq!(recovered, 1.0);
        assert!((s - 2.8).abs() < 1e-9, "{s}");
    }

    #[test]
    fn a_relapse_within_the_hold_puts_recovery_off() {
        // Goodput is 10,000/s, so 9,500 − 2 · √10,000 = 9,300/s is enough: a
        // window may hold 7 of the 100 empty bins from 17 s to 18 s.
        let relapse = |bin| match blip(bin, 1_500) {
            (offered, retries, _) if (1_700..1_800).contains(&bin) => (offered, retries, 0),
            other => other,
        };
        let (_, s) = recovery(SCENARIO, relapse);
        assert!((s - 5.93).abs() < 1e-9, "{s}");
    }

    #[test]
    fn recovery_is_null_where_it_cannot_be_told() {
        assert_eq!(recovery(SCENARIO, |bin| blip(bin, 4_000)).0, 0.0);
        // Retries were above a tenth before the fault.
        let sick = |bin| (100, 11, blip(bin, 0).2);
        assert!(recovery(SCENARIO, sick).0.is_nan());
        let ill = |bin| (100, 10, blip(bin, 0).2);
        assert_eq!(recovery(SCENARIO, ill).0, 1.0);
        // Nothing was answered before it.
        assert!(recovery(SCENARIO, |_| (100, 0, 0)).0.is_nan());
        // 1 s of window and 5 s of hold do not fit between 12 s and 17.9 s.
        let short = "[run]\nhorizon = \"17900ms\"\nwarmup = \"2s\"";
        assert!(recovery(short, |bin| blip(bin, 0)).0.is_nan());
        let enough = "[run]\nhorizon = \"18010ms\"\nwarmup = \"2s\"";
        assert_eq!(recovery(enough, |bin| blip(bin, 0)).0, 1.0);
    }

    #[test]
    fn low_rates_are_looked_at_for_longer() {
        // 20/s: w = 5 s, and 19 − 2 · √(20/5) = 15/s, 75 calls in a window,
        // are enough. From 14 s on one comes every 50 ms: the 75th at 17.7 s,
        // in the last of the 500 bins of the window that starts at 12.71 s.
        let slow = |bin: u64| {
            let answered = bin.is_multiple_of(5) && !(1_000..1_400).contains(&bin);
            (1, 0, u64::from(answered))
        };
        let (_, s) = recovery(SCENARIO, slow);
        assert!((s - 0.71).abs() < 1e-9, "{s}");
    }

    #[test]
    fn peaks_are_looked_for_in_bins_from_the_first_fault_on() {
        let peak = |bin| match bin {
            // Before the fault it does not count; and it moves the mean.
            500 => (900, 0, 100),
            1_337 => (730, 0, 100),
            _ => blip(bin, 0),
        };
        let metrics = drive(SCENARIO, peak);
        // 800 bins from 2 s to 10 s: 799 of 100 and one of 900.
        let before = (799.0 * 100.0 + 900.0) / 800.0;
        assert!((metrics[HERD_INDEX] - 730.0 / before).abs() < 1e-9);
        let per_s = (9.0 * 100.0 + 730.0) / 0.1;
        let ratio = per_s / (100.0 / 0.014);
        assert!((metrics[PEAK_OFFERED_RATIO] - ratio).abs() < 1e-9);
    }

    #[test]
    fn a_window_may_begin_off_the_edge_of_a_bin() {
        let text = "[run]\nwarmup = \"2005300us\"\nhorizon = \"40s\"";
        let scenario = Scenario::parse("test", text).unwrap();
        let mut recorder = Recorder::new(&scenario);
        // A call at every half millisecond, answered after 0.2 ms.
        for ms in 0..40_000 {
            let start = ms * 1_000_000 + 500_000;
            recorder.advance(start, |_| f64::NAN);
            recorder.call_started();
            recorder.advance(start + 200_000, |_| f64::NAN);
            recorder.call_ended(start, 1, true);
        }
        let outcome = recorder.finish(
            scenario.run.horizon.0,
            |_| f64::NAN,
            Site {
                scenario: &scenario,
                tier: 0,
            },
            Residue::default(),
            0,
        );
        // The first counted is the one that starts at 2,005.5 ms.
        assert_eq!(outcome.metrics[CALLS], 37_995.0);
        assert_eq!(outcome.window.ok, 37_995);
        assert_eq!(outcome.latency.len(), 37_995);
    }
}
