//! `herdsim policies`: the catalogue.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::run::print;
use crate::output::catalogue;
use crate::scenario::catalogue::entries;
use crate::scenario::value::nearest;
use crate::scenario::{Node, Problem};

#[derive(Args, Debug)]
pub struct PoliciesOptions {
    /// A policy, or a word to look for in names, groups, sources and formulas
    name: Option<String>,
}

/// Prints one policy in full, or a table of those that are asked for.
pub fn show(options: &PoliciesOptions) -> Result<u8, Failure> {
    let all = entries()?;
    let text = match &options.name {
        None => catalogue::table(&all.iter().collect::<Vec<_>>()),
        Some(word) => match all.iter().find(|e| e.name == *word) {
            Some(entry) => catalogue::entry(entry),
            None => {
                let found: Vec<_> = all
                    .iter()
                    .filter(|e| catalogue::mentions(e, word))
                    .collect();
                if found.is_empty() {
                    let place = Node::from_flag("policies", word).place;
                    let problem = Problem::new(format!("no policy mentions `{word}`"));
                    let names = all.iter().map(|e| e.name.as_str());
                    let help = match nearest(word, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "`herdsim policies` lists them all".to_string(),
                    };
                    return Err(problem.at(Some(place)).help(help).into());
                }
                catalogue::table(&found)
            }
        },
    };
    print(text.as_bytes())?;
    Ok(0)
}
