//! What was done about the faults, and whether that is what ended them.

use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::RECOVERED_RATIO;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::action::{Action, ActionKind};
use herdsim_core::scenario::catalogue::NO_ACTION;
use herdsim_core::units::Nanos;

use crate::format::{capital, list, seconds, three_digits};
use crate::verdict::herd::fate::{Fate, named, plural};

fn share(p: f64) -> String {
    format!("{}%", three_digits(p * 100.0))
}

/// An action as what somebody does: "pausing 80% of new calls for 10 s".
pub fn doing(action: &Action) -> String {
    let what = match &action.kind {
        ActionKind::Reject(p) => format!("rejecting {} of attempts at the door", share(p.0)),
        ActionKind::Pause(p) => format!("pausing {} of new calls", share(p.0)),
        ActionKind::Restart(lasts) => format!("a restart of {}", seconds(lasts.as_secs())),
        ActionKind::Scale(x) => format!("having {} times the servers", three_digits(x.0)),
        ActionKind::Clear => "clearing the queue".to_string(),
        ActionKind::Policy(name) => format!("making new calls with {name}"),
        other => other.name().to_string(),
    };
    let lasts = action.lasts.filter(|lasts| *lasts > Nanos::ZERO);
    match lasts {
        Some(lasts) => format!("{what} for {}", seconds(lasts.as_secs())),
        None => what,
    }
}

/// The same in a word or two, for a chart.
pub fn brief(action: &Action) -> String {
    match &action.kind {
        ActionKind::Reject(p) => format!("{} rejected", share(p.0)),
        ActionKind::Pause(p) => format!("{} paused", share(p.0)),
        ActionKind::Restart(_) => "restart".to_string(),
        ActionKind::Scale(x) => format!("{}× servers", three_digits(x.0)),
        ActionKind::Clear => "queue cleared".to_string(),
        ActionKind::Policy(name) => format!("to {name}"),
        other => other.name().to_string(),
    }
}

/// All that is done, and when: "pausing 80% of new calls for 10 s, at 30 s".
pub fn all_done(actions: &[Action]) -> String {
    let mut at: Vec<(Nanos, Vec<String>)> = Vec::new();
    for action in actions {
        match at.iter_mut().find(|(from, _)| *from == action.from) {
            Some((_, same)) => same.push(doing(action)),
            None => at.push((action.from, vec![doing(action)])),
        }
    }
    let parts = at.iter().map(|(from, what)| {
        let from = seconds(from.as_secs());
        format!("{}, at {from}", list(what))
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// How long health has to be seen, at least, for a run to be told well.
const SEEN: Nanos = Nanos::from_secs(6);

/// What a reader should know of what is done: that it begins while faults last, or so late that
/// what comes of it cannot be seen.
pub fn cautions(scenario: &Scenario) -> Vec<String> {
    let Some(harm) = scenario.harm() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for action in &scenario.actions {
        let what = doing(action);
        if action.from < harm.over {
            let (from, over) = (action.from, harm.over);
            all.push(format!(
                "{what} begins at {from}, the faults are over at {over}: what it does for them \
                 and what it does for the recovery are one"
            ));
        }
        if action.over().0.saturating_add(SEEN.0) > scenario.run.horizon.0 {
            all.push(format!(
                "{what} is over at {}, the run at {}: that is too soon to tell what came of it",
                action.over(),
                scenario.run.horizon
            ));
        }
    }
    all
}

/// The policies with what was done, each with its row of nothing done.
fn pairs(results: &Results) -> Vec<(&PolicyResults, &PolicyResults)> {
    let without = |policy: &PolicyResults| {
        let name = format!("{}{NO_ACTION}", policy.name);
        results.policies.iter().find(|other| other.name == name)
    };
    let acting = results.policies.iter();
    acting.filter_map(|p| Some((p, without(p)?))).collect()
}

/// In how many runs a policy recovers: "3 of 4 runs".
fn of_runs(policy: &PolicyResults) -> String {
    let e = policy.metric(RECOVERED_RATIO);
    format!("{} of {} runs", (e.mean * e.n as f64).round(), e.n)
}

/// Whether what was done ended the collapse of each policy; nothing where nothing was done,
/// or that is not asked.
pub fn effect(results: &Results) -> Option<String> {
    let actions = &results.scenario.actions;
    let horizon = results.scenario.run.horizon.0;
    let late = |action: &Action| action.over().0.saturating_add(SEEN.0) > horizon;
    let too_late = actions.iter().any(late);
    // What begins before the fault, or has another one after it, is not the end of anything.
    let harmful = || {
        results
            .scenario
            .faults
            .iter()
            .filter(|f| !f.kind.relieves())
    };
    let begins = actions.iter().map(|action| action.from).min()?;
    if harmful().any(|fault| fault.from >= begins) {
        return None;
    }
    let (mut ended, mut not, mut needless) = (Vec::new(), Vec::new(), Vec::new());
    let (mut untold, mut rest) = (Vec::new(), Vec::new());
    for (acting, without) in pairs(results) {
        let name = named(acting);
        match (Fate::of(without), Fate::of(acting)) {
            (Fate::Never, Fate::Recovers(_)) => ended.push(name),
            (Fate::Never, Fate::Never) if too_late => untold.push(name),
            (Fate::Never, Fate::Never) => not.push(name),
            (Fate::Recovers(_), Fate::Recovers(_)) => needless.push(name),
            (Fate::Steady, _) | (_, Fate::Steady) => return None,
            (Fate::Never, _) => rest.push(format!("with {name} it does in {}", of_runs(acting))),
            _ => rest.push(format!(
                "{name} recovers in {} with it, in {} without",
                of_runs(acting),
                of_runs(without)
            )),
        }
    }
    let mut clauses = Vec::new();
    let one = actions.len() == 1;
    let subject = capital(&all_done(actions));
    let verb = |one_does: &'static str, they_do: &'static str| if one { one_does } else { they_do };
    if !ended.is_empty() {
        let ends = verb("ends", "end");
        clauses.push(format!(
            "{subject}, {ends} the collapse with {}",
            list(&ended)
        ));
    }
    if !not.is_empty() {
        let names = list(&not);
        clauses.push(match clauses.is_empty() {
            true => format!(
                "{subject}, {} not end the collapse with {names}",
                verb("does", "do")
            ),
            false => format!("with {names} {} not", verb("it does", "they do")),
        });
    }
    if !needless.is_empty() {
        let alone = format!(
            "{} {} without",
            list(&needless),
            plural(&needless, "recovers", "recover")
        );
        clauses.push(match clauses.is_empty() && untold.is_empty() {
            true => format!(
                "{subject}, {} no collapse to end: {alone}",
                verb("has", "have")
            ),
            false => alone,
        });
    }
    if !untold.is_empty() {
        let ends = verb("ends", "end");
        let whether = if clauses.is_empty() {
            "Whether"
        } else {
            "whether"
        };
        clauses.push(format!(
            "{whether} {} {ends} the collapse with {} cannot be told, as the run ends too soon after",
            all_done(actions),
            list(&untold)
        ));
    }
    if clauses.is_empty() && rest.first().is_some_and(|text| text.starts_with("with ")) {
        clauses.push(format!(
            "{subject}, {} the collapse now and then",
            verb("ends", "end")
        ));
    }
    clauses.extend(rest);
    (!clauses.is_empty()).then(|| clauses.join("; "))
}
