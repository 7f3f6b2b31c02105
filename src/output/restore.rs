//! A run read back from its directory, number by number.

use std::path::{Path, PathBuf};

use crate::ensemble::herd::{PolicyResults, Results};
use crate::ensemble::stats::Estimate;
use crate::herd::{METRICS, SERIES, WAVES, Waves, new_histogram};
use crate::scenario::{Job, JobKind, Layers, Problem, Scenario};

/// Why a run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("cannot read `{path}`: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("`{path}`, line {line}: {reason}")]
    Line {
        path: PathBuf,
        line: u64,
        reason: String,
    },
    #[error("`{path}` {reason}")]
    Run { path: PathBuf, reason: String },
    #[error("{0}")]
    Scenario(#[from] Problem),
}

/// One CSV file, whose columns are found by name.
struct Table {
    path: PathBuf,
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    fn read(directory: &Path, name: &str) -> Result<Table, RestoreError> {
        let path = directory.join(name);
        let failed = |e: csv::Error| RestoreError::File {
            path: directory.join(name),
            reason: e.to_string(),
        };
        let mut reader = csv::Reader::from_path(&path).map_err(failed)?;
        let header = reader.headers().map_err(failed)?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(failed)?;
        Ok(Table { path, header, rows })
    }

    fn column(&self, name: &str) -> Result<usize, RestoreError> {
        let at = self.header.iter().position(|h| h == name);
        at.ok_or_else(|| RestoreError::Line {
            path: self.path.clone(),
            line: 1,
            reason: format!("there is no column `{name}`; another version may have written it"),
        })
    }

    fn columns(&self, names: &[&str]) -> Result<Vec<usize>, RestoreError> {
        names.iter().map(|name| self.column(name)).collect()
    }

    /// A number, NaN where there is none.
    fn number(&self, row: usize, column: usize) -> Result<f64, RestoreError> {
        let text = self.rows[row].get(column).unwrap_or("");
        if text.is_empty() {
            return Ok(f64::NAN);
        }
        text.parse().map_err(|_| RestoreError::Line {
            path: self.path.clone(),
            line: self.rows[row]
                .position()
                .map_or(row as u64 + 2, |p| p.line()),
            reason: format!("`{text}` in `{}` is no number", &self.header[column]),
        })
    }

    /// The rows of a policy.
    fn of<'t>(&'t self, column: usize, policy: &'t str) -> impl Iterator<Item = usize> + 't {
        let plain = move |cell: &str| cell.strip_prefix('\'').unwrap_or(cell) == policy;
        (0..self.rows.len()).filter(move |i| self.rows[*i].get(column).is_some_and(plain))
    }
}

/// The results of the herd in a directory.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn herd(directory: &Path) -> Result<Results, RestoreError> {
    let scenario = scenario(directory)?;
    let replications = Table::read(directory, "replications.csv")?;
    let series = Table::read(directory, "timeseries.csv")?;
    let latencies = Table::read(directory, "latencies.csv")?;
    let waves = Table::read(directory, "waves.csv")?;
    let metrics = replications.columns(&METRICS)?;
    let names: Vec<[String; 3]> = SERIES
        .iter()
        .map(|name| [name.to_string(), format!("{name}_lo"), format!("{name}_hi")])
        .collect();
    let bins: Vec<Vec<usize>> = names
        .iter()
        .map(|three| series.columns(&three.each_ref().map(String::as_str)))
        .collect::<Result<_, _>>()?;
    let policy_columns = [
        replications.column("policy")?,
        series.column("policy")?,
        latencies.column("policy")?,
        waves.column("policy")?,
    ];
    let attempts = waves.columns(&WAVES)?;
    let [value, count] = [latencies.column("latency_ns")?, latencies.column("calls")?];
    let mut policies = Vec::new();
    for (name, _) in &scenario.policies {
        let mut raw = Vec::new();
        for row in replications.of(policy_columns[0], name) {
            let mut own = [f64::NAN; METRICS.len()];
            for (own, column) in own.iter_mut().zip(&metrics) {
                *own = replications.number(row, *column)?;
            }
            raw.push(own);
        }
        if raw.is_empty() {
            return Err(RestoreError::Run {
                path: replications.path.clone(),
                reason: format!("has no row of policy `{name}`"),
            });
        }
        let mut all = Vec::new();
        for row in series.of(policy_columns[1], name) {
            let mut bin = [Estimate::NONE; SERIES.len()];
            for (own, three) in bin.iter_mut().zip(&bins) {
                *own = Estimate {
                    mean: series.number(row, three[0])?,
                    low: series.number(row, three[1])?,
                    high: series.number(row, three[2])?,
                    n: raw.len() as u64,
                    sd: f64::NAN,
                };
            }
            all.push(bin);
        }
        let mut latency = new_histogram(scenario.run.horizon);
        for row in latencies.of(policy_columns[2], name) {
            let ns = latencies.number(row, value)?;
            let calls = latencies.number(row, count)?;
            let recorded = latency.record_n(ns as u64, calls as u64);
            recorded.map_err(|e| RestoreError::Run {
                path: latencies.path.clone(),
                reason: format!("holds a latency beyond the horizon: {e}"),
            })?;
        }
        let mut counts = Waves::new();
        for row in waves.of(policy_columns[3], name) {
            let mut bin = [0; WAVES.len()];
            for (own, column) in bin.iter_mut().zip(&attempts) {
                *own = waves.number(row, *column)? as u32;
            }
            counts.push(bin);
        }
        policies.push(PolicyResults {
            name: name.clone(),
            raw,
            series: all,
            latency,
            waves: counts,
            deeper: Vec::new(),
        });
    }
    let least = policies.iter().map(|p| p.raw.len()).min().unwrap_or(0);
    Ok(Results {
        replications: least as u64,
        interrupted: false,
        events: 0,
        scenario,
        policies,
    })
}

fn scenario(directory: &Path) -> Result<Scenario, RestoreError> {
    let path = directory.join("scenario.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| RestoreError::File {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    let mut layers = Layers::default();
    layers.file(&path.display().to_string(), &text)?;
    let other = |reason: &str| RestoreError::Run {
        path: directory.to_path_buf(),
        reason: reason.to_string(),
    };
    if layers.has_sweep() {
        return Err(other("is a sweep; only runs of a herd are rebuilt"));
    }
    match Job::from_layers(&layers, JobKind::Herd)? {
        Job::Herd(scenario) if scenario.services.len() == 1 => Ok(scenario),
        Job::Herd(_) => Err(other(
            "is a chain, whose files lack the runs of its later services",
        )),
        _ => Err(other("is no herd; only runs of a herd are rebuilt")),
    }
}
