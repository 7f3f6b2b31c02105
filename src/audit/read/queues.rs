//! Queues that deliver again, and the functions that they feed: SQS, Lambda, EventBridge.
//!
//! Terraform and CloudFormation say the same in two ways; what it means is said here.
//! Sources: hashicorp/terraform-provider-aws `internal/service/{sqs,lambda,events}`,
//! docs.aws.amazon.com lambda/latest/dg with-sqs, invocation-async-error-handling.

use herdsim_core::scenario::Place;
use herdsim_core::scenario::policy::{Backoff, Jitter, UNLIMITED};
use herdsim_core::units::Nanos;

use super::units::nanos;
use crate::audit::rule::Rule;
use crate::audit::site::{Decision, How, Known, Reading, Retry, Site, whole};

/// A resource of another file tells what it is worth, and is told of there.
pub type Told = Option<Place>;

pub struct Queue {
    /// By what others refer to it.
    pub key: String,
    pub name: String,
    pub place: Told,
    /// Seconds.
    pub visibility: Known<f64>,
    pub retention: Known<f64>,
    /// Deliveries before it goes to another queue; none where nothing says so.
    pub deliveries: Option<Known<f64>>,
    /// The queue of what failed.
    pub dead_letters: Option<String>,
    /// Queues that its policy speaks of, however they are picked.
    pub mentions: Vec<String>,
    /// It says that it holds what failed elsewhere.
    pub parks: bool,
}

pub struct Function {
    pub key: String,
    /// Seconds.
    pub timeout: Known<f64>,
}

/// What feeds a function.
pub struct Mapping {
    pub name: String,
    pub place: Told,
    pub source: String,
    pub function: String,
    pub stream: bool,
    /// For a day, as Kinesis and DynamoDB keep their records; a topic says so itself.
    pub kept: bool,
    pub batch: Known<f64>,
    /// Seconds that a batch is collected for.
    pub window: f64,
    /// Only the messages that failed come again.
    pub reports: bool,
    pub retries: Option<Known<f64>>,
    /// Seconds after which a record is given up.
    pub age: Option<Known<f64>>,
}

/// Retries of what runs apart from its caller.
pub struct Invoked {
    pub name: String,
    pub place: Told,
    pub function: Option<String>,
    /// `lambda-async`, `eventbridge`
    pub reader: &'static str,
    pub retries: Option<Known<f64>>,
    pub age: Option<Known<f64>>,
}

#[derive(Default)]
pub struct Messaging {
    pub queues: Vec<Queue>,
    pub functions: Vec<Function>,
    pub mappings: Vec<Mapping>,
    pub invoked: Vec<Invoked>,
}

pub fn seconds(value: f64, why: &str) -> Known<f64> {
    Known::default(value, why)
}

impl Messaging {
    pub fn tell(self, reading: &mut Reading) {
        let dead: Vec<&str> = self
            .queues
            .iter()
            .filter_map(|q| q.dead_letters.as_deref())
            .collect();
        for queue in &self.queues {
            let Some(place) = &queue.place else { continue };
            // What failed for good lies there until somebody looks.
            let lower = queue.name.to_lowercase();
            let spoken = |q: &Queue| q.key != queue.key && q.mentions.contains(&queue.key);
            let parked = queue.parks
                || self.queues.iter().any(spoken)
                || dead.contains(&queue.key.as_str())
                || queue.deliveries.is_none()
                    && ["dlq", "dead", "failed"].iter().any(|w| lower.contains(w));
            if !parked {
                reading.sites.push(self.queue(queue, place));
            }
        }
        for mapping in &self.mappings {
            let Some(place) = &mapping.place else {
                continue;
            };
            if mapping.stream {
                reading.sites.push(self.stream(mapping, place));
            }
        }
        for invoked in &self.invoked {
            if let Some(place) = &invoked.place {
                reading.sites.push(self.invoked(invoked, place));
            }
        }
    }

    fn timeout(&self, function: &str) -> Option<&Known<f64>> {
        let found = self.functions.iter().find(|f| f.key == function);
        found.map(|f| &f.timeout)
    }

    fn queue(&self, queue: &Queue, place: &Place) -> Site {
        let mut retry = Retry::default();
        let visible = queue.visibility.clone();
        retry.backoff(visible.map(|s| match s > 0.0 {
            true => Backoff::Fixed(nanos(s)),
            false => Backoff::None,
        }));
        retry.jitter(Known::default(Jitter::None, "SQS adds none"));
        retry.budget(Known::default(None, "SQS has none"));
        match &queue.deliveries {
            Some(count) => {
                retry.attempts(count.clone().map(|n| whole(n).max(1)));
                retry.deadline(Known::default(None, "its count ends it"));
            }
            None => {
                retry.attempts(Known::default(UNLIMITED, "no queue of dead letters is set"));
                retry.deadline(queue.retention.clone().map(|s| Some(nanos(s))));
            }
        }
        let fed: Vec<&Mapping> = self
            .mappings
            .iter()
            .filter(|m| m.source == queue.key)
            .collect();
        let mut site = Site::new(
            "sqs",
            place.clone(),
            &queue.name,
            Decision::Retry(Box::default()),
        );
        if let [mapping] = fed[..] {
            site.target = Some(mapping.function.clone());
            if let Some(timeout) = self.timeout(&mapping.function) {
                retry.timeout(timeout.clone().map(|s| Some(nanos(s))));
                fits(queue, mapping, timeout, &mut site);
            }
            let batch = mapping.batch.value.unwrap_or(1.0);
            if !mapping.reports && batch > 1.0 {
                let text = format!(
                    "its function gets {batch} messages at once, and without ReportBatchItemFailures one that fails brings all of them again, those that were done among them"
                );
                let at = mapping.place.clone().unwrap_or_else(|| place.clone());
                site.remark(Rule::Hs406, at, text);
            }
            if let (Some(known), Some(at)) = (&mapping.retries, &mapping.place) {
                let at = known.fact.place.clone().unwrap_or_else(|| at.clone());
                let text = "of a queue it does nothing: its maxReceiveCount decides";
                site.remark(Rule::Hs109, at, text);
            }
        }
        site.decision = Decision::Retry(Box::new(retry));
        site
    }

