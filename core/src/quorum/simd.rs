//! Plain simulation of alike replicas, many trials at once.
//!
//! Draws of a block of trials stand side by side, an array for each delay of each
//! replica, and every step goes over whole arrays: loops without branches, which
//! the compiler turns into vector instructions. The generator and the logarithm
//! are written the same way. It is compiled for several sets of vector instructions;
//! none of them changes a bit of the result.
//!
//! Numbers have 24 bits, uniform ones 31: a chance below 10⁻⁷ would be off, and
//! none is counted here. Laws with atoms, whose ties have to be exact, are
//! simulated elsewhere.

use fearless_simd::{Level, Simd, dispatch};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::dist::Dist;
use crate::quorum::exact::Legs;

/// Trials in a block: what is at work fits the first-level cache.
const BLOCK: usize = 256;

type Column = [f32; BLOCK];

/// Generators side by side, each xoshiro128++ (Blackman and Vigna 2019).
struct Generators {
    state: [[u32; Generators::N]; 4],
}

impl Generators {
    const N: usize = 16;

    fn new(seeds: &mut Xoshiro256PlusPlus) -> Generators {
        let mut state = [[0; Generators::N]; 4];
        for word in state.iter_mut().flatten() {
            *word = seeds.next_u32();
        }
        Generators { state }
    }

    /// Uniform on (0, 1), 31 bits each.
    #[inline(always)]
    fn fill(&mut self, out: &mut Column) {
        const UNIT: f32 = 1.0 / (1u32 << 31) as f32;
        let [s0, s1, s2, s3] = &mut self.state;
        for chunk in out.chunks_exact_mut(Generators::N) {
            for i in 0..Generators::N {
                let sum = s0[i].wrapping_add(s3[i]);
                let bits = sum.rotate_left(7).wrapping_add(s0[i]);
                chunk[i] = ((bits >> 1) as i32 as f32 + 0.5) * UNIT;
                let t = s1[i] << 9;
                s2[i] ^= s0[i];
                s3[i] ^= s1[i];
                s1[i] ^= s2[i];
                s0[i] ^= s3[i];
                s2[i] ^= t;
                s3[i] = s3[i].rotate_left(11);
            }
        }
    }
}

/// −ln x for 0 < x ≤ 1, to a few units in the last place, or 10⁻⁷ near 1.
#[inline(always)]
fn minus_ln(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) as i32 as f32 - 127.0;
    let m = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    // ln m = ln √2 + 2 artanh z with |z| < 0.172
    let z = (m - std::f32::consts::SQRT_2) / (m + std::f32::consts::SQRT_2);
    let q = z * z;
    let mut series = 2.0 / 9.0;
    for odd in [7.0, 5.0, 3.0, 1.0] {
        series = series * q + 2.0 / odd;
    }
    -((exponent + 0.5) * std::f32::consts::LN_2 + z * series)
}

/// e^y for 0 ≤ y ≤ 80.
#[inline(always)]
fn exp(y: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let shifted = y * std::f32::consts::LOG2_E + MAGIC;
    let k = shifted - MAGIC;
    let r = (y - k * HIGH) - k * LOW;
    let mut series = 1.0 / 5_040.0;
    for factorial in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        series = series * r + 1.0 / factorial;
    }
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// A law as whole arrays draw it.
enum Draw<'d> {
    /// Mean, and what is added.
    Exp(f32, f32),
    /// Scale, shape, and what is added.
    Pareto(f32, f32, f32),
    /// With that probability the Pareto law, else the exponential one: the fits.
    ParetoOrExp {
        p: f32,
        scale: f32,
        alpha: f32,
        mean: f32,
    },
    /// One by one.
    Other(&'d Dist),
}

