//! The backoff and jitter that a list of waits is: the law whose intervals these are.

use herdsim_core::dist::Dist;
use herdsim_core::scenario::policy::{Backoff, CapAfter, Exponent, Jitter};
use herdsim_core::units::{Factor, Nanos, Probability};

use crate::audit::read::units::nanos;

/// What waits look like as a policy.
#[derive(Clone, Debug)]
pub struct Shape {
    pub backoff: Backoff,
    pub jitter: Jitter,
    pub first: Option<Nanos>,
    pub cap_after: CapAfter,
}

impl Shape {
    fn plain(backoff: Backoff) -> Shape {
        Shape {
            backoff,
            jitter: Jitter::None,
            first: None,
            cap_after: CapAfter::No,
        }
    }
}

/// Equal but for rounding.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 + 1e-6 * a.abs().max(b.abs())
}

/// The law of waits in seconds, each an interval; none where no form of ours has them.
pub fn shape(waits: &[(f64, f64)]) -> Option<Shape> {
    if waits.iter().all(|(_, b)| *b <= 0.0) {
        return Some(Shape::plain(Backoff::None));
    }
    if waits
        .iter()
        .any(|(a, b)| *a < -1e-9 || b < a || !b.is_finite())
    {
        return None;
    }
    // The first at once, the others after a while.
    if waits.len() > 1 && waits[0].1 == 0.0 {
        let rest = exact_from(&waits[1..], 2)?;
        return Some(Shape {
            first: Some(Nanos::ZERO),
            ..rest
        });
    }
    exact_from(waits, 1)
}

fn exact_from(waits: &[(f64, f64)], from: u32) -> Option<Shape> {
    if waits.iter().all(|(a, b)| same(*a, *b)) {
        let values: Vec<f64> = waits.iter().map(|(a, _)| *a).collect();
        return Some(Shape::plain(series(&values, from)));
    }
    let lows: Vec<f64> = waits.iter().map(|(a, _)| *a).collect();
    let highs: Vec<f64> = waits.iter().map(|(_, b)| *b).collect();
    if lows.iter().all(|a| same(*a, 0.0)) {
        return Some(Shape {
            jitter: Jitter::Full,
            ..Shape::plain(series(&highs, from))
        });
    }
    // Drawn afresh from the same interval each time.
    let fixed = waits
        .iter()
        .all(|(a, b)| same(*a, lows[0]) && same(*b, highs[0]));
    if let Some(found) = scaled(&lows, &highs, from, fixed) {
        return Some(found);
    }
    // p ← min(cap, U(base, 3p))
    let base = lows[0];
    if lows.iter().all(|a| same(*a, base)) && same(highs[0], 3.0 * base) && waits.len() > 1 {
        let cap = highs.last().copied().unwrap_or(base);
        let grown = highs
            .windows(2)
            .all(|w| same(w[1], (w[0] * 3.0).min(cap)) || same(w[1], w[0] * 3.0));
        if grown {
            let capped = highs.windows(2).any(|w| !same(w[1], w[0] * 3.0));
            return Some(Shape {
                jitter: Jitter::Decorrelated,
                ..Shape::plain(Backoff::Exponential {
                    base: nanos(base),
                    multiplier: Factor(3.0),
                    cap: capped.then(|| nanos(cap)),
                    exponent: Exponent::FromZero,
                })
            });
        }
    }
    let differences: Vec<f64> = waits.iter().map(|(a, b)| b - a).collect();
    if differences.iter().all(|d| same(*d, differences[0])) {
        return Some(Shape {
            jitter: Jitter::Additive(nanos(differences[0])),
            ..Shape::plain(series(&lows, from))
        });
    }
    capped_after(waits, from)
}

/// Jitter first, cap afterwards: the intervals before the cap say the law.
fn capped_after(waits: &[(f64, f64)], from: u32) -> Option<Shape> {
    let cap = waits.iter().map(|(_, b)| *b).fold(0.0, f64::max);
    let free = waits
        .iter()
        .take_while(|(_, b)| *b < cap * (1.0 - 1e-9))
        .count();
    if free < 2 {
        return None;
    }
    let found = exact_from(&waits[..free], from)?;
    let Backoff::Exponential {
        base,
        multiplier,
        cap: None,
        exponent,
    } = found.backoff
    else {
        return None;
    };
    let backoff = Backoff::Exponential {
        base,
        multiplier,
        cap: Some(nanos(cap)),
        exponent,
    };
    Some(Shape {
        backoff,
        cap_after: CapAfter::Yes,
        ..found
    })
}

/// Both ends are one series times a factor each: which series is meant, the roundest one says.
fn scaled(lows: &[f64], highs: &[f64], from: u32, fixed: bool) -> Option<Shape> {
    let ratio = highs[0] / lows[0];
    if !lows.iter().zip(highs).all(|(a, b)| same(*b, a * ratio)) {
        return None;
    }
    if same(ratio, 2.0) && digits(highs[0]) <= digits(lows[0]) {
        return Some(Shape {
            jitter: Jitter::Equal,
            ..Shape::plain(series(highs, from))
        });
    }
    let p = (ratio - 1.0) / (ratio + 1.0);
    let middles: Vec<f64> = lows.iter().zip(highs).map(|(a, b)| (a + b) / 2.0).collect();
    let around = digits(middles[0]) + digits(p * 100.0);
    let above = digits(lows[0]) + digits(ratio);
    let below = digits(highs[0]) + digits(1.0 / ratio);
    if fixed && above <= around && lows.len() > 1 && digits(highs[0] - lows[0]) <= 2 {
        // A fresh draw from the same interval: said as such.
        let law = Dist::Uniform {
            low: nanos(lows[0]),
            high: nanos(highs[0]),
        };
        return Some(Shape::plain(Backoff::Random(law)));
    }
    let (jitter, values) = if around <= above.min(below) && p < 1.0 {
        (Jitter::Proportional(Probability(round(p))), middles)
    } else if above <= below {
        (
            Jitter::Scale(Factor(1.0), Factor(round(ratio))),
            lows.to_vec(),
        )
    } else {
        (
            Jitter::Scale(Factor(round(1.0 / ratio)), Factor(1.0)),
            highs.to_vec(),
        )
    };
    Some(Shape {
        jitter,
        ..Shape::plain(series(&values, from))
    })
}

