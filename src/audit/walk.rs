//! Which files are read: as ripgrep walks, without what is vendored, generated or a test.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use herdsim_core::input::Bounded;
use herdsim_core::scenario::Problem;
use ignore::WalkBuilder;

use super::read::Format;
use super::settings::Settings;
use super::site::{NotRead, Seam};

/// What to audit, and what to make of it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Files and directories; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// What every file is taken for.
    pub format: Option<Format>,
    /// Sites of other seams are left out.
    pub only: Option<Seam>,
}

/// Larger files are no configuration, and no code that people write.
pub const LARGEST: u64 = 4_000_000;

#[derive(Clone, Debug)]
pub struct File {
    pub path: PathBuf,
    /// As it is named to people.
    pub shown: String,
    pub format: Format,
    /// What was read from standard input.
    pub text: Option<String>,
}

pub struct Walked {
    pub files: Vec<File>,
    pub not_read: Vec<NotRead>,
}

/// Directories of code that others have written, or a build has.
const VENDORED: &[&str] = &[
    "node_modules",
    "vendor",
    "third_party",
    "site-packages",
    "venv",
    "__pycache__",
    "target",
    "dist",
    "bower_components",
    "Pods",
];

/// Directories of what is not in production.
const TRIALS: &[&str] = &[
    "test",
    "tests",
    "__tests__",
    "testdata",
    "spec",
    "specs",
    "e2e",
    "fixtures",
    "mocks",
    "__mocks__",
    "examples",
    "example",
    "benchmarks",
    "testing",
    "loadtest",
    "load-test",
];

/// Languages that no reader here takes, by the ends of names.
const UNREAD: &[(&str, &str)] = &[
    ("cs", "C# (this build is without --features csharp)"),
    ("rb", "Ruby (this build is without --features ruby)"),
    ("rs", "Rust (this build is without --features rust)"),
    ("php", "PHP"),
    ("pl", "Perl"),
    ("scala", "Scala"),
    ("ex", "Elixir"),
    ("exs", "Elixir"),
    ("swift", "Swift"),
    ("cpp", "C++"),
    ("cc", "C++"),
    ("groovy", "Groovy"),
    ("clj", "Clojure"),
];

/// A directory that a package manager of Python has filled.
fn is_installed(path: &Path) -> bool {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".dist-info"))
}

fn trial(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    name.contains(".test.")
        || name.contains(".spec.")
        || name == "conftest.py"
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || name.ends_with("Test.java")
        || name.ends_with("Tests.java")
        || name.ends_with("IT.java")
        || name.ends_with("Test.kt")
        || name.ends_with("Tests.cs")
        || stem.starts_with("test_") && name.ends_with(".py")
}

fn generated(name: &str) -> bool {
    [
        ".pb.go",
        "_pb2.py",
        "_pb2_grpc.py",
        ".min.js",
        ".d.ts",
        "_pb.js",
        "_pb.ts",
        ".gen.go",
        "_generated.go",
        ".Designer.cs",
        ".g.cs",
        "ModelSnapshot.cs",
    ]
    .iter()
    .any(|end| name.ends_with(end))
        || name.starts_with("zz_generated")
        || matches!(
            name,
            "package-lock.json" | "pnpm-lock.yaml" | "composer.lock" | "npm-shrinkwrap.json"
        )
}

