//! What goes wrong, when, and how it fades.

use std::fmt;

use serde::{Serialize, Serializer};

use super::document::{Node, Problem};
use super::service::Service;
use crate::dist::Dist;
use crate::dist_text::OneWay;
use crate::units::{Factor, Nanos, Probability};
use crate::value::{Lexer, Value, ValueError, Word, suggest};

/// One fault: `KIND(param)@FROM+FOR~RAMP`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub from: Nanos,
    pub lasts: Nanos,
    /// After the end the effect fades linearly to nothing over this time.
    pub ramp: Nanos,
    /// The name or number of the service of a chain that it hits; the last one
    /// unless said otherwise.
    pub tier: Option<String>,
    /// Which of its hosts; all of them unless said otherwise.
    pub hosts: Option<OnHosts>,
}

/// Some of the hosts of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum OnHosts {
    /// The one of this number, from 1.
    One(u32),
    /// The first of them, as many as make this share; rounded, one at least.
    Share(Probability),
}

impl OnHosts {
    /// How many of so many hosts are hit.
    pub fn count(self, hosts: u32) -> u32 {
        match self {
            OnHosts::One(_) => 1,
            OnHosts::Share(p) => ((p.0 * f64::from(hosts)).round() as u32).clamp(1, hosts),
        }
    }

    /// Whether the host of a number, from 0, is hit, of so many.
    pub fn hits(self, host: u32, hosts: u32) -> bool {
        match self {
            OnHosts::One(n) => host + 1 == n,
            OnHosts::Share(_) => host < self.count(hosts),
        }
    }
}

impl fmt::Display for OnHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnHosts::One(n) => write!(f, "host={n}"),
            OnHosts::Share(p) => write!(f, "hosts={}", p.0),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// All queued and served attempts fail as *reset* at the start; new ones
    /// are *refused* until the end.
    Crash,
    /// Nothing starts or finishes; arrivals queue up; work goes on where it stood.
    Stall,
    /// Arriving attempts vanish, with this probability.
    Blackhole(Probability),
    /// Arriving attempts are *refused*, with this probability; work inside goes on.
    Refuse(Probability),
    /// Attempts that are sent take longer to the service, by a draw of this.
    Delay(Dist),
    /// Finished work is answered with an error, with this probability.
    Errors(Probability),
    /// The work is done and its answer lost, with this probability.
    Loss(Probability),
    /// Service times of work that starts are multiplied.
    Slow(Factor),
    /// Only this share of the servers starts new work.
    Capacity(Probability),
    /// The rate of new calls is multiplied.
    Surge(Factor),
}

impl FaultKind {
    /// What it is called in a sentence.
    pub fn noun(&self) -> &'static str {
        match self {
            FaultKind::Crash => "crash",
            FaultKind::Stall => "stall",
            FaultKind::Blackhole(_) => "blackhole",
            FaultKind::Refuse(_) => "refusal",
            FaultKind::Delay(_) => "delay",
            FaultKind::Errors(_) => "burst of errors",
            FaultKind::Loss(_) => "loss of answers",
            FaultKind::Slow(_) => "slowdown",
            FaultKind::Capacity(_) => "loss of capacity",
            FaultKind::Surge(_) => "surge",
        }
    }

    /// Whether it makes things easier for the service: less demand, or faster work.
    pub fn relieves(&self) -> bool {
        match self {
            FaultKind::Surge(x) | FaultKind::Slow(x) => x.0 < 1.0,
            FaultKind::Crash
            | FaultKind::Stall
            | FaultKind::Blackhole(_)
            | FaultKind::Refuse(_)
            | FaultKind::Delay(_)
            | FaultKind::Errors(_)
            | FaultKind::Loss(_)
            | FaultKind::Capacity(_) => false,
        }
    }

    /// As scenarios spell it.
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Crash => "crash",
            FaultKind::Stall => "stall",
            FaultKind::Blackhole(_) => "blackhole",
            FaultKind::Refuse(_) => "refuse",
            FaultKind::Delay(_) => "delay",
            FaultKind::Errors(_) => "errors",
            FaultKind::Loss(_) => "loss",
            FaultKind::Slow(_) => "slow",
            FaultKind::Capacity(_) => "capacity",
            FaultKind::Surge(_) => "surge",
        }
    }
}

impl Fault {
    /// When the full effect ends and the ramp, if any, begins.
    pub fn to(&self) -> Nanos {
        Nanos(self.from.0.saturating_add(self.lasts.0))
    }

