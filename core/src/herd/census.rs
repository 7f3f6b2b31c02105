//! Who is where at one instant of a replication.

use crate::herd::slots::{Attempt, Call, Phase, Slots};

/// Where a call, or an attempt of it, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whereabouts {
    /// The call waits for an attempt that is not at the service: on its way there or back, lost,
    /// or calling the next service without a server.
    OnTheWay,
    /// The call has no attempt that it waits for: its next one is to come.
    BackingOff,
    /// The attempt waits for a server.
    Waiting,
    /// The same, of which nobody awaits the answer any more.
    WaitingInVain,
    /// The attempt has a server.
    Served,
    /// The same, of which nobody awaits the answer any more.
    ServedInVain,
}

/// One that is somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose it is, counted through all groups of callers.
    pub caller: u32,
    pub at: Whereabouts,
    /// When it came there, in ns; of who is not at the service, when the call started.
    pub since: u64,
}

/// Every attempt at a service, and every call under way that has none there: callers who are
/// not among them have no call under way.
///
/// So many wait and are served as the levels behind `queue_length` and `busy_servers` say.
pub(super) fn census(
    calls: &Slots<Call>,
    attempts: &Slots<Attempt>,
    frees_server: bool,
    first: impl Fn(u8) -> u32,
) -> Vec<Seen> {
    let caller = |call: &Call| first(call.group) + call.caller;
    let mut seen = Vec::new();
    let mut arrived = vec![false; calls.records.len()];
    let mut travels = arrived.clone();
    for (_, attempt) in attempts.used() {
        let awaited = attempt.awaited;
        let phase = match attempt.phase {
            // Its server serves somebody else meanwhile.
            Phase::Calling | Phase::Answered(_) if frees_server => Phase::Out,
            phase => phase,
        };
        let at = match (phase, awaited) {
            (Phase::Queued, true) => Whereabouts::Waiting,
            (Phase::Queued, false) => Whereabouts::WaitingInVain,
            (Phase::Serving | Phase::Calling | Phase::Answered(_), true) => Whereabouts::Served,
            (Phase::Serving | Phase::Calling | Phase::Answered(_), false) => {
                Whereabouts::ServedInVain
            }
            // Nobody tells who waits for it that it is lost.
            (Phase::Out | Phase::Back(_) | Phase::Gone, true) => {
                travels[attempt.call as usize] = true;
                continue;
            }
            (Phase::Out | Phase::Back(_) | Phase::Gone, false) | (Phase::Withdrawn, _) => continue,
        };
        arrived[attempt.call as usize] |= awaited;
        seen.push(Seen {
            caller: caller(&calls[attempt.call]),
            at,
            since: attempt.since,
        });
    }
    for (slot, call) in calls.used() {
        if call.ended || arrived[slot as usize] {
            continue;
        }
        seen.push(Seen {
            caller: caller(call),
            at: match travels[slot as usize] {
                true => Whereabouts::OnTheWay,
                false => Whereabouts::BackingOff,
            },
            since: call.started,
        });
    }
    seen
}
