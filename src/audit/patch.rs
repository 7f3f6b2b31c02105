//! Changes as a unified diff, and written to their files.

use std::path::{Path, PathBuf};

use herdsim_core::input;
use herdsim_core::scenario::Problem;
use similar::{DiffTag, TextDiff};

use super::files::{Drafts, Files};
use super::inspect::Audit;

/// A diff of some texts against the files, as `git apply` takes it: paths from the root of the
/// work tree that holds a file, or else as they are shown.
pub fn diff(files: &Files, texts: &Drafts) -> String {
    let mut out = String::new();
    for (shown, text) in texts {
        let Some(old) = original(files, shown) else {
            continue;
        };
        let name = rooted(
            &files
                .file(shown)
                .map_or_else(PathBuf::new, |f| f.path.clone()),
            shown,
        );
        let diff = TextDiff::from_lines(old.as_str(), text.as_str());
        let body = diff
            .unified_diff()
            .context_radius(3)
            .header(&format!("a/{name}"), &format!("b/{name}"))
            .to_string();
        out.push_str(&body);
    }
    out
}

/// What a text replaces of a file: lines from so many on, from 1, how many, and by what.
pub fn replacements(files: &Files, shown: &str, text: &str) -> Vec<(usize, usize, String)> {
    let Some(old) = original(files, shown) else {
        return Vec::new();
    };
    let diff = TextDiff::from_lines(old.as_str(), text);
    let new: Vec<&str> = diff.new_slices().to_vec();
    let ops = diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal);
    ops.map(|op| {
        let old = op.old_range();
        (old.start + 1, old.len(), new[op.new_range()].concat())
    })
    .collect()
}

/// The text that a file had when it was read.
fn original(files: &Files, shown: &str) -> Option<String> {
    let file = files.file(shown)?;
    input::text(&file.path).ok()
}

/// A path from the root of its work tree.
fn rooted(path: &Path, shown: &str) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let root = full
        .ancestors()
        .skip(1)
        .find(|dir| dir.join(".git").exists());
    match root.and_then(|root| full.strip_prefix(root).ok()) {
        Some(below) => below.to_string_lossy().replace('\\', "/"),
        None => shown.trim_start_matches('/').to_string(),
    }
}

/// Writes texts to their files, none of which may have changed since they were read.
///
/// # Errors
/// A file that has changed, or cannot be written: nothing is written then.
pub fn write(audit: &Audit, texts: &Drafts) -> Result<(), Problem> {
    let read = |shown: &str| {
        let mut sources = audit.system.sites.iter().map(|site| &site.place.source);
        sources.find(|source| source.name == shown)
    };
    for shown in texts.keys() {
        let now = original(&audit.files, shown);
        let before = read(shown).map(|source| &source.text);
        if before.is_some_and(|before| now.as_ref() != Some(before)) {
            let problem = Problem::new(format!("`{shown}` has changed since it was read"));
            return Err(problem.help("audit it again"));
        }
        let path = audit.files.file(shown).map(|file| &file.path);
        let meta = path.and_then(|path| std::fs::metadata(path).ok());
        if meta.is_none_or(|meta| meta.permissions().readonly()) {
            return Err(Problem::new(format!(
                "cannot write `{shown}`: it is read-only"
            )));
        }
    }
    for (shown, text) in texts {
        if let Some(file) = audit.files.file(shown) {
            let failed = |e: std::io::Error| Problem::new(format!("cannot write `{shown}`: {e}"));
            std::fs::write(&file.path, text).map_err(failed)?;
        }
    }
    Ok(())
}
