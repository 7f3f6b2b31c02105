//! The simulated world of herdsim: what a retry policy, a quorum setting, a fencing check
//! and a compensation do when a service blips.
//!
//! A [`scenario`] says what to simulate; [`herd`], [`quorum`], [`fence`] and [`saga`] run
//! one replication of it, a pure function of its random [`streams`]; [`ensemble`] runs
//! many, on every core, and sums them up with intervals; [`theory`] knows what some of it
//! should come to, and [`edge`]
//! searches for where it tips. There is no terminal here, no chart, and no file but those that a
//! scenario names.
//!
//! ```
//! use herdsim_core::ensemble::{Workers, herd};
//! use herdsim_core::herd::RECOVERED_RATIO;
//! use herdsim_core::scenario::Scenario;
//!
//! let scenario = Scenario::parse(
//!     "small.toml",
//!     r#"
//!     compare = ["fixed", "budget"]
//!     run = { replications = 3, horizon = "30s" }
//!     callers = { count = 500 }
//!     service = { servers = 10, queue = 500 }
//!     "#,
//! )?;
//! let results = herd::run(&scenario, &Workers::new(2)?)?;
//! assert_eq!(results.policies[0].metric(RECOVERED_RATIO).mean, 0.0);
//! assert_eq!(results.policies[1].metric(RECOVERED_RATIO).mean, 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod dist;
mod dist_text;
pub mod edge;
pub mod ensemble;
pub mod fence;
pub mod herd;
pub mod histogram;
pub mod idempotency;
pub mod input;
pub mod metric;
pub mod quorum;
pub mod saga;
pub mod scenario;
pub mod stats;
pub mod streams;
pub mod theory;
pub mod units;
pub mod value;
pub mod world;
