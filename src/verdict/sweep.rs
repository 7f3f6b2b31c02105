//! What a sweep found: the values for its charts, in words, as a table.

use herdsim_core::metric::{Domain, Key, Metric, Unit};
use herdsim_core::scenario::Job;
use herdsim_core::scenario::sweep::Grid;
use herdsim_core::theory::herd::Pressure;
use herdsim_core::units::Nanos;
use herdsim_core::value::Value;

use crate::format::{self, capital, list, percent, thousands};
use crate::results::{Column, Manner};

/// What theory says of a policy of a scenario, where it says anything.
pub type PressureOf = fn(&Job, &str) -> Option<Pressure>;

/// The main values of every cell of a complete grid.
pub struct SweepResults<'g> {
    pub grid: &'g Grid,
    pub base: &'g Job,
    pub manner: &'static Manner,
    /// Policies, guards or key modes, in the order of rows.
    pub names: Vec<String>,
    /// Per name, per cell: mean, low and high of the main metric.
    pub main: Vec<Vec<[f64; 3]>>,
    /// Per name, per cell of a herd: the share of replications that recovered.
    pub recovered: Vec<Vec<f64>>,
    /// The metric that the sweep is about.
    pub metric: Metric,
    /// How many runs recover, where that is a question.
    pub share: Option<Metric>,
    pressure: PressureOf,
    main_column: Option<usize>,
    recovered_column: Option<usize>,
    cells: usize,
}

