//! Terraform: queues, functions and state machines of AWS.

use std::path::Path;
use std::sync::Arc;

use herdsim_core::scenario::Source;

use super::asl;
use super::hcl::{self, Block};
use super::json;
use super::queues::{Function, Invoked, Mapping, Messaging, Queue, seconds};
use super::tree::{At, Broken};
use crate::audit::site::{Known, Reading};

/// # Errors
/// Where the file is no HCL.
pub fn read(path: &Path, source: &Arc<Source>, reading: &mut Reading) -> Result<(), Broken> {
    let (own, beside) = hcl::blocks(path, source)?;
    let mut all = Messaging::default();
    let blocks = || {
        let own = own.iter().map(|b| (b, true));
        own.chain(beside.iter().map(|b| (b, false)))
    };
    for (block, here) in blocks() {
        if block.kind == "resource" {
            resource(source, block, here, &mut all);
            let machine = block
                .labels
                .first()
                .is_some_and(|l| l == "aws_sfn_state_machine");
            if here && machine {
                let at = At::root(source, &block.node);
                if let Some(definition) = at.get("definition") {
                    asl::definition(definition, &label(block), reading);
                }
            }
        }
    }
    // A policy of its own resource belongs to the queue that it names.
    for (block, here) in blocks() {
        if block.labels.first().map(String::as_str) == Some("aws_sqs_queue_redrive_policy") {
            let at = At::root(source, &block.node);
            let queue = at.get("queue_url").and_then(target);
            let found = all
                .queues
                .iter_mut()
                .find(|q| Some(&q.key) == queue.as_ref());
            if let Some(queue) = found {
                redrive(at, queue, here);
            }
        }
    }
    all.tell(reading);
    Ok(())
}

fn label(block: &Block) -> String {
    block.labels.get(1).cloned().unwrap_or_default()
}

/// A number with its place; none of that where it is another file's.
fn number(at: Option<At>, here: bool) -> Option<Known<f64>> {
    // `null` is as if nothing were written.
    let at = at.filter(|at| at.text() != Some("null"))?;
    let mut known = at.number();
    if !here {
        known.fact.place = None;
    }
    Some(known)
}

/// The resource that a reference is to: `aws_sqs_queue.orders` of `aws_sqs_queue.orders.arn`.
fn target(at: At) -> Option<String> {
    let text = &at.as_scalar()?.text;
    let mut parts = text.split('.');
    let (kind, name) = (parts.next()?, parts.next()?);
    let plain = kind.starts_with("aws_") && !name.contains(' ');
    plain.then(|| format!("{kind}.{name}"))
}

fn resource(source: &Arc<Source>, block: &Block, here: bool, all: &mut Messaging) {
    let at = At::root(source, &block.node);
    let place = here.then(|| at.span(block.span.clone()));
    let kind = block.labels.first().map_or("", String::as_str);
    let key = format!("{kind}.{}", label(block));
    match kind {
        "aws_sqs_queue" => {
            let mut queue = Queue {
                key,
                name: label(block),
                place,
                visibility: number(at.get("visibility_timeout_seconds"), here)
                    .unwrap_or_else(|| seconds(30.0, "SQS's default")),
                retention: number(at.get("message_retention_seconds"), here)
                    .unwrap_or_else(|| seconds(345_600.0, "SQS's default")),
                deliveries: None,
                dead_letters: None,
                mentions: Vec::new(),
                parks: false,
            };
            redrive(at, &mut queue, here);
            all.queues.push(queue);
        }
        "aws_lambda_function" => all.functions.push(Function {
            key,
            timeout: number(at.get("timeout"), here)
                .unwrap_or_else(|| seconds(3.0, "Lambda's default")),
        }),
        "aws_lambda_event_source_mapping" => {
            let from = at
                .get("event_source_arn")
                .and_then(target)
                .unwrap_or_default();
            let stream = from.starts_with("aws_kinesis")
                || from.starts_with("aws_dynamodb")
                || at.get("starting_position").is_some();
            let from_topic =
                from.starts_with("aws_msk") || at.get("self_managed_event_source").is_some();
            let reports = at.get("function_response_types").is_some_and(|types| {
                let mut items = types.items();
                items.any(|i| i.text() == Some("ReportBatchItemFailures"))
            });
            all.mappings.push(Mapping {
                name: label(block),
                place,
                source: from,
                function: at.get("function_name").and_then(target).unwrap_or_default(),
                stream,
                kept: !from_topic,
                batch: number(at.get("batch_size"), here).unwrap_or_else(|| {
                    seconds(if stream { 100.0 } else { 10.0 }, "Lambda's default")
                }),
                window: number(at.get("maximum_batching_window_in_seconds"), here)
                    .and_then(|k| k.value)
                    .unwrap_or(0.0),
                reports,
                retries: number(at.get("maximum_retry_attempts"), here),
                age: number(at.get("maximum_record_age_in_seconds"), here),
            });
        }
        "aws_lambda_function_event_invoke_config" => all.invoked.push(Invoked {
            name: label(block),
            place,
            function: at.get("function_name").and_then(target),
            reader: "lambda-async",
            retries: number(at.get("maximum_retry_attempts"), here),
            age: number(at.get("maximum_event_age_in_seconds"), here),
        }),
        "aws_cloudwatch_event_target" | "aws_scheduler_schedule" => {
            let policy = at
                .get("retry_policy")
                .or_else(|| at.path(&["target", "retry_policy"]));
            if let Some(policy) = policy {
                all.invoked.push(Invoked {
                    name: label(block),
                    place,
                    function: None,
                    reader: "eventbridge",
                    retries: number(policy.get("maximum_retry_attempts"), here),
                    age: number(policy.get("maximum_event_age_in_seconds"), here),
                });
            }
        }
        _ => {}
    }
}

/// What a `redrive_policy` says, as an object or as the text of one.
fn redrive(at: At, queue: &mut Queue, here: bool) {
    // Only queues of dead letters say who may send to them.
    queue.parks |= at.get("redrive_allow_policy").is_some();
    let Some(policy) = at.get("redrive_policy") else {
        return;
    };
    if matches!(policy.text(), Some("null" | "")) {
        return;
    }
    let mut all = Vec::new();
    policy.search(&mut |at| at.as_scalar().is_some(), &mut all);
    for text in all.iter().filter_map(|at| at.as_scalar()) {
        let mentioned = text.text.split("aws_sqs_queue.").skip(1);
        queue.mentions.extend(mentioned.map(|rest| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
            format!("aws_sqs_queue.{}", &rest[..end.unwrap_or(rest.len())])
        }));
    }
    let parsed = json::embedded(policy);
    let inner = match &parsed {
        Some(node) => At { node, ..policy },
        None => policy,
    };
    queue.dead_letters = inner.get("deadLetterTargetArn").and_then(target);
    queue.deliveries = match inner.get("maxReceiveCount") {
        Some(count) => {
            let mut known = number(Some(count), here);
            // Of a text the bytes are those of the text.
            if let (Some(known), Some(_)) = (&mut known, &parsed) {
                known.fact.place = here.then(|| policy.place());
            }
            known
        }
        None => Some(Known::unresolved(
            here.then(|| policy.place()),
            "its redrive policy is made elsewhere",
        )),
    };
}
