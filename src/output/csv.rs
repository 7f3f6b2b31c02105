//! CSV files. Every mean has `_lo` and `_hi` beside it: its 95% interval.

use std::io;

use herdsim_core::stats::Estimate;

use herdsim_words::results::{Column, Manner, Row, Table};

/// The columns of a table: name, labels, replications, then each metric with its
/// interval, and for trials what stands beside it.
pub fn header(manner: &Manner, columns: &[Column]) -> Vec<String> {
    let lead = std::iter::once(&manner.column).chain(manner.labels);
    let mut header: Vec<String> = lead.map(|name| name.to_string()).collect();
    header.push("replications".to_string());
    for column in columns {
        header.extend(three(&column.name));
        if manner.figures {
            header.extend(FIGURES.map(|part| format!("{}_{part}", column.name)));
        }
    }
    header
}

/// What stands beside the estimates of trials.
pub const FIGURES: [&str; 3] = ["simulated", "exact", "z"];

/// The names of the columns of an estimate: its mean and interval.
pub fn three(name: &str) -> [String; 3] {
    ["", "_lo", "_hi"].map(|end| format!("{name}{end}"))
}

/// A cell's row.
pub fn row(manner: &Manner, row: &Row) -> String {
    let lead = std::iter::once(&row.name).chain(&row.labels);
    let mut fields: Vec<String> = lead.map(|text| field(text)).collect();
    fields.push(row.replications.to_string());
    let known = |x: Option<f64>| x.map_or(String::new(), number);
    for value in &row.values {
        fields.extend(estimate(value.estimate));
        if manner.figures {
            fields.extend([value.simulated, value.exact, value.z].map(known));
        }
    }
    fields.join(",")
}

/// `summary.csv`, and tables like it: one row a cell.
///
/// # Errors
/// Those of `out`.
pub fn table(table: &Table, mut out: impl io::Write) -> io::Result<()> {
    writeln!(out, "{}", header(table.manner, &table.columns).join(","))?;
    for cell in &table.rows {
        writeln!(out, "{}", row(table.manner, cell))?;
    }
    Ok(())
}

/// A number, or nothing where there is none.
pub fn number(x: f64) -> String {
    match x.is_finite() {
        true => x.to_string(),
        false => String::new(),
    }
}

/// A mean and its interval.
pub fn estimate(e: Estimate) -> [String; 3] {
    [e.mean, e.low, e.high].map(number)
}

/// A text cell that no spreadsheet takes for a formula.
pub fn text_cell(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_string(),
    }
}

/// A text as a field of a row, no formula to any spreadsheet.
pub fn field(text: &str) -> String {
    quoted(&text_cell(text))
}

/// A field as it stands in a row.
pub fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_string(),
    }
}

/// The text of such a cell.
pub fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}
