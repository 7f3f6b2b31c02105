//! Replicas, quorums, and what a read is worth after a write.

pub mod exact;
pub mod mesh;
