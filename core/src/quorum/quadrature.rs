//! Panels with Gauss–Legendre nodes: functions that are smooth in between are
//! integrated and interpolated from there.

use crate::dist::Dist;

/// Nodes and weights on [−1, 1], and the weights of barycentric interpolation.
#[derive(Clone, Debug)]
pub struct Rule {
    nodes: Vec<f64>,
    weights: Vec<f64>,
    barycentric: Vec<f64>,
}

impl Rule {
    /// Gauss–Legendre of an order, by Newton's method on the Legendre polynomial.
    pub fn gauss(order: usize) -> Rule {
        let n = order as f64;
        let mut rule = Rule {
            nodes: vec![0.0; order],
            weights: vec![0.0; order],
            barycentric: vec![0.0; order],
        };
        for i in 0..order {
            let mut x = -(std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=order {
                    let k = k as f64;
                    let next = ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k;
                    (before, value) = (value, next);
                }
                if order == 1 {
                    (before, value) = (1.0, x);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            let weight = 2.0 / ((1.0 - x * x) * slope * slope);
            let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
            rule.nodes[i] = x;
            rule.weights[i] = weight;
            // Wang and Xiang (2012): (−1)^i √((1 − x²) w).
            rule.barycentric[i] = sign * ((1.0 - x * x) * weight).sqrt();
        }
        rule
    }

    pub fn order(&self) -> usize {
        self.nodes.len()
    }

    /// Whether a function is better interpolated by the logarithms of its values
    /// than by the values: left out, some of them are guessed better from the others.
    pub fn is_smoother(&self, logs: &[f64], values: &[f64]) -> bool {
        let n = self.order();
        if n < 3 || !logs.iter().all(|l| l.is_finite()) {
            return false;
        }
        // The polynomial through all others, at a node.
        let guess = |of: &[f64], out: usize| -> f64 {
            let others = || (0..n).filter(|i| *i != out);
            others()
                .map(|i| {
                    let apart = others().filter(|j| *j != i);
                    let factors = apart.map(|j| {
                        (self.nodes[out] - self.nodes[j]) / (self.nodes[i] - self.nodes[j])
                    });
                    of[i] * factors.product::<f64>()
                })
                .sum()
        };
        let (mut by_logs, mut by_values) = (0.0f64, 0.0f64);
        for out in [n / 4, n / 2, 3 * n / 4] {
            by_logs = by_logs.max((guess(logs, out) - logs[out]).abs());
            by_values = by_values.max((guess(values, out) / values[out] - 1.0).abs());
        }
        by_logs < by_values
    }
}

/// An interval with a variable in which to place nodes: x itself, or its
/// logarithm where the interval spans more than an octave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    from: f64,
    to: f64,
}

impl Panel {
    pub fn new(from: f64, to: f64) -> Panel {
        Panel { from, to }
    }

    fn is_log(&self) -> bool {
        self.from > 0.0 && self.to > 2.0 * self.from
    }

    /// Nodes and weights of ∫ dx over the panel.
    pub fn points<'r>(&self, rule: &'r Rule) -> impl Iterator<Item = (f64, f64)> + use<'r> {
        let log = self.is_log();
        let (a, b) = match log {
            true => (self.from.ln(), self.to.ln()),
            false => (self.from, self.to),
        };
        let (middle, half) = ((a + b) / 2.0, (b - a) / 2.0);
        let pairs = rule.nodes.iter().zip(&rule.weights);
        pairs.map(move |(z, w)| match log {
            true => {
                let x = (middle + half * z).exp();
                (x, half * w * x)
            }
            false => (middle + half * z, half * w),
        })
    }

    /// The point a share of the way through.
    fn at(&self, share: f64) -> f64 {
        match self.is_log() {
            true => self.from * (self.to / self.from).powf(share),
            false => self.from + (self.to - self.from) * share,
        }
    }

    /// Where x lies, on [−1, 1].
    fn place(&self, x: f64) -> f64 {
        match self.is_log() {
            true => {
                let (a, b) = (self.from.ln(), self.to.ln());
                (2.0 * x.ln() - a - b) / (b - a)
            }
            false => (2.0 * x - self.from - self.to) / (self.to - self.from),
        }
    }

    /// The value at x of the polynomial through `values` at the nodes.
    pub fn interpolate(&self, rule: &Rule, x: f64, values: &[f64]) -> f64 {
        let z = self.place(x);
        let (mut above, mut below) = (0.0, 0.0);
        for ((node, weight), value) in rule.nodes.iter().zip(&rule.barycentric).zip(values) {
            if z == *node {
                return *value;
            }
            let share = weight / (z - node);
            above += share * value;
            below += share;
        }
        above / below
    }

    /// The value at x of every polynomial that is 1 at one node and 0 at the others.
    pub fn basis(&self, rule: &Rule, x: f64, out: &mut [f64]) {
        let z = self.place(x);
        if let Some(hit) = rule.nodes.iter().position(|node| *node == z) {
            out.fill(0.0);
            out[hit] = 1.0;
            return;
        }
        let mut sum = 0.0;
        for ((node, weight), out) in rule.nodes.iter().zip(&rule.barycentric).zip(&mut *out) {
            *out = weight / (z - node);
            sum += *out;
        }
        for out in out {
            *out /= sum;
        }
    }
}

