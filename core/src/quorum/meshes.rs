//! Staleness by quadrature, for replicas that are alike and delays of any law.
//!
//! H is a product of two matrices, one of W's survival function over x and r, one of
//! what the read side does over r and l; neither depends on N, R or W, so that one pair
//! of them serves every setting and every t.

use crate::quorum::exact::{Fineness, Legs, TooManySteps, at_least, choose};
use crate::quorum::quadrature::{Law, Mark, Mesh, Panel, Rule, split, thinned};

/// Most products of the two matrices, about a second of work.
const MOST_PRODUCTS: usize = 400_000_000;

/// Most ends of panels that R's scales add before the corners of W's law.
const MOST_LAYERS: usize = 24;

/// The law of the sum of two delays.
pub struct Sum {
    atoms: Vec<(f64, f64)>,
    /// P(sum > x) at each atom.
    beyond: Vec<f64>,
    mesh: Mesh,
    density: Vec<f64>,
    /// P(sum > x) at the nodes.
    survival: Vec<f64>,
}

impl Sum {
    /// The law of `x` + `y`, in panels also for the smallest of up to `most` such sums.
    fn new(x: &Law, y: &Law, more: &[Mark], most: u32, rule: &Rule) -> Result<Sum, TooManySteps> {
        if x.corners.len() * y.corners.len() > 4_000 {
            return Err(TooManySteps);
        }
        let mut atoms: Vec<(f64, f64)> = Vec::new();
        for (a, p) in &x.atoms {
            atoms.extend(y.atoms.iter().map(|(b, q)| (a + b, p * q)));
        }
        atoms.sort_by(|a, b| a.0.total_cmp(&b.0));
        atoms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        let mut ends = Vec::new();
        if x.is_spread() || y.is_spread() {
            let mut corners = Vec::new();
            for a in &x.corners {
                corners.extend(y.corners.iter().map(|b| a + b));
            }
            let mut marks = more.to_vec();
            // What begins at a kink of one has the scales of the other there.
            for (one, other) in [(x, y), (y, x)] {
                let from = other.starts();
                for start in from {
                    marks.extend(one.marks.iter().map(|m| m.moved(start)));
                }
            }
            // As far out as both together: where one alone ends, the sum does not.
            if let (Some(a), Some(b)) = (x.ends.last(), y.ends.last()) {
                marks.push(Mark {
                    at: a + b,
                    gap: a.min(*b),
                });
            }
            let least = x.least() + y.least();
            marks.retain(|m| m.at > least);
            ends = thinned(corners, marks);
        }
        let at = |s: f64| convolve(x, y, s, rule);
        // The n-th power of what falls by a share over a panel falls n times as much.
        let mass: Vec<f64> = ends.iter().map(|s| at(*s).1).collect();
        let parts = mass
            .windows(2)
            .map(|m| (f64::from(most) * (m[0] - m[1]) / 2.0).ceil().max(1.0) as usize);
        let mesh = Mesh::new(rule.clone(), split(&ends, parts));
        let beyond = atoms.iter().map(|(s, _)| at(*s).1).collect();
        let (density, survival) = mesh.nodes.iter().map(|s| at(*s)).unzip();
        Ok(Sum {
            atoms,
            beyond,
            mesh,
            density,
            survival,
        })
    }

    /// P(sum > s).
    fn survival(&self, s: f64) -> f64 {
        if let Some(i) = self.mesh.find(s) {
            let values = &self.survival[self.mesh.range(i)];
            return interpolated(&self.mesh, i, s, values);
        }
        let below = self.mesh.ends.first().is_some_and(|first| s < *first);
        match self.atoms.iter().rposition(|(x, _)| *x <= s) {
            Some(i) if self.mesh.panels() == 0 => self.beyond[i],
            None if self.mesh.panels() == 0 || below => 1.0,
            Some(i) if below => self.beyond[i],
            _ => 0.0,
        }
    }

