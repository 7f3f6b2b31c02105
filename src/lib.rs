//! herdsim: what a retry policy does when a service blips.
//!
//! The simulated world is the crate [`herdsim_core`]: a [`scenario`](herdsim_core::scenario)
//! says what to simulate, an [`ensemble`](herdsim_core::ensemble) runs it. Here is what is
//! made of it. What results say, as tables and in sentences, is the crate [`herdsim_words`]; here
//! they are held to conditions ([`judge`]), as files (`output`), charts
//! ([`chart`]) and documents ([`report`]). [`study`] knows the kinds, [`sweep`] runs grids,
//! [`run`] goes from a scenario to a directory, [`cli`] is the command.
#![forbid(unsafe_code)]

pub mod audit;
pub mod chart;
pub mod cli;
mod init;
pub mod judge;
mod markdown;
pub mod measured;
mod output;
mod playground;
pub mod report;
pub mod run;
mod schema;
pub mod study;
pub mod sweep;