impl<'d> Draw<'d> {
    fn of(law: &'d Dist) -> Draw<'d> {
        match law {
            Dist::Exp { mean } => Draw::Exp(mean.0 as f32, 0.0),
            Dist::Pareto { scale, alpha } if *alpha > 0.5 => {
                Draw::Pareto(scale.0 as f32, *alpha as f32, 0.0)
            }
            Dist::Shift(inner, by) => match Draw::of(inner) {
                Draw::Exp(mean, more) => Draw::Exp(mean, more + by.0 as f32),
                Draw::Pareto(scale, alpha, more) => Draw::Pareto(scale, alpha, more + by.0 as f32),
                _ => Draw::Other(law),
            },
            Dist::Mix(parts) => match &parts[..] {
                [(p, Dist::Pareto { scale, alpha }), (_, Dist::Exp { mean })] if *alpha > 0.5 => {
                    Draw::ParetoOrExp {
                        p: *p as f32,
                        scale: scale.0 as f32,
                        alpha: *alpha as f32,
                        mean: mean.0 as f32,
                    }
                }
                _ => Draw::Other(law),
            },
            law => Draw::Other(law),
        }
    }

    #[inline(always)]
    fn fill(&self, rng: &mut Sources, out: &mut Column) {
        match *self {
            Draw::Exp(mean, more) => {
                rng.lanes.fill(out);
                for x in out {
                    *x = mean * minus_ln(*x) + more;
                }
            }
            Draw::Pareto(scale, alpha, more) => {
                rng.lanes.fill(out);
                let share = 1.0 / alpha;
                for x in out {
                    *x = scale * exp(minus_ln(*x) * share) + more;
                }
            }
            Draw::ParetoOrExp {
                p,
                scale,
                alpha,
                mean,
            } => {
                let mut which = [0.0; BLOCK];
                rng.lanes.fill(&mut which);
                rng.lanes.fill(out);
                let share = 1.0 / alpha;
                for (x, u) in out.iter_mut().zip(&which) {
                    // The same logarithm does for both: one of them is used.
                    let e = minus_ln(*x);
                    let pareto = scale * exp(e * share);
                    *x = if *u <= p { pareto } else { mean * e };
                }
            }
            Draw::Other(law) => {
                for x in out {
                    *x = law.draw(&mut rng.single) as f32;
                }
            }
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

/// The lesser of two numbers, in one instruction.
#[inline(always)]
fn less(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn more(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
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
    times: Vec<f32>,
    asks_all: bool,
    legs: [Draw<'d>; 4],
    exchanges: Vec<(usize, usize)>,
}

impl<'d> Lanes<'d> {
    /// Nothing where a law has atoms.
    pub fn new(
        legs: Legs<'d>,
        n: u32,
        settings: &[(u32, u32)],
        times: &[f64],
        asks_all: bool,
    ) -> Option<Lanes<'d>> {
        let n = n as usize;
        let legs = [legs.write_out, legs.ack, legs.read_out, legs.reply];
        legs.iter()
            .all(|law| law.atoms().is_empty())
            .then(|| Lanes {
                n,
                settings: settings
                    .iter()
                    .map(|(r, w)| (*r as usize, *w as usize))
                    .collect(),
                times: times.iter().map(|t| *t as f32).collect(),
                asks_all,
                legs: legs.map(Draw::of),
                exchanges: exchanges(n),
            })
    }

    /// Stale reads by setting and t, of `trials` or a few more, and how many those were.
    pub fn stale(&self, seeds: Xoshiro256PlusPlus, trials: u64) -> (Vec<Vec<u64>>, u64) {
        let level = Level::new();
        dispatch!(level, simd => simd.vectorize(
            #[inline(always)]
            || self.blocks(seeds, trials)
        ))
    }

    #[inline(always)]
    fn blocks(&self, mut seeds: Xoshiro256PlusPlus, trials: u64) -> (Vec<Vec<u64>>, u64) {
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

    #[inline(always)]
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
                (*a, *b) = (less(*a, *b), more(*a, *b));
            }
            if !self.asks_all {
                continue;
            }
            let (a, b) = pair(reply, i, j);
            let (da, db) = pair(ahead, i, j);
            for k in 0..BLOCK {
                let (left, right, x, y) = (a[k], b[k], da[k], db[k]);
                let swap = left > right;
                a[k] = if swap { right } else { left };
                b[k] = if swap { left } else { right };
                // By bits: as two selections the compiler (LLVM of Rust 1.95, under AVX2 and
                // AVX-512) once lost one of the two; a test compares it with plain code.
                let flip = (x.to_bits() ^ y.to_bits()) & 0u32.wrapping_sub(u32::from(swap));
                da[k] = f32::from_bits(x.to_bits() ^ flip);
                db[k] = f32::from_bits(y.to_bits() ^ flip);
            }
        }
        // The one of the first R that is the least behind.
        for i in 1..self.n {
            let (before, here) = pair(ahead, i - 1, i);
            for k in 0..BLOCK {
                here[k] = less(here[k], before[k]);
            }
        }
        for ((r, w), hits) in self.settings.iter().zip(hits) {
            for ((need, d), u) in scratch.iter_mut().zip(&ahead[r - 1]).zip(&commit[w - 1]) {
                *need = d - u;
            }
            for (t, hits) in self.times.iter().zip(hits) {
                let stale: u32 = scratch.iter().map(|need| u32::from(need > t)).sum();
                if stale == 0 {
                    break; // Nor is any later.
                }
                *hits += u64::from(stale);
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
    use crate::value::Value;
    use rand::SeedableRng;

    #[test]
    fn logarithm_and_exponential_are_the_librarys() {
        for i in 1..=100_000 {
            let x = i as f32 / 100_000.0;
            for x in [x, x * 1e-4, x * x * x] {
                let error = (f64::from(minus_ln(x)) + f64::from(x).ln()).abs();
                assert!(
                    error <= 3e-7 * f64::from(x).ln().abs() + 1.5e-7,
                    "{x} {error}"
                );
            }
            let y = x * 80.0;
            let error = f64::from(exp(y)) / f64::from(y).exp() - 1.0;
            assert!(error.abs() < 1e-6, "{y} {error}");
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
        let mut one = rand_xoshiro::Xoshiro128PlusPlus::from_seed(bytes.try_into().unwrap());
        lanes.fill(&mut out);
        for chunk in out.chunks(Generators::N) {
            let expected = (f64::from(one.next_u32() >> 1) + 0.5) / f64::from(1u32 << 31);
            assert!((f64::from(chunk[3]) / expected - 1.0).abs() < 1e-7);
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
            "mix(0.2: exp(1ms), 0.8: uniform(1ms,5ms))",
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
                let share = draws.iter().filter(|x| f64::from(**x) > ms * 1e6).count() as f64 / n;
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

    #[test]
    fn vector_instructions_change_no_bit() {
        let laws = [
            "exp(3ms)",
            "pareto(scale=2ms,alpha=1.5)",
            "mix(0.3: pareto(scale=1ms,alpha=10), 0.7: exp(4ms))",
            "uniform(1ms,5ms)",
        ]
        .map(|text| Dist::parse(text).unwrap());
        for n in 2..=9 {
            for all in [true, false] {
                let of = |i: u32| &laws[(n + i) as usize % 4];
                let legs = Legs {
                    write_out: of(0),
                    ack: of(1),
                    read_out: of(2),
                    reply: of(3),
                };
                let settings: Vec<(u32, u32)> =
                    (1..=n).flat_map(|r| (1..=n).map(move |w| (r, w))).collect();
                let lanes = Lanes::new(legs, n, &settings, &[0.0, 1e6, 7e6], all).unwrap();
                let seeds = || Xoshiro256PlusPlus::seed_from_u64(u64::from(n));
                let (hits, trials) = lanes.stale(seeds(), 3_000);
                assert_eq!((hits.clone(), trials), lanes.blocks(seeds(), 3_000));
                for ((r, w), hits) in settings.iter().zip(hits) {
                    assert!(r + w <= n || hits == [0; 3], "{n} {r} {w} {hits:?}");
                }
            }
        }
    }
}
