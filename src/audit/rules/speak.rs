//! How rules say numbers.

/// `six attempts`
pub fn counted(attempts: u32) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let number = WORDS.get(attempts as usize).map(|w| (*w).to_string());
    let number = number.unwrap_or_else(|| attempts.to_string());
    let noun = if attempts == 1 { "attempt" } else { "attempts" };
    format!("{number} {noun}")
}

pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p >= 1.0 => format!("{p:.0}%"),
        p => format!("{p:.1}%"),
    }
}

/// Seconds as people say them: `250 ms`, `1.5 s`, `3 min`.
pub fn secs(s: f64) -> String {
    let (value, unit) = match s {
        0.0 => (0.0, "s"),
        s if s < 0.001 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s if s < 120.0 => (s, "s"),
        s if s < 7200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {unit}")
}

/// `a refund`, `an order`
pub fn article(noun: &str) -> String {
    match noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => format!("an {noun}"),
        false => format!("a {noun}"),
    }
}
