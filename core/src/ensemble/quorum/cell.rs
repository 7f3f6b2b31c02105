//! One setting with all that is known of it.

use crate::scenario::quorum::Wait;
use crate::stats::Estimate;

/// Quantiles of latencies that are told: P(longer).
pub const LATENCIES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.01), ("p999", 0.001)];

/// How a cell's chances were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By quadrature, or because quorums meet.
    Exact,
    /// Simulated, the last step weighed by its chance.
    Conditional,
    /// Counted.
    Simulated,
}

impl Found {
    pub fn name(self) -> &'static str {
        match self {
            Found::Exact => "exact",
            Found::Conditional => "conditional",
            Found::Simulated => "simulated",
        }
    }
}

/// P(stale) at one t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// In seconds.
    pub t: f64,
    pub exact: Option<f64>,
    /// Simulated with the last step weighed, or [`Estimate::NONE`].
    pub weighed: Estimate,
    /// Counted, or [`Estimate::NONE`].
    pub simulated: Estimate,
    /// Of writes that failed: the share of reads that see them all the same.
    pub visible: Estimate,
}

impl Point {
    /// The best that is known; exact values have no width.
    pub fn best(&self) -> Estimate {
        match self.exact {
            Some(p) => Estimate::certain(p),
            None => self.estimate(),
        }
    }

    /// The best by simulation.
    pub fn estimate(&self) -> Estimate {
        match self.weighed.n {
            0 => self.simulated,
            _ => self.weighed,
        }
    }
}

/// One setting (N, R, W) with all that is known of it; times in seconds.
#[derive(Clone, Debug)]
pub struct Cell {
    pub name: String,
    pub n: u32,
    pub r: Wait,
    pub w: Wait,
    pub found: Found,
    /// Relative error of the quadrature, by its own estimate.
    pub error: Option<f64>,
    /// Whether every read quorum meets every write quorum, and every write
    /// quorum every other.
    pub always_fresh: bool,
    pub writes_meet: bool,
    pub points: Vec<Point>,
    /// By level, the t from which on so many reads are fresh: value, low, high.
    pub visibility: Vec<(f64, [Option<f64>; 3])>,
    /// At the quantiles of [`LATENCIES`].
    pub read_latency: [f64; 3],
    pub write_latency: [f64; 3],
    /// 95% intervals of these, reads first: of no width where they are computed.
    pub latency_ci: [[[f64; 2]; 3]; 2],
    /// P(the last k versions are all missed), k = 1, 2, …, and C(N−W, R)/C(N, R) to
    /// the power of k, PBS's figure without delays.
    pub versions: Vec<(Estimate, f64)>,
    /// A client's next read does not know what its first, right after the commit, did.
    pub backwards: Estimate,
    pub failed_writes: Estimate,
    pub failed_reads: Estimate,
    /// Chance of enough replicas, each up with 1 − `down`.
    pub available: [f64; 2],
    pub down: f64,
    /// Replicas that may fail before reads, and before writes, are no longer possible.
    pub resilience: [u32; 2],
    /// Share of operations that a replica serves, at best, and its inverse.
    pub load: f64,
    pub capacity: f64,
}

impl Cell {
    /// Which of the points is at a t in seconds.
    pub fn point_at(&self, t: f64) -> Option<usize> {
        self.points.iter().position(|p| (p.t - t).abs() < 1e-12)
    }

    /// The best estimate of P(stale) at a t in seconds that is among the points.
    pub fn stale_at(&self, t: f64) -> Option<Estimate> {
        Some(self.points[self.point_at(t)?].best())
    }

    /// How far simulation and quadrature are apart at the k-th t, in standard errors.
    pub fn z(&self, k: usize) -> Option<f64> {
        let point = &self.points[k];
        let p = point.exact?;
        let e = point.estimate();
        let error = match point.weighed.n {
            0 => (p * (1.0 - p) / e.n as f64).sqrt(),
            n => e.sd / (n as f64).sqrt(),
        };
        (e.n > 0 && error > 0.0).then(|| (e.mean - p) / error)
    }

    /// What an operation costs: the p99 of reads and writes by their shares.
    pub fn cost(&self, read_share: f64) -> f64 {
        read_share * self.read_latency[1] + (1.0 - read_share) * self.write_latency[1]
    }
}
