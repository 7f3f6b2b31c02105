//! What to simulate: plain data, its defaults, and reading it with places.
//!
//! ```
//! use herdsim::scenario::{Layers, Scenario};
//!
//! let mut layers = Layers::default();
//! layers.file("blip.toml", "[service]\nservers = 80\n")?;
//! layers.set("service.queue=1_000")?;
//! let scenario = Scenario::from_layers(&layers)?;
//! assert_eq!(scenario.service.servers, 80);
//! assert_eq!(scenario.policies.len(), 3); // fixed, full-jitter, budget
//! # Ok::<(), herdsim::scenario::Problem>(())
//! ```

pub mod fault;
pub mod fence;
pub mod policy;
pub mod saga;
pub mod service;
pub mod sweep;
mod tree;
pub mod value;

use std::sync::{Arc, LazyLock};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::dist::Dist;
use crate::units::{Factor, Nanos, Probability, Rate, Tokens};
use fault::{Fault, FaultKind};
use fence::FenceScenario;
use policy::{Backoff, Budget, Failure, Jitter, Policy, Ratio, RetryOn, TokenBucket};
use saga::SagaScenario;
use service::{Arrival, Callers, Cancel, Discipline, Effect, Network, Service, ServiceKind};
pub use tree::{Kind, Node, Place, Problem, Section, Source, Table};
use value::suggest;

/// A scenario of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    Herd(Scenario),
    Fence(FenceScenario),
    Saga(SagaScenario),
}

impl Job {
    /// Resolves defaults, names and overrides, and checks what belongs together.
    /// A scenario that does not say its kind is of kind `default`.
    ///
    /// # Errors
    /// A [`Problem`] at its place for anything that cannot be meant.
    pub fn from_layers(layers: &Layers, default: JobKind) -> Result<Job, Problem> {
        let mut top = Section::new(&layers.table);
        let kind = top.word("kind", "kind of scenario", &JobKind::NAMES)?;
        let job = match kind.unwrap_or(default) {
            JobKind::Herd => return Ok(Job::Herd(Scenario::from_layers(layers)?)),
            JobKind::Fence => Job::Fence(FenceScenario::read(&mut top)?),
            JobKind::Saga => Job::Saga(SagaScenario::read(&mut top, layers)?),
        };
        top.finish()?;
        Ok(job)
    }

    /// The scenario's name, which its results' directory takes.
    pub fn name(&self) -> &str {
        match self {
            Job::Herd(scenario) => &scenario.name,
            Job::Fence(scenario) => &scenario.name,
            Job::Saga(scenario) => &scenario.name,
        }
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Herd,
    Fence,
    Saga,
}

impl JobKind {
    const NAMES: [(&'static str, JobKind); 3] = [
        ("herd", JobKind::Herd),
        ("fence", JobKind::Fence),
        ("saga", JobKind::Saga),
    ];
}

/// How often something simple is tried, from which seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trials {
    pub seed: u64,
    /// Independent trials.
    pub replications: u64,
}

fn trials(table: &Table, default: u64) -> Result<Trials, Problem> {
    let mut s = Section::new(table);
    let trials = Trials {
        seed: count(&mut s, "seed", 1, 0..=i64::MAX as u64)?,
        replications: count(&mut s, "replications", default, 1..=1_000_000_000_000)?,
    };
    s.finish()?;
    Ok(trials)
}

/// The name of a scenario.
fn named(top: &mut Section<'_>, default: &str) -> Result<String, Problem> {
    match top.node("name") {
        Some(node) => scenario_name(node),
        None => Ok(default.to_string()),
    }
}

/// The policies of a scenario: those of its file, or else the `default` ones.
fn policies(
    own: Option<&Node>,
    compare: Option<&Node>,
    default: &[&str],
    layers: &Layers,
) -> Result<Vec<(String, Policy)>, Problem> {
    let empty = Table::default();
    let policies = Policies {
        own: match own {
            Some(node) => node.table()?,
            None => &empty,
        },
        catalogue: catalogue()?,
        overrides: &layers.policy_overrides,
    };
    policies.resolve(compare, default)
}

/// A herd scenario with every field resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    pub kind: ScenarioKind,
    pub name: String,
    pub faults: Vec<Fault>,
    /// Names of the policies in order; the first is the baseline of differences.
    pub compare: Vec<String>,
    pub run: Run,
    pub callers: Callers,
    pub network: Network,
    pub service: Service,
    #[serde(rename = "policy", serialize_with = "as_map")]
    pub policies: Vec<(String, Policy)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioKind {
    Herd,
}

/// How long, how often, from which seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    pub seed: u64,
    /// Independent runs of every policy; with `precision` the size of a batch.
    pub replications: u64,
    /// Add batches until the 95% intervals of success and amplification are
    /// this tight relative to their means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Probability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replications: Option<u64>,
    /// Metrics are counted from here on.
    pub warmup: Nanos,
    pub horizon: Nanos,
    /// Width of a bin of the time series.
    pub bin: Nanos,
}

