//! A paused leader and its successor at one resource: what is asked, as data.

use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::dist_text::OneWay;
use crate::scenario::document::{Problem, Section, Table};
use crate::scenario::fields::{Trials, above_zero, by_default, count, named, trials};
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
    /// From expiry to the successor's acquisition of the next token, where no candidates
    /// poll for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takeover: Option<Dist>,
    /// Candidates that poll, as Kubernetes' do: each waits a whole lease from its own last
    /// observation of a renewal. 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub candidates: u32,
    /// How often they look, at least: times 1 to 2.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Nanos>,
    /// After how long without a renewal the leader takes itself for deposed, where that is
    /// not the whole lease: what `self_check` looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_deadline: Option<Nanos>,
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

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde asks.
fn is_zero(count: &u32) -> bool {
    *count == 0
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

/// How often a lease is renewed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Renewal {
    /// Every n-th part of it, however long it is.
    Part(u64),
    Every(Nanos),
    /// So long before it is over.
    Before(Nanos),
    /// Not at all: it is held for as long as the work takes.
    Never,
}

impl Renewal {
    fn of(self, ttl: Nanos) -> Nanos {
        match self {
            Renewal::Part(n) => Nanos((ttl.0 / n).max(1)),
            Renewal::Every(d) => d.min(ttl),
            Renewal::Before(d) => Nanos(ttl.0.saturating_sub(d.0).max(1)),
            Renewal::Never => ttl,
        }
    }
}

/// The times of a real lease, and what its tokens are worth.
pub struct LeasePreset {
    pub name: &'static str,
    ttl: Nanos,
    renew: Renewal,
    takeover: Dist,
    /// Candidates that poll, and how often at least.
    candidates: Option<(u64, Nanos)>,
    renew_deadline: Option<Nanos>,
    /// Where the numbers come from.
    pub source: &'static str,
    /// What stands between its leaders and the resource.
    pub fencing: &'static str,
}

