//! What was found of the edge, as CSV and JSON.

use serde_json::{Map, Value as Json, json};

use crate::output::csv;
use crate::output::json::{number, pretty};
use herdsim_core::edge::search::{Crossing, Tried};
use herdsim_core::edge::{ByItself, Edge, Obstacle, PolicyEdge, Theory};

fn known(x: Option<f64>) -> Json {
    x.map_or(Json::Null, number)
}

fn crossing(found: &Crossing) -> Json {
    let tried = found.tried.iter().map(|tried| {
        json!({
            "size": number(tried.size),
            "never": tried.falls.never,
            "runs": tried.falls.runs,
        })
    });
    json!({
        "bracket": [known(found.before), known(found.beyond)],
        "undecided": found.undecided.map(|(from, to)| [number(from), number(to)]),
        "runs": found.runs(),
        "tried": tried.collect::<Vec<_>>(),
    })
}

fn theory(theory: &Theory) -> Json {
    json!({
        "healthy_per_s": known(theory.solutions.healthy),
        "threshold_per_s": known(theory.solutions.threshold),
        "collapsed_per_s": known(theory.solutions.collapsed),
        "tipping_capacity": known(theory.tipping_capacity),
        "recovery_capacity": number(theory.recovery_capacity),
        "tipping_load": known(theory.tipping_load),
        "recovery_load": number(1.0 / theory.recovery_capacity),
        "queue_capacity": number(theory.pressure.delay),
        "patience_s": number(theory.amplification.patience_s),
        "scaled": theory.amplification.is_scaled,
    })
}

fn policy(policy: &PolicyEdge) -> Json {
    let mut found: Map<String, Json> = Map::new();
    for (sought, c) in &policy.found {
        found.insert(sought.column().to_string(), crossing(c));
    }
    for (sought, shares) in &policy.ways {
        let shares = shares.iter().map(|(share, c)| {
            let mut one = crossing(c);
            one["share"] = number(*share);
            one
        });
        found.insert(sought.column().to_string(), shares.collect());
    }
    for of in &policy.fields {
        let ranges = of.survived();
        let ranges = ranges.iter().map(|(from, to)| [number(*from), number(*to)]);
        let tried = of.tried.iter().map(|at| {
            json!({
                "value": of.field.text(at.value),
                "never": at.falls.never,
                "runs": at.falls.runs,
            })
        });
        found.insert(
            of.field.path.clone(),
            json!({
                "survived": ranges.collect::<Vec<_>>(),
                "tried": tried.collect::<Vec<_>>(),
            }),
        );
    }
    if let Some(ByItself::Counted { plain, split }) = &policy.alone {
        let split = split.as_ref().map(|split| {
            json!({
                "per_hour": crate::output::json::estimate(split.per_hour),
                "levels": split.levels,
                "bound": split.is_bound,
            })
        });
        let plain = json!({ "collapses": plain.collapses, "hours": number(plain.hours) });
        found.insert(
            "alone".to_string(),
            json!({ "plain": plain, "split": split }),
        );
    }
    if let Some(falls) = policy.restart {
        found.insert(
            "restart".to_string(),
            json!({ "never": falls.never, "runs": falls.runs }),
        );
    }
    let by_load = policy.by_load.iter().map(|(load, c)| {
        let mut one = crossing(c);
        one["load_times"] = number(*load);
        one
    });
    json!({
        "name": policy.name,
        "theory": policy.theory.as_ref().map(theory),
        "as_is": policy.base.map(|falls| json!({ "never": falls.never, "runs": falls.runs })),
        "found": found,
        "fatal_by_load": by_load.collect::<Vec<_>>(),
    })
}

/// `result.json`.
pub fn json(edge: &Edge, sentences: &[String]) -> String {
    let obstacle = edge.obstacle.map(|obstacle| match obstacle {
        Obstacle::NoFault => json!("no fault"),
        Obstacle::Ill => json!("ill without faults"),
        Obstacle::Short(needed) => json!({ "horizon_s": number(needed.as_secs()) }),
    });
    pretty(&json!({
        "kind": "edge",
        "version": env!("CARGO_PKG_VERSION"),
        "name": edge.scenario.name,
        "seed": edge.scenario.run.seed,
        "sentences": sentences,
        "obstacle": obstacle,
        "interrupted": edge.interrupted,
        "action_s": number(edge.act.as_secs()),
        "find": edge.asked,
        "short_for_actions_s": edge.short_for_actions.map(|needed| number(needed.as_secs())),
        "fatal_by_load_of": edge.by_load_of.column(),
        "policies": edge.policies.iter().map(policy).collect::<Vec<_>>(),
    }))
}

/// `edge.csv`: everything that was tried, a row a policy, search, share and size.
pub fn table(edge: &Edge) -> String {
    let mut out = "policy,search,share,at_load,size,never,runs\n".to_string();
    let mut rows = |policy: &str, search: &str, share: f64, load: f64, found: &Crossing| {
        for tried in &found.tried {
            let fields = [
                csv::field(policy),
                search.to_string(),
                csv::number(share),
                csv::number(load),
                csv::number(tried.size),
                tried.falls.never.to_string(),
                tried.falls.runs.to_string(),
            ];
            out += &(fields.join(",") + "\n");
        }
    };
    for policy in &edge.policies {
        let name = &policy.name;
        for (sought, found) in &policy.found {
            rows(name, sought.column(), f64::NAN, f64::NAN, found);
        }
        for (sought, shares) in &policy.ways {
            for (share, found) in shares {
                rows(name, sought.column(), *share, f64::NAN, found);
            }
        }
        if let Some(falls) = policy.restart {
            let tried = vec![Tried { size: 0.1, falls }];
            let crossing = Crossing {
                tried,
                ..Crossing::default()
            };
            rows(name, "restart_s", f64::NAN, f64::NAN, &crossing);
        }
        for of in &policy.fields {
            for at in &of.tried {
                let crossing = Crossing {
                    tried: vec![Tried {
                        size: at.value,
                        falls: at.falls,
                    }],
                    ..Crossing::default()
                };
                rows(
                    name,
                    &csv::field(&of.field.path),
                    f64::NAN,
                    f64::NAN,
                    &crossing,
                );
            }
        }
        for (load, found) in &policy.by_load {
            rows(name, edge.by_load_of.column(), f64::NAN, *load, found);
        }
    }
    out
}
