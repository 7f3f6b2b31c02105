//! Lengths of time as each language makes them from numbers, and numbers from them.

use super::ir::{Call, Expr, Kind, Language};
use super::value::{Loc, Value};
use crate::audit::read::units;
use crate::audit::site::{How, Known};

/// Seconds in one of a unit, by any of its names.
fn seconds(unit: &str) -> Option<f64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "nanosecond" | "nanoseconds" | "nanos" | "ns" => 1e-9,
        "microsecond" | "microseconds" | "micros" | "us" => 1e-6,
        "millisecond" | "milliseconds" | "millis" | "ms" => 1e-3,
        "second" | "seconds" | "secs" | "sec" => 1.0,
        "minute" | "minutes" | "mins" | "min" => 60.0,
        "hour" | "hours" => 3600.0,
        "day" | "days" => 86_400.0,
        "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

/// `time.Second`, `Duration.ZERO` and their like, in seconds.
pub fn unit(loc: Loc) -> Option<f64> {
    let path = loc.expr.path()?;
    match (loc.file.language(), &path[..]) {
        (Language::Go, ["time", unit]) if unit.starts_with(char::is_uppercase) => seconds(unit),
        (Language::Java | Language::Kotlin, ["Duration", "ZERO"])
        | (Language::CSharp, ["TimeSpan", "Zero"]) => Some(0.0),
        _ => None,
    }
}

/// What a member of a number or a length of time is: `2.seconds`, `delay.TotalMilliseconds`.
pub fn property(
    language: Language,
    name: &str,
    of: impl FnOnce() -> Known<Value>,
) -> Option<Known<Value>> {
    match language {
        Language::Kotlin | Language::Ruby if seconds(name).is_some() && name.len() > 3 => {}
        Language::CSharp if name.starts_with("Total") => {}
        Language::Kotlin if name.starts_with("inWhole") => {}
        _ => return None,
    }
    counted(name, of())
}

/// A number in a unit as a length of time, or a length of time as a number of a unit.
fn counted(name: &str, value: Known<Value>) -> Option<Known<Value>> {
    let bare = ["inWhole", "Total", "to", "as_", "get", "in"];
    let stripped = bare.iter().find_map(|prefix| name.strip_prefix(prefix));
    let plain = stripped.unwrap_or(name);
    let plain = plain
        .strip_suffix("_f64")
        .or(plain.strip_suffix("_f32"))
        .unwrap_or(plain);
    let unit = seconds(plain)?;
    Some(value.map(|value| match (value, stripped.is_some()) {
        (Value::Seconds(s), true) => Value::Number(s / unit),
        (Value::Number(n), false) => Value::Seconds(n * unit),
        (other, _) => other,
    }))
}

