//! Replicas, quorums, and what a read is worth after a write.

pub(crate) mod cluster;
pub(crate) mod counts;
// Public for the tests and benchmarks that look into them.
#[doc(hidden)]
pub mod exact;
mod meshes;
mod quadrature;
pub(crate) mod sets;
#[doc(hidden)]
pub mod simd;
mod steps;
#[doc(hidden)]
pub mod tables;