    /// The least s with P(`of`(P(sum > s))) ≤ q, where `of` rises.
    pub fn upper_quantile(&self, q: f64, of: impl Fn(f64) -> f64) -> f64 {
        let last = self.mesh.ends.last().copied().unwrap_or(0.0);
        let (mut low, mut high) = (0.0, self.atoms.last().map_or(last, |a| a.0.max(last)));
        if of(self.survival(low)) <= q {
            return low;
        }
        for _ in 0..80 {
            let middle = (low + high) / 2.0;
            match of(self.survival(middle)) <= q {
                true => high = middle,
                false => low = middle,
            }
            if high - low <= high * 1e-12 {
                break;
            }
        }
        high
    }
}

/// A function that falls over orders of magnitude, from its values at the nodes of a panel.
fn interpolated(mesh: &Mesh, i: usize, x: f64, values: &[f64]) -> f64 {
    let panel = mesh.panel(i);
    if values.iter().any(|v| *v < 1e-300) {
        return panel.interpolate(&mesh.rule, x, values).max(0.0);
    }
    let logs: Vec<f64> = values.iter().map(|v| v.ln()).collect();
    panel.interpolate(&mesh.rule, x, &logs).exp()
}

/// Density and P(X + Y > s) at s: over x's density in panels that end where
/// either side has a mark, and over x's atoms.
fn convolve(x: &Law, y: &Law, s: f64, rule: &Rule) -> (f64, f64) {
    let (mut density, mut survival) = (0.0, 0.0);
    let mut above = 0.0;
    for (a, p) in &x.atoms {
        density += p * y.dist.density(s - a);
        survival += p * y.dist.survival(s - a);
        above += if *a > s { *p } else { 0.0 };
    }
    for (b, q) in &y.atoms {
        density += q * x.dist.density(s - b);
    }
    if x.is_spread() {
        // Beyond s all of x's density is above.
        survival += x.dist.survival(s) - above;
        let (from, to) = (x.ends[0], s);
        if from < to {
            let mut ends: Vec<f64> = vec![from, to];
            let inside = |m: &f64| from < *m && *m < to;
            ends.extend(x.ends.iter().copied().filter(inside));
            let mirrored = y.ends.iter().chain(&y.corners).map(|m| s - m);
            ends.extend(mirrored.filter(inside));
            ends.sort_by(f64::total_cmp);
            for pair in ends.windows(2) {
                if pair[1] - pair[0] <= 1e-13 * s {
                    continue;
                }
                for (r, w) in Panel::new(pair[0], pair[1]).points(rule) {
                    let f = w * x.dist.density(r);
                    let (of_y, beyond) = y.dist.density_and_survival(s - r);
                    density += f * of_y;
                    survival += f * beyond;
                }
            }
        }
    }
    (density, survival.clamp(0.0, 1.0))
}
/// What every setting of alike replicas shares.
pub struct Meshes {
    pub write: Sum,
    pub read: Sum,
    /// Where G and K are known.
    x: Mesh,
    /// Where they have corners.
    corners: Vec<f64>,
    /// P(R + S < l, W > x + R): by x, then by column of l.
    h: Vec<f64>,
    columns: usize,
    /// P(W > x + R) by x.
    k: Vec<f64>,
    /// A write that does not arrive.
    drop: f64,
    /// How far the matrix of the read side is from P(R + S < l) at the nodes of L.
    matrix_error: f64,
}

