//! What a load says of each file: <https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#output>.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use diagnostic::{Result, ResultExt, codes};
use engine::{Outcome, Rows};
use futures::StreamExt;

use crate::stages::{Rejected, StagedFile};

/// What became of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileReport {
    pub(super) parsed: u64,
    pub(super) loaded: u64,
    pub(super) rejected: Vec<Rejected>,
    pub(super) errors: u64,
    /// Whether nothing of it was loaded because of its errors.
    pub(super) skipped: bool,
}

impl FileReport {
    pub(super) fn status(&self) -> &'static str {
        if self.skipped || (self.loaded == 0 && self.errors > 0) {
            "LOAD_FAILED"
        } else if self.errors > 0 {
            "PARTIALLY_LOADED"
        } else {
            "LOADED"
        }
    }

    /// The first error in the order of the file.
    pub(super) fn first(&self) -> Option<&Rejected> {
        self.rejected
            .iter()
            .min_by_key(|rejected| rejected.place.row)
    }
}

/// One line per file.
pub(super) fn loaded(files: &[(Arc<StagedFile>, FileReport)], limit: &str) -> Result<Outcome> {
    let texts = |text: &dyn Fn(&StagedFile, &FileReport) -> Option<String>| {
        let texts = files.iter().map(|(file, report)| text(file, report));
        Arc::new(StringArray::from_iter(texts)) as ArrayRef
    };
    let numbers = |number: &dyn Fn(&FileReport) -> Option<u64>| {
        let numbers = files
            .iter()
            .map(|(_, report)| number(report).and_then(|number| i64::try_from(number).ok()));
        Arc::new(Int64Array::from_iter(numbers)) as ArrayRef
    };
    let limits = files.iter().map(|(_, report)| match limit {
        "" => Some(report.parsed),
        limit => limit.parse().ok(),
    });
    let limits = limits.map(|limit| limit.and_then(|limit| i64::try_from(limit).ok()));
    rows([
        ("file", texts(&|file, _| Some(file.name.clone()))),
        (
            "status",
            texts(&|_, report| Some(report.status().to_owned())),
        ),
        ("rows_parsed", numbers(&|report| Some(report.parsed))),
        ("rows_loaded", numbers(&|report| Some(report.loaded))),
        ("error_limit", Arc::new(Int64Array::from_iter(limits))),
        ("errors_seen", numbers(&|report| Some(report.errors))),
        (
            "first_error",
            texts(&|_, report| report.first().map(|first| first.reason.clone())),
        ),
        (
            "first_error_line",
            numbers(&|report| report.first().map(|first| first.place.line)),
        ),
        (
            "first_error_character",
            numbers(&|report| report.first().and_then(|first| first.character)),
        ),
        (
            "first_error_column_name",
            texts(&|_, report| report.first().and_then(|first| first.column.clone())),
        ),
    ])
}

/// One line per error, for VALIDATION_MODE.
pub(super) fn errors(files: &[(Arc<StagedFile>, FileReport)]) -> Result<Outcome> {
    let all: Vec<(&StagedFile, &Rejected)> = files
        .iter()
        .flat_map(|(file, report)| {
            let mut rejected: Vec<_> = report.rejected.iter().collect();
            rejected.sort_by_key(|rejected| rejected.place.row);
            rejected
                .into_iter()
                .map(|rejected| (file.as_ref(), rejected))
        })
        .collect();
    let texts = |text: &dyn Fn(&StagedFile, &Rejected) -> Option<String>| {
        let texts = all.iter().map(|(file, rejected)| text(file, rejected));
        Arc::new(StringArray::from_iter(texts)) as ArrayRef
    };
    let numbers = |number: &dyn Fn(&Rejected) -> Option<u64>| {
        let numbers = all
            .iter()
            .map(|(_, rejected)| number(rejected).and_then(|number| i64::try_from(number).ok()));
        Arc::new(Int64Array::from_iter(numbers)) as ArrayRef
    };
    let parsing = |rejected: &Rejected| rejected.column.is_none();
    rows([
        ("ERROR", texts(&|_, rejected| Some(rejected.reason.clone()))),
        ("FILE", texts(&|file, _| Some(file.name.clone()))),
        ("LINE", numbers(&|rejected| Some(rejected.place.line))),
        ("CHARACTER", numbers(&|rejected| rejected.character)),
        (
            "BYTE_OFFSET",
            numbers(&|rejected| Some(rejected.place.byte)),
        ),
        (
            "CATEGORY",
            texts(&|_, rejected| {
                Some(
                    if parsing(rejected) {
                        "parsing"
                    } else {
                        "conversion"
                    }
                    .to_owned(),
                )
            }),
        ),
        ("CODE", texts(&|_, _| Some(codes::E1301.id.to_owned()))),
        ("SQL_STATE", texts(&|_, _| Some("22000".to_owned()))),
        ("COLUMN_NAME", texts(&|_, rejected| rejected.column.clone())),
        ("ROW_NUMBER", numbers(&|rejected| Some(rejected.place.row))),
        (
            "ROW_START_LINE",
            numbers(&|rejected| Some(rejected.place.line)),
        ),
        (
            "REJECTED_RECORD",
            texts(&|_, rejected| Some(rejected.record.clone())),
        ),
    ])
}

/// The line that says that there was nothing to do.
pub(super) fn nothing() -> Result<Outcome> {
    let text = "Copy executed with 0 files processed.";
    rows([(
        "status",
        Arc::new(StringArray::from(vec![text])) as ArrayRef,
    )])
}

fn rows<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<Outcome> {
    let columns = columns.map(|(name, values)| (name, values, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)
        .explain(codes::X0001, || "A report cannot be built".to_owned())?;
    Ok(Outcome::Rows(Rows {
        schema: batch.schema(),
        batches: futures::stream::iter([Ok(batch)]).boxed(),
    }))
}
