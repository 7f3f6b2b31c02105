//! The metrics of a herd: what each is, and how it is made of what was counted.

use std::ops::Index;

use crate::herd::counts::Counts;
use crate::herd::peaks::Peaks;
use crate::metric::{
    Better, DEFINITIONS, Domain, Entry, Interval, Key, Metric, Part, Unit, key_of,
};
use crate::scenario::Scenario;
use crate::scenario::callers::{Arrival, Callers};

/// What a replication has counted and timed.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// What was counted between the warm-up and the end.
    pub window: Counts,
    /// How long that was.
    pub length_ns: f64,
    /// On average over that; NaN without any.
    pub servers: f64,
    /// Whether effects are counted.
    pub has_effect: bool,
    /// Calls not ended at the end.
    pub outstanding: u32,
    /// At the [`QUANTILES`], of calls answered in the window; NaN of none.
    pub latency_s: [f64; 4],
    /// The same of all judged calls, NaN where as many were not answered.
    pub wait_s: [f64; 4],
    pub peaks: Peaks,
    /// Known where there is a twin to compare with.
    pub health: Health,
    pub completion_s: f64,
    /// The same of sub-calls, where calls are made of some.
    pub sub: Option<SubCalls>,
    /// Share of attempts that arrive at the host which gets the most; NaN of one host.
    pub busiest_host: f64,
}

/// What a replication has counted of sub-calls, as of calls.
#[derive(Clone, Copy, Debug)]
pub struct SubCalls {
    pub window: Counts,
    pub length_ns: f64,
    pub latency_s: [f64; 4],
    pub wait_s: [f64; 4],
}

impl Measured {
    /// A value of sub-calls; NaN where there are none.
    fn of_sub_calls(&self, value: impl Fn(&SubCalls) -> f64) -> f64 {
        self.sub.as_ref().map_or(f64::NAN, value)
    }
}

impl SubCalls {
    pub fn of(measured: &Measured) -> SubCalls {
        SubCalls {
            window: measured.window,
            length_ns: measured.length_ns,
            latency_s: measured.latency_s,
            wait_s: measured.wait_s,
        }
    }
}

/// Where the twins answer a smaller share of their calls, or more than so much of their
/// attempts are retries, there is no health to return to.
const LEAST_ANSWERED: f64 = 0.9;
const MOST_RETRIES: f64 = 0.5;

/// How a replication fared against its twin; NaN where it cannot be told.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// 1 or 0.
    pub recovered: f64,
    pub recovery_s: f64,
    pub degraded_s: f64,
    /// Whether it is ill at the end: 1 or 0.
    pub ill_at_end: f64,
    pub lost_calls: f64,
    /// What the twin did: judged calls answered / judged calls, and retries / attempts.
    pub twin_answered_ratio: f64,
    pub twin_retry_ratio: f64,
}

impl Health {
    pub const UNKNOWN: Health = Health {
        recovered: f64::NAN,
        recovery_s: f64::NAN,
        degraded_s: f64::NAN,
        ill_at_end: f64::NAN,
        lost_calls: f64::NAN,
        twin_answered_ratio: f64::NAN,
        twin_retry_ratio: f64::NAN,
    };

    /// Whether a twin that answers such a share of its calls, such a share of whose attempts
    /// are retries, is ill itself: there is then no health to return to. Of closed callers,
    /// who ask the more the faster they fail, the share answered says nothing of that.
    pub fn is_ill(callers: &Callers, answered: f64, retries: f64) -> bool {
        let closed = matches!(callers.arrival, Arrival::Closed { .. });
        answered == 0.0 || !closed && answered < LEAST_ANSWERED || retries > MOST_RETRIES
    }
}

/// The quantiles that metrics tell.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// A metric of a herd and the value it has in a replication; NaN where it has none.
pub type HerdMetric = Entry<fn(&Measured) -> f64>;

/// Calls or attempts in the counted window.
const fn counted(
    name: &'static str,
    title: &'static str,
    better: Better,
    doc: &'static str,
    value: fn(&Measured) -> f64,
) -> HerdMetric {
    of(name, title, (Unit::One, Domain::Count), better, doc, value)
}