impl Meshes {
    /// Tables for legs of which a write is dropped with probability `drop`,
    /// good for up to `most` replicas and reads up to `latest` ns after the commit.
    ///
    /// # Errors
    /// [`TooManySteps`] for long lists of measured values.
    pub fn new(
        legs: Legs<'_>,
        drop: f64,
        most: u32,
        latest: f64,
        fineness: Fineness,
    ) -> Result<Meshes, TooManySteps> {
        let rule = Rule::gauss(fineness.order);
        let write_out = Law::new(legs.write_out, fineness.tail);
        let ack = Law::new(legs.ack, fineness.tail);
        let read_out = Law::new(legs.read_out, fineness.tail);
        let reply = Law::new(legs.reply, fineness.tail);
        // Far out, where only W's tail is left.
        let far = Law::new(legs.write_out, 1e-15);

        let write = Sum::new(&write_out, &ack, &[], most, &rule)?;
        let least = read_out.least() + reply.least();
        let scales: Vec<Mark> = write_out.marks.iter().map(|m| m.moved(least)).collect();
        let read = Sum::new(&read_out, &reply, &scales, most, &rule)?;

        // Before every corner of W's come R's scales, mirrored: before a value with a chance
        // of its own at least, where there are many.
        let mut corners: Vec<f64> = vec![0.0];
        for w in &write_out.corners {
            corners.extend(read_out.corners.iter().map(|r| w - r));
        }
        corners.retain(|x| *x >= 0.0);
        let scale = read_out.dist.quantile(0.5) - read_out.least();
        let mirrored = |w: f64| {
            [0.25, 1.0, 4.0, 12.0].map(|times| Mark {
                at: w - read_out.least() - times * scale,
                gap: times * scale,
            })
        };
        let mut layers: Vec<Mark> = write_out
            .corners
            .iter()
            .copied()
            .flat_map(mirrored)
            .collect();
        if layers.len() > MOST_LAYERS {
            let atoms = write_out.atoms.iter().map(|(w, _)| *w);
            layers = atoms.flat_map(mirrored).collect();
        }
        layers.retain(|m| m.at > 0.0 && m.gap > 0.0);
        if layers.len() > MOST_LAYERS {
            layers.clear();
        }
        let corners = thinned(corners, layers.clone());
        let last = write.mesh.ends.last().copied().unwrap_or(0.0)
            + write.atoms.last().map_or(0.0, |a| a.0)
            + latest;
        let mut marks = far.marks.clone();
        marks.extend(layers);
        let mut end = far.ends.last().copied().unwrap_or(1.0).max(1.0);
        while end <= last {
            let gap = end;
            end *= 3.0;
            marks.push(Mark { at: end, gap });
        }
        let steps = !write_out.is_spread() && !read_out.is_spread();
        let x_rule = match steps {
            true => Rule::gauss(1),
            // Interpolation needs about twice the nodes that integration does.
            false => Rule::gauss(fineness.order + fineness.order / 2),
        };
        let x = Mesh::new(x_rule, thinned(corners.clone(), marks));

        // Panels of R: with W's marks, and with ends wherever W's corners fall
        // for some x, so that W's survival function is smooth in every panel.
        let mut r_ends = Vec::new();
        if let (Some(first), Some(last)) = (read_out.ends.first(), read_out.ends.last()) {
            let mut aligned = read_out.dist.kinks();
            aligned.push(*last);
            for corner in write_out.corners.iter().filter(|c| **c > 0.0) {
                aligned.extend(x.nodes.iter().map(|x| corner - x));
            }
            let mut marks = read_out.marks.clone();
            marks.extend(&write_out.marks);
            let inside = |r: &f64| first <= r && r <= last;
            aligned.retain(inside);
            marks.retain(|m| inside(&m.at));
            r_ends = thinned(aligned, marks);
        }
        let r = Mesh::new(rule.clone(), r_ends);

        // Columns: the nodes of L's density; for every atom, what is below it and
        // what is at it.
        let nodes = read.mesh.nodes.len();
        let columns = nodes + 2 * read.atoms.len();
        let rows = r.nodes.len() + read_out.atoms.len();
        if x.nodes.len() * rows * columns > MOST_PRODUCTS {
            return Err(TooManySteps);
        }
        let mut b = vec![0.0; rows * columns];
        let below = |s: f64| reply.dist.cdf(s.next_down());
        let places = read.mesh.nodes.iter().copied().enumerate();
        let atoms = read.atoms.iter().enumerate();
        let places = places.chain(atoms.clone().map(|(i, (l, _))| (nodes + 2 * i, *l)));
        for (column, l) in places {
            reach(&r, &read_out, &reply, l, &rule, |k, weight| {
                b[k * columns + column] += weight;
            });
            for (i, (a, p)) in read_out.atoms.iter().enumerate() {
                b[(r.nodes.len() + i) * columns + column] = p * below(l - a);
            }
        }
        for (i, (l, _)) in atoms {
            for (j, (a, p)) in read_out.atoms.iter().enumerate() {
                let here = reply.atoms.iter().find(|(s, _)| a + s == *l);
                b[(r.nodes.len() + j) * columns + nodes + 2 * i + 1] =
                    here.map_or(0.0, |q| p * q.1);
            }
        }
        let matrix_error = (0..nodes)
            .map(|column| {
                let reached: f64 = (0..rows).map(|row| b[row * columns + column]).sum();
                (reached + read.survival[column] - 1.0).abs()
            })
            .fold(0.0, |worst: f64, off| match off.is_nan() {
                true => f64::INFINITY,
                false => worst.max(off),
            });
        let mut h = vec![0.0; x.nodes.len() * columns];
        let mut k = vec![0.0; x.nodes.len()];
        let places: Vec<f64> = r
            .nodes
            .iter()
            .copied()
            .chain(read_out.atoms.iter().map(|(a, _)| *a))
            .collect();
        let weights: Vec<f64> = r
            .nodes
            .iter()
            .zip(&r.weights)
            .map(|(r, w)| w * read_out.dist.density(*r))
            .chain(read_out.atoms.iter().map(|(_, p)| *p))
            .collect();
        for (i, x) in x.nodes.iter().enumerate() {
            let row = &mut h[i * columns..(i + 1) * columns];
            for (j, r) in places.iter().enumerate() {
                let fresh = legs.write_out.survival(x + r);
                let stale = drop + (1.0 - drop) * fresh;
                k[i] += weights[j] * stale;
                if stale > 0.0 {
                    let column = &b[j * columns..(j + 1) * columns];
                    for (h, b) in row.iter_mut().zip(column) {
                        *h += stale * b;
                    }
                }
            }
        }
        Ok(Meshes {
            write,
            read,
            x,
            corners,
            h,
            columns,
            k,
            drop,
            matrix_error,
        })
    }

