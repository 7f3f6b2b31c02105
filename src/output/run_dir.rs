//! The directory of a run: written beside its place, then moved there whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The first words of every scenario file that herdsim writes; a directory
/// with such a file is one that herdsim may replace.
pub const MARK: &str = "# Written by herdsim";

#[derive(Debug, thiserror::Error)]
pub enum DirError {
    #[error("`{0}` exists, and herdsim did not write it")]
    Foreign(PathBuf),
    #[error("cannot write {path}: {error}")]
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

    /// Writes one file.
    pub fn write(
        &self,
        name: &str,
        contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), DirError> {
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
        let old = self.temporary.with_extension("old");
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
                fs::remove_dir_all(&old)?;
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

/// Whether a directory is empty or holds a run of herdsim's.
fn is_ours(path: &Path) -> bool {
    let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    empty || fs::read_to_string(path.join("scenario.toml")).is_ok_and(|t| t.starts_with(MARK))
}
