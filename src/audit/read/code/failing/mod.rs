//! A loop, played through as if every attempt failed, and as if the first succeeded: how many
//! attempts it makes, and how long it waits between them.
//!
//! Numbers are followed exactly, random ones as the interval that they are drawn from, clocks
//! by the time that the waits take. Whatever cannot be followed is unknown, with its reason.

mod calls;
mod eval;
mod flow;
mod platform;
mod player;
mod words;

use super::ir::Function;
use super::project::CodeFile;
use super::values::{Loc, Value, Values};
use player::Val;
pub use player::{End, Mode, Played, Player, Trace};
pub use words::{promised, sleeps, waits};

/// What a function of one number gives for it: the interval of a wait, in seconds, where a bare
/// number counts `unit` of them.
pub fn call<'p>(
    values: Values<'p>,
    file: &'p CodeFile,
    function: &'p Function,
    k: f64,
    unit: f64,
) -> Option<(f64, f64)> {
    let mut player = Player::new(values, file, Mode::Failing);
    for (at, param) in function.params.iter().enumerate() {
        let value = match at {
            0 => Val::number(k),
            _ => Val::unknown(format!("`{}` is a parameter", param.name)),
        };
        player.vars.insert(param.name.clone(), value);
    }
    match player.returned(&function.body)? {
        Val::Known(Value::Seconds(s)) => Some((s, s)),
        other => other.interval().map(|(a, b)| (a * unit, b * unit)),
    }
}

/// What an expression is worth where these names stand for a number.
///
/// `own` are attributes with their values.
pub fn with<'p>(
    values: Values<'p>,
    loc: Loc<'p>,
    names: &[&str],
    k: f64,
    own: &[(String, f64)],
) -> Option<(f64, f64)> {
    let mut player = Player::new(values, loc.file, Mode::Failing);
    for name in names {
        player.vars.insert((*name).to_string(), Val::number(k));
    }
    for (name, value) in own {
        player.vars.insert(name.clone(), Val::number(*value));
    }
    // What was set on the way there.
    if let Some(around) = loc.file.around(loc.expr.span.start).last() {
        player.before(&around.function.body, loc.expr.span.start);
    }
    player.eval(loc.expr).interval()
}
