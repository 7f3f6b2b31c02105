//! What a sweep found: the values for its charts, in words, as a table.

use std::collections::BTreeMap;

use herdsim_core::metric::{Domain, Key, Metric, Unit};
use herdsim_core::scenario::sweep::{Axis, Grid};
use herdsim_core::scenario::{Job, Node};
use herdsim_core::theory::herd::Pressure;
use herdsim_core::units::Nanos;
use herdsim_core::value::Value;

use crate::format::{self, capital, list, percent, thousands};
use crate::results::{Column, Manner, fields};

/// Characters of a title at most.
const TITLE: usize = 170;

/// What theory says of a policy of a scenario, where it says anything.
pub type PressureOf = fn(&Job, &str) -> Option<Pressure>;

/// Where a policy stops being safe along an axis, by the places of its values: the last at
/// which every run recovers, and the next. `rising` where the safe ones are below.
#[derive(Clone, Copy, PartialEq)]
struct Edge {
    safe: usize,
    unsafe_from: usize,
    rising: bool,
}

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
    /// The fewest and the most replications of a cell.
    pub replications: Option<(u64, u64)>,
    /// Per axis, its values as people write them.
    texts: Vec<Vec<String>>,
    main_column: Option<usize>,
    replications_column: Option<usize>,
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
            replications: None,
            replications_column: place("replications"),
            recovered_column: manner.recovery.and_then(|r| place(r.share.name())),
            cells: grid.cells() as usize,
            texts: grid.axes.iter().map(texts).collect(),
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
            let fields = fields(row);
            let number = |i: usize| {
                let field = fields.get(i).and_then(|f| f.parse::<f64>().ok());
                field.unwrap_or(f64::NAN)
            };
            let name = fields.first().map_or("", String::as_str);
            let at = match self.names.iter().position(|n| n == name) {
                Some(at) => at,
                None => {
                    self.names.push(name.to_string());
                    self.main.push(vec![[f64::NAN; 3]; self.cells]);
                    self.recovered.push(vec![f64::NAN; self.cells]);
                    self.names.len() - 1
                }
            };
            let n = self
                .replications_column
                .and_then(|c| fields.get(c)?.parse().ok());
            if let Some(n) = n {
                let (least, most) = self.replications.unwrap_or((n, n));
                self.replications = Some((least.min(n), most.max(n)));
            }
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

    /// One sentence: up to where each policy is safe, or else in how many cells what happens.
    pub fn verdict(&self) -> String {
        match self.asks_recovery() {
            true => self.safe().unwrap_or_else(|| self.counted()),
            false => {
                let all = self.names.iter().zip(&self.main).map(|(name, values)| {
                    let (low, high) = extremes(values);
                    format!("{name}: {}", from_to(low, high, |x| self.show(x)))
                });
                format!(
                    "{} over {} cells: {}",
                    self.manner.subject,
                    thousands(self.cells as f64),
                    all.collect::<Vec<_>>().join("; ")
                )
            }
        }
    }

    /// In how many cells what happens, policies of which the same is to be said together.
    fn counted(&self) -> String {
        let total = thousands(self.cells as f64);
        let facts = |i: usize| {
            let shares = &self.recovered[i];
            let count = |holds: fn(f64) -> bool| shares.iter().filter(|s| holds(**s)).count();
            [
                count(|s| !s.is_nan()),
                count(|s| s > 0.0 && s < 1.0),
                count(|s| s == 0.0),
            ]
        };
        let clause = |([known, some, none], names): ([usize; 3], Vec<&str>)| {
            let who = list(&names);
            let [recovers, does] = match names.len() {
                1 => ["recovers", "does"],
                _ => ["recover", "do"],
            };
            let count = |n: usize| thousands(n as f64);
            match (known, some + none) {
                (0, _) => format!("recovery is undetermined for {who} in every cell"),
                (n, 0) if n == self.cells => format!("{who} {recovers} in all {total} cells"),
                (n, 0) => format!(
                    "{who} {recovers} in all of {} cells that are determined",
                    count(n)
                ),
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
        let said = self.together(facts);
        let clauses: Vec<String> = said.into_iter().map(clause).collect();
        clauses.join("; ")
    }

    /// The names by what is to be said of them, in their order.
    fn together<F: PartialEq>(&self, facts: impl Fn(usize) -> F) -> Vec<(F, Vec<&str>)> {
        let mut said: Vec<(F, Vec<&str>)> = Vec::new();
        for (i, name) in self.names.iter().enumerate() {
            let facts = facts(i);
            match said.iter_mut().find(|(same, _)| *same == facts) {
                Some((_, names)) => names.push(name),
                None => said.push((facts, vec![name])),
            }
        }
        said
    }

    /// Up to where every run recovers, along each axis whatever the others are; nothing
    /// where that does not say it: no policy has an edge, or some have none.
    fn safe(&self) -> Option<String> {
        let axes = &self.grid.axes;
        if axes.len() > 2 || axes.iter().any(|axis| axis.len() < 2) {
            return None;
        }
        let said = self.together(|i| {
            let all = self.recovered[i].iter().all(|share| *share == 1.0);
            let edges: Vec<Option<Edge>> = (0..axes.len()).map(|axis| self.edge(i, axis)).collect();
            (all, edges)
        });
        let tells = |((all, edges), _): &((bool, Vec<Option<Edge>>), Vec<&str>)| {
            *all || edges.iter().any(Option::is_some)
        };
        let one_has = said.iter().any(|((all, _), _)| !all);
        if !one_has || !said.iter().all(tells) {
            return None;
        }
        let clause = |((all, edges), names): &((bool, Vec<Option<Edge>>), Vec<&str>)| {
            let who = list(names);
            let is = if names.len() == 1 { "is" } else { "are" };
            if *all {
                return format!("{who} {is} safe throughout");
            }
            let along = edges.iter().enumerate().filter_map(|(axis, edge)| {
                let Edge {
                    safe,
                    unsafe_from,
                    rising,
                } = (*edge)?;
                let name = axes[axis].name();
                let [here, there] = [safe, unsafe_from].map(|at| self.value(axis, at));
                let to = if rising { "up to" } else { "from" };
                let whatever = match axes.len() {
                    1 => String::new(),
                    _ => format!(" whatever {}", axes[1 - axis].name()),
                };
                Some(format!("{to} {name} = {here}{whatever}, not at {there}"))
            });
            let along: Vec<String> = along.collect();
            format!("{who} {is} safe {}", along.join(", and "))
        };
        let clauses: Vec<String> = said.iter().map(clause).collect();
        Some(clauses.join("; "))
    }

    /// What "safe" means, where the verdict says it.
    pub fn meaning(&self) -> Option<&'static str> {
        let says = self.asks_recovery() && self.safe().is_some();
        says.then_some("safe: every run of a cell recovers")
    }

    /// Where a policy stops being safe along an axis of numbers.
    fn edge(&self, name: usize, axis: usize) -> Option<Edge> {
        let n = self.grid.axes[axis].len();
        let numbers = self.numbers(axis)?;
        if !numbers.windows(2).all(|pair| pair[0] < pair[1]) {
            return None;
        }
        // Whether every run of its cells recovers; nothing where that is not determined.
        let mut safe = vec![Some(true); n];
        for (cell, share) in self.recovered[name].iter().enumerate() {
            let all = &mut safe[self.grid.place(cell as u64)[axis]];
            *all = match *all {
                _ if *share < 1.0 => Some(false),
                Some(true) if share.is_nan() => None,
                before => before,
            };
        }
        let others = |safe: &[Option<bool>]| safe.iter().all(|safe| *safe != Some(true));
        let first = safe.iter().position(|safe| *safe != Some(true))?;
        if first > 0 {
            let is_edge = safe[first] == Some(false) && others(&safe[first..]);
            return is_edge.then_some(Edge {
                safe: first - 1,
                unsafe_from: first,
                rising: true,
            });
        }
        let from = safe.iter().position(|safe| *safe == Some(true))?;
        let rest = safe[from..].iter().all(|safe| *safe == Some(true));
        (rest && safe[from - 1] == Some(false)).then_some(Edge {
            safe: from,
            unsafe_from: from - 1,
            rising: false,
        })
    }

    /// A value of an axis as a person writes it: `956 ms`, `1,233`, `0.26/s`; as it is typed
    /// where others would be written the same.
    pub fn value(&self, axis: usize, at: usize) -> String {
        self.texts[axis][at].clone()
    }

    /// The values of an axis as numbers, where they are.
    fn numbers(&self, axis: usize) -> Option<Vec<f64>> {
        let values = self.grid.axes[axis].paths[0].values.iter();
        values.map(|value| quantity(&value.plain())).collect()
    }

    /// Where the values of an axis stand, from 0 to 1: at equal distances if they have equal
    /// steps or ratios, or are no ascending numbers; else by their size.
    pub fn places(&self, axis: usize) -> Vec<f64> {
        let n = self.grid.axes[axis].len();
        let equal = || -> Vec<f64> {
            let last = n.saturating_sub(1).max(1) as f64;
            (0..n)
                .map(|i| if n == 1 { 0.5 } else { i as f64 / last })
                .collect()
        };
        let Some(numbers) = self.numbers(axis).filter(|_| !self.is_regular(axis)) else {
            return equal();
        };
        if numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
            return equal();
        }
        let (first, last) = (numbers[0], numbers[n - 1]);
        let wide = first > 0.0 && last > 20.0 * first;
        let share = |x: &f64| match wide {
            true => (x / first).ln() / (last / first).ln(),
            false => (x - first) / (last - first),
        };
        numbers.iter().map(share).collect()
    }

    /// Whether the values of an axis have equal steps or ratios, as nearly as they are
    /// written.
    pub fn is_regular(&self, axis: usize) -> bool {
        let Some(numbers) = self.numbers(axis) else {
            return false;
        };
        let even = |step: &dyn Fn(f64, f64) -> f64| {
            let steps: Vec<f64> = numbers
                .windows(2)
                .map(|pair| step(pair[0], pair[1]))
                .collect();
            let mean = steps.iter().sum::<f64>() / steps.len().max(1) as f64;
            steps
                .iter()
                .all(|step| (step - mean).abs() <= 0.1 * mean.abs())
        };
        even(&|a, b| b - a) || numbers[0] > 0.0 && even(&|a, b| (b / a).ln())
    }

    /// What an axis is called beside a chart whose cells are as wide as each other.
    pub fn axis_name(&self, axis: usize) -> String {
        let name = self.grid.axes[axis].name();
        match self.is_regular(axis) || self.numbers(axis).is_none() {
            true => name,
            false => format!("{name} (values as listed)"),
        }
    }

    /// Every cell of a sweep over one axis, one row a value: what a policy answers, and
    /// whether it recovers where that is not in every run.
    pub fn listed(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut headers = vec![self.grid.axes[0].name()];
        headers.extend(self.names.iter().cloned());
        let text = |name: usize, cell: usize| {
            let value = self.main[name][cell][0];
            let share = self.recovered[name][cell];
            match self.asks_recovery() {
                _ if value.is_nan() => "–".to_string(),
                true if share == 0.0 => format!("{}, never", self.show(value)),
                true if share < 1.0 => format!("{}, {} of runs", self.show(value), percent(share)),
                true if share.is_nan() => format!("{}, undetermined", self.show(value)),
                _ => self.show(value),
            }
        };
        let row = |cell: usize| {
            let own = (0..self.names.len()).map(|name| text(name, cell));
            std::iter::once(self.value(0, cell)).chain(own).collect()
        };
        (headers, (0..self.cells).map(row).collect())
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
            let verdict = self.verdict();
            // What holds for every value takes too long for a title.
            return match verdict.chars().count() > TITLE {
                true => self.counted(),
                false => verdict,
            };
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

/// The values of an axis as people write them.
fn texts(axis: &Axis) -> Vec<String> {
    let typed: Vec<String> = axis.paths[0].values.iter().map(Node::plain).collect();
    let written: Vec<String> = typed.iter().map(|text| rounded(text)).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for text in &written {
        *times.entry(text).or_default() += 1;
    }
    let alone = |text: &String| times[text.as_str()] == 1;
    let pairs = written.iter().zip(&typed);
    let text = |(text, typed): (&String, &String)| if alone(text) { text } else { typed }.clone();
    pairs.map(text).collect()
}

/// A value in its own unit, to three digits.
fn rounded(text: &str) -> String {
    let (number, unit) = match text.strip_suffix("/s") {
        Some(number) => (number, "/s"),
        None => (text, ""),
    };
    match number.replace('_', "").parse::<f64>() {
        Ok(x) if x.fract() == 0.0 => format!("{}{unit}", thousands(x)),
        Ok(x) => format!("{}{unit}", format::three_digits(x)),
        Err(_) => match Nanos::parse(text) {
            Ok(time) => format::seconds(time.as_secs()),
            Err(_) => text.to_string(),
        },
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
