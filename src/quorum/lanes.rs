//! Plain simulation of alike replicas, many trials at once.
//!
//! Draws of a block of trials stand side by side, an array for each delay of each
//! replica, and every step goes over whole arrays: loops without branches, which
//! the compiler turns into vector instructions. The generator and the logarithm
//! are written the same way. Nothing depends on what vectors a machine has.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::dist::Dist;
use crate::quorum::exact::Legs;

/// Trials in a block: what is at work fits the first-level cache.
const BLOCK: usize = 128;

type Column = [f64; BLOCK];

/// Generators side by side, each xoshiro256++ (Blackman and Vigna 2019).
struct Generators {
    state: [[u64; Generators::N]; 4],
}

impl Generators {
    const N: usize = 8;

    fn new(seeds: &mut Xoshiro256PlusPlus) -> Generators {
        let mut state = [[0; Generators::N]; 4];
        for word in state.iter_mut().flatten() {
            *word = seeds.next_u64();
        }
        Generators { state }
    }

    /// Uniform on (0, 1], 52 bits each.
    #[inline]
    fn fill(&mut self, out: &mut Column) {
        let [s0, s1, s2, s3] = &mut self.state;
        for chunk in out.chunks_exact_mut(Generators::N) {
            for i in 0..Generators::N {
                let sum = s0[i].wrapping_add(s3[i]);
                let bits = sum.rotate_left(23).wrapping_add(s0[i]);
                // The mantissa of a number from 1 to 2.
                chunk[i] = 2.0 - f64::from_bits(0x3ff0_0000_0000_0000 | bits >> 12);
                let t = s1[i] << 17;
                s2[i] ^= s0[i];
                s3[i] ^= s1[i];
                s1[i] ^= s2[i];
                s0[i] ^= s3[i];
                s2[i] ^= t;
                s3[i] = s3[i].rotate_left(45);
            }
        }
    }
}

/// −ln x for 0 < x ≤ 1, to a few units in the last place, or 10⁻¹⁶ near 1.
#[inline(always)]
fn minus_ln(x: f64) -> f64 {
    const MAGIC: u64 = 0x4330_0000_0000_0000; // 2⁵²: integers below are its mantissa
    let bits = x.to_bits();
    let exponent = f64::from_bits(MAGIC | bits >> 52) - f64::from_bits(MAGIC) - 1023.0;
    let m = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    // ln m = ln √2 + 2 artanh z with |z| < 0.172
    let z = (m - std::f64::consts::SQRT_2) / (m + std::f64::consts::SQRT_2);
    let q = z * z;
    let mut series = 2.0 / 19.0;
    for odd in [17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * q + 2.0 / odd;
    }
    -((exponent + 0.5) * std::f64::consts::LN_2 + z * series)
}

/// e^y for 0 ≤ y ≤ 700.
#[inline(always)]
fn exp(y: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²: adding it rounds
    const HIGH: f64 = 6.931_471_803_691_238e-1;
    const LOW: f64 = 1.908_214_929_270_587_7e-10;
    let shifted = y * std::f64::consts::LOG2_E + MAGIC;
    let k = shifted - MAGIC;
    let r = (y - k * HIGH) - k * LOW;
    let mut series = 1.0 / 479_001_600.0;
    for factorial in [
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
        1.0,
        1.0,
    ] {
        series = series * r + 1.0 / factorial;
    }
    series * f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52))
}

