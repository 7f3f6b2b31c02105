//! Closed forms of last write wins.

use statrs::function::erf::erfc;

use crate::scenario::quorum::QuorumScenario;

/// The chance that the later of two writes is lost, as it has the earlier timestamp:
/// Φ(−gap/(skew √2)), for clocks off by normal errors of that deviation.
pub fn lost_by_skew(scenario: &QuorumScenario) -> f64 {
    let skew = scenario.cluster.clock_skew.as_secs();
    let gap = scenario.cluster.write_gap.as_secs();
    match skew == 0.0 {
        true => 0.0,
        false => erfc(gap / (2.0 * skew)) / 2.0,
    }
}
