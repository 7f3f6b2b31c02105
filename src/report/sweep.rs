//! What a sweep says in sentences: how far each policy carries, and where.

use crate::report::story::Story;
use herdsim_words::format::{capital, thousands};
use herdsim_words::text_table::TextTable;
use herdsim_words::verdict::sweep::SweepResults;

/// Policies, guards or settings that are told of one by one.
const TOLD: usize = 8;
/// Cells that a table lists one by one.
const LISTED: usize = 40;

/// The document of a sweep.
pub fn story(results: &SweepResults<'_>, scenario: &str) -> Story {
    // The title of a few policies says it already.
    let said = results.headline() == results.verdict() || !results.asks_recovery();
    let verdict = (!said).then(|| format!("{}.", results.verdict()));
    let mut summary: Vec<String> = verdict.into_iter().collect();
    summary.extend((0..results.names.len().min(TOLD)).filter_map(|i| range(results, i)));
    summary.extend(best(results));
    summary.extend(results.meaning().map(|text| format!("{}.", capital(text))));
    let mut tables = vec![TextTable::new("", &results.headers(), &results.rows())];
    tables.extend(cells(results));
    let seed = results.base.seed();
    Story {
        title: results.headline(),
        setting: results.setting(),
        summary,
        tables,
        parameters: vec![("scenario.toml".to_string(), scenario.to_string())],
        method: format!(
            "herdsim {} worked out {} cells with seed {seed}; every number with its 95% interval \
             is in summary.csv.",
            env!("CARGO_PKG_VERSION"),
            thousands(results.grid.cells()),
        ),
        command: "herdsim sweep scenario.toml".to_string(),
        ..Story::default()
    }
}

/// Where a cell stands: `service.queue = 500, timeout = 1s`.
fn place(results: &SweepResults<'_>, cell: usize) -> String {
    let place = results.grid.place(cell as u64);
    let axes = place.into_iter().enumerate();
    let values: Vec<String> = axes
        .map(|(i, at)| format!("{} = {}", results.grid.axes[i].name(), results.value(i, at)))
        .collect();
    values.join(", ")
}

/// The cells with the least and the most of a row of means.
fn ends(values: &[[f64; 3]]) -> Option<[(usize, f64); 2]> {
    let known = values.iter().map(|v| v[0]).enumerate();
    let known = known.filter(|(_, mean)| !mean.is_nan());
    let by_mean = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    // Of equals the first.
    let least = known.clone().min_by(by_mean)?;
    let most = known.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    Some([least, most])
}

/// How far one policy, guard or setting goes, and where its ends are.
fn range(results: &SweepResults<'_>, i: usize) -> Option<String> {
    let [least, most] = ends(&results.main[i])?;
    let value = |x: f64| results.show(x);
    let what = match results.asks_recovery() {
        true => format!("{} answers", results.names[i]),
        false => format!("{}:", results.names[i]),
    };
    let of = if results.asks_recovery() && results.is_share() {
        " of calls"
    } else {
        ""
    };
    Some(match value(least.1) == value(most.1) {
        true => format!("{what} {}{of} in every cell.", value(least.1)),
        false => format!(
            "{what} from {}{of}, where {}, to {}, where {}.",
            value(least.1),
            place(results, least.0),
            value(most.1),
            place(results, most.0)
        ),
    })
}

/// The best cell of all.
fn best(results: &SweepResults<'_>) -> Option<String> {
    let all = results.main.iter().enumerate();
    let ends = all.filter_map(|(i, values)| Some((i, ends(values)?)));
    // Of a herd the most is best, of chances the least.
    let candidates = ends.map(|(i, [least, most])| match results.asks_recovery() {
        true => (i, most, most.1),
        false => (i, least, -least.1),
    });
    let (i, (cell, value), _) = candidates.reduce(|a, b| if b.2 > a.2 { b } else { a })?;
    // Where several are as good, none of them is the best.
    let all = results.main.iter().flatten().map(|v| results.show(v[0]));
    if all.filter(|other| *other == results.show(value)).count() > 1 {
        return None;
    }
    let what = match results.asks_recovery() {
        true => "The most calls are answered with",
        false => "The least chance is with",
    };
    Some(format!(
        "{what} {}, where {}: {}.",
        results.names[i],
        place(results, cell),
        results.show(value)
    ))
}

/// Every cell of a small grid.
fn cells(results: &SweepResults<'_>) -> Option<TextTable> {
    let count = results.grid.cells() as usize;
    if count > LISTED {
        return None;
    }
    let mut headers: Vec<String> = results
        .grid
        .columns()
        .iter()
        .map(|c| c.to_string())
        .collect();
    headers.extend(results.names.iter().cloned());
    let value = |values: &[[f64; 3]], cell: usize| match values[cell] {
        [mean, ..] if mean.is_nan() => "–".to_string(),
        // What is all or nothing in every run has the interval of so many runs, not of calls.
        [0.0 | 1.0, ..] => results.show(values[cell][0]),
        [mean, low, high] if high > low && results.asks_recovery() => {
            let [mean, low, high] = [mean, low, high].map(|x| results.show(x));
            format!("{mean} ({low} to {high})")
        }
        [mean, ..] => results.show(mean),
    };
    let rows: Vec<Vec<String>> = (0..count)
        .map(|cell| {
            let mut row = results.grid.values(cell as u64);
            row.extend(results.main.iter().map(|values| value(values, cell)));
            row
        })
        .collect();
    let what = match results.asks_recovery() {
        true => format!("{} in every cell", capital(results.manner.subject)),
        false => format!("In every cell: {}", results.manner.subject),
    };
    Some(TextTable::new(&what, &headers, &rows))
}
