//! Amazon States Language: retriers of states.
//!
//! Source: awsdocs/aws-step-functions-developer-guide `concepts-error-handling.md`.

use herdsim_core::scenario::policy::{Exponent, Jitter};
use herdsim_core::units::Nanos;

use super::code::shape::exponential;
use super::json;
use super::tree::At;
use super::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Aside, Decision, Known, Reading, Retry, Site};

/// A definition as data, or as a text of JSON.
pub fn definition(at: At, name: &str, reading: &mut Reading) {
    if let Some(node) = json::embedded(at) {
        // The text's values have no bytes of their own: sites stand where it does.
        let inner = At { node: &node, ..at };
        let before = reading.sites.len();
        machine(inner, name, reading);
        let place = at.whole();
        for site in &mut reading.sites[before..] {
            site.place = place.clone();
            site.remarks
                .iter_mut()
                .for_each(|r| r.place = place.clone());
            if let Decision::Retry(retry) = &mut site.decision {
                retry.stands_at(&place);
            }
        }
        return;
    }
    if at.as_scalar().is_some_and(|s| s.text.contains("\"Retry\"")) {
        reading.unresolved.push(Aside {
            place: at.place(),
            text: format!("the states of `{name}` are a template"),
        });
    }
    machine(at, name, reading);
}

/// Whether a value is a state machine: it says where it starts, and which states there are.
pub fn is_machine(at: &At) -> bool {
    at.get("StartAt").is_some() && at.get("States").is_some_and(|s| s.is_map())
}

/// The retriers of a machine, those of its branches too.
pub fn machine(at: At, name: &str, reading: &mut Reading) {
    let Some(states) = at.get("States").filter(|_| is_machine(&at)) else {
        return;
    };
    for state in states.entries() {
        let called = match name.is_empty() {
            true => state.name().to_string(),
            false => format!("{name}.{}", state.name()),
        };
        if let Some(retriers) = state.get("Retry") {
            let mut taken = false;
            for retrier in retriers.items() {
                reading.sites.push(site(state, retrier, &called, taken));
                let errors = retrier.get("ErrorEquals").into_iter().flat_map(At::items);
                taken |= errors.into_iter().any(|e| e.text() == Some("States.ALL"));
            }
        }
        let branches = state.get("Branches").into_iter().flat_map(At::items);
        let each = ["Iterator", "ItemProcessor"]
            .into_iter()
            .filter_map(|n| state.get(n));
        for inner in branches.chain(each) {
            machine(inner, &called, reading);
        }
    }
}

fn site(state: At, at: At, name: &str, taken: bool) -> Site {
    let mut retry = Retry::default();
    let why = "Step Functions' default";
    let number = |key: &str, default: f64| match at.get(key) {
        Some(value) => value.number(),
        None => Known::default(default, why),
    };
    retry.retries(number("MaxAttempts", 3.0));
    let base = number("IntervalSeconds", 1.0);
    let cap = match at.get("MaxDelaySeconds") {
        Some(value) => value.number().map(Some),
        None => Known::default(None, why),
    };
    let all = base.and(number("BackoffRate", 2.0)).and(cap);
    retry.backoff(all.map(|((base, rate), cap)| match rate {
        1.0 => herdsim_core::scenario::policy::Backoff::Fixed(nanos(base)),
        rate => exponential(base, rate, cap, Exponent::FromZero),
    }));
    retry.jitter(match at.get("JitterStrategy") {
        Some(value) => value.known("strategy", |text| match text {
            "FULL" => Some(Jitter::Full),
            "NONE" => Some(Jitter::None),
            _ => None,
        }),
        None => Known::default(Jitter::None, why),
    });
    retry.timeout(match state.get("TimeoutSeconds") {
        Some(value) => value.number().map(|s| Some(nanos(s))),
        None => match state.get("TimeoutSecondsPath") {
            Some(path) => Known::unresolved(Some(path.place()), "its input says it"),
            None => Known::default(None, "Step Functions sets none"),
        },
    });
    retry.deadline(Known::default(None::<Nanos>, "its count ends it"));
    retry.budget(Known::default(None, "Step Functions has none"));
    let decision = Decision::Retry(Box::new(retry));
    let mut site = Site::new("step-functions", at.place(), name, decision);
    // What a retrier after one of everything catches, that one has caught.
    if taken {
        let text = "a retrier before it takes `States.ALL`: this one is never asked";
        site.remark(Rule::Hs109, at.place(), text);
    }
    site
}
