//! CloudFormation and SAM, the same resources in YAML and JSON.
//!
//! Sources: awsdocs/aws-cloudformation-user-guide, aws/serverless-application-model.

use super::asl;
use super::format::Document;
use super::queues::{Function, Invoked, Mapping, Messaging, Queue, seconds};
use super::tree::{At, Kind, Node};
use crate::audit::site::{Known, Reading};

/// Whether the document is a template, or a part of one.
pub fn read(document: &Document, reading: &mut Reading) -> bool {
    let at = document.at;
    let Some(resources) = at
        .get("Resources")
        .or_else(|| at.path(&["resources", "Resources"]))
    else {
        return false;
    };
    let typed = resources.entries().any(|r| {
        let kind = r.get("Type").and_then(|t| t.text());
        kind.is_some_and(|t| t.starts_with("AWS::"))
    });
    if !typed {
        return false;
    }
    let template = Template { at };
    let mut all = Messaging::default();
    for resource in resources.entries() {
        template.resource(resource, &mut all, reading);
    }
    // What failed for good is sent there.
    let mut failures = Vec::new();
    at.search(&mut |at| at.name() == "OnFailure", &mut failures);
    let parked: Vec<String> = failures
        .into_iter()
        .filter_map(|at| at.get("Destination").and_then(target))
        .collect();
    for queue in &mut all.queues {
        queue.parks |= parked.contains(&queue.key);
    }
    all.tell(reading);
    true
}

#[derive(Clone, Copy)]
struct Template<'a> {
    at: At<'a>,
}

impl<'a> Template<'a> {
    /// A number, or what a parameter is unless it is given.
    fn number(self, at: Option<At<'a>>) -> Option<Known<f64>> {
        let at = at?;
        match at.get("Ref").and_then(|name| name.text()) {
            Some(name) => {
                let default = self.at.path(&["Parameters", name, "Default"]);
                let mut known = match default.map(|d| d.number()) {
                    Some(Known { value: Some(n), .. }) => {
                        Known::default(n, format!("unless `{name}` is given"))
                    }
                    _ => Known::unresolved(None, format!("the parameter `{name}`")),
                };
                known.fact.place = Some(at.place());
                Some(known)
            }
            None => Some(at.number()),
        }
    }

    /// The text that `Fn::Sub` or `Fn::Join` makes; what is known at deployment stays a
    /// placeholder.
    fn text(self, at: At) -> Option<Node> {
        let piece = |at: At| match at.as_scalar() {
            Some(scalar) => scalar.text.clone(),
            None => "${…}".to_string(),
        };
        let text = match (at.get("Fn::Sub"), at.get("Fn::Join")) {
            (Some(sub), _) => piece(sub.items().next().unwrap_or(sub)),
            (None, Some(join)) => {
                let mut said = join.items();
                let between = piece(said.next()?);
                let all: Vec<String> = said.next()?.items().map(piece).collect();
                all.join(&between)
            }
            (None, None) => return None,
        };
        Some(Node::scalar(at.node.span.clone(), text, false, false))
    }

    fn resource(self, resource: At<'a>, all: &mut Messaging, reading: &mut Reading) {
        let key = resource.name().to_string();
        let kind = resource.get("Type").and_then(|t| t.text()).unwrap_or("");
        let Some(at) = resource.get("Properties") else {
            // A queue with nothing said of it.
            if kind == "AWS::SQS::Queue" {
                all.queues.push(self.queue(&key, resource, None));
            }
            return;
        };
        match kind {
            "AWS::SQS::Queue" => all.queues.push(self.queue(&key, resource, Some(at))),
            "AWS::Lambda::Function" | "AWS::Serverless::Function" => {
                let globals = match kind {
                    "AWS::Serverless::Function" => {
                        self.at.path(&["Globals", "Function", "Timeout"])
                    }
                    _ => None,
                };
                let timeout = self.number(at.get("Timeout").or(globals));
                all.functions.push(Function {
                    key: key.clone(),
                    timeout: timeout.unwrap_or_else(|| seconds(3.0, "Lambda's default")),
                });
                if let Some(config) = at.get("EventInvokeConfig") {
                    all.invoked
                        .push(self.invoked(&key, config, Some(key.clone())));
                }
                for event in at.get("Events").into_iter().flat_map(At::entries) {
                    self.event(event, &key, all);
                }
            }
            "AWS::Lambda::EventSourceMapping" => {
                let from = at
                    .get("EventSourceArn")
                    .and_then(target)
                    .unwrap_or_default();
                let function = at.get("FunctionName").and_then(target).unwrap_or_default();
                let stream = at.get("StartingPosition").is_some();
                all.mappings
                    .push(self.mapping(resource, at, from, function, stream));
            }
            "AWS::Lambda::EventInvokeConfig" => {
                let function = at.get("FunctionName").and_then(target);
                all.invoked.push(self.invoked(&key, at, function));
            }
            "AWS::Events::Rule" => {
                for item in at.get("Targets").into_iter().flat_map(At::items) {
                    self.bridge(&key, item, all);
                }
            }
            "AWS::Scheduler::Schedule" => {
                if let Some(item) = at.get("Target") {
                    self.bridge(&key, item, all);
                }
            }
            "AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine" => {
                let names = ["Definition", "DefinitionString"];
                for definition in names.into_iter().filter_map(|n| at.get(n)) {
                    let text = self.text(definition);
                    let node = text.as_ref().unwrap_or(definition.node);
                    asl::definition(At { node, ..definition }, &key, reading);
                }
            }
            _ => {}
        }
    }