const fn of(
    name: &'static str,
    title: &'static str,
    range: (Unit, Domain),
    better: Better,
    doc: &'static str,
    value: fn(&Measured) -> f64,
) -> HerdMetric {
    Entry {
        metric: Metric::new(name, title, range, better, doc),
        value,
    }
}

/// A share of judged calls.
const fn share(
    name: &'static str,
    title: &'static str,
    better: Better,
    doc: &'static str,
    value: fn(&Measured) -> f64,
) -> HerdMetric {
    let entry = of(name, title, SHARE, better, doc, value);
    Entry {
        metric: entry.metric.of(JUDGED).since(DEFINITIONS),
        ..entry
    }
}

/// A quantile of the waits of all judged calls.
const fn wait(
    name: &'static str,
    title: &'static str,
    doc: &'static str,
    value: fn(&Measured) -> f64,
) -> HerdMetric {
    every(of(name, title, DURATION, Better::Less, doc, value))
}

/// With the interval of a quantile of calls of every run.
const fn every(entry: HerdMetric) -> HerdMetric {
    Entry {
        metric: entry.metric.by(Interval::Every),
        ..entry
    }
}

/// With a definition that came with the latest.
const fn renewed(entry: HerdMetric) -> HerdMetric {
    Entry {
        metric: entry.metric.since(DEFINITIONS),
        ..entry
    }
}

/// Of sub-calls, where calls are made of some.
const fn sub_call(
    name: &'static str,
    title: &'static str,
    range: (Unit, Domain),
    better: Better,
    doc: &'static str,
    value: fn(&Measured) -> f64,
) -> HerdMetric {
    let entry = of(name, title, range, better, doc, value);
    Entry {
        metric: entry.metric.only(Part::SubCalls),
        ..entry
    }
}

/// The same of a quantile of the waits of all judged sub-calls.
const fn sub_wait(
    name: &'static str,
    title: &'static str,
    doc: &'static str,
    value: fn(&Measured) -> f64,
) -> HerdMetric {
    every(sub_call(name, title, DURATION, Better::Less, doc, value))
}

const RATE: (Unit, Domain) = (Unit::PerSecond, Domain::Rate);
const TIMES: (Unit, Domain) = (Unit::Times, Domain::Ratio);
const SHARE: (Unit, Domain) = (Unit::Percent, Domain::Share);
const DURATION: (Unit, Domain) = (Unit::Seconds, Domain::Duration);

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { f64::NAN }
}

fn effects(m: &Measured, count: u64) -> f64 {
    match m.has_effect {
        true => count as f64,
        false => f64::NAN,
    }
}

