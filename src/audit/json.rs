//! An audit as JSON: stable keys.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::baseline::Against;
use super::inspect::Audit;
use super::margin::Margin;
use super::patch::diff;
use super::plan::{Outlook, PathOption, PathOutlook, Plan};
use super::rules::{Finding, System};
use super::seams::Number;
use super::site::{Decision, Fact, Field, How, Known, Retry, Site, end_line, line};
use super::view::View;
use herdsim_core::edge::search::Crossing;

/// An audit, and what is predicted of it.
pub fn json(view: View<'_>) -> Value {
    let (audit, plan) = (view.audit, view.plan);
    let ids = ids(&audit.system);
    let sites: Vec<Value> = audit
        .system
        .sites
        .iter()
        .zip(&ids)
        .map(|(site, id)| self::site(site, id))
        .collect();
    let graph: Vec<Value> = audit
        .system
        .edges
        .iter()
        .map(|edge| {
            json!({"from": edge.from, "to": edge.to, "how": edge.how, "weak": edge.weak,
                "file": edge.place.source.name, "line": line(&edge.place)})
        })
        .collect();
    let right: Vec<Value> = audit
        .right()
        .map(|(site, why)| json!({"site": ids[site.number], "why": why}))
        .collect();
    let aside = |all: &[super::site::Aside]| -> Vec<Value> {
        all.iter()
            .map(|a| json!({"file": a.place.source.name, "line": line(&a.place), "why": a.text}))
            .collect()
    };
    let mut unresolved = aside(&audit.unresolved);
    unresolved.extend(audit.unresolved_fields().map(|(site, field, fact)| {
        let place = fact.place.as_ref().unwrap_or(&site.place);
        json!({"site": ids[site.number], "field": field.name(), "file": place.source.name,
            "line": line(place), "why": fact.why})
    }));
    let not_read: Vec<Value> = audit
        .not_read
        .iter()
        .map(|n| json!({"file": n.file, "line": n.line, "why": n.reason}))
        .collect();
    json!({
        "kind": "audit",
        "version": env!("CARGO_PKG_VERSION"),
        "assumed": plan.map(assumed),
        "read": {"files": audit.files.count(), "bytes": audit.files.bytes},
        "sites": sites,
        "graph": graph,
        "findings": audit.findings.iter().map(|f| finding(f, &ids)).collect::<Vec<_>>(),
        "suppressed": audit.suppressed,
        "baseline": view.against.map(|against| self::against(audit, against, &ids)),
        "predictions": plan.map(|plan| predictions(plan, &ids)),
        "paths": plan.map_or_else(Vec::new, |plan| paths(audit, plan)),
        "fixes": plan.map_or_else(Vec::new, |plan| fixes(audit, plan, &ids)),
        "right": right,
        "unresolved": unresolved,
        "not_retries": aside(&audit.not_retries),
        "not_read": not_read,
        "patch": plan.and_then(|plan| patched(audit, plan)),
    })
}

/// What is new since an earlier audit, and what is gone.
fn against(audit: &Audit, against: &Against, ids: &[String]) -> Value {
    let new = against
        .new
        .iter()
        .map(|at| finding(&audit.findings[*at], ids));
    let gone = against
        .gone
        .iter()
        .map(|(rule, place, message)| json!({"id": rule, "place": place, "message": message}));
    json!({"new": new.collect::<Vec<_>>(), "gone": gone.collect::<Vec<_>>()})
}

fn assumed(plan: &Plan) -> Value {
    json!({"situation": plan.situation, "objective": plan.objective.name()})
}

fn numbers(all: &[Number]) -> Value {
    let number = |(name, e): &Number| {
        let finite = |x: f64| x.is_finite().then_some(x);
        let ci95 = finite(e.low)
            .zip(finite(e.high))
            .map(|(low, high)| [low, high]);
        let value = json!({"mean": finite(e.mean), "ci95": ci95, "n": e.n});
        ((*name).to_string(), value)
    };
    Value::Object(all.iter().map(number).collect())
}

