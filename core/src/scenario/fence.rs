//! A paused leader and its successor at one resource: what is asked, as data.

use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::scenario::document::{Problem, Section, Table};
use crate::scenario::fields::{Trials, above_zero, by_default, named, trials};
use crate::units::{Drift, Nanos, Rate};

/// A fence scenario with every field resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FenceScenario {
    pub kind: &'static str,
    pub name: String,
    pub run: Trials,
    pub fence: Fence,
}

/// A leader under a lease, its pause, its successor, and the guards compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fence {
    /// Length of the lease, by the lock service's clock.
    pub ttl: Nanos,
    /// Time between renewals.
    pub renew: Nanos,
    /// How long the leader stands still between "I hold the lease" and its write.
    pub pause: Dist,
    pub pause_at: PauseAt,
    /// From expiry to the successor's acquisition of the next token.
    pub takeover: Dist,
    /// From there to the successor's first write, and between its further ones.
    pub first_step: Dist,
    /// Between the comparison and the write of `check-then-write`.
    pub gap: Dist,
    /// How much slower than true time the leader's own clock runs.
    pub drift: Drift,
    /// Whether the leader looks at its lease again, by its own clock, as it wakes.
    pub self_check: bool,
    /// From the leader to the resource.
    pub network: Dist,
    /// Pauses per leader, for the chance per hour.
    pub pause_rate: Rate,
    #[serde(serialize_with = "guard_names")]
    pub guards: Vec<Guard>,
}

/// Where in the renewal cycle a pause begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PauseAt {
    /// At an age after the last effective renewal that is uniform on [0, `renew`).
    Random,
    /// Right after it.
    Renewal,
}

/// What the resource does with the token of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Applies everything.
    None,
    /// Applies the write, then remembers its token: never rejects.
    RememberAfter,
    /// Compares, then applies after a gap.
    CheckThenWrite,
    /// Compares and rejects below the highest token seen, in one step.
    Atomic,
    /// The same, and a new leader registers its token before it reads or writes.
    AtomicBarrier,
}

/// The guards by name.
pub const GUARDS: [(&str, Guard); 5] = [
    ("none", Guard::None),
    ("remember-after", Guard::RememberAfter),
    ("check-then-write", Guard::CheckThenWrite),
    ("atomic", Guard::Atomic),
    ("atomic-barrier", Guard::AtomicBarrier),
];

