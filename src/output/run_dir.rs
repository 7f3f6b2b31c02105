//! The directory of a run: written beside its place, then moved there whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use herdsim_core::input;

/// The first words of every scenario file that herdsim writes; a directory
/// with such a file is one that herdsim may replace.
pub const MARK: &str = "# Written by herdsim";

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirError {
    #[error("`{0}` exists, and herdsim did not write it, or not all of it")]
    Foreign(PathBuf),
    #[error("cannot write `{path}`: {error}")]
    Io { path: PathBuf, error: io::Error },
}

/// A directory in the making. Dropped without [`RunDir::commit`], it leaves nothing; where
/// its process was killed, the next of the same place removes what it left.
pub struct RunDir {
    target: PathBuf,
    temporary: PathBuf,
    /// Held for as long as it is in the making.
    lock: Option<File>,
    committed: bool,
}

/// The file that says that somebody is at a directory in the making.
const LOCK: &str = ".lock";

impl RunDir {
    /// Makes room for `out/name`; where that is a link to a directory, for what it leads to.
    ///
    /// # Errors
    /// When something is there that herdsim did not write, or nothing can be.
    pub fn prepare(out: &Path, name: &str) -> Result<RunDir, DirError> {
        let named = out.join(name);
        let target = match fs::read_link(&named) {
            Ok(_) => fs::canonicalize(&named).map_err(|_| DirError::Foreign(named))?,
            Err(_) => named,
        };
        let out = parent(&target).to_path_buf();
        let run = RunDir::make(&out, &target, &format!(".{name}{PARTIAL}"))?;
        if fs::symlink_metadata(&run.target).is_ok() && !is_ours(&run.target) {
            return Err(DirError::Foreign(run.target.clone()));
        }
        Ok(run)
    }

