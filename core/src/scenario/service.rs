//! The services that callers meet.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::document::{Kind, Node, Problem, Section, Table};
use super::fields::{above_zero, by_default, count_u32, needed, optional, plain_name};
use super::hosts::{Hosts, hosts};
use super::idempotency::retention;
use crate::dist::Dist;
use crate::idempotency::{KEY_MODES, KeyMode, Retention};
use crate::units::{Factor, Nanos, Probability, Rate};

/// One service. Several make a chain: each calls the next while it serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    /// What faults and results call it; in a chain its number where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(flatten)]
    pub kind: ServiceKind,
    /// The hosts among which attempts are balanced, where there are several: each has
    /// servers and a queue of its own.
    #[serde(flatten)]
    pub hosts: Option<Hosts>,
    /// How many attempts it lets in, whatever it could do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// What a caller that gives up takes back.
    pub cancel: Cancel,
    /// When it asks those that it rejects to come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// How it calls the next service of the chain, where there is one.
    #[serde(flatten)]
    pub downstream: Option<Downstream>,
    /// What its work does to the world, if doing it twice matters.
    #[serde(flatten)]
    pub effect: Option<Effect>,
}

/// When a service asks those that it rejects to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// Everybody so much later.
    After(Nanos),
    /// Those that its limit rejects when there will be a token; others are not asked.
    Token,
}

impl Serialize for RetryAfter {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            RetryAfter::After(wait) => wait.serialize(s),
            RetryAfter::Token => s.serialize_str("token"),
        }
    }
}

/// A token bucket at the door: what finds no token is *rejected* at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    pub rate: Rate,
    /// The most tokens there are, and how many there are at first.
    pub burst: u32,
}

/// How a service calls the next one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Downstream {
    /// The retry policy of its calls; that under comparison where it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its processes; what a client shares is shared within one of them.
    pub clients: u32,
    /// Whether it frees its server while it waits for the next service.
    #[serde(rename = "async")]
    pub frees_server: bool,
}

/// What an attempt meets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ServiceKind {
    Queue(Pool),
    Elastic(Elastic),
    Coin(Coin),
    /// One row under optimistic concurrency control: an attempt reads its
    /// version and writes it, a round trip each; the write fails if another
    /// came in between. aws-samples/aws-arch-backoff-simulator.
    Occ,
}

/// A pool of servers behind one bounded queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pool {
    pub servers: u32,
    pub service_time: Dist,
    /// Attempts that may wait; one more is rejected.
    pub queue: u32,
    pub discipline: Discipline,
    /// Of CoDel: the delay it aims at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Nanos>,
    /// Of CoDel and adaptive LIFO: for how long a queue has to stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Nanos>,
    /// Rejects attempts while the oldest in the queue has waited longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed: Option<Shed>,
    /// With n attempts in service, work takes 1 + contention · (n − 1) times as long.
    #[serde(skip_serializing_if = "is_nothing")]
    pub contention: Factor,
    /// Skip queued attempts whose caller has left, at no cost.
    pub drop_expired: bool,
}

/// Load shedding by how long the oldest in the queue has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shed {
    /// All alike.
    After(Nanos),
    /// Callers of the lowest priority after this long, those of the next after twice as
    /// long, and so on.
    ByPriority(Nanos),
}

impl Shed {
    /// How long the oldest has waited when callers of the lowest priority are rejected.
    pub fn delay(self) -> Nanos {
        match self {
            Shed::After(delay) | Shed::ByPriority(delay) => delay,
        }
    }
}

impl Serialize for Shed {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Shed::After(delay) => delay.serialize(s),
            Shed::ByPriority(delay) => {
                let mut map = s.serialize_map(Some(2))?;
                map.serialize_entry("delay", delay)?;
                map.serialize_entry("by", "priority")?;
                map.end()
            }
        }
    }
}

fn is_nothing(factor: &Factor) -> bool {
    factor.0 == 0.0
}

/// No queue: an attempt takes `service_time` and `slope` for every attempt in service.
///
/// Brooker's collapse simulation (mbrooker/simulator_example).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Elastic {
    pub service_time: Dist,
    pub slope: Nanos,
}

/// Fails attempts at random, whatever the load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coin {
    pub failure_ratio: Probability,
    pub response_time: Dist,
}

/// Work with an effect that should happen once per call, and the key that sees to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Its name, such as `refund`.
    pub effect: String,
    pub key: KeyMode,
    pub retention: Retention,
    /// Chance of a crash between effect and record.
    pub crash: Probability,
}

impl Default for Service {
    /// A hundred servers of `exp(14ms)` behind a queue of 5,000.
    fn default() -> Service {
        by_default(service(&Table::default(), true))
    }
}

