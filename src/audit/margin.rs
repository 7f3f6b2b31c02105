//! How far a retry is from the edge: the shortest crash that it does not survive, and the load
//! above which it does not survive the fault of its situation.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use herdsim_core::herd::Engine;
use herdsim_core::scenario::{Problem, Scenario};

use crate::audit::predict::Making;
use herdsim_core::edge::search::Crossing;
use herdsim_core::edge::{Asked, Sought, Watch, edge};
use herdsim_words::format::seconds;
use herdsim_words::verdict::edge::load_of;

/// What was found of a retry.
#[derive(Clone, Debug)]
pub struct Margin {
    /// In seconds.
    pub crash: Option<Crossing>,
    /// As a multiple of the load of its situation.
    pub load: Option<Crossing>,
    /// Both in a line.
    pub told: String,
}

/// Margins by the scenario that they are of: many sites share one.
#[derive(Default)]
pub struct Margins(HashMap<String, Margin>);

impl Margins {
    /// That of the first policy of a scenario.
    ///
    /// # Errors
    /// Where it was stopped.
    pub fn of(&mut self, scenario: &Scenario, making: &Making<'_>) -> Result<Margin, Problem> {
        let mut scenario = scenario.clone();
        scenario.policies.truncate(1);
        let key = scenario.to_toml();
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let watch = Watch {
            workers: making.workers,
            stop: making.stop,
            engine: Engine::default(),
            progress: &|_, _, _| (),
        };
        // One after the other: together they draw crashes by load as well.
        let crossing = |sought: Sought| -> Result<Option<Crossing>, Problem> {
            let found = edge(&scenario, Asked::of(&[sought]), &watch)?;
            match making.stop.load(Ordering::Relaxed) {
                true => Err(Problem::new("stopped")),
                false => Ok(found.policies[0].found(sought).cloned()),
            }
        };
        let (crash, load) = (crossing(Sought::Crash)?, crossing(Sought::Load)?);
        let margin = Margin {
            told: told(&scenario, crash.as_ref(), load.as_ref()),
            crash,
            load,
        };
        self.0.insert(key, margin.clone());
        Ok(margin)
    }
}

fn told(scenario: &Scenario, crash: Option<&Crossing>, load: Option<&Crossing>) -> String {
    let mut parts = Vec::new();
    if let Some(found) = crash {
        parts.push(match (found.before, found.beyond) {
            (_, Some(beyond)) => format!("does not come back from a crash of {}", seconds(beyond)),
            (Some(before), None) => format!("comes back from crashes of up to {}", seconds(before)),
            (None, None) => "its shortest fatal crash is not known".to_string(),
        });
    }
    if let Some(found) = load.filter(|found| found.before.or(found.beyond).is_some()) {
        let show = |times: f64| load_of(scenario, times);
        parts.push(match (found.before, found.beyond) {
            (Some(before), Some(_)) => {
                format!(
                    "survives the fault of the situation up to a load of {}",
                    show(before)
                )
            }
            (Some(before), None) => {
                format!(
                    "survives the fault of the situation at loads of up to {}",
                    show(before)
                )
            }
            _ => "survives the fault of the situation at no load".to_string(),
        });
    }
    parts.join("; ")
}
