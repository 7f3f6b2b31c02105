//! Estimates of named quantities in named cells: what fence and saga results are.

use std::io;

use serde_json::{Map, Value, json};

use crate::ensemble::stats::{Estimate, Moments, wilson};
use crate::ensemble::trials::Tally;
use crate::output::csv::{number, text_cell, with_interval};
use crate::output::json as numbers;
use crate::output::words::chance;

/// The columns of `summary.csv`.
pub fn header(lead: &str, metrics: &[&str]) -> Vec<String> {
    let mut header = vec![lead.to_string(), "replications".to_string()];
    for metric in metrics {
        header.extend(with_interval(&[metric]));
        header.extend(["simulated", "exact", "z"].map(|part| format!("{metric}_{part}")));
    }
    header
}

/// The interval of a metric's mean: chances end at 1, and nothing is negative.
pub(super) fn estimate(metric: &str, moments: &Moments) -> Estimate {
    let most = match metric.starts_with("p_") {
        true => 1.0,
        false => f64::INFINITY,
    };
    moments.estimate().within(0.0, most)
}

/// The better of two estimates that have the same expectation.
///
/// Where the conditional one is `certain`, or of as many trials, it has the
/// smaller error (Rao and Blackwell). Weighed over fewer trials it may have missed
/// rare draws of what it does not weigh: it is taken only where there are too few
/// hits to go by and these do not speak against it, with an interval stretched over
/// theirs.
pub(super) fn better(
    metric: &str,
    simulated: Estimate,
    conditional: Estimate,
    exact: Option<f64>,
    certain: bool,
) -> Estimate {
    let seen = conditional.mean > 0.0;
    if certain || exact == Some(0.0) || seen && conditional.n == simulated.n {
        return conditional;
    }
    let hits = simulated.mean * simulated.n as f64;
    if hits >= 30.0 || !metric.starts_with("p_") {
        return simulated;
    }
    let (low, high) = wilson(hits, simulated.n);
    let low = if hits == 0.0 { 0.0 } else { low.max(0.0) };
    match seen && (low..=high).contains(&conditional.mean) {
        true => Estimate {
            low: conditional.low.min(low),
            high: conditional.high.max(high),
            ..conditional
        },
        false => Estimate {
            low,
            high,
            ..simulated
        },
    }
}

/// The results of trials, one cell a guard or key mode.
#[derive(Clone, Debug)]
pub struct Figures {
    pub kind: &'static str,
    /// What a cell is: `guard`, `key`.
    pub lead: &'static str,
    pub name: String,
    pub seed: u64,
    /// Trials finished.
    pub trials: u64,
    pub interrupted: bool,
    pub metrics: Vec<&'static str>,
    pub cells: Vec<Cell>,
}

/// One row of it, in the order of [`Figures::metrics`].
#[derive(Clone, Debug)]
pub struct Cell {
    pub name: &'static str,
    pub figures: Vec<Figure>,
}

/// What is known about one quantity in one cell.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The better of the two estimates.
    pub estimate: Estimate,
    /// What happened in the trials, and what was to be expected given some of
    /// their draws; none for a figure made of others.
    pub simulated: Option<(Estimate, Estimate)>,
    /// The closed form, where there is one.
    pub exact: Option<f64>,
    /// How many standard errors the plain mean lies from it.
    pub z: Option<f64>,
}

impl Figure {
    fn distance(simulated: Estimate, exact: Option<f64>) -> Option<f64> {
        let exact = exact.filter(|_| simulated.n > 1)?;
        if simulated.mean == exact {
            return Some(0.0);
        }
        // The spread that such a chance has, where it is one: the trials' own
        // says nothing about what they did not meet.
        let spread = match simulated.mean <= 1.0 && exact > 0.0 && exact < 1.0 {
            true => (exact * (1.0 - exact)).sqrt().max(simulated.sd),
            false => simulated.sd,
        };
        let z = (simulated.mean - exact) / (spread / (simulated.n as f64).sqrt());
        z.is_finite().then_some(z)
    }

    /// The estimate as a chance; what was never met has an upper limit, unless
    /// it is known that it cannot happen.
    pub fn chance(&self) -> String {
        match self.estimate {
            e if e.mean == 0.0 && e.high > 0.0 => format!("<{}", chance(e.high)),
            e => chance(e.mean),
        }
    }
}

impl Figure {
    /// A figure under a rising function.
    pub fn map(figure: Option<&Figure>, f: impl Fn(f64) -> f64) -> Figure {
        let e = figure.map_or(Estimate::NONE, |figure| figure.estimate);
        Figure {
            estimate: Estimate {
                mean: f(e.mean),
                low: f(e.low),
                high: f(e.high),
                n: e.n,
                sd: f64::NAN,
            },
            simulated: None,
            exact: figure.and_then(|figure| figure.exact).map(f),
            z: None,
        }
    }
}

impl Cell {
    /// The z farthest from 0 among its figures, if any was compared.
    pub fn worst_z(&self) -> String {
        let all = self.figures.iter().filter_map(|figure| figure.z);
        let worst = all.reduce(|worst, z| if z.abs() > worst.abs() { z } else { worst });
        match worst {
            None => "–".to_string(),
            Some(z) if z.abs() < 0.05 => "0.0".to_string(),
            Some(z) => format!("{z:.1}"),
        }
    }
}

