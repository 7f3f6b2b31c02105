//! How files are written, and a document as readers see it.

use std::path::Path;

use super::tree::At;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Yaml,
    Json,
    Toml,
    Properties,
    /// AWS's shared configuration
    Ini,
    /// NAME=value, one a line
    Env,
    Python,
    Javascript,
    Typescript,
    Go,
}

impl Format {
    /// By the name of a file; none where no reader takes it.
    pub fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?;
        let parent = path
            .parent()
            .and_then(Path::file_name)
            .and_then(|n| n.to_str());
        if parent == Some(".aws") && matches!(name, "config" | "credentials") {
            return Some(Format::Ini);
        }
        if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") {
            return Some(Format::Env);
        }
        match path.extension()?.to_str()? {
            "yaml" | "yml" => Some(Format::Yaml),
            "json" | "jsonc" => Some(Format::Json),
            "toml" => Some(Format::Toml),
            "properties" => Some(Format::Properties),
            "py" | "pyi" => Some(Format::Python),
            "js" | "mjs" | "cjs" | "jsx" => Some(Format::Javascript),
            "ts" | "mts" | "cts" | "tsx" => Some(Format::Typescript),
            "go" => Some(Format::Go),
            // Templates of charts: `deployment.yaml.tpl`, `values.yaml.gotmpl`, `config.yml.j2`
            "tpl" | "gotmpl" | "j2" | "tmpl" | "erb" => Format::of(&path.with_extension("")),
            _ => None,
        }
    }

    pub fn is_code(self) -> bool {
        matches!(
            self,
            Format::Python | Format::Javascript | Format::Typescript | Format::Go
        )
    }
}

/// What the readers of documents see of one.
pub struct Document<'a> {
    pub path: &'a Path,
    pub format: Format,
    pub at: At<'a>,
}