/// How far a retry is from the edge: brackets, and how many runs they took.
fn margin(margin: &Margin) -> Value {
    let crossing =
        |found: &Crossing| json!({"bracket": [found.before, found.beyond], "runs": found.runs()});
    json!({
        "crash_s": margin.crash.as_ref().map(crossing),
        "load_times": margin.load.as_ref().map(crossing),
    })
}

/// What each site does as it is.
fn predictions(plan: &Plan, ids: &[String]) -> Vec<Value> {
    let one = |outlook: &Outlook| {
        json!({"site": ids[outlook.site], "outcome": outlook.outcome, "assumed": outlook.assumed,
            "stated": outlook.stated, "unranked": outlook.unranked, "numbers": numbers(&outlook.numbers),
            "edge": outlook.margin.as_ref().map(margin)})
    };
    plan.outlooks.iter().map(one).collect()
}

/// Paths on which attempts multiply, and where along them to retry.
fn paths(audit: &Audit, plan: &Plan) -> Vec<Value> {
    let option = |o: &PathOption| {
        json!({"change": o.name, "outcome": o.outcome, "standing": o.standing.name(),
            "number": o.patch, "patch": o.patch.and_then(|n| plan.diff(audit, n)),
            "numbers": numbers(&o.numbers)})
    };
    let path = |path: &PathOutlook| {
        let options: Vec<Value> = path.options.iter().map(option).collect();
        json!({"path": path.name, "outcome": path.outcome, "numbers": numbers(&path.numbers),
            "options": options})
    };
    plan.paths.iter().map(path).collect()
}

/// Every change of every site, best first.
fn fixes(audit: &Audit, plan: &Plan, ids: &[String]) -> Vec<Value> {
    let mut all = Vec::new();
    for outlook in &plan.outlooks {
        for (at, remedy) in outlook.remedies.iter().enumerate() {
            let patch = remedy.patch.and_then(|n| plan.diff(audit, n));
            let parts = remedy.parts.iter();
            let alone: Map<String, Value> = parts
                .map(|(name, outcome)| (name.clone(), json!(outcome)))
                .collect();
            all.push(
                json!({"site": ids[outlook.site], "rank": at + 1, "change": remedy.name,
                "standing": remedy.standing.name(), "outcome": remedy.outcome, "number": remedy.patch,
                "patch": patch, "by_hand": remedy.advice, "alone": alone, "numbers": numbers(&remedy.numbers)}),
            );
        }
    }
    all
}

/// The best changes as one diff.
fn patched(audit: &Audit, plan: &Plan) -> Option<String> {
    (plan.best.changes > 0).then(|| diff(&audit.files, &plan.best.texts))
}

/// `orders/client.py:14`; a second one on a line has `#2`.
pub fn ids(system: &System) -> Vec<String> {
    let mut lines: HashMap<String, usize> = HashMap::new();
    let id = |site: &Site| {
        let plain = format!("{}:{}", site.place.source.name, site.line());
        let same = lines.entry(plain.clone()).or_default();
        *same += 1;
        match *same {
            1 => plain,
            n => format!("{plain}#{n}"),
        }
    };
    system.sites.iter().map(id).collect()
}

fn finding(f: &Finding, ids: &[String]) -> Value {
    let numbers: Map<String, Value> = f
        .numbers
        .iter()
        .map(|(name, value)| ((*name).to_string(), json!(value)))
        .collect();
    json!({"id": f.rule.id(), "severity": f.severity, "site": ids[f.site], "file": f.place.source.name,
        "line": line(&f.place), "start": f.place.span.start, "end": f.place.span.end,
        "message": f.message, "numbers": numbers})
}

fn fact(fact: &Fact) -> Value {
    let mut known = Map::new();
    known.insert("how".to_string(), json!(fact.how));
    if let Some(place) = &fact.place {
        known.insert("line".to_string(), json!(line(place)));
        known.insert("start".to_string(), json!(place.span.start));
        known.insert("end".to_string(), json!(place.span.end));
        known.insert("file".to_string(), json!(place.source.name));
    }
    if let Some(why) = &fact.why {
        known.insert("why".to_string(), json!(why));
    }
    Value::Object(known)
}

