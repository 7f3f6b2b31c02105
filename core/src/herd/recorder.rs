//! What is counted while a replication runs, event after event.

use crate::herd::book::{Book, Outcome, Residue};
use crate::herd::counts::{Counts, Denial};
use crate::herd::fine::Fine;
use crate::herd::site::Site;
use crate::scenario::policy::Failure;

/// Counts and levels of a running replication.
#[derive(Clone)]
pub struct Recorder {
    pub counts: Counts,
    /// Levels that the integrals of [`Counts`] run over: attempts waiting,
    /// busy servers, calls not ended.
    queued: u32,
    busy: u32,
    outstanding: u32,
    now: u64,
    /// Up to when the integrals have come, and what they hold since last booked.
    settled: u64,
    running: [u64; 3],
    book: Book,
}

impl Recorder {
    pub fn new(book: Book) -> Recorder {
        Recorder {
            counts: Counts::default(),
            queued: 0,
            busy: 0,
            outstanding: 0,
            now: 0,
            settled: 0,
            running: [0; 3],
            book,
        }
    }

    pub fn forget(&mut self) {
        self.book.forget();
    }

    pub fn fine(&self) -> &Fine {
        self.book.fine()
    }

    /// The counts with their integrals brought up to now.
    pub fn settled(&self) -> Counts {
        let dt = u128::from(self.now - self.settled);
        let [queue, busy, calls] = self.running.map(u128::from);
        Counts {
            queue_ns: self.counts.queue_ns + queue + u128::from(self.queued) * dt,
            busy_ns: self.counts.busy_ns + busy + u128::from(self.busy) * dt,
            calls_ns: self.counts.calls_ns + calls + u128::from(self.outstanding) * dt,
            ..self.counts
        }
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

    /// Brings the clock to `now`; closes the bins that end on the way.
    #[inline(always)]
    pub fn advance(&mut self, now: u64, tokens: impl Fn(u64) -> f64) {
        while now >= self.book.edges.next {
            self.cross(&tokens);
        }
        self.now = now;
    }

    /// Closes the bins that end at the next edge.
    #[inline(never)]
    fn cross(&mut self, tokens: &impl Fn(u64) -> f64) {
        self.now = self.book.edges.next;
        self.settle();
        self.carry();
        let levels = [self.queued, self.outstanding];
        self.book.cross(&self.counts, levels, tokens);
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
    fn carry(&mut self) {
        let [queue, busy, calls] = std::mem::take(&mut self.running);
        self.counts.queue_ns += u128::from(queue);
        self.counts.busy_ns += u128::from(busy);
        self.counts.calls_ns += u128::from(calls);
    }

    /// A call starts.
    #[inline]
    pub fn call_started(&mut self) {
        self.settle();
        self.counts.calls += 1;
        self.counts.judged += u64::from(self.book.is_judged(self.now));
        self.outstanding += 1;
        self.book.call_started(self.now);
    }

    /// A call that started at `started` ended, well or not; `at_once` where its first attempt
    /// answered it.
    #[inline(always)]
    pub fn call_ended(&mut self, started: u64, ok: bool, at_once: bool) {
        self.settle();
        let took = self.now - started;
        self.outstanding -= 1;
        self.counts.ended_ns += u128::from(took);
        self.book.ended(self.now);
        let judged = self.book.is_judged(started);
        if ok {
            self.counts.ok += 1;
            self.counts.first_try += u64::from(at_once);
            self.counts.judged_ok += u64::from(judged);
            self.counts.judged_first_try += u64::from(judged & at_once);
            let bin = self.book.bin();
            self.book.answered(bin, took, judged, self.now);
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
        let judged = u64::from(self.book.is_judged(started));
        match by {
            Denial::Budget => self.counts.judged_no_budget += judged,
            Denial::Guard => self.counts.judged_held_back += judged,
        }
    }

    /// An attempt that was sent has ended badly.
    #[inline(always)]
    pub fn attempt_failed(&mut self, failure: Failure) {
        let counts = &mut self.counts;
        match failure {
            Failure::Error => counts.errors += 1,
            Failure::Rejected => counts.rejected += 1,
            Failure::Refused => counts.refused += 1,
            Failure::Reset => counts.reset += 1,
            Failure::Timeout => counts.timed_out += 1,
            Failure::Denied => {}
        }
    }

    /// The `number`-th attempt of a call is sent.
    #[inline]
    pub fn sent(&mut self, number: u32) {
        self.counts.attempts += 1;
        self.book.sent(self.now, number);
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
        // A run that ends early fills its last bins.
        let horizon = site.scenario.run.horizon.0;
        if end < horizon {
            self.advance(self.book.full(end, horizon), &tokens);
        }
        self.settle();
        self.carry();
        let levels = [self.queued, self.outstanding];
        let (now, total) = (self.now, self.counts);
        self.book
            .finish(now, end, total, levels, &tokens, site, residue, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::herd::fine::FINE;
    use crate::herd::metrics::Sample;
    use crate::herd::{CALLS, HERD_INDEX, PEAK_OFFERED_RATIO};
    use crate::scenario::Scenario;

    /// A crash from 10 s to 12 s in a run of 40 s, at 7,142.86/s of capacity.
    const SCENARIO: &str = "[run]\nwarmup = \"2s\"\nhorizon = \"40s\"\n";

    /// The metrics of a run in which every 10 ms, at their start, `per_bin`
    /// gives attempts offered, retries among them and calls answered.
    fn drive(scenario: &str, per_bin: impl Fn(u64) -> (u64, u64, u64)) -> Sample {
        let scenario = Scenario::parse("test", scenario).unwrap();
        let site = Site {
            scenario: &scenario,
            tier: 0,
            acts: false,
            group: None,
        };
        let mut recorder = Recorder::new(Book::new(site));
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
            acts: false,
            group: None,
        };
        let mut recorder = Recorder::new(Book::new(site));
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
