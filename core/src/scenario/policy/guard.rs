//! What keeps attempts from leaving a client, or sends more of them: breaker, throttle, hedge.

use serde::{Serialize, Serializer};

use crate::scenario::document::{Kind, Node, Problem, Section};
use crate::scenario::fields::{above_zero, count_u32, needed};
use crate::units::{Factor, Nanos, Probability, Rate};

/// Stops attempts while too many fail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breaker {
    pub window: BreakerWindow,
    /// Fewer attempts in the window prove nothing.
    pub min_calls: u32,
    /// Opens when at least this share of them failed.
    pub threshold: Probability,
    pub open_for: Nanos,
    /// Attempts let through when that is over; the breaker opens again or
    /// closes once so many have ended.
    pub half_open_calls: u32,
    pub scope: Scope,
}

/// What a breaker looks back on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerWindow {
    /// The last attempts (resilience4j).
    Count(u32),
    /// A time, in ten slots (Polly).
    Time(Nanos),
}

impl Serialize for BreakerWindow {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            BreakerWindow::Count(n) => s.serialize_u32(*n),
            BreakerWindow::Time(d) => s.collect_str(d),
        }
    }
}

/// Which attempts a breaker stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scope {
    All,
    Retries,
    /// Those to one host: there is one for each.
    Host,
}

/// A host that fails is left out for a while: outlier ejection.
///
/// envoyproxy/envoy, `source/common/upstream/outlier_detection_impl.cc`: consecutive
/// failures. Each further time it is left out for `lasts` longer, up to `longest`; a host that
/// is back and has not failed again takes one off that at every look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Eject {
    /// Attempts of one client process that fail at the host, one after the other.
    pub failures: u32,
    #[serde(rename = "for")]
    pub lasts: Nanos,
    /// The most of all hosts that may be left out.
    pub at_most: Probability,
    /// How often one looks whether a host may come back.
    pub interval: Nanos,
    pub longest: Nanos,
}

/// What limits the attempts that a client sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Throttle {
    Sre(Adaptive),
    AwsAdaptive,
    Bucket(RateBucket),
}

/// Turns attempts away with p = max(0, (requests − k · accepts)/(requests + 1)).
///
/// Site Reliability Engineering, chapter 21, "Client-Side Throttling".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Adaptive {
    pub k: Factor,
    pub window: Nanos,
}

/// Every retry takes a token and waits for it, if the backoff is not longer.
///
/// kubernetes/client-go, `util/workqueue/default_rate_limiters.go`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateBucket {
    pub rate: Rate,
    pub burst: u32,
}

/// Another attempt while one is still without an answer; the first answer counts.
///
/// Dean and Barroso, "The Tail at Scale" (CACM 2013); grpc/proposal,
/// `A6-client-retries.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hedge {
    pub delay: Nanos,
    /// Most attempts of a call in flight at once.
    pub max: u32,
    /// Whether a failure sends the next one at once, and restarts the timer.
    pub next_on_failure: bool,
}

pub(super) fn breaker(node: &Node) -> Result<Breaker, Problem> {
    let mut s = Section::new(node.table()?);
    let window = match s.node("window") {
        None => BreakerWindow::Count(100),
        // A bare number counts attempts, a duration is a time.
        Some(node) => match node.read::<u64>() {
            Ok(0) => {
                return Err(Problem::new("a breaker looks back on at least one attempt")
                    .at(Some(node.place.clone())));
            }
            Ok(n) => BreakerWindow::Count(n.min(1_000_000) as u32),
            Err(_) => BreakerWindow::Time(above_zero(&s, "window", node.read()?)?),
        },
    };
    let min_calls = match window {
        BreakerWindow::Count(n) => count_u32(&mut s, "min_calls", u64::from(n), 1)?,
        BreakerWindow::Time(_) => count_u32(&mut s, "min_calls", 100, 1)?,
    };
    if let BreakerWindow::Count(n) = window
        && min_calls > n
    {
        return Err(
            Problem::new(format!("a window of {n} attempts never holds {min_calls}"))
                .at(s.place("min_calls").or(s.place("window"))),
        );
    }
    let threshold: Probability = s.read("threshold")?.unwrap_or(Probability(0.5));
    if threshold.0 == 0.0 {
        return Err(
            Problem::new("a breaker that opens at no failures is never closed")
                .at(s.place("threshold")),
        );
    }
    let open_for = s.read("open_for")?.unwrap_or(Nanos::from_secs(60));
    let scopes = [
        ("all", Scope::All),
        ("retries", Scope::Retries),
        ("host", Scope::Host),
    ];
    let breaker = Breaker {
        window,
        min_calls,
        threshold,
        open_for: above_zero(&s, "open_for", open_for)?,
        half_open_calls: count_u32(&mut s, "half_open_calls", 10, 1)?,
        scope: s.word("scope", "scope", &scopes)?.unwrap_or(Scope::All),
    };
    s.finish()?;
    Ok(breaker)
}

