//! The herd: callers, their retry policy, and the service they meet.

pub mod agenda;
mod arrival;
pub mod backoff;
pub mod budget;
mod effect;
mod engine;
pub mod fault;
pub mod guard;
mod hop;
mod metrics;
mod service;
mod waves;

pub use engine::Herd;
pub use metrics::{
    Bin, Counts, METRICS, Metrics, Outcome, Residue, SERIES, is_share, new_histogram,
};
pub use waves::{Stretch, WAVES, Waves};
