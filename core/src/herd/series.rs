//! The time series of a herd: its columns, and how a bin is made of what was counted.

use crate::herd::counts::Counts;
use crate::metric::Key;

/// What passed within a bin.
pub(super) struct Passed<'c> {
    pub now: &'c Counts,
    /// The same when the bin began.
    pub then: &'c Counts,
    pub width_ns: f64,
    /// Mean retry tokens of a client at the end; NaN without a budget of tokens.
    pub tokens: f64,
    /// Of the calls answered in the bin, in s; NaN of none.
    pub p50: f64,
    pub p99: f64,
}

impl Passed<'_> {
    fn per_s(&self, count: fn(&Counts) -> u64) -> f64 {
        (count(self.now) - count(self.then)) as f64 / (self.width_ns / 1e9)
    }

    fn mean(&self, integral_ns: fn(&Counts) -> u128) -> f64 {
        (integral_ns(self.now) - integral_ns(self.then)) as f64 / self.width_ns
    }
}

/// A column of the time series: a mean or a rate over each bin.
pub struct Column {
    pub name: &'static str,
    /// Whether it may be below 0: a ratio budget's tokens may.
    pub signed: bool,
    /// What it is when nothing happens any more; NaN where it then has no value.
    pub(crate) idle: f64,
    value: fn(&Passed<'_>) -> f64,
}

/// Every column of the time series, in order.
pub const SERIES: &[Column] = &[
    Column {
        name: "offered_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.offered),
    },
    Column {
        name: "first_attempts_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.offered) - p.per_s(|c| c.offered_retries),
    },
    Column {
        name: "retries_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.offered_retries),
    },
    Column {
        name: "goodput_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.ok),
    },
    Column {
        name: "failed_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.failed),
    },
    Column {
        name: "rejected_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.rejected),
    },
    Column {
        name: "timed_out_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.timed_out),
    },
    Column {
        name: "wasted_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.wasted),
    },
    Column {
        name: "denied_per_s",
        signed: false,
        idle: 0.0,
        value: |p| p.per_s(|c| c.denied),
    },
    Column {
        name: "queue_length",
        signed: false,
        idle: 0.0,
        value: |p| p.mean(|c| c.queue_ns),
    },
    Column {
        name: "busy_servers",
        signed: false,
        idle: 0.0,
        value: |p| p.mean(|c| c.busy_ns),
    },
    Column {
        name: "tokens",
        signed: true,
        idle: f64::NAN,
        value: |p| p.tokens,
    },
    Column {
        name: "latency_p50_s",
        signed: false,
        idle: f64::NAN,
        value: |p| p.p50,
    },
    Column {
        name: "latency_p99_s",
        signed: false,
        idle: f64::NAN,
        value: |p| p.p99,
    },
];

/// Finds a column by name, when the program is compiled.
const fn key(name: &'static str) -> Key {
    let mut index = 0;
    while index < SERIES.len() {
        if crate::metric::same(SERIES[index].name.as_bytes(), name.as_bytes()) {
            return Key::at(index, name);
        }
        index += 1;
    }
    panic!("no column has this name")
}

// Those that code asks for.
pub const OFFERED: Key = key("offered_per_s");
pub const RETRIES: Key = key("retries_per_s");
pub const GOODPUT: Key = key("goodput_per_s");
pub const QUEUE_LENGTH: Key = key("queue_length");
pub const BUSY_SERVERS: Key = key("busy_servers");
pub const LATENCY_P50: Key = key("latency_p50_s");
pub const LATENCY_P99: Key = key("latency_p99_s");

/// One bin of the time series, in the order of [`SERIES`]; NaN where there is no value.
pub type Bin = [f64; SERIES.len()];

/// A bin in which nothing happens any more.
pub(crate) fn idle() -> Bin {
    std::array::from_fn(|i| SERIES[i].idle)
}

/// The bin in which this passed.
pub(super) fn bin(passed: &Passed<'_>) -> Bin {
    std::array::from_fn(|i| (SERIES[i].value)(passed))
}
