//! Replicas, quorums and a read after a write: what is asked, as data.

mod read;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::units::{Nanos, Probability, Rate};

/// Most replicas of a key.
pub const MOST_REPLICAS: u32 = 64;

/// A quorum scenario with every field resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuorumScenario {
    pub kind: &'static str,
    pub name: String,
    pub run: QuorumRun,
    pub cluster: Cluster,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacentres: Option<Datacentres>,
    pub read: Reads,
    #[serde(skip_serializing_if = "Target::is_empty")]
    pub target: Target,
    #[serde(serialize_with = "by_name")]
    pub latency: Delays,
    /// Replicas with delays of their own, all or none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replica: Vec<Latency>,
}

/// How to work it out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuorumRun {
    pub seed: u64,
    /// Independent trials of the simulation.
    pub replications: u64,
    pub method: Method,
    /// Whether the quadrature aims at 10⁻⁸ in place of 10⁻⁵.
    pub fine: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Exact wherever replicas are alike and nothing needs events, simulated elsewhere.
    Auto,
    Exact,
    MonteCarlo,
    /// Side by side.
    Both,
}

/// Replicas, quorums, and what goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    pub n: Vec<u32>,
    pub w: Vec<Wait>,
    pub r: Vec<Wait>,
    pub fan_out: FanOut,
    /// Chance that a replica is down as the write is sent, and for how long from
    /// then on; for good where that is not given.
    pub down: Probability,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_for: Option<Dist>,
    /// Whether another node stands in for a replica that is down.
    pub sloppy: bool,
    /// How long after its return a replica is sent what it missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Dist>,
    /// Chance that a replica never gets the write.
    pub drop: Probability,
    /// Chance that a replica stands still as the write is sent, and for how long.
    pub pause: Probability,
    pub pause_for: Dist,
    pub repair: Repair,
    /// Reads by others, which repair what they find stale.
    pub reads: Rate,
    /// Time between exchanges of all replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_entropy: Option<Nanos>,
    /// A write without its quorum by then has failed, and may be visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<Nanos>,
    /// Standard deviation of the writers' clocks, and the time between two writes.
    pub clock_skew: Nanos,
    pub write_gap: Nanos,
    /// Share of reads among operations, for load and cost.
    pub read_share: Probability,
}

impl Cluster {
    /// The first switch that needs events to be played one by one.
    pub fn needs_events(&self) -> Option<&'static str> {
        let switches = [
            ("pause", self.pause.0 > 0.0),
            ("down_for", self.down.0 > 0.0 && self.down_for.is_some()),
            ("sloppy", self.down.0 > 0.0 && self.sloppy),
            ("repair", self.repair != Repair::None && self.reads.0 > 0.0),
            ("anti_entropy", self.anti_entropy.is_some()),
            ("write_timeout", self.write_timeout.is_some()),
            (
                "handoff",
                self.down.0 > 0.0
                    && self.handoff.is_some()
                    && self.w.contains(&Wait::Level(Level::Any)),
            ),
        ];
        let on = switches.iter().find(|(_, on)| *on);
        on.map(|(name, _)| *name)
    }
}

/// How many replicas an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    For(u32),
    Level(Level),
}

impl Wait {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Wait> {
        let level = Level::ALL.into_iter().find(|level| level.name() == text);
        level
            .map(Wait::Level)
            .or_else(|| text.parse().ok().map(Wait::For))
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::For(n) => write!(f, "{n}"),
            Wait::Level(level) => f.write_str(level.name()),
        }
    }
}

impl Serialize for Wait {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Wait::For(n) => s.serialize_u32(*n),
            Wait::Level(level) => s.serialize_str(level.name()),
        }
    }
}

/// Cassandra's consistency levels.
///
/// apache/cassandra, `src/java/org/apache/cassandra/db/ConsistencyLevel.java`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// Of writes: a hint will do where every replica is down.
    Any,
    One,
    Two,
    Three,
    Quorum,
    All,
    LocalOne,
    LocalQuorum,
    /// Of writes: a quorum in every datacentre.
    EachQuorum,
}

