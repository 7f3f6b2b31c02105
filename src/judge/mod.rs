//! Results held to conditions, and to an earlier run.

pub mod assertion;
pub mod baseline;
pub mod settings;
