//! Fields that several kinds of scenario share, and how they are read.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::document::{Node, Problem, Section, Table};
use crate::units::Nanos;
use crate::value::Value;

/// How often something simple is tried, from which seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trials {
    pub seed: u64,
    /// Independent trials.
    pub replications: u64,
}

pub(super) fn trials(table: &Table, default: u64) -> Result<Trials, Problem> {
    let mut s = Section::new(table);
    let trials = Trials {
        seed: count(&mut s, "seed", 1, 0..=i64::MAX as u64)?,
        replications: count(&mut s, "replications", default, 1..=1_000_000_000_000)?,
    };
    s.finish()?;
    Ok(trials)
}

/// The name of a scenario.
pub(super) fn named(top: &mut Section<'_>, default: &str) -> Result<String, Problem> {
    match top.node("name") {
        Some(node) => scenario_name(node),
        None => Ok(default.to_string()),
    }
}

/// Pairs as a map, in their order.
pub(super) fn as_map<T: Serialize, S: Serializer>(
    policies: &[(String, T)],
    s: S,
) -> Result<S::Ok, S::Error> {
    let mut map = s.serialize_map(Some(policies.len()))?;
    for (name, policy) in policies {
        map.serialize_entry(name, policy)?;
    }
    map.end()
}

/// The name of a scenario, which makes a directory.
fn scenario_name(node: &Node) -> Result<String, Problem> {
    plain_name("a scenario's name", node)
        .map_err(|e| e.help("it becomes the directory of the results"))
}

/// A name that can stand in a file name, a column, a chart and a condition.
pub(super) fn plain_name(what: &str, node: &Node) -> Result<String, Problem> {
    let name = node.text()?;
    match unfit(name) {
        None => Ok(name.to_string()),
        Some(reason) => Err(Problem::new(format!("{what} {reason}")).at(Some(node.place.clone()))),
    }
}

/// What keeps a text from being a name, if anything does.
pub(super) fn unfit(name: &str) -> Option<String> {
    const LONGEST: usize = 100;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let length = name.chars().count();
    match name {
        "" => Some("is empty".to_string()),
        _ if !name.chars().all(plain) => {
            Some("is letters, digits, `-`, `_` and `.`, of ASCII".to_string())
        }
        _ if length > LONGEST => Some(format!(
            "has at most {LONGEST} characters, this one has {length}"
        )),
        _ if name.starts_with(['.', '-']) => {
            Some("begins with a letter, a digit or `_`".to_string())
        }
        _ => None,
    }
}

/// A whole number within bounds.
pub(super) fn count(
    section: &mut Section<'_>,
    key: &'static str,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<u64, Problem> {
    let value = section.read(key)?.unwrap_or(default);
    if bounds.contains(&value) {
        Ok(value)
    } else if value < *bounds.start() {
        Err(
            Problem::new(format!("`{key}` must be at least {}", bounds.start()))
                .at(section.place(key)),
        )
    } else {
        Err(Problem::new(format!("`{key}` can be at most {}", bounds.end())).at(section.place(key)))
    }
}

pub(super) const MOST: u64 = u32::MAX as u64 - 1;

pub(super) fn count_u32(
    section: &mut Section<'_>,
    key: &'static str,
    default: u64,
    least: u64,
) -> Result<u32, Problem> {
    Ok(count(section, key, default, least..=MOST)? as u32)
}

pub(super) fn above_zero(section: &Section<'_>, key: &str, value: Nanos) -> Result<Nanos, Problem> {
    if value == Nanos::ZERO {
        return Err(Problem::new(format!("`{key}` must be longer than 0")).at(section.place(key)));
    }
    Ok(value)
}

/// A table, or `none`.
pub(super) fn optional<T>(
    node: Option<&Node>,
    read: impl Fn(&Node) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    match node {
        None => Ok(None),
        Some(node) if node.is_word("none") => Ok(None),
        Some(node) => read(node).map(Some),
    }
}

/// A duration above 0, or `none` for no limit; the outer `None` where the key is absent.
pub(super) fn time_limit(
    s: &mut Section<'_>,
    key: &'static str,
) -> Result<Option<Option<Nanos>>, Problem> {
    let Some(node) = s.node(key) else {
        return Ok(None);
    };
    if node.is_word("none") {
        return Ok(Some(None));
    }
    let limit = above_zero(s, key, node.read()?)?;
    Ok(Some(Some(limit)))
}

/// A field without which `what` makes no sense.
pub(super) fn needed<T: Value>(
    s: &mut Section<'_>,
    node: &Node,
    key: &'static str,
    what: &str,
    help: &str,
) -> Result<T, Problem> {
    s.read(key)?.ok_or_else(|| {
        Problem::new(format!("{what} needs its `{key}`"))
            .at(Some(node.place.clone()))
            .help(help)
    })
}

/// What nothing reads as. A default is what is left out of a file: said once, where it is
/// read, and never bad input, as a test sees.
pub(super) fn by_default<T>(read: Result<T, Problem>) -> T {
    read.unwrap_or_else(|problem| unreachable!("{problem}"))
}
