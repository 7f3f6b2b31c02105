//! The metrics of a quorum setting: what each is, and where a cell has it.

use crate::ensemble::quorum::cell::Cell;
use crate::metric::{Better, Domain, Entry, Interval, Key, Metric, Unit, key_of};
use crate::stats::Estimate;

/// A metric of a setting and its value in a cell; [`Estimate::NONE`] where it has none.
pub type QuorumMetric = Entry<fn(&Cell) -> Estimate>;

impl QuorumMetric {
    pub fn value(&self, cell: &Cell) -> Estimate {
        (self.value)(cell)
    }
}

const fn of(
    name: &'static str,
    title: &'static str,
    range: (Unit, Domain),
    better: Better,
    doc: &'static str,
    value: fn(&Cell) -> Estimate,
) -> QuorumMetric {
    Entry {
        metric: Metric::new(name, title, range, better, doc).by(Interval::Method),
        value,
    }
}

/// A chance that is better small.
const fn chance(
    name: &'static str,
    title: &'static str,
    doc: &'static str,
    value: fn(&Cell) -> Estimate,
) -> QuorumMetric {
    let range = (Unit::Chance, Domain::Share);
    of(name, title, range, Better::Less, doc, value)
}

const fn latency(
    name: &'static str,
    title: &'static str,
    doc: &'static str,
    value: fn(&Cell) -> Estimate,
) -> QuorumMetric {
    let range = (Unit::Seconds, Domain::Duration);
    of(name, title, range, Better::Less, doc, value)
}

/// A quantile of [`super::LATENCIES`], of reads (0) or writes (1).
fn quantile(cell: &Cell, operation: usize, quantile: usize) -> Estimate {
    let of = [&cell.read_latency, &cell.write_latency][operation];
    let [low, high] = cell.latency_ci[operation][quantile];
    Estimate {
        low,
        high,
        ..Estimate::certain(of[quantile])
    }
}

/// From a visibility: value, low and high.
pub fn visible(t: [Option<f64>; 3]) -> Estimate {
    match t {
        [Some(t), low, high] => Estimate {
            mean: t,
            low: low.unwrap_or(t),
            high: high.unwrap_or(f64::INFINITY),
            n: 0,
            sd: f64::NAN,
        },
        _ => Estimate::NONE,
    }
}

