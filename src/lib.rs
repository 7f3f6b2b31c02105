#![forbid(unsafe_code)]

pub mod chart;
pub mod cli;
pub mod dist;
pub mod ensemble;
pub mod herd;
pub mod output;
pub mod scenario;
pub mod streams;
pub mod units;
