//! What a prediction assumes: who calls, what serves them, what happens to it.
//!
//! The default scenario's blip at a fifth of its size, `[situation]` and `[situations.NAME]`
//! of `.herdsim.toml`, `--situation FILE` and flags, each over what stands before it.

use std::path::PathBuf;

use herdsim_core::input;
use herdsim_core::scenario::callers::{Arrival, Callers};
use herdsim_core::scenario::hosts::{Balance, Hosts, MOST_HOSTS, View};
use herdsim_core::scenario::policy::{Policy, UNLIMITED};
use herdsim_core::scenario::service::ServiceKind;
use herdsim_core::scenario::{Overlay, Problem, Scenario};
use herdsim_core::units::{Nanos, Rate};
use herdsim_core::value::Value;

use super::settings::Settings;
use super::site::{Field, Retry};
use herdsim_words::format::{large, percent, thousands, three_digits};

/// What is asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// A herd scenario; its policies do not count.
    pub file: Option<PathBuf>,
    /// The share of its capacity that a service is busy with before the fault.
    pub load: Option<f64>,
    /// Calls per second, of all callers.
    pub calls: Option<Rate>,
    pub service_time: Option<String>,
    pub queue: Option<String>,
    pub faults: Vec<String>,
}

/// Rates per client, load and queue in seconds of work are those of the default scenario.
const BASE: &str = r#"
faults = ["crash@10s+2s"]
[run]
horizon = "60s"
[callers]
count = 1_000
clients = 10
[service]
servers = 20
queue = 1_000
"#;

/// That of [`BASE`].
const HORIZON: Nanos = Nanos::from_secs(60);

/// So many times as long a run may be, to see long waits out.
const LONGEST: f64 = 3.0;

/// What a policy that was read is called in a scenario.
pub const AS_WRITTEN: &str = "as-written";

/// The load before the fault where only the calls are known.
const LOAD: f64 = 0.7;

/// Waiting attempts per server in [`BASE`].
const QUEUE: u32 = 50;

/// Situations by the service that is called.
#[derive(Clone, Debug)]
pub struct Situations {
    asked: Asked,
    settings: Settings,
    file: Option<(String, String)>,
}

impl Situations {
    /// # Errors
    /// Where the file cannot be read, or what is asked for is no scenario.
    pub fn new(asked: &Asked, settings: &Settings) -> Result<Situations, Problem> {
        let read = |path: &PathBuf| {
            let name = path.display().to_string();
            let text = input::text(path)
                .map_err(|e| Problem::new(format!("cannot read `{name}`: {e}")))?;
            Ok::<_, Problem>((name, text))
        };
        let situations = Situations {
            asked: asked.clone(),
            settings: settings.clone(),
            file: asked.file.as_ref().map(read).transpose()?,
        };
        situations.regardless(None)?;
        for name in situations.settings.situations.keys() {
            situations.regardless(Some(name))?;
        }
        Ok(situations)
    }

    /// The situation of a service, or of any, whose servers are on so many hosts where the
    /// situation does not say itself on how many.
    ///
    /// # Errors
    /// Where it is no scenario: such as a fault of a host that is none of them.
    pub fn of(&self, service: Option<&str>, hosts: Option<u32>) -> Result<Scenario, Problem> {
        let mut scenario = self.read(service, hosts.unwrap_or(1))?;
        let named = scenario.faults.iter().any(|fault| fault.hosts.is_some());
        if !self.says_hosts(service)? && (hosts.is_some() || named) {
            split(&mut scenario, hosts.unwrap_or(1));
        }
        Ok(scenario)
    }

    /// The situation of a service, or of any, where it does not matter on how many hosts it is.
    ///
    /// # Errors
    /// Where it is no scenario.
    pub fn regardless(&self, service: Option<&str>) -> Result<Scenario, Problem> {
        self.read(service, MOST_HOSTS as u32)
    }

