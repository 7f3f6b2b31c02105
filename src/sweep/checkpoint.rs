//! The record of finished cells: appended, synced, a checksum a line.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use herdsim_core::input;

use crate::sweep::Rows;
use herdsim_words::results::fields;

/// The file of records within a directory.
pub const CELLS: &str = "cells.log";

/// What can be wrong with a record of cells.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    #[error("`{path}` was begun by {begun}, and this is {now}")]
    Other {
        path: PathBuf,
        begun: String,
        now: String,
    },
    #[error("another sweep of that name is running: it holds `{0}`")]
    Busy(PathBuf),
    #[error("`{0}` holds what no sweep wrote")]
    Foreign(PathBuf),
    #[error("the cells in `{0}` are not of the scenario beside them: one of them was edited")]
    Edited(PathBuf),
    #[error(
        "another version began `{path}`: its rows have {begun} columns, those of this one {now}"
    )]
    Columns {
        path: PathBuf,
        begun: usize,
        now: usize,
    },
    #[error("cannot use `{path}`: {error}")]
    Io { path: PathBuf, error: io::Error },
}

/// A directory with the scenario of a sweep and its cells finished so far.
pub struct Checkpoint {
    pub directory: PathBuf,
    /// Which cells are done.
    pub done: Vec<bool>,
    /// Lines that were found damaged: their cells are not done.
    pub damaged: usize,
    writer: Mutex<Option<Sender<(u64, Rows)>>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Checkpoint {
    /// Opens the checkpoint of a sweep of so many cells, whose rows have so many columns,
    /// or begins one.
    ///
    /// # Errors
    /// When another sweep is at it, when another scenario or version began it, or on I/O.
    pub fn open(
        directory: &Path,
        scenario: &str,
        cells: u64,
        columns: usize,
    ) -> Result<Checkpoint, CheckpointError> {
        let failed = |error| CheckpointError::Io {
            path: directory.to_path_buf(),
            error,
        };
        let path = directory.join(CELLS);
        // Whoever holds the record is alone with the rest.
        let file = loop {
            fs::create_dir_all(directory).map_err(failed)?;
            let opened = OpenOptions::new().create(true).append(true).open(&path);
            let file = match opened {
                // One that ended meanwhile took the directory with it.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed)?,
            };
            lock(&file, &path)?;
            if is_still(&file, &path) {
                break file;
            }
        };
        match input::text(&directory.join("scenario.toml")) {
            Ok(text) if text == scenario => {}
            Ok(text) => return Err(other(directory, &text, scenario)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // Cells come only after a scenario that is whole.
                let partial = directory.join("scenario.toml.partial");
                let write = || {
                    let mut file = File::create(&partial)?;
                    file.write_all(scenario.as_bytes())?;
                    file.sync_all()?;
                    fs::rename(&partial, directory.join("scenario.toml"))
                };
                write().map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        let mut done = vec![false; cells as usize];
        let (mut valid, mut damaged) = (0, 0);
        for line in Records::new(File::open(&path).map_err(failed)?) {
            let line = line.map_err(failed)?;
            valid = line.end;
            let Some(record) = line.record else {
                damaged += 1;
                continue;
            };
            if let Some(begun) = record.columns_other_than(columns) {
                let (path, now) = (path.clone(), columns);
                return Err(CheckpointError::Columns { path, begun, now });
            }
            if record.scenario != hash(scenario) {
                return Err(CheckpointError::Edited(path));
            }
            if let Some(done) = done.get_mut(record.index as usize) {
                *done = true;
            }
        }
        // A line torn by the end of an earlier process goes.
        file.set_len(valid).map_err(failed)?;
        let (sender, receiver) = channel();
        let scenario = hash(scenario);
        let thread = std::thread::spawn(move || write_records(file, scenario, &receiver));
        Ok(Checkpoint {
            directory: directory.to_path_buf(),
            done,
            damaged,
            writer: Mutex::new(Some(sender)),
            thread: Some(thread),
        })
    }

    /// Removes a checkpoint, if it is one and nobody is at it.
    pub fn discard(directory: &Path) -> Result<(), CheckpointError> {
        let failed = |error| CheckpointError::Io {
            path: directory.to_path_buf(),
            error,
        };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let ours = ["scenario.toml", "scenario.toml.partial", CELLS];
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            if !ours.iter().any(|own| name == *own) {
                return Err(CheckpointError::Foreign(directory.to_path_buf()));
            }
        }
        let path = directory.join(CELLS);
        if let Ok(file) = File::open(&path) {
            lock(&file, &path)?;
        }
        fs::remove_dir_all(directory).map_err(failed)
    }

    /// Hands a finished cell to the writer.
    pub fn record(&self, index: u64, rows: Rows) {
        let writer = self.writer.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(writer) = &*writer {
            // A writer that failed is asked about in `close`.
            let _ = writer.send((index, rows));
        }
    }

    /// Whether cells can still be written.
    pub fn is_writing(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Waits until everything is on disk.
    pub fn close(mut self) -> Result<PathBuf, CheckpointError> {
        self.writer.lock().unwrap_or_else(|e| e.into_inner()).take();
        let written = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(written)) => written,
            _ => Err(io::Error::other("the writer of cells ended early")),
        };
        match written {
            Ok(()) => Ok(self.directory.clone()),
            Err(error) => Err(CheckpointError::Io {
                path: self.directory.join(CELLS),
                error,
            }),
        }
    }
}

/// Holds a record for this process alone, until its file is closed.
fn lock(file: &File, path: &Path) -> Result<(), CheckpointError> {
    match file.try_lock() {
        // Some file systems cannot lock; one sweep at a time works there too.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(CheckpointError::Busy(path.to_path_buf())),
    }
}

/// Whether a path still leads to a file: it may have been removed while it was opened.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    let there = fs::metadata(path).ok();
    let both = file.metadata().ok().zip(there);
    both.is_some_and(|(a, b)| same(a, b))
}

