//! The results of a run of any kind as one table: cells × metrics.
//!
//! Files, conditions, comparisons and sweeps are written once over it. What a kind has
//! beside it (time series, curves, an example) is the kind's own.

use std::borrow::Cow;

use herdsim_core::ensemble::figure::Figure;
use herdsim_core::metric::{Key, Metric};
use herdsim_core::scenario::JobKind;
use herdsim_core::stats::Estimate;

/// How a kind of run speaks of its results.
#[derive(Debug)]
pub struct Manner {
    pub kind: JobKind,
    /// What a cell is: policy, guard, key mode, setting.
    pub cell: &'static str,
    /// The column of its name in CSV files.
    pub column: &'static str,
    /// In `result.json`: the key of the cells, that of a cell's name, and that of its
    /// metrics, where they do not stand in the cell itself.
    pub list: &'static str,
    pub name: &'static str,
    pub metrics: Option<&'static str>,
    /// What a cell is called in the list of differences from the first, where there is one.
    pub differences: Option<&'static str>,
    /// Columns of text between the name and the numbers.
    pub labels: &'static [&'static str],
    /// Whether what trials came to and closed forms stand beside estimates.
    pub figures: bool,
    /// By what runs of the kind are compared, the first of them first of all.
    pub compared: &'static [Key],
    /// What is compared first where an earlier run does not tell that.
    pub instead: &'static [Key],
    /// What sentences rest on: a run that lacks one of these cannot be told.
    pub needs: &'static [Key],
    /// "answers more calls" of one cell and of several, and the other way round.
    pub verb: [&'static str; 2],
    pub better: &'static str,
    pub worse: &'static str,
    pub neither: &'static str,
    /// What a sweep is about, and what that is in words.
    pub main: Key,
    pub subject: &'static str,
    /// The column headings of its least and greatest value.
    pub extremes: [&'static str; 2],
    /// Whether its own lists make cells, so that a grid without axes is a run.
    pub lists_cells: bool,
    /// How long it takes to recover, and how many of the runs do, where that is a question.
    pub recovery: Option<Recovery>,
    /// Metrics that leave calls out.
    pub partial: &'static [Partial],
}

/// Metrics of a part of the calls: a condition on one may hold where most have no part in it.
#[derive(Clone, Copy, Debug)]
pub struct Partial {
    pub metrics: &'static [Key],
    /// The share that is left out, or else the one that is not.
    pub share: Key,
    pub is_left_out: bool,
    /// What becomes of the calls that are left out.
    pub says: &'static str,
}

/// The metrics of a recovery.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    pub time: Key,
    pub share: Key,
    /// How long a run is ill, and in which share of the runs there is no end of that.
    pub ill: Key,
    pub ill_at_end: Key,
    /// Times that are endless where they have no value, and what there has to be of calls.
    pub waits: &'static [Key],
    pub calls: Key,
}

/// A column of the table: a metric, or one of a family of metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: Cow<'static, str>,
    pub metric: Metric,
}

impl Column {
    pub fn of(metric: Metric) -> Column {
        Column {
            name: Cow::Borrowed(metric.name),
            metric,
        }
    }

    /// One of a family.
    pub fn named(name: String, metric: Metric) -> Column {
        Column {
            name: Cow::Owned(name),
            metric,
        }
    }
}

/// One value: an estimate, and what stands beside it.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    pub estimate: Estimate,
    /// The mean of what happened in trials, the closed form, and the distance of these
    /// two in standard errors.
    pub simulated: Option<f64>,
    pub exact: Option<f64>,
    pub z: Option<f64>,
}

impl From<Estimate> for Value {
    fn from(estimate: Estimate) -> Value {
        Value {
            estimate,
            simulated: None,
            exact: None,
            z: None,
        }
    }
}

impl From<Figure> for Value {
    fn from(figure: Figure) -> Value {
        let mean = figure.simulated.mean;
        Value {
            estimate: figure.estimate,
            simulated: (!mean.is_nan()).then_some(mean),
            exact: figure.exact,
            z: figure.z,
        }
    }
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    /// In the order of [`Manner::labels`].
    pub labels: Vec<String>,
    /// Replications, or trials.
    pub replications: u64,
    /// In the order of the columns.
    pub values: Vec<Value>,
}

impl Row {
    /// The z farthest from 0 among its values, if any was compared.
    pub fn worst_z(&self) -> String {
        let all = self.values.iter().filter_map(|value| value.z);
        let worst = all.reduce(|worst, z| if z.abs() > worst.abs() { z } else { worst });
        match worst {
            None => "–".to_string(),
            Some(z) if z.abs() < 0.05 => "0.0".to_string(),
            Some(z) => format!("{z:.1}"),
        }
    }
}

