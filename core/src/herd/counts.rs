//! Running totals of a replication.

/// What of a client keeps an attempt from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The budget of retries.
    Budget,
    /// A breaker or throttle.
    Guard,
}

/// Running totals since time 0. Bins and windows are differences of two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls started.
    pub calls: u64,
    /// Calls that ended well, and that ended otherwise.
    pub ok: u64,
    pub failed: u64,
    /// Calls that are judged, and how many of them have ended well, and otherwise.
    pub judged: u64,
    pub judged_ok: u64,
    pub judged_failed: u64,
    /// Of the former those that their first attempt answered.
    pub judged_first_try: u64,
    /// Judged calls that ended because their client's budget denied a retry, and because
    /// its breaker or throttle let no further attempt out.
    pub judged_no_budget: u64,
    pub judged_held_back: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Attempts that arrived at the service, and how many of them were retries.
    pub offered: u64,
    pub offered_retries: u64,
    /// Attempts by how they failed for their callers.
    pub errors: u64,
    pub rejected: u64,
    pub refused: u64,
    pub reset: u64,
    pub timed_out: u64,
    /// Retries that budget or breaker denied.
    pub denied: u64,
    /// Attempts that the client's own breaker or throttle did not let out.
    pub denied_attempts: u64,
    /// Calls answered at their first attempt.
    pub first_try: u64,
    /// Attempts withdrawn by their callers, and skipped by the service.
    pub cancelled: u64,
    pub dropped: u64,
    /// Attempts that left a server, and those of them whose caller had left.
    pub served: u64,
    pub wasted: u64,
    /// Time that these were in service, in ns.
    pub served_ns: u128,
    pub wasted_ns: u128,
    /// Times the same call's work was completed again.
    pub duplicates: u64,
    /// Times the effect of the same call's work happened again, and calls that
    /// were told that it had happened when it had not.
    pub double_effects: u64,
    pub phantom_effects: u64,
    /// ∫ waiting attempts dt, ∫ busy servers dt, ∫ outstanding calls dt, in ns.
    pub queue_ns: u128,
    pub busy_ns: u128,
    pub calls_ns: u128,
    /// Time that attempts spent waiting, by the time they left the queue.
    pub waited_ns: u128,
    /// Time that calls took, by the time they ended.
    pub ended_ns: u128,
    /// Time that judged calls took which did not end well.
    pub given_up_ns: u128,
}

/// Every field of two of them, put together.
macro_rules! each {
    ($a:expr, $op:tt, $b:expr) => {
        each!(
            $a, $op, $b,
            calls, ok, failed, judged, judged_ok, judged_failed,
            judged_first_try, judged_no_budget, judged_held_back, attempts,
            offered, offered_retries, errors, rejected, refused, reset,
            timed_out, denied, denied_attempts, first_try, cancelled, dropped,
            served, wasted, served_ns, wasted_ns, duplicates, double_effects,
            phantom_effects, queue_ns, busy_ns, calls_ns, waited_ns, ended_ns,
            given_up_ns
        )
    };
    ($a:expr, $op:tt, $b:expr, $($field:ident),*) => {
        Counts { $($field: $a.$field $op $b.$field),* }
    };
}

impl Counts {
    /// What was added since `then`.
    pub(super) fn since(&self, then: &Counts) -> Counts {
        each!(self, -, then)
    }

    pub(super) fn add(&mut self, more: &Counts) {
        *self = each!(self, +, more);
    }
}