#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Tells two scenarios apart by their first line that differs.
fn other(directory: &Path, begun: &str, now: &str) -> CheckpointError {
    let lines = begun.lines().zip(now.lines());
    let differing = lines.into_iter().find(|(a, b)| a != b);
    let (begun, now) = match differing {
        Some((a, b)) => (format!("a sweep with `{a}`"), format!("one with `{b}`")),
        None => (
            "a sweep of another length".to_string(),
            "another".to_string(),
        ),
    };
    CheckpointError::Other {
        path: directory.to_path_buf(),
        begun,
        now,
    }
}

/// Writes what comes, everything that waits at once, each time down to the disk.
fn write_records(mut file: File, scenario: u32, cells: &Receiver<(u64, Rows)>) -> io::Result<()> {
    let mut batch = String::new();
    while let Ok(first) = cells.recv() {
        batch.clear();
        for (index, rows) in std::iter::once(first).chain(cells.try_iter()) {
            batch += &line(scenario, index, &rows);
        }
        file.write_all(batch.as_bytes())?;
        file.sync_data()?;
    }
    Ok(())
}

/// What a record is known to belong to: its scenario as it is written.
pub fn hash(scenario: &str) -> u32 {
    crc32fast::hash(scenario.as_bytes())
}

/// A record: a checksum of the rest, the hash of its scenario, the cell, its rows.
pub fn line(scenario: u32, index: u64, rows: &[String]) -> String {
    let body = format!("{scenario:08x}\t{index}\t{}", rows.join("\t"));
    format!("{:08x}\t{body}\n", crc32fast::hash(body.as_bytes()))
}

/// One record read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The [`hash`] of the scenario that it is of.
    pub scenario: u32,
    pub index: u64,
    pub rows: Rows,
}

impl Record {
    /// Reads a record from its line.
    pub fn parse(line: &str) -> Option<Record> {
        let (sum, body) = line.strip_suffix('\n')?.split_once('\t')?;
        if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(body.as_bytes()) {
            return None;
        }
        let (scenario, rest) = body.split_once('\t')?;
        let (index, rows) = rest.split_once('\t')?;
        Some(Record {
            scenario: u32::from_str_radix(scenario, 16).ok()?,
            index: index.parse().ok()?,
            rows: rows.split('\t').map(String::from).collect(),
        })
    }

    /// How many columns a row of it has, if not so many.
    pub fn columns_other_than(&self, columns: usize) -> Option<usize> {
        let counts = self.rows.iter().map(|row| fields(row).len());
        counts.into_iter().find(|count| *count != columns)
    }
}

/// A line of a file of records.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Where it begins and ends in the file.
    pub start: u64,
    pub end: u64,
    /// Nothing where it is damaged.
    pub record: Option<Record>,
}

/// The lines of a file of records, but for a last one that is not whole.
pub struct Records {
    reader: BufReader<File>,
    at: u64,
}

/// Bytes of a record: a thousand policies with all their metrics make less.
const MOST_RECORD: u64 = 16_000_000;

impl Records {
    pub fn new(file: File) -> Records {
        Records {
            reader: BufReader::with_capacity(1 << 16, file),
            at: 0,
        }
    }
}

impl Iterator for Records {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        let mut bytes = Vec::new();
        let mut reader = (&mut self.reader).take(MOST_RECORD);
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Err(e) => Some(Err(e)),
            Ok(n) if n as u64 == MOST_RECORD => {
                let message = format!("what begins at byte {} is no record", self.at);
                Some(Err(io::Error::new(io::ErrorKind::InvalidData, message)))
            }
            Ok(_) if !bytes.ends_with(b"\n") => None,
            Ok(n) => {
                let start = self.at;
                self.at += n as u64;
                Some(Ok(Line {
                    start,
                    end: self.at,
                    record: std::str::from_utf8(&bytes).ok().and_then(Record::parse),
                }))
            }
        }
    }
}