/// Cells × metrics.
#[derive(Clone, Debug)]
pub struct Table {
    pub manner: &'static Manner,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Paired differences from the first cell, where cells share their random numbers:
    /// one row a further cell.
    pub differences: Vec<Row>,
}

/// An earlier run, to compare with.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The name of its run.
    pub name: String,
    pub table: Table,
    /// Its resolved scenario, where it stands beside its results.
    pub scenario: Option<String>,
    /// The least change that is called better or worse.
    pub noise: f64,
    /// What of it is not comparable, in sentences.
    pub notes: Vec<String>,
}

impl Table {
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name.as_str())
    }

    /// The place of a metric; nothing for one that this table does not have.
    fn place(&self, metric: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == metric)
    }

    /// A value by the name of its cell.
    pub fn get(&self, cell: &str, metric: Key) -> Option<&Value> {
        self.of(self.rows.iter().find(|row| row.name == cell)?, metric)
    }

    /// A value of a row.
    pub fn of<'r>(&self, row: &'r Row, metric: Key) -> Option<&'r Value> {
        let at = metric.index();
        match self.columns.get(at) {
            Some(column) if column.name == metric.name() => row.values.get(at),
            _ => row.values.get(self.place(metric.name())?),
        }
    }

    /// The column that a person calls by its name.
    pub fn column(&self, metric: &str) -> Option<&Column> {
        self.columns.get(self.place(metric)?)
    }

    /// The estimate of a metric in a cell, both by name; [`Estimate::NONE`] where it is
    /// not known.
    pub fn estimate(&self, cell: &str, metric: &str) -> Estimate {
        let row = self.rows.iter().find(|row| row.name == cell);
        let value = row.and_then(|row| row.values.get(self.place(metric)?));
        value.map_or(Estimate::NONE, |value| value.estimate)
    }

    /// The share of runs that recover in a cell; NaN where that is not asked, or not told.
    pub fn recovers(&self, cell: &str) -> f64 {
        let share = self.manner.recovery.map(|recovery| recovery.share);
        let value = share.and_then(|share| self.get(cell, share));
        value.map_or(f64::NAN, |value| value.estimate.mean)
    }

    /// Which share of the calls of a cell a metric leaves out, where that is more than a
    /// hundredth, and what becomes of them.
    pub fn left_out(&self, cell: &str, metric: &str) -> Option<(f64, &'static str)> {
        let of = |partial: &&Partial| partial.metrics.iter().any(|key| key.name() == metric);
        let partial = self.manner.partial.iter().find(of)?;
        let share = self.get(cell, partial.share)?.estimate.mean;
        let left_out = match partial.is_left_out {
            true => share,
            false => 1.0 - share,
        };
        (left_out > 0.01).then_some((left_out, partial.says))
    }

    /// Why a time of a cell has no end in some of the runs, if that is so: no upper limit
    /// on it holds.
    pub fn endless(&self, cell: &str, metric: &str) -> Option<&'static str> {
        let recovery = self.manner.recovery?;
        let mean = |key: Key| self.get(cell, key).map_or(f64::NAN, |v| v.estimate.mean);
        let is = |key: &Key| key.name() == metric;
        match metric {
            _ if is(&recovery.time) && self.recovers(cell) < 1.0 => {
                Some("does not recover in every run")
            }
            _ if is(&recovery.ill) && mean(recovery.ill_at_end) > 0.0 => {
                Some("is ill at the end of some of the runs, and who knows for how long")
            }
            _ if recovery
                .waits
                .iter()
                .any(|key| is(key) && mean(*key).is_nan())
                && mean(recovery.calls) > 0.0 =>
            {
                Some("leaves so many calls unanswered in some of the runs that it is never")
            }
            _ => None,
        }
    }

    /// Whether a metric is a time to recover, which is endless for who does not.
    pub fn is_recovery(&self, metric: &str) -> bool {
        let time = self.manner.recovery.map(|recovery| recovery.time.name());
        time == Some(metric)
    }
}

/// The fields of a row of CSV.
pub fn fields(row: &str) -> Vec<String> {
    if !row.contains('"') {
        return row.split(',').map(String::from).collect();
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(row.as_bytes());
    let record = reader.records().next().and_then(Result::ok);
    record.map_or_else(Vec::new, |record| record.iter().map(String::from).collect())
}
