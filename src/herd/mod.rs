//! The herd: callers, their retry policy, and the service they meet.

pub mod agenda;
mod arrival;
mod effect;
mod engine;
pub mod fault;
mod metrics;
pub mod policy;
mod service;

pub use engine::Herd;
pub use metrics::{
    Bin, Counts, METRICS, Metrics, Outcome, Residue, SERIES, is_share, new_histogram,
};