impl Figures {
    /// Makes the figures of a tally: `exact(cell, metric)` where it is known.
    pub fn of_tally<E>(
        tally: &Tally<E>,
        metrics: &[&'static str],
        names: &[&'static str],
        certain: bool,
        exact: impl Fn(usize, &str) -> Option<f64>,
    ) -> Vec<Cell> {
        let cell = |(i, name): (usize, &&'static str)| Cell {
            name,
            figures: metrics
                .iter()
                .enumerate()
                .map(|(m, metric)| {
                    let exact = exact(i, metric);
                    let simulated = estimate(metric, &tally.simulated[i][m]);
                    let conditional = estimate(metric, &tally.conditional[i][m]);
                    Figure {
                        estimate: better(metric, simulated, conditional, exact, certain),
                        simulated: Some((simulated, conditional)),
                        exact,
                        z: Figure::distance(simulated, exact),
                    }
                })
                .collect(),
        };
        names.iter().enumerate().map(cell).collect()
    }

    /// Adds a quantity made of others in the same cell.
    pub fn derive(&mut self, metric: &'static str, of: impl Fn(&Figures, &Cell) -> Figure) {
        let made: Vec<Figure> = self.cells.iter().map(|cell| of(self, cell)).collect();
        self.metrics.push(metric);
        for (cell, figure) in self.cells.iter_mut().zip(made) {
            cell.figures.push(figure);
        }
    }

    /// A figure by the names of its cell and metric.
    pub fn get(&self, cell: &str, metric: &str) -> Option<&Figure> {
        let cell = self.cells.iter().find(|c| c.name == cell)?;
        self.of(cell, metric)
    }

    /// A figure of a cell.
    pub fn of<'c>(&self, cell: &'c Cell, metric: &str) -> Option<&'c Figure> {
        let i = self.metrics.iter().position(|m| *m == metric)?;
        cell.figures.get(i)
    }

    /// The rows of `summary.csv`, one a cell.
    pub fn rows(&self) -> Vec<String> {
        let known = |x: Option<f64>| x.map_or(String::new(), number);
        let row = |cell: &Cell| {
            let mut row = vec![text_cell(cell.name), self.trials.to_string()];
            for figure in &cell.figures {
                let e = figure.estimate;
                row.extend([e.mean, e.low, e.high].map(number));
                row.extend([
                    known(figure.simulated.map(|(e, _)| e.mean)),
                    known(figure.exact),
                    known(figure.z),
                ]);
            }
            row.join(",")
        };
        self.cells.iter().map(row).collect()
    }

    /// `summary.csv`: one row a cell; beside every estimate its interval, the
    /// plain mean, the closed form and the distance of these two in standard errors.
    pub fn summary(&self, mut out: impl io::Write) -> io::Result<()> {
        writeln!(out, "{}", header(self.lead, &self.metrics).join(","))?;
        for row in self.rows() {
            writeln!(out, "{row}")?;
        }
        Ok(())
    }

    /// `result.json`.
    pub fn json(&self, verdict: &str) -> String {
        let cell = |cell: &Cell| {
            let mut entries = Map::new();
            entries.insert(self.lead.to_string(), json!(cell.name));
            for (metric, figure) in self.metrics.iter().zip(&cell.figures) {
                let mut value = numbers::estimate(figure.estimate);
                let known = |x: Option<f64>| x.map_or(Value::Null, numbers::number);
                value["simulated"] = known(figure.simulated.map(|(e, _)| e.mean));
                value["exact"] = known(figure.exact);
                value["z"] = known(figure.z);
                entries.insert(metric.to_string(), value);
            }
            Value::Object(entries)
        };
        let result = json!({
            "kind": self.kind,
            "version": env!("CARGO_PKG_VERSION"),
            "name": self.name,
            "seed": self.seed,
            "replications": self.trials,
            "interrupted": self.interrupted,
            "verdict": verdict,
            "cells": self.cells.iter().map(cell).collect::<Vec<_>>(),
        });
        serde_json::to_string_pretty(&result).unwrap_or_else(|e| unreachable!("plain JSON: {e}"))
            + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A conditional estimate of fewer trials than the simulated one.
    fn weighed(mean: f64, sd: f64) -> Estimate {
        let mut e = Estimate::of([mean - sd, mean + sd]);
        e.n = 1_000;
        e.sd = sd;
        e
    }

    fn hits(count: u64, n: u64) -> Estimate {
        Moments::of_sums(n, count as f64, count as f64).estimate()
    }

    #[test]
    fn few_hits_and_what_was_weighed_check_each_other() {
        let n = 1_000_000;
        let better = |simulated, conditional| better("p_x", simulated, conditional, None, false);
        // Enough hits speak for themselves.
        let many = better(hits(50, n), weighed(1e-9, 0.0));
        assert_eq!(many.mean, 50e-6);
        // None of n: 3.84e-6 at most, and what was weighed lies below.
        let none = better(hits(0, n), weighed(1e-9, 1e-12));
        assert_eq!((none.mean, none.low), (1e-9, 0.0));
        assert!((none.high - 3.84e-6).abs() < 1e-8, "{}", none.high);
        // One hit makes 1e-11 unlikely: it missed something.
        let missed = better(hits(1, n), weighed(1e-11, 0.0));
        assert_eq!(missed.mean, 1e-6);
        assert!(missed.low > 1e-7 && missed.high < 6e-6);
        // Nothing anywhere is still not never.
        assert!(better(hits(0, n), weighed(0.0, 0.0)).high > 3e-6);
        // Unless it is known.
        let known = super::better("p_x", hits(0, n), weighed(0.0, 0.0), Some(0.0), false);
        assert_eq!((known.mean, known.high), (0.0, 0.0));
    }
}
