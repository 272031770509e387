//! Which Arrow types a table stores, and what others become on their way in.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use diagnostic::{Error, Result, codes};
use serde_json::{Value, json};

/// The metadata key under which a stored column keeps its type where files have another
/// (`docs/decisions/0008-carriers-of-logical-types.md`).
pub const LOGICAL_TYPE: &str = "sluice.type";

/// The logical types that travel in an Arrow type of their own, with what files hold.
static CARRIERS: LazyLock<[(&str, DataType, DataType); 6]> = LazyLock::new(|| {
    [
        ("GEOGRAPHY", DataType::LargeBinary, DataType::Binary),
        // Of those that share a carrier, the first is what a value is if nothing says more.
        ("VARIANT", DataType::LargeUtf8, DataType::Utf8),
        ("OBJECT", DataType::LargeUtf8, DataType::Utf8),
        ("ARRAY", DataType::LargeUtf8, DataType::Utf8),
        // Delta has no time of day.
        (
            "TIME",
            DataType::Time64(TimeUnit::Nanosecond),
            DataType::Utf8,
        ),
        ("TIMESTAMP_TZ", timestamp_tz(), timestamp_tz()),
    ]
});

/// What carries TIMESTAMP_TZ, here and in files: an instant and minutes east of UTC.
#[must_use]
pub fn timestamp_tz() -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new(
            "instant",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
        Field::new("offset_minutes", DataType::Int16, true),
    ]))
}

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
        DataType::Time32(_) | DataType::Time64(_) => DataType::Utf8,
        zoned if *zoned == timestamp_tz() => timestamp_tz(),
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
            Ok(stored.with_metadata(stored_metadata(field)))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The field's metadata with its logical type, or without one that it has no longer.
fn stored_metadata(field: &Field) -> HashMap<String, String> {
    let mut metadata = field.metadata().clone();
    let carried: Vec<&str> = CARRIERS
        .iter()
        .filter(|(_, carrier, _)| carrier == field.data_type())
        .map(|(name, ..)| *name)
        .collect();
    match carried.first() {
        Some(name) => {
            let known = metadata.get(LOGICAL_TYPE).map(String::as_str);
            if !known.is_some_and(|known| carried.contains(&known)) {
                metadata.insert(LOGICAL_TYPE.to_owned(), (*name).to_owned());
            }
        }
        None => {
            let lost = |name: &String| CARRIERS.iter().any(|(known, ..)| known == name);
            if metadata.get(LOGICAL_TYPE).is_some_and(lost) {
                metadata.remove(LOGICAL_TYPE);
            }
        }
    }
    metadata
}

/// `column` as files have it, if its parts are narrower there than a format's own types are.
pub(crate) fn carrier_of_struct(column: Field) -> Field {
    let zoned = column
        .metadata()
        .get(LOGICAL_TYPE)
        .is_some_and(|name| name == "TIMESTAMP_TZ");
    match column.data_type() {
        DataType::Struct(_) if zoned => column.with_data_type(timestamp_tz()),
        _ => column,
    }
}

/// The type in which a stored column's values travel: files do not tell GEOGRAPHY from BINARY.
#[must_use]
pub fn carrier(stored: &Field) -> DataType {
    let name = stored.metadata().get(LOGICAL_TYPE);
    CARRIERS
        .iter()
        .find(|(known, _, storage)| {
            name.is_some_and(|name| name == known) && storage == stored.data_type()
        })
        .map_or_else(
            || stored.data_type().clone(),
            |(_, carrier, _)| carrier.clone(),
        )
}

/// The schema in Delta's JSON form (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format>).
///
/// # Errors
/// `K3005` if a column cannot be stored.
pub(crate) fn delta_schema(schema: &Schema) -> Result<Value> {
    check_names(schema)?;
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

/// Names of columns are unique whatever their case
/// (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format>): readers refuse a table
/// with others.
fn check_names(schema: &Schema) -> Result<()> {
    let mut seen = HashMap::new();
    for field in schema.fields() {
        let name = field.name().as_str();
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            return Err(Error::new(
                codes::K3005,
                format!("Columns `{other}` and `{name}` differ in case alone, which a table cannot store"),
            )
            .help("give one of them another name"));
        }
    }
    Ok(())
}

fn delta_type(name: &str, kind: &DataType) -> Result<Value> {
    Ok(match kind {
        DataType::Utf8 => json!("string"),
        DataType::Binary => json!("binary"),
        DataType::Boolean => json!("boolean"),
        DataType::Int64 => json!("long"),
        DataType::Int32 => json!("integer"),
        DataType::Int16 => json!("short"),
        DataType::Float64 => json!("double"),
        DataType::Decimal128(precision, scale) => json!(format!("decimal({precision},{scale})")),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => json!("timestamp_ntz"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => json!("timestamp"),
        DataType::Struct(fields) => delta_schema(&Schema::new(fields.clone()))?,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::{LOGICAL_TYPE, carrier, storable_schema, timestamp_tz};

    #[test]
    fn semi_structured_columns_are_stored_as_text_and_keep_their_names() {
        let array = HashMap::from([(LOGICAL_TYPE.to_owned(), "ARRAY".to_owned())]);
        let columns = Schema::new(vec![
            Field::new("V", DataType::LargeUtf8, true),
            Field::new("A", DataType::LargeUtf8, true).with_metadata(array.clone()),
            // Text that was taken out of an array is text.
            Field::new("T", DataType::Utf8, true).with_metadata(array),
        ]);
        let stored = storable_schema(&columns).unwrap();
        let found: Vec<_> = stored
            .fields()
            .iter()
            .map(|field| (field.metadata().get(LOGICAL_TYPE).cloned(), carrier(field)))
            .collect();
        assert_eq!(
            found,
            [
                (Some("VARIANT".to_owned()), DataType::LargeUtf8),
                (Some("ARRAY".to_owned()), DataType::LargeUtf8),
                (None, DataType::Utf8),
            ]
        );
    }

    #[test]
    fn times_and_zoned_timestamps_come_back() {
        let time = DataType::Time64(arrow::datatypes::TimeUnit::Nanosecond);
        let columns = Schema::new(vec![
            Field::new("T", time.clone(), true),
            Field::new("Z", timestamp_tz(), true),
        ]);
        let stored = storable_schema(&columns).unwrap();
        assert_eq!(*stored.field(0).data_type(), DataType::Utf8);
        assert_eq!(carrier(stored.field(0)), time);
        assert_eq!(carrier(stored.field(1)), timestamp_tz());
        let schema = super::delta_schema(&stored).unwrap();
        assert_eq!(
            schema["fields"][1]["type"]["fields"][0]["type"],
            "timestamp"
        );
    }

    #[test]
    fn geography_is_stored_as_bytes_and_comes_back() {
        let columns = Schema::new(vec![
            Field::new("G", DataType::LargeBinary, true),
            Field::new("B", DataType::Binary, true),
        ]);
        let stored = storable_schema(&columns).unwrap();
        assert_eq!(*stored.field(0).data_type(), DataType::Binary);
        assert_eq!(carrier(stored.field(0)), DataType::LargeBinary);
        assert_eq!(carrier(stored.field(1)), DataType::Binary);
        // Bytes that were taken out of GEOGRAPHY are bytes.
        let bytes = stored.field(0).clone().with_data_type(DataType::Binary);
        let again = storable_schema(&Schema::new(vec![bytes])).unwrap();
        assert_eq!(carrier(again.field(0)), DataType::Binary);
    }
}
