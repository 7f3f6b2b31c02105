//! How long a client waits before a retry.

use crate::dist::unit;
use crate::scenario::policy::{
    Backoff, CapAfter, Failure, Hint, Jitter, Policy, Quantum, Rounding,
};
use crate::streams::Stream;

/// The delays of a policy before jitter, the first few worked out beforehand.
#[derive(Clone)]
pub struct Backoffs {
    levels: Vec<f64>,
    /// After a rejection, where that differs.
    throttle_levels: Vec<f64>,
    /// Whether a delay is just a level and its jitter.
    plain: bool,
}

impl Backoffs {
    pub fn new(policy: &Policy) -> Backoffs {
        let capped = policy.cap_after != CapAfter::Yes;
        let levels = |backoff: &Backoff| -> Vec<f64> {
            let known = match backoff {
                Backoff::Random(_) => 0,
                _ => policy.attempts.min(64),
            };
            (1..=known).map(|k| backoff.level(k, capped)).collect()
        };
        Backoffs {
            levels: levels(&policy.backoff),
            throttle_levels: policy
                .throttle_backoff
                .as_ref()
                .map(levels)
                .unwrap_or_default(),
            plain: policy.first.is_none()
                && policy.throttle_backoff.is_none()
                && policy.cap_after == CapAfter::No
                && policy.at_least.0 == 0
                && policy.quantum.is_none(),
        }
    }

    /// The delay in nanoseconds before retry k = 1, 2, … after a failure.
    ///
    /// `state` is what the jitter feeds back; 0 before the first retry.
    #[inline]
    pub fn delay(
        &self,
        policy: &Policy,
        k: u32,
        failure: Failure,
        state: &mut u64,
        rng: &mut Stream,
    ) -> u64 {
        if !self.plain {
            return self.special(policy, k, failure, 0, state, rng);
        }
        let v = drawn_level(&policy.backoff, &self.levels, k, true, rng);
        (jittered(&policy.backoff, policy.jitter, k, v, 0.0, state, rng) + 0.5) as u64
    }

    /// The same after a rejection that asks to be tried again `asked` ns later;
    /// nothing where there is to be no retry.
    #[cold]
    pub fn hinted_delay(
        &self,
        policy: &Policy,
        k: u32,
        asked: u64,
        state: &mut u64,
        rng: &mut Stream,
    ) -> Option<u64> {
        let least = match policy.retry_after {
            Hint::BeforeJitter => asked,
            _ => 0,
        };
        let delay = self.special(policy, k, Failure::Rejected, least, state, rng);
        match policy.retry_after {
            Hint::Ignore | Hint::BeforeJitter => Some(delay),
            Hint::Replace(None) | Hint::ReplaceAndRestart => Some(asked),
            Hint::Replace(Some(most)) => Some(asked.min(most.0)),
            Hint::ReplaceOrStop(most) => (asked <= most.0).then_some(asked),
            Hint::AtLeast => Some(delay.max(asked)),
            Hint::Clamp(most) => Some(asked.clamp(delay, delay.saturating_add(most.0))),
        }
    }

    /// `least` bounds the level from below, before jitter.
    #[cold]
    fn special(
        &self,
        policy: &Policy,
        k: u32,
        failure: Failure,
        least: u64,
        state: &mut u64,
        rng: &mut Stream,
    ) -> u64 {
        if let (1, Some(first)) = (k, policy.first) {
            return first.0;
        }
        let (backoff, levels) = match &policy.throttle_backoff {
            Some(backoff) if failure == Failure::Rejected => (backoff, &self.throttle_levels),
            _ => (&policy.backoff, &self.levels),
        };
        let capped = policy.cap_after != CapAfter::Yes;
        let v = drawn_level(backoff, levels, k, capped, rng).max(least as f64);
        // An integer draw with both ends included reaches one unit further.
        let reach = match policy.quantum {
            Some(Quantum {
                unit,
                rounding: Rounding::Inclusive,
            }) => unit.0 as f64,
            _ => 0.0,
        };
        let mut delay = match policy.jitter {
            Jitter::Compounding(f) => compounded(backoff, f.0, policy.quantum, state, rng),
            jitter => jittered(backoff, jitter, k, v, reach, state, rng),
        };
        if let Some(cap) = backoff.cap()
            && policy.cap_after != CapAfter::No
        {
            delay = delay.min(cap.0 as f64);
        }
        if let Some(quantum) = policy.quantum {
            delay = rounded(delay, quantum);
        }
        ((delay + 0.5) as u64).max(policy.at_least.0)
    }
}

/// v of retry k, in ns: drawn, worked out beforehand, or now.
#[inline]
fn drawn_level(backoff: &Backoff, levels: &[f64], k: u32, capped: bool, rng: &mut Stream) -> f64 {
    match (backoff, levels.get(k as usize - 1)) {
        (Backoff::Random(law), _) => law.sample(rng).0 as f64,
        (_, Some(v)) => *v,
        (backoff, None) => backoff.level(k, capped),
    }
}

