//! The herd: callers, their retry policy, and the service they meet.

mod agenda;
mod arrival;
// Public for the tests that hold them to the clients they stand for.
#[doc(hidden)]
pub mod backoff;
mod balance;
mod book;
#[doc(hidden)]
pub mod budget;
mod calendar;
mod caller;
mod census;
mod client;
mod counts;
mod effect;
mod engine;
mod fault;
mod fine;
#[doc(hidden)]
pub mod guard;
mod health;
mod hosts;
mod ledger;
mod limit;
mod metrics;
mod pages;
mod path;
mod peaks;
mod queue;
mod recorder;
mod resolve;
mod ring;
pub mod series;
mod server;
mod servers;
mod site;
mod slots;
mod station;
mod tier;
mod visit;
mod waves;

pub use book::{Outcome, Residue};
pub use census::{Seen, Whereabouts};
pub use counts::Counts;
pub use engine::{Engine, Herd, Running};
pub use health::{Course, Twins, Yardstick};
pub use hosts::{HostCounts, Strips};
pub use metrics::*;
pub use peaks::Peaks;
pub(crate) use resolve::LONGEST_AHEAD;
pub(crate) use series::idle;
pub use series::{Bin, Column, SERIES};
pub use waves::{Stretch, WAVES, Waves};
