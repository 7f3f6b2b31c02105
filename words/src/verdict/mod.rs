//! What results mean, in sentences, titles and tables for people: a file or folder a kind.

pub mod curves;
pub mod edge;
pub mod fence;
pub mod herd;
pub mod quorum;
pub mod saga;
pub mod sequence;
pub mod sweep;
