//! Staleness by sums, for replicas that are alike and delays that are steps: measured
//! values, constants, mixtures of them.
//!
//! The integrals of [`exact`](crate::quorum::exact) are sums over all pairs of values.
//! Where there are many pairs, those next to each other are taken together: within a
//! block a reply's place is as if even, as it is among replies that come at once; and
//! between two instants at which G is worked out it falls, at each W − R, by the chance of
//! that W times G's slope in what that R sees. Few pairs are all summed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::dist::Dist;
use crate::quorum::exact::{Fineness, Legs, TooManySteps, at_least, choose};
use crate::quorum::quadrature::{Panel, Rule};

/// Most pairs of values of two delays: two thousand values each.
const MOST_PAIRS: usize = 4_000_000;

/// So many steps are each looked at, and so many sums each a block.
const FEW: usize = 1_024;

/// So many parts of more of them are looked at first.
const FIRST: usize = 24;

/// Instants at which G is worked out in one pass over the matrix.
const AT_ONCE: usize = 8;

/// Below this share of its largest value G is not refined.
const NOTHING: f64 = 1e-17;

/// A sum of two delays: its values, rising, and P(sum > value) at each.
pub struct Sum {
    at: Vec<f64>,
    beyond: Vec<f64>,
}

impl Sum {
    /// From values, rising, each with its chance.
    fn new(pairs: impl DoubleEndedIterator<Item = (f64, f64)>) -> Sum {
        let (mut at, mut beyond) = (Vec::new(), Vec::new());
        let mut above = 0.0;
        for (value, p) in pairs.rev() {
            if at.last() != Some(&value) {
                at.push(value);
                beyond.push(above);
            }
            above += p;
        }
        at.reverse();
        beyond.reverse();
        Sum { at, beyond }
    }

    /// P(sum > x).
    fn survival(&self, x: f64) -> f64 {
        match self.at.partition_point(|at| *at <= x) {
            0 => 1.0,
            i => self.beyond[i - 1],
        }
    }

    /// P(sum ≥ x).
    fn not_below(&self, x: f64) -> f64 {
        self.survival(x.next_down())
    }

    /// The least s with `of`(P(sum > s)) ≤ q, where `of` rises.
    pub fn upper_quantile(&self, q: f64, of: impl Fn(f64) -> f64) -> f64 {
        let last = self.at.len() - 1;
        self.at[self.beyond.partition_point(|s| of(*s) > q).min(last)]
    }
}

/// Replies that come one after the other: P(later than all of them), P(one of them).
struct Block {
    beyond: f64,
    here: f64,
}

/// What every setting of alike replicas shares.
pub struct Steps {
    pub write: Sum,
    pub read: Sum,
    write_out: Vec<(f64, f64)>,
    /// P(W > w).
    unwritten: Sum,
    read_out: Vec<(f64, f64)>,
    blocks: Vec<Block>,
    /// P(R = r, R + S in a block): by r, then by block.
    matrix: Vec<f64>,
    /// W − R, rising, and which W and R: where G falls.
    ahead: Vec<(f64, [u32; 2])>,
    /// A write that does not arrive.
    drop: f64,
    fineness: Fineness,
    /// By N, R and whether all are asked: W makes no difference.
    tails: Mutex<Tails>,
}

type Tails = BTreeMap<(u32, u32, bool), Arc<OnceLock<Arc<Tail>>>>;

/// C(N, R) G or K^R: where it falls, and by how much; and what it does not fall below.
struct Tail {
    falls: Vec<(f64, f64)>,
    never: f64,
}

/// The share by which what is one may change: none where there are few.
fn share(many: usize, share: f64) -> f64 {
    if many <= FEW { 0.0 } else { share }
}

/// Values with their chances, of a delay that is nothing but steps.
fn steps(dist: &Dist) -> Option<Vec<(f64, f64)>> {
    let atoms = dist.atoms();
    let mass: f64 = atoms.iter().map(|(_, p)| p).sum();
    ((mass - 1.0).abs() < 1e-9).then_some(atoms)
}

/// All pairs of values, rising by what `of` makes of them.
fn pairs(
    x: &[(f64, f64)],
    y: &[(f64, f64)],
    of: impl Fn(f64, f64) -> f64,
) -> Result<Vec<(f64, [u32; 2])>, TooManySteps> {
    if x.len() * y.len() > MOST_PAIRS {
        return Err(TooManySteps);
    }
    let mut all = Vec::with_capacity(x.len() * y.len());
    for (i, (a, _)) in (0..).zip(x) {
        all.extend((0..).zip(y).map(|(k, (b, _))| (of(*a, *b), [i, k])));
    }
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    Ok(all)
}