/// A call that makes a length of time, or a number of one.
pub fn called<'p>(
    loc: Loc<'p>,
    call: &'p Call,
    value: &dyn Fn(&'p Expr) -> Known<Value>,
) -> Option<Known<Value>> {
    let last = call.callee.last_name()?;
    let path = call.callee.path().unwrap_or_default();
    let first = call.position(0);
    let of = match &call.callee.kind {
        Kind::Member(of, _) => Some(&**of),
        _ => None,
    };
    let made = |unit: f64| {
        let known = value(first?);
        Some(known.convert(
            |v| v.number().map(|n| Value::Seconds(n * unit)),
            "it is no number",
        ))
    };
    match loc.file.language() {
        Language::Java | Language::Kotlin => match (&path[..], call.args.len()) {
            ([.., "Duration", name], 1) if name.starts_with("of") => {
                seconds(name.trim_start_matches("of")).and_then(made)
            }
            ([.., "Duration", "of"], 2) => made(seconds(call.position(1)?.last_name()?)?),
            ([.., "Duration", "parse"], 1) => {
                let known = value(first?);
                let read = |v: Value| match v {
                    Value::Text(text) => units::text(&text).map(Value::Seconds),
                    _ => None,
                };
                Some(known.convert(read, "it is no length of time"))
            }
            // `TimeUnit.SECONDS.toMillis(5)`
            ([.., "TimeUnit", unit, to], 1) if to.starts_with("to") => {
                let ratio = seconds(unit)? / seconds(to.trim_start_matches("to"))?;
                let known = value(first?);
                Some(known.map(|v| match v {
                    Value::Number(n) => Value::Number(n * ratio),
                    other => other,
                }))
            }
            (_, 0) if last.starts_with("to") || last.starts_with("get") || last == "seconds" => {
                let known = value(of?);
                match last {
                    "toJavaDuration" | "toKotlinDuration" | "toLong" | "toInt" | "toDouble" => {
                        Some(known)
                    }
                    _ => counted(last, known),
                }
            }
            (_, 1) if matches!(last, "multipliedBy" | "dividedBy" | "plus" | "minus") => {
                arithmetic(last, value(of?), value(first?))
            }
            // `@Value("${app.retries:3}")`: what holds unless the property is set.
            (["Value" | "ConfigProperty"], _) => annotated(loc, call),
            _ => None,
        },
        Language::CSharp => match (&path[..], call.args.len()) {
            ([.., "TimeSpan", name], 1) if name.starts_with("From") => {
                seconds(name.trim_start_matches("From")).and_then(made)
            }
            // new TimeSpan(hours, minutes, seconds), new TimeSpan(days, hours, minutes, seconds)
            (["TimeSpan"], 3 | 4) => {
                let factors: &[f64] = match call.args.len() {
                    3 => &[3600.0, 60.0, 1.0],
                    _ => &[86_400.0, 3600.0, 60.0, 1.0],
                };
                let zero = Known::read(0.0, loc.file.place(&loc.expr.span));
                let sum = call
                    .args
                    .iter()
                    .zip(factors)
                    .fold(zero, |sum, (arg, factor)| {
                        let both = sum.and(value(&arg.value));
                        both.convert(
                            |(sum, v)| Some(sum + v.number()? * factor),
                            "it is no number",
                        )
                    });
                Some(sum.map(Value::Seconds))
            }
            ([.., "TimeSpan", "Parse"], 1) => {
                let known = value(first?);
                let read = |v: Value| match v {
                    Value::Text(text) => units::clock(&text).map(Value::Seconds),
                    _ => None,
                };
                Some(known.convert(read, "it is no length of time"))
            }
            _ => None,
        },
        Language::Rust => match (&path[..], call.args.len()) {
            ([.., "Duration", name], 1) if name.starts_with("from_") => {
                let unit = name.trim_start_matches("from_");
                let unit = unit
                    .strip_suffix("_f64")
                    .or(unit.strip_suffix("_f32"))
                    .unwrap_or(unit);
                seconds(unit).and_then(made)
            }
            (_, 0) if last.starts_with("as_") => counted(last, value(of?)),
            (_, 1) if matches!(last, "mul_f64" | "mul_f32" | "saturating_mul") => {
                arithmetic("multipliedBy", value(of?), value(first?))
            }
            _ => None,
        },
        Language::Ruby => match call.args.len() {
            0 if last.len() > 3 && seconds(last).is_some() => counted(last, value(of?)),
            0 if matches!(last, "to_i" | "to_f") => Some(value(of?)),
            _ => None,
        },
        _ => None,
    }
}

fn arithmetic(name: &str, a: Known<Value>, b: Known<Value>) -> Option<Known<Value>> {
    use super::ir::Op;
    let op = match name {
        "multipliedBy" => Op::Mul,
        "dividedBy" => Op::Div,
        "plus" => Op::Add,
        _ => Op::Sub,
    };
    let both = a.and(b);
    Some(both.convert(
        |(a, b)| super::value::binary(op, &a, &b),
        "it is no constant",
    ))
}

/// What an annotation injects: `@Value("${retries:3}")`, `@ConfigProperty(defaultValue = "3")`.
fn annotated(loc: Loc, call: &Call) -> Option<Known<Value>> {
    let mut known = match call.named("defaultValue").and_then(Expr::as_text) {
        Some(text) => {
            let name = call.named("name").and_then(Expr::as_text).unwrap_or("it");
            Known::default(literal(text), format!("unless `{name}` is set"))
        }
        None => injected(
            call.position(0)
                .or_else(|| call.named("value"))?
                .as_text()?,
        ),
    };
    known.fact.place = Some(loc.file.place(&loc.expr.span));
    Some(known)
}

/// A text of a property as what it is worth: `${retries:3}` is three unless that is set.
pub fn injected(text: &str) -> Known<Value> {
    let inner = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'));
    match inner.map(|inner| (inner, inner.split_once(':'))) {
        None => {
            let mut known = Known::default(literal(text), "");
            known.fact.how = How::Read;
            known.fact.why = None;
            known
        }
        Some((_, Some((name, default)))) => {
            Known::default(literal(default), format!("unless `{name}` is set"))
        }
        Some((name, None)) => Known::unresolved(None, format!("the property `{name}`")),
    }
}

/// A property's text as what it is: a number, a length of time, a text.
fn literal(text: &str) -> Value {
    let plain = crate::audit::read::tree::number(text.trim()).map(Value::Number);
    let timed = || units::text(text).map(Value::Seconds);
    plain
        .or_else(timed)
        .unwrap_or_else(|| Value::Text(text.to_string()))
}
