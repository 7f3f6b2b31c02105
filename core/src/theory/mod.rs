//! Closed forms that stand beside simulated numbers, so that each checks the other.

pub mod budget;
pub mod fence;
pub mod herd;
pub mod quorum;
pub mod saga;
