//! Values leave the warehouse as the session shows them: timestamps with a zone in the session's, and text
//! where the session has a format or no Arrow type shows the value.
//! <https://docs.snowflake.com/en/sql-reference/parameters#timezone>. Inside they are moments in UTC.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use diagnostic::{Result, ResultExt, codes};
use engine::{Outcome, Rows, Session};
use functions::{Parameters, is_shown_as_text, shown_as_text};
use futures::StreamExt as _;

use crate::parameters;

/// `outcome` as `session` shows it.
pub(crate) fn told(session: &Session, outcome: Outcome) -> Outcome {
    let Outcome::Rows(rows) = outcome else {
        return outcome;
    };
    let parameters = parameters::of(session);
    let fields: Vec<Arc<Field>> = rows
        .schema
        .fields()
        .iter()
        .map(|field| match shown_type(field.data_type(), &parameters) {
            kind if kind == *field.data_type() => Arc::clone(field),
            kind => Arc::new(field.as_ref().clone().with_data_type(kind)),
        })
        .collect();
    if fields.as_slice() == rows.schema.fields().as_ref() {
        return Outcome::Rows(rows);
    }
    let metadata = rows.schema.metadata().clone();
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, metadata));
    let out = Arc::clone(&schema);
    let batches = rows
        .batches
        .map(move |batch| moved(&batch?, &out, &parameters))
        .boxed();
    Outcome::Rows(Rows { schema, batches })
}

fn shown_type(kind: &DataType, parameters: &Parameters) -> DataType {
    match kind {
        kind if is_shown_as_text(kind, parameters) => DataType::Utf8,
        DataType::Timestamp(unit, Some(_)) => {
            DataType::Timestamp(*unit, Some(parameters.timezone.name().into()))
        }
        other => other.clone(),
    }
}

fn moved(batch: &RecordBatch, schema: &SchemaRef, parameters: &Parameters) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Result<Vec<ArrayRef>> = columns
        .map(|(column, field)| {
            let wrong = || format!("Column `{}` cannot be shown", field.name());
            if column.data_type() == field.data_type() {
                return Ok(Arc::clone(column));
            }
            match field.data_type() {
                DataType::Utf8 => shown_as_text(column, parameters).explain(codes::X0001, wrong),
                kind => cast(column, kind).explain(codes::X0001, wrong),
            }
        })
        .collect();
    RecordBatch::try_new(Arc::clone(schema), columns?)
        .explain(codes::X0001, || "A result cannot be shown".to_owned())
}
