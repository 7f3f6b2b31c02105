//! `--assert 'METRIC OP VALUE'`: does it hold, by the interval and not by the mean alone?

use crate::ensemble::herd::{PolicyResults, Results};
use crate::ensemble::stats::Estimate;
use crate::herd::METRICS;
use crate::scenario::value::{ValueError, suggest};

/// One condition on a metric of one policy, or of all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    pub text: String,
    policy: Option<String>,
    metric: &'static str,
    op: Op,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Op {
    fn holds(self, x: f64, value: f64) -> bool {
        match self {
            Op::Below => x < value,
            Op::AtMost => x <= value,
            Op::Above => x > value,
            Op::AtLeast => x >= value,
        }
    }
}

/// What came of an assertion.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    Holds,
    Fails(String),
    Undecided(String),
}

impl Assertion {
    /// Reads an assertion against the policies of a run.
    ///
    /// # Errors
    /// At the place of a name, an operator or a number that cannot be meant.
    pub fn parse(text: &str, policies: &[&str]) -> Result<Assertion, ValueError> {
        let example = "for example `budget.recovery_s < 5` or `success_ratio >= 99%`";
        let whole = 0..text.len();
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| ValueError::new(whole, "expected METRIC OP VALUE").help(example))?;
        let two = text[at + 1..].starts_with('=');
        let op = match (&text[at..=at], two) {
            ("<", false) => Op::Below,
            ("<", true) => Op::AtMost,
            (_, false) => Op::Above,
            (_, true) => Op::AtLeast,
        };
        let after = at + 1 + usize::from(two);
        let path = text[..at].trim();
        let start = text.len() - text.trim_start().len();
        let (policy, metric) = match path.rsplit_once('.') {
            Some((policy, metric)) => (Some(policy), metric),
            None => (None, path),
        };
        if let Some(policy) = policy
            && !policies.contains(&policy)
        {
            return Err(ValueError::new(
                start..start + policy.len(),
                format!("policy `{policy}` is not part of this run"),
            )
            .help(suggest(policy, policies)));
        }
        let metric_start = start + path.len() - metric.len();
        let Some(metric) = METRICS.iter().find(|m| **m == metric) else {
            return Err(ValueError::new(
                metric_start..metric_start + metric.len(),
                format!("unknown metric `{metric}`"),
            )
            .help(suggest(metric, &METRICS)));
        };
        let number = text[after..].trim();
        let number_at = after + text[after..].len() - text[after..].trim_start().len();
        let (digits, scale) = match number.strip_suffix('%') {
            Some(digits) => (digits, 100.0),
            None => (number, 1.0),
        };
        let value = digits.replace('_', "").parse::<f64>().ok();
        let Some(value) = value.filter(|v| v.is_finite()) else {
            return Err(ValueError::new(
                number_at..number_at + number.len(),
                "expected a number, in the unit of the metric",
            )
            .help(example));
        };
        Ok(Assertion {
            text: text.trim().to_string(),
            policy: policy.map(String::from),
            metric,
            op,
            value: value / scale,
        })
    }

    /// Rules on the results; over several policies the worst ruling counts.
    pub fn rule(&self, results: &Results) -> Ruling {
        let mut worst = Ruling::Holds;
        let concerned = results
            .policies
            .iter()
            .filter(|p| self.policy.as_ref().is_none_or(|name| *name == p.name));
        for policy in concerned {
            match (self.rule_one(policy), &worst) {
                (Ruling::Holds, _) => {}
                (fails @ Ruling::Fails(_), Ruling::Holds | Ruling::Undecided(_)) => worst = fails,
                (undecided @ Ruling::Undecided(_), Ruling::Holds) => worst = undecided,
                _ => {}
            }
        }
        worst
    }

    fn rule_one(&self, policy: &PolicyResults) -> Ruling {
        let e = policy.metric(self.metric);
        let name = format!("{}.{}", policy.name, self.metric);
        // Runs that did not recover count as recovering after the end of time.
        if self.metric == "recovery_s" && policy.metric("recovered_ratio").mean < 1.0 {
            return match self.op.holds(f64::INFINITY, self.value) {
                true => Ruling::Holds,
                false => Ruling::Fails(format!("{} does not recover in every run", policy.name)),
            };
        }
        if e.mean.is_nan() {
            return Ruling::Fails(format!("{name} has no value in this run"));
        }
        let shown = format!("{name} is {}, 95% interval {} to {}", e.mean, e.low, e.high);
        if e.low.is_nan() {
            return Ruling::Undecided(format!(
                "{name} is {}; one replication gives no interval",
                e.mean
            ));
        }
        let holds = |x| self.op.holds(x, self.value);
        match (holds(e.low), holds(e.high)) {
            (true, true) => Ruling::Holds,
            (false, false) => Ruling::Fails(shown),
            _ => Ruling::Undecided(format!("{shown}; {}", self.to_decide(&e))),
        }
    }

    /// How many replications would make the interval narrow enough, were the mean to stay.
    fn to_decide(&self, e: &Estimate) -> String {
        let distance = (e.mean - self.value).abs();
        let needed = (e.n as f64 * (e.half_width() / distance).powi(2)).ceil();
        if needed.is_finite() && needed < 1e9 {
            let needed = needed.max(e.n as f64 + 1.0);
            format!("about {needed} replications would decide")
        } else {
            "no number of replications would decide".to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assertions_are_read_with_places() {
        let policies = ["fixed", "budget"];
        let a = Assertion::parse("budget.success_ratio >= 95%", &policies).unwrap();
        assert_eq!(
            (a.metric, a.op, a.value),
            ("success_ratio", Op::AtLeast, 0.95)
        );
        let error = |text: &str| Assertion::parse(text, &policies).unwrap_err();
        assert_eq!(error("recovery < 5").span, 0..8);
        assert!(error("recovery < 5").help.unwrap().contains("recovery_s"));
        assert_eq!(error("bugdet.recovery_s<5").span, 0..6);
        assert_eq!(error("recovery_s < soon").span, 13..17);
        assert_eq!(error("recovery_s = 5").span, 0..14);
    }
}