impl Guard {
    pub fn name(self) -> &'static str {
        let found = GUARDS.iter().find(|(_, guard)| *guard == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether it rejects a token below the highest that it has seen.
    pub fn checks(self) -> bool {
        match self {
            Guard::None | Guard::RememberAfter => false,
            Guard::CheckThenWrite | Guard::Atomic | Guard::AtomicBarrier => true,
        }
    }

    /// Whether a write is applied a gap after it was looked at.
    pub fn applies_late(self) -> bool {
        match self {
            Guard::CheckThenWrite => true,
            Guard::None | Guard::RememberAfter | Guard::Atomic | Guard::AtomicBarrier => false,
        }
    }

    /// Whether a new leader registers its token before it reads or writes.
    pub fn registers(self) -> bool {
        match self {
            Guard::AtomicBarrier => true,
            Guard::None | Guard::RememberAfter | Guard::CheckThenWrite | Guard::Atomic => false,
        }
    }
}

fn guard_names<S: Serializer>(guards: &[Guard], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(guards.iter().map(|g| g.name()))
}

/// The times of a real lease, and what its tokens are worth.
pub struct LeasePreset {
    pub name: &'static str,
    ttl: Nanos,
    renew: Nanos,
    takeover: Dist,
    /// Where the numbers come from.
    pub source: &'static str,
    /// What stands between its leaders and the resource.
    pub fencing: &'static str,
}

/// Leases in use, with their sources.
pub fn lease_presets() -> [LeasePreset; 6] {
    let at_once = Dist::Const(Nanos::ZERO);
    let seconds = Nanos::from_secs;
    [
        LeasePreset {
            name: "kubernetes",
            ttl: seconds(15),
            renew: seconds(2),
            // Candidates look every 2 s times 1 to 2.2 (JitterFactor 1.2).
            takeover: Dist::Uniform {
                low: Nanos::ZERO,
                high: seconds(2),
            },
            source: "client-go tools/leaderelection: lease 15 s, renew deadline 10 s, retry 2 s \
                     (the defaults of Kubernetes' components)",
            fencing: "none: client-go says itself that it does not fence",
        },
        LeasePreset {
            name: "dynamodb",
            ttl: seconds(10),
            renew: seconds(3),
            takeover: at_once.clone(),
            source: "awslabs/dynamodb-lock-client README: lease 10 s, heartbeat 3 s \
                     (its defaults are 20 s and 5 s)",
            fencing: "none: its record version is a random GUID, which has no order",
        },
        LeasePreset {
            name: "etcd",
            ttl: seconds(60),
            renew: seconds(20),
            takeover: at_once.clone(),
            source: "etcd client/v3/concurrency/session.go: session of 60 s, \
                     kept alive every third of it",
            fencing: "atomic, where the resource compares the key's revision",
        },
        LeasePreset {
            name: "kafka",
            ttl: seconds(60),
            renew: seconds(20),
            takeover: at_once.clone(),
            source: "Kafka transaction.timeout.ms, 60 s by default; \
                     a third of it taken for the time between transactions",
            fencing: "atomic-barrier: a new producer's epoch is registered with its brokers first",
        },
        LeasePreset {
            name: "hdfs",
            ttl: seconds(10),
            renew: Nanos(3_333_000_000),
            takeover: at_once,
            source: "Hadoop core-default.xml ha.zookeeper.session-timeout.ms, 10 s; \
                     ZooKeeper clients ping every third of it",
            fencing: "atomic-barrier: a new writer's epoch is claimed on a majority of journals first",
        },
        LeasePreset {
            name: "chubby",
            ttl: seconds(12),
            renew: seconds(4),
            takeover: Dist::Const(seconds(60)),
            source: "Burrows 2006: session lease 12 s, lock-delay one minute; \
                     a third of the lease taken for the time between KeepAlives",
            fencing: "atomic, where the resource checks the sequencer",
        },
    ]
}

impl Default for FenceScenario {
    fn default() -> FenceScenario {
        by_default(FenceScenario::read(&mut Section::new(&Table::default())))
    }
}

impl FenceScenario {
    pub(super) fn read(top: &mut Section<'_>) -> Result<FenceScenario, Problem> {
        let empty = Table::default();
        let name = named(top, "fence")?;
        let run = match top.node("run") {
            Some(node) => trials(node.table()?, 1_000_000)?,
            None => trials(&empty, 1_000_000)?,
        };
        let fence = match top.node("fence") {
            Some(node) => fence(node.table()?)?,
            None => fence(&empty)?,
        };
        Ok(FenceScenario {
            kind: "fence",
            name,
            run,
            fence,
        })
    }
}

fn fence(table: &Table) -> Result<Fence, Problem> {
    let mut s = Section::new(table);
    let presets = lease_presets();
    let names: Vec<(&str, usize)> = presets.iter().map(|p| p.name).zip(0..).collect();
    // The default is Kubernetes' lease without the wait for candidates.
    let chosen = s.word("preset", "lease", &names)?;
    let base = &presets[chosen.unwrap_or(0)];
    let default_takeover = match chosen {
        Some(_) => base.takeover.clone(),
        None => Dist::Const(Nanos::ZERO),
    };
    let ttl = s.read("ttl")?.unwrap_or(base.ttl);
    let ttl = above_zero(&s, "ttl", ttl)?;
    let renew = s.read("renew")?.unwrap_or(base.renew.min(ttl));
    let renew = above_zero(&s, "renew", renew)?;
    if ttl < renew {
        return Err(Problem::new(format!(
            "a lease of {ttl} is over before its renewal after {renew}"
        ))
        .at(s.place("ttl").or(s.place("renew")))
        .help("`renew` is at most `ttl`; a third of it is usual"));
    }
    let pause: Dist = s.read("pause")?.unwrap_or(Dist::Exp {
        mean: Nanos::from_secs(5),
    });
    let pause_at = s.word(
        "pause_at",
        "begin of a pause",
        &[("random", PauseAt::Random), ("renewal", PauseAt::Renewal)],
    )?;
    let step = s.read::<Rate>("step_rate")?;
    if let Some(rate) = step {
        if s.node("first_step").is_some() {
            return Err(
                Problem::new("`step_rate` is short for a `first_step`: give one of them")
                    .at(s.place("step_rate")),
            );
        }
        if rate.0 <= 0.0 {
            return Err(Problem::new("`step_rate` must be above 0").at(s.place("step_rate")));
        }
    }
    let first_step = match step {
        Some(rate) => Dist::Exp {
            mean: Nanos::from_secs_f64(1.0 / rate.0),
        },
        None => s.read("first_step")?.unwrap_or(Dist::Exp {
            mean: Nanos::from_secs(2),
        }),
    };
    let fence = Fence {
        ttl,
        renew,
        pause,
        pause_at: pause_at.unwrap_or(PauseAt::Random),
        takeover: s.read("takeover")?.unwrap_or(default_takeover),
        first_step,
        gap: s
            .read("gap")?
            .unwrap_or(Dist::Const(Nanos::from_millis(100))),
        drift: s.read("drift")?.unwrap_or(Drift(0.0)),
        self_check: s.bool("self_check")?.unwrap_or(false),
        network: s
            .read("network")?
            .unwrap_or(Dist::Const(Nanos::from_millis(100))),
        pause_rate: s.read("pause_rate")?.unwrap_or(Rate(1.0 / 3600.0)),
        guards: s
            .word_set("guards", "guard", &GUARDS)?
            .unwrap_or(GUARDS.map(|(_, guard)| guard).to_vec()),
    };
    s.finish()?;
    Ok(fence)
}
