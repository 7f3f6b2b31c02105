//! What staleness without trials is made of: `docs/model.md` has the derivation.
//!
//! With U = W + A of a write, L = R + S of a read, τ the W-th smallest of
//! N − R copies of U and ℓ the smallest of N − R copies of L,
//!
//! P(stale at t) = C(N, R) ∫ dF_τ(u) G(u + t),  G(x) = ∫ dF_ℓ(l) H(x, l)^R,
//! H(x, l) = P(R + S < l, W > x + R),
//!
//! and where only R replicas are asked, P = ∫ dF_τ(u) K(u + t)^R with
//! K(x) = P(W > x + R).

use crate::dist::Dist;
use crate::scenario::quorum::Latency;

/// The four delays of a replica: write out, acknowledgement, read out, reply.
#[derive(Clone, Copy, Debug)]
pub struct Legs<'d> {
    pub write_out: &'d Dist,
    pub ack: &'d Dist,
    pub read_out: &'d Dist,
    pub reply: &'d Dist,
}

impl<'d> Legs<'d> {
    pub fn of(latency: &'d Latency) -> Legs<'d> {
        Legs {
            write_out: &latency.write_out,
            ack: &latency.ack,
            read_out: &latency.read_out,
            reply: &latency.reply,
        }
    }
}

/// How fine the meshes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fineness {
    /// Nodes a panel.
    pub(super) order: usize,
    /// What is left out beyond the last panel.
    pub(super) tail: f64,
    /// The share by which what is summed may change over a block of measured values.
    pub(super) block: f64,
}

impl Fineness {
    /// Relative errors of 10⁻⁵ at most.
    pub const USUAL: Fineness = Fineness {
        order: 8,
        tail: 1e-8,
        block: 0.015,
    };
    /// Of 10⁻⁸, where the laws are smooth.
    pub const FINE: Fineness = Fineness {
        order: 14,
        tail: 1e-13,
        block: 0.01,
    };

    /// Half the nodes, near enough: the difference tells the error of the other.
    pub fn coarser(self) -> Fineness {
        Fineness {
            order: self.order * 5 / 8,
            tail: self.tail * 1e2,
            block: self.block * 2.0,
        }
    }
}

/// There are too many steps for a quadrature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its measured values have too many sums for a quadrature")]
pub struct TooManySteps;

/// P(at least `k` of `n`), each with probability `p`.
pub fn at_least(n: u32, k: u32, p: f64) -> f64 {
    (k..=n).map(|i| exactly(n, i, p)).sum::<f64>().min(1.0)
}

/// P(exactly `k` of `n`), each with probability `p`.
pub fn exactly(n: u32, k: u32, p: f64) -> f64 {
    choose(n, k) * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
}

/// n over k.
pub fn choose(n: u32, k: u32) -> f64 {
    let (n, k) = (f64::from(n), k.min(n - k));
    (0..k).fold(1.0, |all, i| {
        all * (n - f64::from(i)) / (f64::from(i) + 1.0)
    })
}

/// P(fewer than `k` of `n` are in time), each late with probability `late`:
/// accurate where that is small.
pub fn too_few(n: u32, k: u32, late: f64) -> f64 {
    at_least(n, n - k + 1, late)
}