impl Level {
    pub const ALL: [Level; 9] = [
        Level::Any,
        Level::One,
        Level::Two,
        Level::Three,
        Level::Quorum,
        Level::All,
        Level::LocalOne,
        Level::LocalQuorum,
        Level::EachQuorum,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Level::Any => "ANY",
            Level::One => "ONE",
            Level::Two => "TWO",
            Level::Three => "THREE",
            Level::Quorum => "QUORUM",
            Level::All => "ALL",
            Level::LocalOne => "LOCAL_ONE",
            Level::LocalQuorum => "LOCAL_QUORUM",
            Level::EachQuorum => "EACH_QUORUM",
        }
    }

    /// Whether it needs to know which replicas are near.
    pub fn is_local(self) -> bool {
        matches!(
            self,
            Level::LocalOne | Level::LocalQuorum | Level::EachQuorum
        )
    }
}

impl Wait {
    /// How many of `n` replicas anywhere; none for a level that asks where they are.
    pub fn of(self, n: u32) -> Option<u32> {
        match self {
            Wait::For(k) => Some(k),
            Wait::Level(Level::Any | Level::One) => Some(1),
            Wait::Level(Level::Two) => Some(2),
            Wait::Level(Level::Three) => Some(3),
            Wait::Level(Level::Quorum) => Some(n / 2 + 1),
            Wait::Level(Level::All) => Some(n),
            Wait::Level(_) => None,
        }
    }
}

/// Which replicas a read asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FanOut {
    /// All; the first R replies count (Dynamo, Riak).
    All,
    /// R of them, at random (Voldemort).
    Quorum,
    /// The R nearest by datacentre, at random among the equally near (Cassandra).
    Closest,
}

/// What a read does about replicas that it finds stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Repair {
    None,
    /// Once all replicas have replied.
    Background,
    /// Those that it waited for, before it returns.
    Blocking,
}

/// Where replicas are, and where those that write and read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Datacentres {
    /// Replicas in each, in their order.
    pub replicas: Vec<u32>,
    /// Added one way between two of them.
    pub delay: Vec<Vec<Nanos>>,
    pub writer: Home,
    pub reader: Home,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Home {
    /// Anywhere, anew in every trial.
    Random,
    /// By its place, from 0.
    At(usize),
}

impl Serialize for Home {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Home::Random => s.serialize_str("random"),
            Home::At(place) => s.serialize_u64(*place as u64 + 1),
        }
    }
}

/// The delays of a replica: a write's way out and its acknowledgement's way
/// back, a read's and its reply's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    pub write_out: Dist,
    pub ack: Dist,
    pub read_out: Dist,
    pub reply: Dist,
}

/// Delays, and the published fit that they are, if they are one.
#[derive(Clone, Debug, PartialEq)]
pub struct Delays {
    pub fit: Option<&'static str>,
    pub legs: Latency,
}

fn by_name<S: Serializer>(delays: &Delays, s: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    match delays.fit {
        None => delays.legs.serialize(s),
        Some(name) => {
            let mut map = s.serialize_map(Some(1))?;
            map.serialize_entry("fit", name)?;
            map.end()
        }
    }
}

/// When reads come, and what is asked of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reads {
    /// From the commit to the start of the read, rising.
    pub t: Vec<Nanos>,
    /// Levels at which to say how long it takes until reads are fresh.
    pub visibility: Vec<Probability>,
    /// The most versions that a read may miss in a row.
    pub versions: u32,
}

/// A promise to keep.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Target {
    /// Such as `p_stale(10ms) < 1e-3`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<Promise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_p99: Option<Nanos>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_p99: Option<Nanos>,
}

impl Target {
    pub fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.read_p99.is_none() && self.write_p99.is_none()
    }
}

