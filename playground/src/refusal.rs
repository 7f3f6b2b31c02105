//! Why a page has no answer.

use herdsim_core::scenario::Problem;

/// Why there is no answer.
pub enum Refusal {
    /// The text says nothing that can be meant.
    Problem(Problem),
    /// It can be meant, and not here: what it would take.
    Elsewhere { why: String, command: &'static str },
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Refusal::Problem(problem)
    }
}