    /// When nothing of it is left.
    pub fn over(&self) -> Nanos {
        Nanos(self.to().0.saturating_add(self.ramp.0))
    }

    /// How much of the effect there is at `t`: 0 to 1.
    pub fn effect(&self, t: Nanos) -> f64 {
        decreasing(t, self.from, self.to(), self.ramp)
    }
}

/// The share at `t` of what is in full force in [`from`, `to`), and then fades over a ramp.
pub(super) fn decreasing(t: Nanos, from: Nanos, to: Nanos, ramp: Nanos) -> f64 {
    if t < from || t.0 >= to.0.saturating_add(ramp.0) {
        0.0
    } else if t < to {
        1.0
    } else {
        1.0 - (t.0 - to.0) as f64 / ramp.0 as f64
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        let parameter = match &self.kind {
            FaultKind::Blackhole(p) | FaultKind::Refuse(p) if p.0 == 1.0 => None,
            FaultKind::Errors(p)
            | FaultKind::Loss(p)
            | FaultKind::Capacity(p)
            | FaultKind::Blackhole(p)
            | FaultKind::Refuse(p) => Some(p.0.to_string()),
            FaultKind::Slow(x) | FaultKind::Surge(x) => Some(x.0.to_string()),
            FaultKind::Delay(law) => Some(law.to_string()),
            FaultKind::Crash | FaultKind::Stall => None,
        };
        let tier = self.tier.as_ref().map(|tier| format!("tier={tier}"));
        let hosts = self.hosts.map(|hosts| hosts.to_string());
        let given: Vec<String> = [parameter, tier, hosts].into_iter().flatten().collect();
        if !given.is_empty() {
            write!(f, "({})", given.join(","))?;
        }
        write!(f, "@{}+{}", self.from, self.lasts)?;
        if self.ramp > Nanos::ZERO {
            write!(f, "~{}", self.ramp)?;
        }
        Ok(())
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Faults of a run.
const MOST_FAULTS: usize = 1_000;

/// The faults of a scenario; `once` where its callers call once, so that they cannot surge.
pub(super) fn faults(
    node: &Node,
    horizon: Nanos,
    once: bool,
    services: &[Service],
) -> Result<Vec<Fault>, Problem> {
    let mut faults: Vec<Fault> = Vec::new();
    // `--fault none` clears the faults of the file.
    for item in &node.none_or_more("faults")? {
        if faults.len() == MOST_FAULTS {
            let problem = format!("there can be {MOST_FAULTS} faults at most");
            return Err(Problem::new(problem).at(Some(item.place.clone())));
        }
        let fault: Fault = item.read()?;
        if fault.from >= horizon {
            return Err(Problem::new(format!(
                "the fault begins at {}, the run ends at {}",
                fault.from, horizon
            ))
            .at(Some(item.place.clone()))
            .help("set a longer `horizon` in [run]"));
        }
        if once && matches!(fault.kind, FaultKind::Surge(_)) {
            return Err(
                Problem::new("callers that call once cannot surge").at(Some(item.place.clone()))
            );
        }
        let tier = match &fault.tier {
            Some(_) if matches!(fault.kind, FaultKind::Surge(_)) => {
                return Err(Problem::new("a surge is one of callers, not of a service")
                    .at(Some(item.place.clone())));
            }
            tier => service_of(tier.as_deref(), services)
                .map_err(|problem| problem.at(Some(item.place.clone())))?,
        };
        fault
            .check_hosts(services[tier].hosts.as_ref().map(|hosts| hosts.count))
            .map_err(|problem| problem.at(Some(item.place.clone())))?;
        if matches!(fault.kind, FaultKind::Capacity(_)) && services[tier].pool().is_none() {
            return Err(Problem::new("`capacity` needs a service with servers")
                .at(Some(item.place.clone())));
        }
        faults.push(fault);
    }
    Ok(faults)
}

/// The service that is meant: the one of that name or number, the last one where none is
/// named.
pub(super) fn service_of(tier: Option<&str>, services: &[Service]) -> Result<usize, Problem> {
    let Some(tier) = tier else {
        return Ok(services.len() - 1);
    };
    tier_of(tier, services).ok_or_else(|| {
        let named = services.iter().filter_map(|s| s.name.as_deref());
        Problem::new(format!("there is no service `{tier}`")).help(
            match named.collect::<Vec<_>>() {
                names if names.is_empty() => {
                    format!("services are numbered from 1 to {}", services.len())
                }
                names => suggest(tier, &names),
            },
        )
    })
}

/// The service that a name or a number from 1 stands for.
fn tier_of(tier: &str, services: &[Service]) -> Option<usize> {
    let named = |s: &Service| s.name.as_deref() == Some(tier);
    services.iter().position(named).or_else(|| {
        let number = tier.parse::<usize>().ok()?;
        (1..=services.len()).contains(&number).then(|| number - 1)
    })
}

impl Fault {
    /// Whether the service that it hits has the hosts that are meant, of so many.
    fn check_hosts(&self, hosts: Option<u32>) -> Result<(), Problem> {
        match (self.hosts, &self.kind) {
            (Some(_), FaultKind::Surge(_)) => Err(Problem::new("a surge is of no host")),
            (Some(_), _) if hosts.is_none() => Err(Problem::new("the service has one host")
                .help("`hosts = 10` in [service], or --hosts 10, gives it more")),
            (Some(OnHosts::One(n)), _) if n == 0 || hosts.is_some_and(|hosts| n > hosts) => {
                let last = hosts.unwrap_or(1);
                let help = format!("hosts are numbered from 1 to {last}");
                Err(Problem::new(format!("there is no host {n}")).help(help))
            }
            (Some(OnHosts::Share(p)), _) if p.0 == 0.0 => {
                Err(Problem::new("a fault on no host does nothing"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it hits the host of a number, from 0, of so many.
    pub fn hits_host(&self, host: u32, hosts: u32) -> bool {
        self.hosts.is_none_or(|some| some.hits(host, hosts))
    }

    /// Which of the services it hits.
    pub fn hits(&self, services: &[Service]) -> usize {
        service_of(self.tier.as_deref(), services).unwrap_or(services.len() - 1)
    }
}

const FAULTS: [&str; 10] = [
    "crash",
    "stall",
    "blackhole",
    "refuse",
    "delay",
    "errors",
    "loss",
    "slow",
    "capacity",
    "surge",
];

impl Value for Fault {
    const EXPECTED: &'static str = "a fault such as crash@10s+2s or errors(30%)@10s+5s~1s";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let tier = args.named::<Word>("tier")?.map(|word| word.0);
        let host = args.named::<u64>("host")?;
        let share = args.named::<Probability>("hosts")?;
        let hosts = match (host, share) {
            (Some(_), Some(_)) => {
                return Err(ValueError::new(at, "`host` and `hosts` say the same thing"));
            }
            (Some(n), None) => Some(OnHosts::One(u32::try_from(n).unwrap_or(u32::MAX))),
            (None, share) => share.map(OnHosts::Share),
        };
        let all = Probability(1.0);
        let kind = match name {
            "crash" => FaultKind::Crash,
            "stall" => FaultKind::Stall,
            "blackhole" => FaultKind::Blackhole(args.optional("p")?.unwrap_or(all)),
            "refuse" => FaultKind::Refuse(args.optional("p")?.unwrap_or(all)),
            "delay" => FaultKind::Delay(args.required::<OneWay>("by")?.0),
            "errors" => FaultKind::Errors(args.required("p")?),
            "loss" => FaultKind::Loss(args.required("p")?),
            "slow" => {
                let x: Factor = args.required("x")?;
                if x.0 == 0.0 {
                    return Err(ValueError::new(at, "`slow(0)` would make service instant"));
                }
                FaultKind::Slow(x)
            }
            "capacity" => FaultKind::Capacity(args.required("x")?),
            "surge" => FaultKind::Surge(args.required("x")?),
            _ => {
                return Err(ValueError::new(at, format!("unknown fault `{name}`"))
                    .help(suggest(name, &FAULTS)));
            }
        };
        args.finish()?;
        tokens.expect('@', "and when the fault begins, as in crash@10s+2s")?;
        let from = Nanos::read(tokens)?;
        tokens.expect('+', "and how long it lasts, as in crash@10s+2s")?;
        let here = tokens.here();
        let lasts = Nanos::read(tokens)?;
        let ramp = if tokens.eat('~') {
            Nanos::read(tokens)?
        } else {
            Nanos::ZERO
        };
        // `+0s~20s` only fades.
        if lasts == Nanos::ZERO && ramp == Nanos::ZERO {
            return Err(ValueError::new(here, "a fault lasts longer than 0"));
        }
        Ok(Fault {
            kind,
            from,
            lasts,
            ramp,
            tier,
            hosts,
        })
    }
}
