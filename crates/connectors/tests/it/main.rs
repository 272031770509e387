//! CSV files as they really arrive, read through the public door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod damage;
mod formats;
mod reading;
mod workbook;

use std::path::PathBuf;

use connectors::files::csv::{CsvFormat, CsvReader};
use connectors::files::{Defect, Place};
use tempfile::TempDir;

/// A record as the tests look at it.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    line: u64,
    defect: Option<Defect>,
    fields: Vec<Option<String>>,
    raw: String,
}

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read(bytes: &[u8], format: &CsvFormat) -> diagnostic::Result<(Vec<String>, Vec<Row>)> {
    let (_folder, path) = file(bytes);
    let mut reader = CsvReader::open(&Place::file(path), "a.csv", format)?;
    let header = reader.header().to_vec();
    let mut rows = Vec::new();
    while let Some(records) = reader.next()? {
        for (at, record) in records.records().iter().enumerate() {
            let field = |column| {
                let (bytes, _) = records.field(at, column)?;
                Some(String::from_utf8(bytes.to_vec()).expect("fields are UTF-8"))
            };
            rows.push(Row {
                line: record.line,
                defect: record.defect,
                fields: (0..header.len()).map(field).collect(),
                raw: records.raw_text(at).into_owned(),
            });
        }
    }
    Ok((header, rows))
}

fn rows(bytes: &[u8]) -> Vec<Row> {
    read(bytes, &CsvFormat::default()).unwrap().1
}

fn texts(row: &Row) -> Vec<&str> {
    row.fields
        .iter()
        .map(|field| field.as_deref().unwrap_or("<none>"))
        .collect()
}
