//! What is counted while a replication runs.

use crate::herd::counts::{Counts, Denial};
use crate::herd::fine::{FINE, Fine, FineBin};
use crate::herd::metrics::{Health, Measured, QUANTILES, Sample};
use crate::herd::peaks::Tenths;
use crate::herd::series::{Bin, Passed, bin};
use crate::herd::site::Site;
use crate::herd::waves::{Tally, Waves};
use crate::histogram::Histogram;
use crate::scenario::Scenario;
use crate::scenario::callers::Arrival;

/// What one replication leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What of an outcome can be told without a twin.
    pub metrics: Sample,
    pub(crate) measured: Measured,
    pub(super) fine: Fine,
    pub series: Vec<Bin>,
    /// How long judged calls took that were answered, in ns.
    pub waits: Histogram,
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
    fine: Fine,
    tenths: Tenths,
    warmup: u64,
    /// For how long after that calls start that are judged.
    judged_for: u64,
    at_warmup: Option<Counts>,
    /// How long the calls took that were answered in the running bin, judged ones and
    /// others, and how many of the latter precede the warm-up's end.
    judged: Vec<u64>,
    others: Vec<u64>,
    cold: usize,
    waits: Histogram,
    other_latency: Histogram,
    waves: Option<Tally>,
    /// Whether latencies and the time series are of interest.
    keeps: bool,
}

