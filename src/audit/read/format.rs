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
    Java,
    Kotlin,
    #[cfg(feature = "csharp")]
    Csharp,
    #[cfg(feature = "rust")]
    Rust,
    #[cfg(feature = "ruby")]
    Ruby,
    Terraform,
    Haproxy,
    /// nginx's configuration, and the Java driver's of Cassandra
    Conf,
    Cql,
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
            "java" => Some(Format::Java),
            "kt" | "kts" => Some(Format::Kotlin),
            #[cfg(feature = "csharp")]
            "cs" => Some(Format::Csharp),
            #[cfg(feature = "rust")]
            "rs" => Some(Format::Rust),
            #[cfg(feature = "ruby")]
            "rb" | "rake" => Some(Format::Ruby),
            "tf" => Some(Format::Terraform),
            "cfg" | "haproxy" => Some(Format::Haproxy),
            "conf" | "nginx" => Some(Format::Conf),
            "cql" => Some(Format::Cql),
            // Templates of charts: `deployment.yaml.tpl`, `values.yaml.gotmpl`, `config.yml.j2`
            "tpl" | "gotmpl" | "j2" | "tmpl" | "erb" | "template" => {
                Format::of(&path.with_extension(""))
            }
            _ => None,
        }
    }

    pub fn is_code(self) -> bool {
        self.end().is_some()
    }

    /// How files of a language's code end.
    pub fn end(self) -> Option<&'static str> {
        Some(match self {
            Format::Python => "py",
            Format::Javascript => "js",
            Format::Typescript => "ts",
            Format::Go => "go",
            Format::Java => "java",
            Format::Kotlin => "kt",
            #[cfg(feature = "csharp")]
            Format::Csharp => "cs",
            #[cfg(feature = "rust")]
            Format::Rust => "rs",
            #[cfg(feature = "ruby")]
            Format::Ruby => "rb",
            _ => return None,
        })
    }
}

/// What the readers of documents see of one.
pub struct Document<'a> {
    pub path: &'a Path,
    pub format: Format,
    pub at: At<'a>,
}