/// A law as whole arrays draw it.
enum Draw<'d> {
    Exp(f64),
    Pareto(f64, f64),
    /// One of two, the first with that probability.
    Either(f64, Box<Draw<'d>>, Box<Draw<'d>>),
    Plus(Box<Draw<'d>>, f64),
    Const(f64),
    /// One by one.
    Other(&'d Dist),
}

impl<'d> Draw<'d> {
    fn of(law: &'d Dist) -> Draw<'d> {
        match law {
            Dist::Const(d) => Draw::Const(d.0 as f64),
            Dist::Exp { mean } => Draw::Exp(mean.0 as f64),
            Dist::Pareto { scale, alpha } => Draw::Pareto(scale.0 as f64, *alpha),
            Dist::Shift(inner, by) => Draw::Plus(Box::new(Draw::of(inner)), by.0 as f64),
            Dist::Mix(parts) => match &parts[..] {
                [(p, a), (_, b)] => Draw::Either(*p, Box::new(Draw::of(a)), Box::new(Draw::of(b))),
                _ => Draw::Other(law),
            },
            law => Draw::Other(law),
        }
    }

    fn fill(&self, rng: &mut Sources, out: &mut Column) {
        match self {
            Draw::Const(x) => out.fill(*x),
            Draw::Exp(mean) => {
                rng.lanes.fill(out);
                for x in out {
                    *x = mean * minus_ln(*x);
                }
            }
            Draw::Pareto(scale, alpha) => {
                rng.lanes.fill(out);
                for x in out {
                    *x = scale * exp(minus_ln(*x) / alpha);
                }
            }
            Draw::Plus(inner, by) => {
                inner.fill(rng, out);
                for x in out {
                    *x += by;
                }
            }
            Draw::Either(p, a, b) => match (&**a, &**b) {
                // The same logarithm does for both: one of them is used.
                (Draw::Pareto(scale, alpha), Draw::Exp(mean)) => {
                    let mut which = [0.0; BLOCK];
                    rng.lanes.fill(&mut which);
                    rng.lanes.fill(out);
                    for (x, u) in out.iter_mut().zip(&which) {
                        let e = minus_ln(*x);
                        let pareto = scale * exp(e / alpha);
                        *x = if u <= p { pareto } else { mean * e };
                    }
                }
                _ => {
                    let (mut which, mut other) = ([0.0; BLOCK], [0.0; BLOCK]);
                    rng.lanes.fill(&mut which);
                    a.fill(rng, out);
                    b.fill(rng, &mut other);
                    for ((x, y), u) in out.iter_mut().zip(&other).zip(&which) {
                        *x = if u <= p { *x } else { *y };
                    }
                }
            },
            Draw::Other(law) => out.fill_with(|| law.draw(&mut rng.single)),
        }
    }
}

struct Sources {
    lanes: Generators,
    single: Xoshiro256PlusPlus,
}

/// Exchanges that sort `n` things, Knuth's merge exchange (volume 3, 5.2.2, algorithm M).
fn exchanges(n: usize) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for i in 0..n.saturating_sub(d) {
                if i & p == r {
                    all.push((i, i + d));
                }
            }
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    all
}

/// Two columns, one to be written beside the other.
fn pair(columns: &mut [Column], i: usize, j: usize) -> (&mut Column, &mut Column) {
    let (left, right) = columns.split_at_mut(j);
    (&mut left[i], &mut right[0])
}

/// Settings (R, W) of `n` alike replicas.
pub struct Lanes<'d> {
    n: usize,
    settings: Vec<(usize, usize)>,
    /// In ns, rising.
    times: Vec<f64>,
    asks_all: bool,
    legs: [Draw<'d>; 4],
    exchanges: Vec<(usize, usize)>,
}

impl<'d> Lanes<'d> {
    pub fn new(
        legs: Legs<'d>,
        n: u32,
        settings: &[(u32, u32)],
        times: &[f64],
        asks_all: bool,
    ) -> Lanes<'d> {
        let n = n as usize;
        Lanes {
            n,
            settings: settings
                .iter()
                .map(|(r, w)| (*r as usize, *w as usize))
                .collect(),
            times: times.to_vec(),
            asks_all,
            legs: [legs.write_out, legs.ack, legs.read_out, legs.reply].map(Draw::of),
            exchanges: exchanges(n),
        }
    }

    /// Stale reads by setting and t, of `trials` or a few more, and how many those were.
    pub fn stale(&self, mut seeds: Xoshiro256PlusPlus, trials: u64) -> (Vec<Vec<u64>>, u64) {
        let mut rng = Sources {
            lanes: Generators::new(&mut seeds),
            single: seeds,
        };
        let mut hits = vec![vec![0; self.times.len()]; self.settings.len()];
        let blocks = trials.div_ceil(BLOCK as u64);
        let mut room = Room::new(self.n);
        for _ in 0..blocks {
            self.block(&mut rng, &mut room, &mut hits);
        }
        (hits, blocks * BLOCK as u64)
    }

    fn block(&self, rng: &mut Sources, room: &mut Room, hits: &mut [Vec<u64>]) {
        let Room {
            commit,
            reply,
            ahead,
            scratch,
        } = room;
        let [write_out, ack, read_out, back] = &self.legs;
        for i in 0..self.n {
            write_out.fill(rng, &mut ahead[i]);
            ack.fill(rng, &mut commit[i]);
            for (u, w) in commit[i].iter_mut().zip(&ahead[i]) {
                *u += w;
            }
            read_out.fill(rng, scratch);
            for (d, r) in ahead[i].iter_mut().zip(&*scratch) {
                *d -= r;
            }
            // Where R are asked, it does not matter which replies first.
            if self.asks_all {
                back.fill(rng, &mut reply[i]);
                for (l, r) in reply[i].iter_mut().zip(&*scratch) {
                    *l += r;
                }
            }
        }
        for &(i, j) in &self.exchanges {
            let (a, b) = pair(commit, i, j);
            for (a, b) in a.iter_mut().zip(b) {
                let (low, high) = (a.min(*b), a.max(*b));
                (*a, *b) = (low, high);
            }
            if !self.asks_all {
                continue;
            }
            let (a, b) = pair(reply, i, j);
            let (da, db) = pair(ahead, i, j);
            for k in 0..BLOCK {
                let swap = a[k] > b[k];
                let (low, high) = (a[k].min(b[k]), a[k].max(b[k]));
                (a[k], b[k]) = (low, high);
                let (x, y) = (da[k], db[k]);
                da[k] = if swap { y } else { x };
                db[k] = if swap { x } else { y };
            }
        }
        // The one of the first R that is the least behind.
        for i in 1..self.n {
            let (before, here) = pair(ahead, i - 1, i);
            for (here, before) in here.iter_mut().zip(before) {
                *here = here.min(*before);
            }
        }
        for ((r, w), hits) in self.settings.iter().zip(hits) {
            for ((need, d), u) in scratch.iter_mut().zip(&ahead[r - 1]).zip(&commit[w - 1]) {
                *need = d - u;
            }
            for (t, hits) in self.times.iter().zip(hits) {
                let stale: u64 = scratch.iter().map(|need| u64::from(need > t)).sum();
                if stale == 0 {
                    break; // Nor is any later.
                }
                *hits += stale;
            }
        }
    }
}

