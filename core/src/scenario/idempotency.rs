//! How long a receiver remembers a key, as a scenario says it.

use super::document::{Kind, Problem, Section};
use crate::idempotency::Retention;
use crate::units::Nanos;

/// How long real receivers remember a key, with the source.
pub const RETENTION_PRESETS: [(&str, Nanos, &str); 7] = [
    (
        "stripe",
        Nanos::from_secs(24 * 3600),
        "Stripe API reference, idempotent requests: at least 24 h; what failed is replayed as it \
         failed",
    ),
    (
        "sqs-fifo",
        Nanos::from_secs(5 * 60),
        "Amazon SQS developer guide, FIFO deduplication: 5 min",
    ),
    (
        "checkout",
        Nanos::from_secs(24 * 3600),
        "Checkout.com API, Cko-Idempotency-Key: 24 h",
    ),
    (
        "ppro",
        Nanos::from_secs(24 * 3600),
        "PPRO API, Request-Idempotency-Key: 24 h",
    ),
    (
        "truelayer",
        Nanos::from_secs(6 * 3600),
        "TrueLayer: 6 h; 30 days for payments",
    ),
    (
        "truelayer-payments",
        Nanos::from_secs(30 * 86_400),
        "TrueLayer payments: 30 days",
    ),
    ("qonto", Nanos::from_secs(30 * 60), "Qonto: 30 min"),
];

/// A duration, a number of later attempts, or the name of a receiver.
pub(super) fn retention(s: &mut Section<'_>) -> Result<Option<Retention>, Problem> {
    let Some(node) = s.node("retention") else {
        return Ok(None);
    };
    let zero = || {
        Problem::new("a key that is forgotten at once is as good as none")
            .at(Some(node.place.clone()))
            .help("use the key mode `none` for that")
    };
    let digits = match &node.kind {
        Kind::Text { text, .. } | Kind::Number(text) => text.as_str(),
        _ => "",
    };
    if let Some((_, time, _)) = RETENTION_PRESETS.iter().find(|(name, ..)| *name == digits) {
        return Ok(Some(Retention::For(*time)));
    }
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '_') {
        return match node.read::<u64>()? {
            0 => Err(zero()),
            n => Ok(Some(Retention::Attempts(n.min(u64::from(u32::MAX)) as u32))),
        };
    }
    match node.read::<Nanos>()? {
        Nanos::ZERO => Err(zero()),
        time => Ok(Some(Retention::For(time))),
    }
}