    /// How far the meshes are from holding all that there is: the mass of both sums, and
    /// what the read side's matrix has below every node against its law. Infinite where
    /// something is no number.
    pub fn lost_mass(&self) -> f64 {
        let sums = [&self.write, &self.read].map(|sum| {
            let spread: f64 = sum
                .mesh
                .weights
                .iter()
                .zip(&sum.density)
                .map(|(w, f)| w * f)
                .sum();
            let atoms: f64 = sum.atoms.iter().map(|(_, p)| p).sum();
            (spread + atoms - 1.0).abs()
        });
        let worst = sums.into_iter().chain([self.matrix_error]);
        worst.fold(0.0, |worst: f64, off| match off.is_finite() {
            true => worst.max(off),
            false => f64::INFINITY,
        })
    }

    /// P(W > x + R) for reads that ask R replicas only, to the power of R; or G.
    fn tail_of(&self, n: u32, r: u32, asks_all: bool) -> Vec<f64> {
        if !asks_all {
            return self.k.iter().map(|k| k.powi(r as i32)).collect();
        }
        let others = n - r;
        let power = others as i32 - 1;
        let nodes = self.read.mesh.nodes.len();
        let of_nodes: Vec<f64> = (0..nodes)
            .map(|i| {
                let survival = self.read.survival[i];
                self.read.mesh.weights[i]
                    * f64::from(others)
                    * survival.powi(power)
                    * self.read.density[i]
            })
            .collect();
        // Ties at an atom are broken at random: as if each had a number of its
        // own, uniform on [0, 1), below which the others' numbers count.
        let ties = Rule::gauss((n as usize).div_ceil(2) + 1);
        let numbers: Vec<(f64, f64)> = Panel::new(0.0, 1.0).points(&ties).collect();
        let mut scratch = vec![0.0; self.columns];
        self.h
            .chunks_exact(self.columns)
            .map(|row| {
                for (out, h) in scratch.iter_mut().zip(row) {
                    *out = h.powi(r as i32);
                }
                let mut sum: f64 = of_nodes.iter().zip(&scratch).map(|(w, h)| w * h).sum();
                for (i, (_, p)) in self.read.atoms.iter().enumerate() {
                    let beyond = self.read.beyond[i];
                    let (less, equal) = (row[nodes + 2 * i], row[nodes + 2 * i + 1]);
                    for (v, w) in &numbers {
                        let later = beyond + (1.0 - v) * p;
                        let weight = w * p * f64::from(others) * later.powi(power);
                        sum += weight * (less + v * equal).powi(r as i32);
                    }
                }
                choose(n, r) * sum
            })
            .collect()
    }