/// The files of a request.
///
/// # Errors
/// Where a path is not there, or cannot be read.
pub fn walk(request: &Request, settings: &Settings) -> Result<Walked, Problem> {
    let mut walked = Walked {
        files: Vec::new(),
        not_read: Vec::new(),
    };
    let mut apart: BTreeMap<&'static str, usize> = BTreeMap::new();
    for path in &request.paths {
        if path.as_os_str() == "-" {
            walked.files.push(standard_input(request.format)?);
            continue;
        }
        let meta = std::fs::metadata(path)
            .map_err(|e| Problem::new(format!("cannot read `{}`: {e}", path.display())))?;
        if meta.is_file() {
            let format = request.format.or_else(|| Format::of(path)).ok_or_else(|| {
                Problem::new(format!("no reader takes `{}`", path.display()))
                    .help("--as says what it is: yaml, json, properties, python, go …")
            })?;
            walked.files.push(File {
                path: path.clone(),
                shown: shown(path),
                format,
                text: None,
            });
            continue;
        }
        std::fs::read_dir(path)
            .map_err(|e| Problem::new(format!("cannot read `{}`: {e}", path.display())))?;
        directory(path, request, settings, &mut walked, &mut apart);
    }
    walked.files.sort_by(|a, b| a.shown.cmp(&b.shown));
    walked.files.dedup_by(|a, b| a.path == b.path);
    for (what, count) in apart {
        let reason = match what {
            "tests and examples" => {
                "tests and examples are left out; name their directory to read them".to_string()
            }
            language => format!("no reader for {language}"),
        };
        let files = if count == 1 { "file" } else { "files" };
        walked.not_read.push(NotRead {
            file: format!("{count} {files}"),
            line: None,
            reason,
        });
    }
    Ok(walked)
}

fn directory(
    root: &Path,
    request: &Request,
    settings: &Settings,
    walked: &mut Walked,
    apart: &mut BTreeMap<&'static str, usize>,
) {
    let top = root.to_path_buf();
    let excluded = settings.excluded(root);
    let walk = WalkBuilder::new(root)
        // Hidden files are for the filter: `.aws/config` and `.env` are policy files.
        .hidden(false)
        .follow_links(false)
        .require_git(false)
        .filter_entry(move |entry| {
            if entry.path() == top {
                return true;
            }
            let name = entry.file_name().to_string_lossy();
            let directory = entry.file_type().is_some_and(|t| t.is_dir());
            let hidden = name.starts_with('.') && name != ".aws" && !name.starts_with(".env");
            let vendored = directory && (VENDORED.contains(&&*name) || is_installed(entry.path()));
            !hidden && !vendored && !excluded.matched(entry.path(), directory).is_ignore()
        })
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                walked.not_read.push(NotRead {
                    file: shown(root),
                    line: None,
                    reason: error.to_string(),
                });
                continue;
            }
        };
        if !entry.file_type().is_some_and(|t| t.is_file()) {
            continue;
        }
        let path = entry.path();
        let name = entry.file_name().to_string_lossy();
        let Some(format) = request.format.or_else(|| Format::of(path)) else {
            let end = path.extension().and_then(|e| e.to_str()).unwrap_or("");
            if let Some((_, language)) = UNREAD.iter().find(|(known, _)| *known == end) {
                *apart.entry(language).or_default() += 1;
            }
            continue;
        };
        if generated(&name) {
            continue;
        }
        let below = path.strip_prefix(root).unwrap_or(path);
        let parts = below.parent().into_iter().flat_map(Path::components);
        let within = parts
            .into_iter()
            .any(|part| TRIALS.contains(&&*part.as_os_str().to_string_lossy().to_lowercase()));
        if within || trial(&name) {
            *apart.entry("tests and examples").or_default() += 1;
            continue;
        }
        walked.files.push(File {
            path: path.to_path_buf(),
            shown: shown(path),
            format,
            text: None,
        });
    }
}

fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./")
        .map_or_else(|| text.clone(), str::to_string)
}

fn standard_input(format: Option<Format>) -> Result<File, Problem> {
    let mut bytes = Vec::new();
    let mut input = Bounded::new(std::io::stdin().lock(), LARGEST);
    let read = input.read_to_end(&mut bytes);
    read.map_err(|e| Problem::new(format!("cannot read standard input: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Problem::new("standard input is no UTF-8"))?;
    // What `helm template` and `kubectl -o json` print.
    let guess = match text.trim_start().starts_with('{') {
        true => Format::Json,
        false => Format::Yaml,
    };
    let format = format.unwrap_or(guess);
    let end = format.end().unwrap_or("yaml");
    Ok(File {
        path: PathBuf::from(format!("-.{end}")),
        shown: "-".to_string(),
        format,
        text: Some(text),
    })
}