/// Every metric of a herd, in the order of columns.
pub const METRICS: &[HerdMetric] = &[
    counted(
        "judged_calls",
        "judged calls",
        Better::Neither,
        "calls that start from the warm-up to the cooldown before the horizon, of which the \
         three shares below are told, whenever a call ends",
        |m| m.window.judged as f64,
    ),
    share(
        "answered_ratio",
        "answered",
        Better::More,
        "judged calls ended ok / judged calls: success, what policies are compared by",
        |m| ratio(m.window.judged_ok as f64, m.window.judged as f64),
    ),
    share(
        "failed_ratio",
        "failed",
        Better::Less,
        "judged calls ended otherwise / judged calls",
        |m| ratio(m.window.judged_failed as f64, m.window.judged as f64),
    ),
    share(
        "waiting_ratio",
        "waiting",
        Better::Less,
        "judged calls not ended when the run ends / judged calls",
        |m| {
            let ended = m.window.judged_ok + m.window.judged_failed;
            ratio((m.window.judged - ended) as f64, m.window.judged as f64)
        },
    ),
    share(
        "first_try_ratio",
        "answered at once",
        Better::More,
        "judged calls answered by their first attempt / judged calls",
        |m| ratio(m.window.judged_first_try as f64, m.window.judged as f64),
    ),
    share(
        "no_budget_ratio",
        "denied by the budget",
        Better::Neither,
        "judged calls that failed as their client's budget denied a retry / judged calls",
        |m| ratio(m.window.judged_no_budget as f64, m.window.judged as f64),
    ),
    share(
        "held_back_ratio",
        "held back",
        Better::Neither,
        "judged calls that failed as their client's breaker or throttle let no further attempt \
         out / judged calls",
        |m| ratio(m.window.judged_held_back as f64, m.window.judged as f64),
    ),
    wait(
        "wait_p50_s",
        "p50 wait",
        "median over judged calls of the time from a call's start to its success, retries and \
         waiting included, to three digits; a call never answered takes for ever: without a \
         value (never) as soon as in one replication too few are answered",
        |m| m.wait_s[0],
    ),
    wait("wait_p90_s", "p90 wait", "the same, 90th percentile", |m| {
        m.wait_s[1]
    }),
    wait("wait_p99_s", "p99 wait", "the same, 99th percentile", |m| {
        m.wait_s[2]
    }),
    wait(
        "wait_p999_s",
        "p99.9 wait",
        "the same, 99.9th percentile",
        |m| m.wait_s[3],
    ),
    of(
        "given_up_s",
        "given up after",
        DURATION,
        Better::Neither,
        "mean time from a call's start until it is given up, of judged calls that failed",
        |m| {
            let all = m.window.given_up_ns as f64 / 1e9;
            ratio(all, m.window.judged_failed as f64)
        },
    ),
    of(
        "degraded_s",
        "degraded",
        DURATION,
        Better::Less,
        "unhealthy time from the first fault's beginning to the horizon, less that of the \
         twin, as below",
        |m| m.health.degraded_s,
    ),
    Entry {
        metric: Metric::new(
            "ill_at_end_ratio",
            "ill at the end",
            SHARE,
            Better::Less,
            "share of replications whose last window is unhealthy, whether they had recovered \
             before or not: of these `degraded_s` is no more than a lower bound",
        )
        .by(Interval::Wilson),
        value: |m| m.health.ill_at_end,
    },
    of(
        "lost_calls",
        "lost calls",
        (Unit::One, Domain::Signed),
        Better::Less,
        "judged calls that the twin answers less those answered: negative where the faults \
         bring more answers; of closed callers calls never made are lost as well",
        |m| m.health.lost_calls,
    ),
    of(
        "twin_answered_ratio",
        "answered without faults",
        SHARE,
        Better::Neither,
        "judged calls answered / judged calls of the twin: what it would have been",
        |m| m.health.twin_answered_ratio,
    ),
    of(
        "twin_retry_ratio",
        "retries without faults",
        SHARE,
        Better::Neither,
        "retries / attempts that arrive, of the twin",
        |m| m.health.twin_retry_ratio,
    ),
    of(
        "peak_after_per_s",
        "peak after",
        RATE,
        Better::Less,
        "most attempts that arrive in 100 ms, per second: in bins from the end of the last \
         fault's full force on, without a fault from the end of the warm-up",
        |m| m.peaks.after[0],
    ),
    of(
        "peak_after_ratio",
        "peak load after",
        TIMES,
        Better::Less,
        "the same over the capacity then, the highest of the bins",
        |m| m.peaks.after[1],
    ),
    of(
        "peak_during_per_s",
        "peak during",
        RATE,
        Better::Less,
        "most attempts that arrive in 100 ms, per second, from the first fault's beginning to \
         the end of the last one's full force",
        |m| m.peaks.during[0],
    ),
    of(
        "peak_during_ratio",
        "peak load during",
        TIMES,
        Better::Less,
        "the same over the capacity then, where there is any",
        |m| m.peaks.during[1],
    ),
    counted(
        "attempts_during",
        "attempts during",
        Better::Less,
        "attempts that arrive from the first fault's beginning to the end of the last one's \
         full force, whenever counting begins",
        |m| m.peaks.attempts_during,
    ),
    counted(
        "calls_during",
        "calls during",
        Better::Neither,
        "calls started then",
        |m| m.peaks.calls_during,
    ),
    counted(
        "longest_queue",
        "longest queue",
        Better::Less,
        "most attempts waiting at the end of a bin of 100 ms from the first fault's beginning \
         on, without a fault from the end of the warm-up",
        |m| m.peaks.queue,
    ),
    counted("calls", "calls", Better::Neither, "calls started", |m| {
        m.window.calls as f64
    }),
    counted("attempts", "attempts", Better::Less, "attempts sent", |m| {
        m.window.attempts as f64
    }),
    of(
        "attempts_per_call",
        "attempts",
        (Unit::One, Domain::Ratio),
        Better::Less,
        "attempts sent / calls started: the retry amplification",
        |m| ratio(m.window.attempts as f64, m.window.calls as f64),
    ),
    of(
        "success_ratio",
        "success",
        SHARE,
        Better::More,
        "calls ended ok / calls ended",
        |m| ratio(m.window.ok as f64, (m.window.ok + m.window.failed) as f64),
    ),
    counted(
        "failed_calls",
        "failed calls",
        Better::Less,
        "calls ended otherwise",
        |m| m.window.failed as f64,
    ),
    counted(
        "outstanding_calls",
        "calls waiting",
        Better::Less,
        "calls not ended at the horizon",
        |m| f64::from(m.outstanding),
    ),
    of(
        "goodput_per_s",
        "goodput",
        (Unit::PerSecond, Domain::Rate),
        Better::More,
        "calls ended ok per second",
        |m| ratio(m.window.ok as f64, m.length_ns / 1e9),
    ),
    of(
        "peak_offered_ratio",
        "peak load",
        (Unit::Times, Domain::Ratio),
        Better::Less,
        "highest offered load of a 100 ms bin after the first fault begins / nominal capacity \
         (servers / mean service time); after the warm-up where there is no fault",
        |m| m.peaks.offered_ratio,
    ),
    of(
        "utilisation",
        "busy",
        SHARE,
        Better::Neither,
        "busy time / (servers × window)",
        |m| ratio(m.window.busy_ns as f64, m.servers * m.length_ns),
    ),
    of(
        "wasted_service_ratio",
        "wasted work",
        SHARE,
        Better::Less,
        "service time of attempts whose caller had left when it ended / service time of all \
         that ended",
        |m| ratio(m.window.wasted_ns as f64, m.window.served_ns as f64),
    ),
    Entry {
        metric: Metric::new(
            "recovered_ratio",
            "recovers",
            SHARE,
            Better::More,
            "share of replications with a `recovery_s`, of those where it could be told; below \
             1 the scenario is metastable",
        )
        .by(Interval::Wilson)
        .since(DEFINITIONS),
        value: |m| m.health.recovered,
    },
    renewed(of(
        "recovery_s",
        "recovery",
        DURATION,
        Better::Less,
        "from the end of the last fault that does harm, its ramp included, to the start of the \
         first healthy window after which all are for a while, as below; mean over the \
         replications that recovered",
        |m| m.health.recovery_s,
    )),
    of(
        "latency_p50_s",
        "p50 latency",
        DURATION,
        Better::Less,
        "median over answered calls of the time from a call's start to its success, retries and \
         waiting included, to three digits; mean over replications of each one's quantile",
        |m| m.latency_s[0],
    ),
    of(
        "latency_p90_s",
        "p90 latency",
        DURATION,
        Better::Less,
        "the same, 90th percentile",
        |m| m.latency_s[1],
    ),
    of(
        "latency_p99_s",
        "p99 latency",
        DURATION,
        Better::Less,
        "the same, 99th percentile",
        |m| m.latency_s[2],
    ),
    of(
        "latency_p999_s",
        "p99.9 latency",
        DURATION,
        Better::Less,
        "the same, 99.9th percentile",
        |m| m.latency_s[3],
    ),
    counted(
        "rejected_attempts",
        "rejected",
        Better::Less,
        "attempts that the service rejected: its queue was full, or it shed load",
        |m| m.window.rejected as f64,
    ),
    counted(
        "refused_attempts",
        "refused",
        Better::Less,
        "attempts that arrived while the service was down",
        |m| m.window.refused as f64,
    ),
    counted(
        "reset_attempts",
        "reset",
        Better::Less,
        "attempts that the service had when it went down",
        |m| m.window.reset as f64,
    ),
    counted(
        "error_attempts",
        "errors",
        Better::Less,
        "attempts answered with an error",
        |m| m.window.errors as f64,
    ),
    counted(
        "timed_out_attempts",
        "timed out",
        Better::Less,
        "attempts without an answer in time",
        |m| m.window.timed_out as f64,
    ),
    counted(
        "cancelled_attempts",
        "cancelled",
        Better::Neither,
        "attempts that their callers took back",
        |m| m.window.cancelled as f64,
    ),
    counted(
        "denied_retries",
        "denied retries",
        Better::Neither,
        "retries that budget or breaker denied",
        |m| m.window.denied as f64,
    ),
    counted(
        "duplicate_executions",
        "duplicates",
        Better::Less,
        "times the service completed the work of a call again",
        |m| m.window.duplicates as f64,
    ),
    renewed(of(
        "herd_index",
        "herd index",
        (Unit::Times, Domain::Ratio),
        Better::Less,
        "highest count of attempts in a 10 ms bin after the first fault begins / mean count \
         before it; with `once` the highest / what an even spread of the calls brings, from \
         the first call to the last one's end",
        |m| m.peaks.herd_index,
    )),
    of(
        "completion_s",
        "all done after",
        DURATION,
        Better::Less,
        "with `once`: from the first call's start to the last one's end",
        |m| m.completion_s,
    ),
    of(
        "mean_queue",
        "mean queue",
        (Unit::One, Domain::Ratio),
        Better::Less,
        "mean number of waiting attempts",
        |m| ratio(m.window.queue_ns as f64, m.length_ns),
    ),
    counted(
        "double_effects",
        "double effects",
        Better::Less,
        "with an `effect`: times it happened again for the same call",
        |m| effects(m, m.window.double_effects),
    ),
    counted(
        "phantom_effects",
        "phantom effects",
        Better::Less,
        "with an `effect`: calls told that it had happened when it had not",
        |m| effects(m, m.window.phantom_effects),
    ),
    counted(
        "denied_attempts",
        "held back",
        Better::Neither,
        "attempts that the client's own breaker or throttle did not let out",
        |m| m.window.denied_attempts as f64,
    ),
    counted(
        "first_try_calls",
        "first try",
        Better::More,
        "calls answered by their first attempt",
        |m| m.window.first_try as f64,
    ),
    Entry {
        metric: Metric::new(
            "busiest_host_ratio",
            "at the busiest host",
            SHARE,
            Better::Neither,
            "with several hosts: attempts that arrive at the host that gets the most / all that \
             arrive, from the warm-up on",
        )
        .only(Part::Hosts),
        value: |m| m.busiest_host,
    },
    sub_call(
        "sub_calls",
        "sub-calls",
        (Unit::One, Domain::Count),
        Better::Neither,
        "sub-calls started",
        |m| m.of_sub_calls(|s| s.window.calls as f64),
    ),
    sub_call(
        "sub_answered_ratio",
        "sub-calls answered",
        SHARE,
        Better::More,
        "judged sub-calls ended ok / judged sub-calls, those that start from the warm-up to the cooldown",
        |m| m.of_sub_calls(|s| ratio(s.window.judged_ok as f64, s.window.judged as f64)),
    ),
    sub_call(
        "sub_failed_ratio",
        "sub-calls failed",
        SHARE,
        Better::Less,
        "judged sub-calls ended otherwise / judged sub-calls",
        |m| m.of_sub_calls(|s| ratio(s.window.judged_failed as f64, s.window.judged as f64)),
    ),
    sub_call(
        "sub_first_try_ratio",
        "sub-calls at first try",
        SHARE,
        Better::More,
        "judged sub-calls answered by their first attempt / judged sub-calls",
        |m| m.of_sub_calls(|s| ratio(s.window.judged_first_try as f64, s.window.judged as f64)),
    ),
    sub_call(
        "sub_attempts_per_call",
        "attempts a sub-call",
        (Unit::One, Domain::Ratio),
        Better::Less,
        "attempts sent / sub-calls started",
        |m| m.of_sub_calls(|s| ratio(s.window.attempts as f64, s.window.calls as f64)),
    ),
    sub_call(
        "sub_success_ratio",
        "sub-call success",
        SHARE,
        Better::More,
        "sub-calls ended ok / sub-calls ended",
        |m| m.of_sub_calls(|s| ratio(s.window.ok as f64, (s.window.ok + s.window.failed) as f64)),
    ),
    sub_call(
        "sub_latency_p50_s",
        "p50 sub-call",
        DURATION,
        Better::Less,
        "median over answered sub-calls of the time from a sub-call's start to its success",
        |m| m.of_sub_calls(|s| s.latency_s[0]),
    ),
    sub_call(
        "sub_latency_p90_s",
        "p90 sub-call",
        DURATION,
        Better::Less,
        "90th percentile over answered sub-calls of the time from a sub-call's start to its success",
        |m| m.of_sub_calls(|s| s.latency_s[1]),
    ),
    sub_call(
        "sub_latency_p99_s",
        "p99 sub-call",
        DURATION,
        Better::Less,
        "99th percentile over answered sub-calls of the time from a sub-call's start to its success",
        |m| m.of_sub_calls(|s| s.latency_s[2]),
    ),
    sub_call(
        "sub_latency_p999_s",
        "p99.9 sub-call",
        DURATION,
        Better::Less,
        "99.9th percentile over answered sub-calls of the time from a sub-call's start to its success",
        |m| m.of_sub_calls(|s| s.latency_s[3]),
    ),
    sub_wait(
        "sub_wait_p50_s",
        "p50 sub-call wait",
        "median of the same over all judged sub-calls, of which one never answered takes for ever",
        |m| m.of_sub_calls(|s| s.wait_s[0]),
    ),
    sub_wait(
        "sub_wait_p90_s",
        "p90 sub-call wait",
        "90th percentile of the same over all judged sub-calls, of which one never answered takes for ever",
        |m| m.of_sub_calls(|s| s.wait_s[1]),
    ),
    sub_wait(
        "sub_wait_p99_s",
        "p99 sub-call wait",
        "99th percentile of the same over all judged sub-calls, of which one never answered takes for ever",
        |m| m.of_sub_calls(|s| s.wait_s[2]),
    ),
    sub_wait(
        "sub_wait_p999_s",
        "p99.9 sub-call wait",
        "99.9th percentile of the same over all judged sub-calls, of which one never answered takes for ever",
        |m| m.of_sub_calls(|s| s.wait_s[3]),
    ),
];