fn as_map<S: Serializer>(policies: &[(String, Policy)], s: S) -> Result<S::Ok, S::Error> {
    let mut map = s.serialize_map(Some(policies.len()))?;
    for (name, policy) in policies {
        map.serialize_entry(name, policy)?;
    }
    map.end()
}

const CATALOGUE: &str = include_str!("catalogue.toml");
const DEFAULT_COMPARE: [&str; 3] = ["fixed", "full-jitter", "budget"];

/// The layers a scenario is made of, later over earlier.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    table: Table,
    /// `policy.NAME.…` or `policy.*.…`, applied once `extends` is resolved.
    policy_overrides: Vec<Override>,
}

/// A field set on one policy, or on all.
#[derive(Clone, Debug)]
struct Override {
    /// A name, or `*`.
    policy: String,
    path: Vec<(String, Place)>,
    node: Node,
}

impl Layers {
    /// A scenario file.
    pub fn file(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let source = Arc::new(Source {
            name: name.to_string(),
            text: text.to_string(),
        });
        self.table.overlay(&Table::parse(&source)?);
        Ok(())
    }

    /// Whether there is a `[sweep]`.
    pub fn has_sweep(&self) -> bool {
        self.table.get("sweep").is_some()
    }

    /// `PATH=VALUE`, as `--set` takes it. The value is TOML, or else bare text.
    pub fn set(&mut self, assignment: &str) -> Result<(), Problem> {
        let source = Arc::new(Source {
            name: "--set".to_string(),
            text: assignment.to_string(),
        });
        let whole = Place {
            source: source.clone(),
            span: 0..assignment.len(),
        };
        let Some((path, value)) = assignment.split_once('=') else {
            return Err(Problem::new("expected PATH=VALUE")
                .at(Some(whole))
                .help("for example --set service.servers=80"));
        };
        let keys = source_keys(&source, path.len())?;
        let bare = value.trim();
        let start = path.len() + 1 + (value.len() - value.trim_start().len());
        let place = Place {
            source: source.clone(),
            span: start..start + bare.len(),
        };
        // Read `x = VALUE` laid out so that spans fall where VALUE stands.
        let padded = Arc::new(Source {
            name: source.name.clone(),
            text: format!("x{}={}", " ".repeat(start.saturating_sub(2)), bare),
        });
        let kind = match Table::parse(&padded) {
            Ok(mut table) if start >= 2 && table.entries.len() == 1 => {
                table.entries.remove(0).node.kind
            }
            _ => Kind::Text {
                text: bare.to_string(),
                exact: true,
            },
        };
        self.put(keys, Node { place, kind })
    }

    /// A flag that stands for the field at `path`.
    pub fn flag(&mut self, flag: &str, path: &str, text: &str) -> Result<(), Problem> {
        let node = Node::from_flag(flag, text);
        self.put(flag_path(path, &node.place), node)
    }

