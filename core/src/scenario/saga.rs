//! A compensation invoked by a retry layer: what is asked, as data.

use serde::{Serialize, Serializer};

use super::catalogue::policies;
use super::document::{Problem, Section, Table};
use super::fields::{Trials, as_map, by_default, count_u32, named, trials};
use super::idempotency::retention;
use super::overlay::Overlay;
use super::policy::{Policy, UNLIMITED};
use crate::dist::Dist;
use crate::idempotency::{KEY_MODES, KeyMode, Retention};
use crate::units::{Factor, Nanos, Probability};

/// A saga scenario with every field resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SagaScenario {
    pub kind: &'static str,
    pub name: String,
    pub run: Trials,
    pub saga: Saga,
    /// The retry layer: one policy.
    #[serde(serialize_with = "as_map")]
    pub policy: Vec<(String, Policy)>,
}

/// One compensation, what can be lost on the way, and the key modes compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Saga {
    /// Chance that a request is lost before it executes.
    pub request_loss: Probability,
    /// Chance that an answer is lost after it.
    pub response_loss: Probability,
    /// Chance of a crash between effect and record, in whichever order they come.
    pub crash: Probability,
    /// How long an execution takes.
    pub execution: Dist,
    /// How long `short-retention` remembers a key.
    pub retention: Retention,
    /// Money moved by one execution.
    pub amount: Factor,
    /// Compensations of the saga, each of which can be doubled.
    pub compensations: u32,
    #[serde(serialize_with = "key_names")]
    pub keys: Vec<KeyMode>,
}
fn key_names<S: Serializer>(keys: &[KeyMode], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(keys.iter().map(|k| k.name()))
}

impl Default for SagaScenario {
    fn default() -> SagaScenario {
        by_default(SagaScenario::read(
            &mut Section::new(&Table::default()),
            &Overlay::default(),
        ))
    }
}

impl SagaScenario {
    pub(super) fn read(top: &mut Section<'_>, overlay: &Overlay) -> Result<SagaScenario, Problem> {
        let empty = Table::default();
        let name = named(top, "saga")?;
        let run = match top.node("run") {
            Some(node) => trials(node.table()?, 1_000_000)?,
            None => trials(&empty, 1_000_000)?,
        };
        let saga = match top.node("saga") {
            Some(node) => saga(node.table()?)?,
            None => saga(&empty)?,
        };
        let compare = top.node("compare");
        let mut policy = policies(top.node("policy"), compare, &["fixed"], overlay)?;
        if policy.len() > 1 {
            let place = compare.or(top.node("policy")).map(|n| n.place.clone());
            return Err(Problem::new("a saga has one retry layer, so one policy")
                .at(place)
                .help("pick it with --policy, or compare = [\"…\"]"));
        }
        policy.truncate(1);
        const MOST: u32 = 1_000;
        if let [(name, only)] = &policy[..]
            && only.attempts > MOST
        {
            let attempts = match only.attempts {
                UNLIMITED => "unlimited attempts".to_string(),
                n => format!("{n} attempts"),
            };
            return Err(Problem::new(format!(
                "policy `{name}` makes {attempts}, a saga can follow {MOST}"
            ))
            .help("set fewer with --attempts"));
        }
        if let [(name, only)] = &policy[..]
            && only.timeout.is_none()
            && only.deadline.is_none()
        {
            return Err(Problem::new(format!(
                "policy `{name}` has no timeout: a caller whose answer is lost would wait for ever"
            ))
            .help("give --timeout"));
        }
        Ok(SagaScenario {
            kind: "saga",
            name,
            run,
            saga,
            policy,
        })
    }

    /// The retry layer.
    pub fn retry_layer(&self) -> &Policy {
        &self.policy[0].1
    }
}

fn saga(table: &Table) -> Result<Saga, Problem> {
    let mut s = Section::new(table);
    let losses = |s: &mut Section<'_>, key, default| -> Result<Probability, Problem> {
        Ok(s.read(key)?.unwrap_or(Probability(default)))
    };
    let saga = Saga {
        request_loss: losses(&mut s, "request_loss", 0.01)?,
        response_loss: losses(&mut s, "response_loss", 0.05)?,
        crash: losses(&mut s, "crash", 0.01)?,
        execution: s.read("execution")?.unwrap_or(Dist::Exp {
            mean: Nanos::from_millis(100),
        }),
        retention: retention(&mut s)?.unwrap_or(Retention::For(Nanos::from_secs(30 * 60))),
        amount: s.read("amount")?.unwrap_or(Factor(50.0)),
        compensations: count_u32(&mut s, "compensations", 1, 1)?,
        keys: s
            .word_set("keys", "key mode", &KEY_MODES)?
            .unwrap_or_else(|| KEY_MODES.map(|(_, mode)| mode).to_vec()),
    };
    if saga.amount.0 > 1e12 {
        return Err(Problem::new("`amount` can be at most 1e12").at(s.place("amount")));
    }
    s.finish()?;
    Ok(saga)
}