    /// Makes room for files that are added to a directory, whatever is in it: within it, as it
    /// may be all that can be written.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn within(directory: &Path) -> Result<RunDir, DirError> {
        RunDir::make(directory, directory, &format!(".report{PARTIAL}"))
    }

    /// A directory in `out` that is to go to, or into, its target.
    fn make(out: &Path, target: &Path, prefix: &str) -> Result<RunDir, DirError> {
        let failed = |error| DirError::Io {
            path: target.to_path_buf(),
            error,
        };
        fs::create_dir_all(out).map_err(|error| DirError::Io {
            path: out.to_path_buf(),
            error,
        })?;
        clear(out, prefix, target);
        // Another machine may have a process of the same number.
        let mut number = format!("{prefix}{}", std::process::id());
        let temporary = loop {
            let temporary = out.join(&number);
            match fs::create_dir(&temporary) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && number.len() < 200 => {
                    number.push('0');
                }
                made => break made.map(|()| temporary).map_err(failed)?,
            }
        };
        let lock = File::create(temporary.join(LOCK)).map_err(failed)?;
        // Where a file system cannot lock, what is left is told by its age.
        let _ = lock.try_lock();
        Ok(RunDir {
            target: target.to_path_buf(),
            temporary,
            lock: Some(lock),
            committed: false,
        })
    }

    /// Where files are written until [`RunDir::commit`]: to be removed by
    /// whoever ends the process before.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Writes one file.
    pub fn write(
        &self,
        name: &str,
        contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), DirError> {
        // What is not known stands in the way of the next run of the same name.
        debug_assert!(is_known(name), "{name} is missing from FILES or CHARTS");
        let write = || {
            let mut file = io::BufWriter::new(File::create(self.temporary.join(name))?);
            contents(&mut file)?;
            file.into_inner()?.sync_all()
        };
        write().map_err(|error| DirError::Io {
            path: self.target.join(name),
            error,
        })
    }

    /// Moves the directory into its place, over an earlier run of the same name.
    pub fn commit(mut self) -> Result<PathBuf, DirError> {
        // The place may have changed hands while the run went on.
        if self.target.exists() && !is_ours(&self.target) {
            return Err(DirError::Foreign(self.target.clone()));
        }
        let mut old = self.temporary.clone().into_os_string();
        old.push(OLD);
        let old = PathBuf::from(old);
        self.lock = None;
        let swap = || {
            fs::remove_file(self.temporary.join(LOCK))?;
            let replaced = self.target.exists();
            if replaced {
                fs::rename(&self.target, &old)?;
            }
            if let Err(error) = fs::rename(&self.temporary, &self.target) {
                if replaced {
                    fs::rename(&old, &self.target)?;
                }
                return Err(error);
            }
            if replaced {
                // The new run is in its place; what is left of the old is only litter.
                let _ = fs::remove_dir_all(&old);
            }
            sync(parent(&self.target));
            Ok(())
        };
        swap().map_err(|error| DirError::Io {
            path: self.target.clone(),
            error,
        })?;
        self.committed = true;
        Ok(self.target.clone())
    }

    /// Moves its files into a directory that there is, over those of the same names.
    ///
    /// # Errors
    /// What cannot be moved.
    pub fn add(self) -> Result<PathBuf, DirError> {
        let add = || {
            for entry in fs::read_dir(&self.temporary)? {
                let entry = entry?;
                if entry.file_name() != LOCK {
                    fs::rename(entry.path(), self.target.join(entry.file_name()))?;
                }
            }
            sync(&self.target);
            Ok(())
        };
        add().map_err(|error| DirError::Io {
            path: self.target.clone(),
            error,
        })?;
        Ok(self.target.clone())
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        self.lock = None;
        if !self.committed {
            // Nothing more can be done about a failure here.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// What the name of a directory in the making goes on with.
const PARTIAL: &str = ".partial-";

/// What the name of an earlier run ends in while another takes its place.
const OLD: &str = "-old";

/// The directory that a path lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Sees to it that what was moved into a directory is on the disk, where that can be.
fn sync(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

/// Removes what killed processes left beside a place, and puts back an earlier run that one of
/// them had moved away. What cannot be removed is in nobody's way.
fn clear(out: &Path, prefix: &str, target: &Path) {
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else {
            continue;
        };
        let path = entry.path();
        let moved = rest.strip_suffix(OLD);
        let maker = match moved {
            None => path.clone(),
            Some(pid) => out.join(format!("{prefix}{pid}")),
        };
        if !rest
            .trim_end_matches(OLD)
            .bytes()
            .all(|b| b.is_ascii_digit())
            || is_made(&maker)
        {
            continue;
        }
        match moved {
            Some(_) if fs::symlink_metadata(target).is_err() => {
                let _ = fs::rename(&path, target);
            }
            _ => {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

/// Whether somebody is making a directory: its lock is held, or it has none yet.
fn is_made(path: &Path) -> bool {
    const YOUNG: Duration = Duration::from_secs(60);
    let age = |meta: fs::Metadata| meta.modified().ok()?.elapsed().ok();
    match File::open(path.join(LOCK)) {
        Ok(lock) => matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => fs::metadata(path)
            .ok()
            .and_then(age)
            .is_some_and(|age| age < YOUNG),
    }
}

/// Every file that a run writes, but for its charts.
const FILES: [&str; 28] = [
    "audit.json",
    "audit.md",
    "audit.sarif",
    "cells.log",
    "curves.csv",
    "edge.csv",
    "group-replications.csv",
    "group-timeseries.csv",
    "groups.csv",
    "host-load.csv",
    "hosts.csv",
    "lanes.csv",
    "latencies.csv",
    "majorities.csv",
    "measured.csv",
    "playground.html",
    "postmortem.md",
    "replications.csv",
    "report.html",
    "result.json",
    "scenario.toml",
    "staleness.csv",
    "summary.csv",
    "summary.parquet",
    "tier-replications.csv",
    "tiers.csv",
    "timeseries.csv",
    "waves.csv",
];

/// And of these, each as PNG and as SVG, and a trace with its table.
const CHARTS: [&str; 25] = [
    "amplification",
    "change",
    "curves",
    "distribution",
    "double-refund",
    "duplicates",
    "failover",
    "fresh",
    "groups",
    "hosts",
    "latency",
    "map",
    "outcomes",
    "price",
    "queue",
    "scoreboard",
    "shortest-crash",
    "solutions",
    "stale-writes",
    "staleness",
    "timeline",
    "timeline-before",
    "trace",
    "waves",
    "way-out",
];

/// Whether a run may have written a file; a report of several numbers their charts.
fn is_known(name: &str) -> bool {
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let name = name.strip_prefix('-').unwrap_or(name);
    let chart = name
        .rsplit_once('.')
        .filter(|(stem, _)| CHARTS.contains(stem));
    let unfinished = name
        .strip_prefix(".report")
        .is_some_and(|rest| rest.starts_with(PARTIAL));
    unfinished
        || FILES.contains(&name)
        || chart.is_some_and(|(_, end)| ["png", "svg", "csv"].contains(&end))
}

/// Whether a directory is empty, or holds a run of herdsim's and nothing else.
fn is_ours(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let names: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name())).collect();
    let Ok(names) = names else {
        return false;
    };
    let known = names.iter().all(|n| n.to_str().is_some_and(is_known));
    let marked =
        || input::text(&path.join("scenario.toml")).is_ok_and(|text| text.starts_with(MARK));
    names.is_empty() || known && marked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_taken_meanwhile_is_left_alone() -> Result<(), Box<dyn std::error::Error>> {
        let out = tempfile::tempdir()?;
        let run = RunDir::prepare(out.path(), "blip")?;
        run.write("summary.csv", |file| file.write_all(b"new"))?;
        // Somebody else puts a thesis there while the run goes on.
        let target = out.path().join("blip");
        fs::create_dir(&target)?;
        fs::write(target.join("thesis.tex"), "precious")?;
        assert!(matches!(run.commit(), Err(DirError::Foreign(_))));
        let left: Vec<_> = fs::read_dir(out.path())?.collect::<Result<_, _>>()?;
        assert_eq!(left.len(), 1, "the new run is gone with all it wrote");
        assert_eq!(fs::read_to_string(target.join("thesis.tex"))?, "precious");
        Ok(())
    }

    #[test]
    fn a_run_takes_the_place_of_an_earlier_one() -> Result<(), Box<dyn std::error::Error>> {
        let out = tempfile::tempdir()?;
        for text in ["first", "second"] {
            let run = RunDir::prepare(out.path(), "blip")?;
            run.write("scenario.toml", |file| write!(file, "{MARK}: {text}"))?;
            let target = run.commit()?;
            let written = fs::read_to_string(target.join("scenario.toml"))?;
            assert!(written.ends_with(text));
        }
        assert_eq!(fs::read_dir(out.path())?.count(), 1);
        Ok(())
    }
}