impl Default for Pool {
    fn default() -> Pool {
        by_default(pool(&mut Section::new(&Table::default())))
    }
}

impl Service {
    /// The queue and its servers, where it has them.
    pub fn pool(&self) -> Option<&Pool> {
        match &self.kind {
            ServiceKind::Queue(pool) => Some(pool),
            ServiceKind::Elastic(_) | ServiceKind::Coin(_) | ServiceKind::Occ => None,
        }
    }

    /// The longest that it asks anybody to wait.
    pub fn longest_hint(&self) -> Option<Nanos> {
        match (self.retry_after?, &self.limit) {
            (RetryAfter::After(wait), _) => Some(wait),
            (RetryAfter::Token, Some(limit)) => Some(Nanos((1e9 / limit.rate.0).ceil() as u64)),
            (RetryAfter::Token, None) => None,
        }
    }

    /// How many hosts it has.
    pub fn host_count(&self) -> u32 {
        self.hosts.as_ref().map_or(1, |hosts| hosts.count)
    }

    /// The servers of all its hosts, where it has them.
    pub fn servers(&self) -> Option<f64> {
        Some(f64::from(self.pool()?.servers) * f64::from(self.host_count()))
    }

    /// Attempts per second with every server busy, or what its limit lets in if that is less;
    /// infinite or 0 in the limits, and infinite without either.
    pub fn capacity_per_s(&self) -> f64 {
        let all = match (self.servers(), self.pool()) {
            (Some(servers), Some(pool)) => servers / pool.service_time.mean_s(),
            _ => f64::INFINITY,
        };
        self.limit
            .as_ref()
            .map_or(all, |limit| all.min(limit.rate.0))
    }
}

/// Which of the waiting attempts is served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Discipline {
    Fifo,
    Lifo,
    /// The last one first once the queue has stood for `interval`, else the
    /// first one: Maurer, "Fail at Scale" (ACM Queue 13(8), 2015).
    AdaptiveLifo,
    /// First come, first served; rejects at the head what makes the delay stay
    /// above `target` for `interval` (RFC 8289).
    Codel,
}

/// What becomes of an attempt whose caller stops waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cancel {
    /// It lives on.
    None,
    /// It leaves the queue, but is served to the end once begun.
    Queued,
    /// It leaves the queue or its server.
    All,
}

/// The chain of services that callers meet, one or more.
pub(super) fn services(node: Option<&Node>) -> Result<Vec<Service>, Problem> {
    let empty = Table::default();
    let services = match node {
        None => vec![service(&empty, true)?],
        Some(Node {
            kind: Kind::List(tiers),
            place,
        }) => {
            if tiers.is_empty() {
                return Err(Problem::new("there is no service").at(Some(place.clone())));
            }
            let last = tiers.len() - 1;
            let read = |(i, tier): (usize, &Node)| service(tier.table()?, i == last);
            tiers
                .iter()
                .enumerate()
                .map(read)
                .collect::<Result<_, _>>()?
        }
        Some(node) => vec![service(node.table()?, true)?],
    };
    const MOST_TIERS: usize = 32;
    let place = node.map(|node| node.place.clone());
    if services.len() > MOST_TIERS {
        return Err(Problem::new(format!("a chain has at most {MOST_TIERS} services")).at(place));
    }
    for (i, service) in services.iter().enumerate() {
        if let Some(name) = &service.name
            && services[..i].iter().any(|s| s.name.as_ref() == Some(name))
        {
            return Err(Problem::new(format!("two services are called `{name}`")).at(place));
        }
        if let Some(n) = service.name.as_ref().and_then(|n| n.parse::<usize>().ok())
            && n != i + 1
        {
            return Err(Problem::new(format!("service {} is called `{n}`", i + 1)).at(place));
        }
        if service.effect.is_some() && i + 1 < services.len() {
            return Err(
                Problem::new("an `effect` belongs to the last service of a chain").at(place),
            );
        }
    }
    Ok(services)
}

/// Fields that belong to one kind of service alone.
const KIND_FIELDS: [(&str, &str); 13] = [
    ("servers", "queue"),
    ("queue", "queue"),
    ("discipline", "queue"),
    ("target", "queue"),
    ("interval", "queue"),
    ("shed", "queue"),
    ("contention", "queue"),
    ("drop_expired", "queue"),
    ("service_time", "queue"),
    ("service_time", "elastic"),
    ("slope", "elastic"),
    ("failure_ratio", "coin"),
    ("response_time", "coin"),
];