/// What a block works on, by replica.
struct Room {
    commit: Vec<Column>,
    reply: Vec<Column>,
    ahead: Vec<Column>,
    scratch: Column,
}

impl Room {
    fn new(n: usize) -> Room {
        let columns = || vec![[0.0; BLOCK]; n];
        Room {
            commit: columns(),
            reply: columns(),
            ahead: columns(),
            scratch: [0.0; BLOCK],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::value::Value;
    use rand::SeedableRng;

    #[test]
    fn logarithm_and_exponential_are_the_librarys() {
        for i in 1..=100_000 {
            let x = f64::from(i) / 100_000.0;
            for x in [x, x * 1e-8, x * x * x] {
                let error = (minus_ln(x) + x.ln()).abs();
                assert!(error <= 4e-16 * x.ln().abs() + 3e-16, "{x} {error}");
            }
            let y = x * 700.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-14, "{y}");
        }
    }

    #[test]
    fn lanes_are_xoshiro() {
        let mut seeds = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut lanes = Generators::new(&mut seeds);
        let mut out = [0.0; BLOCK];
        let bytes: Vec<u8> = lanes
            .state
            .iter()
            .flat_map(|s| s[3].to_le_bytes())
            .collect();
        let mut one = Xoshiro256PlusPlus::from_seed(bytes.try_into().unwrap());
        lanes.fill(&mut out);
        for chunk in out.chunks(Generators::N) {
            let expected = 1.0 - (one.next_u64() >> 12) as f64 / (1u64 << 52) as f64;
            assert_eq!(chunk[3], expected);
        }
    }

    #[test]
    fn columns_have_their_laws() {
        let seeds = Xoshiro256PlusPlus::seed_from_u64(3);
        for text in [
            "exp(3ms)",
            "pareto(scale=2ms,alpha=1.5)",
            "mix(0.3: pareto(scale=1ms,alpha=10), 0.7: exp(4ms))",
            "mix(0.3: exp(1ms), 0.7: exp(4ms))",
            "mix(0.2: exp(1ms), 0.3: 2ms, 0.5: uniform(1ms,5ms))",
            "exp(2ms) + 1ms",
            "gamma(shape=2,mean=3ms)",
        ] {
            let law = Dist::parse(text).unwrap();
            let mut rng = Sources {
                lanes: Generators::new(&mut seeds.clone()),
                single: seeds.clone(),
            };
            let draw = Draw::of(&law);
            let (mut column, mut draws) = ([0.0; BLOCK], Vec::new());
            for _ in 0..500 {
                draw.fill(&mut rng, &mut column);
                draws.extend(column);
            }
            let n = draws.len() as f64;
            for ms in [0.5, 1.5, 2.5, 4.5, 9.0, 30.0] {
                let p = law.survival(ms * 1e6);
                let share = draws.iter().filter(|x| **x > ms * 1e6).count() as f64 / n;
                let error = (p * (1.0 - p) / n).sqrt();
                assert!((share - p).abs() <= 4.5 * error, "{text} {ms}: {share} {p}");
            }
        }
    }

    #[test]
    fn exchanges_sort() {
        // The zero-one principle: what sorts all of zeros and ones sorts everything.
        for n in 1..=10 {
            for bits in 0..1u32 << n {
                let mut list: Vec<u32> = (0..n).map(|i| bits >> i & 1).collect();
                for (i, j) in exchanges(n) {
                    if list[i] > list[j] {
                        list.swap(i, j);
                    }
                }
                assert!(list.is_sorted(), "{n} {bits:b}");
            }
        }
    }
}
