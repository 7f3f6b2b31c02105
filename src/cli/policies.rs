//! `herdsim policies`: the catalogue.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::chart::break_even_chart;
use crate::cli::run::{note, print};
use crate::output::catalogue;
use crate::run::RunError;
use herdsim_core::scenario::catalogue::entries;
use herdsim_core::scenario::{Node, Problem};
use herdsim_core::value::nearest;

#[derive(Args, Debug)]
pub struct PoliciesOptions {
    /// A policy, or a word to look for in names, groups, sources and formulas
    name: Option<String>,
    /// Draw where budgets switch retries off, as DIR/break-even.png and .svg
    #[arg(long, value_name = "DIR")]
    chart: Option<PathBuf>,
}

/// Whose budgets are drawn, up to eight that differ.
const DRAWN: [&str; 8] = [
    "exponential",
    "aws-standard-2025",
    "aws-standard-2026",
    "grpc",
    "brooker-adaptive",
    "envoy-budget",
    "linkerd",
    "sre",
];

/// Prints one policy in full, or a table of those that are asked for.
pub fn show(options: &PoliciesOptions) -> Result<u8, RunError> {
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
    if let Some(directory) = &options.chart {
        let named = DRAWN
            .iter()
            .filter_map(|n| all.iter().find(|e| e.name == *n));
        let chart = break_even_chart(&named.collect::<Vec<_>>())?;
        let failed = |path: &Path, e: std::io::Error| RunError::Unwritable {
            path: path.to_path_buf(),
            reason: e.to_string(),
        };
        std::fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
        let (svg, png) = (
            directory.join("break-even.svg"),
            directory.join("break-even.png"),
        );
        std::fs::write(&svg, &chart.svg).map_err(|e| failed(&svg, e))?;
        std::fs::write(&png, chart.png()?).map_err(|e| failed(&png, e))?;
        note(&format!(
            "wrote {}: break-even.png and .svg",
            directory.display()
        ));
    }
    print(text.as_bytes())?;
    Ok(0)
}
