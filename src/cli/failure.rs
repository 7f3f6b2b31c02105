//! How what went wrong is shown.

use std::io::{IsTerminal, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use herdsim_core::scenario::Problem;

use crate::run::RunError;

/// Whether to use colours on standard error.
fn coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Shows a failure on standard error, its place underlined.
pub fn show(failure: &RunError) {
    let renderer = match coloured() {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let message = brief(&failure.to_string());
    let help = failure.help().map(|help| brief(&help));
    let mut report = Group::with_title(Level::ERROR.primary_title(message.as_str()));
    if let RunError::Input(Problem {
        place: Some(place), ..
    }) = failure
    {
        let source = &place.source;
        let start = place.span.start.min(source.text.len());
        let end = place.span.end.clamp(start, source.text.len());
        report = report.element(
            Snippet::source(source.text.as_str())
                .path(source.name.as_str())
                .annotation(AnnotationKind::Primary.span(start..end)),
        );
    }
    if let Some(help) = &help {
        report = report.element(Level::HELP.message(help.as_str()));
    }
    // Unless it is closed.
    let _ = writeln!(std::io::stderr(), "{}", renderer.render(&[report]));
}

/// What somebody reads of a message, which may quote a name of any length.
fn brief(message: &str) -> String {
    const LONGEST: usize = 2_000;
    match message.char_indices().nth(LONGEST) {
        None => message.to_string(),
        Some((end, _)) => format!("{} …", &message[..end]),
    }
}