/// Leases in use, with their sources.
pub fn lease_presets() -> [LeasePreset; 12] {
    const SECOND: Nanos = Nanos::from_secs(1);
    const NOTHING: &str = "none: its lock has no token that grows";
    let lease = |name, ttl, renew, source, fencing| LeasePreset {
        name,
        ttl: Nanos(ttl * SECOND.0),
        renew,
        takeover: Dist::Const(Nanos::ZERO),
        candidates: None,
        renew_deadline: None,
        source,
        fencing,
    };
    let third = Renewal::Part(3);
    [
        LeasePreset {
            candidates: Some((2, Nanos::from_secs(2))),
            renew_deadline: Some(Nanos::from_secs(10)),
            ..lease(
                "kubernetes",
                15,
                Renewal::Every(Nanos::from_secs(2)),
                "kubernetes/client-go tools/leaderelection/leaderelection.go and component-base \
                 config/v1alpha1/defaults.go: lease 15 s, renew deadline 10 s, retry 2 s, \
                 JitterFactor 1.2; two candidates taken, as of three control planes",
                "none: client-go says itself that it does not fence",
            )
        },
        lease(
            "dynamodb",
            20,
            Renewal::Every(Nanos::from_secs(5)),
            "awslabs/amazon-dynamodb-lock-client AmazonDynamoDBLockClientOptions.java: lease 20 s, \
             heartbeat 5 s by default",
            "none: its record version is a random GUID, which has no order",
        ),
        lease(
            "dynamodb-readme",
            10,
            Renewal::Every(Nanos::from_secs(3)),
            "awslabs/amazon-dynamodb-lock-client README.md: lease 10 s, heartbeat 3 s in its example",
            "none: its record version is a random GUID, which has no order",
        ),
        lease(
            "etcd",
            60,
            third,
            "etcd client/v3/concurrency/session.go: session of 60 s, kept alive every third of it",
            "atomic, where the resource compares the key's revision",
        ),
        lease(
            "zookeeper",
            60,
            third,
            "apache/curator CuratorFrameworkFactory.java: session of 60 s; ZooKeeper's clients \
             ping every third of it (ClientCnxn.java)",
            "atomic, where the resource compares the node's zxid or sequence",
        ),
        LeasePreset {
            // Its servers give a session twice its time, and then keep the lock for a while.
            takeover: Dist::Const(Nanos::from_secs(30)),
            ..lease(
                "consul",
                15,
                Renewal::Part(2),
                "hashicorp/consul api/lock.go: session of 15 s renewed every half of it; \
                 session_ttl.go: invalid after twice that; lock-delay 15 s",
                "atomic, where the resource compares the lock's index",
            )
        },
        lease(
            "redisson",
            30,
            third,
            "redisson/redisson config/Config.java: lockWatchdogTimeout 30 s, renewed every third of \
             it",
            NOTHING,
        ),
        LeasePreset {
            takeover: Dist::Uniform {
                low: Nanos::ZERO,
                high: Nanos::from_millis(200),
            },
            ..lease(
                "redlock",
                5,
                Renewal::Before(Nanos::from_millis(500)),
                "mike-marcacci/node-redlock src/index.ts: extended 500 ms before its end, others \
                 retry every 200 ms; README.md: locks of 5 s",
                NOTHING,
            )
        },
        lease(
            "shedlock",
            600,
            Renewal::Never,
            "lukas-krecan/ShedLock 7.10 README.md: lockAtMostFor 10 min, never extended by itself; \
             the pause is what a job takes",
            NOTHING,
        ),
        lease(
            "kafka",
            60,
            third,
            "Kafka transaction.timeout.ms, 60 s by default; \
             a third of it taken for the time between transactions",
            "atomic-barrier: a new producer's epoch is registered with its brokers first",
        ),
        lease(
            "hdfs",
            10,
            third,
            "Hadoop core-default.xml ha.zookeeper.session-timeout.ms, 10 s; \
             ZooKeeper clients ping every third of it",
            "atomic-barrier: a new writer's epoch is claimed on a majority of journals first",
        ),
        LeasePreset {
            takeover: Dist::Const(Nanos::from_secs(60)),
            ..lease(
                "chubby",
                12,
                third,
                "Burrows 2006: session lease 12 s, lock-delay one minute; \
                 a third of the lease taken for the time between KeepAlives",
                "atomic, where the resource checks the sequencer",
            )
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
    let renew = s.read("renew")?.unwrap_or(base.renew.of(ttl));
    let renew = above_zero(&s, "renew", renew)?;
    if ttl < renew {
        return Err(Problem::new(format!(
            "a lease of {ttl} is over before its renewal after {renew}"
        ))
        .at(s.place("ttl").or(s.place("renew")))
        .help("`renew` is at most `ttl`; a third of it is usual"));
    }
    // Who gives a takeover says how long it takes, whoever may poll.
    let says_takeover = s.node("takeover").is_some();
    let polls = chosen.and(base.candidates).filter(|_| !says_takeover);
    let says_candidates = s.node("candidates").is_some();
    let candidates = match (says_candidates, polls) {
        (false, None) => 0,
        (_, polls) => count(&mut s, "candidates", polls.map_or(1, |(n, _)| n), 1..=1_000)? as u32,
    };
    let retry = s.read("retry")?.or(polls.map(|(_, retry)| retry));
    if says_takeover && (says_candidates || s.node("retry").is_some()) {
        return Err(Problem::new(
            "`takeover` says how long the successor takes, `candidates` and `retry` work it out",
        )
        .at(s.place("takeover"))
        .help("give the one or the others"));
    }
    let retry = match (candidates, retry) {
        (0, None) => None,
        (0, Some(_)) => {
            return Err(
                Problem::new("`retry` is how often `candidates` look: say how many")
                    .at(s.place("retry")),
            );
        }
        (_, retry) => {
            let retry = retry.unwrap_or(Nanos::from_secs(2));
            Some(above_zero(&s, "retry", retry)?)
        }
    };
    let renew_deadline: Option<Nanos> = match s.read("renew_deadline")? {
        Some(said) => Some(said),
        None => chosen.and(base.renew_deadline).map(|own| {
            Nanos((u128::from(own.0) * u128::from(ttl.0) / u128::from(base.ttl.0)) as u64)
        }),
    };
    if let Some(deadline) = renew_deadline
        && !(renew..=ttl).contains(&deadline)
    {
        return Err(Problem::new(format!(
            "a renew deadline of {deadline} does not lie between `renew`, {renew}, and `ttl`, {ttl}"
        ))
        .at(s.place("renew_deadline").or(s.place("ttl"))));
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
        pause_at: pause_at.unwrap_or(match (chosen, base.renew) {
            (Some(_), Renewal::Never) => PauseAt::Renewal,
            _ => PauseAt::Random,
        }),
        takeover: match retry {
            Some(_) => None,
            None => Some(s.read("takeover")?.unwrap_or(default_takeover)),
        },
        candidates,
        retry,
        renew_deadline,
        first_step,
        gap: s
            .read("gap")?
            .unwrap_or(Dist::Const(Nanos::from_millis(100))),
        drift: s.read("drift")?.unwrap_or(Drift(0.0)),
        self_check: s.bool("self_check")?.unwrap_or(false),
        network: s
            .read("network")?
            .map_or(Dist::Const(Nanos::from_millis(100)), |OneWay(law)| law),
        pause_rate: s.read("pause_rate")?.unwrap_or(Rate(1.0 / 3600.0)),
        guards: s
            .word_set("guards", "guard", &GUARDS)?
            .unwrap_or(GUARDS.map(|(_, guard)| guard).to_vec()),
    };
    s.finish()?;
    Ok(fence)
}