/// Those that are told of a scenario.
pub fn metrics_of(scenario: &Scenario) -> impl Iterator<Item = Key> {
    let told = |metric: &Metric| metric.only.is_none_or(|part| scenario.has(part));
    let all = METRICS.iter().enumerate();
    all.filter(move |(_, entry)| told(&entry.metric))
        .map(|(index, entry)| Key::at(index, entry.metric.name))
}

/// Finds a metric of a herd by a name that is known only now.
pub fn find(name: &str) -> Option<Key> {
    let index = METRICS.iter().position(|entry| entry.metric.name == name)?;
    Some(Key::at(index, METRICS[index].metric.name))
}

/// Finds a metric of a herd by name, when the program is compiled.
const fn key(name: &'static str) -> Key {
    key_of(METRICS, name)
}

// Those that code asks for.
pub const JUDGED_CALLS: Key = key("judged_calls");
/// What policies are compared by.
pub const ANSWERED_RATIO: Key = key("answered_ratio");
pub const FAILED_RATIO: Key = key("failed_ratio");
pub const WAITING_RATIO: Key = key("waiting_ratio");
pub const FIRST_TRY_RATIO: Key = key("first_try_ratio");
pub const NO_BUDGET_RATIO: Key = key("no_budget_ratio");
pub const HELD_BACK_RATIO: Key = key("held_back_ratio");
pub const WAIT_P50_S: Key = key("wait_p50_s");
pub const WAIT_P90_S: Key = key("wait_p90_s");
pub const WAIT_P999_S: Key = key("wait_p999_s");
pub const WAIT_P99_S: Key = key("wait_p99_s");
pub const DEGRADED_S: Key = key("degraded_s");
pub const ILL_AT_END_RATIO: Key = key("ill_at_end_ratio");
pub const LOST_CALLS: Key = key("lost_calls");
pub const TWIN_ANSWERED_RATIO: Key = key("twin_answered_ratio");
pub const TWIN_RETRY_RATIO: Key = key("twin_retry_ratio");
pub const PEAK_AFTER_PER_S: Key = key("peak_after_per_s");
/// What policies are compared by where callers wait for an answer before they call again.
pub const GOODPUT_PER_S: Key = key("goodput_per_s");
pub const CALLS: Key = key("calls");
pub const ATTEMPTS: Key = key("attempts");
pub const ATTEMPTS_PER_CALL: Key = key("attempts_per_call");
pub const SUCCESS_RATIO: Key = key("success_ratio");
pub const OUTSTANDING_CALLS: Key = key("outstanding_calls");
pub const PEAK_OFFERED_RATIO: Key = key("peak_offered_ratio");
pub const UTILISATION: Key = key("utilisation");
pub const WASTED_SERVICE_RATIO: Key = key("wasted_service_ratio");
pub const RECOVERED_RATIO: Key = key("recovered_ratio");
pub const RECOVERY_S: Key = key("recovery_s");
pub const LATENCY_P50_S: Key = key("latency_p50_s");
pub const LATENCY_P90_S: Key = key("latency_p90_s");
pub const LATENCY_P99_S: Key = key("latency_p99_s");
pub const LATENCY_P999_S: Key = key("latency_p999_s");
pub const REJECTED_ATTEMPTS: Key = key("rejected_attempts");
pub const REFUSED_ATTEMPTS: Key = key("refused_attempts");
pub const RESET_ATTEMPTS: Key = key("reset_attempts");
pub const ERROR_ATTEMPTS: Key = key("error_attempts");
pub const TIMED_OUT_ATTEMPTS: Key = key("timed_out_attempts");
pub const DENIED_RETRIES: Key = key("denied_retries");
pub const PEAK_AFTER_RATIO: Key = key("peak_after_ratio");
pub const PEAK_DURING_PER_S: Key = key("peak_during_per_s");
pub const ATTEMPTS_DURING: Key = key("attempts_during");
pub const CALLS_DURING: Key = key("calls_during");
pub const LONGEST_QUEUE: Key = key("longest_queue");
pub const DENIED_ATTEMPTS: Key = key("denied_attempts");
pub const FAILED_CALLS: Key = key("failed_calls");
pub const HERD_INDEX: Key = key("herd_index");
pub const COMPLETION_S: Key = key("completion_s");
pub const DOUBLE_EFFECTS: Key = key("double_effects");
pub const DUPLICATE_EXECUTIONS: Key = key("duplicate_executions");
pub const BUSIEST_HOST_RATIO: Key = key("busiest_host_ratio");
pub const SUB_CALLS: Key = key("sub_calls");
pub const SUB_ANSWERED_RATIO: Key = key("sub_answered_ratio");
pub const SUB_ATTEMPTS_PER_CALL: Key = key("sub_attempts_per_call");
pub const SUB_LATENCY_P99_S: Key = key("sub_latency_p99_s");

/// The metric whose count the shares of judged calls are of.
const JUDGED: &str = "judged_calls";

/// The values of [`METRICS`] in one replication; NaN where a metric has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample([f64; METRICS.len()]);

impl Sample {
    /// What all metrics make of what was measured.
    pub(crate) fn of(measured: &Measured) -> Sample {
        Sample(std::array::from_fn(|i| (METRICS[i].value)(measured)))
    }

    /// From values in the order of [`METRICS`].
    pub fn from_values(values: [f64; METRICS.len()]) -> Sample {
        Sample(values)
    }

    /// In the order of [`METRICS`].
    pub fn values(&self) -> &[f64] {
        &self.0
    }
}

impl Index<Key> for Sample {
    type Output = f64;

    fn index(&self, metric: Key) -> &f64 {
        Entry::of(METRICS, metric);
        &self.0[metric.index()]
    }
}