    /// Whether the situation of a service, or of any, says on how many hosts it is.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn says_hosts(&self, service: Option<&str>) -> Result<bool, Problem> {
        Ok(!self.overlay(service)?.lacks("service", "hosts"))
    }

    /// A situation. Where it does not say its hosts itself, its faults may be of any of so many,
    /// and its servers are together.
    fn read(&self, service: Option<&str>, hosts: u32) -> Result<Scenario, Problem> {
        let mut overlay = self.overlay(service)?;
        let says = !overlay.lacks("service", "hosts");
        if !says {
            overlay.flag("hosts", "service.hosts", &hosts.to_string())?;
        }
        let mut scenario = Scenario::from_overlay(&overlay)?;
        if scenario.services.len() > 1 || scenario.services[0].pool().is_none() {
            return Err(Problem::new(
                "a situation has one service, with servers and a queue",
            ));
        }
        if !says {
            scenario.services[0].hosts = None;
        }
        self.size(&mut scenario)?;
        let run = &mut scenario.run;
        run.cooldown = Nanos(run.horizon.0 / 6);
        scenario.policies.clear();
        scenario.name = "site".to_string();
        Ok(scenario)
    }

    /// What is said of a service, or of any, where a later saying holds.
    fn overlay(&self, service: Option<&str>) -> Result<Overlay, Problem> {
        let mut overlay = Overlay::default();
        overlay.file("situation", BASE)?;
        let settings = self.settings.file.as_ref();
        let settings = settings.map_or_else(String::new, |file| file.display().to_string());
        if let Some(text) = &self.settings.situation {
            overlay.file(&settings, text)?;
        }
        if let Some(text) = service.and_then(|name| self.settings.situations.get(name)) {
            overlay.file(&settings, text)?;
        }
        if let Some((name, text)) = &self.file {
            overlay.file(name, text)?;
        }
        let asked = &self.asked;
        overlay.flags([
            (
                "--service-time",
                "service.service_time",
                &asked.service_time,
            ),
            ("--queue", "service.queue", &asked.queue),
        ])?;
        overlay.list_flag("--fault", "faults", &asked.faults)?;
        Ok(overlay)
    }

    /// Brings calls and load to what was asked for.
    fn size(&self, scenario: &mut Scenario) -> Result<(), Problem> {
        let Asked { load, calls, .. } = self.asked;
        if load.is_none() && calls.is_none() {
            return Ok(());
        }
        let [callers] = &mut scenario.groups[..] else {
            let problem = "--load and --calls are of one group of callers";
            return Err(Problem::new(problem));
        };
        let Arrival::Open { rate } = &mut callers.arrival else {
            let problem = Problem::new("--load and --calls are of open arrivals");
            return Err(problem.help("leave them out, or the situation's `arrival`"));
        };
        let service = &mut scenario.services[0];
        if let Some(calls) = calls {
            let per_s = calls.0;
            callers.count = per_s.clamp(1.0, 1_000.0).round() as u32;
            callers.clients = (callers.count / 100).max(1);
            *rate = Rate(per_s / f64::from(callers.count));
            let hosts = f64::from(service.host_count());
            if let ServiceKind::Queue(pool) = &mut service.kind {
                let busy = per_s * pool.service_time.mean_s();
                pool.servers = (busy / load.unwrap_or(LOAD) / hosts).round().max(1.0) as u32;
                if self.asked.queue.is_none() {
                    pool.queue = QUEUE * pool.servers;
                }
            }
        } else if let Some(load) = load {
            let per_s = load * service.capacity_per_s();
            *rate = Rate(per_s / f64::from(callers.count));
        }
        Ok(())
    }
}

/// Puts the servers of a service on so many hosts. The load stays, and as servers come whole,
/// calls may become more or less.
fn split(scenario: &mut Scenario, hosts: u32) {
    let service = &mut scenario.services[0];
    let ServiceKind::Queue(pool) = &mut service.kind else {
        return;
    };
    let servers = pool.servers;
    pool.servers = (servers / hosts).max(1);
    pool.queue = pool.queue.div_ceil(hosts);
    let times = f64::from(pool.servers) * f64::from(hosts) / f64::from(servers);
    service.hosts = Some(Hosts {
        count: hosts,
        balance: Balance::Random,
        view: View::All,
    });
    for group in &mut scenario.groups {
        if let Arrival::Open { rate } = &mut group.arrival {
            *rate = Rate(rate.0 * times);
        }
    }
}

/// Calls per second and the share of capacity that they are, where arrivals are open.
fn load(scenario: &Scenario) -> Option<(f64, f64)> {
    let open = |group: &Callers| matches!(group.arrival, Arrival::Open { .. });
    if !scenario.groups.iter().all(open) {
        return None;
    }
    let calls = scenario.calls_per_s()?;
    Some((calls, calls / scenario.services[0].capacity_per_s()))
}

