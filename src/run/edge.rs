//! What was found of the edge, written to its directory.

use herdsim_core::scenario::Job;

use crate::chart::{self, Chart, Charts};
use crate::output::run_dir::RunDir;
use crate::output::{edge as files, scenario_file};
use crate::report::{self, Part, Story};
use crate::run::{Pens, RunError, Written, write_charts, write_documents};
use herdsim_core::edge::Edge;
use herdsim_words::text_table::{aligned, piped, wrapped};
use herdsim_words::verdict::edge::{command, differences, sentences};
use herdsim_words::verdict::herd::setting_of;

/// A search that was written, and how it is told.
pub struct Told {
    pub text: String,
    pub markdown: String,
    pub json: String,
    pub csv: String,
    pub files: Written,
}

/// Writes the directory of a search.
///
/// # Errors
/// What cannot be written or drawn.
pub fn write(
    edge: &Edge,
    directory: RunDir,
    charts: bool,
    pens: Pens<'_>,
) -> Result<Told, RunError> {
    let said = sentences(edge);
    let scenario = scenario_file(&Job::Herd(edge.scenario.clone()));
    let scenario = scenario.replace("herdsim run scenario.toml", &command(edge));
    let (json, csv) = (files::json(edge, &said), files::table(edge));
    let texts = [
        ("scenario.toml", &scenario),
        ("edge.csv", &csv),
        ("result.json", &json),
    ];
    for (name, text) in texts {
        directory.write(name, |out| out.write_all(text.as_bytes()))?;
    }
    let mut names: Vec<String> = texts.iter().map(|(name, _)| name.to_string()).collect();
    let Charts { drawn, absent } = match charts {
        true => chart::edge(edge)?,
        false => Charts::default(),
    };
    let all: Vec<&Chart> = drawn.iter().collect();
    write_charts(&all, pens, &directory, &mut names)?;
    let story = Story {
        absent,
        ..report::edge::story(edge, &setting_of(&edge.scenario))
    };
    write_documents(&story, &[Part::of(drawn)], &directory, &mut names)?;
    let all: Vec<String> = said.iter().map(|s| wrapped(s)).collect();
    let mut text = all.join("\n");
    let tables = story.tables.iter().filter(|table| !table.rows.is_empty());
    for table in tables.clone() {
        text += &format!("\n{}", aligned(&table.headers, &table.rows));
    }
    for line in differences(edge) {
        text += &format!("\n{}", wrapped(&line));
    }
    Ok(Told {
        text,
        markdown: tables.fold(said.join("\n\n"), |text, table| {
            text + "\n\n" + &piped(&table.headers, &table.rows)
        }),
        json,
        csv,
        files: Written {
            directory: directory.commit()?,
            names,
        },
    })
}