    /// Flags that stand for fields, those that were given: (flag, path, text).
    pub fn flags<'f>(
        &mut self,
        flags: impl IntoIterator<Item = (&'f str, &'f str, &'f Option<String>)>,
    ) -> Result<(), Problem> {
        for (flag, path, text) in flags {
            if let Some(text) = text {
                self.flag(flag, path, text)?;
            }
        }
        Ok(())
    }

    /// A flag that may be repeated or hold a comma list outside parentheses.
    pub fn list_flag(&mut self, flag: &str, path: &str, texts: &[String]) -> Result<(), Problem> {
        let mut items = Vec::new();
        for text in texts {
            let mut depth = 0;
            for part in text.split(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                c == ',' && depth == 0
            }) {
                items.push(Node::from_flag(flag, part.trim()));
            }
        }
        let Some(first) = items.first() else {
            return Ok(());
        };
        let place = first.place.clone();
        let keys = flag_path(path, &place);
        self.put(
            keys,
            Node {
                place,
                kind: Kind::List(items),
            },
        )
    }

    fn put(&mut self, mut keys: Vec<(String, Place)>, node: Node) -> Result<(), Problem> {
        let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        match (&names[..], &node.kind) {
            // A table of fields is as many fields.
            (["policy"] | ["policy", _], Kind::Table(fields)) => {
                for field in &fields.entries {
                    let mut keys = keys.clone();
                    keys.push((field.key.clone(), field.place.clone()));
                    self.put(keys, field.node.clone())?;
                }
                return Ok(());
            }
            (["policy", _, _, ..], _) => {
                self.policy_overrides.push(Override {
                    policy: names[1].to_string(),
                    path: keys.split_off(2),
                    node,
                });
                return Ok(());
            }
            // Another kind of arrival: what belongs to the former one goes.
            (["callers", "arrival"], Kind::Text { text, .. }) => {
                self.table.retain("callers", |key| {
                    ARRIVAL_FIELDS
                        .iter()
                        .all(|(field, owner)| *field != key || owner == text)
                });
            }
            _ => {}
        }
        self.table.set(&keys, node)
    }
}

/// Which kind of arrival a field of `[callers]` goes with.
const ARRIVAL_FIELDS: [(&str, &str); 4] = [
    ("rate", "open"),
    ("think", "closed"),
    ("at", "once"),
    ("spread", "once"),
];

/// The keys of a dotted path, all at the place where it stands.
fn keys(path: &str, place: &Place) -> Result<Vec<(String, Place)>, Problem> {
    let source = Arc::new(Source {
        name: String::new(),
        text: path.to_string(),
    });
    let keys = source_keys(&source, path.len()).map_err(|e| e.at(Some(place.clone())))?;
    Ok(keys
        .into_iter()
        .map(|(key, _)| (key, place.clone()))
        .collect())
}

/// The keys of a dotted path that ends at byte `end` of a source.
fn source_keys(source: &Arc<Source>, end: usize) -> Result<Vec<(String, Place)>, Problem> {
    let path = &source.text[..end];
    let place = |span| Place {
        source: source.clone(),
        span,
    };
    let mut quoted = false;
    let mut keys = Vec::new();
    let mut at = 0;
    // Dots within quotes are part of a name.
    for key in path.split(|c| {
        quoted ^= c == '"';
        c == '.' && !quoted
    }) {
        let trimmed = key.trim();
        let start = at + (key.len() - key.trim_start().len());
        if trimmed.is_empty() {
            return Err(
                Problem::new("a path is names joined by dots").at(Some(place(0..end.max(1))))
            );
        }
        keys.push((
            trimmed.trim_matches('"').to_string(),
            place(start..start + trimmed.len()),
        ));
        at += key.len() + 1;
    }
    Ok(keys)
}

/// The keys of a field that a flag stands for.
fn flag_path(path: &str, place: &Place) -> Vec<(String, Place)> {
    path.split('.')
        .map(|key| (key.to_string(), place.clone()))
        .collect()
}

