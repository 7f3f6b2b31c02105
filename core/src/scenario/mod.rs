//! What to simulate: plain data, its defaults, and reading it with places.
//!
//! ```
//! use herdsim_core::scenario::{Overlay, Scenario};
//!
//! let mut overlay = Overlay::default();
//! overlay.file("blip.toml", "[service]\nservers = 80\n")?;
//! overlay.set("service.queue=1_000")?;
//! let scenario = Scenario::from_overlay(&overlay)?;
//! assert_eq!(scenario.entry().pool().map(|pool| pool.servers), Some(80));
//! assert_eq!(scenario.policies.len(), 3); // fixed, full-jitter, budget
//! # Ok::<(), herdsim_core::scenario::Problem>(())
//! ```

pub mod action;
pub mod callers;
pub mod catalogue;
mod data_files;
mod document;
pub mod fault;
pub mod fence;
mod fields;
mod herd;
pub mod hosts;
pub mod idempotency;
mod job;
mod overlay;
pub mod policy;
pub mod quorum;
pub mod saga;
pub mod service;
pub mod sweep;

pub use document::{Kind, Node, Place, Problem, Section, Source, Table};
pub use fields::Trials;
pub use herd::{Run, Scenario, ScenarioKind};
pub use job::{Job, JobKind};
pub use overlay::{Condition, Overlay};
