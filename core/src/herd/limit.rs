//! The token bucket at the door of a service.

use crate::scenario::service::Limit;

/// Tokens that come at a rate, up to a burst; an attempt that is let in takes one.
///
/// What is short of a full bucket empties like the work of an M/D/1 queue: of Poisson attempts
/// as many are rejected as such a queue with room for `burst` turns away.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_ns: f64,
    burst: f64,
    tokens: f64,
    filled: u64,
}

/// What is left of a token by rounding.
const NOTHING: f64 = 1e-9;

impl Bucket {
    pub fn new(limit: &Limit) -> Bucket {
        Bucket {
            per_ns: limit.rate.0 / 1e9,
            burst: f64::from(limit.burst),
            tokens: f64::from(limit.burst),
            filled: 0,
        }
    }

    /// Takes a token, or tells in how many ns there will be one.
    pub fn take(&mut self, now: u64) -> Result<(), u64> {
        let more = (now - self.filled) as f64 * self.per_ns;
        self.tokens = (self.tokens + more).min(self.burst);
        self.filled = now;
        let short = 1.0 - self.tokens;
        if short <= NOTHING {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err((short / self.per_ns).ceil() as u64)
    }
}