impl Scenario {
    /// The default scenario: the main job.
    pub fn blip() -> Scenario {
        // The defaults are constants; a test reads them.
        Scenario::from_layers(&Layers::default()).unwrap_or_else(|e| unreachable!("{e}"))
    }

    /// Reads a scenario file's text.
    ///
    /// # Errors
    /// A [`Problem`] at its place for anything that cannot be meant.
    pub fn parse(name: &str, text: &str) -> Result<Scenario, Problem> {
        let mut layers = Layers::default();
        layers.file(name, text)?;
        Scenario::from_layers(&layers)
    }

    /// The same file as TOML, every field spelled out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a scenario is plain data: {e}"))
    }

    /// Resolves defaults, names and overrides, and checks what belongs together.
    ///
    /// # Errors
    /// A [`Problem`] at its place for anything that cannot be meant.
    pub fn from_layers(layers: &Layers) -> Result<Scenario, Problem> {
        let empty = Table::default();
        let mut top = Section::new(&layers.table);
        let kind = top
            .word("kind", "kind of scenario", &[("herd", ScenarioKind::Herd)])?
            .unwrap_or(ScenarioKind::Herd);
        let name = named(&mut top, "blip")?;
        let mut sub = |key| match top.node(key) {
            Some(node) => node.table(),
            None => Ok(&empty),
        };
        let callers = callers(sub("callers")?)?;
        let once = matches!(callers.arrival, Arrival::Once { .. });
        let run = run(sub("run")?, once)?;
        let network = network(sub("network")?)?;
        let service = match top.node("service") {
            Some(Node {
                kind: Kind::List(tiers),
                place,
            }) => match tiers.as_slice() {
                [only] => service(only.table()?)?,
                _ => {
                    return Err(Problem::new("a chain of services cannot be simulated yet")
                        .at(Some(place.clone()))
                        .help("give one [service]"));
                }
            },
            Some(node) => service(node.table()?)?,
            None => service(&empty)?,
        };
        let faults = match top.node("faults") {
            Some(node) => faults(node, &run, once)?,
            None => {
                let crash = Fault {
                    kind: FaultKind::Crash,
                    from: Nanos::from_secs(10),
                    lasts: Nanos::from_secs(2),
                    ramp: Nanos::ZERO,
                };
                if crash.from >= run.horizon {
                    return Err(Problem::new(format!(
                        "the default fault begins at {}, the run ends at {}",
                        crash.from, run.horizon
                    ))
                    .help("give another with --fault, or --fault none"));
                }
                vec![crash]
            }
        };
        let own = top.node("policy");
        let policies = policies(own, top.node("compare"), &DEFAULT_COMPARE, layers)?;
        top.finish()?;
        Ok(Scenario {
            kind,
            name,
            faults,
            compare: policies.iter().map(|(name, _)| name.clone()).collect(),
            run,
            callers,
            network,
            service,
            policies,
        })
    }
}

/// The catalogue's policies, read once.
fn catalogue() -> Result<&'static Table, Problem> {
    static READ: LazyLock<Result<Table, Problem>> = LazyLock::new(read_catalogue);
    READ.as_ref().map_err(Clone::clone)
}

fn read_catalogue() -> Result<Table, Problem> {
    let source = Arc::new(Source {
        name: "catalogue".to_string(),
        text: CATALOGUE.to_string(),
    });
    let table = Table::parse(&source)?;
    match table.get("policy") {
        Some(entry) => entry.node.table().cloned(),
        None => Ok(Table::default()),
    }
}

/// A name makes a directory, so it is letters, digits, `-`, `_` and `.`.
fn scenario_name(node: &Node) -> Result<String, Problem> {
    let name = node.text()?;
    if is_plain_name(name) {
        Ok(name.to_string())
    } else {
        Err(Problem::new("a name is letters, digits, `-`, `_` and `.`")
            .at(Some(node.place.clone()))
            .help("it becomes the directory of the results"))
    }
}

pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A whole number within bounds.
fn count(
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

const MOST: u64 = u32::MAX as u64 - 1;

fn count_u32(
    section: &mut Section<'_>,
    key: &'static str,
    default: u64,
    least: u64,
) -> Result<u32, Problem> {
    Ok(count(section, key, default, least..=MOST)? as u32)
}

fn above_zero(section: &Section<'_>, key: &str, value: Nanos) -> Result<Nanos, Problem> {
    if value == Nanos::ZERO {
        return Err(Problem::new(format!("`{key}` must be longer than 0")).at(section.place(key)));
    }
    Ok(value)
}

fn run(table: &Table, once: bool) -> Result<Run, Problem> {
    let mut s = Section::new(table);
    let seed = count(&mut s, "seed", 1, 0..=i64::MAX as u64)?;
    let replications = count(&mut s, "replications", 20, 1..=10_000_000)?;
    let precision: Option<Probability> = s.read("precision")?;
    if precision.is_some_and(|p| p.0 == 0.0) {
        return Err(Problem::new("a precision of 0 is never reached").at(s.place("precision")));
    }
    let max_replications = match precision {
        Some(_) => Some(count(
            &mut s,
            "max_replications",
            replications.max(1_000),
            replications..=10_000_000,
        )?),
        None => {
            if s.node("max_replications").is_some() {
                return Err(Problem::new("`max_replications` goes with `precision`")
                    .at(s.place("max_replications")));
            }
            None
        }
    };
    let horizon = s.read("horizon")?.unwrap_or(Nanos::from_secs(60));
    let horizon = above_zero(&s, "horizon", horizon)?;
    let default_warmup = Nanos(match once {
        true => 0,
        false => Nanos::from_secs(2).0.min(horizon.0 / 10),
    });
    let warmup = s.read("warmup")?.unwrap_or(default_warmup);
    if warmup >= horizon {
        return Err(Problem::new(format!(
            "the warm-up of {warmup} leaves nothing of the horizon of {horizon}"
        ))
        .at(s.place("warmup").or(s.place("horizon"))));
    }
    let bin = s.read("bin")?.unwrap_or(Nanos::from_millis(100));
    let bin = above_zero(&s, "bin", bin)?;
    s.finish()?;
    Ok(Run {
        seed,
        replications,
        precision,
        max_replications,
        warmup,
        horizon,
        bin,
    })
}

fn callers(table: &Table) -> Result<Callers, Problem> {
    let mut s = Section::new(table);
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
    enum Kind {
        Open,
        Closed,
        Once,
    }
    let kinds = [
        ("open", Kind::Open),
        ("closed", Kind::Closed),
        ("once", Kind::Once),
    ];
    let kind = s.word("arrival", "arrival", &kinds)?.unwrap_or(Kind::Open);
    for (key, owner) in ARRIVAL_FIELDS {
        if s.node(key).is_some() && !kinds.contains(&(owner, kind)) {
            return Err(
                Problem::new(format!("`{key}` goes with arrival = \"{owner}\"")).at(s.place(key)),
            );
        }
    }
    let arrival = match kind {
        Kind::Open => {
            let rate = s.read("rate")?.unwrap_or(Rate(1.0));
            if rate.0 <= 0.0 {
                return Err(Problem::new("`rate` must be above 0").at(s.place("rate")));
            }
            Arrival::Open { rate }
        }
        Kind::Closed => {
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
        Kind::Once => Arrival::Once {
            at: s.read("at")?.unwrap_or(Nanos::ZERO),
            spread: s.read("spread")?.unwrap_or(Dist::Const(Nanos::ZERO)),
        },
    };
    s.finish()?;
    Ok(Callers {
        count: callers,
        clients,
        arrival,
    })
}

fn network(table: &Table) -> Result<Network, Problem> {
    let mut s = Section::new(table);
    let zero = Dist::Const(Nanos::ZERO);
    let network = Network {
        out: s.read("out")?.unwrap_or(zero.clone()),
        back: s.read("back")?.unwrap_or(zero),
    };
    s.finish()?;
    Ok(network)
}

fn service(table: &Table) -> Result<Service, Problem> {
    let mut s = Section::new(table);
    let kind = s
        .word("kind", "kind of service", &[("queue", ServiceKind::Queue)])?
        .unwrap_or(ServiceKind::Queue);
    let service_time = s.read("service_time")?.unwrap_or(Dist::Exp {
        mean: Nanos::from_millis(14),
    });
    if service_time.mean_s().is_nan() || service_time.mean_s() <= 0.0 {
        return Err(
            Problem::new("`service_time` must be longer than 0").at(s.place("service_time"))
        );
    }
    if service_time.mean_s() == f64::INFINITY {
        return Err(Problem::new(
            "`service_time` has no finite mean, which leaves the service no capacity",
        )
        .at(s.place("service_time"))
        .help("a pareto law needs `alpha` above 1"));
    }
    let disciplines = [("fifo", Discipline::Fifo), ("lifo", Discipline::Lifo)];
    let cancels = [
        ("none", Cancel::None),
        ("queued", Cancel::Queued),
        ("all", Cancel::All),
    ];
    let service = Service {
        kind,
        servers: count_u32(&mut s, "servers", 100, 1)?,
        service_time,
        queue: count_u32(&mut s, "queue", 5_000, 0)?,
        discipline: s
            .word("discipline", "discipline", &disciplines)?
            .unwrap_or(Discipline::Fifo),
        drop_expired: s.bool("drop_expired")?.unwrap_or(false),
        cancel: s
            .word("cancel", "cancel rule", &cancels)?
            .unwrap_or(Cancel::None),
        effect: effect(&mut s)?,
    };
    s.finish()?;
    Ok(service)
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
    if matches!(&node.kind, Kind::Text { text, .. } if text == "none") {
        // Its key may stay in the file.
        for key in ["key", "retention", "crash"] {
            s.node(key);
        }
        return Ok(None);
    }
    Ok(Some(Effect {
        effect: scenario_name(node)?,
        key: s
            .word("key", "key mode", &saga::KEY_MODES)?
            .unwrap_or(saga::KeyMode::None),
        retention: saga::retention(s)?.unwrap_or(saga::Retention::For(Nanos::from_secs(30 * 60))),
        crash: s.read("crash")?.unwrap_or(Probability(0.01)),
    }))
}

fn faults(node: &Node, run: &Run, once: bool) -> Result<Vec<Fault>, Problem> {
    let mut faults: Vec<Fault> = Vec::new();
    let items = node.list()?;
    for item in &items {
        // `--fault none` clears the faults of the file.
        if matches!(&item.kind, Kind::Text { text, .. } if text == "none") {
            if items.len() > 1 {
                return Err(Problem::new("`none` stands alone, not beside other faults")
                    .at(Some(item.place.clone())));
            }
            continue;
        }
        let fault: Fault = item.read()?;
        if fault.from >= run.horizon {
            return Err(Problem::new(format!(
                "the fault begins at {}, the run ends at {}",
                fault.from, run.horizon
            ))
            .at(Some(item.place.clone()))
            .help("set a longer `horizon` in [run]"));
        }
        if once && matches!(fault.kind, FaultKind::Surge(_)) {
            return Err(
                Problem::new("callers that call once cannot surge").at(Some(item.place.clone()))
            );
        }
        faults.push(fault);
    }
    Ok(faults)
}

/// Where policies come from: the file, then the catalogue, then overrides.
struct Policies<'a> {
    own: &'a Table,
    catalogue: &'a Table,
    overrides: &'a [Override],
}

impl Policies<'_> {
    fn resolve(
        &self,
        compare: Option<&Node>,
        default: &[&str],
    ) -> Result<Vec<(String, Policy)>, Problem> {
        let mut names: Vec<(String, Option<Place>)> = Vec::new();
        match compare {
            Some(node) => {
                for item in node.list()? {
                    names.push((item.text()?.to_string(), Some(item.place.clone())));
                }
                if names.is_empty() {
                    return Err(
                        Problem::new("there is no policy to compare").at(Some(node.place.clone()))
                    );
                }
            }
            None if self.own.entries.is_empty() => {
                names.extend(default.iter().map(|name| (name.to_string(), None)));
            }
            None => {
                for e in &self.own.entries {
                    names.push((e.key.clone(), Some(e.place.clone())));
                }
            }
        }
        for (i, (name, place)) in names.iter().enumerate() {
            if names[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(
                    Problem::new(format!("policy `{name}` is named twice")).at(place.clone())
                );
            }
            if !is_plain_name(name) {
                return Err(
                    Problem::new("a policy's name is letters, digits, `-`, `_` and `.`")
                        .at(place.clone()),
                );
            }
        }
        for Override {
            policy: name, path, ..
        } in self.overrides
        {
            if name != "*" && !names.iter().any(|(n, _)| n == name) {
                let place = path.first().map(|(_, place)| place.clone());
                let known: Vec<&str> = names.iter().map(|(n, _)| n.as_str()).collect();
                return Err(
                    Problem::new(format!("policy `{name}` is not part of this run"))
                        .at(place)
                        .help(suggest(name, &known)),
                );
            }
        }
        let mut policies = Vec::with_capacity(names.len());
        for (name, place) in names {
            let mut table = self.lookup(&name, place, &mut Vec::new())?;
            for set in self.overrides {
                if set.policy == "*" || set.policy == name {
                    table.set(&set.path, set.node.clone())?;
                }
            }
            let policy = policy(&table)?;
            policies.push((name, policy));
        }
        Ok(policies)
    }

    /// The policy's table with everything it extends laid under it.
    fn lookup(
        &self,
        name: &str,
        place: Option<Place>,
        seen: &mut Vec<String>,
    ) -> Result<Table, Problem> {
        // A file's policy may extend the catalogue's of the same name.
        let own = self
            .own
            .get(name)
            .filter(|_| !seen.iter().any(|s| s == name));
        let entry = match own.or_else(|| self.catalogue.get(name)) {
            Some(entry) => entry,
            None if seen.iter().any(|s| s == name) => {
                return Err(Problem::new(format!("policy `{name}` extends itself")).at(place));
            }
            None => {
                let names: Vec<&str> = self
                    .own
                    .entries
                    .iter()
                    .chain(&self.catalogue.entries)
                    .map(|e| e.key.as_str())
                    .collect();
                return Err(Problem::new(format!("unknown policy `{name}`"))
                    .at(place)
                    .help(suggest(name, &names)));
            }
        };
        let first = seen.is_empty();
        if own.is_some() || first {
            seen.push(name.to_string());
        }
        let table = entry.node.table()?;
        // `--set` may give the policy itself another base, not one further down.
        let instead = self.overrides.iter().rev().find(|set| {
            first && (set.policy == "*" || set.policy == name) && set.path[0].0 == "extends"
        });
        let base = match (instead, table.get("extends")) {
            (Some(set), _) => &set.node,
            (None, Some(entry)) => &entry.node,
            (None, None) => return Ok(table.clone()),
        };
        let mut merged = self.lookup(base.text()?, Some(base.place.clone()), seen)?;
        merged.overlay(table);
        Ok(merged)
    }
}

