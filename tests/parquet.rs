//! `summary.parquet` holds what `summary.csv` holds.
#![cfg(feature = "parquet")]

use std::fs::File;

use assert_cmd::Command;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

#[test]
fn columns_and_values_are_those_of_the_csv() {
    assert!(missing("fence", "fence.pause=exp(1s),5s") > 0);
    missing("quorum", "cluster.down=0,1%");
}

/// Compares the two files of a sweep; how many values are not there in either.
fn missing(kind: &str, vary: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    Command::cargo_bin("herdsim")
        .unwrap()
        .args([kind, "--vary", vary, "--replications", "2k"])
        .args(["--parquet", "--no-charts", "--quiet", "--out"])
        .arg(&out)
        .assert()
        .success();
    let mut csv = csv::Reader::from_path(out.join(kind).join("summary.csv")).unwrap();
    let header = csv.headers().unwrap().clone();
    let file = File::open(out.join(kind).join("summary.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let mut rows = reader.get_row_iter(None).unwrap();
    let mut missing = 0;
    for record in csv.records() {
        let record = record.unwrap();
        let row = rows.next().unwrap().unwrap();
        for ((name, field), (column, value)) in
            header.iter().zip(&record).zip(row.get_column_iter())
        {
            assert_eq!(name, column);
            match value {
                Field::Null => {
                    missing += 1;
                    assert_eq!(field, "");
                }
                Field::Str(text) => assert_eq!(text, field),
                Field::Long(n) => assert_eq!(n.to_string(), field),
                Field::Double(x) => assert_eq!(*x, field.parse::<f64>().unwrap()),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(rows.next().is_none());
    missing
}
