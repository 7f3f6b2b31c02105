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
mod recorder;
pub mod series;
mod service;
mod waves;

pub use engine::Herd;
pub use metrics::*;
pub use recorder::{Counts, Outcome, Residue};
pub(crate) use series::idle;
pub use series::{Bin, Column, SERIES};
pub use waves::{Stretch, WAVES, Waves};
