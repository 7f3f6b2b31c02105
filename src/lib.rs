#![forbid(unsafe_code)]

pub mod dist;
pub mod ensemble;
pub mod herd;
pub mod scenario;
pub mod streams;
pub mod units;