    /// A batch of a stream comes again until it is taken, and holds up what comes after it.
    fn stream(&self, mapping: &Mapping, place: &Place) -> Site {
        let mut retry = Retry::default();
        let endless = || Known::default(-1.0, "Lambda's default");
        let count = mapping.retries.clone().unwrap_or_else(endless);
        retry.attempts(count.map(|n| match n < 0.0 {
            true => UNLIMITED,
            false => whole(n).saturating_add(1),
        }));
        let why = "Lambda does not say how it waits";
        retry.backoff(Known::unresolved(Some(place.clone()), why));
        retry.jitter(Known::unresolved(Some(place.clone()), why));
        retry.budget(Known::default(None, "Lambda has none"));
        retry.deadline(match &mapping.age {
            Some(age) => age.clone().map(|s| (s > 0.0).then(|| nanos(s))),
            None if !mapping.kept => Known::unresolved(
                Some(place.clone()),
                "as long as the topic keeps its records",
            ),
            None => Known::default(
                Some(Nanos::from_secs(86_400)),
                "a stream keeps its records for a day",
            ),
        });
        if let Some(timeout) = self.timeout(&mapping.function) {
            retry.timeout(timeout.clone().map(|s| Some(nanos(s))));
        }
        let mut site = Site::new(
            "lambda-stream",
            place.clone(),
            &mapping.name,
            Decision::Retry(Box::new(retry)),
        );
        site.target = Some(mapping.function.clone());
        site
    }

    fn invoked(&self, invoked: &Invoked, place: &Place) -> Site {
        let mut retry = Retry::default();
        let bridge = invoked.reader == "eventbridge";
        let most = if bridge { 185.0 } else { 2.0 };
        let why = if bridge {
            "EventBridge's default"
        } else {
            "Lambda's default"
        };
        let count = invoked.retries.clone();
        retry.retries(count.unwrap_or_else(|| Known::default(most, why)));
        retry.budget(Known::default(None, "it has none"));
        match bridge {
            // After a minute, then after two.
            false => {
                let waits = vec![Nanos::from_secs(60), Nanos::from_secs(120)];
                retry.backoff(Known::default(Backoff::Table(waits), "Lambda's own"));
                retry.jitter(Known::default(Jitter::None, "Lambda adds none"));
            }
            true => {
                let why = "AWS does not say how long it waits";
                retry.backoff(Known::unresolved(Some(place.clone()), why));
                retry.jitter(Known::unresolved(Some(place.clone()), why));
            }
        }
        let age = if bridge { 86_400.0 } else { 21_600.0 };
        let age = invoked
            .age
            .clone()
            .unwrap_or_else(|| Known::default(age, why));
        retry.deadline(age.map(|s| Some(nanos(s))));
        if let Some(timeout) = invoked.function.as_deref().and_then(|f| self.timeout(f)) {
            retry.timeout(timeout.clone().map(|s| Some(nanos(s))));
        }
        let decision = Decision::Retry(Box::new(retry));
        let mut site = Site::new(invoked.reader, place.clone(), &invoked.name, decision);
        site.target.clone_from(&invoked.function);
        site
    }
}

/// How long a message stays hidden against how long it is worked on.
fn fits(queue: &Queue, mapping: &Mapping, timeout: &Known<f64>, site: &mut Site) {
    let (Some(hidden), Some(works)) = (queue.visibility.value, timeout.value) else {
        return;
    };
    let place = match queue.visibility.fact.how {
        How::Read => queue.visibility.fact.place.clone(),
        _ => None,
    };
    let Some(place) = place.or_else(|| queue.place.clone()) else {
        return;
    };
    let wanted = 6.0 * works + mapping.window;
    let words = crate::audit::rules::secs;
    if hidden < works {
        let text = format!(
            "a message is hidden for {}, and its function may work on it for {}: it is delivered again meanwhile",
            words(hidden),
            words(works)
        );
        site.remark(Rule::Hs304, place, text);
    } else if hidden < wanted {
        let text = format!(
            "a message is hidden for {}, less than six times the {} that its function may take: when calls are throttled it is delivered again, and counted, before it was tried",
            words(hidden),
            words(works)
        );
        site.remark(Rule::Hs304, place, text);
    }
}
