//! Scenarios to begin with, and policies to compare.

use herdsim_core::scenario::catalogue;
use serde_json::{Value as Json, json};

use crate::refusal::Refusal;

/// Shipped scenarios that a page can run, each with its text.
const SHIPPED: [(&str, &str); 14] = [
    ("blip", include_str!("../../configs/blip.toml")),
    ("brownout", include_str!("../../configs/brownout.toml")),
    (
        "short-queue",
        include_str!("../../configs/short-queue.toml"),
    ),
    (
        "newest-first",
        include_str!("../../configs/newest-first.toml"),
    ),
    ("way-out", include_str!("../../configs/way-out.toml")),
    ("bad-host", include_str!("../../configs/bad-host.toml")),
    (
        "rate-limited",
        include_str!("../../configs/rate-limited.toml"),
    ),
    ("chain", include_str!("../../configs/chain.toml")),
    ("page", include_str!("../../configs/page.toml")),
    ("cold-start", include_str!("../../configs/cold-start.toml")),
    ("workers", include_str!("../../configs/workers.toml")),
    ("apiserver", include_str!("../../configs/apiserver.toml")),
    (
        "aws-backoff",
        include_str!("../../configs/aws-backoff.toml"),
    ),
    (
        "brooker-retries",
        include_str!("../../configs/brooker-retries.toml"),
    ),
];

/// What a scenario says of itself at its top, up to its first full stop.
fn says(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#'));
    let lines: Vec<&str> = lines.map(str::trim).collect();
    let whole = lines.join(" ");
    match whole.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => whole,
    }
}

pub fn presets() -> Result<Json, Refusal> {
    let scenarios =
        SHIPPED.map(|(name, text)| json!({ "name": name, "text": text, "says": says(text) }));
    let policies: Vec<String> = catalogue::entries()?
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    Ok(json!({ "scenarios": scenarios, "policies": policies }))
}
