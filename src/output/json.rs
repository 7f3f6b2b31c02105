//! `result.json`: the same numbers for programs. Keys are stable.

use serde_json::{Map, Value, json};

use crate::ensemble::herd::Results;
use crate::ensemble::stats::Estimate;
use crate::herd::METRICS;

/// NaN becomes null.
pub(super) fn number(x: f64) -> Value {
    serde_json::Number::from_f64(x).map_or(Value::Null, Value::Number)
}

pub(super) fn estimate(e: Estimate) -> Value {
    let ci95 = match e.low.is_nan() {
        true => Value::Null,
        false => json!([number(e.low), number(e.high)]),
    };
    json!({ "mean": number(e.mean), "ci95": ci95, "n": e.n })
}

fn metrics(of: impl Fn(usize) -> Estimate) -> Value {
    let entries = METRICS
        .iter()
        .enumerate()
        .map(|(i, name)| (name.to_string(), estimate(of(i))));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// The whole result as JSON text.
pub fn result(results: &Results) -> String {
    let policies: Vec<Value> = results
        .policies
        .iter()
        .map(|policy| {
            // Quantiles of all replications' latencies together; `metrics`
            // has the mean of each replication's own.
            let pooled = |q: f64| match policy.latency.is_empty() {
                true => Value::Null,
                false => number(policy.latency.value_at_quantile(q) as f64 / 1e9),
            };
            let mut entry = json!({
                "name": policy.name,
                "metrics": metrics(|i| policy.estimate(i)),
                "pooled_latency_s": {
                    "p50": pooled(0.5), "p90": pooled(0.9), "p99": pooled(0.99),
                    "p999": pooled(0.999),
                },
            });
            if !policy.deeper.is_empty() {
                let hops = std::iter::once(policy).chain(&policy.deeper).enumerate();
                let amplification = policy.amplification();
                entry["tiers"] = hops
                    .map(|(i, hop)| {
                        json!({
                            "name": results.scenario.tier_name(i),
                            "attempts_per_outer_call": number(amplification[i]),
                            "metrics": metrics(|m| hop.estimate(m)),
                        })
                    })
                    .collect();
            }
            entry
        })
        .collect();
    let baseline = &results.policies[0];
    let differences: Vec<Value> = results.policies[1..]
        .iter()
        .map(|policy| {
            json!({
                "policy": policy.name,
                "baseline": baseline.name,
                "metrics": metrics(|i| policy.difference(baseline, i)),
            })
        })
        .collect();
    let result = json!({
        "kind": "herd",
        "version": env!("CARGO_PKG_VERSION"),
        "name": results.scenario.name,
        "seed": results.scenario.run.seed,
        "replications": results.replications,
        "interrupted": results.interrupted,
        "verdict": crate::output::verdict::verdict(results),
        "policies": policies,
        "differences": differences,
    });
    serde_json::to_string_pretty(&result).unwrap_or_else(|e| unreachable!("plain JSON: {e}")) + "\n"
}