/// P(stale at `t`) stays below `most`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promise {
    pub t: Nanos,
    pub most: f64,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p_stale({}) < {}", self.t, self.most)
    }
}

impl Serialize for Promise {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Published fits, in ms: Bailis et al., "Probabilistically Bounded Staleness
/// for Practical Partial Quorums" (VLDB 2012), table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    LnkdSsd,
    LnkdDisk,
    Ymmr,
    /// Yammer's as the authors' simulator has it.
    YmmrCode,
    /// LinkedIn's disks in datacentres 75 ms apart.
    Wan,
}

const FITS: [(&str, Fit); 5] = [
    ("lnkd-ssd", Fit::LnkdSsd),
    ("lnkd-disk", Fit::LnkdDisk),
    ("ymmr", Fit::Ymmr),
    ("ymmr-code", Fit::YmmrCode),
    ("wan", Fit::Wan),
];

fn name_of(fit: Option<Fit>) -> Option<&'static str> {
    let known = FITS.iter().find(|(_, known)| Some(*known) == fit);
    known.map(|(name, _)| *name)
}

/// weight: Pareto, else exponential with a rate per ms.
fn fitted(weight: f64, scale_ms: f64, alpha: f64, rate_per_ms: f64) -> Dist {
    let ms = |x: f64| Nanos((x * 1e6).round() as u64);
    Dist::Mix(vec![
        (
            weight,
            Dist::Pareto {
                scale: ms(scale_ms),
                alpha,
            },
        ),
        (
            1.0 - weight,
            Dist::Exp {
                mean: ms(1.0 / rate_per_ms),
            },
        ),
    ])
}

impl Fit {
    fn latency(self) -> Latency {
        let ssd = fitted(0.9122, 0.235, 10.0, 1.66);
        let disk = fitted(0.38, 1.05, 1.51, 0.183);
        let ymmr = |alpha| fitted(0.939, 3.0, alpha, 0.0028);
        let (write_out, others) = match self {
            Fit::LnkdSsd => (ssd.clone(), ssd),
            Fit::LnkdDisk | Fit::Wan => (disk, ssd),
            Fit::Ymmr => (ymmr(3.35), fitted(0.982, 1.5, 3.8, 0.0217)),
            Fit::YmmrCode => (ymmr(3.5), fitted(0.982, 1.5, 3.8, 0.0217)),
        };
        Latency {
            write_out,
            ack: others.clone(),
            read_out: others.clone(),
            reply: others,
        }
    }
}

impl QuorumScenario {
    /// Settings (N, R, W) in order: N first, then R, then W.
    pub fn settings(&self) -> Vec<(u32, Wait, Wait)> {
        let fits = |n: u32, wait: Wait| wait.of(n).is_none_or(|k| k <= n);
        let mut all = Vec::new();
        for n in &self.cluster.n {
            for r in self.cluster.r.iter().filter(|r| fits(*n, **r)) {
                for w in self.cluster.w.iter().filter(|w| fits(*n, **w)) {
                    all.push((*n, *r, *w));
                }
            }
        }
        all
    }

    /// Whether all replicas are alike to every reader and writer.
    pub fn is_uniform(&self) -> bool {
        self.datacentres.is_none() && self.replica.is_empty()
    }

    /// Why there is no quadrature, if there is none.
    pub fn not_exact(&self) -> Option<String> {
        if let Some(switch) = self.cluster.needs_events() {
            return Some(format!("`{switch}` has to be played event by event"));
        }
        match (self.datacentres.is_some(), self.replica.is_empty()) {
            (true, _) => Some("replicas in datacentres are not alike".to_string()),
            (false, false) => Some("replicas with delays of their own are not alike".to_string()),
            (false, true) => None,
        }
    }
}

/// What a setting (N, R, W) is called.
pub fn setting_name((n, r, w): &(u32, Wait, Wait)) -> String {
    format!("N={n} R={r} W={w}")
}
