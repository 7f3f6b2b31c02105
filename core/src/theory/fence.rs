//! Closed forms of a paused leader (`docs/model.md` has their derivation).
//!
//! With an exponential pause of mean m, an exponential first step of mean g, a
//! constant network delay d and takeover δ, a lease T and a renewal every
//! h ≤ T − d, the write lands at age + pause + d, and the tail of a sum that
//! starts with an exponential beyond everything else is exponential itself.

use crate::dist::Dist;
use crate::fence::{LEADER_CHANGE, LOST_UPDATE, OVERLAP, REJECTED, STALE_WRITE, UNSEEN};
use crate::metric::Key;
use crate::scenario::fence::{Fence, Guard, PauseAt};

/// The exact value of a metric of [`crate::fence::METRICS`], where there is one.
pub fn exact(fence: &Fence, guard: Guard, metric: Key) -> Option<f64> {
    // What a guard rules out needs no law at all.
    match (guard, metric) {
        (Guard::Atomic | Guard::AtomicBarrier, STALE_WRITE)
        | (Guard::AtomicBarrier, UNSEEN | LOST_UPDATE)
        | (Guard::None | Guard::RememberAfter, REJECTED) => return Some(0.0),
        _ => {}
    }
    let Dist::Exp { mean } = fence.pause else {
        return None;
    };
    let m = mean.as_secs();
    if m == 0.0 {
        return None;
    }
    let ttl = fence.ttl.as_secs();
    let h = match fence.pause_at {
        PauseAt::Random => fence.renew.as_secs(),
        PauseAt::Renewal => 0.0,
    };
    // P(age + pause > x) for x ≥ h: e^{−x/m} without an age, and with a uniform one
    // that times (e^{h/m} − 1)/(h/m), in a form that does not overflow.
    let tail = |x: f64| match h / m {
        0.0 => (-x / m).exp(),
        share if share < 1.0 => (-x / m).exp() * share.exp_m1() / share,
        share => (((h - x) / m).exp() - (-x / m).exp()) / share,
    };
    if metric == LEADER_CHANGE {
        return Some(tail(ttl));
    }
    if fence.self_check {
        return None;
    }
    let d = fence.network.constant()?.as_secs();
    if h > ttl - d {
        return None;
    }
    let overlap = tail(ttl - d);
    if metric == OVERLAP {
        return Some(overlap);
    }
    if fence.retry.is_some() {
        return None;
    }
    let delta = fence.takeover.as_ref()?.constant()?.as_secs();
    let late = (-delta / m).exp() * overlap;
    if (guard, metric) == (Guard::AtomicBarrier, REJECTED) {
        // The registration takes as long as a write.
        return Some(late * (-d / m).exp());
    }
    let g = match &fence.first_step {
        Dist::Exp { mean } => mean.as_secs(),
        _ => return None,
    };
    let after_newer = late * m / (m + g);
    let gap = fence.gap.constant().map(|gap| gap.as_secs());
    let within_gap = gap
        .filter(|gap| *gap <= ttl + delta - d - h)
        .map(|gap| after_newer * (gap / m).exp_m1());
    match (guard, metric) {
        (Guard::None | Guard::RememberAfter, STALE_WRITE) => Some(after_newer),
        (Guard::CheckThenWrite, STALE_WRITE) => within_gap,
        (Guard::None | Guard::RememberAfter | Guard::Atomic, UNSEEN) => Some(overlap - after_newer),
        (Guard::None | Guard::RememberAfter | Guard::Atomic, LOST_UPDATE) => {
            Some(late - after_newer)
        }
        (Guard::CheckThenWrite | Guard::Atomic, REJECTED) => Some(after_newer),
        _ => None,
    }
}