impl Steps {
    /// Tables for legs of which a write is dropped with probability `drop`; None where
    /// one of them is more than steps.
    ///
    /// # Errors
    /// [`TooManySteps`] for long lists of measured values.
    pub fn new(
        legs: Legs<'_>,
        drop: f64,
        fineness: Fineness,
    ) -> Result<Option<Steps>, TooManySteps> {
        let all = [legs.write_out, legs.ack, legs.read_out, legs.reply].map(steps);
        let [Some(write_out), Some(ack), Some(read_out), Some(reply)] = all else {
            return Ok(None);
        };
        let of = |x: &[(f64, f64)], y: &[(f64, f64)], [i, k]: [u32; 2]| {
            x[i as usize].1 * y[k as usize].1
        };
        let sums = pairs(&write_out, &ack, |a, b| a + b)?;
        let chances = sums.iter().map(|(u, who)| (*u, of(&write_out, &ack, *who)));
        let write = Sum::new(chances);
        let sums = pairs(&read_out, &reply, |a, b| a + b)?;
        let chances = sums
            .iter()
            .map(|(l, who)| (*l, of(&read_out, &reply, *who)));
        let read = Sum::new(chances);
        let blocks = blocks(&read, share(read.at.len(), fineness.block));
        let mut matrix = vec![0.0; blocks.len() * read_out.len()];
        let mut block = 0;
        for (l, who) in &sums {
            while read.at[blocks[block].0] < *l {
                block += 1;
            }
            let row = who[0] as usize * blocks.len();
            matrix[row + block] += of(&read_out, &reply, *who);
        }
        // No read starts before the earliest commit.
        let first = write.at[0];
        let mut ahead = pairs(&write_out, &read_out, |w, r| w - r)?;
        ahead.retain(|(x, _)| *x > first);
        Ok(Some(Steps {
            write,
            read,
            unwritten: Sum::new(write_out.iter().copied()),
            write_out,
            read_out,
            blocks: blocks.into_iter().map(|(_, block)| block).collect(),
            matrix,
            ahead,
            drop,
            fineness,
            tails: Mutex::default(),
        }))
    }

    /// P(W > x), of a write that may be dropped.
    fn stale(&self, x: f64) -> f64 {
        self.drop + (1.0 - self.drop) * self.unwritten.survival(x)
    }

    /// K^R, where only R replicas are asked.
    fn of_few(&self, place: usize, r: u32) -> Look {
        let x = self.instant(place);
        let parts = self.read_out.iter().map(|(r, p)| p * self.stale(x + r));
        let k: f64 = parts.sum();
        let slope = f64::from(r) * k.powi(r as i32 - 1);
        Look {
            place,
            value: k.powi(r as i32),
            slopes: self.read_out.iter().map(|(_, p)| slope * p).collect(),
        }
    }