pub(super) fn throttle(node: &Node) -> Result<Throttle, Problem> {
    let mut s = Section::new(node.table()?);
    #[derive(Clone, Copy)]
    enum ThrottleKind {
        Sre,
        AwsAdaptive,
        Bucket,
    }
    let kinds = [
        ("sre", ThrottleKind::Sre),
        ("aws-adaptive", ThrottleKind::AwsAdaptive),
        ("bucket", ThrottleKind::Bucket),
    ];
    let Some(kind) = s.word("kind", "kind of throttle", &kinds)? else {
        return Err(Problem::new("a throttle needs its `kind`")
            .at(Some(node.place.clone()))
            .help(format!(
                "one of: {}",
                kinds.map(|(name, _)| name).join(", ")
            )));
    };
    let throttle = match kind {
        ThrottleKind::Sre => {
            let k: Factor = s.read("k")?.unwrap_or(Factor(2.0));
            if k.0 < 1.0 {
                return Err(Problem::new(
                    "below 1 it would turn attempts away from a healthy service",
                )
                .at(s.place("k"))
                .help("the book uses 2"));
            }
            let window = s.read("window")?.unwrap_or(Nanos::from_secs(120));
            Throttle::Sre(Adaptive {
                k,
                window: above_zero(&s, "window", window)?,
            })
        }
        ThrottleKind::AwsAdaptive => Throttle::AwsAdaptive,
        ThrottleKind::Bucket => {
            let rate: Rate = needed(&mut s, node, "rate", "a rate bucket", "for example 10/s")?;
            if rate.0 <= 0.0 {
                return Err(Problem::new("`rate` must be above 0").at(s.place("rate")));
            }
            Throttle::Bucket(RateBucket {
                rate,
                burst: count_u32(&mut s, "burst", 1, 1)?,
            })
        }
    };
    s.finish()?;
    Ok(throttle)
}

pub(super) fn eject(node: &Node) -> Result<Eject, Problem> {
    let mut s = Section::new(node.table()?);
    let failures = count_u32(&mut s, "failures", 5, 1)?;
    let lasts = s.read("for")?.unwrap_or(Nanos::from_secs(30));
    let lasts = above_zero(&s, "for", lasts)?;
    let at_most: Probability = s.read("at_most")?.unwrap_or(Probability(0.1));
    if at_most.0 == 0.0 {
        return Err(Problem::new("`at_most` of 0 leaves no host out").at(s.place("at_most")));
    }
    let interval = s.read("interval")?.unwrap_or(Nanos::from_secs(10));
    let interval = above_zero(&s, "interval", interval)?;
    let longest = s
        .read("longest")?
        .unwrap_or(Nanos::from_secs(300).max(lasts));
    if longest < lasts {
        let problem = Problem::new(format!("`longest` is at least `for`, {lasts}"));
        return Err(problem.at(s.place("longest")));
    }
    s.finish()?;
    Ok(Eject {
        failures,
        lasts,
        at_most,
        interval,
        longest,
    })
}

/// A table, or the delay alone.
pub(super) fn hedge(node: &Node) -> Result<Hedge, Problem> {
    let Kind::Table(table) = &node.kind else {
        let delay = node.read().map_err(|problem| {
            problem.help("the delay, such as 50ms, or a table with `delay` and `max`")
        })?;
        return Ok(Hedge {
            delay,
            max: 2,
            next_on_failure: true,
        });
    };
    let mut s = Section::new(table);
    let hedge = Hedge {
        delay: s.read("delay")?.unwrap_or(Nanos::ZERO),
        max: count_u32(&mut s, "max", 2, 0)?,
        next_on_failure: s.bool("next_on_failure")?.unwrap_or(true),
    };
    if hedge.max < 2 {
        return Err(
            Problem::new("`max` counts the attempts in flight, the first one included")
                .at(s.place("max"))
                .help("with 2 there is one hedge"),
        );
    }
    s.finish()?;
    Ok(hedge)
}