/// Panels side by side, with the same rule in each.
#[derive(Clone, Debug)]
pub struct Mesh {
    pub rule: Rule,
    /// Ends of panels, rising; none where there is nothing to integrate.
    pub ends: Vec<f64>,
    pub nodes: Vec<f64>,
    pub weights: Vec<f64>,
}

impl Mesh {
    pub fn new(rule: Rule, ends: Vec<f64>) -> Mesh {
        let mut mesh = Mesh {
            nodes: Vec::with_capacity(ends.len() * rule.order()),
            weights: Vec::with_capacity(ends.len() * rule.order()),
            rule,
            ends,
        };
        for pair in mesh.ends.windows(2) {
            for (x, w) in Panel::new(pair[0], pair[1]).points(&mesh.rule) {
                mesh.nodes.push(x);
                mesh.weights.push(w);
            }
        }
        mesh
    }

    pub fn panels(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    pub fn panel(&self, i: usize) -> Panel {
        Panel::new(self.ends[i], self.ends[i + 1])
    }

    /// The nodes of a panel.
    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        let order = self.rule.order();
        i * order..(i + 1) * order
    }

    /// The panel that x lies in; an end belongs to the panel that begins there.
    pub fn find(&self, x: f64) -> Option<usize> {
        let i = self.ends.partition_point(|end| *end <= x);
        (0 < i && i < self.ends.len()).then(|| i - 1)
    }
}

/// A law, and where its density and its distribution function are not smooth.
#[derive(Clone, Debug)]
pub struct Law {
    pub dist: Dist,
    /// Values with a probability of their own.
    pub atoms: Vec<(f64, f64)>,
    /// Ends of panels in which the density is smooth and has one scale; none
    /// where all is atoms.
    pub ends: Vec<f64>,
    /// What they were chosen from, kinks included.
    pub marks: Vec<Mark>,
    /// Kinks of the density and atoms.
    pub corners: Vec<f64>,
}

impl Law {
    /// A law with marks out to where only a share `tail` lies beyond.
    pub fn new(dist: &Dist, tail: f64) -> Law {
        let atoms = dist.atoms();
        let kinks = dist.kinks();
        let mut marks = Vec::new();
        mark(dist, 0.0, tail, &mut marks);
        let mut corners = kinks.clone();
        corners.extend(atoms.iter().map(|(x, _)| *x));
        corners.sort_by(f64::total_cmp);
        corners.dedup();
        Law {
            dist: dist.clone(),
            atoms,
            ends: thinned(kinks, marks.clone()),
            marks,
            corners,
        }
    }

    /// The least value.
    pub fn least(&self) -> f64 {
        self.corners.first().copied().unwrap_or(0.0)
    }

    /// Its corners, or only its least value where there are many.
    pub fn starts(&self) -> Vec<f64> {
        match self.corners.len() {
            1..=6 => self.corners.clone(),
            _ => vec![self.least()],
        }
    }

    /// Whether it has a density.
    pub fn is_spread(&self) -> bool {
        self.ends.len() > 1
    }
}

/// A point between panels, and the distance over which what it stands for changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    pub at: f64,
    pub gap: f64,
}

impl Mark {
    pub fn moved(self, by: f64) -> Mark {
        Mark {
            at: self.at + by,
            ..self
        }
    }
}