    fn queue(self, key: &str, resource: At<'a>, at: Option<At<'a>>) -> Queue {
        let get = |name: &str| at.and_then(|at| at.get(name));
        let policy = get("RedrivePolicy");
        let text = policy.and_then(|p| self.text(p));
        let policy = policy.map(|p| At {
            node: text.as_ref().unwrap_or(p.node),
            ..p
        });
        let parsed = policy.and_then(super::json::embedded);
        let inner = match (&parsed, policy) {
            (Some(node), Some(policy)) => Some(At { node, ..policy }),
            _ => policy,
        };
        let count = inner.and_then(|p| p.get("maxReceiveCount"));
        let deliveries = match (&parsed, count) {
            (None, None) => policy.map(|p| {
                Known::unresolved(Some(p.place()), "its redrive policy is chosen elsewhere")
            }),
            (None, count) => self.number(count),
            (Some(_), count) => count.map(|c| {
                let mut known = c.number();
                known.fact.place = policy.map(|p| p.place());
                known
            }),
        };
        Queue {
            key: key.to_string(),
            name: key.to_string(),
            place: Some(resource.whole()),
            visibility: self
                .number(get("VisibilityTimeout"))
                .unwrap_or_else(|| seconds(30.0, "SQS's default")),
            retention: self
                .number(get("MessageRetentionPeriod"))
                .unwrap_or_else(|| seconds(345_600.0, "SQS's default")),
            deliveries,
            dead_letters: inner
                .and_then(|p| {
                    let mut all = Vec::new();
                    p.search(&mut |at| at.name() == "deadLetterTargetArn", &mut all);
                    all.into_iter().next()
                })
                .and_then(target),
            mentions: Vec::new(),
            parks: false,
        }
    }

    /// What SAM feeds a function with.
    fn event(self, event: At<'a>, function: &str, all: &mut Messaging) {
        let kind = event.get("Type").and_then(|t| t.text()).unwrap_or("");
        let Some(at) = event.get("Properties") else {
            return;
        };
        match kind {
            "SQS" => {
                let from = at.get("Queue").and_then(target).unwrap_or_default();
                all.mappings
                    .push(self.mapping(event, at, from, function.to_string(), false));
            }
            "Kinesis" | "DynamoDB" => {
                let from = at.get("Stream").and_then(target).unwrap_or_default();
                all.mappings
                    .push(self.mapping(event, at, from, function.to_string(), true));
            }
            "EventBridgeRule" | "CloudWatchEvent" | "Schedule" | "ScheduleV2" => {
                self.bridge(event.name(), at, all);
            }
            _ => {}
        }
    }

    fn mapping(
        self,
        whole: At<'a>,
        at: At<'a>,
        source: String,
        function: String,
        stream: bool,
    ) -> Mapping {
        let reports = at.get("FunctionResponseTypes").is_some_and(|types| {
            types
                .items()
                .any(|i| i.text() == Some("ReportBatchItemFailures"))
        });
        let batch = if stream { 100.0 } else { 10.0 };
        Mapping {
            name: whole.name().to_string(),
            place: Some(whole.whole()),
            source,
            function,
            stream,
            kept: true,
            batch: self
                .number(at.get("BatchSize"))
                .unwrap_or_else(|| seconds(batch, "Lambda's default")),
            window: self
                .number(at.get("MaximumBatchingWindowInSeconds"))
                .and_then(|k| k.value)
                .unwrap_or(0.0),
            reports,
            retries: self.number(at.get("MaximumRetryAttempts")),
            age: self.number(at.get("MaximumRecordAgeInSeconds")),
        }
    }

    fn invoked(self, name: &str, at: At<'a>, function: Option<String>) -> Invoked {
        Invoked {
            name: name.to_string(),
            place: Some(at.whole()),
            function,
            reader: "lambda-async",
            retries: self.number(at.get("MaximumRetryAttempts")),
            age: self.number(at.get("MaximumEventAgeInSeconds")),
        }
    }

    fn bridge(self, name: &str, at: At<'a>, all: &mut Messaging) {
        let Some(policy) = at.get("RetryPolicy") else {
            return;
        };
        all.invoked.push(Invoked {
            name: name.to_string(),
            place: Some(policy.whole()),
            function: None,
            reader: "eventbridge",
            retries: self.number(policy.get("MaximumRetryAttempts")),
            age: self.number(policy.get("MaximumEventAgeInSeconds")),
        });
    }
}

/// The resource that is referred to: `!Ref Q`, `!GetAtt Q.Arn`, `!Sub "${Q.Arn}"`.
fn target(at: At) -> Option<String> {
    if let Some(inner) = at.get("Ref").or_else(|| at.get("Fn::GetAtt")) {
        return match &inner.node.kind {
            Kind::Scalar(scalar) => scalar.text.split('.').next().map(str::to_string),
            Kind::List(_) => inner.items().next()?.text().map(str::to_string),
            Kind::Map(_) => None,
        };
    }
    let sub = at.get("Fn::Sub").unwrap_or(at);
    let text = &sub.as_scalar()?.text;
    let inner = text.split("${").nth(1)?.split('}').next()?;
    inner.split('.').next().map(str::to_string)
}
