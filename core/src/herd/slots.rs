//! The records of a tier: its calls, their attempts, and the slots that they stand in.
//!
//! An attempt has a slot of its own from the moment it is sent until both its caller and
//! the service are through with it; the slot's generation tells a late event from a
//! current one.

use crate::scenario::policy::Failure;

#[derive(Clone)]
pub(super) struct Call {
    pub(super) started: u64,
    /// What the jitter feeds back.
    pub(super) jitter: u64,
    /// Who calls: a caller, or the slot of an attempt at the service before.
    pub(super) caller: u32,
    pub(super) tries: u32,
    /// Attempts whose slots are still in use.
    pub(super) attempts_alive: u32,
    /// What the last retry was paid for.
    pub(super) retried: Option<Failure>,
    pub(super) ended: bool,
    /// Which of the policies in turn it is made with, and of which group of callers it is.
    pub(super) regime: u16,
    pub(super) group: u8,
    /// Whether the service has completed this call's work before.
    pub(super) worked: bool,
}

/// The next attempt of a call, where more than a retry may be on the agenda.
#[derive(Clone, Copy, Default)]
pub(super) struct Pending {
    /// Counts the times that it was put there: only the last of these is meant.
    pub(super) timer: u32,
    /// Whether it is a hedge, not yet paid for.
    pub(super) hedging: bool,
    /// Whether it is a retry that breaker and budget have let through, and what
    /// the one before was paid for.
    pub(super) paid: bool,
    pub(super) paid_before: Option<Failure>,
    /// Attempts made when a service's hint last made the backoff start afresh.
    pub(super) afresh_from: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// On its way to the service.
    Out,
    Queued,
    /// Left the queue early; its entry is still there.
    Withdrawn,
    Serving,
    /// Its own work is done; it calls the next service.
    Calling,
    /// The next service has answered, well or not, in a stall of this one.
    Answered(bool),
    /// Its answer is on its way back.
    Back(Reply),
    /// The service is through with it, and no answer will come.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Ok,
    Failed(Failure),
}

#[derive(Clone)]
pub(super) struct Attempt {
    /// When it joined the queue, or its server.
    pub(super) since: u64,
    pub(super) call: u32,
    pub(super) generation: u32,
    pub(super) phase: Phase,
    /// Whether its caller still waits for it.
    pub(super) awaited: bool,
    pub(super) retry: bool,
    /// The service knows that its caller has left.
    pub(super) cancelled: bool,
    /// It has timed out, and its answer would count still.
    pub(super) late: bool,
    /// Whether its host has counted it.
    pub(super) counted: bool,
    /// Where it is sent to.
    pub(super) host: u16,
}

/// Records in slots that are used again.
#[derive(Clone)]
pub(super) struct Slots<T> {
    pub(super) records: Vec<T>,
    pub(super) free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Slots {
            records: Vec::new(),
            free: Vec::new(),
        }
    }

    /// A slot for a new record, made by `fill` from the old one or from nothing.
    #[inline]
    pub(super) fn add(&mut self, record: impl FnOnce(Option<&T>) -> T) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                let new = record(Some(&self.records[slot as usize]));
                self.records[slot as usize] = new;
                slot
            }
            None => {
                self.records.push(record(None));
                (self.records.len() - 1) as u32
            }
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// Every record that is in use, with its slot.
    pub(super) fn used(&self) -> impl Iterator<Item = (u32, &T)> {
        let mut free = vec![false; self.records.len()];
        self.free
            .iter()
            .for_each(|slot| free[*slot as usize] = true);
        let slots = (0..).zip(&self.records).zip(free);
        slots.filter_map(|(record, free)| (!free).then_some(record))
    }
}

impl<T> std::ops::Index<u32> for Slots<T> {
    type Output = T;
    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.records[slot as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.records[slot as usize]
    }
}

impl Pending {
    /// A new call, in a slot that another one may have had.
    pub(super) fn begin(&mut self) {
        *self = Pending {
            timer: self.timer.wrapping_add(1),
            ..Pending::default()
        };
    }

    /// Whatever is on the agenda is no longer meant.
    pub(super) fn hold(&mut self) {
        self.timer = self.timer.wrapping_add(1);
        self.hedging = false;
    }
}

/// What not every engine needs to know of each slot.
#[derive(Clone)]
pub(super) struct Beside<T>(Vec<T>);

impl<T: Default> Beside<T> {
    pub(super) fn new() -> Beside<T> {
        Beside(Vec::new())
    }

    pub(super) fn of(&mut self, slot: u32) -> &mut T {
        let slot = slot as usize;
        if slot >= self.0.len() {
            self.0.resize_with(slot + 1, T::default);
        }
        &mut self.0[slot]
    }
}

/// Frees the slot of an attempt that left the queue early; says whether it had.
pub(super) fn release(attempts: &mut Slots<Attempt>, calls: &mut Slots<Call>, slot: u32) -> bool {
    let withdrawn = attempts[slot].phase == Phase::Withdrawn;
    if withdrawn {
        attempts[slot].phase = Phase::Gone;
        release_slot(attempts, calls, slot);
    }
    withdrawn
}

/// Frees the slot of an attempt that nobody is concerned with any more.
#[inline]
pub(super) fn release_slot(attempts: &mut Slots<Attempt>, calls: &mut Slots<Call>, slot: u32) {
    let attempt = &mut attempts[slot];
    attempt.generation = attempt.generation.wrapping_add(1);
    let call_slot = attempt.call;
    attempts.remove(slot);
    let call = &mut calls[call_slot];
    call.attempts_alive -= 1;
    if call.ended && call.attempts_alive == 0 {
        calls.remove(call_slot);
    }
}