fn policy(table: &Table) -> Result<Policy, Problem> {
    let mut s = Section::new(table);
    s.node("extends");
    let attempts = count_u32(&mut s, "attempts", 6, 1)?;
    let timeout = match time_limit(&mut s, "timeout")? {
        Some(limit) => limit,
        None => Some(Nanos::from_millis(250)),
    };
    let deadline = time_limit(&mut s, "deadline")?.flatten();
    let retry_on = match s.node("retry_on") {
        None => RetryOn::ALL,
        Some(node) => {
            let kinds = Failure::ALL.map(|f| (f.name(), f));
            let mut set = RetryOn::NOTHING;
            for item in node.list()? {
                set = set.with(item.word("kind of failure", &kinds)?);
            }
            set
        }
    };
    let backoff = s
        .read("backoff")?
        .unwrap_or(Backoff::Fixed(Nanos::from_secs(1)));
    let jitter = s.read("jitter")?.unwrap_or(Jitter::None);
    if jitter == Jitter::Decorrelated && !matches!(backoff, Backoff::Exponential { .. }) {
        return Err(
            Problem::new("decorrelated jitter goes with an exponential backoff")
                .at(s.place("jitter").or(s.place("backoff")))
                .help("it takes `base` and `cap` from there"),
        );
    }
    let budget = s.node("budget").map(budget).transpose()?.flatten();
    s.finish()?;
    Ok(Policy {
        attempts,
        timeout,
        deadline,
        retry_on,
        backoff,
        jitter,
        budget,
    })
}

