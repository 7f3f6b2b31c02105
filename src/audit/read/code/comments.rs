//! What comments say of the numbers beside them.

use super::ir::Span;
use super::project::CodeFile;
use crate::audit::rule::Rule;
use crate::audit::site::{Field, Site};

/// Comments with their spans in a part of a file.
fn comments(file: &CodeFile, span: &Span) -> Vec<(Span, String)> {
    let mut all = Vec::new();
    // The comments right above belong to it, too.
    let text = &file.source.text;
    let mut start = text[..span.start.min(text.len())]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    loop {
        let before = text[..start].trim_end_matches('\n');
        let above = before.rfind('\n').map_or(0, |at| at + 1);
        let comment = before[above..].trim_start().starts_with(['#', '/']);
        if !comment || above >= start {
            break;
        }
        start = above;
    }
    let mut at = start;
    for line in text[start..span.end.min(text.len())].split_inclusive('\n') {
        let mark = line.find("# ").or_else(|| line.find("// "));
        if let Some(mark) = mark {
            let body = line[mark..].trim_end();
            all.push((at + mark..at + mark + body.len(), body.to_lowercase()));
        }
        at += line.len();
    }
    all
}

/// A comment that counts attempts, retries or waits otherwise than the code.
pub fn contradictions(file: &CodeFile, span: &Span, site: &mut Site) {
    let Some(retry) = site.retry() else { return };
    let attempts = retry.most_attempts();
    let waits = match retry.is_known(Field::Backoff) {
        true => Some(retry.policy.clone()),
        false => None,
    };
    let mut said = Vec::new();
    for (at, text) in comments(file, span) {
        let words: Vec<&str> = text
            .split(|c: char| !(c.is_alphanumeric() || c == '.'))
            .filter(|w| !w.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Some(n) = count(pair[0]) else { continue };
            let really = match (pair[1], attempts) {
                ("attempts" | "tries", Some(attempts)) => Some((attempts, "attempts")),
                ("retries", Some(attempts)) => Some((attempts - 1, "retries")),
                _ => None,
            };
            if let Some((really, what)) = really
                && really != n
            {
                said.push((
                    at.clone(),
                    format!("the comment says {n} {what}, the code makes {really}"),
                ));
            }
        }
        if let Some(policy) = &waits
            && let Some(series) = series(&text)
            && policy.jitter == herdsim_core::scenario::policy::Jitter::None
        {
            let really: Vec<f64> = (1..=series.len() as u32)
                .map(|k| crate::audit::law::delay(policy, k).1)
                .collect();
            let same = series
                .iter()
                .zip(&really)
                .all(|(a, b)| (a - b).abs() < 1e-6);
            if !same {
                let list: Vec<String> = really.iter().map(|s| format!("{s}")).collect();
                said.push((
                    at,
                    format!("the comment says other waits than {} s", list.join(", ")),
                ));
            }
        }
    }
    for (at, text) in said {
        let place = file.place(&at);
        site.remark(Rule::Hs110, place, text);
    }
}

/// A wait whose name says another unit than the function that it is given to.
pub fn units(file: &CodeFile, wait: &Span, site: &mut Site) {
    use super::ir::{Kind, Language};
    let mut amount = None;
    super::ir::walk_within(&file.unit.body, wait, &mut |e| {
        if e.span == *wait
            && let Kind::Call(call) = &e.kind
        {
            amount = super::failing::promised(e)
                .or_else(|| super::failing::sleeps(call, file.language()).map(|(amount, _)| amount))
                .or(amount);
        }
    });
    let Some(name) = amount
        .and_then(|e| matches!(e.kind, Kind::Name(_) | Kind::Member(..)).then(|| e.last_name())?)
    else {
        return;
    };
    let lower = name.to_lowercase();
    let ends = |words: &[&str]| words.iter().any(|w| lower.ends_with(w));
    let millis = ends(&["_ms", "millis", "milliseconds", "_msec"]) || name.ends_with("Ms");
    let seconds = ends(&["_s", "_sec", "_secs", "seconds"]) && !millis || name.ends_with("Secs");
    let (said, taken) = match (file.language(), millis, seconds) {
        (Language::Python, true, _) => ("milliseconds", "seconds"),
        (Language::Script, _, true) => ("seconds", "milliseconds"),
        _ => return,
    };
    let place = file.place(wait);
    site.remark(
        Rule::Hs110,
        place,
        format!("`{name}` is in {said} by its name, and is taken for {taken} here"),
    );
}

fn count(word: &str) -> Option<u32> {
    const WORDS: [&str; 11] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let spelled = WORDS.iter().position(|w| *w == word).map(|n| n as u32);
    spelled.or_else(|| word.parse().ok())
}

/// Waits in seconds as comments list them: `1s, 2s, 4s`, `0.5, 1, 2`.
fn series(text: &str) -> Option<Vec<f64>> {
    let parts: Vec<&str> = text
        .trim_start_matches(['#', '/', ' '])
        .split(',')
        .collect();
    if parts.len() < 3
        || !["wait", "sleep", "delay", "backoff", "second", "retr", "s,"]
            .iter()
            .any(|w| text.contains(w))
    {
        return None;
    }
    // `the first at once, then 1, 2, 4` is no list of all.
    if ["once", "then", "first", "immediate", "after that"]
        .iter()
        .any(|w| text.contains(w))
    {
        return None;
    }
    let mut numbers = Vec::new();
    for part in parts {
        let last = part
            .split_whitespace()
            .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
        let digits =
            last.trim_end_matches(|c: char| c.is_alphabetic() || c == '.' || c == ')' || c == '…');
        numbers.push(digits.parse::<f64>().ok()?);
    }
    Some(numbers)
}
