//! Looking for the size at which runs begin to fare otherwise.

use crate::ensemble::falls::Falls;

/// A size at which runs were made, and how many of them never recovered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    pub size: f64,
    pub falls: Falls,
}

/// Where more than half of the runs begin to fare otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crossing {
    /// The last size before it, of those at which it is decided; nothing where it is before
    /// the smallest.
    pub before: Option<f64>,
    /// The first size beyond it; nothing where there is none up to the largest.
    pub beyond: Option<f64>,
    /// Sizes in between at which as many runs as are made did not decide.
    pub undecided: Option<(f64, f64)>,
    /// Everything that was tried, by size.
    pub tried: Vec<Tried>,
}

impl Crossing {
    /// How many runs were made.
    pub fn runs(&self) -> u64 {
        self.tried.iter().map(|tried| tried.falls.runs).sum()
    }

    /// The largest size that was tried.
    pub fn largest(&self) -> Option<f64> {
        self.tried.last().map(|tried| tried.size)
    }
}

/// A search along a size.
pub struct Along<'s> {
    /// Those that are tried at first, rising: the first of them beyond is what is gone into.
    pub sizes: &'s [f64],
    /// How wide the bracket may stay, relative to its size.
    pub fine: f64,
    /// Which of two ways runs are beyond it: by never recovering, or by recovering.
    pub beyond: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Falls,
    Recovers,
}

/// Who makes runs of a size.
pub trait Ask {
    /// How a few of them fare.
    fn glance(&self, size: f64, so_far: &Crossing) -> Option<Falls>;
    /// How as many fare as it takes to say on which side it lies.
    fn decide(&self, size: f64, so_far: &Crossing) -> Option<Falls>;
}

/// Steps of bisection at most.
const STEPS: usize = 16;

impl Along<'_> {
    fn is_beyond(&self, falls: &Falls) -> Option<bool> {
        let falls = falls.decided()?;
        Some(match self.beyond {
            Way::Falls => falls,
            Way::Recovers => !falls,
        })
    }

    /// Glances at one size after the other until one may be beyond, asks properly there and
    /// before, then halves what is in between. What lies beyond that is not looked at. Nothing
    /// where nothing is told.
    pub fn first(&self, asked: &impl Ask) -> Option<Crossing> {
        let mut found = Crossing::default();
        let last = self.sizes.len().checked_sub(1)?;
        for (place, size) in self.sizes.iter().enumerate() {
            let seen = asked.glance(*size, &found)?;
            let may_be = match self.beyond {
                Way::Falls => seen.never > 0,
                Way::Recovers => seen.never < seen.runs,
            };
            if !may_be && place < last {
                continue;
            }
            let falls = asked.decide(*size, &found)?;
            self.take(&mut found, *size, falls);
            if found.beyond.is_some() {
                self.back(place, &mut found, asked)?;
                break;
            }
        }
        for _ in 0..STEPS {
            let Some(size) = self.between(&found) else {
                break;
            };
            let falls = asked.decide(size, &found)?;
            self.take(&mut found, size, falls);
        }
        found.tried.sort_by(|a, b| a.size.total_cmp(&b.size));
        Some(found)
    }

    /// From a size that is beyond, back to the first one that is not.
    fn back(&self, from: usize, found: &mut Crossing, asked: &impl Ask) -> Option<()> {
        for size in self.sizes[..from].iter().rev() {
            if found.before.is_some_and(|before| before >= *size) {
                break;
            }
            if found.tried.iter().any(|tried| tried.size == *size) {
                continue;
            }
            let falls = asked.decide(*size, found)?;
            self.take(found, *size, falls);
        }
        Some(())
    }

    fn take(&self, found: &mut Crossing, size: f64, falls: Falls) {
        found.tried.push(Tried { size, falls });
        match self.is_beyond(&falls) {
            Some(true) => found.beyond = Some(size),
            Some(false) => {
                found.before = Some(size);
                // What was left undecided before it was noise.
                found.undecided = found.undecided.filter(|(from, _)| *from > size);
            }
            None => {
                let (from, to) = found.undecided.unwrap_or((size, size));
                found.undecided = Some((from.min(size), to.max(size)));
            }
        }
    }

    /// The size to try next, in the middle of what is not known yet.
    fn between(&self, found: &Crossing) -> Option<f64> {
        let beyond = found.beyond?;
        // Below the smallest that was tried nothing is asked.
        let before = found.before?;
        // Where chance blurs it, it need not be as fine on either side.
        let (gaps, fine) = match found.undecided {
            None => (vec![(before, beyond)], self.fine),
            Some((from, to)) => (vec![(before, from), (to, beyond)], 1.5 * self.fine),
        };
        let widest = gaps
            .into_iter()
            .max_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)))?;
        let middle = rounded((widest.0 * widest.1).sqrt());
        let is_within = widest.0 < middle && middle < widest.1;
        (widest.1 > widest.0 * (1.0 + fine) && is_within).then_some(middle)
    }
}

