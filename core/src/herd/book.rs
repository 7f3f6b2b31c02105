//! What is written down of a replication as time passes: bins, latencies, peaks, and in
//! the end its metrics.
//!
//! Whoever counts, in order or ahead of time, brings the totals so far to every instant of
//! [`Edges`].

use crate::herd::counts::Counts;
use crate::herd::fault::mean_scale;
use crate::herd::fine::{FINE, Fine, FineBin};
use crate::herd::hosts::{HostCounts, HostTally, Strips};
use crate::herd::metrics::{Health, Measured, QUANTILES, Sample};
use crate::herd::peaks::{TenthEdges, Tenths};
use crate::herd::series::{Bin, Passed, bin};
use crate::herd::site::Site;
use crate::herd::waves::{Tally, Waves};
use crate::histogram::Histogram;
use crate::scenario::action::Action;
use crate::units::Nanos;

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
    /// The same of each group of callers, where there are several.
    pub groups: Vec<Outcome>,
    /// What was counted of each host, where there are several, and when.
    pub hosts: Vec<HostCounts>,
    pub strips: Option<Strips>,
}

impl Outcome {
    /// What does not balance in its books, if anything does not: conservation of calls and
    /// attempts, and Little's law to the nanosecond, here and at the services behind.
    pub fn unbalanced(&self) -> Option<&'static str> {
        let (t, w, left) = (&self.total, &self.window, &self.residue);
        let sum = |of: fn(&HostCounts) -> u128| self.hosts.iter().map(of).sum::<u128>();
        let alone = self.hosts.is_empty();
        let denied = t.judged_no_budget + t.judged_held_back;
        let laws = [
            // What was waited is what stood waiting.
            ("queue", t.queue_ns == t.waited_ns + left.queued_ns),
            ("service", t.busy_ns == t.served_ns + left.serving_ns),
            ("time of calls", t.calls_ns == t.ended_ns + left.calls_ns),
            // Nothing is lost or invented.
            ("calls", t.calls == t.ok + t.failed + left.calls),
            ("attempts", t.attempts + t.denied_attempts >= t.calls),
            ("arrivals", t.offered <= t.attempts),
            (
                "wasted work",
                t.wasted <= t.served && t.wasted_ns <= t.served_ns,
            ),
            ("judged calls", t.judged_ok + t.judged_failed <= t.judged),
            ("calls denied", denied <= t.judged_failed),
            (
                "calls in the window",
                t.judged <= w.calls && t.judged_ok <= w.ok,
            ),
            // Hosts have together what the service has.
            (
                "queues of hosts",
                alone || sum(|h| h.waited_ns) == w.queue_ns,
            ),
            ("servers of hosts", alone || sum(|h| h.busy_ns) == w.busy_ns),
            (
                "arrivals at hosts",
                alone || sum(|h| h.offered.into()) == u128::from(w.offered),
            ),
            (
                "failures of hosts",
                self.hosts.iter().all(|h| h.failed <= h.offered),
            ),
        ];
        let broken = laws.into_iter().find(|(_, holds)| !holds);
        let own = broken.map(|(law, _)| law);
        own.or_else(|| self.tiers.iter().find_map(Outcome::unbalanced))
    }
}

impl Outcome {
    /// Adds what was counted of hosts.
    pub(super) fn has_hosts(&mut self, tally: HostTally) {
        self.measured.busiest_host = tally.busiest_share();
        self.metrics = Sample::of(&self.measured);
        (self.hosts, self.strips) = (tally.counts, tally.strips);
    }

    /// The parts of a run of which everything is told: the services of the chain, that of the
    /// callers first, and then the groups of callers where there are several.
    pub(crate) fn parts_mut(&mut self) -> impl Iterator<Item = (&mut Sample, Measured)> {
        let first = (&mut self.metrics, self.measured);
        let behind = self.tiers.iter_mut().chain(&mut self.groups);
        let behind = behind.map(|part| (&mut part.metrics, part.measured));
        std::iter::once(first).chain(behind)
    }
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

/// The instants at which something is written down, in order.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    /// The next one.
    pub next: u64,
    width: u64,
    bin: u64,
    fine: u64,
    tenth: TenthEdges,
    warmup: u64,
}

