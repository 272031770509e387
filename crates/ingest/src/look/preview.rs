//! [`preview`]: the first rows of a stream as a contract reads them, with what would be quarantined and why.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, ResultExt, codes};
use settings::{DatasetSpec, StreamSpec};

use super::{ListedFile, list};
use crate::contract::{Contract, Verdict};
use crate::incoming::{Origin, file_format, patterns};
use crate::survey::{Input, Part, open};

/// The first rows of a stream.
#[derive(Debug)]
pub struct Preview {
    /// The contract's columns, then `_FILE`, `_LINE`, `_RULE` and `_REASON`.
    pub schema: SchemaRef,
    /// The rows: values that cannot be read are NULL.
    pub batches: Vec<RecordBatch>,
    /// Rows looked at.
    pub rows: u64,
    /// Rows of those that would go to quarantine.
    pub quarantined: u64,
    /// Rows of those that would be dropped.
    pub discarded: u64,
    /// Files that would be refused, and why.
    pub refused: Vec<(String, Error)>,
    /// Changes of shape that the contract allows, in sentences.
    pub notices: Vec<String>,
}

/// The first `limit` rows of `stream`, which lies at `origin`, as `dataset` reads them; only of files whose path is
/// `only`, if that is given. Objects are copied to `spill` meanwhile.
///
/// # Errors
/// `L2001` to `L2004` if the contract does not make sense, and what listing the files says.
pub fn preview(
    dataset: &DatasetSpec,
    stream: &StreamSpec,
    origin: &Origin,
    (limit, only): (usize, Option<&str>),
    clock: DateTime<Utc>,
    spill: &Path,
) -> Result<Preview> {
    let contract = Contract::compile(dataset, &stream.format, clock)?;
    let mut fields: Vec<Field> = contract
        .columns
        .iter()
        .map(|column| column.field())
        .collect();
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    fields.push(text("_FILE"));
    fields.push(Field::new("_LINE", DataType::Int64, true));
    fields.extend(["_RULE", "_REASON"].map(text));
    let mut preview = Preview {
        schema: Arc::new(Schema::new(fields)),
        batches: Vec::new(),
        rows: 0,
        quarantined: 0,
        discarded: 0,
        refused: Vec::new(),
        notices: Vec::new(),
    };
    let mut left = limit;
    for file in list(origin, &patterns(stream))? {
        if left == 0 {
            break;
        }
        if only.is_some_and(|only| only != file.name) {
            continue;
        }
        match preview.read(&contract, stream, origin, &file, left, spill) {
            Ok(rows) => left -= rows,
            Err(error) => preview.refused.push((file.name, error)),
        }
    }
    Ok(preview)
}

impl Preview {
    fn read(
        &mut self,
        contract: &Contract,
        stream: &StreamSpec,
        origin: &Origin,
        file: &ListedFile,
        limit: usize,
        spill: &Path,
    ) -> Result<usize> {
        let opened = file.open(origin, spill)?;
        let format = file_format(stream, &contract.header_names());
        let input = Input {
            name: file.name.clone(),
            place: opened.place.clone(),
            values: file.values.clone(),
            batch: String::new(),
            content: String::new(),
            part: Part::All,
            group: String::new(),
        };
        let (mut reader, mut columns) = open(contract, &input, &format)?;
        let all: Vec<usize> = (0..contract.columns.len()).collect();
        let mut rows = 0;
        while rows < limit && reader.next()? {
            let records = reader.lend();
            columns.look(contract, reader.header(), &records)?;
            let judged = contract.judge(&records, &columns, &all)?;
            let count = records.len().min(limit - rows);
            let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
            for typed in &judged.typed {
                let typed = typed.as_ref().ok_or_else(|| {
                    Error::new(codes::X0001, "A column of a preview was not read")
                })?;
                arrays.push(typed.slice(0, count));
            }
            let verdicts = judged.verdicts.iter().take(count);
            let mut rules = Vec::with_capacity(count);
            let mut reasons = Vec::with_capacity(count);
            for (record, verdict) in verdicts.enumerate() {
                let rule = match verdict {
                    Verdict::Discarded => {
                        self.discarded += 1;
                        Some("discard_row".into())
                    }
                    verdict => contract.rule_name(*verdict, &columns),
                };
                let quarantined = rule.is_some() && *verdict != Verdict::Discarded;
                self.quarantined += u64::from(quarantined);
                rules.push(rule.map(std::borrow::Cow::into_owned));
                reasons.push(
                    quarantined.then(|| contract.reason(&records, &columns, &judged, record)),
                );
            }
            let lines = records.records().iter().take(count);
            let lines = lines.map(|record| record.line.cast_signed());
            let names = std::iter::repeat_n(file.name.as_str(), count);
            arrays.push(Arc::new(StringArray::from_iter_values(names)));
            arrays.push(Arc::new(Int64Array::from_iter_values(lines)));
            arrays.push(Arc::new(StringArray::from(rules)));
            arrays.push(Arc::new(StringArray::from(reasons)));
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
            self.batches.push(batch.explain(codes::X0001, || {
                "The rows of a preview do not have its columns".to_owned()
            })?);
            rows += count;
            self.rows += count as u64;
        }
        self.notices.append(&mut columns.notices);
        Ok(rows)
    }
}
