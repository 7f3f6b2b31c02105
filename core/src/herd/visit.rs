//! Calls and the outcomes of their attempts on the fast path.

use crate::herd::calendar::{NEVER, Timed};
use crate::scenario::policy::Failure;

/// What not every call has to remember of its attempts.
#[derive(Clone, Copy, Default)]
pub(super) struct Memory {
    /// What the jitter feeds back.
    pub jitter: u64,
    /// What the last retry was paid for.
    pub retried: Option<Failure>,
}

/// Calls that remember that, or nothing.
pub(super) trait Remember: Copy + Default + Send + Sync {
    /// Whether there may be a budget.
    const ALL: bool;
    fn recall(&self) -> Memory;
    fn keep(&mut self, memory: Memory);
}

impl Remember for Memory {
    const ALL: bool = true;
    fn recall(&self) -> Memory {
        *self
    }
    fn keep(&mut self, memory: Memory) {
        *self = memory;
    }
}

impl Remember for () {
    const ALL: bool = false;
    fn recall(&self) -> Memory {
        Memory::default()
    }
    fn keep(&mut self, _: Memory) {}
}

/// A call, whose next attempt reaches the service at `time`.
#[derive(Clone, Copy, Default)]
pub(super) struct Visit<M> {
    pub time: u64,
    pub started: u64,
    /// When the service is first done with the work of this call; 0 if it never is.
    pub done: u64,
    pub caller: u32,
    /// Attempts sent, this one included.
    pub tries: u32,
    pub memory: M,
}

impl<M: Copy> Timed for Visit<M> {
    fn time(&self) -> u64 {
        self.time
    }
}

/// A call that hears at `call.time` what has become of its attempt: no failure, or which.
#[derive(Clone, Copy, Default)]
pub(super) struct Heard<M> {
    pub call: Visit<M>,
    pub failure: Option<Failure>,
}

/// What a service makes of an attempt, and when.
pub(super) struct Reply {
    pub failure: Option<Failure>,
    pub at: u64,
}

impl Reply {
    /// There is none.
    pub const NEVER: Reply = Reply {
        failure: None,
        at: NEVER,
    };

    pub fn failed(failure: Failure, at: u64) -> Reply {
        Reply {
            failure: Some(failure),
            at,
        }
    }
}

impl<M: Copy> Timed for Heard<M> {
    fn time(&self) -> u64 {
        self.call.time
    }
}

/// What happens next, in the order in which simultaneous events run: as the event engine has
/// it, where what failed first is tried again first.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Source {
    /// The outcome of an attempt, where that decides something.
    Heard,
    /// An attempt that was waited for in vain, where that does.
    Expired,
    /// A retry that comes in no order: after a random delay, an error or a reset.
    Retry,
    /// Retries after a constant delay come in order after failures of one kind, timeouts or
    /// what is turned away: these after the kind of which simultaneous ones happen first.
    Sooner,
    /// And these after the other.
    Later,
    /// A first attempt that comes out of the network.
    First,
    /// The same as [`Source::Expired`], where attempts come out of the network: before it.
    Overdue,
    /// A call starts.
    Call,
}

pub(super) const SOURCES: [Source; 8] = [
    Source::Heard,
    Source::Expired,
    Source::Retry,
    Source::Sooner,
    Source::Later,
    Source::First,
    Source::Overdue,
    Source::Call,
];