fn round(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

/// Significant decimal digits: how round a number is.
fn digits(x: f64) -> usize {
    let text = format!("{:.9e}", x);
    let mantissa = text.split('e').next().unwrap_or("");
    mantissa
        .trim_end_matches('0')
        .bytes()
        .filter(u8::is_ascii_digit)
        .count()
}

/// A series of waits without jitter: before retries `from`, `from` + 1, …
pub fn series(values: &[f64], from: u32) -> Backoff {
    let first = values[0];
    if values.iter().all(|v| same(*v, first)) {
        return Backoff::Fixed(nanos(first));
    }
    let before = |multiplier: f64| first / multiplier.powi(from as i32 - 1);
    if first > 0.0 {
        let multiplier = values[1] / first;
        let cap = values.iter().copied().fold(0.0, f64::max);
        let fits = |multiplier: f64, cap: f64| {
            values
                .iter()
                .enumerate()
                .all(|(k, v)| same(*v, (first * multiplier.powi(k as i32)).min(cap)))
        };
        if multiplier > 1.0 && fits(multiplier, f64::INFINITY) {
            return exponential(before(multiplier), multiplier, None, Exponent::FromZero);
        }
        // step·k
        let step = first / f64::from(from);
        let line = |k: usize| step * (from as usize + k) as f64;
        if values.iter().enumerate().all(|(k, v)| same(*v, line(k))) {
            return Backoff::Linear(nanos(step));
        }
        // Two steps have to grow alike before a cap is one; else the waits are a list.
        let grows = values
            .get(2)
            .is_some_and(|v| same(*v, first * multiplier * multiplier));
        if multiplier > 1.0 && grows && fits(multiplier, cap) {
            return exponential(
                before(multiplier),
                multiplier,
                Some(cap),
                Exponent::FromZero,
            );
        }
        // b·(2^k − 1)
        let unit = first / (2f64.powi(from as i32) - 1.0);
        let less = |k: usize| unit * (2f64.powi(from as i32 + k as i32) - 1.0);
        if values.len() > 2 && values.iter().enumerate().all(|(k, v)| same(*v, less(k))) {
            return exponential(unit, 2.0, None, Exponent::LessOne);
        }
        // Squares, cubes: offset + step·(k−1)^power cannot say step·k^power; a table can.
    }
    let mut table: Vec<Nanos> = (1..from).map(|_| Nanos::ZERO).collect();
    table.extend(values.iter().map(|v| nanos(*v)));
    // The last stays: repetitions of it need not be said.
    while table.len() > 1 && table[table.len() - 1] == table[table.len() - 2] {
        table.pop();
    }
    Backoff::Table(table)
}

/// An exponential backoff in seconds.
pub fn exponential(base: f64, multiplier: f64, cap: Option<f64>, exponent: Exponent) -> Backoff {
    Backoff::Exponential {
        base: nanos(base),
        multiplier: Factor(round(multiplier)),
        cap: cap.map(nanos),
        exponent,
    }
}

#[cfg(test)]
mod tests {
    use super::shape;

    fn text(waits: &[(f64, f64)]) -> String {
        let shape = shape(waits).unwrap();
        format!("{} {}", shape.backoff, shape.jitter)
    }

    #[test]
    fn laws_from_their_intervals() {
        let point = |values: &[f64]| values.iter().map(|v| (*v, *v)).collect::<Vec<_>>();
        assert_eq!(text(&point(&[1.0, 1.0, 1.0])), "fixed(1s) none");
        assert_eq!(
            text(&point(&[0.1, 0.2, 0.4, 0.5, 0.5])),
            "exponential(base=100ms,multiplier=2,cap=500ms) none"
        );
        assert_eq!(text(&point(&[1.0, 2.0, 3.0])), "linear(1s) none");
        assert_eq!(
            text(&point(&[1.0, 5.0, 15.0, 15.0])),
            "table(1s,5s,15s) none"
        );
        assert_eq!(
            text(&[(0.0, 1.0), (0.0, 2.0)]),
            "exponential(base=1s,multiplier=2) full"
        );
        assert_eq!(
            text(&[(0.8, 1.2), (1.6, 2.4)]),
            "exponential(base=1s,multiplier=2) proportional(0.2)"
        );
        assert_eq!(
            text(&[(0.5, 1.0), (1.0, 2.0)]),
            "exponential(base=1s,multiplier=2) equal"
        );
        assert_eq!(
            text(&[(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]),
            "linear(1s) additive(1s)"
        );
        let shape = shape(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]).unwrap();
        assert_eq!(
            shape.backoff.to_string(),
            "exponential(base=500ms,multiplier=2)"
        );
        assert!(shape.first.is_some());
    }
}
