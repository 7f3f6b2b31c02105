//! The engine on a page: questions in JSON, answered in JSON.
//!
//! Built for WebAssembly, the page writes a question to [`input`], calls [`ask`] and reads the
//! answer at [`output`]: no binding generator, no import. The same [`answer`] can be called
//! natively, which is how tests hold the two to each other.
//!
//! | question | answer |
//! |---|---|
//! | `read` | what a scenario says, and the controls that move it |
//! | `move` | its text with one control moved |
//! | `run` | what it comes to: sentences, tables, the time series |
//! | `film` | who is where, instant by instant, in its first replication |
//! | `presets` | scenarios to begin with, and the policies of the catalogue |

mod control;
mod film;
mod presets;
mod refusal;
mod scale;
mod text;
mod told;

use std::cell::RefCell;

use herdsim_core::scenario::Problem;
use refusal::Refusal;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What a page asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
enum Question {
    Read {
        text: String,
        /// The policy whose controls are wanted; the first where it has none of that name.
        policy: Option<String>,
    },
    Move {
        text: String,
        policy: String,
        control: String,
        to: String,
    },
    Run {
        text: String,
        /// As many replications, instead of those that the scenario asks for.
        replications: Option<u64>,
        /// Whether a tenth of the callers before a tenth of the servers will do.
        #[serde(default)]
        small: bool,
        /// Whether the metrics of every replication are wanted.
        #[serde(default)]
        raw: bool,
    },
    Film {
        text: String,
        policy: String,
    },
    Presets {},
}

/// Answers a question in JSON by JSON: what was asked for, or `problem`, or `elsewhere`.
pub fn answer(question: &str) -> String {
    let answer = match serde_json::from_str(question) {
        Ok(question) => told(question),
        Err(e) => Err(Refusal::Problem(Problem::new(format!("no question: {e}")))),
    };
    let answer = answer.unwrap_or_else(|refusal| match refusal {
        Refusal::Problem(problem) => json!({ "problem": text::problem(&problem) }),
        Refusal::Elsewhere { why, command } => {
            json!({ "elsewhere": { "why": why, "command": command } })
        }
    });
    answer.to_string()
}

fn told(question: Question) -> Result<Json, Refusal> {
    match question {
        Question::Read { text, policy } => control::read(&text, policy.as_deref()),
        Question::Move {
            text,
            policy,
            control,
            to,
        } => control::moved(&text, &policy, &control, &to),
        Question::Run {
            text,
            replications,
            small,
            raw,
        } => told::run(&text, replications, small, raw),
        Question::Film { text, policy } => film::film(&text, &policy),
        Question::Presets {} => presets::presets(),
    }
}

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room for a question of so many bytes; where it is.
// The attribute only says that its name is its own.
#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        input.clear();
        input.resize(bytes, 0);
        input.as_mut_ptr()
    })
}

/// Answers the question in the input; how many bytes the answer has.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> usize {
    let question = INPUT.with_borrow(|input| String::from_utf8_lossy(input).into_owned());
    let answer = answer(&question).into_bytes();
    OUTPUT.with_borrow_mut(|output| {
        *output = answer;
        output.len()
    })
}

/// Where the answer is.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    OUTPUT.with_borrow(|output| output.as_ptr())
}