    /// C(N, R) G, where all are asked.
    fn of_all(&self, places: &[usize], n: u32, r: u32) -> Vec<Look> {
        let others = n - r;
        // Which of them is first within a block is as if each had a number of its own,
        // uniform on [0, 1), below which the others' numbers count.
        let rule = Rule::gauss((n as usize).div_ceil(2) + 1);
        let numbers: Vec<(f64, f64)> = Panel::new(0.0, 1.0).points(&rule).collect();
        let weight = |block: &Block, (v, w): &(f64, f64)| {
            let later = block.beyond + (1.0 - v) * block.here;
            let first = f64::from(others) * later.powi(others as i32 - 1);
            choose(n, r) * w * block.here * first
        };
        let of = |block| numbers.iter().map(move |number| weight(block, number));
        let weights: Vec<f64> = self.blocks.iter().flat_map(of).collect();
        let columns = self.blocks.len();
        let mut h = vec![0.0; columns * AT_ONCE];
        let mut looks = Vec::with_capacity(places.len());
        for places in places.chunks(AT_ONCE) {
            h.fill(0.0);
            for ((r, _), row) in self.read_out.iter().zip(self.matrix.chunks(columns)) {
                for (place, h) in places.iter().zip(h.chunks_mut(columns)) {
                    let stale = self.stale(self.instant(*place) + r);
                    if stale > 0.0 {
                        for (h, p) in h.iter_mut().zip(row) {
                            *h += stale * p;
                        }
                    }
                }
            }
            let mut values = Vec::new();
            for h in h.chunks_mut(columns).take(places.len()) {
                let (mut value, mut less) = (0.0, 0.0);
                // In place of each chance the slope in it: of its own block, and of later ones.
                let mut later = vec![0.0; columns];
                for ((here, weights), later) in h
                    .iter_mut()
                    .zip(weights.chunks(numbers.len()))
                    .zip(&mut later)
                {
                    let mut own = 0.0;
                    for ((v, _), weight) in numbers.iter().zip(weights) {
                        let earlier: f64 = less + v * *here;
                        let slope = weight * earlier.powi(r as i32 - 1);
                        value += slope * earlier;
                        own += f64::from(r) * slope * v;
                        *later += f64::from(r) * slope;
                    }
                    less += *here;
                    *here = own;
                }
                let mut after = 0.0;
                for (own, later) in h.iter_mut().zip(later).rev() {
                    *own += after;
                    after += later;
                }
                values.push(value);
            }
            let mut slopes = vec![Vec::with_capacity(self.read_out.len()); places.len()];
            for row in self.matrix.chunks(columns) {
                for (slopes, h) in slopes.iter_mut().zip(h.chunks(columns)) {
                    slopes.push(row.iter().zip(h).map(|(p, slope)| p * slope).sum());
                }
            }
            let both = values.into_iter().zip(slopes);
            looks.extend(
                places
                    .iter()
                    .zip(both)
                    .map(|(place, (value, slopes))| Look {
                        place: *place,
                        value,
                        slopes,
                    }),
            );
        }
        looks
    }

    /// Where so many steps are behind.
    fn instant(&self, place: usize) -> f64 {
        match place {
            0 => self.write.at[0],
            i => self.ahead[i - 1].0,
        }
    }

    /// The first place from this one on at which no step is left that comes at once.
    fn whole(&self, place: usize) -> usize {
        match place {
            0 => 0,
            i => i + self.ahead[i..].partition_point(|(x, _)| *x <= self.ahead[i - 1].0),
        }
    }

