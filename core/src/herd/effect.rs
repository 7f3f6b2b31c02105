//! The effect of the service's work, executed once per call if its key works.

use crate::idempotency::{Admission, Ledger, Receiver, Reply};
use crate::scenario::service::Effect;

/// The ledgers of all calls and the progress of all attempts, by slot.
#[derive(Clone)]
pub struct Effects {
    receiver: Receiver,
    crash: f64,
    ledgers: Vec<Ledger>,
    attempts: Vec<Progress>,
}

/// An attempt: whose it is, its number within its call, what its key made of it.
#[derive(Clone, Copy)]
struct Progress {
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
        let progress = Progress {
            call,
            number,
            admission: Admission::Executes,
        };
        let slot = attempt as usize;
        if slot >= self.attempts.len() {
            self.attempts.resize(slot + 1, progress);
        }
        self.attempts[slot] = progress;
    }

    /// A server takes an attempt: does it execute?
    #[cold]
    pub fn started(&mut self, attempt: u32, now: u64) {
        let progress = &mut self.attempts[attempt as usize];
        let ledger = &mut self.ledgers[progress.call as usize];
        progress.admission = self.receiver.admit(ledger, progress.number, now);
        if progress.admission == Admission::Executes {
            self.receiver.begin(ledger, progress.number, now, u64::MAX);
        }
    }

    /// It is through; what it answers, and whether the effect happened again.
    #[cold]
    pub fn finished(&mut self, attempt: u32, now: u64, crash: bool) -> (Reply, bool) {
        let progress = self.attempts[attempt as usize];
        if progress.admission != Admission::Executes {
            return (self.receiver.decline(progress.admission), false);
        }
        let ledger = &mut self.ledgers[progress.call as usize];
        let before = ledger.executions;
        ledger.release(now);
        let reply = self.receiver.complete(ledger, progress.number, now, crash);
        (reply, before > 0 && ledger.executions > before)
    }

    /// It is cut off before it is through.
    #[cold]
    pub fn aborted(&mut self, attempt: u32, now: u64) {
        let progress = self.attempts[attempt as usize];
        if progress.admission == Admission::Executes {
            self.ledgers[progress.call as usize].release(now);
        }
    }

    /// Whether a call's effect has happened.
    #[cold]
    pub fn happened(&self, call: u32) -> bool {
        self.ledgers[call as usize].executions > 0
    }
}
