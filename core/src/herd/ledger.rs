//! What is counted of a replication whose events are known before their time.
//!
//! Between two edges of the [`Book`] lies a cell. Whatever happens is entered in the cell of
//! its instant, in no order; a cell is carried to the totals when its end has come, after
//! which nothing is entered there any more. A level that changes by δ at t adds δ·(end − t)
//! to its integral over the cell, and δ to the level at the cell's end.

use std::ops::Range;

use crate::herd::book::{Book, Edges, Outcome, Residue};
use crate::herd::counts::Counts;
use crate::herd::fine::{FINE, Fine};
use crate::herd::site::Site;
use crate::scenario::policy::Failure;

/// What changes of a level within a cell: its sum, and what that adds to the integral.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    sum: i64,
    ns: i64,
}

impl Change {
    #[inline(always)]
    fn add(&mut self, by: i64, left: u64) {
        self.sum += by;
        self.ns += by * left as i64;
    }

    fn join(&mut self, other: Change) {
        self.sum += other.sum;
        self.ns += other.ns;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    end: u64,
    /// Which bin of the time series it belongs to.
    bin: usize,
    rejected: u32,
    timed_out: u32,
    wasted: u32,
    denied: u32,
    ok: u32,
    failed: u32,
    queued: Change,
    busy: Change,
    outstanding: Change,
}

/// Cells by their number, and where to find that of an instant: rings whose length is a
/// power of two.
#[derive(Clone)]
struct Cells {
    ring: Vec<Cell>,
    /// The running one, and the first that is not made yet.
    first: usize,
    made: usize,
    /// When the running one begins and ends, and when the last one made does.
    from: u64,
    end: u64,
    reach: u64,
    /// What was found last: the cell of an instant.
    found: (u64, usize),
    /// For every multiple of 10 ms within reach, the first cell that ends after it.
    grains: Vec<usize>,
    grains_made: usize,
    /// The edges of the cells that are not made yet, and the bin of the next.
    ahead: Edges,
    bin: usize,
}

impl Cells {
    fn new(ahead: Edges) -> Cells {
        let mut cells = Cells {
            ring: vec![Cell::default(); 64],
            first: 0,
            made: 0,
            from: 0,
            end: 0,
            reach: 0,
            found: (u64::MAX, 0),
            grains: vec![0; 64],
            grains_made: 0,
            ahead,
            bin: 0,
        };
        cells.make();
        cells.end = cells.reach;
        cells
    }

    /// Makes another cell.
    #[cold]
    fn make(&mut self) {
        if self.made - self.first == self.ring.len() {
            grow(&mut self.ring, self.first..self.made);
        }
        let (end, mask) = (self.ahead.next, self.ring.len() - 1);
        self.ring[self.made & mask] = Cell {
            end,
            bin: self.bin,
            ..Cell::default()
        };
        self.bin += usize::from(self.ahead.pass().bin);
        while (self.grains_made as u64) * FINE < end {
            let oldest = self.grains_made.saturating_sub(self.grains.len());
            // Of what is before the running cell nobody asks any more.
            let full = self.grains_made - oldest == self.grains.len();
            if full && (oldest as u64 + 1) * FINE > self.from {
                grow(&mut self.grains, oldest..self.grains_made);
            }
            let mask = self.grains.len() - 1;
            self.grains[self.grains_made & mask] = self.made;
            self.grains_made += 1;
        }
        self.made += 1;
        self.reach = end;
    }

    /// Ends the running cell.
    fn next(&mut self) -> Cell {
        if self.first + 1 == self.made {
            self.make();
        }
        let cell = *self.running();
        self.from = cell.end;
        self.first += 1;
        self.end = self.running().end;
        // What is left of its 10 ms begins with the next one.
        let grain = (self.from / FINE) as usize & (self.grains.len() - 1);
        self.grains[grain] = self.grains[grain].max(self.first);
        cell
    }

