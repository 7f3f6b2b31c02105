//! Argo Workflows: retry strategies of workflows and their templates.
//!
//! Read for 3.4 to 3.7. Sources: argoproj/argo-workflows
//! `pkg/apis/workflow/v1alpha1/workflow_types.go`, `workflow/controller/operator.go`.

use herdsim_core::scenario::policy::{Backoff, Exponent, Jitter, UNLIMITED};

use super::code::shape::exponential;
use super::tree::At;
use super::units::or_bare;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, Known, Reading, Retry, Site};

/// The strategies of a Workflow, a WorkflowTemplate or a CronWorkflow.
pub fn read(at: At, kind: &str, name: &str, reading: &mut Reading) {
    let spec = match kind {
        "CronWorkflow" => at.path(&["spec", "workflowSpec"]),
        _ => at.get("spec"),
    };
    let Some(spec) = spec else { return };
    let mut all: Vec<(String, At)> = Vec::new();
    for owner in [Some(spec), spec.get("templateDefaults")]
        .into_iter()
        .flatten()
    {
        all.extend(owner.get("retryStrategy").map(|s| (name.to_string(), s)));
    }
    for template in spec.get("templates").into_iter().flat_map(At::items) {
        if let Some(strategy) = template.get("retryStrategy") {
            let own = template.get("name").and_then(|n| n.text()).unwrap_or(name);
            all.push((own.to_string(), strategy));
        }
    }
    for (name, strategy) in all {
        reading.sites.push(site(strategy, &name));
    }
}

fn site(at: At, name: &str) -> Site {
    let mut retry = Retry::default();
    let decision = Decision::Retry(Box::default());
    let mut site = Site::new("argo", at.whole(), name, decision);
    let limit = at.get("limit");
    match limit {
        Some(limit) => {
            retry.retries(limit.number());
        }
        None => {
            retry.attempts(Known::default(UNLIMITED, "without a `limit` there is none"));
        }
    }
    retry.jitter(Known::default(Jitter::None, "Argo adds none"));
    retry.budget(Known::default(None, "Argo has none"));
    let time = |at: At| at.known("duration", |text| or_bare(text, 1.0));
    let backoff = at.get("backoff");
    retry.deadline(match backoff.and_then(|b| b.get("maxDuration")) {
        Some(limit) => time(limit).map(Some),
        None => Known::default(None, "no `maxDuration` is set"),
    });
    let none = Known::default(Backoff::None, "without `backoff` it waits for nothing");
    retry.backoff(match backoff {
        None => none,
        // The wait is asked for only where there is a limit (operator.go).
        Some(written) if limit.is_none() => {
            let text = "without `limit` the waits are skipped: a pod follows a pod at once";
            site.remark(Rule::Hs109, written.whole(), text);
            Known::default(Backoff::None, "without `limit` the waits are skipped")
        }
        Some(written) => match written.get("duration") {
            None => none,
            Some(duration) => {
                let factor = match written.get("factor") {
                    Some(factor) => factor.number(),
                    None => Known::default(1.0, "no `factor` is set"),
                };
                let cap = match written.get("cap") {
                    Some(cap) => time(cap).map(Some),
                    None => Known::default(None, "no `cap` is set"),
                };
                let all = time(duration).and(factor).and(cap);
                all.map(|((base, factor), cap)| match factor {
                    f if f <= 1.0 => Backoff::Fixed(base),
                    f => exponential(
                        base.as_secs(),
                        f,
                        cap.map(|c| c.as_secs()),
                        Exponent::FromZero,
                    ),
                })
            }
        },
    });
    site.decision = Decision::Retry(Box::new(retry));
    site
}
