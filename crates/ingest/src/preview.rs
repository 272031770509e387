//! [`preview`]: what a load would make of one file, without loading it.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Utc};
use connectors::files::{PathValues, Place};
use diagnostic::{Result, ResultExt, codes};
use settings::{DatasetSpec, StreamSpec};

use crate::contract::{Contract, FileColumns, Judged, Verdict};
use crate::incoming::{file_format, patterns};
use crate::survey::{Input, Part, open};

/// A file to look at.
pub struct PreviewRequest<'r> {
    /// The contract.
    pub dataset: &'r DatasetSpec,
    /// The stream it would belong to.
    pub stream: &'r StreamSpec,
    /// Where its bytes are.
    pub path: &'r Path,
    /// The name it would have.
    pub name: &'r str,
    /// What rules call the current instant.
    pub clock: DateTime<Utc>,
    /// How many rows to show, and how many of those that would be set aside.
    pub limit: usize,
}

/// What a load would make of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// The contract's columns, with their types.
    pub columns: Vec<(String, String)>,
    /// The first rows.
    pub rows: Vec<PreviewRow>,
    /// The first rows that would be set aside.
    pub broken: Vec<PreviewRow>,
    /// Rows in all.
    pub total: u64,
    /// Rows that keep the contract.
    pub valid: u64,
    /// Rows that would be dropped.
    pub discarded: u64,
    /// Rows that would go to quarantine, by rule.
    pub quarantined: BTreeMap<String, u64>,
    /// What else is worth saying, in sentences.
    pub notices: Vec<String>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewRow {
    /// Its line in the file.
    pub line: u64,
    /// Its values in silver, as text; `None` is NULL.
    pub values: Vec<Option<String>>,
    /// Why it would be set aside.
    pub reason: Option<String>,
}

/// Reads all of a file and tells what a load would make of it. Blocks.
///
/// # Errors
/// What would have the file rejected.
pub fn preview(request: &PreviewRequest<'_>) -> Result<Preview> {
    let contract = Contract::compile(request.dataset, &request.stream.format, request.clock)?;
    let format = file_format(request.stream, &contract.header_names());
    let input = Input {
        name: request.name.to_owned(),
        place: Place::file(request.path),
        values: PathValues::new(&patterns(request.stream))?.of(request.name),
        batch: String::new(),
        content: String::new(),
        part: Part::default(),
        group: String::new(),
    };
    let (mut reader, mut file) = open(&contract, &input, &format)?;
    let all: Vec<usize> = (0..contract.columns.len()).collect();
    let columns = request.dataset.columns.iter();
    let mut preview = Preview {
        columns: columns
            .map(|column| (column.name.value.clone(), column.kind.to_string()))
            .collect(),
        ..Preview::default()
    };
    while reader.next()? {
        let records = reader.lend();
        file.look(&contract, reader.header(), &records)?;
        let judged = contract.judge(&records, &file, &all)?;
        for (at, verdict) in judged.verdicts.iter().enumerate() {
            let is_first = preview.rows.len() < request.limit;
            let rule = contract.rule_name(*verdict, &file);
            let is_broken = rule.is_some() && preview.broken.len() < request.limit;
            if is_first || is_broken {
                let line = records.records().get(at).map_or(0, |record| record.line);
                let row = PreviewRow {
                    line,
                    values: values(&judged, at)?,
                    reason: rule
                        .is_some()
                        .then(|| contract.reason(&records, &file, &judged, at)),
                };
                if is_broken {
                    preview.broken.push(row.clone());
                }
                if is_first {
                    preview.rows.push(row);
                }
            }
            count(&mut preview, *verdict, &contract, &file);
        }
    }
    file.finish(&contract, preview.total)?;
    preview.notices = file.notices;
    Ok(preview)
}

fn count(preview: &mut Preview, verdict: Verdict, contract: &Contract, file: &FileColumns) {
    preview.total += 1;
    match (verdict, contract.rule_name(verdict, file)) {
        (_, Some(rule)) => *preview.quarantined.entry(rule.into_owned()).or_default() += 1,
        (Verdict::Valid, None) => preview.valid += 1,
        (_, None) => preview.discarded += 1,
    }
}

fn values(judged: &Judged, row: usize) -> Result<Vec<Option<String>>> {
    let arrays = judged.typed.iter();
    arrays
        .map(|array| match array {
            Some(array) if array.is_valid(row) => text(array, row).map(Some),
            _ => Ok(None),
        })
        .collect()
}

fn text(array: &ArrayRef, row: usize) -> Result<String> {
    let wrong = || "A value cannot be shown".to_owned();
    let shown = |array: &dyn Array| -> Result<String> {
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(array, &options).explain(codes::X0001, wrong)?;
        Ok(formatter.value(row).to_string())
    };
    match array.data_type() {
        // An instant and minutes east of UTC.
        DataType::Struct(_) => {
            let parts = array.as_struct();
            let minutes: i64 = shown(parts.column(1))?
                .parse()
                .explain(codes::X0001, wrong)?;
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
            let instant = shown(parts.column(0))?;
            Ok(format!("{instant} ({sign}{hours:02}:{minutes:02})"))
        }
        _ => shown(array.as_ref()),
    }
}
