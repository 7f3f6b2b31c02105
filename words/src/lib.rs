//! What results say: one table for every kind of run ([`results`]), what they mean in
//! sentences ([`verdict`]), and how numbers are written ([`mod@format`]).
//!
//! Nothing here draws, writes a file or knows a terminal's width but by being told: what a
//! run says is the same wherever it is read.
#![forbid(unsafe_code)]

pub mod format;
pub mod results;
pub mod text_table;
pub mod verdict;
