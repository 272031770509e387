//! Which Arrow types a table stores, and what others become on their way in.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use diagnostic::{Error, Result, codes};
use serde_json::{Value, json};

/// The type a column of type `from` is stored as. Nothing is narrowed: what does not fit, widens.
///
/// # Errors
/// `K3005` if there is none.
pub fn storable(name: &str, from: &DataType) -> Result<DataType> {
    let to = match from {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            DataType::Utf8
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Boolean => DataType::Boolean,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        // DataFusion counts rows in it; a value beyond 2^63 fails to be written, it does not wrap.
        | DataType::UInt64 => DataType::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s)
            if *s >= 0 =>
        {
            DataType::Decimal128(*p, *s)
        }
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        DataType::Dictionary(_, values) => storable(name, values)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            let item = Field::new("element", storable(name, item.data_type())?, true);
            DataType::List(Arc::new(item))
        }
        other => {
            return Err(Error::new(
                codes::K3005,
                format!("Column `{name}` has type {other}, which a table cannot store"),
            )
            .help("cast the column, for example `::varchar`"));
        }
    };
    Ok(to)
}

/// The columns of `from` as a table stores them, all nullable.
///
/// # Errors
/// `K3005` if a column cannot be stored.
pub fn storable_schema(from: &Schema) -> Result<SchemaRef> {
    let fields = from
        .fields()
        .iter()
        .map(|field| {
            let stored = Field::new(
                field.name(),
                storable(field.name(), field.data_type())?,
                true,
            );
            Ok(stored.with_metadata(field.metadata().clone()))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The schema in Delta's JSON form (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format>).
pub(crate) fn delta_schema(schema: &Schema) -> Result<Value> {
    let fields = schema
        .fields()
        .iter()
        .map(|field| {
            Ok(json!({
                "name": field.name(),
                "type": delta_type(field.name(), field.data_type())?,
                "nullable": field.is_nullable(),
                "metadata": field.metadata(),
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(json!({"type": "struct", "fields": fields}))
}

fn delta_type(name: &str, kind: &DataType) -> Result<Value> {
    Ok(match kind {
        DataType::Utf8 => json!("string"),
        DataType::Binary => json!("binary"),
        DataType::Boolean => json!("boolean"),
        DataType::Int64 => json!("long"),
        DataType::Int32 => json!("integer"),
        DataType::Float64 => json!("double"),
        DataType::Decimal128(precision, scale) => json!(format!("decimal({precision},{scale})")),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => json!("timestamp_ntz"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => json!("timestamp"),
        DataType::List(item) => json!({
            "type": "array",
            "elementType": delta_type(name, item.data_type())?,
            "containsNull": true,
        }),
        other => {
            return Err(Error::new(
                codes::K3005,
                format!("Column `{name}` has type {other}, which a table cannot store"),
            ));
        }
    })
}
