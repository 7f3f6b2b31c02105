//! A run read back from its directory, number by number.

use std::path::{Path, PathBuf};

use herdsim_core::input::{self, Bounded, MOST_ROWS};
use herdsim_core::metric::{DEFINITIONS, Key, Metric};
use herdsim_core::scenario::{Overlay, Problem};
use herdsim_core::stats::Estimate;

use crate::output::csv::{FIGURES, plain, three};
use herdsim_words::format::list;
use herdsim_words::results::{Column, Manner, Row, Table, Value};

/// Why a run cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
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
pub struct CsvFile {
    pub path: PathBuf,
    header: csv::StringRecord,
    /// Columns that are not meant as they are today: as good as not there.
    otherwise: Vec<&'static str>,
    pub rows: Vec<csv::StringRecord>,
}

impl CsvFile {
    /// Reads a file of a directory.
    ///
    /// # Errors
    /// A file that is missing or no CSV.
    pub fn read(directory: &Path, name: &str) -> Result<CsvFile, LoadError> {
        let path = directory.join(name);
        let failed = |e: csv::Error| LoadError::File {
            path: directory.join(name),
            reason: e.to_string(),
        };
        let file = Bounded::open(&path, MOST_ROWS).map_err(|e| failed(e.into()))?;
        let mut reader = csv::Reader::from_reader(file);
        let header = reader.headers().map_err(failed)?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(failed)?;
        Ok(CsvFile {
            path,
            header,
            otherwise: Vec::new(),
            rows,
        })
    }

    /// Without the columns of metrics that older definitions made otherwise, in a file that
    /// was written by them: one without the column that came with today's.
    #[must_use]
    pub fn by_definitions(mut self, came: Key, metrics: impl Iterator<Item = Metric>) -> CsvFile {
        let older = self.find(came.name()).is_none();
        let otherwise = metrics.filter(|metric| older && metric.since == DEFINITIONS);
        let otherwise = otherwise.map(|metric| metric.name);
        self.otherwise = otherwise
            .filter(|name| self.header.iter().any(|h| h == *name))
            .collect();
        self
    }

    /// The place of a column.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn column(&self, name: &str) -> Result<usize, LoadError> {
        self.find(name).ok_or_else(|| LoadError::Line {
            path: self.path.clone(),
            line: 1,
            reason: format!("there is no column `{name}`; another version may have written it"),
        })
    }

    /// Holds a file to the columns without which a run cannot be told.
    ///
    /// # Errors
    /// The first that is not there.
    pub fn needs(&self, manner: &Manner) -> Result<(), LoadError> {
        manner
            .needs
            .iter()
            .try_for_each(|key| self.column(key.name()).map(drop))
    }

    /// Which of some columns are not there, in a sentence: an older run may lack them.
    pub fn gaps(&self, names: impl IntoIterator<Item = String>) -> Option<String> {
        let lacks = |name: &str| self.find(name).is_none();
        let missing = names.into_iter().filter(|name| lacks(name));
        let mut said: Vec<String> = Vec::new();
        for name in missing {
            // An interval goes with its mean, and is one thing.
            let [low, high] = ["_lo", "_hi"].map(|end| name.strip_suffix(end));
            said.extend(match low.or(high) {
                Some(mean) if lacks(mean) => None,
                Some(mean) if lacks(&format!("{mean}_lo")) && lacks(&format!("{mean}_hi")) => {
                    low.map(|mean| format!("the interval of `{mean}`"))
                }
                _ => Some(format!("`{name}`")),
            });
        }
        let otherwise: Vec<String> = self.otherwise.iter().map(|n| format!("`{n}`")).collect();
        said.retain(|name| !otherwise.contains(name));
        let mut what = Vec::new();
        if !said.is_empty() {
            what.push(format!("lacks {}", list(&said)));
        }
        if !otherwise.is_empty() {
            what.push(format!("means something else by {}", list(&otherwise)));
        }
        (!what.is_empty()).then(|| {
            format!(
                "`{}` {}: another version wrote it, and what that would tell is unknown",
                self.path.display(),
                list(&what)
            )
        })
    }

    /// The place of a column that need not be there.
    pub fn find(&self, name: &str) -> Option<usize> {
        let meant = !self.otherwise.contains(&name);
        self.header.iter().position(|h| meant && h == name)
    }

    /// Holds a value to the domain of its metric.
    ///
    /// # Errors
    /// At a value that cannot be.
    pub fn hold(&self, row: usize, column: &Column, value: f64) -> Result<(), LoadError> {
        match column.metric.domain.refuses(value) {
            None => Ok(()),
            Some(why) => Err(self.at(row, format!("`{value}` in `{}` {why}", column.name))),
        }
    }

    /// The same of several.
    pub fn columns(&self, names: &[&str]) -> Result<Vec<usize>, LoadError> {
        names.iter().map(|name| self.column(name)).collect()
    }

    /// What is wrong with a row.
    pub fn at(&self, row: usize, reason: String) -> LoadError {
        let place = self.rows[row].position();
        LoadError::Line {
            path: self.path.clone(),
            line: place.map_or(row as u64 + 2, |p| p.line()),
            reason,
        }
    }

    /// That a row is missing.
    pub fn lacks(&self, what: &str) -> LoadError {
        LoadError::Run {
            path: self.path.clone(),
            reason: format!("has no row of {what}"),
        }
    }

    /// A number, NaN where there is none.
    pub fn signed(&self, row: usize, column: usize) -> Result<f64, LoadError> {
        let text = self.rows[row].get(column).unwrap_or("");
        if text.is_empty() {
            return Ok(f64::NAN);
        }
        let number = text.parse().ok().filter(|x: &f64| x.is_finite());
        number.ok_or_else(|| {
            let reason = format!("`{text}` in `{}` is no number", &self.header[column]);
            self.at(row, reason)
        })
    }

    /// The same of what is never negative: next to everything.
    pub fn number(&self, row: usize, column: usize) -> Result<f64, LoadError> {
        let x = self.signed(row, column)?;
        match x < 0.0 {
            true => {
                let reason = format!("`{x}` in `{}` is negative", &self.header[column]);
                Err(self.at(row, reason))
            }
            false => Ok(x),
        }
    }

    /// Holds a row to the number that it must have in a column.
    pub fn expect(&self, row: usize, column: usize, expected: f64) -> Result<(), LoadError> {
        let x = self.number(row, column)?;
        match (x - expected).abs() <= 1e-9 * expected.abs().max(1.0) {
            true => Ok(()),
            false => {
                let name = &self.header[column];
                Err(self.at(
                    row,
                    format!("`{x}` in `{name}`, where {expected} should be"),
                ))
            }
        }
    }

    /// A mean with its interval, from three columns of what is never negative.
    pub fn estimate(&self, row: usize, three: [usize; 3]) -> Result<Estimate, LoadError> {
        self.estimate_of(row, three, false)
    }

    /// The same of numbers that may be negative, or not.
    pub fn estimate_of(
        &self,
        row: usize,
        three: [usize; 3],
        signed: bool,
    ) -> Result<Estimate, LoadError> {
        let read = |column| match signed {
            true => self.signed(row, column),
            false => self.number(row, column),
        };
        Ok(Estimate {
            mean: read(three[0])?,
            low: read(three[1])?,
            high: read(three[2])?,
            n: 0,
            sd: f64::NAN,
        })
    }

    /// The rows that have texts in columns of those names.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn rows_of(&self, keys: &[(&str, &str)]) -> Result<Vec<usize>, LoadError> {
        let mut rows: Vec<usize> = (0..self.rows.len()).collect();
        for (column, text) in keys {
            let column = self.column(column)?;
            rows.retain(|row| {
                self.rows[*row]
                    .get(column)
                    .is_some_and(|cell| plain(cell) == *text)
            });
        }
        Ok(rows)
    }

    /// The rows that have a text in a column.
    pub fn of<'t>(&'t self, column: usize, text: &'t str) -> impl Iterator<Item = usize> + 't {
        let own = move |cell: &str| plain(cell) == text;
        (0..self.rows.len()).filter(move |i| self.rows[*i].get(column).is_some_and(own))
    }
}

