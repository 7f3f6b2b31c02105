//! The hosts of a service, and how attempts are balanced among them.

use std::fmt;

use serde::{Serialize, Serializer};

use super::document::{Problem, Section};
use super::fields::count;
use crate::value::{Lexer, Value, ValueError, suggest};

/// Several hosts alike, each with servers and a queue of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hosts {
    #[serde(rename = "hosts")]
    pub count: u32,
    pub balance: Balance,
    pub view: View,
}

/// Which host an attempt is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// Any of them alike.
    Random,
    /// One after the other.
    RoundRobin,
    /// Of so many different ones, drawn at random, the one with the fewest attempts in
    /// flight; ties at random (Mitzenmacher, "The Power of Two Choices in Randomized Load
    /// Balancing", IEEE TPDS 12(10), 2001).
    Least(u32),
    /// Of all of them the one with the fewest attempts in flight.
    LeastOfAll,
    /// Each caller, or client process of a service, keeps to one.
    Sticky,
}

/// Whose attempts in flight are counted, and who takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum View {
    /// All of them: a balancer in front of the hosts.
    All,
    /// Those of the client process itself: balancing in the client.
    Client,
}

/// Hosts at most.
pub const MOST_HOSTS: u64 = 10_000;

const BALANCES: [&str; 5] = ["random", "round-robin", "least", "least(2)", "sticky"];

impl Value for Balance {
    const EXPECTED: &'static str =
        "a balance such as random, round-robin, least(2), least or sticky";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let balance = match name {
            "random" => Balance::Random,
            "round-robin" => Balance::RoundRobin,
            "sticky" => Balance::Sticky,
            "least" => match args.optional::<u64>("of")? {
                None => Balance::LeastOfAll,
                Some(0) => return Err(ValueError::new(at, "`least(0)` draws no host")),
                Some(d) => Balance::Least(u32::try_from(d).unwrap_or(u32::MAX)),
            },
            _ => {
                return Err(ValueError::new(at, format!("unknown balance `{name}`"))
                    .help(suggest(name, &BALANCES)));
            }
        };
        args.finish()?;
        Ok(balance)
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Balance::Random => f.write_str("random"),
            Balance::RoundRobin => f.write_str("round-robin"),
            Balance::Least(d) => write!(f, "least({d})"),
            Balance::LeastOfAll => f.write_str("least"),
            Balance::Sticky => f.write_str("sticky"),
        }
    }
}

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The hosts of a service; nothing where it is not said that it has any. One is as good as
/// none, and told of as several are: along an axis of a sweep, say.
pub(super) fn hosts(s: &mut Section<'_>) -> Result<Option<Hosts>, Problem> {
    let many = count(s, "hosts", 1, 1..=MOST_HOSTS)? as u32;
    let views = [("all", View::All), ("client", View::Client)];
    let balance = s.read("balance")?;
    let view = s.word("view", "view", &views)?;
    if s.node("hosts").is_none() {
        for key in ["balance", "view"] {
            if s.node(key).is_some() {
                return Err(
                    Problem::new(format!("`{key}` goes with several `hosts`")).at(s.place(key))
                );
            }
        }
        return Ok(None);
    }
    let balance = balance.unwrap_or(Balance::Random);
    match balance {
        Balance::Least(d) if d > many && many > 1 => {
            return Err(
                Problem::new(format!("`least({d})` draws more than the {many} hosts"))
                    .at(s.place("balance").or(s.place("hosts")))
                    .help(format!("`least` looks at all of them, `least({many})` too")),
            );
        }
        _ => {}
    }
    Ok(Some(Hosts {
        count: many,
        balance,
        view: view.unwrap_or(View::All),
    }))
}
