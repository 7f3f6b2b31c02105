//! What a metric is: everything that is said of it, once.
//!
//! A kind of run has one list of metrics. Files, tables, conditions, comparisons and
//! charts read titles, units and bounds from there, and find values by a [`Key`], which
//! is made of a name when the program is compiled: a name that is not in the list does
//! not compile.

use crate::stats::Estimate;

/// The number of the definitions that results are told by. The first judged calls by when
/// they ended, and health by what was before the faults.
pub const DEFINITIONS: u32 = 2;

/// One quantity that runs of a kind are measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// What columns, keys and conditions call it; it ends in its unit (`_s`, `_per_s`).
    pub name: &'static str,
    /// What a table calls it.
    pub title: &'static str,
    pub unit: Unit,
    pub domain: Domain,
    pub better: Better,
    pub interval: Interval,
    /// Of a share the metric that counts what it is a share of, where one does.
    pub of: Option<&'static str>,
    /// The number of the definitions that this one came with.
    pub since: u32,
    /// What a scenario has to have for it to be told at all.
    pub only: Option<Part>,
    /// Its definition, a sentence.
    pub doc: &'static str,
}

/// A part of the world that not every scenario has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Several hosts.
    Hosts,
    /// Calls made of sub-calls.
    SubCalls,
}

/// How values are written for people, and read from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    One,
    /// A share, told in percent.
    Percent,
    /// A chance, however small.
    Chance,
    Seconds,
    PerSecond,
    /// So many times something.
    Times,
}

/// What values there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// From 0 to 1.
    Share,
    /// 0, 1, 2, …; in the mean anything from 0.
    Count,
    /// Seconds from 0.
    Duration,
    /// Per second, from 0.
    Rate,
    /// One quantity over another, from 0.
    Ratio,
    /// Any number.
    Signed,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
    /// Neither way by itself.
    Neither,
}

/// How the 95% interval of a mean over runs or trials is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interval {
    /// Student's t over independent runs, cut to the domain.
    Student,
    /// The same where every run has a value; else there is no mean either.
    Every,
    /// Wilson's, of a share of runs.
    Wilson,
    /// Of trials, the better of what happened and what was to be expected.
    Trials,
    /// As the method has it that found the value; none where it is computed.
    Method,
}

impl Metric {
    /// A metric with Student's intervals.
    pub const fn new(
        name: &'static str,
        title: &'static str,
        (unit, domain): (Unit, Domain),
        better: Better,
        doc: &'static str,
    ) -> Metric {
        Metric {
            name,
            title,
            unit,
            domain,
            better,
            interval: Interval::Student,
            of: None,
            since: 1,
            only: None,
            doc,
        }
    }

    /// A key to this metric where it stands in no list of its kind: found by its name.
    pub const fn key(&self) -> Key {
        Key {
            index: usize::MAX,
            name: self.name,
        }
    }

    /// Whether this is its name.
    pub(crate) const fn is(&self, name: &str) -> bool {
        same(self.name.as_bytes(), name.as_bytes())
    }

    /// The same with other intervals.
    #[must_use]
    pub const fn by(self, interval: Interval) -> Metric {
        Metric { interval, ..self }
    }

    /// The same, a share of what another metric counts.
    #[must_use]
    pub const fn of(self, counted: &'static str) -> Metric {
        Metric {
            of: Some(counted),
            ..self
        }
    }

    /// The same, with the number of the definitions that it came with.
    #[must_use]
    pub const fn since(self, definitions: u32) -> Metric {
        Metric {
            since: definitions,
            ..self
        }
    }

    /// The same, of scenarios that have such a part.
    #[must_use]
    pub const fn only(self, part: Part) -> Metric {
        Metric {
            only: Some(part),
            ..self
        }
    }

