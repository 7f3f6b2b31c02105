//! The waits of a policy as numbers.

use herdsim_core::scenario::policy::Policy;

/// The shortest and the longest wait before retry `k` = 1, 2, …, in seconds.
pub fn delay(policy: &Policy, k: u32) -> (f64, f64) {
    let (shortest, longest) = policy.wait_bounds(k);
    (shortest / 1e9, longest / 1e9)
}