/// v with its jitter; `reach` lengthens what is drawn uniformly from 0.
#[inline]
fn jittered(
    backoff: &Backoff,
    jitter: Jitter,
    k: u32,
    v: f64,
    reach: f64,
    state: &mut u64,
    rng: &mut Stream,
) -> f64 {
    match jitter {
        Jitter::None => v,
        Jitter::Full => (v + reach) * unit(rng),
        Jitter::Equal => v / 2.0 + (v / 2.0 + reach) * unit(rng),
        Jitter::Decorrelated => decorrelated(backoff, state, rng),
        Jitter::Proportional(f) => v * (1.0 - f.0 + 2.0 * f.0 * unit(rng)),
        Jitter::Scale(a, b) => v * (a.0 + (b.0 - a.0) * unit(rng)),
        Jitter::Additive(d) => v + (d.0 as f64 + reach) * unit(rng),
        Jitter::Growing(d) => v + (d.0 as f64 * f64::from(k) + reach) * unit(rng),
        Jitter::Compounding(f) => compounded(backoff, f.0, None, state, rng),
        Jitter::Polly => polly(backoff, k, state, rng),
    }
}

/// min(cap, U(base, 3 · previous)), where the first previous delay is the base.
fn decorrelated(backoff: &Backoff, state: &mut u64, rng: &mut Stream) -> f64 {
    let Backoff::Exponential { base, cap, .. } = backoff else {
        return 0.0; // Scenarios admit it with an exponential backoff alone.
    };
    let base = base.0 as f64;
    let last = if *state == 0 { base } else { *state as f64 };
    let drawn = base + (3.0 * last - base) * unit(rng);
    let capped = drawn.min(cap.map_or(f64::INFINITY, |cap| cap.0 as f64));
    *state = (capped + 0.5) as u64;
    capped
}

/// min(cap, multiplier · previous · U(1−f, 1+f)), first base · U(1−f, 1+f).
fn compounded(
    backoff: &Backoff,
    f: f64,
    quantum: Option<Quantum>,
    state: &mut u64,
    rng: &mut Stream,
) -> f64 {
    let Backoff::Exponential {
        base,
        multiplier,
        cap,
        ..
    } = backoff
    else {
        return 0.0; // Scenarios admit it with an exponential backoff alone.
    };
    let factor = 1.0 - f + 2.0 * f * unit(rng);
    let round = |x: f64| quantum.map_or(x, |q| rounded(x, q));
    let drawn = match *state {
        0 => round(base.0 as f64 * factor),
        last => multiplier.0 * round(last as f64 * factor),
    };
    let capped = drawn.min(cap.map_or(f64::INFINITY, |cap| cap.0 as f64));
    *state = (capped + 0.5) as u64;
    capped
}

/// base · (F(t) − F(t before)) / 1.4, clipped at the cap; feeds F(t) back as bits.
fn polly(backoff: &Backoff, k: u32, state: &mut u64, rng: &mut Stream) -> f64 {
    let Backoff::Exponential { base, cap, .. } = backoff else {
        return 0.0; // Scenarios admit it with an exponential backoff alone.
    };
    let t = f64::from(k - 1) + unit(rng);
    let next = t.exp2() * (4.0 * t).sqrt().tanh();
    let previous = f64::from_bits(*state);
    *state = next.to_bits();
    let delay = base.0 as f64 * (next - previous) / 1.4;
    delay.min(cap.map_or(f64::INFINITY, |cap| cap.0 as f64))
}

fn rounded(delay: f64, quantum: Quantum) -> f64 {
    let unit = quantum.unit.0 as f64;
    let whole = delay / unit;
    unit * match quantum.rounding {
        Rounding::Floor | Rounding::Inclusive => whole.floor(),
        Rounding::Ceil => whole.ceil(),
        Rounding::Nearest => whole.round(),
    }
}

/// Whether every delay of the policy is the same.
pub fn is_constant(policy: &Policy) -> bool {
    let same = matches!(policy.backoff, Backoff::None | Backoff::Fixed(_))
        && policy.jitter == Jitter::None
        && policy.first.is_none()
        && policy.throttle_backoff.is_none()
        && policy.retry_after == Hint::Ignore
        && policy.throttle.is_none()
        && policy.hedge.is_none();
    same || policy.attempts == 1 && policy.throttle.is_none()
}

/// Whether retries of attempts that failed at different instants may come at the same one,
/// though their delays are not all the same: these are not simply drawn.
pub fn may_coincide(policy: &Policy) -> bool {
    let drawn = policy.jitter != Jitter::None
        && policy.first.is_none()
        && policy.throttle_backoff.is_none()
        && policy.at_least.0 == 0
        && policy.quantum.is_none();
    !drawn && !is_constant(policy)
}
