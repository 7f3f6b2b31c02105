//! The callers, when they call, and the network to the service they meet.

use serde::Serialize;

use super::data_files;
use super::document::{Kind, Node, Problem, Section, Table};
use super::fields::{MOST, above_zero, by_default, count, count_u32, plain_name};
use crate::dist::Dist;
use crate::dist_text::OneWay;
use crate::units::{Factor, Nanos, Rate};

/// One-way delays between a caller and the service it calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    pub out: Dist,
    pub back: Dist,
}

/// A group of callers who call alike; most scenarios have one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Callers {
    /// What results call it; its number where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub count: u32,
    /// Processes that the callers belong to, in equal blocks; budgets are per client.
    pub clients: u32,
    #[serde(flatten)]
    pub arrival: Arrival,
    /// The retry policy of its own; that under comparison where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Those of a higher one are shed later.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: u32,
    /// What a call is made of, where it is not one itself.
    #[serde(flatten)]
    pub parts: Option<SubCalls>,
}

/// A call that is made of sub-calls: so many at once, and that so often, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SubCalls {
    pub fan_out: u32,
    pub sequence: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Groups of callers at most, and sub-calls of a call.
const MOST_GROUPS: usize = 32;
const MOST_SUB_CALLS: u64 = 1_000_000;

impl Default for Callers {
    /// 5,000 callers of 50 processes, each with open arrivals at a call per second.
    fn default() -> Callers {
        by_default(callers(&Table::default()))
    }
}

impl Default for Network {
    /// No delay.
    fn default() -> Network {
        by_default(network(&Table::default()))
    }
}

impl Callers {
    /// The client process of a caller.
    pub fn client(&self, caller: u32) -> u32 {
        (u64::from(caller) * u64::from(self.clients) / u64::from(self.count)) as u32
    }

    /// Sub-calls of a call; 1 where it is one itself.
    pub fn sub_calls(&self) -> u64 {
        let [at_once, in_turn] = [self.fan_out(), self.sequence()];
        u64::from(at_once) * u64::from(in_turn)
    }

    /// Sub-calls of a call at once.
    pub fn fan_out(&self) -> u32 {
        self.parts.map_or(1, |parts| parts.fan_out)
    }

    /// How often that is done, one after the other.
    pub fn sequence(&self) -> u32 {
        self.parts.map_or(1, |parts| parts.sequence)
    }

    /// Whether each of them calls once.
    pub fn is_once(&self) -> bool {
        matches!(self.arrival, Arrival::Once { .. })
    }

    /// Calls per second of all of them, on average; nothing where that depends on answers, or
    /// each calls once.
    pub fn calls_per_s(&self) -> Option<f64> {
        let count = f64::from(self.count);
        match &self.arrival {
            Arrival::Open { rate } => Some(rate.0 * count),
            Arrival::Periodic { every, .. } => Some(count / every.as_secs()),
            Arrival::Trace { rates, .. } => Some(rates.iter().sum::<f64>() / rates.len() as f64),
            Arrival::Closed { .. } | Arrival::Once { .. } => None,
        }
    }
}

/// When callers call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "arrival", rename_all = "kebab-case")]
pub enum Arrival {
    /// A Poisson process per caller, whatever is outstanding.
    Open { rate: Rate },
    /// One call at a time, then a think time.
    Closed { think: Dist },
    /// One call each, at `at` plus a draw of `spread`; the run ends when all have ended.
    Once { at: Nanos, spread: Dist },
    /// A call each `every`, plus a draw of `spread`, whatever is outstanding.
    Periodic {
        every: Nanos,
        phase: Phase,
        spread: Dist,
    },
    /// A Poisson process of all callers together whose rate, in calls per
    /// second, holds for `step` each; 0 after the last.
    Trace { step: Nanos, rates: Vec<f64> },
}

/// Where in the period each caller calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// All at once.
    Aligned,
    /// Each at an instant of its own, uniform over the period.
    Random,
}

/// Which kind of arrival a field of `[callers]` goes with.
const ARRIVAL_FIELDS: [(&str, &str); 10] = [
    ("rate", "open"),
    ("think", "closed"),
    ("at", "once"),
    ("spread", "once"),
    ("every", "periodic"),
    ("phase", "periodic"),
    ("spread", "periodic"),
    ("file", "trace"),
    ("step", "trace"),
    ("rates", "trace"),
];