/// What there is to write down at an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossed {
    /// The warm-up is over.
    warm: bool,
    fine: bool,
    tenth: bool,
    /// A bin of the time series ends.
    pub bin: bool,
}

impl Edges {
    fn new(site: Site<'_>) -> Edges {
        let run = &site.scenario.run;
        let mut edges = Edges {
            next: 0,
            width: run.bin.0,
            bin: run.bin.0,
            fine: Fine::new(site.scenario).first_edge(),
            tenth: TenthEdges::new(site.scenario),
            warmup: run.warmup.0,
        };
        edges.find();
        edges
    }

    fn find(&mut self) {
        let fine = self.fine.min(self.tenth.next);
        self.next = self.bin.min(fine).min(self.warmup);
    }

    /// Passes the next edge.
    pub fn pass(&mut self) -> Crossed {
        let crossed = Crossed {
            warm: self.next == self.warmup,
            fine: self.next == self.fine,
            tenth: self.next == self.tenth.next,
            bin: self.next == self.bin,
        };
        if crossed.warm {
            self.warmup = u64::MAX;
        }
        if crossed.fine {
            self.fine += FINE;
        }
        if crossed.tenth {
            self.tenth.pass();
        }
        if crossed.bin {
            self.bin += self.width;
        }
        self.find();
        crossed
    }
}

/// How long an answered call took, in ns, with what it counts for in the two lowest bits.
#[derive(Clone, Copy)]
struct Answer(u64);

impl Answer {
    const JUDGED: u64 = 1;
    const COUNTED: u64 = 2;

    fn ns(self) -> u64 {
        self.0 >> 2
    }
}

/// Bins, latencies and peaks of a running replication.
#[derive(Clone)]
pub(super) struct Book {
    pub edges: Edges,
    bin_start: u64,
    bin_counts: Counts,
    bins: Vec<Bin>,
    fine_counts: Counts,
    fine: Fine,
    tenths: Tenths,
    pub warmup: u64,
    /// For how long after that calls start that are judged.
    judged_for: u64,
    at_warmup: Option<Counts>,
    /// How long the calls took that are answered in the running bin, and in those after it:
    /// a ring whose length is a power of two, by the number of the bin.
    answers: Vec<Vec<Answer>>,
    bin: usize,
    waits: Histogram,
    other_latency: Histogram,
    waves: Option<Tally>,
    /// Whether latencies and the time series are of interest.
    keeps: bool,
    first_call: Option<u64>,
    last_end: u64,
    /// What is done about its servers.
    actions: Vec<Action>,
}

impl Book {
    pub fn new(site: Site<'_>) -> Book {
        let run = &site.scenario.run;
        Book {
            edges: Edges::new(site),
            bin_start: 0,
            bin_counts: Counts::default(),
            bins: Vec::with_capacity(run.horizon.0.div_ceil(run.bin.0) as usize),
            fine_counts: Counts::default(),
            fine: Fine::new(site.scenario),
            tenths: Tenths::new(site),
            warmup: run.warmup.0,
            judged_for: run.horizon.0 - run.cooldown.0 - run.warmup.0,
            at_warmup: None,
            answers: vec![Vec::new(); 4],
            bin: 0,
            waits: Histogram::up_to(run.horizon),
            other_latency: Histogram::up_to(run.horizon),
            waves: None,
            keeps: true,
            first_call: None,
            last_end: 0,
            actions: site.actions(),
        }
    }

    /// Of a replication: the waves of retries are looked at in the first, where the callers
    /// are; of a twin neither latencies nor a time series are kept.
    pub fn of(site: Site<'_>, is_twin: bool, replication: u64) -> Book {
        let shows_waves = !is_twin && site.tier == 0 && site.group.is_none() && replication == 0;
        let mut book = Book::new(site);
        if is_twin {
            // Large tables of which nothing is kept, and which copies would copy.
            book.waits = Histogram::up_to(Nanos(1));
            book.other_latency = Histogram::up_to(Nanos(1));
        }
        Book {
            waves: shows_waves.then(|| Tally::new(site.scenario)),
            keeps: !is_twin,
            ..book
        }
    }

