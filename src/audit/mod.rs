//! Real configuration and code, read: which policies are written, what follows from them.
//!
//! ```text
//! paths -> walk -> read (sites, edges) -> the system -> rules -> findings
//! ```
//! A *site* is one place that decides something at a seam: a retry, a timeout, a quorum,
//! acknowledgements, a lease, a fence, an effect. Every field of it says how it is known.

mod backend;
mod baseline;
pub mod chains;
pub mod change;
pub mod draft;
mod explain;
pub mod files;
pub mod fixes;
mod inspect;
mod json;
mod law;
mod margin;
mod markdown;
pub mod patch;
pub mod plan;
pub mod predict;
pub mod rank;
pub mod read;
pub mod rule;
pub mod rules;
mod sarif;
mod scenario;
mod screen;
mod seams;
mod settings;
pub mod site;
pub mod situation;
mod suppress;
mod tables;
mod tell;
mod view;
mod walk;

pub use baseline::Against;
pub use explain::{explain, rules_page};
pub use inspect::Audit;
pub use json::json;
pub use markdown::markdown;
pub use sarif::sarif;
pub use scenario::scenario;
pub use screen::screen;
pub use tables::tables;
pub use view::View;
pub use walk::Request;