fn service(table: &Table, last: bool) -> Result<Service, Problem> {
    let mut s = Section::new(table);
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Queue,
        Elastic,
        Coin,
        Occ,
    }
    let kinds = [
        ("queue", Kind::Queue),
        ("elastic", Kind::Elastic),
        ("coin", Kind::Coin),
        ("occ", Kind::Occ),
    ];
    let kind = s
        .word("kind", "kind of service", &kinds)?
        .unwrap_or(Kind::Queue);
    let word = kinds
        .iter()
        .find(|(_, k)| *k == kind)
        .map_or("", |(n, _)| n);
    for (key, owner) in KIND_FIELDS {
        if s.node(key).is_some() && !KIND_FIELDS.contains(&(key, word)) {
            return Err(
                Problem::new(format!("`{key}` goes with kind = \"{owner}\"")).at(s.place(key)),
            );
        }
    }
    let own = s.node("name");
    let name = own.map(|node| plain_name("a service's name", node));
    let name = name.transpose()?;
    let kind = match kind {
        Kind::Queue => ServiceKind::Queue(pool(&mut s)?),
        Kind::Elastic => ServiceKind::Elastic(Elastic {
            service_time: duration_law(&mut s, "service_time", "1s")?,
            slope: s.read("slope")?.unwrap_or(Nanos::from_millis(10)),
        }),
        Kind::Coin => ServiceKind::Coin(Coin {
            failure_ratio: s.read("failure_ratio")?.unwrap_or(Probability(0.1)),
            response_time: duration_law(&mut s, "response_time", "exp(10ms)")?,
        }),
        Kind::Occ => ServiceKind::Occ,
    };
    let cancels = [
        ("none", Cancel::None),
        ("queued", Cancel::Queued),
        ("all", Cancel::All),
    ];
    let cancel = s.word("cancel", "cancel rule", &cancels)?;
    let downstream = match last {
        true => {
            for key in ["policy", "clients", "async"] {
                if s.node(key).is_some() {
                    return Err(Problem::new(format!(
                        "`{key}` is about calls to the next service"
                    ))
                    .at(s.place(key))
                    .help("this one is the last"));
                }
            }
            None
        }
        false => Some(Downstream {
            policy: match s.node("policy") {
                Some(node) => Some(node.text()?.to_string()),
                None => None,
            },
            clients: count_u32(&mut s, "clients", 1, 1)?,
            frees_server: s.bool("async")?.unwrap_or(false),
        }),
    };
    let hosts = hosts(&mut s)?;
    if hosts.is_some() && kind == ServiceKind::Occ {
        let problem = Problem::new("one row is on one host");
        return Err(problem.at(s.place("hosts")));
    }
    let limit = optional(s.node("limit"), limit)?;
    let service = Service {
        name,
        kind,
        hosts,
        cancel: cancel.unwrap_or(Cancel::None),
        retry_after: match s.node("retry_after") {
            Some(node) if node.is_word("token") => {
                if limit.is_none() {
                    return Err(Problem::new("there are no tokens without a `limit`")
                        .at(Some(node.place.clone()))
                        .help("for example limit = \"20/s\""));
                }
                Some(RetryAfter::Token)
            }
            Some(node) => {
                let hint = node.read().map_err(|problem| {
                    problem.help("a duration such as 1s, or `token` with a `limit`")
                })?;
                Some(RetryAfter::After(above_zero(&s, "retry_after", hint)?))
            }
            None => None,
        },
        limit,
        downstream,
        effect: effect(&mut s)?,
    };
    s.finish()?;
    Ok(service)
}

fn pool(s: &mut Section<'_>) -> Result<Pool, Problem> {
    let disciplines = [
        ("fifo", Discipline::Fifo),
        ("lifo", Discipline::Lifo),
        ("adaptive-lifo", Discipline::AdaptiveLifo),
        ("codel", Discipline::Codel),
    ];
    let discipline = s
        .word("discipline", "discipline", &disciplines)?
        .unwrap_or(Discipline::Fifo);
    let rules = [
        ("target", discipline == Discipline::Codel, "codel"),
        (
            "interval",
            matches!(discipline, Discipline::Codel | Discipline::AdaptiveLifo),
            "codel and adaptive-lifo",
        ),
    ];
    for (key, fits, owner) in rules {
        if s.node(key).is_some() && !fits {
            return Err(
                Problem::new(format!("`{key}` goes with the discipline {owner}")).at(s.place(key)),
            );
        }
    }
    let mut time = |key, default_ms| -> Result<Option<Nanos>, Problem> {
        let fits = rules.iter().any(|(k, fits, _)| *k == key && *fits);
        let value = s.read(key)?.unwrap_or(Nanos::from_millis(default_ms));
        let value = above_zero(s, key, value)?;
        Ok(fits.then_some(value))
    };
    let (target, interval) = (time("target", 5)?, time("interval", 100)?);
    let service_time = duration_law(s, "service_time", "exp(14ms)")?;
    let shed = optional(s.node("shed"), shed)?;
    Ok(Pool {
        servers: count_u32(s, "servers", 100, 1)?,
        service_time,
        queue: count_u32(s, "queue", 5_000, 0)?,
        discipline,
        target,
        interval,
        shed,
        contention: s.read("contention")?.unwrap_or(Factor(0.0)),
        drop_expired: s.bool("drop_expired")?.unwrap_or(false),
    })
}

