//! Timestamps with a zone leave the warehouse in the session's, as Snowflake shows them:
//! <https://docs.snowflake.com/en/sql-reference/parameters#timezone>. Inside they are moments in UTC.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use diagnostic::{Result, ResultExt, codes};
use engine::{Outcome, Rows, Session};
use futures::StreamExt as _;

use crate::parameters;

/// `outcome` with its moments told in the zone of `session`.
pub(crate) fn told(session: &Session, outcome: Outcome) -> Outcome {
    let Outcome::Rows(rows) = outcome else {
        return outcome;
    };
    let zone = parameters::of(session).timezone.name();
    let is_moment =
        |field: &Arc<Field>| matches!(field.data_type(), DataType::Timestamp(_, Some(_)));
    if zone == "UTC" || !rows.schema.fields().iter().any(is_moment) {
        return Outcome::Rows(rows);
    }
    let fields = rows
        .schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let kind = DataType::Timestamp(*unit, Some(zone.into()));
                Arc::new(field.as_ref().clone().with_data_type(kind))
            }
            _ => Arc::clone(field),
        });
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        rows.schema.metadata().clone(),
    ));
    let out = Arc::clone(&schema);
    let batches = rows.batches.map(move |batch| moved(&batch?, &out)).boxed();
    Outcome::Rows(Rows { schema, batches })
}

fn moved(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: std::result::Result<Vec<_>, _> = columns
        .map(|(column, field)| match field.data_type() {
            kind @ DataType::Timestamp(_, Some(_)) => cast(column, kind),
            _ => Ok(Arc::clone(column)),
        })
        .collect();
    columns
        .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns))
        .explain(codes::X0001, || {
            "Timestamps cannot be told in the session's zone".to_owned()
        })
}
