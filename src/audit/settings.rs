//! `.herdsim.toml`: what is left out, and the situation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use herdsim_core::scenario::{Job, JobKind, Overlay, Problem, Section, Source, Table};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// What a project says of how it wants to be audited.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The file that it was read from.
    pub file: Option<PathBuf>,
    /// Paths that are left out, as in a .gitignore.
    exclude: Vec<String>,
    /// A herd scenario, without its policies: load, service, faults.
    pub situation: Option<String>,
}

/// The file's name.
pub const NAME: &str = ".herdsim.toml";

impl Settings {
    /// The settings in the first directory of the paths that has some, or in one above it.
    ///
    /// # Errors
    /// Where the file cannot be read, or says what nobody knows.
    pub fn near(paths: &[PathBuf]) -> Result<Settings, Problem> {
        for path in paths {
            let full = path.canonicalize().unwrap_or_else(|_| path.clone());
            for directory in full.ancestors().filter(|p| p.is_dir()) {
                let file = directory.join(NAME);
                if file.is_file() {
                    return Settings::read(&file);
                }
                // A repository ends there.
                if directory.join(".git").exists() {
                    break;
                }
            }
        }
        Ok(Settings::default())
    }

    fn read(file: &Path) -> Result<Settings, Problem> {
        let text = std::fs::read_to_string(file)
            .map_err(|e| Problem::new(format!("cannot read `{}`: {e}", file.display())))?;
        let source = Arc::new(Source::new(file.display().to_string(), text));
        let table = Table::parse(&source)?;
        let mut top = Section::new(&table);
        let exclude = match top.node("exclude") {
            None => Vec::new(),
            Some(node) => {
                let all = node.list()?;
                all.iter()
                    .map(|item| item.text().map(str::to_string))
                    .collect::<Result<_, _>>()?
            }
        };
        let situation = match top.node("situation") {
            None => None,
            Some(node) => {
                let text: String = node
                    .table()?
                    .entries
                    .iter()
                    .map(|e| format!("{} = {}\n", e.key, e.node.to_toml()))
                    .collect();
                // It has to be a scenario.
                let mut overlay = Overlay::default();
                overlay
                    .file(&source.name, &text)
                    .and_then(|()| Job::from_overlay(&overlay, JobKind::Herd))
                    .map_err(|problem| {
                        Problem::new(format!("[situation] is no scenario: {problem}"))
                            .at(Some(node.place.clone()))
                    })?;
                Some(text)
            }
        };
        top.finish()?;
        Ok(Settings {
            file: Some(file.to_path_buf()),
            exclude,
            situation,
        })
    }

    /// What is left out below a directory.
    pub fn excluded(&self, root: &Path) -> Gitignore {
        let mut builder = GitignoreBuilder::new(root);
        for pattern in &self.exclude {
            // A pattern that is none leaves nothing out.
            builder.add_line(None, pattern).ok();
        }
        builder.build().unwrap_or_else(|_| Gitignore::empty())
    }
}
