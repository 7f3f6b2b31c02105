//! The directory of a run: written beside its place, then moved there whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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

/// A directory in the making. Dropped without [`RunDir::commit`], it leaves nothing.
pub struct RunDir {
    target: PathBuf,
    temporary: PathBuf,
    committed: bool,
}

impl RunDir {
    /// Makes room for `out/name`.
    ///
    /// # Errors
    /// When something is there that herdsim did not write, or nothing can be.
    pub fn prepare(out: &Path, name: &str) -> Result<RunDir, DirError> {
        let target = out.join(name);
        if fs::symlink_metadata(&target).is_ok() && !is_ours(&target) {
            return Err(DirError::Foreign(target));
        }
        let temporary = out.join(format!(".{name}.partial-{}", std::process::id()));
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |error| DirError::Io { path, error }
        };
        fs::create_dir_all(out).map_err(failed(out))?;
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(failed(&temporary))?;
        }
        fs::create_dir(&temporary).map_err(failed(&target))?;
        Ok(RunDir {
            target,
            temporary,
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
            let mut file = io::BufWriter::new(fs::File::create(self.temporary.join(name))?);
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
        old.push("-old");
        let old = PathBuf::from(old);
        let swap = || {
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
            Ok(())
        };
        swap().map_err(|error| DirError::Io {
            path: self.target.clone(),
            error,
        })?;
        self.committed = true;
        Ok(self.target.clone())
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done about a failure here.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// Every file that a run writes, but for its charts.
const FILES: [&str; 27] = [
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

/// Whether a run may have written a file.
fn is_known(name: &str) -> bool {
    let chart = name
        .rsplit_once('.')
        .filter(|(stem, _)| CHARTS.contains(stem));
    FILES.contains(&name) || chart.is_some_and(|(_, end)| ["png", "svg", "csv"].contains(&end))
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