/// A duration above 0, or `none` for no limit; the outer `None` where the key is absent.
fn time_limit(s: &mut Section<'_>, key: &'static str) -> Result<Option<Option<Nanos>>, Problem> {
    let Some(node) = s.node(key) else {
        return Ok(None);
    };
    if matches!(&node.kind, Kind::Text { text, .. } if text == "none") {
        return Ok(Some(None));
    }
    let limit = above_zero(s, key, node.read()?)?;
    Ok(Some(Some(limit)))
}

fn budget(node: &Node) -> Result<Option<Budget>, Problem> {
    if matches!(&node.kind, Kind::Text { text, .. } if text == "none") {
        return Ok(None);
    }
    let mut s = Section::new(node.table()?);
    #[derive(Clone, Copy)]
    enum BudgetKind {
        TokenBucket,
        Ratio,
    }
    let kinds = [
        ("token-bucket", BudgetKind::TokenBucket),
        ("ratio", BudgetKind::Ratio),
    ];
    let Some(kind) = s.word("kind", "kind of budget", &kinds)? else {
        return Err(Problem::new("a budget needs its `kind`")
            .at(Some(node.place.clone()))
            .help("one of: token-bucket, ratio"));
    };
    let budget = match kind {
        BudgetKind::TokenBucket => {
            let Some(capacity) = s.read::<Tokens>("capacity")? else {
                return Err(Problem::new("a token bucket needs its `capacity`")
                    .at(Some(node.place.clone())));
            };
            let initial = s.read("initial")?.unwrap_or(capacity);
            if initial > capacity {
                return Err(Problem::new("`initial` is above `capacity`").at(s.place("initial")));
            }
            let cost = s.read("cost")?.unwrap_or(Tokens::ONE);
            Budget::TokenBucket(TokenBucket {
                capacity,
                initial,
                cost,
                timeout_cost: s.read("timeout_cost")?.unwrap_or(cost),
                throttle_cost: s.read("throttle_cost")?.unwrap_or(cost),
                deposit_per_call: s.read("deposit_per_call")?.unwrap_or_default(),
                deposit_per_success: s.read("deposit_per_success")?.unwrap_or_default(),
                refund: s.bool("refund")?.unwrap_or(false),
            })
        }
        BudgetKind::Ratio => {
            let Some(ratio) = s.read::<Factor>("ratio")? else {
                return Err(Problem::new("a ratio budget needs its `ratio`")
                    .at(Some(node.place.clone()))
                    .help("0.1 allows one retry for every ten calls"));
            };
            if ratio.0 > 1000.0 {
                return Err(Problem::new("a ratio above 1000 limits nothing").at(s.place("ratio")));
            }
            let window = s.read("window")?.unwrap_or(Nanos::from_secs(10));
            let window = above_zero(&s, "window", window)?;
            Budget::Ratio(Ratio {
                ratio,
                window,
                min_per_s: s.read("min_per_s")?.unwrap_or(Factor(0.0)),
            })
        }
    };
    s.finish()?;
    Ok(Some(budget))
}
