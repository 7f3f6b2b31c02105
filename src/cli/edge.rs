//! `herdsim edge`: how far from the edge, and what is the way out.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use herdsim_core::ensemble::Workers;
use herdsim_core::scenario::{Job, Node, Problem, Scenario};
use herdsim_core::value::suggest;

use crate::cli::herd::Options;
use crate::cli::options::{Common, Format};
use crate::cli::progress::Told;
use crate::cli::run::{afford, note, print, stop_on_interrupt};
use crate::output::run_dir::RunDir;
use crate::run::edge::write;
use crate::run::{INTERRUPTED, Pens, RunError};
use herdsim_core::edge::field::Field;
use herdsim_core::edge::{self, Asked, Sought, Watch};
use herdsim_words::verdict::edge::so_far;

#[derive(Args, Debug)]
pub struct EdgeOptions {
    /// The scenario, in TOML; the default one unless said otherwise
    scenario: Option<PathBuf>,
    /// What to look for: theory, crash, stall, errors, surge, load, reject, pause, scale; or the
    /// range of a setting, such as service.queue=100..10_000, in which the faults are survived.
    /// Repeat, or give a comma list. By default theory, alone, load, reject, pause, scale, and the
    /// kind of fault that the scenario has, or crash
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "Search"
    )]
    find: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// What `--find` asks for, in its order of searching.
fn sought(words: &[String]) -> Result<(Vec<Sought>, Vec<Field>), Problem> {
    let (mut all, mut fields) = (Vec::new(), Vec::new());
    for word in words.iter().map(|word| word.trim()) {
        let known = Sought::ALL.iter().find(|sought| sought.name() == word);
        match known {
            Some(sought) => all.push(*sought),
            None if word.contains('=') => fields.push(Field::read(word)?),
            None => {
                let names = Sought::ALL.map(Sought::name);
                let place = Node::from_flag("--find", word).place;
                let problem = Problem::new(format!("nothing called `{word}` can be found"));
                return Err(problem.at(Some(place)).help(suggest(word, &names)));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok((all, fields))
}

/// Options that make no sense of a search.
fn idle(common: &Common) -> Option<&'static str> {
    let given = [
        ("--vary", !common.vary.is_empty()),
        ("--shard", common.shard.is_some()),
        ("--dry-run", common.dry_run),
        ("--parquet", common.parquet),
        ("--restart", common.restart),
        ("--assert", !common.assertions.is_empty()),
        ("--baseline", common.baseline.is_some()),
        ("--overlay", common.overlay.is_some()),
        ("--junit", common.junit.is_some()),
    ];
    given.iter().find(|(_, is)| *is).map(|(flag, _)| *flag)
}

/// Leaves out what is done: that is looked for.
fn without_actions(scenario: &mut Scenario) {
    scenario.actions.clear();
    scenario.policies.retain(|(_, policy)| policy.acts);
}

/// Looks, writes what was found, and tells it; returns the exit status.
pub fn edge(options: &EdgeOptions) -> Result<u8, RunError> {
    let common = &options.options.common;
    if let Some(flag) = idle(common) {
        let place = Node::from_flag(flag, "").place;
        let problem = Problem::new(format!("`{flag}` has no meaning for herdsim edge"));
        return Err(problem.at(Some(place)).into());
    }
    let (mut sought, fields) = sought(&options.find)?;
    let overlay = options.options.overlay(options.scenario.as_deref())?;
    let mut scenario = Scenario::from_overlay(&overlay)?;
    if !scenario.actions.is_empty() {
        note("note: the actions of the scenario are left out: what ends a collapse is looked for");
        without_actions(&mut scenario);
    }
    if options.find.is_empty() {
        sought = edge::default_sought(&scenario);
    }
    // As if every search took all the runs that it may.
    let mut most = scenario.clone();
    most.run.replications = 300;
    most.run.precision = None;
    most.run.max_replications = None;
    afford(&Job::Herd(most), common)?;
    let directory = RunDir::prepare(&common.out, &scenario.name)?;
    let start = Instant::now();
    let workers = Workers::new(common.threads())?;
    let stop = stop_on_interrupt(Some(directory.temporary()));
    let told = Told::new(!common.quiet);
    let watch = Watch {
        workers: &workers,
        stop: &stop,
        engine: common.engine.into(),
        progress: &|what, policy, found| told.say(&so_far(what, policy, found)),
    };
    let set = |path: &str, text: &str| {
        let mut overlay = overlay.clone();
        overlay.flag("--find", path, text)?;
        let mut scenario = Scenario::from_overlay(&overlay)?;
        without_actions(&mut scenario);
        Ok(scenario)
    };
    let asked = Asked {
        sought: &sought,
        fields: &fields,
        set: &set,
    };
    let found = edge::edge(&scenario, asked, &watch)?;
    told.finish();
    let searched = start.elapsed();
    let written = write(
        &found,
        directory,
        !common.no_charts,
        Pens {
            theme: common.theme(),
            ..Pens::new(&workers)
        },
    )?;
    print(match common.format {
        Format::Text => written.text.as_bytes(),
        Format::Markdown => written.markdown.as_bytes(),
        Format::Json => written.json.as_bytes(),
        Format::Csv => written.csv.as_bytes(),
    })?;
    if !common.quiet {
        note(&format!("wrote {}", written.files));
    }
    if common.verbose {
        note(&format!(
            "searched for {:.2} s on {} threads, {:.2} s in all",
            searched.as_secs_f64(),
            common.threads(),
            start.elapsed().as_secs_f64()
        ));
    }
    Ok(match found.interrupted {
        true => {
            note("interrupted: what was not found by then is left out");
            INTERRUPTED
        }
        // Nothing was found of what was asked for, as the scenario does not allow it.
        false if found.obstacle.is_some() && !found.has_found() => 2,
        false => 0,
    })
}
