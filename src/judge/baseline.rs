//! Against an earlier run: what is better, what is worse, by more than chance.

use herdsim_core::metric::{Better, Key, Metric, Unit};
use herdsim_core::stats::Estimate;

use herdsim_words::format::{change as shown_change, list, percent, precise, seconds};
use herdsim_words::results::Table;
use herdsim_words::text_table::{TextTable, grouped};

/// The least change that is called better or worse, unless another is asked for: so many
/// points of a share, or such a part of another value.
pub const NOISE: f64 = 0.01;

/// One metric of one cell, then and now.
#[derive(Debug)]
pub struct Change {
    pub cell: String,
    pub metric: Metric,
    pub before: Estimate,
    pub now: Estimate,
    /// Both in words.
    pub values: [String; 2],
    /// Now less before, with the 95% interval of it.
    pub change: Estimate,
    /// better, worse, within noise, or indistinguishable from before.
    pub word: &'static str,
}

impl Change {
    /// The change with the half width of its interval.
    pub fn show(&self) -> String {
        shown_change(self.metric.unit, self.change)
    }
}

/// What became of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// A line: worse, better or neither.
    pub verdict: String,
    /// What is compared with.
    pub baseline: String,
    /// Cell by cell, metric by metric.
    pub changes: Vec<Change>,
    /// What a cell is.
    cell: &'static str,
}

impl Comparison {
    /// Before and after for a terminal: under each cell its metrics.
    pub fn text(&self) -> String {
        let rows = self.changes.iter().map(|c| {
            let [before, now] = c.values.clone();
            let title = c.metric.title.to_string();
            (
                c.cell.as_str(),
                [title, before, now, c.show(), c.word.to_string()],
            )
        });
        let headers = [self.cell, "before", "now", "change", "verdict"];
        grouped(&headers, rows)
    }

    /// Before and after.
    pub fn table(&self) -> TextTable {
        let rows: Vec<Vec<String>> = self
            .changes
            .iter()
            .map(|c| {
                vec![
                    c.cell.clone(),
                    c.metric.title.to_string(),
                    c.values[0].clone(),
                    c.values[1].clone(),
                    c.show(),
                    c.word.to_string(),
                ]
            })
            .collect();
        let headers = [self.cell, "metric", "before", "now", "change", "verdict"];
        TextTable::new(&format!("Against {}", self.baseline), &headers, &rows)
    }
}

/// The difference of two independent estimates, whose intervals need not be symmetric
/// (Zou and Donner 2008, after Newcombe). Where an interval is missing, so is that of the
/// difference; what is certain has one of no width.
fn difference(now: Estimate, before: Estimate) -> Estimate {
    let mean = now.mean - before.mean;
    Estimate {
        mean,
        low: mean - (now.mean - now.low).hypot(before.high - before.mean),
        high: mean + (now.high - now.mean).hypot(before.mean - before.low),
        n: now.n.min(before.n),
        sd: f64::NAN,
    }
}

