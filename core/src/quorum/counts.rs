//! What trials add up to, per setting.

use crate::histogram::Histogram;
use crate::stats::{Estimate, Z_975};

/// Sums of a ratio: what counts over what it is out of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ratio {
    n: u64,
    x: f64,
    xx: f64,
    y: f64,
    xy: f64,
    yy: f64,
}

/// What has a chance of so much in n trials comes up in all but one of 20,000 cases.
const UNSEEN: f64 = 10.0;

impl Ratio {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1;
        self.x += x;
        self.xx += x * x;
        self.y += y;
        self.xy += x * y;
        self.yy += y * y;
    }

    fn merge(&mut self, other: &Ratio) {
        self.n += other.n;
        self.x += other.x;
        self.xx += other.xx;
        self.y += other.y;
        self.xy += other.xy;
        self.yy += other.yy;
    }

    /// Whether a chance lies within so many standard errors of it, as far as that can be
    /// told: where few trials carry the whole weight, it cannot; and of what comes up once in
    /// so many trials as there are, none may have come up.
    pub fn agrees_with(&self, p: f64, far: f64) -> bool {
        let e = self.estimate();
        if self.x == 0.0 {
            return self.n == 0 || p <= UNSEEN / self.n as f64;
        }
        if e.mean.is_nan() || self.x * self.x < 100.0 * self.xx {
            return true;
        }
        let error = e.sd / (e.n as f64).sqrt();
        (e.mean - p).abs() <= far * error + UNSEEN / e.n as f64 * p
    }

    /// The mean of x over that of y, with the interval of the delta method.
    pub fn estimate(&self) -> Estimate {
        if self.y == 0.0 {
            return Estimate::NONE;
        }
        let (n, p) = (self.n as f64, self.x / self.y);
        let squares = self.xx - 2.0 * p * self.xy + p * p * self.yy;
        let error = squares.max(0.0).sqrt() / self.y;
        let mut high = (p + Z_975 * error).min(1.0);
        // Where few trials carry the whole weight, others that carry more may not have
        // come up yet: as many without them leave room for 3/n.
        if self.x * self.x < 100.0 * self.xx {
            high = high.max(3.0 / self.y);
        }
        Estimate {
            mean: p,
            low: (p - Z_975 * error).max(0.0),
            high,
            n: self.n,
            sd: error * n.sqrt(),
        }
    }
}

/// What came of one setting.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Reads after a write that has committed, per t; and stale ones among them.
    pub reads: Vec<u64>,
    pub stale: Vec<u64>,
    /// The same by the chance of what is not drawn.
    pub weighed: Vec<Ratio>,
    /// Per number of versions, the chance to miss them all.
    pub versions: Vec<Ratio>,
    /// Pairs of reads by one client of which the first is right after the commit, and
    /// those of which the second does not know what the first did.
    pub pairs: u64,
    pub backwards: u64,
    /// Trials in which all of this was looked at.
    pub played: u64,
    pub failed_writes: u64,
    pub failed_reads: u64,
    /// Of failed writes, per t: reads, and those that see the write all the same.
    pub looked: Vec<u64>,
    pub visible: Vec<u64>,
    /// In ns.
    pub read_ns: Histogram,
    pub write_ns: Histogram,
    /// How long after the commit a read of these draws is fresh, in ns, where it
    /// is not fresh at once.
    pub need_ns: Histogram,
    pub never_fresh: u64,
    pub fresh_at_once: u64,
}

/// The longest duration that is told from longer ones, in ns.
const LONGEST: u64 = 1 << 62;

/// Whole nanoseconds: the histogram keeps three digits of them.
fn note(histogram: &mut Histogram, ns: f64) {
    let counted = histogram.record_many(ns.clamp(0.0, LONGEST as f64) as u64, 1);
    debug_assert!(counted, "it grows as needed");
}

impl Counts {
    fn new(times: usize, versions: usize) -> Counts {
        Counts {
            reads: vec![0; times],
            stale: vec![0; times],
            weighed: vec![Ratio::default(); times],
            versions: vec![Ratio::default(); versions],
            pairs: 0,
            backwards: 0,
            played: 0,
            failed_writes: 0,
            failed_reads: 0,
            looked: vec![0; times],
            visible: vec![0; times],
            read_ns: Histogram::growing(),
            write_ns: Histogram::growing(),
            need_ns: Histogram::growing(),
            never_fresh: 0,
            fresh_at_once: 0,
        }
    }

