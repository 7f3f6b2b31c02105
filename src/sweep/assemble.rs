//! From records in any order to the files of a sweep.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::PathBuf;

use crate::output::csv::field;
use crate::sweep::Rows;
use crate::sweep::checkpoint::{CELLS, Line, Record, Records, hash};
use crate::sweep::shard::Shard;
use herdsim_core::scenario::sweep::Grid;

/// What keeps records from being a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    #[error("{} of {} cells are missing, cell {} for one{}", .missing, .of, .first, because(*.damaged))]
    Missing {
        missing: u64,
        of: u64,
        first: u64,
        /// Lines that cannot be read.
        damaged: usize,
    },
    #[error("the cells in `{0}` are not of the scenario beside them: one of them was edited")]
    Edited(PathBuf),
    #[error("cell {cell} is in `{first}` and in `{second}`")]
    Overlap {
        cell: u64,
        first: PathBuf,
        second: PathBuf,
    },
    #[error("`{path}` has cell {cell}, and the grid ends before it")]
    Foreign { path: PathBuf, cell: u64 },
    #[error("another version wrote `{path}`: its rows have {wrote} columns, not {now}")]
    Columns {
        path: PathBuf,
        wrote: usize,
        now: usize,
    },
    #[error("cannot read `{path}`: {error}")]
    Io { path: PathBuf, error: io::Error },
}

/// What damaged lines have to do with it.
fn because(damaged: usize) -> String {
    match damaged {
        0 => String::new(),
        1 => ", and a line of the records is damaged".to_string(),
        n => format!(", and {n} lines of the records are damaged"),
    }
}

/// A file of records, read mostly forwards.
struct Source {
    path: PathBuf,
    reader: BufReader<File>,
    /// Where the reader stands.
    at: u64,
}

impl Source {
    fn read(&mut self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        // Stays in the buffer where it can.
        self.reader.seek_relative(start as i64 - self.at as i64)?;
        self.reader.read_exact(bytes)?;
        self.at = start + bytes.len() as u64;
        Ok(())
    }
}

/// Where every cell of a grid is recorded.
pub struct Assembly {
    sources: Vec<Source>,
    /// Per cell its source, and where its record begins and ends there.
    places: Vec<Option<(u32, u64, u32)>>,
}

impl Assembly {
    /// Finds the cells of a shard of the grid of a scenario in the records of some
    /// directories; their rows have so many columns.
    ///
    /// # Errors
    /// When cells are missing, recorded twice in different directories, not of this
    /// grid, or of another scenario or version.
    pub fn of(
        directories: &[PathBuf],
        (scenario, cells): (&str, u64),
        shard: Shard,
        columns: usize,
    ) -> Result<Assembly, AssembleError> {
        let mut sources = Vec::new();
        let mut damaged = 0;
        let mut places: Vec<Option<(u32, u64, u32)>> = vec![None; cells as usize];
        for (i, directory) in directories.iter().enumerate() {
            let path = directory.join(CELLS);
            let failed = |error| AssembleError::Io {
                path: path.clone(),
                error,
            };
            let file = File::open(&path).map_err(failed)?;
            for line in Records::new(file.try_clone().map_err(failed)?) {
                let Line { start, end, record } = line.map_err(failed)?;
                let Some(record) = record else {
                    damaged += 1;
                    continue;
                };
                if let Some(wrote) = record.columns_other_than(columns) {
                    let (path, now) = (path.clone(), columns);
                    return Err(AssembleError::Columns { path, wrote, now });
                }
                if record.scenario != hash(scenario) {
                    return Err(AssembleError::Edited(path));
                }
                let Some(place) = places.get_mut(record.index as usize) else {
                    return Err(AssembleError::Foreign {
                        path: path.clone(),
                        cell: record.index,
                    });
                };
                match place {
                    // The same cell twice in one record is the same twice.
                    Some((source, ..)) if *source as usize != i => {
                        return Err(AssembleError::Overlap {
                            cell: record.index,
                            first: directories[*source as usize].clone(),
                            second: directory.clone(),
                        });
                    }
                    _ => {
                        *place = Some((i as u32, start, (end - start) as u32));
                    }
                }
            }
            let mut reader = BufReader::with_capacity(1 << 18, file);
            reader.rewind().map_err(failed)?;
            sources.push(Source {
                path,
                reader,
                at: 0,
            });
        }
        let owned = (0..cells).filter(|i| shard.owns(*i));
        let missing: Vec<u64> = owned.filter(|i| places[*i as usize].is_none()).collect();
        if let Some(first) = missing.first() {
            return Err(AssembleError::Missing {
                missing: missing.len() as u64,
                of: cells,
                first: *first,
                damaged,
            });
        }
        Ok(Assembly { sources, places })
    }

    /// Gives every recorded cell, in order: its number, its record, its rows.
    pub fn each(
        &mut self,
        mut visit: impl FnMut(u64, &str, Rows) -> io::Result<()>,
    ) -> Result<(), AssembleError> {
        let mut bytes = Vec::new();
        for (index, place) in self.places.iter().enumerate() {
            let Some((source, start, length)) = *place else {
                continue;
            };
            let source = &mut self.sources[source as usize];
            bytes.resize(length as usize, 0);
            let read = source
                .read(start, &mut bytes)
                .and_then(|()| {
                    let text = std::str::from_utf8(&bytes).ok();
                    let record = text.and_then(|text| Some((text, Record::parse(text)?.rows)));
                    record.ok_or_else(|| io::Error::other("it changed while it was read"))
                })
                .and_then(|(text, rows)| visit(index as u64, text, rows));
            read.map_err(|error| AssembleError::Io {
                path: source.path.clone(),
                error,
            })?;
        }
        Ok(())
    }
}

/// `summary.csv` in long form: a row a cell and policy (guard, key mode), its
/// number and its place on the axes first.
pub struct Summary<'g, W> {
    grid: &'g Grid,
    out: W,
}

impl<'g, W: Write> Summary<'g, W> {
    pub fn begin(grid: &'g Grid, header: &[String], mut out: W) -> io::Result<Summary<'g, W>> {
        let axes = grid.columns().into_iter().map(field);
        let lead = std::iter::once("cell".to_string()).chain(axes);
        let columns: Vec<String> = lead.chain(header.iter().cloned()).collect();
        writeln!(out, "{}", columns.join(","))?;
        Ok(Summary { grid, out })
    }

    pub fn cell(&mut self, index: u64, rows: &[String]) -> io::Result<()> {
        let values: Vec<String> = self.grid.values(index).iter().map(|v| field(v)).collect();
        for row in rows {
            write!(self.out, "{index}")?;
            for value in &values {
                write!(self.out, ",{value}")?;
            }
            writeln!(self.out, ",{row}")?;
        }
        Ok(())
    }
}