    /// By how much G falls at each step between two looks: by its slopes there.
    fn falls<'l>(&'l self, from: &'l Look, to: &'l Look) -> impl Iterator<Item = f64> + 'l {
        let steps = (to.place - from.place) as f64;
        let between = self.ahead[from.place..to.place].iter().enumerate();
        between.map(move |(i, (_, [w, r]))| {
            let [a, b] = [from, to].map(|look| look.slopes[*r as usize]);
            let slope = a + (b - a) * (i as f64 + 0.5) / steps;
            slope * self.write_out[*w as usize].1
        })
    }

    /// G where it has been looked at: also in the middle of any two of those places it is
    /// what it is thought to be.
    fn looks(&self, (n, r): (u32, u32), asks_all: bool) -> Vec<Look> {
        let look = |places: &[usize]| match asks_all {
            true => self.of_all(places, n, r),
            false => places.iter().map(|place| self.of_few(*place, r)).collect(),
        };
        let all = self.ahead.len();
        let parts = if all <= FEW { all.max(1) } else { FIRST };
        let mut places: Vec<usize> = (0..=parts).map(|i| self.whole(i * all / parts)).collect();
        places.dedup();
        let mut known = look(&places);
        let off = self.fineness.block / 400.0;
        let nothing = known[0].value * NOTHING;
        let mut open: Vec<[usize; 2]> = (1..known.len()).map(|i| [i - 1, i]).collect();
        while !open.is_empty() {
            let middle = |[from, to]: &[usize; 2]| {
                let [from, to] = [&known[*from], &known[*to]];
                let middle = self.whole(usize::midpoint(from.place, to.place));
                (from.place < middle && middle < to.place && from.value > nothing).then_some(middle)
            };
            let middles: Vec<Option<usize>> = open.iter().map(middle).collect();
            let places: Vec<usize> = middles.iter().copied().flatten().collect();
            let first = known.len();
            known.extend(look(&places));
            let split = open
                .iter()
                .zip(middles)
                .filter(|(_, middle)| middle.is_some());
            let mut next = Vec::new();
            for ([a, b], m) in split.map(|(ends, _)| ends).zip(first..) {
                let [from, to] = [&known[*a], &known[*b]];
                let middle = &known[m];
                let (mut before, mut sum) = (0.0, 0.0);
                for (place, fall) in (from.place..).zip(self.falls(from, to)) {
                    sum += fall;
                    if place < middle.place {
                        before += fall;
                    }
                }
                let thought = match sum > 0.0 {
                    true => from.value - (from.value - to.value) * before / sum,
                    false => from.value,
                };
                if (thought - middle.value).abs() > off * middle.value {
                    next.extend([[*a, m], [m, *b]]);
                }
            }
            open = next;
        }
        known.sort_unstable_by_key(|look| look.place);
        known
    }

    /// One setting; R + W > N is for the caller to tell, it is 0 always.
    pub fn setting(&self, n: u32, r: u32, w: u32, asks_all: bool) -> Setting<'_> {
        let tail = {
            let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tails.entry((n, r, asks_all)).or_default())
        };
        let tail = tail.get_or_init(|| Arc::new(self.tail((n, r), asks_all)));
        Setting {
            steps: self,
            others: n - r,
            w,
            tail: Arc::clone(tail),
        }
    }

    fn tail(&self, setting: (u32, u32), asks_all: bool) -> Tail {
        let looks = self.looks(setting, asks_all);
        let mut falls = Vec::new();
        for pair in looks.windows(2) {
            let [from, to] = [&pair[0], &pair[1]];
            let all: f64 = self.falls(from, to).sum();
            let scale = match all > 0.0 {
                true => (from.value - to.value) / all,
                false => 0.0,
            };
            // Falls close to each other count as two, next to their middle on either side.
            let near = share(self.ahead.len(), self.fineness.block / 4.0);
            let steps = &self.ahead[from.place..to.place];
            let mut put = |fall: f64, moment: f64| {
                let middle = moment / fall;
                let after = steps.partition_point(|(x, _)| *x <= middle);
                let before = after.saturating_sub(1).min(steps.len() - 1);
                let [low, high] = [before, after.min(steps.len() - 1)].map(|i| steps[i].0);
                let share = match high > low {
                    true => ((middle - low) / (high - low)).clamp(0.0, 1.0),
                    false => 0.0,
                };
                falls.push((low, fall * (1.0 - share)));
                falls.push((high, fall * share));
            };
            let mut left = from.value;
            let (mut first, mut fall, mut moment) = (0.0, 0.0, 0.0);
            for ((at, _), by) in steps.iter().zip(self.falls(from, to)) {
                let by = by * scale;
                if fall + by > near * left || *at > first * (1.0 + near) {
                    put(fall, moment);
                    left -= fall;
                    (first, fall, moment) = (*at, 0.0, 0.0);
                }
                fall += by;
                moment += by * at;
            }
            put(fall, moment);
        }
        falls.retain(|(_, fall)| *fall > 0.0);
        Tail {
            never: looks.last().map_or(0.0, |look| look.value),
            falls,
        }
    }
}

/// G or K^R with so many steps behind, and its slope in what each value of R sees.
struct Look {
    place: usize,
    value: f64,
    slopes: Vec<f64>,
}

/// Neighbours taken together: the last of each block, and the block. A block holds one
/// value, or no more than `share` of what comes before it and of what comes after.
fn blocks(sum: &Sum, share: f64) -> Vec<(usize, Block)> {
    let mut blocks: Vec<(usize, Block)> = Vec::new();
    let mut from = 1.0f64;
    for (i, beyond) in sum.beyond.iter().enumerate() {
        let next = sum.beyond.get(i + 1);
        let most = share * from.min(1.0 - from);
        if next.is_none_or(|next| from - next > most) {
            let here = from - beyond;
            blocks.push((
                i,
                Block {
                    beyond: *beyond,
                    here,
                },
            ));
            from = *beyond;
        }
    }
    blocks
}

/// One setting (N, R, W) of alike replicas.
pub struct Setting<'t> {
    steps: &'t Steps,
    others: u32,
    w: u32,
    tail: Arc<Tail>,
}

impl Setting<'_> {
    /// P(τ < u): so many of the others have acknowledged by then.
    fn commits(&self, u: f64) -> f64 {
        let arrive = 1.0 - self.steps.drop;
        at_least(
            self.others,
            self.w,
            arrive * (1.0 - self.steps.write.not_below(u)),
        )
    }

    /// P(a read that starts `t` ns after the commit is stale, and the write commits).
    pub fn p_stale(&self, t: f64) -> f64 {
        let falls = self.tail.falls.iter();
        let stale: f64 = falls.map(|(x, by)| by * self.commits(x - t)).sum();
        stale + self.tail.never * self.commits(f64::INFINITY)
    }
}