fn site(site: &Site, id: &str) -> Value {
    let mut value = Map::new();
    let mut put = |key: &str, v: Value| {
        value.insert(key.to_string(), v);
    };
    put("id", json!(id));
    put("seam", json!(site.decision.seam()));
    put("reader", json!(site.reader));
    put("name", json!(site.name));
    put("file", json!(site.place.source.name));
    put("line", json!(site.line()));
    put("end_line", json!(end_line(&site.place)));
    put("start", json!(site.place.span.start));
    put("end", json!(site.place.span.end));
    if let Some((name, why)) = &site.named {
        put("named", json!({"policy": name, "because": why}));
    }
    if let Some(target) = &site.target {
        put("target", json!(target));
    }
    match &site.decision {
        Decision::Retry(retry) => {
            put("policy", policy(retry));
            let known = Field::ALL
                .into_iter()
                .filter_map(|f| Some((f.name().to_string(), fact(retry.fact(f)?))));
            put("known", Value::Object(known.collect()));
        }
        Decision::Timeout(known) => {
            let text = known.value.flatten().map(|d| d.to_string());
            put("policy", json!({"attempts": 1, "timeout": text}));
            put("known", json!({"timeout": fact(&known.fact)}));
        }
        Decision::Quorum(q) => {
            put(
                "quorum",
                json!({"n": q.n.value, "w": q.w.value, "r": q.r.value}),
            );
            put(
                "known",
                json!({"n": fact(&q.n.fact), "w": fact(&q.w.fact), "r": fact(&q.r.fact)}),
            );
        }
        Decision::Acks(a) => {
            let mut acks = Map::new();
            let mut known = Map::new();
            if let Some(k) = &a.acks {
                acks.insert("acks".to_string(), json!(k.value));
                known.insert("acks".to_string(), fact(&k.fact));
            }
            if let Some(k) = &a.min_isr {
                acks.insert("min_isr".to_string(), json!(k.value));
                known.insert("min_isr".to_string(), fact(&k.fact));
            }
            if let Some(k) = &a.replicas {
                acks.insert("replicas".to_string(), json!(k.value));
                known.insert("replicas".to_string(), fact(&k.fact));
            }
            put("acks", Value::Object(acks));
            put("known", Value::Object(known));
        }
        Decision::Lease(l) => {
            let text = |k: &Known<herdsim_core::units::Nanos>| k.value.map(|d| d.to_string());
            put(
                "lease",
                json!({"ttl": l.ttl.value.flatten().map(|d| d.to_string()),
                "renew": l.renew.as_ref().and_then(text), "deadline": l.deadline.as_ref().and_then(text)}),
            );
            put("known", json!({"ttl": fact(&l.ttl.fact)}));
        }
        Decision::Fence(f) => put("fence", json!({"guard": f.guard.name(), "token": f.token})),
        Decision::Effect(e) => {
            let retention = e
                .retention
                .as_ref()
                .and_then(|k| k.value)
                .map(|d| d.to_string());
            put(
                "effect",
                json!({"what": e.what, "money": e.money, "key": e.key.name(),
                "retried": e.retried_by.is_some(), "retried_by": e.retried_by, "retention": retention,
                "key_line": e.key_place.as_ref().map(line)}),
            );
        }
    }
    Value::Object(value)
}

/// A policy in herdsim's own language: `null` where it is unresolved, or where there is none.
pub fn policy(retry: &Retry) -> Value {
    let written = serde_json::to_value(&retry.policy).unwrap_or(Value::Null);
    let mut policy = Map::new();
    for field in Field::ALL {
        let unresolved = retry.fact(field).is_none_or(|f| f.how == How::Unresolved);
        let value = match unresolved {
            true => Value::Null,
            false => match written.get(field.name()) {
                Some(Value::String(text))
                    if text == "none" && matches!(field, Field::Timeout | Field::Deadline) =>
                {
                    Value::Null
                }
                Some(value) => value.clone(),
                None => Value::Null,
            },
        };
        policy.insert(field.name().to_string(), value);
    }
    if let Value::Object(all) = written {
        for (key, value) in all {
            policy.entry(key).or_insert(value);
        }
    }
    Value::Object(policy)
}
