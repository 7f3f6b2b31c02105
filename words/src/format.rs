//! Numbers and names as people write them.

use herdsim_core::metric::Unit;
use herdsim_core::stats::Estimate;

/// A value of a metric, short.
pub fn value(unit: Unit, x: f64) -> String {
    match unit {
        Unit::Percent | Unit::Chance => chance(x),
        Unit::Seconds => seconds(x),
        Unit::PerSecond => format!("{}/s", three_digits(x)),
        Unit::One | Unit::Times => three_digits(x),
    }
}

/// A value to compare with another.
pub fn precise(unit: Unit, x: f64) -> String {
    match unit {
        _ if x.is_nan() => "–".to_string(),
        Unit::Percent => format!("{:.2}%", x * 100.0),
        Unit::Chance => chance(x),
        Unit::Seconds => seconds(x),
        Unit::One | Unit::PerSecond | Unit::Times if x.abs() >= 1e3 => thousands(x),
        Unit::One | Unit::PerSecond | Unit::Times => format!("{x:.3}"),
    }
}

/// A mean with half its interval; without where all runs agree, of which that says little.
pub fn with_interval(unit: Unit, e: Estimate) -> String {
    let half = match e.agrees() {
        true => f64::NAN,
        false => e.reach(),
    };
    let scaled = |scale: f64, least: usize, unit: &str| {
        plus_minus(e.mean * scale, half * scale, least) + unit
    };
    match unit {
        _ if e.mean.is_nan() => "–".to_string(),
        Unit::Percent | Unit::Chance => scaled(100.0, 1, "%"),
        Unit::Seconds => scaled(1.0, 2, " s"),
        Unit::Times => scaled(1.0, 2, "×"),
        Unit::One | Unit::PerSecond => scaled(1.0, 2, ""),
    }
}

/// A change with the half width of its interval; shares change by points of a hundred.
pub fn change(unit: Unit, change: Estimate) -> String {
    let (mean, half) = (change.mean, change.half_width());
    let with_unit = |scale: f64, unit: &str| {
        let text = plus_minus(mean.abs() * scale, half * scale, 2);
        // What is nothing as it is written has no sign.
        let written = text.split(' ').next().unwrap_or("");
        let sign = match (written.contains(|c| ('1'..='9').contains(&c)), mean < 0.0) {
            (false, _) => "",
            (true, true) => "−",
            (true, false) => "+",
        };
        format!("{sign}{text}{unit}")
    };
    match unit {
        _ if mean.is_nan() => "–".to_string(),
        _ if mean == 0.0 && (half == 0.0 || half.is_nan()) => "no change".to_string(),
        Unit::Chance if mean == 0.0 && half < 1e-4 => format!("0 ±{half:.0e}"),
        Unit::Chance if mean.abs().max(half) < 1e-4 => format!("{mean:+.1e} ±{half:.0e}"),
        Unit::Percent | Unit::Chance => with_unit(100.0, " points"),
        Unit::Seconds if mean.abs().max(half) < 1.0 => with_unit(1e3, " ms"),
        Unit::Seconds => with_unit(1.0, " s"),
        Unit::One | Unit::PerSecond | Unit::Times => with_unit(1.0, ""),
    }
}

/// A duration in seconds with three digits: `350 µs`, `67 ms`, `2.16 s`, `3 min`.
pub fn seconds(s: f64) -> String {
    match s.abs() {
        _ if s.is_nan() => "–".to_string(),
        0.0 => "0 s".to_string(),
        x if x < 0.9995e-3 => format!("{} µs", three_digits(s * 1e6)),
        x if x < 0.9995 => format!("{} ms", three_digits(s * 1e3)),
        x if x < 600.0 => format!("{} s", three_digits(s)),
        _ => format!("{} min", three_digits(s / 60.0)),
    }
}

/// Three significant digits, no more decimals than they need.
pub fn three_digits(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return if x == 0.0 { "0".into() } else { "–".into() };
    }
    let decimals = (2 - x.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{x:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => thousands(x.round()),
    }
}

/// A rate: small ones to three digits, others whole: `0.0533`, `5,000`.
pub fn rate(x: f64) -> String {
    match x.abs() < 10.0 {
        true => three_digits(x),
        false => thousands(x),
    }
}

/// A whole number with thousands separators: `5,000`.
pub fn thousands(x: f64) -> String {
    let digits = format!("{:.0}", x.abs());
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    if x < 0.0 && text != "0" {
        text.insert(0, '−');
    }
    text
}

/// A share as a percentage: `96.7%`, `0.31%`, `100%`.
pub fn percent(share: f64) -> String {
    if share.is_nan() {
        return "–".to_string();
    }
    let p = share * 100.0;
    // Never round to "100%" or "0%" what is neither.
    let text = match p {
        _ if p == 0.0 || p == 100.0 => format!("{p:.0}"),
        _ if p >= 99.995 => ">99.99".to_string(),
        _ if p > 99.9 => format!("{p:.2}"),
        _ if p.abs() < 0.01 => "<0.01".to_string(),
        _ if p.abs() < 0.995 => format!("{p:.2}"),
        _ => format!("{p:.1}"),
    };
    format!("{text}%")
}