impl Recorder {
    pub fn new(site: Site<'_>) -> Recorder {
        let run = &site.scenario.run;
        let bins = run.horizon.0.div_ceil(run.bin.0) as usize;
        let fine = Fine::new(site.scenario);
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
            fine_edge: fine.first_edge(),
            fine_counts: Counts::default(),
            fine,
            tenths: Tenths::new(site),
            warmup: run.warmup.0,
            judged_for: run.horizon.0 - run.cooldown.0 - run.warmup.0,
            at_warmup: None,
            judged: Vec::new(),
            others: Vec::new(),
            cold: 0,
            waits: Histogram::up_to(run.horizon),
            other_latency: Histogram::up_to(run.horizon),
            waves: None,
            keeps: true,
        };
        recorder.edge = recorder.next_edge();
        recorder
    }

    /// Looks at the waves of retries as well.
    pub fn with_waves(mut self, scenario: &Scenario) -> Recorder {
        self.waves = Some(Tally::new(scenario));
        self
    }

    /// Counts, and keeps neither latencies nor a time series.
    pub fn counting(mut self) -> Recorder {
        self.keeps = false;
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
        let fine = self.fine_edge.min(self.tenths.edge);
        (self.bin_start + self.bin).min(fine).min(warm)
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
            self.cold = self.others.len();
        }
        if self.edge == self.fine_edge {
            self.close_fine();
            self.fine_edge += FINE;
        }
        if self.edge == self.tenths.edge {
            self.tenths.close(self.edge, &self.counts, self.queued);
        }
        if self.edge == self.bin_start + self.bin {
            self.close_bin(tokens(self.now));
        }
        self.edge = self.next_edge();
    }

    fn close_fine(&mut self) {
        let (now, then) = (&self.counts, &self.fine_counts);
        self.fine.bins.push(FineBin {
            offered: (now.offered - then.offered) as u32,
            retries: (now.offered_retries - then.offered_retries) as u32,
            ok: (now.ok - then.ok) as u32,
            calls: (now.calls - then.calls) as u32,
            waiting: self.outstanding,
        });
        self.fine_counts = self.counts;
    }

    fn close_bin(&mut self, tokens: f64) {
        if !self.keeps {
            self.bin_start = self.now;
            return;
        }
        if self.at_warmup.is_some() {
            for latency in &self.judged {
                self.waits.record(*latency);
            }
            for latency in &self.others[self.cold..] {
                self.other_latency.record(*latency);
            }
        }
        self.judged.append(&mut self.others);
        let [p50, p99] = median_and_p99_s(&mut self.judged);
        self.judged.clear();
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
        self.counts.judged += u64::from(self.is_judged(self.now));
        self.outstanding += 1;
        if self.first_call.is_none() {
            self.first_call = Some(self.now);
        }
    }

    /// Whether what becomes of a call that starts then is judged.
    #[inline]
    fn is_judged(&self, started: u64) -> bool {
        started.wrapping_sub(self.warmup) < self.judged_for
    }

    /// A call that started at `started` ended, well or not; `at_once` where its first attempt
    /// answered it.
    #[inline(always)]
    pub fn call_ended(&mut self, started: u64, ok: bool, at_once: bool) {
        self.settle();
        let took = self.now - started;
        self.outstanding -= 1;
        self.counts.ended_ns += u128::from(took);
        self.last_end = self.now;
        let judged = self.is_judged(started);
        if ok {
            self.counts.ok += 1;
            self.counts.first_try += u64::from(at_once);
            self.counts.judged_ok += u64::from(judged);
            self.counts.judged_first_try += u64::from(judged & at_once);
            if self.keeps {
                match judged {
                    true => self.judged.push(took),
                    false => self.others.push(took),
                }
            }
        } else {
            self.counts.failed += 1;
            if judged {
                self.counts.judged_failed += 1;
                self.counts.given_up_ns += u128::from(took);
            }
        }
    }

    /// A call that started at `started` is about to end as its client denies it an attempt.
    #[cold]
    pub fn denied(&mut self, started: u64, by: Denial) {
        let judged = u64::from(self.is_judged(started));
        match by {
            Denial::Budget => self.counts.judged_no_budget += judged,
            Denial::Guard => self.counts.judged_held_back += judged,
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
            let whole = self.fine.tenth_after(end);
            let close = whole.max(self.bin_start + self.bin).min(horizon);
            self.advance(close, &tokens);
            self.settle();
            self.book();
        }
        if self.now > self.bin_start {
            self.close_bin(tokens(self.now));
        }
        self.tenths.finish(self.now, &self.counts, self.queued);
        let measured = self.measured(&window, end, site);
        Outcome {
            metrics: Sample::of(&measured),
            measured,
            fine: self.fine,
            series: self.bins,
            waits: self.waits,
            waves: self.waves.map(|tally| tally.counts).unwrap_or_default(),
            total,
            window,
            residue,
            events,
            tiers: Vec::new(),
        }
    }

    fn measured(&mut self, window: &Counts, end: u64, site: Site<'_>) -> Measured {
        let service = site.service();
        let first_call = self.first_call.unwrap_or(0);
        let done = match self.outstanding {
            0 => self.last_end,
            _ => end,
        };
        let completion_s = match (&site.scenario.callers.arrival, self.first_call) {
            (Arrival::Once { .. }, Some(first)) if self.outstanding == 0 => {
                (self.last_end - first) as f64 / 1e9
            }
            _ => f64::NAN,
        };
        // Judged calls that were answered, whenever that was, all were within the window.
        self.other_latency.merge(&self.waits);
        let judged = self.counts.judged;
        let rank = |q: f64| ((q * judged as f64).ceil() as u64).max(1);
        Measured {
            window: *window,
            length_ns: end.saturating_sub(self.warmup) as f64,
            servers: service
                .pool()
                .map_or(f64::NAN, |pool| f64::from(pool.servers)),
            has_effect: service.effect.is_some(),
            outstanding: self.outstanding,
            latency_s: QUANTILES.map(|q| self.other_latency.quantile_s(q)),
            wait_s: QUANTILES.map(|q| self.waits.rank_s(rank(q))),
            peaks: self.tenths.peaks(
                site,
                &self.fine,
                self.counts.calls,
                [first_call, done.max(first_call)],
            ),
            health: Health::UNKNOWN,
            completion_s,
        }
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
    use crate::herd::{CALLS, HERD_INDEX, PEAK_OFFERED_RATIO};

    /// A crash from 10 s to 12 s in a run of 40 s, at 7,142.86/s of capacity.
    const SCENARIO: &str = "[run]\nwarmup = \"2s\"\nhorizon = \"40s\"\n";

    /// The metrics of a run in which every 10 ms, at their start, `per_bin`
    /// gives attempts offered, retries among them and calls answered.
    fn drive(scenario: &str, per_bin: impl Fn(u64) -> (u64, u64, u64)) -> Sample {
        let scenario = Scenario::parse("test", scenario).unwrap();
        let site = Site {
            scenario: &scenario,
            tier: 0,
        };
        let mut recorder = Recorder::new(site);
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
            .finish(horizon, |_| f64::NAN, site, residue, 0)
            .metrics
    }

    #[test]
    fn peaks_are_looked_for_in_bins_from_the_first_fault_on() {
        let peak = |bin| match bin {
            // Before the fault it does not count; and it moves the mean.
            500 => (900, 0, 100),
            1_337 => (730, 0, 100),
            _ => (100, 0, 100),
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
        let site = Site {
            scenario: &scenario,
            tier: 0,
        };
        let mut recorder = Recorder::new(site);
        // A call at every half millisecond, answered after 0.2 ms.
        for ms in 0..40_000 {
            let start = ms * 1_000_000 + 500_000;
            recorder.advance(start, |_| f64::NAN);
            recorder.call_started();
            recorder.advance(start + 200_000, |_| f64::NAN);
            recorder.call_ended(start, true, true);
        }
        let outcome = recorder.finish(
            scenario.run.horizon.0,
            |_| f64::NAN,
            site,
            Residue::default(),
            0,
        );
        // The first counted is the one that starts at 2,005.5 ms.
        assert_eq!(outcome.metrics[CALLS], 37_995.0);
        assert_eq!(outcome.window.ok, 37_995);
        // And the last that is judged starts 4 s before the end.
        assert_eq!(outcome.total.judged, 33_995);
        assert_eq!(outcome.waits.len(), 33_995);
    }
}