impl<'g> SweepResults<'g> {
    /// Of a grid whose cells leave rows with these columns, the names of `header`.
    pub fn new(
        (grid, base): (&'g Grid, &'g Job),
        manner: &'static Manner,
        columns: &[Column],
        header: &[String],
        pressure: PressureOf,
    ) -> SweepResults<'g> {
        let metric = |key: Key| {
            let column = columns.iter().find(|column| column.name == key.name());
            column
                .unwrap_or_else(|| panic!("{} has no column", key.name()))
                .metric
        };
        let place = |name: &str| header.iter().position(|h| h == name);
        SweepResults {
            metric: metric(manner.main),
            share: manner.recovery.map(|recovery| metric(recovery.share)),
            main_column: place(manner.main.name()),
            recovered_column: manner.recovery.and_then(|r| place(r.share.name())),
            cells: grid.cells() as usize,
            grid,
            base,
            manner,
            pressure,
            names: Vec::new(),
            main: Vec::new(),
            recovered: Vec::new(),
        }
    }

    /// Takes the rows of a cell.
    pub fn cell(&mut self, index: u64, rows: &[String]) {
        for row in rows {
            let fields: Vec<&str> = row.split(',').collect();
            let number = |i: usize| {
                let field = fields.get(i).and_then(|f| f.parse::<f64>().ok());
                field.unwrap_or(f64::NAN)
            };
            let name = fields.first().copied().unwrap_or("");
            let at = match self.names.iter().position(|n| n == name) {
                Some(at) => at,
                None => {
                    self.names.push(name.to_string());
                    self.main.push(vec![[f64::NAN; 3]; self.cells]);
                    self.recovered.push(vec![f64::NAN; self.cells]);
                    self.names.len() - 1
                }
            };
            if let Some(c) = self.main_column {
                self.main[at][index as usize] = [number(c), number(c + 1), number(c + 2)];
            }
            if let Some(c) = self.recovered_column {
                self.recovered[at][index as usize] = number(c);
            }
        }
    }

    /// Whether recovery is what a cell is asked about.
    pub fn asks_recovery(&self) -> bool {
        self.manner.recovery.is_some()
    }

    /// A value of the main metric in words.
    pub fn show(&self, value: f64) -> String {
        match self.metric.unit {
            Unit::Percent if self.asks_recovery() => percent(value),
            unit => format::value(unit, value),
        }
    }

    /// Whether it is a share, from 0 to 1.
    pub fn is_share(&self) -> bool {
        self.metric.domain == Domain::Share
    }

    /// The pressure on the service in every cell, for one policy of a herd.
    pub fn pressures(&self, name: &str) -> Option<Vec<Pressure>> {
        let of = |index: u64| (self.pressure)(&self.grid.job(index).ok()?, name);
        (0..self.cells as u64).map(of).collect()
    }

    /// Where the scenario without axes stands on an axis, in cells from its
    /// first value, where it stands within.
    pub fn here(&self, axis: usize) -> Option<f64> {
        let path = self.grid.axes[axis].paths.first()?;
        let text = toml::to_string(self.base);
        let document: toml::Value = toml::from_str(&text.ok()?).ok()?;
        let mut value = &document;
        for key in path.path.split('.') {
            value = match (key, value.as_table()?) {
                ("*", table) => table.values().next()?,
                (key, table) => table.get(key)?,
            };
        }
        // A list of one is as good as the one.
        if let [only] = value.as_array().map_or(&[][..], Vec::as_slice) {
            value = only;
        }
        let own = match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if let Some(at) = path.values.iter().position(|v| v.plain() == own) {
            return Some(at as f64);
        }
        let own = quantity(&own)?;
        let values: Vec<f64> = path
            .values
            .iter()
            .map(|v| quantity(&v.plain()))
            .collect::<Option<_>>()?;
        let at = values.windows(2).position(|w| w[0] <= own && own <= w[1])?;
        let (low, high) = (values[at], values[at + 1]);
        Some(at as f64 + (own - low) / (high - low))
    }

    /// One sentence: in how many cells what happens.
    pub fn verdict(&self) -> String {
        let total = thousands(self.cells as f64);
        let clauses: Vec<String> = match self.asks_recovery() {
            true => {
                // Policies of which the same is to be said share a clause.
                let mut said: Vec<([usize; 3], Vec<&str>)> = Vec::new();
                for (name, shares) in self.names.iter().zip(&self.recovered) {
                    let count = |holds: fn(f64) -> bool| {
                        shares.iter().filter(|share| holds(**share)).count()
                    };
                    let facts = [
                        count(|s| !s.is_nan()),
                        count(|s| s > 0.0 && s < 1.0),
                        count(|s| s == 0.0),
                    ];
                    match said.iter_mut().find(|(same, _)| *same == facts) {
                        Some((_, names)) => names.push(name),
                        None => said.push((facts, vec![name])),
                    }
                }
                let clause = |([known, some, none], names): ([usize; 3], Vec<&str>)| {
                    let (who, several) = (list(&names), names.len() > 1);
                    let [recovers, does] = match several {
                        true => ["recover", "do"],
                        false => ["recovers", "does"],
                    };
                    let count = |n: usize| thousands(n as f64);
                    match (known, some + none) {
                        (0, _) => format!("recovery is undetermined for {who} in every cell"),
                        (n, 0) if n == self.cells => {
                            format!("{who} {recovers} in all {total} cells")
                        }
                        (n, 0) => {
                            format!(
                                "{who} {recovers} in all of {} cells that are determined",
                                count(n)
                            )
                        }
                        (_, stuck) if some == 0 => {
                            format!(
                                "{who} never {recovers} in {} of {total} cells",
                                count(stuck)
                            )
                        }
                        (_, stuck) => format!(
                            "{who} {does} not always recover in {} of {total} cells",
                            count(stuck)
                        ),
                    }
                };
                said.into_iter().map(clause).collect()
            }
            false => self
                .names
                .iter()
                .zip(&self.main)
                .map(|(name, values)| {
                    let (low, high) = extremes(values);
                    format!("{name}: {}", from_to(low, high, |x| self.show(x)))
                })
                .collect(),
        };
        match self.asks_recovery() {
            true => clauses.join("; "),
            false => format!(
                "{} over {total} cells: {}",
                self.manner.subject,
                clauses.join("; ")
            ),
        }
    }

    /// The range of the main metric, in a sentence.
    fn range_headline(&self) -> String {
        let all = self.main.iter().map(|values| extremes(values));
        let (low, high) = all.fold((f64::NAN, f64::NAN), |(low, high), (a, b)| {
            (low.min(a), high.max(b))
        });
        format!(
            "{} over {} cells: {}",
            capital(self.manner.subject),
            thousands(self.cells as f64),
            from_to(low, high, |x| self.show(x))
        )
    }

    /// The same, short enough for a title.
    pub fn headline(&self) -> String {
        let known = self.recovered.iter().flatten().any(|s| !s.is_nan());
        if !self.asks_recovery() || !known {
            return self.range_headline();
        }
        if self.names.len() <= 3 {
            return self.verdict();
        }
        let stuck = |i: &usize| self.recovered[*i].iter().filter(|s| **s < 1.0).count();
        let known = |i: &usize| self.recovered[*i].iter().any(|s| !s.is_nan());
        let known: Vec<usize> = (0..self.names.len()).filter(known).collect();
        let safe = known.iter().filter(|i| stuck(i) == 0).count();
        match (0..self.names.len()).rev().max_by_key(stuck) {
            Some(worst) if stuck(&worst) > 0 => format!(
                "{safe} of {} policies recover wherever it is determined; {} does not in {} of {} \
                 cells",
                self.names.len(),
                self.names[worst],
                thousands(stuck(&worst) as f64),
                thousands(self.cells as f64)
            ),
            _ => format!(
                "{safe} of {} policies recover wherever it is determined",
                self.names.len()
            ),
        }
    }

    pub fn headers(&self) -> Vec<String> {
        let lead = match self.asks_recovery() {
            true => &[
                "always recovers",
                "sometimes",
                "never",
                "undetermined",
                self.metric.title,
            ][..],
            false => &self.manner.extremes,
        };
        let all = std::iter::once(&self.manner.column).chain(lead);
        all.map(|h| h.to_string()).collect()
    }

    /// One row a policy, guard or key mode, over all cells.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let all = self.names.iter().zip(&self.main).zip(&self.recovered);
        all.map(|((name, main), recovered)| {
            let (low, high) = extremes(main);
            if !self.asks_recovery() {
                return vec![name.clone(), self.show(low), self.show(high)];
            }
            let count = |holds: &dyn Fn(f64) -> bool| {
                let cells = recovered.iter().filter(|s| holds(**s)).count();
                match cells {
                    1 => "1 cell".to_string(),
                    n => format!("{} cells", thousands(n as f64)),
                }
            };
            vec![
                name.clone(),
                count(&|s| s == 1.0),
                count(&|s| s > 0.0 && s < 1.0),
                count(&|s| s == 0.0),
                count(&|s| s.is_nan()),
                from_to(low, high, |x| self.show(x)),
            ]
        })
        .collect()
    }

    /// The axes in a few words.
    pub fn setting(&self) -> String {
        let names: Vec<String> = self.grid.axes.iter().map(|a| a.name()).collect();
        format!(
            "{} cells over {}",
            thousands(self.cells as f64),
            list(&names)
        )
    }
}

/// A range in words.
fn from_to(low: f64, high: f64, show: impl Fn(f64) -> String) -> String {
    match show(low) == show(high) {
        true => show(low),
        false => format!("{} to {}", show(low), show(high)),
    }
}

/// The least and the largest mean.
pub fn extremes(values: &[[f64; 3]]) -> (f64, f64) {
    let means = values.iter().map(|v| v[0]).filter(|m| !m.is_nan());
    means.fold((f64::NAN, f64::NAN), |(low, high), m| {
        (m.min(low), m.max(high))
    })
}

/// A number, of whatever unit, to compare with others of the same.
pub fn quantity(text: &str) -> Option<f64> {
    if let Ok(time) = Nanos::parse(text) {
        return Some(time.as_secs());
    }
    let plain = text.replace('_', "");
    let end = plain.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)));
    let (number, unit) = plain.split_at(end.unwrap_or(plain.len()));
    let scale = match unit {
        "k" => 1e3,
        "M" => 1e6,
        "%" => 0.01,
        _ => 1.0,
    };
    number.parse::<f64>().ok().map(|x| x * scale)
}