/// Whether a field of `[callers]` has a meaning with a kind of arrival.
pub(super) fn goes_with(field: &str, arrival: &str) -> bool {
    ARRIVAL_FIELDS.contains(&(field, arrival)) || ARRIVAL_FIELDS.iter().all(|(f, _)| *f != field)
}

/// The groups of callers, one or more.
pub(super) fn groups(node: Option<&Node>) -> Result<Vec<Callers>, Problem> {
    let Some(Node {
        kind: Kind::List(items),
        place,
    }) = node
    else {
        let empty = Table::default();
        return Ok(vec![callers(match node {
            Some(node) => node.table()?,
            None => &empty,
        })?]);
    };
    let at = |problem: Problem| problem.at(Some(place.clone()));
    if items.is_empty() {
        return Err(at(Problem::new("there are no callers")));
    }
    if items.len() > MOST_GROUPS {
        let problem = format!("there are at most {MOST_GROUPS} groups of callers");
        return Err(at(Problem::new(problem)));
    }
    let read = |item: &Node| callers(item.table()?);
    let groups: Vec<Callers> = items.iter().map(read).collect::<Result<_, _>>()?;
    for (i, group) in groups.iter().enumerate() {
        let name = group_name(&groups, i);
        let twice = (0..i).any(|earlier| group_name(&groups, earlier) == name);
        let number = group.name.as_ref().and_then(|n| n.parse::<usize>().ok());
        if twice || number.is_some_and(|n| n != i + 1) {
            let item = &items[i];
            let place = item.table()?.get("name").map(|e| e.node.place.clone());
            let problem = match twice {
                true => format!("two groups of callers are called `{name}`"),
                false => format!("group {} is called `{name}`", i + 1),
            };
            return Err(Problem::new(problem).at(place.or(Some(item.place.clone()))));
        }
    }
    let all: u64 = groups.iter().map(|group| u64::from(group.count)).sum();
    match all > MOST {
        true => Err(at(Problem::new(format!(
            "{all} callers are more than {MOST}"
        )))),
        false => Ok(groups),
    }
}

/// What a group is called: by its name, or else by its number.
pub(super) fn group_name(groups: &[Callers], group: usize) -> String {
    match &groups[group].name {
        Some(name) => name.clone(),
        None => format!("{}", group + 1),
    }
}

