//! Replicas, quorums, and what a read is worth after a write.

pub mod cluster;
pub mod exact;
pub mod lanes;
pub mod mesh;
pub mod tally;
