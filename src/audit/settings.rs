//! `.herdsim.toml`: what is left out, and the situation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herdsim_core::input;
use herdsim_core::scenario::{Job, JobKind, Node, Overlay, Problem, Section, Source, Table};
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
    /// The same of single services, by their names.
    pub situations: BTreeMap<String, String>,
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
        let text = input::text(file)
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
        let situation = top.node("situation");
        let situation = situation.map(|node| self::situation(&source, node));
        let situation = situation.transpose()?;
        let mut situations = BTreeMap::new();
        if let Some(node) = top.node("situations") {
            for entry in &node.table()?.entries {
                let text = self::situation(&source, &entry.node)?;
                situations.insert(entry.key.clone(), text);
            }
        }
        top.finish()?;
        Ok(Settings {
            file: Some(file.to_path_buf()),
            exclude,
            situation,
            situations,
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

/// A situation as text, which has to be a scenario.
fn situation(source: &Source, node: &Node) -> Result<String, Problem> {
    let entries = node.table()?.entries.iter();
    let text: String = entries
        .map(|e| format!("{} = {}\n", e.key, e.node.to_toml()))
        .collect();
    let mut overlay = Overlay::default();
    overlay
        .file(&source.name, &text)
        .and_then(|()| Job::from_overlay(&overlay, JobKind::Herd))
        .map_err(|problem| {
            Problem::new(format!("[situation] is no scenario: {problem}"))
                .at(Some(node.place.clone()))
        })?;
    Ok(text)
}
