//! The effect of the service's work, executed once per call if its key works.

use crate::idempotency::{Admission, Ledger, Receiver, Reply};
use crate::scenario::service::Effect;

/// The ledgers of all calls and the standing of all attempts, by slot.
pub struct Effects {
    receiver: Receiver,
    crash: f64,
    ledgers: Vec<Ledger>,
    attempts: Vec<Standing>,
}

/// An attempt: whose it is, its number within its call, what its key made of it.
#[derive(Clone, Copy)]
struct Standing {
    call: u32,
    number: u32,
    admission: Admission,
}

// Cold, so that runs without an effect keep their loop small.
impl Effects {
    pub fn new(effect: &Effect) -> Effects {
        Effects {
            receiver: Receiver {
                mode: effect.key,
                retention: effect.retention,
            },
            crash: effect.crash.0,
            ledgers: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// The chance that an execution crashes between effect and record.
    pub fn crash(&self) -> f64 {
        self.crash
    }

    /// A call starts in a slot.
    #[cold]
    pub fn call_started(&mut self, call: u32) {
        let slot = call as usize;
        if slot >= self.ledgers.len() {
            self.ledgers.resize(slot + 1, Ledger::default());
        }
        self.ledgers[slot] = Ledger::default();
    }

    /// An attempt of a call is sent, the `number`-th.
    #[cold]
    pub fn sent(&mut self, attempt: u32, call: u32, number: u32) {
        let standing = Standing {
            call,
            number,
            admission: Admission::Executes,
        };
        let slot = attempt as usize;
        if slot >= self.attempts.len() {
            self.attempts.resize(slot + 1, standing);
        }
        self.attempts[slot] = standing;
    }

    /// A server takes an attempt: does it execute?
    #[cold]
    pub fn started(&mut self, attempt: u32, now: u64) {
        let standing = &mut self.attempts[attempt as usize];
        let ledger = &mut self.ledgers[standing.call as usize];
        standing.admission = self.receiver.admit(ledger, standing.number, now);
        if standing.admission == Admission::Executes {
            self.receiver.begin(ledger, standing.number, now, u64::MAX);
        }
    }

    /// It is through; what it answers, and whether the effect happened again.
    #[cold]
    pub fn finished(&mut self, attempt: u32, now: u64, crash: bool) -> (Reply, bool) {
        let standing = self.attempts[attempt as usize];
        if standing.admission != Admission::Executes {
            return (self.receiver.decline(standing.admission), false);
        }
        let ledger = &mut self.ledgers[standing.call as usize];
        let before = ledger.executions;
        ledger.release(now);
        let reply = self.receiver.complete(ledger, standing.number, now, crash);
        (reply, before > 0 && ledger.executions > before)
    }

    /// It is cut off before it is through.
    #[cold]
    pub fn aborted(&mut self, attempt: u32, now: u64) {
        let standing = self.attempts[attempt as usize];
        if standing.admission == Admission::Executes {
            self.ledgers[standing.call as usize].release(now);
        }
    }

    /// Whether a call's effect has happened.
    #[cold]
    pub fn happened(&self, call: u32) -> bool {
        self.ledgers[call as usize].executions > 0
    }
}