    /// What has been counted finely so far is not wanted.
    pub fn forget(&mut self) {
        self.fine.bins.clear();
    }

    /// What has been counted finely so far.
    pub fn fine(&self) -> &Fine {
        &self.fine
    }

    /// Whether what becomes of a call that starts then is judged.
    #[inline]
    pub fn is_judged(&self, started: u64) -> bool {
        started.wrapping_sub(self.warmup) < self.judged_for
    }

    /// A call starts; calls do so in order.
    #[inline]
    pub fn call_started(&mut self, now: u64) {
        if self.first_call.is_none() {
            self.first_call = Some(now);
        }
    }

    /// The number of the running bin.
    #[inline]
    pub fn bin(&self) -> usize {
        self.bin
    }

    /// A call that took so long, judged or not, is answered at `end`, in that bin.
    #[inline(always)]
    pub fn answered(&mut self, bin: usize, took: u64, judged: bool, end: u64) {
        if !self.keeps {
            return;
        }
        let counts = match judged {
            true => Answer::JUDGED,
            false => u64::from(end >= self.warmup) * Answer::COUNTED,
        };
        if bin - self.bin >= self.answers.len() {
            self.reach(bin);
        }
        let place = bin & (self.answers.len() - 1);
        self.answers[place].push(Answer(took << 2 | counts));
    }

    /// Makes the ring of answers long enough for a bin.
    #[cold]
    fn reach(&mut self, bin: usize) {
        let old = self.answers.len();
        let new = (bin - self.bin + 1).next_power_of_two();
        let mut longer = vec![Vec::new(); new];
        for n in self.bin..self.bin + old {
            longer[n & (new - 1)] = std::mem::take(&mut self.answers[n & (old - 1)]);
        }
        self.answers = longer;
    }

    /// A call has ended at `end`.
    #[inline]
    pub fn ended(&mut self, end: u64) {
        self.last_end = self.last_end.max(end);
    }

    /// The `number`-th attempt of a call is sent at `time`.
    #[inline]
    pub fn sent(&mut self, time: u64, number: u32) {
        if let Some(waves) = &mut self.waves {
            waves.sent(time, number);
        }
    }

    /// Passes the next edge: so much was counted by then, so many attempts wait and so many
    /// calls are outstanding.
    pub fn cross(&mut self, counts: &Counts, levels: [u32; 2], tokens: impl Fn(u64) -> f64) {
        let edge = self.edges.next;
        let [queued, outstanding] = levels;
        let crossed = self.edges.pass();
        if crossed.warm {
            self.at_warmup = Some(*counts);
        }
        if crossed.fine {
            self.close_fine(counts, outstanding);
        }
        if crossed.tenth {
            self.tenths.close(edge, counts, queued);
        }
        if crossed.bin {
            self.close_bin(edge, counts, tokens(edge));
        }
    }

    fn close_fine(&mut self, now: &Counts, outstanding: u32) {
        let then = &self.fine_counts;
        self.fine.bins.push(FineBin {
            offered: (now.offered - then.offered) as u32,
            retries: (now.offered_retries - then.offered_retries) as u32,
            ok: (now.ok - then.ok) as u32,
            calls: (now.calls - then.calls) as u32,
            waiting: outstanding,
        });
        self.fine_counts = *now;
    }