/// Every metric of a setting, but those of each level and number of versions.
pub const METRICS: &[QuorumMetric] = &[
    chance(
        "p_stale",
        "stale read",
        "a read that starts at the first t after the commit is stale",
        |c| c.points.first().map_or(Estimate::NONE, |p| p.best()),
    ),
    chance(
        "p_stale_last",
        "stale at the last t",
        "the same at the last t",
        |c| c.points.last().map_or(Estimate::NONE, |p| p.best()),
    ),
    latency(
        "t_visibility_s",
        "visible after",
        "t from which on reads are fresh at the highest level asked for",
        |c| {
            c.visibility
                .last()
                .map_or(Estimate::NONE, |(_, t)| visible(*t))
        },
    ),
    latency("read_latency_p50_s", "read p50", "median of reads", |c| {
        quantile(c, 0, 0)
    }),
    latency(
        "read_latency_p99_s",
        "read p99",
        "99th percentile of reads",
        |c| quantile(c, 0, 1),
    ),
    latency(
        "read_latency_p999_s",
        "read p99.9",
        "99.9th percentile of reads",
        |c| quantile(c, 0, 2),
    ),
    latency(
        "write_latency_p50_s",
        "write p50",
        "median of writes that commit",
        |c| quantile(c, 1, 0),
    ),
    latency(
        "write_latency_p99_s",
        "write p99",
        "99th percentile of writes that commit",
        |c| quantile(c, 1, 1),
    ),
    latency(
        "write_latency_p999_s",
        "write p99.9",
        "99.9th percentile of writes that commit",
        |c| quantile(c, 1, 2),
    ),
    chance(
        "p_backwards",
        "non-monotonic reads",
        "a client's next read does not know what its first one, right after the commit, did",
        |c| c.backwards,
    ),
    chance(
        "failed_writes",
        "failed writes",
        "writes that do not get their acknowledgements",
        |c| c.failed_writes,
    ),
    chance(
        "failed_reads",
        "failed reads",
        "reads that do not get their replies",
        |c| c.failed_reads,
    ),
    of(
        "available_reads",
        "read availability",
        (Unit::Percent, Domain::Share),
        Better::More,
        "chance of enough replicas for a read, each up with 1 − `replica_down`",
        |c| Estimate::certain(c.available[0]),
    ),
    of(
        "available_writes",
        "write availability",
        (Unit::Percent, Domain::Share),
        Better::More,
        "the same for a write",
        |c| Estimate::certain(c.available[1]),
    ),
    of(
        "resilience",
        "tolerates",
        (Unit::One, Domain::Count),
        Better::More,
        "replicas that may fail before reads, or writes, are no longer possible",
        |c| Estimate::certain(f64::from(c.resilience[0].min(c.resilience[1]))),
    ),
    of(
        "read_resilience",
        "reads tolerate",
        (Unit::One, Domain::Count),
        Better::More,
        "replicas that may fail before reads are no longer possible",
        |c| Estimate::certain(f64::from(c.resilience[0])),
    ),
    of(
        "write_resilience",
        "writes tolerate",
        (Unit::One, Domain::Count),
        Better::More,
        "replicas that may fail before writes are no longer possible",
        |c| Estimate::certain(f64::from(c.resilience[1])),
    ),
    of(
        "load",
        "load",
        (Unit::One, Domain::Share),
        Better::Less,
        "share of operations that the busiest replica serves, at best: all where everybody is \
         asked (`fan_out = all`)",
        |c| Estimate::certain(c.load),
    ),
    of(
        "capacity",
        "capacity",
        (Unit::Times, Domain::Ratio),
        Better::More,
        "operations in all for each that a replica can serve: 1 / load",
        |c| Estimate::certain(c.capacity),
    ),
    of(
        "replica_down",
        "replica down",
        (Unit::Chance, Domain::Share),
        Better::Neither,
        "the chance that a replica is down which availability is worked out with",
        |c| Estimate::certain(c.down),
    ),
    of(
        "relative_error",
        "error",
        (Unit::One, Domain::Ratio),
        Better::Neither,
        "relative error of the quadrature, by its own estimate",
        |c| c.error.map_or(Estimate::NONE, Estimate::certain),
    ),
];

/// Of each level: its name has the level between `t_visibility_` and `_s`.
pub const VISIBILITY: Metric = Metric::new(
    "t_visibility_LEVEL_s",
    "visible after",
    (Unit::Seconds, Domain::Duration),
    Better::Less,
    "t from which on reads are fresh at that level",
)
.by(Interval::Method);

/// Of each k: its name ends in k.
pub const VERSIONS: Metric = Metric::new(
    "k_staleness_K",
    "versions missed",
    (Unit::Chance, Domain::Share),
    Better::Less,
    "a read misses all of the last k versions",
)
.by(Interval::Method);

/// Of each k likewise.
pub const VERSIONS_PBS: Metric = Metric::new(
    "k_staleness_pbs_K",
    "(PBS)",
    (Unit::Chance, Domain::Share),
    Better::Less,
    "(C(N−W, R)/C(N, R))^k, the same without delays (Bailis et al. 2012)",
)
.by(Interval::Method);

/// Finds a metric of a setting by name, when the program is compiled.
const fn key(name: &'static str) -> Key {
    key_of(METRICS, name)
}

pub const STALE: Key = key("p_stale");
pub const T_VISIBILITY: Key = key("t_visibility_s");
pub const READ_P99: Key = key("read_latency_p99_s");
pub const WRITE_P99: Key = key("write_latency_p99_s");

impl Cell {
    /// The value of a metric.
    pub fn metric(&self, metric: Key) -> Estimate {
        Entry::of(METRICS, metric).value(self)
    }
}