/// A situation in a line.
pub fn told(scenario: &Scenario) -> String {
    let mut parts = Vec::new();
    match load(scenario) {
        Some((calls, load)) => parts.push(format!(
            "{} calls/s, {} load",
            if calls < 100.0 {
                three_digits(calls)
            } else {
                large(calls)
            },
            whole(load)
        )),
        None => {
            let counts = scenario.groups.iter().map(|group| u64::from(group.count));
            parts.push(format!("{} callers", counts.sum::<u64>()));
        }
    }
    if let Some(pool) = scenario.services[0].pool() {
        parts.push(format!(
            "{} servers of {}, a queue of {}",
            thousands(f64::from(pool.servers)),
            pool.service_time,
            thousands(f64::from(pool.queue))
        ));
    }
    parts.push(match &scenario.faults[..] {
        [] => "no fault".to_string(),
        faults => {
            let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
            all.join(", ")
        }
    });
    parts.join("; ")
}

/// A share as a percentage without a tail of zeros: `70%`.
pub fn whole(share: f64) -> String {
    percent(share).replace(".0%", "%")
}

/// Calls per second of all callers, where arrivals are open.
pub fn calls_per_s(scenario: &Scenario) -> Option<f64> {
    load(scenario).map(|(calls, _)| calls)
}

/// The share of capacity that calls ask for, each tried once, where that is known.
pub fn load_of(scenario: &Scenario) -> Option<f64> {
    load(scenario).map(|(_, load)| load)
}

/// A policy as it is simulated: what is not known of a site is taken from the default one.
/// With the fields of which that holds.
pub fn policy(retry: &Retry) -> (Policy, Vec<Field>) {
    let own = Policy::default();
    let mut policy = retry.policy.clone();
    let unknown = |field: &Field| !retry.is_known(*field);
    let assumed: Vec<Field> = Field::ALL.into_iter().filter(unknown).collect();
    for field in &assumed {
        match field {
            Field::Attempts => policy.attempts = own.attempts,
            Field::Backoff => policy.backoff = own.backoff.clone(),
            Field::Jitter => policy.jitter = own.jitter,
            Field::Timeout => policy.timeout = own.timeout,
            Field::Deadline => policy.deadline = own.deadline,
            Field::Budget => policy.budget = own.budget.clone(),
            Field::RetryOn => policy.retry_on = own.retry_on,
        }
    }
    // Nothing is assumed of what does not matter.
    let told = |field: &Field| match field {
        Field::Deadline | Field::Budget => false,
        Field::Backoff | Field::Jitter | Field::RetryOn => policy.attempts > 1,
        Field::Attempts | Field::Timeout => true,
    };
    let told = assumed.iter().copied().filter(told).collect();
    (policy, told)
}

/// The scenario of a policy in a situation; long enough to see its waits out.
pub fn scenario(situation: &Scenario, policies: Vec<(String, Policy)>) -> Scenario {
    let mut scenario = situation.clone();
    let first = policies.first().map(|(_, policy)| policy);
    let longest = first.map_or(0.0, |policy| {
        let retries = match policy.attempts {
            UNLIMITED => 20,
            n => n.saturating_sub(1).min(20),
        };
        let waits = (1..=retries).map(|k| policy.wait_bounds(k).1 / 1e9);
        waits.filter(|wait| wait.is_finite()).fold(0.0, f64::max)
    });
    if scenario.run.horizon == HORIZON {
        let over = scenario.harm().map_or(0.0, |harm| harm.over.as_secs());
        let enough = over + 4.0 * longest;
        let enough = enough.clamp(HORIZON.as_secs(), LONGEST * HORIZON.as_secs());
        scenario.run.horizon = Nanos::from_secs_f64(enough.ceil());
        scenario.run.cooldown = Nanos(scenario.run.horizon.0 / 6);
    }
    scenario.policies = policies;
    scenario
}

/// `70%` or `0.7`.
pub fn share(text: &str) -> Result<f64, String> {
    let value = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
        None => text.trim().parse::<f64>(),
    };
    match value {
        Ok(share) if share > 0.0 && share <= 10.0 => Ok(share),
        _ => Err("expected a share of capacity, for example 70%".to_string()),
    }
}

/// `50/s`
pub fn rate(text: &str) -> Result<Rate, String> {
    match Rate::parse(text) {
        Ok(rate) if rate.0 > 0.0 => Ok(rate),
        Ok(_) => Err("expected calls, for example 50/s".to_string()),
        Err(error) => Err(error.message),
    }
}