    /// The estimate of its mean from values, one a run; NaN values are of runs without one.
    ///
    /// Runs that all agree leave no interval, but of a share: it is then known of so many
    /// runs, and not of all.
    pub fn estimate(&self, values: impl IntoIterator<Item = f64>) -> Estimate {
        let (e, missing) = Estimate::of_known(values);
        match (self.interval, self.domain) {
            (Interval::Wilson, _) => Estimate::share(e.mean * e.n as f64, e.n),
            (Interval::Every, _) if missing > 0 => Estimate::NONE,
            (_, Domain::Share) => e.or_of_runs(0.0, 1.0),
            (_, domain) => domain.cut(e.or_none()),
        }
    }

    /// The estimate of a difference of two of its means from paired differences of runs.
    pub fn estimate_difference(&self, values: impl IntoIterator<Item = f64>) -> Estimate {
        let (e, missing) = Estimate::of_known(values);
        match (self.interval, self.domain) {
            (Interval::Every, _) if missing > 0 => Estimate::NONE,
            (_, Domain::Share) => e.or_of_runs(-1.0, 1.0),
            _ => e.or_none(),
        }
    }
}

impl Domain {
    /// The least and the greatest value.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Domain::Share => (0.0, 1.0),
            Domain::Count | Domain::Duration | Domain::Rate | Domain::Ratio => (0.0, f64::INFINITY),
            Domain::Signed => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// What is wrong with a value, if it cannot be; NaN stands for none and can.
    pub fn refuses(self, value: f64) -> Option<&'static str> {
        match self.bounds() {
            (least, _) if value < least => Some("is negative"),
            (_, most) if value > most => Some("is above 1"),
            _ => None,
        }
    }

    /// An interval cut to what there can be.
    pub fn cut(self, estimate: Estimate) -> Estimate {
        let (least, most) = self.bounds();
        estimate.within(least, most)
    }

    /// As the table of metrics has it.
    pub fn name(self) -> &'static str {
        match self {
            Domain::Share => "share",
            Domain::Count => "count",
            Domain::Duration => "duration",
            Domain::Rate => "rate",
            Domain::Ratio => "ratio",
            Domain::Signed => "signed",
        }
    }
}

/// A metric's place in the list of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    index: usize,
    name: &'static str,
}

impl Key {
    /// The metric of that name, at that place of its list.
    pub(crate) const fn at(index: usize, name: &'static str) -> Key {
        Key { index, name }
    }

    /// The place in the list.
    pub const fn index(self) -> usize {
        self.index
    }

    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// Finds a metric by name: to be called where constants are made, so that a wrong name
/// does not compile.
///
/// # Panics
/// For a name that is not in the list.
pub const fn key(list: &[Metric], name: &'static str) -> Key {
    let mut index = 0;
    while index < list.len() {
        if list[index].is(name) {
            return Key { index, name };
        }
        index += 1;
    }
    panic!("no metric has this name")
}

/// A metric and how its value is had, where that stands in one line.
#[derive(Clone, Copy, Debug)]
pub struct Entry<V> {
    pub metric: Metric,
    pub(crate) value: V,
}

impl<V> Entry<V> {
    /// The entry of a key in its list.
    ///
    /// # Panics
    /// For a key to the list of another kind of run.
    pub fn of(list: &[Entry<V>], key: Key) -> &Entry<V> {
        match list.get(key.index) {
            Some(entry) if entry.metric.is(key.name) => entry,
            _ => panic!("`{}` is a metric of another kind of run", key.name),
        }
    }
}

/// [`key`] in a list of entries.
///
/// # Panics
/// For a name that is not in the list.
pub const fn key_of<V>(list: &[Entry<V>], name: &'static str) -> Key {
    let mut index = 0;
    while index < list.len() {
        if list[index].metric.is(name) {
            return Key { index, name };
        }
        index += 1;
    }
    panic!("no metric has this name")
}

/// Finds a metric by a name that is known only now.
pub fn find(list: &[Metric], name: &str) -> Option<Key> {
    let index = list.iter().position(|metric| metric.name == name)?;
    let name = list[index].name;
    Some(Key { index, name })
}

/// Whether two names are the same.
pub(crate) const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
