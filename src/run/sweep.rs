//! A sweep from its grid to its directory.

use std::path::{Path, PathBuf};

use herdsim_core::ensemble::cost::{Cost, Limits, TRIED};
use herdsim_core::scenario::sweep::Grid;
use herdsim_core::scenario::{Job, JobKind, Overlay, Problem};

use crate::chart::{self, Chart, Charts};
use crate::output::run_dir::RunDir;
use crate::output::{csv, json};
use crate::report::{self, Part, Story};
use crate::run::{Pens, RunError, Written, estimated, with_charts, write_charts, write_documents};
use crate::study;
use crate::sweep::assemble::{Assembly, Summary};
use crate::sweep::checkpoint::CELLS;
use crate::sweep::shard::Shard;
use herdsim_words::text_table::{aligned, piped, wrapped};
use herdsim_words::verdict::sweep::SweepResults;

/// An estimate of what cells of a grid take with their charts, a share of all there are, from a
/// sample where there are many; where it is held to no limits, as near as can be.
///
/// # Errors
/// A cell that cannot be meant.
pub fn cost(
    grid: &Grid,
    share: f64,
    threads: usize,
    charts: bool,
    limits: Option<&Limits>,
) -> Result<Cost, RunError> {
    let cells = grid.cells() as u64;
    estimated(limits, 2 * TRIED, |left| {
        // What is tried out is tried out in few, or there is too little for each.
        let sample = if *left > 0 { 64 } else { 500 };
        let step = cells.div_ceil(sample).max(1);
        let mut total = Cost::NOTHING;
        for index in (0..cells).step_by(step as usize) {
            let cost = study::of(&grid.job(index)?).cost(threads, left);
            total.events += cost.events * step as f64 * share;
            total.bytes = total.bytes.max(cost.bytes);
        }
        Ok(with_charts(total, charts, threads))
    })
}

/// Sees to it that all cells have the same columns, and that what is written down sweeps
/// again to the same cells: a preset, say, has become fields that a value of its own axis
/// no longer changes.
///
/// # Errors
/// At an axis that does so.
pub fn check_written(grid: &Grid, base: &Job, scenario: &str) -> Result<(), RunError> {
    let columns = study::of(base).columns();
    let mut overlay = Overlay::default();
    overlay.file("scenario.toml", scenario)?;
    let again = Grid::from_overlay(overlay, JobKind::Herd, &[]);
    for (axis, place) in grid.corners() {
        let job = grid.at(&place);
        if job.is_ok_and(|job| study::of(&job).columns() != columns) {
            let problem = Problem::new(format!(
                "the axis `{}` changes which metrics a cell has: its rows would not be of one table",
                grid.axes[axis].name()
            ));
            return Err(problem.at(grid.axes[axis].place()).into());
        }
        let same = again
            .as_ref()
            .is_ok_and(|again| again.at(&place).ok() == grid.at(&place).ok());
        if !same {
            let problem = Problem::new(format!(
                "the axis `{}` changes what other fields stand for",
                grid.axes[axis].name()
            ));
            return Err(problem
                .at(grid.axes[axis].place())
                .help("vary the fields themselves: ttl and renew, say, in place of a preset")
                .into());
        }
    }
    Ok(())
}

/// A complete sweep, or shard, about to be written.
pub struct Whole<'w> {
    pub grid: &'w Grid,
    pub base: &'w Job,
    pub scenario: &'w str,
    pub shard: Shard,
    pub name: &'w str,
    pub out: &'w Path,
    pub charts: bool,
    pub parquet: bool,
}

impl Whole<'_> {
    /// `summary.parquet` beside `summary.csv`.
    #[cfg(feature = "parquet")]
    fn write_parquet(&self, directory: &Path) -> Result<(), RunError> {
        let (csv, parquet) = (
            directory.join("summary.csv"),
            directory.join("summary.parquet"),
        );
        crate::output::parquet::of_summary(&csv, &parquet)
            .map_err(|e| RunError::Parquet(e.to_string()))
    }

    #[cfg(not(feature = "parquet"))]
    fn write_parquet(&self, _: &Path) -> Result<(), RunError> {
        Err(RunError::NoParquet)
    }

    /// Writes the directory of results from the records in some others.
    ///
    /// # Errors
    /// Records that are no whole, what cannot be written or drawn, or a stop before all is.
    pub fn write(&self, records: &[PathBuf], pens: Pens<'_>) -> Result<Swept, RunError> {
        let cells = self.grid.cells() as u64;
        let kind = study::of(self.base);
        let (manner, columns) = (kind.manner(), kind.columns());
        let header = csv::header(manner, &columns);
        let mut assembly = Assembly::of(records, (self.scenario, cells), self.shard, header.len())?;
        let directory = RunDir::prepare(self.out, self.name)?;
        directory.write("scenario.toml", |out| {
            out.write_all(self.scenario.as_bytes())
        })?;
        let of = (self.grid, self.base);
        let mut results = SweepResults::new(of, manner, &columns, &header, study::pressure);
        let mut failed = None;
        directory.write(CELLS, |log| {
            directory
                .write("summary.csv", |out| {
                    let mut summary = Summary::begin(self.grid, &header, out)?;
                    let each = assembly.each(|index, record, rows| {
                        if pens.is_stopped() {
                            return Err(std::io::ErrorKind::Interrupted.into());
                        }
                        log.write_all(record.as_bytes())?;
                        results.cell(index, &rows);
                        summary.cell(index, &rows)
                    });
                    failed = each.err();
                    Ok(())
                })
                .map_err(std::io::Error::other)
        })?;
        if pens.is_stopped() {
            return Err(RunError::Stopped);
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        if self.parquet {
            self.write_parquet(directory.temporary())?;
        }
        let json = json::sweep(&results);
        directory.write("result.json", |out| out.write_all(json.as_bytes()))?;
        let mut names: Vec<String> = ["scenario.toml", CELLS, "summary.csv", "result.json"]
            .map(String::from)
            .to_vec();
        if self.parquet {
            names.push("summary.parquet".to_string());
        }
        let whole = self.shard == Shard::WHOLE;
        let charts = match self.charts && whole {
            true => chart::sweep(&results)?,
            false => Charts::default(),
        };
        let Charts { drawn, absent } = charts;
        let charts: Vec<&Chart> = drawn.iter().collect();
        write_charts(&charts, pens, &directory, &mut names)?;
        if whole {
            let story = Story {
                absent: absent.clone(),
                ..report::sweep::story(&results, self.scenario)
            };
            write_documents(&story, &[Part::of(drawn)], &directory, &mut names)?;
        }
        if pens.is_stopped() {
            return Err(RunError::Stopped);
        }
        let (headers, rows) = match self.grid.axes.len() {
            1 => results.listed(),
            _ => (results.headers(), results.rows()),
        };
        Ok(Swept {
            text: format!(
                "{}\n{}{}",
                wrapped(&results.verdict()),
                aligned(&headers, &rows),
                results
                    .meaning()
                    .map_or_else(String::new, |text| format!("\n{text}\n"))
            ),
            markdown: format!("{}\n\n{}", results.verdict(), piped(&headers, &rows)),
            json,
            absent,
            replications: results.replications,
            written: Written {
                directory: directory.commit()?,
                names,
            },
        })
    }
}

/// A sweep that was written, and how it is told.
pub struct Swept {
    pub text: String,
    pub markdown: String,
    pub json: String,
    /// Charts that would have nothing on them, and why.
    pub absent: Vec<String>,
    /// The fewest and the most replications of a cell.
    pub replications: Option<(u64, u64)>,
    pub written: Written,
}
