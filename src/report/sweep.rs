//! What a sweep says in sentences: how far each policy carries, and where.

use crate::output::grid::Atlas;
use crate::output::words::{chance, percent, thousands};
use crate::report::{Grid, Story};
use crate::scenario::Job;

/// Policies, guards or settings that are told of one by one.
const TOLD: usize = 8;
/// Cells that a table lists one by one.
const LISTED: usize = 40;

/// The document of a sweep.
pub fn story(atlas: &Atlas<'_>, scenario: &str) -> Story {
    // The title of a few policies says it already.
    let said = atlas.headline() == atlas.verdict() || !atlas.is_herd();
    let verdict = (!said).then(|| format!("{}.", atlas.verdict()));
    let mut summary: Vec<String> = verdict.into_iter().collect();
    summary.extend((0..atlas.names.len().min(TOLD)).filter_map(|i| range(atlas, i)));
    summary.extend(best(atlas));
    let mut tables = vec![Grid::new("", &atlas.headers(), &atlas.rows())];
    tables.extend(cells(atlas));
    let seed = atlas.base.seed();
    Story {
        title: atlas.headline(),
        setting: atlas.setting(),
        summary,
        tables,
        parameters: vec![("scenario.toml".to_string(), scenario.to_string())],
        method: format!(
            "herdsim {} worked out {} cells with seed {seed}; every number with its 95% interval \
             is in summary.csv.",
            env!("CARGO_PKG_VERSION"),
            thousands(atlas.grid.cells()),
        ),
        command: "herdsim sweep scenario.toml".to_string(),
        conditions: Vec::new(),
    }
}

/// A value of the main metric in words.
fn show(atlas: &Atlas<'_>, value: f64) -> String {
    match atlas.is_herd() {
        true => percent(value),
        false => chance(value),
    }
}

/// Where a cell stands: `service.queue = 500, timeout = 1s`.
fn place(atlas: &Atlas<'_>, cell: usize) -> String {
    let place = atlas.grid.place(cell as u64);
    let axes = atlas.grid.axes.iter().zip(place);
    let values: Vec<String> = axes
        .map(|(axis, at)| format!("{} = {}", axis.name(), axis.paths[0].values[at].plain()))
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
fn range(atlas: &Atlas<'_>, i: usize) -> Option<String> {
    let [least, most] = ends(&atlas.main[i])?;
    let value = |x: f64| show(atlas, x);
    let what = match atlas.is_herd() {
        true => format!("{} answers", atlas.names[i]),
        false => format!("{}:", atlas.names[i]),
    };
    let of = if atlas.is_herd() { " of calls" } else { "" };
    Some(match value(least.1) == value(most.1) {
        true => format!("{what} {}{of} in every cell.", value(least.1)),
        false => format!(
            "{what} from {}{of}, where {}, to {}, where {}.",
            value(least.1),
            place(atlas, least.0),
            value(most.1),
            place(atlas, most.0)
        ),
    })
}

/// The best cell of all.
fn best(atlas: &Atlas<'_>) -> Option<String> {
    let all = atlas.main.iter().enumerate();
    let ends = all.filter_map(|(i, values)| Some((i, ends(values)?)));
    // Of a herd the most is best, of chances the least.
    let candidates = ends.map(|(i, [least, most])| match atlas.is_herd() {
        true => (i, most, most.1),
        false => (i, least, -least.1),
    });
    let (i, (cell, value), _) = candidates.reduce(|a, b| if b.2 > a.2 { b } else { a })?;
    // Where several are as good, none of them is the best.
    let all = atlas.main.iter().flatten().map(|v| show(atlas, v[0]));
    if all.filter(|other| *other == show(atlas, value)).count() > 1 {
        return None;
    }
    let what = match atlas.is_herd() {
        true => "The most calls are answered with",
        false => "The least chance is with",
    };
    Some(format!(
        "{what} {}, where {}: {}.",
        atlas.names[i],
        place(atlas, cell),
        show(atlas, value)
    ))
}

/// Every cell of a small grid.
fn cells(atlas: &Atlas<'_>) -> Option<Grid> {
    let count = atlas.grid.cells() as usize;
    if count > LISTED {
        return None;
    }
    let mut headers: Vec<String> = atlas.grid.columns().iter().map(|c| c.to_string()).collect();
    headers.extend(atlas.names.iter().cloned());
    let value = |values: &[[f64; 3]], cell: usize| match values[cell] {
        [mean, ..] if mean.is_nan() => "–".to_string(),
        [mean, low, high] if high > low && atlas.is_herd() => {
            format!("{} ({} to {})", percent(mean), percent(low), percent(high))
        }
        [mean, ..] => show(atlas, mean),
    };
    let rows: Vec<Vec<String>> = (0..count)
        .map(|cell| {
            let mut row = atlas.grid.values(cell as u64);
            row.extend(atlas.main.iter().map(|values| value(values, cell)));
            row
        })
        .collect();
    let what = match atlas.base {
        Job::Herd(_) => "Calls answered in every cell".to_string(),
        _ => format!("In every cell: {}", atlas.subject()),
    };
    Some(Grid::new(&what, &headers, &rows))
}
