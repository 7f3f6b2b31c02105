//! `herdsim playground`: the page that runs a scenario in a browser.

use std::path::{Path, PathBuf};

use clap::Args;
use herdsim_core::scenario::{Job, JobKind, Overlay, Problem};

use crate::cli::run::note;
use crate::output::scenario_file;
use crate::playground::{self, MARK};
use crate::run::{self, RunError};

#[derive(Args, Debug)]
pub struct PlaygroundOptions {
    /// The scenario that it begins with, in TOML; the default one without
    scenario: Option<PathBuf>,
    /// Where the page goes
    #[arg(long, value_name = "FILE", default_value = "playground.html")]
    out: PathBuf,
}

/// Writes the page and returns the exit status.
pub fn write(options: &PlaygroundOptions) -> Result<u8, RunError> {
    let text = options.scenario.as_deref().map(scenario).transpose()?;
    let page = playground::page(text.as_deref()).ok_or(RunError::NoPlayground)?;
    let path = &options.out;
    let unwritable = |e: std::io::Error| RunError::Unwritable {
        path: path.clone(),
        reason: e.to_string(),
    };
    if path.exists() && !is_ours(path) {
        let problem = Problem::new(format!(
            "`{}` exists, and is no page that herdsim wrote",
            path.display()
        ));
        return Err(problem.help("choose another with --out").into());
    }
    std::fs::write(path, page).map_err(unwritable)?;
    note(&format!("wrote {}: open it in a browser", path.display()));
    Ok(0)
}

/// Whether a file is such a page.
fn is_ours(path: &Path) -> bool {
    let text = herdsim_core::input::text(path);
    text.is_ok_and(|text| text.lines().take(20).any(|line| line.starts_with(MARK)))
}

/// The text of a scenario that a page can run: as it was written, or with all that it takes
/// from other files in it.
fn scenario(path: &Path) -> Result<String, RunError> {
    let text = run::read(path)?;
    let mut overlay = Overlay::default();
    overlay.file(&path.display().to_string(), &text)?;
    if overlay.has_sweep() {
        let problem = Problem::new("a page runs one scenario, and this is a grid of them");
        return Err(problem.help("leave its [sweep] out").into());
    }
    let job = Job::from_overlay(&overlay, JobKind::Herd)?;
    if !matches!(job.kind(), JobKind::Herd | JobKind::Quorum) {
        let problem = format!(
            "a page runs herds and quorums, and this is a {}",
            job.kind().name()
        );
        return Err(Problem::new(problem).into());
    }
    // Where there is nothing beside it, it is whole or it cannot be read.
    let mut alone = Overlay::default();
    alone.file("/dev/null/nowhere/scenario.toml", &text)?;
    Ok(match Job::from_overlay(&alone, JobKind::Herd) {
        Ok(same) if same == job => text,
        _ => scenario_file(&job),
    })
}