/// Quantiles of every smooth part of a law: between two of them it has one scale.
fn mark(dist: &Dist, from: f64, tail: f64, out: &mut Vec<Mark>) {
    const UPPER: [f64; 12] = [
        0.78, 0.4, 0.15, 0.03, 3e-3, 2e-4, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15,
    ];
    const LOWER: [f64; 6] = [1e-12, 1e-8, 1e-5, 1e-3, 0.02, 0.1];
    match dist {
        Dist::Mix(parts) => {
            for (_, part) in parts {
                mark(part, from, tail, out);
            }
        }
        Dist::Shift(inner, by) => mark(inner, from + by.0 as f64, tail, out),
        Dist::Const(_) | Dist::Samples(_) => {}
        // What ends abruptly falls to 0 like a power there: four panels a piece.
        Dist::Uniform { .. } | Dist::Quantiles(_) => {
            for pair in dist.kinks().windows(2) {
                let gap = (pair[1] - pair[0]) / 4.0;
                out.extend((1..4).map(|i| Mark {
                    at: from + pair[0] + gap * f64::from(i),
                    gap,
                }));
            }
        }
        law if law.atoms().is_empty() => {
            let mut own = law.kinks();
            let upper = UPPER.iter().filter(|q| **q >= tail);
            own.extend(upper.map(|q| law.upper_quantile(*q)));
            if !matches!(law, Dist::Exp { .. } | Dist::Pareto { .. }) {
                let lower = LOWER.iter().filter(|p| **p >= tail);
                own.extend(lower.map(|p| law.quantile(*p)));
            }
            own.sort_by(f64::total_cmp);
            own.dedup();
            // Those begin smoothly.
            if !matches!(law, Dist::Exp { .. } | Dist::Pareto { .. }) {
                own = geometric(&own);
            }
            out.extend(own.windows(2).enumerate().map(|(i, pair)| {
                let next = own.get(i + 2).map_or(f64::INFINITY, |x| x - pair[1]);
                Mark {
                    at: from + pair[1],
                    gap: (pair[1] - pair[0]).min(next),
                }
            }));
        }
        _ => {}
    }
}

/// Marks with more between them where a density may be a power of the distance
/// from the least: no more than four times as far as the one before.
fn geometric(own: &[f64]) -> Vec<f64> {
    let mut all = own.to_vec();
    let least = own.first().copied().unwrap_or(0.0);
    for pair in own.windows(2).skip(1) {
        let (near, far) = (pair[0] - least, pair[1] - least);
        let steps = ((far / near).ln() / 4f64.ln()).ceil();
        if (2.0..200.0).contains(&steps) {
            let ratio = (far / near).powf(1.0 / steps);
            all.extend((1..steps as i32).map(|i| least + near * ratio.powi(i)));
        }
    }
    all.sort_by(f64::total_cmp);
    all
}

/// Ends of panels: all kinks, and the marks that have none near, for their scale.
pub fn thinned(mut kinks: Vec<f64>, mut marks: Vec<Mark>) -> Vec<f64> {
    const NEAR: f64 = 0.4;
    kinks.sort_by(f64::total_cmp);
    kinks.dedup();
    let mut all = kinks;
    // The last one is the end.
    if let Some(last) = marks.iter().map(|m| m.at).reduce(f64::max)
        && all.last().is_none_or(|end| *end < last)
    {
        all.push(last);
    }
    marks.sort_by(|a, b| a.gap.total_cmp(&b.gap));
    for mark in marks {
        let i = all.partition_point(|x| *x < mark.at);
        let before = i.checked_sub(1).map(|i| mark.at - all[i]);
        let after = all.get(i).map(|x| x - mark.at);
        let near = |distance: Option<f64>| distance.is_some_and(|d| d <= NEAR * mark.gap);
        if !near(before) && !near(after) {
            all.insert(i, mark.at);
        }
    }
    all
}

/// Panels cut into so many parts each.
pub fn split(ends: &[f64], parts: impl Iterator<Item = usize>) -> Vec<f64> {
    let mut all: Vec<f64> = ends.first().copied().into_iter().collect();
    for (pair, parts) in ends.windows(2).zip(parts) {
        let panel = Panel::new(pair[0], pair[1]);
        all.extend((1..parts).map(|i| panel.at(i as f64 / parts as f64)));
        all.push(pair[1]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauss_is_exact_for_polynomials() {
        for order in 1..=20 {
            let rule = Rule::gauss(order);
            for power in 0..2 * order as i32 {
                let pairs = rule.nodes.iter().zip(&rule.weights);
                let sum: f64 = pairs.map(|(x, w)| w * x.powi(power)).sum();
                let exact = if power % 2 == 0 {
                    2.0 / f64::from(power + 1)
                } else {
                    0.0
                };
                assert!((sum - exact).abs() < 1e-13, "{order} {power}: {sum}");
            }
        }
    }

    #[test]
    fn interpolation_is_exact_for_polynomials() {
        let rule = Rule::gauss(5);
        for panel in [Panel::new(1.0, 1.1), Panel::new(0.0, 3.0)] {
            let cubic = |x: f64| 1.0 - x + 2.0 * x.powi(3);
            let values: Vec<f64> = panel.points(&rule).map(|(x, _)| cubic(x)).collect();
            let mut basis = [0.0; 5];
            for x in [1.0, 1.03, 1.0999] {
                assert!((panel.interpolate(&rule, x, &values) - cubic(x)).abs() < 1e-12);
                panel.basis(&rule, x, &mut basis);
                let sum: f64 = basis.iter().zip(&values).map(|(b, v)| b * v).sum();
                assert!((sum - cubic(x)).abs() < 1e-12);
            }
        }
    }
}