/// Compares a run with an earlier one of the same kind, cell by cell, those that are
/// in both.
///
/// Changes of less than `noise` are neither better nor worse. The runs are taken as
/// independent, so that intervals are rather too wide where they
/// share their random numbers.
pub fn compare(name: &str, then: &Table, now: &Table, noise: f64) -> Comparison {
    let manner = now.manner;
    let mut changes = Vec::new();
    let (mut better, mut worse, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let known: Vec<&str> = then.cells().collect();
    for cell in now.cells() {
        if !known.contains(&cell) {
            missing.push(cell.to_string());
            continue;
        }
        // What both know: where the earlier run tells nothing of what is compared first,
        // what it has in place of that.
        let first = manner.compared.first();
        let unknown = |key: &Key| then.estimate(cell, key.name()).mean.is_nan();
        let instead = match first.is_some_and(unknown) {
            true => manner.instead,
            false => &[],
        };
        let keys = instead
            .iter()
            .filter(|key| !unknown(key))
            .chain(manner.compared);
        for (i, key) in keys.enumerate() {
            let Some(column) = now.column(key.name()) else {
                continue;
            };
            let metric = column.metric;
            let before = then.estimate(cell, metric.name);
            let e = now.estimate(cell, metric.name);
            // What is the same in all runs of both has no chance in its change.
            let change = match e.agrees() && before.agrees() && e.mean == before.mean {
                true => Estimate {
                    low: 0.0,
                    high: 0.0,
                    ..difference(e, before)
                },
                false => difference(e, before),
            };
            // What is computed, and not simulated, is known to some digits.
            let rounding = match change.half_width() == 0.0 {
                true => 1e-4 * before.mean.abs(),
                false => 0.0,
            };
            let alike = change.low <= rounding && change.high >= -rounding;
            let least = match metric.unit {
                Unit::Percent => noise,
                _ => noise * before.mean.abs(),
            };
            let values = [in_words(then, cell, metric), in_words(now, cell, metric)];
            let never = values.each_ref().map(|text| text == "never");
            let word = match never {
                [true, true] => "indistinguishable",
                [true, false] => "better",
                [false, true] => "worse",
                _ if change.mean.is_nan() => "–",
                _ if change.mean == 0.0 => "indistinguishable",
                _ if change.low.is_nan() => "no interval",
                _ if alike => "indistinguishable",
                _ if change.mean.abs() < least => "within noise",
                _ => match metric.better {
                    Better::Neither => "different",
                    Better::More if change.mean > 0.0 => "better",
                    Better::Less if change.mean < 0.0 => "better",
                    Better::More | Better::Less => "worse",
                },
            };
            match word {
                "better" if i == 0 => better.push(cell.to_string()),
                "worse" if i == 0 => worse.push(cell.to_string()),
                _ => {}
            }
            if before.mean.is_nan() && e.mean.is_nan() && never != [true, true] {
                continue;
            }
            changes.push(Change {
                cell: cell.to_string(),
                metric,
                before,
                now: e,
                values,
                change,
                word,
            });
        }
    }
    let does = |cells: &[String], what: &str| {
        let verb = manner.verb[usize::from(cells.len() > 1)];
        match cells.len() {
            n if n > 4 => format!("{n} {} {verb} {what}", plural(manner.cell)),
            _ => format!("{} {verb} {what}", list(cells)),
        }
    };
    // Of the first metric, by which the verdict goes.
    let firsts = manner.compared.first().into_iter().chain(manner.instead);
    let firsts: Vec<&str> = firsts.map(|key| key.name()).collect();
    let main: Vec<&Change> = changes
        .iter()
        .filter(|c| firsts.contains(&c.metric.name))
        .collect();
    let untold = main.is_empty();
    let unknown = main.iter().any(|c| c.word == "no interval");
    let mut verdict = match (&worse[..], &better[..]) {
        _ if changes.is_empty() => format!("Nothing is in this run and in {name}"),
        ([], []) if untold => {
            format!(
                "{name} says nothing of {}: that is not compared",
                manner.subject
            )
        }
        ([], []) if unknown => {
            format!("{name} and this run cannot be told apart: there are no intervals")
        }
        ([], []) if main.iter().any(|c| c.word == "within noise") => {
            format!("As {name}, but for changes within the noise allowed")
        }
        ([], []) => format!("As {name}: {}", manner.neither),
        ([], better) => format!("Better than {}: {}", name, does(better, manner.better)),
        (worse, []) => format!("Worse than {}: {}", name, does(worse, manner.worse)),
        (worse, better) => format!(
            "Worse than {} for some: {}; {}",
            name,
            does(worse, manner.worse),
            does(better, manner.better)
        ),
    };
    // What the verdict does not go by is not left out of it.
    if better.is_empty() && worse.is_empty() && !changes.is_empty() {
        let count = |word: &str| changes.iter().filter(|c| c.word == word).count();
        let told = [("worse", count("worse")), ("better", count("better"))];
        let told = told.iter().filter(|(_, n)| *n > 0);
        let told: Vec<String> = told.map(|(word, n)| format!("{n} {word}")).collect();
        if !told.is_empty() {
            verdict += &format!("; of other values {}", list(&told));
        }
    }
    match missing.len() {
        0 => {}
        _ if changes.is_empty() => {}
        1 => verdict += &format!("; {} was not part of it", missing[0]),
        n if n > 4 => verdict += &format!("; {n} others were not part of it"),
        _ => verdict += &format!("; {} were not part of it", list(&missing)),
    }
    let cells: Vec<&str> = now.cells().collect();
    let gone: Vec<&str> = known.into_iter().filter(|c| !cells.contains(c)).collect();
    match gone.len() {
        0 => {}
        _ if changes.is_empty() => {}
        1..=4 => verdict += &format!("; without {}", list(&gone)),
        n => verdict += &format!("; without {n} that were part of it"),
    }
    Comparison {
        verdict,
        baseline: name.to_string(),
        changes,
        cell: manner.cell,
    }
}

/// The value of a cell in words: who recovers in no run does so never.
fn in_words(results: &Table, cell: &str, metric: Metric) -> String {
    let e = results.estimate(cell, metric.name);
    let shown = precise(metric.unit, e.mean);
    if !results.is_recovery(metric.name) {
        return shown;
    }
    match results.recovers(cell) {
        0.0 => "never".to_string(),
        share if share < 1.0 => format!("{} in {}", seconds(e.mean), percent(share)),
        _ => shown,
    }
}

fn plural(cell: &str) -> String {
    match cell.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{cell}s"),
    }
}

#[cfg(test)]
mod tests {
    use herdsim_core::herd::{ANSWERED_RATIO, METRICS};

    use super::*;
    use crate::study::herd::MANNER;
    use herdsim_words::results::{Column, Row};

    /// Policies of which only the share of calls answered is known: mean, low, high.
    fn table(policies: &[(&str, [f64; 3])]) -> Table {
        let row = |(name, [mean, low, high]): &(&str, [f64; 3])| {
            let mut values = vec![Estimate::NONE.into(); METRICS.len()];
            values[ANSWERED_RATIO.index()] = Estimate {
                mean: *mean,
                low: *low,
                high: *high,
                n: 20,
                sd: 0.01,
            }
            .into();
            Row {
                name: name.to_string(),
                labels: Vec::new(),
                replications: 20,
                values,
            }
        };
        Table {
            manner: &MANNER,
            columns: METRICS.iter().map(|m| Column::of(m.metric)).collect(),
            rows: policies.iter().map(row).collect(),
            differences: Vec::new(),
        }
    }

    #[test]
    fn changes_are_told_from_chance() {
        let before = table(&[("fixed", [0.9, 0.88, 0.92])]);
        // Half widths of 2 points each make one of 2.83 together.
        for (mean, word, verdict) in [
            (0.92, "indistinguishable", "As v1"),
            (0.93, "better", "Better than v1: fixed answers more calls"),
            (0.86, "worse", "Worse than v1: fixed answers fewer calls"),
        ] {
            let own = [mean, mean - 0.02, mean + 0.02];
            let now = table(&[("fixed", own), ("new", own)]);
            let comparison = compare("v1", &before, &now, NOISE);
            let change = &comparison.changes[0];
            assert_eq!(change.word, word, "{mean}");
            assert!((change.change.half_width() - 0.02f64.hypot(0.02)).abs() < 1e-12);
            assert!(comparison.verdict.starts_with(verdict));
            assert!(comparison.verdict.ends_with("new was not part of it"));
        }
    }
}
