//! The effect of the service's work, executed once per call if its key works.

use crate::saga::{Admission, Ledger, Receiver, Reply};
use crate::scenario::service::Effect;

/// The ledgers of all calls, by slot.
pub struct Effects {
    receiver: Receiver,
    crash: f64,
    ledgers: Vec<Ledger>,
}

impl Effects {
    pub fn new(effect: &Effect) -> Effects {
        Effects {
            receiver: Receiver {
                mode: effect.key,
                retention: effect.retention,
            },
            crash: effect.crash.0,
            ledgers: Vec::new(),
        }
    }

    /// The chance that an execution crashes between effect and record.
    pub fn crash(&self) -> f64 {
        self.crash
    }

    /// A call starts in a slot.
    pub fn call_started(&mut self, call: u32) {
        let slot = call as usize;
        if slot >= self.ledgers.len() {
            self.ledgers.resize(slot + 1, Ledger::default());
        }
        self.ledgers[slot] = Ledger::default();
    }

    /// A server takes an attempt of a call: does it execute?
    pub fn started(&mut self, call: u32, attempt: u32, now: u64) -> Admission {
        let ledger = &mut self.ledgers[call as usize];
        let admission = self.receiver.admit(ledger, attempt, now);
        if admission == Admission::Executes {
            self.receiver.begin(ledger, attempt, now, u64::MAX);
        }
        admission
    }

    /// It is through; what it answers, and whether the effect happened again.
    pub fn finished(
        &mut self,
        call: u32,
        attempt: u32,
        admission: Admission,
        now: u64,
        crash: bool,
    ) -> (Reply, bool) {
        if admission != Admission::Executes {
            return (self.receiver.decline(admission), false);
        }
        let ledger = &mut self.ledgers[call as usize];
        let before = ledger.executions;
        ledger.release(now);
        let reply = self.receiver.complete(ledger, attempt, now, crash);
        (reply, before > 0 && ledger.executions > before)
    }

    /// It is cut off before it is through.
    pub fn aborted(&mut self, call: u32, admission: Admission, now: u64) {
        if admission == Admission::Executes {
            self.ledgers[call as usize].release(now);
        }
    }

    /// Whether a call's effect has happened.
    pub fn happened(&self, call: u32) -> bool {
        self.ledgers[call as usize].executions > 0
    }
}