fn callers(table: &Table) -> Result<Callers, Problem> {
    let mut s = Section::new(table);
    let name = s.node("name");
    let name = name.map(|node| plain_name("a group's name", node));
    let name = name.transpose()?;
    if let Some(many) = s.read::<u64>("count")?.filter(|n| *n > MOST) {
        let terabytes = many as f64 * 17.0 / 1e12;
        return Err(Problem::new(format!(
            "{many} callers need some {terabytes:.1} TB of memory for their state alone; \
             at most {MOST} can be simulated"
        ))
        .at(s.place("count"))
        .help("fewer callers before fewer servers, at the same load per server, behave alike"));
    }
    let callers = count_u32(&mut s, "count", 5_000, 1)?;
    let clients = match s.read::<u64>("clients")? {
        None => callers.min(50),
        Some(n) if (1..=u64::from(callers)).contains(&n) => n as u32,
        Some(_) => {
            return Err(Problem::new(format!(
                "`clients` lies between 1 and the number of callers, {callers}"
            ))
            .at(s.place("clients")));
        }
    };
    #[derive(Clone, Copy, PartialEq)]
    enum Arrives {
        Open,
        Closed,
        Once,
        Periodic,
        Trace,
    }
    let kinds = [
        ("open", Arrives::Open),
        ("closed", Arrives::Closed),
        ("once", Arrives::Once),
        ("periodic", Arrives::Periodic),
        ("trace", Arrives::Trace),
    ];
    let kind = s
        .word("arrival", "arrival", &kinds)?
        .unwrap_or(Arrives::Open);
    let word = kinds
        .iter()
        .find(|(_, k)| *k == kind)
        .map_or("", |(n, _)| n);
    for (key, owner) in ARRIVAL_FIELDS {
        if s.node(key).is_some() && !goes_with(key, word) {
            return Err(
                Problem::new(format!("`{key}` goes with arrival = \"{owner}\"")).at(s.place(key)),
            );
        }
    }
    let nothing = Dist::Const(Nanos::ZERO);
    let arrival = match kind {
        Arrives::Open => {
            let rate = s.read("rate")?.unwrap_or(Rate(1.0));
            if rate.0 <= 0.0 {
                return Err(Problem::new("`rate` must be above 0").at(s.place("rate")));
            }
            Arrival::Open { rate }
        }
        Arrives::Closed => {
            let think = s.read("think")?.unwrap_or(Dist::Exp {
                mean: Nanos::from_secs(1),
            });
            if think.mean_s().is_nan() || think.mean_s() <= 0.0 {
                return Err(Problem::new("a closed caller needs time to think")
                    .at(s.place("think"))
                    .help("without it, a refused caller would call for ever in no time"));
            }
            Arrival::Closed { think }
        }
        Arrives::Once => Arrival::Once {
            at: s.read("at")?.unwrap_or(Nanos::ZERO),
            spread: s.read("spread")?.unwrap_or(nothing),
        },
        Arrives::Periodic => {
            let every = s.read("every")?.unwrap_or(Nanos::from_secs(1));
            let phases = [("aligned", Phase::Aligned), ("random", Phase::Random)];
            Arrival::Periodic {
                every: above_zero(&s, "every", every)?,
                phase: s.word("phase", "phase", &phases)?.unwrap_or(Phase::Random),
                spread: s.read("spread")?.unwrap_or(nothing),
            }
        }
        Arrives::Trace => trace(&mut s)?,
    };
    let policy = match s.node("policy") {
        Some(node) => Some(node.text()?.to_string()),
        None => None,
    };
    let priority = count_u32(&mut s, "priority", 0, 0)?;
    let fan_out = count(&mut s, "fan_out", 1, 1..=MOST_SUB_CALLS)? as u32;
    let sequence = count(&mut s, "sequence", 1, 1..=MOST_SUB_CALLS)? as u32;
    let all = u64::from(fan_out) * u64::from(sequence);
    if all > MOST_SUB_CALLS {
        return Err(Problem::new(format!(
            "a call of {all} sub-calls is more than {MOST_SUB_CALLS}"
        ))
        .at(s.place("sequence")));
    }
    let said = s.node("fan_out").or(s.node("sequence")).is_some();
    s.finish()?;
    Ok(Callers {
        name,
        count: callers,
        clients,
        arrival,
        policy,
        priority,
        parts: said.then_some(SubCalls { fan_out, sequence }),
    })
}

/// The rates of a trace: from a file, or spelled out.
fn trace(s: &mut Section<'_>) -> Result<Arrival, Problem> {
    if let Some(file) = s.node("file") {
        for key in ["step", "rates"] {
            if s.node(key).is_some() {
                return Err(
                    Problem::new(format!("`file` and `{key}` say the same thing")).at(s.place(key)),
                );
            }
        }
        let (step, rates) = data_files::trace(file)?;
        return Ok(Arrival::Trace { step, rates });
    }
    let Some(node) = s.node("rates") else {
        return Err(Problem::new("a trace needs its `file`")
            .at(s.place("arrival"))
            .help("a CSV file with the columns t_s and rate_per_s"));
    };
    let mut rates = Vec::new();
    for item in node.list()? {
        rates.push(item.read::<Factor>()?.0);
    }
    if rates.iter().all(|r| *r == 0.0) {
        return Err(Problem::new("a trace needs a rate above 0").at(Some(node.place.clone())));
    }
    let step = s.read("step")?.unwrap_or(Nanos::from_secs(1));
    Ok(Arrival::Trace {
        step: above_zero(s, "step", step)?,
        rates,
    })
}

pub(super) fn network(table: &Table) -> Result<Network, Problem> {
    let mut s = Section::new(table);
    let zero = Dist::Const(Nanos::ZERO);
    let network = Network {
        out: s.read("out")?.map_or(zero.clone(), |OneWay(law)| law),
        back: s.read("back")?.map_or(zero, |OneWay(law)| law),
    };
    s.finish()?;
    Ok(network)
}