/// To three digits, as it is told.
pub fn rounded(x: f64) -> f64 {
    if x <= 0.0 || !x.is_finite() {
        return x;
    }
    let digits = 2 - x.log10().floor() as i32;
    format!("{x:.*}", digits.clamp(0, 12) as usize)
        .parse()
        .unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falls(share: f64) -> Falls {
        let runs = if (0.2..0.8).contains(&share) { 60 } else { 10 };
        Falls {
            never: (share * runs as f64).round() as u64,
            runs,
        }
    }

    const SIZES: [f64; 6] = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0];

    struct Chance<F>(F);

    impl<F: Fn(f64) -> f64> Ask for Chance<F> {
        fn glance(&self, size: f64, _: &Crossing) -> Option<Falls> {
            let never = u64::from((self.0)(size) > 0.5);
            Some(Falls { never, runs: 1 })
        }

        fn decide(&self, size: f64, _: &Crossing) -> Option<Falls> {
            Some(falls((self.0)(size)))
        }
    }

    fn search(chance: impl Fn(f64) -> f64) -> Crossing {
        let along = Along {
            sizes: &SIZES,
            fine: 0.05,
            beyond: Way::Falls,
        };
        along.first(&Chance(chance)).unwrap()
    }

    #[test]
    fn a_sharp_edge_is_within_its_bracket() {
        for edge in [0.11, 0.73, 1.9, 4.99, 9.0] {
            let found = search(|x| if x < edge { 0.0 } else { 1.0 });
            let (before, beyond) = (found.before.unwrap(), found.beyond.unwrap());
            assert!(before < edge && edge <= beyond, "{edge} {found:?}");
            assert!(beyond <= before * 1.06, "{found:?}");
            assert_eq!(found.runs(), 10 * found.tried.len() as u64);
            assert!(found.tried.len() < 9, "{found:?}");
        }
    }

    #[test]
    fn a_blurred_edge_is_told_with_what_is_undecided() {
        // From 0 to 1 between 0.8 and 1.4.
        let found = search(|x| ((x - 0.8) / 0.6).clamp(0.0, 1.0));
        let (from, to) = found.undecided.unwrap();
        let (before, beyond) = (found.before.unwrap(), found.beyond.unwrap());
        assert!(before < from && from <= to && to < beyond, "{found:?}");
        assert!(
            (0.8..1.0).contains(&before) && (1.2..1.45).contains(&beyond),
            "{found:?}"
        );
        assert!(from <= before * 1.08 && beyond <= to * 1.08, "{found:?}");
    }

    #[test]
    fn where_there_is_none_it_says_up_to_where() {
        let found = search(|_| 0.0);
        assert_eq!((found.before, found.beyond), (Some(10.0), None));
        let found = search(|_| 1.0);
        assert_eq!((found.before, found.beyond), (None, Some(0.1)));
        assert_eq!(found.tried.len(), 1);
    }

    #[test]
    fn sizes_are_told_as_they_are_tried() {
        assert_eq!(
            [0.123_456, 12.345, 1_234.6].map(rounded),
            [0.123, 12.3, 1_235.0]
        );
    }
}