/// The rate alone, or a table with its burst.
fn limit(node: &Node) -> Result<Limit, Problem> {
    let above = |rate: Rate, place| match rate.0 > 0.0 {
        true => Ok(rate),
        false => Err(Problem::new("a limit of 0 lets nothing in").at(place)),
    };
    let table = match &node.kind {
        Kind::Table(table) => table,
        _ => {
            let rate = node.read().map_err(|problem| {
                problem.help("the rate, such as 20/s, or a table with `rate` and `burst`")
            })?;
            return Ok(Limit::of(above(rate, Some(node.place.clone()))?));
        }
    };
    let mut s = Section::new(table);
    let help = "for example limit = { rate = \"20/s\", burst = 20 }";
    let rate = needed(&mut s, node, "rate", "a limit", help)?;
    let rate = above(rate, s.place("rate"))?;
    let Limit { rate, burst } = Limit::of(rate);
    let burst = count_u32(&mut s, "burst", u64::from(burst), 1)?;
    s.finish()?;
    Ok(Limit { rate, burst })
}

impl Limit {
    /// With a burst of one second's worth, one at least.
    pub fn of(rate: Rate) -> Limit {
        Limit {
            burst: (rate.0.round() as u32).max(1),
            rate,
        }
    }
}

/// The delay alone, or a table that says whom it sheds first.
fn shed(node: &Node) -> Result<Shed, Problem> {
    let longer = |delay: Nanos, place| match delay {
        Nanos::ZERO => Err(Problem::new("`shed` must be longer than 0").at(place)),
        delay => Ok(delay),
    };
    let Kind::Table(table) = &node.kind else {
        let delay = node.read().map_err(|problem: Problem| {
            problem.help("the delay, such as 50ms, or a table with `delay` and `by`")
        })?;
        return Ok(Shed::After(longer(delay, Some(node.place.clone()))?));
    };
    let mut s = Section::new(table);
    let delay = needed(&mut s, node, "delay", "shedding", "for example 50ms")?;
    let delay = longer(delay, s.place("delay"))?;
    let by = [("all", false), ("priority", true)];
    let by_priority = s.word("by", "rule of shedding", &by)?.unwrap_or(false);
    s.finish()?;
    Ok(match by_priority {
        true => Shed::ByPriority(delay),
        false => Shed::After(delay),
    })
}

/// A law of durations with a finite mean above 0.
fn duration_law(s: &mut Section<'_>, key: &'static str, default: &str) -> Result<Dist, Problem> {
    let law: Dist = match s.read(key)? {
        Some(law) => law,
        None => Node::from_flag(key, default).read()?,
    };
    if law.mean_s().is_nan() || law.mean_s() <= 0.0 {
        return Err(Problem::new(format!("`{key}` must be longer than 0")).at(s.place(key)));
    }
    if law.mean_s() == f64::INFINITY {
        return Err(Problem::new(format!(
            "`{key}` has no finite mean, which leaves the service no capacity"
        ))
        .at(s.place(key))
        .help("a pareto law needs `alpha` above 1"));
    }
    Ok(law)
}

/// The effect of the service's work, and its key.
fn effect(s: &mut Section<'_>) -> Result<Option<Effect>, Problem> {
    let Some(node) = s.node("effect") else {
        for key in ["key", "retention", "crash"] {
            if s.node(key).is_some() {
                return Err(Problem::new(format!("`{key}` goes with an `effect`"))
                    .at(s.place(key))
                    .help("for example effect = \"refund\""));
            }
        }
        return Ok(None);
    };
    if node.is_word("none") {
        // Its key may stay in the file.
        for key in ["key", "retention", "crash"] {
            s.node(key);
        }
        return Ok(None);
    }
    Ok(Some(Effect {
        effect: plain_name("an effect's name", node)?,
        key: s
            .word("key", "key mode", &KEY_MODES)?
            .unwrap_or(KeyMode::None),
        retention: retention(s)?.unwrap_or(Retention::For(Nanos::from_secs(30 * 60))),
        crash: s.read("crash")?.unwrap_or(Probability(0.01)),
    }))
}
