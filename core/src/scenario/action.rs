//! What an operator does about it, and when.

use std::fmt;

use serde::{Serialize, Serializer};

use super::document::{Node, Problem};
use super::fault::{decreasing, service_of};
use super::service::Service;
use crate::units::{Factor, Nanos, Probability};
use crate::value::{Lexer, Value, ValueError, Word, suggest};

/// One action: `KIND(param)@FROM`, with `+FOR` and `~RAMP` where it has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub kind: ActionKind,
    pub from: Nanos,
    /// For how long; nothing where it is for good, or done in an instant.
    pub lasts: Option<Nanos>,
    /// What is rejected or paused fades over this time, servers come over it.
    pub ramp: Nanos,
    /// The name or number of the service of a chain that is meant.
    pub tier: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ActionKind {
    /// Load shedding at the door: an arriving attempt is *rejected* with this probability,
    /// at no cost.
    Reject(Probability),
    /// A call is not made, with this probability; a caller who has but one at a time waits
    /// until the end.
    Pause(Probability),
    /// Everything at the service is *reset*, and attempts are *refused* for so long.
    Restart(Nanos),
    /// As many times as many servers.
    Scale(Factor),
    /// What waits in the queue is *rejected*.
    Clear,
    /// Calls that start from then on are made with the policy of that name.
    Policy(String),
}

/// How long a restart takes unless it says so.
const RESTART: Nanos = Nanos::from_millis(100);

impl ActionKind {
    /// As scenarios spell it.
    pub fn name(&self) -> &'static str {
        match self {
            ActionKind::Reject(_) => "reject",
            ActionKind::Pause(_) => "pause",
            ActionKind::Restart(_) => "restart",
            ActionKind::Scale(_) => "scale",
            ActionKind::Clear => "clear",
            ActionKind::Policy(_) => "policy",
        }
    }
}

impl Action {
    /// Whether callers are kept from calling.
    pub fn is_pause(&self) -> bool {
        matches!(self.kind, ActionKind::Pause(_))
    }

    /// When its full effect ends; nothing where it is for good.
    pub fn to(&self) -> Option<Nanos> {
        let lasts = match self.kind {
            ActionKind::Restart(lasts) => lasts,
            ActionKind::Clear => Nanos::ZERO,
            _ => self.lasts?,
        };
        Some(Nanos(self.from.0.saturating_add(lasts.0)))
    }

    /// When nothing of it is to come: over, or in full force for good.
    pub fn over(&self) -> Nanos {
        let end = self.to().unwrap_or(self.from);
        match self.kind {
            ActionKind::Scale(_) => end.max(Nanos(self.from.0.saturating_add(self.ramp.0))),
            _ => Nanos(end.0.saturating_add(self.ramp.0)),
        }
    }

    /// How much of the effect there is at `t`: 0 to 1. Servers come over the ramp, all else
    /// fades over it.
    pub fn effect(&self, t: Nanos) -> f64 {
        let to = self.to().unwrap_or(Nanos(u64::MAX));
        match self.kind {
            ActionKind::Scale(_) if t < self.from || t >= to => 0.0,
            ActionKind::Scale(_) => match self.ramp {
                Nanos::ZERO => 1.0,
                ramp => ((t.0 - self.from.0) as f64 / ramp.0 as f64).min(1.0),
            },
            _ => decreasing(t, self.from, to, self.ramp),
        }
    }

    /// The policy that it names.
    pub fn policy(&self) -> Option<&str> {
        match &self.kind {
            ActionKind::Policy(name) => Some(name),
            _ => None,
        }
    }

