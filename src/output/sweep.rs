//! The cells of a sweep, read back.

use std::path::Path;

use crate::output::csv::{plain, quoted, three};
use crate::output::load::{CsvFile, LoadError};
use herdsim_words::results::{Column, fields};
use herdsim_words::verdict::sweep::SweepResults;

/// Whether a row is of that name.
fn is_of(row: &str, name: &str) -> bool {
    fields(row)
        .first()
        .is_some_and(|first| plain(first) == name)
}

/// Puts the cells of a directory's `summary.csv` into the results of their grid, whose
/// rows have the columns of `header`; `cells_of` says which rows a cell is to have.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn load<'g>(
    directory: &Path,
    mut results: SweepResults<'g>,
    header: &[String],
    cells_of: impl Fn(u64) -> Vec<String>,
) -> Result<SweepResults<'g>, LoadError> {
    let grid = results.grid;
    let file = CsvFile::read(directory, "summary.csv")?;
    let axes = grid.columns();
    let lead: Vec<usize> = file.columns(&axes)?;
    // Rows as they would be written now; what an older sweep does not have stays empty.
    let places: Vec<Option<usize>> = header.iter().map(|name| file.find(name)).collect();
    let name_column = file.column(&header[0])?;
    let index = file.column("cell")?;
    let [mean, low, high] = three(results.manner.main.name()).map(|name| file.column(&name));
    let main = [mean?, low?, high?];
    let share = results.share.map(Column::of);
    let share = share.map(|column| file.column(&column.name).map(|place| (column, place)));
    let share = share.transpose()?;
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); grid.cells() as usize];
    for (row, record) in file.rows.iter().enumerate() {
        let number = file.number(row, index)?;
        let at = number as usize;
        let cell = cells.get_mut(at).filter(|_| number == at as f64);
        let Some(cell) = cell else {
            return Err(file.at(row, format!("the grid has no cell {number}")));
        };
        for ((place, value), axis) in lead.iter().zip(grid.values(at as u64)).zip(&axes) {
            let text = plain(record.get(*place).unwrap_or(""));
            if text != value {
                let reason = format!("`{text}` in `{axis}`, where cell {at} has `{value}`");
                return Err(file.at(row, reason));
            }
        }
        let name = record.get(name_column).unwrap_or("");
        if cell.iter().any(|row| is_of(row, name)) {
            return Err(file.at(row, format!("`{name}` in cell {at} comes twice")));
        }
        let value = file.estimate(row, main)?;
        for x in [value.mean, value.low, value.high] {
            file.hold(row, &Column::of(results.metric), x)?;
        }
        if let Some((column, place)) = &share {
            file.hold(row, column, file.number(row, *place)?)?;
        }
        let value = |place: &Option<usize>| place.and_then(|p| record.get(p)).unwrap_or("");
        let row: Vec<String> = places.iter().map(|place| quoted(value(place))).collect();
        cell.push(row.join(","));
    }
    for (index, rows) in cells.iter().enumerate() {
        let due = cells_of(index as u64);
        let has = |name: &String| rows.iter().any(|row| is_of(row, name));
        if !due.iter().all(has) {
            let what = format!("cell {index}, or not all of them; shards are merged first");
            return Err(file.lacks(&what));
        }
        let mut names = rows.iter().map(|row| {
            let first = fields(row).into_iter().next().unwrap_or_default();
            plain(&first).to_string()
        });
        let stranger = names.find(|name| !due.contains(name));
        if let Some(stranger) = stranger {
            return Err(LoadError::Run {
                path: file.path.clone(),
                reason: format!(
                    "has rows of `{stranger}`, which is no {} of the sweep",
                    results.manner.cell
                ),
            });
        }
        results.cell(index as u64, rows);
    }
    Ok(results)
}
