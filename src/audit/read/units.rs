//! Lengths of time as each format writes them.

use herdsim_core::units::Nanos;

/// Seconds as nanoseconds; negative is none, and what does not fit is for ever.
pub fn nanos(seconds: f64) -> Nanos {
    Nanos((seconds * 1e9).round().max(0.0).min(u64::MAX as f64) as u64)
}

/// A duration with its unit, in seconds: `250ms`, `1m30s`, `5 s`, `2 minutes`, ISO `PT1.5S`.
pub fn text(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("PT").or_else(|| text.strip_prefix("pt")) {
        return parts(&rest.to_ascii_lowercase());
    }
    parts(text)
}

fn parts(text: &str) -> Option<f64> {
    let (mut rest, mut total) = (text, 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let tail = rest[digits..].trim_start();
        let end = tail
            .find(|c: char| !(c.is_alphabetic() || c == 'µ'))
            .unwrap_or(tail.len());
        let unit = match tail[..end].to_ascii_lowercase().as_str() {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 1e-3,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            _ => return None,
        };
        total += number * unit;
        rest = tail[end..].trim_start();
    }
    Some(total)
}

/// `hh:mm:ss`, `d.hh:mm:ss.fff` as .NET writes it, in seconds.
pub fn clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let (days, hours) = match parts.first()?.split_once('.') {
        Some((days, hours)) => (days.parse().ok()?, hours),
        None => (0.0, *parts.first()?),
    };
    let number = |text: &str| text.parse::<f64>().ok();
    let whole = days * 86_400.0 + number(hours)? * 3600.0;
    match parts[1..] {
        [minutes] => Some(whole + number(minutes)? * 60.0),
        [minutes, seconds] => Some(whole + number(minutes)? * 60.0 + number(seconds)?),
        _ => None,
    }
}

/// With a unit, or a bare number of `unit` seconds.
pub fn or_bare(value: &str, unit: f64) -> Option<Nanos> {
    let bare = super::tree::number(value.trim())
        .filter(|n| *n >= 0.0)
        .map(|n| n * unit);
    bare.or_else(|| text(value)).map(nanos)
}

/// With a unit only, as Go, Kubernetes and gRPC write it; a bare 0 needs none.
pub fn with_unit(value: &str) -> Option<Nanos> {
    match value.trim() {
        "0" => Some(Nanos::ZERO),
        value => text(value).map(nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::{clock, or_bare, text, with_unit};
    use herdsim_core::units::Nanos;

    #[test]
    fn units() {
        for (written, seconds) in [
            ("250ms", 0.25),
            ("1m30s", 90.0),
            ("1.5s", 1.5),
            ("PT2S", 2.0),
            ("PT0.5S", 0.5),
            ("5 minutes", 300.0),
            ("2h", 7200.0),
        ] {
            assert_eq!(text(written), Some(seconds), "{written}");
        }
        for bad in ["", "ms", "5", "5 parsecs", "1..2s"] {
            assert_eq!(text(bad), None, "{bad}");
        }
        assert_eq!(or_bare("500", 1e-3), Some(Nanos::from_millis(500)));
        assert_eq!(clock("00:00:05"), Some(5.0));
        assert_eq!(clock("1.02:00:00.5"), Some(93_600.5));
        assert_eq!(clock("5"), None);
        assert_eq!(with_unit("0"), Some(Nanos::ZERO));
        assert_eq!(with_unit("5"), None);
    }
}