/// The table of a directory's CSV file; `cells` are the cells there are to be, or else
/// those that it has, and `replications` how many each has, where the file need not say.
///
/// A column that is not there is unknown, but for those that sentences need: an older
/// run may lack it.
///
/// # Errors
/// What is missing or cannot be meant, with its file and line.
pub fn table(
    file: &CsvFile,
    manner: &'static Manner,
    columns: Vec<Column>,
    cells: Option<&[String]>,
    replications: Option<u64>,
) -> Result<Table, LoadError> {
    let name = file.column(manner.column)?;
    let labels = file.columns(manner.labels)?;
    file.needs(manner)?;
    let counted = file.find("replications");
    let read = |cell: &String| {
        let row = file.of(name, cell).next();
        let row = row.ok_or_else(|| file.lacks(&format!("{} `{cell}`", manner.column)))?;
        let text = |column: &usize| plain(file.rows[row].get(*column).unwrap_or("")).to_string();
        let replications = match (counted, replications) {
            (None, Some(known)) => known,
            _ => file.number(row, file.column("replications")?)? as u64,
        };
        let value = |column: &Column| value(file, row, manner, column, replications);
        Ok(Row {
            name: cell.clone(),
            labels: labels.iter().map(text).collect(),
            replications,
            values: columns.iter().map(value).collect::<Result<_, _>>()?,
        })
    };
    let all: Vec<String>;
    let cells = match cells {
        Some(cells) => cells,
        None => {
            let names = file
                .rows
                .iter()
                .map(|row| plain(row.get(name).unwrap_or("")));
            all = names.map(String::from).collect();
            &all
        }
    };
    Ok(Table {
        manner,
        rows: cells.iter().map(read).collect::<Result<_, LoadError>>()?,
        columns,
        differences: Vec::new(),
    })
}

/// A value of a row, held to its domain.
fn value(
    file: &CsvFile,
    row: usize,
    manner: &Manner,
    column: &Column,
    n: u64,
) -> Result<Value, LoadError> {
    let [mean, low, high] = three(&column.name).map(|name| file.find(&name));
    let number = |column: Option<usize>| match column {
        Some(column) => file.signed(row, column),
        None => Ok(f64::NAN),
    };
    let estimate = Estimate {
        mean: number(mean)?,
        low: number(low)?,
        high: number(high)?,
        n,
        sd: f64::NAN,
    };
    for x in [estimate.mean, estimate.low, estimate.high] {
        file.hold(row, column, x)?;
    }
    let mut figures = [None; FIGURES.len()];
    if manner.figures {
        for (figure, part) in figures.iter_mut().zip(FIGURES) {
            let x = number(file.find(&format!("{}_{part}", column.name)))?;
            *figure = (!x.is_nan()).then_some(x);
        }
    }
    let [simulated, exact, z] = figures;
    Ok(Value {
        estimate,
        simulated,
        exact,
        z,
    })
}

/// What a directory says it holds.
///
/// # Errors
/// A scenario that is missing or cannot be meant.
pub fn overlay(directory: &Path) -> Result<Overlay, LoadError> {
    let path = directory.join("scenario.toml");
    let text = input::text(&path).map_err(|e| LoadError::File {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    let mut overlay = Overlay::default();
    overlay.file(&path.display().to_string(), &text)?;
    Ok(overlay)
}