    fn close_bin(&mut self, end: u64, now: &Counts, tokens: f64) {
        let from = std::mem::replace(&mut self.bin_start, end);
        if !self.keeps {
            return;
        }
        let place = self.bin & (self.answers.len() - 1);
        self.bin += 1;
        let mut answers = std::mem::take(&mut self.answers[place]);
        for answer in &answers {
            if answer.0 & Answer::JUDGED != 0 {
                self.waits.record(answer.ns());
            } else if answer.0 & Answer::COUNTED != 0 {
                self.other_latency.record(answer.ns());
            }
        }
        let [p50, p99] = median_and_p99_s(&mut answers);
        answers.clear();
        self.answers[place] = answers;
        self.bins.push(bin(&Passed {
            now,
            then: &self.bin_counts,
            width_ns: (end - from) as f64,
            tokens,
            p50,
            p99,
        }));
        self.bin_counts = *now;
    }

    /// When the last bin of a run that ends before its horizon is full.
    pub fn full(&self, end: u64, horizon: u64) -> u64 {
        let whole = self.fine.tenth_after(end);
        whole.max(self.edges.bin).min(horizon)
    }

    /// Ends the book at `now`, of a run that ended at `end` after so many `events`.
    #[expect(clippy::too_many_arguments, reason = "what a run comes to")]
    pub fn finish(
        mut self,
        now: u64,
        end: u64,
        total: Counts,
        levels: [u32; 2],
        tokens: impl Fn(u64) -> f64,
        site: Site<'_>,
        residue: Residue,
        events: u64,
    ) -> Outcome {
        let window = total.since(&self.at_warmup.unwrap_or(total));
        if now > self.bin_start {
            self.close_bin(now, &total, tokens(now));
        }
        self.tenths.finish(now, &total, levels[0]);
        let measured = self.measured(&total, &window, levels[1], end, site);
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
            groups: Vec::new(),
            hosts: Vec::new(),
            strips: None,
        }
    }

    fn measured(
        &mut self,
        total: &Counts,
        window: &Counts,
        outstanding: u32,
        end: u64,
        site: Site<'_>,
    ) -> Measured {
        let service = site.service();
        let first_call = self.first_call.unwrap_or(0);
        let done = match outstanding {
            0 => self.last_end,
            _ => end,
        };
        let completion_s = match self.first_call {
            Some(first) if outstanding == 0 && site.is_once() => {
                (self.last_end - first) as f64 / 1e9
            }
            _ => f64::NAN,
        };
        // Judged calls that were answered, whenever that was, all were within the window.
        self.other_latency.merge(&self.waits);
        let judged = total.judged;
        let rank = |q: f64| ((q * judged as f64).ceil() as u64).max(1);
        Measured {
            window: *window,
            length_ns: end.saturating_sub(self.warmup) as f64,
            servers: service.servers().map_or(f64::NAN, |servers| {
                let own = service.pool().map_or(1, |pool| pool.servers);
                servers * mean_scale(&self.actions, own, self.warmup, end)
            }),
            has_effect: service.effect.is_some(),
            outstanding,
            latency_s: QUANTILES.map(|q| self.other_latency.quantile_s(q)),
            wait_s: QUANTILES.map(|q| self.waits.rank_s(rank(q))),
            peaks: self.tenths.peaks(
                site,
                &self.fine,
                total.calls,
                [first_call, done.max(first_call)],
            ),
            health: Health::UNKNOWN,
            completion_s,
            sub: None,
            busiest_host: f64::NAN,
        }
    }
}

/// Median and 99th percentile by nearest rank, in seconds; NaN of nothing.
/// Reorders `answers`.
fn median_and_p99_s(answers: &mut [Answer]) -> [f64; 2] {
    let n = answers.len();
    if n == 0 {
        return [f64::NAN; 2];
    }
    let rank = |q: f64| (q * n as f64).ceil() as usize;
    let key = |answer: &Answer| answer.0;
    // With the 99th percentile in its place, the median is to its left.
    let (left, p99, _) = answers.select_nth_unstable_by_key(rank(0.99) - 1, key);
    let p99 = *p99;
    let p50 = match left.len().checked_sub(1) {
        Some(last) => {
            let middle = (rank(0.5) - 1).min(last);
            *left.select_nth_unstable_by_key(middle, key).1
        }
        None => p99,
    };
    [p50.ns() as f64 / 1e9, p99.ns() as f64 / 1e9]
}
