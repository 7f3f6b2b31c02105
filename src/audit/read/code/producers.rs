//! Producers of Kafka in code: which acknowledgements they wait for.

use super::ir::{Do, Expr, Kind, Language};
use super::project::CodeFile;
use super::values::{Loc, Value, Values};
use crate::audit::site::{Acks, Decision, Known, Reading, Site};

pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    let kafka = file.imports().iter().any(|import| {
        let module = import.module.to_lowercase();
        ["kafka", "sarama"].iter().any(|word| module.contains(word))
    });
    if !kafka {
        return;
    }
    let mut found: Vec<&Expr> = Vec::new();
    super::ir::walk(&file.unit.body, true, &mut |e| match &e.kind {
        // KafkaProducer(acks=1)
        Kind::Call(call) => {
            found.extend(call.named("acks"));
            // props.put(ProducerConfig.ACKS_CONFIG, "1"), Map.of("acks", "all"), .set("acks", "1")
            for pair in call.args.windows(2) {
                let key = &pair[0].value;
                if key.last_name() == Some("ACKS_CONFIG")
                    || matches!(key.as_text(), Some("acks" | "request.required.acks"))
                {
                    found.push(&pair[1].value);
                }
            }
        }
        // Producer({'acks': '1'}), producer.send({ acks: 1 }), kafka.Writer{RequiredAcks: …}
        Kind::Object(_, entries, _) => {
            for (key, value) in entries {
                if matches!(
                    key.as_str(),
                    "acks" | "request.required.acks" | "RequiredAcks"
                ) {
                    found.push(value);
                }
            }
        }
        _ => {}
    });
    let mut assigned: Vec<(herdsim_core::scenario::Place, &Expr)> = Vec::new();
    for around in file.functions() {
        super::ir::statements(&around.function.body, &mut |stmt| {
            if let Do::Assign(assign) = &stmt.kind
                && let [target] = &assign.targets[..]
                && target.last_name() == Some("RequiredAcks")
                && let Some(value) = &assign.value
            {
                assigned.push((file.place(&stmt.span), value));
            }
        });
    }
    let spans: Vec<_> = found
        .iter()
        .map(|value| (file.place(&value.span), *value))
        .chain(assigned)
        .collect();
    for (place, value) in spans {
        let acks = acks(values, file, value);
        let name = file.name_around(place.span.start);
        let reader = match file.language() {
            Language::Python => "python-kafka",
            Language::Script => "kafkajs",
            Language::Go => "sarama",
            _ => "kafka",
        };
        let decision = Decision::Acks(Acks {
            acks: Some(acks),
            min_isr: None,
            replicas: None,
        });
        reading.sites.push(Site::new(reader, place, name, decision));
    }
}

fn acks(values: Values, file: &CodeFile, value: &Expr) -> Known<String> {
    let place = file.place(&value.span);
    // sarama.WaitForLocal, kafka.RequireOne
    match value.last_name() {
        Some("NoResponse" | "RequireNone") => return Known::read("0".to_string(), place),
        Some("WaitForLocal" | "RequireOne") => return Known::read("1".to_string(), place),
        Some("WaitForAll" | "RequireAll") => return Known::read("all".to_string(), place),
        _ => {}
    }
    let Some(expr) = file.expr(&value.span) else {
        return Known::unresolved(Some(place), "it is no constant");
    };
    let known = values.value(Loc { file, expr });
    let text = known.value.and_then(|value| match value {
        Value::Number(n) => Some(if n < 0.0 {
            "all".to_string()
        } else {
            n.to_string()
        }),
        Value::Text(text) => Some(if text == "-1" {
            "all".to_string()
        } else {
            text
        }),
        _ => None,
    });
    match text {
        Some(text) => Known {
            value: Some(text),
            fact: known.fact,
        },
        None => Known::unresolved(
            Some(place),
            known
                .fact
                .why
                .unwrap_or_else(|| "it is no constant".to_string()),
        ),
    }
}
