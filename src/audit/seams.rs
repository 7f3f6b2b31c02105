//! What quorums, acknowledgements, fences and keys do, and what their changes would do.

use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::scenario::policy::{Policy, RetryOn};
use herdsim_core::scenario::{Job, JobKind, Overlay, Problem, Scenario};
use herdsim_core::stats::Estimate;
use herdsim_core::units::Nanos;

use super::fixes::{self, Fix};
use super::rules::System;
use super::site::{Acks, Decision, Guard, Key, Known, Quorum, Site};
use super::situation::{self, AS_WRITTEN};
use crate::run;
use crate::study::Context;
use herdsim_words::format::{large, likely, seconds};
use herdsim_words::results::Table;

/// A number with its name, as JSON has it.
pub type Number = (&'static str, Estimate);

/// What a site does, or would.
#[derive(Clone, Debug)]
pub struct Measured {
    pub outcome: String,
    pub numbers: Vec<Number>,
    /// What it is judged by: less is better.
    pub loss: f64,
}

/// A site as it is, what was assumed of it, and every change.
pub struct Weighed {
    pub now: Measured,
    pub assumed: String,
    pub changes: Vec<(Fix, Measured)>,
}

/// Trials of a failover or an operation.
const TRIALS: u64 = 200_000;

/// What a site that is no retry is simulated as: its setting alone, or beside the one that is
/// right. Nothing where there is nothing to simulate.
///
/// # Errors
/// Where what was read is no scenario.
pub fn job(system: &System, site: &Site) -> Result<Option<Job>, Problem> {
    let atomic = Guard::Atomic.name();
    let text = match &site.decision {
        Decision::Quorum(quorum) => {
            let n = |known: &Known<u32>, unknown: u32| known.value.unwrap_or(unknown);
            let [n, w, r] = [&quorum.n, &quorum.w, &quorum.r].map(|known| n(known, 3));
            return of_quorum(n, w, r).map(Some);
        }
        Decision::Fence(fence) => {
            let now = fence.guard.name();
            let guards = match fence.guard {
                Guard::Atomic => format!("\"{now}\""),
                _ => format!("\"{now}\", \"{atomic}\""),
            };
            let ttl = ttl(lease_beside(system, site));
            format!(
                "kind = \"fence\"\n[run]\nreplications = {TRIALS}\n[fence]\nguards = [{guards}]\n{ttl}"
            )
        }
        Decision::Lease(lease) => {
            let ttl = ttl(lease.ttl.value.flatten());
            format!(
                "kind = \"fence\"\n[run]\nreplications = {TRIALS}\n[fence]\nguards = [\"none\", \"{atomic}\"]\n{ttl}"
            )
        }
        Decision::Effect(effect) => {
            let [now, then] = [effect.key.name(), Key::PerOperation.name()];
            let keys = match now == then {
                true => format!("\"{then}\""),
                false => format!("\"{now}\", \"{then}\""),
            };
            format!("kind = \"saga\"\n[run]\nreplications = {TRIALS}\n[saga]\nkeys = [{keys}]\n")
        }
        _ => return Ok(None),
    };
    let mut overlay = Overlay::default();
    overlay.file("audit", &text)?;
    let mut job = Job::from_overlay(&overlay, JobKind::Saga)?;
    if let Job::Saga(saga) = &mut job
        && let Some(policy) = retried(system, site)
    {
        saga.policy = vec![(AS_WRITTEN.to_string(), policy)];
    }
    job.check()?;
    Ok(Some(job))
}

/// How long a lease lasts, as a line of a scenario.
fn ttl(ttl: Option<Nanos>) -> String {
    ttl.map_or_else(String::new, |ttl| format!("ttl = \"{ttl}\"\n"))
}

/// How long the lease lasts that is taken in the same file as a fence, where there is one.
fn lease_beside(system: &System, site: &Site) -> Option<Nanos> {
    let beside = system.sites.iter().filter(|other| {
        other.place.source.name == site.place.source.name && other.number != site.number
    });
    let mut leases = beside.filter_map(|other| match &other.decision {
        Decision::Lease(lease) => lease.ttl.value.flatten(),
        _ => None,
    });
    leases.next().filter(|_| leases.next().is_none())
}

/// The policy of what tries an effect again, where that is in sight and a saga can follow it.
fn retried(system: &System, effect: &Site) -> Option<Policy> {
    let around = system.retry_around(effect)?;
    let (mut policy, _) = situation::policy(around);
    // An answer that is lost is tried again: that is what the key is for.
    policy.retry_on = RetryOn::SENT;
    let followed = policy.attempts <= 1_000 && policy.timeout.is_some();
    let plain = policy.budget.is_none() && policy.hedge.is_none();
    (followed && plain).then_some(policy)
}

fn of_quorum(n: u32, w: u32, r: u32) -> Result<Job, Problem> {
    let text = format!(
        "kind = \"quorum\"\n[cluster]\nn = {n}\nw = {w}\nr = {r}\n[latency]\nfit = \"lnkd-ssd\"\n"
    );
    let mut overlay = Overlay::default();
    overlay.file("audit", &text)?;
    Job::from_overlay(&overlay, JobKind::Quorum)
}

/// What the seam of a site comes to; nothing where it is a retry, or nothing can be said.
///
/// # Errors
/// Where it cannot be worked out.
pub fn weigh(
    system: &System,
    site: &Site,
    situation: &Scenario,
    workers: &Workers,
) -> Result<Option<Weighed>, Problem> {
    let all = fixes::all(site);
    if all.is_empty() {
        return Ok(None);
    }
    Ok(match &site.decision {
        Decision::Quorum(quorum) => quorums(quorum, all, workers)?,
        Decision::Acks(acks) => self::acks(acks, all, situation),
        Decision::Fence(fence) => {
            let Some(job) = job(system, site)? else {
                return Ok(None);
            };
            let table = simulated(&job, workers)?;
            let of = |guard: &str| {
                let p = table.estimate(guard, "p_stale_write");
                Measured {
                    outcome: match p.mean {
                        0.0 => "no pause of a leader ends in a write over a newer one".to_string(),
                        _ => format!(
                            "{} of a leader's pauses end in a write over a newer one",
                            likely(p)
                        ),
                    },
                    numbers: vec![("p_stale_write", p)],
                    loss: p.mean,
                }
            };
            let Job::Fence(fenced) = &job else {
                return Ok(None);
            };
            Some(Weighed {
                now: of(fence.guard.name()),
                assumed: format!(
                    "a lease of {}, pauses of {}",
                    seconds(fenced.fence.ttl.as_secs()),
                    fenced.fence.pause
                ),
                changes: all
                    .into_iter()
                    .map(|fix| (fix, of(Guard::Atomic.name())))
                    .collect(),
            })
        }
        Decision::Effect(effect) => {
            let Some(job) = job(system, site)? else {
                return Ok(None);
            };
            let table = simulated(&job, workers)?;
            let what = &effect.what;
            let of = |key: &str| {
                let p = table.estimate(key, "p_duplicate");
                Measured {
                    outcome: match p.mean {
                        0.0 => format!("no {what} is made twice"),
                        _ => format!("{} of operations make more than one {what}", likely(p)),
                    },
                    numbers: vec![("p_duplicate", p)],
                    loss: p.mean,
                }
            };
            let Job::Saga(saga) = &job else {
                return Ok(None);
            };
            let (name, policy) = &saga.policy[0];
            let by = match name.as_str() {
                AS_WRITTEN => "tried again as above".to_string(),
                _ => format!(
                    "whoever calls tries up to {} times, {} apart",
                    policy.attempts, policy.backoff
                ),
            };
            Some(Weighed {
                now: of(effect.key.name()),
                assumed: format!(
                    "{} of requests and {} of answers are lost, {} of attempts crash; {by}",
                    situation::whole(saga.saga.request_loss.0),
                    situation::whole(saga.saga.response_loss.0),
                    situation::whole(saga.saga.crash.0)
                ),
                changes: all
                    .into_iter()
                    .map(|fix| (fix, of(Key::PerOperation.name())))
                    .collect(),
            })
        }
        _ => None,
    })
}

fn simulated(job: &Job, workers: &Workers) -> Result<Table, Problem> {
    let context = Context {
        workers,
        watch: Watch::default(),
        charts: false,
        before: None,
        measured: None,
    };
    let finished = run::simulate(job, &context);
    finished
        .map(|finished| finished.table)
        .map_err(|error| Problem::new(error.to_string()))
}

fn quorums(quorum: &Quorum, all: Vec<Fix>, workers: &Workers) -> Result<Option<Weighed>, Problem> {
    let [n, w, r] = [&quorum.n, &quorum.w, &quorum.r].map(|known| known.value);
    let (Some(n), Some(w), Some(r)) = (n, w, r) else {
        return Ok(None);
    };
    if n == 0 || n > 9 || w == 0 || r == 0 || w > n || r > n {
        return Ok(None);
    }
    let measure = |w: u32, r: u32| -> Result<Measured, Problem> {
        let table = simulated(&of_quorum(n, w, r)?, workers)?;
        let cell = table.rows.first().map_or("", |row| row.name.as_str());
        let of = |metric| table.estimate(cell, metric);
        let stale = of("p_stale");
        let [read, write] = ["read_latency_p99_s", "write_latency_p99_s"].map(of);
        let fresh = match r + w > n {
            true => "every read meets the last write".to_string(),
            false => format!("{} of reads right after a write are stale", likely(stale)),
        };
        Ok(Measured {
            outcome: format!(
                "{fresh}; p99 of reads {}, of writes {}",
                seconds(read.mean),
                seconds(write.mean)
            ),
            numbers: vec![
                ("p_stale", stale),
                ("read_latency_p99_s", read),
                ("write_latency_p99_s", write),
            ],
            // Two writes that need not meet are a fault as well.
            loss: match r + w > n {
                true => f64::from(u8::from(2 * w <= n)) * 1e-9 + (read.mean + write.mean) * 1e-12,
                false => stale.mean.max(1e-6),
            },
        })
    };
    let now = measure(w, r)?;
    let mut changes = Vec::new();
    for fix in all {
        if let Fix::Quorum { w, r } = fix {
            changes.push((fix, measure(w, r)?));
        }
    }
    Ok(Some(Weighed {
        now,
        assumed: "delays as LinkedIn measured them on SSDs (lnkd-ssd)".to_string(),
        changes,
    }))
}

/// What a leader has acknowledged and not handed on: at most so long before it dies.
const LAG_S: f64 = 0.01;

/// Writes that were acknowledged and are lost: with `acks=1` those of the replication lag
/// before the leader dies, λ × lag; with `acks=0` those of the outage as well, λ × outage.
fn acks(acks: &Acks, all: Vec<Fix>, situation: &Scenario) -> Option<Weighed> {
    let known = acks.acks.as_ref()?.value.as_deref()?;
    let calls = situation::calls_per_s(situation)?;
    let outage = situation
        .harm()
        .map_or(0.0, |harm| harm.over.as_secs() - harm.from.as_secs());
    let lost = match known {
        "0" => calls * outage,
        _ => calls * LAG_S,
    };
    let exact = |x: f64| Estimate::of([x]).around_mean();
    let measured = |lost: f64| Measured {
        outcome: match lost {
            0.0 => "none is lost while one replica in sync lives".to_string(),
            _ => format!(
                "{} acknowledged writes are lost each time a leader dies",
                large(lost)
            ),
        },
        numbers: vec![("lost_writes", exact(lost))],
        loss: lost,
    };
    let assumed = match known {
        "0" => format!(
            "{} writes/s, an outage of {}",
            large(calls),
            seconds(outage)
        ),
        _ => format!(
            "{} writes/s, followers {} behind",
            large(calls),
            seconds(LAG_S)
        ),
    };
    Some(Weighed {
        now: measured(lost),
        assumed,
        changes: all.into_iter().map(|fix| (fix, measured(0.0))).collect(),
    })
}
