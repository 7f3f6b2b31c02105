//! The service that callers meet, the network between, and the callers.

use serde::Serialize;

use crate::dist::Dist;
use crate::scenario::saga::{KeyMode, Retention};
use crate::units::{Nanos, Probability, Rate};

/// A pool of servers behind one bounded queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    pub kind: ServiceKind,
    pub servers: u32,
    pub service_time: Dist,
    /// Attempts that may wait; one more is rejected.
    pub queue: u32,
    pub discipline: Discipline,
    /// Skip queued attempts whose caller has left, at no cost.
    pub drop_expired: bool,
    /// What a caller that gives up takes back.
    pub cancel: Cancel,
    /// What its work does to the world, if doing it twice matters.
    #[serde(flatten)]
    pub effect: Option<Effect>,
}

/// Work with an effect that should happen once per call, and the key that sees to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Its name, such as `refund`.
    pub effect: String,
    pub key: KeyMode,
    pub retention: Retention,
    /// Chance of a crash between effect and record.
    pub crash: Probability,
}

impl Service {
    /// Attempts per second with every server busy; infinite or 0 in the limits.
    pub fn capacity_per_s(&self) -> f64 {
        f64::from(self.servers) / self.service_time.mean_s()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    Queue,
}

/// Which of the waiting attempts is served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discipline {
    Fifo,
    Lifo,
}

/// What becomes of an attempt whose caller stops waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cancel {
    /// It lives on.
    None,
    /// It leaves the queue, but is served to the end once begun.
    Queued,
    /// It leaves the queue or its server.
    All,
}

/// One-way delays between caller and service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    pub out: Dist,
    pub back: Dist,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Callers {
    pub count: u32,
    /// Processes that the callers belong to, in equal blocks; budgets are per client.
    pub clients: u32,
    #[serde(flatten)]
    pub arrival: Arrival,
}

impl Callers {
    /// The client process of a caller.
    pub fn client(&self, caller: u32) -> u32 {
        (u64::from(caller) * u64::from(self.clients) / u64::from(self.count)) as u32
    }
}

/// When callers call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "arrival", rename_all = "kebab-case")]
pub enum Arrival {
    /// A Poisson process per caller, whatever is outstanding.
    Open { rate: Rate },
    /// One call at a time, then a think time.
    Closed { think: Dist },
    /// One call each, at `at` plus a draw of `spread`; the run ends when all have ended.
    Once { at: Nanos, spread: Dist },
}
