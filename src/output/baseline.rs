//! Against an earlier run: what is better, what is worse, by more than chance.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::output::assertion::Judged;
use crate::output::words::{list, seconds};
use crate::report::Grid;

/// The policies and metrics of an earlier `result.json`.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// What it is called: its run's name, or its file's.
    pub name: String,
    policies: BTreeMap<String, BTreeMap<String, [f64; 3]>>,
}

/// What a comparison looks at: metric, what it is called, factor and unit, and
/// whether more is better.
const LOOKED_AT: [(&str, &str, f64, &str, bool); 5] = [
    ("success_ratio", "success", 100.0, " points", true),
    ("attempts_per_call", "attempts/call", 1.0, "", false),
    ("recovery_s", "recovery", 1.0, " s", false),
    ("latency_p99_s", "p99 latency", 1.0, " s", false),
    (
        "wasted_service_ratio",
        "wasted work",
        100.0,
        " points",
        false,
    ),
];

/// What became of a comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// A line: worse, better or the same.
    pub verdict: String,
    pub table: Grid,
    /// Whether some policy answers fewer calls by more than chance.
    pub is_worse: bool,
}

impl Baseline {
    /// Reads a `result.json` of a herd.
    ///
    /// # Errors
    /// What is missing, and where.
    pub fn parse(text: &str) -> Result<Baseline, String> {
        let json: Json = serde_json::from_str(text).map_err(|e| format!("no result.json: {e}"))?;
        match json["kind"].as_str() {
            Some("herd") => {}
            Some(kind) => return Err(format!("a result of kind `{kind}`; a herd's is needed")),
            None => return Err("no result.json: it has no `kind`".to_string()),
        }
        let list = json["policies"]
            .as_array()
            .ok_or("no result.json: it has no list `policies`")?;
        let mut policies = BTreeMap::new();
        for (i, policy) in list.iter().enumerate() {
            let name = policy["name"]
                .as_str()
                .ok_or_else(|| format!("`policies[{i}]` has no `name`"))?;
            let metrics = policy["metrics"]
                .as_object()
                .ok_or_else(|| format!("policy `{name}` has no `metrics`"))?;
            let mut all = BTreeMap::new();
            for (metric, value) in metrics {
                let number = |v: &Json| v.as_f64().unwrap_or(f64::NAN);
                let mean = number(&value["mean"]);
                let ends = [number(&value["ci95"][0]), number(&value["ci95"][1])];
                all.insert(metric.clone(), [mean, ends[0], ends[1]]);
            }
            policies.insert(name.to_string(), all);
        }
        Ok(Baseline {
            name: json["name"].as_str().unwrap_or("baseline").to_string(),
            policies,
        })
    }

    /// Compares a run, policy by policy, those that are in both.
    ///
    /// The runs are taken as independent, so that intervals are rather too wide
    /// where they share their random numbers.
    pub fn compare(&self, now: &dyn Judged) -> Comparison {
        let mut rows = Vec::new();
        let (mut better, mut worse, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for name in now.cells() {
            let Some(before) = self.policies.get(name) else {
                missing.push(name.to_string());
                continue;
            };
            for (metric, title, factor, unit, more_is_better) in LOOKED_AT {
                let e = now.estimate(name, metric);
                let Some([mean, low, high]) = before.get(metric).copied() else {
                    continue;
                };
                if mean.is_nan() && e.mean.is_nan() {
                    continue;
                }
                let half = |a: f64, b: f64| if a.is_nan() { 0.0 } else { (b - a) / 2.0 };
                let width = half(low, high).hypot(half(e.low, e.high));
                let change = e.mean - mean;
                // Where one of them never recovers there is no difference to tell.
                let word = match (mean.is_nan(), e.mean.is_nan()) {
                    (true, false) => "now there is one",
                    (false, true) => "now there is none",
                    _ if change.abs() <= width || change == 0.0 => "the same",
                    _ if (change > 0.0) == more_is_better => "better",
                    _ => "worse",
                };
                if metric == "success_ratio" {
                    match word {
                        "better" => better.push(name.to_string()),
                        "worse" => worse.push(name.to_string()),
                        _ => {}
                    }
                }
                let value = |x: f64| match metric {
                    _ if x.is_nan() => "–".to_string(),
                    "recovery_s" | "latency_p99_s" => seconds(x),
                    "success_ratio" | "wasted_service_ratio" => format!("{:.2}%", x * 100.0),
                    _ => format!("{x:.3}"),
                };
                rows.push(vec![
                    name.to_string(),
                    title.to_string(),
                    value(mean),
                    value(e.mean),
                    match change.is_nan() {
                        true => "–".to_string(),
                        false => format!("{:+.3} ±{:.3}{unit}", change * factor, width * factor),
                    },
                    word.to_string(),
                ]);
            }
        }
        let mut verdict = match (&worse[..], &better[..]) {
            ([], []) => format!("As {}: no policy answers more or fewer calls", self.name),
            ([], better) => format!(
                "Better than {}: {} answer more calls",
                self.name,
                list(better)
            ),
            (worse, []) => format!(
                "Worse than {}: {} answer fewer calls",
                self.name,
                list(worse)
            ),
            (worse, better) => format!(
                "Worse than {} for {}, better for {}",
                self.name,
                list(worse),
                list(better)
            ),
        };
        if !missing.is_empty() {
            verdict += &format!("; {} was not part of it", list(&missing));
        }
        let headers = ["policy", "", "before", "now", "change", ""];
        Comparison {
            verdict,
            table: Grid::new(&format!("Against {}", self.name), &headers, &rows),
            is_worse: !worse.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ensemble::stats::Estimate;

    struct Now([f64; 3]);

    impl Judged for Now {
        fn cells(&self) -> Vec<&str> {
            vec!["fixed", "new"]
        }

        fn estimate(&self, _: &str, metric: &str) -> Estimate {
            match metric {
                "success_ratio" => Estimate {
                    mean: self.0[0],
                    low: self.0[1],
                    high: self.0[2],
                    n: 20,
                    sd: 0.01,
                },
                _ => Estimate::NONE,
            }
        }
    }

    #[test]
    fn changes_are_told_from_chance() {
        let before = r#"{"kind":"herd","name":"v1","policies":[{"name":"fixed",
            "metrics":{"success_ratio":{"mean":0.9,"ci95":[0.88,0.92]}}}]}"#;
        let baseline = Baseline::parse(before).unwrap();
        // Half widths of 2 points each make one of 2.83 together.
        for (mean, word) in [(0.92, "the same"), (0.93, "better"), (0.86, "worse")] {
            let now = Now([mean, mean - 0.02, mean + 0.02]);
            let comparison = baseline.compare(&now);
            assert_eq!(comparison.table.rows[0][5], word, "{mean}");
            assert_eq!(comparison.is_worse, word == "worse");
            assert!(comparison.verdict.ends_with("new was not part of it"));
        }
        for (text, says) in [
            ("{", "no result.json"),
            ("{}", "no `kind`"),
            (r#"{"kind":"saga"}"#, "kind `saga`"),
            (r#"{"kind":"herd"}"#, "no list `policies`"),
            (
                r#"{"kind":"herd","policies":[{}]}"#,
                "`policies[0]` has no `name`",
            ),
        ] {
            assert!(Baseline::parse(text).unwrap_err().contains(says), "{text}");
        }
    }
}
