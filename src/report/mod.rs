//! A run as a document: a section to paste into a postmortem, and a page to send.

pub mod edge;
pub mod herd;
mod html;
mod markdown;
pub mod quorum;
mod story;
pub mod sweep;

pub use html::html;
pub use markdown::{conditions, markdown};
pub use story::{Part, Story};
