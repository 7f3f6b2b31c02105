//! `summary.parquet`: the rows of `summary.csv` for tools that read columns.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

/// Rows of one row group.
const GROUP: usize = 1 << 16;

/// A column and what is in the rows that are not written yet.
enum Column {
    Whole(Vec<i64>),
    Text(Vec<ByteArray>),
    /// Values that are there, and per row whether there is one.
    Number(Vec<f64>, Vec<i16>),
}

/// Writes the rows of a `summary.csv` of a sweep: first the cell's number, then texts up
/// to the count of `replications`, then numbers, which may be missing.
///
/// # Errors
/// I/O, or a file that is not such a summary.
pub fn of_summary(summary: &Path, out: &Path) -> Result<()> {
    let external = |e: csv::Error| ParquetError::External(Box::new(e));
    let mut csv = csv::Reader::from_reader(File::open(summary)?);
    let header = csv.headers().map_err(external)?.clone();
    let count = header.iter().position(|name| name == "replications");
    let count = count.ok_or_else(|| ParquetError::General("no `replications`".to_string()))?;
    let kind = |i: usize| match i {
        0 => Physical::INT64,
        i if i < count => Physical::BYTE_ARRAY,
        i if i == count => Physical::INT64,
        _ => Physical::DOUBLE,
    };
    let fields = header
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let optional = kind(i) == Physical::DOUBLE;
            let field =
                Type::primitive_type_builder(name, kind(i)).with_repetition(match optional {
                    true => Repetition::OPTIONAL,
                    false => Repetition::REQUIRED,
                });
            let field = match kind(i) {
                Physical::BYTE_ARRAY => field.with_logical_type(Some(LogicalType::String)),
                _ => field,
            };
            field.build().map(Arc::new)
        })
        .collect::<Result<Vec<_>>>()?;
    let schema = Type::group_type_builder("summary")
        .with_fields(fields)
        .build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("herdsim {}", env!("CARGO_PKG_VERSION")))
        .build();
    let file = File::create(out).map_err(|e| ParquetError::External(Box::new(e)))?;
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let empty = || -> Vec<Column> {
        (0..header.len())
            .map(|i| match kind(i) {
                Physical::INT64 => Column::Whole(Vec::new()),
                Physical::BYTE_ARRAY => Column::Text(Vec::new()),
                _ => Column::Number(Vec::new(), Vec::new()),
            })
            .collect()
    };
    let mut columns = empty();
    let mut rows = 0;
    for record in csv.records() {
        let record = record.map_err(external)?;
        for (column, field) in columns.iter_mut().zip(&record) {
            match column {
                Column::Whole(values) => values.push(field.parse().unwrap_or_default()),
                Column::Text(values) => values.push(ByteArray::from(field)),
                Column::Number(values, there) => match field.parse() {
                    Ok(value) => {
                        values.push(value);
                        there.push(1);
                    }
                    Err(_) => there.push(0),
                },
            }
        }
        rows += 1;
        if rows % GROUP == 0 {
            write_group(writer.next_row_group()?, &columns)?;
            columns = empty();
        }
    }
    if rows % GROUP > 0 {
        write_group(writer.next_row_group()?, &columns)?;
    }
    writer.close()?;
    Ok(())
}

fn write_group(mut group: SerializedRowGroupWriter<'_, File>, columns: &[Column]) -> Result<()> {
    for column in columns {
        let Some(mut writer) = group.next_column()? else {
            break;
        };
        match column {
            Column::Whole(values) => {
                writer
                    .typed::<Int64Type>()
                    .write_batch(values, None, None)?;
            }
            Column::Text(values) => {
                writer
                    .typed::<ByteArrayType>()
                    .write_batch(values, None, None)?;
            }
            Column::Number(values, there) => {
                writer
                    .typed::<DoubleType>()
                    .write_batch(values, Some(there), None)?;
            }
        }
        writer.close()?;
    }
    group.close()?;
    Ok(())
}