    /// One setting; R + W > N is for the caller to tell, it is 0 always.
    pub fn setting(&self, n: u32, r: u32, w: u32, asks_all: bool) -> Setting<'_> {
        let mut tail = self.tail_of(n, r, asks_all);
        let logs = (0..self.x.panels())
            .map(|i| {
                let values = &mut tail[self.x.range(i)];
                let logs: Vec<f64> = values.iter().map(|g| g.ln()).collect();
                let as_logs = self.x.rule.is_smoother(&logs, values);
                if as_logs {
                    values.copy_from_slice(&logs);
                }
                as_logs
            })
            .collect();
        let setting = Setting {
            tables: self,
            others: n - r,
            w,
            tail,
            logs,
            weights: Vec::new(),
            atoms: Vec::new(),
        };
        let nodes = &self.write.mesh;
        let weights = nodes
            .weights
            .iter()
            .zip(&self.write.density)
            .zip(&self.write.survival)
            .map(|((weight, f), survival)| weight * setting.commits(*f, *survival))
            .collect();
        let arrive = 1.0 - self.drop;
        let atoms = self.write.atoms.iter().zip(&self.write.beyond);
        let atoms = atoms
            .map(|((u, p), beyond)| {
                let by = |survival: f64| at_least(setting.others, w, arrive * (1.0 - survival));
                (*u, (by(*beyond) - by(beyond + p)).max(0.0))
            })
            .collect();
        Setting {
            weights,
            atoms,
            ..setting
        }
    }
}

/// ∫ over R's density of what stands for a function of r at the nodes, times
/// P(S < l − r): tells the weight of every node.
fn reach(
    r: &Mesh,
    read_out: &Law,
    reply: &Law,
    l: f64,
    rule: &Rule,
    mut tell: impl FnMut(usize, f64),
) {
    let mut basis = vec![0.0; rule.order()];
    let least = reply.least();
    for i in 0..r.panels() {
        let (from, to) = (r.ends[i], r.ends[i + 1]);
        if from >= l - least {
            break;
        }
        // Where S's law is not smooth, mirrored into this panel.
        let mirrored = |m: &f64| l - m;
        let mut ends: Vec<f64> = reply
            .ends
            .iter()
            .chain(&reply.corners)
            .map(mirrored)
            .filter(|m| from < *m && *m < to)
            .collect();
        if ends.is_empty() {
            for k in r.range(i) {
                let at = r.nodes[k];
                tell(
                    k,
                    r.weights[k] * read_out.dist.density(at) * reply.dist.cdf(l - at),
                );
            }
            continue;
        }
        ends.push(from);
        ends.push(to.min(l - least));
        ends.sort_by(f64::total_cmp);
        for pair in ends.windows(2) {
            if pair[1] > l - least || pair[1] - pair[0] <= 1e-13 * l {
                continue;
            }
            for (at, w) in Panel::new(pair[0], pair[1]).points(rule) {
                let weight = w * read_out.dist.density(at) * reply.dist.cdf(l - at);
                r.panel(i).basis(rule, at, &mut basis);
                for (k, basis) in r.range(i).zip(&basis) {
                    tell(k, weight * basis);
                }
            }
        }
    }
}