    pub(super) fn write(&mut self, ns: f64) {
        note(&mut self.write_ns, ns);
    }

    pub(super) fn read(&mut self, ns: f64) {
        note(&mut self.read_ns, ns);
    }

    /// A read after a committed write is stale until `need` ns after the commit.
    pub(super) fn need(&mut self, need: f64, times: &[f64]) {
        for (k, t) in times.iter().enumerate() {
            self.reads[k] += 1;
            self.stale[k] += u64::from(need > *t);
        }
        match need {
            _ if need <= 0.0 => self.fresh_at_once += 1,
            f64::INFINITY => self.never_fresh += 1,
            _ => note(&mut self.need_ns, need.ceil()),
        }
    }

    pub(super) fn weigh(&mut self, k: usize, stale: f64, completes: bool) {
        self.weighed[k].add(stale, f64::from(u8::from(completes)));
    }

    pub(super) fn weigh_nothing(&mut self, completes: bool) {
        for ratio in &mut self.weighed {
            ratio.add(0.0, f64::from(u8::from(completes)));
        }
    }

    pub(super) fn version(&mut self, k: usize, missed: f64, committed: bool) {
        self.versions[k].add(missed, f64::from(u8::from(committed)));
    }

    pub(super) fn stale_or_not(&mut self, k: usize, stale: bool) {
        self.reads[k] += 1;
        self.stale[k] += u64::from(stale);
    }

    pub(super) fn see(&mut self, k: usize, visible: bool) {
        self.looked[k] += 1;
        self.visible[k] += u64::from(visible);
    }

    fn merge(&mut self, other: &Counts) {
        let lists = [
            (&mut self.reads, &other.reads),
            (&mut self.stale, &other.stale),
            (&mut self.looked, &other.looked),
            (&mut self.visible, &other.visible),
        ];
        for (mine, theirs) in lists {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += theirs;
            }
        }
        for (mine, theirs) in self.weighed.iter_mut().zip(&other.weighed) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.versions.iter_mut().zip(&other.versions) {
            mine.merge(theirs);
        }
        self.pairs += other.pairs;
        self.backwards += other.backwards;
        self.played += other.played;
        self.failed_writes += other.failed_writes;
        self.failed_reads += other.failed_reads;
        self.never_fresh += other.never_fresh;
        self.fresh_at_once += other.fresh_at_once;
        let histograms = [
            (&mut self.read_ns, &other.read_ns),
            (&mut self.write_ns, &other.write_ns),
            (&mut self.need_ns, &other.need_ns),
        ];
        for (mine, theirs) in histograms {
            mine.merge(theirs);
        }
    }

    /// Share of stale reads at the k-th t, with Wilson's interval.
    pub fn simulated(&self, k: usize) -> Estimate {
        Estimate::of_trials(self.stale[k] as f64, self.reads[k])
    }

    /// The t from which on a share `level` of reads is fresh, in ns: value, low
    /// and high by order statistics. None where it is never so.
    pub fn visibility(&self, level: f64) -> [Option<f64>; 3] {
        let all = self.fresh_at_once + self.never_fresh + self.need_ns.len();
        if all == 0 {
            return [None; 3];
        }
        let n = all as f64;
        let error = Z_975 * (level * (1.0 - level) / n).sqrt();
        let at = |level: f64| {
            let rank = (level * n).ceil();
            let among = rank - self.fresh_at_once as f64;
            match among {
                _ if among <= 0.0 => Some(0.0),
                _ if among > self.need_ns.len() as f64 => None,
                _ => {
                    let share = among / self.need_ns.len() as f64;
                    Some(self.need_ns.quantile_ns(share) as f64)
                }
            }
        };
        // Above the last trial nothing was seen, and nothing bounds it.
        let high = (level + error < 1.0).then(|| at(level + error)).flatten();
        [at(level), at(level - error), high]
    }
}

/// The counts of all settings of one N.
#[derive(Clone, Debug)]
pub struct Tally {
    pub trials: u64,
    pub settings: Vec<Counts>,
}

impl Tally {
    pub fn new(settings: usize, times: usize, versions: usize) -> Tally {
        Tally {
            trials: 0,
            settings: (0..settings)
                .map(|_| Counts::new(times, versions))
                .collect(),
        }
    }

    pub fn merge(&mut self, other: &Tally) {
        self.trials += other.trials;
        for (mine, theirs) in self.settings.iter_mut().zip(&other.settings) {
            mine.merge(theirs);
        }
    }
}
