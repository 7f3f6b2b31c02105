//! Settings of Kafka's producers and brokers.
//!
//! Read for kafka-clients 2.1 to 4.0. Sources: apache/kafka clients
//! producer/ProducerConfig.java, CommonClientConfigs.java.

use std::sync::Arc;

use herdsim_core::scenario::policy::{
    Backoff, CapAfter, Exponent, Jitter, Quantum, Rounding, UNLIMITED,
};
use herdsim_core::scenario::{Place, Source};
use herdsim_core::units::{Nanos, Probability};

use super::lines::Line;
use super::tree::{At, number};
use crate::audit::read::code::shape::exponential;
use crate::audit::rule::Rule;
use crate::audit::site::{Acks, Decision, Known, Reading, Retry, Site, whole};

/// A setting of a file: its name, its value, where the value and where all of it stands.
struct Setting {
    name: String,
    value: String,
    place: Place,
    whole: Place,
}

impl Setting {
    fn known<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Known<T> {
        if self.value.contains("${") {
            return Known::unresolved(
                Some(self.place.clone()),
                format!("`{}` is set elsewhere", self.value),
            );
        }
        match read(self.value.trim()) {
            Some(value) => Known::read(value, self.place.clone()),
            None => Known::unresolved(
                Some(self.place.clone()),
                format!("`{}` is no such value", self.value),
            ),
        }
    }

    fn ms(&self) -> Known<Nanos> {
        self.known(|t| number(t).map(|n| Nanos::from_secs_f64(n / 1e3)))
    }
}

/// A `.properties` file of Kafka.
pub fn properties(source: &Arc<Source>, lines: &[Line], reading: &mut Reading) {
    let place = |span: std::ops::Range<usize>| Place {
        source: source.clone(),
        span,
    };
    let settings: Vec<Setting> = lines
        .iter()
        .map(|line| Setting {
            name: line.key.text.clone(),
            value: line.value.clone(),
            place: place(line.span.clone()),
            whole: place(line.key.span.start..line.span.end),
        })
        .collect();
    let has = |name: &str| settings.iter().any(|s| s.name == name);
    // What only Kafka's files have.
    let client = has("bootstrap.servers")
        || has("delivery.timeout.ms")
        || has("acks")
        || has("enable.idempotence");
    let broker = has("min.insync.replicas") || has("broker.id") || has("process.roles");
    if client {
        producer(&settings, reading);
    }
    if broker {
        in_sync(&settings, reading);
    }
}

/// `spring.kafka.producer`, with further settings under `properties`.
pub fn spring(producer_at: At, reading: &mut Reading) {
    let mut settings = Vec::new();
    collect(producer_at, "", &mut settings);
    for setting in &mut settings {
        let plain = setting
            .name
            .strip_prefix("properties.")
            .unwrap_or(&setting.name);
        setting.name = plain.replace('-', ".").to_string();
    }
    producer(&settings, reading);
}

fn collect(at: At, prefix: &str, settings: &mut Vec<Setting>) {
    for entry in at.entries() {
        let name = match prefix {
            "" => entry.name().to_string(),
            prefix => format!("{prefix}.{}", entry.name()),
        };
        match entry.as_scalar() {
            Some(scalar) => settings.push(Setting {
                name,
                value: scalar.text.clone(),
                place: entry.place(),
                whole: entry.whole(),
            }),
            None => collect(entry, &name, settings),
        }
    }
}

/// `all` and `-1` are the same.
fn acks_of(setting: &Setting) -> Known<String> {
    setting.known(|text| match text {
        "0" | "1" => Some(text.to_string()),
        "all" | "-1" => Some("all".to_string()),
        _ => None,
    })
}

fn producer(settings: &[Setting], reading: &mut Reading) {
    let get = |name: &str| settings.iter().rev().find(|s| s.name == name);
    // A consumer acknowledges and retries nothing here.
    let acks = get("acks");
    if let Some(setting) = acks {
        let known = acks_of(setting);
        let mut site = Site::new(
            "kafka",
            setting.whole.clone(),
            "acks",
            Decision::Acks(Acks {
                acks: Some(known.clone()),
                min_isr: None,
                replicas: None,
            }),
        );
        let idempotent = get("enable.idempotence").filter(|s| s.value.trim() == "true");
        if let Some(idempotent) = idempotent
            && known.value.as_deref().is_some_and(|a| a != "all")
        {
            let text = "enable.idempotence=true needs acks=all: the producer does not start";
            site.remark(Rule::Hs109, idempotent.whole.clone(), text);
        }
        reading.sites.push(site);
    }
    let (count, clock) = (get("retries"), get("delivery.timeout.ms"));
    let Some(first) = [count, clock]
        .into_iter()
        .flatten()
        .min_by_key(|s| s.whole.span.start)
    else {
        return;
    };
    let mut retry = Retry::default();
    let mut site = Site::new(
        "kafka",
        first.whole.clone(),
        "producer",
        Decision::Retry(Box::default()),
    );
    let none = acks.is_some_and(|s| s.value.trim() == "0");
    match count {
        Some(setting) if none => {
            retry.attempts(Known::default(
                1,
                "with acks=0 the client hears of no failure",
            ));
            site.remark(
                Rule::Hs109,
                setting.whole.clone(),
                "with acks=0 the client hears of no failure: `retries` does nothing",
            );
        }
        Some(setting) => {
            retry.attempts(setting.known(number).map(|n| match n {
                n if n >= 2_147_483_647.0 => UNLIMITED,
                n => whole(n).saturating_add(1),
            }));
        }
        None => {
            retry.attempts(Known::default(
                UNLIMITED,
                "Kafka's default of 2^31-1 retries",
            ));
        }
    }
    let time = |name: &str, default: u64| match get(name) {
        Some(setting) => setting.ms(),
        None => Known::default(Nanos::from_millis(default), "Kafka's default"),
    };
    let both = time("retry.backoff.ms", 100).and(time("retry.backoff.max.ms", 1_000));
    retry.backoff(both.map(|(base, cap)| match base.0 {
        0 => Backoff::None,
        _ => exponential(base.as_secs(), 2.0, Some(cap.as_secs()), Exponent::FromZero),
    }));
    retry.jitter(Known::default(
        Jitter::Proportional(Probability(0.2)),
        "Kafka's own",
    ));
    retry.cap_after(CapAfter::Both).quantum(Quantum {
        unit: Nanos::from_millis(1),
        rounding: Rounding::Floor,
    });
    retry.timeout(time("request.timeout.ms", 30_000).map(Some));
    retry.deadline(time("delivery.timeout.ms", 120_000).map(Some));
    retry.budget(Known::default(None, "Kafka has none"));
    site.decision = Decision::Retry(Box::new(retry));
    reading.sites.push(site);
}

/// How many replicas have to have a write that waits for all in sync.
fn in_sync(settings: &[Setting], reading: &mut Reading) {
    let get = |name: &str| settings.iter().rev().find(|s| s.name == name);
    let Some(setting) = get("min.insync.replicas") else {
        return;
    };
    let count = |setting: &Setting| setting.known(|t| number(t).map(whole));
    let acks = Acks {
        acks: None,
        min_isr: Some(count(setting)),
        replicas: get("default.replication.factor").map(count),
    };
    reading.sites.push(Site::new(
        "kafka",
        setting.whole.clone(),
        "min.insync.replicas",
        Decision::Acks(acks),
    ));
}