/// One setting (N, R, W) of alike replicas.
pub struct Setting<'t> {
    tables: &'t Meshes,
    others: u32,
    w: u32,
    /// C(N, R) G, or K^R, at the nodes of x; or its logarithm, in the panels where
    /// that is smoother.
    tail: Vec<f64>,
    logs: Vec<bool>,
    /// P(τ in du) at the nodes of U, and at its atoms.
    weights: Vec<f64>,
    atoms: Vec<(f64, f64)>,
}

impl Setting<'_> {
    /// Density of τ where that of U is `f` and P(U > u) is `survival`.
    fn commits(&self, f: f64, survival: f64) -> f64 {
        let arrive = 1.0 - self.tables.drop;
        let by = arrive * (1.0 - survival);
        let (m, w) = (self.others, self.w);
        f64::from(m)
            * choose(m - 1, w - 1)
            * by.powi(w as i32 - 1)
            * (1.0 - by).powi((m - w) as i32)
            * arrive
            * f
    }

    /// G or K^R at x.
    fn tail(&self, x: f64) -> f64 {
        let mesh = &self.tables.x;
        // Beyond the last panel only writes that were dropped are not there yet.
        let last = mesh.ends.last().copied().unwrap_or(0.0);
        let x = if self.tables.drop > 0.0 {
            x.min(last.next_down())
        } else {
            x
        };
        let Some(i) = mesh.find(x) else {
            return 0.0;
        };
        let value = mesh
            .panel(i)
            .interpolate(&mesh.rule, x, &self.tail[mesh.range(i)]);
        match self.logs[i] {
            true => value.exp(),
            false => value.max(0.0),
        }
    }

    /// P(a read that starts `t` ns after the commit is stale, and the write commits).
    pub fn p_stale(&self, t: f64) -> f64 {
        let write = &self.tables.write;
        let mut sum = 0.0;
        for i in 0..write.mesh.panels() {
            let (from, to) = (write.mesh.ends[i], write.mesh.ends[i + 1]);
            let first = self.tables.corners.partition_point(|c| c - t <= from);
            let inside = &self.tables.corners[first..];
            if inside.first().is_none_or(|c| c - t >= to) {
                for k in write.mesh.range(i) {
                    sum += self.weights[k] * self.tail(write.mesh.nodes[k] + t);
                }
                continue;
            }
            // The function to integrate has corners in this panel.
            let corners = inside.iter().map(|c| c - t).take_while(|c| *c < to);
            let mut ends: Vec<f64> = vec![from];
            ends.extend(corners);
            ends.push(to);
            let (panel, range) = (write.mesh.panel(i), write.mesh.range(i));
            let rule = &write.mesh.rule;
            for pair in ends.windows(2) {
                for (u, weight) in Panel::new(pair[0], pair[1]).points(rule) {
                    let f = panel.interpolate(rule, u, &write.density[range.clone()]);
                    let s = panel.interpolate(rule, u, &write.survival[range.clone()]);
                    sum += weight * self.commits(f, s.clamp(0.0, 1.0)) * self.tail(u + t);
                }
            }
        }
        for (u, p) in &self.atoms {
            if *p > 0.0 {
                sum += p * self.tail(u + t);
            }
        }
        sum
    }
}