/// A mean with half its interval, `19.53 ±0.08`: one digit of the half width,
/// and as many decimals of the mean, at least `least` and at most 3.
pub fn plus_minus(mean: f64, half: f64, least: usize) -> String {
    if half.is_nan() {
        return format!("{mean:.least$}");
    }
    if half == 0.0 {
        return format!("{mean:.least$} ±0");
    }
    let digits = (-half.log10().floor()).clamp(least as f64, 3.0) as usize;
    match half < 0.0005 {
        true => format!("{mean:.digits$} ±<0.001"),
        false => format!("{mean:.digits$} ±{half:.digits$}"),
    }
}

/// A chance below which nothing happens in practice.
pub const NEVER: f64 = 1e-12;

/// A chance, however small: `4.5%`, `0.31%`, `2.4e-9`, `<1e-12`, `0`.
pub fn chance(p: f64) -> String {
    match p {
        0.0 => "0".to_string(),
        _ if p > 0.0 && p < NEVER => "<1e-12".to_string(),
        _ if p.abs() >= 1e-4 || p.is_nan() => percent(p),
        _ => format!("{p:.1e}"),
    }
}

/// How an estimate of a chance reads: a bound where nothing was met.
pub fn likely(e: Estimate) -> String {
    match e.mean == 0.0 && e.high > 0.0 {
        true => format!("<{}", chance(e.high)),
        false => chance(e.mean),
    }
}

/// A number as it is written with what it counts: `1 call`, `5,000 calls`.
pub fn counted(number: &str, one: &str) -> String {
    match number {
        "1" => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_string(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// The same with a capital letter first.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// A large count in words of at most three digits: `1.2 million`.
pub fn large(x: f64) -> String {
    match x {
        _ if x < 1e4 => thousands(x),
        _ if x < 1e6 => format!("{} thousand", three_digits(x / 1e3)),
        _ if x < 1e9 => format!("{} million", three_digits(x / 1e6)),
        _ if x < 1e12 => format!("{} billion", three_digits(x / 1e9)),
        _ => format!("{x:.1e}"),
    }
}

/// A text in which no line ends between a number and its unit.
pub fn glued(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        out += word;
        let Some(next) = words.peek() else {
            break;
        };
        let unit = next.trim_end_matches([',', '.', ';', ':', ')']);
        let number = word.ends_with(|c: char| c.is_ascii_digit());
        out.push(match number && ["s", "ms", "µs", "min"].contains(&unit) {
            true => '\u{a0}',
            false => ' ',
        });
    }
    out
}

/// Bytes in binary units.
pub fn bytes(x: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = ((x.max(1.0).log2() / 10.0) as usize).min(UNITS.len() - 1);
    format!(
        "{} {}",
        three_digits(x / 1024f64.powi(power as i32)),
        UNITS[power]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_units() {
        let text = "a 6 s crash, 24.7 s. 5 servers in 2 ms";
        let glued = glued(text);
        assert_eq!(glued.matches('\u{a0}').count(), 3, "{glued}");
        assert_eq!(glued.replace('\u{a0}', " "), text);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(seconds(0.0003512), "351 µs");
        assert_eq!(seconds(0.99999), "1 s");
        assert_eq!(seconds(0.0672), "67.2 ms");
        assert_eq!(seconds(2.157), "2.16 s");
        assert_eq!(seconds(1800.0), "30 min");
        assert_eq!(three_digits(5000.4), "5,000");
        assert_eq!(three_digits(1.005e-3), "0.00101");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(chance(2.44e-9), "2.4e-9");
        assert_eq!(chance(0.0446), "4.5%");
        assert_eq!(percent(0.99996), ">99.99%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(percent(0.03304), "3.3%");
        assert_eq!(plus_minus(19.5312, 0.0791, 1), "19.53 ±0.08");
        assert_eq!(plus_minus(4.98, 0.3, 2), "4.98 ±0.30");
        assert_eq!(plus_minus(1.00512, 0.00003, 2), "1.005 ±<0.001");
        assert_eq!(plus_minus(100.0, 0.0, 1), "100.0 ±0");
        assert_eq!(plus_minus(4.98, f64::NAN, 2), "4.98");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        let tiny = |mean: f64| Estimate {
            mean,
            low: mean - 0.2,
            high: mean + 0.2,
            n: 9,
            sd: 1.0,
        };
        assert_eq!(change(Unit::PerSecond, tiny(-0.001)), "0.00 ±0.20");
        assert_eq!(change(Unit::PerSecond, tiny(-0.3)), "−0.30 ±0.20");
        assert_eq!(bytes(8.0 * 1024.0 * 1024.0 * 1024.0), "8 GiB");
    }
}
