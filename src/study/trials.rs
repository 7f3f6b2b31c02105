//! What studies of independent trials share: their table, their curves, one trial told.

use std::path::Path;

use herdsim_core::ensemble::curves::Curve;
use herdsim_core::ensemble::figure::Figure;
use herdsim_core::metric::{Key, Metric, find};
use herdsim_core::world::Tally;

use crate::chart::{self, Charts, Signed};
use crate::output::json::Extras;
use crate::output::load::{self, CsvFile};
use crate::output::{csv, trials as files};
use crate::report::Story;
use crate::study::{File, Finished, StudyError};
use herdsim_words::format::{capital, thousands};
use herdsim_words::results::{Column, Manner, Row, Table};
use herdsim_words::text_table::{TextTable, aligned, piped, wrapped};
use herdsim_words::verdict::curves::Curves;
use herdsim_words::verdict::sequence::Sequence;

/// How a run is done again, in the directory of its results.
const AGAIN: &str = "herdsim run scenario.toml";

/// A metric made of others in the same cell.
pub(super) struct Derived<S> {
    pub metric: Metric,
    pub of: fn(&S, &Figures<'_>) -> Figure,
}

/// The figures of one cell.
pub(super) struct Figures<'f>(pub &'f [Figure]);

impl Figures<'_> {
    pub fn get(&self, metric: Key) -> &Figure {
        &self.0[metric.index()]
    }
}

/// The figures of the trials, cell by cell: `exact(cell, metric)` where it is known.
pub(super) fn figures<E>(
    tally: &Tally<E>,
    metrics: &[Metric],
    certain: bool,
    exact: impl Fn(usize, Key) -> Option<f64>,
) -> Vec<Vec<Figure>> {
    let cell = |cell: usize| {
        let figure = |metric: &Metric| {
            let key = find(metrics, metric.name)?;
            let simulated = &tally.simulated[cell][key.index()];
            let conditional = &tally.conditional[cell][key.index()];
            let exact = exact(cell, key);
            Some(Figure::of(metric, simulated, conditional, exact, certain))
        };
        metrics.iter().filter_map(figure).collect()
    };
    (0..tally.simulated.len()).map(cell).collect()
}

/// The table of cells whose metrics were counted, with what is derived from them.
pub(super) fn table<S>(
    manner: &'static Manner,
    columns: Vec<Column>,
    scenario: &S,
    (names, trials): (&[&'static str], u64),
    figures: &[Vec<Figure>],
    derived: &[Derived<S>],
) -> Table {
    let row = |(name, figures): (&&'static str, &Vec<Figure>)| {
        let made = derived.iter().map(|d| (d.of)(scenario, &Figures(figures)));
        Row {
            name: name.to_string(),
            labels: Vec::new(),
            replications: trials,
            values: figures
                .iter()
                .copied()
                .chain(made)
                .map(Into::into)
                .collect(),
        }
    };
    Table {
        manner,
        columns,
        rows: names.iter().zip(figures).map(row).collect(),
        differences: Vec::new(),
    }
}

/// Trials read back from a directory.
pub(super) struct Loaded {
    pub table: Table,
    pub trials: u64,
    pub curves: Option<Vec<Curve>>,
    pub example: Option<Sequence>,
    /// What the files lack.
    pub gaps: Vec<String>,
}

/// Reads the files of trials of some cells.
pub(super) fn load(
    directory: &Path,
    manner: &'static Manner,
    columns: Vec<Column>,
    names: &[&'static str],
) -> Result<Loaded, StudyError> {
    let cells: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let file = CsvFile::read(directory, "summary.csv")?;
    let gaps = file.gaps(csv::header(manner, &columns));
    let table = load::table(&file, manner, columns, Some(&cells), None)?;
    Ok(Loaded {
        trials: table.rows.first().map_or(0, |row| row.replications),
        table,
        curves: files::load_curves(directory, names)?,
        example: files::load_sequence(directory)?,
        gaps: gaps.into_iter().collect(),
    })
}

/// What trials leave to be told.
pub(super) struct Trials {
    /// The resolved scenario, of as many trials as were finished.
    pub scenario: String,
    pub seed: u64,
    pub name: String,
    pub trials: u64,
    pub interrupted: bool,
    pub table: Table,
    /// The result, short enough for a title.
    pub headline: String,
    pub verdict: String,
    /// Stands under the table.
    pub caveat: &'static str,
    pub headers: [&'static str; 7],
    pub rows: Vec<[String; 7]>,
    pub example: Option<Sequence>,
    pub curves: Option<Curves>,
    /// The names of the charts of curves and example.
    pub charts: [&'static str; 2],
    /// What a trial is, in the plural.
    pub what: &'static str,
    /// What is simulated, in a line.
    pub setting: String,
}

impl Trials {
    pub fn finish(self) -> Result<Finished, StudyError> {
        let Trials {
            verdict, caveat, ..
        } = self;
        let (aligned, piped) = (
            aligned(&self.headers, &self.rows),
            piped(&self.headers, &self.rows),
        );
        let caveat_on_terminal = match caveat.trim() {
            "" => String::new(),
            caveat => format!("\n{}", wrapped(caveat)),
        };
        let mut text = format!("{}\n{aligned}{caveat_on_terminal}", wrapped(&verdict));
        let caveats = caveat
            .lines()
            .map(String::from)
            .filter(|line| !line.is_empty());
        let signed = Signed {
            seed: self.seed,
            name: &self.name,
        };
        let charts = match &self.curves {
            Some(curves) => {
                let example = self.example.as_ref();
                chart::trials(self.charts, curves, signed, &verdict, example)?
            }
            None => Charts::default(),
        };
        let mut beside = Vec::new();
        if let Some(curves) = &self.curves {
            beside.push(File::of("curves.csv", |out| {
                files::curves(&curves.curves, out)
            })?);
        }
        let mut story = Story {
            title: self.headline,
            setting: self.setting,
            summary: std::iter::once(format!("{}.", capital(&verdict)))
                .chain(caveats)
                .collect(),
            tables: vec![TextTable::new("", &self.headers, &self.rows)],
            parameters: vec![("scenario.toml".to_string(), self.scenario.clone())],
            method: format!(
                "herdsim {} simulated {} {} with seed {}; intervals are 95%, and closed forms \
                 stand beside simulated numbers where there are any.",
                env!("CARGO_PKG_VERSION"),
                thousands(self.trials as f64),
                self.what,
                self.seed,
            ),
            absent: charts.absent.clone(),
            command: AGAIN.to_string(),
            ..Story::default()
        };
        if let Some(example) = &self.example {
            let told = example.text();
            story.summary.extend(told.lines().next().map(String::from));
            beside.push(File::of("trace.csv", |out| files::trace(example, out))?);
            beside.push(File::of("lanes.csv", |out| files::lanes(example, out))?);
            text += &format!("\n{told}");
        }
        Ok(Finished {
            scenario: self.scenario,
            table: self.table,
            seed: self.seed,
            name: self.name,
            extras: Extras::default(),
            files: beside,
            text,
            markdown: format!("{verdict}\n\n{piped}{caveat}"),
            charts: charts.drawn,
            story,
            replications: self.trials,
            events: self.trials as f64,
            notes: charts.absent,
            interrupted: self
                .interrupted
                .then(|| format!("{} {}", self.trials, self.what)),
            verdict,
        })
    }
}

/// The share of trials that were done.
pub fn of_all(done: u64, run: &herdsim_core::scenario::Trials) -> f64 {
    done as f64 / run.replications as f64
}