    /// Which of the services it is done to, or whose calls it is about; nothing where it
    /// concerns the calls of whoever is under comparison.
    pub fn hits(&self, services: &[Service]) -> Option<usize> {
        match (&self.kind, &self.tier) {
            (ActionKind::Pause(_), _) => Some(0),
            (ActionKind::Policy(_), None) => None,
            (_, tier) => service_of(tier.as_deref(), services).ok(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        let parameter = match &self.kind {
            ActionKind::Reject(p) | ActionKind::Pause(p) => Some(p.0.to_string()),
            ActionKind::Scale(x) => Some(x.0.to_string()),
            ActionKind::Restart(RESTART) | ActionKind::Clear => None,
            ActionKind::Restart(lasts) => Some(lasts.to_string()),
            ActionKind::Policy(name) => Some(name.clone()),
        };
        let tier = self.tier.as_ref().map(|tier| format!("tier={tier}"));
        let arguments: Vec<String> = parameter.into_iter().chain(tier).collect();
        if !arguments.is_empty() {
            write!(f, "({})", arguments.join(","))?;
        }
        write!(f, "@{}", self.from)?;
        if let Some(lasts) = self.lasts {
            write!(f, "+{lasts}")?;
        }
        if self.ramp > Nanos::ZERO {
            write!(f, "~{}", self.ramp)?;
        }
        Ok(())
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

const ACTIONS: [&str; 6] = ["reject", "pause", "restart", "scale", "clear", "policy"];

impl Value for Action {
    const EXPECTED: &'static str = "an action such as pause(80%)@30s+10s or restart@30s";

    fn read(tokens: &mut Lexer<'_>) -> Result<Self, ValueError> {
        let (name, at) = tokens.atom(Self::EXPECTED)?;
        let mut args = tokens.arguments(name, at.clone())?;
        let tier = args.named::<Word>("tier")?.map(|word| word.0);
        let kind = match name {
            "reject" => ActionKind::Reject(args.required("p")?),
            "pause" => ActionKind::Pause(args.required("p")?),
            "restart" => {
                let lasts = args.optional("for")?.unwrap_or(RESTART);
                if lasts == Nanos::ZERO {
                    return Err(ValueError::new(at, "a restart takes longer than 0"));
                }
                ActionKind::Restart(lasts)
            }
            "scale" => {
                let x: Factor = args.required("x")?;
                if x.0 == 0.0 {
                    return Err(ValueError::new(at, "`scale(0)` would leave no server"));
                }
                ActionKind::Scale(x)
            }
            "clear" => ActionKind::Clear,
            "policy" => ActionKind::Policy(args.required::<Word>("name")?.0),
            _ => {
                return Err(ValueError::new(at, format!("unknown action `{name}`"))
                    .help(suggest(name, &ACTIONS)));
            }
        };
        args.finish()?;
        tokens.expect('@', "and when it is done, as in restart@30s")?;
        let from = Nanos::read(tokens)?;
        let fades = matches!(kind, ActionKind::Reject(_) | ActionKind::Pause(_));
        let scales = matches!(kind, ActionKind::Scale(_));
        let here = tokens.here();
        let lasts = match tokens.eat('+') {
            true if fades || scales => Some(Nanos::read(tokens)?),
            true => {
                return Err(
                    ValueError::new(here, format!("`{name}` has no length")).help(match kind {
                        ActionKind::Restart(_) => "how long it takes is its argument: restart(2s)",
                        ActionKind::Policy(_) => "it is for good; name another later to go back",
                        _ => "it is done in an instant",
                    }),
                );
            }
            false if fades => {
                return Err(ValueError::new(
                    here,
                    format!("expected `+` and how long it lasts, as in {name}(80%)@30s+10s"),
                ));
            }
            false => None,
        };
        let here = tokens.here();
        let ramp = match tokens.eat('~') {
            true if fades || scales => Nanos::read(tokens)?,
            true => return Err(ValueError::new(here, format!("`{name}` has no ramp"))),
            false => Nanos::ZERO,
        };
        if lasts.is_some_and(|lasts| lasts == Nanos::ZERO) && (scales || ramp == Nanos::ZERO) {
            return Err(ValueError::new(here, "an action lasts longer than 0"));
        }
        Ok(Action {
            kind,
            from,
            lasts,
            ramp,
            tier,
        })
    }
}

const MOST_ACTIONS: usize = 100;
/// More than these come to no service.
const MOST_SERVERS: f64 = 1e7;

/// The actions of a scenario.
pub(super) fn actions(
    node: &Node,
    horizon: Nanos,
    services: &[Service],
) -> Result<Vec<Action>, Problem> {
    let mut actions: Vec<Action> = Vec::new();
    // `--action none` clears those of the file.
    for item in &node.none_or_more("actions")? {
        let problem = |text: String| Problem::new(text).at(Some(item.place.clone()));
        let action: Action = item.read()?;
        if actions.len() == MOST_ACTIONS {
            return Err(problem(format!(
                "there can be {MOST_ACTIONS} actions at most"
            )));
        }
        if action.from >= horizon {
            let late = format!(
                "the action is taken at {}, the run ends at {horizon}",
                action.from
            );
            return Err(problem(late).help("set a longer `horizon` in [run]"));
        }
        let name = action.kind.name();
        let tier = match &action.tier {
            Some(_) if matches!(action.kind, ActionKind::Pause(_)) => {
                return Err(problem(
                    "a pause is one of callers, not of a service".to_string(),
                ));
            }
            tier => {
                service_of(tier.as_deref(), services).map_err(|e| e.at(Some(item.place.clone())))?
            }
        };
        let needs_servers = matches!(action.kind, ActionKind::Scale(_) | ActionKind::Clear);
        if needs_servers && services[tier].pool().is_none() {
            return Err(problem(format!("`{name}` needs a service with servers")));
        }
        if let (ActionKind::Scale(x), Some(pool)) = (&action.kind, services[tier].pool()) {
            // Together with those before it, of which some may be over by then.
            let others = actions
                .iter()
                .filter(|other| other.hits(services) == Some(tier));
            let [mut least, mut most] = [x.0.min(1.0), x.0.max(1.0)];
            for other in others {
                if let ActionKind::Scale(x) = &other.kind {
                    least *= x.0.min(1.0);
                    most *= x.0.max(1.0);
                }
            }
            let [least, most] = [least, most].map(|x| (f64::from(pool.servers) * x).round());
            if least < 1.0 || most > MOST_SERVERS.max(f64::from(pool.servers)) {
                let left = if least < 1.0 { least } else { most };
                return Err(problem(format!("`{name}` leaves {left} servers")));
            }
        }
        actions.push(action);
    }
    Ok(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_as_the_same() {
        for text in [
            "reject(0.8)@30s+10s",
            "reject(1,tier=db)@30s+10s~2s",
            "pause(0.5)@30s+10s",
            "restart@30s",
            "restart(2s)@30s",
            "restart(2s,tier=2)@30s",
            "scale(1.5)@40s~20s",
            "scale(1.5)@40s+5s",
            "clear@30s",
            "policy(budget)@45s",
        ] {
            assert_eq!(Action::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "reject(80%)@30s",
            "pause@30s+1s",
            "restart@30s+1s",
            "restart(0s)@30s",
            "clear@30s~1s",
            "scale(0)@30s",
            "policy@30s",
            "pause(20%)@30s+0s",
            "rejct(20%)@30s+1s",
        ] {
            assert!(Action::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn servers_come_and_shares_fade() {
        let at = |text: &str, s: f64| Action::parse(text).unwrap().effect(Nanos((s * 1e9) as u64));
        let scale = "scale(3)@10s+20s~4s";
        assert_eq!(
            [9.0, 11.0, 14.0, 29.9, 30.0].map(|s| at(scale, s)),
            [0.0, 0.25, 1.0, 1.0, 0.0]
        );
        let pause = "pause(50%)@10s+2s~4s";
        assert_eq!(
            [9.0, 11.0, 13.0, 16.0].map(|s| at(pause, s)),
            [0.0, 1.0, 0.75, 0.0]
        );
        assert_eq!(
            [9.0, 10.0, 1e6].map(|s| at("scale(3)@10s", s)),
            [0.0, 1.0, 1.0]
        );
        assert_eq!(
            [10.0, 10.05, 10.1].map(|s| at("restart@10s", s)),
            [1.0, 1.0, 0.0]
        );
    }
}