    /// The running cell.
    #[inline(always)]
    fn running(&mut self) -> &mut Cell {
        let mask = self.ring.len() - 1;
        &mut self.ring[self.first & mask]
    }

    /// The cell of an instant that is not before the first one.
    #[inline(always)]
    fn of(&mut self, time: u64) -> &mut Cell {
        if time != self.found.0 {
            self.found = (time, self.find(time));
        }
        let mask = self.ring.len() - 1;
        &mut self.ring[self.found.1 & mask]
    }

    #[inline(always)]
    fn find(&mut self, time: u64) -> usize {
        while self.reach <= time {
            self.make();
        }
        let grain = (time / FINE) as usize & (self.grains.len() - 1);
        let mask = self.ring.len() - 1;
        let mut number = self.grains[grain];
        if self.ring[number & mask].end <= time {
            number = self.search(number + 1, time);
        }
        number
    }

    /// The cell of an instant, from a number on.
    fn search(&self, from: usize, time: u64) -> usize {
        let mask = self.ring.len() - 1;
        let (mut low, mut high) = (from, self.made);
        while low < high {
            let middle = (low + high) / 2;
            match self.ring[middle & mask].end <= time {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

/// Doubles a ring that holds these.
fn grow<T: Copy + Default>(ring: &mut Vec<T>, held: Range<usize>) {
    let mut longer = vec![T::default(); 2 * ring.len()];
    let (old, new) = (ring.len() - 1, 2 * ring.len() - 1);
    held.for_each(|n| longer[n & new] = ring[n & old]);
    *ring = longer;
}

/// The books of a replication whose events are known before their time.
#[derive(Clone)]
pub(super) struct Ledger {
    horizon: u64,
    warmup: u64,
    book: Book,
    cells: Cells,
    /// What has been counted by now, but for what is in cells and sums.
    counts: Counts,
    /// What changes now, in order: attempts join the queue, servers begin, calls start.
    joined: Change,
    begun: Change,
    started: Change,
    /// What no cell holds, before the warm-up is over and after.
    sums: [Counts; 2],
    levels: [i64; 3],
    /// Calls that do not end before the horizon, as far as that is known, and the sum of
    /// when they started.
    open: u64,
    open_ns: u128,
    /// Up to when cells have been carried.
    carried: u64,
    residue: Residue,
    /// The last instant at which something ends.
    last: u64,
}

impl Ledger {
    pub fn new(book: Book, horizon: u64) -> Ledger {
        Ledger {
            horizon,
            warmup: book.warmup,
            cells: Cells::new(book.edges.clone()),
            book,
            counts: Counts::default(),
            joined: Change::default(),
            begun: Change::default(),
            started: Change::default(),
            sums: [Counts::default(); 2],
            levels: [0; 3],
            open: 0,
            open_ns: 0,
            carried: 0,
            residue: Residue::default(),
            last: 0,
        }
    }

    pub fn forget(&mut self) {
        self.book.forget();
    }

    pub fn fine(&self) -> &Fine {
        self.book.fine()
    }

    /// The cell of an instant that is not before now.
    #[inline(always)]
    fn cell(&mut self, time: u64) -> &mut Cell {
        debug_assert!(time >= self.carried);
        self.cells.of(time)
    }

    /// What no cell holds of an instant.
    #[inline(always)]
    pub fn sums(&mut self, time: u64) -> &mut Counts {
        &mut self.sums[usize::from(time >= self.warmup)]
    }

    /// Brings the clock to `now`; closes the cells that end on the way.
    #[inline(always)]
    pub fn advance(&mut self, now: u64, tokens: impl Fn(u64) -> f64) {
        while now >= self.cells.end {
            self.cross(&tokens);
        }
    }

    fn cross(&mut self, tokens: &impl Fn(u64) -> f64) {
        let cell = self.cells.next();
        self.carry(cell, cell.end);
        if cell.end == self.warmup {
            self.counts.add(&std::mem::take(&mut self.sums[0]));
        }
        self.book.cross(&self.counts, self.levels(), tokens);
    }

    /// Carries what a cell holds up to an instant, at its end or before, to the totals.
    fn carry(&mut self, mut cell: Cell, until: u64) {
        cell.queued.join(std::mem::take(&mut self.joined));
        cell.busy.join(std::mem::take(&mut self.begun));
        cell.outstanding.join(std::mem::take(&mut self.started));
        let (width, rest) = (until - self.carried, cell.end - until);
        self.carried = until;
        let changes = [&cell.queued, &cell.busy, &cell.outstanding];
        let mut integrals = [0; 3];
        for ((level, change), ns) in self.levels.iter_mut().zip(changes).zip(&mut integrals) {
            *ns = (*level * width as i64 + change.ns - change.sum * rest as i64) as u128;
            *level += change.sum;
        }
        let [queue_ns, busy_ns, calls_ns] = integrals;
        let counts = &mut self.counts;
        counts.rejected += u64::from(cell.rejected);
        counts.timed_out += u64::from(cell.timed_out);
        counts.wasted += u64::from(cell.wasted);
        counts.denied += u64::from(cell.denied);
        counts.ok += u64::from(cell.ok);
        counts.failed += u64::from(cell.failed);
        counts.queue_ns += queue_ns;
        counts.busy_ns += busy_ns;
        counts.calls_ns += calls_ns;
    }

    /// Attempts waiting, and calls outstanding.
    pub fn levels(&self) -> [u32; 2] {
        [self.levels[0] as u32, self.levels[2] as u32]
    }

    /// Something comes to an end at an instant.
    #[inline(always)]
    fn lasts(&mut self, until: u64) {
        self.last = self.last.max(until);
    }

    /// A call starts now.
    #[inline(always)]
    pub fn call_started(&mut self, now: u64) {
        let judged = self.book.is_judged(now);
        self.book.call_started(now);
        self.started.add(1, self.cells.end - now);
        self.counts.calls += 1;
        self.counts.judged += u64::from(judged);
        self.open += 1;
        self.open_ns += u128::from(now);
    }

    /// The `number`-th attempt of a call is sent, now or later.
    #[inline(always)]
    pub fn sent(&mut self, time: u64, number: u32) {
        if time < self.horizon {
            self.sums(time).attempts += 1;
            self.book.sent(time, number);
        }
    }

    /// The `number`-th attempt of a call reaches the service now, and was sent now if
    /// that takes no time.
    #[inline(always)]
    pub fn arrived(&mut self, now: u64, number: u32, at_once: bool) {
        self.counts.offered += 1;
        self.counts.offered_retries += u64::from(number > 1);
        if at_once {
            self.counts.attempts += 1;
            self.book.sent(now, number);
        }
    }

    /// An attempt joins the queue now.
    #[inline(always)]
    pub fn joins(&mut self, now: u64) {
        self.joined.add(1, self.cells.end - now);
    }

    /// One that has joined the queue leaves it, and nobody serves it.
    pub fn leaves(&mut self, joined: u64, time: u64) {
        if self.left(joined, time) {
            let cell = self.cell(time);
            cell.queued.add(-1, cell.end - time);
            self.lasts(time);
        }
    }

    /// Whether an attempt leaves the queue before the run ends.
    #[inline(always)]
    fn left(&mut self, joined: u64, time: u64) -> bool {
        if time >= self.horizon {
            self.residue.queued += 1;
            self.residue.queued_ns += u128::from(self.horizon - joined);
            return false;
        }
        self.sums(time).waited_ns += u128::from(time - joined);
        true
    }

    /// A server takes an attempt that came now at `start`, out of the queue if that is later,
    /// and is rid of it at `until`, when it may be `wasted`: nobody waits for it any more.
    #[inline(always)]
    pub fn serves(&mut self, now: u64, start: u64, until: u64, wasted: bool) {
        if start == now {
            self.begun.add(1, self.cells.end - now);
        } else if self.left(now, start) {
            let cell = self.cell(start);
            let rest = cell.end - start;
            cell.busy.add(1, rest);
            cell.queued.add(-1, rest);
        } else {
            return;
        }
        if until >= self.horizon {
            self.residue.serving += 1;
            self.residue.serving_ns += u128::from(self.horizon - start);
            return;
        }
        let cell = self.cell(until);
        cell.busy.add(-1, cell.end - until);
        cell.wasted += u32::from(wasted);
        let time = until - start;
        let sums = self.sums(until);
        sums.served += 1;
        sums.served_ns += u128::from(time);
        sums.wasted_ns += u128::from(if wasted { time } else { 0 });
        self.lasts(until);
    }

    /// An attempt fails for its caller, before the run ends.
    #[inline(always)]
    pub fn failed(&mut self, failure: Failure, time: u64) {
        match failure {
            Failure::Rejected if time < self.cells.end => self.counts.rejected += 1,
            Failure::Rejected => self.cell(time).rejected += 1,
            Failure::Timeout => self.cell(time).timed_out += 1,
            Failure::Error => self.sums(time).errors += 1,
            Failure::Refused => self.sums(time).refused += 1,
            Failure::Reset => self.sums(time).reset += 1,
            Failure::Denied => {}
        }
    }

    /// A call that started at `started` ends, well or not; `at_once` where its first attempt
    /// answers it. It does so before the run ends.
    #[inline(always)]
    pub fn ended(&mut self, started: u64, time: u64, ok: bool, at_once: bool) {
        let judged = self.book.is_judged(started);
        let took = time - started;
        self.open -= 1;
        self.open_ns -= u128::from(started);
        let cell = self.cell(time);
        cell.outstanding.add(-1, cell.end - time);
        cell.ok += u32::from(ok);
        cell.failed += u32::from(!ok);
        let bin = cell.bin;
        let sums = self.sums(time);
        sums.ended_ns += u128::from(took);
        if ok {
            sums.first_try += u64::from(at_once);
            sums.judged_ok += u64::from(judged);
            sums.judged_first_try += u64::from(judged & at_once);
            self.book.answered(bin, took, judged, time);
        } else if judged {
            sums.judged_failed += 1;
            sums.given_up_ns += u128::from(took);
        }
        self.book.ended(time);
        self.lasts(time);
    }

    /// A call that started at `started` is about to end as its client's budget denies it a
    /// retry.
    pub fn denied(&mut self, started: u64, now: u64) {
        let judged = u64::from(self.book.is_judged(started));
        self.cell(now).denied += 1;
        self.sums(now).judged_no_budget += judged;
    }

    /// Ends a run in which nothing is left to happen, or whose horizon has come, after so
    /// many events.
    pub fn finish(
        mut self,
        is_through: bool,
        tokens: impl Fn(u64) -> f64,
        site: Site<'_>,
        events: u64,
    ) -> Outcome {
        let (open, nobody) = (self.open, Residue::default());
        // Callers who all are through end a run before its horizon.
        let end = match is_through && open == 0 && self.residue == nobody {
            true => self.last,
            false => self.horizon,
        };
        self.advance(end, &tokens);
        let until = match end < self.horizon {
            true => self.book.full(end, self.horizon),
            false => self.horizon,
        };
        self.advance(until, &tokens);
        let cell = *self.cells.running();
        self.carry(cell, until);
        let mut total = self.counts;
        self.sums.iter().for_each(|sums| total.add(sums));
        let residue = Residue {
            calls: open,
            calls_ns: u128::from(open) * u128::from(end) - self.open_ns,
            ..self.residue
        };
        let levels = self.levels();
        self.book
            .finish(until, end, total, levels, tokens, site, residue, events)
    }
}
