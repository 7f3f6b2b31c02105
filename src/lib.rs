//! herdsim: what a retry policy does when a service blips.
//!
//! A [`scenario`] says what to simulate, [`herd`], [`fence`] and [`saga`] run
//! one replication of it, [`ensemble`] runs many and sums them up, [`theory`]
//! knows what some of it should come to, [`output`] and [`chart`] write what
//! came of it. [`sweep`] does so over a grid. [`cli`] is the command.
//!
//! ```
//! use herdsim::ensemble::herd::run;
//! use herdsim::output::verdict::verdict;
//! use herdsim::scenario::Scenario;
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
//! let pool = rayon::ThreadPoolBuilder::new().build()?;
//! let results = run(&scenario, &pool, &Default::default(), |_, _| ());
//! assert_eq!(results.policies[0].metric("recovered_ratio").mean, 0.0);
//! assert_eq!(results.policies[1].metric("recovered_ratio").mean, 1.0);
//! println!("{}", verdict(&results));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod chart;
pub mod cli;
pub mod dist;
pub mod ensemble;
pub mod fence;
pub mod herd;
pub mod output;
pub mod quorum;
pub mod report;
pub mod saga;
pub mod scenario;
pub mod streams;
pub mod sweep;
pub mod theory;
pub mod units;
